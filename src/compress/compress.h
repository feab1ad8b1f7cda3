/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPRESS_COMPRESS_H
#define COMPRESS_COMPRESS_H

/*
 * Bytes made smaller, and opened again within a bound.  One working memory per
 * codec lives as long as the process, so that a small input costs no set-up.
 */

#include "base/base.h"
#include "compress/decode.h"

/* One zstd frame (RFC 8878) that tells its size, appended to out. */
void compress_zstd(struct str bytes, struct buf *out);
/* Appended to out.  ERR_INPUT: not one whole frame that tells its size;
 * ERR_LIMIT: more than limit bytes, and nothing was allocated for them. */
int compress_zstd_open(
    struct str frame, size_t limit, struct buf *out, struct err *e) MUST_CHECK;

#endif
