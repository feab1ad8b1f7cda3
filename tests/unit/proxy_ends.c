/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing waits for what nobody does, and no end takes along what was said. */
#include "proxy_two_help.h"

#define LONG 100000 /* bytes: more than what lies at the cell, who is slow */

/* --- windows ----------------------------------------------------------------
 */

static void
answers_that_nobody_reads_do_not_stop_the_last_one(void **state)
{
	(void)state;
	static char body[4 * LONG + 1];
	enum { HELD = HTTP_TWO_STREAMS - 1 };
	struct world w;
	memset(body, 'b', sizeof(body) - 1);
	world_new(&w, true);
	for (int i = 0; i < HELD; i++) {
		(void)ask(&w, GET_TWO, false);
	}
	world_until(&w, w.origin.ended == HELD);
	for (int32_t i = 0; i < HELD; i++) {
		answer(&w, 2 * i + 1, body);
	}
	assert_true(until_stuck(&w, &w.origin, 1, HELD) > (size_t)HELD * LONG);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == HELD + 1);
	answer(&w, w.origin.stream, "free");
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "free"));
	assert_int_equal(w.r.origin.count, 1);
	world_free(&w);
}

/* It comes in what another looks at before it is asked. */
static void
a_window_that_another_finds_open_wakes_whoever_waits_for_it(void **state)
{
	(void)state;
	static const char body[6 * LONG];
	struct world w;
	world_new(&w, true);
	int32_t s = ask(&w,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 600000\r\n\r\n",
	    true);
	http_two_data(w.cell.two, s, str_span(body, sizeof(body)));
	size_t stuck = until_stuck(&w, &w.cell, s, 1);
	assert_true(stuck > 0);
	w.r.decide = HOLD;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.intents == 2);
	assert_int_equal(until_stuck(&w, &w.cell, s, 1), stuck);
	http_two_taken(w.origin.two, 1);
	two_step(&w.origin);
	proxy_go(w.r.proxy, w.r.id, &w.r.go);
	assert_true(until_stuck(&w, &w.cell, s, 1) < stuck);
	world_free(&w);
}

/* --- the last words ---------------------------------------------------------
 */

/* Whoever says that nothing more is asked for still waits for the answers. */
static void
a_cell_that_says_goaway_gets_all_answers(void **state)
{
	(void)state;
	enum { ASKED = 8 };
	static char body[60001];
	struct world w;
	memset(body, 'b', sizeof(body) - 1);
	world_new(&w, true);
	for (int i = 0; i < ASKED; i++) {
		(void)ask(&w, GET_TWO, false);
	}
	world_until(&w, w.origin.ended == ASKED);
	end_say(&w.c, STR("\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	w.c.stuck = true;
	for (int32_t i = 0; i < ASKED; i++) {
		answer(&w, 2 * i + 1, body);
	}
	(void)until_stuck(&w, &w.origin, 1, ASKED);
	w.c.stuck = false;
	end_turn(&w.c);
	world_until(&w, w.cell.ended == ASKED && w.c.gone);
	assert_int_equal(w.r.outcomes, ASKED);
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	world_until(&w, proxy_carried(w.r.proxy) == 0);
	world_free(&w);
}

/* --- what an end says of what became of it ----------------------------------
 */

/* Of stream 1 of the cell, whose session is not read here. */
#define RESET "\0\0\4\3\0\0\0\0\1\0\0\0"

/* RFC 9113 8.1.4: nothing of it was looked at, so it may be asked again. */
static void
a_stream_that_finds_no_place_may_be_asked_again(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.proxy->carried += PROXY_CONNECTIONS;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.cell.closed == 1);
	assert_int_equal(w.cell.untaken, 1);
	w.r.proxy->carried -= PROXY_CONNECTIONS;
	assert_int_equal(w.r.intents, 0);
	assert_int_equal(w.r.outcomes, 0);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.intents == 1);
	world_free(&w);
}

/* What came of an answer that is cut must not look whole: CANCEL and NO_ERROR
 * are the end of one to some clients. */
static void
an_answer_that_is_cut_upstream_is_cut_below(void **state)
{
	(void)state;
	static const struct {
		const char *frame;
		size_t size;
	} rows[] = {
		{ RESET "\0", 13 }, /* NO_ERROR */
		{ RESET "\x08", 13 }, { RESET "\7", 13 },
		{ NULL, 0 }, /* it hangs up */
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;
		struct err e;
		world_new(&w, true);
		(void)ask(&w, GET_TWO, false);
		world_until(&w, w.origin.ended == 1);
		assert_int_equal(http_two_answer(w.origin.two, 1,
		                     STR("HTTP/1.1 200 OK\r\n"
		                         "Transfer-Encoding: chunked\r\n\r\n"),
		                     true, &e),
		    0);
		http_two_data(w.origin.two, 1, STR("a part"));
		world_until(&w, says(&w.cell, "a part"));
		if (rows[i].frame) {
			end_say(
			    w.origin.x, str_span(rows[i].frame, rows[i].size));
		} else {
			proxy_link_close(&w.origin.x->link);
		}
		http_two_free(w.origin.two);
		w.origin.two = NULL;
		buf_clear(&w.c.got);
		rig_until(
		    &w.r, str_has_str(buf_str(&w.c.got), STR(RESET "\2")));
		assert_int_equal(w.r.outcomes, 1);
		assert_int_equal(w.r.outcome.end, PROXY_FAILED);
		assert_non_null(strstr(w.r.outcome.text,
		    "the upstream closed without a whole answer"));
		world_until(&w, w.cell.closed == 1);
		assert_int_equal(w.cell.ended, 0);
		assert_int_equal(w.cell.untaken, 0);
		assert_int_equal(w.r.origin.count, 1);
		world_free(&w);
	}
}

/* As when it is found to be lost: what the connection ended by is said. */
static void
why_a_connection_ended_is_said(void **state)
{
	(void)state;
	struct world w;
	struct linger none = { .l_onoff = 1 };
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 1);
	struct link *link = &w.origin.x->link;
	assert_int_equal(
	    setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)),
	    0);
	proxy_link_close(link); /* a reset */
	http_two_free(w.origin.two);
	w.origin.two = NULL;
	rig_until(&w.r, w.r.outcomes == 1);
	assert_non_null(
	    strstr(w.r.outcome.text, "whole answer: Connection reset by peer"));
	world_free(&w);
}

/* The cell's body has not ended, the answer to it has. */
static void
answer_half(struct world *w)
{
	world_new(w, true);
	int32_t s = ask(w,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 9\r\n\r\n",
	    true);
	http_two_data(w->cell.two, s, STR("half"));
	world_until(w, says(&w->origin, "half"));
	answer(w, 1, "enough");
}

/* RFC 9113 8.1: no more is wanted of the body, and the answer is whole. */
static void
an_answer_that_ended_before_a_reset_is_whole(void **state)
{
	(void)state;
	struct world w;
	answer_half(&w);
	two_step(&w.origin);
	end_say(w.origin.x, STR(RESET "\0"));
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "HTTP/1.1 200 OK\r\n"));
	assert_true(says(&w.cell, "enough"));
	assert_int_equal(w.r.outcomes, 1);
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(w.r.outcome.status, 200);
	assert_int_equal(w.cell.closed, 0);
	world_free(&w);
}

/* Its window is open, and it says nothing more. */
static void
a_body_that_stops_behind_its_answer_is_over_in_time(void **state)
{
	(void)state;
	struct world w;
	answer_half(&w);
	world_until(&w, w.cell.closed == 1);
	assert_int_equal(w.cell.ended, 1);
	assert_true(says(&w.cell, "enough"));
	assert_int_equal(w.r.outcomes, 1);
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	assert_null(w.r.proxy->conns->stop.loop);
	/* The session goes on. */
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.intents == 2);
	world_free(&w);
}

/* What the cell asks when this end has just left was not looked at. */
static void
a_session_that_is_idle_says_that_it_leaves(void **state)
{
	(void)state;
	struct world w;
	struct err e;
	auto_buf late = { 0 };
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 1);
	answer(&w, 1, "first");
	world_until(&w, w.cell.ended == 1 && !w.r.proxy->conns->next);
	proxy_conn_arm(w.r.proxy->conns, 1);
	rig_until(&w.r, w.r.proxy->conns->state != CONN_TWO);
	int32_t s;
	assert_int_equal(
	    http_two_ask(w.cell.two, STR(GET_TWO), false, false, &s, &e), 0);
	http_two_take(w.cell.two, &late);
	end_say(&w.c, buf_str(&late));
	world_until(&w, w.c.gone);
	step(&w);
	assert_int_equal(w.cell.untaken, 1);
	assert_int_equal(w.r.intents, 1);
	world_free(&w);
}

/* A connection of the cell as it is: over TCP, where a reset takes along what
 * is on its way.  Little of it lies at the cell, the rest here. */
static void
cell_dial_tcp(struct rig *r, struct end *x, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	int small = 4096;
	int large = 1 << 20;
	struct names_addr to;
	struct err e;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int cell = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(
	    getsockname(listener, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(
	    setsockopt(cell, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(connect(cell, (struct sockaddr *)&at, size), 0);
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(listener);
	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	assert_int_equal(names_pool_add(r->pool, GOOD, &to, &e), 0);
	proxy_carry(r->proxy, fd, &to, port);
	end_open(x, r->loop, cell, NULL);
}

/* It reads nothing until this end has let go. */
static void
assert_all_comes(struct rig *r, struct end *c, size_t size)
{
	rig_until(r, proxy_carried(r->proxy) == 0);
	c->stuck = false;
	end_turn(c);
	rig_until(r, c->gone);
	assert_null(c->link.why);
	assert_true(c->got.len >= size);
	assert_int_equal(c->got.at[c->got.len - 1], 'z');
}

static void
an_answer_that_is_read_late_comes_whole(void **state)
{
	(void)state;
	static const char *const asked[] = {
		"GET /a HTTP/1.1\r\nHost: good.test\r\n\r\n",
		"GET /a HTTP/1.1\r\nHost: good.test\r\n"
		"Connection: close\r\n\r\n",
	};
	struct proxy_times times = { .idle = CLOCK_SECOND / 100 };
	auto_buf said = { 0 };
	buf_addf(&said, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%0*d",
	    LONG, LONG - 1, 0);
	buf_add_byte(&said, 'z');
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, &times);
		rig_pin(&r);
		r.go.tls = false;
		r.origin.tls = false;
		r.origin.answer = buf_z(&said);
		cell_dial_tcp(&r, &c, 80);
		end_say_z(&c, asked[i]);
		c.stuck = true;
		rig_until(&r, r.outcomes == 1);
		assert_all_comes(&r, &c, LONG);
		end_close(&c);
		rig_free(&r);
	}
}

static void
what_an_upstream_said_last_in_a_tunnel_comes_whole(void **state)
{
	(void)state;
	struct proxy_tunnel t = { .port = 22 };
	auto_buf said = { 0 };
	struct err e;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	assert_int_equal(names_pattern_parse(STR(GOOD), &t.host, &e), 0);
	proxy_tunnels(r.proxy, &t, 1);
	rig_pin(&r);
	r.go.tls = false;
	r.origin.tls = false;
	r.origin.answer = NULL;
	buf_addf(&said, "%0*d", LONG - 1, 0);
	buf_add_byte(&said, 'z');
	cell_dial_tcp(&r, &c, 22);
	rig_until(&r, r.origin.count == 1);
	c.stuck = true;
	assert_int_equal(shutdown(c.link.fd, SHUT_WR), 0);
	rig_until(&r, r.origin.at[0].gone);
	end_say(&r.origin.at[0], buf_str(&said));
	rig_until(&r, proxy_link_flushed(&r.origin.at[0].link));
	proxy_link_close(&r.origin.at[0].link);
	rig_until(&r, r.outcomes == 1);
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(r.outcome.down, LONG);
	assert_all_comes(&r, &c, LONG);
	end_close(&c);
	rig_free(&r);
}

/* Of a request that never becomes whole whoever began it is told, wherever it
 * stopped; nothing of it has left. */
static void
a_request_that_stops_in_the_middle_is_answered(void **state)
{
	(void)state;
	static const struct {
		enum conn_state at;
		const char *begun;
	} rows[] = {
		{ CONN_HEAD, "GET /a HTTP/1.1\r\nHost: go" },
		{ CONN_COMMANDS,
		    "POST /r.git/git-receive-pack HTTP/1.1\r\n"
		    "Host: good.test\r\nContent-Length: 500\r\n\r\n00a" },
		{ CONN_SPOOL, "POST /a HTTP/1.1\r\nHost: good.test\r\n"
		              "Content-Length: 5\r\n\r\nab" },
		{ CONN_GATHER, "POST /a HTTP/1.1\r\nHost: good.test\r\n"
		               "Content-Type: application/json\r\n"
		               "Content-Length: 9\r\n\r\n{\"b\"" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig r;
		struct end c;
		bool gone = rows[i].at == CONN_GATHER; /* it had its go */
		rig_new(&r, NULL);
		rig_inject(&r);
		r.go.place = PROXY_PLACE_JSON;
		assert_true(str_copy(r.go.name, 64, STR("/a")));
		assert_true(str_copy(r.go.format, 256, STR("{{secret}}")));
		r.spool = rows[i].at == CONN_SPOOL;
		cell_good(&r, &c);
		end_say_z(&c, rows[i].begun);
		struct conn *conn = r.proxy->conns;
		rig_until(&r, conn->state == rows[i].at &&
		                  !http_reader_idle(&conn->reader));
		proxy_conn_arm(conn, 1);
		rig_until(&r, c.gone);
		assert_true(end_got(&c, "HTTP/1.1 408 "));
		assert_true(end_got(&c, "did not come whole in time"));
		assert_int_equal(r.outcomes, 1);
		assert_int_equal(r.outcome.id, gone ? r.id : 0);
		assert_int_equal(r.outcome.end, PROXY_REFUSED);
		assert_int_equal(r.outcome.status, 408);
		assert_int_equal(r.intents, gone || r.spool);
		assert_int_equal(r.redeems + r.origin.count, 0);
		rig_until(&r, proxy_carried(r.proxy) == 0);
		end_close(&c);
		rig_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    answers_that_nobody_reads_do_not_stop_the_last_one),
		cmocka_unit_test(
		    a_window_that_another_finds_open_wakes_whoever_waits_for_it),
		cmocka_unit_test(a_cell_that_says_goaway_gets_all_answers),
		cmocka_unit_test(
		    a_stream_that_finds_no_place_may_be_asked_again),
		cmocka_unit_test(an_answer_that_is_cut_upstream_is_cut_below),
		cmocka_unit_test(why_a_connection_ended_is_said),
		cmocka_unit_test(an_answer_that_ended_before_a_reset_is_whole),
		cmocka_unit_test(
		    a_body_that_stops_behind_its_answer_is_over_in_time),
		cmocka_unit_test(a_session_that_is_idle_says_that_it_leaves),
		cmocka_unit_test(an_answer_that_is_read_late_comes_whole),
		cmocka_unit_test(
		    what_an_upstream_said_last_in_a_tunnel_comes_whole),
		cmocka_unit_test(
		    a_request_that_stops_in_the_middle_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
