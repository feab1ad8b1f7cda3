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

LANES_TARGET static void
OWN(read)(word w[16], const uint8_t *const at[LANES], size_t from)
{
	for (int t = 0; t < 16; t++) {
		uint32_t part[LANES];

		for (int i = 0; i < LANES; i++) {
			uint32_t value;

			memcpy(&value, at[i] + from + (size_t)t * 4, 4);
			part[i] = be32toh(value);
		}
		memcpy(&w[t], part, sizeof(word));
	}
}

LANES_TARGET static void
OWN(block)(word h[8], word w[16])
{
	word a = h[0], b = h[1], c = h[2], d = h[3];
	word e = h[4], f = h[5], g = h[6], last = h[7];

	for (int t = 0; t < 64; t++) {
		word x = w[t & 15];

		if (t >= 16) {
			word y = w[(t + 1) & 15];
			word z = w[(t + 14) & 15];

			x += (TURN(y, 7) ^ TURN(y, 18) ^ y >> 3) +
			     w[(t + 9) & 15] +
			     (TURN(z, 17) ^ TURN(z, 19) ^ z >> 10);
			w[t & 15] = x;
		}
		word one = last + (TURN(e, 6) ^ TURN(e, 11) ^ TURN(e, 25)) +
		           (g ^ (e & (f ^ g))) + x + sha256_round[t];
		word two = (TURN(a, 2) ^ TURN(a, 13) ^ TURN(a, 22)) +
		           ((a & b) | (c & (a | b)));

		last = g;
		g = f;
		f = e;
		e = d + one;
		d = c;
		c = b;
		b = a;
		a = one + two;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
	h[5] += f;
	h[6] += g;
	h[7] += last;
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
#undef word
#undef OWN
#undef JOIN
#undef JOIN_
#undef LANES
#undef LANES_NAME
#undef LANES_TARGET
