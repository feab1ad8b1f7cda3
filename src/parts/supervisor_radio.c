/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device over Bluetooth: the part radio is asked for a link, and its two ends
 * go on to buddy like a terminal.  A bond names a device as nothing else does,
 * so that it decides in every house; without radio nobody sees whether the bond
 * is still there, and then there is no device.
 */
#include <string.h>

#include "parts/supervisor.h"

#define AGAIN_US (5 * CLOCK_SECOND)
#define MTU_MIN  23 /* Bluetooth Core, vol. 3, part F, 5.2.1 */
#define MTU_MAX  517

void
house_radio_ask(struct house *h)
{
	struct wire_peer *radio = house_peer(h, PART_RADIO);
	struct wire_radio_open open = { .ask = h->desk.ask + 1 };

	if (h->desk.asking || !radio) {
		return; /* its answer, or its start, comes */
	}
	h->desk.asking = true;
	h->desk.ask++;
	must(str_copy(open.address, WIRE_RADIO_MAX, h->config.buddy.bluetooth));
	wire_send(radio, WIRE_RADIO_OPEN, &open, NULL, 0);
}

void
house_radio_carrier(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct house *h = owner;
	const struct wire_radio_carrier *in = record;
	char name[WIRE_RADIO_MAX];
	struct house_carrier c = {
		.kind = WIRE_CARRIER_RADIO,
		.name = name,
		.sure = true,
		.mtu = in->mtu,
		.nfds = 2,
	};
	struct err e = { 0 };

	if (nfds != 2 || in->mtu < MTU_MIN || in->mtu > MTU_MAX) {
		(void)err_set(&e, ERR_DENIED, "RADIO_CARRIER of no form");
		wire_peer_close(peer, &e);
		return;
	}
	if (!h->desk.asking || in->ask != h->desk.ask) {
		return;
	}
	h->desk.asking = false;
	must(str_copy(name, sizeof(name), h->config.buddy.bluetooth));
	c.fds[0] = take_fd(&fds[0]);
	c.fds[1] = take_fd(&fds[1]);
	house_buddy_hand_over(h, &c);
}

static void
drop(struct house *h)
{
	struct wire_buddy_drop gone = { .carrier = h->desk.carrier };
	struct wire_peer *buddy = house_peer(h, PART_BUDDY);

	if (h->desk.held && buddy) {
		wire_send(buddy, WIRE_BUDDY_DROP, &gone, NULL, 0);
	}
	house_buddy_put_down(h, AGAIN_US);
}

void
house_radio_lost(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct house *h = owner;
	const struct wire_radio_lost *lost = record;
	struct err e = { 0 };

	if (!wire_text_ok(lost->text, sizeof(lost->text))) {
		(void)err_set(&e, ERR_DENIED, "RADIO_LOST of no form");
		wire_peer_close(peer, &e);
		return;
	}
	if (lost->ask != h->desk.ask || (!h->desk.asking && !h->desk.held)) {
		return;
	}
	h->desk.asking = false;
	house_buddy_say(h, lost->text);
	drop(h);
}

void
house_radio_gone(struct house *h)
{
	h->desk.asking = false;
	if (h->desk.held) {
		drop(h);
	}
}
