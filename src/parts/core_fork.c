/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fork: a new task whose run begins with what another run knew at an event.
 * Replies and results are carried as they were (session_event), nothing is
 * done again, the workspace is empty, the grant is the old one ∩ now.
 */
#include <stdio.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_dispatch.h"
#include "parts/core_run.h"

#define HISTORY_MAX ((size_t)64 * 1024 * 1024) /* bytes carried */

/* Within what core wrote itself. */
static const struct json_limits own_body = {
	.bytes = STORE_BODY_MAX,
	.depth = 70,
	.nodes = 210100,
};

/* --- the first head of every run --- */

static const struct json *
fork_of(const struct json *record)
{
	return json_get(
	    json_get(json_get(record, "payload"), "handrail"), "fork");
}

void
core_run_origin(struct core *c, struct core_run *r, struct json_out *o)
{
	const struct json *fork = r->record ? fork_of(r->record) : NULL;
	uint32_t depth = r->ceiling.depth;
	struct grant grant;
	struct err e = { 0 };

	if (fork) {
		json_out_value(o, "fork", fork);
	}
	if (!r->type) {
		return; /* it fails at once */
	}
	/* A fork is no child: a person makes it, it is as deep as this. */
	r->ceiling.depth = 0;
	must(core_grant_child(c, r, &r->arena, &grant, &e) == 0);
	r->ceiling.depth = depth;
	grant.depth = depth ? depth : 1;
	json_out_value(o, "grant", grant_json(&r->arena, &grant));
}

/* --- the history --- */

/* What an event of the origin said, to be said once more. */
struct core_carried_event {
	struct core_carried_event *next;
	enum book_kind kind;
	uint64_t seq;
	uint32_t call;
	struct str event;
};

static void
carry(struct core *c, struct core_run *r, const struct core_carried_event *told,
    struct str origin)
{
	auto_arena a = { 0 };
	auto_buf body = { 0 };
	struct json *tree = NULL;
	struct json_out o;
	struct str tool = STR("");
	struct err e = { 0 };

	must(json_parse(&a, told->event, &own_body, &tree, &e) == 0);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", "carried");
	json_out_z(&o, "kind", book_kind_name(told->kind));
	json_out_str(&o, "run", origin);
	json_out_i64(&o, "seq", (int64_t)told->seq);
	json_out_value(&o, "body", tree);
	json_out_end(&o, '}');
	if (told->kind == BOOK_CALL_SETTLED) {
		(void)json_text(tree, "tool", &tool);
		tool = roles_name_valid(tool) ? tool : STR("unknown");
	}
	struct core_event carried = {
		.kind = BOOK_SESSION_EVENT,
		.run = r,
		.rule = tool,
		.call = told->call,
		.body = buf_str(&body),
	};

	(void)core_append(c, &carried);
}

/* What the run itself was given may be carried on by its fork. */
enum book_kind
core_carried(struct arena *a, struct str body, const struct json **event)
{
	struct json *tree = NULL;
	struct str name = STR("");
	enum book_kind kind = BOOK_KIND_NONE;
	struct err e = { 0 };

	must(json_parse(a, body, &own_body, &tree, &e) == 0);
	(void)json_text(tree, "kind", &name);
	*event = json_get(tree, "body");
	(void)book_kind_parse(name, &kind);
	return kind == BOOK_MODEL_REPLY || kind == BOOK_CALL_SETTLED
	           ? kind
	           : BOOK_KIND_NONE;
}

static bool
is_told(enum book_kind kind)
{
	return kind == BOOK_MODEL_REPLY || kind == BOOK_CALL_SETTLED ||
	       kind == BOOK_SESSION_EVENT;
}

static void
add_told(struct core_history *h, struct core_carried_event ***last,
    const struct book_head *head, struct str event)
{
	struct core_carried_event *told = arena_alloc(&h->arena, sizeof(*told));

	*told = (struct core_carried_event){
		.kind = head->kind,
		.seq = head->seq,
		.call = head->call,
		.event = arena_str(&h->arena, event),
	};
	**last = told;
	*last = &told->next;
}

static int
read_head(struct core *c, struct core_history *h,
    struct core_carried_event ***last, struct book_head *head, size_t *bytes)
{
	auto_arena a = { 0 };
	auto_buf body = { 0 };
	auto_buf inner = { 0 };
	const struct json *event;

	if (!is_told(head->kind)) {
		return 0;
	}
	if (core_body_get(c, head->seq, &body, &h->lost)) {
		return err_wrap(&h->lost,
		    "event %llu, which the fork begins with",
		    (unsigned long long)head->seq);
	}
	*bytes += body.len;
	if (*bytes > HISTORY_MAX) {
		return err_set(&h->lost, ERR_LIMIT,
		    "the history is over %zu MiB: fork at an earlier event",
		    HISTORY_MAX >> 20);
	}
	if (head->kind != BOOK_SESSION_EVENT) {
		add_told(h, last, head, buf_str(&body));
		return 0;
	}
	head->kind = core_carried(&a, buf_str(&body), &event);
	if (head->kind != BOOK_KIND_NONE) {
		json_write(&inner, event);
		add_told(h, last, head, buf_str(&inner));
	}
	return 0;
}

void
core_history_read(struct core *c, struct str record, struct core_history *h)
{
	auto_buf heads = { 0 };
	struct json *tree = NULL;
	const struct json *fork;
	struct core_carried_event **last = &h->first;
	struct book_id run = { 0 };
	int64_t end = 0;
	size_t bytes = 0;
	struct err e = { 0 };
	int failed;

	fork = json_parse(&h->arena, record, NULL, &tree, &e) ? NULL
	                                                      : fork_of(tree);
	if (!fork) {
		return;
	}
	h->is_fork = true;
	(void)json_text(fork, "run", &h->origin);
	(void)json_i64(fork, "at", &end);
	(void)err_set(&h->lost, ERR_INPUT, "it names no session");
	failed = !book_id_parse(h->origin, &run) ||
	         core_run_heads(c, run, 0, &heads, &h->lost);
	for (size_t at = 0; at < heads.len && !failed; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		must(book_head_decode(str_span(heads.at + at, BOOK_HEAD_SIZE),
		         &head, &e) == 0);
		if (head.seq > (uint64_t)end) {
			break;
		}
		failed = read_head(c, h, &last, &head, &bytes);
	}
	if (!failed) {
		h->lost = (struct err){ 0 };
	}
}

void
core_run_history(
    struct core *c, struct core_run *r, const struct core_history *h)
{
	if (!h->is_fork || !r->type) {
		return;
	}
	if (h->lost.kind != ERR_NONE) {
		core_run_fail(
		    c, r, "history_lost", "requires_escalation", h->lost.text);
		return;
	}
	for (const struct core_carried_event *t = h->first; t; t = t->next) {
		carry(c, r, t, h->origin);
	}
	r->cell_was_lost = true;
	r->forked = true;
}

/* --- POST /api/sessions/RUN/fork --- */

struct origin {
	struct book_id task;
	uint64_t at;
	uint64_t first;   /* seq of run_started; 0: not seen */
	uint64_t started; /* of a call that has no end at `at`; 0: none */
	uint32_t call;
	bool found;
};

static void
look_at(struct origin *o, const struct book_head *head)
{
	if (head->kind == BOOK_RUN_STARTED) {
		o->first = head->seq;
	} else if (head->kind == BOOK_CALL_STARTED) {
		o->started = head->seq;
		o->call = head->call;
	} else if (head->kind == BOOK_CALL_SETTLED && head->call == o->call) {
		o->started = 0;
	}
	o->task = head->task;
	o->found = head->seq == o->at;
}

/* The call may have happened: a history that names it without its end would
 * lead to a second one. */
static int
find_origin(struct core *c, struct str run, struct origin *o, struct err *e)
{
	struct book_id id;
	auto_buf heads = { 0 };
	bool named = book_id_parse(run, &id);

	if (!named || core_run_heads(c, id, 0, &heads, e)) {
		return named && e->kind != ERR_MISSING
		           ? -1
		           : err_set(e, ERR_MISSING,
		                 "there is no session %s; `handrail session "
		                 "list` names them",
		                 err_quote(run));
	}
	for (size_t at = 0; at < heads.len && !o->found; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		must(book_head_decode(str_span(heads.at + at, BOOK_HEAD_SIZE),
		         &head, e) == 0);
		look_at(o, &head);
	}
	if (!o->found || !o->first) {
		return err_set(e, ERR_INPUT,
		    "event %llu is none of this session: `handrail session "
		    "show " STR_FMT "` lists them",
		    (unsigned long long)o->at, STR_ARG(run));
	}
	return !o->started ? 0
	                   : err_set(e, ERR_CONFLICT,
	                         "call %u has started at event %llu and has "
	                         "not ended at %llu: fork before it, at %llu, "
	                         "or after its result",
	                         o->call, (unsigned long long)o->started,
	                         (unsigned long long)o->at,
	                         (unsigned long long)o->started - 1);
}

/* The task as it was put, as a new one. */
static int
copy_record(struct core *c, struct arena *a, struct book_id task,
    const struct json **out, struct err *e)
{
	static const char *const kept[] = { "queue", "subject", "ke_fit_score",
		"evaluator" };
	struct json *record = json_new(a, JSON_OBJECT);
	char text[ID_TEXT];
	auto_buf bytes = { 0 };
	struct json *tree;

	book_id_text(task, text);
	if (core_task_record(c, str_of(text), &bytes, e) ||
	    json_parse(a, arena_str(a, buf_str(&bytes)), NULL, &tree, e)) {
		return err_wrap(e, "the record of task %s", text);
	}
	for (size_t i = 0; i < COUNT(kept); i++) {
		const struct json *value = json_get(tree, kept[i]);

		if (value) {
			(void)json_set(a, record, kept[i], json_copy(a, value));
		}
	}
	(void)json_set(a, record, "payload",
	    json_without(a, json_get(tree, "payload"), "handrail"));
	*out = record;
	return 0;
}

/* What the old run could, as its first head says. */
static int
old_grant(struct core *c, struct arena *a, const struct origin *o,
    struct grant *out, struct err *e)
{
	auto_buf body = { 0 };
	struct json *tree;

	if (core_body_get(c, o->first, &body, e) ||
	    json_parse(a, arena_str(a, buf_str(&body)), NULL, &tree, e)) {
		return -1;
	}
	if (!json_get(tree, "grant")) {
		return err_set(e, ERR_CONFLICT,
		    "the book does not say what that run could do: it is of "
		    "an earlier version, or it failed at once");
	}
	return grant_read(a, json_get(tree, "grant"), out, e);
}

int
route_session_fork(struct core *c, struct core_ask *ask, struct err *e)
{
	struct arena *a = &ask->arena;
	struct origin o = { 0 };
	struct grant ceiling = { 0 };
	struct json *fork = json_new(a, JSON_OBJECT);
	struct core_dispatch d = {
		.from = str_of(ask->operator_->name),
		.key = ask->key,
		.ceiling = &ceiling,
		.fork = fork,
	};
	struct core_dispatched put;
	auto_buf answer = { 0 };
	struct json_out out;
	int64_t at = 0;

	if (!json_i64(ask->body, "at", &at) || at < 1) {
		return err_set(e, ERR_INPUT, "at: expected an event's number");
	}
	o.at = (uint64_t)at;
	(void)json_set_str(a, fork, "run", ask->part);
	(void)json_set(a, fork, "at", json_new_i64(a, at));
	if (find_origin(c, ask->part, &o, e) ||
	    old_grant(c, a, &o, &ceiling, e) ||
	    copy_record(c, a, o.task, &d.record, e) ||
	    core_dispatch(c, a, &d, &put, e)) {
		return -1;
	}
	json_out_init(&out, &answer);
	json_out_object(&out, NULL);
	json_out_str(&out, "task", put.id);
	json_out_str(&out, "session", ask->part);
	json_out_i64(&out, "at", at);
	json_out_bool(&out, "duplicate", put.duplicate);
	json_out_end(&out, '}');
	core_answer_after(c, ask, put.duplicate ? 200 : 201, buf_str(&answer));
	return 0;
}
