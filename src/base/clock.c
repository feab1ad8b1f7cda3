/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/must.h"

#include <string.h>
#include <time.h>

#define DURATION_MOST (3650LL * 24 * 60 * CLOCK_MINUTE)
#define DAY_US        (24LL * 60 * CLOCK_MINUTE)
#define FIRST_DAY     (-719528LL) /* 0000-01-01 */
#define END_DAY       2932897LL   /* 10000-01-01 */

static int64_t
clock_us(clockid_t which)
{
	struct timespec now;

	must(clock_gettime(which, &now) == 0);
	return now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

struct mono
mono_now(void)
{
	return (struct mono){ clock_us(CLOCK_MONOTONIC) };
}

struct wall
wall_now(void)
{
	return (struct wall){ clock_us(CLOCK_REALTIME) };
}

struct mono
mono_after(struct mono t, int64_t us)
{
	int64_t sum;

	if (__builtin_add_overflow(t.us, us, &sum)) {
		sum = us > 0 ? INT64_MAX : INT64_MIN;
	}
	return (struct mono){ sum };
}

bool
mono_passed(struct mono deadline, struct mono now)
{
	return now.us >= deadline.us;
}

/* Days since 1970-01-01 of a proleptic Gregorian date and back: the year is
 * taken to begin in March, so that the leap day is its last. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t shifted = month > 2 ? month - 3 : month + 9;
	int64_t of_year = (153 * shifted + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

struct date {
	int64_t year;
	int64_t month;
	int64_t day;
};

static struct date
date_of(int64_t days)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t shifted = (5 * of_year + 2) / 153;
	struct date d = { .day = of_year - (153 * shifted + 2) / 5 + 1,
		.month = shifted < 10 ? shifted + 3 : shifted - 9 };
	d.year = year + era * 400 + (d.month <= 2);
	return d;
}

int64_t
wall_day(struct wall t)
{
	return t.us / DAY_US - (t.us % DAY_US < 0);
}

bool
wall_has_date(struct wall t)
{
	return t.us >= FIRST_DAY * DAY_US && t.us < END_DAY * DAY_US;
}

/* So many, zeros in front. */
static void
put_digits(char *at, size_t n, int64_t value)
{
	for (; n > 0; value /= 10) {
		at[--n] = (char)('0' + value % 10);
	}
}

void
wall_text(struct wall t, char text[WALL_TEXT_MAX])
{
	static const char form[WALL_TEXT_MAX] = "yyyy-mm-ddThh:mm:ss.mmmZ";
	int64_t days = wall_day(t);
	int64_t ms = (t.us - days * DAY_US) / 1000;
	struct date d = date_of(days);

	must(wall_has_date(t));
	memcpy(text, form, sizeof(form));
	put_digits(text, 4, d.year);
	put_digits(text + 5, 2, d.month);
	put_digits(text + 8, 2, d.day);
	put_digits(text + 11, 2, ms / 3600000);
	put_digits(text + 14, 2, ms / 60000 % 60);
	put_digits(text + 17, 2, ms / 1000 % 60);
	put_digits(text + 20, 3, ms % 1000);
}

/* Takes exactly n digits, in [low, high]. */
static bool
take_number(struct str *s, size_t n, int64_t low, int64_t high, int64_t *out)
{
	int64_t value = 0;

	if (s->len < n) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (s->at[i] < '0' || s->at[i] > '9') {
			return false;
		}
		value = value * 10 + (s->at[i] - '0');
	}
	*s = str_span(s->at + n, s->len - n);
	*out = value;
	return value >= low && value <= high;
}

static bool
take_char(struct str *s, char lower, char upper)
{
	if (s->len == 0 || (s->at[0] != lower && s->at[0] != upper)) {
		return false;
	}
	*s = str_sub(*s, 1, s->len);
	return true;
}

static bool
take_date(struct str *s, int64_t *days)
{
	static const int8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30,
		31, 30, 31 };
	int64_t year;
	int64_t month;
	int64_t day;

	if (!take_number(s, 4, 0, 9999, &year) || !take_char(s, '-', '-') ||
	    !take_number(s, 2, 1, 12, &month) || !take_char(s, '-', '-') ||
	    !take_number(s, 2, 1, 31, &day)) {
		return false;
	}
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day > lengths[month - 1] + (month == 2 && leap)) {
		return false;
	}
	*days = days_of(year, month, day);
	return true;
}

/* ".5" to ".123456789"; what is finer than a microsecond is cut off. */
static bool
take_fraction(struct str *s, int64_t *us)
{
	int64_t unit = 100000;
	size_t digits = 0;

	*us = 0;
	if (!take_char(s, '.', '.')) {
		return true;
	}
	while (
	    digits < s->len && s->at[digits] >= '0' && s->at[digits] <= '9') {
		*us += unit * (s->at[digits] - '0');
		unit /= 10;
		digits++;
	}
	*s = str_sub(*s, digits, s->len);
	return digits >= 1 && digits <= 9;
}

static bool
take_offset(struct str *s, int64_t *minutes)
{
	int64_t hour;
	int64_t minute;

	*minutes = 0;
	if (take_char(s, 'z', 'Z')) {
		return true;
	}
	bool west = s->len > 0 && s->at[0] == '-';
	if (!take_char(s, '+', '-') || !take_number(s, 2, 0, 23, &hour) ||
	    !take_char(s, ':', ':') || !take_number(s, 2, 0, 59, &minute)) {
		return false;
	}
	*minutes = (hour * 60 + minute) * (west ? -1 : 1);
	return true;
}

bool
wall_parse(struct str s, struct wall *t)
{
	int64_t days;
	int64_t hour;
	int64_t minute;
	int64_t second;
	int64_t fraction;
	int64_t offset;

	/* Second 60 is a leap second: the next minute's first. */
	if (!take_date(&s, &days) || !take_char(&s, 't', 'T') ||
	    !take_number(&s, 2, 0, 23, &hour) || !take_char(&s, ':', ':') ||
	    !take_number(&s, 2, 0, 59, &minute) || !take_char(&s, ':', ':') ||
	    !take_number(&s, 2, 0, 60, &second) ||
	    !take_fraction(&s, &fraction) || !take_offset(&s, &offset) ||
	    s.len != 0) {
		return false;
	}
	int64_t us = days * DAY_US +
	             (hour * 60 + minute - offset) * CLOCK_MINUTE +
	             second * CLOCK_SECOND + fraction;
	/* An offset may carry the edge years out of what can be written. */
	if (!wall_has_date((struct wall){ us })) {
		return false;
	}
	t->us = us;
	return true;
}

static const struct unit {
	const char *name;
	int64_t us;
} units[] = {
	{ "d", DAY_US },
	{ "h", 60 * CLOCK_MINUTE },
	{ "m", CLOCK_MINUTE },
	{ "s", CLOCK_SECOND },
	{ "ms", 1000 },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static size_t
span_of(struct str s, char low, char high)
{
	size_t n = 0;

	while (n < s.len && s.at[n] >= low && s.at[n] <= high) {
		n++;
	}
	return n;
}

bool
duration_parse(struct str s, int64_t *us)
{
	int64_t sum = 0;
	size_t unit = 0; /* the next that may stand: each once, larger first */

	if (s.len == 0) {
		return false;
	}
	while (s.len > 0) {
		size_t digits = span_of(s, '0', '9');
		uint64_t count;
		if (!str_u64(str_sub(s, 0, digits), &count)) {
			return false;
		}
		s = str_sub(s, digits, s.len);
		size_t letters = span_of(s, 'a', 'z');
		struct str name = str_sub(s, 0, letters);
		s = str_sub(s, letters, s.len);
		while (unit < UNIT_COUNT && !str_eq_z(name, units[unit].name)) {
			unit++;
		}
		if (unit == UNIT_COUNT ||
		    count > (uint64_t)(DURATION_MOST / units[unit].us)) {
			return false;
		}
		sum += (int64_t)count * units[unit].us;
		unit++;
	}
	if (sum > DURATION_MOST) {
		return false;
	}
	*us = sum;
	return true;
}

void
duration_add(struct buf *out, int64_t us)
{
	int64_t rest = us > 0 ? us : 0;

	if (rest < 1000) {
		buf_add_z(out, "0s");
	}
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (rest >= units[i].us) {
			buf_addf(out, "%lld%s", (long long)(rest / units[i].us),
			    units[i].name);
			rest %= units[i].us;
		}
	}
}

int64_t
duration_doubled(int64_t first, unsigned times, int64_t most)
{
	must(first > 0);
	return times < 63 && first <= most >> times ? first << times : most;
}
