/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of the operator's that work on the queue `mill`: they claim, beat,
 * finish, and write down what they said and heard (history.h).  Some are silent
 * for longer than their lease and finish all the same, some forget what they
 * had, all say again what nobody answered.
 */
#include <stdio.h>
#include <string.h>

#include "sim/house.h"

#define LEASE_US (3 * CLOCK_SECOND)

enum doing { IDLE, CLAIMING, WORKING, BEATING, FINISHING };

/* --- the history --- */

void
sim_say(uint64_t op, const char *what, const char *say, const char *more)
{
	auto_buf line = { 0 };
	struct err e = { 0 };

	buf_addf(&line,
	    "{\"at\":%lld,\"op\":%llu,\"do\":\"%s\",\"say\":\"%s\"%s}",
	    (long long)mono_now().us, (unsigned long long)op, what, say, more);
	log_line(LOG_DEBUG, "history", "%s", buf_z(&line));
	if (history_add(sim.history, buf_str(&line), &e)) {
		sim_fault("%s: %s", e.text, buf_z(&line));
	}
}

/* --- what they do --- */

static void
next(uint64_t k, int64_t us)
{
	sim_always(us + 1, sim_worker_goes_on, k, ++sim.workers[k].turn);
}

static bool
all_milled(void)
{
	bool all = true;

	for (int i = 0; i < sim.task_count; i++) {
		const struct sim_task *t = &sim.tasks[i];

		all &= !t->outside || t->ends || t->hold == SIM_BLOCKED;
	}
	return all;
}

static void
ask(uint64_t k, const char *target, const struct buf *body)
{
	struct sim_ask what = { .kind = ASK_WORK, .of = (int)k };

	(void)sim_ask(&what, "POST", target, buf_str(body));
}

static void
claim(uint64_t k)
{
	struct sim_worker *w = &sim.workers[k];
	auto_buf body = { 0 };

	buf_addf(&body,
	    "{\"worker\":\"w%llu\",\"queues\":[\"mill\"],\"wait_ms\":%u,"
	    "\"lease_ms\":%lld}",
	    (unsigned long long)k, sim_draw(2) ? 0 : sim_draw(6000),
	    (long long)(LEASE_US / 1000));
	w->doing = CLAIMING;
	w->op = ++sim.ops;
	sim_say(w->op, "claim", "ask", ",\"queue\":\"mill\"");
	ask(k, "/api/queue/claim", &body);
}

static void
say_of_task(struct sim_worker *w, const char *what, const char *more)
{
	char text[300];

	(void)snprintf(text, sizeof(text), ",\"task\":\"%s\",\"epoch\":%u%s",
	    sim.tasks[w->task].id, w->epoch, more);
	w->op = ++sim.ops;
	sim_say(w->op, what, "ask", text);
}

static void
beat(uint64_t k)
{
	struct sim_worker *w = &sim.workers[k];
	auto_buf body = { 0 };

	buf_addf(&body, "{\"worker\":\"w%llu\",\"lease_ms\":%lld}",
	    (unsigned long long)k, (long long)(LEASE_US / 1000));
	w->doing = BEATING;
	say_of_task(w, "renew", "");
	ask(k, "/api/queue/beat", &body);
}

static void
finish(uint64_t k)
{
	struct sim_worker *w = &sim.workers[k];
	auto_buf body = { 0 };
	char more[120];

	buf_addf(&body,
	    "{\"worker\":\"w%llu\",\"lease_ms\":%lld,\"task\":\"%s\","
	    "\"epoch\":%u,\"outcome\":\"%s\",\"ack_key\":\"a-%u-%u\",%s}",
	    (unsigned long long)k, (long long)(LEASE_US / 1000),
	    sim.tasks[w->task].id, w->epoch, w->fails ? "fail" : "complete",
	    (unsigned)w->task, w->epoch,
	    w->fails ? "\"error\":{\"error_type\":\"mill\",\"class\":"
	               "\"unresolvable\",\"resolvable\":false,"
	               "\"suggested_skill\":\"\",\"message\":\"no\"}"
	             : "\"result\":{}");
	(void)snprintf(more, sizeof(more),
	    ",\"outcome\":\"%s\",\"key\":\"a-%u-%u\"",
	    w->fails ? "fail" : "complete", (unsigned)w->task, w->epoch);
	w->doing = FINISHING;
	say_of_task(w, "finish", more);
	ask(k, "/api/queue/finish", &body);
}

static void
work_on(uint64_t k)
{
	struct sim_worker *w = &sim.workers[k];
	int64_t left = w->until - mono_now().us;

	if (sim_one_in(20)) { /* it was killed: it forgets all */
		w->doing = IDLE;
		next(k, sim_delay(4000000));
	} else if (left <= 0) {
		finish(k);
	} else if (w->silent) {
		next(k, left);
	} else {
		beat(k);
	}
}

void
sim_worker_goes_on(uint64_t k, uint64_t turn)
{
	struct sim_worker *w = &sim.workers[k];

	if (turn != w->turn) {
		return; /* it has gone on already */
	}
	if (w->doing == IDLE && all_milled()) {
		next(k, 20 * CLOCK_SECOND);
	} else if (!sim.api) {
		next(k, CLOCK_SECOND);
	} else if (w->doing == IDLE) {
		claim(k);
	} else if (w->doing == FINISHING) {
		finish(k);
	} else {
		w->doing = WORKING;
		work_on(k);
	}
}

/* --- what they hear --- */

static void
begin(uint64_t k, const struct json *task)
{
	struct sim_worker *w = &sim.workers[k];
	struct str id = STR("");
	char more[200];
	int64_t epoch = 0;

	(void)json_text(task, "task", &id);
	(void)json_i64(task, "epoch", &epoch);
	w->task = sim_task_of(id);
	w->epoch = (uint32_t)epoch;
	must(w->task >= 0);
	(void)snprintf(more, sizeof(more),
	    ",\"task\":\"%s\",\"epoch\":%u,\"lease\":%lld",
	    sim.tasks[w->task].id, w->epoch, (long long)LEASE_US);
	sim_say(w->op, "claim", "ok", more);
	w->doing = WORKING;
	w->silent = sim_draw(3) == 0;
	w->fails = sim_draw(5) == 0;
	w->until = mono_now().us + sim_delay(9000000);
	next(k, sim_delay(1000000));
}

static void
claimed(uint64_t k, const struct json *body)
{
	struct sim_worker *w = &sim.workers[k];
	const struct json *task = json_at(json_get(body, "tasks"), 0);

	if (task) {
		begin(k, task);
		return;
	}
	sim_say(w->op, "claim", "no", "");
	w->doing = IDLE;
	next(k, sim.calm ? 10 * CLOCK_SECOND : sim_delay(3000000));
}

static void
renewed(uint64_t k, const struct json *body)
{
	struct sim_worker *w = &sim.workers[k];
	bool held = false;
	struct str id = STR("");
	int64_t epoch = 0;
	char more[40];

	JSON_EACH(one, json_get(body, "held"))
	{
		(void)json_text(one, "task", &id);
		(void)json_i64(one, "epoch", &epoch);
		held |=
		    str_eq_z(id, sim.tasks[w->task].id) && epoch == w->epoch;
	}
	(void)snprintf(
	    more, sizeof(more), ",\"lease\":%lld", (long long)LEASE_US);
	sim_say(w->op, "renew", held ? "ok" : "no", held ? more : "");
	w->doing = WORKING;
	next(k, CLOCK_SECOND);
}

static void
finished(uint64_t k, const struct json *body)
{
	struct sim_worker *w = &sim.workers[k];
	bool duplicate = false;

	(void)json_bool(body, "duplicate", &duplicate);
	sim_seen->milled += !duplicate;
	sim_say(w->op, "finish", "ok", duplicate ? ",\"duplicate\":true" : "");
	w->doing = IDLE;
	next(k, sim_delay(1000000));
}

void
sim_worker_unheard(uint64_t k)
{
	static const char *const whats[] = { "", "claim", "", "renew",
		"finish" };
	struct sim_worker *w = &sim.workers[k];

	if (!whats[w->doing][0]) {
		return;
	}
	sim_say(w->op, whats[w->doing], "lost", "");
	if (w->doing == CLAIMING) {
		w->doing = IDLE;
	} else if (w->doing == BEATING) {
		w->doing = WORKING;
	}
	next(k, CLOCK_SECOND + sim_delay(2000000));
}

void
sim_worker_hears(uint64_t k, uint32_t status, const struct json *body)
{
	struct sim_worker *w = &sim.workers[k];

	if (status >= 500) {
		sim_worker_unheard(k);
	} else if (status == 200 && w->doing == CLAIMING) {
		claimed(k, body);
	} else if (status == 200 && w->doing == BEATING) {
		renewed(k, body);
	} else if (status == 200 && w->doing == FINISHING) {
		finished(k, body);
	} else if (w->doing == BEATING && status == 404) {
		sim_say(w->op, "renew", "no", "");
		w->doing = WORKING;
		next(k, CLOCK_SECOND);
	} else if (w->doing == FINISHING && status == 409) {
		sim_seen->stale++;
		sim_say(w->op, "finish", "no", "");
		w->doing = IDLE;
		next(k, sim_delay(1000000));
	} else {
		sim_fault("a worker that does %d is answered %u", (int)w->doing,
		    status);
	}
}

/* Before it is told: what it is told must be on the disk. */
void
sim_worker_is_told(uint64_t k, uint32_t status, const struct json *body)
{
	const struct sim_worker *w = &sim.workers[k];
	struct str id = STR("");
	int64_t epoch = 0;

	if (status == 200 && w->doing == FINISHING &&
	    !sim.tasks[w->task].ends) {
		sim_fault("a worker hears of an end before it was on the disk");
	}
	if (status != 200 || w->doing != CLAIMING) {
		return;
	}
	JSON_EACH(one, json_get(body, "tasks"))
	{
		(void)json_text(one, "task", &id);
		(void)json_i64(one, "epoch", &epoch);
		const struct sim_task *t = &sim.tasks[sim_task_of(id)];

		if (t->hold != SIM_OWNED || t->epoch != epoch) {
			sim_fault("a worker hears of a claim before it was on "
			          "the disk");
		}
	}
}

void
sim_workers_begin(void)
{
	for (uint64_t k = 0; k < SIM_WORKERS; k++) {
		next(k, sim_draw(5000000));
	}
}

/* When all is quiet. */
void
sim_history_check(void)
{
	static const char *const states[] = { "absent", "pending",
		"in_progress", "in_progress", "in_progress", "blocked",
		"completed", "failed" };
	struct err e = { 0 };

	for (int i = 0; i < sim.task_count; i++) {
		const struct sim_task *t = &sim.tasks[i];
		const struct queue_task *q =
		    queue_find(sim.core->queue, str_of(t->id));
		char more[120];

		if (!t->outside) {
			continue;
		}
		(void)snprintf(more, sizeof(more),
		    ",\"task\":\"%s\",\"state\":\"%s\"", t->id,
		    q ? e2m_state_name(q->state) : states[t->hold]);
		sim_say(++sim.ops, "final", "ok", more);
	}
	if (history_check(sim.history, &e)) {
		sim_fault("%s", e.text);
	}
}
