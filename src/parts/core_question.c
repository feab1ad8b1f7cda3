/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that a person answers: `ask_person`, and a tool that is the client's.
 * Started like any other call, and settled with the answer; the run parks in
 * between.  The same path as an outcome that nobody saw.
 */
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

#define ARGS_SHOWN 400 /* bytes of a client's tool's arguments */

/* Printable ASCII for a hint; what is not, and what is too long, is marked. */
struct str
core_hint_text(struct arena *a, struct str text, size_t max, bool *cut)
{
	auto_buf out = { 0 };

	for (size_t i = 0; i < text.len; i++) {
		unsigned char b = (unsigned char)text.at[i];

		if (out.len + 8 > max) {
			*cut = true;
			buf_add_byte(&out, '~');
			break;
		}
		if (b >= 0x20 && b <= 0x7e && b != '\\') {
			buf_add_byte(&out, b);
		} else {
			*cut = true;
			buf_addf(&out, "\\x%02x", b);
		}
	}
	return arena_str(a, buf_str(&out));
}

static void
offer(struct wait_put *put, const struct json *list, struct str options[])
{
	put->options = options;
	JSON_EACH(option, list)
	{
		if (put->option_count < WAIT_OPTIONS_MAX) {
			options[put->option_count++] = option->text;
		}
	}
}

void
core_question_fill(
    struct core_call *k, struct wait_put *put, struct str options[])
{
	auto_buf args = { 0 };
	struct str text = STR("");

	put->expires_us = k->tool->timeout;
	put->gate = STR("tool");
	if (put->kind == WAIT_QUESTION) {
		(void)json_text(k->args, "question", &text);
		put->hint = core_hint_text(
		    &k->arena, text, WAIT_HINT_MAX, &put->hint_cut);
		offer(put, json_get(k->args, "options"), options);
		return;
	}
	json_canonical(&args, k->args);
	put->hint = core_hint_text(
	    &k->arena, buf_str(&args), ARGS_SHOWN, &put->hint_cut);
}

void
core_call_answered(
    struct core *c, struct core_call *k, const struct wait_item *w)
{
	struct json *result = json_new(&k->arena, JSON_OBJECT);
	struct err e = { 0 };

	if (w->state == WAIT_DENIED) {
		core_call_settle_error(c, k, "failed", wait_kind_name(w->kind),
		    arena_printf(&k->arena,
		        STR_FMT " gives no answer: " STR_FMT, STR_ARG(w->by),
		        STR_ARG(w->reason.len ? w->reason
		                              : STR("no reason given"))));
		return;
	}
	if (w->kind == WAIT_QUESTION) {
		(void)json_set_str(&k->arena, result, "answer", w->value);
		(void)json_set_str(&k->arena, result, "by", w->by);
	} else if (json_parse(&k->arena, arena_str(&k->arena, w->value), NULL,
	               &result, &e) ||
	           tools_check_result(k->tool, result, &e)) {
		core_call_settle_error(c, k, "failed", "schema_validation",
		    arena_str(&k->arena, str_of(e.text)));
		return;
	}
	core_call_settle(c, k, "ok", result);
}

int
core_answer_read(struct core *c, struct arena *a, const struct wait_item *w,
    const struct json *value, struct str *out, struct err *e)
{
	const struct core_role *r = core_role_find(c, w->identity);
	bool text_only = w->kind == WAIT_QUESTION || w->kind == WAIT_DECISION;
	const struct tool *t = r ? tools_find(&r->catalogue, w->tool) : NULL;
	auto_buf text = { 0 };

	if (!value) {
		return err_set(e, ERR_INPUT, "value: it is answered with one");
	}
	if (text_only) {
		if (value->type != JSON_STRING) {
			return err_set(e, ERR_INPUT,
			    "value: a question is answered with a text");
		}
		if (w->kind == WAIT_DECISION &&
		    value->text.len > QUEUE_OPTION_MAX) {
			return err_set(e, ERR_INPUT,
			    "value: a decision has at most %d bytes",
			    QUEUE_OPTION_MAX);
		}
		*out = value->text;
		return tools_check_no_provider_key(value, e);
	}
	if (!t || !digest_eq(t->contract, w->contract)) {
		return err_set(e, ERR_CONFLICT,
		    "the tool has another contract now than when it was asked "
		    "for");
	}
	if (tools_check_result(t, value, e) ||
	    tools_check_no_provider_key(value, e)) {
		return err_wrap(e, "value");
	}
	json_write(&text, value);
	*out = arena_str(a, buf_str(&text));
	return 0;
}
