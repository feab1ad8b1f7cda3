/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream connections that serve more than one request. */
#include "proxy_help.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct end *
last(struct rig *r)
{
	return &r->origin.at[r->origin.count - 1];
}

/* One whole request of the cell. */
static void
ask(struct rig *r, struct end *c, const char *request)
{
	size_t outcomes = r->outcomes;
	buf_clear(&c->got);
	end_say_z(c, request);
	rig_until(r, r->outcomes > outcomes);
	rig_turns(r, 20);
}

/* A request went well, and its connection was kept. */
static void
rig_kept(struct rig *r, struct end *c)
{
	/* Longer than any test waits: what closes one is never the time. */
	struct proxy_times times = { .kept = 3600 * CLOCK_SECOND };
	rig_new(r, &times);
	rig_inject(r);
	r->go.version = 1;
	assert_true(str_copy(r->go.credential, 64, STR("good")));
	cell_good(r, c);
	ask(r, c, GET_GOOD);
	assert_true(end_got(c, "hello"));
	assert_int_equal(r->origin.count, 1);
	assert_int_equal(proxy_kept(r->proxy), 1);
}

static void
the_next_request_goes_the_same_way(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_kept(&r, &c);
	ask(&r, &c, GET_GOOD);
	assert_true(end_got(&c, "hello"));
	assert_int_equal(r.origin.count, 1);
	assert_int_equal(r.intents, 2);
	assert_int_equal(r.redeems, 2);
	struct end d;
	cell_good(&r, &d);
	ask(&r, &d, GET_GOOD);
	assert_true(end_got(&d, "hello"));
	assert_int_equal(r.origin.count, 1);
	end_close(&c);
	end_close(&d);
	rig_free(&r);
}

static void
two_at_once_never_share_one(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct end d;
	rig_kept(&r, &c);
	cell_good(&r, &d);
	r.origin.answer = NULL;
	end_say_z(&c, GET_GOOD);
	end_say_z(&d, GET_GOOD);
	rig_until(&r, r.origin.count == 2 && last(&r)->got.len > 0);
	assert_int_equal(proxy_kept(r.proxy), 0);
	end_close(&c);
	end_close(&d);
	rig_free(&r);
}

/* Whatever of the way differs, another connection is made. */
static void
another_way_is_another_connection(void **state)
{
	(void)state;
	enum { VERSION, CREDENTIAL, POLICY, PIN, CA, NONE, WAYS };
	for (int way = 0; way < WAYS; way++) {
		struct rig r;
		struct end c;
		rig_kept(&r, &c);
		switch (way) {
		case VERSION:
			r.go.version = 2;
			break;
		case CREDENTIAL:
			assert_true(
			    str_copy(r.go.credential, 64, STR("other")));
			break;
		case POLICY:
			r.go.policy.bytes[31] = 1;
			break;
		case PIN:
			assert_true(
			    names_addr_parse(STR("127.0.0.2"), &r.go.pin));
			break;
		case CA:
			r.go.ca = tls_ca_pem(r.origin.ca);
			break;
		default:
			r.go.place = PROXY_PLACE_NONE;
			r.go.grant = 0;
			break;
		}
		ask(&r, &c, GET_GOOD);
		assert_int_equal(
		    r.origin.count + (r.outcome.end == PROXY_FAILED), 2);
		end_close(&c);
		rig_free(&r);
	}
}

enum part {
	HOST,
	PORT,
	TLS,
	TWO,
	PINNED,
	AT,
	AT_PORT,
	CA,
	POLICY,
	CREDENTIAL,
	VERSION,
	PARTS
};

static void
change(struct up_way *way, enum part part)
{
	way->host[0] = (char)(way->host[0] ^ (part == HOST));
	way->port ^= part == PORT;
	way->tls ^= part == TLS;
	way->two ^= part == TWO;
	way->pinned ^= part == PINNED;
	way->at.bytes[3] ^= part == AT;
	way->at_port ^= part == AT_PORT;
	way->ca.bytes[31] ^= part == CA;
	way->policy.bytes[31] ^= part == POLICY;
	way->credential[0] = (char)(way->credential[0] ^ (part == CREDENTIAL));
	way->version ^= part == VERSION;
}

/* Each of them alone parts two ways, also where today's rules would never let
 * two requests differ in that one only. */
static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
ways_are_equal_in_all_or_not_at_all(void **state)
{
	(void)state;
	const struct up_way way = { .host = GOOD,
		.port = 443,
		.tls = true,
		.pinned = true,
		.at = { .family = 4, .bytes = { 127, 0, 0, 1 } },
		.at_port = 8443,
		.credential = "good",
		.version = 1 };
	for (enum part part = HOST; part < PARTS; part++) {
		struct up_way other = way;
		assert_true(proxy_way_eq(&way, &other));
		change(&other, part);
		if (proxy_way_eq(&way, &other) || proxy_way_eq(&other, &way)) {
			fail_msg("part %d does not part them", part);
		}
	}
}

/* Where a name was looked up, it may be any of its addresses. */
static void
only_a_pin_binds_the_address(void **state)
{
	(void)state;
	struct up_way way = { .host = GOOD, .port = 443, .tls = true };
	struct up_way other = way;
	change(&other, AT);
	assert_true(proxy_way_eq(&way, &other));
}

static void
another_name_is_another_connection(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct end d;
	rig_kept(&r, &c);
	cell_dial(&r, &d, "other.test", 443);
	cell_secure(&r, &d, "other.test");
	rig_until(&r, d.open);
	ask(&r, &d, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
	assert_true(end_got(&d, "hello"));
	assert_int_equal(r.origin.count, 2);
	end_close(&c);
	end_close(&d);
	rig_free(&r);
}

/* However often it was used: by then its name may lead elsewhere. */
static void
a_connection_is_kept_for_a_part_of_its_life(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_kept(&r, &c);
	struct up_way way = { .host = GOOD,
		.port = 443,
		.tls = true,
		.pinned = true,
		.at = r.go.pin,
		.at_port = r.go.pin_port,
		.credential = "good",
		.version = 1 };
	/* Who may only have a fresh one gets none. */
	assert_null(proxy_pool_take(r.proxy, &way, -1));
	assert_int_equal(proxy_kept(r.proxy), 1);
	struct link *link = proxy_pool_take(r.proxy, &way, CLOCK_MINUTE);
	assert_non_null(link);
	assert_int_equal(proxy_kept(r.proxy), 0);
	way.born =
	    mono_after(loop_now(r.loop), CLOCK_SECOND * 30 - PROXY_KEPT_LIFE);
	proxy_pool_put(r.proxy, link, &way);
	assert_int_equal(proxy_kept(r.proxy), 1);
	link = proxy_pool_take(r.proxy, &way, CLOCK_MINUTE);
	assert_non_null(link);
	way.born = mono_after(loop_now(r.loop), -PROXY_KEPT_LIFE);
	proxy_pool_put(r.proxy, link, &way);
	assert_int_equal(proxy_kept(r.proxy), 0);
	end_close(&c);
	rig_free(&r);
}

static void
a_CA_that_is_none_verifies_nobody(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.go.ca = STR("-----BEGIN CERTIFICATE-----\nAAAA\n"
	              "-----END CERTIFICATE-----\n");
	cell_good(&r, &c);
	ask(&r, &c, GET_GOOD);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_origin_untouched(&r);
	end_close(&c);
	rig_free(&r);
}

/* A rule's own CA is given with its text once, then by its digest. */
static void
a_CA_that_was_given_is_remembered(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	struct str pem = tls_ca_pem(r.origin.ca);
	r.go.ca = pem;
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	                  "Connection: close\r\n\r\nhello";
	cell_good(&r, &c);
	ask(&r, &c, GET_GOOD);
	assert_true(end_got(&c, "hello"));
	r.go.ca = (struct str){ 0 };
	r.go.given = digest_of(pem);
	ask(&r, &c, GET_GOOD);
	assert_true(end_got(&c, "hello"));
	assert_int_equal(r.origin.count, 2);
	r.go.given.bytes[0] ^= 1;
	ask(&r, &c, GET_GOOD);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_int_equal(r.origin.count, 2);
	end_close(&c);
	rig_free(&r);
}

/* Core gives each once, and does not know what became of the request. */
static void
a_CA_is_kept_though_its_request_is_gone(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	struct proxy_go go = r.go;
	go.ca = tls_ca_pem(r.origin.ca);
	proxy_go(r.proxy, 999, &go);
	assert_int_equal(r.outcomes, 1);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	r.go.given = digest_of(go.ca);
	cell_good(&r, &c);
	ask(&r, &c, GET_GOOD);
	assert_true(end_got(&c, "hello"));
	end_close(&c);
	rig_free(&r);
}

/* Core counts on it: whatever is among the latest that were given is there. */
static void
the_latest_CAs_are_never_forgotten(void **state)
{
	(void)state;
	struct rig r;
	struct tls_ca *ca[PROXY_CAS + 1];
	struct trusted *t;
	struct err e;
	rig_new(&r, NULL);
	for (size_t i = 0; i < COUNT(ca); i++) {
		assert_int_equal(tls_ca_new("a rule's", 1, &ca[i], &e), 0);
		struct str pem = tls_ca_pem(ca[i]);
		assert_int_equal(
		    proxy_trust_take(r.proxy, digest_of(pem), pem, &t, &e), 0);
		proxy_trust_give(t);
		/* Given again, the first is the latest. */
		pem = tls_ca_pem(ca[0]);
		assert_int_equal(
		    proxy_trust_take(r.proxy, digest_of(pem), pem, &t, &e), 0);
		proxy_trust_give(t);
	}
	size_t there = 0;
	for (size_t i = 0; i < COUNT(ca); i++) {
		struct digest d = digest_of(tls_ca_pem(ca[i]));
		if (!proxy_trust_take(r.proxy, d, STR(""), &t, &e)) {
			proxy_trust_give(t);
			there++;
		} else {
			assert_int_equal(i, 1); /* the oldest */
		}
	}
	assert_int_equal(there, PROXY_CAS);
	for (size_t i = 0; i < COUNT(ca); i++) {
		tls_ca_free(ca[i]);
	}
	rig_free(&r);
}

/* An origin says `answer` once; is the connection kept? */
static void
assert_kept(const char *answer, bool kept)
{
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = answer;
	cell_good(&r, &c);
	ask(&r, &c, GET_GOOD);
	rig_turns(&r, 50);
	if (proxy_kept(r.proxy) != kept) {
		fail_msg("%s: %zu kept", answer, proxy_kept(r.proxy));
	}
	if (!kept) {
		assert_true(last(&r)->gone);
	}
	end_close(&c);
	rig_free(&r);
}

static void
a_clean_answer_leaves_a_connection_to_keep_H15(void **state)
{
	(void)state;
	assert_kept(HELLO, true);
	assert_kept("HTTP/1.1 204 No Content\r\n\r\n", true);
	assert_kept("HTTP/1.1 100 Continue\r\n\r\n" HELLO, true);
	assert_kept("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	            "5\r\nhello\r\n0\r\n\r\n",
	    true);
}

static void
what_is_not_clean_is_closed_H15(void **state)
{
	(void)state;
	/* Bytes behind the answer, even such as look like another one. */
	assert_kept(HELLO "x", false);
	assert_kept(HELLO HELLO, false);
	assert_kept("HTTP/1.1 204 No Content\r\n\r\nhello", false);
	assert_kept("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	            "5\r\nhello\r\n0\r\n\r\n0\r\n\r\n",
	    false);
	assert_kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	            "Connection: close\r\n\r\nhello",
	    false);
	assert_kept("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false);
	assert_kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    false);
	assert_kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	            "Content-Length: 6\r\n\r\nhello!",
	    false);
	assert_kept("HTTP/1.1 101 Switching Protocols\r\n\r\n", false);
}

static void
an_answer_before_its_question_is_nobodys_H15(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_kept(&r, &c);
	/* While it is kept. */
	end_say_z(last(&r), HELLO);
	rig_until(&r, proxy_kept(r.proxy) == 0);
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue";
	ask(&r, &c, GET_GOOD);
	assert_true(end_got(&c, "true"));
	assert_false(end_got(&c, "hello"));
	assert_int_equal(r.origin.count, 2);
	end_close(&c);
	rig_free(&r);
}

static void
a_connection_that_has_died_is_not_used(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_kept(&r, &c);
	proxy_link_close(&last(&r)->link);
	ask(&r, &c, GET_GOOD);
	assert_true(end_got(&c, "hello"));
	assert_int_equal(r.origin.count, 2);
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
}

/* While the vault was asked: nothing had left, so whatever it is may go. */
static void
one_that_dies_before_the_credential_came_is_not_used(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_kept(&r, &c);
	r.vault_waits = true;
	end_say_z(&c, "POST /once HTTP/1.1\r\nHost: good.test\r\n"
	              "Content-Length: 3\r\n\r\nabc");
	rig_until(&r, r.redeems == 2);
	proxy_link_close(&last(&r)->link);
	rig_turns(&r, 20);
	rig_credential(&r);
	rig_until(&r, r.outcomes == 2);
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(r.origin.count, 2);
	assert_true(end_got(last(&r), "POST /once HTTP/1.1\r\n"));
	assert_false(end_got(&r.origin.at[0], "/once"));
	assert_int_equal(r.redeems, 2);
	end_close(&c);
	rig_free(&r);
}

/* The upstream reads the request and hangs up: was it done? */
static void
only_a_safe_request_is_asked_again(void **state)
{
	(void)state;
	enum { UNSAFE, BEGUN, SAFE, WAYS };
	for (int way = UNSAFE; way < WAYS; way++) {
		struct rig r;
		struct end c;
		bool safe = way != UNSAFE;
		bool again = way == SAFE;
		rig_kept(&r, &c);
		r.origin.answer = NULL;
		size_t had = last(&r)->got.len;
		size_t outcomes = r.outcomes;
		end_say_z(&c, safe ? GET_GOOD
		                   : "POST /a HTTP/1.1\r\nHost: good.test\r\n"
		                     "Content-Length: 0\r\n\r\n");
		rig_until(&r, r.origin.at[0].got.len > had);
		r.origin.answer = HELLO;
		r.origin.at[0].seen = SIZE_MAX;
		if (way == BEGUN) { /* of one piece with its end */
			struct link *l = &r.origin.at[0].link;
			end_say_z(&r.origin.at[0], "HTTP/1.1 2");
			tls_close(l->tls);
			proxy_link_fill(l);
			proxy_link_send(l);
		}
		proxy_link_close(&r.origin.at[0].link);
		rig_until(&r, r.outcomes > outcomes + again);
		assert_int_equal(
		    r.outcome.end, again ? PROXY_ANSWERED : PROXY_FAILED);
		assert_int_equal(r.origin.count, again ? 2 : 1);
		/* A value is lent for one sending. */
		assert_int_equal(r.redeems, again ? 3 : 2);
		assert_int_equal(r.intents, again ? 3 : 2);
		if (again) {
			assert_true(end_got(last(&r), "Bearer " SECRET));
		}
		end_close(&c);
		rig_free(&r);
	}
}

static void
a_request_cut_short_keeps_nothing(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_good(&r, &c);
	/* Answered before its body came: the body would be the next request. */
	ask(&r, &c,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 50\r\n\r\nhalf");
	assert_true(end_got(&c, "hello"));
	assert_int_equal(proxy_kept(r.proxy), 0);
	assert_true(last(&r)->gone);
	end_close(&c);
	rig_free(&r);
}

static void
an_address_that_became_the_hosts_is_not_used_again(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	static struct names_addr own;
	rig_kept(&r, &c);
	/* As if it had been looked up: the test's origin is on loopback. */
	r.go.pinned = false;
	r.proxy->kept->way.pinned = false;
	assert_true(names_addr_parse(STR("127.0.0.1"), &own));
	r.found.at[0] = own;
	r.found.count = 1;
	ask(&r, &c, GET_GOOD);
	assert_int_equal(proxy_kept(r.proxy), 0);
	assert_int_equal(r.outcome.end, PROXY_REFUSED);
	assert_int_equal(r.origin.count, 1);
	assert_int_equal(r.resolves, 1);
	end_close(&c);
	rig_free(&r);
}

static void
a_policy_or_the_lease_that_ends_closes_what_is_kept(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_kept(&r, &c);
	struct digest same = { 0 };
	struct digest other = { .bytes = { 1 } };
	proxy_policy(r.proxy, &same);
	assert_int_equal(proxy_kept(r.proxy), 1);
	proxy_policy(r.proxy, &other);
	assert_int_equal(proxy_kept(r.proxy), 0);
	ask(&r, &c, GET_GOOD);
	assert_int_equal(proxy_kept(r.proxy), 1);
	proxy_close_all(r.proxy, "the lease is over");
	assert_int_equal(proxy_kept(r.proxy), 0);
	end_close(&c);
	rig_free(&r);
}

static void
an_unused_connection_is_closed_in_time(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct proxy_times times = { .kept = 50000 };
	rig_new(&r, &times);
	rig_pin(&r);
	cell_good(&r, &c);
	ask(&r, &c, GET_GOOD);
	rig_until(&r, proxy_kept(r.proxy) == 0);
	rig_until(&r, last(&r)->gone);
	end_close(&c);
	rig_free(&r);
}

/* Each by a connection of its own to the origin, which has not answered yet. */
static void
ask_and_wait(struct rig *r, struct end *c, size_t count)
{
	r->origin.answer = NULL;
	for (size_t i = 0; i < count; i++) {
		cell_good(r, &c[i]);
		end_say_z(&c[i], GET_GOOD);
		rig_until(
		    r, r->origin.count == i + 1 && r->origin.at[i].got.len > 0);
	}
}

static void
each_has_its_own_time_unused(void **state)
{
	(void)state;
	struct rig r;
	struct end c[2];
	/* Half of it is what a busy machine may stand still for. */
	struct proxy_times times = { .kept = 2 * CLOCK_SECOND };
	rig_new(&r, &times);
	rig_pin(&r);
	ask_and_wait(&r, c, COUNT(c));
	end_say_z(&r.origin.at[0], HELLO);
	rig_until(&r, r.outcomes == 1);
	struct mono later = mono_after(mono_now(), times.kept / 2);
	rig_until(&r, mono_passed(later, mono_now()));
	end_say_z(&r.origin.at[1], HELLO);
	rig_until(&r, r.outcomes == 2);
	const struct loop_timer *timer = &r.proxy->kept_timer;
	struct kept *second = r.proxy->kept;
	struct mono first_end = mono_after(second->next->since, times.kept);
	assert_int_equal(timer->deadline.us, first_end.us);
	rig_until(&r, proxy_kept(r.proxy) == 1);
	assert_ptr_equal(r.proxy->kept, second);
	struct mono second_end = mono_after(second->since, times.kept);
	assert_int_equal(timer->deadline.us, second_end.us);
	rig_until(&r, r.origin.at[0].gone);
	rig_until(&r, r.origin.at[1].gone);
	assert_int_equal(proxy_kept(r.proxy), 0);
	assert_null(timer->loop);
	assert_int_equal(r.outcomes, 2);
	end_close(&c[0]);
	end_close(&c[1]);
	rig_free(&r);
}

/* All of `count` connections ask at once and are answered. */
static void
ask_all(struct rig *r, struct end *c, size_t count)
{
	assert_true(count <= COUNT(r->origin.at));
	rig_pin(r);
	ask_and_wait(r, c, count);
	for (size_t i = 0; i < count; i++) {
		end_say_z(&r->origin.at[i], HELLO);
	}
	rig_until(r, r->outcomes == count);
	rig_turns(r, 20);
	for (size_t i = 0; i < count; i++) {
		assert_true(end_got(&c[i], "hello"));
		end_close(&c[i]);
	}
}

static void
no_more_are_kept_than_the_bound(void **state)
{
	(void)state;
	struct rig r;
	static struct end c[6];
	rig_new(&r, NULL);
	r.proxy->setup.kept_max = 4;
	ask_all(&r, c, COUNT(c));
	assert_int_equal(proxy_kept(r.proxy), 4);
	rig_free(&r);
}

/* Of one way: the next time nobody pays for a handshake again. */
static void
as_many_are_kept_as_asked_at_once(void **state)
{
	(void)state;
	struct rig r;
	static struct end c[70];
	rig_new(&r, NULL);
	assert_int_equal(r.proxy->setup.kept_max, PROXY_CONNECTIONS);
	ask_all(&r, c, COUNT(c));
	assert_int_equal(proxy_kept(r.proxy), COUNT(c));
	rig_free(&r);
}

static void
requests_of_the_house_share_too(void **state)
{
	(void)state;
	struct rig r;
	rig_new(&r, NULL);
	rig_inject(&r);
	struct proxy_fetch f = { .method = "POST",
		.host = GOOD,
		.port = 443,
		.target = "/v1",
		.headers = "",
		.body = STR("{}"),
		.timeout_us = 20 * CLOCK_SECOND,
		.answer_limit = 100,
		.go = r.go };
	for (size_t i = 1; i <= 2; i++) {
		struct err e;
		uint64_t id;
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, r.fetched == i);
		assert_int_equal(r.fetched_status, 200);
	}
	assert_int_equal(r.origin.count, 1);
	rig_free(&r);
}

/* Others that are kept may have met their end as well. */
static void
what_goes_once_more_takes_a_fresh_connection(void **state)
{
	(void)state;
	for (size_t lent = 0; lent < 2; lent++) {
		struct rig r;
		static struct end c[2];
		struct end d;
		struct end *at = r.origin.at;
		rig_new(&r, NULL);
		if (lent) {
			rig_inject(&r);
		}
		ask_all(&r, c, COUNT(c));
		assert_int_equal(proxy_kept(r.proxy), 2);
		size_t had = at[0].got.len;
		assert_int_equal(at[1].got.len, had);
		size_t outcomes = r.outcomes;
		r.origin.answer = NULL;
		cell_good(&r, &d);
		end_say_z(&d, GET_GOOD);
		rig_until(&r, at[0].got.len + at[1].got.len > 2 * had);
		r.origin.answer = HELLO;
		at[0].seen = SIZE_MAX;
		at[1].seen = SIZE_MAX;
		proxy_link_close(&at[at[1].got.len > had].link);
		rig_until(&r, r.outcomes == outcomes + 1 + lent);
		assert_int_equal(r.outcome.end, PROXY_ANSWERED);
		assert_int_equal(r.origin.count, 3);
		end_close(&d);
		rig_free(&r);
	}
}

/* Nobody can be asked about it anew: what was lent to it goes once. */
static void
one_of_the_house_with_a_credential_goes_once(void **state)
{
	(void)state;
	for (int lent = 0; lent < 2; lent++) {
		struct rig r;
		struct err e;
		uint64_t id;
		rig_new(&r, NULL);
		lent ? rig_inject(&r) : rig_pin(&r);
		struct proxy_fetch f = { .method = "GET",
			.host = GOOD,
			.port = 443,
			.target = "/v1",
			.headers = "",
			.timeout_us = 20 * CLOCK_SECOND,
			.answer_limit = 100,
			.go = r.go };
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, r.fetched == 1);
		/* So it takes none that may have been closed meanwhile. */
		r.proxy->kept->since.us -= 2 * PROXY_KEPT_UNSAFE;
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, r.fetched == 2);
		assert_int_equal(r.origin.count, lent ? 2 : 1);
		r.origin.answer = NULL;
		struct end *of = last(&r);
		size_t had = of->got.len;
		r.proxy->kept->since = loop_now(r.loop);
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, of->got.len > had);
		r.origin.answer = HELLO;
		of->seen = SIZE_MAX;
		proxy_link_close(&of->link);
		rig_until(&r, r.fetched == 3);
		assert_int_equal(r.origin.count, 2);
		assert_int_equal(r.redeems, lent ? 3 : 0);
		assert_int_equal(r.fetched_kind, lent ? ERR_UNAVAILABLE : 0);
		rig_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_kept_for_a_part_of_its_life),
		cmocka_unit_test(a_CA_that_is_none_verifies_nobody),
		cmocka_unit_test(a_CA_that_was_given_is_remembered),
		cmocka_unit_test(a_CA_is_kept_though_its_request_is_gone),
		cmocka_unit_test(the_latest_CAs_are_never_forgotten),
		cmocka_unit_test(the_next_request_goes_the_same_way),
		cmocka_unit_test(two_at_once_never_share_one),
		cmocka_unit_test(another_way_is_another_connection),
		cmocka_unit_test(ways_are_equal_in_all_or_not_at_all),
		cmocka_unit_test(only_a_pin_binds_the_address),
		cmocka_unit_test(another_name_is_another_connection),
		cmocka_unit_test(
		    a_clean_answer_leaves_a_connection_to_keep_H15),
		cmocka_unit_test(what_is_not_clean_is_closed_H15),
		cmocka_unit_test(an_answer_before_its_question_is_nobodys_H15),
		cmocka_unit_test(a_connection_that_has_died_is_not_used),
		cmocka_unit_test(
		    one_that_dies_before_the_credential_came_is_not_used),
		cmocka_unit_test(only_a_safe_request_is_asked_again),
		cmocka_unit_test(a_request_cut_short_keeps_nothing),
		cmocka_unit_test(
		    an_address_that_became_the_hosts_is_not_used_again),
		cmocka_unit_test(
		    a_policy_or_the_lease_that_ends_closes_what_is_kept),
		cmocka_unit_test(an_unused_connection_is_closed_in_time),
		cmocka_unit_test(each_has_its_own_time_unused),
		cmocka_unit_test(no_more_are_kept_than_the_bound),
		cmocka_unit_test(as_many_are_kept_as_asked_at_once),
		cmocka_unit_test(requests_of_the_house_share_too),
		cmocka_unit_test(what_goes_once_more_takes_a_fresh_connection),
		cmocka_unit_test(one_of_the_house_with_a_credential_goes_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
