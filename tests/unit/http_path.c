/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

static void
becomes(struct str path, bool keep_slash, const char *wanted)
{
	auto_arena a = { 0 };
	struct err e = { 0 };
	struct str out = { 0 };
	int failed = http_path_canonical(&a, path, keep_slash, &out, &e);

	if (wanted) {
		assert_int_equal(failed, 0);
		assert_string_equal(arena_z(&a, out), wanted);
		return;
	}
	if (!failed) {
		print_error("accepted: %s\n", err_quote(path));
	}
	assert_int_equal(failed, -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_null(out.at);
}

static void
H12_a_path_has_one_form(void **state)
{
	(void)state;
	becomes(STR("/"), false, "/");
	becomes(STR("/a/b/"), false, "/a/b/");
	becomes(STR("/%7euser/%41%2d%2E%5f"), false, "/~user/A-._");
	becomes(STR("/a%20b%c3%a9%3f%23"), false, "/a%20b%C3%A9%3F%23");
	becomes(STR("/a;v=1/@scope/x:y!$&'()*+,="), false,
	    "/a;v=1/@scope/x:y!$&'()*+,=");
	becomes(STR("/..."), false, "/...");
	becomes(STR("/.git/a..b"), false, "/.git/a..b");
	becomes(STR("/100%25"), false, "/100%25");
	becomes(STR("/%25zz"), false, "/%25zz");
}

static void
H12_canonical_is_a_fixed_point(void **state)
{
	auto_arena a = { 0 };
	struct err e = { 0 };
	struct str once;
	struct str twice;

	(void)state;
	assert_int_equal(http_path_canonical(&a, STR("/%41%3b%e2%82%ac/x%25y"),
	                     false, &once, &e),
	    0);
	assert_int_equal(http_path_canonical(&a, once, false, &twice, &e), 0);
	assert_true(str_eq(once, twice));
}

static void
H12_dot_segments_however_written_are_refused(void **state)
{
	static const struct str cases[] = {
		STR("/a/../secret"),
		STR("/.."),
		STR("/."),
		STR("/./a"),
		STR("/a/."),
		STR("/%2e%2e/secret"),
		STR("/a/%2E."),
		STR("/a/.%2e/b"),
		STR("/%2e"),
		STR("/a/..;x=1/secret"),
		STR("/a;x=../secret"),
		STR("/a/;../b"),
		STR("/a/..%3bx/b"),
		STR("/a/%2e%2e%3b/b"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		becomes(cases[i], false, NULL);
		becomes(cases[i], true, NULL);
	}
}

static void
H12_dangerous_bytes_are_refused(void **state)
{
	static const struct str cases[] = {
		STR(""),
		STR("a"),
		STR("*"),
		STR("//"),
		STR("//evil.test/x"),
		STR("/a//b"),
		STR("/a\\b"),
		STR("/a%5cb"),
		STR("/a%5Cb"),
		STR("/a\0b"),
		STR("/a%00b"),
		STR("/a%0ab"),
		STR("/a%0D%0Ab"),
		STR("/a%7f"),
		STR("/a#b"),
		STR("/a?b"),
		STR("/\xc3\xa9"),
		STR("/%ff"),
		STR("/%c0%ae%c0%ae/x"),
		STR("/%ed%a0%80"),
		STR("/a b"),
		STR("/a\"b"),
		STR("/a<b"),
		STR("/a|b"),
		STR("/a^b"),
		STR("/%"),
		STR("/%4"),
		STR("/%4g"),
		STR("/%g4"),
		STR("/%u002e"),
		STR("/%252e%252e/x"),
		STR("/%252f"),
		STR("/%255c"),
		STR("/%2500"),
		STR("/%250a"),
		STR("/%257f"),
		STR("/%25%32%65"),
		STR("/%252%65"),
		STR("/%25252e"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		becomes(cases[i], false, NULL);
		becomes(cases[i], true, NULL);
	}
	/* It ends where it ends. */
	becomes(str_sub(STR("/%41"), 0, 3), false, NULL);
	becomes(str_sub(STR("/%41"), 0, 2), false, NULL);
}

static void
H16_no_part_of_a_target_is_longer_than_one(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct str out;

	(void)state;
	buf_add_z(&text, "http://a/");
	while (text.len < HTTP_TARGET_MAX + 9) {
		buf_add_byte(&text, 'a');
	}
	for (size_t over = 0; over < 2; over++) {
		struct str part =
		    str_sub(buf_str(&text), 8, HTTP_TARGET_MAX + over);
		struct str url =
		    str_sub(buf_str(&text), 0, HTTP_TARGET_MAX + over);
		struct http_url u;
		struct err e = { 0 };
		int refused = over ? -1 : 0;

		assert_int_equal(
		    http_path_canonical(&a, part, false, &out, &e), refused);
		assert_int_equal(e.kind, over ? ERR_LIMIT : ERR_NONE);
		e = (struct err){ 0 };
		assert_int_equal(
		    http_query_canonical(&a, part, &out, &e), refused);
		assert_int_equal(e.kind, over ? ERR_LIMIT : ERR_NONE);
		e = (struct err){ 0 };
		assert_int_equal(http_url_parse(url, &u, &e), refused);
		assert_int_equal(e.kind, over ? ERR_LIMIT : ERR_NONE);
	}
}

static void
H12_an_encoded_slash_needs_a_rule(void **state)
{
	(void)state;
	becomes(STR("/@scope%2fname"), false, NULL);
	becomes(STR("/@scope%2fname"), true, "/@scope%2Fname");
	becomes(STR("/a%2f..%2fb"), true, NULL);
	becomes(STR("/a%2f%2fb"), true, NULL);
	becomes(STR("/a/%2f"), true, NULL);
}

static void
a_query_has_one_form(void **state)
{
	auto_arena a = { 0 };
	struct err e = { 0 };
	struct str out;

	(void)state;
	assert_int_equal(http_query_canonical(
	                     &a, STR("a[]=%41&b=%2f..%0a&c={x}|/?"), &out, &e),
	    0);
	assert_string_equal(arena_z(&a, out), "a[]=A&b=%2F..%0A&c={x}|/?");
	assert_int_equal(http_query_canonical(&a, STR("a b"), &out, &e), -1);
	assert_int_equal(http_query_canonical(&a, STR("a\r\nb"), &out, &e), -1);
	assert_int_equal(http_query_canonical(&a, STR("a%x"), &out, &e), -1);
	assert_int_equal(http_query_canonical(&a, STR("a#b"), &out, &e), -1);
	assert_int_equal(http_query_canonical(&a, STR(""), &out, &e), 0);
}

static void
a_url_is_taken_apart(void **state)
{
	struct http_url u;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    http_url_parse(STR("https://Api.test/v1/x?y=1?z"), &u, &e), 0);
	assert_true(str_eq_z(u.scheme, "https"));
	assert_true(str_eq_z(u.host, "Api.test"));
	assert_int_equal(u.port, 443);
	assert_true(str_eq_z(u.path, "/v1/x"));
	assert_true(u.has_query && str_eq_z(u.query, "y=1?z"));
	assert_int_equal(http_url_parse(STR("HTTP://[::1]:8080"), &u, &e), 0);
	assert_true(str_eq_z(u.host, "[::1]"));
	assert_int_equal(u.port, 8080);
	assert_true(str_eq_z(u.path, "/") && !u.has_query);
}

static void
N08_other_urls_are_refused(void **state)
{
	static const struct str cases[] = {
		STR(""),
		STR("api.test/x"),
		STR("//api.test"),
		STR("ftp://api.test/"),
		STR("file:///etc/passwd"),
		STR("https:/api.test"),
		STR("https://"),
		STR("https:///x"),
		STR("https://good.test@evil.test/"),
		STR("https://u:p@evil.test/"),
		STR("https://good.test\\@evil.test/"),
		STR("https://good.test:99999/"),
		STR("https://good.test:/"),
		STR("https://good.test:0/"),
		STR("https://good.test:0443/"),
		STR("https://good.test/#f"),
		STR("https://good.test/a b"),
		STR("https://good.test\r\n/"),
		STR("https://good\0.test/"),
		STR("https://g%6fod.test/"),
	};
	struct http_url u;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(http_url_parse(cases[i], &u, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(H12_a_path_has_one_form),
		cmocka_unit_test(H12_canonical_is_a_fixed_point),
		cmocka_unit_test(H12_dot_segments_however_written_are_refused),
		cmocka_unit_test(H12_dangerous_bytes_are_refused),
		cmocka_unit_test(H12_an_encoded_slash_needs_a_rule),
		cmocka_unit_test(H16_no_part_of_a_target_is_longer_than_one),
		cmocka_unit_test(a_query_has_one_form),
		cmocka_unit_test(a_url_is_taken_apart),
		cmocka_unit_test(N08_other_urls_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
