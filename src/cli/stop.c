/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping a task, a role or everything, and letting it go on. */
#include <string.h>

#include "cli/cli.h"

struct scope {
	const char *role;
	bool all;
	const char *task;
	const char *reason;
};

static bool
take(struct cli *c, struct scope *s, int argc, char **argv)
{
	s->role = cli_option(&argc, argv, "role");
	s->reason = cli_option(&argc, argv, "reason");
	s->all = cli_flag(&argc, argv, "all");
	cli_words(c, &argc, argv);
	s->task = argc == 1 ? argv[0] : NULL;
	return argc <= 1 && (s->role != NULL) + s->all + argc == 1;
}

static int
say(struct cli *c, const struct scope *s, const char *target,
    struct cli_answer *answer)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct err e = { 0 };
	struct cli_ask ask = { .method = "POST", .target = str_of(target) };

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	if (s->task) {
		json_out_z(&o, "task", s->task);
	}
	if (s->role) {
		json_out_z(&o, "role", s->role);
	}
	if (s->all) {
		json_out_bool(&o, "all", true);
	}
	if (s->reason) {
		json_out_z(&o, "reason", s->reason);
	}
	json_out_end(&o, '}');
	ask.body = buf_str(&body);
	return cli_send(c, &ask, answer, &e) ? cli_fail(&e) : 0;
}

static int
change(struct cli *c, int argc, char **argv, bool stop)
{
	struct scope s = { 0 };
	struct cli_answer answer = { 0 };
	const char *word = stop ? "stop" : "resume";
	int code;

	if (!take(c, &s, argc, argv)) {
		return cli_usage(
		    c, word, "wants one of TASK, --role R and --all");
	}
	code = say(c, &s, stop ? "/api/stop" : "/api/resume", &answer);
	if (code) {
		return code;
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
		return 0;
	}
	printf("%s: %s, %lld %s\n", cli_text(c, answer.tree, "scope"),
	    stop ? "stopped" : "goes on",
	    (long long)cli_number(answer.tree, stop ? "ended" : "resumed"),
	    stop ? "runs ended" : "tasks can be claimed again");
	return 0;
}

int
command_stop(struct cli *c, int argc, char **argv)
{
	return change(c, argc, argv, true);
}

int
command_resume(struct cli *c, int argc, char **argv)
{
	return change(c, argc, argv, false);
}

void
cli_print_stops(struct cli *c, const struct json *tree)
{
	JSON_EACH(s, json_get(tree, "stopped"))
	{
		const char *reason = cli_text(c, s, "reason");

		printf("%s %s by %s, %s%s%s\n",
		    cli_paint(c, CLI_YELLOW, "stopped"),
		    cli_text(c, s, "scope"), cli_text(c, s, "by"),
		    cli_text(c, s, "at"), reason[0] ? ": " : "", reason);
	}
}
