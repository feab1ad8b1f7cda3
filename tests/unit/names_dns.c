/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "names/names.h"

enum {
	A = 1,
	PTR = 12,
	TXT = 16,
	AAAA = 28,
	HTTPS = 65,
	AXFR = 252,
	ANY = 255
};
enum { NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED };

/* Header with id 0x1234, RD, one question; then a name without its end. */
static void
ask(struct buf *q, const char *name, unsigned type)
{
	struct str rest = str_of(name);
	struct str label;
	bool more = name[0] != 0;

	buf_clear(q);
	buf_add(q, STR("\x12\x34\x01\0\0\1\0\0\0\0\0\0"));
	while (more) {
		more = str_cut(&rest, '.', &label);
		buf_add_byte(q, (uint8_t)label.len);
		buf_add(q, label);
	}
	buf_add(q, STR("\0"));
	buf_add_byte(q, (uint8_t)(type >> 8));
	buf_add_byte(q, (uint8_t)type);
	buf_add(q, STR("\0\1"));
}

static int
rcode_of(const struct buf *reply)
{
	return reply->len >= 12 ? reply->at[3] & 15 : -1;
}

static void
reply_is(struct str query, int rcode, unsigned answers)
{
	struct names_pool *p = names_pool_new();
	auto_buf reply = { 0 };

	names_dns_answer(p, query, &reply);
	assert_int_equal(rcode_of(&reply), rcode);
	if (rcode >= 0) {
		assert_memory_equal(reply.at, query.at, 2);
		assert_true((uint8_t)reply.at[2] & 0x80);
		assert_int_equal(reply.at[7], answers);
		/* Without a question there is the header alone; nothing stands
		 * in the other sections. */
		assert_int_equal(reply.len > 12, reply.at[5]);
		assert_memory_equal(reply.at + 8, "\0\0\0\0", 4);
		assert_true(reply.len <= 512);
	}
	assert_int_equal(names_pool_count(p), answers);
	names_pool_free(p);
}

static void
asked_is(const char *name, unsigned type, int rcode, unsigned answers)
{
	auto_buf q = { 0 };

	ask(&q, name, type);
	reply_is(buf_str(&q), rcode, answers);
}

static void
a_name_gets_one_address_for_ever(void **state)
{
	struct names_pool *p = names_pool_new();
	auto_buf q = { 0 };
	auto_buf reply = { 0 };
	struct names_addr a;
	struct err e = { 0 };

	(void)state;
	ask(&q, "Good.TEST", A);
	names_dns_answer(p, buf_str(&q), &reply);
	assert_int_equal(reply.len, q.len + 16);
	assert_memory_equal(reply.at, "\x12\x34\x81\x80\0\1\0\1\0\0\0\0", 12);
	/* The question comes back as it was asked. */
	assert_memory_equal(reply.at + 12, q.at + 12, q.len - 12);
	assert_memory_equal(
	    reply.at + q.len, "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc6\x12\0\1", 16);
	assert_int_equal(names_pool_add(p, "good.test", &a, &e), 0);
	assert_true(names_pool_range(&a));
	assert_string_equal(names_pool_name(p, &a), "good.test");
	/* Recursion is desired where it was; "authoritative" is no question's.
	 */
	q.at[2] = 4;
	names_dns_answer(p, buf_str(&q), &reply);
	assert_int_equal(reply.len, q.len + 16);
	assert_int_equal((uint8_t)reply.at[2], 0x80);
	assert_int_equal(names_pool_count(p), 1);
	assert_int_equal(names_pool_add(p, "evil.test", &a, &e), 0);
	assert_int_equal(a.bytes[3], 2);
	names_pool_free(p);
}

static void
N16_an_address_never_issued_has_no_name(void **state)
{
	static const char *const cases[] = { "198.18.0.0", "198.18.0.2",
		"198.17.255.255", "198.19.0.1", "10.0.0.1", "::ffff:198.18.0.1",
		"::1" };
	struct names_pool *p = names_pool_new();
	struct names_pool *other = names_pool_new();
	struct names_addr a;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(names_pool_add(p, "good.test", &a, &e), 0);
	assert_null(names_pool_name(other, &a));
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(names_addr_parse(str_of(cases[i]), &a));
		assert_null(names_pool_name(p, &a));
	}
	names_pool_free(p);
	names_pool_free(other);
}

/* What is in it is refused unless it was issued, all else is a literal. */
static void
the_pool_is_one_network_of_IPv4(void **state)
{
	static const struct {
		const char *text;
		bool inside;
	} cases[] = {
		{ "198.18.0.0", true },
		{ "198.19.255.255", true },
		{ "198.17.255.255", false },
		{ "198.20.0.0", false },
		{ "10.18.0.1", false },
		{ "199.18.0.1", false },
		{ "c612::1", false },
	};
	struct names_pool *p = names_pool_new();
	struct names_addr a;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(names_addr_parse(str_of(cases[i].text), &a));
		assert_int_equal(names_pool_range(&a), cases[i].inside);
	}
	/* The bytes of an address that was issued, in another family. */
	assert_int_equal(names_pool_add(p, "good.test", &a, &e), 0);
	a.family = 6;
	assert_null(names_pool_name(p, &a));
	names_pool_free(p);
}

static void
a_full_pool_refuses_and_keeps_what_it_gave(void **state)
{
	struct names_pool *p = names_pool_new();
	auto_buf q = { 0 };
	auto_buf reply = { 0 };
	struct err e = { 0 };
	struct names_addr a;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < NAMES_POOL_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u.test", i);
		assert_int_equal(names_pool_add(p, name, &a, &e), 0);
		assert_string_equal(names_pool_name(p, &a), name);
	}
	a.bytes[3]++; /* behind the last */
	assert_null(names_pool_name(p, &a));
	assert_int_equal(names_pool_add(p, "more.test", &a, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	ask(&q, "more.test", A);
	names_dns_answer(p, buf_str(&q), &reply);
	assert_int_equal(rcode_of(&reply), REFUSED);
	for (unsigned i = 0; i < NAMES_POOL_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u.test", i);
		assert_int_equal(names_pool_add(p, name, &a, &e), 0);
		assert_string_equal(names_pool_name(p, &a), name);
	}
	names_pool_free(p);
}

static void
D07_only_addresses_are_answered(void **state)
{
	(void)state;
	asked_is("good.test", A, NOERROR, 1);
	asked_is("good.test", AAAA, NOERROR, 0);
	asked_is("good.test", TXT, NOERROR, 0);
	asked_is("good.test", HTTPS, NOERROR, 0);
	asked_is("good.test", 10, NOERROR, 0);
	asked_is("good.test", ANY, NOTIMP, 0);
	asked_is("good.test", AXFR, NOTIMP, 0);
	asked_is("good.test", 251, NOTIMP, 0);
	asked_is("good.test", 250, NOERROR, 0);
	asked_is("good.test", 41, NOTIMP, 0);
	asked_is("1.0.0.127.in-addr.arpa", PTR, NXDOMAIN, 0);
}

static void
names_that_are_no_hosts_do_not_exist(void **state)
{
	static const char *const cases[] = { "", "_http._tcp.good.test",
		"10.0.0.1", "127.1", "a b.test", "-a.test",
		"xn--bcher-kva0.test" };
	auto_buf q = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		asked_is(cases[i], A, NXDOMAIN, 0);
	}
	/* A dot or a NUL inside a label is not the dot between labels. */
	ask(&q, "", A);
	q.len = 12;
	buf_add(&q, STR("\x09good.test\0\0\1\0\1"));
	reply_is(buf_str(&q), NXDOMAIN, 0);
	q.len = 12;
	buf_add(&q, STR("\4good\5te\0st\0\0\1\0\1"));
	reply_is(buf_str(&q), NXDOMAIN, 0);
}

static void
localhost_is_the_cells_own(void **state)
{
	struct names_pool *p = names_pool_new();
	auto_buf q = { 0 };
	auto_buf reply = { 0 };

	(void)state;
	ask(&q, "LocalHost", A);
	names_dns_answer(p, buf_str(&q), &reply);
	assert_memory_equal(reply.at + reply.len - 4, "\x7f\0\0\1", 4);
	ask(&q, "api.localhost", A);
	names_dns_answer(p, buf_str(&q), &reply);
	assert_memory_equal(reply.at + reply.len - 4, "\x7f\0\0\1", 4);
	ask(&q, "notlocalhost", A);
	names_dns_answer(p, buf_str(&q), &reply);
	assert_memory_equal(reply.at + reply.len - 4, "\xc6\x12\0\1", 4);
	names_pool_free(p);
}

static void
one_edns_record_is_tolerated_and_not_answered(void **state)
{
	auto_buf q = { 0 };

	(void)state;
	ask(&q, "good.test", A);
	q.at[11] = 1;
	size_t bare = q.len;

	buf_add(&q, STR("\0\0\x29\x10\0\0\0\0\0\0\4abcd"));
	reply_is(buf_str(&q), NOERROR, 1);
	/* Cut, overlong, not OPT, not at the root. */
	reply_is(str_sub(buf_str(&q), 0, q.len - 1), FORMERR, 0);
	buf_add_byte(&q, 'x');
	reply_is(buf_str(&q), FORMERR, 0);
	q.len = bare;
	buf_add(&q, STR("\0\0\1\x10\0\0\0\0\0\0\0"));
	reply_is(buf_str(&q), FORMERR, 0);
	q.len = bare;
	buf_add(&q, STR("\1\0\x29\x10\0\0\0\0\0\0\0"));
	reply_is(buf_str(&q), FORMERR, 0);
	/* Two are said to be there. */
	q.len = bare;
	q.at[11] = 2;
	buf_add(&q, STR("\0\0\x29\x10\0\0\0\0\0\0\0"));
	reply_is(buf_str(&q), FORMERR, 0);
}

/* A query that is right in all but its length. */
static void
a_long_query_is_not_looked_at(void **state)
{
	auto_buf q = { 0 };

	(void)state;
	for (size_t size = NAMES_QUERY_MAX; size <= NAMES_QUERY_MAX + 1;
	     size++) {
		ask(&q, "good.test", A);
		q.at[11] = 1;
		size_t padding = size - q.len - 11;

		buf_add(&q, STR("\0\0\x29\x10\0\0\0\0\0"));
		buf_add_byte(&q, (uint8_t)(padding >> 8));
		buf_add_byte(&q, (uint8_t)padding);
		while (q.len < size) {
			buf_add_byte(&q, 0);
		}
		if (size == NAMES_QUERY_MAX) {
			reply_is(buf_str(&q), NOERROR, 1);
		} else {
			reply_is(buf_str(&q), FORMERR, 0);
		}
	}
}

static void
D06_malformed_queries_are_refused(void **state)
{
	auto_buf q = { 0 };
	auto_buf long_name = { 0 };

	(void)state;
	ask(&q, "good.test", A);
	for (size_t n = 0; n < q.len; n++) {
		reply_is(str_sub(buf_str(&q), 0, n), n < 12 ? -1 : FORMERR, 0);
	}
	/* A pointer to itself; a pointer at all; a reserved label type. */
	q.len = 12;
	buf_add(&q, STR("\xc0\x0c\0\1\0\1"));
	reply_is(buf_str(&q), FORMERR, 0);
	q.len = 12;
	buf_add(&q, STR("\4good\xc0\x0c\0\1\0\1"));
	reply_is(buf_str(&q), FORMERR, 0);
	q.len = 12;
	buf_add(&q, STR("\x40x\0\0\1\0\1"));
	reply_is(buf_str(&q), FORMERR, 0);
	/* A label of 63, and one of 64, all there. */
	for (int size = 63; size <= 64; size++) {
		q.len = 12;
		buf_add_byte(&q, (uint8_t)size);
		for (int i = 0; i < size; i++) {
			buf_add_byte(&q, 'a');
		}
		buf_add(&q, STR("\0\0\1\0\1"));
		reply_is(
		    buf_str(&q), size == 63 ? NOERROR : FORMERR, size == 63);
	}
	/* 255 bytes of name on the wire are the most there may be. */
	for (int i = 0; i < 126; i++) {
		buf_add_z(&long_name, "a.");
	}
	buf_add_z(&long_name, "a");
	ask(&q, buf_z(&long_name), A);
	reply_is(buf_str(&q), NOERROR, 1);
	buf_add_z(&long_name, "a");
	ask(&q, buf_z(&long_name), A);
	reply_is(buf_str(&q), FORMERR, 0);
	/* A byte behind the question. */
	ask(&q, "good.test", A);
	buf_add_byte(&q, 0);
	reply_is(buf_str(&q), FORMERR, 0);
	/* Oversized. */
	ask(&q, "good.test", A);
	while (q.len <= NAMES_QUERY_MAX) {
		buf_add_byte(&q, 0);
	}
	reply_is(buf_str(&q), FORMERR, 0);
}

static void
header_byte_is(size_t at, uint8_t value, int rcode)
{
	auto_buf q = { 0 };

	ask(&q, "good.test", A);
	q.at[at] = (char)value;
	reply_is(buf_str(&q), rcode, 0);
}

static void
D06_odd_headers_are_refused(void **state)
{
	(void)state;
	header_byte_is(2, 0x81, -1);      /* a response */
	header_byte_is(2, 0x09, NOTIMP);  /* opcode 1 */
	header_byte_is(2, 0x29, NOTIMP);  /* update */
	header_byte_is(2, 0x03, FORMERR); /* truncated */
	header_byte_is(5, 0, FORMERR);    /* no question */
	header_byte_is(5, 2, FORMERR);    /* two */
	header_byte_is(4, 1, FORMERR);
	header_byte_is(6, 1, FORMERR);
	header_byte_is(8, 1, FORMERR);
	header_byte_is(10, 1, FORMERR);
	header_byte_is(7, 1, FORMERR);
	header_byte_is(9, 1, FORMERR);
	header_byte_is(11, 1, FORMERR);
	header_byte_is(11, 2, FORMERR);
	auto_buf q = { 0 };

	ask(&q, "version.bind", TXT);
	q.at[q.len - 1] = 3;
	reply_is(buf_str(&q), REFUSED, 0);
	reply_is(STR("GET / HTTP/1.1\r\nHost: good.test\r\n\r\n"), NOTIMP, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_gets_one_address_for_ever),
		cmocka_unit_test(N16_an_address_never_issued_has_no_name),
		cmocka_unit_test(the_pool_is_one_network_of_IPv4),
		cmocka_unit_test(a_full_pool_refuses_and_keeps_what_it_gave),
		cmocka_unit_test(D07_only_addresses_are_answered),
		cmocka_unit_test(names_that_are_no_hosts_do_not_exist),
		cmocka_unit_test(localhost_is_the_cells_own),
		cmocka_unit_test(one_edns_record_is_tolerated_and_not_answered),
		cmocka_unit_test(a_long_query_is_not_looked_at),
		cmocka_unit_test(D06_malformed_queries_are_refused),
		cmocka_unit_test(D06_odd_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
