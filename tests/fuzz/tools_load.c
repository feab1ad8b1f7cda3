/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_clean(struct str text)
{
	return !str_has(text, '\0');
}

/* Whatever passed the check of its arguments expands without a NUL, and its
 * first word is the declaration's. */
static void
try_call(struct arena *a, const struct tool *t, const struct json *args)
{
	struct tool_plan plan;
	struct err e = { 0 };

	if (tools_check_args(t, args, &e) < 0 ||
	    tools_expand(a, t, args, &plan, &e) < 0) {
		must(e.text[0] != '\0');
		return;
	}
	for (size_t i = 0; i < plan.argc; i++) {
		must(is_clean(plan.argv[i]));
	}
	for (size_t i = 0; i < plan.env_count; i++) {
		must(is_clean(plan.env[i].value));
	}
	must(is_clean(plan.url));
}

/* server.toml, a line of four dashes, the arguments as JSON. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	struct str text = str_span(data, size);
	struct str args_text = { 0 };
	struct json *args = NULL;
	struct catalogue c;
	struct err e = { 0 };

	for (size_t i = 0; i < text.len; i++) {
		if (str_starts(str_sub(text, i, 6), STR("\n----\n"))) {
			args_text = str_sub(text, i + 6, text.len);
			text.len = i + 1;
		}
	}
	if (tools_parse(&a, text, "fuzz", &c, &e) < 0) {
		must(e.text[0] != '\0');
		return 0;
	}
	if (json_parse(&a, args_text, NULL, &args, &e) < 0) {
		args = NULL;
	}
	for (size_t i = 0; i < c.count; i++) {
		try_call(&a, &c.at[i], args);
	}
	return 0;
}
