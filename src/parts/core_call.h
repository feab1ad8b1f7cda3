/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_CALL_H
#define PARTS_CORE_CALL_H

/* A call under way: what core_call.c, core_wait.c and core_egress.c share. */

#include "parts/core.h"

/* The rule of a finish whose result was not of its type: counted from heads. */
#define CORE_BAD_RESULT "builtin.finish.wrong"

struct core_call {
	struct core_call *next;
	uint64_t number;
	uint64_t run;
	uint32_t ordinal;
	struct arena arena;
	struct str name;
	const struct tool *tool; /* NULL: no such tool */
	const struct json *args;
	struct digest args_digest;
	struct policy_call_decision decision;
	struct digest judged_by; /* the policy that decided so */
	struct tool_plan plan;
	enum wait_kind wait;
	const struct tool *asked; /* while its `confirm` is asked: the tool */
	const struct tool *pair;  /* what it asks for leave to call, or NULL */
	bool resuming; /* approved before: parks only to be looked at */
	bool parking;  /* decided to ask; the run is closing for it */
	bool started;
	bool sent;         /* the command is with its cell */
	struct buf answer; /* the settled event, sent after its commit */
	struct mono begun;
};

/* core_call.c */
struct core_call *core_call_find(struct core *c, uint64_t number);
void core_call_free(struct core *c, struct core_call *k);
/* What the book knows of it; NULL: nothing. */
const struct session_call *core_call_known(
    struct core *c, const struct core_run *r, uint32_t ordinal);
void core_call_decide(struct core *c, struct core_call *k, const char *verdict,
    struct str rule, struct str why);
void core_call_settle(struct core *c, struct core_call *k, const char *end,
    const struct json *result);
void core_call_settle_error(struct core *c, struct core_call *k,
    const char *end, const char *error, struct str message);
/* Asks the policy, and does what it says. */
void core_call_judge(struct core *c, struct core_call *k);
void core_call_start(struct core *c, struct core_call *k);
/* Never started: a wrong call, or a no. */
void core_call_refuse(struct core *c, struct core_call *k, const char *error,
    struct str rule, struct str message);

/* core_approval.c */
/* Agent and cell end first: the workspace must have no writer when it is
 * digested and shown. */
void core_call_ask_person(
    struct core *c, struct core_call *k, enum wait_kind kind);
void core_call_use_approval(
    struct core *c, struct core_call *k, const struct session_call *s);
/* A person's no to this very effect, earlier in this run; NULL: none. */
const struct wait_item *core_call_denied_before(
    struct core *c, const struct core_call *k);
void core_call_settle_denied(
    struct core *c, struct core_call *k, const struct session_call *s);
/* Its approval was not believed. */
void core_call_ask_again(struct core *c, struct core_call *k);
/* Settled with what a person answered about it, or they are asked. */
void core_call_ask_answer(
    struct core *c, struct core_call *k, enum wait_kind kind);
/* It may have happened: nothing that cannot be repeated is repeated. */
void core_call_started_before(struct core *c, struct core_call *k);

/* core_confirm.c: asks the read of its contract whether it has happened, and
 * goes on by what that says.  False: there is none that may be asked. */
bool core_call_confirm(struct core *c, struct core_call *k);

/* core_question.c: a question to people, a tool that a client answers. */
/* Printable ASCII, at most max bytes; *cut is set where that shows not all. */
struct str core_hint_text(
    struct arena *a, struct str text, size_t max, bool *cut);
void core_question_fill(
    struct core_call *k, struct wait_put *put, struct str options[]);
void core_call_answered(
    struct core *c, struct core_call *k, const struct wait_item *w);
/* Before it is taken: an answer of the tool's form.  value: as it is kept. */
int core_answer_read(struct core *c, struct arena *a, const struct wait_item *w,
    const struct json *value, struct str *out, struct err *e) MUST_CHECK;

/* core_letter.c: letters that want a decision. */
/* core_api_mail.c: a task goes on that its letter was about, if that is it. */
void core_mail_carry_out(
    struct core *c, const struct queue_letter *letter, struct str decision);
/* After a step of the queue: what it sent is asked about, what it acked is
 * asked about no more. */
void core_letters_saw(struct core *c, const struct queue_step *step);
/* In the batch of the word: the letter is acked with it. */
void core_letter_decided(struct core *c, const struct wait_item *w);
void core_letter_expired(struct core *c, const struct wait_item *w);
/* An event that a start applies; its body is at that place of a buffer, or,
 * with none, in the book. */
struct core_asked {
	uint64_t seq; /* first: core_by_seq sorts them */
	size_t at;
	size_t len;
};
struct core_asked_list {
	struct core_asked *all;
	size_t count;
	size_t room;
	struct buf bodies;
};
void core_asked_add(
    struct core_asked_list *list, uint64_t seq, struct str body);
/* Waits that the last house had, in pages, however many letters wait; and,
 * behind the start, letters without. */
int core_letters_load(
    struct core *c, struct core_asked_list *out, struct err *e) MUST_CHECK;
void core_letters_recover(struct core *c);
/* A letter that waits, and the event that asked about it. */
bool core_letter_asked(const struct core *c, struct str letter, uint64_t *seq);
/* NULL: nothing waits for it. */
const struct wait_item *core_letter_wait(struct core *c, struct str letter);
/* What the letter is, as the decision binds it; NULL: the book has it no more.
 */
const struct json *core_letter_text(
    struct core *c, struct arena *a, const struct wait_item *w);

/* core_two_phase.c: a request, and what was requested. */
void core_request_start(struct core *c, struct core_call *k);
/* In the batch that parks: settled, and the run goes on.  id: of the wait, or
 * empty and e: it may not even be asked. */
void core_request_settle(struct core *c, struct core_run *r,
    struct core_call *k, struct str id, const struct err *e);
/* A call of a tool that must be requested, and a gate asks about. */
void core_requested_judge(struct core *c, struct core_call *k);

/* core_approval.c, for calls and requests. */
/* What gates ask of people, as a wait: surfaces has room for all of them. */
void core_ask_fill(struct arena *a, const struct policy_ask *ask,
    struct str file_name, struct wait_put *put, struct str surfaces[]);
/* The vault has not sealed it: on record, and nobody has said anything. */
void core_word_refuse(struct core *c, const struct core_mac *job);

/* core_permission.c: permission files, where a rule names them. */
void core_wait_files_put(struct core *c, const struct wait_item *w);
void core_wait_files_over(struct core *c, const struct wait_item *w);
void core_wait_files_begin(struct core *c);
/* core_remind.c: a letter to those who must decide; or that another may now. */
void core_wait_letter(
    struct core *c, const struct wait_item *w, bool escalated);

/* core_shown.c: what is asked about, as the book has it and the approval binds
 * it: a call's arguments, what a request is.  NULL: the book has it no more. */
const struct json *core_wait_args(
    struct core *c, struct arena *a, const struct wait_item *w);

/* core_exec.c: the command that a call's plan says; done has its number. */
void core_call_exec(struct core *c, struct core_cell *cell,
    const struct core_call *k, core_exec_done_fn *done);

/* core_http.c: the HTTP request of a tool, judged by the egress rules. */
typedef void core_http_done_fn(struct core *c, uint64_t number,
    const struct wire_http_done *head, struct str body);
void core_http_tool(
    struct core *c, struct core_call *k, core_http_done_fn *done);
/* core_child.c: a started dispatch_task; it settles in its own batch. */
void core_call_dispatch(struct core *c, struct core_call *k);
/* core_wait.c */
void core_expiry_arm(struct core *c);
/* core.c: bytes that are no UTF-8 become '?' */
void core_utf8(struct buf *out, struct str bytes);

#endif
