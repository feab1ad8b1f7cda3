/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

void
json_out_init(struct json_out *o, struct buf *to)
{
	*o = (struct json_out){ .to = to };
}

static char *
put_quoted(char *to, struct str plain)
{
	*to++ = '"';
	if (plain.len > 0) {
		memcpy(to, plain.at, plain.len);
	}
	to[plain.len] = '"';
	return to + plain.len + 1;
}

/* What stands before a value: the comma and the key.  The place behind them,
 * with room for `more` bytes. */
static char *
lead(struct json_out *o, const char *key, size_t more)
{
	struct str k = str_of(key);
	char *to = NULL;

	if (!json_is_plain(k)) {
		if (o->comma) {
			buf_add_byte(o->to, ',');
		}
		json_write_string(o->to, k);
		buf_add_byte(o->to, ':');
		o->comma = true;
		return buf_room(o->to, more);
	}
	to = buf_room(o->to, sizeof(",\"\":") + k.len + more);
	if (o->comma) {
		*to++ = ',';
	}
	if (key != NULL) {
		to = put_quoted(to, k);
		*to++ = ':';
	}
	o->comma = true;
	return to;
}

/* Up to here it is written. */
static void
written(struct json_out *o, const char *end)
{
	o->to->len = (size_t)(end - o->to->at);
}

static void
open_with(struct json_out *o, const char *key, char opening)
{
	char *to = lead(o, key, 1);

	*to++ = opening;
	written(o, to);
	o->depth++;
	o->comma = false;
}

void
json_out_object(struct json_out *o, const char *key)
{
	open_with(o, key, '{');
}

void
json_out_array(struct json_out *o, const char *key)
{
	open_with(o, key, '[');
}

void
json_out_end(struct json_out *o, char closing)
{
	must(o->depth > 0 && (closing == '}' || closing == ']'));
	buf_add_byte(o->to, (uint8_t)closing);
	o->depth--;
	o->comma = o->depth > 0;
}

void
json_out_str(struct json_out *o, const char *key, struct str s)
{
	if (json_is_plain(s)) {
		written(o, put_quoted(lead(o, key, s.len + 2), s));
	} else {
		written(o, lead(o, key, 0));
		json_write_string(o->to, s);
	}
}

void
json_out_z(struct json_out *o, const char *key, const char *z)
{
	json_out_str(o, key, str_of(z));
}

#define I64_TEXT sizeof("-9223372036854775808")

/* Gathered from the end; below zero, where the range is one larger. */
void
json_out_i64(struct json_out *o, const char *key, int64_t value)
{
	char text[I64_TEXT];
	char *at = text + sizeof(text);
	char *to = lead(o, key, sizeof(text));
	int64_t rest = value < 0 ? value : -value;

	do {
		*--at = (char)('0' - rest % 10);
		rest /= 10;
	} while (rest != 0);
	if (value < 0) {
		*--at = '-';
	}
	memcpy(to, at, (size_t)(text + sizeof(text) - at));
	written(o, to + (text + sizeof(text) - at));
}

static void
out_word(struct json_out *o, const char *key, struct str word)
{
	char *to = lead(o, key, word.len);

	memcpy(to, word.at, word.len);
	written(o, to + word.len);
}

void
json_out_bool(struct json_out *o, const char *key, bool value)
{
	out_word(o, key, value ? STR("true") : STR("false"));
}

void
json_out_null(struct json_out *o, const char *key)
{
	out_word(o, key, STR("null"));
}

void
json_out_value(struct json_out *o, const char *key, const struct json *j)
{
	written(o, lead(o, key, 0));
	json_write(o->to, j);
}
