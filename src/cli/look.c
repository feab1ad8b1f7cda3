/* SPDX-License-Identifier: Apache-2.0 */
/* Looking: status, roles, what an identity can, why something is decided so. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "policy/policy.h"
#include "tools/tools.h"

static void
print_desk(struct cli *c, const struct json *desk)
{
	bool alive = false;

	(void)json_bool(desk, "alive", &alive);
	if (cli_text(c, desk, "device")[0]) {
		printf("buddy   %s of %s, %s%s%s\n",
		    cli_text(c, desk, "device"),
		    cli_text(c, desk, "operator")[0]
		        ? cli_text(c, desk, "operator")
		        : "nobody",
		    alive ? "alive" : "does not answer",
		    cli_text(c, desk, "shows")[0] ? ", shows " : "",
		    cli_text(c, desk, "shows"));
	}
}

static void
print_notify(struct cli *c, const struct json *n)
{
	if (!n) {
		return;
	}
	printf("notify  %lld told, %lld waiting, %lld failed, %lld dropped",
	    (long long)cli_number(n, "told"),
	    (long long)cli_number(n, "waiting"),
	    (long long)cli_number(n, "failed"),
	    (long long)cli_number(n, "dropped"));
	if (cli_text(c, n, "problem")[0]) {
		printf(
		    ": %s", cli_paint(c, CLI_RED, cli_text(c, n, "problem")));
	}
	(void)putchar('\n');
}

static void
print_tree(
    struct cli *c, const char *who, const char *name, const struct json *tree)
{
	long long events = (long long)cli_number(tree, "events");

	if (events) {
		printf("%s%s has the tree of %lld events", who, name, events);
	} else {
		printf("%s%s has taken no tree since this start", who, name);
	}
	if (cli_text(c, tree, "problem")[0]) {
		printf(": %s",
		    cli_paint(c, CLI_RED, cli_text(c, tree, "problem")));
	}
	(void)putchar('\n');
}

static void
print_trees(struct cli *c, const struct json *status)
{
	const struct json *published = json_get(status, "published");

	if (published) {
		print_tree(c, "publish", "", published);
	}
	JSON_EACH(witness, json_get(status, "witnesses"))
	{
		print_tree(
		    c, "witness ", cli_text(c, witness, "name"), witness);
	}
}

int
command_status(struct cli *c, int argc, char **argv)
{
	const struct json *t;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "status", "takes no arguments");
	}
	if (cli_get(c, &t, &e, "/api/status")) {
		return cli_fail(&e);
	}
	if (!t) {
		return 0;
	}
	printf(
	    "house   incarnation %lld, up %lld s, %lld events, state %s, %s\n",
	    (long long)cli_number(t, "incarnation"),
	    (long long)cli_number(t, "up_seconds"),
	    (long long)cli_number(t, "events"), cli_text(c, t, "state"),
	    cli_text(c, t, "store"));
	printf("parts  ");
	JSON_EACH(part, json_get(t, "parts"))
	{
		bool up = part->type == JSON_TRUE;

		printf(" %s", cli_paint(c, up ? CLI_GREEN : CLI_RED,
		                  arena_printf(&c->arena, STR_FMT "%s",
		                      STR_ARG(part->key), up ? "" : " (away)")
		                      .at));
	}
	printf("\ntasks  ");
	JSON_EACH(count, json_get(t, "tasks"))
	{
		printf(" " STR_FMT " " STR_FMT, STR_ARG(count->text),
		    STR_ARG(count->key));
	}
	printf("\n        %lld delayed, %lld dead",
	    (long long)cli_number(t, "delayed"),
	    (long long)cli_number(t, "dead"));
	JSON_EACH(queue, json_get(t, "queues"))
	{
		printf("\nqueue   %-16s %lld running, %lld waiting, %lld of "
		       "them ready",
		    cli_text(c, queue, "queue"),
		    (long long)cli_number(queue, "running"),
		    (long long)cli_number(queue, "waiting"),
		    (long long)cli_number(queue, "ready"));
	}
	printf("\nwaiting %lld, runs %lld, sandboxes %lld\n",
	    (long long)cli_number(t, "waiting"),
	    (long long)cli_number(t, "runs"),
	    (long long)cli_number(t, "sandboxes"));
	print_desk(c, json_get(t, "buddy"));
	print_notify(c, json_get(t, "notify"));
	print_trees(c, t);
	cli_print_stops(c, t);
	if (cli_text(c, t, "stalled")[0]) {
		printf(
		    "%s\n", cli_paint(c, CLI_RED, cli_text(c, t, "stalled")));
	}
	return 0;
}

/* --- roles --- */

static int
role_list(struct cli *c)
{
	const struct json *t;
	struct err e = { 0 };

	if (cli_get(c, &t, &e, "/api/roles")) {
		return cli_fail(&e);
	}
	JSON_EACH(r, json_get(t, "roles"))
	{
		bool open = true;

		(void)json_bool(r, "open", &open);
		printf("%-16s %s  %s\n", cli_text(c, r, "role"),
		    cli_text(c, r, "identity"),
		    open ? "open" : cli_text(c, r, "closed"));
	}
	return 0;
}

static void
house_of(struct cli *c, const struct catalogue *catalogue,
    const struct config *config, struct str name, struct policy_house *house)
{
	struct policy_tool *tools =
	    arena_array(&c->arena, catalogue->count + 1, sizeof(*tools));
	enum policy_surface *surfaces =
	    arena_array(&c->arena, POLICY_SURFACES, sizeof(*surfaces));
	size_t surface_count = 3;
	struct str *operators = arena_array(
	    &c->arena, config->operator_count + 1, sizeof(*operators));

	for (size_t i = 0; i < catalogue->count; i++) {
		tools[i].name = catalogue->at[i].name;
		tools[i].action = catalogue->at[i].action;
		const struct json *http =
		    json_get(catalogue->at[i].run, "http");
		struct str method = STR("");
		struct str url = STR("");

		(void)json_text(http, "method", &method);
		(void)json_text(http, "url", &url);
		policy_tool_place(&c->arena, &tools[i], method, url);
	}
	for (size_t i = 0; i < config->operator_count; i++) {
		operators[i] = config->operators[i].name;
	}
	surfaces[0] = POLICY_CLI;
	surfaces[1] = POLICY_WEB;
	surfaces[2] = POLICY_FILE; /* a folder of every house's state */
	for (size_t i = 0; i < config->operator_count && surface_count < 4;
	     i++) {
		if (config->operators[i].buddy.len) {
			surfaces[surface_count++] = POLICY_BUDDY;
		}
	}
	*house = (struct policy_house){
		.surfaces = c->config ? surfaces : NULL,
		.surface_count = surface_count,
		.tools = tools,
		.tool_count = catalogue->count,
		.operators = c->config ? operators : NULL,
		.operator_count = config->operator_count,
		.role = name,
	};
}

/* What is no fault of gates.toml itself, and lets nothing through. */
static void
print_absent(struct cli *c, const struct policy *policy, struct str dir)
{
	const char *note = cli_paint(c, CLI_YELLOW, "note");

	if (policy_is_closed(policy)) {
		printf("%s " STR_FMT "/gates.toml is not there: every call and "
		       "every request is denied\n",
		    note, STR_ARG(dir));
	}
	for (size_t i = 0; i < policy_egress_count(policy); i++) {
		const struct policy_egress *x = policy_egress_at(policy, i);

		if (x->ca.len && access(arena_z(&c->arena, x->ca), R_OK) != 0) {
			printf("%s " STR_FMT "/gates.toml:%u: ca " STR_FMT
			       " cannot be read (%s): no request of [" STR_FMT
			       "] passes until it can\n",
			    note, STR_ARG(dir), x->line, STR_ARG(x->ca),
			    strerror(errno), STR_ARG(x->label));
		}
	}
}

/* One role's files, as `up` would load them; the findings are printed. */
static int
check_role(struct cli *c, const struct config *config, const char *folder,
    struct str name, struct err *e)
{
	struct arena *a = &c->arena;
	struct str dir = arena_printf(a, "%s/" STR_FMT, folder, STR_ARG(name));
	struct role role;
	struct catalogue catalogue;
	const struct policy *policy;
	struct policy_house house;
	const struct policy_finding *findings;
	size_t count;
	int bad = 0;

	if (roles_load(a, dir.at, &role, e) ||
	    policy_load(
	        a, arena_printf(a, "%s/gates.toml", dir.at).at, &policy, e) ||
	    tools_load(a, dir.at, &catalogue, e) ||
	    tools_check_role(&catalogue, &role, e) ||
	    (c->config && roles_check_models(&role, config, e))) {
		return -1;
	}
	house_of(c, &catalogue, config, name, &house);
	policy_check(a, policy, &house, &findings, &count);
	for (size_t i = 0; i < count; i++) {
		printf("%s " STR_FMT "\n",
		    findings[i].error ? cli_paint(c, CLI_RED, "error")
		                      : cli_paint(c, CLI_YELLOW, "note"),
		    STR_ARG(findings[i].text));
		bad += findings[i].error;
	}
	print_absent(c, policy, dir);
	if (!bad) {
		printf("%s: %zu tools, %zu task types, %zu egress rules: ok\n",
		    arena_z(a, name), catalogue.count, role.type_count,
		    policy_egress_count(policy));
	}
	return bad ? err_set(e, ERR_DENIED, "role " STR_FMT " must not run",
	                 STR_ARG(name))
	           : 0;
}

/* `roles = "…"` is relative to the folder of handrail.toml. */
static const char *
roles_folder(struct cli *c, const struct config *config)
{
	const char *slash = c->config ? strrchr(c->config, '/') : NULL;

	if (!slash || str_starts(config->roles, STR("/"))) {
		return arena_z(&c->arena, config->roles);
	}
	return arena_printf(&c->arena, "%.*s" STR_FMT,
	    (int)(slash - c->config) + 1, c->config, STR_ARG(config->roles))
	    .at;
}

static int
role_check(struct cli *c, int argc, char **argv)
{
	struct config config = { 0 };
	struct err e = { 0 };
	struct roles all;
	const char *folder;
	int result = 0;

	if (c->config && cli_config(c, &config, &e)) {
		return cli_fail(&e);
	}
	folder = argc ? argv[0] : roles_folder(c, &config);
	if (!argc && !c->config) {
		return cli_usage(c, "role", "check wants a folder of roles");
	}
	if (roles_load_dir(&c->arena, folder, &all, &e)) {
		return cli_fail(&e);
	}
	for (size_t i = 0; i < all.count; i++) {
		struct err why = { 0 };

		if (check_role(c, &config, folder, all.at[i].name, &why)) {
			result = cli_fail(&why);
		}
	}
	return result;
}

int
command_role(struct cli *c, int argc, char **argv)
{
	cli_words(c, &argc, argv);
	if (argc == 1 && strcmp(argv[0], "list") == 0) {
		return role_list(c);
	}
	if (argc >= 1 && argc <= 2 && strcmp(argv[0], "check") == 0) {
		return role_check(c, argc - 1, argv + 1);
	}
	return cli_no_verb(c, argc ? argv[0] : NULL);
}

/* --- what an identity can, and why --- */

/* "POST api.example.com/pay (1 operators)"; what is any is left out. */
static void
print_held(struct cli *c, const struct json *held)
{
	const char *git = cli_text(c, held, "git");
	const char *method = cli_text(c, held, "method");
	const char *host = cli_text(c, held, "host");
	const char *named = cli_text(c, held, "named");
	long long port = (long long)cli_number(held, "port");

	printf("  gate.%s asks about %s%s %s", cli_text(c, held, "gate"),
	    git[0] ? "git " : "",
	    git[0]      ? git
	    : method[0] ? method
	                : "every request",
	    host[0] ? host : "to any host");
	if (port) {
		printf(":%lld", port);
	}
	printf("%s%s%s", cli_text(c, held, "path"),
	    cli_text(c, held, "ref")[0] ? " " : "", cli_text(c, held, "ref"));
	if (named[0]) {
		printf(" (%s)\n", named);
	} else {
		printf(" (%lld operators)\n",
		    (long long)cli_number(held, "people"));
	}
}

int
command_can(struct cli *c, int argc, char **argv)
{
	const struct json *t;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "can", "wants one identity");
	}
	if (cli_get(c, &t, &e, "/api/can?identity=%s",
	        cli_encode(c, str_of(argv[0])))) {
		return cli_fail(&e);
	}
	if (!t) {
		return 0;
	}
	printf("%s\n", cli_text(c, t, "identity"));
	JSON_EACH(tool, json_get(t, "tools"))
	{
		printf("  tool %-16s %-10s %-6s %s\n",
		    cli_text(c, tool, "tool"), cli_text(c, tool, "action"),
		    cli_text(c, tool, "verdict"), cli_text(c, tool, "rule"));
	}
	JSON_EACH(rule, json_get(t, "egress"))
	{
		printf("  egress.%s to %s:%lld%s%s", cli_text(c, rule, "rule"),
		    cli_text(c, rule, "host"),
		    (long long)cli_number(rule, "port"),
		    cli_text(c, rule, "credential")[0] ? ", injects " : "",
		    cli_text(c, rule, "credential"));
		JSON_EACH(only, json_get(rule, "only_for"))
		{
			printf(", only for " STR_FMT, STR_ARG(only->text));
		}
		(void)putchar('\n');
	}
	JSON_EACH(held, json_get(t, "asks"))
	{
		print_held(c, held);
	}
	JSON_EACH(grant, json_get(t, "grants"))
	{
		printf("  grant %s: %s, the same call again, without asking "
		       "until %s, %s (by %s)\n",
		    cli_text(c, grant, "id"), cli_text(c, grant, "tool"),
		    cli_text(c, grant, "expires_at"),
		    cli_text(c, grant, "hint"), cli_text(c, grant, "by"));
	}
	return 0;
}

static int
explain_call(
    struct cli *c, const char *identity, const char *tool, const char *args)
{
	struct json *tree;
	struct json *body = json_new(&c->arena, JSON_OBJECT);
	auto_buf text = { 0 };
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = {
		.method = "POST",
		.target = STR("/api/explain"),
	};

	if (json_parse(&c->arena, str_of(args), NULL, &tree, &e)) {
		(void)err_wrap(&e, "the arguments, one JSON object");
		return cli_fail(&e);
	}
	(void)json_set_str(&c->arena, body, "identity", str_of(identity));
	(void)json_set_str(&c->arena, body, "tool", str_of(tool));
	(void)json_set(&c->arena, body, "args", tree);
	json_write(&text, body);
	ask.body = buf_str(&text);
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		(void)fputs(cli_text(c, answer.tree, "text"), stdout);
	}
	return 0;
}

int
command_explain(struct cli *c, int argc, char **argv)
{
	const char *method = cli_option(&argc, argv, "method");
	const char *tool = cli_option(&argc, argv, "from-tool");
	const struct json *t;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc == 3) {
		return explain_call(c, argv[0], argv[1], argv[2]);
	}
	if (argc != 2) {
		return cli_usage(c, "explain", NULL);
	}
	if (!strstr(argv[1], "://")) {
		return cli_usage(c, "explain",
		    "wants a URL, https://…, or a tool and its arguments in "
		    "JSON");
	}
	if (cli_get(c, &t, &e, "/api/explain?identity=%s&url=%s&method=%s%s%s",
	        cli_encode(c, str_of(argv[0])), cli_encode(c, str_of(argv[1])),
	        method ? cli_encode(c, str_of(method)) : "GET",
	        tool ? "&from_tool=" : "",
	        tool ? cli_encode(c, str_of(tool)) : "")) {
		return cli_fail(&e);
	}
	if (t) {
		(void)fputs(cli_text(c, t, "text"), stdout);
	}
	return 0;
}
