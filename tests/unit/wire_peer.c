/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/wire.h"

/*
 * Core's end of a channel to an agent, on a virtual clock.  The agent's end is
 * a bare socket, so that it can say what no honest agent says.
 */

struct header { /* as src/wire/DESIGN has it */
	uint32_t magic;
	uint16_t type;
	uint16_t sender;
	uint32_t size;
	uint32_t reserved;
};

#define MAGIC 0x01575248u

struct core {
	struct loop *loop;
	struct wire_peer *peer;
	struct wire_end end;
	int agent;
	int taken;
	uint32_t turn;
	bool free_in_take;
	bool keep_fd;
	int kept;
	size_t nfds;
	int closed;
	struct err why;
};

static void
take_model_ask(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_model_ask *ask = record;

	c->taken++;
	c->turn = ask->turn;
	c->nfds = nfds;
	if (c->keep_fd && nfds > 0) {
		c->kept = take_fd(&fds[0]);
	}
	if (c->free_in_take) {
		wire_peer_free(peer);
		c->peer = NULL;
	}
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct core *c = owner;

	assert_ptr_equal(peer, c->peer);
	c->closed++;
	c->why = *why;
}

static const struct wire_handler from_agent[] = {
	{ WIRE_MODEL_ASK, take_model_ask },
};

static int
open_core(void **state)
{
	struct core *c = test_calloc(1, sizeof(*c));
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(wire_pair(fds, &e), 0);
	c->agent = fds[1];
	c->kept = -1;
	c->loop = loop_new_virtual();
	c->end = (struct wire_end){
		.self = PART_CORE,
		.other = PART_AGENT,
		.handlers = from_agent,
		.count = COUNT(from_agent),
		.closed = closed,
		.owner = c,
	};
	c->peer = wire_peer_new(c->loop, fds[0], &c->end, &e);
	assert_non_null(c->peer);
	*state = c;
	return 0;
}

static int
close_core(void **state)
{
	struct core *c = *state;

	wire_peer_free(c->peer);
	auto_close_fd(&c->agent);
	auto_close_fd(&c->kept);
	loop_free(c->loop);
	test_free(c);
	return 0;
}

/* --- what the agent says --- */

struct said {
	struct header header;
	uint8_t record[WIRE_RECORD_MAX + 64];
};

static struct said
honest(uint32_t turn)
{
	struct said s = { .header = {
		              .magic = MAGIC,
		              .type = WIRE_MODEL_ASK,
		              .sender = PART_AGENT,
		              .size = sizeof(struct wire_model_ask),
		          } };
	struct wire_model_ask ask = { .turn = turn };

	memcpy(s.record, &ask, sizeof(ask));
	return s;
}

static void
say_bytes(struct core *c, const struct said *s, size_t size)
{
	assert_int_equal(send(c->agent, s, size, 0), size);
}

static void
say(struct core *c, const struct said *s)
{
	say_bytes(c, s, sizeof(s->header) + s->header.size);
}

static void
say_with(struct core *c, const struct said *s, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct said copy = *s;
	struct iovec part = { &copy, sizeof(s->header) + s->header.size };
	struct msghdr m = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(nfds * sizeof(int)),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(h), fds, nfds * sizeof(int));
	assert_int_equal(sendmsg(c->agent, &m, 0), part.iov_len);
}

static void
say_with_zeros(struct core *c, const struct said *s, size_t nfds)
{
	int fds[16];

	for (size_t i = 0; i < nfds; i++) {
		fds[i] = c->agent;
	}
	say_with(c, s, fds, nfds);
}

/* The reading end of a pipe whose writing end shows whether it still lives. */
static bool
alive_elsewhere(int writing)
{
	return write(writing, "x", 1) == 1;
}

static void
expect_dead(struct core *c, enum err_kind kind, const char *about)
{
	assert_int_equal(c->closed, 0); /* not from inside */
	loop_advance(c->loop, 0);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, kind);
	if (!strstr(c->why.text, about)) {
		fail_msg("'%s' is not about '%s'", c->why.text, about);
	}
	assert_false(wire_peer_alive(c->peer));
	assert_int_equal(c->taken, 0);
	/* The channel is closed on our side, too. */
	char byte;

	assert_true(
	    recv(c->agent, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
}

/* --- tests --- */

static void
an_honest_record_is_taken(void **state)
{
	struct core *c = *state;
	struct said s = honest(42);

	say(c, &s);
	loop_advance(c->loop, 0);
	assert_int_equal(c->taken, 1);
	assert_int_equal(c->turn, 42);
	assert_int_equal(c->nfds, 0);
	assert_true(wire_peer_alive(c->peer));
	assert_int_equal(wire_peer_part(c->peer), PART_AGENT);
}

static void
a_wrong_magic_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.magic = MAGIC + (1u << 24); /* another version */
	say(c, &s);
	expect_dead(c, ERR_DENIED, "header");
}

static void
a_reserved_field_in_use_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.reserved = 1;
	say(c, &s);
	expect_dead(c, ERR_DENIED, "header");
}

static void
an_unknown_type_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.type = WIRE_COUNT;
	say(c, &s);
	expect_dead(c, ERR_DENIED, "no record");
}

static void
type_zero_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.type = 0;
	s.header.size = 0;
	say(c, &s);
	expect_dead(c, ERR_DENIED, "no record");
}

static void
a_record_of_another_sender_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	/* What sandbox may say to core, said by an agent. */
	s.header.type = WIRE_CELL_MADE;
	s.header.size = (uint32_t)wire_size(WIRE_CELL_MADE);
	say(c, &s);
	expect_dead(c, ERR_DENIED, "CELL_MADE does not go from agent to core");
}

static void
a_record_that_names_another_sender_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.sender = PART_SUPERVISOR;
	say(c, &s);
	expect_dead(c, ERR_DENIED, "does not go");
}

static void
a_record_in_the_wrong_direction_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	/* From agent to its own receiver: core's words echoed. */
	s.header.type = WIRE_MODEL_REPLY;
	s.header.sender = PART_CORE;
	s.header.size = (uint32_t)wire_size(WIRE_MODEL_REPLY);
	say(c, &s);
	expect_dead(c, ERR_DENIED, "MODEL_REPLY does not go");
}

static void
a_size_that_is_announced_wrong_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.size += 4;
	say_bytes(c, &s, sizeof(s.header) + sizeof(struct wire_model_ask));
	expect_dead(c, ERR_DENIED, "announced");
}

static void
a_record_that_is_too_short_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	say_bytes(c, &s, sizeof(s.header) + sizeof(struct wire_model_ask) - 1);
	expect_dead(c, ERR_DENIED, "arrived");
}

static void
a_record_that_is_too_long_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	say_bytes(c, &s, sizeof(s.header) + sizeof(struct wire_model_ask) + 1);
	expect_dead(c, ERR_DENIED, "arrived");
}

static void
a_size_that_agrees_with_itself_but_not_with_the_table_closes(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.size += 4;
	say(c, &s);
	expect_dead(c, ERR_DENIED, "are right");
}

static void
a_packet_without_a_whole_header_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	say_bytes(c, &s, sizeof(s.header) - 1);
	expect_dead(c, ERR_DENIED, "a packet of 15 bytes");
}

static void
a_truncated_packet_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	say_bytes(c, &s, sizeof(s.header) + WIRE_RECORD_MAX + 1);
	expect_dead(c, ERR_DENIED, "too long");
}

static void
too_many_descriptors_close_the_peer_and_are_closed(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);
	int ends[2];
	int fds[WIRE_FDS_MAX + 1];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = ends[0];
	}
	say_with(c, &s, fds, COUNT(fds));
	auto_close_fd(&ends[0]);
	assert_true(alive_elsewhere(ends[1]));
	expect_dead(c, ERR_DENIED, "too many descriptors");
	assert_false(alive_elsewhere(ends[1]));
	auto_close_fd(&ends[1]);
}

static void
far_too_many_descriptors_close_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	say_with_zeros(c, &s, 16);
	expect_dead(c, ERR_DENIED, "too many descriptors");
}

static void
descriptors_that_find_no_number_close_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);
	struct rlimit old;
	int next = dup(c->agent);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	struct rlimit tight = { (rlim_t)next, old.rlim_max };

	say_with_zeros(c, &s, 1);
	auto_close_fd(&next);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	int filler = dup(c->agent);

	while (filler >= 0 && (next = dup(c->agent)) >= 0) {
		(void)fcntl(next, F_SETFD, FD_CLOEXEC);
	}
	loop_turn(c->loop, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (int fd = (int)tight.rlim_cur - 1; fd >= filler && filler >= 0;
	     fd--) {
		(void)close(fd);
	}
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_LIMIT);
	assert_int_equal(c->taken, 0);
}

static void
a_record_nobody_handles_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	s.header.type = WIRE_RUN_DONE;
	s.header.size = (uint32_t)wire_size(WIRE_RUN_DONE);
	say(c, &s);
	expect_dead(c, ERR_DENIED, "does not take RUN_DONE");
}

static void
the_other_end_closing_closes_the_peer(void **state)
{
	struct core *c = *state;

	auto_close_fd(&c->agent);
	loop_advance(c->loop, 0);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_UNAVAILABLE);
	loop_advance(c->loop, CLOCK_MINUTE);
	assert_int_equal(c->closed, 1);
}

static void
after_a_malformed_record_nothing_more_is_taken(void **state)
{
	struct core *c = *state;
	struct said bad = honest(1);
	struct said good = honest(2);

	bad.header.magic = 0;
	say(c, &bad);
	say(c, &good);
	expect_dead(c, ERR_DENIED, "header");
}

static void
a_descriptor_is_handed_on_and_closed_unless_taken(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	c->keep_fd = true;
	say_with(c, &s, ends, 1);
	loop_advance(c->loop, 0);
	assert_int_equal(c->nfds, 1);
	assert_true(c->kept >= 0);
	assert_int_equal(fcntl(c->kept, F_GETFD), FD_CLOEXEC);

	c->keep_fd = false;
	say_with(c, &s, ends, 1);
	auto_close_fd(&ends[0]);
	loop_advance(c->loop, 0);
	assert_int_equal(c->taken, 2);
	assert_true(alive_elsewhere(ends[1])); /* by c->kept */
	auto_close_fd(&c->kept);
	assert_false(alive_elsewhere(ends[1]));
	auto_close_fd(&ends[1]);
}

static void
a_peer_may_be_freed_by_its_own_handler(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	c->free_in_take = true;
	say(c, &s);
	say(c, &s);
	loop_advance(c->loop, 0);
	assert_int_equal(c->taken, 1);
	assert_int_equal(c->closed, 0);
}

static void
what_was_sent_arrives_with_its_descriptors(void **state)
{
	struct core *c = *state;
	struct wire_run_begin begin = { .agent = 77 };
	struct wire_run_begin got = { 0 };
	struct wire_fds fds = { 0 };
	struct err e = { 0 };
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	wire_send(c->peer, WIRE_RUN_BEGIN, &begin, ends, 1);
	assert_int_equal(fcntl(ends[0], F_GETFD), -1); /* taken */
	assert_int_equal(
	    wire_take_now(c->agent, WIRE_RUN_BEGIN, 0, &got, &fds, &e), 0);
	assert_int_equal(got.agent, 77);
	assert_int_equal(fds.count, 1);
	assert_true(alive_elsewhere(ends[1]));
	auto_close_fd(&fds.at[0]);
	assert_false(alive_elsewhere(ends[1]));
	auto_close_fd(&ends[1]);
}

static void
send_runs(struct core *c, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++) {
		struct wire_run_go go = { .agent = i };

		wire_send(c->peer, WIRE_RUN_GO, &go, NULL, 0);
	}
}

/* Fills the socket; returns the number of the first record that was queued. */
static uint64_t
fill_socket(struct core *c)
{
	uint64_t n = 0;

	while (wire_queued(c->peer) == 0) {
		assert_true(n < 100000);
		send_runs(c, n, n + 1);
		n++;
	}
	return n - 1;
}

static void
a_slow_reader_gets_everything_in_order(void **state)
{
	struct core *c = *state;
	uint64_t first = fill_socket(c);
	uint64_t count = first + WIRE_QUEUE_RECORDS;
	struct err e = { 0 };

	send_runs(c, first + 1, count);
	assert_int_equal(wire_queued(c->peer), WIRE_QUEUE_RECORDS);
	for (uint64_t i = 0; i < count; i++) {
		struct wire_run_go go = { 0 };

		loop_turn(c->loop, 0);
		assert_int_equal(
		    wire_take_now(c->agent, WIRE_RUN_GO, 0, &go, NULL, &e), 0);
		assert_int_equal(go.agent, i);
	}
	assert_int_equal(wire_queued(c->peer), 0);
	loop_advance(c->loop, CLOCK_MINUTE);
	assert_int_equal(c->closed, 0);
}

static void
a_full_queue_closes_the_peer(void **state)
{
	struct core *c = *state;
	uint64_t first = fill_socket(c);

	send_runs(c, first + 1, first + WIRE_QUEUE_RECORDS);
	assert_true(wire_peer_alive(c->peer));
	send_runs(c, 0, 1);
	assert_false(wire_peer_alive(c->peer));
	send_runs(c, 0, 1); /* swallowed */
	assert_int_equal(c->closed, 0);
	loop_advance(c->loop, 0);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_LIMIT);
}

static void
a_queue_full_of_descriptors_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct wire_run_begin begin = { 0 };

	(void)fill_socket(c);
	for (size_t i = 0; i < WIRE_QUEUE_FDS; i++) {
		int fd = dup(c->agent);

		wire_send(c->peer, WIRE_RUN_BEGIN, &begin, &fd, 1);
	}
	assert_true(wire_peer_alive(c->peer));
	int fd = dup(c->agent);

	wire_send(c->peer, WIRE_RUN_BEGIN, &begin, &fd, 1);
	assert_false(wire_peer_alive(c->peer));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	loop_advance(c->loop, 0);
	assert_int_equal(c->why.kind, ERR_LIMIT);
}

static void
a_peer_that_reads_nothing_is_closed_in_time(void **state)
{
	struct core *c = *state;

	loop_advance(c->loop, 0);
	(void)fill_socket(c);
	loop_advance(c->loop, WIRE_STALL_US - 1);
	assert_int_equal(c->closed, 0);
	loop_advance(c->loop, 1);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_TIMEOUT);
}

static void
the_last_words_of_a_peer_that_has_gone_still_count(void **state)
{
	struct core *c = *state;
	struct said s = honest(9);

	(void)fill_socket(c);
	say(c, &s);
	auto_close_fd(&c->agent); /* with much unread: ECONNRESET and EPIPE */
	send_runs(c, 0, 3);
	loop_advance(c->loop, 0);
	assert_int_equal(c->taken, 1);
	assert_int_equal(c->turn, 9);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_UNAVAILABLE);
}

static void
last_words_count_though_much_was_left_unread(void **state)
{
	struct core *c = *state;
	struct said s = honest(9);

	send_runs(c, 0, 3);
	say(c, &s);
	auto_close_fd(&c->agent); /* ECONNRESET comes before the record */
	loop_advance(c->loop, 0);
	assert_int_equal(c->taken, 1);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_UNAVAILABLE);
}

/* Another channel of core's, in the place of the agent's. */
static void
become(struct core *c, enum part other)
{
	struct err e = { 0 };
	int fds[2];

	wire_peer_free(c->peer);
	auto_close_fd(&c->agent);
	assert_int_equal(wire_pair(fds, &e), 0);
	c->agent = fds[1];
	c->end.other = other;
	c->end.handlers = NULL;
	c->end.count = 0;
	c->peer = wire_peer_new(c->loop, fds[0], &c->end, &e);
	assert_non_null(c->peer);
}

static void
a_record_for_another_receiver_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct said s = { .header = {
		              .magic = MAGIC,
		              .type = WIRE_REDEEM,
		              .sender = PART_EGRESS,
		              .size = (uint32_t)wire_size(WIRE_REDEEM),
		          } };

	become(c, PART_EGRESS);
	say(c, &s); /* for the vault, said to core */
	expect_dead(c, ERR_DENIED, "REDEEM does not go from egress to core");
}

static void
a_queue_full_of_bytes_closes_the_peer(void **state)
{
	struct core *c = *state;
	struct wire_vault_grant grant = { 0 };
	size_t most = WIRE_QUEUE_BYTES / sizeof(grant);

	become(c, PART_VAULT);
	assert_in_range(most, 1, WIRE_QUEUE_RECORDS - 1);
	while (wire_queued(c->peer) < most) {
		wire_send(c->peer, WIRE_VAULT_GRANT, &grant, NULL, 0);
	}
	assert_true(wire_peer_alive(c->peer));
	wire_send(c->peer, WIRE_VAULT_GRANT, &grant, NULL, 0);
	assert_false(wire_peer_alive(c->peer));
	loop_advance(c->loop, 0);
	assert_int_equal(c->why.kind, ERR_LIMIT);
}

static void
what_is_offered_goes_now_or_not_at_all(void **state)
{
	struct core *c = *state;
	struct wire_run_go go = { .agent = 1 };
	size_t sent = 0;

	while (wire_offer(c->peer, WIRE_RUN_GO, &go)) {
		assert_in_range(++sent, 1, 100000);
	}
	assert_int_equal(wire_queued(c->peer), 0);
	wire_send(c->peer, WIRE_RUN_GO, &go, NULL, 0); /* none overtakes it */
	struct err e = { 0 };

	assert_int_equal(
	    wire_take_now(c->agent, WIRE_RUN_GO, 0, &go, NULL, &e), 0);
	assert_false(wire_offer(c->peer, WIRE_RUN_GO, &go));
	assert_true(wire_peer_alive(c->peer));
}

static void
what_has_come_can_be_taken_before_its_turn(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	for (int i = 0; i < WIRE_TURN_RECORDS + 1; i++) {
		say(c, &s);
	}
	wire_poll(c->peer);
	assert_int_equal(c->taken, WIRE_TURN_RECORDS + 1);
	c->free_in_take = true;
	say(c, &s);
	wire_poll(c->peer);
	assert_null(c->peer);
}

static void
a_peer_that_stops_listening_is_closed_in_time(void **state)
{
	struct core *c = *state;

	assert_int_equal(shutdown(c->agent, SHUT_RD), 0);
	send_runs(c, 0, 2);
	loop_advance(c->loop, WIRE_STALL_US / 2);
	send_runs(c, 2, 4); /* gives it no more time */
	loop_advance(c->loop, WIRE_STALL_US / 2 - 1);
	assert_int_equal(c->closed, 0);
	loop_advance(c->loop, 1);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_UNAVAILABLE);
}

static void
the_owner_may_close_a_peer_for_its_own_reason(void **state)
{
	struct core *c = *state;
	struct err why = { 0 };

	(void)err_set(&why, ERR_DENIED, "a name without its end");
	wire_peer_close(c->peer, &why);
	expect_dead(c, ERR_DENIED, "a name without its end");
}

static void
one_peer_cannot_fill_a_turn(void **state)
{
	struct core *c = *state;
	struct said s = honest(1);

	for (int i = 0; i < WIRE_TURN_RECORDS + 1; i++) {
		say(c, &s);
	}
	loop_turn(c->loop, 0);
	assert_int_equal(c->taken, WIRE_TURN_RECORDS);
	loop_turn(c->loop, 0);
	assert_int_equal(c->taken, WIRE_TURN_RECORDS + 1);
}

#define CORE(f) cmocka_unit_test_setup_teardown(f, open_core, close_core)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CORE(an_honest_record_is_taken),
		CORE(a_wrong_magic_closes_the_peer),
		CORE(a_reserved_field_in_use_closes_the_peer),
		CORE(an_unknown_type_closes_the_peer),
		CORE(type_zero_closes_the_peer),
		CORE(a_record_of_another_sender_closes_the_peer),
		CORE(a_record_that_names_another_sender_closes_the_peer),
		CORE(a_record_in_the_wrong_direction_closes_the_peer),
		CORE(a_size_that_is_announced_wrong_closes_the_peer),
		CORE(a_record_that_is_too_short_closes_the_peer),
		CORE(a_record_that_is_too_long_closes_the_peer),
		CORE(
		    a_size_that_agrees_with_itself_but_not_with_the_table_closes),
		CORE(a_packet_without_a_whole_header_closes_the_peer),
		CORE(a_truncated_packet_closes_the_peer),
		CORE(too_many_descriptors_close_the_peer_and_are_closed),
		CORE(far_too_many_descriptors_close_the_peer),
		CORE(descriptors_that_find_no_number_close_the_peer),
		CORE(a_record_nobody_handles_closes_the_peer),
		CORE(the_other_end_closing_closes_the_peer),
		CORE(after_a_malformed_record_nothing_more_is_taken),
		CORE(a_descriptor_is_handed_on_and_closed_unless_taken),
		CORE(a_peer_may_be_freed_by_its_own_handler),
		CORE(what_was_sent_arrives_with_its_descriptors),
		CORE(a_slow_reader_gets_everything_in_order),
		CORE(a_full_queue_closes_the_peer),
		CORE(a_queue_full_of_descriptors_closes_the_peer),
		CORE(a_peer_that_reads_nothing_is_closed_in_time),
		CORE(the_last_words_of_a_peer_that_has_gone_still_count),
		CORE(last_words_count_though_much_was_left_unread),
		CORE(a_record_for_another_receiver_closes_the_peer),
		CORE(a_queue_full_of_bytes_closes_the_peer),
		CORE(what_is_offered_goes_now_or_not_at_all),
		CORE(what_has_come_can_be_taken_before_its_turn),
		CORE(a_peer_that_stops_listening_is_closed_in_time),
		CORE(the_owner_may_close_a_peer_for_its_own_reason),
		CORE(one_peer_cannot_fill_a_turn),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
