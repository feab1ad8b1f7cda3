/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workspaces a memo is kept of, and when one may be lent: only where the
 * stamps of a file say all that was done to it.  A memo that is not lent costs
 * time and nothing else.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cell/inside.h"

#define NEVER_S 9000000000LL /* seconds since 1970: the timer never ends */

/* --- the clock ------------------------------------------------------------ */

/* A timer of the kernel's that is told when somebody sets the clock. */
void
memos_open(struct memos *m)
{
	struct itimerspec never = { .it_value = { .tv_sec = NEVER_S } };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	*m = (struct memos){ .clock = fd };
	if (fd >= 0 &&
	    timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
	        &never, NULL) < 0) {
		auto_close_fd(&m->clock);
	}
}

static bool
clock_was_set(const struct memos *m)
{
	uint64_t ends;

	return read(m->clock, &ends, sizeof(ends)) >= 0 || errno != EAGAIN;
}

/* --- the list, the one used last first ------------------------------------ */

static void
take_out(struct memos *m, struct memo *memo)
{
	struct memo **at = &m->first;

	while (*at != memo) {
		at = &(*at)->next;
	}
	*at = memo->next;
}

static void
drop(struct memos *m, struct memo *memo)
{
	if (memo->lent) {
		memo->gone = true;
		return;
	}
	take_out(m, memo);
	auto_close_fd(&memo->fd);
	free(memo);
}

static void
drop_all(struct memos *m)
{
	struct memo *next;

	for (struct memo *memo = m->first; memo; memo = next) {
		next = memo->next;
		drop(m, memo);
	}
}

void
memos_close(struct memos *m)
{
	drop_all(m);
	must(!m->first);
	auto_close_fd(&m->clock);
}

static struct memo *
find(const struct memos *m, const struct stat *folder)
{
	struct memo *memo = m->first;

	while (memo && (memo->gone || memo->device != folder->st_dev ||
	                   memo->inode != folder->st_ino)) {
		memo = memo->next;
	}
	return memo;
}

void
memo_drop(struct memos *m, int folder)
{
	struct stat st;
	struct memo *memo = fstat(folder, &st) < 0 ? NULL : find(m, &st);

	if (memo) {
		drop(m, memo);
	}
}

static struct memo *
make(struct memos *m, const struct stat *folder)
{
	int fd = memfd_create("memo", MFD_CLOEXEC);
	struct memo *memo = fd < 0 ? NULL : calloc(1, sizeof(*memo));

	if (!memo) {
		must(fd < 0);
		return NULL;
	}
	*memo = (struct memo){
		.next = m->first,
		.device = folder->st_dev,
		.inode = folder->st_ino,
		.fd = fd,
	};
	m->first = memo;
	return memo;
}

/* The oldest go first. */
static void
bound(struct memos *m)
{
	size_t bytes = 0;
	size_t count = 0;
	struct memo *next;

	for (struct memo *memo = m->first; memo; memo = next) {
		next = memo->next;
		bytes += memo->bytes;
		if (++count > MEMOS_MAX || bytes > MEMO_BYTES_MAX) {
			bytes -= memo->bytes;
			drop(m, memo);
		}
	}
}

/* --- who may have one ----------------------------------------------------- */

/* Every change stamps the file, also the first by a fresh mapping: tried on
 * these.  Not so on tmpfs, where a page that was read can be written unseen. */
bool
memo_tells(int folder)
{
	struct statfs fs;

	return fstatfs(folder, &fs) == 0 &&
	       ((uint32_t)fs.f_type == EXT4_SUPER_MAGIC ||
	           (uint32_t)fs.f_type == XFS_SUPER_MAGIC ||
	           (uint32_t)fs.f_type == BTRFS_SUPER_MAGIC);
}

/* A mapping that a command made is stamped once and written for ever. */
static bool
has_writer(const struct cell_host *host, const struct stat *folder)
{
	const struct cell *c = host->cells;

	while (c && !(c->ran && c->work_device == folder->st_dev &&
	                c->work_inode == folder->st_ino)) {
		c = c->next;
	}
	return c != NULL;
}

void
memo_ran(struct cell *cell)
{
	struct memos *m = &cell->host->memos;
	struct stat folder = {
		.st_dev = cell->work_device,
		.st_ino = cell->work_inode,
	};
	struct memo *memo = find(m, &folder);

	cell->ran = true;
	if (memo && memo->lent) {
		drop(m, memo);
	}
}

int
memo_lend(struct cell *helper, int folder)
{
	struct memos *m = &helper->host->memos;
	struct stat st;

	if (m->clock < 0 || m->never || fstat(folder, &st) < 0 ||
	    has_writer(helper->host, &st) || !memo_tells(folder)) {
		return -1;
	}
	if (clock_was_set(m)) {
		drop_all(m); /* a stamp may come a second time */
	}
	struct memo *memo = find(m, &st);

	if (memo && memo->lent) {
		return -1;
	}
	memo = memo ? memo : make(m, &st);
	if (memo) {
		take_out(m, memo);
		memo->next = m->first;
		m->first = memo;
		memo->lent = true;
		helper->memo = memo;
	}
	return memo ? memo->fd : -1;
}

void
memo_back(struct cell *helper, bool worked)
{
	struct memos *m = &helper->host->memos;
	struct memo *memo = helper->memo;
	struct stat st;

	if (!memo) {
		return;
	}
	helper->memo = NULL;
	memo->lent = false;
	if (clock_was_set(m)) {
		drop_all(m);
		return;
	}
	if (!worked || memo->gone || fstat(memo->fd, &st) < 0 ||
	    st.st_size == 0) {
		drop(m, memo);
		return;
	}
	memo->bytes = (size_t)st.st_size;
	bound(m);
}
