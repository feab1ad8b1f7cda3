/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_HOUSE_H
#define SIM_HOUSE_H

/*
 * One game: the real objects of core on a virtual clock, in one process with
 * everybody whom it speaks to.  The other ends of its channels (sandbox, cells,
 * agents, egresses, vault, supervisor, api) are played by scripts over real
 * socket pairs; the store is in memory and fails, answers late or takes the
 * house with it; clients and people stay when a house dies.
 *
 * Everything is drawn from the seed: the same seed is the same game.
 *
 *   house_clock.c   the clock, the dice, the end of a process, what is to come
 *   house_store.c   a store in memory, with faults
 *   house_witness.c what is on the disk, and whether it is a story
 *   house_consent.c what people allowed and stopped, and what `can` lists
 *   house_effects.c whether that covers what core does
 *   house_bugs.c    planted bugs, each of which must be noticed
 *   house_files.c   what the operator wrote
 *   house_parts.c   supervisor, sandbox, cells, vault
 *   house_agent.c   agents and the egresses
 *   house_held.c    requests of cells that a gate holds
 *   house_people.c  clients and people
 *   house_reader.c  who follows the book
 *   house_worker.c  workers, and what they say happened
 *   house_game.c    a game: a storm, then calm, then the account
 */

#include <setjmp.h>

#include "history/history.h"
#include "parts/core.h"

#define SIM_TASKS   8
#define SIM_WORKERS 3
#define SIM_CALLS   8 /* of one task */
#define SIM_CELLS   24
#define SIM_AGENTS  24
#define SIM_EXECS   24
#define SIM_ASKS    256
#define SIM_WAITS   128
#define SIM_EVENTS  1024
#define SIM_INTENT  1024
#define SIM_SCOPES  (2 + SIM_TASKS) /* all, the role of agents, each task */
#define SIM_DEEDS   16              /* kinds of effects of a game */

#define SIM_STORM_US (60 * CLOCK_SECOND)
#define SIM_CALM_US  (12LL * 3600 * CLOCK_SECOND) /* clocks were set back */

/* Planted bugs: each must be noticed.  The build has them all; a game has at
 * most one. */
enum sim_bug {
	BUG_NONE,
#define BUG(name, word, why) BUG_##name,
#include "sim/bugs.def"
#undef BUG
	BUG_COUNT
};
extern enum sim_bug sim_bug;

/* --- what a witness knows, of what is on the disk alone --- */

enum sim_hold {
	SIM_ABSENT,
	SIM_WAITS_,
	SIM_OWNED,
	SIM_PARKED,
	SIM_LOOSE,
	SIM_BLOCKED,
	SIM_COMPLETE,
	SIM_FAILED
};

struct sim_call {
	char tool[16];
	char args[DIGEST_TEXT];     /* that were decided about */
	char approved[DIGEST_TEXT]; /* that the used approval was for */
	uint32_t decided;           /* allow or ask */
	uint32_t starts;
	uint32_t start_epoch;
	uint32_t settles;
	uint32_t used;  /* approvals */
	uint32_t execs; /* that a cell or an upstream saw */
	uint32_t asked; /* its `confirm`, on the disk */
	bool denied;    /* which said that it has not happened */
};

struct sim_task {
	char id[ID_TEXT];
	char run[ID_TEXT];
	char plan[SIM_CALLS + 1]; /* a letter a call */
	bool outside;             /* workers do it, not an agent */
	int depends;              /* on that task, or -1 */
	uint32_t score;
	/* on the disk */
	enum sim_hold hold;
	uint32_t epoch;
	uint32_t ends; /* terminal transitions */
	uint32_t run_ends;
	uint32_t lost;   /* leases */
	uint32_t writes; /* to its workspace: what a digest sees */
	struct sim_call calls[SIM_CALLS + 1];
	/* in this house: the number of who reads its workspace, 0: nobody */
	uint64_t digesting;
	uint64_t owning; /* and of who gives it to a slot's id */
	/* what its client knows */
	bool put_told;
	bool cancel_asked;
	bool cancel_told;
};

struct sim_wait {
	char id[32];
	int task;
	uint32_t call;
	bool unknown; /* an outcome that nobody saw */
	bool decided;
	bool yes;     /* on the disk */
	bool said_no; /* its person, who was told 200 */
	char args[DIGEST_TEXT];
	bool ended;    /* used, or not needed any more */
	uint32_t used; /* of a request */
	bool left;     /* its intent is on the disk */
	bool alone;    /* nobody comes to look at it */
	/* seen open in this house and past its time, since then */
	uint32_t late_house;
	int64_t late_since;
};

struct sim_intent {
	uint64_t request; /* core's number, in that incarnation */
	uint64_t path;    /* the egress's own, 0: core's own request */
	uint32_t house;
	int task;
	uint32_t epoch;
	uint32_t gone;
	int wait; /* of a held one: which, plus 1 */
};

struct sim_held { /* an intent of a cell that a gate holds */
	uint64_t id;
	uint64_t cell;
	int task;
	uint32_t what;
};

/* --- the parts of a house --- */

struct sim_cell {
	uint64_t number;
	int task;
	struct wire_peer *egress;
	bool ending;
};

struct sim_exec {
	uint64_t number;
	uint64_t cell;
	int out;
	int task;
	uint32_t call; /* that is asked about by a `confirm`; 0: none is */
};

struct sim_agent {
	uint64_t number;
	uint32_t slot;
	struct wire_peer *peer;
	int task;
	uint32_t heard;   /* results */
	uint32_t replied; /* by the model */
	bool asked;
};

enum sim_ask_kind {
	ASK_PUT,
	ASK_CANCEL,
	ASK_DECIDE,
	ASK_WORK,
	ASK_STOP,
	ASK_RESUME,
	ASK_CAN,
	ASK_READ
};

struct sim_ask {
	enum sim_ask_kind kind;
	int of; /* task, wait or worker */
	uint64_t id;
	uint64_t op; /* of the history */
	uint32_t house;
	bool open;
	bool yes; /* what was decided */
};

struct sim_worker {
	int doing;
	int task;
	uint32_t epoch;
	uint64_t op;
	uint64_t turn; /* an event of an older one is none */
	int64_t until;
	bool silent, fails;
};

typedef void sim_fn(uint64_t a, uint64_t b);

struct sim_event {
	int64_t at;
	uint64_t order;
	sim_fn *fn;
	uint64_t a, b;
	uint32_t house; /* 0: whatever becomes of the house */
};

/* NOLINTNEXTLINE(*.Padding): what belongs together stands so */
struct sim {
	uint64_t seed;
	uint64_t random;
	bool calm;
	bool over;
	struct arena arena;
	char folder[256]; /* of the operator's files, and the state */
	/* clock */
	struct loop *loop;
	int64_t mono_us; /* when there is no loop */
	int64_t wall_off;
	int64_t frozen_at;  /* 0: the wall clock goes on */
	int64_t full_until; /* the disk takes nothing till then */
	/* the house */
	struct core *core;
	uint32_t house; /* 1, 2, …; 0: none */
	jmp_buf down;
	jmp_buf lost; /* a fault: the game is over */
	int supervisor_fd;
	int back; /* the vault's second channel; 0: there is none */
	struct wire_peer *lends; /* its third */
	struct wire_peer *supervisor, *sandbox, *vault, *resolver, *egress,
	    *api;
	struct sim_cell cells[SIM_CELLS];
	struct sim_exec execs[SIM_EXECS];
	struct sim_agent agents[SIM_AGENTS];
	/* who stays */
	struct sim_task tasks[SIM_TASKS];
	int task_count;
	struct sim_wait waits[SIM_WAITS];
	int wait_count;
	struct sim_intent intents[SIM_INTENT];
	int intent_count;
	struct sim_held held[SIM_INTENT];
	int held_count;
	uint64_t cells_started[SIM_INTENT]; /* on the disk, of this house */
	int cells_started_count;
	struct sim_ask asks[SIM_ASKS];
	uint64_t ask_count;
	struct sim_worker workers[SIM_WORKERS];
	bool stopped[SIM_SCOPES]; /* on the disk */
	uint32_t stop_heads[SIM_SCOPES], lift_heads[SIM_SCOPES];
	char deeds[SIM_DEEDS][80]; /* "tool NAME", "egress RULE HOST" */
	int deed_count;
	bool can_told; /* and every deed is in it */
	uint64_t read; /* events, by who follows */
	uint32_t keys; /* that the book says are in force */
	struct history *history;
	uint64_t ops;
	uint64_t paths;
	struct sim_event events[SIM_EVENTS];
	int event_count;
	uint64_t order;
	char why[512];
};
extern struct sim sim;

/* What happened in all games: a storm in which nothing goes wrong proves
 * nothing. */
struct sim_seen {
	uint64_t games, houses, commits, heads, failed_commits, lost_replies,
	    killed_before, killed_after, kills, claims, leases_lost, execs,
	    parks, intents, completed, failed, blocked, cancelled, jumps,
	    dead_agents, dead_cells, dead_egresses, dead_vaults, dead_apis,
	    unknown, denied, doubled, full_disks, deposed, milled, stale,
	    expired, stops, lifted, edited, hidden, asked, once_more, held,
	    held_no, held_left, held_gone, told;
};
extern struct sim_seen *sim_seen;

/* house_clock.c */
uint32_t sim_draw(uint32_t below);
bool sim_one_in(uint32_t n);     /* never in calm */
int64_t sim_delay(int64_t most); /* short in calm */
/* a: the event is of this house alone and ends with it. */
void sim_later(int64_t us, sim_fn *fn, uint64_t a, uint64_t b);
void sim_always(int64_t us, sim_fn *fn, uint64_t a, uint64_t b);
_Noreturn void sim_house_down(void);
/* An invariant is broken. */
_Noreturn void sim_fault(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
int core_main(int argc, char **argv);

/* house_store.c */
void sim_store_reset(void);
void sim_store_undo(void); /* the house died: what was not committed is gone */
/* Every committed head after so many, in order; returns how many there are. */
typedef void sim_head_fn(const struct book_head *head, struct str body);
size_t sim_store_each(size_t after, sim_head_fn *each);

/* house_witness.c, house_effects.c */
void sim_witness_head(const struct book_head *head, struct str body);
void sim_witness_house(void);
/* Owned, under this epoch, on the disk. */
void sim_must_own(const struct sim_task *t, uint32_t epoch, const char *what);
void sim_witness_sends(
    enum wire_type type, const void *record, const int *fds, size_t nfds);
/* The machines of this core are what a replay of the disk gives: of all of it
 * anew, or of what came since the last look upon what that gave. */
void sim_witness_derived(bool anew);
void sim_witness_forget(void); /* the disk is another */
int sim_task_of(struct str id);
int sim_task_of_run(struct book_id run);
/* The task whose workspace this descriptor is; -1. */
int sim_task_of_folder(int fd);

/* house_consent.c */
void sim_stop_head(enum book_kind kind, struct str body);
void sim_must_not_be_stopped(const struct sim_task *t, const char *what);
bool sim_is_stopped(const struct sim_task *t);
sim_fn sim_say_stop, sim_say_resume, sim_say_can;
void sim_stops_lift(void); /* in calm, whatever stands */
/* An effect of an agent or a cell, to be found in what `can` lists. */
void sim_deed(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_can_heard(const struct json *body);
/* The call that this plan asks about; 0: it does something. */
void sim_check_of(int plan, int *task, uint32_t *call);
/* The digest of what a gated command is started with is what was allowed. */
void sim_must_be_allowed(
    const struct sim_task *t, uint32_t call, struct str task, struct str n);

/* house_parts.c */
void sim_house_up(void);
void sim_part_down(enum part part);
void sim_cell_down(struct sim_cell *c, const char *why);
struct sim_cell *sim_cell_of(uint64_t number);
void sim_house_forget(void);

/* house_agent.c */
struct wire_peer *sim_agent_new(uint64_t number, int *theirs);
struct sim_agent *sim_agent_of(uint64_t number);
void sim_agent_down(struct sim_agent *a);
struct wire_peer *sim_egress_new(uint64_t cell, int *theirs);
extern const struct wire_handler sim_own_egress_handlers[];
extern const size_t sim_own_egress_handler_count;
void sim_cell_asks(struct sim_cell *c);

/* house_held.c */
void sim_held_begin(struct sim_cell *c);
void sim_held_read(uint64_t id);
void sim_held_refused(const struct wire_refuse *r);
/* Its intent is on the disk, by this yes; which one, plus 1. */
int sim_held_intent(const struct sim_task *t, struct str wait);
bool sim_held_goes(uint64_t id); /* false: no gate holds that */

/* house_people.c */
extern const struct wire_handler sim_api_handlers[];
extern const size_t sim_api_handler_count;
void sim_people_begin(void);
void sim_people_house_down(void); /* nobody will be answered */
void sim_person_look(uint64_t wait, uint64_t b);
void sim_waits_end(void); /* whose time is over is expired before long */
struct sim_ask *sim_answer_of(uint64_t id);
/* False: nobody listens, and whoever asks hears so. */
bool sim_ask(const struct sim_ask *what, const char *method, const char *target,
    struct str body);

const struct json *sim_answer_body(struct arena *a, bool is_long,
    const void *record, const int *fds, size_t nfds);

/* house_worker.c */
void sim_say(uint64_t op, const char *what, const char *say, const char *more);
sim_fn sim_worker_goes_on;
void sim_worker_unheard(uint64_t k);
void sim_worker_hears(uint64_t k, uint32_t status, const struct json *body);
void sim_worker_is_told(uint64_t k, uint32_t status, const struct json *body);
void sim_workers_begin(void);
void sim_history_check(void);

/* house_reader.c */
void sim_reader_begin(void);
sim_fn sim_reader_asks;
void sim_reader_hears(uint32_t status, const struct json *body);

/* house_files.c: into a new folder, which becomes the working one */
void sim_files(const char *at);

/* house_game.c: NULL, or what went wrong. */
const char *sim_play(uint64_t seed, const char *folder);

#endif
