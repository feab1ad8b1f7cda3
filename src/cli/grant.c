/* SPDX-License-Identifier: Apache-2.0 */
/* What stands: yeses that a person wanted remembered. */
#include <string.h>

#include "cli/cli.h"

static int
list(struct cli *c)
{
	const struct json *tree;
	struct err e = { 0 };

	if (cli_get(c, &tree, &e, "/api/grants")) {
		return cli_fail(&e);
	}
	JSON_EACH(g, json_get(tree, "grants"))
	{
		printf(
		    "%s  %s by %s, until %s\n    %s\n    given by %s, asked by "
		    "%s\n",
		    cli_paint(c, CLI_BOLD, cli_text(c, g, "id")),
		    cli_text(c, g, "tool"), cli_text(c, g, "identity"),
		    cli_text(c, g, "expires_at"), cli_text(c, g, "hint"),
		    cli_text(c, g, "by"), cli_text(c, g, "gate"));
	}
	return 0;
}

static int
revoke(struct cli *c, const char *id)
{
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST" };

	ask.target = arena_printf(
	    &c->arena, "/api/grants/%s/revoke", cli_encode(c, str_of(id)));
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		printf("%s: revoked\n", id);
	}
	return 0;
}

int
command_grant(struct cli *c, int argc, char **argv)
{
	cli_words(c, &argc, argv);
	if (argc == 1 && strcmp(argv[0], "list") == 0) {
		return list(c);
	}
	if (argc == 2 && strcmp(argv[0], "revoke") == 0) {
		return revoke(c, argv[1]);
	}
	return cli_usage(c, "grant", "wants list, or revoke and an id");
}
