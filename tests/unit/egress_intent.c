/* SPDX-License-Identifier: Apache-2.0 */
/* What a cell asks for, as core reads it: together where it is plain. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "parts/egress.h"
#include "wire_meet.h"

#define GOOD "good.test"

static struct {
	struct egress egress;
	struct wire_peer *core;
	size_t together; /* records */
	size_t alone;
	size_t marks;
	size_t outcomes;
	size_t answered;
	size_t together_then; /* when the outcome came */
	size_t together_told; /* when the answered came */
	struct wire_intents last;
	struct wire_intent one;
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */
TAKES(take_intents, wire_intents)
{
	house.together++;
	house.last = *in;
}

TAKES(take_intent, wire_intent)
{
	house.alone++;
	house.one = *in;
}

TAKES(take_outcome, wire_outcome)
{
	assert_int_equal(in->id, 1);
	house.outcomes++;
	house.together_then = house.together;
}

TAKES(take_answered, wire_answered)
{
	house.answered += in->count;
	house.together_told = house.together;
}
/* NOLINTEND(readability-non-const-parameter) */

/* egress.c has it, and a main. */
int
egress_jail(const char *name, uid_t uid, bool own, struct err *e)
{
	(void)name;
	(void)uid;
	(void)own;
	return err_set(e, ERR_DENIED, "no test is jailed");
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	fail_msg("%s", why->text);
}

static struct wire_peer *
meet(enum part self, enum part other, int fd,
    const struct wire_handler *handlers, size_t count)
{
	struct wire_end end = { .self = self,
		.other = other,
		.handlers = handlers,
		.count = count,
		.closed = closed };

	return wire_meet(house.egress.loop, fd, &end);
}

static int
set_up(void **state)
{
	static const struct wire_handler handlers[] = {
		{ WIRE_INTENT, take_intent },
		{ WIRE_INTENTS, take_intents },
		{ WIRE_OUTCOME, take_outcome },
		{ WIRE_ANSWERED, take_answered },
	};
	int fds[2];
	struct err e;

	(void)state;
	memset(&house, 0, sizeof(house));
	house.egress.loop = loop_new_virtual();
	assert_int_equal(wire_pair(fds, &e), 0);
	house.egress.core = meet(PART_EGRESS, PART_CORE, fds[0], NULL, 0);
	house.core =
	    meet(PART_CORE, PART_EGRESS, fds[1], handlers, COUNT(handlers));
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	wire_peer_free(house.egress.core);
	wire_peer_free(house.core);
	loop_free(house.egress.loop);
	return 0;
}

static struct proxy_intent
plain(uint64_t id)
{
	return (struct proxy_intent){ .id = id,
		.method = "GET",
		.host = GOOD,
		.port = 443,
		.tls = true,
		.named = true,
		.path = "/a",
		.query = "b=c" };
}

static void
ask(const struct proxy_intent *i)
{
	egress_intent(&house.egress, i);
}

static void
plain_requests_of_one_turn_are_one_record(void **state)
{
	static const char texts[] = "GET\0/a\0b=c\0POST\0/post\0\0GET\0/a\0b=c";
	struct proxy_intent post = plain(2);
	struct proxy_intent first = plain(1);
	struct proxy_intent third = plain(3);

	(void)state;
	post.method = "POST";
	post.path = "/post";
	post.query = "";
	post.body = PROXY_BODY_UNREAD;
	post.body_size = 77;
	ask(&first);
	ask(&post);
	ask(&third);
	assert_int_equal(house.together, 0);
	loop_advance(house.egress.loop, 0);
	assert_int_equal(house.together, 1);
	assert_int_equal(house.alone, 0);
	assert_int_equal(house.last.count, 3);
	assert_int_equal(house.last.port, 443);
	assert_true(house.last.tls && house.last.named);
	assert_string_equal(house.last.host, GOOD);
	assert_memory_equal(house.last.text, texts, sizeof(texts));
	for (size_t n = 0; n < 3; n++) {
		assert_int_equal(house.last.one[n].id, n + 1);
	}
	assert_int_equal(house.last.one[1].body, WIRE_BODY_UNREAD);
	assert_int_equal(house.last.one[1].body_size, 77);
	assert_int_equal(house.last.one[2].body, WIRE_BODY_NONE);
}

static void
the_next_turn_repeats_nothing_of_the_last(void **state)
{
	static const char zero[sizeof(house.last.text)];
	struct proxy_intent i = plain(1);

	(void)state;
	i.path = "/a/longer/one";
	ask(&i);
	loop_advance(house.egress.loop, 0);
	i = plain(2);
	i.path = "/";
	i.query = "";
	ask(&i);
	loop_advance(house.egress.loop, 0);
	assert_int_equal(house.together, 2);
	assert_int_equal(house.last.count, 1);
	assert_memory_equal(house.last.text, "GET\0/\0", 7);
	assert_memory_equal(
	    house.last.text + 7, zero, sizeof(house.last.text) - 7);
}

static void
another_place_is_another_record(void **state)
{
	struct proxy_intent i = plain(1);

	(void)state;
	ask(&i);
	i.port = 8443;
	ask(&i);
	i.host = "other.test";
	ask(&i);
	i.tls = false;
	ask(&i);
	i.named = false;
	ask(&i);
	loop_advance(house.egress.loop, 0);
	assert_int_equal(house.together, 5);
}

static void
a_record_that_is_full_is_followed_by_another(void **state)
{
	char path[PROXY_PATH_SIZE]; /* of which no two fit */

	(void)state;
	for (size_t n = 0; n < WIRE_TOGETHER + 1; n++) {
		struct proxy_intent i = plain(n);

		ask(&i);
	}
	loop_advance(house.egress.loop, 0);
	assert_int_equal(house.together, 2);
	assert_int_equal(house.last.count, 1);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	for (size_t n = 0; n < 2; n++) {
		struct proxy_intent i = plain(n);

		i.path = path;
		ask(&i);
	}
	loop_advance(house.egress.loop, 0);
	assert_int_equal(house.together, 4);
	assert_int_equal(house.last.count, 1);
}

/* Of each of these there is more to say than such a record can. */
/* The proxy refuses it: it would be our own bug. */
static void
what_no_record_holds_stops_the_part(void **state)
{
	static char query[sizeof(house.last.text)];
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct proxy_intent i = plain(1);
		struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		memset(query, 'q', sizeof(query) - 1);
		i.query = query;
		ask(&i);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void
what_is_not_plain_goes_alone(void **state)
{
	enum { TUNNEL, SOCKET, STALE, GIT, OWN, READ, ALL };

	(void)state;
	for (int what = 0; what < ALL; what++) {
		struct proxy_intent i = plain(1);

		i.tunnel = what == TUNNEL;
		i.websocket = what == SOCKET;
		i.stale = what == STALE;
		i.git = what == GIT ? PROXY_GIT_FETCH : PROXY_GIT_NONE;
		i.own_credentials = what == OWN;
		i.body = what == READ ? PROXY_BODY_READ : PROXY_BODY_NONE;
		ask(&i);
		loop_advance(house.egress.loop, 0);
		assert_int_equal(house.alone, what + 1);
		assert_int_equal(
		    house.one.kind, what == TUNNEL   ? WIRE_ASKED_TUNNEL
		                    : what == SOCKET ? WIRE_ASKED_WEBSOCKET
		                                     : WIRE_ASKED_HTTP);
		assert_int_equal(house.one.stale, what == STALE);
		assert_int_equal(house.one.own_credentials, what == OWN);
		assert_int_equal(house.one.git,
		    what == GIT ? WIRE_GIT_FETCH : WIRE_GIT_NONE);
		assert_int_equal(house.one.body,
		    what == READ ? WIRE_BODY_READ : WIRE_BODY_NONE);
	}
	assert_int_equal(house.together, 0);
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

/* The vault says nothing by itself here: the test does. */
TAKES(take_mark_ask, wire_mark_ask)
{
	assert_in_range(in->size, 1, sizeof(in->value));
	house.marks++;
}

/* NOLINTEND(readability-non-const-parameter) */

static void
vault_marks(uint64_t id, uint8_t first)
{
	struct wire_mark_told told = { .id = id, .mark = { first } };

	egress_mark_told(&house.egress, NULL, &told, NULL, 0);
	loop_advance(house.egress.loop, 0);
}

/* P08: it is asked for with every mark, or not at all. */
static void
what_it_brings_is_marked_before_core_is_asked(void **state)
{
	static const struct wire_handler handlers[] = {
		{ WIRE_MARK_ASK, take_mark_ask },
	};
	struct egress *g = &house.egress;
	struct proxy_setup setup = { .loop = g->loop, .ops = &egress_ops };
	struct buf own[2] = { 0 };
	struct proxy_intent i = plain(1);
	struct wire_peer *vault;
	struct err e;
	int fds[2];

	(void)state;
	buf_add_z(&own[0], "one");
	buf_add_z(&own[1], "two");
	i.own_credentials = true;
	i.own = own;
	i.own_count = 2;
	g->proxy = proxy_new(&setup);
	assert_int_equal(wire_pair(fds, &e), 0);
	g->vault = meet(PART_EGRESS, PART_VAULT, fds[0], NULL, 0);
	vault =
	    meet(PART_VAULT, PART_EGRESS, fds[1], handlers, COUNT(handlers));
	ask(&i);
	loop_advance(g->loop, 0);
	assert_int_equal(house.marks, 2);
	vault_marks(1, 7);
	assert_int_equal(house.alone, 0);
	vault_marks(1, 8);
	assert_int_equal(house.alone, 1);
	assert_int_equal(house.one.own_marks, 2);
	assert_int_equal(house.one.own_mark[0][0], 7);
	assert_int_equal(house.one.own_mark[1][0], 8);
	/* The vault goes meanwhile, and is away. */
	i.id = 2;
	ask(&i);
	egress_mark_gone(g);
	vault_marks(2, 7);
	assert_int_equal(house.alone, 1);
	wire_peer_free(g->vault);
	wire_peer_free(vault);
	g->vault = NULL;
	i.id = 3;
	ask(&i);
	loop_advance(g->loop, 0);
	assert_int_equal(house.alone, 1);
	proxy_free(g->proxy);
	buf_fini(&own[0]);
	buf_fini(&own[1]);
}

/* Who asked left in the same turn: core would not know what ended. */
static void
what_ends_in_the_turn_it_was_asked_in_is_asked_first(void **state)
{
	struct proxy_intent i = plain(1);
	struct proxy_outcome o = {
		.id = 1,
		.end = PROXY_FAILED,
		.host = GOOD,
		.text = "who asked has left",
	};

	(void)state;
	ask(&i);
	egress_ops.outcome(&house.egress, &o);
	loop_advance(house.egress.loop, 0);
	assert_int_equal(house.together, 1);
	assert_int_equal(house.outcomes, 1);
	assert_int_equal(house.together_then, 1);
}

/* With many connections of one cell answers and questions take turns. */
static void
an_answer_does_not_part_what_is_asked(void **state)
{
	const struct proxy_outcome o = {
		.id = 1,
		.end = PROXY_ANSWERED,
		.host = GOOD,
		.text = "",
	};

	(void)state;
	for (uint64_t n = 2; n < 5; n++) {
		struct proxy_intent i = plain(n);

		egress_ops.outcome(&house.egress, &o);
		ask(&i);
	}
	loop_advance(house.egress.loop, 0);
	assert_int_equal(house.together, 1);
	assert_int_equal(house.last.count, 3);
	assert_int_equal(house.answered, 3);
	assert_int_equal(house.together_told, 1); /* behind them */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    plain_requests_of_one_turn_are_one_record, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    the_next_turn_repeats_nothing_of_the_last, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    another_place_is_another_record, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    a_record_that_is_full_is_followed_by_another, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    what_no_record_holds_stops_the_part, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    what_is_not_plain_goes_alone, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    what_it_brings_is_marked_before_core_is_asked, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    an_answer_does_not_part_what_is_asked, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    what_ends_in_the_turn_it_was_asked_in_is_asked_first,
		    set_up, take_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
