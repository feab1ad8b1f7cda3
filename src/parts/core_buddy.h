/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_BUDDY_H
#define PARTS_CORE_BUDDY_H

/* A chapter of core.h, which includes it: the device on a desk. */

/* What an operator has it do, the last one: core_buddy_order.c. */
struct core_buddy_order {
	uint64_t number; /* 0: none yet */
	bool going;
	bool done;
	const char *word; /* name, unpair, push */
	char by[WIRE_PERSON_MAX];
	char text[WIRE_TEXT_MAX]; /* why not */
};

struct core_buddy {
	/* what the supervisor says: which device, whose */
	struct wire_buddy_device device;
	/* what the part says */
	struct wire_buddy_state state;
	struct wire_buddy_show shown; /* the last that was sent */
	struct loop_timer look;
	bool looking;    /* it is armed */
	uint64_t before; /* no wait up to this seq is open */
	uint64_t safe;   /* what is on the disk */
	struct core_buddy_order order;
};

/* What is shown may have changed; looked at soon, and only what is on the disk
 * is shown. */
void core_buddy_changed(struct core *c);
void core_buddy_gone(struct core *c);
/* It answers, and is the device that the supervisor opened last. */
bool core_buddy_heard(const struct core_buddy *b);
wire_take_fn core_buddy_device; /* of the supervisor */
extern const struct wire_handler core_buddy_handlers[];
extern const size_t core_buddy_handler_count;
/* core_buddy_order.c: of a device that is gone nobody knows what it did. */
void core_buddy_order_lost(struct core *c);
void core_buddy_order_write(const struct core *c, struct json_out *o);
wire_take_fn core_buddy_ordered;
/* A member "buddy" for the state of the house. */
void core_buddy_write(const struct core *c, struct json_out *o);

#endif
