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
#include "parts/core_oauth.h"
#include "parts/core_run.h"
#include "parts/crash.h"

#define FREE_MAX   64
#define ARENA_KEPT ((size_t)4096)

static struct core_intent **
slot_of(struct core *c, uint64_t number)
{
	return &c->intent_slots[number % CORE_INTENT_SLOTS];
}

/* Of what an egress asked; no outcome names core's own (cell 0). */
static struct core_intent **
asked_slot_of(struct core *c, uint64_t cell, uint64_t id)
{
	return &c->asked_slots[(cell * 37 + id) % CORE_INTENT_SLOTS];
}

struct core_intent *
core_intent_find(struct core *c, uint64_t number)
{
	struct core_intent *i = *slot_of(c, number);

	while (i && i->number != number) {
		i = i->next_alike;
	}
	return i;
}

struct core_intent *
core_intent_asked(struct core *c, uint64_t cell, uint64_t id)
{
	struct core_intent *i = *asked_slot_of(c, cell, id);

	while (i && (i->cell != cell || i->id != id || i->done)) {
		i = i->next_asked;
	}
	return i;
}

static void
number_intent(struct core *c, struct core_intent *i)
{
	struct core_intent **slot;

	i->number = core_number(c);
	slot = slot_of(c, i->number);
	i->next_alike = *slot;
	*slot = i;
}

static void
unnumber_intent(struct core *c, struct core_intent *i)
{
	struct core_intent **alike = slot_of(c, i->number);

	while (*alike != i) {
		alike = &(*alike)->next_alike;
	}
	*alike = i->next_alike;
}

void
core_intent_again(struct core *c, struct core_intent *i)
{
	unnumber_intent(c, i);
	number_intent(c, i);
	i->on_record = false;
	i->committed = false;
	i->gone = false;
	i->taken_back = false;
}

static void
add_intent(struct core *c, struct core_intent *i)
{
	struct core_cell *cell = core_cell_find(c, i->cell);

	if (cell) {
		cell->intents++;
	}
	number_intent(c, i);
	if (i->cell) {
		struct core_intent **asked = asked_slot_of(c, i->cell, i->id);

		i->next_asked = *asked;
		*asked = i;
	}
	i->next = c->intents;
	i->at = &c->intents;
	if (i->next) {
		i->next->at = &i->next;
	}
	c->intents = i;
}

struct core_intent *
core_intent_new(struct core *c, uint64_t cell, uint64_t id)
{
	struct core_intent *i = c->intents_free;

	if (i) {
		c->intents_free = i->next;
		c->intents_free_count--;
		*i = (struct core_intent){ .arena = i->arena };
	} else {
		i = calloc(1, sizeof(*i));
		must(i);
	}
	i->cell = cell;
	i->id = id;
	add_intent(c, i);
	return i;
}

/* One that is refused waits for a commit and no more for its egress; a cell's
 * budget of refusals bounds those. */
static void
count_out(struct core *c, const struct core_intent *i)
{
	struct core_cell *cell = core_cell_find(c, i->cell);

	if (cell && !i->refusal) {
		cell->intents--;
	}
}

void
core_intent_free(struct core *c, struct core_intent *i)
{
	count_out(c, i);
	unnumber_intent(c, i);
	if (i->cell) {
		struct core_intent **asked = asked_slot_of(c, i->cell, i->id);

		while (*asked != i) {
			asked = &(*asked)->next_asked;
		}
		*asked = i->next_asked;
	}
	*i->at = i->next;
	if (i->next) {
		i->next->at = i->at;
	}
	buf_fini(&i->body);
	buf_fini(&i->code);
	if (c->intents_free_count >= FREE_MAX) {
		arena_fini(&i->arena);
		free(i);
		return;
	}
	arena_clear_to(&i->arena, ARENA_KEPT);
	i->next = c->intents_free;
	c->intents_free = i;
	c->intents_free_count++;
}

/* --- the book's rows --- */

/* What a push updates, and what it deletes. */
static void
write_git(const struct core_intent *i, struct json_out *o)
{
	json_out_z(o, "git", i->git == WIRE_GIT_PUSH ? "push" : "fetch");
	json_out_array(o, "refs");
	for (uint32_t n = 0; n < i->commands->count; n++) {
		json_out_str(o, NULL, i->commands->at[n].ref);
	}
	json_out_end(o, ']');
	json_out_array(o, "deletes");
	for (uint32_t n = 0; n < i->commands->count; n++) {
		if (i->commands->at[n].deletes) {
			json_out_str(o, NULL, i->commands->at[n].ref);
		}
	}
	json_out_end(o, ']');
}

/* All that the policy was asked, and its own word, so that the request can be
 * decided again (room review). */
static void
write_asked(const struct core_intent *i, struct json_out *o)
{
	json_out_z(o, "policy", i->said);
	json_out_bool(o, "tls", i->tls);
	if (i->own_credentials) {
		json_out_bool(o, "own_credentials", true);
	}
	if (i->from_tool.len) {
		json_out_str(o, "from_tool", i->from_tool);
	}
	if (i->call_approved) {
		json_out_bool(o, "call_approved", true);
	}
	if (i->ask) {
		json_out_str(o, "gate", i->gate);
	}
	if (i->wait.len) {
		json_out_str(o, "wait", i->wait);
	}
}

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
		write_git(i, o);
	}
	if (i->said) {
		write_asked(i, o);
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
		.role = i->role,
		.rule = rule,
		.run = core_run_find(c, i->run),
		.call = i->call,
		.body = body,
		.lazy = kind == BOOK_REQUEST_OUTCOME,
	};

	(void)core_append(c, &event);
}

/* --- refusing --- */

struct wire_peer *
core_intent_egress(struct core *c, const struct core_intent *i)
{
	struct core_cell *cell = core_cell_find(c, i->cell);

	return i->cell ? (cell ? cell->egress : NULL) : c->egress;
}

static void
send_refusal(struct core *c, uint64_t number)
{
	struct core_intent *i = core_intent_find(c, number);
	struct wire_peer *egress = i ? core_intent_egress(c, i) : NULL;

	if (!i) {
		return;
	}
	if (i->done) {
		core_intent_answer(c, i,
		    i->refusal->status == 503 ? ERR_UNAVAILABLE : ERR_DENIED,
		    i->refusal->reason);
		return;
	}
	if (egress) {
		wire_send(egress, WIRE_REFUSE, i->refusal, NULL, 0);
	}
	core_intent_free(c, i);
}

static struct wire_refuse *
refusal_of(struct core_intent *i, const struct core_refusal *why)
{
	struct wire_refuse *r = arena_alloc(&i->arena, sizeof(*r));

	r->id = i->id;
	core_text(r->wait, sizeof(r->wait), arena_z(&i->arena, why->wait));
	r->status = why->status;
	core_text(r->error, sizeof(r->error), why->error);
	core_text(r->rule, sizeof(r->rule), arena_z(&i->arena, why->rule));
	core_text(r->reason, sizeof(r->reason),
	    arena_z(&i->arena, why->told.len ? why->told : why->reason));
	core_text(r->next, sizeof(r->next),
	    arena_z(&i->arena, core_denial_next(why->next, sizeof(r->next))));
	return r;
}

void
core_intent_refuse(
    struct core *c, struct core_intent *i, const struct core_refusal *why)
{
	auto_buf body = { 0 };
	auto_buf reason = { 0 };
	struct json_out o;
	/* Of one that the book has it says as well that it did not leave. */
	bool said = i->on_record ||
	            core_denial_said(core_cell_find(c, i->cell), &reason) ||
	            why->put;

	if (said) {
		buf_add(&reason, why->reason);
		json_out_init(&o, &body);
		write_request(i, &o);
		json_out_z(&o, "error", why->error);
		if (why->wait.len) {
			json_out_str(&o, "wait", why->wait);
			json_out_value(&o, "arguments", i->bound);
		}
		json_out_str(&o, "reason", buf_str(&reason));
		json_out_str(&o, "next", why->next);
		json_out_end(&o, '}');
		request_event(c, i,
		    why->wait.len ? BOOK_REQUEST_ASKED : BOOK_REQUEST_DENIED,
		    why->rule, buf_str(&body));
	}
	count_out(c, i);
	i->refusal = refusal_of(i, why);
	if (said) {
		core_after(c, send_refusal, i->number);
	} else {
		send_refusal(c, i->number);
	}
}

void
core_intent_unavailable(struct core *c, struct core_intent *i, const char *what)
{
	struct core_refusal why = {
		.status = 503,
		.error = "unavailable",
		.rule = i->rule,
		.reason = str_of(what),
		.next = STR("try again; `handrail status` shows the parts"),
	};

	core_intent_refuse(c, i, &why);
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
take_rule(
    struct core *c, struct core_intent *i, const struct policy_egress *rule)
{
	i->rule = rule->label;
	take_inject(i, &rule->inject);
	if (rule->token_endpoint.len) {
		core_oauth_take(c, i, rule->token_endpoint);
	}
	i->bounds = rule;
	i->pinned = rule->pinned;
	i->pin = rule->address;
	i->pin_port = rule->port;
	i->tls_up = rule->tls;
	i->ca = rule->ca;
	i->keep_credentials = rule->own_credentials;
}

/* The use of a credential, in the batch of the intent that it is for. */
static void
grant_event(struct core *c, const struct core_intent *i)
{
	const struct core_credential *k =
	    core_credential_find(c, i->credential);
	struct buf *body = core_event_body(c);
	struct json_out o;

	if (!k || k->archived) {
		return;
	}
	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "request", (int64_t)i->number);
	json_out_i64(&o, "version", k->version);
	json_out_z(&o, "host", i->host);
	json_out_i64(&o, "port", i->port);
	if (i->use != WIRE_USE_ACCESS && i->use != WIRE_USE_TAKEN) {
		json_out_bool(&o, "token_endpoint", true);
	}
	json_out_end(&o, '}');
	request_event(c, i, BOOK_GRANT_MADE, i->credential, buf_str(body));
}

void
core_intent_commit(struct core *c, struct core_intent *i)
{
	struct json_out o;

	if (core_oauth_holds(c, i) || (i->wait.len && !core_gate_use(c, i))) {
		return;
	}
	struct buf *body = core_event_body(c);

	json_out_init(&o, body);
	write_request(i, &o);
	json_out_end(&o, '}');
	request_event(c, i, BOOK_REQUEST_INTENT, i->rule, buf_str(body));
	i->on_record = true;
	if (i->credential.len) {
		grant_event(c, i);
	}
#ifdef HANDRAIL_BREAK_ORDER
	/* Only the test that proves the order matters builds this. */
	core_intent_committed(c, i->number);
	core_going_send(c);
	return;
#endif
	core_after(c, core_intent_committed, i->number);
}

static void
take_asked(struct core_intent *i, const struct policy_request *r,
    enum policy_verdict said)
{
	i->said = policy_verdict_name(said);
	i->tls = r->tls;
	i->own_credentials = r->has_own_credentials;
	i->from_tool = arena_str(&i->arena, r->from_tool);
	i->call_approved = r->call_approved;
}

void
core_intent_allowed(struct core *c, struct core_intent *i)
{
	const char *used_up = core_rate_take(c, i);

	if (used_up) {
		struct core_refusal why = {
			.status = 429,
			.error = "denied",
			.rule = i->rule,
			.reason = str_of(used_up),
			.next =
			    STR("wait, or a wider rate or volume_max in the "
			        "rule"),
		};

		core_intent_refuse(c, i, &why);
		return;
	}
	core_intent_commit(c, i);
}

/* The reason of a policy that does not load names a file of the host, and may
 * quote it: that is for the book. */
static struct str
told_of(struct core_intent *i)
{
	return policy_is_closed(i->role->policy)
	           ? arena_printf(&i->arena,
	                 "the policy of the role %s does not load, and nothing "
	                 "leaves its sandbox until it does: whoever operates "
	                 "this house sees why in `handrail role list`",
	                 i->role->name)
	           : STR("");
}

void
core_intent_judge(
    struct core *c, struct core_intent *i, const struct policy_request *r)
{
	struct policy_request_decision d = { 0 };

	if (i->brings) {
		struct core_refusal why = {
			.status = 403,
			.error = "denied",
			.rule = STR("vault"),
			.reason = str_of(i->brings),
			.next = STR("no rule lets it pass"),
		};

		core_intent_refuse(c, i, &why);
		return;
	}
	policy_request(&i->arena, i->role->policy, r, &d);
	take_asked(i, r, d.verdict);
	core_grant_request(c, core_run_find(c, i->run), &i->arena, r, &d);
	if (d.verdict == POLICY_DENY) {
		struct core_refusal why = {
			.status = 403,
			.error = "denied",
			.rule = d.rule,
			.reason = d.text,
			.told = told_of(i),
			.next = d.next,
		};

		core_intent_refuse(c, i, &why);
		return;
	}
	take_rule(c, i, d.egress);
	i->whole = d.whole;
	const char *misplaced = core_place_problem(
	    c, &i->arena, &d.egress->inject, i->done != NULL);

	if (misplaced) {
		struct core_refusal why = {
			.status = 403,
			.error = "denied",
			.rule = d.rule,
			.reason = str_of(misplaced),
			.next = STR("inject at that place, in a rule of its "
			            "own where others need another"),
		};

		core_intent_refuse(c, i, &why);
		return;
	}
	i->policy = i->role->policy_digest;
	if (d.verdict == POLICY_ASK) {
		core_gate_ask(c, i, &d);
	} else {
		core_intent_allowed(c, i);
	}
}

void
core_intent_outcome(
    struct core *c, const struct core_intent *i, const struct wire_outcome *o)
{
	struct buf *body = core_event_body(c);
	struct json_out out;

	core_rate_add(c, i, o->up + o->down);
	json_out_init(&out, body);
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
	request_event(c, i, BOOK_REQUEST_OUTCOME, i->rule, buf_str(body));
}
