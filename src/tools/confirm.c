/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm = "TOOL": a read that says whether a call of these very arguments
 * has happened.  A command says so in its result; of a request the status does.
 */
#include "tools/inner.h"

static bool
has_name(const struct json *list, const char *name)
{
	JSON_EACH(one, list)
	{
		if (one->type == JSON_STRING && str_eq_z(one->text, name)) {
			return true;
		}
	}
	return false;
}

/* Its result always has `happened`, true or false. */
static bool
says_happened(const struct tool *read)
{
	const struct json *output = read->output_json;
	const struct json *happened =
	    json_get(json_get(output, "properties"), "happened");
	struct str type = STR("");

	return has_name(json_get(output, "required"), "happened") &&
	       json_text(happened, "type", &type) && str_eq_z(type, "boolean");
}

static bool
is_same_input(const struct tool *a, const struct tool *b)
{
	auto_buf mine = { 0 };
	auto_buf its = { 0 };

	json_canonical(&mine, a->input_json);
	json_canonical(&its, b->input_json);
	return str_eq(buf_str(&mine), buf_str(&its));
}

static bool
does_something(const struct tool *t)
{
	return t->kind == TOOL_EXEC || t->kind == TOOL_HTTP ||
	       t->kind == TOOL_SHELL || t->kind == TOOL_WRITE_FILE ||
	       t->kind == TOOL_READ_FILE;
}

static bool
asks_only(const struct tool *read)
{
	struct str method = STR("");

	return json_text(json_get(read->run, "http"), "method", &method) &&
	       (str_eq_z(method, "GET") || str_eq_z(method, "HEAD"));
}

static const char *
what_is_wrong(const struct tool *t, const struct tool *read)
{
	if (!read || read == t || !str_eq_z(read->action, "read")) {
		return "expected another tool of this file with action = "
		       "\"read\"";
	}
	if (!does_something(t)) {
		return "only of a tool that is carried out here can the end be "
		       "unseen";
	}
	if ((read->kind != TOOL_EXEC && read->kind != TOOL_HTTP) ||
	    read->fresh) {
		return "expected a tool that runs a command in the run's cell "
		       "(exec) or asks a server (http)";
	}
	if (!is_same_input(t, read)) {
		return "expected a tool of the same input: it is called with "
		       "the same arguments";
	}
	if (read->kind == TOOL_HTTP && !asks_only(read)) {
		return "its request must be a GET or a HEAD: it only asks";
	}
	if (read->kind == TOOL_EXEC && !says_happened(read)) {
		return "its output must require `happened`, a boolean";
	}
	return NULL;
}

int
tools_check_confirms(const char *file, const struct catalogue *c,
    const struct json *tables, struct err *e)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct tool *t = &c->at[i];
		const struct json *where =
		    json_get(json_get_str(tables, t->name), "confirm");
		const char *wrong =
		    t->confirm.len ? what_is_wrong(t, tools_find(c, t->confirm))
		                   : NULL;

		if (wrong) {
			return table_err(file, where, e, "confirm: %s", wrong);
		}
	}
	return 0;
}

enum tool_said
tools_confirm_result(const struct json *result, bool failed)
{
	bool happened = false;

	if (failed || !json_bool(result, "happened", &happened)) {
		return TOOL_SAYS_NOTHING;
	}
	return happened ? TOOL_SAYS_HAPPENED : TOOL_SAYS_NOT;
}

enum tool_said
tools_confirm_status(unsigned status)
{
	if (status >= 200 && status < 300) {
		return TOOL_SAYS_HAPPENED;
	}
	return status == 404 || status == 410 ? TOOL_SAYS_NOT
	                                      : TOOL_SAYS_NOTHING;
}
