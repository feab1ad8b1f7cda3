/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HTTP_HELP_H
#define TESTS_HTTP_HELP_H

/* Reads one message in pieces of a given size and writes down what came. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

struct told {
	struct buf story; /* heads and ends */
	struct buf body;
	unsigned refusal; /* 0: none */
	enum err_kind kind;
	size_t rest; /* bytes behind the message */
};

static inline void
tell_head(struct told *t, const struct http_head *h, bool interim)
{
	buf_addf(&t->story, "%s %u.%u " STR_FMT " " STR_FMT " %u a=" STR_FMT,
	    interim ? "interim" : "head", 1, h->minor, STR_ARG(h->method),
	    STR_ARG(h->target), h->status, STR_ARG(h->authority));
	buf_addf(&t->story, " p=" STR_FMT " q=" STR_FMT " f=%d k=%d\n",
	    STR_ARG(h->path), STR_ARG(h->query), (int)h->framing,
	    h->keep_alive);
	for (size_t i = 0; i < h->count; i++) {
		buf_addf(&t->story, STR_FMT "=" STR_FMT "\n",
		    STR_ARG(h->headers[i].name), STR_ARG(h->headers[i].value));
	}
}

/* False at the end, at a refusal, and when the piece is used up (*more). */
static inline bool
tell_event(struct told *t, struct http_reader *r, struct str *in, bool *more)
{
	struct http_event ev;
	struct err e = { 0 };

	*more = false;
	if (http_read(r, in, &ev, &e)) {
		t->refusal = r->refusal;
		t->kind = e.kind;
		return false;
	}
	switch (ev.kind) {
	case HTTP_MORE:
		*more = true;
		return false;
	case HTTP_HEAD:
	case HTTP_INTERIM:
		tell_head(t, ev.head, ev.kind == HTTP_INTERIM);
		return true;
	case HTTP_DATA:
		buf_add(&t->body, ev.data);
		return true;
	case HTTP_END:
		buf_add_z(&t->story, "end\n");
		return false;
	}
	return false;
}

static inline void
tell(struct told *t, struct http_reader *r, struct str bytes, size_t piece)
{
	bool more = true;
	size_t at = 0;

	while (more) {
		struct str in = str_sub(bytes, at, piece);
		size_t had = in.len;

		while (tell_event(t, r, &in, &more)) {
		}
		at += had - in.len;
		if (more && at >= bytes.len) {
			break;
		}
	}
	t->rest = bytes.len - at;
}

static inline void
told_fini(struct told *t)
{
	buf_fini(&t->story);
	buf_fini(&t->body);
}

#endif
