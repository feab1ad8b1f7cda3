/* SPDX-License-Identifier: Apache-2.0 */
/* R07: what answers become when they are opened is bounded for all of a cell's
 * connections, whoever reads slowly. */
#include "proxy_help.h"

#define PIECES 40
#define RANDOM 1400 /* of each: it does not grow a hundred times */
#define ZEROS  100000

static void
rig_packed(struct rig *r, const char *coding, struct str body)
{
	auto_buf answer = { 0 };
	rig_until(r, r->origin.count > 0 &&
	                 end_got(&r->origin.at[r->origin.count - 1], GOOD));
	buf_addf(&answer,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	    "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
	    coding, body.len);
	buf_add(&answer, body);
	end_say(&r->origin.at[r->origin.count - 1], buf_str(&answer));
}

static void
pack_pieces(struct buf *packed)
{
	auto_buf plain = { 0 };
	uint64_t number = 1;
	for (size_t i = 0; i < PIECES; i++) {
		for (size_t n = 0; n < RANDOM; n++) {
			number = number * 6364136223846793005U + 1;
			buf_add_byte(&plain, (uint8_t)(number >> 56));
		}
		memset(buf_room(&plain, ZEROS), 0, ZEROS);
		buf_grew(&plain, ZEROS);
	}
	compress_zstd(buf_str(&plain), packed);
	assert_true(packed->len / 2 < PROXY_BUFFER);
}

static void
it_grows_as_it_is_read(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	auto_buf packed = { 0 };
	pack_pieces(&packed);
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = NULL;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	c.stuck = true;
	rig_packed(&r, "zstd", buf_str(&packed));
	const struct link *down = &r.proxy->conns->link;
	rig_until(&r, down->out.len >= PROXY_BUFFER);
	rig_turns(&r, 100);
	assert_in_range(down->out.len, PROXY_BUFFER, 2 * PROXY_BUFFER);
	assert_int_equal(r.outcomes, 0);
	c.stuck = false;
	end_turn(&c);
	rig_until(&r, r.outcomes == 1 && end_got(&c, "\r\n0\r\n\r\n"));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_true(c.got.len > (size_t)PIECES * (RANDOM + ZEROS));
	assert_int_equal(r.proxy->opening.held, 0);
	end_close(&c);
	rig_free(&r);
}

/* Of a cell's exchange it is told as a failure, whatever it is. */
static void
assert_head_unavailable(struct rig *r, const char *coding)
{
	struct http_header field = { STR("Content-Encoding"), str_of(coding) };
	struct http_head head = {
		.framing = HTTP_UNTIL_CLOSE, .headers = &field, .count = 1
	};
	struct scrub s;
	struct err e;
	assert_int_equal(proxy_scrub_begin(&s, r->proxy->needles,
	                     &r->proxy->opening, &head, false, &e),
	    -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	proxy_scrub_fini(&s);
}

static void
an_answer_that_finds_no_memory_is_refused_and_said_to_be_done(void **state)
{
	(void)state;
	static const char *const codings[] = { "zstd", "br" };
	auto_buf packed = { 0 };
	compress_zstd(STR("hello"), &packed);
	for (size_t i = 0; i < COUNT(codings); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.origin.answer = NULL;
		r.proxy->opening.held = PROXY_OPENING - 1;
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_packed(&r, codings[i], buf_str(&packed));
		rig_until(&r, r.outcomes == 1 && end_got(&c, "\r\n\r\n"));
		assert_true(end_got(&c, "HTTP/1.1 502 "));
		/* To send a POST again would be to do it twice. */
		assert_true(
		    end_got(&c, "the upstream has done what was asked"));
		assert_true(end_got(&c, "more than is left of the 32 MiB"));
		assert_true(end_got(&c, "when others have ended"));
		assert_false(end_got(&c, "ask again"));
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		assert_head_unavailable(&r, codings[i]);
		/* Without a credential it passes unopened. */
		end_close(&c);
		rig_free(&r);
		rig_new(&r, NULL);
		rig_pin(&r);
		r.origin.answer = NULL;
		r.proxy->opening.held = PROXY_OPENING - 1;
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_packed(&r, codings[i], buf_str(&packed));
		rig_until(&r, r.outcomes == 1);
		assert_int_equal(r.outcome.end, PROXY_ANSWERED);
		r.proxy->opening.held = 0;
		end_close(&c);
		rig_free(&r);
	}
}

/* Clients that ask again do so of a 503, and never of a 413. */
static void
a_body_that_finds_no_memory_may_be_sent_again(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.outcomes == 1 && end_got(&c, "hello"));
	r.proxy->opening.held = PROXY_OPENING - 1;
	end_say_z(&c, "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	              "Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n"
	              "0123456789");
	rig_until(&r, r.outcomes == 2 && end_got(&c, "when others have ended"));
	assert_true(end_got(&c, "HTTP/1.1 503 "));
	assert_int_equal(r.outcome.status, 503);
	/* Nothing of it has left. */
	assert_false(end_got(&r.origin.at[0], "POST"));
	assert_int_equal(r.proxy->opening.held, PROXY_OPENING - 1);
	r.proxy->opening.held = 0;
	end_close(&c);
	rig_free(&r);
}

enum way { UNDER_WAY, GATHERED, SHOWN };

/* Whole when its decoder was seen to hold some. */
static void
post_packed(struct rig *r, struct end *c, enum way way)
{
	/* zlib, without a NUL: what is shown of it is kept as a text here. */
	struct str packed =
	    STR("\x78\xda\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\x01\x68\x03"
	        "\x08\xb1");
	auto_buf post = { 0 };
	auto_buf rest = { 0 };
	buf_add_z(&post, "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	                 "Content-Encoding: deflate\r\n");
	if (way == UNDER_WAY) {
		buf_add_z(&post, "Transfer-Encoding: chunked\r\n\r\n");
		http_write_chunk(&post, packed);
		http_write_last_chunk(&rest);
	} else {
		http_write_length(&post, packed.len);
		http_write_end(&post);
		buf_add(&post, str_sub(packed, 0, 8));
		buf_add(&rest, str_sub(packed, 8, packed.len));
	}
	end_say(c, buf_str(&post));
	rig_until(r, r->proxy->opening.held > 0);
	end_say(c, buf_str(&rest));
}

/* Whoever decides about it, and its answer, may take as long as they like. */
static void
holds_nothing_behind(enum way way)
{
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.outcomes == 1 && end_got(&c, "hello"));
	r.origin.answer = NULL;
	r.spool = way == SHOWN;
	r.decide = r.spool ? HOLD : GO;
	post_packed(&r, &c, way);
	if (way == SHOWN) {
		rig_until(&r, r.intents == 3);
		assert_int_equal(r.proxy->opening.held, 0);
		proxy_go(r.proxy, r.id, &r.go);
	}
	const struct conn *conn = r.proxy->conns;
	struct end *origin = &r.origin.at[r.origin.count - 1];
	rig_until(&r, end_got(origin, "Content-Encoding: deflate"));
	rig_until(&r, conn->state == CONN_CARRY && conn->body_done &&
	                  conn->held.len == 0);
	assert_int_equal(r.proxy->opening.held, 0);
	end_say_z(origin, "HTTP/1.1 200 OK\r\nContent-Length: 2"
	                  "\r\n\r\nok");
	rig_until(&r, r.outcomes == 2 && end_got(&c, "\r\n\r\nok"));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
}

static void
a_body_that_was_looked_through_holds_nothing(void **state)
{
	(void)state;
	for (enum way way = UNDER_WAY; way <= SHOWN; way++) {
		holds_nothing_behind(way);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_as_it_is_read),
		cmocka_unit_test(
		    an_answer_that_finds_no_memory_is_refused_and_said_to_be_done),
		cmocka_unit_test(a_body_that_finds_no_memory_may_be_sent_again),
		cmocka_unit_test(a_body_that_was_looked_through_holds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
