/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

/*
 * JSON Schema 2020-12 (json-schema.org/draft/2020-12) over `struct json`: a
 * stated subset (DESIGN lists every keyword), and whatever is not enforced is
 * refused when the schema is compiled, with its JSON pointer and its line, so
 * that no contract promises what nobody checks.  Numbers are compared as the
 * exact decimals that were written; `pattern` is PCRE2 with ECMA options.
 *
 * Keywords: type, enum, const, properties, required, additionalProperties,
 * items, prefixItems, minItems, maxItems, uniqueItems, minLength, maxLength,
 * pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf,
 * minProperties, maxProperties, allOf, anyOf, oneOf, not, $defs and $ref
 * ("#" or "#/$defs/NAME"), format "date-time" and "uuid"; title, description,
 * default, examples, deprecated, $comment are notes.
 */

#include "json/json.h"

#define SCHEMA_DEPTH_MAX   64      /* nesting of a schema */
#define SCHEMA_CHECK_DEPTH 256     /* nested schemas at work on one value */
#define SCHEMA_STEPS_MAX   1000000 /* schema applications in one check */

struct schema;

/*
 * The result lives in the arena and borrows `root`, which must live as long.
 * `name` is the file in messages: "NAME:LINE:COLUMN: /pointer: what is wrong"
 * (without line and column when the tree was made in memory).  ERR_INPUT.
 */
int schema_compile(struct arena *a, const struct json *root, const char *name,
    struct schema **out, struct err *e) MUST_CHECK;

/*
 * ERR_INPUT "path: what was expected" ("items[3].name: expected a string, got
 * a number"; the path of the whole value is "value"); ERR_LIMIT when the check
 * needs more than the bounds above.  The value's own text is never quoted:
 * it may be hostile or a secret.
 */
int schema_check(
    const struct schema *s, const struct json *value, struct err *e) MUST_CHECK;

#endif
