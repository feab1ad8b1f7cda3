/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#define PRIORITY_DEFAULT 3

static bool
is_broadcast(struct str to)
{
	return str_eq_z(to, "broadcast");
}

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

int
queue_mail_judge(struct queue *q, struct arena *a, const struct e2m_envelope *m,
    struct queue_step *s, struct err *e)
{
	struct e2m_record r = { .kind = E2M_ENVELOPE, .as.envelope = *m };
	struct json *body = NULL;
	struct queue_event *v = &s->events[s->event_count];

	if (e2m_check(&r, e)) {
		return -1;
	}
	if (m->id.len > QUEUE_ID_MAX) {
		return err_set(e, ERR_INPUT,
		    "the letter's id must be 1..%d bytes", QUEUE_ID_MAX);
	}
	for (size_t i = 0; i < s->event_count; i++) {
		if (s->events[i].kind == QUEUE_EVENT_MAIL &&
		    str_eq(s->events[i].id, m->id)) {
			return err_set(
			    e, ERR_INPUT, "two letters have the same id");
		}
	}
	if (map_get(&q->letters, m->id)) {
		return err_set(e, ERR_CONFLICT, "the letter %s exists already",
		    err_quote(m->id));
	}
	if (m->state != E2M_MAIL_PENDING) {
		return err_set(e, ERR_INPUT, "a new letter must be pending");
	}
	if (!queue_has_mailbox(q, m->to)) {
		return err_set(e, ERR_INPUT,
		    "there is no mailbox %s; nothing was written",
		    err_quote(m->to));
	}
	if (judge_times(m, e)) {
		return -1;
	}
	body = json_new(a, JSON_OBJECT);
	json_set_str(
	    a, body, "event", str_of(queue_event_word(QUEUE_EVENT_MAIL)));
	json_set(a, body, "mail", e2m_to_json(a, &r));
	queue_step_add(s, a, QUEUE_EVENT_MAIL, NULL, body);
	v->id = arena_str(a, m->id);
	queue_step_effect(
	    s, a, &(struct queue_effect){ .kind = QUEUE_MAIL, .name = m->to });
	return 0;
}

int
queue_mail_send(struct queue *q, struct arena *a, const struct e2m_envelope *m,
    struct queue_step *step, struct err *e)
{
	struct queue_step s = { 0 };

	queue_step_init(&s, a, 1);
	if (queue_mail_judge(q, a, m, &s, e)) {
		return -1;
	}
	s.id = arena_str(a, m->id);
	*step = s;
	return 0;
}

static bool
has_read(const struct letter *m, struct str mailbox)
{
	for (size_t i = 0; i < m->reader_count; i++) {
		if (str_eq(m->readers[i], mailbox)) {
			return true;
		}
	}
	return false;
}

int
queue_mail_ack(struct queue *q, struct arena *a, const struct queue_ack *c,
    struct queue_step *step, struct err *e)
{
	const struct letter *m = map_get(&q->letters, c->letter);
	struct queue_step s = { 0 };
	struct json *body = NULL;

	if (!m || !queue_has_mailbox(q, c->mailbox) ||
	    (!m->broadcast && !str_eq(m->shown.to, c->mailbox))) {
		return err_set(e, ERR_MISSING, "%s has no letter %s",
		    err_quote(c->mailbox), err_quote(c->letter));
	}
	queue_step_init(&s, a, 1);
	s.id = arena_str(a, m->shown.id);
	if (has_read(m, c->mailbox)) {
		s.duplicate = true;
		*step = s;
		return 0;
	}
	if (m->reader_count == QUEUE_READERS_MAX) {
		return err_set(e, ERR_LIMIT,
		    "more than %d readers acknowledged the letter",
		    QUEUE_READERS_MAX);
	}
	body = queue_step_body(a, QUEUE_EVENT_ACK, m->shown.id, c->now);
	json_set_str(a, body, "acked_by", c->mailbox);
	if (c->note.len > 0) {
		json_set_str(a, body, "note", c->note);
	}
	queue_step_add(&s, a, QUEUE_EVENT_ACK, NULL, body);
	s.events[0].id = s.id;
	*step = s;
	return 0;
}

/* --- applying --- */

static struct letter *
make_letter(struct queue *q, const struct e2m_envelope *r, uint64_t seq)
{
	struct letter *m = arena_alloc(&q->arena, sizeof(*m));
	struct queue_letter *s = &m->shown;

	s->id = arena_str(&q->arena, r->id);
	s->to = queue_box_get(q, r->to)->name;
	s->from = arena_str(&q->arena, r->from);
	s->subject = arena_str(&q->arena, r->subject);
	s->type = r->envelope_type;
	s->ack_required = r->ack_required == E2M_YES;
	s->priority = r->priority ? r->priority : PRIORITY_DEFAULT;
	must(wall_parse(r->at, &s->at));
	if (r->expires_at.len > 0) {
		must(wall_parse(r->expires_at, &s->expires));
	}
	s->seq = seq;
	m->broadcast = is_broadcast(r->to);
	return m;
}

int
queue_apply_mail(
    struct queue *q, const struct json *body, uint64_t seq, struct err *e)
{
	const struct json *row = json_get(body, "mail");
	struct e2m_record r = { 0 };
	struct letter *m = NULL;
	struct box *b = NULL;

	if (!row || e2m_from_json(row, &r, e) || r.kind != E2M_ENVELOPE ||
	    r.as.envelope.id.len == 0 || judge_times(&r.as.envelope, e)) {
		return err_set(e, ERR_INPUT, "mail: the body holds no letter");
	}
	if (map_get(&q->letters, r.as.envelope.id)) {
		return err_set(e, ERR_CONFLICT, "mail: the letter is there");
	}
	m = make_letter(q, &r.as.envelope, seq);
	map_put(&q->letters, m->shown.id, m);
	q->mail = array_grow(
	    q->mail, q->mail_count, &q->mail_room, sizeof(struct letter *));
	q->mail[q->mail_count++] = m;
	b = queue_box_get(q, m->shown.to);
	b->letters =
	    array_grow(b->letters, b->count, &b->room, sizeof(struct letter *));
	b->letters[b->count++] = m;
	return 0;
}

int
queue_apply_ack(struct queue *q, const struct json *body, struct err *e)
{
	struct str id = { 0 };
	struct str reader = { 0 };
	struct letter *m = NULL;

	if (!json_text(body, "id", &id) ||
	    !json_text(body, "acked_by", &reader)) {
		return err_set(
		    e, ERR_INPUT, "ack: the body has no id or reader");
	}
	m = map_get(&q->letters, id);
	if (!m || has_read(m, reader) ||
	    (!m->broadcast && !str_eq(m->shown.to, reader))) {
		return err_set(
		    e, ERR_CONFLICT, "ack: no such letter, or acked before");
	}
	m->readers = array_grow(
	    m->readers, m->reader_count, &m->reader_room, sizeof(struct str));
	m->readers[m->reader_count++] = arena_str(&q->arena, reader);
	return 0;
}

/* --- reading --- */

static bool
letter_before(const struct queue_letter *a, const struct queue_letter *b)
{
	if (a->ack_required != b->ack_required) {
		return a->ack_required;
	}
	if (a->priority != b->priority) {
		return a->priority > b->priority;
	}
	if (a->at.us != b->at.us) {
		return a->at.us < b->at.us;
	}
	return str_cmp(a->id, b->id) < 0;
}

struct queue_reader {
	struct str mailbox;
	struct wall now;
	const struct queue_letter **out;
	size_t max;
};

/* Keeps the best `max` in order; returns the new count. */
static size_t
insert(const struct queue_letter **out, size_t count, size_t max,
    const struct queue_letter *m)
{
	size_t at = count;

	if (count == max) {
		if (max == 0 || !letter_before(m, out[max - 1])) {
			return count;
		}
		at = --count;
	}
	while (at > 0 && letter_before(m, out[at - 1])) {
		out[at] = out[at - 1];
		at--;
	}
	out[at] = m;
	return count + 1;
}

static size_t
receive_box(const struct box *b, const struct queue_reader *r, size_t count)
{
	for (size_t i = 0; b && i < b->count; i++) {
		const struct letter *m = b->letters[i];
		int64_t expires = m->shown.expires.us;

		if (!has_read(m, r->mailbox) &&
		    (expires == 0 || r->now.us < expires)) {
			count = insert(r->out, count, r->max, &m->shown);
		}
	}
	return count;
}

size_t
queue_mail_receive(const struct queue *q, struct str mailbox, struct wall now,
    const struct queue_letter **out, size_t max)
{
	struct queue_reader r = { mailbox, now, out, max };
	size_t count = receive_box(queue_box_find(q, mailbox), &r, 0);

	if (is_broadcast(mailbox)) {
		return count;
	}
	return receive_box(queue_box_find(q, STR("broadcast")), &r, count);
}
