/* SPDX-License-Identifier: Apache-2.0 */
/* What a failure leaves besides its error. */
#include "queue/repair.h"

#include "parts/core_dispatch.h"

static int
judge_task(struct core *c, const struct core_maker *by, struct arena *a,
    const struct queue_repair *q, struct core_put *out, struct err *e)
{
	struct e2m_record task = { .kind = E2M_TASK };
	struct grant ceiling = { 0 };
	struct core_dispatch d = { .ceiling = &ceiling };

	queue_repair_task(a, q, &task.as.task);
	d.record = e2m_to_json(a, &task);
	return core_grant_made(c, by, a, &ceiling, e) ||
	               core_dispatch_judge(c, a, &d, out, e)
	           ? -1
	           : 0;
}

void
core_repair_make(struct core *c, const struct core_maker *by, struct arena *a,
    const struct json *error, struct core_repair *out)
{
	struct queue_repair q = {
		.task = queue_find(c->queue, by->task),
		.failure = error,
		.queue = by->role->role->queue.repair,
		.task_id = arena_str(a, str_of(id_new().text)),
		.letter_id = arena_str(a, str_of(id_new().text)),
		.now = wall_now(),
	};
	struct str class = STR("");
	struct err e = { 0 };

	queue_repair_letter(a, &q, &out->letter);
	(void)json_text(error, "class", &class);
	if (!q.queue.len || !by->type || str_eq_z(q.queue, by->role->name) ||
	    !str_eq_z(class, "resolvable")) {
		return;
	}
	if (judge_task(c, by, a, &q, &out->put, &e)) {
		log_err("repair", &e); /* the operator has the letter */
		return;
	}
	out->has_put = true;
}
