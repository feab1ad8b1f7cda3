/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "book/book.h"
#include "must_help.h"

#define ORIGIN STR("handrail.example/book")

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
make_note(const char *lines, const struct book_signer *signer, struct buf *out)
{
	struct book_root root = { 18, digest_of(STR("root")) };
	uint8_t sign[BOOK_SIGN_SIZE];
	auto_buf text = { 0 };

	book_note_text(ORIGIN, &root, &text);
	buf_add_z(&text, lines);
	stand_in_sign(signer->key, buf_str(&text), sign);
	book_note_seal(buf_str(&text), signer, sign, out);
}

static int
open_note(struct str note, const struct book_signer *signer,
    struct book_root *root, struct err *e)
{
	return book_note_open(note, ORIGIN, signer, stand_in_verify, root, e);
}

static void
a_checkpoint_reads_as_the_format_says(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_root root = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };
	static const char front[] =
	    "handrail.example/book\n18\n"
	    "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
	    "\n\xe2\x80\x94 handrail.example ";

	(void)state;
	make_note("", &signer, &note);
	assert_true(str_starts(buf_str(&note), str_of(front)));
	assert_true(str_ends(buf_str(&note), STR("\n")));
	assert_int_equal(open_note(buf_str(&note), &signer, &root, &e), 0);
	assert_int_equal(root.size, 18);
	assert_true(digest_eq(root.root, digest_of(STR("root"))));
}

static void
a_flipped_bit_anywhere_is_found(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	auto_buf note = { 0 };

	(void)state;
	make_note("extension\n", &signer, &note);
	for (size_t bit = 0; bit < 8 * note.len; bit++) {
		struct book_root root = { 0 };
		struct err e = { 0 };

		note.at[bit / 8] = (char)(note.at[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(
		    open_note(buf_str(&note), &signer, &root, &e), -1);
		assert_int_equal(root.size, 0);
		note.at[bit / 8] = (char)(note.at[bit / 8] ^ (1 << bit % 8));
	}
}

static void
a_cut_checkpoint_is_refused(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	auto_buf note = { 0 };

	(void)state;
	make_note("", &signer, &note);
	for (size_t len = 0; len < note.len; len++) {
		struct book_root root = { 0 };
		struct err e = { 0 };

		assert_int_equal(
		    open_note(str_span(note.at, len), &signer, &root, &e), -1);
	}
}

static void
signatures_of_others_are_ignored(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_signer older = signer_of("handrail.example", 8);
	struct book_signer witness = signer_of("witness.example", 9);
	struct book_root root = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };
	auto_buf other = { 0 };
	auto_buf both = { 0 };

	(void)state;
	make_note("", &signer, &note);
	/* The same name with another key id is an older key, not a forgery. */
	make_note("", &older, &other);
	struct str lines = buf_str(&other);
	lines = str_sub(lines,
	    lines.len - 1 -
	        (size_t)(strlen("\xe2\x80\x94 handrail.example ") + 92),
	    1000);
	assert_true(str_starts(lines, STR("\xe2\x80\x94 ")));
	buf_add(&both, buf_str(&note));
	buf_add(&both, lines);
	buf_add_z(&both, "\xe2\x80\x94 witness.example AAAA\n");
	assert_int_equal(open_note(buf_str(&both), &signer, &root, &e), 0);
	assert_int_equal(open_note(buf_str(&both), &older, &root, &e), 0);
	assert_int_equal(open_note(buf_str(&both), &witness, &root, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
}

/* One good line does not excuse a forged one in the same name and key. */
static void
a_bad_signature_beside_a_good_one_is_refused(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_root root = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };
	auto_buf other = { 0 };

	(void)state;
	make_note("", &signer, &note);
	make_note("another text\n", &signer, &other);
	const char *line = memmem(other.at, other.len, "\n\n", 2);
	assert_non_null(line);
	buf_add(&note,
	    str_sub(buf_str(&other), (size_t)(line - other.at) + 2, 1000));
	assert_int_equal(open_note(buf_str(&note), &signer, &root, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, "does not match"));
}

static void
a_checkpoint_nobody_known_signed_is_refused(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_signer other_name = signer_of("other.example", 7);
	struct book_signer other_key = signer_of("handrail.example", 6);
	struct book_root root = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };

	(void)state;
	make_note("", &signer, &note);
	assert_int_equal(open_note(buf_str(&note), &other_name, &root, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(open_note(buf_str(&note), &other_key, &root, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
}

static void
a_checkpoint_of_another_log_is_refused(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_root root = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };

	(void)state;
	make_note("", &signer, &note);
	assert_int_equal(
	    book_note_open(buf_str(&note), STR("handrail.example/boo"), &signer,
	        stand_in_verify, &root, &e),
	    -1);
	assert_int_equal(e.kind, ERR_DENIED);
}

/* Texts that a signer might have signed and that still are no checkpoint. */
static void
a_signed_text_that_is_no_checkpoint_is_refused(void **state)
{
	static const char root[] =
	    "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=";
	static const struct {
		const char *size;
		const char *root;
		const char *rest;
		bool good;
	} texts[] = {
		{ "18", root, "", true },
		{ "0", root, "", true },
		{ "18", root, "more\n", true },
		{ "018", root, "", false },
		{ "01", root, "", false },
		{ "281474976710656", root, "", true },
		{ "+18", root, "", false },
		{ "-1", root, "", false },
		{ "", root, "", false },
		{ "18 ", root, "", false },
		{ "281474976710657", root, "", false },
		{ "18446744073709551616", root, "", false },
		{ "18", "", "", false },
		{ "18", "AAAA", "", false },
		/* The other alphabet: a second form of the same hash. */
		{ "18", "SBNJTRN-FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=", "",
		    false },
		/* Bits behind the last byte: a second form of the same hash. */
		{ "18", "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7L=", "",
		    false },
		{ "18", root, "con\x01trol\n", false },
		{ "18", root, "con\x7ftrol\n", false },
	};
	struct book_signer signer = signer_of("handrail.example", 7);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		uint8_t sign[BOOK_SIGN_SIZE];
		struct book_root back = { 0 };
		struct err e = { 0 };
		auto_buf text = { 0 };
		auto_buf note = { 0 };

		buf_addf(&text, "handrail.example/book\n%s\n%s\n%s",
		    texts[i].size, texts[i].root, texts[i].rest);
		stand_in_sign(signer.key, buf_str(&text), sign);
		book_note_seal(buf_str(&text), &signer, sign, &note);
		assert_int_equal(open_note(buf_str(&note), &signer, &back, &e),
		    texts[i].good ? 0 : -1);
	}
}

static void
too_many_signatures_are_refused(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_root root = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };

	(void)state;
	make_note("", &signer, &note);
	for (int i = 0; i < 15; i++) {
		buf_add_z(&note, "\xe2\x80\x94 witness.example AAAA\n");
	}
	assert_int_equal(open_note(buf_str(&note), &signer, &root, &e), 0);
	buf_add_z(&note, "\xe2\x80\x94 witness.example AAAA\n");
	assert_int_equal(open_note(buf_str(&note), &signer, &root, &e), -1);
}

/* One that no key of ours made refuses the note all the same. */
static void
a_signature_line_that_is_none_is_refused(void **state)
{
	static const char *const lines[] = {
		"\xe2\x80\x94 witness.example AAAA", /* without its end */
		"- witness.example AAAA\n",
		"\xe2\x80\x94 witness.example \n",
		"\xe2\x80\x94 witness.example AAAA AAAA\n",
		"\xe2\x80\x94 witness.example AA\x01A\n",
		"\xe2\x80\x94 witness.example\n",
		"\xe2\x80\x94  AAAA\n",
		"\xe2\x80\x94 witness+example AAAA\n",
		"\n",
	};
	struct book_signer signer = signer_of("handrail.example", 7);

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct book_root root = { 0 };
		struct err e = { 0 };
		auto_buf note = { 0 };

		make_note("", &signer, &note);
		buf_add_z(&note, lines[i]);
		assert_int_equal(
		    open_note(buf_str(&note), &signer, &root, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

static void
a_note_has_its_bound(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	auto_buf empty = { 0 };

	(void)state;
	make_note("", &signer, &empty);
	for (size_t more = 0; more < 2; more++) {
		struct book_root root = { 0 };
		struct err e = { 0 };
		auto_buf line = { 0 };
		auto_buf note = { 0 };

		while (line.len + 1 < BOOK_NOTE_MAX - empty.len + more) {
			buf_add_byte(&line, 'x');
		}
		buf_add_byte(&line, '\n');
		make_note(buf_z(&line), &signer, &note);
		assert_int_equal(note.len, BOOK_NOTE_MAX + more);
		assert_int_equal(open_note(buf_str(&note), &signer, &root, &e),
		    more ? -1 : 0);
		assert_int_equal(e.kind, more ? ERR_LIMIT : ERR_NONE);
	}
}

/* As DESIGN says it, by hand: name, id, base64 of a kind and the key. */
static void
key_line(struct str name, uint8_t id_of, uint8_t kind, struct buf *out)
{
	uint8_t key[1 + BOOK_KEY_SIZE] = { id_of, 7 };
	struct digest_run run;
	struct digest id;

	digest_begin(&run);
	digest_add(&run, name);
	digest_add(&run, STR("\n"));
	digest_add(&run, str_span(key, sizeof(key)));
	id = digest_end(&run);
	key[0] = kind;
	buf_clear(out);
	buf_add(out, name);
	buf_add_byte(out, '+');
	hex_add(out, str_span(id.bytes, 4));
	buf_add_byte(out, '+');
	base64_add(out, str_span(key, sizeof(key)));
}

static void
a_key_of_another_name_or_kind_is_none(void **state)
{
	struct book_signer read = { 0 };
	struct err e = { 0 };
	auto_buf text = { 0 };

	(void)state;
	key_line(STR("handrail"), 1, 1, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), 0);
	key_line(STR("handrail"), 1, 9, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), -1);
	key_line(STR("handrail"), 4, 4, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), -1);
	key_line(STR("hand rail"), 1, 1, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), -1);
	char longest[129];

	memset(longest, 'n', sizeof(longest));
	key_line(str_span(longest, 128), 1, 1, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), 0);
	key_line(str_span(longest, 129), 1, 1, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), -1);
	key_line(STR(""), 1, 1, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &read, &e), -1);
}

static void
say_a_line_end(void)
{
	struct book_root root = { 1, digest_of(STR("")) };
	auto_buf out = { 0 };

	book_note_text(STR("handrail\n2"), &root, &out);
}

static void
say_a_size_beyond_any_tree(void)
{
	struct book_root root = { BOOK_TREE_SIZE + 1, digest_of(STR("")) };
	auto_buf out = { 0 };

	book_note_text(STR("handrail"), &root, &out);
}

static void
sign_as_two_words(void)
{
	struct book_signer signer = signer_of("hand rail", 7);
	auto_buf out = { 0 };

	make_note("", &signer, &out);
}

static void
sign_half_a_line(void)
{
	struct book_signer signer = signer_of("handrail", 7);
	auto_buf out = { 0 };

	make_note("no end", &signer, &out);
}

/* What could be read as another note is not signed. */
static void
a_note_that_breaks_a_rule_is_our_own_bug(void **state)
{
	(void)state;
	assert_true(breaks_a_promise(say_a_line_end));
	assert_true(breaks_a_promise(say_a_size_beyond_any_tree));
	assert_true(breaks_a_promise(sign_as_two_words));
	assert_true(breaks_a_promise(sign_half_a_line));
}

static void
a_signer_reads_back_from_its_line(void **state)
{
	struct book_signer signer = signer_of("handrail.example", 7);
	struct book_signer back = { 0 };
	struct err e = { 0 };
	auto_buf text = { 0 };

	(void)state;
	book_signer_text(&signer, &text);
	assert_int_equal(book_signer_parse(buf_str(&text), &back, &e), 0);
	assert_true(str_eq(back.name, signer.name));
	assert_memory_equal(back.key, signer.key, BOOK_KEY_SIZE);
	for (size_t i = 0; i < text.len; i++) {
		text.at[i] = (char)(text.at[i] ^ 1);
		assert_int_equal(
		    book_signer_parse(buf_str(&text), &back, &e), -1);
		text.at[i] = (char)(text.at[i] ^ 1);
	}
}

/* The key and its line from the Go checksum database, which is one such log. */
static void
a_known_key_id_is_met(void **state)
{
	struct book_signer signer = { 0 };
	struct err e = { 0 };
	auto_buf text = { 0 };
	static const char known[] =
	    "sum.golang.org+033de0ae+"
	    "Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

	(void)state;
	assert_int_equal(book_signer_parse(str_of(known), &signer, &e), 0);
	assert_true(str_eq(signer.name, STR("sum.golang.org")));
	book_signer_text(&signer, &text);
	assert_true(str_eq(buf_str(&text), str_of(known)));
}

static void
a_note_is_read_whoever_signed_it(void **state)
{
	struct book_signer other = signer_of("somebody.example", 9);
	struct book_root root = { 0 };
	struct err e = { 0 };
	auto_buf note = { 0 };

	(void)state;
	make_note("", &other, &note);
	assert_int_equal(book_note_read(buf_str(&note), &root, &e), 0);
	assert_int_equal(root.size, 18);
	assert_true(digest_eq(root.root, digest_of(STR("root"))));
	assert_int_equal(book_note_read(STR("a\n1\n"), &root, &e), -1);
	assert_int_equal(
	    book_note_read(STR("a\n1\nAA==\n\nx\n"), &root, &e), -1);
	/* Of a log that has no name, or none that is one. */
	buf_clear(&note);
	make_note("", &other, &note);
	struct str rest = str_sub(buf_str(&note), ORIGIN.len, note.len);

	assert_true(str_starts(rest, STR("\n18\n")));
	assert_int_equal(book_note_read(rest, &root, &e), -1);
	note.at[ORIGIN.len - 1] = '\t';
	assert_int_equal(book_note_read(buf_str(&note), &root, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkpoint_reads_as_the_format_says),
		cmocka_unit_test(a_flipped_bit_anywhere_is_found),
		cmocka_unit_test(a_cut_checkpoint_is_refused),
		cmocka_unit_test(signatures_of_others_are_ignored),
		cmocka_unit_test(a_bad_signature_beside_a_good_one_is_refused),
		cmocka_unit_test(a_checkpoint_nobody_known_signed_is_refused),
		cmocka_unit_test(a_checkpoint_of_another_log_is_refused),
		cmocka_unit_test(
		    a_signed_text_that_is_no_checkpoint_is_refused),
		cmocka_unit_test(too_many_signatures_are_refused),
		cmocka_unit_test(a_signature_line_that_is_none_is_refused),
		cmocka_unit_test(a_note_has_its_bound),
		cmocka_unit_test(a_key_of_another_name_or_kind_is_none),
		cmocka_unit_test(a_note_that_breaks_a_rule_is_our_own_bug),
		cmocka_unit_test(a_signer_reads_back_from_its_line),
		cmocka_unit_test(a_known_key_id_is_met),
		cmocka_unit_test(a_note_is_read_whoever_signed_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
