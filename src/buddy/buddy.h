/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BUDDY_BUDDY_H
#define BUDDY_BUDDY_H

/*
 * One device on a desk that shows what runs and what waits, and says yes or no
 * to one thing at a time: the line protocol of anthropics/claude-desktop-buddy
 * (REFERENCE.md at ca4e89a7), whatever carries the bytes.  Pure: bytes and the
 * time go in, bytes and events come out.  What a decision is worth is judged
 * by whoever asked; here it counts only for the prompt that this device shows,
 * once, and a yes only if the device can show the prompt whole.
 *
 * Everything a device says is hostile.  Times are monotonic.  Lines and
 * states: DESIGN.
 */

#include "base/base.h"
#include "json/json.h"

enum buddy_limits {            /* bytes */
	BUDDY_LINE_MAX = 1023, /* of a line, the device's buffer */
	BUDDY_WRITE_MAX = 180, /* of one write of the carrier */
	BUDDY_ID_MAX = 39,
	BUDDY_TOOL_MAX = 19,
	BUDDY_HINT_MAX = 43,
	BUDDY_ROLE_MAX = 64, /* sent, though the device does not show it */
	BUDDY_MSG_MAX = 23,
	BUDDY_ENTRY_MAX = 91,
	BUDDY_ENTRIES = 8,
	BUDDY_NAME_MAX = 64,
	BUDDY_CHUNK = 180, /* of a file, before base64 */
	BUDDY_FILES_MAX = 64,
	BUDDY_FOLDER_MAX = 1800000,
};
#define BUDDY_BEAT_US (10 * CLOCK_SECOND) /* a heartbeat at least so often */
#define BUDDY_DEAD_US                                                       \
	(30 * CLOCK_SECOND)             /* silence that is death, both ways \
	                                 */
#define BUDDY_ACK_US (5 * CLOCK_SECOND) /* patience with a command */

struct buddy;

struct buddy *buddy_new(void);
void buddy_free(struct buddy *b); /* NULL is nothing */

struct buddy_hello { /* told at each connect */
	struct wall now;
	int32_t zone_s; /* seconds east of UTC */
	struct str owner;
};
/* The carrier is up: time, owner, status and a heartbeat are due. */
void buddy_connected(
    struct buddy *b, const struct buddy_hello *hello, struct mono now);
/* The carrier is gone: nothing is shown any more. */
void buddy_lost(struct buddy *b);
/* Connected, and heard within BUDDY_DEAD_US: a living surface. */
bool buddy_alive(const struct buddy *b, struct mono now);

/* --- what it shows --- */

struct buddy_prompt {
	struct str id;   /* at most BUDDY_ID_MAX, no quote, no backslash */
	struct str tool; /* cut to what the device shows */
	struct str hint; /* at most BUDDY_HINT_MAX, printable ASCII */
	struct str role;
	bool whole; /* nothing was cut: it may be approved there */
};
struct buddy_show {
	uint32_t total, running, waiting; /* sessions; shown up to 255 */
	struct str msg;
	const struct str *entries; /* oldest first; the newest are kept */
	size_t entry_count;
	uint64_t tokens, tokens_today;
	const struct buddy_prompt *prompt; /* NULL: none, clears it */
};
/* From now on; sent with the next buddy_due when it differs.  ERR_INPUT: an id
 * or hint that the device would give back or show wrong; nothing changed. */
int buddy_show(
    struct buddy *b, const struct buddy_show *show, struct err *e) MUST_CHECK;
/* The prompt that the device has been sent and not answered; "" none. */
const char *buddy_shown(const struct buddy *b);

/* --- commands: one at a time, answered by BUDDY_DONE --- */

struct buddy_file {
	struct str name; /* flat: [A-Za-z0-9_-][A-Za-z0-9._-]* */
	struct str bytes;
};
/* ERR_CONFLICT: another command is under way.  ERR_UNAVAILABLE: no device. */
int buddy_rename(struct buddy *b, struct str name, struct err *e) MUST_CHECK;
int buddy_unpair(struct buddy *b, struct err *e) MUST_CHECK;
/* A character's folder; names and bytes are copied.  ERR_INPUT: a name with a
 * path, a hidden file, too many, too large. */
int buddy_push(struct buddy *b, struct str name, const struct buddy_file *files,
    size_t count, struct err *e) MUST_CHECK;
/* The same folder as one text: per file its name, NUL, its length in 4 bytes
 * (little-endian), its bytes.  ERR_INPUT also: it is of no such form. */
int buddy_push_packed(struct buddy *b, struct str name, struct str packed,
    struct err *e) MUST_CHECK;

/* --- bytes --- */

enum buddy_event_kind {
	BUDDY_DECISION, /* id, yes */
	BUDDY_STATUS, /* data: as the device said it, until the call returns */
	BUDDY_DONE,   /* ok, text: a command has ended */
	BUDDY_NOISE,  /* text: what was ignored, and why */
};
struct buddy_event {
	enum buddy_event_kind kind;
	const char *id;
	bool yes;
	bool ok;
	const struct json *data;
	const char *text; /* printable */
};
typedef void buddy_event_fn(void *owner, const struct buddy_event *event);

/* What the device said, split anywhere. */
void buddy_hear(struct buddy *b, struct str bytes, struct mono now,
    buddy_event_fn *each, void *owner);
/* Appends what is to be sent now, whole lines; the carrier writes at most
 * BUDDY_WRITE_MAX at once.  Call it after every other call and at *next; a
 * device that is not connected has nothing to hear and no next (false). */
bool buddy_due(struct buddy *b, struct mono now, struct buf *out,
    struct mono *next, buddy_event_fn *each, void *owner);

#endif
