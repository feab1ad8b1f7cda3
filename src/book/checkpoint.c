/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "book/own.h"

/* https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note */

#define ORIGIN_MAX   255
#define NAME_MAX_LEN 128
#define KEY_ID       BOOK_KEY_ID
#define DASH         "\xe2\x80\x94 "

static bool
line_valid(struct str line, size_t limit)
{
	if (line.len < 1 || line.len > limit) {
		return false;
	}
	for (size_t i = 0; i < line.len; i++) {
		if ((uint8_t)line.at[i] < 0x20 || line.at[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

static bool
name_valid(struct str name)
{
	return line_valid(name, NAME_MAX_LEN) && !str_has(name, ' ') &&
	       !str_has(name, '+');
}

void
book_key_id(const struct book_signer *signer, uint8_t kind, uint8_t id[KEY_ID])
{
	struct digest_run run;
	struct digest all;

	digest_begin(&run);
	digest_add(&run, signer->name);
	digest_add(&run, STR("\n"));
	digest_add(&run, str_span(&kind, 1));
	digest_add(&run, str_span(signer->key, BOOK_KEY_SIZE));
	all = digest_end(&run);
	memcpy(id, all.bytes, KEY_ID);
}

void
book_note_text(struct str origin, const struct book_root *root, struct buf *out)
{
	must(line_valid(origin, ORIGIN_MAX));
	must(root->size <= BOOK_TREE_SIZE);
	buf_add(out, origin);
	buf_add_byte(out, '\n');
	buf_add_u64(out, root->size);
	buf_add_byte(out, '\n');
	base64_add(out, str_span(root->root.bytes, DIGEST_SIZE));
	buf_add_byte(out, '\n');
}

void
book_note_seal(struct str text, const struct book_signer *signer,
    const uint8_t sign[BOOK_SIGN_SIZE], struct buf *out)
{
	uint8_t bytes[KEY_ID + BOOK_SIGN_SIZE];

	must(name_valid(signer->name));
	must(str_ends(text, STR("\n")));
	book_key_id(signer, BOOK_SIGNER_KIND, bytes);
	memcpy(bytes + KEY_ID, sign, BOOK_SIGN_SIZE);
	buf_add(out, text);
	buf_add_z(out, "\n" DASH);
	buf_add(out, signer->name);
	buf_add_byte(out, ' ');
	base64_add(out, str_span(bytes, sizeof(bytes)));
	buf_add_byte(out, '\n');
}

bool
book_base64(struct str text, uint8_t *out, size_t size)
{
	auto_buf bytes = { 0 };
	auto_buf again = { 0 };

	if (!base64_decode(&bytes, text) || bytes.len != size) {
		return false;
	}
	base64_add(&again, buf_str(&bytes));
	if (!str_eq(buf_str(&again), text)) {
		return false;
	}
	memcpy(out, bytes.at, size);
	return true;
}

/* Of any origin, if none is given. */
static int
parse_text(
    struct str text, struct str origin, struct book_root *root, struct err *e)
{
	struct book_root read = { 0 };
	struct str rest = text;
	struct str line;

	(void)str_cut(&rest, '\n', &line);
	if (origin.len ? !str_eq(line, origin)
	               : !line_valid(line, ORIGIN_MAX)) {
		return err_set(e, ERR_DENIED,
		    "the checkpoint is of another log: %s", err_quote(line));
	}
	(void)str_cut(&rest, '\n', &line);
	if (!str_u64(line, &read.size) || read.size > BOOK_TREE_SIZE ||
	    (line.len > 1 && line.at[0] == '0')) {
		return err_set(e, ERR_INPUT,
		    "the checkpoint has no tree size on its second line");
	}
	(void)str_cut(&rest, '\n', &line);
	if (!book_base64(line, read.root.bytes, DIGEST_SIZE)) {
		return err_set(e, ERR_INPUT,
		    "the checkpoint has no root hash on its third line");
	}
	while (rest.len > 0) {
		(void)str_cut(&rest, '\n', &line);
		if (!line_valid(line, BOOK_NOTE_MAX)) {
			return err_set(e, ERR_INPUT,
			    "the checkpoint has a control byte in a line");
		}
	}
	*root = read;
	return 0;
}

bool
book_sign_cut(struct str line, struct str *name, struct str *sign)
{
	if (!str_starts(line, STR(DASH)) || !line_valid(line, BOOK_NOTE_MAX)) {
		return false;
	}
	*sign = str_sub(line, strlen(DASH), line.len);
	return str_cut(sign, ' ', name) && name_valid(*name) && sign->len > 0 &&
	       !str_has(*sign, ' ');
}

enum verdict { VERDICT_OTHER, VERDICT_GOOD, VERDICT_BAD };

static enum verdict
judge_sign(struct str text, struct str sign, const struct book_signer *signer,
    book_verify_fn *verify)
{
	uint8_t bytes[KEY_ID + BOOK_SIGN_SIZE];
	uint8_t id[KEY_ID];

	/* Another algorithm has another length and so cannot be ours. */
	if (!book_base64(sign, bytes, sizeof(bytes))) {
		return VERDICT_OTHER;
	}
	book_key_id(signer, BOOK_SIGNER_KIND, id);
	if (memcmp(bytes, id, KEY_ID) != 0) {
		return VERDICT_OTHER;
	}
	return verify(signer->key, text, bytes + KEY_ID) ? VERDICT_GOOD
	                                                 : VERDICT_BAD;
}

static int
judge_signs(struct str text, struct str lines, const struct book_signer *signer,
    book_verify_fn *verify, struct err *e)
{
	bool good = false;
	unsigned count = 0;
	struct str rest = lines;

	while (rest.len > 0) {
		struct str line;
		struct str name;
		struct str sign;
		enum verdict verdict = VERDICT_OTHER;

		if (!str_cut(&rest, '\n', &line) ||
		    !book_sign_cut(line, &name, &sign) ||
		    ++count > BOOK_SIGNS_MAX) {
			return err_set(e, ERR_INPUT,
			    "the checkpoint has a signature line that is none, "
			    "or more than %d",
			    BOOK_SIGNS_MAX);
		}
		if (str_eq(name, signer->name)) {
			verdict = judge_sign(text, sign, signer, verify);
		}
		if (verdict == VERDICT_BAD) {
			return err_set(e, ERR_DENIED,
			    "the signature of %s does not match the checkpoint",
			    err_quote(name));
		}
		good = good || verdict == VERDICT_GOOD;
	}
	if (!good) {
		return err_set(e, ERR_DENIED,
		    "the checkpoint has no signature by %s with this key",
		    err_quote(signer->name));
	}
	return 0;
}

/* The first blank line parts them: none can stand inside the text. */
int
book_note_cut(
    struct str note, struct str *text, struct str *lines, struct err *e)
{
	const char *blank;

	if (note.len > BOOK_NOTE_MAX) {
		return err_set(
		    e, ERR_LIMIT, "a checkpoint over %d bytes", BOOK_NOTE_MAX);
	}
	blank = note.len ? memmem(note.at, note.len, "\n\n", 2) : NULL;
	if (!blank) {
		return err_set(
		    e, ERR_INPUT, "a checkpoint has no blank line in it");
	}
	*text = str_span(note.at, (size_t)(blank - note.at) + 1);
	*lines = str_sub(note, text->len + 1, note.len);
	return 0;
}

int
book_note_open(struct str note, struct str origin,
    const struct book_signer *signer, book_verify_fn *verify,
    struct book_root *root, struct err *e)
{
	struct str text;
	struct str lines;

	must(origin.len > 0);
	if (book_note_cut(note, &text, &lines, e) ||
	    judge_signs(text, lines, signer, verify, e)) {
		return -1;
	}
	return parse_text(text, origin, root, e);
}

int
book_note_read(struct str note, struct book_root *root, struct err *e)
{
	struct str text;
	struct str lines;

	return book_note_cut(note, &text, &lines, e) ||
	               parse_text(text, STR(""), root, e)
	           ? -1
	           : 0;
}

void
book_key_text(const struct book_signer *signer, uint8_t kind, struct buf *out)
{
	uint8_t key[1 + BOOK_KEY_SIZE] = { kind };
	uint8_t id[KEY_ID];

	must(name_valid(signer->name));
	memcpy(key + 1, signer->key, BOOK_KEY_SIZE);
	book_key_id(signer, kind, id);
	buf_add(out, signer->name);
	buf_add_byte(out, '+');
	hex_add(out, str_span(id, sizeof(id)));
	buf_add_byte(out, '+');
	base64_add(out, str_span(key, sizeof(key)));
}

int
book_key_parse(
    struct str text, uint8_t kind, struct book_signer *signer, struct err *e)
{
	uint8_t key[1 + BOOK_KEY_SIZE];
	uint8_t id[KEY_ID];
	uint8_t said[KEY_ID];
	struct book_signer read = { 0 };
	struct str rest = text;
	struct str hex;

	if (!str_cut(&rest, '+', &read.name) || !name_valid(read.name) ||
	    !str_cut(&rest, '+', &hex) || !hex_bytes(hex, said, KEY_ID) ||
	    !book_base64(rest, key, sizeof(key)) || key[0] != kind) {
		return err_set(e, ERR_INPUT,
		    "a %s's key reads name+8 hex digits+base64, not %s",
		    kind == BOOK_COSIGN_KIND ? "witness" : "signer",
		    err_quote(text));
	}
	memcpy(read.key, key + 1, BOOK_KEY_SIZE);
	book_key_id(&read, kind, id);
	if (memcmp(id, said, KEY_ID) != 0) {
		return err_set(e, ERR_INPUT,
		    "the key of %s does not have the id it names",
		    err_quote(read.name));
	}
	*signer = read;
	return 0;
}

void
book_signer_text(const struct book_signer *signer, struct buf *out)
{
	book_key_text(signer, BOOK_SIGNER_KIND, out);
}

int
book_signer_parse(struct str text, struct book_signer *signer, struct err *e)
{
	return book_key_parse(text, BOOK_SIGNER_KIND, signer, e);
}
