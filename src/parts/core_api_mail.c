/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about letters: send, look, thread, ack.  Looking consumes nothing; an
 * ack takes a letter away, a broadcast for its reader only, and carries the
 * decision where the letter asks for one.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

#define LIST_MAX 200
#define SEEN_MAX (LIST_MAX + 1) /* one of them is only said to be there */

/* --- looking --- */

/* The envelope as it was sent; NULL: that has expired. */
static int
read_sent(struct core *c, const struct queue_letter *letter, struct arena *a,
    const struct json **sent, struct err *e)
{
	auto_buf body = { 0 };
	struct json *tree = NULL;
	bool there = false;

	if (letter->seq &&
	    (core_body_look(c, letter->seq, &body, &there, e) ||
	        (there && json_parse(a, arena_str(a, buf_str(&body)), NULL,
	                      &tree, e)))) {
		return err_wrap(e, "letter " STR_FMT, STR_ARG(letter->id));
	}
	*sent = json_get(tree, "mail");
	return 0;
}

/* What was sent, and what became of it; damaged: why nobody can say what was
 * sent, or NULL. */
static void
write_letter(struct json_out *o, const struct queue_letter *letter,
    const struct json *sent, const char *damaged)
{
	json_out_object(o, NULL);
	json_out_str(o, "id", letter->id);
	json_out_str(o, "to", letter->to);
	json_out_str(o, "from", letter->from);
	json_out_str(o, "subject", letter->subject);
	json_out_z(o, "type", e2m_type_name(letter->type));
	json_out_str(o, "thread", letter->thread);
	json_out_str(o, "task", letter->task);
	json_out_i64(o, "priority", letter->priority);
	json_out_bool(o, "ack_required", letter->ack_required);
	json_out_bool(o, "requires_decision", letter->requires_decision);
	json_out_str(o, "decision", letter->decision);
	json_out_bool(o, "done", letter->done);
	if (sent) {
		json_out_value(o, "letter", sent);
	}
	if (damaged) {
		json_out_z(o, "damaged", damaged);
	}
	json_out_end(o, '}');
}

/* One that is damaged hides none of the others.  What cannot be read now is
 * asked for again. */
static int
list_letter(struct core *c, struct json_out *o,
    const struct queue_letter *letter, struct err *e)
{
	auto_arena a = { 0 };
	const struct json *sent = NULL;
	bool failed = read_sent(c, letter, &a, &sent, e) != 0;

	if (failed && e->kind == ERR_UNAVAILABLE) {
		return -1;
	}
	write_letter(o, letter, sent, failed ? e->text : NULL);
	return 0;
}

static int
answer_letters(struct core *c, struct core_ask *ask,
    const struct queue_letter *const *letters, size_t count, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "letters");
	for (size_t i = 0; i < count && i < LIST_MAX; i++) {
		if (list_letter(c, &o, letters[i], e)) {
			return -1;
		}
	}
	json_out_end(&o, ']');
	json_out_bool(&o, "more", count > LIST_MAX);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

static int
find_mailbox(
    struct core *c, struct core_ask *ask, struct str *mailbox, struct err *e)
{
	if (!core_ask_query(ask, "mailbox", mailbox) &&
	    !json_text(ask->body, "mailbox", mailbox)) {
		*mailbox = STR("operator");
	}
	return queue_has_mailbox(c->queue, *mailbox)
	           ? 0
	           : err_set(e, ERR_MISSING,
	                 "there is no mailbox %s; `handrail role list` names "
	                 "the roles, a mailbox is ROLE-coworker, or operator",
	                 err_quote(*mailbox));
}

int
route_mail(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_letter *letters[SEEN_MAX];
	struct str mailbox;
	size_t count;

	if (find_mailbox(c, ask, &mailbox, e)) {
		return -1;
	}
	count = queue_mail_receive(
	    c->queue, mailbox, wall_now(), letters, SEEN_MAX);
	return answer_letters(c, ask, letters, count, e);
}

int
route_thread(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_letter *letters[SEEN_MAX];
	size_t count =
	    queue_mail_thread(c->queue, ask->part, letters, SEEN_MAX);

	if (!count) {
		return err_set(e, ERR_MISSING, "there is no thread %s",
		    err_quote(ask->part));
	}
	return answer_letters(c, ask, letters, count, e);
}

int
route_letter(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct queue_letter *letter =
	    queue_letter_find(c->queue, ask->part);
	const struct json *sent = NULL;
	auto_buf body = { 0 };
	struct json_out o;

	if (!letter) {
		return err_set(e, ERR_MISSING, "there is no letter %s",
		    err_quote(ask->part));
	}
	if (read_sent(c, letter, &ask->arena, &sent, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	write_letter(&o, letter, sent, NULL);
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- sending --- */

static void
set_default(
    struct arena *a, struct json *tree, const char *key, struct str text)
{
	if (!json_get(tree, key)) {
		(void)json_set_str(a, tree, key, text);
	}
}

/* A whole envelope, or its parts. */
static int
read_mail(struct core_ask *ask, struct e2m_record *out, struct err *e)
{
	struct arena *a = &ask->arena;
	struct id fresh = id_new();
	struct json *tree;
	struct str to = STR("");
	char now[WALL_TEXT_MAX];

	if (!ask->body || ask->body->type != JSON_OBJECT) {
		return err_set(e, ERR_INPUT, "the body must be an object");
	}
	tree = json_copy(a, ask->body);
	wall_text(wall_now(), now);
	set_default(a, tree, "_type", STR("envelope"));
	set_default(a, tree, "id", arena_str(a, str_of(fresh.text)));
	(void)json_text(tree, "to", &to);
	set_default(a, tree, "envelope_type",
	    str_eq_z(to, "operator") ? STR("operator") : STR("notify"));
	if (!json_get(tree, "requires_decision")) {
		(void)json_set(
		    a, tree, "requires_decision", json_new_bool(a, false));
	}
	set_default(a, tree, "from", str_of(ask->operator_->name));
	set_default(a, tree, "at", arena_str(a, str_of(now)));
	set_default(a, tree, "state", STR("pending"));
	if (!json_get(tree, "priority")) {
		(void)json_set(a, tree, "priority", json_new_i64(a, 3));
	}
	if (!json_get(tree, "payload")) {
		(void)json_set(a, tree, "payload", json_new(a, JSON_OBJECT));
	}
	if (e2m_from_json(tree, out, e) || e2m_check(out, e)) {
		return -1;
	}
	return out->kind == E2M_ENVELOPE
	           ? tools_check_no_provider_key(tree, e)
	           : err_set(e, ERR_INPUT, "a letter is an envelope");
}

static int
saw_task(void *context, const struct store_task *row, struct err *e)
{
	(void)e;
	*(uint64_t *)context = row->number;
	return 0;
}

static int
saw_head(void *context, const struct store_head *row, struct err *e)
{
	return book_head_decode(
	    str_span(row->head, BOOK_HEAD_SIZE), context, e);
}

/* A task's own letter is put behind it: its head is of the letter, or of the
 * run that dispatched the task, and then only its body names the letter.  Where
 * that has expired, the letter counts as known. */
static int
came_with(struct core *c, uint64_t put, struct str letter, struct err *e)
{
	auto_arena a = { 0 };
	auto_buf body = { 0 };
	struct book_head head = { 0 };
	struct book_id none = { 0 };
	struct book_id id;
	struct json *tree = NULL;
	struct str own = STR("");

	if (store_head_get(c->book.store, put + 1, saw_head, &head, e)) {
		return -1;
	}
	if (head.kind != BOOK_MAIL_PUT) {
		return err_set(e, ERR_MISSING, "the task had no letter");
	}
	if (book_id_parse(letter, &id) && book_id_eq(head.task, id)) {
		return 0;
	}
	if (core_body_get(c, head.seq, &body, e)) {
		return e->kind == ERR_MISSING && !book_id_eq(head.run, none)
		           ? 0
		           : -1;
	}
	if (json_parse(&a, buf_str(&body), NULL, &tree, e)) {
		return -1;
	}
	(void)json_text(json_get(tree, "mail"), "id", &own);
	return str_eq(own, letter)
	           ? 0
	           : err_set(e, ERR_MISSING, "the task had another letter");
}

/* A letter that was forgotten left its id, or came with a task that did: one
 * that the memory has no more is in the store. */
static int
find_forgotten(struct core *c, const struct e2m_envelope *mail, struct err *e)
{
	auto_buf none = { 0 };
	struct str task = STR("");
	uint64_t put = 0;

	if (store_row_get(c->book.store, STR("mail_gone"), mail->id, &none,
	        NULL, e) == 0) {
		return 0;
	}
	if (e->kind != ERR_MISSING || mail->envelope_type != E2M_TYPE_TASK ||
	    !json_text(mail->payload, "task_id", &task) ||
	    queue_find(c->queue, task)) {
		return -1;
	}
	return store_task_get(c->book.store, task, saw_task, &put, e)
	           ? -1
	           : came_with(c, put, mail->id, e);
}

#define WAITING_MAX 10000 /* of letters by hand, as max_waiting of tasks */

/* What the house itself sends always goes in: no outcome fails for a limit.  A
 * broadcast stays until it expires: nobody could make room for another. */
static int
check_room(struct core *c, struct str mailbox, struct err *e)
{
	size_t waiting = queue_mail_waiting(c->queue, mailbox);

	return waiting < WAITING_MAX || str_eq_z(mailbox, "broadcast")
	           ? 0
	           : err_set(e, ERR_LIMIT,
	                 "the mailbox %s has %zu letters waiting, its limit is "
	                 "%d: send it when some were acked",
	                 err_quote(mailbox), waiting, WAITING_MAX);
}

/* The queue knows what is in its memory. */
static int
check_new(struct core *c, const struct core_ask *ask,
    const struct e2m_envelope *mail, struct err *e)
{
	struct err none = { 0 };

	if (!json_get(ask->body, "id") || find_forgotten(c, mail, &none)) {
		return none.kind == ERR_NONE || none.kind == ERR_MISSING
		           ? 0
		           : err_set(e, none.kind, "%s", none.text);
	}
	return err_set(e, ERR_CONFLICT,
	    "the letter %s was here already, and was forgotten; give another "
	    "one an id of its own",
	    err_quote(mail->id));
}

int
route_mail_send(struct core *c, struct core_ask *ask, struct err *e)
{
	struct e2m_record mail = { 0 };
	struct queue_step step = { 0 };
	auto_buf answer = { 0 };
	struct json_out o;

	if (read_mail(ask, &mail, e) ||
	    check_new(c, ask, &mail.as.envelope, e) ||
	    queue_mail_send(
	        c->queue, &ask->arena, &mail.as.envelope, &step, e) ||
	    check_room(c, mail.as.envelope.to, e)) {
		return -1;
	}
	core_queue_step(c, &step, NULL);
	json_out_init(&o, &answer);
	json_out_object(&o, NULL);
	json_out_str(&o, "id", mail.as.envelope.id);
	json_out_str(&o, "to", mail.as.envelope.to);
	json_out_end(&o, '}');
	core_answer_after(c, ask, 201, buf_str(&answer));
	return 0;
}

/* --- ack --- */

static void
claim_again(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

/* What the operator said to the letter about a failure: the task goes on. */
void
core_mail_carry_out(
    struct core *c, const struct queue_letter *letter, struct str decision)
{
	auto_arena a = { 0 };
	const struct queue_task *t = queue_find(c->queue, letter->thread);
	struct queue_touch touch = {
		.task = letter->thread,
		.now = wall_now(),
		.random = random_u64(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	if (letter->type != E2M_TYPE_ESCALATE || !t ||
	    !str_eq_z(decision, "retry")) {
		return;
	}
	if (t->state == E2M_BLOCKED
	        ? queue_unblock(c->queue, &a, &touch, &step, &e)
	        : queue_redrive(c->queue, &a, &touch, &step, &e)) {
		return; /* it went on or was cancelled meanwhile */
	}
	core_queue_step(c, &step, NULL);
	core_task_row(c, t);
	core_due_arm(c);
	core_after(c, claim_again, 0);
}

/* It was decided in the inbox, in the batch that acked it. */
static void
decided(struct core *c, uint64_t number, const struct wait_item *w,
    const struct err *e)
{
	struct core_ask *ask = core_ask_find(c, number);
	auto_buf answer = { 0 };
	struct json_out o;

	(void)w;
	if (!ask) {
		return;
	}
	if (e) {
		core_answer_no(c, ask, e);
		return;
	}
	json_out_init(&o, &answer);
	json_out_object(&o, NULL);
	json_out_str(&o, "id", ask->part);
	json_out_str(&o, "mailbox", queue_letter_find(c->queue, ask->part)->to);
	json_out_bool(&o, "duplicate", false);
	json_out_end(&o, '}');
	core_answer_after(c, ask, 200, buf_str(&answer));
}

/* A decision is said where all are: sealed, and the first of them stands. */
static int
decide(struct core *c, struct core_ask *ask, const struct queue_ack *ack,
    const struct wait_item *w, struct err *e)
{
	struct core_word word = {
		.say = {
			.id = str_of(w->id),
			.yes = true,
			.principal = str_of(ask->operator_->name),
			.surface = ask->local ? STR("cli") : STR("api"),
			.reason = ack->note,
			.value = ack->decision,
			.now = ack->now,
		},
		.number = ask->number,
		.told = decided,
	};

	return core_wait_say_to(c, &word, e);
}

int
route_mail_ack(struct core *c, struct core_ask *ask, struct err *e)
{
	struct queue_ack ack = { .letter = ask->part, .now = wall_now() };
	const struct queue_letter *letter;
	const struct wait_item *asked;
	struct queue_step step = { 0 };
	auto_buf answer = { 0 };
	struct json_out o;

	(void)json_text(ask->body, "note", &ack.note);
	(void)json_text(ask->body, "decision", &ack.decision);
	if (find_mailbox(c, ask, &ack.mailbox, e) ||
	    queue_mail_ack(c->queue, &ask->arena, &ack, &step, e)) {
		return -1;
	}
	asked = step.duplicate ? NULL : core_letter_wait(c, ack.letter);
	if (asked) {
		return decide(c, ask, &ack, asked, e);
	}
	core_queue_step(c, &step, NULL);
	letter = queue_letter_find(c->queue, ask->part);
	if (letter && ack.decision.len && !step.duplicate) {
		core_mail_carry_out(c, letter, ack.decision);
	}
	json_out_init(&o, &answer);
	json_out_object(&o, NULL);
	json_out_str(&o, "id", ask->part);
	json_out_str(&o, "mailbox", ack.mailbox);
	json_out_bool(&o, "duplicate", step.duplicate);
	json_out_end(&o, '}');
	core_answer_after(c, ask, 200, buf_str(&answer));
	return 0;
}
