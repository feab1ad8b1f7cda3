/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

const struct cli_command cli_commands[] = {
#define COMMAND(name, function, usage, what) { name, function, usage, what },
#include "cli/commands.def"
#undef COMMAND
};
const size_t cli_command_count = COUNT(cli_commands);

/* `help` or `--help`: what is asked of no command. */
static bool
is_word(const char *given, const char *word)
{
	return strcmp(given, word) == 0 ||
	       (strncmp(given, "--", 2) == 0 && strcmp(given + 2, word) == 0);
}

static const struct cli_command *
command_named(const char *name)
{
	for (size_t i = 0; i < cli_command_count; i++) {
		if (strcmp(name, cli_commands[i].name) == 0) {
			return &cli_commands[i];
		}
	}
	return NULL;
}

static int
no_command(const char *word)
{
	const char *nearest = cli_nearest(word);

	(void)fprintf(
	    stderr, "handrail: no command %.*s", (int)strcspn(word, "="), word);
	if (nearest) {
		(void)fprintf(stderr,
		    ": is it %s? `handrail help` names them all\n", nearest);
		return 2;
	}
	(void)fputs("\n\n", stderr);
	return cli_help(stderr);
}

/* `help`, or `help COMMAND`. */
static int
help(struct cli *c, int argc, char **argv)
{
	c->command = "help";
	(void)cli_option(&argc, argv, "state");
	(void)cli_option(&argc, argv, "config");
	(void)cli_flag(&argc, argv, "json");
	(void)cli_flag(&argc, argv, "help");
	cli_words(c, &argc, argv);
	if (argc > 1) {
		cli_wrong("help wants one command, or none");
	}
	const struct cli_command *command =
	    argc ? command_named(argv[0]) : NULL;

	return !argc     ? cli_help(stdout)
	       : command ? cli_help_command(command)
	                 : no_command(argv[0]);
}

/* A first word that is no command. */
static int
without_command(struct cli *c, int argc, char **argv)
{
	if (is_word(argv[0], "version")) {
		printf("handrail %s\n", HANDRAIL_VERSION);
		return 0;
	}
	return is_word(argv[0], "help") || strcmp(argv[0], "-h") == 0
	           ? help(c, argc - 1, argv + 1)
	           : no_command(argv[0]);
}

/* Where the command stands: behind options that every command has. */
static int
find_command(int argc, char **argv)
{
	int at = 1;

	while (at < argc) {
		const char *word = argv[at];
		bool valued = strcmp(word, "--state") == 0 ||
		              strcmp(word, "--config") == 0;

		if (!valued && strcmp(word, "--json") != 0 &&
		    strncmp(word, "--state=", 8) != 0 &&
		    strncmp(word, "--config=", 9) != 0) {
			break;
		}
		at += valued ? 2 : 1;
	}
	return at;
}

/* What stood before it stands behind it then. */
static void
put_first(char **argv, int at)
{
	char *word = argv[at];

	memmove(&argv[2], &argv[1], (size_t)(at - 1) * sizeof(*argv));
	argv[1] = word;
}

static void
find_config(struct cli *c)
{
	const char *home = getenv("HOME");
	const char *places[] = {
		"handrail.toml",
		arena_printf(&c->arena, "%s/.config/handrail/handrail.toml",
		    home ? home : "")
		    .at,
		"/etc/handrail/handrail.toml",
	};

	for (size_t i = 0; !c->config && i < COUNT(places); i++) {
		if (access(places[i], F_OK) == 0) {
			c->config = places[i];
		}
	}
}

static void
find_state(struct cli *c)
{
	const char *home = getenv("HOME");
	struct config config = { 0 };
	struct err e = { 0 };

	c->state_given = c->state != NULL;
	if (!c->state && c->config && cli_config(c, &config, &e)) {
		c->no_state = e;
		(void)err_wrap(&c->no_state,
		    "which house is meant (the configuration says it, or "
		    "--state)");
	}
	if (!c->state && config.state.len) {
		c->state = arena_z(&c->arena, config.state);
	}
	if (!c->state) {
		c->state = geteuid() == 0 || !home
		               ? "/var/lib/handrail"
		               : arena_printf(&c->arena,
		                     "%s/.local/state/handrail", home)
		                     .at;
	}
	c->state = cli_absolute(c, c->state);
}

/* Where one of the three is closed, the next file or socket that is opened
 * would be taken for it, and told what is said to people. */
static void
have_streams(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO) {
		fd = open("/dev/null", O_RDWR);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
}

/* An answer that is cut is not taken for a whole one. */
static int
all_said(int code)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) == 0 && !failed) {
		return code;
	}
	(void)fprintf(stderr,
	    "handrail: standard output did not take all of the answer%s%s: "
	    "what was asked is done, what stands there is cut\n",
	    errno ? ": " : "",
	    errno ? strerror(errno) : ""); /* NOLINT(concurrency-mt-unsafe) */
	return code ? code : 1;
}

static int
run(int argc, char **argv)
{
	static struct cli c;
	const struct cli_command *command;

	c.program = argv[0];
	c.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	must_set_part("handrail");
	int at = find_command(argc, argv);

	if (at >= argc) {
		return cli_help(stderr);
	}
	put_first(argv, at);
	command = command_named(argv[1]);
	if (!command) {
		return without_command(&c, argc - 1, argv + 1);
	}
	c.command = command->name;
	argc -= 2;
	argv += 2;
	if (cli_flag(&argc, argv, "help") || cli_flag(&argc, argv, "h")) {
		return cli_help_command(command);
	}
	c.state = cli_option(&argc, argv, "state");
	c.config = cli_option(&argc, argv, "config");
	c.json = cli_flag(&argc, argv, "json");
	find_config(&c);
	find_state(&c);
	return command->run(&c, argc, argv);
}

int
main(int argc, char **argv)
{
	have_streams();
	return all_said(run(argc, argv));
}
