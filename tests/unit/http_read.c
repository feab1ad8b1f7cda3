/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/http_help.h"

#include <string.h>

#include "heap_help.h"

static void
request(struct told *t, struct str bytes)
{
	struct http_reader r;

	http_reader_request(&r);
	r.take_connect = true;
	tell(t, &r, bytes, bytes.len);
	http_reader_fini(&r);
}

static void
response(struct told *t, struct str bytes)
{
	struct http_reader r;

	http_reader_response(&r);
	tell(t, &r, bytes, bytes.len);
	http_reader_fini(&r);
}

static void
assert_story(struct told *t, const char *story, const char *body)
{
	assert_int_equal(t->refusal, 0);
	assert_string_equal(buf_z(&t->story), story);
	assert_string_equal(buf_z(&t->body), body);
	told_fini(t);
}

static void
a_request_without_body_is_read(void **state)
{
	struct told t = { 0 };

	(void)state;
	request(
	    &t, STR("GET /a/b?x=1 HTTP/1.1\r\nHost: Good.test:8\r\nA:  b \t\r\n"
	            "Empty:\r\n\r\n"));
	assert_story(&t,
	    "head 1.1 GET /a/b?x=1 0 a=Good.test:8 p=/a/b q=x=1 f=0 k=1\n"
	    "Host=Good.test:8\nA=b\nEmpty=\nend\n",
	    "");
}

static void
a_body_of_a_stated_length_is_read_and_no_more(void **state)
{
	struct told t = { 0 };

	(void)state;
	request(
	    &t, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
	            "helloGET / HTTP/1.1\r\n"));
	assert_int_equal(t.rest, strlen("GET / HTTP/1.1\r\n"));
	assert_story(&t,
	    "head 1.1 POST / 0 a=a p=/ q= f=1 k=1\nHost=a\n"
	    "Content-Length=5\nend\n",
	    "hello");
}

static void
a_chunked_body_is_joined_and_its_trailers_dropped(void **state)
{
	struct told t = { 0 };

	(void)state;
	request(&t,
	    STR("PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n"
	        "\r\n5;name=\"v;\"\r\nhello\r\n00001\r\n \r\n00A\r\n0123456789"
	        "\r\n0\r\nX-Sum: 1\r\n\r\n!"));
	assert_int_equal(t.rest, 1);
	assert_story(&t,
	    "head 1.1 PUT /x 0 a=a p=/x q= f=2 k=1\nHost=a\n"
	    "Transfer-Encoding=Chunked\nend\n",
	    "hello 0123456789");
}

static void
every_form_of_target_is_known(void **state)
{
	struct told t = { 0 };

	(void)state;
	request(
	    &t, STR("GET HTTP://Good.test?q HTTP/1.1\r\nHost: good.test:80\r\n"
	            "\r\n"));
	assert_story(&t,
	    "head 1.1 GET HTTP://Good.test?q 0 a=Good.test p=/ q=q f=0 k=1\n"
	    "Host=good.test:80\nend\n",
	    "");
	request(&t, STR("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]\r\n\r\n"));
	assert_story(&t,
	    "head 1.1 CONNECT [::1]:443 0 a=[::1]:443 p= q= f=0 k=1\n"
	    "Host=[::1]\nend\n",
	    "");
	request(&t, STR("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_story(
	    &t, "head 1.1 OPTIONS * 0 a=a p= q= f=0 k=1\nHost=a\nend\n", "");
}

static void
N15_a_url_inside_an_origin_form_stays_a_path(void **state)
{
	struct told t = { 0 };

	(void)state;
	request(&t, STR("GET /http://evil.test/ HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_story(&t,
	    "head 1.1 GET /http://evil.test/ 0 a=a p=/http://evil.test/ q= "
	    "f=0 k=1\nHost=a\nend\n",
	    "");
}

static void
old_and_closing_connections_are_not_kept(void **state)
{
	struct told t = { 0 };

	(void)state;
	request(&t, STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
	assert_story(&t,
	    "head 1.0 GET / 0 a= p=/ q= f=0 k=0\nConnection=keep-alive\nend\n",
	    "");
	request(&t,
	    STR("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"));
	assert_story(&t,
	    "head 1.1 GET / 0 a=a p=/ q= f=0 k=0\nHost=a\n"
	    "Connection=x, Close\nend\n",
	    "");
}

static void
a_response_is_read_with_its_interim_ones(void **state)
{
	struct told t = { 0 };

	(void)state;
	/* What no trailer of a request may hold is dropped of an answer. */
	response(&t, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	                 "0\r\nSet-Cookie: a=b\r\n\r\n"));
	assert_story(&t,
	    "head 1.1   200 a= p= q= f=2 k=1\nTransfer-Encoding=chunked\nend\n",
	    "");
	response(
	    &t, STR("HTTP/1.1 100 Continue\r\nA: 1\r\n\r\nHTTP/1.1 103\r\n\r\n"
	            "HTTP/1.1 200 Very OK\r\nContent-Length: 2\r\n\r\nok"));
	assert_story(&t,
	    "interim 1.1   100 a= p= q= f=0 k=1\nA=1\n"
	    "interim 1.1   103 a= p= q= f=0 k=1\n"
	    "head 1.1   200 a= p= q= f=1 k=1\nContent-Length=2\nend\n",
	    "ok");
}

static void
responses_without_body_end_at_their_head(void **state)
{
	static const struct str cases[] = {
		STR("HTTP/1.1 204 No Content\r\n\r\n"),
		STR("HTTP/1.1 304 \r\nContent-Length: 77\r\n\r\n"),
	};
	struct told t = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		response(&t, cases[i]);
		assert_int_equal(t.refusal, 0);
		assert_true(str_ends(buf_str(&t.story), STR("end\n")));
		told_fini(&t);
	}
}

static void
an_answer_to_head_has_a_length_but_no_body(void **state)
{
	struct http_reader r;
	struct told t = { 0 };
	struct str bytes =
	    STR("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");

	(void)state;
	http_reader_response(&r);
	r.answer_to_head = true;
	r.body_max = 10;
	tell(&t, &r, bytes, bytes.len);
	assert_int_equal(t.refusal, 0);
	assert_true(str_ends(buf_str(&t.story), STR("end\n")));
	told_fini(&t);
	http_reader_fini(&r);
}

static void
a_response_without_length_lasts_until_the_close(void **state)
{
	struct str bytes = STR("HTTP/1.1 200 OK\r\n\r\nabc");
	struct http_reader r;
	struct told t = { 0 };
	struct http_event ev;
	struct err e = { 0 };

	(void)state;
	http_reader_response(&r);
	tell(&t, &r, bytes, 2);
	assert_int_equal(http_read_eof(&r, &ev, &e), 0);
	assert_int_equal(ev.kind, HTTP_END);
	assert_story(&t, "head 1.1   200 a= p= q= f=3 k=0\n", "abc");
	http_reader_fini(&r);
}

static void
an_accepted_upgrade_hands_the_connection_over(void **state)
{
	struct str bytes = STR("HTTP/1.1 101 Switching Protocols\r\n"
	                       "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	                       "\r\n\x81\x01x");
	struct http_reader r;
	struct told t = { 0 };

	(void)state;
	http_reader_response(&r);
	r.take_upgrade = true;
	tell(&t, &r, bytes, bytes.len);
	assert_int_equal(t.refusal, 0);
	assert_int_equal(t.rest, 3);
	assert_story(&t,
	    "head 1.1   101 a= p= q= f=0 k=0\nConnection=Upgrade\n"
	    "Upgrade=websocket\nend\n",
	    "");
	http_reader_fini(&r);
}

static void
H06_a_second_request_inherits_nothing(void **state)
{
	struct str bytes =
	    STR("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nX-Secret: 1\r\n\r\n"
	        "CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n");
	struct http_reader r;
	struct http_event ev;
	struct err e = { 0 };
	struct str in = bytes;

	(void)state;
	http_reader_request(&r);
	r.take_connect = true;
	assert_true(http_reader_idle(&r));
	assert_int_equal(http_read(&r, &in, &ev, &e), 0);
	assert_int_equal(ev.kind, HTTP_HEAD);
	assert_non_null(http_find(ev.head, "x-secret"));
	assert_int_equal(http_read(&r, &in, &ev, &e), 0);
	assert_int_equal(ev.kind, HTTP_END);
	/* Nothing of the next one is taken before the owner says so. */
	size_t rest = in.len;

	assert_int_equal(http_read(&r, &in, &ev, &e), 0);
	assert_int_equal(ev.kind, HTTP_MORE);
	assert_int_equal(in.len, rest);
	http_reader_next(&r);
	assert_true(http_reader_idle(&r));
	assert_int_equal(http_read(&r, &in, &ev, &e), -1);
	assert_int_equal(r.refusal, 405);
	http_reader_fini(&r);
}

static void
assert_never_whole(bool is_response, struct str bytes)
{
	for (size_t n = 1; n < bytes.len; n++) {
		struct http_reader r;
		struct told t = { 0 };
		struct http_event ev;
		struct err e = { 0 };
		struct str more = str_sub(bytes, n, bytes.len);

		if (is_response) {
			http_reader_response(&r);
		} else {
			http_reader_request(&r);
		}
		tell(&t, &r, str_sub(bytes, 0, n), n);
		assert_int_equal(t.refusal, 0);
		assert_int_equal(http_read_eof(&r, &ev, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_int_equal(http_read(&r, &more, &ev, &e), -1);
		told_fini(&t);
		http_reader_fini(&r);
	}
}

static void
a_message_cut_short_is_never_a_whole_one(void **state)
{
	(void)state;
	assert_never_whole(false,
	    STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	        "\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"));
	assert_never_whole(
	    false, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
	               "\r\nhello"));
	assert_never_whole(
	    true, STR("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 On\r\n\r\n"
	              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
}

static void
an_answer_before_the_real_one_is_not_the_whole(void **state)
{
	struct str in = STR("HTTP/1.1 100 Go\r\n\r\n");
	struct http_reader r;
	struct http_event ev;
	struct err e;

	(void)state;
	http_reader_response(&r);
	assert_int_equal(http_read(&r, &in, &ev, &e), 0);
	assert_int_equal(ev.kind, HTTP_INTERIM);
	assert_int_equal(http_read_eof(&r, &ev, &e), -1);
	http_reader_fini(&r);
}

static void
no_trailer_is_left_in_memory(void **state)
{
	struct str in =
	    STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	        "0\r\nA: ................................"
	        "s3cr3t-canary-of-a-trailer\r\n\r\n");
	struct http_reader r;
	struct http_event ev = { .kind = HTTP_MORE };
	struct err e;

	(void)state;
	http_reader_response(&r);
	while (ev.kind != HTTP_END) {
		assert_int_equal(http_read(&r, &in, &ev, &e), 0);
	}
	assert_true(heap_holds("s3cr3t-canary-of-a-trailer"));
	http_reader_fini(&r);
	assert_false(heap_holds("s3cr3t-canary-of-a-trailer"));
}

/* One reader, and one message behind the other. */
static void
one_after_another(struct http_reader *r, struct str bytes, unsigned count)
{
	struct told t = { 0 };

	for (unsigned n = 0; n < count; n++) {
		if (n) {
			http_reader_next(r);
		}
		tell(&t, r, bytes, bytes.len);
		assert_int_equal(t.refusal, 0);
		assert_int_equal(t.rest, 0);
	}
	told_fini(&t);
	http_reader_fini(r);
}

static void
H06_what_one_message_used_up_is_not_taken_from_the_next(void **state)
{
	auto_buf long_one = { 0 };
	auto_buf interim = { 0 };
	struct http_reader r;

	(void)state;
	/* The limit of a body, and trailers. */
	http_reader_request(&r);
	r.body_max = 10;
	one_after_another(&r,
	    STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	        "\r\n6\r\n123456\r\n0\r\nA: b\r\n\r\n"),
	    3);
	/* The bytes of extensions, of a line and of all. */
	buf_add_z(&long_one,
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	    "\r\n");
	for (int i = 0; i < 20; i++) {
		buf_addf(&long_one, "1;%0150d\r\nx\r\n", i);
	}
	buf_add_z(&long_one, "0\r\n\r\n");
	http_reader_request(&r);
	one_after_another(&r, buf_str(&long_one), 3);
	/* The answers before the real one. */
	for (int i = 0; i < HTTP_INTERIM_MAX; i++) {
		buf_addf(&interim,
		    "HTTP/1.1 103 Early Hints\r\nA: %06000d\r\n\r\n", i);
	}
	buf_add_z(&interim, "HTTP/1.1 204 x\r\n\r\n");
	http_reader_response(&r);
	one_after_another(&r, buf_str(&interim), 3);
}

static void
H06_what_the_last_answer_was_to_is_forgotten(void **state)
{
	struct str head = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
	struct str body = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	struct str other = STR("HTTP/1.1 101 x\r\nConnection: upgrade\r\n"
	                       "Upgrade: websocket\r\n\r\n");
	struct http_reader r;
	struct told t = { 0 };

	(void)state;
	http_reader_response(&r);
	r.answer_to_head = true;
	r.take_upgrade = true;
	tell(&t, &r, head, head.len);
	http_reader_next(&r);
	tell(&t, &r, body, body.len);
	assert_int_equal(t.rest, 0);
	assert_string_equal(buf_z(&t.body), "ok");
	http_reader_next(&r);
	tell(&t, &r, other, other.len);
	assert_int_equal(t.refusal, 400);
	told_fini(&t);
	http_reader_fini(&r);
	/* Nor is what HEAD may say of a length a limit for others. */
	t = (struct told){ 0 };
	http_reader_response(&r);
	r.answer_to_head = true;
	r.body_max = 1;
	tell(&t, &r, head, head.len);
	assert_int_equal(t.refusal, 0);
	http_reader_next(&r);
	tell(&t, &r, body, body.len);
	assert_int_equal(t.refusal, 413);
	told_fini(&t);
	http_reader_fini(&r);
}

static void
one_byte_at_a_time_gives_the_same(void **state)
{
	static const struct str cases[] = {
		STR("PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
		    "\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\nrest"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nA: b\nC: d\r\n\r\n"),
		STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
		    "abc"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct told t[2] = { 0 };

		for (size_t k = 0; k < 2; k++) {
			struct http_reader r;

			http_reader_request(&r);
			tell(&t[k], &r, cases[i], k ? 1 : cases[i].len);
			http_reader_fini(&r);
		}
		assert_string_equal(buf_z(&t[0].story), buf_z(&t[1].story));
		assert_string_equal(buf_z(&t[0].body), buf_z(&t[1].body));
		assert_int_equal(t[0].refusal, t[1].refusal);
		told_fini(&t[0]);
		told_fini(&t[1]);
	}
}

static void
headers_are_found_counted_and_listed(void **state)
{
	struct str bytes =
	    STR("GET / HTTP/1.1\r\nHost: a\r\nAccept: a, \"b,\\\"c\" ,,d\r\n"
	        "accept: e\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\n\r\n");
	struct str in = bytes;
	struct http_reader r;
	struct http_event ev;
	struct err e = { 0 };
	struct str element;

	(void)state;
	http_reader_request(&r);
	assert_int_equal(http_read(&r, &in, &ev, &e), 0);
	assert_int_equal(http_count(ev.head, "ACCEPT"), 2);
	assert_null(http_find(ev.head, "accep"));
	assert_true(http_has_token(ev.head, "accept", "E"));
	assert_true(http_has_token(ev.head, "accept", "d"));
	assert_false(http_has_token(ev.head, "accept", "c"));
	struct str list = *http_find(ev.head, "accept");

	assert_true(http_list_next(&list, &element));
	assert_true(http_list_next(&list, &element));
	assert_true(str_eq_z(element, "\"b,\\\"c\""));
	assert_true(http_list_next(&list, &element));
	assert_false(http_list_next(&list, &element));
	assert_true(http_is_hop(ev.head, STR("x-mine")));
	assert_false(http_is_hop(ev.head, STR("X-Other")));
	http_reader_fini(&r);
}

static void
H10_traces_and_proxy_fields_are_never_passed_on(void **state)
{
	static const char *const names[] = { "Connection", "Keep-Alive",
		"Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
		"Upgrade", "HTTP2-Settings", "Expect", "Proxy-Authorization",
		"Proxy-Authenticate", "Proxy-Authentication-Info", "Via",
		"Forwarded", "X-Real-IP", "Client-IP", "True-Client-IP",
		"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override",
		"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-For",
		"x-forwarded-anything",
		/* as CGI and its heirs read them */
		"X_HTTP_Method_Override", "x-original_url", "Transfer_Encoding",
		"X_Forwarded_For" };
	static const char *const others[] = { "Accept", "X_Other", "Host",
		"Content-Length", "Content-Encoding", "Content-Type",
		"Content-Range", "Authorization", "Cookie", "Set-Cookie" };
	struct http_head h = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_true(http_is_hop(&h, str_of(names[i])));
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_false(http_is_hop(&h, str_of(others[i])));
	}
	assert_true(http_name_like(STR("X-Api-Key"), STR("x_API-key")));
	assert_false(http_name_like(STR("x-api-key"), STR("x.api.key")));
	assert_false(http_name_like(STR("x-api-key"), STR("x-api-key-")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_without_body_is_read),
		cmocka_unit_test(a_body_of_a_stated_length_is_read_and_no_more),
		cmocka_unit_test(
		    a_chunked_body_is_joined_and_its_trailers_dropped),
		cmocka_unit_test(every_form_of_target_is_known),
		cmocka_unit_test(N15_a_url_inside_an_origin_form_stays_a_path),
		cmocka_unit_test(old_and_closing_connections_are_not_kept),
		cmocka_unit_test(a_response_is_read_with_its_interim_ones),
		cmocka_unit_test(responses_without_body_end_at_their_head),
		cmocka_unit_test(an_answer_to_head_has_a_length_but_no_body),
		cmocka_unit_test(
		    a_response_without_length_lasts_until_the_close),
		cmocka_unit_test(an_accepted_upgrade_hands_the_connection_over),
		cmocka_unit_test(H06_a_second_request_inherits_nothing),
		cmocka_unit_test(
		    H06_what_one_message_used_up_is_not_taken_from_the_next),
		cmocka_unit_test(H06_what_the_last_answer_was_to_is_forgotten),
		cmocka_unit_test(a_message_cut_short_is_never_a_whole_one),
		cmocka_unit_test(
		    an_answer_before_the_real_one_is_not_the_whole),
		cmocka_unit_test(no_trailer_is_left_in_memory),
		cmocka_unit_test(one_byte_at_a_time_gives_the_same),
		cmocka_unit_test(headers_are_found_counted_and_listed),
		cmocka_unit_test(
		    H10_traces_and_proxy_fields_are_never_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
