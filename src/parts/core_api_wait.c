/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about decisions: what waits, what a person says, what an identity can.
 */
#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_call.h"
#include "parts/core_web.h"

#define PAGE_MAX 1000

static void
write_task(void *context, struct json_out *o, const struct wait_item *w)
{
	core_web_task(context, o, w);
}

/* ?after=: the `next` of the page before; ?limit=. */
int
route_waits(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf list = { 0 };
	auto_buf body = { 0 };
	struct str all = STR("");
	struct str text;
	uint64_t limit = PAGE_MAX;
	struct wait_page page = { .more = write_task, .context = c };
	uint64_t next;

	(void)core_ask_query(ask, "all", &all);
	if (core_ask_query(ask, "after", &text) &&
	    !str_u64(text, &page.after)) {
		return err_set(e, ERR_INPUT, "after: expected a number");
	}
	if (core_ask_query(ask, "limit", &text) &&
	    (!str_u64(text, &limit) || limit == 0 || limit > PAGE_MAX)) {
		return err_set(
		    e, ERR_INPUT, "limit: expected 1 to %d", PAGE_MAX);
	}
	page.limit = (size_t)limit;
	page.all = str_eq_z(all, "1");
	next = wait_write_page(&list, c->waits, &page);
	buf_addf(&body, "{\"waits\":" STR_FMT ",\"open\":%zu",
	    STR_ARG(buf_str(&list)), wait_open_count(c->waits));
	if (next) {
		buf_addf(&body, ",\"next\":%llu", (unsigned long long)next);
	}
	buf_add_byte(&body, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* The outcome of this call of this run that nobody saw. */
static const struct wait_item *
unknown_of(struct core *c, struct str run, uint64_t call)
{
	struct wait_mark m;
	uint32_t at = 0;

	while (wait_of_run(c->waits, run, &at, &m)) {
		const struct wait_item *w =
		    m.kind == WAIT_UNKNOWN_OUTCOME
		        ? wait_find(c->waits, str_of(m.id))
		        : NULL;

		if (w && w->call == call && str_eq(w->run, run)) {
			return w;
		}
	}
	return NULL;
}

/* "RUN.3" or "TASK.3": a call as `task show` has it, by its number. */
static const struct wait_item *
find_by_call(struct core *c, struct str part)
{
	const struct wait_item *w = NULL;
	const struct session_run *view;
	struct str id;
	struct book_id task;
	uint64_t call;

	if (!str_cut(&part, '.', &id) || !str_u64(part, &call)) {
		return NULL;
	}
	w = unknown_of(c, id, call);
	if (w || !book_id_parse(id, &task)) {
		return w;
	}
	for (size_t i = 0; !w && (view = session_index_at(c->sessions, i));
	     i++) {
		char run[ID_TEXT];

		if (book_id_eq(view->task, task)) {
			book_id_text(view->run, run);
			w = unknown_of(c, str_of(run), call);
		}
	}
	return w;
}

/* An id that was cut or mistyped is not one that has gone. */
static int
says_no_wait(struct str part, struct err *e)
{
	struct str number = part;
	struct str id;
	struct book_id task;
	uint64_t call;

	if (wait_id_ok(part) ||
	    (str_cut(&number, '.', &id) && book_id_parse(id, &task) &&
	        str_u64(number, &call))) {
		return err_set(e, ERR_MISSING,
		    "nothing waits as %s; `handrail inbox` names what does",
		    err_quote(part));
	}
	return err_set(e, ERR_MISSING,
	    "%s is neither the whole id of what waits (w- and 20 characters) "
	    "nor a call (TASK.NUMBER); `handrail inbox` names them",
	    err_quote(part));
}

static const struct wait_item *
need_wait(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct wait_item *w = wait_find(c->waits, ask->part);

	if (!w) {
		w = find_by_call(c, ask->part);
	}
	if (!w) {
		(void)says_no_wait(ask->part, e);
	}
	return w;
}

int
route_wait(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct wait_item *w = need_wait(c, ask, e);
	const struct json *args;
	auto_buf body = { 0 };
	struct json_out o;

	if (!w) {
		return -1;
	}
	args = core_wait_args(c, &ask->arena, w);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	wait_write_members(&o, w);
	core_web_task(c, &o, w);
	if (args) {
		json_out_value(&o, "arguments", args);
	}
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

int
core_api_remember(struct core *c, const struct core_ask *ask,
    const struct wait_decide *say, int64_t *lasts_us, struct err *e)
{
	struct str text;

	*lasts_us = 0;
	if (!json_get(ask->body, "remember")) {
		return 0;
	}
	if (!say->yes || !json_text(ask->body, "remember", &text) ||
	    !duration_parse(text, lasts_us)) {
		return err_set(e, ERR_INPUT,
		    "remember goes with an approval and is a time like \"8h\"");
	}
	return core_standing_may(c, say, *lasts_us, e);
}

/* Each kind has its own words: a yes to one is none to another. */
static int
read_word(const struct wait_item *w, const struct core_ask *ask, bool *yes,
    struct err *e)
{
	const char *does = wait_kind_yes(w->kind);
	const char *does_not = wait_kind_no(w->kind);
	struct str decision = STR("");

	(void)json_text(ask->body, "decision", &decision);
	*yes = str_eq_z(decision, does);
	if (*yes || str_eq_z(decision, does_not)) {
		return 0;
	}
	switch (w->kind) {
	case WAIT_UNKNOWN_OUTCOME:
		return err_set(e, ERR_INPUT,
		    "nobody asks for leave here, it may have happened: "
		    "`handrail task resolve %s --happened` or --did-not",
		    w->id);
	case WAIT_QUESTION:
	case WAIT_CLIENT_RESULT:
		return err_set(e, ERR_INPUT,
		    "%s wants an answer (decision \"%s\" with a value, or "
		    "\"%s\"): `handrail answer %s \"…\"`, or --decline",
		    w->id, does, does_not, w->id);
	case WAIT_DECISION:
		return err_set(e, ERR_INPUT,
		    "%s is a letter that wants a decision (decision \"%s\" "
		    "with a value): `handrail answer %s \"…\"` names one of "
		    "its options",
		    w->id, does, w->id);
	case WAIT_APPROVAL:
		break;
	}
	return err_set(e, ERR_INPUT,
	    "%s asks for leave (decision approve or deny): `handrail approve "
	    "%s`, or `handrail deny %s --reason \"…\"`",
	    w->id, w->id, w->id);
}

void
core_api_decided(struct core *c, uint64_t number, const struct wait_item *w,
    const struct err *e)
{
	struct core_ask *ask = core_ask_find(c, number);
	auto_buf body = { 0 };

	if (!ask) {
		return;
	}
	if (e || !w) {
		struct err gone = { 0 };

		(void)err_set(&gone, ERR_MISSING, "it waits no more");
		core_answer_no(c, ask, e ? e : &gone);
		return;
	}
	buf_addf(&body,
	    "{\"id\":\"%s\",\"state\":\"%s\",\"tool\":\"" STR_FMT
	    "\",\"people\":%u,\"said\":%u}",
	    w->id, wait_state_name(w->state), STR_ARG(w->tool), w->people,
	    wait_yes_count(w));
	core_answer_after(c, ask, 200, buf_str(&body));
}

int
route_decide(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_word word = {
		.say = {
			.id = ask->part,
			.principal = str_of(ask->operator_->name),
			.surface = STR("cli"),
			.now = wall_now(),
		},
		.number = ask->number,
		.told = core_api_decided,
	};
	struct wait_decide *say = &word.say;
	const struct wait_item *w = need_wait(c, ask, e);

	if (!w || read_word(w, ask, &say->yes, e)) {
		return -1;
	}
	say->id = arena_str(&ask->arena, str_of(w->id));
	(void)json_text(ask->body, "reason", &say->reason);
	if (say->yes && wait_kind_has_value(w->kind) &&
	    core_answer_read(c, &ask->arena, w, json_get(ask->body, "value"),
	        &say->value, e)) {
		return -1;
	}
	return core_api_remember(c, ask, say, &word.lasts_us, e) ||
	               core_wait_say_to(c, &word, e)
	           ? -1
	           : 0;
}

/* --- what would happen --- */

static void
write_effects(struct json_out *o, const struct core_role *r)
{
	json_out_array(o, "egress");
	for (size_t i = 0; i < policy_egress_count(r->policy); i++) {
		const struct policy_egress *x = policy_egress_at(r->policy, i);

		json_out_object(o, NULL);
		json_out_str(o, "rule", x->name);
		json_out_str(o, "host", x->match_host);
		json_out_i64(o, "port", x->match_port);
		json_out_str(o, "credential", x->inject.credential);
		json_out_bool(o, "pinned", x->pinned);
		json_out_array(o, "only_for");
		for (uint32_t n = 0; n < x->only_for_count; n++) {
			json_out_str(o, NULL, x->only_for[n]);
		}
		json_out_end(o, ']');
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

static void
write_held(struct arena *a, struct json_out *o, const struct core_role *r)
{
	struct policy_held held;

	json_out_array(o, "asks");
	for (size_t i = 0; policy_held_at(a, r->policy, i, &held); i++) {
		json_out_object(o, NULL);
		json_out_str(o, "gate", held.gate);
		json_out_str(o, "host", held.host);
		json_out_i64(o, "port", held.port);
		json_out_str(o, "method", held.method);
		json_out_str(o, "path", held.path);
		json_out_str(o, "git", held.git);
		json_out_str(o, "ref", held.ref);
		json_out_str(o, "identity", held.identity);
		json_out_i64(o, "people", held.people);
		json_out_str(o, "named", held.named);
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

int
route_can(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct core_role *r;

	if (core_ask_role(c, ask, &r, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "identity", r->identity);
	json_out_str(&o, "acts_as", r->role->acts.as);
	json_out_str(&o, "attribution", r->role->acts.attribution);
	json_out_str(&o, "billing_owner", r->role->acts.billing_owner);
	json_out_array(&o, "tools");
	for (size_t i = 0; i < r->seen.count; i++) {
		const struct tool *t = tools_find(&r->catalogue, r->seen.at[i]);
		struct policy_call call = {
			.identity = str_of(r->identity),
			.tool = t->name,
			.action = t->action,
		};
		struct policy_call_decision d = { 0 };

		policy_call(&ask->arena, r->policy, &call, &d);
		json_out_object(&o, NULL);
		json_out_str(&o, "tool", t->name);
		json_out_str(&o, "action", t->action);
		json_out_z(&o, "verdict", policy_verdict_name(d.verdict));
		json_out_str(&o, "rule", d.rule);
		json_out_bool(&o, "fresh", core_tool_fresh(r, t));
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	write_effects(&o, r);
	write_held(&ask->arena, &o, r);
	core_standing_write(c, &o, r->identity);
	json_out_str(&o, "policy", policy_text(r->policy));
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
