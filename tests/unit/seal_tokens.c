/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "seal/seal.h"

static const struct seal_tokens whole = {
	.expires = 1800000000,
	.access = { "at-1", 4 },
	.refresh = { "rt-22", 5 },
	.client = { "secret", 6 },
};

static void
make(const struct seal_tokens *tokens, struct buf *value)
{
	struct err e = { 0 };

	if (seal_tokens_write(tokens, value, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
what_was_written_is_read(void **state)
{
	auto_buf value = { 0 };
	struct seal_tokens read;
	struct err e = { 0 };

	(void)state;
	make(&whole, &value);
	assert_int_equal(seal_tokens_read(buf_str(&value), &read, &e), 0);
	assert_int_equal(read.expires, whole.expires);
	assert_true(str_eq(read.access, STR("at-1")));
	assert_true(str_eq(read.refresh, STR("rt-22")));
	assert_true(str_eq(read.client, STR("secret")));
}

static void
the_bytes_stand_where_the_design_draws_them(void **state)
{
	static const char bytes[] = "HRTK\x01\0\0\xd2\x49\x6b\0\0\0\0"
	                            "\x04\0at-1\x05\0rt-22\x06\0secret";
	auto_buf value = { 0 };

	(void)state;
	make(&whole, &value);
	assert_int_equal(value.len, sizeof(bytes) - 1);
	assert_memory_equal(value.at, bytes, value.len);
}

static void
a_login_under_way_has_a_fourth_text(void **state)
{
	struct seal_tokens begun = { .client = STR("secret"),
		.pending = STR("verifier") };
	struct seal_tokens read;
	auto_buf value = { 0 };
	struct err e = { 0 };

	(void)state;
	make(&begun, &value);
	assert_int_equal(value.at[4], 2);
	assert_int_equal(seal_tokens_read(buf_str(&value), &read, &e), 0);
	assert_true(str_eq(read.pending, STR("verifier")));
	for (size_t len = 0; len < value.len; len++) {
		assert_int_equal(
		    seal_tokens_read(str_span(value.at, len), &read, &e), -1);
	}
	/* One form for one set: without a fourth text it is format 1. */
	value.at[value.len - 10] = 0;
	value.len -= 8;
	assert_int_equal(seal_tokens_read(buf_str(&value), &read, &e), -1);
}

static void
a_cut_or_longer_set_is_refused(void **state)
{
	auto_buf value = { 0 };
	struct seal_tokens read;
	struct err e = { 0 };

	(void)state;
	make(&whole, &value);
	for (size_t len = 0; len < value.len; len++) {
		/* Behind a secret lies a page that may not be read. */
		auto_secret cut = secret_new(str_span(value.at, len));
		struct str bytes;

		secret_open(cut, &bytes);
		assert_int_equal(seal_tokens_read(bytes, &read, &e), -1);
	}
	buf_add_byte(&value, 'x');
	assert_int_equal(seal_tokens_read(buf_str(&value), &read, &e), -1);
	assert_null(strstr(e.text, "at-1"));
}

static void
what_is_no_set_of_tokens_is_refused(void **state)
{
	auto_buf value = { 0 };
	struct seal_tokens read;
	struct err e = { 0 };

	(void)state;
	make(&whole, &value);
	for (size_t bit = 0; bit < (size_t)8 * 6; bit++) {
		value.at[bit / 8] = (char)(value.at[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(
		    seal_tokens_read(buf_str(&value), &read, &e), -1);
		value.at[bit / 8] = (char)(value.at[bit / 8] ^ (1 << bit % 8));
	}
	assert_int_equal(seal_tokens_read(buf_str(&value), &read, &e), 0);
}

/* A longer text would not fit its length's two bytes. */
static void
tokens_over_their_bounds_are_refused(void **state)
{
	struct seal_tokens t = { .refresh = STR("rt-22") };
	struct seal_tokens read;
	auto_buf value = { 0 };
	auto_buf text = { 0 };
	size_t most = SEAL_VALUE_MAX - 14 - 8 - t.refresh.len;
	struct err e = { 0 };

	(void)state;
	memset(buf_room(&text, most + 1), 'x', most + 1);
	t.access = str_span(text.at, most + 1);
	assert_int_equal(seal_tokens_write(&t, &value, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(value.len, 0);
	t.access.len--;
	make(&t, &value);
	assert_in_range(value.len, most, SEAL_VALUE_MAX);
	assert_int_equal(seal_tokens_read(buf_str(&value), &read, &e), 0);
	assert_true(str_eq(read.access, t.access));
}

static void
each_text_is_looked_at(void **state)
{
	struct seal_tokens t = whole;
	struct str *const texts[] = { &t.access, &t.refresh, &t.client,
		&t.pending };
	auto_buf value = { 0 };
	struct err e = { 0 };

	(void)state;
	t.pending = STR("verifier");
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct str right = *texts[i];

		*texts[i] = STR("a\r\nb");
		assert_int_equal(seal_tokens_write(&t, &value, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		*texts[i] = right;
	}
	assert_int_equal(value.len, 0);
	make(&t, &value);
}

static void
a_token_that_could_break_a_header_is_refused(void **state)
{
	static const char *const wrong[] = { "a b", "a\rb", "a\nb", "a\x7f",
		"\xc3\xa4", "\t" };
	auto_buf value = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct seal_tokens t = whole;
		struct seal_tokens read;
		char *at;

		t.refresh = str_of(wrong[i]);
		assert_int_equal(seal_tokens_write(&t, &value, &e), -1);
		assert_int_equal(value.len, 0);
		/* Nor when somebody else wrote it. */
		make(&whole, &value);
		at = memmem(value.at, value.len, "rt-22", 5);
		assert_non_null(at);
		at[1] = wrong[i][strlen(wrong[i]) - 1];
		if (at[1] != 'b') {
			assert_int_equal(
			    seal_tokens_read(buf_str(&value), &read, &e), -1);
		}
		buf_clear(&value);
	}
}

static void
an_empty_set_and_a_time_without_a_date_are_refused(void **state)
{
	struct seal_tokens none = { .expires = 1 };
	static const int64_t ends[] = { -1, 253402300800, INT64_MAX };
	struct seal_tokens other = whole;
	auto_buf value = { 0 };
	struct err e = { 0 };

	(void)state;

	assert_int_equal(seal_tokens_write(&none, &value, &e), -1);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		other.expires = ends[i];
		assert_int_equal(seal_tokens_write(&other, &value, &e), -1);
		assert_int_equal(value.len, 0);
	}
	other.expires = ends[1] - 1; /* 9999-12-31T23:59:59Z */
	assert_int_equal(seal_tokens_write(&other, &value, &e), 0);
	((uint8_t *)value.at)[6] ^= 1; /* a second before */
	assert_int_equal(seal_tokens_read(buf_str(&value), &other, &e), 0);
	((uint8_t *)value.at)[13] ^= 1;
	assert_int_equal(seal_tokens_read(buf_str(&value), &other, &e), -1);
}

static void
each_token_alone_is_a_set(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct seal_tokens tokens = { 0 };
		struct seal_tokens read = { 0 };
		struct str *const texts[] = { &tokens.access, &tokens.refresh,
			&tokens.client, &tokens.pending };
		struct str *const back[] = { &read.access, &read.refresh,
			&read.client, &read.pending };
		auto_buf out = { 0 };
		struct err e = { 0 };

		*texts[i] = STR("!~"); /* the first and the last that may be */
		assert_int_equal(seal_tokens_write(&tokens, &out, &e), 0);
		assert_int_equal(seal_tokens_read(buf_str(&out), &read, &e), 0);
		assert_true(str_eq(*back[i], STR("!~")));
	}
}

static void
two_kinds_hold_tokens(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		assert_int_equal(seal_kind_is_tokens((enum seal_kind)kind),
		    kind == SEAL_MCP_OAUTH || kind == SEAL_OAUTH_REFRESH);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(the_bytes_stand_where_the_design_draws_them),
		cmocka_unit_test(a_login_under_way_has_a_fourth_text),
		cmocka_unit_test(a_cut_or_longer_set_is_refused),
		cmocka_unit_test(what_is_no_set_of_tokens_is_refused),
		cmocka_unit_test(tokens_over_their_bounds_are_refused),
		cmocka_unit_test(each_text_is_looked_at),
		cmocka_unit_test(a_token_that_could_break_a_header_is_refused),
		cmocka_unit_test(
		    an_empty_set_and_a_time_without_a_date_are_refused),
		cmocka_unit_test(each_token_alone_is_a_set),
		cmocka_unit_test(two_kinds_hold_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
