/* SPDX-License-Identifier: Apache-2.0 */
#ifndef E2M_INNER_H
#define E2M_INNER_H

/* records.def and enums.def as tables; shared by this room's files only. */

#include "e2m/e2m.h"

enum e2m_need { E2M_REQUIRED, E2M_OPTIONAL };

enum e2m_form {
	FORM_TEXT,
	FORM_RATING,
	FORM_FLAG,
	FORM_OBJECT,
	FORM_TEXTS,
	FORM_ERROR,
	FORM_EVALUATOR,
	FORM_type, /* the sets of enums.def */
	FORM_mail_state,
	FORM_state,
	FORM_event,
	FORM_status,
};

struct e2m_field {
	const char *key;
	enum e2m_need need;
	enum e2m_form form;
	size_t offset; /* in the record's struct */
};

struct e2m_shape {
	const char *type;  /* value of _type */
	const char *shown; /* with its article, for messages */
	const struct e2m_field *fields;
	size_t count;
};

extern const struct e2m_shape e2m_shapes[3]; /* by enum e2m_kind */

/* Reading, for both readers: the field of a key, NULL when it is none; its
 * value into the record; which record an object says it is. */
const struct e2m_field *e2m_find_field(
    const struct e2m_shape *shape, struct str key);
int e2m_read_field(const struct e2m_field *f, const struct json *value,
    struct e2m_record *r, struct err *e) MUST_CHECK;
/* One line's JSON; what is wrong with it names the column alone. */
int e2m_read_json(struct arena *a, struct str line, struct json **out,
    struct err *e) MUST_CHECK;
int e2m_find_kind(
    const struct json *object, enum e2m_kind *kind, struct err *e) MUST_CHECK;
bool e2m_is_blank(struct str line);

/* Is the record one that the strict reader takes once it is written?  True is
 * certain; false says only that this quick look could not tell. */
bool e2m_is_plain(const struct e2m_record *r);
/* Has the tree the form of its field?  To *at, a pointer, if it has. */
int e2m_read_tree(const struct e2m_field *f, const struct json *value, void *at,
    struct err *e) MUST_CHECK;

/* The word of a set, NULL outside it; index 0 is absent. */
const char *e2m_word(enum e2m_form set, unsigned value);
/* Its value, 0 when the word is none of the set. */
unsigned e2m_word_value(enum e2m_form set, struct str word);

#endif
