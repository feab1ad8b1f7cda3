/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a stranger behind an honest preface: whatever text comes of them,
 * the strict reader takes its head or refuses it, and memory is bounded. */
#include <stdint.h>

#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

static void
take_text(void *owner, int32_t stream, struct str text)
{
	size_t *sum = owner;
	must(stream > 0);
	*sum += text.len;
}

static void
take_end(void *owner, int32_t stream)
{
	(void)owner;
	must(stream > 0);
}

static void
take_close(void *owner, int32_t stream, bool untaken)
{
	(void)owner;
	(void)stream;
	(void)untaken;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_two_ops ops = { take_text, take_end,
		take_close };
	size_t sum = 0;
	struct http_two *t = http_two_server(&ops, &sum);
	struct err e;
	auto_buf out = { 0 };
	must(http_two_feed(t, STR(PREFACE), &e) == 0);
	int failed = http_two_feed(t, str_span(data, size), &e);
	http_two_take(t, &out);
	must(out.len < 1000000);
	must(failed == 0 || http_two_over(t));
	http_two_free(t);
	return 0;
}
