/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_STATE_H
#define QUEUE_STATE_H

/*
 * Inside of the room: the state that the events build.  Everything lives as
 * long as the queue; a finished task keeps its row, for dependencies, retries
 * and repeated answers.
 */

#include "queue/queue.h"

struct task;

struct line { /* a queue by its name */
	struct str name;
	bool known;         /* roles name it */
	struct task **heap; /* waiting and eligible, the best first */
	size_t count;
	size_t room;
	struct task **loose; /* in progress without an owner, unordered */
	size_t loose_count;
	size_t loose_room;
};

#define NO_PLACE SIZE_MAX

struct task {
	struct queue_task shown;
	struct line *line;
	size_t place; /* in line->heap or line->loose; NO_PLACE: in neither */
	struct task **depends;
	size_t depend_count;
	size_t depend_room;
	struct task **dependants;
	size_t dependant_count;
	size_t dependant_room;
	uint64_t mark; /* of the last walk that saw it */
};

struct answer { /* to a finish, by its ack_key */
	struct task *task;
	enum e2m_state state;
	uint32_t epoch;
};

struct letter {
	struct queue_letter shown;
	struct str *readers; /* mailboxes that acknowledged it */
	size_t reader_count;
	size_t reader_room;
	bool broadcast;
};

struct box {
	struct str name;
	bool known;
	struct letter **letters; /* in order of arrival */
	size_t count;
	size_t room;
};

struct queue {
	struct arena arena; /* texts and fixed rows */
	struct map tasks;
	struct map keys;
	struct map answers;
	struct map lines;
	struct map boxes;
	struct map letters;
	struct task **all; /* in order of being put */
	size_t count;
	size_t room;
	struct letter **mail; /* in order of being sent */
	size_t mail_count;
	size_t mail_room;
	uint64_t mark;
};

/* order.c: which waits first, and the heap */
bool queue_task_before(const struct task *a, const struct task *b);
void queue_ready_add(struct task *t);
void queue_ready_remove(struct task *t);
void queue_loose_add(struct task *t);
void queue_loose_remove(struct task *t);
struct task *queue_ready_best(const struct line *l, struct str owner);

struct line *queue_line_find(const struct queue *q, struct str name);
struct line *queue_line_get(
    struct queue *q, struct str name); /* made on demand */
struct box *queue_box_find(const struct queue *q, struct str name);
struct box *queue_box_get(struct queue *q, struct str name);
struct task *queue_task_find(const struct queue *q, struct str id);
bool queue_task_eligible(const struct task *t);

/* step.c: building the answer of a command */
void queue_step_init(struct queue_step *s, struct arena *a, size_t events);
struct json *queue_step_body(struct arena *a, enum queue_event_kind kind,
    struct str id, struct wall now);
void queue_step_add(struct queue_step *s, struct arena *a,
    enum queue_event_kind kind, const struct task *t, struct json *body);
void queue_step_effect(
    struct queue_step *s, struct arena *a, const struct queue_effect *effect);

/* command.c: shared by the commands on one task */
struct task *queue_task_need(
    const struct queue *q, struct str id, struct err *e);
/* Only the owner of the last claim may speak for the task. */
int queue_task_need_owned(const struct task *t, uint32_t epoch, struct err *e);
int queue_task_need_transition(const struct task *t, enum e2m_event event,
    enum e2m_state *next, struct err *e);
void queue_body_add_states(
    struct arena *a, struct json *body, enum e2m_state from, enum e2m_state to);
void queue_body_add_epoch(struct arena *a, struct json *body, uint32_t epoch);
void queue_step_tell(struct queue_step *s, struct arena *a,
    enum queue_effect_kind kind, const struct task *t);
void queue_step_done(struct queue_step *s, struct arena *a,
    const struct task *t, enum e2m_state state);
/* finish.c: the event of an outcome that was judged */
void queue_finish_yield(struct queue_step *s, struct arena *a,
    const struct task *t, const struct queue_finish *c, enum e2m_state next);

/* put.c and mail.c: what a batch needs of each other's commands */
#define STEP_EVENTS_MAX (2 * QUEUE_BATCH_MAX + QUEUE_BATCH_MAX + 4)
int queue_put_judge(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *s, struct err *e);
int queue_mail_judge(struct queue *q, struct arena *a,
    const struct e2m_envelope *m, struct queue_step *s, struct err *e);

/* apply.c calls these for the events of put.c and mail.c. */
int queue_apply_put(
    struct queue *q, const struct json *body, uint64_t seq, struct err *e);
int queue_apply_mail(
    struct queue *q, const struct json *body, uint64_t seq, struct err *e);
int queue_apply_ack(struct queue *q, const struct json *body, struct err *e);

#endif
