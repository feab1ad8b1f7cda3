/* SPDX-License-Identifier: Apache-2.0 */
/* What a request may bring and what leaves of it; attack ids H, P, A, D. */
#include <stdio.h>

#include "proxy_help.h"

static void
done(struct rig *r, struct end *c)
{
	end_close(c);
	rig_free(r);
}

/* GET with these header lines, allowed and injected. */
static void
get_with(struct rig *r, struct end *c, const char *lines)
{
	rig_new(r, NULL);
	rig_inject(r);
	cell_good(r, c);
	auto_buf text = { 0 };
	buf_addf(&text, "GET /a HTTP/1.1\r\nHost: good.test\r\n%s\r\n", lines);
	end_say(c, buf_str(&text));
}

static size_t
times_in(struct buf *b, const char *needle)
{
	size_t n = 0;
	struct str s = buf_str(b);
	for (size_t i = 0; i < s.len; i++) {
		n += str_starts(str_sub(s, i, s.len), str_of(needle));
	}
	return n;
}

static void
H01_a_body_of_two_lengths_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		"Content-Length: 5\r\nContent-Length: 6\r\n",
		"Content-Length: 5,6\r\n", "Content-Length: +5\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding : chunked\r\n"
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		get_with(&r, &c, bad[i]);
		assert_refused_early(&r, "");
		assert_true(end_got(&c, "HTTP/1.1 4"));
		assert_true(end_got(&c, "Connection: close\r\n"));
		done(&r, &c);
	}
}

/* A gate on POST must hold it whatever a lax server takes for one. */
static void
a_method_with_a_small_letter_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "post", "POSt", "get", "mKCOL" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		cell_good(&r, &c);
		auto_buf text = { 0 };
		buf_addf(
		    &text, "%s /a HTTP/1.1\r\nHost: good.test\r\n\r\n", bad[i]);
		end_say(&c, buf_str(&text));
		assert_refused_early(&r, "capitals");
		assert_true(end_got(&c, "HTTP/1.1 400 "));
		done(&r, &c);
	}
}

static void
H06_each_pipelined_request_is_judged(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD "GET /b HTTP/1.1\r\nHo");
	rig_until(&r, r.intents == 1);
	rig_turns(&r, 30);
	assert_string_equal(r.intent.path, "/a");
	assert_int_equal(r.intents, 1);
	rig_inject(&r);
	r.decide = HOLD;
	proxy_go(r.proxy, r.id, &r.go);
	rig_until(&r, r.outcomes == 1);
	assert_true(r.outcome.injected);
	assert_int_equal(r.intents, 1);
	end_say_z(&c, "st: good.test\r\n\r\n");
	rig_until(&r, r.intents == 2);
	assert_string_equal(r.intent.path, "/b");
	static const struct proxy_refusal no = {
		.status = 403, .error = "denied", .reason = "not this one"
	};
	proxy_refuse(r.proxy, r.id, &no);
	rig_until(&r, end_got(&c, "not this one"));
	/* Nothing was carried over: one connection, one credential. */
	assert_int_equal(r.origin.count, 1);
	assert_int_equal(r.redeems, 1);
	assert_false(end_got(&r.origin.at[0], "/b"));
	done(&r, &c);
}

static void
H09_with_a_credential_of_its_own_it_is_refused(void **state)
{
	(void)state;
	static const char *const own[] = { "Authorization: Bearer x\r\n",
		"authorization: a\r\nAUTHORIZATION: b\r\n",
		"Authorization:  \tx \r\n", "Cookie: a=b\r\n",
		"X-Api-Key: k\r\n", "Private-Token: t\r\n", "X_API_KEY: k\r\n",
		"private_token: t\r\n" };
	for (size_t i = 0; i < COUNT(own); i++) {
		struct rig r;
		struct end c;
		get_with(&r, &c, own[i]);
		rig_until(&r, end_got(&c, "}\n"));
		assert_true(r.intent.own);
		assert_true(end_got(&c, "HTTP/1.1 403 "));
		assert_true(end_got(&c, "own_credentials = true"));
		assert_int_equal(r.redeems, 0);
		assert_origin_untouched(&r);
		done(&r, &c);
	}
}

static void
H09_beside_an_injected_one_none_of_that_name_passes(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.go.keep_credentials = true;
	cell_good(&r, &c);
	end_say_z(&c, "GET /a HTTP/1.1\r\nHost: good.test\r\n"
	              "authorization: Bearer mine\r\nCookie: kept=1\r\n"
	              "AUTHORIZATION: Basic eDp5\r\n\r\n");
	rig_until(&r, end_got(&c, "hello"));
	struct end *o = &r.origin.at[0];
	assert_false(end_got(o, "mine") || end_got(o, "eDp5"));
	assert_true(end_got(o, "Cookie: kept=1\r\n"));
	assert_int_equal(times_in(&o->got, "uthorization: "), 1);
	assert_true(end_got(o, "Authorization: Bearer " SECRET "\r\n"));
	done(&r, &c);

	rig_new(&r, NULL);
	rig_inject(&r);
	r.go.keep_credentials = true;
	assert_true(str_copy(r.go.name, 64, STR("X-Shop-Key")));
	cell_good(&r, &c);
	end_say_z(&c, "GET /a HTTP/1.1\r\nHost: good.test\r\n"
	              "X_Shop_Key: mine\r\n\r\n");
	rig_until(&r, end_got(&c, "hello"));
	assert_false(end_got(&r.origin.at[0], "mine"));
	done(&r, &c);
}

static void
P17_own_credentials_pass_only_where_the_rule_says_so(void **state)
{
	(void)state;
	static const char *const queries[] = { "access_token=x", "a=b&KEY=x",
		"x=1;token=2", "X-Amz-Signature=00", "si%67=1" };
	for (size_t i = 0; i < 2 * COUNT(queries); i++) {
		bool keep = i % 2 == 1;
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		r.go.keep_credentials = keep;
		cell_good(&r, &c);
		auto_buf text = { 0 };
		buf_addf(&text, "GET /a?%s HTTP/1.1\r\nHost: good.test\r\n\r\n",
		    queries[i / 2]);
		end_say(&c, buf_str(&text));
		rig_until(&r, end_got(&c, keep ? "hello" : "}\n"));
		assert_true(r.intent.own);
		assert_int_equal(r.origin.count, keep);
		done(&r, &c);
	}
}

/* Such a request is refused before; who writes the head does not count on it.
 */
static void
P17_no_head_is_written_with_what_the_rule_does_not_keep(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct proxy_origin origin = { .port = 443, .tls = true };
		struct proxy_request r = { 0 };
		struct http_reader reader;
		struct http_event ev;
		struct proxy_go go = { .tls = true,
			.keep_credentials = i % 2 == 1,
			.place = i < 2 ? PROXY_PLACE_NONE : PROXY_PLACE_QUERY,
			.name = "key",
			.format = "{{secret}}" };
		struct str in = STR("GET /a HTTP/1.1\r\nHost: good.test\r\n"
		                    "X-Api-Key: mine\r\n\r\n");
		struct buf head = { 0 };
		struct err e;
		assert_int_equal(
		    names_host_parse(STR(GOOD), &origin.host, &e), 0);
		http_reader_request(&reader);
		assert_int_equal(http_read(&reader, &in, &ev, &e), 0);
		assert_int_equal(ev.kind, HTTP_HEAD);
		assert_int_equal(
		    proxy_request_make(&r, ev.head, &origin, &e), 0);
		assert_int_equal(
		    proxy_head_write(&head, &r, &go, STR(SECRET), NULL, &e), 0);
		assert_int_equal(times_in(&head, "mine"), i % 2);
		buf_wipe(&head);
		proxy_request_fini(&r);
		http_reader_fini(&reader);
	}
}

/* A reason may quote what somebody wrote. */
static void
a_reason_ends_no_header(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	struct proxy_refusal refusal = { .status = 403,
		.reason = "denied: no\r\nSet-Cookie: a=b\n\xc3\xa4" };
	proxy_answer_write(&b, &refusal, true, false);
	assert_int_equal(times_in(&b, "\r\nHandrail-Reason: denied: "
	                              "no??Set-Cookie: a=b???\r\n"),
	    1);
	assert_int_equal(times_in(&b, "\nSet-Cookie"), 0);
}

static void
H10_traces_of_proxies_do_not_leave(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	get_with(&r, &c,
	    "Proxy-Authorization: Basic eDp5\r\nProxy-Connection: close\r\n"
	    "Via: 1.1 x\r\nForwarded: for=1.2.3.4\r\n"
	    "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: evil.test\r\n"
	    "Connection: x-private\r\nX-Private: 1\r\nTE: trailers\r\n"
	    "Keep-Alive: 5\r\nX-HTTP-Method-Override: DELETE\r\n"
	    "X_HTTP_METHOD_OVERRIDE: DELETE\r\nContent_Length: 9\r\n"
	    "X-Kept: 1\r\n");
	rig_until(&r, end_got(&c, "hello"));
	struct end *o = &r.origin.at[0];
	static const char *const gone[] = { "Proxy-", "Via", "Forwarded",
		"X-Private", "TE:", "Keep-Alive", "Override", "eDp5",
		"OVERRIDE", "Content_Length" };
	for (size_t i = 0; i < COUNT(gone); i++) {
		assert_false(end_got(o, gone[i]));
	}
	assert_true(end_got(o, "X-Kept: 1\r\n"));
	done(&r, &c);
}

static void
H11_a_body_is_asked_for_only_after_the_go(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	static const char head[] = "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	                           "Content-Length: 4\r\n"
	                           "Expect: 100-continue\r\n\r\n";
	rig_new(&r, NULL);
	r.decide = REFUSE;
	cell_good(&r, &c);
	end_say_z(&c, head);
	rig_until(&r, end_got(&c, "}\n"));
	assert_true(str_starts(buf_str(&c.got), STR("HTTP/1.1 403 ")));
	assert_false(end_got(&c, "100 Continue"));
	done(&r, &c);
	rig_new(&r, NULL);
	rig_pin(&r);
	const char *answer = r.origin.answer;
	r.origin.answer = NULL;
	cell_good(&r, &c);
	end_say_z(&c, head);
	rig_until(&r, end_got(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
	assert_false(end_got(&r.origin.at[0], "Expect"));
	end_say_z(&c, "body");
	rig_until(&r, end_got(&r.origin.at[0], "\r\n\r\nbody"));
	r.origin.answer = answer;
	rig_until(&r, end_got(&c, "hello"));
	done(&r, &c);
}

static void
H11_an_unknown_expectation_is_refused(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	get_with(&r, &c, "Expect: 200-ok\r\n");
	assert_refused_early(&r, "");
	assert_true(end_got(&c, "HTTP/1.1 417 "));
	done(&r, &c);
}

static void
H12_paths_of_two_meanings_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "/a/../b", "/a/%2e%2e/b", "/a%2fb",
		"//a", "/a//b", "/a\\b", "/a%00", "/a%252e" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		cell_good(&r, &c);
		auto_buf text = { 0 };
		buf_addf(&text, "GET %s HTTP/1.1\r\nHost: good.test\r\n\r\n",
		    bad[i]);
		end_say(&c, buf_str(&text));
		assert_refused_early(&r, "");
		assert_true(end_got(&c, "HTTP/1.1 400 "));
		done(&r, &c);
	}
}

static void
H13_trace_and_a_tunnel_in_a_tunnel_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"TRACE / HTTP/1.1\r\nHost: good.test\r\n\r\n",
		"CONNECT good.test:443 HTTP/1.1\r\nHost: good.test:443\r\n\r\n"
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		cell_good(&r, &c);
		end_say_z(&c, bad[i]);
		assert_refused_early(&r, "");
		assert_true(end_got(&c, "HTTP/1.1 40"));
		done(&r, &c);
	}
}

static void
H14_an_upgrade_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"Connection: upgrade\r\nUpgrade: websocket\r\n",
		"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\n",
		"Upgrade: websocket\r\n"
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		get_with(&r, &c, bad[i]);
		assert_refused_early(&r, "");
		assert_true(end_got(&c, "HTTP/1.1 40"));
		done(&r, &c);
	}
}

static void
H16_targets_and_heads_are_bounded(void **state)
{
	(void)state;
	static const struct {
		size_t path, header;
		const char *answer;
	} bad[] = { { 2000, 1, "HTTP/1.1 413 " }, { 9000, 1, "HTTP/1.1 414 " },
		{ 1, 70000, "HTTP/1.1 431 " } };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		cell_good(&r, &c);
		auto_buf text = { 0 };
		buf_addf(&text,
		    "GET /%0*d HTTP/1.1\r\nHost: good.test\r\nX: %0*d\r\n\r\n",
		    (int)bad[i].path, 1, (int)bad[i].header, 1);
		end_say(&c, buf_str(&text));
		assert_refused_early(&r, "");
		assert_true(end_got(&c, bad[i].answer));
		done(&r, &c);
	}
}

static void
P06_a_secret_that_breaks_its_header_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "a\r\nX-Evil: 1", "a\nb", "a\rb",
		"\001", "a\177", "a\200b", "" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.secret = bad[i];
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, end_got(&c, "}\n"));
		assert_true(end_got(&c, "HTTP/1.1 403 "));
		assert_false(r.outcome.injected);
		assert_origin_untouched(&r);
		done(&r, &c);
	}
}

static void
P11_what_frames_a_message_cannot_be_injected(void **state)
{
	(void)state;
	static const struct {
		const char *name, *format;
	} bad[] = {
		{ "Host", "{{secret}}" },
		{ "Content-Length", "{{secret}}" },
		{ "Connection", "{{secret}}" },
		{ "transfer-encoding", "{{secret}}" },
		{ "Authorization", "Bearer" },
		{ "Authorization", "{{secret}} {{secret}}" },
		{ "Bad Name", "{{secret}}" },
		{ "", "{{secret}}" },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		assert_true(str_copy(r.go.name, 64, str_of(bad[i].name)));
		assert_true(str_copy(r.go.format, 256, str_of(bad[i].format)));
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, end_got(&c, "}\n"));
		assert_true(end_got(&c, "HTTP/1.1 403 "));
		assert_origin_untouched(&r);
		done(&r, &c);
	}
}

static void
P12_without_the_vault_nothing_leaves(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.secret = NULL;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "}\n"));
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	assert_true(end_got(&c, "the grant is over"));
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_origin_untouched(&r);
	done(&r, &c);
}

/* --- addresses ------------------------------------------------------------ */

static void
found(struct rig *r, const char *const *addresses, size_t count)
{
	r->found.count = count;
	for (size_t i = 0; i < count; i++) {
		assert_true(
		    names_addr_parse(str_of(addresses[i]), &r->found.at[i]));
	}
}

static void
A01_a_name_that_leads_inside_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "127.0.0.1", "::1", "0.0.0.0",
		"169.254.169.254", "100.100.100.200", "10.0.0.1", "fe80::1",
		"::ffff:127.0.0.1", "224.0.0.1", "198.18.0.1" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.go.pinned = false;
		found(&r, &bad[i], 1);
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, end_got(&c, "}\n"));
		assert_true(end_got(&c, "HTTP/1.1 403 "));
		assert_int_equal(r.outcome.end, PROXY_REFUSED);
		assert_int_equal(r.resolves, 1);
		assert_int_equal(r.redeems, 0);
		assert_int_equal(r.origin.count, 0);
		done(&r, &c);
	}
}

static void
A01_a_literal_that_lies_inside_is_refused(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	r.decide = GO;
	cell_dial_address(&r, &c, "10.1.2.3", 80);
	end_say_z(&c, "GET / HTTP/1.1\r\nHost: 10.1.2.3\r\n\r\n");
	rig_until(&r, end_got(&c, "}\n"));
	assert_true(end_got(&c, "HTTP/1.1 403 "));
	assert_int_equal(r.intents, 1);
	assert_int_equal(r.outcome.end, PROXY_REFUSED);
	done(&r, &c);
}

static void
D09_a_resolver_that_is_silent_is_no_yes(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	r.decide = GO;
	r.go.tls = true;
	r.resolver_away = true;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "}\n"));
	assert_true(end_got(&c, "HTTP/1.1 504 "));
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	done(&r, &c);
}

/* --- requests of the house ------------------------------------------------ */

static struct proxy_fetch
fetch_of(struct rig *r)
{
	rig_inject(r);
	return (struct proxy_fetch){ .method = "POST",
		.host = GOOD,
		.port = 443,
		.target = "/v1/chat",
		.headers = "Content-Type: application/json\r\n",
		.body = STR("{}"),
		.timeout_us = CLOCK_MINUTE,
		.answer_limit = 1000,
		.go = r->go };
}

static void
a_request_of_the_house_goes_the_same_way(void **state)
{
	(void)state;
	struct rig r;
	struct err e;
	uint64_t id;
	rig_new(&r, NULL);
	struct proxy_fetch f = fetch_of(&r);
	assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
	assert_int_equal(r.fetched, 0);
	rig_until(&r, r.fetched == 1);
	assert_int_equal(r.fetched_status, 200);
	assert_true(str_eq(buf_str(&r.fetched_body), STR("hello")));
	struct end *o = &r.origin.at[0];
	assert_true(end_got(o, "POST /v1/chat HTTP/1.1\r\n"));
	assert_true(end_got(o, "Host: good.test\r\n"));
	assert_true(end_got(o, "Content-Length: 2\r\n"));
	assert_true(end_got(o, "Authorization: Bearer " SECRET "\r\n"));
	assert_true(end_got(o, "\r\n\r\n{}"));
	assert_int_equal(r.intents, 0);
	assert_int_equal(r.outcomes, 0);
	rig_free(&r);
}

/* A host that says back what it was asked with. */
static void
R01_a_head_tells_the_house_no_credential(void **state)
{
	(void)state;
	struct rig r;
	struct err e;
	uint64_t id;
	rig_new(&r, NULL);
	r.origin.answer = "HTTP/1.1 200 OK\r\n"
	                  "Content-Type: text/plain; for=" SECRET "\r\n"
	                  "Content-Length: 2\r\n\r\nok";
	struct proxy_fetch f = fetch_of(&r);
	assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
	rig_until(&r, r.fetched == 1);
	assert_string_equal(r.fetched_type, "text/plain; for=" SCRUB_REMOVED);
	rig_free(&r);
}

/* A socket that takes all of it at once is no reason to stop. */
static void
a_long_body_of_the_house_goes_out_whole(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		static char body[1024 * 1024];
		struct rig r;
		struct err e;
		uint64_t id;
		int room = wide ? 4 * (int)sizeof(body) : 16384;
		rig_new(&r, NULL);
		assert_int_equal(setsockopt(r.origin.fd, SOL_SOCKET, SO_RCVBUF,
		                     &room, sizeof(room)),
		    0);
		memset(body, 'b', sizeof(body));
		body[sizeof(body) - 1] = 'e';
		r.origin.answer = NULL;
		struct proxy_fetch f = fetch_of(&r);
		f.body = str_span(body, sizeof(body));
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r,
		    r.origin.count == 1 &&
		        (r.fetched == 1 ||
		            str_ends(buf_str(&r.origin.at[0].got), STR("be"))));
		assert_int_equal(r.fetched, 0);
		end_say_z(&r.origin.at[0],
		    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		rig_until(&r, r.fetched == 1);
		assert_int_equal(r.fetched_status, 200);
		rig_free(&r);
	}
}

/* A task names the body of a tool that asks another host. */
static void
P08_no_body_of_the_house_brings_what_was_lent(void **state)
{
	(void)state;
	static const struct {
		const char *body, *more;
		enum err_kind kind;
	} rows[] = {
		{ "{\"note\":\"" SECRET "\"}", "", ERR_DENIED },
		{ "{\"note\":\"czNjcjN0LWNhbmFyeS0wMTIzNDU2Nzg5\"}", "",
		    ERR_DENIED },
		{ SECRET, "Content-Encoding: gzip\r\n", ERR_INPUT },
		{ "{\"note\":\"s3cr3t-canary\"}", "", 0 },
		{ "", "", 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig r;
		struct err e;
		uint64_t id;
		rig_new(&r, NULL);
		struct proxy_fetch f = fetch_of(&r);
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, r.fetched == 1);
		size_t got = r.origin.at[0].got.len;
		rig_pin(&r);
		r.go.grant = 0;
		r.go.place = PROXY_PLACE_NONE;
		f.go = r.go;
		f.body = str_of(rows[i].body);
		f.headers = rows[i].more;
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, r.fetched == 2);
		assert_int_equal(r.fetched_kind, rows[i].kind);
		assert_true(
		    !rows[i].kind ||
		    (r.origin.count == 1 && r.origin.at[0].got.len == got));
		rig_free(&r);
	}
}

static void
a_body_of_the_house_over_its_limit_is_a_failure(void **state)
{
	(void)state;
	struct rig r;
	struct err e;
	uint64_t id;
	rig_new(&r, NULL);
	struct proxy_fetch f = fetch_of(&r);
	f.go.up_max = 1;
	assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
	rig_until(&r, r.fetched == 1);
	assert_int_equal(r.fetched_kind, ERR_LIMIT);
	rig_free(&r);
}

static void
an_answer_over_its_limit_or_time_is_a_failure(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct rig r;
		struct err e;
		uint64_t id;
		rig_new(&r, NULL);
		struct proxy_fetch f = fetch_of(&r);
		if (late) {
			r.origin.answer = NULL;
			f.timeout_us = 30000;
		} else {
			f.answer_limit = 4;
		}
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, r.fetched == 1);
		assert_int_equal(
		    r.fetched_kind, late ? ERR_TIMEOUT : ERR_LIMIT);
		rig_free(&r);
	}
}

static void
headers_that_end_the_head_are_refused(void **state)
{
	(void)state;
	struct rig r;
	struct err e;
	uint64_t id;
	rig_new(&r, NULL);
	struct proxy_fetch f = fetch_of(&r);
	f.headers = "X: 1\r\n\r\nGET /other HTTP/1.1\r\n";
	assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), -1);
	f = fetch_of(&r);
	f.target = "/a HTTP/1.1\r\nX: 1\r\n\r\n";
	assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), -1);
	f = fetch_of(&r);
	f.target = "/a/../b";
	assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), -1);
	rig_turns(&r, 10);
	assert_int_equal(r.fetched, 0);
	rig_free(&r);
}

#define MANY 70 /* more than there are rows of them */

/* Whatever order they are decided in, and whatever has ended meanwhile. */
static void /* NOLINTNEXTLINE(*-function-size): rig_until is a loop */
each_of_many_that_wait_hears_its_own_decision(void **state)
{
	static struct end c[MANY];
	uint64_t ids[MANY];
	struct rig r;

	(void)state;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.decide = HOLD;
	for (size_t i = 0; i < MANY; i++) {
		cell_good(&r, &c[i]);
		end_say_z(&c[i], GET_GOOD);
		rig_until(&r, r.intents == i + 1);
		ids[i] = r.id;
	}
	end_close(&c[MANY / 2]);
	rig_turns(&r, 20);
	for (size_t n = 0; n < MANY; n++) {
		size_t i = n * 29 % MANY; /* each of them once */
		char reason[32];
		struct proxy_refusal no = { .status = 403, .reason = reason };

		(void)snprintf(reason, sizeof(reason), "number %zu!", i);
		if (i == MANY / 2) {
			continue;
		}
		if (i % 8 == 0) {
			proxy_go(r.proxy, ids[i], &r.go);
			rig_until(&r, end_got(&c[i], "hello"));
			assert_int_equal(r.outcome.id, ids[i]);
		} else {
			proxy_refuse(r.proxy, ids[i], &no);
			rig_until(&r, end_got(&c[i], reason));
		}
	}
	assert_int_equal(r.redeems, (MANY + 7) / 8);
	for (size_t i = 0; i < MANY; i++) {
		end_close(&c[i]);
	}
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(H01_a_body_of_two_lengths_is_refused),
		cmocka_unit_test(a_method_with_a_small_letter_is_refused),
		cmocka_unit_test(H06_each_pipelined_request_is_judged),
		cmocka_unit_test(
		    H09_with_a_credential_of_its_own_it_is_refused),
		cmocka_unit_test(
		    H09_beside_an_injected_one_none_of_that_name_passes),
		cmocka_unit_test(
		    P17_own_credentials_pass_only_where_the_rule_says_so),
		cmocka_unit_test(
		    P17_no_head_is_written_with_what_the_rule_does_not_keep),
		cmocka_unit_test(a_reason_ends_no_header),
		cmocka_unit_test(H10_traces_of_proxies_do_not_leave),
		cmocka_unit_test(H11_a_body_is_asked_for_only_after_the_go),
		cmocka_unit_test(H11_an_unknown_expectation_is_refused),
		cmocka_unit_test(H12_paths_of_two_meanings_are_refused),
		cmocka_unit_test(
		    H13_trace_and_a_tunnel_in_a_tunnel_are_refused),
		cmocka_unit_test(H14_an_upgrade_is_refused),
		cmocka_unit_test(H16_targets_and_heads_are_bounded),
		cmocka_unit_test(
		    P06_a_secret_that_breaks_its_header_is_refused),
		cmocka_unit_test(P11_what_frames_a_message_cannot_be_injected),
		cmocka_unit_test(P12_without_the_vault_nothing_leaves),
		cmocka_unit_test(A01_a_name_that_leads_inside_is_refused),
		cmocka_unit_test(A01_a_literal_that_lies_inside_is_refused),
		cmocka_unit_test(D09_a_resolver_that_is_silent_is_no_yes),
		cmocka_unit_test(a_request_of_the_house_goes_the_same_way),
		cmocka_unit_test(R01_a_head_tells_the_house_no_credential),
		cmocka_unit_test(a_long_body_of_the_house_goes_out_whole),
		cmocka_unit_test(P08_no_body_of_the_house_brings_what_was_lent),
		cmocka_unit_test(
		    a_body_of_the_house_over_its_limit_is_a_failure),
		cmocka_unit_test(an_answer_over_its_limit_or_time_is_a_failure),
		cmocka_unit_test(headers_that_end_the_head_are_refused),
		cmocka_unit_test(each_of_many_that_wait_hears_its_own_decision),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
