/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in tools: their inputs, and `finish`. */
#include "tools/inner.h"

#define PATH                                                                \
	"\"path\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":4096," \
	"\"description\":\"absolute, or relative to /work\"}"

static const struct tool_builtin builtins[] = {
	{ "shell", TOOL_SHELL,
	    "{\"type\":\"object\",\"required\":[\"command\"],"
	    "\"additionalProperties\":false,\"properties\":{\"command\":{"
	    "\"type\":\"string\",\"minLength\":1,\"maxLength\":65536,"
	    "\"description\":\"a bash command line\"}}}" },
	{ "read_file", TOOL_READ_FILE,
	    "{\"type\":\"object\",\"required\":[\"path\"],"
	    "\"additionalProperties\":false,\"properties\":{" PATH "}}" },
	{ "write_file", TOOL_WRITE_FILE,
	    "{\"type\":\"object\",\"required\":[\"path\",\"content\"],"
	    "\"additionalProperties\":false,\"properties\":{" PATH
	    ",\"content\":{\"type\":\"string\",\"maxLength\":1048576}}}" },
	{ "dispatch_task", TOOL_DISPATCH,
	    "{\"type\":\"object\",\"required\":[\"queue\",\"subject\"],"
	    "\"additionalProperties\":false,\"properties\":{"
	    "\"queue\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":64},"
	    "\"subject\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":200},"
	    "\"type\":{\"type\":\"string\",\"maxLength\":64},"
	    "\"payload\":{\"type\":\"object\"},"
	    "\"ke_fit_score\":{\"type\":\"integer\",\"minimum\":1,"
	    "\"maximum\":5},"
	    "\"depends_on\":{\"type\":\"array\",\"maxItems\":64,"
	    "\"items\":{\"type\":\"string\"}}}}" },
	{ "ask_person", TOOL_QUESTION,
	    "{\"type\":\"object\",\"required\":[\"question\"],"
	    "\"additionalProperties\":false,\"properties\":{"
	    "\"question\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":1000},"
	    "\"options\":{\"type\":\"array\",\"minItems\":1,"
	    "\"maxItems\":16,\"items\":{\"type\":\"string\","
	    "\"minLength\":1,\"maxLength\":200,"
	    "\"pattern\":\"^[^\\\\x00-\\\\x1f\\\\x7f-\\\\x9f]*$\"}}}}" },
};

const struct tool_builtin *
tools_find_builtin(struct str name)
{
	for (size_t i = 0; i < COUNT(builtins); i++) {
		if (str_eq_z(name, builtins[i].name)) {
			return &builtins[i];
		}
	}
	return NULL;
}

const struct tool *
tools_finish(struct arena *a, const struct task_type *t)
{
	static const struct str everyone[] = { { "*", 1 } };
	struct tool *tool = arena_alloc(a, sizeof(*tool));

	tool->name = STR("finish");
	tool->description = STR("End the task. The arguments are its result.");
	tool->action = STR("finish");
	tool->identities = (struct names){ everyone, 1 };
	tool->timeout = CLOCK_MINUTE;
	tool->output_limit = TOOLS_OUTPUT_DEFAULT;
	tool->kind = TOOL_FINISH;
	tool->input_json = t->output_json;
	tool->input = t->output;
	tool->line = t->line;
	tools_seal_contract(tool);
	return tool;
}
