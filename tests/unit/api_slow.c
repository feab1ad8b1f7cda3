/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long api waits for who reads his answer.  Its clock is this program's: it
 * goes as the machine's does, and further when a test says so.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "api_help.h"
#include "parts/api.h"

#define LONG     ((size_t)16 * 1024 * 1024) /* no socket holds it */
#define PATIENCE 120                        /* s without a byte taken */

/* Seconds; the child reads it. */
static _Atomic time_t *ahead;

/* NOLINTBEGIN(*-reserved-identifier): the names that libc declares it with */
int
clock_gettime(clockid_t __clock_id, struct timespec *__tp)
{
	int failed = (int)syscall(SYS_clock_gettime, __clock_id, __tp);

	if (!failed && __clock_id == CLOCK_MONOTONIC && ahead) {
		__tp->tv_sec += *ahead;
	}
	return failed;
}
/* NOLINTEND(*-reserved-identifier) */

static int
set_up_clocked(void **state)
{
	ahead = mmap(NULL, sizeof(*ahead), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(ahead != MAP_FAILED);
	return set_up(state);
}

static int
take_down_clocked(void **state)
{
	(void)take_down(state);
	assert_int_equal(munmap((void *)ahead, sizeof(*ahead)), 0);
	ahead = NULL;
	return 0;
}

/* Client 1's question is read, and every timer that was due before it has
 * fired: timers come behind what is ready in a turn. */
static void
after_a_turn(void)
{
	char text[1024];

	for (int i = 0; i < 2; i++) {
		ask(1);
		answer_long(1, 1);
		assert_true(read(house.clients[1], text, sizeof(text)) > 0);
	}
}

static void
pass(int seconds)
{
	*ahead += seconds;
	after_a_turn();
}

static void
who_reads_slowly_is_given_all_of_his_answer(void **state)
{
	size_t have = 0;

	(void)state;
	ask(0);
	answer_long(0, LONG);
	after_a_turn();
	for (int i = 0; i < 4; i++) {
		have += read_of(0, LONG / 8);
		after_a_turn(); /* what he made room for is sent */
		pass(PATIENCE * 2 / 3);
	}
	assert_true(have + read_of(0, LONG - have) >= LONG);
	pass(PATIENCE / 2);
	ask(0); /* he stays, and may ask again */
}

static void
who_reads_nothing_is_let_go(void **state)
{
	(void)state;
	ask(0);
	answer_long(0, LONG);
	after_a_turn();
	pass(PATIENCE / 2);
	pass(PATIENCE / 2 + 1);
	assert_true(read_of(0, LONG) < LONG);
}

static void
who_is_owed_longest_goes_when_all_is_too_much(void **state)
{
	const size_t largest = API_OUT_MAX - LONG / 16;

	(void)state;
	for (int who = 0; who < CLIENTS; who++) {
		ask(who);
		answer_long(who, largest);
		*ahead += 1;
		assert_true(read_of(0, LONG / 64) > 0); /* he is not silent */
	}
	assert_true(read_of(2, largest) >= largest);
	assert_true(read_of(1, largest) >= largest);
	size_t most = largest - LONG / 16; /* he has read less than that */
	assert_true(read_of(0, most) < most);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    who_reads_slowly_is_given_all_of_his_answer, set_up_clocked,
		    take_down_clocked),
		cmocka_unit_test_setup_teardown(who_reads_nothing_is_let_go,
		    set_up_clocked, take_down_clocked),
		cmocka_unit_test_setup_teardown(
		    who_is_owed_longest_goes_when_all_is_too_much,
		    set_up_clocked, take_down_clocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
