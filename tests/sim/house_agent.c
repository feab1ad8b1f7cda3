/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents, which walk the plan of their task, and the egresses, of cells and of
 * core.  An agent knows what it was told since its start and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "sim/house.h"

struct sim_agent *
sim_agent_of(uint64_t number)
{
	for (int i = 0; i < SIM_AGENTS; i++) {
		if (sim.agents[i].number == number) {
			return &sim.agents[i];
		}
	}
	return NULL;
}

void
sim_agent_down(struct sim_agent *a)
{
	struct wire_agent_ended ended = { .agent = a->number };

	wire_peer_free(a->peer);
	*a = (struct sim_agent){ 0 };
	if (sim.sandbox) {
		wire_send(sim.sandbox, WIRE_AGENT_ENDED, &ended, NULL, 0);
	}
}

static int
body_of(const char *text)
{
	struct err e = { 0 };
	int fd = memfd_sealed("sim", str_of(text), &e);

	must(fd >= 0);
	return fd;
}

/* --- the walk --- */

/* What the agent may not call, or not so. */
static const char *const outside[] = { "hidden", "nowhere", "bad", "write" };

static const char *
tool_of(char letter, uint32_t wild)
{
	return letter == 'x'   ? outside[wild]
	       : letter == 'w' ? "write"
	       : letter == 'a' ? "again"
	       : letter == 'c' ? "checked"
	       : letter == 'g' ? "gated"
	       : letter == 'f' ? "fetch"
	                       : "finish";
}

static void
ask_call(struct sim_agent *a, char letter)
{
	struct wire_call_ask ask = { .ordinal = a->heard + 1 };
	uint32_t wild = letter == 'x' ? sim_draw(COUNT(outside)) : 0;
	auto_buf args = { 0 };

	must(str_copy(
	    ask.tool, sizeof(ask.tool), str_of(tool_of(letter, wild))));
	sim_seen->hidden += letter == 'x';
	if (letter == 'x' && wild == COUNT(outside) - 1) {
		buf_add_z(&args, "{\"task\":1}");
	} else if (letter == 'g' && sim_one_in(12)) {
		/* It changes its mind, maybe after somebody said yes. */
		sim_seen->edited++;
		buf_addf(&args, "{\"task\":\"%s\",\"n\":\"0%u\"}",
		    sim.tasks[a->task].id, ask.ordinal);
	} else if (letter) {
		buf_addf(&args, "{\"task\":\"%s\",\"n\":\"%u\"}",
		    sim.tasks[a->task].id, ask.ordinal);
	} else {
		buf_add_z(&args, "{\"done\":true}");
	}
	for (int times = sim_one_in(100) ? 2 : 1; times > 0; times--) {
		int fd = body_of(buf_z(&args));

		sim_seen->doubled += times == 2;
		wire_send(a->peer, WIRE_CALL_ASK, &ask, &fd, 1);
	}
}

static void
ask_model(struct sim_agent *a)
{
	struct wire_model_ask ask = { .turn = a->replied + 1 };
	int fd = body_of("{}");

	wire_send(a->peer, WIRE_MODEL_ASK, &ask, &fd, 1);
}

static void
step(uint64_t number, uint64_t b)
{
	struct sim_agent *a = sim_agent_of(number);
	uint32_t calls = 0;
	uint32_t models = 0;
	const char *at;

	(void)b;
	if (!a || !a->peer || a->task < 0 || a->asked) {
		return;
	}
	if (sim_one_in(25)) {
		sim_seen->dead_agents++;
		sim_agent_down(a);
		return;
	}
	for (at = sim.tasks[a->task].plan; *at; at++) {
		if (*at == 'm' ? ++models > a->replied : ++calls > a->heard) {
			break;
		}
	}
	a->asked = true;
	if (*at == 'm') {
		ask_model(a);
	} else {
		ask_call(a, *at);
	}
}

static struct sim_agent *
owner_of(void *owner)
{
	return sim_agent_of((uint64_t)(uintptr_t)owner);
}

static void
take_begin(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct sim_agent *a = owner_of(owner);
	auto_arena arena = { 0 };
	auto_buf text = { 0 };
	struct json *tree;
	struct str id = STR("");
	struct err e = { 0 };

	(void)peer;
	(void)record;
	must(nfds == 1 && memfd_read(fds[0], 1u << 20, &text, &e) == 0 &&
	     json_parse(&arena, buf_str(&text), NULL, &tree, &e) == 0);
	(void)json_text(json_get(tree, "task"), "id", &id);
	a->task = sim_task_of(id);
	must(a->task >= 0);
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

static void
take_go(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct sim_agent *a = owner_of(owner);

	(void)peer;
	(void)record;
	(void)fds;
	(void)nfds;
	a->asked = false;
	sim_later(sim_delay(2000000), step, a->number, 0);
}

static void
take_result(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct sim_agent *a = owner_of(owner);
	const struct wire_call_result *r = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	if (r->ordinal != a->heard + 1) {
		sim_fault("an agent heard of call %u after call %u", r->ordinal,
		    a->heard);
	}
	if (!sim.tasks[a->task].calls[r->ordinal].settles) {
		sim_fault("an agent heard the result of a call that is not on "
		          "the disk");
	}
	sim_seen->denied += r->end == WIRE_CALL_DENIED;
	a->heard++;
	if (a->asked) { /* not in a replay */
		a->asked = false;
		sim_later(sim_delay(2000000), step, a->number, 0);
	}
}

static void
take_reply(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct sim_agent *a = owner_of(owner);
	const struct wire_model_reply *r = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	if (r->turn != a->replied + 1) {
		sim_fault("an agent heard reply %u after reply %u", r->turn,
		    a->replied);
	}
	a->replied++;
	if (a->asked) {
		a->asked = false;
		sim_later(sim_delay(2000000), step, a->number, 0);
	}
}

static const struct wire_handler agent_handlers[] = {
	{ WIRE_RUN_BEGIN, take_begin },
	{ WIRE_RUN_GO, take_go },
	{ WIRE_CALL_RESULT, take_result },
	{ WIRE_MODEL_REPLY, take_reply },
};

/* Core has closed it: AGENT_END follows, or its run is over. */
static void
agent_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct sim_agent *a = owner_of(owner);

	(void)why;
	wire_peer_free(peer);
	if (a) {
		a->peer = NULL;
	}
}

struct wire_peer *
sim_agent_new(uint64_t number, int *theirs)
{
	struct wire_end end = {
		.self = PART_AGENT,
		.other = PART_CORE,
		.handlers = agent_handlers,
		.count = COUNT(agent_handlers),
		.closed = agent_closed,
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): a number */
		.owner = (void *)(uintptr_t)number,
	};
	struct wire_peer *peer;
	struct err e = { 0 };
	int pair[2];

	must(wire_pair(pair, &e) == 0);
	*theirs = pair[1];
	peer = wire_peer_new(sim.loop, pair[0], &end, &e);
	must(peer);
	return peer;
}

/* --- the egress of a cell --- */

static void
outcome(uint64_t cell, uint64_t id)
{
	struct sim_cell *c = sim_cell_of(cell);
	struct wire_outcome o = {
		.id = id, .end = WIRE_OUTCOME_ANSWERED, .status = 200
	};

	if (c && c->egress) {
		wire_send(c->egress, WIRE_OUTCOME, &o, NULL, 0);
	}
}

/* Alone, or two that came in one turn. */
static void
intent(uint64_t cell, uint64_t id)
{
	struct sim_cell *c = sim_cell_of(cell);
	struct wire_intents w = {
		.count = 1 + (id % 3 == 0), .port = 443, .tls = 1, .named = 1
	};
	size_t used = 0;

	if (!c || !c->egress) {
		return;
	}
	must(str_copy(w.host, sizeof(w.host),
	    id % 5 ? STR("up.test") : STR("other.test")));
	for (size_t n = 0; n < w.count; n++) {
		w.one[n].id = n ? ++sim.paths : id;
		used += (size_t)snprintf(w.text + used, sizeof(w.text) - used,
		            "GET%c/cell/%llu%c", 0,
		            (unsigned long long)w.one[n].id, 0) +
		        1;
		if (sim_one_in(20)) { /* who asked has left */
			sim_later(
			    sim_delay(100000), outcome, cell, w.one[n].id);
		}
	}
	wire_send(c->egress, WIRE_INTENTS, &w, NULL, 0);
}

void
sim_cell_asks(struct sim_cell *c)
{
	sim_later(sim_delay(2500000), intent, c->number, ++sim.paths);
}

static void
take_cell_go(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)peer;
	(void)fds;
	(void)nfds;
	const struct wire_going *all = record;

	sim_later(sim_delay(2000000), outcome, (uint64_t)(uintptr_t)owner,
	    all->go.id);
	for (uint64_t n = 0; n < all->count; n++) {
		sim_later(sim_delay(2000000), outcome,
		    (uint64_t)(uintptr_t)owner, all->also[n].id);
	}
}

static void
take_nothing(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	(void)fds;
	(void)nfds;
}

static void
take_read_body(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	sim_held_read(((const struct wire_read_body *)record)->id);
}

static void
take_refuse(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	sim_held_refused(record);
}

static const struct wire_handler egress_handlers[] = {
	{ WIRE_EGRESS_PEERS, take_nothing },
	{ WIRE_EGRESS_LEASE, take_nothing },
	{ WIRE_EGRESS_RULES, take_nothing },
	{ WIRE_GO, take_cell_go },
	{ WIRE_READ_BODY, take_read_body },
	{ WIRE_REFUSE, take_refuse },
};

static void
egress_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct sim_cell *c = sim_cell_of((uint64_t)(uintptr_t)owner);

	(void)why;
	wire_peer_free(peer);
	if (c) {
		c->egress = NULL;
	}
}

struct wire_peer *
sim_egress_new(uint64_t cell, int *theirs)
{
	struct wire_end end = {
		.self = PART_EGRESS,
		.other = PART_CORE,
		.handlers = egress_handlers,
		.count = COUNT(egress_handlers),
		.closed = egress_closed,
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): a number */
		.owner = (void *)(uintptr_t)cell,
	};
	struct wire_peer *peer;
	struct err e = { 0 };
	int pair[2];

	must(wire_pair(pair, &e) == 0);
	*theirs = pair[1];
	peer = wire_peer_new(sim.loop, pair[0], &end, &e);
	must(peer);
	return peer;
}

/* --- the egress of core --- */

static void
http_done(uint64_t id, uint64_t ok)
{
	struct wire_http_done done = { .id = id,
		.ok = (uint32_t)ok,
		.status = 200,
		.kind = ERR_UNAVAILABLE };
	int fd;

	if (!sim.egress) {
		return;
	}
	fd = ok ? body_of("{\"choices\":[]}") : -1;
	wire_send(sim.egress, WIRE_HTTP_DONE, &done, &fd, ok ? 1 : 0);
}

static void
take_http(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)fds;
	(void)nfds;
	sim_later(sim_delay(3000000), http_done,
	    ((const struct wire_http_do *)record)->go.id, !sim_one_in(10));
}

/* NOLINTEND(readability-non-const-parameter) */

const struct wire_handler sim_own_egress_handlers[] = {
	{ WIRE_EGRESS_PEERS, take_nothing },
	{ WIRE_HTTP_DO, take_http },
};
const size_t sim_own_egress_handler_count = COUNT(sim_own_egress_handlers);
