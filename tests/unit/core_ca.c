/* SPDX-License-Identifier: Apache-2.0 */
/* Which CA goes with a request, and when its bytes do, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parts/core.h"
#include "parts/core_ca.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"

#define KEPT 64 /* files of which core remembers what they hold */

static struct {
	struct core core;
	struct core_cell cell, other;
	char folder[32];
} house;

static const char *
path_of(unsigned n)
{
	return arena_printf(
	    &house.core.house.arena, "%s/%u.pem", house.folder, n)
	    .at;
}

static int
set_up(void **state)
{
	struct err e = { 0 };
	char text[16];

	(void)state;
	memset(&house, 0, sizeof(house));
	house.core.part.loop = loop_new_virtual();
	core_text(house.folder, sizeof(house.folder), "/tmp/core-ca-XXXXXX");
	assert_non_null(mkdtemp(house.folder));
	for (unsigned n = 0; n <= KEPT; n++) {
		(void)snprintf(text, sizeof(text), "ca %u", n);
		assert_int_equal(
		    file_write_atomic(path_of(n), str_of(text), 0600, &e), 0);
	}
	return 0;
}

static int
take_down(void **state)
{
	auto_buf command = { 0 };

	(void)state;
	buf_addf(&command, "rm -rf '%s'", house.folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	assert_int_equal(system(buf_z(&command)), 0);
	loop_free(house.core.part.loop);
	return 0;
}

/* It is this one; whether its bytes come along. */
static bool
comes(struct core_cell *cell, unsigned n)
{
	struct wire_go go = { 0 };
	struct err e = { 0 };
	char text[16];
	int fd = -1;

	(void)snprintf(text, sizeof(text), "ca %u", n);
	struct digest is = digest_of(str_of(text));

	assert_int_equal(
	    core_ca_put(&house.core, path_of(n), cell, &go, &fd, &e), 0);
	assert_memory_equal(go.ca, is.bytes, sizeof(go.ca));
	assert_int_equal(go.has_ca, fd >= 0 ? WIRE_CA_HERE : WIRE_CA_GIVEN);
	if (fd < 0) {
		return false;
	}
	auto_buf bytes = { 0 };

	assert_int_equal(core_body(&fd, 1, 0, 100, &bytes, &e), 0);
	assert_true(str_eq_z(buf_str(&bytes), text));
	auto_close_fd(&fd);
	return true;
}

static void
a_cell_is_given_its_bytes_once(void **state)
{
	(void)state;
	assert_true(comes(&house.cell, 1));
	assert_false(comes(&house.cell, 1));
	assert_true(comes(&house.other, 1));
	assert_true(comes(&house.cell, 2));
	assert_false(comes(&house.cell, 1));
	/* Of core's own egress nobody remembers what it was given. */
	assert_true(comes(NULL, 1));
	assert_true(comes(NULL, 1));
}

/* Its egress keeps at least as many. */
static void
of_many_a_cell_is_given_the_oldest_again(void **state)
{
	(void)state;
	for (unsigned n = 0; n < CORE_CAS_GIVEN; n++) {
		assert_true(comes(&house.cell, n));
	}
	for (unsigned n = 0; n < CORE_CAS_GIVEN; n++) {
		assert_false(comes(&house.cell, n));
	}
	assert_true(comes(&house.cell, CORE_CAS_GIVEN));
	assert_true(comes(&house.cell, 0));
	assert_false(comes(&house.cell, 2));
}

/* One that takes the place of another vouches for nobody in its stead. */
static void
of_more_files_than_are_remembered_each_is_its_own(void **state)
{
	size_t kept = 0;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned n = 0; n <= KEPT; n++) {
			assert_true(comes(NULL, n));
		}
	}
	for (const void *at = house.core.cas; at; kept++) {
		at = *(void *const *)at; /* the next comes first in each */
	}
	assert_int_equal(kept, KEPT);
}

/* Who is asked for by half a bundle would be refused without a reason. */
static void
what_is_longer_than_a_bundle_is_no_ca(void **state)
{
	struct wire_go go = { 0 };
	struct err e = { 0 };
	auto_buf text = { 0 };
	int fd = -1;

	(void)state;
	memset(buf_room(&text, CORE_CA_MAX + 1), 'a', CORE_CA_MAX + 1);
	buf_grew(&text, CORE_CA_MAX + 1);
	assert_int_equal(
	    file_write_atomic(path_of(0), buf_str(&text), 0600, &e), 0);
	assert_int_equal(
	    core_ca_put(&house.core, path_of(0), NULL, &go, &fd, &e), -1);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(e.text, path_of(0)));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(a_cell_is_given_its_bytes_once),
		TEST(of_many_a_cell_is_given_the_oldest_again),
		TEST(what_is_longer_than_a_bundle_is_no_ca),
		TEST(of_more_files_than_are_remembered_each_is_its_own),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
