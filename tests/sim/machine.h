/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

/*
 * A game with the pure queue machine: random commands of clients, workers,
 * operators and the house, on clocks that jump; a store that keeps what was
 * committed and loses the rest; starts from saved forms and the tail.  Beside
 * it a model, written from DESIGN and not from the code, that says of every
 * step whether it was allowed and what must have come of it.
 */

#include "unit/queue_help.h"

#define M_TASKS   160
#define M_QUEUES  2
#define M_DEPENDS 12
#define M_ACKS    QUEUE_ANSWERS_MAX
#define M_LEASES  256
#define M_TOLD    512
#define M_LOG     4096
#define M_ROWS    400
#define M_LEASE   (10 * CLOCK_SECOND)
#define M_DAY     (86400 * CLOCK_SECOND)

enum machine_bug {
	MACHINE_SOUND,
#define BUG(name, word, why) MACHINE_##name,
#include "sim/machine_bugs.def"
#undef BUG
};
extern enum machine_bug machine_bug;

enum person { NOBODY, ME_, YOU_, OPERATOR, PERSONS };
extern const char *const m_people[PERSONS];
extern const char *const m_queues[M_QUEUES];

enum life { M_NEVER, M_THERE, M_FORGOTTEN };

struct m_ack {
	uint32_t number;
	uint32_t epoch;
	enum e2m_state state;
};
struct m_task { /* what must be true of a task */
	char id[ID_TEXT];
	enum life life;
	enum queue_hold hold;
	enum person owner;
	unsigned queue;
	int64_t score, urgency, tenths;
	bool letter; /* asks for an ack and has none */
	bool dead, held, rearmed;
	int64_t created, updated, not_before;
	uint32_t epoch, incarnation, attempts, lost;
	uint32_t max_attempts, max_lost;
	int64_t base, cap, every;
	bool cron;
	int depends[M_DEPENDS];
	int depend_count;
	int parent;
	uint32_t key;              /* 0: none */
	struct m_ack acks[M_ACKS]; /* newest first */
	int ack_count;
	int next; /* of its series; -1: none yet */
};
struct m_line {
	unsigned passed_over; /* claims that it was named in and not served */
	int64_t minute;
	uint32_t puts;
	uint32_t waiting, running;
};
struct model { /* without pointers: copied at each commit */
	struct m_task tasks[M_TASKS];
	int count;
	struct m_line lines[M_QUEUES];
};

struct m_lease { /* as a worker was told it */
	int task;
	uint32_t epoch;
	enum person owner;
	int64_t until; /* monotonic */
	uint32_t ack;  /* number of its ack_key */
	bool told, silent;
};
enum m_said { SAID_PUT, SAID_CLAIM, SAID_FINISH };
struct m_told { /* an answer, and whether it has left */
	enum m_said what;
	int task;
	uint32_t epoch;
	bool left;
};
struct m_row {
	struct str id;
	struct str form, form_now; /* on the disk; with what is not committed */
	uint64_t gone, gone_now;
	bool letter;
};

struct m_seen {
	unsigned games, commands, events, puts, claims, hand_offs, finishes,
	    stale, repeated, retries, deaths, series, cancels, children,
	    forgets, recalls, leases_lost, crashes, restarts, jumps, refused,
	    full, ended, held;
};
extern struct m_seen m_seen;

struct m_game {
	struct world w; /* its clock is the wall */
	struct model m, disk;
	struct queue_limits limits[M_QUEUES];
	uint64_t random;
	int64_t mono;
	int64_t clock;  /* the latest time that the machine was told */
	bool restarted; /* what was put this minute is not known any more */
	bool calm;
	uint32_t incarnation;
	struct m_lease leases[M_LEASES];
	size_t lease_count, lease_disk;
	struct m_told told[M_TOLD];
	size_t told_count;
	uint64_t seqs[M_LOG];
	uint64_t seq;
	size_t disk_logged;
	uint64_t disk_seq, disk_from;
	struct m_row rows[M_ROWS];
	size_t row_count;
	uint32_t acks, keys, letters, puts;
	bool letter_open[M_TASKS];
};

/* The game is over: this promise was broken. */
_Noreturn void m_fault(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
uint64_t m_draw_wide(struct m_game *g);
uint32_t m_draw(struct m_game *g, uint32_t below);

/* machine_model.c: what a step must be.  rc and step are the machine's. */
int m_find(const struct m_game *g, struct str id); /* -1: no such task */
struct m_task *m_add(struct m_game *g, struct str id);
bool m_met(const struct model *m, const struct m_task *t);
void m_after_claim(struct m_game *g, const struct queue_claim *c, int rc,
    const struct queue_step *s);
void m_take(
    struct m_game *g, int n, const struct queue_claim *c, uint32_t epoch);
void m_after_put(struct m_game *g, const struct queue_put *c, bool ours, int rc,
    const struct queue_step *s);
void m_put_done(struct m_game *g, const struct queue_put *c);
bool m_put_allowed(
    const struct m_game *g, const struct queue_put *c, bool ours, int *first);
bool m_any_claimable(
    const struct m_game *g, const struct queue_claim *c, bool even_full);
void m_compare(struct m_game *g, const char *when);

/* machine_end.c: the same of ends and of all else. */
void m_after_finish(struct m_game *g, const struct queue_finish *c,
    uint32_t ack, int rc, const struct queue_step *s);
enum m_touch {
	M_UNBLOCK,
	M_RETRY,
	M_REDRIVE,
	M_BLOCK,
	M_PARK,
	M_WAKE,
	M_LOSE,
	M_CANCEL,
	M_TOUCHES
};
void m_after_touch(struct m_game *g, enum m_touch what,
    const struct queue_touch *c, int rc, const struct queue_step *s);
void m_after_leases(struct m_game *g);
void m_after_forget(
    struct m_game *g, struct wall before, const struct queue_step *s);
void m_after_recall(struct m_game *g, int n, int rc);

/* machine_store.c */
void m_apply(struct m_game *g, const struct queue_step *s);
void m_save_some(struct m_game *g);
void m_commit(struct m_game *g);
void m_start(struct m_game *g);   /* an empty house */
void m_restart(struct m_game *g); /* of what is on the disk */
void m_say(struct m_game *g, enum m_said what, int task, uint32_t epoch);
struct m_row *m_row_of(struct m_game *g, struct str id, bool letter);

/* machine_moves.c */
void m_move(struct m_game *g);
void m_calm_down(struct m_game *g);

#endif
