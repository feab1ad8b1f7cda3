/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GATE "[gate.g]\nrequire = \"operator\"\n"
#define RULE "[egress.e]\nmatch = { host = \"api.example.com\" }\n"
#define HOST "host = \"api.example.com\""
#define A16  "aaaaaaaaaaaaaaaa"
#define A32  A16 A16
#define A64  A32 A32
#define V4   "{{a}}{{a}}{{a}}{{a}}"
#define U16  "AAAAAAAAAAAAAAAA"
#define U64  U16 U16 U16 U16

static void
assert_refused(const char *text, const char *place, const char *words)
{
	auto_arena a = { 0 };
	const struct policy *p = NULL;
	struct err e = { 0 };

	if (policy_parse(&a, str_of(text), "gates.toml", &p, &e) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_null(p);
	assert_int_equal(e.kind, ERR_INPUT);
	if (strncmp(e.text, place, strlen(place)) != 0 ||
	    !strstr(e.text, words)) {
		fail_msg("%s\n  gives %s\n  not   %s … %s", text, e.text, place,
		    words);
	}
}

static void
the_operators_own_example_loads(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	(void)policy_of(&a,
	    "[defaults]\nunmatched = \"ask\"\n"
	    "[gate.spend]\n"
	    "match   = { tool = \"*\", action = \"purchase|subscribe\" }\n"
	    "require = \"operator\"\nsurface = \"buddy | web\"\n"
	    "hint    = \"{{vendor}} ${{amount}}\"\n"
	    "[gate.publish]\ntool = \"artifact_publish\"\n"
	    "require = \"two_operators\"\nsurface = \"any\"\n"
	    "expires = \"20m\"\non_timeout = \"deny\"\n"
	    "[egress.github]\n"
	    "match = { host = \"api.github.com\", method = \"GET|POST\", "
	    "path = \"/repos/**\" }\n"
	    "inject = { credential = \"github\", header = \"Authorization\", "
	    "format = \"Bearer {{secret}}\" }\n"
	    "[egress.push]\n"
	    "match = { host = \"github.com\", git = \"push\", "
	    "ref = \"refs/heads/agent/*\" }\n"
	    "inject = { credential = \"github\", basic = \"x-access-token\" }\n"
	    "only_for = [\"git_push\"]\n"
	    "[egress.users]\nmatch = { host = \"users.internal\" }\n"
	    "upstream = \"10.0.3.7:8443\"\nca = \"users-ca.pem\"\n");
}

static void
assert_loads(const char *text)
{
	auto_arena a = { 0 };
	const struct policy *p = NULL;
	struct err e = { 0 };

	if (policy_parse(&a, str_of(text), "gates.toml", &p, &e)) {
		fail_msg("%s\n  gives %s", text, e.text);
	}
}

static void
an_unknown_key_is_refused_everywhere(void **state)
{
	(void)state;
	assert_refused("x = 1\n", "gates.toml:1:5: ", "unknown key \"x\"");
	assert_refused(
	    "[defaults]\nmatched = \"ask\"\n", "gates.toml:2:", "\"matched\"");
	assert_refused(GATE "tool = \"t\"\nnudge = \"1h\"\n",
	    "gates.toml:4:", "\"nudge\"");
	assert_refused(
	    GATE "match = { tol = \"t\" }\n", "gates.toml:3:", "\"tol\"");
	assert_refused(RULE "speed = 1\n", "gates.toml:3:", "\"speed\"");
	assert_refused(GATE "match = { host = \"h.example\", sni = \"x\" }\n",
	    "gates.toml:3:", "\"sni\"");
	assert_refused("[egress.e]\nmatch = { " HOST ", sni = \"x\" }\n",
	    "gates.toml:2:", "\"sni\"");
	assert_refused(RULE "inject = { credential = \"c\", body = \"b\" }\n",
	    "gates.toml:3:", "\"body\"");
}

static void
a_gate_stands_on_calls_or_on_requests(void **state)
{
	(void)state;
	assert_refused(GATE "match = { tool = \"t\", host = \"h.example\" }\n",
	    "gates.toml:3:", "one or the other");
	assert_loads(GATE "match = { host = \"h.example\" }\n");
	assert_loads(GATE "match = { identity = \"a*\", port = 22 }\n");
	assert_loads(GATE "match = { git = \"push\", ref = \"refs/**\", "
	                  "delete = true }\n");
	assert_loads(GATE "match = { method = \"POST\" }\nhint = "
	                  "\"{{method}} {{ref}}\"\n");
	assert_refused(GATE "match = { method = \"POST\" }\nhint = "
	                    "\"{{amount}}\"\n",
	    "gates.toml:4:", "no \"amount\"");
	assert_refused(GATE "match = { git = \"push\", delete = false }\n",
	    "gates.toml:3:", "only be true");
	assert_refused(GATE "match = { git = \"push\", method = \"POST\" }\n",
	    "gates.toml:3:", "beside git");
	assert_refused(GATE "match = { ref = \"refs/heads/x\" }\n",
	    "gates.toml:3:", "only beside git");
	assert_refused(GATE "match = { path = \"pay\" }\n",
	    "gates.toml:3:", "does not begin");
	assert_refused(GATE "match = { host = \"10.0.0.0/8\" }\n",
	    "gates.toml:3:", "a network");
	assert_refused(RULE "require = \"operator\"\n",
	    "gates.toml:3:", "an egress rule never asks");
	assert_refused(RULE "surface = \"web\"\n",
	    "gates.toml:3:", "an egress rule never asks");
}

static void
a_gate_says_what_it_is_for_and_who_decides(void **state)
{
	(void)state;
	assert_refused(GATE, "gates.toml:1:", "no match");
	assert_refused(GATE "match = {}\n", "gates.toml:3:", "match is empty");
	assert_refused(GATE "tool = \"t\"\nmatch = { tool = \"t\" }\n",
	    "gates.toml:3:", "both match and a tool");
	assert_refused(
	    "[gate.g]\ntool = \"t\"\n", "gates.toml:1:", "no require");
	assert_refused("[gate.g]\ntool = \"t\"\nrequire = \"Alice!\"\n",
	    "gates.toml:3:", "neither");
	assert_refused(GATE "tool = \"t\"\nsurface = \"pager\"\n",
	    "gates.toml:4:", "unknown surface");
	assert_refused(GATE "tool = \"t\"\nsurface = \"web | web\"\n",
	    "gates.toml:4:", "twice");
	assert_refused(GATE "tool = \"t\"\nsurface = \"\"\n",
	    "gates.toml:4:", "unknown surface");
	assert_refused(
	    GATE "tool = \"a||b\"\n", "gates.toml:3:", "empty alternative");
	assert_refused(GATE "tool = \"t\"\nexpires = \"soon\"\n",
	    "gates.toml:4:", "expires");
	assert_refused(GATE "tool = \"t\"\nremind = \"soon\"\n",
	    "gates.toml:4:", "remind must be a time");
	assert_refused(GATE "tool = \"t\"\nremind = \"24h\"\n",
	    "gates.toml:4:", "before the gate expires");
	assert_refused(GATE "tool = \"t\"\nescalate_after = \"1h\"\n",
	    "gates.toml:4:", "goes with escalate_to");
	assert_refused(GATE "tool = \"t\"\nescalate_to = \"Bert!\"\n",
	    "gates.toml:4:", "no operator's name");
	assert_refused(GATE "tool = \"t\"\nescalate_to = \"\"\n",
	    "gates.toml:4:", "not empty");
	assert_refused(GATE
	    "tool = \"t\"\nescalate_to = \"b\"\nescalate_after = \"1d\"\n",
	    "gates.toml:5:", "before the gate expires");
	assert_refused("[gate.g]\ntool = \"t\"\nrequire = \"anna\"\n"
	               "escalate_to = \"anna\"\n",
	    "gates.toml:4:", "required anyway");
	assert_refused(GATE "tool = \"t\"\non_timeout = \"allow\"\n",
	    "gates.toml:4:", "only be \"deny\"");
	assert_refused(GATE "tool = \"t\"\nhint = \"{{amount\"\n",
	    "gates.toml:4:", "hint");
	assert_refused(
	    GATE "tool = \"t\"\nhint = \"{{}}\"\n", "gates.toml:4:", "hint");
	assert_refused(
	    GATE "tool = \"t\"\nhint = \"é\"\n", "gates.toml:4:", "printable");
	assert_refused(GATE "match = { args = { n = \"> ten\" } }\n",
	    "gates.toml:3:", "not a decimal number");
	assert_refused(GATE "match = { args = { n = \"> 1e1234567890\" } }\n",
	    "gates.toml:3:", "not a decimal number");
	assert_refused(
	    GATE "match = { args = {} }\n", "gates.toml:3:", "args must");
	assert_refused(GATE "match = { args = { n = [1] } }\n",
	    "gates.toml:3:", "compared with");
	assert_refused("[defaults]\nunmatched = \"maybe\"\n",
	    "gates.toml:2:", "unmatched");
	assert_refused("[gate]\ng = 1\n", "gates.toml:2:", "[gate.NAME]");
	assert_refused(
	    "[gate.\"a b\"]\ntool = \"t\"\n", "gates.toml:1:", "the name");
}

/* A gate on calls whose other lines, or whose match, are these. */
static void
lines_of_a_gate_are_taken_or_refused(void **state)
{
	static const struct {
		const char *lines;
		const char *words; /* NULL: taken */
	} rows[] = {
		{ "escalate_to = \"az09_-.\"", NULL },
		{ "escalate_to = \"a!\"", "no operator's name" },
		{ "escalate_to = \"a:\"", "no operator's name" },
		{ "escalate_to = \"aB\"", "no operator's name" },
		{ "escalate_to = \"a{\"", "no operator's name" },
		{ "escalate_to = \"" A64 "\"", NULL },
		{ "escalate_to = \"" A64 "a\"", "1 to 64 bytes" },
		{ "hint = \"{{az-AZ_09.b}} ~\"", NULL },
		{ "hint = \"{{a/b}}\"", "a variable is" },
		{ "hint = \"{{a:b}}\"", "a variable is" },
		{ "hint = \"{{a,b}}\"", "a variable is" },
		{ "hint = \"{{a@b}}\"", "a variable is" },
		{ "hint = \"{{a[b}}\"", "a variable is" },
		{ "hint = \"{{a`b}}\"", "a variable is" },
		{ "hint = \"{{a|b}}\"", "a variable is" },
		{ "hint = \"{{" A64 "}}\"", NULL },
		{ "hint = \"{{" A64 "a}}\"", "a variable is" },
		{ "hint = \"a\\u007f\"", "printable" },
		{ "hint = \"" A64 A32 A16 "aaaaaaaa{{a}}\"", NULL },
		{ "hint = \"" A64 A32 A16 "aaaaaaaa{{a}}a\"", "120 bytes" },
		{ "hint = \"" V4 V4 "\"", NULL },
		{ "hint = \"" V4 V4 "{{a}}\"", "8 variables" },
		{ "surface = { a = \"web\" }", "surface must be" },
		{ "expires = \"1s\"", NULL },
		{ "expires = \"999ms\"", "at least 1s" },
		{ "expires = \"1h\"\nremind = \"1h\"", "before the gate" },
		{ "expires = \"1h\"\nremind = \"59m\"", NULL },
		{ "match.tool = \"|\"", "empty alternative" },
		{ "match.tool = \"a||b\"", "empty alternative" },
		{ "match.action = \"a|\"", "empty alternative" },
		{ "match.server = \"|a\"", "empty alternative" },
		{ "match.identity = \"a||b\"", "empty alternative" },
		{ "match.tool = \"a\\u0009b\"", "printable" },
		{ "match.tool = \"a\\u001fb\"", "printable" },
		{ "match.tool = \"a\\u007f\"", "printable" },
		{ "match.tool = \"a b\"", NULL },
		{ "match.args = [ 1 ]", "args must be a table" },
		{ "match.args.a = \"a||b\"", "an argument's pattern" },
		{ "match.args.a = \"\"", "an argument's pattern" },
		{ "match.args.a.b.c.d = 1", NULL },
		{ "match.args.a.b.c.d.e = 1", "at most 4 deep" },
		{ "match.args.a = {}", "hold something" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		bool has_match =
		    str_starts(str_of(rows[i].lines), STR("match"));
		struct str text = arena_printf(&a, GATE "%s%s\n",
		    has_match ? "" : "tool = \"t\"\n", rows[i].lines);

		if (rows[i].words) {
			assert_refused(
			    arena_z(&a, text), "gates.toml:", rows[i].words);
		} else {
			assert_loads(arena_z(&a, text));
		}
	}
	assert_loads(GATE "match = { host = \"h.example\" }\nhint = "
	                  "\"{{host}} {{port}} {{path}}\"\n");
}

/* 512 bytes of a pattern and 32 predicates, and not one more. */
static void
a_gate_has_its_bounds(void **state)
{
	auto_buf text = { 0 };

	(void)state;
	buf_add_z(&text, GATE "match = { tool = \"");
	for (int i = 0; i < POLICY_PATTERN_MAX; i++) {
		buf_add_byte(&text, 'a');
	}
	size_t end = text.len;

	buf_add_z(&text, "\" }\n");
	assert_loads(buf_z(&text));
	text.len = end;
	buf_add_z(&text, "a\" }\n");
	assert_refused(buf_z(&text), "gates.toml:3:", "at most 512");
	buf_clear(&text);
	buf_add_z(&text, GATE "match.args.a0 = 1\n");
	for (int i = 1; i < 32; i++) {
		buf_addf(&text, "match.args.a%d = 1\n", i);
	}
	assert_loads(buf_z(&text));
	buf_add_z(&text, "match.args.a32 = 1\n");
	assert_refused(buf_z(&text), "gates.toml:", "at most 32 predicates");
}

/* N07, A09 and the pins. */
static void
a_host_that_says_too_much_is_refused(void **state)
{
	static const char *const hosts[] = { "*", "*.com", "a.*.b",
		"*good.example.com", "a.**.b", "*.github.io", "0.0.0.0",
		"169.254.169.254", "[::]", "", "a b", "evil.test\\u0000x" };

	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		char text[200] = { 0 };

		(void)snprintf(text, sizeof(text),
		    "[egress.e]\nmatch = { host = \"%s\" }\n", hosts[i]);
		assert_refused(text, "gates.toml:2:", "host");
	}
	assert_refused(
	    "[egress.e]\nmatch = { port = 1 }\n", "gates.toml:2:", "no host");
	assert_refused("[egress.e]\nmatch = { host = \"10.0.0.1\" }\n",
	    "gates.toml:2:", "add upstream");
	assert_refused("[egress.e]\nmatch = { host = \"127.0.0.1\" }\n",
	    "gates.toml:2:", "add upstream");
	assert_refused(
	    "[egress.e]\nonly_for = [\"t\"]\n", "gates.toml:1:", "no match");
}

static const struct {
	const char *match;
	const char *words;
} bad_matches[] = {
	{ "port = 0", "port" },
	{ "port = 65536", "port" },
	{ "port = \"443\"", "port" },
	{ "method = \"get\"", "method" },
	{ "method = \"GET|\"", "method" },
	{ "path = \"repos\"", "begin with '/'" },
	{ "path = \"/a/../b\"", "segment" },
	{ "path = \"/a?x\"", "'?'" },
	{ "path = \"/a**\"", "inside a segment" },
	{ "git = \"clone\"", "git must be" },
	{ "git = \"push\", method = \"POST\"", "method" },
	{ "git = \"fetch\", ref = \"refs/heads/a\"", "ref" },
	{ "ref = \"refs/heads/a\"", "ref" },
	{ "git = \"push\", ref = \"main\"", "refs/" },
	{ "git = \"push\", delete = 1", "delete" },
	{ "git = \"push\", ref = \"refs/heads/**a\"", "segment" },
	{ "git = \"push\", ref = \"refs/a|\"", "empty" },
	{ "git = \"fetch\", delete = true", "only beside" },
	{ "method = \"GET1\"", "method" },
	{ "method = \"" U16 "A\"", "method" },
	{ "method = \"A|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A\"", "method" },
	{ "path = \"/a/./b\"", "segment" },
	{ "path = \"/a#b\"", "'#'" },
	{ "path = \"/pay|/refund\"", "'|'" },
	{ "path = \"/a^b\"", "percent-encoded" },
	{ "path = \"/a\\\\b\"", "percent-encoded" },
	{ "path = \"/a//b\"", "empty segment" },
	{ "path = \"/%61dmin\"", "an escape" },
	{ "path = \"/a%2fb\"", "an escape" },
	{ "path = \"/a%2Fb\"", "an escape" },
	{ "path = \"/a%5C\"", "an escape" },
	{ "path = \"/%c3%a9\"", "an escape" },
	{ "path = \"/%7F\"", "an escape" },
	{ "path = \"/%1F\"", "an escape" },
	{ "path = \"/%7E\"", "an escape" },
	{ "path = \"/a%4\"", "an escape" },
	{ "path = \"/a%*\"", "an escape" },
	{ "path = \"/a\\u007f\"", "percent-encoded" },
	{ "path = \"/ \"", "a space" },
};

static const char *const good_matches[] = {
	"port = 1",
	"port = 65535",
	("method = \"" U16 "\""),
	"method = \"AZ|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A\"",
	"path = \"/!~\"",
	"path = \"/aZ0-._~!$&'()*+,;=:@/%20%22%25%C3%A9%7B%7C%80/\"",
	"git = \"push|fetch\"",
	"git = \"push\", delete = false",
};

static void
every_other_bad_rule_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_matches); i++) {
		char text[300] = { 0 };

		(void)snprintf(text, sizeof(text),
		    "[egress.e]\nmatch = { " HOST ", %s }\n",
		    bad_matches[i].match);
		assert_refused(text, "gates.toml:2:", bad_matches[i].words);
	}
	for (size_t i = 0; i < COUNT(good_matches); i++) {
		char text[300] = { 0 };

		(void)snprintf(text, sizeof(text),
		    "[egress.e]\nmatch = { " HOST ", %s }\n", good_matches[i]);
		assert_loads(text);
	}
	assert_refused(RULE "upstream = \"db.internal:1\"\n",
	    "gates.toml:3:", "an address and a port");
	assert_refused(RULE "upstream = \"10.0.0.1\"\n",
	    "gates.toml:3:", "an address and a port");
	assert_refused(RULE "upstream = \"169.254.169.254:80\"\n",
	    "gates.toml:3:", "never opened");
	assert_refused(
	    RULE "upstream = \"unix:rel\"\n", "gates.toml:3:", "unix:");
	assert_refused(RULE "upstream = \"unix:/run/x.sock\"\n",
	    "gates.toml:3:", "opens no file");
	assert_refused(RULE "tls = false\n", "gates.toml:3:", "pinned");
	assert_refused(RULE "ca = \"x.pem\"\n", "gates.toml:3:", "pinned");
	assert_refused(RULE "upstream = \"10.0.0.1:80\"\ntls = false\n"
	                    "inject = { credential = \"c\", basic = \"u\" }\n",
	    "gates.toml:4:", "without TLS");
	assert_refused(RULE
	    "upstream = \"10.0.0.1:80\"\ntls = false\nca = \"x\"\n",
	    "gates.toml:5:", "over TLS");
	assert_refused(RULE "only_for = []\n", "gates.toml:3:", "only_for");
	assert_refused(
	    RULE "only_for = { a = \"t\" }\n", "gates.toml:3:", "only_for");
	assert_refused(RULE "only_for = [ \"" A64 "a\" ]\n",
	    "gates.toml:3:", "names of tools");
	assert_loads(RULE "only_for = [ \"" A64 "\" ]\n");
	assert_refused(RULE "only_for = \"t\"\n", "gates.toml:3:", "only_for");
	assert_refused(RULE "own_credentials = 1\n", "gates.toml:3:", "own_");
}

static void
a_name_is_of_few_bytes(void **state)
{
	static const struct {
		const char *name;
		bool taken;
	} rows[] = { { "az-AZ_09", true }, { A16 A32, true },
		{ A16 A32 "a", false }, { "a/", false }, { "a:", false },
		{ "a@", false }, { "a[", false }, { "a`", false },
		{ "a{", false }, { "", false } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct str text = arena_printf(&a,
		    "[gate.\"%s\"]\ntool = \"t\"\nrequire = \"operator\"\n",
		    rows[i].name);

		if (rows[i].taken) {
			assert_loads(arena_z(&a, text));
		} else {
			assert_refused(
			    arena_z(&a, text), "gates.toml:1:", "the name");
		}
	}
}

/* 64 segments and 512 bytes of a path, 32 tools, and not one more. */
static void
a_rule_has_its_bounds(void **state)
{
	static const struct {
		const char *first, *each, *last;
		size_t count;
		const char *words;
	} rows[] = {
		{ "[egress.e]\nmatch = { " HOST ", path = \"", "/a", "\" }\n",
		    63, "64 segments" },
		{ "[egress.e]\nmatch = { " HOST ", path = \"/", "a", "\" }\n",
		    POLICY_PATTERN_MAX - 1, "512 bytes" },
		{ RULE "only_for = [ ", "\"t\", ", "]\n", 32, "1 to 32" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_buf text = { 0 };

		buf_add_z(&text, rows[i].first);
		for (size_t n = 0; n < rows[i].count; n++) {
			buf_add_z(&text, rows[i].each);
		}
		size_t end = text.len;

		buf_add_z(&text, rows[i].last);
		assert_loads(buf_z(&text));
		text.len = end;
		buf_addf(&text, "%s%s", rows[i].each, rows[i].last);
		assert_refused(buf_z(&text), "gates.toml:", rows[i].words);
	}
}

static const struct {
	const char *inject;
	const char *words;
} bad_places[] = {
	{ "header = \"X-Key\"", "credential" },
	{ "credential = \"c\"", "one place" },
	{ "credential = \"c\", header = \"A\", basic = \"u\"", "one place" },
	{ "credential = \"c\", header = \"Host\"", "belongs" },
	{ "credential = \"c\", header = \"content-length\"", "belongs" },
	{ "credential = \"c\", header = \"Transfer-Encoding\"", "belongs" },
	{ "credential = \"c\", header = \"Connection\"", "belongs" },
	{ "credential = \"c\", header = \"A B\"", "header" },
	{ "credential = \"c\", header = \"A\", format = \"x\"",
	    "{{secret}} once" },
	{ "credential = \"c\", header = \"A\", "
	  "format = \"{{secret}}{{secret}}\"",
	    "{{secret}} once" },
	{ "credential = \"c\", header = \"A\", "
	  "format = \"a\\r\\n{{secret}}\"",
	    "printable" },
	{ "credential = \"c\", basic = \"u\", format = \"{{secret}}\"",
	    "format" },
	{ "credential = \"c\", basic = \"u:v\"", "basic" },
	{ "credential = \"c[\", basic = \"u\"", "credential" },
	{ "credential = \"" A64 "a\", basic = \"u\"", "credential" },
	{ "credential = \"c\", basic = \"" A64 "a\"", "user name" },
	{ "credential = \"c\", header = \"" A64 "a\"", "a name like" },
	{ "credential = \"c\", header = \"X.Y\"", "a name like" },
	{ "credential = \"c\", header = \"A\", "
	  "format = \"{{secret}}\\u007f\"",
	    "printable" },
	{ "credential = \"c\", header = \"A\", "
	  "format = \"{{secret}}" A64 A64 A64 A32 A16 "aaaaaaa\"",
	    "format" },
	{ "credential = \"c\", query = \"a b\"", "a parameter" },
	{ "credential = \"c\", query = \"" A64 "\"", "a parameter" },
	{ "credential = \"c\", form = \"a\\u007f\"", "a field" },
	{ "credential = \"c\", json = \"key\"", "a pointer" },
	{ "credential = \"c\", segment = 0", "1 to 32" },
	{ "credential = \"c\", segment = 33", "1 to 32" },
	{ "credential = \"c\", header = \"A\", placeholder = \"1A\"",
	    "of a variable" },
	{ "credential = \"c\", header = \"A\", placeholder = \"A/\"",
	    "of a variable" },
	{ "credential = \"c\", header = \"A\", placeholder = \"A:\"",
	    "of a variable" },
	{ "credential = \"c\", header = \"A\", placeholder = \"Aa\"",
	    "of a variable" },
	{ "credential = \"c\", header = \"A\", "
	  "placeholder = \"LD_PRELOAD\"",
	    "cannot stand" },
	{ "credential = \"c\", header = \"A\", placeholder = \"PATH\"",
	    "cannot stand" },
	{ "credential = \"c\", header = \"A\", placeholder = \"" U64 "A\"",
	    "cannot stand" },
	{ "credential = \"c\", header = \"A\", placeholder = \"A\", "
	  "format = \"{{secret}}\"",
	    "writes the form" },
};

static const char *const good_places[] = {
	("header = \"" A64 "\""),
	"basic = \"AZaz09-_.\"",
	("basic = \"" A64 "\""),
	"query = \"!~\"",
	("query = \"" A32 A16 "aaaaaaaaaaaaaaa\""),
	"form = \"f\"",
	"json = \"/k\"",
	"segment = 1",
	"segment = 32",
	"header = \"A\", format = \" {{secret}}~\"",
	"header = \"A\", placeholder = \"_AZ09\"",
	("header = \"A\", placeholder = \"" U64 "\""),
	"header = \"A\", format = \"{{secret}}" A64 A64 A64 A32 A16 "aaaaaa\"",
};

/* P11 and the places. */
static void
a_credential_has_one_allowed_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_places); i++) {
		auto_arena a = { 0 };
		struct str text = arena_printf(
		    &a, RULE "inject = { %s }\n", bad_places[i].inject);

		assert_refused(
		    arena_z(&a, text), "gates.toml:3:", bad_places[i].words);
	}
	for (size_t i = 0; i < COUNT(good_places); i++) {
		auto_arena a = { 0 };

		assert_loads(arena_z(
		    &a, arena_printf(&a,
		            RULE "inject = { credential = \"c\", %s }\n",
		            good_places[i])));
	}
}

/* P10 */
static void
two_equally_specific_rules_are_refused_P10(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	assert_refused("[egress.a]\nmatch = { " HOST ", path = \"/a/*\" }\n"
	               "[egress.b]\nmatch = { " HOST ", path = \"/*/b\" }\n",
	    "gates.toml:3:1: ", "of line 1 are equally specific");
	assert_refused("[egress.a]\nmatch = { " HOST ", method = \"GET\" }\n"
	               "[egress.b]\nmatch = { " HOST ", method = \"GET\" }\n",
	    "gates.toml:3:1: ", "equally specific");
	assert_refused("[egress.a]\nmatch = { " HOST
	               ", git = \"push\", ref = \"refs/heads/aa/*\" }\n"
	               "[egress.b]\nmatch = { " HOST
	               ", git = \"push\", ref = \"refs/heads/bb/*\" }\n",
	    "gates.toml:3:1: ", "equally specific");
	(void)policy_of(&a,
	    "[egress.a]\nmatch = { " HOST ", method = \"GET\" }\n"
	    "[egress.b]\nmatch = { " HOST ", method = \"PUT\" }\n"
	    "[egress.c]\nmatch = { " HOST ", git = \"fetch\" }\n"
	    "[egress.d]\nmatch = { " HOST ", git = \"push\" }\n"
	    "[egress.e]\nmatch = { " HOST ", port = 8443 }\n"
	    "[egress.f]\nmatch = { host = \"*.example.com\" }\n"
	    "[egress.g]\nmatch = { " HOST " }\nonly_for = [\"x\"]\n"
	    "[egress.h]\nmatch = { " HOST " }\nonly_for = [\"y\"]\n");
}

/* N12 */
static void
no_file_is_a_policy_that_denies_all_N12(void **state)
{
	auto_arena a = { 0 };
	const struct policy *p = NULL;
	struct err e = { 0 };
	struct policy_call_decision d = { .verdict = POLICY_ALLOW };
	struct policy_call call = { .identity =
		                        STR("linux__server__x_coworker"),
		.tool = STR("look"),
		.action = STR("read") };

	(void)state;
	assert_int_equal(policy_load(&a, "/nonexistent/gates.toml", &p, &e), 0);
	assert_true(policy_is_closed(p));
	policy_call(&a, p, &call, &d);
	assert_int_equal(d.verdict, POLICY_DENY);
	assert_int_equal(d.reason, POLICY_CLOSED);
	assert_true(d.text.len > 0);
}

static void
a_file_that_cannot_be_read_is_an_error(void **state)
{
	auto_arena a = { 0 };
	const struct policy *p = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(policy_load(&a, "/proc/self", &p, &e), -1);
	assert_null(p);
	assert_non_null(strstr(e.text, "/proc/self"));
}

static void
a_file_on_disk_gives_its_digest_and_finds_its_ca(void **state)
{
	auto_arena a = { 0 };
	auto_buf path = { 0 };
	const struct policy *p = NULL;
	const struct policy *other = NULL;
	struct err e = { 0 };
	char folder[] = "/tmp/handrail-policy-XXXXXX";
	struct str text = STR(RULE "upstream = \"10.0.0.1:443\"\n"
	                           "ca = \"ca.pem\"\n");
	auto_buf ca = { 0 };

	(void)state;
	assert_non_null(mkdtemp(folder));
	buf_addf(&path, "%s/gates.toml", folder);
	buf_addf(&ca, "%s/ca.pem", folder);
	assert_int_equal(file_write_atomic(buf_z(&path), text, 0600, &e), 0);
	assert_int_equal(policy_load(&a, buf_z(&path), &p, &e), 0);
	assert_int_equal(unlink(buf_z(&path)), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_true(digest_eq(policy_digest(p), digest_of(text)));
	assert_true(str_eq(policy_text(p), text));
	assert_int_equal(policy_egress_count(p), 1);
	assert_true(str_eq(policy_egress_at(p, 0)->ca, buf_str(&ca)));
	assert_int_equal(
	    policy_parse(&a,
	        STR(RULE "upstream = \"10.0.0.1:443\"\nca = \"/c\"\n"),
	        "/etc/x/gates.toml", &other, &e),
	    0);
	assert_true(str_eq_z(policy_egress_at(other, 0)->ca, "/c"));
	assert_null(policy_egress_at(p, 1));
}

/* What a file may not exceed. */
static void
a_file_has_its_bounds(void **state)
{
	auto_buf text = { 0 };
	auto_arena a = { 0 };
	const struct policy *p = NULL;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < POLICY_RULES_MAX; i++) {
		buf_addf(&text,
		    "[egress.e%d]\nmatch = { host = \"h%d.example.com\" }\n", i,
		    i);
	}
	assert_loads(buf_z(&text));
	buf_add_z(&text, RULE);
	assert_refused(buf_z(&text), "gates.toml:", "1000");
	buf_clear(&text);
	for (int i = 0; i < POLICY_TUNNELS_MAX; i++) {
		buf_addf(&text,
		    "[egress.e%d]\nmatch = { host = \"h%d.example.com\" }\n"
		    "protocol = \"tcp\"\n",
		    i, i);
	}
	assert_loads(buf_z(&text));
	buf_add_z(&text, RULE "protocol = \"tcp\"\n");
	assert_refused(buf_z(&text), "gates.toml:", "tcp");
	buf_clear(&text);
	while (text.len < POLICY_FILE_MAX) {
		buf_add_byte(&text, '\n');
	}
	assert_loads(buf_z(&text));
	buf_add_byte(&text, '\n');
	assert_int_equal(
	    policy_parse(&a, buf_str(&text), "gates.toml", &p, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

static void
what_has_another_type_is_refused(void **state)
{
	(void)state;
	assert_refused("egress = 1\n", "gates.toml:1:", "egress");
	assert_refused("[egress]\ne = 1\n", "gates.toml:2:", "table");
	assert_refused(
	    "[egress.e]\nmatch = { host = 1 }\n", "gates.toml:2:", "no host");
	assert_refused("[egress.e]\nmatch = 1\n", "gates.toml:2:", "table");
	assert_refused(RULE "inject = 1\n", "gates.toml:3:", "table");
	assert_refused(RULE "ca = 1\n", "gates.toml:3:", "ca");
	assert_refused(RULE "only_for = [1]\n", "gates.toml:3:", "names");
	assert_refused(RULE "only_for = [\"a b\"]\n", "gates.toml:3:", "names");
	assert_refused(GATE "match = 1\n", "gates.toml:3:", "table");
	assert_refused("[gate.g]\ntool = \"t\"\nrequire = 1\n",
	    "gates.toml:3:", "must be a text");
	assert_refused(
	    GATE "match = { args = 1 }\n", "gates.toml:3:", "args must");
	assert_refused(
	    GATE "tool = \"t\"\nsurface = [1]\n", "gates.toml:4:", "surface");
	assert_refused(
	    GATE "tool = \"t\"\nsurface = []\n", "gates.toml:4:", "surface");
	assert_refused(
	    GATE "tool = \"t\"\nsurface = 1\n", "gates.toml:4:", "surface");
}

/* Of equal rank, and no request is of both; or one is. */
static void
a_tie_needs_a_common_request_P10(void **state)
{
	(void)state;
	assert_loads("[egress.a]\nmatch = { host = \"*.aa.example.com\" }\n"
	             "[egress.b]\nmatch = { host = \"*.bb.example.com\" }\n");
	assert_refused("[egress.a]\nmatch = { host = \"*.aa.example.com\" }\n"
	               "[egress.b]\nmatch = { host = \"*.aa.example.com\" }\n",
	    "gates.toml:3:1: ", "equally specific");
	assert_loads("[egress.a]\nmatch = { " HOST ", path = \"/a/*\" }\n"
	             "[egress.b]\nmatch = { " HOST ", path = \"/b/*\" }\n");
	assert_refused("[egress.a]\nmatch = { " HOST " }\n"
	               "only_for = [\"x\", \"z\"]\n"
	               "[egress.b]\nmatch = { " HOST " }\n"
	               "only_for = [\"y\", \"z\"]\n",
	    "gates.toml:4:1: ", "equally specific");
	assert_loads("[egress.a]\nmatch = { " HOST " }\nonly_for = [\"x\"]\n"
	             "[egress.b]\nmatch = { " HOST " }\nonly_for = [\"y\"]\n"
	             "protocol = \"tcp\"\n");
	assert_refused("[egress.a]\nmatch = { " HOST " }\nonly_for = [\"x\"]\n"
	               "[egress.b]\nmatch = { " HOST " }\n"
	               "protocol = \"tcp\"\n",
	    "gates.toml:", "one of them is a tunnel");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_operators_own_example_loads),
		cmocka_unit_test(an_unknown_key_is_refused_everywhere),
		cmocka_unit_test(a_gate_stands_on_calls_or_on_requests),
		cmocka_unit_test(a_gate_says_what_it_is_for_and_who_decides),
		cmocka_unit_test(lines_of_a_gate_are_taken_or_refused),
		cmocka_unit_test(a_gate_has_its_bounds),
		cmocka_unit_test(a_host_that_says_too_much_is_refused),
		cmocka_unit_test(every_other_bad_rule_is_refused),
		cmocka_unit_test(a_name_is_of_few_bytes),
		cmocka_unit_test(a_rule_has_its_bounds),
		cmocka_unit_test(a_credential_has_one_allowed_place),
		cmocka_unit_test(two_equally_specific_rules_are_refused_P10),
		cmocka_unit_test(no_file_is_a_policy_that_denies_all_N12),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
		cmocka_unit_test(
		    a_file_on_disk_gives_its_digest_and_finds_its_ca),
		cmocka_unit_test(a_file_has_its_bounds),
		cmocka_unit_test(what_has_another_type_is_refused),
		cmocka_unit_test(a_tie_needs_a_common_request_P10),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
