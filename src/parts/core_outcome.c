/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a run ends: exactly one outcome transition, with its typed result, the
 * letter to the sender and the end of whatever still waits, in one batch.
 */
#include <string.h>

#include "parts/core.h"
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

static void
send_result_mail(struct core *c, struct core_run *r, struct arena *a,
    struct e2m_record *mail, const struct json *payload, bool good)
{
	struct str from = STR("");

	(void)json_text(r->record, "from", &from);
	e2m_envelope_init(a, wall_now(), mail);
	mail->as.envelope.envelope_type = E2M_TYPE_RESULT;
	mail->as.envelope.from = str_of(r->role->mailbox);
	mail->as.envelope.to =
	    queue_has_mailbox(c->queue, from) ? from : STR("operator");
	mail->as.envelope.subject = arena_printf(
	    a, "%s %s", good ? "completed:" : "failed:", r->task_text);
	mail->as.envelope.payload = payload;
}

static void
outcome(struct core *c, struct core_run *r, enum e2m_event how,
    const struct json *body)
{
	auto_arena a = { 0 };
	struct e2m_record mail = { 0 };
	struct json *payload = json_new(&a, JSON_OBJECT);
	struct queue_step step = { 0 };
	struct err e = { 0 };

	(void)json_set_str(&a, payload, "task_id", str_of(r->task_text));
	(void)json_set(&a, payload, how == E2M_COMPLETE ? "result" : "error",
	    json_copy(&a, body));
	send_result_mail(c, r, &a, &mail, payload, how == E2M_COMPLETE);
	struct queue_finish finish = {
		.task = str_of(r->task_text),
		.epoch = r->epoch,
		.outcome = how,
		.result = how == E2M_COMPLETE ? body : NULL,
		.failure = how == E2M_COMPLETE ? NULL : body,
		.mail = &mail.as.envelope,
		.mail_count = 1,
		.now = wall_now(),
	};

	if (queue_finish(c->queue, &a, &finish, &step, &e)) {
		log_err("outcome", &e);
		core_run_close(c, r, THEN_END);
		return;
	}
	core_queue_step(c, &step, r);
	core_waits_cancel(c, str_of(r->run_text));
	struct core_event event = {
		.kind = BOOK_RUN_ENDED,
		.run = r,
		.rule = str_of(e2m_event_name(how)),
	};

	(void)core_append(c, &event);
	core_task_row(c, queue_find(c->queue, str_of(r->task_text)));
	r->settled = true;
	core_after(c, end_run, r->number);
}

void
core_run_complete(struct core *c, struct core_run *r, const struct json *result)
{
	if (!r->settled) {
		outcome(c, r, E2M_COMPLETE, result);
	}
}

static void
failure(struct core *c, struct core_run *r, enum e2m_event how,
    const struct core_failure *f)
{
	auto_arena a = { 0 };
	struct json *body = json_new(&a, JSON_OBJECT);

	if (r->settled) {
		return;
	}
	(void)json_set_str(&a, body, "error_type", str_of(f->error_type));
	(void)json_set_str(&a, body, "class", str_of(f->class));
	(void)json_set(&a, body, "resolvable",
	    json_new_bool(&a, strcmp(f->class, "resolvable") == 0));
	(void)json_set_str(&a, body, "suggested_skill", STR(""));
	(void)json_set_str(&a, body, "message", str_of(f->message));
	log_line(LOG_INFO, "run", "%s fails: %s: %s", r->run_text,
	    f->error_type, f->message);
	outcome(c, r, how, body);
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

int
core_run_cancel(struct core *c, struct str task, struct err *e)
{
	auto_arena a = { 0 };
	struct queue_touch touch = { .task = task, .now = wall_now() };
	struct queue_step step = { 0 };
	struct core_run *r = core_run_of_task(c, task);
	struct core_lease *lease = core_lease_find(c, task);
	struct core_event event = {
		.kind = BOOK_RUN_ENDED,
		.run_id = open_run(c, task),
		.rule = STR("cancel"),
	};
	char text[ID_TEXT];

	if (queue_cancel(c->queue, &a, &touch, &step, e)) {
		return -1;
	}
	core_queue_step(c, &step, r);
	core_task_row(c, queue_find(c->queue, task));
	book_id_text(event.run_id, text);
	if (text[0]) {
		(void)book_id_parse(task, &event.task);
		core_waits_cancel(c, str_of(text));
		event.run = r;
		(void)core_append(c, &event);
	}
	if (r) {
		r->settled = true;
	}
	if (lease) { /* the next beat of its worker says so */
		core_lease_drop(c, lease);
	}
	core_after(c, cancelled, r ? r->number : 0);
	return 0;
}
