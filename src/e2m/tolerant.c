/* SPDX-License-Identifier: Apache-2.0 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "e2m/inner.h"
#include "e2m/tolerant.h"

/* ---- deviations ---- */

static void
add(struct arena *a, struct e2m_loose *l, struct e2m_deviation d)
{
	size_t n = l->deviation_count;

	/* Room grows at every power of two. */
	if ((n & (n - 1)) == 0) {
		struct e2m_deviation *more =
		    arena_array(a, n ? 2 * n : 1, sizeof(*more));

		if (n > 0) {
			memcpy(more, l->deviations, n * sizeof(*more));
		}
		l->deviations = more;
	}
	l->deviations[l->deviation_count++] = d;
}

static void
add_whole(struct arena *a, struct e2m_loose *l, const char *problem)
{
	add(a, l,
	    (struct e2m_deviation){
	        .fault = E2M_UNREADABLE,
	        .problem = arena_printf(a, "%s%s", problem,
	            l->torn ? " (the last line has no end: torn?)" : ""),
	    });
}

/* Messages of the strict reader begin with the path of the field. */
static void
add_message(struct arena *a, struct e2m_loose *l, const struct err *e)
{
	struct str rest = arena_str(a, str_of(e->text));
	struct str path;

	must(str_cut(&rest, ':', &path));
	add(a, l, (struct e2m_deviation){ E2M_SHAPE, path, str_trim(rest) });
}

static void
add_at(struct arena *a, struct e2m_loose *l, enum e2m_fault fault,
    const char *field, struct str problem)
{
	add(a, l, (struct e2m_deviation){ fault, str_of(field), problem });
}

static bool
is_plain(struct str field)
{
	for (size_t i = 0; i < field.len; i++) {
		char c = field.at[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (c < '0' || c > '9') && c != '_' && c != '.') {
			return false;
		}
	}
	return field.len > 0 && field.len <= 80;
}

struct str
e2m_deviation_text(struct arena *a, const char *file, uint32_t line,
    const struct e2m_deviation *d)
{
	if (d->field.at == NULL) {
		return arena_printf(
		    a, "%s:%u: " STR_FMT, file, line, STR_ARG(d->problem));
	}
	if (!is_plain(d->field)) {
		return arena_printf(a, "%s:%u: %s: " STR_FMT, file, line,
		    err_quote(d->field), STR_ARG(d->problem));
	}
	return arena_printf(a, "%s:%u: " STR_FMT ": " STR_FMT, file, line,
	    STR_ARG(d->field), STR_ARG(d->problem));
}

/* ---- shape ---- */

static void
read_members(struct arena *a, struct e2m_loose *l)
{
	const struct e2m_shape *shape = &e2m_shapes[l->record.kind];

	JSON_EACH(value, l->tree)
	{
		const struct e2m_field *f = e2m_find_field(shape, value->key);
		struct err e = { 0 };

		if (str_eq_z(value->key, "_type")) {
			continue;
		}
		if (f == NULL) {
			add(a, l,
			    (struct e2m_deviation){
			        .fault = E2M_SHAPE,
			        .field = value->key.at != NULL ? value->key
			                                       : STR(""),
			        .problem = arena_printf(
			            a, "unknown key in %s", shape->shown),
			    });
		} else if (e2m_read_field(f, value, &l->record, &e) < 0) {
			add_message(a, l, &e);
		}
	}
	for (size_t i = 0; i < shape->count; i++) {
		const struct e2m_field *f = &shape->fields[i];

		if (f->need == E2M_REQUIRED && !json_get(l->tree, f->key)) {
			add_at(a, l, E2M_SHAPE, f->key,
			    arena_printf(a, "is required in %s", shape->shown));
		}
	}
}

static void
check_place(struct arena *a, struct e2m_loose *l, enum e2m_place place)
{
	enum e2m_kind kind = l->record.kind;

	if ((place == E2M_IN_QUEUE && kind == E2M_ENVELOPE) ||
	    (place == E2M_IN_MAILBOX && kind == E2M_TASK)) {
		add_at(a, l, E2M_SHAPE, "_type",
		    arena_printf(a, "%s does not belong in a %s",
		        e2m_shapes[kind].shown,
		        place == E2M_IN_QUEUE ? "queue" : "mailbox"));
	}
}

static void
read_line(struct arena *a, struct e2m_loose *l, enum e2m_place place)
{
	struct json *tree = NULL;
	struct err e = { 0 };

	if (e2m_read_json(a, l->raw, &tree, &e) < 0) {
		add_whole(a, l, e.text);
		return;
	}
	if (tree->type != JSON_OBJECT) {
		add_whole(a, l, "a record is one JSON object a line");
		return;
	}
	l->tree = tree;
	if (e2m_find_kind(tree, &l->record.kind, &e) < 0) {
		add_message(a, l, &e);
		return;
	}
	l->has_record = true;
	read_members(a, l);
	check_place(a, l, place);
}

/* ---- moves ---- */

struct known {
	struct str id;
	enum e2m_state state; /* E2M_no_state: not known, or no task */
	bool letter;
};

static int
by_id(const void *a, const void *b)
{
	return str_cmp(
	    ((const struct known *)a)->id, ((const struct known *)b)->id);
}

/* A balanced tree: hostile ids cost no more than others. */
static struct known *
known_of(struct e2m_reader *r, struct str id)
{
	struct known key = { .id = id };
	struct known **at = tfind(&key, &r->states, by_id);
	struct known *made;

	if (at != NULL) {
		return *at;
	}
	made = arena_alloc(&r->arena, sizeof(*made));
	made->id = arena_str(&r->arena, id);
	at = tsearch(made, &r->states, by_id);
	must(at != NULL);
	return made;
}

/* A state that is there and no task has. */
static void
check_word(
    struct arena *a, struct e2m_loose *l, const char *field, struct str word)
{
	enum e2m_state state;

	if (word.at != NULL && !e2m_state_parse(word, &state)) {
		add_at(a, l, E2M_MOVE, field,
		    arena_printf(
		        a, "%s is no state of a task", err_quote(word)));
	}
}

static void
check_event(struct arena *a, struct e2m_loose *l, enum e2m_state from,
    enum e2m_state *to)
{
	const struct e2m_transition *t = &l->record.as.transition;
	enum e2m_state next = E2M_no_state;
	enum e2m_state told = E2M_no_state;
	struct err e = { 0 };

	if (e2m_transition(from, t->event, &next, &e) < 0) {
		add_at(a, l, E2M_MOVE, "event", arena_str(a, str_of(e.text)));
		return;
	}
	*to = next;
	if (e2m_state_parse(t->new_state, &told) && told != next) {
		add_at(a, l, E2M_MOVE, "new_state",
		    arena_printf(a, "expected %s", e2m_state_name(next)));
	}
}

static bool
is_receipt(const struct e2m_transition *t)
{
	return t->event == E2M_ACK || t->event == E2M_READ ||
	       t->status != E2M_no_status || t->acked_by.at != NULL ||
	       t->read_by.at != NULL;
}

static void
check_transition(struct arena *a, struct e2m_loose *l, struct known *task)
{
	const struct e2m_transition *t = &l->record.as.transition;
	enum e2m_state told = E2M_no_state;
	enum e2m_state next = E2M_no_state;

	check_word(a, l, "prior_state", t->prior_state);
	check_word(a, l, "new_state", t->new_state);
	if (e2m_state_parse(t->prior_state, &told) &&
	    task->state != E2M_no_state && told != task->state) {
		add_at(a, l, E2M_MOVE, "prior_state",
		    arena_printf(a, "says %s, but the lines before say %s",
		        e2m_state_name(told), e2m_state_name(task->state)));
	}
	if (told == E2M_no_state) {
		told = task->state;
	}
	if (t->event != E2M_no_event && told != E2M_no_state) {
		check_event(a, l, told, &next);
	}
	/* Whatever was legal, the file says this is the state now. */
	if (e2m_state_parse(t->new_state, &told)) {
		task->state = told;
	} else if (t->new_state.at != NULL) {
		task->state = E2M_no_state;
	} else if (next != E2M_no_state) {
		task->state = next;
	}
}

static void
check_moves(struct e2m_reader *r, struct arena *a, struct e2m_loose *l)
{
	struct str id = STR("");
	struct known *known;

	if (!l->has_record || !json_text(l->tree, "id", &id)) {
		return;
	}
	known = known_of(r, id);
	switch (l->record.kind) {
	case E2M_ENVELOPE:
		known->letter = true;
		return;
	case E2M_TASK:
		known->state = l->record.as.task.state;
		known->letter = false;
		break;
	case E2M_TRANSITION:
		if (!known->letter && !is_receipt(&l->record.as.transition)) {
			check_transition(a, l, known);
		}
		break;
	}
	l->state = known->state;
}

/* ---- the reader ---- */

void
e2m_reader_init(struct e2m_reader *r, struct str bytes, enum e2m_place place)
{
	*r = (struct e2m_reader){ .rest = bytes, .place = place };
}

bool
e2m_reader_next(struct e2m_reader *r, struct arena *a, struct e2m_loose *line)
{
	struct e2m_loose l = { 0 };

	do {
		if (r->rest.len == 0) {
			return false;
		}
		l.torn = !str_cut(&r->rest, '\n', &l.raw);
		l.number = ++r->number;
	} while (e2m_is_blank(l.raw));
	read_line(a, &l, r->place);
	check_moves(r, a, &l);
	*line = l;
	return true;
}

static void
keep(void *node)
{
	(void)node; /* it lives in the arena */
}

void
e2m_reader_fini(struct e2m_reader *r)
{
	tdestroy(r->states, keep);
	arena_fini(&r->arena);
	*r = (struct e2m_reader){ 0 };
}
