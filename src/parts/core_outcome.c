/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a run ends: exactly one outcome transition, with its typed result, the
 * letter to the sender and the end of whatever still waits, in one batch.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_dispatch.h"
#include "parts/core_egress.h"
#include "parts/core_run.h"
#include "parts/core_worker.h"

static void
end_run(struct core *c, uint64_t number)
{
	struct core_run *r = core_run_find(c, number);

	if (r) {
		core_run_close(c, r, THEN_END);
	}
}

/* A person's results lie in the one mailbox that people look into; their own
 * is for what only they may decide. */
static bool
is_coworker(const struct core *c, struct str mailbox)
{
	for (size_t i = 0; i < c->house.role_count; i++) {
		if (str_eq_z(mailbox, c->house.roles[i].mailbox)) {
			return true;
		}
	}
	return false;
}

static void
result_letter(struct core *c, struct core_run *r, struct arena *a,
    struct e2m_envelope *out, const struct json *payload, bool good)
{
	struct e2m_record mail = { 0 };
	struct str from = STR("");

	(void)json_text(r->record, "from", &from);
	e2m_envelope_init(a, wall_now(), &mail);
	*out = mail.as.envelope;
	out->envelope_type = E2M_TYPE_RESULT;
	out->from = str_of(r->role->mailbox);
	out->to = is_coworker(c, from) ? from : STR("operator");
	out->subject = arena_printf(
	    a, "%s %s", good ? "completed:" : "failed:", r->task_text);
	out->payload = payload;
}

static void
outcome(struct core *c, struct core_run *r, enum e2m_event how,
    const struct json *body)
{
	auto_arena a = { 0 };
	bool good = how == E2M_COMPLETE;
	bool again = how == E2M_FAIL &&
	             queue_would_retry(c->queue, str_of(r->task_text), body);
	struct e2m_envelope mail[2];
	struct core_maker by = core_run_maker(r);
	struct core_repair repair = { 0 };
	struct json *payload = json_new(&a, JSON_OBJECT);
	struct queue_step step = { 0 };
	struct queue_finish finish = {
		.task = str_of(r->task_text),
		.epoch = r->epoch,
		.outcome = how,
		.result = good ? body : NULL,
		.failure = good ? NULL : body,
		.mail = mail,
		.now = wall_now(),
		.random = random_u64(),
	};
	struct err e = { 0 };

	(void)json_set_str(&a, payload, "task_id", finish.task);
	(void)json_set(
	    &a, payload, good ? "result" : "error", json_copy(&a, body));
	if (!again) {
		result_letter(
		    c, r, &a, &mail[finish.mail_count++], payload, good);
	}
	if (!again && !good) {
		core_repair_make(c, &by, &a, body, &repair);
		mail[finish.mail_count++] = repair.letter;
		finish.follow_ups = &repair.put.put;
		finish.follow_up_count = repair.has_put;
	}
	if (queue_finish(c->queue, &a, &finish, &step, &e)) {
		log_err("outcome", &e);
		core_run_close(c, r, THEN_END);
		return;
	}
	core_queue_step(c, &step, r);
	core_dispatch_rows(c, &step);
	core_waits_cancel(c, str_of(r->run_text));
	struct core_event event = {
		.kind = BOOK_RUN_ENDED,
		.run = r,
		.rule = str_of(e2m_event_name(how)),
	};

	(void)core_append(c, &event);
	core_task_ended(c, queue_find(c->queue, str_of(r->task_text)));
	core_due_arm(c);
	r->settled = true;
	core_grants_over(c);
	core_after(c, end_run, r->number);
}

void
core_run_complete(struct core *c, struct core_run *r, const struct json *result)
{
	if (!r->settled) {
		outcome(c, r, E2M_COMPLETE, result);
	}
}

struct json *
core_failure_json(
    struct arena *a, const struct core_failure *f, struct str skill)
{
	struct json *body = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, body, "error_type", str_of(f->error_type));
	(void)json_set_str(a, body, "class", str_of(f->class));
	(void)json_set(a, body, "resolvable",
	    json_new_bool(a, strcmp(f->class, "resolvable") == 0));
	(void)json_set_str(a, body, "suggested_skill", skill);
	(void)json_set_str(a, body, "message", str_of(f->message));
	return body;
}

static void
failure(struct core *c, struct core_run *r, enum e2m_event how,
    const struct core_failure *f)
{
	auto_arena a = { 0 };

	if (r->settled) {
		return;
	}
	/* O01: type and message may be the agent's, and quote what a tool
	 * printed.  The book has them; a log goes further. */
	log_line(LOG_INFO, "run", "%s fails (%s): its task says why",
	    r->run_text, f->class);
	outcome(c, r, how,
	    core_failure_json(&a, f, r->type ? r->type->skill : STR("")));
}

void
core_run_fail(struct core *c, struct core_run *r, const char *error_type,
    const char *class, const char *message)
{
	struct core_failure f = { error_type, class, message };

	failure(c, r, E2M_FAIL, &f);
}

void
core_run_block(struct core *c, struct core_run *r, const char *error_type,
    const char *message)
{
	struct core_failure f = { error_type, "requires_escalation", message };

	failure(c, r, E2M_BLOCK, &f);
}

static void
cancelled(struct core *c, uint64_t number)
{
	end_run(c, number);
	core_work_sweep(c);
}

/* The run of this task that has no outcome; zero: none. */
static struct book_id
open_run(const struct core *c, struct str task)
{
	const struct session_run *view;
	struct book_id id;

	if (!book_id_parse(task, &id)) {
		return (struct book_id){ 0 };
	}
	for (size_t i = 0; (view = session_index_at(c->sessions, i)); i++) {
		if (book_id_eq(view->task, id) && !view->ended) {
			return view->run;
		}
	}
	return (struct book_id){ 0 };
}

/* Its own task, and those it made that only waited. */
static int
cancel_step(struct core *c, const struct queue_touch *touch,
    const struct core_operator *who, bool *more, struct err *e)
{
	const struct core_run *r = core_run_of_task(c, touch->task);
	auto_arena a = { 0 };
	struct queue_step step = { 0 };

	if (queue_cancel(c->queue, &a, touch, &step, e)) {
		return -1;
	}
	for (size_t i = 0; i < step.event_count; i++) {
		bool own = str_eq(step.events[i].id, touch->task);
		struct queue_step one = {
			.events = &step.events[i],
			.event_count = 1,
		};

		core_queue_step_by(c, &one, own ? r : NULL, who);
		core_dispatch_rows(c, &one);
	}
	for (size_t i = 0; i < step.event_count; i++) {
		const struct queue_task *t =
		    queue_find(c->queue, step.events[i].id);

		if (t) {
			core_task_row(c, t);
		}
	}
	*more = step.more;
	return 0;
}

int
core_run_cancel(struct core *c, struct str task,
    const struct core_operator *who, struct err *e)
{
	struct queue_touch touch = {
		.task = task,
		.now = wall_now(),
		.random = random_u64(),
	};
	struct core_run *r = core_run_of_task(c, task);
	struct core_lease *lease = core_lease_find(c, task);
	struct core_event event = {
		.kind = BOOK_RUN_ENDED,
		.run_id = open_run(c, task),
		.identity = who->name,
		.rule = STR("cancel"),
	};
	char text[ID_TEXT];
	bool more = true;

	while (more) {
		if (cancel_step(c, &touch, who, &more, e)) {
			return -1;
		}
	}
	core_due_arm(c);
	book_id_text(event.run_id, text);
	if (text[0]) {
		(void)book_id_parse(task, &event.task);
		core_waits_cancel(c, str_of(text));
		event.run = r;
		(void)core_append(c, &event);
	}
	if (r) {
		r->settled = true;
		core_grants_over(c);
	}
	if (lease) { /* the next beat of its worker says so */
		core_lease_drop(c, lease);
	}
	core_after(c, cancelled, r ? r->number : 0);
	return 0;
}
