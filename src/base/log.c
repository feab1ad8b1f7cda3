/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/part.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_MOST 1024

static enum log_level most_level = LOG_INFO;
static bool as_json;

static const char *
level_name(enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	must((size_t)level < sizeof(names) / sizeof(names[0]));
	return names[level];
}

void
log_set_level(enum log_level level)
{
	most_level = level;
}

void
log_set_json(bool json)
{
	as_json = json;
}

/*
 * One event is one line of UTF-8: what would break the line, reach into a
 * terminal or is no character is shown as an escape that JSON knows as well.
 */
static void
add_text(struct buf *b, const char *z)
{
	struct str rest = str_of(z);

	while (rest.len > 0) {
		size_t n = str_utf8(rest);
		unsigned char c = (unsigned char)rest.at[0];
		unsigned char second = n == 2 ? (unsigned char)rest.at[1] : 0;
		bool escape = as_json && (c == '"' || c == '\\');

		if (n == 0 || c < 0x20 || c == 0x7f) {
			buf_addf(b, "\\u%04x", c);
		} else if (c == 0xc2 && second < 0xa0) {
			buf_addf(b, "\\u%04x", second);
		} else {
			buf_add(b, escape ? STR("\\") : STR(""));
			buf_add(b, str_sub(rest, 0, n));
		}
		rest = str_sub(rest, n > 0 ? n : 1, rest.len);
	}
}

static void
add_field(struct buf *b, const char *key, const char *value, char after)
{
	if (as_json) {
		buf_addf(b, "\"%s\":\"", key);
	}
	add_text(b, value);
	if (as_json) {
		buf_add_byte(b, '"');
	}
	buf_add_byte(b, (uint8_t)after);
}

/* A log that cannot be written must not stop the part. */
static void
tell(struct str line)
{
	while (line.len > 0) {
		ssize_t n = write(STDERR_FILENO, line.at, line.len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return;
		}
		line = str_sub(line, (size_t)n, line.len);
	}
}

static void
put(enum log_level level, const char *event, const char *text)
{
	auto_buf line = { 0 };
	char now[WALL_TEXT_MAX];
	char sep = as_json ? ',' : ' ';
	int saved = errno;

	wall_text(wall_now(), now);
	if (as_json) {
		buf_add_byte(&line, '{');
	}
	add_field(&line, "time", now, sep);
	add_field(&line, "level", level_name(level), sep);
	add_field(&line, "part", must_part(), sep);
	add_field(&line, "event", event, sep);
	add_field(&line, "text", text, as_json ? '}' : '\n');
	if (as_json) {
		buf_add_byte(&line, '\n');
	}
	tell(buf_str(&line));
	errno = saved;
}

void
log_line(enum log_level level, const char *event, const char *format, ...)
{
	char text[TEXT_MOST];
	va_list list;

	if (level > most_level) {
		return;
	}
	va_start(list, format);
	must(vsnprintf(text, sizeof(text), format, list) >= 0);
	va_end(list);
	must_trace("%s %s", event, text);
	put(level, event, text);
}

void
log_err(const char *event, const struct err *e)
{
	log_line(LOG_ERROR, event, "%s (%s)", e->text, err_name(e->kind));
}
