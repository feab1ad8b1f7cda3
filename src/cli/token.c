/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of workers.  The token is made here; the house hears its digest. */
#include <string.h>

#include "cli/cli.h"
#include "digest/digest.h"

#define TOKEN_BYTES 32

static void
make_token(struct buf *token)
{
	uint8_t bytes[TOKEN_BYTES];

	random_bytes(bytes, sizeof(bytes));
	buf_add_z(token, "hrwk_");
	base64url_add(token, str_span(bytes, sizeof(bytes)));
	wipe(bytes, sizeof(bytes));
}

static void
write_body(struct buf *out, const char *name, struct str queues, struct str hex)
{
	struct json_out o;
	struct str one;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_z(&o, "name", name);
	json_out_array(&o, "queues");
	while (queues.len > 0) {
		(void)str_cut(&queues, ',', &one);
		json_out_str(&o, NULL, str_trim(one));
	}
	json_out_end(&o, ']');
	json_out_str(&o, "digest", hex);
	json_out_end(&o, '}');
}

static int
create(struct cli *c, int argc, char **argv)
{
	const char *queues = cli_option(&argc, argv, "queue");
	auto_buf token = { 0 };
	auto_buf body = { 0 };
	char hex[DIGEST_TEXT];
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .target = STR("/api/tokens") };
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1 || !queues) {
		return cli_usage(
		    c, "token", "create wants a name and --queue Q[,Q…]");
	}
	make_token(&token);
	digest_text(digest_of(buf_str(&token)), hex);
	write_body(&body, argv[0], str_of(queues), str_of(hex));
	ask.body = buf_str(&body);
	if (cli_send(c, &ask, &answer, &e)) {
		wipe(token.at, token.len);
		return cli_fail(&e);
	}
	if (c->json) {
		printf("{\"name\":\"%s\",\"token\":\"" STR_FMT "\"}\n", argv[0],
		    STR_ARG(buf_str(&token)));
	} else {
		printf(STR_FMT "\n", STR_ARG(buf_str(&token)));
	}
	wipe(token.at, token.len);
	return 0;
}

static int
list(struct cli *c)
{
	const struct json *tree;
	struct err e = { 0 };

	if (cli_get(c, &tree, &e, "/api/tokens")) {
		return cli_fail(&e);
	}
	JSON_EACH(t, json_get(tree, "tokens"))
	{
		bool revoked = false;

		(void)json_bool(t, "revoked", &revoked);
		printf("%-20s %s by %s, %s:", cli_text(c, t, "name"),
		    cli_text(c, t, "at"), cli_text(c, t, "by"),
		    revoked ? "revoked" : "in force");
		JSON_EACH(queue, json_get(t, "queues"))
		{
			printf(" " STR_FMT, STR_ARG(queue->text));
		}
		printf("\n");
	}
	return 0;
}

static int
revoke(struct cli *c, const char *name)
{
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST" };

	ask.target = arena_printf(
	    &c->arena, "/api/tokens/%s/revoke", cli_encode(c, str_of(name)));
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		printf("%s: revoked\n", name);
	}
	return 0;
}

int
command_token(struct cli *c, int argc, char **argv)
{
	if (argc >= 1 && strcmp(argv[0], "create") == 0) {
		return create(c, argc - 1, argv + 1);
	}
	cli_words(c, &argc, argv);
	if (argc == 1 && strcmp(argv[0], "list") == 0) {
		return list(c);
	}
	if (argc == 2 && strcmp(argv[0], "revoke") == 0) {
		return revoke(c, argv[1]);
	}
	return cli_usage(
	    c, "token", "wants create, list, or revoke and a name");
}
