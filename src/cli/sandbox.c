/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox run: one command in a fresh sandbox, its output as it comes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

struct streaming {
	int code;
	bool ended;
};

static int
take_line(void *context, struct str line)
{
	struct streaming *s = context;
	auto_arena a = { 0 };
	auto_buf bytes = { 0 };
	struct json *tree;
	struct err e = { 0 };
	struct str data;
	struct str message;
	int64_t number;

	if (json_parse(&a, line, NULL, &tree, &e)) {
		return -1;
	}
	if (json_i64(tree, "exit", &number)) {
		s->code = (int)number;
		s->ended = true;
		if (json_text(tree, "message", &message)) {
			(void)fprintf(stderr, "handrail: " STR_FMT "\n",
			    STR_ARG(message));
		}
		return 0;
	}
	if (json_text(tree, "data", &data) && base64_decode(&bytes, data) &&
	    json_i64(tree, "stream", &number)) {
		return file_write_all(
		    number == 2 ? STDERR_FILENO : STDOUT_FILENO,
		    buf_str(&bytes), &e);
	}
	return 0;
}

int
command_sandbox(struct cli *c, int argc, char **argv)
{
	const char *identity = cli_option(&argc, argv, "identity");
	struct streaming s = { .code = 1 };
	auto_buf body = { 0 };
	struct json_out o;
	struct cli_answer answer = { 0 };
	struct err e = { 0 };
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	int ours =
	    argc > 1 && first == 1 ? 2 : 0; /* the rest is the command's */

	if (argc == 0 || strcmp(argv[0], "run") != 0) {
		return cli_usage(c, "sandbox", NULL);
	}
	cli_words(c, &ours, argv);
	if (argc <= first || !identity) {
		return cli_usage(c, "sandbox", NULL);
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "identity", identity);
	json_out_array(&o, "argv");
	for (int i = first; i < argc; i++) {
		json_out_z(&o, NULL, argv[i]);
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	struct cli_ask ask = {
		.method = "POST",
		.target = STR("/api/sandbox"),
		.body = buf_str(&body),
		.line = take_line,
		.context = &s,
	};

	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	return s.code;
}
