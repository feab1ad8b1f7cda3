/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_SEAL_HELP_H
#define UNIT_SEAL_HELP_H

/* One sealed row, and the binding that it was sealed with. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "seal/seal.h"

#define VALUE STR("ghp_0123456789")

static struct seal_key *key;

static struct seal_binding
binding_of(void)
{
	struct seal_binding binding = {
		.id = STR("github"),
		.version = 3,
		.kind = SEAL_STATIC_BEARER,
		.host_count = 2,
		.hosts = { STR("github.com"), STR("api.github.com:8443") },
	};

	return binding;
}

static void
make_row(struct buf *row)
{
	struct seal_binding binding = binding_of();
	struct err e = { 0 };

	if (seal_row(key, &binding, VALUE, row, &e)) {
		fail_msg("%s", e.text);
	}
}

#endif
