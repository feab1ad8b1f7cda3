/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/decode.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define WINDOW_LOG 23 /* RFC 9659: what HTTP may ask of a receiver */

enum form { GZIP, ZLIB, BROTLI, ZSTD };

struct compress_decoder {
	enum form form;
	bool ended; /* a stream ended, and no other has begun */
	bool begun;
	uint64_t in, out;
	z_stream z;
	BrotliDecoderState *brotli;
	ZSTD_DStream *zstd;
};

struct piece {
	const uint8_t *in;
	size_t in_left;
	uint8_t *out;
	size_t out_left;
};

static bool
form_of(struct str name, enum form *form)
{
	static const struct {
		const char *name;
		enum form form;
	} known[] = {
		{ "gzip", GZIP },
		{ "x-gzip", GZIP },
		{ "deflate", ZLIB },
		{ "br", BROTLI },
		{ "zstd", ZSTD },
	};
	for (size_t i = 0; i < COUNT(known); i++) {
		if (str_eq_nocase(name, str_of(known[i].name))) {
			*form = known[i].form;
			return true;
		}
	}
	return false;
}

struct compress_decoder *
compress_decoder_new(struct str name)
{
	enum form form;
	if (!form_of(name, &form)) {
		return NULL;
	}
	struct compress_decoder *d = calloc(1, sizeof(*d));
	must(d);
	d->form = form;
	switch (form) {
	case GZIP:
		must(inflateInit2(&d->z, MAX_WBITS + 16) == Z_OK);
		break;
	case ZLIB:
		must(inflateInit2(&d->z, MAX_WBITS) == Z_OK);
		break;
	case BROTLI:
		d->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		must(d->brotli);
		break;
	case ZSTD:
		d->zstd = ZSTD_createDStream();
		must(d->zstd);
		must(!ZSTD_isError(ZSTD_DCtx_setParameter(
		    d->zstd, ZSTD_d_windowLogMax, WINDOW_LOG)));
		break;
	}
	return d;
}

void
compress_decoder_free(struct compress_decoder *d)
{
	if (!d) {
		return;
	}
	if (d->form == GZIP || d->form == ZLIB) {
		(void)inflateEnd(&d->z);
	}
	if (d->brotli) {
		BrotliDecoderDestroyInstance(d->brotli);
	}
	(void)ZSTD_freeDStream(d->zstd);
	free(d);
}

/* Each answers false for bytes that are not of its form, and sets ended. */

static bool
step_zlib(struct compress_decoder *d, struct piece *p)
{
	/* A gzip file may be several behind one another. */
	if (d->ended && p->in_left > 0) {
		if (d->form != GZIP || inflateReset(&d->z) != Z_OK) {
			return false;
		}
		d->ended = false;
	}
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): zlib only reads there */
	d->z.next_in = (Bytef *)(uintptr_t)p->in;
	d->z.avail_in = (uInt)p->in_left;
	d->z.next_out = p->out;
	d->z.avail_out = (uInt)p->out_left;
	int answer = inflate(&d->z, Z_SYNC_FLUSH);
	p->in_left = d->z.avail_in;
	p->out_left = d->z.avail_out;
	d->ended = d->ended || answer == Z_STREAM_END;
	return answer == Z_OK || answer == Z_STREAM_END ||
	       answer == Z_BUF_ERROR;
}

static bool
step_brotli(struct compress_decoder *d, struct piece *p)
{
	if (d->ended) {
		return p->in_left == 0;
	}
	BrotliDecoderResult answer = BrotliDecoderDecompressStream(
	    d->brotli, &p->in_left, &p->in, &p->out_left, &p->out, NULL);
	d->ended = answer == BROTLI_DECODER_RESULT_SUCCESS;
	return answer != BROTLI_DECODER_RESULT_ERROR;
}

static bool
step_zstd(struct compress_decoder *d, struct piece *p)
{
	ZSTD_inBuffer in = { p->in, p->in_left, 0 };
	ZSTD_outBuffer out = { p->out, p->out_left, 0 };
	size_t answer = ZSTD_decompressStream(d->zstd, &out, &in);
	if (in.pos > 0 || out.pos > 0) {
		d->ended = answer == 0;
	}
	p->in_left -= in.pos;
	p->out_left -= out.pos;
	return !ZSTD_isError(answer);
}

int
compress_decode(struct compress_decoder *d, struct str *in, size_t room,
    struct buf *out, bool *more, struct err *e)
{
	struct piece p = { .in = (const uint8_t *)in->at,
		.in_left = in->len,
		.out = (uint8_t *)buf_room(out, room),
		.out_left = room };
	bool fine = false;
	d->begun = d->begun || in->len > 0;
	switch (d->form) {
	case GZIP:
	case ZLIB:
		fine = step_zlib(d, &p);
		break;
	case BROTLI:
		fine = step_brotli(d, &p);
		break;
	case ZSTD:
		fine = step_zstd(d, &p);
		break;
	}
	if (!fine) {
		return err_set(e, ERR_INPUT,
		    "the body is not of the form that its Content-Encoding "
		    "names");
	}
	d->in += in->len - p.in_left;
	d->out += room - p.out_left;
	if (d->out > COMPRESS_SLACK + COMPRESS_RATIO * d->in) {
		return err_set(e, ERR_LIMIT,
		    "the body grows to over %d times its size when opened",
		    COMPRESS_RATIO);
	}
	*in = str_sub(*in, in->len - p.in_left, in->len);
	buf_grew(out, room - p.out_left);
	*more = p.out_left == 0;
	return 0;
}

int
compress_decode_end(const struct compress_decoder *d, struct err *e)
{
	if (!d->begun || d->ended) {
		return 0;
	}
	return err_set(e, ERR_INPUT, "the compressed body was cut");
}
