/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/pack.h"

/*
 * A row of the packed log as a damaged disk may give it: first byte 'h' heads,
 * else bodies.  Heads that unpack are packed anew and must unpack to the same.
 */

#define HEADS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct kept {
	struct pack_head heads[HEADS];
	size_t count;
};

static int
keep(void *context, uint64_t seq, const struct pack_head *head, struct err *e)
{
	struct kept *kept = context;

	must(seq == kept->count + 1 && head->before < seq);
	if (kept->count == HEADS) {
		return err_set(e, ERR_LIMIT, "enough");
	}
	kept->heads[kept->count++] = *head;
	return 0;
}

static void
heads(struct str blob)
{
	static struct kept kept;
	static struct kept again;
	struct pack_words *w = pack_words_new();
	auto_buf packed = { 0 };
	struct err e = { 0 };

	must(!pack_words_add(w, 0, STR("linux__cli__engineer"), &e));
	must(!pack_words_add(w, 1, STR("\x01\x02\x03"), &e));
	kept.count = 0;
	again.count = 0;
	if (unpack_heads(w, 1, blob, keep, &kept, &e) == 0) {
		pack_heads(w, 1, kept.heads, kept.count, &packed);
		must(!unpack_heads(w, 1, buf_str(&packed), keep, &again, &e));
		must(again.count == kept.count);
		must(memcmp(kept.heads, again.heads,
		         kept.count * sizeof(kept.heads[0])) == 0);
	} else {
		must(e.kind == ERR_IO || e.kind == ERR_LIMIT);
	}
	pack_words_free(w);
}

static void
bodies(struct str blob)
{
	auto_buf content = { 0 };
	struct str bytes = { 0 };
	uint64_t count = 0;
	uint64_t last = 0;
	struct err e = { 0 };

	if (unpack_bodies(blob, &content, &e)) {
		must(e.kind == ERR_IO);
		return;
	}
	if (unpack_body_check(7, buf_str(&content), &count, &last, &e) == 0) {
		must(!unpack_body(7, buf_str(&content), last, &bytes, &e));
		must(bytes.len <= content.len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_span(data, size);

	if (size > 0 && data[0] == 'h') {
		heads(str_sub(all, 1, size));
	} else {
		bodies(str_sub(all, 1, size));
	}
	return 0;
}
