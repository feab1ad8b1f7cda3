/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/wire.h"

/* The blocking pair, and what the tables say. */

static int
open_pair(void **state)
{
	int *fds = test_calloc(2, sizeof(int));
	struct err e = { 0 };

	assert_int_equal(wire_pair(fds, &e), 0);
	*state = fds;
	return 0;
}

static int
close_pair(void **state)
{
	int *fds = *state;

	auto_close_fd(&fds[0]);
	auto_close_fd(&fds[1]);
	test_free(fds);
	return 0;
}

static void
send_ready(int fd)
{
	struct wire_ready ready = { .pid = 5, .text = "here" };
	struct err e = { 0 };

	assert_int_equal(
	    wire_send_now(fd, WIRE_VAULT_READY, &ready, NULL, 0, &e), 0);
}

static void
a_record_sent_now_is_taken_now(void **state)
{
	int *fds = *state;
	struct wire_ready got = { 0 };
	struct err e = { 0 };

	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	send_ready(fds[0]);
	assert_int_equal(wire_take_now(fds[1], WIRE_VAULT_READY, CLOCK_SECOND,
	                     &got, NULL, &e),
	    0);
	assert_int_equal(got.pid, 5);
	assert_string_equal(got.text, "here");
}

static void
another_record_than_expected_is_refused(void **state)
{
	int *fds = *state;
	struct wire_ready got = { .pid = -1 };
	struct err e = { 0 };

	send_ready(fds[0]);
	assert_int_equal(
	    wire_take_now(fds[1], WIRE_CORE_READY, 0, &got, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(got.pid, -1);
}

static void
another_type_of_the_same_two_parts_is_refused(void **state)
{
	int *fds = *state;
	struct wire_cell_end end = { .cell = 3 };
	struct wire_agent_end got = { .agent = 8 };
	struct err e = { 0 };

	assert_int_equal(
	    wire_send_now(fds[0], WIRE_CELL_END, &end, NULL, 0, &e), 0);
	assert_int_equal(
	    wire_take_now(fds[1], WIRE_AGENT_END, 0, &got, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(got.agent, 8);
}

static void
unasked_descriptors_are_refused_and_closed(void **state)
{
	int *fds = *state;
	struct wire_ready ready = { 0 };
	struct err e = { 0 };
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(
	    wire_send_now(fds[0], WIRE_VAULT_READY, &ready, ends, 1, &e), 0);
	assert_int_equal(
	    wire_take_now(fds[1], WIRE_VAULT_READY, 0, &ready, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(write(ends[1], "x", 1), -1);
	auto_close_fd(&ends[1]);
}

/* What a part without a loop takes is checked as any: header, sender, size. */
static void
what_is_no_record_is_refused(void **state)
{
	struct {
		uint32_t magic;
		uint16_t type;
		uint16_t sender;
		uint32_t size;
		uint32_t reserved;
		struct wire_ready ready;
	} said = { .magic = 0x01575248u,
		.type = WIRE_VAULT_READY,
		.sender = PART_VAULT,
		.size = sizeof(said.ready) };
	struct wire_ready got = { .pid = -1 };
	struct err e = { 0 };
	int *fds = *state;

	for (int wrong = 0; wrong < 4; wrong++) {
		size_t size = sizeof(said) - (wrong == 3);

		said.sender = wrong == 1 ? PART_AGENT : PART_VAULT;
		said.reserved = wrong == 2;
		assert_int_equal(send(fds[0], &said, size, 0), size);
		assert_int_equal(
		    wire_take_now(fds[1], WIRE_VAULT_READY, 0, &got, NULL, &e),
		    wrong ? -1 : 0);
		assert_int_equal(got.pid, wrong ? -1 : 0);
		assert_int_equal(e.kind, wrong ? ERR_DENIED : 0);
		got.pid = -1;
	}
}

static void
silence_is_a_timeout(void **state)
{
	int *fds = *state;
	struct wire_ready got;
	struct err e = { 0 };
	struct mono start = mono_now();

	assert_int_equal(
	    wire_take_now(fds[1], WIRE_VAULT_READY, 20000, &got, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_true(mono_now().us - start.us >= 20000);
}

static void
the_other_end_closed_is_unavailable(void **state)
{
	int *fds = *state;
	struct wire_ready got = { 0 };
	struct err e = { 0 };
	int spare = dup(fds[1]);

	auto_close_fd(&fds[0]);
	assert_int_equal(wire_take_now(fds[1], WIRE_VAULT_READY, CLOCK_SECOND,
	                     &got, NULL, &e),
	    -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_int_equal(
	    wire_send_now(fds[1], WIRE_VAULT_READY, &got, &spare, 1, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_int_equal(fcntl(spare, F_GETFD), -1); /* taken all the same */
}

static void
every_record_has_two_parts_and_fits(void **state)
{
	(void)state;
	for (unsigned type = 1; type < WIRE_COUNT; type++) {
		assert_true(wire_sender(type) != PART_NONE);
		assert_true(wire_receiver(type) != PART_NONE);
		assert_true(wire_sender(type) != wire_receiver(type));
		assert_in_range(wire_size(type), 1, WIRE_RECORD_MAX);
		assert_true(strlen(wire_name(type)) > 1);
	}
	assert_string_equal(wire_name(WIRE_COUNT), "?");
	assert_int_equal(wire_sender(WIRE_NONE), PART_NONE);
	assert_string_equal(wire_part_name(PART_EGRESS), "egress");
}

static void
the_ranks_of_trust_are_the_designs(void **state)
{
	(void)state;
	assert_true(wire_part_rank(PART_AGENT) < wire_part_rank(PART_EGRESS));
	assert_true(wire_part_rank(PART_EGRESS) < wire_part_rank(PART_API));
	assert_true(wire_part_rank(PART_RESOLVER) < wire_part_rank(PART_VAULT));
	assert_true(wire_part_rank(PART_SANDBOX) < wire_part_rank(PART_VAULT));
	assert_true(wire_part_rank(PART_VAULT) < wire_part_rank(PART_CORE));
	assert_true(
	    wire_part_rank(PART_CORE) < wire_part_rank(PART_SUPERVISOR));
}

static void
text_without_its_end_is_not_ok(void **state)
{
	const char open[4] = { 'a', 'b', 'c', 'd' };

	(void)state;
	assert_false(wire_text_ok(open, sizeof(open)));
	assert_true(wire_text_ok("abc", 4));
	assert_true(wire_text_ok("", 1));
}

#define PAIR(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(a_record_sent_now_is_taken_now),
		PAIR(another_record_than_expected_is_refused),
		PAIR(another_type_of_the_same_two_parts_is_refused),
		PAIR(unasked_descriptors_are_refused_and_closed),
		PAIR(what_is_no_record_is_refused),
		PAIR(silence_is_a_timeout),
		PAIR(the_other_end_closed_is_unavailable),
		cmocka_unit_test(every_record_has_two_parts_and_fits),
		cmocka_unit_test(the_ranks_of_trust_are_the_designs),
		cmocka_unit_test(text_without_its_end_is_not_ok),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
