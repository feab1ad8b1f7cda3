/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about credentials.  A value arrives as a box that only the vault can
 * open; core passes the box on, stores the sealed row that comes back, and
 * writes that it did.  Nothing here can read a value.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"

#define KIND_BEARER 1

static struct core_credential *
mutable_find(struct core *c, struct str name)
{
	struct core_credential *k = c->credentials;

	while (k && !str_eq_z(name, k->name)) {
		k = k->next;
	}
	return k;
}

int
route_vault_key(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	auto_buf text = { 0 };
	struct json_out o;

	if (!c->vault_ready) {
		return err_set(e, ERR_UNAVAILABLE, "the vault is away");
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	base64_add(&text, str_span(c->vault_keys.box_public, 32));
	json_out_str(&o, "box", buf_str(&text));
	buf_clear(&text);
	base64_add(&text, str_span(c->vault_keys.sign_public, 32));
	json_out_str(&o, "sign", buf_str(&text));
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

int
route_vault_list(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;

	(void)e;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "credentials");
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		json_out_object(&o, NULL);
		json_out_z(&o, "name", k->name);
		json_out_z(&o, "hosts", k->hosts);
		json_out_i64(&o, "version", k->version);
		json_out_bool(&o, "archived", k->archived);
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- put and rotate: box in, row out --- */

static int
name_ok(struct str name, struct err *e)
{
	for (size_t i = 0; i < name.len; i++) {
		char ch = name.at[i];
		bool good = (ch >= 'a' && ch <= 'z') || ch == '-' ||
		            ch == '_' || (ch >= '0' && ch <= '9');

		if (!good) {
			name.len = 0;
		}
	}
	if (name.len == 0 || name.len >= WIRE_CREDENTIAL_MAX) {
		return err_set(e, ERR_INPUT,
		    "a credential's name has 1 to %d of a-z, 0-9, - and _",
		    WIRE_CREDENTIAL_MAX - 1);
	}
	return 0;
}

static int
ask_vault(struct core *c, struct core_ask *ask, struct err *e)
{
	struct wire_vault_seal seal = {
		.id = ask->number,
		.version = ask->version,
		.kind = ask->kind,
	};
	auto_buf box = { 0 };
	struct str text;

	if (!c->vault_ready) {
		return err_set(e, ERR_UNAVAILABLE, "the vault is away");
	}
	if (!json_text(ask->body, "box", &text) || !base64_decode(&box, text) ||
	    box.len > sizeof(seal.box)) {
		return err_set(e, ERR_INPUT,
		    "expected \"box\": the value sealed to the vault's key");
	}
	core_text(seal.credential, sizeof(seal.credential), ask->credential);
	core_text(seal.hosts, sizeof(seal.hosts), ask->hosts);
	seal.box_size = (uint32_t)box.len;
	memcpy(seal.box, box.at, box.len);
	ask->sealing = true;
	wire_send(c->vault, WIRE_VAULT_SEAL, &seal, NULL, 0);
	return 0;
}

int
route_vault_put(struct core *c, struct core_ask *ask, struct err *e)
{
	struct str name = STR("");
	struct str hosts = STR("");
	const struct core_credential *k;

	(void)json_text(ask->body, "name", &name);
	if (name_ok(name, e)) {
		return -1;
	}
	k = core_credential_find(c, name);
	if (k && !k->archived) {
		return err_set(e, ERR_CONFLICT,
		    "there is a credential %s: `handrail vault rotate %s` "
		    "gives "
		    "it a new value",
		    k->name, k->name);
	}
	if (!json_text(ask->body, "hosts", &hosts) || !hosts.len ||
	    !str_copy(ask->hosts, sizeof(ask->hosts), hosts)) {
		return err_set(e, ERR_INPUT,
		    "a credential is bound to hosts: --host NAME[:PORT]");
	}
	(void)str_copy(ask->credential, sizeof(ask->credential), name);
	ask->version = k ? k->version + 1 : 1;
	ask->kind = KIND_BEARER;
	return ask_vault(c, ask, e);
}

static int
find_live(struct core *c, struct core_ask *ask, struct core_credential **k,
    struct err *e)
{
	*k = mutable_find(c, ask->part);
	if (!*k || (*k)->archived) {
		return err_set(e, ERR_MISSING,
		    "there is no credential %s in use; `handrail vault list` "
		    "names them",
		    err_quote(ask->part));
	}
	return 0;
}

int
route_vault_rotate(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k;

	if (find_live(c, ask, &k, e)) {
		return -1;
	}
	(void)str_copy(
	    ask->credential, sizeof(ask->credential), str_of(k->name));
	(void)str_copy(ask->hosts, sizeof(ask->hosts), str_of(k->hosts));
	ask->version = k->version + 1;
	ask->kind = k->kind;
	return ask_vault(c, ask, e);
}

/* The row and the head that knows its version: one batch. */
static void
write_credential(
    struct core *c, const struct core_credential *k, enum book_kind kind)
{
	auto_buf value = { 0 };
	auto_buf text = { 0 };
	struct json_out o;
	struct core_event event = {
		.kind = kind,
		.rule = str_of(k->name),
		.call = k->version,
	};

	base64_add(&text, buf_str(&k->row));
	json_out_init(&o, &value);
	json_out_object(&o, NULL);
	json_out_z(&o, "hosts", k->hosts);
	json_out_i64(&o, "kind", k->kind);
	json_out_bool(&o, "archived", k->archived);
	json_out_str(&o, "row", buf_str(&text));
	json_out_end(&o, '}');
	core_row(c, "sealed", str_of(k->name), buf_str(&value), k->version);
	(void)core_append(c, &event);
}

static void
answer_credential(
    struct core *c, struct core_ask *ask, const struct core_credential *k)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "name", k->name);
	json_out_i64(&o, "version", k->version);
	json_out_bool(&o, "archived", k->archived);
	json_out_end(&o, '}');
	core_answer_after(c, ask, 200, buf_str(&body));
}

static void
see_again(struct core *c, uint64_t number)
{
	struct err e = { 0 };

	(void)number; /* a tool that needs this credential may now be seen */
	if (core_house_load(c, false, &e)) {
		log_err("reload", &e);
	}
}

void
core_vault_sealed(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_sealed *sealed = record;
	struct core_ask *ask = core_ask_find(c, sealed->id);
	struct core_credential *k;
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!ask || !ask->sealing) {
		return;
	}
	ask->sealing = false;
	if (!sealed->ok || sealed->row_size > sizeof(sealed->row)) {
		(void)err_set(&e, ERR_INPUT, "%s",
		    wire_text_ok(sealed->text, sizeof(sealed->text))
		        ? sealed->text
		        : "the vault refused");
		core_answer_err(c, ask, &e);
		return;
	}
	k = mutable_find(c, str_of(ask->credential));
	if (ask->version != (k ? k->version : 0) + 1) {
		(void)err_set(&e, ERR_CONFLICT,
		    "the credential %s was changed meanwhile: nothing was "
		    "written",
		    ask->credential);
		core_answer_err(c, ask, &e);
		return;
	}
	if (!k) {
		k = calloc(1, sizeof(*k));
		must(k);
		(void)str_copy(
		    k->name, sizeof(k->name), str_of(ask->credential));
		k->next = c->credentials;
		c->credentials = k;
	}
	(void)str_copy(k->hosts, sizeof(k->hosts), str_of(ask->hosts));
	k->kind = ask->kind;
	k->version = ask->version;
	k->archived = false;
	buf_clear(&k->row);
	buf_add(&k->row, str_span(sealed->row, sealed->row_size));
	write_credential(c, k,
	    k->version == 1 ? BOOK_CREDENTIAL_PUT : BOOK_CREDENTIAL_ROTATED);
	answer_credential(c, ask, k);
	core_after(c, see_again, 0);
}

int
route_vault_archive(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k;

	if (find_live(c, ask, &k, e)) {
		return -1;
	}
	k->archived = true;
	k->version++;
	buf_clear(&k->row);
	write_credential(c, k, BOOK_CREDENTIAL_ARCHIVED);
	answer_credential(c, ask, k);
	core_after(c, see_again, 0);
	return 0;
}
