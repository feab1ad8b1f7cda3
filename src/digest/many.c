/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many digests at once.  One SHA-256 is a chain that leaves most of a processor
 * idle; the chains of several messages run side by side in the lanes of its
 * vectors.  A lane whose message ends takes the next one.
 */
#include "digest/own.h"

#include <endian.h>
#include <string.h>

#define LANES_MAX 16
/* One busy lane costs what the library costs for two or three messages: what is
 * much longer than the others is not for a lane. */
#define LONG 4096

const uint32_t sha256_start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
	0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
const uint32_t sha256_round[64] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf,
	0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
	0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
	0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
	0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
	0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
	0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee,
	0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2 };

#define LANES      4
#define LANES_NAME any
#define LANES_TARGET
#include "digest/lanes.h"

#ifdef __x86_64__
#define LANES        8
#define LANES_NAME   avx2
#define LANES_TARGET __attribute__((target("avx2")))
#include "digest/lanes.h"

#define LANES        16
#define LANES_NAME   avx512
#define LANES_TARGET __attribute__((target("avx512f")))
#include "digest/lanes.h"
#endif

typedef void blocks_fn(uint32_t state[8][LANES_MAX],
    const uint8_t *const at[LANES_MAX], size_t count);

struct width {
	blocks_fn *blocks;
	size_t lanes;
};

static struct width
width_of(enum digest_width most)
{
	(void)most; /* on other processors */
#ifdef __x86_64__
	if (most >= DIGEST_16 && __builtin_cpu_supports("avx512f")) {
		return (struct width){ blocks_avx512, 16 };
	}
	if (most >= DIGEST_8 && __builtin_cpu_supports("avx2")) {
		return (struct width){ blocks_avx2, 8 };
	}
#endif
	return (struct width){ blocks_any, 4 };
}

struct lane {
	const uint8_t *at;
	size_t blocks; /* from `at` on; 0: the lane is free */
	bool last;     /* they are the tail's */
	size_t tail_blocks;
	uint8_t tail[2 * BLOCK]; /* what is left of the message, padded */
	struct digest *out;
};
struct many {
	struct width width;
	uint32_t state[8][LANES_MAX];
	struct lane lanes[LANES_MAX];
	const struct str *next;
	struct digest *out;
	size_t left;
};

size_t
sha256_tail(struct str bytes, uint8_t tail[2 * BLOCK])
{
	size_t rest = bytes.len % BLOCK;
	uint64_t bits = htobe64((uint64_t)bytes.len * 8);
	size_t blocks = rest + 1 + sizeof(bits) <= BLOCK ? 1 : 2;

	memset(tail, 0, (size_t)2 * BLOCK);
	if (rest > 0) {
		memcpy(tail, bytes.at + bytes.len - rest, rest);
	}
	tail[rest] = 0x80;
	memcpy(tail + blocks * BLOCK - sizeof(bits), &bits, sizeof(bits));
	return blocks;
}

static void
begin_tail(struct lane *l)
{
	l->at = l->tail;
	l->blocks = l->tail_blocks;
	l->last = true;
}

static void
begin(struct many *m, size_t n)
{
	struct lane *l = &m->lanes[n];
	struct str bytes = *m->next++;

	m->left--;
	l->out = m->out++;
	l->last = false;
	l->tail_blocks = sha256_tail(bytes, l->tail);
	l->at = (const uint8_t *)bytes.at;
	l->blocks = bytes.len / BLOCK;
	if (l->blocks == 0) {
		begin_tail(l);
	}
	for (int i = 0; i < 8; i++) {
		m->state[i][n] = sha256_start[i];
	}
}

static void
end(struct many *m, size_t n)
{
	for (int i = 0; i < 8; i++) {
		uint32_t value = htobe32(m->state[i][n]);

		memcpy(m->lanes[n].out->bytes + 4 * (size_t)i, &value, 4);
	}
}

/* What a lane does after that many of its blocks. */
static void
go_on(struct many *m, size_t n, size_t blocks)
{
	struct lane *l = &m->lanes[n];

	l->at += blocks * BLOCK;
	l->blocks -= blocks;
	if (l->blocks == 0 && l->last) {
		end(m, n);
	} else if (l->blocks == 0) {
		begin_tail(l);
	}
}

/* As many blocks as every lane has.  A free lane does what another does, and
 * nobody looks at it. */
static void
run(struct many *m)
{
	const uint8_t *at[LANES_MAX] = { 0 };
	const uint8_t *any = NULL;
	size_t count = SIZE_MAX;

	for (size_t n = 0; n < m->width.lanes; n++) {
		const struct lane *l = &m->lanes[n];

		if (l->blocks > 0 && l->blocks < count) {
			count = l->blocks;
		}
		any = l->blocks > 0 && !any ? l->at : any;
	}
	for (size_t n = 0; n < m->width.lanes; n++) {
		at[n] = m->lanes[n].blocks > 0 ? m->lanes[n].at : any;
	}
	m->width.blocks(m->state, at, count);
	for (size_t n = 0; n < m->width.lanes; n++) {
		if (m->lanes[n].blocks > 0) {
			go_on(m, n, count);
		}
	}
}

/* The next message is one for a lane. */
static bool
more(struct many *m)
{
	while (m->left > 0 && m->next->len > LONG) {
		*m->out++ = digest_of(*m->next++);
		m->left--;
	}
	return m->left > 0;
}

static bool
fill(struct many *m)
{
	bool busy = false;

	for (size_t n = 0; n < m->width.lanes; n++) {
		if (m->lanes[n].blocks == 0 && more(m)) {
			begin(m, n);
		}
		busy |= m->lanes[n].blocks > 0;
	}
	return busy;
}

void
digest_many_by(enum digest_width most, const struct str *bytes, size_t count,
    struct digest *out)
{
	struct many m = {
		.width = width_of(most),
		.next = bytes,
		.out = out,
		.left = count,
	};

	while (fill(&m)) {
		run(&m);
	}
}

/* So many one by one take no longer than side by side. */
static size_t
few(void)
{
	if (!sha256_has_instructions()) {
		return 1;
	}
	return width_of(DIGEST_16).lanes == 16 ? 12 : SIZE_MAX;
}

void
digest_many(const struct str *bytes, size_t count, struct digest *out)
{
	if (count > few()) {
		digest_many_by(DIGEST_16, bytes, count, out);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		out[i] = digest_of(bytes[i]);
	}
}
