/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/change.h"
#include "queue/state.h"

/* A body of the log as the change that it was written from. */

static bool
kind_parse(struct str word, enum queue_event_kind *kind)
{
	for (int k = QUEUE_EVENT_PUT; k <= QUEUE_EVENT_RAISE; k++) {
		if (str_eq_z(
		        word, queue_event_word((enum queue_event_kind)k))) {
			*kind = (enum queue_event_kind)k;
			return true;
		}
	}
	return false;
}

/* Absent is zero; false: there, and no time. */
static bool
read_time(const struct json *j, const char *key, struct wall *out)
{
	struct str text = { 0 };

	return !json_get(j, key) ||
	       (json_text(j, key, &text) && wall_parse(text, out));
}

static bool
read_number(const struct json *j, const char *key, int64_t most, int64_t *out)
{
	return !json_get(j, key) ||
	       (json_i64(j, key, out) && *out >= 0 && *out <= most);
}

static bool
read_u32(const struct json *j, const char *key, uint32_t *out)
{
	int64_t value = 0;

	if (!read_number(j, key, UINT32_MAX, &value)) {
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

static bool
read_plan(const struct json *body, struct put_change *p)
{
	const struct json *retry = json_get(body, "retry");
	const struct json *every = json_get(body, "every");

	(void)json_text(every, "cron", &p->every.cron);
	(void)json_text(every, "zone", &p->every.zone);
	return read_time(body, "not_before", &p->not_before) &&
	       read_time(body, "due", &p->due) &&
	       read_u32(body, "tenths", &p->tenths) &&
	       read_u32(retry, "max_attempts", &p->retry.max_attempts) &&
	       read_u32(retry, "max_lost", &p->retry.max_lost) &&
	       read_number(retry, "base_us", INT64_MAX, &p->retry.base_us) &&
	       read_number(retry, "cap_us", INT64_MAX, &p->retry.cap_us) &&
	       read_number(every, "us", INT64_MAX, &p->every.us);
}

static int
read_put(struct arena *a, const struct json *body, struct queue_change *c,
    struct err *e)
{
	const struct json *row = json_get(body, "task");
	struct put_change *p = arena_alloc(a, sizeof(*p));
	struct e2m_record r = { 0 };

	if (!row || e2m_from_json(row, &r, e) || r.kind != E2M_TASK ||
	    !read_plan(body, p) || !read_time(body, "at", &c->at)) {
		return err_set(e, ERR_INPUT, "put: the body holds no task");
	}
	p->task = r.as.task;
	(void)json_text(body, "key", &p->key);
	(void)json_text(body, "parent", &p->parent);
	(void)json_text(body, "after", &p->after);
	(void)json_text(body, "letter", &p->letter);
	if (p->every.cron.len > 0 || p->every.us > 0) {
		auto_buf text = { 0 };

		json_write(&text, row);
		p->row = arena_str(a, buf_str(&text));
	}
	c->id = p->task.id;
	c->put = p;
	return 0;
}

static int
read_mail(struct arena *a, const struct json *body, struct queue_change *c,
    struct err *e)
{
	const struct json *row = json_get(body, "mail");
	struct e2m_record *r = arena_alloc(a, sizeof(*r));
	struct wall at = { 0 };

	if (!row || e2m_from_json(row, r, e) || r->kind != E2M_ENVELOPE ||
	    r->as.envelope.id.len == 0 || !wall_parse(r->as.envelope.at, &at) ||
	    (r->as.envelope.expires_at.len > 0 &&
	        !wall_parse(r->as.envelope.expires_at, &at))) {
		return err_set(e, ERR_INPUT, "mail: the body holds no letter");
	}
	(void)json_text(body, "task", &c->task);
	c->id = r->as.envelope.id;
	c->mail = &r->as.envelope;
	return 0;
}

static int
read_ack(const struct json *body, struct queue_change *c, struct err *e)
{
	if (!json_text(body, "id", &c->id) || !read_time(body, "at", &c->at) ||
	    !json_text(body, "acked_by", &c->reader)) {
		return err_set(
		    e, ERR_INPUT, "ack: the body has no id, at or reader");
	}
	(void)json_text(body, "decision", &c->decision);
	return 0;
}

static int
read_forget(struct arena *a, const struct json *body, struct queue_change *c,
    struct err *e)
{
	const struct json *keep = json_get(body, "keep");
	struct str *list = NULL;

	if (!read_time(body, "at", &c->at) || !json_get(body, "before") ||
	    !read_time(body, "before", &c->before)) {
		return err_set(e, ERR_INPUT, "forget: the body has no before");
	}
	list = keep ? arena_array(a, keep->count + 1, sizeof(*list)) : NULL;
	JSON_EACH(child, keep)
	{
		list[c->keep_count++] = child->text;
	}
	c->keep = list;
	return 0;
}

static int
read_recall(struct arena *a, const struct json *body, struct queue_change *c,
    struct err *e)
{
	struct str hex = { 0 };
	uint8_t *bytes = NULL;

	if (!json_text(body, "id", &c->id) || !read_time(body, "at", &c->at) ||
	    !json_text(body, "saved", &hex) || hex.len % 2 != 0) {
		return err_set(
		    e, ERR_INPUT, "recall: the body has no saved form");
	}
	bytes = arena_alloc(a, hex.len / 2 + 1);
	if (!hex_bytes(hex, bytes, hex.len / 2)) {
		return err_set(e, ERR_INPUT, "recall: no hex digits");
	}
	c->saved = str_span(bytes, hex.len / 2);
	return 0;
}

static int
read_touch(const struct json *body, struct queue_change *c, struct err *e)
{
	if (!json_text(body, "id", &c->id) || !json_get(body, "at") ||
	    !read_time(body, "at", &c->at) || !json_get(body, "epoch") ||
	    !read_u32(body, "epoch", &c->epoch) ||
	    !read_time(body, "not_before", &c->not_before)) {
		return err_set(e, ERR_INPUT, "an event has no id, at or epoch");
	}
	(void)json_text(body, "owner", &c->owner);
	(void)json_text(body, "ack_key", &c->ack_key);
	(void)json_bool(body, "to_cancel", &c->to_cancel);
	(void)json_bool(body, "again", &c->again);
	(void)json_bool(body, "dead", &c->dead);
	(void)json_bool(body, "redrive", &c->redrive);
	(void)json_bool(body, "ours", &c->ours);
	if (c->kind == QUEUE_EVENT_CLAIM &&
	    (c->owner.len == 0 || !json_get(body, "incarnation") ||
	        !read_u32(body, "incarnation", &c->incarnation))) {
		return err_set(e, ERR_INPUT, "claim: no owner or incarnation");
	}
	return 0;
}

int
queue_change_read(
    struct arena *a, struct str body, struct queue_change *out, struct err *e)
{
	struct queue_change c = { 0 };
	struct json *tree = NULL;
	struct str word = { 0 };
	int rc = 0;

	if (json_parse(a, body, NULL, &tree, e)) {
		return -1;
	}
	if (!json_text(tree, "event", &word) || !kind_parse(word, &c.kind)) {
		return err_set(e, ERR_INPUT, "not an event of the queue");
	}
	if (c.kind == QUEUE_EVENT_PUT) {
		rc = read_put(a, tree, &c, e);
	} else if (c.kind == QUEUE_EVENT_MAIL) {
		rc = read_mail(a, tree, &c, e);
	} else if (c.kind == QUEUE_EVENT_ACK) {
		rc = read_ack(tree, &c, e);
	} else if (c.kind == QUEUE_EVENT_FORGET) {
		rc = read_forget(a, tree, &c, e);
	} else if (c.kind == QUEUE_EVENT_RECALL) {
		rc = read_recall(a, tree, &c, e);
	} else {
		rc = read_touch(tree, &c, e);
	}
	if (rc == 0) {
		*out = c;
	}
	return rc;
}
