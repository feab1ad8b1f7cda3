/* SPDX-License-Identifier: Apache-2.0 */
/* Which leases a word of a worker's is about, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "parts/core_worker.h"

static struct core_worker worker;
static struct core_lease leases[4];

/* Two of one answer, one of another, and one that came alone. */
static int
set_up(void **state)
{
	static const uint64_t with[] = { 5, 5, 6, 7 };

	(void)state;
	worker = (struct core_worker){ .leases = leases };
	for (size_t n = 0; n < COUNT(leases); n++) {
		leases[n] = (struct core_lease){
			.next = n + 1 < COUNT(leases) ? &leases[n + 1] : NULL,
			.worker = &worker,
			.with = with[n],
			.alone = n == 3,
		};
	}
	return 0;
}

static void
who_names_a_task_has_heard_of_what_came_with_it(void **state)
{
	(void)state;
	core_lease_named(&leases[1]);
	assert_true(leases[0].told);
	assert_true(leases[1].told);
	assert_false(leases[2].told);
	assert_false(leases[3].told);
}

/* A worker that holds thousands ends each without a look at the others. */
static void
a_task_that_came_alone_is_named_alone(void **state)
{
	(void)state;
	leases[0].with = leases[3].with; /* seen if anybody looked */
	core_lease_named(&leases[3]);
	assert_true(leases[3].told);
	assert_false(leases[0].told);
}

static void
what_was_named_once_is_not_looked_for_again(void **state)
{
	(void)state;
	core_lease_named(&leases[0]);
	leases[1].told = false;
	core_lease_named(&leases[0]);
	assert_false(leases[1].told);
}

#define LEASES(test) cmocka_unit_test_setup(test, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LEASES(who_names_a_task_has_heard_of_what_came_with_it),
		LEASES(a_task_that_came_alone_is_named_alone),
		LEASES(what_was_named_once_is_not_looked_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
