/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static void
assert_written(const struct json *j, const char *want)
{
	auto_buf b = { 0 };

	json_write(&b, j);
	assert_string_equal(buf_z(&b), want);
}

static void
a_tree_is_built_and_members_are_replaced_in_place(void **state)
{
	auto_arena a = { 0 };
	struct json *j = json_new(&a, JSON_OBJECT);
	char key[] = "k1";

	(void)state;
	(void)json_set_str(&a, j, key, STR("v"));
	key[0] = 'x';
	(void)json_set(&a, j, "k2", json_new_i64(&a, INT64_MIN));
	struct json *list = json_set(&a, j, "k3", json_new(&a, JSON_ARRAY));
	(void)json_push(list, json_new_bool(&a, true));
	(void)json_push(list, json_new_bool(&a, false));
	(void)json_push(list, json_new(&a, JSON_NULL));
	assert_written(j, "{\"k1\":\"v\",\"k2\":-9223372036854775808,"
	                  "\"k3\":[true,false,null]}");
	(void)json_set(&a, j, "k2", json_new_i64(&a, 2));
	(void)json_set(&a, j, "k3", json_new_i64(&a, 3));
	(void)json_set(&a, j, "k1", json_new_i64(&a, 1));
	(void)json_set(&a, j, "k4", json_new_i64(&a, 4));
	assert_int_equal(j->count, 4);
	assert_written(j, "{\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4}");
	/* A key that goes on behind a NUL is another one. */
	(void)json_set_key(&a, j, STR("k1\0"), json_new_i64(&a, 5));
	(void)json_set_key(&a, j, STR("k2"), json_new_i64(&a, 6));
	assert_int_equal(j->count, 5);
	assert_written(j, "{\"k1\":1,\"k2\":6,\"k3\":3,\"k4\":4,"
	                  "\"k1\\u0000\":5}");
}

static void
a_copy_shares_nothing_and_may_be_of_a_member(void **state)
{
	auto_arena a = { 0 };
	auto_arena other = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    json_parse(&other, STR("[{\"a\":{\"b\":[1,\"x\",{}]},\"c\":2}]"),
	        NULL, &j, &e),
	    0);
	struct json *copy = json_copy(&a, json_get(j->first, "a"));
	arena_fini(&other);
	assert_null(copy->next);
	assert_written(copy, "{\"b\":[1,\"x\",{}]}");
}

static void
a_copy_leaves_out_one_member_and_keeps_the_others_in_order(void **state)
{
	auto_arena a = { 0 };
	auto_arena other = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_parse(&other,
	                     STR("{\"b\":[{}],\"a\":1,\"a\\u0000\":2,"
	                         "\"c\":{\"a\":3}}"),
	                     NULL, &j, &e),
	    0);
	struct json *rest = json_without(&a, j, "a");
	struct json *all = json_without(&a, j, "d");
	assert_written(json_without(&a, j->first, "a"), "{}");
	assert_written(json_without(&a, NULL, "a"), "{}");
	assert_int_equal(j->count, 4);
	arena_fini(&other);
	assert_int_equal(rest->count, 3);
	assert_written(rest, "{\"b\":[{}],\"a\\u0000\":2,\"c\":{\"a\":3}}");
	assert_int_equal(all->count, 4);
	(void)json_set(&a, rest, "last", json_new_i64(&a, 4));
	assert_written(json_get(rest, "last"), "4");
}

/* Looked for among those before it, each would hold up all that core does: the
 * test would not end within its time. */
static void
a_copy_of_very_many_members_is_one_pass(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };
	const struct json_limits limits = {
		.bytes = 16 << 20, .depth = 2, .nodes = 500000
	};

	(void)state;
	buf_add_z(&text, "{\"left\":0");
	for (unsigned i = 0; i < 400000; i++) {
		buf_addf(&text, ",\"%06x\":1", i);
	}
	buf_add_z(&text, "}");
	assert_int_equal(json_parse(&a, buf_str(&text), &limits, &j, &e), 0);
	assert_int_equal(json_without(&a, j, "left")->count, 400000);
}

static void
a_member_is_written_alone(void **state)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    json_parse(&a, STR("{\"a\":[1,[2]],\"b\":3}"), NULL, &j, &e), 0);
	assert_written(j->first, "[1,[2]]");
	assert_written(j->first->first, "1");
}

static void
strings_are_escaped_as_rfc_8785_asks(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	json_write_string(
	    &b, STR("\"\\/\b\f\n\r\t\0\x1f\x7f \xc3\xa9\xf0\x9f\x98\x80"));
	assert_string_equal(buf_z(&b),
	    "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f "
	    "\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void
bytes_that_are_not_utf8_become_a_replacement_character(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	json_write_string(&b, STR("a\xff\xc3z\xe2\x82"));
	assert_string_equal(buf_z(&b),
	    "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* Eight bytes are looked at together: each byte, wherever it stands. */
static void
every_byte_is_written_alike_in_every_place(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char one[2] = { (char)c, 0 };
		auto_buf alone = { 0 };

		json_write_string(&alone, str_span(one, 1));
		for (size_t place = 0; place < 17; place++) {
			char text[17];
			auto_buf b = { 0 };
			auto_buf expected = { 0 };

			memset(text, 'x', sizeof(text));
			text[place] = one[0];
			json_write_string(&b, str_span(text, sizeof(text)));
			text[place] = 'x';
			buf_add_byte(&expected, '"');
			buf_add(&expected, str_span(text, place));
			buf_add(&expected,
			    str_sub(buf_str(&alone), 1, alone.len - 2));
			buf_add(&expected, str_span(text, 16 - place));
			buf_add_byte(&expected, '"');
			assert_string_equal(buf_z(&b), buf_z(&expected));
		}
	}
}

static void
a_plain_byte_beside_a_strange_one_is_kept(void **state)
{
	(void)state;
	for (unsigned c = 0x20; c < 0x80; c++) {
		char text[8] = { '\n', (char)c, '\0', (char)c, '"', (char)c,
			'\\', (char)c };
		auto_buf b = { 0 };
		auto_buf expected = { 0 };
		auto_buf one = { 0 };

		json_write_string(&one, str_span(text + 1, 1));
		struct str plain = str_sub(buf_str(&one), 1, one.len - 2);

		buf_addf(&expected,
		    "\"\\n" STR_FMT "\\u0000" STR_FMT "\\\"" STR_FMT
		    "\\\\" STR_FMT "\"",
		    STR_ARG(plain), STR_ARG(plain), STR_ARG(plain),
		    STR_ARG(plain));
		json_write_string(&b, str_span(text, sizeof(text)));
		assert_string_equal(buf_z(&b), buf_z(&expected));
	}
}

static void
the_stream_writes_every_size_of_number(void **state)
{
	auto_buf b = { 0 };
	struct json_out o;

	(void)state;
	json_out_init(&o, &b);
	json_out_array(&o, NULL);
	json_out_i64(&o, NULL, 0);
	json_out_i64(&o, NULL, 10);
	json_out_i64(&o, NULL, INT64_MAX);
	json_out_i64(&o, NULL, INT64_MIN);
	json_out_end(&o, ']');
	assert_string_equal(
	    buf_z(&b), "[0,10,9223372036854775807,-9223372036854775808]");
}

static void
what_only_toml_knows_has_a_form(void **state)
{
	auto_arena a = { 0 };
	struct json *j = json_new(&a, JSON_ARRAY);

	(void)state;
	json_push(j, json_new(&a, JSON_NUMBER))->text = STR("inf");
	json_push(j, json_new(&a, JSON_NUMBER))->text = STR("-nan");
	json_push(j, json_new(&a, JSON_DATETIME))->text = STR("2026-11-23");
	assert_written(j, "[null,null,\"2026-11-23\"]");
}

static void
pretty_is_two_spaces_a_level(void **state)
{
	auto_arena a = { 0 };
	auto_buf b = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    json_parse(&a, STR("{\"a\":[1,{\"b\":2}],\"c\":[],\"d\":{}}"), NULL,
	        &j, &e),
	    0);
	json_write_pretty(&b, j);
	assert_string_equal(buf_z(&b),
	    "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n"
	    "  \"c\": [],\n  \"d\": {}\n}");
}

static void
the_stream_puts_every_comma(void **state)
{
	auto_arena a = { 0 };
	auto_buf b = { 0 };
	struct json_out o;

	(void)state;
	json_out_init(&o, &b);
	json_out_object(&o, NULL);
	json_out_str(&o, "s", STR("\n"));
	json_out_z(&o, "z", "x");
	json_out_array(&o, "l");
	json_out_i64(&o, NULL, -1);
	json_out_object(&o, NULL);
	json_out_end(&o, '}');
	json_out_array(&o, NULL);
	json_out_end(&o, ']');
	json_out_bool(&o, NULL, true);
	json_out_end(&o, ']');
	json_out_null(&o, "n");
	json_out_value(&o, "v", json_new_i64(&a, 5));
	json_out_end(&o, '}');
	assert_string_equal(buf_z(&b),
	    "{\"s\":\"\\n\",\"z\":\"x\",\"l\":[-1,{},[],true],"
	    "\"n\":null,\"v\":5}");
	assert_int_equal(o.depth, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_tree_is_built_and_members_are_replaced_in_place),
		cmocka_unit_test(a_copy_shares_nothing_and_may_be_of_a_member),
		cmocka_unit_test(
		    a_copy_leaves_out_one_member_and_keeps_the_others_in_order),
		cmocka_unit_test(a_copy_of_very_many_members_is_one_pass),
		cmocka_unit_test(a_member_is_written_alone),
		cmocka_unit_test(strings_are_escaped_as_rfc_8785_asks),
		cmocka_unit_test(
		    bytes_that_are_not_utf8_become_a_replacement_character),
		cmocka_unit_test(every_byte_is_written_alike_in_every_place),
		cmocka_unit_test(a_plain_byte_beside_a_strange_one_is_kept),
		cmocka_unit_test(the_stream_writes_every_size_of_number),
		cmocka_unit_test(what_only_toml_knows_has_a_form),
		cmocka_unit_test(pretty_is_two_spaces_a_level),
		cmocka_unit_test(the_stream_puts_every_comma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
