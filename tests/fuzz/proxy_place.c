/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner of placeholders.  The input's first byte says how one is hidden
 * in the rest of it: at which place, percent-encoded how often, all of it or
 * some, or within Basic.  However that is, it is found; and what is written
 * down has none.
 */
#include "proxy/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARKED PLACE_MARK "0123456789abcdef0123456789abcdef"

static void
encode(struct buf *out, struct str text, uint8_t which)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = (uint8_t)text.at[i];

		if (which & (1U << i % 8) || byte == '%') {
			buf_addf(out, i % 2 ? "%%%02x" : "%%%02X", byte);
		} else {
			buf_add_byte(out, byte);
		}
	}
}

static void
hidden(struct str text, uint8_t how, uint8_t which)
{
	auto_buf one = { 0 };
	auto_buf two = { 0 };
	auto_buf all = { 0 };
	auto_buf basic = { 0 };
	size_t at = text.len ? which % text.len : 0;
	struct str mark = STR(MARKED);

	if (how % 3 > 0) {
		encode(&one, mark, which);
		mark = buf_str(&one);
	}
	if (how % 3 > 1) {
		encode(&two, mark, (uint8_t)~which);
		mark = buf_str(&two);
	}
	buf_add(&all, str_sub(text, 0, at));
	/* What stands before it must not take its first byte away. */
	buf_add_byte(&all, '/');
	buf_add(&all, mark);
	buf_add(&all, str_sub(text, at, text.len));
	must(proxy_place_marked(buf_str(&all)));
	must(proxy_place_marked_value(buf_str(&all)));
	buf_add_z(&basic, how & 8 ? "basic " : "Basic ");
	base64_add(&basic, buf_str(&all));
	must(proxy_place_marked_value(buf_str(&basic)));
}

/* No digit of one is left to be read. */
static void
masked(struct str text)
{
	struct str mark = STR(PLACE_MARK);

	for (size_t i = 0; i + mark.len < text.len; i++) {
		if (str_eq(str_sub(text, i, mark.len), mark)) {
			char next = text.at[i + mark.len];

			must(hex_digit(next) < 0 && next != '%');
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	auto_buf opened = { 0 };

	if (size < 2) {
		return 0;
	}
	struct str text = str_span((const char *)data + 2, size - 2);

	hidden(text, data[0], data[1]);
	proxy_percent_open(&opened, text);
	must(opened.len <= text.len);
	masked(proxy_place_masked(&a, text));
	if (proxy_place_marked(text)) {
		must(proxy_place_marked_value(text));
	}
	return 0;
}
