/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receipt of a task: everything the book has of it, in one file that is
 * checked without the house (book/DESIGN, "Receipt").  First a head
 * `receipt_made` names all its events; when that is on the disk the tree is
 * signed, and the proofs lead to what was signed.
 */
#include <stdlib.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_proof.h"

struct receipt {
	struct core *core;
	struct json_out out;
	const struct book_root *root;
	struct digest *named; /* texts that were written */
	size_t named_count;
	size_t named_room;
	size_t bytes;
	uint64_t list; /* the event that names the others: its body is in it */
};

/* --- one event --- */

static void
write_proof(struct json_out *o, const struct book_proof *proof)
{
	auto_buf hex = { 0 };

	json_out_array(o, "proof");
	for (unsigned i = 0; i < proof->count; i++) {
		buf_clear(&hex);
		hex_add(&hex, str_span(proof->node[i].bytes, DIGEST_SIZE));
		json_out_str(o, NULL, buf_str(&hex));
	}
	json_out_end(o, ']');
}

static void
write_bytes(
    struct json_out *o, const char *plain, const char *coded, struct str bytes)
{
	auto_buf text = { 0 };

	if (str_is_utf8(bytes)) {
		json_out_str(o, plain, bytes);
		return;
	}
	base64_add(&text, bytes);
	json_out_str(o, coded, buf_str(&text));
}

static int
write_body(struct receipt *r, const struct book_head *head, struct err *e)
{
	auto_buf body = { 0 };
	bool there;

	if (!head->has_body) {
		return 0;
	}
	if (head->seq != r->list &&
	    r->bytes + head->body_size > BOOK_RECEIPT_MAX) {
		json_out_bool(&r->out, "left_out", true);
		return 0;
	}
	if (core_body_look(r->core, head->seq, &body, &there, e)) {
		return -1;
	}
	if (!there) {
		json_out_bool(&r->out, "expired", true);
		return 0;
	}
	r->bytes += body.len;
	write_bytes(&r->out, "body", "body64", buf_str(&body));
	return 0;
}

static int
write_event(struct receipt *r, struct str bytes, struct err *e)
{
	struct book_proof proof;
	struct book_head head;
	auto_buf hex = { 0 };

	if (book_head_decode(bytes, &head, e) ||
	    core_prove_leaf(r->core, head.seq, r->root->size, &proof, e)) {
		return -1;
	}
	hex_add(&hex, bytes);
	json_out_object(&r->out, NULL);
	json_out_str(&r->out, "head", buf_str(&hex));
	write_proof(&r->out, &proof);
	if (write_body(r, &head, e)) {
		return -1;
	}
	json_out_end(&r->out, '}');
	return 0;
}

/* --- the texts that its heads name --- */

static bool
is_named(struct receipt *r, struct digest d)
{
	for (size_t i = 0; i < r->named_count; i++) {
		if (digest_eq(r->named[i], d)) {
			return true;
		}
	}
	r->named = array_grow(
	    r->named, r->named_count, &r->named_room, sizeof(*r->named));
	r->named[r->named_count++] = d;
	return false;
}

/* Of what a head names, each text once. */
typedef int each_text(struct receipt *r, struct digest d, struct err *e);

static int
take_once(struct receipt *r, struct digest d, each_text *each, struct err *e)
{
	return digest_is_zero(d) || is_named(r, d) ? 0 : each(r, d, e);
}

static int
for_texts(
    struct receipt *r, const struct buf *heads, each_text *each, struct err *e)
{
	for (size_t at = 0; at < heads->len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		if (book_head_decode(
		        str_span(heads->at + at, BOOK_HEAD_SIZE), &head, e)) {
			return -1;
		}
		const struct digest named[] = { head.policy, head.contract,
			head.role };

		int failed = 0;

		for (size_t i = 0; i < COUNT(named) && !failed; i++) {
			failed = take_once(r, named[i], each, e);
		}
		if (failed) {
			return -1;
		}
	}
	return 0;
}

/* One that this house never had (a book of an older program) is not there: that
 * is no failure, and one that cannot be read is no such. */
static int
read_text(struct receipt *r, struct digest d, struct buf *text, bool *has,
    struct err *e)
{
	*has = core_text_get(r->core, d, text, e) == 0;
	if (!*has && e->kind != ERR_MISSING) {
		return -1;
	}
	*e = (struct err){ 0 };
	return 0;
}

static int
write_text(struct receipt *r, struct digest d, struct err *e)
{
	auto_buf text = { 0 };
	char hex[DIGEST_TEXT];
	bool has;

	if (read_text(r, d, &text, &has, e)) {
		return -1;
	}
	digest_text(d, hex);
	json_out_object(&r->out, NULL);
	json_out_z(&r->out, "digest", hex);
	if (has) {
		write_bytes(&r->out, "text", "text64", buf_str(&text));
	} else {
		json_out_bool(&r->out, "missing", true);
	}
	json_out_end(&r->out, '}');
	return 0;
}

/* The list says which: nobody can take another one out later. */
static int
list_lacking(struct receipt *r, struct digest d, struct err *e)
{
	auto_buf text = { 0 };
	char hex[DIGEST_TEXT];
	bool has;

	if (read_text(r, d, &text, &has, e)) {
		return -1;
	}
	if (!has) {
		digest_text(d, hex);
		json_out_z(&r->out, NULL, hex);
	}
	return 0;
}

/* --- all of it --- */

/* The task's events that the list names: those that were on the disk. */
static int
read_heads(
    struct core *c, struct core_ask *ask, struct buf *heads, struct err *e)
{
	struct buf all = { 0 };
	int result = core_task_heads(c, ask->part, 0, &all, e);
	size_t keep = 0;

	while (!result && keep < all.len) {
		struct book_head head;

		result = book_head_decode(
		    str_span(all.at + keep, BOOK_HEAD_SIZE), &head, e);
		if (result || head.seq > ask->last) {
			break;
		}
		keep += BOOK_HEAD_SIZE;
	}
	if (!result) {
		buf_add(heads, str_sub(buf_str(&all), 0, keep));
	}
	buf_fini(&all);
	return result;
}

static int
write_receipt(
    struct receipt *r, struct core_ask *ask, struct str note, struct err *e)
{
	struct json_out *o = &r->out;
	auto_buf heads = { 0 };
	auto_buf line = { 0 };

	if (read_heads(r->core, ask, &heads, e) ||
	    core_head_get(r->core, ask->after, &heads, e)) {
		return -1;
	}
	r->list = ask->after;
	core_signer(r->core, &line);
	json_out_object(o, NULL);
	json_out_z(o, "format", "handrail-receipt-1");
	json_out_str(o, "task", ask->part);
	json_out_str(o, "checkpoint", note);
	json_out_str(o, "signer", buf_str(&line));
	json_out_array(o, "events");
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		if (write_event(
		        r, str_span(heads.at + at, BOOK_HEAD_SIZE), e)) {
			return -1;
		}
	}
	json_out_end(o, ']');
	json_out_array(o, "texts");
	if (for_texts(r, &heads, write_text, e)) {
		return -1;
	}
	json_out_end(o, ']');
	json_out_end(o, '}');
	return 0;
}

static void
receipt_signed(struct core *c, uint64_t number, const struct book_root *root,
    struct str note)
{
	struct core_ask *ask = core_ask_find(c, number);
	struct receipt r = { .core = c, .root = root };
	auto_buf body = { 0 };
	struct err e = { 0 };

	if (!ask) {
		return;
	}
	if (!note.len) {
		(void)err_set(&e, ERR_UNAVAILABLE, "the vault ended meanwhile");
		core_answer_err(c, ask, &e);
		return;
	}
	json_out_init(&r.out, &body);
	int failed = write_receipt(&r, ask, note, &e);

	free(r.named);
	if (failed) {
		core_answer_err(c, ask, &e);
	} else {
		core_answer_after(c, ask, 200, buf_str(&body));
	}
}

/* The blocks are there, or this is called again. */
static int
sign_it(struct core *c, struct core_ask *ask, struct err *e)
{
	return core_proof_ready(c, ask, sign_it)
	           ? core_sign_tree(c, receipt_signed, ask->number, e)
	           : 0;
}

/* The list of its events is on the disk. */
static void
listed(struct core *c, uint64_t number)
{
	struct core_ask *ask = core_ask_find(c, number);
	struct err e = { 0 };

	if (!ask) {
		return;
	}
	ask->written = false;
	if (sign_it(c, ask, &e)) {
		core_answer_err(c, ask, &e);
	}
}

/* Bodies that the receipt will not have: nobody can take one out later. */
static int
is_without(struct core *c, const struct book_head *head, size_t *bytes,
    bool *without, struct err *e)
{
	auto_buf body = { 0 };
	bool there = false;

	*without = head->has_body;
	if (!head->has_body || *bytes + head->body_size > BOOK_RECEIPT_MAX) {
		return 0;
	}
	if (core_body_look(c, head->seq, &body, &there, e)) {
		return -1;
	}
	*bytes += body.len;
	*without = !there; /* it expired */
	return 0;
}

static int
list_events(struct receipt *r, const struct buf *heads, bool without,
    const char *key, struct err *e)
{
	size_t bytes = 0;

	json_out_array(&r->out, key);
	for (size_t at = 0; at < heads->len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		if (book_head_decode(
		        str_span(heads->at + at, BOOK_HEAD_SIZE), &head, e)) {
			return -1;
		}
		bool listed = true;

		if (without && is_without(r->core, &head, &bytes, &listed, e)) {
			return -1;
		}
		if (listed) {
			json_out_i64(&r->out, NULL, (int64_t)head.seq);
		}
	}
	json_out_end(&r->out, ']');
	return 0;
}

static int
write_list(
    struct core *c, struct core_ask *ask, struct buf *body, struct err *e)
{
	struct receipt r = { .core = c };
	auto_buf heads = { 0 };

	if (core_task_heads(c, ask->part, 0, &heads, e)) {
		return -1;
	}
	json_out_init(&r.out, body);
	json_out_object(&r.out, NULL);
	json_out_str(&r.out, "task", ask->part);
	if (list_events(&r, &heads, false, "events", e) ||
	    list_events(&r, &heads, true, "without", e)) {
		return -1;
	}
	json_out_array(&r.out, "lacking");
	int failed = for_texts(&r, &heads, list_lacking, e);

	json_out_end(&r.out, ']');
	json_out_end(&r.out, '}');
	free(r.named);
	return failed;
}

int
route_receipt(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_event event = { .kind = BOOK_RECEIPT_MADE };
	auto_buf body = { 0 };

	if (!c->vault_ready) {
		return err_set(e, ERR_UNAVAILABLE,
		    "the vault is away: nobody signs a receipt");
	}
	if (!book_id_parse(ask->part, &event.task) ||
	    write_list(c, ask, &body, e)) {
		return e->kind ? -1
		               : err_set(e, ERR_MISSING, "there is no task %s",
		                     err_quote(ask->part));
	}
	if (ask->operator_) {
		event.identity = ask->operator_->name;
	}
	event.body = buf_str(&body);
	ask->last = c->book.durable;
	ask->written = true;
	ask->after = core_append(c, &event);
	core_after(c, listed, ask->number);
	return 0;
}
