/* SPDX-License-Identifier: Apache-2.0 */
#include "roles/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
table_err(const char *file, const struct json *where, struct err *e,
    const char *format, ...)
{
	char text[300];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (where == NULL || where->line == 0) {
		return err_set(e, ERR_INPUT, "%s: %s", file, text);
	}
	return err_set(e, ERR_INPUT, "%s:%u:%u: %s", file, where->line,
	    where->column, text);
}

/* ---- one value ---- */

/* What a row is read with: `bad` says what was expected instead. */
struct value {
	struct arena *arena;
	const struct json *j;
	const char *bad;
};

static bool
is_text(struct value *v, struct str *text)
{
	if (v->j->type != JSON_STRING) {
		v->bad = "a text in quotes";
		return false;
	}
	for (size_t i = 0; i < v->j->text.len; i++) {
		unsigned char c = (unsigned char)v->j->text.at[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f) {
			v->bad = "a text without control characters";
			return false;
		}
	}
	*text = v->j->text;
	return true;
}

static bool
read_text(struct value *v, void *at)
{
	struct str text;

	if (!is_text(v, &text)) {
		return false;
	}
	memcpy(at, &text, sizeof(text));
	return true;
}

static bool
read_part(struct value *v, void *at)
{
	if (!read_text(v, at) || !roles_part_valid(v->j->text)) {
		v->bad = "lower-case words joined by single underscores";
		return false;
	}
	return true;
}

static bool
read_name(struct value *v, void *at)
{
	if (!read_text(v, at) || !roles_name_valid(v->j->text)) {
		v->bad = "a name of lower-case letters, digits and _";
		return false;
	}
	return true;
}

static bool
read_listen(struct value *v, void *at)
{
	struct str host = v->j->text;
	struct str port;
	uint64_t number = 0;
	size_t colon = host.len;

	if (!read_text(v, at)) {
		return false;
	}
	while (colon > 0 && host.at[colon - 1] != ':') {
		colon--;
	}
	port = str_sub(host, colon, host.len);
	host = str_sub(host, 0, colon > 0 ? colon - 1 : 0);
	if (host.len == 0 || !str_u64(port, &number) || number > 65535 ||
	    (str_has(host, ':') && host.at[0] != '[')) {
		v->bad = "ADDRESS:PORT, as in 127.0.0.1:7400 or [::1]:7400";
		return false;
	}
	return true;
}

static bool
read_bool(struct value *v, void *at)
{
	bool yes = v->j->type == JSON_TRUE;

	if (!yes && v->j->type != JSON_FALSE) {
		v->bad = "true or false";
		return false;
	}
	memcpy(at, &yes, sizeof(yes));
	return true;
}

static bool
read_count(struct value *v, void *at)
{
	int64_t n = -1;
	uint32_t count;

	if (!json_number_i64(v->j, &n) || n < 0 || n > UINT32_MAX - 1) {
		v->bad = "a whole number from 0 to 4294967294";
		return false;
	}
	count = (uint32_t)n;
	memcpy(at, &count, sizeof(count));
	return true;
}

bool
table_size(struct str text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	uint64_t n = 0;
	uint64_t unit = 1;

	for (size_t i = 0; text.len > 0 && i < 3; i++) {
		if (text.at[text.len - 1] == units[i]) {
			unit = 1ULL << (10 * (i + 1));
			text.len--;
			break;
		}
	}
	if (!str_u64(text, &n) || n > (1ULL << 50) / unit) {
		return false;
	}
	*bytes = n * unit;
	return true;
}

static bool
read_size(struct value *v, void *at)
{
	uint64_t bytes = 0;

	if ((v->j->type != JSON_STRING && v->j->type != JSON_NUMBER) ||
	    !table_size(v->j->text, &bytes)) {
		v->bad = "a size in bytes or with a unit, as in \"512M\"";
		return false;
	}
	memcpy(at, &bytes, sizeof(bytes));
	return true;
}

static bool
read_duration(struct value *v, void *at)
{
	int64_t us = 0;

	if (v->j->type != JSON_STRING || !duration_parse(v->j->text, &us) ||
	    us <= 0) {
		v->bad = "a duration, as in \"90s\" or \"20m\"";
		return false;
	}
	memcpy(at, &us, sizeof(us));
	return true;
}

static bool
read_names(struct value *v, void *at)
{
	struct names set = { 0 };
	struct str *list;

	v->bad = "a list of different texts";
	if (v->j->type != JSON_ARRAY || v->j->count > 1024) {
		return false;
	}
	list = arena_array(v->arena, v->j->count, sizeof(*list));
	set.at = list;
	JSON_EACH(item, v->j)
	{
		if (item->type != JSON_STRING || item->text.len == 0 ||
		    names_have(&set, item->text)) {
			return false;
		}
		list[set.count++] = item->text;
	}
	memcpy(at, &set, sizeof(set));
	return true;
}

static bool
read_tree(struct value *v, void *at)
{
	memcpy(at, &v->j, sizeof(const struct json *));
	return true;
}

static bool (*const readers[])(struct value *v, void *at) = {
	[TABLE_TEXT] = read_text,
	[TABLE_PART] = read_part,
	[TABLE_NAME] = read_name,
	[TABLE_LISTEN] = read_listen,
	[TABLE_BOOL] = read_bool,
	[TABLE_COUNT] = read_count,
	[TABLE_SIZE] = read_size,
	[TABLE_DURATION] = read_duration,
	[TABLE_NAMES] = read_names,
	[TABLE_TREE] = read_tree,
};

/* A default goes through the same reader as what is written in a file. */
static void
read_fallback(
    const struct table_reader *r, const struct table_key *key, void *at)
{
	bool text = key->form != TABLE_COUNT && key->form != TABLE_BOOL;
	struct json j = { .type = text ? JSON_STRING : JSON_NUMBER,
		.text = str_of(key->fallback) };
	struct value v = { .arena = r->arena, .j = &j };

	if (key->form == TABLE_BOOL) {
		j.type = str_eq_z(j.text, "true") ? JSON_TRUE : JSON_FALSE;
	}
	if (key->fallback[0] != '\0') {
		must(readers[key->form](&v, at));
	}
}

/* ---- a table ---- */

static const struct table_key *
find_key(const struct table_reader *r, const char *section, struct str name)
{
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->keys[i].section, section) == 0 &&
		    str_eq_z(name, r->keys[i].name)) {
			return &r->keys[i];
		}
	}
	return NULL;
}

static int
unknown_key(const struct table_reader *r, const char *section,
    const char *shown, const struct json *where, struct err *e)
{
	auto_buf known = { 0 };

	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->keys[i].section, section) == 0) {
			buf_addf(&known, "%s%s", known.len > 0 ? ", " : "",
			    r->keys[i].name);
		}
	}
	return table_err(r->file, where, e,
	    "unknown key %s in %s; known here: %s", err_quote(where->key),
	    shown, buf_z(&known));
}

static int
check_keys(const struct table_reader *r, const char *section, const char *shown,
    const struct json *table, struct err *e)
{
	JSON_EACH(child, table)
	{
		if (find_key(r, section, child->key) == NULL) {
			return unknown_key(r, section, shown, child, e);
		}
	}
	return 0;
}

int
table_read(const struct table_reader *r, const char *section, const char *shown,
    const struct json *table, void *out, struct err *e)
{
	if (table != NULL && table->type != JSON_OBJECT) {
		return table_err(
		    r->file, table, e, "%s: expected a table", shown);
	}
	if (check_keys(r, section, shown, table, e) < 0) {
		return -1;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct table_key *key = &r->keys[i];
		struct value v = { .arena = r->arena,
			.j = json_get(table, key->name) };
		void *at = (char *)out + key->offset;

		if (strcmp(key->section, section) != 0) {
			continue;
		}
		if (v.j == NULL && key->need == TABLE_REQUIRED) {
			return table_err(r->file, table, e,
			    "%s needs the key %s: %s", shown, key->name,
			    key->sentence);
		}
		if (v.j == NULL) {
			read_fallback(r, key, at);
		} else if (!readers[key->form](&v, at)) {
			return table_err(r->file, v.j, e, "%s: expected %s",
			    key->name, v.bad);
		}
	}
	return 0;
}
