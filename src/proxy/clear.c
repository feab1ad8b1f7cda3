/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/clear.h"

#include <stdlib.h>

#define KEPT 4

/* Of this process, not of a cell: they hold nothing. */
static struct buf kept[KEPT];
static size_t kept_count;

void
proxy_clear_take(struct buf *b)
{
	if (b->at) {
		return;
	}
	if (kept_count > 0) {
		*b = kept[--kept_count];
		return;
	}
	*b = (struct buf){ .at = calloc(1, CLEAR_SIZE), .cap = CLEAR_SIZE };
	must(b->at);
}

void
proxy_clear_give(struct buf *b)
{
	if (b->cap == CLEAR_SIZE && kept_count < KEPT) {
		must(b->len == b->cap || b->at[b->len] == 0);
		wipe(b->at, b->len);
		kept[kept_count++] = (struct buf){ .at = b->at, .cap = b->cap };
		*b = (struct buf){ 0 };
		return;
	}
	buf_wipe(b);
}

void
proxy_clear_drop(struct buf *b, size_t front)
{
	buf_drop(b, front);
	if (b->cap == CLEAR_SIZE) {
		wipe(b->at + b->len, front);
	}
}

void
proxy_clear_room(struct buf *b, size_t more)
{
	if (b->cap - b->len < more) {
		struct buf wide = { 0 };
		size_t grown = b->cap + b->cap / 2;
		size_t need = b->len + more;
		buf_room(&wide, need < grown ? grown : need);
		buf_add(&wide, buf_str(b));
		proxy_clear_give(b);
		*b = wide;
	}
}

void
proxy_clear_add(struct buf *b, struct str bytes)
{
	proxy_clear_room(b, bytes.len);
	buf_add(b, bytes);
}

void
proxy_clear_rest(void)
{
	while (kept_count > 0) {
		buf_fini(&kept[--kept_count]);
	}
}
