/* SPDX-License-Identifier: Apache-2.0 */
/* Places of credentials, tunnels, WebSocket and bounds in egress rules. */
#include "policy_help.h"

#include <stdio.h>
#include <string.h>

#define RULE(rest) "[egress.x]\nmatch = { host = \"api.test\" }\n" rest "\n"

struct bad {
	const char *text;
	const char *says;
};

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
assert_bad(const struct bad *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct arena a = { 0 };
		const struct policy *p = NULL;
		struct err e = { 0 };

		assert_row(policy_parse(&a, str_of(rows[i].text), "gates.toml",
		               &p, &e) != 0,
		    rows[i].text);
		if (!strstr(e.text, rows[i].says)) {
			fail_msg("%s: %s", rows[i].text, e.text);
		}
		arena_fini(&a);
	}
}

static void
every_place_loads(void **state)
{
	(void)state;
	struct arena a = { 0 };
	const struct policy *p =
	    policy_of(&a, RULE("inject = { credential = \"c\", query = "
	                       "\"api_key\" }") "[egress.y]\nmatch = { host = "
	                                        "\"b.test\" }\n"
	                                        "inject = { credential = "
	                                        "\"c\", segment = 2, "
	                                        "format = \"bot{{secret}}\" }\n"
	                                        "[egress.z]\nmatch = { host = "
	                                        "\"c.test\" }\n"
	                                        "inject = { credential = "
	                                        "\"c\", json = \"/auth/key\", "
	                                        "placeholder = \"API_KEY\" }\n"
	                                        "[egress.f]\nmatch = { host = "
	                                        "\"d.test\" }\n"
	                                        "inject = { credential = "
	                                        "\"c\", form = \"token\" }\n");
	uint32_t seen = 0;

	for (size_t i = 0; i < policy_egress_count(p); i++) {
		const struct policy_egress *e = policy_egress_at(p, i);

		if (str_eq_z(e->name, "x")) {
			assert_true(str_eq_z(e->inject.query, "api_key"));
			assert_true(str_eq_z(e->inject.format, "{{secret}}"));
			seen |= 1;
		} else if (str_eq_z(e->name, "y")) {
			assert_int_equal(e->inject.segment, 2);
			seen |= 2;
		} else if (str_eq_z(e->name, "z")) {
			assert_true(str_eq_z(e->inject.json, "/auth/key"));
			assert_true(str_eq_z(e->inject.placeholder, "API_KEY"));
			seen |= 4;
		} else {
			assert_true(str_eq_z(e->inject.form, "token"));
			seen |= 8;
		}
	}
	assert_int_equal(seen, 15);
	arena_fini(&a);
}

static void
no_place_two_places_and_anywhere_are_errors_P11_P14(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ RULE("inject = { credential = \"c\" }"), "one place" },
		{ RULE("inject = { credential = \"c\", header = \"X\", "
		       "query = \"k\" }"),
		    "one place" },
		{ RULE("inject = { credential = \"c\", segment = 1, "
		       "form = \"k\" }"),
		    "one place" },
		{ RULE("inject = { credential = \"c\", body = true }"),
		    "unknown key" },
		{ RULE("inject = { credential = \"c\", json = \"\" }"),
		    "not empty" },
		{ RULE("inject = { credential = \"c\", json = \"key\" }"),
		    "pointer" },
		{ RULE("inject = { credential = \"c\", query = \"a b\" }"),
		    "parameter" },
		{ RULE("inject = { credential = \"c\", segment = 0 }"),
		    "segment" },
		{ RULE("inject = { credential = \"c\", header = \"Host\" }"),
		    "belongs to the message" },
		{ RULE("inject = { credential = \"c\", query = \"k\", "
		       "format = \"none\" }"),
		    "{{secret}} once" },
		{ RULE("inject = { credential = \"c\", query = \"k\", "
		       "placeholder = \"lower\" }"),
		    "variable" },
		{ RULE("inject = { credential = \"c\", query = \"k\", "
		       "placeholder = \"LD_PRELOAD\" }"),
		    "cannot stand" },
		{ RULE("inject = { credential = \"c\", query = \"k\", "
		       "placeholder = \"PATH\" }"),
		    "cannot stand" },
		{ RULE("inject = { credential = \"c\", query = \"k\", "
		       "format = \"a{{secret}}\", placeholder = \"KEY\" }"),
		    "the form itself" },
	};

	assert_bad(rows, COUNT(rows));
}

static void
what_says_nothing_of_a_tunnel_is_an_error_S02(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ RULE("protocol = \"udp\""), "\"http\" or \"tcp\"" },
		{ RULE("protocol = \"tcp\"\nwebsocket = true"),
		    "says nothing of a tunnel" },
		{ RULE("protocol = \"tcp\"\nown_credentials = true"),
		    "says nothing of a tunnel" },
		{ RULE("protocol = \"tcp\"\n"
		       "inject = { credential = \"c\", query = \"k\" }"),
		    "says nothing of a tunnel" },
		{ "[egress.x]\nmatch = { host = \"a.test\", method = \"GET\" "
		  "}\n"
		  "protocol = \"tcp\"\n",
		    "says nothing of a tunnel" },
		{ "[egress.x]\nmatch = { host = \"a.test\", path = \"/**\" }\n"
		  "protocol = \"tcp\"\n",
		    "says nothing of a tunnel" },
		{ RULE("protocol = \"tcp\"") "[egress.y]\nmatch = { host = "
		                             "\"api.test\", path = \"/a\" }\n",
		    "share a host and port" },
		{ "[egress.x]\nmatch = { host = \"a.test\", git = \"push\" }\n"
		  "websocket = true\n",
		    "git does not speak" },
	};

	assert_bad(rows, COUNT(rows));
}

static void
a_token_endpoint_stands_alone_R04(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ RULE("token_endpoint = \"a b\""), "names a credential" },
		{ RULE("token_endpoint = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
		    "names a credential" },
		{ RULE("token_endpoint = \"c\"\n"
		       "inject = { credential = \"c\", query = \"k\" }"),
		    "without inject" },
		{ RULE("token_endpoint = \"c\"\nwebsocket = true"),
		    "without inject" },
		{ RULE("token_endpoint = \"c\"\ntls = false\n"
		       "upstream = \"127.0.0.1:9\""),
		    "without inject" },
		{ RULE("protocol = \"tcp\"\ntoken_endpoint = \"c\""),
		    "says nothing of a tunnel" },
		{ "[egress.x]\nmatch = { host = \"a.test\", git = \"push\" }\n"
		  "token_endpoint = \"c\"\n",
		    "without inject" },
	};

	assert_bad(rows, COUNT(rows));
}

static void
bounds_are_sizes_and_rates_L03(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ RULE("body_max = 0"), "number of bytes" },
		{ RULE("body_max = \"10\""), "number of bytes" },
		{ RULE("answer_max = \"10T\""), "number of bytes" },
		{ RULE("volume_max = \"-1M\""), "number of bytes" },
		{ RULE("rate = \"10\""), "count and a time" },
		{ RULE("rate = \"0/1m\""), "count and a time" },
		{ RULE("rate = \"5/0s\""), "count and a time" },
		{ RULE("rate = \"1000001/1s\""), "count and a time" },
		{ RULE("body_max = \"K\""), "number of bytes" },
		{ RULE("body_max = \"1048576K\""), "number of bytes" },
	};
	struct arena a = { 0 };
	const struct policy *p = policy_of(&a,
	    RULE("body_max = 100\nanswer_max = \"2K\"\nvolume_max = \"1G\"\n"
	         "rate = \"60/1m\""));
	const struct policy_egress *e = policy_egress_at(p, 0);

	assert_bad(rows, COUNT(rows));
	assert_true(str_eq_z(e->match_host, "api.test"));
	assert_int_equal(e->match_port, 443);
	assert_int_equal(e->body_max, 100);
	assert_int_equal(e->answer_max, 2048);
	assert_int_equal(e->volume_max, 1 << 30);
	assert_int_equal(e->rate, 60);
	assert_int_equal(e->rate_us, 60 * CLOCK_SECOND);
	p = policy_of(&a, RULE("body_max = \"3M\"\nanswer_max = \"1048575K\"\n"
	                       "rate = \"1000000/1s\""));
	e = policy_egress_at(p, 0);
	assert_int_equal(e->body_max, 3 << 20);
	assert_int_equal(e->answer_max, UINT64_C(1048575) << 10);
	assert_int_equal(e->rate, 1000000);
	arena_fini(&a);
}

static void
a_network_is_no_host_A09(void **state)
{
	(void)state;
	static const char *const hosts[] = { "127.0.0.0/8", "169.254.0.0/16",
		"0.0.0.0/0", "10.0.0.0/8", "::/0", "fe80::/10" };

	for (size_t i = 0; i < COUNT(hosts); i++) {
		char text[128];
		struct bad row = { text, "a network is never opened" };

		(void)snprintf(text, sizeof(text),
		    "[egress.x]\nmatch = { host = \"%s\" }\n", hosts[i]);
		assert_bad(&row, 1);
	}
}

static enum policy_reason
ask(const struct policy *p, const char *host, bool tunnel, bool websocket,
    struct str *next)
{
	static struct arena a;
	struct names_host name;
	struct policy_request_decision d;
	struct err e;

	arena_fini(&a);
	assert_int_equal(names_host_parse(str_of(host), &name, &e), 0);
	struct policy_request r = { .host = &name,
		.port = 443,
		.tls = !tunnel,
		.method = tunnel ? STR("") : STR("GET"),
		.path = tunnel ? STR("") : STR("/"),
		.tunnel = tunnel,
		.websocket = websocket };
	policy_request(&a, p, &r, &d);
	*next = d.next;
	assert_int_equal(d.verdict == POLICY_ALLOW, d.reason == POLICY_NONE);
	return d.reason;
}

static void
a_tunnel_and_a_request_need_rules_of_their_own_W01(void **state)
{
	(void)state;
	struct arena a = { 0 };
	struct str next;
	const struct policy *p =
	    policy_of(&a, "[egress.t]\nmatch = { host = \"tunnel.test\" }\n"
	                  "protocol = \"tcp\"\n"
	                  "[egress.o]\nmatch = { host = \"only.test\" }\n"
	                  "protocol = \"tcp\"\nonly_for = [\"t\"]\n"
	                  "[egress.w]\nmatch = { host = \"socket.test\" }\n"
	                  "websocket = true\n"
	                  "[egress.h]\nmatch = { host = \"plain.test\" }\n");

	assert_int_equal(
	    ask(p, "tunnel.test", true, false, &next), POLICY_NONE);
	assert_int_equal(
	    ask(p, "only.test", true, false, &next), POLICY_ONLY_FOR);
	assert_int_equal(
	    ask(p, "tunnel.test", false, false, &next), POLICY_PROTOCOL);
	assert_int_equal(
	    ask(p, "plain.test", true, false, &next), POLICY_PROTOCOL);
	/* A tunnel beside the rule that is there would not load. */
	assert_true(
	    str_has_str(next, STR("over http or https, as [egress.h]")));
	assert_int_equal(
	    ask(p, "other.test", true, false, &next), POLICY_NO_RULE);
	assert_true(str_has_str(next, STR("protocol = \"tcp\"")));
	assert_int_equal(
	    ask(p, "socket.test", false, true, &next), POLICY_NONE);
	assert_int_equal(
	    ask(p, "socket.test", false, false, &next), POLICY_NONE);
	assert_int_equal(
	    ask(p, "plain.test", false, false, &next), POLICY_NONE);
	assert_int_equal(
	    ask(p, "plain.test", false, true, &next), POLICY_WEBSOCKET);
	assert_true(str_has_str(next, STR("websocket = true in [egress.h]")));
	arena_fini(&a);
}

static bool
whole(const struct policy *p, const char *host, const char *tool)
{
	auto_arena a = { 0 };
	struct policy_request_decision d;
	struct names_host name;
	struct err e;

	assert_int_equal(names_host_parse(str_of(host), &name, &e), 0);
	struct policy_request r = { .host = &name,
		.port = 443,
		.tls = true,
		.method = STR("GET"),
		.path = STR("/free"),
		.from_tool = str_of(tool) };
	policy_request(&a, p, &r, &d);
	assert_int_equal(d.verdict, POLICY_ALLOW);
	return d.whole;
}

/* Another rule injects there: at another path, on another port, for the cell of
 * one tool, for every name below. */
static void
a_host_that_is_given_a_credential_is_known_R08(void **state)
{
	(void)state;
	auto_arena a = { 0 };
	const struct policy *p = policy_of(&a,
	    "[egress.path]\nmatch = { host = \"path.test\", path = \"/in\" }\n"
	    "inject = { credential = \"k\", query = \"k\" }\n"
	    "[egress.port]\nmatch = { host = \"port.test\", port = 8443 }\n"
	    "inject = { credential = \"k\", query = \"k\" }\n"
	    "[egress.tool]\nmatch = { host = \"tool.test\" }\n"
	    "only_for = [\"push\"]\n"
	    "inject = { credential = \"k\", query = \"k\" }\n"
	    "[egress.wide]\nmatch = { host = \"*.wide.test\" }\n"
	    "inject = { credential = \"k\", query = \"k\" }\n"
	    "[egress.token]\nmatch = { host = \"token.test\", path = "
	    "\"/t\" }\ntoken_endpoint = \"k\"\n"
	    "[egress.a]\nmatch = { host = \"path.test\", path = \"/*\" }\n"
	    "[egress.b]\nmatch = { host = \"port.test\" }\n"
	    "[egress.c]\nmatch = { host = \"tool.test\", path = \"/free\" }\n"
	    "[egress.d]\nmatch = { host = \"one.wide.test\" }\n"
	    "[egress.e]\nmatch = { host = \"token.test\" }\n"
	    "[egress.f]\nmatch = { host = \"files.test\" }\n");

	assert_true(whole(p, "path.test", ""));
	assert_true(whole(p, "port.test", ""));
	assert_true(whole(p, "tool.test", "read"));
	assert_true(whole(p, "one.wide.test", ""));
	assert_true(whole(p, "token.test", ""));
	assert_false(whole(p, "files.test", ""));
}

static void
what_next_says_would_allow_it(void **state)
{
	(void)state;
	struct arena a = { 0 };
	struct str next;
	const struct policy *none = policy_of(&a, "");

	for (int tunnel = 0; tunnel < 2; tunnel++) {
		(void)ask(none, "new.test", tunnel, !tunnel, &next);
		const struct policy *p = policy_of(&a, arena_z(&a, next));

		assert_int_equal(
		    ask(p, "new.test", tunnel, !tunnel, &next), POLICY_NONE);
	}
	arena_fini(&a);
}

static void
a_place_and_a_bound_have_bounds_of_their_own(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ RULE("inject = { credential = \"c\", segment = 33 }"),
		    "segment" },
		{ RULE("inject = { credential = \"c\", segment = -1 }"),
		    "segment" },
		{ RULE("inject = { credential = \"c\", form = \"a b\" }"),
		    "field" },
		{ RULE("inject = { credential = \"c\", json = \"/a b\" }"),
		    "pointer" },
		{ RULE("inject = { credential = \"c\", query = \"\\u007f\" }"),
		    "parameter" },
		{ RULE("inject = { credential = \"c\", header = \"A.B\" }"),
		    "header" },
		{ RULE("inject = { credential = \"c|d\", header = \"A\" }"),
		    "credential" },
		{ RULE("inject = { credential = \"c\", header = \"A\", "
		       "format = \"{{secret}}\u00e9\" }"),
		    "printable" },
		{ RULE("inject = { credential = \"c\", query = \"k\", "
		       "placeholder = \"1A\" }"),
		    "variable" },
		{ RULE("inject = { credential = \"c\", query = \"k\", "
		       "placeholder = \"A=B\" }"),
		    "variable" },
		{ RULE("body_max = \"1048576G\""), "number of bytes" },
		{ RULE("body_max = \"0K\""), "number of bytes" },
		{ RULE("body_max = \"K\""), "number of bytes" },
		{ RULE("body_max = true"), "number of bytes" },
		{ RULE("rate = \"1000001/1m\""), "a count and a time" },
		{ RULE("rate = \"\""), "rate" },
		{ "[egress.x]\nmatch = { host = \"a.test\", git = \"fetch\" }\n"
		  "websocket = true\n",
		    "git does not speak" },
		{ "[egress.x]\nmatch = { host = \"a.test\", git = \"fetch\" }\n"
		  "token_endpoint = \"c\"\n",
		    "stands without" },
	};

	assert_bad(rows, COUNT(rows));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_loads),
		cmocka_unit_test(
		    no_place_two_places_and_anywhere_are_errors_P11_P14),
		cmocka_unit_test(what_says_nothing_of_a_tunnel_is_an_error_S02),
		cmocka_unit_test(a_token_endpoint_stands_alone_R04),
		cmocka_unit_test(bounds_are_sizes_and_rates_L03),
		cmocka_unit_test(a_network_is_no_host_A09),
		cmocka_unit_test(
		    a_tunnel_and_a_request_need_rules_of_their_own_W01),
		cmocka_unit_test(
		    a_host_that_is_given_a_credential_is_known_R08),
		cmocka_unit_test(what_next_says_would_allow_it),
		cmocka_unit_test(a_place_and_a_bound_have_bounds_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
