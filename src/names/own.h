/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAMES_OWN_H
#define NAMES_OWN_H

/* Inside the room. */

#include "names/names.h"

#define NAMES_TTL 300 /* seconds that a cell may keep an answer */

/* The canonical spelling of a name (no literal, no brackets), or -1. */
int name_canonical(
    struct str hostile, char out[NAMES_HOST_SIZE], struct err *e) MUST_CHECK;

/* The address as it is meant: ::ffff:a.b.c.d is a.b.c.d. */
struct names_addr addr_unmapped(const struct names_addr *a);

#endif
