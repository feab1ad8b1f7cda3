/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "roles/roles.h"

#define FIX_TEST                                                  \
	"description = \"repairs\"\n"                             \
	"[task.fix_test]\n"                                       \
	"tools  = [\"git_clone\", \"run_tests\", \"shell\"]\n"    \
	"brain  = \"model.default\"\n"                            \
	"budget = { turns = 40, wall = \"20m\" }\n"               \
	"input.required  = [\"repo\"]\n"                          \
	"input.properties.repo = { type = \"string\", pattern = " \
	"\"^https://\" "                                          \
	"}\n"                                                     \
	"output.required = [\"branch\", \"tests_passed\"]\n"      \
	"output.properties.tests_passed = { type = \"boolean\" }\n"

static void
load(struct arena *a, const char *text, struct role *r)
{
	struct err e = { 0 };

	if (roles_parse_file(
	        a, STR("engineering"), str_of(text), "role.toml", r, &e) < 0) {
		fail_msg("%s", e.text);
	}
}

static const struct json *
parse(struct arena *a, const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(a, str_of(text), NULL, &j, &e) < 0) {
		fail_msg("%s: %s", text, e.text);
	}
	return j;
}

static void
a_task_type_carries_its_power_and_its_forms(void **state)
{
	auto_arena a = { 0 };
	struct role r;
	const struct task_type *t;
	struct err e = { 0 };

	(void)state;
	load(&a, FIX_TEST, &r);
	t = roles_find_type(&r, STR("fix_test"));
	assert_non_null(t);
	assert_int_equal(t->tools.count, 3);
	assert_true(names_have(&t->tools, STR("run_tests")));
	assert_int_equal(t->brain, BRAIN_MODEL);
	assert_true(str_eq_z(t->model, "default"));
	assert_int_equal(t->turns, 40);
	assert_int_equal(t->calls, 200);
	assert_int_equal(t->wall, 20 * CLOCK_MINUTE);
	assert_int_equal(t->line, 2);
	assert_int_equal(
	    roles_check_payload(t, parse(&a, "{\"repo\":\"https://x\"}"), &e),
	    0);
	assert_int_equal(
	    roles_check_payload(t, parse(&a, "{\"repo\":1}"), &e), -1);
	assert_string_equal(
	    e.text, "payload: repo: expected a string, got a number");
	assert_int_equal(roles_check_payload(t, NULL, &e), -1);
	assert_string_equal(e.text, "payload: repo: is required");
	assert_int_equal(roles_check_payload(t, parse(&a, "[]"), &e), -1);
	assert_int_equal(roles_check_result(t,
	                     parse(&a, "{\"branch\":\"b\","
	                               "\"tests_passed\":true}"),
	                     &e),
	    0);
	assert_int_equal(
	    roles_check_result(t, parse(&a, "{\"branch\":\"b\"}"), &e), -1);
	assert_string_equal(e.text, "result: tests_passed: is required");
	assert_null(roles_find_type(&r, STR("other")));
}

static void
refuses(const char *text, const char *message)
{
	auto_arena a = { 0 };
	struct role r = { .type_count = 99 };
	struct err e = { 0 };

	if (roles_parse_file(&a, STR("engineering"), str_of(text), "role.toml",
	        &r, &e) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, message);
	assert_int_equal(r.type_count, 99);
}

static void
every_mistake_has_its_line(void **state)
{
	(void)state;
	refuses("", "role.toml: expected 1 to 256 task types, [task.TYPE]");
	refuses("[task.a]\ntools = []\nbrian = \"runbook\"\n",
	    "role.toml:3:9: unknown key \"brian\" in [task.a]; known here: "
	    "description, tools, brain, budget, retry, skill, input, output");
	refuses("[task.a]\n",
	    "role.toml:1:7: [task.a] needs the key tools: the list of tools "
	    "that this type may call");
	refuses("[task.A]\ntools = []\n",
	    "role.toml:1:7: [task.\"A\"]: expected a name of lower-case "
	    "letters, digits and _");
	refuses("[task.a]\ntools = [\"x\", \"x\"]\n",
	    "role.toml:2:9: tools: expected a list of different texts");
	refuses("[task.a]\ntools = [\"X\"]\n",
	    "role.toml:2:9: tools: \"X\" is no name of a tool (lower-case "
	    "letters, digits, _)");
	refuses("[task.a]\ntools = [\"finish\"]\n",
	    "role.toml:2:9: tools: finish is always there; leave it out");
	refuses("[task.a]\ntools = []\nbrain = \"gpt\"\n",
	    "role.toml:3:9: brain: expected \"runbook\" or \"model.NAME\"");
	refuses("[task.a]\ntools = []\nbudget = { turns = 0 }\n",
	    "role.toml:3:10: budget: turns and calls are 1 to 100000");
	refuses("[task.a]\ntools = []\nbudget = { turn = 1 }\n",
	    "role.toml:3:19: unknown key \"turn\" in budget; known here: "
	    "turns, calls, wall");
	refuses("[task.a]\ntools = []\n[task.a.input]\ntype = \"array\"\n",
	    "role.toml:4:8: input: its type is \"object\"");
	refuses("[task.a]\ntools = []\n[task.a.input]\nrequird = [\"x\"]\n",
	    "role.toml:4:11: /requird: this keyword is not enforced here, so "
	    "it is refused");
	refuses("[task.a]\ntools = []\n[task.a.output.properties.x]\n"
	        "pattern = \"(\"\n",
	    "role.toml:4:11: /properties/x/pattern: at character 2: missing "
	    "closing parenthesis");
	refuses("[task.a]\ntools = []\nretry = { base = \"1s\" }\n",
	    "role.toml:3:9: retry needs the key attempts: how often it is "
	    "tried in all");
	refuses("[task.a]\ntools = []\nretry = { attempts = 0 }\n",
	    "role.toml:3:9: retry: attempts is 1 to 1000, and base no longer "
	    "than cap");
	refuses("[task.a]\ntools = []\n"
	        "retry = { attempts = 2, base = \"2m\", cap = \"1m\" }\n",
	    "role.toml:3:9: retry: attempts is 1 to 1000, and base no longer "
	    "than cap");
	refuses("[queue]\nweight = 0\n[task.a]\ntools = []\n",
	    "role.toml:1:2: [queue]: weight is 1 to 100");
	refuses("[queue]\nrepair = \"Not a queue\"\n[task.a]\ntools = []\n",
	    "role.toml:2:10: repair: expected lower-case words joined by "
	    "single underscores");
	refuses("[limits]\nmemory = \"1M\"\n[task.a]\ntools = []\n",
	    "role.toml:1:2: memory: expected at least 16M");
	refuses("[limits]\nworkspace = \"1K\"\n[task.a]\ntools = []\n",
	    "role.toml:1:2: workspace: expected at least 1M");
	refuses("[limits]\ndisk = \"1M\"\n[task.a]\ntools = []\n",
	    "role.toml:2:8: unknown key \"disk\" in [limits]; known here: "
	    "memory, pids, fsize, workspace, wall");
}

static void
a_roles_limits_stand_over_the_houses(void **state)
{
	auto_arena a = { 0 };
	struct config c = { .limits = { 1 << 30, 256, 1 << 30, 5, 1 << 30 } };
	struct limits l;
	struct role r;

	(void)state;
	load(&a, "[limits]\npids = 32\n[task.a]\ntools = []\n", &r);
	l = roles_limits(&c, &r);
	assert_int_equal(l.pids, 32);
	assert_int_equal(l.memory, 1 << 30);
	assert_int_equal(l.wall, 5);
}

static void
a_type_says_how_its_failures_are_tried_again(void **state)
{
	auto_arena a = { 0 };
	struct role r = { 0 };
	struct err e = { 0 };
	const char *text = "[queue]\nrunning = 4\nwaiting = 10000\n"
	                   "per_minute = 60\nweight = 3\n"
	                   "repair = \"engineering\"\n"
	                   "[task.a]\ntools = []\nskill = \"mend-it\"\n"
	                   "retry = { attempts = 5, base = \"2s\", "
	                   "cap = \"5m\" }\n"
	                   "[task.b]\ntools = []\n"
	                   "[task.c]\ntools = []\n"
	                   "retry = { attempts = 2 }\n";

	(void)state;
	if (roles_parse_file(
	        &a, STR("legal"), str_of(text), "role.toml", &r, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(r.queue.running, 4);
	assert_int_equal(r.queue.waiting, 10000);
	assert_int_equal(r.queue.per_minute, 60);
	assert_int_equal(r.queue.weight, 3);
	assert_true(str_eq_z(r.queue.repair, "engineering"));
	assert_int_equal(r.types[0].retry.attempts, 5);
	assert_int_equal(r.types[0].retry.base, 2 * CLOCK_SECOND);
	assert_int_equal(r.types[0].retry.cap, 5 * CLOCK_MINUTE);
	assert_true(str_eq_z(r.types[0].skill, "mend-it"));
	assert_int_equal(r.types[1].retry.attempts, 0);
	assert_int_equal(r.types[1].skill.len, 0);
	assert_int_equal(r.types[2].retry.attempts, 2);
	assert_int_equal(r.types[2].retry.base, CLOCK_SECOND);
	assert_int_equal(r.types[2].retry.cap, 60 * CLOCK_MINUTE);
	assert_int_equal(
	    roles_parse_file(&a, STR("legal"), STR("[task.a]\ntools = []\n"),
	        "role.toml", &r, &e),
	    0);
	assert_int_equal(r.queue.running, 0);
	assert_int_equal(r.queue.weight, 1);
	assert_int_equal(r.queue.repair.len, 0);
}

static void
a_model_that_the_house_lacks_is_found(void **state)
{
	auto_arena a = { 0 };
	struct config c = { .file = STR("handrail.toml") };
	struct role r;
	struct err e = { 0 };

	(void)state;
	load(&a, FIX_TEST, &r);
	assert_int_equal(roles_check_models(&r, &c, &e), -1);
	assert_string_equal(e.text,
	    "role.toml:2:1: [task.fix_test]: there is no [model.default] in "
	    "handrail.toml");
	load(&a, "[task.a]\ntools = []\nbrain = \"runbook\"\n", &r);
	assert_int_equal(roles_check_models(&r, &c, &e), 0);
}

/* ---- runbook ---- */

#define RUNBOOK                                                           \
	"[task.a]\ntools = [\"clone\", \"shell\"]\nbrain = \"runbook\"\n" \
	"input.properties.repo = { type = \"string\" }\n"

static void
check_runbook(const char *steps, const char *message)
{
	auto_arena a = { 0 };
	struct role r;
	struct err e = { 0 };
	struct str payload = arena_printf(&a, "{\"runbook\":%s}", steps);
	int rc;

	load(&a, RUNBOOK, &r);
	rc = roles_check_payload(&r.types[0], parse(&a, payload.at), &e);
	if (message == NULL) {
		assert_string_equal(e.text, "");
		assert_int_equal(rc, 0);
		return;
	}
	assert_int_equal(rc, -1);
	assert_string_equal(e.text, message);
}

static void
a_runbook_of_declared_steps_passes(void **state)
{
	(void)state;
	check_runbook("[{\"id\":\"c\",\"tool\":\"clone\",\"args\":{\"repo\":"
	              "\"r\"},\"on_error\":\"stop\"},"
	              "{\"id\":\"s\",\"tool\":\"shell\",\"args\":{\"command\":"
	              "\"echo ${c.commit} ${HOME} $x ${c} ${\"}},"
	              "{\"id\":\"f\",\"tool\":\"finish\",\"args\":{\"a\":[{"
	              "\"b\":\"${s.stdout}${c.x.y}\"}]}}]",
	    NULL);
}

static void
a_runbook_is_checked_at_dispatch(void **state)
{
	(void)state;
	check_runbook("[]", "payload: runbook: expected at least 1 items");
	check_runbook(
	    "[{\"tool\":\"clone\"}]", "payload: runbook[0].id: is required");
	check_runbook("[{\"id\":\"a\",\"tool\":\"clone\",\"arg\":{}}]",
	    "payload: runbook[0].arg: no member of that name is allowed");
	check_runbook("[{\"id\":\"a\",\"tool\":\"clone\","
	              "\"on_error\":\"ignore\"}]",
	    "payload: runbook[0].on_error: expected one of \"stop\", "
	    "\"continue\", \"retry\"");
	check_runbook("[{\"id\":\"a\",\"tool\":\"clone\"},"
	              "{\"id\":\"a\",\"tool\":\"clone\"}]",
	    "payload: runbook[1].id: \"a\" is the id of an earlier step");
	check_runbook("[{\"id\":\"a\",\"tool\":\"push\"}]",
	    "payload: runbook[0].tool: \"push\" is not a tool of the type a");
	check_runbook("[{\"id\":\"a\",\"tool\":\"finish\"},"
	              "{\"id\":\"b\",\"tool\":\"clone\"}]",
	    "payload: runbook[0].tool: finish stands last; the steps behind "
	    "it would never run");
}

static void
a_reference_names_an_earlier_step(void **state)
{
	(void)state;
	check_runbook("[{\"id\":\"a\",\"tool\":\"clone\",\"args\":{\"x\":"
	              "\"${b.y}\"}},{\"id\":\"b\",\"tool\":\"clone\"}]",
	    "payload: runbook[0].args: ${b.…} names no earlier step");
	check_runbook("[{\"id\":\"a\",\"tool\":\"clone\",\"args\":{\"x\":"
	              "\"${a.y}\"}}]",
	    "payload: runbook[0].args: ${a.…} names no earlier step");
	check_runbook("[{\"id\":\"a\",\"tool\":\"clone\"},{\"id\":\"b\","
	              "\"tool\":\"clone\",\"args\":{\"x\":[{\"y\":[\"ok "
	              "${a.b} ${c.d}\"]}]}}]",
	    "payload: runbook[1].args: ${c.…} names no earlier step");
}

static void
references_are_cut_out_in_order(void **state)
{
	struct str rest = STR("a${x.y}b${HOME}${x}${X.y}c${z9.a_B.2}d${q.");
	struct str before;
	struct str id;
	struct str path;

	(void)state;
	assert_true(roles_next_reference(&rest, &before, &id, &path));
	assert_true(str_eq_z(before, "a"));
	assert_true(str_eq_z(id, "x"));
	assert_true(str_eq_z(path, "y"));
	assert_true(roles_next_reference(&rest, &before, &id, &path));
	assert_true(str_eq_z(before, "b${HOME}${x}${X.y}c"));
	assert_true(str_eq_z(id, "z9"));
	assert_true(str_eq_z(path, "a_B.2"));
	assert_false(roles_next_reference(&rest, &before, &id, &path));
	assert_true(str_eq_z(rest, "d${q."));
}

static void
a_runbook_type_has_no_runbook_of_its_own(void **state)
{
	(void)state;
	refuses("[task.a]\ntools = []\nbrain = \"runbook\"\n"
	        "input.properties.runbook = { type = \"array\" }\n",
	    "role.toml:1:7: input.properties.runbook: brain = \"runbook\" "
	    "brings its own; leave it out");
}

/* ---- folders ---- */

static void
write_role(const char *base, const char *name, const char *text)
{
	auto_arena a = { 0 };
	struct str dir = arena_printf(&a, "%s/%s", base, name);
	struct str file = arena_printf(&a, "%s/role.toml", dir.at);
	struct err e = { 0 };

	assert_int_equal(file_mkdirs(dir.at, 0700, &e), 0);
	if (text != NULL) {
		assert_int_equal(
		    file_write_atomic(file.at, str_of(text), 0600, &e), 0);
	}
}

static void
remove_role(const char *base, const char *name)
{
	auto_arena a = { 0 };
	struct str dir = arena_printf(&a, "%s/%s", base, name);

	(void)unlink(arena_printf(&a, "%s/role.toml", dir.at).at);
	assert_int_equal(rmdir(dir.at), 0);
}

static void
a_bad_role_is_closed_and_the_others_load(void **state)
{
	char base[] = "/tmp/handrail-roles-XXXXXX";
	auto_arena a = { 0 };
	struct roles r;
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(base));
	write_role(base, "legal", "[task.a]\ntools = []\n");
	write_role(base, "finance", "nonsense\n");
	write_role(base, "design", NULL);
	write_role(base, "Bad-Name", "[task.a]\ntools = []\n");
	write_role(base, ".hidden", "x");
	if (roles_load_dir(&a, base, &r, &e) < 0) {
		fail_msg("%s", e.text);
	}
	remove_role(base, "legal");
	remove_role(base, "finance");
	remove_role(base, "design");
	remove_role(base, "Bad-Name");
	remove_role(base, ".hidden");
	assert_int_equal(rmdir(base), 0);
	assert_int_equal(r.count, 4);
	assert_int_equal(r.closed, 3);
	assert_true(str_eq_z(r.at[0].name, "Bad-Name"));
	assert_true(str_eq_z(r.at[3].name, "legal"));
	assert_int_equal(roles_find(&r, STR("legal"))->problem.len, 0);
	assert_int_equal(roles_find(&r, STR("legal"))->type_count, 1);
	assert_int_equal(roles_find(&r, STR("finance"))->type_count, 0);
	assert_true(str_has_str(roles_find(&r, STR("finance"))->problem,
	    STR("finance/role.toml:1:")));
	assert_true(roles_find(&r, STR("design"))->problem.len > 0);
	assert_null(roles_find(&r, STR(".hidden")));
	assert_int_equal(roles_load_dir(&a, "/nonexistent", &r, &e), -1);
}

static void
a_queue_of_workers_has_types_without_a_brain(void **state)
{
	auto_arena a = { 0 };
	struct role r;
	struct err e = { 0 };
	const struct config none = { 0 };

	(void)state;
	load(&a, "[task.a]\ntools = []\n[queue]\nserved = \"worker\"\n", &r);
	assert_true(r.outside);
	assert_int_equal(r.types[0].brain, BRAIN_WORKER);
	assert_int_equal(roles_check_models(&r, &none, &e), 0);
	load(&a, "[task.a]\ntools = []\n[queue]\nserved = \"house\"\n", &r);
	assert_false(r.outside);
	assert_int_equal(r.types[0].brain, BRAIN_MODEL);
	assert_int_equal(
	    roles_parse_file(&a, STR("x"),
	        STR("[task.a]\ntools = []\n[queue]\nserved = \"me\"\n"),
	        "role.toml", &r, &e),
	    -1);
	assert_string_equal(
	    e.text, "role.toml:4:10: served: expected \"house\" or \"worker\"");
}

static void
whose_name_stands_on_what_it_does_is_of_two_kinds(void **state)
{
	auto_arena a = { 0 };
	struct role plain = { 0 };
	struct role r = { 0 };
	struct err e = { 0 };

	(void)state;
	load(&a, FIX_TEST, &plain);
	assert_true(str_eq_z(plain.acts.attribution, "service_account"));
	load(&a,
	    FIX_TEST "[identity]\nacts_as = \"bot@example.org\"\n"
	             "attribution = \"personal_account\"\n"
	             "billing_owner = \"anna\"\n",
	    &r);
	assert_true(str_eq_z(r.acts.as, "bot@example.org"));
	assert_true(str_eq_z(r.acts.attribution, "personal_account"));
	assert_true(str_eq_z(r.acts.billing_owner, "anna"));
	/* The digest that every head names. */
	assert_false(digest_eq(plain.digest, r.digest));
	assert_int_equal(
	    roles_parse_file(&a, STR("x"),
	        STR(FIX_TEST "[identity]\nattribution = \"mine\"\n"),
	        "role.toml", &r, &e),
	    -1);
	assert_non_null(strstr(e.text, "personal_account"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    whose_name_stands_on_what_it_does_is_of_two_kinds),
		cmocka_unit_test(a_task_type_carries_its_power_and_its_forms),
		cmocka_unit_test(every_mistake_has_its_line),
		cmocka_unit_test(a_roles_limits_stand_over_the_houses),
		cmocka_unit_test(a_type_says_how_its_failures_are_tried_again),
		cmocka_unit_test(a_model_that_the_house_lacks_is_found),
		cmocka_unit_test(a_runbook_of_declared_steps_passes),
		cmocka_unit_test(a_runbook_is_checked_at_dispatch),
		cmocka_unit_test(a_reference_names_an_earlier_step),
		cmocka_unit_test(references_are_cut_out_in_order),
		cmocka_unit_test(a_runbook_type_has_no_runbook_of_its_own),
		cmocka_unit_test(a_bad_role_is_closed_and_the_others_load),
		cmocka_unit_test(a_queue_of_workers_has_types_without_a_brain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
