/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/repair.h"

#define SUBJECT_MAX 200
#define SCORE       4

static struct str
text_of(const struct json *j, const char *key)
{
	struct str text = { 0 };

	(void)json_text(j, key, &text);
	return text;
}

static struct str
subject_of(struct arena *a, const char *what, struct str subject)
{
	return str_utf8_cut(
	    arena_printf(a, "%s: " STR_FMT, what, STR_ARG(subject)),
	    SUBJECT_MAX);
}

static struct json *
payload_of(struct arena *a, const struct queue_repair *r)
{
	struct json *payload = json_new(a, JSON_OBJECT);

	json_set_str(a, payload, "task_id", r->task->id);
	json_set_str(a, payload, "queue", r->task->queue);
	json_set(a, payload, "error", json_copy(a, r->failure));
	return payload;
}

static struct json *
one_text(struct arena *a, struct str text)
{
	struct json *list = json_new(a, JSON_ARRAY);

	json_push(list, json_new_str(a, text));
	return list;
}

static struct str
time_of(struct arena *a, struct wall now)
{
	char at[WALL_TEXT_MAX] = { 0 };

	wall_text(now, at);
	return arena_str(a, str_of(at));
}

void
queue_repair_task(
    struct arena *a, const struct queue_repair *r, struct e2m_task *out)
{
	struct json *evaluator = json_new(a, JSON_OBJECT);

	json_set(a, evaluator, "pass_if",
	    one_text(a,
	        arena_printf(a, "task " STR_FMT " completes when it is retried",
	            STR_ARG(r->task->id))));
	json_set(a, evaluator, "fail_if",
	    one_text(a, arena_printf(a, "it fails with " STR_FMT " again",
	                    STR_ARG(text_of(r->failure, "error_type")))));
	*out = (struct e2m_task){
		.id = r->task_id,
		.queue = r->queue.len > 0 ? r->queue : STR("engineering"),
		.subject = subject_of(a, "Repair", r->task->subject),
		.state = E2M_PENDING,
		.created_at = time_of(a, r->now),
		.updated_at = time_of(a, r->now),
		.from = r->task->owner,
		.ke_fit_score = SCORE,
		.payload = payload_of(a, r),
		.evaluator = evaluator,
	};
}

void
queue_repair_letter(
    struct arena *a, const struct queue_repair *r, struct e2m_envelope *out)
{
	bool decide =
	    str_eq_z(text_of(r->failure, "class"), "requires_escalation");

	*out = (struct e2m_envelope){
		.id = r->letter_id,
		.envelope_type = E2M_TYPE_ESCALATE,
		.from =
		    r->task->owner.len > 0 ? r->task->owner : r->task->queue,
		.to = STR("operator"),
		.subject = subject_of(a, "Failed", r->task->subject),
		.at = time_of(a, r->now),
		.state = E2M_MAIL_PENDING,
		.priority = SCORE,
		.thread_id = r->task->id,
		.payload = payload_of(a, r),
		.requires_decision = decide ? E2M_YES : E2M_NO,
	};
	if (decide) {
		struct json *options = one_text(a, STR("retry"));

		json_push(options, json_new_str(a, STR("drop")));
		out->decision_options = options;
	}
}
