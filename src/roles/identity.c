/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "roles/identity.h"

#define COWORKER STR("_coworker")

static bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
roles_part_valid(struct str part)
{
	char before = '_';

	if (part.len == 0 || part.len >= IDENTITY_PART || part.at[0] < 'a' ||
	    part.at[0] > 'z') {
		return false;
	}
	for (size_t i = 0; i < part.len; i++) {
		char c = part.at[i];

		if (!is_word_byte(c) && (c != '_' || before == '_')) {
			return false;
		}
		before = c;
	}
	return before != '_';
}

bool
roles_name_valid(struct str name)
{
	if (name.len == 0 || name.len > 64 || name.at[0] < 'a' ||
	    name.at[0] > 'z') {
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		if (!is_word_byte(name.at[i]) && name.at[i] != '_') {
			return false;
		}
	}
	return true;
}

/* Cuts at the first "__". */
static bool
cut_part(struct str *rest, struct str *part)
{
	for (size_t i = 0; i + 1 < rest->len; i++) {
		if (rest->at[i] == '_' && rest->at[i + 1] == '_') {
			*part = str_sub(*rest, 0, i);
			*rest = str_sub(*rest, i + 2, rest->len);
			return true;
		}
	}
	*part = *rest;
	*rest = (struct str){ 0 };
	return false;
}

static int
take_part(const char *which, struct str part, char field[IDENTITY_PART],
    struct err *e)
{
	if (!roles_part_valid(part) || !str_copy(field, IDENTITY_PART, part)) {
		return err_set(e, ERR_INPUT,
		    "identity: %s %s: expected lower-case words joined by "
		    "single underscores, at most 39 characters",
		    which, err_quote(part));
	}
	return 0;
}

int
roles_parse_identity(struct str text, struct identity *out, struct err *e)
{
	struct identity i = { 0 };
	struct str rest = text;
	struct str device;
	struct str client;
	struct str role;

	if (!cut_part(&rest, &device) || !cut_part(&rest, &client) ||
	    cut_part(&rest, &role)) {
		return err_set(e, ERR_INPUT,
		    "identity %s: expected three parts, "
		    "device__client__role_coworker",
		    err_quote(text));
	}
	if (!str_ends(role, COWORKER)) {
		return err_set(e, ERR_INPUT,
		    "identity %s: the third part ends in _coworker",
		    err_quote(text));
	}
	role.len -= COWORKER.len;
	if (take_part("device", device, i.device, e) < 0 ||
	    take_part("client", client, i.client, e) < 0 ||
	    take_part("role", role, i.role, e) < 0) {
		return -1;
	}
	*out = i;
	return 0;
}

int
roles_parse_role(struct str text, char role[IDENTITY_PART], struct err *e)
{
	char name[IDENTITY_TEXT];
	struct str s;
	struct identity full;

	if (str_has_str(text, STR("__"))) {
		if (roles_parse_identity(text, &full, e) < 0) {
			return -1;
		}
		memcpy(role, full.role, IDENTITY_PART);
		return 0;
	}
	if (!str_copy(name, sizeof(name), text)) {
		return err_set(
		    e, ERR_INPUT, "role %s: not a name", err_quote(text));
	}
	for (char *c = name; *c; c++) {
		if (*c == '-') {
			*c = '_';
		}
	}
	s = str_of(name);
	if (str_ends(s, COWORKER)) {
		s.len -= COWORKER.len;
	}
	if (!roles_part_valid(s)) {
		return err_set(e, ERR_INPUT,
		    "role %s: expected lower-case words, at most 39 "
		    "characters",
		    err_quote(text));
	}
	must(str_copy(role, IDENTITY_PART, s));
	return 0;
}

int
roles_parse_any(struct str text, const struct identity *home,
    struct identity *out, struct err *e)
{
	struct identity i = *home;

	if (str_has_str(text, STR("__"))) {
		return roles_parse_identity(text, out, e);
	}
	if (roles_parse_role(text, i.role, e) < 0) {
		return -1;
	}
	*out = i;
	return 0;
}

void
roles_print_identity(const struct identity *i, char text[IDENTITY_TEXT])
{
	(void)snprintf(text, IDENTITY_TEXT, "%s__%s__%s_coworker", i->device,
	    i->client, i->role);
}

void
roles_print_mailbox(const char *role, char text[IDENTITY_TEXT])
{
	(void)snprintf(
	    text, IDENTITY_TEXT, "%.*s-coworker", IDENTITY_PART, role);
	for (char *c = text; *c; c++) {
		if (*c == '_') {
			*c = '-';
		}
	}
}

int
roles_check_pattern(struct str pattern, struct err *e)
{
	size_t stars = 0;

	for (size_t i = 0; i < pattern.len; i++) {
		char c = pattern.at[i];

		stars += c == '*';
		if (!is_word_byte(c) && c != '_' && c != '*') {
			stars = SIZE_MAX / 2;
			break;
		}
	}
	if (pattern.len == 0 || pattern.len >= IDENTITY_TEXT || stars > 8) {
		return err_set(e, ERR_INPUT,
		    "%s is no pattern of identities: expected lower-case "
		    "letters, digits, _ and at most 8 *",
		    err_quote(pattern));
	}
	return 0;
}

bool
roles_pattern_matches(struct str pattern, const struct identity *i)
{
	char text[IDENTITY_TEXT];
	struct err e = { 0 };

	if (roles_check_pattern(pattern, &e) < 0) {
		return false;
	}
	roles_print_identity(i, text);
	return str_glob(pattern, str_of(text));
}

/* ---- sets of names ---- */

bool
names_have(const struct names *set, struct str name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (str_eq(set->at[i], name)) {
			return true;
		}
	}
	return false;
}

static struct names
both(struct arena *a, const struct names *x, const struct names *y)
{
	struct str *list = arena_array(a, x->count, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < x->count; i++) {
		struct names so_far = { list, n };

		if (names_have(y, x->at[i]) && !names_have(&so_far, x->at[i])) {
			list[n++] = x->at[i];
		}
	}
	return (struct names){ list, n };
}

struct names
roles_grant(
    struct arena *a, const struct names *identity, const struct names *type)
{
	return both(a, identity, type);
}

struct names
roles_grant_child(struct arena *a, const struct names *identity,
    const struct names *type, const struct names *parent)
{
	struct names own = both(a, identity, type);

	return both(a, &own, parent);
}
