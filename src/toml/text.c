/* SPDX-License-Identifier: Apache-2.0 */
#include "toml/parts.h"

struct place
text_place(const struct reader *r)
{
	return (struct place){ r->line, (uint32_t)(r->at - r->line_start) + 1 };
}

int
text_refuse(const struct reader *r, const char *what)
{
	struct place place = text_place(r);

	return err_set(r->err, ERR_INPUT, "%s:%u:%u: %s", r->file, place.line,
	    place.column, what);
}

/* What stands here, for a message. */
static const char *
found(const struct reader *r)
{
	struct str rest = str_span(r->at, (size_t)(r->end - r->at));

	if (rest.len == 0) {
		return "the end of the file";
	}
	if (rest.at[0] == '\n' || str_starts(rest, STR("\r\n"))) {
		return "the end of the line";
	}
	return err_quote(str_sub(rest, 0, str_utf8(rest)));
}

int
text_refuse_found(const struct reader *r, const char *wanted)
{
	struct place place = text_place(r);

	return err_set(r->err, ERR_INPUT, "%s:%u:%u: expected %s, found %s",
	    r->file, place.line, place.column, wanted, found(r));
}

void
text_skip_space(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t') {
		r->at++;
	}
}

bool
text_take_newline(struct reader *r)
{
	size_t len = *r->at == '\n' ? 1 : 0;

	if (r->at[0] == '\r' && r->at[1] == '\n') {
		len = 2;
	}
	if (len == 0) {
		return false;
	}
	r->at += len;
	r->line++;
	r->line_start = r->at;
	return true;
}

/* Up to, not over, the end of the line. */
static int
skip_comment(struct reader *r)
{
	if (*r->at != '#') {
		return 0;
	}
	for (;; r->at++) {
		unsigned char c = (unsigned char)*r->at;
		bool control = (c < 0x20 && c != '\t') || c == 0x7f;
		if (!control) {
			continue;
		}
		if (r->at == r->end || c == '\n' ||
		    (c == '\r' && r->at[1] == '\n')) {
			return 0;
		}
		return text_refuse(r, "a control byte in a comment");
	}
}

int
text_skip_blank(struct reader *r)
{
	do {
		text_skip_space(r);
		if (skip_comment(r) < 0) {
			return -1;
		}
	} while (text_take_newline(r));
	return 0;
}

int
text_end_line(struct reader *r)
{
	text_skip_space(r);
	if (skip_comment(r) < 0) {
		return -1;
	}
	if (r->at != r->end && !text_take_newline(r)) {
		return text_refuse_found(r, "the end of the line");
	}
	return 0;
}
