/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/core_proof.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS_A_TURN 8 /* some 10 ms */

/* Leaves of one block, as far as it is on the disk: of a receipt each event is
 * proven, and they lie side by side. */
struct window {
	uint64_t first;
	size_t count;
	struct digest at[BOOK_BLOCK];
};

struct core_blocks {
	struct digest *root; /* of block n */
	size_t count;
	size_t room;
	struct loop_timer turn;
	bool working;
	core_blocks_fn *then;
	struct window windows[2];
	unsigned used; /* the last one */
};

struct core_sign {
	struct core_sign *next;
	uint64_t id;
	struct book_root root;
	struct buf text;
	core_signed_fn *done;
	uint64_t number;
};

/* --- blocks --- */

static struct core_blocks *
blocks(struct core *c)
{
	if (!c->blocks) {
		c->blocks = calloc(1, sizeof(*c->blocks));
		must(c->blocks);
	}
	return c->blocks;
}

void
core_proof_end(struct core *c)
{
	if (c->blocks) {
		loop_timer_cancel(&c->blocks->turn);
		free(c->blocks->root);
		free(c->blocks);
		c->blocks = NULL;
	}
}

static int
add_leaf(void *context, const struct store_head *row, struct err *e)
{
	struct book_tree *tree = context;

	(void)e;
	book_tree_add(tree, book_leaf(str_span(row->head, BOOK_HEAD_SIZE)));
	return 0;
}

static int
fill_block(struct core *c, struct core_blocks *b, struct err *e)
{
	struct book_tree tree = { 0 };

	if (store_heads_walk(c->book.store, b->count * BOOK_BLOCK + 1,
	        BOOK_BLOCK, add_leaf, &tree, e)) {
		return -1;
	}
	if (tree.size != BOOK_BLOCK) {
		return err_set(e, ERR_MISSING,
		    "events are missing: run `handrail audit verify`");
	}
	b->root = array_grow(b->root, b->count, &b->room, sizeof(*b->root));
	b->root[b->count++] = book_tree_root(&tree);
	return 0;
}

static bool
is_full(struct core *c)
{
	return blocks(c)->count >= c->book.durable / BOOK_BLOCK;
}

/* Who waits for the blocks has its turn, or hears why there are none. */
static void
call_again(struct core *c, const struct err *failed)
{
	struct core_ask *next;
	core_blocks_fn *then = c->blocks->then;

	c->blocks->then = NULL;
	if (then) {
		then(c, failed);
	}
	for (struct core_ask *ask = c->asks; ask; ask = next) {
		core_route_fn *again = ask->again;
		struct err e = { 0 };

		next = ask->next;
		if (!again) {
			continue;
		}
		ask->again = NULL;
		if (failed) {
			core_answer_err(c, ask, failed);
		} else if (again(c, ask, &e)) {
			core_answer_err(c, ask, &e);
		}
	}
}

static void
fill_some(void *owner)
{
	struct core *c = owner;
	struct core_blocks *b = blocks(c);
	struct err e = { 0 };

	for (int n = 0; n < BLOCKS_A_TURN && !is_full(c); n++) {
		if (fill_block(c, b, &e)) {
			b->working = false;
			call_again(c, &e);
			return;
		}
	}
	b->working = !is_full(c);
	if (b->working) {
		/* Through a timer: others have their turns between. */
		loop_timer_arm(&b->turn, c->part.loop, loop_now(c->part.loop),
		    fill_some, c);
		return;
	}
	call_again(c, NULL);
}

static void
begin_to_fill(struct core *c)
{
	struct core_blocks *b = blocks(c);

	if (!b->working) {
		b->working = true;
		loop_timer_arm(&b->turn, c->part.loop, loop_now(c->part.loop),
		    fill_some, c);
	}
}

bool
core_proof_ready(struct core *c, struct core_ask *ask, core_route_fn *again)
{
	if (is_full(c)) {
		return true;
	}
	ask->again = again;
	begin_to_fill(c);
	return false;
}

void
core_proof_then(struct core *c, core_blocks_fn *then)
{
	must(!blocks(c)->then);
	if (is_full(c)) {
		then(c, NULL);
		return;
	}
	c->blocks->then = then;
	begin_to_fill(c);
}

/* --- leaves, read a block at once --- */

static int
lacks(uint64_t seq, struct err *e)
{
	return err_set(e, ERR_MISSING,
	    "event %llu is missing: run `handrail audit verify`",
	    (unsigned long long)seq);
}

static int
keep_leaf(void *context, const struct store_head *row, struct err *e)
{
	struct window *w = context;
	uint64_t next = w->first + w->count + 1;

	/* A hole in the log makes no leaf of the one behind it. */
	if (row->seq != next) {
		return lacks(next, e);
	}
	w->at[w->count++] = book_leaf(str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

/* Of the two that are kept the one that was used last stays, unless its block
 * has grown: a proof goes between its event's block and the tree's last. */
static int
read_window(struct core *c, uint64_t first, struct err *e)
{
	struct core_blocks *b = blocks(c);
	struct window *w = &b->windows[b->used];
	uint64_t most = c->book.durable - first;

	if (w->first != first) {
		b->used ^= 1;
		w = &b->windows[b->used];
	}
	w->first = first;
	w->count = 0;
	return store_heads_walk(c->book.store, first + 1,
	    most < BOOK_BLOCK ? most : BOOK_BLOCK, keep_leaf, w, e);
}

static bool
has_leaf(struct core_blocks *b, unsigned n, uint64_t index)
{
	const struct window *w = &b->windows[n];

	if (index < w->first || index - w->first >= w->count) {
		return false;
	}
	b->used = n;
	return true;
}

static int
read_leaf(void *context, uint64_t index, struct digest *leaf, struct err *e)
{
	struct core *c = context;
	struct core_blocks *b = blocks(c);

	if (!has_leaf(b, 0, index) && !has_leaf(b, 1, index)) {
		if (index < c->book.durable &&
		    read_window(c, index - index % BOOK_BLOCK, e)) {
			return -1;
		}
		if (!has_leaf(b, b->used, index)) {
			return lacks(index + 1, e);
		}
	}
	*leaf = b->windows[b->used].at[index - b->windows[b->used].first];
	return 0;
}

static int
read_block(void *context, uint64_t index, struct digest *root, struct err *e)
{
	const struct core *c = context;
	const struct core_blocks *b = c->blocks;

	if (!b || index / BOOK_BLOCK >= b->count) {
		return err_set(
		    e, ERR_CONFLICT, "the book has grown: ask again");
	}
	*root = b->root[index / BOOK_BLOCK];
	return 0;
}

static struct book_leaves
leaves_of(struct core *c)
{
	return (struct book_leaves){
		.read = read_leaf,
		.block = read_block,
		.context = c,
	};
}

int
core_prove_leaf(struct core *c, uint64_t seq, uint64_t size,
    struct book_proof *proof, struct err *e)
{
	if (seq < 1 || seq > size) {
		return err_set(e, ERR_MISSING,
		    "a tree of %llu events has no event %llu",
		    (unsigned long long)size, (unsigned long long)seq);
	}
	return book_prove_leaf(leaves_of(c), seq - 1, size, proof, e);
}

int
core_prove_growth(struct core *c, uint64_t from, uint64_t size,
    struct book_proof *proof, struct err *e)
{
	return book_prove_growth(leaves_of(c), from, size, proof, e);
}

int
core_root_at(struct core *c, uint64_t size, struct digest *root, struct err *e)
{
	struct book_tree tree = { 0 };

	while (tree.size < size) {
		bool whole = size - tree.size >= BOOK_BLOCK;
		struct digest one;

		if (whole ? read_block(c, tree.size, &one, e)
		          : read_leaf(c, tree.size, &one, e)) {
			return -1;
		}
		if (whole) {
			book_tree_add_block(&tree, one);
		} else {
			book_tree_add(&tree, one);
		}
	}
	*root = book_tree_root(&tree);
	return 0;
}

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	buf_add(context, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

int
core_head_get(struct core *c, uint64_t seq, struct buf *bytes, struct err *e)
{
	if (seq == 0 || seq > c->book.durable) {
		return err_set(e, ERR_MISSING, "the book has no event %llu",
		    (unsigned long long)seq);
	}
	return store_head_get(c->book.store, seq, keep_head, bytes, e);
}

/* --- signing --- */

/* What is signed is the tree on the disk: it can only grow from there. */
int
core_sign_tree(
    struct core *c, core_signed_fn *done, uint64_t number, struct err *e)
{
	struct wire_vault_sign sign = { .id = core_number(c) };
	struct core_sign *s;

	if (!c->vault_ready) {
		return err_set(e, ERR_UNAVAILABLE, "the vault is away");
	}
	s = calloc(1, sizeof(*s));
	must(s);
	s->id = sign.id;
	const struct book_tree *tree = book_late_tree(&c->book.tree);

	s->root.size = tree->size;
	s->root.root = book_tree_root(tree);
	s->done = done;
	s->number = number;
	s->next = c->signs;
	c->signs = s;
	book_note_text(STR(BOOK_ORIGIN), &s->root, &s->text);
	must(s->text.at && s->text.len <= sizeof(sign.text));
	sign.size = (uint32_t)s->text.len;
	memcpy(sign.text, s->text.at, s->text.len);
	wire_send(c->vault, WIRE_VAULT_SIGN, &sign, NULL, 0);
	return 0;
}

static void
sign_free(struct core *c, struct core_sign *s)
{
	for (struct core_sign **at = &c->signs; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	buf_fini(&s->text);
	free(s);
}

void
core_sign_gone(struct core *c)
{
	while (c->signs) {
		struct core_sign *s = c->signs;

		s->done(c, s->number, &s->root, STR(""));
		sign_free(c, s);
	}
}

static void
checkpoint_event(struct core *c, struct str note)
{
	auto_buf line = { 0 };
	auto_buf body = { 0 };
	struct json_out o;

	core_signer(c, &line);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "checkpoint", note);
	json_out_str(&o, "signer", buf_str(&line));
	json_out_end(&o, '}');
	struct core_event event = {
		.kind = BOOK_CHECKPOINT,
		.body = buf_str(&body),
	};

	(void)core_append(c, &event);
}

void
core_vault_signed(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_signed *got = record;
	struct book_signer signer = { .name = STR(BOOK_ORIGIN) };
	struct core_sign *s = c->signs;
	auto_buf note = { 0 };

	(void)peer;
	(void)nfds;
	while (s && s->id != got->id) {
		s = s->next;
	}
	if (!s) {
		return;
	}
	memcpy(signer.key, c->vault_keys.sign_public, sizeof(signer.key));
	book_note_seal(buf_str(&s->text), &signer, got->signature, &note);
	checkpoint_event(c, buf_str(&note));
	s->done(c, s->number, &s->root, buf_str(&note));
	sign_free(c, s);
}
