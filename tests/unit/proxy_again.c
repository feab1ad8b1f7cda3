/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: a request that the upstream did nothing for (RFC 9113 8.7). */
#include "proxy_two_help.h"

#define REFUSED "\0\0\4\3\0\0\0\0\1\0\0\0\7"
#define CANCEL  "\0\0\4\3\0\0\0\0\1\0\0\0\x08"
#define GOAWAY  "\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0" /* before stream 1 */

#define ASKED(method, more) method " /once HTTP/1.1\r\nHost: good.test\r\n" more
#define POST                ASKED("POST", "Content-Length: 3\r\n\r\n")
#define OPEN                ASKED("POST", "\r\n") /* its length is not known */

/* Asked, with so much of its body, and read so far by the first origin. */
static int32_t
ask_first(struct world *w, const char *head, const char *body, bool ends)
{
	bool any = !str_has_str(str_of(head), STR("DELETE"));
	int32_t s = ask(w, head, any);
	if (any) {
		http_two_data(w->cell.two, s, str_of(body));
	}
	if (any && ends) {
		http_two_end(w->cell.two, s, STR(""));
	}
	world_until(w, says(&w->origin, "/once HTTP/1.1\r\n"));
	world_until(w, says(&w->origin, body));
	world_until(w, !ends || w->origin.ended == 1);
	return s;
}

/* A frame of the upstream's, the last of its session: whoever connects next
 * finds a new one. */
static void
say_last(struct world *w, struct str frame)
{
	end_say(w->origin.x, frame);
	http_two_free(w->origin.two);
	w->origin.two = NULL;
	w->origin.ended = 0;
	buf_clear(&w->origin.text);
}

#define ANEW "the upstream did nothing with it: it is asked about once more"

/* A value is lent for one sending: with one it was asked about, and had its
 * outcome, once more. */
static void
assert_whole(struct world *w, const char *body)
{
	size_t lent = w->r.go.place != PROXY_PLACE_NONE;
	world_until(w, w->origin.ended == 1);
	assert_true(says(&w->origin, "/once HTTP/1.1\r\n"));
	assert_int_equal(
	    says(&w->origin, "authorization: Bearer " SECRET "\r\n"), lent);
	assert_true(str_ends(buf_str(&w->origin.text), str_of(body)));
	assert_int_equal(w->r.outcomes, lent);
	assert_true(!lent || w->r.outcome.end == PROXY_FAILED);
	assert_string_equal(w->r.outcome.text, lent ? ANEW : "");
	answer(w, 1, "done");
	world_until(w, w->cell.ended == 1);
	assert_true(
	    str_starts(buf_str(&w->cell.text), STR("HTTP/1.1 200 OK\r\n")));
	world_until(w, w->r.outcomes == 1 + lent);
	assert_int_equal(w->r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(w->r.outcome.injected, lent);
	assert_int_equal(w->r.origin.count, 2);
	assert_int_equal(w->r.intents, 1 + lent);
	assert_int_equal(w->r.redeems, 2 * lent);
}

/* No credential goes into it. */
static void
bare(struct world *w)
{
	w->r.go.place = PROXY_PLACE_NONE;
	w->r.go.grant = 0;
}

static void
what_was_not_taken_goes_once_more(void **state)
{
	(void)state;
	static const struct {
		struct str frame;
		const char *head, *body, *arrives;
	} rows[] = {
		{ STR(REFUSED), POST, "abc", "\r\n\r\nabc" },
		{ STR(GOAWAY), POST, "abc", "\r\n\r\nabc" },
		{ STR(REFUSED), OPEN, "abc", "\r\n3\r\nabc\r\n0\r\n\r\n" },
		{ STR(REFUSED), OPEN, "", "\r\n\r\n0\r\n\r\n" },
		{ STR(REFUSED), ASKED("POST", "Content-Length: 0\r\n\r\n"), "",
		    "\r\n\r\n" },
		{ STR(REFUSED), ASKED("DELETE", "\r\n"), "", "\r\n\r\n" },
	};
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		struct world w;
		world_new(&w, true);
		if (i >= COUNT(rows)) {
			bare(&w);
		}
		size_t row = i % COUNT(rows);
		(void)ask_first(&w, rows[row].head, rows[row].body, true);
		say_last(&w, rows[row].frame);
		assert_whole(&w, rows[row].arrives);
		assert_int_equal(w.r.outcome.up, strlen(rows[row].body));
		world_free(&w);
	}
}

/* What has left goes first, what comes later behind it. */
static void
what_had_not_ended_goes_on_behind_it(void **state)
{
	(void)state;
	for (int lent = 0; lent < 2; lent++) {
		struct world w;
		world_new(&w, true);
		if (!lent) {
			bare(&w);
		}
		int32_t s = ask_first(&w, OPEN, "ab", false);
		say_last(&w, STR(REFUSED));
		world_until(&w, says(&w.origin, "\r\n\r\n2\r\nab\r\n"));
		http_two_data(w.cell.two, s, STR("c"));
		http_two_end(w.cell.two, s, STR(""));
		assert_whole(&w, "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
		assert_int_equal(w.r.outcome.up, 3);
		world_free(&w);
	}
}

/* Of a known length it is looked through whole, now that a value could be in
 * it. */
static void
what_had_not_come_is_waited_for(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	int32_t s = ask_first(&w, POST, "ab", false);
	say_last(&w, STR(REFUSED));
	world_until(&w, w.r.intents == 2);
	http_two_data(w.cell.two, s, STR("c"));
	http_two_end(w.cell.two, s, STR(""));
	assert_whole(&w, "\r\n\r\nabc");
	assert_int_equal(w.r.outcome.up, 3);
	world_free(&w);
}

/* secret: what is lent by then; NULL: nothing. */
static void
goes_with(const char *secret, enum decide decide, const char *status)
{
	struct world w;
	world_new(&w, true);
	w.r.go.version = 1;
	(void)ask_first(&w, POST, "abc", true);
	w.r.go.version = 2;
	w.r.secret = secret;
	w.r.decide = decide;
	say_last(&w, STR(REFUSED));
	if (secret) {
		world_until(&w, w.origin.ended == 1);
		assert_true(says(&w.origin, "authorization: Bearer "));
		assert_true(says(&w.origin, secret));
		answer(&w, 1, "done");
	}
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, status));
	assert_false(says(&w.origin, SECRET));
	assert_int_equal(w.r.intents, 2);
	assert_int_equal(w.origin.text.len > 0, secret != NULL);
	world_free(&w);
}

/* "Rotation reaches the next request", and archived is over. */
static void
what_goes_once_more_bears_the_value_in_force(void **state)
{
	(void)state;
	goes_with("another-value-0123", GO, " 200 ");
	goes_with(NULL, GO, " 502 ");
	goes_with(NULL, REFUSE, " 403 ");
}

static void
all_that_were_not_taken_share_the_next_connection(void **state)
{
	(void)state;
	enum { MANY = 5 };
	for (int lent = 0; lent < 2; lent++) {
		struct world w;
		world_new(&w, true);
		if (!lent) {
			bare(&w);
		}
		for (int i = 0; i < MANY; i++) {
			int32_t s = ask(&w, POST, true);
			http_two_data(w.cell.two, s, STR("abc"));
			http_two_end(w.cell.two, s, STR(""));
		}
		world_until(&w, w.origin.ended == MANY);
		assert_int_equal(w.r.origin.count, 1);
		say_last(&w, STR(GOAWAY));
		world_until(&w, w.origin.ended == MANY);
		assert_int_equal(w.r.origin.count, 2);
		for (int32_t i = 0; i < MANY; i++) {
			answer(&w, 2 * i + 1, "done");
		}
		world_until(&w, w.cell.ended == MANY);
		assert_int_equal(w.r.redeems, lent ? 2 * MANY : 0);
		assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
		world_free(&w);
	}
}

/* Three sessions of the cell, each as full as it may be. */
#define SESSIONS 3
#define BURST    ((size_t)SESSIONS * HTTP_TWO_STREAMS)

struct burst {
	struct world w;
	struct end c[SESSIONS - 1];
	struct two cell[SESSIONS - 1];
};

static bool
burst_step(struct burst *b)
{
	(void)step(&b->w);
	for (size_t i = 0; i < SESSIONS - 1; i++) {
		two_step(&b->cell[i]);
	}
	return true;
}

#define burst_until(b, condition) \
	rig_until(&(b)->w.r, burst_step(b) && (condition))

static void
burst_session(struct burst *b, size_t i)
{
	struct world *w = &b->w;
	struct end *x = &b->c[i];
	cell_dial(&w->r, x, GOOD, 443);
	proxy_link_secure(
	    &x->link, tls_connect_two(w->r.cell_trust, GOOD, true));
	end_turn(x);
	rig_until(&w->r, x->open);
	b->cell[i].x = x;
	b->cell[i].two = http_two_client(&two_ops, &b->cell[i]);
}

/* All are allowed in one turn, before a connection is made for any; the vault
 * does not lend yet. */
static void
burst_begin(struct burst *b, bool origin_two, size_t count)
{
	struct world *w = &b->w;
	struct err e;
	int32_t stream;
	*b = (struct burst){ 0 };
	world_new(w, origin_two);
	w->r.decide = HOLD;
	w->r.vault_waits = true;
	for (size_t i = 0; i < SESSIONS - 1; i++) {
		burst_session(b, i);
	}
	for (size_t i = 0; i < count; i++) {
		struct http_two *two =
		    i % SESSIONS ? b->cell[i % SESSIONS - 1].two : w->cell.two;
		assert_int_equal(
		    http_two_ask(two, STR(GET_TWO), false, false, &stream, &e),
		    0);
	}
	burst_until(b, w->r.intents == count);
	for (uint64_t id = w->r.id + 1 - count; id <= w->r.id; id++) {
		proxy_go(w->r.proxy, id, &w->r.go);
	}
	burst_until(b, w->r.redeems == count);
}

static void
burst_end(struct burst *b)
{
	for (size_t i = 0; i < SESSIONS - 1; i++) {
		http_two_free(b->cell[i].two);
		buf_fini(&b->cell[i].text);
		end_close(&b->c[i]);
	}
	world_free(&b->w);
}

/* More at once than one connection takes: as many as they need are made. */
static void
a_burst_makes_no_more_connections_than_it_needs(void **state)
{
	(void)state;
	static struct burst b;
	burst_begin(&b, true, BURST);
	assert_int_equal(b.w.r.origin.count, SESSIONS);
	burst_end(&b);
	/* Of one that speaks HTTP/1.1 each takes one. */
	burst_begin(&b, false, 40);
	assert_int_equal(b.w.r.origin.count, 40);
	burst_end(&b);
}

static void
an_upstream_of_the_old_version_gets_it_framed_anew(void **state)
{
	(void)state;
	static const struct {
		const char *head, *arrives;
	} rows[] = {
		{ POST, "\r\n\r\nabc" },
		{ OPEN, "\r\n\r\n3\r\nabc\r\n0\r\n\r\n" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;
		world_new(&w, true);
		(void)ask_first(&w, rows[i].head, "abc", true);
		w.r.origin.two = false;
		say_last(&w, STR(REFUSED));
		world_until(&w, w.r.origin.count == 2);
		struct end *second = &w.r.origin.at[1];
		world_until(&w, end_got(second, rows[i].arrives));
		end_say_z(second, "HTTP/1.1 204 No Content\r\n\r\n");
		world_until(&w, w.cell.ended == 1);
		assert_true(says(&w.cell, "HTTP/1.1 204 "));
		world_free(&w);
	}
}

#define NOTHING "it did nothing with this request"
#define CUT     "the upstream closed without a whole answer"

static void
assert_not_again(struct world *w, size_t origins, const char *why)
{
	world_until(w, w->cell.ended == 1);
	assert_true(says(&w->cell, "HTTP/1.1 502 "));
	assert_true(says(&w->cell, why));
	rig_turns(&w->r, 50);
	assert_int_equal(w->r.origin.count, origins);
	assert_int_equal(w->r.outcomes, origins);
	assert_int_equal(w->r.outcome.end, PROXY_FAILED);
	assert_int_equal(w->r.outcome.status, 502);
}

static void
it_does_not_go_a_third_time(void **state)
{
	(void)state;
	for (int hangs_up = 0; hangs_up < 2; hangs_up++) {
		struct world w;
		world_new(&w, true);
		(void)ask_first(&w, POST, "abc", true);
		say_last(&w, STR(REFUSED));
		world_until(&w, w.origin.ended == 1);
		if (hangs_up) {
			proxy_link_close(&w.origin.x->link);
		} else {
			say_last(&w, STR(REFUSED));
		}
		assert_not_again(&w, 2, hangs_up ? CUT : NOTHING);
		world_free(&w);
	}
}

static void
what_a_person_allowed_goes_once(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.go.once = true;
	(void)ask_first(&w, POST, "abc", true);
	say_last(&w, STR(REFUSED));
	assert_not_again(&w, 1, NOTHING);
	world_free(&w);
}

/* Nobody has them any longer. */
static void
a_long_body_and_one_with_a_credential_go_once(void **state)
{
	(void)state;
	static char body[UP_LEFT + 2];
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		auto_buf head = { 0 };
		memset(body, 'b', UP_LEFT + i);
		body[UP_LEFT + i] = '\0';
		buf_addf(&head, ASKED("POST", "Content-Length: %zu\r\n\r\n"),
		    UP_LEFT + i);
		world_new(&w, true);
		(void)ask_first(&w, buf_z(&head), body, true);
		say_last(&w, STR(REFUSED));
		if (i == 0) {
			assert_whole(&w, body);
		} else {
			assert_not_again(&w, 1, NOTHING);
		}
		world_free(&w);
	}
	struct world w;
	world_new(&w, true);
	w.r.go.place = PROXY_PLACE_JSON;
	assert_true(str_copy(w.r.go.name, 64, STR("/a")));
	assert_true(str_copy(w.r.go.format, 256, STR("{{secret}}")));
	int32_t s = ask(&w,
	    ASKED("POST", "Content-Type: application/json\r\n"
	                  "Content-Length: 2\r\n\r\n"),
	    true);
	http_two_data(w.cell.two, s, STR("{}"));
	http_two_end(w.cell.two, s, STR(""));
	world_until(&w, w.origin.ended == 1);
	assert_true(says(&w.origin, "{\"a\":\"" SECRET "\"}"));
	say_last(&w, STR(REFUSED));
	assert_not_again(&w, 1, NOTHING);
	world_free(&w);
}

static void
what_may_have_been_done_goes_once(void **state)
{
	(void)state;
	struct world w;
	struct err e;
	world_new(&w, true);
	(void)ask_first(&w, POST, "abc", true);
	say_last(&w, STR(CANCEL));
	assert_not_again(&w, 1, CUT);
	world_free(&w);
	/* It says that it did not, and has begun to answer. */
	world_new(&w, true);
	(void)ask_first(&w, POST, "abc", true);
	assert_int_equal(
	    http_two_answer(w.origin.two, 1,
	        STR("HTTP/1.1 103 Early Hints\r\n\r\n"), false, &e),
	    0);
	world_until(&w, says(&w.cell, "HTTP/1.1 103 "));
	say_last(&w, STR(REFUSED));
	assert_not_again(&w, 1, CUT);
	world_free(&w);
}

static void
nothing_is_kept_once_an_answer_has_begun(void **state)
{
	(void)state;
	struct world w;
	struct err e;
	world_new(&w, true);
	(void)ask_first(&w, POST, "abc", true);
	const struct up *u = w.r.proxy->conns->up;
	assert_null(u->secret.at); /* it has left */
	assert_true(str_eq_z(buf_str(&u->left), "abc"));
	assert_int_equal(
	    http_two_answer(w.origin.two, 1,
	        STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
	        true, &e),
	    0);
	world_until(&w, says(&w.cell, "HTTP/1.1 200 OK\r\n"));
	assert_ptr_equal(w.r.proxy->conns->up, u);
	assert_null(u->left.at);
	world_free(&w);
	/* Nor before, of what does not go again. */
	world_new(&w, true);
	w.r.go.once = true;
	(void)ask_first(&w, POST, "abc", true);
	assert_null(w.r.proxy->conns->up->secret.at);
	assert_null(w.r.proxy->conns->up->left.at);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_taken_goes_once_more),
		cmocka_unit_test(what_had_not_ended_goes_on_behind_it),
		cmocka_unit_test(what_had_not_come_is_waited_for),
		cmocka_unit_test(what_goes_once_more_bears_the_value_in_force),
		cmocka_unit_test(
		    all_that_were_not_taken_share_the_next_connection),
		cmocka_unit_test(
		    a_burst_makes_no_more_connections_than_it_needs),
		cmocka_unit_test(
		    an_upstream_of_the_old_version_gets_it_framed_anew),
		cmocka_unit_test(it_does_not_go_a_third_time),
		cmocka_unit_test(what_a_person_allowed_goes_once),
		cmocka_unit_test(a_long_body_and_one_with_a_credential_go_once),
		cmocka_unit_test(what_may_have_been_done_goes_once),
		cmocka_unit_test(nothing_is_kept_once_an_answer_has_begun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
