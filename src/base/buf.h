/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

/*
 * A growing byte buffer.  Zeroed is a valid empty buffer.  Out of memory stops
 * the part (must); whoever adds bytes from outside checks their size first.
 */

#include "base/must.h"
#include "base/str.h"

struct buf {
	char *at;
	size_t len;
	size_t cap;
};

void buf_fini(struct buf *b); /* frees; leaves it empty and usable */
void buf_add_z(struct buf *b, const char *z);
void buf_add_u64(struct buf *b, uint64_t decimal);
void buf_addf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *buf_widen(struct buf *b, size_t more); /* buf_room, when there is none */
void buf_drop(struct buf *b, size_t front);  /* removes bytes from the front */
const char *buf_z(struct buf *b); /* terminated (NUL not counted in len) */

static inline struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->at, b->len };
}

/* Most buffers that end have never held anything. */
void buf_wipe_held(struct buf *b);

static inline void
buf_wipe(struct buf *b) /* buf_fini, overwriting the bytes first */
{
	if (b->at) {
		buf_wipe_held(b);
	}
}

static inline void
buf_clear(struct buf *b) /* len = 0, keeps the memory */
{
	b->len = 0;
}

static inline char *
buf_room(struct buf *b, size_t more) /* space for `more` bytes at the end */
{
	return more <= b->cap - b->len && b->at ? b->at + b->len
	                                        : buf_widen(b, more);
}

/* The same for what must leave no copy behind where it has to move. */
char *buf_room_wiped(struct buf *b, size_t more);

static inline void
buf_grew(struct buf *b, size_t more) /* that many were written there */
{
	must(more <= b->cap - b->len);
	b->len += more;
}

static inline void
buf_add(struct buf *b, struct str s)
{
	if (s.len > 0) {
		memcpy(buf_room(b, s.len), s.at, s.len);
		b->len += s.len;
	}
}

static inline void
buf_add_byte(struct buf *b, uint8_t byte)
{
	*buf_room(b, 1) = (char)byte;
	b->len++;
}

static inline void
auto_buf_fini(struct buf *b)
{
	if (b->at) {
		buf_fini(b);
	}
}

#define auto_buf __attribute__((cleanup(auto_buf_fini))) struct buf

#endif
