/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LATER_H
#define STORE_LATER_H

/*
 * A file's data made durable without waiting: fdatasync by the kernel's own
 * workers (io_submit(2), IOCB_CMD_FDSYNC), so that there is no thread here.
 * What was written before later_start is on the disk when its ticket is done.
 * Where the kernel or a filter has no such call nothing ever starts.
 *
 * The file is opened once for each sync that can be under way: the kernel tells
 * a descriptor of a failed write once, and syncs that share one would take the
 * word from each other.
 */

#include "base/base.h"

#define LATER_MAX 8 /* under way at once */

struct later {
	unsigned long context; /* aio_context_t; 0: none */
	int bell;              /* readable when something has ended */
	struct later_slot {
		int file;
		uint64_t ticket; /* of the sync under way; 0: none */
	} slots[LATER_MAX];
	uint64_t started; /* ticket of the last that was started */
	uint64_t done;    /* all up to this one are durable */
	unsigned running;
	int fault; /* errno of the first that failed; it stays: whatever was
	            * under way with it is no more to be believed */
};

void later_open(struct later *l, const char *path);
void later_close(struct later *l); /* waits for what is under way */
/* False: it was not started, sync it yourself. */
bool later_start(struct later *l);
/* Takes what has ended; `wait`: all of it, if it takes for ever. */
void later_look(struct later *l, bool wait);
/* All that was started is durable by another sync: it need not be awaited. */
void later_done(struct later *l);

#endif
