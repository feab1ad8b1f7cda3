/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All runs of a task and their calls.  Of a run that goes on, or ended lately,
 * its view says it; of an older one the heads of its task do, which are all in
 * the task's trail.
 */
#include "parts/core.h"
#include "parts/core_api.h"

static int
write_end(struct core *c, struct json_out *o, uint64_t settled, struct err *e)
{
	auto_buf body = { 0 };
	auto_arena a = { 0 };
	struct json *tree;
	struct err none = { 0 };
	bool there;

	if (core_body_look(c, settled, &body, &there, e)) {
		return -1;
	}
	if (there && json_parse(&a, buf_str(&body), NULL, &tree, &none) == 0) {
		const struct json *carried = json_get(tree, "body");
		const struct json *event = carried ? carried : tree;

		json_out_value(o, "end", json_get(event, "end"));
		json_out_value(o, "result", json_get(event, "result"));
	}
	return 0;
}

static int
write_calls(struct core *c, struct json_out *o, const struct session_run *view,
    struct err *e)
{
	json_out_array(o, "calls");
	for (uint32_t i = 0; i < view->call_count; i++) {
		const struct session_call *s = &view->calls[i];

		json_out_object(o, NULL);
		json_out_i64(o, "ordinal", s->ordinal);
		json_out_z(o, "tool", s->tool);
		json_out_z(o, "state", session_state_name(s->state));
		json_out_z(o, "wait", s->wait);
		json_out_i64(o, "starts", s->starts);
		json_out_i64(o, "decided", (int64_t)s->decided_seq);
		json_out_i64(o, "started", (int64_t)s->started_seq);
		json_out_i64(o, "settled", (int64_t)s->settled_seq);
		if (s->settled_seq && write_end(c, o, s->settled_seq, e)) {
			return -1;
		}
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
	return 0;
}

static int
write_run(struct core *c, struct json_out *o, const struct session_run *view,
    struct err *e)
{
	char text[ID_TEXT];

	book_id_text(view->run, text);
	json_out_object(o, NULL);
	json_out_z(o, "run", text);
	json_out_i64(o, "epoch", view->epoch);
	json_out_bool(o, "parked", view->parked);
	json_out_bool(o, "ended", view->ended);
	if (write_calls(c, o, view, e)) {
		return -1;
	}
	json_out_end(o, '}');
	return 0;
}

static bool
is_body_needed(const struct book_head *head)
{
	return head->has_body && (head->kind == BOOK_CALL_DECIDED ||
	                             head->kind == BOOK_CALL_STARTED ||
	                             head->kind == BOOK_CALL_SETTLED ||
	                             head->kind == BOOK_WAIT_PUT ||
	                             head->kind == BOOK_WAIT_DECIDED);
}

/* A body that expired leaves its call out, and nothing else. */
static int
rebuild(struct core *c, struct session_index *runs,
    const struct book_head *head, struct err *e)
{
	auto_buf body = { 0 };
	struct err odd = { 0 };
	bool there = true;

	if (book_id_eq(head->run, (struct book_id){ 0 })) {
		return 0;
	}
	if (is_body_needed(head) &&
	    core_body_look(c, head->seq, &body, &there, e)) {
		return -1;
	}
	if (there && session_index_apply(runs, head, buf_str(&body), &odd)) {
		log_err("session", &odd);
	}
	return 0;
}

/* What is on the disk of it, in the order in which the runs began. */
static int
read_trail(
    struct core *c, struct session_index *runs, struct str task, struct err *e)
{
	auto_buf heads = { 0 };

	if (core_task_heads(c, task, 0, &heads, e)) {
		return -1;
	}
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		if (book_head_decode(
		        str_span(heads.at + at, BOOK_HEAD_SIZE), &head, e) ||
		    rebuild(c, runs, &head, e)) {
			return -1;
		}
	}
	return 0;
}

/* Its views hold more than the disk: they follow each head at once. */
static int
write_views(struct core *c, struct json_out *o, struct book_id task,
    const struct session_index *told, struct err *e)
{
	const struct session_run *view;

	for (size_t i = 0; (view = session_index_at(c->sessions, i)); i++) {
		if (book_id_eq(view->task, task) &&
		    !book_id_eq(view->run, (struct book_id){ 0 }) &&
		    !session_index_find(told, view->run) &&
		    write_run(c, o, view, e)) {
			return -1;
		}
	}
	return 0;
}

static int
write_runs(struct core *c, struct json_out *o, struct str task,
    struct session_index *runs, struct err *e)
{
	const struct session_run *old;
	struct book_id id;

	if (read_trail(c, runs, task, e)) {
		return -1;
	}
	json_out_array(o, "runs");
	for (size_t i = 0; (old = session_index_at(runs, i)); i++) {
		const struct session_run *view =
		    session_index_find(c->sessions, old->run);

		if (write_run(c, o, view ? view : old, e)) {
			return -1;
		}
	}
	if (book_id_parse(task, &id) && write_views(c, o, id, runs, e)) {
		return -1;
	}
	json_out_end(o, ']');
	return 0;
}

int
core_runs_json(
    struct core *c, struct json_out *o, struct str task, struct err *e)
{
	struct session_index *runs = session_index_new(random_u64());
	int failed = write_runs(c, o, task, runs, e);

	session_index_free(runs);
	return failed;
}
