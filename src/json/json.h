/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

/*
 * RFC 8259 in and out, RFC 8785 canonical form.  The reader is strict: UTF-8
 * checked, duplicate keys refused, no trailing bytes, number text kept as it
 * stood (so nothing is rounded), lone surrogates refused, bounds below.
 * The tree lives in the caller's arena and is shared with `toml`.
 */

#include "base/base.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER, /* text is the number as written */
	JSON_STRING, /* text is unescaped UTF-8, may hold NUL */
	JSON_ARRAY,
	JSON_OBJECT,
	JSON_DATETIME, /* made by toml only; text is RFC 3339 */
};

struct json {
	enum json_type type;
	uint32_t line;   /* 1-based place of the value; 0 when made in memory */
	uint32_t column; /* in bytes */
	uint32_t count;  /* members of an array or object */
	struct str text; /* of a number, string or datetime */
	struct str key;  /* when this is a member of an object */
	struct json *first; /* first member */
	struct json *last;
	struct json *next; /* next member of the same parent */
};

struct json_limits {
	size_t bytes; /* of the whole text */
	uint32_t depth;
	uint32_t nodes;
};
extern const struct json_limits json_limits_default; /* 4 MiB, 64, 200,000 */

#define JSON_DEPTH_MAX 256 /* of any tree here; limits may not exceed it */

/* On failure e says line and column and what was expected (ERR_INPUT, or
 * ERR_LIMIT over a bound).  limits may be NULL for the default. */
int json_parse(struct arena *a, struct str text,
    const struct json_limits *limits, struct json **out,
    struct err *e) MUST_CHECK;

/* Lookups: NULL (or false) when absent or of another type; j may be NULL. */
const struct json *json_get(const struct json *j, const char *key);
const struct json *json_get_str(const struct json *j, struct str key);
const struct json *json_at(const struct json *j, size_t index);
bool json_text(const struct json *j, const char *key, struct str *out);
bool json_i64(const struct json *j, const char *key, int64_t *out);
bool json_bool(const struct json *j, const char *key, bool *out);
/* Of the whole value: 1.0 and 1e3 are integers, 1.5 is none. */
bool json_number_i64(const struct json *number, int64_t *out);
bool json_number_double(const struct json *number, double *out); /* finite */
/* RFC 6901 pointer; "" is j itself. */
const struct json *json_pointer(const struct json *j, struct str pointer);
/* By value: members in any order, numbers as exact decimals (1.0 is 1). */
bool json_equal(const struct json *a, const struct json *b);

#define JSON_EACH(child, parent)                                             \
	for (const struct json *(child) = (parent) ? (parent)->first : NULL; \
	     (child); (child) = (child)->next)

/*
 * A number as written, without rounding: sign, the significant digits and the
 * power of ten of the last one.  Zero has no digits, no sign and power 0; a
 * whole number's power is not negative.
 */
struct json_decimal {
	bool minus;
	bool far; /* an exponent beyond ±JSON_EXPONENT_MAX was written; its
	             size may be cut off, and the power with it */
	struct str digits; /* of the text, maybe with a dot among them; the
	                      first and last are not 0 */
	size_t count;      /* of them, without the dot */
	int64_t power;
};
#define JSON_EXPONENT_MAX 999999999
#define JSON_DIVISOR_MAX  15
/* False if it is no number; zeros in front do no harm. */
bool json_decimal_of(struct str text, struct json_decimal *out);
int json_decimal_compare(
    const struct json_decimal *a, const struct json_decimal *b);
/* Is d a whole multiple?  The divisor is not zero and has at most
 * JSON_DIVISOR_MAX digits (must); signs do not count. */
bool json_decimal_divides(
    const struct json_decimal *divisor, const struct json_decimal *d);

/* Building in memory: everything lives in the arena; strings are copied. */
struct json *json_new(struct arena *a, enum json_type type);
struct json *json_new_str(struct arena *a, struct str s);
struct json *json_new_i64(struct arena *a, int64_t value);
struct json *json_new_bool(struct arena *a, bool value);
struct json *json_copy(struct arena *a, const struct json *j);
/* A copy of an object without one member, however many it has, in one pass: a
 * stranger wrote it.  Of NULL, or of another type, an empty object. */
struct json *json_without(
    struct arena *a, const struct json *object, const char *key);
/* Adds or replaces a member; takes `value`, returns it. */
struct json *json_set(
    struct arena *a, struct json *object, const char *key, struct json *value);
/* Of a key that was read: it may hold a NUL. */
struct json *json_set_key(
    struct arena *a, struct json *object, struct str key, struct json *value);
struct json *json_set_str(
    struct arena *a, struct json *object, const char *key, struct str s);
struct json *json_push(struct json *array, struct json *value);

/* Writing.  json_write: members in their order, no spaces; bytes that are not
 * UTF-8 become U+FFFD, a datetime a string, TOML's inf and nan null.
 * json_canonical: RFC 8785 (keys sorted by UTF-16 units, numbers in shortest
 * ES6 form).  An integer, or a size, that no double holds is outside that RFC:
 * it keeps its digits, so that two such numbers do not become one. */
void json_write(struct buf *b, const struct json *j);
void json_write_pretty(struct buf *b, const struct json *j); /* 2 spaces */
void json_canonical(struct buf *b, const struct json *j);
void json_write_string(struct buf *b, struct str s); /* with the quotes */

/* A stream writer without a tree: begin/end nest, commas are put for you. */
struct json_out {
	struct buf *to;
	uint32_t depth;
	bool comma;
};
void json_out_init(struct json_out *o, struct buf *to);
void json_out_object(
    struct json_out *o, const char *key); /* key NULL in arrays */
void json_out_array(struct json_out *o, const char *key);
void json_out_end(struct json_out *o, char closing); /* '}' or ']' */
void json_out_str(struct json_out *o, const char *key, struct str s);
void json_out_z(struct json_out *o, const char *key, const char *z);
void json_out_i64(struct json_out *o, const char *key, int64_t value);
void json_out_bool(struct json_out *o, const char *key, bool value);
void json_out_null(struct json_out *o, const char *key);
void json_out_value(struct json_out *o, const char *key, const struct json *j);

#endif
