/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/bytes.h"
#include "store/pack.h"
#include "store/varint.h"

#define FORMAT      1
#define HEAD_FORMAT 1
#define ID_SIZE     STORE_ID_SIZE
#define DIGEST      32
#define NEAR        32   /* heads back that are searched for an id */
#define RING        256  /* heads back that a reader remembers ids of */
#define PACKED_MAX  1024 /* more than any packed head */

/* Where the book's head of format 1 keeps its fields. */
enum {
	AT_FORMAT = 0,
	AT_KIND = 2,
	AT_FLAGS = 4,
	AT_SEQ = 8,
	AT_TIME = 16,
	AT_INCARNATION = 24,
	AT_EPOCH = 28,
	AT_RUN = 32,
	AT_TASK = 48,
	AT_BODY = 160,
	AT_BODY_SIZE = 192,
	AT_CALL = 196,
	AT_ZERO = 360,
};

/* What a packed head holds, as DESIGN draws it. */
enum {
	HAS_RAW = 1 << 0,
	HAS_BODY = 1 << 1,
	HAS_TASK = 1 << 2,
	HAS_RUN = 1 << 3,
	HAS_INCARNATION = 1 << 4,
	HAS_EPOCH = 1 << 5,
	HAS_CALL = 1 << 6,
	HAS_BEFORE = 1 << 7,
	HAS_WORD = 1 << 8, /* the first of WORD_FIELDS bits */
	HAS_ALL = (1 << 13) - 1,
};

static const struct {
	unsigned at;
	unsigned size;
} word_fields[] = {
	{ 64, DIGEST },  /* policy */
	{ 96, DIGEST },  /* contract */
	{ 128, DIGEST }, /* role */
	{ 200, 96 },     /* identity */
	{ 296, 64 },     /* rule */
};

static unsigned
has_word(size_t field)
{
	return (unsigned)HAS_WORD << field;
}

struct packer {
	struct pack_words *words;
	const struct pack_head *heads;
	uint64_t first;
	uint64_t time;
	uint32_t incarnation;
	uint32_t recent[COUNT(word_fields)]; /* word + 1 of each field */
};

/* len is a multiple of four. */
static inline bool
is_zero(const uint8_t *at, size_t len)
{
	uint32_t any = 0;

	for (size_t i = 0; i < len; i += sizeof(any)) {
		any |= get_u32(at + i);
	}
	return any == 0;
}

static inline bool
is_same_id(const uint8_t *a, const uint8_t *b)
{
	return ((get_u64(a) ^ get_u64(b)) |
	           (get_u64(a + 8) ^ get_u64(b + 8))) == 0;
}

/* The other fields come back whatever they hold. */
static bool
is_head(const uint8_t *head, uint64_t seq)
{
	uint32_t flags = get_u32(head + AT_FLAGS);

	return get_u16(head + AT_FORMAT) == HEAD_FORMAT && flags <= 1 &&
	       get_u64(head + AT_SEQ) == seq &&
	       (flags == 1 || is_zero(head + AT_BODY, DIGEST + 4)) &&
	       is_zero(head + AT_ZERO, STORE_HEAD_SIZE - AT_ZERO);
}

/* How many heads before this one has the same id there; 0: none near. */
static unsigned
same_before(const struct packer *p, size_t i, unsigned at)
{
	const uint8_t *id = p->heads[i].head + at;
	uint64_t before = p->heads[i].before;

	if (before >= p->first && p->first + i - before < RING &&
	    is_same_id(p->heads[before - p->first].head + at, id)) {
		return (unsigned)(p->first + i - before);
	}
	if (at == AT_TASK && before > 0 && before < p->first) {
		return 0; /* the task's last head is in an older row */
	}
	for (unsigned back = 1; back <= NEAR && back <= i; back++) {
		if (is_same_id(p->heads[i - back].head + at, id)) {
			return back;
		}
	}
	return 0;
}

static uint8_t *
put_id(const struct packer *p, size_t i, unsigned at, uint8_t *to)
{
	unsigned back = same_before(p, i, at);

	*to++ = (uint8_t)back;
	if (back == 0) {
		memcpy(to, p->heads[i].head + at, ID_SIZE);
		to += ID_SIZE;
	}
	return to;
}

/* A field without its padding; most of the padding goes eight bytes a look. */
static struct str
field_word(const uint8_t *head, size_t field)
{
	const uint8_t *at = head + word_fields[field].at;
	size_t len = word_fields[field].size;

	while (len >= 8 && get_u64(at + len - 8) == 0) {
		len -= 8;
	}
	while (len > 0 && at[len - 1] == 0) {
		len--;
	}
	return str_span(at, len);
}

static uint8_t *
put_word(struct packer *p, size_t field, struct str word, uint8_t *to)
{
	uint32_t number = p->recent[field];

	if (number > 0 && str_eq(pack_words_at(p->words, number - 1), word)) {
		return put_varint(to, number);
	}
	if (pack_words_number(p->words, word, &number)) {
		p->recent[field] = number + 1;
		return put_varint(to, number + 1);
	}
	*to++ = 0;
	*to++ = (uint8_t)word.len;
	memcpy(to, word.at, word.len);
	return to + word.len;
}

static unsigned
what_it_has(const struct packer *p, size_t i)
{
	const uint8_t *head = p->heads[i].head;
	unsigned has = p->heads[i].before ? HAS_BEFORE : 0;

	if (!is_head(head, p->first + i)) {
		return has | HAS_RAW;
	}
	has |= get_u32(head + AT_FLAGS) ? HAS_BODY : 0;
	has |= is_zero(head + AT_TASK, ID_SIZE) ? 0 : HAS_TASK;
	has |= is_zero(head + AT_RUN, ID_SIZE) ? 0 : HAS_RUN;
	has |= get_u32(head + AT_INCARNATION) != p->incarnation
	           ? HAS_INCARNATION
	           : 0;
	has |= get_u32(head + AT_EPOCH) ? HAS_EPOCH : 0;
	has |= get_u32(head + AT_CALL) ? HAS_CALL : 0;
	for (size_t f = 0; f < COUNT(word_fields); f++) {
		has |= is_zero(head + word_fields[f].at, word_fields[f].size)
		           ? 0
		           : has_word(f);
	}
	return has;
}

static uint8_t *
put_fields(struct packer *p, size_t i, unsigned has, uint8_t *to)
{
	const uint8_t *head = p->heads[i].head;
	uint64_t time = get_u64(head + AT_TIME);

	to = put_varint(to, get_u16(head + AT_KIND));
	to = put_varint(to, zigzag((int64_t)(time - p->time)));
	p->time = time;
	if (has & HAS_INCARNATION) {
		p->incarnation = get_u32(head + AT_INCARNATION);
		to = put_varint(to, p->incarnation);
	}
	if (has & HAS_EPOCH) {
		to = put_varint(to, get_u32(head + AT_EPOCH));
	}
	if (has & HAS_CALL) {
		to = put_varint(to, get_u32(head + AT_CALL));
	}
	if (has & HAS_TASK) {
		to = put_id(p, i, AT_TASK, to);
	}
	if (has & HAS_RUN) {
		to = put_id(p, i, AT_RUN, to);
	}
	if (has & HAS_BODY) {
		memcpy(to, head + AT_BODY, DIGEST);
		to = put_varint(to + DIGEST, get_u32(head + AT_BODY_SIZE));
	}
	for (size_t f = 0; f < COUNT(word_fields); f++) {
		if (has & has_word(f)) {
			to = put_word(p, f, field_word(head, f), to);
		}
	}
	return to;
}

static void
put_head(struct packer *p, size_t i, struct buf *out)
{
	uint8_t *start = (uint8_t *)buf_room(out, PACKED_MAX);
	uint8_t *to = start;
	unsigned has = what_it_has(p, i);

	put_u16(to, has);
	to += 2;
	if (has & HAS_BEFORE) {
		must(p->heads[i].before < p->first + i);
		to = put_varint(to, p->first + i - p->heads[i].before);
	}
	if (has & HAS_RAW) {
		memcpy(to, p->heads[i].head, STORE_HEAD_SIZE);
		to += STORE_HEAD_SIZE;
	} else {
		to = put_fields(p, i, has, to);
	}
	buf_grew(out, (size_t)(to - start));
}

void
pack_heads(struct pack_words *w, uint64_t first, const struct pack_head *heads,
    size_t count, struct buf *out)
{
	struct packer p = { .words = w, .heads = heads, .first = first };
	uint8_t start[1 + VARINT_MAX] = { FORMAT };

	must(first > 0 && count > 0);
	buf_add(out,
	    str_span(start, (size_t)(put_varint(start + 1, count) - start)));
	for (size_t i = 0; i < count; i++) {
		put_head(&p, i, out);
	}
}

struct unpacker {
	const struct pack_words *words;
	struct reader from;
	uint64_t seq;
	uint64_t given; /* heads before this one */
	uint64_t time;
	uint32_t incarnation;
	uint8_t ring[RING][2][ID_SIZE]; /* tasks and runs of heads before */
};

static void
take_id(struct unpacker *u, unsigned which, uint8_t *id)
{
	const uint8_t *back = take_bytes(&u->from, 1);

	if (!back || *back > u->given) {
		u->from.bad = true;
		return;
	}
	const uint8_t *bytes = *back ? u->ring[(u->given - *back) % RING][which]
	                             : take_bytes(&u->from, ID_SIZE);
	if (bytes) {
		memcpy(id, bytes, ID_SIZE);
	}
}

static void
take_word(struct unpacker *u, size_t field, uint8_t *head)
{
	uint64_t number = take_varint(&u->from, STORE_WORDS_MAX);
	struct str word = { 0 };

	if (number > pack_words_count(u->words)) {
		u->from.bad = true;
	} else if (number > 0) {
		word = pack_words_at(u->words, (uint32_t)number - 1);
	} else {
		const uint8_t *len = take_bytes(&u->from, 1);

		word.len = len ? *len : 0;
		word.at = (const char *)take_bytes(&u->from, word.len);
	}
	if (u->from.bad || word.len == 0 ||
	    word.len > word_fields[field].size) {
		u->from.bad = true;
		return;
	}
	memcpy(head + word_fields[field].at, word.at, word.len);
}

static void
take_fields(struct unpacker *u, unsigned has, uint8_t *head)
{
	put_u16(head + AT_FORMAT, HEAD_FORMAT);
	put_u64(head + AT_SEQ, u->seq);
	put_u16(head + AT_KIND, (unsigned)take_varint(&u->from, UINT16_MAX));
	u->time += (uint64_t)unzigzag(take_varint(&u->from, UINT64_MAX));
	put_u64(head + AT_TIME, u->time);
	if (has & HAS_INCARNATION) {
		u->incarnation = (uint32_t)take_varint(&u->from, UINT32_MAX);
	}
	put_u32(head + AT_INCARNATION, u->incarnation);
	if (has & HAS_EPOCH) {
		put_u32(head + AT_EPOCH,
		    (uint32_t)take_varint(&u->from, UINT32_MAX));
	}
	if (has & HAS_CALL) {
		put_u32(head + AT_CALL,
		    (uint32_t)take_varint(&u->from, UINT32_MAX));
	}
	if (has & HAS_TASK) {
		take_id(u, 0, head + AT_TASK);
	}
	if (has & HAS_RUN) {
		take_id(u, 1, head + AT_RUN);
	}
	if (has & HAS_BODY) {
		const uint8_t *digest = take_bytes(&u->from, DIGEST);

		put_u32(head + AT_FLAGS, 1);
		if (digest) {
			memcpy(head + AT_BODY, digest, DIGEST);
		}
		put_u32(head + AT_BODY_SIZE,
		    (uint32_t)take_varint(&u->from, UINT32_MAX));
	}
	for (size_t f = 0; f < COUNT(word_fields); f++) {
		if (has & has_word(f)) {
			take_word(u, f, head);
		}
	}
}

static void
take_head(struct unpacker *u, struct pack_head *head)
{
	const uint8_t *at = take_bytes(&u->from, 2);
	unsigned has = at ? get_u16(at) : HAS_ALL + 1;
	uint64_t back = 0;

	memset(head, 0, sizeof(*head));
	if (has > HAS_ALL ||
	    ((has & HAS_RAW) && (has | HAS_BEFORE) != (HAS_RAW | HAS_BEFORE))) {
		u->from.bad = true;
		return;
	}
	if (has & HAS_BEFORE) {
		back = take_varint(&u->from, u->seq - 1);
		u->from.bad |= back == 0;
		head->before = u->seq - back;
	}
	if (has & HAS_RAW) {
		const uint8_t *raw = take_bytes(&u->from, STORE_HEAD_SIZE);

		if (raw) {
			memcpy(head->head, raw, STORE_HEAD_SIZE);
		}
	} else {
		take_fields(u, has, head->head);
	}
	memcpy(u->ring[u->given % RING][0], head->head + AT_TASK, ID_SIZE);
	memcpy(u->ring[u->given % RING][1], head->head + AT_RUN, ID_SIZE);
}

static int
damaged(uint64_t first, struct err *e)
{
	return err_set(e, ERR_IO,
	    "the packed heads from %llu on are damaged; restore the store from "
	    "a backup",
	    (unsigned long long)first);
}

int
unpack_heads(const struct pack_words *w, uint64_t first, struct str blob,
    pack_head_fn *each, void *context, struct err *e)
{
	struct unpacker u;
	const uint8_t *format;
	uint64_t count;

	u.words = w;
	u.from = reader_of(blob);
	u.seq = first;
	u.given = 0;
	u.time = 0;
	u.incarnation = 0;
	format = take_bytes(&u.from, 1);
	count = take_varint(&u.from, INT64_MAX);
	if (u.from.bad || *format != FORMAT || count == 0 || first == 0 ||
	    first > INT64_MAX - count) {
		return damaged(first, e);
	}
	for (; u.given < count; u.given++, u.seq++) {
		struct pack_head head;

		take_head(&u, &head);
		if (u.from.bad) {
			return damaged(first, e);
		}
		if (each(context, u.seq, &head, e)) {
			return -1;
		}
	}
	return u.from.at == u.from.end ? 0 : damaged(first, e);
}
