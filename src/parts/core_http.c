/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's own requests (a model, an HTTP tool): the same order as for a cell's,
 * intent, commit, grant, do; carried by core's own egress.
 */
#include <string.h>

#include "http/http.h"
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"

/* "https://me:secret@host/": what is refused is not said again. */
static bool
has_user(struct str url)
{
	size_t at = 0;

	while (at < url.len &&
	       !str_starts(str_sub(url, at, url.len), STR("://"))) {
		at++;
	}
	for (at += 3; at < url.len && !strchr("/?#", url.at[at]); at++) {
		if (url.at[at] == '@') {
			return true;
		}
	}
	return false;
}

int
core_place_parse(
    struct arena *a, struct str url, struct core_place *out, struct err *e)
{
	struct http_url u;

	if (has_user(url)) {
		return err_set(e, ERR_INPUT,
		    "a URL has no user and no password in it here: put them "
		    "into the vault, and let a rule inject them");
	}
	if (http_url_parse(url, &u, e) ||
	    names_host_parse(u.host, &out->host, e) ||
	    http_path_canonical(a, u.path, false, &out->path, e)) {
		return err_wrap(e, "the URL %s", err_quote(url));
	}
	out->port = u.port;
	out->tls = str_eq_z(u.scheme, "https");
	out->query = u.query;
	out->has_query = u.has_query;
	return 0;
}

static void
fill_own(struct core_intent *i, const struct core_http *h,
    const struct core_place *at)
{
	struct arena *a = &i->arena;

	i->run = h->run ? h->run->number : 0;
	i->epoch = h->run ? h->run->epoch : 0;
	i->role = h->run ? h->run->role : NULL;
	i->call = h->call;
	i->owner = h->number;
	i->done = h->done;
	i->port = at->port;
	i->tls_up = at->tls;
	i->rule = arena_str(a, h->rule);
	i->method = arena_str(a, h->method);
	i->path = at->path;
	i->query = at->query;
	i->target = at->has_query ? arena_printf(a, STR_FMT "?" STR_FMT,
	                                STR_ARG(at->path), STR_ARG(at->query))
	                          : at->path;
	i->headers = arena_str(a, h->headers);
	i->credential = arena_str(a, h->credential);
	i->place = h->place;
	i->place_name = arena_str(a, h->place_name);
	i->format = arena_str(a, h->format);
	i->ca = arena_str(a, h->ca);
	i->use = h->use;
	i->secret = h->secret;
	i->client = arena_str(a, h->client);
	i->capture = h->capture;
	i->assumed = h->assumed;
	buf_add(&i->code, h->code);
	i->timeout = h->timeout;
	i->answer_limit = h->answer_limit;
	buf_add(&i->body, h->body);
	(void)str_copy(i->host, sizeof(i->host), str_of(at->host.text));
}

/* An address in the url that the operator wrote is the pin that `upstream`
 * would be, and localhost is this host: nothing is looked up for either. */
static int
take_pin(struct core_intent *i, struct str upstream,
    const struct core_place *at, struct err *e)
{
	struct names_host host = at->host;

	i->pin_port = at->port;
	if (upstream.len) {
		if (names_hostport_parse(upstream, 0, &host, &i->pin_port, e) ||
		    !host.is_addr) {
			return err_set(e, ERR_INPUT,
			    "upstream %s: expected ADDRESS:PORT",
			    err_quote(upstream));
		}
	} else if (str_eq_z(str_of(host.text), "localhost")) {
		host.is_addr = names_addr_parse(STR("127.0.0.1"), &host.addr);
	}
	i->pinned = host.is_addr;
	i->pin = host.addr;
	return 0;
}

uint64_t
core_http_do(struct core *c, const struct core_http *h)
{
	struct core_intent *i = core_intent_new(c, 0, 0);
	struct core_place at = { 0 };
	struct err e = { 0 };

	if (core_place_parse(&i->arena, h->url, &at, &e)) {
		i->done = h->done;
		i->owner = h->number;
		core_intent_answer(c, i, e.kind, e.text);
		return 0;
	}
	fill_own(i, h, &at);
	if (take_pin(i, h->upstream, &at, &e)) {
		core_intent_answer(c, i, e.kind, e.text);
		return 0;
	}
	if (!c->egress) {
		core_intent_unavailable(c, i, "the egress of core is away");
		return 0;
	}
	uint64_t number = i->number;

	core_intent_commit(c, i);
	return number;
}

/* An HTTP tool goes where the egress rules of its role let it go. */
void
core_http_tool(struct core *c, struct core_call *k, core_http_done_fn *done)
{
	struct core_run *r = core_run_find(c, k->run);
	auto_buf headers = { 0 };
	struct core_intent *i = core_intent_new(c, 0, 0);
	struct core_place at = { 0 };
	struct err e = { 0 };

	for (size_t n = 0; n < k->plan.header_count; n++) {
		buf_addf(&headers, STR_FMT ": " STR_FMT "\r\n",
		    STR_ARG(k->plan.headers[n].name),
		    STR_ARG(k->plan.headers[n].value));
	}
	if (k->plan.body_json) {
		buf_add_z(&headers, "Content-Type: application/json\r\n");
	}
	struct core_http h = {
		.method = k->plan.method,
		.url = k->plan.url,
		.headers = buf_str(&headers),
		.body = k->plan.body,
		.timeout = k->tool->timeout,
		.answer_limit = k->tool->output_limit,
		.run = r,
		.call = k->ordinal,
		.number = k->number,
		.done = done,
	};

	if (core_place_parse(&i->arena, h.url, &at, &e)) {
		i->done = h.done;
		i->owner = h.number;
		core_intent_answer(c, i, e.kind, e.text);
		return;
	}
	fill_own(i, &h, &at);
	struct policy_request request = {
		.identity = str_of(r->role->identity),
		.host = &at.host,
		.port = at.port,
		.tls = at.tls,
		.method = i->method,
		.path = i->path,
		.query = i->query,
		.from_tool = k->name,
		.call_approved = core_gate_covered(c, i),
	};

	core_intent_judge(c, i, &request);
}

void
core_intent_answer(
    struct core *c, struct core_intent *i, enum err_kind kind, const char *text)
{
	struct wire_http_done done = { .id = i->number,
		.kind = (uint32_t)kind };

	core_text(done.text, sizeof(done.text), text);
	i->done(c, i->owner, &done, STR(""));
	core_intent_free(c, i);
}

/* Core's own request is at hand whole: after a 401 it goes once more, as an
 * intent of its own. */
static bool
goes_again(
    struct core *c, struct core_intent *i, const struct wire_http_done *done)
{
	if (!done->ok || done->status != 401 || i->wait.len ||
	    !core_oauth_renews(c, i)) {
		return false;
	}
	i->stale = i->version;
	core_intent_again(c, i);
	core_intent_commit(c, i);
	return true;
}

static void
take_http_done(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_http_done *done = record;
	struct core_intent *i = core_intent_find(c, done->id);
	struct wire_http_done copy = *done;
	auto_buf body = { 0 };
	struct err e = { 0 };

	(void)peer;
	if (!i || !i->done || !i->gone) {
		return;
	}
	copy.text[sizeof(copy.text) - 1] = '\0';
	copy.content_type[sizeof(copy.content_type) - 1] = '\0';
	if (copy.ok &&
	    core_body(fds, nfds, 0, (size_t)i->answer_limit, &body, &e)) {
		copy.ok = 0;
		copy.kind = (uint32_t)e.kind;
		core_text(copy.text, sizeof(copy.text), e.text);
	}
	struct wire_outcome o = {
		.end = copy.ok ? WIRE_OUTCOME_ANSWERED : WIRE_OUTCOME_FAILED,
		.status = copy.status,
		.up = i->body.len,
		.down = body.len,
		.took = (uint64_t)(loop_now(c->part.loop).us - i->went.us),
		.injected = i->credential.len > 0,
	};

	core_text(o.text, sizeof(o.text), copy.text);
	core_intent_outcome(c, i, &o);
	if (goes_again(c, i, &copy)) {
		return;
	}
	i->done(c, i->owner, &copy, buf_str(&body));
	core_intent_free(c, i);
}

const struct wire_handler core_own_egress_handlers[] = {
	{ WIRE_HTTP_DONE, take_http_done },
};
const size_t core_own_egress_handler_count = COUNT(core_own_egress_handlers);

void
core_own_egress_gone(struct core *c)
{
	struct core_intent *next;

	for (struct core_intent *i = c->intents; i; i = next) {
		next = i->next;
		if (i->done && i->gone) {
			struct wire_outcome o = { .end = WIRE_OUTCOME_FAILED };

			core_text(o.text, sizeof(o.text),
			    "the egress of core ended first: the outcome is "
			    "unknown");
			core_intent_outcome(c, i, &o);
			core_intent_answer(c, i, ERR_UNAVAILABLE,
			    "the egress ended before the answer came");
			next = c->intents; /* its owner may have asked anew */
		}
	}
}

void
core_run_requests_gone(struct core *c, const struct core_run *r)
{
	struct core_intent *next;

	for (struct core_intent *i = c->intents; i; i = next) {
		next = i->next;
		if (!i->done || i->run != r->number) {
			continue;
		}
		if (i->on_record && !i->refusal) {
			struct wire_outcome o = { .end = WIRE_OUTCOME_FAILED };

			core_text(o.text, sizeof(o.text),
			    i->gone ? "its run ended first: the outcome is "
			              "unknown"
			            : "its run ended before it left");
			core_grant_back(c, i);
			core_intent_outcome(c, i, &o);
		}
		core_intent_free(c, i);
	}
}
