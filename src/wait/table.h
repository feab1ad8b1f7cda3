/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAIT_TABLE_H
#define WAIT_TABLE_H

/*
 * Inside of the room: the list that the events build.  Each wait is a slot of
 * 48 bytes for as long as anybody may ask for it; its texts are read from the
 * book when they are looked at (an item), and given up again in wait_fold.
 * Slots stand in order of being asked, in blocks that never move.
 */

#include "wait/wait.h"

#define NO_PLACE   UINT32_MAX
#define SLOT_ID    13   /* bytes that hold 100 bits */
#define SLOT_BLOCK 1024 /* slots */
#define WARM_LISTS 256

struct slot {
	uint64_t seq; /* of its put */
	/* Open: when it is due, microseconds; else the seq of what ended it. */
	uint64_t when;
	uint64_t run; /* a tag of its text */
	uint8_t id[SLOT_ID];
	uint8_t state : 4;
	uint8_t kind : 4;
	uint8_t surfaces : 4; /* a bit each, as wait_surface_bit says */
	uint8_t reminded : 1;
	uint8_t escalated : 1;
	uint8_t over : 1; /* its run has ended */
	uint8_t of_call : 1;
	uint8_t spare_byte;
	uint32_t older; /* slot + 1 of the same run; 0: none */
	uint32_t place; /* in the heap; NO_PLACE: not open */
};
_Static_assert(sizeof(struct slot) == 48, "a slot is 48 bytes");

struct item { /* a slot with its texts */
	struct wait_item shown;
	struct arena arena;
	struct item *next;
	uint32_t slot;
	uint64_t last_seq; /* of its events; not on the disk: it stays */
};

struct wait_warm { /* behind a pointer: looking changes no list */
	struct item *lists[WARM_LISTS];
	size_t count;
	wait_load_fn *load; /* NULL: every item stays */
	void *context;
};

struct wait_list {
	struct slot **blocks;
	size_t block_room;
	uint32_t count;
	uint32_t open;
	uint32_t over;
	uint64_t last_seq;
	uint64_t seed;
	uint32_t *heap; /* slots of the open ones, the next to be due first */
	uint32_t heap_count;
	uint32_t heap_room;
	uint32_t *ids; /* slot + 1; 0: free */
	uint32_t id_room;
	uint32_t *runs; /* the newest of each, slot + 1; 0: free */
	uint32_t run_room;
	uint32_t run_count;
	struct wait_warm *warm;
};

/* slots.c */
struct slot *wait_slot(const struct wait_list *w, uint32_t n);
bool wait_slot_find(
    const struct wait_list *w, const uint8_t id[SLOT_ID], uint32_t *n);
/* The newest of a run, slot + 1. */
uint32_t wait_slot_of_run(const struct wait_list *w, uint64_t tag);
uint32_t wait_slot_add(struct wait_list *w, const struct slot *s);
void wait_slot_due(struct wait_list *w, uint32_t n, uint64_t when);
void wait_slot_close(
    struct wait_list *w, uint32_t n, enum wait_state state, uint64_t seq);
uint64_t wait_run_tag(const struct wait_list *w, struct str run);
/* What nobody asks for any more, but the newest, once it is much. */
void wait_slots_shed(struct wait_list *w);

/* item.c */
struct item *wait_item_find(const struct wait_list *w, struct str id);
struct item *wait_item_at(const struct wait_list *w, uint32_t n);
void wait_item_warm(const struct wait_list *w, struct item *i);
void wait_item_free(struct item *i);
void wait_items_free(struct wait_list *w);
void wait_items_renumber(struct wait_list *w, const uint32_t *to);

/* apply.c: an item out of its put; -1: not of the form. */
int wait_read_put(const struct json *body, struct item *i);
int wait_read_end(const struct json *body, struct item *i);
uint64_t wait_item_due(const struct wait_item *i);

/* put.c: "w-" or "g-" and 100 random bits. */
void wait_make_id(const char prefix[2], const uint8_t random[WAIT_ID_RANDOM],
    char id[WAIT_ID_TEXT]);
bool wait_parse_id(struct str text, uint8_t id[SLOT_ID]);
void wait_write_texts(
    struct json_out *o, const char *key, const struct str *texts, uint32_t n);
void wait_write_digest(struct json_out *o, const char *key, struct digest d);
/* subject.c: no two different lists of parts give the same bytes. */
void wait_add_text(struct digest_run *run, struct str s);
void wait_add_number(struct digest_run *run, uint64_t n);

#endif
