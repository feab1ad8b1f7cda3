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

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/core_run.h"
#include "parts/crash.h"

struct core_intent *
core_intent_find(struct core *c, uint64_t number)
{
	struct core_intent *i = c->intents;

	while (i && i->number != number) {
		i = i->next;
	}
	return i;
}

struct core_intent *
core_intent_new(struct core *c, uint64_t cell)
{
	struct core_intent *i = calloc(1, sizeof(*i));

	must(i);
	i->number = core_number(c);
	i->cell = cell;
	i->next = c->intents;
	c->intents = i;
	return i;
}

void
core_intent_free(struct core *c, struct core_intent *i)
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

bool
core_intent_in_force(struct core *c, const struct core_intent *i)
{
	const struct core_cell *cell = core_cell_find(c, i->cell);
	const struct core_run *r = core_run_find(c, i->run);

	if (c->draining || core_stalled(c)[0] ||
	    (i->cell && (!cell || cell->phase == CELL_ENDING))) {
		return false;
	}
	return !i->run || (r && r->epoch == i->epoch && !r->settled &&
	                      r->phase == RUN_ACTING);
}

/* --- the book's rows --- */

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
	if (i->tunnel || i->websocket) {
		json_out_z(o, "protocol", i->tunnel ? "tcp" : "websocket");
	}
	if (i->git != WIRE_GIT_NONE) {
		json_out_z(
		    o, "git", i->git == WIRE_GIT_PUSH ? "push" : "fetch");
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
	(void)core_append(c, &event);
}

/* --- refusing --- */

static struct wire_peer *
egress_of(struct core *c, const struct core_intent *i)
{
	struct core_cell *cell = core_cell_find(c, i->cell);

	return i->cell ? (cell ? cell->egress : NULL) : c->egress;
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

static void
send_refusal(struct core *c, uint64_t number)
{
	struct core_intent *i = core_intent_find(c, number);
	struct wire_peer *egress = i ? egress_of(c, i) : NULL;

	if (!i) {
		return;
	}
	if (i->done) {
		core_intent_answer(c, i,
		    i->refusal.status == 503 ? ERR_UNAVAILABLE : ERR_DENIED,
		    i->refusal.reason);
		return;
	}
	if (egress) {
		wire_send(egress, WIRE_REFUSE, &i->refusal, NULL, 0);
	}
	core_intent_free(c, i);
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

void
core_intent_unavailable(struct core *c, struct core_intent *i, const char *what)
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

/* --- go --- */

/* The tighter of what one request may be and of what is left for all. */
static void
fill_bounds(struct core *c, const struct core_intent *i, struct wire_go *go)
{
	uint64_t left = core_rate_left(c, i);

	if (!i->bounds) {
		return;
	}
	go->up_max = i->bounds->body_max;
	go->down_max = i->bounds->answer_max;
	if (left && (!go->up_max || left < go->up_max)) {
		go->up_max = left;
	}
	if (left && (!go->down_max || left < go->down_max)) {
		go->down_max = left;
	}
}

static int
fill_go(struct core *c, struct core_intent *i, struct wire_go *go, int *ca,
    struct err *e)
{
	*ca = -1;
	go->id = i->done ? i->number : i->id;
	go->grant = i->credential.len ? i->number : 0;
	go->place = i->place;
	go->tls = i->tls_up && !i->tunnel;
	go->keep_credentials = i->keep_credentials;
	go->websocket = i->bounds && i->bounds->websocket;
	fill_bounds(c, i, go);
	core_text(go->placeholder, sizeof(go->placeholder),
	    arena_z(&i->arena, i->placeholder));
	go->version = i->version;
	memcpy(go->policy, i->policy.bytes, sizeof(go->policy));
	core_text(go->credential, sizeof(go->credential),
	    arena_z(&i->arena, i->credential));
	go->pinned = i->pinned;
	go->pin_port = i->pin_port;
	go->pin.family = i->pin.family;
	memcpy(go->pin.bytes, i->pin.bytes, sizeof(go->pin.bytes));
	core_text(
	    go->name, sizeof(go->name), arena_z(&i->arena, i->place_name));
	core_text(
	    go->format, sizeof(go->format), arena_z(&i->arena, i->format));
	core_text(go->rule, sizeof(go->rule), arena_z(&i->arena, i->rule));
	if (i->ca.len) {
		auto_buf pem = { 0 };

		if (file_read(
		        arena_z(&i->arena, i->ca), CORE_CA_MAX, &pem, e)) {
			return err_wrap(
			    e, "the CA of rule " STR_FMT, STR_ARG(i->rule));
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

	if (fill_go(c, i, &http.go, &ca, &e)) {
		core_intent_answer(c, i, e.kind, e.text);
		return;
	}
	core_text(
	    http.method, sizeof(http.method), arena_z(&i->arena, i->method));
	core_text(http.host, sizeof(http.host), i->host);
	core_text(
	    http.target, sizeof(http.target), arena_z(&i->arena, i->target));
	core_text(
	    http.headers, sizeof(http.headers), arena_z(&i->arena, i->headers));
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
			core_intent_answer(c, i, ERR_UNAVAILABLE,
			    "the egress of core is away");
		}
		return;
	}
	i->gone = true;
	if (i->done) {
		send_own(c, i);
		return;
	}
	if (fill_go(c, i, &go, &ca, &e)) {
		core_intent_unavailable(c, i, e.text);
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
		.not_after = (uint64_t)mono_after(mono_now(), CORE_GRANT_US).us,
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
			    "\", and the vault has %s",
			    STR_ARG(i->credential),
			    k ? "archived it" : "none of that name"),
			.next = arena_printf(&i->arena,
			    "handrail vault put " STR_FMT " --host %s",
			    STR_ARG(i->credential), i->host),
		};

		refuse(c, i, &why);
		return;
	}
	if (!c->vault_ready) {
		core_intent_unavailable(c, i, "the vault is away");
		return;
	}
	grant.version = k->version;
	i->version = k->version;
	grant.kind = k->kind;
	core_text(grant.credential, sizeof(grant.credential), k->name);
	core_text(grant.hosts, sizeof(grant.hosts), k->hosts);
#ifdef HANDRAIL_FORGE_GRANT
	/* Only the test that proves that the vault looks itself builds this. */
	core_text(grant.hosts, sizeof(grant.hosts), "*");
#endif
	core_text(grant.host, sizeof(grant.host), i->host);
	must(k->row.len <= sizeof(grant.row));
	grant.row_size = (uint32_t)k->row.len;
	memcpy(grant.row, k->row.at, k->row.len);
	wire_send(c->vault, WIRE_VAULT_GRANT, &grant, NULL, 0);
}

/* Between its commit, its grant and its go the claim may have ended. */
static bool
may_go_on(struct core *c, struct core_intent *i)
{
	if (!i || i->gone || i->refusal.status) {
		return false;
	}
	if (!core_intent_in_force(c, i)) {
		core_intent_unavailable(c, i, "this claim is over");
		return false;
	}
	return true;
}

/* The intent is on the disk. */
static void
intent_committed(struct core *c, uint64_t number)
{
	struct core_intent *i = core_intent_find(c, number);

	if (!may_go_on(c, i)) {
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
	struct core_intent *i = core_intent_find(c, granted->number);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!may_go_on(c, i)) {
		return;
	}
	if (!granted->ok) {
		core_intent_unavailable(c, i,
		    wire_text_ok(granted->text, sizeof(granted->text))
		        ? granted->text
		        : "the vault refused");
		return;
	}
	send_go(c, i);
}

/* --- judging --- */

static void
take_place(struct core_intent *i, enum wire_place place, struct str name)
{
	if (name.len) {
		i->place = place;
		i->place_name = name;
	}
}

static void
take_inject(struct core_intent *i, const struct policy_inject *inject)
{
	char placeholder[CORE_PLACEHOLDER];

	i->credential = inject->credential;
	i->format = inject->format;
	take_place(i, WIRE_PLACE_HEADER, inject->header);
	take_place(i, WIRE_PLACE_BASIC, inject->basic);
	take_place(i, WIRE_PLACE_QUERY, inject->query);
	take_place(i, WIRE_PLACE_JSON, inject->json);
	take_place(i, WIRE_PLACE_FORM, inject->form);
	if (inject->segment) {
		take_place(i, WIRE_PLACE_PATH,
		    arena_printf(&i->arena, "%u", inject->segment));
	}
	if (inject->placeholder.len && i->cell) {
		core_placeholder(i->cell, inject->credential, placeholder);
		i->placeholder = arena_str(&i->arena, str_of(placeholder));
	}
}

static void
take_rule(struct core_intent *i, const struct policy_egress *rule)
{
	i->rule =
	    arena_printf(&i->arena, "egress." STR_FMT, STR_ARG(rule->name));
	take_inject(i, &rule->inject);
	i->bounds = rule;
	i->pinned = rule->pinned;
	i->pin = rule->address;
	i->pin_port = rule->port;
	i->tls_up = rule->tls;
	i->ca = rule->ca;
	i->keep_credentials = rule->own_credentials;
}

void
core_intent_commit(struct core *c, struct core_intent *i)
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

void
core_intent_judge(
    struct core *c, struct core_intent *i, const struct policy_request *r)
{
	struct policy_request_decision d = { 0 };

	policy_request(&i->arena, i->role->policy, r, &d);
	core_grant_request(c, core_run_find(c, i->run), &i->arena, r, &d);
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
	const char *used_up = core_rate_take(c, i);

	if (used_up) {
		struct refusal why = {
			.status = 429,
			.error = "denied",
			.rule = d.rule,
			.reason = str_of(used_up),
			.next =
			    STR("wait, or a wider rate or volume_max in the "
			        "rule"),
		};

		refuse(c, i, &why);
		return;
	}
	i->policy = i->role->policy_digest;
	if (d.egress->unix_path.len) {
		core_intent_unavailable(
		    c, i, "unix sockets as upstreams are not served yet");
		return;
	}
	core_intent_commit(c, i);
}

void
core_intent_outcome(
    struct core *c, const struct core_intent *i, const struct wire_outcome *o)
{
	auto_buf body = { 0 };
	struct json_out out;

	core_rate_add(c, i, o->up + o->down);
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
	if (o->scrubbed) {
		json_out_i64(&out, "scrubbed", o->scrubbed);
	}
	json_out_z(&out, "text", o->text);
	json_out_end(&out, '}');
	request_event(c, i, BOOK_REQUEST_OUTCOME, i->rule, buf_str(&body));
}
