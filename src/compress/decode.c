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
	struct compress_memory *memory;
	size_t zstd_held; /* of it */
	bool ended;       /* a stream ended, and no other has begun */
	bool begun;
	bool lacks; /* it has no memory: nothing is opened */
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

/* Each piece is counted, and its size stands before it. */

struct counted {
	_Alignas(max_align_t) size_t size;
};

static void *
take(void *owner, size_t size)
{
	struct compress_memory *m = owner;
	if (size > m->most || m->held > m->most - size) {
		m->refused = true;
		return NULL;
	}
	struct counted *c = malloc(sizeof(*c) + size);
	must(c);
	c->size = size;
	m->held += size;
	return c + 1;
}

/* A window holds what was opened, also a credential in it.  zstd's are not
 * overwritten: its stable interface has no hook for that. */
static void
give(void *owner, void *at)
{
	struct compress_memory *m = owner;
	if (at) {
		struct counted *c = (struct counted *)at - 1;
		m->held -= c->size;
		wipe(at, c->size);
		free(c);
	}
}

static void *
take_items(void *owner, unsigned items, unsigned size)
{
	return take(owner, (size_t)items * size);
}

/* It says what it has when it has it: one may be over the bound by its own
 * window, and is forgotten within the same call, before another is asked. */
static bool
count_zstd(struct compress_decoder *d)
{
	struct compress_memory *m = d->memory;
	size_t now = ZSTD_sizeof_DStream(d->zstd);
	m->held += now - d->zstd_held;
	d->zstd_held = now;
	m->refused = m->held > m->most;
	return !m->refused;
}

/* What it held is for others; each of these takes nothing twice. */
static void
forget(struct compress_decoder *d)
{
	(void)inflateEnd(&d->z);
	if (d->brotli) {
		BrotliDecoderDestroyInstance(d->brotli);
		d->brotli = NULL;
	}
	(void)ZSTD_freeDStream(d->zstd);
	d->zstd = NULL;
	d->memory->held -= d->zstd_held;
	d->zstd_held = 0;
}

static bool
begin(struct compress_decoder *d)
{
	d->z.zalloc = take_items;
	d->z.zfree = give;
	d->z.opaque = d->memory;
	switch (d->form) {
	case GZIP:
		return inflateInit2(&d->z, MAX_WBITS + 16) == Z_OK;
	case ZLIB:
		return inflateInit2(&d->z, MAX_WBITS) == Z_OK;
	case BROTLI:
		d->brotli = BrotliDecoderCreateInstance(take, give, d->memory);
		return d->brotli != NULL;
	case ZSTD:
		d->zstd = ZSTD_createDStream();
		must(d->zstd);
		must(!ZSTD_isError(ZSTD_DCtx_setParameter(
		    d->zstd, ZSTD_d_windowLogMax, WINDOW_LOG)));
		return count_zstd(d);
	}
	return false;
}

struct compress_decoder *
compress_decoder_new(struct str name, struct compress_memory *memory)
{
	enum form form;
	if (!form_of(name, &form)) {
		return NULL;
	}
	struct compress_decoder *d = calloc(1, sizeof(*d));
	must(d);
	d->form = form;
	d->memory = memory;
	d->lacks = !begin(d);
	if (d->lacks) {
		forget(d);
	}
	return d;
}

bool
compress_fits(struct str name, const struct compress_memory *memory)
{
	static const size_t most[] = { [GZIP] = (size_t)64 << 10,
		[ZLIB] = (size_t)64 << 10,
		[BROTLI] = (size_t)17 << 20,
		[ZSTD] = (size_t)9 << 20 };
	enum form form;
	return form_of(name, &form) && most[form] <= memory->most &&
	       memory->held <= memory->most - most[form];
}

void
compress_decoder_free(struct compress_decoder *d)
{
	if (d) {
		forget(d);
		free(d);
	}
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
	if (!count_zstd(d)) {
		return false;
	}
	if (in.pos > 0 || out.pos > 0) {
		d->ended = answer == 0;
	}
	p->in_left -= in.pos;
	p->out_left -= out.pos;
	return !ZSTD_isError(answer);
}

static bool
step(struct compress_decoder *d, struct piece *p)
{
	switch (d->form) {
	case GZIP:
	case ZLIB:
		return step_zlib(d, p);
	case BROTLI:
		return step_brotli(d, p);
	case ZSTD:
		return step_zstd(d, p);
	}
	return false;
}

int
compress_decode(struct compress_decoder *d, struct str *in, size_t room,
    struct buf *out, bool *more, struct err *e)
{
	struct piece p = { .in = (const uint8_t *)in->at,
		.in_left = in->len,
		.out = (uint8_t *)buf_room(out, room),
		.out_left = room };
	d->begun = d->begun || in->len > 0;
	d->memory->refused = false;
	bool fine = !d->lacks && step(d, &p);
	d->lacks = d->lacks || d->memory->refused;
	if (d->lacks) {
		forget(d);
		return err_set(e, ERR_UNAVAILABLE,
		    "bodies that are being opened hold the %zu MiB that they "
		    "may hold together: ask again when others have ended",
		    d->memory->most >> 20);
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
