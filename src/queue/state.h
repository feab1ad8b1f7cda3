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
	struct str *absent; /* of unmet: ids whose put is still to come */
	size_t absent_count;
	size_t absent_room;
	uint32_t unblock; /* urgency of the dependants, summed */
	struct queue_retry_policy retry;
	struct queue_every every;
	struct str template; /* of a recurring task: its DurableTask as JSON */
	bool rearmed;        /* the next one was put */
};
struct task {
	struct node node; /* ready, later, loose, owned or ended; or in none */
	struct queue_task shown;
	struct line *line;
	struct more *more;
	struct unsaved *unsaved;
	struct item item; /* by its id */
	uint32_t index;   /* in all */
	uint32_t mark;    /* of the last walk that saw it */
	uint16_t tenths;  /* estimated hours * 10; 0: unknown */
	uint8_t urgency;
	bool mail_waits : 1; /* the letter that came with it asks for an ack */
	bool held_back : 1;  /* queue_hold_back */
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
	size_t with_task;    /* of these */
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
	uint32_t states[E2M_FAILED + 1]; /* how many tasks are in each */
	uint32_t dead;
	struct wall clock; /* the latest time a command named */
	uint64_t pass;     /* of the queue served last */
	uint32_t mark;
	struct unsaved_list unsaved;
	struct unsaved_list letters_unsaved;
	bool in_use; /* what is there is linked: no load may replace it */
	struct line *line_last; /* that was looked for, of all of them */
	struct task *task_last; /* the same; one is asked for in a row */
	struct loaded *loaded;  /* that name others: linked when all is there */
	size_t loaded_count;
	size_t loaded_room;
	struct arena load_arena;
	struct buf scratch;
	int64_t day; /* whose date day_text is */
	char day_text[WALL_TEXT_MAX];
};

#define TASK_OF(n)   CONTAINER(n, struct task, node)
#define LETTER_OF(n) CONTAINER(n, struct letter, node)

#include "queue/inner.h"

#endif
