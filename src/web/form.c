/* SPDX-License-Identifier: Apache-2.0 */
/* The form of the login page, as a browser sends it (WHATWG URL, 5.1). */
#include "web/inside.h"

/* The byte that stands at *i, which moves to its end. */
static bool
decode(struct str text, size_t *i, uint8_t *byte)
{
	char c = text.at[*i];

	*byte = c == '+' ? ' ' : (uint8_t)c;
	if (c != '%') {
		return true;
	}
	*i += 2;
	return hex_bytes(str_sub(text, *i - 1, 2), byte, 1);
}

static bool
add_decoded(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte;

		if (!decode(text, &i, &byte)) {
			return false;
		}
		buf_add_byte(out, byte);
	}
	return true;
}

bool
web_form_field(struct str form, const char *name, struct buf *value)
{
	struct str rest = form;
	struct str found = { 0 };
	size_t count = 0;

	while (rest.len) {
		struct str pair;
		struct str key;

		(void)str_cut(&rest, '&', &pair);
		(void)str_cut(&pair, '=', &key);
		if (str_eq_z(key, name)) {
			found = pair;
			count++;
		}
	}
	return count == 1 && add_decoded(value, found);
}
