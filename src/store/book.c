/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/door.h"

static int
head_fits(
    const struct store *store, const struct store_head *head, struct err *e)
{
	if (head->seq != store->last + 1) {
		return err_set(e, ERR_CONFLICT,
		    "head %llu does not follow head %llu",
		    (unsigned long long)head->seq,
		    (unsigned long long)store->last);
	}
	if (head->before >= head->seq) {
		return err_set(e, ERR_CONFLICT,
		    "head %llu cannot continue the later head %llu",
		    (unsigned long long)head->seq,
		    (unsigned long long)head->before);
	}
	return 0;
}

int
store_head_add(
    struct store *store, const struct store_head *head, struct err *e)
{
	if (may_write(store, e)) {
		return -1;
	}
	if (head_fits(store, head, e) || store->ops->head_add(store, head, e)) {
		return store_break(store, e);
	}
	store->last = head->seq;
	return 0;
}

static int
body_fits(
    const struct store *store, uint64_t seq, struct str bytes, struct err *e)
{
	if (bytes.len > STORE_BODY_MAX) {
		return err_set(e, ERR_LIMIT, "a body of %zu bytes, over %u",
		    bytes.len, STORE_BODY_MAX);
	}
	if (seq <= store->begun || seq > store->last) {
		return err_set(e, ERR_CONFLICT,
		    "a body for head %llu, which is not in this batch",
		    (unsigned long long)seq);
	}
	if (seq <= store->body) {
		return err_set(e, ERR_CONFLICT,
		    "a body for head %llu after one for head %llu",
		    (unsigned long long)seq, (unsigned long long)store->body);
	}
	return 0;
}

int
store_body_add(struct store *store, uint64_t seq, int64_t day, struct str bytes,
    struct err *e)
{
	if (may_write(store, e)) {
		return -1;
	}
	if (body_fits(store, seq, bytes, e) ||
	    store->ops->body_add(store, seq, day, bytes, e)) {
		return store_break(store, e);
	}
	store->body = seq;
	return 0;
}

uint64_t
store_last_seq(const struct store *store)
{
	return store->last;
}

int
store_heads_walk(struct store *store, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e)
{
	int done;

	must(!store->walking);
	if (may_read(store, e)) {
		return -1;
	}
	store->walking = true;
	done = store->ops->heads_walk(
	    store, from ? from : 1, limit, each, context, e);
	store->walking = false;
	return done;
}

/* The seqs of a trail, newest first. */
struct trail {
	uint64_t *seqs;
	size_t count;
	size_t room;
	uint64_t next;
};

static int
note_before(void *context, const struct store_head *head, struct err *e)
{
	struct trail *trail = context;

	(void)e;
	trail->seqs = array_grow(
	    trail->seqs, trail->count, &trail->room, sizeof(uint64_t));
	trail->seqs[trail->count++] = head->seq;
	trail->next = head->before;
	return 0;
}

static int
follow_trail(struct store *store, uint64_t last, uint64_t after,
    struct trail *trail, struct err *e)
{
	trail->next = last;
	while (trail->next > after) {
		uint64_t seq = trail->next;

		if (store->ops->head_get(store, seq, note_before, trail, e)) {
			return -1;
		}
		if (trail->next >= seq) {
			return err_set(e, ERR_IO,
			    "head %llu says that it continues head %llu",
			    (unsigned long long)seq,
			    (unsigned long long)trail->next);
		}
	}
	return 0;
}

int
store_trail_walk(struct store *store, uint64_t last, uint64_t after,
    store_head_fn *each, void *context, struct err *e)
{
	struct trail trail = { 0 };
	int done;

	must(!store->walking);
	if (may_read(store, e)) {
		return -1;
	}
	store->walking = true;
	done = follow_trail(store, last, after, &trail, e);
	while (done == 0 && trail.count > 0) {
		done = store->ops->head_get(
		    store, trail.seqs[--trail.count], each, context, e);
	}
	store->walking = false;
	free(trail.seqs);
	return done;
}

int
store_head_get(struct store *store, uint64_t seq, store_head_fn *each,
    void *context, struct err *e)
{
	return may_read(store, e)
	           ? -1
	           : store->ops->head_get(store, seq, each, context, e);
}

int
store_body_get(
    struct store *store, uint64_t seq, struct buf *out, struct err *e)
{
	return may_read(store, e)
	           ? -1
	           : store->ops->body_get(store, seq, NULL, out, e);
}

int
store_bodies_last(
    struct store *store, int64_t before_day, uint64_t *last, struct err *e)
{
	uint64_t found;

	if (may_read(store, e) ||
	    store->ops->bodies_last(store, before_day, &found, e)) {
		return -1;
	}
	*last = found < store->last ? found : store->last;
	return 0;
}

int
store_bodies_expire(
    struct store *store, int64_t before_day, uint64_t *count, struct err *e)
{
	if (may_write(store, e)) {
		return -1;
	}
	return wrote(
	    store, store->ops->bodies_expire(store, before_day, count, e), e);
}
