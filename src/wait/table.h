/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAIT_TABLE_H
#define WAIT_TABLE_H

/* Inside of the room: the list that the events build. */

#include "wait/wait.h"

struct item {
	struct wait_item shown;
	size_t place; /* in the heap of expiries; NO_PLACE: not open */
};

#define NO_PLACE SIZE_MAX

struct wait_list {
	struct arena arena;
	struct item **all; /* in order of being asked */
	size_t count;
	size_t room;
	struct item **heap; /* the open ones, the next to expire first */
	size_t heap_count;
	size_t heap_room;
	struct map ids; /* → struct item */
};

/* list.c */
struct item *wait_item_find(const struct wait_list *w, struct str id);
void wait_item_add(struct wait_list *w, struct item *i);
void wait_heap_remove(struct wait_list *w, struct item *i);
/* put.c: "w-" or "g-" and 100 random bits. */
void wait_make_id(const char prefix[2], const uint8_t random[WAIT_ID_RANDOM],
    char id[WAIT_ID_TEXT]);
const char *wait_kind_yes(enum wait_kind k);
const char *wait_kind_no(enum wait_kind k);
void wait_write_texts(
    struct json_out *o, const char *key, const struct str *texts, uint32_t n);

#endif
