/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: what a run did, from any event on, and forks of it. */
#include <string.h>

#include "cli/cli.h"

struct listing {
	struct json_out out; /* with --json */
	uint64_t after;
	bool more;
};

static void
list_one(struct cli *c, struct listing *l, const struct json *s)
{
	if (c->json) {
		json_out_value(&l->out, NULL, s);
		return;
	}
	printf("%s  %-8s %-12s %s\n", cli_text(c, s, "session"),
	    cli_text(c, s, "state"), cli_text(c, s, "queue"),
	    cli_plain(c, str_of(cli_text(c, s, "subject"))));
}

static int
list_page(struct cli *c, struct listing *l, struct str target, struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET", .target = target };

	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	JSON_EACH(s, json_get(answer.tree, "sessions"))
	{
		list_one(c, l, s);
	}
	l->more = false;
	(void)json_bool(answer.tree, "more", &l->more);
	l->after = (uint64_t)cli_number(answer.tree, "next");
	buf_fini(&answer.body);
	return 0;
}

/* Of one task, or all there ever were, in the order in which they began. */
static int
list(struct cli *c, int argc, char **argv)
{
	const char *task = cli_option(&argc, argv, "task");
	struct listing l = { 0 };
	auto_buf text = { 0 };
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "session", "list takes only --task ID");
	}
	json_out_init(&l.out, &text);
	json_out_object(&l.out, NULL);
	json_out_array(&l.out, "sessions");
	do {
		struct str target =
		    task ? arena_printf(&c->arena, "/api/sessions?task=%s",
		               cli_encode(c, str_of(task)))
		         : arena_printf(&c->arena, "/api/sessions?after=%llu",
		               (unsigned long long)l.after);

		if (list_page(c, &l, target, &e)) {
			return cli_fail(&e);
		}
	} while (l.more);
	json_out_end(&l.out, ']');
	json_out_end(&l.out, '}');
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	}
	return 0;
}

static int
show(struct cli *c, int argc, char **argv)
{
	const struct json *s;
	const struct json *fork;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(
		    c, "session", "show wants the id of a session");
	}
	if (cli_get(c, &s, &e, "/api/sessions/%s",
	        cli_encode(c, str_of(argv[0])))) {
		return cli_fail(&e);
	}
	if (!s) {
		return 0;
	}
	printf("%s  %s\ntask %s, queue %s, %s\n", cli_text(c, s, "session"),
	    cli_text(c, s, "state"), cli_text(c, s, "task"),
	    cli_text(c, s, "queue"),
	    cli_plain(c, str_of(cli_text(c, s, "subject"))));
	fork = json_get(json_get(s, "origin"), "fork");
	if (fork) {
		printf("forked from %s at event %lld\n",
		    cli_text(c, fork, "run"),
		    (long long)cli_number(fork, "at"));
	}
	JSON_EACH(event, json_get(s, "events"))
	{
		printf("%8lld  %s  %-16s %s\n",
		    (long long)cli_number(event, "seq"),
		    cli_text(c, event, "at"), cli_text(c, event, "kind"),
		    cli_text(c, event, "rule"));
	}
	return 0;
}

/* One page of events; -1 an error, 0 there may be more, 1 it was the last. */
struct page {
	uint64_t after;
	int64_t begun;
	bool follow;
};

static int
read_page(struct cli *c, const char *session, struct page *p, struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };
	bool more = false;
	bool ended = false;

	ask.target =
	    arena_printf(&c->arena, "/api/sessions/%s/events?after=%llu%s",
	        cli_encode(c, str_of(session)), (unsigned long long)p->after,
	        p->follow ? "&wait=20" : "");
	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	JSON_EACH(event, json_get(answer.tree, "events"))
	{
		p->begun = p->begun ? p->begun : cli_number(event, "at_us");
		if (c->json) {
			auto_buf line = { 0 };

			json_write(&line, event);
			printf(STR_FMT "\n", STR_ARG(buf_str(&line)));
		} else {
			cli_print_event(c, event, p->begun);
		}
	}
	(void)fflush(stdout);
	(void)json_bool(answer.tree, "more", &more);
	(void)json_bool(answer.tree, "ended", &ended);
	p->after = (uint64_t)cli_number(answer.tree, "next");
	buf_fini(&answer.body);
	return !more && (ended || !p->follow);
}

static int
tell(struct cli *c, int argc, char **argv, bool follow)
{
	const char *from = cli_option(&argc, argv, "from");
	struct page p = { .follow = follow };
	uint64_t first = 0;
	struct err e = { 0 };
	int end = 0;

	cli_words(c, &argc, argv);
	if (argc != 1 || (from && (!str_u64(str_of(from), &first) || !first))) {
		return cli_usage(c, "session",
		    "watch and replay want the id of a session, and --from "
		    "the number of an event");
	}
	p.after = first ? first - 1 : 0;
	while (end == 0) {
		end = read_page(c, argv[0], &p, &e);
	}
	return end < 0 ? cli_fail(&e) : 0;
}

static int
watch(struct cli *c, int argc, char **argv)
{
	return tell(c, argc, argv, true);
}

static int
replay(struct cli *c, int argc, char **argv)
{
	return tell(c, argc, argv, false);
}

static int
fork_at(struct cli *c, int argc, char **argv)
{
	const char *at = cli_option(&argc, argv, "at");
	uint64_t seq;
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST" };

	cli_words(c, &argc, argv);
	if (argc != 1 || !at || !str_u64(str_of(at), &seq)) {
		return cli_usage(c, "session",
		    "fork wants the id of a session and --at the number of an "
		    "event");
	}
	ask.target = arena_printf(
	    &c->arena, "/api/sessions/%s/fork", cli_encode(c, str_of(argv[0])));
	ask.body =
	    arena_printf(&c->arena, "{\"at\":%llu}", (unsigned long long)seq);
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		printf("%s\n", cli_text(c, answer.tree, "task"));
	}
	return 0;
}

int
command_session(struct cli *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		cli_command_fn *run;
	} verbs[] = {
		{ "list", list },
		{ "show", show },
		{ "watch", watch },
		{ "replay", replay },
		{ "fork", fork_at },
	};

	for (size_t i = 0; argc && i < COUNT(verbs); i++) {
		if (strcmp(argv[0], verbs[i].name) == 0) {
			return verbs[i].run(c, argc - 1, argv + 1);
		}
	}
	return cli_no_verb(c, argc ? argv[0] : NULL);
}
