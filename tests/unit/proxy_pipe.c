/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnels that are not read, and WebSockets whose frames are. */
#include "proxy_help.h"

/* --- tunnels ----------------------------------------------------------------
 */

static void
rig_tunnel(struct rig *r, struct end *c)
{
	struct proxy_tunnel t = { .port = 22 };
	struct err e;
	rig_new(r, NULL);
	assert_int_equal(names_pattern_parse(STR(GOOD), &t.host, &e), 0);
	proxy_tunnels(r->proxy, &t, 1);
	rig_pin(r);
	r->go.tls = false;
	r->origin.tls = false;
	r->origin.answer = NULL;
	cell_dial(r, c, GOOD, 22);
}

static void
a_tunnel_carries_what_neither_side_explains_S02(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_tunnel(&r, &c);
	rig_until(&r, r.origin.count == 1);
	assert_int_equal(r.intents, 1);
	assert_true(r.intent.tunnel);
	assert_string_equal(r.intent.host, GOOD);
	assert_int_equal(r.intent.port, 22);
	/* The server speaks first. */
	end_say_z(&r.origin.at[0], "SSH-2.0-x\r\n");
	rig_until(&r, end_got(&c, "SSH-2.0-x\r\n"));
	end_say(&c, STR("\x16\x03\x01\0GET / HTTP/1.1\r\n\r\n"));
	rig_until(&r, r.origin.at[0].got.len == 22);
	assert_int_equal(r.outcomes, 0);
	/* Each end is passed on, the other way stays open. */
	(void)shutdown(c.link.fd, SHUT_WR);
	rig_until(&r, r.origin.at[0].gone);
	end_say_z(&r.origin.at[0], "late");
	rig_until(&r, end_got(&c, "late"));
	proxy_link_close(&r.origin.at[0].link);
	rig_until(&r, r.outcomes == 1);
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(r.outcome.up, 22);
	assert_int_equal(r.outcome.down, 15);
	assert_int_equal(proxy_kept(r.proxy), 0);
	end_close(&c);
	rig_free(&r);
}

static void
nothing_of_a_tunnel_leaves_before_the_decision(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_tunnel(&r, &c);
	end_close(&c);
	rig_turns(&r, 20);
	size_t had = r.origin.count;
	r.decide = REFUSE;
	cell_dial(&r, &c, GOOD, 22);
	end_say_z(&c, "hello\n");
	rig_until(&r, end_got(&c, "no rule allows it"));
	rig_turns(&r, 20);
	assert_int_equal(r.origin.count, had);
	end_close(&c);
	rig_free(&r);
}

static void
another_port_or_name_is_read_as_ever_T10(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct proxy_tunnel t = { .port = 22 };
	struct err e;
	rig_new(&r, NULL);
	assert_int_equal(names_pattern_parse(STR(GOOD), &t.host, &e), 0);
	proxy_tunnels(r.proxy, &t, 1);
	cell_dial(&r, &c, GOOD, 23);
	end_say_z(&c, "SSH-2.0-x\r\n\r\n\x01\x02");
	assert_refused_early(&r, "neither TLS nor HTTP");
	end_close(&c);
	rig_free(&r);
}

static void
a_tunnel_through_connect_is_one_too_T12(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_tunnel(&r, &c);
	end_close(&c);
	rig_turns(&r, 20);
	size_t had = r.origin.count;
	cell_dial(&r, &c, "proxy.test", 3128);
	end_say_z(&c, "CONNECT good.test:22 HTTP/1.1\r\nHost: good.test:22"
	              "\r\n\r\n");
	rig_until(&r, end_got(&c, "HTTP/1.1 200 "));
	rig_until(&r, r.origin.count == had + 1);
	end_say_z(&c, "raw");
	rig_until(&r, end_got(&r.origin.at[had], "raw"));
	assert_true(r.intent.tunnel);
	end_close(&c);
	rig_free(&r);
}

static void
bounds_policy_and_lease_end_a_tunnel_L03_X03(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		struct rig r;
		struct end c;
		struct volume volume = { .used = 6 };
		struct digest other = { .bytes = { 1 } };
		rig_tunnel(&r, &c);
		rig_until(&r, r.origin.count == 1);
		end_say_z(&c, "hello");
		rig_until(&r, end_got(&r.origin.at[0], "hello"));
		if (how == 0) {
			proxy_policy(r.proxy, &r.go.policy);
			assert_int_equal(r.outcomes, 0);
			proxy_policy(r.proxy, &other);
		} else if (how == 1) {
			proxy_close_all(r.proxy, "the lease is over");
		} else if (how == 2) {
			r.proxy->conns->up->go.up_max = 8;
			end_say_z(&c, "more");
		} else {
			r.proxy->conns->up->go.volume_max = 8;
			r.proxy->conns->up->volume = &volume;
			end_say_z(&c, "more");
		}
		rig_until(&r, r.outcomes == 1);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		rig_until(&r, r.origin.at[0].gone && c.gone);
		assert_false(end_got(&r.origin.at[0], "more"));
		end_close(&c);
		rig_free(&r);
	}
}

/* --- WebSocket
 * ---------------------------------------------------------------- */

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE                                                      \
	"GET /ws HTTP/1.1\r\nHost: good.test\r\n"                    \
	"Connection: keep-alive, Upgrade\r\n"                        \
	"Upgrade: websocket\r\n" KEY "Sec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Protocol: chat, superchat\r\n"                \
	"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCH                                                       \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" \
	"Connection: Upgrade\r\n"

static void
rig_socket(struct rig *r, struct end *c, const char *answer)
{
	rig_new(r, NULL);
	rig_inject(r);
	r->go.websocket = true;
	r->origin.answer = answer;
	cell_good(r, c);
	end_say_z(c, UPGRADE);
	rig_until(r, c->got.len > 0);
	rig_turns(r, 20);
	r->origin.answer = NULL;
}

static void
say_frame(struct end *x, enum http_opcode opcode, bool last, const char *text)
{
	auto_buf frame = { 0 };
	http_socket_write(&frame, opcode, last, str_of(text));
	end_say(x, buf_str(&frame));
}

/* The payload of all frames the cell has got behind the 101. */
static void
payload(struct end *c, struct buf *out)
{
	struct str in = buf_str(&c->got);
	struct http_socket s = { 0 };
	bool got = true;
	size_t at = 0;
	while (!str_eq(str_sub(in, at, 4), STR("\r\n\r\n"))) {
		at++;
	}
	in = str_sub(in, at + 4, in.len);
	while (got) {
		struct http_frame f;
		struct err e;
		assert_int_equal(http_socket_read(&s, &in, &got, &f, &e), 0);
		if (got) {
			buf_add(out, f.bytes);
			buf_add_z(out, f.ended && s.last ? "|" : "");
		}
	}
}

/* All that it has heard, and nothing else. */
static bool
heard(struct end *c, const char *text)
{
	auto_buf got = { 0 };
	payload(c, &got);
	assert_false(str_has_str(buf_str(&got), STR("canary")));
	return str_eq_z(buf_str(&got), text);
}

static void
a_websocket_with_its_credential_is_carried(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_socket(&r, &c,
	    SWITCH ACCEPT "Sec-WebSocket-Protocol: superchat\r\nX: 1\r\n\r\n");
	struct end *o = &r.origin.at[0];
	assert_true(r.intent.websocket);
	assert_true(end_got(o, "Authorization: Bearer " SECRET "\r\n"));
	assert_true(end_got(o, "Connection: Upgrade\r\n"));
	assert_false(end_got(o, "Extensions"));
	assert_true(end_got(&c, "HTTP/1.1 101 "));
	assert_true(end_got(&c, ACCEPT));
	assert_true(end_got(&c, "Sec-WebSocket-Protocol: superchat\r\n"));
	end_say(&c, STR("\x81\x85mask\x05\x04\x1f\x07\x02"));
	rig_until(&r, end_got(o, "\x81\x85mask\x05\x04\x1f\x07\x02"));
	say_frame(o, HTTP_SOCKET_TEXT, false, "he");
	say_frame(o, HTTP_SOCKET_PING, true, "p");
	say_frame(o, HTTP_SOCKET_MORE_OF, true, "llo");
	rig_until(&r, heard(&c, "hep|llo|"));
	assert_int_equal(r.outcomes, 0);
	proxy_link_close(&o->link);
	rig_until(&r, c.gone);
	end_close(&c);
	rig_until(&r, r.outcomes == 1);
	assert_int_equal(r.outcome.status, 101);
	rig_free(&r);
}

static void
a_rule_without_websocket_opens_no_pipe_W01(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	end_say_z(&c, UPGRADE);
	rig_until(&r, end_got(&c, "HTTP/1.1 403 "));
	assert_origin_untouched(&r);
	end_close(&c);
	rig_free(&r);
}

static void
an_upgrade_of_another_form_is_refused_W04_H14(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"Connection: Upgrade\r\nUpgrade: websocket\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket\r\n" KEY
		"Sec-WebSocket-Version: 8\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket, foo\r\n" KEY
		"Sec-WebSocket-Version: 13\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket\r\n" KEY KEY
		"Sec-WebSocket-Version: 13\r\n",
		"Upgrade: websocket\r\n" KEY "Sec-WebSocket-Version: 13\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket\r\n" KEY
		"Sec-WebSocket-Version: 13\r\nContent-Length: 2\r\n",
		"Connection: Upgrade\r\nUpgrade: tls/1.0\r\n",
	};
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct rig r;
		struct end c;
		auto_buf text = { 0 };
		rig_new(&r, NULL);
		rig_inject(&r);
		r.go.websocket = true;
		cell_good(&r, &c);
		buf_addf(&text, "GET /ws HTTP/1.1\r\nHost: good.test\r\n%s\r\n",
		    lines[i]);
		end_say(&c, buf_str(&text));
		rig_until(&r, end_got(&c, "HTTP/1.1 403 "));
		assert_int_equal(r.intents, 0);
		assert_origin_untouched(&r);
		end_close(&c);
		rig_free(&r);
	}
}

static void
an_answer_that_does_not_fit_is_no_upgrade_W04(void **state)
{
	(void)state;
	static const char *const answers[] = {
		SWITCH "\r\n",
		SWITCH "Sec-WebSocket-Accept: "
		       "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n",
		SWITCH ACCEPT "Sec-WebSocket-Protocol: other\r\n\r\n",
		SWITCH ACCEPT
		"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
		"HTTP/1.1 101 X\r\nUpgrade: other\r\nConnection: "
		"Upgrade\r\n" ACCEPT "\r\n",
	};
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct rig r;
		struct end c;
		rig_socket(&r, &c, answers[i]);
		assert_true(end_got(&c, "HTTP/1.1 502 "));
		assert_false(end_got(&c, "101"));
		end_close(&c);
		rig_free(&r);
	}
}

static void
a_plain_answer_to_an_upgrade_is_an_answer(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_socket(&r, &c, "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno");
	assert_true(end_got(&c, "HTTP/1.1 400 "));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
}

#define WASHED "a " SCRUB_REMOVED "|" SCRUB_REMOVED " b|ends in s3cr3t|"

static void
messages_are_washed_R01_W02(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_socket(&r, &c, SWITCH ACCEPT "\r\n");
	struct end *o = &r.origin.at[0];
	say_frame(o, HTTP_SOCKET_TEXT, false, "a s3cr3t-can");
	rig_turns(&r, 20);
	say_frame(o, HTTP_SOCKET_PING, true, SECRET);
	rig_turns(&r, 20);
	say_frame(o, HTTP_SOCKET_MORE_OF, true, "ary-0123456789 b");
	say_frame(o, HTTP_SOCKET_TEXT, true, "ends in s3cr3t");
	rig_until(&r, heard(&c, WASHED));
	/* A frame may end behind a shorter one, and so may a message. */
	struct err e;
	assert_int_equal(
	    proxy_needles_add(r.proxy->needles, STR("s3cr3t-canary"), &e), 0);
	say_frame(o, HTTP_SOCKET_TEXT, false, "s3cr3t-canary");
	say_frame(o, HTTP_SOCKET_MORE_OF, true, "-0123456789");
	say_frame(o, HTTP_SOCKET_TEXT, true, "s3cr3t-canary");
	say_frame(o, HTTP_SOCKET_TEXT, true, "-0123 of another");
	rig_until(&r, heard(&c, WASHED SCRUB_REMOVED "|" SCRUB_REMOVED
	                                             "|-0123 of another|"));
	/* What is not text must not change. */
	say_frame(o, HTTP_SOCKET_BINARY, true, "x" SECRET);
	rig_until(&r, r.outcomes == 1);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	rig_until(&r, c.gone);
	assert_false(end_got(&c, SECRET));
	end_close(&c);
	rig_free(&r);
}

static void
bytes_that_are_no_frames_end_it_W02(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct rig r;
		struct end c;
		rig_socket(&r, &c, SWITCH ACCEPT "\r\n");
		end_say_z(down ? &r.origin.at[0] : &c, "GET / HTTP/1.1\r\n");
		rig_until(&r, r.outcomes == 1);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		rig_until(&r, c.gone && r.origin.at[0].gone);
		assert_false(end_got(&r.origin.at[0], "GET / "));
		end_close(&c);
		rig_free(&r);
	}
}

static void
another_policy_closes_a_websocket_W03(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct digest other = { .bytes = { 1 } };
	rig_socket(&r, &c, SWITCH ACCEPT "\r\n");
	proxy_policy(r.proxy, &other);
	rig_until(&r, c.gone && r.origin.at[0].gone);
	assert_int_equal(r.outcomes, 1);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	end_close(&c);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_tunnel_carries_what_neither_side_explains_S02),
		cmocka_unit_test(
		    nothing_of_a_tunnel_leaves_before_the_decision),
		cmocka_unit_test(another_port_or_name_is_read_as_ever_T10),
		cmocka_unit_test(a_tunnel_through_connect_is_one_too_T12),
		cmocka_unit_test(bounds_policy_and_lease_end_a_tunnel_L03_X03),
		cmocka_unit_test(a_websocket_with_its_credential_is_carried),
		cmocka_unit_test(a_rule_without_websocket_opens_no_pipe_W01),
		cmocka_unit_test(an_upgrade_of_another_form_is_refused_W04_H14),
		cmocka_unit_test(an_answer_that_does_not_fit_is_no_upgrade_W04),
		cmocka_unit_test(a_plain_answer_to_an_upgrade_is_an_answer),
		cmocka_unit_test(messages_are_washed_R01_W02),
		cmocka_unit_test(bytes_that_are_no_frames_end_it_W02),
		cmocka_unit_test(another_policy_closes_a_websocket_W03),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
