/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e2m/e2m.h"

/* The six rows, written down once more as what must hold. */
static const struct {
	enum e2m_state from;
	enum e2m_event event;
	enum e2m_state to;
} legal[] = {
	{ E2M_PENDING, E2M_CLAIM, E2M_IN_PROGRESS },
	{ E2M_IN_PROGRESS, E2M_COMPLETE, E2M_COMPLETED },
	{ E2M_IN_PROGRESS, E2M_BLOCK, E2M_BLOCKED },
	{ E2M_BLOCKED, E2M_UNBLOCK, E2M_IN_PROGRESS },
	{ E2M_IN_PROGRESS, E2M_FAIL, E2M_FAILED },
	{ E2M_FAILED, E2M_RETRY, E2M_PENDING },
};

static bool
is_legal(enum e2m_state state, enum e2m_event event, enum e2m_state *to)
{
	for (size_t i = 0; i < COUNT(legal); i++) {
		if (legal[i].from == state && legal[i].event == event) {
			*to = legal[i].to;
			return true;
		}
	}
	return false;
}

static void
try_pair(enum e2m_state state, enum e2m_event event, int *allowed)
{
	enum e2m_state next = E2M_no_state;
	enum e2m_state want = E2M_no_state;
	struct err e = { 0 };
	int rc = e2m_transition(state, event, &next, &e);

	if (is_legal(state, event, &want)) {
		assert_int_equal(rc, 0);
		assert_int_equal(next, want);
		++*allowed;
		return;
	}
	assert_int_equal(rc, -1);
	assert_int_equal(next, E2M_no_state);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_true(str_starts(str_of(e.text), STR("illegal: ")));
}

static void
every_illegal_pair_is_refused_and_changes_nothing(void **state)
{
	int allowed = 0;

	(void)state;
	for (unsigned s = E2M_no_state; s <= E2M_FAILED; s++) {
		for (unsigned v = E2M_no_event; v <= E2M_READ; v++) {
			try_pair(
			    (enum e2m_state)s, (enum e2m_event)v, &allowed);
		}
	}
	assert_int_equal(allowed, 6);
}

static void
the_message_names_what_is_allowed(void **state)
{
	enum e2m_state next = E2M_no_state;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(e2m_transition(E2M_PENDING, E2M_BLOCK, &next, &e), -1);
	assert_string_equal(
	    e.text, "illegal: pending --block--> (allowed from: in_progress)");
	assert_int_equal(e2m_transition(E2M_BLOCKED, E2M_FAIL, &next, &e), -1);
	assert_string_equal(
	    e.text, "illegal: blocked --fail--> (allowed from: in_progress)");
	assert_int_equal(e2m_transition(E2M_COMPLETED, E2M_ACK, &next, &e), -1);
	assert_string_equal(
	    e.text, "illegal: completed --ack--> (this event moves no task)");
}

static void
two_states_are_final(void **state)
{
	(void)state;
	assert_true(e2m_is_final(E2M_COMPLETED));
	assert_true(e2m_is_final(E2M_FAILED));
	assert_false(e2m_is_final(E2M_PENDING));
	assert_false(e2m_is_final(E2M_IN_PROGRESS));
	assert_false(e2m_is_final(E2M_BLOCKED));
}

static void
words_and_values_agree(void **state)
{
	enum e2m_state s = E2M_no_state;
	enum e2m_event v = E2M_no_event;

	(void)state;
	for (unsigned i = E2M_PENDING; i <= E2M_FAILED; i++) {
		assert_true(e2m_state_parse(
		    str_of(e2m_state_name((enum e2m_state)i)), &s));
		assert_int_equal(s, i);
	}
	for (unsigned i = E2M_CLAIM; i <= E2M_READ; i++) {
		assert_true(e2m_event_parse(
		    str_of(e2m_event_name((enum e2m_event)i)), &v));
		assert_int_equal(v, i);
	}
	assert_false(e2m_state_parse(STR("cancelled"), &s));
	assert_false(e2m_state_parse(STR(""), &s));
	assert_false(e2m_event_parse(STR("cancel"), &v));
	assert_null(e2m_state_name(E2M_no_state));
	assert_null(e2m_state_name((enum e2m_state)99));
	assert_string_equal(e2m_type_name(E2M_TYPE_OPERATOR), "operator");
	assert_string_equal(e2m_mail_state_name(E2M_MAIL_ARCHIVED), "archived");
	assert_string_equal(e2m_status_name(E2M_STATUS_ACKED), "acked");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_illegal_pair_is_refused_and_changes_nothing),
		cmocka_unit_test(the_message_names_what_is_allowed),
		cmocka_unit_test(two_states_are_final),
		cmocka_unit_test(words_and_values_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
