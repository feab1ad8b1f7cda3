/* SPDX-License-Identifier: Apache-2.0 */
/* One call: arguments checked, a plan made, a result checked. */
#include "tools/inner.h"

static const struct json no_arguments = { .type = JSON_OBJECT };

static int
check_size(const struct json *args, struct err *e)
{
	struct tree_walk walk = { .root = args };
	size_t bytes = 0;

	for (const struct json *j; (j = tree_next(&walk));) {
		bytes += j->text.len + j->key.len + 4;
		if (bytes > TOOLS_ARGS_MAX) {
			return err_set(
			    e, ERR_LIMIT, "arguments: more than 1 MiB");
		}
	}
	return walk.over
	           ? err_set(e, ERR_LIMIT, "arguments are nested too deep")
	           : 0;
}

int
tools_check_args(const struct tool *t, const struct json *args, struct err *e)
{
	if (args == NULL) {
		args = &no_arguments;
	}
	if (check_size(args, e) < 0 ||
	    tools_check_no_provider_key(args, e) < 0) {
		return -1;
	}
	return schema_check(t->input, args, e);
}

int
tools_check_result(
    const struct tool *t, const struct json *result, struct err *e)
{
	if (t->output == NULL) {
		return 0;
	}
	if (schema_check(t->output, result ? result : &no_arguments, e) < 0) {
		return err_wrap(e,
		    "the answer of " STR_FMT " is not what its contract says",
		    STR_ARG(t->name));
	}
	return 0;
}

/* ---- exec ---- */

/* ["sh", "-c", SCRIPT, …]: what stands behind the script are its parameters
 * and never options of the shell (POSIX sh: options end at the first operand).
 */
static bool
is_script_call(const struct json *argv)
{
	static const char *const shells[] = { "sh", "bash", "dash", "zsh",
		"ksh", "ash" };
	struct str rest = argv->first->text;
	struct str flags = argv->count > 2 ? argv->first->next->text : STR("");
	struct str program;
	bool shell = false;

	while (str_cut(&rest, '/', &program)) {
	}
	for (size_t i = 0; i < COUNT(shells); i++) {
		shell = shell || str_eq_z(program, shells[i]);
	}
	for (size_t i = 1; i < flags.len; i++) {
		shell = shell && str_has(STR("ceulx"), flags.at[i]);
	}
	return shell && flags.len > 1 && flags.at[0] == '-' &&
	       str_has(flags, 'c') &&
	       !str_starts(json_at(argv, 2)->text, STR("-"));
}

bool
argv_is_guarded(const struct json *element, const struct json *argv)
{
	const struct json *anchor = NULL;
	size_t index = 0;

	for (const struct json *j = argv->first; j != element; j = j->next) {
		index++;
		if (!template_begins(j->text)) {
			anchor = j;
		}
	}
	if (index > 2 && is_script_call(argv)) {
		return true;
	}
	return anchor != NULL && str_eq_z(anchor->text, "--");
}

/* `element` begins with a template: may its text begin with '-'? */
static int
check_dash(const struct template_call *c, const struct json *element,
    const struct json *argv)
{
	struct str rest = element->text;
	struct str before;
	struct str name = { 0 };

	if (argv_is_guarded(element, argv)) {
		return 0;
	}
	(void)template_next(&rest, &before, &name);
	JSON_EACH(item, json_get(c->tool->run, "options"))
	{
		if (str_eq(item->text, name)) {
			return 0;
		}
	}
	return err_set(c->e, ERR_INPUT,
	    STR_FMT ": may not begin with '-', " STR_FMT
	            " would read it as an option",
	    STR_ARG(name), STR_ARG(argv->first->text));
}

static int
expand_argv(const struct template_call *c, const struct json *argv,
    struct tool_plan *plan)
{
	struct str *list = arena_array(c->arena, argv->count, sizeof(*list));

	JSON_EACH(element, argv)
	{
		struct str *out = &list[plan->argc];

		if (template_fill(c, element->text, false, out) < 0) {
			return -1;
		}
		if (template_begins(element->text) &&
		    str_starts(*out, STR("-")) &&
		    check_dash(c, element, argv) < 0) {
			return -1;
		}
		plan->argc++;
	}
	plan->argv = list;
	return 0;
}

static int
expand_pairs(const struct template_call *c, const struct json *table,
    const struct tool_env **out, size_t *count)
{
	struct tool_env *list =
	    arena_array(c->arena, table ? table->count : 0, sizeof(*list));
	size_t n = 0;

	JSON_EACH(item, table)
	{
		list[n].name = item->key;
		if (template_fill(c, item->text, false, &list[n].value) < 0) {
			return -1;
		}
		n++;
	}
	*out = list;
	*count = n;
	return 0;
}

static struct str
working_folder(struct arena *a, const struct json *run)
{
	struct str cwd = { 0 };

	if (!json_text(run, "cwd", &cwd) || cwd.len == 0) {
		return STR("/work");
	}
	return cwd.at[0] == '/'
	           ? cwd
	           : arena_printf(a, "/work/" STR_FMT, STR_ARG(cwd));
}

static int
expand_exec(const struct template_call *c, struct tool_plan *plan)
{
	const struct json *run = c->tool->run;
	struct str input = { 0 };

	if (expand_argv(c, json_get(run, "exec"), plan) < 0) {
		return -1;
	}
	(void)json_text(run, "stdin", &input);
	return template_fill(c, input, false, &plan->input);
}

/* ---- built-in: fixed programs, the arguments are positional ---- */

#define WRITE_SCRIPT "mkdir -p -- \"$(dirname -- \"$1\")\" && cat >\"$1\""

static int
take_text(const struct template_call *c, const char *key, struct str *out)
{
	if (!json_text(c->args, key, out)) {
		return err_set(c->e, ERR_INPUT, "%s: expected a string", key);
	}
	return 0;
}

static int
expand_builtin(const struct template_call *c, struct tool_plan *plan)
{
	struct str *list = arena_array(c->arena, 5, sizeof(*list));
	bool shell = c->tool->kind == TOOL_SHELL;
	struct str text;

	if (take_text(c, shell ? "command" : "path", &text) < 0) {
		return -1;
	}
	if (str_has(text, '\0')) {
		return err_set(c->e, ERR_INPUT, "%s: a NUL cannot be passed on",
		    shell ? "command" : "path");
	}
	plan->argv = list;
	if (shell) {
		list[plan->argc++] = STR("/usr/bin/bash");
		list[plan->argc++] = STR("-c");
		list[plan->argc++] = STR("--");
		list[plan->argc++] = text;
		return 0;
	}
	if (c->tool->kind == TOOL_READ_FILE) {
		list[plan->argc++] = STR("/usr/bin/cat");
		list[plan->argc++] = STR("--");
		list[plan->argc++] = text;
		return 0;
	}
	list[plan->argc++] = STR("/usr/bin/bash");
	list[plan->argc++] = STR("-c");
	list[plan->argc++] = STR(WRITE_SCRIPT);
	list[plan->argc++] = STR("bash");
	list[plan->argc++] = text;
	return take_text(c, "content", &plan->input);
}

/* ---- http ---- */

/* A text that is one template takes the argument's own value and type. */
static int
fill_node(const struct template_call *c, struct json *node)
{
	struct str rest = node->text;
	struct str before;
	struct str name;
	const struct json *value;

	if (!template_next(&rest, &before, &name)) {
		return 0;
	}
	if (before.len > 0 || rest.len > 0) {
		return template_fill(c, node->text, false, &node->text);
	}
	value = template_value(c->tool, c->args, name);
	if (value == NULL || value->first != NULL) {
		return err_set(c->e, ERR_INPUT,
		    STR_FMT ": expected a text, a number or a boolean",
		    STR_ARG(name));
	}
	node->type = value->type;
	node->text = value->text;
	return 0;
}

static int
expand_body(const struct template_call *c, const struct json *body,
    struct tool_plan *plan)
{
	struct tree_walk walk = { 0 };
	struct json *copy;
	auto_buf text = { 0 };

	if (body == NULL) {
		return 0;
	}
	if (body->type == JSON_STRING) {
		return template_fill(c, body->text, false, &plan->body);
	}
	copy = json_copy(c->arena, body);
	walk.root = copy;
	for (const struct json *j; (j = tree_next(&walk));) {
		/* The walk is over our own copy. */
		if (j->type == JSON_STRING &&
		    fill_node(c, (struct json *)j) < 0) {
			return -1;
		}
	}
	json_write(&text, copy);
	plan->body = arena_str(c->arena, buf_str(&text));
	plan->body_json = true;
	return 0;
}

static int
check_header_values(const struct template_call *c, const struct tool_plan *plan)
{
	for (size_t i = 0; i < plan->header_count; i++) {
		struct str value = plan->headers[i].value;

		if (str_has(value, '\r') || str_has(value, '\n')) {
			return err_set(c->e, ERR_INPUT,
			    "header " STR_FMT ": a value is one line",
			    STR_ARG(plan->headers[i].name));
		}
	}
	return 0;
}

static int
expand_http(const struct template_call *c, struct tool_plan *plan)
{
	const struct json *http = json_get(c->tool->run, "http");
	struct str url = { 0 };

	(void)json_text(http, "method", &plan->method);
	(void)json_text(http, "url", &url);
	if (template_fill(c, url, true, &plan->url) < 0 ||
	    expand_pairs(c, json_get(http, "headers"), &plan->headers,
	        &plan->header_count) < 0 ||
	    check_header_values(c, plan) < 0) {
		return -1;
	}
	return expand_body(c, json_get(http, "body"), plan);
}

int
tools_expand(struct arena *a, const struct tool *t, const struct json *args,
    struct tool_plan *out, struct err *e)
{
	struct template_call c = { a, t, args ? args : &no_arguments, e };
	struct tool_plan plan = { .cwd = working_folder(a, t->run) };
	int rc = 0;

	switch (t->kind) {
	case TOOL_EXEC:
		rc = expand_exec(&c, &plan);
		break;
	case TOOL_SHELL:
	case TOOL_READ_FILE:
	case TOOL_WRITE_FILE:
		rc = expand_builtin(&c, &plan);
		break;
	case TOOL_HTTP:
		rc = expand_http(&c, &plan);
		break;
	case TOOL_DISPATCH:
	case TOOL_QUESTION:
	case TOOL_REQUEST:
	case TOOL_FINISH:
	case TOOL_CLIENT:
		break; /* nothing of ours runs */
	}
	if (rc < 0 || expand_pairs(&c, json_get(t->run, "env"), &plan.env,
	                  &plan.env_count) < 0) {
		return -1;
	}
	*out = plan;
	return 0;
}
