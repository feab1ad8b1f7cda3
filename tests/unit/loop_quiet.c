/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/inside.h"

/* When a loop says what waits for quiet, and when it lingers before it sleeps:
 * over a kernel that is written down here. */

/* A wait is one letter of `waits`: a letter of the diary is what becomes ready
 * in it, '-' nothing.  The clock moves by `step` in a wait that does not sleep,
 * by `slept` in one that does. */
struct kernel {
	const char *waits;
	int64_t now, step, slept;
	struct buf diary;
	struct loop *loop;
	bool may;
	int64_t yields; /* what giving way takes */
	int again;
};

static struct kernel *here; /* of the test that runs */

static void
note(struct kernel *k, char c)
{
	buf_add_byte(&k->diary, (uint8_t)c);
}

static void
fake_wait(struct loop *loop, int64_t us)
{
	struct kernel *k = loop->inner;
	char came = (char)(*k->waits ? *k->waits++ : '-');

	note(k, us > 0 ? 's' : '0');
	k->now += us > 0 ? k->slept : k->step;
	if (came != '-') {
		loop_wake(loop);
		note(k, came);
	}
}

/* Who waits for the processor, in the stead of the kernel's; between tests, a
 * sanitizer. */
int
sched_yield(void)
{
	if (!here) {
		return (int)syscall(SYS_sched_yield);
	}
	note(here, 'y');
	here->now += here->yields;
	return 0;
}

static struct mono
fake_clock(struct loop *loop)
{
	const struct kernel *k = loop->inner;

	return (struct mono){ k->now };
}

static void
fake_fini(struct loop *loop)
{
	(void)loop;
}

static const struct loop_ops fake_ops = {
	.wait = fake_wait,
	.clock = fake_clock,
	.fini = fake_fini,
};

static int
open_kernel(void **state)
{
	struct kernel *k = test_calloc(1, sizeof(*k));

	*k = (struct kernel){ .waits = "", .now = 1000000, .step = 30 };
	k->loop = loop_make(&fake_ops, k);
	k->may = true;
	here = k;
	loop_turn(k->loop, CLOCK_SECOND); /* the first never sleeps */
	buf_clear(&k->diary);
	*state = k;
	return 0;
}

static int
close_kernel(void **state)
{
	struct kernel *k = *state;

	here = NULL;
	loop_free(k->loop);
	buf_fini(&k->diary);
	test_free(k);
	return 0;
}

static void
turns(struct kernel *k, int count, const char *waits)
{
	k->waits = waits;
	for (int i = 0; i < count; i++) {
		loop_turn(k->loop, CLOCK_SECOND);
		note(k, ' ');
	}
}

static void
expect(struct kernel *k, const char *diary)
{
	assert_string_equal(buf_z(&k->diary), diary);
	buf_clear(&k->diary);
}

/* --- quiet --- */

static void
say(void *owner)
{
	struct kernel *k = owner;

	note(k, '!');
	if (k->again-- > 0) {
		loop_quiet(k->loop, say, k);
	}
}

static void
it_is_said_when_nothing_more_is_ready(void **state)
{
	struct kernel *k = *state;

	loop_quiet(k->loop, say, k);
	turns(k, 5, "ab-c-");
	expect(k, "0a 0b 0! sc s ");
}

static void
it_waits_for_quiet_only_so_long(void **state)
{
	struct kernel *k = *state;

	k->step = LOOP_QUIET_US / 4;
	loop_quiet(k->loop, say, k);
	turns(k, 5, "abcde");
	expect(k, "0a 0b 0c 0d! se ");
	/* The next one waits as long again. */
	loop_quiet(k->loop, say, k);
	turns(k, 5, "abcde");
	expect(k, "0a 0b 0c 0d! se ");
}

static void
asked_for_twice_it_is_one_and_no_later(void **state)
{
	struct kernel *k = *state;

	k->step = LOOP_QUIET_US / 4;
	loop_quiet(k->loop, say, k);
	turns(k, 3, "abc");
	loop_quiet(k->loop, say, k);
	turns(k, 2, "de");
	expect(k, "0a 0b 0c 0d! se ");
}

static void
long_work(void *owner)
{
	struct kernel *k = owner;

	note(k, '>');
	loop_quiet(k->loop, say, k);
	k->now += LOOP_QUIET_US;
}

static void
it_does_not_outlast_a_turn_that_is_long(void **state)
{
	struct kernel *k = *state;

	loop_later(k->loop, long_work, k);
	turns(k, 2, "ab");
	expect(k, "0a>! sb ");
}

static void
what_it_asks_for_comes_in_another_turn(void **state)
{
	struct kernel *k = *state;

	k->again = 1;
	loop_quiet(k->loop, say, k);
	turns(k, 3, "---");
	expect(k, "0! 0! s ");
}

static void
later(void *owner)
{
	note(owner, '>');
}

static void
a_turn_with_later_calls_is_not_quiet(void **state)
{
	struct kernel *k = *state;

	loop_quiet(k->loop, say, k);
	loop_later(k->loop, later, k);
	turns(k, 2, "--");
	expect(k, "0> 0! ");
}

/* --- lingering --- */

static bool
may(void *owner)
{
	struct kernel *k = owner;

	note(k, '?');
	return k->may;
}

static void
after_a_short_sleep_it_asks_before_it_sleeps(void **state)
{
	struct kernel *k = *state;

	loop_linger(k->loop, may, k);
	k->slept = LOOP_LINGER_US - 1;
	turns(k, 1, "a");
	expect(k, "?sa ");
	/* Ready in the second asking: no sleep at all. */
	turns(k, 1, "-b");
	expect(k, "?0y0b ");
	/* Not ready for as long as it lingers: four times 30 us. */
	turns(k, 1, "----c");
	expect(k, "?0y0y0y0sc ");
}

static void
after_a_long_one_it_sleeps(void **state)
{
	struct kernel *k = *state;

	loop_linger(k->loop, may, k);
	k->slept = LOOP_LINGER_US;
	turns(k, 2, "ab");
	expect(k, "?sa ?sb ");
	k->slept = 1;
	turns(k, 2, "cd");
	expect(k, "?sc ?0d ");
	/* What it lingered for counts as slept. */
	turns(k, 2, "----ef");
	expect(k, "?0y0y0y0se ?sf ");
}

/* Every LOOP_MINE_US of its own: what others took of the time is not among
 * them. */
static void
who_waits_for_the_processor_has_it_in_between(void **state)
{
	struct kernel *k = *state;

	loop_linger(k->loop, may, k);
	k->slept = 1;
	k->step = 10;
	turns(k, 2, "a----------b");
	expect(k, "?sa ?000y000y000y0sb ");
	k->yields = 20;
	turns(k, 2, "c-------d");
	expect(k, "?sc ?000y000y0sd ");
}

static void
it_does_not_linger_where_it_may_not(void **state)
{
	struct kernel *k = *state;

	loop_linger(k->loop, may, k);
	k->slept = 1;
	turns(k, 1, "a");
	k->may = false;
	turns(k, 2, "bc");
	expect(k, "?sa ?sb ?sc ");
	k->may = true; /* how long those were is not looked at */
	turns(k, 1, "d");
	expect(k, "?0d ");
}

static void
what_does_not_sleep_is_not_asked_about(void **state)
{
	struct kernel *k = *state;

	loop_linger(k->loop, may, k);
	loop_quiet(k->loop, say, k);
	turns(k, 1, "-");
	k->waits = "a";
	loop_turn(k->loop, 0);
	expect(k, "0! 0a");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_kernel, close_kernel)
	const struct CMUnitTest tests[] = {
		TEST(it_is_said_when_nothing_more_is_ready),
		TEST(it_waits_for_quiet_only_so_long),
		TEST(asked_for_twice_it_is_one_and_no_later),
		TEST(it_does_not_outlast_a_turn_that_is_long),
		TEST(what_it_asks_for_comes_in_another_turn),
		TEST(a_turn_with_later_calls_is_not_quiet),
		TEST(after_a_short_sleep_it_asks_before_it_sleeps),
		TEST(after_a_long_one_it_sleeps),
		TEST(who_waits_for_the_processor_has_it_in_between),
		TEST(it_does_not_linger_where_it_may_not),
		TEST(what_does_not_sleep_is_not_asked_about),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
