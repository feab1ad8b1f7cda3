/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock, the dice, the end of a process.  The linker puts these in the
 * place of the real ones (--wrap), for core and every room below it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jail/jail.h"
#include "loop/inside.h"
#include "parts/core_api.h"
#include "parts/core_call.h"
#include "sim/house.h"

#define WALL_BEGIN 1700000000000000

struct sim sim;
enum sim_bug sim_bug;
struct sim_seen *sim_seen;

/* --- dice --- */

static uint64_t
roll(void)
{
	sim.random ^= sim.random << 13;
	sim.random ^= sim.random >> 7;
	sim.random ^= sim.random << 17;
	return sim.random;
}

uint32_t
sim_draw(uint32_t below)
{
	return (uint32_t)((roll() >> 20) % below);
}

bool
sim_one_in(uint32_t n)
{
	return !sim.calm && sim_draw(n) == 0;
}

int64_t
sim_delay(int64_t most)
{
	return 100 + sim_draw((uint32_t)(sim.calm ? 20000 : most));
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the names of ld --wrap */

ssize_t __wrap_getrandom(void *at, size_t len, unsigned flags);
ssize_t
__wrap_getrandom(void *at, size_t len, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < len; i++) {
		((uint8_t *)at)[i] = (uint8_t)(roll() >> 32);
	}
	return (ssize_t)len;
}

/* --- clocks --- */

struct mono __wrap_mono_now(void);
struct mono
__wrap_mono_now(void)
{
	return sim.loop ? loop_now(sim.loop) : (struct mono){ sim.mono_us };
}

struct wall __wrap_wall_now(void);
struct wall
__wrap_wall_now(void)
{
	int64_t now = sim.frozen_at ? sim.frozen_at : __wrap_mono_now().us;

	return (struct wall){ WALL_BEGIN + sim.wall_off + now };
}

/* The clock of a new house goes on where the last one stopped. */
struct loop *__wrap_loop_new(void);
struct loop *
__wrap_loop_new(void)
{
	struct loop *loop = loop_new_virtual();

	loop_virtual_set(loop, (struct mono){ sim.mono_us });
	loop->now.us = sim.mono_us;
	sim.loop = loop;
	return loop;
}

/* --- what is to come --- */

static void
add(int64_t us, uint32_t house, const struct sim_event *what)
{
	struct sim_event *e = &sim.events[sim.event_count++];

	must(sim.event_count < SIM_EVENTS);
	*e = *what;
	e->at = __wrap_mono_now().us + us;
	e->order = sim.order++;
	e->house = house;
}

void
sim_later(int64_t us, sim_fn *fn, uint64_t a, uint64_t b)
{
	add(us, sim.house, &(struct sim_event){ .fn = fn, .a = a, .b = b });
}

void
sim_always(int64_t us, sim_fn *fn, uint64_t a, uint64_t b)
{
	add(us, 0, &(struct sim_event){ .fn = fn, .a = a, .b = b });
}

/* Those of a house that is no more are dropped. */
static int
find_next(void)
{
	int best = -1;

	for (int i = 0; i < sim.event_count; i++) {
		const struct sim_event *e = &sim.events[i];

		if (e->house && e->house != sim.house) {
			sim.events[i--] = sim.events[--sim.event_count];
		} else if (best < 0 || e->at < sim.events[best].at ||
		           (e->at == sim.events[best].at &&
		               e->order < sim.events[best].order)) {
			best = i;
		}
	}
	return best;
}

/* To the next event or the next timer of core, whichever comes first.  All is
 * at rest here: what a descriptor may bring, an event or a timer begins. */
static void
advance(struct loop *loop, int64_t at)
{
	const struct loop_timer *first = loop_timer_first(loop);

	if (first && first->deadline.us <= at) {
		at = first->deadline.us;
		loop_virtual_set(loop, (struct mono){ at });
		loop_settle(loop);
	} else {
		loop_virtual_set(loop, (struct mono){ at });
		loop->now.us = at;
	}
}

/* The house lives: until it dies (sim.down) or the game is over. */
void __wrap_loop_run(struct loop *loop);
void
__wrap_loop_run(struct loop *loop)
{
	int next;

	sim_house_up();
	loop_advance(loop, 0);
	while (!sim.over && (next = find_next()) >= 0) {
		struct sim_event e = sim.events[next];

		if (e.at > loop_now(loop).us) {
			advance(loop, e.at);
			continue;
		}
		sim.events[next] = sim.events[--sim.event_count];
		e.fn(e.a, e.b);
		loop_advance(loop, 0);
	}
	sim_house_down();
}

/* --- the end of a process --- */

_Noreturn void
sim_house_down(void)
{
	sim.mono_us = loop_now(sim.loop).us;
	longjmp(sim.down, 1);
}

_Noreturn void __wrap_exit(int code);
_Noreturn void
__wrap_exit(int code)
{
	(void)code;
	sim_house_down();
}

_Noreturn void
sim_fault(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(sim.why, sizeof(sim.why), format, list);
	va_end(list);
	longjmp(sim.lost, 1);
}

int __wrap_jail_enter(const struct jail_plan *plan, struct err *e);
int
__wrap_jail_enter(const struct jail_plan *plan, struct err *e)
{
	(void)plan;
	(void)e;
	return 0;
}

/* core keeps itself in a static: a new process has a new one. */
void __real_part_begin(
    struct part_self *p, enum part self, int argc, char **argv);
void __wrap_part_begin(
    struct part_self *p, enum part self, int argc, char **argv);
void
__wrap_part_begin(struct part_self *p, enum part self, int argc, char **argv)
{
	_Static_assert(offsetof(struct core, part) == 0, "part begins core");
	sim.core = (struct core *)(void *)p;
	memset(sim.core, 0, sizeof(*sim.core));
	__real_part_begin(p, self, argc, argv);
}

/* Whatever core sends is an effect: it is looked at as it is sent. */
bool __real_wire_offer(
    struct wire_peer *peer, enum wire_type type, const void *record);
bool __wrap_wire_offer(
    struct wire_peer *peer, enum wire_type type, const void *record);
bool
__wrap_wire_offer(
    struct wire_peer *peer, enum wire_type type, const void *record)
{
	bool sent = __real_wire_offer(peer, type, record);

	if (sent) {
		sim_witness_sends(type, record, NULL, 0);
	}
	return sent;
}

void __real_wire_send(struct wire_peer *peer, enum wire_type type,
    const void *record, const int *fds, size_t nfds);
void __wrap_wire_send(struct wire_peer *peer, enum wire_type type,
    const void *record, const int *fds, size_t nfds);
void
__wrap_wire_send(struct wire_peer *peer, enum wire_type type,
    const void *record, const int *fds, size_t nfds)
{
	if (wire_sender(type) == PART_CORE) {
		sim_witness_sends(type, record, fds, nfds);
	}
	__real_wire_send(peer, type, record, fds, nfds);
}

/* NOLINTEND(bugprone-reserved-identifier) */
