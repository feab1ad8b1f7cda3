/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_help.h"

#include "wait/grant.h"

/* What the vault seals must differ with everything that a forger of the book
 * would change. */

static struct wait_said
word(const struct wait_item *i)
{
	return (struct wait_said){
		.by = STR("alice"),
		.surface = STR("cli"),
		.at = i->asked,
		.yes = true,
	};
}

static void
every_part_of_a_decision_is_sealed(void **state)
{
	static const struct str bert = { "bert", 4 };
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	const struct wait_item *real = wait_find(w.list, s.id);
	struct wait_said said = word(real);
	struct digest seen[20] = { wait_said_digest(real, &said) };
	size_t count = 1;

#define OTHER_ITEM(change)                                \
	do {                                              \
		struct wait_item i = *real;               \
		struct wait_said d = said;                \
		(void)d;                                  \
		change;                                   \
		seen[count++] = wait_said_digest(&i, &d); \
	} while (0)
	OTHER_ITEM(i.id[5] = i.id[5] == 'a' ? 'b' : 'a');
	OTHER_ITEM(i.digest = digest_of(STR("other")));
	OTHER_ITEM(i.kind = WAIT_UNKNOWN_OUTCOME);
	OTHER_ITEM(i.gate = STR("gate.other"));
	OTHER_ITEM(i.expires.us++);
	OTHER_ITEM(i.people++);
	OTHER_ITEM((i.named = &bert, i.named_count = 1));
	OTHER_ITEM(i.escalate_to = bert);
	OTHER_ITEM(i.escalate_for = bert);
	OTHER_ITEM(i.asked_by = digest_of(STR("other")));
	OTHER_ITEM(i.named_args = digest_of(STR("other")));
	OTHER_ITEM(d.by = bert);
	OTHER_ITEM(d.surface = STR("web"));
	OTHER_ITEM(d.reason = STR("because"));
	OTHER_ITEM(d.value = STR("because"));
	OTHER_ITEM(d.at.us++);
	OTHER_ITEM(d.yes = false);
	for (size_t a = 0; a < count; a++) {
		for (size_t b = 0; b < a; b++) {
			assert_row(!digest_eq(seen[a], seen[b]), a);
		}
	}
	fini(&w);
}

static void
what_is_sealed_before_it_is_said_is_what_the_event_says(void **state)
{
	static const uint8_t mac[WAIT_MAC] = { 1, 2, 3 };
	struct world w;
	struct wait_step s = { 0 };
	struct digest sealed;

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct wait_decide say = {
		.id = s.id,
		.principal = STR("alice"),
		.surface = STR("cli"),
		.reason = STR("no"),
		.now = w.now,
		.mac = mac,
	};

	assert_int_equal(wait_decision(w.list, &say, &sealed, &w.e), 0);
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), 0);
	apply(&w, &s);
	const struct wait_item *i = wait_find(w.list, say.id);

	assert_int_equal(i->said_count, 1);
	assert_true(i->said[0].sealed);
	assert_memory_equal(i->said[0].mac, mac, WAIT_MAC);
	assert_true(digest_eq(sealed, wait_said_digest(i, &i->said[0])));
	assert_int_equal(wait_decision(w.list, &say, &sealed, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_replays(&w);
	fini(&w);
}

static void
a_refused_yes_is_used_by_nobody_and_the_question_is_new_again(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str id = s.id;

	assert_int_equal(
	    wait_refuse(w.list, &w.arena, id, w.now, &s, &w.e), -1);
	assert_int_equal(say(&w, id, "alice", true, &s), 0);
	assert_int_equal(wait_refuse(w.list, &w.arena, id, w.now, &s, &w.e), 0);
	apply(&w, &s);
	assert_int_equal(consume(&w, id, digest_for(1)), -1);
	assert_int_equal(say(&w, id, "alice", true, &s), -1);
	assert_int_equal(put(&w, question(1), &s), 0);
	assert_false(s.duplicate);
	assert_false(str_eq(s.id, id));
	assert_replays(&w);
	fini(&w);
}

static void
every_part_of_a_grant_is_sealed(void **state)
{
	struct wait_grant g = {
		.id = "g-aaaaaaaaaaaaaaaaaaaa",
		.identity = STR(ME),
		.tool = STR("pay"),
		.made = { 1 },
		.expires = { 2 },
	};
	struct digest seen[14] = { wait_grant_digest(&g) };
	size_t count = 1;

	(void)state;
#define OTHER_GRANT(change)                            \
	do {                                           \
		struct wait_grant o = g;               \
		change;                                \
		seen[count++] = wait_grant_digest(&o); \
	} while (0)
	OTHER_GRANT(o.id[4] = 'b');
	OTHER_GRANT(o.identity = STR("x"));
	OTHER_GRANT(o.tool = STR("x"));
	OTHER_GRANT(o.contract = digest_of(STR("x")));
	OTHER_GRANT(o.asked = digest_of(STR("x")));
	OTHER_GRANT(o.named = digest_of(STR("x")));
	OTHER_GRANT(o.wait = STR("x"));
	OTHER_GRANT(o.hint = STR("x"));
	OTHER_GRANT(o.gate = STR("x"));
	OTHER_GRANT(o.by = STR("x"));
	OTHER_GRANT(o.surface = STR("x"));
	OTHER_GRANT(o.made.us++);
	OTHER_GRANT(o.expires.us++);
	for (size_t a = 0; a < count; a++) {
		for (size_t b = 0; b < a; b++) {
			assert_row(!digest_eq(seen[a], seen[b]), a);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_of_a_decision_is_sealed),
		cmocka_unit_test(
		    what_is_sealed_before_it_is_said_is_what_the_event_says),
		cmocka_unit_test(
		    a_refused_yes_is_used_by_nobody_and_the_question_is_new_again),
		cmocka_unit_test(every_part_of_a_grant_is_sealed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
