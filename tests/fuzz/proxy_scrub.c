/* SPDX-License-Identifier: Apache-2.0 */
/* An answer in any cut is washed to the same text, and holds no credential. */
#include <stdint.h>

#include "proxy/scrub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
add_to(void *owner, struct str piece)
{
	buf_add(owner, piece);
}

static void
wash(const struct needles *n, struct str text, size_t cut, struct buf *out)
{
	struct scrub s = { .needles = n };
	struct err e;
	for (size_t at = 0; at < text.len; at += cut) {
		must(proxy_scrub(&s, str_sub(text, at, cut), add_to, out, &e) ==
		     0);
	}
	must(proxy_scrub_end(&s, add_to, out, &e) == 0);
	proxy_scrub_fini(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct needles *n;
	struct err e;
	if (!n) {
		n = proxy_needles_new();
		must(proxy_needles_add(n, STR("abababac"), &e) == 0);
	}
	struct str text = str_span(data, size);
	for (size_t cut = 1; cut < 20; cut += 3) {
		auto_buf out = { 0 };
		wash(n, text, cut, &out);
		must(!str_has_str(buf_str(&out), STR("abababac")));
		must(out.len > 0 || size == 0);
	}
	return 0;
}
