/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When api gives its processor away.  What core is asked in a later turn says
 * that the turn before is over.
 */
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "api_help.h"

/* How often api has let others run; the child counts. */
static _Atomic unsigned *given;

/* The kernel's is called too: the jail must know it. */
int
sched_yield(void)
{
	(*given)++;
	return (int)syscall(SYS_sched_yield);
}

static int
set_up_counted(void **state)
{
	given = mmap(NULL, sizeof(*given), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(given != MAP_FAILED);
	return set_up(state);
}

static int
take_down_counted(void **state)
{
	(void)take_down(state);
	assert_int_equal(munmap((void *)given, sizeof(*given)), 0);
	return 0;
}

/* To all of them in one packet, which api takes in one turn. */
static void
answer(int count, bool more)
{
	char text[1024];

	wire_gather(house.core);
	for (int i = 0; i < count; i++) {
		struct wire_api_answer answer = {
			.head = { .id = house.question[i],
			    .status = 200,
			    .more = more,
			    .body_size = 1,
			    .content_type = "text/plain" },
			.text = "x",
		};

		wire_send(house.core, WIRE_API_ANSWER, &answer, NULL, 0);
	}
	wire_let_go(house.core);
	for (int i = 0; i < count; i++) {
		assert_true(read(house.clients[i], text, sizeof(text)) > 0);
	}
}

/* --- tests --- */

static void
several_that_were_answered_ask_next(void **state)
{
	(void)state;
	ask(0);
	answer(1, false);
	ask(0);
	assert_int_equal(*given, 0); /* one would only be kept waiting */
	ask(1);
	ask(2);
	answer(CLIENTS, false);
	ask(0);
	assert_int_equal(*given, 1);
	answer(1, false);
	ask(0);
	assert_int_equal(*given, 1);
}

/* They have nothing to ask before their answers are whole. */
static void
who_follows_a_stream_is_not_given_the_processor(void **state)
{
	(void)state;
	ask(0);
	ask(1);
	answer(2, true);
	answer(2, true);
	ask(2);
	assert_int_equal(*given, 0);
	answer(2, false);
	ask(0);
	assert_int_equal(*given, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    several_that_were_answered_ask_next, set_up_counted,
		    take_down_counted),
		cmocka_unit_test_setup_teardown(
		    who_follows_a_stream_is_not_given_the_processor,
		    set_up_counted, take_down_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
