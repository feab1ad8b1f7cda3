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

static uint64_t
wash(const struct needles *n, struct str text, size_t cut, struct buf *out)
{
	struct scrub s = { .needles = n };
	struct err e;
	for (size_t at = 0; at < text.len; at += cut) {
		must(proxy_scrub(&s, str_sub(text, at, cut), add_to, out, &e) ==
		     0);
	}
	must(proxy_scrub_end(&s, add_to, out, &e) == 0);
	uint64_t found = s.found;
	proxy_scrub_fini(&s);
	return found;
}

/* One begins another, one begins where another ends. */
static const char *const secrets[] = { "abababac", "abababacabca", "acabcaab" };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct needles *n;
	struct err e;
	if (!n) {
		n = proxy_needles_new();
		for (size_t i = 0; i < COUNT(secrets); i++) {
			must(proxy_needles_add(n, str_of(secrets[i]), &e) == 0);
		}
	}
	struct str text = str_span(data, size);
	auto_buf whole = { 0 };
	uint64_t found = wash(n, text, size + 1, &whole);
	must(whole.len > 0 || size == 0);
	for (size_t i = 0; i < COUNT(secrets); i++) {
		must(!str_has_str(buf_str(&whole), str_of(secrets[i])));
	}
	for (size_t cut = 1; cut < 20; cut += 3) {
		auto_buf out = { 0 };
		must(wash(n, text, cut, &out) == found);
		must(str_eq(buf_str(&out), buf_str(&whole)));
	}
	return 0;
}
