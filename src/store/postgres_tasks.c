/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres.h"

/* Tasks: one row when one is put, one at its end, and the few that a start
 * loads.  Each statement of a batch takes those of its tasks that it is for.
 * A row that the table must have already is dropped first.  Where it nearly
 * never has one, nothing is dropped, and the server says so if it was wrong:
 * then the batch is sent again, carefully. */

enum share {
	SHARE_ADDED,
	SHARE_ADDED_AGAIN,
	SHARE_PUT_AGAIN,
	SHARE_UNSAVED,
	SHARE_SAVED,
	SHARE_ENDED,
	SHARE_ENDED_AGAIN,
};

static bool
shares(const struct batch *b, const struct batch_task *at, enum share share)
{
	switch (share) {
	case SHARE_ADDED:
		return at->added;
	case SHARE_ADDED_AGAIN:
		return at->added && b->careful;
	case SHARE_PUT_AGAIN:
		return !at->added && (at->saved || at->gone);
	case SHARE_UNSAVED:
		return (at->saved || at->gone) && (!at->added || b->careful);
	case SHARE_SAVED:
		return at->saved;
	case SHARE_ENDED_AGAIN:
		return at->ended && (at->gone || b->careful);
	case SHARE_ENDED:
		break;
	}
	return at->ended;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): `at` is what it declares. */
#define EACH_TASK(b, share, at)                       \
	for (struct batch_task *at = (b)->tasks;      \
	     at < (b)->tasks + (b)->task_count; at++) \
		if (shares(b, at, share))
/* NOLINTEND(bugprone-macro-parentheses) */

static size_t
count(const struct batch *b, enum share share)
{
	size_t n = 0;

	EACH_TASK(b, share, at)
	{
		n++;
	}
	return n;
}

static void
numbers(const struct batch *b, enum share share, struct params *params)
{
	param_array(params, TYPE_INT8, count(b, share));
	EACH_TASK(b, share, at)
	{
		element_i64(params, (int64_t)at->task.number);
	}
}

static void
texts(const struct batch *b, enum share share, size_t member,
    struct params *params)
{
	param_array(params, TYPE_TEXT, count(b, share));
	EACH_TASK(b, share, at)
	{
		const char *task = (const char *)&at->task;

		element_text(
		    params, *(const struct str *)(const void *)(task + member));
	}
}

/* What changes in the life of a task. */
static void
states(const struct batch *b, enum share share, struct params *params)
{
	texts(b, share, offsetof(struct store_task, state), params);
	texts(b, share, offsetof(struct store_task, owner), params);
	param_array(params, TYPE_TIME, count(b, share));
	EACH_TASK(b, share, at)
	{
		element_i64(params, postgres_time(at->task.updated_at));
	}
	param_array(params, TYPE_INT8, count(b, share));
	EACH_TASK(b, share, at)
	{
		element_i64(params, (int64_t)at->task.last_seq);
	}
	param_array(params, TYPE_BYTEA, count(b, share));
	EACH_TASK(b, share, at)
	{
		element_bytes(params, at->task.saved);
	}
}

static int
send_drop(struct postgres *p, const struct batch *b, enum share share,
    enum write what, struct params *params)
{
	if (!count(b, share)) {
		return 0;
	}
	params_clear(params);
	numbers(b, share, params);
	return line_send(p, what, params);
}

static int
send_added(struct postgres *p, const struct batch *b, struct params *params)
{
	if (!count(b, SHARE_ADDED)) {
		return 0;
	}
	if (count(b, SHARE_ADDED_AGAIN)) {
		params_clear(params);
		texts(b, SHARE_ADDED_AGAIN, offsetof(struct store_task, id),
		    params);
		if (line_send(p, WRITE_TASK_DROP, params)) {
			return -1;
		}
	}
	params_clear(params);
	numbers(b, SHARE_ADDED, params);
	texts(b, SHARE_ADDED, offsetof(struct store_task, id), params);
	texts(b, SHARE_ADDED, offsetof(struct store_task, queue), params);
	texts(b, SHARE_ADDED, offsetof(struct store_task, subject), params);
	param_array(params, TYPE_TIME, count(b, SHARE_ADDED));
	EACH_TASK(b, SHARE_ADDED, at)
	{
		element_i64(params, postgres_time(at->task.created_at));
	}
	texts(b, SHARE_ADDED, offsetof(struct store_task, record), params);
	return line_send(p, WRITE_TASK_ADD, params);
}

/* Those that were copied from a store of an older program get their number. */
static int
send_numbers(struct postgres *p, const struct batch *b, struct params *params)
{
	if (!count(b, SHARE_PUT_AGAIN)) {
		return 0;
	}
	params_clear(params);
	numbers(b, SHARE_PUT_AGAIN, params);
	texts(b, SHARE_PUT_AGAIN, offsetof(struct store_task, id), params);
	return line_send(p, WRITE_TASK_NUMBER, params);
}

static int
send_saved(struct postgres *p, const struct batch *b, struct params *params)
{
	if (send_drop(p, b, SHARE_UNSAVED, WRITE_LIVE_DROP, params)) {
		return -1;
	}
	if (!count(b, SHARE_SAVED)) {
		return 0;
	}
	params_clear(params);
	numbers(b, SHARE_SAVED, params);
	texts(b, SHARE_SAVED, offsetof(struct store_task, id), params);
	states(b, SHARE_SAVED, params);
	return line_send(p, WRITE_LIVE_ADD, params);
}

static int
send_ended(struct postgres *p, const struct batch *b, struct params *params)
{
	if (!count(b, SHARE_ENDED)) {
		return 0;
	}
	if (send_drop(p, b, SHARE_ENDED_AGAIN, WRITE_END_DROP, params)) {
		return -1;
	}
	params_clear(params);
	numbers(b, SHARE_ENDED, params);
	states(b, SHARE_ENDED, params);
	return line_send(p, WRITE_END_ADD, params);
}

int
batch_send_tasks(
    struct postgres *p, const struct batch *b, struct params *params)
{
	return send_added(p, b, params) || send_numbers(p, b, params) ||
	               send_saved(p, b, params) || send_ended(p, b, params)
	           ? -1
	           : 0;
}
