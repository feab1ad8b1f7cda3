/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker's finish puts besides the outcome: the follow-ups it names,
 * through the one door of every new task and with no more than its task had;
 * and of a failure what a run of the house would leave, too.
 */
#include <string.h>

#include "parts/core_dispatch.h"
#include "parts/core_worker.h"
#include "queue/repair.h"

struct maker {
	struct core_maker by;
	struct grant ceiling; /* of the task that makes */
	struct grant childs;
};

static int
read_maker(struct core *c, struct arena *a, const struct core_lease *lease,
    struct maker *out, struct err *e)
{
	auto_buf record = { 0 };
	struct json *tree = NULL;

	if (core_task_record(c, str_of(lease->task), &record, e) ||
	    json_parse(a, arena_str(a, buf_str(&record)), NULL, &tree, e) ||
	    grant_read(a,
	        json_get(
	            json_get(json_get(tree, "payload"), "handrail"), "grant"),
	        &out->ceiling, e)) {
		return err_wrap(e, "the record of task %s", lease->task);
	}
	out->by = (struct core_maker){
		.role = lease->role,
		.type = lease->type,
		.ceiling = &out->ceiling,
		.task = str_of(lease->task),
	};
	return 0;
}

/* --- follow-ups --- */

static int
judge_one(struct core *c, struct arena *a, const struct maker *m,
    const struct json *record, struct core_put *out, struct err *e)
{
	struct core_dispatch d = {
		.record = record,
		.from = str_of(m->by.role->mailbox),
		.parent = m->by.task,
		.ceiling = &m->childs,
	};

	return core_dispatch_judge(c, a, &d, out, e) ||
	               core_dispatch_links(c, &out->task.as.task, e)
	           ? -1
	           : 0;
}

static int
judge_all(struct core *c, struct arena *a, struct maker *m,
    const struct json *list, struct queue_finish *f, struct err *e)
{
	struct core_put *at = arena_array(a, list->count + 1, sizeof(*at));
	struct queue_put *puts = arena_array(a, list->count + 1, sizeof(*puts));

	if (!m->by.type) {
		return err_set(e, ERR_CONFLICT,
		    "follow_ups: role %s has no type of this task any more, "
		    "so it can give nothing on",
		    m->by.role->name);
	}
	if (core_grant_made(c, &m->by, a, &m->childs, e)) {
		return -1;
	}
	JSON_EACH(record, list)
	{
		size_t i = f->follow_up_count;

		if (judge_one(c, a, m, record, &at[i], e)) {
			return err_wrap(e, "follow_ups[%zu]", i);
		}
		puts[i] = at[i].put;
		f->follow_up_count++;
	}
	f->follow_ups = puts;
	return 0;
}

/* --- a failure --- */

static void
add_repair(struct core *c, struct arena *a, const struct maker *m,
    struct queue_finish *f)
{
	struct core_repair *repair = arena_alloc(a, sizeof(*repair));
	struct e2m_envelope *mail =
	    arena_array(a, f->mail_count + 1, sizeof(*mail));
	struct queue_put *puts =
	    arena_array(a, f->follow_up_count + 1, sizeof(*puts));

	core_repair_make(c, &m->by, a, f->failure, repair);
	if (f->mail_count) {
		memcpy(mail, f->mail, f->mail_count * sizeof(*mail));
	}
	mail[f->mail_count++] = repair->letter;
	f->mail = mail;
	if (!repair->has_put) {
		return;
	}
	if (f->follow_up_count) {
		memcpy(puts, f->follow_ups, f->follow_up_count * sizeof(*puts));
	}
	puts[f->follow_up_count++] = repair->put.put;
	f->follow_ups = puts;
}

int
core_follow(struct core *c, struct arena *a, const struct core_lease *lease,
    const struct json *list, struct queue_finish *f, struct err *e)
{
	struct maker m = { 0 };
	bool left = f->outcome != E2M_COMPLETE &&
	            !(f->outcome == E2M_FAIL &&
	                queue_would_retry(c->queue, f->task, f->failure));

	if (list &&
	    (list->type != JSON_ARRAY || list->count > CORE_FOLLOW_MAX)) {
		return err_set(e, ERR_INPUT,
		    "follow_ups: expected a list of at most %d tasks",
		    CORE_FOLLOW_MAX);
	}
	if (f->outcome != E2M_COMPLETE && queue_failure_check(f->failure, e)) {
		return -1;
	}
	if (!left && (!list || !list->count)) {
		return 0;
	}
	if (read_maker(c, a, lease, &m, e) ||
	    (list && list->count && judge_all(c, a, &m, list, f, e))) {
		return -1;
	}
	if (left) {
		add_repair(c, a, &m, f);
	}
	return 0;
}

/* Nobody does what nobody can read. */
void
core_lease_damaged(
    struct core *c, struct core_lease *lease, const struct err *why)
{
	auto_arena a = { 0 };
	struct core_maker by = { .role = lease->role,
		.task = str_of(lease->task) };
	struct core_failure said = { "schema_validation", "requires_escalation",
		arena_z(&a, arena_printf(&a, "the record of task %s: %s",
		                lease->task, why->text)) };
	struct json *failure = core_failure_json(&a, &said, STR(""));
	struct core_repair repair = { 0 };
	struct queue_finish f = {
		.task = by.task,
		.epoch = lease->epoch,
		.outcome = E2M_FAIL,
		.failure = failure,
		.mail = &repair.letter,
		.mail_count = 1,
		.now = wall_now(),
		.random = random_u64(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	core_repair_make(c, &by, &a, failure, &repair);
	if (queue_finish(c->queue, &a, &f, &step, &e)) {
		log_err("worker", &e); /* somebody ended it meanwhile */
	} else {
		core_queue_step(c, &step, NULL);
		core_task_ended(c, queue_find(c->queue, step.id));
		core_due_arm(c);
		core_worker_offer_later(c);
	}
	core_lease_drop(c, lease);
}
