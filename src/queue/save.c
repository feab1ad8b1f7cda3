/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/form.h"

/* Writing the saved forms: DESIGN has the bytes. */

static void
put_number(struct buf *out, uint64_t value)
{
	while (value >= 0x80) {
		buf_add_byte(out, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	buf_add_byte(out, (uint8_t)value);
}

/* Small either way: the sign is the lowest bit. */
static void
put_time(struct buf *out, struct wall t)
{
	put_number(out, (uint64_t)t.us << 1 ^ (t.us < 0 ? UINT64_MAX : 0));
}

static void
put_text(struct buf *out, struct str s)
{
	put_number(out, s.len);
	buf_add(out, s);
}

static void
put_more(struct buf *out, const struct more *m)
{
	put_text(out, m->parent_id);
	put_text(out, m->key ? m->key->text : STR(""));
	put_text(out, m->template);
	put_text(out, m->every.cron);
	put_text(out, m->every.zone);
	put_number(out, (uint64_t)m->every.us);
	put_number(out, m->retry.max_attempts);
	put_number(out, m->retry.max_lost);
	put_number(out, (uint64_t)m->retry.base_us);
	put_number(out, (uint64_t)m->retry.cap_us);
	put_number(out, m->answer_count);
	for (const struct answer *i = m->answers; i; i = i->older) {
		put_text(out, i->text);
		buf_add_byte(out, (uint8_t)i->state);
		put_number(out, i->epoch);
	}
	put_number(out, m->depends.count + m->absent_count);
	for (size_t i = 0; i < m->depends.count; i++) {
		put_text(out, m->depends.at[i]->shown.id);
	}
	for (size_t i = 0; i < m->absent_count; i++) {
		put_text(out, m->absent[i]);
	}
}

void
queue_task_save(
    const struct queue *q, const struct queue_task *shown, struct buf *out)
{
	const struct task *t = CONTAINER(shown, struct task, shown);

	(void)q;
	buf_add_byte(out, FORM_TASK);
	buf_add_byte(out, FORM_VERSION);
	put_number(out, shown->put_seq);
	put_number(out, shown->last_seq);
	put_text(out, shown->id);
	put_text(out, shown->queue);
	put_text(out, shown->subject);
	put_text(out, shown->from);
	put_text(out, shown->owner);
	buf_add_byte(out, (uint8_t)shown->hold);
	buf_add_byte(
	    out, (uint8_t)((shown->dead ? FORM_DEAD : 0) |
	                   (t->mail_waits ? FORM_MAIL_WAITS : 0) |
	                   (t->more && t->more->rearmed ? FORM_REARMED : 0) |
	                   (t->more ? FORM_MORE : 0)));
	buf_add_byte(out, shown->score);
	buf_add_byte(out, t->urgency);
	put_number(out, t->tenths);
	put_number(out, shown->epoch);
	put_number(out, shown->incarnation);
	put_number(out, shown->attempts);
	put_number(out, shown->lost);
	put_time(out, shown->created);
	put_time(out, shown->updated);
	put_time(out, shown->not_before);
	if (t->more) {
		put_more(out, t->more);
	}
}

void
queue_letter_save(
    const struct queue *q, const struct queue_letter *s, struct buf *out)
{
	const struct letter *m = CONTAINER(s, struct letter, shown);

	(void)q;
	buf_add_byte(out, FORM_LETTER);
	buf_add_byte(out, FORM_VERSION);
	put_number(out, s->seq);
	put_number(out, s->last_seq);
	put_text(out, s->id);
	put_text(out, s->to);
	put_text(out, s->from);
	put_text(out, s->subject);
	put_text(out, s->thread);
	put_text(out, s->reply_to);
	put_text(out, s->task);
	put_text(out, s->decision);
	buf_add_byte(out, (uint8_t)s->type);
	buf_add_byte(out, (uint8_t)((s->ack_required ? FORM_ACK : 0) |
	                            (s->requires_decision ? FORM_DECIDE : 0)));
	buf_add_byte(out, (uint8_t)s->priority);
	put_time(out, s->at);
	put_time(out, m->updated);
	put_time(out, s->expires);
	put_number(out, m->option_count);
	for (size_t i = 0; i < m->option_count; i++) {
		put_text(out, m->options[i]);
	}
	put_number(out, m->reader_count);
	for (size_t i = 0; i < m->reader_count; i++) {
		put_text(out, m->readers[i]);
	}
}
