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

#define TRACE_WORDS 4

/* A text, or words that are put together when the story is told. */
struct trace {
	const char *words[TRACE_WORDS]; /* the first is NULL: a text */
	char text[TRACE_WIDTH];
};

static char part_name[32] = "handrail";
static struct trace trace_ring[TRACE_LINES];
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
	struct trace *t = &trace_ring[trace_count % TRACE_LINES];
	t->words[0] = NULL;
	if (vsnprintf(t->text, TRACE_WIDTH, format, list) < 0) {
		t->text[0] = 0;
	}
	trace_count++;
	va_end(list);
}

void
must_trace_words(const char *a, const char *b, const char *c, const char *d)
{
	struct trace *t = &trace_ring[trace_count++ % TRACE_LINES];

	t->words[0] = a;
	t->words[1] = b;
	t->words[2] = c;
	t->words[3] = d;
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

static void
tell_trace(const struct trace *t)
{
	if (!t->words[0]) {
		tell(" ");
		tell(t->text);
	}
	for (size_t i = 0; t->words[0] && i < TRACE_WORDS; i++) {
		tell(" ");
		tell(t->words[i]);
	}
	tell("\n");
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
		tell(" ");
		tell_trace(&trace_ring[i % TRACE_LINES]);
	}
	abort();
}
