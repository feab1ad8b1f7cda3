/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/form.h"

#define TEXTS_MAX (QUEUE_OPTIONS_MAX + QUEUE_READERS_MAX)

static size_t
take_list(struct cut *c, struct str *list, size_t most)
{
	uint64_t count = form_take_number(c);

	c->bad |= count > most;
	for (size_t i = 0; i < count && !c->bad; i++) {
		list[i] = form_take_text(c);
	}
	return c->bad ? 0 : (size_t)count;
}

static void
take_letter(struct cut *c, struct letter_parts *p, struct str *texts)
{
	struct queue_letter *s = &p->shown;
	uint8_t flags = 0;

	s->seq = form_take_number(c);
	s->last_seq = form_take_number(c);
	s->id = form_take_text(c);
	s->to = form_take_text(c);
	s->from = form_take_text(c);
	s->subject = form_take_text(c);
	s->thread = form_take_text(c);
	s->reply_to = form_take_text(c);
	s->task = form_take_text(c);
	s->decision = form_take_text(c);
	s->type = form_take_byte(c);
	flags = form_take_byte(c);
	s->ack_required = flags & FORM_ACK;
	s->requires_decision = flags & FORM_DECIDE;
	s->priority = form_take_byte(c);
	s->at = form_take_time(c);
	p->updated = form_take_time(c);
	s->expires = form_take_time(c);
	p->options = texts;
	p->option_count = take_list(c, texts, QUEUE_OPTIONS_MAX);
	p->readers = texts + p->option_count;
	p->reader_count =
	    take_list(c, texts + p->option_count, QUEUE_READERS_MAX);
	c->bad |= s->id.len == 0 || s->to.len == 0 || s->priority > 5 ||
	          s->type > E2M_TYPE_OPERATOR;
}

int
queue_letter_load(struct queue *q, struct str saved, struct err *e)
{
	struct cut c = form_cut(saved, FORM_LETTER);
	struct letter_parts parts = { 0 };
	struct str texts[TEXTS_MAX] = { 0 };
	struct letter *m = NULL;

	take_letter(&c, &parts, texts);
	if (c.bad || c.at != c.end) {
		return err_set(e, ERR_INPUT, "not the saved form of a letter");
	}
	m = queue_letter_get(q, parts.shown.id);
	if (m && parts.shown.last_seq <= m->shown.last_seq) {
		return 0;
	}
	if (m) {
		queue_letter_drop(q, m);
	}
	(void)queue_letter_new(q, &parts);
	return 0;
}
