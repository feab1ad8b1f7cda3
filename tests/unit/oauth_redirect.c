/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/oauth.h"

#define ISSUER STR("https://a.test")

static struct arena memory;

static int
forget(void **state)
{
	(void)state;
	arena_fini(&memory);
	return 0;
}

static int
read_it(const char *url, struct oauth_redirect *out)
{
	struct err e = { 0 };
	size_t len = strlen(url);
	char *copy = malloc(len ? len : 1); /* with nothing behind its end */
	int result;

	assert_non_null(copy);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): on purpose */
	memcpy(copy, url, len);
	*out = (struct oauth_redirect){ 0 };
	result = oauth_redirect_read(&memory, str_span(copy, len), out, &e);
	free(copy);
	return result;
}

static void
a_whole_url_or_its_query_is_read(void **state)
{
	struct oauth_redirect r;

	(void)state;
	assert_int_equal(
	    read_it("http://127.0.0.1:9/cb?code=a%2Fb+c&state=s&iss=https%3A"
	            "%2F%2Fa.test&x=y#top",
	        &r),
	    0);
	assert_true(str_eq(r.code, STR("a/b c")));
	assert_true(str_eq(r.state, STR("s")));
	assert_true(str_eq(r.iss, ISSUER));
	assert_int_equal(read_it("state=s&code=a#b", &r), 0);
	assert_true(str_eq(r.code, STR("a")));
	assert_int_equal(read_it("error=access_denied&state=s", &r), 0);
	assert_true(str_eq(r.error, STR("access_denied")));
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
what_is_ambiguous_is_refused(void **state)
{
	static const char *const wrong[] = { "code=a&code=b&state=s",
		"code=a&state=s&state=t", "code=a&error=b&state=s", "state=s",
		"code=&state=s", "code=%zz&state=s", "code=%4", "code=a b", "",
		"http://127.0.0.1/cb", "code=%",
		"code=c&state=s&iss=", "code=c&error=&state=s", "code=a\x7f",
		"code=a\xc3\xa4" };
	struct oauth_redirect r;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		if (read_it(wrong[i], &r) == 0) {
			fail_msg("taken: %s", wrong[i]);
		}
	}
}

static void
a_redirect_has_its_bound(void **state)
{
	struct oauth_redirect r;
	auto_buf url = { 0 };

	(void)state;
	buf_add_z(&url, "code=");
	while (url.len < 8192) {
		buf_add_byte(&url, 'x');
	}
	assert_int_equal(read_it(buf_z(&url), &r), 0);
	buf_add_byte(&url, 'x');
	assert_int_equal(read_it(buf_z(&url), &r), -1);
}

static int
check(const char *url, const char *state, struct str issuer, bool named)
{
	struct oauth_redirect r;
	struct err e = { 0 };

	assert_int_equal(read_it(url, &r), 0);
	return oauth_redirect_check(&r, str_of(state), issuer, named, &e);
}

static void
V05_a_wrong_or_absent_state_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check("code=c&state=st", "st", STR(""), false), 0);
	assert_int_equal(check("code=c&state=su", "st", STR(""), false), -1);
	assert_int_equal(check("code=c&state=s", "st", STR(""), false), -1);
	assert_int_equal(check("code=c", "st", STR(""), false), -1);
	assert_int_equal(check("code=c", "", STR(""), false), -1);
}

static void
V05_another_issuer_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
	    check("code=c&state=s&iss=https://a.test", "s", ISSUER, true), 0);
	assert_int_equal(
	    check("code=c&state=s&iss=https://a.test/", "s", ISSUER, false),
	    -1);
	assert_int_equal(
	    check("code=c&state=s&iss=https://b.test", "s", ISSUER, false), -1);
	assert_int_equal(
	    check("code=c&state=s&iss=https://a.test", "s", STR(""), false),
	    -1);
	assert_int_equal(check("code=c&state=s", "s", ISSUER, true), -1);
	assert_int_equal(check("code=c&state=s", "s", ISSUER, false), 0);
}

/* --- metadata --- */

static void
the_well_known_path_goes_before_the_issuers_own(void **state)
{
	static const struct {
		const char *issuer;
		unsigned n;
		const char *url;
	} places[] = {
		{ "https://a.test", 0,
		    "https://a.test/.well-known/oauth-authorization-server" },
		{ "https://a.test:8443/x/", 0,
		    "https://a.test:8443/.well-known/"
		    "oauth-authorization-server/x" },
		{ "https://a.test/", 1,
		    "https://a.test/.well-known/openid-configuration" },
		{ "https://a.test/x/y", 1,
		    "https://a.test/.well-known/openid-configuration/x/y" },
		{ "https://a.test/x/y", 2,
		    "https://a.test/x/y/.well-known/openid-configuration" },
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		auto_buf url = { 0 };

		assert_int_equal(oauth_metadata_url(str_of(places[i].issuer),
		                     places[i].n, &url, &e),
		    0);
		assert_string_equal(buf_z(&url), places[i].url);
	}
	auto_buf none = { 0 };

	assert_int_equal(
	    oauth_metadata_url(STR("http://a.test"), 0, &none, &e), -1);
	assert_int_equal(
	    oauth_metadata_url(STR("https://a.test/x?y=z"), 0, &none, &e), -1);
	/* Without a path of the issuer's own two of them are one. */
	assert_int_equal(
	    oauth_metadata_url(STR("https://a.test/"), 2, &none, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(
	    oauth_metadata_url(STR("https://a.test/x"), 3, &none, &e), -1);
}

static int
metadata(const char *body, struct oauth_metadata *out)
{
	struct err e = { 0 };

	return oauth_metadata_read(&memory, ISSUER, str_of(body), out, &e);
}

static void
metadata_are_the_issuers_own_and_promise_s256(void **state)
{
	struct oauth_metadata m = { 0 };

	(void)state;
	assert_int_equal(
	    metadata("{\"issuer\":\"https://a.test\",\"token_endpoint\":"
	             "\"https://a.test/t\",\"authorization_endpoint\":"
	             "\"https://a.test/a\",\"code_challenge_methods_supported\""
	             ":[\"plain\",\"S256\"]}",
	        &m),
	    0);
	assert_true(str_eq(m.token, STR("https://a.test/t")));
	assert_false(m.names_issuer);
	assert_int_equal(
	    metadata("{\"issuer\":\"https://a.test\",\"token_endpoint\":"
	             "\"https://a.test/t\",\"authorization_response_iss_"
	             "parameter_supported\":true}",
	        &m),
	    0);
	assert_true(m.names_issuer);
	/* A member that is called so is no method in a list. */
	assert_int_equal(
	    metadata("{\"issuer\":\"https://a.test\",\"token_endpoint\":"
	             "\"https://a.test/t\",\"authorization_endpoint\":"
	             "\"https://a.test/a\",\"code_challenge_methods_supported\""
	             ":{\"x\":\"S256\"}}",
	        &m),
	    -1);
	assert_int_equal(
	    metadata("{\"issuer\":\"https://a.test\",\"token_endpoint\":"
	             "\"https://a.test/t\",\"device_authorization_endpoint\":"
	             "\"http://a.test/d\"}",
	        &m),
	    -1);
	assert_int_equal(metadata("{\"issuer\":\"https://b.test\","
	                          "\"token_endpoint\":\"https://a.test/t\"}",
	                     &m),
	    -1);
	assert_int_equal(
	    metadata("{\"issuer\":\"https://a.test\",\"token_endpoint\":"
	             "\"https://a.test/t\",\"authorization_endpoint\":"
	             "\"https://a.test/a\"}",
	        &m),
	    -1);
	assert_int_equal(metadata("{\"issuer\":\"https://a.test\","
	                          "\"token_endpoint\":\"http://a.test/t\"}",
	                     &m),
	    -1);
	assert_int_equal(metadata("{\"issuer\":\"https://a.test\"}", &m), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_url_or_its_query_is_read),
		cmocka_unit_test(what_is_ambiguous_is_refused),
		cmocka_unit_test(a_redirect_has_its_bound),
		cmocka_unit_test(V05_a_wrong_or_absent_state_is_refused),
		cmocka_unit_test(V05_another_issuer_is_refused),
		cmocka_unit_test(
		    the_well_known_path_goes_before_the_issuers_own),
		cmocka_unit_test(metadata_are_the_issuers_own_and_promise_s256),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
