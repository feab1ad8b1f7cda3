/* SPDX-License-Identifier: Apache-2.0 */
/* A credential that comes back in an answer does not reach the cell. */
#include <stdio.h>

#include "proxy_help.h"

static void
rig_answering(struct rig *r, struct end *c, const char *answer)
{
	rig_new(r, NULL);
	rig_inject(r);
	r->origin.answer = answer;
	cell_good(r, c);
	end_say_z(c, GET_GOOD);
	rig_until(r, r->outcomes == 1);
	rig_turns(r, 50);
	assert_false(end_got(c, SECRET));
}

static void
headers_and_reason_are_scrubbed_R01(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_answering(&r, &c,
	    "HTTP/1.1 200 " SECRET "\r\nSet-Cookie: a=" SECRET "; b=1\r\n"
	    "Location: /?k=" SECRET "\r\nContent-Length: 2\r\n\r\nok");
	assert_true(end_got(&c, "Set-Cookie: a=" SCRUB_REMOVED "; b=1\r\n"));
	assert_true(end_got(&c, "Location: /?k=" SCRUB_REMOVED "\r\n"));
	assert_int_equal(r.outcome.scrubbed, 2);
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
	rig_answering(&r, &c,
	    "HTTP/1.1 200 OK\r\n" SECRET ": x\r\nContent-Length: 2\r\n\r\nok");
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	end_close(&c);
	rig_free(&r);
}

/* A name has no case: in HTTP/2 it is written in small letters. */
static void
no_name_of_a_field_is_a_credential_R01(void **state)
{
	(void)state;
	static const struct {
		const char *secret, *name;
		bool passes;
	} rows[] = {
		{ "Mixed-CASE-Canary-77", "mixed-case-canary-77", false },
		{ "Mixed-CASE-Canary-77", "X-mixed-CASE-canary-77b", false },
		{ "short-secret", "c2hvcnqtc2vjcmv0", false }, /* base64 */
		{ "Mixed-CASE-Canary-77", "mixed-case-canary-7", true },
	};
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		const char *before = i % 2 ? "HTTP/1.1 103 Early Hints\r\n"
		                           : "HTTP/1.1 200 OK\r\n";
		auto_buf said = { 0 };
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.secret = rows[i / 2].secret;
		buf_addf(&said, "%s%s: 1\r\n", before, rows[i / 2].name);
		buf_add_z(&said, i % 2 ? "\r\nHTTP/1.1 200 OK\r\n" : "");
		buf_add_z(&said, "Content-Length: 2\r\n\r\nok");
		r.origin.answer = buf_z(&said);
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.outcomes == 1 && end_got(&c, "\r\n\r\n"));
		assert_int_equal(
		    end_got(&c, rows[i / 2].name), rows[i / 2].passes);
		assert_int_equal(r.outcome.end,
		    rows[i / 2].passes ? PROXY_ANSWERED : PROXY_FAILED);
		end_close(&c);
		rig_free(&r);
	}
}

#define LONG_SECRET                                                    \
	"Long-Canary-0123456789-0123456789-0123456789-0123456789-0123" \
	"456789-0123456789-0123456789-0123456789"

/* What is said of a failure quotes at most 80 characters. */
static void
no_half_of_a_credential_is_quoted_R05(void **state)
{
	(void)state;
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Encoding: " LONG_SECRET
		"\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nGrpc-Encoding: x-" LONG_SECRET
		"\r\nContent-Length: 2\r\n\r\nok",
	};
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.secret = LONG_SECRET;
		r.origin.answer = answers[i];
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.outcomes == 1 && end_got(&c, "\r\n\r\n"));
		assert_true(end_got(&c, "HTTP/1.1 502 "));
		assert_true(end_got(&c, SCRUB_REMOVED));
		assert_false(end_got(&c, "Long-Canary"));
		assert_null(strstr(r.outcome.text, "Long-Canary"));
		end_close(&c);
		rig_free(&r);
	}
}

static void
text_of_open_length_is_rewritten_R01(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_answering(&r, &c,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8"
	    "\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "e\r\n{\"k\":\"s3cr3t-c\r\n13\r\nanary-0123456789\"}!\r\n0\r\n"
	    "X: " SECRET "\r\n\r\n");
	assert_true(end_got(&c, "{\"k\":\""));
	assert_true(end_got(&c, SCRUB_REMOVED));
	assert_true(end_got(&c, "\"}!"));
	assert_true(end_got(&c, "0\r\n\r\n"));
	assert_int_equal(r.outcome.scrubbed, 1);
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
}

static void
what_may_not_change_is_cut_R01(void **state)
{
	(void)state;
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
		"Content-Length: 28\r\n\r\n1: " SECRET "!",
		"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
		"Transfer-Encoding: chunked\r\n\r\n18\r\n" SECRET
		"\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		"chunked\r\n\r\n18\r\n" SECRET "\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct rig r;
		struct end c;
		rig_answering(&r, &c, answers[i]);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		assert_int_equal(r.outcome.scrubbed, 1);
		assert_non_null(strstr(r.outcome.text, "held a credential"));
		assert_true(c.gone);
		assert_false(end_got(&c, "0\r\n\r\n"));
		end_close(&c);
		rig_free(&r);
	}
}

/* zstd, though identity was asked for; or some other coding. */
static void
rig_coded(struct rig *r, struct end *c, struct str body, const char *coding)
{
	auto_buf answer = { 0 };
	rig_new(r, NULL);
	rig_inject(r);
	r->origin.answer = NULL;
	cell_good(r, c);
	end_say_z(c, GET_GOOD);
	rig_until(r, r->origin.count == 1 && r->origin.at[0].got.len > 0);
	buf_addf(&answer,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	    "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
	    coding, body.len);
	buf_add(&answer, body);
	end_say(&r->origin.at[0], buf_str(&answer));
	rig_until(r, r->outcomes == 1);
	rig_turns(r, 50);
	assert_false(end_got(c, SECRET));
}

static void
compressed_answers_are_opened_or_refused_R02_R05_R07(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	auto_buf packed = { 0 };
	compress_zstd(STR("before " SECRET " behind"), &packed);
	rig_coded(&r, &c, buf_str(&packed), "zstd");
	assert_true(end_got(&c, SCRUB_REMOVED));
	assert_true(end_got(&c, "before "));
	assert_true(end_got(&c, "Transfer-Encoding: chunked"));
	assert_false(end_got(&c, "Content-Encoding"));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);

	rig_coded(&r, &c, buf_str(&packed), "lzma, " SECRET);
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	assert_null(strstr(r.outcome.text, SECRET));
	end_close(&c);
	rig_free(&r);

	/* Two of them are one that nobody knows. */
	rig_coded(
	    &r, &c, buf_str(&packed), "identity\r\nContent-Encoding: zstd");
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	end_close(&c);
	rig_free(&r);

	/* Of gRPC each message has one, behind its five bytes. */
	rig_coded(&r, &c, buf_str(&packed), "identity\r\ngrpc-encoding: zstd");
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	end_close(&c);
	rig_free(&r);
	rig_coded(&r, &c, STR("plain"), "identity\r\ngrpc-encoding: identity");
	assert_true(end_got(&c, "plain"));
	end_close(&c);
	rig_free(&r);

	/* Else the first is opened, and what is in it goes by unread. */
	rig_coded(&r, &c, buf_str(&packed), "zstd\r\nContent-Encoding: gzip");
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	end_close(&c);
	rig_free(&r);

	auto_buf zeros = { 0 };
	size_t size = (size_t)32 * 1024 * 1024;
	memset(buf_room(&zeros, size), '0', size);
	buf_grew(&zeros, size);
	buf_clear(&packed);
	compress_zstd(buf_str(&zeros), &packed);
	rig_coded(&r, &c, buf_str(&packed), "zstd");
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_non_null(strstr(r.outcome.text, "times its size"));
	assert_true(c.got.len < size / 4);
	end_close(&c);
	rig_free(&r);
}

/* In characters of so many bytes, of which the last, or the first, is one of
 * ASCII. */
static void
add_wide(struct buf *out, const char *text, size_t bytes, bool last)
{
	for (; *text; text++) {
		for (size_t i = 0; i < bytes; i++) {
			bool here = i == (last ? bytes - 1 : 0);
			buf_add_byte(out, here ? (uint8_t)*text : 0);
		}
	}
}

/* A host that writes what it was asked for in the charset that it is asked
 * for. */
static void
no_charset_hides_a_credential_R02(void **state)
{
	(void)state;
	static const char *const whole = "{\"k\":\"" SECRET "\"}";
	for (size_t i = 0; i < 4; i++) {
		size_t bytes = i < 2 ? 2 : 4;
		auto_buf body = { 0 };
		auto_buf secret = { 0 };
		auto_buf said = { 0 };
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.origin.answer = NULL;
		add_wide(&body, whole, bytes, i % 2);
		add_wide(&secret, SECRET, bytes, i % 2);
		buf_addf(&said,
		    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n");
		http_write_chunk(&said, buf_str(&body));
		http_write_last_chunk(&said);
		cell_good(&r, &c);
		end_say_z(&c,
		    "GET /a HTTP/1.1\r\nHost: good.test\r\n"
		    "Accept-Charset: utf-16\r\nAccept_Charset: utf-16\r\n"
		    "Accept_Encoding: gzip\r\n\r\n");
		rig_until(&r, r.origin.count == 1 &&
		                  end_got(&r.origin.at[0], "\r\n\r\n"));
		assert_false(end_got(&r.origin.at[0], "utf-16"));
		assert_false(end_got(&r.origin.at[0], "gzip"));
		end_say(&r.origin.at[0], buf_str(&said));
		rig_until(&r, r.outcomes == 1 && end_got(&c, "0\r\n\r\n"));
		assert_false(str_has_str(buf_str(&c.got),
		    str_sub(buf_str(&secret), 3, secret.len - 6)));
		assert_int_equal(r.outcome.scrubbed, 1);
		end_close(&c);
		rig_free(&r);
	}
}

static void
parts_of_a_credentialed_answer_are_not_asked_for_R08(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = "HTTP/1.1 206 Partial Content\r\n"
	                  "Content-Range: bytes 0-4/24\r\n"
	                  "Content-Length: 5\r\n\r\ns3cr3";
	cell_good(&r, &c);
	end_say_z(&c,
	    "GET /a HTTP/1.1\r\nHost: good.test\r\nRange: bytes=0-4\r\n"
	    "If-Range: \"a\"\r\n\r\n");
	rig_until(&r, r.outcomes == 1);
	rig_turns(&r, 20);
	assert_false(end_got(&r.origin.at[0], "ange:"));
	assert_true(end_got(&c, "HTTP/1.1 502 "));
	assert_false(end_got(&c, "s3cr3"));
	end_close(&c);
	rig_free(&r);
}

#define PART                                                    \
	"HTTP/1.1 206 Partial Content\r\nConnection: close\r\n" \
	"Content-Length: 5\r\n\r\npiece"

/* Asks for a part of what this host has, without a credential. */
static bool
rig_part(struct rig *r, const char *host)
{
	struct end c;
	char said[256];
	size_t had = r->outcomes;
	r->go.place = PROXY_PLACE_NONE;
	r->go.grant = 0;
	r->origin.answer = PART;
	cell_dial(r, &c, host, 443);
	cell_secure(r, &c, host);
	rig_until(r, c.open);
	(void)snprintf(said, sizeof(said),
	    "GET /a HTTP/1.1\r\nHost: %s\r\nRange: bytes=0-4\r\n"
	    "If-Range: \"a\"\r\n\r\n",
	    host);
	end_say_z(&c, said);
	rig_until(r, r->outcomes == had + 1);
	rig_turns(r, 20);
	bool came = end_got(&c, "piece");
	struct end *there = &r->origin.at[r->origin.count - 1];
	assert_int_equal(end_got(there, "Range: bytes=0-4\r\n"), came);
	assert_int_equal(end_got(there, "If-Range: "), came);
	assert_int_equal(end_got(&c, "HTTP/1.1 502 "), !came);
	end_close(&c);
	return came;
}

/* Without a credential, of a host that would have given one back in pieces. */
static void
no_part_is_asked_for_where_a_credential_is_known_R08(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_pin(&r);
	assert_true(rig_part(&r, "good.test"));
	r.go.whole = true; /* the policy injects there, by another rule */
	assert_false(rig_part(&r, "good.test"));
	r.go.whole = false; /* or did, and this cell has used it */
	assert_true(rig_part(&r, "good.test"));
	rig_inject(&r);
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	assert_false(rig_part(&r, "good.test"));
	assert_true(rig_part(&r, "other.test"));
	end_close(&c);
	rig_free(&r);
}

/* Nobody remembers hosts without end: where too many know one, all do. */
static void
hosts_with_a_credential_are_remembered_up_to_a_bound_R08(void **state)
{
	(void)state;
	struct rig r;
	char said[256];
	rig_new(&r, NULL);
	for (size_t n = 0; n < PROXY_GIVEN; n++) {
		struct end c;
		char host[32];
		if (n == PROXY_GIVEN - 1) {
			rig_pin(&r);
			assert_true(rig_part(&r, "other.test"));
		}
		rig_inject(&r);
		r.origin.answer =
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
		(void)snprintf(host, sizeof(host), "n%zu.test", n);
		(void)snprintf(said, sizeof(said),
		    "GET /a HTTP/1.1\r\nHost: %s\r\n\r\n", host);
		cell_dial(&r, &c, host, 443);
		cell_secure(&r, &c, host);
		rig_until(&r, c.open);
		end_say_z(&c, said);
		rig_until(&r, end_got(&c, "hello"));
		end_close(&c);
	}
	assert_false(rig_part(&r, "n0.test"));
	assert_false(rig_part(&r, "other.test"));
	rig_free(&r);
}

static void
a_credential_is_looked_for_in_every_later_answer_R09(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct end d;
	rig_new(&r, NULL);
	rig_inject(&r);
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "hello"));
	/* Another host, no credential: stored there, fetched here. */
	rig_pin(&r);
	r.go.place = PROXY_PLACE_NONE;
	r.go.grant = 0;
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	                  "Connection: close\r\n\r\n<p>" SECRET "</p>";
	cell_dial(&r, &d, "other.test", 443);
	cell_secure(&r, &d, "other.test");
	rig_until(&r, d.open);
	end_say_z(&d, "GET / HTTP/1.1\r\nHost: other.test\r\n"
	              "Accept-Encoding: gzip\r\n\r\n");
	rig_until(&r, r.origin.count == 2 && r.origin.at[1].got.len > 0);
	rig_turns(&r, 20);
	end_close(&r.origin.at[1]);
	r.origin.at[1].link.fd = -1;
	rig_until(&r, r.outcomes == 2);
	rig_turns(&r, 20);
	assert_false(end_got(&d, SECRET));
	end_close(&c);
	end_close(&d);
	rig_free(&r);
}

/* An answer without credentials that has begun, then the first credential. */
static void
rig_begun(struct rig *r, struct end *c, struct end *d, const char *head)
{
	rig_new(r, NULL);
	rig_pin(r);
	r->origin.answer = head;
	cell_good(r, c);
	end_say_z(c, "GET /a HTTP/1.1\r\nHost: good.test\r\n"
	             "Accept-Encoding: gzip, zstd\r\n\r\n");
	rig_until(r, end_got(c, "Content-Type: text/plain\r\n"));
	rig_inject(r);
	r->origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	cell_good(r, d);
	end_say_z(d, GET_GOOD);
	rig_until(r, end_got(d, "hello"));
	assert_int_equal(r->outcomes, 1);
	r->origin.answer = NULL;
}

static void
rig_begun_goes_on(struct rig *r, struct end *c, struct end *d, struct str rest)
{
	end_say(&r->origin.at[0], rest);
	rig_until(r, r->outcomes == 2);
	rig_turns(r, 20);
	end_close(c);
	end_close(d);
	rig_free(r);
}

#define BEGUN "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

static void
a_credential_is_looked_for_in_answers_that_have_begun_R09(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	struct end d;
	rig_begun(
	    &r, &c, &d, BEGUN "Transfer-Encoding: chunked\r\n\r\n2\r\n1:\r\n");
	end_say_z(&r.origin.at[0], "18\r\n" SECRET "\r\n");
	rig_until(&r, end_got(&c, SCRUB_REMOVED));
	assert_false(end_got(&c, SECRET));
	rig_begun_goes_on(&r, &c, &d, STR("0\r\n\r\n"));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(r.outcome.scrubbed, 1);

	rig_begun(&r, &c, &d, BEGUN "Content-Length: 28\r\n\r\n1: ");
	rig_begun_goes_on(&r, &c, &d, STR(SECRET "!"));
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_non_null(strstr(r.outcome.text, "held a credential"));
}

/* Its coding is what the cell was told: it goes on as it came, or not at all.
 */
static void
a_coded_answer_that_has_begun_is_read_beside_R09(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *coding;
		const char *why; /* it is cut; NULL: it is whole */
	} cases[] = {
		{ "before " SECRET " behind", "zstd", "held a credential" },
		{ "nothing of that kind", "zstd", NULL },
		{ "nothing of that kind", "lzma", "cannot be read" },
		{ "nothing of that kind", "gzip", "cannot be read" },
		{ "nothing of that kind", "identity\r\ngrpc-encoding: zstd",
		    "cannot be read" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig r;
		struct end c;
		struct end d;
		auto_buf packed = { 0 };
		char head[256];
		compress_zstd(str_of(cases[i].text), &packed);
		(void)snprintf(head, sizeof(head),
		    BEGUN "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
		    cases[i].coding, packed.len);
		rig_begun(&r, &c, &d, head);
		assert_true(end_got(&c, "Content-Encoding: "));
		end_say(&r.origin.at[0], buf_str(&packed));
		rig_until(&r, r.outcomes == 2);
		rig_turns(&r, 20);
		assert_int_equal(str_has_str(buf_str(&c.got), buf_str(&packed)),
		    cases[i].why == NULL);
		assert_int_equal(r.outcome.end,
		    cases[i].why ? PROXY_FAILED : PROXY_ANSWERED);
		assert_true(
		    !cases[i].why || strstr(r.outcome.text, cases[i].why));
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

static void
events_of_a_stream_are_not_held_back_R03(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = "HTTP/1.1 200 OK\r\n"
	                  "Content-Type: text/event-stream\r\n"
	                  "Transfer-Encoding: chunked\r\n\r\n";
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, "event-stream"));
	r.origin.answer = NULL;
	for (size_t i = 0; i < 20; i++) {
		char event[64];
		auto_buf chunk = { 0 };
		(void)snprintf(event, sizeof(event), "data: s3cr3t %zu\n\n", i);
		http_write_chunk(&chunk, str_of(event));
		end_say(&r.origin.at[0], buf_str(&chunk));
		rig_until(&r, end_got(&c, event));
	}
	assert_int_equal(r.outcomes, 0);
	end_close(&c);
	rig_free(&r);
}

static void
answers_to_the_house_are_scrubbed_whatever_they_are(void **state)
{
	(void)state;
	struct rig r;
	struct err e;
	uint64_t id;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n"
	                  "<" SECRET ">";
	struct proxy_fetch f = { .method = "GET",
		.host = GOOD,
		.port = 443,
		.target = "/v1",
		.headers = "",
		.timeout_us = 20 * CLOCK_SECOND,
		.answer_limit = 100,
		.go = r.go };
	assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
	rig_until(&r, r.fetched == 1);
	assert_true(str_eq_z(buf_str(&r.fetched_body), "<" SCRUB_REMOVED ">"));
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_and_reason_are_scrubbed_R01),
		cmocka_unit_test(no_name_of_a_field_is_a_credential_R01),
		cmocka_unit_test(no_half_of_a_credential_is_quoted_R05),
		cmocka_unit_test(text_of_open_length_is_rewritten_R01),
		cmocka_unit_test(what_may_not_change_is_cut_R01),
		cmocka_unit_test(
		    compressed_answers_are_opened_or_refused_R02_R05_R07),
		cmocka_unit_test(no_charset_hides_a_credential_R02),
		cmocka_unit_test(
		    parts_of_a_credentialed_answer_are_not_asked_for_R08),
		cmocka_unit_test(
		    no_part_is_asked_for_where_a_credential_is_known_R08),
		cmocka_unit_test(
		    hosts_with_a_credential_are_remembered_up_to_a_bound_R08),
		cmocka_unit_test(
		    a_credential_is_looked_for_in_every_later_answer_R09),
		cmocka_unit_test(
		    a_credential_is_looked_for_in_answers_that_have_begun_R09),
		cmocka_unit_test(
		    a_coded_answer_that_has_begun_is_read_beside_R09),
		cmocka_unit_test(events_of_a_stream_are_not_held_back_R03),
		cmocka_unit_test(
		    answers_to_the_house_are_scrubbed_whatever_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
