/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "digest/digest.h"

#define BYTES_MAX 400
#define COUNT_MAX 70

static const enum digest_width widths[] = { DIGEST_4, DIGEST_8, DIGEST_16 };

/* By the library, whatever the processor has. */
static struct digest
witness(struct str bytes)
{
	struct digest_run run;

	digest_begin(&run);
	digest_add(&run, bytes);
	return digest_end(&run);
}

static void
assert_each(enum digest_width width, const struct str *bytes, size_t count)
{
	struct digest out[COUNT_MAX + 1];

	memset(out, 0xa5, sizeof(out));
	digest_many_by(width, bytes, count, out);
	for (size_t i = 0; i < count; i++) {
		assert_true(digest_eq(out[i], witness(bytes[i])));
	}
	assert_int_equal(out[count].bytes[0], 0xa5); /* not one more */
}

/* Round all edges of padding. */
static void
every_length_has_its_digest(void **state)
{
	uint8_t text[BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)(i * 7 + 1);
	}
	for (size_t w = 0; w < COUNT(widths); w++) {
		for (size_t len = 0; len < BYTES_MAX; len++) {
			struct str one = str_span(text, len);

			assert_each(widths[w], &one, 1);
		}
	}
}

static void
any_mixture_of_lengths_comes_out_in_its_order(void **state)
{
	uint8_t text[BYTES_MAX];
	uint64_t seed = random_u64();

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 300; round++) {
		struct str bytes[COUNT_MAX];
		size_t count = 0;

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 6364136223846793005ULL +
			       1442695040888963407ULL;
			text[i] = (uint8_t)(seed >> 56);
		}
		count = text[0] % (COUNT_MAX + 1);
		for (size_t i = 0; i < count; i++) {
			size_t from = text[i + 1];

			bytes[i] = str_span(
			    text + from, text[i + 80] % (BYTES_MAX - from));
		}
		for (size_t w = 0; w < COUNT(widths); w++) {
			assert_each(widths[w], bytes, count);
		}
	}
}

static void
few_and_none_are_right_too(void **state)
{
	const struct str bytes[] = { STR("abc"), STR(""), str_of(NULL) };
	struct digest out[3] = { 0 };

	(void)state;
	digest_many(bytes, 0, out);
	assert_true(digest_is_zero(out[0]));
	digest_many(bytes, 2, out);
	assert_true(digest_eq(out[0], digest_of(STR("abc"))));
	assert_true(digest_eq(out[1], digest_of(STR(""))));
	assert_true(digest_is_zero(out[2]));
	digest_many(bytes, 3, out);
	assert_true(digest_eq(out[2], digest_of(STR(""))));
}

/* FIPS 180-4's million letters, beside short ones. */
static void
a_long_one_does_not_hold_up_the_short(void **state)
{
	char *million = malloc(1000000);
	struct str bytes[9];
	struct digest out[9];
	char text[DIGEST_TEXT];

	(void)state;
	assert_non_null(million);
	memset(million, 'a', 1000000);
	for (size_t i = 0; i < 9; i++) {
		bytes[i] = STR("abc");
	}
	bytes[4] = str_span(million, 1000000);
	digest_many(bytes, 9, out);
	digest_text(out[4], text);
	assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67"
	                          "f1809a48a497200e046d39ccc7112cd0");
	assert_true(digest_eq(out[8], digest_of(STR("abc"))));
	free(million);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_has_its_digest),
		cmocka_unit_test(any_mixture_of_lengths_comes_out_in_its_order),
		cmocka_unit_test(few_and_none_are_right_too),
		cmocka_unit_test(a_long_one_does_not_hold_up_the_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
