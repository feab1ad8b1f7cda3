/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for a person, and what the person says. */
#include <string.h>

#include "cli/inbox.h"

/* Of a request there is no telling from its hint what it does, so all that is
 * known of it is shown; of a call, where one is looked at. */
static int
print_wait(struct cli *c, const struct json *w, bool whole, struct err *e)
{
	bool escalated = false;

	printf("%s  %s  %s  %s\n", cli_paint(c, CLI_BOLD, cli_text(c, w, "id")),
	    cli_text(c, w, "code"), cli_text(c, w, "state"),
	    cli_text(c, w, "kind"));
	if (strcmp(cli_text(c, w, "kind"), "decision") == 0) {
		printf("    a letter that wants a decision: handrail answer "
		       "%s \"…\"\n",
		    cli_text(c, w, "id"));
	} else {
		const char *gate = cli_text(c, w, "gate");

		printf("    %s by %s%s%s\n", cli_text(c, w, "tool"),
		    cli_text(c, w, "identity"), gate[0] ? ", asked by " : "",
		    gate);
	}
	printf("    %s\n", cli_plain(c, str_of(cli_text(c, w, "hint"))));
	if (cli_text(c, w, "task")[0]) {
		printf("    of task %s, %s\n", cli_text(c, w, "task"),
		    cli_plain(c, str_of(cli_text(c, w, "subject"))));
	}
	if (strcmp(cli_text(c, w, "kind"), "unknown_outcome") == 0) {
		printf("    handrail task resolve %s.%lld --happened | "
		       "--did-not\n",
		    cli_text(c, w, "run"), (long long)cli_number(w, "call"));
	}
	if ((whole || cli_is_request(cli_text(c, w, "tool"))) &&
	    cli_print_asked(c, w, e)) {
		return -1;
	}
	JSON_EACH(option, json_get(w, "options"))
	{
		printf("      - %s\n", cli_plain(c, option->text));
	}
	if (cli_text(c, w, "by")[0]) {
		printf("    by %s on %s at %s\n", cli_text(c, w, "by"),
		    cli_text(c, w, "surface"), cli_text(c, w, "decided"));
	} else if (json_bool(w, "escalated", &escalated) && escalated) {
		printf("    %s may decide it, too\n",
		    cli_text(c, w, "escalate_to"));
	}
	return 0;
}

/* A page; the seq to go on after, 0: that was all. */
static int
print_page(
    struct cli *c, bool all, int64_t *after, size_t *count, struct err *e)
{
	const struct json *tree;

	if (cli_get(c, &tree, e, "/api/waits?all=%d&after=%lld", all,
	        (long long)*after)) {
		return -1;
	}
	*after = 0;
	JSON_EACH(w, json_get(tree, "waits"))
	{
		if (print_wait(c, w, false, e)) {
			return -1;
		}
		(*count)++;
	}
	if (tree) {
		*after = cli_number(tree, "next");
	}
	return 0;
}

static int
print_one(struct cli *c, const char *id)
{
	const struct json *w;
	struct err e = { 0 };

	if (cli_get(c, &w, &e, "/api/waits/%s", cli_encode(c, str_of(id))) ||
	    (w && print_wait(c, w, true, &e))) {
		return cli_fail(&e);
	}
	return 0;
}

int
command_inbox(struct cli *c, int argc, char **argv)
{
	bool all = cli_flag(&argc, argv, "all");
	struct err e = { 0 };
	size_t count = 0;
	int64_t after = 0;

	cli_words(c, &argc, argv);
	if (argc > 1 || (argc && all)) {
		return cli_usage(c, "inbox", "wants one id, or --all, or none");
	}
	if (argc) {
		return print_one(c, argv[0]);
	}
	do {
		if (print_page(c, all, &after, &count, &e)) {
			return cli_fail(&e);
		}
	} while (after);
	if (c->json) {
		return 0;
	}
	if (!count) {
		printf("nothing waits\n");
	} else if (!all) {
		printf("handrail inbox ID shows what exactly is asked\n"
		       "handrail approve ID | handrail deny ID --reason \"…\" "
		       "| handrail answer ID \"…\"\n");
	}
	return 0;
}

/* What came of it, in the words of its kind: that something did not happen is
 * no denial. */
static const char *
done_word(const char *decision)
{
	static const char *const words[][2] = {
		{ "approve", "approved" },
		{ "deny", "denied" },
		{ "happened", "happened" },
		{ "did_not", "did not happen" },
		{ "answer", "answered" },
		{ "decline", "declined" },
		{ "result", "answered" },
		{ "failed", "said to have failed" },
		{ "decide", "decided" },
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(words[i][0], decision) == 0) {
			return words[i][1];
		}
	}
	return decision;
}

static int
send_word(struct cli *c, const char *id, struct str body, const char *decision)
{
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .body = body };

	ask.target =
	    arena_printf(&c->arena, "/api/waits/%s", cli_encode(c, str_of(id)));
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
		return 0;
	}
	/* One of several may have said yes: then it is still open. */
	printf("%s: %s", id,
	    strcmp(cli_text(c, answer.tree, "state"), "open") == 0
	        ? "open"
	        : done_word(decision));
	if (cli_number(answer.tree, "people") > 1) {
		printf(" (%lld of %lld people)",
		    (long long)cli_number(answer.tree, "said"),
		    (long long)cli_number(answer.tree, "people"));
	}
	(void)putchar('\n');
	return 0;
}

static int
say(struct cli *c, const char *id, const char *decision, const char *more,
    const char *text)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "decision", decision);
	if (text) {
		json_out_z(&o, more, text);
	}
	json_out_end(&o, '}');
	return send_word(c, id, buf_str(&body), decision);
}

int
command_approve(struct cli *c, int argc, char **argv)
{
	const char *remember = cli_option(&argc, argv, "remember");

	cli_words(c, &argc, argv);
	return argc == 1 ? say(c, argv[0], "approve", "remember", remember)
	                 : cli_usage(c, "approve", "wants the id of a wait");
}

int
command_deny(struct cli *c, int argc, char **argv)
{
	const char *reason = cli_option(&argc, argv, "reason");

	cli_words(c, &argc, argv);
	if (argc != 1 || !reason) {
		return cli_usage(c, "deny", "wants an id and a --reason");
	}
	return say(c, argv[0], "deny", "reason", reason);
}

int
command_resolve(struct cli *c, int argc, char **argv)
{
	bool happened = cli_flag(&argc, argv, "happened");
	bool did_not = cli_flag(&argc, argv, "did-not");

	cli_words(c, &argc, argv);
	if (argc != 1 || happened == did_not) {
		return cli_usage(c, "task",
		    "resolve wants a call or its wait and --happened or "
		    "--did-not");
	}
	return say(c, argv[0], happened ? "happened" : "did_not", "", NULL);
}

/* --- answers --- */

/* Each kind has its own words; the value is a text for people, JSON for a tool.
 */
static const struct words {
	const char *kind;
	const char *yes;
	const char *no;
	bool json;
} words[] = {
	{ "question", "answer", "decline", false },
	{ "client_result", "result", "failed", true },
	{ "decision", "decide", "decline", false },
};

static int
words_of(struct cli *c, const char *id, const struct words **out, struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };

	ask.target =
	    arena_printf(&c->arena, "/api/waits/%s", cli_encode(c, str_of(id)));
	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	*out = &words[0];
	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(cli_text(c, answer.tree, "kind"), words[i].kind) ==
		    0) {
			*out = &words[i];
		}
	}
	return 0;
}

static int
send_value(
    struct cli *c, const char *id, const char *given, const struct words *kind)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct json *value = NULL;
	struct err e = { 0 };

	if (kind->json && cli_payload(c, given, &value, &e)) {
		return cli_fail(&e);
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "decision", kind->yes);
	if (value) {
		json_out_value(&o, "value", value);
	} else {
		json_out_z(&o, "value", given);
	}
	json_out_end(&o, '}');
	return send_word(c, id, buf_str(&body), kind->yes);
}

int
command_answer(struct cli *c, int argc, char **argv)
{
	bool decline = cli_flag(&argc, argv, "decline");
	const char *reason = cli_option(&argc, argv, "reason");
	struct err e = { 0 };
	const struct words *kind;

	cli_words(c, &argc, argv);
	if (argc != (decline ? 1 : 2) || (reason && !decline)) {
		return cli_usage(c, "answer",
		    "wants a wait's id and a value, or an id, --decline and "
		    "perhaps a --reason");
	}
	if (words_of(c, argv[0], &kind, &e)) {
		return cli_fail(&e);
	}
	if (decline) {
		return say(c, argv[0], kind->no, "reason", reason);
	}
	return send_value(c, argv[0], argv[1], kind);
}
