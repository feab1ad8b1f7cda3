/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "roles/roles.h"

static char file[] = "/tmp/roles_password_XXXXXX";

/* With the file of that owner and mode; NULL: nothing is to be mended. */
static const char *
mend(struct arena *a, const char *url, uid_t owner, mode_t mode)
{
	const struct config c = {
		.file = str_of(file),
		.store = str_of(url),
	};

	if (geteuid() == 0) {
		assert_int_equal(chown(file, owner, owner), 0);
	}
	assert_int_equal(chmod(file, mode), 0);
	return roles_tells_password(a, &c);
}

static void
a_password_is_found_wherever_a_url_may_hold_it(void **state)
{
	static const char *const with[] = { "postgres://u:secret@h/d",
		"postgresql://u:secret@h:5432,i:5433/d?sslmode=require",
		"postgres://u:secret@/d", "postgres://:secret@h",
		"postgres://u:se?cret@h/d", "postgres://h/d?password=secret",
		"postgres:///d?user=u&password=secret" };
	static const char *const without[] = { "", "postgres://u@h:5432/d",
		"postgres://h:5432/d?application_name=a@b", "postgres://u:@h/d",
		"postgres://h/d?password=", "postgres://h/d?passfile=/a:b" };
	auto_arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(with); i++) {
		const char *said = mend(&a, with[i], 1000, 0644);

		assert_non_null(said);
		assert_false(str_has_str(str_of(said), STR("cret")));
	}
	for (size_t i = 0; i < COUNT(without); i++) {
		assert_null(mend(&a, without[i], 1000, 0644));
	}
}

static void
it_is_nobodys_matter_in_a_file_that_others_cannot_read(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	assert_null(mend(&a, "postgres://u:secret@h/d", 1000, 0600));
	assert_null(mend(&a, "postgres://u:secret@h/d", 1000, 0640));
	assert_non_null(mend(&a, "postgres://u:secret@h/d", 1000, 0604));
}

/* Core of root's house could not read it any more. */
static void
the_file_of_root_stays_readable(void **state)
{
	auto_arena a = { 0 };
	struct str said;

	(void)state;
	if (geteuid()) {
		print_message("# skipped: only root gives files away\n");
		skip();
	}
	said = str_of(mend(&a, "postgres://u:secret@h/d", 1000, 0644));
	assert_true(str_has_str(said, STR("`chmod 600 /tmp/")));
	said = str_of(mend(&a, "postgres://u:secret@h/d", 0, 0644));
	assert_false(str_has_str(said, STR("chmod")));
	assert_true(str_has_str(said, STR("PGPASSWORD")));
}

static int
make_file(void **state)
{
	int fd = mkstemp(file);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int
drop_file(void **state)
{
	(void)state;
	return unlink(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_password_is_found_wherever_a_url_may_hold_it),
		cmocka_unit_test(
		    it_is_nobodys_matter_in_a_file_that_others_cannot_read),
		cmocka_unit_test(the_file_of_root_stays_readable),
	};

	return cmocka_run_group_tests(tests, make_file, drop_file);
}
