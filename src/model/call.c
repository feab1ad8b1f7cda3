/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a reply: whole, or with the reason why they must not run. */
#include "model/inside.h"

#include <stdio.h>

static struct str
canonical(struct arena *a, const struct json *args)
{
	auto_buf text = { 0 };

	json_canonical(&text, args);
	return arena_str(a, buf_str(&text));
}

static void
set_problem(struct model_call *call, struct str problem)
{
	call->arguments = STR("{}");
	call->canonical = STR("{}");
	call->problem = problem;
}

/* Text that must be one JSON object; never mended. */
static void
parse_arguments(struct arena *a, struct str text, struct model_call *call)
{
	static const struct json_limits limits = {
		.bytes = MODEL_ANSWER_MAX,
		.depth = 32,
		.nodes = 20000,
	};
	struct json *tree;
	struct err e = { 0 };

	if (json_parse(a, text, &limits, &tree, &e)) {
		set_problem(call,
		    arena_printf(a,
		        "the arguments are not valid JSON: %s; they "
		        "were: " STR_FMT,
		        e.text, STR_ARG(str_sub(text, 0, MODEL_RAW_SHOWN))));
		return;
	}
	if (tree->type != JSON_OBJECT) {
		set_problem(call, STR("the arguments must be a JSON object"));
		return;
	}
	call->arguments = text;
	call->canonical = canonical(a, tree);
}

static void
read_arguments(
    struct arena *a, const struct json *args, struct model_call *call)
{
	auto_buf text = { 0 };

	if (!args || args->type == JSON_NULL ||
	    (args->type == JSON_STRING && !args->text.len)) {
		call->arguments = STR("{}");
		call->canonical = STR("{}");
	} else if (args->type == JSON_STRING) {
		parse_arguments(a, args->text, call);
	} else if (args->type == JSON_OBJECT) {
		json_write(&text, args);
		call->arguments = arena_str(a, buf_str(&text));
		call->canonical = canonical(a, args);
	} else {
		set_problem(call, STR("the arguments must be a JSON object"));
	}
}

static void
read_call(struct arena *a, const struct json *item, uint32_t id,
    struct model_call *call)
{
	const struct json *function = json_get(item, "function");

	if (!function || function->type != JSON_OBJECT) {
		function = item;
	}
	*call = (struct model_call){ 0 };
	(void)snprintf(call->id, sizeof(call->id), "c%08u", id % 100000000);
	(void)json_text(function, "name", &call->name);
	read_arguments(a, json_get(function, "arguments"), call);
	if (!call->name.len && !call->problem.len) {
		set_problem(call, STR("the call names no tool"));
	}
}

int
model_read_calls(struct arena *a, const struct json *message, uint32_t first_id,
    struct model_reply *out)
{
	const struct json *list = json_get(message, "tool_calls");
	const struct json *old = json_get(message, "function_call");
	size_t count = 0;

	if (old && old->type != JSON_OBJECT) {
		old = NULL;
	}
	if (list && list->type != JSON_ARRAY) {
		list = NULL;
	}
	if (list && list->count > MODEL_CALLS_MAX) {
		return -1;
	}
	out->calls =
	    arena_array(a, (list ? list->count : 0) + 1, sizeof(*out->calls));
	JSON_EACH(item, list)
	{
		if (item->type != JSON_NULL) {
			read_call(a, item, first_id + (uint32_t)count,
			    &out->calls[count]);
			count++;
		}
	}
	if (!count && old) {
		read_call(a, old, first_id, &out->calls[count++]);
	}
	out->call_count = count;
	return 0;
}

void
model_cut_calls(struct model_reply *out)
{
	for (size_t i = 0; i < out->call_count; i++) {
		set_problem(&out->calls[i],
		    STR("the reply reached its length before it was whole, so "
		        "this call did not run; say less at once"));
	}
}
