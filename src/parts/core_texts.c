/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was in force, to be read years later: the texts of policies, roles and
 * contracts, and who the operators are.  Each text is a row of the space "text"
 * under its SHA-256; heads name that digest.  A text is in the batch of the
 * first head that names it, or on the disk before, and no row of "text" is ever
 * dropped or changed.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/key_change.h"

static void
know(struct core *c, struct digest d)
{
	struct str bytes = str_span(d.bytes, DIGEST_SIZE);

	map_put(&c->texts, arena_str(&c->house.arena, bytes), c);
}

/* By this house, or by one before it: then nobody makes the text again. */
static bool
is_kept(struct core *c, struct digest d)
{
	auto_buf old = { 0 };
	struct err e = { 0 };
	char hex[DIGEST_TEXT];

	if (map_get(&c->texts, str_span(d.bytes, DIGEST_SIZE))) {
		return true;
	}
	digest_text(d, hex);
	if (store_row_get(
	        c->book.store, STR("text"), str_of(hex), &old, NULL, &e)) {
		return false;
	}
	know(c, d);
	return true;
}

static void
write_text(struct core *c, struct digest digest, struct str text)
{
	char hex[DIGEST_TEXT];

	must(digest_eq(digest_of(text), digest));
	digest_text(digest, hex);
	core_row(c, "text", str_of(hex), text, 1);
	/* Its batch is written before anything of this house that is later. */
	know(c, digest);
}

static void
keep(struct core *c, struct digest digest, struct str text)
{
	if (!is_kept(c, digest)) {
		write_text(c, digest, text);
	}
}

void
core_text_keep_tool(struct core *c, const struct tool *t)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };

	if (!is_kept(c, t->contract)) {
		json_canonical(&text, tools_contract_json(&a, t));
		write_text(c, t->contract, buf_str(&text));
	}
}

void
core_text_keep(struct core *c, const struct core_role *r)
{
	keep(c, r->policy_digest, policy_text(r->policy));
	keep(c, r->role->digest, r->role->text);
	if (r->catalogue.text.len) { /* a closed role may have none */
		keep(c, r->catalogue.digest, r->catalogue.text);
	}
	for (size_t i = 0; i < r->catalogue.count; i++) {
		core_text_keep_tool(c, &r->catalogue.at[i]);
	}
}

int
core_text_get(
    struct core *c, struct digest digest, struct buf *out, struct err *e)
{
	char hex[DIGEST_TEXT];

	digest_text(digest, hex);
	return store_row_get(
	    c->book.store, STR("text"), str_of(hex), out, NULL, e);
}

/* --- who may say yes --- */

/* The row: "UID DIGEST" of the token; its version counts the tokens. */
static void
write_operator(const struct core_operator *o, struct buf *row)
{
	char hex[DIGEST_TEXT];

	digest_text(o->token, hex);
	buf_addf(row, "%u %s", o->uid, hex);
}

static void
operator_event(struct core *c, enum book_kind kind, struct str name,
    uint64_t version, uint32_t uid)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "operator", name);
	if (kind == BOOK_OPERATOR_MADE) {
		json_out_i64(&o, "uid", uid);
	}
	json_out_i64(&o, "token", (int64_t)version);
	json_out_end(&o, '}');
	struct core_event event = {
		.kind = kind,
		.rule = name,
		.body = buf_str(&body),
	};

	(void)core_append(c, &event);
}

/* A row that cannot be read is not none: its token would count anew. */
static int
know_operator(struct core *c, const struct core_operator *o, struct err *e)
{
	auto_buf row = { 0 };
	auto_buf old = { 0 };
	uint64_t version = 0;
	struct str name = str_of(o->name);

	write_operator(o, &row);
	if (store_row_get(
	        c->book.store, STR("operator"), name, &old, &version, e)) {
		if (e->kind != ERR_MISSING) {
			return err_wrap(e, "the operator %s", o->name);
		}
		*e = (struct err){ 0 };
		version = 0;
	}
	if (!str_eq(buf_str(&old), buf_str(&row))) {
		core_row(c, "operator", name, buf_str(&row), version + 1);
		operator_event(
		    c, BOOK_OPERATOR_MADE, name, version + 1, o->uid);
	}
	return 0;
}

static int
gone(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;

	(void)e;
	for (size_t i = 0; i < c->house.operator_count; i++) {
		if (str_eq_z(row->key, c->house.operators[i].name)) {
			return 0;
		}
	}
	/* An empty row keeps the count of the tokens that this name had. */
	if (row->value.len) {
		core_row(c, "operator", row->key, STR(""), row->version + 1);
		operator_event(
		    c, BOOK_OPERATOR_GONE, row->key, row->version, 0);
	}
	return 0;
}

int
core_operators_know(struct core *c, struct err *e)
{
	if (store_rows_walk(
	        c->book.store, STR("operator"), STR(""), gone, c, e)) {
		return -1;
	}
	for (size_t i = 0; i < c->house.operator_count; i++) {
		if (know_operator(c, &c->house.operators[i], e)) {
			return -1;
		}
	}
	return 0;
}

/* --- the key that signs --- */

void
core_signer(const struct core *c, struct buf *line)
{
	struct book_signer signer = { .name = STR(BOOK_ORIGIN) };

	memcpy(signer.key, c->vault_keys.sign_public, sizeof(signer.key));
	book_signer_text(&signer, line);
}

static int
another_key(const struct core *c, struct str is, struct str was, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "the vault's root key is not the one that this book was kept with: "
	    "it signs as " STR_FMT ", the book knows " STR_FMT
	    ". Put the old key back (%s/vault.key, or where `vault migrate` "
	    "put it), say an interrupted `vault rekey` again, or begin with "
	    "another --state",
	    STR_ARG(is), STR_ARG(was), c->state);
}

/* `handrail vault rekey` left it for the book. */
static int
tell_change(struct core *c, struct err *e)
{
	auto_buf body = { 0 };

	if (store_row_get(c->book.store, STR("meta"), STR(KEY_CHANGE_ROW),
	        &body, NULL, e)) {
		bool none = e->kind == ERR_MISSING;

		*e = none ? (struct err){ 0 } : *e;
		return none ? 0 : -1;
	}
	struct core_event event = {
		.kind = BOOK_KEY_IN_FORCE,
		.rule = STR(KEY_CHANGE_RULE),
		.body = buf_str(&body),
	};

	core_row_drop(c, "meta", STR(KEY_CHANGE_ROW));
	(void)core_append(c, &event);
	return 0;
}

static void
tell_first(struct core *c, struct str line)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "signer", line);
	json_out_end(&o, '}');
	struct core_event event = {
		.kind = BOOK_KEY_IN_FORCE,
		.rule = STR("signer"),
		.body = buf_str(&body),
	};

	core_row(c, "meta", STR("signer"), line, 1);
	(void)core_append(c, &event);
}

/* At each hello of the vault; the book says it once, also when the vault begins
 * again before that is on the disk. */
int
core_key_know(struct core *c, struct err *e)
{
	auto_buf line = { 0 };
	auto_buf known = { 0 };

	core_signer(c, &line);
	if (store_row_get(
	        c->book.store, STR("meta"), STR("signer"), &known, NULL, e)) {
		if (e->kind != ERR_MISSING) {
			return -1;
		}
		*e = (struct err){ 0 };
	}
	if (known.len && !str_eq(buf_str(&known), buf_str(&line))) {
		return another_key(c, buf_str(&line), buf_str(&known), e);
	}
	if (c->key_told) {
		return 0;
	}
	if (!known.len) {
		tell_first(c, buf_str(&line));
	} else if (tell_change(c, e)) {
		return -1;
	}
	c->key_told = true;
	return 0;
}
