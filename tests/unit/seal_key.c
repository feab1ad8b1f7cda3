/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "argon_help.h"
#include "seal/seal.h"

#define PASSPHRASE STR("correct horse battery\n")

static const char root_hex[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static struct seal_key *
key_of(const char *hex)
{
	struct seal_key *key = NULL;
	struct err e = { 0 };

	assert_int_equal(seal_key_read(str_of(hex), &key, &e), 0);
	return key;
}

static void
a_key_is_read_raw_or_as_hex(void **state)
{
	auto_seal_key first = key_of(root_hex);
	auto_seal_key second = NULL;
	auto_seal_key third = NULL;
	char one[2 * SEAL_KEY_ID + 1];
	char two[2 * SEAL_KEY_ID + 1];
	uint8_t raw[32];
	struct err e = { 0 };

	(void)state;
	assert_true(hex_bytes(str_of(root_hex), raw, sizeof(raw)));
	assert_int_equal(
	    seal_key_read(str_span(raw, sizeof(raw)), &second, &e), 0);
	assert_int_equal(seal_key_read(STR("000102030405060708090a0b0c0d0e0f10"
	                                   "1112131415161718191a1b1c1d1e1f\n"),
	                     &third, &e),
	    0);
	seal_key_id(first, one);
	seal_key_id(second, two);
	assert_string_equal(one, two);
	seal_key_id(third, two);
	assert_string_equal(one, two);
}

static void
what_is_no_key_is_refused(void **state)
{
	static const struct str wrong[] = {
		{ "", 0 },
		{ "short", 5 },
		{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c"
		  "1d1e1f\n\n",
		    66 },
		{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c"
		  "1d1e1g",
		    64 },
		{ "0123456789abcdef0123456789abcdef\n", 33 },
		{ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
		    32 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct seal_key *key = NULL;
		struct err e = { 0 };

		assert_int_equal(seal_key_read(wrong[i], &key, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_null(key);
	}
}

static void
keys_differ_and_export_what_they_are(void **state)
{
	auto_seal_key one = seal_key_make();
	auto_seal_key two = seal_key_make();
	auto_seal_key back = NULL;
	auto_secret raw = NULL;
	char text[2 * SEAL_KEY_ID + 1];
	char other[2 * SEAL_KEY_ID + 1];
	struct str bytes;
	struct err e = { 0 };

	(void)state;
	seal_key_id(one, text);
	seal_key_id(two, other);
	assert_string_not_equal(text, other);
	seal_key_export(one, &raw);
	secret_open(raw, &bytes);
	assert_int_equal(seal_key_read(bytes, &back, &e), 0);
	seal_key_id(back, other);
	assert_string_equal(text, other);
}

/* A key file that was written once must open for ever: these are the bytes
 * that the derivations of DESIGN give, computed without libsodium. */
static void
the_derived_keys_never_change(void **state)
{
	auto_seal_key key = key_of(root_hex);
	char id[2 * SEAL_KEY_ID + 1];
	char text[2 * SEAL_PUBLIC + 1];
	uint8_t bytes[SEAL_PUBLIC];

	(void)state;
	seal_key_id(key, id);
	assert_string_equal(id, "9312a9406b6fb74a");
	seal_sign_public(key, bytes);
	hex_text(bytes, sizeof(bytes), text);
	assert_string_equal(text,
	    "ef6a6f3ec7b4f117a6800a5c96d94aee5b47dc51af5de1ee21fe2c9d355bf3a7");
	seal_box_public(key, bytes);
	hex_text(bytes, sizeof(bytes), text);
	assert_string_equal(text,
	    "d658ff097cc1727af14b97283f49f2920681710e8a668f9057b66363ae78dc4d");
	seal_mac(key, STR("run"), STR("message"), bytes);
	hex_text(bytes, sizeof(bytes), text);
	assert_string_equal(text,
	    "6592b1a47806f70d6ee5f303bb75bb144ee7603c9d34d1c51c1af8e96af942be");
}

static void
a_passphrase_opens_its_key_file(void **state)
{
	auto_seal_key key = seal_key_make();
	auto_seal_key back = NULL;
	uint8_t file[SEAL_KEYFILE];
	char text[2 * SEAL_KEY_ID + 1];
	char other[2 * SEAL_KEY_ID + 1];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(seal_key_wrap(key, PASSPHRASE, file, &e), 0);
	/* The newline that an editor left does not belong to it. */
	assert_int_equal(seal_key_unwrap(str_span(file, sizeof(file)),
	                     STR("correct horse battery"), &back, &e),
	    0);
	seal_key_id(key, text);
	seal_key_id(back, other);
	assert_string_equal(text, other);
}

/* Made by a program of its own with the calls that DESIGN names: what was
 * written once must open for ever.  The other one names the key id 92… in the
 * place of 93…, and is as genuine otherwise. */
static void
a_key_file_opens_for_ever_and_names_its_key(void **state)
{
	static const char front[] =
	    "4852564b010100000300000000000100404142434445464748494a4b4c4d4e4f";
	static const char *const rest[] = {
		"9312a9406b6fb74a606162636465666768696a6b6c6d6e6f70717273747576"
		"77a9ab19316d9a015f5439902c076277d04895151f75817f7a81f64e9b8bf4"
		"819bb64c4c493d9f1e8330042da9a693e208",
		"9212a9406b6fb74a606162636465666768696a6b6c6d6e6f70717273747576"
		"77a9ab19316d9a015f5439902c076277d04895151f75817f7a81f64e9b8bf4"
		"819b03d75a12a72d6638bd4680b79bc95751",
	};
	auto_seal_key key = NULL;
	struct seal_key *none = NULL;
	uint8_t file[SEAL_KEYFILE];
	char id[2 * SEAL_KEY_ID + 1];
	struct err e = { 0 };

	(void)state;
	assert_true(hex_bytes(str_of(front), file, 32));
	assert_true(hex_bytes(str_of(rest[0]), file + 32, 80));
	assert_int_equal(
	    seal_key_unwrap(str_span(file, sizeof(file)), PASSPHRASE, &key, &e),
	    0);
	seal_key_id(key, id);
	assert_string_equal(id, "9312a9406b6fb74a");
	assert_true(hex_bytes(str_of(rest[1]), file + 32, 80));
	assert_int_equal(seal_key_unwrap(str_span(file, sizeof(file)),
	                     PASSPHRASE, &none, &e),
	    -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, "another key than it holds"));
}

static void
a_wrong_passphrase_gets_a_sentence(void **state)
{
	auto_seal_key key = seal_key_make();
	struct seal_key *back = NULL;
	uint8_t file[SEAL_KEYFILE];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(seal_key_wrap(key, PASSPHRASE, file, &e), 0);
	assert_int_equal(seal_key_unwrap(str_span(file, sizeof(file)),
	                     STR("correct horse batterz"), &back, &e),
	    -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, "passphrase does not open"));
	assert_null(strstr(e.text, "batter"));
	assert_null(back);
	assert_int_equal(seal_key_unwrap(str_span(file, sizeof(file)),
	                     STR("short\n"), &back, &e),
	    -1);
	assert_int_equal(e.kind, ERR_DENIED); /* it opens nothing, either */
	assert_int_equal(seal_key_wrap(key, STR("seven77"), file, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

static void
a_passphrase_has_its_bounds(void **state)
{
	auto_seal_key key = seal_key_make();
	char text[SEAL_PASS_MAX + 1];
	uint8_t file[SEAL_KEYFILE];
	struct err e = { 0 };

	(void)state;
	argon_is_cheap = true;
	memset(text, 'x', sizeof(text));
	assert_int_equal(
	    seal_key_wrap(key, str_span(text, SEAL_PASS_MAX), file, &e), 0);
	assert_int_equal(
	    seal_key_wrap(key, str_span(text, SEAL_PASS_MAX + 1), file, &e),
	    -1);
	assert_int_equal(e.kind, ERR_INPUT);
	argon_is_cheap = false;
}

/* A bit of every sixth byte (a derivation each), starting at a random one, and
 * of every byte that is judged before it. */
static void
a_flipped_bit_in_a_key_file_is_found(void **state)
{
	auto_seal_key key = seal_key_make();
	uint8_t file[SEAL_KEYFILE];
	size_t start = random_u64() % 6;
	struct err e = { 0 };

	(void)state;
	argon_is_cheap = true; /* the others pay for it in full */
	assert_int_equal(seal_key_wrap(key, PASSPHRASE, file, &e), 0);
	for (size_t at = 0; at < SEAL_KEYFILE; at++) {
		struct seal_key *back = NULL;
		uint8_t bit = (uint8_t)(1u << random_u64() % 8);

		if (at >= 8 && at % 6 != start) {
			continue;
		}
		/* The low bits of the memory make a lawful other amount. */
		bit = at >= 8 && at < 16 ? 1 : bit;
		file[at] ^= bit;
		assert_int_equal(seal_key_unwrap(str_span(file, sizeof(file)),
		                     PASSPHRASE, &back, &e),
		    -1);
		assert_null(back);
		if (at < 8) { /* another version: no passphrase is blamed */
			assert_int_equal(e.kind, ERR_INPUT);
		}
		file[at] ^= bit;
	}
	assert_int_equal(seal_key_unwrap(str_span(file, sizeof(file) - 1),
	                     PASSPHRASE, &key, &e),
	    -1);
	argon_is_cheap = false;
}

struct edit {
	size_t at;
	uint8_t bytes[4];
};

/* Weak ones, and ones that would eat the machine, before any derivation. */
static void
parameters_out_of_bounds_are_refused(void **state)
{
	static const struct edit edits[] = {
		{ 8, { 0, 0, 0, 0 } },
		{ 8, { 2, 0, 0, 0 } },
		{ 8, { 17, 0, 0, 0 } },
		{ 8, { 0xff, 0xff, 0xff, 0xff } },
		{ 12, { 0, 0, 0, 0 } },
		{ 12, { 0xff, 0xff, 0, 0 } },
		{ 12, { 1, 0, 0x10, 0 } },
		{ 12, { 0xff, 0xff, 0xff, 0xff } },
	};
	auto_seal_key key = seal_key_make();
	uint8_t file[SEAL_KEYFILE];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(seal_key_wrap(key, PASSPHRASE, file, &e), 0);
	for (size_t i = 0; i < COUNT(edits); i++) {
		uint8_t edited[SEAL_KEYFILE];
		struct seal_key *back = NULL;

		memcpy(edited, file, sizeof(edited));
		memcpy(edited + edits[i].at, edits[i].bytes, 4);
		assert_int_equal(
		    seal_key_unwrap(str_span(edited, sizeof(edited)),
		        PASSPHRASE, &back, &e),
		    -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_non_null(strstr(e.text, "are accepted"));
	}
}

static void
a_mac_is_good_for_its_purpose_only(void **state)
{
	auto_seal_key key = key_of(root_hex);
	auto_seal_key other = seal_key_make();
	uint8_t mac[SEAL_MAC];

	(void)state;
	seal_mac(key, STR("wait"), STR("message"), mac);
	assert_true(seal_mac_good(key, STR("wait"), STR("message"), mac));
	assert_false(seal_mac_good(key, STR("task"), STR("message"), mac));
	assert_false(seal_mac_good(key, STR("wai"), STR("tmessage"), mac));
	assert_false(seal_mac_good(key, STR("wait"), STR("messagE"), mac));
	assert_false(seal_mac_good(other, STR("wait"), STR("message"), mac));
	for (size_t bit = 0; bit < (size_t)8 * SEAL_MAC; bit++) {
		mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(
		    seal_mac_good(key, STR("wait"), STR("message"), mac));
		mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
a_signature_is_good_for_its_message_only(void **state)
{
	auto_seal_key key = key_of(root_hex);
	auto_seal_key other = seal_key_make();
	uint8_t public_key[SEAL_PUBLIC];
	uint8_t other_key[SEAL_PUBLIC];
	uint8_t sign[SEAL_SIGN];

	(void)state;
	seal_sign(key, STR("checkpoint"), sign);
	seal_sign_public(key, public_key);
	seal_sign_public(other, other_key);
	assert_true(seal_verify(public_key, STR("checkpoint"), sign));
	assert_false(seal_verify(public_key, STR("checkpoinT"), sign));
	assert_false(seal_verify(other_key, STR("checkpoint"), sign));
	for (size_t bit = 0; bit < (size_t)8 * SEAL_SIGN; bit++) {
		sign[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(seal_verify(public_key, STR("checkpoint"), sign));
		sign[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
a_box_opens_only_in_its_vault_and_unchanged(void **state)
{
	auto_seal_key key = key_of(root_hex);
	auto_seal_key other = seal_key_make();
	auto_secret value = NULL;
	uint8_t public_key[SEAL_PUBLIC];
	auto_buf box = { 0 };
	struct str bytes;
	struct err e = { 0 };

	(void)state;
	seal_box_public(key, public_key);
	assert_int_equal(seal_box(public_key, STR("ghp_value"), &box, &e), 0);
	assert_int_equal(box.len, 9 + SEAL_BOX_EXTRA);
	assert_false(str_has_str(buf_str(&box), STR("ghp_value")));
	assert_int_equal(seal_box_open(key, buf_str(&box), &value, &e), 0);
	secret_open(value, &bytes);
	assert_true(str_eq(bytes, STR("ghp_value")));

	struct secret *none = NULL;
	assert_int_equal(seal_box_open(other, buf_str(&box), &none, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	for (size_t at = 0; at < box.len; at++) {
		box.at[at] = (char)(box.at[at] ^ 1);
		assert_int_equal(
		    seal_box_open(key, buf_str(&box), &none, &e), -1);
		assert_int_equal(
		    seal_box_open(key, str_span(box.at, at), &none, &e), -1);
		box.at[at] = (char)(box.at[at] ^ 1);
	}
	assert_null(none);
}

/* Our own do not seal one; this is crypto_box_seal of nothing to that key. */
static void
a_box_of_nothing_is_refused(void **state)
{
	static const char hex[] =
	    "ea8f8eb584873f4f140b8a48614f32ca22dd06f8b8c9fb767f2fafb6cb212b05"
	    "26e44e4fe404173777969b460c62dcab";
	auto_seal_key key = key_of(root_hex);
	struct secret *none = NULL;
	uint8_t box[SEAL_BOX_EXTRA];
	struct err e = { 0 };

	(void)state;
	assert_true(hex_bytes(str_of(hex), box, sizeof(box)));
	assert_int_equal(
	    seal_box_open(key, str_span(box, sizeof(box)), &none, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_null(none);
}

static void
a_box_over_its_bounds_is_refused(void **state)
{
	auto_seal_key key = key_of(root_hex);
	uint8_t public_key[SEAL_PUBLIC];
	uint8_t no_key[SEAL_PUBLIC] = { 0 };
	const size_t size = SEAL_VALUE_MAX + SEAL_BOX_EXTRA + 1;
	struct secret *none = NULL;
	auto_buf big = { 0 };
	auto_buf box = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(buf_room(&big, size), 'x', size);
	buf_grew(&big, size);
	seal_box_public(key, public_key);
	assert_int_equal(seal_box(public_key, buf_str(&big), &box, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(seal_box(public_key, STR(""), &box, &e), -1);
	assert_int_equal(seal_box(no_key, STR("x"), &box, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(box.len, 0);
	assert_int_equal(seal_box_open(key, buf_str(&big), &none, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

static void
no_two_key_files_share_a_salt_or_a_nonce(void **state)
{
	enum { AT_SALT = 16, SALT = 16, AT_NONCE = 40, NONCE = 24 };
	auto_seal_key key = seal_key_make();
	uint8_t file[SEAL_KEYFILE];
	uint8_t other[SEAL_KEYFILE];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(seal_key_wrap(key, PASSPHRASE, file, &e), 0);
	assert_int_equal(seal_key_wrap(key, PASSPHRASE, other, &e), 0);
	assert_memory_not_equal(file + AT_SALT, other + AT_SALT, SALT);
	assert_memory_not_equal(file + AT_NONCE, other + AT_NONCE, NONCE);
}

static void
the_longest_value_fits_a_box(void **state)
{
	static const char value[SEAL_VALUE_MAX] = "long";
	auto_seal_key key = seal_key_make();
	auto_secret opened = NULL;
	auto_buf box = { 0 };
	uint8_t public[SEAL_PUBLIC];
	struct str bytes;
	struct err e = { 0 };

	(void)state;
	seal_box_public(key, public);
	assert_int_equal(
	    seal_box(public, str_span(value, sizeof(value)), &box, &e), 0);
	assert_int_equal(seal_box_open(key, buf_str(&box), &opened, &e), 0);
	secret_open(opened, &bytes);
	assert_true(str_eq(bytes, str_span(value, sizeof(value))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_read_raw_or_as_hex),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(keys_differ_and_export_what_they_are),
		cmocka_unit_test(the_derived_keys_never_change),
		cmocka_unit_test(a_passphrase_opens_its_key_file),
		cmocka_unit_test(a_key_file_opens_for_ever_and_names_its_key),
		cmocka_unit_test(a_wrong_passphrase_gets_a_sentence),
		cmocka_unit_test(a_passphrase_has_its_bounds),
		cmocka_unit_test(a_flipped_bit_in_a_key_file_is_found),
		cmocka_unit_test(parameters_out_of_bounds_are_refused),
		cmocka_unit_test(a_mac_is_good_for_its_purpose_only),
		cmocka_unit_test(a_signature_is_good_for_its_message_only),
		cmocka_unit_test(a_box_opens_only_in_its_vault_and_unchanged),
		cmocka_unit_test(a_box_of_nothing_is_refused),
		cmocka_unit_test(a_box_over_its_bounds_is_refused),
		cmocka_unit_test(no_two_key_files_share_a_salt_or_a_nonce),
		cmocka_unit_test(the_longest_value_fits_a_box),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
