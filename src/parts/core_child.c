/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that a run makes: dispatch_task.  Decided, started, put and settled
 * are one batch, so that it is put exactly once whatever ends in between; its
 * key says the same once more.
 */
#include "parts/core_call.h"
#include "parts/core_dispatch.h"
#include "parts/core_run.h"

static const struct json *
record_of(struct core_call *k)
{
	static const char *const same[] = { "queue", "subject", "ke_fit_score",
		"depends_on" };
	struct arena *a = &k->arena;
	struct json *record = json_new(a, JSON_OBJECT);
	const struct json *given = json_get(k->args, "payload");
	struct json *payload =
	    given ? json_copy(a, given) : json_new(a, JSON_OBJECT);
	struct str type;

	for (size_t i = 0; i < COUNT(same); i++) {
		const struct json *value = json_get(k->args, same[i]);

		if (value) {
			(void)json_set(a, record, same[i], json_copy(a, value));
		}
	}
	if (json_text(k->args, "type", &type) && !json_get(payload, "type")) {
		(void)json_set_str(a, payload, "type", type);
	}
	(void)json_set(a, record, "payload", payload);
	return record;
}

void
core_call_dispatch(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);
	struct arena *a = &k->arena;
	struct json *result = json_new(a, JSON_OBJECT);
	struct grant ceiling = { 0 };
	struct core_dispatched put = { 0 };
	struct core_dispatch d = {
		.record = record_of(k),
		.from = str_of(r->role->mailbox),
		.key = arena_printf(a, "%s:%u", r->run_text, k->ordinal),
		.parent = str_of(r->task_text),
		.ceiling = &ceiling,
	};
	struct err e = { 0 };

	if (core_grant_child(c, r, a, &ceiling, &e) ||
	    core_dispatch(c, a, &d, &put, &e)) {
		core_call_settle_error(c, k, "failed", err_name(e.kind),
		    arena_str(a, str_of(e.text)));
		return;
	}
	(void)json_set_str(a, result, "task", put.id);
	(void)json_set_str(a, result, "queue", str_of(put.role->name));
	(void)json_set_str(a, result, "identity", str_of(put.role->identity));
	core_call_settle(c, k, "ok", result);
}
