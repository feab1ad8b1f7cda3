/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The letters of `task import`: what waits in DIR/mailbox/<agent>.jsonl, and
 * the broadcasts of _broadcast.jsonl with who has read them.  A letter keeps
 * its id, so that a second import finds it there, or is told that it was there
 * and the house has forgotten it.  One that is not whole is
 * not made up: its deviations are told, and it stays behind.
 */
#include <string.h>

#include "cli/import.h"

static struct letter *
find_letter(struct import *in, struct str id)
{
	struct letter *l = in->first_letter;

	while (l && !str_eq(l->id, id)) {
		l = l->next;
	}
	return l;
}

/* --- reading --- */

/* Strictly, as the house will. */
static bool
is_whole(struct import *in, const struct json *body)
{
	struct e2m_record r;
	struct err e = { 0 };

	(void)in;
	return e2m_from_json(body, &r, &e) == 0 && e2m_check(&r, &e) == 0 &&
	       r.kind == E2M_ENVELOPE && r.as.envelope.id.len > 0;
}

static void
read_letter(struct import *in, const struct e2m_loose *line, const char *stem)
{
	struct arena *a = &in->c->arena;
	const struct e2m_envelope *record = &line->record.as.envelope;
	struct json *body = import_body(in, line->tree, &line->record);
	struct letter *l;

	in->letters++;
	if (!json_get(body, "to")) {
		(void)json_set_str(a, body, "to",
		    strcmp(stem, "_broadcast") == 0 ? STR("broadcast")
		                                    : str_of(stem));
	}
	if (!is_whole(in, body)) {
		in->broken_letters++;
		return;
	}
	l = find_letter(in, record->id);
	if (!l) {
		l = arena_alloc(a, sizeof(*l));
		l->id = arena_str(a, record->id);
		*in->letter_end = l;
		in->letter_end = &l->next;
	}
	l->body = body;
	l->waits = record->state == E2M_MAIL_PENDING;
}

/* In the reader's own file: of a broadcast it is that reader's, of any other
 * letter it is the end. */
static void
read_ack(struct import *in, const struct e2m_transition *t, const char *stem)
{
	struct arena *a = &in->c->arena;
	struct reader *r;

	if (t->event != E2M_ACK) {
		return;
	}
	r = arena_alloc(a, sizeof(*r));
	r->letter = arena_str(a, t->id);
	r->mailbox = stem;
	r->next = in->readers;
	in->readers = r;
}

static void
read_record(struct import *in, const struct e2m_loose *line, const char *stem)
{
	if (line->has_record && line->record.kind == E2M_TRANSITION) {
		read_ack(in, &line->record.as.transition, stem);
	} else if (line->has_record && line->record.kind == E2M_ENVELOPE) {
		read_letter(in, line, stem);
	}
}

/* A line of an older form is read as what the canon makes of it. */
void
import_mail_line(
    struct import *in, const struct e2m_loose *line, const char *stem)
{
	struct arena *a = &in->c->arena;
	struct e2m_loose canon;
	struct e2m_reader reader;
	auto_buf text = { 0 };
	bool changed = false;

	if (!line->tree) {
		return;
	}
	json_write(&text, e2m_canon(a, line->tree, &changed));
	if (!changed) {
		read_record(in, line, stem);
		return;
	}
	e2m_reader_init(&reader, arena_str(a, buf_str(&text)), E2M_IN_MAILBOX);
	if (e2m_reader_next(&reader, a, &canon)) {
		read_record(in, &canon, stem);
	}
	e2m_reader_fini(&reader);
}

static bool
is_broadcast(struct import *in, const struct letter *l)
{
	return strcmp(cli_text(in->c, l->body, "to"), "broadcast") == 0;
}

void
import_mail_settle(struct import *in)
{
	for (struct reader *r = in->readers; r; r = r->next) {
		struct letter *l = find_letter(in, r->letter);

		if (l && !is_broadcast(in, l)) {
			l->waits = false;
		}
	}
	for (struct letter *l = in->first_letter; l; l = l->next) {
		in->waiting_letters += l->waits;
	}
}

/* --- sending --- */

/* -1: no house answers. */
static int
is_there(struct import *in, struct letter *l, bool *there, struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };
	int result;

	ask.target = arena_printf(
	    &in->c->arena, "/api/mail/%s", cli_encode(in->c, l->id));
	result = cli_send(in->c, &ask, &answer, e);
	*there = result == 0;
	buf_fini(&answer.body);
	return result && !answer.status ? -1 : 0;
}

static void
is_known(struct import *in, struct letter *l)
{
	l->outcome = "there";
	in->letters_there++;
}

#define WAS_THERE 409 /* the status of a letter that the house forgot */

static int
send_letter(struct import *in, struct letter *l, struct err *e)
{
	auto_buf body = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .target = STR("/api/mail") };
	bool there = false;
	int result;

	if (is_there(in, l, &there, e)) {
		return -1;
	}
	if (there) {
		is_known(in, l);
		return 0;
	}
	json_write(&body, l->body);
	ask.body = buf_str(&body);
	result = cli_send(in->c, &ask, &answer, e);
	buf_fini(&answer.body);
	if (result && !answer.status) {
		return -1;
	}
	if (result && answer.status == WAS_THERE) {
		is_known(in, l);
		l->waits = false; /* who has read it was told then */
		return 0;
	}
	l->outcome = result ? "refused" : "sent";
	if (result) {
		l->problem = arena_str(&in->c->arena, str_of(e->text));
	}
	in->letters_refused += result != 0;
	in->letters_sent += result == 0;
	return 0;
}

/* Who had read a broadcast does not get it again. */
static int
tell_read(struct import *in, const struct reader *r, struct err *e)
{
	struct arena *a = &in->c->arena;
	struct json *body = json_new(a, JSON_OBJECT);
	auto_buf text = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST" };
	int result;

	(void)json_set_str(a, body, "mailbox", str_of(r->mailbox));
	json_write(&text, body);
	ask.body = buf_str(&text);
	ask.target =
	    arena_printf(a, "/api/mail/%s/ack", cli_encode(in->c, r->letter));
	result = cli_send(in->c, &ask, &answer, e);
	buf_fini(&answer.body);
	if (result && !answer.status) {
		return -1;
	}
	in->reads_refused += result != 0;
	return 0;
}

int
import_mail_send(struct import *in, struct err *e)
{
	for (struct letter *l = in->first_letter; l; l = l->next) {
		if (l->waits && send_letter(in, l, e)) {
			return -1;
		}
	}
	for (struct reader *r = in->readers; r; r = r->next) {
		const struct letter *l = find_letter(in, r->letter);

		if (l && l->waits && is_broadcast(in, l) &&
		    strcmp(l->outcome, "refused") != 0 && tell_read(in, r, e)) {
			return -1;
		}
	}
	return 0;
}

/* --- telling --- */

void
import_mail_print(struct import *in, const struct letter *l)
{
	struct cli *c = in->c;
	const char *what = l->outcome ? l->outcome : "would send";

	if (c->json) {
		json_out_object(&in->out, NULL);
		json_out_str(&in->out, "id", l->id);
		json_out_z(&in->out, "to", cli_text(c, l->body, "to"));
		json_out_z(&in->out, "outcome", what);
		if (l->problem.len) {
			json_out_str(&in->out, "problem", l->problem);
		}
		json_out_end(&in->out, '}');
		return;
	}
	printf("%s letter %s to %s%s" STR_FMT "\n", what, err_quote(l->id),
	    cli_text(c, l->body, "to"), l->problem.len ? ": " : "",
	    STR_ARG(l->problem));
}
