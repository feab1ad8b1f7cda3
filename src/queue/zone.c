/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/days.h"
#include "queue/plan.h"

#include <string.h>

/* Time zones from TZif files (RFC 8536): the table of changes, and the rule in
 * the footer for what comes after it. */

struct rule_day {  /* of a POSIX TZ string */
	char form; /* 'M', 'J' or '0' */
	int month;
	int week;
	int day;
	int32_t seconds; /* of the day, local time */
};
struct rule { /* what the footer says */
	bool there;
	bool summer; /* has a second offset */
	int32_t offset;
	int32_t summer_offset;
	struct rule_day start;
	struct rule_day end;
};
struct queue_zone {
	int64_t *times;
	int32_t *offsets; /* from times[i] on */
	size_t count;
	int32_t first; /* before times[0] */
	struct rule rule;
};

/* --- the footer --- */

static bool
take_char(struct str *s, char c)
{
	if (s->len == 0 || s->at[0] != c) {
		return false;
	}
	*s = str_sub(*s, 1, s->len);
	return true;
}

static bool
take_int(struct str *s, int most, int *out)
{
	size_t n = 0;
	int value = 0;

	while (n < s->len && n < 3 && s->at[n] >= '0' && s->at[n] <= '9') {
		value = value * 10 + s->at[n++] - '0';
	}
	*s = str_sub(*s, n, s->len);
	*out = value;
	return n > 0 && value <= most;
}

static bool
take_name(struct str *s)
{
	size_t n = 0;

	if (take_char(s, '<')) {
		struct str name = { 0 };

		return str_cut(s, '>', &name);
	}
	while (n < s->len && ((s->at[n] >= 'A' && s->at[n] <= 'Z') ||
	                         (s->at[n] >= 'a' && s->at[n] <= 'z'))) {
		n++;
	}
	*s = str_sub(*s, n, s->len);
	return n >= 3;
}

/* [+-]hh[:mm[:ss]]; hours to 167 (RFC 8536). */
static bool
take_clock(struct str *s, int32_t *out)
{
	bool minus = take_char(s, '-');
	int hours = 0;
	int minutes = 0;
	int seconds = 0;

	if (!minus) {
		(void)take_char(s, '+');
	}
	if (!take_int(s, 167, &hours) ||
	    (take_char(s, ':') && !take_int(s, 59, &minutes)) ||
	    (take_char(s, ':') && !take_int(s, 59, &seconds))) {
		return false;
	}
	*out = hours * 3600 + minutes * 60 + seconds;
	*out = minus ? -*out : *out;
	return true;
}

static bool
take_day(struct str *s, struct rule_day *d)
{
	bool ok = false;

	d->seconds = 2 * 3600;
	if (take_char(s, 'M')) {
		d->form = 'M';
		ok = take_int(s, 12, &d->month) && take_char(s, '.') &&
		     take_int(s, 5, &d->week) && take_char(s, '.') &&
		     take_int(s, 6, &d->day) && d->month > 0 && d->week > 0;
	} else if (take_char(s, 'J')) {
		d->form = 'J';
		ok = take_int(s, 365, &d->day) && d->day > 0;
	} else {
		d->form = '0';
		ok = take_int(s, 365, &d->day);
	}
	return ok && (!take_char(s, '/') || take_clock(s, &d->seconds));
}

static bool
rule_parse(struct str s, struct rule *r)
{
	int32_t west = 0;

	if (!take_name(&s) || !take_clock(&s, &west)) {
		return false;
	}
	r->there = true;
	r->offset = -west;
	if (s.len == 0) {
		return true;
	}
	r->summer = true;
	r->summer_offset = r->offset + 3600;
	if (!take_name(&s)) {
		return false;
	}
	if (s.len > 0 && s.at[0] != ',') {
		if (!take_clock(&s, &west)) {
			return false;
		}
		r->summer_offset = -west;
	}
	return take_char(&s, ',') && take_day(&s, &r->start) &&
	       take_char(&s, ',') && take_day(&s, &r->end) && s.len == 0;
}

static bool
is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Local seconds since 1970 at which the rule's day has its time. */
static int64_t
rule_time(const struct rule_day *d, int64_t year)
{
	int64_t days = day_number(year, 1, 1);

	if (d->form == 'M') {
		int64_t first = day_number(year, d->month, 1);
		int64_t next = d->month == 12
		                   ? day_number(year + 1, 1, 1)
		                   : day_number(year, d->month + 1, 1);

		days = first + (d->day - day_weekday(first) + 7) % 7 +
		       7 * ((int64_t)d->week - 1);
		days -= days >= next ? 7 : 0;
	} else if (d->form == 'J') {
		days += d->day - 1 + (is_leap(year) && d->day >= 60);
	} else {
		days += d->day;
	}
	return days * DAY_S + d->seconds;
}

static int32_t
rule_offset(const struct rule *r, int64_t at)
{
	int64_t year = day_of(day_floor(at + r->offset, DAY_S)).year;
	int64_t start = 0;
	int64_t end = 0;
	bool summer = false;

	if (!r->summer) {
		return r->offset;
	}
	start = rule_time(&r->start, year) - r->offset;
	end = rule_time(&r->end, year) - r->summer_offset;
	summer =
	    start < end ? at >= start && at < end : at >= start || at < end;
	return summer ? r->summer_offset : r->offset;
}

/* --- the file --- */

#define HEADER 44

struct tzif {
	uint32_t isut, isstd, leaps, times, types, chars;
	unsigned width; /* of a time */
	const char *at; /* behind the header */
};

static uint32_t
big32(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

static int64_t
big_time(const char *at, unsigned width)
{
	return width == 4
	           ? (int32_t)big32(at)
	           : (int64_t)((uint64_t)big32(at) << 32 | big32(at + 4));
}

static bool
header_parse(struct str s, unsigned width, struct tzif *t)
{
	if (s.len < HEADER || memcmp(s.at, "TZif", 4) != 0) {
		return false;
	}
	*t = (struct tzif){ big32(s.at + 20), big32(s.at + 24),
		big32(s.at + 28), big32(s.at + 32), big32(s.at + 36),
		big32(s.at + 40), width, s.at + HEADER };
	return t->isut < 256 && t->isstd < 256 && t->leaps < 256 &&
	       t->times < 4096 && t->types > 0 && t->types < 256 &&
	       t->chars < 4096;
}

static size_t
body_size(const struct tzif *t)
{
	return (size_t)t->times * t->width + t->times + (size_t)t->types * 6 +
	       t->chars + (size_t)t->leaps * (t->width + 4) + t->isstd +
	       t->isut;
}

static bool
table_read(struct arena *a, const struct tzif *t, struct queue_zone *z)
{
	const char *index = t->at + (size_t)t->times * t->width;
	const char *types = index + t->times;

	z->count = t->times;
	z->times = arena_array(a, z->count + 1, sizeof(*z->times));
	z->offsets = arena_array(a, z->count + 1, sizeof(*z->offsets));
	z->first = (int32_t)big32(types);
	for (size_t i = 0; i < z->count; i++) {
		unsigned type = (unsigned char)index[i];

		z->times[i] = big_time(t->at + i * t->width, t->width);
		if (type >= t->types ||
		    (i > 0 && z->times[i] <= z->times[i - 1])) {
			return false;
		}
		z->offsets[i] = (int32_t)big32(types + 6 * (size_t)type);
		if (z->offsets[i] < -93599 || z->offsets[i] > 93599) {
			return false;
		}
	}
	return z->first >= -93599 && z->first <= 93599;
}

int
queue_zone_parse(struct arena *a, struct str tzif,
    const struct queue_zone **out, struct err *e)
{
	struct queue_zone *z = arena_alloc(a, sizeof(*z));
	struct tzif t = { 0 };
	struct str rest = tzif;
	struct str footer = { 0 };

	if (tzif.len > QUEUE_ZONE_FILE_MAX || !header_parse(rest, 4, &t)) {
		return err_set(e, ERR_INPUT, "not a TZif file");
	}
	if (rest.len - HEADER < body_size(&t)) {
		return err_set(e, ERR_INPUT, "the TZif file is cut off");
	}
	if (tzif.at[4] >= '2') {
		rest = str_sub(rest, HEADER + body_size(&t), rest.len);
		if (!header_parse(rest, 8, &t) ||
		    rest.len - HEADER < body_size(&t)) {
			return err_set(
			    e, ERR_INPUT, "the TZif file is cut off");
		}
		rest = str_sub(rest, HEADER + body_size(&t), rest.len);
		if (!take_char(&rest, '\n') || !str_cut(&rest, '\n', &footer) ||
		    (footer.len > 0 && !rule_parse(footer, &z->rule))) {
			return err_set(
			    e, ERR_INPUT, "the TZif file's footer is wrong");
		}
	}
	if (!table_read(a, &t, z)) {
		return err_set(e, ERR_INPUT, "the TZif file's table is wrong");
	}
	*out = z;
	return 0;
}

int32_t
queue_zone_offset(const struct queue_zone *z, int64_t at)
{
	size_t low = 0;
	size_t high = z ? z->count : 0;

	if (!z) {
		return 0;
	}
	if (z->rule.there && (z->count == 0 || at >= z->times[z->count - 1])) {
		return rule_offset(&z->rule, at);
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (z->times[middle] <= at) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low > 0 ? z->offsets[low - 1] : z->first;
}
