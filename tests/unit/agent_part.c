/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part `agent`, the real executable, with this program as its core: what it
 * asks, what it does with the answers, and what ends it.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/wire.h"

#define WAIT_US (60 * CLOCK_SECOND)

struct brain {
	pid_t pid;
	int core;
	char body[65536]; /* of what it asked last */
};

static const char *agent_path;

/* --- the scripted core ------------------------------------------------------
 */

static int
set_up(void **state)
{
	struct brain *b = calloc(1, sizeof(*b));
	int ends[2];
	struct err e;

	assert_non_null(b);
	assert_int_equal(wire_pair(ends, &e), 0);
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0) {
		(void)dup2(ends[1], 3);
		(void)close_range(4, ~0U, 0);
		(void)execl(agent_path, "agent", (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	b->core = ends[0];
	*state = b;
	return 0;
}

/* Its exit status, or 1000 + the signal. */
static int
end_of(struct brain *b)
{
	int status;

	assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
	b->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status)
	                         : 1000 + WTERMSIG(status);
}

static int
tear_down(void **state)
{
	struct brain *b = *state;

	(void)close(b->core);
	if (b->pid) {
		assert_int_equal(end_of(b), 0);
	}
	free(b);
	return 0;
}

static void
send_body(
    struct brain *b, enum wire_type type, const void *record, const char *text)
{
	struct err e;
	int fd = memfd_sealed("body", str_of(text), &e);

	assert_true(fd >= 0);
	assert_int_equal(wire_send_now(b->core, type, record, &fd, 1, &e), 0);
}

static void
begin(struct brain *b, const char *text)
{
	struct wire_run_begin record = { .agent = 1 };

	send_body(b, WIRE_RUN_BEGIN, &record, text);
}

static void
go(struct brain *b)
{
	struct wire_run_go record = { .agent = 1 };
	struct err e;

	assert_int_equal(
	    wire_send_now(b->core, WIRE_RUN_GO, &record, NULL, 0, &e), 0);
}

static void
answer(struct brain *b, uint32_t ordinal, enum wire_call_end end,
    const char *tool, const char *text)
{
	struct wire_call_result record = { .ordinal = ordinal, .end = end };

	assert_true(str_copy(record.tool, sizeof(record.tool), str_of(tool)));
	send_body(b, WIRE_CALL_RESULT, &record, text);
}

static void
take(struct brain *b, enum wire_type type, void *record)
{
	struct wire_fds fds = { 0 };
	auto_buf body = { 0 };
	struct err e = { 0 };

	if (wire_take_now(b->core, type, WAIT_US, record, &fds, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(fds.count, 1);
	assert_int_equal(memfd_read(fds.at[0], 1 << 20, &body, &e), 0);
	assert_true(str_copy(b->body, sizeof(b->body), buf_str(&body)));
	(void)close(fds.at[0]);
}

static void
asks_call(struct brain *b, uint32_t ordinal, const char *tool, const char *args)
{
	struct wire_call_ask ask;

	take(b, WIRE_CALL_ASK, &ask);
	assert_string_equal(ask.tool, tool);
	assert_int_equal(ask.ordinal, ordinal);
	assert_string_equal(b->body, args);
}

static void
is_silent(struct brain *b)
{
	struct pollfd p = { b->core, POLLIN, 0 };

	assert_int_equal(poll(&p, 1, 100), 0);
}

/* --- tests ------------------------------------------------------------------
 */

#define RUNBOOK(steps)                                                      \
	"{\"run\":\"r1\",\"task\":{\"subject\":\"x\"},\"type\":\"t\","      \
	"\"identity\":\"i\",\"brain\":\"runbook\",\"runbook\":[" steps "]," \
	"\"tools\":[],\"budget\":{\"turns\":1,\"calls\":9}}"

static const char clone_and_push[] = RUNBOOK(
    "{\"id\":\"clone\",\"tool\":\"git_clone\",\"args\":{\"url\":\"u\"}},"
    "{\"id\":\"test\",\"tool\":\"shell\",\"args\":{\"command\":"
    "\"cd ${clone.path} && make\"},\"on_error\":\"continue\"},"
    "{\"id\":\"push\",\"tool\":\"git_push\",\"args\":{\"commit\":"
    "\"${clone.head.commit}\",\"exit\":\"${test.exit}\"},"
    "\"on_error\":\"retry\"},"
    "{\"id\":\"end\",\"tool\":\"finish\",\"args\":{\"n\":\"${push.n}\"}}");

static void
a_runbook_runs_with_references_and_on_error(void **state)
{
	struct brain *b = *state;

	begin(b, clone_and_push);
	is_silent(b);
	go(b);
	asks_call(b, 1, "git_clone", "{\"url\":\"u\"}");
	answer(b, 1, WIRE_CALL_OK, "git_clone",
	    "{\"path\":\"/work/r\",\"head\":{\"commit\":\"abc\"}}");
	asks_call(b, 2, "shell", "{\"command\":\"cd /work/r && make\"}");
	answer(b, 2, WIRE_CALL_FAILED, "shell", "{\"exit\":2}");
	asks_call(b, 3, "git_push", "{\"commit\":\"abc\",\"exit\":2}");
	answer(b, 3, WIRE_CALL_FAILED, "git_push", "{\"error\":\"timeout\"}");
	asks_call(b, 4, "git_push", "{\"commit\":\"abc\",\"exit\":2}");
	answer(b, 4, WIRE_CALL_OK, "git_push", "{\"n\":7}");
	asks_call(b, 5, "finish", "{\"n\":7}");
	answer(b, 5, WIRE_CALL_OK, "finish", "{\"n\":7}");
	is_silent(b);
}

static void
what_the_book_holds_is_not_asked_again(void **state)
{
	struct brain *b = *state;

	begin(b, clone_and_push);
	answer(b, 1, WIRE_CALL_OK, "git_clone",
	    "{\"path\":\"/work/r\",\"head\":{\"commit\":\"abc\"}}");
	answer(b, 2, WIRE_CALL_OK, "shell", "{\"exit\":0}");
	is_silent(b);
	go(b);
	asks_call(b, 3, "git_push", "{\"commit\":\"abc\",\"exit\":0}");
}

static void
a_step_that_fails_with_stop_ends_the_run(void **state)
{
	struct brain *b = *state;
	struct wire_run_done done;

	begin(b, clone_and_push);
	go(b);
	asks_call(b, 1, "git_clone", "{\"url\":\"u\"}");
	answer(b, 1, WIRE_CALL_DENIED, "git_clone",
	    "{\"error\":\"denied\",\"message\":\"no rule\"}");
	take(b, WIRE_RUN_DONE, &done);
	assert_int_equal(done.end, WIRE_RUN_FAIL);
	assert_string_equal(b->body, "{\"error_type\":\"denied\",\"message\":"
	                             "\"step \\\"clone\\\" (git_clone) "
	                             "was denied: denied: no rule\"}");
}

/* Its push has failed so often. */
static void
begin_with_failures(struct brain *b, uint32_t count)
{
	begin(b, clone_and_push);
	answer(b, 1, WIRE_CALL_OK, "git_clone",
	    "{\"path\":\"/work/r\",\"head\":{\"commit\":\"abc\"}}");
	answer(b, 2, WIRE_CALL_OK, "shell", "{\"exit\":0}");
	for (uint32_t i = 0; i < count; i++) {
		answer(b, 3 + i, WIRE_CALL_FAILED, "git_push", "{}");
	}
}

static void
a_failed_step_is_asked_for_again_after_a_pause(void **state)
{
	struct brain *b = *state;

	begin_with_failures(b, 0);
	go(b);
	asks_call(b, 3, "git_push", "{\"commit\":\"abc\",\"exit\":0}");
	struct mono before = mono_now();

	answer(b, 3, WIRE_CALL_FAILED, "git_push", "{}");
	asks_call(b, 4, "git_push", "{\"commit\":\"abc\",\"exit\":0}");
	assert_true(mono_now().us - before.us >= CLOCK_SECOND / 2);
}

/* What a person said yes to is not kept waiting.  A pause behind two failures
 * is two seconds at least, on any machine: one beginning that is over before
 * shows that there is none, and a slow one shows nothing. */
static void
a_run_that_begins_again_does_not_pause(void **state)
{
	int64_t pause = 2 * CLOCK_SECOND;
	int64_t took = pause;

	(void)state;
	for (size_t n = 0; n < 20 && took >= pause; n++) {
		struct brain *again;

		assert_int_equal(set_up((void **)&again), 0);
		begin_with_failures(again, 2);
		struct mono before = mono_now();

		go(again);
		asks_call(
		    again, 5, "git_push", "{\"commit\":\"abc\",\"exit\":0}");
		took = mono_now().us - before.us;
		assert_int_equal(tear_down((void **)&again), 0);
	}
	assert_true(took < pause);
}

static void
has_no_power_left(void **state)
{
	struct brain *b = *state;
	auto_buf path = { 0 };
	auto_buf text = { 0 };
	struct err e;

#ifdef HANDRAIL_NO_JAIL
	print_message("# no filters in a sanitizer build\n");
	skip();
#endif
	begin(b, clone_and_push);
	go(b);
	asks_call(b, 1, "git_clone", "{\"url\":\"u\"}");
	buf_addf(&path, "/proc/%d/status", b->pid);
	assert_int_equal(file_read(buf_z(&path), 65536, &text, &e), 0);
	assert_non_null(strstr(buf_z(&text), "Seccomp:\t2"));
	assert_non_null(strstr(buf_z(&text), "NoNewPrivs:\t1"));
	assert_non_null(strstr(buf_z(&text), "CapEff:\t0000000000000000"));
	assert_non_null(strstr(buf_z(&text), "Threads:\t1\n"));
}

static void
answer_model(struct brain *b, uint32_t turn, uint32_t status, const char *text)
{
	struct wire_model_reply record = {
		.turn = turn,
		.ok = 1,
		.status = status,
	};

	send_body(b, WIRE_MODEL_REPLY, &record, text);
}

static void
asks_model(struct brain *b, uint32_t turn, const char *words)
{
	struct wire_model_ask ask;

	take(b, WIRE_MODEL_ASK, &ask);
	assert_int_equal(ask.turn, turn);
	assert_non_null(strstr(b->body, words));
}

static const char decide[] =
    "{\"run\":\"r1\",\"task\":{\"subject\":\"x\"},\"type\":\"t\","
    "\"identity\":\"i\",\"brain\":\"model\",\"model\":\"m\","
    "\"max_tokens\":9,\"tools\":[],\"budget\":{}}";

#define CALL(name, args)                                              \
	"{\"choices\":[{\"message\":{\"tool_calls\":[{\"function\":{" \
	"\"name\":\"" name "\",\"arguments\":\"" args "\"}}]}}]}"

static void
a_models_transcript_runs_to_its_finish(void **state)
{
	struct brain *b = *state;
	struct wire_model_reply lost = {
		.turn = 1,
		.kind = ERR_UNAVAILABLE,
		.text = "no route",
	};
	struct err e;

	begin(b, decide);
	assert_int_equal(
	    wire_send_now(b->core, WIRE_MODEL_REPLY, &lost, NULL, 0, &e), 0);
	answer_model(b, 2, 200, CALL("shell", "{\\\"command\\\":\\\"ls\\\"}"));
	is_silent(b);
	go(b);
	asks_call(b, 1, "shell", "{\"command\":\"ls\"}");
	answer(b, 1, WIRE_CALL_DENIED, "shell",
	    "{\"error\":\"denied\",\"message\":\"not today\"}");
	asks_model(b, 3, "not today");
	answer_model(b, 3, 200, CALL("finish", "{\\\"n\\\":1}"));
	asks_call(b, 2, "finish", "{\"n\":1}");
	answer(b, 2, WIRE_CALL_OK, "finish", "{\"n\":1}");
	is_silent(b);
}

static void
a_busy_model_is_asked_again_after_a_pause(void **state)
{
	struct brain *b = *state;

	begin(b, decide);
	go(b);
	asks_model(b, 1, "Task: x");
	struct mono before = mono_now();

	answer_model(b, 1, 429, "{\"error\":\"slow down\"}");
	asks_model(b, 2, "Task: x");
	assert_true(mono_now().us - before.us >= CLOCK_SECOND);
}

static void
a_model_that_refuses_ends_the_run_with_advice(void **state)
{
	struct brain *b = *state;
	struct wire_run_done done;

	begin(b, decide);
	go(b);
	asks_model(b, 1, "Task: x");
	answer_model(b, 1, 401, "{\"error\":\"bad key\"}");
	take(b, WIRE_RUN_DONE, &done);
	assert_int_equal(done.end, WIRE_RUN_FAIL);
	assert_non_null(strstr(b->body, "\"model_error\""));
	assert_non_null(strstr(b->body, "credential in the vault"));
}

static void
a_reply_with_an_unknown_kind_ends_it(void **state)
{
	struct brain *b = *state;
	struct wire_model_reply lost = { .turn = 1, .kind = 99 };
	struct err e;

	begin(b, decide);
	assert_int_equal(
	    wire_send_now(b->core, WIRE_MODEL_REPLY, &lost, NULL, 0, &e), 0);
	assert_int_equal(end_of(b), 1);
}

static void
a_reply_without_its_body_ends_it(void **state)
{
	struct brain *b = *state;
	struct wire_model_reply reply = { .turn = 1, .ok = 1, .status = 200 };
	struct err e;

	begin(b, decide);
	assert_int_equal(
	    wire_send_now(b->core, WIRE_MODEL_REPLY, &reply, NULL, 0, &e), 0);
	assert_int_equal(end_of(b), 1);
}

static void
a_body_that_is_not_sealed_ends_it(void **state)
{
	struct brain *b = *state;
	struct wire_run_begin record = { .agent = 1 };
	int ends[2];
	struct err e;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(
	    wire_send_now(b->core, WIRE_RUN_BEGIN, &record, ends, 1, &e), 0);
	(void)close(ends[1]);
	assert_int_equal(end_of(b), 1);
}

static void
a_second_beginning_ends_it(void **state)
{
	struct brain *b = *state;

	begin(b, decide);
	begin(b, decide);
	assert_int_equal(end_of(b), 1);
}

static void
a_record_that_is_no_record_ends_it(void **state)
{
	struct brain *b = *state;

	assert_int_equal(send(b->core, "nonsense", 8, 0), 8);
	assert_int_equal(end_of(b), 1);
}

static void
a_go_before_the_task_ends_it(void **state)
{
	struct brain *b = *state;

	go(b);
	assert_int_equal(end_of(b), 1);
}

static void
a_result_before_the_task_ends_it(void **state)
{
	struct brain *b = *state;

	answer(b, 1, WIRE_CALL_OK, "shell", "{}");
	assert_int_equal(end_of(b), 1);
}

static void
a_result_that_is_no_json_ends_it(void **state)
{
	struct brain *b = *state;

	begin(b, clone_and_push);
	answer(b, 1, WIRE_CALL_OK, "git_clone", "{\"path\":");
	assert_int_equal(end_of(b), 1);
}

static void
a_result_with_an_unknown_end_ends_it(void **state)
{
	struct brain *b = *state;

	begin(b, clone_and_push);
	answer(b, 1, (enum wire_call_end)9, "git_clone", "{}");
	assert_int_equal(end_of(b), 1);
}

static void
a_task_of_no_known_brain_ends_it(void **state)
{
	struct brain *b = *state;

	begin(b, "{\"brain\":\"none\"}");
	assert_int_equal(end_of(b), 1);
}

static void
an_event_that_it_never_asked_for_blocks_the_run(void **state)
{
	struct brain *b = *state;
	struct wire_run_done done;

	begin(b, clone_and_push);
	answer(b, 1, WIRE_CALL_OK, "shell", "{}");
	go(b);
	take(b, WIRE_RUN_DONE, &done);
	assert_int_equal(done.end, WIRE_RUN_BLOCK);
	assert_non_null(strstr(b->body, "\"agent_diverged\""));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_runbook_runs_with_references_and_on_error),
		TEST(what_the_book_holds_is_not_asked_again),
		TEST(a_step_that_fails_with_stop_ends_the_run),
		TEST(a_failed_step_is_asked_for_again_after_a_pause),
		TEST(a_run_that_begins_again_does_not_pause),
		TEST(has_no_power_left),
		TEST(a_models_transcript_runs_to_its_finish),
		TEST(a_busy_model_is_asked_again_after_a_pause),
		TEST(a_model_that_refuses_ends_the_run_with_advice),
		TEST(a_reply_with_an_unknown_kind_ends_it),
		TEST(a_reply_without_its_body_ends_it),
		TEST(a_body_that_is_not_sealed_ends_it),
		TEST(a_second_beginning_ends_it),
		TEST(a_record_that_is_no_record_ends_it),
		TEST(a_go_before_the_task_ends_it),
		TEST(a_result_before_the_task_ends_it),
		TEST(a_result_that_is_no_json_ends_it),
		TEST(a_result_with_an_unknown_end_ends_it),
		TEST(a_task_of_no_known_brain_ends_it),
		TEST(an_event_that_it_never_asked_for_blocks_the_run),
	};

	agent_path = getenv("HANDRAIL_AGENT"); /* NOLINT: one thread */
	if (!agent_path) {
		(void)fprintf(stderr, "HANDRAIL_AGENT names the part\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
