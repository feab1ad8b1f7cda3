/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256's compression (FIPS 180-4, 6.2.2) of LANES messages side by side:
 * one word of each in a vector.  Read once for each kind of processor, with
 * LANES, LANES_NAME and LANES_TARGET set; so it has no guard.
 */

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define OWN(name)   JOIN(name, LANES_NAME)
#define word        OWN(word)

typedef uint32_t word __attribute__((vector_size(4 * LANES)));

#define TURN(x, n) ((x) >> (n) | (x) << (32 - (n)))

/* Words of a message stand high byte first. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HIGH_FIRST(x) ((TURN(x, 24) & 0x00ff00ff) | (TURN(x, 8) & 0xff00ff00))
#else
#define HIGH_FIRST(x) (x)
#endif

/* The first (second) halves of both, an element of each in turn. */
#if LANES == 16
#define FIRST(a, b)              \
	__builtin_shufflevector( \
	    (a), (b), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define SECOND(a, b)                                                        \
	__builtin_shufflevector((a), (b), 8, 24, 9, 25, 10, 26, 11, 27, 12, \
	    28, 13, 29, 14, 30, 15, 31)
#elif LANES == 8
#define FIRST(a, b) __builtin_shufflevector((a), (b), 0, 8, 1, 9, 2, 10, 3, 11)
#define SECOND(a, b) \
	__builtin_shufflevector((a), (b), 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define FIRST(a, b)  __builtin_shufflevector((a), (b), 0, 4, 1, 5)
#define SECOND(a, b) __builtin_shufflevector((a), (b), 2, 6, 3, 7)
#endif

/* One step of what turns rows into columns: log2(LANES) of them do it, each
 * puts rows together that stand half of them apart. */
LANES_TARGET static inline __attribute__((always_inline)) void
OWN(mix)(word to[LANES], const word from[LANES])
{
	for (int i = 0; i < LANES / 2; i++) {
		/* NOLINTNEXTLINE(*-widening-of-multiplication-result): a few */
		to[2 * i] = FIRST(from[i], from[i + LANES / 2]);
		to[2 * i + 1] = SECOND(from[i], from[i + LANES / 2]);
	}
}

/* LANES words of each lane's block become as many words of all lanes. */
LANES_TARGET static inline __attribute__((always_inline)) void
OWN(columns)(word w[LANES], const uint8_t *const at[LANES], size_t from)
{
	word other[LANES];

	for (int i = 0; i < LANES; i++) {
		word x;

		memcpy(&x, at[i] + from, sizeof(x));
		w[i] = HIGH_FIRST(x);
	}
	for (int size = LANES; size > 1; size /= 4) {
		OWN(mix)(other, w);
		if (size > 2) {
			OWN(mix)(w, other);
		} else {
			memcpy(w, other, sizeof(other));
		}
	}
}

LANES_TARGET static inline __attribute__((always_inline)) void
OWN(read)(word w[16], const uint8_t *const at[LANES], size_t from)
{
	for (size_t t = 0; t < 16; t += LANES) {
		OWN(columns)(w + t, at, from + t * 4);
	}
}

/* NOLINTBEGIN(bugprone-macro-parentheses): only names and numbers are given. */

/* The next word of the schedule takes the place of the one 16 before. */
#define NEXT(t)                                                             \
	(w[t] += (TURN(w[(t + 1) & 15], 7) ^ TURN(w[(t + 1) & 15], 18) ^    \
	             w[(t + 1) & 15] >> 3) +                                \
	         w[(t + 9) & 15] +                                          \
	         (TURN(w[(t + 14) & 15], 17) ^ TURN(w[(t + 14) & 15], 19) ^ \
	             w[(t + 14) & 15] >> 10))

/* Names move on instead of values: eight rounds later each is itself again. */
#define ROUND(a, b, c, d, e, f, g, h, x, k)                       \
	do {                                                      \
		(h) += (TURN(e, 6) ^ TURN(e, 11) ^ TURN(e, 25)) + \
		       ((g) ^ ((e) & ((f) ^ (g)))) + (x) + (k);   \
		(d) += (h);                                       \
		(h) += (TURN(a, 2) ^ TURN(a, 13) ^ TURN(a, 22)) + \
		       (((a) & (b)) | ((c) & ((a) | (b))));       \
	} while (0)

#define EIGHT(W, t)                                                    \
	do {                                                           \
		ROUND(a, b, c, d, e, f, g, h, W((t)), k[(t)]);         \
		ROUND(h, a, b, c, d, e, f, g, W((t) + 1), k[(t) + 1]); \
		ROUND(g, h, a, b, c, d, e, f, W((t) + 2), k[(t) + 2]); \
		ROUND(f, g, h, a, b, c, d, e, W((t) + 3), k[(t) + 3]); \
		ROUND(e, f, g, h, a, b, c, d, W((t) + 4), k[(t) + 4]); \
		ROUND(d, e, f, g, h, a, b, c, W((t) + 5), k[(t) + 5]); \
		ROUND(c, d, e, f, g, h, a, b, W((t) + 6), k[(t) + 6]); \
		ROUND(b, c, d, e, f, g, h, a, W((t) + 7), k[(t) + 7]); \
	} while (0)

/* NOLINTEND(bugprone-macro-parentheses) */

#define GIVEN(t) w[t]

/* What is written here is short; 64 rounds of a macro are not. */
LANES_TARGET static inline __attribute__((always_inline)) void
/* NOLINTNEXTLINE(readability-function-size,readability-function-cognitive-*) */
OWN(block)(word state[8], word w[16])
{
	word a = state[0], b = state[1], c = state[2], d = state[3];
	word e = state[4], f = state[5], g = state[6], h = state[7];
	const uint32_t *k = sha256_round;

	EIGHT(GIVEN, 0);
	EIGHT(GIVEN, 8);
	for (k += 16; k < sha256_round + 64; k += 16) {
		EIGHT(NEXT, 0);
		EIGHT(NEXT, 8);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

/* state[n] holds word n of every lane's state, LANES of them. */
LANES_TARGET static void
OWN(blocks)(uint32_t state[8][LANES_MAX], const uint8_t *const at[LANES_MAX],
    size_t count)
{
	word h[8];
	word w[16];

	for (int i = 0; i < 8; i++) {
		memcpy(&h[i], state[i], sizeof(word));
	}
	for (size_t n = 0; n < count; n++) {
		OWN(read)(w, at, n * BLOCK);
		OWN(block)(h, w);
	}
	for (int i = 0; i < 8; i++) {
		memcpy(state[i], &h[i], sizeof(word));
	}
}

#undef TURN
#undef HIGH_FIRST
#undef FIRST
#undef SECOND
#undef NEXT
#undef ROUND
#undef EIGHT
#undef GIVEN
#undef word
#undef OWN
#undef JOIN
#undef JOIN_
#undef LANES
#undef LANES_NAME
#undef LANES_TARGET
