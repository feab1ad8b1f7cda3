/* SPDX-License-Identifier: Apache-2.0 */
#include "base/must.h"

#include "base/part.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE_LINES 64
#define TRACE_WIDTH 160

static char part_name[32] = "handrail";
static char trace_ring[TRACE_LINES][TRACE_WIDTH];
static unsigned trace_count;

void
must_set_part(const char *name)
{
	size_t len = strnlen(name, sizeof(part_name) - 1);

	memcpy(part_name, name, len);
	part_name[len] = 0;
}

const char *
must_part(void)
{
	return part_name;
}

void
must_trace(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	char *line = trace_ring[trace_count % TRACE_LINES];
	if (vsnprintf(line, TRACE_WIDTH, format, list) < 0) {
		line[0] = 0;
	}
	trace_count++;
	va_end(list);
}

void
must_trace_words(const char *a, const char *b, const char *c, const char *d)
{
	const char *const words[] = { a, b, c, d };
	char *line = trace_ring[trace_count++ % TRACE_LINES];
	size_t at = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strnlen(words[i], TRACE_WIDTH - 1 - at);

		memcpy(line + at, words[i], len);
		at += len;
		if (at < TRACE_WIDTH - 1) {
			line[at++] = ' ';
		}
	}
	line[at - 1] = 0;
}

/* Nothing here allocates: the heap may be what is broken. */
static void
tell(const char *z)
{
	size_t len = strlen(z);

	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, z, len);
		if (n <= 0) {
			return;
		}
		z += n;
		len -= (size_t)n;
	}
}

_Noreturn void
must_fail(const char *condition, const char *file, int line)
{
	char number[16];
	unsigned first =
	    trace_count > TRACE_LINES ? trace_count - TRACE_LINES : 0;

	if (snprintf(number, sizeof(number), ":%d", line) < 0) {
		number[0] = 0;
	}
	tell(part_name);
	tell(": must(");
	tell(condition);
	tell(") failed at ");
	tell(file);
	tell(number);
	tell("\n");
	for (unsigned i = first; i != trace_count; i++) {
		tell("  ");
		tell(trace_ring[i % TRACE_LINES]);
		tell("\n");
	}
	abort();
}
