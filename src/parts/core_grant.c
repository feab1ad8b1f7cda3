/* SPDX-License-Identifier: Apache-2.0 */
/* The grant of a run, against the roles as they are in force. */
#include "parts/core.h"
#include "parts/core_dispatch.h"
#include "parts/core_run.h"

static struct grant_power
power_of(const struct core_role *r)
{
	return (struct grant_power){
		.identity = str_of(r->identity),
		.catalogue = &r->catalogue,
		.seen = r->seen,
		.policy = r->policy,
	};
}

/* A closed role has a policy that denies everything and tools that nobody may
 * be given. */
static struct grant_house
house_of(struct core *c, struct arena *a)
{
	struct grant_power *at =
	    arena_array(a, c->house.role_count + 1, sizeof(*at));
	size_t count = 0;

	for (size_t i = 0; i < c->house.role_count; i++) {
		if (!c->house.roles[i].closed[0]) {
			at[count++] = power_of(&c->house.roles[i]);
		}
	}
	return (struct grant_house){ at, count };
}

int
core_grant_load(struct core *c, struct core_run *r, struct err *e)
{
	const struct json *written = json_get(
	    json_get(json_get(r->record, "payload"), "handrail"), "grant");

	if (grant_read(&r->arena, written, &r->ceiling, e)) {
		return -1;
	}
	core_grant_renew(c, r);
	return 0;
}

void
core_grant_renew(struct core *c, struct core_run *r)
{
	struct grant_house house = house_of(c, &r->arena);
	struct grant_power own = power_of(r->role);

	r->granted = grant_tools(&r->arena, &house, &own, r->type, &r->ceiling);
}

int
core_grant_made(struct core *c, const struct core_maker *by, struct arena *a,
    struct grant *out, struct err *e)
{
	struct grant_house house = house_of(c, a);
	struct grant_power own = power_of(by->role);
	struct grant_parent parent = {
		.task = arena_str(a, by->task),
		.power = &own,
		.type = by->type,
		.ceiling = by->ceiling,
	};

	return grant_child(a, &house, &parent, out, e);
}

struct core_maker
core_run_maker(const struct core_run *r)
{
	return (struct core_maker){
		.role = r->role,
		.type = r->type,
		.ceiling = &r->ceiling,
		.task = str_of(r->task_text),
	};
}

int
core_grant_child(struct core *c, const struct core_run *r, struct arena *a,
    struct grant *out, struct err *e)
{
	struct core_maker by = core_run_maker(r);

	return core_grant_made(c, &by, a, out, e);
}

void
core_grant_request(struct core *c, const struct core_run *r, struct arena *a,
    const struct policy_request *request, struct policy_request_decision *d)
{
	if (r && r->ceiling.bounded && d->verdict != POLICY_DENY) {
		struct grant_house house = house_of(c, a);

		grant_request(a, &house, &r->ceiling, request, d);
	}
}
