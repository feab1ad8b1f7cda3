/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_TWO_H
#define HTTP_TWO_H

/*
 * HTTP/2 (RFC 9113) by nghttp2, which this room alone includes: a session in
 * memory, bytes in, bytes out.  A message comes out as the text of an HTTP/1.1
 * one, chunked, and goes in as one, so that one strict reader judges both
 * versions and nothing is understood twice in two ways (G02).
 *
 * Bounds: HTTP_TWO_STREAMS at once, 64 KiB of fields, a window of 64 KiB for a
 * stream that opens only as its owner takes bytes; rapid resets, floods of
 * settings, pings, continuations and empty frames end the session (G03).
 */

#include "base/base.h"

#define HTTP_TWO_STREAMS 32
#define HTTP_TWO_WINDOW  65535

struct http_two;

struct http_two_ops {
	/* Text of the message of a stream has come: whatever completes it
	 * follows.  A server's stream begins with it. */
	void (*text)(void *owner, int32_t stream, struct str text);
	void (*ended)(void *owner, int32_t stream); /* the message is whole */
	/* untaken: a server did nothing for it and it may be asked again (RFC
	 * 9113 8.7): REFUSED_STREAM, or GOAWAY that does not reach it. */
	void (*closed)(void *owner, int32_t stream, bool untaken);
};

struct http_two *http_two_server(const struct http_two_ops *ops, void *owner);
struct http_two *http_two_client(const struct http_two_ops *ops, void *owner);
void http_two_free(struct http_two *t); /* NULL is nothing; no call back */

/* -1: the session is over; take what is to be said of it. */
int http_two_feed(
    struct http_two *t, struct str bytes, struct err *e) MUST_CHECK;
void http_two_take(struct http_two *t, struct buf *out);
/* A client's: may it be asked for one more, while so many run? */
bool http_two_takes(const struct http_two *t, size_t running);
bool http_two_over(const struct http_two *t); /* nothing more can happen */

/* A client's request: head is the text of an HTTP/1.1 one.  secret: none of
 * its fields may enter a table (G04).  Gives the stream. */
int http_two_ask(struct http_two *t, struct str head, bool body, bool secret,
    int32_t *stream, struct err *e) MUST_CHECK;
/* A server's answer likewise; those of 1xx come before it, without a body. */
int http_two_answer(struct http_two *t, int32_t stream, struct str head,
    bool body, struct err *e) MUST_CHECK;
void http_two_data(struct http_two *t, int32_t stream, struct str bytes);
/* Of any message, with a body or without.  trailers: "name: value" lines, or
 * empty. */
void http_two_end(struct http_two *t, int32_t stream, struct str trailers);
size_t http_two_waiting(const struct http_two *t, int32_t stream);
/* All text that was given is taken: the window opens again, and what had to
 * wait is given. */
void http_two_taken(struct http_two *t, int32_t stream);
/* A client's: nobody waits for the answer (CANCEL).  A server's: what was said
 * of it is not all (INTERNAL_ERROR: there are clients that take CANCEL for the
 * end of an answer). */
void http_two_reset(struct http_two *t, int32_t stream);
/* A server's: nothing of it was looked at, so it may be asked again. */
void http_two_refuse(struct http_two *t, int32_t stream);
/* A server's: of each stream whose answer had ended and left when this was last
 * called, no more is read (NO_ERROR, RFC 9113 8.1).  true: the answers of
 * others have ended since. */
bool http_two_stop(struct http_two *t);
/* A server's last word: what it has not begun may be asked again elsewhere
 * (GOAWAY, RFC 9113 6.8). */
void http_two_leave(struct http_two *t);

#endif
