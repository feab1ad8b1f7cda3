/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters that want a decision.  Each stands in the one inbox from the batch
 * that sends it to the batch that acks it: who decides there acks it, and an
 * ack with a decision is said there.  The letter is the queue's; the wait is
 * only where it is asked, and a row says which put is its own, with the body
 * of that put: a start asks for rows in pages, and for no body.
 */
#include <stdio.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_call.h"
#include "parts/core_dispatch.h"

#define RUN       "letter:" /* no run has a colon or # in its name */
#define RUN_HEX   "letter#" /* and this one hex for any other bytes */
#define ROW       "letter"
#define EXPIRES   (INT64_C(3650) * 24 * 3600 * CLOCK_SECOND)
#define ASKED_MAX 1000 /* in one batch, behind a start */

_Static_assert(sizeof(RUN_HEX) - 1 + (size_t)2 * QUEUE_ID_MAX <= WAIT_NAME_MAX,
    "each letter has a run's name");

static bool
printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 0x21 || s.at[i] > 0x7e) {
			return false;
		}
	}
	return s.len > 0 && s.len <= QUEUE_ID_MAX;
}

static struct str
run_of(struct arena *a, struct str letter)
{
	auto_buf hex = { 0 };

	if (printable(letter)) {
		return arena_printf(a, RUN STR_FMT, STR_ARG(letter));
	}
	hex_add(&hex, letter);
	return arena_printf(a, RUN_HEX "%s", buf_z(&hex));
}

static struct str
letter_of(struct arena *a, const struct wait_item *w)
{
	struct str name = str_sub(w->run, strlen(RUN), w->run.len);
	uint8_t bytes[QUEUE_ID_MAX];
	size_t len = name.len / 2;

	if (str_starts(w->run, STR(RUN_HEX)) && len <= sizeof(bytes) &&
	    hex_bytes(name, bytes, len)) {
		name = str_span(bytes, len);
	}
	return arena_str(a, name);
}

static bool
find_open(const struct core *c, struct str run, struct wait_mark *m)
{
	uint32_t at = 0;
	bool found = false;

	while (!found && wait_of_run(c->waits, run, &at, m)) {
		found = m->state == WAIT_OPEN;
	}
	return found;
}

bool
core_letter_asked(const struct core *c, struct str letter, uint64_t *seq)
{
	auto_arena a = { 0 };
	struct wait_mark m;

	if (!find_open(c, run_of(&a, letter), &m)) {
		return false;
	}
	*seq = m.seq;
	return true;
}

const struct wait_item *
core_letter_wait(struct core *c, struct str letter)
{
	auto_arena a = { 0 };
	struct str run = run_of(&a, letter);
	struct wait_mark m;
	const struct wait_item *w =
	    find_open(c, run, &m) ? wait_find(c->waits, str_of(m.id)) : NULL;

	return w && str_eq(w->run, run) ? w : NULL;
}

/* --- asking --- */

/* A mailbox of a person's own is for what only that person may decide. */
static bool
is_own(const struct core *c, struct str mailbox)
{
	for (size_t i = 0; i < c->house.operator_count; i++) {
		if (str_eq_z(mailbox, c->house.operators[i].name)) {
			return true;
		}
	}
	return false;
}

static void
fill(struct core *c, struct arena *a, const struct queue_letter *m,
    const struct json *mail, struct wall now, struct wait_put *put)
{
	struct str *options =
	    arena_array(a, WAIT_OPTIONS_MAX, sizeof(*options));
	auto_buf canonical = { 0 };

	json_canonical(&canonical, mail);
	put->kind = WAIT_DECISION;
	put->subject = (struct wait_subject){
		/* Who sends is no principal here: a person may ask others, and
		 * answer too. */
		.identity =
		    printable(m->from)
		        ? arena_printf(a, "mail:" STR_FMT, STR_ARG(m->from))
		        : STR("mail:"),
		.tool = STR("mail"),
		.args = digest_of(buf_str(&canonical)),
		.run = run_of(a, m->id),
	};
	put->asker = put->subject.identity;
	put->gate = STR("mail");
	put->hint = core_hint_text(a,
	    arena_printf(
	        a, STR_FMT ": " STR_FMT, STR_ARG(m->from), STR_ARG(m->subject)),
	    WAIT_HINT_MAX, &put->hint_cut);
	put->people = 1;
	put->named = &m->to;
	put->named_count = is_own(c, m->to);
	put->now = now;
	put->expires_us = m->expires.us ? m->expires.us - now.us : EXPIRES;
	put->options = options;
	JSON_EACH(option, json_get(mail, "decision_options"))
	{
		if (put->option_count < WAIT_OPTIONS_MAX) {
			options[put->option_count++] = option->text;
		}
	}
}

/* One that has expired is archived, and nobody is asked. */
static bool
wants(const struct queue_letter *m, struct wall now)
{
	return m && m->requires_decision && !m->done &&
	       (!m->expires.us || m->expires.us > now.us) &&
	       !str_eq_z(m->to, "broadcast");
}

static void
ask(struct core *c, const struct queue_letter *m, const struct json *mail,
    struct wall now)
{
	static const struct str surfaces[] = { STR("cli"), STR("web"),
		STR("api") };
	auto_arena a = { 0 };
	uint8_t random[WAIT_ID_RANDOM];
	struct wait_put put = { .surfaces = surfaces,
		.surface_count = COUNT(surfaces) };
	struct wait_step step = { 0 };
	auto_buf row = { 0 };
	struct err e = { 0 };

	fill(c, &a, m, mail, now, &put);
	random_bytes(random, sizeof(random));
	if (wait_put(c->waits, &a, &put, random, &step, &e)) {
		log_err("mail", &e); /* it can be acked all the same */
		return;
	}
	if (step.duplicate) {
		return;
	}
	uint64_t seq =
	    core_wait_step(c, BOOK_WAIT_PUT, step.id, step.body, NULL);

	buf_addf(&row, "%llu\n", (unsigned long long)seq);
	buf_add(&row, step.body);
	core_row(c, ROW, m->id, buf_str(&row), seq);
	core_expiry_arm(c);
}

/* --- what becomes of letters --- */

static void
over(struct core *c, struct str letter)
{
	const struct wait_item *w = core_letter_wait(c, letter);
	auto_arena a = { 0 };
	struct wait_step step = { 0 };
	struct err e = { 0 };

	if (w && wait_cancel(
	             c->waits, &a, str_of(w->id), wall_now(), &step, &e) == 0) {
		(void)core_wait_step(
		    c, BOOK_WAIT_ENDED, step.id, step.body, NULL);
		wait_run_over(c->waits, run_of(&a, letter));
		core_row_drop(c, ROW, letter);
	}
}

void
core_letters_saw(struct core *c, const struct queue_step *step)
{
	struct wall now = wall_now();

	for (size_t i = 0; i < step->event_count; i++) {
		const struct queue_event *q = &step->events[i];
		auto_arena a = { 0 };
		struct json *tree = NULL;
		struct err e = { 0 };

		if (q->kind == QUEUE_EVENT_ACK) {
			over(c, q->id);
		} else if (q->kind == QUEUE_EVENT_MAIL &&
		           wants(queue_letter_find(c->queue, q->id), now) &&
		           json_parse(&a, q->body, NULL, &tree, &e) == 0 &&
		           json_get(tree, "mail")) {
			ask(c, queue_letter_find(c->queue, q->id),
			    json_get(tree, "mail"), now);
		}
	}
}

void
core_letter_decided(struct core *c, const struct wait_item *w)
{
	auto_arena a = { 0 };
	struct str letter = letter_of(&a, w);
	const struct queue_letter *m = queue_letter_find(c->queue, letter);
	struct queue_ack ack = {
		.letter = letter,
		.decision = arena_str(&a, w->value),
		.note = arena_str(&a, w->reason),
		.mailbox = m ? m->to : STR(""),
		.now = wall_now(),
	};
	struct str run = arena_str(&a, w->run);
	struct queue_step step = { 0 };
	struct err e = { 0 };

	core_row_drop(c, ROW, ack.letter);
	wait_run_over(c->waits, run);
	if (queue_mail_ack(c->queue, &a, &ack, &step, &e)) {
		log_err("mail", &e);
		return;
	}
	core_queue_step(c, &step, NULL);
	m = queue_letter_find(c->queue, ack.letter);
	if (m && !step.duplicate) {
		core_mail_carry_out(c, m, ack.decision);
	}
}

/* It is archived: nobody is asked any more. */
void
core_letter_expired(struct core *c, const struct wait_item *w)
{
	auto_arena a = { 0 };

	core_row_drop(c, ROW, letter_of(&a, w));
	wait_run_over(c->waits, w->run);
}

const struct json *
core_letter_text(struct core *c, struct arena *a, const struct wait_item *w)
{
	const struct queue_letter *m =
	    queue_letter_find(c->queue, letter_of(a, w));
	auto_buf body = { 0 };
	auto_buf canonical = { 0 };
	struct json *tree = NULL;
	const struct json *mail;
	struct err e = { 0 };

	if (!m || core_body_get(c, m->seq, &body, &e) ||
	    json_parse(a, arena_str(a, buf_str(&body)), NULL, &tree, &e)) {
		return NULL;
	}
	mail = json_get(tree, "mail");
	if (!mail) {
		return NULL;
	}
	json_canonical(&canonical, mail);
	return digest_eq(digest_of(buf_str(&canonical)), w->args) ? mail : NULL;
}

/* --- a start --- */

void
core_asked_add(struct core_asked_list *list, uint64_t seq, struct str body)
{
	list->all =
	    array_grow(list->all, list->count, &list->room, sizeof(*list->all));
	list->all[list->count++] = (struct core_asked){
		.seq = seq,
		.at = list->bodies.len,
		.len = body.len,
	};
	buf_add(&list->bodies, body);
}

/* The number of its put, and its body behind that: a row of an earlier program
 * has the number alone. */
static int
load_row(void *context, const struct store_row *row, struct err *e)
{
	struct str body = row->value;
	struct str number;
	uint64_t seq = 0;

	(void)str_cut(&body, '\n', &number);
	if (!str_u64(number, &seq)) {
		return err_set(e, ERR_IO,
		    "the book's row of letter %s is damaged: it does not begin "
		    "with the number of an event; restore a backup (`handrail "
		    "restore`)",
		    err_quote(row->key));
	}
	core_asked_add(context, seq, body);
	return 0;
}

int
core_letters_load(struct core *c, struct core_asked_list *out, struct err *e)
{
	return store_rows_walk(
	    c->book.store, STR(ROW), STR(""), load_row, out, e);
}

static bool
ask_again(struct core *c, const struct queue_letter *m, struct wall now)
{
	auto_arena a = { 0 };
	auto_buf body = { 0 };
	struct json *tree = NULL;
	uint64_t seq;
	struct err e = { 0 };

	if (!wants(m, now) || core_letter_asked(c, m->id, &seq) ||
	    core_body_get(c, m->seq, &body, &e) ||
	    json_parse(&a, buf_str(&body), NULL, &tree, &e) ||
	    !json_get(tree, "mail")) {
		return false;
	}
	ask(c, m, json_get(tree, "mail"), now);
	return true;
}

/* Of the first so many letters: a batch has some of them, and the next goes on.
 */
static void
recover_first(struct core *c, uint64_t count)
{
	struct wall now = wall_now();
	size_t asked = 0;

	while (count > 0 && asked < ASKED_MAX) {
		asked += ask_again(c, queue_letter_at(c->queue, --count), now);
	}
	if (count > 0) {
		core_after(c, recover_first, count);
	}
}

/* Those of a book of an older program, and those whose put is gone. */
void
core_letters_recover(struct core *c)
{
	recover_first(c, queue_letter_count(c->queue));
}
