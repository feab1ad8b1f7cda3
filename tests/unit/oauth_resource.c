/* SPDX-License-Identifier: Apache-2.0 */
/* A server that wants tokens: where it says whose, and what it may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oauth/oauth.h"

#define SERVER STR("https://mcp.test:8443/v1/mcp")

static struct arena memory;

static int
forget(void **state)
{
	(void)state;
	arena_fini(&memory);
	return 0;
}

static void
the_well_known_path_goes_before_the_servers_own(void **state)
{
	static const struct {
		const char *server;
		bool root;
		const char *url;
	} places[] = {
		{ "https://a.test/mcp/", false,
		    "https://a.test/.well-known/oauth-protected-resource/mcp" },
		{ "https://a.test:8443/x/y", false,
		    "https://a.test:8443/.well-known/oauth-protected-resource/"
		    "x/y" },
		{ "https://a.test/mcp", true,
		    "https://a.test/.well-known/oauth-protected-resource" },
		{ "https://a.test", false,
		    "https://a.test/.well-known/oauth-protected-resource" },
		{ "https://a.test/", true, NULL }, /* it was asked already */
		{ "http://a.test/mcp", false, NULL },
		{ "https://a.test/mcp?x=y", false, NULL },
		{ "https://a.test/mcp#x", true, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		auto_buf url = { 0 };
		struct err e = { 0 };
		int result = oauth_resource_url(
		    str_of(places[i].server), places[i].root, &url, &e);

		assert_int_equal(result, places[i].url ? 0 : -1);
		if (places[i].url) {
			assert_string_equal(buf_z(&url), places[i].url);
		}
	}
}

static int
reads(const char *resource, const char *rest, struct oauth_resource *out)
{
	auto_buf body = { 0 };
	struct err e = { 0 };

	buf_addf(&body, "{\"resource\":\"%s\"%s}", resource, rest);
	return oauth_resource_read(
	    &memory, SERVER, arena_str(&memory, buf_str(&body)), out, &e);
}

#define ISSUER ",\"authorization_servers\":[\"https://as.test/t\"]"

static void
it_speaks_for_itself_alone(void **state)
{
	static const char *const good[] = { "https://mcp.test:8443/v1/mcp",
		"https://mcp.test:8443/v1/mcp/", "https://mcp.test:8443/v1",
		"https://mcp.test:8443", "https://mcp.test:8443/" };
	static const char *const bad[] = { "https://mcp.test/v1/mcp",
		"https://mcp.test:8443/v1/mc", "https://mcp.test:8443/v1/mcp/x",
		"https://mcp.test:8443/v2", "https://evil.test:8443/v1/mcp",
		"https://mcp.test:8443.evil.test/v1/mcp",
		"http://mcp.test:8443/v1/mcp", "mcp.test:8443/v1/mcp", "" };
	struct oauth_resource r = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(reads(good[i], ISSUER, &r), 0);
		assert_true(str_eq_z(r.resource, good[i]));
		assert_true(str_eq_z(r.issuer, "https://as.test/t"));
		assert_int_equal(r.scope.len, 0);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(reads(bad[i], ISSUER, &r), -1);
	}
}

static void
it_names_its_issuer_by_https(void **state)
{
	static const char *const bad[] = { "", ",\"authorization_servers\":[]",
		",\"authorization_servers\":\"https://as.test\"",
		",\"authorization_servers\":[7]",
		",\"authorization_servers\":{\"x\":\"https://as.test\"}",
		",\"authorization_servers\":[\"http://as.test\"]",
		",\"authorization_servers\":[\"https://as.test/#x\"]" };
	struct oauth_resource r = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    reads("https://mcp.test:8443/v1", bad[i], &r), -1);
	}
	assert_int_equal(
	    reads("https://mcp.test:8443/v1",
	        ISSUER ",\"scopes_supported\":[\"a\",\"b:c\"]", &r),
	    0);
	assert_true(str_eq_z(r.scope, "a b:c"));
	assert_int_equal(reads("https://mcp.test:8443/v1",
	                     ISSUER ",\"scopes_supported\":[7]", &r),
	    0);
	assert_int_equal(r.scope.len, 0);
	/* A scope with a blank in it would be two. */
	assert_int_equal(reads("https://mcp.test:8443/v1",
	                     ISSUER ",\"scopes_supported\":[\"a b\"]", &r),
	    0);
	assert_int_equal(r.scope.len, 0);
}

static void
a_challenge_says_where_and_for_what(void **state)
{
	static const struct {
		const char *header, *metadata, *scope;
		bool bearer;
	} asked[] = {
		{ "Bearer", "", "", true },
		{ "Bearer resource_metadata=\"https://a.test/x\"",
		    "https://a.test/x", "", true },
		{ "bearer realm=\"a, b\", scope=\"one two\" , "
		  "Resource_Metadata = \"https://a.test/x?y=z\"",
		    "https://a.test/x?y=z", "one two", true },
		{ "Basic realm=\"x\", Bearer scope=read", "", "read", true },
		{ "Bearer scope=one, DPoP resource_metadata=\"https://b.test\"",
		    "", "one", true },
		{ "Basic realm=\"Bearer resource_metadata=https://b.test\"", "",
		    "", false },
		{ "DPoP resource_metadata=\"https://b.test\"", "", "", false },
		{ "Bearer resource_metadata=\"https://b.test", "", "", false },
		{ "Bearer resource_metadata=\"a\\\"b\"", "", "", false },
		{ "Bearer resource_metadata=\"https://a.test/\\x\"", "", "",
		    false },
		{ "Bearer scope=one, Bearer scope=two", "", "one", true },
		{ "Bearer resource_metadata=", "", "", false },
		{ "=", "", "", false },
		{ "", "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct str metadata;
		struct str scope;

		assert_int_equal(oauth_challenged(str_of(asked[i].header),
		                     &metadata, &scope),
		    asked[i].bearer);
		if (asked[i].bearer) {
			assert_true(str_eq_z(metadata, asked[i].metadata));
			assert_true(str_eq_z(scope, asked[i].scope));
		}
	}
	assert_true(oauth_same_origin(SERVER, STR("https://mcp.test:8443/x")));
	assert_false(oauth_same_origin(SERVER, STR("https://mcp.test/x")));
	assert_false(
	    oauth_same_origin(SERVER, STR("https://mcp.test:8443@b.test/x")));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_well_known_path_goes_before_the_servers_own),
		cmocka_unit_test(it_speaks_for_itself_alone),
		cmocka_unit_test(it_names_its_issuer_by_https),
		cmocka_unit_test(a_challenge_says_where_and_for_what),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
