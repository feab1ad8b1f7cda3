/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `${id.field.deeper}` in the arguments of a step.  A string that is one
 * reference becomes the value with its type; inside other text a string goes in
 * as it is, any other value as JSON.  What only looks like a reference is text.
 * The grammar is the one that dispatch checked: id [a-z][a-z0-9_]*, then at
 * least one field [A-Za-z0-9_]+; a field of a list is its index.
 */
#include "agent/inside.h"

#define EXPAND_DEPTH 64

struct reference {
	struct str id;
	struct str path; /* field.deeper */
	size_t length;   /* of ${…}; 0: none here */
};

static size_t
word_end(struct str s, size_t from, bool upper)
{
	size_t at = from;

	while (at < s.len) {
		char c = s.at[at];
		bool low = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		           c == '_';

		if (!low && !(upper && c >= 'A' && c <= 'Z')) {
			break;
		}
		at++;
	}
	return at;
}

static struct reference
reference_at(struct str s, size_t from)
{
	struct reference none = { 0 };
	struct reference r = { 0 };
	size_t id = from + 2;
	size_t end = word_end(s, id, false);

	if (end == id || s.at[id] < 'a' || s.at[id] > 'z') {
		return none;
	}
	r.id = str_sub(s, id, end - id);
	size_t field = end + 1;

	while (end < s.len && s.at[end] == '.') {
		size_t next = word_end(s, end + 1, true);

		if (next == end + 1) {
			return none;
		}
		end = next;
	}
	if (end < field || end >= s.len || s.at[end] != '}') {
		return none;
	}
	r.path = str_sub(s, field, end - field);
	r.length = end + 1 - from;
	return r;
}

/* The next reference at or behind *at, which moves to it. */
static struct reference
next_reference(struct str s, size_t *at)
{
	for (; *at + 1 < s.len; (*at)++) {
		struct reference r = { 0 };

		if (s.at[*at] == '$' && s.at[*at + 1] == '{') {
			r = reference_at(s, *at);
		}
		if (r.length) {
			return r;
		}
	}
	*at = s.len;
	return (struct reference){ 0 };
}

static const struct json *
member(const struct json *value, struct str field)
{
	uint64_t index;

	if (value && value->type == JSON_ARRAY) {
		return str_u64(field, &index) ? json_at(value, (size_t)index)
		                              : NULL;
	}
	return json_get_str(value, field);
}

/* NULL and why: it names what is not there. */
static const struct json *
resolve(
    const struct reference *r, const struct outcome *outcomes, struct err *e)
{
	const struct outcome *o = outcomes;
	struct str rest = r->path;
	struct str field;

	while (o && !str_eq(o->id, r->id)) {
		o = o->next;
	}
	const struct json *value = o ? o->value : NULL;

	do {
		(void)str_cut(&rest, '.', &field);
		value = member(value, field);
	} while (value && rest.len);
	if (!value) {
		(void)err_set(e, ERR_MISSING,
		    "${" STR_FMT "." STR_FMT "}: that step has no such result",
		    STR_ARG(str_utf8_cut(r->id, 64)),
		    STR_ARG(str_utf8_cut(r->path, 80)));
	}
	return value;
}

static int
too_big(const struct buf *out, struct err *e)
{
	if (out->len > AGENT_ARGS_MAX) {
		return err_set(e, ERR_LIMIT,
		    "the arguments are over %u bytes with their references "
		    "filled in",
		    AGENT_ARGS_MAX);
	}
	return 0;
}

static int
expand_string(struct str text, const struct outcome *outcomes, struct buf *out,
    struct err *e)
{
	auto_buf filled = { 0 };
	size_t from = 0;
	size_t at = 0;
	struct reference r;

	while ((r = next_reference(text, &at)).length) {
		const struct json *value = resolve(&r, outcomes, e);

		if (!value) {
			return -1;
		}
		if (r.length == text.len) {
			json_write(out, value);
			return too_big(out, e);
		}
		buf_add(&filled, str_sub(text, from, at - from));
		if (value->type == JSON_STRING) {
			buf_add(&filled, value->text);
		} else {
			json_write(&filled, value);
		}
		if (too_big(&filled, e)) {
			return -1;
		}
		at += r.length;
		from = at;
	}
	buf_add(&filled, str_sub(text, from, text.len - from));
	json_write_string(out, buf_str(&filled));
	return too_big(out, e);
}

static bool
is_branch(const struct json *j)
{
	return j->type == JSON_OBJECT || j->type == JSON_ARRAY;
}

static int
expand_leaf(const struct json *j, const struct outcome *outcomes,
    struct buf *out, struct err *e)
{
	if (j->type == JSON_STRING) {
		return expand_string(j->text, outcomes, out, e);
	}
	json_write(out, j);
	return too_big(out, e);
}

/* Where the walk through the arguments is. */
struct walk {
	const struct json *above[EXPAND_DEPTH];
	size_t depth;
	const struct json *at; /* NULL: it is done */
};

static int
step_down(struct walk *w, struct buf *out, struct err *e)
{
	if (w->depth == EXPAND_DEPTH) {
		return err_set(
		    e, ERR_LIMIT, "the arguments are nested too deep");
	}
	buf_add_byte(out, w->at->type == JSON_OBJECT ? '{' : '[');
	w->above[w->depth++] = w->at;
	w->at = w->at->first;
	return 0;
}

static void
step_on(struct walk *w, struct buf *out)
{
	while (w->depth && !w->at->next) {
		w->at = w->above[--w->depth];
		buf_add_byte(out, w->at->type == JSON_OBJECT ? '}' : ']');
	}
	if (w->depth) {
		buf_add_byte(out, ',');
		w->at = w->at->next;
	} else {
		w->at = NULL;
	}
}

static int
step(struct walk *w, const struct outcome *outcomes, struct buf *out,
    struct err *e)
{
	if (w->depth && w->above[w->depth - 1]->type == JSON_OBJECT) {
		json_write_string(out, w->at->key);
		buf_add_byte(out, ':');
	}
	if (is_branch(w->at) && w->at->first) {
		return step_down(w, out, e);
	}
	if (expand_leaf(w->at, outcomes, out, e)) {
		return -1;
	}
	step_on(w, out);
	return 0;
}

int
expand_args(const struct json *args, const struct outcome *outcomes,
    struct buf *out, struct err *e)
{
	struct walk w = { .at = args };

	while (w.at) {
		if (step(&w, outcomes, out, e)) {
			return -1;
		}
	}
	return 0;
}
