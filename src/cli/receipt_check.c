/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this receipt true?  Each member of the file is bound to the signature: the
 * note to the signer, heads to the note by their proofs, bodies and texts to
 * heads by their digests, and the set of events to the body of `receipt_made`.
 * A member that is not of the form is refused: nothing rides along unbound.
 */
#include <string.h>

#include "cli/proof.h"
#include "seal/seal.h"

struct checking {
	struct arena *arena;
	const struct json *events;
	const struct json *texts;
	struct receipt_facts *facts;
	size_t bytes;          /* of the bodies that were met */
	struct book_head list; /* the last event: receipt_made */
	const struct json *listed;
	const struct json *without;
	const struct json *lacking; /* NULL: of an older program, which named
	                             * no texts */
};

static int
bad(struct err *e, const char *what)
{
	return err_set(e, ERR_DENIED, "the receipt is not true: %s", what);
}

static int
only_these(const struct json *object, const char *const *names, size_t n,
    struct err *e)
{
	if (!object || object->type != JSON_OBJECT) {
		return bad(e, "an object is missing");
	}
	JSON_EACH(member, object)
	{
		bool known = false;

		for (size_t i = 0; i < n; i++) {
			known = known || str_eq_z(member->key, names[i]);
		}
		if (!known) {
			return err_set(e, ERR_DENIED,
			    "the receipt is not true: %s means nothing in it",
			    err_quote(member->key));
		}
	}
	return 0;
}

bool
cli_exact_hex(struct str text, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] >= 'A' && text.at[i] <= 'F') {
			return false;
		}
	}
	return text.len == 2 * size && hex_bytes(text, out, size);
}

int
cli_read_proof(const struct json *list, struct book_proof *out, struct err *e)
{
	struct book_proof proof = { 0 };

	if (!list || list->type != JSON_ARRAY || list->count > BOOK_PROOF_MAX) {
		return err_set(e, ERR_DENIED, "the proof is not of its form");
	}
	JSON_EACH(node, list)
	{
		if (node->type != JSON_STRING ||
		    !cli_exact_hex(node->text, proof.node[proof.count].bytes,
		        DIGEST_SIZE)) {
			return err_set(
			    e, ERR_DENIED, "the proof has a bad node");
		}
		proof.count++;
	}
	*out = proof;
	return 0;
}

/* --- bytes, as text or in base64 --- */

/* False: neither stands there, or it is not in its one form. */
static bool
read_bytes(const struct json *object, const char *plain, const char *coded,
    struct buf *out)
{
	const struct json *text = json_get(object, plain);
	const struct json *code = json_get(object, coded);
	auto_buf again = { 0 };

	if (text) {
		buf_add(out, text->text);
		return text->type == JSON_STRING && !code;
	}
	if (!code || code->type != JSON_STRING ||
	    !base64_decode(out, code->text)) {
		return false;
	}
	base64_add(&again, buf_str(out));
	return str_eq(buf_str(&again), code->text) &&
	       !str_is_utf8(buf_str(out));
}

static bool
is_true(const struct json *object, const char *key)
{
	bool value = false;

	return json_bool(object, key, &value) && value;
}

/* --- one event --- */

/* One is left out where it does not fit, as the heads say; else it has expired.
 * It is so as `true`: in another value anything could be said. */
static bool
says_away(const struct json *event, bool fits)
{
	return is_true(event, fits ? "expired" : "left_out") &&
	       !json_get(event, fits ? "left_out" : "expired");
}

static int
check_away(const struct json *event, const struct book_head *head, bool fits,
    struct err *e)
{
	if (json_get(event, "body") || json_get(event, "body64") ||
	    !head->has_body) {
		return bad(e, "an event has a body that its head has not");
	}
	return says_away(event, fits)
	           ? 0
	           : bad(e, "a body is away, and not as its head says");
}

static int
check_body(struct checking *x, const struct json *event,
    const struct book_head *head, struct err *e)
{
	auto_buf body = { 0 };
	bool fits = x->bytes + head->body_size <= BOOK_RECEIPT_MAX;

	if (json_get(event, "expired") || json_get(event, "left_out")) {
		return check_away(event, head, fits, e);
	}
	if (!head->has_body) {
		return json_get(event, "body") || json_get(event, "body64")
		           ? bad(e, "an event has a body that its head has not")
		           : 0;
	}
	if (!read_bytes(event, "body", "body64", &body)) {
		return bad(e, "the body of an event is missing");
	}
	if (body.len != head->body_size ||
	    !digest_eq(digest_of(buf_str(&body)), head->body)) {
		return err_set(e, ERR_DENIED,
		    "the receipt is not true: the body of event %llu was "
		    "changed",
		    (unsigned long long)head->seq);
	}
	x->bytes += body.len;
	return 0;
}

static int
read_event(const struct json *event, struct book_head *head,
    uint8_t bytes[BOOK_HEAD_SIZE], struct err *e)
{
	static const char *const names[] = { "head", "proof", "body", "body64",
		"expired", "left_out" };
	struct str text = STR("");

	if (only_these(event, names, COUNT(names), e)) {
		return -1;
	}
	if (!json_text(event, "head", &text) ||
	    !cli_exact_hex(text, bytes, BOOK_HEAD_SIZE)) {
		return bad(e, "the head of an event is not of its form");
	}
	return book_head_decode(str_span(bytes, BOOK_HEAD_SIZE), head, e);
}

static int
check_event(struct checking *x, const struct json *event, uint64_t after,
    struct book_head *head, struct err *e)
{
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct book_proof proof;
	char task[ID_TEXT];

	if (read_event(event, head, bytes, e)) {
		return -1;
	}
	book_id_text(head->task, task);
	if (!str_eq_z(x->facts->task, task)) {
		return bad(e, "an event is of another task");
	}
	if (head->seq <= after) {
		return bad(e, "the events are not in their order");
	}
	if (cli_read_proof(json_get(event, "proof"), &proof, e) ||
	    book_check_leaf(book_leaf(str_span(bytes, sizeof(bytes))),
	        head->seq - 1, &x->facts->root, &proof, e)) {
		return err_wrap(e, "the receipt is not true: event %llu",
		    (unsigned long long)head->seq);
	}
	return check_body(x, event, head, e);
}

/* --- the list, which names all of them --- */

static int
read_list(struct checking *x, struct err *e)
{
	const struct json *last = x->events->last;
	uint8_t bytes[BOOK_HEAD_SIZE];
	auto_buf body = { 0 };
	struct json *list;

	if (!last || read_event(last, &x->list, bytes, e)) {
		return e->kind ? -1 : bad(e, "it has no events");
	}
	if (x->list.kind != BOOK_RECEIPT_MADE ||
	    !read_bytes(last, "body", "body64", &body) ||
	    json_parse(x->arena, arena_str(x->arena, buf_str(&body)), NULL,
	        &list, e)) {
		return bad(e, "its last event does not list the others");
	}
	x->listed = json_get(list, "events");
	x->without = json_get(list, "without");
	x->lacking = json_get(list, "lacking");
	return x->listed && x->without
	           ? 0
	           : bad(e, "its last event does not list the others");
}

static bool
names(const struct json **list, uint64_t seq)
{
	int64_t number;
	bool same =
	    *list && json_number_i64(*list, &number) && number == (int64_t)seq;

	*list = same ? (*list)->next : *list;
	return same;
}

static int
check_events(struct checking *x, struct err *e)
{
	const struct json *listed = x->listed->first;
	const struct json *without = x->without->first;
	uint64_t after = 0;

	JSON_EACH(event, x->events)
	{
		struct book_head head;

		if (check_event(x, event, after, &head, e)) {
			return -1;
		}
		if (event->next && !names(&listed, head.seq)) {
			return bad(e, "an event was put in or taken out");
		}
		bool away =
		    json_get(event, "expired") || json_get(event, "left_out");

		if (away != names(&without, head.seq)) {
			return bad(e, "a body was taken out");
		}
		x->facts->without += away;
		x->facts->first = after ? x->facts->first : head.time;
		x->facts->last = head.time;
		x->facts->events++;
		after = head.seq;
	}
	return listed || without ? bad(e, "an event was taken out") : 0;
}

/* --- texts --- */

static bool
event_names(const struct json *event, struct digest d)
{
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct book_head head;
	struct err e = { 0 };

	return read_event(event, &head, bytes, &e) == 0 &&
	       (digest_eq(head.policy, d) || digest_eq(head.contract, d) ||
	           digest_eq(head.role, d));
}

/* The house said that it never had this one. */
static bool
names_text(const struct json *list, struct str hex)
{
	JSON_EACH(one, list)
	{
		if (one->type == JSON_STRING && str_eq(one->text, hex)) {
			return true;
		}
	}
	return false;
}

static int
check_text(struct checking *x, const struct json *text, struct err *e)
{
	static const char *const names[] = { "digest", "text", "text64",
		"missing" };
	auto_buf bytes = { 0 };
	struct str hex = STR("");
	struct digest d;
	bool named = false;

	if (only_these(text, names, COUNT(names), e)) {
		return -1;
	}
	if (!json_text(text, "digest", &hex) ||
	    !cli_exact_hex(hex, d.bytes, DIGEST_SIZE)) {
		return bad(e, "a text has no digest");
	}
	JSON_EACH(event, x->events)
	{
		named = named || event_names(event, d);
	}
	if (!named) {
		return bad(e, "it has a text that no event names");
	}
	if (is_true(text, "missing")) {
		if (!x->lacking) {
			return bad(e,
			    "a text is missing, and the program that made it "
			    "was too old to say which its house had not: have "
			    "another receipt of the task made");
		}
		return text->count == 2 && names_text(x->lacking, hex)
		           ? 0
		           : bad(e, "a text was taken out");
	}
	x->facts->texts++;
	return !json_get(text, "missing") &&
	               read_bytes(text, "text", "text64", &bytes) &&
	               digest_eq(digest_of(buf_str(&bytes)), d)
	           ? 0
	           : bad(e, "a text was changed");
}

static bool
has_text(const struct json *texts, struct digest d)
{
	char hex[DIGEST_TEXT];
	struct str text;

	digest_text(d, hex);
	JSON_EACH(one, texts)
	{
		if (json_text(one, "digest", &text) && str_eq_z(text, hex)) {
			return true;
		}
	}
	return digest_is_zero(d);
}

static int
check_texts(struct checking *x, struct err *e)
{
	if (!x->texts || x->texts->type != JSON_ARRAY) {
		return bad(e, "it has no texts");
	}
	JSON_EACH(text, x->texts)
	{
		if (check_text(x, text, e)) {
			return -1;
		}
	}
	JSON_EACH(event, x->events)
	{
		uint8_t bytes[BOOK_HEAD_SIZE];
		struct book_head head;

		if (read_event(event, &head, bytes, e)) {
			return -1;
		}
		if (!has_text(x->texts, head.policy) ||
		    !has_text(x->texts, head.contract) ||
		    !has_text(x->texts, head.role)) {
			return bad(e, "a text was taken out");
		}
	}
	return 0;
}

/* --- all of it --- */

static int
check_note(const struct json *tree, const struct book_signer *given,
    struct receipt_facts *facts, struct err *e)
{
	struct book_signer own;
	struct str note = STR("");
	auto_buf again = { 0 };

	if (!json_text(tree, "checkpoint", &note) ||
	    !json_text(tree, "signer", &facts->signer) ||
	    book_signer_parse(facts->signer, &own, e)) {
		return e->kind ? -1 : bad(e, "nobody has signed it");
	}
	book_signer_text(&own, &again);
	if (!str_eq(buf_str(&again), facts->signer)) {
		return bad(e, "its signer is not of its form");
	}
	if (given && (memcmp(given->key, own.key, sizeof(own.key)) != 0 ||
	                 !str_eq(given->name, own.name))) {
		return bad(e, "another signer has signed it");
	}
	return book_note_open(
	    note, own.name, &own, seal_verify, &facts->root, e);
}

int
cli_check_receipt(struct arena *a, struct str text,
    const struct book_signer *signer, struct receipt_facts *out, struct err *e)
{
	static const char *const names[] = { "format", "task", "checkpoint",
		"signer", "events", "texts" };
	static const struct json_limits limits = { CLI_RECEIPT_MAX, 16,
		2000000 };
	struct receipt_facts facts = { 0 };
	struct checking x = { .arena = a, .facts = &facts };
	struct str format = STR("");
	struct json *tree;

	if (json_parse(a, text, &limits, &tree, e) ||
	    only_these(tree, names, COUNT(names), e)) {
		return -1;
	}
	if (!json_text(tree, "format", &format) ||
	    !str_eq_z(format, "handrail-receipt-1")) {
		return bad(e, "its format is not handrail-receipt-1");
	}
	x.events = json_get(tree, "events");
	x.texts = json_get(tree, "texts");
	if (!json_text(tree, "task", &facts.task) || !x.events ||
	    x.events->type != JSON_ARRAY) {
		return bad(e, "it names no task or has no events");
	}
	if (check_note(tree, signer, &facts, e) || read_list(&x, e) ||
	    check_events(&x, e) || check_texts(&x, e)) {
		return -1;
	}
	*out = facts;
	return 0;
}
