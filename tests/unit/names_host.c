/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "names/names.h"

/* wanted NULL: refused. */
static void
host_is(struct str text, const char *wanted)
{
	struct names_host h = { 0 };
	struct err e = { 0 };
	int failed = names_host_parse(text, &h, &e);

	if (wanted) {
		if (failed) {
			print_error("refused: %s\n", e.text);
		}
		assert_int_equal(failed, 0);
		assert_string_equal(h.text, wanted);
		return;
	}
	if (!failed) {
		print_error("accepted: %s as %s\n", err_quote(text), h.text);
	}
	assert_int_equal(failed, -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

static void
hosts_refused(const struct str *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		host_is(texts[i], NULL);
	}
}

static void
a_host_has_one_form(void **state)
{
	(void)state;
	host_is(STR("good.test"), "good.test");
	host_is(STR("GOOD.Test"), "good.test");
	host_is(STR("a-b.x1.test"), "a-b.x1.test");
	host_is(STR("r3---sn-x.video.test"), "r3---sn-x.video.test");
	host_is(STR("localhost"), "localhost");
	host_is(STR("1.2.3.test"), "1.2.3.test");
	host_is(STR("good.1-2"), "good.1-2");
	host_is(STR("good.0xfg"), "good.0xfg");
	host_is(STR("good.0xg"), "good.0xg");
	host_is(STR("good.0x-1"), "good.0x-1");
	host_is(STR("10.0.3.7"), "10.0.3.7");
	host_is(STR("[::1]"), "::1");
	host_is(STR("[2001:DB8::0:1]"), "2001:db8::1");
}

static void
N01_a_name_with_nul_is_refused(void **state)
{
	static const struct str cases[] = {
		STR("evil.test\0.good.test"),
		STR("good.test\0"),
		STR("\0good.test"),
		STR("[::1\0]"),
		STR("1.2.3.4\0"),
	};

	(void)state;
	hosts_refused(cases, COUNT(cases));
}

static void
N02_bytes_that_no_name_holds_are_refused(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = "a?b.test";
		char lower[] = "a?b.test";
		bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		            (c >= 'A' && c <= 'Z') || c == '-' || c == '.';

		text[1] = (char)c;
		lower[1] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		host_is(str_of(text), fine ? lower : NULL);
	}
	static const struct str cases[] = {
		STR(""),
		STR("good.test\r\n"),
		STR("good.test "),
		STR(" good.test"),
		STR("good%2etest"),
		STR("u@good.test"),
		STR("good.test#"),
		STR("good.test:80"),
		STR("good.test/"),
		STR("good_name.test"),
	};

	hosts_refused(cases, COUNT(cases));
}

static void
N03_one_final_dot_is_no_other_name(void **state)
{
	(void)state;
	host_is(STR("good.test."), "good.test");
	host_is(STR("good.test.."), NULL);
	host_is(STR("."), NULL);
	host_is(STR(".good.test"), NULL);
	host_is(STR("good..test"), NULL);
	host_is(STR("1.2.3.4."), NULL);
}

static void
N04_brackets_hold_only_an_ipv6_address(void **state)
{
	static const struct str cases[] = {
		STR("[evil.test]"),
		STR("[[::1]]"),
		STR("[::1"),
		STR("::1"),
		STR("[]"),
		STR("["),
		STR("[1.2.3.4]"),
		STR("[fe80::1%eth0]"),
		STR("[fe80::1%25eth0]"),
		STR("[::1]]"),
		STR("[:::1]"),
		STR("[1::2::3]"),
		STR("[12345::]"),
	};

	(void)state;
	hosts_refused(cases, COUNT(cases));
}

static void
N05_international_names_are_canonical_or_refused(void **state)
{
	(void)state;
	host_is(STR("b\xc3\xbc"
	            "cher.test"),
	    "xn--bcher-kva.test");
	host_is(STR("xn--bcher-kva.test"), "xn--bcher-kva.test");
	host_is(STR("XN--BCHER-KVA.test"), "xn--bcher-kva.test");
	static const struct str refused[] = {
		/* upper case U-label, decomposed u-umlaut */
		STR("B\xc3\x9c"
		    "CHER.test"),
		STR("bu\xcc\x88"
		    "cher.test"),
		/* full-width letters, ideographic and full-width dots */
		STR("\xef\xbd\x87ood.test"),
		STR("good\xe3\x80\x82test"),
		STR("good\xef\xbc\x8etest"),
		STR("good\xef\xbd\xa1test"),
		/* zero-width joiner, soft hyphen, right-to-left override */
		STR("go\xe2\x80\x8dod.test"),
		STR("go\xc2\xadod.test"),
		STR("go\xe2\x80\xaeod.test"),
		/* not UTF-8 */
		STR("go\xffod.test"),
		STR("go\xc0\xae.test"),
		/* A-labels that do not say what they are */
		STR("xn--.test"),
		STR("xn--good-.test"),
		STR("xn--bcher-kva0.test"),
		STR("xn--\x61\x62\x63-.test"),
		/* of characters that have another canonical form */
		STR("xn--jdd.test"),
		STR("xn--39bn.test"),
	};

	hosts_refused(refused, COUNT(refused));
	/* A homoglyph is another name: Cyrillic o in "gооd". */
	struct names_host h;
	struct err e = { 0 };

	assert_int_equal(names_host_parse(STR("g\xd0\xbe\xd0\xbe"
	                                      "d.test"),
	                     &h, &e),
	    0);
	assert_string_not_equal(h.text, "good.test");
}

static void
names_that_end_in_a_number_are_refused(void **state)
{
	static const struct str cases[] = {
		STR("127.1"),
		STR("0x7f.1"),
		STR("0x7f000001"),
		STR("2130706433"),
		STR("017700000001"),
		STR("0177.0.0.1"),
		STR("010.0.0.1"),
		STR("10.0.0.01"),
		STR("1.2.3"),
		STR("1.2.3.4.5"),
		STR("256.1.1.1"),
		STR("1.2.3.0x4"),
		STR("1.2.3.0x"),
		STR("good.test.0x0"),
		STR("good.test.0x9"),
		STR("good.test.0xa"),
		STR("good.test.0xf"),
		STR("good.test.5"),
		STR("0X7F.1"),
	};

	(void)state;
	hosts_refused(cases, COUNT(cases));
}

static void
lengths_are_bounded(void **state)
{
	auto_buf label = { 0 };
	auto_buf name = { 0 };

	(void)state;
	for (int i = 0; i < 63; i++) {
		buf_add_byte(&label, 'a');
	}
	host_is(buf_str(&label), buf_z(&label));
	static const char longest[] =
	    "xn--bcccccccccccccccccccccccccccccccccccccccccccccccccccccc-pxf";

	assert_int_equal(strlen(longest), 63);
	host_is(str_of(longest), longest);
	for (int i = 0; i < 3; i++) {
		buf_add(&name, buf_str(&label));
		buf_add_byte(&name, '.');
	}
	buf_add(&name, str_sub(buf_str(&label), 0, 61));
	assert_int_equal(name.len, 253);
	host_is(buf_str(&name), buf_z(&name));
	auto_buf dotted = { 0 };

	buf_addf(&dotted, "%s.", buf_z(&name));
	host_is(buf_str(&dotted), buf_z(&name));
}

static void
a_name_over_the_lengths_is_refused(void **state)
{
	auto_buf label = { 0 };
	auto_buf name = { 0 };

	(void)state;
	for (int i = 0; i < 64; i++) {
		buf_add_byte(&label, 'a');
	}
	host_is(buf_str(&label), NULL);
	for (int i = 0; i < 127; i++) {
		buf_add_z(&name, "a.");
	}
	buf_add_byte(&name, 'a');
	assert_int_equal(name.len, 255);
	host_is(buf_str(&name), NULL);
	host_is(str_sub(buf_str(&name), 2, 253), buf_z(&name) + 2);
	host_is(STR("-a.test"), NULL);
	host_is(STR("a-.test"), NULL);
	host_is(STR("a.-"), NULL);
	host_is(STR("a.0"), NULL);
	host_is(STR("a.9"), NULL); /* a number, to whoever reads from behind */
}

static void
port_is(struct str text, uint16_t fallback, const char *host, uint16_t wanted)
{
	struct names_host h = { 0 };
	struct err e = { 0 };
	uint16_t port = 0;
	int failed = names_hostport_parse(text, fallback, &h, &port, &e);

	if (!host) {
		if (!failed) {
			print_error("accepted: %s\n", err_quote(text));
		}
		assert_int_equal(failed, -1);
		assert_int_equal(port, 0);
		return;
	}
	assert_int_equal(failed, 0);
	assert_string_equal(h.text, host);
	assert_int_equal(port, wanted);
}

static void
N11_a_port_is_exact(void **state)
{
	static const struct str cases[] = {
		STR("good.test:0"),
		STR("good.test:65536"),
		STR("good.test:007"),
		STR("good.test:"),
		STR("good.test"),
		STR("good.test:22:443"),
		STR("good.test:+22"),
		STR("good.test: 22"),
		STR("good.test:22 "),
		STR("good.test:0x16"),
		STR("good.test:18446744073709551638"),
		STR(":443"),
		STR("[::1]:0"),
		STR("[::1]"),
		STR("[::1]junk"),
		STR("[::1]443"),
		STR("[::1]:443]"),
		STR("[evil.test]:443"),
		STR("::1:443"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		port_is(cases[i], 0, NULL, 0);
	}
	/* Where a port is announced, none is assumed. */
	port_is(STR("good.test:"), 443, NULL, 0);
	port_is(STR("[::1]:"), 443, NULL, 0);
	port_is(STR("good.test:65535"), 0, "good.test", 65535);
	port_is(STR("Good.test"), 443, "good.test", 443);
	port_is(STR("[::1]:8080"), 443, "::1", 8080);
	port_is(STR("[::1]"), 443, "::1", 443);
}

static bool
matches(const char *pattern, const char *host)
{
	struct names_pattern p;
	struct names_host h;
	struct err e = { 0 };

	assert_int_equal(names_pattern_parse(str_of(pattern), &p, &e), 0);
	assert_int_equal(names_host_parse(str_of(host), &h, &e), 0);
	return names_pattern_match(&p, &h);
}

static void
N06_a_suffix_matches_whole_labels(void **state)
{
	(void)state;
	assert_true(matches("*.good.test", "a.good.test"));
	assert_true(matches("*.good.test", "a.b.GOOD.test."));
	assert_false(matches("*.good.test", "good.test"));
	assert_false(matches("*.good.test", "evilgood.test"));
	assert_false(matches("*.good.test", "good.test.evil.test"));
	assert_false(matches("*.good.test", "xgood.test"));
	assert_true(matches("good.test", "good.test"));
	assert_false(matches("good.test", "a.good.test"));
	assert_false(matches("good.test", "good.tes"));
	assert_true(matches("10.0.0.1", "10.0.0.1"));
	assert_true(matches("[::1]", "[0:0::1]"));
	assert_false(matches("[::1]", "[::2]"));
}

static void
N07_other_wildcards_are_refused_at_load(void **state)
{
	static const struct str cases[] = {
		STR("*"),
		STR("*."),
		STR("*.com"),
		STR("*.co.uk"),
		STR("*.github.io"),
		STR("*.test"),
		STR("*.internal"),
		STR("a.*.b.test"),
		STR("*good.test"),
		STR("*.*.good.test"),
		STR("**.good.test"),
		STR("good.*"),
		STR("good.test*"),
		STR("*.10.0.0.1"),
		STR("*.[::1]"),
		STR("*..good.test"),
		STR(""),
		STR("GOOD?.test"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct names_pattern p;
		struct err e = { 0 };

		if (!names_pattern_parse(cases[i], &p, &e)) {
			print_error("accepted: %s\n", err_quote(cases[i]));
		}
		assert_int_equal(names_pattern_parse(cases[i], &p, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_has_one_form),
		cmocka_unit_test(N01_a_name_with_nul_is_refused),
		cmocka_unit_test(N02_bytes_that_no_name_holds_are_refused),
		cmocka_unit_test(N03_one_final_dot_is_no_other_name),
		cmocka_unit_test(N04_brackets_hold_only_an_ipv6_address),
		cmocka_unit_test(
		    N05_international_names_are_canonical_or_refused),
		cmocka_unit_test(names_that_end_in_a_number_are_refused),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(a_name_over_the_lengths_is_refused),
		cmocka_unit_test(N11_a_port_is_exact),
		cmocka_unit_test(N06_a_suffix_matches_whole_labels),
		cmocka_unit_test(N07_other_wildcards_are_refused_at_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
