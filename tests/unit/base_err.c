/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/base.h"

static void
set_keeps_kind_and_text_and_answers_minus_one(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_LIMIT, "over %d", 5), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_string_equal(e.text, "over 5");
	assert_int_equal(err_wrap(&e, "file %s", "x"), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_string_equal(e.text, "file x: over 5");
}

static void
an_error_may_be_made_of_its_own_text(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)err_set(&e, ERR_IO, "inner");
	(void)err_set(&e, ERR_INPUT, "outer (%s)", e.text);
	assert_string_equal(e.text, "outer (inner)");
}

static void
sys_says_the_reason_even_behind_a_long_context(void **state)
{
	struct err e = { 0 };
	char longer[600];

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&e, "cannot open %s", "x"), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_string_equal(e.text, "cannot open x: No such file or directory");
	assert_int_equal(errno, ENOENT);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	(void)err_sys(&e, "%s", longer);
	assert_true(
	    str_ends(str_of(e.text), STR("aaa: No such file or directory")));
	(void)err_wrap(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void
every_kind_has_the_row_of_the_table(void **state)
{
	(void)state;
	assert_string_equal(err_name(ERR_NONE), "none");
	assert_int_equal(err_exit(ERR_NONE), 0);
#define ERR(kind, http, exit, retry, name)               \
	assert_string_equal(err_name(ERR_##kind), name); \
	assert_int_equal(err_http(ERR_##kind), http);    \
	assert_int_equal(err_exit(ERR_##kind), exit);    \
	assert_int_equal(err_retry(ERR_##kind), retry);
#include "base/errors.def"
#undef ERR
	assert_int_equal(err_exit(ERR_WAITING), 6);
}

static void
quote_shows_hostile_bytes_as_escapes(void **state)
{
	(void)state;
	assert_string_equal(err_quote(STR("plain text")), "\"plain text\"");
	assert_string_equal(err_quote(STR("a\"b\\c")), "\"a\\\"b\\\\c\"");
	assert_string_equal(err_quote(STR("\n\t\r\0")), "\"\\n\\t\\r\\x00\"");
	assert_string_equal(err_quote(STR("\x1b[31m\x7f\xc3\xa9")),
	    "\"\\x1b[31m\\x7f\\xc3\\xa9\"");
	assert_string_equal(err_quote(STR("")), "\"\"");
}

static void
quote_never_gives_more_than_eighty_bytes(void **state)
{
	char many[200];

	(void)state;
	memset(many, 'a', sizeof(many));
	for (size_t n = 70; n < 90; n++) {
		const char *shown = err_quote(str_span(many, n));
		assert_true(strlen(shown) <= 80);
		assert_true(n > 78 || strlen(shown) == n + 2);
		assert_int_equal(shown[strlen(shown) - 1], '"');
	}
	memset(many, 0xff, sizeof(many));
	const char *shown = err_quote(str_span(many, sizeof(many)));
	assert_true(strlen(shown) <= 80);
	assert_true(str_ends(str_of(shown), STR("...\"")));
}

static void
eight_quotes_live_at_once(void **state)
{
	const char *shown[8];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		char c = (char)('a' + i);
		shown[i] = err_quote(str_span(&c, 1));
	}
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(shown[i][1], 'a' + i);
	}
}

/* Two bytes each, behind one and behind two others: one of them is cut. */
static void
a_sentence_that_is_cut_ends_with_a_whole_character(void **state)
{
	struct err e = { 0 };
	char longer[601] = { 0 };

	(void)state;
	for (size_t i = 0; i < 600; i++) {
		longer[i] = i % 2 ? '\xbc' : '\xc3';
	}
	for (int before = 1; before <= 2; before++) {
		(void)err_set(&e, ERR_IO, "%.*s%s", before, "ab", longer);
		assert_true(strlen(e.text) >= sizeof(e.text) - 2);
		assert_true(str_is_utf8(str_of(e.text)));
		(void)err_wrap(&e, "%.*s", before, "cd");
		assert_true(strlen(e.text) >= sizeof(e.text) - 2);
		assert_true(str_is_utf8(str_of(e.text)));
		errno = ENOENT;
		(void)err_sys(&e, "%.*s%s", before, "ab", longer);
		assert_true(str_ends(str_of(e.text), STR("or directory")));
		assert_true(str_is_utf8(str_of(e.text)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_keeps_kind_and_text_and_answers_minus_one),
		cmocka_unit_test(an_error_may_be_made_of_its_own_text),
		cmocka_unit_test(
		    sys_says_the_reason_even_behind_a_long_context),
		cmocka_unit_test(
		    a_sentence_that_is_cut_ends_with_a_whole_character),
		cmocka_unit_test(every_kind_has_the_row_of_the_table),
		cmocka_unit_test(quote_shows_hostile_bytes_as_escapes),
		cmocka_unit_test(quote_never_gives_more_than_eighty_bytes),
		cmocka_unit_test(eight_quotes_live_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
