/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* libpq is opened at run time: what is said where it is not there, or is too
 * old.  Its name is another one here; the rest is the product's. */
static const char *pretended = "";
#define POSTGRES_LIBRARY pretended
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "store/postgres_library.c"

#include "store/store.h"

static void
opening_says(const char *name, const char *words)
{
	struct store *store = NULL;
	struct err e = { 0 };

	pretended = name;
	assert_int_equal(store_open("postgres://u:hunter2@127.0.0.1:1/x",
	                     STORE_CREATE, &store, &e),
	    -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, words));
	assert_non_null(strstr(e.text, "libpq5"));
	assert_null(strstr(e.text, "hunter2"));
	assert_null(store);
}

static void
without_libpq_the_package_is_named(void **state)
{
	(void)state;
	opening_says("libpq-that-is-not-there.so.5", "install the package");
}

static void
a_library_without_a_call_is_named_with_it(void **state)
{
	(void)state;
	opening_says("libm.so.6", "has no PQ");
}

/* Nothing of a failed try is kept. */
static void
a_library_that_came_meanwhile_is_opened(void **state)
{
	struct store *store = NULL;
	struct err e = { 0 };

	(void)state;
	opening_says("libm.so.6", "has no PQ");
	pretended = "libpq.so.5";
	assert_int_equal(
	    store_open("postgres://127.0.0.1:1/x", STORE_CREATE, &store, &e),
	    -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "no connection to PostgreSQL"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_libpq_the_package_is_named),
		cmocka_unit_test(a_library_without_a_call_is_named_with_it),
		cmocka_unit_test(a_library_that_came_meanwhile_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
