/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another root key.  Every sealed value has a key of its own, of which 48 bytes
 * are wrapped anew; no value is opened.  In this order, so that whoever is
 * interrupted does it again:
 *
 *   1. the new key lies beside the old one (vault.key.next), on the disk;
 *   2. one transaction: all rows, the signer that the book knows, and what the
 *      next house writes as the head key_in_force;
 *   3. the new key takes the place of the old one, in one rename.
 *
 * Between 2 and 3 neither key fits a house: it refuses to start, and 3 is done
 * by the same command.  What the old key sealed of people's decisions and what
 * it marked of values that are over is not carried on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts/book_tool.h"
#include "parts/key_change.h"
#include "rootkey/rootkey.h"
#include "seal/seal.h"
#include "json/json.h"

struct change {
	struct arena arena;
	struct store *store;
	enum rootkey_source source;
	struct seal_key *from;
	struct seal_key *to;
	struct store_row *rows;
	size_t count;
	size_t room;
	size_t moved;
	size_t left; /* rows that do not open: they are refused as before */
	struct buf was;
	struct buf now;
};

static void
change_fini(struct change *c)
{
	seal_key_free(c->from);
	seal_key_free(c->to);
	buf_fini(&c->was);
	buf_fini(&c->now);
	free(c->rows);
	arena_fini(&c->arena);
}

static void
signer_line(const struct seal_key *key, struct buf *out)
{
	struct book_signer signer = { .name = STR(BOOK_ORIGIN) };

	seal_sign_public(key, signer.key);
	buf_clear(out);
	book_signer_text(&signer, out);
}

/* --- rows --- */

/* The same record with the row under the new key. */
static int
move_row(struct change *c, struct str value, struct str *out, struct err *e)
{
	auto_buf row = { 0 };
	auto_buf moved = { 0 };
	auto_buf text = { 0 };
	auto_buf written = { 0 };
	struct json *tree;
	struct str sealed = STR("");

	if (json_parse(&c->arena, value, NULL, &tree, e)) {
		return -1;
	}
	(void)json_text(tree, "row", &sealed);
	if (!sealed.len) {
		*out = value; /* archived: nothing is kept of it */
		return 0;
	}
	if (!base64_decode(&row, sealed) ||
	    seal_row_rewrap(c->from, c->to, buf_str(&row), &moved, e)) {
		c->left++;
		*out = value;
		return 0;
	}
	base64_add(&text, buf_str(&moved));
	(void)json_set_str(&c->arena, tree, "row", buf_str(&text));
	json_write(&written, tree);
	*out = arena_str(&c->arena, buf_str(&written));
	c->moved++;
	return 0;
}

static int
take_row(void *context, const struct store_row *row, struct err *e)
{
	struct change *c = context;
	struct store_row *to;
	struct str value = arena_str(&c->arena, row->value);

	c->rows = array_grow(c->rows, c->count, &c->room, sizeof(*c->rows));
	to = &c->rows[c->count];
	*to = (struct store_row){
		.space = STR("sealed"),
		.key = arena_str(&c->arena, row->key),
		.version = row->version,
	};
	if (move_row(c, value, &to->value, e)) {
		return err_wrap(
		    e, "the stored credential %s", err_quote(row->key));
	}
	c->count++;
	return 0;
}

/* --- the change itself --- */

static void
add_sign(struct json_out *o, const char *member, const struct seal_key *key,
    struct str text)
{
	uint8_t sign[SEAL_SIGN];
	auto_buf line = { 0 };

	seal_sign(key, text, sign);
	base64_add(&line, str_span(sign, sizeof(sign)));
	json_out_str(o, member, buf_str(&line));
}

static void
say_change(const struct change *c, struct buf *body)
{
	auto_buf text = { 0 };
	struct json_out o;

	key_change_text(buf_str(&c->was), buf_str(&c->now), &text);
	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_str(&o, "signer", buf_str(&c->now));
	json_out_str(&o, "was", buf_str(&c->was));
	add_sign(&o, "by_old", c->from, buf_str(&text));
	add_sign(&o, "by_new", c->to, buf_str(&text));
	json_out_end(&o, '}');
}

static int
put_meta(struct store *store, const char *key, struct str value, struct err *e)
{
	struct store_row row = {
		.space = STR("meta"),
		.key = str_of(key),
		.value = value,
		.version = 1,
	};

	return store_row_put(store, &row, e);
}

static int
write_all(struct change *c, struct err *e)
{
	auto_buf body = { 0 };

	say_change(c, &body);
	if (store_begin(c->store, e)) {
		return -1;
	}
	for (size_t n = 0; n < c->count; n++) {
		if (store_row_put(c->store, &c->rows[n], e)) {
			store_rollback(c->store);
			return -1;
		}
	}
	if (put_meta(c->store, "signer", buf_str(&c->now), e) ||
	    put_meta(c->store, KEY_CHANGE_ROW, buf_str(&body), e) ||
	    /* The newest note, which the old key signed. */
	    store_row_delete(c->store, STR("meta"), STR("checkpoint"), e)) {
		store_rollback(c->store);
		return -1;
	}
	return store_commit(c->store, e);
}

/* 1: an interrupted change stands in the book, only the key is not in place. */
static int
is_half_done(const char *state, struct str known, struct err *e)
{
	auto_seal_key next = NULL;
	auto_buf line = { 0 };

	if (rootkey_next_read(state, &next, e)) {
		bool none = e->kind == ERR_MISSING;

		*e = none ? (struct err){ 0 } : *e;
		return none ? 0 : -1;
	}
	signer_line(next, &line);
	return str_eq(buf_str(&line), known);
}

static int
known_signer(struct change *c, struct buf *known, struct err *e)
{
	if (store_row_get(
	        c->store, STR("meta"), STR("signer"), known, NULL, e) == 0) {
		return 0;
	}
	return e->kind == ERR_MISSING ? err_set(e, ERR_MISSING,
	                                    "no house has kept a book with "
	                                    "this key yet: `handrail "
	                                    "vault init` makes one")
	                              : -1;
}

/* The head of the last change must be there before the next one is signed, or
 * the book would not show how one key led to the other. */
static int
is_told(struct change *c, struct err *e)
{
	auto_buf waits = { 0 };

	if (store_row_get(c->store, STR("meta"), STR(KEY_CHANGE_ROW), &waits,
	        NULL, e) == 0) {
		return err_set(e, ERR_CONFLICT,
		    "the book does not say yet that the root key was changed: "
		    "start the house (`handrail up`) and stop it, then rekey");
	}
	if (e->kind != ERR_MISSING) {
		return -1;
	}
	*e = (struct err){ 0 };
	return 0;
}

static int
end_change(struct change *c, const char *state, struct err *e)
{
	return store_scrub(c->store, e) || rootkey_next_take(state, e) ? -1 : 0;
}

/* The book knows another key than the one in place. */
static int
change_again(
    struct change *c, const char *state, struct str known, struct err *e)
{
	int half = is_half_done(state, known, e);

	if (half) {
		return half < 0 ? -1 : end_change(c, state, e);
	}
	return err_set(e, ERR_CONFLICT,
	    "the root key in %s is not the one that this book was kept with: "
	    "put that one back first",
	    state);
}

static int
change(struct change *c, const char *state, struct err *e)
{
	auto_buf known = { 0 };

	if (known_signer(c, &known, e)) {
		return -1;
	}
	signer_line(c->from, &c->was);
	/* Else whatever lies there as the next one is nobody's. */
	if (!str_eq(buf_str(&c->was), buf_str(&known))) {
		return change_again(c, state, buf_str(&known), e);
	}
	c->to = seal_key_make();
	signer_line(c->to, &c->now);
	return is_told(c, e) ||
	               store_rows_walk(
	                   c->store, STR("sealed"), STR(""), take_row, c, e) ||
	               rootkey_next_keep(state, c->source, c->to, e) ||
	               write_all(c, e) || end_change(c, state, e)
	           ? -1
	           : 0;
}

/* --- where --- */

static int
open_store(struct change *c, const char *state, const char *number,
    struct buf *where, struct err *e)
{
	uint64_t incarnation;

	if (number) {
		if (book_url(number, where, e)) {
			return -1;
		}
	} else {
		buf_addf(where, "%s/book/book.db", state);
	}
	return store_open(buf_z(where), 0, &c->store, e) ||
	               store_own(c->store, "rekey", &incarnation, e)
	           ? -1
	           : 0;
}

/* What this process has made of a file's store is core's again. */
static int
give_back(const char *state, struct err *e)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-reserve" };
	auto_buf folder = { 0 };

	buf_addf(&folder, "%s/book", state);
	for (size_t i = 0; i < COUNT(tails); i++) {
		auto_buf path = { 0 };

		buf_addf(&path, "%s/book.db%s", buf_z(&folder), tails[i]);
		if (access(buf_z(&path), F_OK) == 0 &&
		    book_give(buf_z(&folder), buf_z(&path), e)) {
			return -1;
		}
	}
	return 0;
}

static int
open_key(struct change *c, const char *state, struct err *e)
{
	if (rootkey_where(state, &c->source, e)) {
		return -1;
	}
	if (c->source != ROOTKEY_FILE && c->source != ROOTKEY_PASSPHRASE) {
		return err_set(e, ERR_INPUT,
		    "the root key is in %s: move it into a file first "
		    "(`handrail "
		    "vault migrate --to file`), then rekey, then move it back",
		    rootkey_what(c->source));
	}
	return rootkey_read(state, c->source, &c->from, e);
}

static void
say(const struct part_self *p, const struct change *c)
{
	const char *json = part_arg(p, "json");

	(void)printf(
	    json && strcmp(json, "yes") == 0
	        ? "{\"ok\":true,\"moved\":%zu,\"left\":%zu}\n"
	        : "another root key is in force: %zu values were sealed under "
	          "it, %zu could not be. Keep a copy of vault.key elsewhere; "
	          "backups of before open with the old one alone\n",
	    c->moved, c->left);
}

int
book_rekey(const struct part_self *p, struct err *e)
{
	const char *state = part_arg(p, "state");
	const char *number = part_arg(p, "store-fd");
	struct change c = { 0 };
	auto_buf where = { 0 };

	must(state);
	int failed =
	    book_lock_state(state, "rekey", e) || open_key(&c, state, e) ||
	    open_store(&c, state, number, &where, e) || change(&c, state, e);

	wipe(where.at, where.len);
	if (c.store) {
		store_close(c.store);
	}
	if (!number && c.store) {
		struct err given = { 0 };

		if (give_back(state, &given) && !failed) {
			*e = given;
			failed = -1;
		}
	}
	if (!failed) {
		say(p, &c);
	}
	change_fini(&c);
	return failed ? -1 : 0;
}
