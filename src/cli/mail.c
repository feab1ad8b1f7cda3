/* SPDX-License-Identifier: Apache-2.0 */
/* Letters: send, receive, thread, ack. */
#include <string.h>

#include "cli/cli.h"

/* --- send --- */

struct option {
	const char *name;
	const char *field;
};

static const struct option texts[] = {
	{ "to", "to" },
	{ "subject", "subject" },
	{ "type", "envelope_type" },
	{ "from", "from" },
	{ "thread", "thread_id" },
	{ "reply-to", "reply_to" },
	{ "expires", "expires_at" },
};

static struct json *
options_of(struct cli *c, const char *given)
{
	struct json *list = json_new(&c->arena, JSON_ARRAY);
	struct str rest = str_of(given);
	struct str one;

	while (rest.len) {
		(void)str_cut(&rest, ',', &one);
		(void)json_push(list, json_new_str(&c->arena, str_trim(one)));
	}
	return list;
}

static int
make_letter(
    struct cli *c, int *argc, char **argv, struct json **out, struct err *e)
{
	struct arena *a = &c->arena;
	struct json *letter = json_new(a, JSON_OBJECT);
	struct json *payload = NULL;
	const char *given;
	uint64_t priority;

	for (size_t i = 0; i < COUNT(texts); i++) {
		given = cli_option(argc, argv, texts[i].name);
		if (given) {
			(void)json_set_str(
			    a, letter, texts[i].field, str_of(given));
		}
	}
	given = cli_option(argc, argv, "priority");
	if (given && !str_u64(str_of(given), &priority)) {
		return err_set(e, ERR_USAGE, "--priority takes 1 to 5");
	}
	if (given) {
		(void)json_set(
		    a, letter, "priority", json_new_i64(a, (int64_t)priority));
	}
	if (cli_flag(argc, argv, "ack-required")) {
		(void)json_set(
		    a, letter, "ack_required", json_new_bool(a, true));
	}
	given = cli_option(argc, argv, "decision");
	if (given) {
		(void)json_set(
		    a, letter, "requires_decision", json_new_bool(a, true));
		(void)json_set(
		    a, letter, "decision_options", options_of(c, given));
	}
	given = cli_option(argc, argv, "payload");
	if (given && cli_payload(c, given, &payload, e)) {
		return -1;
	}
	if (payload) {
		(void)json_set(a, letter, "payload", payload);
	}
	*out = letter;
	return 0;
}

/* POST; prints the answer, or with --json as it came. */
static int
post(struct cli *c, struct str target, const struct json *body,
    const char *member)
{
	auto_buf text = { 0 };
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .target = target };

	json_write(&text, body);
	ask.body = buf_str(&text);
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		printf("%s\n", cli_text(c, answer.tree, member));
	}
	return 0;
}

static int
send_letter(struct cli *c, int argc, char **argv)
{
	struct json *letter;
	struct err e = { 0 };

	if (make_letter(c, &argc, argv, &letter, &e)) {
		return cli_fail(&e);
	}
	cli_words(c, &argc, argv);
	if (argc || !json_get(letter, "to") || !json_get(letter, "subject")) {
		return cli_usage(c, "mail", "send wants --to and --subject");
	}
	return post(c, STR("/api/mail"), letter, "id");
}

/* --- looking --- */

/* how: those that are not shown can be seen. */
static void
print_letters(struct cli *c, const struct json *tree, const char *how)
{
	bool more = false;

	JSON_EACH(l, json_get(tree, "letters"))
	{
		const struct json *sent = json_get(l, "letter");
		const struct json *options = json_get(sent, "decision_options");
		bool ack = false;
		bool decide = false;
		auto_buf text = { 0 };

		(void)json_bool(l, "ack_required", &ack);
		(void)json_bool(l, "requires_decision", &decide);
		printf("%s  %-9s from %s to %s%s%s\n    %s\n",
		    cli_text(c, l, "id"), cli_text(c, l, "type"),
		    cli_text(c, l, "from"), cli_text(c, l, "to"),
		    ack ? "  wants an ack" : "",
		    decide ? "  wants a decision" : "",
		    cli_plain(c, str_of(cli_text(c, l, "subject"))));
		if (decide && options) {
			json_write(&text, options);
			printf("    one of %s\n", cli_plain(c, buf_str(&text)));
		}
		if (cli_text(c, l, "damaged")[0]) {
			printf("    what was sent cannot be read: %s\n",
			    cli_plain(c, str_of(cli_text(c, l, "damaged"))));
		}
		if (cli_text(c, l, "decision")[0]) {
			printf("    decided: %s\n", cli_text(c, l, "decision"));
		}
	}
	(void)json_bool(tree, "more", &more);
	if (more) {
		(void)fprintf(stderr, "there are more: %s\n", how);
	}
}

static int
receive(struct cli *c, int argc, char **argv)
{
	const struct json *tree;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc > 1) {
		return cli_usage(c, "mail", "recv wants one mailbox, or none");
	}
	if (cli_get(c, &tree, &e, "/api/mail?mailbox=%s",
	        argc ? cli_encode(c, str_of(argv[0])) : "operator")) {
		return cli_fail(&e);
	}
	print_letters(c, tree,
	    "`mail ack ID` takes one of these away and lets the next be seen, "
	    "or `task export DIR` writes all");
	return 0;
}

static int
thread(struct cli *c, int argc, char **argv)
{
	const struct json *tree;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "mail", "thread wants the id of a thread");
	}
	if (cli_get(c, &tree, &e, "/api/threads/%s",
	        cli_encode(c, str_of(argv[0])))) {
		return cli_fail(&e);
	}
	print_letters(c, tree, "`task export DIR` writes all");
	return 0;
}

static int
ack(struct cli *c, int argc, char **argv)
{
	static const struct option members[] = {
		{ "mailbox", "mailbox" },
		{ "note", "note" },
		{ "decide", "decision" },
	};
	struct json *body = json_new(&c->arena, JSON_OBJECT);

	for (size_t i = 0; i < COUNT(members); i++) {
		const char *given = cli_option(&argc, argv, members[i].name);

		if (given) {
			(void)json_set_str(
			    &c->arena, body, members[i].field, str_of(given));
		}
	}
	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "mail", "ack wants the id of a letter");
	}
	return post(c,
	    arena_printf(
	        &c->arena, "/api/mail/%s/ack", cli_encode(c, str_of(argv[0]))),
	    body, "id");
}

int
command_mail(struct cli *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		cli_command_fn *run;
	} verbs[] = {
		{ "send", send_letter },
		{ "recv", receive },
		{ "ack", ack },
		{ "thread", thread },
	};

	for (size_t i = 0; argc && i < COUNT(verbs); i++) {
		if (strcmp(argv[0], verbs[i].name) == 0) {
			return verbs[i].run(c, argc - 1, argv + 1);
		}
	}
	return cli_no_verb(c, argc ? argv[0] : NULL);
}
