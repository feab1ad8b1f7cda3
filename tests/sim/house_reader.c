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
#define SOON_US  CLOCK_SECOND

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
	sim.told_due = 0;
	(void)sim_ask(&what, "GET", target, STR(""));
}

/* Core tells whoever follows; it has their question, and more is on the disk
 * than they have read. */
void __real_core_api_events(struct core *c);
void __wrap_core_api_events(struct core *c);
void
__wrap_core_api_events(struct core *c)
{
	for (const struct core_ask *ask = c->asks; ask; ask = ask->next) {
		if (ask->polling && !sim.told_due &&
		    c->book.durable > ask->after) {
			sim.told_due = mono_now().us;
		}
	}
	if (sim_bug != BUG_UNTOLD) {
		__real_core_api_events(c);
	}
}

void
sim_reader_hears(uint32_t status, const struct json *body)
{
	int64_t due = sim.told_due;

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
	if (due && mono_now().us - due > SOON_US) {
		sim_fault("nobody is told after a commit, for %lld us",
		    (long long)(mono_now().us - due));
	}
}
