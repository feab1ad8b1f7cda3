/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_INNER_H
#define QUEUE_INNER_H

/* Inside of the room: what its files call of each other.  By way of state.h. */

/* names.c */
struct line *queue_line_find(const struct queue *q, struct str name);
struct line *queue_line_get(struct queue *q, struct str name);
struct box *queue_box_find(const struct queue *q, struct str name);
struct box *queue_box_get(struct queue *q, struct str name);
/* The same text, kept as long as the queue. */
struct str queue_name_keep(struct queue *q, struct str name);

/* order.c */
int64_t queue_order_key(const struct task *t);
uint64_t queue_order_tie(const struct task *t);
void queue_order_changed(struct task *t); /* its key, wherever it stands */
uint8_t queue_order_urgency(struct wall due, struct wall now);
node_before_fn queue_task_first;
/* Puts it where its hold belongs: nothing else moves a task. */
void queue_place(struct queue *q, struct task *t);
void queue_hold(struct queue *q, struct task *t, enum queue_hold hold);
enum e2m_state queue_hold_state(enum queue_hold hold);
struct seat *queue_seat_find(const struct line *l, struct str owner);
struct task *queue_line_best(const struct line *l, struct str owner);
void queue_mature(struct queue *q, struct wall now);
void queue_line_served(struct queue *q, struct line *l);
uint64_t queue_line_pass(const struct queue *q, const struct line *l);

/* task.c */
struct task *queue_task_find(const struct queue *shown, struct str id);
struct task *queue_task_new(struct queue *q, const struct queue_task *like);
struct more *queue_task_more(struct task *t);
void queue_task_free(struct queue *q, struct task *t); /* links are gone */
void queue_task_link(struct task *later, struct task *earlier);
void queue_absent_add(struct task *t, struct str id);
void queue_absent_drop(struct task *t, struct str id); /* or nothing */
void queue_task_release(struct queue *q, struct task *t, uint64_t seq);
void queue_task_unlink(struct task *t);
void queue_task_adopt(struct task *child, struct task *parent);
void queue_task_touched(struct queue *q, struct task *t, uint64_t seq);
void queue_task_unsaved(struct queue *q, struct task *t, uint64_t seq);
void queue_key_drop(struct queue *q, struct more *m);
void queue_answer_drop(struct queue *q, struct answer *answer);
void queue_said_drop(struct queue *q, struct more *m);
void queue_key_add(struct queue *q, struct task *t, struct str text);
void queue_answer_add(struct queue *q, struct task *t, struct str text,
    enum e2m_state state, uint32_t epoch);
struct task *queue_key_find(const struct queue *q, struct str text);
struct answer *queue_answer_find(const struct queue *q, struct str text);
item_key_fn queue_task_key;
item_key_fn queue_key_key;
item_key_fn queue_answer_key;
void list_add(struct list *l, struct task *t);
void list_drop(struct list *l, const struct task *t);

/* To *at, which moves behind it and its NUL. */
struct str queue_text_put(char **at, struct str s);
struct str queue_text_keep(struct str s); /* on the heap */
void queue_text_free(struct str *s);
void queue_unsaved_add(
    struct unsaved_list *l, struct unsaved **at, void *owner, uint64_t seq);
void queue_unsaved_drop(struct unsaved_list *l, struct unsaved **at);

/* letter.c */
struct letter *queue_letter_get(const struct queue *q, struct str id);
struct letter_parts {
	struct queue_letter shown;
	const struct str *options;
	size_t option_count;
	const struct str *readers;
	size_t reader_count;
	struct wall updated;
};
struct letter *queue_letter_new(
    struct queue *q, const struct letter_parts *parts);
void queue_letter_read(struct queue *q, struct letter *m, struct str reader);
void queue_letter_decide(struct letter *m, struct str decision);
void queue_letter_drop(struct queue *q, struct letter *m);
void queue_letter_end(struct queue *q, struct letter *m);
bool queue_letter_has_read(const struct letter *m, struct str mailbox);
item_key_fn queue_letter_key;
item_key_fn queue_thread_key;
struct thread *queue_thread_find(const struct queue *q, struct str id);

/* mail.c: is an ack asked for that did not come, by a letter of the task? */
bool queue_mail_waits(const struct queue *q, struct str task);

/* step.c: building the answer of a command */
struct queue_event *queue_step_yield(struct queue *q, struct queue_step *s,
    struct arena *a, const struct queue_change *c);
void queue_step_effect(
    struct queue_step *s, struct arena *a, const struct queue_effect *effect);
void queue_step_tell(struct queue_step *s, struct arena *a,
    enum queue_effect_kind kind, const struct task *t);
void queue_step_done(struct queue_step *s, struct arena *a,
    const struct task *t, enum e2m_state state);
void queue_step_claimed(
    struct queue_step *s, struct arena *a, struct str id, uint32_t epoch);
/* A place in its queue came free. */
void queue_step_room(
    struct queue_step *s, struct arena *a, const struct task *t);
struct wall queue_ms(struct wall t); /* as the bodies write it */

/* touch.c: shared by the commands on one task */
struct task *queue_task_need(
    const struct queue *q, struct str id, struct err *e);
/* Only the owner of the last claim may speak for the task. */
int queue_task_need_owned(const struct task *t, uint32_t epoch, struct err *e);
struct queue_change queue_change_of(
    enum queue_event_kind kind, const struct task *t, struct wall now);
struct json *queue_failure_new(
    struct arena *a, const char *type, struct str message);

/* claim.c */
int queue_claim_check(const struct queue_claim *c, struct err *e);
bool queue_claim_serves(const struct queue_claim *c, struct str queue_name);
void queue_claim_yield(struct queue *q, struct queue_step *s, struct arena *a,
    const struct queue_task *t, const struct queue_claim *c, bool to_cancel);

/* finish.c: the end of a task that was judged */
struct ending {
	const struct task *task;
	uint32_t epoch;
	enum e2m_event outcome;
	enum e2m_state next;
	const struct json *result;
	const struct json *failure;
	struct str ack_key;
	struct wall now;
	uint64_t random;
	bool retry; /* tried again */
	bool dead;
	bool no_next; /* its series ends with it */
};
int queue_end_yield(struct queue *q, struct queue_step *s, struct arena *a,
    const struct ending *end, struct err *e);

/* put.c and mail.c: what a batch needs of each other's commands */
struct put_case {
	const struct queue_put *put;
	struct str after; /* the one of its series before it */
	bool ours;        /* limits do not count */
};
int queue_put_judge(struct queue *q, struct arena *a, const struct put_case *c,
    struct queue_step *s, struct err *e);
int queue_mail_judge(struct queue *q, struct arena *a,
    const struct e2m_envelope *m, struct str task, struct queue_step *s,
    struct err *e);

/* apply_put.c, apply_mail.c, forget.c, load.c: what apply.c calls */
typedef int apply_fn(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e);
apply_fn queue_apply_put;
apply_fn queue_apply_mail;
apply_fn queue_apply_ack;
apply_fn queue_apply_forget;
apply_fn queue_apply_recall;
apply_fn queue_apply_raise;

/* plan.c */
int queue_every_check(
    const struct queue *q, const struct queue_every *every, struct err *e);
/* When the next one of a series starts; false: never. */
bool queue_every_next(const struct queue *q, const struct queue_every *every,
    struct wall now, struct wall *next);
int64_t queue_retry_delay(
    const struct queue_retry_policy *p, uint32_t attempts, uint64_t random);

#endif
