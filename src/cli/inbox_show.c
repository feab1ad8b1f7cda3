/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked about, for a person at a terminal: a call's arguments, what a
 * request is.  Its bytes may be hostile: a terminal is told printable ones
 * only.
 */
#include "cli/inbox.h"

/* Of a sandbox or a tool that asks the network; no tool has a colon in its
 * name. */
bool
cli_is_request(const char *tool)
{
	return str_starts(str_of(tool), STR("http:")) ||
	       str_starts(str_of(tool), STR("git:")) ||
	       str_starts(str_of(tool), STR("tcp:"));
}

void
cli_print_lines(struct str text, const char *before)
{
	bool begins = true;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char b = (unsigned char)text.at[i];

		if (begins) {
			printf("%s", before);
		}
		begins = b == '\n';
		if (begins || (b >= 0x20 && b <= 0x7e)) {
			(void)putchar(b);
		} else {
			printf("\\x%02x", b);
		}
	}
	if (!begins) {
		(void)putchar('\n');
	}
}

static void
print_field(const struct json *args, const char *key)
{
	struct str text;

	if (json_text(args, key, &text) && text.len) {
		printf("    %s:\n", key);
		cli_print_lines(text, "      ");
	}
}

static void
print_cut(const struct json *args, const char *key)
{
	bool cut = false;

	if (json_bool(args, key, &cut) && cut) {
		printf("      … and more, which is allowed with it by its "
		       "digest\n");
	}
}

void
cli_print_request(struct cli *c, const struct json *args)
{
	if (!args) {
		printf("    the book has no more of it than its digest\n");
		return;
	}
	print_field(args, "query");
	if (json_get(args, "headers")) {
		printf("    headers:\n");
	}
	JSON_EACH(line, json_get(args, "headers"))
	{
		cli_print_lines(line->text, "      ");
	}
	print_cut(args, "headers_cut");
	if (json_get(args, "own_credentials")) {
		printf("    it brings credentials of its own, which are not "
		       "shown\n");
	}
	if (json_get(args, "body_sha256")) {
		printf("    a body of %lld bytes, SHA-256 %s\n",
		    (long long)cli_number(args, "bytes"),
		    cli_text(c, args, "body_sha256"));
	}
	print_field(args, "body");
	print_cut(args, "body_cut");
	JSON_EACH(ref, json_get(args, "refs"))
	{
		const char *to = cli_text(c, ref, "to");

		cli_print_lines(
		    arena_printf(&c->arena, "%s is to be %s",
		        cli_text(c, ref, "ref"), to[0] ? to : "deleted"),
		    "    ");
	}
}

int
cli_print_asked(struct cli *c, const struct json *w, struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };
	const struct json *args;
	auto_buf text = { 0 };

	ask.target = arena_printf(&c->arena, "/api/waits/%s",
	    cli_encode(c, str_of(cli_text(c, w, "id"))));
	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	args = json_get(answer.tree, "arguments");
	if (cli_is_request(cli_text(c, w, "tool"))) {
		cli_print_request(c, args);
	} else if (args) {
		json_write_pretty(&text, args);
		cli_print_lines(buf_str(&text), "    ");
	}
	return 0;
}
