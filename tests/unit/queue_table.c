/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "queue/heap.h"

/* The table against a list that knows which items are in it. */

#define MOST 500

struct thing {
	struct item item;
	char text[8];
	bool in;
};

static struct str
key_of(const struct item *i)
{
	return str_of(CONTAINER(i, struct thing, item)->text);
}

static void
assert_all(const struct table *t, struct thing *things)
{
	size_t count = 0;

	for (size_t i = 0; i < MOST; i++) {
		const struct item *found = table_get(t, str_of(things[i].text));

		assert_ptr_equal(found, things[i].in ? &things[i].item : NULL);
		count += things[i].in;
	}
	assert_int_equal(t->count, count);
}

static void
what_was_put_is_found_until_it_is_dropped(void **state)
{
	static struct thing things[MOST];
	uint64_t seed = random_u64();
	struct table t = { .seed = seed, .key = key_of };

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (size_t i = 0; i < MOST; i++) {
		(void)snprintf(
		    things[i].text, sizeof(things[i].text), "%zu", i);
	}
	assert_all(&t, things);
	for (size_t n = 0; n < 20000; n++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		struct thing *x = &things[(seed >> 33) % MOST];

		/* Nearly full, and then nearly empty. */
		if (!x->in && (n / 4000 % 2 == 0 || seed >> 62 == 0)) {
			table_put(&t, &x->item);
			x->in = true;
		} else if (x->in && (n / 4000 % 2 || seed >> 62 == 0)) {
			table_drop(&t, &x->item);
			x->in = false;
		}
		if (n % 50 == 0) {
			assert_all(&t, things);
		}
	}
	table_fini(&t);
	assert_null(table_get(&t, STR("1")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found_until_it_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
