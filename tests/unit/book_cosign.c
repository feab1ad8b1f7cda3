/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "book/book.h"

#define ORIGIN  STR("handrail.example/book")
#define SECONDS 1679315147

/* The room has no keys: a stand-in that only "signs" with the public key. */
static void
stand_in_sign(const uint8_t key[BOOK_KEY_SIZE], struct str message,
    uint8_t sign[BOOK_SIGN_SIZE])
{
	struct digest_run run;

	digest_begin(&run);
	digest_add(&run, str_span(key, BOOK_KEY_SIZE));
	digest_add(&run, message);
	struct digest d = digest_end(&run);
	memcpy(sign, d.bytes, DIGEST_SIZE);
	memcpy(sign + DIGEST_SIZE, d.bytes, DIGEST_SIZE);
}

static bool
stand_in_verify(const uint8_t key[BOOK_KEY_SIZE], struct str message,
    const uint8_t sign[BOOK_SIGN_SIZE])
{
	uint8_t right[BOOK_SIGN_SIZE];

	stand_in_sign(key, message, right);
	return memcmp(right, sign, sizeof(right)) == 0;
}

static struct book_signer
signer_of(const char *name, uint8_t fill)
{
	struct book_signer signer = { .name = str_of(name) };

	memset(signer.key, fill, sizeof(signer.key));
	return signer;
}

static void
make_note(struct buf *out)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_root root = { 18, digest_of(STR("root")) };
	uint8_t sign[BOOK_SIGN_SIZE];
	auto_buf text = { 0 };

	book_note_text(ORIGIN, &root, &text);
	stand_in_sign(signer.key, buf_str(&text), sign);
	book_note_seal(buf_str(&text), &signer, sign, out);
}

/* As the format says it, by hand: id, seconds, signature. */
static void
make_line_of(const struct book_signer *witness, uint64_t at, struct buf *out)
{
	uint8_t bytes[4 + 8 + BOOK_SIGN_SIZE] = { 0 };
	struct book_root root = { 18, digest_of(STR("root")) };
	auto_buf named = { 0 };
	auto_buf message = { 0 };

	buf_add(&named, witness->name);
	buf_add(&named, STR("\n\x04"));
	buf_add(&named, str_span(witness->key, BOOK_KEY_SIZE));
	memcpy(bytes, digest_of(buf_str(&named)).bytes, 4);
	for (size_t i = 0; i < 8; i++) {
		bytes[4 + i] = (uint8_t)(at >> (56 - 8 * i));
	}
	buf_addf(
	    &message, "cosignature/v1\ntime %llu\n", (unsigned long long)at);
	book_note_text(ORIGIN, &root, &message);
	stand_in_sign(witness->key, buf_str(&message), bytes + 12);
	buf_addf(out, "\xe2\x80\x94 " STR_FMT " ", STR_ARG(witness->name));
	base64_add(out, str_span(bytes, sizeof(bytes)));
	buf_add_byte(out, '\n');
}

static void
make_line(const struct book_signer *witness, struct buf *out)
{
	make_line_of(witness, SECONDS, out);
}

static void
a_good_line_is_taken_and_says_when(void **state)
{
	struct book_signer witness = signer_of("witness.example/w1", 9);
	struct book_signer other = signer_of("witness.example/w1", 8);
	struct wall at = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };
	auto_buf lines = { 0 };

	(void)state;
	make_note(&note);
	assert_int_equal(book_cosign_find(buf_str(&note), &witness,
	                     stand_in_verify, &at, &e),
	    -1);
	assert_int_equal(e.kind, ERR_DENIED);
	buf_add_z(&lines, "nonsense\n\xe2\x80\x94 else AAAA\n");
	make_line(&other, &lines);
	make_line(&witness, &lines);
	assert_int_equal(
	    book_cosign_take(&note, buf_str(&lines), &witness, stand_in_verify),
	    1);
	assert_int_equal(book_cosign_find(buf_str(&note), &witness,
	                     stand_in_verify, &at, &e),
	    0);
	assert_true(at.us == SECONDS * CLOCK_SECOND);
	assert_int_equal(
	    book_cosign_find(buf_str(&note), &other, stand_in_verify, &at, &e),
	    -1);
}

static void
the_note_stays_the_signers(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_signer witness = signer_of("witness.example/w1", 9);
	struct book_root root;
	struct err e = { 0 };
	auto_buf note = { 0 };
	auto_buf line = { 0 };

	(void)state;
	make_note(&note);
	make_line(&witness, &line);
	assert_int_equal(
	    book_cosign_take(&note, buf_str(&line), &witness, stand_in_verify),
	    1);
	assert_int_equal(book_note_open(buf_str(&note), ORIGIN, &signer,
	                     stand_in_verify, &root, &e),
	    0);
	assert_int_equal(root.size, 18);
}

static void
a_flipped_bit_of_a_line_is_not_taken(void **state)
{
	struct book_signer witness = signer_of("witness.example/w1", 9);
	auto_buf note = { 0 };
	auto_buf line = { 0 };
	size_t before;

	(void)state;
	make_note(&note);
	make_line(&witness, &line);
	before = note.len;
	for (size_t bit = 0; bit < 8 * line.len; bit++) {
		line.at[bit / 8] = (char)(line.at[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(book_cosign_take(&note, buf_str(&line),
		                     &witness, stand_in_verify),
		    0);
		line.at[bit / 8] = (char)(line.at[bit / 8] ^ (1 << bit % 8));
	}
	assert_int_equal(note.len, before);
}

/* Is it still a checkpoint of its signer, and does this witness stand in it? */
static bool
opens_with(const struct buf *note, const struct book_signer *witness)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_root root;
	struct wall at;
	struct err e = { 0 };

	assert_int_equal(book_note_open(buf_str(note), ORIGIN, &signer,
	                     stand_in_verify, &root, &e),
	    0);
	return book_cosign_find(
	           buf_str(note), witness, stand_in_verify, &at, &e) == 0;
}

static void
no_witness_takes_the_room_of_another(void **state)
{
	auto_buf note = { 0 };

	(void)state;
	make_note(&note);
	for (uint8_t w = 0; w < 8; w++) {
		struct book_signer witness = signer_of("witness.example/w", w);
		auto_buf lines = { 0 };

		for (uint32_t i = 0; i < 1000; i++) {
			make_line_of(&witness, SECONDS + i, &lines);
		}
		assert_true(book_cosign_take(
		    &note, buf_str(&lines), &witness, stand_in_verify));
		assert_true(opens_with(&note, &witness));
	}
}

static void
a_note_never_has_more_lines_than_can_be_read(void **state)
{
	auto_buf note = { 0 };

	(void)state;
	make_note(&note);
	for (uint8_t w = 1; w < 20; w++) {
		struct book_signer witness = signer_of("w", w);
		auto_buf line = { 0 };

		make_line(&witness, &line);
		assert_int_equal(book_cosign_take(&note, buf_str(&line),
		                     &witness, stand_in_verify),
		    w < 16);
		assert_int_equal(opens_with(&note, &witness), w < 16);
	}
}

/* A note of so many bytes: an extension line fills it. */
static void
make_note_of(size_t size, struct buf *out)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_root root = { 18, digest_of(STR("root")) };
	uint8_t sign[BOOK_SIGN_SIZE] = { 0 };
	auto_buf text = { 0 };
	auto_buf whole = { 0 };

	book_note_text(ORIGIN, &root, &text);
	book_note_seal(buf_str(&text), &signer, sign, &whole);
	for (size_t len = whole.len + 1; len < size; len++) {
		buf_add_byte(&text, 'x');
	}
	buf_add_byte(&text, '\n');
	book_note_seal(buf_str(&text), &signer, sign, out);
}

static bool
says_yes(const uint8_t key[BOOK_KEY_SIZE], struct str message,
    const uint8_t sign[BOOK_SIGN_SIZE])
{
	(void)key;
	(void)message;
	(void)sign;
	return true;
}

/* What is added can be read again. */
static void
a_line_is_added_where_it_has_room(void **state)
{
	struct book_signer witness = signer_of("witness.example/w1", 9);
	auto_buf line = { 0 };

	(void)state;
	make_line(&witness, &line);
	for (size_t more = 0; more < 2; more++) {
		struct wall at;
		struct err e = { 0 };
		auto_buf note = { 0 };

		make_note_of(BOOK_NOTE_MAX - line.len + more, &note);
		assert_int_equal(note.len, BOOK_NOTE_MAX - line.len + more);
		assert_int_equal(
		    book_cosign_take(&note, buf_str(&line), &witness, says_yes),
		    more ? 0 : 1);
		assert_int_equal(book_cosign_find(buf_str(&note), &witness,
		                     says_yes, &at, &e),
		    more ? -1 : 0);
	}
}

static void
a_line_without_its_end_is_not_taken(void **state)
{
	struct book_signer witness = signer_of("witness.example/w1", 9);
	auto_buf note = { 0 };
	auto_buf line = { 0 };

	(void)state;
	make_note(&note);
	make_line(&witness, &line);
	line.len--;
	assert_int_equal(
	    book_cosign_take(&note, buf_str(&line), &witness, stand_in_verify),
	    0);
}

/* Whoever shows it writes a date. */
static void
a_line_of_a_time_without_a_date_is_not_taken(void **state)
{
	static const uint64_t seconds[] = { 253402300800, INT64_MAX, UINT64_MAX,
		253402300799 };
	struct book_signer witness = signer_of("witness.example/w1", 9);
	auto_buf note = { 0 };

	(void)state;
	make_note(&note);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		auto_buf line = { 0 };

		make_line_of(&witness, seconds[i], &line);
		assert_int_equal(book_cosign_take(&note, buf_str(&line),
		                     &witness, stand_in_verify),
		    i == 3);
	}
}

static void
a_line_that_the_note_has_is_not_added_again(void **state)
{
	struct book_signer witness = signer_of("witness.example/w1", 9);
	auto_buf note = { 0 };
	auto_buf lines = { 0 };

	(void)state;
	make_note(&note);
	make_line(&witness, &lines);
	make_line(&witness, &lines);
	assert_int_equal(
	    book_cosign_take(&note, buf_str(&lines), &witness, stand_in_verify),
	    1);
	assert_int_equal(
	    book_cosign_take(&note, buf_str(&lines), &witness, stand_in_verify),
	    0);
}

static void
a_key_of_a_signer_is_none_of_a_witness(void **state)
{
	struct book_signer witness = signer_of("witness.example/w1", 9);
	struct book_signer read;
	struct err e = { 0 };
	auto_buf text = { 0 };
	auto_buf signer = { 0 };

	(void)state;
	book_witness_text(&witness, &text);
	book_signer_text(&witness, &signer);
	assert_int_equal(book_witness_parse(buf_str(&text), &read, &e), 0);
	assert_true(str_eq(read.name, witness.name));
	assert_memory_equal(read.key, witness.key, BOOK_KEY_SIZE);
	assert_int_equal(book_witness_parse(buf_str(&signer), &read, &e), -1);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), -1);
}

static void
a_question_reads_as_the_protocol_says(void **state)
{
	struct book_proof growth = { .count = 2,
		.node = { digest_of(STR("a")), digest_of(STR("b")) } };
	auto_buf none = { 0 };
	auto_buf some = { 0 };

	(void)state;
	book_witness_ask(0, &growth, STR("note\n"), &none);
	assert_true(str_eq_z(buf_str(&none), "old 0\n\nnote\n"));
	book_witness_ask(7, &growth, STR("note\n"), &some);
	assert_true(str_eq_z(buf_str(&some),
	    "old 7\n"
	    "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=\n"
	    "PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=\n"
	    "\nnote\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_line_is_taken_and_says_when),
		cmocka_unit_test(the_note_stays_the_signers),
		cmocka_unit_test(a_flipped_bit_of_a_line_is_not_taken),
		cmocka_unit_test(no_witness_takes_the_room_of_another),
		cmocka_unit_test(a_note_never_has_more_lines_than_can_be_read),
		cmocka_unit_test(a_line_is_added_where_it_has_room),
		cmocka_unit_test(a_line_without_its_end_is_not_taken),
		cmocka_unit_test(a_line_of_a_time_without_a_date_is_not_taken),
		cmocka_unit_test(a_line_that_the_note_has_is_not_added_again),
		cmocka_unit_test(a_key_of_a_signer_is_none_of_a_witness),
		cmocka_unit_test(a_question_reads_as_the_protocol_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
