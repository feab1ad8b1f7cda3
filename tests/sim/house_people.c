/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients put tasks and cancel some, people decide.  Whoever hears nothing, or
 * a 503, does not know what became of it, and says it again.
 */
#include <stdio.h>
#include <string.h>

#include "sim/house.h"

static void say_put(uint64_t task, uint64_t b);
static void say_cancel(uint64_t task, uint64_t b);

struct sim_ask *
sim_answer_of(uint64_t id)
{
	struct sim_ask *ask = &sim.asks[id % SIM_ASKS];

	return ask->open && ask->id == id && ask->house == sim.house ? ask
	                                                             : NULL;
}

/* --- asking --- */

static void
again(enum sim_ask_kind kind, int of)
{
	int64_t us = CLOCK_SECOND + sim_delay(5000000);

	if (kind == ASK_PUT) {
		sim_always(us, say_put, (uint64_t)of, 0);
	} else if (kind == ASK_CANCEL) {
		sim_always(us, say_cancel, (uint64_t)of, 0);
	} else if (kind == ASK_DECIDE) {
		sim_always(us, sim_person_look, (uint64_t)of, 0);
	} else if (kind == ASK_WORK) {
		sim_worker_unheard((uint64_t)of);
	} else if (kind == ASK_CAN) {
		sim_always(us, sim_say_can, 0, 0);
	} else if (kind == ASK_READ) {
		sim_always(us, sim_reader_asks, 0, 0);
	} /* who stops looks again at what stands */
}

bool
sim_ask(const struct sim_ask *what, const char *method, const char *target,
    struct str body)
{
	struct wire_api_ask record = {
		.head = { .transport = WIRE_LOCAL, .uid = 1000, .has_token = 1 }
	};
	struct digest token = digest_of(STR("token"));

	if (!sim.api) {
		again(what->kind, what->of);
		return false;
	}
	struct sim_ask *slot = &sim.asks[++sim.ask_count % SIM_ASKS];

	must(!slot->open);
	*slot = *what;
	slot->open = true;
	slot->id = sim.ask_count;
	slot->house = sim.house;
	record.head.id = slot->id;
	memcpy(record.head.token_digest, token.bytes, sizeof(token.bytes));
	must(str_copy(
	    record.head.method, sizeof(record.head.method), str_of(method)));
	wire_api_ask_put(&record.head, record.text, sizeof(record.text),
	    str_of(target), body);
	wire_send(sim.api, WIRE_API_ASK, &record, NULL, 0);
	return true;
}

static void
say_put(uint64_t task, uint64_t b)
{
	struct sim_task *t = &sim.tasks[task];
	struct sim_ask what = { .kind = ASK_PUT, .of = (int)task };
	auto_buf body = { 0 };
	char target[128];
	char more[240];

	(void)b;
	if (t->depends >= 0 && !sim.tasks[t->depends].put_told) {
		again(ASK_PUT, (int)task);
		return;
	}
	buf_addf(&body,
	    "{\"id\":\"%s\",\"queue\":\"%s\",\"subject\":\"walk %s\","
	    "\"payload\":{\"prompt\":\"%s\"},\"ke_fit_score\":%u",
	    t->id, t->outside ? "mill" : "helper", t->plan, t->plan, t->score);
	if (t->depends >= 0) {
		buf_addf(&body, ",\"depends_on\":[\"%s\"]",
		    sim.tasks[t->depends].id);
	}
	buf_add_z(&body, "}");
	(void)snprintf(target, sizeof(target), "/api/tasks?key=k-%s", t->id);
	if (t->outside && sim.api) {
		(void)snprintf(more, sizeof(more),
		    ",\"task\":\"%s\",\"queue\":\"mill\",\"depends\":[%s%s%s]",
		    t->id, t->depends < 0 ? "" : "\"",
		    t->depends < 0 ? "" : sim.tasks[t->depends].id,
		    t->depends < 0 ? "" : "\"");
		what.op = ++sim.ops;
		sim_say(what.op, "put", "ask", more);
	}
	(void)sim_ask(&what, "POST", target, buf_str(&body));
}

static void
say_cancel(uint64_t task, uint64_t b)
{
	struct sim_task *t = &sim.tasks[task];
	struct sim_ask what = { .kind = ASK_CANCEL, .of = (int)task };
	char target[128];
	char more[80];

	(void)b;
	if (!t->put_told) {
		again(ASK_CANCEL, (int)task);
		return;
	}
	t->cancel_asked = true;
	(void)snprintf(target, sizeof(target), "/api/tasks/%s/cancel", t->id);
	if (t->outside && sim.api) {
		(void)snprintf(more, sizeof(more), ",\"task\":\"%s\"", t->id);
		what.op = ++sim.ops;
		sim_say(what.op, "cancel", "ask", more);
	}
	(void)sim_ask(&what, "POST", target, STR(""));
}

/* They look whether it was done, and say so. */
void
sim_person_look(uint64_t wait, uint64_t b)
{
	struct sim_wait *w = &sim.waits[wait];
	struct sim_ask what = { .kind = ASK_DECIDE, .of = (int)wait };
	char target[128];
	const char *word;

	(void)b;
	if (w->decided || w->ended) {
		return;
	}
	what.yes = w->unknown ? sim.tasks[w->task].calls[w->call].execs > 0
	                      : sim_draw(4) != 0;
	word = w->unknown ? (what.yes ? "happened" : "did_not")
	                  : (what.yes ? "approve" : "deny");
	auto_buf body = { 0 };

	buf_addf(&body, "{\"decision\":\"%s\"}", word);
	(void)snprintf(target, sizeof(target), "/api/waits/%s", w->id);
	(void)sim_ask(&what, "POST", target, buf_str(&body));
}

/* However the clocks jump: within a minute core sees that it is over. */
void
sim_waits_end(void)
{
	int64_t now = mono_now().us;

	for (int i = 0; i < sim.wait_count; i++) {
		struct sim_wait *w = &sim.waits[i];
		const struct wait_item *item =
		    wait_find(sim.core->waits, str_of(w->id));

		if (!item || item->state != WAIT_OPEN ||
		    item->expires.us > wall_now().us) {
			w->late_house = 0;
		} else if (w->late_house != sim.house) {
			w->late_house = sim.house;
			w->late_since = now;
		} else if (now - w->late_since > 65 * CLOCK_SECOND) {
			sim_fault("wait %s is over, and stays open", w->id);
		}
	}
}

/* --- hearing --- */

static void
put_heard(struct sim_task *t, uint32_t status)
{
	if (status != 201 && status != 200) { /* 200: it had been put */
		sim_fault("a task was refused: %u", status);
	}
	t->put_told = true;
}

static void
cancel_heard(struct sim_task *t, uint32_t status)
{
	if (status != 200 && status != 409) {
		sim_fault(
		    "a cancel of a task that is there was refused: %u", status);
	}
	t->cancel_told = status == 200;
	sim_seen->cancelled += status == 200;
}

static void
decision_heard(const struct sim_ask *a, uint32_t status)
{
	const struct sim_wait *w = &sim.waits[a->of];

	if (status == 404 && w->ended) {
		return; /* its task has ended, and was forgotten */
	}
	if (status != 200 && status != 409) {
		sim_fault("a decision was refused: %u", status);
	}
	if (status == 200) {
		sim.waits[a->of].said_no |= !w->unknown && !a->yes;
	}
	if (status == 409 && !w->decided) {
		again(a->kind, a->of); /* too late, by a clock that jumps */
	}
}

static void
note(const struct sim_ask *a, const char *say)
{
	if (a->op) {
		sim_say(a->op, a->kind == ASK_PUT ? "put" : "cancel", say, "");
	}
}

static void
heard(struct sim_ask *a, uint32_t status, const struct json *body)
{
	a->open = false;
	note(a, status >= 500 ? "lost" : status >= 400 ? "no" : "ok");
	if (a->kind == ASK_WORK) {
		sim_worker_hears((uint64_t)a->of, status, body);
	} else if (a->kind == ASK_READ) {
		sim_reader_hears(status, body);
	} else if (status >= 500) {
		again(a->kind, a->of);
	} else if (a->kind == ASK_PUT) {
		put_heard(&sim.tasks[a->of], status);
	} else if (a->kind == ASK_CANCEL) {
		cancel_heard(&sim.tasks[a->of], status);
	} else if (a->kind == ASK_DECIDE) {
		decision_heard(a, status);
	} else if (a->kind == ASK_CAN) {
		sim_can_heard(body);
	} else if (status != 200 && status != 404 && status != 409) {
		sim_fault("a stop or its end was refused: %u", status);
	}
}

/* The text of an answer as a tree; NULL: it is none. */
const struct json *
sim_answer_body(struct arena *a, bool is_long, const void *record,
    const int *fds, size_t nfds)
{
	const struct wire_api_answer *small = record;
	const struct wire_api_answer_long *big = record;
	auto_buf bytes = { 0 };
	struct str text = is_long
	                      ? str_span(big->text, big->head.body_size)
	                      : str_span(small->text, small->head.body_size);
	struct json *tree = NULL;
	struct err e = { 0 };

	if (nfds == 1) {
		must(memfd_read(fds[0], 1u << 20, &bytes, &e) == 0);
		text = buf_str(&bytes);
	}
	return json_parse(a, arena_str(a, text), NULL, &tree, &e) ? NULL : tree;
}

static void
take(const struct wire_api_answer_head *head, bool is_long, const void *record,
    const int *fds, size_t nfds)
{
	auto_arena a = { 0 };
	struct sim_ask *ask = sim_answer_of(head->id);

	if (ask) {
		heard(ask, head->status,
		    sim_answer_body(&a, is_long, record, fds, nfds));
	}
}

static void
take_answer(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_api_answer *answer = record;

	(void)owner;
	(void)peer;
	take(&answer->head, false, record, fds, nfds);
}

static void
take_long(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_api_answer_long *answer = record;

	(void)owner;
	(void)peer;
	take(&answer->head, true, record, fds, nfds);
}

const struct wire_handler sim_api_handlers[] = {
	{ WIRE_API_ANSWER, take_answer },
	{ WIRE_API_ANSWER_LONG, take_long },
};
const size_t sim_api_handler_count = COUNT(sim_api_handlers);

void
sim_people_house_down(void)
{
	for (int i = 0; i < SIM_ASKS; i++) {
		if (sim.asks[i].open) {
			sim.asks[i].open = false;
			note(&sim.asks[i], "lost");
			again(sim.asks[i].kind, sim.asks[i].of);
		}
	}
}

void
sim_people_begin(void)
{
	sim_workers_begin();
	sim_reader_begin();
	for (int i = 0; i < sim.task_count; i++) {
		sim_always(sim_draw(20000000), say_put, (uint64_t)i, 0);
		if (sim_draw(6) == 0) {
			sim_always(
			    sim_draw(50000000), say_cancel, (uint64_t)i, 0);
		}
	}
	for (uint32_t n = sim_draw(4); n > 0; n--) {
		sim_always(sim_draw(60000000), sim_say_stop,
		    sim_draw(2 + (uint32_t)sim.task_count), 0);
	}
}
