/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e2m/tolerant.h"
#include "schema/schema.h"

/* Two rooms, one contract: the strict reader and the generated schema take and
 * refuse the same values. */

static const char *const whole[] = {
	"{\"_type\":\"envelope\",\"id\":\"m\",\"envelope_type\":\"task\","
	"\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\",\"at\":\"now\","
	"\"state\":\"pending\",\"priority\":4,\"thread_id\":\"t\","
	"\"reply_to\":\"r\",\"payload\":{},\"requires_decision\":true,"
	"\"decision_options\":[\"yes\"],\"ack_required\":false,"
	"\"expires_at\":\"x\"}",
	"{\"_type\":\"task\",\"id\":\"t\",\"queue\":\"q\",\"subject\":\"s\","
	"\"state\":\"blocked\",\"created_at\":\"x\",\"updated_at\":\"y\","
	"\"from\":\"a\",\"ke_fit_score\":1,\"owner\":\"o\","
	"\"depends_on\":[\"a\"],\"blocks\":[],\"payload\":{\"x\":1},"
	"\"result\":{},\"error\":{\"message\":\"m\"},"
	"\"evaluator\":{\"pass_if\":[\"p\"],\"fail_if\":[\"f\"]}}",
	"{\"_type\":\"transition\",\"id\":\"t\",\"at\":\"x\","
	"\"event\":\"claim\",\"prior_state\":\"pending\","
	"\"new_state\":\"in_progress\",\"owner\":\"o\",\"status\":\"acked\","
	"\"acked_by\":\"a\",\"read_by\":\"b\",\"note\":\"n\","
	"\"error\":\"e\"}",
};

/* Each is put in the place of every member, and beside them. */
static const char *const strange[] = {
	"null",
	"true",
	"0",
	"1",
	"1.0",
	"5",
	"6",
	"2.5",
	"1e1",
	"\"\"",
	"\"pending\"",
	"\"read\"",
	"\"actioned\"",
	"\"cancelled\"",
	"\"ack\"",
	"\"retry\"",
	"\"summary\"",
	"\"task\"",
	"\"transition\"",
	"[]",
	"[\"a\"]",
	"[1]",
	"{}",
	"{\"pass_if\":[]}",
	"{\"pass_if\":[\"a\"]}",
	"{\"pass_if\":[\"a\"],\"fail_if\":[]}",
	"{\"pass_if\":[\"a\"],\"fail_if\":\"b\"}",
	"{\"pass_if\":[\"a\"],\"other\":1}",
	"{\"fail_if\":[\"a\"]}",
};

static size_t taken;
static size_t refused;

static struct json *
parse(struct arena *a, const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_int_equal(json_parse(a, str_of(text), NULL, &j, &e), 0);
	return j;
}

static void
agree(const struct schema *s, const struct json *value)
{
	struct e2m_record r;
	struct err reader = { 0 };
	struct err schema = { 0 };
	bool read = e2m_from_json(value, &r, &reader) == 0;
	bool checked = schema_check(s, value, &schema) == 0;

	if (read != checked) {
		auto_buf text = { 0 };

		json_write(&text, value);
		fail_msg("%s: reader %s %s, schema %s %s", buf_z(&text),
		    read ? "takes" : "refuses", reader.text,
		    checked ? "takes" : "refuses", schema.text);
	}
	taken += read;
	refused += !read;
}

static struct json *
without(struct arena *a, const struct json *record, const struct json *left)
{
	struct json *less = json_new(a, JSON_OBJECT);

	JSON_EACH(member, record)
	{
		if (member != left) {
			(void)json_set(a, less, arena_z(a, member->key),
			    json_copy(a, member));
		}
	}
	return less;
}

static void
without_each_member(
    const struct schema *s, struct arena *a, const struct json *record)
{
	JSON_EACH(left, record)
	{
		agree(s, without(a, record, left));
	}
}

static void
with_each_member_strange(
    const struct schema *s, struct arena *a, const struct json *record)
{
	JSON_EACH(member, record)
	{
		for (size_t i = 0; i < COUNT(strange); i++) {
			struct json *odd = json_copy(a, record);

			(void)json_set(a, odd, arena_z(a, member->key),
			    parse(a, strange[i]));
			agree(s, odd);
		}
	}
}

static void
reader_and_schema_take_and_refuse_the_same(void **state)
{
	auto_arena a = { 0 };
	struct schema *s = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(schema_compile(&a, e2m_schema(&a), "e2m", &s, &e), 0);
	for (size_t i = 0; i < COUNT(whole); i++) {
		struct json *record = parse(&a, whole[i]);
		struct json *more = json_copy(&a, record);

		agree(s, record);
		assert_int_equal(taken, 1);
		without_each_member(s, &a, record);
		with_each_member_strange(s, &a, record);
		(void)json_set_str(&a, more, "domain", STR("x"));
		agree(s, more);
		assert_true(taken > 10 && refused > 100);
		taken = 0;
		refused = 0;
	}
	for (size_t i = 0; i < COUNT(strange); i++) {
		agree(s, parse(&a, strange[i]));
	}
}

static void
the_operators_envelope_is_the_one_that_is_checked(void **state)
{
	static const char *const lines[] = {
		",\"envelope_type\":\"operator\",\"to\":\"operator\","
		"\"requires_decision\":true}",
		",\"envelope_type\":\"summary\",\"to\":\"operator\","
		"\"requires_decision\":false}",
		",\"envelope_type\":\"operator\",\"to\":\"operator\"}",
		",\"envelope_type\":\"operator\",\"to\":\"me\","
		"\"requires_decision\":true}",
		",\"envelope_type\":\"notify\",\"to\":\"operator\","
		"\"requires_decision\":true}",
	};
	auto_arena a = { 0 };
	struct json *root = e2m_schema(&a);
	struct json *narrow = json_new(&a, JSON_OBJECT);
	struct schema *s = NULL;
	struct err e = { 0 };

	(void)state;
	(void)json_set_str(&a, narrow, "$ref", STR("#/$defs/OperatorEnvelope"));
	(void)json_set(
	    &a, narrow, "$defs", json_copy(&a, json_get(root, "$defs")));
	assert_int_equal(schema_compile(&a, narrow, "e2m", &s, &e), 0);
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct json *value = parse(&a,
		    arena_printf(&a,
		        "{\"_type\":\"envelope\",\"id\":\"m\",\"from\":\"a\","
		        "\"subject\":\"s\",\"at\":\"t\",\"state\":\"read\"%s",
		        lines[i])
		        .at);
		struct e2m_record r;

		assert_int_equal(e2m_from_json(value, &r, &e), 0);
		assert_int_equal(e2m_check_operator(&r.as.envelope, &e),
		    schema_check(s, value, &e));
		assert_int_equal(schema_check(s, value, &e), i < 2 ? 0 : -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_and_schema_take_and_refuse_the_same),
		cmocka_unit_test(
		    the_operators_envelope_is_the_one_that_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
