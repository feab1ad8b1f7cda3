/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about the book: follow it, verify it, prove one event of it.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"

#define EVENTS_MAX  500
#define BODY_MAX    65536 /* bytes of a body shown inside an event */
#define PATIENCE_US (60 * CLOCK_SECOND)

static void
write_ids(struct json_out *o, const struct book_head *head)
{
	char text[ID_TEXT];

	book_id_text(head->task, text);
	if (text[0]) {
		json_out_z(o, "task", text);
	}
	book_id_text(head->run, text);
	if (text[0]) {
		json_out_z(o, "run", text);
	}
	if (head->call) {
		json_out_i64(o, "call", head->call);
	}
	if (head->epoch) {
		json_out_i64(o, "epoch", head->epoch);
	}
}

void
core_event_json(struct core *c, struct json_out *o,
    const struct book_head *head, bool with_body)
{
	auto_buf body = { 0 };
	auto_arena a = { 0 };
	struct json *tree;
	struct err e = { 0 };
	char text[DIGEST_TEXT];

	json_out_object(o, NULL);
	json_out_i64(o, "seq", (int64_t)head->seq);
	wall_text(head->time, text);
	json_out_z(o, "at", text);
	json_out_i64(o, "at_us", head->time.us);
	json_out_z(o, "kind", book_kind_name(head->kind));
	json_out_z(o, "identity", head->identity);
	json_out_z(o, "rule", head->rule);
	write_ids(o, head);
	if (!digest_is_zero(head->policy)) {
		digest_text(head->policy, text);
		json_out_z(o, "policy", text);
	}
	if (head->has_body) {
		digest_text(head->body, text);
		json_out_z(o, "digest", text);
	}
	if (with_body && head->has_body && head->body_size <= BODY_MAX &&
	    store_body_get(c->book.store, head->seq, &body, &e) == 0 &&
	    json_parse(&a, buf_str(&body), NULL, &tree, &e) == 0) {
		json_out_value(o, "body", tree);
	}
	json_out_end(o, '}');
}

/* --- follow --- */

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	struct buf *heads = context;

	(void)e;
	buf_add(heads, row->head);
	return 0;
}

/* Appends what there is after ask->after; how many. */
static size_t
write_events(struct core *c, struct core_ask *ask, struct buf *body)
{
	static const struct book_id none;
	struct store_heads which = {
		.from = ask->after + 1,
		.limit = EVENTS_MAX,
		.task = book_id_eq(ask->task, none) ? NULL : ask->task.bytes,
	};
	auto_buf heads = { 0 };
	struct json_out o;
	struct err e = { 0 };
	uint64_t next = ask->after;

	if (store_heads_walk(c->book.store, &which, keep_head, &heads, &e)) {
		log_err("events", &e);
	}
	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_array(&o, "events");
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		must(book_head_decode(str_span(heads.at + at, BOOK_HEAD_SIZE),
		         &head, &e) == 0);
		core_event_json(c, &o, &head, true);
		next = head.seq;
	}
	json_out_end(&o, ']');
	json_out_i64(&o, "next", (int64_t)next);
	json_out_end(&o, '}');
	return heads.len / BOOK_HEAD_SIZE;
}

static void
patience_over(void *owner)
{
	struct core_ask *ask = owner;
	struct core *c = ask->core;
	auto_buf body = { 0 };

	ask->polling = false;
	(void)write_events(c, ask, &body);
	core_answer(c, ask, 200, buf_str(&body));
}

int
route_events(struct core *c, struct core_ask *ask, struct err *e)
{
	struct str text;
	uint64_t seconds = 0;
	auto_buf body = { 0 };

	if (core_ask_query(ask, "after", &text) &&
	    !str_u64(text, &ask->after)) {
		return err_set(e, ERR_INPUT, "?after= must be a number");
	}
	if (core_ask_query(ask, "task", &text) &&
	    (!book_id_parse(text, &ask->task) || !queue_find(c->queue, text))) {
		return err_set(e, ERR_MISSING,
		    "there is no task %s; `handrail task list` names them",
		    err_quote(text));
	}
	if (core_ask_query(ask, "wait", &text) && !str_u64(text, &seconds)) {
		return err_set(e, ERR_INPUT, "?wait= must be seconds");
	}
	if (write_events(c, ask, &body) || !seconds) {
		core_answer(c, ask, 200, buf_str(&body));
		return 0;
	}
	int64_t us = (int64_t)(seconds < 60 ? seconds : 60) * CLOCK_SECOND;

	ask->polling = true;
	ask->core = c;
	loop_timer_arm(&ask->patience, c->part.loop,
	    mono_after(
	        loop_now(c->part.loop), us < PATIENCE_US ? us : PATIENCE_US),
	    patience_over, ask);
	return 0;
}

void
core_api_events(struct core *c)
{
	struct core_ask *next;

	for (struct core_ask *ask = c->asks; ask; ask = next) {
		auto_buf body = { 0 };

		next = ask->next;
		if (ask->polling && (ask->session || ask->following)) {
			core_session_events(c, ask);
		} else if (ask->polling && write_events(c, ask, &body)) {
			ask->polling = false;
			core_answer(c, ask, 200, buf_str(&body));
		}
	}
}

/* --- verify --- */

struct verify {
	struct core *core;
	struct book_tree tree;
	uint64_t bodies;
	uint64_t expired;
};

static int
verify_body(struct verify *v, const struct book_head *head, struct err *e)
{
	auto_buf body = { 0 };

	if (!head->has_body) {
		return 0;
	}
	if (store_body_get(v->core->book.store, head->seq, &body, e)) {
		if (e->kind != ERR_MISSING) {
			return -1;
		}
		*e = (struct err){ 0 };
		v->expired++;
		return 0;
	}
	v->bodies++;
	return digest_eq(digest_of(buf_str(&body)), head->body)
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "the body of event %llu was changed",
	                 (unsigned long long)head->seq);
}

static int
verify_all(struct verify *v, struct str heads, struct err *e)
{
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct str bytes = str_sub(heads, at, BOOK_HEAD_SIZE);
		struct book_head head;
		uint8_t leaf[STORE_LEAF_SIZE];
		struct digest own = book_leaf(bytes);

		if (book_head_decode(bytes, &head, e)) {
			return -1;
		}
		if (head.seq != at / BOOK_HEAD_SIZE + 1) {
			return err_set(e, ERR_DENIED, "event %llu is missing",
			    (unsigned long long)at / BOOK_HEAD_SIZE + 1);
		}
		if (store_leaf_get(v->core->book.store, head.seq, leaf, e)) {
			return -1;
		}
		if (memcmp(leaf, own.bytes, sizeof(leaf)) != 0) {
			return err_set(e, ERR_DENIED, "event %llu was changed",
			    (unsigned long long)head.seq);
		}
		book_tree_add(&v->tree, own);
		if (verify_body(v, &head, e)) {
			return -1;
		}
	}
	return 0;
}

int
route_verify(struct core *c, struct core_ask *ask, struct err *e)
{
	struct verify v = { .core = c };
	struct store_heads all = { .from = 1 };
	auto_buf heads = { 0 };
	auto_buf body = { 0 };
	struct json_out o;
	char text[DIGEST_TEXT];

	if (store_heads_walk(c->book.store, &all, keep_head, &heads, e) ||
	    verify_all(&v, buf_str(&heads), e)) {
		return -1;
	}
	struct digest root = book_tree_root(&v.tree);

	if (v.tree.size == c->book.tree.size &&
	    !digest_eq(root, book_tree_root(&c->book.tree))) {
		return err_set(e, ERR_DENIED,
		    "the book on the disk is not the one this house wrote");
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", true);
	json_out_i64(&o, "events", (int64_t)v.tree.size);
	json_out_i64(&o, "bodies", (int64_t)v.bodies);
	json_out_i64(&o, "expired", (int64_t)v.expired);
	digest_text(root, text);
	json_out_z(&o, "root", text);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- prove --- */

static int
read_leaf(void *context, uint64_t index, struct digest *leaf, struct err *e)
{
	struct core *c = context;

	return store_leaf_get(c->book.store, index + 1, leaf->bytes, e);
}

static int
find_head(struct core *c, uint64_t seq, struct buf *bytes, struct err *e)
{
	struct store_heads one = { .from = seq, .limit = 1 };

	if (seq == 0 || seq > store_last_seq(c->book.store)) {
		return err_set(e, ERR_MISSING, "the book has no event %llu",
		    (unsigned long long)seq);
	}
	return store_heads_walk(c->book.store, &one, keep_head, bytes, e);
}

int
route_prove(struct core *c, struct core_ask *ask, struct err *e)
{
	struct book_leaves leaves = { .read = read_leaf, .context = c };
	struct book_proof proof;
	struct book_head head;
	auto_buf bytes = { 0 };
	auto_buf body = { 0 };
	auto_buf hex = { 0 };
	struct json_out o;
	struct str text;
	uint64_t seq = 0;
	uint64_t size = store_last_seq(c->book.store);
	char digest[DIGEST_TEXT];

	if (!core_ask_query(ask, "seq", &text) || !str_u64(text, &seq)) {
		return err_set(e, ERR_INPUT, "?seq= must be an event's number");
	}
	if (find_head(c, seq, &bytes, e) ||
	    book_head_decode(buf_str(&bytes), &head, e) ||
	    book_prove_leaf(leaves, seq - 1, size, &proof, e)) {
		return -1;
	}
	hex_add(&hex, buf_str(&bytes));
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "seq", (int64_t)seq);
	json_out_i64(&o, "size", (int64_t)size);
	digest_text(book_tree_root(&c->book.tree), digest);
	if (size == c->book.tree.size) {
		json_out_z(&o, "root", digest);
	}
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

/* What is signed: the tree of this moment; kept until the vault answers. */
int
route_checkpoint(struct core *c, struct core_ask *ask, struct err *e)
{
	struct book_root root = {
		.size = c->book.tree.size,
		.root = book_tree_root(&c->book.tree),
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
