/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandboxes as core sees them: a number, a phase, the channel to their egress,
 * and what runs inside.  CELL_MAKE → CELL_MADE → FENCE_UP → CELL_START →
 * CELL_STARTED → execs → CELL_END → CELL_ENDED; any death is CELL_ENDED too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"

#define LEASE_EVERY_US (10 * CLOCK_SECOND)

static void
cell_event(struct core *c, const struct core_cell *cell, enum book_kind kind,
    const char *text)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "cell", (int64_t)cell->number);
	if (cell->only_tool[0]) {
		json_out_z(&o, "only_for", cell->only_tool);
	}
	if (text && text[0]) {
		json_out_z(&o, "why", text);
	}
	json_out_end(&o, '}');
	struct core_event event = {
		.kind = kind,
		.role = cell->role,
		.run = core_run_find(c, cell->run),
		.body = buf_str(&body),
	};

	(void)core_append(c, &event);
}

struct core_cell *
core_cell_find(struct core *c, uint64_t number)
{
	for (struct core_cell *cell = c->cells; cell; cell = cell->next) {
		if (cell->number == number) {
			return cell;
		}
	}
	return NULL;
}

static void
send_make(struct core *c, uint64_t number)
{
	struct core_cell *cell = core_cell_find(c, number);

	if (!cell || cell->phase != CELL_MAKING) {
		return;
	}
	struct core_run *r = core_run_find(c, cell->run);
	struct limits limits = roles_limits(&c->house.config, cell->role->role);
	struct wire_cell_make make = {
		.cell = number,
		.slot = cell->slot,
		.flags = WIRE_CELL_FENCE,
		.memory = limits.memory,
		.file_size = limits.fsize,
		.workspace = limits.workspace,
		.processes = limits.pids,
	};
	int fd = -1;

	cell->asked = true;
	core_text(make.hostname, sizeof(make.hostname), "sandbox");
	if (r && r->work_fd >= 0) {
		fd = fcntl(r->work_fd, F_DUPFD_CLOEXEC, 3);
		make.flags |= fd >= 0 ? WIRE_CELL_WORKSPACE : 0;
	}
	wire_send(c->sandbox, WIRE_CELL_MAKE, &make, &fd, fd >= 0);
}

struct core_cell *
core_cell_make(struct core *c, const struct core_cell_plan *p)
{
	struct core_cell *cell = calloc(1, sizeof(*cell));

	must(cell);
	cell->number = core_number(c);
	cell->run = p->run;
	cell->api = p->api;
	cell->role = p->role;
	cell->slot = p->slot;
	cell->epoch = p->epoch;
	cell->phase = CELL_MAKING;
	cell->begun = loop_now(c->part.loop);
	(void)str_copy(cell->only_tool, sizeof(cell->only_tool), p->only_tool);
	cell->next = c->cells;
	c->cells = cell;
	cell_event(c, cell, BOOK_CELL_STARTED, NULL);
	core_after(c, send_make, cell->number);
	return cell;
}

/* --- the egress of a cell --- */

static int64_t
shorter(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Never beyond the lease of the book: when another node may own the log, its
 * runs may be there, and nothing of ours goes out any more. */
static void
renew_lease(void *owner)
{
	struct core_cell *cell = owner;
	struct store *store = cell->core->book.store;
	struct mono now = mono_now();
	int64_t beat = store_beat_us(store);
	struct wire_egress_lease lease = {
		.deadline = (uint64_t)mono_after(
		    now, shorter(CORE_LEASE_US, store_lease_left_us(store)))
		                .us,
	};

	wire_send(cell->egress, WIRE_EGRESS_LEASE, &lease, NULL, 0);
	loop_timer_arm(&cell->lease, cell->lease_loop,
	    mono_after(now, beat ? beat : LEASE_EVERY_US), renew_lease, cell);
}

/* One pair: the vault or resolver gets an end, `*mine` is for the egress. */
static int
attach_one(struct core *c, enum part part, uint64_t cell, int *mine)
{
	struct wire_peer *peer = part == PART_VAULT ? c->vault : c->resolver;
	struct wire_attach attach = { .cell = cell };
	struct err e = { 0 };
	int pair[2];

	if (!peer || wire_pair(pair, &e)) {
		return -1;
	}
	wire_send(peer,
	    part == PART_VAULT ? WIRE_VAULT_ATTACH : WIRE_RESOLVER_ATTACH,
	    &attach, &pair[0], 1);
	*mine = pair[1];
	return 0;
}

void
core_egress_attach(struct core *c, struct wire_peer *egress, uint64_t cell)
{
	struct wire_attach attach = { .cell = cell };
	int fds[2];

	if (attach_one(c, PART_VAULT, cell, &fds[0])) {
		return;
	}
	if (attach_one(c, PART_RESOLVER, cell, &fds[1])) {
		(void)close(fds[0]);
		return;
	}
	wire_send(egress, WIRE_EGRESS_PEERS, &attach, fds, 2);
}

void
core_cells_attach(struct core *c, enum part part)
{
	for (struct core_cell *cell = c->cells; cell; cell = cell->next) {
		if (cell->egress && part != PART_EGRESS) {
			core_egress_attach(c, cell->egress, cell->number);
		}
	}
	if (c->egress) {
		core_egress_attach(c, c->egress, 0);
	}
}

/* Its egress broke the rules or died: the three of that run end together. */
static void
egress_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct core_cell *cell = owner;
	struct core *c = cell->core;

	if (why->kind != ERR_UNAVAILABLE) {
		log_err("egress", why);
	}
	loop_timer_cancel(&cell->lease);
	core_egress_gone(c, cell);
	wire_peer_free(peer);
	cell->egress = NULL;
	cell->lost = cell->phase != CELL_ENDING;
	core_cell_end(c, cell);
}

void
core_cell_made(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_cell_made *made = record;
	struct core_cell *cell = core_cell_find(c, made->cell);
	struct err e = { 0 };

	(void)peer;
	if (!cell || cell->phase != CELL_MAKING) {
		return;
	}
	if (!made->ok || nfds != 1) {
		log_line(LOG_ERROR, "cell", "%s", made->text);
		return; /* CELL_ENDED follows */
	}
	struct wire_end end = {
		.self = PART_CORE,
		.other = PART_EGRESS,
		.handlers = core_egress_handlers,
		.count = core_egress_handler_count,
		.closed = egress_closed,
		.owner = cell,
	};

	cell->core = c;
	cell->lease_loop = c->part.loop;
	cell->egress = wire_peer_new(c->part.loop, take_fd(&fds[0]), &end, &e);
	if (!cell->egress) {
		log_err("cell", &e);
		cell->lost = true;
		core_cell_end(c, cell);
		return;
	}
	core_egress_attach(c, cell->egress, cell->number);
	core_egress_rules(c, cell);
	renew_lease(cell);
}

void
core_cell_fence_up(struct core_cell *cell, const struct wire_fence_up *up)
{
	struct wire_cell_start start = {
		.cell = cell->number,
		.ca_size = up->ca_size,
	};

	if (cell->phase != CELL_MAKING || up->ca_size > sizeof(start.ca)) {
		return;
	}
	memcpy(start.ca, up->ca, sizeof(start.ca));
	cell->phase = CELL_STARTING;
	wire_send(cell->core->sandbox, WIRE_CELL_START, &start, NULL, 0);
}

void
core_cell_started(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_cell_started *started = record;
	struct core_cell *cell = core_cell_find(c, started->cell);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!cell || cell->phase != CELL_STARTING) {
		return;
	}
	if (!started->ok) {
		log_line(LOG_ERROR, "cell", "%s", started->text);
		return; /* CELL_ENDED follows */
	}
	cell->phase = CELL_READY;
	core_execs_flush(c, cell);
}

/* --- the end --- */

static void ended(
    struct core *c, struct core_cell *cell, const char *text, bool full);

/* Ended before the sandbox was asked for it: who would say so? */
static void
never_made(struct core *c, uint64_t number)
{
	struct core_cell *cell = core_cell_find(c, number);

	if (cell) {
		ended(c, cell, "", false);
	}
}

void
core_cell_end(struct core *c, struct core_cell *cell)
{
	struct wire_cell_end end = { .cell = cell->number };

	if (cell->phase == CELL_ENDING) {
		return;
	}
	cell->phase = CELL_ENDING;
	core_grants_over(c);
	if (!cell->asked) {
		core_after(c, never_made, cell->number);
	} else if (c->sandbox) {
		wire_send(c->sandbox, WIRE_CELL_END, &end, NULL, 0);
	}
}

static void
unlink_cell(struct core *c, struct core_cell *cell)
{
	struct core_cell **at = &c->cells;

	while (*at != cell) {
		at = &(*at)->next;
	}
	*at = cell->next;
	loop_timer_cancel(&cell->lease);
	wire_peer_free(cell->egress);
	free(cell->shown);
	free(cell);
}

static void
ended(struct core *c, struct core_cell *cell, const char *text, bool full)
{
	uint64_t run = cell->run;
	uint64_t api = cell->api;
	uint32_t slot = cell->slot;

	cell->phase = CELL_ENDING;
	if (cell->egress) {
		wire_poll(cell->egress); /* it told more than we have read */
		core_egress_gone(c, cell);
	}
	cell_event(c, cell, BOOK_CELL_ENDED, text);
	core_execs_drop(c, cell, text[0] ? text : "the sandbox ended");
	unlink_cell(c, cell);
	struct core_run *r = core_run_find(c, run);

	if (r) {
		core_run_cell_ended(c, r, text, full);
	} else if (!run) {
		core_slot_give(c, slot);
		core_api_sandbox_ended(c, api, text);
	}
}

void
core_cell_ended(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_cell_ended *done = record;
	struct core_cell *cell = core_cell_find(c, done->cell);
	char text[WIRE_TEXT_MAX];

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!cell) {
		return;
	}
	core_text(text, sizeof(text),
	    wire_text_ok(done->text, sizeof(done->text)) ? done->text : "?");
	if (cell->lost && !text[0]) {
		core_text(text, sizeof(text), "its egress ended");
	}
	ended(c, cell, text, done->full != 0);
}

/* --- slots: which of the node's ids a run's cells have --- */

int
core_slot_take(struct core *c, uint32_t owner, uint32_t *slot)
{
	if (owner && !c->slots[owner - 1]) {
		c->slots[owner - 1] = 1;
		*slot = owner - 1;
		return 0;
	}
	for (uint32_t i = 0; i < c->slot_count; i++) {
		if (!c->slots[i]) {
			c->slots[i] = 1;
			*slot = i;
			return 0;
		}
	}
	return -1;
}

void
core_slot_give(struct core *c, uint32_t slot)
{
	must(slot < c->slot_count && c->slots[slot]);
	c->slots[slot] = 0;
}
