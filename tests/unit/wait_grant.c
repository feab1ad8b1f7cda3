/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_help.h"

#include <stdlib.h>
#include <time.h>

#include "wait/grant.h"

/* Standing grants: for whom, for what, how long, and never for two. */

struct granting {
	struct world w;
	struct wait_grants *grants;
};

static void
begin(struct granting *g)
{
	init(&g->w);
	g->grants = wait_grants_new();
}

static void
end(struct granting *g)
{
	wait_grants_free(g->grants);
	fini(&g->w);
}

static struct wait_put
rememberable(uint32_t call)
{
	struct wait_put c = question(call);

	c.asked_by = digest_of(STR("gates"));
	c.named_args = digest_of(STR("named"));
	return c;
}

/* Put and approved; the item. */
static const struct wait_item *
approved(struct granting *g, struct wait_put c)
{
	struct wait_step s = { 0 };
	struct wait_decide say = {
		.yes = true,
		.principal = STR("anna"),
		.surface = STR("cli"),
		.now = g->w.now,
	};

	assert_int_equal(put(&g->w, c, &s), 0);
	say.id = s.id;
	assert_int_equal(
	    wait_decide(g->w.list, &g->w.arena, &say, &s, &g->w.e), 0);
	apply(&g->w, &s);
	return wait_find(g->w.list, say.id);
}

static int
make(struct granting *g, const struct wait_item *item, int64_t lasts,
    struct wait_step *s)
{
	struct wait_grant_make c = {
		.item = item,
		.principal = STR("anna"),
		.surface = STR("cli"),
		.lasts_us = lasts,
		.now = g->w.now,
	};
	uint8_t random[WAIT_ID_RANDOM];

	memset(random, ++g->w.next_id, sizeof(random));
	if (wait_grant_make(g->grants, &g->w.arena, &c, random, s, &g->w.e)) {
		return -1;
	}
	return wait_grant_apply(g->grants, s->body, &g->w.e);
}

static struct wait_grant_use
use_of(const struct granting *g)
{
	struct wait_subject s = subject(1);

	return (struct wait_grant_use){
		.identity = s.identity,
		.tool = s.tool,
		.contract = s.contract,
		.asked = digest_of(STR("gates")),
		.named = digest_of(STR("named")),
		.now = g->w.now,
	};
}

static void
a_grant_covers_exactly_what_it_was_given_for(void **state)
{
	struct granting g;
	struct wait_step s = { 0 };

	(void)state;
	begin(&g);
	assert_null(wait_grant_find(g.grants, &(struct wait_grant_use){ 0 }));
	assert_int_equal(
	    make(&g, approved(&g, rememberable(1)), CLOCK_MINUTE, &s), 0);
	struct wait_grant_use use = use_of(&g);
	const struct wait_grant *found = wait_grant_find(g.grants, &use);

	assert_non_null(found);
	assert_true(str_eq_z(s.id, found->id));
	assert_true(str_eq(found->by, STR("anna")));
	struct wait_grant_use others[] = { use, use, use, use, use, use, use };

	others[0].identity = STR("linux__server__finance_coworker");
	others[1].tool = STR("git_pull");
	others[2].contract = digest_of(STR("another contract"));
	others[3].asked = digest_of(STR("another gate"));
	others[4].named = digest_of(STR("other arguments"));
	others[5].now.us += CLOCK_MINUTE;
	others[6].now.us -= 1;
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_row(!wait_grant_find(g.grants, &others[i]), i);
	}
	use.now.us += CLOCK_MINUTE - 1;
	assert_non_null(wait_grant_find(g.grants, &use));
	assert_null(wait_grant_expired(g.grants, use.now));
	use.now.us++;
	assert_ptr_equal(wait_grant_expired(g.grants, use.now), found);
	end(&g);
}

static void
what_two_must_allow_and_what_was_not_allowed_is_not_remembered(void **state)
{
	struct granting g;
	struct wait_step s = { 0 };
	struct wait_put two = rememberable(1);
	struct wait_put old = question(2);
	struct wait_put unknown = rememberable(3);
	struct wait_put open = rememberable(4);

	(void)state;
	begin(&g);
	two.people = 2;
	assert_int_equal(make(&g, approved(&g, two), CLOCK_MINUTE, &s), -1);
	assert_int_equal(g.w.e.kind, ERR_DENIED);
	assert_int_equal(make(&g, approved(&g, old), CLOCK_MINUTE, &s), -1);
	unknown.kind = WAIT_UNKNOWN_OUTCOME;
	assert_int_equal(make(&g, approved(&g, unknown), CLOCK_MINUTE, &s), -1);
	assert_int_equal(put(&g.w, open, &s), 0);
	assert_int_equal(
	    make(&g, wait_find(g.w.list, s.id), CLOCK_MINUTE, &s), -1);
	const struct wait_item *good = approved(&g, rememberable(5));

	assert_int_equal(make(&g, good, CLOCK_MINUTE - 1, &s), -1);
	assert_int_equal(make(&g, good, WAIT_GRANT_MAX_US + 1, &s), -1);
	assert_int_equal(g.w.e.kind, ERR_INPUT);
	struct wait_grant_make other = {
		.item = good,
		.principal = STR("bert"),
		.surface = STR("cli"),
		.lasts_us = CLOCK_MINUTE,
		.now = g.w.now,
	};
	const uint8_t random[WAIT_ID_RANDOM] = { 0 };

	assert_int_equal(
	    wait_grant_make(g.grants, &g.w.arena, &other, random, &s, &g.w.e),
	    -1);
	assert_null(wait_grant_at(g.grants, 0));
	end(&g);
}

static void
an_event_that_no_command_wrote_is_refused(void **state)
{
	static const char *const bodies[] = {
		"{}",
		"{\"event\":\"granted\",\"id\":\"g-aaaaaaaaaaaaaaaaaaaa\"}",
		"{\"event\":\"revoked\",\"id\":\"g-aaaaaaaaaaaaaaaaaaaa\"}",
		"{\"event\":\"put\",\"id\":\"g-aaaaaaaaaaaaaaaaaaaa\"}",
		"[",
	};
	struct granting g;
	struct wait_step s = { 0 };

	(void)state;
	begin(&g);
	for (size_t i = 0; i < COUNT(bodies); i++) {
		assert_row(
		    wait_grant_apply(g.grants, str_of(bodies[i]), &g.w.e) != 0,
		    i);
	}
	assert_int_equal(
	    make(&g, approved(&g, rememberable(1)), CLOCK_MINUTE, &s), 0);
	assert_int_equal(wait_grant_apply(g.grants, s.body, &g.w.e), -1);
	assert_int_equal(g.w.e.kind, ERR_CONFLICT);
	assert_null(wait_grant_at(g.grants, 1));
	end(&g);
}

/* --- against a list of what was given --- */

struct given {
	struct str id;
	struct wall until;
	unsigned what; /* which of few subjects */
	bool revoked;
};

static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#define THINGS 4
#define STEPS  60

static bool
stands(const struct given *given, size_t count, unsigned what, struct wall now)
{
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		found |= given[i].what == what && !given[i].revoked &&
		         now.us < given[i].until.us;
	}
	return found;
}

/* Whether it was the first time. */
static bool
revoke(struct granting *g, struct given *x, struct wait_step *s)
{
	struct err e = { 0 };
	bool first = !x->revoked;

	assert_int_equal(wait_grant_revoke(g->grants, &g->w.arena, x->id,
	                     STR("bert"), g->w.now, s, &e) == 0,
	    first);
	if (first) {
		assert_int_equal(wait_grant_apply(g->grants, s->body, &e), 0);
	}
	x->revoked = true;
	return first;
}

/* Covered exactly as long as a grant of it stands: never before, after its end
 * or its recall, never for another thing; and a rebuild says the same. */
static void
play(uint64_t seed)
{
	static const char *const names[THINGS] = { "a", "b", "c", "d" };
	struct granting g;
	struct given given[STEPS];
	size_t count = 0;
	struct str log[2 * STEPS];
	size_t logged = 0;
	struct wait_step s = { 0 };
	struct err e = { 0 };

	begin(&g);
	struct wait_item item = *approved(&g, rememberable(1));
	struct wait_grants *other = wait_grants_new();

	for (unsigned n = 0; n < STEPS; n++) {
		uint64_t r = next(&seed);
		unsigned what = r >> 8 & (THINGS - 1);

		g.w.now.us += (int64_t)(r >> 16 & 31) * CLOCK_SECOND;
		if (r % 3 == 0) {
			item.named_args = digest_of(str_of(names[what]));
			int64_t lasts = CLOCK_MINUTE +
			                (int64_t)(r >> 24 & 127) * CLOCK_SECOND;

			assert_int_equal(make(&g, &item, lasts, &s), 0);
			given[count++] = (struct given){ s.id,
				{ g.w.now.us + lasts }, what, false };
			log[logged++] = s.body;
		} else if (r % 3 == 1 && count) {
			struct given *x = &given[(r >> 32) % count];

			bool first = revoke(&g, x, &s);

			log[logged] = s.body;
			logged += first;
		}
		for (unsigned t = 0; t < THINGS; t++) {
			struct wait_grant_use use = use_of(&g);

			use.named = digest_of(str_of(names[t]));
			assert_int_equal(
			    wait_grant_find(g.grants, &use) != NULL,
			    stands(given, count, t, g.w.now));
		}
	}
	for (size_t i = 0; i < logged; i++) {
		assert_int_equal(wait_grant_apply(other, log[i], &e), 0);
	}
	const struct wait_grant *x = wait_grant_at(g.grants, 0);

	for (size_t i = 0; x; x = wait_grant_at(g.grants, ++i)) {
		assert_string_equal(x->id, wait_grant_at(other, i)->id);
	}
	wait_grants_free(other);
	end(&g);
}

static void
nothing_is_covered_but_what_stands(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed =
	    given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < 300; i++) {
		play(seed + 2ULL * i + 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_covers_exactly_what_it_was_given_for),
		cmocka_unit_test(
		    what_two_must_allow_and_what_was_not_allowed_is_not_remembered),
		cmocka_unit_test(an_event_that_no_command_wrote_is_refused),
		cmocka_unit_test(nothing_is_covered_but_what_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
