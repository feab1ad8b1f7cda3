/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_STATE_H
#define QUEUE_STATE_H

/* Inside of the room: the state that the events build. */

#include "queue/change.h"
#include "queue/heap.h"
#include "queue/queue.h"

struct task;
struct letter;

struct seat { /* loose tasks of one identity in one queue */
	struct str owner;
	struct heap loose;
};
struct line { /* a queue by its name */
	struct str name;
	bool known;        /* roles name it */
	struct heap ready; /* waiting, and nothing is in the way */
	struct seat **seats;
	size_t seat_count;
	size_t seat_room;
	uint32_t waiting; /* pending */
	uint32_t running; /* owned */
	struct queue_limits limits;
	uint64_t pass;  /* how much it was served, by weight */
	uint32_t taken; /* within one judgement of a claim, else 0 */
	int64_t minute; /* of the last put, and how many in it */
	uint32_t puts;
};

struct list { /* of tasks */
	struct task **at;
	size_t count;
	size_t room;
};
struct key { /* an idempotency key */
	struct item item;
	struct str text;
	struct task *task;
};
struct answer { /* to a finish, by its ack_key */
	struct item item;
	struct str text;
	struct task *task;
	struct answer *older;
	enum e2m_state state;
	uint32_t epoch;
};
struct unsaved { /* in order of `since`; of tasks or of letters */
	struct unsaved *before;
	struct unsaved *after;
	void *owner;
	uint64_t since;
};
struct unsaved_list {
	struct unsaved *first;
	struct unsaved *last;
};

struct more { /* what few tasks have */
	struct list depends;
	struct list dependants;
	struct list children;
	struct task *parent; /* NULL: none, or forgotten */
	struct str parent_id;
	struct key *key;
	struct answer *answers; /* the newest first */
	uint32_t answer_count;
	uint32_t absent;  /* of a form's unmet: the put is still to come */
	uint32_t unblock; /* urgency of the dependants, summed */
	struct queue_retry_policy retry;
	struct queue_every every;
	struct str template; /* of a recurring task: its DurableTask as JSON */
	bool rearmed;        /* the next one was put */
};
struct task {
	struct node node; /* ready, later, loose, owned or ended; or in none */
	struct item item; /* by its id */
	struct queue_task shown;
	int64_t key; /* its place in the order */
	struct line *line;
	struct more *more;
	struct unsaved *unsaved;
	uint32_t index;  /* in all */
	uint32_t mark;   /* of the last walk that saw it */
	uint16_t tenths; /* estimated hours * 10; 0: unknown */
	uint8_t urgency;
	bool mail_waits; /* the letter that came with it asks for an ack */
	char texts[];
};

struct thread {
	struct item item;
	struct str text;
	struct letter *first;
	struct letter *last;
};
struct letter {
	struct node node; /* in its box, until it is acked */
	struct node end;  /* in letters_ended, once it may be forgotten */
	struct item item;
	struct queue_letter shown;
	struct wall updated;
	struct box *box;
	struct thread *thread; /* or NULL */
	struct letter *before; /* in the thread */
	struct letter *after;
	struct unsaved *unsaved;
	struct str *readers; /* mailboxes that acknowledged it */
	size_t reader_count;
	size_t reader_room;
	struct str *options;
	size_t option_count;
	uint32_t index; /* in mail */
	bool broadcast;
	char texts[];
};
struct box {
	struct str name;
	bool known;
	struct heap letters; /* waiting */
};

struct loaded { /* between queue_task_load and queue_load_end */
	struct task *task;
	struct str links; /* the part of the saved form that names others */
};

struct queue {
	struct arena arena; /* names: of queues, mailboxes, identities, zones */
	struct table tasks;
	struct table keys;
	struct table answers;
	struct table letters;
	struct table threads;
	struct map lines;
	struct map boxes;
	struct map names;
	struct map zones;
	struct list all; /* in order of being put, unless `disorder` */
	bool disorder;
	struct letter **mail; /* in no order */
	size_t mail_count;
	size_t mail_room;
	struct heap later; /* waiting for their time */
	struct heap owned;
	struct heap ended; /* by `updated` */
	struct heap letters_ended;
	struct wall clock; /* the latest time a command named */
	uint64_t pass;     /* of the queue served last */
	uint32_t mark;
	struct unsaved_list unsaved;
	struct unsaved_list letters_unsaved;
	struct loaded *loaded;
	size_t loaded_count;
	size_t loaded_room;
	struct arena load_arena;
	struct buf scratch;
	int64_t day; /* whose date day_text is */
	char day_text[WALL_TEXT_MAX];
};

#define TASK_OF(n)   CONTAINER(n, struct task, node)
#define LETTER_OF(n) CONTAINER(n, struct letter, node)

/* names.c */
struct line *queue_line_find(const struct queue *q, struct str name);
struct line *queue_line_get(struct queue *q, struct str name);
struct box *queue_box_find(const struct queue *q, struct str name);
struct box *queue_box_get(struct queue *q, struct str name);
/* The same text, kept as long as the queue. */
struct str queue_name_keep(struct queue *q, struct str name);

/* order.c */
int64_t queue_order_key(const struct task *t);
void queue_order_changed(struct task *t); /* its key, wherever it stands */
uint8_t queue_order_urgency(struct wall due, struct wall now);
node_before_fn queue_task_first;
/* Puts it where its hold belongs: nothing else moves a task. */
void queue_place(struct queue *q, struct task *t);
void queue_hold(struct queue *q, struct task *t, enum queue_hold hold);
struct seat *queue_seat_find(const struct line *l, struct str owner);
struct task *queue_line_best(const struct line *l, struct str owner);
void queue_mature(struct queue *q, struct wall now);
void queue_line_served(struct queue *q, struct line *l);
uint64_t queue_line_pass(const struct queue *q, const struct line *l);

/* task.c */
struct task *queue_task_find(const struct queue *q, struct str id);
struct task *queue_task_new(struct queue *q, const struct queue_task *like);
struct more *queue_task_more(struct task *t);
void queue_task_free(struct queue *q, struct task *t); /* links are gone */
void queue_task_link(struct task *later, struct task *earlier);
void queue_task_release(struct queue *q, struct task *t, uint64_t seq);
void queue_task_unlink(struct queue *q, struct task *t, uint64_t seq);
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
