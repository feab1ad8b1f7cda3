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

enum order_kind { ORDER_START = 1, ORDER_EXEC = 2, ORDER_IDS = 3 };

struct order { /* parent → init */
	uint32_t kind;
	uint32_t argc;
	uint32_t envc;
	uint32_t ca_size;
	uint64_t exec;
	uint64_t timeout;
	uint64_t own_ca;
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
	uint64_t read;
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

#include "cell/memo.h"

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
	uint64_t sockets;          /* v1 only: bytes of buffers, each cell */
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
	struct cell *cells; /* living, with a workspace */
	struct memos memos;
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

void group_find(struct group_place *place, uint32_t cells);
/* Of that text of the kernel's; bytes, each cell. */
uint64_t group_sockets(const char *tcp_mem, uint32_t cells);
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
	struct cell *next; /* in cells of its host */
	dev_t work_device; /* its workspace, if it has one */
	ino_t work_inode;
	bool ran;          /* a command */
	struct memo *memo; /* of the workspace that it digests */
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

#include "cell/child.h"

#endif
