/* SPDX-License-Identifier: Apache-2.0 */
/* Every form of a credential is found in a text, however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "proxy/scrub.h"

#define SECRET "s3cr3t-canary-0123456789"
#define MANY   4 /* secrets at once */

static void
add_to(void *owner, struct str piece)
{
	buf_add(owner, piece);
}

/* Through a scrubber in pieces of `cut`: how many it found. */
static uint64_t
wash(const struct needles *n, struct str text, size_t cut, struct buf *out)
{
	struct scrub s = { .needles = n };
	struct err e;
	for (size_t at = 0; at < text.len; at += cut) {
		assert_int_equal(
		    proxy_scrub(&s, str_sub(text, at, cut), add_to, out, &e),
		    0);
	}
	assert_int_equal(proxy_scrub_end(&s, add_to, out, &e), 0);
	uint64_t found = s.found;
	proxy_scrub_fini(&s);
	return found;
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
assert_gone(const struct needles *n, const char *form)
{
	auto_buf text = { 0 };
	buf_addf(&text, "{\"before\":\"%s\",\"behind\":1}", form);
	for (size_t cut = 1; cut <= text.len; cut++) {
		auto_buf out = { 0 };
		wash(n, buf_str(&text), cut, &out);
		if (!str_eq_z(buf_str(&out),
		        "{\"before\":\"" SCRUB_REMOVED "\",\"behind\":1}")) {
			fail_msg(
			    "%s in pieces of %zu: %s", form, cut, buf_z(&out));
		}
	}
}

/* Also where another credential is its beginning, its end or its middle. */
static void
every_form_is_found_in_every_cut_R01_R02_R03(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(proxy_needles_add(n, STR("ab/c+d\"e f=<9>"), &e), 0);
	static const char *const forms[] = {
		"ab/c+d\"e f=<9>",
		"ab%2Fc%2Bd%22e%20f%3D%3C9%3E",
		"ab%2fc%2bd%22e%20f%3d%3c9%3e",
		"ab%2Fc%2Bd%22e+f%3D%3C9%3E",
		"%61%62%2F%63%2B%64%22%65%20%66%3D%3C%39%3E",
		"61622F632B64226520663D3C393E",
		"61622f632b64226520663d3c393e",
		"ab/c+d\\\"e f=<9>",
		"ab\\/c+d\\\"e f=<9>",
		"ab/c\\u002bd\\\"e f\\u003d\\u003c9\\u003e",
		("\\u0061\\u0062\\u002f\\u0063\\u002b\\u0064\\u0022\\u0065"
		 "\\u0020\\u0066\\u003d\\u003c\\u0039\\u003e"),
		"ab/c+d\\\"e f=\\u003c9\\u003e",
		"ab/c+d\\\"e f\\u003d\\u003c9\\u003e",
		"ab/c+d\\\"e f=\\u003C9\\u003E",
		"ab\\/c+d\\u0022e f=\\u003C9\\u003E",
		"ab/c\\u002Bd\\u0022e f=\\u003C9\\u003E",
		("\\u0061\\u0062\\u002F\\u0063\\u002B\\u0064\\u0022\\u0065"
		 "\\u0020\\u0066\\u003D\\u003C\\u0039\\u003E"),
	};
	static const char *const others[] = { "ab/c+d\"e", "+d\"e f=<9>",
		"/c+d\"e f=" };
	for (size_t others_in = 0; others_in <= COUNT(others); others_in++) {
		for (size_t i = 0; i < COUNT(forms); i++) {
			assert_gone(n, forms[i]);
		}
		if (others_in < COUNT(others)) {
			assert_int_equal(
			    proxy_needles_add(n, str_of(others[others_in]), &e),
			    0);
		}
	}
	proxy_needles_free(n);
}

static void
assert_whole(const struct needles *n, struct str form)
{
	auto_buf out = { 0 };
	wash(n, form, form.len, &out);
	if (!str_eq_z(buf_str(&out), SCRUB_REMOVED)) {
		fail_msg("%.*s: %s", (int)form.len, form.at, buf_z(&out));
	}
}

/* Its escapes with their hex in the other case. */
static void
other_hex(struct str form, struct buf *other)
{
	size_t escape = 0; /* digits to come */
	for (size_t i = 0; i < form.len; i++) {
		uint8_t c = (uint8_t)form.at[i];
		bool letter = (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
		buf_add_byte(other, escape > 0 && letter ? c ^ 32 : c);
		bool begins = c == '%' && hex_digit(form.at[i + 1]) >= 0;
		escape = begins ? 2 : escape - (escape > 0);
	}
}

/* What Node 20, Python 3 and curl make of one value, and what it becomes where
 * the hex is written in the other case. */
static void
percent_escapes_of_each_writer_are_found_R02(void **state)
{
	(void)state;
	static const char *const forms[] = {
		/* encodeURIComponent */
		("it's%2Fa~b(c)*d!e%2Cf%3Bg%3Ah%40i%26j%3Dk%2B"
		 "l%24m%3Fn%23o%5Bp%5Dq%7Bs%7Dt%7Cu%25v%20w%22x"),
		/* encodeURI */
		("it's/a~b(c)*d!e,f;g:h@i&j=k+l$m?n"
		 "#o%5Bp%5Dq%7Bs%7Dt%7Cu%25v%20w%22x"),
		/* escape */
		("it%27s/a%7Eb%28c%29*d%21e%2Cf%3Bg%3Ah@i%26j%3D"
		 "k+l%24m%3Fn%23o%5Bp%5Dq%7Bs%7Dt%7Cu%25v%20w%22x"),
		/* URLSearchParams */
		("it%27s%2Fa%7Eb%28c%29*d%21e%2Cf%3Bg%3Ah%40i%26j%3D"
		 "k%2Bl%24m%3Fn%23o%5Bp%5Dq%7Bs%7Dt%7Cu%25v+w%22x"),
		/* URL, search of http */
		("it%27s/a~b(c)*d!e,f;g:h@i&j=k"
		 "+l$m?n%23o[p]q{s}t|u%v%20w%22x"),
		/* URL, search of another scheme */
		("it's/a~b(c)*d!e,f;g:h@i&j=k+"
		 "l$m?n%23o[p]q{s}t|u%v%20w%22x"),
		/* URL, hash */
		("it's/a~b(c)*d!e,f;g:h@i&j=k"
		 "+l$m?n#o[p]q{s}t|u%v%20w%22x"),
		/* URL, pathname */
		("it's/a~b(c)*d!e,f;g:h@i&j=k+l$m"
		 "%3Fn%23o[p]q%7Bs%7Dt|u%v%20w%22x"),
		/* URL, username */
		("it's%2Fa~b(c)*d!e,f%3Bg%3Ah%40i&j%3Dk+l"
		 "$m%3Fn%23o%5Bp%5Dq%7Bs%7Dt%7Cu%v%20w%22x"),
		/* urllib.parse.quote */
		("it%27s/a~b%28c%29%2Ad%21e%2Cf%3Bg%3Ah%40i%26j%3D"
		 "k%2Bl%24m%3Fn%23o%5Bp%5Dq%7Bs%7Dt%7Cu%25v%20w%22x"),
		/* quote, safe='' */
		("it%27s%2Fa~b%28c%29%2Ad%21e%2Cf%3Bg%3Ah%40i%26j%3D"
		 "k%2Bl%24m%3Fn%23o%5Bp%5Dq%7Bs%7Dt%7Cu%25v%20w%22x"),
		/* quote_plus */
		("it%27s%2Fa~b%28c%29%2Ad%21e%2Cf%3Bg%3Ah%40i%26j%3D"
		 "k%2Bl%24m%3Fn%23o%5Bp%5Dq%7Bs%7Dt%7Cu%25v+w%22x"),
		/* requests, a query */
		("it's/a~b(c)*d!e,f;g:h@i&j=k+l$"
		 "m?n#o[p]q%7Bs%7Dt%7Cu%v%20w%22x"),
		/* curl --data-urlencode */
		("it%27s%2fa~b%28c%29%2ad%21e%2cf%3bg%3ah%40i%26j%3d"
		 "k%2bl%24m%3fn%23o%5bp%5dq%7bs%7dt%7cu%25v+w%22x"),
	};
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(
	    proxy_needles_add(n,
	        STR("it's/a~b(c)*d!e,f;g:h@i&j=k+l$m?n#o[p]q{s}t|u%v w\"x"),
	        &e),
	    0);
	for (size_t i = 0; i < COUNT(forms); i++) {
		auto_buf other = { 0 };
		other_hex(str_of(forms[i]), &other);
		assert_whole(n, str_of(forms[i]));
		assert_whole(n, buf_str(&other));
	}
	proxy_needles_free(n);
}

/* Where a page shows what it was asked with: base64 ends in "=", and has "/"
 * and "+" within. */
static void
escapes_of_pages_are_found_R02(void **state)
{
	(void)state;
	static const char *const forms[] = {
		"a/b+c\"d'e`f&lt;g&gt;h&amp;ij==", /* XML */
		"a/b+c&quot;d'e`f&lt;g&gt;h&amp;ij==",
		"a/b+c&quot;d&apos;e`f&lt;g&gt;h&amp;ij==",
		"a/b+c&quot;d&#39;e`f&lt;g&gt;h&amp;ij==",  /* Rails */
		"a/b+c&quot;d&#x27;e`f&lt;g&gt;h&amp;ij==", /* Python */
		"a/b+c&quot;d&#039;e`f&lt;g&gt;h&amp;ij==", /* PHP */
		"a/b+c&#34;d&#39;e`f&lt;g&gt;h&amp;ij==",   /* Go */
		"a/b&#43;c&#34;d&#39;e`f&lt;g&gt;h&amp;ij==",
		"a&#x2F;b+c&quot;d&#x27;e`f&lt;g&gt;h&amp;ij==", /* OWASP */
		("a&#x2F;b+c&quot;d&#39;e&#x60;f&lt;g&gt;h&amp;ij"
		 "&#x3D;&#x3D;"), /* Mustache */
		("a/b+c&quot;d&#x27;e&#x60;f&lt;g&gt;h&amp;ij"
		 "&#x3D;&#x3D;"), /* Handlebars */
	};
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(
	    proxy_needles_add(n, STR("a/b+c\"d'e`f<g>h&ij=="), &e), 0);
	for (size_t i = 0; i < COUNT(forms); i++) {
		assert_gone(n, forms[i]);
	}
	proxy_needles_free(n);
}

/* Behind 0..5 and in front of 0..5 other bytes, both alphabets: what is left
 * must not be enough to know the secret by. */
static void
assert_base64_gone(const struct needles *n, size_t i)
{
	auto_buf plain = { 0 };
	auto_buf coded = { 0 };
	buf_add(&plain, str_sub(STR("user:"), 0, i % 6));
	buf_add_z(&plain, SECRET);
	buf_add(&plain, str_sub(STR("\xff\xfe\xfd?>"), 0, i / 6 % 6));
	if (i < 36) {
		base64_add(&coded, buf_str(&plain));
	} else {
		base64url_add(&coded, buf_str(&plain));
	}
	for (size_t cut = 1; cut <= coded.len; cut++) {
		auto_buf out = { 0 };
		assert_int_equal(wash(n, buf_str(&coded), cut, &out), 1);
		assert_true(str_has_str(buf_str(&out), STR(SCRUB_REMOVED)));
		assert_true(out.len <= sizeof(SCRUB_REMOVED) - 1 + 8 + 8 + 4);
	}
}

static void
base64_is_found_at_every_alignment_R02(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(proxy_needles_add(n, STR(SECRET), &e), 0);
	for (size_t i = 0; i < 72; i++) {
		assert_base64_gone(n, i);
	}
	assert_int_equal(
	    proxy_needles_add(n, str_sub(STR(SECRET), 0, 13), &e), 0);
	for (size_t i = 0; i < 72; i++) {
		assert_base64_gone(n, i);
	}
	proxy_needles_free(n);
}

static void
what_is_none_passes_unchanged_in_every_cut(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(proxy_needles_add(n, STR("aaaaaaab"), &e), 0);
	assert_int_equal(proxy_needles_add(n, STR(SECRET), &e), 0);
	/* Beginnings, repeated beginnings, and one byte wrong. */
	struct str text =
	    STR("aaaaaaa aaaaaaac s3cr3t-canary-012345678 s3cr3t-"
	        "s3cr3t-canary-s3cr3t-canary-0123456788 aaaaaaaa");
	for (size_t cut = 1; cut <= text.len; cut++) {
		auto_buf out = { 0 };
		wash(n, text, cut, &out);
		assert_true(str_eq(buf_str(&out), text));
	}
	proxy_needles_free(n);
}

/* What overlaps a credential that is gone already goes as it comes; nothing
 * waits for it. */
static void
what_goes_on_behind_a_credential_goes_as_well(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct scrub s = { .needles = n };
	struct err e;
	static const struct {
		const char *piece;
		const char *out;
	} steps[] = {
		{ "data: s3cr3t-canary", "data: " SCRUB_REMOVED },
		{ "\n\n", "\n\n" }, /* it was the shorter one */
		{ "data: s3cr3t-canary", "data: " SCRUB_REMOVED },
		{ "-0123", "" },
		{ "456789", "" },
		{ "\n\n", "\n\n" }, /* the longer one */
		{ "s3cr3t-canary", SCRUB_REMOVED },
		{ "-0123", "" },
		{ "\n\n", "-0123\n\n" }, /* neither */
		{ "s3cr3t-canary", SCRUB_REMOVED },
		{ "s3cr3t-canary", SCRUB_REMOVED }, /* two of them */
		{ "-0123456789", "" },
		{ "-overlaps", "" }, /* the end of the longer begins one */
		{ "-", "-" },
	};
	assert_int_equal(proxy_needles_add(n, STR("s3cr3t-canary"), &e), 0);
	assert_int_equal(proxy_needles_add(n, STR(SECRET), &e), 0);
	assert_int_equal(proxy_needles_add(n, STR("89-overlaps"), &e), 0);
	for (size_t i = 0; i < COUNT(steps); i++) {
		auto_buf out = { 0 };
		assert_int_equal(
		    proxy_scrub(&s, str_of(steps[i].piece), add_to, &out, &e),
		    0);
		assert_string_equal(buf_z(&out), steps[i].out);
	}
	assert_int_equal(s.found, 5);
	/* It ends behind the shorter one; what comes next is another text. */
	for (size_t i = 0; i < 2; i++) {
		auto_buf out = { 0 };
		assert_int_equal(
		    proxy_scrub(&s, STR("s3cr3t-canary"), add_to, &out, &e), 0);
		assert_int_equal(proxy_scrub_end(&s, add_to, &out, &e), 0);
		assert_string_equal(buf_z(&out), SCRUB_REMOVED);
	}
	proxy_scrub_fini(&s);
	proxy_needles_free(n);
}

/* Where no byte may change nothing passes that is behind the shorter one. */
static void
of_a_bound_body_nothing_passes_behind_the_shorter_one(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(proxy_needles_add(n, STR("s3cr3t-canary"), &e), 0);
	assert_int_equal(proxy_needles_add(n, STR(SECRET), &e), 0);
	for (size_t cut = 1; cut <= sizeof(SECRET) - 1; cut++) {
		struct scrub s = { .needles = n, .cut = "it held one" };
		auto_buf out = { 0 };
		int failed = 0;
		for (size_t at = 0; !failed; at += cut) {
			failed = proxy_scrub(&s, str_sub(STR(SECRET), at, cut),
			    add_to, &out, &e);
		}
		assert_int_equal(e.kind, ERR_DENIED);
		assert_int_equal(s.found, 1);
		assert_int_equal(out.len, 0);
		proxy_scrub_fini(&s);
	}
	proxy_needles_free(n);
}

/* Where the longest of the secrets ends that begins here; 0: none does. */
static size_t
end_at(struct str text, size_t here, struct buf *secrets)
{
	size_t end = 0;
	for (size_t k = 0; k < MANY; k++) {
		struct str one = buf_str(&secrets[k]);
		bool is = str_starts(str_sub(text, here, text.len), one);
		end = is && here + one.len > end ? here + one.len : end;
	}
	return end;
}

/* A search byte by byte: what is within any secret goes, and what overlaps is
 * one. */
static uint64_t
scrub_plainly(struct str text, struct buf *secrets, struct buf *out)
{
	uint64_t found = 0;
	size_t gone = 0; /* to here */
	for (size_t i = 0; i < text.len; i++) {
		size_t end = end_at(text, i, secrets);
		if (end > gone && i >= gone) {
			buf_add_z(out, SCRUB_REMOVED);
			found++;
		}
		gone = end > gone ? end : gone;
		if (i >= gone) {
			buf_add_byte(out, (uint8_t)text.at[i]);
		}
	}
	return found;
}

static void
add_letters(uint64_t *seed, size_t count, struct buf *b)
{
	for (size_t i = 0; i < count; i++) {
		*seed = *seed * 6364136223846793005U + 1;
		buf_add_byte(b, (uint8_t)('a' + (*seed >> 60) % 2));
	}
}

/* Some go on where the one before ends, some where it begins. */
static void
make_secrets(
    uint64_t *seed, size_t round, struct buf *secrets, struct needles *n)
{
	struct err e;
	for (size_t k = 0; k < MANY; k++) {
		struct buf *before = &secrets[k > 0 ? k - 1 : 0];
		if (k > 0 && (round + k) % 4 != 0) {
			buf_add(
			    &secrets[k], str_sub(buf_str(before),
			                     round / 4 % 3 * 3, before->len));
		}
		add_letters(seed, 3, &secrets[k]);
		while (secrets[k].len < 8 + round % 5) {
			add_letters(seed, 1, &secrets[k]);
		}
		assert_int_equal(
		    proxy_needles_add(n, buf_str(&secrets[k]), &e), 0);
	}
}

static void
any_text_in_any_cut_gives_one_answer(void **state)
{
	(void)state;
	uint64_t seed = (uint64_t)time(NULL);
	const char *given = getenv("SEED");
	seed = given ? strtoull(given, NULL, 10) : seed;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	for (size_t round = 0; round < 300; round++) {
		struct needles *n = proxy_needles_new();
		struct buf secrets[MANY] = { 0 };
		auto_buf text = { 0 };
		auto_buf expected = { 0 };
		make_secrets(&seed, round, secrets, n);
		for (size_t k = 0; k < MANY; k++) {
			add_letters(&seed, 100, &text);
			buf_add(&text, buf_str(&secrets[k]));
		}
		uint64_t found =
		    scrub_plainly(buf_str(&text), secrets, &expected);
		for (size_t cut = 1; cut < 60; cut += 1 + round % 7) {
			auto_buf out = { 0 };
			assert_int_equal(
			    wash(n, buf_str(&text), cut, &out), found);
			assert_true(str_eq(buf_str(&out), buf_str(&expected)));
		}
		auto_buf whole = { 0 };
		assert_true(proxy_scrub_text(n, buf_str(&text), &whole));
		assert_true(str_eq(buf_str(&whole), buf_str(&expected)));
		for (size_t k = 0; k < MANY; k++) {
			buf_wipe(&secrets[k]);
		}
		proxy_needles_free(n);
	}
}

static void
the_set_is_bounded_and_short_ones_are_not_looked_for(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(proxy_needles_add(n, STR("short"), &e), 0);
	assert_int_equal(proxy_needles_count(n), 0);
	for (size_t i = 0; i < NEEDLE_SECRETS; i++) {
		auto_buf secret = { 0 };
		buf_addf(&secret, "secret number %03zu", i);
		assert_int_equal(proxy_needles_add(n, buf_str(&secret), &e), 0);
		assert_int_equal(proxy_needles_add(n, buf_str(&secret), &e), 0);
	}
	assert_int_equal(proxy_needles_add(n, STR("one too many"), &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_gone(n, "secret number 063");
	assert_gone(n, "secret%20number%20000");
	proxy_needles_free(n);
}

/* What every form writes in its own way. */
static void
a_whole_set_may_have_every_form(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct err e;
	for (size_t i = 0; i < NEEDLE_SECRETS; i++) {
		auto_buf secret = { 0 };
		buf_addf(&secret,
		    "%02zu/\"?>* "
		    "~+='<!(&%%^`#[{;,:@$|\xfb\xff\xef\xbf\xfe\xff\xfe",
		    i);
		assert_int_equal(proxy_needles_add(n, buf_str(&secret), &e), 0);
		assert_int_equal(proxy_needles_count(n), (i + 1) * 76);
	}
	proxy_needles_free(n);
}

static void
of_a_renewed_credential_the_last_values_are_looked_for(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct err e;
	assert_int_equal(proxy_needles_add(n, STR("another secret"), &e), 0);
	for (size_t i = 0; i < 3UL * NEEDLE_SECRETS; i++) {
		auto_buf secret = { 0 };
		buf_addf(&secret, "version number %03zu", i);
		for (size_t again = 0; again < 2; again++) {
			assert_int_equal(proxy_needles_renew(
			                     n, "minted", buf_str(&secret), &e),
			    0);
		}
	}
	for (size_t i = 3UL * NEEDLE_SECRETS - 1 - NEEDLE_VERSIONS;
	     i < 3UL * NEEDLE_SECRETS; i++) {
		auto_buf secret = { 0 };
		buf_addf(&secret, "version number %03zu", i);
		assert_gone(n, buf_z(&secret));
	}
	assert_gone(n, "another secret");
	auto_buf out = { 0 };
	wash(n, STR("version number 000"), 18, &out);
	assert_string_equal(buf_z(&out), "version number 000");
	proxy_needles_free(n);
}

static void
rotate_out(struct needles *n, const char *name)
{
	struct err e;
	for (size_t i = 0; i <= NEEDLE_VERSIONS; i++) {
		auto_buf secret = { 0 };
		buf_addf(&secret, "%s, version %03zu", name, i);
		assert_int_equal(
		    proxy_needles_renew(n, name, buf_str(&secret), &e), 0);
	}
}

static void
a_value_of_two_names_is_looked_for_while_one_has_it(void **state)
{
	(void)state;
	struct needles *n = proxy_needles_new();
	struct str both = STR("the same value");
	auto_buf out = { 0 };
	struct err e;
	assert_int_equal(proxy_needles_renew(n, "one", both, &e), 0);
	size_t forms = proxy_needles_count(n);
	assert_int_equal(proxy_needles_renew(n, "two", both, &e), 0);
	assert_int_equal(proxy_needles_count(n), forms);
	rotate_out(n, "one");
	assert_gone(n, both.at);
	rotate_out(n, "two");
	wash(n, both, both.len, &out);
	assert_string_equal(buf_z(&out), both.at);
	proxy_needles_free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_found_in_every_cut_R01_R02_R03),
		cmocka_unit_test(percent_escapes_of_each_writer_are_found_R02),
		cmocka_unit_test(escapes_of_pages_are_found_R02),
		cmocka_unit_test(base64_is_found_at_every_alignment_R02),
		cmocka_unit_test(what_is_none_passes_unchanged_in_every_cut),
		cmocka_unit_test(what_goes_on_behind_a_credential_goes_as_well),
		cmocka_unit_test(
		    of_a_bound_body_nothing_passes_behind_the_shorter_one),
		cmocka_unit_test(any_text_in_any_cut_gives_one_answer),
		cmocka_unit_test(
		    the_set_is_bounded_and_short_ones_are_not_looked_for),
		cmocka_unit_test(a_whole_set_may_have_every_form),
		cmocka_unit_test(
		    a_value_of_two_names_is_looked_for_while_one_has_it),
		cmocka_unit_test(
		    of_a_renewed_credential_the_last_values_are_looked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
