/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see of a request that a gate holds: its query, its headers and
 * how its body begins.  They are bytes of a cell's; they lie in the body of the
 * book where a call's arguments lie, and as digests in what an approval binds.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"

/* --- from the egress --- */

void
core_shown_take(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core_cell *cell = owner;
	const struct wire_shown *in = record;
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (in->query_size > WIRE_SHOWN_QUERY ||
	    in->lines_size > WIRE_SHOWN_LINES ||
	    in->body_size > WIRE_SHOWN_BODY) {
		(void)err_set(&e, ERR_DENIED, "SHOWN is not of its form");
		wire_peer_close(peer, &e);
		return;
	}
	if (!cell->shown) {
		cell->shown = malloc(sizeof(*cell->shown));
		must(cell->shown);
	}
	*cell->shown = *in;
}

void
core_shown_claim(struct core_cell *cell, struct core_intent *i)
{
	const struct wire_shown *in = cell->shown;
	struct core_shown *out;

	if (!in || in->id != i->id) {
		return;
	}
	struct str text = arena_str(&i->arena,
	    str_span(in->text,
	        (size_t)in->query_size + in->lines_size + in->body_size));

	out = arena_alloc(&i->arena, sizeof(*out));
	*out = (struct core_shown){
		.query = str_sub(text, 0, in->query_size),
		.lines = str_sub(text, in->query_size, in->lines_size),
		.body = str_sub(text, (size_t)in->query_size + in->lines_size,
		    in->body_size),
		.lines_cut = in->lines_cut != 0,
		.body_cut = in->body_cut != 0,
	};
	memcpy(out->headers.bytes, in->headers, DIGEST_SIZE);
	i->shown = out;
	free(cell->shown);
	cell->shown = NULL;
}

/* --- of our own --- */

/* Its headers are those of the tool's contract; the credential is not with us.
 */
void
core_shown_own(struct core_intent *i)
{
	struct core_shown *out = arena_alloc(&i->arena, sizeof(*out));
	auto_buf lines = { 0 };

	for (size_t n = 0; n < i->headers.len; n++) {
		if (i->headers.at[n] != '\r') {
			buf_add_byte(&lines, (uint8_t)i->headers.at[n]);
		}
	}
	if (i->body.len) {
		i->known = WIRE_BODY_READ;
		i->body_size = i->body.len;
		i->body_digest = digest_of(buf_str(&i->body));
	}
	*out = (struct core_shown){
		.headers = digest_of(buf_str(&lines)),
		.query = i->query,
		.lines = arena_str(
		    &i->arena, str_sub(buf_str(&lines), 0, WIRE_SHOWN_LINES)),
		.body = arena_str(
		    &i->arena, str_sub(buf_str(&i->body), 0, WIRE_SHOWN_BODY)),
		.lines_cut = lines.len > WIRE_SHOWN_LINES,
		.body_cut = i->body.len > WIRE_SHOWN_BODY,
	};
	i->shown = out;
}

/* --- what is bound --- */

static void
set_digest(struct core_intent *i, struct json *o, const char *key,
    const struct digest *d)
{
	char hex[DIGEST_TEXT];

	digest_text(*d, hex);
	(void)json_set_str(&i->arena, o, key, str_of(hex));
}

static struct str
as_text(struct core_intent *i, struct str bytes)
{
	auto_buf out = { 0 };

	core_utf8(&out, bytes);
	return arena_str(&i->arena, buf_str(&out));
}

static void
bind_headers(struct core_intent *i, struct json *o)
{
	struct json *list = json_new(&i->arena, JSON_ARRAY);
	struct str rest = as_text(i, i->shown->lines);
	struct str line;

	if (!rest.len) {
		return;
	}
	while (rest.len) {
		(void)str_cut(&rest, '\n', &line);
		(void)json_push(list, json_new_str(&i->arena, line));
	}
	(void)json_set(&i->arena, o, "headers", list);
	if (i->shown->lines_cut) {
		(void)json_set(&i->arena, o, "headers_cut",
		    json_new_bool(&i->arena, true));
	}
	set_digest(i, o, "headers_sha256", &i->shown->headers);
}

static void
bind_body(struct core_intent *i, struct json *o)
{
	struct arena *a = &i->arena;

	(void)json_set(a, o, "bytes", json_new_i64(a, (int64_t)i->body_size));
	set_digest(i, o, "body_sha256", &i->body_digest);
	if (i->shown && i->shown->body.len) {
		(void)json_set_str(a, o, "body", as_text(i, i->shown->body));
		if (i->shown->body_cut) {
			(void)json_set(
			    a, o, "body_cut", json_new_bool(a, true));
		}
	}
}

void
core_shown_bind(struct core_intent *i, struct json *bound)
{
	struct digest query = digest_of(i->query);

	if (i->query.len) {
		set_digest(i, bound, "query_sha256", &query);
	}
	if (i->shown && i->shown->query.len) {
		(void)json_set_str(
		    &i->arena, bound, "query", as_text(i, i->shown->query));
	}
	if (i->shown) {
		bind_headers(i, bound);
	}
	if (i->known == WIRE_BODY_READ) {
		bind_body(i, bound);
	}
	if (!digest_is_zero(i->marks)) {
		set_digest(i, bound, "credentials_mark", &i->marks);
	}
}

/* --- looked at --- */

/* A request of two phases is of no call yet: the newest one with these
 * arguments made it. */
static const struct session_call *
call_of(const struct session_run *view, const struct wait_item *w)
{
	if (!view || w->call) {
		return view ? session_call(view, w->call) : NULL;
	}
	for (uint32_t n = view->call_count; n > 0; n--) {
		if (digest_eq(view->calls[n - 1].args, w->args)) {
			return &view->calls[n - 1];
		}
	}
	return NULL;
}

const struct json *
core_wait_args(struct core *c, struct arena *a, const struct wait_item *w)
{
	const struct session_call *s = call_of(core_web_run(c, w), w);
	auto_buf body = { 0 };
	auto_buf canonical = { 0 };
	struct json *tree = NULL;
	const struct json *args;
	struct err e = { 0 };

	if (w->kind == WAIT_DECISION) {
		return core_letter_text(c, a, w);
	}
	/* What a request is stands in the head before its put. */
	uint64_t seq = s ? s->decided_seq : w->seq - 1;

	if (core_body_get(c, seq, &body, &e) ||
	    json_parse(a, arena_str(a, buf_str(&body)), NULL, &tree, &e)) {
		return NULL;
	}
	args = json_get(tree, "body") ? json_get(tree, "body") : tree;
	args = json_get(args, "arguments");
	if (!args) {
		return NULL;
	}
	json_canonical(&canonical, args);
	return digest_eq(digest_of(buf_str(&canonical)), w->args) ? args : NULL;
}
