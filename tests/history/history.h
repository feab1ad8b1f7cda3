/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

/*
 * What workers and clients say happened, in their own words, and whether a
 * queue that keeps its promises could have said so to them.  Nothing of the
 * house is read.
 *
 * A history is JSON lines.  What is asked is a line, what was answered another
 * of the same "op"; an operation without an answer, or with the answer "lost",
 * may have happened, at any time after it was asked, or never.
 *
 *   {"at": us, "op": n, "do": WHAT, "say": "ask"|"ok"|"no"|"lost", …}
 *
 * The order of the lines is the order of what was said; `at` is for leases.
 *
 *   do       ask                                   ok
 *   put      task, queue, rank, depends[], key
 *   claim    queue, lease                          task, epoch, lease (us)
 *   renew    task, epoch                           lease
 *   finish   task, epoch, outcome, key             duplicate
 *   cancel   task
 *   retry    task        (failed or dead: waits again)
 *   unblock  task
 *   effect   task, epoch, call, repeatable, fenced (one line, say "ok")
 *   final    task, state (one line, say "ok": read when all was quiet)
 *   restart  every lease is void from here (one line, say "ok")
 *
 * "no" is a refusal because of the task's state; what was refused for another
 * reason was not an operation.
 *
 * outcome is complete, fail or block; state is pending, in_progress, blocked,
 * completed, failed or absent.  rank is the place in the documented order,
 * lower first; without it no order is checked.  lease is how long the answer
 * promised from the moment it was asked; where the question of a claim names
 * it too, a claim that was given up as lost can have had a task for twice that
 * long and no longer, else for ever.  An effect is fenced where the house
 * stands before it: it must not begin once a newer claim has been answered.
 *
 * Checked: nothing acknowledged is lost, nothing is settled twice, nothing is
 * accepted under a stale epoch, no epoch is given twice, no task is taken from
 * a living owner, order and dependencies are respected, no effect that cannot
 * be repeated is, and for each task there is one order of all that was said
 * which explains every answer (Wing and Gong; tasks are independent).
 */

#include "json/json.h"

#define HISTORY_OPS_MAX 128 /* of one task */

struct history;

struct history *history_new(void);
void history_free(struct history *h);
/* ERR_INPUT names what is wrong with the line. */
int history_add(struct history *h, struct str line, struct err *e) MUST_CHECK;
/* ERR_CONFLICT: a promise was broken, e says which. */
int history_check(struct history *h, struct err *e) MUST_CHECK;
size_t history_count(const struct history *h); /* operations */
/* Claims of history_check that were compared with what stood behind them. */
size_t history_ordered(const struct history *h);

#endif
