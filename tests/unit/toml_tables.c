/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "toml/toml.h"

static void
assert_reads(const char *text, const char *as_json)
{
	auto_arena a = { 0 };
	auto_buf b = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (toml_parse(&a, str_of(text), "t.toml", &j, &e) < 0) {
		fail_msg("%s", e.text);
	}
	json_write(&b, j);
	assert_string_equal(buf_z(&b), as_json);
}

static void
assert_refused(const char *text, const char *reason)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (toml_parse(&a, str_of(text), "t.toml", &j, &e) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_null(j);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, reason);
}

static void
keys_are_bare_quoted_or_dotted(void **state)
{
	(void)state;
	assert_reads("bare_key-1 = 1\n1234 = 2\n\"q k\" = 3\n'l.k' = 4\n"
	             "\"\" = 5",
	    "{\"bare_key-1\":1,\"1234\":2,\"q k\":3,\"l.k\":4,\"\":5}");
	assert_reads("a . \"b c\" . 'd' = 1\na.e = 2\n3.14 = 'pi'",
	    "{\"a\":{\"b c\":{\"d\":1},\"e\":2},\"3\":{\"14\":\"pi\"}}");
	assert_reads("\"\\u0061\" = 1", "{\"a\":1}");
}

static void
broken_keys_are_refused(void **state)
{
	(void)state;
	assert_refused("= 1", "t.toml:1:1: expected a key, found \"=\"");
	assert_refused("a. = 1", "t.toml:1:4: expected a key, found \"=\"");
	assert_refused(".a = 1", "t.toml:1:1: expected a key, found \".\"");
	assert_refused(
	    "a b = 1", "t.toml:1:3: expected '=' after the key, found \"b\"");
	assert_refused("a\n= 1",
	    "t.toml:1:2: expected '=' after the key, found the end of the "
	    "line");
	assert_refused("a =\n1",
	    "t.toml:1:4: expected a value, found the end of the line");
	assert_refused(
	    "\xc3\xbc = 1", "t.toml:1:1: expected a key, found \"\\xc3\\xbc\"");
	assert_refused("\"\"\"a\"\"\" = 1",
	    "t.toml:1:3: expected '=' after the key, found \"\\\"\"");
	assert_refused("a", "t.toml:1:2: expected '=' after the key, found "
	                    "the end of the file");
}

static void
headers_make_tables_in_any_order(void **state)
{
	(void)state;
	assert_reads("[a.b.c]\nx=1\n[a]\ny=2\n[a.b]\nz=3\n[ d . 'e' ] # c\n",
	    "{\"a\":{\"b\":{\"c\":{\"x\":1},\"z\":3},\"y\":2},"
	    "\"d\":{\"e\":{}}}");
	assert_reads("[a.b]\n[c]\n[a.d]\n[a]", "{\"a\":{\"b\":{},\"d\":{}},"
	                                       "\"c\":{}}");
}

static void
broken_headers_are_refused(void **state)
{
	(void)state;
	assert_refused("[]", "t.toml:1:2: expected a key, found \"]\"");
	assert_refused("[a",
	    "t.toml:1:3: expected ']' after the name, found the end of the "
	    "file");
	assert_refused(
	    "[a]]", "t.toml:1:4: expected the end of the line, found \"]\"");
	assert_refused(
	    "[[a]", "t.toml:1:4: expected ']]' after the name, found \"]\"");
	assert_refused(
	    "[[a] ]", "t.toml:1:4: expected ']]' after the name, found \"]\"");
	assert_refused("[ [a]]", "t.toml:1:3: expected a key, found \"[\"");
	assert_refused(
	    "[a] b=1", "t.toml:1:5: expected the end of the line, found \"b\"");
	assert_refused("[a.]", "t.toml:1:4: expected a key, found \"]\"");
	assert_refused("[a\n]",
	    "t.toml:1:3: expected ']' after the name, found the end of the "
	    "line");
}

static void
a_series_of_tables_grows_and_holds_subtables(void **state)
{
	(void)state;
	assert_reads("[[f]]\nn=1\n[f.p]\nc='r'\n[[f.v]]\nm=1\n[[f.v]]\nm=2\n"
	             "[[f]]\n[[f.v]]\nm=3\n[f.v.w]\n",
	    "{\"f\":[{\"n\":1,\"p\":{\"c\":\"r\"},\"v\":[{\"m\":1},{\"m\":2}]},"
	    "{\"v\":[{\"m\":3,\"w\":{}}]}]}");
}

static void
inline_tables_are_read(void **state)
{
	(void)state;
	assert_reads("a = {}\nb = { }\nc = { x = 1, y.z = 2, y.w = [ {} ] }",
	    "{\"a\":{},\"b\":{},\"c\":{\"x\":1,\"y\":{\"z\":2,\"w\":[{}]}}}");
	assert_reads("a = { b = [\n1,\n] , c = {d={}} }",
	    "{\"a\":{\"b\":[1],\"c\":{\"d\":{}}}}");
}

static void
broken_inline_tables_are_refused(void **state)
{
	(void)state;
	assert_refused(
	    "a = {b=1,}", "t.toml:1:10: expected a key, found \"}\"");
	assert_refused("a = {,}", "t.toml:1:6: expected a key, found \",\"");
	assert_refused("a = {b=1\n}",
	    "t.toml:1:9: expected ',' or '}' on the same line, found the end "
	    "of the line");
	assert_refused("a = {\nb=1}",
	    "t.toml:1:6: expected a key, found the end of the line");
	assert_refused("a = {b=1, b=2}", "t.toml:1:11: \"b\" is already there");
	assert_refused("a = {b=1, b.c=2}",
	    "t.toml:1:11: \"b\" is already there and is no table");
	assert_refused(
	    "a = {b.c=1, b={}}", "t.toml:1:13: \"b\" is already there");
	assert_refused("a = {b={}, b.c=1}",
	    "t.toml:1:12: \"b\" is a table that is already whole");
}

/* Every way to define something twice. */
static const char *const twice[] = {
	"a=1\na=2",
	"a=1\n\"a\"=2",
	"a=1\na.b=2",
	"a.b=1\na=2",
	"a.b=1\na.b=2",
	"a.b=1\na.b.c=2",
	"[a]\n[a]",
	"a=1\n[a]",
	"a=1\n[a.b]",
	"[a]\nb=1\n[a.b]",
	"[a]\nb=1\n[a.b.c]",
	"[a.b]\n[a]\nb=1",
	"[a]\nb.c=1\n[a.b]",
	"[a]\nb.c.d=1\n[a.b.c]",
	"a.b=1\n[a]",
	"[a.b.c]\nz=9\n[a]\nb.c.t=1",
	"[a.b]\n[a]\nb.y=2",
	"a={}\n[a]",
	"a={}\n[a.b]",
	"a={}\na.b=1",
	"a={b.c=1}\n[a.b.d]",
	"a={b={}}\n[a.b.c]",
	"[t]\na={}\n[t.a.b]",
	"[a]\n[[a]]",
	"[[a]]\n[a]",
	"[[a.b]]\n[a]\nb.y=2",
	"[[a.b]]\n[a.b]",
	"[a.b]\n[[a]]",
	"a.b=1\n[[a]]",
	"a=[]\n[[a]]",
	"a=[{}]\n[[a]]",
	"a=[{b=1}]\n[a.c]",
	"a=[{}]\n[[a.b]]",
	"[[a]]\na=1\n[[a.a]]",
	"a=[]\na.b=1",
	"[a.b.c]\n[a]\nb.x=1\n[a.b]",
};

static void
assert_twice(const char *text)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (toml_parse(&a, str_of(text), "t", &j, &e) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_int_equal(e.kind, ERR_INPUT);
}

static void
nothing_is_defined_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(twice); i++) {
		assert_twice(twice[i]);
	}
	assert_refused(
	    "[a]\nb=1\n[c]\n[a]", "t.toml:4:2: \"a\" is already there");
	assert_refused("a=1\n[a.b]",
	    "t.toml:2:2: \"a\" is already a value: no table can be added to "
	    "it");
}

static void
what_only_looks_like_twice_is_taken(void **state)
{
	(void)state;
	assert_reads("[f]\na.c=1\na.t.s=true\n[f.a.x]\ny=1",
	    "{\"f\":{\"a\":{\"c\":1,\"t\":{\"s\":true},\"x\":{\"y\":1}}}}");
	assert_reads("[a.b.c]\n[a]\nd=1", "{\"a\":{\"b\":{\"c\":{}},\"d\":1}}");
	assert_reads(
	    "a.x=1\nb.x=2\na.y=3", "{\"a\":{\"x\":1,\"y\":3},\"b\":{\"x\":2}}");
	assert_reads("[[a]]\nb=1\n[[a]]\nb=2", "{\"a\":[{\"b\":1},{\"b\":2}]}");
	assert_reads(
	    "[[a]]\n[a.b]\n[[a]]\n[a.b]", "{\"a\":[{\"b\":{}},{\"b\":{}}]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_bare_quoted_or_dotted),
		cmocka_unit_test(broken_keys_are_refused),
		cmocka_unit_test(headers_make_tables_in_any_order),
		cmocka_unit_test(broken_headers_are_refused),
		cmocka_unit_test(a_series_of_tables_grows_and_holds_subtables),
		cmocka_unit_test(inline_tables_are_read),
		cmocka_unit_test(broken_inline_tables_are_refused),
		cmocka_unit_test(nothing_is_defined_twice),
		cmocka_unit_test(what_only_looks_like_twice_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
