/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "wire/inside.h"

/* One record, blocking: for the moments before a part has its loop. */

/* Rounded up: the deadline is never tried before it has come. */
static int
milliseconds_to(struct mono deadline)
{
	int64_t left = deadline.us - mono_now().us;

	if (left <= 0) {
		return 0;
	}
	return left > 1000 * CLOCK_SECOND ? 1000000
	                                  : (int)((left + 999) / 1000);
}

static int
wait_for(int fd, short events, struct mono deadline, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc = poll(&p, 1, milliseconds_to(deadline));

	if (rc < 0 && errno != EINTR) {
		return err_sys(e, "cannot wait for the other end");
	}
	if (rc <= 0 && mono_passed(deadline, mono_now())) {
		return err_set(e, ERR_TIMEOUT, "the other end does not answer");
	}
	return 0;
}

int
wire_send_now(int fd, enum wire_type type, const void *record, const int *fds,
    size_t nfds, struct err *e)
{
	struct mono deadline = mono_after(mono_now(), WIRE_STALL_US);
	int taken[WIRE_FDS_MAX];
	int rc;

	wire_must_send(type, record, nfds);
	for (size_t i = 0; i < nfds; i++) {
		taken[i] = fds[i];
	}
	while ((rc = wire_packet_send(fd, type, record, taken, nfds, e)) == 0) {
		if (wait_for(fd, POLLOUT, deadline, e)) {
			rc = -1;
			break;
		}
	}
	wire_close_all(taken, nfds);
	return rc > 0 ? 0 : -1;
}

static int
accept_as(struct wire_packet *p, enum wire_type type, struct wire_fds *fds,
    struct err *e)
{
	if (wire_packet_check(p, wire_sender(type), wire_receiver(type), e)) {
		return -1;
	}
	struct wire_one first = wire_packet_at(p, 0);

	if (first.header->type != type) {
		return err_set(e, ERR_DENIED, "%s came instead of %s",
		    wire_name(first.header->type), wire_name(type));
	}
	if (first.next < p->got) {
		return err_set(
		    e, ERR_DENIED, "%s came with others", wire_name(type));
	}
	if (!fds && p->nfds > 0) {
		return err_set(
		    e, ERR_DENIED, "%s came with descriptors", wire_name(type));
	}
	return 0;
}

int
wire_take_now(int fd, enum wire_type type, int64_t timeout_us, void *record,
    struct wire_fds *fds, struct err *e)
{
	struct mono deadline = mono_after(mono_now(), timeout_us);
	struct wire_packet p;
	int rc;

	must(wire_known(type));
	while ((rc = wire_packet_receive(fd, &p, WIRE_PACKET_ONE, e)) == 0) {
		if (wait_for(fd, POLLIN, deadline, e)) {
			return -1;
		}
	}
	if (rc < 0) {
		return -1;
	}
	rc = accept_as(&p, type, fds, e);
	if (rc == 0) {
		memcpy(record, wire_packet_at(&p, 0).record, wire_size(type));
		if (fds) {
			memcpy(fds->at, p.fds, p.nfds * sizeof(int));
			fds->count = p.nfds;
			p.nfds = 0;
		}
	}
	wire_packet_drop(&p);
	return rc;
}
