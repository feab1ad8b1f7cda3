/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page shows of a wait, and what its word is worth: a decision counts
 * for what this login was shown, whole if it is a yes, and takes the path of
 * every other surface (core_wait_say).
 */
#include <string.h>

#include "parts/core_api.h"
#include "parts/core_call.h"

#define PAGE_MAX 50
#define TEXT_MAX ((size_t)256 * 1024) /* of arguments, written for people */

static int
check_decides(
    const struct core *c, const struct core_web_login *in, struct err *e)
{
	return core_web_decides(c, in)
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "this login only reads: web of its operator in "
	                 "handrail.toml is not \"decide\"");
}

/* --- one wait --- */

const struct session_run *
core_web_run(const struct core *c, const struct wait_item *w)
{
	struct book_id id;

	return book_id_parse(w->run, &id) ? session_index_find(c->sessions, id)
	                                  : NULL;
}

/* For people; false: the book has them no more, or they are too long to be
 * read. */
static bool
args_text(struct core *c, const struct wait_item *w, struct buf *out)
{
	auto_arena a = { 0 };
	const struct json *args = core_wait_args(c, &a, w);

	if (!args) {
		return false;
	}
	json_write_pretty(out, args);
	return out->len <= TEXT_MAX;
}

/* SHA-256 over fields of fixed size: nothing can be moved from one into the
 * next. */
static void
make_mark(const struct core_web_login *in, const struct wait_item *w, bool yes,
    char text[DIGEST_TEXT])
{
	struct digest_run run;

	digest_begin(&run);
	digest_add(&run, str_span(in->key, sizeof(in->key)));
	digest_add(&run, yes ? STR("y") : STR("n"));
	digest_add(&run, str_span(w->digest.bytes, DIGEST_SIZE));
	digest_add(&run, str_span(w->id, sizeof(w->id)));
	digest_text(digest_end(&run), text);
}

static bool
is_here(const struct wait_item *w)
{
	for (uint32_t i = 0; i < w->surface_count; i++) {
		if (str_eq_z(w->surfaces[i], "web")) {
			return true;
		}
	}
	return false;
}

static void
write_texts(
    struct json_out *o, const char *key, const struct str *texts, uint32_t n)
{
	json_out_array(o, key);
	for (uint32_t i = 0; i < n; i++) {
		json_out_str(o, NULL, texts[i]);
	}
	json_out_end(o, ']');
}

static void
write_yes(struct json_out *o, const struct wait_item *w)
{
	json_out_array(o, "yes");
	for (uint32_t i = 0; i < w->said_count; i++) {
		if (w->said[i].yes) {
			json_out_str(o, NULL, w->said[i].by);
		}
	}
	json_out_end(o, ']');
}

static void
write_time(struct json_out *o, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX];

	wall_text(t, text);
	json_out_z(o, key, text);
}

void
core_web_task(struct core *c, struct json_out *o, const struct wait_item *w)
{
	const struct core_role *role = core_role_find(c, w->identity);
	const struct session_run *view = core_web_run(c, w);
	char task[ID_TEXT] = "";
	const struct queue_task *t;

	if (view) {
		book_id_text(view->task, task);
	}
	t = queue_find(c->queue, str_of(task));
	json_out_z(o, "role", role ? role->name : "");
	json_out_z(o, "task", task);
	json_out_str(o, "subject", t ? t->subject : STR(""));
}

static void
write_args(struct core *c, struct json_out *o, const struct wait_item *w,
    const struct core_web_login *in)
{
	auto_buf args = { 0 };
	bool whole = args_text(c, w, &args);
	char mark[DIGEST_TEXT] = "";

	json_out_bool(o, "whole", whole);
	json_out_str(o, "args", whole ? buf_str(&args) : STR(""));
	if (whole) {
		make_mark(in, w, true, mark);
	}
	json_out_z(o, "yes_mark", mark);
	make_mark(in, w, false, mark);
	json_out_z(o, "no_mark", mark);
}

/* Asked and thrown away: a decision changes nothing before it is applied.  What
 * is wrong with its value (there is none yet) is no no. */
void
core_web_may(struct core *c, struct json_out *o, const struct wait_item *w,
    const struct core_web_login *in)
{
	const struct core_operator *who = core_login_operator(c, in);
	struct digest sealed;
	struct err e = { 0 };
	struct wait_decide say = {
		.id = str_of(w->id),
		.yes = true,
		.principal = str_of(who ? who->name : ""),
		.surface = STR("web"),
		.now = wall_now(),
	};
	bool may = wait_decision(c->waits, &say, &sealed, &e) == 0 ||
	           e.kind == ERR_INPUT;

	if (may && check_decides(c, in, &e)) {
		may = false;
	}
	json_out_bool(o, "may", may);
	json_out_z(o, "why", may ? "" : e.text);
}

static void
write_time_if(struct json_out *o, const char *key, struct wall t)
{
	if (t.us) {
		write_time(o, key, t);
	}
}

/* Who was told again, and who may decide besides, from when on. */
static void
write_patience(struct json_out *o, const struct wait_item *w)
{
	json_out_bool(o, "reminded", w->reminded);
	json_out_bool(o, "escalated", w->escalated);
	json_out_str(o, "escalate_to", w->escalate_to);
	json_out_str(o, "escalate_for", w->escalate_for);
	write_time_if(o, "escalate", w->escalate);
}

void
core_web_item(struct core *c, struct json_out *o, const struct wait_item *w,
    const struct core_web_login *in)
{
	json_out_object(o, NULL);
	json_out_z(o, "id", w->id);
	json_out_z(o, "code", w->code);
	json_out_z(o, "kind", wait_kind_name(w->kind));
	json_out_str(o, "identity", w->identity);
	json_out_str(o, "tool", w->tool);
	json_out_str(o, "gate", w->gate);
	json_out_str(o, "hint", w->hint);
	json_out_bool(o, "hint_cut", w->hint_cut);
	json_out_str(o, "asker", w->asker);
	json_out_i64(o, "people", w->people);
	write_texts(o, "named", w->named, w->named_count);
	write_yes(o, w);
	write_texts(o, "surfaces", w->surfaces, w->surface_count);
	write_texts(o, "options", w->options, w->option_count);
	json_out_bool(o, "here", is_here(w));
	core_web_may(c, o, w, in);
	write_patience(o, w);
	json_out_bool(
	    o, "remember", !digest_is_zero(w->asked_by) && w->people == 1);
	write_time(o, "asked", w->asked);
	write_time(o, "expires", w->expires);
	core_web_task(c, o, w);
	write_args(c, o, w, in);
	json_out_end(o, '}');
}

/* --- a page of them --- */

/* Those that were asked after the head *from, which becomes the last one shown;
 * true: there are more. */
static bool
write_page(struct core *c, struct json_out *o, uint64_t *from,
    const struct core_web_login *in)
{
	struct wait_mark m = { .seq = *from };
	size_t count = 0;
	bool more = false;

	json_out_array(o, "waits");
	while (!more && wait_next(c->waits, m.seq, &m)) {
		const struct wait_item *w = NULL;

		if (m.state == WAIT_OPEN && count < PAGE_MAX) {
			w = wait_find(c->waits, str_of(m.id));
		}
		more = m.state == WAIT_OPEN && count == PAGE_MAX;
		if (w) {
			core_web_item(c, o, w, in);
			*from = m.seq;
			count++;
		}
	}
	json_out_end(o, ']');
	return more;
}

int
route_web_inbox(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct core_web_login *in = core_web_login_find(c, ask->login);
	auto_buf body = { 0 };
	struct json_out o;
	struct str text;
	uint64_t from = 0;
	bool more;

	if (!in) {
		return err_set(e, ERR_DENIED, "this login has ended");
	}
	if (core_ask_query(ask, "from", &text) && !str_u64(text, &from)) {
		return err_set(e, ERR_INPUT, "?from= must be a number");
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	more = write_page(c, &o, &from, in);
	json_out_bool(&o, "more", more);
	json_out_i64(&o, "next", (int64_t)from);
	json_out_i64(&o, "open", (int64_t)wait_open_count(c->waits));
	/* What is shown is the state after this head. */
	json_out_i64(&o, "seq", (int64_t)c->book.seq);
	write_time(&o, "now", wall_now());
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- a decision --- */

/* Each kind has its own words: a yes to one is none to another. */
static int
read_word(const struct core_ask *ask, const struct wait_item *w, bool *yes,
    struct err *e)
{
	struct str word = STR("");

	(void)json_text(ask->body, "decision", &word);
	*yes = str_eq_z(word, wait_kind_yes(w->kind));
	return *yes || str_eq_z(word, wait_kind_no(w->kind))
	           ? 0
	           : err_set(e, ERR_INPUT, "decision must be %s or %s",
	                 wait_kind_yes(w->kind), wait_kind_no(w->kind));
}

/* What an answer says, besides yes. */
static int
read_value(struct core *c, struct core_ask *ask, const struct wait_item *w,
    struct wait_decide *say, struct err *e)
{
	if (!say->yes || !wait_kind_has_value(w->kind)) {
		return 0;
	}
	return core_answer_read(
	    c, &ask->arena, w, json_get(ask->body, "value"), &say->value, e);
}

static int
check_shown(struct core *c, const struct core_ask *ask,
    const struct wait_item *w, bool yes, struct err *e)
{
	const struct core_web_login *in = core_web_login_find(c, ask->login);
	char wanted[DIGEST_TEXT];
	struct str mark = STR("");

	if (!in) {
		return err_set(e, ERR_DENIED, "this login has ended");
	}
	(void)json_text(ask->body, "mark", &mark);
	make_mark(in, w, yes, wanted);
	return mark.len == DIGEST_TEXT - 1 &&
	               equal_const_time(mark.at, wanted, mark.len)
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "this login was not shown it%s: look at it, then "
	                 "decide",
	                 yes ? " whole" : "");
}

int
route_web_decide(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_word word = {
		.say = {
			.id = ask->part,
			.principal = str_of(ask->operator_->name),
			.surface = STR("web"),
			.now = wall_now(),
		},
		.number = ask->number,
		.told = core_api_decided,
	};
	struct wait_decide *say = &word.say;
	const struct wait_item *w = wait_find(c->waits, ask->part);

	if (!w) {
		return err_set(e, ERR_MISSING, "nothing waits as %s",
		    err_quote(ask->part));
	}
	(void)json_text(ask->body, "reason", &say->reason);
	return check_decides(c, core_web_login_find(c, ask->login), e) ||
	               read_word(ask, w, &say->yes, e) ||
	               check_shown(c, ask, w, say->yes, e) ||
	               read_value(c, ask, w, say, e) ||
	               core_api_remember(c, ask, say, &word.lasts_us, e) ||
	               core_wait_say_to(c, &word, e)
	           ? -1
	           : 0;
}
