/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a workspace was read before and cannot have changed since.  Whoever
 * calls sees to it that nobody could write between: see DESIGN, "What is not
 * read again", for why each of these comparisons is enough, and for whom.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cell/inside.h"

/* The kernel stamps files by a clock that moves every 1 to 10 ms; where a file
 * has whole seconds only, its file system keeps no more of it. */
#define FINE_NS   (20LL * 1000 * 1000)
#define COARSE_NS (2LL * 1000 * 1000 * 1000)
#define SECOND_NS 1000000000LL

struct timespec
recall_clock(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now;
}

bool
recall_settled(struct timespec changed, struct timespec now)
{
	int64_t least = changed.tv_nsec ? FINE_NS : COARSE_NS;
	int64_t seconds;

	if (__builtin_sub_overflow(now.tv_sec, changed.tv_sec, &seconds)) {
		return false;
	}
	return seconds > COARSE_NS / SECOND_NS ||
	       (seconds >= 0 &&
	           seconds * SECOND_NS + now.tv_nsec - changed.tv_nsec > least);
}

static struct known
known_of(const struct stat *st)
{
	return (struct known){
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed = st->st_ctim.tv_sec,
		.changed_ns = (uint32_t)st->st_ctim.tv_nsec,
		.written = st->st_mtim.tv_sec,
		.written_ns = (uint32_t)st->st_mtim.tv_nsec,
		.mode = st->st_mode,
	};
}

/* All but the digest. */
static bool
same_file(const struct known *a, const struct known *b)
{
	return memcmp(a, b, offsetof(struct known, digest)) == 0;
}

static size_t
slot_of(const struct recall *r, uint64_t inode)
{
	return (size_t)((inode * r->seed) >> (64 - r->bits));
}

/* Numbers of inodes are partly the cell's choice, the seed is not: it cannot
 * have them all meet in one slot.  Of the names that one file has, however
 * many, one is indexed. */
static void
index_old(struct recall *r)
{
	for (r->bits = 1; (size_t)1 << r->bits < 2 * r->count; r->bits++) {
	}
	r->slots = calloc((size_t)1 << r->bits, sizeof(*r->slots));
	must(r->slots);
	random_bytes(&r->seed, sizeof(r->seed));
	r->seed |= 1;
	for (size_t i = 0; i < r->count; i++) {
		uint64_t inode = r->old[i].inode;
		size_t at = slot_of(r, inode);

		while (
		    r->slots[at] && r->old[r->slots[at] - 1].inode != inode) {
			at = (at + 1) & (((size_t)1 << r->bits) - 1);
		}
		r->slots[at] = (uint32_t)i + 1;
	}
}

static size_t
read_old(int memo, void *to, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n =
		    pread(memo, (char *)to + got, size - got, (off_t)got);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			break;
		}
		got += (size_t)n;
	}
	return got;
}

/* A memo of another size than it can have is none. */
void
recall_begin(struct recall *r, int memo)
{
	struct stat st;

	*r = (struct recall){ .memo = memo };
	if (memo < 0 || fstat(memo, &st) < 0 || st.st_size <= 0) {
		return;
	}
	size_t size = (size_t)st.st_size;
	size_t count = size / sizeof(*r->old);

	if (count > MEMO_FILES_MAX || count * sizeof(*r->old) != size) {
		return;
	}
	r->old = malloc(size);
	must(r->old);
	r->count = read_old(memo, r->old, size) == size ? count : 0;
}

void
recall_fini(struct recall *r)
{
	free(r->old);
	free(r->slots);
	buf_fini(&r->kept);
}

static void
keep(struct recall *r, const struct known *k)
{
	if (r->kept.len < MEMO_FILES_MAX * sizeof(*k)) {
		buf_add(&r->kept, str_span(k, sizeof(*k)));
	}
}

/* Until now all was as the last time, in the same order. */
static void
part_ways(struct recall *r)
{
	if (!r->differs) {
		r->differs = true;
		buf_add(&r->kept, str_span(r->old, r->same * sizeof(*r->old)));
		index_old(r);
	}
}

static const struct known *
look_up(const struct recall *r, const struct known *now)
{
	size_t last = ((size_t)1 << r->bits) - 1;

	for (size_t at = slot_of(r, now->inode); r->slots[at];
	     at = (at + 1) & last) {
		const struct known *k = &r->old[r->slots[at] - 1];

		if (same_file(k, now)) {
			return k;
		}
	}
	return NULL;
}

bool
recall_find(struct recall *r, const struct stat *st, struct digest *content)
{
	struct known now = known_of(st);
	const struct known *k;

	if (r->count == 0) {
		return false;
	}
	if (!r->differs && r->same < r->count &&
	    same_file(&r->old[r->same], &now)) {
		k = &r->old[r->same++];
	} else {
		part_ways(r);
		k = look_up(r, &now);
		if (k) {
			keep(r, k);
		}
	}
	if (k) {
		memcpy(content->bytes, k->digest, DIGEST_SIZE);
	}
	return k != NULL;
}

void
recall_keep(struct recall *r, const struct reading *of)
{
	struct known before = known_of(&of->before);
	struct known after = known_of(&of->after);

	if (r->memo < 0 || !same_file(&before, &after) ||
	    before.size != of->size ||
	    !recall_settled(of->before.st_ctim, of->began)) {
		return;
	}
	memcpy(before.digest, of->content.bytes, DIGEST_SIZE);
	keep(r, &before);
}

int
recall_save(struct recall *r, struct err *e)
{
	/* What is not there any more was at the end: the rest stands. */
	bool stands = !r->differs && r->kept.len == 0;
	size_t size = stands ? r->same * sizeof(struct known) : 0;

	if (r->memo < 0 || (stands && r->same == r->count)) {
		return 0;
	}
	if (ftruncate(r->memo, (off_t)size) < 0 ||
	    lseek(r->memo, (off_t)size, SEEK_SET) < 0) {
		return err_sys(e, "keep what was read");
	}
	return stands ? 0 : file_write_all(r->memo, buf_str(&r->kept), e);
}
