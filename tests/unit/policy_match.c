/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/rules.h"

/* A row of a table: which one it was that broke. */
static void
assert_row(bool ok, const char *row, const char *and)
{
	if (!ok) {
		fail_msg("%s and %s", row, and);
	}
}

static bool
matches(const char *pattern, const char *text)
{
	return policy_glob_match(str_of(pattern), str_of(text));
}

static void
a_pattern_matches_whole_or_not_at_all(void **state)
{
	(void)state;
	assert_true(matches("*", ""));
	assert_true(matches("*", "anything|at\nall"));
	assert_true(matches("purchase|subscribe|deploy_paid", "subscribe"));
	assert_true(matches("git_*", "git_push"));
	assert_true(matches("*_push", "git_push"));
	assert_true(matches("a*b*c", "a__b_b__c"));
	assert_false(matches("purchase|subscribe", "purchase_x"));
	assert_false(matches("purchase|subscribe", "x_purchase"));
	assert_false(matches("purchase|subscribe", "Purchase"));
	assert_false(matches("purchase|subscribe", "purchase\n"));
	assert_false(matches("purchase|subscribe", ""));
	assert_false(matches("purchase|subscribe", "purchase|subscribe"));
	assert_false(matches("a*b*c", "a__c_b_"));
	assert_false(policy_glob_match(STR("ab"), str_span("ab\0", 3)));
}

static bool
fits(const char *pattern, const char *text)
{
	return policy_path_match(str_of(pattern), str_of(text));
}

static void
a_star_is_one_segment_and_two_are_any(void **state)
{
	(void)state;
	assert_true(fits("/repos/**", "/repos/a/b"));
	assert_true(fits("/repos/**", "/repos/"));
	assert_true(fits("/**", "/"));
	assert_true(fits("/**", "/a/b/c"));
	assert_true(fits("/repos/*/issues", "/repos/x/issues"));
	assert_true(fits("/a/**/z", "/a/z"));
	assert_true(fits("/a/**/z", "/a/b/c/z"));
	assert_true(fits("/a/**/m/**/z", "/a/m/m/q/z"));
	assert_true(fits("/a/**/m/n", "/a/m/x/m/n"));
	assert_true(fits("/v*/x", "/v/x"));
	assert_true(fits("/*.git/info", "/a.git/info"));
	assert_true(fits("/a", "/a"));
	assert_false(fits("/repos/**", "/repos"));
	assert_false(fits("/repos/**", "/reposx/a"));
	assert_false(fits("/repos/*/issues", "/repos//issues"));
	assert_false(fits("/repos/*/issues", "/repos/a/b/issues"));
	assert_false(fits("/repos/*", "/repos/a/"));
	assert_false(fits("/a/**/z", "/a/b/c"));
	assert_false(fits("/a/**/m/n", "/a/m/x/n"));
	assert_false(fits("/a", "/a/"));
	assert_false(fits("/a", "/A"));
	assert_false(fits("refs/heads/agent/*", "refs/heads/agent/a/b"));
	assert_false(fits("refs/heads/agent/*", "refs/heads/agent/"));
	assert_false(fits("refs/heads/agent/*", "refs/heads/agents"));
}

static void
overlap_never_misses_a_common_path(void **state)
{
	static const char *const patterns[] = { "/**", "/a/**", "/a/*",
		"/a/*/c", "/a/b/c", "/*/b/**", "/a/**/z", "/a*c/x", "/ab*/x",
		"/**/c", "/q" };
	static const char *const paths[] = { "/", "/a/b", "/a/b/c", "/a/z",
		"/a/b/z", "/x/b/q", "/abc/x", "/a/c", "/q", "/a/" };

	(void)state;
	for (size_t n = 0; n < COUNT(patterns) * COUNT(patterns); n++) {
		const char *a = patterns[n / COUNT(patterns)];
		const char *b = patterns[n % COUNT(patterns)];
		bool both = false;

		for (size_t k = 0; k < COUNT(paths); k++) {
			both |= fits(a, paths[k]) && fits(b, paths[k]);
		}
		assert_row(
		    !both || policy_path_overlap(str_of(a), str_of(b)), a, b);
	}
	assert_false(policy_path_overlap(STR("/a/*"), STR("/b/*")));
	assert_false(policy_path_overlap(STR("/a/b"), STR("/a/b/c")));
	assert_false(policy_path_overlap(STR("/x*y"), STR("/x*z")));
	assert_false(policy_path_overlap(STR("/a/**/z"), STR("/**/y")));
	assert_false(policy_path_overlap(STR("/ax"), STR("/bx")));
	assert_true(policy_path_overlap(STR("/a*"), STR("/a")));
	assert_true(policy_path_overlap(STR("/a"), STR("/a*")));
	/* What stands behind a text is none of it. */
	assert_false(policy_path_overlap(str_span("/a*", 2), STR("/ab")));
	assert_false(policy_path_overlap(STR("/ab"), str_span("/a*", 2)));
}

/* The path of a tool may be longer than a pattern: it may be of any rule. */
static void
what_is_too_long_to_compare_overlaps(void **state)
{
	auto_buf deep = { 0 };
	auto_buf wide = { 0 };

	(void)state;
	for (int i = 0; i < 64; i++) {
		buf_add_z(&deep, "/a");
	}
	buf_add_z(&deep, "/z");
	assert_true(policy_path_overlap(buf_str(&deep), STR("/**/z")));
	assert_true(policy_path_overlap(STR("/**/z"), buf_str(&deep)));
	buf_add_z(&wide, "/b");
	while (wide.len < 2 + POLICY_PATTERN_MAX) {
		buf_add_byte(&wide, 'a');
	}
	assert_true(policy_path_overlap(buf_str(&wide), STR("/c")));
	assert_true(policy_path_overlap(STR("/c"), buf_str(&wide)));
	wide.len--;
	assert_false(policy_path_overlap(buf_str(&wide), STR("/c")));
	assert_false(policy_path_overlap(STR("/c"), buf_str(&wide)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_matches_whole_or_not_at_all),
		cmocka_unit_test(a_star_is_one_segment_and_two_are_any),
		cmocka_unit_test(overlap_never_misses_a_common_path),
		cmocka_unit_test(what_is_too_long_to_compare_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
