/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that show what the book is worth: verify all of it, prove one event,
 * sign the tree.  Each speaks of what is on the disk.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/verify.h"

/* --- verify: a long book in many turns --- */

struct verifying {
	struct core *core;
	uint64_t ask;
	struct book_tree tree; /* of the house, when it was asked */
	struct verify verify;
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
	json_out_bool(&o, "ok", true);
	json_out_i64(&o, "events", (int64_t)j->verify.tree.size);
	json_out_i64(&o, "bodies", (int64_t)j->verify.bodies);
	json_out_i64(&o, "expired", (int64_t)j->verify.expired);
	digest_text(root, text);
	json_out_z(&o, "root", text);
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
	free(j);
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
	j->core = c;
	j->ask = ask->number;
	j->tree = c->book.durable_tree;
	j->verify.store = c->book.store;
	j->verify.last = c->book.durable;
	c->verifying = j;
	verify_more(j);
	return 0;
}

/* --- prove --- */

#define LEAVES 1024 /* read at once: a proof reads ascending runs */

struct leaves {
	struct core *core;
	uint64_t first;
	size_t count;
	struct digest at[LEAVES];
};

static int
keep_leaf(void *context, const struct store_head *row, struct err *e)
{
	struct leaves *l = context;

	(void)e;
	l->at[l->count++] = book_leaf(str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

static int
read_leaf(void *context, uint64_t index, struct digest *leaf, struct err *e)
{
	struct leaves *l = context;

	if (index < l->first || index >= l->first + l->count) {
		l->first = index;
		l->count = 0;
		if (store_heads_walk(l->core->book.store, index + 1, LEAVES,
		        keep_leaf, l, e)) {
			return -1;
		}
		if (!l->count) {
			return err_set(e, ERR_MISSING,
			    "event %llu is missing: run `handrail audit "
			    "verify`",
			    (unsigned long long)index + 1);
		}
	}
	*leaf = l->at[index - l->first];
	return 0;
}

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	buf_add(context, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

static int
find_head(struct core *c, uint64_t seq, struct buf *bytes, struct err *e)
{
	if (seq == 0 || seq > c->book.durable) {
		return err_set(e, ERR_MISSING, "the book has no event %llu",
		    (unsigned long long)seq);
	}
	return store_head_get(c->book.store, seq, keep_head, bytes, e);
}

static int
prove(struct core *c, uint64_t seq, struct book_proof *proof, struct err *e)
{
	struct leaves *l = calloc(1, sizeof(*l));

	must(l);
	l->core = c;
	struct book_leaves leaves = { .read = read_leaf, .context = l };
	int result = book_prove_leaf(
	    leaves, seq - 1, c->book.durable_tree.size, proof, e);

	free(l);
	return result;
}

int
route_prove(struct core *c, struct core_ask *ask, struct err *e)
{
	struct book_proof proof;
	struct book_head head;
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
	if (find_head(c, seq, &bytes, e) ||
	    book_head_decode(buf_str(&bytes), &head, e) ||
	    prove(c, seq, &proof, e)) {
		return -1;
	}
	hex_add(&hex, buf_str(&bytes));
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "seq", (int64_t)seq);
	json_out_i64(&o, "size", (int64_t)c->book.durable_tree.size);
	digest_text(book_tree_root(&c->book.durable_tree), digest);
	json_out_z(&o, "root", digest);
	json_out_str(&o, "head", buf_str(&hex));
	json_out_array(&o, "proof");
	for (unsigned i = 0; i < proof.count; i++) {
		digest_text(proof.node[i], digest);
		json_out_z(&o, NULL, digest);
	}
	json_out_end(&o, ']');
	json_out_array(&o, "event");
	core_event_json(c, &o, &head, true);
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- checkpoint --- */

#define ORIGIN "handrail"

/* What is signed: the tree on the disk; kept until the vault answers. */
int
route_checkpoint(struct core *c, struct core_ask *ask, struct err *e)
{
	struct book_root root = {
		.size = c->book.durable_tree.size,
		.root = book_tree_root(&c->book.durable_tree),
	};
	struct wire_vault_sign sign = { .id = ask->number };

	if (!c->vault_ready) {
		return err_set(e, ERR_UNAVAILABLE, "the vault is away");
	}
	buf_clear(&ask->answer);
	book_note_text(STR(ORIGIN), &root, &ask->answer);
	must(ask->answer.len <= sizeof(sign.text));
	sign.size = (uint32_t)ask->answer.len;
	memcpy(sign.text, ask->answer.at, ask->answer.len);
	ask->sealing = true;
	wire_send(c->vault, WIRE_VAULT_SIGN, &sign, NULL, 0);
	return 0;
}

void
core_vault_signed(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_signed *got = record;
	struct core_ask *ask = core_ask_find(c, got->id);
	struct book_signer signer = { .name = STR(ORIGIN) };
	auto_buf note = { 0 };
	auto_buf line = { 0 };
	auto_buf body = { 0 };
	struct json_out o;

	(void)peer;
	(void)nfds;
	if (!ask || !ask->sealing) {
		return;
	}
	ask->sealing = false;
	memcpy(signer.key, c->vault_keys.sign_public, sizeof(signer.key));
	book_note_seal(buf_str(&ask->answer), &signer, got->signature, &note);
	book_signer_text(&signer, &line);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "checkpoint", buf_str(&note));
	json_out_str(&o, "signer", buf_str(&line));
	json_out_end(&o, '}');
	struct core_event event = {
		.kind = BOOK_CHECKPOINT,
		.body = buf_str(&body),
	};

	(void)core_append(c, &event);
	core_answer_after(c, ask, 200, buf_str(&body));
}
