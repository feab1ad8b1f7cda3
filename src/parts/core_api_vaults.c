/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about vaults: named sets of credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_draft.h"

static void
write_vault(struct core *c, struct arena *a, struct json_out *o,
    const struct core_vault *v)
{
	int64_t count = 0;

	for (const struct core_credential *k = c->credentials; k; k = k->next) {
		count += !k->archived && strcmp(k->vault, v->id) == 0;
	}
	json_out_object(o, NULL);
	json_out_z(o, "id", v->id);
	json_out_z(o, "name", v->name);
	if (v->label[0]) {
		json_out_z(o, "display_name", v->label);
	}
	json_out_i64(o, "credentials", count);
	json_out_bool(o, "archived", v->archived);
	core_write_json(a, o, "metadata", buf_str(&v->metadata));
	core_write_wall(o, "created_at", v->made);
	core_write_wall(o, "updated_at", v->changed);
	core_write_wall(o, "archived_at", v->archived_at);
	json_out_end(o, '}');
}

int
route_vaults(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct str value = STR("");
	struct json_out o;

	(void)e;
	(void)core_ask_query(ask, "archived", &value);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "vaults");
	for (const struct core_vault *v = c->vaults; v; v = v->next) {
		if (!v->archived || str_eq_z(value, "1")) {
			write_vault(c, &ask->arena, &o, v);
		}
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

static void
record(struct core *c, const struct core_vault *v, enum book_kind kind,
    const struct core_operator *who)
{
	struct core_event event = {
		.kind = kind,
		.identity = who->name,
		.rule = str_of(v->name),
	};

	if (kind == BOOK_VAULT_DELETED) {
		core_row_drop(c, "vault", str_of(v->id));
	} else {
		core_vault_save(c, v);
	}
	(void)core_append(c, &event);
}

static void
answer_vault(struct core *c, struct core_ask *ask, const struct core_vault *v)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	write_vault(c, &ask->arena, &o, v);
	core_answer_after(c, ask, 200, buf_str(&body));
}

int
route_vaults_put(struct core *c, struct core_ask *ask, struct err *e)
{
	struct str name = STR("");
	struct core_vault *v;

	(void)json_text(ask->body, "name", &name);
	if (core_draft_name("vault", name, e)) {
		return -1;
	}
	if (core_vault_find(c, name)) {
		return err_set(e, ERR_CONFLICT, "there is a vault %s already",
		    err_quote(name));
	}
	v = calloc(1, sizeof(*v));
	must(v);
	if (core_draft_labels(ask->body, v->label, &v->metadata, e)) {
		buf_fini(&v->metadata);
		free(v);
		return -1;
	}
	(void)str_copy(v->name, sizeof(v->name), name);
	(void)snprintf(v->id, sizeof(v->id), "vlt_%s", id_new().text);
	v->made = v->changed = wall_now();
	v->next = c->vaults;
	c->vaults = v;
	record(c, v, BOOK_VAULT_PUT, ask->operator_);
	answer_vault(c, ask, v);
	return 0;
}

static int
find(struct core *c, struct core_ask *ask, bool change, struct core_vault **v,
    struct err *e)
{
	*v = core_vault_find(c, ask->part);
	if (!*v) {
		return err_set(e, ERR_MISSING, "there is no vault %s",
		    err_quote(ask->part));
	}
	if (change && strcmp((*v)->id, CORE_VAULT_DEFAULT) == 0) {
		return err_set(e, ERR_INPUT,
		    "the vault default is every house's: archive or delete "
		    "its credentials instead");
	}
	return 0;
}

int
route_vaults_show(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_vault *v;
	auto_buf body = { 0 };
	struct json_out o;

	if (find(c, ask, false, &v, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	write_vault(c, &ask->arena, &o, v);
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

static void
archive_credentials(
    struct core *c, const struct core_vault *v, const struct core_operator *who)
{
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		if (strcmp(k->vault, v->id) == 0) {
			core_credential_archive(c, k, who);
		}
	}
}

int
route_vaults_archive(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_vault *v;

	if (find(c, ask, true, &v, e)) {
		return -1;
	}
	if (!v->archived) {
		v->archived = true;
		v->changed = v->archived_at = wall_now();
		archive_credentials(c, v, ask->operator_);
		record(c, v, BOOK_VAULT_ARCHIVED, ask->operator_);
	}
	answer_vault(c, ask, v);
	return 0;
}

int
route_vaults_delete(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_vault **at = &c->vaults;
	struct core_credential *next;
	struct core_vault *v;

	if (find(c, ask, true, &v, e)) {
		return -1;
	}
	for (struct core_credential *k = c->credentials; k; k = next) {
		next = k->next;
		if (strcmp(k->vault, v->id) == 0) {
			core_credential_delete(c, k, ask->operator_);
		}
	}
	record(c, v, BOOK_VAULT_DELETED, ask->operator_);
	answer_vault(c, ask, v);
	while (*at != v) {
		at = &(*at)->next;
	}
	*at = v->next;
	buf_fini(&v->metadata);
	free(v);
	return 0;
}
