/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

/* The rule that a denial offers lets out what was asked and nothing beside. */

#define A16  "aaaaaaaaaaaaaaaa"
#define A32  A16 A16
#define A64  "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"
#define A512 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32
#define A510                                                            \
	"/" A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 A32 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define REF "refs/heads/"

static struct str
next_of(struct arena *a, const char *policy, const char *name,
    struct policy_request r)
{
	struct policy_request_decision d = { 0 };
	struct names_host host = { 0 };
	struct err e = { 0 };

	assert_int_equal(names_host_parse(str_of(name), &host, &e), 0);
	r.host = &host;
	r.port = r.port ? r.port : 443;
	r.method = r.method.len ? r.method : STR("GET");
	r.path = r.path.len ? r.path : STR("/");
	policy_request(a, policy_of(a, policy), &r, &d);
	assert_int_equal(d.verdict, POLICY_DENY);
	return d.next;
}

static void
assert_next(const char *policy, const char *host, struct policy_request r,
    const char *text)
{
	auto_arena a = { 0 };
	struct str next = next_of(&a, policy, host, r);

	if (!str_eq_z(next, text)) {
		fail_msg("%s\n  not %s", arena_z(&a, next), text);
	}
}

static void
next_is_the_smallest_rule(void **state)
{
	static const struct {
		const char *host;
		struct policy_request r;
		const char *next;
	} rows[] = {
		{ "api.good.test", { .tls = true, .path = STR("/a/b") },
		    "[egress.api_good_test]\nmatch = { host = "
		    "\"api.good.test\", method = \"GET\", path = \"/a/b\" "
		    "}\n" },
		{ "z0.a9.test",
		    { .tls = true, .port = 8443, .method = STR("PUT") },
		    "[egress.z0_a9_test]\nmatch = { host = \"z0.a9.test\", "
		    "port = 8443, method = \"PUT\", path = \"/\" }\n" },
		{ "a.test", { .tls = true, .websocket = true },
		    "[egress.a_test]\nmatch = { host = \"a.test\", method = "
		    "\"GET\", path = \"/\" }\nwebsocket = true\n" },
		/* 40 bytes of a name */
		{ A32 ".bbbbbbbbbb.test", { .tls = true },
		    "[egress." A32 "_bbbbbbb]\nmatch = { host = \"" A32
		    ".bbbbbbbbbb.test\", method = \"GET\", path = \"/\" }\n" },
		{ "10.1.2.3", { .tls = true, .port = 8443 },
		    "[egress.10_1_2_3]\nmatch = { host = \"10.1.2.3\", port = "
		    "8443, method = \"GET\", path = \"/\" }\n"
		    "upstream = \"10.1.2.3:8443\"\n" },
		{ "10.1.2.3", { .port = 80 },
		    "[egress.10_1_2_3]\nmatch = { host = \"10.1.2.3\", port = "
		    "80, method = \"GET\", path = \"/\" }\n"
		    "upstream = \"10.1.2.3:80\"\ntls = false\n" },
		{ "[fd00::7]", { .tls = true },
		    "[egress.fd00__7]\nmatch = { host = \"[fd00::7]\", method "
		    "= \"GET\", path = \"/\" }\n"
		    "upstream = \"[fd00::7]:443\"\n" },
		{ "db.test", { .tunnel = true, .port = 5432 },
		    "[egress.db_test]\nmatch = { host = \"db.test\", port = "
		    "5432 }\nprotocol = \"tcp\"\n" },
		{ "10.1.2.3", { .tunnel = true, .port = 22 },
		    "[egress.10_1_2_3]\nmatch = { host = \"10.1.2.3\", port = "
		    "22 }\nprotocol = \"tcp\"\n"
		    "upstream = \"10.1.2.3:22\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_next("", rows[i].host, rows[i].r, rows[i].next);
	}
	/* The closest rule is of this host and has no pin. */
	assert_next("[egress.a_test]\nmatch = { host = \"a.test\", path = "
	            "\"/a\" }\n",
	    "a.test", (struct policy_request){ .tls = true },
	    "[egress.a_test_2]\nmatch = { host = \"a.test\", method = "
	    "\"GET\", path = \"/\" }\n");
}

/* One that would let more pass is not offered. */
static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
next_is_no_rule_where_none_names_it_alone(void **state)
{
	static const struct {
		struct policy_request r;
		const char *next;
	} rows[] = {
		{ { .method = STR("get") }, "the method \"get\", " },
		{ { .method = STR("M-SEARCH") }, "the method \"M-SEARCH\", " },
		{ { .method = STR("VERSIONCONTROLXXX") },
		    "the method \"VERSIONCONTROLXXX\", " },
		{ { .path = STR("/a*b") }, "it holds '*', " },
		{ { .path = STR("/" A512) },
		    "it is empty or longer than 512 " },
		{ { .path = STR(A16) }, "it does not begin with '/'" },
		{ { .path = STR(A64 A64) }, "it has more than 64 segments" },
		{ { .git = POLICY_GIT_FETCH,
		      .path = STR("/a*b.git/info/refs") },
		    "its repository holds '*', " },
		{ { .git = POLICY_GIT_FETCH,
		      .path = STR("/" A510 "/info/refs") },
		    "its repository is empty or longer" },
	};
	static const char here[] =
	    "[egress.h]\nmatch = { host = \"a.test\", path = \"/h\" }\n"
	    "[egress.g]\nmatch = { host = \"a.test\", path = \"/h/**\", git "
	    "= \"fetch\" }\n";

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_request r = rows[i / 2].r;
		struct str next;

		r.tls = true;
		next = next_of(&a, i % 2 ? here : "", "a.test", r);
		if (!str_starts(next, STR("nothing: no rule names ")) ||
		    !str_has_str(next, str_of(rows[i / 2].next))) {
			fail_msg("%s\n  not %s", arena_z(&a, next),
			    rows[i / 2].next);
		}
	}
}

#define HOLDS \
	"[gate.pay]\nrequire = \"operator\"\nmatch = { host = \"a.test\", "

/* A file with it would not load, or its role would not run. */
static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
next_is_no_rule_where_the_file_has_no_room_for_it(void **state)
{
	static const struct {
		const char *policy;
		struct policy_request r;
		const char *next;
	} rows[] = {
		{ HOLDS "path = \"/x/**\" }\n",
		    { .method = STR("POST"), .path = STR("/x") },
		    "nothing: a rule for it would let past [gate.pay] by a "
		    "path " },
		{ HOLDS "port = 443 }\n",
		    { .method = STR("POST"), .port = 8443 },
		    "nothing: a rule for it would let past [gate.pay] by "
		    "another port " },
		{ HOLDS "path = \"/**/y\" }\n",
		    { .method = STR("POST"), .path = STR("/x/y") },
		    "[egress.a_test]\n" },
		{ HOLDS "path = \"/x/**\" }\n", { .path = STR("/x") },
		    "[egress.a_test]\n" },
		{ "[egress.f]\nmatch = { host = \"a.test\", path = "
		  "\"/**/git-upload-pack\", git = \"fetch\" }\n",
		    { .git = POLICY_GIT_FETCH,
		        .path = STR("/aaaaaaaaaaaaaa/info/refs") },
		    "nothing: a rule for it would be as specific as "
		    "[egress.f] " },
		{ "[egress.f]\nmatch = { host = \"a.test\", path = "
		  "\"/**/git-upload-pack\", git = \"fetch\" }\n",
		    { .git = POLICY_GIT_FETCH,
		        .path = STR("/aaaaaaaaaaaaa/info/refs") },
		    "[egress.a_test]\n" },
		{ "",
		    { .git = POLICY_GIT_FETCH,
		        .websocket = true,
		        .path = STR("/r/info/refs") },
		    "nothing: git does not speak WebSocket" },
		{ "[egress.f]\nmatch = { host = \"a.test\", git = \"fetch\" "
		  "}\n",
		    { .git = POLICY_GIT_FETCH,
		        .websocket = true,
		        .path = STR("/r/info/refs") },
		    "nothing: git does not speak WebSocket" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_request r = rows[i].r;
		struct str next;

		r.tls = true;
		next = next_of(&a, rows[i].policy, "a.test", r);
		if (!str_starts(next, str_of(rows[i].next))) {
			fail_msg(
			    "%s\n  not %s", arena_z(&a, next), rows[i].next);
		}
	}
}

/* While one more loads it is offered; then it is said why none is. */
static void
assert_last(uint32_t most, const char *protocol, struct policy_request r,
    const char *full)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };

	for (uint32_t i = 1; i < most; i++) {
		buf_addf(&text,
		    "[egress.r%u]\nmatch = { host = \"h%u.test\" }\n%s", i, i,
		    protocol);
	}
	for (int full_now = 0; full_now < 2; full_now++) {
		struct str next =
		    next_of(&a, arena_z(&a, buf_str(&text)), "a.test", r);

		if (!str_starts(next,
		        full_now ? str_of(full) : STR("[egress.a_test]\n"))) {
			fail_msg("%d: %s", full_now, arena_z(&a, next));
		}
		buf_addf(&text,
		    "[egress.last]\nmatch = { host = \"last.test\" }\n%s",
		    protocol);
	}
}

static void
next_is_no_rule_more_than_a_file_may_have(void **state)
{
	struct policy_request r = { .tls = true };

	(void)state;
	assert_last(POLICY_RULES_MAX, "", r, "nothing: 1000 egress rules ");
	r.tunnel = true;
	assert_last(POLICY_TUNNELS_MAX, "protocol = \"tcp\"\n", r,
	    "nothing: 12 rules with protocol = \"tcp\" ");
	/* A file full of tunnels has room for what is none. */
	r.tunnel = false;
	assert_last(
	    POLICY_TUNNELS_MAX, "protocol = \"tcp\"\n", r, "[egress.a_test]\n");
}

static void
assert_git(enum policy_git git, const char *path,
    const struct policy_commands *c, const char *text)
{
	auto_arena a = { 0 };
	struct policy_request r = {
		.tls = true,
		.method = STR("POST"),
		.path = str_of(path),
		.git = git,
		.commands = c,
	};

	assert_next("", "g.test", r,
	    arena_z(&a, arena_printf(&a,
	                    "[egress.g_test]\nmatch = { host = \"g.test\", "
	                    "path = \"/r.git/**\", git = %s }\n",
	                    text)));
}

static void
next_names_a_repository_and_its_refs(void **state)
{
	static const struct {
		const char *refs[2];
		const char *ref;
	} rows[] = {
		{ { REF "a" }, REF "a" },
		{ { REF "a", REF "b" }, REF "a|" REF "b" },
		{ { REF "a", REF "a" }, REF "a" },
	};
	struct policy_commands c = { 0 };

	(void)state;
	assert_git(
	    POLICY_GIT_FETCH, "/r.git/git-upload-pack", NULL, "\"fetch\"");
	assert_git(
	    POLICY_GIT_PUSH, "/r.git/git-receive-pack", NULL, "\"push\"");
	assert_git(POLICY_GIT_FETCH, "/r.git/info/refs", NULL, "\"fetch\"");
	assert_git(POLICY_GIT_FETCH, "/r.git", NULL, "\"fetch\"");
	assert_git(POLICY_GIT_PUSH, "/r.git/git-receive-pack", &c, "\"push\"");
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct str text =
		    arena_printf(&a, "\"push\", ref = \"%s\"", rows[i].ref);

		c = (struct policy_commands){ .count = 0 };
		for (; c.count < 2 && rows[i].refs[c.count]; c.count++) {
			c.at[c.count].ref = str_of(rows[i].refs[c.count]);
		}
		assert_git(POLICY_GIT_PUSH, "/r.git/git-receive-pack", &c,
		    arena_z(&a, text));
		assert_git(POLICY_GIT_FETCH, "/r.git/git-upload-pack", &c,
		    "\"fetch\"");
		c.at[0].deletes = true;
		text =
		    arena_printf(&a, STR_FMT ", delete = true", STR_ARG(text));
		assert_git(POLICY_GIT_PUSH, "/r.git/git-receive-pack", &c,
		    arena_z(&a, text));
	}
}

static void
assert_no_refs(const char *policy, struct policy_commands *c, const char *says)
{
	auto_arena a = { 0 };
	struct str next = next_of(&a, policy, "g.test",
	    (struct policy_request){ .tls = true,
	        .method = STR("POST"),
	        .path = STR("/r.git/git-receive-pack"),
	        .git = POLICY_GIT_PUSH,
	        .commands = c });

	if (!str_starts(next, str_of(says)) || str_has_str(next, STR("**"))) {
		fail_msg("%s\n  not %s", arena_z(&a, next), says);
	}
}

#define MAIN                                                  \
	"[egress.main]\nmatch = { host = \"g.test\", path = " \
	"\"/r.git/**\", git = \"push\", ref = \"" REF "*\" }\n"

/* 512 bytes of refs stand there, and one more does not. */
static void
next_is_no_rule_where_none_names_the_refs(void **state)
{
	static const struct {
		const char *refs[2];
		const char *next;
	} rows[] = {
		{ { REF "a|b" },
		    "nothing: no rule names \"" REF "a|b\" alone, " },
		{ { REF "a*" },
		    "nothing: no rule names \"" REF "a*\" alone, " },
		{ { REF "a#1", REF "b" },
		    "nothing: no rule names \"" REF "a#1\" alone, " },
		{ { REF "b", REF "a#1" },
		    "nothing: no rule names \"" REF "a#1\" alone, " },
	};
	auto_arena a = { 0 };
	auto_buf ref = { 0 };
	struct policy_commands c = { .count = 2 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		c = (struct policy_commands){ .count = 0 };
		for (; c.count < 2 && rows[i].refs[c.count]; c.count++) {
			c.at[c.count].ref = str_of(rows[i].refs[c.count]);
		}
		assert_no_refs("", &c, rows[i].next);
	}
	buf_add_z(&ref, REF);
	while (ref.len < POLICY_PATTERN_MAX - 12 - 1) {
		buf_add_byte(&ref, 'a');
	}
	c = (struct policy_commands){ .count = 2 };
	c.at[0].ref = STR(REF "b");
	c.at[1].ref = buf_str(&ref);
	assert_git(POLICY_GIT_PUSH, "/r.git/git-receive-pack", &c,
	    arena_z(
	        &a, arena_printf(&a, "\"push\", ref = \"" REF "b|" STR_FMT "\"",
	                STR_ARG(c.at[1].ref))));
	c.at[0].ref = STR(REF "bb");
	assert_no_refs("", &c, "a push of fewer refs: ");
	c.at[0].ref = STR("refs/notes/a|b");
	assert_no_refs(
	    MAIN, &c, "nothing: no rule names \"refs/notes/a|b\" alone");
}

/* Two rules for one repository that differ in refs alone would be equally
 * specific, or the longer would take what begins the pushes of the other. */
static void
next_adds_a_ref_to_the_rule_that_lacks_it(void **state)
{
	struct policy_commands c = { .count = 2 };
	struct policy_request r = {
		.tls = true,
		.method = STR("POST"),
		.path = STR("/r.git/git-receive-pack"),
		.git = POLICY_GIT_PUSH,
		.commands = &c,
	};

	(void)state;
	c.at[0].ref = STR("refs/tags/t");
	c.at[1].ref = STR("refs/notes/a\"b");
	assert_next(MAIN, "g.test", r,
	    "\"|refs/tags/t|refs/notes/a\\\"b\" at the end of ref in "
	    "[egress.main]");
	/* One ref more would not let it delete. */
	c.count = 1;
	c.at[0].deletes = true;
	assert_next(MAIN, "g.test", r,
	    "[egress.g_test]\nmatch = { host = \"g.test\", path = "
	    "\"/r.git/**\", git = \"push\", ref = \"refs/tags/t\", delete = "
	    "true }\n");
	assert_next("[egress.main]\nmatch = { host = \"g.test\", git = "
	            "\"push\", ref = \"refs/heads/*\", delete = true }\n",
	    "g.test", r, "\"|refs/tags/t\" at the end of ref in [egress.main]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_is_the_smallest_rule),
		cmocka_unit_test(next_names_a_repository_and_its_refs),
		cmocka_unit_test(next_is_no_rule_where_none_names_it_alone),
		cmocka_unit_test(next_is_no_rule_where_none_names_the_refs),
		cmocka_unit_test(
		    next_is_no_rule_where_the_file_has_no_room_for_it),
		cmocka_unit_test(next_is_no_rule_more_than_a_file_may_have),
		cmocka_unit_test(next_adds_a_ref_to_the_rule_that_lacks_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
