/* SPDX-License-Identifier: Apache-2.0 */
/* The input is one datagram; the reply must be one that a resolver can read. */
#include <string.h>

#include "names/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct names_pool *p = names_pool_new();
	auto_buf reply = { 0 };
	struct names_host h;
	struct err e = { 0 };
	struct str bytes = str_span(data, size);

	names_dns_answer(p, bytes, &reply);
	must(reply.len <= 512);
	if (reply.len) {
		must(reply.len >= 12 && !memcmp(reply.at, data, 2));
		must((uint8_t)reply.at[2] & 0x80);
		must((size_t)reply.at[7] >= names_pool_count(p));
	}
	/* The same bytes as a host: a canonical form is a fixed point. */
	if (!names_host_parse(bytes, &h, &e)) {
		struct names_host again;
		auto_buf text = { 0 };

		buf_addf(&text, h.addr.family == 6 ? "[%s]" : "%s", h.text);
		must(!names_host_parse(buf_str(&text), &again, &e));
		must(strcmp(h.text, again.text) == 0);
	}
	names_pool_free(p);
	return 0;
}
