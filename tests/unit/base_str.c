/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void
equality_looks_at_every_byte_and_the_length(void **state)
{
	(void)state;
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("ab"), STR("abc")));
	assert_true(str_eq(str_of(NULL), STR("")));
	assert_true(str_eq_z(STR("ab"), "ab"));
	assert_true(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
	assert_false(str_eq_nocase(STR("k"), STR("\xe2\x84\xaa")));
	assert_false(str_eq_nocase(STR("["), STR("{")));
}

static void
order_is_by_unsigned_byte_then_length(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_int_equal(str_cmp(STR(""), str_of(NULL)), 0);
}

static void
starts_ends_and_has_find_what_is_there(void **state)
{
	(void)state;
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_false(str_ends(STR("c"), STR("bc")));
	assert_true(str_starts(STR(""), STR("")));
	assert_true(str_has(STR("abc"), 'c'));
	assert_false(str_has(STR(""), 0));
	assert_true(str_has_str(STR("abcd"), STR("bc")));
	assert_false(str_has_str(STR("abcd"), STR("cb")));
	assert_true(str_has_str(STR(""), STR("")));
}

static void
trim_takes_blanks_and_tabs_only(void **state)
{
	(void)state;
	assert_true(str_eq(str_trim(STR(" \ta b\t ")), STR("a b")));
	assert_true(str_eq(str_trim(STR("\n a")), STR("\n a")));
	assert_int_equal(str_trim(STR(" \t")).len, 0);
}

static void
sub_is_clamped_to_the_string(void **state)
{
	(void)state;
	assert_true(str_eq(str_sub(STR("abc"), 1, 1), STR("b")));
	assert_true(str_eq(str_sub(STR("abc"), 1, SIZE_MAX), STR("bc")));
	assert_int_equal(str_sub(STR("abc"), 9, 9).len, 0);
}

static void
cut_gives_every_field_and_says_which_is_the_last(void **state)
{
	struct str rest = STR("a,,b");
	struct str head;

	(void)state;
	assert_true(str_cut(&rest, ',', &head));
	assert_true(str_eq(head, STR("a")));
	assert_true(str_cut(&rest, ',', &head));
	assert_int_equal(head.len, 0);
	assert_false(str_cut(&rest, ',', &head));
	assert_true(str_eq(head, STR("b")));
	assert_int_equal(rest.len, 0);
	assert_false(str_cut(&rest, ',', &head));
	assert_int_equal(head.len, 0);
}

static void
numbers_take_digits_only_and_never_wrap(void **state)
{
	uint64_t u = 7;
	int64_t i = 7;

	(void)state;
	assert_true(str_u64(STR("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
	assert_false(str_u64(STR("18446744073709551616"), &u));
	assert_false(str_u64(STR("99999999999999999999"), &u));
	assert_false(str_u64(STR(""), &u));
	assert_false(str_u64(STR("+1"), &u));
	assert_false(str_u64(STR(" 1"), &u));
	assert_false(str_u64(STR("1a"), &u));
	assert_true(u == UINT64_MAX);
	assert_true(str_i64(STR("-9223372036854775808"), &i));
	assert_true(i == INT64_MIN);
	assert_true(str_i64(STR("9223372036854775807"), &i));
	assert_true(i == INT64_MAX);
	assert_false(str_i64(STR("9223372036854775808"), &i));
	assert_false(str_i64(STR("-9223372036854775809"), &i));
	assert_false(str_i64(STR("-"), &i));
	assert_false(str_i64(STR("--1"), &i));
}

static void
copy_takes_what_fits_whole_and_nothing_else(void **state)
{
	char field[4] = "zzz";

	(void)state;
	assert_true(str_copy(field, sizeof(field), STR("abc")));
	assert_string_equal(field, "abc");
	assert_false(str_copy(field, sizeof(field), STR("abcd")));
	assert_string_equal(field, "");
	assert_false(str_copy(field, sizeof(field), STR("a\0b")));
	assert_string_equal(field, "");
	assert_true(str_copy(field, sizeof(field), STR("")));
	assert_false(str_copy(field, 0, STR("")));
}

static void
utf8_knows_the_edges_of_every_length(void **state)
{
	(void)state;
	assert_int_equal(str_utf8(STR("\x7f")), 1);
	assert_int_equal(str_utf8(STR("\xc2\x80")), 2);
	assert_int_equal(str_utf8(STR("\xdf\xbf")), 2);
	assert_int_equal(str_utf8(STR("\xe0\xa0\x80")), 3);
	assert_int_equal(str_utf8(STR("\xed\x9f\xbf")), 3);
	assert_int_equal(str_utf8(STR("\xee\x80\x80")), 3);
	assert_int_equal(str_utf8(STR("\xf0\x90\x80\x80")), 4);
	assert_int_equal(str_utf8(STR("\xf4\x8f\xbf\xbf")), 4);
}

static void
utf8_refuses_overlong_surrogate_large_and_cut(void **state)
{
	(void)state;
	assert_int_equal(str_utf8(STR("")), 0);
	assert_int_equal(str_utf8(STR("\x80")), 0);
	assert_int_equal(str_utf8(STR("\xc0\x80")), 0);
	assert_int_equal(str_utf8(STR("\xc1\xbf")), 0);
	assert_int_equal(str_utf8(STR("\xe0\x9f\xbf")), 0);
	assert_int_equal(str_utf8(STR("\xed\xa0\x80")), 0);
	assert_int_equal(str_utf8(STR("\xf0\x8f\xbf\xbf")), 0);
	assert_int_equal(str_utf8(STR("\xf4\x90\x80\x80")), 0);
	assert_int_equal(str_utf8(STR("\xf5\x80\x80\x80")), 0);
	assert_int_equal(str_utf8(STR("\xe2\x82")), 0);
	assert_int_equal(str_utf8(STR("\xc3(")), 0);
	assert_true(str_is_utf8(STR("gr\xc3\xbc\xc3\x9f")));
	assert_false(str_is_utf8(STR("gr\xfc")));
}

static void
a_byte_that_is_no_utf8_is_found_wherever_it_stands(void **state)
{
	static const char good[] = "abcdefghijklmnopq\xc3\xbc";
	char text[sizeof(good)];

	(void)state;
	for (size_t len = 0; len < sizeof(good); len++) {
		/* The last letter is there only with both its bytes. */
		assert_int_equal(
		    str_is_utf8(str_span(good, len)), len != sizeof(good) - 2);
		for (size_t i = 0; i < len; i++) {
			memcpy(text, good, sizeof(text));
			text[i] = '\xfc';
			assert_false(str_is_utf8(str_span(text, len)));
		}
	}
}

static void
a_text_is_cut_between_characters(void **state)
{
	struct str text = STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z");
	static const size_t whole[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11 };

	(void)state;
	for (size_t most = 0; most < COUNT(whole); most++) {
		struct str cut = str_utf8_cut(text, most);

		assert_ptr_equal(cut.at, text.at);
		assert_int_equal(cut.len, whole[most]);
	}
	assert_int_equal(str_utf8_cut(text, SIZE_MAX).len, text.len);
	assert_int_equal(str_utf8_cut(STR("\x80\x80\x80"), 2).len, 0);
	assert_int_equal(str_utf8_cut(STR(""), 0).len, 0);
}

static void
a_text_that_was_cut_loses_the_character_that_broke(void **state)
{
	struct str text = STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z");

	(void)state;
	for (size_t len = 0; len <= text.len; len++) {
		struct str whole = str_utf8_whole(str_sub(text, 0, len));

		assert_ptr_equal(whole.at, text.at);
		assert_int_equal(whole.len, str_utf8_cut(text, len).len);
	}
	/* What was never UTF-8 is no worse behind it. */
	assert_int_equal(str_utf8_whole(STR("\x80\x80\x80\x80")).len, 4);
	assert_int_equal(str_utf8_whole(STR("a\xff")).len, 1);
	assert_int_equal(str_utf8_whole(STR("\xe2")).len, 0);
}

static void
a_field_holds_what_fits_in_whole_characters(void **state)
{
	char field[6];

	(void)state;
	str_fit(field, sizeof(field), STR("short"));
	assert_string_equal(field, "short");
	str_fit(field, sizeof(field), STR("longer"));
	assert_string_equal(field, "longe");
	str_fit(field, sizeof(field), STR("long\xc3\xbc"));
	assert_string_equal(field, "long");
	str_fit(field, sizeof(field), STR("lon\xc3\xbc"));
	assert_string_equal(field, "lon\xc3\xbc");
	str_fit(field, sizeof(field), STR("a\0b"));
	assert_string_equal(field, "a");
	str_fit(field, sizeof(field), str_of(NULL));
	assert_string_equal(field, "");
	str_fit(field, 1, STR("a"));
	assert_string_equal(field, "");
}

/* Every character comes back from its number as the one that str_utf8 reads. */
static void
every_number_is_written_as_the_character_that_is_read(void **state)
{
	static const struct {
		uint32_t point;
		struct str text;
	} edges[] = {
		{ 0, STR("\0") },
		{ 0x7f, STR("\x7f") },
		{ 0x80, STR("\xc2\x80") },
		{ 0x7ff, STR("\xdf\xbf") },
		{ 0x800, STR("\xe0\xa0\x80") },
		{ 0xffff, STR("\xef\xbf\xbf") },
		{ 0x10000, STR("\xf0\x90\x80\x80") },
		{ 0x10ffff, STR("\xf4\x8f\xbf\xbf") },
	};
	char text[4];

	(void)state;
	for (size_t i = 0; i < COUNT(edges); i++) {
		size_t len =
		    (size_t)(str_put_utf8(text, edges[i].point) - text);

		assert_true(str_eq(str_span(text, len), edges[i].text));
	}
	for (uint32_t point = 0; point <= 0x10ffff; point++) {
		if (point == 0xd800) {
			point = 0xe000;
		}
		size_t len = (size_t)(str_put_utf8(text, point) - text);

		assert_int_equal(str_utf8(str_span(text, len)), len);
	}
}

static void
a_star_is_any_run_and_the_rest_is_itself(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool matches;
	} rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "", false },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "a*c", "abc", true },
		{ "a*c", "ac", true },
		{ "a*c", "abcd", false },
		{ "a*b*c", "aXbYbZc", true },
		{ "*ab", "aab", true },
		{ "a**", "a", true },
		{ "a*?", "ab", false },
		{ "ab", "aB", false },
		{ "abc*", "ab", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    str_glob(str_of(rows[i].pattern), str_of(rows[i].text)),
		    rows[i].matches);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_looks_at_every_byte_and_the_length),
		cmocka_unit_test(order_is_by_unsigned_byte_then_length),
		cmocka_unit_test(starts_ends_and_has_find_what_is_there),
		cmocka_unit_test(trim_takes_blanks_and_tabs_only),
		cmocka_unit_test(sub_is_clamped_to_the_string),
		cmocka_unit_test(
		    cut_gives_every_field_and_says_which_is_the_last),
		cmocka_unit_test(numbers_take_digits_only_and_never_wrap),
		cmocka_unit_test(copy_takes_what_fits_whole_and_nothing_else),
		cmocka_unit_test(utf8_knows_the_edges_of_every_length),
		cmocka_unit_test(utf8_refuses_overlong_surrogate_large_and_cut),
		cmocka_unit_test(
		    a_byte_that_is_no_utf8_is_found_wherever_it_stands),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(
		    a_text_that_was_cut_loses_the_character_that_broke),
		cmocka_unit_test(a_field_holds_what_fits_in_whole_characters),
		cmocka_unit_test(
		    every_number_is_written_as_the_character_that_is_read),
		cmocka_unit_test(a_star_is_any_run_and_the_rest_is_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
