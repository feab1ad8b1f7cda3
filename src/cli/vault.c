/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and vaults.  Values go in (vault_value.c) and never come out: no
 * command prints one.
 */
#include "cli/vault.h"

#include <string.h>

/* --- what is sent --- */

/* An option of the command line and the member of the request it becomes. */
static const struct {
	const char *option;
	const char *member;
} said[] = {
	{ "vault", "vault" },
	{ "kind", "kind" },
	{ "url", "mcp_server_url" },
	{ "token-endpoint", "token_endpoint" },
	{ "client-id", "client_id" },
	{ "scope", "scope" },
	{ "resource", "resource" },
	{ "grant", "grant" },
	{ "issuer", "issuer" },
	{ "authorization-endpoint", "authorization_endpoint" },
	{ "device-endpoint", "device_authorization_endpoint" },
	{ "token-auth", "token_endpoint_auth" },
	{ "lifetime", "lifetime" },
	{ "header", "header" },
	{ "variable", "variable" },
	{ "username", "username" },
	{ "display-name", "display_name" },
};

static int
take_value(int *argc, char **argv, struct vault_value *value, struct err *e)
{
	const char *expires = cli_option(argc, argv, "expires");
	struct wall at = { 0 };

	value->file = cli_option(argc, argv, "file");
	value->refresh = cli_option(argc, argv, "refresh-token-file");
	value->client = cli_option(argc, argv, "client-secret-file");
	if (expires && !wall_parse(str_of(expires), &at)) {
		return err_set(e, ERR_INPUT,
		    "--expires %s: expected a time as 2026-12-24T18:00:00Z",
		    expires);
	}
	value->expires = at.us / CLOCK_SECOND;
	value->tokens |= value->refresh || value->client || expires;
	return 0;
}

static int
send(struct cli *c, struct str target, struct str body,
    const struct json **tree, struct err *e)
{
	struct cli_ask ask = {
		.method = "POST",
		.target = target,
		.body = body.len ? body : STR("{}"),
	};
	struct cli_answer answer = { 0 };

	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	*tree = answer.tree;
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
		*tree = NULL;
	}
	return 0;
}

static struct str
credential_path(struct cli *c, const char *name, const char *verb)
{
	return arena_printf(&c->arena, "/api/vault/credentials/%s%s",
	    cli_encode(c, str_of(name)), verb);
}

/* --- put and rotate --- */

/* Whoever rotates a value that leaked must hear that it was the old one. */
static void
say_version(const char *name, int64_t before, int64_t version)
{
	printf("%s: version %lld%s\n", name, (long long)version,
	    version == before ? ", as before: it is the same value again, and "
	                        "nothing was rotated"
	                      : "");
}

/* `before` is its version until now, 0 of a new one. */
static int
send_value(struct cli *c, struct str target, struct json *body,
    const struct vault_value *value, int64_t before)
{
	auto_buf box = { 0 };
	auto_buf text = { 0 };
	const struct json *tree;
	struct err e = { 0 };

	if (vault_box(c, value, &box, &e)) {
		return cli_fail(&e);
	}
	(void)json_set_str(&c->arena, body, "box", buf_str(&box));
	json_write(&text, body);
	if (send(c, target, buf_str(&text), &tree, &e)) {
		return cli_fail(&e);
	}
	if (tree) {
		say_version(cli_text(c, tree, "name"), before,
		    cli_number(tree, "version"));
	}
	return 0;
}

void
vault_said(struct cli *c, int *argc, char **argv, struct json *body)
{
	auto_buf hosts = { 0 };
	const char *host;

	while ((host = cli_option(argc, argv, "host"))) {
		buf_addf(&hosts, "%s%s", hosts.len ? " " : "", host);
	}
	if (hosts.len) {
		(void)json_set_str(&c->arena, body, "hosts", buf_str(&hosts));
	}
	for (size_t i = 0; i < COUNT(said); i++) {
		const char *text = cli_option(argc, argv, said[i].option);

		if (text) {
			(void)json_set_str(
			    &c->arena, body, said[i].member, str_of(text));
		}
	}
}

static int
put(struct cli *c, int argc, char **argv)
{
	struct json *body = json_new(&c->arena, JSON_OBJECT);
	struct vault_value value = { 0 };
	struct err e = { 0 };

	vault_said(c, &argc, argv, body);
	value.tokens = strstr(cli_text(c, body, "kind"), "oauth") != NULL;
	if (take_value(&argc, argv, &value, &e)) {
		return cli_fail(&e);
	}
	cli_words(c, &argc, argv);
	if (argc != 1 ||
	    (!json_get(body, "hosts") && !json_get(body, "mcp_server_url"))) {
		return cli_usage(c, "vault",
		    "put wants a NAME and at least one --host NAME[:PORT], or "
		    "--url");
	}
	(void)json_set_str(&c->arena, body, "name", str_of(argv[0]));
	return send_value(c, STR("/api/vault/credentials"), body, &value, 0);
}

static int
look_at(struct cli *c, const char *name, struct vault_value *value,
    int64_t *version, struct err *e)
{
	struct cli_ask ask = {
		.method = "GET",
		.target = credential_path(c, name, ""),
	};
	struct cli_answer answer = { 0 };

	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	value->tokens |=
	    strstr(cli_text(c, answer.tree, "kind"), "oauth") != NULL;
	*version = cli_number(answer.tree, "version");
	return 0;
}

static int
rotate(struct cli *c, int argc, char **argv)
{
	struct json *body = json_new(&c->arena, JSON_OBJECT);
	const char *label = cli_option(&argc, argv, "display-name");
	struct vault_value value = { 0 };
	int64_t before = 0;
	struct err e = { 0 };

	if (take_value(&argc, argv, &value, &e)) {
		return cli_fail(&e);
	}
	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "vault", "rotate wants a NAME");
	}
	if (label) {
		(void)json_set_str(
		    &c->arena, body, "display_name", str_of(label));
	}
	if (look_at(c, argv[0], &value, &before, &e)) {
		return cli_fail(&e);
	}
	return send_value(
	    c, credential_path(c, argv[0], "/rotate"), body, &value, before);
}

/* --- the end of one --- */

/* `archive NAME`, `delete NAME`, or the same of a whole vault. */
static int
end_of(struct cli *c, int argc, char **argv, const char *verb, const char *done)
{
	const char *vault = cli_option(&argc, argv, "vault");
	const struct json *tree;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != (vault ? 0 : 1)) {
		return cli_usage(
		    c, "vault", "archive and delete want a NAME or --vault V");
	}
	if (send(c,
	        vault ? arena_printf(&c->arena, "/api/vaults/%s/%s",
	                    cli_encode(c, str_of(vault)), verb)
	              : credential_path(c, argv[0],
	                    arena_printf(&c->arena, "/%s", verb).at),
	        STR(""), &tree, &e)) {
		return cli_fail(&e);
	}
	if (tree) {
		printf("%s: %sd, %s\n", vault ? vault : argv[0], verb,
		    vault ? "with all that it held" : done);
	}
	return 0;
}

static int
archive(struct cli *c, int argc, char **argv)
{
	return end_of(c, argc, argv, "archive", "its value is gone");
}

static int delete (struct cli *c, int argc, char **argv)
{
	return end_of(c, argc, argv, "delete", "its key is destroyed");
}

/* --- looking --- */

static int
list(struct cli *c, int argc, char **argv)
{
	const char *vault = cli_option(&argc, argv, "vault");
	bool all = cli_flag(&argc, argv, "archived");
	const struct json *tree;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "vault", "list wants no name");
	}
	if (cli_get(c, &tree, &e, "/api/vault/credentials?archived=%d%s%s", all,
	        vault ? "&vault=" : "",
	        vault ? cli_encode(c, str_of(vault)) : "")) {
		return cli_fail(&e);
	}
	JSON_EACH(k, json_get(tree, "credentials"))
	{
		bool archived = false;

		(void)json_bool(k, "archived", &archived);
		printf("%-24s version %lld  %s  %s%s%s%s\n",
		    cli_text(c, k, "name"), (long long)cli_number(k, "version"),
		    cli_text(c, k, "kind"), cli_text(c, k, "hosts"),
		    archived ? "  (archived)" : "",
		    json_get(k, "refused") || json_get(k, "closed")
		        ? "  NOT USED: "
		        : "",
		    cli_text(
		        c, k, json_get(k, "refused") ? "refused" : "closed"));
	}
	return 0;
}

static int
show(struct cli *c, int argc, char **argv)
{
	struct cli_ask ask = { .method = "GET" };
	struct cli_answer answer = { 0 };
	auto_buf text = { 0 };
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "vault", "show wants a NAME");
	}
	ask.target = credential_path(c, argv[0], "");
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	json_write_pretty(&text, answer.tree);
	printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	return 0;
}

static int
vaults(struct cli *c, int argc, char **argv)
{
	bool all = cli_flag(&argc, argv, "archived");
	const struct json *tree;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "vault", "vaults wants no name");
	}
	if (cli_get(c, &tree, &e, "/api/vaults?archived=%d", all)) {
		return cli_fail(&e);
	}
	JSON_EACH(v, json_get(tree, "vaults"))
	{
		bool archived = false;

		(void)json_bool(v, "archived", &archived);
		printf("%-24s %lld credentials  %s%s\n", cli_text(c, v, "name"),
		    (long long)cli_number(v, "credentials"),
		    cli_text(c, v, "id"), archived ? "  (archived)" : "");
	}
	return 0;
}

static int
create(struct cli *c, int argc, char **argv)
{
	struct json *body = json_new(&c->arena, JSON_OBJECT);
	const char *label = cli_option(&argc, argv, "display-name");
	const struct json *tree;
	auto_buf text = { 0 };
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "vault", "create wants a NAME");
	}
	(void)json_set_str(&c->arena, body, "name", str_of(argv[0]));
	if (label) {
		(void)json_set_str(
		    &c->arena, body, "display_name", str_of(label));
	}
	json_write(&text, body);
	if (send(c, STR("/api/vaults"), buf_str(&text), &tree, &e)) {
		return cli_fail(&e);
	}
	if (tree) {
		printf("%s: %s\n", argv[0], cli_text(c, tree, "id"));
	}
	return 0;
}

int
command_vault(struct cli *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		cli_command_fn *run;
	} verbs[] = {
		{ "init", vault_init },
		{ "migrate", vault_migrate },
		{ "rekey", vault_rekey },
		{ "put", put },
		{ "login", vault_login },
		{ "list", list },
		{ "show", show },
		{ "rotate", rotate },
		{ "archive", archive },
		{ "delete", delete },
		{ "create", create },
		{ "vaults", vaults },
	};

	for (size_t i = 0; argc && i < COUNT(verbs); i++) {
		if (strcmp(argv[0], verbs[i].name) == 0) {
			return verbs[i].run(c, argc - 1, argv + 1);
		}
	}
	return cli_no_verb(c, argc ? argv[0] : NULL);
}
