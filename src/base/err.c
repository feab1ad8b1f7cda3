/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/must.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The functions themselves, not what the analyzer sees in their place. */
#undef err_set
#undef err_sys
#undef err_wrap

#define QUOTE_RING 8
#define QUOTE_MOST 80

static const struct {
	const char *name;
	int http;
	int exit;
	bool retry;
} kinds[] = {
	{ "none", 200, 0, false },
#define ERR(kind, http, exit, retry, name) { name, http, exit, retry },
#include "base/errors.def"
#undef ERR
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* What did not fit is cut off by the byte; a person reads characters. */
static void __attribute__((format(printf, 3, 0)))
format_text(char *text, size_t size, const char *format, va_list list)
{
	must(vsnprintf(text, size, format, list) >= 0);
	text[str_utf8_whole(str_of(text)).len] = 0;
}

int
err_set(struct err *e, enum err_kind kind, const char *format, ...)
{
	/* Formatted beside it: an argument may be the old text. */
	char text[sizeof(e->text)];
	va_list list;

	va_start(list, format);
	format_text(text, sizeof(text), format, list);
	va_end(list);
	memcpy(e->text, text, strlen(text) + 1);
	e->kind = kind;
	return -1;
}

int
err_sys(struct err *e, const char *format, ...)
{
	int number = errno;
	char reason[128];
	char text[sizeof(e->text)];
	va_list list;

	va_start(list, format);
	format_text(text, sizeof(text), format, list);
	va_end(list);
	const char *why = strerror_r(number, reason, sizeof(reason));
	/* A long context is cut, not the reason. */
	size_t most = sizeof(e->text) - 3 - strlen(why);
	text[str_utf8_cut(str_of(text), most).len] = 0;
	err_set(e, ERR_IO, "%s: %s", text, why);
	errno = number;
	return -1;
}

int
err_wrap(struct err *e, const char *format, ...)
{
	char context[sizeof(e->text)];
	va_list list;

	va_start(list, format);
	format_text(context, sizeof(context), format, list);
	va_end(list);
	return err_set(e, e->kind, "%s: %s", context, e->text);
}

static size_t
kind_index(enum err_kind kind)
{
	must((size_t)kind < KIND_COUNT);
	return (size_t)kind;
}

const char *
err_name(enum err_kind kind)
{
	return kinds[kind_index(kind)].name;
}

int
err_http(enum err_kind kind)
{
	return kinds[kind_index(kind)].http;
}

int
err_exit(enum err_kind kind)
{
	return kinds[kind_index(kind)].exit;
}

bool
err_retry(enum err_kind kind)
{
	return kinds[kind_index(kind)].retry;
}

/* How one byte is shown; at most 4 characters and the NUL. */
static size_t
quote_byte(unsigned char c, char out[5])
{
	static const char hex[] = "0123456789abcdef";

	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	if (c == '\n' || c == '\t' || c == '\r') {
		out[0] = '\\';
		out[1] = "tn__r"[c - '\t'];
		return 2;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

/* Whether all of it, and the quotes, may stand. */
static bool
fits_whole(struct str hostile)
{
	size_t sum = 2;
	char shown[5];

	for (size_t i = 0; i < hostile.len && sum <= QUOTE_MOST; i++) {
		sum += quote_byte((unsigned char)hostile.at[i], shown);
	}
	return sum <= QUOTE_MOST;
}

const char *
err_quote(struct str hostile)
{
	static char ring[QUOTE_RING][QUOTE_MOST + 1];
	static unsigned turn;
	char *out = ring[turn++ % QUOTE_RING];
	const char *tail = fits_whole(hostile) ? "\"" : "...\"";
	size_t most = QUOTE_MOST - strlen(tail);
	size_t used = 1;

	out[0] = '"';
	for (size_t i = 0; i < hostile.len; i++) {
		char shown[5];
		size_t len = quote_byte((unsigned char)hostile.at[i], shown);
		if (used + len > most) {
			break;
		}
		memcpy(out + used, shown, len);
		used += len;
	}
	memcpy(out + used, tail, strlen(tail) + 1);
	return out;
}
