/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, by which door, and who leaves when there is no place. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parts/api.h"

#define HEAD_US (15 * CLOCK_SECOND)

static void
welcome(struct door *door, int fd)
{
	struct api *api = door->api;
	struct client *k = calloc(1, sizeof(*k));
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct err e = { 0 };

	must(k);
	k->api = api;
	k->fd = fd;
	k->transport = door->transport;
	k->uid = UINT32_MAX;
	if (door->transport == WIRE_LOCAL &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
		k->uid = peer.uid;
	}
	http_reader_request(&k->reader);
	k->reader.body_max = API_BODY_MAX;
	while (api->clients[k->slot]) {
		k->slot++; /* one is free: count says so */
	}
	api->clients[k->slot] = k;
	api->count++;
	if (loop_io_open(&k->io, api->part.loop, fd, api_client_ready, k, &e)) {
		log_err("client", &e);
		api_drop(k);
		return;
	}
	api_patience(k, HEAD_US);
	api_want(k);
}

/* Anybody can come, with no token, and stay: who has waited longest without a
 * question gives his place to who comes, so that an operator is always let in.
 */
static bool
make_room(struct api *api)
{
	struct client *longest = NULL;

	if (api->count < API_CLIENTS_MAX) {
		return true;
	}
	for (size_t i = 0; i < API_CLIENTS_MAX; i++) {
		struct client *k = api->clients[i];

		if (!k->id &&
		    (!longest || k->idle_since.us < longest->idle_since.us)) {
			longest = k;
		}
	}
	if (longest) {
		api_drop(longest);
	}
	return longest != NULL;
}

static size_t
held(const struct client *k)
{
	size_t size = k->in.len + k->body.len;

	return size > API_SHORT_MAX ? size : 0;
}

/* Who asks is known only when the question is whole: the one that has been
 * forming longest is let go. */
bool
api_door_bears(const struct client *k)
{
	struct client *longest = NULL;
	size_t all = 0;

	for (size_t i = 0; held(k) && i < API_CLIENTS_MAX; i++) {
		struct client *other = k->api->clients[i];

		if (!other || !held(other)) {
			continue;
		}
		all += held(other);
		if (!longest || other->idle_since.us < longest->idle_since.us) {
			longest = other;
		}
	}
	if (all <= API_HELD_MAX) {
		return true;
	}
	if (longest != k) {
		api_drop(longest);
	}
	return longest != k;
}

static size_t
owed(const struct client *k)
{
	return k->out.len > API_SHORT_MAX ? k->out.len : 0;
}

/* The one whose answer has been read longest; all: what is owed together. */
static struct client *
longest_owed(const struct api *api, size_t *all)
{
	struct client *longest = NULL;

	*all = 0;
	for (size_t i = 0; i < API_CLIENTS_MAX; i++) {
		struct client *k = api->clients[i];

		if (k && owed(k)) {
			*all += owed(k);
			longest = longest && longest->unread_since.us <=
			                         k->unread_since.us
			              ? longest
			              : k;
		}
	}
	return longest;
}

/* Whoever reads a byte now and then is waited for as long as he likes: where
 * all that is owed is too much, the one that has been read longest is let go.
 */
bool
api_door_owes(const struct client *k)
{
	const struct api *api = k->api;
	struct client *longest;
	size_t all;

	if (!owed(k)) {
		return true;
	}
	while ((longest = longest_owed(api, &all)) && all > API_UNREAD_MAX) {
		api_drop(longest);
		if (longest == k) {
			return false;
		}
	}
	return true;
}

static void
door_ready(void *owner, unsigned ready)
{
	struct door *door = owner;

	(void)ready;
	for (int i = 0; i < 16; i++) {
		int fd =
		    accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			return;
		}
		if (!make_room(door->api)) {
			(void)close(fd); /* the backlog holds the rest */
			return;
		}
		welcome(door, fd);
	}
}

int
api_door_open(struct api *api, size_t which, int fd,
    enum wire_transport transport, struct err *e)
{
	struct door *door = &api->doors[which];

	*door = (struct door){ .api = api, .fd = fd, .transport = transport };
	if (loop_io_open(&door->io, api->part.loop, fd, door_ready, door, e)) {
		return -1;
	}
	loop_io_want(&door->io, LOOP_READ);
	return 0;
}
