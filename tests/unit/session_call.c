/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"
#include "session/session.h"

#define STATES 7
#define EVENTS 9

/* `to` is the letter of the next state, or '-': refused. */
static void
assert_leads(enum session_call_state s, enum session_call_event v, char to)
{
	static const char letters[] = "NDAPXSF"; /* in the order of states */
	enum session_call_state next = SESSION_CALL_NONE;
	struct err e = { 0 };
	int rc = session_call_next(s, v, &next, &e);

	if ((rc ? '-' : letters[next]) != to) {
		fail_msg("%s --%s--> %s", session_state_name(s),
		    session_event_name(v), session_state_name(next));
	}
	if (rc) {
		assert_int_equal(e.kind, ERR_CONFLICT);
		assert_int_equal(next, SESSION_CALL_NONE);
		assert_non_null(strstr(e.text, "allowed from"));
	}
}

static void
every_pair_does_what_the_table_says(void **state)
{
	/* By state: allow ask deny approve refuse start restart settle
	 * carry. */
	static const char *const table[STATES] = {
		[SESSION_CALL_NONE] = "DAXP----F",
		[SESSION_CALL_DECIDED] = "DAX--S---",
		[SESSION_CALL_ASKED] = "-AXPX----",
		[SESSION_CALL_APPROVED] = "-AX--S---",
		[SESSION_CALL_DENIED] = "-------F-",
		[SESSION_CALL_STARTED] = "------SF-",
		[SESSION_CALL_SETTLED] = "---------",
	};

	(void)state;
	for (int s = 0; s < STATES; s++) {
		for (int v = 0; v < EVENTS; v++) {
			assert_leads((enum session_call_state)s,
			    (enum session_call_event)v, table[s][v]);
		}
	}
}

struct story {
	struct session_run run;
	uint64_t seq;
	uint32_t epoch;
	struct err e;
};

static const struct book_id the_run = { { 1, 2, 3 } };

static int
tell(struct story *s, enum book_kind kind, uint32_t call, const char *body)
{
	struct book_head head = {
		.seq = ++s->seq,
		.kind = kind,
		.epoch = s->epoch,
		.call = call,
		.run = the_run,
	};

	return session_apply(&s->run, &head, str_of(body), &s->e);
}

static int
decide(struct story *s, uint32_t call, const char *verdict)
{
	auto_buf body = { 0 };
	struct session_decided d = {
		.verdict = str_of(verdict),
		.tool = STR("git_push"),
		.args = digest_of(STR("{}")),
		.rule = STR("gate.push"),
	};

	session_write_decided(&body, &d);
	return tell(s, BOOK_CALL_DECIDED, call, buf_z(&body));
}

#define W_PUT(kind) "{\"event\":\"put\",\"id\":\"w-1\",\"kind\":\"" kind "\"}"
#define W_SAYS(answer) \
	"{\"event\":\"decided\",\"id\":\"w-1\",\"answer\":\"" answer "\"}"

/* Asked for by another call of the run, and approved there. */
static void
a_call_may_be_approved_before_it_is_made(void **state)
{
	struct story s = { .epoch = 1 };
	char body[400];

	(void)state;
	(void)snprintf(body, sizeof(body),
	    "{\"verdict\":\"ask\",\"tool\":\"t\",\"wait\":\"w-9\","
	    "\"args\":\"%064d\"}",
	    1);
	assert_int_equal(tell(&s, BOOK_CALL_DECIDED, 1, body), 0);
	assert_int_equal(session_call_state(&s.run, 1), SESSION_CALL_APPROVED);
	assert_string_equal(session_call(&s.run, 1)->wait, "w-9");
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), 0);
	/* An approval never comes by itself. */
	assert_int_equal(tell(&s, BOOK_WAIT_DECIDED, 2, W_SAYS("approve")), 0);
	assert_int_equal(session_call_state(&s.run, 2), SESSION_CALL_NONE);
	session_run_fini(&s.run);
}

static void
a_run_tells_what_became_of_each_call(void **state)
{
	struct story s = { .epoch = 1 };

	(void)state;
	assert_int_equal(session_call_state(&s.run, 1), SESSION_CALL_NONE);
	assert_int_equal(tell(&s, BOOK_RUN_STARTED, 0, ""), 0);
	assert_int_equal(decide(&s, 1, "allow"), 0);
	assert_int_equal(session_call_state(&s.run, 1), SESSION_CALL_DECIDED);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), 0);
	assert_int_equal(session_unsettled(&s.run, 0)->ordinal, 1);
	assert_int_equal(tell(&s, BOOK_CALL_SETTLED, 1, ""), 0);
	assert_null(session_unsettled(&s.run, 0));
	assert_int_equal(decide(&s, 2, "ask"), 0);
	assert_int_equal(tell(&s, BOOK_WAIT_PUT, 2, W_PUT("approval")), 0);
	assert_string_equal(session_call(&s.run, 2)->wait, "w-1");
	assert_int_equal(tell(&s, BOOK_RUN_PARKED, 0, ""), 0);
	assert_true(s.run.parked);
	assert_int_equal(tell(&s, BOOK_WAIT_DECIDED, 2,
	                     "{\"event\":\"yes\",\"id\":\"w-1\"}"),
	    0);
	assert_int_equal(session_call_state(&s.run, 2), SESSION_CALL_ASKED);
	assert_int_equal(tell(&s, BOOK_WAIT_DECIDED, 2, W_SAYS("approve")), 0);
	assert_int_equal(session_call_state(&s.run, 2), SESSION_CALL_APPROVED);
	s.epoch = 2;
	assert_int_equal(tell(&s, BOOK_RUN_RESUMED, 0, ""), 0);
	assert_false(s.run.parked);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 2, ""), 0);
	assert_int_equal(decide(&s, 3, "deny"), 0);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 3, ""), -1);
	assert_int_equal(session_call(&s.run, 2)->started_epoch, 2);
	assert_string_equal(session_call(&s.run, 2)->tool, "git_push");
	assert_true(
	    digest_eq(session_call(&s.run, 2)->args, digest_of(STR("{}"))));
	assert_int_equal(s.run.epoch, 2);
	assert_int_equal(s.run.head_count, 12);
	assert_null(session_call(&s.run, 0));
	assert_null(session_call(&s.run, 4));
	session_run_fini(&s.run);
}

static void
nothing_starts_before_it_was_decided(void **state)
{
	struct story s = { .epoch = 1 };

	(void)state;
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), -1);
	assert_int_equal(tell(&s, BOOK_CALL_SETTLED, 1, ""), -1);
	assert_int_equal(s.run.call_count, 0);
	assert_int_equal(decide(&s, 1, "ask"), 0);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), -1);
	assert_int_equal(session_call_state(&s.run, 1), SESSION_CALL_ASKED);
	session_run_fini(&s.run);
}

static void
a_call_starts_again_only_under_a_newer_claim(void **state)
{
	struct story s = { .epoch = 3 };

	(void)state;
	assert_int_equal(decide(&s, 1, "allow"), 0);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), 0);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), -1);
	assert_int_equal(s.e.kind, ERR_CONFLICT);
	s.epoch = 2;
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), -1);
	s.epoch = 4;
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), 0);
	assert_int_equal(session_call(&s.run, 1)->starts, 2);
	session_run_fini(&s.run);
}

static int
carry(struct story *s, uint32_t number, const char *tool)
{
	struct book_head head = {
		.seq = ++s->seq,
		.kind = BOOK_SESSION_EVENT,
		.epoch = s->epoch,
		.call = number,
		.run = the_run,
	};

	must(str_copy(head.rule, sizeof(head.rule), str_of(tool)));
	return session_apply(&s->run, &head, STR("{}"), &s->e);
}

static void
what_a_fork_begins_with_is_settled_and_never_starts(void **state)
{
	struct story s = { .epoch = 1 };

	(void)state;
	assert_int_equal(carry(&s, 1, ""), 0); /* turn 1 of a model */
	assert_int_equal(s.run.call_count, 0);
	assert_int_equal(carry(&s, 1, "shell"), 0);
	assert_int_equal(session_call_state(&s.run, 1), SESSION_CALL_SETTLED);
	assert_int_equal(session_call(&s.run, 1)->starts, 0);
	assert_string_equal(session_call(&s.run, 1)->tool, "shell");
	assert_int_equal(carry(&s, 1, "shell"), -1);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), -1);
	assert_null(session_unsettled(&s.run, 1));
	assert_int_equal(decide(&s, 2, "allow"), 0);
	assert_int_equal(carry(&s, 2, "shell"), -1);
	session_run_fini(&s.run);
}

static void
a_wait_that_is_no_approval_leaves_the_call(void **state)
{
	struct story s = { .epoch = 1 };

	(void)state;
	assert_int_equal(decide(&s, 1, "allow"), 0);
	assert_int_equal(tell(&s, BOOK_CALL_STARTED, 1, ""), 0);
	assert_int_equal(
	    tell(&s, BOOK_WAIT_PUT, 1, W_PUT("unknown_outcome")), 0);
	assert_int_equal(tell(&s, BOOK_WAIT_DECIDED, 1, W_SAYS("happened")), 0);
	assert_int_equal(session_call_state(&s.run, 1), SESSION_CALL_STARTED);
	session_run_fini(&s.run);
}

static void
a_wait_that_runs_out_denies(void **state)
{
	struct story s = { .epoch = 1 };

	(void)state;
	assert_int_equal(decide(&s, 1, "ask"), 0);
	assert_int_equal(tell(&s, BOOK_WAIT_PUT, 1, W_PUT("approval")), 0);
	assert_int_equal(tell(&s, BOOK_WAIT_DECIDED, 1,
	                     "{\"event\":\"expired\",\"id\":\"w-1\"}"),
	    0);
	assert_int_equal(session_call_state(&s.run, 1), SESSION_CALL_DENIED);
	session_run_fini(&s.run);
}

static void
a_head_out_of_order_or_of_another_run_changes_nothing(void **state)
{
	struct story s = { .epoch = 1 };
	struct book_head other = { .seq = 9, .kind = BOOK_RUN_ENDED };

	(void)state;
	assert_int_equal(decide(&s, 1, "allow"), 0);
	other.run.bytes[0] = 9;
	assert_int_equal(session_apply(&s.run, &other, STR(""), &s.e), -1);
	other.run = the_run;
	other.seq = 1;
	assert_int_equal(session_apply(&s.run, &other, STR(""), &s.e), -1);
	assert_int_equal(s.run.head_count, 1);
	assert_false(s.run.ended);
	session_run_fini(&s.run);
}

static void
a_body_that_is_not_of_its_form_is_refused(void **state)
{
	static const char maybe[] =
	    "{\"verdict\":\"maybe\",\"tool\":\"t\",\"args\":"
	    "\"00000000000000000000000000000000"
	    "00000000000000000000000000000000\"}";
	static const char *const bad[] = { "", "{}", "[]",
		"{\"verdict\":\"allow\",\"tool\":\"t\"}", maybe };
	struct story s = { .epoch = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(tell(&s, BOOK_CALL_DECIDED, 1, bad[i]), -1);
	}
	assert_int_equal(tell(&s, BOOK_WAIT_PUT, 1, "{}"), -1);
	assert_int_equal(s.run.call_count, 0);
	assert_int_equal(
	    tell(&s, BOOK_CALL_STARTED, SESSION_CALLS_MAX + 1, ""), -1);
	assert_int_equal(s.e.kind, ERR_LIMIT);
	session_run_fini(&s.run);
}

static void
one_head(struct session_index *x, unsigned run, uint64_t seq, enum book_kind k)
{
	struct book_head head = { .seq = seq, .kind = k };
	struct err e = { 0 };

	put_u32(head.run.bytes, run + 1);
	assert_int_equal(session_index_apply(x, &head, STR(""), &e), 0);
}

static struct session_run *
view_of(const struct session_index *x, unsigned run)
{
	struct book_id id = { 0 };

	put_u32(id.bytes, run + 1);
	return session_index_find(x, id);
}

static void
ended_runs_go_oldest_first_and_the_others_stay(void **state)
{
	struct session_index *x = session_index_new(7);
	unsigned count = 4 * SESSION_ENDED_MAX;
	uint64_t seq = 0;
	size_t views = 0;

	(void)state;
	for (unsigned n = 0; n < count; n++) {
		one_head(x, n, ++seq, BOOK_RUN_STARTED);
		if (n % 4) { /* every fourth goes on */
			one_head(x, n, ++seq, BOOK_RUN_ENDED);
		}
	}
	while (session_index_at(x, views)) {
		views++;
	}
	assert_true(views <= count / 4 + 2 * SESSION_ENDED_MAX);
	for (unsigned n = 0; n < count; n += 4) {
		assert_non_null(view_of(x, n));
		assert_false(view_of(x, n)->ended);
	}
	assert_null(view_of(x, 1));
	assert_non_null(view_of(x, count - 1));
	one_head(x, 1, ++seq, BOOK_CELL_ENDED); /* late: makes none again */
	assert_null(view_of(x, 1));
	session_index_free(x);
}

static void
the_index_keeps_runs_apart(void **state)
{
	struct session_index *x = session_index_new(7);
	struct err e = { 0 };
	uint64_t seq = 0;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n <= 200; n++) {
			struct book_head head = { .seq = ++seq,
				.kind = BOOK_RUN_STARTED };

			head.run.bytes[3] = (uint8_t)n; /* 0: of no run */
			assert_int_equal(
			    session_index_apply(x, &head, STR(""), &e), 0);
		}
	}
	assert_null(session_index_at(x, 200));
	assert_null(session_index_find(x, (struct book_id){ 0 }));
	for (unsigned n = 1; n <= 200; n++) {
		struct book_id id = { 0 };

		id.bytes[3] = (uint8_t)n;
		struct session_run *run = session_index_find(x, id);

		assert_ptr_equal(run, session_index_at(x, n - 1));
		assert_int_equal(run->head_count, 3);
		assert_int_equal(run->first_seq, n + 1);
	}
	session_index_free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_may_be_approved_before_it_is_made),
		cmocka_unit_test(every_pair_does_what_the_table_says),
		cmocka_unit_test(a_run_tells_what_became_of_each_call),
		cmocka_unit_test(nothing_starts_before_it_was_decided),
		cmocka_unit_test(a_call_starts_again_only_under_a_newer_claim),
		cmocka_unit_test(
		    what_a_fork_begins_with_is_settled_and_never_starts),
		cmocka_unit_test(a_wait_that_is_no_approval_leaves_the_call),
		cmocka_unit_test(a_wait_that_runs_out_denies),
		cmocka_unit_test(
		    a_head_out_of_order_or_of_another_run_changes_nothing),
		cmocka_unit_test(a_body_that_is_not_of_its_form_is_refused),
		cmocka_unit_test(
		    ended_runs_go_oldest_first_and_the_others_stay),
		cmocka_unit_test(the_index_keeps_runs_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
