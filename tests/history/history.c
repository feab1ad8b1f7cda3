/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a history, and the checks that can say what is wrong by name. */
#include <stdlib.h>
#include <string.h>

#include "history/inside.h"

struct history *
history_new(void)
{
	struct history *h = calloc(1, sizeof(*h));

	must(h);
	return h;
}

void
history_free(struct history *h)
{
	if (h) {
		arena_fini(&h->arena);
		free(h->ops);
		free(h);
	}
}

size_t
history_count(const struct history *h)
{
	return h->count;
}

size_t
history_ordered(const struct history *h)
{
	return h->ordered;
}

/* --- reading --- */

static const char *const whats[] = { "put", "claim", "renew", "finish",
	"cancel", "retry", "unblock", "effect", "final", "restart" };
static const char *const outcomes[] = { "complete", "fail", "block" };
static const char *const states[] = { "absent", "pending", "in_progress",
	"blocked", "completed", "failed" };

static int
word_of(const struct json *line, const char *key, const char *const *words,
    size_t count)
{
	struct str text = STR("");

	(void)json_text(line, key, &text);
	for (size_t i = 0; i < count; i++) {
		if (str_eq_z(text, words[i])) {
			return (int)i;
		}
	}
	return -1;
}

/* From the back: answers come soon. */
static struct op *
find_op(struct history *h, int64_t number)
{
	for (size_t i = h->count; i > 0; i--) {
		if (h->ops[i - 1].number == number) {
			return &h->ops[i - 1];
		}
	}
	return NULL;
}

static void
read_asked(struct history *h, struct op *o, const struct json *line)
{
	struct str text = STR("");
	int word = word_of(line, "outcome", outcomes, COUNT(outcomes));

	o->outcome = word < 0 ? COMPLETE : (enum outcome)word;
	word = word_of(line, "state", states, COUNT(states));
	o->state = word < 0 ? ABSENT : (enum seen)word;
	(void)json_text(line, "queue", &text);
	o->queue = arena_str(&h->arena, text);
	text = STR("");
	(void)json_text(line, "key", &text);
	o->key = arena_str(&h->arena, text);
	o->ranked = json_i64(line, "rank", &o->rank);
	(void)json_i64(line, "call", &o->call);
	(void)json_bool(line, "repeatable", &o->repeatable);
	(void)json_bool(line, "fenced", &o->fenced);
	o->depends = json_get(line, "depends");
}

static void
read_both(struct history *h, struct op *o, const struct json *line)
{
	struct str text = STR("");

	if (json_text(line, "task", &text)) {
		o->task = arena_str(&h->arena, text);
	}
	(void)json_i64(line, "epoch", &o->epoch);
	(void)json_i64(line, "lease", &o->lease);
	(void)json_bool(line, "duplicate", &o->duplicate);
}

int
history_add(struct history *h, struct str line, struct err *e)
{
	static const char *const says[] = { "lost", "ok", "no", "ask" };
	struct json *tree;
	struct op *o;
	int64_t number;
	int64_t at;
	int what;
	int say;

	if (json_parse(&h->arena, arena_str(&h->arena, line), NULL, &tree, e)) {
		return -1;
	}
	what = word_of(tree, "do", whats, COUNT(whats));
	say = word_of(tree, "say", says, COUNT(says));
	if (!json_i64(tree, "op", &number) || !json_i64(tree, "at", &at) ||
	    what < 0 || say < 0 || at < h->last) {
		return err_set(e, ERR_INPUT,
		    "not a line of a history (op, do, say, and at that never "
		    "falls)");
	}
	h->last = at;
	h->lines++;
	o = find_op(h, number);
	if (!o) {
		h->ops =
		    array_grow(h->ops, h->count, &h->room, sizeof(*h->ops));
		o = &h->ops[h->count++];
		*o = (struct op){ .number = number,
			.what = (enum what)what,
			.asked = h->lines,
			.asked_at = at,
			.answered = INT64_MAX,
			.lost_at = INT64_MAX };
		read_asked(h, o, tree);
	} else if (o->what != (enum what)what || o->said != LOST || say == 3) {
		return err_set(e, ERR_INPUT, "operation %lld is said twice",
		    (long long)number);
	}
	read_both(h, o, tree);
	if (say == LOST) {
		o->lost_at = at;
	}
	if (say == OK || say == NO) {
		o->said = (enum said)say;
		o->answered = h->lines;
		o->answered_at = at;
	}
	return 0;
}

/* --- by name --- */

static bool
of_task(const struct op *a, const struct op *b)
{
	return str_eq(a->task, b->task);
}

static int
broken(struct err *e, const struct op *o, const char *how)
{
	return err_set(e, ERR_CONFLICT, "task " STR_FMT ": %s (operation %lld)",
	    STR_ARG(o->task), how, (long long)o->number);
}

/* A newer claim had been answered before this was asked. */
static bool
is_stale(const struct history *h, const struct op *o)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct op *c = &h->ops[i];

		if (c->what == CLAIM && c->said == OK && of_task(c, o) &&
		    c->epoch > o->epoch && c->answered < o->asked) {
			return true;
		}
	}
	return false;
}

static bool
started_again(const struct history *h, const struct op *a, const struct op *b)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];

		if ((o->what == RETRY || o->what == UNBLOCK) && o->said != NO &&
		    of_task(o, a) && o->answered > a->asked &&
		    o->asked < b->answered) {
			return true;
		}
	}
	return false;
}

static int
check_pair(const struct history *h, const struct op *a, const struct op *b,
    struct err *e)
{
	if (a->what != b->what || a->said != OK || b->said != OK ||
	    !of_task(a, b)) {
		return 0;
	}
	if (a->what == CLAIM && a->epoch == b->epoch) {
		return broken(e, b, "one epoch is given to two claims");
	}
	if (a->what == FINISH && !a->duplicate && !b->duplicate &&
	    !(a->key.len && str_eq(a->key, b->key)) &&
	    !started_again(h, a, b)) {
		return broken(e, b, "it is settled twice");
	}
	if (a->what == EFFECT && a->call == b->call && !a->repeatable) {
		return broken(e, b, "an effect that cannot be repeated is");
	}
	return 0;
}

static bool
gives_up(const struct op *o, const struct op *lease)
{
	return o->what == RESTART ||
	       ((o->what == FINISH || o->what == CANCEL) && o->said != NO &&
	           of_task(o, lease));
}

/* The owner had a lease, and had not given the task back. */
static int
check_taken(const struct history *h, const struct op *claim, struct err *e)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct op *l = &h->ops[i];
		bool gone = false;

		if ((l->what != CLAIM && l->what != RENEW) || l->said != OK ||
		    !of_task(l, claim) || l->epoch >= claim->epoch ||
		    l->answered > claim->asked ||
		    claim->answered_at >= l->asked_at + l->lease) {
			continue;
		}
		for (size_t n = 0; n < h->count && !gone; n++) {
			gone = gives_up(&h->ops[n], l) &&
			       h->ops[n].answered > l->asked &&
			       h->ops[n].asked < claim->answered;
		}
		if (!gone) {
			return broken(
			    e, claim, "it is taken from a living owner");
		}
	}
	return 0;
}

static const struct op *
put_of(const struct history *h, struct str task)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];

		if (o->what == PUT && str_eq(o->task, task)) {
			return o;
		}
	}
	return NULL;
}

/* By then every dependency was known to be complete; or could it have been? */
static bool
is_eligible(
    const struct history *h, const struct op *put, int64_t by, bool for_sure)
{
	JSON_EACH(id, put->depends)
	{
		bool met = false;

		for (size_t i = 0; i < h->count && !met; i++) {
			const struct op *o = &h->ops[i];

			met = o->what == FINISH && o->outcome == COMPLETE &&
			      str_eq(o->task, id->text) &&
			      (for_sure ? o->said == OK && o->answered < by
			                : o->said != NO && o->asked < by);
		}
		if (!met) {
			return false;
		}
	}
	return true;
}

/* Nobody heard what came of it: it may have had any task, as long as a worker
 * that is gone is waited for. */
static bool
may_hold(const struct op *o, const struct op *claim)
{
	return o->what == CLAIM && o->said == LOST &&
	       (o->lease == 0 || o->lost_at == INT64_MAX ||
	           claim->answered_at < o->lost_at + 2 * o->lease);
}

static bool
has_ghost(const struct history *h, const struct op *claim)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->ops[i].asked < claim->answered &&
		    may_hold(&h->ops[i], claim)) {
			return true;
		}
	}
	return false;
}

/* Waits untouched from before the claim was asked until it was answered. */
static bool
waits(const struct history *h, const struct op *put, const struct op *claim)
{
	return put->said == OK && put->answered < claim->asked &&
	       put->touched >= claim->answered &&
	       is_eligible(h, put, claim->asked, true);
}

/* Of each put: when it was first asked for anything, with whatever answer.  A
 * claim may have been asked before what it was given was put. */
static void
find_touched(struct history *h)
{
	struct map puts = { .seed = 1 };

	for (size_t i = 0; i < h->count; i++) {
		struct op *o = &h->ops[i];

		o->touched = INT64_MAX;
		if (o->what == PUT && !map_get(&puts, o->task)) {
			map_put(&puts, o->task, o);
		}
	}
	for (size_t i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];
		struct op *put = o->task.len ? map_get(&puts, o->task) : NULL;

		if (put && o->what != PUT && o->what != FINAL &&
		    o->said != NO && o->asked < put->touched) {
			put->touched = o->asked;
		}
	}
	for (size_t i = 0; i < h->count; i++) { /* said again: the same task */
		struct op *o = &h->ops[i];

		if (o->what == PUT) {
			o->touched =
			    ((struct op *)map_get(&puts, o->task))->touched;
		}
	}
	map_fini(&puts);
}

static int
check_order(struct history *h, const struct op *claim, struct err *e)
{
	const struct op *own = put_of(h, claim->task);
	bool behind = false;

	if (!own) {
		return 0;
	}
	if (!is_eligible(h, own, claim->answered, false)) {
		return broken(e, claim,
		    "it is claimed and what it depends on is not complete");
	}
	if (!own->ranked || has_ghost(h, claim)) {
		return 0;
	}
	for (size_t i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];

		if (o->what != PUT || !o->ranked || o->rank == own->rank ||
		    !str_eq(o->queue, own->queue) || !waits(h, o, claim)) {
			continue;
		}
		if (o->rank < own->rank) {
			return broken(e, claim,
			    "another one stood before it in the order");
		}
		behind = true;
	}
	h->ordered += behind;
	return 0;
}

static int
check_one(struct history *h, const struct op *o, struct err *e)
{
	if ((o->what == RENEW || o->what == FINISH) && o->said == OK &&
	    !o->duplicate && is_stale(h, o)) {
		return broken(e, o, "it is accepted under a stale epoch");
	}
	if (o->what == EFFECT && o->fenced && is_stale(h, o)) {
		return broken(e, o, "an effect begins under a stale epoch");
	}
	if (o->what == FINAL && o->state == ABSENT) {
		const struct op *put = put_of(h, o->task);

		if (put && put->said == OK) {
			return broken(e, o, "it was acknowledged and is lost");
		}
	}
	if (o->what != CLAIM || o->said != OK) {
		return 0;
	}
	return check_taken(h, o, e) || check_order(h, o, e) ? -1 : 0;
}

/* --- by search --- */

static int
explain(
    const struct history *h, const struct op *first, bool ghosts, struct err *e)
{
	const struct op *ops[HISTORY_OPS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];

		if (!of_task(o, first) || o->what == EFFECT ||
		    o->what == RESTART) {
			continue;
		}
		if (count == HISTORY_OPS_MAX) {
			return err_set(e, ERR_LIMIT,
			    "task " STR_FMT " has over %d operations",
			    STR_ARG(first->task), HISTORY_OPS_MAX);
		}
		ops[count++] = o;
	}
	if (!history_explains(ops, count, ghosts)) {
		return broken(
		    e, first, "no order of what was said explains the answers");
	}
	return 0;
}

static bool
is_first(const struct history *h, const struct op *o)
{
	for (const struct op *p = h->ops; p < o; p++) {
		if (of_task(p, o)) {
			return false;
		}
	}
	return o->task.len > 0;
}

/* Of each that was asked before it. */
static int
check_pairs(const struct history *h, size_t place, struct err *e)
{
	for (size_t n = 0; n < place; n++) {
		if (check_pair(h, &h->ops[n], &h->ops[place], e)) {
			return -1;
		}
	}
	return 0;
}

int
history_check(struct history *h, struct err *e)
{
	bool ghosts = false;

	find_touched(h);
	for (size_t i = 0; i < h->count; i++) {
		const struct op *o = &h->ops[i];

		/* What ran out on its way to the worker was heard as none. */
		ghosts |= o->what == CLAIM && o->said != OK;
		if (check_one(h, o, e) || check_pairs(h, i, e)) {
			return -1;
		}
	}
	for (size_t i = 0; i < h->count; i++) {
		if (is_first(h, &h->ops[i]) &&
		    explain(h, &h->ops[i], ghosts, e)) {
			return -1;
		}
	}
	return 0;
}
