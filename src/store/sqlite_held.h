/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_HELD_H
#define STORE_SQLITE_HELD_H

/* For the files of this implementation only: what it holds in memory of rows
 * that are still to be written, and of those that were read last. */

#include "store/pack.h"

/* What this batch has yet to write as packed rows. */
struct pending {
	uint64_t first; /* seq of the first head */
	struct pack_head *heads;
	size_t heads_count;
	size_t heads_room;
	int64_t day;              /* of all bodies here */
	struct pack_body *bodies; /* .at is set when they are packed */
	size_t bodies_count;
	size_t bodies_room;
	struct buf bytes; /* of the bodies, one behind the other */
};

/* The rows that were unpacked last; count 0: none. */
struct unpacked {
	uint64_t first;
	struct pack_head *heads;
	size_t count;
	size_t room;
	uint64_t body_first;
	int64_t body_day;
	struct buf content; /* empty: none */
};

#define SQLITE_ENDS 16 /* rows of one statement */

/* Ends of tasks that this batch has yet to write. */
struct end {
	uint64_t number;
	uint64_t last_seq;
	size_t at; /* state, owner, saved: so many bytes each */
	size_t state;
	size_t owner;
	size_t saved;
	char updated_at[WALL_TEXT_MAX];
};
struct ends {
	struct end at[SQLITE_ENDS];
	size_t count;
	struct buf bytes;
};

#define SQLITE_AHEAD 64

/* Records that were read together: by number, without gaps in the table. */
struct ahead_record {
	uint64_t number;
	size_t at; /* id, then record */
	size_t id_len;
	size_t len;
};
struct ahead {
	struct ahead_record at[SQLITE_AHEAD];
	size_t count;
	uint64_t last; /* number of the one read last; stays */
	unsigned span; /* how many were asked for */
	struct buf bytes;
};

#endif
