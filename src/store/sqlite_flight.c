/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/eventfd.h>

#include "store/sqlite.h"
#include "store/sqlite_file.h"

/*
 * Commits.  A small batch is synced while its writer waits: that is the
 * shortest way.  A greater one, and whatever comes behind one, is in the log
 * when SQLite's COMMIT returns, and its sync has only been started: it is under
 * way, and what comes next is made meanwhile (DESIGN, Commits under way).
 *
 * 1. A batch is told to be durable only after a sync that began when the last
 *    byte of it was written, has ended well.
 * 2. One that changed no page has no bytes and no sync: it is durable with
 * those before it, and not earlier.
 * 3. A sync that fails, ends the store: SQLite has gone on from that batch.
 * 4. A batch that cannot be written is told of when its turn comes, and nothing
 *    is begun behind it: those before it are not lost with it.
 */

#define LOG_PAGES 4000 /* then what the log holds is moved into the file */
/* A request of a cell is four heads with the outcome of the one before it; a
 * writer that waits for their sync has to get its processor in the middle of it
 * as well, between the write and the flush. */
#define LATER_HEADS 4

static int
count_frames(void *context, sqlite3 *db, const char *name, int frames)
{
	struct sqlite *s = context;

	(void)db;
	(void)name;
	s->log_frames = frames;
	return SQLITE_OK;
}

void
sqlite_flights_open(struct sqlite *s)
{
	/* Where SQLite has it: beside the file, wherever a link led to that. */
	later_open(&s->flights.later,
	    sqlite3_filename_wal(sqlite3_db_filename(s->db, "main")));
	(void)sqlite3_wal_hook(s->db, count_frames, s);
}

/* Not while the log is due to be moved: that waits for its syncs anyway. */
static bool
worth_starting(const struct sqlite *s)
{
	return s->flights.later.context && s->log_frames < LOG_PAGES &&
	       (s->store.flights || s->pending.heads_count >= LATER_HEADS);
}

static sqlite3_file *
log_of(struct sqlite *s)
{
	sqlite3_file *log = NULL;

	must(sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER,
	         (void *)&log) == SQLITE_OK);
	return log;
}

/* `synced`: it and all before it are durable. */
static int
write_batch(struct sqlite *s, bool *synced, struct err *e)
{
	bool start = worth_starting(s);
	sqlite3_file *log;
	uint64_t syncs;
	int done;

	if (sqlite_flush(s, e)) {
		return -1;
	}
	log = log_of(s);
	syncs = sqlite_file_syncs(log);
	sqlite_file_later(log, start ? &s->flights.later : NULL);
	done = write_step(s, STATEMENT_COMMIT, "writing to the store", e);
	sqlite_file_later(log, NULL);
	*synced = sqlite_file_syncs(log) > syncs;
	return done;
}

/* A step is asked for, though no sync will end. */
static void
ring(const struct sqlite *s)
{
	(void)eventfd_write(s->flights.later.bell, 1);
}

static int
lost(struct sqlite *s, struct err *e)
{
	return sqlite_unconfirmed(s, "writing to the store", e);
}

int
sqlite_flights_wait(struct sqlite *s, struct err *e)
{
	later_look(&s->flights.later, true);
	if (s->flights.later.fault) {
		return lost(s, e);
	}
	if (s->store.flights) {
		ring(s);
	}
	return 0;
}

static int
under_way(struct sqlite *s, uint64_t ticket)
{
	s->flights.tickets[s->store.flights] = ticket;
	return 1;
}

/* Those before it are not undone with it: they are in the log. */
static int
fail_in_turn(struct sqlite *s, const struct err *why, struct err *e)
{
	struct err kept = *why;

	sqlite_undo(s);
	sqlite_forget(s);
	if (s->store.state == STORE_DEAD || sqlite_flights_wait(s, e)) {
		return -1;
	}
	s->flights.failed = kept;
	return under_way(s, 0);
}

/* What was written before is durable with it. */
static int
covered(struct sqlite *s)
{
	later_done(&s->flights.later);
	if (s->log_frames >= LOG_PAGES) {
		/* Its failure is no batch's: the next commit tries again. */
		(void)sqlite3_wal_checkpoint_v2(
		    s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	}
	if (!s->store.flights) {
		return 0;
	}
	ring(s);
	return under_way(s, s->flights.later.started);
}

/* It changed no page. */
static int
with_those_before(struct sqlite *s)
{
	if (!s->store.flights) {
		return 0;
	}
	ring(s); /* that may have been told already */
	return under_way(s, s->flights.tickets[s->store.flights - 1]);
}

int
sqlite_commit(struct store *store, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	uint64_t started = s->flights.later.started;
	bool synced = false;

	if (write_batch(s, &synced, e)) {
		return store->flights ? fail_in_turn(s, e, e) : -1;
	}
	s->words_committed = s->words_written;
	if (s->flights.later.started > started) {
		return under_way(s, s->flights.later.started);
	}
	return synced ? covered(s) : with_those_before(s);
}

int
sqlite_step(struct store *store, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct flights *f = &s->flights;

	later_look(&f->later, false);
	if (f->later.fault) {
		return lost(s, e);
	}
	if (f->tickets[0] == 0) {
		*e = f->failed;
		f->failed.kind = ERR_NONE;
		return -1;
	}
	if (f->tickets[0] > f->later.done) {
		return 1;
	}
	for (unsigned i = 1; i < store->flights; i++) {
		f->tickets[i - 1] = f->tickets[i];
	}
	return 0;
}

int
sqlite_fd(const struct store *store, bool *for_write)
{
	const struct sqlite *s = (const struct sqlite *)store;

	*for_write = false;
	return store->flights ? s->flights.later.bell : -1;
}

int
sqlite_flights_may_begin(const struct sqlite *s, struct err *e)
{
	if (s->flights.failed.kind) {
		*e = s->flights.failed;
		return -1;
	}
	return 0;
}
