/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "base/base.h"

static void
assert_wall(const char *text, int64_t us)
{
	struct wall t = { 0 };

	assert_true(wall_parse(str_of(text), &t));
	assert_true(t.us == us);
}

static void
wall_text_is_rfc_3339_with_milliseconds(void **state)
{
	char text[WALL_TEXT_MAX];

	(void)state;
	wall_text((struct wall){ 0 }, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	wall_text((struct wall){ 1795456800123999 }, text);
	assert_string_equal(text, "2026-11-23T18:00:00.123Z");
	wall_text((struct wall){ -1 }, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	wall_text((struct wall){ 951825600000000 }, text);
	assert_string_equal(text, "2000-02-29T12:00:00.000Z");
}

static void
wall_parse_knows_offsets_and_fractions(void **state)
{
	(void)state;
	assert_wall("1970-01-01T00:00:00Z", 0);
	assert_wall("2026-11-23T18:00:00.000Z", 1795456800000000);
	assert_wall("2026-11-23t19:30:00.5+01:30", 1795456800500000);
	assert_wall("2026-11-23T10:00:00-08:00", 1795456800000000);
	assert_wall("2026-11-23T18:00:00.123456789z", 1795456800123456);
	assert_wall("2016-12-31T23:59:60Z", 1483228800000000);
	assert_wall("2000-02-29T12:00:00Z", 951825600000000);
	assert_wall("1969-12-31T23:59:59Z", -1000000);
}

static void
what_wall_parse_refuses_leaves_the_time_alone(void **state)
{
	static const char *const bad[] = { "", "2026-11-23",
		"2026-11-23 18:00:00Z", "2026-11-23T18:00:00",
		"2026-11-23T18:00Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-11-23T24:00:00Z", "2026-11-23T18:60:00Z",
		"2026-11-23T18:00:61Z", "2026-11-23T18:00:00.Z",
		"2026-11-23T18:00:00.1234567890Z", "2026-11-23T18:00:00ZZ",
		"2026-11-23T18:00:00+24:00", "2026-11-23T18:00:00+01",
		"2026-11-23T18:00:00+0100", "+026-11-23T18:00:00Z",
		"0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01" };
	struct wall t = { 42 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(wall_parse(str_of(bad[i]), &t));
		assert_true(t.us == 42);
	}
}

static void
a_time_has_a_date_in_the_years_0000_to_9999(void **state)
{
	char text[WALL_TEXT_MAX];
	struct wall first;
	struct wall last;

	(void)state;
	assert_true(wall_parse(STR("0000-01-01T00:00:00Z"), &first));
	assert_true(wall_parse(STR("9999-12-31T23:59:59.999999Z"), &last));
	assert_true(wall_has_date(first) && wall_has_date(last));
	wall_text(last, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	first.us--;
	last.us++;
	assert_false(wall_has_date(first) || wall_has_date(last));
	assert_false(wall_has_date((struct wall){ INT64_MAX }) ||
	             wall_has_date((struct wall){ INT64_MIN }));
}

static void
every_day_of_four_centuries_goes_there_and_back(void **state)
{
	char text[WALL_TEXT_MAX];
	struct wall back;

	(void)state;
	for (int64_t day = -200000; day < 200000; day += 3) {
		struct wall t = { day * 24 * 60 * CLOCK_MINUTE + 999000 };
		wall_text(t, text);
		assert_true(wall_parse(str_of(text), &back));
		assert_true(back.us == t.us);
	}
}

static void
assert_duration(const char *text, int64_t us)
{
	int64_t got = -1;

	assert_true(duration_parse(str_of(text), &got));
	assert_true(got == us);
}

static void
assert_written(int64_t us, const char *text)
{
	auto_buf out = { 0 };

	duration_add(&out, us);
	assert_string_equal(buf_z(&out), text);
}

static void
a_duration_is_written_as_an_operator_writes_it(void **state)
{
	(void)state;
	assert_written(86400 * CLOCK_SECOND, "1d");
	assert_written(90 * CLOCK_MINUTE, "1h30m");
	assert_written(90 * CLOCK_SECOND, "1m30s");
	assert_written(3605 * CLOCK_SECOND, "1h5s");
	assert_written(250999, "250ms");
	assert_written(999, "0s");
	assert_written(0, "0s");
	assert_written(-CLOCK_SECOND, "0s");
}

static void
durations_are_counts_with_units_largest_first(void **state)
{
	(void)state;
	assert_duration("20m", 20 * CLOCK_MINUTE);
	assert_duration("90s", 90 * CLOCK_SECOND);
	assert_duration("1h30m", 90 * CLOCK_MINUTE);
	assert_duration("250ms", 250000);
	assert_duration("7d", 7LL * 24 * 60 * CLOCK_MINUTE);
	assert_duration("1s500ms", 1500000);
	assert_duration("0s", 0);
	assert_duration("3650d", 3650LL * 24 * 60 * CLOCK_MINUTE);
}

static void
everything_else_is_no_duration(void **state)
{
	static const char *const bad[] = { "", "20", "m", "20 m", "-1s", "1.5h",
		"1m1h", "1s1s", "1S", "1min", "3651d", "3650d1ms", "1us",
		"99999999999999999999s", "18446744073709551615ms", "1h ", " 1h",
		"1hm" };
	int64_t us = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(duration_parse(str_of(bad[i]), &us));
		assert_true(us == 42);
	}
}

static void
a_deadline_passes_once_and_never_wraps(void **state)
{
	struct mono now = mono_now();
	struct mono later = mono_after(now, CLOCK_SECOND);

	(void)state;
	assert_false(mono_passed(later, now));
	assert_true(mono_passed(later, later));
	assert_true(mono_passed(now, later));
	assert_true(mono_now().us >= now.us);
	assert_true(mono_after(now, INT64_MAX).us == INT64_MAX);
	assert_true(mono_after((struct mono){ -2 }, INT64_MIN).us == INT64_MIN);
	assert_true(wall_now().us > 1600000000 * CLOCK_SECOND);
}

static void
a_pause_doubles_up_to_the_most_and_never_wraps(void **state)
{
	(void)state;
	assert_int_equal(duration_doubled(5, 0, 300), 5);
	assert_int_equal(duration_doubled(5, 5, 300), 160);
	assert_int_equal(duration_doubled(5, 6, 320), 320);
	assert_int_equal(duration_doubled(5, 6, 319), 319);
	assert_int_equal(duration_doubled(5, 0, 3), 3);
	assert_int_equal(duration_doubled(INT64_MAX, 1, INT64_MAX), INT64_MAX);
	assert_int_equal(duration_doubled(1, 62, INT64_MAX), INT64_C(1) << 62);
	assert_int_equal(duration_doubled(1, 63, INT64_MAX), INT64_MAX);
	assert_int_equal(duration_doubled(1, UINT_MAX, INT64_MAX), INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_text_is_rfc_3339_with_milliseconds),
		cmocka_unit_test(wall_parse_knows_offsets_and_fractions),
		cmocka_unit_test(what_wall_parse_refuses_leaves_the_time_alone),
		cmocka_unit_test(a_time_has_a_date_in_the_years_0000_to_9999),
		cmocka_unit_test(
		    every_day_of_four_centuries_goes_there_and_back),
		cmocka_unit_test(durations_are_counts_with_units_largest_first),
		cmocka_unit_test(everything_else_is_no_duration),
		cmocka_unit_test(
		    a_duration_is_written_as_an_operator_writes_it),
		cmocka_unit_test(a_deadline_passes_once_and_never_wraps),
		cmocka_unit_test(
		    a_pause_doubles_up_to_the_most_and_never_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
