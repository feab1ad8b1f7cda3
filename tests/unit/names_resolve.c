/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "names/names.h"

/*
 * A scripted resolver on loopback.  By the first label of the name:
 * "v4": one A; "both": two A (one twice) and an AAAA; "none": NXDOMAIN;
 * "empty": no record; "broken": SERVFAIL; "mute": no answer; "liar": an answer
 * with another id; "alias": a CNAME to "v4" with its address;
 * "many": twenty A; "lost": one A, from the third question on.
 */
struct script {
	struct loop *loop;
	struct loop_io io;
	int fd;
	unsigned asked;
	char servers[32];
	struct names_resolver *resolver;
};

struct told {
	struct loop *loop;
	unsigned times;
	struct names_found found;
	struct err e;
	bool has;
};

static void
add_record(struct buf *b, unsigned type, struct str data)
{
	buf_add(b, STR("\xc0\x0c"));
	buf_add_byte(b, 0);
	buf_add_byte(b, (uint8_t)type);
	buf_add(b, STR("\0\1\0\0\0\0"));
	buf_add_byte(b, 0);
	buf_add_byte(b, (uint8_t)data.len);
	buf_add(b, data);
	b->at[7]++;
}

static bool
first_is(const char *packet, const char *label)
{
	size_t n = strlen(label);

	return (uint8_t)packet[12] == n && !memcmp(packet + 13, label, n);
}

/* False: say nothing. */
static bool
compose(struct buf *b, const char *packet, unsigned type, unsigned asked)
{
	if (first_is(packet, "mute") ||
	    (first_is(packet, "lost") && asked <= 2)) {
		return false;
	}
	if (first_is(packet, "none")) {
		b->at[3] = (char)(b->at[3] | 3);
	} else if (first_is(packet, "broken")) {
		b->at[3] = (char)(b->at[3] | 2);
	} else if (first_is(packet, "liar")) {
		b->at[0] ^= 1;
		add_record(b, 1, STR("\x09\x09\x09\x09"));
	} else if (first_is(packet, "alias") && type == 1) {
		add_record(b, 5, STR("\2v4\4test\0"));
		buf_add(b, STR("\2v4\4test\0\0\1\0\1\0\0\0\0\0\4\5\5\5\5"));
		b->at[7]++;
	} else if (first_is(packet, "many") && type == 1) {
		for (char i = 1; i <= 20; i++) {
			add_record(
			    b, 1, (struct str){ (char[]){ 1, 1, 1, i }, 4 });
		}
	} else if ((first_is(packet, "v4") || first_is(packet, "lost")) &&
	           type == 1) {
		add_record(b, 1, STR("\1\1\1\1"));
	} else if (first_is(packet, "both") && type == 1) {
		add_record(b, 1, STR("\1\1\1\1"));
		add_record(b, 1, STR("\x0a\0\0\1"));
		add_record(b, 1, STR("\1\1\1\1"));
	} else if (first_is(packet, "both") && type == 28) {
		add_record(b, 28, STR("\x26\6\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
	}
	return true;
}

static void
script_ready(void *owner, unsigned ready)
{
	struct script *s = owner;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	char packet[512];
	auto_buf b = { 0 };

	(void)ready;
	ssize_t n = recvfrom(
	    s->fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);

	if (n < 17) {
		return;
	}
	s->asked++;
	size_t end = 12;

	while (packet[end]) {
		end += (uint8_t)packet[end] + 1u;
	}
	buf_add(&b, str_span(packet, end + 5));
	b.at[2] = (char)0x81;
	b.at[3] = (char)0x80;
	b.at[11] = 0;
	if (compose(&b, packet, (uint8_t)packet[end + 2], s->asked)) {
		(void)sendto(
		    s->fd, b.at, b.len, 0, (struct sockaddr *)&from, size);
	}
}

static int
set_up(void **state)
{
	static struct script s;
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	struct err e = { 0 };

	s = (struct script){ .loop = loop_new() };
	s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s.fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(s.fd, (struct sockaddr *)&at, &size), 0);
	(void)snprintf(
	    s.servers, sizeof(s.servers), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(
	    loop_io_open(&s.io, s.loop, s.fd, script_ready, &s, &e), 0);
	loop_io_want(&s.io, LOOP_READ);
	assert_int_equal(
	    names_resolver_new(s.loop, s.servers, &s.resolver, &e), 0);
	*state = &s;
	return 0;
}

static int
tear_down(void **state)
{
	struct script *s = *state;

	names_resolver_free(s->resolver);
	loop_io_close(&s->io);
	(void)close(s->fd);
	loop_free(s->loop);
	return 0;
}

static void
heard(void *context, const struct names_found *found, const struct err *e)
{
	struct told *t = context;

	t->times++;
	t->has = found != NULL;
	t->e = *e;
	if (found) {
		t->found = *found;
	}
}

static struct told
resolve(struct script *s, const char *name, int64_t us)
{
	struct told t = { 0 };

	names_resolve(s->resolver, name, us, heard, &t);
	assert_int_equal(t.times, 0);
	struct mono end = mono_after(mono_now(), us + CLOCK_SECOND);

	while (!t.times && !mono_passed(end, mono_now())) {
		loop_turn(s->loop, 50000);
	}
	loop_turn(s->loop, 0);
	assert_int_equal(t.times, 1);
	assert_int_equal(t.has, t.e.kind == ERR_NONE);
	return t;
}

static void
addresses_of_both_families_are_found(void **state)
{
	struct told t = resolve(*state, "both.test", CLOCK_MINUTE);

	assert_true(t.has);
	assert_int_equal(t.found.count, 3);
	unsigned v6 = 0;

	for (size_t i = 0; i < t.found.count; i++) {
		v6 += t.found.at[i].family == 6;
	}
	assert_int_equal(v6, 1);
	t = resolve(*state, "v4.test", CLOCK_MINUTE);
	assert_true(t.has);
	assert_int_equal(t.found.count, 1);
	assert_memory_equal(t.found.at[0].bytes, "\1\1\1\1", 4);
}

static void
no_more_addresses_are_kept_than_there_is_room_for(void **state)
{
	struct told t = resolve(*state, "many.test", CLOCK_MINUTE);

	assert_true(t.has);
	assert_int_equal(t.found.count, NAMES_ANSWERS_MAX);
	for (size_t i = 0; i < t.found.count; i++) {
		assert_int_equal(t.found.at[i].family, 4);
	}
}

static void
a_question_that_was_lost_is_asked_again(void **state)
{
	struct script *s = *state;
	struct told t = resolve(s, "lost.test", CLOCK_MINUTE);

	assert_true(t.has);
	assert_memory_equal(t.found.at[0].bytes, "\1\1\1\1", 4);
	assert_int_equal(s->asked, 4);
}

static void
D05_the_end_of_an_alias_chain_is_what_counts(void **state)
{
	struct told t = resolve(*state, "alias.test", CLOCK_MINUTE);

	assert_true(t.has);
	assert_int_equal(t.found.count, 1);
	assert_memory_equal(t.found.at[0].bytes, "\5\5\5\5", 4);
}

static void
D09_failures_are_told_and_never_an_address(void **state)
{
	struct told t = resolve(*state, "none.test", CLOCK_MINUTE);

	assert_int_equal(t.e.kind, ERR_MISSING);
	t = resolve(*state, "empty.test", CLOCK_MINUTE);
	assert_int_equal(t.e.kind, ERR_MISSING);
	t = resolve(*state, "broken.test", CLOCK_MINUTE);
	assert_int_equal(t.e.kind, ERR_UNAVAILABLE);
}

static void
D09_a_mute_resolver_ends_at_the_deadline(void **state)
{
	struct mono before = mono_now();
	struct told t = resolve(*state, "mute.test", 100000);

	assert_int_equal(t.e.kind, ERR_TIMEOUT);
	assert_true(mono_now().us - before.us < 4 * CLOCK_SECOND);
}

static void
D06_an_answer_with_another_id_is_not_taken(void **state)
{
	struct told t = resolve(*state, "liar.test", 150000);

	assert_int_equal(t.e.kind, ERR_TIMEOUT);
	assert_false(t.has);
}

static void
D01_one_lookup_asks_once(void **state)
{
	struct script *s = *state;
	struct told t = resolve(s, "v4.test", CLOCK_MINUTE);

	assert_true(t.has);
	assert_int_equal(s->asked, 2); /* A and AAAA, of this name alone */
}

static void
D08_the_hosts_file_and_a_search_list_are_not_used(void **state)
{
	struct script *s = *state;
	char host[256];

	/* The machine's own name stands in /etc/hosts nearly everywhere. */
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	host[sizeof(host) - 1] = 0;
	struct told t = resolve(s, host, CLOCK_MINUTE);

	assert_false(t.has);
	assert_int_equal(s->asked, 2);
	t = resolve(s, "none", CLOCK_MINUTE);
	assert_false(t.has);
	assert_int_equal(s->asked, 4);
}

static void
what_is_open_at_the_end_is_told(void **state)
{
	struct script *s = *state;
	struct told t[3] = { 0 };

	for (size_t i = 0; i < 3; i++) {
		names_resolve(s->resolver, i ? "mute.test" : "v4.test",
		    CLOCK_MINUTE, heard, &t[i]);
	}
	loop_turn(s->loop, 1000);
	names_resolver_free(s->resolver);
	s->resolver = NULL;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(t[i].times, 1);
	}
	assert_int_equal(t[2].e.kind, ERR_UNAVAILABLE);
	loop_turn(s->loop, 0);
}

static void
a_bad_server_list_is_refused(void **state)
{
	struct script *s = *state;
	struct names_resolver *r = NULL;
	struct err e = { 0 };

	assert_int_equal(
	    names_resolver_new(s->loop, "not an address", &r, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_null(r);
}

#define SCRIPTED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPTED(addresses_of_both_families_are_found),
		SCRIPTED(no_more_addresses_are_kept_than_there_is_room_for),
		SCRIPTED(a_question_that_was_lost_is_asked_again),
		SCRIPTED(D05_the_end_of_an_alias_chain_is_what_counts),
		SCRIPTED(D09_failures_are_told_and_never_an_address),
		SCRIPTED(D09_a_mute_resolver_ends_at_the_deadline),
		SCRIPTED(D06_an_answer_with_another_id_is_not_taken),
		SCRIPTED(D01_one_lookup_asks_once),
		SCRIPTED(D08_the_hosts_file_and_a_search_list_are_not_used),
		SCRIPTED(what_is_open_at_the_end_is_told),
		SCRIPTED(a_bad_server_list_is_refused),
	};

	/* A search list of this machine's must not matter (D08).  Nothing else
	 * runs yet. */
	(void)setenv("LOCALDOMAIN", "search.test", 1); // NOLINT(concurrency-*)
	return cmocka_run_group_tests(tests, NULL, NULL);
}
