/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a push: whole and in two pieces they mean the same. */
#include <stdint.h>
#include <string.h>

#include "proxy/git.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_span(data, size);
	struct proxy_commands whole = { 0 };
	struct proxy_commands halves = { 0 };
	struct err e;
	struct err f;
	int one = proxy_commands_read(&whole, all, &e);
	int two = proxy_commands_read(&halves, str_sub(all, 0, size / 2), &f);
	if (!two) {
		two = proxy_commands_read(&halves, all, &f);
	}
	must(one == two);
	must(whole.count == halves.count && whole.count <= PROXY_REFS);
	must(one || (whole.at == halves.at && whole.at <= size));
	must(one || whole.done == halves.done);
	for (size_t i = 0; i < whole.count; i++) {
		must(memchr(whole.refs[i].name, 0, PROXY_REF_SIZE));
		must(str_starts(str_of(whole.refs[i].name), STR("refs/")));
	}
	return 0;
}
