/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/oauth.h"

static void
a_form_escapes_what_would_end_a_value(void **state)
{
	auto_buf form = { 0 };

	(void)state;
	oauth_form_add(&form, "grant_type", STR("refresh_token"));
	oauth_form_add(&form, "scope", STR(""));
	oauth_form_add(&form, "refresh_token", STR("a&b=c +%/~"));
	assert_string_equal(buf_z(&form),
	    "grant_type=refresh_token&refresh_token=a%26b%3Dc%20%2B%25%2F~");
}

/* RFC 6749, 2.3.1, with the example's client. */
static void
basic_escapes_both_halves_first(void **state)
{
	auto_buf basic = { 0 };
	auto_buf other = { 0 };
	auto_buf clear = { 0 };

	(void)state;
	oauth_basic(&basic, STR("s6BhdRkqt3"), STR("7Fjfp0ZBr1KtDRbnfVdmIw"));
	assert_string_equal(
	    buf_z(&basic), "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
	oauth_basic(&other, STR("a:b"), STR("c d"));
	assert_true(base64_decode(&clear, buf_str(&other)));
	assert_string_equal(buf_z(&clear), "a%3Ab:c%20d");
}

/* RFC 7636, appendix B. */
static void
the_challenge_is_the_one_of_the_rfc(void **state)
{
	char text[OAUTH_RANDOM_TEXT];

	(void)state;
	oauth_challenge(
	    STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), text);
	assert_string_equal(
	    text, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void
no_two_verifiers_are_alike(void **state)
{
	char one[OAUTH_RANDOM_TEXT];
	char other[OAUTH_RANDOM_TEXT];

	(void)state;
	oauth_random(one);
	oauth_random(other);
	assert_int_equal(strlen(one), 43);
	assert_string_not_equal(one, other);
}

static void
the_url_asks_with_s256_and_a_state(void **state)
{
	struct oauth_open open = {
		.endpoint = STR("https://a.test/authorize?tenant=x"),
		.client = STR("me"),
		.redirect = STR("http://127.0.0.1:8976/callback"),
		.resource = STR("https://mcp.test/"),
		.state = STR("st"),
		.challenge = STR("ch"),
	};
	auto_buf url = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(oauth_open_url(&open, &url, &e), 0);
	assert_string_equal(buf_z(&url),
	    "https://a.test/authorize?tenant=x&response_type=code&client_id=me"
	    "&redirect_uri=http%3A%2F%2F127.0.0.1%3A8976%2Fcallback"
	    "&resource=https%3A%2F%2Fmcp.test%2F&state=st&code_challenge=ch"
	    "&code_challenge_method=S256");
}

static void
a_page_that_is_not_https_is_not_opened(void **state)
{
	static const char *const wrong[] = { "http://a.test/", "https://",
		"javascript:1", "https://a.test/#x", "https://a.test/ x",
		"file:///etc/passwd", "https://a.test/\n",
		"https://a.test/\x7f", "https://a.test/\xc3\xa4",
		"https://a.test/\"", "https://a.test\\@b.test/" };
	auto_buf url = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct oauth_open open = { .endpoint = str_of(wrong[i]) };

		assert_int_equal(oauth_open_url(&open, &url, &e), -1);
		assert_int_equal(url.len, 0);
	}
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
a_redirect_stays_on_this_machine(void **state)
{
	static const char *const right[] = { "http://127.0.0.1:8976/callback",
		"http://[::1]:1/", "http://127.0.0.1:65535" };
	static const char *const wrong[] = { "https://evil.test/",
		"http://localhost:8976/", "http://127.0.0.1/",
		"http://127.0.0.1:0/", "http://127.0.0.1:70000/",
		"http://127.0.0.1:80@evil.test/", "http://127.0.0.1:80#x",
		"http://127.0.0.1.evil.test:80/", "", "http://127.0.0.1x80/",
		"http://[::1]x80/", "http://127.0.0.1:80/#x",
		"http://127.0.0.1:80/ x", "http://127.0.0.1:80/\x7f",
		"http://127.0.0.1:80?x@evil.test/" };

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		assert_true(oauth_redirect_loopback(str_of(right[i])));
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		if (oauth_redirect_loopback(str_of(wrong[i]))) {
			fail_msg("taken: %s", wrong[i]);
		}
	}
}

static void
a_token_is_made_anew_before_it_ends(void **state)
{
	(void)state;
	assert_int_equal(oauth_renew_after(1000, 0), 800);
	assert_int_equal(oauth_renew_after(1000, 255), 750);
	assert_int_equal(oauth_renew_after(1, 255), 0);
	for (int64_t lifetime = 1; lifetime < 5000; lifetime++) {
		int64_t after = oauth_renew_after(lifetime, 128);

		assert_true(after >= 0 && after < lifetime);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_escapes_what_would_end_a_value),
		cmocka_unit_test(basic_escapes_both_halves_first),
		cmocka_unit_test(the_challenge_is_the_one_of_the_rfc),
		cmocka_unit_test(no_two_verifiers_are_alike),
		cmocka_unit_test(the_url_asks_with_s256_and_a_state),
		cmocka_unit_test(a_page_that_is_not_https_is_not_opened),
		cmocka_unit_test(a_redirect_stays_on_this_machine),
		cmocka_unit_test(a_token_is_made_anew_before_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
