/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about tasks: dispatch, list, show, cancel; and the house itself.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_dispatch.h"
#include "parts/core_witness.h"

#define LIST_MAX 500

/* --- the house --- */

/* As it says itself: ready once its vault has been there, and not stalled. */
static bool
is_well(const struct core *c)
{
	return c->announced && !core_stalled(c)[0];
}

int
route_health(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;
	bool well = is_well(c);

	(void)e;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", well);
	if (core_stalled(c)[0]) {
		json_out_z(&o, "message", core_stalled(c));
	}
	json_out_end(&o, '}');
	core_answer(c, ask, well ? 200 : 503, buf_str(&body));
	return 0;
}

/* By queue and state; what scans nothing but the names of queues. */
static void
write_queues(struct core *c, struct json_out *o)
{
	json_out_array(o, "queues");
	for (size_t i = 0; i < c->house.role_count; i++) {
		struct str name = str_of(c->house.roles[i].name);
		struct queue_count n = queue_count(c->queue, name);

		json_out_object(o, NULL);
		json_out_str(o, "queue", name);
		json_out_i64(o, "ready", n.ready);
		json_out_i64(o, "waiting", n.waiting);
		json_out_i64(o, "running", n.running);
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

static void
write_counts(struct core *c, struct json_out *o)
{
	struct queue_totals all = queue_totals(c->queue);

	json_out_object(o, "tasks");
	for (int s = E2M_PENDING; s <= E2M_FAILED; s++) {
		json_out_i64(
		    o, e2m_state_name((enum e2m_state)s), all.states[s]);
	}
	json_out_end(o, '}');
	json_out_i64(o, "delayed", all.delayed);
	json_out_i64(o, "dead", all.dead);
	write_queues(c, o);
	json_out_i64(o, "waiting", (int64_t)wait_open_count(c->waits));
}

static void
write_parts(struct core *c, struct json_out *o)
{
	json_out_object(o, "parts");
	json_out_bool(o, "api", c->api != NULL);
	json_out_bool(o, "core", true);
	json_out_bool(o, "vault", c->vault_ready);
	json_out_bool(o, "egress", c->egress != NULL);
	json_out_bool(o, "resolver", c->resolver != NULL);
	json_out_bool(o, "sandbox", c->sandbox != NULL);
	if (c->house.config.buddy.tcp.len || c->house.config.buddy.serial.len) {
		json_out_bool(o, "buddy", c->buddy != NULL);
	}
	json_out_end(o, '}');
}

int
route_status(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;
	int64_t cells = 0;
	int64_t runs = 0;

	(void)e;
	for (struct core_cell *cell = c->cells; cell; cell = cell->next) {
		cells++;
	}
	for (struct core_run *r = c->runs; r; r = r->next) {
		runs += r->phase != RUN_PARKED;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", is_well(c));
	json_out_z(&o, "stalled", core_stalled(c));
	json_out_i64(&o, "incarnation", c->book.incarnation);
	json_out_i64(&o, "events", (int64_t)c->book.seq);
	json_out_i64(
	    &o, "up_seconds", (mono_now().us - c->began.us) / CLOCK_SECOND);
	json_out_z(&o, "state", c->state);
	json_out_z(
	    &o, "store", store_is_url(c->where) ? "postgresql" : "sqlite");
	write_parts(c, &o);
	core_publish_write(c, &o);
	core_witness_write(c, &o);
	core_notify_write(c, &o);
	core_stop_write(c, &o);
	json_out_i64(&o, "sandboxes", cells);
	json_out_i64(&o, "runs", runs);
	write_counts(c, &o);
	core_buddy_write(c, &o);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

int
route_roles(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;

	(void)e;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "roles");
	for (size_t i = 0; i < c->house.role_count; i++) {
		const struct core_role *r = &c->house.roles[i];

		json_out_object(&o, NULL);
		json_out_z(&o, "role", r->name);
		json_out_z(&o, "identity", r->identity);
		json_out_z(&o, "mailbox", r->mailbox);
		json_out_bool(&o, "open", !r->closed[0]);
		json_out_z(&o, "closed", r->closed);
		json_out_array(&o, "types");
		for (size_t n = 0; n < r->role->type_count; n++) {
			json_out_str(&o, NULL, r->role->types[n].name);
		}
		json_out_end(&o, ']');
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- dispatch --- */

/* In the header, as ?key= or, at the door, in the record: one rule. */
static int
read_key(struct core_ask *ask, struct core_dispatch *d, struct err *e)
{
	struct str key;

	if (ask->key.len &&
	    core_dispatch_key(&d->key, ask->key, "Idempotency-Key", e)) {
		return -1;
	}
	return core_ask_query(ask, "key", &key)
	           ? core_dispatch_key(&d->key, key, "?key=", e)
	           : 0;
}

int
route_put(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_dispatch d = {
		.record = ask->body,
		.from = str_of(ask->operator_ ? ask->operator_->name : ""),
	};
	struct core_dispatched put;
	auto_buf answer = { 0 };
	struct json_out o;

	if (read_key(ask, &d, e) ||
	    core_dispatch(c, &ask->arena, &d, &put, e)) {
		return -1;
	}
	json_out_init(&o, &answer);
	json_out_object(&o, NULL);
	json_out_str(&o, "id", put.id);
	json_out_z(&o, "queue", put.role->name);
	json_out_z(&o, "identity", put.role->identity);
	json_out_bool(&o, "duplicate", put.duplicate);
	json_out_i64(&o, "after", (int64_t)c->book.seq);
	json_out_end(&o, '}');
	core_answer_after(c, ask, put.duplicate ? 200 : 201, buf_str(&answer));
	return 0;
}

int
route_cancel(struct core *c, struct core_ask *ask, struct err *e)
{
	if (!queue_find(c->queue, ask->part)) {
		return core_task_missing(ask->part, e);
	}
	if (core_run_cancel(c, ask->part, ask->operator_, e)) {
		return -1;
	}
	core_answer_after(c, ask, 200, STR("{\"cancelled\":true}"));
	return 0;
}

static void
claim_again(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

static int
go_on(struct core *c, struct core_ask *ask, queue_touch_fn *command,
    struct err *e)
{
	struct queue_touch touch = {
		.task = ask->part,
		.now = wall_now(),
		.random = random_u64(),
	};
	struct queue_step step = { 0 };

	if (command(c->queue, &ask->arena, &touch, &step, e)) {
		return -1;
	}
	core_queue_step_by(c, &step, NULL, ask->operator_);
	core_task_row(c, queue_find(c->queue, ask->part));
	core_due_arm(c);
	core_after(c, claim_again, 0);
	core_answer_after(c, ask, 200, STR("{\"again\":true}"));
	return 0;
}

static const struct queue_task *
task_named(struct core *c, struct str id, struct err *e)
{
	const struct queue_task *t;

	if (core_dispatch_recall(c, id, e)) {
		return NULL;
	}
	t = queue_find(c->queue, id);
	if (!t) {
		(void)core_task_missing(id, e);
	}
	return t;
}

static int
stands_otherwise(
    const struct queue_task *t, const char *verb, const char *of, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "task " STR_FMT " is %s: %s is for a task that %s%s",
	    STR_ARG(t->id), e2m_state_name(t->state), verb, of,
	    t->state == E2M_COMPLETED
	        ? "; dispatch another one to have it done again"
	        : "");
}

/* A blocked task goes on under its owner, a failed one waits again. */
int
route_retry(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_task *t = task_named(c, ask->part, e);

	if (!t) {
		return -1;
	}
	if (t->state != E2M_BLOCKED && t->state != E2M_FAILED) {
		return stands_otherwise(t, "retry", "failed or is blocked", e);
	}
	return go_on(
	    c, ask, t->state == E2M_BLOCKED ? queue_unblock : queue_retry, e);
}

int
route_redrive(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_task *t = task_named(c, ask->part, e);

	if (!t) {
		return -1;
	}
	if (t->state != E2M_FAILED) {
		return stands_otherwise(t, "redrive",
		    t->state == E2M_BLOCKED
		        ? "failed (`handrail task retry` lets this one go on)"
		        : "failed",
		    e);
	}
	return go_on(c, ask, queue_redrive, e);
}

/* --- list and show --- */

static void
write_task(struct json_out *o, const struct queue_task *t)
{
	char at[WALL_TEXT_MAX];

	json_out_str(o, "id", t->id);
	json_out_str(o, "queue", t->queue);
	json_out_str(o, "subject", t->subject);
	json_out_z(o, "state", e2m_state_name(t->state));
	json_out_z(o, "hold", queue_hold_name(t->hold));
	json_out_str(o, "owner", t->owner);
	json_out_i64(o, "epoch", (int64_t)t->epoch);
	json_out_i64(o, "attempts", t->attempts);
	json_out_bool(o, "dead", t->dead);
	if (t->unmet) {
		json_out_i64(o, "unmet", t->unmet);
	}
	if (t->not_before.us) {
		wall_text(t->not_before, at);
		json_out_z(o, "not_before", at);
	}
	wall_text(t->created, at);
	json_out_z(o, "created_at", at);
	wall_text(t->updated, at);
	json_out_z(o, "updated_at", at);
}

int
route_tasks(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct str queue = STR("");
	struct str state = STR("");
	struct str dead = STR("");
	const struct queue_task *t;
	enum e2m_state wanted;
	int listed = 0;
	bool more = false;

	(void)core_ask_query(ask, "queue", &queue);
	(void)core_ask_query(ask, "state", &state);
	(void)core_ask_query(ask, "dead", &dead);
	if (state.len && !e2m_state_parse(state, &wanted)) {
		return err_set(e, ERR_INPUT,
		    "state: %s is none of pending, in_progress, completed, "
		    "blocked or failed",
		    err_quote(state));
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "tasks");
	for (size_t i = 0; (t = queue_at(c->queue, i)) && !more; i++) {
		if ((str_eq_z(dead, "1") && !t->dead) ||
		    (queue.len && !str_eq(queue, t->queue)) ||
		    (state.len && wanted != t->state)) {
			continue;
		}
		more = listed == LIST_MAX;
		if (!more) {
			json_out_object(&o, NULL);
			write_task(&o, t);
			json_out_end(&o, '}');
			listed++;
		}
	}
	json_out_end(&o, ']');
	json_out_bool(&o, "more", more);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* The last transition of the task carries its result or its error. */
static int
write_outcome(struct core *c, struct json_out *o, const struct queue_task *t,
    struct err *e)
{
	auto_buf body = { 0 };
	auto_arena a = { 0 };
	struct json *tree;
	bool there = false;

	if ((e2m_is_final(t->state) || t->state == E2M_BLOCKED) &&
	    core_body_look(c, core_task_end(c, t->id), &body, &there, e)) {
		return -1;
	}
	if (there && json_parse(&a, buf_str(&body), NULL, &tree, e)) {
		return err_wrap(e, "the end of task " STR_FMT, STR_ARG(t->id));
	}
	if (there) {
		const struct json *result = json_get(tree, "result");
		const struct json *error = json_get(tree, "error");

		if (result) {
			json_out_value(o, "result", result);
		}
		if (error) {
			json_out_value(o, "error", error);
		}
	}
	return 0;
}

/* As it was put; of a task that is forgotten it may be away. */
static int
write_record(struct core *c, struct json_out *o, const struct queue_task *t,
    struct err *e)
{
	auto_buf record = { 0 };
	auto_arena a = { 0 };
	struct json *tree;

	if (core_task_record(c, t->id, &record, e)) {
		return e->kind == ERR_MISSING
		           ? 0
		           : err_wrap(e, "the record of task " STR_FMT,
		                 STR_ARG(t->id));
	}
	if (json_parse(&a, buf_str(&record), NULL, &tree, e)) {
		return err_wrap(
		    e, "the record of task " STR_FMT, STR_ARG(t->id));
	}
	json_out_value(o, "record", tree);
	return 0;
}

struct found {
	struct arena *arena;
	struct queue_task task;
};

static int
keep_task(void *context, const struct store_task *row, struct err *e)
{
	struct found *f = context;
	struct queue_task *t = &f->task;

	if (row->saved.len) {
		return queue_task_read(f->arena, row->saved, t, e);
	}
	/* Of an earlier program. */
	t->id = arena_str(f->arena, row->id);
	t->queue = arena_str(f->arena, row->queue);
	t->subject = arena_str(f->arena, row->subject);
	t->owner = arena_str(f->arena, row->owner);
	t->created = row->created_at;
	t->updated = row->updated_at;
	t->hold =
	    str_eq_z(row->state, "completed") ? QUEUE_COMPLETE : QUEUE_FAILED;
	t->state = t->hold == QUEUE_COMPLETE ? E2M_COMPLETED : E2M_FAILED;
	return 0;
}

/* The queue forgets what ended long ago; its saved form stays. */
static const struct queue_task *
find_task(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_task *t = queue_find(c->queue, ask->part);
	struct found *f;

	if (t) {
		return t;
	}
	f = arena_alloc(&ask->arena, sizeof(*f));
	f->arena = &ask->arena;
	if (store_task_get(c->book.store, ask->part, keep_task, f, e) == 0) {
		return &f->task;
	}
	if (e->kind == ERR_MISSING) {
		(void)core_task_missing(ask->part, e);
	}
	return NULL;
}

int
route_task(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_task *t = find_task(c, ask, e);
	auto_buf body = { 0 };
	struct json_out o;

	if (!t) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	write_task(&o, t);
	core_stop_write_task(c, &o, t);
	if (write_outcome(c, &o, t, e) || write_record(c, &o, t, e) ||
	    core_runs_json(c, &o, t->id, e)) {
		return -1;
	}
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
