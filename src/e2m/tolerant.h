/* SPDX-License-Identifier: Apache-2.0 */
#ifndef E2M_TOLERANT_H
#define E2M_TOLERANT_H

/*
 * The tolerant reader, beside the strict one of e2m.h: what others have
 * written, legacy shapes included, is kept byte for byte (the line and its
 * tree), and every deviation from the canon is told with line and field.  A
 * line without a deviation of shape is exactly a line that the strict reader
 * takes.  One line at a time, so that a file costs what its longest line
 * costs and a few bytes for each id.
 */

#include "e2m/e2m.h"

enum e2m_fault {
	E2M_UNREADABLE, /* no JSON object: only the bytes are kept */
	E2M_SHAPE,      /* not of the canon; the tolerant reader takes it */
	E2M_MOVE,       /* of the canon, but the state machine has it not */
};

struct e2m_deviation {
	enum e2m_fault fault;
	struct str field;   /* path, as it stands in the line; may be empty */
	struct str problem; /* printable */
};

struct e2m_loose {
	uint32_t number; /* 1-based */
	struct str raw;  /* borrowed from the file, without the newline */
	bool torn;       /* the last line, and no newline behind it */
	const struct json *tree;  /* NULL: unreadable */
	bool has_record;          /* _type is one of the three */
	struct e2m_record record; /* what is well formed; the rest is absent */
	enum e2m_state state; /* of its task after this line; or not known */
	struct e2m_deviation *deviations;
	size_t deviation_count;
};

/* What a file may hold: tasks in a queue, envelopes in a mailbox, transitions
 * in both. */
enum e2m_place { E2M_ANYWHERE, E2M_IN_QUEUE, E2M_IN_MAILBOX };

struct e2m_reader {
	struct str rest;
	uint32_t number;
	enum e2m_place place;
	void *states; /* of the ids so far, by the last line of either kind */
	struct arena arena;
};

/* `bytes` must live as long as the reader and the lines it gives. */
void e2m_reader_init(
    struct e2m_reader *r, struct str bytes, enum e2m_place place);
/* The next line that is not blank; false at the end.  The line lives in `a`,
 * which may be a new arena for each. */
bool e2m_reader_next(
    struct e2m_reader *r, struct arena *a, struct e2m_loose *line);
void e2m_reader_fini(struct e2m_reader *r);

/* "FILE:LINE: field: problem" */
struct str e2m_deviation_text(struct arena *a, const char *file, uint32_t line,
    const struct e2m_deviation *d);

/*
 * A legacy record as one of the canon (DESIGN has the table): keys are added,
 * none is lost; a `_type` that is replaced stays as legacy_type.  Pure, and
 * what it made it leaves as it is.  Whatever no rule names comes back as an
 * equal copy; *changed says which.
 */
struct json *e2m_canon(
    struct arena *a, const struct json *record, bool *changed);

/* JSON Schema 2020-12 of the strict reader, made from records.def and
 * enums.def: $defs Envelope, DurableTask, Transition, OperatorEnvelope; the
 * root takes any of the first three. */
struct json *e2m_schema(struct arena *a);

#endif
