/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static void
take_out(int *argc, char **argv, int at, int count)
{
	for (int i = at; i + count < *argc; i++) {
		argv[i] = argv[i + count];
	}
	*argc -= count;
}

/* Index of the option, or -1; nothing behind "--" is one. */
static int
find(int argc, char **argv, const char *name)
{
	size_t len = strlen(name);
	size_t dashes = len == 1 ? 1 : 2;

	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--", dashes) == 0 &&
		    strncmp(argv[i] + dashes, name, len) == 0 &&
		    (argv[i][dashes + len] == '\0' ||
		        argv[i][dashes + len] == '=')) {
			return i;
		}
	}
	return -1;
}

_Noreturn void
cli_wrong(const char *format, ...)
{
	va_list args;

	(void)fputs("handrail: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(2);
}

const char *
cli_option(int *argc, char **argv, const char *name)
{
	int at = find(*argc, argv, name);
	const char *value;

	if (at < 0) {
		return NULL;
	}
	value = strchr(argv[at], '=');
	if (value) {
		take_out(argc, argv, at, 1);
		return value + 1;
	}
	if (at + 1 >= *argc) {
		cli_wrong("%s wants a value", argv[at]);
	}
	value = argv[at + 1];
	take_out(argc, argv, at, 2);
	return value;
}

bool
cli_flag(int *argc, char **argv, const char *name)
{
	int at = find(*argc, argv, name);

	if (at < 0) {
		return false;
	}
	if (strchr(argv[at], '=')) {
		cli_wrong("--%s takes no value", name);
	}
	take_out(argc, argv, at, 1);
	return true;
}

void
cli_words(const struct cli *c, int *argc, char **argv)
{
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			take_out(argc, argv, i, 1);
			return;
		}
		if (argv[i][0] == '-' && argv[i][1]) {
			/* Not its value: somebody may think that a secret
			 * goes there. */
			cli_wrong("there is no option %.*s here, or not twice: "
			          "`handrail %s --help` says which there are "
			          "(a word that begins with - goes after --)",
			    (int)strcspn(argv[i], "="), argv[i], c->command);
		}
	}
}

int
cli_usage(const struct cli *c, const char *command, const char *problem)
{
	(void)c;
	if (problem) {
		(void)fprintf(stderr, "handrail %s: %s\n", command, problem);
	}
	for (size_t i = 0; i < cli_command_count; i++) {
		if (strcmp(cli_commands[i].name, command) == 0) {
			(void)fprintf(stderr, "usage: handrail %s%s%s\n",
			    command, cli_commands[i].usage[0] ? " " : "",
			    cli_commands[i].usage);
		}
	}
	return 2;
}

int
cli_no_verb(struct cli *c, const char *word)
{
	return cli_usage(c, c->command,
	    word
	        ? arena_printf(&c->arena, "no verb %s, or not with these words",
	              err_quote(str_of(word)))
	              .at
	        : "wants a verb");
}

int
cli_fail(const struct err *e)
{
	(void)fprintf(stderr, "handrail: %s\n", e->text);
	return err_exit(e->kind);
}

const char *
cli_paint(struct cli *c, const char *color, const char *text)
{
	return c->color
	           ? arena_printf(&c->arena, "\033[%sm%s\033[0m", color, text)
	                 .at
	           : text;
}

static const char *
tamed(struct cli *c, struct str text, const char *new_line)
{
	auto_buf out = { 0 };

	for (size_t i = 0; i < text.len; i++) {
		unsigned char b = (unsigned char)text.at[i];
		bool c1 = b == 0xc2 && i + 1 < text.len &&
		          (unsigned char)text.at[i + 1] < 0xa0;

		if (b == '\n') {
			buf_add_z(&out, new_line);
		} else if (c1 || b < 0x20 || b == 0x7f) {
			b = c1 ? (unsigned char)text.at[++i] : b;
			buf_addf(&out, "\\x%02x", b);
		} else {
			buf_add_byte(&out, b);
		}
	}
	return arena_z(&c->arena, buf_str(&out));
}

const char *
cli_plain(struct cli *c, struct str text)
{
	return tamed(c, text, "\n        ");
}

const char *
cli_text(struct cli *c, const struct json *j, const char *key)
{
	struct str s = STR("");

	(void)json_text(j, key, &s);
	return tamed(c, s, "\n");
}

const char *
cli_absolute(struct cli *c, const char *path)
{
	char here[PATH_MAX];

	if (path[0] == '/' || !getcwd(here, sizeof(here))) {
		return path;
	}
	return arena_printf(&c->arena, "%s/%s", here, path).at;
}

int
cli_new_file(const char *command, const char *path, struct err *e)
{
	return access(path, F_OK)
	           ? 0
	           : err_set(e, ERR_CONFLICT,
	                 "%s is there already, and %s writes over nothing: "
	                 "move it away, or name another",
	                 path, command);
}

int
cli_config(struct cli *c, struct config *out, struct err *e)
{
	if (!c->config) {
		return err_set(e, ERR_INPUT,
		    "there is no handrail.toml here, in ~/.config/handrail or "
		    "in /etc/handrail: run `handrail init` first, or name one "
		    "with --config");
	}
	return roles_load_config(&c->arena, c->config, out, e);
}

int
cli_knows_state(const struct cli *c, struct err *e)
{
	if (c->no_state.kind == ERR_NONE) {
		return 0;
	}
	*e = c->no_state;
	return -1;
}

const char *
cli_libexec(struct cli *c)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *places[] = { "../libexec/handrail", "../parts" };
	char *slash;

	if (n <= 0) {
		return HANDRAIL_LIBEXEC;
	}
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
	}
	for (size_t i = 0; i < COUNT(places); i++) {
		struct str folder =
		    arena_printf(&c->arena, "%s/%s", self, places[i]);
		struct str part =
		    arena_printf(&c->arena, "%s/supervisor", folder.at);

		if (access(part.at, X_OK) == 0) {
			return folder.at;
		}
	}
	return HANDRAIL_LIBEXEC;
}
