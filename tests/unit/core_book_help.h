/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CORE_BOOK_HELP_H
#define TESTS_UNIT_CORE_BOOK_HELP_H

/* A book of core's in a folder of its own; included behind cmocka.h. */

#include <stdlib.h>

#include "parts/core.h"

#define BOOK_FOLDER 64

/* folder: made, and the state of core, which has its loop already. */
static void
book_make(struct core *c, char folder[BOOK_FOLDER])
{
	auto_buf path = { 0 };
	struct err e = { 0 };

	core_text(folder, BOOK_FOLDER, "/tmp/core-XXXXXX");
	assert_non_null(mkdtemp(folder));
	buf_addf(&path, "%s/book.db", folder);
	c->state = folder;
	c->where = arena_z(&c->house.arena, buf_str(&path));
	if (core_book_open(c, c->where, &e) || core_book_recover(c, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
book_remove(struct core *c, const char *folder)
{
	auto_buf command = { 0 };

	store_close(c->book.store);
	buf_addf(&command, "rm -rf '%s'", folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	assert_int_equal(system(buf_z(&command)), 0);
}

#endif
