/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/clear.h"
#include "proxy/link.h"

#define LOST_AFTER 6    /* times in a row */
#define HELD_MAX   8192 /* bytes in clear that wait for more of their record */

static size_t held_by_all; /* of this process, as clear.c has it */

size_t
proxy_link_most(void)
{
	return held_by_all > LINK_ALL ? LINK_SCARCE : LINK_IN;
}

static void
count(struct link *l)
{
	size_t now = l->in.cap + l->out.cap + l->held.cap;
	held_by_all += now - l->counted;
	l->counted = now;
}

static void
take_tls(struct link *l)
{
	tls_take(l->tls, &l->out);
}

/* A record stands where it is made until it is sent. */
static void
lend_out(struct link *l)
{
	if (!l->out.at) {
		proxy_clear_take(&l->out);
		tls_room(l->tls, &l->out);
	}
}

static void
write_record(struct link *l, struct str bytes)
{
	while (bytes.len > 0 && !l->mute) {
		lend_out(l);
		size_t n = tls_write(l->tls, bytes);
		take_tls(l);
		l->mute = n == 0;
		bytes = str_sub(bytes, n, bytes.len);
	}
}

/* What was written in small pieces becomes one TLS record. */
static void
write_held(struct link *l)
{
	if (l->held.len > 0) {
		struct buf held = l->held;
		l->held = (struct buf){ 0 };
		write_record(l, buf_str(&held));
		proxy_clear_give(&held);
	}
}

static void
end_of(struct link *l, const char *why)
{
	l->ended = true;
	if (why && !l->why) {
		l->why = why;
	}
	if (l->tls) {
		tls_feed_end(l->tls);
		take_tls(l);
	}
}

static size_t
read_some(struct link *l)
{
	size_t most = proxy_link_most() - l->in.len;
	if (!tls_readable(l->tls)) {
		return 0;
	}
	proxy_clear_take(&l->in);
	proxy_clear_room(&l->in, 1);
	size_t room = l->in.cap - l->in.len;
	size_t n =
	    tls_read(l->tls, l->in.at + l->in.len, room < most ? room : most);
	buf_grew(&l->in, n);
	return n;
}

/* A link that waits for more holds none of the buffers that all share. */
static void
give_empty(struct link *l)
{
	if (l->in.len == 0 && l->in.cap == CLEAR_SIZE) {
		proxy_clear_give(&l->in);
	}
	if (l->tls && l->out.len == 0 && l->out.cap == CLEAR_SIZE) {
		proxy_clear_give(&l->out);
	}
}

void
proxy_link_came(struct link *l, struct str bytes)
{
	proxy_clear_take(&l->in);
	proxy_clear_add(&l->in, bytes);
}

bool
proxy_link_fill(struct link *l)
{
	bool any = false;
	if (!l->tls) {
		return false;
	}
	bool drained = false;
	while (!drained && l->in.len < proxy_link_most()) {
		size_t n = read_some(l);
		drained = n == 0;
		any = any || n > 0;
	}
	take_tls(l);
	enum tls_state state = tls_state(l->tls);
	if (drained && !l->ended &&
	    (state == TLS_FAILED || state == TLS_ENDED)) {
		any = true;
		l->ended = true;
	}
	if (state == TLS_FAILED && !l->why) {
		l->why = tls_error(l->tls)->text;
	}
	return any;
}

static void
receive(struct link *l)
{
	static char piece[LINK_IN];
	/* Of what came while less was taken some may be there. */
	if (l->tls && tls_readable(l->tls)) {
		proxy_link_fill(l);
	}
	if (l->in.len >= proxy_link_most()) {
		return;
	}
	ssize_t n = recv(l->fd, piece, proxy_link_most() - l->in.len, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			end_of(l, strerrordesc_np(errno));
			l->mute = true;
		}
		return;
	}
	if (n == 0) {
		end_of(l, NULL);
		proxy_link_fill(l);
		return;
	}
	struct str bytes = { piece, (size_t)n };
	if (!l->tls) {
		proxy_link_came(l, bytes);
		wipe(piece, bytes.len);
		return;
	}
	/* The engine was empty (proxy_link_settle), so it takes all of it. */
	size_t took = tls_lend(l->tls, bytes);
	must(took == bytes.len || tls_state(l->tls) >= TLS_ENDED);
	proxy_link_fill(l);
	tls_keep(l->tls);
}

static void
not_sent(struct link *l, int error)
{
	if (error == EAGAIN || error == EINTR) {
		l->blocked = true;
		return;
	}
	l->mute = true;
	if (!l->why) {
		l->why = strerrordesc_np(error);
	}
}

void
proxy_link_send(struct link *l)
{
	write_held(l);
	if (l->out.len > 0 && !l->blocked && !l->mute && !l->dialing &&
	    !l->memory) {
		ssize_t n = send(l->fd, l->out.at, l->out.len, MSG_NOSIGNAL);
		if (n < 0) {
			not_sent(l, errno);
			return;
		}
		/* It took some: there is no room for the rest. */
		l->blocked = (size_t)n < l->out.len;
		proxy_clear_drop(&l->out, (size_t)n);
	}
	if (l->secret && l->out.len == 0) {
		wipe(l->out.at, l->out.cap);
		l->secret = false;
	}
}

static void
ready(void *owner, unsigned events)
{
	struct link *l = owner;
	if (l->dialing) {
		int error = 0;
		socklen_t size = sizeof(error);
		l->dialing = false;
		if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size) ||
		    error) {
			l->why = strerrordesc_np(error);
			l->ended = true;
			l->mute = true;
		}
		l->turn(l->owner);
		return;
	}
	if (events & LOOP_WRITE) {
		l->blocked = false;
		proxy_link_send(l);
	}
	if ((events & LOOP_READ) && !l->ended &&
	    l->in.len < proxy_link_most()) {
		receive(l);
	}
	l->turn(l->owner);
}

int
proxy_link_open(
    struct link *l, struct loop *loop, int fd, loop_fn *turn, void *owner)
{
	struct err e;
	*l = (struct link){ .fd = fd, .turn = turn, .owner = owner };
	if (loop_io_open(&l->io, loop, fd, ready, l, &e)) {
		close(fd);
		l->fd = -1;
		return -1;
	}
	return 0;
}

void
proxy_link_close(struct link *l)
{
	loop_io_close(&l->io);
	if (l->fd >= 0) {
		close(l->fd);
	}
	l->fd = -1;
	tls_conn_free(l->tls);
	l->tls = NULL;
	proxy_clear_give(&l->in);
	buf_wipe(&l->out);
	proxy_clear_give(&l->held);
	count(l);
	l->ended = true;
	l->mute = true;
	l->why = NULL;
}

void
proxy_link_free(struct link *l)
{
	if (l) {
		proxy_link_close(l);
		free(l);
	}
}

void
proxy_link_secure(struct link *l, struct tls_conn *conn)
{
	must(!l->tls && l->in.len <= LINK_IN);
	l->tls = conn;
	struct buf hello = l->in;
	size_t took = tls_feed(conn, buf_str(&hello));
	must(took == hello.len || tls_state(conn) >= TLS_ENDED);
	proxy_clear_give(&l->in);
	proxy_link_fill(l);
}

void
proxy_link_write(struct link *l, struct str bytes)
{
	if (l->mute) {
		return;
	}
	if (!l->tls) {
		proxy_clear_add(&l->out, bytes);
		return;
	}
	if (l->held.len + bytes.len <= HELD_MAX) {
		proxy_clear_take(&l->held);
		proxy_clear_add(&l->held, bytes);
		return;
	}
	write_held(l);
	write_record(l, bytes);
}

bool
proxy_link_room(const struct link *l)
{
	return l->out.len + l->held.len < proxy_link_most();
}

bool
proxy_link_flushed(const struct link *l)
{
	return (l->out.len == 0 && l->held.len == 0) || l->mute;
}

void
proxy_link_used(struct link *l, size_t n)
{
	proxy_clear_drop(&l->in, n);
	proxy_link_fill(l);
}

void
proxy_link_settle(struct link *l)
{
	if (l->memory) {
		give_empty(l);
		count(l);
		l->turn(l->owner);
		return;
	}
	if (l->fd < 0) {
		return;
	}
	proxy_link_send(l);
	give_empty(l);
	count(l);
	unsigned events = 0;
	/* Who found the socket full did not go on: the next event, which says
	 * that it is not, is the reason to do so, and to try again at all.
	 * Where `blocked` is, there is something in `out`. */
	if (l->dialing || (l->out.len > 0 && !l->mute)) {
		events |= LOOP_WRITE;
	}
	if (!l->dialing && !l->ended && l->in.len < proxy_link_most()) {
		events |= LOOP_READ;
	}
	loop_io_want(&l->io, events);
}

void
proxy_link_poll(struct link *l)
{
	if (!l->ended && !l->dialing && l->in.len < proxy_link_most()) {
		receive(l);
	}
	proxy_link_fill(l);
}

bool
proxy_link_lost(struct link *l)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	if (l->fd < 0 ||
	    getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &size) ||
	    info.tcpi_retransmits < LOST_AFTER) {
		return false;
	}
	l->why = "its other end does not acknowledge what is sent";
	l->ended = true;
	l->mute = true;
	return true;
}

bool
proxy_link_silent(const struct link *l)
{
	return l->fd >= 0 && !l->dialing && !l->ended && !l->mute &&
	       l->in.len == 0 && (!l->tls || tls_state(l->tls) == TLS_OPEN);
}

bool
proxy_link_quiet(const struct link *l)
{
	return proxy_link_silent(l) && l->out.len == 0 && l->held.len == 0;
}

void
proxy_link_rest(struct link *l)
{
	give_empty(l);
	if (l->in.len == 0) {
		proxy_clear_give(&l->in);
	}
	if (l->out.len == 0) {
		buf_wipe(&l->out);
	}
	count(l);
}
