/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/id.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 128

void
buf_fini(struct buf *b)
{
	free(b->at);
	*b = (struct buf){ 0 };
}

void
buf_wipe_held(struct buf *b)
{
	wipe(b->at, b->cap);
	buf_fini(b);
}

static size_t
wider(const struct buf *b, size_t more)
{
	must(more <= SIZE_MAX / 2 - b->len);
	size_t need = b->len + more;
	size_t cap = b->cap == 0 ? FIRST_CAP : b->cap + b->cap / 2;
	return cap < need ? need : cap;
}

char *
buf_widen(struct buf *b, size_t more)
{
	size_t cap = wider(b, more);
	char *at = realloc(b->at, cap);
	must(at != NULL);
	b->at = at;
	b->cap = cap;
	return b->at + b->len;
}

char *
buf_room_wiped(struct buf *b, size_t more)
{
	if (more > b->cap - b->len || !b->at) {
		struct buf wide = { .cap = wider(b, more) };
		wide.at = malloc(wide.cap);
		must(wide.at != NULL && (b->at || b->len == 0));
		buf_add(&wide, buf_str(b));
		buf_wipe(b);
		*b = wide;
	}
	return b->at + b->len;
}

void
buf_add_z(struct buf *b, const char *z)
{
	buf_add(b, str_of(z));
}

void
buf_add_u64(struct buf *b, uint64_t decimal)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + decimal % 10);
		decimal /= 10;
	} while (decimal > 0);
	buf_add(b, str_span(text + at, sizeof(text) - at));
}

void
buf_addf(struct buf *b, const char *format, ...)
{
	va_list list;
	va_list again;

	va_start(list, format);
	va_copy(again, list);
	int len = vsnprintf(NULL, 0, format, list);
	must(len >= 0);
	char *at = buf_room(b, (size_t)len + 1);
	must(vsnprintf(at, (size_t)len + 1, format, again) == len);
	b->len += (size_t)len;
	va_end(again);
	va_end(list);
}

void
buf_drop(struct buf *b, size_t front)
{
	must(front <= b->len);
	if (front > 0) {
		memmove(b->at, b->at + front, b->len - front);
		b->len -= front;
	}
}

const char *
buf_z(struct buf *b)
{
	*buf_room(b, 1) = 0;
	return b->at;
}
