/* SPDX-License-Identifier: Apache-2.0 */
#include <zstd.h>

#include "compress/compress.h"

/* What repeats in small JSON is found at half the cost of level 1, to which a
 * batch of some heads is worth its processor time: a fifth more bytes. */
#define LEVEL (-1)

void
compress_zstd(struct str bytes, struct buf *out)
{
	static ZSTD_CCtx *context;
	size_t most = ZSTD_compressBound(bytes.len);
	size_t made;

	if (!context) {
		context = ZSTD_createCCtx();
		must(context);
	}
	made = ZSTD_compressCCtx(
	    context, buf_room(out, most), most, bytes.at, bytes.len, LEVEL);
	must(!ZSTD_isError(made));
	buf_grew(out, made);
}

int
compress_zstd_open(
    struct str frame, size_t limit, struct buf *out, struct err *e)
{
	static ZSTD_DCtx *context;
	unsigned long long size = ZSTD_getFrameContentSize(frame.at, frame.len);
	size_t made;

	if (size == ZSTD_CONTENTSIZE_UNKNOWN ||
	    size == ZSTD_CONTENTSIZE_ERROR ||
	    ZSTD_findFrameCompressedSize(frame.at, frame.len) != frame.len) {
		return err_set(e, ERR_INPUT,
		    "%zu bytes are not one zstd frame that tells its size",
		    frame.len);
	}
	if (size > limit) {
		return err_set(e, ERR_LIMIT,
		    "a zstd frame of %llu bytes, over %zu", size, limit);
	}
	if (!context) {
		context = ZSTD_createDCtx();
		must(context);
	}
	made = ZSTD_decompressDCtx(context, buf_room(out, (size_t)size),
	    (size_t)size, frame.at, frame.len);
	if (ZSTD_isError(made) || made != size) {
		return err_set(e, ERR_INPUT, "a zstd frame is damaged: %s",
		    ZSTD_getErrorName(made));
	}
	buf_grew(out, made);
	return 0;
}
