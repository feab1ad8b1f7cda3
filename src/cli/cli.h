/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/*
 * The command line: one file a command, one table of commands.  A command
 * asks the house over its local socket (HTTP; the socket knows the uid, the
 * operator's token is read from <state>/operators), prints for a person or,
 * with --json, the answer as it came.  Exit codes: design §5.
 */

#include <stdio.h>

#include "base/base.h"
#include "roles/roles.h"
#include "json/json.h"

struct cli {
	struct arena arena;
	const char *program; /* argv[0] */
	const char *command; /* its name */
	const char *state;   /* --state, the configuration's, or the default */
	const char *config;  /* path of handrail.toml; NULL: none found */
	bool state_given;
	struct err no_state; /* for cli_knows_state */
	bool json;
	bool color;
};

typedef int cli_command_fn(struct cli *c, int argc, char **argv);

struct cli_command {
	const char *name;
	cli_command_fn *run;
	const char *usage; /* what follows the name */
	const char *what;  /* one line */
};
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

cli_command_fn cli_task_import; /* verbs of `task` with a file of their own */
cli_command_fn cli_task_export;

#define COMMAND(name, function, usage, what) cli_command_fn function;
#include "cli/commands.def"
#undef COMMAND

/* --- help.c --- */
/* All commands; the exit code, 2 on stderr. */
int cli_help(FILE *to);
/* The forms of one, each on its line. */
int cli_help_command(const struct cli_command *command);
/* The command of two letters away at most, or NULL. */
const char *cli_nearest(const char *word);

/* --- options: taken out of argv, wherever they stand before "--" --- */
/* The value of `--name VALUE` or `--name=VALUE`, of one letter `-n VALUE`; NULL
 * when absent.  Without
 * its value the program ends here, with 2: no other words of the line are then
 * what they seem. */
const char *cli_option(int *argc, char **argv, const char *name);
/* Was it given?  With a value the program ends here, with 2. */
bool cli_flag(int *argc, char **argv, const char *name);
/* One option is wrong: says so and ends the program with 2. */
_Noreturn void cli_wrong(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* What is left are words: an option among them is none of this command's, and
 * ends the program with 2.  "-" is a word, and "--", which goes, says that what
 * follows are words. */
void cli_words(const struct cli *c, int *argc, char **argv);
/* A wrong command line: says it with the command's usage, gives 2. */
int cli_usage(const struct cli *c, const char *command, const char *problem);
/* The same of a command whose first word is none of its verbs, or NULL. */
int cli_no_verb(struct cli *c, const char *word);
/* Says the error on stderr, gives its exit code. */
int cli_fail(const struct err *e);

/* --- asking the house --- */
struct cli_answer {
	unsigned status;
	struct buf body;
	struct json *tree; /* NULL when it is no JSON */
};
/* Each line of a streamed answer; -1 ends it. */
typedef int cli_line_fn(void *context, struct str line);
struct cli_ask {
	const char *method;
	struct str target;
	struct str body;
	cli_line_fn *line; /* streamed lines; NULL: the whole body */
	void *context;
};
/* ERR_UNAVAILABLE: no house there.  An answer that is an error is an err. */
int cli_send(struct cli *c, const struct cli_ask *ask,
    struct cli_answer *answer, struct err *e) MUST_CHECK;
/* GET target; printed as it came with --json (then *tree is NULL and the
 * command is done), else the tree. */
int cli_get(struct cli *c, const struct json **tree, struct err *e,
    const char *format, ...) MUST_CHECK __attribute__((format(printf, 4, 5)));
/* Percent-encodes for a query. */
const char *cli_encode(struct cli *c, struct str text);
/* Text of a member, or ""; for a terminal, as cli_plain, its lines as they are.
 */
const char *cli_text(struct cli *c, const struct json *j, const char *key);
int64_t cli_number(const struct json *j, const char *key);

/* --- printing --- */
#define CLI_RED    "31"
#define CLI_GREEN  "32"
#define CLI_YELLOW "33"
#define CLI_BLUE   "34"
#define CLI_GREY   "90"
#define CLI_BOLD   "1"
/* The text with this colour on a terminal, plain elsewhere. */
const char *cli_paint(struct cli *c, const char *color, const char *text);
/* For a terminal.  What an agent, a worker or another house wrote may be
 * hostile: no control character of it gets there, those of C1 as little, which
 * UTF-8 has in two bytes.  A new line is indented. */
const char *cli_plain(struct cli *c, struct str text);
/* One event of the book as one line; nothing for kinds nobody watches. */
void cli_print_event(struct cli *c, const struct json *event, int64_t begun_us);
/* stop.c: what is stopped, of a status or of a task. */
void cli_print_stops(struct cli *c, const struct json *tree);
/* The result of a task, or its failure and what may be done then. */
void cli_print_end(struct cli *c, const struct json *task);
/* Follows a task until it has an outcome; its exit code.  After `seconds` (0:
 * never) it gives up: 6 if a person must decide, else 1. */
int cli_watch(struct cli *c, const char *task, uint64_t seconds);
/* The value of --timeout SECONDS, 0 without. */
uint64_t cli_timeout(int *argc, char **argv);

/* The object that --payload JSON or @FILE gives. */
int cli_payload(struct cli *c, const char *given, struct json **out,
    struct err *e) MUST_CHECK;

/* --- files --- */
/* The *.jsonl of a folder, sorted; a folder that is not there has none. */
struct cli_files {
	const char **at;
	size_t count;
};
int cli_jsonl(struct cli *c, const char *folder, struct cli_files *out,
    struct err *e) MUST_CHECK;
/* The last part of a path, without .jsonl. */
const char *cli_stem(struct cli *c, const char *path);
/* backup.c: `audit verify --file`; does not come back.  Size and root of a
 * checkpoint kept elsewhere, or NULL; a signer's line, or NULL; is every
 * decision made again. */
int cli_verify_file(struct cli *c, const char *file, const char *size,
    const char *root, const char *signer, bool decisions);
/* A sealed file with the URL, as the number of its descriptor; NULL and e. */
const char *cli_store_fd(struct cli *c, const char *url, struct err *e);
/* libexec/handrail beside this program, or of the build tree. */
const char *cli_libexec(struct cli *c);
/* The configuration, parsed; e when there is none. */
int cli_config(struct cli *c, struct config *out, struct err *e) MUST_CHECK;
/* Before anything is done to a state folder.  -1 and e: the configuration that
 * names it cannot be read, and the default may be another house's. */
int cli_knows_state(const struct cli *c, struct err *e) MUST_CHECK;
/* What a command is to write into: ERR_CONFLICT where something is. */
int cli_new_file(
    const char *command, const char *path, struct err *e) MUST_CHECK;
/* An absolute form of a path, for a part with another working directory. */
const char *cli_absolute(struct cli *c, const char *path);

#endif
