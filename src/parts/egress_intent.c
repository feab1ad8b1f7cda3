/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell asks for, to core: the plain requests to one host are one record,
 * any other has its own.
 */
#include <string.h>

#include "parts/egress.h"

void
egress_text(char *field, size_t size, const char *text)
{
	must(str_copy(field, size, str_of(text)));
}

static uint16_t
add_shown(struct wire_shown *w, size_t *at, struct str text)
{
	must(text.len <= sizeof(w->text) - *at);
	memcpy(w->text + *at, text.at, text.len);
	*at += text.len;
	return (uint16_t)text.len;
}

static void
fill_shown(struct wire_shown *w, uint64_t id, const struct proxy_shown *shown)
{
	size_t at = 0;
	_Static_assert(PROXY_SHOWN_LINES == WIRE_SHOWN_LINES &&
	                   PROXY_SHOWN_BODY == WIRE_SHOWN_BODY &&
	                   PROXY_QUERY_SIZE == WIRE_SHOWN_QUERY,
	    "what is shown");
	*w = (struct wire_shown){ .id = id,
		.lines_cut = shown->lines_cut,
		.body_cut = shown->body_cut };
	memcpy(w->headers, shown->headers.bytes, sizeof(w->headers));
	w->query_size = add_shown(w, &at, shown->query);
	w->lines_size = add_shown(w, &at, shown->lines);
	w->body_size = add_shown(w, &at, shown->body);
}

static void
ask_alone(struct egress *g, const struct proxy_intent *i)
{
	struct wire_intent w = { .id = i->id,
		.port = i->port,
		.tls = i->tls,
		.git = (uint8_t)i->git,
		.own_credentials = i->own_credentials,
		.refs = (uint8_t)i->ref_count,
		.named = i->named,
		.stale = i->stale,
		.body = (uint8_t)i->body,
		.body_size = i->body_size,
		.kind = (uint8_t)(i->tunnel      ? WIRE_ASKED_TUNNEL
		                  : i->websocket ? WIRE_ASKED_WEBSOCKET
		                                 : WIRE_ASKED_HTTP) };
	_Static_assert(PROXY_REFS == WIRE_REFS_MAX, "refs of one push");
	_Static_assert((int)PROXY_GIT_PUSH == (int)WIRE_GIT_PUSH, "git");
	_Static_assert((int)PROXY_BODY_READ == (int)WIRE_BODY_READ, "body");
	memcpy(w.body_digest, i->body_digest.bytes, sizeof(w.body_digest));
	egress_text(w.method, sizeof(w.method), i->method);
	egress_text(w.host, sizeof(w.host), i->host);
	egress_text(w.path, sizeof(w.path), i->path);
	egress_text(w.query, sizeof(w.query), i->query);
	for (size_t n = 0; n < i->ref_count; n++) {
		const struct proxy_ref *ref = &i->refs[n];
		egress_text(w.ref[n].name, sizeof(w.ref[n].name), ref->name);
		egress_text(w.ref[n].to, sizeof(w.ref[n].to), ref->to);
		w.ref[n].flags = ref->remove ? WIRE_REF_DELETE : 0;
	}
	struct wire_shown shown;
	if (i->shown) {
		fill_shown(&shown, i->id, i->shown);
	}
	egress_mark_ask(g, &w, i->shown ? &shown : NULL, i->own, i->own_count);
}

static bool
is_plain(const struct proxy_intent *i)
{
	return !i->tunnel && !i->websocket && !i->stale && !i->shown &&
	       i->git == PROXY_GIT_NONE && !i->own_credentials &&
	       i->own_count == 0 && i->ref_count == 0 &&
	       i->body != PROXY_BODY_READ;
}

static size_t
text_size(const struct proxy_intent *i)
{
	return strlen(i->method) + strlen(i->path) + strlen(i->query) + 3;
}

void
egress_intents_send(struct egress *g)
{
	struct wire_intents *w = &g->asking;

	if (w->count > 0) {
		wire_send(g->core, WIRE_INTENTS, w, NULL, 0);
	}
	memset(w->text, 0, g->asking_text);
	g->asking_text = 0;
	w->count = 0;
}

/* A commit costs core what twenty requests do: whoever is ready to ask is in
 * it.  What was answered can wait until core has that commit under way. */
static void
say(void *owner)
{
	struct egress *g = owner;

	if (g->asking.count == 0) {
		egress_answered_send(g);
		return;
	}
	egress_intents_send(g);
	if (g->answered.count > 0) {
		egress_say(g);
	}
}

void
egress_say(struct egress *g)
{
	loop_quiet(g->loop, say, g);
}

static void
add_text(struct egress *g, const char *text)
{
	size_t size = strlen(text) + 1;

	must(size <= sizeof(g->asking.text) - g->asking_text);
	memcpy(g->asking.text + g->asking_text, text, size);
	g->asking_text += size;
}

static void
ask_together(struct egress *g, const struct proxy_intent *i)
{
	struct wire_intents *w = &g->asking;

	if (w->count == WIRE_TOGETHER || w->port != i->port ||
	    w->tls != i->tls || w->named != i->named ||
	    strcmp(w->host, i->host) != 0 ||
	    text_size(i) > sizeof(w->text) - g->asking_text) {
		egress_intents_send(g);
	}
	if (w->count == 0) {
		w->port = i->port;
		w->tls = i->tls;
		w->named = i->named;
		egress_text(w->host, sizeof(w->host), i->host);
		egress_say(g);
	}
	w->one[w->count++] = (struct wire_intents_one){
		.id = i->id,
		.body_size = i->body_size,
		.body = i->body,
	};
	add_text(g, i->method);
	add_text(g, i->path);
	add_text(g, i->query);
}

void
egress_intent(void *context, const struct proxy_intent *i)
{
	struct egress *g = context;

	_Static_assert(PROXY_METHOD_SIZE + PROXY_PATH_SIZE + PROXY_QUERY_SIZE <=
	                   sizeof(g->asking.text),
	    "room for the longest");
	g->core_works = true;
	if (is_plain(i)) {
		ask_together(g, i);
	} else {
		ask_alone(g, i);
	}
}
