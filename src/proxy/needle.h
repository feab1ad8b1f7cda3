/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_NEEDLE_H
#define PROXY_NEEDLE_H

/*
 * The credentials that a cell has used, in every form that is looked for: as
 * they are, base64 in its three alignments, base64url likewise, percent
 * escapes, JSON escapes, hexadecimal.  DESIGN lists the forms exactly.
 */

#include "base/base.h"

#define NEEDLE_SECRETS  64 /* credentials of one cell */
#define NEEDLE_VERSIONS 3  /* of one that is made anew again and again */

struct needles;

struct needles *proxy_needles_new(void);
void proxy_needles_free(struct needles *n); /* wipes; NULL is nothing */
/* Known already: nothing.  ERR_LIMIT over NEEDLE_SECRETS, where one that two
 * names have counts twice. */
int proxy_needles_add(
    struct needles *n, struct str secret, struct err *e) MUST_CHECK;
/* The value that the credential of that name has now: of its earlier ones the
 * last NEEDLE_VERSIONS are looked for as well, older ones no more, but while
 * another name has one. */
int proxy_needles_renew(struct needles *n, const char *name, struct str secret,
    struct err *e) MUST_CHECK;
size_t proxy_needles_count(const struct needles *n); /* of forms */

/* The first needle in text at or behind `from`: where, and how long; false:
 * there is none. */
bool proxy_needles_find(
    const struct needles *n, struct str text, size_t *at, size_t *len);
/* Is one in the name of a host?  That has no case any more, and a dot behind at
 * most 63 bytes: both are looked past. */
bool proxy_needles_in_name(const struct needles *n, struct str host);
/* Is one in the name of a field?  That has no case: in HTTP/2 it is written in
 * small letters. */
bool proxy_needles_in_field(const struct needles *n, struct str name);
/* How long the end of text is that may be the beginning of one. */
size_t proxy_needles_tail(const struct needles *n, struct str text);

#endif
