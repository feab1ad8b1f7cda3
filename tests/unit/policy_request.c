/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

#include <stdio.h>
#include <string.h>

struct ask {
	const char *host;
	const char *method;
	const char *path;
	const char *query;
	const char *tool;
	const struct policy_commands *commands;
	enum policy_git git;
	uint16_t port;
	bool plain;
	bool own;
};

static struct policy_request_decision
decide(struct arena *a, const struct policy *p, const struct ask *q)
{
	struct policy_request_decision d = { .verdict = POLICY_ALLOW };
	struct names_host *host = arena_alloc(a, sizeof(*host));
	struct err e = { 0 };
	struct policy_request r = {
		.identity = STR("linux__server__x_coworker"),
		.host = host,
		.port = q->port ? q->port : 443,
		.tls = !q->plain,
		.method = str_of(q->method ? q->method : "GET"),
		.path = str_of(q->path ? q->path : "/"),
		.query = str_of(q->query),
		.git = q->git,
		.commands = q->commands,
		.from_tool = str_of(q->tool),
		.has_own_credentials = q->own,
	};

	if (names_host_parse(str_of(q->host), host, &e)) {
		fail_msg("%s", e.text);
	}
	policy_request(a, p, &r, &d);
	if (d.verdict == POLICY_ALLOW) {
		assert_int_equal(d.reason, POLICY_NONE);
		assert_non_null(d.egress);
	} else {
		assert_int_equal(d.verdict, POLICY_DENY);
		assert_int_not_equal(d.reason, POLICY_NONE);
		assert_true(d.text.len > 0 && d.next.len > 0);
	}
	return d;
}

static void
assert_asked(const char *policy, const struct ask *q, const char *outcome)
{
	auto_arena a = { 0 };
	struct policy_request_decision d = decide(&a, policy_of(&a, policy), q);
	const char *got = d.verdict == POLICY_ALLOW
	                      ? arena_z(&a, d.rule)
	                      : policy_reason_name(d.reason);

	if (strcmp(got, outcome) != 0) {
		fail_msg("%s %s%s: %s, not %s", q->method ? q->method : "GET",
		    q->host, q->path ? q->path : "/", got, outcome);
	}
}

#define API                                                  \
	"[egress.api]\nmatch = { host = \"api.good.test\", " \
	"method = \"GET|POST\", path = \"/repos/**\" }\n"
#define SUFFIX "[egress.any]\nmatch = { host = \"*.good.test\" }\n"

static void
a_request_needs_a_rule_that_fits_in_every_way(void **state)
{
	(void)state;
	assert_asked("", &(struct ask){ .host = "api.good.test" }, "no_rule");
	assert_asked(API,
	    &(struct ask){ .host = "api.good.test", .path = "/repos/a" },
	    "egress.api");
	assert_asked(API,
	    &(struct ask){ .host = "api.evil.test", .path = "/repos/a" },
	    "no_rule");
	assert_asked(API,
	    &(struct ask){ .host = "api.good.test",
	        .path = "/repos/a",
	        .method = "DELETE" },
	    "method");
	assert_asked(API,
	    &(struct ask){
	        .host = "api.good.test", .path = "/repos/a", .method = "get" },
	    "method");
	assert_asked(API,
	    &(struct ask){ .host = "api.good.test", .path = "/users/a" },
	    "path");
	assert_asked(API,
	    &(struct ask){
	        .host = "api.good.test", .path = "/repos/a", .plain = true },
	    "plain_http");
	assert_asked(API,
	    &(struct ask){
	        .host = "api.good.test", .path = "/repos/a", .own = true },
	    "own_credentials");
	assert_asked(
	    API, &(struct ask){ .host = "api.good.test", .path = "x" }, "path");
	assert_asked(API,
	    &(struct ask){
	        .host = "api.good.test", .method = "PUT", .own = true },
	    "method");
	assert_asked(
	    API, &(struct ask){ .host = "b.test", .own = true }, "no_rule");
}

/* Also where the rule has no path: such a request was not made canonical. */
static void
a_path_that_is_none_is_denied(void **state)
{
	(void)state;
	assert_asked(SUFFIX,
	    &(struct ask){ .host = "a.good.test", .path = "x" }, "path");
	assert_asked(
	    SUFFIX, &(struct ask){ .host = "a.good.test", .path = "" }, "path");
	/* Longer than any that the proxy would have made canonical. */
	auto_buf path = { 0 };

	buf_add_byte(&path, '/');
	while (path.len < POLICY_PATH_MAX) {
		buf_add_byte(&path, 'a');
	}
	assert_asked(SUFFIX,
	    &(struct ask){ .host = "a.good.test", .path = buf_z(&path) },
	    "egress.any");
	buf_add_byte(&path, 'a');
	assert_asked(SUFFIX,
	    &(struct ask){ .host = "a.good.test", .path = buf_z(&path) },
	    "path");
}

/* N06 */
static void
a_suffix_matches_on_label_boundaries(void **state)
{
	(void)state;
	assert_asked(
	    SUFFIX, &(struct ask){ .host = "a.good.test" }, "egress.any");
	assert_asked(
	    SUFFIX, &(struct ask){ .host = "a.b.good.test" }, "egress.any");
	assert_asked(
	    SUFFIX, &(struct ask){ .host = "evilgood.test" }, "no_rule");
	assert_asked(
	    SUFFIX, &(struct ask){ .host = "good.test.evil.test" }, "no_rule");
	assert_asked(SUFFIX, &(struct ask){ .host = "good.test" }, "no_rule");
	assert_asked(
	    SUFFIX, &(struct ask){ .host = "A.GOOD.test." }, "egress.any");
}

/* N11 */
static void
a_port_matches_exactly(void **state)
{
	static const uint16_t others[] = { 22, 80, 444, 8443, 65535 };

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_asked(API,
		    &(struct ask){ .host = "api.good.test",
		        .port = others[i],
		        .path = "/repos/a" },
		    "port");
	}
}

/* N10, A04 */
static void
an_address_matches_only_a_rule_with_an_address(void **state)
{
	(void)state;
	assert_asked(
	    SUFFIX, &(struct ask){ .host = "93.184.216.34" }, "no_rule");
	assert_asked("[egress.a]\nmatch = { host = \"93.184.216.34\" }\n",
	    &(struct ask){ .host = "93.184.216.34" }, "egress.a");
	assert_asked("[egress.a]\nmatch = { host = \"10.0.0.7\" }\n"
	             "upstream = \"10.0.0.7:443\"\n",
	    &(struct ask){ .host = "10.0.0.7" }, "egress.a");
}

static void
the_most_specific_rule_wins(void **state)
{
	const char *policy =
	    SUFFIX API "[egress.host]\nmatch = { host = \"api.good.test\" }\n"
	               "[egress.one]\nmatch = { host = \"api.good.test\", "
	               "path = \"/repos/one\" }\n"
	               "[egress.call]\nmatch = { host = \"api.good.test\" }\n"
	               "only_for = [\"publish\"]\n";

	(void)state;
	assert_asked(
	    policy, &(struct ask){ .host = "x.good.test" }, "egress.any");
	assert_asked(
	    policy, &(struct ask){ .host = "api.good.test" }, "egress.host");
	assert_asked(policy,
	    &(struct ask){ .host = "api.good.test", .path = "/repos/two" },
	    "egress.api");
	assert_asked(policy,
	    &(struct ask){ .host = "api.good.test",
	        .path = "/repos/two",
	        .method = "PUT" },
	    "egress.host");
	assert_asked(policy,
	    &(struct ask){ .host = "api.good.test", .path = "/repos/one" },
	    "egress.one");
	assert_asked(policy,
	    &(struct ask){ .host = "api.good.test",
	        .path = "/repos/one",
	        .tool = "publish" },
	    "egress.call");
}

/* P17: the rule that wins decides, not a laxer one behind it. */
static void
own_credentials_need_the_winning_rules_leave(void **state)
{
	const char *policy =
	    "[egress.lax]\nmatch = { host = \"*.good.test\" }\n"
	    "own_credentials = true\n"
	    "[egress.strict]\nmatch = { host = \"api.good.test\" }\n";

	(void)state;
	assert_asked(policy,
	    &(struct ask){ .host = "x.good.test", .own = true }, "egress.lax");
	assert_asked(policy,
	    &(struct ask){ .host = "api.good.test", .own = true },
	    "own_credentials");
}

static void
a_rule_for_a_call_exists_in_its_cell_only(void **state)
{
	const char *policy =
	    "[egress.push]\nmatch = { host = \"git.good.test\", "
	    "git = \"push\", ref = \"refs/heads/agent/*\" }\n"
	    "only_for = [\"git_push\"]\n"
	    "[egress.clone]\nmatch = { host = \"git.good.test\", "
	    "git = \"fetch\" }\n";
	struct ask push = { .host = "git.good.test",
		.path = "/r.git/info/refs",
		.git = POLICY_GIT_PUSH };

	(void)state;
	assert_asked(policy, &push, "only_for");
	push.tool = "shell";
	assert_asked(policy, &push, "only_for");
	push.tool = "git_pushx";
	assert_asked(policy, &push, "only_for");
	push.tool = "git_push";
	assert_asked(policy, &push, "egress.push");
	push.tool = "";
	push.git = POLICY_GIT_FETCH;
	assert_asked(policy, &push, "egress.clone");
	push.git = POLICY_GIT_NO;
	assert_asked(policy, &push, "git");
}

/* The same reason is given of a rule that is not. */
static void
a_rule_is_called_for_git_only_if_it_is(void **state)
{
	struct ask push = { .host = "git.good.test",
		.path = "/r.git/info/refs",
		.git = POLICY_GIT_PUSH };
	auto_arena a = { 0 };
	struct policy_request_decision d = decide(&a,
	    policy_of(&a, "[egress.h]\nmatch = { host = \"git.good.test\" }\n"),
	    &push);

	(void)state;
	assert_int_equal(d.reason, POLICY_GIT);
	assert_false(str_has_str(d.text, STR("is for git")));
	assert_true(str_has_str(d.text, STR("none")));
}

/* A host-wide rule is no leave to push. */
static void
git_needs_a_rule_that_says_git(void **state)
{
	struct ask push = { .host = "git.good.test",
		.path = "/r.git/info/refs",
		.git = POLICY_GIT_PUSH };

	(void)state;
	assert_asked(
	    "[egress.h]\nmatch = { host = \"git.good.test\" }\n", &push, "git");
	assert_asked("[egress.h]\nmatch = { host = \"git.good.test\", "
	             "git = \"fetch|push\" }\n",
	    &push, "egress.h");
}

static const struct {
	const char *method;
	const char *path;
	enum policy_git git;
} not_called[] = {
	{ "POST", "/r.git/git-receive-pack", POLICY_GIT_NO },
	{ "POST", "/r.git/git-receive-pack/", POLICY_GIT_NO },
	{ "POST", "/r.git%2Fgit-receive-pack", POLICY_GIT_NO },
	{ "POST", "/r.git%2fGIT-RECEIVE-PACK", POLICY_GIT_NO },
	{ "PUT", "/r.git/git-receive-pack", POLICY_GIT_NO },
	{ "POST", "/r.git/git-upload-pack", POLICY_GIT_NO },
	{ "POST", "/r.git/git-upload-pack/", POLICY_GIT_NO },
	{ "POST", "/r.git/git-receive-pack;x", POLICY_GIT_NO },
	{ "POST", "/r.git;x/git-receive-pack", POLICY_GIT_NO },
	{ "POST", "/r.git;x/git-receive-pack;y", POLICY_GIT_NO },
	{ "POST", "/r.git%253Bx/git-receive-pack/", POLICY_GIT_NO },
	{ "POST", "/r.git%3Fx/git-receive-pack/", POLICY_GIT_NO },
	{ "POST", "/r.git;x/git-receive-pack%3Fy", POLICY_GIT_NO },
	{ "POST", "/r.git/git-receive-pack", POLICY_GIT_FETCH },
	{ "PUT", "/r.git/git-upload-pack", POLICY_GIT_FETCH },
	{ "POST", "/r.git/other", POLICY_GIT_FETCH },
	{ "GET", "/r.git/other", POLICY_GIT_FETCH },
	{ "GET", "/r.git/info%2Frefs", POLICY_GIT_NO },
	{ "GET", "/r.git;x/info/refs;y", POLICY_GIT_NO },
};

/* Whoever tells what a request is to git may be mistaken or worse. */
static void
a_push_that_is_not_called_one_is_denied(void **state)
{
	const char *policy =
	    "[egress.web]\nmatch = { host = \"git.good.test\" }\n"
	    "[egress.clone]\nmatch = { host = \"git.good.test\", "
	    "git = \"fetch\" }\n";

	(void)state;
	for (size_t i = 0; i < COUNT(not_called); i++) {
		assert_asked(policy,
		    &(struct ask){ .host = "git.good.test",
		        .method = not_called[i].method,
		        .path = not_called[i].path,
		        .git = not_called[i].git },
		    "git_form");
	}
	/* The parameter among others: a server reads it, we say exactly. */
	assert_asked(policy,
	    &(struct ask){ .host = "git.good.test",
	        .path = "/r.git/info/refs",
	        .query = "service=git-receive-pack&a=b" },
	    "git_form");
	assert_asked(policy,
	    &(struct ask){ .host = "git.good.test",
	        .path = "/r.git/info/refs",
	        .query = "a=b" },
	    "egress.web");
	assert_asked(policy,
	    &(struct ask){ .host = "git.good.test",
	        .path = "/r.git/info/refs",
	        .query = "service=git-upload-pack",
	        .git = POLICY_GIT_FETCH },
	    "egress.clone");
	assert_asked(policy,
	    &(struct ask){ .host = "git.good.test",
	        .method = "HEAD",
	        .path = "/r.git/info/refs",
	        .query = "service=git-upload-pack",
	        .git = POLICY_GIT_FETCH },
	    "egress.clone");
	assert_asked("[egress.both]\nmatch = { host = \"git.good.test\", "
	             "git = \"push|fetch\" }\n",
	    &(struct ask){ .host = "git.good.test",
	        .path = "/r.git/info/refs",
	        .query = "service=git-upload-pack",
	        .git = POLICY_GIT_FETCH },
	    "egress.both");
	assert_asked("[egress.push]\nmatch = { host = \"git.good.test\", "
	             "git = \"push\" }\n",
	    &(struct ask){ .host = "git.good.test",
	        .path = "/r.git/info/refs",
	        .query = "service=git-receive-pack",
	        .git = POLICY_GIT_PUSH },
	    "egress.push");
	assert_asked(policy,
	    &(struct ask){ .host = "git.good.test",
	        .method = "POST",
	        .path = "/r.git/git-upload-pack",
	        .git = POLICY_GIT_FETCH },
	    "egress.clone");
	assert_asked(policy,
	    &(struct ask){
	        .host = "git.good.test", .path = "/r.git/info/refs" },
	    "egress.web");
}

static struct policy_commands
commands_of(const char *const *refs, size_t n, bool delete_last)
{
	struct policy_commands c = { .count = (uint32_t)n };

	for (size_t i = 0; i < n; i++) {
		c.at[i].ref = str_of(refs[i]);
		c.at[i].deletes = delete_last && i + 1 == n;
	}
	return c;
}

static void
a_push_must_fit_with_every_ref(void **state)
{
	const char *policy =
	    "[egress.push]\nmatch = { host = \"git.good.test\", "
	    "git = \"push\", ref = \"refs/heads/agent/*|refs/tags/t\" }\n";
	const char *good[] = { "refs/heads/agent/a", "refs/tags/t" };
	const char *mixed[] = { "refs/heads/agent/a", "refs/heads/main" };
	const char *near[] = { "refs/heads/agent/a/b" };
	struct policy_commands c = commands_of(good, 2, false);
	struct ask push = { .host = "git.good.test",
		.path = "/r.git/git-receive-pack",
		.method = "POST",
		.git = POLICY_GIT_PUSH,
		.commands = &c };

	(void)state;
	assert_asked(policy, &push, "egress.push");
	c = commands_of(mixed, 2, false);
	assert_asked(policy, &push, "git_ref");
	c = commands_of(near, 1, false);
	assert_asked(policy, &push, "git_ref");
	c = commands_of(good, 2, true);
	assert_asked(policy, &push, "git_delete");
	assert_asked("[egress.push]\nmatch = { host = \"git.good.test\", "
	             "git = \"push\", delete = true }\n",
	    &push, "egress.push");
	/* Beside a rule that lets delete, one that does not comes first. */
	const char *both = "[egress.a]\nmatch = { host = \"git.good.test\", "
	                   "git = \"push\", delete = true }\n"
	                   "[egress.b]\nmatch = { host = \"git.good.test\", "
	                   "git = \"push\" }\n";

	assert_asked(both, &push, "egress.a");
	c = commands_of(good, 2, false);
	assert_asked(both, &push, "egress.b");
}

static void
a_pin_may_be_without_tls(void **state)
{
	const char *policy = "[egress.p]\nmatch = { host = \"p.internal\", "
	                     "port = 80 }\n"
	                     "upstream = \"127.0.0.1:8080\"\ntls = false\n";
	auto_arena a = { 0 };
	struct ask q = { .host = "p.internal", .port = 80, .plain = true };
	struct policy_request_decision d =
	    decide(&a, policy_of(&a, policy), &q);

	(void)state;
	assert_int_equal(d.verdict, POLICY_ALLOW);
	assert_true(d.egress->pinned);
	assert_false(d.egress->tls);
	assert_int_equal(d.egress->port, 8080);
}

static void
a_closed_policy_denies_every_request(void **state)
{
	auto_arena a = { 0 };
	struct ask q = { .host = "api.good.test" };
	struct policy_request_decision d =
	    decide(&a, policy_closed(&a, STR("it did not load")), &q);

	(void)state;
	assert_int_equal(d.reason, POLICY_CLOSED);
	assert_true(digest_eq(
	    policy_digest(policy_closed(&a, STR(""))), digest_of(STR(""))));
	assert_true(str_eq(d.text, STR("it did not load")));
}

/* What `next` says must be true: the rule it gives allows the request. */
static void
the_next_rule_allows_what_was_denied(void **state)
{
	const char *refs[] = { "refs/heads/a", "refs/heads/b" };
	struct policy_commands two = commands_of(refs, 2, false);
	struct policy_commands gone = commands_of(refs, 2, true);
	const struct ask asks[] = {
		{ .host = "api.good.test", .path = "/a/b" },
		{ .host = "api.good.test", .port = 8443, .method = "PUT" },
		{ .host = "93.184.216.34" },
		{ .host = "10.1.2.3", .port = 8443 },
		{ .host = "10.1.2.3", .port = 80, .plain = true },
		{ .host = "[fd00::7]", .port = 8443 },
		{ .host = "g.good.test",
		    .path = "/r.git/info/refs",
		    .git = POLICY_GIT_FETCH },
		{ .host = "g.good.test",
		    .path = "/r.git/git-receive-pack",
		    .method = "POST",
		    .git = POLICY_GIT_PUSH,
		    .commands = &two },
		{ .host = "g.good.test",
		    .path = "/r.git/git-receive-pack",
		    .method = "POST",
		    .git = POLICY_GIT_PUSH,
		    .commands = &gone },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(asks); i++) {
		auto_arena a = { 0 };
		struct policy_request_decision d =
		    decide(&a, policy_of(&a, API), &asks[i]);

		assert_int_equal(d.verdict, POLICY_DENY);
		struct str next = d.next;

		/* It stands beside the rules that are there. */
		struct str both = arena_printf(&a, API STR_FMT, STR_ARG(next));

		d = decide(&a, policy_of(&a, arena_z(&a, both)), &asks[i]);
		assert_row(d.verdict == POLICY_ALLOW, arena_z(&a, next));
	}
}

static void
assert_next(const char *policy, const struct ask *q, const char *text)
{
	auto_arena a = { 0 };
	struct str next = decide(&a, policy_of(&a, policy), q).next;

	assert_row(str_has_str(next, str_of(text)), arena_z(&a, next));
}

/* Where no rule could let it pass, none is given. */
static void
next_names_no_rule_that_would_not_load_or_not_pass(void **state)
{
	(void)state;
	assert_next("", &(struct ask){ .host = "169.254.169.254" },
	    "nothing: cloud metadata addresses are never opened");
	assert_next(API, &(struct ask){ .host = "0.0.0.0", .plain = true },
	    "nothing: unspecified addresses");
	assert_next("",
	    &(struct ask){ .host = "a.test", .port = 80, .plain = true },
	    "ask over https");
	/* This machine's own name is looked up by nobody. */
	assert_next("", &(struct ask){ .host = "localhost" },
	    "upstream = \"127.0.0.1:443\"\n");
	assert_next("", &(struct ask){ .host = "a.localhost", .plain = true },
	    "tls = false\n");
	assert_next(API,
	    &(struct ask){ .host = "api.good.test", .port = 80, .plain = true },
	    "ask over https");
	assert_next("[egress.t]\nprotocol = \"tcp\"\n"
	            "match = { host = \"t.test\" }\n",
	    &(struct ask){ .host = "t.test" },
	    "a connection that is not read, as [egress.t] says");
}

/* Its closest rule has a pin, without which the new one would lead elsewhere.
 */
static void
next_says_whose_pin_it_wants(void **state)
{
	(void)state;
	assert_next("[egress.in]\nupstream = \"10.0.0.9:8443\"\n"
	            "match = { host = \"in.test\", path = \"/a\" }\n",
	    &(struct ask){ .host = "in.test", .path = "/b" },
	    "path = \"/b\" }\n# with upstream, ca and tls of [egress.in]\n");
}

static void
next_takes_a_name_that_no_rule_has(void **state)
{
	(void)state;
	assert_next("[egress.a_test]\nmatch = { host = \"a.test\", "
	            "path = \"/a\" }\n"
	            "[egress.a_test_2]\nmatch = { host = \"b.test\" }\n",
	    &(struct ask){ .host = "a.test", .path = "/b" },
	    "[egress.a_test_3]");
}

static void
next_is_bounded_whatever_the_path(void **state)
{
	auto_arena a = { 0 };
	char path[POLICY_PATH_MAX + 2];
	struct ask q = { .host = "api.good.test", .path = path };

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_true(decide(&a, policy_of(&a, ""), &q).next.len < 300);
	q.path = "/\"\n[gate.x]\n";
	struct str next = decide(&a, policy_of(&a, ""), &q).next;
	assert_true(str_starts(next, STR("nothing: no rule names this path")));
	assert_false(str_has(next, '\n'));
}

static void
explain_shows_credential_place_and_pin(void **state)
{
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct names_host host = { 0 };
	struct err e = { 0 };
	const struct policy *p = policy_of(&a,
	    "[egress.users]\nmatch = { host = \"users.internal\" }\n"
	    "inject = { credential = \"users\", header = \"X-Key\" }\n"
	    "upstream = \"10.0.3.7:8443\"\nca = \"u.pem\"\n");
	struct policy_request r = { .host = &host,
		.port = 443,
		.tls = true,
		.method = STR("GET"),
		.path = STR("/") };

	(void)state;
	assert_int_equal(names_host_parse(STR("users.internal"), &host, &e), 0);
	policy_explain_request(&out, p, &r);
	assert_string_equal(buf_z(&out),
	    "verdict   allow\n"
	    "rule      [egress.users] gates.toml:1\n"
	    "inject    credential users into header X-Key as "
	    "\"{{secret}}\"\n"
	    "upstream  10.0.3.7 port 8443 (pinned)\n"
	    "trust     u.pem alone\n");
	buf_clear(&out);
	r.port = 80;
	policy_explain_request(&out, p, &r);
	assert_true(str_has_str(buf_str(&out), STR("reason    port: ")));
	assert_true(str_has_str(buf_str(&out), STR("port = 80")));
}

static const struct policy_commands pushed = {
	.count = 1,
	.at = { { .ref = STR("refs/heads/main") } },
};

/* Two rules that both let the request out; the first one by the first rank in
 * which they differ, all later ranks of DESIGN speaking for the other. */
static const struct {
	const char *more;
	const char *less;
	struct ask ask;
} ranked[] = {
	{ "host = \"a.good.test\" }", "host = \"*.good.test\", path = \"/a\" }",
	    { .host = "a.good.test", .path = "/a" } },
	{ "host = \"*.x.good.test\" }",
	    "host = \"*.good.test\", path = \"/a\" }",
	    { .host = "a.x.good.test", .path = "/a" } },
	{ "host = \"a.test\", git = \"push\" }",
	    "host = \"a.test\", git = \"fetch|push\", path = \"/**\" "
	    "}\n"
	    "only_for = [\"t\"]",
	    { .host = "a.test",
	        .method = "POST",
	        .path = "/r/git-receive-pack",
	        .git = POLICY_GIT_PUSH,
	        .commands = &pushed,
	        .tool = "t" } },
	{ "host = \"a.test\" }\nonly_for = [\"t\"]",
	    "host = \"a.test\", path = \"/a\", method = \"GET\" }",
	    { .host = "a.test", .path = "/a", .tool = "t" } },
	{ "host = \"a.test\", path = \"/aa/**\" }",
	    "host = \"a.test\", path = \"/*/b\", method = \"GET\" }",
	    { .host = "a.test", .path = "/aa/b" } },
	{ "host = \"a.test\", path = \"/a/*\" }",
	    "host = \"a.test\", path = \"/a/**\", method = \"GET\" }",
	    { .host = "a.test", .path = "/a/b" } },
	{ "host = \"a.test\", path = \"/ab\" }",
	    "host = \"a.test\", path = \"/a*b\", method = \"GET\" }",
	    { .host = "a.test", .path = "/ab" } },
	{ "host = \"a.test\", git = \"push\", "
	  "ref = \"refs/heads/ma*\", delete = true }",
	    "host = \"a.test\", git = \"push\", "
	    "ref = \"refs/heads/*\" }",
	    { .host = "a.test",
	        .method = "POST",
	        .path = "/r/git-receive-pack",
	        .git = POLICY_GIT_PUSH,
	        .commands = &pushed } },
	{ "host = \"a.test\", git = \"push\", "
	  "ref = \"refs/**\", delete = true }",
	    "host = \"a.test\", git = \"push\" }",
	    { .host = "a.test",
	        .method = "POST",
	        .path = "/r/git-receive-pack",
	        .git = POLICY_GIT_PUSH,
	        .commands = &pushed } },
	{ "host = \"a.test\", method = \"GET|PUT\" }",
	    "host = \"a.test\", method = \"GET|POST|HEAD\" }",
	    { .host = "a.test" } },
	{ "host = \"a.test\", method = \"GET|POST|HEAD\" }",
	    "host = \"a.test\" }", { .host = "a.test" } },
	{ "host = \"a.test\", git = \"push\" }",
	    "host = \"a.test\", git = \"push\", delete = true }",
	    { .host = "a.test",
	        .method = "POST",
	        .path = "/r/git-receive-pack",
	        .git = POLICY_GIT_PUSH,
	        .commands = &pushed } },
};

static void
each_rank_goes_before_those_behind_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ranked); i++) {
		char text[600];

		/* Wherever they stand in the file. */
		(void)snprintf(text, sizeof(text),
		    "[egress.more]\nmatch = { %s\n[egress.less]\nmatch = { "
		    "%s\n",
		    ranked[i].more, ranked[i].less);
		assert_asked(text, &ranked[i].ask, "egress.more");
		(void)snprintf(text, sizeof(text),
		    "[egress.less]\nmatch = { %s\n[egress.more]\nmatch = { "
		    "%s\n",
		    ranked[i].less, ranked[i].more);
		assert_asked(text, &ranked[i].ask, "egress.more");
	}
}

/* Each wider rule matches all that the narrower one does, and is written with
 * more bytes. */
static void
what_is_wider_is_never_more_specific(void **state)
{
	static const struct {
		const char *narrow;
		const char *wide;
		const char *path;
	} rows[] = {
		{ "/repos/archive", "/repos/**/archive", "/repos/archive" },
		{ "/admin/*", "/**/admin/**", "/admin/x" },
		{ "/a", "/**/**/**/**", "/a" },
		{ "/a/", "/a/**", "/a/" },
		{ "/*/b", "/**/*/**/b", "/a/b" },
	};
	static const char *const refs[][2] = {
		{ "refs/heads/main", "refs/heads/main|refs/heads/m" },
		{ "refs/heads/ma*", "refs/heads/*|refs/heads/main/more" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[400];

		(void)snprintf(text, sizeof(text),
		    "[egress.wide]\nmatch = { host = \"a.test\", path = "
		    "\"%s\", method = \"GET\" }\n"
		    "[egress.narrow]\nmatch = { host = \"a.test\", path = "
		    "\"%s\" }\n",
		    rows[i].wide, rows[i].narrow);
		assert_asked(text,
		    &(struct ask){ .host = "a.test", .path = rows[i].path },
		    "egress.narrow");
	}
	for (size_t i = 0; i < COUNT(refs); i++) {
		char text[400];

		(void)snprintf(text, sizeof(text),
		    "[egress.wide]\nmatch = { host = \"a.test\", git = "
		    "\"push\", ref = \"%s\" }\n"
		    "[egress.narrow]\nmatch = { host = \"a.test\", git = "
		    "\"push\", ref = \"%s\", delete = true }\n",
		    refs[i][1], refs[i][0]);
		assert_asked(text,
		    &(struct ask){ .host = "a.test",
		        .method = "POST",
		        .path = "/r/git-receive-pack",
		        .git = POLICY_GIT_PUSH,
		        .commands = &pushed },
		    "egress.narrow");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_needs_a_rule_that_fits_in_every_way),
		cmocka_unit_test(a_path_that_is_none_is_denied),
		cmocka_unit_test(a_suffix_matches_on_label_boundaries),
		cmocka_unit_test(a_port_matches_exactly),
		cmocka_unit_test(
		    an_address_matches_only_a_rule_with_an_address),
		cmocka_unit_test(the_most_specific_rule_wins),
		cmocka_unit_test(own_credentials_need_the_winning_rules_leave),
		cmocka_unit_test(a_rule_for_a_call_exists_in_its_cell_only),
		cmocka_unit_test(git_needs_a_rule_that_says_git),
		cmocka_unit_test(a_rule_is_called_for_git_only_if_it_is),
		cmocka_unit_test(a_push_that_is_not_called_one_is_denied),
		cmocka_unit_test(a_push_must_fit_with_every_ref),
		cmocka_unit_test(a_pin_may_be_without_tls),
		cmocka_unit_test(a_closed_policy_denies_every_request),
		cmocka_unit_test(the_next_rule_allows_what_was_denied),
		cmocka_unit_test(
		    next_names_no_rule_that_would_not_load_or_not_pass),
		cmocka_unit_test(next_says_whose_pin_it_wants),
		cmocka_unit_test(next_takes_a_name_that_no_rule_has),
		cmocka_unit_test(next_is_bounded_whatever_the_path),
		cmocka_unit_test(explain_shows_credential_place_and_pin),
		cmocka_unit_test(each_rank_goes_before_those_behind_it),
		cmocka_unit_test(what_is_wider_is_never_more_specific),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
