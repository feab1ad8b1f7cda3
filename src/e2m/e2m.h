/* SPDX-License-Identifier: Apache-2.0 */
#ifndef E2M_E2M_H
#define E2M_E2M_H

/*
 * The three e2m records (platform.md 1: Envelope, DurableTask, Transition),
 * one JSON object a line, and the state machine of a task (2.2).  records.def
 * is the one list of fields, used by the reader and the writer; enums.def the
 * one list of words.  This is the strict reader: an unknown key, a bad word or
 * a wrong type is refused with the field's path.  DESIGN says which of the
 * platform's conflicts was decided how.
 *
 * A field that is absent is a string with at == NULL, a number 0, a flag
 * E2M_UNSET, a tree NULL.  Strings and trees borrow from the arena of the
 * record.
 */

#include "json/json.h"

#define E2M_LINE_MAX \
	((size_t)1024 * 1024) /* bytes of one line, newline included */

enum e2m_kind { E2M_ENVELOPE, E2M_TASK, E2M_TRANSITION };
enum e2m_flag { E2M_UNSET, E2M_NO, E2M_YES };

/* 0 of each set is "absent" (E2M_no_state); then E2M_PENDING, … */
/* clang-format off */
#define ENUM_BEGIN(set)  enum e2m_##set { E2M_no_##set,
#define WORD(name, word) E2M_##name,
#define ENUM_END(set)    };
/* clang-format on */
#include "e2m/enums.def"
#undef ENUM_BEGIN
#undef WORD
#undef ENUM_END

struct e2m_envelope {
	struct str id;
	enum e2m_type envelope_type;
	struct str from;
	struct str to;
	struct str subject;
	struct str at; /* RFC 3339 */
	enum e2m_mail_state state;
	uint32_t priority; /* 1..5, 5 highest */
	struct str thread_id;
	struct str reply_to;
	const struct json *payload; /* object */
	enum e2m_flag requires_decision;
	const struct json *decision_options; /* array of strings */
	enum e2m_flag ack_required;
	struct str expires_at;
};

struct e2m_task {
	struct str id;
	struct str queue;
	struct str subject;
	enum e2m_state state;
	struct str created_at;
	struct str updated_at;
	struct str from;
	uint32_t ke_fit_score; /* 1..5, 5 highest */
	struct str owner;
	const struct json *depends_on; /* arrays of task ids */
	const struct json *blocks;
	const struct json *payload; /* objects */
	const struct json *result;
	const struct json *error;     /* string, or a failure object */
	const struct json *evaluator; /* {pass_if: [...], fail_if: [...]} */
};

struct e2m_transition {
	struct str id; /* of the task or envelope */
	struct str at;
	enum e2m_event event;
	struct str prior_state; /* words of e2m_state when we write them */
	struct str new_state;
	struct str owner;
	enum e2m_status status; /* older form of ack and read */
	struct str acked_by;
	struct str read_by;
	struct str note;
	const struct json *error;
};

struct e2m_record {
	enum e2m_kind kind;
	union {
		struct e2m_envelope envelope;
		struct e2m_task task;
		struct e2m_transition transition;
	} as;
};

/* Reading.  A line without its newline; ERR_INPUT "payload: expected an
 * object", ERR_LIMIT over E2M_LINE_MAX. */
int e2m_parse_line(struct arena *a, struct str line, struct e2m_record *out,
    struct err *e) MUST_CHECK;
int e2m_from_json(const struct json *object, struct e2m_record *out,
    struct err *e) MUST_CHECK;

/* A JSONL file loses nothing: each line that is not blank becomes an entry,
 * with its record or with its problem "FILE:LINE: what is wrong". */
struct e2m_line {
	uint32_t number;    /* 1-based */
	struct str raw;     /* borrowed from `bytes`, without the newline */
	bool torn;          /* the last line, and no newline behind it */
	struct str problem; /* empty when `record` is there */
	struct e2m_record record;
};
struct e2m_lines {
	struct e2m_line *at;
	size_t count;
	size_t bad; /* how many have a problem */
};
struct e2m_lines e2m_parse_lines(
    struct arena *a, struct str bytes, const char *file);

/* Writing: members in the order of records.def, absent ones left out.  The
 * caller has passed e2m_check (a record that breaks it is our own fault). */
struct json *e2m_to_json(struct arena *a, const struct e2m_record *r);
/* The same text without a tree: as a value of what is being written; alone. */
void e2m_out(struct json_out *o, const char *key, const struct e2m_record *r);
void e2m_write(struct buf *b, const struct e2m_record *r);
void e2m_write_line(struct buf *b, const struct e2m_record *r); /* with \n */

/* What we make ourselves: required fields, words and ranges, times that parse,
 * ids of tasks that are UUIDs, subject 1..200 bytes in one line, a transition
 * of a task that the machine allows. */
int e2m_check(const struct e2m_record *r, struct err *e) MUST_CHECK;
/* OperatorEnvelope: operator, escalate or summary, to "operator",
 * requires_decision present. */
int e2m_check_operator(const struct e2m_envelope *m, struct err *e) MUST_CHECK;

/* New records with id, times, first state, priority 3 and nothing else. */
void e2m_task_init(struct arena *a, struct wall now, struct e2m_record *r);
void e2m_envelope_init(struct arena *a, struct wall now, struct e2m_record *r);
void e2m_transition_init(
    struct arena *a, struct wall now, struct str id, struct e2m_record *r);

/* The state machine: an illegal pair is ERR_CONFLICT, "illegal: pending
 * --block--> (allowed from: in_progress)"; *next is written on success only. */
int e2m_transition(enum e2m_state state, enum e2m_event event,
    enum e2m_state *next, struct err *e) MUST_CHECK;
bool e2m_is_final(enum e2m_state state); /* completed or failed */

/* Words; NULL for the absent value. */
const char *e2m_type_name(enum e2m_type v);
const char *e2m_mail_state_name(enum e2m_mail_state v);
const char *e2m_state_name(enum e2m_state v);
const char *e2m_event_name(enum e2m_event v);
const char *e2m_status_name(enum e2m_status v);
bool e2m_state_parse(struct str word, enum e2m_state *out);
bool e2m_event_parse(struct str word, enum e2m_event *out);

#endif
