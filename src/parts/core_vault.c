/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as core knows them: sealed rows that it stores and cannot open,
 * with the newest version of each in the book.  A row whose version the book
 * does not know, or knows a newer one of, is not used; nor is one that the
 * vault cannot open as what it is said to be.  Both are found at the start and
 * written down, and looked at again at each use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts/core_back.h"
#include "seal/seal.h"

#define SCRUB_AGAIN_US CLOCK_SECOND

static const struct {
	uint32_t kind;
	const char *name;
} kinds[] = {
#define SEAL_KIND(number, kind, name) { (number), name },
#include "seal/kinds.def"
#undef SEAL_KIND
};

const char *
core_kind_name(uint32_t kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (kinds[i].kind == kind) {
			return kinds[i].name;
		}
	}
	return "unknown";
}

bool
core_kind_parse(struct str name, uint32_t *kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (str_eq_z(name, kinds[i].name)) {
			*kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

const struct core_credential *
core_credential_find(const struct core *c, struct str name)
{
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		if (str_eq_z(name, k->name) || str_eq_z(name, k->id)) {
			return k;
		}
	}
	return NULL;
}

struct core_vault *
core_vault_find(struct core *c, struct str name_or_id)
{
	for (struct core_vault *v = c->vaults; v; v = v->next) {
		if (str_eq_z(name_or_id, v->name) ||
		    str_eq_z(name_or_id, v->id)) {
			return v;
		}
	}
	return NULL;
}

const char *
core_credential_unfit(const struct core *c, const struct core_credential *k)
{
	if (k->archived) {
		return "archived it";
	}
	if (k->refused[0]) {
		return k->refused;
	}
	return core_credential_version(c, k->name) == k->version
	           ? NULL
	           : "another version of it than the book";
}

void
core_credential_binding(
    const struct core_credential *k, struct wire_binding *out)
{
	memset(out, 0, sizeof(*out));
	out->version = k->version;
	out->kind = k->kind;
	core_text(out->credential, sizeof(out->credential), k->name);
	core_text(out->hosts, sizeof(out->hosts), k->hosts);
	core_text(out->issuer, sizeof(out->issuer), k->issuer);
	if (k->facts.len) {
		struct digest d = digest_of(buf_str(&k->facts));

		memcpy(out->facts, d.bytes, sizeof(out->facts));
	}
}

/* --- rows of the store --- */

static void
write_wall(struct json_out *o, const char *key, struct wall at)
{
	if (at.us) {
		json_out_i64(o, key, at.us);
	}
}

void
core_credential_save(struct core *c, const struct core_credential *k)
{
	auto_buf value = { 0 };
	auto_buf text = { 0 };
	char mark[2 * WIRE_MARK + 1];
	char beside[2 * (sizeof(k->marks) - WIRE_MARK) + 1];
	struct json_out o;

	base64_add(&text, buf_str(&k->row));
	hex_text(k->marks.of[0], WIRE_MARK, mark);
	hex_text(k->marks.of[1], sizeof(k->marks) - WIRE_MARK, beside);
	json_out_init(&o, &value);
	json_out_object(&o, NULL);
	json_out_z(&o, "id", k->id);
	json_out_z(&o, "vault", k->vault);
	json_out_z(&o, "label", k->label);
	json_out_z(&o, "hosts", k->hosts);
	json_out_z(&o, "issuer", k->issuer);
	json_out_z(&o, "url", k->url);
	json_out_i64(&o, "kind", k->kind);
	json_out_bool(&o, "archived", k->archived);
	write_wall(&o, "made", k->made);
	write_wall(&o, "changed", k->changed);
	write_wall(&o, "rotated", k->rotated);
	write_wall(&o, "archived_at", k->archived_at);
	json_out_str(&o, "facts", buf_str(&k->facts));
	json_out_str(&o, "metadata", buf_str(&k->metadata));
	json_out_z(&o, "mark", mark);
	json_out_z(&o, "marks_beside", beside);
	json_out_i64(&o, "has", k->has);
	json_out_i64(&o, "expires", k->expires);
	json_out_i64(&o, "renew", k->renew);
	json_out_bool(&o, "asked", k->asked);
	json_out_z(&o, "closed", k->closed);
	json_out_str(&o, "row", buf_str(&text));
	json_out_end(&o, '}');
	core_row(c, "sealed", str_of(k->name), buf_str(&value), k->version);
}

void
core_vault_save(struct core *c, const struct core_vault *v)
{
	auto_buf value = { 0 };
	struct json_out o;

	json_out_init(&o, &value);
	json_out_object(&o, NULL);
	json_out_z(&o, "name", v->name);
	json_out_z(&o, "label", v->label);
	json_out_str(&o, "metadata", buf_str(&v->metadata));
	json_out_bool(&o, "archived", v->archived);
	write_wall(&o, "made", v->made);
	write_wall(&o, "changed", v->changed);
	write_wall(&o, "archived_at", v->archived_at);
	json_out_end(&o, '}');
	core_row(c, "vault", str_of(v->id), buf_str(&value), 1);
}

static void
read_wall(const struct json *tree, const char *key, struct wall *at)
{
	(void)json_i64(tree, key, &at->us);
}

/* False if it is there and too long. */
static bool
read_text(const struct json *tree, const char *key, char *out, size_t size)
{
	struct str text = STR("");

	(void)json_text(tree, key, &text);
	return str_copy(out, size, text);
}

static void
read_buf(const struct json *tree, const char *key, struct buf *out)
{
	struct str text = STR("");

	(void)json_text(tree, key, &text);
	buf_add(out, text);
}

/* A credential of a program that gave none has the same id at every start. */
static void
id_of_name(struct core_credential *k)
{
	char text[DIGEST_TEXT];

	digest_text(digest_of(str_of(k->name)), text);
	(void)snprintf(k->id, sizeof(k->id), "vcrd_%.32s", text);
}

static bool
read_credential(const struct json *tree, struct core_credential *k)
{
	struct str text;
	int64_t kind;

	if (!json_text(tree, "hosts", &text) ||
	    !str_copy(k->hosts, sizeof(k->hosts), text) ||
	    !json_i64(tree, "kind", &kind) || !json_text(tree, "row", &text) ||
	    !base64_decode(&k->row, text) || k->row.len > WIRE_ROW_MAX) {
		return false;
	}
	k->kind = (uint32_t)kind;
	(void)json_bool(tree, "archived", &k->archived);
	read_wall(tree, "made", &k->made);
	read_wall(tree, "changed", &k->changed);
	read_wall(tree, "rotated", &k->rotated);
	read_wall(tree, "archived_at", &k->archived_at);
	read_buf(tree, "facts", &k->facts);
	read_buf(tree, "metadata", &k->metadata);
	if ((json_text(tree, "mark", &text) &&
	        !hex_bytes(text, k->marks.of[0], WIRE_MARK)) ||
	    (json_text(tree, "marks_beside", &text) &&
	        !hex_bytes(
	            text, k->marks.of[1], sizeof(k->marks) - WIRE_MARK))) {
		return false;
	}
	if (json_i64(tree, "has", &kind)) {
		k->has = (uint32_t)kind;
	}
	if (json_i64(tree, "expires", &k->expires) &&
	    !seal_tokens_end_ok(k->expires)) {
		k->expires = 0; /* earlier programs took any */
	}
	(void)json_i64(tree, "renew", &k->renew);
	(void)json_bool(tree, "asked", &k->asked);
	if (!read_text(tree, "closed", k->closed, sizeof(k->closed)) ||
	    !read_text(tree, "id", k->id, sizeof(k->id)) ||
	    !read_text(tree, "vault", k->vault, sizeof(k->vault)) ||
	    !read_text(tree, "label", k->label, sizeof(k->label)) ||
	    !read_text(tree, "issuer", k->issuer, sizeof(k->issuer)) ||
	    !read_text(tree, "url", k->url, sizeof(k->url))) {
		return false;
	}
	if (!k->id[0]) {
		id_of_name(k);
	}
	if (!k->vault[0]) {
		core_text(k->vault, sizeof(k->vault), CORE_VAULT_DEFAULT);
	}
	return true;
}

/* Newest first: by the time of making, then by name backwards. */
static void
insert(struct core *c, struct core_credential *k)
{
	struct core_credential **at = &c->credentials;

	while (*at && ((*at)->made.us > k->made.us ||
	                  ((*at)->made.us == k->made.us &&
	                      strcmp((*at)->name, k->name) > 0))) {
		at = &(*at)->next;
	}
	k->next = *at;
	*at = k;
}

static int
load_row(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;
	auto_arena a = { 0 };
	struct json *tree;
	struct core_credential *k = calloc(1, sizeof(*k));

	must(k);
	if (json_parse(&a, row->value, NULL, &tree, e) ||
	    !str_copy(k->name, sizeof(k->name), row->key) ||
	    !read_credential(tree, k)) {
		free(k);
		return err_set(e, ERR_INPUT,
		    "the stored credential %s cannot be read" CORE_DAMAGED,
		    err_quote(row->key));
	}
	k->version = (uint32_t)row->version;
	insert(c, k);
	return 0;
}

static int
load_vault(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;
	auto_arena a = { 0 };
	struct json *tree;
	struct core_vault *v = calloc(1, sizeof(*v));
	struct core_vault **at = &c->vaults;

	must(v);
	if (json_parse(&a, row->value, NULL, &tree, e) ||
	    !str_copy(v->id, sizeof(v->id), row->key) ||
	    !read_text(tree, "name", v->name, sizeof(v->name)) ||
	    !read_text(tree, "label", v->label, sizeof(v->label))) {
		free(v);
		return err_set(e, ERR_INPUT,
		    "the stored vault %s cannot be read" CORE_DAMAGED,
		    err_quote(row->key));
	}
	read_buf(tree, "metadata", &v->metadata);
	(void)json_bool(tree, "archived", &v->archived);
	read_wall(tree, "made", &v->made);
	read_wall(tree, "changed", &v->changed);
	read_wall(tree, "archived_at", &v->archived_at);
	while (*at && (*at)->made.us > v->made.us) {
		at = &(*at)->next;
	}
	v->next = *at;
	*at = v;
	return 0;
}

/* The vault that every house has, without a row: the oldest. */
static void
default_vault(struct core *c)
{
	struct core_vault **at = &c->vaults;
	struct core_vault *v = calloc(1, sizeof(*v));

	must(v);
	core_text(v->id, sizeof(v->id), CORE_VAULT_DEFAULT);
	core_text(v->name, sizeof(v->name), "default");
	while (*at) {
		at = &(*at)->next;
	}
	*at = v;
}

static void
scrub_again(void *owner)
{
	core_vault_scrub(owner);
}

/* On a full disk the drop may find room in the log, which what is in front of
 * it finds in no file. */
void
core_vault_scrub(struct core *c)
{
	struct err e = { 0 };
	bool before = c->scrub_failed;

	c->scrub_failed = store_scrub(c->book.store, &e) != 0;
	if (!c->scrub_failed) {
		return;
	}
	if (!before) {
		log_line(LOG_ERROR, "vault",
		    "a value that was dropped is still in the log of the "
		    "store, which is cut as soon as it can be: %s",
		    e.text);
	}
	loop_timer_arm(&c->scrub_again, c->part.loop,
	    mono_after(mono_now(), SCRUB_AGAIN_US), scrub_again, c);
}

/* The book's newest version of each name must be the row's. */
int
core_vault_load(struct core *c, struct err *e)
{
	if (store_rows_walk(
	        c->book.store, STR("sealed"), STR(""), load_row, c, e) ||
	    store_rows_walk(
	        c->book.store, STR("vault"), STR(""), load_vault, c, e) ||
	    core_mark_load(c, e)) {
		return -1;
	}
	/* The one before may have ended between a drop and this. */
	core_vault_scrub(c);
	default_vault(c);
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		uint32_t newest = core_credential_version(c, k->name);

		if (newest != k->version) {
			(void)snprintf(k->refused, sizeof(k->refused),
			    "a row of it of version %u where the book says %u",
			    k->version, newest);
		}
	}
	return 0;
}

/* --- does each row open? --- */

static void
refuse_row(struct core *c, struct core_credential *k)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct core_event event = {
		.kind = BOOK_CREDENTIAL_REFUSED,
		.rule = str_of(k->name),
		.call = core_credential_version(c, k->name),
	};

	k->checked = true;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "stored", k->version);
	json_out_z(&o, "reason", k->refused);
	json_out_end(&o, '}');
	event.body = buf_str(&body);
	(void)core_append(c, &event);
	log_line(LOG_ERROR, "vault",
	    "the credential %s is not used: the vault has %s; `handrail vault "
	    "rotate %s` puts it in again",
	    k->name, k->refused, k->name);
}

void
core_vault_check(struct core *c)
{
	struct wire_vault_check check = { 0 };

	if (!c->vault_ready) {
		return;
	}
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		if (k->archived || k->checked) {
			continue;
		}
		if (k->refused[0]) {
			refuse_row(c, k);
			continue;
		}
		core_credential_binding(k, &check.binding);
		check.id = c->checking = core_number(c);
		check.row_size = (uint32_t)k->row.len;
		memcpy(check.row, k->row.at, k->row.len);
		wire_send(c->vault, WIRE_VAULT_CHECK, &check, NULL, 0);
		core_text(c->checking_name, sizeof(c->checking_name), k->name);
		return;
	}
	c->checking = 0;
}

void
core_vault_checked(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_checked *in = record;
	struct core_credential *k = c->credentials;

	(void)peer;
	(void)fds;
	(void)nfds;
	if (in->id != c->checking) {
		return;
	}
	while (k && strcmp(k->name, c->checking_name) != 0) {
		k = k->next;
	}
	if (k && !k->checked && in->ok) {
		k->checked = true;
		k->marks = in->marks;
		k->has = in->has;
		k->expires = in->expires;
	} else if (k && !k->checked) {
		const char *why =
		    wire_text_ok(in->text, sizeof(in->text)) ? in->text : "";

		(void)snprintf(k->refused, sizeof(k->refused),
		    "a row of it that does not open: " STR_FMT,
		    STR_ARG(str_utf8_cut(str_of(why), 200)));
		refuse_row(c, k);
	}
	core_vault_check(c);
}
