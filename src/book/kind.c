/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
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

bool
book_id_parse(struct str uuid, struct book_id *id)
{
	static const size_t group[] = { 4, 2, 2, 2, 6 }; /* bytes */
	struct book_id made;
	size_t from = 0;
	size_t at = 0;

	if (uuid.len != ID_TEXT - 1) {
		return false;
	}
	for (size_t i = 0; i < COUNT(group); i++) {
		struct str hex = str_sub(uuid, from, 2 * group[i]);

		if (!hex_bytes(hex, made.bytes + at, group[i])) {
			return false;
		}
		from += 2 * group[i];
		at += group[i];
		if (from < uuid.len && uuid.at[from++] != '-') {
			return false;
		}
	}
	*id = made;
	return true;
}

void
book_id_text(struct book_id id, char text[ID_TEXT])
{
	static const struct book_id none;
	char hex[33];

	text[0] = 0;
	if (book_id_eq(id, none)) {
		return;
	}
	hex_text(id.bytes, sizeof(id.bytes), hex);
	(void)snprintf(text, ID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
}

bool
book_id_eq(struct book_id a, struct book_id b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}
