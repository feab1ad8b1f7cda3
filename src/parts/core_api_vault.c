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
#include "parts/core_draft.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"

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

/* --- looking --- */

/* ?archived=1 shows those as well. */
static bool
wants_archived(struct core_ask *ask)
{
	struct str value;

	return core_ask_query(ask, "archived", &value) && str_eq_z(value, "1");
}

int
route_vault_list(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct core_vault *vault = NULL;
	bool all = wants_archived(ask);
	auto_buf body = { 0 };
	struct str name;
	struct json_out o;

	if (core_ask_query(ask, "vault", &name)) {
		vault = core_vault_find(c, name);
		if (!vault) {
			return err_set(e, ERR_MISSING, "there is no vault %s",
			    err_quote(name));
		}
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "credentials");
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		if ((all || !k->archived) &&
		    (!vault || strcmp(k->vault, vault->id) == 0)) {
			core_credential_write(c, &ask->arena, &o, NULL, k);
		}
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

static struct core_credential *
mutable_find(struct core *c, struct str name)
{
	struct core_credential *k = c->credentials;

	while (k && !str_eq_z(name, k->name) && !str_eq_z(name, k->id)) {
		k = k->next;
	}
	return k;
}

static int
find(struct core *c, struct core_ask *ask, struct core_credential **k,
    struct err *e)
{
	*k = mutable_find(c, ask->part);
	return *k ? 0
	          : err_set(e, ERR_MISSING,
	                "there is no credential %s; `handrail vault list` "
	                "names them",
	                err_quote(ask->part));
}

static void
write_answer(struct core *c, struct core_ask *ask,
    const struct core_credential *k, struct buf *body)
{
	struct json_out o;

	json_out_init(&o, body);
	core_credential_write(c, &ask->arena, &o, NULL, k);
}

int
route_vault_show(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k;
	auto_buf body = { 0 };

	if (find(c, ask, &k, e)) {
		return -1;
	}
	write_answer(c, ask, k, &body);
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- put and rotate: box in, row out --- */

static int
ask_vault(struct core *c, struct core_ask *ask, const struct core_credential *k,
    struct err *e)
{
	struct wire_vault_seal seal = { .id = ask->number };
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
	core_text(ask->credential, sizeof(ask->credential), k->name);
	ask->version = core_credential_version(c, k->name) + 1;
	core_credential_binding(k, &seal.binding);
	seal.binding.version = ask->version;
	seal.box_size = (uint32_t)box.len;
	memcpy(seal.box, box.at, box.len);
	ask->sealing = true;
	wire_send(c->vault, WIRE_VAULT_SEAL, &seal, NULL, 0);
	return 0;
}

int
route_vault_put(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *draft;
	int result;

	draft = core_draft_read(c, &ask->arena, ask->body, e);
	if (!draft) {
		return -1;
	}
	ask->putting = true;
	result = ask_vault(c, ask, draft, e);
	core_credential_free(draft);
	return result;
}

static bool
names_labels(const struct json *body)
{
	return json_get(body, "display_name") || json_get(body, "metadata");
}

/* Display name and metadata alone: no new version, nothing is sealed. */
static void
change(struct core *c, struct core_ask *ask, struct core_credential *k)
{
	auto_buf body = { 0 };

	if (names_labels(ask->body)) {
		k->changed = wall_now();
		core_credential_record(
		    c, k, BOOK_CREDENTIAL_CHANGED, ask->operator_);
	}
	write_answer(c, ask, k, &body);
	core_answer_after(c, ask, 200, buf_str(&body));
}

int
route_vault_rotate(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k;

	if (find(c, ask, &k, e) || core_draft_mutable(ask->body, e)) {
		return -1;
	}
	if (k->archived) {
		return err_set(e, ERR_MISSING,
		    "the credential %s is archived; `handrail vault put %s` "
		    "makes it anew",
		    k->name, k->name);
	}
	if (!json_get(ask->body, "box") && names_labels(ask->body)) {
		if (core_draft_labels(ask->body, k->label, &k->metadata, e)) {
			return -1;
		}
		change(c, ask, k);
		return 0;
	}
	return ask_vault(c, ask, k, e);
}

static void
see_again(struct core *c, uint64_t number)
{
	struct err e = { 0 };

	(void)number; /* a tool that needs this credential may now be seen */
	if (core_house_load(c, false, &e)) {
		log_err("reload", &e);
	}
	core_grants_over(c);
}

void
core_credential_seen_after(struct core *c)
{
	core_after(c, see_again, 0);
}

/* What was dropped also leaves the log in front of the store's file. */
static void
leave_no_copy(struct core *c, uint64_t number)
{
	core_vault_scrub(c);
	see_again(c, number);
}

/* Whether what the vault sealed may be kept.  What a client was told to do
 * while it was sealed comes first. */
static int
judge_sealed(struct core *c, struct core_ask *ask,
    const struct wire_vault_sealed *sealed, struct core_credential **k,
    struct err *e)
{
	struct core_credential *is = mutable_find(c, str_of(ask->credential));
	uint32_t version = core_credential_version(c, ask->credential);
	const struct core_mark *over;

	if (!sealed->ok || sealed->row_size > sizeof(sealed->row)) {
		return err_set(e, ERR_INPUT, "%s",
		    wire_text_ok(sealed->text, sizeof(sealed->text))
		        ? sealed->text
		        : "the vault refused");
	}
	if (ask->version != version + 1 || (!ask->putting && !is)) {
		return err_set(e, ERR_CONFLICT,
		    "the credential %s was changed meanwhile: nothing was "
		    "written",
		    ask->credential);
	}
	over = core_mark_find(c, &sealed->marks);
	if (over) {
		return err_set(e, ERR_CONFLICT,
		    "this value was one of the credential %s and was rotated "
		    "out, archived or deleted: it does not come back; make a "
		    "new one where it came from",
		    over->name);
	}
	if (!ask->putting) {
		*k = is;
		return core_oauth_secret_told(is, sealed->has, e) ||
		               core_draft_labels(
		                   ask->body, is->label, &is->metadata, e)
		           ? -1
		           : 0;
	}
	*k = core_draft_read(c, &ask->arena, ask->body, e);
	if (*k && core_oauth_secret_told(*k, sealed->has, e)) {
		core_credential_free(*k);
		*k = NULL;
	}
	return *k ? 0 : -1;
}

void
core_credential_add(struct core *c, struct core_credential *k)
{
	struct core_credential **at = &c->credentials;

	while (*at && strcmp((*at)->name, k->name) != 0) {
		at = &(*at)->next;
	}
	if (*at) {
		struct core_credential *old = *at;

		*at = old->next;
		core_credential_free(old);
	}
	k->next = c->credentials;
	c->credentials = k;
}

static void
keep_row(struct core *c, struct core_ask *ask, struct core_credential *k,
    const struct wire_vault_sealed *sealed)
{
	auto_buf body = { 0 };

	if (ask->putting) {
		k->marks = sealed->marks;
	} else {
		core_mark_over(c, k, &sealed->marks);
	}
	k->version = ask->version;
	core_oauth_settle(c, k);
	k->checked = true;
	k->refused[0] = 0;
	k->has = sealed->has;
	k->expires = sealed->expires;
	k->renew = 0;
	k->asked = false;
	k->fails = 0;
	k->again = k->forced = (struct mono){ 0 };
	k->closed[0] = '\0';
	buf_clear(&k->row);
	buf_add(&k->row, str_span(sealed->row, sealed->row_size));
	core_credential_record(c, k,
	    ask->putting ? BOOK_CREDENTIAL_PUT : BOOK_CREDENTIAL_ROTATED,
	    ask->operator_);
	write_answer(c, ask, k, &body);
	core_answer_after(c, ask, 200, buf_str(&body));
	core_after(c, ask->putting ? see_again : leave_no_copy, 0);
}

/* The same value again is nothing new, unless there is no row that opens. */
static bool
holds_already(const struct core *c, const struct core_credential *k,
    const struct wire_vault_sealed *sealed)
{
	/* Of tokens the end may be another one. */
	return !sealed->has && !core_credential_unfit(c, k) &&
	       memcmp(&k->marks, &sealed->marks, sizeof(k->marks)) == 0;
}

void
core_vault_sealed(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_sealed *sealed = record;
	struct core_ask *ask = core_ask_find(c, sealed->id);
	struct core_credential *k = NULL;
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!ask || !ask->sealing) {
		return;
	}
	ask->sealing = false;
	if (ask->authorizing) {
		core_login_sealed(c, ask, sealed);
		return;
	}
	if (judge_sealed(c, ask, sealed, &k, &e)) {
		core_answer_err(c, ask, &e);
		return;
	}
	if (ask->putting) {
		core_credential_add(c, k);
	} else if (holds_already(c, k, sealed)) {
		change(c, ask, k);
		return;
	} else {
		k->rotated = k->changed = wall_now();
	}
	keep_row(c, ask, k, sealed);
}

/* --- archive and delete --- */

void
core_credential_archive(
    struct core *c, struct core_credential *k, const struct core_operator *who)
{
	if (k->archived) {
		return;
	}
	core_mark_over(c, k, NULL);
	k->archived = true;
	k->changed = k->archived_at = wall_now();
	k->version = core_credential_version(c, k->name) + 1;
	k->refused[0] = 0;
	buf_fini(&k->row);
	core_credential_record(c, k, BOOK_CREDENTIAL_ARCHIVED, who);
	core_after(c, leave_no_copy, 0);
	core_oauth_release(c, k->name);
}

void
core_credential_delete(
    struct core *c, struct core_credential *k, const struct core_operator *who)
{
	struct core_credential **at = &c->credentials;
	struct core_event event = {
		.kind = BOOK_CREDENTIAL_DELETED,
		.identity = who->name,
		.rule = str_of(k->name),
		.call = core_credential_version(c, k->name) + 1,
	};

	core_mark_over(c, k, NULL);
	core_row_drop(c, "sealed", str_of(k->name));
	(void)core_append(c, &event);
	core_after(c, leave_no_copy, 0);
	k->archived = true;
	core_oauth_release(c, k->name); /* nobody else will */
	while (*at != k) {
		at = &(*at)->next;
	}
	*at = k->next;
	core_credential_free(k);
}

int
route_vault_archive(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k;
	auto_buf body = { 0 };

	if (find(c, ask, &k, e)) {
		return -1;
	}
	core_credential_archive(c, k, ask->operator_);
	write_answer(c, ask, k, &body);
	core_answer_after(c, ask, 200, buf_str(&body));
	return 0;
}

int
route_vault_delete(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k;
	auto_buf body = { 0 };
	struct json_out o;

	if (find(c, ask, &k, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "id", k->id);
	json_out_z(&o, "name", k->name);
	json_out_bool(&o, "deleted", true);
	json_out_end(&o, '}');
	core_credential_delete(c, k, ask->operator_);
	core_answer_after(c, ask, 200, buf_str(&body));
	return 0;
}
