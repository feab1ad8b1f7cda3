/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that leave, from a cell or core's own: judged, the intent
 * committed, a grant registered with the vault where a credential is used,
 * then go.  The order is the promise: no grant and no go for an intent that
 * is not on the disk, nothing under an epoch that is not in force.
 */
#include "parts/core_egress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/http.h"
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/crash.h"

#define CA_MAX (1024 * 1024)

static struct core_intent *
find_intent(struct core *c, uint64_t number)
{
	struct core_intent *i = c->intents;

	while (i && i->number != number) {
		i = i->next;
	}
	return i;
}

static struct core_intent *
new_intent(struct core *c, uint64_t cell)
{
	struct core_intent *i = calloc(1, sizeof(*i));

	must(i);
	i->number = core_number(c);
	i->cell = cell;
	i->next = c->intents;
	c->intents = i;
	return i;
}

static void
free_intent(struct core *c, struct core_intent *i)
{
	for (struct core_intent **at = &c->intents; *at; at = &(*at)->next) {
		if (*at == i) {
			*at = i->next;
			break;
		}
	}
	buf_fini(&i->body);
	arena_fini(&i->arena);
	free(i);
}

/* --- the book's rows --------------------------------------------------------- */

static void
write_request(const struct core_intent *i, struct json_out *o)
{
	json_out_object(o, NULL);
	json_out_i64(o, "request", (int64_t)i->number);
	json_out_i64(o, "cell", (int64_t)i->cell);
	json_out_str(o, "method", i->method);
	json_out_z(o, "host", i->host);
	json_out_i64(o, "port", i->port);
	json_out_str(o, "path", i->path);
	if (i->git != WIRE_GIT_NONE) {
		json_out_z(o, "git",
		    i->git == WIRE_GIT_PUSH ? "push" : "fetch");
		json_out_array(o, "refs");
		for (uint32_t n = 0; n < i->commands.count; n++) {
			json_out_str(o, NULL, i->commands.at[n].ref);
		}
		json_out_end(o, ']');
	}
	if (i->credential.len) {
		json_out_str(o, "credential", i->credential);
	}
}

static void
request_event(struct core *c, const struct core_intent *i, enum book_kind kind,
    struct str rule, struct str body)
{
	struct core_cell *cell = core_cell_find(c, i->cell);
	struct core_event event = {
		.kind = kind,
		.identity = i->role ? i->role->identity : NULL,
		.rule = rule,
		.run = core_run_find(c, i->run),
		.call = i->call,
		.body = body,
	};

	if (i->role) {
		event.policy = i->role->policy_digest;
	}
	(void)cell;
	(void)core_append(c, &event);
}

/* --- refusing ------------------------------------------------------------------ */

static struct wire_peer *
egress_of(struct core *c, const struct core_intent *i)
{
	struct core_cell *cell = core_cell_find(c, i->cell);

	return i->cell ? (cell ? cell->egress : NULL) : c->egress;
}

static void
answer_own(struct core *c, struct core_intent *i, enum err_kind kind,
    const char *text)
{
	struct wire_http_done done = { .id = i->number, .kind = (uint32_t)kind };

	core_text(done.text, sizeof(done.text), text);
	i->done(c, i->owner, &done, STR(""));
	free_intent(c, i);
}

static void
send_refusal(struct core *c, uint64_t number)
{
	struct core_intent *i = find_intent(c, number);
	struct wire_peer *egress = i ? egress_of(c, i) : NULL;

	if (!i) {
		return;
	}
	if (i->done) {
		answer_own(c, i,
		    i->refusal.status == 503 ? ERR_UNAVAILABLE : ERR_DENIED,
		    i->refusal.reason);
		return;
	}
	if (egress) {
		wire_send(egress, WIRE_REFUSE, &i->refusal, NULL, 0);
	}
	free_intent(c, i);
}

struct refusal {
	uint32_t status;
	const char *error;
	struct str rule;
	struct str reason;
	struct str next;
};

static void
refuse(struct core *c, struct core_intent *i, const struct refusal *why)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	write_request(i, &o);
	json_out_z(&o, "error", why->error);
	json_out_str(&o, "reason", why->reason);
	json_out_str(&o, "next", why->next);
	json_out_end(&o, '}');
	request_event(c, i, BOOK_REQUEST_DENIED, why->rule, buf_str(&body));
	i->refusal.id = i->id;
	i->refusal.status = why->status;
	core_text(i->refusal.error, sizeof(i->refusal.error), why->error);
	core_text(i->refusal.rule, sizeof(i->refusal.rule),
	    arena_z(&i->arena, why->rule));
	core_text(i->refusal.reason, sizeof(i->refusal.reason),
	    arena_z(&i->arena, why->reason));
	core_text(i->refusal.next, sizeof(i->refusal.next),
	    arena_z(&i->arena, why->next));
	core_after(c, send_refusal, i->number);
}

static void
refuse_unavailable(struct core *c, struct core_intent *i, const char *what)
{
	struct refusal why = {
		.status = 503,
		.error = "unavailable",
		.rule = i->rule,
		.reason = str_of(what),
		.next = STR("try again; `handrail status` shows the parts"),
	};

	refuse(c, i, &why);
}

/* --- go -------------------------------------------------------------------------- */

static int
fill_go(struct core_intent *i, struct wire_go *go, int *ca, struct err *e)
{
	*ca = -1;
	go->id = i->done ? i->number : i->id;
	go->grant = i->credential.len ? i->number : 0;
	go->place = i->place;
	go->tls = i->tls_up;
	go->keep_credentials = i->keep_credentials;
	go->pinned = i->pinned;
	go->pin_port = i->pin_port;
	go->pin.family = i->pin.family;
	memcpy(go->pin.bytes, i->pin.bytes, sizeof(go->pin.bytes));
	core_text(go->name, sizeof(go->name), arena_z(&i->arena, i->place_name));
	core_text(go->format, sizeof(go->format), arena_z(&i->arena, i->format));
	core_text(go->rule, sizeof(go->rule), arena_z(&i->arena, i->rule));
	if (i->ca.len) {
		auto_buf pem = { 0 };

		if (file_read(arena_z(&i->arena, i->ca), CA_MAX, &pem, e)) {
			return err_wrap(e, "the CA of rule " STR_FMT,
			    STR_ARG(i->rule));
		}
		go->has_ca = 1;
		*ca = core_memfd(buf_str(&pem));
	}
	return 0;
}

static void
send_own(struct core *c, struct core_intent *i)
{
	struct wire_http_do http = {
		.timeout = (uint64_t)i->timeout,
		.answer_limit = i->answer_limit,
		.port = i->port,
		.has_body = i->body.len > 0,
	};
	struct err e = { 0 };
	int fds[2];
	size_t nfds = 0;
	int ca;

	if (fill_go(i, &http.go, &ca, &e)) {
		answer_own(c, i, e.kind, e.text);
		return;
	}
	core_text(http.method, sizeof(http.method),
	    arena_z(&i->arena, i->method));
	core_text(http.host, sizeof(http.host), i->host);
	core_text(http.target, sizeof(http.target),
	    arena_z(&i->arena, i->target));
	core_text(http.headers, sizeof(http.headers),
	    arena_z(&i->arena, i->headers));
	if (i->body.len) {
		fds[nfds++] = core_memfd(buf_str(&i->body));
	}
	if (ca >= 0) {
		fds[nfds++] = ca;
	}
	wire_send(c->egress, WIRE_HTTP_DO, &http, fds, nfds);
}

static void
send_go(struct core *c, struct core_intent *i)
{
	struct wire_peer *egress = egress_of(c, i);
	struct wire_go go = { 0 };
	struct err e = { 0 };
	int ca;

	crash_point(CRASH_CORE_GO);
	if (!egress) {
		if (i->done) {
			answer_own(c, i, ERR_UNAVAILABLE,
			    "the egress of core is away");
		}
		return;
	}
	i->gone = true;
	if (i->done) {
		send_own(c, i);
		return;
	}
	if (fill_go(i, &go, &ca, &e)) {
		refuse_unavailable(c, i, e.text);
		return;
	}
	wire_send(egress, WIRE_GO, &go, &ca, ca >= 0);
}

static void
send_grant(struct core *c, struct core_intent *i)
{
	const struct core_credential *k =
	    core_credential_find(c, i->credential);
	struct wire_vault_grant grant = {
		.number = i->number,
		.cell = i->cell,
		.not_after =
		    (uint64_t)mono_after(mono_now(), CORE_GRANT_US).us,
		.claim_epoch = i->epoch,
		.port = i->port,
	};

	if (!k || k->archived) {
		struct refusal why = {
			.status = 403,
			.error = "denied",
			.rule = i->rule,
			.reason = arena_printf(&i->arena,
			    "the rule names the credential \"" STR_FMT
			    "\", and the vault has %s", STR_ARG(i->credential),
			    k ? "archived it" : "none of that name"),
			.next = arena_printf(&i->arena,
			    "handrail vault put " STR_FMT " --host %s",
			    STR_ARG(i->credential), i->host),
		};

		refuse(c, i, &why);
		return;
	}
	if (!c->vault_ready) {
		refuse_unavailable(c, i, "the vault is away");
		return;
	}
	grant.version = k->version;
	grant.kind = k->kind;
	core_text(grant.credential, sizeof(grant.credential), k->name);
	core_text(grant.hosts, sizeof(grant.hosts), k->hosts);
	core_text(grant.host, sizeof(grant.host), i->host);
	must(k->row.len <= sizeof(grant.row));
	grant.row_size = (uint32_t)k->row.len;
	memcpy(grant.row, k->row.at, k->row.len);
	wire_send(c->vault, WIRE_VAULT_GRANT, &grant, NULL, 0);
}

/* The intent is on the disk. */
static void
intent_committed(struct core *c, uint64_t number)
{
	struct core_intent *i = find_intent(c, number);

	if (!i) {
		return;
	}
	crash_point(CRASH_CORE_INTENT);
	if (i->credential.len) {
		send_grant(c, i);
	} else {
		send_go(c, i);
	}
}

void
core_vault_granted(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_granted *granted = record;
	struct core_intent *i = find_intent(c, granted->number);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!i || i->gone) {
		return;
	}
	if (!granted->ok) {
		refuse_unavailable(c, i,
		    wire_text_ok(granted->text, sizeof(granted->text))
			? granted->text
			: "the vault refused");
		return;
	}
	send_go(c, i);
}

/* --- judging ------------------------------------------------------------------------ */

static void
take_rule(struct core_intent *i, const struct policy_egress *rule)
{
	i->rule = arena_printf(&i->arena, "egress." STR_FMT, STR_ARG(rule->name));
	i->credential = rule->inject.credential;
	i->place = !rule->inject.credential.len ? WIRE_PLACE_NONE
	    : rule->inject.basic.len            ? WIRE_PLACE_BASIC
						: WIRE_PLACE_HEADER;
	i->place_name = rule->inject.basic.len ? rule->inject.basic
					       : rule->inject.header;
	i->format = rule->inject.format;
	i->pinned = rule->pinned;
	i->pin = rule->address;
	i->pin_port = rule->port;
	i->tls_up = rule->tls;
	i->ca = rule->ca;
	i->keep_credentials = rule->own_credentials;
}

static void
intend(struct core *c, struct core_intent *i)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	write_request(i, &o);
	json_out_end(&o, '}');
	request_event(c, i, BOOK_REQUEST_INTENT, i->rule, buf_str(&body));
#ifdef HANDRAIL_BREAK_ORDER
	/* Only the test that proves the order matters builds this. */
	intent_committed(c, i->number);
	return;
#endif
	core_after(c, intent_committed, i->number);
}

static void
judge(struct core *c, struct core_intent *i, const struct policy_request *r)
{
	struct policy_request_decision d = { 0 };

	policy_request(&i->arena, i->role->policy, r, &d);
	if (d.verdict != POLICY_ALLOW) {
		struct refusal why = {
			.status = 403,
			.error = "denied",
			.rule = d.rule,
			.reason = d.text,
			.next = d.next,
		};

		refuse(c, i, &why);
		return;
	}
	take_rule(i, d.egress);
	if (d.egress->unix_path.len) {
		refuse_unavailable(
		    c, i, "unix sockets as upstreams are not served yet");
		return;
	}
	intend(c, i);
}

static bool
texts_ok(const struct wire_intent *in)
{
	bool ok = wire_text_ok(in->method, sizeof(in->method)) &&
	    wire_text_ok(in->host, sizeof(in->host)) &&
	    wire_text_ok(in->path, sizeof(in->path)) &&
	    wire_text_ok(in->query, sizeof(in->query)) &&
	    in->refs <= WIRE_REFS_MAX && in->git <= WIRE_GIT_PUSH;

	for (size_t n = 0; ok && n < in->refs; n++) {
		ok = wire_text_ok(in->ref[n].name, sizeof(in->ref[n].name));
	}
	return ok;
}

static void
copy_intent(struct core_intent *i, const struct wire_intent *in)
{
	struct arena *a = &i->arena;

	i->id = in->id;
	i->port = in->port;
	i->git = (enum wire_git)in->git;
	i->method = arena_str(a, str_of(in->method));
	i->path = arena_str(a, str_of(in->path));
	(void)str_copy(i->host, sizeof(i->host), str_of(in->host));
	i->commands.complete = true;
	for (size_t n = 0; n < in->refs; n++) {
		struct policy_command *p = &i->commands.at[n];

		p->ref = arena_str(a, str_of(in->ref[n].name));
		p->creates = in->ref[n].flags & WIRE_REF_CREATE;
		p->deletes = in->ref[n].flags & WIRE_REF_DELETE;
		i->commands.count++;
	}
	i->commands.probe = in->refs == 0;
}

/* A cell speaks: its epoch must be the one in force. */
static bool
in_force(struct core *c, const struct core_cell *cell)
{
	const struct core_run *r = core_run_find(c, cell->run);

	if (cell->phase == CELL_ENDING || c->draining || core_stalled(c)[0]) {
		return false;
	}
	return !cell->run ||
	    (r && r->epoch == cell->epoch && !r->settled &&
		r->phase == RUN_ACTING);
}

static void
take_intent(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core_cell *cell = owner;
	struct core *c = cell->core;
	const struct wire_intent *in = record;
	struct names_host host;
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (!texts_ok(in)) {
		(void)err_set(&e, ERR_DENIED, "an intent is not of its form");
		wire_peer_close(peer, &e);
		return;
	}
	struct core_intent *i = new_intent(c, cell->number);
	struct core_run *r = core_run_find(c, cell->run);

	copy_intent(i, in);
	i->role = cell->role;
	i->run = cell->run;
	i->epoch = cell->epoch;
	i->call = r ? r->busy : 0;
	if (!in_force(c, cell)) {
		refuse_unavailable(c, i, "this sandbox's claim is over");
		return;
	}
	if (names_host_parse(str_of(in->host), &host, &e)) {
		refuse_unavailable(c, i, e.text);
		return;
	}
	bool known = in->git == WIRE_GIT_PUSH && strcmp(in->method, "POST") == 0;
	struct policy_request request = {
		.identity = str_of(cell->role->identity),
		.host = &host,
		.port = in->port,
		.tls = in->tls,
		.method = i->method,
		.path = i->path,
		.git = (enum policy_git)in->git,
		.commands = known ? &i->commands : NULL,
		.from_tool = str_of(cell->only_tool),
		.has_own_credentials = in->own_credentials,
	};

	judge(c, i, &request);
}

/* --- outcomes ------------------------------------------------------------------------ */

static void
outcome_event(struct core *c, const struct core_intent *i,
    const struct wire_outcome *o)
{
	auto_buf body = { 0 };
	struct json_out out;

	json_out_init(&out, &body);
	json_out_object(&out, NULL);
	json_out_i64(&out, "request", (int64_t)i->number);
	json_out_z(&out, "end",
	    o->end == WIRE_OUTCOME_ANSWERED ? "answered" : "failed");
	json_out_i64(&out, "status", o->status);
	json_out_i64(&out, "up", (int64_t)o->up);
	json_out_i64(&out, "down", (int64_t)o->down);
	json_out_i64(&out, "took_us", (int64_t)o->took);
	json_out_bool(&out, "injected", o->injected != 0);
	json_out_z(&out, "text", o->text);
	json_out_end(&out, '}');
	request_event(c, i, BOOK_REQUEST_OUTCOME, i->rule, buf_str(&body));
}

/* Refused by the egress itself, before there was an intent. */
static void
early_refusal(struct core *c, struct core_cell *cell,
    const struct wire_outcome *o)
{
	auto_buf body = { 0 };
	struct json_out out;
	struct core_event event = {
		.kind = BOOK_REQUEST_DENIED,
		.identity = cell->role->identity,
		.rule = STR("egress"),
		.run = core_run_find(c, cell->run),
		.policy = cell->role->policy_digest,
	};

	json_out_init(&out, &body);
	json_out_object(&out, NULL);
	json_out_i64(&out, "cell", (int64_t)cell->number);
	json_out_z(&out, "host", o->host);
	json_out_z(&out, "reason", o->text);
	json_out_end(&out, '}');
	event.body = buf_str(&body);
	(void)core_append(c, &event);
}

static void
take_outcome(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core_cell *cell = owner;
	struct core *c = cell->core;
	const struct wire_outcome *o = record;
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (!wire_text_ok(o->text, sizeof(o->text)) ||
	    !wire_text_ok(o->host, sizeof(o->host))) {
		(void)err_set(&e, ERR_DENIED, "an outcome is not of its form");
		wire_peer_close(peer, &e);
		return;
	}
	if (o->id == 0) {
		early_refusal(c, cell, o);
		return;
	}
	for (struct core_intent *i = c->intents; i; i = i->next) {
		if (i->cell == cell->number && i->id == o->id && !i->done) {
			if (i->gone) {
				outcome_event(c, i, o);
				free_intent(c, i);
			}
			return;
		}
	}
}

static void
take_fence_up(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_fence_up *up = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	core_cell_fence_up(owner, up);
}

const struct wire_handler core_egress_handlers[] = {
	{ WIRE_FENCE_UP, take_fence_up },
	{ WIRE_INTENT, take_intent },
	{ WIRE_OUTCOME, take_outcome },
};
const size_t core_egress_handler_count = COUNT(core_egress_handlers);

/* What had left when its egress ended: the book says that nobody saw the end. */
void
core_egress_gone(struct core *c, struct core_cell *cell)
{
	struct core_intent *next;

	for (struct core_intent *i = c->intents; i; i = next) {
		next = i->next;
		if (i->done || i->cell != cell->number) {
			continue;
		}
		if (i->gone) {
			struct wire_outcome o = { .end = WIRE_OUTCOME_FAILED };

			core_text(o.text, sizeof(o.text),
			    "its egress ended first: the outcome is unknown");
			outcome_event(c, i, &o);
		}
		free_intent(c, i);
	}
}

/* --- core's own requests ----------------------------------------------------------------- */

int
core_place_parse(
    struct arena *a, struct str url, struct core_place *out, struct err *e)
{
	struct http_url u;

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
	i->target = at->has_query
	    ? arena_printf(a, STR_FMT "?" STR_FMT, STR_ARG(at->path),
		  STR_ARG(at->query))
	    : at->path;
	i->headers = arena_str(a, h->headers);
	i->credential = arena_str(a, h->credential);
	i->place = h->place;
	i->place_name = arena_str(a, h->place_name);
	i->format = arena_str(a, h->format);
	i->ca = arena_str(a, h->ca);
	i->timeout = h->timeout;
	i->answer_limit = h->answer_limit;
	buf_add(&i->body, h->body);
	(void)str_copy(i->host, sizeof(i->host), str_of(at->host.text));
}

static int
take_pin(struct core_intent *i, struct str upstream, struct err *e)
{
	struct names_host host;

	if (!upstream.len) {
		return 0;
	}
	if (names_hostport_parse(upstream, 0, &host, &i->pin_port, e) ||
	    !host.is_addr) {
		return err_set(e, ERR_INPUT,
		    "upstream %s: expected ADDRESS:PORT", err_quote(upstream));
	}
	i->pinned = true;
	i->pin = host.addr;
	return 0;
}

void
core_http_do(struct core *c, const struct core_http *h)
{
	struct core_intent *i = new_intent(c, 0);
	struct core_place at = { 0 };
	struct err e = { 0 };

	if (core_place_parse(&i->arena, h->url, &at, &e)) {
		i->done = h->done;
		i->owner = h->number;
		answer_own(c, i, e.kind, e.text);
		return;
	}
	fill_own(i, h, &at);
	if (take_pin(i, h->upstream, &e)) {
		answer_own(c, i, e.kind, e.text);
		return;
	}
	if (!c->egress) {
		refuse_unavailable(c, i, "the egress of core is away");
		return;
	}
	intend(c, i);
}

/* An HTTP tool goes where the egress rules of its role let it go. */
void
core_http_tool(
    struct core *c, struct core_call *k, core_http_done_fn *done)
{
	struct core_run *r = core_run_find(c, k->run);
	auto_buf headers = { 0 };
	struct core_intent *i = new_intent(c, 0);
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
		answer_own(c, i, e.kind, e.text);
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
		.from_tool = k->name,
	};

	judge(c, i, &request);
}

static void
take_http_done(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_http_done *done = record;
	struct core_intent *i = find_intent(c, done->id);
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
		.injected = i->credential.len > 0,
	};

	core_text(o.text, sizeof(o.text), copy.text);
	outcome_event(c, i, &o);
	i->done(c, i->owner, &copy, buf_str(&body));
	free_intent(c, i);
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
			answer_own(c, i, ERR_UNAVAILABLE,
			    "the egress ended before the answer came");
			next = c->intents; /* its owner may have asked anew */
		}
	}
}

/* Whoever waits for a grant hears that there will be none. */
void
core_vault_gone(struct core *c)
{
	struct core_intent *next;

	c->vault_ready = false;
	for (struct core_intent *i = c->intents; i; i = next) {
		next = i->next;
		if (i->credential.len && !i->gone && !i->refusal.status) {
			refuse_unavailable(c, i, "the vault is away");
		}
	}
}
