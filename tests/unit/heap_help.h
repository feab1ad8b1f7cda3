/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEAP_HELP_H
#define HEAP_HELP_H

/* Is a text anywhere on the heap, also in what was given back?  Under the
 * address sanitizer that is all that was given back of late. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A sanitizer's own memory is huge, and no heap. */
#define HEAP_PIECE (64UL << 20)

/* Nobody may look there: the sanitizer is not asked. */
__attribute__((no_sanitize("address"))) static bool
piece_holds(
    const volatile char *from, const volatile char *to, const char *text)
{
	size_t len = strlen(text);

	for (; from + len <= to; from++) {
		size_t n = 0;

		while (n < len && from[n] == text[n]) {
			n++;
		}
		if (n == len) {
			return true;
		}
	}
	return false;
}

/* text is a constant: its own copy is in no writable memory. */
static bool
heap_holds(const char *text)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned long from;
		unsigned long to;
		char may[8];
		char name[256] = "";

		assert_true(sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &from,
		                &to, may, name) >= 3);
		if (strncmp(may, "rw", 2) == 0 && to - from < HEAP_PIECE &&
		    (!name[0] || strcmp(name, "[heap]") == 0)) {
			/* NOLINTNEXTLINE(performance-no-int-to-ptr): of maps */
			found = piece_holds((char *)from, (char *)to, text);
		}
	}
	assert_int_equal(fclose(maps), 0);
	return found;
}

#endif
