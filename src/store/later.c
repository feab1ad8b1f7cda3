/* SPDX-License-Identifier: Apache-2.0 */
#include "store/later.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
shut(struct later *l)
{
	for (size_t i = 0; i < LATER_MAX; i++) {
		auto_close_fd(&l->slots[i].file);
	}
	auto_close_fd(&l->bell);
}

static bool
open_slots(struct later *l, const char *path)
{
	bool all = true;

	for (size_t i = 0; i < LATER_MAX; i++) {
		l->slots[i].file =
		    open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		all = all && l->slots[i].file >= 0;
	}
	return all;
}

void
later_open(struct later *l, const char *path)
{
	aio_context_t context = 0;

	*l = (struct later){ .bell = -1 };
	l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!open_slots(l, path) || l->bell < 0 ||
	    syscall(SYS_io_setup, LATER_MAX, &context) != 0) {
		shut(l);
		return;
	}
	l->context = context;
}

void
later_close(struct later *l)
{
	if (l->context) {
		(void)syscall(SYS_io_destroy, l->context);
		l->context = 0;
		shut(l);
	}
}

static struct later_slot *
slot_of(struct later *l, uint64_t ticket)
{
	for (size_t i = 0; i < LATER_MAX; i++) {
		if (l->slots[i].ticket == ticket) {
			return &l->slots[i];
		}
	}
	must(!"a sync that nobody started");
	return NULL;
}

static bool
submit(const struct later *l, const struct later_slot *slot)
{
	struct iocb sync = {
		.aio_data = slot->ticket,
		.aio_lio_opcode = IOCB_CMD_FDSYNC,
		.aio_fildes = (uint32_t)slot->file,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)l->bell,
	};
	struct iocb *list[] = { &sync };

	return syscall(SYS_io_submit, l->context, 1, list) == 1;
}

/* The kernel's worker shares this processor and often gets it no sooner than
 * this process waits; the disk need not wait for that.  Whatever this call
 * finds, the sync finds too, and tells. */
static void
begin_write(const struct later_slot *slot)
{
	(void)sync_file_range(slot->file, 0, 0, SYNC_FILE_RANGE_WRITE);
}

bool
later_start(struct later *l)
{
	struct later_slot *slot;

	if (!l->context || l->fault || l->running == LATER_MAX) {
		return false;
	}
	slot = slot_of(l, 0);
	begin_write(slot);
	slot->ticket = l->started + 1;
	if (!submit(l, slot)) {
		slot->ticket = 0;
		return false;
	}
	l->started++;
	l->running++;
	return true;
}

/* All before the oldest that is under way. */
static uint64_t
ended(const struct later *l)
{
	uint64_t oldest = l->started + 1;

	for (size_t i = 0; i < LATER_MAX; i++) {
		if (l->slots[i].ticket && l->slots[i].ticket < oldest) {
			oldest = l->slots[i].ticket;
		}
	}
	return oldest - 1;
}

/* One that ends before an older one says nothing yet: that one may be told of a
 * write which failed before either began. */
static void
take(struct later *l, const struct io_event *event)
{
	slot_of(l, event->data)->ticket = 0;
	l->running--;
	if (event->res != 0 && !l->fault) {
		l->fault = (int)-event->res;
	}
	if (!l->fault && ended(l) > l->done) {
		l->done = ended(l);
	}
}

void
later_look(struct later *l, bool wait)
{
	struct io_event events[LATER_MAX];
	struct timespec none = { 0 };
	uint64_t rung;

	if (!l->running) {
		return;
	}
	(void)!read(l->bell, &rung, sizeof(rung));
	do {
		long got = syscall(SYS_io_getevents, l->context,
		    wait ? (long)l->running : 0L, (long)COUNT(events), events,
		    wait ? NULL : &none);

		must(got >= 0 || errno == EINTR);
		for (long i = 0; i < got; i++) {
			take(l, &events[i]);
		}
	} while (wait && l->running);
}

void
later_done(struct later *l)
{
	l->done = l->started;
}
