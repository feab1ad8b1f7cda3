/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

/*
 * Views over the book, per run: how far it has come and what became of each of
 * its calls.  This is what core asks after a crash.  Pure and derived: a view
 * is rebuilt by giving it every head of the run in order of seq; nothing here
 * is written anywhere, and which heads a run has the book's trail says.  Call
 * states and the bodies that are read: DESIGN.
 */

#include "book/book.h"
#include "json/json.h"

#define SESSION_CALLS_MAX 4096 /* calls of one run */
#define SESSION_TOOL_MAX  64   /* bytes */
#define SESSION_WAIT_MAX  40   /* a wait's id and the NUL */

/* --- one call --- */

enum session_call_state {
#define STATE(id, word, sentence) SESSION_##id,
#include "session/states.def"
#undef STATE
};
const char *session_state_name(enum session_call_state s);

enum session_call_event {
#define EVENT(id, word) SESSION_ON_##id,
#include "session/events.def"
#undef EVENT
};
const char *session_event_name(enum session_call_event v);

/* The table: an illegal pair is ERR_CONFLICT "illegal: call none --started-->
 * (allowed from: …)"; *next is written on success only. */
int session_call_next(enum session_call_state state,
    enum session_call_event event, enum session_call_state *next,
    struct err *e) MUST_CHECK;

struct session_call {
	uint32_t ordinal; /* 1, 2, 3, … in its run */
	enum session_call_state state;
	uint32_t started_epoch; /* claim epoch of the last start; 0: none */
	uint32_t starts;        /* how often it was started */
	struct digest args;     /* of the canonical arguments */
	struct digest contract; /* version of the contract it was judged by */
	char tool[SESSION_TOOL_MAX + 1];
	char wait[SESSION_WAIT_MAX]; /* the approval it waits for, or "" */
	uint64_t decided_seq;        /* heads that said so; 0: none */
	uint64_t started_seq;
	uint64_t settled_seq;
};

/* --- one run --- */

struct session_run {
	struct book_id run;
	struct book_id task;
	uint32_t epoch; /* of the newest head */
	bool parked;
	bool ended;
	uint32_t call_count;        /* calls[n - 1] is call n */
	struct session_call *calls; /* owned */
	uint32_t call_room;
	uint64_t head_count;
	uint64_t first_seq; /* of its heads; 0: it has none yet */
	uint64_t last_seq;
};

void session_run_fini(struct session_run *r); /* a zeroed one is valid */

/*
 * The next head of this run (head->run is its run, or the view is new) with
 * its body.  Heads that say nothing about calls are only counted.  A head that
 * cannot follow is ERR_CONFLICT and changes nothing; a body that is not of its
 * form is ERR_INPUT.
 */
int session_apply(struct session_run *r, const struct book_head *head,
    struct str body, struct err *e) MUST_CHECK;

/* NULL: nothing is known of it (state "none"). */
const struct session_call *session_call(
    const struct session_run *r, uint32_t ordinal);
enum session_call_state session_call_state(
    const struct session_run *r, uint32_t ordinal);
/* The first call from `from` on that was started and not settled: it may have
 * happened.  NULL: none. */
const struct session_call *session_unsettled(
    const struct session_run *r, uint32_t from);
/* The body of call_decided as session reads it: verdict allow, ask or deny. */
struct session_decided {
	struct str verdict;
	struct str tool;
	struct digest args;
	struct digest contract;
	struct str why; /* of a deny, or empty */
	struct str rule;
	struct str wait;   /* of an ask: approved already, or empty */
	struct str action; /* of the contract, or empty */
	const struct json *arguments; /* so that it can be decided again */
};
#define SESSION_ARGUMENTS_MAX 16384 /* bytes; longer ones are left out */
void session_write_decided(struct buf *out, const struct session_decided *d);

/* --- all runs --- */

struct session_index; /* run → its view */

#define SESSION_ENDED_MAX 1024 /* views kept of runs that have ended */

/* Views of ended runs go, the oldest first, once there are twice as many. */
struct session_index *session_index_new(uint64_t seed);
void session_index_free(struct session_index *x); /* NULL is nothing */
/* Gives the head to the view of its run; heads without a run are nothing. */
int session_index_apply(struct session_index *x, const struct book_head *head,
    struct str body, struct err *e) MUST_CHECK;
/* NULL: no such run. */
struct session_run *session_index_find(
    const struct session_index *x, struct book_id run);
/* In order of their first head; NULL past the end. */
struct session_run *session_index_at(const struct session_index *x, size_t n);

#endif
