/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

#include "policy/rules.h"

/* A gate on requests beside one rule, by what the file shows of both. */

/* What is said of the two: a rule is covered where all of it is held, met where
 * some is, and goes past a gate by another port or a path beside it. */
#define COVERS  1U
#define MEETS   2U
#define BY_PORT 4U
#define BY_PATH 8U
#define BOTH    (COVERS | MEETS)
#define BESIDE  (MEETS | BY_PATH)

#define A      "host = \"a.good.test\""
#define B      "host = \"b.good.test\""
#define ALL    "host = \"*.good.test\""
#define DEEP   "host = \"*.x.good.test\""
#define TUNNEL " }\nprotocol = \"tcp\"\n# "

static const struct {
	const char *rule, *gate; /* what stands in match */
	unsigned said;
} rows[] = {
	{ A, A, BOTH },
	{ A, "port = 443", BOTH },
	{ A, ALL, BOTH },
	{ A, B, 0 },
	{ ALL, A, MEETS },
	{ ALL, ALL, BOTH },
	{ DEEP, ALL, BOTH },
	{ ALL, DEEP, MEETS },
	{ ALL, "host = \"good.test\"", 0 },
	{ "host = \"good.test\"", ALL, 0 },
	{ ALL, "host = \"*.best.test\"", 0 },
	{ A ", port = 80", A ", port = 443", BY_PORT },
	{ A ", port = 80", B ", port = 443", 0 },
	{ A ", port = 80", A ", port = 80", BOTH },
	{ A ", port = 80", A, BOTH },
	/* methods: those that change nothing need no gate */
	{ A, A ", method = \"POST\"", MEETS },
	{ A ", method = \"GET\"", A ", method = \"POST\"", COVERS },
	{ A ", method = \"GET|PUT\"", A ", method = \"POST\"", 0 },
	{ A ", method = \"GET|HEAD|OPTIONS|PUT\"", A ", method = \"PUT\"",
	    BOTH },
	{ A ", method = \"PUT|POST\"", A ", method = \"PUT|POST\"", BOTH },
	{ A ", method = \"PUT|POST\"", A ", method = \"PUT\"", MEETS },
	/* paths */
	{ A, A ", path = \"/p/**\"", BESIDE },
	{ A ", path = \"/p\"", A, BOTH },
	{ A ", path = \"/p/*\"", A ", path = \"/p/*\"", BOTH },
	{ A ", path = \"/p/a\"", A ", path = \"/p/**\"", BOTH },
	{ A ", path = \"/p/\"", A ", path = \"/p/**\"", BOTH },
	{ A ", path = \"/p/**\"", A ", path = \"/p/*\"", BESIDE },
	{ A ", path = \"/p\"", A ", path = \"/p/**\"", BESIDE },
	{ A ", path = \"/q/a\"", A ", path = \"/p/**\"", 0 },
	{ A ", path = \"/p/*\"", A ", path = \"/*/**\"", BESIDE },
	/* one path is held or not, whatever form the gate's has */
	{ A ", path = \"/p/a\"", A ", path = \"/*/**\"", BOTH },
	{ A ", path = \"/p/a\"", A ", path = \"/**/a\"", BOTH },
	{ A ", path = \"/p/a\"", A ", path = \"/p/*\"", BOTH },
	{ A ", path = \"/p/\"", A ", path = \"/p/*\"", BESIDE },
	{ A ", method = \"GET\", path = \"/p\"", A ", path = \"/p/**\"",
	    MEETS },
	/* git */
	{ A ", git = \"push\"", A, BOTH },
	{ A ", git = \"push\"", A ", git = \"push\"", BOTH },
	{ A ", git = \"fetch|push\"", A ", git = \"push\"", BOTH },
	{ A ", git = \"push\"", A ", git = \"fetch\"", 0 },
	{ A ", git = \"fetch\"", A ", git = \"push\"", 0 },
	{ A ", git = \"fetch\"", A ", git = \"fetch\"", MEETS },
	{ A, A ", git = \"push\"", 0 },
	{ A, A ", git = \"fetch\"", 0 },
	{ A ", git = \"push\"", A ", git = \"push\", ref = \"refs/heads/x\"",
	    MEETS },
	{ A ", git = \"push\"", A ", git = \"push\", delete = true", MEETS },
	{ A, A ", identity = \"cloud__*\"", MEETS },
	/* a tunnel is held by host and port alone */
	{ A TUNNEL, A ", method = \"POST\", path = \"/p\"", BOTH },
	{ A TUNNEL, A ", git = \"push\"", BOTH },
	{ A TUNNEL, A ", port = 22", BY_PORT },
	{ A TUNNEL, B, 0 },
	/* a gate on calls */
	{ A, "tool = \"t\"", 0 },
};

static unsigned
said_of(const struct gate *g, const struct rule *r)
{
	const char *how = policy_gate_passed(g, r);

	return (policy_gate_covers(g, r) ? COVERS : 0) |
	       (policy_gate_meets(g, r) ? MEETS : 0) |
	       (how && str_has_str(str_of(how), STR("port")) ? BY_PORT : 0) |
	       (how && str_has_str(str_of(how), STR("path")) ? BY_PATH : 0);
}

static void
a_gate_covers_meets_or_is_passed_by_a_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct str text = arena_printf(&a,
		    "[gate.g]\nmatch = { %s }\nrequire = \"operator\"\n"
		    "[egress.r]\nmatch = { %s }\n",
		    rows[i].gate, rows[i].rule);
		const struct policy *p = policy_of(&a, arena_z(&a, text));

		assert_row(said_of(&p->gates[0], &p->rules[0]) == rows[i].said,
		    arena_z(&a, text));
	}
}

static void
a_gate_on_requests_is_shown_as_it_is_written(void **state)
{
	auto_arena a = { 0 };
	struct policy_held h = { 0 };
	const struct policy *p = policy_of(&a,
	    "[gate.call]\ntool = \"t\"\nrequire = \"operator\"\n"
	    "[gate.pay]\nmatch = { " A ", port = 8443, method = \"PUT|POST\", "
	    "path = \"/p/**\", identity = \"cloud__*\" }\n"
	    "require = \"anna\"\n"
	    "[gate.two]\ntool = \"u\"\nrequire = \"operator\"\n"
	    "[gate.push]\nmatch = { " ALL ", git = \"push\", ref = "
	    "\"refs/heads/*\" }\nrequire = \"two_operators\"\n"
	    "[gate.all]\nmatch = { git = \"fetch|push\" }\n"
	    "require = \"operator\"\n"
	    "[gate.fetch]\nmatch = { git = \"fetch\" }\n"
	    "require = \"operator\"\n");

	(void)state;
	assert_true(policy_held_at(&a, p, 0, &h));
	assert_true(str_eq_z(h.gate, "pay") && h.line == 4);
	assert_true(str_eq_z(h.host, "a.good.test") && h.port == 8443);
	assert_true(
	    str_eq_z(h.method, "PUT|POST") && str_eq_z(h.path, "/p/**"));
	assert_true(str_eq_z(h.identity, "cloud__*") && h.git.len == 0);
	assert_true(str_eq_z(h.named, "anna") && h.people == 1);
	assert_true(policy_held_at(&a, p, 1, &h));
	assert_true(str_eq_z(h.gate, "push") && str_eq_z(h.git, "push"));
	assert_true(str_eq_z(h.host, "*.good.test") && h.port == 0);
	assert_true(str_eq_z(h.ref, "refs/heads/*") && h.people == 2);
	assert_true(policy_held_at(&a, p, 2, &h));
	assert_true(h.host.len == 0 && str_eq_z(h.git, "fetch|push"));
	assert_true(policy_held_at(&a, p, 3, &h));
	assert_true(str_eq_z(h.git, "fetch"));
	assert_false(policy_held_at(&a, p, 4, &h));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gate_covers_meets_or_is_passed_by_a_rule),
		cmocka_unit_test(a_gate_on_requests_is_shown_as_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
