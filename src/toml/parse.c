/* SPDX-License-Identifier: Apache-2.0 */
#include "toml/parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where the next value goes. */
struct target {
	struct node *parent;
	struct str key;
};

static int
read_equals(struct reader *r)
{
	if (*r->at != '=') {
		return text_refuse_found(r, "'=' after the key");
	}
	r->at++;
	text_skip_space(r);
	return 0;
}

/* 1: an element follows; 0: the array ended. */
static int
next_element(struct reader *r, bool fresh)
{
	if (text_skip_blank(r) < 0) {
		return -1;
	}
	if (!fresh && *r->at == ',') {
		r->at++;
		if (text_skip_blank(r) < 0) {
			return -1;
		}
	} else if (!fresh && *r->at != ']') {
		return text_refuse_found(r, "',' or ']'");
	}
	if (*r->at != ']') {
		return 1;
	}
	r->at++;
	return 0;
}

/* 1: a pair follows and its key is read; 0: the inline table ended. */
static int
next_pair(
    struct reader *r, struct node *table, bool fresh, struct target *target)
{
	text_skip_space(r);
	if (*r->at == '}') {
		r->at++;
		return 0;
	}
	if (!fresh && *r->at != ',') {
		return text_refuse_found(r, "',' or '}' on the same line");
	}
	r->at += !fresh;
	if (table_read_path(r, table, &target->parent, &target->key) < 0) {
		return -1;
	}
	return read_equals(r) < 0 ? -1 : 1;
}

/* Behind a value, or (fresh) behind an opening bracket: closes what closes
 * here.  1: another value follows at *target; 0: the whole value was read. */
static int
next_value(
    struct reader *r, struct node **open, bool fresh, struct target *target)
{
	while (*open != NULL) {
		bool array = (*open)->json.type == JSON_ARRAY;
		*target = (struct target){ .parent = *open };
		int more = array ? next_element(r, fresh)
		                 : next_pair(r, *open, fresh, target);
		if (more != 0) {
			return more;
		}
		*open = (*open)->around;
		fresh = false;
	}
	return 0;
}

/* A scalar is read whole, of a container the bracket. */
static struct node *
begin_value(struct reader *r, struct target target)
{
	char c = *r->at;
	enum json_type type = c == '['   ? JSON_ARRAY
	                      : c == '{' ? JSON_OBJECT
	                                 : JSON_STRING;
	struct node *made =
	    table_add(r, target.parent, target.key, type, text_place(r));

	if (made == NULL) {
		return NULL;
	}
	if (type != JSON_STRING) {
		r->at++;
		return made;
	}
	int read = c == '"' || c == '\'' ? string_read(r, &made->json.text)
	                                 : scalar_read(r, &made->json);
	return read < 0 ? NULL : made;
}

static int
read_value(struct reader *r, struct target target)
{
	struct node *open = NULL;
	int more = 1;

	while (more > 0) {
		struct node *made = begin_value(r, target);
		if (made == NULL) {
			return -1;
		}
		bool fresh = made->json.type == JSON_ARRAY ||
		             made->json.type == JSON_OBJECT;
		if (fresh) {
			made->around = open;
			open = made;
		}
		more = next_value(r, &open, fresh, &target);
	}
	return more;
}

static int
read_pair(struct reader *r)
{
	struct target target;

	if (table_read_path(r, r->table, &target.parent, &target.key) < 0 ||
	    read_equals(r) < 0) {
		return -1;
	}
	return read_value(r, target);
}

static int
read_document(struct reader *r)
{
	for (;;) {
		if (text_skip_blank(r) < 0) {
			return -1;
		}
		if (r->at == r->end) {
			return 0;
		}
		int read = *r->at == '[' ? table_read_header(r) : read_pair(r);
		if (read < 0 || text_end_line(r) < 0) {
			return -1;
		}
	}
}

/* Before all else, so that nothing behind it meets half a character. */
static int
check_utf8(struct reader *r)
{
	while (r->at < r->end) {
		struct str rest = str_span(r->at, (size_t)(r->end - r->at));
		size_t len = str_utf8(rest);
		if (len == 0) {
			return text_refuse(r, "these bytes are not UTF-8");
		}
		r->at += len;
		if (rest.at[0] == '\n') {
			r->line++;
			r->line_start = r->at;
		}
	}
	return 0;
}

int
toml_parse(struct arena *a, struct str text, const char *file_name,
    struct json **out, struct err *e)
{
	struct node *root = arena_alloc(a, sizeof(*root));
	struct reader r = {
		.arena = a,
		.file = file_name,
		.err = e,
		.line = 1,
		.root = root,
		.table = root,
	};

	if (text.len > TOML_BYTES_MAX) {
		return err_set(e, ERR_LIMIT,
		    "%s:1:1: the file has %zu bytes; the limit is %zu",
		    file_name, text.len, TOML_BYTES_MAX);
	}
	if (str_starts(text, STR("\xef\xbb\xbf"))) {
		text = str_sub(text, 3, text.len);
	}
	char *copy = arena_alloc(a, text.len + 1);
	if (text.len > 0) {
		memcpy(copy, text.at, text.len);
	}
	root->json.type = JSON_OBJECT;
	root->json.line = 1;
	root->json.column = 1;
	root->origin = BY_HEADER;
	root->depth = 1;
	r.end = copy + text.len;
	r.at = copy;
	r.line_start = copy;
	if (check_utf8(&r) < 0) {
		return -1;
	}
	r.at = copy;
	r.line_start = copy;
	r.line = 1;
	if (read_document(&r) < 0) {
		return -1;
	}
	*out = &root->json;
	return 0;
}

int
toml_refuse(struct err *e, const char *file_name, const struct json *place,
    const char *format, ...)
{
	char text[sizeof(e->text)];
	va_list list;

	va_start(list, format);
	must(vsnprintf(text, sizeof(text), format, list) >= 0);
	va_end(list);
	return err_set(e, ERR_INPUT, "%s:%u:%u: %s", file_name, place->line,
	    place->column, text);
}
