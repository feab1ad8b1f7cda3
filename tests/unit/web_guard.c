/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "web/web.h"

#define HOSTS  STR("inbox.example, other.example")
#define COOKIE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char good_head[] =
    "Host: 127.0.0.1:7400\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Origin: http://127.0.0.1:7400\r\n"
    "Content-Type: application/json\r\n"
    "Cookie: a=b; handrail_7400=" COOKIE "; c=d\r\n";

static enum web_kind
judge(const char *line, const char *fields, struct web_asked *a)
{
	struct http_reader r;
	struct http_event ev;
	struct err e = { 0 };
	auto_buf text = { 0 };
	struct str in;

	buf_addf(&text, "%s HTTP/1.1\r\n%s\r\n", line, fields);
	in = buf_str(&text);
	http_reader_request(&r);
	assert_int_equal(http_read(&r, &in, &ev, &e), 0);
	assert_int_equal(ev.kind, HTTP_HEAD);
	if (web_guard(ev.head, HOSTS, a, &e) == 0) {
		a->refusal = 0;
	} else {
		assert_true(a->refusal >= 400 && e.text[0]);
	}
	http_reader_fini(&r);
	return a->kind;
}

static unsigned
status(const char *line, const char *fields)
{
	struct web_asked a;

	(void)judge(line, fields, &a);
	return a.refusal;
}

/* The good head with its CSRF token, and with one thing changed in it. */
static unsigned
post_with(const char *from, const char *to)
{
	char csrf[WEB_CSRF_TEXT];
	auto_buf head = { 0 };
	auto_buf text = { 0 };
	const char *at;

	web_csrf(STR(COOKIE), csrf);
	buf_addf(&head, "%sX-CSRF-Token: %s\r\n", good_head, csrf);
	at = strstr(buf_z(&head), from);
	assert_non_null(at);
	buf_add(&text, str_span(head.at, (size_t)(at - head.at)));
	buf_add_z(&text, to);
	buf_add_z(&text, at + strlen(from));
	return status("POST /web/waits/w-1", buf_z(&text));
}

static void
a_page_of_this_origin_with_its_login_may_ask(void **state)
{
	struct web_asked a;
	struct digest d = web_cookie_digest(STR(COOKIE));

	(void)state;
	assert_int_equal(post_with("Host", "Host"), 0);
	assert_int_equal(judge("GET /web/inbox", good_head, &a), WEB_ASK);
	assert_int_equal(a.refusal, 0);
	assert_memory_equal(a.login.bytes, d.bytes, DIGEST_SIZE);
	assert_string_equal(a.cookie_name, "handrail_7400");
}

static void
each_missing_or_wrong_sign_is_enough_for_a_no(void **state)
{
	static const struct {
		const char *from, *to;
		unsigned status;
	} cases[] = {
		{ "Host: 127.0.0.1", "Host: evil.example", 403 },
		{ "Host: 127.0.0.1", "Host: localhost",
		    403 }, /* not its Origin */
		{ "Host: 127.0.0.1", "Host: 127.0.0.1.evil.example", 403 },
		{ "Sec-Fetch-Site: same-origin\r\n", "", 403 },
		{ "same-origin", "same-site", 403 },
		{ "same-origin", "none", 403 },
		{ "Sec-Fetch-Site: same-origin\r\n",
		    "Sec-Fetch-Site: same-origin\r\n"
		    "Sec-Fetch-Site: same-origin\r\n",
		    403 },
		{ "Origin: http://127.0.0.1:7400\r\n", "", 403 },
		{ "Origin: http://127.0.0.1:7400", "Origin: null", 403 },
		{ "Origin: http:", "Origin: https:", 403 },
		{ "Origin: http://127.0.0.1:7400",
		    "Origin: http://127.0.0.1:7401", 403 },
		{ "application/json", "text/plain", 400 },
		{ "Content-Type: application/json\r\n", "", 400 },
		{ "X-CSRF-Token: ", "X-CSRF-Token: x", 403 },
		{ "X-CSRF-Token: ", "X-Other: ", 403 },
		{ "handrail_7400=", "handrail_7401=", 401 },
		{ "handrail_7400=A", "handrail_7400=", 401 },
		{ "handrail_7400=A", "handrail_7400=!", 401 },
		{ "a=b", "handrail_7400=" COOKIE, 401 },
		{ "Cookie: a", "Cookie: x=y\r\nCookie: a", 401 },
		{ "c=d\r\n", "c=d\r\nCookie: x=y\r\n", 401 },
		{ "Content-Type: application/json\r\n",
		    "Content-Type: application/json\r\n"
		    "Content-Type: text/plain\r\n",
		    400 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned got = post_with(cases[i].from, cases[i].to);

		if (got != cases[i].status) {
			print_error(
			    "%s to %s: %u\n", cases[i].from, cases[i].to, got);
		}
		assert_int_equal(got, cases[i].status);
	}
}

/* The good head with a token made of the good one, and what is behind it. */
static unsigned
post_token(size_t other, const char *more)
{
	char csrf[WEB_CSRF_TEXT];
	auto_buf text = { 0 };

	web_csrf(STR(COOKIE), csrf);
	if (other < strlen(csrf)) {
		csrf[other] = csrf[other] == 'A' ? 'B' : 'A';
	}
	buf_addf(&text, "%sX-CSRF-Token: %s%s\r\n", good_head, csrf, more);
	return status("POST /web/waits/w-1", buf_z(&text));
}

static void
a_token_is_this_logins_whole_and_once(void **state)
{
	(void)state;
	assert_int_equal(post_token(SIZE_MAX, ""), 0);
	for (size_t i = 0; i < WEB_CSRF_TEXT - 1; i++) {
		assert_int_equal(post_token(i, ""), 403);
	}
	assert_int_equal(post_token(SIZE_MAX, "x"), 403);
	assert_int_equal(post_token(SIZE_MAX, "\r\nX-CSRF-Token: x"), 403);
}

static void
a_refusal_says_nothing_of_a_login(void **state)
{
	static const struct digest none;
	struct web_asked a;

	(void)state;
	(void)judge("POST /web/waits/w-1", good_head, &a);
	assert_int_equal(a.refusal, 403);
	assert_memory_equal(a.login.bytes, none.bytes, DIGEST_SIZE);
	assert_string_equal(a.csrf, "");
	assert_string_equal(a.cookie_name, "");
}

static void
each_thing_is_asked_for_by_its_method_and_form(void **state)
{
	static const char from[] = "Host: 127.0.0.1:7400\r\n"
	                           "Sec-Fetch-Site: same-origin\r\n"
	                           "Origin: http://127.0.0.1:7400\r\n";
	auto_buf form = { 0 };
	auto_buf json = { 0 };

	(void)state;
	buf_addf(&form, "%sContent-Type: application/x-www-form-urlencoded\r\n",
	    from);
	buf_addf(&json, "%sContent-Type: application/json\r\n", from);
	assert_int_equal(status("POST /web/login", buf_z(&form)), 0);
	assert_int_equal(status("GET /web/login", buf_z(&form)), 400);
	assert_int_equal(status("POST /web/login", buf_z(&json)), 400);
	assert_int_equal(status("GET /web/inbox", good_head), 0);
	assert_int_equal(status("PUT /web/inbox", good_head), 400);
	assert_int_equal(
	    status("GET http://127.0.0.1:7400/web/inbox", good_head), 403);
}

static void
a_name_of_the_operators_is_reached_by_https_alone(void **state)
{
	static const char fields[] =
	    "Host: inbox.example\r\nSec-Fetch-Site: same-origin\r\n"
	    "Cookie: __Host-handrail=" COOKIE "\r\nOrigin: ";
	struct web_asked a;
	auto_buf text = { 0 };
	bool tls;

	(void)state;
	buf_addf(&text, "%shttps://inbox.example\r\n", fields);
	assert_int_equal(judge("GET /web/inbox", buf_z(&text), &a), WEB_ASK);
	assert_int_equal(a.refusal, 0);
	assert_true(a.tls);
	assert_string_equal(a.cookie_name, "__Host-handrail");
	buf_clear(&text);
	buf_addf(&text, "%shttp://inbox.example\r\n", fields);
	assert_int_equal(status("GET /web/inbox", buf_z(&text)), 403);
	assert_true(web_host_known(STR("other.example:8443"), HOSTS, &tls));
	assert_false(web_host_known(STR("inbox.example.org"), HOSTS, &tls));
	assert_false(web_host_known(STR("example"), HOSTS, &tls));
	assert_false(web_host_known(STR("xinbox.example"), HOSTS, &tls));
	assert_false(web_host_known(STR(""), HOSTS, &tls));
	assert_false(web_host_known(STR(""), STR(""), &tls));
	assert_false(web_host_known(STR(":80"), STR("a.example,,b"), &tls));
}

static void
a_page_is_gone_to_from_anywhere_and_loaded_by_its_own_alone(void **state)
{
	static const char host[] = "Host: localhost:7400\r\n";
	auto_buf text = { 0 };

	(void)state;
	assert_int_equal(status("GET /", host), 0);
	assert_int_equal(status("GET /?x=1", host), 0);
	assert_int_equal(status("POST /", host), 403);
	buf_addf(&text, "%sSec-Fetch-Site: cross-site\r\n", host);
	assert_int_equal(status("GET /web/app.js", buf_z(&text)), 403);
	buf_add_z(&text, "Sec-Fetch-Mode: navigate\r\n");
	assert_int_equal(status("GET /", buf_z(&text)), 403);
	buf_add_z(&text, "Sec-Fetch-Dest: document\r\n");
	assert_int_equal(status("GET /", buf_z(&text)), 0);
	buf_clear(&text);
	buf_addf(&text,
	    "%sSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"
	    "Sec-Fetch-Dest: document\r\n",
	    host);
	assert_int_equal(status("GET /", buf_z(&text)), 403);
}

static void
what_is_no_page_is_not_judged_but_for_its_name(void **state)
{
	struct web_asked a;

	(void)state;
	assert_int_equal(judge("GET /api/status",
	                     "Host: 127.0.0.1\r\nOrigin: http://x\r\n", &a),
	    WEB_OTHER);
	assert_int_equal(a.refusal, 0);
	assert_int_equal(
	    status("GET /api/status", "Host: evil.example\r\n"), 403);
}

static void
form_is(const char *form, const char *wanted)
{
	auto_buf value = { 0 };
	bool found = web_form_field(str_of(form), "token", &value);

	assert_int_equal(found, wanted != NULL);
	if (wanted) {
		assert_string_equal(buf_z(&value), wanted);
	}
}

static void
a_form_has_its_field_exactly_once_and_well_formed(void **state)
{
	(void)state;
	form_is("token=hrop_a-b", "hrop_a-b");
	form_is("x=1&token=a%2Bb+c%3d&y=", "a+b c=");
	form_is("token=", "");
	form_is("token", "");
	form_is("", NULL);
	form_is("tokens=1", NULL);
	form_is("token=1&token=2", NULL);
	form_is("token=%4", NULL);
	form_is("token=%", NULL);
	form_is("token=%zz", NULL);
}

static void
a_cookie_is_new_each_time_and_its_token_is_not_it(void **state)
{
	char one[WEB_COOKIE_TEXT];
	char two[WEB_COOKIE_TEXT];
	char csrf[WEB_CSRF_TEXT];
	char other[WEB_CSRF_TEXT];

	(void)state;
	web_cookie_make(one);
	web_cookie_make(two);
	assert_string_not_equal(one, two);
	web_csrf(str_of(one), csrf);
	web_csrf(str_of(two), other);
	assert_string_not_equal(csrf, one);
	assert_string_not_equal(csrf, other);
}

static void
the_login_page_says_why(void **state)
{
	auto_buf page = { 0 };

	(void)state;
	web_login_page(&page, "a sentence");
	assert_true(
	    str_has_str(buf_str(&page), STR("role=\"alert\">a sentence</p>")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_of_this_origin_with_its_login_may_ask),
		cmocka_unit_test(each_missing_or_wrong_sign_is_enough_for_a_no),
		cmocka_unit_test(a_token_is_this_logins_whole_and_once),
		cmocka_unit_test(a_refusal_says_nothing_of_a_login),
		cmocka_unit_test(
		    each_thing_is_asked_for_by_its_method_and_form),
		cmocka_unit_test(
		    a_name_of_the_operators_is_reached_by_https_alone),
		cmocka_unit_test(
		    a_page_is_gone_to_from_anywhere_and_loaded_by_its_own_alone),
		cmocka_unit_test(
		    what_is_no_page_is_not_judged_but_for_its_name),
		cmocka_unit_test(
		    a_form_has_its_field_exactly_once_and_well_formed),
		cmocka_unit_test(
		    a_cookie_is_new_each_time_and_its_token_is_not_it),
		cmocka_unit_test(the_login_page_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
