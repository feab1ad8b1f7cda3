/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "e2m/inner.h"

/* A record's fields start at the same address as the union. */
static void *
member(struct e2m_record *r, const struct e2m_field *f)
{
	return (char *)&r->as + f->offset;
}

static int
want(const struct e2m_field *f, const char *what, struct err *e)
{
	return err_set(e, ERR_INPUT, "%s: expected %s", f->key, what);
}

static bool
all_texts(const struct json *list)
{
	JSON_EACH(item, list)
	{
		if (item->type != JSON_STRING) {
			return false;
		}
	}
	return true;
}

static int
check_evaluator(const struct json *value, struct err *e)
{
	bool pass = false;

	if (value->type != JSON_OBJECT) {
		return err_set(e, ERR_INPUT, "evaluator: expected an object");
	}
	JSON_EACH(list, value)
	{
		bool is_pass = str_eq_z(list->key, "pass_if");

		if (!is_pass && !str_eq_z(list->key, "fail_if")) {
			return err_set(e, ERR_INPUT,
			    "evaluator: unknown key %s", err_quote(list->key));
		}
		if (list->type != JSON_ARRAY || !all_texts(list)) {
			return err_set(e, ERR_INPUT,
			    "evaluator.%s: expected a list of strings",
			    is_pass ? "pass_if" : "fail_if");
		}
		pass = pass || (is_pass && list->count > 0);
	}
	if (!pass) {
		return err_set(e, ERR_INPUT,
		    "evaluator.pass_if: expected at least one condition");
	}
	return 0;
}

static const char *
word_or_not(const struct json *value)
{
	return value->type == JSON_STRING ? err_quote(value->text)
	                                  : "what is no string";
}

static int
read_word(const struct e2m_field *f, const struct json *value, void *at,
    struct err *e)
{
	unsigned word = value->type == JSON_STRING
	                    ? e2m_word_value(f->form, value->text)
	                    : 0;
	auto_buf words = { 0 };

	if (word != 0) {
		memcpy(at, &word, sizeof(word));
		return 0;
	}
	for (unsigned i = 1; e2m_word(f->form, i) != NULL; i++) {
		buf_addf(
		    &words, "%s%s", i > 1 ? ", " : "", e2m_word(f->form, i));
	}
	return err_set(e, ERR_INPUT, "%s: expected one of %s, not %s", f->key,
	    buf_z(&words), word_or_not(value));
}

static int
read_rating(const struct e2m_field *f, const struct json *value, void *at,
    struct err *e)
{
	int64_t n = 0;
	uint32_t rating;

	if (!json_number_i64(value, &n) || n < 1 || n > 5) {
		return want(f, "a whole number from 1 to 5", e);
	}
	rating = (uint32_t)n;
	memcpy(at, &rating, sizeof(rating));
	return 0;
}

static int
read_text(const struct e2m_field *f, const struct json *value, void *at,
    struct err *e)
{
	struct str text = value->text;

	if (value->type != JSON_STRING) {
		return want(f, "a string", e);
	}
	if (text.at == NULL) {
		text = STR("");
	}
	memcpy(at, &text, sizeof(text));
	return 0;
}

static int
read_flag(const struct e2m_field *f, const struct json *value, void *at,
    struct err *e)
{
	enum e2m_flag flag = value->type == JSON_TRUE ? E2M_YES : E2M_NO;

	if (value->type != JSON_TRUE && value->type != JSON_FALSE) {
		return want(f, "true or false", e);
	}
	memcpy(at, &flag, sizeof(flag));
	return 0;
}

int
e2m_read_tree(const struct e2m_field *f, const struct json *value, void *at,
    struct err *e)
{
	if (f->form == FORM_OBJECT && value->type != JSON_OBJECT) {
		return want(f, "an object", e);
	}
	if (f->form == FORM_TEXTS &&
	    (value->type != JSON_ARRAY || !all_texts(value))) {
		return want(f, "a list of strings", e);
	}
	if (f->form == FORM_ERROR && value->type != JSON_OBJECT &&
	    value->type != JSON_STRING) {
		return want(f, "a string or a failure object", e);
	}
	if (f->form == FORM_EVALUATOR && check_evaluator(value, e) < 0) {
		return -1;
	}
	memcpy(at, &value, sizeof(const struct json *));
	return 0;
}

int
e2m_read_field(const struct e2m_field *f, const struct json *value,
    struct e2m_record *r, struct err *e)
{
	void *at = member(r, f);

	switch (f->form) {
	case FORM_TEXT:
		return read_text(f, value, at, e);
	case FORM_RATING:
		return read_rating(f, value, at, e);
	case FORM_FLAG:
		return read_flag(f, value, at, e);
	case FORM_OBJECT:
	case FORM_TEXTS:
	case FORM_ERROR:
	case FORM_EVALUATOR:
		return e2m_read_tree(f, value, at, e);
	case FORM_type:
	case FORM_mail_state:
	case FORM_state:
	case FORM_event:
	case FORM_status:
		return read_word(f, value, at, e);
	}
	must(false);
	return -1;
}

const struct e2m_field *
e2m_find_field(const struct e2m_shape *shape, struct str key)
{
	for (size_t i = 0; i < shape->count; i++) {
		if (str_eq_z(key, shape->fields[i].key)) {
			return &shape->fields[i];
		}
	}
	return NULL;
}

int
e2m_find_kind(const struct json *object, enum e2m_kind *kind, struct err *e)
{
	const struct json *value = json_get(object, "_type");
	struct str type = { 0 };

	if (object->type != JSON_OBJECT) {
		return err_set(
		    e, ERR_INPUT, "a record is one JSON object a line");
	}
	(void)json_text(object, "_type", &type);
	for (size_t i = 0; i < COUNT(e2m_shapes); i++) {
		if (str_eq_z(type, e2m_shapes[i].type)) {
			*kind = (enum e2m_kind)i;
			return 0;
		}
	}
	if (!value) {
		return err_set(e, ERR_INPUT,
		    "_type: expected one of envelope, task, transition, but "
		    "there is none");
	}
	return err_set(e, ERR_INPUT,
	    "_type: expected one of envelope, task, transition, not %s",
	    word_or_not(value));
}

static int
check_required(
    const struct e2m_shape *shape, const struct json *object, struct err *e)
{
	for (size_t i = 0; i < shape->count; i++) {
		const struct e2m_field *f = &shape->fields[i];

		if (f->need == E2M_REQUIRED && !json_get(object, f->key)) {
			return err_set(e, ERR_INPUT, "%s: is required in %s",
			    f->key, shape->shown);
		}
	}
	return 0;
}

int
e2m_from_json(const struct json *object, struct e2m_record *out, struct err *e)
{
	struct e2m_record r = { 0 };
	const struct e2m_shape *shape;

	if (e2m_find_kind(object, &r.kind, e) < 0) {
		return -1;
	}
	shape = &e2m_shapes[r.kind];
	JSON_EACH(value, object)
	{
		const struct e2m_field *f = e2m_find_field(shape, value->key);

		if (str_eq_z(value->key, "_type")) {
			continue;
		}
		if (f == NULL) {
			return err_set(e, ERR_INPUT, "%s: unknown key in %s",
			    err_quote(value->key), shape->shown);
		}
		if (e2m_read_field(f, value, &r, e) < 0) {
			return -1;
		}
	}
	if (check_required(shape, object, e) < 0) {
		return -1;
	}
	*out = r;
	return 0;
}

/* The reader of JSON counts lines of the text it was given: it is always one
 * here, and another is what people count. */
int
e2m_read_json(
    struct arena *a, struct str line, struct json **out, struct err *e)
{
	static const char prefix[] = "line 1, ";
	struct err why = { 0 };

	if (line.len >= E2M_LINE_MAX) {
		return err_set(e, ERR_LIMIT, "a line is at most 1 MiB");
	}
	if (str_starts(line, STR("\xef\xbb\xbf"))) {
		return err_set(e, ERR_INPUT,
		    "it begins with a byte order mark: save the file as UTF-8 "
		    "without one");
	}
	if (str_starts(line, STR("\xff\xfe")) ||
	    str_starts(line, STR("\xfe\xff"))) {
		return err_set(e, ERR_INPUT,
		    "it begins as UTF-16 does: save the file as UTF-8");
	}
	if (json_parse(a, line, NULL, out, &why) == 0) {
		return 0;
	}
	return err_set(e, why.kind, "the line is no JSON: %s",
	    why.text + (strncmp(why.text, prefix, sizeof(prefix) - 1) == 0
	                       ? sizeof(prefix) - 1
	                       : 0));
}

int
e2m_parse_line(
    struct arena *a, struct str line, struct e2m_record *out, struct err *e)
{
	struct json *object = NULL;

	return e2m_read_json(a, line, &object, e) < 0
	           ? -1
	           : e2m_from_json(object, out, e);
}

bool
e2m_is_blank(struct str line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (!str_has(STR(" \t\r"), line.at[i])) {
			return false;
		}
	}
	return true;
}

static size_t
count_lines(struct str bytes)
{
	size_t n = 1;

	for (size_t i = 0; i < bytes.len; i++) {
		n += bytes.at[i] == '\n';
	}
	return n;
}

struct e2m_lines
e2m_parse_lines(struct arena *a, struct str bytes, const char *file)
{
	struct e2m_lines r = { 0 };
	uint32_t number = 0;
	bool whole = true;

	r.at = arena_array(a, count_lines(bytes), sizeof(*r.at));
	while (bytes.len > 0) {
		struct e2m_line *l = &r.at[r.count];
		struct err e = { 0 };

		whole = str_cut(&bytes, '\n', &l->raw);
		l->number = ++number;
		l->torn = !whole;
		if (e2m_is_blank(l->raw)) {
			continue;
		}
		r.count++;
		if (e2m_parse_line(a, l->raw, &l->record, &e) == 0) {
			continue;
		}
		l->problem =
		    arena_printf(a, "%s:%u: %s%s", file, number, e.text,
		        l->torn ? " (the last line has no end: torn?)" : "");
		r.bad++;
	}
	return r;
}
