/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who follows the book: asks for what comes after what they have read,
 * and waits for it.  They hear of every event once and in order, and at once
 * when it is on the disk: not when their patience is over.
 */
#include <stdio.h>

#include "parts/core_api.h"
#include "sim/house.h"

#define WAIT_S   5 /* fewer than SIM_ASKS others are asked meanwhile */
#define PAUSE_US (2 * CLOCK_SECOND)
#define LOOK_US  (CLOCK_SECOND / 4)

/* Whoever of core's follows has nothing left to hear, at any time: what is on
 * the disk was told with its commit. */
static void
look(uint64_t a, uint64_t b)
{
	const struct core_ask *ask = sim.core ? sim.core->asks : NULL;

	(void)a;
	(void)b;
	if (sim.calm) {
		return;
	}
	for (; ask; ask = ask->next) {
		if (ask->polling && sim.core->book.durable > ask->after) {
			sim_fault("nobody is told after a commit: %llu events "
			          "are on the disk, and who has %llu waits",
			    (unsigned long long)sim.core->book.durable,
			    (unsigned long long)ask->after);
		}
	}
	sim_always(LOOK_US, look, 0, 0);
}

void
sim_reader_begin(void)
{
	sim_always(CLOCK_SECOND, sim_reader_asks, 0, 0);
	sim_always(LOOK_US, look, 0, 0);
}

void
sim_reader_asks(uint64_t a, uint64_t b)
{
	struct sim_ask what = { .kind = ASK_READ };
	char target[80];

	(void)a;
	(void)b;
	if (sim.calm) {
		return;
	}
	(void)snprintf(target, sizeof(target), "/api/events?after=%llu&wait=%d",
	    (unsigned long long)sim.read, WAIT_S);
	(void)sim_ask(&what, "GET", target, STR(""));
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the names of ld --wrap */

void __real_core_api_events(struct core *c);
void __wrap_core_api_events(struct core *c);
void
__wrap_core_api_events(struct core *c)
{
	if (sim_bug != BUG_UNTOLD) {
		__real_core_api_events(c);
	}
}

/* NOLINTEND(bugprone-reserved-identifier) */

void
sim_reader_hears(uint32_t status, const struct json *body)
{
	sim_always(PAUSE_US, sim_reader_asks, 0, 0);
	if (status != 200) {
		return;
	}
	JSON_EACH(event, json_get(body, "events"))
	{
		int64_t seq = 0;

		if (!json_i64(event, "seq", &seq) ||
		    (uint64_t)seq != sim.read + 1) {
			sim_fault("a reader of %llu events hears of %lld next",
			    (unsigned long long)sim.read, (long long)seq);
		}
		sim.read++;
		sim_seen->told++;
	}
}
