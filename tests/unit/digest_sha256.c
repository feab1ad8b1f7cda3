/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "digest/digest.h"

static void
assert_digest(struct digest d, const char *hex)
{
	char text[DIGEST_TEXT];

	digest_text(d, text);
	assert_string_equal(text, hex);
}

/* FIPS 180-4 examples (NIST, SHA-256). */
static void
the_examples_of_fips_180_come_out(void **state)
{
	(void)state;
	assert_digest(digest_of(STR("")), "e3b0c44298fc1c149afbf4c8996fb924"
	                                  "27ae41e4649b934ca495991b7852b855");
	assert_digest(digest_of(str_of(NULL)),
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
	assert_digest(digest_of(STR("abc")),
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	assert_digest(digest_of(STR("abcdbcdecdefdefgefghfghighijhi"
	                            "jkijkljklmklmnlmnomnopnopq")),
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1");
}

static void
a_run_in_pieces_is_the_digest_of_the_whole(void **state)
{
	struct digest_run run;
	char thousand[1000];

	(void)state;
	memset(thousand, 'a', sizeof(thousand));
	digest_begin(&run);
	for (int i = 0; i < 1000; i++) {
		digest_add(&run, str_span(thousand, sizeof(thousand)));
	}
	assert_digest(digest_end(&run), "cdc76e5c9914fb9281a1c7e284d73e67"
	                                "f1809a48a497200e046d39ccc7112cd0");
	digest_begin(&run);
	digest_add(&run, STR("a"));
	digest_add(&run, STR(""));
	digest_add(&run, STR("bc"));
	assert_true(digest_eq(digest_end(&run), digest_of(STR("abc"))));
}

/* By the library on the one side, on the other by the processor's instructions
 * where it has them; at any address. */
static void
every_length_is_the_same_in_pieces(void **state)
{
	char bytes[300 + 16];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (char)(i * 7 + i / 64);
	}
	for (size_t len = 0; len <= 300; len++) {
		struct str part = str_span(bytes + len % 16, len);
		struct digest_run run;

		digest_begin(&run);
		digest_add(&run, part);
		assert_true(digest_eq(digest_end(&run), digest_of(part)));
	}
}

static void
text_is_read_back_and_only_64_digits_are_taken(void **state)
{
	struct digest d = { 0 };
	struct digest back = { 0 };
	char text[DIGEST_TEXT + 2] = "";

	(void)state;
	assert_true(digest_is_zero(d));
	d = digest_of(STR("x"));
	assert_false(digest_is_zero(d));
	digest_text(d, text);
	assert_true(digest_parse(str_of(text), &back));
	assert_true(digest_eq(d, back));
	assert_false(digest_parse(str_span(text, 63), &back));
	assert_false(digest_parse(str_span(text, 65), &back));
	text[10] = 'g';
	assert_false(digest_parse(str_of(text), &back));
	back.bytes[31] ^= 1;
	assert_false(digest_eq(d, back));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_fips_180_come_out),
		cmocka_unit_test(a_run_in_pieces_is_the_digest_of_the_whole),
		cmocka_unit_test(every_length_is_the_same_in_pieces),
		cmocka_unit_test(
		    text_is_read_back_and_only_64_digits_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
