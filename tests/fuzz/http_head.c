/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses the reader; the rest is read whole, then byte by
 * byte, and both must tell the same.  A head that passes is written again and
 * must read equal (for requests: its path, when canonical, is a fixed point).
 */
#include "http_story.h"

static void
path_is_fixed_point(const struct http_head *h)
{
	auto_arena a = { 0 };
	struct err e = { 0 };
	struct str once;
	struct str twice;

	if (http_path_canonical(&a, h->path, true, &once, &e)) {
		return;
	}
	must(!http_path_canonical(&a, once, true, &twice, &e));
	must(str_eq(once, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reader r;
	struct http_event ev;
	struct err e = { 0 };

	if (size < 1) {
		return 0;
	}
	struct str bytes = str_span(data + 1, size - 1);

	story_compare(data[0], bytes);
	story_init(&r, data[0]);
	if (!http_read(&r, &bytes, &ev, &e) && ev.kind == HTTP_HEAD) {
		path_is_fixed_point(ev.head);
	}
	http_reader_fini(&r);
	return 0;
}
