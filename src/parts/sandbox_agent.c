/* SPDX-License-Identifier: Apache-2.0 */
/* Agents, each in an empty isolate, and the helpers of workspaces. */
#include "parts/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- agents --- */

static struct sandbox_agent *
agent_find(struct sandbox *s, uint64_t number)
{
	for (struct sandbox_agent *a = s->agents; a; a = a->next) {
		if (a->number == number) {
			return a;
		}
	}
	return NULL;
}

static void
send_started(
    struct sandbox *s, const struct wire_agent_started *started, int *fd)
{
	wire_send(s->part.core, WIRE_AGENT_STARTED, started, fd, fd ? 1 : 0);
}

static void
agent_refused(struct sandbox *s, uint64_t number, const char *why)
{
	struct wire_agent_started started = { .agent = number };
	struct wire_agent_ended ended = { .agent = number };

	sandbox_text(started.text, why);
	sandbox_text(ended.text, why);
	send_started(s, &started, NULL);
	wire_send(s->part.core, WIRE_AGENT_ENDED, &ended, NULL, 0);
}

static void
agent_gone(struct sandbox_agent *a)
{
	struct sandbox_agent **at = &a->sandbox->agents;
	struct wire_agent_ended ended = { .agent = a->number };
	const char *why = a->why[0] ? a->why : "the agent ended";

	while (*at != a) {
		at = &(*at)->next;
	}
	*at = a->next;
	loop_io_close(&a->notes);
	loop_io_close(&a->death);
	auto_close_fd(&a->channel);
	cell_free(a->cell);
	if (!a->started) {
		agent_refused(a->sandbox, a->number, why);
	} else {
		sandbox_text(ended.text, a->asked ? "" : why);
		wire_send(
		    a->sandbox->part.core, WIRE_AGENT_ENDED, &ended, NULL, 0);
	}
	free(a);
}

static void
agent_died(void *owner, unsigned ready)
{
	struct sandbox_agent *a = owner;

	(void)ready;
	if (cell_reap(a->cell)) {
		agent_gone(a);
	}
}

static void
agent_notes(void *owner, unsigned ready)
{
	struct sandbox_agent *a = owner;
	struct cell_event v;

	(void)ready;
	cell_next(a->cell, &v);
	if (v.kind == CELL_NOTHING) {
		return;
	}
	/* Nothing more comes: started, or its pidfd tells the rest. */
	if (v.kind != CELL_STARTED) {
		sandbox_text(a->why, v.text);
		cell_kill(a->cell);
		loop_io_close(&a->notes);
		return;
	}
	struct wire_agent_started started = {
		.agent = a->number,
		.ok = 1,
		.pid = cell_pid(a->cell),
	};

	loop_io_close(&a->notes);
	a->started = true;
	int fd = take_fd(&a->channel);

	send_started(a->sandbox, &started, &fd);
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

void
sandbox_agent_start(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_agent_start *start = record;
	struct loop *loop = s->part.loop;
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (agent_find(s, start->agent)) {
		log_line(LOG_ERROR, "agent", "%llu is there already",
		    (unsigned long long)start->agent);
		return;
	}
	struct sandbox_agent *a = calloc(1, sizeof(*a));

	must(a);
	*a = (struct sandbox_agent){
		.next = s->agents,
		.sandbox = s,
		.number = start->agent,
		.channel = -1,
	};
	if (cell_agent(s->host, start->agent, start->slot, &a->channel,
	        &a->cell, &e)) {
		agent_refused(s, start->agent, e.text);
		free(a);
		return;
	}
	s->agents = a;
	if (loop_io_open(
	        &a->notes, loop, cell_fd(a->cell), agent_notes, a, &e) ||
	    loop_io_open(
	        &a->death, loop, cell_pidfd(a->cell), agent_died, a, &e)) {
		sandbox_text(a->why, e.text);
		agent_gone(a);
		return;
	}
	loop_io_want(&a->notes, LOOP_READ);
	loop_io_want(&a->death, LOOP_READ);
}

void
sandbox_agent_end(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_agent_end *end = record;
	struct sandbox_agent *a = agent_find(s, end->agent);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (a) {
		a->asked = true;
		cell_kill(a->cell);
	}
}

/* --- workspace helpers --- */

static void
work_answer(struct sandbox *s, uint64_t id, const struct digest *digest,
    const char *why)
{
	struct wire_work_done done = { .id = id, .ok = why == NULL };

	if (digest) {
		memcpy(done.digest, digest->bytes, sizeof(done.digest));
	}
	sandbox_text(done.text, why ? why : "");
	wire_send(s->part.core, WIRE_WORK_DONE, &done, NULL, 0);
}

static void
work_gone(struct sandbox_work *w)
{
	struct sandbox_work **at = &w->sandbox->works;

	while (*at != w) {
		at = &(*at)->next;
	}
	*at = w->next;
	loop_io_close(&w->notes);
	cell_free(w->cell);
	free(w);
}

/* A socket that a cell could connect to: no cell is safe with it. */
/* NOLINTBEGIN(misc-no-recursion): the second time it has a text, and ends */
static void
checked(struct sandbox *s, const struct cell_event *v)
{
	struct err e = { 0 };

	if (v->kind == CELL_WORKED) {
		auto_close_fd(&s->seen);
		return;
	}
	if (!v->text[0] && s->checks++ < SANDBOX_CHECKS) {
		/* It was killed, and has seen nothing; perhaps by a disk that
		 * does not give back what was remembered. */
		auto_close_fd(&s->seen);
		sandbox_check(s);
		return;
	}
	(void)err_set(&e, ERR_DENIED, "%s",
	    v->text[0] ? v->text : "/usr could not be looked through");
	log_err("check", &e);
	sandbox_text(s->unsafe, e.text);
	for (struct sandbox_cell *c = s->cells; c; c = c->next) {
		sandbox_cell_stop(c, s->unsafe);
	}
}

static void
work_notes(void *owner, unsigned ready)
{
	struct sandbox_work *w = owner;
	struct cell_event v;

	(void)ready;
	cell_next(w->cell, &v);
	if (v.kind == CELL_NOTHING) {
		return;
	}
	if (w->check) {
		struct sandbox *s = w->sandbox;

		work_gone(w); /* first: the next one may get its descriptor */
		checked(s, &v);
		return;
	}
	if (v.kind == CELL_WORKED) {
		work_answer(w->sandbox, w->id, &v.digest, NULL);
	} else {
		work_answer(w->sandbox, w->id, NULL,
		    v.text[0] ? v.text : "the workspace helper was ended");
	}
	work_gone(w);
}

static int
work_watch(struct sandbox *s, struct sandbox_work *w, struct err *e)
{
	struct sandbox_work *kept = calloc(1, sizeof(*kept));

	must(kept);
	*kept = *w;
	kept->sandbox = s;
	kept->next = s->works;
	s->works = kept;
	if (loop_io_open(&kept->notes, s->part.loop, cell_fd(kept->cell),
	        work_notes, kept, e)) {
		work_gone(kept);
		return -1;
	}
	loop_io_want(&kept->notes, LOOP_READ);
	return 0;
}

void
sandbox_check(struct sandbox *s)
{
	auto_close int fd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sandbox_work w = { .check = true };
	struct cell_event never = { .kind = CELL_FAILED };
	struct err e = { 0 };

	if (fd < 0 || cell_check(s->host, 0, fd, s->seen, &w.cell, &e) ||
	    work_watch(s, &w, &e)) {
		sandbox_text(never.text, e.text);
		checked(s, &never);
	}
}
/* NOLINTEND(misc-no-recursion) */

_Static_assert((int)CELL_WORK_OWN + 1 == (int)WIRE_WORK_OWN &&
                   (int)CELL_WORK_DIGEST + 1 == (int)WIRE_WORK_DIGEST &&
                   (int)CELL_WORK_DROP + 1 == (int)WIRE_WORK_DROP,
    "the room counts from 0, the record from 1");

void
sandbox_work_ask(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_work_ask *ask = record;
	struct cell *cell;
	struct err e = { 0 };

	(void)peer;
	if (nfds != 1 || ask->work < WIRE_WORK_OWN ||
	    ask->work > WIRE_WORK_DROP) {
		work_answer(s, ask->id, NULL, "an order that makes no sense");
		return;
	}
	if (cell_work(s->host, (enum cell_work)(ask->work - WIRE_WORK_OWN),
	        ask->slot, fds[0], &cell, &e)) {
		work_answer(s, ask->id, NULL, e.text);
		return;
	}
	struct sandbox_work w = { .id = ask->id, .cell = cell };

	if (work_watch(s, &w, &e)) {
		work_answer(s, ask->id, NULL, e.text);
	}
}
/* NOLINTEND(readability-non-const-parameter) */
