/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_CHECKING_H
#define SCHEMA_CHECKING_H

/* A check at work: shared by schema.c (lists, objects, combinations) and
 * values.c (everything about one value alone). */

#include "schema/inner.h"

struct checking {
	struct buf path;
	uint64_t steps;
	uint32_t depth;
	bool over; /* a bound was reached: no branch may forgive it */
	struct err *e;
};

/* "path: …"; both return -1. */
int schema_wrong(struct checking *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int schema_over_bound(struct checking *k, const char *what);

typedef int schema_check_fn(
    struct checking *k, const struct schema *s, const struct json *v);
schema_check_fn schema_check_type;
schema_check_fn schema_check_choice;
schema_check_fn schema_check_string;
schema_check_fn schema_check_number;

#endif
