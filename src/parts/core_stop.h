/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_STOP_H
#define PARTS_CORE_STOP_H

/*
 * A chapter of core.h, which includes it: a person's stop of a task, a role or
 * everything (core_stop.c).  While it stands, nothing of its scope is claimed,
 * and no run or sandbox of it acts.  A task is stopped with those that it made,
 * and theirs.  What waits for people still waits, new
 * tasks are taken and wait; nothing is lost and all of it can go on.  What a
 * worker outside has claimed is that worker's, and its outcome is taken.
 *
 * A stop is a head of the book and a row "stop"/SCOPE, where SCOPE is "all",
 * "role:NAME" or "task:ID"; its end is a head, and the row goes.  Both hold
 * {"scope", "by", "reason", "at"}.
 */

struct core_stop;
struct core_ask;

/* After the queue is loaded, before anything is claimed. */
int core_stop_load(struct core *c, struct err *e) MUST_CHECK;
/* Of all or of this role. */
bool core_stop_role(const struct core *c, const char *role);
/* ERR_UNAVAILABLE and who stopped it; 0: nothing stands in the way. */
int core_stop_check(
    const struct core *c, const char *role, struct err *e) MUST_CHECK;
/* This task was put, or changed: if it is of a stopped line it is held back;
 * when the last of that line has ended its stop ends, by a head of the house's.
 */
void core_stop_follow(struct core *c, struct str task);
/* Member "stopped": every stop, or the scopes that this task is in. */
void core_stop_write(const struct core *c, struct json_out *o);
void core_stop_write_task(
    const struct core *c, struct json_out *o, const struct queue_task *t);

#endif
