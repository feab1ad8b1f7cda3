/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in memory behind the real door: what is committed outlives a house.
 * Half of the games have one that is done at once, like a file, the others one
 * that answers later, like a server.  In a storm a commit fails, or lands and
 * nobody knows, or finds that another owner has the log, or takes the house
 * with it, before or after it landed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim/house.h"
#include "store/ops.h"

struct kept_head {
	uint64_t seq;
	uint64_t before;
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
	bool dropped;
	bool is_task;
	struct store_task task;
};

/* A commit under way. */
struct flight {
	uint64_t number;
	size_t end; /* heads up to here */
	struct kept_row *batch;
	bool landed;
	bool answered;
};

/* One writer at a time: the open batch is what stands behind the marks. */
static struct disk {
	struct arena arena;
	struct kept_head *heads;
	size_t head_count, head_room;
	struct kept_row *rows, *batch;
	size_t committed; /* heads */
	size_t told;      /* of them the witness knows what core knows */
	size_t late;      /* a planted bug: said to be, and not yet */
	uint64_t owned;
	bool slow;        /* answers later */
	uint64_t numbers; /* of flights */
	struct flight flights[STORE_FLIGHTS_MAX];
	unsigned flight_count;
	bool deposed; /* nothing lands any more */
	int bell;
} disk;

void
sim_store_reset(void)
{
	struct kept_row *row;

	sim_witness_forget();
	arena_fini(&disk.arena);
	free(disk.heads);
	disk = (struct disk){ .slow = sim_draw(2) };
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
tell_witness(size_t end)
{
	for (; disk.told < end; disk.told++) {
		sim_witness_head(
		    &disk.heads[disk.told].read, disk.heads[disk.told].body);
	}
}

void
sim_store_undo(void)
{
	tell_witness(disk.committed);
	if (disk.late) {
		sim_witness_forget();
	}
	disk.head_count = disk.committed - disk.late;
	disk.committed = disk.told = disk.head_count;
	disk.late = 0;
	disk.batch = NULL;
	disk.flight_count = 0;
	disk.deposed = false;
}

size_t
sim_store_each(size_t after, sim_head_fn *each)
{
	for (size_t i = after; i < disk.committed; i++) {
		each(&disk.heads[i].read, disk.heads[i].body);
	}
	return disk.committed;
}

static int
says_no(struct err *e)
{
	return err_set(e, ERR_IO, "the disk of this game says no");
}

static int
dies(struct store *s, enum err_kind kind, const char *why, struct err *e)
{
	(void)err_set(&s->fault, kind, "%s", why);
	disk.flight_count = 0;
	s->state = STORE_DEAD;
	*e = s->fault;
	return -1;
}

/* --- commits --- */

static bool
is_same(const struct kept_row *a, const struct kept_row *b)
{
	return a->is_task == b->is_task && str_eq(a->space, b->space) &&
	       str_eq(a->key, b->key);
}

static void
land_row(struct kept_row *w)
{
	struct kept_row **at = &disk.rows;

	while (*at && !is_same(*at, w)) {
		at = &(*at)->next;
	}
	if (*at && w->is_task && !w->task.record.len) {
		w->task.record = (*at)->task.record;
	}
	if (*at) {
		*at = (*at)->next;
	}
	if (!w->dropped) {
		w->next = disk.rows;
		disk.rows = w;
	}
}

/* The batch is a list from its last row to its first. */
static void
land(struct kept_row *batch, size_t end)
{
	struct kept_row *first = NULL;
	struct kept_row *next;

	for (struct kept_row *w = batch; w; w = next) {
		next = w->next;
		w->next = first;
		first = w;
	}
	for (struct kept_row *w = first; w; w = next) {
		next = w->next;
		land_row(w);
	}
	disk.late = sim_bug == BUG_COMMIT_LATE ? end - disk.committed : 0;
	sim_seen->heads += end - disk.committed;
	disk.committed = end;
	sim_seen->commits++;
}

static void
ring(void)
{
	uint64_t one = 1;

	must(write(disk.bell, &one, sizeof(one)) == sizeof(one));
}

/* NULL: it was undone, or its house is no more. */
static struct flight *
flight_find(uint64_t number)
{
	for (unsigned i = 0; i < disk.flight_count; i++) {
		if (disk.flights[i].number == number) {
			return &disk.flights[i];
		}
	}
	return NULL;
}

static void
answer(uint64_t number, uint64_t b)
{
	struct flight *flight = flight_find(number);

	(void)b;
	if (flight) {
		flight->answered = true;
		ring();
	}
}

/* One after the other: each lands only upon the one before it. */
static void
arrive(uint64_t number, uint64_t b)
{
	struct flight *flight = flight_find(number);

	(void)b;
	if (!flight || disk.deposed) {
		return;
	}
	if (flight > disk.flights && !flight[-1].landed) {
		sim_later(sim_delay(5000), arrive, number, 0);
		return;
	}
	if (mono_now().us < sim.full_until || sim_one_in(40)) {
		/* The connection is lost on the way: it is sent again. */
		sim_later(sim_delay(3000000), arrive, number, 0);
		return;
	}
	if (sim_one_in(300)) {
		sim_seen->deposed++;
		disk.deposed = true;
	} else {
		flight->landed = true;
		land(flight->batch, flight->end);
	}
	if (sim_one_in(120)) {
		sim_seen->killed_after++;
		sim_house_down();
	}
	/* Or the answer is lost: asked by seq, it is found out later. */
	sim_later(
	    sim_delay(sim_one_in(30) ? 5000000 : 20000), answer, number, 0);
}

static void
take_off(void)
{
	must(disk.flight_count < COUNT(disk.flights));
	disk.flights[disk.flight_count++] = (struct flight){
		.number = ++disk.numbers,
		.end = disk.head_count,
		.batch = disk.batch,
	};
	disk.batch = NULL;
	sim_later(sim_delay(20000), arrive, disk.numbers, 0);
}

static int
ram_commit(struct store *s, struct err *e)
{
	if (sim_one_in(120)) {
		sim_seen->killed_before++;
		sim_house_down();
	}
	if (disk.slow && sim.supervisor) { /* before its loop, core waits */
		take_off();
		return 1;
	}
	if (sim_one_in(60) || mono_now().us < sim.full_until) {
		sim_seen->failed_commits++;
		return says_no(e);
	}
	if (sim_one_in(240)) {
		return dies(s, ERR_IO, "a sync failed", e);
	}
	must(!disk.flight_count);
	land(disk.batch, disk.head_count);
	disk.batch = NULL;
	if (sim_one_in(120)) {
		sim_seen->killed_after++;
		sim_house_down();
	}
	if (sim_one_in(120)) {
		sim_seen->lost_replies++;
		return dies(s, ERR_IO, "a sync failed, or did it", e);
	}
	tell_witness(disk.committed);
	return 0;
}

static int
ram_step(struct store *s, struct err *e)
{
	struct flight first = disk.flights[0];
	uint64_t count;

	(void)!read(disk.bell, &count, sizeof(count));
	/* A reply that came before those in front of it waits for them. */
	if (!first.answered) {
		return 1;
	}
	if (!first.landed) {
		return dies(s, ERR_CONFLICT, "another node has the log", e);
	}
	disk.flight_count--;
	memmove(
	    disk.flights, disk.flights + 1, disk.flight_count * sizeof(first));
	tell_witness(first.end);
	return 0;
}

static int
ram_fd(const struct store *s, bool *for_write)
{
	(void)s;
	*for_write = false;
	return disk.slow ? disk.bell : -1;
}

static const char *
ram_why(const struct store *s)
{
	(void)s;
	return disk.slow ? "the server of this game is slow" : "";
}

static int64_t
ram_lease_left(const struct store *s)
{
	(void)s;
	return INT64_MAX;
}

static int64_t
ram_beat(const struct store *s)
{
	(void)s;
	return disk.slow ? 3 * CLOCK_SECOND : 0;
}

static void
ram_rollback(struct store *s)
{
	(void)s;
	disk.head_count = disk.flight_count
	                      ? disk.flights[disk.flight_count - 1].end
	                      : disk.committed;
	disk.batch = NULL;
}

static int
ram_begin(struct store *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static void
ram_close(struct store *s)
{
	sim_store_undo();
	(void)close(disk.bell);
	buf_fini(&s->where);
	free(s);
}

static int
ram_own(struct store *s, const char *node, uint64_t *incarnation, struct err *e)
{
	(void)s;
	(void)node;
	(void)e;
	*incarnation = ++disk.owned;
	return 0;
}

static int
ram_fine(struct store *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static bool
ram_low(const struct store *s)
{
	(void)s;
	return mono_now().us < sim.full_until;
}

/* --- heads and bodies --- */

static int
ram_head_add(struct store *s, const struct store_head *head, struct err *e)
{
	struct kept_head *k;

	(void)s;
	if (sim_one_in(3000)) {
		return says_no(e);
	}
	disk.heads = array_grow(
	    disk.heads, disk.head_count, &disk.head_room, sizeof(*disk.heads));
	k = &disk.heads[disk.head_count++];
	*k = (struct kept_head){ .seq = head->seq, .before = head->before };
	memcpy(k->head, head->head, BOOK_HEAD_SIZE);
	must(book_head_decode(str_span(k->head, BOOK_HEAD_SIZE), &k->read, e) ==
	     0);
	return 0;
}

static int
ram_body_add(
    struct store *s, uint64_t seq, int64_t day, struct str bytes, struct err *e)
{
	struct kept_head *k = &disk.heads[seq - 1];

	(void)s;
	(void)day;
	(void)e;
	must(seq > disk.committed && seq <= disk.head_count);
	k->body = arena_str(&disk.arena, bytes);
	k->has_body = true;
	return 0;
}

/* Reads see what core knows to be on the disk, or what truly is after it. */
static int
ram_head_get(struct store *s, uint64_t seq, store_head_fn *each, void *context,
    struct err *e)
{
	(void)s;
	if (seq == 0 || seq > disk.committed) {
		return err_set(e, ERR_MISSING, "no such head");
	}
	return each(context,
	    &(struct store_head){ .seq = seq,
	        .before = disk.heads[seq - 1].before,
	        .head = disk.heads[seq - 1].head },
	    e);
}

static int
ram_heads_walk(struct store *s, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e)
{
	uint64_t seq = from ? from : 1;

	for (uint64_t n = 0; seq <= disk.committed && (!limit || n < limit);
	     n++) {
		if (ram_head_get(s, seq++, each, context, e)) {
			return -1;
		}
	}
	return 0;
}

static int
ram_body_get(
    struct store *s, uint64_t seq, int64_t *day, struct buf *out, struct err *e)
{
	(void)s;
	if (seq == 0 || seq > disk.committed || !disk.heads[seq - 1].has_body) {
		return err_set(e, ERR_MISSING, "no such body");
	}
	if (day) {
		*day = 0;
	}
	buf_add(out, disk.heads[seq - 1].body);
	return 0;
}

/* --- rows and tasks --- */

static struct kept_row *
add_row(void)
{
	struct kept_row *k = arena_alloc(&disk.arena, sizeof(*k));

	k->next = disk.batch;
	disk.batch = k;
	return k;
}

static int
ram_row_put(struct store *s, const struct store_row *row, struct err *e)
{
	struct kept_row *k = add_row();

	(void)s;
	(void)e;
	k->space = arena_str(&disk.arena, row->space);
	k->key = arena_str(&disk.arena, row->key);
	k->value = arena_str(&disk.arena, row->value);
	k->version = row->version;
	return 0;
}

static int
ram_row_delete(struct store *s, struct str space, struct str key, struct err *e)
{
	struct kept_row *k = add_row();

	(void)s;
	(void)e;
	k->space = arena_str(&disk.arena, space);
	k->key = arena_str(&disk.arena, key);
	k->dropped = true;
	return 0;
}

static int
ram_row_get(struct store *s, struct str space, struct str key, struct buf *out,
    uint64_t *version, struct err *e)
{
	const struct kept_row *r = disk.rows;

	(void)s;
	while (r && (r->is_task || !str_eq(r->space, space) ||
	                !str_eq(r->key, key))) {
		r = r->next;
	}
	if (!r) {
		return err_set(e, ERR_MISSING, "no such row");
	}
	buf_add(out, r->value);
	if (version) {
		*version = r->version;
	}
	return 0;
}

static int
ram_rows_walk(struct store *s, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e)
{
	(void)s;
	for (struct kept_row *r = disk.rows; r; r = r->next) {
		struct store_row row = {
			.space = r->space,
			.key = r->key,
			.value = r->value,
			.version = r->version,
		};

		if (!r->is_task && str_eq(r->space, space) &&
		    str_starts(r->key, prefix) && each(context, &row, e)) {
			return -1;
		}
	}
	return 0;
}

static int
ram_task_put(struct store *s, const struct store_task *task, struct err *e)
{
	struct arena *a = &disk.arena;
	struct kept_row *k = add_row();

	(void)s;
	(void)e;
	k->is_task = true;
	k->key = arena_str(a, task->id);
	k->task = *task;
	k->task.id = k->key;
	k->task.queue = arena_str(a, task->queue);
	k->task.subject = arena_str(a, task->subject);
	k->task.state = arena_str(a, task->state);
	k->task.owner = arena_str(a, task->owner);
	k->task.record = arena_str(a, task->record);
	k->task.saved = arena_str(a, task->saved);
	return 0;
}

static int
ram_task_get(struct store *s, struct str id, store_task_fn *each, void *context,
    struct err *e)
{
	(void)s;
	for (struct kept_row *r = disk.rows; r; r = r->next) {
		if (r->is_task && str_eq(r->key, id)) {
			return each(context, &r->task, e);
		}
	}
	return err_set(e, ERR_MISSING, "no such task");
}

static int
ram_live_walk(
    struct store *s, store_task_fn *each, void *context, struct err *e)
{
	(void)s;
	for (struct kept_row *r = disk.rows; r; r = r->next) {
		if (r->is_task && r->task.live && each(context, &r->task, e)) {
			return -1;
		}
	}
	return 0;
}

static int
ram_inbox_walk(struct store *s, uint64_t limit, store_inbox_fn *each,
    void *context, struct err *e)
{
	(void)s;
	(void)limit;
	(void)each;
	(void)context;
	(void)e;
	return 0;
}

static int
ram_inbox_fd(const struct store *s)
{
	(void)s;
	return -1;
}

static const struct store_ops ram_ops = {
	.close = ram_close,
	.own = ram_own,
	.begin = ram_begin,
	.commit = ram_commit,
	.step = ram_step,
	.fd = ram_fd,
	.why = ram_why,
	.beat_us = ram_beat,
	.lease_left_us = ram_lease_left,
	.rollback = ram_rollback,
	.checkpoint = ram_fine,
	.scrub = ram_fine,
	.check = ram_fine,
	.head_add = ram_head_add,
	.body_add = ram_body_add,
	.heads_walk = ram_heads_walk,
	.head_get = ram_head_get,
	.body_get = ram_body_get,
	.row_put = ram_row_put,
	.row_get = ram_row_get,
	.row_delete = ram_row_delete,
	.rows_walk = ram_rows_walk,
	.task_put = ram_task_put,
	.task_get = ram_task_get,
	.live_walk = ram_live_walk,
	.inbox_walk = ram_inbox_walk,
	.inbox_fd = ram_inbox_fd,
	.low = ram_low,
};

/* NOLINTBEGIN(bugprone-reserved-identifier): the names of ld --wrap */

int __wrap_sqlite_store_open(
    const char *path, unsigned flags, struct store **store, struct err *e);
int
__wrap_sqlite_store_open(
    const char *path, unsigned flags, struct store **store, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));

	(void)flags;
	(void)e;
	must(s);
	sim_store_undo();
	s->ops = &ram_ops;
	s->last = s->committed = disk.committed;
	buf_add_z(&s->where, path);
	disk.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(disk.bell >= 0);
	*store = s;
	return 0;
}

/* NOLINTEND(bugprone-reserved-identifier) */
