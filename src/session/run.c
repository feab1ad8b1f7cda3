/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

void
session_run_fini(struct session_run *r)
{
	free(r->calls);
	*r = (struct session_run){ 0 };
}

/* The row of a call that may not have been heard of yet. */
static struct session_call *
row(struct session_run *r, uint32_t ordinal)
{
	if (ordinal > r->call_room) {
		uint32_t room = r->call_room ? 2 * r->call_room : 2;

		while (room < ordinal) {
			room *= 2;
		}
		r->calls = realloc(r->calls, room * sizeof(*r->calls));
		must(r->calls != NULL);
		r->call_room = room;
	}
	while (r->call_count < ordinal) {
		r->calls[r->call_count] =
		    (struct session_call){ .ordinal = r->call_count + 1 };
		r->call_count++;
	}
	return &r->calls[ordinal - 1];
}

/* --- what a head says of its call --- */

static int
bad_body(const struct book_head *head, struct err *e)
{
	return err_set(e, ERR_INPUT, "head %llu: the body is no %s",
	    (unsigned long long)head->seq, book_kind_name(head->kind));
}

static int
read_decided(const struct book_head *head, const struct json *body,
    struct session_call *c, enum session_call_event *event, struct err *e)
{
	struct str verdict = { 0 };
	struct str tool = { 0 };
	struct str args = { 0 };
	struct str wait = { 0 };

	if (!json_text(body, "verdict", &verdict) ||
	    !json_text(body, "tool", &tool) ||
	    !str_copy(c->tool, sizeof(c->tool), tool) ||
	    !json_text(body, "args", &args) || !digest_parse(args, &c->args)) {
		return bad_body(head, e);
	}
	if (str_eq_z(verdict, "allow")) {
		*event = SESSION_ON_ALLOW;
	} else if (str_eq_z(verdict, "ask")) {
		*event = SESSION_ON_ASK;
	} else if (str_eq_z(verdict, "deny")) {
		*event = SESSION_ON_DENY;
	} else {
		return bad_body(head, e);
	}
	c->contract = head->contract;
	c->wait[0] = '\0';
	/* Asked about before, by another call of this run. */
	if (*event == SESSION_ON_ASK && json_text(body, "wait", &wait)) {
		*event = SESSION_ON_APPROVE;
		if (!str_copy(c->wait, sizeof(c->wait), wait)) {
			return bad_body(head, e);
		}
	}
	c->decided_seq = head->seq;
	return 0;
}

/* *event stays as it is where the wait says nothing of the call's state. */
static int
read_wait(const struct book_head *head, const struct json *body,
    struct session_call *c, enum session_call_event *event, bool *says,
    struct err *e)
{
	struct str id = { 0 };
	struct str word = { 0 };
	struct str kind = { 0 };
	struct str answer = { 0 };

	if (!json_text(body, "id", &id) || !json_text(body, "event", &word)) {
		return bad_body(head, e);
	}
	if (head->kind == BOOK_WAIT_PUT) {
		(void)json_text(body, "kind", &kind);
		if (str_eq_z(kind, "approval") &&
		    !str_copy(c->wait, sizeof(c->wait), id)) {
			return bad_body(head, e);
		}
		return 0;
	}
	(void)json_text(body, "answer", &answer);
	if (!str_eq_z(id, c->wait)) {
		return 0; /* a question about it, no approval */
	}
	if (str_eq_z(word, "decided")) {
		*says = true;
		*event = str_eq_z(answer, "approve") ? SESSION_ON_APPROVE
		                                     : SESSION_ON_REFUSE;
	} else if (str_eq_z(word, "expired")) {
		*says = true;
		*event = SESSION_ON_REFUSE;
	}
	return 0;
}

static int
read_started(const struct book_head *head, struct session_call *c,
    enum session_call_event *event, struct err *e)
{
	*event = SESSION_ON_START;
	if (c->state == SESSION_CALL_STARTED) {
		*event = SESSION_ON_RESTART;
		if (head->epoch <= c->started_epoch) {
			return err_set(e, ERR_CONFLICT,
			    "head %llu: call %u starts twice under one claim",
			    (unsigned long long)head->seq, c->ordinal);
		}
	}
	c->started_epoch = head->epoch;
	c->started_seq = head->seq;
	c->starts++;
	return 0;
}

/* Fills *c as the call is after this head. */
static int
read_call(const struct book_head *head, const struct json *body,
    struct session_call *c, struct err *e)
{
	enum session_call_event event = SESSION_ON_SETTLE;
	bool says = true;
	int failed = 0;

	switch ((int)head->kind) {
	case BOOK_CALL_DECIDED:
		failed = read_decided(head, body, c, &event, e);
		break;
	case BOOK_CALL_STARTED:
		failed = read_started(head, c, &event, e);
		break;
	case BOOK_CALL_SETTLED:
		c->settled_seq = head->seq;
		break;
	case BOOK_SESSION_EVENT:
		event = SESSION_ON_CARRY;
		c->settled_seq = head->seq;
		(void)str_copy(c->tool, sizeof(c->tool), str_of(head->rule));
		break;
	default:
		says = false;
		failed = read_wait(head, body, c, &event, &says, e);
		break;
	}
	if (failed || !says) {
		return failed;
	}
	return session_call_next(c->state, event, &c->state, e);
}

static bool
is_of_call(const struct book_head *head)
{
	switch ((int)head->kind) {
	case BOOK_CALL_DECIDED:
	case BOOK_CALL_STARTED:
	case BOOK_CALL_SETTLED:
	case BOOK_WAIT_PUT:
	case BOOK_WAIT_DECIDED:
		return head->call > 0;
	case BOOK_SESSION_EVENT: /* the rule is the tool; of a reply empty */
		return head->call > 0 && head->rule[0];
	default:
		return false;
	}
}

static bool
needs_body(const struct book_head *head)
{
	return (int)head->kind != BOOK_CALL_STARTED &&
	       (int)head->kind != BOOK_CALL_SETTLED &&
	       (int)head->kind != BOOK_SESSION_EVENT;
}

static int
apply_call(struct session_run *r, const struct book_head *head, struct str body,
    struct err *e)
{
	auto_arena a = { 0 };
	struct json *tree = NULL;
	struct session_call c = { .ordinal = head->call };

	if (head->call > SESSION_CALLS_MAX) {
		return err_set(e, ERR_LIMIT, "a run has more than %d calls",
		    SESSION_CALLS_MAX);
	}
	if (needs_body(head) && json_parse(&a, body, NULL, &tree, e)) {
		return err_wrap(e, "head %llu", (unsigned long long)head->seq);
	}
	if (head->call <= r->call_count) {
		c = r->calls[head->call - 1];
	}
	if (read_call(head, tree, &c, e)) {
		return -1;
	}
	*row(r, head->call) = c;
	return 0;
}

static void
apply_run(struct session_run *r, const struct book_head *head)
{
	switch ((int)head->kind) {
	case BOOK_RUN_PARKED:
		r->parked = true;
		break;
	case BOOK_RUN_RESUMED:
	case BOOK_RUN_STARTED:
		r->parked = false;
		break;
	case BOOK_RUN_ENDED:
		r->ended = true;
		r->parked = false;
		break;
	default:
		break;
	}
}

int
session_apply(struct session_run *r, const struct book_head *head,
    struct str body, struct err *e)
{
	if (r->head_count > 0 && !book_id_eq(r->run, head->run)) {
		return err_set(e, ERR_INPUT, "head %llu is of another run",
		    (unsigned long long)head->seq);
	}
	if (head->seq <= r->last_seq) {
		return err_set(e, ERR_CONFLICT,
		    "head %llu comes after %llu: order is that of the book",
		    (unsigned long long)head->seq,
		    (unsigned long long)r->last_seq);
	}
	if (is_of_call(head) && apply_call(r, head, body, e)) {
		return -1;
	}
	r->run = head->run;
	if (!book_id_eq(head->task, (struct book_id){ 0 })) {
		r->task = head->task;
	}
	if (head->epoch > r->epoch) {
		r->epoch = head->epoch;
	}
	apply_run(r, head);
	r->first_seq = r->head_count ? r->first_seq : head->seq;
	r->last_seq = head->seq;
	r->head_count++;
	return 0;
}

const struct session_call *
session_call(const struct session_run *r, uint32_t ordinal)
{
	return ordinal > 0 && ordinal <= r->call_count ? &r->calls[ordinal - 1]
	                                               : NULL;
}

enum session_call_state
session_call_state(const struct session_run *r, uint32_t ordinal)
{
	const struct session_call *c = session_call(r, ordinal);

	return c ? c->state : SESSION_CALL_NONE;
}

const struct session_call *
session_unsettled(const struct session_run *r, uint32_t from)
{
	for (uint32_t n = from > 0 ? from : 1; n <= r->call_count; n++) {
		if (r->calls[n - 1].state == SESSION_CALL_STARTED) {
			return &r->calls[n - 1];
		}
	}
	return NULL;
}

/* What another policy needs to judge the same call. */
static void
write_judged(struct json_out *o, const struct session_decided *d)
{
	auto_buf text = { 0 };

	if (d->action.len > 0) {
		json_out_str(o, "action", d->action);
	}
	if (d->arguments) {
		json_write(&text, d->arguments);
	}
	if (text.len > 0 && text.len <= SESSION_ARGUMENTS_MAX) {
		json_out_value(o, "arguments", d->arguments);
	}
}

void
session_write_decided(struct buf *out, const struct session_decided *d)
{
	struct json_out o = { 0 };
	char text[DIGEST_TEXT] = { 0 };

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_str(&o, "verdict", d->verdict);
	json_out_str(&o, "tool", d->tool);
	digest_text(d->args, text);
	json_out_z(&o, "args", text);
	digest_text(d->contract, text);
	json_out_z(&o, "contract", text);
	json_out_str(&o, "rule", d->rule);
	if (d->why.len > 0) {
		json_out_str(&o, "why", d->why);
	}
	if (d->wait.len > 0) {
		json_out_str(&o, "wait", d->wait);
	}
	write_judged(&o, d);
	json_out_end(&o, '}');
}
