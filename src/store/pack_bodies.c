/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/compress.h"
#include "store/pack.h"
#include "store/varint.h"

#define FORMAT 1

enum codec {
	CODEC_PLAIN,
	CODEC_ZSTD,
};

/* What is smaller lies on one page either way: to press it costs a lonely
 * commit more than its hashing, most of all after a pause. */
#define PLAIN_MAX 1024

/* A row of one body of the greatest size, with its index. */
#define CONTENT_MAX (STORE_BODY_MAX + 64u)

static void
add_varint(struct buf *out, uint64_t value)
{
	uint8_t *to = (uint8_t *)buf_room(out, VARINT_MAX);

	buf_grew(out, (size_t)(put_varint(to, value) - to));
}

void
pack_bodies(uint64_t first, const struct pack_body *bodies, size_t count,
    struct buf *out)
{
	auto_buf content = { 0 };
	size_t start = out->len;
	uint64_t seq = first;

	add_varint(&content, count);
	for (size_t i = 0; i < count; i++) {
		must(bodies[i].seq >= seq);
		add_varint(&content, bodies[i].seq - seq);
		add_varint(&content, bodies[i].bytes.len);
		seq = bodies[i].seq + 1;
	}
	for (size_t i = 0; i < count; i++) {
		buf_add(&content, bodies[i].bytes);
	}
	buf_add_byte(out, FORMAT);
	buf_add_byte(out, CODEC_ZSTD);
	if (content.len > PLAIN_MAX) {
		compress_zstd(buf_str(&content), out);
	}
	if (content.len <= PLAIN_MAX || out->len - start >= content.len + 2) {
		out->len = start;
		buf_add_byte(out, FORMAT);
		buf_add_byte(out, CODEC_PLAIN);
		buf_add(out, buf_str(&content));
	}
}

static int
damaged(struct err *e)
{
	return err_set(e, ERR_IO,
	    "packed bodies are damaged; restore the store from a backup");
}

int
unpack_bodies(struct str blob, struct buf *content, struct err *e)
{
	struct str inside = str_sub(blob, 2, blob.len);

	if (blob.len < 3 || blob.at[0] != FORMAT) {
		return damaged(e);
	}
	buf_clear(content);
	switch (blob.at[1]) {
	case CODEC_PLAIN:
		buf_add(content, inside);
		return 0;
	case CODEC_ZSTD:
		if (compress_zstd_open(inside, CONTENT_MAX, content, e)) {
			return damaged(e);
		}
		return 0;
	default:
		return damaged(e);
	}
}

/* Reads the index: the place of the body of this seq, 0: of none. */
struct search {
	uint64_t count;
	uint64_t last;
	uint64_t before; /* bytes before its own */
	uint64_t len;
	uint64_t total;
	bool found;
};

static bool
search(struct reader *from, uint64_t first, uint64_t seq, struct search *s)
{
	uint64_t next = first;

	*s = (struct search){ 0 };
	s->count = take_varint(from, INT64_MAX);
	for (uint64_t i = 0; i < s->count && !from->bad; i++) {
		uint64_t at = next + take_varint(from, INT64_MAX - next);
		uint64_t len = take_varint(from, STORE_BODY_MAX);

		if (at == seq) {
			s->found = true;
			s->before = s->total;
			s->len = len;
		}
		s->last = at;
		next = at + 1;
		s->total += len;
		from->bad |= s->total > CONTENT_MAX || at == INT64_MAX;
	}
	return !from->bad && s->count > 0 &&
	       s->total == (uint64_t)(from->end - from->at);
}

int
unpack_body(uint64_t first, struct str content, uint64_t seq, struct str *bytes,
    struct err *e)
{
	struct reader from = reader_of(content);
	struct search s;

	if (first > INT64_MAX || !search(&from, first, seq, &s)) {
		return damaged(e);
	}
	if (!s.found) {
		return err_set(e, ERR_MISSING,
		    "the body of head %llu is not in the store",
		    (unsigned long long)seq);
	}
	*bytes = str_span(from.at + s.before, (size_t)s.len);
	return 0;
}

int
unpack_body_check(uint64_t first, struct str content, uint64_t *count,
    uint64_t *last, struct err *e)
{
	struct reader from = reader_of(content);
	struct search s;

	if (first > INT64_MAX || !search(&from, first, 0, &s)) {
		return damaged(e);
	}
	*count = s.count;
	*last = s.last;
	return 0;
}
