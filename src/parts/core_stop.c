/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `handrail stop` and `resume`.
 *
 * Invariants: (1) a run that acts is of no stopped scope: the batch that puts
 * the stop parks each in the queue, and its processes are told to end in that
 * same turn; (2) a parked task without an open wait is one that a stop parked:
 * the end of its last stop wakes it.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_run.h"

#define SCOPE_MAX  80   /* bytes of "role:NAME" or "task:ID" */
#define REASON_MAX 500  /* bytes of a reason */
#define STOPS_MAX  1000 /* that stand at once */

struct core_stop {
	struct core_stop *next;
	char scope[SCOPE_MAX];
	char by[BOOK_IDENTITY_MAX + 1];
	char reason[REASON_MAX + 1];
	char at[WALL_TEXT_MAX];
};

static struct core_stop *
find(const struct core *c, const char *scope)
{
	struct core_stop *s = c->stops;

	while (s && strcmp(s->scope, scope) != 0) {
		s = s->next;
	}
	return s;
}

static const struct core_stop *
of_kind(const struct core *c, const char *kind, struct str name)
{
	char scope[SCOPE_MAX];
	auto_buf text = { 0 };

	buf_addf(&text, "%s:" STR_FMT, kind, STR_ARG(name));
	return str_copy(scope, sizeof(scope), buf_str(&text)) ? find(c, scope)
	                                                      : NULL;
}

static const struct core_stop *
of_role(const struct core *c, struct str role)
{
	const struct core_stop *all = find(c, "all");

	return all || !c->stops ? all : of_kind(c, "role", role);
}

/* Of the task itself, or of one that made it. */
static const struct core_stop *
of_line(const struct core *c, struct str task)
{
	const struct core_stop *s = of_kind(c, "task", task);
	const struct queue_task *t = queue_find(c->queue, task);

	while (!s && t && (t = queue_parent(c->queue, t->id))) {
		s = of_kind(c, "task", t->id);
	}
	return s;
}

static const struct core_stop *
of_task(const struct core *c, struct str task, struct str role)
{
	const struct core_stop *s = of_role(c, role);

	return s || !c->stops ? s : of_line(c, task);
}

bool
core_stop_role(const struct core *c, const char *role)
{
	return of_role(c, str_of(role)) != NULL;
}

int
core_stop_check(const struct core *c, const char *role, struct err *e)
{
	const struct core_stop *s = of_role(c, str_of(role));

	return s ? err_set(e, ERR_UNAVAILABLE,
	               "%s stopped %s: %s; `handrail resume` lets it go on",
	               s->by, s->scope,
	               s->reason[0] ? s->reason : "no reason given")
	         : 0;
}

/* --- what is told --- */

static void
write_stop(struct json_out *o, const struct core_stop *s)
{
	json_out_object(o, NULL);
	json_out_z(o, "scope", s->scope);
	json_out_z(o, "by", s->by);
	json_out_z(o, "reason", s->reason);
	json_out_z(o, "at", s->at);
	json_out_end(o, '}');
}

void
core_stop_write(const struct core *c, struct json_out *o)
{
	json_out_array(o, "stopped");
	for (const struct core_stop *s = c->stops; s; s = s->next) {
		write_stop(o, s);
	}
	json_out_end(o, ']');
}

void
core_stop_write_task(
    const struct core *c, struct json_out *o, const struct queue_task *t)
{
	const struct core_stop *found[] = {
		c->stops ? find(c, "all") : NULL,
		c->stops ? of_kind(c, "role", t->queue) : NULL,
		c->stops ? of_line(c, t->id) : NULL,
	};

	if (e2m_is_final(t->state) || (!found[0] && !found[1] && !found[2])) {
		return;
	}
	json_out_array(o, "stopped");
	for (size_t i = 0; i < COUNT(found); i++) {
		if (found[i]) {
			write_stop(o, found[i]);
		}
	}
	json_out_end(o, ']');
}

/* --- the list, its rows and heads --- */

static struct core_stop *
add(struct core *c)
{
	struct core_stop *s = calloc(1, sizeof(*s));
	struct core_stop **at = &c->stops;

	must(s);
	while (*at) {
		at = &(*at)->next;
	}
	*at = s;
	return s;
}

static void
drop(struct core *c, const struct core_stop *s)
{
	struct core_stop **at = &c->stops;

	while (*at != s) {
		at = &(*at)->next;
	}
	*at = s->next;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): it is in our list */
	free((void *)(uintptr_t)s);
}

static bool
is_task(const struct core_stop *s, struct str *id)
{
	*id = str_of(s->scope);
	if (!str_starts(*id, STR("task:"))) {
		return false;
	}
	*id = str_sub(*id, 5, id->len);
	return true;
}

static void
append(struct core *c, enum book_kind kind, const struct core_stop *s,
    const char *who, struct str reason)
{
	auto_buf body = { 0 };
	struct json_out o;
	char at[WALL_TEXT_MAX];
	struct core_event event = {
		.kind = kind,
		.identity = who,
		.rule = str_of(s->scope),
	};
	struct str task;

	wall_text(wall_now(), at);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "scope", s->scope);
	json_out_z(&o, "by", who ? who : "handrail");
	json_out_str(&o, "reason", reason);
	json_out_z(&o, "at", at);
	json_out_end(&o, '}');
	event.body = buf_str(&body);
	if (is_task(s, &task)) {
		(void)book_id_parse(task, &event.task);
	}
	(void)core_append(c, &event);
	if (kind == BOOK_STOP_PUT) {
		core_row(c, "stop", event.rule, event.body, c->book.seq);
	} else {
		core_row_drop(c, "stop", event.rule);
	}
}

static int
read_stop(const struct json *tree, struct core_stop *s, struct err *e)
{
	struct str scope = STR("");
	struct str by = STR("");
	struct str reason = STR("");
	struct str at = STR("");

	(void)json_text(tree, "scope", &scope);
	(void)json_text(tree, "by", &by);
	(void)json_text(tree, "reason", &reason);
	(void)json_text(tree, "at", &at);
	if (!scope.len || !str_copy(s->scope, sizeof(s->scope), scope) ||
	    !str_copy(s->by, sizeof(s->by), by) ||
	    !str_copy(s->reason, sizeof(s->reason), reason) ||
	    !str_copy(s->at, sizeof(s->at), at)) {
		return err_set(e, ERR_INPUT,
		    "a row of \"stop\" is damaged: restore a backup (`handrail "
		    "restore`)");
	}
	return 0;
}

static int
load_row(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;
	auto_arena a = { 0 };
	struct json *tree;
	struct core_stop *s = add(c);

	return json_parse(&a, row->value, NULL, &tree, e) ||
	               read_stop(tree, s, e)
	           ? -1
	           : 0;
}

/* Every task is held back that one of the stops of tasks is about. */
static void
hold_all(struct core *c)
{
	const struct queue_task *t;

	for (size_t i = 0; (t = queue_at(c->queue, i)); i++) {
		queue_hold_back(c->queue, t->id, of_line(c, t->id) != NULL);
	}
}

int
core_stop_load(struct core *c, struct err *e)
{
	if (store_rows_walk(
	        c->book.store, STR("stop"), STR(""), load_row, c, e)) {
		return -1;
	}
	if (c->stops) {
		hold_all(c);
	}
	return 0;
}

/* --- stopping --- */

/* Its epoch ends with the park: whatever still speaks for it is stale. */
static bool
stop_run(struct core *c, struct core_run *r)
{
	auto_arena a = { 0 };
	struct queue_touch touch = {
		.task = str_of(r->task_text),
		.epoch = r->epoch,
		.why = STR("stopped by a person"),
		.now = wall_now(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	if (r->settled || r->phase == RUN_PARKED ||
	    queue_park(c->queue, &a, &touch, &step, &e)) {
		return false;
	}
	core_queue_step(c, &step, r);
	core_run_close(c, r, THEN_STOP);
	return true;
}

static void
stop_sandboxes(struct core *c)
{
	struct core_cell *next;

	for (struct core_cell *cell = c->cells; cell; cell = next) {
		next = cell->next;
		if (!cell->run && core_stop_role(c, cell->role->name)) {
			core_cell_end(c, cell);
		}
	}
}

static int64_t
stop_all(struct core *c)
{
	struct core_run *next;
	int64_t count = 0;

	for (struct core_run *r = c->runs; r; r = next) {
		next = r->next;
		if (of_task(c, str_of(r->task_text), str_of(r->role->name))) {
			count += stop_run(c, r);
		}
	}
	stop_sandboxes(c);
	return count;
}

/* --- going on --- */

/* That a run parks for: what is of no call holds up nobody. */
static bool
has_open_wait(const struct core *c, struct book_id run)
{
	char text[ID_TEXT];
	struct wait_mark m;
	uint32_t at = 0;

	book_id_text(run, text);
	while (wait_of_run(c->waits, str_of(text), &at, &m)) {
		if (m.state == WAIT_OPEN && m.of_call) {
			return true;
		}
	}
	return false;
}

/* The tasks that wait for a person, by id. */
static void
tasks_with_waits(struct core *c, struct arena *a, struct map *out)
{
	const struct session_run *view;

	out->seed = random_u64();
	for (size_t i = 0; (view = session_index_at(c->sessions, i)); i++) {
		char text[ID_TEXT];

		if (!has_open_wait(c, view->run)) {
			continue;
		}
		book_id_text(view->task, text);
		if (!map_get(out, str_of(text))) {
			map_put(out, arena_str(a, str_of(text)), c);
		}
	}
}

static int64_t
wake_all(struct core *c)
{
	auto_arena a = { 0 };
	struct map waiting = { 0 };
	const struct queue_task *t;
	int64_t count = 0;

	tasks_with_waits(c, &a, &waiting);
	for (size_t i = 0; (t = queue_at(c->queue, i)); i++) {
		if (t->hold == QUEUE_PARKED && !of_task(c, t->id, t->queue) &&
		    !map_get(&waiting, t->id)) {
			core_run_wake_task(c, t->id);
			count++;
		}
	}
	map_fini(&waiting);
	return count;
}

static void
claim_again(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

/* The stop of a task that has ended, if no task that it made is at work. */
static bool
is_over(const struct core *c, const struct core_stop *s)
{
	const struct queue_task *t;
	struct str id;

	if (!is_task(s, &id)) {
		return false;
	}
	t = queue_find(c->queue, id);
	if (t && !e2m_is_final(t->state)) {
		return false;
	}
	for (size_t i = 0; (t = queue_at(c->queue, i)); i++) {
		if (!e2m_is_final(t->state) && of_line(c, t->id) == s) {
			return false;
		}
	}
	return true;
}

void
core_stop_follow(struct core *c, struct str task)
{
	const struct queue_task *t = queue_find(c->queue, task);
	const struct core_stop *s = t ? of_line(c, task) : NULL;

	if (!s) {
		return;
	}
	if (!e2m_is_final(t->state)) {
		queue_hold_back(c->queue, task, true);
	} else if (is_over(c, s)) {
		append(c, BOOK_STOP_LIFTED, s, NULL, STR("the task has ended"));
		drop(c, s);
	}
}

/* --- routes --- */

static int
task_scope(struct core *c, struct str id, char scope[SCOPE_MAX], struct err *e)
{
	const struct queue_task *t = queue_find(c->queue, id);
	auto_buf text = { 0 };

	if ((!t || e2m_is_final(t->state)) && !of_kind(c, "task", id)) {
		return err_set(e, t ? ERR_CONFLICT : ERR_MISSING,
		    t ? "task %s has ended" : "there is no task %s",
		    err_quote(id));
	}
	buf_addf(&text, "task:" STR_FMT, STR_ARG(id));
	must(str_copy(scope, SCOPE_MAX, buf_str(&text)));
	return 0;
}

static int
read_scope(struct core *c, const struct json *body, char scope[SCOPE_MAX],
    struct err *e)
{
	struct str task = STR("");
	struct str role = STR("");
	bool has_task = json_text(body, "task", &task);
	bool has_role = json_text(body, "role", &role);
	bool all = false;
	const struct core_role *r;
	auto_buf text = { 0 };

	(void)json_bool(body, "all", &all);
	if (has_task + has_role + all != 1) {
		return err_set(e, ERR_INPUT,
		    "say one of {\"task\": ID}, {\"role\": NAME} and {\"all\": "
		    "true}");
	}
	if (has_task) {
		return task_scope(c, task, scope, e);
	}
	r = has_role ? core_role_find(c, role) : NULL;
	if (has_role && !r) {
		return err_set(e, ERR_MISSING,
		    "there is no role %s; `handrail role list` names them",
		    err_quote(role));
	}
	buf_addf(&text, "%s%s", has_role ? "role:" : "all", r ? r->name : "");
	return str_copy(scope, SCOPE_MAX, buf_str(&text))
	           ? 0
	           : err_set(e, ERR_LIMIT, "the role's name is too long");
}

static int
read_reason(const struct json *body, struct str *reason, struct err *e)
{
	*reason = STR("");
	(void)json_text(body, "reason", reason);
	if (str_has(*reason, '\0')) {
		return err_set(e, ERR_INPUT, "a reason holds no NUL");
	}
	return reason->len <= REASON_MAX
	           ? 0
	           : err_set(e, ERR_LIMIT, "a reason has at most %d bytes",
	                 REASON_MAX);
}

static size_t
count_stops(const struct core *c)
{
	size_t count = 0;

	for (const struct core_stop *s = c->stops; s; s = s->next) {
		count++;
	}
	return count;
}

static void
answer(struct core *c, struct core_ask *ask, const char *scope, const char *key,
    int64_t count)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "scope", scope);
	json_out_i64(&o, key, count);
	core_stop_write(c, &o);
	json_out_end(&o, '}');
	core_answer_after(c, ask, 200, buf_str(&body));
}

int
route_stop(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_stop *s;
	char scope[SCOPE_MAX];
	struct str reason;
	struct str task;
	int64_t count = 0;

	if (read_scope(c, ask->body, scope, e) ||
	    read_reason(ask->body, &reason, e)) {
		return -1;
	}
	if (!find(c, scope)) { /* a second one is the same one */
		if (count_stops(c) >= STOPS_MAX) {
			return err_set(e, ERR_LIMIT,
			    "%d stops stand; resume some, or stop --all",
			    STOPS_MAX);
		}
		s = add(c);
		must(str_copy(s->scope, sizeof(s->scope), str_of(scope)) &&
		     str_copy(
		         s->by, sizeof(s->by), str_of(ask->operator_->name)) &&
		     str_copy(s->reason, sizeof(s->reason), reason));
		wall_text(wall_now(), s->at);
		append(c, BOOK_STOP_PUT, s, ask->operator_->name, reason);
		if (is_task(s, &task)) {
			hold_all(c);
		}
		count = stop_all(c);
	}
	answer(c, ask, scope, "ended", count);
	return 0;
}

int
route_resume(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct core_stop *s;
	char scope[SCOPE_MAX];
	struct str reason;
	struct str task;

	if (read_scope(c, ask->body, scope, e) ||
	    read_reason(ask->body, &reason, e)) {
		return -1;
	}
	s = find(c, scope);
	if (!s) {
		return err_set(e, ERR_MISSING,
		    "%s is not stopped by itself; `handrail status` says what "
		    "is",
		    scope);
	}
	append(c, BOOK_STOP_LIFTED, s, ask->operator_->name, reason);
	bool of_one = is_task(s, &task);

	drop(c, s);
	if (of_one) {
		hold_all(c);
	}
	int64_t count = wake_all(c);

	core_after(c, claim_again, 0);
	answer(c, ask, scope, "resumed", count);
	return 0;
}
