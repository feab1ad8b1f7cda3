/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "parts/grant.h"

/*
 * Houses out of dice: roles with tools of the same names and not always the
 * same contracts, egress rules over a few hosts, some for one tool only.  Then
 * chains of tasks, each made by the one before.
 */

#define ROLES       4
#define TOOLS       6
#define HOSTS       5
#define CREDENTIALS 4
#define DEEP        6

static uint64_t dice;

static unsigned
roll(unsigned sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice % sides);
}

struct made_role {
	struct catalogue catalogue;
	struct task_type types[3];
};

struct made_house {
	struct made_role roles[ROLES];
	struct grant_power powers[ROLES];
	struct grant_house house;
};

static void
write_tools(struct buf *b)
{
	for (unsigned t = 0; t < TOOLS; t++) {
		if (roll(5) == 0) {
			continue; /* not in this role */
		}
		buf_addf(b,
		    "[tool.t%u]\ndescription = \"variant %u\"\n"
		    "action = \"read\"\n",
		    t, roll(4) == 0);
		if (roll(4) == 0) {
			buf_addf(b, "requires = [\"credential:c%u\"]\n",
			    roll(CREDENTIALS));
		}
		buf_addf(b, "run = { exec = [\"/bin/true\"] }\n");
	}
}

static void
write_gates(struct buf *b)
{
	for (unsigned h = 0; h < HOSTS; h++) {
		if (roll(3) == 0) {
			continue;
		}
		buf_addf(b,
		    "[egress.r%u]\nmatch = { host = \"h%u.good.test\", method "
		    "= \"%s\" }\n",
		    h, h, roll(2) ? "GET" : "GET|POST");
		if (roll(2)) {
			buf_addf(b,
			    "inject = { credential = \"c%u\", header = "
			    "\"Authorization\", format = \"Bearer "
			    "{{secret}}\" }\n",
			    roll(CREDENTIALS));
		}
		if (roll(3) == 0) {
			buf_addf(b, "only_for = [\"t%u\"]\n", roll(TOOLS));
		}
		if (roll(3) == 0) {
			buf_addf(b,
			    "[gate.g%u]\nmatch = { host = \"h%u.good.test\", "
			    "method = \"POST\" }\nrequire = \"%s\"\n",
			    h, h, roll(2) ? "operator" : "two_operators");
		}
	}
}

static unsigned asked; /* by a maker's gate */

static struct names
some_tools(struct arena *a)
{
	struct str *at = arena_array(a, TOOLS, sizeof(*at));
	size_t count = 0;

	for (unsigned t = 0; t < TOOLS; t++) {
		if (roll(4)) {
			at[count++] = arena_printf(a, "t%u", t);
		}
	}
	return (struct names){ at, count };
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
make_house(struct arena *a, struct made_house *m)
{
	*m = (struct made_house){ .house = { m->powers, ROLES } };
	for (unsigned i = 0; i < ROLES; i++) {
		struct made_role *r = &m->roles[i];
		struct grant_power *p = &m->powers[i];
		auto_buf tools = { 0 };
		auto_buf gates = { 0 };
		struct err e = { 0 };
		struct names every = { 0 };

		write_tools(&tools);
		write_gates(&gates);
		if (tools_parse(a, arena_str(a, buf_str(&tools)), "server.toml",
		        &r->catalogue, &e) ||
		    policy_parse(a, arena_str(a, buf_str(&gates)), "gates.toml",
		        &p->policy, &e)) {
			fail_msg("%s", e.text);
		}
		for (unsigned t = 0; t < COUNT(r->types); t++) {
			r->types[t].tools = some_tools(a);
		}
		every = some_tools(a);
		p->identity = arena_printf(a, "linux__server__r%u_coworker", i);
		p->catalogue = &r->catalogue;
		p->seen = every;
	}
}

/* --- what a task can do --- */

struct made_task {
	unsigned role;
	const struct task_type *type;
	struct grant ceiling;
	struct names tools;
	struct names credentials;
};

static struct made_task
put_task(struct arena *a, struct made_house *m, const struct grant *ceiling)
{
	struct made_task t = { .role = roll(ROLES), .ceiling = *ceiling };

	t.type = &m->roles[t.role].types[roll(3)];
	t.tools =
	    grant_tools(a, &m->house, &m->powers[t.role], t.type, &t.ceiling);
	t.credentials =
	    grant_credentials(a, &m->powers[t.role], &t.tools, &t.ceiling);
	return t;
}

static enum policy_verdict /* NOLINTNEXTLINE(*-function-size): of a request */
reaches(struct arena *a, struct made_house *m, const struct made_task *t,
    unsigned host, const char *method, struct str tool, struct str *credential,
    uint32_t *people)
{
	struct policy_request_decision d = { 0 };
	struct names_host name;
	struct err e = { 0 };
	struct policy_request r = {
		.identity = m->powers[t->role].identity,
		.host = &name,
		.port = 443,
		.tls = true,
		.method = str_of(method),
		.path = STR("/"),
		.from_tool = tool,
	};

	assert_int_equal(
	    names_host_parse(arena_printf(a, "h%u.good.test", host), &name, &e),
	    0);
	policy_request(a, m->powers[t->role].policy, &r, &d);
	if (d.verdict != POLICY_DENY) {
		grant_request(a, &m->house, &t->ceiling, &r, &d);
	}
	*credential =
	    d.verdict != POLICY_DENY ? d.egress->inject.credential : STR("");
	*people = d.verdict == POLICY_ASK ? d.ask.people : 0;
	return d.verdict;
}

static void
assert_tools_below(struct made_house *m, const struct made_task *child,
    const struct made_task *parent)
{
	for (size_t i = 0; i < child->tools.count; i++) {
		struct str name = child->tools.at[i];
		const struct tool *mine =
		    tools_find(&m->roles[child->role].catalogue, name);
		const struct tool *theirs =
		    tools_find(&m->roles[parent->role].catalogue, name);

		assert_true(names_have(&parent->tools, name));
		assert_true(
		    theirs && digest_eq(mine->contract, theirs->contract));
		for (size_t n = 0; n < mine->credentials.count; n++) {
			assert_true(names_have(
			    &parent->credentials, mine->credentials.at[n]));
		}
	}
	for (size_t i = 0; i < child->credentials.count; i++) {
		assert_true(
		    names_have(&parent->credentials, child->credentials.at[i]));
	}
}

static unsigned
assert_hosts_below(struct arena *a, struct made_house *m,
    const struct made_task *child, const struct made_task *parent)
{
	static const char *const methods[] = { "GET", "POST" };
	unsigned reached = 0;

	for (unsigned n = 0; n < HOSTS * 2 * (TOOLS + 1); n++) {
		unsigned tool = n / (HOSTS * 2);
		struct str from =
		    tool == TOOLS ? STR("") : arena_printf(a, "t%u", tool);
		struct str credential;
		struct str ignored;
		uint32_t people;
		uint32_t theirs;

		/* A cell for one call exists only for a call that it has. */
		if (from.len && !names_have(&child->tools, from)) {
			continue;
		}
		if (reaches(a, m, child, n % HOSTS, methods[n / HOSTS % 2],
		        from, &credential, &people) == POLICY_DENY) {
			continue;
		}
		reached++;
		/* Of whom its maker must ask, it must ask at least as many. */
		assert_true(
		    reaches(a, m, parent, n % HOSTS, methods[n / HOSTS % 2],
		        from, &ignored, &theirs) != POLICY_DENY);
		assert_true(people >= theirs);
		asked += theirs > 0;
		assert_true(!credential.len ||
		            names_have(&parent->credentials, credential));
	}
	return reached;
}

static struct grant
ceiling_of(struct arena *a, struct made_house *m, const struct made_task *t)
{
	struct grant_parent parent = {
		.task = STR("0196"),
		.power = &m->powers[t->role],
		.type = t->type,
		.ceiling = &t->ceiling,
	};
	struct grant made = { 0 };
	struct grant back = { 0 };
	struct err e = { 0 };
	auto_buf text = { 0 };
	struct json *tree;

	assert_int_equal(grant_child(a, &m->house, &parent, &made, &e), 0);
	/* What is used is what the book gives back. */
	json_write(&text, grant_json(a, &made));
	assert_int_equal(
	    json_parse(a, arena_str(a, buf_str(&text)), NULL, &tree, &e), 0);
	assert_int_equal(grant_read(a, tree, &back, &e), 0);
	return back;
}

static void
assert_all_in(const struct names *all, const struct names *some)
{
	for (size_t i = 0; i < some->count; i++) {
		assert_true(names_have(all, some->at[i]));
	}
}

static void
no_task_has_more_than_the_one_that_made_it(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : random_u64() | 1;
	unsigned tools = 0;
	unsigned hosts = 0;

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	dice = seed;
	for (int round = 0; round < 400; round++) {
		auto_arena a = { 0 };
		struct made_house m;
		struct grant none = { 0 };

		make_house(&a, &m);
		struct made_task parent = put_task(&a, &m, &none);

		for (int depth = 0; depth < DEEP; depth++) {
			struct grant ceiling = ceiling_of(&a, &m, &parent);
			struct made_task child = put_task(&a, &m, &ceiling);
			/* A retry or a recurrence of it has the same ceiling,
			 * whatever the operator changed meanwhile. */
			struct made_task again = child;

			assert_tools_below(&m, &child, &parent);
			hosts += assert_hosts_below(&a, &m, &child, &parent);
			tools += (unsigned)child.tools.count;
			m.powers[child.role].seen = some_tools(&a);
			again.tools = grant_tools(&a, &m.house,
			    &m.powers[again.role], again.type, &again.ceiling);
			assert_all_in(&parent.tools, &again.tools);
			child.tools = again.tools;
			child.credentials =
			    grant_credentials(&a, &m.powers[child.role],
			        &child.tools, &child.ceiling);
			parent = child;
		}
	}
	/* It looked at something. */
	assert_true(tools > 100 && hosts > 100 && asked > 10);
}

static void
a_task_that_a_person_put_has_no_ceiling(void **state)
{
	static struct made_house m;
	auto_arena a = { 0 };
	struct grant none = { 0 };
	struct err e = { 0 };
	struct grant read = { .bounded = true };

	(void)state;
	dice = 1;
	make_house(&a, &m);
	assert_null(grant_json(&a, &none));
	assert_int_equal(grant_read(&a, NULL, &read, &e), 0);
	assert_false(read.bounded);
	struct made_task t = put_task(&a, &m, &none);
	struct names all =
	    roles_grant(&a, &m.powers[t.role].seen, &t.type->tools);

	assert_true(t.tools.count <= all.count);
	for (size_t i = 0; i < all.count; i++) {
		assert_int_equal(names_have(&t.tools, all.at[i]),
		    tools_find(&m.roles[t.role].catalogue, all.at[i]) != NULL);
	}
}

static void
a_parent_whose_role_was_taken_out_allows_nothing(void **state)
{
	static struct made_house m;
	auto_arena a = { 0 };
	struct str gone[] = { STR("linux__server__gone_coworker") };
	struct grant ceiling = {
		.bounded = true,
		.tools = some_tools(&a),
		.through = { gone, 1 },
	};
	struct str credential;
	uint32_t people;

	(void)state;
	dice = 7;
	make_house(&a, &m);
	for (int i = 0; i < 50; i++) {
		struct made_task t = put_task(&a, &m, &ceiling);

		assert_int_equal(t.tools.count, 0);
		for (unsigned h = 0; h < HOSTS; h++) {
			assert_int_equal(reaches(&a, &m, &t, h, "GET", STR(""),
			                     &credential, &people),
			    POLICY_DENY);
		}
	}
}

/* Today's contract is that of then, and still it is not in the ceiling. */
static void
a_tool_needs_its_credentials_in_the_ceiling(void **state)
{
	static const char text[] = "[tool.t]\ndescription = \"one\"\n"
	                           "action = \"read\"\n"
	                           "requires = [\"credential:c\"]\n"
	                           "run = { exec = [\"/bin/true\"] }\n";
	auto_arena a = { 0 };
	struct catalogue catalogue;
	struct err e = { 0 };
	struct str names[] = { STR("t"), STR("c") };
	struct str makers[] = { STR("linux__server__r0_coworker") };
	struct grant_power power = { .identity = makers[0],
		.catalogue = &catalogue,
		.seen = { names, 1 } };
	struct grant_house house = { &power, 1 };
	struct task_type type = { .tools = { names, 1 } };
	struct grant ceiling = { .bounded = true,
		.tools = { names, 1 },
		.credentials = { names + 1, 1 },
		.through = { makers, 1 } };

	(void)state;
	assert_int_equal(
	    tools_parse(&a, str_of(text), "server.toml", &catalogue, &e), 0);
	assert_int_equal(
	    grant_tools(&a, &house, &power, &type, &ceiling).count, 1);
	ceiling.credentials.count = 0;
	assert_int_equal(
	    grant_tools(&a, &house, &power, &type, &ceiling).count, 0);
}

static void
generations_end(void **state)
{
	static struct made_house m;
	auto_arena a = { 0 };
	struct grant ceiling = { 0 };
	struct made_task t;
	struct err e = { 0 };

	(void)state;
	dice = 3;
	make_house(&a, &m);
	for (unsigned depth = 0; depth < GRANT_DEPTH_MAX; depth++) {
		t = put_task(&a, &m, &ceiling);
		ceiling = ceiling_of(&a, &m, &t);
		assert_int_equal(ceiling.depth, depth + 1);
	}
	t = put_task(&a, &m, &ceiling);
	struct grant_parent parent = {
		.task = STR("0196"),
		.power = &m.powers[t.role],
		.type = t.type,
		.ceiling = &t.ceiling,
	};

	assert_int_equal(grant_child(&a, &m.house, &parent, &ceiling, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

static void
what_is_no_grant_is_refused(void **state)
{
	/* One thing is wrong with each. */
	static const char *const bad[] = {
		"{}",
		"{\"depth\":1,\"tools\":[],\"credentials\":[]}",
		"{\"depth\":1,\"tools\":[],\"through\":[]}",
		"{\"depth\":1,\"credentials\":[],\"through\":[]}",
		"{\"depth\":1,\"tools\":{},\"credentials\":[],"
		"\"through\":[]}",
		"{\"depth\":1,\"tools\":[1],\"credentials\":[],"
		"\"through\":[]}",
		"{\"depth\":1,\"tools\":[],\"credentials\":[null],"
		"\"through\":[]}",
		"{\"depth\":1,\"tools\":[],\"credentials\":[],"
		"\"through\":\"x\"}",
		"{\"tools\":[],\"credentials\":[],\"through\":[]}",
		"{\"depth\":\"1\",\"tools\":[],\"credentials\":[],"
		"\"through\":[]}",
		"{\"depth\":0,\"tools\":[],\"credentials\":[],"
		"\"through\":[]}",
		"{\"depth\":9,\"tools\":[],\"credentials\":[],"
		"\"through\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_arena a = { 0 };
		struct json *tree;
		struct grant g = { 0 };
		struct err e = { 0 };

		assert_int_equal(
		    json_parse(&a, str_of(bad[i]), NULL, &tree, &e), 0);
		assert_int_equal(grant_read(&a, tree, &g, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_false(g.bounded);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_task_has_more_than_the_one_that_made_it),
		cmocka_unit_test(a_task_that_a_person_put_has_no_ceiling),
		cmocka_unit_test(
		    a_parent_whose_role_was_taken_out_allows_nothing),
		cmocka_unit_test(a_tool_needs_its_credentials_in_the_ceiling),
		cmocka_unit_test(generations_end),
		cmocka_unit_test(what_is_no_grant_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
