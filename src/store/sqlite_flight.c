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
 * 2. A sync that fails, ends the store: SQLite has gone on from that batch.
 * 3. A batch that cannot be written is told of when its turn comes, and nothing
 *    is begun behind it: those before it are not lost with it.
 */

#define LOG_PAGES   4000 /* then what the log holds is moved into the file */
#define LATER_HEADS 16

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
	auto_buf path = { 0 };

	buf_addf(&path, "%s-wal", s->store.where.at);
	later_open(&s->flights.later, buf_z(&path));
	(void)sqlite3_wal_hook(s->db, count_frames, s);
}

/* Not while the log is due to be moved: that waits for its syncs anyway. */
static bool
worth_starting(const struct sqlite *s)
{
	return s->flights.later.context && s->log_frames < LOG_PAGES &&
	       (s->store.flights || s->pending.heads_count >= LATER_HEADS);
}

static int
write_batch(struct sqlite *s, bool start, struct err *e)
{
	sqlite3_file *log = NULL;
	int done;

	if (sqlite_flush(s, e)) {
		return -1;
	}
	if (start) {
		must(sqlite3_file_control(s->db, "main",
		         SQLITE_FCNTL_JOURNAL_POINTER,
		         (void *)&log) == SQLITE_OK);
		sqlite_file_later(log, &s->flights.later);
	}
	done = write_step(s, STATEMENT_COMMIT, "writing to the store", e);
	if (log) {
		sqlite_file_later(log, NULL);
	}
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
synced(struct sqlite *s)
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

int
sqlite_commit(struct store *store, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	uint64_t started = s->flights.later.started;

	if (write_batch(s, worth_starting(s), e)) {
		return store->flights ? fail_in_turn(s, e, e) : -1;
	}
	s->words_committed = s->words_written;
	return s->flights.later.started > started
	           ? under_way(s, s->flights.later.started)
	           : synced(s);
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
