/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that no row holds any more, each known by a mark that only the vault
 * can make.  What a person ended is known for ever and does not come back; of
 * what an issuer renewed, or what stood beside a value that is over, the newest
 * of each name are.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core_back.h"

/* Of one name that have passed: the oldest is forgotten. */
#define PAST_MAX 16

static const char *
space(bool past)
{
	return past ? "sealed_past" : "sealed_over";
}

static bool
holds(const struct wire_marks *marks, const uint8_t mark[WIRE_MARK])
{
	bool found = false;

	for (size_t n = 0; n < COUNT(marks->of) && !found; n++) {
		found = memcmp(marks->of[n], mark, WIRE_MARK) == 0;
	}
	return found;
}

static const struct core_mark *
find(const struct core *c, const uint8_t mark[WIRE_MARK])
{
	const struct core_mark *found = c->marks;

	while (found && memcmp(found->mark, mark, WIRE_MARK) != 0) {
		found = found->next;
	}
	return found;
}

/* The first counts: what stands beside it (a client's secret) may go on in
 * another credential. */
const struct core_mark *
core_mark_find(const struct core *c, const struct wire_marks *marks)
{
	const struct core_mark *found = find(c, marks->of[0]);

	return found && !found->past ? found : NULL;
}

const char *
core_mark_says(
    const struct core *c, struct arena *a, const uint8_t mark[WIRE_MARK])
{
	const struct core_mark *over = find(c, mark);
	const struct core_credential *k = c->credentials;
	struct str text = { 0 };

	while (k && !holds(&k->marks, mark)) {
		k = k->next;
	}
	if (k) {
		text = arena_printf(a,
		    "it brings the value of the credential %s itself: nothing "
		    "in a sandbox may hold it",
		    k->name);
	} else if (over) {
		text = arena_printf(a,
		    "it brings a value of the credential %s that was rotated "
		    "out, archived or deleted",
		    over->name);
	}
	return text.at;
}

/* --- what is kept of them --- */

static void
add(struct core *c, const struct core_mark *of)
{
	struct core_mark *m = calloc(1, sizeof(*m));

	must(m);
	*m = *of;
	m->next = c->marks;
	c->marks = m;
}

static void
drop(struct core *c, const struct core_mark *m)
{
	struct core_mark **at = &c->marks;
	struct core_mark *gone;
	char key[2 * WIRE_MARK + 1];

	hex_text(m->mark, WIRE_MARK, key);
	core_row_drop(c, space(m->past), str_of(key));
	while (*at != m) {
		at = &(*at)->next;
	}
	gone = *at;
	*at = gone->next;
	free(gone);
}

static void
bound_past(struct core *c, const char *name)
{
	const struct core_mark *oldest = NULL;
	size_t count = 0;

	for (const struct core_mark *m = c->marks; m; m = m->next) {
		if (m->past && strcmp(m->name, name) == 0) {
			count++;
			oldest =
			    oldest && oldest->version < m->version ? oldest : m;
		}
	}
	if (count >= PAST_MAX) {
		drop(c, oldest);
	}
}

static void
keep(struct core *c, const struct core_credential *k,
    const uint8_t mark[WIRE_MARK], bool past)
{
	const struct core_mark *known = find(c, mark);
	struct core_mark m = { .version = k->version, .past = past };
	char key[2 * WIRE_MARK + 1];

	if (known && !known->past) {
		return;
	}
	if (known) {
		drop(c, known);
	}
	if (past) {
		bound_past(c, k->name);
	}
	memcpy(m.mark, mark, WIRE_MARK);
	core_text(m.name, sizeof(m.name), k->name);
	hex_text(mark, WIRE_MARK, key);
	core_row(c, space(past), str_of(key), str_of(k->name), k->version);
	add(c, &m);
}

static void
replace(struct core *c, struct core_credential *k,
    const struct wire_marks *next, bool over)
{
	static const struct wire_marks none;

	for (size_t n = 0; n < COUNT(next->of); n++) {
		const uint8_t *mark = k->marks.of[n];

		if (!holds(&none, mark) && !(next && holds(next, mark))) {
			keep(c, k, mark, !over || n > 0);
		}
	}
	k->marks = next ? *next : none;
}

void
core_mark_passed(
    struct core *c, struct core_credential *k, const struct wire_marks *next)
{
	replace(c, k, next, false);
}

void
core_mark_over(
    struct core *c, struct core_credential *k, const struct wire_marks *next)
{
	struct wire_vault_revoke over = { .version = k->version };

	replace(c, k, next, true);
	core_text(over.credential, sizeof(over.credential), k->name);
	core_back(c, WIRE_VAULT_REVOKE, &over);
}

/* --- at the start --- */

static int
load(struct core *c, const struct store_row *row, bool past, struct err *e)
{
	struct core_mark m = { .version = (uint32_t)row->version,
		.past = past };

	if (!hex_bytes(row->key, m.mark, WIRE_MARK) ||
	    !str_copy(m.name, sizeof(m.name), row->value)) {
		return err_set(e, ERR_INPUT,
		    "the stored mark %s cannot be read" CORE_DAMAGED,
		    err_quote(row->key));
	}
	add(c, &m);
	return 0;
}

static int
load_over(void *context, const struct store_row *row, struct err *e)
{
	return load(context, row, false, e);
}

static int
load_past(void *context, const struct store_row *row, struct err *e)
{
	return load(context, row, true, e);
}

int
core_mark_load(struct core *c, struct err *e)
{
	return store_rows_walk(c->book.store, str_of(space(false)), STR(""),
	           load_over, c, e) ||
	               store_rows_walk(c->book.store, str_of(space(true)),
	                   STR(""), load_past, c, e)
	           ? -1
	           : 0;
}
