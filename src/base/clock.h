/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/*
 * Two clocks that the compiler keeps apart: `mono` decides liveness and never
 * goes back (CLOCK_MONOTONIC); `wall` is written down (UTC).  Microseconds.
 */

#include "base/buf.h"
#include "base/str.h"

struct mono {
	int64_t us;
};
struct wall {
	int64_t us; /* since 1970-01-01T00:00:00Z */
};

#define CLOCK_SECOND  1000000LL
#define CLOCK_MINUTE  (60 * CLOCK_SECOND)
#define WALL_TEXT_MAX 32

struct mono mono_now(void);
struct wall wall_now(void);
struct mono mono_after(struct mono t, int64_t us);
bool mono_passed(struct mono deadline, struct mono now);

/* Whole days since 1970-01-01, rounded down. */
int64_t wall_day(struct wall t);
/* Of a year of four digits, as RFC 3339 can write it: 0000 to 9999. */
bool wall_has_date(struct wall t);
/* RFC 3339, UTC, milliseconds: 2026-11-23T18:00:00.000Z; t has a date. */
void wall_text(struct wall t, char text[WALL_TEXT_MAX]);
/* RFC 3339 date-time with Z or offset, 0..9 fraction digits. */
bool wall_parse(struct str s, struct wall *t);
/* "20m", "90s", "1h30m", "250ms", "7d"; false on anything else or over 10y. */
bool duration_parse(struct str s, int64_t *us);
/* The same in writing; what is under a millisecond is dropped. */
void duration_add(struct buf *out, int64_t us);
/* A pause that grows: `first` doubled so many times, `most` where that would
 * be more (us, first > 0); no number of times is too large. */
int64_t duration_doubled(int64_t first, unsigned times, int64_t most);

#endif
