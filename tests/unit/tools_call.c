/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/tools.h"

/* A call: arguments checked, a plan made, a result judged. */

static const struct tool *
tool(struct arena *a, const char *run, const char *rest)
{
	struct str text = arena_printf(a,
	    "[tool.t]\ndescription = \"d\"\naction = \"run\"\nrun = %s\n%s",
	    run, rest);
	struct catalogue c;
	struct err e = { 0 };

	if (tools_parse(a, text, "f", &c, &e) < 0) {
		fail_msg("%s\n%s", e.text, text.at);
	}
	return &c.at[0];
}

static struct json *
parse(struct arena *a, const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(a, str_of(text), NULL, &j, &e) < 0) {
		fail_msg("%s: %s", text, e.text);
	}
	return j;
}

#define TWO                                            \
	"input.required = [\"x\", \"y\"]\n"            \
	"input.properties.x = { type = \"string\" }\n" \
	"input.properties.y = { type = \"string\" }\n"

/* argv with a space between elements marked by '|'. */
static void
expands(const char *run, const char *args, const char *argv)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	const struct tool *t = tool(&a, run, TWO);
	struct tool_plan p = { 0 };
	struct err e = { 0 };

	if (tools_check_args(t, parse(&a, args), &e) < 0 ||
	    tools_expand(&a, t, parse(&a, args), &p, &e) < 0) {
		fail_msg("%s: %s", args, e.text);
	}
	for (size_t i = 0; i < p.argc; i++) {
		buf_add_z(&text, i > 0 ? "|" : "");
		buf_add(&text, p.argv[i]);
	}
	assert_string_equal(buf_z(&text), argv);
}

static void
refuses(const char *run, const char *args, const char *message)
{
	auto_arena a = { 0 };
	const struct tool *t = tool(&a, run, TWO);
	struct tool_plan p = { .argc = 99 };
	struct err e = { 0 };

	assert_int_equal(tools_expand(&a, t, parse(&a, args), &p, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, message);
	assert_int_equal(p.argc, 99);
}

static void
an_argument_stays_one_element(void **state)
{
	(void)state;
	expands("{ exec = [\"echo\", \"{{x}}\", \"b={{y}};{{x}}\"] }",
	    "{\"x\":\"a b; rm -rf / $(id) `id` 'q' \\\"\\n*\",\"y\":\"\"}",
	    "echo|a b; rm -rf / $(id) `id` 'q' \"\n*|"
	    "b=;a b; rm -rf / $(id) `id` 'q' \"\n*");
	/* What is filled in is not looked at again. */
	expands("{ exec = [\"echo\", \"{{x}}\"] }",
	    "{\"x\":\"{{y}}\",\"y\":\"secret\"}", "echo|{{y}}");
}

static void
an_argument_does_not_become_an_option(void **state)
{
	static const char evil[] =
	    "{\"x\":\"--upload-pack=touch /tmp/p\",\"y\":\"-o\"}";

	(void)state;
	refuses("{ exec = [\"git\", \"clone\", \"{{x}}\"] }", evil,
	    "x: may not begin with '-', git would read it as an option");
	refuses("{ exec = [\"git\", \"clone\", \"--\", \"dir\", \"{{x}}\"] }",
	    evil, "x: may not begin with '-', git would read it as an option");
	/* The -- of a wrapper does not guard the wrapped program. */
	refuses("{ exec = [\"env\", \"--\", \"git\", \"clone\", \"{{x}}\"] }",
	    evil, "x: may not begin with '-', env would read it as an option");
	refuses("{ exec = [\"git\", \"push\", \"{{x}}:refs/{{y}}\"] }", evil,
	    "x: may not begin with '-', git would read it as an option");
	/* An empty first template lets the second one begin the element. */
	refuses("{ exec = [\"git\", \"{{x}}{{y}}\"] }",
	    "{\"x\":\"\",\"y\":\"-c\"}",
	    "x: may not begin with '-', git would read it as an option");
}

static void
a_guard_or_a_declaration_lets_a_dash_through(void **state)
{
	static const char dash[] = "{\"x\":\"-a\",\"y\":\"-b\"}";

	(void)state;
	expands("{ exec = [\"git\", \"clone\", \"--\", \"{{x}}\", \"{{y}}\"] }",
	    dash, "git|clone|--|-a|-b");
	expands(
	    "{ exec = [\"ls\", \"{{x}}\"], options = [\"x\"] }", dash, "ls|-a");
	expands("{ exec = [\"ls\", \"--sort={{x}}\"] }", dash, "ls|--sort=-a");
	/* Only the argument that begins the element is named. */
	refuses("{ exec = [\"ls\", \"{{x}}{{y}}\"], options = [\"y\"] }", dash,
	    "x: may not begin with '-', ls would read it as an option");
}

static void
what_stands_behind_a_script_is_its_parameter(void **state)
{
	static const char dash[] = "{\"x\":\"-a\",\"y\":\"-b\"}";

	(void)state;
	expands("{ exec = [\"/bin/sh\", \"-c\", \"f\", \"f\", \"{{x}}\"] }",
	    dash, "/bin/sh|-c|f|f|-a");
	expands("{ exec = [\"bash\", \"-euc\", \"f\", \"{{x}}\"] }", dash,
	    "bash|-euc|f|-a");
	refuses("{ exec = [\"sh\", \"f\", \"-d\", \"{{x}}:\"] }", dash,
	    "x: may not begin with '-', sh would read it as an option");
	refuses("{ exec = [\"bash\", \"-oc\", \"f\", \"{{x}}\"] }", dash,
	    "x: may not begin with '-', bash would read it as an option");
	refuses("{ exec = [\"git\", \"-c\", \"a.b=c\", \"{{x}}\"] }", dash,
	    "x: may not begin with '-', git would read it as an option");
	refuses("{ exec = [\"sh\", \"-c\", \"-x\", \"{{x}}\"] }", dash,
	    "x: may not begin with '-', sh would read it as an option");
}

static void
a_nul_reaches_no_program(void **state)
{
	(void)state;
	refuses("{ exec = [\"echo\", \"{{x}}\"] }",
	    "{\"x\":\"a\\u0000b\",\"y\":\"\"}", "x: a NUL cannot be passed on");
	refuses("{ exec = [\"echo\"], env = { A = \"{{x}}\" } }",
	    "{\"x\":\"a\\u0000b\",\"y\":\"\"}", "x: a NUL cannot be passed on");
}

static void
numbers_defaults_and_the_rest_of_a_plan(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t = tool(&a,
	    "{ exec = [\"head\", \"-n{{n}}\", \"{{q}}\"], cwd = \"src\", "
	    "stdin = \"in {{n}}\", env = { N = \"{{n}}\", V = \"a b\" } }",
	    "input.properties.n = { type = \"integer\", default = 10 }\n"
	    "input.properties.q = { type = \"boolean\", default = true }\n");
	struct tool_plan p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tools_expand(&a, t, NULL, &p, &e), 0);
	assert_true(str_eq_z(p.argv[1], "-n10"));
	assert_true(str_eq_z(p.argv[2], "true"));
	assert_true(str_eq_z(p.cwd, "/work/src"));
	assert_true(str_eq_z(p.input, "in 10"));
	assert_int_equal(p.env_count, 2);
	assert_true(str_eq_z(p.env[0].name, "N"));
	assert_true(str_eq_z(p.env[0].value, "10"));
	assert_int_equal(
	    tools_expand(&a, t, parse(&a, "{\"n\":2.50,\"q\":false}"), &p, &e),
	    0);
	assert_true(str_eq_z(p.argv[1], "-n2.50"));
	assert_true(str_eq_z(p.argv[2], "false"));
}

static void
arguments_are_checked_by_their_schema(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t = tool(&a, "{ exec = [\"a\", \"{{x}}\"] }", TWO);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tools_check_args(t, NULL, &e), -1);
	assert_string_equal(e.text, "x: is required");
	assert_int_equal(
	    tools_check_args(t, parse(&a, "{\"x\":1,\"y\":\"\"}"), &e), -1);
	assert_string_equal(e.text, "x: expected a string, got a number");
	assert_int_equal(tools_check_args(t, parse(&a, "[]"), &e), -1);
	/* An argument that nobody reads is no silence. */
	assert_int_equal(tools_check_args(t,
	                     parse(&a, "{\"x\":\"\",\"y\":\"\","
	                               "\"dry_run\":true}"),
	                     &e),
	    -1);
	assert_string_equal(
	    e.text, "dry_run: no member of that name is allowed");
}

static void
builtin_tools_are_fixed_programs(void **state)
{
	auto_arena a = { 0 };
	const struct tool *shell = tool(&a, "{ builtin = \"shell\" }", "");
	const struct tool *read = tool(&a, "{ builtin = \"read_file\" }", "");
	const struct tool *write = tool(&a, "{ builtin = \"write_file\" }", "");
	struct tool_plan p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tools_expand(&a, shell,
	                     parse(&a, "{\"command\":\"-x; ls\"}"), &p, &e),
	    0);
	assert_true(str_eq_z(p.argv[0], "/usr/bin/bash"));
	assert_true(str_eq_z(p.argv[2], "--"));
	assert_true(str_eq_z(p.argv[3], "-x; ls"));
	assert_int_equal(
	    tools_expand(&a, read, parse(&a, "{\"path\":\"-n\"}"), &p, &e), 0);
	assert_true(str_eq_z(p.argv[1], "--"));
	assert_true(str_eq_z(p.argv[2], "-n"));
	assert_int_equal(
	    tools_expand(&a, write,
	        parse(&a, "{\"path\":\"a;b\",\"content\":\"x\\u0000y\"}"), &p,
	        &e),
	    0);
	assert_int_equal(p.argc, 5);
	assert_true(str_eq_z(p.argv[4], "a;b"));
	assert_int_equal(p.input.len, 3);
	assert_int_equal(tools_expand(&a, read,
	                     parse(&a, "{\"path\":\"a\\u0000\"}"), &p, &e),
	    -1);
	assert_int_equal(tools_check_args(shell, parse(&a, "{}"), &e), -1);
	assert_int_equal(
	    tools_check_args(shell, parse(&a, "{\"command\":\"\"}"), &e), -1);
}

/* ---- http ---- */

#define HTTP                                                              \
	"{ http = { method = \"POST\", url = "                            \
	"\"https://users.internal/v1/{{x}}/{{y}}?q={{x}}\", headers = { " \
	"X-Trace = \"{{y}}\" }, body = { id = \"{{x}}\", text = "         \
	"\"hi {{y}}\", list = [\"{{y}}\", 3] } } }"

static void
a_value_stays_one_segment_of_a_url(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t = tool(&a, HTTP, TWO);
	struct tool_plan p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tools_expand(&a, t,
	                     parse(&a, "{\"x\":\"a/../b?c#d%2f\",\"y\":"
	                               "\"\xc3\xa9 ~\"}"),
	                     &p, &e),
	    0);
	assert_true(str_eq_z(p.method, "POST"));
	assert_true(str_eq_z(p.url,
	    "https://users.internal/v1/a%2F..%2Fb%3Fc%23d%252f/%C3%A9%20~"
	    "?q=a%2F..%2Fb%3Fc%23d%252f"));
	assert_true(p.body_json);
	assert_true(str_eq_z(p.body,
	    "{\"id\":\"a/../b?c#d%2f\",\"text\":\"hi \xc3\xa9 ~\","
	    "\"list\":[\"\xc3\xa9 ~\",3]}"));
	refuses(HTTP, "{\"x\":\"..\",\"y\":\"a\"}",
	    "x: empty, . and .. would change the path");
	refuses(HTTP, "{\"x\":\"a\",\"y\":\".\"}",
	    "y: empty, . and .. would change the path");
	refuses(HTTP, "{\"x\":\"\",\"y\":\"a\"}",
	    "x: empty, . and .. would change the path");
	refuses(HTTP, "{\"x\":\"a\",\"y\":\"b\\r\\nAuthorization: z\"}",
	    "header X-Trace: a value is one line");
}

static void
a_body_keeps_the_type_of_an_argument(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t = tool(&a,
	    "{ http = { method = \"POST\", url = \"https://h/\", body = { n = "
	    "\"{{n}}\", s = \"n={{n}}\", q = \"{{q}}\" } } }",
	    "input.required = [\"n\"]\n"
	    "input.properties.n = { type = \"integer\" }\n"
	    "input.properties.q = { type = \"boolean\", default = false }\n");
	struct tool_plan p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tools_expand(&a, t,
	                     parse(&a, "{\"n\":12345678901234567890}"), &p, &e),
	    0);
	assert_true(str_eq_z(p.body,
	    "{\"n\":12345678901234567890,\"s\":\"n=12345678901234567890\","
	    "\"q\":false}"));
	/* The declaration itself is as it was. */
	assert_int_equal(
	    tools_expand(&a, t, parse(&a, "{\"n\":1}"), &p, &e), 0);
	assert_true(str_eq_z(p.body, "{\"n\":1,\"s\":\"n=1\",\"q\":false}"));
}

/* ---- results ---- */

static void
results(const struct tool *t, const struct tool_exit *x, const char *text,
    bool should_fail)
{
	auto_arena a = { 0 };
	auto_buf written = { 0 };
	struct json *result = NULL;
	bool failed = !should_fail;
	struct err e = { 0 };

	if (tools_exec_result(&a, t, x, &result, &failed, &e) < 0) {
		fail_msg("%s", e.text);
	}
	json_write(&written, result);
	assert_string_equal(buf_z(&written), text);
	assert_int_equal(failed, should_fail);
}

static void
a_process_answers_in_the_plain_form(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t =
	    tool(&a, "{ exec = [\"a\"] }", "output_limit = 4\n");

	(void)state;
	results(t, &(struct tool_exit){ 0, STR("ab\n\n"), STR("w\n"), false },
	    "{\"exit\":0,\"stdout\":\"ab\",\"stderr\":\"w\","
	    "\"truncated\":false}",
	    false);
	results(t, &(struct tool_exit){ 137, STR("abcdef"), STR(""), false },
	    "{\"exit\":137,\"stdout\":\"abcd\",\"stderr\":\"\","
	    "\"truncated\":true}",
	    true);
	results(t,
	    &(struct tool_exit){
	        0, STR("\xff\xc0\xaf"), STR("\xed\xa0\x80"), true },
	    "{\"exit\":0,\"stdout\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
	    "\"stderr\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
	    "\"truncated\":true}",
	    false);
}

static void
a_file_is_read_to_the_byte(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t = tool(&a, "{ builtin = \"read_file\" }", "");

	(void)state;
	results(t, &(struct tool_exit){ 0, STR("a\n\n"), STR(""), false },
	    "{\"content\":\"a\\n\\n\",\"truncated\":false}", false);
	results(t, &(struct tool_exit){ 1, STR(""), STR("no\n"), false },
	    "{\"exit\":1,\"stdout\":\"\",\"stderr\":\"no\","
	    "\"truncated\":false}",
	    true);
}

static void
a_declared_answer_is_judged(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t = tool(&a, "{ exec = [\"a\"] }",
	    "output.required = [\"commit\"]\n"
	    "output.properties.commit = { type = \"string\" }\n");
	struct json *result = NULL;
	bool failed = false;
	struct err e = { 0 };

	(void)state;
	results(t,
	    &(struct tool_exit){
	        0, STR("{\"commit\":\"c1\"}\n"), STR("x"), false },
	    "{\"commit\":\"c1\"}", false);
	results(t, &(struct tool_exit){ 2, STR("{}"), STR(""), false },
	    "{\"exit\":2,\"stdout\":\"{}\",\"stderr\":\"\","
	    "\"truncated\":false}",
	    true);
	assert_int_equal(
	    tools_exec_result(&a, t,
	        &(struct tool_exit){ 0, STR("{}"), STR(""), false }, &result,
	        &failed, &e),
	    -1);
	assert_string_equal(e.text,
	    "the answer of t is not what its contract says: commit: is "
	    "required");
	assert_int_equal(
	    tools_exec_result(&a, t,
	        &(struct tool_exit){ 0, STR("oops"), STR(""), false }, &result,
	        &failed, &e),
	    -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(tools_exec_result(&a, t,
	                     &(struct tool_exit){ 0, STR("{}"), STR(""), true },
	                     &result, &failed, &e),
	    -1);
	assert_null(result);
}

static void
finish_takes_the_tasks_result(void **state)
{
	auto_arena a = { 0 };
	const struct tool *t;
	struct role r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(roles_parse_file(&a, STR("x"),
	                     STR("[task.a]\ntools = []\n"
	                         "output.required = [\"branch\"]\n"),
	                     "role.toml", &r, &e),
	    0);
	t = tools_finish(&a, &r.types[0]);
	assert_int_equal(t->kind, TOOL_FINISH);
	assert_int_equal(tools_check_args(t, NULL, &e), -1);
	assert_string_equal(e.text, "branch: is required");
	assert_int_equal(
	    tools_check_args(t, parse(&a, "{\"branch\":1}"), &e), 0);
	assert_false(digest_is_zero(t->contract));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_argument_stays_one_element),
		cmocka_unit_test(an_argument_does_not_become_an_option),
		cmocka_unit_test(a_guard_or_a_declaration_lets_a_dash_through),
		cmocka_unit_test(what_stands_behind_a_script_is_its_parameter),
		cmocka_unit_test(a_nul_reaches_no_program),
		cmocka_unit_test(numbers_defaults_and_the_rest_of_a_plan),
		cmocka_unit_test(arguments_are_checked_by_their_schema),
		cmocka_unit_test(builtin_tools_are_fixed_programs),
		cmocka_unit_test(a_value_stays_one_segment_of_a_url),
		cmocka_unit_test(a_body_keeps_the_type_of_an_argument),
		cmocka_unit_test(a_process_answers_in_the_plain_form),
		cmocka_unit_test(a_file_is_read_to_the_byte),
		cmocka_unit_test(a_declared_answer_is_judged),
		cmocka_unit_test(finish_takes_the_tasks_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
