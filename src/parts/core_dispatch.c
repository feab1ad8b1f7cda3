/* SPDX-License-Identifier: Apache-2.0 */
/* New tasks: what they must be before the queue hears of them. */
#include "parts/core_dispatch.h"

#include <string.h>

#include "parts/core_run.h"

/* --- the record --- */

int
core_dispatch_key(
    struct str *key, struct str said, const char *where, struct err *e)
{
	if (said.len == 0 || said.len > QUEUE_ID_MAX) {
		return err_set(e, ERR_INPUT,
		    "%s: an idempotency key has 1 to %d bytes", where,
		    QUEUE_ID_MAX);
	}
	if (key->len && !str_eq(*key, said)) {
		return err_set(e, ERR_INPUT,
		    "%s: it is not the key that is said elsewhere in this "
		    "request; say one key",
		    where);
	}
	*key = said;
	return 0;
}

/* Its `key` is no part of it. */
static int
take_key(struct arena *a, const struct json *record, struct json **out,
    struct str *key, struct err *e)
{
	const struct json *said = json_get(record, "key");

	if (!said) {
		*out = json_copy(a, record);
		return 0;
	}
	if (said->type != JSON_STRING) {
		return err_set(e, ERR_INPUT, "key: expected a text");
	}
	*out = json_without(a, record, "key");
	return core_dispatch_key(key, said->text, "key", e);
}

static void
set_default(
    struct arena *a, struct json *tree, const char *key, struct str text)
{
	if (!json_get(tree, key)) {
		(void)json_set_str(a, tree, key, text);
	}
}

/* The e2m task of a request: a whole record ("_type":"task"), or its parts. */
static int
read_task(struct arena *a, const struct core_dispatch *d,
    struct e2m_record *out, struct str *key, struct err *e)
{
	struct json *tree = NULL;
	struct id fresh = id_new();
	char now[WALL_TEXT_MAX];

	if (d->record->type != JSON_OBJECT) {
		return err_set(e, ERR_INPUT, "the body must be an object");
	}
	if (take_key(a, d->record, &tree, key, e)) {
		return -1;
	}
	wall_text(wall_now(), now);
	set_default(a, tree, "_type", STR("task"));
	set_default(a, tree, "id", str_of(fresh.text));
	set_default(a, tree, "state", STR("pending"));
	set_default(a, tree, "created_at", str_of(now));
	set_default(a, tree, "updated_at", str_of(now));
	if (d->from.len) {
		set_default(a, tree, "from", d->from);
	}
	return e2m_from_json(tree, out, e) || e2m_check(out, e) ? -1 : 0;
}

static int
saw_row(void *context, const struct store_task *row, struct err *e)
{
	(void)context;
	(void)row;
	(void)e;
	return 0;
}

/* The queue knows what is in its memory; one that it forgot has its row. */
static int
check_new(struct core *c, const struct core_dispatch *d,
    const struct e2m_task *task, struct err *e)
{
	struct err none = { 0 };

	if (!json_get(d->record, "id") || queue_find(c->queue, task->id) ||
	    store_task_get(c->book.store, task->id, saw_row, NULL, &none)) {
		return none.kind == ERR_NONE || none.kind == ERR_MISSING
		           ? 0
		           : err_set(e, none.kind, "%s", none.text);
	}
	return err_set(e, ERR_CONFLICT,
	    "the task %s exists already, and ended long ago",
	    err_quote(task->id));
}

static int
check_form(const struct e2m_record *task, struct err *e)
{
	struct book_id id;
	char canonical[ID_TEXT] = "";

	if (task->kind != E2M_TASK || task->as.task.state != E2M_PENDING) {
		return err_set(e, ERR_INPUT,
		    "dispatch takes a task record in state pending");
	}
	if (book_id_parse(task->as.task.id, &id)) {
		book_id_text(id, canonical);
	}
	/* Two spellings would be two tasks, and one in the book. */
	return str_eq_z(task->as.task.id, canonical)
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "id: expected a UUID in small letters, not all zero");
}

/* --- the payload --- */

static bool
has_reference(const struct json *args)
{
	auto_buf text = { 0 };
	struct str before;
	struct str id;
	struct str path;

	if (args) {
		json_write(&text, args);
	}
	struct str rest = buf_str(&text);

	return roles_next_reference(&rest, &before, &id, &path);
}

/* Arguments that are whole already are checked now; those that name results
 * when the call comes. */
static int
check_steps(
    const struct core_role *role, const struct json *payload, struct err *e)
{
	size_t index = 0;

	JSON_EACH(step, json_get(payload, "runbook"))
	{
		const struct json *args = json_get(step, "args");
		struct str name = STR("");

		(void)json_text(step, "tool", &name);
		const struct tool *t = tools_find(&role->catalogue, name);

		if (t && !has_reference(args) && tools_check_args(t, args, e)) {
			return err_wrap(e, "payload: runbook[%zu].args", index);
		}
		index++;
	}
	return 0;
}

/* The payload against its type; `type` and `handrail` are no part of what is
 * typed. */
static int
check_payload(struct arena *a, const struct core_role *role,
    const struct task_type *type, const struct json *given, struct err *e)
{
	struct json *payload =
	    json_without(a, json_without(a, given, "type"), "handrail");

	if (roles_check_payload(type, payload, e) ||
	    (type->brain == BRAIN_RUNBOOK && check_steps(role, payload, e))) {
		return err_wrap(
		    e, "payload of type " STR_FMT, STR_ARG(type->name));
	}
	return tools_check_no_provider_key(given, e);
}

static const struct task_type *
type_of(const struct core_role *role, const struct json *payload, struct err *e)
{
	struct str name = STR("default");
	const struct task_type *found;

	(void)json_text(payload, "type", &name);
	found = core_task_type(role, name);
	if (!found) {
		(void)err_set(e, ERR_INPUT,
		    "role %s has no task type %s: name one of its [task.*] "
		    "(`handrail role list`)",
		    role->name, err_quote(name));
	}
	return found;
}

static bool
is_among(struct str key, const char *const *names, size_t count)
{
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		found = found || str_eq_z(key, names[i]);
	}
	return found;
}

/* What whoever puts a task may say, and what core alone writes. */
static int
seal_handrail(struct arena *a, const struct core_dispatch *d,
    struct e2m_task *task, struct err *e)
{
	static const char *const theirs[] = { "not_before", "due_date",
		"estimated_hours", "retry", "every" };
	static const char *const own[] = { "grant", "fork" };
	const struct json *given = json_get(task->payload, "handrail");
	struct json *payload;
	struct json *handrail;

	JSON_EACH(member, given)
	{
		if (is_among(member->key, own, COUNT(own))) {
			return err_set(e, ERR_DENIED,
			    "payload.handrail." STR_FMT
			    " is written by the house, never by who puts a "
			    "task",
			    STR_ARG(member->key));
		}
		if (!is_among(member->key, theirs, COUNT(theirs))) {
			return err_set(e, ERR_INPUT,
			    "payload.handrail.%s is not known; known here: "
			    "not_before, due_date, estimated_hours, retry, "
			    "every",
			    err_quote(member->key));
		}
	}
	if (!d->ceiling && !d->fork) {
		return 0;
	}
	payload = task->payload ? json_copy(a, task->payload)
	                        : json_new(a, JSON_OBJECT);
	handrail = given ? json_copy(a, given) : json_new(a, JSON_OBJECT);
	if (handrail->type != JSON_OBJECT) {
		return err_set(
		    e, ERR_INPUT, "payload.handrail: expected an object");
	}
	if (d->ceiling) {
		(void)json_set(a, handrail, "grant", grant_json(a, d->ceiling));
	}
	if (d->fork) {
		(void)json_set(a, handrail, "fork", json_copy(a, d->fork));
	}
	(void)json_set(a, payload, "handrail", handrail);
	task->payload = payload;
	return 0;
}

/* --- judging --- */

static struct core_role *
role_of_queue(struct core *c, struct str queue, struct err *e)
{
	for (size_t i = 0; i < c->house.role_count; i++) {
		struct core_role *r = &c->house.roles[i];

		if (!str_eq_z(queue, r->name)) {
			continue;
		}
		if (r->closed[0]) {
			(void)err_set(e, ERR_UNAVAILABLE,
			    "role %s is closed: %s", r->name, r->closed);
			return NULL;
		}
		return r;
	}
	(void)err_set(e, ERR_MISSING,
	    "no role here works on the queue %s; `handrail role list` names "
	    "them",
	    err_quote(queue));
	return NULL;
}

static void
make_mail(struct arena *a, struct core_put *p)
{
	struct e2m_envelope *mail = &p->mail.as.envelope;
	const struct e2m_task *t = &p->task.as.task;
	struct json *payload = json_new(a, JSON_OBJECT);

	e2m_envelope_init(a, wall_now(), &p->mail);
	(void)json_set_str(a, payload, "task_id", t->id);
	mail->envelope_type = E2M_TYPE_TASK;
	mail->from = t->from.len ? t->from : STR("operator");
	mail->to = str_of(p->role->mailbox);
	mail->subject = t->subject;
	mail->payload = payload;
}

int
core_dispatch_judge(struct core *c, struct arena *a,
    const struct core_dispatch *d, struct core_put *out, struct err *e)
{
	struct e2m_task *task = &out->task.as.task;
	const struct task_type *type;
	struct str key = d->key;

	*out = (struct core_put){ 0 };
	if (!d->record) {
		return err_set(e, ERR_INPUT, "no body");
	}
	if (read_task(a, d, &out->task, &key, e) || check_form(&out->task, e) ||
	    check_new(c, d, task, e)) {
		return -1;
	}
	out->role = role_of_queue(c, task->queue, e);
	type = out->role ? type_of(out->role, task->payload, e) : NULL;
	if (!type || check_payload(a, out->role, type, task->payload, e) ||
	    seal_handrail(a, d, task, e)) {
		return -1;
	}
	make_mail(a, out);
	out->put = (struct queue_put){
		.task = task,
		.mail = &out->mail.as.envelope,
		.key = key,
		.now = wall_now(),
		.parent = d->parent,
		.retry = {
			.max_attempts = type->retry.attempts,
			.base_us = type->retry.base,
			.cap_us = type->retry.cap,
		},
	};
	return queue_put_read(&out->put, e) || core_zone_use(c, &out->put, e)
	           ? -1
	           : 0;
}

/* --- putting --- */

static int
keep_saved(void *context, const struct store_task *row, struct err *e)
{
	struct buf *saved = context;

	(void)e;
	buf_add(saved, row->saved);
	return 0;
}

int
core_dispatch_recall(struct core *c, struct str id, struct err *e)
{
	auto_arena a = { 0 };
	auto_buf saved = { 0 };
	struct queue_step step = { 0 };

	if (queue_find(c->queue, id)) {
		return 0;
	}
	if (store_task_get(c->book.store, id, keep_saved, &saved, e)) {
		return e->kind == ERR_MISSING
		           ? 0
		           : err_wrap(e,
		                 "task %s cannot be read, ask again later",
		                 err_quote(id));
	}
	if (!saved.len) {
		return 0;
	}
	if (queue_recall(c->queue, &a, buf_str(&saved), wall_now(), &step, e)) {
		log_err("queue", e);
		return 0;
	}
	core_queue_step(c, &step, NULL);
	core_task_row(c, queue_find(c->queue, id));
	return 0;
}

int
core_dispatch_links(struct core *c, const struct e2m_task *task, struct err *e)
{
	JSON_EACH(id, task->depends_on)
	{
		if (core_dispatch_recall(c, id->text, e)) {
			return err_wrap(e, "depends_on");
		}
	}
	return 0;
}

static void
claim_later(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

int
core_dispatch(struct core *c, struct arena *a, const struct core_dispatch *d,
    struct core_dispatched *out, struct err *e)
{
	struct core_put p;
	struct queue_step step = { 0 };
	auto_buf record = { 0 };

	if (core_may_begin(c, e) || core_dispatch_judge(c, a, d, &p, e) ||
	    core_dispatch_links(c, &p.task.as.task, e) ||
	    queue_put(c->queue, a, &p.put, &step, e)) {
		return -1;
	}
	core_queue_step(c, &step, NULL);
	if (!step.duplicate) {
		e2m_write(&record, &p.task);
		core_task_put(
		    c, queue_find(c->queue, step.id), buf_str(&record));
		core_due_arm(c);
	}
	core_after(c, claim_later, 0);
	*out = (struct core_dispatched){
		.role = p.role,
		.id = step.id,
		.duplicate = step.duplicate,
	};
	return 0;
}

void
core_dispatch_rows(struct core *c, const struct queue_step *step)
{
	bool any = false;

	for (size_t i = 0; i < step->event_count; i++) {
		const struct queue_event *q = &step->events[i];
		auto_arena a = { 0 };
		auto_buf record = { 0 };
		struct json *tree;
		struct err e = { 0 };

		if (q->kind != QUEUE_EVENT_PUT) {
			continue;
		}
		must(json_parse(&a, q->body, NULL, &tree, &e) == 0);
		json_write(&record, json_get(tree, "task"));
		core_task_put(c, queue_find(c->queue, q->id), buf_str(&record));
		any = true;
	}
	if (any) {
		core_after(c, claim_later, 0);
	}
}
