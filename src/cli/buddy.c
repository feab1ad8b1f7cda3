/* SPDX-License-Identifier: Apache-2.0 */
/* The device on a desk: what it shows, and whose which one is. */
#include <string.h>

#include "cli/buddy.h"

static bool
flag(const struct json *j, const char *key)
{
	bool value = false;

	(void)json_bool(j, key, &value);
	return value;
}

static bool
could_be_anybodys(struct cli *c, const struct json *b)
{
	struct str device = str_of(cli_text(c, b, "device"));

	return str_eq_z(device, "simulator") || str_eq_z(device, "tty");
}

/* Why one that answers decides nothing, and what to do; empty: it decides, or
 * nobody knows. */
static const char *
idle(struct cli *c, const struct json *b)
{
	if (flag(b, "decides") || !flag(b, "alive")) {
		return "";
	}
	if (!cli_text(c, b, "operator")[0]) {
		return ": name it as `buddy` of an operator in handrail.toml";
	}
	return could_be_anybodys(c, b)
	           ? ": one like this does under `handrail up --dev` only"
	           : "";
}

static int
status(struct cli *c)
{
	const struct json *tree;
	const struct json *b;
	struct err e = { 0 };

	if (cli_get(c, &tree, &e, "/api/buddy")) {
		return cli_fail(&e);
	}
	if (!tree) {
		return 0;
	}
	b = json_get(tree, "buddy");
	if (!cli_text(c, b, "device")[0]) {
		printf("no device; the house opens %s again and again\n",
		    flag(tree, "part") ? "its carrier" : "its part");
		return 0;
	}
	printf("device   %s on %s, %s\n", cli_text(c, b, "device"),
	    cli_text(c, b, "carrier"),
	    flag(b, "alive") ? cli_paint(c, CLI_GREEN, "alive")
	                     : cli_paint(c, CLI_RED, "does not answer"));
	printf("operator %s%s%s\n",
	    cli_text(c, b, "operator")[0] ? cli_text(c, b, "operator")
	                                  : "none lists it",
	    flag(b, "decides") ? "" : ", it decides nothing now", idle(c, b));
	if (cli_text(c, b, "says")[0]) {
		printf("says     %s\n", cli_text(c, b, "says"));
	}
	if (cli_text(c, b, "shows")[0]) {
		printf("shows    %s  %s%s\n", cli_text(c, b, "shows"),
		    cli_text(c, b, "hint"),
		    flag(b, "whole") ? "" : "   (cut: a no only)");
	}
	return 0;
}

/* Whose device is whose, as handrail.toml says it. */
static int
list(struct cli *c)
{
	const struct json *tree;
	struct err e = { 0 };

	if (cli_get(c, &tree, &e, "/api/buddy")) {
		return cli_fail(&e);
	}
	JSON_EACH(o, json_get(tree, "operators"))
	{
		const char *device = cli_text(c, o, "device");

		printf("%-16s %s%s\n", cli_text(c, o, "name"),
		    device[0] ? device : "no device",
		    flag(o, "alive") ? ", alive" : "");
	}
	return 0;
}

static const char *
after(int argc, char **argv, const char *word)
{
	return argc == 2 && strcmp(argv[0], word) == 0 ? argv[1] : NULL;
}

static bool
alone(int argc, char **argv, const char *word)
{
	return argc == 1 && strcmp(argv[0], word) == 0;
}

int
command_buddy(struct cli *c, int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "as");

	cli_words(c, &argc, argv);
	if (as ? !after(argc, argv, "push") : false) {
		return cli_usage(c, "buddy", "--as goes with push");
	}
	if (alone(argc, argv, "status")) {
		return status(c);
	}
	if (alone(argc, argv, "list")) {
		return list(c);
	}
	if (alone(argc, argv, "simulate")) {
		return buddy_simulate(c);
	}
	if (alone(argc, argv, "pair") || after(argc, argv, "pair")) {
		return buddy_pair(c, after(argc, argv, "pair"));
	}
	if (alone(argc, argv, "unpair") || after(argc, argv, "unpair")) {
		return buddy_unpair(c, after(argc, argv, "unpair"));
	}
	if (after(argc, argv, "name")) {
		return buddy_name(c, argv[1]);
	}
	if (after(argc, argv, "push")) {
		return buddy_push(c, argv[1], as);
	}
	return cli_usage(c, "buddy",
	    "wants status, list, pair [ADDRESS], unpair [ADDRESS], name NAME, "
	    "push FOLDER [--as NAME] or simulate");
}
