/* SPDX-License-Identifier: Apache-2.0 */
/* The form of the login page, as a browser sends it (WHATWG URL, 5.1). */
#include "web/inside.h"

static bool
add_decoded(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = (uint8_t)text.at[i];

		if (text.at[i] == '+') {
			byte = ' ';
		} else if (text.at[i] == '%') {
			if (i + 2 >= text.len ||
			    !hex_bytes(str_sub(text, i + 1, 2), &byte, 1)) {
				return false;
			}
			i += 2;
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
