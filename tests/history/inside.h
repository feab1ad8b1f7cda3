/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HISTORY_INSIDE_H
#define HISTORY_INSIDE_H

#include "history/history.h"

enum what {
	PUT,
	CLAIM,
	RENEW,
	FINISH,
	CANCEL,
	RETRY,
	UNBLOCK,
	EFFECT,
	FINAL,
	RESTART,
	WHAT_COUNT
};
enum said { LOST, OK, NO };
enum outcome { COMPLETE, FAIL, BLOCK };
enum seen { ABSENT, PENDING, IN_PROGRESS, BLOCKED, COMPLETED, FAILED };

struct op {
	int64_t number;
	enum what what;
	enum said said;
	int64_t asked;    /* line: the order of what was said */
	int64_t answered; /* INT64_MAX: never */
	int64_t asked_at; /* us */
	int64_t answered_at;
	int64_t lost_at; /* us; INT64_MAX: nobody said so */
	struct str task;
	struct str queue;
	struct str key;
	int64_t touched; /* of a put: the line of the first question about it */
	int64_t rank;
	bool ranked;
	int64_t epoch;
	int64_t lease;
	int64_t call;
	bool repeatable, fenced, duplicate;
	enum outcome outcome;
	enum seen state;
	const struct json *depends;
};

struct history {
	struct arena arena;
	struct op *ops;
	size_t count, room;
	int64_t last; /* us of what was said last */
	int64_t lines;
	size_t ordered;
};

/* search.c: is there an order of these that explains every answer? ghosts:
 * claims of which nobody heard, of whichever task. */
bool history_explains(const struct op *const *ops, size_t count, bool ghosts);

#endif
