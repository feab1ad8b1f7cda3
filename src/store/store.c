/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>

#include "store/door.h"

bool
store_is_url(const char *where)
{
	struct str all = str_of(where);

	return str_starts(all, STR("postgres://")) ||
	       str_starts(all, STR("postgresql://"));
}

int
store_open(
    const char *where, unsigned flags, struct store **store, struct err *e)
{
	must(!((flags & STORE_CREATE) && (flags & STORE_READ)));
	return store_is_url(where) ? postgres_store_open(where, flags, store, e)
	                           : sqlite_store_open(where, flags, store, e);
}

void
store_close(struct store *store)
{
	if (!store) {
		return;
	}
	must(!store->walking);
	if (store->state == STORE_OPEN || store->state == STORE_BROKEN) {
		store_rollback(store);
	}
	store->ops->close(store);
}

void
auto_store_close(struct store **store)
{
	store_close(*store);
}

int
may_read(struct store *store, struct err *e)
{
	if (store->state == STORE_BROKEN || store->state == STORE_DEAD) {
		*e = store->fault;
		return -1;
	}
	return 0;
}

int
may_write(struct store *store, struct err *e)
{
	must(store->state != STORE_IDLE);
	must(!store->walking);
	return may_read(store, e);
}

static void
undo(struct store *store)
{
	store->ops->rollback(store);
	store->last = store->flights ? store->flight_last[store->flights - 1]
	                             : store->committed;
}

int
store_break(struct store *store, const struct err *e)
{
	if (store->state == STORE_OPEN) {
		store->fault = *e;
		store->state = STORE_BROKEN;
		undo(store);
	}
	return -1;
}

int
wrote(struct store *store, int done, const struct err *e)
{
	return done ? store_break(store, e) : 0;
}

int
store_own(
    struct store *store, const char *node, uint64_t *incarnation, struct err *e)
{
	must(store->state == STORE_IDLE || store->state == STORE_DEAD);
	must(!store->walking && !store->read_only);
	return may_read(store, e)
	           ? -1
	           : store->ops->own(store, node, incarnation, e);
}

int
store_begin(struct store *store, struct err *e)
{
	must(store->state == STORE_IDLE || store->state == STORE_DEAD);
	must(!store->walking && !store->read_only);
	must(store->flights < STORE_FLIGHTS_MAX);
	if (may_read(store, e) || store->ops->begin(store, e)) {
		return -1;
	}
	store->begun = store->last;
	store->body = store->last;
	store->state = STORE_OPEN;
	return 0;
}

/* Everything that is not durable is undone. */
static int
failed(struct store *store)
{
	store->flights = 0;
	undo(store);
	if (store->state != STORE_DEAD) {
		store->state = STORE_IDLE;
	}
	return -1;
}

int
store_commit_start(struct store *store, struct err *e)
{
	int done;

	must(!store->walking && store->state != STORE_IDLE);
	if (store->state != STORE_OPEN) {
		*e = store->fault;
		store_rollback(store);
		return -1;
	}
	done = store->ops->commit(store, e);
	if (done < 0) {
		return failed(store);
	}
	store->state = STORE_IDLE;
	if (done > 0) {
		store->flight_last[store->flights++] = store->last;
		return 1;
	}
	must(!store->flights);
	store->committed = store->last;
	return 0;
}

int
store_commit_step(struct store *store, struct err *e)
{
	int done;

	must(!store_in_transaction(store) && store->flights);
	if (store->state == STORE_DEAD) { /* found by somebody else's call */
		*e = store->fault;
		return failed(store);
	}
	done = store->ops->step(store, e);
	if (done > 0) {
		return 1;
	}
	if (done < 0) {
		return failed(store);
	}
	store->committed = store->flight_last[0];
	store->flights--;
	memmove(store->flight_last, store->flight_last + 1,
	    store->flights * sizeof(store->flight_last[0]));
	return 0;
}

int
store_commit(struct store *store, struct err *e)
{
	int done = store_commit_start(store, e);

	while (done >= 0 && store->flights) {
		bool for_write = false;
		struct pollfd wait = { .fd = store_fd(store, &for_write) };

		wait.events = for_write ? POLLIN | POLLOUT : POLLIN;
		if (done > 0) {
			(void)poll(&wait, 1, 1000);
		}
		done = store_commit_step(store, e);
	}
	return done;
}

unsigned
store_in_flight(const struct store *store)
{
	return store->flights;
}

int
store_fd(const struct store *store, bool *for_write)
{
	return store->ops->fd(store, for_write);
}

bool
store_fd_lasts(const struct store *store)
{
	return store->ops->fd_lasts;
}

const char *
store_why(const struct store *store)
{
	return store->ops->why(store);
}

int64_t
store_beat_us(const struct store *store)
{
	return store->ops->beat_us(store);
}

int64_t
store_lease_left_us(const struct store *store)
{
	return store->ops->lease_left_us(store);
}

void
store_rollback(struct store *store)
{
	must(store->state != STORE_IDLE);
	must(!store->walking);
	undo(store);
	if (store->state != STORE_DEAD) {
		store->state = STORE_IDLE;
	}
}

bool
store_in_transaction(const struct store *store)
{
	return store->state == STORE_OPEN || store->state == STORE_BROKEN;
}

bool
store_low(const struct store *store)
{
	return store->ops->low(store);
}

int
store_checkpoint(struct store *store, struct err *e)
{
	must(!store_in_transaction(store));
	must(!store->walking && !store->read_only);
	return may_read(store, e) ? -1 : store->ops->checkpoint(store, e);
}

int
store_scrub(struct store *store, struct err *e)
{
	must(!store_in_transaction(store));
	must(!store->walking && !store->read_only);
	return may_read(store, e) ? -1 : store->ops->scrub(store, e);
}

int
store_check(struct store *store, struct err *e)
{
	must(!store->walking);
	return may_read(store, e) ? -1 : store->ops->check(store, e);
}

int
store_backup_start(struct store *store, const char *path,
    struct store_backup **backup, struct err *e)
{
	must(!store_in_transaction(store) && !store->walking);
	return may_read(store, e)
	           ? -1
	           : store->ops->backup_start(store, path, backup, e);
}

int
store_backup_step(struct store_backup *backup, unsigned *percent, struct err *e)
{
	struct store *store = backup->store;

	must(!store_in_transaction(store) && !store->walking);
	return may_read(store, e) ? -1
	                          : store->ops->backup_step(backup, percent, e);
}

void
store_backup_free(struct store_backup *backup)
{
	if (backup) {
		backup->store->ops->backup_free(backup);
	}
}
