/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/change.h"
#include "queue/state.h"

#include <string.h>

#define DAY_US (86400 * CLOCK_SECOND)

static void
two(char *at, int64_t value)
{
	at[0] = (char)('0' + value / 10);
	at[1] = (char)('0' + value % 10);
}

/* wall_text, with the date of the last day kept. */
struct str
queue_time_text(struct queue *q, struct wall t, char text[WALL_TEXT_MAX])
{
	int64_t day = wall_day(t);
	int64_t ms = (t.us - day * DAY_US) / 1000;

	if (q->day != day || q->day_text[0] == 0) {
		wall_text(t, q->day_text);
		q->day = day;
	}
	memcpy(text, q->day_text, WALL_TEXT_MAX);
	two(text + 11, ms / 3600000);
	two(text + 14, ms / 60000 % 60);
	two(text + 17, ms / 1000 % 60);
	text[20] = (char)('0' + ms / 100 % 10);
	two(text + 21, ms % 100);
	return str_of(text);
}

static void
write_time(struct queue *q, struct json_out *o, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX] = { 0 };

	json_out_str(o, key, queue_time_text(q, t, text));
}

static void
write_text(struct json_out *o, const char *key, struct str s)
{
	if (s.len > 0) {
		json_out_str(o, key, s);
	}
}

static void
write_flag(struct json_out *o, const char *key, bool flag)
{
	if (flag) {
		json_out_bool(o, key, true);
	}
}

static void
write_number(struct json_out *o, const char *key, int64_t value)
{
	if (value != 0) {
		json_out_i64(o, key, value);
	}
}

static void
write_retry(struct json_out *o, const struct queue_retry_policy *p)
{
	if (p->max_attempts == 0 && p->max_lost == 0) {
		return;
	}
	json_out_object(o, "retry");
	write_number(o, "max_attempts", p->max_attempts);
	write_number(o, "max_lost", p->max_lost);
	write_number(o, "base_us", p->base_us);
	write_number(o, "cap_us", p->cap_us);
	json_out_end(o, '}');
}

static void
write_every(struct json_out *o, const struct queue_every *every)
{
	if (every->cron.len == 0 && every->us == 0) {
		return;
	}
	json_out_object(o, "every");
	write_text(o, "cron", every->cron);
	write_text(o, "zone", every->zone);
	write_number(o, "us", every->us);
	json_out_end(o, '}');
}

static void
write_task(struct json_out *o, const struct put_change *p)
{
	struct e2m_record r = { .kind = E2M_TASK, .as.task = p->task };

	e2m_out(o, "task", &r);
}

static void
write_put(struct queue *q, struct json_out *o, const struct queue_change *c)
{
	const struct put_change *p = c->put;

	write_time(q, o, "at", c->at);
	write_text(o, "key", p->key);
	if (p->not_before.us != 0) {
		write_time(q, o, "not_before", p->not_before);
	}
	write_retry(o, &p->retry);
	write_every(o, &p->every);
	if (p->due.us != 0) {
		write_time(q, o, "due", p->due);
	}
	write_number(o, "tenths", p->tenths);
	write_text(o, "parent", p->parent);
	write_text(o, "after", p->after);
	write_text(o, "letter", p->letter);
	write_task(o, p);
}

static void
write_mail(struct json_out *o, const struct queue_change *c)
{
	struct e2m_record r = { .kind = E2M_ENVELOPE, .as.envelope = *c->mail };

	write_text(o, "task", c->task);
	e2m_out(o, "mail", &r);
}

static void
write_states(struct json_out *o, const struct queue_change *c)
{
	json_out_z(o, "prior_state", e2m_state_name(c->from));
	json_out_z(o, "new_state", e2m_state_name(c->to));
}

static void
write_touch(struct queue *q, struct json_out *o, const struct queue_change *c)
{
	json_out_str(o, "id", c->id);
	write_time(q, o, "at", c->at);
	json_out_i64(o, "epoch", c->epoch);
	if (c->kind == QUEUE_EVENT_CLAIM || c->kind == QUEUE_EVENT_COMPLETE ||
	    c->kind == QUEUE_EVENT_FAIL || c->kind == QUEUE_EVENT_BLOCK) {
		json_out_str(o, "owner", c->owner);
	}
	if (c->kind == QUEUE_EVENT_CLAIM) {
		json_out_i64(o, "incarnation", c->incarnation);
	}
	if (c->to != E2M_no_state) {
		write_states(o, c);
	}
	write_flag(o, "to_cancel", c->to_cancel);
	write_text(o, "ack_key", c->ack_key);
	write_flag(o, "again", c->again);
	write_flag(o, "dead", c->dead);
	write_flag(o, "redrive", c->redrive);
	write_flag(o, "ours", c->ours);
	if (c->not_before.us != 0) {
		write_time(q, o, "not_before", c->not_before);
	}
	write_text(o, "why", c->why);
	if (c->result) {
		json_out_value(o, "result", c->result);
	}
	if (c->failure) {
		json_out_value(o, "error", c->failure);
	}
}

static void
write_ack(struct queue *q, struct json_out *o, const struct queue_change *c)
{
	json_out_str(o, "id", c->id);
	write_time(q, o, "at", c->at);
	json_out_str(o, "acked_by", c->reader);
	write_text(o, "decision", c->decision);
	write_text(o, "note", c->note);
}

static void
write_forget(struct queue *q, struct json_out *o, const struct queue_change *c)
{
	write_time(q, o, "at", c->at);
	write_time(q, o, "before", c->before);
	if (c->keep_count == 0) {
		return;
	}
	json_out_array(o, "keep");
	for (size_t i = 0; i < c->keep_count; i++) {
		json_out_str(o, NULL, c->keep[i]);
	}
	json_out_end(o, ']');
}

static void
write_recall(struct queue *q, struct json_out *o, const struct queue_change *c)
{
	auto_buf hex = { 0 };

	hex_add(&hex, c->saved);
	json_out_str(o, "id", c->id);
	write_time(q, o, "at", c->at);
	json_out_str(o, "saved", buf_str(&hex));
}

void
queue_change_write(
    struct queue *q, struct buf *out, const struct queue_change *c)
{
	struct json_out o = { 0 };

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", queue_event_word(c->kind));
	switch (c->kind) {
	case QUEUE_EVENT_PUT:
		write_put(q, &o, c);
		break;
	case QUEUE_EVENT_MAIL:
		write_mail(&o, c);
		break;
	case QUEUE_EVENT_ACK:
		write_ack(q, &o, c);
		break;
	case QUEUE_EVENT_FORGET:
		write_forget(q, &o, c);
		break;
	case QUEUE_EVENT_RECALL:
		write_recall(q, &o, c);
		break;
	case QUEUE_EVENT_CLAIM:
	case QUEUE_EVENT_COMPLETE:
	case QUEUE_EVENT_FAIL:
	case QUEUE_EVENT_BLOCK:
	case QUEUE_EVENT_UNBLOCK:
	case QUEUE_EVENT_RETRY:
	case QUEUE_EVENT_PARK:
	case QUEUE_EVENT_WAKE:
	case QUEUE_EVENT_LEASE_LOST:
	case QUEUE_EVENT_REFUSED:
	case QUEUE_EVENT_RAISE:
		write_touch(q, &o, c);
		break;
	}
	json_out_end(&o, '}');
}
