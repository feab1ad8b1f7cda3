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

struct stamp
stamp_of(const struct stat *st)
{
	return (struct stamp){
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed = st->st_ctim.tv_sec,
		.changed_ns = (uint32_t)st->st_ctim.tv_nsec,
		.written = st->st_mtim.tv_sec,
		.written_ns = (uint32_t)st->st_mtim.tv_nsec,
		.mode = st->st_mode,
	};
}

static bool
same_stamp(const struct stamp *a, const struct stamp *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
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
		uint64_t inode = r->old[i].stamp.inode;
		size_t at = slot_of(r, inode);

		while (r->slots[at] &&
		       r->old[r->slots[at] - 1].stamp.inode != inode) {
			at = (at + 1) & (((size_t)1 << r->bits) - 1);
		}
		r->slots[at] = (uint32_t)i + 1;
	}
}

/* Its parts fill it exactly and are within their bounds. */
static bool
head_fits(const struct memo_head *head, size_t size)
{
	return head->files <= MEMO_FILES_MAX &&
	       head->stamps <= MEMO_FILES_MAX && head->names <= size &&
	       size == sizeof(*head) + head->files * sizeof(struct known) +
	                   head->stamps * sizeof(struct stamp) + head->names;
}

/* A memo of another size than it can have is none. */
void
recall_begin(struct recall *r, int memo)
{
	struct stat st;

	*r = (struct recall){ .memo = memo };
	if (memo < 0 || fstat(memo, &st) < 0 ||
	    st.st_size < (off_t)sizeof(r->head) ||
	    st.st_size > (off_t)MEMO_BYTES_MAX) {
		return;
	}
	size_t size = (size_t)st.st_size;

	/* Of what did not change, what a digest takes is not even read. */
	void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, memo, 0);

	if (at == MAP_FAILED) {
		return;
	}
	r->block = at;
	r->size = size;
	memcpy(&r->head, r->block, sizeof(r->head));
	if (!head_fits(&r->head, size)) {
		r->head = (struct memo_head){ 0 };
	}
	r->old = (const struct known *)(r->block + sizeof(r->head));
	r->count = r->head.files;
}

bool
recall_stands(const struct recall *r, int folder, struct digest *whole)
{
	if (r->head.stamps == 0) {
		return false;
	}
	const struct stamp *stamps =
	    (const struct stamp *)(r->old + r->head.files);
	const char *names = (const char *)(stamps + r->head.stamps);

	if (!trace_stands(
	        stamps, r->head.stamps, names, r->head.names, folder)) {
		return false;
	}
	memcpy(whole->bytes, r->head.whole, DIGEST_SIZE);
	return true;
}

void
recall_fini(struct recall *r)
{
	if (r->block) {
		(void)munmap(r->block, r->size);
	}
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
look_up(const struct recall *r, const struct stamp *now)
{
	size_t last = ((size_t)1 << r->bits) - 1;

	for (size_t at = slot_of(r, now->inode); r->slots[at];
	     at = (at + 1) & last) {
		const struct known *k = &r->old[r->slots[at] - 1];

		if (same_stamp(&k->stamp, now)) {
			return k;
		}
	}
	return NULL;
}

bool
recall_find(struct recall *r, const struct stat *st, struct digest *content)
{
	struct stamp now = stamp_of(st);
	const struct known *k;

	if (r->count == 0) {
		return false;
	}
	if (!r->differs && r->same < r->count &&
	    same_stamp(&r->old[r->same].stamp, &now)) {
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
	struct known now = { .stamp = stamp_of(&of->before) };
	struct stamp after = stamp_of(&of->after);

	if (r->memo < 0 || !same_stamp(&now.stamp, &after) ||
	    now.stamp.size != of->size ||
	    !recall_settled(of->before.st_ctim, of->began)) {
		return;
	}
	memcpy(now.digest, of->content.bytes, DIGEST_SIZE);
	keep(r, &now);
}

/* All of the old that is still there, as it stood, or what was kept one by one.
 */
static struct str
files_of(const struct recall *r)
{
	return r->differs || r->kept.len > 0
	           ? buf_str(&r->kept)
	           : str_span(r->old, r->same * sizeof(*r->old));
}

int
recall_save(struct recall *r, const struct trace *trace, struct digest whole,
    struct err *e)
{
	struct str files = files_of(r);
	struct memo_head head = { .files = files.len / sizeof(struct known) };
	auto_buf all = { 0 };

	if (r->memo < 0) {
		return 0;
	}
	if (!trace->broken) {
		head.stamps = trace->stamps.len / sizeof(struct stamp);
		head.names = trace->names.len;
		memcpy(head.whole, whole.bytes, DIGEST_SIZE);
	}
	if (head.files > 0 || head.stamps > 1) { /* not of an empty folder */
		buf_add(&all, str_span(&head, sizeof(head)));
		buf_add(&all, files);
		buf_add(&all, str_sub(buf_str(&trace->stamps), 0,
		                  head.stamps * sizeof(struct stamp)));
		buf_add(&all, str_sub(buf_str(&trace->names), 0, head.names));
	}
	if (ftruncate(r->memo, 0) < 0 || lseek(r->memo, 0, SEEK_SET) < 0) {
		return err_sys(e, "keep what was read");
	}
	return file_write_all(r->memo, buf_str(&all), e);
}
