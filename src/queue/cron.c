/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/days.h"
#include "queue/plan.h"

#define YEARS_MAX 12

/* --- the calendar --- */

int64_t
day_floor(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

/* Years begin in March here, so that a leap day is a year's last. */
int64_t
day_number(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = day_floor(y, 400);
	int64_t of_era = y - era * 400;
	int64_t of_year =
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

struct day
day_of(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = day_floor(z, 146097);
	int64_t of_era = z - era * 146097;
	int64_t year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t m = (5 * of_year + 2) / 153;
	int month = (int)(m < 10 ? m + 3 : m - 9);

	return (struct day){ year + era * 400 + (month <= 2), month,
		(int)(of_year - (153 * m + 2) / 5 + 1) };
}

int
day_weekday(int64_t days)
{
	return (int)(days + 4 - day_floor(days + 4, 7) * 7);
}

/* --- the line --- */

struct field {
	const char *name;
	unsigned low;
	unsigned high;
	const char *words; /* of three letters, from low on */
};

static const struct field fields[] = {
	{ "minute", 0, 59, "" },
	{ "hour", 0, 23, "" },
	{ "day", 1, 31, "" },
	{ "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ "weekday", 0, 7, "sunmontuewedthufrisat" },
};

static bool
value_parse(const struct field *f, struct str text, unsigned *out)
{
	struct str words = str_of(f->words);
	uint64_t value = 0;

	for (unsigned i = 0; text.len == 3 && i < words.len / 3; i++) {
		if (str_eq_nocase(text, str_sub(words, 3 * (size_t)i, 3))) {
			*out = f->low + i;
			return true;
		}
	}
	if (text.len == 0 || text.len > 2 || !str_u64(text, &value) ||
	    value < f->low || value > f->high) {
		return false;
	}
	*out = (unsigned)value;
	return true;
}

/* One of a list: star, a, a-b, each with a step behind a slash. */
static bool
part_parse(const struct field *f, struct str text, uint64_t *bits)
{
	struct str range = { 0 };
	struct str step = text;
	struct str low = { 0 };
	unsigned from = f->low;
	unsigned to = f->high;
	uint64_t by = 1;
	bool stepped = str_cut(&step, '/', &range);

	if (stepped &&
	    (step.len == 0 || step.len > 2 || !str_u64(step, &by) || by == 0)) {
		return false;
	}
	if (!str_eq_z(range, "*")) {
		struct str high = range;
		bool wide = str_cut(&high, '-', &low);

		if (!value_parse(f, low, &from) ||
		    (wide && !value_parse(f, high, &to)) || from > to) {
			return false;
		}
		to = wide || stepped ? to : from;
	}
	for (unsigned i = from; i <= to; i += (unsigned)by) {
		*bits |= UINT64_C(1) << i;
	}
	return true;
}

static int
field_parse(
    const struct field *f, struct str text, uint64_t *bits, struct err *e)
{
	struct str rest = text;
	bool more = true;

	*bits = 0;
	while (more) {
		struct str part = { 0 };

		more = str_cut(&rest, ',', &part);
		if (!part_parse(f, part, bits)) {
			return err_set(e, ERR_INPUT, "cron: %s %s is wrong",
			    f->name, err_quote(text));
		}
	}
	return 0;
}

int
queue_cron_parse(struct str text, struct queue_cron *out, struct err *e)
{
	struct str rest = str_trim(text);
	uint64_t bits[COUNT(fields)] = { 0 };
	bool star[COUNT(fields)] = { 0 };

	if (text.len > QUEUE_CRON_MAX) {
		return err_set(e, ERR_LIMIT, "a cron line has at most %d bytes",
		    QUEUE_CRON_MAX);
	}
	for (size_t i = 0; i < COUNT(fields); i++) {
		struct str word = { 0 };
		bool more = str_cut(&rest, ' ', &word);

		rest = str_trim(rest);
		if (word.len == 0 || more != (i + 1 < COUNT(fields))) {
			return err_set(e, ERR_INPUT,
			    "cron: expected five fields: minute hour day "
			    "month weekday");
		}
		if (field_parse(&fields[i], word, &bits[i], e)) {
			return -1;
		}
		star[i] = word.at[0] == '*';
	}
	*out = (struct queue_cron){
		.minutes = bits[0],
		.hours = (uint32_t)bits[1],
		.days = (uint32_t)bits[2],
		.months = (uint16_t)bits[3],
		.weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
		.either = !star[2] && !star[4],
	};
	return 0;
}

/* --- the next time --- */

static bool
day_matches(const struct queue_cron *c, int64_t days)
{
	struct day d = day_of(days);
	bool day = c->days >> d.day & 1;
	bool weekday = c->weekdays >> day_weekday(days) & 1;

	if (!(c->months >> d.month & 1)) {
		return false;
	}
	return c->either ? day || weekday : day && weekday;
}

/* The instant at which clocks show this local time for the first time; where
 * they skip it, the one at which they do. */
static int64_t
instant_of(const struct queue_zone *z, int64_t local)
{
	int64_t before = queue_zone_offset(z, local - 26LL * 3600);
	int64_t after = queue_zone_offset(z, local + 26LL * 3600);
	int64_t first = local - before;
	int64_t second = local - after;

	if (queue_zone_offset(z, first) == before) {
		return first;
	}
	if (queue_zone_offset(z, second) == after) {
		return second;
	}
	while (first - second > 1) {
		int64_t middle = second + (first - second) / 2;

		if (queue_zone_offset(z, middle) == before) {
			second = middle;
		} else {
			first = middle;
		}
	}
	return first;
}

/* The first matching minute of a day, from `minute` on, that is after `now`. */
static bool
next_of_day(const struct queue_cron *c, const struct queue_zone *z,
    int64_t days, int minute, int64_t now, int64_t *out)
{
	for (int m = minute; m < 24 * 60; m++) {
		int64_t at = 0;

		if (!(c->hours >> (m / 60) & 1)) {
			m += 59 - m % 60;
			continue;
		}
		if (!(c->minutes >> (m % 60) & 1)) {
			continue;
		}
		at = instant_of(z, days * DAY_S + (int64_t)m * 60);
		if (at > now) {
			*out = at;
			return true;
		}
	}
	return false;
}

bool
queue_cron_next(const struct queue_cron *c, const struct queue_zone *z,
    struct wall now, struct wall *next)
{
	int64_t seconds = day_floor(now.us, CLOCK_SECOND);
	int64_t local = seconds + queue_zone_offset(z, seconds);
	int64_t minute = day_floor(local, 60) + 1;
	int64_t days = day_floor(minute, 24LL * 60);
	int64_t end = days + 366LL * YEARS_MAX;
	int from = (int)(minute - days * 24 * 60);
	int64_t at = 0;

	for (; days < end; days++) {
		if (day_matches(c, days) &&
		    next_of_day(c, z, days, from, seconds, &at)) {
			next->us = at * CLOCK_SECOND;
			return true;
		}
		from = 0;
	}
	return false;
}
