/* SPDX-License-Identifier: Apache-2.0 */
/* An upstream that fails before the call that asks for it has returned: whoever
 * asked is ended once, and nothing of it is touched behind that (ASan looks).
 */
#include "proxy_help.h"

/* Not a rig_until: nothing may be left to a later turn. */
static void
go_nowhere(struct rig *r)
{
	r->go.tls = true;
	r->resolver_away = true;
	proxy_go(r->proxy, r->id, &r->go);
}

static void /* NOLINTNEXTLINE(*-function-size): rig_until is a loop */
a_cell_that_has_hung_up_is_ended_with_it(void **state)
{
	struct rig r;
	struct end c;

	(void)state;
	for (int away = 0; away < 2; away++) {
		rig_new(&r, NULL);
		r.decide = HOLD;
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.intents == 1);
		if (away) {
			end_close(&c);
		}
		go_nowhere(&r);
		assert_int_equal(r.resolves, 1);
		assert_int_equal(r.outcomes, 1);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		rig_turns(&r, 20);
		assert_int_equal(r.outcomes, 1);
		if (!away) {
			rig_until(&r, end_got(&c, "HTTP/1.1 504 "));
			end_close(&c);
		}
		assert_origin_untouched(&r);
		rig_free(&r);
	}
}

static void
a_request_of_the_house_is_told_so_once(void **state)
{
	static const char *const hosts[] = { GOOD, "127.0.0.1" };
	struct rig r;

	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct proxy_fetch f = { .method = "GET",
			.host = hosts[i],
			.port = 443,
			.target = "/a",
			.headers = "",
			.timeout_us = CLOCK_MINUTE,
			.answer_limit = 100,
			.go = { .tls = true } };
		uint64_t id;
		struct err e;

		rig_new(&r, NULL);
		r.resolver_away = true;
		assert_true(str_copy(r.intent.host, 256, str_of(hosts[i])));
		assert_int_equal(proxy_fetch(r.proxy, &f, &id, &e), 0);
		rig_until(&r, r.fetched == 1);
		assert_int_equal(r.fetched_kind, i ? ERR_DENIED : ERR_TIMEOUT);
		rig_turns(&r, 20);
		assert_int_equal(r.fetched, 1);
		assert_origin_untouched(&r);
		rig_free(&r);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cell_that_has_hung_up_is_ended_with_it),
		cmocka_unit_test(a_request_of_the_house_is_told_so_once),
	};

	return cmocka_run_group_tests_name("proxy_at_once", tests, NULL, NULL);
}
