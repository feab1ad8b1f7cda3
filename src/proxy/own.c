/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a credential that a cell brought itself, as the vault would have
 * kept it: without its scheme, of Basic the password. */
#include "proxy/inside.h"

static void
add_value(struct str value, struct buf *out)
{
	struct str scheme;
	auto_buf clear = { 0 };

	if (!str_has(value, ' ')) {
		buf_add(out, value);
		return;
	}
	(void)str_cut(&value, ' ', &scheme);
	value = str_trim(value);
	if (!str_eq_nocase(scheme, STR("basic"))) {
		buf_add(out, value);
		return;
	}
	if (base64_decode(&clear, value)) {
		struct str password = buf_str(&clear);
		struct str user;

		(void)str_cut(&password, ':', &user);
		buf_add(out, password);
	}
	wipe(clear.at, clear.cap);
}

void
proxy_own_value(const struct http_head *head, struct buf *out)
{
	for (size_t i = 0; i < head->count; i++) {
		if (proxy_own_header(head->headers[i].name) &&
		    !proxy_place_marked_value(head->headers[i].value)) {
			add_value(head->headers[i].value, out);
			return;
		}
	}
}
