/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SHA-256 by the instructions that a processor has for it: a fifth of the
 * time of the library's, which knows none of them.
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2,
 * SHA256RNDS2, SHA256MSG1, SHA256MSG2.
 */
#include "digest/own.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <endian.h>
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("sha,sse4.1")))

bool
sha256_has_instructions(void)
{
	static enum { NOT_ASKED, NO, YES } answer; /* asking is slow */
	unsigned a = 0;
	unsigned b = 0;
	unsigned c = 0;
	unsigned d = 0;

	if (answer == NOT_ASKED) {
		answer = __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
		                 (b & bit_SHA) &&
		                 __builtin_cpu_supports("sse4.1")
		             ? YES
		             : NO;
	}
	return answer == YES;
}

/* Four rounds with four words of the schedule; these become the four that come
 * sixteen rounds later (the last sixteen are made for nobody). */
TARGET static inline void
four_rounds(__m128i state[2], const uint32_t *round, __m128i *words,
    __m128i second, __m128i third, __m128i fourth)
{
	__m128i with = _mm_add_epi32(*words, _mm_loadu_si128((void *)round));
	__m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(*words, second),
	    _mm_alignr_epi8(fourth, third, 4));

	state[1] = _mm_sha256rnds2_epu32(state[1], state[0], with);
	state[0] = _mm_sha256rnds2_epu32(
	    state[0], state[1], _mm_shuffle_epi32(with, 0x0e));
	*words = _mm_sha256msg2_epu32(next, fourth);
}

TARGET static inline __m128i
load_words(const uint8_t *at)
{
	return _mm_shuffle_epi8(_mm_loadu_si128((void *)at),
	    _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

/* The state stands as the instructions want it: A B E F and C D G H. */
TARGET static void
add_block(__m128i state[2], const uint8_t *at)
{
	__m128i before[2] = { state[0], state[1] };
	__m128i a = load_words(at);
	__m128i b = load_words(at + 16);
	__m128i c = load_words(at + 32);
	__m128i d = load_words(at + 48);

	for (const uint32_t *round = sha256_round; round < sha256_round + 64;
	     round += 16) {
		four_rounds(state, round, &a, b, c, d);
		four_rounds(state, round + 4, &b, c, d, a);
		four_rounds(state, round + 8, &c, d, a, b);
		four_rounds(state, round + 12, &d, a, b, c);
	}
	state[0] = _mm_add_epi32(state[0], before[0]);
	state[1] = _mm_add_epi32(state[1], before[1]);
}

TARGET struct digest
sha256_by_instructions(struct str bytes)
{
	const uint32_t *h = sha256_start;
	__m128i state[2] = {
		_mm_setr_epi32((int)h[5], (int)h[4], (int)h[1], (int)h[0]),
		_mm_setr_epi32((int)h[7], (int)h[6], (int)h[3], (int)h[2]),
	};
	uint8_t tail[2 * BLOCK];
	size_t last = sha256_tail(bytes, tail);
	uint32_t words[8];
	struct digest out;

	for (size_t i = 0; i < bytes.len / BLOCK; i++) {
		add_block(state, (const uint8_t *)bytes.at + i * BLOCK);
	}
	for (size_t i = 0; i < last; i++) {
		add_block(state, tail + i * BLOCK);
	}
	memcpy(words, state, sizeof(words));
	for (int i = 0; i < 8; i++) {
		static const int place[8] = { 3, 2, 7, 6, 1, 0, 5, 4 };
		uint32_t word = htobe32(words[place[i]]);

		memcpy(out.bytes + 4 * (size_t)i, &word, 4);
	}
	wipe(tail, sizeof(tail));
	return out;
}

#else

bool
sha256_has_instructions(void)
{
	return false;
}

struct digest
sha256_by_instructions(struct str bytes)
{
	(void)bytes;
	must(false);
	return (struct digest){ 0 };
}

#endif
