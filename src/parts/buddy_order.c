/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator has the device do: its name, its bonds, a folder. */
#include "parts/buddy.h"

/* The order that it has, if it has one. */
void
desk_end_order(struct desk *d, bool done, const char *text)
{
	struct wire_buddy_ordered end = { .order = d->order, .done = done };

	d->order = 0;
	if (end.order) {
		str_fit(end.text, sizeof(end.text), str_of(text));
		wire_send(d->part.core, WIRE_BUDDY_ORDERED, &end, NULL, 0);
	}
}

static int
push(struct desk *d, const struct wire_buddy_order *in, int *fds, size_t nfds,
    struct err *e)
{
	auto_buf packed = { 0 };

	return nfds != 1 ? err_set(e, ERR_INPUT, "an order without its folder")
	       : memfd_read(fds[0], WIRE_BUDDY_FOLDER_MAX, &packed, e)
	           ? -1
	           : buddy_push_packed(
	                 d->b, str_of(in->name), buf_str(&packed), e);
}

static int
obey(struct desk *d, const struct wire_buddy_order *in, int *fds, size_t nfds,
    struct err *e)
{
	if (!d->paired || in->carrier != d->carrier) {
		return err_set(e, ERR_UNAVAILABLE, "the device is gone");
	}
	switch (in->word) {
	case WIRE_BUDDY_NAME:
		return buddy_rename(d->b, str_of(in->name), e);
	case WIRE_BUDDY_UNPAIR:
		return buddy_unpair(d->b, e);
	case WIRE_BUDDY_PUSH:
		return push(d, in, fds, nfds, e);
	default:
		return err_set(e, ERR_INPUT, "an order of no kind");
	}
}

/* Core gives the next one when this one has ended. */
void
desk_take_order(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct desk *d = owner;
	const struct wire_buddy_order *in = record;
	struct err e = { 0 };

	if (!in->order || d->order ||
	    !wire_text_ok(in->name, sizeof(in->name))) {
		desk_break_off(peer, "BUDDY_ORDER");
		return;
	}
	d->order = in->order;
	if (obey(d, in, fds, nfds, &e)) {
		desk_end_order(d, false, e.text);
		return;
	}
	desk_turn(d);
}
