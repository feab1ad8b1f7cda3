/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's end of the channel to an agent.  An agent is told its task and every
 * event so far, and then asks: for a model's reply, for a tool call.  What it
 * sends is hostile; it is judged, never trusted.  An agent that breaks the
 * rules ends, with its run's cell, and the run begins again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

/* A body as core wrote it: a reply or result within, every byte escaped. */
static const struct json_limits own_body = {
	.bytes = STORE_BODY_MAX,
	.depth = 68,
	.nodes = 210000,
};
/* What an agent may say: the queue's event around it must still be read. */
static const struct json_limits outcome_limits = {
	.bytes = CORE_RESULT_MAX,
	.depth = 32,
	.nodes = 20000,
};

/* --- telling it its task --- */

/* As it was put, without what is Handrail's own. */
static struct json *
shown_record(struct arena *a, const struct json *record)
{
	struct json *shown = json_copy(a, record);
	const struct json *given = json_get(record, "payload");

	if (json_get(given, "handrail")) {
		(void)json_set(
		    a, shown, "payload", json_without(a, given, "handrail"));
	}
	return shown;
}

static void
write_begin(struct core *c, struct core_run *r, struct buf *body)
{
	auto_arena a = { 0 };
	const struct json *runbook =
	    json_get(json_get(r->record, "payload"), "runbook");
	const struct config_model *m =
	    roles_find_model(&c->house.config, r->type->model);
	struct json_out o;

	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_z(&o, "run", r->run_text);
	json_out_value(&o, "task", shown_record(&a, r->record));
	json_out_str(&o, "type", r->type->name);
	json_out_z(&o, "identity", r->role->identity);
	if (r->type->brain == BRAIN_RUNBOOK) {
		json_out_z(&o, "brain", "runbook");
		json_out_value(&o, "runbook", runbook);
	} else {
		json_out_z(&o, "brain", "model");
		json_out_str(&o, "model", m ? m->model : STR(""));
		json_out_i64(&o, "max_tokens", m ? m->max_tokens : 0);
	}
	json_out_value(&o, "tools",
	    tools_model_json(&a, &r->role->catalogue, &r->granted, r->type));
	json_out_object(&o, "budget");
	json_out_i64(&o, "turns", r->type->turns);
	json_out_i64(&o, "calls", r->type->calls);
	json_out_end(&o, '}');
	json_out_end(&o, '}');
}

static void
send_model_reply(struct core_run *r, struct str bytes)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct err e = { 0 };
	struct wire_model_reply reply = { 0 };
	struct str text = STR("");
	struct str body = STR("");
	int64_t number = 0;
	bool ok = false;

	must(json_parse(&a, bytes, &own_body, &tree, &e) == 0);
	(void)json_i64(tree, "turn", &number);
	reply.turn = (uint32_t)number;
	(void)json_bool(tree, "ok", &ok);
	reply.ok = ok;
	number = 0;
	(void)json_i64(tree, "status", &number);
	reply.status = (uint32_t)number;
	number = 0;
	(void)json_i64(tree, "kind", &number);
	reply.kind = (uint32_t)number;
	(void)json_text(tree, "text", &text);
	(void)json_text(tree, "reply", &body);
	str_fit(reply.text, sizeof(reply.text), text);
	int fd = ok ? core_memfd(body) : -1;

	wire_send(r->agent_peer, WIRE_MODEL_REPLY, &reply, &fd, ok);
}

void
core_agent_send_result(struct core_run *r, uint32_t ordinal, struct str settled)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct err e = { 0 };
	struct wire_call_result result = { .ordinal = ordinal };
	struct str end = STR("");
	struct str tool = STR("");
	auto_buf body = { 0 };

	if (!r->agent_peer) {
		return;
	}
	must(json_parse(&a, settled, &own_body, &tree, &e) == 0);
	(void)json_text(tree, "end", &end);
	(void)json_text(tree, "tool", &tool);
	result.end = str_eq_z(end, "ok")       ? WIRE_CALL_OK
	             : str_eq_z(end, "denied") ? WIRE_CALL_DENIED
	                                       : WIRE_CALL_FAILED;
	(void)str_copy(result.tool, sizeof(result.tool), tool);
	json_write(&body, json_get(tree, "result"));
	int fd = core_memfd(buf_str(&body));

	wire_send(r->agent_peer, WIRE_CALL_RESULT, &result, &fd, 1);
}

/* What a fork was given stands in the event that carried it. */
static enum book_kind
unpack(const struct book_head *head, struct buf *body)
{
	auto_arena a = { 0 };
	const struct json *event;
	enum book_kind kind;

	if (head->kind != BOOK_SESSION_EVENT) {
		return head->kind;
	}
	kind = core_carried(&a, arena_str(&a, buf_str(body)), &event);
	buf_clear(body);
	if (kind != BOOK_KIND_NONE) {
		json_write(body, event);
	}
	return kind;
}

static int
replay_one(struct core *c, struct core_run *r, const struct book_head *head,
    struct err *e)
{
	auto_buf body = { 0 };
	enum book_kind kind;
	bool there;

	if (head->kind != BOOK_MODEL_REPLY && head->kind != BOOK_CALL_SETTLED &&
	    head->kind != BOOK_SESSION_EVENT) {
		return 0;
	}
	if (core_body_look(c, head->seq, &body, &there, e)) {
		return -1;
	}
	if (!there) {
		log_line(LOG_ERROR, "replay", "the body of event %llu is gone",
		    (unsigned long long)head->seq);
		return 0;
	}
	kind = unpack(head, &body);
	if (kind == BOOK_KIND_NONE) {
		return 0;
	}
	if (kind == BOOK_MODEL_REPLY) {
		r->model_replied = head->call;
		send_model_reply(r, buf_str(&body));
	} else {
		core_agent_send_result(r, head->call, buf_str(&body));
	}
	return 0;
}

/* An agent that has heard only some of it would do the rest once more. */
static int
replay(struct core *c, struct core_run *r, struct err *e)
{
	auto_buf heads = { 0 };

	if (core_run_heads(c, r->run, 0, &heads, e)) {
		return err_wrap(e, "the history of run %s", r->run_text);
	}
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		must(book_head_decode(str_span(heads.at + at, BOOK_HEAD_SIZE),
		         &head, e) == 0);
		if (replay_one(c, r, &head, e)) {
			return -1;
		}
	}
	return 0;
}

static void
agent_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct core_run *r = owner;
	struct err last = *why; /* it goes with the peer */
	bool ended = last.kind == ERR_UNAVAILABLE;
	const char *text = ended ? "the agent ended" : last.text;
	/* AGENT_ENDED tells the rest; an agent that only closed is ended. */
	bool unasked = r->agent && !r->agent_ending;

	if (unasked || !ended) {
		log_line(LOG_WARN, "agent", "of run %s ended: %s", r->run_text,
		    text);
	}
	wire_peer_free(peer);
	r->agent_peer = NULL;
	if (unasked) {
		core_run_died(r->core, r, text);
	}
}

void
core_agent_started(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_agent_started *started = record;
	struct core_run *r = c->runs;
	struct err e = { 0 };

	(void)peer;
	while (r && r->agent != started->agent) {
		r = r->next;
	}
	if (!r || r->phase != RUN_OPENING) {
		return;
	}
	if (!started->ok || nfds != 1) {
		log_line(LOG_ERROR, "agent", "%s", started->text);
		return; /* AGENT_ENDED follows */
	}
	struct wire_end end = {
		.self = PART_CORE,
		.other = PART_AGENT,
		.handlers = core_agent_handlers,
		.count = core_agent_handler_count,
		.closed = agent_closed,
		.owner = r,
	};

	r->agent_peer = wire_peer_new(c->part.loop, take_fd(&fds[0]), &end, &e);
	must(r->agent_peer);
	auto_buf body = { 0 };
	struct wire_run_begin begin = { .agent = r->agent };

	write_begin(c, r, &body);
	int fd = core_memfd(buf_str(&body));

	wire_send(r->agent_peer, WIRE_RUN_BEGIN, &begin, &fd, 1);
	if (replay(c, r, &e)) {
		log_err("replay", &e);
		core_run_died(c, r, e.text);
		return;
	}
	core_agent_go(r);
}

/* Until then nothing that it asks for is heard. */
void
core_agent_go(struct core_run *r)
{
	struct wire_run_go go = { .agent = r->agent };

	if (r->agent_peer && !r->working) {
		r->phase = RUN_ACTING;
		wire_send(r->agent_peer, WIRE_RUN_GO, &go, NULL, 0);
	}
}

/* --- its end --- */

void
core_agent_ended(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_agent_ended *ended = record;
	struct core_run *r = c->runs;

	(void)peer;
	(void)fds;
	(void)nfds;
	while (r && r->agent != ended->agent) {
		r = r->next;
	}
	if (!r) {
		return;
	}
	bool asked = r->agent_ending;

	r->agent = 0;
	r->agent_ending = false;
	if (r->phase == RUN_CLOSING) {
		core_run_left(c, r);
	} else if (!asked) {
		const char *why = wire_text_ok(ended->text, sizeof(ended->text))
		                      ? ended->text
		                      : "?";

		log_line(
		    LOG_WARN, "agent", "of run %s ended: %s", r->run_text, why);
		core_run_died(c, r, why);
	}
}

/* --- hearing it --- */

static void
broke_rules(struct core_run *r, const char *how)
{
	struct err why = { 0 };

	(void)err_set(&why, ERR_DENIED, "the agent %s", how);
	wire_peer_close(r->agent_peer, &why);
}

/* Calls are numbered 1, 2, …: those the book knows, then the next. */
static uint32_t
next_ordinal(const struct core_run *r)
{
	const struct session_run *view =
	    session_index_find(r->core->sessions, r->run);

	return view ? view->call_count + 1 : 1;
}

static void
take_call(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core_run *r = owner;
	const struct wire_call_ask *ask = record;
	auto_buf args = { 0 };
	struct err e = { 0 };

	(void)peer;
	if (r->phase != RUN_ACTING || r->settled) {
		return;
	}
	if (!wire_text_ok(ask->tool, sizeof(ask->tool)) || nfds != 1 ||
	    ask->ordinal == 0) {
		broke_rules(r, "sent a call that is not of its form");
		return;
	}
	if (r->busy) {
		broke_rules(r, "asked for a call while another one runs");
		return;
	}
	if (core_body(fds, nfds, 0, CORE_ARGS_MAX, &args, &e)) {
		if (e.kind != ERR_LIMIT) {
			broke_rules(
			    r, "sent arguments that are no sealed body");
			return;
		}
		buf_clear(&args); /* too big: refused as any wrong arguments */
	}
	if (ask->ordinal > next_ordinal(r)) {
		broke_rules(r, "left calls out");
		return;
	}
	if (ask->ordinal > r->type->calls || ask->ordinal > SESSION_CALLS_MAX) {
		core_run_fail(r->core, r, "budget", "resolvable",
		    "the task's budget of tool calls is spent");
		return;
	}
	core_call_asked(
	    r->core, r, ask->ordinal, str_of(ask->tool), buf_str(&args));
}

static void
take_done(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core_run *r = owner;
	const struct wire_run_done *done = record;
	auto_buf body = { 0 };
	auto_arena a = { 0 };
	struct json *tree = NULL;
	struct err e = { 0 };
	struct str type = STR("agent");
	struct str message = STR("the agent gave up");

	(void)peer;
	if (r->phase != RUN_ACTING || r->settled) {
		return;
	}
	if (core_body(fds, nfds, 0, CORE_RESULT_MAX, &body, &e) ||
	    json_parse(&a, buf_str(&body), &outcome_limits, &tree, &e) ||
	    tree->type != JSON_OBJECT) {
		broke_rules(r, "sent an outcome that is no JSON object");
		return;
	}
	if (done->end == WIRE_RUN_COMPLETE) {
		if (roles_check_result(r->type, tree, &e)) {
			core_run_fail(r->core, r, "schema_validation",
			    "resolvable", e.text);
			return;
		}
		core_run_complete(r->core, r, tree);
		return;
	}
	(void)json_text(tree, "error_type", &type);
	(void)json_text(tree, "message", &message);
	core_run_fail(r->core, r, arena_z(&a, str_utf8_cut(type, 64)),
	    done->end == WIRE_RUN_BLOCK ? "requires_escalation" : "resolvable",
	    arena_z(&a, str_utf8_cut(message, 4000)));
}

/* --- a model's reply --- */

static void
model_reply_event(struct core *c, struct core_run *r,
    const struct wire_http_done *head, struct str body, struct buf *out)
{
	struct json_out o;
	bool ok = head->ok != 0;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_i64(&o, "turn", r->model_turn);
	json_out_bool(&o, "ok", ok);
	json_out_i64(&o, "status", head->status);
	json_out_i64(&o, "kind", head->kind);
	json_out_z(&o, "text", head->text);
	if (ok) {
		json_out_str(&o, "reply", body);
	}
	json_out_end(&o, '}');
	r->model_replied = r->model_turn;
	struct core_event event = {
		.kind = BOOK_MODEL_REPLY,
		.run = r,
		.call = r->model_turn,
		.body = buf_str(out),
	};

	(void)core_append(c, &event);
}

/* Every byte of a reply may stand as six in the book. */
static bool
fits_book(struct str reply)
{
	auto_buf text = { 0 };

	json_write_string(&text, reply);
	return text.len <= STORE_BODY_MAX / 2;
}

static void
reply_committed(struct core *c, uint64_t number)
{
	struct core_run *r = core_run_find(c, number);

	if (r && r->agent_peer && r->reply.len) {
		send_model_reply(r, buf_str(&r->reply));
		r->model_turn = 0;
		buf_fini(&r->reply);
	}
}

static void
model_done(struct core *c, uint64_t number, const struct wire_http_done *head,
    struct str body)
{
	struct core_run *r = core_run_find(c, number);

	if (!r || r->phase != RUN_ACTING || r->settled || !r->model_turn) {
		return;
	}
	struct wire_http_done fitting = *head;
	auto_buf text = { 0 };

	core_utf8(&text, body);
	if (head->ok && !fits_book(buf_str(&text))) {
		fitting.ok = 0;
		fitting.kind = ERR_LIMIT;
		core_text(fitting.text, sizeof(fitting.text),
		    "the model's answer is too long");
	}
	buf_clear(&r->reply);
	model_reply_event(c, r, &fitting, buf_str(&text), &r->reply);
	core_after(c, reply_committed, number);
}

static void
ask_model(struct core *c, struct core_run *r, struct str body)
{
	const struct config_model *m =
	    roles_find_model(&c->house.config, r->type->model);

	if (!m) { /* taken out since the run began */
		core_run_fail(c, r, "no_model", "requires_escalation",
		    "handrail.toml has no such [model.*] any more");
		return;
	}
	struct str url = arena_printf(
	    &r->arena, STR_FMT "/chat/completions", STR_ARG(m->url));
	struct core_event event = {
		.kind = BOOK_MODEL_REQUEST,
		.run = r,
		.call = r->model_turn,
		.rule = m->name,
		.body = body,
	};
	struct core_http h = {
		.rule =
		    arena_printf(&r->arena, "model." STR_FMT, STR_ARG(m->name)),
		.method = STR("POST"),
		.url = url,
		.headers = STR("Content-Type: application/json\r\n"
		               "Accept: application/json\r\n"),
		.body = body,
		.credential = m->credential,
		.place =
		    m->credential.len ? WIRE_PLACE_HEADER : WIRE_PLACE_NONE,
		.place_name = STR("Authorization"),
		.format = STR("Bearer {{secret}}"),
		.upstream = m->upstream,
		.ca = m->ca,
		.timeout = m->timeout,
		.answer_limit = CORE_MODEL_MAX,
		.run = r,
		.number = r->number,
		.done = model_done,
	};

	(void)core_append(c, &event);
	core_http_do(c, &h);
}

static void
take_model(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core_run *r = owner;
	const struct wire_model_ask *ask = record;
	auto_buf body = { 0 };
	struct err e = { 0 };

	(void)peer;
	if (r->phase != RUN_ACTING || r->settled) {
		return;
	}
	if (r->type->brain != BRAIN_MODEL || r->model_turn ||
	    ask->turn != r->model_replied + 1 ||
	    core_body(fds, nfds, 0, CORE_MODEL_MAX, &body, &e)) {
		broke_rules(r, "asked for a model where it may not");
		return;
	}
	if (ask->turn > r->type->turns) {
		core_run_fail(r->core, r, "budget", "resolvable",
		    "the task's budget of model turns is spent");
		return;
	}
	r->model_turn = ask->turn;
	ask_model(r->core, r, buf_str(&body));
}

const struct wire_handler core_agent_handlers[] = {
	{ WIRE_MODEL_ASK, take_model },
	{ WIRE_CALL_ASK, take_call },
	{ WIRE_RUN_DONE, take_done },
};
const size_t core_agent_handler_count = COUNT(core_agent_handlers);
