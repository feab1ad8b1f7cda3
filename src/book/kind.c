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

/* Where in the text the two digits of each byte stand; dashes are between. */
static const uint8_t places[] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28,
	30, 32, 34 };
_Static_assert(COUNT(places) == sizeof(struct book_id), "one for each byte");

static bool
has_dashes(const char *text)
{
	return text[8] == '-' && text[13] == '-' && text[18] == '-' &&
	       text[23] == '-';
}

bool
book_id_parse(struct str uuid, struct book_id *id)
{
	struct book_id made;

	if (uuid.len != ID_TEXT - 1 || !has_dashes(uuid.at)) {
		return false;
	}
	for (size_t i = 0; i < COUNT(places); i++) {
		int high = hex_digit(uuid.at[places[i]]);
		int low = hex_digit(uuid.at[places[i] + 1]);

		if (high < 0 || low < 0) {
			return false;
		}
		made.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*id = made;
	return true;
}

void
book_id_text(struct book_id id, char text[ID_TEXT])
{
	static const struct book_id none;

	text[0] = 0;
	if (book_id_eq(id, none)) {
		return;
	}
	id_write(id.bytes, text);
}

bool
book_id_eq(struct book_id a, struct book_id b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}
