/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CRASH_H
#define PARTS_CRASH_H

/*
 * Named places where a test may end this part, as kill -9 would: the crash
 * suite's own core has them, HANDRAIL_CRASH=name[:n] arms one (the n-th
 * passage), and every name stands in crash.def, which the suite walks.
 * HANDRAIL_CRASH_ONCE=path disarms it for whoever comes after: only the process
 * that makes that file dies (core may write in state/book alone). In the core
 * that is installed crash_point() is nothing.
 */

enum crash_name {
#define CRASH(name, text) CRASH_##name,
#include "parts/crash.def"
#undef CRASH
	CRASH_COUNT
};

#ifdef HANDRAIL_CRASH_POINTS
void crash_point(enum crash_name name);
#else
#define crash_point(name) ((void)0)
#endif

#endif
