/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

/*
 * Our own faults stop the part with its story: must(condition) is always
 * compiled in, prints part, place, condition and the last trace lines, then
 * aborts.  Never for anything that input can cause.
 */

void must_set_part(const char *name); /* name of this process in its story */
void must_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Four words that last as long as the part (literals, names of a table), of
 * what happens at every turn: they are kept as they are, which costs next to
 * nothing. */
void must_trace_words(
    const char *a, const char *b, const char *c, const char *d);
_Noreturn void must_fail(const char *condition, const char *file, int line);

#define must(condition) \
	((condition) ? (void)0 : must_fail(#condition, __FILE__, __LINE__))

#endif
