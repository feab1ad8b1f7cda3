/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_QUEUE_ALONE_H
#define BENCH_QUEUE_ALONE_H

/* What lies under a start: the disk alone, or a plain insert. */

#include <time.h>

#include "queue_disk.h"
#include "queue_insert.h"
#include "store/store.h"

/* So many starts, then as many of these, so that both meet the same disk. */
#define ALONE_TURN 20

struct alone {
	bool server;
	struct disk disk;
	struct insert insert;
};

/* Between two commits of somebody who is alone. */
static inline void
rest_a_while(void)
{
	struct timespec pause = {
		.tv_nsec = (long)(2000000 + random_u64() % 8000000),
	};

	(void)nanosleep(&pause, NULL);
}

static inline int
alone_open(struct alone *a, const char *store, struct err *e)
{
	a->server = store_is_url(store);
	if (a->server) {
		return insert_open(&a->insert, store, e);
	}
	disk_open(&a->disk, store);
	return 0;
}

static inline void
alone_close(struct alone *a)
{
	if (a->server) {
		insert_close(&a->insert);
	} else {
		disk_close(&a->disk);
	}
}

/* The bytes that each start wrote become the time that they take alone, us. */
static inline int
alone_turn(
    struct alone *a, uint32_t *bytes_then_us, uint64_t count, struct err *e)
{
	for (uint64_t i = 0; i < count; i++) {
		rest_a_while();
		struct mono begun = mono_now();

		if (!a->server) {
			disk_write(&a->disk, bytes_then_us[i]);
		} else if (insert_one(&a->insert, e)) {
			return -1;
		}
		bytes_then_us[i] = (uint32_t)(mono_now().us - begun.us);
	}
	return 0;
}

#endif
