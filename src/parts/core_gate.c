/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that a gate holds.  Nothing waits but the question: whoever asked
 * is answered at once with its id, and asks again when a person has allowed
 * it.  The approval binds what the request is, down to its body's digest, and
 * is used up in one batch with the intent.  The same request asked again is the
 * same question, one that was refused stays refused for the run.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "parts/core_run.h"

#define ASKED_MAX 64 /* of a run, that nobody said yes to */

bool
core_gate_covered(struct core *c, const struct core_intent *i)
{
	const struct core_run *r = core_run_find(c, i->run);
	const struct core_call *k = r ? core_call_find(c, r->call) : NULL;
	const struct session_run *view =
	    r ? session_index_find(c->sessions, r->run) : NULL;
	const struct session_call *s =
	    view && i->call ? session_call(view, i->call) : NULL;

	/* What its `confirm` sends nobody has allowed. */
	return s && s->state == SESSION_CALL_STARTED && s->wait[0] &&
	       !(k && k->ordinal == i->call && k->asked);
}

/* --- what is bound --- */

static void
bind_push(struct core_intent *i, struct json *o)
{
	struct arena *a = &i->arena;
	struct json *refs = json_new(a, JSON_ARRAY);

	for (uint32_t n = 0; n < i->commands->count; n++) {
		const struct policy_command *one = &i->commands->at[n];
		struct json *ref = json_new(a, JSON_OBJECT);

		(void)json_set_str(a, ref, "ref", one->ref);
		(void)json_set_str(
		    a, ref, "to", one->deletes ? STR("") : one->new_id);
		(void)json_push(refs, ref);
	}
	(void)json_set(a, o, "refs", refs);
}

static struct json *
bound(struct core_intent *i)
{
	struct arena *a = &i->arena;
	struct json *o = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, o, "method", i->tunnel ? STR("tcp") : i->method);
	(void)json_set_str(a, o, "host", str_of(i->host));
	(void)json_set(a, o, "port", json_new_i64(a, i->port));
	(void)json_set_str(a, o, "path", i->path);
	(void)json_set(a, o, "tls", json_new_bool(a, i->tls));
	core_shown_bind(i, o);
	if (i->websocket) {
		(void)json_set(a, o, "websocket", json_new_bool(a, true));
	}
	if (i->own_credentials) {
		(void)json_set(a, o, "own_credentials", json_new_bool(a, true));
	}
	if (i->commands && i->commands->count) {
		bind_push(i, o);
	}
	(void)json_set_str(a, o, "rule", i->rule);
	(void)json_set_str(a, o, "credential", i->credential);
	return o;
}

/* Requests of a run are asked about for that run; those of an operator's
 * sandbox for it alone, by a name that no run has. */
static struct str
asks_as(struct core *c, const struct core_intent *i)
{
	const struct core_run *r = core_run_find(c, i->run);
	struct core_cell *cell = core_cell_find(c, i->cell);
	struct id id;

	if (r) {
		return str_of(r->run_text);
	}
	must(cell);
	if (!cell->asks_as[0]) {
		id = id_new();
		must(str_copy(
		    cell->asks_as, sizeof(cell->asks_as), STR("sandbox-")));
		must(str_copy(cell->asks_as + strlen("sandbox-"), ID_TEXT,
		    str_of(id.text)));
	}
	return str_of(cell->asks_as);
}

static void
bind(struct core *c, struct core_intent *i)
{
	auto_buf canonical = { 0 };
	const char *kind = i->git == WIRE_GIT_PUSH ? "git" : "http";

	i->bound = bound(i);
	json_canonical(&canonical, i->bound);
	i->subject = (struct wait_subject){
		.identity = str_of(i->role->identity),
		.tool = i->tunnel
		            ? STR("tcp:connect")
		            : arena_printf(&i->arena, "%s:" STR_FMT, kind,
		                  STR_ARG(i->git == WIRE_GIT_PUSH ? STR("push")
		                                                  : i->method)),
		/* Another gate is another question. */
		.contract = i->ask->digest,
		.args = digest_of(buf_str(&canonical)),
		.run = arena_str(&i->arena, asks_as(c, i)),
	};
}

/* --- answers --- */

static void
refuse_denied(struct core *c, struct core_intent *i, struct str reason)
{
	struct core_refusal why = {
		.status = 403,
		.error = "denied",
		.rule = i->gate,
		.reason = reason,
		.next = STR("do without it: this request stays refused for "
		            "this run"),
	};

	core_intent_refuse(c, i, &why);
}

static void
refuse_asked(struct core *c, struct core_intent *i, struct str id, bool put)
{
	struct core_refusal why = {
		.status = 403,
		.error = "approval_required",
		.wait = arena_str(&i->arena, id),
		.put = put,
		.rule = i->gate,
		.reason = arena_printf(&i->arena,
		    "a person must allow exactly this request first: it waits "
		    "as " STR_FMT,
		    STR_ARG(id)),
		.next = arena_printf(&i->arena,
		    "handrail approve " STR_FMT
		    ", then send the same request again; it passes once",
		    STR_ARG(id)),
	};

	core_intent_refuse(c, i, &why);
}

static void
refuse_more(struct core *c, struct core_intent *i, const struct err *e)
{
	struct core_refusal why = {
		.status = 429,
		.error = "denied",
		.rule = i->gate,
		.reason = arena_str(&i->arena, str_of(e->text)),
		.next = STR("wait until a person has decided about them"),
	};

	core_intent_refuse(c, i, &why);
}

/* Questions of this run's requests that no person has said yes to: each is a
 * line in the inbox, and a body of one more byte is another question. */
static uint32_t
asked_in_vain(struct core *c, const struct core_intent *i)
{
	uint32_t count = 0;
	struct wait_mark m;
	uint32_t at = 0;

	while (wait_of_run(c->waits, i->subject.run, &at, &m)) {
		count += m.kind == WAIT_APPROVAL && !m.of_call &&
		         m.state != WAIT_APPROVED && m.state != WAIT_CONSUMED;
	}
	return count;
}

static void
ask_person(struct core *c, struct core_intent *i)
{
	uint8_t random[WAIT_ID_RANDOM];
	struct str surfaces[POLICY_SURFACES];
	struct wait_step step = { 0 };
	struct err e = { 0 };
	struct wait_put put = {
		.kind = WAIT_APPROVAL,
		.subject = i->subject,
		.asker = i->subject.identity,
		.gate = i->gate,
		.surfaces = surfaces,
		.now = wall_now(),
	};

	if (asked_in_vain(c, i) >= ASKED_MAX) {
		(void)err_set(&e, ERR_LIMIT,
		    "people said yes to none of %d requests of this run",
		    ASKED_MAX);
		refuse_more(c, i, &e);
		return;
	}
	core_ask_fill(&i->arena, i->ask, STR(""), &put, surfaces);
	random_bytes(random, sizeof(random));
	if (wait_put(c->waits, &i->arena, &put, random, &step, &e)) {
		if (e.kind == ERR_LIMIT) {
			refuse_more(c, i, &e);
		} else {
			refuse_denied(
			    c, i, arena_str(&i->arena, str_of(e.text)));
		}
		return;
	}
	if (step.duplicate) { /* the same was asked while the vault looked */
		refuse_asked(c, i, step.id, false);
		return;
	}
	struct core_run *r = core_run_find(c, i->run);

	/* In this order, in one batch: the head before the put holds what is
	 * asked (core_web_page.c). */
	refuse_asked(c, i, step.id, true);
	(void)core_wait_step(c, BOOK_WAIT_PUT, step.id, step.body, r);
	core_wait_files_put(c, wait_find(c->waits, step.id));
	core_expiry_arm(c);
}

/* The newest question about exactly this. */
static const struct wait_item *
find_wait(struct core *c, const struct core_intent *i)
{
	struct digest digest = wait_digest(&i->subject);
	struct wait_mark m;
	uint32_t at = 0;

	while (wait_of_run(c->waits, i->subject.run, &at, &m)) {
		const struct wait_item *w =
		    m.kind == WAIT_APPROVAL ? wait_find(c->waits, str_of(m.id))
		                            : NULL;

		if (w && digest_eq(w->digest, digest)) {
			return w;
		}
	}
	return NULL;
}

static void
denied(struct core *c, struct core_intent *i, const struct wait_item *w)
{
	refuse_denied(c, i,
	    arena_printf(&i->arena, "denied by " STR_FMT ": " STR_FMT,
	        STR_ARG(w->by),
	        STR_ARG(w->reason.len ? w->reason : STR("no reason given"))));
}

/* The intent has the role that it was judged by; its owner that of today. */
static struct digest
policy_in_force(struct core *c, const struct core_intent *i)
{
	const struct core_cell *cell = core_cell_find(c, i->cell);
	const struct core_run *r = core_run_find(c, i->run);

	return (cell ? cell->role : r ? r->role : i->role)->policy_digest;
}

/* The vault has looked at what was said; meanwhile anything may have ended. */
static void
said_checked(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	struct core_intent *i = core_intent_find(c, job->number);
	const struct wait_item *w = wait_find(c->waits, job->id);

	if (!i || i->refusal) {
		return;
	}
	if (!core_intent_in_force(c, i) ||
	    !digest_eq(i->policy, policy_in_force(c, i))) {
		core_intent_unavailable(c, i, "its claim or policy is over");
		return;
	}
	if (end != CORE_MAC_GOOD) {
		core_word_refuse(c, job);
	}
	if (!w || end != CORE_MAC_GOOD) {
		ask_person(c, i);
	} else if (w->state == WAIT_DENIED) {
		denied(c, i, w);
	} else {
		i->wait = arena_str(&i->arena, str_of(w->id));
		core_intent_allowed(c, i);
	}
}

static void
answer(struct core *c, struct core_intent *i)
{
	const struct wait_item *w = find_wait(c, i);
	enum wait_state state = w ? w->state : WAIT_CONSUMED;

	if (state == WAIT_APPROVED && w->expires.us <= wall_now().us) {
		state = WAIT_CONSUMED; /* a yes that nobody used in time */
	}
	switch (state) {
	case WAIT_OPEN:
		refuse_asked(c, i, str_of(w->id), false);
		return;
	case WAIT_EXPIRED:
		refuse_denied(c, i, STR("nobody decided about it in time"));
		return;
	case WAIT_APPROVED:
	case WAIT_DENIED:
		if (c->vault_ready) {
			core_mac_check(c, w, said_checked, i->number);
		} else {
			core_intent_unavailable(c, i, "the vault is away");
		}
		return;
	case WAIT_CONSUMED:
	case WAIT_CANCELLED:
	case WAIT_REFUSED:
		break;
	}
	ask_person(c, i);
}

/* --- */

/* Of the house's own request all is at hand; the body of a cell's its egress
 * reads when it is told to, and then asks anew, with what people are shown. */
static bool
all_known(struct core *c, struct core_intent *i)
{
	struct wire_peer *egress = core_intent_egress(c, i);
	struct wire_read_body read = { .id = i->id };

	if (i->done) {
		core_shown_own(i);
	}
	if (i->tunnel || (i->shown && i->known != WIRE_BODY_UNREAD)) {
		return true;
	}
	if (egress) {
		wire_send(egress, WIRE_READ_BODY, &read, NULL, 0);
	}
	core_intent_free(c, i);
	return false;
}

void
core_gate_ask(struct core *c, struct core_intent *i,
    const struct policy_request_decision *d)
{
	struct policy_ask *ask = arena_alloc(&i->arena, sizeof(*ask));

	*ask = d->ask;
	i->ask = ask;
	i->gate = d->gate;
	if (all_known(c, i)) {
		bind(c, i);
		answer(c, i);
	}
}

bool
core_gate_use(struct core *c, struct core_intent *i)
{
	struct wait_step step = { 0 };
	struct err e = { 0 };
	struct wait_consume use = {
		.id = i->wait,
		.digest = wait_digest(&i->subject),
		.now = wall_now(),
	};

	if (wait_consume(c->waits, &i->arena, &use, &step, &e)) {
		/* Another one was faster, or its time is over. */
		i->wait = STR("");
		answer(c, i);
		return false;
	}
	(void)core_wait_step(
	    c, BOOK_WAIT_ENDED, use.id, step.body, core_run_find(c, i->run));
	return true;
}

void
core_gate_cell_over(struct core *c, const struct core_cell *cell)
{
	if (cell->asks_as[0]) {
		core_waits_cancel(c, str_of(cell->asks_as));
	}
}
