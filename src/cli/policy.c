/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `policy replay`: what another gates.toml would have said to the calls and
 * requests of the past.  The book keeps what a decision looked at; the deciding
 * is done here, by the same room that decides in the house.
 */
#include <string.h>

#include "cli/cli.h"
#include "policy/policy.h"
#include "review/review.h"

#define VERDICTS 3

struct replay {
	struct cli *cli;
	const struct policy *policy;
	const char *role; /* NULL: all */
	struct json *differences;
	int64_t was[VERDICTS];
	int64_t now[VERDICTS];
	int64_t calls;
	int64_t requests;
	int64_t not_judged; /* the book does not hold what was asked */
	int64_t expired;    /* nor even the decision */
};

static bool
is_of_role(const struct replay *r, struct str identity)
{
	struct arena *a = &r->cli->arena;
	struct str end;

	if (!r->role) {
		return true;
	}
	end = arena_printf(a, "__%s_coworker", r->role);
	return identity.len > end.len &&
	       str_eq(str_sub(identity, identity.len - end.len, identity.len),
	           end);
}

static void
differ(struct replay *r, const struct json *event, const char *what,
    const struct review *d)
{
	struct arena *a = &r->cli->arena;
	struct json *row = json_new(a, JSON_OBJECT);
	struct str identity = STR("");

	(void)json_text(event, "identity", &identity);
	(void)json_set(
	    a, row, "seq", json_new_i64(a, cli_number(event, "seq")));
	(void)json_set_str(a, row, "at", str_of(cli_text(r->cli, event, "at")));
	(void)json_set_str(a, row, "identity", identity);
	(void)json_set_str(a, row, what, d->what);
	(void)json_set_str(a, row, "was", str_of(policy_verdict_name(d->was)));
	(void)json_set_str(a, row, "now", str_of(policy_verdict_name(d->now)));
	(void)json_set_str(a, row, "rule", d->rule);
	(void)json_push(r->differences, row);
}

static void
judge(struct replay *r, const struct json *event, enum book_kind kind)
{
	auto_arena a = { 0 };
	const struct json *body = json_get(event, "body");
	struct str identity = STR("");
	struct str rule = STR("");
	bool is_call = kind == BOOK_CALL_DECIDED;
	struct review d;

	(void)json_text(event, "identity", &identity);
	(void)json_text(event, "rule", &rule);
	if (!is_of_role(r, identity)) {
		return;
	}
	if (!body) {
		r->expired++;
		return;
	}
	switch (
	    review_decision(&a, r->policy, kind, identity, rule, body, &d)) {
	case REVIEW_NOT_ASKED:
		return;
	case REVIEW_NOT_HELD:
	case REVIEW_BROKEN:
		r->not_judged++;
		break;
	case REVIEW_DIFFERS:
		differ(r, event, is_call ? "tool" : "request", &d);
		r->was[d.was]++;
		r->now[d.now]++;
		break;
	case REVIEW_SAME:
		r->was[d.was]++;
		r->now[d.now]++;
		break;
	}
	r->calls += is_call;
	r->requests += !is_call;
}

static void
judge_events(struct replay *r, const struct json *events)
{
	JSON_EACH(event, events)
	{
		enum book_kind kind;

		if (book_kind_parse(
		        str_of(cli_text(r->cli, event, "kind")), &kind) &&
		    review_is_decision(kind)) {
			judge(r, event, kind);
		}
	}
}

static int
read_book(struct replay *r, uint64_t after, struct err *e)
{
	bool more = true;

	while (more) {
		struct cli_answer answer = { 0 };
		struct cli_ask ask = {
			.method = "GET",
			.target = arena_printf(&r->cli->arena,
			    "/api/events?after=%llu",
			    (unsigned long long)after),
		};

		if (cli_send(r->cli, &ask, &answer, e)) {
			return -1;
		}
		const struct json *events = json_get(answer.tree, "events");

		more = events && events->count;
		judge_events(r, events);
		after = (uint64_t)cli_number(answer.tree, "next");
		buf_fini(&answer.body);
	}
	return 0;
}

/* --- what is told --- */

static void
add_counts(struct arena *a, struct json *out, const char *key,
    const int64_t counts[VERDICTS])
{
	struct json *table = json_set(a, out, key, json_new(a, JSON_OBJECT));

	for (int i = 0; i < VERDICTS; i++) {
		(void)json_set(a, table,
		    policy_verdict_name((enum policy_verdict)i),
		    json_new_i64(a, counts[i]));
	}
}

static void
print_json(struct replay *r)
{
	struct arena *a = &r->cli->arena;
	struct json *out = json_new(a, JSON_OBJECT);
	auto_buf text = { 0 };

	(void)json_set(a, out, "calls", json_new_i64(a, r->calls));
	(void)json_set(a, out, "requests", json_new_i64(a, r->requests));
	(void)json_set(a, out, "not_judged", json_new_i64(a, r->not_judged));
	(void)json_set(a, out, "expired", json_new_i64(a, r->expired));
	add_counts(a, out, "was", r->was);
	add_counts(a, out, "now", r->now);
	(void)json_set(a, out, "differences", r->differences);
	json_write(&text, out);
	printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
}

static void
print(struct replay *r)
{
	struct cli *c = r->cli;

	JSON_EACH(row, r->differences)
	{
		const char *rule = cli_text(c, row, "rule");

		printf("%6lld  %s  %-5s -> %-5s  %s by %s  (%s)\n",
		    (long long)cli_number(row, "seq"), cli_text(c, row, "at"),
		    cli_text(c, row, "was"), cli_text(c, row, "now"),
		    cli_text(
		        c, row, json_get(row, "tool") ? "tool" : "request"),
		    cli_text(c, row, "identity"), rule[0] ? rule : "no rule");
	}
	printf("%lld calls, %lld requests: %lld allowed, %lld asked, %lld "
	       "denied; were %lld, %lld, %lld; %zu differ\n",
	    (long long)r->calls, (long long)r->requests,
	    (long long)r->now[POLICY_ALLOW], (long long)r->now[POLICY_ASK],
	    (long long)r->now[POLICY_DENY], (long long)r->was[POLICY_ALLOW],
	    (long long)r->was[POLICY_ASK], (long long)r->was[POLICY_DENY],
	    (size_t)r->differences->count);
	if (r->role && !r->calls && !r->requests && !r->expired) {
		printf("there is none of role %s: a role is named by the word "
		       "before _coworker in its identity\n",
		    r->role);
	}
	if (r->not_judged + r->expired) {
		printf("not judged: %lld of which the book does not hold what "
		       "was asked, %lld expired\n",
		    (long long)r->not_judged, (long long)r->expired);
	}
}

static int
replay(struct cli *c, int argc, char **argv)
{
	const char *after = cli_option(&argc, argv, "after");
	struct replay r = {
		.cli = c,
		.role = cli_option(&argc, argv, "role"),
		.differences = json_new(&c->arena, JSON_ARRAY),
	};
	struct err e = { 0 };
	uint64_t from = 0;

	cli_words(c, &argc, argv);
	if (argc != 1 || (after && !str_u64(str_of(after), &from))) {
		return cli_usage(c, "policy",
		    "replay wants a gates.toml; --after is a number");
	}
	if (policy_load(&c->arena, argv[0], &r.policy, &e)) {
		return cli_fail(&e);
	}
	if (policy_is_closed(r.policy)) {
		(void)err_set(&e, ERR_MISSING, "there is no %s",
		    err_quote(str_of(argv[0])));
		return cli_fail(&e);
	}
	if (read_book(&r, from, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		print_json(&r);
	} else {
		print(&r);
	}
	return 0;
}

int
command_policy(struct cli *c, int argc, char **argv)
{
	if (argc && strcmp(argv[0], "replay") == 0) {
		return replay(c, argc - 1, argv + 1);
	}
	return cli_usage(c, "policy", "wants replay and a gates.toml");
}
