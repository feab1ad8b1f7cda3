/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a workspace is as its trace says: every way in which it is not, one
 * by one, on a real folder; what cannot be told apart leaves no trace; and a
 * trace that makes no sense is none. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cell/inside.h"

#define ENTRIES 9 /* the folder itself included */

struct ground {
	char folder[32];
	int fd;
	struct trace trace;
};

static void
put(const struct ground *g, const char *path, const char *text)
{
	int fd = openat(g->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static int
note(void *owner, const struct tree_entry *entry, struct err *e)
{
	(void)e;
	trace_add(owner, &entry->stat, entry->depth, entry->name);
	return 0;
}

/* When no change of now can bear the stamps of then. */
static struct timespec
later(void)
{
	struct timespec t = recall_clock();

	t.tv_sec += 60;
	return t;
}

/* As a digest does it that began then. */
static void
follow(struct ground *g, struct timespec began)
{
	struct tree_walk walk = {
		.visit = note,
		.owner = &g->trace,
		.sorted = true,
	};
	struct err e;

	trace_fini(&g->trace);
	trace_begin(&g->trace, g->fd, began);
	assert_int_equal(tree_walk(g->fd, &walk, &e), 0);
}

static size_t
stamps_of(const struct ground *g)
{
	return g->trace.stamps.len / sizeof(struct stamp);
}

static bool
stands(const struct ground *g)
{
	return trace_stands(
	    (const struct stamp *)(const void *)buf_str(&g->trace.stamps).at,
	    stamps_of(g), buf_str(&g->trace.names).at, g->trace.names.len,
	    g->fd);
}

static int
set_up(void **state)
{
	struct ground *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	(void)snprintf(g->folder, sizeof(g->folder), "/tmp/trace-XXXXXX");
	assert_non_null(mkdtemp(g->folder));
	g->fd = open(g->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(g->fd >= 0);
	put(g, "a", "text");
	assert_int_equal(mkdirat(g->fd, "b", 0755), 0);
	assert_int_equal(mkdirat(g->fd, "b/c", 0755), 0);
	put(g, "b/c/d", "text");
	put(g, "b/c/e", "text");
	put(g, "b/f", "text");
	assert_int_equal(mkdirat(g->fd, "empty", 0755), 0);
	assert_int_equal(symlinkat("a", g->fd, "link"), 0);
	follow(g, later());
	*state = g;
	return 0;
}

static int
tear_down(void **state)
{
	struct ground *g = *state;
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf %s", g->folder);
	assert_int_equal(system(command), 0); /* NOLINT: our own folder */
	(void)close(g->fd);
	trace_fini(&g->trace);
	free(g);
	return 0;
}

static void
a_folder_that_nobody_touched_stands(void **state)
{
	const struct ground *g = *state;

	assert_false(g->trace.broken);
	assert_int_equal(stamps_of(g), ENTRIES);
	assert_true(stands(g));
	assert_true(stands(g));
}

static void
add_a_file(const struct ground *g)
{
	put(g, "b/c/new", "");
}

static void
add_to_an_empty_folder(const struct ground *g)
{
	put(g, "empty/new", "");
}

static void
add_at_the_top(const struct ground *g)
{
	put(g, "zz", "");
}

static void
take_a_file_away(const struct ground *g)
{
	assert_int_equal(unlinkat(g->fd, "b/f", 0), 0);
}

static void
take_the_last_away(const struct ground *g)
{
	assert_int_equal(unlinkat(g->fd, "link", 0), 0);
}

static void
exchange_two_names(const struct ground *g)
{
	assert_int_equal(
	    renameat2(g->fd, "b/c/d", g->fd, "b/c/e", RENAME_EXCHANGE), 0);
}

static void
rename_a_folder(const struct ground *g)
{
	assert_int_equal(renameat(g->fd, "empty", g->fd, "emptied"), 0);
}

static void
write_a_byte(const struct ground *g)
{
	put(g, "b/c/e", "T");
}

static void
change_a_mode(const struct ground *g)
{
	assert_int_equal(fchmodat(g->fd, "b", 0700, 0), 0);
}

static void
change_the_top(const struct ground *g)
{
	assert_int_equal(fchmod(g->fd, 0711), 0);
}

static void
turn_a_link(const struct ground *g)
{
	assert_int_equal(unlinkat(g->fd, "link", 0), 0);
	assert_int_equal(symlinkat("b", g->fd, "link"), 0);
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
whatever_changed_is_seen(void **state)
{
	static void (*const changes[])(const struct ground *g) = { add_a_file,
		add_to_an_empty_folder, add_at_the_top, take_a_file_away,
		exchange_two_names, rename_a_folder, write_a_byte,
		change_a_mode, change_the_top, turn_a_link,
		take_the_last_away };
	struct ground *g = *state;

	for (size_t i = 0; i < COUNT(changes); i++) {
		assert_true(stands(g));
		/* The clock of stamps must have moved on. */
		assert_int_equal(usleep(25000), 0);
		changes[i](g);
		if (stands(g)) {
			fail_msg("change %zu is not seen", i);
		}
		follow(g, later());
	}
}

/* What is as new as the digest could change again and look the same. */
static void
what_is_new_leaves_no_trace(void **state)
{
	struct ground *g = *state;
	struct stat st;

	put(g, "b/c/e", "T");
	assert_int_equal(fstatat(g->fd, "b/c/e", &st, 0), 0);
	follow(g, st.st_ctim);
	assert_true(g->trace.broken);
}

static void
more_than_the_bound_leaves_no_trace(void **state)
{
	struct ground *g = *state;
	struct stat st;

	assert_int_equal(fstat(g->fd, &st), 0);
	for (size_t i = stamps_of(g); i < MEMO_FILES_MAX; i++) {
		trace_add(&g->trace, &st, 1, "x");
	}
	assert_false(g->trace.broken);
	trace_add(&g->trace, &st, 1, "x");
	assert_true(g->trace.broken);
}

/* The parent holds what the helper wrote; nonsense is nothing, and ends nobody.
 */
static void
a_trace_that_makes_no_sense_is_none(void **state)
{
	struct ground *g = *state;
	struct stamp *s = (struct stamp *)(void *)buf_z(&g->trace.stamps);
	const char *names = buf_str(&g->trace.names).at;
	size_t size = g->trace.names.len;
	static const uint32_t depths[] = { 0, 3, TREE_DEPTH_MAX, UINT32_MAX };

	for (size_t i = 0; i < COUNT(depths); i++) {
		uint32_t was = s[1].depth;

		s[1].depth = depths[i];
		assert_false(stands(g));
		s[1].depth = was;
	}
	assert_true(stands(g));
	assert_false(trace_stands(s, ENTRIES, names, size - 1, g->fd));
	assert_false(trace_stands(s, ENTRIES, names, 0, g->fd));
	assert_false(trace_stands(s, ENTRIES - 1, names, size, g->fd));
	assert_false(trace_stands(s, ENTRIES, names, size, -1));
	int other = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_false(trace_stands(s, ENTRIES, names, size, other));
	(void)close(other);
}

static struct digest
digested(const struct ground *g, int memo)
{
	struct work_task task = { .folder = g->fd, .memo = memo };
	struct digest all;
	uint64_t read;
	struct err e;

	assert_int_equal(work_digest(&task, &all, &read, &e), 0);
	return all;
}

/* Another digest in the memo is the one that is told: nothing was hashed. */
static void
what_stands_is_not_digested_again(void **state)
{
	const struct ground *g = *state;
	struct memo_head head;
	int memo = memfd_create("memo", MFD_CLOEXEC);

	assert_true(memo >= 0);
	do { /* until all is old enough */
		(void)digested(g, memo);
	} while (pread(memo, &head, sizeof(head), 0) != sizeof(head) ||
	         head.stamps == 0);
	assert_int_equal(head.stamps, ENTRIES);
	assert_true(digest_eq(digested(g, memo), digested(g, -1)));
	head.whole[0] ^= 1;
	assert_int_equal(
	    pwrite(memo, &head, sizeof(head), 0), (ssize_t)sizeof(head));
	assert_memory_equal(digested(g, memo).bytes, head.whole, DIGEST_SIZE);
	add_a_file(g);
	assert_true(digest_eq(digested(g, memo), digested(g, -1)));
	(void)close(memo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_folder_that_nobody_touched_stands, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    whatever_changed_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_new_leaves_no_trace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    more_than_the_bound_leaves_no_trace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_trace_that_makes_no_sense_is_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_stands_is_not_digested_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
