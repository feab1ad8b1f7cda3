/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_DAYS_H
#define QUEUE_DAYS_H

/* Inside of the room: the calendar, proleptic Gregorian, days since 1970. */

#include <stdint.h>

#define DAY_S 86400

struct day {
	int64_t year;
	int month; /* 1..12 */
	int day;   /* 1..31 */
};
struct day day_of(int64_t days);
int64_t day_number(int64_t year, int month, int day);
int day_weekday(int64_t days);                /* 0 is Sunday */
int64_t day_floor(int64_t value, int64_t by); /* rounds down */

#endif
