/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/inside.h"

/* What messages.def and parts.def say. */

struct row {
	const char *name;
	enum part from;
	enum part to;
	size_t size;
};

static const struct row rows[WIRE_COUNT] = {
#define MSG(sender, receiver, type, record) \
	[WIRE_##type] = {                   \
		.name = #type,              \
		.from = PART_##sender,      \
		.to = PART_##receiver,      \
		.size = sizeof(record),     \
	},
#include "wire/messages.def"
#undef MSG
};

#define MSG(from, to, name, record)                                      \
	_Static_assert(                                                  \
	    sizeof(record) <= WIRE_RECORD_MAX && _Alignof(record) <= 16, \
	    #name " does not fit into a packet");
#include "wire/messages.def"
#undef MSG

static const char *const part_names[PART_COUNT] = {
	"none",
#define PART(name, text, rank) text,
#include "wire/parts.def"
#undef PART
};

static const int part_ranks[PART_COUNT] = {
	0,
#define PART(name, text, rank) rank,
#include "wire/parts.def"
#undef PART
};

const char *
wire_part_name(enum part part)
{
	return (unsigned)part < PART_COUNT ? part_names[part] : "?";
}

int
wire_part_rank(enum part part)
{
	return (unsigned)part < PART_COUNT ? part_ranks[part] : 0;
}

bool
wire_known(unsigned type)
{
	return type > WIRE_NONE && type < WIRE_COUNT;
}

/* Every request is two records between these. */
bool
wire_several(enum part one, enum part other)
{
	return (one == PART_API && other == PART_CORE) ||
	       (one == PART_CORE && other == PART_API);
}

const char *
wire_name(enum wire_type type)
{
	return wire_known(type) ? rows[type].name : "?";
}

enum part
wire_sender(enum wire_type type)
{
	return wire_known(type) ? rows[type].from : PART_NONE;
}

enum part
wire_receiver(enum wire_type type)
{
	return wire_known(type) ? rows[type].to : PART_NONE;
}

size_t
wire_size(enum wire_type type)
{
	return wire_known(type) ? rows[type].size : 0;
}

bool
wire_text_ok(const char *field, size_t size)
{
	return memchr(field, 0, size) != NULL;
}

int
wire_pair(int fds[2], struct err *e)
{
	int made[2];
	const int room = WIRE_CHANNEL_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	        0, made)) {
		return err_sys(e, "cannot make a channel");
	}
	for (int i = 0; i < 2; i++) {
		must(!setsockopt(
		    made[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	}
	fds[0] = made[0];
	fds[1] = made[1];
	return 0;
}

void
wire_must_send(enum wire_type type, const void *record, size_t nfds)
{
	must(wire_known(type) && record);
	must(nfds <= WIRE_FDS_MAX);
}

void
wire_close_all(int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++) {
		auto_close_fd(&fds[i]);
	}
}
