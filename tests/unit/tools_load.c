/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/tools.h"

/* mcp/server.toml: what loads, what is refused and where. */

#define HEAD "[tool.t]\ndescription = \"d\"\naction = \"read\"\n"
#define ARG                                                                   \
	"input.required = [\"x\"]\ninput.properties.x = { type = \"string\" " \
	"}\n"

static void
load(struct arena *a, const char *text, struct catalogue *c)
{
	struct err e = { 0 };

	if (tools_parse(a, str_of(text), "server.toml", c, &e) < 0) {
		fail_msg("%s\n%s", e.text, text);
	}
}

static void
refuses(const char *text, const char *message)
{
	auto_arena a = { 0 };
	struct catalogue c = { .count = 99 };
	struct err e = { 0 };

	if (tools_parse(&a, str_of(text), "server.toml", &c, &e) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, message);
	assert_int_equal(c.count, 99);
}

static void
a_tool_has_safe_defaults(void **state)
{
	auto_arena a = { 0 };
	struct catalogue c;
	const struct tool *t;

	(void)state;
	load(&a, HEAD "run = { exec = [\"true\"] }\n", &c);
	t = tools_find(&c, STR("t"));
	assert_non_null(t);
	assert_false(t->idempotent);
	assert_false(t->fresh);
	assert_int_equal(t->timeout, CLOCK_MINUTE);
	assert_int_equal(t->output_limit, 65536);
	assert_int_equal(t->kind, TOOL_EXEC);
	assert_int_equal(t->identities.count, 1);
	assert_null(t->output);
	assert_int_equal(strlen(t->version), 16);
	assert_null(tools_find(&c, STR("u")));
}

static void
every_kind_of_run_loads(void **state)
{
	auto_arena a = { 0 };
	struct catalogue c;

	(void)state;
	load(&a,
	    "[tool.a]\ndescription = \"d\"\naction = \"push\"\n"
	    "idempotent = true\nidentities = [\"linux__*\"]\n"
	    "requires = [\"credential:git-hub\"]\nconfirm = \"e\"\n"
	    "timeout = \"5m\"\ncell = \"fresh\"\noutput_limit = \"1K\"\n"
	    "run = { exec = [\"git\", \"push\", \"--\", \"{{x}}\"], env = { A "
	    "= \"{{x}}\" }, cwd = \"sub\", stdin = \"{{x}}\" }\n" ARG
	    "output.properties.y = { type = \"string\" }\n"
	    "[tool.b]\ndescription = \"d\"\naction = \"read\"\n"
	    "run = { http = { method = \"POST\", url = "
	    "\"https://h.example/v1/{{x}}?q={{x}}\", headers = { Accept = "
	    "\"*/*\" }, body = { a = \"{{x}}\" } } }\n" ARG
	    "[tool.c]\ndescription = \"d\"\naction = \"run\"\n"
	    "run = { builtin = \"shell\" }\n"
	    "[tool.d]\ndescription = \"d\"\naction = \"ask\"\n"
	    "run = { client = true }\n"
	    "[tool.e]\ndescription = \"d\"\naction = \"read\"\n"
	    "run = { http = { method = \"GET\", url = "
	    "\"https://h.example/v1/{{x}}\" } }\n" ARG,
	    &c);
	assert_int_equal(c.count, 5);
	assert_int_equal(c.at[0].kind, TOOL_EXEC);
	assert_true(c.at[0].idempotent);
	assert_true(c.at[0].fresh);
	assert_int_equal(c.at[0].output_limit, 1024);
	assert_true(names_have(&c.at[0].credentials, STR("git-hub")));
	assert_non_null(c.at[0].output);
	assert_int_equal(c.at[1].kind, TOOL_HTTP);
	assert_int_equal(c.at[2].kind, TOOL_SHELL);
	assert_int_equal(c.at[3].kind, TOOL_CLIENT);
}

static void
a_wrong_declaration_has_its_line(void **state)
{
	(void)state;
	refuses(HEAD "run = { exec = [\"x\"] }\nidempotant = true\n",
	    "server.toml:5:14: unknown key \"idempotant\" in [tool.t]; known "
	    "here: description, action, idempotent, identities, requires, "
	    "confirm, timeout, cell, output_limit, run, input, output");
	refuses("[tool.t]\ndescription = \"d\"\nrun = { exec = [\"x\"] }\n",
	    "server.toml:1:7: [tool.t] needs the key action: what kind of "
	    "effect it has, as \"read\" or \"push\"; gates match it");
	refuses(HEAD,
	    "server.toml:1:7: [tool.t] needs the key run: { exec = [...] }, "
	    "{ http = {...} }, { builtin = \"…\" } or { client = true }");
	refuses("[tool.finish]\ndescription = \"d\"\n",
	    "server.toml:1:7: [tool.\"finish\"]: expected a name of "
	    "lower-case letters, digits and _ (finish is always there)");
	refuses(HEAD "run = { exec = [\"x\"], client = true }\n",
	    "server.toml:4:7: run: expected exactly one of exec, http, "
	    "builtin, request and client = true");
	refuses(HEAD "run = { client = false }\n",
	    "server.toml:4:7: run: expected exactly one of exec, http, "
	    "builtin, request and client = true");
	refuses(HEAD "run = { client = true, env = { A = \"b\" } }\n",
	    "server.toml:4:7: run: env and cwd go with exec and builtin");
	refuses(HEAD "run = { builtin = \"rm\" }\n",
	    "server.toml:4:19: builtin: expected shell, read_file, write_file, "
	    "dispatch_task or ask_person (finish is always there)");
	refuses(HEAD "run = { builtin = \"shell\" }\n" ARG,
	    "server.toml:4:7: builtin: it brings its own input and output");
	refuses(HEAD "run = { exec = [\"x\"] }\ntimeout = \"25h\"\n",
	    "server.toml:5:11: timeout: expected at most 24h");
	refuses(HEAD "run = { exec = [\"x\"] }\noutput_limit = \"2M\"\n",
	    "server.toml:5:16: output_limit: expected 1 to 1M bytes");
	refuses(HEAD "run = { exec = [\"x\"] }\ncell = \"own\"\n",
	    "server.toml:5:8: cell: expected \"fresh\" or \"run\"");
	refuses(HEAD "run = { request = \"u\" }\n" ARG,
	    "server.toml:4:7: request: expected another tool of this file "
	    "that does something itself, and that no other tool requests");
	refuses(HEAD "run = { request = \"t\" }\n" ARG,
	    "server.toml:4:7: request: expected another tool of this file "
	    "that does something itself, and that no other tool requests");
	refuses(HEAD "run = { request = \"u\" }\n" ARG
	             "[tool.u]\ndescription = \"d\"\naction = \"push\"\n"
	             "run = { exec = [\"x\"] }\n",
	    "server.toml:5:1: input: expected the same as that of u, which "
	    "it requests");
	refuses(HEAD "run = { client = true }\ncell = \"fresh\"\n",
	    "server.toml:5:8: cell: only exec and shell start in a fresh "
	    "cell");
	refuses(HEAD "run = { exec = [\"x\"] }\nidentities = [\"Linux\"]\n",
	    "server.toml:5:14: \"Linux\" is no pattern of identities: "
	    "expected lower-case letters, digits, _ and at most 8 *");
	refuses(HEAD "run = { exec = [\"x\"] }\nrequires = [\"github\"]\n",
	    "server.toml:5:12: requires: \"github\": expected "
	    "\"credential:NAME\"");
	refuses(HEAD "run = { exec = [\"x\"] }\nconfirm = \"t\"\n",
	    "server.toml:5:11: confirm: expected another tool of this file "
	    "with action = \"read\"");
	refuses(HEAD "run = { exec = [\"x\"] }\ninput.patern = \"x\"\n",
	    "server.toml:5:16: /patern: this keyword is not enforced here, "
	    "so it is refused");
}

static void
a_template_always_has_a_value(void **state)
{
	auto_arena a = { 0 };
	struct catalogue c;

	(void)state;
	refuses(HEAD "run = { exec = [\"a\", \"{{y}}\"] }\n" ARG,
	    "server.toml:4:22: {{y}}: the input schema has no such property");
	refuses(HEAD "run = { exec = [\"a\", \"{{x}}\"] }\n"
	             "input.properties.x = { type = \"string\" }\n",
	    "server.toml:4:22: {{x}}: may be missing in a call; put it under "
	    "required or give it a default");
	refuses(HEAD "run = { exec = [\"a\", \"{{x}}\"] }\n"
	             "input.required = [\"x\"]\n"
	             "input.properties.x = { type = \"array\" }\n",
	    "server.toml:4:22: {{x}}: its type must be string, integer, "
	    "number or boolean");
	refuses(HEAD "run = { exec = [\"a\", \"{{ x }}\"] }\n" ARG,
	    "server.toml:4:22: a {{ here is no {{name}}");
	refuses(HEAD "run = { exec = [\"a\"], env = { A = \"{{y}}\" } }\n" ARG,
	    "server.toml:4:35: {{y}}: the input schema has no such property");
	load(&a,
	    HEAD "run = { exec = [\"a\", \"{{x}}\"] }\n"
	         "input.properties.x = { type = \"integer\", default = 3 }\n",
	    &c);
}

static void
the_program_is_literal_and_a_script_holds_no_template(void **state)
{
	static const char *const scripts[] = {
		"\"sh\", \"-c\", \"echo {{x}}\"",
		"\"/bin/bash\", \"-lc\", \"echo {{x}}\"",
		"\"env\", \"bash\", \"-c\", \"{{x}}\"",
		"\"python3\", \"-c\", \"print({{x}})\"",
		"\"python3.11\", \"-Ic\", \"{{x}}\"",
		"\"perl\", \"-e\", \"{{x}}\"",
		"\"node\", \"--eval\", \"{{x}}\"",
		"\"timeout\", \"5\", \"sh\", \"-ec\", \"{{x}}\"",
	};
	auto_arena a = { 0 };
	struct catalogue c;

	(void)state;
	refuses(HEAD "run = { exec = [\"{{x}}\"] }\n" ARG,
	    "server.toml:4:17: exec: the program is a literal name");
	refuses(HEAD "run = { exec = [] }\n",
	    "server.toml:4:16: exec: expected a list of 1 to 64 texts");
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct str text = arena_printf(
		    &a, HEAD "run = { exec = [%s] }\n" ARG, scripts[i]);
		struct err e = { 0 };

		assert_int_equal(tools_parse(&a, text, "f", &c, &e), -1);
		assert_true(str_has_str(
		    str_of(e.text), STR("a template inside a script is code")));
	}
	load(&a,
	    HEAD "run = { exec = [\"sh\", \"-c\", \"echo \\\"$1\\\"\", "
	         "\"sh\", \"{{x}}\"] }\n" ARG,
	    &c);
	load(&a, HEAD "run = { exec = [\"git\", \"-c\", \"a.b={{x}}\"] }\n" ARG,
	    &c);
}

static void
a_url_keeps_its_host_and_headers_no_secret(void **state)
{
	(void)state;
	refuses(HEAD "run = { http = { method = \"GET\", url = "
	             "\"https://{{x}}/\" } }\n" ARG,
	    "server.toml:4:40: url: scheme, host and port are literal");
	refuses(HEAD "run = { http = { method = \"GET\", url = "
	             "\"https://h:{{x}}/\" } }\n" ARG,
	    "server.toml:4:40: url: scheme, host and port are literal");
	refuses(HEAD "run = { http = { method = \"GET\", url = "
	             "\"https://u:p@h/\" } }\n",
	    "server.toml:4:40: url: expected https://HOST/…");
	refuses(HEAD "run = { http = { method = \"GET\", url = \"file:///x\" "
	             "} }\n",
	    "server.toml:4:40: url: expected https://HOST/…");
	refuses(HEAD "run = { http = { method = \"get\", url = \"https://h/\" "
	             "} }\n",
	    "server.toml:4:27: method: expected GET, HEAD, POST, PUT, PATCH "
	    "or DELETE");
	refuses(HEAD "run = { http = { method = \"GET\", url = \"https://h/\", "
	             "headers = { authorization = \"x\" } } }\n",
	    "server.toml:4:82: headers: a credential is injected by an egress "
	    "rule, never written here");
	refuses(HEAD "run = { http = { method = \"GET\", url = \"https://h/\", "
	             "headers = { Host = \"x\" } } }\n",
	    "server.toml:4:73: headers: this one is set by the client itself");
	refuses(HEAD "run = { http = { method = \"GET\", url = \"https://h/\", "
	             "headers = { A = \"x\\r\\nB: c\" } } }\n",
	    "server.toml:4:70: headers: expected Name = \"text\" in one line");
}

static void
a_providers_key_is_not_declared(void **state)
{
	auto_arena a = { 0 };
	struct catalogue c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tools_parse(&a,
	                     STR(HEAD "run = { exec = [\"a\"], env = { "
	                              "ANTHROPIC_API_KEY = \"x\" } }\n"),
	                     "f", &c, &e),
	    -1);
	assert_true(
	    str_starts(str_of(e.text), STR("f:4:7: run: a provider's key")));
}

static void
mcp_servers_are_refused_with_a_sentence(void **state)
{
	(void)state;
	refuses("[server.git]\ntransport = \"stdio\"\n",
	    "server.toml:1:9: [server.*]: this version starts no MCP servers; "
	    "declare each tool as [tool.NAME] with run = { exec = [...] }");
}

static void
a_contract_changes_with_every_part(void **state)
{
	static const char *const others[] = {
		"description = \"e\"\naction = \"read\"\n"
		"run = { exec = [\"a\"] }\n",
		"description = \"d\"\naction = \"push\"\n"
		"run = { exec = [\"a\"] }\n",
		"description = \"d\"\naction = \"read\"\n"
		"run = { exec = [\"b\"] }\n",
		"description = \"d\"\naction = \"read\"\nidempotent = true\n"
		"run = { exec = [\"a\"] }\n",
		"description = \"d\"\naction = \"read\"\ntimeout = \"61s\"\n"
		"run = { exec = [\"a\"] }\n",
		"description = \"d\"\naction = \"read\"\ncell = \"fresh\"\n"
		"run = { exec = [\"a\"] }\n",
		"description = \"d\"\naction = \"read\"\n"
		"identities = [\"linux__*\"]\nrun = { exec = [\"a\"] }\n",
		"description = \"d\"\naction = \"read\"\n"
		"run = { exec = [\"a\"] }\ninput.properties.y = {}\n",
		"description = \"d\"\naction = \"read\"\n"
		"run = { exec = [\"a\"], env = { A = \"1\" } }\n",
	};
	auto_arena a = { 0 };
	struct catalogue base;
	struct catalogue same;
	struct catalogue other;

	(void)state;
	load(&a, HEAD "run = { exec = [\"a\"] }\n", &base);
	load(&a,
	    "# moved about\n[tool.t]\naction = \"read\"\n\n"
	    "run.exec = [ \"a\" ]\ntimeout = \"1m\"\ndescription = \"d\"\n",
	    &same);
	assert_true(digest_eq(base.at[0].contract, same.at[0].contract));
	assert_true(digest_eq(base.digest, same.digest));
	for (size_t i = 0; i < COUNT(others); i++) {
		struct str text = arena_printf(&a, "[tool.t]\n%s", others[i]);

		load(&a, text.at, &other);
		assert_false(
		    digest_eq(base.at[0].contract, other.at[0].contract));
		assert_string_not_equal(
		    base.at[0].version, other.at[0].version);
	}
}

static void
a_catalogue_shows_what_identity_and_credentials_allow(void **state)
{
	static const struct identity mac = { "macos", "desktop_cowork", "x" };
	static const struct identity server = { "linux", "server", "x" };
	static const struct str have[] = { { "users", 5 } };
	static const struct names bound = { have, 1 };
	static const struct names none = { NULL, 0 };
	auto_arena a = { 0 };
	struct catalogue c;
	struct names seen;

	(void)state;
	load(&a,
	    HEAD "run = { exec = [\"a\"] }\n"
	         "[tool.mac]\ndescription = \"d\"\naction = \"read\"\n"
	         "identities = [\"macos__*\"]\nrun = { exec = [\"a\"] }\n"
	         "[tool.users]\ndescription = \"d\"\naction = \"read\"\n"
	         "requires = [\"credential:users\"]\n"
	         "run = { exec = [\"a\"] }\n"
	         "[tool.nobody]\ndescription = \"d\"\naction = \"read\"\n"
	         "identities = []\nrun = { exec = [\"a\"] }\n",
	    &c);
	seen = tools_for(&a, &c, &mac, &none);
	assert_int_equal(seen.count, 2);
	assert_true(names_have(&seen, STR("mac")));
	seen = tools_for(&a, &c, &server, &bound);
	assert_int_equal(seen.count, 2);
	assert_true(names_have(&seen, STR("users")));
	assert_false(names_have(&seen, STR("mac")));
	seen = tools_for(&a, &c, &server, &none);
	assert_int_equal(seen.count, 1);
	assert_false(names_have(&seen, STR("nobody")));
}

static void
a_role_names_only_declared_tools(void **state)
{
	auto_arena a = { 0 };
	struct catalogue c;
	struct role r;
	struct err e = { 0 };

	(void)state;
	load(&a, HEAD "run = { exec = [\"a\"] }\n", &c);
	assert_int_equal(roles_parse_file(&a, STR("x"),
	                     STR("[task.a]\ntools = [\"t\"]\n"
	                         "[task.b]\ntools = [\"t\", \"u\"]\n"),
	                     "role.toml", &r, &e),
	    0);
	assert_int_equal(tools_check_role(&c, &r, &e), -1);
	assert_string_equal(e.text,
	    "role.toml:3:1: [task.b]: the tool u is not declared in "
	    "server.toml");
}

static void
the_model_sees_what_is_granted_and_finish(void **state)
{
	static const struct str one[] = { { "t", 1 } };
	static const struct names granted = { one, 1 };
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct catalogue c;
	struct role r;
	struct err e = { 0 };

	(void)state;
	load(&a,
	    HEAD "run = { exec = [\"a\"] }\n" ARG
	         "[tool.u]\ndescription = \"d\"\naction = \"read\"\n"
	         "run = { exec = [\"a\"] }\n",
	    &c);
	assert_int_equal(roles_parse_file(&a, STR("x"),
	                     STR("[task.a]\ntools = [\"t\"]\n"
	                         "output.required = [\"branch\"]\n"),
	                     "role.toml", &r, &e),
	    0);
	json_write(&text, tools_model_json(&a, &c, &granted, &r.types[0]));
	assert_string_equal(buf_z(&text),
	    "[{\"type\":\"function\",\"function\":{\"name\":\"t\","
	    "\"description\":\"d\",\"parameters\":{\"required\":[\"x\"],"
	    "\"properties\":{\"x\":{\"type\":\"string\"}},"
	    "\"type\":\"object\",\"additionalProperties\":false}}},"
	    "{\"type\":\"function\",\"function\":{\"name\":\"finish\","
	    "\"description\":\"End the task. The arguments are its "
	    "result.\",\"parameters\":{\"required\":[\"branch\"],"
	    "\"type\":\"object\"}}}]");
}

static void
a_folder_without_a_file_has_no_tools(void **state)
{
	char base[] = "/tmp/handrail-tools-XXXXXX";
	auto_arena a = { 0 };
	struct catalogue c = { .count = 99 };
	struct str mcp;
	struct str file;
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(base));
	assert_int_equal(tools_load(&a, base, &c, &e), 0);
	assert_int_equal(c.count, 0);
	mcp = arena_printf(&a, "%s/mcp", base);
	file = arena_printf(&a, "%s/servers.json", mcp.at);
	assert_int_equal(file_mkdirs(mcp.at, 0700, &e), 0);
	assert_int_equal(file_write_atomic(file.at, STR("{}"), 0600, &e), 0);
	assert_int_equal(tools_load(&a, base, &c, &e), -1);
	assert_true(str_has_str(str_of(e.text),
	    STR("servers.json:1:1: this version starts no MCP servers")));
	(void)unlink(file.at);
	(void)rmdir(mcp.at);
	assert_int_equal(rmdir(base), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tool_has_safe_defaults),
		cmocka_unit_test(every_kind_of_run_loads),
		cmocka_unit_test(a_wrong_declaration_has_its_line),
		cmocka_unit_test(a_template_always_has_a_value),
		cmocka_unit_test(
		    the_program_is_literal_and_a_script_holds_no_template),
		cmocka_unit_test(a_url_keeps_its_host_and_headers_no_secret),
		cmocka_unit_test(a_providers_key_is_not_declared),
		cmocka_unit_test(mcp_servers_are_refused_with_a_sentence),
		cmocka_unit_test(a_contract_changes_with_every_part),
		cmocka_unit_test(
		    a_catalogue_shows_what_identity_and_credentials_allow),
		cmocka_unit_test(a_role_names_only_declared_tools),
		cmocka_unit_test(the_model_sees_what_is_granted_and_finish),
		cmocka_unit_test(a_folder_without_a_file_has_no_tools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
