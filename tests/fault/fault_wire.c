/* SPDX-License-Identifier: Apache-2.0 */
#include "fault/wrap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
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

/* --- too many descriptors of this user are on their way --- */

#define A_MOMENT (20 * CLOCK_SECOND / 1000)

struct crowded {
	struct loop *loop;
	struct wire_peer *peer; /* core's end of a channel to an agent */
	int agent;
	int closed;
	struct err why;
	size_t before;
};

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct crowded *c = owner;

	assert_ptr_equal(peer, c->peer);
	c->closed++;
	c->why = *why;
}

static void
crowded_open(struct crowded *c)
{
	struct wire_end end = {
		.self = PART_CORE,
		.other = PART_AGENT,
		.closed = closed,
		.owner = c,
	};
	struct err e;
	int ends[2];

	*c = (struct crowded){ .before = fault_descriptors() };
	c->loop = loop_new_virtual();
	assert_int_equal(wire_pair(ends, &e), 0);
	c->agent = ends[1];
	c->peer = wire_peer_new(c->loop, ends[0], &end, &e);
	assert_non_null(c->peer);
}

static void
crowded_close(struct crowded *c)
{
	wire_peer_free(c->peer);
	loop_free(c->loop);
	auto_close_fd(&c->agent);
	assert_int_equal(fault_descriptors(), c->before);
}

static void
send_begin(struct crowded *c)
{
	struct wire_run_begin begin = { .agent = 7 };
	int fd = dup(0);

	wire_send(c->peer, WIRE_RUN_BEGIN, &begin, &fd, 1);
}

static void
descriptors_that_cannot_go_are_tried_again_in_order(void **state)
{
	struct wire_run_begin begin;
	struct wire_run_go go = { .agent = 7 };
	struct wire_fds fds = { .count = 0 };
	struct crowded c;
	struct err e;
	char byte;

	(void)state;
	crowded_open(&c);
	fault_from(0, ETOOMANYREFS, "sendmsg");
	send_begin(&c);
	assert_true(fault_done());
	wire_send(c.peer, WIRE_RUN_GO, &go, NULL, 0);
	/* The socket is writable: whoever only waited for that would spin. */
	fault_from(0, ETOOMANYREFS, "sendmsg");
	loop_advance(c.loop, A_MOMENT - 1);
	assert_int_equal(fault_calls(), 0);
	assert_int_equal(recv(c.agent, &byte, 1, MSG_DONTWAIT), -1);
	loop_advance(c.loop, 1);
	assert_true(fault_done());
	assert_int_equal(recv(c.agent, &byte, 1, MSG_DONTWAIT), -1);
	loop_advance(c.loop, A_MOMENT);
	assert_int_equal(
	    wire_take_now(c.agent, WIRE_RUN_BEGIN, 0, &begin, &fds, &e), 0);
	assert_int_equal(fds.count, 1);
	(void)close(fds.at[0]);
	assert_int_equal(
	    wire_take_now(c.agent, WIRE_RUN_GO, 0, &go, NULL, &e), 0);
	assert_int_equal(wire_queued(c.peer), 0);
	loop_advance(c.loop, 2 * WIRE_STALL_US);
	assert_int_equal(c.closed, 0);
	/* And that was that: what finds no room waits for room again. */
	while (wire_queued(c.peer) == 0) {
		wire_send(c.peer, WIRE_RUN_GO, &go, NULL, 0);
	}
	while (wire_take_now(c.agent, WIRE_RUN_GO, 0, &go, NULL, &e) == 0) {
	}
	loop_advance(c.loop, 0);
	assert_int_equal(wire_queued(c.peer), 0);
	crowded_close(&c);
}

static void
a_send_that_fails_ends_the_channel(void **state)
{
	struct wire_run_go go = { .agent = 7 };
	struct crowded c;

	(void)state;
	crowded_open(&c);
	fault_from(0, EIO, "sendmsg");
	wire_send(c.peer, WIRE_RUN_GO, &go, NULL, 0);
	assert_true(fault_done());
	assert_false(wire_peer_alive(c.peer));
	loop_advance(c.loop, 0);
	assert_int_equal(c.closed, 1);
	assert_int_equal(c.why.kind, ERR_IO);
	crowded_close(&c);
}

static void
descriptors_that_never_can_go_end_the_channel_and_say_why(void **state)
{
	struct crowded c;
	int64_t waited = 0;

	(void)state;
	crowded_open(&c);
	fault_from(0, ETOOMANYREFS, "sendmsg");
	send_begin(&c);
	while (!c.closed) {
		assert_true(waited < WIRE_STALL_US);
		fault_from(0, ETOOMANYREFS, "sendmsg");
		loop_advance(c.loop, A_MOMENT);
		waited += A_MOMENT;
	}
	(void)fault_done();
	assert_int_equal(waited, WIRE_STALL_US);
	assert_int_equal(c.why.kind, ERR_LIMIT);
	assert_non_null(strstr(c.why.text, "too many of this user"));
	crowded_close(&c);
}

static void
a_crowded_peer_is_freed_with_what_waits(void **state)
{
	struct crowded c;

	(void)state;
	crowded_open(&c);
	fault_from(0, ETOOMANYREFS, "sendmsg");
	send_begin(&c);
	assert_true(fault_done());
	wire_peer_free(c.peer);
	c.peer = NULL;
	loop_advance(c.loop, 2 * A_MOMENT);
	assert_int_equal(c.closed, 0);
	crowded_close(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_send_keeps_no_descriptor),
		cmocka_unit_test(a_failed_take_keeps_no_descriptor),
		cmocka_unit_test(an_interrupted_record_still_goes),
		cmocka_unit_test(an_interrupted_wait_keeps_its_deadline),
		cmocka_unit_test(
		    descriptors_that_cannot_go_are_tried_again_in_order),
		cmocka_unit_test(
		    descriptors_that_never_can_go_end_the_channel_and_say_why),
		cmocka_unit_test(a_send_that_fails_ends_the_channel),
		cmocka_unit_test(a_crowded_peer_is_freed_with_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
