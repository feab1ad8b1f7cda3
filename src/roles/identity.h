/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROLES_IDENTITY_H
#define ROLES_IDENTITY_H

/*
 * Who acts: device__client__role_coworker (platform.md 5.1).  A part is
 * lower-case words ([a-z][a-z0-9]*, then [a-z0-9]+) joined by single
 * underscores.  Role R has identity device__client__R_coworker, queue R and
 * mailbox R-coworker with `_` as `-`.
 */

#include "base/base.h"

#define IDENTITY_PART 40
#define IDENTITY_TEXT 136 /* the longest printed form and its NUL */

struct identity {
	char device[IDENTITY_PART];
	char client[IDENTITY_PART];
	char role[IDENTITY_PART]; /* R, without "_coworker" */
};

/* The full form only; ERR_INPUT says which part is wrong. */
int roles_parse_identity(
    struct str text, struct identity *out, struct err *e) MUST_CHECK;
/* Any form: the identity, R, R_coworker, R-coworker, also with `-` for `_`;
 * the short ones take device and client from `home`. */
int roles_parse_any(struct str text, const struct identity *home,
    struct identity *out, struct err *e) MUST_CHECK;
/* R out of any form ("product-management-coworker": product_management). */
int roles_parse_role(
    struct str text, char role[IDENTITY_PART], struct err *e) MUST_CHECK;
void roles_print_identity(const struct identity *i, char text[IDENTITY_TEXT]);
void roles_print_mailbox(const char *role, char text[IDENTITY_TEXT]);
/* One part by the grammar above ("linux", "desktop_cowork"). */
bool roles_part_valid(struct str part);

/* A pattern is an identity with `*` for any run of characters ("linux__*");
 * it matches whole.  A text that is no pattern is refused by the check and
 * matches nothing. */
int roles_check_pattern(struct str pattern, struct err *e) MUST_CHECK;
bool roles_pattern_matches(struct str pattern, const struct identity *i);

/* Names: of tools, task types, models, credentials. */
struct names {
	const struct str *at;
	size_t count;
};
bool names_have(const struct names *set, struct str name);
/* [a-z][a-z0-9_]{0,63}; tools and task types. */
bool roles_name_valid(struct str name);

/*
 * The grant of a task, as a set of tool names: identity ∩ type, and for a task
 * that another one made also ∩ the grant of its parent.  A child never has a
 * name that its parent lacks.  The order is that of `identity`.
 */
struct names roles_grant(
    struct arena *a, const struct names *identity, const struct names *type);
struct names roles_grant_child(struct arena *a, const struct names *identity,
    const struct names *type, const struct names *parent);

#endif
