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
	struct sim_ask *ask =
	    id >= 1 && id <= (uint64_t)sim.ask_count ? &sim.asks[id - 1] : NULL;

	return ask && ask->open && ask->house == sim.house ? ask : NULL;
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
	}
}

/* False: nobody listens. */
static bool
ask(const struct sim_ask *what, const char *method, const char *target,
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
	must(sim.ask_count < SIM_ASKS);
	sim.asks[sim.ask_count] = *what;
	sim.asks[sim.ask_count].open = true;
	sim.asks[sim.ask_count].house = sim.house;
	record.head.id = (uint64_t)++sim.ask_count;
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

	(void)b;
	if (t->depends >= 0 && !sim.tasks[t->depends].put_told) {
		again(ASK_PUT, (int)task);
		return;
	}
	buf_addf(&body,
	    "{\"id\":\"%s\",\"queue\":\"helper\",\"subject\":\"walk %s\","
	    "\"payload\":{\"prompt\":\"%s\"},\"ke_fit_score\":%u",
	    t->id, t->plan, t->plan, t->score);
	if (t->depends >= 0) {
		buf_addf(&body, ",\"depends_on\":[\"%s\"]",
		    sim.tasks[t->depends].id);
	}
	buf_add_z(&body, "}");
	(void)snprintf(target, sizeof(target), "/api/tasks?key=k-%s", t->id);
	(void)ask(&what, "POST", target, buf_str(&body));
}

static void
say_cancel(uint64_t task, uint64_t b)
{
	struct sim_task *t = &sim.tasks[task];
	struct sim_ask what = { .kind = ASK_CANCEL, .of = (int)task };
	char target[128];

	(void)b;
	if (!t->put_told) {
		again(ASK_CANCEL, (int)task);
		return;
	}
	t->cancel_asked = true;
	(void)snprintf(target, sizeof(target), "/api/tasks/%s/cancel", t->id);
	(void)ask(&what, "POST", target, STR(""));
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
	(void)ask(&what, "POST", target, buf_str(&body));
}

/* --- hearing --- */

static void
heard(struct sim_ask *a, uint32_t status)
{
	struct sim_task *t = a->kind == ASK_DECIDE ? NULL : &sim.tasks[a->of];

	a->open = false;
	if (status >= 500) {
		again(a->kind, a->of);
	} else if (a->kind == ASK_PUT) {
		if (status != 201) {
			sim_fault("a task was refused: %u", status);
		}
		t->put_told = true;
	} else if (a->kind == ASK_CANCEL) {
		if (status != 200 && status != 409) {
			sim_fault("a cancel of a task that is there was "
			          "refused: %u",
			    status);
		}
		t->cancel_told = status == 200;
		sim_seen->cancelled += status == 200;
	} else if (status == 404 && sim.waits[a->of].ended) {
		return; /* its task has ended, and was forgotten */
	} else if (status != 200 && status != 409) {
		sim_fault("a decision was refused: %u", status);
	} else if (status == 409 && !sim.waits[a->of].decided) {
		again(a->kind, a->of); /* too late, by a clock that jumps */
	}
}

static void
take_answer(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_api_answer_head *head = record;
	struct sim_ask *a = sim_answer_of(head->id);

	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	if (a) {
		heard(a, head->status);
	}
}

const struct wire_handler sim_api_handlers[] = {
	{ WIRE_API_ANSWER, take_answer },
	{ WIRE_API_ANSWER_LONG, take_answer },
};
const size_t sim_api_handler_count = COUNT(sim_api_handlers);

void
sim_people_house_down(void)
{
	for (int i = 0; i < sim.ask_count; i++) {
		if (sim.asks[i].open) {
			sim.asks[i].open = false;
			again(sim.asks[i].kind, sim.asks[i].of);
		}
	}
}

void
sim_people_begin(void)
{
	for (int i = 0; i < sim.task_count; i++) {
		sim_always(sim_draw(20000000), say_put, (uint64_t)i, 0);
		if (sim_draw(6) == 0) {
			sim_always(
			    sim_draw(50000000), say_cancel, (uint64_t)i, 0);
		}
	}
}
