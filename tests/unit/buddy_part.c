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

#define WAIT_US (10 * CLOCK_SECOND)
#define WAIT_MS 10000

struct desk {
	pid_t pid;
	int supervisor;
	int core;
	int device; /* our end of the line; -1: none */
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

static int
tear_down(void **state)
{
	struct desk *d = *state;

	(void)close(d->supervisor);
	(void)close(d->core);
	if (d->pid) {
		assert_int_equal(end_of(d), 0);
	}
	if (d->device >= 0) {
		(void)close(d->device);
	}
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

	if (d->device >= 0) {
		(void)close(d->device);
	}
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

/* --- the device --- */

static void
say(struct desk *d, const char *text)
{
	assert_int_equal(
	    send(d->device, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
say_in_bytes(struct desk *d, const char *text)
{
	for (; *text; text++) {
		assert_int_equal(send(d->device, text, 1, MSG_NOSIGNAL), 1);
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

/* Reads lines until one has this in it. */
static void
hears(struct desk *d, const char *words)
{
	do {
		if (!hear(d)) {
			fail_msg("it hung up before %s", words);
		}
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
	(void)close(d->device);
	d->device = -1;
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
		T(a_picture_of_no_form_ends_the_part),
		T(a_text_without_an_end_ends_the_part),
#undef T
	};

	buddy_path = getenv("HANDRAIL_BUDDY");
	assert_non_null(buddy_path);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
