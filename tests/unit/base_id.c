/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base.h"

static void
ids_are_version_7_unique_and_in_order(void **state)
{
	struct id before = { "00000000-0000-7000-8000-000000000000" };

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct id id = id_new();
		assert_true(id_valid(str_of(id.text)));
		assert_int_equal(id.text[14], '7');
		assert_true(str_has(STR("89ab"), id.text[19]));
		assert_true(strcmp(before.text, id.text) < 0);
		before = id;
	}
}

static void
an_id_begins_with_the_time_of_its_making(void **state)
{
	uint8_t bytes[6];
	int64_t ms = 0;
	struct id id = id_new();
	auto_buf hex = { 0 };

	(void)state;
	buf_add(&hex, str_span(id.text, 8));
	buf_add(&hex, str_span(id.text + 9, 4));
	assert_true(hex_bytes(buf_str(&hex), bytes, sizeof(bytes)));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ms = ms * 256 + bytes[i];
	}
	int64_t now = wall_now().us / 1000;
	assert_true(ms <= now + 1000 && ms > now - 60000);
}

static void
id_valid_takes_both_cases_and_nothing_else(void **state)
{
	(void)state;
	assert_true(id_valid(STR("0190163D-8694-739b-aea5-966c26f8ad91")));
	assert_false(id_valid(STR("0190163d-8694-739b-aea5-966c26f8ad9")));
	assert_false(id_valid(STR("0190163d-8694-739b-aea5-966c26f8ad911")));
	assert_false(id_valid(STR("0190163d-8694-739b-aea5-966c26f8ad9g")));
	assert_false(id_valid(STR("0190163d08694-739b-aea5-966c26f8ad91")));
	assert_false(id_valid(STR("0190163d-8694-739b-aea5-966c26f8ad-1")));
	assert_false(id_valid(STR("")));
}

static void
a_stamp_sorts_as_the_text_or_there_is_none(void **state)
{
	uint64_t stamp = 0;
	uint64_t before = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct id id = id_new();

		assert_true(id_stamp(str_of(id.text), &stamp));
		assert_true(before < stamp);
		before = stamp;
	}
	assert_true(
	    id_stamp(STR("0190163d-8694-739b-aea5-966c26f8ad91"), &stamp));
	assert_int_equal(stamp, 0x0190163d869439b);
	assert_false(
	    id_stamp(STR("0190163D-8694-739b-aea5-966c26f8ad91"), &stamp));
	assert_false(
	    id_stamp(STR("0190163d-8694-439b-aea5-966c26f8ad91"), &stamp));
	assert_false(
	    id_stamp(STR("0190163d-8694-73gb-aea5-966c26f8ad91"), &stamp));
	assert_false(
	    id_stamp(STR("0190163d08694-739b-aea5-966c26f8ad91"), &stamp));
	assert_false(
	    id_stamp(STR("0190163d-8694 739b-aea5-966c26f8ad91"), &stamp));
	assert_false(id_stamp(STR("0190163d-8694-739b"), &stamp));
}

static void
random_bytes_fill_exactly_what_was_asked(void **state)
{
	uint8_t bytes[66];
	uint8_t seen = 0;

	(void)state;
	for (int i = 0; i < 64; i++) {
		memset(bytes, 0, sizeof(bytes));
		random_bytes(bytes + 1, 64);
		assert_int_equal(bytes[0] | bytes[65], 0);
		seen = (uint8_t)(seen | bytes[64]);
	}
	assert_int_not_equal(seen, 0);
	assert_true(random_u64() != random_u64());
}

static void
hex_goes_there_and_back(void **state)
{
	auto_buf b = { 0 };
	uint8_t out[4] = { 9, 9, 9, 9 };
	char text[9];

	(void)state;
	hex_add(&b, STR("\x00\x7f\xab\xff"));
	assert_string_equal(buf_z(&b), "007fabff");
	assert_true(hex_bytes(STR("007FaBff"), out, 4));
	hex_text(out, 4, text);
	assert_string_equal(text, "007fabff");
	assert_int_equal(hex_digit('0'), 0);
	assert_int_equal(hex_digit('9'), 9);
	assert_int_equal(hex_digit('a'), 10);
	assert_int_equal(hex_digit('F'), 15);
	assert_int_equal(hex_digit('g'), -1);
	assert_int_equal(hex_digit('@'), -1);
	assert_int_equal(hex_digit('\0'), -1);
	assert_false(hex_bytes(STR("007fabf"), out, 4));
	assert_false(hex_bytes(STR("007fabff0"), out, 4));
	assert_false(hex_bytes(STR("007fabff00"), out, 4));
	assert_false(hex_bytes(STR("11111g11"), out, 4));
	hex_text(out, 4, text);
	assert_string_equal(text, "007fabff");
}

/* RFC 4648 §10. */
static void
base64_gives_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain;
		const char *coded;
	} vectors[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		auto_buf coded = { 0 };
		auto_buf plain = { 0 };
		base64_add(&coded, str_of(vectors[i].plain));
		assert_string_equal(buf_z(&coded), vectors[i].coded);
		assert_true(base64_decode(&plain, buf_str(&coded)));
		assert_string_equal(buf_z(&plain), vectors[i].plain);
	}
}

static void
base64url_is_unpadded_and_read_back(void **state)
{
	auto_buf coded = { 0 };
	auto_buf plain = { 0 };

	(void)state;
	base64url_add(&coded, STR("\xfb\xff\xfe\x3e"));
	assert_string_equal(buf_z(&coded), "-__-Pg");
	assert_true(base64_decode(&plain, buf_str(&coded)));
	assert_true(str_eq(buf_str(&plain), STR("\xfb\xff\xfe\x3e")));
	buf_clear(&plain);
	assert_true(base64_decode(&plain, STR("+//+Pg==")));
	assert_true(str_eq(buf_str(&plain), STR("\xfb\xff\xfe\x3e")));
}

static void
base64_refuses_every_second_spelling(void **state)
{
	static const char *const bad[] = { "Z", "Zg=", "Zg===", "=",
		"====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9v", "Zm9v\n",
		"Z=g=", "-+__", "Zm9v=", "Zm9v====", "Zm9vY" };
	auto_buf plain = { 0 };

	(void)state;
	buf_add_z(&plain, "kept");
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(base64_decode(&plain, str_of(bad[i])));
		assert_string_equal(buf_z(&plain), "kept");
	}
}

static void
equality_in_constant_time_is_equality(void **state)
{
	char secret[] = "secret";

	(void)state;
	assert_true(equal_const_time("abc", "abc", 3));
	assert_false(equal_const_time("abc", "abd", 3));
	assert_false(equal_const_time("xbc", "abc", 3));
	assert_true(equal_const_time("a", "b", 0));
	for (size_t len = 1; len <= 40; len++) {
		uint8_t one[40] = { 0 };
		uint8_t other[40] = { 0 };

		/* Behind its end nobody looks. */
		memset(other + len, 1, sizeof(other) - len);
		assert_true(equal_const_time(one, other, len));
		for (size_t at = 0; at < len; at++) {
			other[at] = 0x80;
			assert_false(equal_const_time(one, other, len));
			other[at] = 0;
		}
	}
	wipe(secret, sizeof(secret));
	assert_memory_equal(secret, "\0\0\0\0\0\0\0", sizeof(secret));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_version_7_unique_and_in_order),
		cmocka_unit_test(an_id_begins_with_the_time_of_its_making),
		cmocka_unit_test(a_stamp_sorts_as_the_text_or_there_is_none),
		cmocka_unit_test(id_valid_takes_both_cases_and_nothing_else),
		cmocka_unit_test(random_bytes_fill_exactly_what_was_asked),
		cmocka_unit_test(hex_goes_there_and_back),
		cmocka_unit_test(base64_gives_the_vectors_of_rfc_4648),
		cmocka_unit_test(base64url_is_unpadded_and_read_back),
		cmocka_unit_test(base64_refuses_every_second_spelling),
		cmocka_unit_test(equality_in_constant_time_is_equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
