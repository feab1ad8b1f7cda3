/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as core knows them: sealed rows that it stores and cannot open,
 * with the newest version of each in the book.  A row whose version the book
 * does not know, or knows a newer one of, is not used.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"

const struct core_credential *
core_credential_find(const struct core *c, struct str name)
{
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		if (str_eq_z(name, k->name)) {
			return k;
		}
	}
	return NULL;
}

/* The row as stored: one line of JSON, the sealed bytes in base64. */
static int
load_row(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;
	auto_arena a = { 0 };
	struct json *tree;
	struct str text;
	int64_t kind;
	bool archived = false;
	struct core_credential *k = calloc(1, sizeof(*k));

	must(k);
	k->next = c->credentials;
	c->credentials = k;
	if (json_parse(&a, row->value, NULL, &tree, e) ||
	    !str_copy(k->name, sizeof(k->name), row->key) ||
	    !json_text(tree, "hosts", &text) ||
	    !str_copy(k->hosts, sizeof(k->hosts), text) ||
	    !json_i64(tree, "kind", &kind) || !json_text(tree, "row", &text) ||
	    !base64_decode(&k->row, text)) {
		return err_set(e, ERR_INPUT,
		    "the stored credential %s cannot be read",
		    err_quote(row->key));
	}
	(void)json_bool(tree, "archived", &archived);
	k->archived = archived;
	k->kind = (uint32_t)kind;
	k->version = (uint32_t)row->version;
	return 0;
}

/* The book's newest version of each name must be the row's. */
int
core_vault_load(struct core *c, struct err *e)
{
	if (store_rows_walk(
	        c->book.store, STR("sealed"), STR(""), load_row, c, e)) {
		return -1;
	}
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		uint32_t newest = core_credential_version(c, k->name);

		if (newest > k->version) {
			k->archived = true;
			log_line(LOG_ERROR, "vault",
			    "the stored row of %s is older than the book says "
			    "(version %u, book %u): it is not used; rotate it",
			    k->name, k->version, newest);
		}
	}
	return 0;
}
