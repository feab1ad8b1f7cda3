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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_protocols_own_requests_are_recognised),
		cmocka_unit_test(what_only_resembles_the_protocol_is_refused),
		cmocka_unit_test(a_path_ends_where_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
