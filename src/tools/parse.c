/* SPDX-License-Identifier: Apache-2.0 */
/* mcp/server.toml. */
#include <unistd.h>

#include "toml/toml.h"
#include "tools/inner.h"

#define TOOLS_MAX   512
#define TIMEOUT_MAX (24LL * 60 * CLOCK_MINUTE)

struct top_file {
	const struct json *tools;
	const struct json *servers;
};

struct tool_file {
	struct str description;
	struct str action;
	bool idempotent;
	struct names identities;
	struct names needs;
	struct str confirm;
	int64_t timeout;
	struct str cell;
	uint64_t output_limit;
	const struct json *run;
	const struct json *input;
	const struct json *output;
};

/* clang-format off */
#define ROW(section, owner, name, member, form, need, fallback, sentence)      \
	{ section, name, TABLE_##form, TABLE_##need,                           \
	    offsetof(struct owner, member), fallback, sentence }
static const struct table_key keys[] = {
	ROW("top", top_file, "tool", tools, TREE, OPTIONAL, "", ""),
	ROW("top", top_file, "server", servers, TREE, OPTIONAL, "", ""),

	ROW("tool", tool_file, "description", description, TEXT, REQUIRED, "",
	    "what the tool does, for the model"),
	ROW("tool", tool_file, "action", action, NAME, REQUIRED, "",
	    "what kind of effect it has, as \"read\" or \"push\"; gates match it"),
	ROW("tool", tool_file, "idempotent", idempotent, BOOL, OPTIONAL,
	    "false", ""),
	ROW("tool", tool_file, "identities", identities, NAMES, OPTIONAL, "",
	    ""),
	ROW("tool", tool_file, "requires", needs, NAMES, OPTIONAL, "", ""),
	ROW("tool", tool_file, "confirm", confirm, NAME, OPTIONAL, "", ""),
	ROW("tool", tool_file, "timeout", timeout, DURATION, OPTIONAL, "60s",
	    ""),
	ROW("tool", tool_file, "cell", cell, TEXT, OPTIONAL, "run", ""),
	ROW("tool", tool_file, "output_limit", output_limit, SIZE, OPTIONAL,
	    "64K", ""),
	ROW("tool", tool_file, "run", run, TREE, REQUIRED, "",
	    "{ exec = [...] }, { http = {...} }, { builtin = \"…\" } or "
	    "{ client = true }"),
	ROW("tool", tool_file, "input", input, TREE, OPTIONAL, "", ""),
	ROW("tool", tool_file, "output", output, TREE, OPTIONAL, "", ""),
};
/* clang-format on */

static int
read_identities(
    struct tools_loading *l, const struct json *where, const struct names *set)
{
	static const struct str everyone[] = { { "*", 1 } };
	const struct json *place = json_get(where, "identities");
	struct err e = { 0 };

	l->tool->identities = *set;
	if (place == NULL) {
		l->tool->identities = (struct names){ everyone, 1 };
	}
	for (size_t i = 0; i < set->count; i++) {
		if (roles_check_pattern(set->at[i], &e) < 0) {
			return table_err(l->file, place, l->e, "%s", e.text);
		}
	}
	return 0;
}

static bool
credential_name_valid(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    (i == 0 || (c != '-' && c != '_' && c != '.'))) {
			return false;
		}
	}
	return name.len > 0 && name.len <= 64;
}

static int
read_needs(
    struct tools_loading *l, const struct json *where, const struct names *set)
{
	struct str *list = arena_array(l->arena, set->count, sizeof(*list));

	for (size_t i = 0; i < set->count; i++) {
		list[i] = str_sub(set->at[i], 11, set->at[i].len);
		if (!str_starts(set->at[i], STR("credential:")) ||
		    !credential_name_valid(list[i])) {
			return table_err(l->file, json_get(where, "requires"),
			    l->e, "requires: %s: expected \"credential:NAME\"",
			    err_quote(set->at[i]));
		}
	}
	l->tool->credentials = (struct names){ list, set->count };
	return 0;
}

/* An argument that nobody reads is an error, unless the schema decides. */
static void
close_schema(struct arena *a, struct json *schema)
{
	static const char *const deciders[] = { "additionalProperties", "$ref",
		"allOf", "anyOf", "oneOf" };

	for (size_t i = 0; i < COUNT(deciders); i++) {
		if (json_get(schema, deciders[i]) != NULL) {
			return;
		}
	}
	(void)json_set(
	    a, schema, "additionalProperties", json_new_bool(a, false));
}

static int
compile(
    struct tools_loading *l, const struct json *json, const struct schema **out)
{
	struct schema *s = NULL;

	if (schema_compile(l->arena, json, l->file, &s, l->e) < 0) {
		return -1;
	}
	*out = s;
	return 0;
}

static int
read_input(struct tools_loading *l, const struct tool_file *f)
{
	struct json *input = NULL;
	struct str builtin = { 0 };
	const struct tool_builtin *known;

	if (json_text(f->run, "builtin", &builtin)) {
		known = tools_find_builtin(builtin);
		if (known == NULL) {
			return table_err(l->file, json_get(f->run, "builtin"),
			    l->e,
			    "builtin: expected shell, read_file, write_file, "
			    "dispatch_task or ask_person (finish is always "
			    "there)");
		}
		if (f->input != NULL || f->output != NULL) {
			return table_err(l->file, f->run, l->e,
			    "builtin: it brings its own input and output");
		}
		must(json_parse(l->arena, str_of(known->input), NULL, &input,
		         l->e) == 0);
	} else {
		input =
		    table_schema(l->arena, l->file, "input", f->input, l->e);
		if (input == NULL) {
			return -1;
		}
		close_schema(l->arena, input);
	}
	l->tool->input_json = input;
	return compile(l, input, &l->tool->input);
}

static int
read_output(struct tools_loading *l, const struct tool_file *f)
{
	if (f->output == NULL) {
		return 0;
	}
	l->tool->output_json =
	    table_schema(l->arena, l->file, "output", f->output, l->e);
	if (l->tool->output_json == NULL) {
		return -1;
	}
	return compile(l, l->tool->output_json, &l->tool->output);
}

static int
read_bounds(struct tools_loading *l, const struct json *where,
    const struct tool_file *f)
{
	l->tool->timeout = f->timeout;
	l->tool->output_limit = (uint32_t)f->output_limit;
	l->tool->fresh = str_eq_z(f->cell, "fresh");
	if (f->timeout > TIMEOUT_MAX) {
		return table_err(l->file, json_get(where, "timeout"), l->e,
		    "timeout: expected at most 24h");
	}
	if (f->output_limit == 0 || f->output_limit > TOOLS_OUTPUT_MAX) {
		return table_err(l->file, json_get(where, "output_limit"), l->e,
		    "output_limit: expected 1 to 1M bytes");
	}
	if (!l->tool->fresh && !str_eq_z(f->cell, "run")) {
		return table_err(l->file, json_get(where, "cell"), l->e,
		    "cell: expected \"fresh\" or \"run\"");
	}
	if (f->description.len == 0 || f->description.len > 4096) {
		return table_err(l->file, json_get(where, "description"), l->e,
		    "description: expected 1 to 4096 bytes");
	}
	return 0;
}

static int
read_tool(struct tools_loading *l, const struct json *where)
{
	const struct table_reader r = { l->arena, l->file, keys, COUNT(keys) };
	struct tool_file f = { 0 };
	auto_buf shown = { 0 };
	struct err e = { 0 };

	if (!roles_name_valid(where->key) || str_eq_z(where->key, "finish")) {
		return table_err(l->file, where, l->e,
		    "[tool.%s]: expected a name of lower-case letters, "
		    "digits and _ (finish is always there)",
		    err_quote(where->key));
	}
	buf_addf(&shown, "[tool." STR_FMT "]", STR_ARG(where->key));
	if (table_read(&r, "tool", buf_z(&shown), where, &f, l->e) < 0) {
		return -1;
	}
	l->tool->name = where->key;
	l->tool->line = where->line;
	l->tool->description = f.description;
	l->tool->action = f.action;
	l->tool->idempotent = f.idempotent;
	l->tool->confirm = f.confirm;
	if (read_bounds(l, where, &f) < 0 ||
	    read_identities(l, where, &f.identities) < 0 ||
	    read_needs(l, where, &f.needs) < 0 || read_input(l, &f) < 0 ||
	    read_output(l, &f) < 0 || tools_read_run(l, f.run) < 0) {
		return -1;
	}
	if (tools_check_no_provider_key(f.run, &e) < 0) {
		return table_err(l->file, f.run, l->e, "run: %s", e.text);
	}
	if (l->tool->fresh && l->tool->kind != TOOL_EXEC &&
	    l->tool->kind != TOOL_SHELL) {
		return table_err(l->file, json_get(where, "cell"), l->e,
		    "cell: only exec and shell start in a fresh cell");
	}
	tools_seal_contract(l->tool);
	return 0;
}

/* What is asked for is a tool of this file that does something itself, and both
 * take the same arguments: those are what is approved. */
static int
check_requests(const char *file, const struct catalogue *c,
    const struct json *tables, struct err *e)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct tool *t = &c->at[i];
		const struct tool *other = tools_find(c, t->request);
		const struct json *where = json_get_str(tables, t->name);
		auto_buf mine = { 0 };
		auto_buf its = { 0 };

		if (t->kind != TOOL_REQUEST) {
			continue;
		}
		if (other == NULL || other->kind == TOOL_REQUEST ||
		    tools_request_for(c, t->request) != t) {
			return table_err(file, json_get(where, "run"), e,
			    "request: expected another tool of this file that "
			    "does something itself, and that no other tool "
			    "requests");
		}
		json_canonical(&mine, t->input_json);
		json_canonical(&its, other->input_json);
		if (!str_eq(buf_str(&mine), buf_str(&its))) {
			return table_err(file, json_get(where, "input"), e,
			    "input: expected the same as that of " STR_FMT
			    ", which it requests",
			    STR_ARG(t->request));
		}
	}
	return 0;
}

/* "DIGEST  NAME": every contract is named by the text that is digested. */
static void
add_line(struct buf *text, const struct tool *t)
{
	char hex[DIGEST_TEXT];

	digest_text(t->contract, hex);
	buf_addf(text, "%s  " STR_FMT "\n", hex, STR_ARG(t->name));
}

static int
read_tools(struct arena *a, const char *file, const struct json *tables,
    struct catalogue *out, struct err *e)
{
	struct tool *list;
	auto_buf text = { 0 };

	if (tables != NULL &&
	    (tables->type != JSON_OBJECT || tables->count > TOOLS_MAX)) {
		return table_err(
		    file, tables, e, "expected at most 512 tables [tool.NAME]");
	}
	list = arena_array(a, tables ? tables->count : 0, sizeof(*list));
	JSON_EACH(item, tables)
	{
		struct tool *t = &list[out->count];
		struct tools_loading l = { a, file, t, e };

		if (read_tool(&l, item) < 0) {
			return -1;
		}
		add_line(&text, t);
		out->count++;
	}
	out->at = list;
	out->text = arena_str(a, buf_str(&text));
	out->digest = digest_of(out->text);
	return tools_check_confirms(file, out, tables, e) < 0
	           ? -1
	           : check_requests(file, out, tables, e);
}

int
tools_parse(struct arena *a, struct str text, const char *file,
    struct catalogue *out, struct err *e)
{
	struct catalogue c = { .file = arena_str(a, str_of(file)) };
	const struct table_reader r = { a, c.file.at, keys, COUNT(keys) };
	struct top_file f = { 0 };
	struct json *tree = NULL;

	if (toml_parse(a, text, file, &tree, e) < 0 ||
	    table_read(&r, "top", "the top of the file", tree, &f, e) < 0) {
		return -1;
	}
	if (f.servers != NULL) {
		return table_err(file,
		    f.servers->first ? f.servers->first : f.servers, e,
		    "[server.*]: this version starts no MCP servers; declare "
		    "each tool as [tool.NAME] with run = { exec = [...] }");
	}
	if (read_tools(a, c.file.at, f.tools, &c, e) < 0) {
		return -1;
	}
	*out = c;
	return 0;
}

int
tools_load(
    struct arena *a, const char *role_dir, struct catalogue *out, struct err *e)
{
	struct str old = arena_printf(a, "%s/mcp/servers.json", role_dir);
	struct str file = arena_printf(a, "%s/mcp/server.toml", role_dir);
	auto_buf text = { 0 };

	if (access(old.at, F_OK) == 0) {
		return err_set(e, ERR_INPUT,
		    "%s:1:1: this version starts no MCP servers; declare "
		    "each tool as [tool.NAME] in %s",
		    old.at, file.at);
	}
	if (file_read_written(file.at, ROLES_FILE_MAX, &text, e) < 0 &&
	    e->kind != ERR_MISSING) {
		return -1;
	}
	return tools_parse(a, arena_str(a, buf_str(&text)), file.at, out, e);
}
