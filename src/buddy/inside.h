/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BUDDY_INSIDE_H
#define BUDDY_INSIDE_H

/* For the files of this room only. */

#include "buddy/buddy.h"

struct prompt {
	char id[BUDDY_ID_MAX + 1]; /* "": none */
	bool whole;
	bool answered;
};

enum push_step { PUSH_BEGIN, PUSH_FILE, PUSH_CHUNK, PUSH_FILE_END, PUSH_END };

struct push {
	struct arena arena;
	struct str name;
	struct buddy_file *files;
	size_t count;
	size_t total; /* bytes of all files */
	enum push_step step;
	size_t file;
	size_t at; /* bytes of this file that were sent */
};

struct buddy {
	bool connected;
	struct mono heard;
	/* in */
	struct buf line;
	bool overlong; /* the rest of this line is thrown away */
	/* heartbeat */
	struct buf wanted;
	struct buf sent;
	struct mono beat_at;
	struct prompt coming; /* in `wanted` */
	struct prompt shown;  /* in `sent` */
	/* commands */
	struct buf greeting; /* lines of a connect that are to be sent first */
	char waiting[16];    /* cmd whose ack is awaited; "": none */
	struct mono ack_at;
	struct mono status_at;
	bool asked;       /* the command is somebody's, its end is told */
	struct buf order; /* the line of it, not sent yet */
	const char *order_word;
	struct push *push;
};

/* write.c: lines, each with its end */
int buddy_write_show(
    struct buf *out, const struct buddy_show *show, struct err *e) MUST_CHECK;
void buddy_write_hello(struct buf *out, const struct buddy_hello *hello);
void buddy_write_command(
    struct buf *out, const char *command, const char *key, struct str value);
void buddy_write_push(struct buf *out, const struct push *p);
/* push.c */
void buddy_push_free(struct push *p);
/* The last step was acknowledged with this n: false if that is not what was
 * sent.  *ended: there is no next step. */
bool buddy_push_acked(struct push *p, int64_t n, bool *ended);
/* The word of the step under way, as its ack names it. */
const char *buddy_push_word(const struct push *p);

#endif
