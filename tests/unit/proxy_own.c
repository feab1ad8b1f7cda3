/* SPDX-License-Identifier: Apache-2.0 */
/* P08: what a cell shows of credentials, each value of them, and one that was
 * lent to it before. */
#include "proxy_help.h"

static void
ask(struct rig *r, struct end *c, const char *line, const char *more)
{
	auto_buf text = { 0 };
	buf_addf(&text, "%s HTTP/1.1\r\nHost: good.test\r\n%s\r\n", line, more);
	cell_good(r, c);
	end_say(c, buf_str(&text));
}

static void
P08_every_value_that_it_brings_is_asked_about(void **state)
{
	(void)state;
	static const struct {
		const char *line, *more, *values;
	} asks[] = {
		{ "GET /a", "Authorization: Bearer one\r\n", "one|" },
		{ "GET /a", "Authorization: one\r\nX-Api-Key: two\r\n",
		    "one|two|" },
		{ "GET /a",
		    "X-Api-Key: decoy\r\nx-api-key: real\r\n"
		    "Private-Token:  last \r\n",
		    "decoy|real|last|" },
		{ "GET /a", "Authorization: Basic b25lOnR3bw==\r\n",
		    "one|two|" },
		{ "GET /a", "Authorization: bAsIc b25lOg==\r\n", "one|" },
		{ "GET /a", "Cookie: a=one; b=\"two\";c=x=y\r\n",
		    "one|\"two\"|x=y|" },
		{ "GET /a", "Cookie: one; b=two; three\r\n", "one|two|three|" },
		{ "GET /a", "Authorization: Basic b25lOnR3b\r\n",
		    "b25lOnR3b|" },
		{ "GET /a?token=one&x=no&KEY=t%77%6f%2B", "", "one|two+|" },
		{ "GET /a?sig=one;api_key=two", "Cookie: a=three\r\n",
		    "three|one|two|" },
		{ "GET /a?x=y", "X-Other: no\r\n", "" },
	};
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		r.decide = REFUSE;
		ask(&r, &c, asks[i].line, asks[i].more);
		rig_until(&r, end_got(&c, "}\n"));
		assert_string_equal(r.intent.values, asks[i].values);
		assert_origin_untouched(&r);
		end_close(&c);
		rig_free(&r);
	}
}

static void /* NOLINTNEXTLINE(*-function-size): rig_until is a loop */
P08_more_than_can_be_asked_about_are_refused(void **state)
{
	(void)state;
	for (size_t count = PROXY_OWN_MAX; count < PROXY_OWN_MAX + 2; count++) {
		struct rig r;
		struct end c;
		auto_buf more = { 0 };
		buf_add_z(&more, "Cookie: ");
		for (size_t i = 0; i < count; i++) {
			buf_addf(&more, "%sa%zu=b", i ? "; " : "", i);
		}
		buf_add_z(&more, "\r\n");
		rig_new(&r, NULL);
		rig_pin(&r);
		r.go.keep_credentials = true;
		ask(&r, &c, "GET /a", buf_z(&more));
		if (count > PROXY_OWN_MAX) {
			assert_refused_early(&r, "more credentials");
			rig_until(&r, end_got(&c, "HTTP/1.1 403 "));
		} else {
			rig_until(&r, end_got(&c, "hello"));
		}
		end_close(&c);
		rig_free(&r);
	}
}

#define ZEROS "0000000000000000000000000000000000000000"

/* Its first request has had the credential. */
static void
lend(struct rig *r, struct end *c)
{
	rig_inject(r);
	ask(r, c, "GET /first", "");
	rig_until(r, end_got(c, "hello"));
}

/* Nor is core told of it, which writes down what it is asked. */
static void
P08_what_was_lent_to_it_is_not_sent_by_it(void **state)
{
	(void)state;
	static const struct {
		const char *line, *more;
		bool refused;
	} asks[] = {
		{ "GET /a", "X-Note: see " SECRET " here\r\n", true },
		{ "GET /a/" SECRET, "", true },
		{ "GET /a?note=" SECRET, "", true },
		/* base64 of it behind one other byte */
		{ "GET /a", "X-Note: eHMzY3IzdC1jYW5hcnktMDEyMzQ1Njc4OQ==\r\n",
		    true },
		{ "GET /a", SECRET ": note\r\n", true },
		{ "POST /r.git/git-receive-pack",
		    "Content-Length: 125\r\n\r\n0079" ZEROS " " ZEROS
		    " refs/heads/" SECRET "0000",
		    true },
		{ "GET /a", "X-Note: s3cr3t-canary-0123456788\r\n", false },
	};
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		struct end d;
		rig_new(&r, NULL);
		lend(&r, &c);
		size_t had = r.origin.at[0].got.len;
		ask(&r, &d, asks[i].line, asks[i].more);
		rig_until(&r, r.outcomes == 2);
		rig_turns(&r, 20);
		assert_int_equal(r.outcome.end,
		    asks[i].refused ? PROXY_REFUSED : PROXY_ANSWERED);
		assert_int_equal(r.intents, asks[i].refused ? 1 : 2);
		assert_int_equal(r.redeems, asks[i].refused ? 1 : 2);
		assert_int_equal(r.origin.count, 1);
		assert_int_equal(
		    r.origin.at[0].got.len > had, !asks[i].refused);
		if (asks[i].refused) {
			assert_true(end_got(&d, "HTTP/1.1 403 "));
			assert_true(end_got(&d, "brings a credential"));
		}
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

/* Where a rule names no method, any word of capitals is one. */
static void
P08_what_was_lent_to_it_is_no_method_of_it(void **state)
{
	(void)state;
	static const struct {
		const char *secret, *line;
		bool refused;
	} asks[] = {
		{ "AKIA0123456789ABCDEF", "AKIA0123456789ABCDEF /a", true },
		{ "short-secret", "73686F72742D736563726574 /a", true },
		{ "short-secret", "73686F72742D736563726575 /a", false },
	};
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		struct end d;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.secret = asks[i].secret;
		ask(&r, &c, "GET /first", "");
		rig_until(&r, end_got(&c, "hello"));
		ask(&r, &d, asks[i].line, "");
		rig_until(&r, r.outcomes == 2);
		assert_int_equal(r.outcome.end,
		    asks[i].refused ? PROXY_REFUSED : PROXY_ANSWERED);
		assert_int_equal(r.intents, asks[i].refused ? 1 : 2);
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

/* In HTTP/2 the name of a field is written in small letters. */
static void
P08_what_was_lent_to_it_is_no_field_of_it(void **state)
{
	(void)state;
	static const struct {
		const char *secret, *field;
		bool refused;
	} asks[] = {
		{ "Mixed-CASE-Canary-77", "mixed-case-canary-77: 1\r\n", true },
		{ "Mixed-CASE-Canary-77", "X-Mixed-case-CANARY-77b: 1\r\n",
		    true },
		{ "Mixed-CASE-Canary-77", "mixed-case-canary-7: 1\r\n", false },
		{ "short-secret", "c2hvcnqtc2vjcmv0: 1\r\n",
		    true }, /* base64 */
		{ "short-secret", "x-short.secret: 1\r\n", false },
	};
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		struct end d;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.secret = asks[i].secret;
		ask(&r, &c, "GET /first", "");
		rig_until(&r, end_got(&c, "hello"));
		ask(&r, &d, "GET /a", asks[i].field);
		rig_until(&r, r.outcomes == 2);
		assert_int_equal(r.outcome.end,
		    asks[i].refused ? PROXY_REFUSED : PROXY_ANSWERED);
		assert_int_equal(r.intents, asks[i].refused ? 1 : 2);
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

/* What is said of a request that cannot be read quotes it. */
static void
P08_what_was_lent_to_it_is_in_no_reason(void **state)
{
	(void)state;
	static const struct {
		const char *line, *more, *says;
	} asks[] = {
		{ SECRET " /a", "", "has a small letter" },
		{ "POST /r.git/git-receive-pack",
		    "Content-Length: 125\r\n\r\n0079" ZEROS " " ZEROS
		    " refs//eads/" SECRET "0000",
		    "not a ref name" },
		/* A quotation is cut: here before the last of its letters. */
		{ "POST /r.git/git-receive-pack",
		    "Content-Length: 169\r\n\r\n00a5" ZEROS " " ZEROS
		    " refs//eads/"
		    "01234567890123456789012345678901234567890123" SECRET
		    "0000",
		    "not a ref name: \"...\"" },
	};
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		struct end d;
		rig_new(&r, NULL);
		lend(&r, &c);
		ask(&r, &d, asks[i].line, asks[i].more);
		rig_until(&r, r.outcomes == 2); /* it looks for it */
		assert_int_equal(r.intents, 1);
		assert_non_null(strstr(r.outcome.text, asks[i].says));
		assert_null(strstr(r.outcome.text, "s3cr3t"));
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

/* Nor in the name of a host that nobody was asked about: of a request, of a
 * hello, of a proxy's absolute form, of a tunnel. */
static void
P08_what_was_lent_to_it_is_in_no_host(void **state)
{
	static const struct {
		const char *name, *sni, *say;
		uint16_t port;
	} asks[] = {
		{ SECRET ".out.test", SECRET ".out.test",
		    "GET /a HTTP/1.1\r\nHost: " SECRET ".out.test\r\n\r\n",
		    443 },
		{ GOOD, SECRET ".out.test", "", 443 },
		{ SECRET ".out.test", GOOD, "", 443 },
		{ "proxy.test", NULL,
		    "GET http://" SECRET ".out.test/a HTTP/1.0\r\n\r\n", 80 },
		{ SECRET ".out.test", NULL, "", 22 },
		{ "proxy.test", NULL,
		    "CONNECT " SECRET ".out.test:22 HTTP/1.1\r\n"
		    "Host: " SECRET ".out.test:22\r\n\r\n",
		    80 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct proxy_tunnel tunnel = { .port = 22 };
		struct rig r;
		struct end c;
		struct end d;
		struct err e;
		rig_new(&r, NULL);
		assert_int_equal(
		    names_pattern_parse(STR("*.out.test"), &tunnel.host, &e),
		    0);
		proxy_tunnels(r.proxy, &tunnel, 1);
		lend(&r, &c);
		cell_dial(&r, &d, asks[i].name, asks[i].port);
		if (asks[i].sni) {
			cell_secure(&r, &d, asks[i].sni);
		}
		end_say_z(&d, asks[i].say);
		rig_until(&r, r.outcomes == 2); /* it looks for it */
		assert_int_equal(r.outcome.end, PROXY_REFUSED);
		assert_int_equal(r.intents, 1);
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

/* A name is read in small letters, and cut by dots. */
static void
P08_what_was_lent_is_found_in_a_name_in_its_form(void **state)
{
	static const struct {
		const char *secret, *name;
		bool refused;
	} asks[] = {
		{ "Mixed-CASE-Canary-77", "mixed-case-canary-77", true },
		{ "Mixed-CASE-Canary-77", "a-mixed-case-canary-77b", true },
		{ "Mixed-CASE-Canary-77", "mixed-case-canary-7", false },
		{ "Mixed-CASE-Canary-77", "mixed-ca.se-can.ary-77", true },
		{ "aaaa.BBBB.cccc.0123", "aaaa.bbbb.cccc.0123", true },
		{ "aaaa.BBBB.cccc.0123", "aaaabbbbc.ccc0123", true },
		{ "aaaa.BBBB.cccc.0123", "aaaabbbbccc.0123", false },
		{ "short-secret", "c2hvcnqtc2vjcmv0", true }, /* base64 */
		{ "..........a", "a", false },
		{ "Ab.Cd.Ef", "x.ab.cd.ef", true }, /* six letters */
		{ "Ab.Cd.Ef", "x.abcd.ef", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		struct end d;
		auto_buf say = { 0 };
		rig_new(&r, NULL);
		rig_inject(&r);
		r.secret = asks[i].secret;
		ask(&r, &c, "GET /first", "");
		rig_until(&r, end_got(&c, "hello"));
		buf_addf(&say, "GET http://%s.out.test/a HTTP/1.0\r\n\r\n",
		    asks[i].name);
		cell_dial(&r, &d, "proxy.test", 80);
		end_say_z(&d, buf_z(&say));
		rig_until(
		    &r, asks[i].refused ? r.outcomes == 2 : r.intents == 2);
		assert_int_equal(r.intents, asks[i].refused ? 1 : 2);
		assert_int_equal(r.outcome.washed, asks[i].refused);
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

/* --- in a body --- */

#define BROUGHT "brings a credential"

/* {"note":"…"} with the secret in it. */
static const char zipped[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\xca\xcb"
    "\x2f\x49\x55\xb2\x52\x2a\x36\x4e\x2e\x32\x2e\xd1\x4d\x4e"
    "\xcc\x4b\x2c\xaa\xd4\x35\x30\x34\x32\x36\x31\x35\x33\xb7"
    "\xb0\x54\xaa\x05\x00\xf5\xaa\xa8\xc9\x23\x00\x00\x00";

/* The first request put the secret in; what the second one's body is, at once
 * or in pieces, and what of it an origin may have seen. */
struct body {
	const char *more;
	const char *text[4];
	size_t size;      /* of the only text; 0: they end with a NUL */
	const char *says; /* of why it is refused; NULL: it passes */
	bool nothing;     /* of the request has left */
};

static void
brings(const struct body *b)
{
	struct rig r;
	struct end c;
	struct end d;
	auto_buf head = { 0 };

	rig_new(&r, NULL);
	lend(&r, &c);
	size_t had = r.origin.at[0].got.len;

	if (b->says) { /* it would answer before it has the body */
		r.origin.answer = NULL;
	}
	r.go.place = PROXY_PLACE_NONE;
	r.go.grant = 0;
	buf_addf(
	    &head, "POST /a HTTP/1.1\r\nHost: good.test\r\n%s\r\n", b->more);
	cell_good(&r, &d);
	end_say(&d, buf_str(&head));
	for (size_t i = 0; i < COUNT(b->text) && b->text[i]; i++) {
		rig_turns(&r, 30);
		end_say(&d, b->size ? str_span(b->text[i], b->size)
		                    : str_of(b->text[i]));
	}
	rig_until(&r, r.outcomes == 2);
	rig_turns(&r, 20);
	assert_int_equal(r.outcome.end, !b->says     ? PROXY_ANSWERED
	                                : b->nothing ? PROXY_REFUSED
	                                             : PROXY_FAILED);
	size_t left = r.origin.at[0].got.len - had;
	for (size_t i = 1; i < r.origin.count; i++) {
		left += r.origin.at[i].got.len;
		assert_false(end_got(&r.origin.at[i], "0123456789"));
	}
	assert_true(!b->nothing || left == 0);
	if (b->says) {
		rig_until(&r, end_got(&d, "}\n"));
		assert_true(end_got(&d, "HTTP/1.1 4"));
		assert_true(end_got(&d, b->says));
		assert_non_null(strstr(r.outcome.text, b->says));
	} else {
		assert_true(left > 0 && end_got(&d, "hello"));
	}
	end_close(&c);
	end_close(&d);
	rig_free(&r);
}

static void
P08_what_was_lent_to_it_is_not_in_a_body_of_it(void **state)
{
	static const struct body bodies[] = {
		{ "Content-Length: 29\r\n", { "note=" SECRET }, 0, BROUGHT,
		    true },
		{ "Content-Length: 29\r\n",
		    { "note=s3cr3t-can", "ary-0123456789" }, 0, BROUGHT, true },
		/* base64 of it behind one other byte */
		{ "Content-Length: 36\r\n",
		    { "eHMzY3IzdC1jYW5hcnktMDEyMzQ1Njc4OQ==" }, 0, BROUGHT,
		    true },
		{ "Transfer-Encoding: chunked\r\n",
		    { "18\r\n" SECRET "\r\n0\r\n\r\n" }, 0, BROUGHT, false },
		{ "Transfer-Encoding: chunked\r\n",
		    { "6\r\ns3cr3t\r\n", "8\r\n-canary-\r\n",
		        "a\r\n0123456789\r\n", "0\r\n\r\n" },
		    0, BROUGHT, false },
		{ "Content-Encoding: gzip\r\nContent-Length: 55\r\n",
		    { zipped }, sizeof(zipped) - 1, BROUGHT, true },
		/* A word for a coding hides nothing that is not coded. */
		{ "Content-Encoding: none\r\nContent-Length: 24\r\n",
		    { SECRET }, 0, BROUGHT, true },
		{ "Content-Encoding: gzip\r\nContent-Length: 24\r\n",
		    { SECRET }, 0, "a body that is searched", true },
		/* Its neighbours. */
		{ "Content-Length: 24\r\n", { "s3cr3t-canary-0123456788" }, 0,
		    NULL, false },
		{ "Transfer-Encoding: chunked\r\n",
		    { "6\r\ns3cr3t\r\n", "8\r\n-canary-\r\n", "0\r\n\r\n" }, 0,
		    NULL, false },
		{ "Content-Length: 0\r\n", { "" }, 0, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		print_message("# body %zu\n", i);
		brings(&bodies[i]);
	}
}

/* The first credential is used while a compressed body is under way. */
static void
compressed_meanwhile(bool brings_it)
{
	/* {"note":"nothing of it"} */
	static const char clean[] =
	    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\xcb"
	    "\x2f\x49\x55\xb2\x02\x51\x19\x99\x79\xe9\x0a\xf9\x69\x0a"
	    "\x99\x25\x4a\xb5\x00\x21\x3b\xf3\x2a\x18\x00\x00\x00";
	struct rig r;
	struct end c;
	struct end d;
	struct str body = brings_it ? str_span(zipped, sizeof(zipped) - 1)
	                            : str_span(clean, sizeof(clean) - 1);
	auto_buf head = { 0 };

	rig_new(&r, NULL);
	rig_pin(&r);
	const char *answer = r.origin.answer;
	r.origin.answer = NULL; /* neither yet */
	buf_addf(&head,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
	    body.len);
	cell_good(&r, &d);
	end_say(&d, buf_str(&head));
	end_say(&d, str_sub(body, 0, 20));
	rig_until(&r, r.origin.count == 1 && r.origin.at[0].got.len > 20);
	rig_turns(&r, 20);
	rig_inject(&r);
	ask(&r, &c, "GET /first", "");
	rig_until(&r, r.origin.count == 2 && end_got(&r.origin.at[1], SECRET));
	end_say(&d, str_sub(body, 20, body.len));
	if (brings_it) {
		rig_until(&r, r.outcomes == 1);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		rig_until(&r, end_got(&d, BROUGHT));
	} else {
		rig_turns(&r, 20);
		assert_int_equal(r.outcomes, 0);
		r.origin.answer = answer;
		rig_until(&r, r.outcomes == 2);
		assert_int_equal(r.outcome.end, PROXY_ANSWERED);
		rig_until(&r, end_got(&d, "hello"));
	}
	end_close(&c);
	end_close(&d);
	rig_free(&r);
}

static void
P08_a_compressed_body_is_searched_for_what_is_used_meanwhile(void **state)
{
	(void)state;
	compressed_meanwhile(true);
	compressed_meanwhile(false);
}

/* A person decided about it while another request got the first one. */
static void
P08_a_body_that_was_held_is_searched_for_what_was_used_meanwhile(void **state)
{
	(void)state;
	static const char *const held[] = {
		"Content-Length: 29\r\n\r\nnote=" SECRET,
		"Transfer-Encoding: chunked\r\n\r\n"
		"18\r\n" SECRET "\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < COUNT(held); i++) {
		struct rig r;
		struct end c;
		struct end d;
		rig_new(&r, NULL);
		r.spool = true;
		cell_good(&r, &d);
		end_say_z(&d, "POST /a HTTP/1.1\r\nHost: good.test\r\n");
		end_say_z(&d, held[i]);
		rig_until(&r, r.intents == 2);
		uint64_t id = r.id;
		assert_int_equal(r.intent.body, PROXY_BODY_READ);
		rig_inject(&r);
		ask(&r, &c, "GET /first", "");
		rig_until(&r, r.outcomes == 1);
		assert_true(end_got(&r.origin.at[0], SECRET));
		size_t had = r.origin.at[0].got.len;
		r.go.place = PROXY_PLACE_NONE;
		r.go.grant = 0;
		proxy_go(r.proxy, id, &r.go);
		rig_until(&r, end_got(&d, BROUGHT));
		assert_int_equal(r.outcomes, 2);
		assert_int_equal(r.outcome.id, id);
		assert_int_equal(r.outcome.end, PROXY_REFUSED);
		rig_turns(&r, 20);
		assert_int_equal(r.origin.count, 1);
		assert_int_equal(r.origin.at[0].got.len, had);
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(P08_every_value_that_it_brings_is_asked_about),
		cmocka_unit_test(P08_more_than_can_be_asked_about_are_refused),
		cmocka_unit_test(P08_what_was_lent_to_it_is_not_sent_by_it),
		cmocka_unit_test(P08_what_was_lent_to_it_is_no_method_of_it),
		cmocka_unit_test(P08_what_was_lent_to_it_is_no_field_of_it),
		cmocka_unit_test(P08_what_was_lent_to_it_is_in_no_reason),
		cmocka_unit_test(P08_what_was_lent_to_it_is_in_no_host),
		cmocka_unit_test(
		    P08_what_was_lent_is_found_in_a_name_in_its_form),
		cmocka_unit_test(
		    P08_what_was_lent_to_it_is_not_in_a_body_of_it),
		cmocka_unit_test(
		    P08_a_compressed_body_is_searched_for_what_is_used_meanwhile),
		cmocka_unit_test(
		    P08_a_body_that_was_held_is_searched_for_what_was_used_meanwhile),
	};

	return cmocka_run_group_tests_name("proxy_own", tests, NULL, NULL);
}
