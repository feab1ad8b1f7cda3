/* SPDX-License-Identifier: Apache-2.0 */
/* What a process wrote, as a result (DESIGN). */
#include "tools/inner.h"

/* Length of the well-formed UTF-8 sequence at s, 0 when it is none (RFC 3629:
 * no surrogates, nothing over-long, nothing above U+10FFFF). */
static size_t
sequence_length(struct str s)
{
	unsigned char first = (unsigned char)s.at[0];
	unsigned char second = s.len > 1 ? (unsigned char)s.at[1] : 0;
	size_t len = first < 0x80   ? 1
	             : first < 0xc2 ? 0
	             : first < 0xe0 ? 2
	             : first < 0xf0 ? 3
	             : first < 0xf5 ? 4
	                            : 0;

	if (len > s.len || (first == 0xe0 && second < 0xa0) ||
	    (first == 0xed && second > 0x9f) ||
	    (first == 0xf0 && second < 0x90) ||
	    (first == 0xf4 && second > 0x8f)) {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s.at[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return len;
}

static void
add_clean(struct buf *b, struct str bytes)
{
	while (bytes.len > 0) {
		size_t len = sequence_length(bytes);

		if (len == 0) {
			buf_add(b, STR("\xef\xbf\xbd"));
			len = 1;
		} else {
			buf_add(b, str_sub(bytes, 0, len));
		}
		bytes = str_sub(bytes, len, bytes.len);
	}
}

static void
set_text(
    struct arena *a, struct json *object, const char *key, struct str bytes)
{
	auto_buf text = { 0 };

	add_clean(&text, bytes);
	(void)json_set_str(a, object, key, buf_str(&text));
}

static struct str
without_last_newlines(struct str s)
{
	while (s.len > 0 && s.at[s.len - 1] == '\n') {
		s.len--;
	}
	return s;
}

static struct json *
plain_result(struct arena *a, const struct tool_exit *x)
{
	struct json *o = json_new(a, JSON_OBJECT);

	(void)json_set(a, o, "exit", json_new_i64(a, x->status));
	set_text(a, o, "stdout", without_last_newlines(x->out));
	set_text(a, o, "stderr", without_last_newlines(x->err));
	(void)json_set(a, o, "truncated", json_new_bool(a, x->truncated));
	return o;
}

static struct json *
file_result(struct arena *a, const struct tool_exit *x)
{
	struct json *o = json_new(a, JSON_OBJECT);

	set_text(a, o, "content", x->out);
	(void)json_set(a, o, "truncated", json_new_bool(a, x->truncated));
	return o;
}

static int
declared_result(struct arena *a, const struct tool *t,
    const struct tool_exit *x, struct json **result, struct err *e)
{
	const struct json_limits limits = { TOOLS_OUTPUT_MAX, 32, 100000 };
	struct json *parsed = NULL;

	if (x->truncated) {
		return err_set(e, ERR_INPUT,
		    "the answer of " STR_FMT
		    " is longer than its output_limit, %u bytes",
		    STR_ARG(t->name), t->output_limit);
	}
	if (json_parse(a, arena_str(a, x->out), &limits, &parsed, e) < 0) {
		e->kind = ERR_INPUT;
		return err_wrap(e, "the answer of " STR_FMT " is no JSON",
		    STR_ARG(t->name));
	}
	if (tools_check_result(t, parsed, e) < 0) {
		return -1;
	}
	*result = parsed;
	return 0;
}

int
tools_exec_result(struct arena *a, const struct tool *t,
    const struct tool_exit *x, struct json **result, bool *failed,
    struct err *e)
{
	struct tool_exit cut = *x;

	cut.truncated = x->truncated || x->out.len > t->output_limit ||
	                x->err.len > t->output_limit;
	cut.out = str_sub(x->out, 0, t->output_limit);
	cut.err = str_sub(x->err, 0, t->output_limit);
	if (x->status == 0 && t->output != NULL) {
		if (declared_result(a, t, &cut, result, e) < 0) {
			return -1;
		}
	} else if (x->status == 0 && t->kind == TOOL_READ_FILE) {
		*result = file_result(a, &cut);
	} else {
		*result = plain_result(a, &cut);
	}
	*failed = x->status != 0;
	return 0;
}
