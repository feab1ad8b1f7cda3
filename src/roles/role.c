/* SPDX-License-Identifier: Apache-2.0 */
/* roles/R/role.toml. */
#include "roles/inner.h"
#include "toml/toml.h"

#define TYPES_MAX    256
#define CALLS_MAX    100000
#define ATTEMPTS_MAX 1000
#define WEIGHT_MAX   100

struct role_file {
	struct str description;
	const struct json *types;
	const struct json *limits;
	const struct json *queue;
	const struct json *identity;
};

struct queue_file {
	struct role_queue limits;
	struct str served;
};

struct type_file {
	struct str description;
	struct names tools;
	struct str brain;
	struct str skill;
	const struct json *budget;
	const struct json *retry;
	const struct json *input;
	const struct json *output;
};

struct budget {
	uint32_t turns;
	uint32_t calls;
	int64_t wall;
};

/* clang-format off */
#define ROW(section, owner, name, member, form, need, fallback, sentence)      \
	{ section, name, TABLE_##form, TABLE_##need,                           \
	    offsetof(struct owner, member), fallback, sentence }
static const struct table_key keys[] = {
	ROW("role", role_file, "description", description, TEXT, OPTIONAL, "",
	    "what this coworker is for"),
	ROW("role", role_file, "task", types, TREE, OPTIONAL, "",
	    "its task types, [task.TYPE]"),
	ROW("role", role_file, "limits", limits, TREE, OPTIONAL, "",
	    "bounds of its tasks"),
	ROW("role", role_file, "queue", queue, TREE, OPTIONAL, "",
	    "how much its queue takes, who repairs"),
	ROW("role", role_file, "identity", identity, TREE, OPTIONAL, "",
	    "whose name stands on what it does, and who pays"),

	ROW("identity", role_acts, "acts_as", as, TEXT, OPTIONAL, "",
	    "the account that others see"),
	ROW("identity", role_acts, "attribution", attribution, TEXT, OPTIONAL,
	    "service_account", "\"service_account\" or \"personal_account\""),
	ROW("identity", role_acts, "billing_owner", billing_owner, TEXT,
	    OPTIONAL, "", "who pays for it"),

	ROW("queue", queue_file, "served", served, TEXT, OPTIONAL, "house",
	    "who works on it: \"house\", or \"worker\": a program of the "
	    "operator's that claims over HTTP"),

	ROW("task", type_file, "description", description, TEXT, OPTIONAL, "",
	    "what a task of this type does"),
	ROW("task", type_file, "tools", tools, NAMES, REQUIRED, "",
	    "the list of tools that this type may call"),
	ROW("task", type_file, "brain", brain, TEXT, OPTIONAL, "model.default",
	    "who decides: \"runbook\" or \"model.NAME\""),
	ROW("task", type_file, "budget", budget, TREE, OPTIONAL, "",
	    "{ turns, calls, wall }"),
	ROW("task", type_file, "retry", retry, TREE, OPTIONAL, "",
	    "{ attempts, base, cap }: how a failure that may pass is tried "
	    "again"),
	ROW("task", type_file, "skill", skill, TEXT, OPTIONAL, "",
	    "suggested_skill of its failures"),
	ROW("task", type_file, "input", input, TREE, OPTIONAL, "",
	    "JSON Schema of the payload"),
	ROW("task", type_file, "output", output, TREE, OPTIONAL, "",
	    "JSON Schema of the result"),

	ROW("budget", budget, "turns", turns, COUNT, OPTIONAL, "40",
	    "replies of the model"),
	ROW("budget", budget, "calls", calls, COUNT, OPTIONAL, "200",
	    "tool calls"),
	ROW("budget", budget, "wall", wall, DURATION, OPTIONAL, "",
	    "time from claim to outcome"),

	ROW("retry", type_retry, "attempts", attempts, COUNT, REQUIRED, "",
	    "how often it is tried in all"),
	ROW("retry", type_retry, "base", base, DURATION, OPTIONAL, "1s",
	    "longest wait before the second attempt"),
	ROW("retry", type_retry, "cap", cap, DURATION, OPTIONAL, "1h",
	    "longest wait of all"),

	ROW("queue", queue_file, "running", limits.running, COUNT, OPTIONAL, "",
	    "most tasks at once"),
	ROW("queue", queue_file, "waiting", limits.waiting, COUNT, OPTIONAL, "",
	    "most tasks that wait; more are refused"),
	ROW("queue", queue_file, "per_minute", limits.per_minute, COUNT, OPTIONAL, "",
	    "most dispatches in a minute"),
	ROW("queue", queue_file, "weight", limits.weight, COUNT, OPTIONAL, "1",
	    "share among queues that one worker serves"),
	ROW("queue", queue_file, "repair", limits.repair, PART, OPTIONAL, "",
	    "queue that repairs what failed here"),

	/* No defaults: what is absent stays as the house has it. */
	ROW("limits", limits, "memory", memory, SIZE, OPTIONAL, "", ""),
	ROW("limits", limits, "pids", pids, COUNT, OPTIONAL, "", ""),
	ROW("limits", limits, "fsize", fsize, SIZE, OPTIONAL, "", ""),
	ROW("limits", limits, "workspace", workspace, SIZE, OPTIONAL, "", ""),
	ROW("limits", limits, "wall", wall, DURATION, OPTIONAL, "", ""),
};
/* clang-format on */

static int
read_brain(const char *file, const struct json *where, struct str brain,
    struct task_type *t, struct err *e)
{
	const struct json *place = json_get(where, "brain");

	if (str_eq_z(brain, "runbook")) {
		t->brain = BRAIN_RUNBOOK;
		return 0;
	}
	t->brain = BRAIN_MODEL;
	t->model = str_sub(brain, 6, brain.len);
	if (!str_starts(brain, STR("model.")) || !roles_name_valid(t->model)) {
		return table_err(file, place ? place : where, e,
		    "brain: expected \"runbook\" or \"model.NAME\"");
	}
	return 0;
}

static int
check_tools(const char *file, const struct json *where, const struct names *set,
    struct err *e)
{
	const struct json *place = json_get(where, "tools");

	for (size_t i = 0; i < set->count; i++) {
		if (!roles_name_valid(set->at[i])) {
			return table_err(file, place, e,
			    "tools: %s is no name of a tool (lower-case "
			    "letters, digits, _)",
			    err_quote(set->at[i]));
		}
		if (str_eq_z(set->at[i], "finish")) {
			return table_err(file, place, e,
			    "tools: finish is always there; leave it out");
		}
	}
	return 0;
}

static int
read_retry(const struct table_reader *r, const struct json *where,
    struct type_retry *out, struct err *e)
{
	if (where == NULL) {
		return 0;
	}
	if (table_read(r, "retry", "retry", where, out, e) < 0) {
		return -1;
	}
	if (out->attempts == 0 || out->attempts > ATTEMPTS_MAX ||
	    out->base > out->cap) {
		return table_err(r->file, where, e,
		    "retry: attempts is 1 to 1000, and base no longer than "
		    "cap");
	}
	return 0;
}

static int
read_type(const struct table_reader *r, const struct json *where,
    struct task_type *t, struct err *e)
{
	struct type_file f = { 0 };
	struct budget budget = { 0 };
	auto_buf shown = { 0 };

	if (!roles_name_valid(where->key)) {
		return table_err(r->file, where, e,
		    "[task.%s]: expected a name of lower-case letters, "
		    "digits and _",
		    err_quote(where->key));
	}
	buf_addf(&shown, "[task." STR_FMT "]", STR_ARG(where->key));
	if (table_read(r, "task", buf_z(&shown), where, &f, e) < 0 ||
	    table_read(r, "budget", "budget", f.budget, &budget, e) < 0 ||
	    read_retry(r, f.retry, &t->retry, e) < 0 ||
	    check_tools(r->file, where, &f.tools, e) < 0 ||
	    read_brain(r->file, where, f.brain, t, e) < 0) {
		return -1;
	}
	if (budget.turns == 0 || budget.calls == 0 ||
	    budget.turns > CALLS_MAX || budget.calls > CALLS_MAX) {
		return table_err(r->file, f.budget, e,
		    "budget: turns and calls are 1 to 100000");
	}
	t->name = where->key;
	t->description = f.description;
	t->tools = f.tools;
	t->turns = budget.turns;
	t->calls = budget.calls;
	t->wall = budget.wall;
	t->skill = f.skill;
	t->input_json = f.input;
	t->output_json = f.output;
	t->line = where->line;
	return roles_compile_type(r->arena, r->file, where, t, e);
}

static int
read_queue(const struct table_reader *r, const struct json *table,
    struct role *out, struct err *e)
{
	struct queue_file f = { 0 };

	if (table_read(r, "queue", "[queue]", table, &f, e) < 0) {
		return -1;
	}
	out->outside = str_eq_z(f.served, "worker");
	if (!out->outside && !str_eq_z(f.served, "house")) {
		return table_err(r->file, json_get(table, "served"), e,
		    "served: expected \"house\" or \"worker\"");
	}
	if (f.limits.weight == 0 || f.limits.weight > WEIGHT_MAX) {
		return table_err(
		    r->file, table, e, "[queue]: weight is 1 to 100");
	}
	out->queue = f.limits;
	return 0;
}

static int
read_acts(const struct table_reader *r, const struct json *table,
    struct role *out, struct err *e)
{
	if (table_read(r, "identity", "[identity]", table, &out->acts, e) < 0) {
		return -1;
	}
	return str_eq_z(out->acts.attribution, "service_account") ||
	               str_eq_z(out->acts.attribution, "personal_account")
	           ? 0
	           : table_err(r->file, json_get(table, "attribution"), e,
	                 "attribution: expected \"service_account\" or "
	                 "\"personal_account\"");
}

static int
read_types(const struct table_reader *r, const struct json *table,
    struct role *out, struct err *e)
{
	struct task_type *list;

	if (table == NULL || table->count == 0 || table->count > TYPES_MAX ||
	    table->type != JSON_OBJECT) {
		return table_err(r->file, table, e,
		    "expected 1 to 256 task types, [task.TYPE]");
	}
	list = arena_array(r->arena, table->count, sizeof(*list));
	JSON_EACH(item, table)
	{
		if (item->type != JSON_OBJECT) {
			return table_err(
			    r->file, item, e, "expected a table [task.TYPE]");
		}
		if (read_type(r, item, &list[out->type_count], e) < 0) {
			return -1;
		}
		if (out->outside) {
			list[out->type_count].brain = BRAIN_WORKER;
		}
		out->type_count++;
	}
	out->types = list;
	return 0;
}

/* The role's limits over the house's; the table was checked at load. */
static int
read_limits(
    const char *file, const struct json *table, struct limits *l, struct err *e)
{
	auto_arena a = { 0 };
	const struct table_reader r = { &a, file, keys, COUNT(keys) };

	return table_read(&r, "limits", "[limits]", table, l, e);
}

struct limits
roles_limits(const struct config *c, const struct role *r)
{
	struct limits l = c->limits;
	struct err e = { 0 };

	must(read_limits(r->file.at, r->limits, &l, &e) == 0);
	return l;
}

int
roles_parse_file(struct arena *a, struct str name, struct str text,
    const char *file, struct role *out, struct err *e)
{
	struct role role = { .name = arena_str(a, name),
		.file = arena_str(a, str_of(file)),
		.text = arena_str(a, text),
		.digest = digest_of(text) };
	const struct table_reader r = { a, role.file.at, keys, COUNT(keys) };
	struct limits l = { 1ULL << 30, 256, 1ULL << 30, CLOCK_MINUTE,
		1ULL << 30 };
	struct role_file f = { 0 };
	struct json *tree = NULL;

	if (!roles_part_valid(name)) {
		return err_set(e, ERR_INPUT,
		    "%s: a role's folder is named by lower-case words joined "
		    "by single underscores, not %s",
		    file, err_quote(name));
	}
	if (toml_parse(a, text, file, &tree, e) < 0 ||
	    table_read(&r, "role", "the top of the file", tree, &f, e) < 0 ||
	    read_queue(&r, f.queue, &role, e) < 0 ||
	    read_acts(&r, f.identity, &role, e) < 0 ||
	    read_types(&r, f.types, &role, e) < 0 ||
	    read_limits(file, f.limits, &l, e) < 0 ||
	    roles_check_limits(file, f.limits, &l, e) < 0) {
		return -1;
	}
	role.description = f.description;
	role.limits = f.limits;
	*out = role;
	return 0;
}

const struct task_type *
roles_find_type(const struct role *r, struct str name)
{
	for (size_t i = 0; i < r->type_count; i++) {
		if (str_eq(r->types[i].name, name)) {
			return &r->types[i];
		}
	}
	return NULL;
}

int
roles_check_models(const struct role *r, const struct config *c, struct err *e)
{
	for (size_t i = 0; i < r->type_count; i++) {
		const struct task_type *t = &r->types[i];

		if (t->brain == BRAIN_MODEL &&
		    roles_find_model(c, t->model) == NULL) {
			return err_set(e, ERR_INPUT,
			    "%s:%u:1: [task." STR_FMT
			    "]: there is no [model." STR_FMT "] in " STR_FMT,
			    r->file.at, t->line, STR_ARG(t->name),
			    STR_ARG(t->model), STR_ARG(c->file));
		}
	}
	return 0;
}
