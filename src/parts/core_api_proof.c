/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that show what the book is worth: verify all of it, prove one event or
 * the growth from an older tree, sign the tree.  Each speaks of what is on the
 * disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_proof.h"
#include "parts/verify.h"
#include "seal/seal.h"

/* --- verify: a long book in many turns --- */

struct verifying {
	struct core *core;
	uint64_t ask;
	struct book_tree tree; /* of the house, when it was asked */
	struct verify verify;
	char published_in[300];
	char line[KEY_LINE_MAX]; /* of the signer, which borrows from it */
	struct book_signer signer;
	struct decisions decisions;
};

static void
verified(struct verifying *j, struct core_ask *ask)
{
	struct core *c = j->core;
	struct digest root = book_tree_root(&j->verify.tree);
	auto_buf body = { 0 };
	struct json_out o;
	struct err e = { 0 };
	char text[DIGEST_TEXT];

	if (!digest_eq(root, book_tree_root(&j->tree))) {
		(void)err_set(&e, ERR_DENIED,
		    "the book on the disk is not the one this house wrote: an "
		    "event was changed");
		core_answer_err(c, ask, &e);
		return;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", j->decisions.differ == 0);
	json_out_i64(&o, "events", (int64_t)j->verify.tree.size);
	json_out_i64(&o, "bodies", (int64_t)j->verify.bodies);
	json_out_i64(&o, "expired", (int64_t)j->verify.expired);
	json_out_i64(&o, "checkpoints", (int64_t)j->verify.checkpoints);
	digest_text(root, text);
	json_out_z(&o, "root", text);
	if (j->verify.published.size) {
		json_out_i64(
		    &o, "published", (int64_t)j->verify.published.size);
	}
	if (j->verify.decisions) {
		decisions_write(j->verify.decisions, &o);
	}
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
}

static void
verify_more(void *owner)
{
	struct verifying *j = owner;
	struct core_ask *ask = core_ask_find(j->core, j->ask);
	struct err e = { 0 };
	int left = ask ? verify_step(&j->verify, &e) : 0;

	if (left > 0) {
		/* Through a timer: others have their turns between. */
		loop_timer_arm(&j->core->verify_turn, j->core->part.loop,
		    loop_now(j->core->part.loop), verify_more, j);
		return;
	}
	j->core->verifying = NULL;
	if (ask && left < 0) {
		core_answer_err(j->core, ask, &e);
	} else if (ask) {
		verified(j, ask);
	}
	verify_fini(&j->verify);
	decisions_fini(&j->decisions);
	free(j);
}

/* ?size= and ?root=: of a checkpoint that somebody kept elsewhere. */
static int
read_against(struct core_ask *ask, struct book_root *out, struct err *e)
{
	struct str size;
	struct str root;

	if (!core_ask_query(ask, "size", &size)) {
		return 0;
	}
	if (!str_u64(size, &out->size) || !core_ask_query(ask, "root", &root) ||
	    !digest_parse(root, &out->root)) {
		return err_set(e, ERR_INPUT,
		    "?size= must be a number and ?root= 64 hex digits");
	}
	return 0;
}

/* ?signer=: the checkpoints in the book are this one's. */
static int
read_signer(struct core_ask *ask, struct verifying *j, struct err *e)
{
	struct str line;

	if (!core_ask_query(ask, "signer", &line)) {
		return 0;
	}
	if (!str_copy(j->line, sizeof(j->line), line)) {
		return err_set(e, ERR_INPUT, "?signer= is longer than %d bytes",
		    KEY_LINE_MAX - 1);
	}
	j->verify.signer = &j->signer;
	j->verify.verify = seal_verify;
	return book_signer_parse(str_of(j->line), &j->signer, e);
}

/* What it is asked to be held against, and the note that it published. */
static int
read_wishes(
    struct core *c, struct core_ask *ask, struct verifying *j, struct err *e)
{
	auto_buf path = { 0 };
	struct str wish;

	if (read_against(ask, &j->verify.against, e) ||
	    read_signer(ask, j, e) ||
	    core_published_read(c, &j->verify.published, &path, e)) {
		return -1;
	}
	(void)snprintf(
	    j->published_in, sizeof(j->published_in), "in %s", buf_z(&path));
	j->verify.published_in = j->published_in;
	if (core_ask_query(ask, "decisions", &wish)) {
		j->verify.decisions = &j->decisions;
	}
	return 0;
}

int
route_verify(struct core *c, struct core_ask *ask, struct err *e)
{
	struct verifying *j;

	if (c->verifying) {
		return err_set(e, ERR_CONFLICT,
		    "the book is being verified already; ask again when that "
		    "is done");
	}
	j = calloc(1, sizeof(*j));
	must(j);
	if (read_wishes(c, ask, j, e)) {
		free(j);
		return -1;
	}
	j->core = c;
	j->ask = ask->number;
	j->tree = *book_late_tree(&c->book.tree);
	j->verify.store = c->book.store;
	j->verify.last = c->book.durable;
	j->decisions.store = c->book.store;
	c->verifying = j;
	verify_more(j);
	return 0;
}

/* --- prove --- */

static void
write_proof(struct json_out *o, const struct book_proof *proof)
{
	char digest[DIGEST_TEXT];

	json_out_array(o, "proof");
	for (unsigned i = 0; i < proof->count; i++) {
		digest_text(proof->node[i], digest);
		json_out_z(o, NULL, digest);
	}
	json_out_end(o, ']');
}

/* ?size=: in the tree as it was then; else in today's. */
static int
read_size(struct core *c, struct core_ask *ask, uint64_t *size, struct err *e)
{
	struct str text;

	*size = c->book.durable;
	if (!core_ask_query(ask, "size", &text)) {
		return 0;
	}
	if (!str_u64(text, size) || *size < 1 || *size > c->book.durable) {
		return err_set(e, ERR_INPUT,
		    "?size= must be a number from 1 to %llu: so many events "
		    "has the book",
		    (unsigned long long)c->book.durable);
	}
	return 0;
}

int
route_prove(struct core *c, struct core_ask *ask, struct err *e)
{
	struct book_proof proof;
	struct book_head head;
	struct book_root root;
	auto_buf bytes = { 0 };
	auto_buf body = { 0 };
	auto_buf hex = { 0 };
	struct json_out o;
	struct str text;
	uint64_t seq = 0;
	char digest[DIGEST_TEXT];

	if (!core_ask_query(ask, "seq", &text) || !str_u64(text, &seq)) {
		return err_set(e, ERR_INPUT, "?seq= must be an event's number");
	}
	if (read_size(c, ask, &root.size, e)) {
		return -1;
	}
	if (!core_proof_ready(c, ask, route_prove)) {
		return 0;
	}
	if (core_head_get(c, seq, &bytes, e) ||
	    book_head_decode(buf_str(&bytes), &head, e) ||
	    core_prove_leaf(c, seq, root.size, &proof, e) ||
	    core_root_at(c, root.size, &root.root, e)) {
		return -1;
	}
	hex_add(&hex, buf_str(&bytes));
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "seq", (int64_t)seq);
	json_out_i64(&o, "size", (int64_t)root.size);
	digest_text(root.root, digest);
	json_out_z(&o, "root", digest);
	json_out_str(&o, "head", buf_str(&hex));
	write_proof(&o, &proof);
	json_out_array(&o, "event");
	if (core_event_json(c, &o, &head, true, e)) {
		return -1;
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* ?from= and ?size=: that the tree of `size` holds all of that of `from`. */
int
route_growth(struct core *c, struct core_ask *ask, struct err *e)
{
	struct book_proof proof;
	auto_buf body = { 0 };
	struct json_out o;
	struct str text;
	uint64_t size;
	uint64_t from = 0;

	if (read_size(c, ask, &size, e)) {
		return -1;
	}
	if (!core_ask_query(ask, "from", &text) || !str_u64(text, &from) ||
	    from > size) {
		return err_set(e, ERR_INPUT,
		    "?from= must be the size of an older tree, at most %llu: "
		    "so many events has the book",
		    (unsigned long long)size);
	}
	if (!core_proof_ready(c, ask, route_growth)) {
		return 0;
	}
	if (core_prove_growth(c, from, size, &proof, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "from", (int64_t)from);
	json_out_i64(&o, "size", (int64_t)size);
	write_proof(&o, &proof);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- checkpoint --- */

static void
checkpoint_signed(struct core *c, uint64_t number, const struct book_root *root,
    struct str note)
{
	struct core_ask *ask = core_ask_find(c, number);
	auto_buf line = { 0 };
	auto_buf body = { 0 };
	struct json_out o;
	struct err e = { 0 };

	(void)root;
	if (!ask) {
		return;
	}
	if (!note.len) {
		(void)err_set(&e, ERR_UNAVAILABLE, "the vault ended meanwhile");
		core_answer_err(c, ask, &e);
		return;
	}
	core_signer(c, &line);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "checkpoint", note);
	json_out_str(&o, "signer", buf_str(&line));
	json_out_end(&o, '}');
	core_answer_after(c, ask, 200, buf_str(&body));
}

/* The newest one that was signed on its own, with what witnesses added. */
static int
answer_published(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf note = { 0 };
	auto_buf line = { 0 };
	auto_buf body = { 0 };
	struct json_out o;

	if (store_row_get(c->book.store, STR("meta"), STR("checkpoint"), &note,
	        NULL, e)) {
		return e->kind == ERR_MISSING
		           ? err_set(e, ERR_MISSING,
		                 "no tree was signed yet: [audit] every and "
		                 "wait say when")
		           : -1;
	}
	core_signer(c, &line);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "checkpoint", buf_str(&note));
	json_out_str(&o, "signer", buf_str(&line));
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

int
route_checkpoint(struct core *c, struct core_ask *ask, struct err *e)
{
	struct str text;

	if (core_ask_query(ask, "published", &text)) {
		return answer_published(c, ask, e);
	}
	return core_sign_tree(c, checkpoint_signed, ask->number, e);
}
