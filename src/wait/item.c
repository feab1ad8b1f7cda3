/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#include <stdlib.h>
#include <string.h>

/*
 * Items: the texts of the waits that somebody looks at.  One is read from the
 * book when it is looked for, and given up in wait_fold when there are many,
 * if it can be read again: what its slot and two bodies (its put, and what
 * ended it) do not say stays.
 */

#define WARM_MAX 64

static struct item **
warm_list(const struct wait_list *w, uint32_t n)
{
	return &w->warm->lists[n % WARM_LISTS];
}

void
wait_item_warm(const struct wait_list *w, struct item *i)
{
	struct item **list = warm_list(w, i->slot);

	i->next = *list;
	*list = i;
	w->warm->count++;
}

void
wait_item_free(struct item *i)
{
	if (i) {
		arena_fini(&i->arena);
		free(i);
	}
}

void
wait_items_free(struct wait_list *w)
{
	for (size_t n = 0; n < WARM_LISTS; n++) {
		while (w->warm->lists[n]) {
			struct item *i = w->warm->lists[n];

			w->warm->lists[n] = i->next;
			wait_item_free(i);
		}
	}
	w->warm->count = 0;
}

void
wait_items_renumber(struct wait_list *w, const uint32_t *to)
{
	struct item *all = NULL;
	struct item *next;

	for (size_t n = 0; n < WARM_LISTS; n++) {
		for (struct item *i = w->warm->lists[n]; i; i = next) {
			next = i->next;
			i->next = all;
			all = i;
		}
		w->warm->lists[n] = NULL;
	}
	w->warm->count = 0;
	for (; all; all = next) {
		next = all->next;
		all->slot = to[all->slot];
		if (all->slot == NO_PLACE) {
			wait_item_free(all);
		} else {
			wait_item_warm(w, all);
		}
	}
}

/* --- reading one again --- */

static int
read_body(const struct wait_list *w, uint64_t seq, struct item *i,
    int (*take)(const struct json *body, struct item *i))
{
	auto_arena a = { 0 };
	auto_buf body = { 0 };
	struct json *tree = NULL;
	struct err e = { 0 };

	return w->warm->load &&
	               w->warm->load(w->warm->context, seq, &body, &e) == 0 &&
	               json_parse(&a, buf_str(&body), NULL, &tree, &e) == 0
	           ? take(tree, i)
	           : -1;
}

/* What its slot says of it is what its events have made of it. */
static bool
is_same(const struct slot *s, const struct item *i)
{
	uint8_t id[SLOT_ID];

	return wait_parse_id(str_of(i->shown.id), id) &&
	       memcmp(id, s->id, SLOT_ID) == 0;
}

static struct item *
thaw(const struct wait_list *w, uint32_t n)
{
	const struct slot *s = wait_slot(w, n);
	struct item *i = calloc(1, sizeof(*i));

	must(i);
	i->slot = n;
	i->last_seq = s->seq;
	if (read_body(w, s->seq, i, wait_read_put) || !is_same(s, i) ||
	    (s->state != WAIT_OPEN &&
	        read_body(w, s->when, i, wait_read_end))) {
		wait_item_free(i);
		return NULL;
	}
	i->shown.seq = s->seq;
	i->shown.state = (enum wait_state)s->state;
	i->shown.reminded = s->reminded;
	i->shown.escalated = s->escalated;
	wait_item_warm(w, i);
	return i;
}

struct item *
wait_item_at(const struct wait_list *w, uint32_t n)
{
	struct item *i = *warm_list(w, n);

	while (i && i->slot != n) {
		i = i->next;
	}
	return i ? i : thaw(w, n);
}

struct item *
wait_item_find(const struct wait_list *w, struct str id)
{
	uint8_t bytes[SLOT_ID];
	uint32_t n;

	return wait_parse_id(id, bytes) && wait_slot_find(w, bytes, &n)
	           ? wait_item_at(w, n)
	           : NULL;
}

/* --- giving them up --- */

void
wait_list_store(struct wait_list *w, wait_load_fn *load, void *context)
{
	w->warm->load = load;
	w->warm->context = context;
}

static bool
can_go(const struct wait_list *w, const struct item *i, uint64_t durable)
{
	const struct wait_item *s = &i->shown;

	if (i->last_seq > durable) {
		return false;
	}
	if (s->state == WAIT_OPEN) {
		return s->said_count == 0;
	}
	/* A yes is used soon, if ever: by a run that goes on. */
	return s->people == 1 &&
	       (s->state != WAIT_APPROVED || wait_slot(w, i->slot)->over);
}

static void
fold_list(struct wait_list *w, struct item **at, uint64_t durable)
{
	while (*at) {
		struct item *i = *at;

		if (can_go(w, i, durable)) {
			*at = i->next;
			wait_item_free(i);
			w->warm->count--;
		} else {
			at = &i->next;
		}
	}
}

void
wait_fold(struct wait_list *w, uint64_t durable)
{
	if (!w->warm->load || w->warm->count <= WARM_MAX) {
		return;
	}
	for (size_t n = 0; n < WARM_LISTS; n++) {
		fold_list(w, &w->warm->lists[n], durable);
	}
}
