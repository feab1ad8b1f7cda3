/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Cron lines and time zones, beside what the C library says of the same
 * zone files. */

static const struct queue_zone *
zone(struct world *w, const char *name)
{
	const char *path = arena_z(
	    &w->arena, arena_printf(&w->arena, "/usr/share/zoneinfo/%s", name));
	FILE *f = fopen(path, "rbe");
	char *bytes = arena_alloc(&w->arena, QUEUE_ZONE_FILE_MAX);
	const struct queue_zone *z = NULL;
	size_t len = 0;

	if (!f) {
		print_message("# skip: no %s on this machine (tzdata)\n", path);
		skip();
	}
	len = fread(bytes, 1, QUEUE_ZONE_FILE_MAX, f);
	(void)fclose(f);
	assert_row(
	    queue_zone_parse(&w->arena, str_span(bytes, len), &z, &w->e) == 0,
	    name, w->e.text);
	return z;
}

static struct wall
time_of(const char *text)
{
	struct wall t = { 0 };

	assert_true(wall_parse(str_of(text), &t));
	return t;
}

struct row {
	const char *cron;
	const char *zone; /* NULL: UTC */
	const char *now;
	const char *next; /* NULL: never */
};

static const struct row rows[] = {
	{ "* * * * *", NULL, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z" },
	{ "* * * * *", NULL, "2026-01-01T00:00:59.9Z", "2026-01-01T00:01:00Z" },
	{ "0 0 1 1 *", NULL, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z" },
	{ "*/15 9-17 * * mon-fri", NULL, "2026-11-27T17:45:00Z",
	    "2026-11-30T09:00:00Z" },
	{ "5/20 * * * *", NULL, "2026-01-01T00:05:00Z",
	    "2026-01-01T00:25:00Z" },
	{ "0 12 29 feb *", NULL, "2026-01-01T00:00:00Z",
	    "2028-02-29T12:00:00Z" },
	{ "0 12 29 2 *", NULL, "2097-01-01T00:00:00Z", "2104-02-29T12:00:00Z" },
	{ "0 0 13 * 5", NULL, "2026-11-01T00:00:00Z",
	    "2026-11-06T00:00:00Z" }, /* a 13th or a Friday */
	{ "0 0 */2 * 5", NULL, "2026-11-01T00:00:00Z",
	    "2026-11-13T00:00:00Z" }, /* a star: both */
	{ "0 0 * * 7", NULL, "2026-11-26T00:00:00Z", "2026-11-29T00:00:00Z" },
	{ "0 0 30 2 *", NULL, "2026-01-01T00:00:00Z", NULL },
	/* The clocks skip 02:00..03:00: the first minute after it, once. */
	{ "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
	    "2026-03-29T01:00:00Z" },
	{ "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z",
	    "2026-03-30T00:30:00Z" },
	{ "*/20 2 * * *", "Europe/Berlin", "2026-03-29T00:59:00Z",
	    "2026-03-29T01:00:00Z" },
	{ "*/20 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z",
	    "2026-03-30T00:00:00Z" },
	/* 02:00..03:00 comes twice: the first time only. */
	{ "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
	    "2026-10-25T00:30:00Z" },
	{ "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
	    "2026-10-26T01:30:00Z" },
	{ "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z",
	    "2026-10-26T01:30:00Z" },
	{ "30 3 * * *", "Europe/Berlin", "2026-10-25T01:30:00Z",
	    "2026-10-25T02:30:00Z" },
	/* Half an hour, southern half of the year, and behind the table. */
	{ "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
	    "2026-10-03T15:30:00Z" },
	{ "0 9 * * *", "America/New_York", "2050-07-01T00:00:00Z",
	    "2050-07-01T13:00:00Z" },
	{ "0 9 * * *", "America/New_York", "2050-01-01T00:00:00Z",
	    "2050-01-01T14:00:00Z" },
	{ "0 9 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z",
	    "2026-01-01T03:15:00Z" },
};

static void
the_next_time_is_as_written(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		struct queue_cron c = { 0 };
		struct wall next = { 0 };
		char text[WALL_TEXT_MAX] = { 0 };
		bool found = false;

		assert_row(queue_cron_parse(str_of(r->cron), &c, &w.e) == 0,
		    r->cron, w.e.text);
		found = queue_cron_next(&c, r->zone ? zone(&w, r->zone) : NULL,
		    time_of(r->now), &next);
		assert_row(found == (r->next != NULL), r->cron, r->now);
		if (found) {
			wall_text(next, text);
			assert_row(next.us == time_of(r->next).us,
			    arena_z(&w.arena,
			        arena_printf(&w.arena, "%s in %s after %s",
			            r->cron, r->zone ? r->zone : "UTC",
			            r->now)),
			    text);
		}
	}
	world_fini(&w);
}

static void
a_wrong_line_is_refused(void **state)
{
	static const char *const lines[] = { "", "* * * *", "* * * * * *",
		"60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
		"* * * 13 *", "* * * * 8", "a * * * *", "1- * * * *",
		"5-1 * * * *", "*/0 * * * *", "*/ * * * *", ",1 * * * *",
		"1,, * * * *", "-1 * * * *", "* * * foo *", "1e1 * * * *" };
	struct queue_cron c = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_row(queue_cron_parse(str_of(lines[i]), &c, &e) == -1,
		    lines[i], "was taken");
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

static int64_t
offset_by_libc(int64_t at)
{
	time_t t = (time_t)at;
	struct tm broken = { 0 };

	assert_non_null(localtime_r(&t, &broken));
	return broken.tm_gmtoff;
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
assert_offsets(const struct queue_zone *z, const char *name)
{
	for (int64_t at = -1000000000; at < 4000000000; at += 40009) {
		int32_t ours = queue_zone_offset(z, at);
		int64_t theirs = offset_by_libc(at);

		if (ours != theirs) {
			fail_msg("%s at %lld: %d, not %lld", name,
			    (long long)at, ours, (long long)theirs);
		}
	}
}

static void
offsets_are_those_of_the_c_library(void **state)
{
	static const char *const zones[] = { "Europe/Berlin",
		"America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
		"America/Sao_Paulo", "Asia/Kathmandu", "Europe/Dublin", "UTC",
		"Pacific/Apia", "Asia/Gaza", "America/Nuuk" };
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < COUNT(zones); i++) {
		const struct queue_zone *z = zone(&w, zones[i]);

		/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
		assert_int_equal(setenv("TZ", zones[i], 1), 0);
		tzset();
		assert_offsets(z, zones[i]);
	}
	world_fini(&w);
}

static void
a_broken_zone_file_is_refused(void **state)
{
	struct world w;
	const struct queue_zone *z = NULL;
	FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rbe");
	char bytes[8192] = { 0 };
	size_t len = 0;
	size_t taken = 0;

	(void)state;
	if (!f) {
		print_message("# skip: no zone files on this machine\n");
		skip();
	}
	world_init(&w);
	len = fread(bytes, 1, sizeof(bytes), f);
	(void)fclose(f);
	for (size_t n = 0; n < len; n++) {
		char *cut =
		    malloc(n + 1); /* so that a sanitizer sees the end */

		assert_non_null(cut);
		memcpy(cut, bytes, n);
		taken +=
		    queue_zone_parse(&w.arena, str_span(cut, n), &z, &w.e) == 0;
		free(cut);
	}
	assert_int_equal(taken, 0);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_time_is_as_written),
		cmocka_unit_test(a_wrong_line_is_refused),
		cmocka_unit_test(offsets_are_those_of_the_c_library),
		cmocka_unit_test(a_broken_zone_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
