/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cell from CELL_MAKE to CELL_ENDED:
 *
 *   MAKING ─ fenced, egress forked → MADE ─ CELL_START → STARTING → READY
 *      any of them ─ asked, died, failed, too slow → ENDING → gone
 *
 * ENDING kills the cell, lets its egress say its last word, and waits for both,
 * because a network namespace lives as long as a socket of it does.
 */
#include "parts/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sandbox_cell *
sandbox_cell_find(struct sandbox *s, uint64_t number)
{
	for (struct sandbox_cell *c = s->cells; c; c = c->next) {
		if (c->number == number) {
			return c;
		}
	}
	return NULL;
}

static void
send_made(struct sandbox *s, uint64_t number, const char *why, int *fd)
{
	struct wire_cell_made made = { .cell = number, .ok = why == NULL };

	sandbox_text(made.text, why ? why : "");
	wire_send(s->part.core, WIRE_CELL_MADE, &made, fd, fd ? 1 : 0);
}

static void
send_started(struct sandbox_cell *c, const char *why)
{
	struct wire_cell_started started = {
		.cell = c->number,
		.ok = why == NULL,
	};

	sandbox_text(started.text, why ? why : "");
	wire_send(c->sandbox->part.core, WIRE_CELL_STARTED, &started, NULL, 0);
}

static void
send_ended(struct sandbox *s, uint64_t number, const char *why, bool full)
{
	struct wire_cell_ended ended = { .cell = number, .full = full };

	sandbox_text(ended.text, why);
	wire_send(s->part.core, WIRE_CELL_ENDED, &ended, NULL, 0);
}

/* --- the end --- */

static void
gone(struct sandbox_cell *c)
{
	struct sandbox_cell **at = &c->sandbox->cells;

	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	loop_io_close(&c->notes);
	loop_io_close(&c->death);
	loop_io_close(&c->egress_death);
	loop_io_close(&c->watching);
	loop_timer_cancel(&c->limit);
	loop_later_cancel(c->sandbox->part.loop, c);
	auto_close_fd(&c->core_end);
	auto_close_fd(&c->egress);
	auto_close_fd(&c->work);
	cell_free(c->watcher);
	cell_free(c->cell);
	send_ended(c->sandbox, c->number, c->why, c->full);
	free(c);
}

static void
try_gone(void *owner)
{
	struct sandbox_cell *c = owner;

	if (c->asked_egress || (c->egress >= 0 && !c->egress_gone)) {
		return;
	}
	if ((cell_reap(c->cell) && (!c->watcher || cell_reap(c->watcher))) ||
	    c->reaps > SANDBOX_REAPS) {
		gone(c);
		return;
	}
	/* Its processes are dying, or its cgroup is not yet empty, or whoever
	 * measures it is just being ended: nobody is blocked for that. */
	c->reaps++;
	loop_timer_arm(&c->limit, c->sandbox->part.loop,
	    mono_after(mono_now(), SANDBOX_REAP_US), try_gone, c);
}

void
sandbox_cell_stop(struct sandbox_cell *c, const char *why)
{
	enum cell_phase before = c->phase;

	if (before != PHASE_ENDING) {
		c->phase = PHASE_ENDING;
		sandbox_text(c->why, why ? why : "");
		cell_kill(c->cell);
		if (c->watcher) {
			cell_kill(c->watcher);
		}
		sandbox_egress_end(c);
		loop_io_close(&c->notes);
		loop_io_close(&c->watching);
		auto_close_fd(&c->core_end);
	}
	if (before == PHASE_MAKING) {
		send_made(c->sandbox, c->number, why ? why : "ended", NULL);
	} else if (before == PHASE_STARTING) {
		send_started(c, why ? why : "ended");
	}
	loop_later_cancel(c->sandbox->part.loop, c);
	loop_later(c->sandbox->part.loop, try_gone, c);
}

static void
cell_died(void *owner, unsigned ready)
{
	struct sandbox_cell *c = owner;

	(void)ready;
	loop_io_close(&c->death);
	sandbox_cell_stop(c, "its processes were ended");
}

static void
too_slow(void *owner)
{
	sandbox_cell_stop(owner, "it took too long to start");
}

/* --- how much is in its workspace --- */

static void
watcher_says(void *owner, unsigned ready)
{
	struct sandbox_cell *c = owner;
	struct cell_event v;
	struct err why = { 0 };

	(void)ready;
	cell_next(c->watcher, &v);
	if (v.kind == CELL_NOTHING) {
		return;
	}
	/* A fault of the helper's own says nothing of what the cell holds. */
	c->full = v.kind == CELL_FAILED && v.code == ERR_LIMIT;
	(void)err_set(&why, ERR_UNAVAILABLE,
	    "its workspace is not measured%s%s", v.text[0] ? ": " : " any more",
	    v.text);
	sandbox_cell_stop(c, c->full ? v.text : why.text);
}

static int
measure(struct sandbox_cell *c, struct err *e)
{
	auto_close int folder = take_fd(&c->work);

	if (folder < 0) {
		return 0;
	}
	if (cell_watch(c->sandbox->host, c->slot, folder, c->workspace,
	        &c->watcher, e) ||
	    loop_io_open(&c->watching, c->sandbox->part.loop,
	        cell_fd(c->watcher), watcher_says, c, e)) {
		return -1;
	}
	loop_io_want(&c->watching, LOOP_READ);
	return 0;
}

static void
ready_now(struct sandbox_cell *c)
{
	struct err e = { 0 };

	c->phase = PHASE_READY;
	loop_timer_cancel(&c->limit);
	send_started(c, NULL);
	if (measure(c, &e)) {
		sandbox_cell_stop(c, e.text);
	}
}

/* --- notes --- */

_Static_assert((int)CELL_EXITED == (int)WIRE_EXITED &&
                   (int)CELL_SIGNALLED == (int)WIRE_SIGNALLED &&
                   (int)CELL_TIMED_OUT == (int)WIRE_TIMED_OUT &&
                   (int)CELL_NOT_STARTED == (int)WIRE_NOT_STARTED,
    "the room's ends are the record's ends");

static void
send_executed(struct sandbox *s, uint64_t number, const struct cell_event *v)
{
	struct wire_cell_executed done = {
		.cell = number,
		.exec = v->exec,
		.end = v->end,
		.code = v->code,
		.cpu = v->cpu,
	};

	sandbox_text(done.text, v->text);
	wire_send(s->part.core, WIRE_CELL_EXECUTED, &done, NULL, 0);
}

void
sandbox_cell_made(struct sandbox_cell *c)
{
	int fd = take_fd(&c->core_end);

	c->phase = PHASE_MADE;
	loop_timer_cancel(&c->limit);
	send_made(c->sandbox, c->number, NULL, fd >= 0 ? &fd : NULL);
}

static void
take_event(struct sandbox_cell *c, const struct cell_event *v)
{
	switch (v->kind) {
	case CELL_FENCED:
		sandbox_egress_ask(c, v);
		return;
	case CELL_STARTED:
		ready_now(c);
		return;
	case CELL_EXECUTED:
		send_executed(c->sandbox, c->number, v);
		return;
	case CELL_NOTHING:
	case CELL_GONE:
		sandbox_cell_stop(c, "its processes were ended");
		return;
	case CELL_WORKED:
	case CELL_FAILED:
		sandbox_cell_stop(c, v->text);
		return;
	}
}

static void
take_notes(void *owner, unsigned ready)
{
	struct sandbox_cell *c = owner;
	struct cell_event v;

	(void)ready;
	while (c->phase != PHASE_ENDING) {
		cell_next(c->cell, &v);
		if (v.kind == CELL_NOTHING) {
			return;
		}
		take_event(c, &v);
	}
}

/* --- what core asks --- */

static int
watch(struct sandbox_cell *c, struct err *e)
{
	struct loop *loop = c->sandbox->part.loop;

	if (loop_io_open(&c->notes, loop, cell_fd(c->cell), take_notes, c, e) ||
	    loop_io_open(
	        &c->death, loop, cell_pidfd(c->cell), cell_died, c, e)) {
		return -1;
	}
	loop_io_want(&c->notes, LOOP_READ);
	loop_io_want(&c->death, LOOP_READ);
	return 0;
}

static int
plan_of(const struct wire_cell_make *make, const int *fds, size_t nfds,
    struct cell_plan *plan, struct err *e)
{
	bool work = make->flags & WIRE_CELL_WORKSPACE;

	if ((make->flags &
	        ~(uint32_t)(WIRE_CELL_FENCE | WIRE_CELL_WORKSPACE)) ||
	    nfds != (work ? 1 : 0) ||
	    !wire_text_ok(make->hostname, sizeof(make->hostname))) {
		return err_set(e, ERR_INPUT, "a plan that makes no sense");
	}
	*plan = (struct cell_plan){
		.number = make->cell,
		.slot = make->slot,
		.flags = ((make->flags & WIRE_CELL_FENCE) ? CELL_FENCE : 0U) |
		         (work ? CELL_WORKSPACE : 0U),
		.memory = make->memory,
		.file_size = make->file_size,
		.processes = make->processes,
		.files = make->files,
		.hostname = make->hostname,
		.work = work ? fds[0] : -1,
	};
	return 0;
}

void
sandbox_cell_make(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_cell_make *make = record;
	struct cell_plan plan = { 0 };
	struct cell *cell;
	struct err e = { 0 };

	(void)peer;
	if (sandbox_cell_find(s, make->cell)) {
		log_line(LOG_ERROR, "cell", "%llu is there already",
		    (unsigned long long)make->cell);
		return;
	}
	if (s->unsafe[0]) {
		(void)err_set(&e, ERR_DENIED, "%s", s->unsafe);
	}
	if (s->unsafe[0] || plan_of(make, fds, nfds, &plan, &e) ||
	    cell_make(s->host, &plan, &cell, &e)) {
		send_made(s, make->cell, e.text, NULL);
		send_ended(s, make->cell, e.text, false);
		return;
	}
	struct sandbox_cell *c = calloc(1, sizeof(*c));

	must(c);
	c->next = s->cells;
	s->cells = c;
	c->sandbox = s;
	c->cell = cell;
	c->number = make->cell;
	c->slot = make->slot;
	c->fenced = plan.flags & CELL_FENCE;
	c->core_end = -1;
	c->egress = -1;
	c->work = make->workspace && nfds ? take_fd(&fds[0]) : -1;
	c->workspace = make->workspace;
	if (watch(c, &e)) {
		sandbox_cell_stop(c, e.text);
		return;
	}
	loop_timer_arm(&c->limit, s->part.loop,
	    mono_after(mono_now(), SANDBOX_MAKE_US), too_slow, c);
	if (!c->fenced) {
		sandbox_cell_made(c);
	}
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

void
sandbox_cell_start(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_cell_start *start = record;
	struct sandbox_cell *c = sandbox_cell_find(s, start->cell);
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!c || c->phase != PHASE_MADE || start->ca_size > WIRE_PEM_MAX) {
		return; /* it died meanwhile; CELL_ENDED is on its way */
	}
	c->phase = PHASE_STARTING;
	if (cell_start(c->cell, str_span(start->ca, start->ca_size), &e)) {
		sandbox_cell_stop(c, e.text);
		return;
	}
	loop_timer_arm(&c->limit, s->part.loop,
	    mono_after(mono_now(), SANDBOX_START_US), too_slow, c);
}

void
sandbox_cell_exec(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_cell_exec *exec = record;
	struct sandbox_cell *c = sandbox_cell_find(s, exec->cell);
	struct cell_event v = {
		.exec = exec->exec,
		.end = CELL_NOT_STARTED,
	};
	struct err e = { 0 };

	(void)peer;
	if (c && c->phase == PHASE_ENDING) {
		return; /* its end is told, and that of all that it ran */
	}
	if (!c || c->phase != PHASE_READY || nfds != 4 ||
	    !wire_text_ok(exec->folder, sizeof(exec->folder))) {
		sandbox_text(v.text, "there is no such cell to run it in");
		send_executed(s, exec->cell, &v);
		return;
	}
	struct cell_command command = {
		.exec = exec->exec,
		.argc = exec->argc,
		.envc = exec->envc,
		.timeout = exec->timeout,
		.own_ca = exec->own_ca != 0,
		.folder = exec->folder,
		.plan = fds[0],
		.stdio = { fds[1], fds[2], fds[3] },
	};

	if (!cell_exec(c->cell, &command, &e)) {
		return;
	}
	if (e.kind == ERR_INPUT || e.kind == ERR_LIMIT) {
		sandbox_text(v.text, e.text);
		send_executed(s, exec->cell, &v);
	} else {
		sandbox_cell_stop(c, e.text); /* pid 1 is dead already */
	}
}

void
sandbox_cell_end(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_cell_end *end = record;
	struct sandbox_cell *c = sandbox_cell_find(s, end->cell);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (c) {
		sandbox_cell_stop(c, NULL);
	}
}
/* NOLINTEND(readability-non-const-parameter) */
