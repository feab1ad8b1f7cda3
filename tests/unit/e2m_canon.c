/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e2m/tolerant.h"

/* Legacy records as records of the canon: additive, lossless, idempotent. */

static struct json *
parse(struct arena *a, const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_int_equal(json_parse(a, str_of(text), NULL, &j, &e), 0);
	return j;
}

static const char *
written(struct arena *a, const struct json *j)
{
	auto_buf b = { 0 };

	json_write(&b, j);
	return arena_z(a, buf_str(&b));
}

static const struct {
	const char *from;
	const char *to; /* NULL: no rule names it */
} cases[] = {
	{ "{\"type\":\"outcome\",\"id\":\"1\",\"sent_at\":\"t\","
	  "\"status\":\"acked\"}",
	    "{\"type\":\"outcome\",\"id\":\"1\",\"sent_at\":\"t\","
	    "\"status\":\"acked\",\"_type\":\"envelope\","
	    "\"envelope_type\":\"result\",\"at\":\"t\","
	    "\"state\":\"actioned\"}" },
	{ "{\"type\":\"task\"}",
	    "{\"type\":\"task\",\"_type\":\"envelope\","
	    "\"envelope_type\":\"task\",\"state\":\"pending\"}" },
	{ "{\"type\":\"dispatch\"}",
	    "{\"type\":\"dispatch\",\"_type\":\"envelope\","
	    "\"envelope_type\":\"task\",\"state\":\"pending\"}" },
	{ "{\"type\":\"routine\",\"created_at\":\"c\"}",
	    "{\"type\":\"routine\",\"created_at\":\"c\","
	    "\"_type\":\"envelope\",\"envelope_type\":\"task\",\"at\":\"c\","
	    "\"state\":\"pending\"}" },
	{ "{\"type\":\"interrupt\",\"status\":\"expired\"}",
	    "{\"type\":\"interrupt\",\"status\":\"expired\","
	    "\"_type\":\"envelope\",\"envelope_type\":\"escalate\","
	    "\"state\":\"archived\"}" },
	{ "{\"type\":\"ping\"}",
	    "{\"type\":\"ping\",\"_type\":\"envelope\","
	    "\"envelope_type\":\"notify\",\"state\":\"pending\"}" },
	{ "{\"_type\":\"note\",\"body\":\"b\"}",
	    "{\"_type\":\"envelope\",\"body\":\"b\",\"legacy_type\":\"note\","
	    "\"envelope_type\":\"notify\",\"state\":\"pending\"}" },
	{ "{\"_type\":\"message\",\"subject\":\"The NIGHTLY run\","
	  "\"task_id\":\"t\"}",
	    "{\"_type\":\"envelope\",\"subject\":\"The NIGHTLY run\","
	    "\"task_id\":\"t\",\"legacy_type\":\"message\","
	    "\"envelope_type\":\"summary\",\"state\":\"pending\"}" },
	{ "{\"_type\":\"message\",\"subject\":\"Do\",\"task_id\":\"t\"}",
	    "{\"_type\":\"envelope\",\"subject\":\"Do\",\"task_id\":\"t\","
	    "\"legacy_type\":\"message\",\"envelope_type\":\"task\","
	    "\"state\":\"pending\"}" },
	{ "{\"_type\":\"message\",\"subject\":\"Hi\"}",
	    "{\"_type\":\"envelope\",\"subject\":\"Hi\","
	    "\"legacy_type\":\"message\",\"envelope_type\":\"notify\","
	    "\"state\":\"pending\"}" },
	{ "{\"_type\":\"ack\",\"id\":\"m\",\"acked_at\":\"t\"}",
	    "{\"_type\":\"transition\",\"id\":\"m\",\"acked_at\":\"t\","
	    "\"legacy_type\":\"ack\",\"at\":\"t\",\"event\":\"ack\"}" },
	{ "{\"id\":\"m\",\"status\":\"read\",\"read_by\":\"b\","
	  "\"read_at\":\"t\"}",
	    "{\"id\":\"m\",\"status\":\"read\",\"read_by\":\"b\","
	    "\"read_at\":\"t\",\"_type\":\"transition\",\"at\":\"t\","
	    "\"event\":\"read\"}" },
	{ "{\"id\":\"m\",\"status\":\"done\",\"acked_by\":\"b\"}",
	    "{\"id\":\"m\",\"status\":\"done\",\"acked_by\":\"b\","
	    "\"_type\":\"transition\",\"event\":\"ack\"}" },
	/* With a `to` it is a letter, whatever its status. */
	{ "{\"type\":\"ack\",\"to\":\"x\",\"status\":\"acked\","
	  "\"acked_by\":\"b\"}",
	    "{\"type\":\"ack\",\"to\":\"x\",\"status\":\"acked\","
	    "\"acked_by\":\"b\",\"_type\":\"envelope\","
	    "\"envelope_type\":\"ack\",\"state\":\"actioned\"}" },
	/* A key that is there is never written over. */
	{ "{\"_type\":\"note\",\"legacy_type\":1,\"state\":\"odd\","
	  "\"at\":null}",
	    "{\"_type\":\"envelope\",\"legacy_type\":1,\"state\":\"odd\","
	    "\"at\":null,\"_legacy_type\":\"note\","
	    "\"envelope_type\":\"notify\"}" },
	{ "{\"_type\":\"task\",\"domain\":\"x\",\"status\":\"acked\"}", NULL },
	{ "{\"_type\":\"transition\",\"id\":\"a\",\"at\":\"t\"}", NULL },
	{ "{\"id\":\"m\",\"status\":\"acked\"}", NULL },
	{ "{\"_type\":\"gossip\"}", NULL },
	{ "{}", NULL },
	{ "[{\"_type\":\"note\"}]", NULL },
};

static void
each_legacy_shape_has_its_place_in_the_canon(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena a = { 0 };
		bool changed = false;
		struct json *out =
		    e2m_canon(&a, parse(&a, cases[i].from), &changed);

		assert_string_equal(written(&a, out),
		    cases[i].to ? cases[i].to : cases[i].from);
		assert_int_equal(changed, cases[i].to != NULL);
	}
}

static void
a_second_time_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena a = { 0 };
		bool changed = false;
		struct json *once =
		    e2m_canon(&a, parse(&a, cases[i].from), &changed);
		struct json *twice = e2m_canon(&a, once, &changed);

		assert_false(changed);
		assert_string_equal(written(&a, once), written(&a, twice));
	}
}

/* Where the value of a member is afterwards. */
static const struct json *
place_of(const struct json *to, const struct json *member, bool changed)
{
	if (!changed || !str_eq_z(member->key, "_type")) {
		return json_get_str(to, member->key);
	}
	return json_get(to, "_legacy_type") ? json_get(to, "_legacy_type")
	                                    : json_get(to, "legacy_type");
}

static void
no_key_and_no_value_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases) - 1; i++) { /* the objects */
		auto_arena a = { 0 };
		bool changed = false;
		struct json *from = parse(&a, cases[i].from);
		struct json *to = e2m_canon(&a, from, &changed);
		size_t kept = 0;

		JSON_EACH(member, from)
		{
			kept +=
			    json_equal(member, place_of(to, member, changed));
		}
		assert_int_equal(kept, from->count);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_legacy_shape_has_its_place_in_the_canon),
		cmocka_unit_test(a_second_time_changes_nothing),
		cmocka_unit_test(no_key_and_no_value_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
