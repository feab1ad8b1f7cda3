/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task: an order of its operations, each at one moment between its question
 * and its answer, after which the machine gives every answer that was heard.
 * Between them a lease may be lost at any moment, and a claim whose answer was
 * lost may have been of this task.
 */
#include <stdlib.h>
#include <string.h>

#include "history/inside.h"

enum hold {
	H_ABSENT,
	H_WAITING,
	H_OWNED,
	H_LOOSE,
	H_BLOCKED,
	H_COMPLETE,
	H_FAILED
};

struct model { /* without holes: it is compared by its bytes */
	uint64_t hold;
	int64_t epoch;
	uint64_t accepted; /* 1 + the finish that was, 0: none */
};

struct node {
	uint64_t done[HISTORY_OPS_MAX / 64];
	struct model m;
};

struct search {
	struct arena arena;
	const struct op *const *ops;
	size_t count;
	bool ghosts;     /* claims of which nobody heard */
	int64_t highest; /* epoch that somebody heard of */
	struct map seen;
	struct node *todo;
	size_t todo_count, todo_room;
};

static bool
is_done(const struct node *n, size_t i)
{
	return n->done[i / 64] >> (i % 64) & 1;
}

static void
push(struct search *s, const struct node *n)
{
	struct str key = str_span(n, sizeof(*n));

	if (map_get(&s->seen, key)) {
		return;
	}
	map_put(&s->seen, arena_str(&s->arena, key), s);
	s->todo =
	    array_grow(s->todo, s->todo_count, &s->todo_room, sizeof(*s->todo));
	s->todo[s->todo_count++] = *n;
}

static bool
same_key(const struct search *s, const struct model *m, const struct op *o)
{
	return m->accepted && o->key.len &&
	       str_eq(s->ops[m->accepted - 1]->key, o->key);
}

static bool
owns(const struct model *m, const struct op *o)
{
	return m->hold == H_OWNED && m->epoch == o->epoch;
}

static bool
finish(const struct search *s, struct model *m, size_t i)
{
	const struct op *o = s->ops[i];

	if (o->said == NO) {
		return !same_key(s, m, o) && !owns(m, o);
	}
	if (same_key(s, m, o)) {
		return true;
	}
	if (o->duplicate || !owns(m, o)) {
		return false;
	}
	m->hold = o->outcome == COMPLETE ? H_COMPLETE
	          : o->outcome == FAIL   ? H_FAILED
	                                 : H_BLOCKED;
	m->accepted = i + 1;
	return true;
}

static bool
cancel(struct model *m, const struct op *o)
{
	bool ended = m->hold == H_COMPLETE || m->hold == H_FAILED;

	if (o->said == NO) {
		return ended || m->hold == H_ABSENT;
	}
	if (ended || m->hold == H_ABSENT) {
		return false;
	}
	m->epoch += m->hold == H_WAITING;
	m->hold = H_FAILED;
	return true;
}

static bool
move(struct model *m, const struct op *o, enum hold from, enum hold to)
{
	if (o->said == NO) {
		return m->hold != from;
	}
	if (m->hold != from) {
		return false;
	}
	m->hold = to;
	return true;
}

static bool
reads(const struct model *m, enum seen state)
{
	switch (state) {
	case ABSENT:
		return m->hold == H_ABSENT;
	case PENDING:
		return m->hold == H_WAITING;
	case IN_PROGRESS:
		return m->hold == H_OWNED || m->hold == H_LOOSE;
	case BLOCKED:
		return m->hold == H_BLOCKED;
	case COMPLETED:
		return m->hold == H_COMPLETE;
	case FAILED:
		return m->hold == H_FAILED;
	}
	return false;
}

/* False: that answer could not be given now. */
static bool
apply(const struct search *s, struct model *m, size_t i)
{
	const struct op *o = s->ops[i];

	switch (o->what) {
	case PUT:
		if (o->said == NO) {
			return true;
		}
		m->hold = m->hold == H_ABSENT ? H_WAITING : m->hold;
		return true;
	case CLAIM:
		if ((m->hold != H_WAITING && m->hold != H_LOOSE) ||
		    o->epoch != m->epoch + 1) {
			return false;
		}
		m->hold = H_OWNED;
		m->epoch = o->epoch;
		return true;
	case RENEW:
		return owns(m, o) == (o->said == OK);
	case FINISH:
		return finish(s, m, i);
	case CANCEL:
		return cancel(m, o);
	case RETRY:
		m->accepted = m->hold == H_FAILED ? 0 : m->accepted;
		return move(m, o, H_FAILED, H_WAITING);
	case UNBLOCK:
		m->accepted = m->hold == H_BLOCKED ? 0 : m->accepted;
		return move(m, o, H_BLOCKED, H_LOOSE);
	case FINAL:
		return reads(m, o->state);
	case EFFECT:
	case RESTART:
	case WHAT_COUNT:
		break;
	}
	return true;
}

/* What the house may do by itself. */
static void
push_silent(struct search *s, const struct node *n)
{
	struct node next = *n;

	if (n->m.hold == H_OWNED) {
		next.m.hold = H_LOOSE;
		push(s, &next);
	} else if (s->ghosts && n->m.epoch < s->highest &&
	           (n->m.hold == H_WAITING || n->m.hold == H_LOOSE)) {
		next.m.hold = H_OWNED;
		next.m.epoch++;
		push(s, &next);
	}
}

/* True: everything that was answered has its place. */
static bool
expand(struct search *s, const struct node *n)
{
	int64_t first = INT64_MAX; /* answer of those that have no place yet */
	bool whole = true;

	for (size_t i = 0; i < s->count; i++) {
		if (!is_done(n, i) && s->ops[i]->said != LOST) {
			whole = false;
			first = s->ops[i]->answered < first
			            ? s->ops[i]->answered
			            : first;
		}
	}
	for (size_t i = 0; i < s->count && !whole; i++) {
		struct node next = *n;

		if (is_done(n, i) || s->ops[i]->asked > first ||
		    !apply(s, &next.m, i)) {
			continue;
		}
		next.done[i / 64] |= UINT64_C(1) << (i % 64);
		push(s, &next);
	}
	if (!whole) {
		push_silent(s, n);
	}
	return whole;
}

bool
history_explains(const struct op *const *ops, size_t count, bool ghosts)
{
	struct search s = { .ops = ops, .count = count, .seen = { .seed = 1 } };
	struct node n;
	bool found = false;

	memset(&n, 0, sizeof(n));
	s.ghosts = ghosts;
	for (size_t i = 0; i < count; i++) {
		s.highest =
		    ops[i]->epoch > s.highest ? ops[i]->epoch : s.highest;
	}
	must(count <= HISTORY_OPS_MAX);
	push(&s, &n);
	while (!found && s.todo_count > 0) {
		n = s.todo[--s.todo_count];
		found = expand(&s, &n);
	}
	map_fini(&s.seen);
	arena_fini(&s.arena);
	free(s.todo);
	return found;
}
