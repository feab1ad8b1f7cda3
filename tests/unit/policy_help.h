/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_HELP_H
#define POLICY_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/policy.h"

/* A row of a table: which one it was that broke. */
static inline void
assert_row(bool ok, const char *row)
{
	if (!ok) {
		fail_msg("%s", row);
	}
}

static inline const struct policy *
policy_of(struct arena *a, const char *text)
{
	const struct policy *p = NULL;
	struct err e = { 0 };

	if (policy_parse(a, str_of(text), "gates.toml", &p, &e)) {
		fail_msg("%s", e.text);
	}
	return p;
}

static inline const struct json *
json_of(struct arena *a, const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(a, str_of(text), NULL, &j, &e)) {
		fail_msg("%s: %s", text, e.text);
	}
	return j;
}

#endif
