/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people want: nothing is started that was not allowed as it was shown,
 * nothing of what is stopped, and nothing that `can` does not list.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/house.h"

#define IDENTITY "linux__server__helper_coworker"

/* --- stops --- */

/* "all", "role:helper", "task:ID"; the latter's id in *id. */
static int
scope_of(struct str text)
{
	if (str_eq_z(text, "all")) {
		return 0;
	}
	if (str_eq_z(text, "role:helper")) {
		return 1;
	}
	return str_starts(text, STR("task:"))
	           ? 2 + sim_task_of(str_sub(text, 5, text.len))
	           : -1;
}

void
sim_stop_head(enum book_kind kind, struct str body)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct str text = STR("");
	struct err e = { 0 };
	int scope;

	if (json_parse(&a, body, NULL, &tree, &e) ||
	    !json_text(tree, "scope", &text)) {
		sim_fault("a body of a stop that cannot be read");
	}
	scope = scope_of(text);
	must(scope >= 0 && scope < SIM_SCOPES);
	sim.stopped[scope] = kind == BOOK_STOP_PUT;
	sim.stop_heads[scope] += kind == BOOK_STOP_PUT;
	sim.lift_heads[scope] += kind == BOOK_STOP_LIFTED;
	sim_seen->stops += kind == BOOK_STOP_PUT;
	sim_seen->lifted += kind == BOOK_STOP_LIFTED;
}

bool
sim_is_stopped(const struct sim_task *t)
{
	return sim.stopped[0] || (!t->outside && sim.stopped[1]) ||
	       sim.stopped[2 + (t - sim.tasks)];
}

void
sim_must_not_be_stopped(const struct sim_task *t, const char *what)
{
	if (sim_is_stopped(t)) {
		sim_fault("%s of task %s, which is stopped", what, t->id);
	}
}

static void
say(enum sim_ask_kind kind, uint64_t scope)
{
	struct sim_ask what = { .kind = kind, .of = (int)scope };
	auto_buf body = { 0 };

	if (scope == 0) {
		buf_add_z(&body, "{\"all\":true}");
	} else if (scope == 1) {
		buf_add_z(&body, "{\"role\":\"helper\"}");
	} else {
		buf_addf(&body, "{\"task\":\"%s\"}", sim.tasks[scope - 2].id);
	}
	(void)sim_ask(&what, "POST",
	    kind == ASK_STOP ? "/api/stop" : "/api/resume", buf_str(&body));
}

void
sim_say_stop(uint64_t scope, uint64_t b)
{
	(void)b;
	if (!sim.calm && sim.api) {
		say(ASK_STOP, scope);
		if (sim_draw(3) == 0) { /* and before it is on the disk */
			say(ASK_RESUME, scope);
		}
		sim_always(sim_draw(9000000), sim_say_resume, scope, 0);
	}
}

void
sim_say_resume(uint64_t scope, uint64_t b)
{
	(void)b;
	if (sim.stopped[scope] && sim.api) {
		say(ASK_RESUME, scope);
	}
}

void
sim_stops_lift(void)
{
	for (uint64_t scope = 0; sim.calm && scope < SIM_SCOPES; scope++) {
		sim_say_resume(scope, 0);
	}
}

/* --- what was allowed --- */

void
sim_must_be_allowed(
    const struct sim_task *t, uint32_t call, struct str task, struct str n)
{
	auto_buf args = { 0 };
	char digest[DIGEST_TEXT];

	buf_addf(&args, "{\"n\":\"" STR_FMT "\",\"task\":\"" STR_FMT "\"}",
	    STR_ARG(n), STR_ARG(task));
	digest_text(digest_of(buf_str(&args)), digest);
	if (strcmp(digest, t->calls[call].approved) != 0) {
		sim_fault("call %u of task %s is done with arguments that "
		          "nobody allowed",
		    call, t->id);
	}
}

/* --- hands and can --- */

void
sim_deed(const char *format, ...)
{
	char text[80];
	va_list args;

	va_start(args, format);
	must(vsnprintf(text, sizeof(text), format, args) < (int)sizeof(text));
	va_end(args);
	for (int i = 0; i < sim.deed_count; i++) {
		if (strcmp(sim.deeds[i], text) == 0) {
			return;
		}
	}
	must(sim.deed_count < SIM_DEEDS);
	memcpy(sim.deeds[sim.deed_count++], text, sizeof(text));
}

void
sim_say_can(uint64_t a, uint64_t b)
{
	struct sim_ask what = { .kind = ASK_CAN };

	(void)a;
	(void)b;
	(void)sim_ask(&what, "GET", "/api/can?identity=" IDENTITY, STR(""));
}

static bool
lists(const struct json *can, const char *deed)
{
	struct str rest = str_of(deed);
	struct str word[3] = { { 0 } };

	for (int i = 0; i < 3; i++) {
		(void)str_cut(&rest, ' ', &word[i]);
	}
	bool tool = str_eq_z(word[0], "tool");

	JSON_EACH(one, json_get(can, tool ? "tools" : "egress"))
	{
		struct str name = STR("");
		struct str more = STR("");

		(void)json_text(one, tool ? "tool" : "rule", &name);
		(void)json_text(one, tool ? "verdict" : "host", &more);
		if (str_eq(name, word[1]) &&
		    (tool ? !str_eq_z(more, "deny") : str_eq(more, word[2]))) {
			return true;
		}
	}
	return false;
}

void
sim_can_heard(const struct json *body)
{
	for (int i = 0; i < sim.deed_count; i++) {
		if (!lists(body, sim.deeds[i])) {
			sim_fault("%s was done, and `can` does not list it",
			    sim.deeds[i]);
		}
	}
	sim.can_told = true;
}
