/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_HEAD_H
#define PROXY_HEAD_H

/* Requests in canonical form: made from a parsed head, written upstream. */

#include "proxy/git.h"
#include "proxy/scrub.h"

/* Where a connection leads: what SNI, Host and CONNECT are compared with. */
struct proxy_origin {
	struct names_host host;
	uint16_t port;
	bool tls;
	bool named;
};

/* Everything lives in `arena` and in the reader whose head this is. */
struct proxy_request {
	struct arena arena;
	struct proxy_origin origin;
	const struct http_head *head;
	struct str method;
	struct str path;
	struct str query;
	bool has_query;
	bool own_credentials;
	enum proxy_git git;
	bool commands;  /* the body begins with a push's commands */
	bool websocket; /* it asks for that upgrade */
	bool two;       /* it came by HTTP/2: an upstream may speak it too */
	bool tunnel;    /* no request at all: bytes that are not read */
};

void proxy_request_fini(struct proxy_request *r);
/* Judges form, authority and path of head against the connection's origin.
 * -1: nothing of the request may leave; e goes into the typed answer.  Memory
 * that r->arena has is used; of r nothing else is read. */
int proxy_request_make(struct proxy_request *r, const struct http_head *head,
    const struct proxy_origin *origin, struct err *e) MUST_CHECK;

/* Does it carry a credential of the cell's own? */
bool proxy_own_credentials(const struct http_head *head, struct str query);

/* May this go be executed for that request?  ERR_DENIED says what forbids. */
int proxy_go_check(const struct proxy_request *r, const struct proxy_go *go,
    struct err *e) MUST_CHECK;

/* The head for the upstream; body: what it ends with, where that was changed
 * (NULL: framed as the cell framed it).  With a place, the secret stands in b,
 * also of what failed: the caller wipes b, which is empty before.  Adds in one
 * allocation, so that no copy stays behind. */
int proxy_head_write(struct buf *b, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, const struct buf *body,
    struct err *e) MUST_CHECK;

/* How an answer is passed on to the cell. */
struct proxy_answer_form {
	const struct needles *needles; /* what its head must not hold */
	bool opened;                   /* its body is not compressed any more */
	bool chunked;                  /* set: the body must be chunked */
	bool close;     /* set too: the connection must end behind it */
	uint64_t found; /* added to: credentials in its head */
};
/* What failed has added something all the same. */
int proxy_head_answer(struct buf *b, const struct http_head *answer,
    const struct http_head *asked, struct proxy_answer_form *form,
    struct err *e) MUST_CHECK;

/* The same of its trailers: "name: value" lines and the empty one. */
int proxy_head_trailers(const struct needles *n, struct str lines,
    struct buf *b, uint64_t *found, struct err *e) MUST_CHECK;

/* A typed answer of our own: {error, id, rule, reason, next}; an id only of
 * what waits for a person.  bare: to HEAD, so its head alone. */
void proxy_answer_write(
    struct buf *b, const struct proxy_refusal *r, bool keep_alive, bool bare);
/* What an error of this room becomes. */
unsigned proxy_status(enum err_kind kind);

#endif
