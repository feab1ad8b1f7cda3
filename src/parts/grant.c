/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/grant.h"

const struct grant_power *
grant_find(const struct grant_house *h, struct str identity)
{
	for (size_t i = 0; i < h->count; i++) {
		if (str_eq(h->at[i].identity, identity)) {
			return &h->at[i];
		}
	}
	return NULL;
}

/* --- tools --- */

static bool
all_have(const struct names *set, const struct names *wanted)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (!names_have(set, wanted->at[i])) {
			return false;
		}
	}
	return true;
}

/* The same name, and the same deed in the role of every ancestor. */
static bool
below(const struct grant_house *h, const struct grant *ceiling,
    const struct tool *t)
{
	if (!names_have(&ceiling->tools, t->name) ||
	    !all_have(&ceiling->credentials, &t->credentials)) {
		return false;
	}
	for (size_t i = 0; i < ceiling->through.count; i++) {
		const struct grant_power *p =
		    grant_find(h, ceiling->through.at[i]);
		const struct tool *theirs =
		    p ? tools_find(p->catalogue, t->name) : NULL;

		if (!theirs || !names_have(&p->seen, t->name) ||
		    !digest_eq(theirs->contract, t->contract)) {
			return false;
		}
	}
	return true;
}

struct names
grant_tools(struct arena *a, const struct grant_house *h,
    const struct grant_power *own, const struct task_type *type,
    const struct grant *ceiling)
{
	struct names mine = roles_grant(a, &own->seen, &type->tools);
	struct str *list = arena_array(a, mine.count, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < mine.count; i++) {
		const struct tool *t = tools_find(own->catalogue, mine.at[i]);

		if (t && (!ceiling->bounded || below(h, ceiling, t))) {
			list[count++] = mine.at[i];
		}
	}
	return (struct names){ list, count };
}

/* --- credentials --- */

static void
add_name(struct str *list, size_t *count, struct str name)
{
	struct names so_far = { list, *count };

	if (name.len && !names_have(&so_far, name)) {
		list[(*count)++] = name;
	}
}

/* A rule that exists for other tools only is nothing to it. */
static bool
serves(const struct policy_egress *rule, const struct names *tools)
{
	bool found = rule->only_for_count == 0;

	for (uint32_t i = 0; i < rule->only_for_count; i++) {
		found = found || names_have(tools, rule->only_for[i]);
	}
	return found;
}

struct names
grant_credentials(struct arena *a, const struct grant_power *own,
    const struct names *tools, const struct grant *ceiling)
{
	size_t rules = policy_egress_count(own->policy);
	size_t most = 2 * rules;
	size_t count = 0;

	for (size_t i = 0; i < own->catalogue->count; i++) {
		most += own->catalogue->at[i].credentials.count;
	}
	struct str *list = arena_array(a, most, sizeof(*list));

	for (size_t i = 0; i < rules; i++) {
		const struct policy_egress *rule =
		    policy_egress_at(own->policy, i);

		if (serves(rule, tools)) {
			add_name(list, &count, rule->inject.credential);
			add_name(list, &count, rule->token_endpoint);
		}
	}
	for (size_t i = 0; i < tools->count; i++) {
		const struct tool *t = tools_find(own->catalogue, tools->at[i]);

		for (size_t n = 0; t && n < t->credentials.count; n++) {
			add_name(list, &count, t->credentials.at[n]);
		}
	}
	struct names mine = { list, count };

	return ceiling->bounded ? roles_grant(a, &mine, &ceiling->credentials)
	                        : mine;
}

/* --- a child --- */

int
grant_child(struct arena *a, const struct grant_house *h,
    const struct grant_parent *parent, struct grant *out, struct err *e)
{
	const struct grant *above = parent->ceiling;
	size_t most = above->bounded ? above->through.count + 1 : 1;
	struct str *through = arena_array(a, most, sizeof(*through));
	size_t count = 0;

	add_name(through, &count, parent->power->identity);
	for (size_t i = 0; i + 1 < most; i++) {
		add_name(through, &count, above->through.at[i]);
	}
	if (above->bounded && above->depth >= GRANT_DEPTH_MAX) {
		return err_set(e, ERR_LIMIT,
		    "this task was made by a task that was made by a task …, "
		    "%d in all: let a person put the next",
		    GRANT_DEPTH_MAX);
	}
	struct names tools =
	    grant_tools(a, h, parent->power, parent->type, above);

	*out = (struct grant){
		.bounded = true,
		.depth = above->bounded ? above->depth + 1 : 1,
		.parent = parent->task,
		.tools = tools,
		.credentials =
		    grant_credentials(a, parent->power, &tools, above),
		.through = { through, count },
	};
	return 0;
}

/* --- requests --- */

static void
deny(struct policy_request_decision *d, struct str text, struct str next)
{
	d->verdict = POLICY_DENY;
	d->rule = STR("parent");
	d->text = text;
	d->next = next;
}

static bool
may_inject(const struct grant *ceiling, const struct policy_egress *rule)
{
	struct str credential = rule->inject.credential.len
	                            ? rule->inject.credential
	                            : rule->token_endpoint;

	return !credential.len || names_have(&ceiling->credentials, credential);
}

/* An ancestor whose own rule would need a credential that is not in the
 * ceiling could not have sent it either. */
void
grant_request(struct arena *a, const struct grant_house *h,
    const struct grant *ceiling, const struct policy_request *r,
    struct policy_request_decision *d)
{
	if (!ceiling->bounded) {
		return;
	}
	if (!may_inject(ceiling, d->egress)) {
		deny(d,
		    arena_printf(a,
		        "the task that made this one could not use the "
		        "credential \"" STR_FMT "\"",
		        STR_ARG(d->egress->inject.credential)),
		    STR("let a person put the task"));
		return;
	}
	for (size_t i = 0; i < ceiling->through.count; i++) {
		struct policy_request theirs = *r;
		struct policy_request_decision said = { 0 };
		const struct grant_power *p =
		    grant_find(h, ceiling->through.at[i]);

		theirs.identity = ceiling->through.at[i];
		theirs.call_approved = false; /* by this role's gates */
		if (p) {
			policy_request(a, p->policy, &theirs, &said);
		}
		if (!p || said.verdict == POLICY_DENY ||
		    !may_inject(ceiling, said.egress)) {
			deny(d,
			    arena_printf(a,
			        STR_FMT " is among those who made this task "
			                "and may not send this",
			        STR_ARG(theirs.identity)),
			    STR("let a person put the task"));
			return;
		}
		if (said.verdict == POLICY_ASK) {
			policy_request_both(a, r, d, &said.ask);
		}
		if (d->verdict == POLICY_DENY) {
			return; /* no surface in common */
		}
	}
}

/* --- in the book --- */

static void
write_names(struct arena *a, struct json *object, const char *key,
    const struct names *set)
{
	struct json *list = json_set(a, object, key, json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < set->count; i++) {
		(void)json_push(list, json_new_str(a, set->at[i]));
	}
}

struct json *
grant_json(struct arena *a, const struct grant *g)
{
	struct json *o;

	if (!g->bounded) {
		return NULL;
	}
	o = json_new(a, JSON_OBJECT);
	(void)json_set_str(a, o, "parent", g->parent);
	(void)json_set(a, o, "depth", json_new_i64(a, g->depth));
	write_names(a, o, "tools", &g->tools);
	write_names(a, o, "credentials", &g->credentials);
	write_names(a, o, "through", &g->through);
	return o;
}

static int
read_names(struct arena *a, const struct json *written, const char *key,
    struct names *out, struct err *e)
{
	const struct json *list = json_get(written, key);
	struct str *at;
	size_t count = 0;

	if (!list || list->type != JSON_ARRAY) {
		return err_set(e, ERR_INPUT, "grant.%s: expected a list", key);
	}
	at = arena_array(a, list->count, sizeof(*at));
	JSON_EACH(item, list)
	{
		if (item->type != JSON_STRING) {
			return err_set(
			    e, ERR_INPUT, "grant.%s: expected names", key);
		}
		at[count++] = arena_str(a, item->text);
	}
	*out = (struct names){ at, count };
	return 0;
}

int
grant_read(struct arena *a, const struct json *written, struct grant *out,
    struct err *e)
{
	struct grant g = { .bounded = true };
	struct str parent = STR("");
	int64_t depth = 0;

	if (!written) {
		*out = (struct grant){ 0 };
		return 0;
	}
	if (read_names(a, written, "tools", &g.tools, e) ||
	    read_names(a, written, "credentials", &g.credentials, e) ||
	    read_names(a, written, "through", &g.through, e)) {
		return -1;
	}
	if (!json_i64(written, "depth", &depth) || depth < 1 ||
	    depth > GRANT_DEPTH_MAX) {
		return err_set(e, ERR_INPUT, "grant.depth: expected 1 to %d",
		    GRANT_DEPTH_MAX);
	}
	g.depth = (uint32_t)depth;
	(void)json_text(written, "parent", &parent);
	g.parent = arena_str(a, parent);
	*out = g;
	return 0;
}
