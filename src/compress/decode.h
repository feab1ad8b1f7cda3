/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPRESS_DECODE_H
#define COMPRESS_DECODE_H

/*
 * Streams that a stranger made, opened piece by piece: gzip (RFC 1952), zlib
 * ("deflate", RFC 1950), brotli (RFC 7932) and zstd (RFC 8878, windows to
 * 8 MiB).  Never more than COMPRESS_SLACK and COMPRESS_RATIO times what went
 * in: a bomb is cut long before it is whole (R07).
 */

#include "base/base.h"

#define COMPRESS_RATIO 100
#define COMPRESS_SLACK ((uint64_t)1024 * 1024)

/* What several decoders hold together: the stranger says how large a window
 * is, 16 MiB in brotli.  Zero but for `most`; it outlives its decoders. */
struct compress_memory {
	size_t most;  /* bytes */
	size_t held;  /* at most that, between two calls */
	bool refused; /* one did not get what it asked for */
};

struct compress_decoder;

/* name: of Content-Encoding, in any case.  NULL: none of the four. */
struct compress_decoder *compress_decoder_new(
    struct str name, struct compress_memory *memory);
/* Would one of that form find room, whatever window it is told?  Of those that
 * were begun before, each may still be refused what it needs; it holds nothing
 * from then on. */
bool compress_fits(struct str name, const struct compress_memory *memory);
void compress_decoder_free(struct compress_decoder *d); /* NULL is nothing */
/* Takes bytes from the front of *in and adds what they become to out, at most
 * about `room` bytes in one call: call again while *in is not empty or *more.
 * ERR_INPUT: not of that form; ERR_LIMIT: a bomb; ERR_UNAVAILABLE: no memory is
 * left, by now. */
int compress_decode(struct compress_decoder *d, struct str *in, size_t room,
    struct buf *out, bool *more, struct err *e) MUST_CHECK;
/* Nothing more comes: ERR_INPUT where the stream has not ended. */
int compress_decode_end(
    const struct compress_decoder *d, struct err *e) MUST_CHECK;

#endif
