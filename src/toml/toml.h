/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOML_TOML_H
#define TOML_TOML_H

/*
 * TOML 1.0.0 (toml.io) into the tree of `json`, strictly: nothing is defined
 * twice, UTF-8 is checked, bounds below.
 *
 * Tables are JSON_OBJECT, arrays and arrays of tables JSON_ARRAY, members in
 * the order of their first mention.  An integer is a JSON_NUMBER in decimal
 * without sign '+', underscores or base (64 bits; more is refused); a float is
 * its text without '+' and underscores, or inf, -inf, nan, -nan, which no
 * json_number_ function yields.  Dates and times of all four kinds are
 * JSON_DATETIME with 'T', 'Z' and at most 9 digits of fraction.
 *
 * line and column are the place of the value, of a table the place of its name
 * where it was first mentioned; columns count bytes.
 */

#include "json/json.h"

#define TOML_BYTES_MAX  ((size_t)1024 * 1024)
#define TOML_DEPTH_MAX  64    /* levels of tables and arrays, the root one */
#define TOML_VALUES_MAX 20000 /* values, tables and arrays together */

/* The root is always an object.  On failure e says `file:line:column: what`:
 * ERR_INPUT, or ERR_LIMIT over a bound.  The tree lives in the arena. */
int toml_parse(struct arena *a, struct str text, const char *file_name,
    struct json **out, struct err *e) MUST_CHECK;

/* For whoever reads the tree and finds a fault: sets ERR_INPUT with the same
 * `file:line:column: ` in front; always -1. */
int toml_refuse(struct err *e, const char *file_name, const struct json *place,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
