/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_SAVE_H
#define QUEUE_SAVE_H

/*
 * Restart without the whole log.  A task's saved form is written with its row
 * when it is put and at its end, and now and then between (the oldest unsaved
 * first), so that a start loads the saved forms and applies only the events
 * after the oldest unsaved one.  Applying an event that a saved form already
 * has (seq <= its last_seq) is nothing.  The bytes: DESIGN.
 */

#include "queue/mail.h"

struct queue;
struct queue_task;
struct queue_step;

void queue_task_save(
    const struct queue *q, const struct queue_task *shown, struct buf *out);
/* The state in a saved form, to be read; texts in the arena.  ERR_INPUT: none.
 */
int queue_task_read(struct arena *a, struct str saved, struct queue_task *out,
    struct err *e) MUST_CHECK;
/* ERR_INPUT: not a saved form.  In any order; a task twice: the newer seq. */
int queue_task_load(
    struct queue *q, struct str saved, struct err *e) MUST_CHECK;
void queue_letter_save(
    const struct queue *q, const struct queue_letter *s, struct buf *out);
int queue_letter_load(
    struct queue *q, struct str saved, struct err *e) MUST_CHECK;
/* After all loads, before the first apply: dependencies and heaps. */
int queue_load_end(struct queue *q, struct err *e) MUST_CHECK;
/* The task whose oldest event after its last save is the oldest of all, and the
 * seq of that event; NULL: all are saved. */
const struct queue_task *queue_unsaved(const struct queue *q, uint64_t *since);
void queue_saved(struct queue *q, struct str id); /* as of now */
/* The same of letters. */
const struct queue_letter *queue_letter_unsaved(
    const struct queue *q, uint64_t *since);
void queue_letter_saved(struct queue *q, struct str id);
/* Another head of the book names this task: the trail of a task (store) goes
 * through every head of it, not only through the queue's. */
void queue_saw(struct queue *q, struct str id, uint64_t seq);

/* After a restore: every epoch of the queue goes up by so much.  The caller
 * saves every task in the batch of the event, whose seq is on no trail. */
int queue_raise(struct queue *q, struct arena *a, uint32_t by, struct wall now,
    struct queue_step *step, struct err *e) MUST_CHECK;

#endif
