/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are over, each known by a mark that only the vault can make. */
#include <stdlib.h>
#include <string.h>

#include "parts/core_back.h"

const struct core_mark *
core_mark_find(const struct core *c, const uint8_t mark[WIRE_MARK])
{
	const struct core_mark *found = c->marks;

	while (found && memcmp(found->mark, mark, WIRE_MARK) != 0) {
		found = found->next;
	}
	return found;
}

const char *
core_mark_says(
    const struct core *c, struct arena *a, const uint8_t mark[WIRE_MARK])
{
	const struct core_mark *over = core_mark_find(c, mark);
	const struct core_credential *k = c->credentials;
	struct str text = { 0 };

	while (!over && k && memcmp(k->mark, mark, WIRE_MARK) != 0) {
		k = k->next;
	}
	if (over) {
		text = arena_printf(a,
		    "it brings a value of the credential %s that was rotated "
		    "out, archived or deleted",
		    over->name);
	} else if (k) {
		text = arena_printf(a,
		    "it brings the value of the credential %s itself: nothing "
		    "in a sandbox may hold it",
		    k->name);
	}
	return text.at;
}

static void
add_mark(struct core *c, const uint8_t mark[WIRE_MARK], const char *name)
{
	struct core_mark *m = calloc(1, sizeof(*m));

	must(m);
	memcpy(m->mark, mark, WIRE_MARK);
	core_text(m->name, sizeof(m->name), name);
	m->next = c->marks;
	c->marks = m;
}

static void
revoke(struct core *c, const struct core_credential *k)
{
	struct wire_vault_revoke over = { .version = k->version };

	core_text(over.credential, sizeof(over.credential), k->name);
	core_back(c, WIRE_VAULT_REVOKE, &over);
}

void
core_mark_over(struct core *c, struct core_credential *k)
{
	static const uint8_t none[WIRE_MARK];
	char key[2 * WIRE_MARK + 1];

	if (memcmp(k->mark, none, WIRE_MARK) != 0 &&
	    !core_mark_find(c, k->mark)) {
		hex_text(k->mark, WIRE_MARK, key);
		core_row(c, "sealed_over", str_of(key), str_of(k->name), 1);
		add_mark(c, k->mark, k->name);
	}
	memset(k->mark, 0, WIRE_MARK);
	revoke(c, k);
}

static int
load(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;
	uint8_t mark[WIRE_MARK];
	char name[WIRE_CREDENTIAL_MAX];

	if (!hex_bytes(row->key, mark, WIRE_MARK) ||
	    !str_copy(name, sizeof(name), row->value)) {
		return err_set(e, ERR_INPUT,
		    "the stored mark %s cannot be read" CORE_DAMAGED,
		    err_quote(row->key));
	}
	add_mark(c, mark, name);
	return 0;
}

int
core_mark_load(struct core *c, struct err *e)
{
	return store_rows_walk(
	    c->book.store, STR("sealed_over"), STR(""), load, c, e);
}
