/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_PART_H
#define PARTS_PART_H

/*
 * How every part starts and ends.  The supervisor executes
 * libexec/handrail/<part> with
 *
 *     fd 3    its channel to the supervisor
 *     fd 4    its channel to core (core itself and radio have none)
 *     fd 5…   what the part's own page says
 *     argv    `--name value` pairs, no configuration file but core's
 *
 * A part takes these, opens what needs power, calls jail_enter, announces
 * itself ready, and runs its loop.  When the supervisor or core is gone the
 * part ends (exit 0): a new one is started for a new house.
 */

#include "base/base.h"
#include "loop/loop.h"
#include "wire/wire.h"

#define PART_SUPERVISOR_FD 3
#define PART_CORE_FD       4
#define PART_EXTRA_FD      5

struct part_self {
	enum part self;
	int argc;
	char **argv;
	struct loop *loop;
	struct wire_peer *supervisor;
	struct wire_peer *core;
};

/* Names the process, ignores SIGPIPE, checks fd 3, makes the loop; with
 * HANDRAIL_LOG=debug in the environment it says more. */
void part_begin(struct part_self *p, enum part self, int argc, char **argv);
/* The value behind `--name`; NULL when absent. */
const char *part_arg(const struct part_self *p, const char *name);
/* The same as a number; absent or no number gives `otherwise`. */
uint64_t part_number(
    const struct part_self *p, const char *name, uint64_t otherwise);

/* Opens the two channels on the loop; either's end stops the process. */
void part_join(struct part_self *p, const struct wire_handler *from_supervisor,
    size_t supervisor_count, const struct wire_handler *from_core,
    size_t core_count, void *owner);
/* Tells the supervisor; text is one line for its log. */
void part_ready(struct part_self *p, enum wire_type ready, const char *text);
/* Lets who waits for this processor run first, once; where nobody does it comes
 * back at once.  Where that took more than two milliseconds somebody burns time
 * there, a sandbox maybe: for a second it then does nothing.  `from`: kept by
 * the caller, zero at first; nobody is let by before. */
void part_give_processor(struct mono *from);
/* A fault before the loop: says it on stderr, ends with the kind's code. */
_Noreturn void part_fail(const struct err *e);

#endif
