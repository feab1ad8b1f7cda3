/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "json/json.h"

#include <string.h>

/*
 * The text is copied into the arena once and strings are spans of the copy,
 * unescaped in place (never longer than their escapes).  A NUL stands behind
 * the last byte, so that one byte may always be looked at: inside the text a
 * NUL is refused wherever it stands.
 */
struct parser {
	char *at;
	char *end;
	char *line_start;
	struct arena *arena;
	const struct json_limits *limits;
	struct err *err;
	uint32_t line;
	uint32_t depth;
	uint32_t nodes;
};

/* Each says where p stands and returns -1. */
int json_refuse(const struct parser *p, const char *what);
int json_refuse_found(const struct parser *p, const char *wanted);
int json_refuse_limit(const struct parser *p, const char *what, uint32_t limit);

/* p->at is at the opening quote; a NUL is left where the closing one stood. */
int json_read_string(struct parser *p, struct str *out);
/* p->at is at a minus or a digit. */
int json_read_number(struct parser *p, struct json *j);

static inline void
json_skip_space(struct parser *p)
{
	for (;; p->at++) {
		if (*p->at == '\n') {
			p->line++;
			p->line_start = p->at + 1;
		} else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r') {
			return;
		}
	}
}

static inline bool
json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

#endif
