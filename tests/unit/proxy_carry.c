/* SPDX-License-Identifier: Apache-2.0 */
/* The way of an allowed request: head, body, answer, and what cuts it. */
#include <errno.h>
#include <stdio.h>

#include "proxy_help.h"

static void
an_allowed_request_goes_out_and_its_answer_comes_back(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_good(&r, &c);
	end_say_z(&c, "GET /a%7eb?x=%41 HTTP/1.1\r\nHost: good.test\r\n"
	              "Accept-Encoding: gzip\r\nX-Own: 1\r\n\r\n");
	rig_until(&r, end_got(&c, "hello"));
	assert_int_equal(r.intents, 1);
	assert_string_equal(r.intent.method, "GET");
	assert_string_equal(r.intent.host, GOOD);
	assert_int_equal(r.intent.port, 443);
	assert_true(r.intent.tls && r.intent.named && !r.intent.own);
	assert_string_equal(r.intent.path, "/a~b");
	assert_string_equal(r.intent.query, "x=A");
	struct end *o = &r.origin.at[0];
	assert_true(end_got(o, "GET /a~b?x=A HTTP/1.1\r\n"));
	assert_true(end_got(o, "Host: good.test\r\n"));
	assert_true(end_got(o, "Accept-Encoding: gzip\r\n"));
	assert_true(end_got(o, "X-Own: 1\r\n"));
	assert_true(end_got(&c, "HTTP/1.1 200 OK\r\n"));
	assert_int_equal(r.outcomes, 1);
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(r.outcome.status, 200);
	assert_int_equal(r.outcome.down, 5);
	assert_false(r.outcome.injected);
	end_close(&c);
	rig_free(&r);
}

static void
a_refused_request_gets_its_typed_answer_and_the_next_is_judged(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	r.decide = REFUSE;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "}\n"));
	assert_true(end_got(&c, "HTTP/1.1 403 "));
	assert_true(end_got(&c, "Content-Type: application/json\r\n"));
	assert_true(end_got(&c, "Handrail-Reason: no rule allows it\r\n"));
	assert_true(end_got(&c,
	    "{\"error\":\"denied\",\"rule\":\"egress.none\","
	    "\"reason\":\"no rule allows it\",\"next\":\"[egress.x]\"}"));
	assert_origin_untouched(&r);
	buf_clear(&c.got);
	rig_pin(&r);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	assert_int_equal(r.intents, 2);
	end_close(&c);
	rig_free(&r);
}

static void
nothing_leaves_before_the_decision(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	r.decide = HOLD;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.intents == 1);
	rig_turns(&r, 50);
	assert_int_equal(r.origin.count, 0);
	assert_int_equal(r.resolves, 0);
	rig_pin(&r);
	proxy_go(r.proxy, r.id, &r.go);
	rig_until(&r, end_got(&c, "hello"));
	end_close(&c);
	rig_free(&r);
}

static void
a_header_credential_is_put_in_once(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	end_say_z(&c, "GET /a HTTP/1.1\r\nHost: good.test\r\n"
	              "Accept-Encoding: gzip\r\n"
	              "grpc-accept-encoding: identity,gzip\r\n\r\n");
	rig_until(&r, end_got(&c, "hello"));
	struct end *o = &r.origin.at[0];
	assert_true(end_got(o, "\r\nAuthorization: Bearer " SECRET "\r\n"));
	assert_true(end_got(o, "Accept-Encoding: identity\r\n"));
	assert_false(end_got(o, "gzip"));
	assert_int_equal(r.redeems, 1);
	assert_true(r.outcome.injected);
	assert_false(end_got(&c, SECRET));
	end_close(&c);
	rig_free(&r);
}

static void
a_basic_credential_is_put_in(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.go.place = PROXY_PLACE_BASIC;
	r.secret = "open sesame";
	assert_true(str_copy(r.go.name, 64, STR("Aladdin")));
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	assert_true(end_got(&r.origin.at[0],
	    "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
	end_close(&c);
	rig_free(&r);
}

static void
big_bodies_pass_both_ways_in_bounded_memory(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	enum { SIZE = 3 * 1000 * 1000 };
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = NULL;
	cell_good(&r, &c);
	auto_buf big = { 0 };
	for (size_t i = 0; i < SIZE; i++) {
		buf_add_byte(&big, (uint8_t)(i % 251));
	}
	auto_buf head = { 0 };
	buf_addf(&head,
	    "POST /up HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: %d\r\n\r\n",
	    SIZE);
	buf_add(&head, buf_str(&big));
	end_say(&c, buf_str(&head));
	rig_until(&r, r.origin.count == 1 && r.origin.at[0].got.len > 0);
	struct end *o = &r.origin.at[0];
	/* The origin stops reading: the proxy must stop too. */
	int small = 16384;
	assert_int_equal(setsockopt(r.proxy->conns->up->link->fd, SOL_SOCKET,
	                     SO_SNDBUF, &small, sizeof(small)),
	    0);
	o->stuck = true;
	rig_turns(&r, 3000);
	assert_in_range(r.proxy->conns->up->link->out.len, 1, 2 * PROXY_BUFFER);
	assert_true(r.proxy->conns->link.in.len <= LINK_IN);
	o->stuck = false;
	end_turn(o);
	rig_until(&r, o->got.len > SIZE);
	rig_until(&r, end_got(o, "\r\n\r\n"));
	struct str got = buf_str(&o->got);
	assert_memory_equal(got.at + got.len - SIZE, big.at, SIZE);
	auto_buf answer = { 0 };
	buf_addf(
	    &answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SIZE);
	buf_add(&answer, buf_str(&big));
	/* The cell stops reading: the proxy must stop too. */
	c.stuck = true;
	end_say(o, buf_str(&answer));
	rig_turns(&r, 3000);
	assert_non_null(r.proxy->conns->up);
	assert_in_range(r.proxy->conns->link.out.len, 1, 2 * PROXY_BUFFER);
	assert_true(r.proxy->conns->up->got < SIZE / 2);
	c.stuck = false;
	end_turn(&c);
	rig_until(&r, r.outcomes == 1 && c.got.len > SIZE);
	rig_turns(&r, 100);
	assert_memory_equal(c.got.at + c.got.len - SIZE, big.at, SIZE);
	assert_int_equal(r.outcome.up, SIZE);
	assert_int_equal(r.outcome.down, SIZE);
	end_close(&c);
	rig_free(&r);
}

/* Servers answer 411 to a POST of which they do not know that it has no body.
 */
static void
that_there_is_no_body_is_said_where_one_is_usual(void **state)
{
	(void)state;
	static const struct {
		const char *line, *length;
		bool said;
	} rows[] = {
		{ "POST", "Content-Length: 0\r\n", true },
		{ "DELETE", "Content-Length: 0\r\n", true },
		{ "POST", "", true },
		{ "PUT", "", true },
		{ "PATCH", "", true },
		{ "DELETE", "", false },
		{ "GET", "", false },
		{ "HEAD", "", false },
	};
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	cell_good(&r, &c);
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_buf text = { 0 };
		buf_addf(&text, "%s /a HTTP/1.1\r\nHost: good.test\r\n%s\r\n",
		    rows[i].line, rows[i].length);
		end_say(&c, buf_str(&text));
		rig_until(&r, r.outcomes == i + 1);
		assert_int_equal(r.origin.count, 1);
		assert_int_equal(
		    end_got(&r.origin.at[0], "\r\nContent-Length: 0\r\n\r\n"),
		    rows[i].said);
		buf_clear(&r.origin.at[0].got);
		r.origin.at[0].seen = 0;
	}
	end_close(&c);
	rig_free(&r);
}

static void
a_chunked_body_is_chunked_anew_without_its_trailers(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer =
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3;x=y\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n";
	cell_good(&r, &c);
	end_say_z(&c, "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	              "Transfer-Encoding: chunked\r\n\r\n"
	              "2;a=b\r\nhi\r\n1\r\n!\r\n0\r\nX-Trail: 1\r\n\r\n");
	rig_until(&r, end_got(&r.origin.at[0], "0\r\n\r\n"));
	rig_until(&r, end_got(&c, "0\r\n\r\n"));
	assert_true(end_got(&r.origin.at[0], "2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"));
	assert_false(end_got(&r.origin.at[0], "X-Trail"));
	assert_true(end_got(&c, "3\r\nabc\r\n0\r\n\r\n"));
	assert_false(end_got(&c, "X-Late"));
	assert_int_equal(r.outcome.up, 3);
	assert_int_equal(r.outcome.down, 3);
	end_close(&c);
	rig_free(&r);
}

static void
an_answer_until_close_becomes_chunked(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.go.tls = false;
	r.origin.tls = false;
	r.origin.answer = "HTTP/1.0 200 OK\r\n\r\nold";
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "3\r\nold\r\n"));
	shutdown(r.origin.at[0].link.fd, SHUT_WR);
	rig_until(&r, end_got(&c, "0\r\n\r\n"));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
}

static void
a_cut_answer_never_looks_whole(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = "HTTP/1.1 200 OK\r\n\r\nuntil close";
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "until close"));
	/* TLS without close-notify. */
	shutdown(r.origin.at[0].link.fd, SHUT_RDWR);
	rig_until(&r, c.gone && r.outcomes == 1);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_false(end_got(&c, "0\r\n\r\n"));
	end_close(&c);
	rig_free(&r);
}

/* Two ends of one connection over TCP: a socket pair knows no reset. */
static void
tcp_pair(int pair[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(
	    getsockname(listener, (struct sockaddr *)&at, &size), 0);
	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(pair[1], (struct sockaddr *)&at, size), 0);
	pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(pair[0] >= 0);
	close(listener);
}

static void
a_cut_answer_ends_in_a_reset(void **state)
{
	(void)state;
	struct rig r;
	struct names_addr to;
	struct str get = STR(GET_GOOD);
	struct err e;
	char answer[1024];
	int pair[2];
	ssize_t n;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut";
	tcp_pair(pair);
	assert_int_equal(names_pool_add(r.pool, GOOD, &to, &e), 0);
	proxy_carry(r.proxy, pair[0], &to, 80);
	assert_int_equal(send(pair[1], get.at, get.len, 0), get.len);
	rig_until(&r, r.origin.count == 1 && r.origin.at[0].seen > 0);
	rig_turns(&r, 20);
	shutdown(r.origin.at[0].link.fd, SHUT_RDWR);
	rig_until(&r, r.outcomes == 1);
	while ((n = recv(pair[1], answer, sizeof(answer), 0)) > 0) {
	}
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
	close(pair[1]);
	rig_free(&r);
}

static void
what_is_no_answer_becomes_a_502(void **state)
{
	(void)state;
	static const char *const bad[] = { "SSH-2.0-x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		"Content-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n"
		"Connection: upgrade\r\n\r\n" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		r.origin.answer = bad[i];
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, end_got(&c, "}\n"));
		assert_true(end_got(&c, "HTTP/1.1 502 "));
		assert_int_equal(r.outcomes, 1);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		end_close(&c);
		rig_free(&r);
	}
}

static void
heads_are_answered_without_a_body(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
	cell_good(&r, &c);
	end_say_z(&c, "HEAD /a HTTP/1.1\r\nHost: good.test\r\n\r\n");
	rig_until(&r, r.outcomes == 1);
	rig_until(&r, end_got(&c, "Content-Length: 5\r\n"));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
}

/* Else the next answer would begin with it. */
static void
a_refused_head_is_answered_without_a_body(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	r.decide = REFUSE;
	cell_good(&r, &c);
	end_say_z(&c, "HEAD /a HTTP/1.1\r\nHost: good.test\r\n\r\n");
	rig_until(&r, end_got(&c, "\r\n\r\n"));
	assert_true(end_got(&c, "HTTP/1.1 403 "));
	assert_true(end_got(&c, "Handrail-Reason: no rule allows it\r\n"));
	rig_pin(&r);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	assert_true(end_got(&c, "\r\n\r\nHTTP/1.1 200 OK\r\n"));
	end_close(&c);
	rig_free(&r);
}

static void
an_early_answer_ends_the_connection(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n";
	cell_good(&r, &c);
	end_say_z(&c, "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	              "Content-Length: 100\r\n\r\nonly this");
	rig_until(&r, end_got(&c, "HTTP/1.1 413 "));
	assert_true(end_got(&c, "Connection: close\r\n"));
	rig_until(&r, c.gone);
	end_close(&c);
	rig_free(&r);
}

static void
a_cell_that_hangs_up_ends_its_exchange(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = NULL;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.origin.count == 1 && r.origin.at[0].got.len > 0);
	end_close(&c);
	rig_until(&r, r.outcomes == 1 && proxy_carried(r.proxy) == 0);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	rig_until(&r, r.origin.at[0].gone);
	rig_free(&r);
}

static void
a_go_for_a_request_that_has_gone_is_a_failed_outcome(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.intents == 1);
	proxy_close_all(r.proxy, "the lease is over");
	assert_int_equal(r.outcomes, 0);
	assert_int_equal(proxy_carried(r.proxy), 0);
	rig_pin(&r);
	proxy_go(r.proxy, r.id, &r.go);
	assert_int_equal(r.outcomes, 1);
	assert_int_equal(r.outcome.id, r.id);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_int_equal(r.origin.count, 0);
	end_close(&c);
	rig_free(&r);
}

static void
X03_what_is_under_way_ends_with_the_lease(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = NULL;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.origin.count == 1 && r.origin.at[0].got.len > 0);
	proxy_close_all(r.proxy, "the lease is over");
	assert_int_equal(r.outcomes, 1);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	rig_until(&r, c.gone && r.origin.at[0].gone);
	end_close(&c);
	rig_free(&r);
}

static void
X01_a_redirect_is_handed_on_and_not_followed(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = "HTTP/1.1 302 Found\r\n"
	                  "Location: https://evil.test/\r\n"
	                  "Content-Length: 0\r\n\r\n";
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "Location: https://evil.test/\r\n"));
	rig_turns(&r, 50);
	assert_int_equal(r.origin.count, 1);
	assert_int_equal(r.intents, 1);
	end_close(&c);
	rig_free(&r);
}

static void
L01_slow_heads_are_cut(void **state)
{
	(void)state;
	struct rig r;
	struct end slow;
	struct end fast;
	/* Long enough for the fast one on a busy machine. */
	struct proxy_times times = { .head = CLOCK_SECOND };
	rig_new(&r, &times);
	rig_pin(&r);
	cell_dial(&r, &slow, GOOD, 80);
	end_say_z(&slow, "GET / HT");
	cell_good(&r, &fast);
	end_say_z(&fast, GET_GOOD);
	rig_until(&r, end_got(&fast, "hello"));
	rig_until(&r, slow.gone);
	assert_int_equal(r.outcome.end, PROXY_REFUSED);
	assert_non_null(strstr(r.outcome.text, "in time"));
	end_close(&slow);
	end_close(&fast);
	rig_free(&r);
}

static void
L02_connections_of_a_cell_are_bounded(void **state)
{
	(void)state;
	struct rig r;
	static struct end all[PROXY_CONNECTIONS + 1];
	rig_new(&r, NULL);
	for (size_t i = 0; i < COUNT(all); i++) {
		cell_dial(&r, &all[i], GOOD, 80);
	}
	assert_int_equal(proxy_carried(r.proxy), PROXY_CONNECTIONS);
	rig_until(&r, all[PROXY_CONNECTIONS].gone);
	assert_false(all[0].gone);
	for (size_t i = 0; i < COUNT(all); i++) {
		end_close(&all[i]);
	}
	rig_free(&r);
}

static void
no_decision_in_time_is_a_no(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct proxy_times times = { .decision = 30000 };
	rig_new(&r, &times);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "}\n"));
	assert_true(end_got(&c, "HTTP/1.1 504 "));
	assert_origin_untouched(&r);
	/* Who decides is told that nobody waits any more. */
	assert_int_equal(r.outcomes, 1);
	assert_int_equal(r.outcome.end, PROXY_REFUSED);
	assert_int_equal(r.outcome.id, r.id);
	end_close(&c);
	rig_free(&r);
}

/* Time of its own: what was left of that for the decision does not cut it. */
static void
an_answer_may_take_longer_than_its_decision(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct proxy_times times = { .decision = CLOCK_SECOND / 5 };
	rig_new(&r, &times);
	rig_pin(&r);
	r.origin.answer = NULL;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.origin.count == 1 && r.origin.at[0].got.len > 0);
	struct mono over = mono_after(mono_now(), 2 * times.decision);
	rig_until(&r, mono_passed(over, mono_now()));
	end_say_z(&r.origin.at[0],
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	rig_until(&r, end_got(&c, "hello"));
	end_close(&c);
	rig_free(&r);
}

static void
a_push_is_asked_with_its_refs_and_sent_whole(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	static const char line[] =
	    "00701111111111111111111111111111111111111111 "
	    "2222222222222222222222222222222222222222 "
	    "refs/heads/agent/f\0report";
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	auto_buf body = { 0 };
	buf_add(&body, str_span(line, sizeof(line) - 1));
	buf_add_z(&body, " status 00000PACK-and-more");
	hex_text((const uint8_t[]){ 0 }, 0, (char[1]){ 0 });
	size_t packet = sizeof(line) - 1 + strlen(" status 0");
	char digits[5];
	(void)snprintf(digits, sizeof(digits), "%04zx", packet);
	memcpy(body.at, digits, 4);
	auto_buf head = { 0 };
	buf_addf(&head,
	    "POST /r.git/git-receive-pack HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    body.len);
	end_say(&c, buf_str(&head));
	rig_turns(&r, 20);
	assert_int_equal(r.intents, 0);
	end_say(&c, buf_str(&body));
	rig_until(&r, end_got(&c, "hello"));
	assert_int_equal(r.intent.git, PROXY_GIT_PUSH);
	assert_int_equal(r.intent.ref_count, 1);
	assert_string_equal(r.intent.refs[0].name, "refs/heads/agent/f");
	rig_until(&r, end_got(&r.origin.at[0], "PACK-and-more"));
	struct str got = buf_str(&r.origin.at[0].got);
	assert_memory_equal(got.at + got.len - body.len, body.at, body.len);
	assert_int_equal(r.outcome.up, body.len);
	end_close(&c);
	rig_free(&r);
}

static void
a_push_that_cannot_be_read_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"Content-Length: 4\r\n\r\nPACK",
		"Content-Length: 4\r\n\r\n0005",
		"Content-Length: 0\r\n\r\n",
		"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n0000",
		"Content-Length: 8\r\n\r\n00000000",
		"Content-Length: 6\r\n\r\n0000PA",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		cell_good(&r, &c);
		auto_buf text = { 0 };
		buf_addf(&text,
		    "POST /r.git/git-receive-pack HTTP/1.1\r\n"
		    "Host: good.test\r\n%s",
		    bad[i]);
		end_say(&c, buf_str(&text));
		assert_refused_early(&r, "push");
		assert_true(end_got(&c, "HTTP/1.1 4"));
		end_close(&c);
		rig_free(&r);
	}
}

static void
told(void *owner)
{
	*(size_t *)owner += 1;
}

/* The owner stopped at a full socket; that it was emptied meanwhile must not
 * pass unnoticed.  Nothing is tried at a full one before its event. */
static void
who_found_a_socket_full_is_told_that_it_is_not(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct link l;
	size_t turns = 0;
	int pair[2];
	static char piece[65536];
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(proxy_link_open(&l, loop, pair[0], told, &turns), 0);
	while (proxy_link_flushed(&l)) {
		proxy_link_write(&l, str_span(piece, sizeof(piece)));
		proxy_link_send(&l);
	}
	for (ssize_t n = 1; n > 0;) {
		n = recv(pair[1], piece, sizeof(piece), 0);
	}
	proxy_link_send(&l);
	proxy_link_settle(&l);
	assert_false(proxy_link_flushed(&l));
	loop_turn(loop, CLOCK_SECOND);
	assert_true(proxy_link_flushed(&l));
	assert_int_equal(turns, 1);
	proxy_link_settle(&l);
	loop_turn(loop, 0);
	assert_int_equal(turns, 1); /* once */
	proxy_link_close(&l);
	close(pair[1]);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_found_a_socket_full_is_told_that_it_is_not),
		cmocka_unit_test(
		    an_allowed_request_goes_out_and_its_answer_comes_back),
		cmocka_unit_test(
		    a_refused_request_gets_its_typed_answer_and_the_next_is_judged),
		cmocka_unit_test(nothing_leaves_before_the_decision),
		cmocka_unit_test(a_header_credential_is_put_in_once),
		cmocka_unit_test(a_basic_credential_is_put_in),
		cmocka_unit_test(big_bodies_pass_both_ways_in_bounded_memory),
		cmocka_unit_test(
		    that_there_is_no_body_is_said_where_one_is_usual),
		cmocka_unit_test(
		    a_chunked_body_is_chunked_anew_without_its_trailers),
		cmocka_unit_test(an_answer_until_close_becomes_chunked),
		cmocka_unit_test(a_cut_answer_never_looks_whole),
		cmocka_unit_test(a_cut_answer_ends_in_a_reset),
		cmocka_unit_test(what_is_no_answer_becomes_a_502),
		cmocka_unit_test(heads_are_answered_without_a_body),
		cmocka_unit_test(a_refused_head_is_answered_without_a_body),
		cmocka_unit_test(an_early_answer_ends_the_connection),
		cmocka_unit_test(a_cell_that_hangs_up_ends_its_exchange),
		cmocka_unit_test(
		    a_go_for_a_request_that_has_gone_is_a_failed_outcome),
		cmocka_unit_test(X03_what_is_under_way_ends_with_the_lease),
		cmocka_unit_test(X01_a_redirect_is_handed_on_and_not_followed),
		cmocka_unit_test(L01_slow_heads_are_cut),
		cmocka_unit_test(L02_connections_of_a_cell_are_bounded),
		cmocka_unit_test(no_decision_in_time_is_a_no),
		cmocka_unit_test(an_answer_may_take_longer_than_its_decision),
		cmocka_unit_test(a_push_is_asked_with_its_refs_and_sent_whole),
		cmocka_unit_test(a_push_that_cannot_be_read_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
