/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

#include <string.h>

#define POST_PUSH  "application/x-git-receive-pack-request"
#define POST_FETCH "application/x-git-upload-pack-request"

static const char *
service(const char *method, const char *path, const char *query,
    const char *content_type)
{
	static const char *const names[] = { "no", "fetch", "push" };
	enum policy_git git = POLICY_GIT_PUSH;
	struct err e = { 0 };

	if (policy_git_request(str_of(method), str_of(path), str_of(query),
	        str_of(content_type), &git, &e)) {
		assert_int_equal(e.kind, ERR_DENIED);
		return "refused";
	}
	return names[git];
}

static void
the_protocols_own_requests_are_recognised(void **state)
{
	(void)state;
	assert_string_equal(
	    service("GET", "/r.git/info/refs", "service=git-upload-pack", ""),
	    "fetch");
	assert_string_equal(
	    service("GET", "/r.git/info/refs", "service=git-receive-pack", ""),
	    "push");
	assert_string_equal(
	    service("POST", "/r.git/git-upload-pack", "", POST_FETCH), "fetch");
	assert_string_equal(
	    service("POST", "/r.git/git-receive-pack", "", POST_PUSH), "push");
	assert_string_equal(
	    service("POST", "/r.git;x/git-receive-pack", "", POST_PUSH),
	    "push");
	assert_string_equal(service("GET", "/r.git/info/refs", "", ""), "no");
	assert_string_equal(
	    service("GET", "/docs/git-receive-pack", "", ""), "no");
	assert_string_equal(
	    service("HEAD", "/r.git/info/refs", "service=git-upload-pack", ""),
	    "fetch");
	assert_string_equal(
	    service("GET", "/a;b/info/refs", "service=git-receive-pack", ""),
	    "push");
	assert_string_equal(service("GET", "/", "service=x", ""), "no");
	assert_string_equal(
	    service("POST", "/r.git%3ggit-receive-pack", "", ""), "no");
	assert_string_equal(service("POST", "/graphql", "", ""), "no");
	assert_string_equal(
	    service("POST", "/my-git-receive-pack", "", ""), "no");
}

/* A laxer server would take these for a push. */
static void
what_only_resembles_the_protocol_is_refused(void **state)
{
	static const char *const paths[] = { "/r.git%2Fgit-receive-pack",
		"/r.git/git-receive-pack/", "/r.git/GIT-RECEIVE-PACK",
		"/r.git/git-receive%2Dpack", "/r.git/git-receive%252Dpack",
		"/r.git/git-receive-pack;x=1", "/r.git/git-receive-pack%00",
		"/r.git\\git-receive-pack", "/r.git//git-receive-pack.",
		"/r.git/git-receive-pack%3Fx", "/r.git/git-receive-pack/%2e",
		"/r.git/git-receive-pack%00.txt",
		/* A parameter of the path, or of a segment of it. */
		"/r.git/git-receive-pack;x/y", "/r.git;x/git-receive-pack;y",
		"/r.git;x/git-receive-pack/", "/r.git%3bx%2fgit-receive-pack",
		"/r.git%253Bx/git-receive-pack/", "/r.git/;x/git-receive-pack/",
		"/git-receive-pack/", "/r.git%00x/git-receive-pack/",
		"/r%3Fx;y/git-receive-pack/", "/r%253Bx/git-receive-pack;y/z" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_row(strcmp(service("POST", paths[i], "", POST_PUSH),
		               "refused") == 0,
		    paths[i]);
	}
	assert_string_equal(
	    service("PUT", "/r.git/git-receive-pack", "", POST_PUSH),
	    "refused");
	assert_string_equal(
	    service("POST", "/r.git/git-receive-pack", "", "text/plain"),
	    "refused");
	assert_string_equal(
	    service("POST", "/r.git/git-receive-pack", "", POST_FETCH),
	    "refused");
	assert_string_equal(
	    service("POST", "/r.git/git-upload-pack", "", POST_PUSH),
	    "refused");
	assert_string_equal(service("GET", "/r.git/info/./refs",
	                        "service=git-receive-pack", ""),
	    "refused");
	assert_string_equal(service("GET", "/r.git/info/refs",
	                        "service=git%2Dreceive-pack", ""),
	    "refused");
	assert_string_equal(service("GET", "/r.git/info/refs",
	                        "service=git-upload-pack&service="
	                        "git-receive-pack",
	                        ""),
	    "refused");
	assert_string_equal(service("GET", "/r.git/info%2Frefs",
	                        "service=git-receive-pack", ""),
	    "refused");
	assert_string_equal(
	    service("GET", "/r.git/info//refs", "service=git-receive-pack", ""),
	    "refused");
	assert_string_equal(
	    service("GET", "/r.git/info//refs", "service=git-upload-pack", ""),
	    "refused");
	assert_string_equal(
	    service("GET", "/r.git/info%2Frefs", "", ""), "refused");
}

/* What stands behind the path is none of it. */
static void
a_path_ends_where_it_ends(void **state)
{
	static const char text[] = "/r.git/git-receive-pac%6b";
	enum policy_git git = POLICY_GIT_PUSH;
	struct err e = { 0 };

	(void)state;
	for (size_t n = 1; n < sizeof(text) - 1; n++) {
		assert_int_equal(
		    policy_git_request(STR("POST"), str_span(text, n), STR(""),
		        STR(POST_PUSH), &git, &e),
		    0);
		assert_int_equal(git, POLICY_GIT_NO);
	}
}

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define O39 "000000000000000000000000000000000000000"
#define O40 O39 "0"
#define O24 "000000000000000000000000" /* makes a SHA-256 of a SHA-1 */

static void
add_line(struct buf *b, struct str line)
{
	buf_addf(b, "%04zx", line.len + 4);
	buf_add(b, line);
}

static void
a_push_gives_its_commands(void **state)
{
	auto_buf body = { 0 };
	struct policy_commands c = { 0 };
	struct err e = { 0 };

	(void)state;
	add_line(&body, STR("shallow " A40 "\n"));
	add_line(&body,
	    STR(A40 " " B40 " refs/heads/main\0 report-status side-band-64k"));
	add_line(&body, STR(O40 " " B40 " refs/heads/new\n"));
	add_line(&body, STR(A40 " " O40 " refs/heads/old"));
	buf_add_z(&body, "0000");
	size_t used = body.len;
	buf_add_z(&body, "PACK....");
	assert_int_equal(policy_git_commands(buf_str(&body), &c, &e), 0);
	assert_true(c.complete);
	assert_false(c.probe);
	assert_int_equal(c.used, used);
	assert_int_equal(c.count, 3);
	assert_true(str_eq(c.at[0].ref, STR("refs/heads/main")));
	assert_true(str_eq(c.at[0].old_id, STR(A40)));
	assert_true(str_eq(c.at[0].new_id, STR(B40)));
	assert_false(c.at[0].creates || c.at[0].deletes);
	assert_true(c.at[1].creates && !c.at[1].deletes);
	assert_true(c.at[2].deletes && !c.at[2].creates);
	assert_true(str_eq(c.at[2].ref, STR("refs/heads/old")));
}

static void
objects_may_be_named_by_sha256(void **state)
{
	auto_buf body = { 0 };
	struct policy_commands c = { 0 };
	struct err e = { 0 };

	(void)state;
	add_line(&body, STR(A40 O24 " " B40 O24 " refs/heads/main"));
	buf_add_z(&body, "0000");
	assert_int_equal(policy_git_commands(buf_str(&body), &c, &e), 0);
	assert_int_equal(c.count, 1);
}

static void
every_beginning_of_a_push_asks_for_more(void **state)
{
	auto_buf body = { 0 };

	(void)state;
	add_line(&body, STR(A40 " " B40 " refs/heads/main\0 x"));
	buf_add_z(&body, "0000");
	for (size_t n = 0; n < body.len; n++) {
		struct policy_commands c = { 0 };
		struct err e = { 0 };

		assert_int_equal(
		    policy_git_commands(str_span(body.at, n), &c, &e), 0);
		assert_false(c.complete);
	}
}

static void
the_empty_push_that_tries_the_login_is_a_probe(void **state)
{
	struct policy_commands c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(policy_git_commands(STR("0000"), &c, &e), 0);
	assert_true(c.complete && c.probe);
	assert_int_equal(c.count, 0);
	assert_int_equal(policy_git_commands(STR("0000PACK"), &c, &e), -1);
}

static void
assert_bad(struct str body)
{
	struct policy_commands c = { .count = 77 };
	struct err e = { 0 };

	if (policy_git_commands(body, &c, &e) == 0) {
		fail_msg("taken: %s", err_quote(body));
	}
	assert_int_equal(c.count, 77);
}

static void
assert_bad_line(struct str line)
{
	auto_buf body = { 0 };

	add_line(&body, line);
	buf_add_z(&body, "0000");
	assert_bad(buf_str(&body));
}

static void
every_other_body_is_refused(void **state)
{
	(void)state;
	assert_bad(STR("zzzz"));
	assert_bad(STR("0001"));
	assert_bad(STR("0002"));
	assert_bad(STR("0004"));
	assert_bad(STR("fff5"));
	assert_bad(STR("GET "));
	/* One byte that is no digit, all else of a push that is taken. */
	assert_bad(STR("006g" A40 " " B40 " refs/x/yz0000"));
	assert_bad_line(STR(A40 " " O39 "g refs/heads/main"));
	assert_bad_line(STR("shallow " O39));
	auto_buf body = { 0 };

	add_line(&body, STR("shallow " O39 "g"));
	add_line(&body, STR(A40 " " B40 " refs/heads/main"));
	buf_add_z(&body, "0000");
	assert_bad(buf_str(&body));
	assert_bad_line(STR("push-cert\0 x"));
	assert_bad_line(STR(A40 " " B40));
	assert_bad_line(STR(A40 " " B40 " "));
	assert_bad_line(STR(A40 "  " B40 " refs/heads/a"));
	assert_bad_line(STR(
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA " B40 " refs/heads/a"));
	assert_bad_line(STR("abc " B40 " refs/heads/a"));
	assert_bad_line(STR(O40 " " O40 " refs/heads/a"));
	assert_bad_line(STR(A40 " " B40 " refs/heads/a\n\0x"));
	assert_bad_line(STR(A40 " " B40 " refs/heads/a\0x\0y"));
	assert_bad_line(STR("shallow abc"));
}

/* A repository has one kind of names, and a push one repository. */
static void
names_of_two_lengths_are_refused(void **state)
{
	auto_buf body = { 0 };

	(void)state;
	assert_bad_line(STR(A40 " " B40 O24 " refs/heads/a"));
	assert_bad_line(STR(A40 O24 " " B40 " refs/heads/a"));
	assert_bad_line(STR(A40 "a " B40 "b refs/heads/a"));
	add_line(&body, STR(A40 " " B40 " refs/heads/a\0x"));
	add_line(&body, STR(A40 O24 " " B40 O24 " refs/heads/b"));
	buf_add_z(&body, "0000");
	assert_bad(buf_str(&body));
}

static void
a_signed_push_is_refused_by_name(void **state)
{
	auto_buf body = { 0 };
	struct policy_commands c = { 0 };
	struct err e = { 0 };

	(void)state;
	add_line(&body, STR("push-cert\0 x"));
	assert_int_equal(policy_git_commands(buf_str(&body), &c, &e), -1);
	assert_non_null(strstr(e.text, "signed push"));
}

static void
a_bad_ref_is_refused(void **state)
{
	static const char *const refs[] = { "HEAD", "heads/a", "refs/heads/",
		"refs//a", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.",
		"refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads/a b",
		"refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b",
		"refs/heads/a?", "refs/heads/a*", "refs/heads/a[b",
		"refs/heads/a\\b", "refs/heads/a@{1}", "refs/heads/\x7f",
		"refs/heads/\xc3\xa9", "refs/heads/../x" };

	(void)state;
	for (size_t i = 0; i < COUNT(refs); i++) {
		auto_buf line = { 0 };

		buf_addf(&line, "%s %s %s", A40, B40, refs[i]);
		assert_bad_line(buf_str(&line));
	}
}

static void
a_second_command_cannot_hide(void **state)
{
	auto_buf body = { 0 };

	(void)state;
	/* Capabilities twice, a ref twice, a shallow line too late. */
	add_line(&body, STR(A40 " " B40 " refs/heads/a\0x"));
	add_line(&body, STR(A40 " " B40 " refs/heads/b\0x"));
	buf_add_z(&body, "0000");
	assert_bad(buf_str(&body));
	buf_clear(&body);
	add_line(&body, STR(A40 " " B40 " refs/heads/a\0x"));
	add_line(&body, STR(B40 " " A40 " refs/heads/a"));
	buf_add_z(&body, "0000");
	assert_bad(buf_str(&body));
	buf_clear(&body);
	add_line(&body, STR(A40 " " B40 " refs/heads/a\0x"));
	add_line(&body, STR("shallow " A40));
	buf_add_z(&body, "0000");
	assert_bad(buf_str(&body));
	buf_clear(&body);
	add_line(&body, STR(A40 " " B40 " refs/heads/a\0push-options"));
	buf_add_z(&body, "0000");
	add_line(&body, STR("ci.skip"));
	assert_bad(buf_str(&body));
}

static void
a_push_is_bounded(void **state)
{
	auto_buf body = { 0 };
	auto_buf line = { 0 };

	(void)state;
	for (int i = 0; i <= POLICY_COMMANDS_MAX; i++) {
		buf_clear(&line);
		buf_addf(&line, "%s %s refs/heads/b%d", A40, B40, i);
		add_line(&body, buf_str(&line));
	}
	buf_add_z(&body, "0000");
	assert_bad(buf_str(&body));
	buf_clear(&body);
	for (int i = 0; i < 1001; i++) {
		add_line(&body, STR("shallow " A40));
	}
	assert_bad(buf_str(&body));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_protocols_own_requests_are_recognised),
		cmocka_unit_test(what_only_resembles_the_protocol_is_refused),
		cmocka_unit_test(a_path_ends_where_it_ends),
		cmocka_unit_test(a_push_gives_its_commands),
		cmocka_unit_test(objects_may_be_named_by_sha256),
		cmocka_unit_test(every_beginning_of_a_push_asks_for_more),
		cmocka_unit_test(
		    the_empty_push_that_tries_the_login_is_a_probe),
		cmocka_unit_test(every_other_body_is_refused),
		cmocka_unit_test(names_of_two_lengths_are_refused),
		cmocka_unit_test(a_signed_push_is_refused_by_name),
		cmocka_unit_test(a_bad_ref_is_refused),
		cmocka_unit_test(a_second_command_cannot_hide),
		cmocka_unit_test(a_push_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
