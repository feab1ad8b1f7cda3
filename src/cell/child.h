/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CELL_CHILD_H
#define CELL_CHILD_H

/* The second half of inside.h, which includes it: what runs below the parent.
 */

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
/* In a fenced cell: public roots and its own CA; that CA alone. */
#define BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define OWN_CA "/etc/ssl/cell.pem"
int root_etc(const struct inmate *me, struct str ca, struct err *e) MUST_CHECK;
int root_file(const char *path, struct str bytes, struct err *e) MUST_CHECK;
bool root_has_bundle(const struct inmate *me);

/* Commands of pid 1. */
void run_loop(struct inmate *me) __attribute__((noreturn));

/* --- workspaces --------------------------------------------------------- */

#define TREE_DEPTH_MAX 128 /* folders, the top one included */

struct tree_entry {
	int parent;       /* folder that holds it */
	const char *name; /* in that folder */
	struct str path;  /* from the top, without a leading '/' */
	size_t depth;     /* 1: in the top */
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
	bool *missed;  /* set if that was for another reason than who we are */
	bool live;     /* and what is put in another's place meanwhile */
	bool sorted;   /* by name, bytewise, in every folder */
	bool doors;    /* no file or symlink that its folder calls one */
};

int tree_walk(
    int folder, const struct tree_walk *walk, struct err *e) MUST_CHECK;
struct work_task {
	enum cell_work work;
	int folder;
	int control;
	uid_t uid; /* 0: the one id of this process */
	gid_t gid;
	uint64_t limit;   /* of WATCH */
	int memo;         /* of DIGEST and CHECK; -1: none */
	bool covered;     /* of CHECK: something may be mounted below */
	struct digest as; /* of CHECK with a memo: whose look it is */
};

int work_check_system(const struct work_task *task, struct err *e) MUST_CHECK;
int work_check(int folder, struct err *e) MUST_CHECK; /* socket, FIFO, device */
/* *read: files that no memo knew. */
int work_digest(const struct work_task *task, struct digest *out,
    uint64_t *read, struct err *e) MUST_CHECK;
int work_drop(int folder, struct err *e) MUST_CHECK;
/* Never 0: the folder holds more than `limit` bytes (ERR_LIMIT), cannot be
 * walked, or whoever asked is gone. */
int work_watch(const struct work_task *task, struct err *e) MUST_CHECK;
int work_own(int folder, uid_t uid, gid_t gid, struct err *e) MUST_CHECK;

_Noreturn void work_main(const struct work_task *asked);

#endif
