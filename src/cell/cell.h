/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CELL_CELL_H
#define CELL_CELL_H

/*
 * Plan → steps → running isolate.  A cell is a process tree in its own user,
 * mount, pid, net, ipc, uts and cgroup namespaces (clone3(2), namespaces(7))
 * whose root is a list, not the host.  An agent is an emptier one.  Workspace
 * helpers are short, narrowed children with no namespace of their own.
 *
 * Nothing here blocks on a child and nothing needs an event loop: an isolate
 * has one descriptor to poll for its events and a pidfd that says that all of
 * it is dead.  DESIGN has the life of a cell, its private records and the
 * workspace digest byte by byte.
 *
 * Order of a fenced cell: cell_make → CELL_FENCED (listeners) → the caller
 * gives them to the egress and closes them → cell_start → CELL_STARTED →
 * cell_exec …  No hostile byte runs before cell_start returned.
 */

#include <sys/types.h>

#include "base/base.h"
#include "digest/digest.h"

#define CELL_TEXT_MAX 256
#define CELL_CA_MAX   2048
#define CELL_PLAN_BYTES                                      \
	((size_t)1024 * 1024) /* of one command's plan memfd \
	                       */
#define CELL_WORDS_MAX 8192   /* argc + envc */
#define CELL_LISTENERS 4      /* tcp4, tcp6, udp4, udp6 */
#define CELL_INSIDE_ID 1000   /* uid and gid as the cell sees them */

/* What this process may do, learned once; every isolate borrows it. */
struct cell_host;

struct cell_house {
	uid_t uid_base; /* slot N runs as uid_base + N where that may be */
	uint32_t slots;
	const char *agent; /* path of the agent's executable; NULL: none */
};

enum cell_ids { CELL_IDS_ONE, CELL_IDS_SLOTS };
enum cell_groups { CELL_GROUPS_NONE, CELL_GROUPS_V1, CELL_GROUPS_V2 };

/*
 * Where this process may mount it gets a mount namespace of its own, with what
 * all roots have in common over /boot; it must be single-threaded.
 */
int cell_host_open(const struct cell_house *house, struct cell_host **out,
    struct err *e) MUST_CHECK;
void cell_host_free(struct cell_host *host); /* after its last isolate */
enum cell_ids cell_host_ids(const struct cell_host *host);
enum cell_groups cell_host_groups(const struct cell_host *host);
const char *cell_host_text(const struct cell_host *host); /* one line */

/* One running isolate of any kind. */
struct cell;

enum cell_flags {
	CELL_FENCE = 1,      /* fenced network; else none at all */
	CELL_WORKSPACE = 2,  /* plan.work is mounted at /work */
	CELL_PORTS_ONLY = 4, /* the fence as it is without nf_tables */
};

struct cell_plan {
	uint64_t number; /* names it; unique in the life of the house */
	uint32_t slot;
	uint32_t flags;       /* enum cell_flags */
	uint64_t memory;      /* bytes of the whole cell; 0: default */
	uint64_t file_size;   /* bytes; 0: default */
	uint32_t processes;   /* 0: default */
	uint32_t files;       /* descriptors of one process; 0: default */
	const char *hostname; /* NULL or empty: "cell" */
	int work;             /* folder, borrowed for the call */
};

/* Makes the namespaces and, if asked, the fence. */
int cell_make(struct cell_host *host, const struct cell_plan *plan,
    struct cell **out, struct err *e) MUST_CHECK;
/* Mounts, narrows, makes it ready; ca is PEM text, empty without a fence. */
int cell_start(struct cell *cell, struct str ca, struct err *e) MUST_CHECK;

struct cell_command {
	uint64_t exec;
	uint32_t argc;
	uint32_t envc;
	uint64_t timeout;   /* us; 0: none */
	bool own_ca;        /* its TLS clients need no public root (DESIGN) */
	const char *folder; /* absolute, inside the cell */
	int plan;           /* sealed memfd: argc + envc NUL-ended strings */
	int stdio[3];       /* pipes or terminals, else ERR_INPUT */
};

/* The descriptors are borrowed.  Ends with one CELL_EXECUTED. */
int cell_exec(struct cell *cell, const struct cell_command *command,
    struct err *e) MUST_CHECK;

/*
 * An agent: empty root, empty network, its end of *channel as fd 3, executed as
 * pid 1 of its namespace.  The caller owns *channel.  CELL_STARTED follows.
 */
int cell_agent(struct cell_host *host, uint64_t number, uint32_t slot,
    int *channel, struct cell **out, struct err *e) MUST_CHECK;

/*
 * Workspace helpers, run as the slot's id on a borrowed folder descriptor, each
 * ending with CELL_WORKED or CELL_FAILED.
 */
enum cell_work {
	CELL_WORK_OWN, /* the folder and all in it belong to the slot */
	/* Never follows a symlink; bounded.  Of the last digest of the same
	 * folder its host remembers what cannot have changed since (DESIGN). */
	CELL_WORK_DIGEST,
	CELL_WORK_DROP,  /* the folder's contents are removed */
	CELL_WORK_CHECK, /* no socket, FIFO or device that the slot can reach */
	CELL_WORK_WATCH, /* by cell_watch */
};
int cell_work(struct cell_host *host, enum cell_work work, uint32_t slot,
    int folder, struct cell **out, struct err *e) MUST_CHECK;
/* CELL_WORK_CHECK of a folder of the host's.  `seen`, a file of the house's
 * that is open for reading and writing, or -1, remembers what was in order:
 * while all of it still shows the same stamps, no folder is listed again
 * (DESIGN). */
int cell_check(struct cell_host *host, uint32_t slot, int folder, int seen,
    struct cell **out, struct err *e) MUST_CHECK;
/* Measures a folder that a cell writes to, once a second, until it holds more
 * than `limit` bytes (CELL_FAILED with a sentence) or is killed. */
int cell_watch(struct cell_host *host, uint32_t slot, int folder,
    uint64_t limit, struct cell **out, struct err *e) MUST_CHECK;

enum cell_event_kind {
	CELL_NOTHING, /* no more for now */
	CELL_FENCED,
	CELL_STARTED,
	CELL_EXECUTED,
	CELL_WORKED,
	CELL_FAILED, /* text says why; end it */
	CELL_GONE,   /* its end of the channel is closed; end it */
};

enum cell_end {
	CELL_EXITED = 1,
	CELL_SIGNALLED = 2,
	CELL_TIMED_OUT = 3,
	CELL_NOT_STARTED = 4,
};

struct cell_event {
	enum cell_event_kind kind;
	int listeners[CELL_LISTENERS]; /* FENCED: the taker's to close */
	uint64_t cookie;               /* FENCED: SO_NETNS_COOKIE of them */
	bool ports_only;               /* FENCED: no nf_tables, see DESIGN */
	uint64_t exec;                 /* EXECUTED */
	enum cell_end end;
	int code;             /* EXECUTED; FAILED: enum err_kind, if known */
	uint64_t cpu;         /* EXECUTED: us */
	struct digest digest; /* WORKED: of DIGEST */
	uint64_t read;        /* and files whose content was read for it */
	char text[CELL_TEXT_MAX];
};

/* Both stay open until cell_free: stop watching them before that. */
int cell_fd(const struct cell *cell);    /* readable: call cell_next */
int cell_pidfd(const struct cell *cell); /* readable: all of it is dead */
pid_t cell_pid(const struct cell *cell);
/* Never blocks.  A peer that breaks the private protocol is CELL_FAILED. */
void cell_next(struct cell *cell, struct cell_event *event);
/* Kills every process of it, at any time; idempotent. */
void cell_kill(struct cell *cell);
/* True once all processes are reaped and its cgroup is removed. */
bool cell_reap(struct cell *cell);
void cell_free(struct cell *cell); /* kills and waits when still alive */

#endif
