/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "e2m/inner.h"

static unsigned
word_at(const void *at)
{
	unsigned word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static void
write_field(struct json_out *o, const struct e2m_field *f, const void *at)
{
	struct str text;
	const struct json *tree;

	switch (f->form) {
	case FORM_TEXT:
		memcpy(&text, at, sizeof(text));
		if (text.at != NULL) {
			json_out_str(o, f->key, text);
		}
		return;
	case FORM_RATING:
		if (word_at(at) != 0) {
			json_out_i64(o, f->key, word_at(at));
		}
		return;
	case FORM_FLAG:
		if (word_at(at) != E2M_UNSET) {
			json_out_bool(o, f->key, word_at(at) == E2M_YES);
		}
		return;
	case FORM_OBJECT:
	case FORM_TEXTS:
	case FORM_ERROR:
	case FORM_EVALUATOR:
		memcpy(&tree, at, sizeof(const struct json *));
		if (tree != NULL) {
			json_out_value(o, f->key, tree);
		}
		return;
	case FORM_type:
	case FORM_mail_state:
	case FORM_state:
	case FORM_event:
	case FORM_status:
		if (word_at(at) != 0) {
			json_out_z(o, f->key, e2m_word(f->form, word_at(at)));
		}
		return;
	}
}

void
e2m_out(struct json_out *o, const char *key, const struct e2m_record *r)
{
	const struct e2m_shape *shape = &e2m_shapes[r->kind];

	json_out_object(o, key);
	json_out_z(o, "_type", shape->type);
	for (size_t i = 0; i < shape->count; i++) {
		const struct e2m_field *f = &shape->fields[i];

		write_field(o, f, (const char *)&r->as + f->offset);
	}
	json_out_end(o, '}');
}

void
e2m_write(struct buf *b, const struct e2m_record *r)
{
	struct json_out o;

	json_out_init(&o, b);
	e2m_out(&o, NULL, r);
}

void
e2m_write_line(struct buf *b, const struct e2m_record *r)
{
	e2m_write(b, r);
	buf_add_byte(b, '\n');
}

struct json *
e2m_to_json(struct arena *a, const struct e2m_record *r)
{
	auto_buf text = { 0 };
	struct json *object = NULL;
	struct err e = { 0 };

	e2m_write(&text, r);
	/* It passed e2m_check, so it is within the reader's bounds. */
	must(json_parse(a, arena_str(a, buf_str(&text)), NULL, &object, &e) ==
	     0);
	return object;
}

/* ---- what we make ourselves ---- */

static int
check_time(const char *key, struct str text, struct err *e)
{
	struct wall t;

	if (text.at != NULL && !wall_parse(text, &t)) {
		return err_set(e, ERR_INPUT,
		    "%s: expected a time as in 2026-07-01T09:00:00Z", key);
	}
	return 0;
}

static int
check_subject(struct str subject, struct err *e)
{
	if (subject.len == 0 || subject.len > 200) {
		return err_set(
		    e, ERR_INPUT, "subject: expected 1 to 200 bytes");
	}
	for (size_t i = 0; i < subject.len; i++) {
		if ((unsigned char)subject.at[i] < ' ' ||
		    subject.at[i] == 0x7f) {
			return err_set(e, ERR_INPUT,
			    "subject: expected one line without control "
			    "characters");
		}
	}
	return 0;
}

static int
check_envelope(const struct e2m_envelope *m, struct err *e)
{
	if (check_subject(m->subject, e) < 0 ||
	    check_time("at", m->at, e) < 0 ||
	    check_time("expires_at", m->expires_at, e) < 0) {
		return -1;
	}
	return m->envelope_type == E2M_TYPE_OPERATOR ? e2m_check_operator(m, e)
	                                             : 0;
}

static int
check_task(const struct e2m_task *t, struct err *e)
{
	if (!id_valid(t->id)) {
		return err_set(e, ERR_INPUT, "id: expected a UUID");
	}
	if (t->queue.len == 0) {
		return err_set(e, ERR_INPUT, "queue: expected a name");
	}
	if (check_subject(t->subject, e) < 0 ||
	    check_time("created_at", t->created_at, e) < 0) {
		return -1;
	}
	return check_time("updated_at", t->updated_at, e);
}

static int
check_transition(const struct e2m_transition *t, struct err *e)
{
	enum e2m_state from = E2M_no_state;
	enum e2m_state to = E2M_no_state;

	if (check_time("at", t->at, e) < 0) {
		return -1;
	}
	if (t->event == E2M_ACK || t->event == E2M_READ) {
		return 0;
	}
	if (!e2m_state_parse(t->prior_state, &from)) {
		return err_set(
		    e, ERR_INPUT, "prior_state: expected a state of a task");
	}
	if (e2m_transition(from, t->event, &to, e) < 0) {
		return -1;
	}
	if (!str_eq_z(t->new_state, e2m_state_name(to))) {
		return err_set(
		    e, ERR_INPUT, "new_state: expected %s", e2m_state_name(to));
	}
	return 0;
}

/* The rules of the strict reader on what is about to be written.  Most records
 * are seen to keep them as they stand; of any other the reader itself says
 * what is wrong with it. */
static int
check_shape(const struct e2m_record *r, struct err *e)
{
	auto_arena a = { 0 };
	auto_buf line = { 0 };
	struct e2m_record again;

	if (e2m_is_plain(r)) {
		return 0;
	}
	e2m_write(&line, r);
	return e2m_parse_line(&a, buf_str(&line), &again, e);
}

int
e2m_check(const struct e2m_record *r, struct err *e)
{
	if (check_shape(r, e) < 0) {
		return -1;
	}
	switch (r->kind) {
	case E2M_ENVELOPE:
		return check_envelope(&r->as.envelope, e);
	case E2M_TASK:
		return check_task(&r->as.task, e);
	case E2M_TRANSITION:
		return check_transition(&r->as.transition, e);
	}
	must(false);
	return -1;
}

int
e2m_check_operator(const struct e2m_envelope *m, struct err *e)
{
	if (m->envelope_type != E2M_TYPE_OPERATOR &&
	    m->envelope_type != E2M_TYPE_ESCALATE &&
	    m->envelope_type != E2M_TYPE_SUMMARY) {
		return err_set(e, ERR_INPUT,
		    "envelope_type: expected operator, escalate or summary "
		    "for the operator");
	}
	if (!str_eq_z(m->to, "operator")) {
		return err_set(e, ERR_INPUT, "to: expected operator");
	}
	if (m->requires_decision == E2M_UNSET) {
		return err_set(e, ERR_INPUT,
		    "requires_decision: is required for the operator");
	}
	return 0;
}

static struct str
new_id(struct arena *a)
{
	struct id id = id_new();

	return arena_str(a, str_of(id.text));
}

static struct str
time_text(struct arena *a, struct wall now)
{
	char text[WALL_TEXT_MAX];

	wall_text(now, text);
	return arena_str(a, str_of(text));
}

void
e2m_task_init(struct arena *a, struct wall now, struct e2m_record *r)
{
	*r = (struct e2m_record){ .kind = E2M_TASK };
	r->as.task.id = new_id(a);
	r->as.task.state = E2M_PENDING;
	r->as.task.created_at = time_text(a, now);
	r->as.task.updated_at = r->as.task.created_at;
}

void
e2m_envelope_init(struct arena *a, struct wall now, struct e2m_record *r)
{
	*r = (struct e2m_record){ .kind = E2M_ENVELOPE };
	r->as.envelope.id = new_id(a);
	r->as.envelope.at = time_text(a, now);
	r->as.envelope.state = E2M_MAIL_PENDING;
	r->as.envelope.priority = 3;
}

void
e2m_transition_init(
    struct arena *a, struct wall now, struct str id, struct e2m_record *r)
{
	*r = (struct e2m_record){ .kind = E2M_TRANSITION };
	r->as.transition.id = arena_str(a, id);
	r->as.transition.at = time_text(a, now);
}
