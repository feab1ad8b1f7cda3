/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `receipt TASK`: fetched from the house, checked here, written to a file.
 * `audit verify --receipt F`: checked on any machine, with no house.
 */
#include <string.h>

#include "cli/proof.h"

/* The line itself, or the first of the file after '@'. */
static int
key_line(struct cli *c, const char *given, struct str *line, struct err *e)
{
	auto_buf text = { 0 };

	*line = str_of(given);
	if (given[0] == '@') {
		if (file_read_given(given + 1, BOOK_NOTE_MAX, &text, e)) {
			return -1;
		}
		struct str rest = arena_str(&c->arena, buf_str(&text));

		(void)str_cut(&rest, '\n', line);
	}
	return 0;
}

int
cli_signer(
    struct cli *c, const char *given, struct book_signer *out, struct err *e)
{
	struct str line;

	return key_line(c, given, &line, e) || book_signer_parse(line, out, e)
	           ? -1
	           : 0;
}

int
cli_witness(
    struct cli *c, const char *given, struct book_signer *out, struct err *e)
{
	struct str line;

	return key_line(c, given, &line, e) || book_witness_parse(line, out, e)
	           ? -1
	           : 0;
}

static void
tell(struct cli *c, const struct receipt_facts *facts, bool compared)
{
	char first[WALL_TEXT_MAX];
	char last[WALL_TEXT_MAX];

	wall_text(facts->first, first);
	wall_text(facts->last, last);
	printf("%s  task " STR_FMT ": %zu events, %s to %s, %zu texts, %zu "
	       "bodies not in it\n  in the tree of %llu events signed by %s\n",
	    cli_paint(c, CLI_GREEN, "receipt ok"), STR_ARG(facts->task),
	    facts->events, first, last, facts->texts, facts->without,
	    (unsigned long long)facts->root.size, cli_plain(c, facts->signer));
	if (!compared) {
		printf("  the signer is the one that the receipt itself names: "
		       "compare it\n  with the one that `handrail audit "
		       "checkpoint` names in that house, or give that\n  as "
		       "--signer\n");
	}
}

static void
tell_json(const struct receipt_facts *facts, bool compared)
{
	auto_buf line = { 0 };
	struct json_out o;

	json_out_init(&o, &line);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", true);
	json_out_str(&o, "task", facts->task);
	json_out_i64(&o, "events", (int64_t)facts->events);
	json_out_i64(&o, "texts", (int64_t)facts->texts);
	json_out_i64(&o, "without", (int64_t)facts->without);
	json_out_i64(&o, "size", (int64_t)facts->root.size);
	json_out_str(&o, "signer", facts->signer);
	json_out_bool(&o, "signer_compared", compared);
	json_out_end(&o, '}');
	printf("%s\n", buf_z(&line));
}

int
cli_verify_receipt(struct cli *c, const char *file, const char *given)
{
	struct receipt_facts facts;
	struct book_signer signer;
	auto_buf text = { 0 };
	struct err e = { 0 };

	if ((given && cli_signer(c, given, &signer, &e)) ||
	    file_read_given(file, CLI_RECEIPT_MAX, &text, &e)) {
		return cli_fail(&e);
	}
	if (cli_check_receipt(&c->arena, buf_str(&text), given ? &signer : NULL,
	        &facts, &e)) {
		(void)err_wrap(&e, "%s", file);
		return cli_fail(&e);
	}
	if (c->json) {
		tell_json(&facts, given != NULL);
	} else {
		tell(c, &facts, given != NULL);
	}
	return 0;
}

int
command_receipt(struct cli *c, int argc, char **argv)
{
	const char *file = cli_option(&argc, argv, "o");
	const char *output = cli_option(&argc, argv, "output");
	struct receipt_facts facts;
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .body = STR("{}") };
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	file = file ? file : output;
	if (argc != 1) {
		return cli_usage(c, "receipt", "wants the id of a task");
	}
	if (file && cli_new_file("receipt", file, &e)) {
		return cli_fail(&e);
	}
	ask.target = arena_printf(
	    &c->arena, "/api/tasks/%s/receipt", cli_encode(c, str_of(argv[0])));
	if (cli_send(c, &ask, &answer, &e) ||
	    cli_check_receipt(
	        &c->arena, buf_str(&answer.body), NULL, &facts, &e)) {
		return cli_fail(&e);
	}
	if (!file) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
		return 0;
	}
	buf_add_byte(&answer.body, '\n');
	if (file_write_atomic(file, buf_str(&answer.body), 0600, &e)) {
		return cli_fail(&e);
	}
	if (!c->json) {
		tell(c, &facts, false);
	} else {
		tell_json(&facts, false);
	}
	return 0;
}
