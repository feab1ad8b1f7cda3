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
/* Is this on a file system whose stamps tell of every change? */
bool memo_tells(int folder);
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

/* What a stat tells of a file, folder or symlink.  Private to one build; in
 * memory alone, as all of a memo, but for what CHECK has seen. */
struct stamp {
	uint64_t inode;
	uint64_t size;
	int64_t changed; /* ctime, s */
	int64_t written; /* mtime, s */
	uint32_t changed_ns;
	uint32_t written_ns;
	uint32_t mode;  /* with its type */
	uint32_t depth; /* of a trace; else 0 */
};

/* One file as it was read. */
struct known {
	struct stamp stamp;
	uint8_t digest[DIGEST_SIZE];
};

/* All that a digest met, in its order, the folder itself first. */
struct trace {
	struct buf stamps; /* struct stamp */
	struct buf names;  /* of each, with its NUL */
	struct timespec began;
	bool broken; /* something could change and look the same: it is none */
};

/* What a memo begins with; behind it the files, the trace and its names. */
struct memo_head {
	uint64_t files;
	uint64_t stamps;            /* 0: no trace */
	uint64_t names;             /* bytes */
	uint8_t whole[DIGEST_SIZE]; /* of all that the trace is of */
};

struct recall {
	int memo;
	char *block; /* the memo as it was, until recall_save writes it */
	size_t size;
	struct memo_head head;
	const struct known *old;
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
/* `whole` is the digest of all that this trace is of. */
int recall_save(struct recall *r, const struct trace *trace,
    struct digest whole, struct err *e) MUST_CHECK;
/* Everything is as the memo's trace says, its names in their folders too: the
 * digest of all is what it was. */
bool recall_stands(const struct recall *r, int folder, struct digest *whole);
struct stamp stamp_of(const struct stat *st);

/* `began`: by recall_clock, before anything was met. */
void trace_begin(struct trace *t, int folder, struct timespec began);
void trace_fini(struct trace *t);
/* What was met next, so many folders below the top. */
void trace_add(
    struct trace *t, const struct stat *st, size_t depth, const char *name);
/* So many stamps with so many bytes of names, of this folder, are as they are
 * now. */
bool trace_stands(const struct stamp *stamps, size_t count, const char *names,
    size_t size, int folder);

/* The clock that the kernel stamps files by. */
struct timespec recall_clock(void);
/* No change from now on can bear this stamp. */
bool recall_settled(struct timespec changed, struct timespec now);

#endif
