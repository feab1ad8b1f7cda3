/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a request is for: names, authorities, TLS names; attack ids N and T. */
#include <stdio.h>

#include "proxy_help.h"

/* Says `text` on a plain connection to good.test:80. */
static void
say_plain(struct rig *r, struct end *c, struct str text)
{
	rig_new(r, NULL);
	rig_pin(r);
	r->go.tls = false;
	r->origin.tls = false;
	cell_dial(r, c, GOOD, 80);
	end_say(c, text);
}

static void
done(struct rig *r, struct end *c)
{
	end_close(c);
	rig_free(r);
}

static void
refuse_plain(struct str text, const char *answer, const char *why)
{
	struct rig r;
	struct end c;
	say_plain(&r, &c, text);
	assert_refused_early(&r, why);
	rig_until(&r, c.gone);
	if (!end_got(&c, answer)) {
		fail_msg("not %s: %.*s", answer, (int)c.got.len, c.got.at);
	}
	done(&r, &c);
}

static void
plain_http_to_the_dialled_name_passes(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	say_plain(&r, &c, STR(GET_GOOD));
	rig_until(&r, end_got(&c, "hello"));
	assert_false(r.intent.tls);
	assert_int_equal(r.intent.port, 80);
	done(&r, &c);
}

static void
N01_a_nul_in_a_connect_name_is_refused(void **state)
{
	(void)state;
	static const char text[] =
	    "CONNECT evil.test\0.good.test:443 HTTP/1.1\r\n"
	    "Host: good.test\r\n\r\n";
	refuse_plain(str_span(text, sizeof(text) - 1), "HTTP/1.1 400 ", "");
}

static void
N02_odd_bytes_in_a_name_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "a b", "a\\b", "a%2eb", "a@b", "a#b",
		"a\001b", "a\177b", "a/b", "a?b", "a,b" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf text = { 0 };
		buf_addf(&text,
		    "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", bad[i],
		    bad[i]);
		refuse_plain(buf_str(&text), "HTTP/1.1 400 ", "");
	}
}

static void
N04_brackets_hold_addresses_only(void **state)
{
	(void)state;
	static const char *const bad[] = { "[evil.test]:443", "[[::1]]:443",
		"[::1]junk:443", "[::1]:0", "[::1]" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf text = { 0 };
		buf_addf(&text, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n",
		    bad[i], bad[i]);
		refuse_plain(buf_str(&text), "HTTP/1.1 400 ", "");
	}
}

static void
N08_userinfo_in_a_target_is_refused(void **state)
{
	(void)state;
	refuse_plain(STR("GET http://good.test@evil.test/ HTTP/1.1\r\n"
	                 "Host: evil.test\r\n\r\n"),
	    "HTTP/1.1 400 ", "");
	refuse_plain(STR("CONNECT good.test:80@evil.test:443 HTTP/1.1\r\n"
	                 "Host: good.test\r\n\r\n"),
	    "HTTP/1.1 400 ", "");
}

static void
N10_a_hard_coded_address_is_no_name(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	/* A forged Host on a bare address. */
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial_address(&r, &c, "93.184.216.34", 80);
	end_say_z(&c, GET_GOOD);
	assert_refused_early(&r, "Host says");
	done(&r, &c);
	/* A forged server name. */
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial_address(&r, &c, "93.184.216.34", 443);
	cell_secure(&r, &c, GOOD);
	assert_refused_early(&r, "the TLS hello names");
	rig_until(&r, c.gone);
	done(&r, &c);
}

static void
N10_an_honest_address_is_asked_as_one_and_gets_no_credential(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.go.pinned = false;
	cell_dial_address(&r, &c, "93.184.216.34", 443);
	cell_secure(&r, &c, "93.184.216.34");
	end_say_z(&c, "GET / HTTP/1.1\r\nHost: 93.184.216.34\r\n\r\n");
	rig_until(&r, end_got(&c, "}\n"));
	assert_int_equal(r.intents, 1);
	assert_false(r.intent.named);
	assert_string_equal(r.intent.host, "93.184.216.34");
	assert_true(end_got(&c, "never sent to a bare address"));
	assert_int_equal(r.redeems, 0);
	done(&r, &c);
}

static void
N11_the_port_in_host_is_the_port_dialled(void **state)
{
	(void)state;
	static const char *const bad[] = { ":22", ":0", ":65536", ":080", ":",
		":8080", ":80x" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf text = { 0 };
		buf_addf(&text, "GET / HTTP/1.1\r\nHost: good.test%s\r\n\r\n",
		    bad[i]);
		refuse_plain(buf_str(&text), "HTTP/1.1 40", "");
	}
	struct rig r;
	struct end c;
	say_plain(&r, &c, STR("GET / HTTP/1.1\r\nHost: good.test:80\r\n\r\n"));
	rig_until(&r, end_got(&c, "hello"));
	done(&r, &c);
}

static void
N14_host_must_be_one_and_the_dialled_one(void **state)
{
	(void)state;
	static const struct {
		const char *text, *answer;
	} bad[] = {
		{ "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "403" },
		{ "GET / HTTP/1.1\r\n\r\n", "400" },
		{ "GET / HTTP/1.0\r\n\r\n", "403" },
		{ "GET / HTTP/1.1\r\nHost: good.test\r\nHost: "
		  "good.test\r\n\r\n",
		    "400" },
		{ "GET / HTTP/1.1\r\nHost: good.test, evil.test\r\n\r\n",
		    "400" },
		{ "GET http://good.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
		    "400" },
		{ "OPTIONS * HTTP/1.1\r\nHost: good.test\r\n\r\n", "403" },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf answer = { 0 };
		buf_addf(&answer, "HTTP/1.1 %s ", bad[i].answer);
		refuse_plain(str_of(bad[i].text), buf_z(&answer), "");
	}
}

static void
N14_a_whole_url_is_asked_as_its_own_host(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	say_plain(&r, &c,
	    STR("GET http://other.test:8080/x HTTP/1.1\r\n"
	        "Host: other.test:8080\r\n\r\n"));
	rig_until(&r, end_got(&c, "hello"));
	assert_string_equal(r.intent.host, "other.test");
	assert_int_equal(r.intent.port, 8080);
	assert_true(end_got(&r.origin.at[0], "GET /x HTTP/1.1\r\n"));
	assert_true(end_got(&r.origin.at[0], "Host: other.test:8080\r\n"));
	done(&r, &c);
	refuse_plain(STR("GET https://other.test/ HTTP/1.1\r\n"
	                 "Host: other.test\r\n\r\n"),
	    "HTTP/1.1 403 ", "CONNECT");
}

static void
N15_a_url_inside_a_path_routes_nothing(void **state)
{
	(void)state;
	refuse_plain(
	    STR("GET /http://evil.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n"),
	    "HTTP/1.1 400 ", "");
	struct rig r;
	struct end c;
	say_plain(&r, &c,
	    STR("GET /u?to=http://evil.test/ HTTP/1.1\r\n"
	        "Host: good.test\r\n\r\n"));
	rig_until(&r, end_got(&c, "hello"));
	assert_string_equal(r.intent.host, GOOD);
	done(&r, &c);
}

static void
N16_an_address_that_was_never_given_is_refused(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial_address(&r, &c, "198.19.77.7", 80);
	end_say_z(&c, GET_GOOD);
	assert_refused_early(&r, "no name of this cell");
	rig_until(&r, c.gone);
	done(&r, &c);
}

/* --- TLS ------------------------------------------------------------------ */

static void
T01_connect_and_server_name_must_agree(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial(&r, &c, "proxy.test", 3128);
	end_say_z(&c, "CONNECT good.test:443 HTTP/1.1\r\n"
	              "Host: good.test:443\r\n\r\n");
	rig_until(&r, end_got(&c, "200 Connection established\r\n\r\n"));
	cell_secure(&r, &c, "evil.test");
	assert_refused_early(&r, "the TLS hello names");
	rig_until(&r, c.gone);
	done(&r, &c);
}

static void
a_tunnel_to_the_named_host_is_judged_request_by_request(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_dial(&r, &c, "proxy.test", 3128);
	end_say_z(&c, "CONNECT GOOD.test:443 HTTP/1.1\r\n"
	              "Host: good.test:443\r\n\r\n");
	rig_until(&r, end_got(&c, "200 Connection established\r\n\r\n"));
	assert_int_equal(r.intents, 0);
	buf_clear(&c.got);
	cell_secure(&r, &c, GOOD);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	assert_string_equal(r.intent.host, GOOD);
	assert_true(r.intent.named && r.intent.tls);
	assert_true(r.outcome.injected);
	done(&r, &c);
}

static void
T02_a_fronted_host_is_refused(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	end_say_z(&c, "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n");
	assert_refused_early(&r, "Host says");
	assert_int_equal(r.redeems, 0);
	done(&r, &c);
}

/* Without a port it means the default one, however well the name fits. */
static void
T02_a_host_without_the_port_that_was_dialled_is_refused(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial(&r, &c, GOOD, 8080);
	end_say_z(&c, GET_GOOD);
	assert_refused_early(&r, "Host says port 80");
	done(&r, &c);
}

static void
T03_no_server_name_is_refused(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial(&r, &c, GOOD, 443);
	/* A client that dials a literal sends none. */
	cell_secure(&r, &c, "93.184.216.34");
	assert_refused_early(&r, "no server name");
	rig_until(&r, c.gone);
	done(&r, &c);
}

enum wrong { WRONG_NAME, WRONG_CA, NO_TLS, WRONG_COUNT };

static void
unproven(struct rig *r, enum wrong wrong, struct tls_ca *other)
{
	struct end c;
	rig_new(r, NULL);
	rig_inject(r);
	r->origin.name = wrong == WRONG_NAME ? "evil.test" : NULL;
	r->origin.tls = wrong != NO_TLS;
	if (wrong == WRONG_CA) {
		r->go.ca = tls_ca_pem(other);
	}
	if (wrong == NO_TLS) {
		r->origin.answer = NULL;
	}
	cell_good(r, &c);
	end_say_z(&c, GET_GOOD);
	if (wrong == NO_TLS) {
		rig_until(r, r->origin.count == 1);
		rig_until(r, r->origin.at[0].got.len > 0);
		end_say_z(&r->origin.at[0], "HTTP/1.1 400 No\r\n\r\n");
	}
	rig_until(r, end_got(&c, "}\n"));
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	end_close(&c);
}

static void
T04_an_unproven_upstream_gets_no_byte_and_no_credential(void **state)
{
	(void)state;
	struct err e;
	struct tls_ca *other;
	assert_int_equal(tls_ca_new("other", 1, &other, &e), 0);
	for (enum wrong wrong = 0; wrong < WRONG_COUNT; wrong++) {
		struct rig r;
		unproven(&r, wrong, other);
		assert_int_equal(r.redeems, 0);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		assert_false(r.outcome.injected);
		assert_false(end_got(&r.origin.at[0], "GET"));
		rig_free(&r);
	}
	tls_ca_free(other);
}

static void
a_pin_with_its_own_ca_is_verified_by_it(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct err e;
	struct tls_ca *other;
	rig_new(&r, NULL);
	rig_inject(&r);
	assert_int_equal(tls_ca_new("other", 1, &other, &e), 0);
	auto_buf pem = { 0 };
	buf_add(&pem, tls_ca_pem(other));
	struct tls_ca *origin = r.origin.ca;
	r.origin.ca = other;
	r.go.ca = buf_str(&pem);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	end_close(&c);
	for (size_t i = 0; i < r.origin.count; i++) {
		end_close(&r.origin.at[i]);
	}
	r.origin.count = 0;
	r.origin.ca = origin;
	tls_ca_free(other);
	rig_free(&r);
}

/* A go that may not be executed for such a request: says why, leaves none. */
static void
refused_go(struct rig *r, bool cell_tls, const char *why)
{
	struct end c;
	if (cell_tls) {
		cell_good(r, &c);
	} else {
		cell_dial(r, &c, GOOD, 80);
	}
	end_say_z(&c, GET_GOOD);
	rig_until(r, end_got(&c, "}\n"));
	assert_true(end_got(&c, "HTTP/1.1 403 "));
	if (!strstr(r->outcome.text, why)) {
		fail_msg("%s does not say %s", r->outcome.text, why);
	}
	assert_int_equal(r->outcome.end, PROXY_REFUSED);
	assert_int_equal(r->redeems, 0);
	assert_int_equal(r->resolves, 0);
	assert_origin_untouched(r);
	done(r, &c);
}

static void
T06_a_credential_never_goes_in_clear(void **state)
{
	(void)state;
	for (int which = 0; which < 3; which++) {
		struct rig r;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.go.pinned = false;
		r.go.tls = which == 0;
		refused_go(&r, which == 1,
		    which == 0 ? "over https only" : "over plain HTTP");
	}
}

static void
http_does_not_become_https_without_a_pin(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct rig r;
		rig_new(&r, NULL);
		rig_pin(&r);
		r.go.pinned = false;
		r.go.tls = !tls;
		refused_go(&r, tls, "without a pin");
	}
}

static void
V12_a_place_and_a_grant_come_together(void **state)
{
	(void)state;
	struct rig r;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.go.grant = 0;
	refused_go(&r, true, "without a grant");
	rig_new(&r, NULL);
	rig_pin(&r);
	r.go.grant = 9;
	refused_go(&r, true, "without a place");
}

static void
H13_a_tunnel_in_a_plain_tunnel_is_refused(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial(&r, &c, "proxy.test", 3128);
	end_say_z(&c, "CONNECT good.test:80 HTTP/1.1\r\n"
	              "Host: good.test:80\r\n\r\n");
	rig_until(&r, end_got(&c, "200 Connection established\r\n\r\n"));
	end_say_z(&c, "CONNECT evil.test:80 HTTP/1.1\r\n"
	              "Host: evil.test:80\r\n\r\n");
	assert_refused_early(&r, "");
	done(&r, &c);
}

static void
T07_the_leaf_of_one_cell_is_worthless_in_another(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct err e;
	struct tls_ca *other;
	rig_new(&r, NULL);
	assert_int_equal(tls_ca_new("cell 2", 1, &other, &e), 0);
	tls_trust_free(r.cell_trust);
	assert_int_equal(
	    tls_trust_pem(tls_ca_pem(other), &r.cell_trust, &e), 0);
	cell_dial(&r, &c, GOOD, 443);
	cell_secure(&r, &c, GOOD);
	assert_refused_early(&r, "");
	assert_false(c.open);
	done(&r, &c);
	tls_ca_free(other);
}

static void
T10_what_is_neither_tls_nor_http_is_refused(void **state)
{
	(void)state;
	refuse_plain(STR("SSH-2.0-OpenSSH_9.2\r\n"), "HTTP/1.1 400 ", "");
	refuse_plain(
	    STR("\x00\x00\x00\x08\x04\xd2\x16\x2f\r\n"), "HTTP/1.1 400 ", "");
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial(&r, &c, "proxy.test", 3128);
	end_say_z(&c, "CONNECT good.test:443 HTTP/1.1\r\n"
	              "Host: good.test:443\r\n\r\n");
	rig_until(&r, end_got(&c, "200 Connection established\r\n\r\n"));
	end_say_z(&c, "SSH-2.0-OpenSSH_9.2\r\n");
	assert_refused_early(&r, "");
	done(&r, &c);
}

static void
T11_a_request_for_another_host_ends_the_tunnel(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	end_say_z(&c, "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n");
	rig_until(&r, r.outcomes == 2);
	assert_int_equal(r.intents, 1);
	assert_int_equal(r.outcome.id, 0);
	assert_int_equal(r.origin.count, 1);
	done(&r, &c);
}

static void
T11_a_whole_url_in_a_tunnel_is_refused(void **state)
{
	(void)state;
	static const char *const urls[] = { "http://evil.test/",
		"http://good.test/", "https://good.test/" };
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct rig r;
		struct end c;
		auto_buf text = { 0 };
		rig_new(&r, NULL);
		rig_pin(&r);
		cell_good(&r, &c);
		buf_addf(&text, "GET %s HTTP/1.1\r\nHost: %.9s\r\n\r\n",
		    urls[i], strchr(urls[i], '/') + 2);
		end_say(&c, buf_str(&text));
		assert_refused_early(&r, "inside TLS");
		done(&r, &c);
	}
}

static void
T03_a_hello_in_single_bytes_is_read(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	cell_dial(&r, &c, GOOD, 443);
	struct tls_conn *client = tls_connect(r.cell_trust, GOOD);
	auto_buf hello = { 0 };
	tls_feed(client, STR(""));
	tls_take(client, &hello);
	assert_true(hello.len > 100);
	for (size_t i = 0; i < hello.len; i++) {
		assert_int_equal(
		    send(c.link.fd, hello.at + i, 1, MSG_NOSIGNAL), 1);
		rig_turns(&r, 1);
	}
	rig_until(&r, c.got.len > 0);
	assert_int_equal(c.got.at[0], 0x16);
	assert_int_equal(r.outcomes, 0);
	tls_conn_free(client);
	done(&r, &c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_http_to_the_dialled_name_passes),
		cmocka_unit_test(N01_a_nul_in_a_connect_name_is_refused),
		cmocka_unit_test(N02_odd_bytes_in_a_name_are_refused),
		cmocka_unit_test(N04_brackets_hold_addresses_only),
		cmocka_unit_test(N08_userinfo_in_a_target_is_refused),
		cmocka_unit_test(N10_a_hard_coded_address_is_no_name),
		cmocka_unit_test(
		    N10_an_honest_address_is_asked_as_one_and_gets_no_credential),
		cmocka_unit_test(N11_the_port_in_host_is_the_port_dialled),
		cmocka_unit_test(N14_host_must_be_one_and_the_dialled_one),
		cmocka_unit_test(N14_a_whole_url_is_asked_as_its_own_host),
		cmocka_unit_test(N15_a_url_inside_a_path_routes_nothing),
		cmocka_unit_test(
		    N16_an_address_that_was_never_given_is_refused),
		cmocka_unit_test(T01_connect_and_server_name_must_agree),
		cmocka_unit_test(
		    a_tunnel_to_the_named_host_is_judged_request_by_request),
		cmocka_unit_test(T02_a_fronted_host_is_refused),
		cmocka_unit_test(
		    T02_a_host_without_the_port_that_was_dialled_is_refused),
		cmocka_unit_test(T03_no_server_name_is_refused),
		cmocka_unit_test(T11_a_whole_url_in_a_tunnel_is_refused),
		cmocka_unit_test(T03_a_hello_in_single_bytes_is_read),
		cmocka_unit_test(
		    T04_an_unproven_upstream_gets_no_byte_and_no_credential),
		cmocka_unit_test(a_pin_with_its_own_ca_is_verified_by_it),
		cmocka_unit_test(T06_a_credential_never_goes_in_clear),
		cmocka_unit_test(http_does_not_become_https_without_a_pin),
		cmocka_unit_test(V12_a_place_and_a_grant_come_together),
		cmocka_unit_test(H13_a_tunnel_in_a_plain_tunnel_is_refused),
		cmocka_unit_test(
		    T07_the_leaf_of_one_cell_is_worthless_in_another),
		cmocka_unit_test(T10_what_is_neither_tls_nor_http_is_refused),
		cmocka_unit_test(
		    T11_a_request_for_another_host_ends_the_tunnel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
