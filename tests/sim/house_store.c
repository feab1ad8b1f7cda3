/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of the room `store`, in memory: what is committed outlives a house.
 * In a storm a commit fails, or lands and is said to have failed, or takes the
 * house with it, before or after it landed.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/house.h"

struct kept_head {
	uint64_t seq;
	uint8_t head[BOOK_HEAD_SIZE];
	struct book_head read;
	struct str body;
	bool has_body;
};

struct kept_row {
	struct kept_row *next;
	struct str space;
	struct str key;
	struct str value;
	uint64_t version;
};

/* One writer at a time: a batch is what stands behind the marks. */
static struct disk {
	struct arena arena;
	struct kept_head *heads;
	size_t head_count, head_room;
	struct kept_row *rows, *batch;
	uint64_t incarnation;
	size_t committed; /* heads */
	size_t told;      /* of them the witness knows what core knows */
	size_t late;      /* a planted bug: said to be, and not yet */
	bool open;
} disk;

struct store {
	struct disk *disk;
};
static struct store only = { &disk };

void
sim_store_reset(void)
{
	struct kept_row *row;

	arena_fini(&disk.arena);
	free(disk.heads);
	disk = (struct disk){ 0 };
	row = arena_alloc(&disk.arena, sizeof(*row));
	*row = (struct kept_row){
		.space = STR("sealed"),
		.key = STR("key"),
		.value = STR("{\"hosts\":\"up.test\",\"kind\":1,"
		             "\"row\":\"AAAA\"}"),
		.version = 1,
	};
	disk.rows = row;
}

/* What landed and was said to have failed, core does not know until it looks:
 * till then nothing that it does may build on it. */
static void
tell_witness(void)
{
	for (; disk.told < disk.committed; disk.told++) {
		sim_witness_head(
		    &disk.heads[disk.told].read, disk.heads[disk.told].body);
	}
}

void
sim_store_undo(void)
{
	tell_witness();
	disk.head_count = disk.committed - disk.late;
	disk.committed = disk.told = disk.head_count;
	disk.late = 0;
	disk.batch = NULL;
	disk.open = false;
}

void
sim_store_each(sim_head_fn *each)
{
	for (size_t i = 0; i < disk.committed; i++) {
		each(&disk.heads[i].read, disk.heads[i].body);
	}
}

static int
says_no(struct err *e)
{
	return err_set(e, ERR_IO, "the disk of this game says no");
}

int
store_open(
    const char *path, unsigned flags, struct store **store, struct err *e)
{
	(void)path;
	(void)flags;
	(void)e;
	sim_store_undo();
	*store = &only;
	return 0;
}

void
store_close(struct store *store)
{
	(void)store;
	sim_store_undo();
}

int
store_incarnation_next(
    struct store *store, uint64_t *incarnation, struct err *e)
{
	(void)e;
	*incarnation = ++store->disk->incarnation;
	return 0;
}

int
store_begin(struct store *store, struct err *e)
{
	must(!store->disk->open);
	if (sim_one_in(150) || mono_now().us < sim.full_until) {
		return says_no(e);
	}
	store->disk->open = true;
	return 0;
}

static void
land(void)
{
	struct kept_row *next;

	for (struct kept_row *w = disk.batch; w; w = next) {
		next = w->next;
		for (struct kept_row **at = &disk.rows; *at;
		     at = &(*at)->next) {
			if (str_eq((*at)->space, w->space) &&
			    str_eq((*at)->key, w->key)) {
				*at = (*at)->next;
				break;
			}
		}
		w->next = disk.rows;
		disk.rows = w;
	}
	disk.batch = NULL;
	disk.late =
	    sim_bug == BUG_COMMIT_LATE ? disk.head_count - disk.committed : 0;
	sim_seen->heads += disk.head_count - disk.committed;
	disk.committed = disk.head_count;
	disk.open = false;
	sim_seen->commits++;
}

int
store_commit(struct store *store, struct err *e)
{
	must(store->disk->open);
	if (sim_one_in(60)) {
		sim_seen->failed_commits++;
		store_rollback(store);
		return says_no(e);
	}
	if (sim_one_in(120)) {
		sim_seen->killed_before++;
		sim_house_down();
	}
	land();
	if (sim_one_in(120)) {
		sim_seen->killed_after++;
		sim_house_down();
	}
	if (sim_one_in(120)) {
		sim_seen->lost_replies++;
		return says_no(e);
	}
	tell_witness();
	return 0;
}

void
store_rollback(struct store *store)
{
	store->disk->head_count = store->disk->committed;
	store->disk->batch = NULL;
	store->disk->open = false;
}

bool
store_in_transaction(const struct store *store)
{
	return store->disk->open;
}

/* --- heads and bodies --- */

int
store_head_add(
    struct store *store, const struct store_head *head, struct err *e)
{
	struct disk *d = store->disk;
	struct kept_head *k;

	must(d->open && head->head.len == BOOK_HEAD_SIZE);
	if (head->seq != d->head_count + 1) {
		return err_set(e, ERR_CONFLICT, "not the next head");
	}
	d->heads = array_grow(
	    d->heads, d->head_count, &d->head_room, sizeof(*d->heads));
	k = &d->heads[d->head_count++];
	*k = (struct kept_head){ .seq = head->seq };
	memcpy(k->head, head->head.at, BOOK_HEAD_SIZE);
	must(book_head_decode(head->head, &k->read, e) == 0);
	return 0;
}

int
store_body_add(struct store *store, uint64_t seq, int64_t day, struct str bytes,
    struct err *e)
{
	struct disk *d = store->disk;

	(void)day;
	(void)e;
	must(d->open && seq == d->head_count);
	d->heads[seq - 1].body = arena_str(&d->arena, bytes);
	d->heads[seq - 1].has_body = true;
	return 0;
}

uint64_t
store_last_seq(const struct store *store)
{
	return store->disk->head_count;
}

int
store_heads_walk(struct store *store, const struct store_heads *which,
    store_head_fn *each, void *context, struct err *e)
{
	const struct disk *d = store->disk;
	uint64_t told = 0;

	for (size_t i = which->from ? which->from - 1 : 0; i < d->head_count;
	     i++) {
		const struct kept_head *k = &d->heads[i];
		struct store_head head = {
			.seq = k->seq,
			.head = str_span(k->head, BOOK_HEAD_SIZE),
		};

		if ((which->task && memcmp(which->task, k->read.task.bytes,
		                        STORE_ID_SIZE) != 0) ||
		    (which->run && memcmp(which->run, k->read.run.bytes,
		                       STORE_ID_SIZE) != 0)) {
			continue;
		}
		if (each(context, &head, e)) {
			return -1;
		}
		if (which->limit && ++told == which->limit) {
			break;
		}
	}
	return 0;
}

int
store_leaf_get(struct store *store, uint64_t seq, uint8_t leaf[STORE_LEAF_SIZE],
    struct err *e)
{
	struct digest of;

	if (seq == 0 || seq > store->disk->head_count) {
		return err_set(e, ERR_MISSING, "no such head");
	}
	of = book_leaf(
	    str_span(store->disk->heads[seq - 1].head, BOOK_HEAD_SIZE));
	memcpy(leaf, of.bytes, STORE_LEAF_SIZE);
	return 0;
}

int
store_body_get(
    struct store *store, uint64_t seq, struct buf *out, struct err *e)
{
	if (seq == 0 || seq > store->disk->head_count ||
	    !store->disk->heads[seq - 1].has_body) {
		return err_set(e, ERR_MISSING, "no such body");
	}
	buf_add(out, store->disk->heads[seq - 1].body);
	return 0;
}

/* --- rows --- */

int
store_row_put(struct store *store, const struct store_row *row, struct err *e)
{
	struct disk *d = store->disk;
	struct kept_row *k = arena_alloc(&d->arena, sizeof(*k));

	(void)e;
	must(d->open);
	*k = (struct kept_row){
		.next = d->batch,
		.space = arena_str(&d->arena, row->space),
		.key = arena_str(&d->arena, row->key),
		.value = arena_str(&d->arena, row->value),
		.version = row->version,
	};
	d->batch = k;
	return 0;
}

int
store_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e)
{
	for (struct kept_row *r = store->disk->rows; r; r = r->next) {
		if (str_eq(r->space, space) && str_eq(r->key, key)) {
			buf_add(out, r->value);
			if (version) {
				*version = r->version;
			}
			return 0;
		}
	}
	return err_set(e, ERR_MISSING, "no such row");
}

int
store_rows_walk(struct store *store, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e)
{
	for (struct kept_row *r = store->disk->rows; r; r = r->next) {
		struct store_row row = {
			.space = r->space,
			.key = r->key,
			.value = r->value,
			.version = r->version,
		};

		if (str_eq(r->space, space) && str_starts(r->key, prefix) &&
		    each(context, &row, e)) {
			return -1;
		}
	}
	return 0;
}

/* For plain SQL: nobody here reads it. */
int
store_task_put(
    struct store *store, const struct store_task *task, struct err *e)
{
	(void)task;
	(void)e;
	must(store->disk->open);
	return 0;
}
