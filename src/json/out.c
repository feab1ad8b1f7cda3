/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

void
json_out_init(struct json_out *o, struct buf *to)
{
	*o = (struct json_out){ .to = to };
}

/* What stands before a value: the comma and the key. */
static void
lead(struct json_out *o, const char *key)
{
	if (o->comma) {
		buf_add_byte(o->to, ',');
	}
	if (key != NULL) {
		json_write_string(o->to, str_of(key));
		buf_add_byte(o->to, ':');
	}
	o->comma = true;
}

void
json_out_object(struct json_out *o, const char *key)
{
	lead(o, key);
	buf_add_byte(o->to, '{');
	o->depth++;
	o->comma = false;
}

void
json_out_array(struct json_out *o, const char *key)
{
	lead(o, key);
	buf_add_byte(o->to, '[');
	o->depth++;
	o->comma = false;
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
	lead(o, key);
	json_write_string(o->to, s);
}

void
json_out_z(struct json_out *o, const char *key, const char *z)
{
	json_out_str(o, key, str_of(z));
}

/* Gathered from the end; below zero, where the range is one larger. */
static void
write_i64(struct buf *b, int64_t value)
{
	char text[sizeof("-9223372036854775808")];
	char *at = text + sizeof(text);
	int64_t rest = value < 0 ? value : -value;

	do {
		*--at = (char)('0' - rest % 10);
		rest /= 10;
	} while (rest != 0);
	if (value < 0) {
		*--at = '-';
	}
	buf_add(b, str_span(at, (size_t)(text + sizeof(text) - at)));
}

void
json_out_i64(struct json_out *o, const char *key, int64_t value)
{
	lead(o, key);
	write_i64(o->to, value);
}

void
json_out_bool(struct json_out *o, const char *key, bool value)
{
	lead(o, key);
	buf_add(o->to, value ? STR("true") : STR("false"));
}

void
json_out_null(struct json_out *o, const char *key)
{
	lead(o, key);
	buf_add(o->to, STR("null"));
}

void
json_out_value(struct json_out *o, const char *key, const struct json *j)
{
	lead(o, key);
	json_write(o->to, j);
}
