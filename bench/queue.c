/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue in process: the rooms queue, book and store as core joins them,
 * without HTTP.  A turn ends the tasks that the last one claimed and claims as
 * many anew: every outcome and every claim is a head in the tree with its body,
 * completed with the others of its turn, every end rewrites the task's row, one
 * transaction a turn, and a task counts when its turn is durable.
 *
 *     bench_queue drain STORE TASKS IN-FLIGHT [no-tree] [no-rows]
 * [halves|quarters] bench_queue put|start STORE TASKS bench_queue recover STORE
 * TASKS
 *
 * halves, quarters: one part of those in flight forms the next batch while
 * those of the others are under way, as in core.
 *
 * STORE is a path that does not exist yet, or postgres://….  One line of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "book/book.h"
#include "queue/queue.h"
#include "queue_alone.h"
#include "queue_figures.h"
#include "queue_heads.h"
#include "queue_notes.h"
#include "store/store.h"

#define QUEUE_NAME  STR("bench")
#define OWNER       STR("linux__server__bench_coworker")
#define PUT_BATCH   1000
#define FLIGHT_MAX  1000
#define SAMPLES_MAX 1000000

struct bench {
	const char *where;
	struct store *store;
	struct queue *queue;
	struct book_late tree;
	uint64_t seq;
	uint64_t incarnation;
	struct arena memory; /* of a command */
	bool no_tree;
	bool no_rows;
	unsigned parts;        /* of those in flight; each is a batch */
	struct notes turn;     /* where all in flight are one batch */
	struct notes *forming; /* the turn, or a part's */
};

struct held {
	char id[ID_TEXT];
	uint32_t epoch;
};

static void
check(int result, const struct err *e)
{
	if (result) {
		(void)fprintf(stderr, "bench_queue: %s\n", e->text);
		exit(1); /* NOLINT(concurrency-mt-unsafe) */
	}
}

/* --- as core does it --- */

static void
open_book(struct bench *b)
{
	struct err e = { 0 };

	check(store_open(b->where, STORE_CREATE, &b->store, &e), &e);
	check(store_own(b->store, "bench", &b->incarnation, &e), &e);
	b->seq = store_last_seq(b->store);
	must(b->forming);
}

static void
add_head(struct bench *b, const struct queue_event *event, uint64_t before)
{
	struct book_head head = {
		.seq = ++b->seq,
		.time = wall_now(),
		.kind = heads_kind(event->kind),
		.incarnation = (uint32_t)b->incarnation,
		.epoch = event->epoch,
	};

	(void)book_id_parse(event->id, &head.task);
	(void)str_copy(head.identity, sizeof(head.identity), OWNER);
	notes_head(b->forming, &head, before, event->body);
}

static void
write_step(struct bench *b, const struct queue_step *step)
{
	for (size_t i = 0; i < step->event_count; i++) {
		const struct queue_event *event = &step->events[i];
		const struct queue_task *t = queue_find(b->queue, event->id);
		struct err e = { 0 };

		add_head(b, event, t ? t->last_seq : 0);
		check(queue_apply_event(b->queue, event, b->seq, &e), &e);
	}
}

static void
write_row(struct bench *b, const struct queue_task *t, struct str record)
{
	auto_buf saved = { 0 };

	if (b->no_rows && !record.len) {
		return;
	}
	queue_task_save(b->queue, t, &saved);
	bool final = e2m_is_final(t->state);
	struct store_task row = {
		.number = t->put_seq,
		.id = t->id,
		.queue = t->queue,
		.subject = t->subject,
		.state = str_of(e2m_state_name(t->state)),
		.owner = t->owner,
		.created_at = t->created,
		.updated_at = t->updated,
		.record = record,
		.saved = buf_str(&saved),
		.last_seq = t->last_seq,
		.live = true, /* it is kept for a while */
		.ending = final,
	};

	notes_task(b->forming, &row);
	queue_saved(b->queue, t->id);
}

/* What was formed, hashed, into a transaction that is not yet committed. */
static void
write_batch(struct bench *b)
{
	struct err e = { 0 };

	notes_hash(b->forming, b->no_tree ? NULL : &b->tree);
	check(store_begin(b->store, &e), &e);
	check(notes_write(b->forming, b->store, &e), &e);
}

static void
commit(struct bench *b)
{
	struct err e = { 0 };

	write_batch(b);
	check(store_commit(b->store, &e), &e);
}

/* --- commands --- */

static void
put_one(struct bench *b, const struct queue_claim *waiting, struct held *got)
{
	auto_arena a = { 0 };
	auto_buf record = { 0 };
	struct e2m_record task = { 0 };
	struct queue_put put = {
		.task = &task.as.task,
		.now = wall_now(),
		.claim = waiting,
	};
	struct json *payload = json_new(&a, JSON_OBJECT);
	struct queue_step step = { 0 };
	struct err e = { 0 };

	e2m_task_init(&a, put.now, &task);
	task.as.task.queue = QUEUE_NAME;
	task.as.task.subject = STR("a task");
	(void)json_set_str(&a, payload, "x",
	    STR("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	task.as.task.payload = payload;
	check(queue_put(b->queue, &a, &put, &step, &e), &e);
	write_step(b, &step);
	json_write(&record, e2m_to_json(&a, &task));
	write_row(b, queue_find(b->queue, step.id), buf_str(&record));
	if (got) {
		must(step.claim_count == 1);
		(void)str_copy(got->id, sizeof(got->id), step.claims[0].id);
		got->epoch = step.claims[0].epoch;
	}
}

static void
put_all(struct bench *b, uint64_t count)
{
	for (uint64_t done = 0; done < count;) {
		for (int i = 0; i < PUT_BATCH && done < count; i++, done++) {
			put_one(b, NULL, NULL);
		}
		commit(b);
	}
}

static struct queue_claim
claimer(const struct bench *b, size_t max)
{
	return (struct queue_claim){
		.queue = QUEUE_NAME,
		.owner = OWNER,
		.incarnation = (uint32_t)b->incarnation,
		.max = max,
		.now = wall_now(),
	};
}

static size_t
claim(struct bench *b, struct held *held, size_t max)
{
	size_t taken = 0;

	arena_clear(&b->memory);
	while (taken < max) {
		size_t some = max - taken < QUEUE_CLAIM_MAX ? max - taken
		                                            : QUEUE_CLAIM_MAX;
		struct queue_claim command = claimer(b, some);
		struct queue_step step = { 0 };
		struct err e = { 0 };

		if (queue_claim(b->queue, &b->memory, &command, &step, &e)) {
			must(e.kind == ERR_MISSING);
			break;
		}
		write_step(b, &step);
		for (size_t i = 0; i < step.claim_count; i++, taken++) {
			(void)str_copy(held[taken].id, sizeof(held[taken].id),
			    step.claims[i].id);
			held[taken].epoch = step.claims[i].epoch;
		}
	}
	return taken;
}

static void
finish(struct bench *b, const struct held *held, const struct json *result)
{
	struct queue_finish command = {
		.task = str_of(held->id),
		.epoch = held->epoch,
		.outcome = E2M_COMPLETE,
		.result = result,
		.now = wall_now(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	arena_clear(&b->memory);
	check(queue_finish(b->queue, &b->memory, &command, &step, &e), &e);
	write_step(b, &step);
	write_row(b, queue_find(b->queue, step.id), STR(""));
}

/* --- figures --- */

static int
drained(struct bench *b, uint64_t count, uint64_t turns, double busy,
    struct mono begun)
{
	double us = (double)(mono_now().us - begun.us);

	store_close(b->store);
	printf("{\"rate\":%.0f,\"cpu_us\":%.2f,\"turn_us\":%.0f}\n",
	    (double)count * 1e6 / us, (processor_us() - busy) / (double)count,
	    us / (double)turns);
	return 0;
}

static int
drain(struct bench *b, uint64_t count, size_t flight)
{
	static struct held held[FLIGHT_MAX];
	auto_arena a = { 0 };
	struct json *result = json_new(&a, JSON_OBJECT);
	uint64_t done = 0;
	uint64_t turns = 0;

	(void)json_set(&a, result, "ok", json_new_bool(&a, true));
	open_book(b);
	put_all(b, count);
	double busy = processor_us();
	struct mono begun = mono_now();

	size_t taken = claim(b, held, flight);

	commit(b);
	while (taken > 0) {
		for (size_t i = 0; i < taken; i++) {
			finish(b, &held[i], result);
		}
		size_t next = claim(b, held, flight);

		commit(b);
		done += taken;
		taken = next;
		turns++;
	}
	must(done == count);
	return drained(b, count, turns, busy, begun);
}

struct part {
	struct held held[FLIGHT_MAX];
	size_t taken;
	struct notes notes;
};

/* One part's turn: its ends and its next claims. */
static size_t
form(struct bench *b, struct part *h, size_t most, const struct json *result)
{
	size_t ended = h->taken;

	b->forming = &h->notes;
	for (size_t i = 0; i < h->taken; i++) {
		finish(b, &h->held[i], result);
	}
	h->taken = claim(b, h->held, most);
	return ended;
}

static int
drain_parts(struct bench *b, uint64_t count, size_t flight)
{
	static struct part parts[STORE_FLIGHTS_MAX];
	auto_arena a = { 0 };
	struct json *result = json_new(&a, JSON_OBJECT);
	struct err e = { 0 };
	uint64_t done = 0;
	uint64_t turns = 0;

	(void)json_set(&a, result, "ok", json_new_bool(&a, true));
	open_book(b);
	put_all(b, count);
	double busy = processor_us();
	struct mono begun = mono_now();

	for (unsigned i = 0; i < b->parts; i++) {
		parts[i].taken = claim(b, parts[i].held, flight / b->parts);
	}
	commit(b);
	for (struct part *h = parts; done < count;
	     h = &parts[turns % b->parts]) {
		/* Its claims are durable before its ends are made. */
		check(notes_await(b->store, b->parts - 1, &e), &e);
		done += form(b, h, flight / b->parts, result);
		write_batch(b);
		check(store_commit_start(b->store, &e) < 0, &e);
		turns++;
	}
	check(notes_await(b->store, 0, &e), &e);
	must(done == count);
	return drained(b, count, turns, busy, begun);
}

static int
put(struct bench *b, uint64_t count)
{
	open_book(b);
	put_all(b, count);
	store_close(b->store);
	printf("{\"puts\":%llu}\n", (unsigned long long)count);
	return 0;
}

/* Somebody waits: put and claim are one commit. */
static uint32_t
start_one(struct bench *b, const struct json *result, uint32_t *written)
{
	size_t before = disk_written();
	struct held got;

	rest_a_while();
	struct queue_claim waiting = claimer(b, 1);
	struct mono begun = mono_now();

	put_one(b, &waiting, &got);
	commit(b);
	uint32_t us = (uint32_t)(mono_now().us - begun.us);

	*written = (uint32_t)(disk_written() - before);
	finish(b, &got, result);
	commit(b);
	return us;
}

/* under: for each what lies under it; or NULL.  Returns the bytes that all of
 * them wrote. */
static uint64_t
start_many(struct bench *b, const struct json *result, uint32_t *samples,
    uint32_t *under, uint64_t count)
{
	static struct alone alone;
	struct err e = { 0 };
	uint64_t bytes = 0;
	uint32_t written;

	if (under) {
		check(alone_open(&alone, b->where, &e), &e);
	}
	for (uint64_t i = 0; i < count; i++) {
		samples[i] = start_one(b, result, &written);
		bytes += written;
		if (!under) {
			continue;
		}
		under[i] = written;
		if ((i + 1) % ALONE_TURN == 0) {
			check(alone_turn(&alone, under + i + 1 - ALONE_TURN,
			          ALONE_TURN, &e),
			    &e);
		}
	}
	if (under) {
		alone_close(&alone);
	}
	return bytes;
}

/* In a new house, whose log's file grows with each commit; then in one that has
 * worked and had a quiet minute, as core_keep.c makes of it: what was written
 * has been moved, and its log is written over. */
static int
start(struct bench *b, uint64_t count)
{
	auto_free uint32_t *samples = calloc(2 * count, sizeof(*samples));
	auto_arena a = { 0 };
	struct json *result = json_new(&a, JSON_OBJECT);
	struct err e = { 0 };

	must(samples && count % ALONE_TURN == 0);
	uint32_t *under = samples + count;

	open_book(b);
	(void)start_many(b, result, samples, NULL, count);
	uint32_t in_new = share(samples, count, 50);

	check(store_checkpoint(b->store, &e), &e);
	uint64_t bytes = start_many(b, result, samples, under, count);
	uint32_t p50 = share(samples, count, 50);

	printf("{\"p50_us\":%u,\"p99_us\":%u,\"new_p50_us\":%u,"
	       "\"under_p50_us\":%u,\"bytes\":%llu}\n",
	    p50, share(samples, count, 99), in_new, share(under, count, 50),
	    (unsigned long long)(bytes / count));
	return 0;
}

static int
load_task(void *context, const struct store_task *task, struct err *e)
{
	struct bench *b = context;

	return queue_task_load(b->queue, task->saved, e);
}

static int
recover(struct bench *b, uint64_t count)
{
	struct held one;
	struct err e = { 0 };

	open_book(b);
	put_all(b, count);
	store_close(b->store);
	queue_free(b->queue);
	struct mono begun = mono_now();

	b->queue = queue_new(random_u64());
	queue_add_name(b->queue, QUEUE_NAME);
	open_book(b);
	struct mono opened = mono_now();

	check(store_live_walk(b->store, load_task, b, &e), &e);
	struct mono loaded = mono_now();

	check(queue_load_end(b->queue, &e), &e);
	struct mono ready = mono_now();

	must(claim(b, &one, 1) == 1);
	commit(b);
	printf("{\"seconds\":%.3f,\"open\":%.3f,\"load\":%.3f,\"end\":%.3f}\n",
	    (double)(ready.us - begun.us) / 1e6,
	    (double)(opened.us - begun.us) / 1e6,
	    (double)(loaded.us - opened.us) / 1e6,
	    (double)(ready.us - loaded.us) / 1e6);
	return 0;
}

static int
usage(void)
{
	(void)fprintf(stderr,
	    "bench_queue drain STORE TASKS IN-FLIGHT [no-tree] [no-rows]"
	    " [halves|quarters]\n"
	    "bench_queue put|start|recover STORE TASKS\n");
	return 2;
}

int
main(int argc, char **argv)
{
	static struct bench b = { .parts = 1 };
	uint64_t count;
	uint64_t flight = 64;

	if (argc < 4 || !str_u64(str_of(argv[3]), &count) || count < 1) {
		return usage();
	}
	b.where = argv[2];
	if (argc > 4 && (!str_u64(str_of(argv[4]), &flight) || flight < 1 ||
	                    flight > FLIGHT_MAX)) {
		return usage();
	}
	for (int i = 5; i < argc; i++) {
		b.no_tree |= strcmp(argv[i], "no-tree") == 0;
		b.no_rows |= strcmp(argv[i], "no-rows") == 0;
		b.parts = strcmp(argv[i], "halves") == 0     ? 2
		          : strcmp(argv[i], "quarters") == 0 ? 4
		                                             : b.parts;
	}
	b.queue = queue_new(random_u64());
	b.forming = &b.turn;
	queue_add_name(b.queue, QUEUE_NAME);
	if (strcmp(argv[1], "drain") == 0) {
		return b.parts > 1 ? drain_parts(&b, count, flight)
		                   : drain(&b, count, flight);
	}
	if (strcmp(argv[1], "start") == 0) {
		return start(&b, count);
	}
	if (strcmp(argv[1], "put") == 0) {
		return put(&b, count);
	}
	return strcmp(argv[1], "recover") ? usage() : recover(&b, count);
}
