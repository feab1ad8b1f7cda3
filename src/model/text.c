/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says: its text, and the thinking that stands before it. */
#include "model/inside.h"

#define OPENING "<think>"
#define CLOSING "</think>"

struct str
model_text_of(struct arena *a, const struct json *content)
{
	auto_buf text = { 0 };
	struct str part;

	if (!content || content->type == JSON_NULL) {
		return STR("");
	}
	if (content->type == JSON_STRING) {
		return content->text;
	}
	if (content->type == JSON_ARRAY) {
		JSON_EACH(item, content)
		{
			part = STR("");
			(void)json_text(item, "text", &part);
			buf_add(&text, part);
		}
	} else {
		json_write(&text, content);
	}
	return arena_str(a, buf_str(&text));
}

static size_t
find(struct str s, struct str needle)
{
	for (size_t at = 0; at + needle.len <= s.len; at++) {
		if (str_starts(str_sub(s, at, s.len), needle)) {
			return at;
		}
	}
	return s.len;
}

static struct str
trim_lines(struct str s)
{
	while (
	    s.len && (s.at[0] == '\n' || s.at[0] == '\r' || s.at[0] == ' ')) {
		s = str_sub(s, 1, s.len);
	}
	return s;
}

void
model_split_thinking(struct arena *a, struct model_reply *out)
{
	struct str text = trim_lines(out->content);
	bool opened = str_starts(text, STR(OPENING));
	size_t end = find(text, STR(CLOSING));
	size_t from = opened ? sizeof(OPENING) - 1 : 0;
	struct str thought;

	if (!opened && end == text.len) {
		return;
	}
	thought = str_sub(text, from, end - from);
	out->content =
	    trim_lines(str_sub(text, end + sizeof(CLOSING) - 1, text.len));
	if (end == text.len) {
		out->content = STR("");
	}
	out->reasoning = out->reasoning.len
	                     ? arena_printf(a, STR_FMT "\n" STR_FMT,
	                           STR_ARG(out->reasoning), STR_ARG(thought))
	                     : thought;
}
