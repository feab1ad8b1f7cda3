/* SPDX-License-Identifier: Apache-2.0 */
/* A device is who its bus says it is: below a sysfs of this test's own. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "roles/roles.h"

struct bus {
	struct arena arena;
	char sysfs[64];
};

static int
set_up(void **state)
{
	struct bus *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	(void)str_copy(
	    b->sysfs, sizeof(b->sysfs), STR("/tmp/handrail-usb-XXXXXX"));
	assert_non_null(mkdtemp(b->sysfs));
	*state = b;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct bus *b = *state;

	assert_int_equal(
	    nftw(b->sysfs, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	arena_fini(&b->arena);
	free(b);
	return 0;
}

static const char *
in(struct bus *b, const char *path)
{
	return arena_printf(&b->arena, "%s/%s", b->sysfs, path).at;
}

static void
attribute(struct bus *b, const char *path, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(
	    file_write_atomic(in(b, path), str_of(text), 0600, &e), 0);
}

/* A terminal of interface 1-1:1.0 of the device 1-1, as udev shows it. */
static void
plug_in(struct bus *b, const char *number, const char *below)
{
	struct err e = { 0 };
	const char *link = arena_printf(&b->arena, "dev/char/%s", number).at;

	assert_int_equal(file_mkdirs(in(b, "devices/1-1"), 0700, &e), 0);
	assert_int_equal(file_mkdirs(in(b, below), 0700, &e), 0);
	assert_int_equal(file_mkdirs(in(b, link), 0700, &e), 0);
	assert_int_equal(
	    symlink(in(b, below),
	        arena_printf(&b->arena, "%s/%s/device", b->sysfs, link).at),
	    0);
}

static void
a_terminal_is_the_device_that_it_belongs_to(void **state)
{
	struct bus *b = *state;
	char text[64] = "";
	struct err e = { 0 };

	plug_in(b, "166:0", "devices/1-1/1-1:1.0");
	plug_in(b, "188:0", "devices/1-1/1-1:1.0/ttyUSB0");
	attribute(b, "devices/1-1/idVendor", "303a\n");
	attribute(b, "devices/1-1/idProduct", "1001\n");
	attribute(b, "devices/1-1/serial", "AA:BB:0C\n");
	assert_int_equal(
	    roles_usb_device(b->sysfs, 166, 0, text, sizeof(text), &e), 0);
	assert_string_equal(text, "303a:1001:AA:BB:0C");
	text[0] = '\0';
	assert_int_equal(
	    roles_usb_device(b->sysfs, 188, 0, text, sizeof(text), &e), 0);
	assert_string_equal(text, "303a:1001:AA:BB:0C");
	assert_int_equal(
	    roles_usb_device(b->sysfs, 166, 1, text, sizeof(text), &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

static void
without_a_serial_number_it_is_nobody(void **state)
{
	struct bus *b = *state;
	char text[64] = "as it was";
	struct err e = { 0 };

	plug_in(b, "166:0", "devices/1-1/1-1:1.0");
	attribute(b, "devices/1-1/idVendor", "303a\n");
	attribute(b, "devices/1-1/idProduct", "1001\n");
	assert_int_equal(
	    roles_usb_device(b->sysfs, 166, 0, text, sizeof(text), &e), -1);
	attribute(b, "devices/1-1/serial", "\n");
	assert_int_equal(
	    roles_usb_device(b->sysfs, 166, 0, text, sizeof(text), &e), -1);
	attribute(b, "devices/1-1/serial",
	    "a\x01"
	    "b\n");
	assert_int_equal(
	    roles_usb_device(b->sysfs, 166, 0, text, sizeof(text), &e), -1);
	attribute(b, "devices/1-1/serial",
	    "12345678901234567890123456789012345678901234567890123456789\n");
	assert_int_equal(
	    roles_usb_device(b->sysfs, 166, 0, text, sizeof(text), &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_string_equal(text, "as it was");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_terminal_is_the_device_that_it_belongs_to, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    without_a_serial_number_it_is_nobody, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
