/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "policy_help.h"

#include "policy/rules.h"

/*
 * Of many policies and requests: what a denial offers loads, its role may run,
 * it lets the request out, and what stands beside the request is decided as
 * before.
 */

#define ROUNDS 4000
#define RULES  7
#define GATES  2

struct written { /* of a rule, but its websocket and more refs */
	const char *host, *port, *method, *path, *git, *ref, *pin, *more;
	bool websocket;
};
struct drawn {
	struct written rules[RULES];
	struct written gates[GATES];
	unsigned rule_count, gate_count;
};

static uint64_t seed;

static unsigned
draw(unsigned below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % below;
}

#define ONE_OF(list) ((list)[draw(COUNT(list))])

static const char *const hosts[] = { "a.good.test", "b.good.test",
	"*.good.test", "10.1.2.3", "localhost" };
static const char *const ports[] = { NULL, NULL, NULL, "8443", "80" };
static const char *const methods[] = { NULL, NULL, "GET", "GET|POST", "POST",
	"PUT|DELETE", "HEAD" };
static const char *const paths[] = { NULL, "/x", "/x/*", "/x/**", "/**/y",
	"/a*b", "/x/*/z", "/x/", "/**", "/*", "/r.git/**", "/*.git/**",
	"/**/git-receive-pack", "/aaaaaaaaaaaaaa/**",
	"/r.git/git-receive-pack" };
static const char *const gits[] = { "fetch", "push", "fetch|push" };
static const char *const refs[] = { NULL, NULL, "refs/heads/*",
	"refs/heads/a|refs/tags/**" };
static const char *const pins[] = { "", "upstream = \"10.0.0.9:8443\"\n",
	"upstream = \"10.0.0.9:80\"\ntls = false\n" };

static struct written
draw_match(bool gate)
{
	struct written w = { .host = ONE_OF(hosts), .port = ONE_OF(ports) };

	if (gate && draw(3)) {
		w.port = NULL;
	}
	if (draw(4) == 0) {
		w.git = ONE_OF(gits);
		w.ref = w.git[0] == 'f' ? NULL : ONE_OF(refs);
	} else {
		w.method = ONE_OF(methods);
	}
	w.path = ONE_OF(paths);
	return w;
}

static struct written
draw_rule(void)
{
	struct written w = draw_match(false);
	unsigned kind = draw(10);

	w.pin = draw(2) ? pins[1 + draw(2)] : pins[0];
	if (w.host[0] == '1' && !w.pin[0]) {
		w.pin = pins[1];
	}
	w.websocket = kind == 0 && !w.git;
	if (kind == 1) {
		w = (struct written){ .host = w.host,
			.port = "22",
			.pin = "upstream = \"10.0.0.9:22\"\n",
			.more = "protocol = \"tcp\"\n" };
	} else if (kind == 2 && !w.git) {
		w.pin = pins[1];
		w.more = "token_endpoint = \"tokens\"\n";
	} else if (kind == 3) {
		w.more = "only_for = [\"t\"]\n";
	}
	return w;
}

static void
add_text(struct buf *out, const char *key, const char *text)
{
	if (text) {
		buf_addf(out, ", %s = \"%s\"", key, text);
	}
}

static void
add_match(struct buf *out, const struct written *w, const char *more_refs)
{
	auto_buf ref = { 0 };

	buf_addf(out, "match = { host = \"%s\"", w->host);
	if (w->port) {
		buf_addf(out, ", port = %s", w->port);
	}
	add_text(out, "method", w->method);
	add_text(out, "path", w->path);
	add_text(out, "git", w->git);
	if (w->ref) {
		buf_addf(&ref, "%s%s", w->ref, more_refs);
		add_text(out, "ref", buf_z(&ref));
	}
	buf_add_z(out, " }\n");
}

/* Rule `which` with what was offered for it; RULES: none. */
static void
write_policy(struct buf *out, const struct drawn *d, unsigned which,
    bool websocket, const char *more_refs)
{
	for (unsigned i = 0; i < d->rule_count; i++) {
		const struct written *w = &d->rules[i];
		bool socket = w->websocket || (i == which && websocket);

		buf_addf(out, "[egress.r%u]\n", i);
		add_match(out, w, i == which ? more_refs : "");
		buf_addf(out, "%s%s%s", w->pin, w->more ? w->more : "",
		    socket ? "websocket = true\n" : "");
	}
	for (unsigned i = 0; i < d->gate_count; i++) {
		buf_addf(out, "[gate.g%u]\nrequire = \"operator\"\n", i);
		add_match(out, &d->gates[i], "");
	}
}

/* NULL: it does not load, or its role must not run, and *e says why. */
static const struct policy *
loaded(struct arena *a, struct str text, struct err *e)
{
	static const struct policy_tool tool = { .name = { "t", 1 },
		.action = { "read", 4 } };
	static const struct policy_house house = { .tools = &tool,
		.tool_count = 1 };
	const struct policy *p = NULL;
	const struct policy_finding *found = NULL;
	size_t count = 0;

	if (policy_parse(a, text, "gates.toml", &p, e)) {
		return NULL;
	}
	policy_check(a, p, &house, &found, &count);
	for (size_t i = 0; i < count; i++) {
		if (found[i].error) {
			err_set(e, ERR_INPUT, "%s", arena_z(a, found[i].text));
			return NULL;
		}
	}
	return p;
}

struct asked {
	struct policy_request r;
	struct names_host host;
	struct policy_commands commands;
};

static void
host_of(struct asked *q, const char *name)
{
	struct err e = { 0 };

	assert_int_equal(names_host_parse(str_of(name), &q->host, &e), 0);
	q->r.host = &q->host;
}

/* A push's refs, or git's other requests. */
static void
draw_git(struct asked *q)
{
	static const char *const of[] = { "/r.git", "/x/r.git",
		"/aaaaaaaaaaaaaa", "/x" };
	static const char *const ref[] = { "refs/heads/a", "refs/heads/b",
		"refs/tags/t", "refs/notes/a\"b", "refs/heads/a|b" };
	static const char *const end[] = { "git-upload-pack",
		"git-receive-pack" };
	static char path[64];
	bool push = draw(2);
	bool post = draw(2);

	(void)snprintf(path, sizeof(path), "%s/%s", ONE_OF(of),
	    post ? end[push] : "info/refs");
	q->r.path = str_of(path);
	q->r.git = push ? POLICY_GIT_PUSH : POLICY_GIT_FETCH;
	q->r.method = post ? STR("POST") : STR("GET");
	q->r.query = post   ? STR("")
	             : push ? STR("service=git-receive-pack")
	                    : STR("service=git-upload-pack");
	for (unsigned i = 0; push && post && i < 1 + draw(2); i++) {
		q->commands.at[i].ref = str_of(ONE_OF(ref));
		q->commands.at[i].deletes = draw(5) == 0;
		q->commands.count = i + 1;
	}
	q->r.commands = push && post ? &q->commands : NULL;
}

static void
draw_request(struct asked *q)
{
	static const char *const names[] = { "a.good.test", "b.good.test",
		"c.good.test", "other.test", "10.1.2.3", "localhost" };
	static const char *const path[] = { "/x", "/x/", "/x/1", "/x/y", "/y",
		"/a1b", "/x/1/z", "/", "/%E2%82%AC", "/x;p=1", "/a*b" };
	static const char *const method[] = { "GET", "GET", "POST", "PUT",
		"HEAD", "M-SEARCH" };
	static const uint16_t port[] = { 443, 443, 443, 8443, 80, 22 };

	*q = (struct asked){ .r = { .port = ONE_OF(port),
		                 .path = str_of(ONE_OF(path)),
		                 .method = str_of(ONE_OF(method)) } };
	host_of(q, ONE_OF(names));
	q->r.tls = q->r.port != 80;
	if (draw(4) == 0) {
		draw_git(q);
	}
	q->r.tunnel = q->r.port == 22;
	q->r.websocket =
	    !q->r.tunnel && str_eq_z(q->r.method, "GET") && draw(4) == 0;
}

/* The number in "[egress.rN]", of which the offer is. */
static unsigned
number_of(struct str label)
{
	uint64_t n = RULES;

	assert_true(str_starts(label, STR("egress.r")));
	assert_true(str_u64(str_sub(label, 8, label.len), &n));
	return (unsigned)n;
}

/* The policy with what was offered done; false: a deed, or nothing helps. */
static bool
follow(struct buf *text, struct arena *a, const struct drawn *d,
    const struct policy_request_decision *denied)
{
	struct str next = denied->next;
	struct json *more = NULL;
	struct err e = { 0 };

	if (str_starts(next, STR("[egress."))) {
		write_policy(text, d, RULES, false, "");
		buf_add(text, next);
		if (str_has_str(next, STR("# with upstream, ca and tls of"))) {
			buf_add_z(text, d->rules[number_of(denied->rule)].pin);
		}
		return true;
	}
	if (str_starts(next, STR("websocket = true in "))) {
		write_policy(text, d, number_of(denied->rule), true, "");
		return true;
	}
	if (str_starts(next, STR("\"|"))) {
		size_t end = next.len;

		while (next.at[end - 1] != '"') {
			end--;
		}
		assert_int_equal(
		    json_parse(a, str_sub(next, 0, end), NULL, &more, &e), 0);
		/* As it is written, quotes and all. */
		next = str_sub(next, 1, end - 2);
		write_policy(
		    text, d, number_of(denied->rule), false, arena_z(a, next));
		return true;
	}
	return false;
}

/* What stands right beside the request is decided as before. */
static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
assert_beside(struct arena *a, const struct policy *was,
    const struct policy *is, const struct asked *q, const char *text)
{
	for (unsigned i = 0; i < 5; i++) {
		struct asked beside = *q;
		struct policy_request_decision d[2] = { 0 };

		if (i < 2) {
			beside.r.path = arena_printf(a, STR_FMT "%s",
			    STR_ARG(q->r.path), i ? "/z" : "z");
		}
		beside.r.method = i == 2 ? STR("QUERY") : q->r.method;
		beside.r.port = i == 3 ? 444 : q->r.port;
		host_of(&beside, i == 4 ? "d.good.test" : q->host.text);
		policy_request(a, was, &beside.r, &d[0]);
		policy_request(a, is, &beside.r, &d[1]);
		if (d[0].verdict != d[1].verdict) {
			fail_msg("%s\n-- lets out beside it (%u): %s", text, i,
			    d[1].egress ? arena_z(a, d[1].rule) : "");
		}
	}
}

/* 1: something was offered that could be followed. */
static unsigned
try_one(const struct drawn *d, const struct policy *p)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct asked q;
	struct policy_request_decision denied = { 0 };
	struct policy_request_decision then = { 0 };
	const struct policy *better;
	struct err e = { 0 };

	draw_request(&q);
	policy_request(&a, p, &q.r, &denied);
	if (denied.verdict != POLICY_DENY || !follow(&text, &a, d, &denied)) {
		return 0;
	}
	better = loaded(&a, buf_str(&text), &e);
	if (!better) {
		fail_msg("%s\n-- offered: %s\n-- does not load: %s",
		    buf_z(&text), arena_z(&a, denied.next), e.text);
	}
	policy_request(&a, better, &q.r, &then);
	/* A ref more in a rule of a call: the next denial names the call. */
	if (then.verdict == POLICY_DENY && then.reason != POLICY_ONLY_FOR) {
		fail_msg("%s\n-- offered: %s\n-- and denied: %s", buf_z(&text),
		    arena_z(&a, denied.next), arena_z(&a, then.text));
	}
	if (q.r.git == POLICY_GIT_NO && !q.r.tunnel &&
	    str_starts(denied.next, STR("[egress."))) {
		assert_beside(&a, p, better, &q, buf_z(&text));
	}
	return 1;
}

static void
what_is_offered_loads_and_lets_out_what_was_asked(void **state)
{
	unsigned followed = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		auto_arena a = { 0 };
		auto_buf text = { 0 };
		struct drawn d = { 0 };
		struct err e = { 0 };
		const struct policy *p;

		seed = round;
		d.rule_count = draw(RULES + 1);
		d.gate_count = draw(GATES + 1);
		for (unsigned i = 0; i < d.rule_count; i++) {
			d.rules[i] = draw_rule();
		}
		for (unsigned i = 0; i < d.gate_count; i++) {
			d.gates[i] = draw_match(true);
		}
		write_policy(&text, &d, RULES, false, "");
		p = loaded(&a, buf_str(&text), &e);
		for (unsigned i = 0; p && i < 12; i++) {
			followed += try_one(&d, p);
		}
	}
	assert_in_range(followed, ROUNDS / 2, ROUNDS * 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_offered_loads_and_lets_out_what_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
