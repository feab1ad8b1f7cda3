/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_SCRUB_H
#define PROXY_SCRUB_H

/*
 * The body of one answer on its way to whoever asked: opened where it is
 * compressed, and without the credentials that this cell has used.  A second
 * line: a bound host is trusted with its own credential.
 */

#include "compress/compress.h"
#include "http/http.h"
#include "proxy/needle.h"

#define SCRUB_REMOVED "removed-by-handrail"

typedef void scrub_out(void *owner, struct str piece);

struct scrub {
	const struct needles *needles;
	struct compress_decoder *decoder; /* NULL: it is not compressed */
	bool beside; /* it passes as it came, and what was opened is looked at:
	              * of a coding that the cell was told of before there was a
	              * credential */
	const char *cut; /* one that is found ends it, with this; or NULL */
	uint64_t found;  /* credentials in it; those that overlap are one */
	struct buf held; /* the end so far that may be one's beginning */
	size_t gone;     /* of held in front: a shorter one, replaced already */
	struct buf opened;  /* of the decoder, between two calls */
	struct buf waiting; /* came, and is opened when there is room for it */
	bool waits;         /* and so may be what the decoder holds */
};

/* Does this answer's body go through?  -1: it cannot be read, so it must not
 * pass.  rewrite: a body of any kind may change its length.  Credentials that
 * are used while it comes are looked for from then on. */
int proxy_scrub_begin(struct scrub *s, const struct needles *n,
    struct compress_memory *memory, const struct http_head *answer,
    bool rewrite, struct err *e) MUST_CHECK;
/* The same of the body that a request brings along: whoever passes it on does
 * so after each proxy_scrub, whose `out` then may be NULL.  A coding that is
 * not known is looked through as it is. */
void proxy_scrub_brought(struct scrub *s, const struct needles *n,
    struct compress_memory *memory, const struct http_head *request,
    const char *cut);
void proxy_scrub_fini(struct scrub *s);
bool proxy_scrub_on(const struct scrub *s);
/* ERR_DENIED: it held a credential and may not be rewritten.  out may be NULL.
 */
int proxy_scrub(struct scrub *s, struct str bytes, scrub_out *out, void *owner,
    struct err *e) MUST_CHECK;
/* The same by pieces, for who has little room: what is compressed is taken
 * here, and a hundred times as long where it goes.  After each: go on while
 * `waits`, whenever there is room; until then there is no other call. */
int proxy_scrub_take(struct scrub *s, struct str bytes, scrub_out *out,
    void *owner, struct err *e) MUST_CHECK;
int proxy_scrub_go_on(
    struct scrub *s, scrub_out *out, void *owner, struct err *e) MUST_CHECK;
int proxy_scrub_end(
    struct scrub *s, scrub_out *out, void *owner, struct err *e) MUST_CHECK;
/* Adds text to b without credentials; false: there was none in it. */
bool proxy_scrub_text(const struct needles *n, struct str text, struct buf *b);

#endif
