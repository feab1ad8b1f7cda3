/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/oauth.h"

#define JSON STR("application/json; charset=utf-8")

static struct arena memory;

static int
forget(void **state)
{
	(void)state;
	arena_fini(&memory);
	return 0;
}

static struct oauth_answer
answer_of(unsigned status, const char *body, int64_t assumed)
{
	struct oauth_answer answer;

	oauth_answer_read(
	    &memory, status, JSON, str_of(body), assumed, &answer);
	return answer;
}

static void
tokens_are_taken_with_what_belongs_to_them(void **state)
{
	struct oauth_answer a = answer_of(200,
	    "{\"access_token\":\"at-1\",\"token_type\":\"bearer\","
	    "\"expires_in\":3600,\"refresh_token\":\"rt-1\"}",
	    0);

	(void)state;
	assert_int_equal(a.end, OAUTH_TOKENS);
	assert_true(str_eq(a.access, STR("at-1")));
	assert_true(str_eq(a.refresh, STR("rt-1")));
	assert_int_equal(a.lifetime, 3600);
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
an_answer_that_lacks_something_is_refused(void **state)
{
	static const char *const wrong[] = {
		"{\"token_type\":\"Bearer\",\"expires_in\":9}",
		"{\"access_token\":\"\",\"token_type\":\"Bearer\","
		"\"expires_in\":9}",
		"{\"access_token\":7,\"token_type\":\"Bearer\",\"expires_in\":"
		"9}",
		"{\"access_token\":\"a\",\"expires_in\":9}",
		"{\"access_token\":\"a\",\"token_type\":\"mac\","
		"\"expires_in\":9}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":0}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":-5}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":1.5}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":\"soon\"}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":99999999999}",
		"{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\","
		"\"expires_in\":9}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":9,\"refresh_token\":\"r r\"}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":9,\"refresh_token\":7}",
		"{\"access_token\":\"a\x7f\",\"token_type\":\"Bearer\","
		"\"expires_in\":9}",
		"{\"access_token\":\"a\xc3\xa4\",\"token_type\":\"Bearer\","
		"\"expires_in\":9}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		"\"expires_in\":\"9 or so\"}",
		"[1]",
		"no JSON",
		"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct oauth_answer a = answer_of(200, wrong[i], 0);

		if (a.end != OAUTH_FAILED || !a.fault || a.access.len) {
			fail_msg("taken: %s", wrong[i]);
		}
	}
}

static void
a_missing_lifetime_is_assumed_only_where_it_was_written(void **state)
{
	static const char body[] =
	    "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}";
	static const char wrong[] = "{\"access_token\":\"a\",\"token_type\":"
	                            "\"Bearer\",\"expires_in\":0}";

	(void)state;
	assert_int_equal(answer_of(200, body, 0).end, OAUTH_FAILED);
	assert_int_equal(answer_of(200, body, 600).end, OAUTH_TOKENS);
	assert_int_equal(answer_of(200, body, 600).lifetime, 600);
	assert_int_equal(answer_of(200, wrong, 600).end, OAUTH_FAILED);
}

static void
a_token_of_any_length_that_a_row_holds_is_taken(void **state)
{
	auto_buf body = { 0 };

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		buf_clear(&body);
		buf_add_z(&body, "{\"token_type\":\"Bearer\",\"expires_in\":9,"
		                 "\"access_token\":\"");
		for (size_t i = 0; i < OAUTH_TOKEN_MAX + more; i++) {
			buf_add_byte(&body, 'x');
		}
		buf_add_z(&body, "\"}");
		assert_int_equal(answer_of(200, buf_z(&body), 0).end,
		    more ? OAUTH_FAILED : OAUTH_TOKENS);
	}
}

static void
a_wish_to_be_left_alone_is_read_in_both_forms(void **state)
{
	struct wall now;
	static const struct {
		const char *said;
		int64_t seconds;
	} rows[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "120", 120 },
		{ "3600", 3600 },
		{ "3601", 3600 },
		{ "99999999999", 3600 },
		{ "99999999999999999999", 3600 },
		{ "Sun, 06 Nov 1994 08:50:37 GMT", 60 },
		{ "Sun, 06 Nov 1994 08:49:38 GMT", 1 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
		{ "Sat, 05 Nov 1994 08:50:37 GMT", 0 },
		{ "Mon, 07 Nov 1994 08:49:37 GMT", 3600 },
		{ "Sat, 31 Dec 9999 23:59:59 GMT", 3600 },
		{ "Sun, 06 Nov 1994 08:50:37 UTC", 0 },
		{ "Sun, 06 Nix 1994 08:50:37 GMT", 0 },
		{ "Sun, 36 Nov 1994 08:50:37 GMT", 0 },
		{ "Sunday, 06-Nov-94 08:50:37 GMT", 0 },
		{ "-5", 0 },
		{ "1.5", 0 },
		{ "soon", 0 },
		{ "", 0 },
	};

	(void)state;
	assert_true(wall_parse(STR("1994-11-06T08:49:37Z"), &now));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(oauth_retry_after(str_of(rows[i].said), now),
		    rows[i].seconds);
	}
	now.us += CLOCK_SECOND / 2; /* never too early */
	assert_int_equal(
	    oauth_retry_after(STR("Sun, 06 Nov 1994 08:49:39 GMT"), now), 2);
}

static void
a_huge_answer_is_not_read(void **state)
{
	auto_buf body = { 0 };

	(void)state;
	buf_add_z(&body, "{\"access_token\":\"a\",\"token_type\":\"Bearer\","
	                 "\"expires_in\":9}");
	while (body.len <= OAUTH_ANSWER_MAX) {
		buf_add_byte(&body, ' ');
	}
	assert_int_equal(answer_of(200, buf_z(&body), 0).end, OAUTH_FAILED);
}

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
each_error_has_its_end(void **state)
{
	/* NOLINTNEXTLINE(*.Padding): rows as they are read */
	static const struct {
		unsigned status;
		const char *body;
		enum oauth_end end;
		const char *error;
	} cases[] = {
		{ 400, "{\"error\":\"invalid_grant\"}", OAUTH_CLOSED,
		    "invalid_grant" },
		{ 401, "{\"error\":\"invalid_client\"}", OAUTH_CLOSED,
		    "invalid_client" },
		{ 200, "{\"error\":\"bad_refresh_token\"}", OAUTH_CLOSED,
		    "bad_refresh_token" },
		{ 200, "{\"error\":\"no\",\"access_token\":\"a\"}",
		    OAUTH_CLOSED, "no" },
		{ 400, "{\"error\":\"A\\u0000\"}", OAUTH_CLOSED,
		    "an_unreadable_error" },
		{ 400, "{\"error\":\"authorization_pending\"}", OAUTH_PENDING,
		    "authorization_pending" },
		{ 400, "{\"error\":\"slow_down\"}", OAUTH_SLOWER, "slow_down" },
		{ 400, "{\"error\":\"server_error\"}", OAUTH_FAILED,
		    "server_error" },
		{ 500, "{\"error\":\"invalid_grant\"}", OAUTH_FAILED, "" },
		{ 408, "{\"error\":\"invalid_grant\"}", OAUTH_FAILED, "" },
		{ 425, "{\"error\":\"invalid_grant\"}", OAUTH_FAILED, "" },
		{ 429, "{\"error\":\"invalid_grant\"}", OAUTH_FAILED, "" },
		{ 400, "{\"error\":\"\"}", OAUTH_CLOSED,
		    "an_unreadable_error" },
		{ 400, "{\"error\":\"Bearer_x\"}", OAUTH_CLOSED,
		    "an_unreadable_error" },
		{ 400, "{\"error\":\"" A63 "\"}", OAUTH_CLOSED, A63 },
		{ 400, "{\"error\":\"" A63 "a\"}", OAUTH_CLOSED,
		    "an_unreadable_error" },
		{ 400, "{\"error\":\"canary_refresh_0\"}", OAUTH_CLOSED,
		    "an_unreadable_error" },
		{ 302, "{\"error\":\"invalid_grant\"}", OAUTH_FAILED, "" },
		{ 400, "{}", OAUTH_FAILED, "" },
		{ 201,
		    "{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		    "\"expires_in\":9}",
		    OAUTH_FAILED, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct oauth_answer a =
		    answer_of(cases[i].status, cases[i].body, 0);

		if (a.end != cases[i].end ||
		    strcmp(a.error, cases[i].error) != 0 || !a.fault) {
			fail_msg("%u %s: %d %s", cases[i].status, cases[i].body,
			    a.end, a.error);
		}
	}
}

static void
an_answer_of_another_type_is_not_read(void **state)
{
	static const struct {
		const char *type;
		enum oauth_end end;
	} types[] = {
		{ "text/html", OAUTH_FAILED },
		{ "application/json-seq", OAUTH_FAILED },
		{ "", OAUTH_FAILED },
		{ "Application/JSON ;charset=utf-8", OAUTH_TOKENS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct oauth_answer a;

		oauth_answer_read(&memory, 200, str_of(types[i].type),
		    STR("{\"access_token\":\"a\",\"token_type\":\"Bearer\","
		        "\"expires_in\":9}"),
		    0, &a);
		assert_int_equal(a.end, types[i].end);
	}
}

static void
a_device_hears_where_a_person_goes(void **state)
{
	struct oauth_device d = { 0 };
	struct oauth_answer a;

	(void)state;
	oauth_device_read(&memory, 200, JSON,
	    STR("{\"device_code\":\"dc\",\"user_code\":\"AB-12\","
	        "\"verification_uri\":\"https://a.test/device\","
	        "\"expires_in\":600}"),
	    &d, &a);
	assert_int_equal(a.end, OAUTH_TOKENS);
	assert_true(str_eq(d.user_code, STR("AB-12")));
	assert_int_equal(d.interval, 5);
	assert_int_equal(d.lifetime, 600);
}

static void
a_device_is_sent_to_https_alone(void **state)
{
	struct oauth_device d = { 0 };
	struct oauth_answer a;

	(void)state;
	oauth_device_read(&memory, 200, JSON,
	    STR("{\"device_code\":\"dc\",\"user_code\":\"AB-12\","
	        "\"verification_uri\":\"javascript:alert(1)\","
	        "\"expires_in\":600}"),
	    &d, &a);
	assert_int_equal(a.end, OAUTH_FAILED);
	assert_int_equal(d.device_code.len, 0);
}

/* A device's answer that is good but for one member. */
static enum oauth_end
device_with(const char *key, const char *value)
{
	struct json *top = NULL;
	struct json *other = NULL;
	struct oauth_device d = { 0 };
	struct oauth_answer a;
	auto_buf body = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    json_parse(&memory,
	        STR("{\"device_code\":\"dc\",\"user_code\":\"AB-12\","
	            "\"verification_uri\":\"https://a.test/device\","
	            "\"expires_in\":600}"),
	        NULL, &top, &e),
	    0);
	assert_int_equal(
	    json_parse(&memory, str_of(value), NULL, &other, &e), 0);
	(void)json_set(&memory, top, key, other);
	json_write(&body, top);
	oauth_device_read(&memory, 200, JSON, buf_str(&body), &d, &a);
	assert_int_equal(d.device_code.len, a.end == OAUTH_TOKENS ? 2 : 0);
	return a.end;
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
each_member_of_a_devices_answer_is_looked_at(void **state)
{
	static const char *const good[][2] = {
		{ "verification_uri_complete", "\"https://a.test/d?c=AB-12\"" },
		{ "interval", "7" },
		{ "expires_in", "\"600\"" },
	};
	static const char *const wrong[][2] = {
		{ "device_code", "\"d c\"" },
		{ "device_code", "7" },
		{ "device_code", "\"AB-12\"" },
		{ "user_code", "\"AB 12\"" },
		{ "user_code", "\"x-dc\"" },
		{ "verification_uri", "\"https://a.test/dc\"" },
		{ "verification_uri_complete", "\"https://a.test/?c=dc\"" },
		{ "user_code", "\"\\u001b[2J\"" },
		{ "user_code", "\"" A63 "aa\"" },
		{ "verification_uri", "\"http://a.test/device\"" },
		{ "verification_uri_complete", "\"javascript:alert(1)\"" },
		{ "expires_in", "null" },
		{ "expires_in", "0" },
		{ "expires_in", "-600" },
		{ "interval", "-1" },
		{ "interval", "\"often\"" },
	};
	static const char *const uris[] = { "verification_uri",
		"verification_uri_complete" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(
		    device_with(good[i][0], good[i][1]), OAUTH_TOKENS);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		if (device_with(wrong[i][0], wrong[i][1]) != OAUTH_FAILED) {
			fail_msg("taken: %s %s", wrong[i][0], wrong[i][1]);
		}
	}
	for (size_t i = 0; i < COUNT(uris); i++) {
		auto_buf uri = { 0 };

		buf_add_z(&uri, "\"https://a.test/");
		while (uri.len < 1 + 512) {
			buf_add_byte(&uri, 'x');
		}
		buf_add_byte(&uri, '"');
		assert_int_equal(
		    device_with(uris[i], buf_z(&uri)), OAUTH_TOKENS);
		uri.len--;
		buf_add_z(&uri, "x\"");
		assert_int_equal(
		    device_with(uris[i], buf_z(&uri)), OAUTH_FAILED);
	}
}

static void
a_device_code_is_shown_in_no_form(void **state)
{
	static const struct {
		const char *uri, *complete;
	} shown[] = {
		{ "https://a.test/?c=d%2Fc", "https://a.test/" },
		{ "https://a.test/d/c", "https://a.test/" },
		{ "https://a.test/", "https://a.test/?c=d%2Fc" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(shown); i++) {
		struct oauth_device d = { 0 };
		struct oauth_answer a;
		auto_buf body = { 0 };

		buf_addf(&body,
		    "{\"device_code\":\"d/c\",\"user_code\":\"AB-12\","
		    "\"verification_uri\":\"%s\","
		    "\"verification_uri_complete\":\"%s\","
		    "\"expires_in\":600}",
		    shown[i].uri, shown[i].complete);
		oauth_device_read(&memory, 200, JSON, buf_str(&body), &d, &a);
		assert_int_equal(a.end, OAUTH_FAILED);
		assert_int_equal(d.device_code.len, 0);
	}
}

static void
what_is_told_of_an_answer_is_read_again(void **state)
{
	struct oauth_told told = { .end = OAUTH_SLOWER,
		.kept = true,
		.interval = 7,
		.error = STR("slow_down") };
	struct oauth_told read;
	auto_buf text = { 0 };
	struct err e = { 0 };

	(void)state;
	oauth_told_write(&text, &told);
	assert_int_equal(
	    oauth_told_read(&memory, buf_str(&text), &read, &e), 0);
	assert_int_equal(read.end, OAUTH_SLOWER);
	assert_true(read.kept);
	assert_int_equal(read.interval, 7);
	assert_true(str_eq(read.error, STR("slow_down")));
	assert_int_equal(
	    oauth_told_read(&memory, STR("{\"end\":\"x\"}"), &read, &e), -1);
	/* An end that is none, of an otherwise whole one. */
	char *end = memmem(text.at, text.len, "slower", 6);

	assert_non_null(end);
	end[0] = 'x';
	assert_int_equal(
	    oauth_told_read(&memory, buf_str(&text), &read, &e), -1);
}

static void
seconds_that_are_told_have_a_bound(void **state)
{
	static const struct {
		int64_t lifetime, interval, retry;
		int read;
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ OAUTH_LIFETIME_MAX, 5, 0, 0 },
		{ OAUTH_LIFETIME_MAX + 1LL, 5, 0, -1 },
		{ 5, OAUTH_LIFETIME_MAX, 0, 0 },
		{ 5, OAUTH_LIFETIME_MAX + 1LL, 0, -1 },
		{ 5, 5, OAUTH_RETRY_MAX, 0 },
		{ 5, 5, OAUTH_RETRY_MAX + 1LL, -1 },
		{ -1, 5, 0, -1 },
		{ 5, -1, 0, -1 },
		{ 5, 5, -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct oauth_told told = { .end = OAUTH_PENDING,
			.lifetime = cases[i].lifetime,
			.interval = cases[i].interval,
			.retry = cases[i].retry };
		struct oauth_told read = { 0 };
		auto_buf text = { 0 };
		struct err e = { 0 };

		oauth_told_write(&text, &told);
		assert_int_equal(
		    oauth_told_read(&memory, buf_str(&text), &read, &e),
		    cases[i].read);
		assert_int_equal(
		    read.retry, cases[i].read ? 0 : cases[i].retry);
	}
}

static void
a_masked_answer_has_no_token(void **state)
{
	auto_buf out = { 0 };

	(void)state;
	oauth_masked(&memory,
	    STR("{\"access_token\":\"at-1\",\"refresh_token\":\"rt-1\","
	        "\"id_token\":\"it-1\",\"expires_in\":9}"),
	    STR("hr_placeholder_0"), &out);
	assert_null(strstr(buf_z(&out), "t-1"));
	assert_non_null(
	    strstr(buf_z(&out), "\"access_token\":\"hr_placeholder_0\""));
	assert_non_null(strstr(buf_z(&out), "\"expires_in\":9"));
}

static void
a_masked_answer_has_no_text_that_an_endpoint_chose(void **state)
{
	auto_buf out = { 0 };

	(void)state;
	oauth_masked(&memory,
	    STR("{\"access_token\":\"at-1\",\"token_type\":\"Bearer\","
	        "\"error\":\"invalid_grant\",\"client_secret\":\"s3cret\","
	        "\"error_description\":\"s3cret\",\"scope\":\"s3cret\","
	        "\"authed_user\":{\"access_token\":\"s3cret\"}}"),
	    STR("hr_placeholder_0"), &out);
	assert_string_equal(buf_z(&out),
	    "{\"access_token\":\"hr_placeholder_0\","
	    "\"token_type\":\"Bearer\",\"error\":\"invalid_grant\"}");
	buf_clear(&out);
	oauth_masked(&memory,
	    STR("{\"token_type\":\"S3cret\",\"error\":\"s3cret\","
	        "\"expires_in\":\"s3cret-s3cret\"}"),
	    STR("hr_placeholder_0"), &out);
	assert_string_equal(buf_z(&out), "{}");
	buf_clear(&out);
	oauth_masked(&memory,
	    STR("{\"token_type\":{\"a\":\"s3cret\"},\"error\":[\"s3cret\"],"
	        "\"expires_in\":12345678901234567890}"),
	    STR("hr_placeholder_0"), &out);
	assert_string_equal(buf_z(&out), "{}");
	buf_clear(&out);
	oauth_masked(&memory, STR("{\"error\":\"" A63 "\"}"),
	    STR("hr_placeholder_0"), &out);
	assert_string_equal(buf_z(&out), "{}");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_taken_with_what_belongs_to_them),
		cmocka_unit_test(an_answer_that_lacks_something_is_refused),
		cmocka_unit_test(
		    a_missing_lifetime_is_assumed_only_where_it_was_written),
		cmocka_unit_test(
		    a_token_of_any_length_that_a_row_holds_is_taken),
		cmocka_unit_test(a_wish_to_be_left_alone_is_read_in_both_forms),
		cmocka_unit_test(a_huge_answer_is_not_read),
		cmocka_unit_test(each_error_has_its_end),
		cmocka_unit_test(an_answer_of_another_type_is_not_read),
		cmocka_unit_test(a_device_hears_where_a_person_goes),
		cmocka_unit_test(a_device_is_sent_to_https_alone),
		cmocka_unit_test(each_member_of_a_devices_answer_is_looked_at),
		cmocka_unit_test(a_device_code_is_shown_in_no_form),
		cmocka_unit_test(what_is_told_of_an_answer_is_read_again),
		cmocka_unit_test(seconds_that_are_told_have_a_bound),
		cmocka_unit_test(a_masked_answer_has_no_token),
		cmocka_unit_test(
		    a_masked_answer_has_no_text_that_an_endpoint_chose),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
