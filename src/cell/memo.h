/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CELL_MEMO_H
#define CELL_MEMO_H

/* A chapter of inside.h, which includes it: what the digest of a workspace
 * leaves for the next one (DESIGN, "What is not read again"). */

#define MEMO_FILES_MAX ((size_t)128 * 1024)       /* of one workspace */
#define MEMO_BYTES_MAX ((size_t)64 * 1024 * 1024) /* of all together */
#define MEMOS_MAX      256                        /* a descriptor each */

/* --- the parent's side: it holds memos, and never looks into one --------- */

struct memo {
	struct memo *next; /* used longer ago */
	dev_t device;      /* of the workspace's folder */
	ino_t inode;
	int fd;
	size_t bytes;
	bool lent; /* a helper writes it */
	bool gone; /* of no use any more: it goes when it comes back */
};

struct memos {
	struct memo *first;
	int clock;  /* says whether the clock was set; -1: nothing is kept */
	bool never; /* a cell could not be ended: nothing is kept any more */
};

void memos_open(struct memos *m);
void memos_close(struct memos *m);
/* For the digest that `helper` makes of this folder, until memo_back.  -1:
 * there is none, and none may be kept; all is read. */
int memo_lend(struct cell *helper, int folder);
/* `worked`: the helper has said so, and with that what it wrote is whole. */
void memo_back(struct cell *helper, bool worked);
void memo_drop(struct memos *m, int folder);
/* This cell runs a command from now on: a digest of its workspace that is under
 * way leaves nothing. */
void memo_ran(struct cell *cell);

/* --- the helper's side ---------------------------------------------------- */

/* One file as it was read.  Private to one build, in memory alone. */
struct known {
	uint64_t inode;
	uint64_t size;
	int64_t changed; /* ctime, s */
	int64_t written; /* mtime, s */
	uint32_t changed_ns;
	uint32_t written_ns;
	uint32_t mode; /* with its type */
	uint32_t zero;
	uint8_t digest[DIGEST_SIZE];
};

struct recall {
	int memo;
	struct known *old;
	size_t count;
	size_t same;     /* so many of the first met nothing new between them */
	bool differs;    /* from there on: */
	uint32_t *slots; /* old by inode: 1 + index, 0 free */
	unsigned bits;   /* there are 1 << bits of them */
	uint64_t seed;   /* odd */
	struct buf kept; /* struct known, for the next one */
};

/* A memo of -1 knows nothing and keeps nothing. */
void recall_begin(struct recall *r, int memo);
void recall_fini(struct recall *r);
bool recall_find(
    struct recall *r, const struct stat *st, struct digest *content);
/* One whole reading of a file. */
struct reading {
	struct timespec began; /* by recall_clock */
	struct stat before;
	struct stat after;
	uint64_t size; /* bytes that were read */
	struct digest content;
};

void recall_keep(struct recall *r, const struct reading *of);
int recall_save(struct recall *r, struct err *e) MUST_CHECK;
/* The clock that the kernel stamps files by. */
struct timespec recall_clock(void);
/* No change from now on can bear this stamp. */
bool recall_settled(struct timespec changed, struct timespec now);

#endif
