/* SPDX-License-Identifier: Apache-2.0 */
/* Where a credential goes into a request, and what a placeholder may do. */
#include <stdio.h>

#include "proxy_help.h"

#define MARK     "hr_placeholder_0123456789abcdef0123456789abcdef"
#define FOREIGN  "hr_placeholder_ffffffffffffffffffffffffffffffff"
#define MARK_HEX "%68r_placeholder_0123456789abcdef0123456789abcdef"

struct place {
	enum proxy_place place;
	const char *name;
	const char *format;
	const char *placeholder;
	const char *request; /* of the cell, whole */
	const char *sent;    /* must stand in what the origin gets */
	const char *secret;  /* NULL: SECRET */
};

static void
rig_place(struct rig *r, struct end *c, const struct place *p)
{
	rig_new(r, NULL);
	rig_inject(r);
	r->go.keep_credentials = true; /* no other check refuses it first */
	r->go.place = p->place;
	assert_true(str_copy(r->go.name, 64, str_of(p->name)));
	assert_true(str_copy(r->go.format, 256, str_of(p->format)));
	assert_true(str_copy(r->go.placeholder, 64, str_of(p->placeholder)));
	if (p->secret) {
		r->secret = p->secret;
	}
	cell_good(r, c);
	end_say_z(c, p->request);
	rig_until(r, r->outcomes == 1);
	rig_turns(r, 30);
}

static void
assert_sent(const struct place *p)
{
	struct rig r;
	struct end c;
	rig_place(&r, &c, p);
	if (r.origin.count != 1 || !end_got(&r.origin.at[0], p->sent)) {
		fail_msg("%s: not sent: %s but %s (%s)", p->request, p->sent,
		    r.origin.count ? buf_z(&r.origin.at[0].got) : "nothing",
		    r.outcome.text);
	}
	assert_false(end_got(&r.origin.at[0], "hr_placeholder_"));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_true(r.outcome.injected);
	assert_false(end_got(&c, SECRET));
	end_close(&c);
	rig_free(&r);
}

/* Not one byte of it left, and it was told so. */
static void
assert_not_sent(const struct place *p, unsigned status)
{
	struct rig r;
	struct end c;
	char line[32];
	rig_place(&r, &c, p);
	(void)snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
	if (!end_got(&c, line)) {
		fail_msg(
		    "%s: not %u but %s", p->request, status, buf_z(&c.got));
	}
	assert_origin_untouched(&r);
	assert_false(r.outcome.injected);
	/* What its head shows is refused before the vault is asked. */
	if (p->place == PROXY_PLACE_HEADER || p->place == PROXY_PLACE_BASIC) {
		assert_int_equal(r.redeems, 0);
	}
	end_close(&c);
	rig_free(&r);
}

#define HEAD(line) line " HTTP/1.1\r\nHost: good.test\r\n"
#define JSON_TYPE  "Content-Type: application/json; charset=utf-8\r\n"
#define FORM_TYPE  "Content-Type: application/x-www-form-urlencoded\r\n"

static void
each_place_takes_a_credential(void **state)
{
	(void)state;
	static const struct place places[] = {
		{ PROXY_PLACE_QUERY, "api key", "{{secret}}", "",
		    HEAD("GET /a?b=c") "\r\n",
		    "GET /a?b=c&api%20key=" SECRET " HTTP/1.1\r\n", NULL },
		{ PROXY_PLACE_QUERY, "key", "x-{{secret}}", "",
		    HEAD("GET /a") "\r\n", "GET /a?key=x-" SECRET " ", NULL },
		{ PROXY_PLACE_PATH, "1", "bot{{secret}}", "",
		    HEAD("GET /bot/send?x=1") "\r\n",
		    "GET /bot" SECRET "/send?x=1 ", NULL },
		{ PROXY_PLACE_JSON, "/auth/a~1b", "t {{secret}}", "",
		    HEAD("POST /a") JSON_TYPE
		    "Content-Length: 26\r\n\r\n"
		    "{\"n\":1.50,\"auth\":{\"c\":[]}}",
		    "Content-Length: 61\r\n\r\n{\"n\":1.50,\"auth\":{\"c\":[],"
		    "\"a/b\":\"t " SECRET "\"}}",
		    NULL },
		{ PROXY_PLACE_FORM, "token", "{{secret}}", "",
		    HEAD("POST /a") FORM_TYPE "Content-Length: 3\r\n\r\na=b",
		    "\r\n\r\na=b&token=" SECRET, NULL },
		{ PROXY_PLACE_FORM, "token", "{{secret}}", "",
		    HEAD("POST /a") FORM_TYPE
		    "Content-Length: 12\r\n\r\na=b;tokens=c",
		    "\r\n\r\na=b;tokens=c&token=" SECRET, NULL },
		{ PROXY_PLACE_FORM, "token", "{{secret}}", "",
		    HEAD("POST /a") FORM_TYPE
		    "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
		    "Content-Length: 34\r\n\r\na=b&token=" SECRET, NULL },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_sent(&places[i]);
	}
}

static void
each_place_takes_it_for_its_placeholder(void **state)
{
	(void)state;
	static const struct place places[] = {
		{ PROXY_PLACE_HEADER, "Authorization", "{{secret}}", MARK,
		    HEAD("GET /a") "Authorization: Bearer " MARK "\r\n\r\n",
		    "Authorization: Bearer " SECRET "\r\n", NULL },
		/* user:hr_placeholder_… in base64 */
		{ PROXY_PLACE_BASIC, "me", "", MARK,
		    HEAD("GET /a") "Authorization: Basic bWU6aHJfcGxhY2Vob2xk"
		                   "ZXJfMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmN"
		                   "kZWY=\r\n\r\n",
		    "Authorization: Basic bWU6czNjcjN0LWNhbmFyeS0wMTIzNDU2Nz"
		    "g5\r\n",
		    NULL },
		{ PROXY_PLACE_QUERY, "key", "{{secret}}", MARK,
		    HEAD("GET /a?key=" MARK "&b=c") "\r\n",
		    "GET /a?key=" SECRET "&b=c ", NULL },
		{ PROXY_PLACE_PATH, "1", "{{secret}}", MARK,
		    HEAD("GET /bot" MARK "/send") "\r\n",
		    "GET /bot" SECRET "/send ", NULL },
		/* What stands beside it goes on as it was written. */
		{ PROXY_PLACE_PATH, "1", "{{secret}}", MARK,
		    HEAD("GET /bot:%20@" MARK ";v=%25,1/send") "\r\n",
		    "GET /bot:%20@" SECRET ";v=%25,1/send ", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", MARK,
		    HEAD("POST /a") JSON_TYPE
		    "Content-Length: 62\r\n\r\n"
		    "{\"k\":\"a \\u0068r_placeholder_"
		    "0123456789abcdef0123456789abcdef\"}",
		    "{\"k\":\"a " SECRET "\"}", NULL },
		{ PROXY_PLACE_FORM, "k", "{{secret}}", MARK,
		    HEAD("POST /a") FORM_TYPE "Content-Length: 53\r\n\r\n"
		                              "a=b&k=" MARK,
		    "a=b&k=" SECRET, NULL },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_sent(&places[i]);
	}
}

static void
a_secret_is_encoded_for_its_place_P06(void **state)
{
	(void)state;
	static const char odd[] = "a&b/c\"d e+f=%41?#";
	static const struct place places[] = {
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", "",
		    HEAD("GET /a") "\r\n",
		    "GET /a?k=a%26b%2Fc%22d%20e%2Bf%3D%2541%3F%23 ", odd },
		{ PROXY_PLACE_PATH, "2", "{{secret}}", "",
		    HEAD("GET /a/x/b") "\r\n",
		    "GET /a/a%26b%2Fc%22d%20e%2Bf%3D%2541%3F%23/b ", odd },
		{ PROXY_PLACE_PATH, "2", "{{secret}}", MARK,
		    HEAD("GET /a/x=" MARK "/b") "\r\n",
		    "GET /a/x=a%26b%2Fc%22d%20e%2Bf%3D%2541%3F%23/b ", odd },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", "",
		    HEAD("POST /a") JSON_TYPE "Content-Length: 2\r\n\r\n{}",
		    "{\"k\":\"a&b/c\\\"d e+f=%41?#\"}", odd },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_sent(&places[i]);
	}
}

static void
a_foreign_placeholder_refuses_the_request_P01_P02_P05(void **state)
{
	(void)state;
	static const char *const requests[] = {
		HEAD("GET /a") "X-Key: " FOREIGN "\r\n\r\n",
		HEAD("GET /a") "Authorization: Bearer " FOREIGN "\r\n\r\n",
		HEAD("GET /a") "X-Key: a%68r_placeholder_\r\n\r\n",
		HEAD("GET /a") "Authorization: Basic bWU6aHJfcGxhY2Vob2xk"
		               "ZXJfMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
		               "=\r\n\r\n",
		HEAD("GET /a?k=" FOREIGN) "\r\n",
		HEAD("GET /a?" FOREIGN) "\r\n",
		HEAD("GET /a?k=" MARK_HEX) "\r\n",
		HEAD("GET /a?k=%2568r_placeholder_00") "\r\n",
		HEAD("GET /" FOREIGN) "\r\n",
		HEAD("GET /" MARK_HEX) "\r\n",
		HEAD("GET /%2568r_placeholder_00") "\r\n",
		HEAD("GET /hr%255Fplaceholder%255f00") "\r\n",
	};
	for (size_t i = 0; i < COUNT(requests); i++) {
		/* On a host with a credential, and on one without. */
		struct place p = { PROXY_PLACE_HEADER, "X-Other", "{{secret}}",
			"", requests[i], "", NULL };
		assert_not_sent(&p, 403);
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		r.go.keep_credentials = true;
		cell_good(&r, &c);
		end_say_z(&c, requests[i]);
		rig_until(&r, end_got(&c, "HTTP/1.1 403 "));
		assert_origin_untouched(&r);
		end_close(&c);
		rig_free(&r);
	}
}

static void
a_placeholder_works_at_its_place_alone_P18(void **state)
{
	(void)state;
	static const struct place places[] = {
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a") "\r\n", "", NULL },
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a") "X-Other: " MARK "\r\n\r\n", "", NULL },
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a") "X-Key: " MARK "\r\nX-Key: " MARK "\r\n\r\n",
		    "", NULL },
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a?q=" MARK) "X-Key: " MARK "\r\n\r\n", "",
		    NULL },
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a") "X-Key: ghp_other1 " MARK "\r\n\r\n", "",
		    NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", MARK,
		    HEAD("GET /a?j=" MARK) "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", MARK,
		    HEAD("GET /a?k=" MARK "&k=" MARK) "\r\n", "", NULL },
		{ PROXY_PLACE_PATH, "2", "{{secret}}", MARK,
		    HEAD("GET /" MARK "/b") "\r\n", "", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", MARK,
		    HEAD("POST /a") JSON_TYPE "Content-Length: 55\r\n\r\n"
		                              "{\"j\":\"" MARK "\"}",
		    "", NULL },
		{ PROXY_PLACE_FORM, "k", "{{secret}}", MARK,
		    HEAD("POST /a") FORM_TYPE "Content-Length: 49\r\n\r\n"
		                              "j=" MARK,
		    "", NULL },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_not_sent(&places[i], 403);
	}
}

static void
nothing_but_a_scheme_stands_beside_it_P17_P18(void **state)
{
	(void)state;
	static const struct place places[] = {
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a") "X-Key: " MARK "\r\nX-Other: " FOREIGN
		                   "\r\n\r\n",
		    "", NULL },
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a") "X-Key: " MARK "x\r\n\r\n", "", NULL },
		{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
		    HEAD("GET /a") "X-Key: averylongschemename " MARK
		                   "\r\n\r\n",
		    "", NULL },
		/* MARK of Basic in front, and no user at all */
		{ PROXY_PLACE_BASIC, "me", "", MARK,
		    HEAD(
		        "GET /a") "Authorization: Basic aHJfcGxhY2Vob2xkZXJf"
		                  "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
		                  "6aHJfcGxhY2Vob2xkZXJfMDEyMzQ1Njc4OWFiY2RlZjA"
		                  "xMjM0NTY3ODlhYmNkZWY=\r\n\r\n",
		    "", NULL },
		{ PROXY_PLACE_BASIC, "me", "", MARK,
		    HEAD("GET /a") "Authorization: Basic aHJfcGxhY2Vob2xkZXJf"
		                   "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
		                   "=\r\n\r\n",
		    "", NULL },
		/* me:MARK and a letter; and in another header */
		{ PROXY_PLACE_BASIC, "me", "", MARK,
		    HEAD("GET /a") "Authorization: Basic bWU6aHJfcGxhY2Vob2xk"
		                   "ZXJfMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmN"
		                   "kZWZ4\r\n\r\n",
		    "", NULL },
		{ PROXY_PLACE_BASIC, "me", "", MARK,
		    HEAD("GET /a") "X-Other: Basic bWU6aHJfcGxhY2Vob2xkZXJfMD"
		                   "EyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
		                   "\r\n\r\n",
		    "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", MARK,
		    HEAD("GET /a?j=" FOREIGN "&k=" MARK) "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", MARK,
		    HEAD("GET /a?k=" MARK "x") "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", MARK,
		    HEAD("GET /a?k=" MARK) "Authorization: Basic bWU6aHJfcGxh"
		                           "Y2Vob2xkZXJfMDEyMzQ1Njc4OWFiY2RlZ"
		                           "jAxMjM0NTY3ODlhYmNkZWY=\r\n\r\n",
		    "", NULL },
		{ PROXY_PLACE_PATH, "2", "{{secret}}", MARK,
		    HEAD("GET /" FOREIGN "/" MARK) "\r\n", "", NULL },
		{ PROXY_PLACE_PATH, "1", "{{secret}}", MARK,
		    HEAD("GET /" MARK MARK) "\r\n", "", NULL },
		{ PROXY_PLACE_PATH, "1", "{{secret}}", MARK,
		    HEAD("GET /" MARK FOREIGN) "\r\n", "", NULL },
		{ PROXY_PLACE_PATH, "1", "{{secret}}", MARK,
		    HEAD("GET /" FOREIGN MARK) "\r\n", "", NULL },
		{ PROXY_PLACE_FORM, "k", "{{secret}}", MARK,
		    HEAD("POST /a") FORM_TYPE "Content-Length: 99\r\n\r\n"
		                              "j=" FOREIGN "&k=" MARK,
		    "", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", MARK,
		    HEAD("POST /a") JSON_TYPE
		    "Content-Length: 7\r\n\r\n{\"k\":1}",
		    "", NULL },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_not_sent(&places[i], 403);
	}
}

static void
what_has_no_place_for_it_is_refused_P07(void **state)
{
	(void)state;
	static const struct place places[] = {
		{ PROXY_PLACE_PATH, "3", "{{secret}}", "",
		    HEAD("GET /a/b") "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", "",
		    HEAD("GET /a?k=own") "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", "",
		    HEAD("GET /a?%6B=own") "\r\n", "", NULL },
		{ PROXY_PLACE_JSON, "/a/k", "{{secret}}", "",
		    HEAD("POST /a") JSON_TYPE "Content-Length: 8\r\n\r\n"
		                              "{\"a\":[]}",
		    "", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", "",
		    HEAD("POST /a") "Content-Length: 2\r\n\r\n{}", "", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", "",
		    HEAD("POST /a") JSON_TYPE "Content-Encoding: gzip\r\n"
		                              "Content-Length: 2\r\n\r\n{}",
		    "", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", "",
		    HEAD("GET /a") "\r\n", "", NULL },
		{ PROXY_PLACE_FORM, "k", "{{secret}}", "",
		    HEAD("POST /a") "Content-Type: multipart/form-data\r\n"
		                    "Content-Length: 2\r\n\r\nab",
		    "", NULL },
		/* Of a form nothing is opened before it is looked at. */
		{ PROXY_PLACE_FORM, "k", "{{secret}}", "",
		    HEAD("POST /a") FORM_TYPE
		    "Content-Length: 7\r\n\r\n%6B=own",
		    "", NULL },
		{ PROXY_PLACE_BASIC, "me:x", "", "", HEAD("GET /a") "\r\n", "",
		    NULL },
		{ PROXY_PLACE_HEADER, "Content-Length", "{{secret}}", "",
		    HEAD("GET /a") "\r\n", "", NULL },
		{ PROXY_PLACE_PATH, "0", "{{secret}}", "",
		    HEAD("GET /a") "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", "",
		    HEAD("GET /a?k=") "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", "",
		    HEAD("GET /a?k") "\r\n", "", NULL },
		{ PROXY_PLACE_QUERY, "", "{{secret}}", "",
		    HEAD("GET /a") "\r\n", "", NULL },
		{ PROXY_PLACE_FORM, "", "{{secret}}", "",
		    HEAD("POST /a") FORM_TYPE "Content-Length: 3\r\n\r\na=b",
		    "", NULL },
		{ PROXY_PLACE_QUERY, "k", "no mark", "", HEAD("GET /a") "\r\n",
		    "", NULL },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_not_sent(&places[i], 403);
	}
}

static void
what_some_server_takes_for_its_place_is_refused_P07(void **state)
{
	(void)state;
	static const struct place places[] = {
		/* ';' for '&' */
		{ PROXY_PLACE_FORM, "k", "{{secret}}", "",
		    HEAD("POST /a") FORM_TYPE
		    "Content-Length: 9\r\n\r\na=b;k=own",
		    "", NULL },
		{ PROXY_PLACE_FORM, "k", "{{secret}}", MARK,
		    HEAD("POST /a") FORM_TYPE
		    "Content-Length: 57\r\n\r\na=b;k=own&k=" MARK,
		    "", NULL },
		{ PROXY_PLACE_QUERY, "k", "{{secret}}", "",
		    HEAD("GET /a?b;%6B=own") "\r\n", "", NULL },
		/* '_' for '-', or the second type for the first */
		{ PROXY_PLACE_FORM, "k", "{{secret}}", "",
		    HEAD("POST /a") FORM_TYPE "Content_Type: text/plain\r\n"
		                              "Content-Length: 3\r\n\r\na=b",
		    "", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", "",
		    HEAD("POST /a") JSON_TYPE JSON_TYPE
		    "Content-Length: 2\r\n\r\n{}",
		    "", NULL },
		{ PROXY_PLACE_JSON, "/k", "{{secret}}", "",
		    HEAD("POST /a") JSON_TYPE "content_encoding: gzip\r\n"
		                              "Content-Length: 2\r\n\r\n{}",
		    "", NULL },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_not_sent(&places[i], 403);
	}
}

static void
a_body_over_the_bound_is_refused_before_it_is_sent(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.go.place = PROXY_PLACE_JSON;
	assert_true(str_copy(r.go.name, 64, STR("/k")));
	cell_good(&r, &c);
	end_say_z(
	    &c, HEAD("POST /a") JSON_TYPE "Content-Length: 300000\r\n\r\n");
	auto_buf big = { 0 };
	memset(buf_room(&big, 300000), ' ', 300000);
	buf_grew(&big, 300000);
	end_say(&c, buf_str(&big));
	rig_until(&r, end_got(&c, "HTTP/1.1 413 "));
	assert_origin_untouched(&r);
	assert_int_equal(r.outcomes, 1);
	end_close(&c);
	rig_free(&r);
}

static void
a_placeholder_in_a_body_is_only_text_P04(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	end_say_z(&c, HEAD("POST /v1/chat") JSON_TYPE
	    "Content-Length: 55\r\n\r\n{\"j\":\"" MARK "\"}");
	rig_until(&r, end_got(&c, "hello"));
	assert_true(end_got(&r.origin.at[0], MARK));
	assert_true(end_got(&r.origin.at[0], "Bearer " SECRET));
	end_close(&c);
	rig_free(&r);
}

static void
what_is_written_down_shows_no_placeholder_O01(void **state)
{
	(void)state;
#define DIGITS "0123456789abcdef0123456789abcdef"
#define HIDDEN "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	static const struct {
		const char *asked;
		const char *written;
	} paths[] = {
		{ HEAD("GET /bot" MARK "/x"),
		    "/bothr_placeholder_" HIDDEN "/x" },
		{ HEAD("GET /bot%2568r_placeholder_" DIGITS "/x"),
		    "/bot%2568r_placeholder_" HIDDEN "/x" },
		{ HEAD("GET /%68r%255Fplaceholder%255f" DIGITS "/x"),
		    "/hr%255Fplaceholder%255f" HIDDEN "/x" },
		{ HEAD("GET /hr_placeholder_%2530" DIGITS "/"),
		    "/hr_placeholder_xxxxx" HIDDEN "/" },
		{ HEAD("GET /" MARK MARK "hr_placeholder_01"),
		    "/hr_placeholder_" HIDDEN "hr_placeholder_" HIDDEN
		    "hr_placeholder_xx" },
		{ HEAD("GET /hr_placeholders/%2568r_place"),
		    "/hr_placeholders/%2568r_place" },
	};

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		r.decide = REFUSE;
		cell_good(&r, &c);
		end_say_z(&c, paths[i].asked);
		end_say_z(&c, "\r\n");
		rig_until(&r, r.intents == 1);
		assert_string_equal(r.intent.path, paths[i].written);
		end_close(&c);
		rig_free(&r);
	}
}

static void
a_rule_bounds_bodies_both_ways_L03(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		HEAD("POST /a") "Content-Length: 9\r\n\r\n123456789",
		HEAD("POST /a") "Transfer-Encoding: chunked\r\n\r\n"
		                "5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < 2 * COUNT(bodies); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		r.go.up_max = i < COUNT(bodies) ? 8 : 9;
		cell_good(&r, &c);
		end_say_z(&c, bodies[i % COUNT(bodies)]);
		rig_until(&r, r.outcomes == 1);
		rig_turns(&r, 20);
		assert_int_equal(
		    end_got(&c, "HTTP/1.1 413 "), i < COUNT(bodies));
		assert_int_equal(end_got(&c, "hello"), i >= COUNT(bodies));
		end_close(&c);
		rig_free(&r);
	}
	for (uint64_t max = 4; max <= 5; max++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_pin(&r);
		r.go.down_max = max;
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.outcomes == 1);
		assert_int_equal(
		    r.outcome.end, max == 4 ? PROXY_FAILED : PROXY_ANSWERED);
		end_close(&c);
		rig_free(&r);
	}
}

static void
a_rule_bounds_what_all_its_requests_move_L03(void **state)
{
	(void)state;
	struct rig r;
	struct end at[3];
	auto_buf text = { 0 };
	rig_new(&r, NULL);
	rig_pin(&r);
	r.origin.answer = NULL;
	r.go.volume_max = 100;
	assert_true(str_copy(r.go.rule, sizeof(r.go.rule), STR("egress.a")));
	for (size_t i = 0; i < COUNT(at); i++) {
		/* The last is by another rule. */
		r.go.rule[7] = i < 2 ? 'a' : 'b';
		cell_good(&r, &at[i]);
		end_say_z(&at[i], GET_GOOD);
		rig_until(
		    &r, r.origin.count == i + 1 && r.origin.at[i].got.len > 0);
	}
	/* All three are under way: 60 bytes for each. */
	buf_addf(
	    &text, "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n%060d", 0);
	for (size_t i = 0; i < COUNT(at); i++) {
		end_say(&r.origin.at[i], buf_str(&text));
		rig_until(&r, r.outcomes == i + 1);
		assert_int_equal(
		    r.outcome.end, i == 1 ? PROXY_FAILED : PROXY_ANSWERED);
		assert_int_equal(
		    strstr(r.outcome.text, "used up the volume") != NULL,
		    i == 1);
	}
	rig_turns(&r, 20);
	for (size_t i = 0; i < COUNT(at); i++) {
		assert_int_equal(end_got(&at[i], "000000"), i != 1);
		end_close(&at[i]);
	}
	rig_free(&r);
}

static void
a_body_that_takes_a_credential_is_bounded_as_well_L03(void **state)
{
	(void)state;
	for (uint64_t max = 9; max <= 10; max++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.go.place = PROXY_PLACE_JSON;
		r.go.up_max = max;
		assert_true(str_copy(r.go.name, 64, STR("/k")));
		cell_good(&r, &c);
		end_say_z(&c, HEAD("POST /a") JSON_TYPE
		    "Content-Length: 10\r\n\r\n{\"a\":\"bc\"}");
		rig_until(&r, r.outcomes == 1);
		rig_turns(&r, 20);
		assert_int_equal(end_got(&c, "HTTP/1.1 413 "), max == 9);
		assert_int_equal(end_got(&c, "hello"), max == 10);
		if (max == 9) {
			assert_origin_untouched(&r);
		}
		end_close(&c);
		rig_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_place_takes_a_credential),
		cmocka_unit_test(each_place_takes_it_for_its_placeholder),
		cmocka_unit_test(a_secret_is_encoded_for_its_place_P06),
		cmocka_unit_test(
		    a_foreign_placeholder_refuses_the_request_P01_P02_P05),
		cmocka_unit_test(a_placeholder_works_at_its_place_alone_P18),
		cmocka_unit_test(nothing_but_a_scheme_stands_beside_it_P17_P18),
		cmocka_unit_test(what_has_no_place_for_it_is_refused_P07),
		cmocka_unit_test(
		    what_some_server_takes_for_its_place_is_refused_P07),
		cmocka_unit_test(
		    a_body_over_the_bound_is_refused_before_it_is_sent),
		cmocka_unit_test(a_placeholder_in_a_body_is_only_text_P04),
		cmocka_unit_test(what_is_written_down_shows_no_placeholder_O01),
		cmocka_unit_test(a_rule_bounds_bodies_both_ways_L03),
		cmocka_unit_test(a_rule_bounds_what_all_its_requests_move_L03),
		cmocka_unit_test(
		    a_body_that_takes_a_credential_is_bounded_as_well_L03),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
