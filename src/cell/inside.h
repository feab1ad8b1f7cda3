/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CELL_INSIDE_H
#define CELL_INSIDE_H

/* What the files of this room share; nobody else includes it. */

#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cell/cell.h"

#define CONTROL_FDS_MAX 4
#define PLAIN_NAME      "cell" /* of a cell that was given none */
#define ROOT_LINKS_MAX  8
#define AGENT_LIBS_MAX  16

/* --- the private records, see DESIGN ------------------------------------ */

enum order_kind { ORDER_START = 1, ORDER_EXEC = 2 };

struct order { /* parent → init */
	uint32_t kind;
	uint32_t argc;
	uint32_t envc;
	uint32_t ca_size;
	uint64_t exec;
	uint64_t timeout;
	char folder[256];
	char ca[CELL_CA_MAX];
};

enum note_kind {
	NOTE_FENCED = 1,
	NOTE_STARTED = 2,
	NOTE_EXECUTED = 3,
	NOTE_WORKED = 4,
	NOTE_FAILED = 5,
};

struct note { /* init → parent */
	uint32_t kind;
	uint32_t end;
	int32_t code;
	uint32_t ports_only;
	uint64_t exec;
	uint64_t cpu;
	uint8_t digest[DIGEST_SIZE];
	char text[CELL_TEXT_MAX];
};

/* One record with its descriptors; the kernel keeps the boundary. */
int control_pair(int fds[2], struct err *e) MUST_CHECK;
int control_send(int fd, struct str record, const int *fds, size_t nfds,
    struct err *e) MUST_CHECK;
enum control_took { CONTROL_TOOK, CONTROL_EMPTY, CONTROL_CLOSED, CONTROL_BAD };
/* Exactly `size` bytes; descriptors arrive close-on-exec, *nfds of them. */
enum control_took control_take(
    int fd, void *record, size_t size, int fds[CONTROL_FDS_MAX], size_t *nfds);

/* --- what the host offers ----------------------------------------------- */

struct root_link {
	char name[16];
	char target[64]; /* empty: a folder of its own, bound read-only */
};

struct host_file {
	const char *path; /* the same in the cell */
	struct timespec changed;
	struct buf bytes;
};

enum host_files {
	HOST_BUNDLE,
	HOST_LD_CACHE,
	HOST_SERVICES,
	HOST_PROTOCOLS,
	HOST_FILES
};

struct group_place {
	enum cell_groups version;
	char memory[PATH_MAX / 2]; /* folder in which cells get theirs */
	char pids[PATH_MAX / 2];   /* v1 only */
};

struct cell_host {
	enum cell_ids ids;
	uid_t uid_base;
	uint32_t slots;
	uid_t uid;
	gid_t gid;
	struct group_place groups;
	struct root_link links[ROOT_LINKS_MAX];
	size_t link_count;
	bool alternatives;
	bool mounts;   /* CAP_SYS_ADMIN: a template can be made */
	bool template; /* and is there */
	struct host_file files[HOST_FILES];
	char agent[PATH_MAX / 2];
	char libs[AGENT_LIBS_MAX][PATH_MAX / 8];
	size_t lib_count;
	uint32_t living;
	char text[CELL_TEXT_MAX];
};

uid_t host_uid(const struct cell_host *host, uint32_t slot);
gid_t host_gid(const struct cell_host *host, uint32_t slot);
bool host_refresh(struct cell_host *host); /* did a file change since? */

/* --- cgroups ------------------------------------------------------------ */

struct limits {
	uint64_t memory;
	uint64_t file_size;
	uint32_t processes;
	uint32_t files;
};

void group_find(struct group_place *place);
int group_make(const struct group_place *place, uint64_t number,
    const struct limits *limits, struct err *e) MUST_CHECK;
int group_enter(const struct group_place *place, uint64_t number, pid_t pid,
    struct err *e) MUST_CHECK;
bool group_remove(const struct group_place *place, uint64_t number);

/* --- the parent's side -------------------------------------------------- */

enum cell_kind { KIND_CELL, KIND_AGENT, KIND_WORK };

struct cell {
	struct cell_host *host;
	enum cell_kind kind;
	uint64_t number;
	int control;
	int pidfd;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool fenced;
	bool started;
	bool grouped;
	bool reaped;
	bool said_ready; /* an agent: the end of its channel is its exec */
	bool closed;
};

/* --- the child's side --------------------------------------------------- */

/* All that a fresh child knows; it never sees its parent's other state. */
struct inmate {
	const struct cell_host *host;
	int control;
	int work; /* detached mount: workspace, or the agent's executable */
	int channel;
	uint32_t flags;
	struct limits limits;
	char hostname[64];
	char work_path[PATH_MAX];
	struct stat work_stat;
};

_Noreturn void init_main(struct inmate *me);
_Noreturn void agent_main(struct inmate *me);
_Noreturn void inmate_fail(const struct inmate *me, const struct err *e);
/* Moves what it keeps to 3 and up, closes everything else. */
void inmate_alone(struct inmate *me);
/* Ids inside, no capability, limits, no dumping; the filter is the caller's. */
int inmate_ids(const struct inmate *me, struct err *e) MUST_CHECK;
int inmate_narrow(const struct inmate *me, struct err *e) MUST_CHECK;

/* Fresh namespace → fence.  ports_only: no nf_tables here. */
int fence_build(bool plain, int listeners[CELL_LISTENERS], bool *ports_only,
    struct err *e) MUST_CHECK;
/* No way out at all, but a loopback of its own. */
int fence_none(struct err *e) MUST_CHECK;
int nft_redirect(uint16_t port, struct err *e) MUST_CHECK;
/* Sends a buffer of netlink messages and waits for `acks` of them. */
int netlink_talk(
    int family, struct str messages, unsigned acks, struct err *e) MUST_CHECK;

/* Makes what cells have in common, once; after host_refresh said so, again.
 * For those who may mount: gives this process a mount namespace of its own. */
void root_prepare(struct cell_host *host);
/* What only the parent's id may reach; before the ids change. */
int root_take(struct inmate *me, struct err *e) MUST_CHECK;
int root_take_agent(struct inmate *me, struct err *e) MUST_CHECK;
int root_build(
    const struct inmate *me, struct str ca, struct err *e) MUST_CHECK;
int root_build_agent(const struct inmate *me, struct err *e) MUST_CHECK;
int root_bind(const char *from, const char *to, uint64_t attributes,
    struct err *e) MUST_CHECK;
int root_etc(const struct inmate *me, struct str ca, struct err *e) MUST_CHECK;
int root_file(const char *path, struct str bytes, struct err *e) MUST_CHECK;
bool root_has_bundle(const struct inmate *me);

/* Commands of pid 1. */
void run_loop(struct inmate *me) __attribute__((noreturn));

/* --- workspaces --------------------------------------------------------- */

struct tree_entry {
	int parent;       /* folder that holds it */
	const char *name; /* in that folder */
	struct str path;  /* from the top, without a leading '/' */
	struct stat stat;
};

typedef int tree_fn(void *owner, const struct tree_entry *entry, struct err *e);

struct tree_walk {
	tree_fn *visit; /* every entry, a folder before what is in it */
	tree_fn *leave; /* every folder after what was in it; may be NULL */
	void *owner;
	tree_fn *deep; /* a folder beyond the bounds; NULL: that is an error */
	bool *rest;    /* set if entries beyond the bounds are left; the same */
	bool lenient;  /* passes by what cannot be read, over file systems */
	bool sorted;   /* by name, bytewise, in every folder */
};

int tree_walk(
    int folder, const struct tree_walk *walk, struct err *e) MUST_CHECK;
int work_check_system(int folder, struct err *e) MUST_CHECK;
int work_check(int folder, struct err *e) MUST_CHECK; /* socket, FIFO, device */
int work_digest(int folder, struct digest *out, struct err *e) MUST_CHECK;
int work_drop(int folder, struct err *e) MUST_CHECK;
int work_own(int folder, uid_t uid, gid_t gid, struct err *e) MUST_CHECK;

struct work_task {
	enum cell_work work;
	int folder;
	int control;
	uid_t uid; /* 0: the one id of this process */
	gid_t gid;
};
_Noreturn void work_main(const struct work_task *asked);

#endif
