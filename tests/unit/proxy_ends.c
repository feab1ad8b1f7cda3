/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing waits for what nobody does, and no end takes along what was said. */
#include "proxy_two_help.h"

#define LONG 100000 /* bytes: more than what lies at the cell, who is slow */

/* --- windows ----------------------------------------------------------------
 */

/* What the origin could not say yet, once that is all that can be said. */
static size_t
unsaid(struct world *w, int32_t streams)
{
	size_t left = SIZE_MAX;
	for (int still = 0; still < 50; still++) {
		size_t now = 0;
		world_until(w, true);
		rig_wait(&w->r, mono_after(mono_now(), CLOCK_SECOND), "rest");
		for (int32_t i = 0; i < streams; i++) {
			now += http_two_waiting(w->origin.two, 2 * i + 1);
		}
		still = now < left ? 0 : still;
		left = now;
	}
	return left;
}

static void
answers_that_nobody_reads_do_not_stop_the_last_one(void **state)
{
	(void)state;
	static char body[4 * LONG + 1];
	enum { HELD = HTTP_TWO_STREAMS - 1 };
	struct world w;
	memset(body, 'b', sizeof(body) - 1);
	world_new(&w, true);
	for (int i = 0; i < HELD; i++) {
		(void)ask(&w, GET_TWO, false);
	}
	world_until(&w, w.origin.ended == HELD);
	for (int32_t i = 0; i < HELD; i++) {
		answer(&w, 2 * i + 1, body);
	}
	assert_true(unsaid(&w, HELD) > HELD * LONG);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == HELD + 1);
	answer(&w, w.origin.stream, "free");
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "free"));
	assert_int_equal(w.r.origin.count, 1);
	world_free(&w);
}

/* It comes in what another looks at before it is asked. */
static void
a_window_that_another_finds_open_wakes_whoever_waits_for_it(void **state)
{
	(void)state;
	static const char body[6 * LONG];
	struct world w;
	world_new(&w, true);
	int32_t s = ask(&w,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 600000\r\n\r\n",
	    true);
	http_two_data(w.cell.two, s, str_span(body, sizeof(body)));
	size_t stuck = until_stuck(&w, s);
	assert_true(stuck > 0);
	w.r.decide = HOLD;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.intents == 2);
	assert_int_equal(until_stuck(&w, s), stuck);
	http_two_taken(w.origin.two, 1);
	two_step(&w.origin);
	proxy_go(w.r.proxy, w.r.id, &w.r.go);
	assert_true(until_stuck(&w, s) < stuck);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    answers_that_nobody_reads_do_not_stop_the_last_one),
		cmocka_unit_test(
		    a_window_that_another_finds_open_wakes_whoever_waits_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
