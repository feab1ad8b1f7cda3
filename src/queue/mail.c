/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#define PRIORITY_DEFAULT 3

static int
judge_times(const struct e2m_envelope *m, struct err *e)
{
	struct wall at = { 0 };

	if (!wall_parse(m->at, &at) ||
	    (m->expires_at.len > 0 && !wall_parse(m->expires_at, &at))) {
		return err_set(
		    e, ERR_INPUT, "the letter's times are no RFC 3339 times");
	}
	return 0;
}

static int
judge_decision(const struct e2m_envelope *m, struct err *e)
{
	if (m->decision_options &&
	    m->decision_options->count > QUEUE_OPTIONS_MAX) {
		return err_set(e, ERR_LIMIT,
		    "a letter has at most %d decision_options",
		    QUEUE_OPTIONS_MAX);
	}
	JSON_EACH(child, m->decision_options)
	{
		if (child->text.len == 0 ||
		    child->text.len > QUEUE_OPTION_MAX) {
			return err_set(e, ERR_INPUT,
			    "each of decision_options has 1..%d bytes",
			    QUEUE_OPTION_MAX);
		}
	}
	return 0;
}

static int
judge_id(const struct queue *q, const struct e2m_envelope *m,
    const struct queue_step *s, struct err *e)
{
	if (m->id.len > QUEUE_ID_MAX || m->thread_id.len > QUEUE_ID_MAX ||
	    m->reply_to.len > QUEUE_ID_MAX) {
		return err_set(e, ERR_INPUT,
		    "the letter's id, thread_id and reply_to have at most %d "
		    "bytes",
		    QUEUE_ID_MAX);
	}
	for (size_t i = 0; i < s->event_count; i++) {
		if (s->events[i].kind == QUEUE_EVENT_MAIL &&
		    str_eq(s->events[i].id, m->id)) {
			return err_set(
			    e, ERR_INPUT, "two letters have the same id");
		}
	}
	if (queue_letter_get(q, m->id)) {
		return err_set(e, ERR_CONFLICT, "the letter %s exists already",
		    err_quote(m->id));
	}
	return 0;
}

int
queue_mail_judge(struct queue *q, struct arena *a, const struct e2m_envelope *m,
    struct str task, struct queue_step *s, struct err *e)
{
	struct e2m_record r = { .kind = E2M_ENVELOPE, .as.envelope = *m };
	struct e2m_envelope *kept = NULL;
	struct queue_change change = { .kind = QUEUE_EVENT_MAIL };

	if (e2m_check(&r, e) || judge_id(q, m, s, e)) {
		return -1;
	}
	if (m->state != E2M_MAIL_PENDING) {
		return err_set(e, ERR_INPUT, "a new letter must be pending");
	}
	if (!queue_has_mailbox(q, m->to)) {
		return err_set(e, ERR_MISSING,
		    "there is no mailbox %s; nothing was written (a mailbox "
		    "is ROLE-coworker, operator, a person's name or broadcast)",
		    err_quote(m->to));
	}
	if (judge_times(m, e) || judge_decision(m, e)) {
		return -1;
	}
	kept = arena_alloc(a, sizeof(*kept));
	*kept = *m;
	change.id = m->id;
	change.task = task;
	change.mail = kept;
	queue_step_yield(q, s, a, &change);
	queue_step_effect(
	    s, a, &(struct queue_effect){ .kind = QUEUE_MAIL, .name = m->to });
	return 0;
}

int
queue_mail_send(struct queue *q, struct arena *a, const struct e2m_envelope *m,
    struct queue_step *step, struct err *e)
{
	struct queue_step s = { 0 };

	if (queue_mail_judge(q, a, m, STR(""), &s, e)) {
		return -1;
	}
	s.id = arena_str(a, m->id);
	*step = s;
	return 0;
}

static int
judge_choice(const struct letter *m, const struct queue_ack *c, struct err *e)
{
	if (!m->shown.requires_decision) {
		return c->decision.len > 0
		           ? err_set(e, ERR_INPUT,
		                 "the letter asks for no decision")
		           : 0;
	}
	for (size_t i = 0; i < m->option_count; i++) {
		if (str_eq(m->options[i], c->decision)) {
			return 0;
		}
	}
	if (c->decision.len == 0 || c->decision.len > QUEUE_OPTION_MAX ||
	    m->option_count > 0) {
		return err_set(e, ERR_INPUT,
		    "the letter asks for a decision: name one of its "
		    "decision_options (%s is none)",
		    err_quote(c->decision));
	}
	return 0;
}

int
queue_mail_ack(struct queue *q, struct arena *a, const struct queue_ack *c,
    struct queue_step *step, struct err *e)
{
	const struct letter *m = queue_letter_get(q, c->letter);
	struct queue_change change = { .kind = QUEUE_EVENT_ACK };
	struct queue_step s = { 0 };

	if (!m || !queue_has_mailbox(q, c->mailbox) ||
	    (!m->broadcast && !str_eq(m->shown.to, c->mailbox))) {
		return err_set(e, ERR_MISSING, "%s has no letter %s",
		    err_quote(c->mailbox), err_quote(c->letter));
	}
	s.id = arena_str(a, m->shown.id);
	if (queue_letter_has_read(m, c->mailbox)) {
		s.duplicate = true;
		*step = s;
		return 0;
	}
	if (judge_choice(m, c, e)) {
		return -1;
	}
	if (m->reader_count == QUEUE_READERS_MAX) {
		return err_set(e, ERR_LIMIT,
		    "more than %d readers acknowledged the letter",
		    QUEUE_READERS_MAX);
	}
	change.id = s.id;
	change.at = c->now;
	change.reader = c->mailbox;
	change.decision = c->decision;
	change.note = c->note;
	queue_step_yield(q, &s, a, &change);
	*step = s;
	return 0;
}

/* --- applying --- */

/* A reply without a thread is in that of what it replies to, or begins one
 * that is named by it. */
static struct str
thread_of(const struct queue *q, const struct e2m_envelope *r)
{
	const struct letter *first = queue_letter_get(q, r->reply_to);

	if (r->thread_id.len > 0 || r->reply_to.len == 0) {
		return r->thread_id;
	}
	return first && first->shown.thread.len > 0 ? first->shown.thread
	                                            : r->reply_to;
}

int
queue_apply_mail(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	const struct e2m_envelope *r = c->mail;
	struct letter *m = queue_letter_get(q, r->id);
	struct letter_parts parts = { 0 };
	struct str options[QUEUE_OPTIONS_MAX] = { 0 };
	struct queue_letter *s = &parts.shown;

	if (m && seq > 0 && seq <= m->shown.last_seq) {
		return 0;
	}
	if (m) {
		return err_set(e, ERR_CONFLICT, "mail: the letter is there");
	}
	s->id = r->id;
	s->to = r->to;
	s->from = r->from;
	s->subject = r->subject;
	s->thread = thread_of(q, r);
	s->reply_to = r->reply_to;
	s->task = c->task;
	s->type = r->envelope_type;
	s->ack_required = r->ack_required == E2M_YES;
	s->requires_decision = r->requires_decision == E2M_YES;
	s->priority = r->priority ? r->priority : PRIORITY_DEFAULT;
	must(wall_parse(r->at, &s->at));
	if (r->expires_at.len > 0) {
		must(wall_parse(r->expires_at, &s->expires));
	}
	s->seq = seq;
	s->last_seq = seq;
	parts.updated = s->at;
	parts.options = options;
	JSON_EACH(child, r->decision_options)
	{
		if (parts.option_count < COUNT(options)) {
			options[parts.option_count++] = child->text;
		}
	}
	m = queue_letter_new(q, &parts);
	queue_unsaved_add(&q->letters_unsaved, &m->unsaved, m, seq);
	return 0;
}

/* The task that came with the letter no longer goes ahead for it. */
static void
settle_task(struct queue *q, struct str id, uint64_t seq)
{
	struct task *t = id.len > 0 ? queue_task_find(q, id) : NULL;

	if (t && t->mail_waits) {
		t->mail_waits = false;
		queue_order_changed(t);
		queue_task_unsaved(q, t, seq);
	}
}

bool
queue_mail_waits(const struct queue *q, struct str task)
{
	bool waits = false;

	for (size_t i = 0; i < q->mail_count && !waits; i++) {
		const struct letter *m = q->mail[i];

		waits = m->shown.ack_required && m->reader_count == 0 &&
		        str_eq(m->shown.task, task);
	}
	return waits;
}

int
queue_apply_ack(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	struct letter *m = queue_letter_get(q, c->id);

	if (m && seq > 0 && seq <= m->shown.last_seq) {
		settle_task(q, m->shown.task, seq);
		return 0;
	}
	if (!m || queue_letter_has_read(m, c->reader) ||
	    (!m->broadcast && !str_eq(m->shown.to, c->reader))) {
		return err_set(
		    e, ERR_CONFLICT, "ack: no such letter, or acked before");
	}
	m->updated = c->at;
	queue_letter_decide(m, c->decision);
	queue_letter_read(q, m, c->reader);
	queue_letter_end(q, m);
	settle_task(q, m->shown.task, seq);
	m->shown.last_seq = seq;
	queue_unsaved_add(&q->letters_unsaved, &m->unsaved, m, seq);
	return 0;
}
