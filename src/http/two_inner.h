/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_TWO_INNER_H
#define HTTP_TWO_INNER_H

/* What the two files of HTTP/2 share. */

#include <nghttp2/nghttp2.h>

#include "http/http.h"

struct stream {
	struct stream *next, *previous;
	int32_t id;
	struct buf head;   /* text of the head that is coming */
	struct buf extra;  /* lines behind its first: the fields */
	struct buf cookie; /* all crumbs of it */
	struct buf out;    /* data not yet framed */
	struct buf trailers;
	bool out_end;
	bool said;       /* the last frame of it has left */
	bool stop;       /* it had when that was last looked for */
	size_t rest;     /* bytes that came behind it */
	bool began;      /* its head was given out */
	bool length;     /* its head alone says how long its body is */
	size_t given;    /* bytes whose window is not open again */
	size_t around;   /* bytes of text beside them, in this window */
	struct buf late; /* of them what was not given out yet */
	/* of the head that is coming */
	struct buf method, scheme, path, authority;
	unsigned status;
	unsigned interims; /* heads that came before the answer's */
	size_t before;     /* their bytes */
};

struct http_two {
	nghttp2_session *session;
	const struct http_two_ops *ops;
	void *owner;
	bool server;
	bool failed;
	unsigned empty;
	struct stream *streams;
};

struct stream *two_stream(const struct http_two *t, int32_t id);
struct stream *two_stream_new(struct http_two *t);
void two_stream_free(struct http_two *t, struct stream *s);
void two_give_late(struct http_two *t, struct stream *s);
void two_reset(struct http_two *t, int32_t stream, uint32_t code);

#endif
