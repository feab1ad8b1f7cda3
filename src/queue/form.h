/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_FORM_H
#define QUEUE_FORM_H

/* Inside of the room: the constants of the saved forms (DESIGN). */

#include "queue/state.h"

#define FORM_TASK    'T'
#define FORM_LETTER  'L'
#define FORM_VERSION 1

#define FORM_DEAD       1
#define FORM_MAIL_WAITS 2
#define FORM_REARMED    4
#define FORM_MORE       8

#define FORM_ACK    1
#define FORM_DECIDE 2

struct cut { /* what is left of the bytes; `bad` stays once it is set */
	const char *at;
	const char *end;
	bool bad;
};
const char *form_end(struct str s);
struct cut form_cut(struct str saved, uint8_t kind);
uint8_t form_take_byte(struct cut *c);
uint64_t form_take_long(struct cut *c);
/* Most are of one byte. */
static inline uint64_t
form_take_number(struct cut *c)
{
	return c->at < c->end && (uint8_t)*c->at < 0x80 ? (uint8_t)*c->at++
	                                                : form_take_long(c);
}
uint32_t form_take_u32(struct cut *c);
int64_t form_take_us(struct cut *c);
struct wall form_take_time(struct cut *c);
struct str form_take_text(struct cut *c);

struct head { /* of a task's form */
	struct queue_task shown;
	uint8_t flags;
	uint8_t urgency;
	uint16_t tenths;
};
int form_check(
    struct str saved, struct head *h, struct cut *more, struct err *e);
void form_skip_to_links(struct cut *c);
/* A new task, not yet in a heap; its links are borrowed from the form. */
int form_load(struct queue *q, const struct head *h, struct cut *more,
    struct loaded *out, struct err *e);
void form_link(struct queue *q, const struct loaded *l);

#endif
