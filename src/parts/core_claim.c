/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is made of: the record of its task and the type that it names, and
 * of a fork the history that it begins with; read before the claim. */
#include <string.h>

#include "parts/core.h"
#include "parts/core_run.h"

/* The run that the book knows for this task and has not ended; NULL: none. */
static const struct session_run *
earlier_run(struct core *c, struct book_id task)
{
	const struct session_run *s;

	for (size_t i = 0; (s = session_index_at(c->sessions, i)); i++) {
		if (book_id_eq(s->task, task) && !s->ended &&
		    !book_id_eq(s->run, (struct book_id){ 0 })) {
			return s;
		}
	}
	return NULL;
}

static bool
has_begun(struct core *c, struct str task)
{
	struct book_id id;

	return core_run_of_task(c, task) ||
	       (book_id_parse(task, &id) && earlier_run(c, id));
}

void
core_needed_fini(struct core_needed *n)
{
	buf_fini(&n->record);
	arena_fini(&n->history.arena);
}

bool
core_claim_read(struct core *c, struct str task, struct core_needed *out)
{
	const struct err *why = &out->unread;
	const char *what = "record";

	if (core_task_record(c, task, &out->record, &out->unread) == 0) {
		out->unread = (struct err){ 0 };
		why = &out->history.lost;
		what = "history";
		if (!has_begun(c, task)) {
			core_history_read(
			    c, buf_str(&out->record), &out->history);
		}
	}
	if (why->kind != ERR_UNAVAILABLE) {
		return true;
	}
	log_line(LOG_WARN, "claim",
	    "the task " STR_FMT " waits, its %s cannot be read: %s",
	    STR_ARG(task), what, why->text);
	core_claim_later(c);
	return false;
}

int
core_claim_load(struct core *c, struct core_run *r,
    const struct core_needed *needed, struct err *e)
{
	struct str record = buf_str(&needed->record);
	struct json *tree;
	struct str type = STR("default");

	*e = needed->unread;
	if (e->kind != ERR_NONE ||
	    json_parse(
	        &r->arena, arena_str(&r->arena, record), NULL, &tree, e)) {
		return err_wrap(e, "the record of task %s", r->task_text);
	}
	r->record = tree;
	(void)json_text(json_get(tree, "payload"), "type", &type);
	r->type = core_task_type(r->role, type);
	if (!r->type) {
		return err_set(e, ERR_INPUT,
		    "role %s has no [task." STR_FMT "] (any more)",
		    r->role->name, STR_ARG(type));
	}
	r->finish = tools_finish(&r->arena, r->type);
	return core_grant_load(c, r, e);
}

/* The type a payload names, or the only one, or [task.default]. */
const struct task_type *
core_task_type(const struct core_role *role, struct str name)
{
	const struct task_type *t = roles_find_type(role->role, name);

	if (!t && str_eq_z(name, "default") && role->role->type_count == 1) {
		t = &role->role->types[0];
	}
	return t;
}

bool
core_claim_earlier(struct core *c, struct core_run *r)
{
	const struct session_run *s = earlier_run(c, r->task);
	struct id fresh = id_new();

	if (s) {
		r->run = s->run;
		book_id_text(r->run, r->run_text);
		return true;
	}
	must(book_id_parse(str_of(fresh.text), &r->run));
	memcpy(r->run_text, fresh.text, sizeof(r->run_text));
	return false;
}
