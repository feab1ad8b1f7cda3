/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for a person, and what the person says. */
#include <string.h>

#include "cli/cli.h"

static void
print_wait(struct cli *c, const struct json *w)
{
	printf("%s  %s  %s  %s\n", cli_paint(c, CLI_BOLD, cli_text(c, w, "id")),
	    cli_text(c, w, "code"), cli_text(c, w, "state"),
	    cli_text(c, w, "kind"));
	printf("    %s by %s, asked by %s\n", cli_text(c, w, "tool"),
	    cli_text(c, w, "identity"), cli_text(c, w, "gate"));
	printf("    %s\n", cli_text(c, w, "hint"));
}

int
command_inbox(struct cli *c, int argc, char **argv)
{
	bool all = cli_flag(&argc, argv, "all");
	const struct json *tree;
	struct err e = { 0 };
	size_t count = 0;

	if (argc) {
		return cli_usage(c, "inbox", "takes no other arguments");
	}
	if (cli_get(c, &tree, &e, "/api/waits?all=%d", all)) {
		return cli_fail(&e);
	}
	JSON_EACH(w, json_get(tree, "waits"))
	{
		print_wait(c, w);
		count++;
	}
	if (tree && !count) {
		printf("nothing waits\n");
	} else if (tree && !all) {
		printf(
		    "handrail approve ID | handrail deny ID --reason \"…\"\n");
	}
	return 0;
}

static int
say(struct cli *c, const char *id, const char *decision, const char *more,
    const char *text)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST" };

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "decision", decision);
	if (text) {
		json_out_z(&o, more, text);
	}
	json_out_end(&o, '}');
	ask.body = buf_str(&body);
	ask.target =
	    arena_printf(&c->arena, "/api/waits/%s", cli_encode(c, str_of(id)));
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
		return 0;
	}
	printf("%s: %s", id, cli_text(c, answer.tree, "state"));
	if (cli_number(answer.tree, "people") > 1) {
		printf(" (%lld of %lld people)",
		    (long long)cli_number(answer.tree, "said"),
		    (long long)cli_number(answer.tree, "people"));
	}
	(void)putchar('\n');
	return 0;
}

int
command_approve(struct cli *c, int argc, char **argv)
{
	const char *remember = cli_option(&argc, argv, "remember");

	return argc == 1 ? say(c, argv[0], "approve", "remember", remember)
	                 : cli_usage(c, "approve", "wants the id of a wait");
}

int
command_deny(struct cli *c, int argc, char **argv)
{
	const char *reason = cli_option(&argc, argv, "reason");

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

	if (argc != 1 || happened == did_not) {
		return cli_usage(c, "task",
		    "resolve wants a wait's id and --happened or --did-not");
	}
	return say(c, argv[0], happened ? "happened" : "did_not", "", NULL);
}
