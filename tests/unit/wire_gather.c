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
#include <sys/socket.h>
#include <unistd.h>

#include "wire/wire.h"

/*
 * Several records in one packet, between api and core.  The api's end is a peer
 * that gathers, or a bare socket that says what no honest api says; core's is a
 * peer, too, or a bare socket that counts packets.
 */

struct header { /* as src/wire/DESIGN has it */
	uint32_t magic;
	uint16_t type;
	uint16_t sender;
	uint32_t size;
	uint32_t reserved;
};

#define MAGIC 0x01575248u
/* A header, the record of a client that is gone, the gap behind it. */
#define GONE_SIZE  (sizeof(struct header) + sizeof(struct wire_api_gone))
#define GONE_SPACE 32
#define PACKET_MAX ((size_t)16 * 1024)

struct side {
	struct wire_peer *peer;
	struct wire_end end;
	uint64_t ids[1000];
	size_t taken;
	size_t fds_at; /* which record brought descriptors */
	bool free_in_take;
	int closed;
	struct err why;
};

struct channel {
	struct loop *loop;
	int api;
	int core;
	struct side from;
	struct side to;
};

static void
take(struct side *s, struct wire_peer *peer, uint64_t id, size_t nfds)
{
	assert_true(s->taken < COUNT(s->ids));
	s->fds_at = nfds ? s->taken : s->fds_at;
	s->ids[s->taken++] = id;
	if (s->free_in_take) {
		wire_peer_free(peer);
		s->peer = NULL;
	}
}

static void
take_gone(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, size_t nfds)
{
	const struct wire_api_gone *gone = record;

	take(owner, peer, gone->id, nfds);
}

static void
take_ask(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, size_t nfds)
{
	const struct wire_api_ask_long *ask = record;

	take(owner, peer, ask->head.id, nfds);
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct side *s = owner;

	assert_ptr_equal(peer, s->peer);
	s->closed++;
	s->why = *why;
}

static const struct wire_handler from_api[] = {
	{ WIRE_API_GONE, take_gone },
	{ WIRE_API_ASK_LONG, take_ask },
};

static void
open_peer(struct channel *c, struct side *s, enum part self, int fd)
{
	bool is_core = self == PART_CORE;
	struct err e = { 0 };

	s->end = (struct wire_end){
		.self = self,
		.other = is_core ? PART_API : PART_CORE,
		.handlers = from_api,
		.count = is_core ? COUNT(from_api) : 0,
		.closed = closed,
		.owner = s,
	};
	s->peer = wire_peer_new(c->loop, fd, &s->end, &e);
	assert_non_null(s->peer);
}

static void
open_api(struct channel *c)
{
	open_peer(c, &c->from, PART_API, c->api);
	c->api = -1;
	wire_gather(c->from.peer);
}

static void
open_core(struct channel *c)
{
	open_peer(c, &c->to, PART_CORE, c->core);
	c->core = -1;
}

static int
open_channel(void **state)
{
	struct channel *c = test_calloc(1, sizeof(*c));
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(wire_pair(fds, &e), 0);
	c->api = fds[0];
	c->core = fds[1];
	c->loop = loop_new_virtual();
	c->to.fds_at = SIZE_MAX;
	*state = c;
	return 0;
}

static int
close_channel(void **state)
{
	struct channel *c = *state;

	wire_peer_free(c->from.peer);
	wire_peer_free(c->to.peer);
	auto_close_fd(&c->api);
	auto_close_fd(&c->core);
	loop_free(c->loop);
	test_free(c);
	return 0;
}

static void
say_gone(struct channel *c, uint64_t id)
{
	struct wire_api_gone gone = { .id = id };

	wire_send(c->from.peer, WIRE_API_GONE, &gone, NULL, 0);
}

static void
say_ask(struct channel *c, uint64_t id, const int *fds, size_t nfds)
{
	struct wire_api_ask_long ask = { .head.id = id };

	wire_send(c->from.peer, WIRE_API_ASK_LONG, &ask, fds, nfds);
}

static void
expect_ids(const struct channel *c, size_t count)
{
	assert_int_equal(c->to.taken, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(c->to.ids[i], i + 1);
	}
}

static ssize_t
packet_size(const struct channel *c)
{
	static char bytes[65536];

	return recv(c->core, bytes, sizeof(bytes), MSG_DONTWAIT);
}

/* --- sending --- */

static void
what_is_gathered_goes_in_one_packet_when_it_is_let_go(void **state)
{
	struct channel *c = *state;

	open_api(c);
	for (uint64_t id = 1; id <= 3; id++) {
		say_gone(c, id);
	}
	assert_int_equal(packet_size(c), -1);
	wire_let_go(c->from.peer);
	assert_int_equal(packet_size(c), 2UL * GONE_SPACE + GONE_SIZE);
	assert_int_equal(packet_size(c), -1);
}

static void
one_record_alone_is_the_packet_that_it_is_without_gathering(void **state)
{
	struct channel *c = *state;

	open_api(c);
	say_gone(c, 1);
	wire_let_go(c->from.peer);
	assert_int_equal(packet_size(c), GONE_SIZE);
	say_gone(c, 2);
	assert_int_equal(packet_size(c), GONE_SIZE);
}

static void
records_are_taken_in_the_order_in_which_they_were_sent(void **state)
{
	struct channel *c = *state;

	open_api(c);
	open_core(c);
	for (uint64_t id = 1; id <= 999; id++) {
		if (id % 3) {
			say_gone(c, id);
		} else {
			say_ask(c, id, NULL, 0);
		}
		if (id % 50 == 0) { /* else the queue is full */
			loop_advance(c->loop, 0);
		}
	}
	wire_let_go(c->from.peer);
	loop_advance(c->loop, 0);
	expect_ids(c, 999);
}

/* So many of the long, of the short, and one of each, gathered. */
static void
say_some(struct channel *c, size_t asks, size_t gone)
{
	wire_gather(c->from.peer);
	for (size_t i = 0; i < asks; i++) {
		say_ask(c, i, NULL, 0);
	}
	for (size_t i = 0; i < gone; i++) {
		say_gone(c, i);
	}
	say_ask(c, gone, NULL, 0);
	say_gone(c, gone);
	wire_let_go(c->from.peer);
}

static void
expect_packets_that_fit(struct channel *c)
{
	ssize_t size;

	while ((size = packet_size(c)) > 0) {
		assert_in_range(size, 1, PACKET_MAX);
	}
	assert_int_equal(wire_queued(c->from.peer), 0);
}

/* Whatever fills a packet, one behind the other, it is never longer than a
 * packet may be: the header of the last counts, too. */
static void
no_packet_is_longer_than_one_may_be(void **state)
{
	struct channel *c = *state;

	open_api(c);
	for (size_t asks = 0; asks < 3; asks++) {
		for (size_t n = 0; n <= PACKET_MAX / GONE_SPACE; n++) {
			say_some(c, asks, n);
			expect_packets_that_fit(c);
		}
	}
}

/* A packet that has begun is taken whole: here there are three in each. */
static void
a_turn_takes_a_piece_of_what_was_gathered(void **state)
{
	struct channel *c = *state;

	open_api(c);
	open_core(c);
	for (uint64_t id = 1; id <= 24; id++) {
		say_ask(c, id, NULL, 0);
	}
	wire_let_go(c->from.peer);
	loop_turn(c->loop, 0);
	expect_ids(c, (WIRE_TURN_SEVERAL + 2) / 3 * 3UL);
	loop_turn(c->loop, 0);
	expect_ids(c, 24);
}

static void
a_descriptor_comes_alone_behind_what_was_gathered(void **state)
{
	struct channel *c = *state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	open_api(c);
	open_core(c);
	say_gone(c, 1);
	say_gone(c, 2);
	say_ask(c, 3, &fd, 1);
	say_gone(c, 4);
	wire_let_go(c->from.peer);
	loop_advance(c->loop, 0);
	expect_ids(c, 4);
	assert_int_equal(c->to.fds_at, 2);
}

static void
an_offer_comes_behind_what_was_gathered(void **state)
{
	struct channel *c = *state;
	struct wire_api_gone gone = { .id = 2 };

	open_api(c);
	open_core(c);
	say_gone(c, 1);
	assert_true(wire_offer(c->from.peer, WIRE_API_GONE, &gone));
	loop_advance(c->loop, 0);
	expect_ids(c, 2);
}

static void
what_a_full_socket_does_not_take_waits_in_order(void **state)
{
	struct channel *c = *state;
	uint64_t id = 0;

	open_api(c);
	while (!wire_queued(c->from.peer)) {
		say_ask(c, ++id, NULL, 0);
		assert_true(id < COUNT(c->to.ids) - 10);
	}
	for (int i = 0; i < 10; i++) {
		say_gone(c, ++id);
	}
	wire_let_go(c->from.peer);
	open_core(c);
	loop_advance(c->loop, 0);
	assert_int_equal(wire_queued(c->from.peer), 0);
	expect_ids(c, id);
}

static void
room_that_was_made_meanwhile_lets_nothing_overtake_the_queue(void **state)
{
	struct channel *c = *state;
	uint64_t id = 0;
	size_t read = 0;

	open_api(c);
	while (!wire_queued(c->from.peer)) {
		say_ask(c, ++id, NULL, 0);
		assert_true(id < COUNT(c->to.ids) - 10);
	}
	wire_let_go(c->from.peer);
	size_t queued = wire_queued(c->from.peer);

	while (packet_size(c) > 0) {
		read++;
	}
	assert_true(read > 0);
	say_gone(c, ++id); /* alone */
	assert_int_equal(wire_queued(c->from.peer), queued + 1);
	wire_gather(c->from.peer);
	say_gone(c, ++id);
	wire_let_go(c->from.peer);
	assert_int_equal(wire_queued(c->from.peer), queued + 2);
}

static void
gathering_for_one_that_never_reads_ends_at_the_limit(void **state)
{
	struct channel *c = *state;

	open_api(c);
	for (uint64_t id = 0; id < 2UL * WIRE_QUEUE_RECORDS; id++) {
		say_ask(c, id, NULL, 0);
	}
	wire_let_go(c->from.peer);
	loop_advance(c->loop, 0);
	assert_int_equal(c->from.closed, 1);
	assert_int_equal(c->from.why.kind, ERR_LIMIT);
}

static void
what_is_gathered_for_one_that_is_gone_is_swallowed(void **state)
{
	struct channel *c = *state;

	open_api(c);
	say_gone(c, 1);
	auto_close_fd(&c->core);
	wire_let_go(c->from.peer);
	say_gone(c, 2);
	loop_advance(c->loop, 0);
	assert_int_equal(c->from.closed, 1);
	assert_int_equal(c->from.why.kind, ERR_UNAVAILABLE);
	wire_gather(c->from.peer);
	say_gone(c, 3);
	wire_let_go(c->from.peer);
	assert_int_equal(c->from.closed, 1);
}

/* --- taking what no honest api says --- */

struct said {
	uint8_t bytes[4 * GONE_SPACE];
	size_t size;
};

static void
add(struct said *s, uint64_t id)
{
	struct header header = {
		.magic = MAGIC,
		.type = WIRE_API_GONE,
		.sender = PART_API,
		.size = sizeof(struct wire_api_gone),
	};
	size_t at = (s->size + 15) / 16 * 16;

	memcpy(s->bytes + at, &header, sizeof(header));
	memcpy(s->bytes + at + sizeof(header), &id, sizeof(id));
	s->size = at + GONE_SIZE;
}

static struct said
two(void)
{
	struct said s = { 0 };

	add(&s, 1);
	add(&s, 2);
	return s;
}

static void
say(struct channel *c, const struct said *s)
{
	open_core(c);
	assert_int_equal(send(c->api, s->bytes, s->size, 0), s->size);
	loop_advance(c->loop, 0);
}

static void
expect_refused(const struct channel *c, const char *about)
{
	assert_int_equal(c->to.taken, 0);
	assert_int_equal(c->to.closed, 1);
	assert_int_equal(c->to.why.kind, ERR_DENIED);
	if (!strstr(c->to.why.text, about)) {
		fail_msg("'%s' is not about '%s'", c->to.why.text, about);
	}
}

static void
two_records_of_one_packet_are_taken(void **state)
{
	struct channel *c = *state;
	struct said s = two();

	say(c, &s);
	expect_ids(c, 2);
	assert_int_equal(c->to.closed, 0);
}

static void
a_bad_second_record_means_that_the_first_is_not_taken_either(void **state)
{
	struct channel *c = *state;
	struct said s = two();

	s.bytes[GONE_SPACE + offsetof(struct header, reserved)] = 1;
	say(c, &s);
	expect_refused(c, "header");
}

static void
a_second_record_of_another_sender_closes_the_peer(void **state)
{
	struct channel *c = *state;
	struct said s = two();
	uint16_t sender = PART_VAULT;

	memcpy(s.bytes + GONE_SPACE + offsetof(struct header, sender), &sender,
	    sizeof(sender));
	say(c, &s);
	expect_refused(c, "does not go");
}

static void
a_second_record_that_is_cut_off_closes_the_peer(void **state)
{
	struct channel *c = *state;
	struct said s = two();

	s.size--;
	say(c, &s);
	expect_refused(c, "arrived");
}

static void
a_second_header_that_is_cut_off_closes_the_peer(void **state)
{
	struct channel *c = *state;
	struct said s = two();

	s.size = GONE_SPACE + sizeof(struct header) - 1;
	say(c, &s);
	expect_refused(c, "a packet of 15 bytes");
}

static void
a_gap_that_says_something_closes_the_peer(void **state)
{
	struct channel *c = *state;
	struct said s = two();

	s.bytes[GONE_SPACE - 1] = 1;
	say(c, &s);
	expect_refused(c, "arrived");
}

static void
a_gap_with_nothing_behind_it_closes_the_peer(void **state)
{
	struct channel *c = *state;
	struct said s = two();

	s.size = GONE_SPACE;
	say(c, &s);
	expect_refused(c, "arrived");
}

static void
descriptors_with_several_records_close_the_peer(void **state)
{
	struct channel *c = *state;
	struct said s = two();
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { s.bytes, s.size };
	struct msghdr m = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &c->api, sizeof(int));
	open_core(c);
	assert_int_equal(sendmsg(c->api, &m, 0), s.size);
	loop_advance(c->loop, 0);
	expect_refused(c, "descriptors came with 2 records");
}

static void
a_peer_that_its_handler_frees_takes_nothing_more(void **state)
{
	struct channel *c = *state;
	struct said s = two();

	c->to.free_in_take = true;
	say(c, &s);
	assert_int_equal(c->to.taken, 1);
	assert_null(c->to.peer);
}

static void
take_model_ask(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, size_t nfds)
{
	const struct wire_model_ask *ask = record;

	take(owner, peer, ask->turn, nfds);
}

static const struct wire_handler from_agent[] = {
	{ WIRE_MODEL_ASK, take_model_ask },
};

static void
nobody_but_api_and_core_puts_two_into_a_packet(void **state)
{
	struct channel *c = *state;
	struct header header = {
		.magic = MAGIC,
		.type = WIRE_MODEL_ASK,
		.sender = PART_AGENT,
		.size = sizeof(struct wire_model_ask),
	};
	struct said s = { .size = 32 + sizeof(header) + header.size };
	struct err e = { 0 };

	memcpy(s.bytes, &header, sizeof(header));
	memcpy(s.bytes + 32, &header, sizeof(header));
	c->to.end = (struct wire_end){
		.self = PART_CORE,
		.other = PART_AGENT,
		.handlers = from_agent,
		.count = COUNT(from_agent),
		.closed = closed,
		.owner = &c->to,
	};
	c->to.peer = wire_peer_new(c->loop, c->core, &c->to.end, &e);
	assert_non_null(c->to.peer);
	c->core = -1;
	assert_int_equal(send(c->api, s.bytes, s.size, 0), s.size);
	loop_advance(c->loop, 0);
	expect_refused(c, "arrived");
}

static void
a_part_without_a_loop_takes_no_packet_of_two(void **state)
{
	struct channel *c = *state;
	struct said s = two();
	struct wire_api_gone gone;
	struct err e = { 0 };

	assert_int_equal(send(c->api, s.bytes, s.size, 0), s.size);
	assert_int_equal(
	    wire_take_now(c->core, WIRE_API_GONE, 0, &gone, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, "others"));
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_channel, close_channel)
	const struct CMUnitTest tests[] = {
		TEST(what_is_gathered_goes_in_one_packet_when_it_is_let_go),
		TEST(
		    one_record_alone_is_the_packet_that_it_is_without_gathering),
		TEST(no_packet_is_longer_than_one_may_be),
		TEST(records_are_taken_in_the_order_in_which_they_were_sent),
		TEST(a_turn_takes_a_piece_of_what_was_gathered),
		TEST(a_descriptor_comes_alone_behind_what_was_gathered),
		TEST(an_offer_comes_behind_what_was_gathered),
		TEST(what_a_full_socket_does_not_take_waits_in_order),
		TEST(
		    room_that_was_made_meanwhile_lets_nothing_overtake_the_queue),
		TEST(gathering_for_one_that_never_reads_ends_at_the_limit),
		TEST(what_is_gathered_for_one_that_is_gone_is_swallowed),
		TEST(two_records_of_one_packet_are_taken),
		TEST(
		    a_bad_second_record_means_that_the_first_is_not_taken_either),
		TEST(a_second_record_of_another_sender_closes_the_peer),
		TEST(a_second_record_that_is_cut_off_closes_the_peer),
		TEST(a_second_header_that_is_cut_off_closes_the_peer),
		TEST(a_gap_that_says_something_closes_the_peer),
		TEST(a_gap_with_nothing_behind_it_closes_the_peer),
		TEST(descriptors_with_several_records_close_the_peer),
		TEST(a_peer_that_its_handler_frees_takes_nothing_more),
		TEST(nobody_but_api_and_core_puts_two_into_a_packet),
		TEST(a_part_without_a_loop_takes_no_packet_of_two),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
