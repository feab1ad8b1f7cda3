/* SPDX-License-Identifier: Apache-2.0 */
/* Permission files by core's own code, its book and a real folder. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_permission.h"

#define MANY     1100
#define LONG_AGO 1000000000

struct house {
	char folder[64];
	struct core core;
	struct loop_timer timer;
	bool (*done)(struct house *h);
	int64_t until;
	size_t asked;
	char first[WAIT_FILE_MAX + 1];
};

static const char *
path_of(struct house *h, const char *kind, const char *id)
{
	static char text[400];

	(void)snprintf(text, sizeof(text), "%s/permissions/%s-%s.json",
	    h->folder, kind, id);
	return text;
}

static bool
is_there(struct house *h, const char *kind, const char *id)
{
	return access(path_of(h, kind, id), F_OK) == 0;
}

static void
begin(struct house *h)
{
	struct core *c = &h->core;
	auto_buf path = { 0 };
	struct err e = { 0 };

	/* In the memory: every gate file is a sync of the disk. */
	memset(h, 0, sizeof(*h));
	(void)snprintf(
	    h->folder, sizeof(h->folder), "/dev/shm/core-files-XXXXXX");
	if (!mkdtemp(h->folder)) {
		(void)snprintf(
		    h->folder, sizeof(h->folder), "/tmp/core-files-XXXXXX");
		assert_non_null(mkdtemp(h->folder));
	}
	buf_addf(&path, "%s/permissions", h->folder);
	assert_int_equal(mkdir(buf_z(&path), 0700), 0);
	buf_clear(&path);
	buf_addf(&path, "%s/book.db", h->folder);
	c->part.loop = loop_new();
	c->state = h->folder;
	c->where = arena_z(&c->house.arena, buf_str(&path));
	if (core_book_open(c, c->where, &e) || core_book_recover(c, &e)) {
		fail_msg("%s", e.text);
	}
	core_commit_begin(c);
	core_wait_files_begin(c);
	c->vault_ready = true;
}

static void
end(struct house *h)
{
	auto_buf command = { 0 };

	store_close(h->core.book.store);
	buf_addf(&command, "rm -rf '%s'", h->folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	assert_int_equal(system(buf_z(&command)), 0);
}

static void
ask(struct house *h, char id[WAIT_FILE_MAX + 1])
{
	static const struct str surfaces[] = { { "file", 4 }, { "cli", 3 } };
	struct core *c = &h->core;
	auto_arena a = { 0 };
	uint8_t random[16];
	char text[33];
	struct wait_step step = { 0 };
	struct err e = { 0 };

	random_bytes(random, sizeof(random));
	hex_text(random, sizeof(random), text);
	struct wait_put put = {
		.kind = WAIT_APPROVAL,
		.subject = { .identity = STR("linux__server__payer_coworker"),
		    .tool = STR("pay"),
		    .run = arena_printf(&a, "run-%zu", h->asked++),
		    .call = 1 },
		.asker = STR("linux__server__payer_coworker"),
		.gate = STR("gate.pay"),
		.hint = STR("pay"),
		.people = 1,
		.surfaces = surfaces,
		.surface_count = COUNT(surfaces),
		.file = str_of(text),
		.file_name = STR("pay"),
		.now = wall_now(),
		.expires_us = 24LL * 60 * CLOCK_MINUTE,
	};

	if (wait_put(c->waits, &a, &put, random, &step, &e)) {
		fail_msg("%s", e.text);
	}
	(void)core_wait_step(c, BOOK_WAIT_PUT, step.id, step.body, NULL);
	core_wait_files_put(c, wait_find(c->waits, step.id));
	assert_true(str_copy(id, WAIT_FILE_MAX + 1, str_of(text)));
}

static void
watch(void *owner)
{
	struct house *h = owner;

	if (h->done(h) || mono_now().us > h->until) {
		loop_stop(h->core.part.loop);
		return;
	}
	loop_timer_arm(&h->timer, h->core.part.loop,
	    mono_after(mono_now(), CLOCK_SECOND / 50), watch, h);
}

/* The house goes on until that is so. */
static void
until(struct house *h, bool (*done)(struct house *h))
{
	h->done = done;
	h->until = mono_now().us + CLOCK_MINUTE;
	watch(h);
	loop_run(h->core.part.loop);
	assert_true(done(h));
}

/* No answer that counts, so that it is seen to be heard without a vault. */
static void
answer(struct house *h, const char *id, const char *text)
{
	struct err e = { 0 };

	if (file_write_atomic(
	        path_of(h, "permission", id), str_of(text), 0600, &e)) {
		fail_msg("%s", e.text);
	}
}

static bool
first_asked(struct house *h)
{
	return is_there(h, "gate", h->first);
}

static bool
first_heard(struct house *h)
{
	return !is_there(h, "permission", h->first);
}

/* An old one is not behind all that came after it. */
static void
the_answer_to_the_oldest_of_many_is_heard(void **state)
{
	static struct house h;
	char id[WAIT_FILE_MAX + 1];

	(void)state;
	begin(&h);
	ask(&h, h.first);
	for (size_t n = 1; n < MANY; n++) {
		ask(&h, id);
	}
	until(&h, first_asked);
	assert_true(is_there(&h, "gate", id));
	answer(&h, h.first, "{}");
	until(&h, first_heard);
	end(&h);
}

static bool
folder_read(struct house *h)
{
	return h->core.permissions->seen.tv_sec == LONG_AGO;
}

/* The folder does not change when a file in it does. */
static void
an_answer_that_is_written_slowly_is_heard_when_it_is_written(void **state)
{
	static struct house h;
	struct timespec then[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = LONG_AGO } };
	auto_buf folder = { 0 };
	FILE *f;

	(void)state;
	begin(&h);
	ask(&h, h.first);
	until(&h, first_asked);
	f = fopen(path_of(&h, "permission", h.first), "we");
	assert_non_null(f);
	buf_addf(&folder, "%s/permissions", h.folder);
	/* As if the folder had last changed long ago. */
	assert_int_equal(utimensat(AT_FDCWD, buf_z(&folder), then, 0), 0);
	until(&h, folder_read);
	assert_false(first_heard(&h));
	assert_true(fputs("{}", f) >= 0);
	assert_int_equal(fclose(f), 0);
	until(&h, first_heard);
	end(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_to_the_oldest_of_many_is_heard),
		cmocka_unit_test(
		    an_answer_that_is_written_slowly_is_heard_when_it_is_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
