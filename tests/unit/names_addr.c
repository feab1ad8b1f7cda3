/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "names/names.h"

static struct names_addr
addr(const char *text)
{
	struct names_addr a;

	assert_true(names_addr_parse(str_of(text), &a));
	return a;
}

static void
class_is(const char *text, enum names_class wanted)
{
	struct names_addr a = addr(text);
	enum names_class got = names_addr_class(&a);

	if (got != wanted) {
		print_error("%s is %s\n", text, names_class_name(got));
	}
	assert_int_equal(got, wanted);
}

static void
denied(const char *text)
{
	struct names_addr a = addr(text);
	struct err e = { 0 };

	assert_int_equal(names_addr_check(&a, NULL, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, " is not dialled: "));
}

static void
allowed(const char *text)
{
	struct names_addr a = addr(text);
	struct err e = { 0 };

	assert_int_equal(names_addr_check(&a, NULL, NULL, &e), 0);
}

static void
only_canonical_text_is_an_address(void **state)
{
	static const struct str cases[] = {
		STR(""),
		STR("1.2.3"),
		STR("1.2.3.4 "),
		STR("01.2.3.4"),
		STR("0x1.2.3.4"),
		STR("1.2.3.4\0"),
		STR("1.2.3.4/32"),
		STR("[::1]"),
		STR("::1%lo"),
		STR("256.0.0.1"),
		STR("1..2.3"),
		STR("::1::"),
	};
	struct names_addr a = addr("2001:db8::00FF");
	char text[NAMES_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_false(names_addr_parse(cases[i], &a));
	}
	names_addr_text(&a, text);
	assert_string_equal(text, "2001:db8::ff");
}

static void
A01_loopback_and_unspecified_are_refused(void **state)
{
	(void)state;
	class_is("127.0.0.1", NAMES_LOOPBACK);
	class_is("127.255.255.255", NAMES_LOOPBACK);
	class_is("::1", NAMES_LOOPBACK);
	class_is("0.0.0.0", NAMES_UNSPECIFIED);
	class_is("0.1.2.3", NAMES_UNSPECIFIED);
	class_is("::", NAMES_UNSPECIFIED);
	denied("127.0.0.1");
	denied("::1");
	denied("0.0.0.0");
	denied("::");
	allowed("1.1.1.1");
	allowed("128.0.0.1");
	allowed("2606:4700:4700::1111");
}

static void
A02_link_local_is_never_opened(void **state)
{
	struct names_addr a = addr("169.254.169.254");
	struct names_cidr c;
	struct err e = { 0 };

	(void)state;
	class_is("169.254.0.1", NAMES_LINK_LOCAL);
	class_is("fe80::1", NAMES_LINK_LOCAL);
	class_is("febf::1", NAMES_LINK_LOCAL);
	class_is("169.254.169.254", NAMES_METADATA);
	assert_int_equal(names_cidr_parse(STR("169.254.0.0/16"), &c, &e), 0);
	assert_int_equal(names_addr_check(&a, NULL, &c, &e), -1);
	assert_int_equal(names_class_opens(NAMES_LINK_LOCAL), NAMES_NEVER);
	assert_int_equal(names_class_opens(NAMES_METADATA), NAMES_NEVER);
}

static void
A03_cloud_metadata_is_never_opened(void **state)
{
	static const char *const cases[] = { "100.100.100.200", "168.63.129.16",
		"192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
		"fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1",
		"fd00:100::100:200", "169.254.170.2", "::ffff:169.254.169.254",
		"64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1" };
	struct names_cidr c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(names_cidr_parse(STR("fc00::/7"), &c, &e), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct names_addr a = addr(cases[i]);

		class_is(cases[i], NAMES_METADATA);
		assert_int_equal(names_addr_check(&a, NULL, &c, &e), -1);
	}
}

static void
A04_private_networks_need_a_rule_that_names_them(void **state)
{
	static const char *const cases[] = { "10.0.0.0", "10.255.255.255",
		"172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.0",
		"100.127.255.255", "fc00::1", "fdff::1" };
	static const char *const edges[] = { "100.63.255.254", "100.128.0.1",
		"172.15.255.255", "172.32.0.0", "192.167.255.255",
		"192.169.0.0", "9.255.255.255", "11.0.0.0" };
	struct names_addr a = addr("10.1.2.3");
	struct names_addr mapped = addr("::ffff:10.1.2.3");
	struct names_addr other = addr("10.2.2.3");
	struct names_cidr c;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		denied(cases[i]);
	}
	for (size_t i = 0; i < COUNT(edges); i++) {
		allowed(edges[i]);
	}
	assert_int_equal(names_cidr_parse(STR("10.1.0.0/16"), &c, &e), 0);
	assert_int_equal(names_addr_check(&a, NULL, &c, &e), 0);
	assert_int_equal(names_addr_check(&mapped, NULL, &c, &e), 0);
	assert_int_equal(names_addr_check(&other, NULL, &c, &e), -1);
}

static void
A06_special_addresses_are_refused(void **state)
{
	static const char *const cases[] = { "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1",
		"203.0.113.1", "198.18.0.1", "198.19.255.255", "192.0.0.1",
		"192.88.99.1", "2001:db8::1", "3fff::1", "ff02::1", "fec0::1",
		"100::1", "2001:2::1", "4000::1", "::7f00:1", "64:ff9b:1::1",
		"::ffff:0:127.0.0.1" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		denied(cases[i]);
	}
	class_is("255.255.255.255", NAMES_BROADCAST);
	class_is("198.18.0.1", NAMES_BENCHMARK);
	allowed("198.17.255.255");
	allowed("198.20.0.0");
	allowed("223.255.255.255");
}

/* The address before (-1) or behind (1). */
static struct names_addr
next_to(struct names_addr a, int step)
{
	size_t i = a.family == 4 ? 4 : 16;
	uint8_t turns = step > 0 ? 0 : 0xff;

	do {
		i--;
		a.bytes[i] = (uint8_t)(a.bytes[i] + step);
	} while (i > 0 && a.bytes[i] == turns);
	return a;
}

static struct names_addr
last_of(const struct names_cidr *c)
{
	struct names_addr a = c->net;

	for (size_t bit = c->bits; bit < (a.family == 4 ? 32 : 128); bit++) {
		a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	return a;
}

/* What the registries of IANA reserve, and where clouds keep their metadata: to
 * the first address and to the last, and not one further. */
static const struct {
	const char *net;
	enum names_class class;
} networks[] = {
	{ "10.0.0.0/8", NAMES_PRIVATE },
	{ "100.64.0.0/10", NAMES_SHARED },
	{ "100.100.100.200/32", NAMES_METADATA },
	{ "127.0.0.0/8", NAMES_LOOPBACK },
	{ "168.63.129.16/32", NAMES_METADATA },
	{ "169.254.0.0/16", NAMES_LINK_LOCAL },
	{ "169.254.169.254/32", NAMES_METADATA },
	{ "169.254.170.2/32", NAMES_METADATA },
	{ "172.16.0.0/12", NAMES_PRIVATE },
	{ "192.0.0.0/24", NAMES_RESERVED },
	{ "192.0.0.192/32", NAMES_METADATA },
	{ "192.0.2.0/24", NAMES_DOCUMENTATION },
	{ "192.31.196.0/24", NAMES_RESERVED },
	{ "192.52.193.0/24", NAMES_RESERVED },
	{ "192.88.99.0/24", NAMES_RESERVED },
	{ "192.168.0.0/16", NAMES_PRIVATE },
	{ "192.175.48.0/24", NAMES_RESERVED },
	{ "198.18.0.0/15", NAMES_BENCHMARK },
	{ "198.51.100.0/24", NAMES_DOCUMENTATION },
	{ "203.0.113.0/24", NAMES_DOCUMENTATION },
	{ "224.0.0.0/4", NAMES_MULTICAST },
	{ "255.255.255.255/32", NAMES_BROADCAST },
	{ "2000::/3", NAMES_GLOBAL },
	{ "::/128", NAMES_UNSPECIFIED },
	{ "::1/128", NAMES_LOOPBACK },
	{ "2001:2::/48", NAMES_BENCHMARK },
	{ "2001:db8::/32", NAMES_DOCUMENTATION },
	{ "3fff::/20", NAMES_DOCUMENTATION },
	{ "2620:4f:8000::/48", NAMES_RESERVED },
	{ "fc00::/7", NAMES_PRIVATE },
	{ "fd00:42::42/128", NAMES_METADATA },
	{ "fd00:a9fe:a9fe::1/128", NAMES_METADATA },
	{ "fd00:c1::a9fe:a9fe/128", NAMES_METADATA },
	{ "fd00:ec2::/32", NAMES_METADATA },
	{ "fd00:100::100:200/128", NAMES_METADATA },
	{ "fd20:ce::254/128", NAMES_METADATA },
	{ "fe80::/10", NAMES_LINK_LOCAL },
	{ "ff00::/8", NAMES_MULTICAST },
};

static void
every_network_of_its_class_ends_where_it_ends(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(networks); i++) {
		struct names_cidr c;

		assert_int_equal(
		    names_cidr_parse(str_of(networks[i].net), &c, &e), 0);
		struct names_addr last = last_of(&c);
		struct names_addr before = next_to(c.net, -1);
		struct names_addr behind = next_to(last, 1);
		bool first_in = names_addr_class(&c.net) == networks[i].class;
		bool last_in = names_addr_class(&last) == networks[i].class;
		bool wider = names_addr_class(&before) == networks[i].class ||
		             names_addr_class(&behind) == networks[i].class;

		if (!first_in || !last_in || wider) {
			print_error("%s\n", networks[i].net);
		}
		assert_true(first_in && last_in && !wider);
	}
	/* Those whose ends are of another class, or the first there is. */
	class_is("0.255.255.255", NAMES_UNSPECIFIED);
	class_is("1.0.0.0", NAMES_GLOBAL);
	class_is("240.0.0.0", NAMES_RESERVED);
	class_is("255.255.255.254", NAMES_RESERVED);
	class_is("2000:ffff:ffff::1", NAMES_GLOBAL);
	class_is("2001:1::", NAMES_RESERVED);
	class_is("2001:1ff:ffff::1", NAMES_RESERVED);
	class_is("2001:200::", NAMES_GLOBAL);
}

static void
only_the_mild_classes_can_be_opened(void **state)
{
	static const enum names_opens opens[] = {
		[NAMES_GLOBAL] = NAMES_OPEN,
		[NAMES_SHARED] = NAMES_BY_CIDR,
		[NAMES_PRIVATE] = NAMES_BY_CIDR,
		[NAMES_LOOPBACK] = NAMES_BY_PIN,
	};

	(void)state;
	for (enum names_class c = 0; c <= NAMES_METADATA; c++) {
		assert_int_equal(names_class_opens(c),
		    c < COUNT(opens) ? opens[c] : NAMES_NEVER);
	}
}

static void
an_address_inside_an_address_is_judged(void **state)
{
	(void)state;
	class_is("::ffff:127.0.0.1", NAMES_LOOPBACK);
	class_is("::ffff:1.1.1.1", NAMES_GLOBAL);
	class_is("64:ff9b::10.0.0.1", NAMES_PRIVATE);
	class_is("64:ff9b::1.1.1.1", NAMES_GLOBAL);
	class_is("2002:7f00:1::1", NAMES_LOOPBACK);
	class_is("2002:101:101::1", NAMES_GLOBAL);
	/* Teredo: server 1.1.1.1; client 127.0.0.1, and the other way round. */
	class_is("2001:0:101:101::80ff:fffe", NAMES_LOOPBACK);
	class_is("2001:0:7f00:1::fefe:fefe", NAMES_LOOPBACK);
	class_is("2001:0:101:101::fefe:fefe", NAMES_GLOBAL);
	/* Bytes of 2002::/16 elsewhere are of no 6to4. */
	class_is("fd02:101:101::1", NAMES_PRIVATE);
	class_is("32.2.10.0", NAMES_GLOBAL);
	class_is("32.1.0.0", NAMES_GLOBAL);
	/* Beside 64:ff9b::/96 and beside Teredo. */
	class_is("64:ff9b::1:101:101", NAMES_RESERVED);
	class_is("2001:5:101:101::fefe:fefe", NAMES_RESERVED);
	/* What stands behind the four bytes of 0.0.0.0 is not looked at. */
	struct names_addr zero = { 4,
		{ [10] = 0xff, [11] = 0xff, 1, 1, 1, 1 } };

	assert_int_equal(names_addr_class(&zero), NAMES_UNSPECIFIED);
}

/* 10.0.0.0 and 0a00:: begin with the same bytes. */
static void
a_network_holds_addresses_of_its_family_alone(void **state)
{
	struct names_addr four = addr("10.0.0.1");
	struct names_addr six = addr("a00:1::");
	struct names_addr same = addr("a00:1::");
	struct names_cidr c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(names_cidr_parse(STR("10.0.0.0/8"), &c, &e), 0);
	assert_true(names_cidr_has(&c, &four));
	assert_false(names_cidr_has(&c, &six));
	assert_int_equal(names_cidr_parse(STR("a00::/8"), &c, &e), 0);
	assert_true(names_cidr_has(&c, &six));
	assert_false(names_cidr_has(&c, &four));
	assert_int_equal(names_cidr_parse(STR("10.128.0.0/9"), &c, &e), 0);
	assert_false(names_cidr_has(&c, &four));
	assert_true(names_addr_eq(&six, &same));
	same.family = 4;
	assert_false(names_addr_eq(&six, &same));
}

static void
A07_the_hosts_own_addresses_are_refused(void **state)
{
	struct names_addr mine[] = { addr("1.1.1.1"), addr("2606:4700::1"),
		addr("::ffff:1.1.1.3") };
	struct names_own own = { mine, COUNT(mine) };
	struct names_addr mapped = addr("::ffff:1.1.1.1");
	struct names_addr other = addr("1.1.1.2");
	struct names_addr third = addr("1.1.1.3");
	/* To 1.1.1.1 by NAT64, 6to4, as Teredo's server and its client. */
	static const struct {
		const char *own, *other;
	} ways[] = {
		{ "64:ff9b::101:101", "64:ff9b::101:102" },
		{ "2002:101:101::9", "2002:101:102::9" },
		{ "2001:0:101:101::f7f7:f7f7", "2001:0:101:102::f7f7:f7f7" },
		{ "2001:0:808:808::fefe:fefe", "2001:0:808:808::fefe:fefd" },
	};
	struct err e = { 0 };

	(void)state;
	assert_int_equal(names_addr_check(&mine[0], &own, NULL, &e), -1);
	assert_int_equal(names_addr_check(&mine[1], &own, NULL, &e), -1);
	assert_int_equal(names_addr_check(&mapped, &own, NULL, &e), -1);
	assert_int_equal(names_addr_check(&third, &own, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_string_equal(
	    e.text, "1.1.1.3 is an address of this host itself");
	assert_int_equal(names_addr_check(&other, &own, NULL, &e), 0);
	for (size_t i = 0; i < COUNT(ways); i++) {
		struct names_addr way = addr(ways[i].own);

		assert_int_equal(names_addr_check(&way, &own, NULL, &e), -1);
		assert_int_equal(names_addr_check(&way, NULL, NULL, &e), 0);
		way = addr(ways[i].other);
		assert_int_equal(names_addr_check(&way, &own, NULL, &e), 0);
	}
}

/* Nothing was told of them; the kernel knows. */
static void
A07_what_answers_here_is_known_by_its_source(void **state)
{
	static const char *const here[] = { "127.0.0.1", "127.9.9.9",
		"::ffff:127.0.0.1", "::1" };
	struct names_addr there = addr("192.0.2.1");
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(here); i++) {
		struct names_addr a = addr(here[i]);

		if (names_addr_elsewhere(&a, &e) == 0) {
			assert_int_equal(a.family, 6); /* a host without it */
			continue;
		}
		assert_int_equal(e.kind, ERR_DENIED);
		assert_non_null(strstr(e.text, "of this host itself"));
	}
	assert_int_equal(names_addr_elsewhere(&there, &e), 0);
}

static void
A09_a_rule_cannot_open_what_is_never_open(void **state)
{
	static const char *const closed[] = { "127.0.0.0/8", "127.0.0.1/32",
		"169.254.0.0/16", "169.254.169.254/32", "0.0.0.0/8",
		"0.0.0.0/0", "128.0.0.0/1", "::/0", "::1/128", "fe80::/10",
		"::ffff:0:0/96", "224.0.0.0/4", "198.18.0.0/15",
		"100.100.100.200/32", "fd00:ec2::/32", "192.0.0.0/16",
		"0.0.0.0/7" };
	static const char *const open[] = { "10.0.0.0/8", "10.1.2.3/32",
		"192.168.4.0/24", "100.64.0.0/10", "fc00::/7", "fd12::/16",
		"1.1.1.0/24", "8.0.0.0/5", "100.100.100.200/31",
		"fd00:ec2::/31" };
	struct names_cidr c;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(closed); i++) {
		assert_int_equal(
		    names_cidr_parse(str_of(closed[i]), &c, &e), 0);
		if (names_cidr_may_open(&c)) {
			print_error("%s may open\n", closed[i]);
		}
		assert_false(names_cidr_may_open(&c));
	}
	for (size_t i = 0; i < COUNT(open); i++) {
		assert_int_equal(names_cidr_parse(str_of(open[i]), &c, &e), 0);
		assert_true(names_cidr_may_open(&c));
	}
}

static void
malformed_networks_are_refused(void **state)
{
	static const char *const cases[] = { "", "10.0.0.0", "10.0.0.0/",
		"10.0.0.0/33", "10.0.0.1/8", "10.128.0.0/8", "10.0.0.0/08",
		"10.0.0.0/-1", "10/8", "::/129", "fd00::1/8", "good.test/8",
		"10.0.0.0/8/8" };
	struct names_cidr c;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    names_cidr_parse(str_of(cases[i]), &c, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_canonical_text_is_an_address),
		cmocka_unit_test(A01_loopback_and_unspecified_are_refused),
		cmocka_unit_test(A02_link_local_is_never_opened),
		cmocka_unit_test(A03_cloud_metadata_is_never_opened),
		cmocka_unit_test(
		    A04_private_networks_need_a_rule_that_names_them),
		cmocka_unit_test(A06_special_addresses_are_refused),
		cmocka_unit_test(every_network_of_its_class_ends_where_it_ends),
		cmocka_unit_test(only_the_mild_classes_can_be_opened),
		cmocka_unit_test(an_address_inside_an_address_is_judged),
		cmocka_unit_test(a_network_holds_addresses_of_its_family_alone),
		cmocka_unit_test(A07_the_hosts_own_addresses_are_refused),
		cmocka_unit_test(A07_what_answers_here_is_known_by_its_source),
		cmocka_unit_test(A09_a_rule_cannot_open_what_is_never_open),
		cmocka_unit_test(malformed_networks_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
