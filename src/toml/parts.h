/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOML_PARTS_H
#define TOML_PARTS_H

/* What the files of this room share. */

#include "toml/toml.h"

/* How a table or array came to be: it decides who may still add to it. */
enum origin {
	BY_VALUE,  /* a value in text: whole once it is read */
	BY_PATH,   /* only named on the way to another table */
	BY_HEADER, /* [name], or an element of [[name]] */
	BY_DOTS,   /* name.key = … */
	BY_SERIES, /* the array that [[name]] adds to */
};

/* Every value of the tree is one of these, seen from outside as its json. */
struct node {
	struct json json;
	struct node *around; /* while being read: the container outside */
	enum origin origin;
	uint32_t depth;
};

/*
 * The text is copied into the arena once; strings are spans of the copy,
 * unescaped in place.  A NUL stands behind the last byte, so that one byte may
 * always be looked at: inside the text a NUL is refused wherever it stands.
 */
struct reader {
	char *at;
	char *end;
	char *line_start;
	uint32_t line;
	uint32_t values;
	struct arena *arena;
	const char *file;
	struct err *err;
	struct node *root;
	struct node *table; /* that the last header opened */
};

/* Where a name stands. */
struct place {
	uint32_t line;
	uint32_t column;
};

/* text.c: each says where r stands and returns -1. */
int text_refuse(const struct reader *r, const char *what);
int text_refuse_found(const struct reader *r, const char *wanted);
struct place text_place(const struct reader *r);
void text_skip_space(struct reader *r);
/* At "\n" or "\r\n": goes behind it. */
bool text_take_newline(struct reader *r);
/* Spaces, new lines and comments. */
int text_skip_blank(struct reader *r) MUST_CHECK;
/* Behind a pair or header: nothing but a comment may follow on the line. */
int text_end_line(struct reader *r) MUST_CHECK;

/* string.c: r->at is at the quote.  A name's string is never multi-line. */
int string_read(struct reader *r, struct str *out) MUST_CHECK;
int string_read_line(struct reader *r, struct str *out) MUST_CHECK;

/* scalar.c: a number, date, time, true or false. */
int scalar_read(struct reader *r, struct json *j) MUST_CHECK;

/* table.c */
struct node *table_find(const struct node *table, struct str key);
/* A new member (key ignored for an array) at a place; NULL over a bound. */
struct node *table_add(struct reader *r, struct node *parent, struct str key,
    enum json_type type, struct place place);
/* `a.b.c` of a pair: makes a and b in table; *into is b, *key is c, which is
 * not there yet. */
int table_read_path(struct reader *r, struct node *table, struct node **into,
    struct str *key) MUST_CHECK;
/* `[a.b]` or `[[a.b]]`: r->table is then that table. */
int table_read_header(struct reader *r) MUST_CHECK;

#endif
