/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about tasks: dispatch, list, show, cancel; and the house itself.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_run.h"

#define LIST_MAX 500

/* --- the house --- */

int
route_health(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;
	bool well = c->ready && !core_stalled(c)[0];

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

static void
write_counts(struct core *c, struct json_out *o)
{
	uint64_t counts[E2M_FAILED + 1] = { 0 };
	const struct queue_task *t;
	const struct wait_item *w;
	int64_t waiting = 0;

	for (size_t i = 0; (t = queue_at(c->queue, i)); i++) {
		counts[t->state]++;
	}
	json_out_object(o, "tasks");
	for (int s = E2M_PENDING; s <= E2M_FAILED; s++) {
		json_out_i64(
		    o, e2m_state_name((enum e2m_state)s), (int64_t)counts[s]);
	}
	json_out_end(o, '}');
	for (size_t i = 0; (w = wait_at(c->waits, i)); i++) {
		waiting += w->state == WAIT_OPEN;
	}
	json_out_i64(o, "waiting", waiting);
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
	json_out_bool(&o, "ok", c->ready && !core_stalled(c)[0]);
	json_out_z(&o, "stalled", core_stalled(c));
	json_out_i64(&o, "incarnation", c->book.incarnation);
	json_out_i64(&o, "events", (int64_t)c->book.seq);
	json_out_i64(
	    &o, "up_seconds", (mono_now().us - c->began.us) / CLOCK_SECOND);
	json_out_z(&o, "state", c->state);
	write_parts(c, &o);
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

/* The e2m task of a request: a whole record ("_type":"task"), or its parts. */
static int
read_task(struct core_ask *ask, struct e2m_record *out, struct err *e)
{
	struct arena *a = &ask->arena;
	struct json *tree = json_copy(a, ask->body);
	struct str text;
	char now[WALL_TEXT_MAX];

	if (tree->type != JSON_OBJECT) {
		return err_set(e, ERR_INPUT, "the body must be an object");
	}
	wall_text(wall_now(), now);
	if (!json_get(tree, "_type")) {
		(void)json_set_str(a, tree, "_type", STR("task"));
	}
	if (!json_get(tree, "id")) {
		struct id id = id_new();

		(void)json_set_str(a, tree, "id", str_of(id.text));
	}
	if (!json_get(tree, "state")) {
		(void)json_set_str(a, tree, "state", STR("pending"));
	}
	if (!json_text(tree, "created_at", &text)) {
		(void)json_set_str(a, tree, "created_at", str_of(now));
	}
	if (!json_text(tree, "updated_at", &text)) {
		(void)json_set_str(a, tree, "updated_at", str_of(now));
	}
	if (!json_get(tree, "from") && ask->operator_) {
		(void)json_set_str(
		    a, tree, "from", str_of(ask->operator_->name));
	}
	if (e2m_from_json(tree, out, e) || e2m_check(out, e)) {
		return -1;
	}
	struct book_id id;
	char canonical[ID_TEXT] = "";

	if (book_id_parse(out->as.task.id, &id)) {
		book_id_text(id, canonical);
	}
	/* Two spellings would be two tasks, and one in the book. */
	if (!str_eq_z(out->as.task.id, canonical)) {
		return err_set(e, ERR_INPUT,
		    "id: expected a UUID in small letters, not all zero");
	}
	if (out->kind != E2M_TASK || out->as.task.state != E2M_PENDING) {
		return err_set(e, ERR_INPUT,
		    "dispatch takes a task record in state pending");
	}
	return 0;
}

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

/* The payload against its type; `type` itself is no part of what is typed. */
static int
check_payload(struct core *c, struct core_ask *ask, struct core_role *role,
    const struct e2m_task *t, struct err *e)
{
	struct json *payload = json_new(&ask->arena, JSON_OBJECT);
	struct str type = STR("default");
	const struct task_type *found;

	(void)c;
	(void)json_text(t->payload, "type", &type);
	found = core_task_type(role, type);
	if (!found) {
		return err_set(e, ERR_INPUT,
		    "role %s has no task type %s: name one of its [task.*] "
		    "(`handrail role list`)",
		    role->name, err_quote(type));
	}
	JSON_EACH(member, t->payload)
	{
		if (!str_eq_z(member->key, "type")) {
			(void)json_set(&ask->arena, payload,
			    arena_z(&ask->arena, member->key),
			    json_copy(&ask->arena, member));
		}
	}
	if (roles_check_payload(found, payload, e) ||
	    (found->brain == BRAIN_RUNBOOK && check_steps(role, payload, e))) {
		return err_wrap(
		    e, "payload of type " STR_FMT, STR_ARG(found->name));
	}
	return tools_check_no_provider_key(t->payload, e);
}

static void
make_mail(struct core_ask *ask, const struct core_role *role,
    const struct e2m_task *t, struct e2m_record *mail)
{
	struct json *payload = json_new(&ask->arena, JSON_OBJECT);

	e2m_envelope_init(&ask->arena, wall_now(), mail);
	(void)json_set_str(&ask->arena, payload, "task_id", t->id);
	mail->as.envelope.envelope_type = E2M_TYPE_TASK;
	mail->as.envelope.from = t->from.len ? t->from : STR("operator");
	mail->as.envelope.to = str_of(role->mailbox);
	mail->as.envelope.subject = t->subject;
	mail->as.envelope.payload = payload;
}

static void
claim_later(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

static struct core_role *
role_of_queue(struct core *c, struct str queue)
{
	for (size_t i = 0; i < c->house.role_count; i++) {
		if (str_eq_z(queue, c->house.roles[i].name)) {
			return &c->house.roles[i];
		}
	}
	return NULL;
}

int
route_put(struct core *c, struct core_ask *ask, struct err *e)
{
	struct e2m_record task = { 0 };
	struct e2m_record mail = { 0 };
	struct queue_step step = { 0 };
	struct queue_put put = { .task = &task.as.task };
	auto_buf record = { 0 };
	auto_buf answer = { 0 };
	struct json_out o;

	if (core_may_begin(c, e)) {
		return -1;
	}
	if (!ask->body || read_task(ask, &task, e)) {
		return ask->body ? -1 : err_set(e, ERR_INPUT, "no body");
	}
	struct core_role *role = role_of_queue(c, task.as.task.queue);

	if (!role) {
		return err_set(e, ERR_MISSING,
		    "no role here works on the queue %s; `handrail role list` "
		    "names them",
		    err_quote(task.as.task.queue));
	}
	if (role->closed[0]) {
		return err_set(e, ERR_UNAVAILABLE, "role %s is closed: %s",
		    role->name, role->closed);
	}
	if (check_payload(c, ask, role, &task.as.task, e)) {
		return -1;
	}
	make_mail(ask, role, &task.as.task, &mail);
	put.mail = &mail.as.envelope;
	(void)core_ask_query(ask, "key", &put.key);
	if (queue_put(c->queue, &ask->arena, &put, &step, e)) {
		return -1;
	}
	core_queue_step(c, &step, NULL);
	if (!step.duplicate) {
		json_write(&record, e2m_to_json(&ask->arena, &task));
		core_task_put(
		    c, queue_find(c->queue, step.id), buf_str(&record));
	}
	json_out_init(&o, &answer);
	json_out_object(&o, NULL);
	json_out_str(&o, "id", step.id);
	json_out_z(&o, "queue", role->name);
	json_out_z(&o, "identity", role->identity);
	json_out_bool(&o, "duplicate", step.duplicate);
	json_out_i64(&o, "after", (int64_t)c->book.seq);
	json_out_end(&o, '}');
	core_answer_after(c, ask, 201, buf_str(&answer));
	core_after(c, claim_later, 0);
	return 0;
}

int
route_cancel(struct core *c, struct core_ask *ask, struct err *e)
{
	if (!queue_find(c->queue, ask->part)) {
		return err_set(e, ERR_MISSING, "there is no task %s",
		    err_quote(ask->part));
	}
	if (core_run_cancel(c, ask->part, e)) {
		return -1;
	}
	core_answer_after(c, ask, 200, STR("{\"cancelled\":true}"));
	return 0;
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
	const struct queue_task *t;
	int listed = 0;

	(void)e;
	(void)core_ask_query(ask, "queue", &queue);
	(void)core_ask_query(ask, "state", &state);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "tasks");
	for (size_t i = 0; (t = queue_at(c->queue, i)) && listed < LIST_MAX;
	     i++) {
		if ((queue.len && !str_eq(queue, t->queue)) ||
		    (state.len && !str_eq_z(state, e2m_state_name(t->state)))) {
			continue;
		}
		json_out_object(&o, NULL);
		write_task(&o, t);
		json_out_end(&o, '}');
		listed++;
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

static void
write_calls(struct core *c, struct json_out *o, const struct session_run *view)
{
	json_out_array(o, "calls");
	for (uint32_t i = 0; i < view->call_count; i++) {
		const struct session_call *s = &view->calls[i];
		auto_buf settled = { 0 };
		auto_arena a = { 0 };
		struct json *tree;
		struct err e = { 0 };

		json_out_object(o, NULL);
		json_out_i64(o, "ordinal", s->ordinal);
		json_out_z(o, "tool", s->tool);
		json_out_z(o, "state", session_state_name(s->state));
		json_out_z(o, "wait", s->wait);
		json_out_i64(o, "starts", s->starts);
		json_out_i64(o, "decided", (int64_t)s->decided_seq);
		json_out_i64(o, "started", (int64_t)s->started_seq);
		json_out_i64(o, "settled", (int64_t)s->settled_seq);
		if (s->settled_seq &&
		    core_body_get(c, s->settled_seq, &settled, &e) == 0 &&
		    json_parse(&a, buf_str(&settled), NULL, &tree, &e) == 0) {
			json_out_value(o, "end", json_get(tree, "end"));
			json_out_value(o, "result", json_get(tree, "result"));
		}
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

static void
write_runs(struct core *c, struct json_out *o, struct book_id task)
{
	const struct session_run *view;

	json_out_array(o, "runs");
	for (size_t i = 0; (view = session_index_at(c->sessions, i)); i++) {
		char text[ID_TEXT];

		if (!book_id_eq(view->task, task) ||
		    book_id_eq(view->run, (struct book_id){ 0 })) {
			continue;
		}
		book_id_text(view->run, text);
		json_out_object(o, NULL);
		json_out_z(o, "run", text);
		json_out_i64(o, "epoch", view->epoch);
		json_out_bool(o, "parked", view->parked);
		json_out_bool(o, "ended", view->ended);
		write_calls(c, o, view);
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

/* The last transition of the task carries its result or its error. */
static void
write_outcome(struct core *c, struct json_out *o, const struct queue_task *t)
{
	auto_buf body = { 0 };
	auto_arena a = { 0 };
	struct json *tree;
	struct err e = { 0 };

	if ((e2m_is_final(t->state) || t->state == E2M_BLOCKED) &&
	    core_body_get(c, core_task_end(c, t->id), &body, &e) == 0 &&
	    json_parse(&a, buf_str(&body), NULL, &tree, &e) == 0) {
		const struct json *result = json_get(tree, "result");
		const struct json *error = json_get(tree, "error");

		if (result) {
			json_out_value(o, "result", result);
		}
		if (error) {
			json_out_value(o, "error", error);
		}
	}
}

int
route_task(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_task *t = queue_find(c->queue, ask->part);
	auto_buf body = { 0 };
	auto_buf record = { 0 };
	struct json *tree;
	struct json_out o;
	struct book_id id;

	if (!t) {
		return err_set(e, ERR_MISSING,
		    "there is no task %s; `handrail task list` names them",
		    err_quote(ask->part));
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	write_task(&o, t);
	write_outcome(c, &o, t);
	if (core_task_record(c, t->id, &record, e) == 0 &&
	    json_parse(&ask->arena, buf_str(&record), NULL, &tree, e) == 0) {
		json_out_value(&o, "record", tree);
	}
	*e = (struct err){ 0 };
	if (book_id_parse(t->id, &id)) {
		write_runs(c, &o, id);
	}
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
