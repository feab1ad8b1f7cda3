/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Twice the room for a moment: else the next write would find the disk full
 * again at once. */
static bool
take(struct reserve *r)
{
	if (fallocate(r->fd, 0, 0, 2L * RESERVE_SIZE)) {
		return false;
	}
	r->held = ftruncate(r->fd, RESERVE_SIZE) == 0;
	r->ever = r->ever || r->held;
	return r->held;
}

void
reserve_open(struct reserve *r, const char *path)
{
	auto_buf name = { 0 };

	buf_addf(&name, "%s-reserve", path);
	*r = (struct reserve){ .tried = mono_now() };
	r->fd =
	    open(buf_z(&name), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->fd >= 0 && !take(r)) {
		/* Of an earlier house, perhaps, on a disk that is nearly full.
		 */
		r->held = errno == ENOSPC &&
		          lseek(r->fd, 0, SEEK_END) >= RESERVE_SIZE;
		r->ever = r->held;
	}
}

void
reserve_close(struct reserve *r)
{
	if (r->fd >= 0) {
		(void)close(r->fd);
	}
	r->fd = -1;
}

void
reserve_give(struct reserve *r)
{
	if (r->held) {
		r->held = ftruncate(r->fd, 0) != 0;
	}
	r->low = r->ever; /* without one nothing is left to be low on */
	r->tried = mono_now();
}

void
reserve_take(struct reserve *r)
{
	struct mono now = mono_now();

	if (!r->low || !mono_passed(mono_after(r->tried, CLOCK_SECOND), now)) {
		return;
	}
	r->tried = now;
	if (r->fd < 0 || take(r) || errno == EOPNOTSUPP) {
		r->low = false;
		return;
	}
	/* What an attempt that failed may have got. */
	r->held = ftruncate(r->fd, 0) != 0;
}
