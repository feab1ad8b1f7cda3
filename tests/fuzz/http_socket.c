/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a stranger: whole and byte by byte they mean the same. */
#include <stdint.h>

#include "http/socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
read_piece(struct http_socket *s, struct str in, struct buf *payload)
{
	struct err e;
	bool got = true;
	while (got) {
		struct http_frame f;
		if (http_socket_read(s, &in, &got, &f, &e)) {
			return -1;
		}
		if (got) {
			buf_add(payload, f.bytes);
			buf_add_z(payload, f.ended ? "|" : "");
		}
	}
	must(in.len == 0);
	return 0;
}

static int
read_all(struct str text, size_t cut, struct buf *payload)
{
	struct http_socket s = { .masked = text.len % 2 };
	for (size_t at = 0; at < text.len; at += cut) {
		if (read_piece(&s, str_sub(text, at, cut), payload)) {
			return -1;
		}
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf whole = { 0 };
	auto_buf bytes = { 0 };
	struct str text = str_span(data, size);
	int one = read_all(text, size + 1, &whole);
	int two = read_all(text, 1, &bytes);
	must(one == two);
	must(one || str_eq(buf_str(&whole), buf_str(&bytes)));
	return 0;
}
