/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `task export DIR`: the house's tasks and letters as e2m files, read off its
 * events (e2m/DESIGN).  Nothing that is there is written over.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cli/export.h"

/* --- tasks --- */

static int
by_id(const void *a, const void *b)
{
	return str_cmp(
	    ((const struct moved *)a)->id, ((const struct moved *)b)->id);
}

/* A task, where the events do not show a body. */
static const struct json *
ask_task(struct outgoing *x, const char *id, struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };

	ask.target = arena_printf(
	    &x->c->arena, "/api/tasks/%s", cli_encode(x->c, str_of(id)));
	if (cli_send(x->c, &ask, &answer, e)) {
		return NULL;
	}
	buf_fini(&answer.body);
	return answer.tree;
}

static int
take_put(struct outgoing *x, const struct json *event, struct err *e)
{
	struct arena *a = &x->c->arena;
	const struct json *task = json_get(json_get(event, "body"), "task");
	struct moved *t = arena_alloc(a, sizeof(*t));
	struct e2m_record r;

	if (!task) {
		task = json_get(
		    ask_task(x, cli_text(x->c, event, "task"), e), "record");
	}
	if (!task || e2m_from_json(task, &r, e) || r.kind != E2M_TASK) {
		return err_set(e, ERR_INPUT,
		    "event %lld puts a task that is no record of the canon",
		    (long long)cli_number(event, "seq"));
	}
	t->id = r.as.task.id;
	t->file = export_file(x, "queues", r.as.task.queue);
	t->record = json_copy(a, task);
	t->state = E2M_PENDING;
	must(tsearch(t, &x->by_id, by_id) != NULL);
	*x->end = t;
	x->end = &t->next;
	x->tasks++;
	e2m_write_line(&t->file->lines, &r);
	return 0;
}

static void
follow(struct outgoing *x, struct moved *t, const struct e2m_transition *by,
    const struct json *body)
{
	struct arena *a = &x->c->arena;
	const struct json *result = json_get(body, "result");

	t->moved = true;
	(void)json_set_str(
	    a, t->record, "state", str_of(e2m_state_name(t->state)));
	(void)json_set_str(a, t->record, "updated_at", by->at);
	if (by->owner.len) {
		(void)json_set_str(a, t->record, "owner", by->owner);
	}
	if (by->error) {
		(void)json_set(a, t->record, "error", json_copy(a, by->error));
	}
	if (result && result->type == JSON_OBJECT) {
		(void)json_set(a, t->record, "result", json_copy(a, result));
	}
}

/* A retry clears owner and error. */
static void
clear(struct outgoing *x, struct moved *t)
{
	struct arena *a = &x->c->arena;

	t->record =
	    json_without(a, json_without(a, t->record, "owner"), "error");
}

/* The body of a transition.  One that is too long to be shown is that of a
 * completion, if the task has completed: its result is asked for. */
static const struct json *
body_of(struct outgoing *x, const struct json *event, const struct moved *t)
{
	const struct json *body = json_get(event, "body");
	struct err e = { 0 };

	if (body || t->state != E2M_IN_PROGRESS) {
		return body;
	}
	const struct json *task =
	    ask_task(x, cli_text(x->c, event, "task"), &e);

	if (strcmp(cli_text(x->c, task, "state"), "completed") != 0) {
		return NULL;
	}
	struct json *made = json_copy(&x->c->arena, task);

	(void)json_set_str(&x->c->arena, made, "event", STR("complete"));
	return made;
}

static int
take_transition(struct outgoing *x, const struct json *event, struct err *e)
{
	const struct json *body = NULL;
	struct str word = STR("");
	struct str id = STR("");
	struct e2m_record r = { .kind = E2M_TRANSITION };
	struct e2m_transition *by = &r.as.transition;
	enum e2m_state from;
	struct err illegal = { 0 };

	(void)json_text(event, "task", &id);
	struct moved key = { .id = id };
	struct moved **found = tfind(&key, &x->by_id, by_id);

	if (found) {
		body = body_of(x, event, *found);
	}
	if (!found || !json_text(body, "event", &word) ||
	    !e2m_event_parse(word, &by->event)) {
		x->hidden++;
		return 0;
	}
	from = (*found)->state;
	if (e2m_transition(from, by->event, &(*found)->state, &illegal)) {
		return 0; /* a claim again after a park: no transition */
	}
	by->id = id;
	(void)json_text(event, "at", &by->at);
	(void)json_text(body, "at", &by->at);
	by->prior_state = str_of(e2m_state_name(from));
	by->new_state = str_of(e2m_state_name((*found)->state));
	(void)json_text(body, "owner", &by->owner);
	(void)json_text(body, "why", &by->note);
	by->error = json_get(body, "error");
	if (e2m_check(&r, e)) {
		return err_wrap(
		    e, "event %lld", (long long)cli_number(event, "seq"));
	}
	e2m_write_line(&(*found)->file->lines, &r);
	x->transitions++;
	if (by->event == E2M_RETRY) {
		clear(x, *found);
	}
	follow(x, *found, by, body);
	return 0;
}

/* What moved, as it is now: the last line of an id is its state. */
static int
write_last(struct outgoing *x, struct err *e)
{
	for (struct moved *t = x->first; t; t = t->next) {
		struct e2m_record r;

		if (!t->moved) {
			continue;
		}
		if (e2m_from_json(t->record, &r, e)) {
			return -1;
		}
		e2m_write_line(&t->file->lines, &r);
	}
	return 0;
}

/* --- letters --- */

static int
take_letter(struct outgoing *x, const struct json *event, struct err *e)
{
	const struct json *mail = json_get(json_get(event, "body"), "mail");
	struct e2m_record r;

	if (!mail) {
		x->hidden++;
		return 0;
	}
	if (e2m_from_json(mail, &r, e)) {
		return err_wrap(
		    e, "event %lld", (long long)cli_number(event, "seq"));
	}
	e2m_write_line(&export_file(x, "mailbox", r.as.envelope.to)->lines, &r);
	x->letters++;
	return 0;
}

static int
take_ack(struct outgoing *x, const struct json *event, struct err *e)
{
	const struct json *body = json_get(event, "body");
	struct e2m_record r = { .kind = E2M_TRANSITION };
	struct e2m_transition *t = &r.as.transition;

	(void)e;
	if (!json_text(body, "id", &t->id) || !json_text(body, "at", &t->at) ||
	    !json_text(body, "acked_by", &t->acked_by)) {
		x->hidden++;
		return 0;
	}
	t->event = E2M_ACK;
	t->status = E2M_STATUS_ACKED;
	(void)json_text(body, "note", &t->note);
	e2m_write_line(&export_file(x, "mailbox", t->acked_by)->lines, &r);
	x->acks++;
	return 0;
}

/* --- events --- */

static int
take_event(struct outgoing *x, const struct json *event, struct err *e)
{
	static const struct {
		const char *kind;
		int (*take)(struct outgoing *x, const struct json *event,
		    struct err *e);
	} kinds[] = {
		{ "task_put", take_put },
		{ "task_claimed", take_transition },
		{ "task_transition", take_transition },
		{ "mail_put", take_letter },
		{ "mail_acked", take_ack },
	};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(cli_text(x->c, event, "kind"), kinds[i].kind) == 0) {
			return kinds[i].take(x, event, e);
		}
	}
	return 0;
}

/* One page; *next is where the following one begins. */
static int
read_page(struct outgoing *x, uint64_t after, uint64_t *next, struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };

	ask.target = arena_printf(
	    &x->c->arena, "/api/events?after=%llu", (unsigned long long)after);
	if (cli_send(x->c, &ask, &answer, e)) {
		return -1;
	}
	buf_fini(&answer.body);
	JSON_EACH(event, json_get(answer.tree, "events"))
	{
		if (take_event(x, event, e)) {
			return -1;
		}
	}
	*next = (uint64_t)cli_number(answer.tree, "next");
	return 0;
}

static int
read_events(struct outgoing *x, struct err *e)
{
	uint64_t after;
	uint64_t next = 0;

	do {
		after = next;
		if (read_page(x, after, &next, e)) {
			return -1;
		}
	} while (next > after);
	return 0;
}

static void
print_export(const struct outgoing *x)
{
	if (x->c->json) {
		printf("{\"tasks\":%llu,\"transitions\":%llu,\"letters\":%llu,"
		       "\"acks\":%llu,\"hidden\":%llu}\n",
		    (unsigned long long)x->tasks,
		    (unsigned long long)x->transitions,
		    (unsigned long long)x->letters, (unsigned long long)x->acks,
		    (unsigned long long)x->hidden);
		return;
	}
	printf("%llu tasks, %llu transitions, %llu letters, %llu acks\n",
	    (unsigned long long)x->tasks, (unsigned long long)x->transitions,
	    (unsigned long long)x->letters, (unsigned long long)x->acks);
	if (x->hidden) {
		(void)fprintf(stderr,
		    "handrail: %llu events show no body (too long, or "
		    "expired): they are not in the files\n",
		    (unsigned long long)x->hidden);
	}
}

static void
keep(void *node)
{
	(void)node; /* it lives in the arena */
}

int
cli_task_export(struct cli *c, int argc, char **argv)
{
	struct outgoing x = { .c = c };
	struct err e = { 0 };
	int result;

	x.end = &x.first;
	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "task", "export wants a folder");
	}
	x.folder = argv[0];
	result =
	    read_events(&x, &e) || write_last(&x, &e) || export_write(&x, &e);
	for (struct file *f = x.files; f; f = f->next) {
		buf_fini(&f->lines);
	}
	tdestroy(x.by_id, keep);
	if (result) {
		return cli_fail(&e);
	}
	print_export(&x);
	return x.hidden ? 1 : 0;
}
