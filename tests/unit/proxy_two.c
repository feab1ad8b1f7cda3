/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 on both sides, with the credential put in between. */
#include "proxy_two_help.h"

#include <netinet/tcp.h>
#include <poll.h>

#include "proxy/clear.h"

static void
a_cell_that_speaks_only_two_reaches_an_old_upstream(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, false);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "HTTP/1.1 200 OK\r\n"));
	assert_true(says(&w.cell, "hello"));
	struct end *o = &w.r.origin.at[0];
	assert_true(end_got(o, "GET /a HTTP/1.1\r\nHost: good.test\r\n"));
	assert_true(end_got(o, "Authorization: Bearer " SECRET "\r\n"));
	assert_int_equal(w.r.intents, 1);
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	/* Another on the same connection, judged by itself. */
	(void)ask(&w,
	    "POST /b HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 3\r\n\r\n",
	    true);
	http_two_data(w.cell.two, 3, STR("abc"));
	http_two_end(w.cell.two, 3, STR(""));
	world_until(&w, w.cell.ended == 2);
	assert_int_equal(w.r.intents, 2);
	assert_true(end_got(o, "abc"));
	world_free(&w);
}

static void
grpc_passes_with_its_trailers_and_a_credential_G05(void **state)
{
	(void)state;
	struct world w;
	struct err e;
	world_new(&w, true);
	int32_t s = ask(&w,
	    "POST /pkg.Service/Call HTTP/1.1\r\nHost: good.test\r\n"
	    "TE: trailers\r\nContent-Type: application/grpc\r\n\r\n",
	    true);
	http_two_data(w.cell.two, s, STR("\0\0\0\0\5hello"));
	world_until(&w, says(&w.origin, "hello"));
	assert_true(says(&w.origin, "POST /pkg.Service/Call HTTP/1.1\r\n"));
	assert_true(says(&w.origin, "te: trailers\r\n"));
	assert_true(says(&w.origin, "authorization: Bearer " SECRET "\r\n"));
	/* It streams: an answer before the question has ended. */
	assert_int_equal(http_two_answer(w.origin.two, w.origin.stream,
	                     STR("HTTP/1.1 200 OK\r\n"
	                         "Content-Type: application/grpc\r\n"
	                         "Transfer-Encoding: chunked\r\n\r\n"),
	                     true, &e),
	    0);
	http_two_data(w.origin.two, w.origin.stream, STR("\0\0\0\0\3one"));
	world_until(&w, says(&w.cell, "one"));
	http_two_data(w.cell.two, s, STR("\0\0\0\0\5again"));
	world_until(&w, says(&w.origin, "again"));
	http_two_end(w.cell.two, s, STR(""));
	world_until(&w, w.origin.ended == 1);
	http_two_end(w.origin.two, w.origin.stream,
	    STR("grpc-status: 0\r\ngrpc-message: " SECRET "\r\n\r\n"));
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "grpc-status: 0\r\n"));
	assert_false(says(&w.cell, SECRET));
	assert_true(says(&w.cell, "grpc-message: " SCRUB_REMOVED "\r\n"));
	world_until(&w, w.r.outcomes == 1);
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	world_free(&w);
}

static void
what_breaks_a_rule_gets_its_typed_answer(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.decide = REFUSE;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "HTTP/1.1 403 "));
	assert_true(says(&w.cell, "\"rule\":\"egress.none\""));
	assert_int_equal(w.r.origin.count, 0);
	world_free(&w);
}

/* More than all streams have. */
#define WINDOWS ((size_t)20 * HTTP_TWO_WINDOW)

/* The answer came before the question had ended: what of it comes then is the
 * body of a question that is over, and no question of its own. */
static void
the_rest_of_a_body_is_no_request_G02(void **state)
{
	(void)state;
	struct world w;
	static const char rest[16384];
	world_new(&w, true);
	w.r.proxy->setup.times.head = 3600 * CLOCK_SECOND;
	w.r.decide = REFUSE;
	int32_t s = ask(&w,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 200000\r\n\r\n",
	    true);
	world_until(&w, says(&w.cell, "HTTP/1.1 403 "));
	world_until(&w, w.cell.ended == 1);
	world_until(&w, proxy_carried(w.r.proxy) <= 1);
	w.r.decide = GO;
	http_two_data(w.cell.two, s, STR(GET_TWO));
	for (size_t said = 0; said <= HTTP_TWO_WINDOW; said += sizeof(rest)) {
		http_two_data(w.cell.two, s, str_span(rest, sizeof(rest)));
	}
	/* It is told that nobody waits for it, and says it all the same. */
	world_until(&w, w.cell.closed == 1);
	say_data(&w, s, STR(GET_TWO));
	for (size_t said = 0; said < WINDOWS; said += sizeof(rest)) {
		say_data(&w, s, str_span(rest, sizeof(rest)));
	}
	rig_until(&w.r, (end_turn(&w.c), w.c.link.out.len == 0));
	rig_turns(&w.r, 50);
	assert_int_equal(w.r.intents, 1);
	assert_int_equal(w.r.origin.count, 0);
	/* The session goes on. */
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.intents == 2);
	world_free(&w);
}

/* Nothing opens the window of one that is over but this end. */
static void
a_cell_whose_window_is_used_up_hears_that_it_may_stop(void **state)
{
	(void)state;
	struct world w;
	static const char body[200000];
	static const struct proxy_refusal no = {
		.status = 403, .error = "denied", .reason = "no"
	};
	world_new(&w, true);
	w.r.decide = HOLD;
	int32_t s = ask(&w,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 200000\r\n\r\n",
	    true);
	http_two_data(w.cell.two, s, str_span(body, sizeof(body)));
	assert_true(until_stuck(&w, &w.cell, s, 1) > HTTP_TWO_WINDOW);
	proxy_refuse(w.r.proxy, w.r.id, &no);
	world_until(&w, w.cell.closed == 1);
	assert_true(says(&w.cell, "HTTP/1.1 403 "));
	world_free(&w);
}

static void
another_authority_in_the_session_is_refused_G01_T02(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	(void)ask(&w, "GET /a HTTP/1.1\r\nHost: evil.test\r\n\r\n", false);
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "HTTP/1.1 403 "));
	assert_int_equal(w.r.intents, 0);
	assert_int_equal(w.r.outcomes, 1);
	assert_int_equal(w.r.origin.count, 0);
	world_free(&w);
}

static void
streams_are_judged_apart_and_share_no_credential_G04(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, false);
	w.r.decide = HOLD;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.intents == 1);
	uint64_t first = w.r.id;
	(void)ask(&w, "GET /b HTTP/1.1\r\nHost: good.test\r\n\r\n", false);
	world_until(&w, w.r.intents == 2);
	static const struct proxy_refusal no = {
		.status = 403, .error = "denied", .reason = "no"
	};
	proxy_refuse(w.r.proxy, first, &no);
	rig_inject(&w.r);
	proxy_go(w.r.proxy, w.r.id, &w.r.go);
	world_until(&w, w.cell.ended == 2);
	assert_true(says(&w.cell, "HTTP/1.1 403 "));
	assert_true(says(&w.cell, "hello"));
	assert_true(end_got(&w.r.origin.at[0], "GET /b "));
	assert_false(end_got(&w.r.origin.at[0], "GET /a "));
	world_free(&w);
}

static void
a_stream_that_is_given_up_ends_its_exchange_L04(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	int32_t s = ask(&w, GET_TWO, false);
	world_until(&w, says(&w.origin, "GET /a"));
	http_two_reset(w.cell.two, s);
	world_until(&w, w.r.outcomes == 1);
	assert_int_equal(w.r.outcome.end, PROXY_FAILED);
	world_until(&w, w.origin.closed == 1);
	world_free(&w);
}

static void
a_cell_that_hangs_up_ends_all_its_streams(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, says(&w.origin, "GET /a"));
	proxy_link_close(&w.c.link);
	rig_until(&w.r, w.r.outcomes == 1);
	assert_int_equal(w.r.outcome.end, PROXY_FAILED);
	rig_until(&w.r, proxy_carried(w.r.proxy) == 0);
	world_free(&w);
}

static void
the_end_of_the_lease_ends_sessions_too_X03(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, says(&w.origin, "GET /a"));
	proxy_close_all(w.r.proxy, "the lease is over");
	assert_int_equal(w.r.outcomes, 1);
	rig_until(&w.r, proxy_carried(w.r.proxy) == 0);
	world_until(&w, w.c.gone);
	world_free(&w);
}

static void
big_bodies_pass_both_ways(void **state)
{
	(void)state;
	struct world w;
	struct err e;
	auto_buf big = { 0 };
	for (size_t i = 0; i < 1000000; i++) {
		buf_add_byte(&big, (uint8_t)('a' + i % 26));
	}
	world_new(&w, true);
	int32_t s = ask(&w,
	    "POST /big HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 1000000\r\n\r\n",
	    true);
	http_two_data(w.cell.two, s, buf_str(&big));
	http_two_end(w.cell.two, s, STR(""));
	world_until(
	    &w, (http_two_taken(
	             w.origin.two ? w.origin.two : w.cell.two, w.origin.stream),
	            w.origin.ended == 1));
	assert_true(w.origin.text.len > 1000000);
	assert_int_equal(http_two_answer(w.origin.two, w.origin.stream,
	                     STR("HTTP/1.1 200 OK\r\n"
	                         "Content-Length: 1000000\r\n\r\n"),
	                     true, &e),
	    0);
	http_two_data(w.origin.two, w.origin.stream, buf_str(&big));
	http_two_end(w.origin.two, w.origin.stream, STR(""));
	world_until(&w, (http_two_taken(w.cell.two, s), w.cell.ended == 1));
	assert_true(str_ends(buf_str(&w.cell.text), buf_str(&big)));
	assert_int_equal(w.r.outcome.up, 1000000);
	assert_int_equal(w.r.outcome.down, 1000000);
	world_free(&w);
}

static void
who_offers_both_is_served_two(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	cell_dial(&r, &c, GOOD, 443);
	proxy_link_secure(&c.link, tls_connect_two(r.cell_trust, GOOD, false));
	end_turn(&c);
	rig_until(&r, c.open);
	assert_true(tls_two(c.link.tls));
	end_close(&c);
	rig_free(&r);
}

/* --- many exchanges on one connection upstream ------------------------------
 */

static void
many_share_one_connection_and_are_told_apart(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	/* All at once: nobody dials while another does. */
	for (int i = 0; i < 5; i++) {
		(void)ask(&w, GET_OF("/many"), false);
	}
	world_until(&w, w.origin.ended == 5);
	assert_int_equal(w.r.origin.count, 1);
	assert_int_equal(w.r.intents, 5);
	assert_int_equal(w.r.redeems, 5);
	/* The last is answered first. */
	for (int32_t stream = 9; stream > 0; stream -= 2) {
		size_t ended = w.cell.ended;
		answer(&w, stream, stream == 3 ? "the third" : "another");
		world_until(&w, w.cell.ended == ended + 1);
	}
	assert_true(says(&w.cell, "the third"));
	(void)ask(&w, GET_OF("/later"), false);
	world_until(&w, w.origin.ended == 6);
	answer(&w, 11, "later");
	world_until(&w, w.cell.ended == 6);
	assert_int_equal(w.r.origin.count, 1);
	world_until(&w, w.r.outcomes == 6);
	world_free(&w);
}

static void
another_version_of_a_credential_is_another_connection(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.go.version = 1;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 1);
	w.r.go.version = 2;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.origin.count == 2);
	w.r.go.version = 1;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 2);
	assert_int_equal(w.r.origin.count, 2);
	world_free(&w);
}

static void
one_that_nobody_reads_does_not_stop_the_others(void **state)
{
	(void)state;
	struct world w;
	static char block[200000];
	struct err e;
	memset(block, 'b', sizeof(block));
	world_new(&w, true);
	/* Two cells' sessions: one stops to read. */
	(void)ask(&w, GET_OF("/stuck"), false);
	world_until(&w, w.origin.ended == 1);
	w.c.stuck = true;
	assert_int_equal(
	    http_two_answer(w.origin.two, 1,
	        STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
	        true, &e),
	    0);
	for (int i = 0; i < 20; i++) {
		http_two_data(w.origin.two, 1, str_span(block, sizeof(block)));
	}
	for (int i = 0; i < 200; i++) {
		world_until(&w, true);
		rig_turns(&w.r, 1);
	}
	struct end d;
	struct two other = { .x = &d };
	cell_dial(&w.r, &d, GOOD, 443);
	proxy_link_secure(&d.link, tls_connect_two(w.r.cell_trust, GOOD, true));
	end_turn(&d);
	world_until(&w, d.open);
	other.two = http_two_client(&two_ops, &other);
	int32_t stream = 0;
	assert_int_equal(http_two_ask(other.two, STR(GET_OF("/free")), false,
	                     false, &stream, &e),
	    0);
	world_until(&w, (two_step(&other), w.origin.ended == 2));
	assert_int_equal(w.r.origin.count, 1);
	answer(&w, 3, "free");
	world_until(&w, (two_step(&other), other.ended == 1));
	assert_true(says(&other, "free"));
	http_two_free(other.two);
	buf_fini(&other.text);
	end_close(&d);
	world_free(&w);
}

#define POST_TWO                                     \
	"POST /once HTTP/1.1\r\nHost: good.test\r\n" \
	"Content-Length: 3\r\n\r\n"

/* It waits for a person, say: what has come of its body is held here. */
static void
a_body_that_waits_does_not_stop_the_others(void **state)
{
	(void)state;
	static const char body[200000];
	enum { HELD = HTTP_TWO_STREAMS - 1 };
	struct world w;
	world_new(&w, true);
	w.r.decide = HOLD;
	for (int i = 0; i < HELD; i++) {
		int32_t held = ask(&w,
		    "POST /held HTTP/1.1\r\nHost: good.test\r\n"
		    "Content-Length: 200000\r\n\r\n",
		    true);
		http_two_data(w.cell.two, held, str_span(body, sizeof(body)));
	}
	for (int32_t i = 0; i < HELD; i++) {
		assert_true(until_stuck(&w, &w.cell, 2 * i + 1, 1) > 0);
	}
	assert_int_equal(w.r.intents, HELD);
	w.r.decide = GO;
	int32_t s = ask(&w, POST_TWO, true);
	http_two_data(w.cell.two, s, STR("abc"));
	http_two_end(w.cell.two, s, STR(""));
	world_until(&w, w.origin.ended == 1);
	assert_true(says(&w.origin, "POST /once HTTP/1.1\r\n"));
	assert_false(says(&w.origin, "/held"));
	world_free(&w);
}

/* A connection that ends takes along what was under way on it, once each; who
 * asked for nothing that changes anything is served by a fresh one. */
static void
an_upstream_that_hangs_up_ends_each_exchange(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	(void)ask(&w, GET_OF("/first"), false);
	world_until(&w, w.origin.ended == 1);
	answer(&w, 1, "first");
	world_until(&w, w.cell.ended == 1);
	(void)ask(&w, GET_OF("/safe"), false);
	int32_t s = ask(&w,
	    "POST /unsafe HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 1\r\n\r\n",
	    true);
	http_two_data(w.cell.two, s, STR("x"));
	http_two_end(w.cell.two, s, STR(""));
	world_until(&w, w.origin.ended == 3);
	http_two_free(w.origin.two);
	w.origin.two = NULL;
	w.origin.x = NULL;
	end_close(&w.r.origin.at[0]);
	w.r.origin.at[0].open = false;
	rig_until(&w.r, (two_step(&w.cell), w.r.origin.count == 2));
	rig_until(&w.r, (two_step(&w.cell), w.cell.ended == 2));
	assert_true(says(&w.cell, "HTTP/1.1 502 "));
	assert_int_equal(w.r.origin.count, 2);
	rig_until(
	    &w.r, (two_step(&w.cell),
	              str_has_str(buf_str(&w.r.origin.at[1].got), STR("PRI"))));
	world_free(&w);
}

#define GOAWAY "\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0" /* behind stream 1 */

static bool
road_over(const struct world *w)
{
	const struct road *r = w->r.proxy->roads;
	return r->link->ended || !http_two_takes(r->two, 0);
}

/* In the socket, and no turn yet for who reads it. */
static void
wait_for_bytes(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 20 * 1000), 1);
}

enum leaving { READ, UNREAD, HUNG_UP, WAYS };

/* While the vault is asked for the credential of a POST. */
static void
leave_unasked(struct world *w, enum leaving way)
{
	(void)ask(w, GET_OF("/first"), false);
	world_until(w, w->origin.ended == 1);
	answer(w, 1, "first");
	world_until(w, w->cell.ended == 1);
	w->r.vault_waits = true;
	int32_t s = ask(w, POST_TWO, true);
	http_two_data(w->cell.two, s, STR("abc"));
	http_two_end(w->cell.two, s, STR(""));
	world_until(w, w->r.redeems == 2);
	assert_int_equal(w->r.origin.count, 1);
	end_say(&w->r.origin.at[0], STR(GOAWAY));
	if (way == HUNG_UP) {
		proxy_link_close(&w->r.origin.at[0].link);
	}
	if (way == UNREAD) {
		wait_for_bytes(w->r.proxy->roads->link->fd);
	} else {
		world_until(w, road_over(w));
	}
	http_two_free(w->origin.two);
	w->origin.two = NULL;
}

/* Nothing of it had left, so it goes once, over a fresh one. */
static void
an_upstream_that_leaves_before_it_is_asked_gets_nothing(void **state)
{
	(void)state;
	for (enum leaving way = READ; way < WAYS; way++) {
		struct world w;
		world_new(&w, true);
		leave_unasked(&w, way);
		rig_credential(&w.r);
		world_until(&w, w.r.origin.count == 2);
		assert_false(says(&w.origin, "/once"));
		world_until(&w, w.origin.ended == 2);
		assert_true(says(&w.origin, "POST /once HTTP/1.1\r\n"));
		assert_true(
		    says(&w.origin, "authorization: Bearer " SECRET "\r\n"));
		assert_true(says(&w.origin, "\r\n\r\nabc"));
		answer(&w, 1, "done");
		world_until(&w, w.cell.ended == 2);
		assert_true(says(&w.cell, "done"));
		world_until(&w, w.r.outcomes == 2);
		assert_int_equal(w.r.redeems, 2);
		world_free(&w);
	}
}

/* It is told so, and does not wait for the time of one that stalls. */
static void
an_upstream_that_takes_nothing_is_said_to(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.vault_waits = true;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.redeems == 1);
	end_say(&w.r.origin.at[0], STR(GOAWAY));
	world_until(&w, road_over(&w));
	rig_credential(&w.r);
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "HTTP/1.1 502 "));
	assert_true(says(&w.cell, "it takes no request"));
	assert_int_equal(w.origin.text.len, 0);
	world_free(&w);
}

/* It asks and asks, and reads none of the answers. */
static void
an_upstream_that_only_pings_is_hung_up_on_G03(void **state)
{
	(void)state;
	struct world w;
	auto_buf pings = { 0 };
	for (int i = 0; i < 10; i++) {
		buf_add(&pings, STR("\0\0\x08\x06\0\0\0\0\0eightpin"));
	}
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 1);
	struct link *link = &w.r.origin.at[0].link;
	int one = 1;
	w.r.origin.at[0].stuck = true;
	/* Else they come in heaps, each of which is a flood by itself. */
	assert_int_equal(
	    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)),
	    0);
	while (w.r.proxy->roads) {
		const struct link *up = w.r.proxy->roads->link;
		assert_true(up->out.len < (size_t)2 * PROXY_BUFFER);
		if (link->out.len == 0) {
			proxy_link_write(link, buf_str(&pings));
		}
		link->blocked = false;
		proxy_link_send(link);
		rig_turns(&w.r, 1);
	}
	world_until(&w, w.r.outcomes == 1);
	assert_int_equal(w.r.outcome.end, PROXY_FAILED);
	world_free(&w);
}

static void
another_policy_takes_no_connection_of_the_old_one(void **state)
{
	(void)state;
	struct world w;
	struct digest policy = { { 7 } };
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 1);
	answer(&w, 1, "first");
	world_until(&w, w.cell.ended == 1);
	proxy_policy(w.r.proxy, &policy);
	world_until(&w, w.r.origin.at[0].gone);
	w.r.go.policy = policy;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.origin.count == 2);
	world_free(&w);
}

/* The text of an answer grows by what comes: here to the size of the buffers
 * that all links share, which are found empty when they are given back. */
static void
an_answer_of_any_size_passes(void **state)
{
	(void)state;
	struct world w;
	static char body[60000];
	auto_buf said = { 0 };
	const char *head = "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n";
	size_t front =
	    CLEAR_SIZE - strlen(head) - strlen("Connection: close\r\n\r\n");
	memset(body, 'b', sizeof(body));
	world_new(&w, false);
	rig_pin(&w.r);
	w.r.go.place = PROXY_PLACE_NONE;
	w.r.go.grant = 0;
	w.r.origin.answer = NULL;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.origin.count == 1 && w.r.origin.at[0].got.len > 0);
	buf_addf(&said, "%s\r\n", head);
	buf_add(&said, str_span(body, front));
	end_say(&w.r.origin.at[0], buf_str(&said));
	world_until(&w, w.cell.text.len > front);
	end_say(&w.r.origin.at[0], str_span(body, sizeof(body) - front));
	world_until(&w, w.cell.ended == 1);
	assert_true(w.cell.text.len > sizeof(body));
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	world_free(&w);
}

/* Core hears of each question until it has decided: who takes back what it
 * asked keeps its place, or could ask without end. */
static void
a_question_that_is_taken_back_keeps_its_place_G03(void **state)
{
	(void)state;
	struct world w;
	static const struct proxy_refusal no = {
		.status = 403, .error = "denied", .reason = "no"
	};
	world_new(&w, true);
	w.r.decide = HOLD;
	for (size_t i = 1; i <= 3; i++) {
		int32_t s = ask(&w, GET_TWO, false);
		world_until(&w, w.r.intents == i);
		http_two_reset(w.cell.two, s);
		world_until(&w, w.cell.closed == i);
	}
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.intents == 4);
	assert_int_equal(proxy_carried(w.r.proxy), 5);
	/* Nor does it help to hang up. */
	proxy_link_close(&w.c.link);
	rig_until(&w.r, proxy_carried(w.r.proxy) == 4);
	rig_turns(&w.r, 20);
	assert_int_equal(proxy_carried(w.r.proxy), 4);
	assert_int_equal(w.r.outcomes, 0);
	rig_inject(&w.r);
	proxy_go(w.r.proxy, 1, &w.r.go);
	assert_int_equal(w.r.outcomes, 1);
	assert_int_equal(w.r.outcome.id, 1);
	assert_int_equal(w.r.outcome.end, PROXY_FAILED);
	proxy_refuse(w.r.proxy, 2, &no);
	proxy_read_body(w.r.proxy, 3);
	assert_int_equal(proxy_carried(w.r.proxy), 1);
	proxy_close_all(w.r.proxy, "the lease is over");
	assert_int_equal(proxy_carried(w.r.proxy), 0);
	assert_int_equal(w.r.redeems, 0);
	assert_int_equal(w.r.origin.count, 0);
	assert_int_equal(w.r.intents, 4);
	world_free(&w);
}

/* Each of its heads is answered by a reset, of which it reads none; nor does it
 * say that it has heard how many it may send. */
static void
a_cell_that_reads_nothing_is_not_read_G03(void **state)
{
	(void)state;
	enum { HEADS = 100000 };
	struct world w;
	auto_buf said = { 0 };
	world_new(&w, true);
	http_two_free(w.cell.two);
	w.cell.two = NULL;
	w.c.stuck = true;
	buf_add(&said, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	buf_add(&said, STR("\0\0\0\4\0\0\0\0\0"));
	for (uint32_t i = 0; i < HEADS; i++) {
		uint32_t stream = 2 * i + 1;
		char id[4] = { 0, (char)(stream >> 16), (char)(stream >> 8),
			(char)stream };
		buf_add(&said, STR("\0\0\x15\1\5"));
		buf_add(&said, str_span(id, sizeof(id)));
		buf_add(&said, STR("\x82\x87\x84\x01\x09good.test"
		                   "\x0f\x17\4evil"));
	}
	struct link *link = &w.c.link;
	size_t left = said.len;
	proxy_link_write(link, buf_str(&said));
	for (int still = 0; still < 200 && link->out.len > 0; still++) {
		link->blocked = false;
		proxy_link_send(link);
		rig_turns(&w.r, 1);
		still = link->out.len < left ? 0 : still;
		left = link->out.len;
	}
	assert_true(left > said.len / 4);
	/* Once it reads, all of them are looked at. */
	w.c.stuck = false;
	rig_until(&w.r, (end_turn(&w.c), link->out.len == 0));
	rig_until(&w.r, (end_turn(&w.c), w.c.got.len >= (size_t)13 * HEADS));
	assert_int_equal(w.r.intents, 0);
	world_free(&w);
}

/* Its window has no room for the rest of the answer. */
static void
answer_that_does_not_fit(struct world *w)
{
	static char body[100000];
	memset(body, 'b', sizeof(body) - 1);
	(void)ask(w, GET_TWO, false);
	world_until(w, w->origin.ended == 1);
	answer(w, 1, body);
	world_until(w, w->r.outcomes == 1);
	for (int i = 0; i < 100; i++) {
		world_until(w, true);
		rig_turns(&w->r, 1);
	}
	assert_int_equal(w->cell.ended, 0);
}

static void
an_answer_that_waits_for_its_window_keeps_its_place_G03(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	answer_that_does_not_fit(&w);
	assert_int_equal(proxy_carried(w.r.proxy), 2);
	world_until(&w, (http_two_taken(w.cell.two, 1), w.cell.ended == 1));
	world_until(&w, proxy_carried(w.r.proxy) == 1);
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	world_free(&w);
}

static void
an_answer_that_nobody_takes_is_cut_in_time_G03(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	answer_that_does_not_fit(&w);
	assert_non_null(w.r.proxy->conns->stream);
	proxy_conn_arm(w.r.proxy->conns, 1);
	world_until(&w, w.cell.closed == 1);
	assert_int_equal(w.cell.ended, 0);
	world_until(&w, proxy_carried(w.r.proxy) == 1);
	world_free(&w);
}

/* What an old upstream says behind its last chunk has no reader (DESIGN). */
static void
trailers_of_an_old_upstream_do_not_pass_G05(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, false);
	w.r.origin.answer = "HTTP/1.1 200 OK\r\n"
	                    "Transfer-Encoding: chunked\r\n\r\n"
	                    "5\r\nhello\r\n0\r\nX-Behind: it\r\n\r\n";
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "hello"));
	assert_false(says(&w.cell, "behind"));
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_cell_that_speaks_only_two_reaches_an_old_upstream),
		cmocka_unit_test(
		    grpc_passes_with_its_trailers_and_a_credential_G05),
		cmocka_unit_test(what_breaks_a_rule_gets_its_typed_answer),
		cmocka_unit_test(the_rest_of_a_body_is_no_request_G02),
		cmocka_unit_test(
		    a_cell_whose_window_is_used_up_hears_that_it_may_stop),
		cmocka_unit_test(
		    another_authority_in_the_session_is_refused_G01_T02),
		cmocka_unit_test(
		    streams_are_judged_apart_and_share_no_credential_G04),
		cmocka_unit_test(
		    a_stream_that_is_given_up_ends_its_exchange_L04),
		cmocka_unit_test(a_cell_that_hangs_up_ends_all_its_streams),
		cmocka_unit_test(the_end_of_the_lease_ends_sessions_too_X03),
		cmocka_unit_test(big_bodies_pass_both_ways),
		cmocka_unit_test(who_offers_both_is_served_two),
		cmocka_unit_test(many_share_one_connection_and_are_told_apart),
		cmocka_unit_test(
		    another_version_of_a_credential_is_another_connection),
		cmocka_unit_test(
		    one_that_nobody_reads_does_not_stop_the_others),
		cmocka_unit_test(a_body_that_waits_does_not_stop_the_others),
		cmocka_unit_test(an_upstream_that_hangs_up_ends_each_exchange),
		cmocka_unit_test(
		    an_upstream_that_leaves_before_it_is_asked_gets_nothing),
		cmocka_unit_test(an_upstream_that_takes_nothing_is_said_to),
		cmocka_unit_test(an_upstream_that_only_pings_is_hung_up_on_G03),
		cmocka_unit_test(
		    another_policy_takes_no_connection_of_the_old_one),
		cmocka_unit_test(an_answer_of_any_size_passes),
		cmocka_unit_test(
		    a_question_that_is_taken_back_keeps_its_place_G03),
		cmocka_unit_test(a_cell_that_reads_nothing_is_not_read_G03),
		cmocka_unit_test(
		    an_answer_that_waits_for_its_window_keeps_its_place_G03),
		cmocka_unit_test(
		    an_answer_that_nobody_takes_is_cut_in_time_G03),
		cmocka_unit_test(trailers_of_an_old_upstream_do_not_pass_G05),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
