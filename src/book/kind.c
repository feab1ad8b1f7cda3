/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "book/book.h"

static const struct {
	enum book_kind kind;
	const char *name;
	const char *sentence;
} kinds[] = {
#define BOOK_KIND(number, kind, name, sentence) { BOOK_##kind, name, sentence },
#include "book/kinds.def"
#undef BOOK_KIND
};

/* Numbers in kinds.def run from 1 without a gap (a unit test holds it). */
const char *
book_kind_name(unsigned kind)
{
	if (kind < 1 || kind > COUNT(kinds)) {
		return "unknown";
	}
	return kinds[kind - 1].name;
}

const char *
book_kind_sentence(unsigned kind)
{
	if (kind < 1 || kind > COUNT(kinds)) {
		return "a kind of head that this version does not know";
	}
	return kinds[kind - 1].sentence;
}

bool
book_kind_parse(struct str name, enum book_kind *kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (str_eq_z(name, kinds[i].name)) {
			*kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

/* The groups of a UUID: where each stands in the text and in the digits. */
static const struct {
	uint8_t text;
	uint8_t hex;
	uint8_t len;
} groups[] = {
	{ 0, 0, 8 },
	{ 9, 8, 4 },
	{ 14, 12, 4 },
	{ 19, 16, 4 },
	{ 24, 20, 12 },
};

bool
book_id_parse(struct str uuid, struct book_id *id)
{
	struct book_id made;
	char hex[2 * sizeof(made.bytes)];

	if (uuid.len != ID_TEXT - 1) {
		return false;
	}
	for (size_t i = 0; i < COUNT(groups); i++) {
		if (i > 0 && uuid.at[groups[i].text - 1] != '-') {
			return false;
		}
		memcpy(hex + groups[i].hex, uuid.at + groups[i].text,
		    groups[i].len);
	}
	if (!hex_bytes(
	        str_span(hex, sizeof(hex)), made.bytes, sizeof(made.bytes))) {
		return false;
	}
	*id = made;
	return true;
}

void
book_id_text(struct book_id id, char text[ID_TEXT])
{
	static const struct book_id none;
	char hex[2 * sizeof(id.bytes) + 1];

	text[0] = 0;
	if (book_id_eq(id, none)) {
		return;
	}
	hex_text(id.bytes, sizeof(id.bytes), hex);
	memset(text, '-', ID_TEXT - 1);
	for (size_t i = 0; i < COUNT(groups); i++) {
		memcpy(
		    text + groups[i].text, hex + groups[i].hex, groups[i].len);
	}
	text[ID_TEXT - 1] = 0;
}

bool
book_id_eq(struct book_id a, struct book_id b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}
