/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/bytes.h"
#include "book/own.h"

#define TIME_SIZE 8 /* seconds since 1970, the high byte first */
#define COSIGN    (BOOK_KEY_ID + TIME_SIZE + BOOK_SIGN_SIZE)
#define LINES_MAX 8 /* of one answer that are looked at */

void
book_witness_text(const struct book_signer *witness, struct buf *out)
{
	book_key_text(witness, BOOK_COSIGN_KIND, out);
}

int
book_witness_parse(struct str text, struct book_signer *witness, struct err *e)
{
	return book_key_parse(text, BOOK_COSIGN_KIND, witness, e);
}

void
book_witness_ask(uint64_t old, const struct book_proof *growth, struct str note,
    struct buf *out)
{
	buf_add_z(out, "old ");
	buf_add_u64(out, old);
	buf_add_byte(out, '\n');
	for (unsigned i = 0; old > 0 && i < growth->count; i++) {
		base64_add(out, str_span(growth->node[i].bytes, DIGEST_SIZE));
		buf_add_byte(out, '\n');
	}
	buf_add_byte(out, '\n');
	buf_add(out, note);
}

void
book_cosign_text(struct wall at, struct str text, struct buf *out)
{
	buf_add_z(out, "cosignature/v1\ntime ");
	buf_add_u64(out, (uint64_t)(at.us / CLOCK_SECOND));
	buf_add_byte(out, '\n');
	buf_add(out, text);
}

static uint64_t
read_time(const uint8_t *at)
{
	uint64_t seconds = 0;

	for (size_t i = 0; i < TIME_SIZE; i++) {
		seconds = seconds << 8 | at[i];
	}
	return seconds;
}

/* Is this line the witness's own, and does it sign this text? */
static bool
is_good(struct str line, struct str text, const struct book_signer *witness,
    book_verify_fn *verify, struct wall *at)
{
	struct str name;
	struct str sign;
	uint8_t bytes[COSIGN];
	uint8_t id[BOOK_KEY_ID];
	auto_buf message = { 0 };
	uint64_t seconds;
	struct wall when;

	if (!book_sign_cut(line, &name, &sign) ||
	    !str_eq(name, witness->name) ||
	    !book_base64(sign, bytes, sizeof(bytes))) {
		return false;
	}
	book_key_id(witness, BOOK_COSIGN_KIND, id);
	seconds = read_time(bytes + BOOK_KEY_ID);
	if (memcmp(id, bytes, BOOK_KEY_ID) != 0 ||
	    seconds > INT64_MAX / CLOCK_SECOND) {
		return false;
	}
	when.us = (int64_t)seconds * CLOCK_SECOND;
	if (!wall_has_date(when)) {
		return false;
	}
	*at = when;
	book_cosign_text(*at, text, &message);
	return verify(
	    witness->key, buf_str(&message), bytes + BOOK_KEY_ID + TIME_SIZE);
}

static bool
has_line(struct str note, struct str line)
{
	struct str rest = note;
	struct str one;

	while (str_cut(&rest, '\n', &one)) {
		if (str_eq(one, line)) {
			return true;
		}
	}
	return false;
}

/* Would the note with this line still be read? */
static bool
has_room(struct str note, struct str signs, struct str line)
{
	size_t count = 0;
	struct str one;

	while (str_cut(&signs, '\n', &one)) {
		count++;
	}
	return note.len + line.len < BOOK_NOTE_MAX && count < BOOK_SIGNS_MAX;
}

bool
book_cosign_take(struct buf *note, struct str answer,
    const struct book_signer *witness, book_verify_fn *verify)
{
	struct str text;
	struct str signs;
	struct str rest = answer;
	struct err e = { 0 };

	must(book_note_cut(buf_str(note), &text, &signs, &e) == 0);
	for (int n = 0; n < LINES_MAX && rest.len > 0; n++) {
		struct str line;
		struct wall at;

		if (str_cut(&rest, '\n', &line) &&
		    has_room(buf_str(note), signs, line) &&
		    !has_line(signs, line) &&
		    is_good(line, text, witness, verify, &at)) {
			buf_add(note, line);
			buf_add_byte(note, '\n');
			return true;
		}
	}
	return false;
}

int
book_cosign_find(struct str note, const struct book_signer *witness,
    book_verify_fn *verify, struct wall *at, struct err *e)
{
	struct str text;
	struct str rest;
	struct str line;

	if (book_note_cut(note, &text, &rest, e)) {
		return -1;
	}
	while (str_cut(&rest, '\n', &line)) {
		if (is_good(line, text, witness, verify, at)) {
			return 0;
		}
	}
	return err_set(e, ERR_DENIED,
	    "the checkpoint has no good cosignature by %s with this key",
	    err_quote(witness->name));
}
