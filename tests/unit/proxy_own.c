/* SPDX-License-Identifier: Apache-2.0 */
/* P08: what a cell shows of credentials, each value of them, and one that was
 * lent to it before. */
#include "proxy_help.h"

static void
ask(struct rig *r, struct end *c, const char *line, const char *more)
{
	auto_buf text = { 0 };
	buf_addf(&text, "%s HTTP/1.1\r\nHost: good.test\r\n%s\r\n", line, more);
	cell_good(r, c);
	end_say(c, buf_str(&text));
}

static void
P08_every_value_that_it_brings_is_asked_about(void **state)
{
	(void)state;
	static const struct {
		const char *line, *more, *values;
	} asks[] = {
		{ "GET /a", "Authorization: Bearer one\r\n", "one|" },
		{ "GET /a", "Authorization: one\r\nX-Api-Key: two\r\n",
		    "one|two|" },
		{ "GET /a",
		    "X-Api-Key: decoy\r\nx-api-key: real\r\n"
		    "Private-Token:  last \r\n",
		    "decoy|real|last|" },
		{ "GET /a", "Authorization: Basic b25lOnR3bw==\r\n",
		    "one|two|" },
		{ "GET /a", "Authorization: bAsIc b25lOg==\r\n", "one|" },
		{ "GET /a", "Cookie: a=one; b=\"two\";c=x=y\r\n",
		    "one|\"two\"|x=y|" },
		{ "GET /a?token=one&x=no&KEY=t%77%6f%2B", "", "one|two+|" },
		{ "GET /a?sig=one;api_key=two", "Cookie: a=three\r\n",
		    "three|one|two|" },
		{ "GET /a?x=y", "X-Other: no\r\n", "" },
	};
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		r.decide = REFUSE;
		ask(&r, &c, asks[i].line, asks[i].more);
		rig_until(&r, end_got(&c, "}\n"));
		assert_string_equal(r.intent.values, asks[i].values);
		assert_origin_untouched(&r);
		end_close(&c);
		rig_free(&r);
	}
}

static void
P08_more_than_can_be_asked_about_are_refused(void **state)
{
	(void)state;
	for (size_t count = PROXY_OWN_MAX; count < PROXY_OWN_MAX + 2; count++) {
		struct rig r;
		struct end c;
		auto_buf more = { 0 };
		buf_add_z(&more, "Cookie: ");
		for (size_t i = 0; i < count; i++) {
			buf_addf(&more, "%sa%zu=b", i ? "; " : "", i);
		}
		buf_add_z(&more, "\r\n");
		rig_new(&r, NULL);
		rig_pin(&r);
		r.go.keep_credentials = true;
		ask(&r, &c, "GET /a", buf_z(&more));
		if (count > PROXY_OWN_MAX) {
			assert_refused_early(&r, "more credentials");
			rig_until(&r, end_got(&c, "HTTP/1.1 403 "));
		} else {
			rig_until(&r, end_got(&c, "hello"));
		}
		end_close(&c);
		rig_free(&r);
	}
}

static void
P08_what_was_lent_to_it_is_not_sent_by_it(void **state)
{
	(void)state;
	static const struct {
		const char *line, *more;
		bool refused;
	} asks[] = {
		{ "GET /a", "X-Note: see " SECRET " here\r\n", true },
		{ "GET /a/" SECRET, "", true },
		{ "GET /a?note=" SECRET, "", true },
		/* base64 of it behind one other byte */
		{ "GET /a", "X-Note: eHMzY3IzdC1jYW5hcnktMDEyMzQ1Njc4OQ==\r\n",
		    true },
		{ "GET /a", "X-Note: s3cr3t-canary-0123456788\r\n", false },
	};
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct rig r;
		struct end c;
		struct end d;
		rig_new(&r, NULL);
		rig_inject(&r);
		ask(&r, &c, "GET /first", "");
		rig_until(&r, end_got(&c, "hello"));
		size_t had = r.origin.at[0].got.len;
		ask(&r, &d, asks[i].line, asks[i].more);
		rig_until(&r, r.outcomes == 2);
		rig_turns(&r, 20);
		assert_int_equal(r.outcome.end,
		    asks[i].refused ? PROXY_REFUSED : PROXY_ANSWERED);
		assert_int_equal(r.redeems, asks[i].refused ? 1 : 2);
		assert_int_equal(r.origin.count, 1);
		assert_int_equal(
		    r.origin.at[0].got.len > had, !asks[i].refused);
		if (asks[i].refused) {
			assert_true(end_got(&d, "HTTP/1.1 403 "));
			assert_true(end_got(&d, "brings a credential"));
		}
		end_close(&c);
		end_close(&d);
		rig_free(&r);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(P08_every_value_that_it_brings_is_asked_about),
		cmocka_unit_test(P08_more_than_can_be_asked_about_are_refused),
		cmocka_unit_test(P08_what_was_lent_to_it_is_not_sent_by_it),
	};

	return cmocka_run_group_tests_name("proxy_own", tests, NULL, NULL);
}
