/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULT_WRAP_H
#define FAULT_WRAP_H

/*
 * The system calls of the tested rooms, each of which may fail.  A test asks
 * for the failure of call 0, 1, 2 … until a run has no call left to fail:
 *
 *     for (int n = 0; fault_from(n, EIO, NULL), work(), fault_done(); n++)
 *             look at what is left
 *
 * The linker puts __wrap_NAME in the place of NAME (meson.build); calls inside
 * shared libraries are not reached.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

/* The nth call from now on (of this name; NULL: of any) fails once. */
void fault_from(int nth, int error, const char *name);
/* Ends it: true if a call did fail. */
bool fault_done(void);
/* Calls seen since fault_from. */
int fault_calls(void);
/* From now on reads and writes give a byte at a time, or all there is. */
void fault_crumbs(bool on);
/* Descriptors that this process has open. */
size_t fault_descriptors(void);

#endif
