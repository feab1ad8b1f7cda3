/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_help.h"

#include <stdio.h>

#include "heap_help.h"
#include "tls/own.h"

/* A cell's CA, a client that trusts it, and a connection of the two. */
struct pair {
	struct tls_ca *ca;
	struct tls_trust *trust;
	struct tls_conn *server;
	struct tls_conn *client;
	struct choice choice;
};

static void
pair_open(struct pair *p, const char *host)
{
	struct err e = { 0 };

	*p = (struct pair){ 0 };
	assert_int_equal(tls_ca_new("Handrail cell 1", 7, &p->ca, &e), 0);
	assert_int_equal(tls_trust_pem(tls_ca_pem(p->ca), &p->trust, &e), 0);
	p->server = tls_serve(p->ca, choose, &p->choice);
	p->client = tls_connect(p->trust, host);
}

static void
pair_close(struct pair *p)
{
	tls_conn_free(p->server);
	tls_conn_free(p->client);
	tls_trust_free(p->trust);
	tls_ca_free(p->ca);
}

static void
reads(struct tls_conn *c, const char *wanted)
{
	char text[64] = { 0 };
	size_t n = tls_read(c, text, sizeof(text) - 1);

	assert_int_equal(n, strlen(wanted));
	assert_string_equal(text, wanted);
}

static void
two_ends_talk_whole_and_byte_by_byte(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 70000; piece *= 40) {
		struct pair p;

		pair_open(&p, "good.test");
		assert_int_equal(tls_write(p.client, STR("early")), 0);
		join(p.client, p.server, piece);
		assert_int_equal(tls_state(p.client), TLS_OPEN);
		assert_int_equal(tls_state(p.server), TLS_OPEN);
		assert_int_equal(p.choice.times, 1);
		assert_string_equal(p.choice.sni, "good.test");
		assert_int_equal(tls_write(p.client, STR("question")), 8);
		join(p.client, p.server, piece);
		reads(p.server, "question");
		assert_int_equal(tls_write(p.server, STR("answer")), 6);
		join(p.client, p.server, piece);
		reads(p.client, "answer");
		pair_close(&p);
	}
}

/* Says it twice in one record, made here: it is nowhere else in this process.
 */
static void
say_twice(struct tls_conn *c, const char *said)
{
	char text[128];
	size_t len = strlen(said);

	/* NOLINTBEGIN(bugprone-not-null-terminated-result): a record has none
	 */
	memcpy(text, said, len);
	memcpy(text + len, said, len);
	/* NOLINTEND(bugprone-not-null-terminated-result) */
	assert_int_equal(tls_write(c, str_span(text, 2 * len)), 2 * len);
	explicit_bzero(text, sizeof(text));
}

/* Reads so much of what was said, and keeps nothing. */
static void
hear(struct tls_conn *c, size_t read)
{
	char text[128];

	assert_int_equal(tls_read(c, text, read), read);
	explicit_bzero(text, sizeof(text));
}

static void
hear_twice(struct pair *p, const char *said, size_t read)
{
	pair_open(p, "good.test");
	join(p->client, p->server, 70000);
	say_twice(p->server, said);
	join(p->client, p->server, 70000);
	hear(p->client, read);
}

static void
nothing_that_was_said_stays_in_memory(void **state)
{
	static const char said[] = "it echoes a credential";
	struct pair p;

	(void)state;
	hear_twice(&p, said, strlen(said));
	assert_true(heap_holds(said)); /* what is not read yet */
	pair_close(&p);
	assert_false(heap_holds(said));
}

static void
nothing_that_was_read_stays_in_memory(void **state)
{
	static const char said[] = "it echoes another credential";
	struct pair p;

	(void)state;
	hear_twice(&p, said, 2 * strlen(said));
	assert_false(heap_holds(said));
	pair_close(&p);
}

/* Its buffer is not the last that was taken when it is given back. */
static void
a_record_in_two_pieces_stays_in_no_memory(void **state)
{
	static const char said[] =
	    "it echoes this credential in two pieces of a record";
	static const char between[] = "in between";
	auto_buf wire = { 0 };
	struct pair p;
	struct pair other;
	size_t half;

	(void)state;
	pair_open(&p, "good.test");
	join(p.client, p.server, 70000);
	say_twice(p.server, said);
	tls_take(p.server, &wire);
	half = wire.len / 2;
	assert_int_equal(
	    tls_feed(p.client, str_sub(buf_str(&wire), 0, half)), half);
	assert_int_equal(tls_read(p.client, (char[64]){ 0 }, 64), 0);
	hear_twice(&other, between, 2 * strlen(between));
	assert_int_equal(
	    tls_feed(p.client, str_sub(buf_str(&wire), half, wire.len)),
	    wire.len - half);
	hear(p.client, 2 * strlen(said));
	assert_false(heap_holds(said));
	assert_false(heap_holds(between));
	pair_close(&other);
	pair_close(&p);
}

/* Feeds all of wire and reads what comes of it. */
static size_t
feed_and_read(struct tls_conn *c, struct buf *wire, char *at, size_t room)
{
	size_t read = 0;
	size_t n;

	while (wire->len) {
		buf_drop(wire, tls_feed(c, buf_str(wire)));
		while ((n = tls_read(c, at + read, room - read))) {
			read += n;
		}
	}
	return read;
}

static void
a_long_body_passes_within_the_queue(void **state)
{
	static char body[300000];
	static char got[sizeof(body)];
	auto_buf wire = { 0 };
	struct pair p;
	size_t sent = 0;
	size_t read = 0;

	(void)state;
	random_bytes(body, sizeof(body));
	pair_open(&p, "good.test");
	join(p.client, p.server, 70000);
	while (read < sizeof(got)) {
		sent += tls_write(
		    p.client, str_span(body + sent, sizeof(body) - sent));
		tls_take(p.client, &wire);
		assert_true(wire.len <= TLS_QUEUE_MAX + 1024);
		read += feed_and_read(
		    p.server, &wire, got + read, sizeof(got) - read);
	}
	assert_memory_equal(body, got, sizeof(body));
	pair_close(&p);
}

static void
a_full_queue_takes_no_more(void **state)
{
	static char body[4 * TLS_QUEUE_MAX];
	auto_buf wire = { 0 };
	struct pair p;

	(void)state;
	pair_open(&p, "good.test");
	join(p.client, p.server, 70000);
	assert_int_equal(
	    tls_write(p.client, str_span(body, sizeof(body))), TLS_QUEUE_MAX);
	assert_int_equal(tls_write(p.client, str_span(body, sizeof(body))), 0);
	tls_take(p.client, &wire);
	assert_true(tls_write(p.client, str_span(body, sizeof(body))) > 0);
	tls_take(p.client, &wire);
	size_t fed = tls_feed(p.server, buf_str(&wire));

	assert_int_equal(fed, TLS_QUEUE_MAX);
	assert_int_equal(tls_feed(p.server, STR("x")), 0);
	pair_close(&p);
}

/* Whoever lends reads as much as he likes, keeps, and has his memory back. */
static void
what_was_lent_is_kept_before_its_memory_is_used_again(void **state)
{
	static char body[60000];
	static char got[sizeof(body)];
	static char memory[16000];
	auto_buf wire = { 0 };
	struct pair p;
	size_t read = 0;

	(void)state;
	random_bytes(body, sizeof(body));
	pair_open(&p, "good.test");
	join(p.client, p.server, 70000);
	assert_int_equal(
	    tls_write(p.client, str_span(body, sizeof(body))), sizeof(body));
	tls_take(p.client, &wire);
	for (size_t at = 0; at < wire.len;) {
		struct str next =
		    str_sub(buf_str(&wire), at, 1 + at % sizeof(memory));

		memcpy(memory, next.at, next.len);
		assert_int_equal(
		    tls_lend(p.server, str_span(memory, next.len)), next.len);
		read += tls_read(p.server, got + read, 100);
		tls_keep(p.server);
		memset(memory, 0, sizeof(memory));
		at += next.len;
	}
	size_t n;

	while ((n = tls_read(p.server, got + read, sizeof(got) - read))) {
		read += n;
	}
	assert_int_equal(read, sizeof(body));
	assert_memory_equal(body, got, sizeof(body));
	assert_int_equal(p.server->in.bytes.cap, 0);
	pair_close(&p);
}

static void
the_end_is_said_and_half_a_connection_still_writes(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, "good.test");
	join(p.client, p.server, 9999);
	assert_int_equal(tls_write(p.client, STR("last")), 4);
	tls_close(p.client);
	assert_int_equal(tls_write(p.client, STR("more")), 0);
	join(p.client, p.server, 9999);
	reads(p.server, "last");
	assert_int_equal(tls_state(p.server), TLS_OPEN);
	reads(p.server, "");
	assert_int_equal(tls_state(p.server), TLS_ENDED);
	tls_feed_end(p.server);
	assert_int_equal(tls_state(p.server), TLS_ENDED);
	assert_int_equal(tls_write(p.server, STR("still")), 5);
	join(p.client, p.server, 9999);
	reads(p.client, "still");
	pair_close(&p);
}

static void
an_end_without_a_word_is_truncation(void **state)
{
	auto_buf wire = { 0 };
	struct pair p;

	(void)state;
	pair_open(&p, "good.test");
	join(p.client, p.server, 9999);
	tls_feed_end(p.server);
	assert_int_equal(tls_state(p.server), TLS_FAILED);
	assert_non_null(strstr(tls_error(p.server)->text, "truncated"));
	/* What came before the cut stays readable; half a record does not. */
	assert_int_equal(tls_write(p.server, STR("x")), 0);
	pair_close(&p);

	pair_open(&p, "good.test");
	join(p.client, p.server, 9999);
	assert_int_equal(tls_write(p.client, STR("whole")), 5);
	tls_take(p.client, &wire);
	assert_int_equal(tls_write(p.client, STR("cut")), 3);
	tls_take(p.client, &wire);
	struct str cut = str_sub(buf_str(&wire), 0, wire.len - 1);

	assert_int_equal(tls_feed(p.server, cut), cut.len);
	tls_feed_end(p.server);
	reads(p.server, "whole");
	reads(p.server, "");
	assert_int_equal(tls_state(p.server), TLS_FAILED);
	pair_close(&p);
}

static void
an_end_inside_the_handshake_is_a_failure(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, "good.test");
	tls_feed_end(p.client);
	assert_int_equal(tls_state(p.client), TLS_FAILED);
	tls_feed_end(p.server);
	assert_int_equal(tls_state(p.server), TLS_FAILED);
	pair_close(&p);
}

static void
T01_a_refused_name_never_gets_a_certificate(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, "evil.test");
	p.choice.allow = "good.test";
	join(p.client, p.server, 1);
	assert_int_equal(tls_state(p.server), TLS_FAILED);
	assert_int_equal(tls_error(p.server)->kind, ERR_DENIED);
	assert_non_null(
	    strstr(tls_error(p.server)->text, "not the name that was dialled"));
	assert_int_equal(tls_state(p.client), TLS_FAILED);
	assert_non_null(strstr(tls_error(p.client)->text, "unrecognized name"));
	assert_int_equal(tls_ca_minted(p.ca), 0);
	pair_close(&p);
}

static void
T03_no_name_is_the_owners_choice(void **state)
{
	struct pair p;

	(void)state;
	/* To an address no SNI is sent (RFC 6066 §3). */
	pair_open(&p, "10.0.0.1");
	join(p.client, p.server, 70000);
	assert_int_equal(p.choice.times, 1);
	assert_string_equal(p.choice.sni, "");
	assert_int_equal(tls_state(p.server), TLS_FAILED);
	pair_close(&p);
}

static int
choose_address(
    void *context, struct str sni, char host[TLS_HOST_SIZE], struct err *e)
{
	(void)sni;
	(void)e;
	assert_true(str_copy(host, TLS_HOST_SIZE, str_of(context)));
	return 0;
}

static void
an_address_gets_a_certificate_of_its_own(void **state)
{
	static char v4[] = "10.0.0.1";
	static char v6[] = "fd00::1";
	static char name[] = "good.test";
	static const struct {
		char *minted;
		const char *dialled;
		enum tls_state end;
	} cases[] = {
		{ v4, "10.0.0.1", TLS_OPEN },
		{ v6, "fd00::1", TLS_OPEN },
		{ v4, "10.0.0.2", TLS_FAILED },
		{ name, "10.0.0.1", TLS_FAILED },
		{ v4, "good.test", TLS_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair p;

		pair_open(&p, cases[i].dialled);
		tls_conn_free(p.server);
		p.server = tls_serve(p.ca, choose_address, cases[i].minted);
		join(p.client, p.server, 70000);
		assert_int_equal(tls_state(p.client), cases[i].end);
		pair_close(&p);
	}
}

static void
T03_an_endless_hello_is_bounded(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, "good.test");
	/* One handshake message of 65,000 bytes in many records. */
	static char record[5 + 1000] = "\x16\x03\x01\x03\xe8\x01\x00\xfd\xe8";
	size_t fed = 0;

	while (tls_state(p.server) == TLS_SHAKING && fed < 100000) {
		fed += tls_feed(p.server, str_span(record, sizeof(record)));
	}
	assert_int_equal(tls_state(p.server), TLS_FAILED);
	assert_true(fed < TLS_HELLO_MAX + 2000);
	assert_int_equal(p.choice.times, 0);
	pair_close(&p);
}

static void
T10_bytes_that_are_no_tls_are_refused(void **state)
{
	static const struct str cases[] = {
		STR("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
		STR("GET / HTTP/1.1\r\nHost: good.test\r\n\r\n"),
		STR("CONNECT good.test:443 HTTP/1.1\r\n\r\n"),
		STR("\0\0\0\x08\x04\xd2\x16\x2f\0\0\0\0"),
		STR("\x80\x2e\x01\x00\x02\0\0\0\0\0\0\0\0\0\0\0"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair p;

		pair_open(&p, "good.test");
		(void)tls_feed(p.server, cases[i]);
		tls_feed_end(p.server);
		assert_int_equal(tls_state(p.server), TLS_FAILED);
		assert_int_equal(p.choice.times, 0);
		pair_close(&p);
	}
	struct pair p;

	pair_open(&p, "good.test");
	(void)tls_feed(p.client, STR("HTTP/1.1 400 Bad Request\r\n\r\n"));
	assert_int_equal(tls_state(p.client), TLS_FAILED);
	assert_non_null(
	    strstr(tls_error(p.client)->text, "does not speak TLS"));
	pair_close(&p);
}

static void
T07_the_ca_of_another_cell_is_not_trusted(void **state)
{
	struct pair a;
	struct pair b;

	(void)state;
	pair_open(&a, "good.test");
	pair_open(&b, "good.test");
	join(a.client, b.server, 70000);
	assert_int_equal(tls_state(a.client), TLS_FAILED);
	assert_int_equal(tls_error(a.client)->kind, ERR_DENIED);
	assert_int_not_equal(tls_state(b.server), TLS_OPEN);
	assert_false(str_has_str(tls_ca_pem(a.ca), STR("PRIVATE")));
	assert_true(str_has_str(tls_ca_pem(a.ca), STR("BEGIN CERTIFICATE")));
	assert_false(str_eq(tls_ca_pem(a.ca), tls_ca_pem(b.ca)));
	pair_close(&a);
	pair_close(&b);
}

static void
shake_as(struct pair *p, const char *host)
{
	tls_conn_free(p->server);
	tls_conn_free(p->client);
	p->server = tls_serve(p->ca, choose, &p->choice);
	p->client = tls_connect(p->trust, host);
	join(p->client, p->server, 70000);
	assert_int_equal(tls_state(p->client), TLS_OPEN);
}

static void
T08_minted_certificates_are_kept_and_bounded(void **state)
{
	struct pair p;
	char host[32];

	(void)state;
	pair_open(&p, "first.test");
	shake_as(&p, "first.test");
	shake_as(&p, "first.test");
	assert_int_equal(tls_ca_minted(p.ca), 1);
	for (int i = 0; i < TLS_LEAVES_MAX; i++) {
		(void)snprintf(host, sizeof(host), "n%d.test", i);
		shake_as(&p, host);
	}
	assert_int_equal(tls_ca_minted(p.ca), TLS_LEAVES_MAX + 1);
	/* The newest are still there; the first was the oldest and is not. */
	shake_as(&p, "n9.test");
	assert_int_equal(tls_ca_minted(p.ca), TLS_LEAVES_MAX + 1);
	shake_as(&p, "first.test");
	assert_int_equal(tls_ca_minted(p.ca), TLS_LEAVES_MAX + 2);
	pair_close(&p);
}

static void
a_bad_name_for_a_ca_is_refused(void **state)
{
	struct tls_ca *ca = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tls_ca_new("", 7, &ca, &e), -1);
	assert_int_equal(tls_ca_new("a\nb", 7, &ca, &e), -1);
	assert_int_equal(tls_ca_new("a", 0, &ca, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_null(ca);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_ends_talk_whole_and_byte_by_byte),
		cmocka_unit_test(nothing_that_was_said_stays_in_memory),
		cmocka_unit_test(nothing_that_was_read_stays_in_memory),
		cmocka_unit_test(a_record_in_two_pieces_stays_in_no_memory),
		cmocka_unit_test(a_long_body_passes_within_the_queue),
		cmocka_unit_test(a_full_queue_takes_no_more),
		cmocka_unit_test(
		    what_was_lent_is_kept_before_its_memory_is_used_again),
		cmocka_unit_test(
		    the_end_is_said_and_half_a_connection_still_writes),
		cmocka_unit_test(an_end_without_a_word_is_truncation),
		cmocka_unit_test(an_end_inside_the_handshake_is_a_failure),
		cmocka_unit_test(T01_a_refused_name_never_gets_a_certificate),
		cmocka_unit_test(T03_no_name_is_the_owners_choice),
		cmocka_unit_test(an_address_gets_a_certificate_of_its_own),
		cmocka_unit_test(T03_an_endless_hello_is_bounded),
		cmocka_unit_test(T10_bytes_that_are_no_tls_are_refused),
		cmocka_unit_test(T07_the_ca_of_another_cell_is_not_trusted),
		cmocka_unit_test(T08_minted_certificates_are_kept_and_bounded),
		cmocka_unit_test(a_bad_name_for_a_ca_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
