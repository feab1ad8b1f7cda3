/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the house: what core asks for, and what it is told. */
#include "parts/egress.h"

#include <stdlib.h>
#include <string.h>

#define BODY_LIMIT ((size_t)64 * 1024 * 1024)

static void
text_cut(char *field, size_t size, const char *text)
{
	struct str s = str_of(text);
	must(str_copy(field, size, str_sub(s, 0, size - 1)));
}

void
egress_fetched(void *context, uint64_t id, const struct proxy_answer *answer,
    const struct err *why)
{
	struct egress *g = context;
	struct wire_http_done w = { 0 };
	struct err e;
	struct egress_fetch **at = &g->fetches;
	while (*at && (*at)->id != id) {
		at = &(*at)->next;
	}
	must(*at);
	struct egress_fetch *f = *at;
	*at = f->next;
	w.id = f->core;
	auto_buf told = { 0 };
	int fd = -1;
	if (answer && f->capture) {
		egress_capture(g, f, answer, &told);
	}
	if (answer) {
		fd = memfd_sealed(
		    "answer", f->capture ? buf_str(&told) : answer->body, &e);
		why = &e;
	}
	free(f);
	if (fd < 0) {
		w.kind = (uint32_t)why->kind;
		text_cut(w.text, sizeof(w.text), why->text);
		wire_send(g->core, WIRE_HTTP_DONE, &w, NULL, 0);
		return;
	}
	w.ok = 1;
	w.status = answer->status;
	struct str type = answer->content_type;
	if (!str_copy(w.content_type, sizeof(w.content_type),
	        str_sub(type, 0, sizeof(w.content_type) - 1))) {
		w.content_type[0] = '\0';
	}
	_Static_assert(WIRE_CHALLENGE_MAX == 512, "as the proxy keeps it");
	must(str_copy(w.challenge, sizeof(w.challenge), answer->challenge));
	wire_send(g->core, WIRE_HTTP_DONE, &w, &fd, 1);
}

static void
fetch_refused(struct egress *g, uint64_t id, const struct err *why)
{
	struct wire_http_done w = { .id = id, .kind = (uint32_t)why->kind };
	text_cut(w.text, sizeof(w.text), why->text);
	wire_send(g->core, WIRE_HTTP_DONE, &w, NULL, 0);
}

static int
fetch_bodies(const struct wire_http_do *w, int *fds, struct buf *body,
    struct buf *ca, struct err *e)
{
	size_t at = 0;
	if (w->has_body && memfd_read(fds[at++], BODY_LIMIT, body, e)) {
		return err_wrap(e, "body");
	}
	if (w->go.has_ca && memfd_read(fds[at], EGRESS_CA_MAX, ca, e)) {
		return err_wrap(e, "ca");
	}
	return 0;
}

void
egress_take_http_do(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct egress *g = owner;
	const struct wire_http_do *w = record;
	struct proxy_fetch f = { .method = w->method,
		.host = w->host,
		.port = w->port,
		.target = w->target,
		.headers = w->headers,
		.timeout_us = (int64_t)w->timeout,
		.answer_limit = w->answer_limit };
	struct err e;
	auto_buf body = { 0 };
	auto_buf ca = { 0 };
	(void)peer;
	if (!egress_go_from(&w->go, &f.go) || w->go.has_ca == WIRE_CA_GIVEN ||
	    nfds != (w->has_body ? 1U : 0U) + (w->go.has_ca ? 1U : 0U) ||
	    !wire_text_ok(w->method, sizeof(w->method)) ||
	    !wire_text_ok(w->host, sizeof(w->host)) ||
	    !wire_text_ok(w->target, sizeof(w->target)) ||
	    !wire_text_ok(w->headers, sizeof(w->headers)) ||
	    w->timeout > INT64_MAX || w->capture > WIRE_CAPTURE_DEVICE) {
		egress_out_of_step("HTTP_DO");
	}
	egress_granted(g, f.go.grant);
	uint64_t id;
	if (fetch_bodies(w, fds, &body, &ca, &e)) {
		fetch_refused(g, w->go.id, &e);
		return;
	}
	f.body = buf_str(&body);
	f.go.ca = buf_str(&ca);
	f.go.raw = w->capture != WIRE_CAPTURE_NONE;
	if (proxy_fetch(g->proxy, &f, &id, &e)) {
		fetch_refused(g, w->go.id, &e);
		return;
	}
	struct egress_fetch *open = calloc(1, sizeof(*open));
	must(open);
	*open = (struct egress_fetch){
		.next = g->fetches,
		.id = id,
		.core = w->go.id,
		.grant = w->go.grant,
		.capture = (enum wire_capture)w->capture,
		.assumed = w->assumed,
	};
	g->fetches = open;
}
