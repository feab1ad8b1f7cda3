/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not a fuzzer: what our reader says of requests, for another parser to say the
 * same (tests/api/differ.py).  Standard input holds them, each behind its
 * length (4 bytes, the low one first); a line of JSON for each.
 */
#include <stdio.h>

#include "http/http.h"

#define REQUEST_MAX 65536

struct tale {
	struct buf head;
	struct buf body;
};

static void
hex(struct buf *out, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		buf_addf(out, "%02x", (uint8_t)bytes.at[i]);
	}
}

static void
tell_head(struct buf *out, const struct http_head *h)
{
	buf_add_z(out, "\"method\":\"");
	hex(out, h->method);
	buf_add_z(out, "\",\"target\":\"");
	hex(out, h->target);
	buf_addf(out, "\",\"minor\":%u,\"headers\":[", h->minor);
	for (size_t i = 0; i < h->count; i++) {
		buf_add_z(out, i ? ",[\"" : "[\"");
		hex(out, h->headers[i].name);
		buf_add_z(out, "\",\"");
		hex(out, h->headers[i].value);
		buf_add_z(out, "\"]");
	}
	buf_add_byte(out, ']');
}

/* 1: a whole request; 0: it has no end; -1: refused. */
static int
read_one(struct str bytes, struct tale *tale, size_t *used)
{
	struct http_reader r;
	struct http_event ev = { .kind = HTTP_MORE };
	struct str in = bytes;
	struct err e = { 0 };
	int result;

	http_reader_request(&r);
	do {
		result = http_read(&r, &in, &ev, &e);
		if (!result && ev.kind == HTTP_HEAD) {
			tell_head(&tale->head, ev.head);
		} else if (!result && ev.kind == HTTP_DATA) {
			buf_add(&tale->body, ev.data);
		}
	} while (!result && ev.kind != HTTP_END && ev.kind != HTTP_MORE);
	http_reader_fini(&r);
	*used = bytes.len - in.len;
	return result ? -1 : ev.kind == HTTP_END;
}

static void
tell(struct str bytes)
{
	struct tale tale = { 0 };
	auto_buf line = { 0 };
	size_t used = 0;
	int whole = read_one(bytes, &tale, &used);

	if (whole > 0) {
		buf_addf(&line, "{\"used\":%zu,", used);
		buf_add(&line, buf_str(&tale.head));
		buf_add_z(&line, ",\"body\":\"");
		hex(&line, buf_str(&tale.body));
		buf_add_z(&line, "\"}\n");
	} else {
		buf_add_z(&line,
		    whole ? "{\"refused\":true}\n" : "{\"more\":true}\n");
	}
	must(fwrite(line.at, 1, line.len, stdout) == line.len);
	buf_fini(&tale.head);
	buf_fini(&tale.body);
}

int
main(void)
{
	static char bytes[REQUEST_MAX];
	uint8_t size[4];

	while (fread(size, 1, sizeof(size), stdin) == sizeof(size)) {
		size_t len = size[0] | (size_t)size[1] << 8 |
		             (size_t)size[2] << 16 | (size_t)size[3] << 24;

		must(len <= sizeof(bytes));
		must(fread(bytes, 1, len, stdin) == len);
		tell(str_span(bytes, len));
	}
	return 0;
}
