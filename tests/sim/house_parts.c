/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor, the sandbox with its cells, the vault, the resolver: what
 * they are asked they do late, or die first.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/house.h"

static struct wire_peer **
peer_of(enum part part)
{
	static struct wire_peer **const peers[PART_COUNT] = {
		[PART_SANDBOX] = &sim.sandbox,
		[PART_VAULT] = &sim.vault,
		[PART_RESOLVER] = &sim.resolver,
		[PART_EGRESS] = &sim.egress,
		[PART_API] = &sim.api,
	};

	return peers[part];
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	sim_fault("core closed its channel to %s: %s",
	    wire_part_name(wire_peer_part(peer)), why->text);
}

/* --- cells --- */

struct sim_cell *
sim_cell_of(uint64_t number)
{
	for (int i = 0; i < SIM_CELLS; i++) {
		if (sim.cells[i].number == number) {
			return &sim.cells[i];
		}
	}
	return NULL;
}

static void
drop_execs(uint64_t cell)
{
	for (int i = 0; i < SIM_EXECS; i++) {
		if (sim.execs[i].number && sim.execs[i].cell == cell) {
			(void)close(sim.execs[i].out);
			sim.execs[i].number = 0;
		}
	}
}

void
sim_cell_down(struct sim_cell *c, const char *why)
{
	struct wire_cell_ended ended = { .cell = c->number };

	must(str_copy(ended.text, sizeof(ended.text), str_of(why)));
	drop_execs(c->number);
	wire_peer_free(c->egress);
	*c = (struct sim_cell){ 0 };
	wire_send(sim.sandbox, WIRE_CELL_ENDED, &ended, NULL, 0);
}

static void
cell_made(uint64_t number, uint64_t b)
{
	struct sim_cell *c = sim_cell_of(number);
	struct wire_cell_made made = { .cell = number, .ok = 1 };
	int theirs;

	(void)b;
	if (!c || c->ending) {
		return;
	}
	if (sim_one_in(30)) {
		made.ok = 0;
		wire_send(sim.sandbox, WIRE_CELL_MADE, &made, NULL, 0);
		sim_cell_down(c, "could not be made");
		return;
	}
	c->egress = sim_egress_new(number, &theirs);
	wire_send(sim.sandbox, WIRE_CELL_MADE, &made, &theirs, 1);
	struct wire_fence_up up = { .cell = number, .ca_size = 4 };

	wire_send(c->egress, WIRE_FENCE_UP, &up, NULL, 0);
}

static void
take_cell_make(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	const struct wire_cell_make *make = record;
	struct sim_cell *c = sim_cell_of(0);

	(void)owner;
	(void)peer;
	must(c && nfds == 1);
	*c = (struct sim_cell){ .number = make->cell,
		.task = sim_task_of_folder(fds[0]) };
	sim_later(sim_delay(300000), cell_made, make->cell, 0);
}

static void
cell_started(uint64_t number, uint64_t b)
{
	struct sim_cell *c = sim_cell_of(number);
	struct wire_cell_started started = { .cell = number, .ok = 1 };

	(void)b;
	if (c && !c->ending) {
		wire_send(sim.sandbox, WIRE_CELL_STARTED, &started, NULL, 0);
	}
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

static void
take_cell_start(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	sim_later(sim_delay(300000), cell_started,
	    ((const struct wire_cell_start *)record)->cell, 0);
}

static void
cell_ends(uint64_t number, uint64_t b)
{
	struct sim_cell *c = sim_cell_of(number);

	(void)b;
	if (c) {
		sim_cell_down(c, "");
	}
}

static void
take_cell_end(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_cell_end *end = record;
	struct sim_cell *c = sim_cell_of(end->cell);

	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	if (c) {
		c->ending = true;
		sim_later(sim_delay(300000), cell_ends, end->cell, 0);
	}
}

/* --- commands --- */

static void
executed(uint64_t number, uint64_t how)
{
	struct wire_cell_executed done = { .exec = number, .end = WIRE_EXITED };

	for (int i = 0; i < SIM_EXECS; i++) {
		struct sim_exec *x = &sim.execs[i];

		if (x->number != number) {
			continue;
		}
		done.cell = x->cell;
		done.code = how == 1;
		if (how == 2) {
			done.end = WIRE_TIMED_OUT;
		}
		const struct sim_call *asked =
		    x->call ? &sim.tasks[x->task].calls[x->call] : NULL;
		struct str says = !asked         ? STR("done")
		                  : asked->execs ? STR("{\"happened\":true}")
		                                 : STR("{\"happened\":false}");

		must(write(x->out, says.at, says.len) == (ssize_t)says.len);
		(void)close(x->out);
		x->number = 0;
		wire_send(sim.sandbox, WIRE_CELL_EXECUTED, &done, NULL, 0);
		return;
	}
}

static void
take_exec(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_cell_exec *exec = record;
	struct sim_cell *c = sim_cell_of(exec->cell);
	int i = 0;

	(void)owner;
	(void)peer;
	must(nfds == 4);
	if (!c || c->ending) {
		return; /* CELL_ENDED is on its way */
	}
	while (i < SIM_EXECS && sim.execs[i].number) {
		i++;
	}
	must(i < SIM_EXECS);
	sim.execs[i] = (struct sim_exec){ .number = exec->exec,
		.cell = exec->cell,
		.out = take_fd(&fds[2]) };
	sim_check_of(fds[0], &sim.execs[i].task, &sim.execs[i].call);
	for (uint32_t n = sim_draw(3); n > 0; n--) {
		sim_cell_asks(c);
	}
	sim_held_begin(c);
	sim_held_begin(c);
	sim_later(sim_delay(3000000), executed, exec->exec,
	    sim_one_in(6) ? 1 + sim_draw(2) : 0);
}

/* --- workspaces --- */

static void
work_done(uint64_t id, uint64_t digest)
{
	struct wire_work_done done = { .id = id, .ok = digest != 0 };

	memcpy(done.digest, &digest, sizeof(digest));
	for (int i = 0; i < sim.task_count; i++) {
		if (sim.tasks[i].digesting == id) {
			sim.tasks[i].digesting = 0;
		}
		if (sim.tasks[i].owning == id) {
			sim.tasks[i].owning = 0;
		}
	}
	wire_send(sim.sandbox, WIRE_WORK_DONE, &done, NULL, 0);
}

static void
take_work(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_work_ask *ask = record;
	int i = nfds == 1 ? sim_task_of_folder(fds[0]) : -1;
	uint64_t digest = 1 + (i < 0 ? 0 : sim.tasks[i].writes);

	(void)owner;
	(void)peer;
	if (i >= 0 && (sim.tasks[i].digesting || sim.tasks[i].owning)) {
		sim_fault("the workspace of task %s is worked at twice at once",
		    sim.tasks[i].id);
	}
	if (ask->work == WIRE_WORK_OWN && i >= 0) {
		sim.tasks[i].owning = ask->id;
	}
	if (ask->work == WIRE_WORK_DIGEST && i >= 0) {
		sim.tasks[i].digesting = ask->id;
	}
	if (ask->work != WIRE_WORK_DROP && sim_one_in(200)) {
		digest = 0;
	}
	sim_later(sim_delay(ask->work == WIRE_WORK_DIGEST ? 3000000 : 200000),
	    work_done, ask->id, digest);
}

/* --- agents, as the sandbox has them --- */

static void
agent_started(uint64_t number, uint64_t b)
{
	struct wire_agent_started started = {
		.agent = number, .ok = 1, .pid = 1
	};
	struct wire_agent_ended ended = { .agent = number };
	int theirs;

	(void)b;
	if (!sim_agent_of(number)) {
		return; /* ended before it began */
	}
	if (sim_one_in(30)) {
		started.ok = 0;
		wire_send(sim.sandbox, WIRE_AGENT_STARTED, &started, NULL, 0);
		wire_send(sim.sandbox, WIRE_AGENT_ENDED, &ended, NULL, 0);
		*sim_agent_of(number) = (struct sim_agent){ 0 };
		return;
	}
	sim_agent_of(number)->peer = sim_agent_new(number, &theirs);
	wire_send(sim.sandbox, WIRE_AGENT_STARTED, &started, &theirs, 1);
}

static void
take_agent_start(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	const struct wire_agent_start *start = record;
	struct sim_agent *a = sim_agent_of(0);

	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	must(a);
	for (int i = 0; i < SIM_AGENTS; i++) {
		if (sim.agents[i].number && sim.agents[i].slot == start->slot) {
			sim_fault("a second agent in slot %u", start->slot);
		}
	}
	*a = (struct sim_agent){
		.number = start->agent,
		.slot = start->slot,
		.task = -1,
	};
	sim_later(sim_delay(200000), agent_started, start->agent, 0);
}

static void
agent_ends(uint64_t number, uint64_t b)
{
	struct sim_agent *a = sim_agent_of(number);

	(void)b;
	if (a) {
		sim_agent_down(a);
	}
}

static void
take_agent_end(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	sim_later(sim_delay(200000), agent_ends,
	    ((const struct wire_agent_end *)record)->agent, 0);
}

static const struct wire_handler sandbox_handlers[] = {
	{ WIRE_CELL_MAKE, take_cell_make },
	{ WIRE_CELL_START, take_cell_start },
	{ WIRE_CELL_EXEC, take_exec },
	{ WIRE_CELL_END, take_cell_end },
	{ WIRE_AGENT_START, take_agent_start },
	{ WIRE_AGENT_END, take_agent_end },
	{ WIRE_WORK_ASK, take_work },
};

/* --- the vault --- */

static void
granted(uint64_t number, uint64_t ok)
{
	struct wire_vault_granted done = { .number = number,
		.ok = (uint32_t)ok };

	if (sim.vault) {
		wire_send(sim.vault, WIRE_VAULT_GRANTED, &done, NULL, 0);
	}
}

static void
take_grant(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	sim_later(sim_delay(2000000), granted,
	    ((const struct wire_vault_grant *)record)->number, !sim_one_in(10));
}

/* Redeemed at once, as far as core can see. */
static void
take_lend(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	(void)fds;
	(void)nfds;
}

static void
take_sign(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct wire_vault_signed done = {
		.id = ((const struct wire_vault_sign *)record)->id,
	};

	(void)owner;
	(void)fds;
	(void)nfds;
	wire_send(peer, WIRE_VAULT_SIGNED, &done, NULL, 0);
}

static void
take_attach(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	(void)fds; /* closed by the caller: no egress dials here */
	(void)nfds;
}

/* A seal that no other digest has; now and then the vault dies first. */
static void
take_mac(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_vault_mac *in = record;
	struct wire_vault_maced done = { .id = in->id, .good = 1 };

	(void)owner;
	(void)fds;
	(void)nfds;
	for (uint32_t i = 0; i < in->count; i++) {
		struct digest d = digest_of(str_span(in->digest[i], 32));

		memcpy(done.mac[i], d.bytes, sizeof(d.bytes));
		done.good &= !in->check ||
		             memcmp(d.bytes, in->mac[i], sizeof(d.bytes)) == 0;
	}
	wire_send(peer, WIRE_VAULT_MACED, &done, NULL, 0);
}

/* Nobody redeems here. */
static void
take_unlend(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_vault_unlend *in = record;

	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	must(in->count >= 1 && in->count <= WIRE_TOGETHER);
}

/* Whoever reads this vault has read all of it: nothing goes that way. */
static void
take_back(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	must(nfds == 1);
	if (sim.back) {
		must(close(sim.back) == 0);
	}
	sim.back = take_fd(&fds[0]);
}

static const struct wire_handler lends_handlers[] = {
	{ WIRE_VAULT_ROW, take_lend },
	{ WIRE_VAULT_LEND, take_lend },
};

/* Core lets it go when it takes the vault for gone. */
static void
lends_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)why;
	wire_peer_free(peer);
	sim.lends = NULL;
}

static void
take_lends(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct wire_end end = {
		.self = PART_VAULT,
		.other = PART_CORE,
		.handlers = lends_handlers,
		.count = COUNT(lends_handlers),
		.closed = lends_closed,
	};
	struct err e = { 0 };

	(void)owner;
	(void)peer;
	(void)record;
	must(nfds == 1);
	wire_peer_free(sim.lends);
	sim.lends = wire_peer_new(sim.loop, take_fd(&fds[0]), &end, &e);
	must(sim.lends);
}

static const struct wire_handler vault_handlers[] = {
	{ WIRE_VAULT_ATTACH, take_attach },
	{ WIRE_VAULT_BACK, take_back },
	{ WIRE_VAULT_LENDS, take_lends },
	{ WIRE_VAULT_MAC, take_mac },
	{ WIRE_VAULT_GRANT, take_grant },
	{ WIRE_VAULT_UNLEND, take_unlend },
	{ WIRE_VAULT_SIGN, take_sign },
};

static const struct wire_handler resolver_handlers[] = {
	{ WIRE_RESOLVER_ATTACH, take_attach },
};

/* --- the supervisor --- */

static struct wire_end
end_of(enum part part)
{
	struct wire_end end = {
		.self = part,
		.other = PART_CORE,
		.closed = closed,
	};

	if (part == PART_SANDBOX) {
		end.handlers = sandbox_handlers;
		end.count = COUNT(sandbox_handlers);
	} else if (part == PART_VAULT) {
		end.handlers = vault_handlers;
		end.count = COUNT(vault_handlers);
	} else if (part == PART_RESOLVER) {
		end.handlers = resolver_handlers;
		end.count = COUNT(resolver_handlers);
	} else if (part == PART_EGRESS) {
		end.handlers = sim_own_egress_handlers;
		end.count = sim_own_egress_handler_count;
	} else {
		end.handlers = sim_api_handlers;
		end.count = sim_api_handler_count;
	}
	return end;
}

static void
part_up(uint64_t part, uint64_t b)
{
	struct wire_part_up up = { .part = (uint32_t)part, .pid = 1 };
	struct wire_end end = end_of((enum part)part);
	struct err e = { 0 };
	int pair[2];

	(void)b;
	must(wire_pair(pair, &e) == 0);
	*peer_of((enum part)part) = wire_peer_new(sim.loop, pair[0], &end, &e);
	must(*peer_of((enum part)part));
	wire_send(sim.supervisor, WIRE_PART_UP, &up, &pair[1], 1);
	if (part == PART_VAULT) {
		struct wire_vault_hello hello = { .box_public = { 1 } };

		wire_send(sim.vault, WIRE_VAULT_HELLO, &hello, NULL, 0);
	}
}

void
sim_part_down(enum part part)
{
	struct wire_peer **peer = peer_of(part);

	if (!*peer) {
		return;
	}
	wire_peer_free(*peer);
	*peer = NULL;
	if (part == PART_VAULT) {
		wire_peer_free(sim.lends);
		sim.lends = NULL;
	}
	sim_later(sim_delay(2000000), part_up, part, 0);
}

static void
take_ready(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	(void)fds;
	(void)nfds;
}

/* NOLINTEND(readability-non-const-parameter) */

static const struct wire_handler supervisor_handlers[] = {
	{ WIRE_CORE_READY, take_ready },
};

/* Whose loop this is has been made; core has joined it.  All parts start at
 * once: none waits for what another is ready for. */
void
sim_house_up(void)
{
	static const enum part parts[] = { PART_SANDBOX, PART_VAULT,
		PART_RESOLVER, PART_EGRESS, PART_API };
	struct wire_end end = {
		.self = PART_SUPERVISOR,
		.other = PART_CORE,
		.handlers = supervisor_handlers,
		.count = COUNT(supervisor_handlers),
		.closed = closed,
	};
	struct err e = { 0 };

	sim.supervisor = wire_peer_new(sim.loop, sim.supervisor_fd, &end, &e);
	must(sim.supervisor);
	for (size_t i = 0; i < COUNT(parts); i++) {
		sim_later(sim_delay(sim_one_in(10) ? 20000000 : 500000),
		    part_up, parts[i], 0);
	}
}

void
sim_house_forget(void)
{
	sim.back = 0; /* whoever raises the next closes all there is */
	sim.lends = NULL;
	sim.supervisor = sim.sandbox = sim.vault = sim.resolver = sim.egress =
	    sim.api = NULL;
	memset(sim.cells, 0, sizeof(sim.cells));
	memset(sim.execs, 0, sizeof(sim.execs));
	memset(sim.agents, 0, sizeof(sim.agents));
	sim.loop = NULL;
	sim.core = NULL;
}
