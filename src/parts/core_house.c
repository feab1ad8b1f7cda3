/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator wrote, loaded and checked: handrail.toml and, of each
 * role, role.toml, gates.toml and mcp/server.toml.  At `up` any fault stops the
 * house; at a reload, and when core is started again, the role with the fault
 * is closed until it loads, the others run (design §5).
 */
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_ca.h"
#include "parts/core_egress.h"
#include "parts/core_run.h"
#include "parts/core_witness.h"

/* `roles = "…"` is relative to the folder of handrail.toml. */
static struct str
roles_folder(struct core *c, const struct core_house *next)
{
	struct arena *a = &c->house.arena;
	struct str file = str_of(c->config_file);
	size_t slash = file.len;

	if (next->config.roles.len && next->config.roles.at[0] == '/') {
		return arena_str(a, next->config.roles);
	}
	while (slash > 0 && file.at[slash - 1] != '/') {
		slash--;
	}
	return arena_printf(a, STR_FMT STR_FMT, (int)slash, file.at,
	    STR_ARG(next->config.roles));
}

static struct names
credential_names(struct core *c)
{
	struct arena *a = &c->house.arena;
	size_t count = 0;

	for (struct core_credential *k = c->credentials; k; k = k->next) {
		count++;
	}
	struct str *at = arena_array(a, count + 1, sizeof(*at));
	size_t n = 0;

	for (struct core_credential *k = c->credentials; k; k = k->next) {
		if (!k->archived) {
			at[n++] = arena_str(a, str_of(k->name));
		}
	}
	return (struct names){ .at = at, .count = n };
}

/* What `role check` refuses does not run: a gated effect that is also
 * reachable ungated, a gate that nobody of this house could open. */
static int
check_policy(struct core *c, const struct core_house *next,
    const struct core_role *r, struct err *e)
{
	struct arena *a = &c->house.arena;
	struct policy_tool *tools =
	    arena_array(a, r->catalogue.count + 1, sizeof(*tools));
	struct str *operators =
	    arena_array(a, next->operator_count + 1, sizeof(*operators));
	struct policy_house house = {
		.tools = tools,
		.tool_count = r->catalogue.count,
		.operators = operators,
		.operator_count = next->operator_count,
		.role = r->role->name,
	};
	const struct policy_finding *findings;
	size_t count;

	for (size_t i = 0; i < r->catalogue.count; i++) {
		tools[i].name = r->catalogue.at[i].name;
		tools[i].action = r->catalogue.at[i].action;
		const struct json *http =
		    json_get(r->catalogue.at[i].run, "http");
		struct str method = STR("");
		struct str url = STR("");

		(void)json_text(http, "method", &method);
		(void)json_text(http, "url", &url);
		policy_tool_place(a, &tools[i], method, url);
	}
	for (size_t i = 0; i < next->operator_count; i++) {
		operators[i] = str_of(next->operators[i].name);
	}
	policy_check(a, r->policy, &house, &findings, &count);
	for (size_t i = 0; i < count; i++) {
		if (findings[i].error) {
			return err_set(
			    e, ERR_INPUT, STR_FMT, STR_ARG(findings[i].text));
		}
	}
	return 0;
}

/* A CA that core may not read would fail at the first request only.  `kind` and
 * `name`: the table that names it. */
static int
check_authority(struct core *c, const struct config *config, const char *kind,
    struct str name, struct str ca, struct err *e)
{
	auto_buf pem = { 0 };

	if (!ca.len || core_ca_read(c, config, arena_z(&c->house.arena, ca),
	                   &pem, e) == 0) {
		return 0;
	}
	return err_wrap(e, "the ca of %s" STR_FMT "%s", kind, STR_ARG(name),
	    core_ca_hint(e));
}

static int
check_authorities(struct core *c, const struct config *config,
    const struct core_role *r, struct err *e)
{
	for (size_t i = 0; i < policy_egress_count(r->policy); i++) {
		const struct policy_egress *x = policy_egress_at(r->policy, i);

		if (check_authority(c, config, "egress.", x->name, x->ca, e)) {
			return -1;
		}
	}
	return 0;
}

static int
check_own_authorities(struct core *c, const struct config *x, struct err *e)
{
	for (size_t i = 0; i < x->model_count; i++) {
		if (check_authority(c, x, "model.", x->models[i].name,
		        x->models[i].ca, e)) {
			return -1;
		}
	}
	for (size_t i = 0; i < x->issuer_count; i++) {
		if (check_authority(c, x, "issuer.", x->issuers[i].name,
		        x->issuers[i].ca, e)) {
			return -1;
		}
	}
	for (size_t i = 0; i < x->witness_count; i++) {
		if (check_authority(c, x, "witness.", x->witnesses[i].name,
		        x->witnesses[i].ca, e)) {
			return -1;
		}
	}
	return check_authority(c, x, "notify", STR(""), x->notify.ca, e) ||
	               check_authority(c, x, "audit", STR(""), x->audit.ca, e)
	           ? -1
	           : 0;
}

static int
load_parts(struct core *c, const struct core_house *next, struct core_role *r,
    struct str folder, struct err *e)
{
	struct arena *a = &c->house.arena;
	struct str dir = arena_printf(
	    a, STR_FMT "/" STR_FMT, STR_ARG(folder), STR_ARG(r->role->name));
	struct str gates = arena_printf(a, STR_FMT "/gates.toml", STR_ARG(dir));
	struct names credentials = credential_names(c);

	if (r->role->problem.len) {
		return err_set(
		    e, ERR_INPUT, STR_FMT, STR_ARG(r->role->problem));
	}
	if (policy_load(a, gates.at, &r->policy, e) ||
	    tools_load(a, dir.at, &r->catalogue, e) ||
	    tools_check_role(&r->catalogue, r->role, e) ||
	    roles_check_models(r->role, &next->config, e) ||
	    check_policy(c, next, r, e) ||
	    check_authorities(c, &next->config, r, e)) {
		return -1;
	}
	r->seen = tools_for(a, &r->catalogue, &r->who, &credentials);
	r->policy_digest = policy_digest(r->policy);
	return 0;
}

static void
name_role(const struct core_house *next, struct core_role *r)
{
	r->who = next->home;
	(void)str_copy(r->name, sizeof(r->name), r->role->name);
	(void)str_copy(r->who.role, sizeof(r->who.role), r->role->name);
	roles_print_identity(&r->who, r->identity);
	roles_print_mailbox(r->name, r->mailbox);
}

static bool
only_for(const struct policy_egress *x, struct str tool)
{
	for (uint32_t n = 0; n < x->only_for_count; n++) {
		if (str_eq(x->only_for[n], tool)) {
			return true;
		}
	}
	return false;
}

bool
core_tool_fresh(const struct core_role *r, const struct tool *t)
{
	for (size_t i = 0; i < policy_egress_count(r->policy); i++) {
		if (only_for(policy_egress_at(r->policy, i), t->name)) {
			return true;
		}
	}
	return t->fresh;
}

static void
close_role(struct core *c, struct core_role *r, const struct err *why)
{
	(void)str_copy(r->closed, sizeof(r->closed), str_of(why->text));
	r->policy = policy_closed(&c->house.arena, str_of(why->text));
	r->policy_digest = policy_digest(r->policy);
	log_line(LOG_ERROR, "role", "%s is closed: %s", r->name, why->text);
}

static void
limit_queue(struct core *c, const struct core_role *r)
{
	const struct role_queue *q = &r->role->queue;
	struct queue_limits limits = {
		.max_running = q->running,
		.max_waiting = q->waiting,
		.puts_per_minute = q->per_minute,
		.weight = q->weight,
	};

	queue_limit(c->queue, str_of(r->name), &limits);
}

static void
policy_in_force(struct core *c, const struct core_role *r)
{
	struct core_event event = {
		.kind = BOOK_POLICY_LOADED,
		.role = r,
		.rule = r->closed[0] ? STR("closed") : STR("loaded"),
		.body = policy_text(r->policy),
	};

	core_text_keep(c, r);
	(void)core_append(c, &event);
	queue_add_name(c->queue, str_of(r->name));
	queue_add_mailbox(c->queue, str_of(r->mailbox));
	limit_queue(c, r);
}

/* The role of this name as it is now in force; one that is no more is closed.
 */
static struct core_role *
role_now(struct core *c, const struct core_role *was)
{
	struct core_role *gone;
	struct err why = { 0 };

	for (size_t i = 0; i < c->house.role_count; i++) {
		if (strcmp(c->house.roles[i].name, was->name) == 0) {
			return &c->house.roles[i];
		}
	}
	gone = arena_alloc(&c->house.arena, sizeof(*gone));
	*gone = *was;
	gone->catalogue = (struct catalogue){ 0 };
	gone->seen = (struct names){ 0 };
	(void)err_set(&why, ERR_MISSING, "the role was taken out");
	close_role(c, gone, &why);
	return gone;
}

/* What runs is judged by what is in force, not by what it began under. */
static void
follow(struct core *c)
{
	for (struct core_run *r = c->runs; r; r = r->next) {
		r->role = role_now(c, r->role);
		if (r->type) {
			core_grant_renew(c, r);
		}
	}
	for (struct core_cell *cell = c->cells; cell; cell = cell->next) {
		cell->role = role_now(c, cell->role);
	}
}

static int
load_roles(struct core *c, struct core_house *next, bool first, struct err *e)
{
	struct arena *a = &c->house.arena;
	struct str folder = roles_folder(c, next);
	struct roles all;

	if (roles_load_dir(a, folder.at, &all, e)) {
		return -1;
	}
	next->role_count = all.count;
	next->roles =
	    arena_array(a, all.count ? all.count : 1, sizeof(*next->roles));
	for (size_t i = 0; i < all.count; i++) {
		struct core_role *r = &next->roles[i];
		struct err why = { 0 };

		r->role = &all.at[i];
		name_role(next, r);
		if (load_parts(c, next, r, folder, &why) == 0) {
			continue;
		}
		if (first) {
			*e = why;
			return -1;
		}
		close_role(c, r, &why);
	}
	return 0;
}

static int
load_operators(struct core *c, struct core_house *next, struct err *e)
{
	struct str rest = str_of(part_arg(&c->part, "operators"));
	struct str one;
	size_t most = 0;

	for (size_t i = 0; i < rest.len; i++) {
		most += rest.at[i] == ',';
	}
	next->operators =
	    arena_array(&c->house.arena, most + 1, sizeof(*next->operators));
	while (str_cut(&rest, ',', &one)) {
		struct core_operator *o =
		    &next->operators[next->operator_count++];
		struct str name;
		struct str uid;
		uint64_t number;

		if (!str_cut(&one, ':', &name) || !str_cut(&one, ':', &uid) ||
		    !str_u64(uid, &number) || !digest_parse(one, &o->token) ||
		    !str_copy(o->name, sizeof(o->name), name)) {
			return err_set(e, ERR_INPUT,
			    "--operators is not name:uid:digest,…");
		}
		o->uid = (uint32_t)number;
	}
	return 0;
}

static int
load_home(struct core_house *next, struct err *e)
{
	struct identity *home = &next->home;

	return str_copy(
	           home->device, sizeof(home->device), next->config.device) &&
	               str_copy(home->client, sizeof(home->client),
	                   next->config.client)
	           ? 0
	           : err_set(e, ERR_INPUT, "device or client is too long");
}

/* All of it was read and checked: from here on it is in force. */
static void
take_over(struct core *c, struct core_house *next)
{
	next->arena = c->house.arena;
	c->house = *next;
	core_ca_look_again(c);
	core_witness_follow(c);
	core_publish_follow(c);
	follow(c);
	for (size_t i = 0; i < c->house.role_count; i++) {
		policy_in_force(c, &c->house.roles[i]);
	}
}

int
core_house_load(struct core *c, bool first, struct err *e)
{
	struct core_house next = { 0 };

	if (roles_load_config(
	        &c->house.arena, c->config_file, &next.config, e) ||
	    load_home(&next, e) || core_witness_check(&next.config, e) ||
	    (first && check_own_authorities(c, &next.config, e)) ||
	    load_operators(c, &next, e) || load_roles(c, &next, first, e)) {
		return -1;
	}
	take_over(c, &next);
	return 0;
}

struct core_role *
core_role_find(struct core *c, struct str any_form)
{
	struct identity who;
	struct err e = { 0 };

	if (roles_parse_any(any_form, &c->house.home, &who, &e)) {
		return NULL;
	}
	for (size_t i = 0; i < c->house.role_count; i++) {
		struct core_role *r = &c->house.roles[i];

		if (strcmp(r->name, who.role) == 0 &&
		    strcmp(r->who.device, who.device) == 0 &&
		    strcmp(r->who.client, who.client) == 0) {
			return r;
		}
	}
	return NULL;
}
