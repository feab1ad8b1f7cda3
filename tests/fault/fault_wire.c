/* SPDX-License-Identifier: Apache-2.0 */
#include "fault/wrap.h"

#include <errno.h>
#include <unistd.h>

#include "wire/wire.h"

#define MANY 64 /* calls that no run of these tests makes */

struct pair {
	int ends[2];
	size_t before; /* descriptors, the pair included */
};

static void
pair_open(struct pair *p)
{
	struct err e;

	assert_int_equal(wire_pair(p->ends, &e), 0);
	p->before = fault_descriptors();
}

static void
pair_close(struct pair *p)
{
	auto_close_fd(&p->ends[0]);
	auto_close_fd(&p->ends[1]);
}

/* Sends with two descriptors; those are given away whatever happens. */
static int
send_two(int end, struct err *e)
{
	struct wire_ready record = { 0 };
	int given[2] = { dup(0), dup(0) };

	assert_true(given[0] >= 0 && given[1] >= 0);
	return wire_send_now(end, WIRE_CORE_READY, &record, given, 2, e);
}

static int
take(int end, struct wire_fds *fds, struct err *e)
{
	struct wire_ready record;

	return wire_take_now(
	    end, WIRE_CORE_READY, CLOCK_SECOND, &record, fds, e);
}

static void
a_failed_send_keeps_no_descriptor(void **state)
{
	struct err e;

	(void)state;
	for (int n = 0;; n++) {
		struct pair p;

		assert_true(n < MANY);
		pair_open(&p);
		fault_from(n, EIO, NULL);
		int rc = send_two(p.ends[0], &e);
		bool failed = fault_done();

		assert_int_equal(rc, failed ? -1 : 0);
		assert_int_equal(fault_descriptors(), p.before);
		pair_close(&p);
		if (!failed) {
			assert_true(n > 0);
			return;
		}
	}
}

static void
a_failed_take_keeps_no_descriptor(void **state)
{
	struct err e;

	(void)state;
	for (int n = 0;; n++) {
		struct wire_fds fds = { .count = 0 };
		struct pair p;

		assert_true(n < MANY);
		pair_open(&p);
		assert_int_equal(send_two(p.ends[0], &e), 0);
		fault_from(n, EIO, NULL);
		int rc = take(p.ends[1], &fds, &e);
		bool failed = fault_done();

		assert_int_equal(rc, failed ? -1 : 0);
		assert_int_equal(fds.count, failed ? 0 : 2);
		for (size_t i = 0; i < fds.count; i++) {
			(void)close(fds.at[i]);
		}
		assert_int_equal(fault_descriptors(), p.before);
		pair_close(&p);
		if (!failed) {
			assert_true(n > 0);
			return;
		}
	}
}

static void
an_interrupted_record_still_goes(void **state)
{
	static const int errors[] = { EINTR, EAGAIN };
	struct wire_fds fds = { .count = 0 };
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	for (size_t i = 0; i < COUNT(errors); i++) {
		fault_from(0, errors[i], "sendmsg");
		assert_int_equal(send_two(p.ends[0], &e), 0);
		assert_true(fault_done());
		fault_from(0, errors[i], "recvmsg");
		assert_int_equal(take(p.ends[1], &fds, &e), 0);
		assert_true(fault_done());
		assert_int_equal(fds.count, 2);
		(void)close(fds.at[0]);
		(void)close(fds.at[1]);
	}
	assert_int_equal(fault_descriptors(), p.before);
	pair_close(&p);
}

static void
an_interrupted_wait_keeps_its_deadline(void **state)
{
	struct wire_fds fds = { .count = 0 };
	struct mono start = mono_now();
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	fault_from(0, EINTR, "poll");
	struct wire_ready record;
	assert_int_equal(
	    wire_take_now(p.ends[1], WIRE_CORE_READY, 50000, &record, &fds, &e),
	    -1);
	assert_true(fault_done());
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_true(mono_now().us - start.us >= 50000);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_send_keeps_no_descriptor),
		cmocka_unit_test(a_failed_take_keeps_no_descriptor),
		cmocka_unit_test(an_interrupted_record_still_goes),
		cmocka_unit_test(an_interrupted_wait_keeps_its_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
