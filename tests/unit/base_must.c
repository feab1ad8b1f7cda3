/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

/* Runs `what` in a child; its standard error goes to *said. */
static int
run_child(void (*what)(void), struct buf *said)
{
	int ends[2];
	int status;
	struct err e = { 0 };

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(ends[1], STDERR_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		what();
		_exit(0);
	}
	(void)close(ends[1]);
	assert_int_equal(file_read_fd(ends[0], 1 << 20, said, &e), 0);
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
break_a_promise(void)
{
	must_set_part("vault");
	must_trace("opened row %d", 17);
	must(1 + 1 == 3);
}

static void
a_broken_promise_tells_its_story_and_aborts(void **state)
{
	auto_buf said = { 0 };

	(void)state;
	int status = run_child(break_a_promise, &said);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	struct str story = buf_str(&said);
	assert_true(str_starts(story, STR("vault: must(1 + 1 == 3) failed")));
	assert_true(str_has_str(story, STR("base_must.c:")));
	assert_true(str_has_str(story, STR("\n  opened row 17\n")));
}

static void
trace_words(void)
{
	must_trace_words("core", "->", "api", "ANSWER");
	must_trace("opened row %d", 17);
	must_trace_words("core", "<-", "api", "ASK");
	must_fail("end", "here.c", 1);
}

static void
words_are_lines_among_the_others(void **state)
{
	auto_buf said = { 0 };

	(void)state;
	assert_true(WIFSIGNALED(run_child(trace_words, &said)));
	assert_string_equal(buf_z(&said),
	    "handrail: must(end) failed at here.c:1\n"
	    "  core -> api ANSWER\n"
	    "  opened row 17\n"
	    "  core <- api ASK\n");
}

static void
trace_words_then_much(void)
{
	for (int i = 0; i < 64; i++) {
		must_trace_words("core", "->", "api", "ANSWER");
	}
	must_trace("opened row %d", 17);
	must_fail("end", "here.c", 1);
}

/* The place of a line may have held words. */
static void
a_text_takes_the_place_of_words(void **state)
{
	auto_buf said = { 0 };

	(void)state;
	assert_true(WIFSIGNALED(run_child(trace_words_then_much, &said)));
	assert_true(str_ends(
	    buf_str(&said), STR("\n  core -> api ANSWER\n  opened row 17\n")));
}

static void
trace_much(void)
{
	for (int i = 0; i < 100; i++) {
		must_trace("step %d", i);
	}
	must_fail("end", "here.c", 1);
}

static void
only_the_last_64_trace_lines_are_kept_in_order(void **state)
{
	auto_buf said = { 0 };
	struct str line;
	int at = 36;

	(void)state;
	assert_true(WIFSIGNALED(run_child(trace_much, &said)));
	struct str rest = buf_str(&said);
	assert_true(str_cut(&rest, '\n', &line));
	assert_true(str_eq_z(line, "handrail: must(end) failed at here.c:1"));
	while (str_cut(&rest, '\n', &line)) {
		auto_buf want = { 0 };
		buf_addf(&want, "  step %d", at++);
		assert_true(str_eq(line, buf_str(&want)));
	}
	assert_int_equal(at, 100);
}

static void
keep_a_promise(void)
{
	must(1 + 1 == 2);
}

static void
a_kept_promise_says_nothing(void **state)
{
	auto_buf said = { 0 };

	(void)state;
	assert_int_equal(run_child(keep_a_promise, &said), 0);
	assert_int_equal(said.len, 0);
}

static void
log_some(void)
{
	struct err e = { 0 };

	must_set_part("core");
	log_line(LOG_INFO, "ready", "in %d ms", 12);
	log_line(LOG_DEBUG, "hidden", "not shown");
	log_line(LOG_WARN, "odd", "a\nb\x1b[1m \xc3\xbc \xff \"\\");
	(void)err_set(&e, ERR_MISSING, "no such role");
	log_err("role", &e);
	log_set_level(LOG_ERROR);
	log_line(LOG_WARN, "hidden", "not shown");
}

static void
log_some_json(void)
{
	log_set_json(true);
	log_set_level(LOG_DEBUG);
	log_line(LOG_DEBUG, "ready", "a\nb \xc3\xbc \xff \"\\");
}

static void
the_log_is_one_line_an_event(void **state)
{
	static const char *const want[] = {
		" info core ready in 12 ms",
		" warn core odd a\\u000ab\\u001b[1m \xc3\xbc \\u00ff \"\\",
		" error core role no such role (missing)",
	};
	auto_buf said = { 0 };
	struct str line;
	struct wall at;

	(void)state;
	assert_int_equal(run_child(log_some, &said), 0);
	struct str rest = buf_str(&said);
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_true(str_cut(&rest, '\n', &line));
		assert_true(wall_parse(str_sub(line, 0, 24), &at));
		assert_true(str_eq_z(str_sub(line, 24, line.len), want[i]));
	}
	assert_int_equal(rest.len, 0);
}

static void
the_log_can_be_json(void **state)
{
	auto_buf said = { 0 };

	(void)state;
	assert_int_equal(run_child(log_some_json, &said), 0);
	struct str line = buf_str(&said);
	assert_true(str_starts(line, STR("{\"time\":\"20")));
	assert_true(str_ends(line,
	    STR("Z\",\"level\":\"debug\",\"part\":\"handrail\","
	        "\"event\":\"ready\",\"text\":\"a\\u000ab \xc3\xbc \\u00ff "
	        "\\\"\\\\\"}\n")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_promise_tells_its_story_and_aborts),
		cmocka_unit_test(words_are_lines_among_the_others),
		cmocka_unit_test(a_text_takes_the_place_of_words),
		cmocka_unit_test(
		    only_the_last_64_trace_lines_are_kept_in_order),
		cmocka_unit_test(a_kept_promise_says_nothing),
		cmocka_unit_test(the_log_is_one_line_an_event),
		cmocka_unit_test(the_log_can_be_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
