/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quick look at a record of ours: most are what the strict reader takes, and
 * need not be written and read to know it.  Whatever is the least unusual is
 * left to the reader: bounds here lie well within its own.
 */
#include <string.h>

#include "e2m/inner.h"

#define NODES_MAX   10000
#define DEPTH_MAX   32
#define MEMBERS_MAX 16
#define ESCAPED     ((size_t)6) /* bytes that one byte becomes at most */

struct look {
	size_t bytes; /* what its line has at most, so far */
	size_t nodes;
};

static bool
take(struct look *l, size_t bytes)
{
	if (bytes >= E2M_LINE_MAX || l->nodes >= NODES_MAX) {
		return false;
	}
	l->nodes++;
	l->bytes += ESCAPED * bytes + sizeof("\"\":,[]");
	return l->bytes < E2M_LINE_MAX;
}

static size_t
skip_digits(struct str s, size_t at)
{
	while (at < s.len && s.at[at] >= '0' && s.at[at] <= '9') {
		at++;
	}
	return at;
}

static bool
is_number(struct str s)
{
	size_t start = s.len > 0 && s.at[0] == '-';
	size_t end = skip_digits(s, start);

	if (end == start || (s.at[start] == '0' && end > start + 1)) {
		return false;
	}
	return end == s.len || (s.at[end] == '.' && end + 1 < s.len &&
	                           skip_digits(s, end + 1) == s.len);
}

/* Not ASCII: two that differ may be the same once they are written. */
static bool
is_key(const struct json *object, const struct json *member)
{
	const struct json *other = object->first;

	for (size_t i = 0; i < member->key.len; i++) {
		if ((unsigned char)member->key.at[i] >= 0x80) {
			return false;
		}
	}
	while (other != member && !str_eq(other->key, member->key)) {
		other = other->next;
	}
	return other == member;
}

static bool
is_node(struct look *l, const struct json *parent, const struct json *j)
{
	if (!take(l, j->text.len + j->key.len) || j->type == JSON_DATETIME ||
	    (j->type == JSON_NUMBER && !is_number(j->text))) {
		return false;
	}
	return !parent || parent->type != JSON_OBJECT ||
	       (parent->count <= MEMBERS_MAX && is_key(parent, j));
}

static bool
is_tree(struct look *l, const struct json *root)
{
	const struct json *open[DEPTH_MAX];
	const struct json *j = root;
	size_t depth = 0;

	while (is_node(l, depth > 0 ? open[depth - 1] : NULL, j)) {
		if (j->first && depth == DEPTH_MAX) {
			return false;
		}
		if (j->first) {
			open[depth++] = j;
			j = j->first;
			continue;
		}
		while (depth > 0 && !j->next) {
			j = open[--depth];
		}
		if (depth == 0) {
			return true;
		}
		j = j->next;
	}
	return false;
}

static bool
is_member(struct look *l, const struct e2m_field *f, const void *at)
{
	const struct json *tree = NULL;
	void *copy = &tree;
	struct err e = { 0 };

	memcpy(&tree, at, sizeof(const struct json *));
	if (!tree) {
		return f->need == E2M_OPTIONAL;
	}
	return is_tree(l, tree) && e2m_read_tree(f, tree, copy, &e) == 0;
}

static bool
is_text(struct look *l, const struct e2m_field *f, const void *at)
{
	struct str text;

	memcpy(&text, at, sizeof(text));
	return text.at ? take(l, text.len) : f->need == E2M_OPTIONAL;
}

static bool
is_field(struct look *l, const struct e2m_field *f, const void *at)
{
	unsigned word = 0;

	switch (f->form) {
	case FORM_TEXT:
		return is_text(l, f, at);
	case FORM_OBJECT:
	case FORM_TEXTS:
	case FORM_ERROR:
	case FORM_EVALUATOR:
		return is_member(l, f, at);
	case FORM_RATING:
	case FORM_FLAG:
	case FORM_type:
	case FORM_mail_state:
	case FORM_state:
	case FORM_event:
	case FORM_status:
		break;
	}
	memcpy(&word, at, sizeof(word));
	if (word == 0) {
		return f->need == E2M_OPTIONAL;
	}
	if (f->form == FORM_RATING) {
		return word <= 5;
	}
	return f->form == FORM_FLAG || e2m_word(f->form, word) != NULL;
}

bool
e2m_is_plain(const struct e2m_record *r)
{
	const struct e2m_shape *shape = &e2m_shapes[r->kind];
	struct look l = { 0 };

	for (size_t i = 0; i < shape->count; i++) {
		const struct e2m_field *f = &shape->fields[i];

		if (!take(&l, strlen(f->key)) ||
		    !is_field(&l, f, (const char *)&r->as + f->offset)) {
			return false;
		}
	}
	return true;
}
