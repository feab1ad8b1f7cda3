/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part `buddy`, the real executable, with this program as its supervisor,
 * its core and its device.  The device's line is a packet socket, so that each
 * write of the part is seen as it was made.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "buddy/buddy.h"
#include "wire/wire.h"

#define WAIT_US (60 * CLOCK_SECOND)
#define WAIT_MS 60000

struct desk {
	pid_t pid;
	int supervisor;
	int core;
	int device; /* our end of the line; -1: none */
	int mouth;  /* where the device speaks, if that is another; -1 */
	uint64_t carrier;
	size_t widest; /* write */
	char line[1100];
};

static const char *buddy_path;

static int
set_up(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	struct wire_ready ready;
	int up[2];
	int core[2];
	struct err e;

	assert_non_null(d);
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(core, &e), 0);
	d->device = -1;
	d->mouth = -1;
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		int a = dup(up[1]);
		int b = dup(core[1]);

		(void)dup2(a, 3);
		(void)dup2(b, 4);
		(void)close_range(5, ~0U, 0);
		(void)execl(buddy_path, "buddy", (char *)NULL);
		_exit(127);
	}
	(void)close(up[1]);
	(void)close(core[1]);
	d->supervisor = up[0];
	d->core = core[0];
	assert_int_equal(wire_take_now(d->supervisor, WIRE_BUDDY_READY, WAIT_US,
	                     &ready, NULL, &e),
	    0);
	*state = d;
	return 0;
}

/* Its exit status, or 1000 + the signal. */
static int
end_of(struct desk *d)
{
	int status;

	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status)
	                         : 1000 + WTERMSIG(status);
}

static void
hang_up(struct desk *d)
{
	if (d->device >= 0) {
		(void)close(take_fd(&d->device));
	}
	if (d->mouth >= 0) {
		(void)close(take_fd(&d->mouth));
	}
}

static int
tear_down(void **state)
{
	struct desk *d = *state;

	(void)close(d->supervisor);
	(void)close(d->core);
	if (d->pid) {
		assert_int_equal(end_of(d), 0);
	}
	hang_up(d);
	free(d);
	return 0;
}

/* --- the supervisor and core --- */

static void
carry(struct desk *d, const char *token)
{
	struct wire_buddy_carrier given = { .zone = 3600 };
	int line[2];
	struct err e;

	hang_up(d);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line), 0);
	given.carrier = ++d->carrier;
	given.kind = token[0] ? WIRE_CARRIER_TCP : WIRE_CARRIER_SERIAL;
	assert_true(str_copy(given.owner, sizeof(given.owner), STR("alice")));
	assert_true(str_copy(given.token, sizeof(given.token), str_of(token)));
	assert_int_equal(wire_send_now(d->supervisor, WIRE_BUDDY_CARRIER,
	                     &given, &line[1], 1, &e),
	    0);
	d->device = line[0];
}

/* Two lines of packets, one each way, or what should be two. */
static void
carry_radio(struct desk *d, uint32_t mtu, size_t ends)
{
	struct wire_buddy_carrier given = {
		.kind = WIRE_CARRIER_RADIO,
		.mtu = mtu,
	};
	int to[2];
	int from[2];
	int fds[2];
	struct err e;

	hang_up(d);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, to), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, from), 0);
	given.carrier = ++d->carrier;
	fds[0] = to[1];
	fds[1] = from[1];
	if (ends == 1) {
		(void)close(from[1]);
	}
	assert_int_equal(wire_send_now(d->supervisor, WIRE_BUDDY_CARRIER,
	                     &given, fds, ends, &e),
	    0);
	d->widest = 0;
	d->device = to[0];
	d->mouth = from[0];
}

static void
tell(struct desk *d, uint64_t order, enum wire_buddy_word word,
    const char *name, struct str folder)
{
	struct wire_buddy_order o = {
		.carrier = d->carrier,
		.order = order,
		.word = word,
	};
	struct err e;
	int fd = folder.len ? memfd_sealed("folder", folder, &e) : -1;

	assert_true(str_copy(o.name, sizeof(o.name), str_of(name)));
	assert_int_equal(wire_send_now(d->core, WIRE_BUDDY_ORDER, &o, &fd,
	                     fd >= 0 ? 1 : 0, &e),
	    0);
}

static struct wire_buddy_show
picture(const struct desk *d, const char *id, bool whole)
{
	struct wire_buddy_show s = {
		.carrier = d->carrier,
		.waiting = id ? 1 : 0,
		.prompt = id ? 1 : 0,
		.whole = whole,
		.entries = 1,
		.msg = "approve: pay",
		.entry = { "[waiting] finance:: pay" },
		.tool = "pay",
		.hint = "K7QF finance ACME $12",
		.role = "finance",
	};

	assert_true(str_copy(s.id, sizeof(s.id), str_of(id ? id : "")));
	return s;
}

static void
show(struct desk *d, const struct wire_buddy_show *s)
{
	struct err e;

	assert_int_equal(
	    wire_send_now(d->core, WIRE_BUDDY_SHOW, s, NULL, 0, &e), 0);
}

static void
take(int fd, enum wire_type type, void *record)
{
	struct err e;

	if (wire_take_now(fd, type, WAIT_US, record, NULL, &e)) {
		fail_msg("%s: %s", wire_name(type), e.text);
	}
}

static void
is_lost(struct desk *d, const char *why)
{
	struct wire_buddy_lost lost;

	take(d->supervisor, WIRE_BUDDY_LOST, &lost);
	assert_int_equal(lost.carrier, d->carrier);
	assert_string_equal(lost.text, why);
}

static void
says_state(struct desk *d, bool alive)
{
	struct wire_buddy_state s;

	take(d->core, WIRE_BUDDY_STATE, &s);
	assert_int_equal(s.carrier, d->carrier);
	assert_int_equal(s.alive, alive);
}

static void
says_decision(struct desk *d, const char *id, bool yes)
{
	struct wire_buddy_decision said;

	take(d->core, WIRE_BUDDY_DECISION, &said);
	assert_int_equal(said.carrier, d->carrier);
	assert_string_equal(said.id, id);
	assert_int_equal(said.yes, yes);
}

static void
is_ordered(struct desk *d, uint64_t order, bool done, const char *words)
{
	struct wire_buddy_ordered end;

	take(d->core, WIRE_BUDDY_ORDERED, &end);
	assert_int_equal(end.order, order);
	assert_int_equal(end.done, done);
	if (!strstr(end.text, words)) {
		fail_msg("%s", end.text);
	}
}

/* --- the device --- */

static int
mouth(const struct desk *d)
{
	return d->mouth >= 0 ? d->mouth : d->device;
}

static void
say(struct desk *d, const char *text)
{
	assert_int_equal(
	    send(mouth(d), text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
say_in_bytes(struct desk *d, const char *text)
{
	for (; *text; text++) {
		assert_int_equal(send(mouth(d), text, 1, MSG_NOSIGNAL), 1);
	}
}

/* The next line that the part writes; false: it has hung up. */
static bool
hear(struct desk *d)
{
	size_t len = 0;

	do {
		struct pollfd at = { .fd = d->device, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&at, 1, WAIT_MS), 1);
		n = recv(
		    d->device, d->line + len, sizeof(d->line) - len - 1, 0);
		if (n <= 0) {
			return false;
		}
		d->widest = (size_t)n > d->widest ? (size_t)n : d->widest;
		len += (size_t)n;
	} while (d->line[len - 1] != '\n');
	d->line[len] = '\0';
	return true;
}

static void
hear_next(struct desk *d, const char *words)
{
	if (!hear(d)) {
		fail_msg("it hung up before %s", words);
	}
}

/* Reads lines until one has this in it. */
static void
hears(struct desk *d, const char *words)
{
	do {
		hear_next(d, words);
	} while (!strstr(d->line, words));
}

#define STATUS \
	"{\"ack\":\"status\",\"ok\":true,\"n\":0,\"data\":{\"name\":\"C\"}}\n"

static void
answer_status(struct desk *d)
{
	hears(d, "\"status\"");
	say(d, STATUS);
	says_state(d, true);
}

/* --- tests --- */

static void
a_device_is_greeted_and_lives_once_it_has_answered(void **state)
{
	struct desk *d = *state;
	struct wire_buddy_show s;

	carry(d, "");
	hears(d, "\"status\"");
	assert_non_null(strstr(d->line, "{\"time\":["));
	assert_non_null(strstr(d->line, ",3600]}"));
	assert_non_null(strstr(d->line, "\"owner\",\"name\":\"alice\""));
	say_in_bytes(d, "boot\r\n" STATUS);
	says_state(d, true);
	s = picture(d, "w-1", true);
	show(d, &s);
	hears(d, "\"prompt\":{\"id\":\"w-1\",\"tool\":\"pay\",\"hint\":\"K7QF "
	         "finance ACME $12\",\"role\":\"finance\"}");
	say_in_bytes(d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"once\"}\n");
	says_decision(d, "w-1", true);
}

static void
no_write_is_wider_than_the_radio_takes(void **state)
{
	struct desk *d = *state;
	struct wire_buddy_show s;

	carry(d, "");
	answer_status(d);
	s = picture(d, "w-1", true);
	s.entries = WIRE_BUDDY_ENTRIES;
	for (size_t i = 0; i < WIRE_BUDDY_ENTRIES; i++) {
		memset(s.entry[i], 'x', sizeof(s.entry[i]) - 1);
	}
	show(d, &s);
	hears(d, "\"prompt\"");
	assert_true(strlen(d->line) > 500);
	assert_true(strlen(d->line) <= BUDDY_LINE_MAX + 1);
	assert_int_equal(d->widest, BUDDY_WRITE_MAX);
}

static void
what_a_wrong_button_says_never_reaches_core(void **state)
{
	struct desk *d = *state;
	struct wire_buddy_show s;

	carry(d, "");
	answer_status(d);
	say(d, "{\"cmd\":\"permission\",\"id\":\"\",\"decision\":\"once\"}\n");
	s = picture(d, "w-1", false);
	show(d, &s);
	hears(d, "\"w-1\"");
	say(d,
	    "{\"cmd\":\"permission\",\"id\":\"w-2\",\"decision\":\"deny\"}\n");
	say(d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"once\"}\n");
	say(d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"deny\"}\n");
	says_decision(d, "w-1", false); /* the first that counts */
	say(d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"deny\"}\n");
	hang_up(d);
	says_state(d, false); /* and nothing before it */
	is_lost(d, "it hung up");
}

static void
a_caller_says_the_token_first_or_hears_nothing(void **state)
{
	struct desk *d = *state;
	static const char *const wrong[] = { "\n", "secret-token-\n",
		"secret-token-12\n", "SECRET-token-1\n",
		"{\"cmd\":\"permission\"}\n" };

	for (size_t i = 0; i < COUNT(wrong); i++) {
		carry(d, "secret-token-1");
		say(d, wrong[i]);
		is_lost(d, "it did not begin with the token");
		assert_false(hear(d));
	}
	carry(d, "secret-token-1");
	say_in_bytes(d, "secret-token-1\n");
	answer_status(d);
}

static void
the_next_device_is_shown_nothing_of_the_last(void **state)
{
	struct desk *d = *state;
	struct wire_buddy_show s;
	struct wire_buddy_show late;

	carry(d, "");
	answer_status(d);
	s = picture(d, "w-of-alice", true);
	late = picture(d, "w-late", true);
	show(d, &s);
	hears(d, "w-of-alice");
	int last = dup(d->device); /* it is still there */

	carry(d, "");
	show(d, &late);
	hears(d, "\"status\"");
	assert_null(strstr(d->line, "w-"));
	say(d, "{\"cmd\":\"permission\",\"id\":\"w-of-alice\",\"decision\":"
	       "\"once\"}\n" STATUS);
	says_state(d, true);
	s = picture(d, NULL, false);
	show(d, &s);
	hears(d, "\"total\"");
	assert_null(strstr(d->line, "w-"));
	(void)close(last);
}

static void
one_that_never_stops_talking_is_put_down(void **state)
{
	struct desk *d = *state;
	char noise[600];

	memset(noise, 'x', sizeof(noise));
	noise[sizeof(noise) - 1] = '\n';
	carry(d, "");
	answer_status(d);
	for (int i = 0; i < 100; i++) {
		if (send(d->device, noise, sizeof(noise), MSG_NOSIGNAL) < 0) {
			break;
		}
	}
	says_state(d, false);
	is_lost(d, "it says more than a device has to say");
	carry(d, "");
	answer_status(d);
}

static void
a_radio_has_an_end_each_way_and_packets_that_fit(void **state)
{
	struct desk *d = *state;
	static const uint32_t mtus[] = { 23, 185, 517 };
	static const size_t widths[] = { 20, 180, 180 };

	for (size_t i = 0; i < COUNT(mtus); i++) {
		struct wire_buddy_show s;
		char long_one[600];

		carry_radio(d, mtus[i], 2);
		answer_status(d);
		s = picture(d, "w-1", true);
		show(d, &s);
		hears(d, "\"w-1\"");
		assert_int_equal(d->widest, widths[i]);
		/* A packet of the widest link is read whole. */
		(void)snprintf(long_one, sizeof(long_one),
		    "{\"cmd\":\"permission\",\"id\":\"w-1\","
		    "\"decision\":\"once\",\"x\":\"%0456d\"}\n",
		    0);
		assert_int_equal(strlen(long_one), 513);
		say(d, long_one);
		says_decision(d, "w-1", true);
		(void)close(take_fd(&d->mouth));
		says_state(d, false);
		is_lost(d, "it hung up");
	}
}

static void
a_radio_of_one_end_or_without_room_is_none(void **state)
{
	struct desk *d = *state;

	carry_radio(d, 22, 2);
	assert_int_equal(end_of(d), 1);
	assert_int_equal(tear_down(state), 0);
	assert_int_equal(set_up(state), 0);
	d = *state;
	carry_radio(d, 185, 1);
	assert_int_equal(end_of(d), 1);
}

static void
what_is_dropped_says_nothing_more(void **state)
{
	struct desk *d = *state;
	struct wire_buddy_drop drop = { .carrier = 7 };
	struct wire_buddy_show s;
	struct err e;

	carry_radio(d, 185, 2);
	answer_status(d);
	s = picture(d, "w-1", true);
	show(d, &s);
	hears(d, "\"w-1\"");
	tell(d, 9, WIRE_BUDDY_UNPAIR, "", STR(""));
	hears(d, "unpair");
	/* Of another carrier: it stays. */
	assert_int_equal(
	    wire_send_now(d->supervisor, WIRE_BUDDY_DROP, &drop, NULL, 0, &e),
	    0);
	say(d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"deny\"}\n");
	says_decision(d, "w-1", false);
	drop.carrier = d->carrier;
	assert_int_equal(
	    wire_send_now(d->supervisor, WIRE_BUDDY_DROP, &drop, NULL, 0, &e),
	    0);
	says_state(d, false);
	is_ordered(d, 9, false, "the device is gone");
	assert_false(hear(d));
	carry_radio(d, 185, 2);
	answer_status(d);
}

static void
a_device_is_named_and_told_to_forget_its_bonds(void **state)
{
	struct desk *d = *state;

	carry(d, "");
	answer_status(d);
	tell(d, 1, WIRE_BUDDY_NAME, "Desk", STR(""));
	hears(d, "{\"cmd\":\"name\",\"name\":\"Desk\"}");
	say(d, "{\"ack\":\"name\",\"ok\":true,\"n\":0}\n");
	is_ordered(d, 1, true, "");
	tell(d, 2, WIRE_BUDDY_UNPAIR, "", STR(""));
	hears(d, "{\"cmd\":\"unpair\"}");
	say(d, "{\"ack\":\"unpair\",\"ok\":false,\"error\":\"no\"}\n");
	is_ordered(d, 2, false, "\"no\"");
	tell(d, 3, WIRE_BUDDY_NAME, "", STR(""));
	is_ordered(d, 3, false, "1 to 64");
	tell(d, 4, WIRE_BUDDY_PUSH, "pet", STR(""));
	is_ordered(d, 4, false, "without its folder");
	tell(d, 5, WIRE_BUDDY_PUSH, "pet", STR("no folder"));
	is_ordered(d, 5, false, "of no form");
}

static void
a_folder_of_core_reaches_the_device(void **state)
{
	struct desk *d = *state;
	static const char packed[] = "a.txt\0\3\0\0\0abc";

	carry(d, "");
	answer_status(d);
	tell(
	    d, 1, WIRE_BUDDY_PUSH, "pet", str_span(packed, sizeof(packed) - 1));
	hears(d, "{\"cmd\":\"char_begin\",\"name\":\"pet\",\"total\":3}");
	say(d, "{\"ack\":\"char_begin\",\"ok\":true,\"n\":0}\n");
	hears(d, "{\"cmd\":\"file\",\"path\":\"a.txt\",\"size\":3}");
	say(d, "{\"ack\":\"file\",\"ok\":true,\"n\":0}\n");
	hears(d, "{\"cmd\":\"chunk\",\"d\":\"YWJj\"}");
	say(d, "{\"ack\":\"chunk\",\"ok\":true,\"n\":3}\n");
	hears(d, "file_end");
	say(d, "{\"ack\":\"file_end\",\"ok\":true,\"n\":3}\n");
	hears(d, "char_end");
	say(d, "{\"ack\":\"char_end\",\"ok\":true,\"n\":0}\n");
	is_ordered(d, 1, true, "");
}

static void
two_orders_at_once_end_the_part(void **state)
{
	struct desk *d = *state;

	carry(d, "");
	answer_status(d);
	tell(d, 1, WIRE_BUDDY_NAME, "One", STR(""));
	hears(d, "\"One\"");
	tell(d, 2, WIRE_BUDDY_NAME, "Two", STR(""));
	assert_int_equal(end_of(d), 1);
}

static void
a_picture_of_no_form_ends_the_part(void **state)
{
	struct desk *d = *state;
	struct wire_buddy_show s;

	carry(d, "");
	answer_status(d);
	s = picture(d, "w-1", true);
	s.entries = WIRE_BUDDY_ENTRIES + 1;
	show(d, &s);
	while (hear(d)) {
		assert_null(strstr(d->line, "\"total\""));
	}
	assert_int_equal(end_of(d), 1);
}

static void
a_text_without_an_end_ends_the_part(void **state)
{
	struct desk *d = *state;
	struct wire_buddy_show s;

	carry(d, "");
	answer_status(d);
	s = picture(d, "w-1", true);
	memset(s.hint, 'x', sizeof(s.hint));
	show(d, &s);
	while (hear(d)) {
		assert_null(strstr(d->line, "\"total\""));
	}
	assert_int_equal(end_of(d), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_device_is_greeted_and_lives_once_it_has_answered),
		T(no_write_is_wider_than_the_radio_takes),
		T(what_a_wrong_button_says_never_reaches_core),
		T(a_caller_says_the_token_first_or_hears_nothing),
		T(the_next_device_is_shown_nothing_of_the_last),
		T(one_that_never_stops_talking_is_put_down),
		T(a_radio_has_an_end_each_way_and_packets_that_fit),
		T(a_radio_of_one_end_or_without_room_is_none),
		T(what_is_dropped_says_nothing_more),
		T(a_device_is_named_and_told_to_forget_its_bonds),
		T(a_folder_of_core_reaches_the_device),
		T(two_orders_at_once_end_the_part),
		T(a_picture_of_no_form_ends_the_part),
		T(a_text_without_an_end_ends_the_part),
#undef T
	};

	buddy_path = getenv("HANDRAIL_BUDDY");
	assert_non_null(buddy_path);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
