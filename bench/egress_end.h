/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_EGRESS_END_H
#define BENCH_EGRESS_END_H

/*
 * One end of a TLS connection of the egress figures, on a socket that does not
 * block: the client's program and the origin's share it, so that what it costs
 * is on both sides of every comparison.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "tls/tls.h"

#define END_PIECE 65536

struct end {
	int fd;
	struct tls_conn *tls; /* NULL: plain */
	struct buf in;
	struct buf out;
	bool over;
};

__attribute__((unused)) static void
end_flush(struct end *k)
{
	if (k->tls) {
		tls_take(k->tls, &k->out);
	}
	while (k->out.len > 0 && !k->over) {
		ssize_t n = send(k->fd, k->out.at, k->out.len, MSG_NOSIGNAL);

		if (n < 0) {
			k->over = errno != EAGAIN && errno != EINTR;
			return;
		}
		buf_drop(&k->out, (size_t)n);
	}
}

__attribute__((unused)) static void
end_write(struct end *k, struct str bytes)
{
	if (!k->tls) {
		buf_add(&k->out, bytes);
		return;
	}
	while (bytes.len > 0) {
		size_t n = tls_write(k->tls, bytes);

		tls_take(k->tls, &k->out);
		if (n == 0) {
			k->over = true;
			return;
		}
		bytes = str_sub(bytes, n, bytes.len);
	}
}

/* Everything that has been deciphered goes to `in`. */
static void
end_decipher(struct end *k)
{
	size_t n;

	do {
		n = tls_read(k->tls, buf_room(&k->in, 16384), 16384);
		buf_grew(&k->in, n);
	} while (n > 0);
}

__attribute__((unused)) static void
end_fill(struct end *k)
{
	static char piece[END_PIECE];
	ssize_t n = recv(k->fd, piece, sizeof(piece), 0);

	if (n <= 0) {
		k->over = n == 0 || (errno != EAGAIN && errno != EINTR);
		return;
	}
	struct str bytes = str_span(piece, (size_t)n);

	if (!k->tls) {
		buf_add(&k->in, bytes);
		return;
	}
	while (bytes.len > 0) {
		bytes = str_sub(bytes, tls_feed(k->tls, bytes), bytes.len);
		end_decipher(k);
	}
	if (tls_state(k->tls) >= TLS_ENDED) {
		k->over = true;
	}
}

__attribute__((unused)) static void
end_close(struct end *k)
{
	if (k->fd >= 0) {
		(void)close(k->fd);
	}
	k->fd = -1;
	tls_conn_free(k->tls);
	k->tls = NULL;
	buf_fini(&k->in);
	buf_fini(&k->out);
}

/* The processor that this program stays on. */
__attribute__((unused)) static void
end_pin(const char *number)
{
	uint64_t core;
	cpu_set_t set;

	if (str_u64(str_of(number), &core) && core < CPU_SETSIZE) {
		CPU_ZERO(&set);
		CPU_SET(core, &set);
		if (sched_setaffinity(0, sizeof(set), &set)) {
			(void)fprintf(stderr, "processor %s: %s\n", number,
			    strerrordesc_np(errno));
		}
	}
}

#endif
