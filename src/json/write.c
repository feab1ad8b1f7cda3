/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

#include <string.h>

/* Bytes that a string holds as they are; the rest is escaped or checked. */
static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* How many bytes from i on are plain. */
static size_t
count_plain(struct str s, size_t i)
{
	size_t at = i;

	while (at + sizeof(uint64_t) <= s.len) {
		uint64_t x = 0;

		memcpy(&x, s.at + at, sizeof(x));
		if (!json_are_plain(x)) {
			break;
		}
		at += sizeof(uint64_t);
	}
	while (at < s.len && is_plain((unsigned char)s.at[at])) {
		at++;
	}
	return at - i;
}

static void
write_escape(struct buf *b, unsigned char c)
{
	static const char letters[32] = {
		['\b'] = 'b',
		['\t'] = 't',
		['\n'] = 'n',
		['\f'] = 'f',
		['\r'] = 'r',
	};
	static const char hex[] = "0123456789abcdef";

	if (c == '"' || c == '\\') {
		char two[2] = { '\\', (char)c };
		buf_add(b, str_span(two, 2));
	} else if (letters[c] != 0) {
		char two[2] = { '\\', letters[c] };
		buf_add(b, str_span(two, 2));
	} else {
		char six[6] = { '\\', 'u', '0', '0', hex[c >> 4U],
			hex[c & 15U] };
		buf_add(b, str_span(six, 6));
	}
}

/* Nothing of it is escaped: one copy. */
static void
write_plain(struct buf *b, struct str s)
{
	char *at = buf_room(b, s.len + 2);

	at[0] = '"';
	if (s.len > 0) {
		memcpy(at + 1, s.at, s.len);
	}
	at[s.len + 1] = '"';
	buf_grew(b, s.len + 2);
}

void
json_write_string(struct buf *b, struct str s)
{
	size_t i = 0;

	if (json_is_plain(s)) {
		write_plain(b, s);
		return;
	}
	i = count_plain(s, 0);
	buf_add_byte(b, '"');
	buf_add(b, str_sub(s, 0, i));
	while (i < s.len) {
		unsigned char c = (unsigned char)s.at[i];

		if (c < 0x80 && !is_plain(c)) {
			write_escape(b, c);
			i++;
		} else if (c >= 0x80) {
			size_t len = str_utf8(str_sub(s, i, s.len));

			buf_add(b,
			    len > 0 ? str_sub(s, i, len) : STR("\xef\xbf\xbd"));
			i += len > 0 ? len : 1;
		} else {
			size_t run = count_plain(s, i);

			buf_add(b, str_sub(s, i, run));
			i += run;
		}
	}
	buf_add_byte(b, '"');
}

static void
write_number(struct buf *b, struct str text)
{
	/* TOML's inf and nan have no form here. */
	bool word = str_has(text, 'n');

	buf_add(b, word ? STR("null") : text);
}

static void
write_leaf(struct buf *b, const struct json *j)
{
	switch (j->type) {
	case JSON_NULL:
		buf_add(b, STR("null"));
		break;
	case JSON_FALSE:
		buf_add(b, STR("false"));
		break;
	case JSON_TRUE:
		buf_add(b, STR("true"));
		break;
	case JSON_NUMBER:
		write_number(b, j->text);
		break;
	case JSON_STRING:
	case JSON_DATETIME:
		json_write_string(b, j->text);
		break;
	case JSON_ARRAY:
		buf_add(b, STR("[]"));
		break;
	case JSON_OBJECT:
		buf_add(b, STR("{}"));
		break;
	}
}

struct writer {
	struct buf *to;
	bool pretty;
	size_t depth;
	const struct json *open[JSON_DEPTH_MAX];
};

static void
new_line(struct writer *w)
{
	if (!w->pretty) {
		return;
	}
	buf_add_byte(w->to, '\n');
	for (size_t i = 0; i < w->depth; i++) {
		buf_add(w->to, STR("  "));
	}
}

static void
write_key(struct writer *w, const struct json *j)
{
	if (w->depth > 0 && w->open[w->depth - 1]->type == JSON_OBJECT) {
		json_write_string(w->to, j->key);
		buf_add(w->to, w->pretty ? STR(": ") : STR(":"));
	}
}

/* Closes what ends with j; NULL at the end of the tree, else what follows. */
static const struct json *
after(struct writer *w, const struct json *j)
{
	while (w->depth > 0 && j->next == NULL) {
		j = w->open[--w->depth];
		new_line(w);
		buf_add_byte(w->to, j->type == JSON_OBJECT ? '}' : ']');
	}
	if (w->depth == 0) {
		return NULL;
	}
	buf_add_byte(w->to, ',');
	new_line(w);
	return j->next;
}

static void
write_tree(struct buf *b, const struct json *j, bool pretty)
{
	struct writer w;

	w.to = b;
	w.pretty = pretty;
	w.depth = 0;
	while (j != NULL) {
		write_key(&w, j);
		if (j->first == NULL) {
			write_leaf(b, j);
			j = after(&w, j);
			continue;
		}
		must(w.depth < JSON_DEPTH_MAX);
		buf_add_byte(b, j->type == JSON_OBJECT ? '{' : '[');
		w.open[w.depth++] = j;
		new_line(&w);
		j = j->first;
	}
}

void
json_write(struct buf *b, const struct json *j)
{
	write_tree(b, j, false);
}

void
json_write_pretty(struct buf *b, const struct json *j)
{
	write_tree(b, j, true);
}
