/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e2m/tolerant.h"

/* The generated schema against the canon, listed here a second time by hand:
 * keys, which of them are required, and the words of each. */

static const struct {
	const char *name;
	const char *required;
	const char *keys; /* the optional ones */
} records[] = {
	{ "Envelope", "_type id envelope_type from to subject at state",
	    "priority thread_id reply_to payload requires_decision "
	    "decision_options ack_required expires_at" },
	{ "DurableTask", "_type id queue subject state created_at updated_at",
	    "from ke_fit_score owner depends_on blocks payload result error "
	    "evaluator" },
	{ "Transition", "_type id at",
	    "event prior_state new_state owner status acked_by read_by note "
	    "error" },
};

static const struct {
	const char *at;
	const char *words;
} enums[] = {
	{ "/$defs/Envelope/properties/envelope_type",
	    "task ack result escalate notify summary operator" },
	{ "/$defs/Envelope/properties/state",
	    "pending read actioned archived" },
	{ "/$defs/DurableTask/properties/state",
	    "pending in_progress completed blocked failed" },
	{ "/$defs/Transition/properties/event",
	    "claim complete block unblock fail retry ack read" },
	{ "/$defs/Transition/properties/status", "acked read" },
	{ "/$defs/OperatorEnvelope/properties/envelope_type",
	    "operator escalate summary" },
};

static const struct {
	const char *at;
	const char *value;
} values[] = {
	{ "/$schema", "\"https://json-schema.org/draft/2020-12/schema\"" },
	{ "/$defs/Envelope/properties/_type", "{\"const\":\"envelope\"}" },
	{ "/$defs/DurableTask/properties/_type", "{\"const\":\"task\"}" },
	{ "/$defs/Transition/properties/_type", "{\"const\":\"transition\"}" },
	{ "/$defs/Envelope/properties/priority",
	    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":5}" },
	{ "/$defs/DurableTask/properties/ke_fit_score",
	    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":5}" },
	{ "/$defs/DurableTask/properties/error",
	    "{\"type\":[\"string\",\"object\"]}" },
	{ "/$defs/DurableTask/properties/evaluator/required", "[\"pass_if\"]" },
	{ "/$defs/OperatorEnvelope/$ref", "\"#/$defs/Envelope\"" },
	{ "/$defs/OperatorEnvelope/required", "[\"requires_decision\"]" },
	{ "/$defs/OperatorEnvelope/properties/to", "{\"const\":\"operator\"}" },
	{ "/anyOf", "[{\"$ref\":\"#/$defs/Envelope\"},{\"$ref\":\"#/$defs/"
	            "DurableTask\"},{\"$ref\":\"#/$defs/Transition\"}]" },
};

/* The texts of a list, or the keys of an object, with spaces between. */
static const char *
joined(struct arena *a, const struct json *list)
{
	auto_buf b = { 0 };

	JSON_EACH(item, list)
	{
		struct str s =
		    list->type == JSON_OBJECT ? item->key : item->text;

		buf_addf(&b, "%s" STR_FMT, b.len ? " " : "", STR_ARG(s));
	}
	return arena_z(a, buf_str(&b));
}

static void
keys_and_required_keys_are_those_of_the_canon(void **state)
{
	auto_arena a = { 0 };
	struct json *schema = e2m_schema(&a);

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		const struct json *r =
		    json_get(json_get(schema, "$defs"), records[i].name);
		bool more = true;

		assert_string_equal(
		    joined(&a, json_get(r, "required")), records[i].required);
		assert_string_equal(joined(&a, json_get(r, "properties")),
		    arena_printf(
		        &a, "%s %s", records[i].required, records[i].keys)
		        .at);
		assert_true(json_bool(r, "additionalProperties", &more));
		assert_false(more);
	}
}

static void
words_are_those_of_the_canon(void **state)
{
	auto_arena a = { 0 };
	struct json *schema = e2m_schema(&a);

	(void)state;
	for (size_t i = 0; i < COUNT(enums); i++) {
		const struct json *at =
		    json_pointer(schema, str_of(enums[i].at));

		assert_non_null(at);
		assert_string_equal(
		    joined(&a, json_get(at, "enum")), enums[i].words);
	}
}

static void
bounds_and_constants_are_those_of_the_canon(void **state)
{
	auto_arena a = { 0 };
	struct json *schema = e2m_schema(&a);

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		const struct json *at =
		    json_pointer(schema, str_of(values[i].at));
		auto_buf text = { 0 };

		assert_non_null(at);
		json_write(&text, at);
		assert_string_equal(buf_z(&text), values[i].value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_required_keys_are_those_of_the_canon),
		cmocka_unit_test(words_are_those_of_the_canon),
		cmocka_unit_test(bounds_and_constants_are_those_of_the_canon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
