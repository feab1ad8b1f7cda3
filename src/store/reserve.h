/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

/*
 * Room on the disk that is held back in a file, PATH-reserve, so that what was
 * begun can end on a full disk.  Where none can be held (no such file, or a
 * file system without fallocate) there is none, and nothing fails for that.
 */

#include "base/base.h"

#define RESERVE_SIZE (8 << 20)

struct reserve {
	bool ever; /* it was held once */
	int fd;    /* -1: none */
	bool held; /* the room is taken */
	bool low;  /* a write found no room, and none was there since */
	struct mono tried;
};

void reserve_open(struct reserve *r, const char *path);
void reserve_close(struct reserve *r); /* the file stays */
void reserve_give(struct reserve *r);  /* a write found no room */
/* Takes it again if there is room for twice as much; asks once a second. */
void reserve_take(struct reserve *r);

#endif
