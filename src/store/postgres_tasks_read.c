/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres.h"

/* Tasks as they are read: in pages, so that no walk holds a statement open
 * while its reader thinks. */

struct store_task
postgres_task_read(const PGresult *r, int row)
{
	return (struct store_task){
		.number = (uint64_t)column_i64(r, row, 0),
		.id = column_str(r, row, 1),
		.queue = column_str(r, row, 2),
		.subject = column_str(r, row, 3),
		.state = column_str(r, row, 4),
		.owner = column_str(r, row, 5),
		.created_at = postgres_wall(column_i64(r, row, 6)),
		.updated_at = postgres_wall(column_i64(r, row, 7)),
		.record = column_str(r, row, 8),
		.saved = column_str(r, row, 9),
		.last_seq = column_u64(r, row, 10),
		.live = column_bool(r, row, 11),
	};
}

/* What the table says, as the batch changes it. */
static struct store_task
newer(const struct store_task *there, const struct store_task *own)
{
	struct store_task task = *own;

	if (!own->record.len) {
		task.queue = there->queue;
		task.subject = there->subject;
		task.created_at = there->created_at;
		task.record = there->record;
	}
	return task;
}

bool
batch_task_apply(
    struct postgres *p, struct str id, struct store_task *task, bool found)
{
	for (unsigned i = 0; i <= p->flights; i++) {
		const struct store_task *own =
		    batch_task_find(batch_at(p, i), id);

		if (own && (found || own->record.len)) {
			*task = newer(task, own);
			found = true;
		}
	}
	return found;
}

int
postgres_task_get(struct store *s, struct str id, store_task_fn *each,
    void *context, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct params params = { 0 };
	auto_result r = NULL;
	struct store_task task = { 0 };
	bool found = false;
	int rc;

	param_text(&params, id);
	rc = postgres_ask(p, READ_TASK, &params, &r, e);
	buf_fini(&params.bytes);
	if (rc) {
		return -1;
	}
	if (pq.ntuples(r) > 0) {
		task = postgres_task_read(r, 0);
		found = true;
	}
	if (!batch_task_apply(p, id, &task, found)) {
		return err_set(
		    e, ERR_MISSING, "there is no task %s", err_quote(id));
	}
	return each(context, &task, e);
}

/* One page, and the number of its last task. */
static int
give_page(const PGresult *r, int64_t *last, store_task_fn *each, void *context,
    struct err *e)
{
	for (int i = 0; i < pq.ntuples(r); i++) {
		struct store_task task = postgres_task_read(r, i);

		*last = (int64_t)task.number;
		if (each(context, &task, e)) {
			return -1;
		}
	}
	return 0;
}

int
postgres_tasks_page(struct postgres *p, int64_t *after, store_task_fn *each,
    void *context, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	param_i64(&params, *after);
	rc = postgres_ask(p, READ_TASKS_OLD, &params, &r, e);
	buf_fini(&params.bytes);
	if (rc || give_page(r, after, each, context, e)) {
		return -1;
	}
	return pq.ntuples(r) > 0;
}

int
postgres_tasks_all(
    struct store *s, store_task_fn *each, void *context, struct err *e)
{
	int64_t after = INT64_MIN;
	int more = 1;

	while (more > 0) {
		more = postgres_tasks_page(
		    (struct postgres *)s, &after, each, context, e);
	}
	return more;
}

int
postgres_live_walk(
    struct store *s, store_task_fn *each, void *context, struct err *e)
{
	struct params params = { 0 };
	int64_t after = INT64_MIN;
	int found = 1;
	int rc = 0;

	while (rc == 0 && found > 0) {
		auto_result r = NULL;

		params_clear(&params);
		param_i64(&params, after);
		rc = postgres_ask(
		    (struct postgres *)s, READ_LIVE, &params, &r, e);
		found = rc ? 0 : pq.ntuples(r);
		for (int i = 0; i < found && rc == 0; i++) {
			struct store_task task = {
				.number = (uint64_t)column_i64(r, i, 0),
				.id = column_str(r, i, 1),
				.saved = column_str(r, i, 2),
				.last_seq = column_u64(r, i, 3),
				.live = true,
			};

			after = column_i64(r, i, 0);
			rc = each(context, &task, e);
		}
	}
	buf_fini(&params.bytes);
	return rc;
}
