/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is made of: the record of its task, read before the claim. */
#include <string.h>

#include "parts/core.h"
#include "parts/core_run.h"

bool
core_claim_read(struct core *c, struct str task, struct buf *out, struct err *e)
{
	if (core_task_record(c, task, out, e) == 0) {
		*e = (struct err){ 0 };
		return true;
	}
	if (e->kind != ERR_UNAVAILABLE) {
		return true;
	}
	log_line(LOG_WARN, "claim",
	    "the task " STR_FMT " waits, its record cannot be read: %s",
	    STR_ARG(task), e->text);
	core_claim_later(c);
	return false;
}

int
core_claim_load(
    struct core *c, struct core_run *r, struct str record, struct err *e)
{
	struct json *tree;
	struct str type = STR("default");

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
	const struct session_run *s;

	for (size_t i = 0; (s = session_index_at(c->sessions, i)); i++) {
		if (book_id_eq(s->task, r->task) && !s->ended &&
		    !book_id_eq(s->run, (struct book_id){ 0 })) {
			r->run = s->run;
			book_id_text(r->run, r->run_text);
			return true;
		}
	}
	struct id fresh = id_new();

	must(book_id_parse(str_of(fresh.text), &r->run));
	memcpy(r->run_text, fresh.text, sizeof(r->run_text));
	return false;
}
