/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "roles/identity.h"

#define LONG \
	"linux__server__aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_coworker"

static void
known_identities_come_back_as_they_were(void **state)
{
	static const char *const known[] = {
		"macos__desktop_cowork__engineering_coworker",
		"macos__desktop_cowork__design_coworker",
		"cloud__docker_mcp__engineering_coworker",
		"linux__server__product_management_coworker",
		"a1__b2_3c__d_coworker",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct identity id;
		struct err e = { 0 };
		char text[IDENTITY_TEXT];

		assert_int_equal(
		    roles_parse_identity(str_of(known[i]), &id, &e), 0);
		roles_print_identity(&id, text);
		assert_string_equal(text, known[i]);
	}
}

static void
refuses(const char *text)
{
	struct identity id = { .role = "untouched" };
	struct err e = { 0 };

	if (roles_parse_identity(str_of(text), &id, &e) == 0) {
		fail_msg("%s was taken", text);
	}
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(id.role, "untouched");
}

static void
what_is_no_identity_is_refused(void **state)
{
	static const char *const bad[] = { "", "linux", "linux__server",
		"linux__server__engineering", "__server__engineering_coworker",
		"linux____engineering_coworker", "linux__server__",
		"linux__server___coworker", "linux__server__coworker",
		"linux__server__x_coworker__y", "Linux__server__x_coworker",
		"linux__ser ver__x_coworker", "linux__server_a_x_coworker",
		"linux___server__x_coworker", "1linux__server__x_coworker",
		"linux__server__x-y_coworker", "linux__server__x_Coworker",
		LONG };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		refuses(bad[i]);
	}
}

static void
every_form_of_a_role_is_taken(void **state)
{
	static const struct identity home = { "linux", "server", "" };
	static const char *const forms[] = { "product_management",
		"product-management", "product_management_coworker",
		"product-management-coworker",
		"linux__server__product_management_coworker" };
	char text[IDENTITY_TEXT];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct identity id;
		char role[IDENTITY_PART];

		assert_int_equal(
		    roles_parse_any(str_of(forms[i]), &home, &id, &e), 0);
		roles_print_identity(&id, text);
		assert_string_equal(
		    text, "linux__server__product_management_coworker");
		assert_int_equal(
		    roles_parse_role(str_of(forms[i]), role, &e), 0);
		assert_string_equal(role, "product_management");
	}
	roles_print_mailbox("product_management", text);
	assert_string_equal(text, "product-management-coworker");
}

static void
what_is_no_role_is_refused(void **state)
{
	static const char *const bad[] = { "", "-", "_coworker", "-coworker",
		"Engineering", "../etc", "a/b", "a--b", "x\n",
		"linux__server__Bad_coworker" };
	char role[IDENTITY_PART];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    roles_parse_role(str_of(bad[i]), role, &e), -1);
	}
	assert_int_equal(roles_parse_role(STR("a\0b"), role, &e), -1);
}

static void
patterns_match_whole(void **state)
{
	static const struct identity i = { "linux", "server", "engineering" };
	static const struct {
		const char *pattern;
		bool matches;
	} cases[] = {
		{ "*", true },
		{ "linux__*", true },
		{ "*__engineering_coworker", true },
		{ "linux__*__engineering_coworker", true },
		{ "linux__server__engineering_coworker", true },
		{ "l*x__s*r__*", true },
		{ "**", true },
		{ "linux", false },
		{ "linux__", false },
		{ "cloud__*", false },
		{ "*linux", false },
		{ "*_coworkers", false },
		{ "inux__*", false },
		{ "", false },
		{ "Linux__*", false },
		{ "linux__?erver__*", false },
		{ "*********", false },
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		bool got = roles_pattern_matches(str_of(cases[n].pattern), &i);

		assert_int_equal(got, cases[n].matches);
	}
}

static void
a_mac_tool_is_not_for_the_cloud(void **state)
{
	static const struct identity mac = { "macos", "desktop_cowork",
		"engineering" };
	static const struct identity cloud = { "cloud", "docker_mcp",
		"engineering" };

	(void)state;
	assert_true(roles_pattern_matches(STR("macos__*"), &mac));
	assert_false(roles_pattern_matches(STR("macos__*"), &cloud));
	assert_true(roles_pattern_matches(STR("cloud__*"), &cloud));
}

/* ---- grants ---- */

#define UNIVERSE 24

/* A random set of the names n0 … n23, in any order, with repeats. */
static struct names
random_names(struct arena *a)
{
	uint64_t bits = random_u64();
	size_t count = bits % (UNIVERSE + 8);
	struct str *list = arena_array(a, count, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		list[i] =
		    arena_printf(a, "n%u", (unsigned)(random_u64() % UNIVERSE));
	}
	return (struct names){ list, count };
}

static bool
is_subset(const struct names *x, const struct names *y)
{
	for (size_t i = 0; i < x->count; i++) {
		if (!names_have(y, x->at[i])) {
			return false;
		}
	}
	return true;
}

static void
a_child_never_has_what_its_parent_lacks(void **state)
{
	(void)state;
	for (int round = 0; round < 3000; round++) {
		auto_arena a = { 0 };
		struct names identity = random_names(&a);
		struct names type = random_names(&a);
		struct names grant = roles_grant(&a, &identity, &type);

		assert_true(is_subset(&grant, &identity));
		assert_true(is_subset(&grant, &type));
		/* Four generations, each of another identity and type. */
		for (int depth = 0; depth < 4; depth++) {
			struct names parent = grant;
			struct names who = random_names(&a);
			struct names what = random_names(&a);

			grant = roles_grant_child(&a, &who, &what, &parent);
			assert_true(is_subset(&grant, &parent));
			assert_true(is_subset(&grant, &who));
			assert_true(is_subset(&grant, &what));
		}
	}
}

static void
a_grant_has_everything_that_all_three_have(void **state)
{
	(void)state;
	for (int round = 0; round < 1000; round++) {
		auto_arena a = { 0 };
		struct names who = random_names(&a);
		struct names what = random_names(&a);
		struct names parent = random_names(&a);
		struct names grant =
		    roles_grant_child(&a, &who, &what, &parent);

		for (unsigned i = 0; i < UNIVERSE; i++) {
			struct str name = arena_printf(&a, "n%u", i);

			assert_int_equal(names_have(&grant, name),
			    names_have(&who, name) && names_have(&what, name) &&
			        names_have(&parent, name));
		}
	}
}

static void
an_empty_set_grants_nothing(void **state)
{
	static const struct str one[] = { { "a", 1 } };
	static const struct names some = { one, 1 };
	static const struct names none = { NULL, 0 };
	auto_arena a = { 0 };

	(void)state;
	assert_int_equal(roles_grant(&a, &none, &some).count, 0);
	assert_int_equal(roles_grant(&a, &some, &none).count, 0);
	assert_int_equal(roles_grant_child(&a, &some, &some, &none).count, 0);
	assert_int_equal(roles_grant_child(&a, &some, &some, &some).count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_identities_come_back_as_they_were),
		cmocka_unit_test(what_is_no_identity_is_refused),
		cmocka_unit_test(every_form_of_a_role_is_taken),
		cmocka_unit_test(what_is_no_role_is_refused),
		cmocka_unit_test(patterns_match_whole),
		cmocka_unit_test(a_mac_tool_is_not_for_the_cloud),
		cmocka_unit_test(a_child_never_has_what_its_parent_lacks),
		cmocka_unit_test(a_grant_has_everything_that_all_three_have),
		cmocka_unit_test(an_empty_set_grants_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
