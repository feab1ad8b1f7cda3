/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/postgres.h"

/* What a transaction gathers, and how it is sent: one statement a table, with
 * arrays, however many rows there are. */

void
batch_free(struct batch *b)
{
	arena_fini(&b->arena);
	map_fini(&b->row_index);
	map_fini(&b->task_index);
	free(b->heads);
	free(b->bodies);
	free(b->rows);
	free(b->tasks);
	free(b->drops);
	buf_fini(&b->packed);
	memset(b, 0, sizeof(*b));
}

struct batch *
batch_at(struct postgres *p, unsigned number)
{
	return &p->batches[(p->oldest + number) % COUNT(p->batches)];
}

struct batch *
batch_open(struct postgres *p)
{
	return batch_at(p, p->flights);
}

void
batch_clear(struct postgres *p, struct batch *b)
{
	arena_fini(&b->arena);
	map_fini(&b->row_index);
	map_fini(&b->task_index);
	b->row_index.seed = p->seed;
	b->task_index.seed = p->seed;
	b->head_count = 0;
	b->body_count = 0;
	b->row_count = 0;
	b->task_count = 0;
	b->drop_count = 0;
	b->owned_times = 0;
	b->careful = false;
	buf_clear(&b->packed);
}

void
batch_close(struct postgres *p)
{
	struct batch *b = batch_open(p);

	must(p->flights < STORE_FLIGHTS_MAX);
	b->after = p->base.last - b->head_count;
	b->words_from = pack_words_count(p->words);
	if (b->head_count) {
		pack_heads(
		    p->words, b->first, b->heads, b->head_count, &b->packed);
	}
	b->words_end = pack_words_count(p->words);
	p->flights++;
}

void
batch_landed(struct postgres *p)
{
	struct batch *b = batch_at(p, 0);

	p->words_stored = b->words_end;
	batch_clear(p, b);
	p->oldest = (p->oldest + 1) % COUNT(p->batches);
	p->flights--;
}

void
batch_drop_all(struct postgres *p)
{
	while (p->flights) {
		batch_clear(p, batch_at(p, --p->flights));
	}
	pack_words_forget(p->words, p->words_stored);
}

int
postgres_head_add(struct store *s, const struct store_head *head, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct batch *b = batch_open(p);
	struct pack_head *at;

	(void)e;
	b->heads = array_grow(
	    b->heads, b->head_count, &b->head_room, sizeof(*b->heads));
	if (!b->head_count) {
		b->first = head->seq;
	}
	at = &b->heads[b->head_count++];
	at->before = head->before;
	memcpy(at->head, head->head, sizeof(at->head));
	return 0;
}

int
postgres_body_add(
    struct store *s, uint64_t seq, int64_t day, struct str bytes, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct batch *b = batch_open(p);

	if (day < INT32_MIN || day > INT32_MAX) {
		return err_set(e, ERR_INPUT, "a body of no day");
	}
	postgres_day_make(p, day);
	b->bodies = array_grow(
	    b->bodies, b->body_count, &b->body_room, sizeof(*b->bodies));
	b->bodies[b->body_count++] = (struct batch_body){
		.seq = seq,
		.day = day,
		.bytes = arena_str(&b->arena, bytes),
	};
	return 0;
}

/* Space and key as one text. */
static struct str
row_name(struct arena *arena, struct str space, struct str key)
{
	char *both = arena_alloc(arena, space.len + 1 + key.len);

	memcpy(both, space.at, space.len);
	memcpy(both + space.len + 1, key.at, key.len);
	return str_span(both, space.len + 1 + key.len);
}

const struct batch_row *
batch_row_find(struct postgres *p, struct str space, struct str key)
{
	auto_arena scratch = { 0 };
	struct str name = row_name(&scratch, space, key);

	for (unsigned i = p->flights + 1; i > 0; i--) {
		const struct batch *b = batch_at(p, i - 1);
		uintptr_t found = (uintptr_t)map_get(&b->row_index, name);

		if (found) {
			return &b->rows[found - 1];
		}
	}
	return NULL;
}

/* The row of this batch under that key, made if it is the first. */
static struct batch_row *
batch_row(struct batch *b, struct str space, struct str key)
{
	struct str name = row_name(&b->arena, space, key);
	uintptr_t found = (uintptr_t)map_get(&b->row_index, name);

	if (!found) {
		b->rows = array_grow(
		    b->rows, b->row_count, &b->row_room, sizeof(*b->rows));
		b->rows[b->row_count++] = (struct batch_row){
			.space = str_sub(name, 0, space.len),
			.key = str_sub(name, space.len + 1, key.len),
		};
		found = b->row_count;
		map_put(&b->row_index, name,
		    (void *)found); /* NOLINT(performance-no-int-to-ptr) */
	}
	return &b->rows[found - 1];
}

int
postgres_row_put(struct store *s, const struct store_row *row, struct err *e)
{
	struct batch *b = batch_open((struct postgres *)s);
	struct batch_row *at = batch_row(b, row->space, row->key);

	if (at->put && row->version < at->version) {
		return err_set(e, ERR_CONFLICT,
		    "the row %s of " STR_FMT
		    " has a later version than %llu already",
		    err_quote(row->key), STR_ARG(row->space),
		    (unsigned long long)row->version);
	}
	at->put = true;
	at->version = row->version;
	at->value = arena_str(&b->arena, row->value);
	return 0;
}

int
postgres_row_delete(
    struct store *s, struct str space, struct str key, struct err *e)
{
	struct batch_row *at =
	    batch_row(batch_open((struct postgres *)s), space, key);

	(void)e;
	at->put = false;
	at->deleted = true;
	return 0;
}

const struct store_task *
batch_task_find(const struct batch *b, struct str id)
{
	uintptr_t found = (uintptr_t)map_get(&b->task_index, id);

	return found ? &b->tasks[found - 1].task : NULL;
}

/* Which of the three tables must say so. */
static void
mark_task(struct batch_task *at, const struct store_task *task)
{
	bool added = task->record.len > 0;

	at->added |= added;
	if (task->ending && !added) {
		at->ended = true;
	} else if (task->live) {
		at->saved = true;
		at->gone = false;
	} else {
		at->saved = false;
		at->gone = true;
		at->ended = true;
	}
}

int
postgres_task_put(struct store *s, const struct store_task *task, struct err *e)
{
	struct batch *b = batch_open((struct postgres *)s);
	uintptr_t found = (uintptr_t)map_get(&b->task_index, task->id);
	struct batch_task *at;
	struct str record;

	if (!params_text_ok(task->record)) {
		return err_set(e, ERR_INPUT,
		    "the record of task %s is no JSON text",
		    err_quote(task->id));
	}
	if (!found) {
		b->tasks = array_grow(
		    b->tasks, b->task_count, &b->task_room, sizeof(*b->tasks));
		b->tasks[b->task_count++] = (struct batch_task){
			.task.id = arena_str(&b->arena, task->id),
		};
		found = b->task_count;
		map_put(&b->task_index, b->tasks[found - 1].task.id,
		    (void *)found); /* NOLINT(performance-no-int-to-ptr) */
	}
	at = &b->tasks[found - 1];
	record = task->record.len ? arena_str(&b->arena, task->record)
	                          : at->task.record;
	mark_task(at, task);
	at->task = (struct store_task){
		.number = task->number,
		.id = at->task.id,
		.queue = arena_str(&b->arena, task->queue),
		.subject = arena_str(&b->arena, task->subject),
		.state = arena_str(&b->arena, task->state),
		.owner = arena_str(&b->arena, task->owner),
		.created_at = task->created_at,
		.updated_at = task->updated_at,
		.record = record,
		.saved = arena_str(&b->arena, task->saved),
		.last_seq = task->last_seq,
		.live = task->live,
	};
	return 0;
}

int
postgres_owned_set(struct store *s, uint64_t times, struct err *e)
{
	(void)e;
	must(times <= INT64_MAX);
	batch_open((struct postgres *)s)->owned_times = times;
	return 0;
}

int
postgres_inbox_drop(struct store *s, uint64_t number, struct err *e)
{
	struct batch *b = batch_open((struct postgres *)s);

	(void)e;
	b->drops = array_grow(
	    b->drops, b->drop_count, &b->drop_room, sizeof(*b->drops));
	b->drops[b->drop_count++] = (int64_t)number;
	return 0;
}
