/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_BUDDY_H
#define PARTS_CORE_BUDDY_H

/* A chapter of core.h, which includes it: the device on a desk. */

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
};

/* What is shown may have changed; looked at soon, and only what is on the disk
 * is shown. */
void core_buddy_changed(struct core *c);
void core_buddy_gone(struct core *c);
wire_take_fn core_buddy_device; /* of the supervisor */
extern const struct wire_handler core_buddy_handlers[];
extern const size_t core_buddy_handler_count;
/* A member "buddy" for the state of the house. */
void core_buddy_write(const struct core *c, struct json_out *o);

#endif
