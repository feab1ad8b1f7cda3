/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room `proxy` alone, as an egress runs it, with a core and a vault that
 * cost nothing: what is asked in a turn is allowed at its end, and its
 * credential is there at the end of the next step.  What it takes for a request
 * is what no core, however fast, could take away.
 *
 *     bench_egress_alone NAME ORIGIN-PORT ORIGIN-PEM SECRET CA-FILE
 *
 * Writes its own CA to CA-FILE, prints its port, serves until it is ended.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/proxy.h"

#define WAITING_MAX PROXY_CONNECTIONS

struct alone {
	struct loop *loop;
	struct loop_io io;
	struct proxy *proxy;
	struct names_addr at; /* what the client dials, to the proxy */
	struct proxy_go go;
	bool given; /* the proxy has its CA, as core gives each only once */
	const char *secret;
	uint64_t asked[WAITING_MAX]; /* of this turn */
	size_t asked_count;
	uint64_t owed[WAITING_MAX]; /* a credential, in this turn */
	size_t owed_count;
};

static void
die(const struct err *e)
{
	(void)fprintf(stderr, "bench_egress_alone: %s\n", e->text);
	exit(1);
}

static void
allow(void *owner)
{
	struct alone *a = owner;
	size_t count = a->asked_count;

	a->asked_count = 0;
	for (size_t i = 0; i < count; i++) {
		proxy_go(a->proxy, a->asked[i], &a->go);
		if (!a->given) {
			a->given = true;
			a->go.given = digest_of(a->go.ca);
			a->go.ca = (struct str){ 0 };
		}
	}
}

static void
on_intent(void *context, const struct proxy_intent *intent)
{
	struct alone *a = context;

	must(a->asked_count < WAITING_MAX);
	if (a->asked_count == 0) {
		loop_later(a->loop, allow, a);
	}
	a->asked[a->asked_count++] = intent->id;
}

static void
lend(void *owner)
{
	struct alone *a = owner;
	size_t count = a->owed_count;

	a->owed_count = 0;
	for (size_t i = 0; i < count; i++) {
		proxy_credential(a->proxy, a->owed[i], str_of(a->secret), NULL);
	}
}

static void
on_redeem(
    void *context, uint64_t id, uint64_t grant, const char *host, uint16_t port)
{
	struct alone *a = context;

	(void)grant;
	(void)host;
	(void)port;
	must(a->owed_count < WAITING_MAX);
	if (a->owed_count == 0) {
		loop_later(a->loop, lend, a);
	}
	a->owed[a->owed_count++] = id;
}

static void
on_outcome(void *context, const struct proxy_outcome *outcome)
{
	(void)context;
	if (outcome->end != PROXY_ANSWERED) {
		(void)fprintf(
		    stderr, "bench_egress_alone: %s\n", outcome->text);
	}
}

static void
come(void *owner, unsigned ready)
{
	struct alone *a = owner;
	int fd = accept4(a->io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)ready;
	if (fd >= 0) {
		proxy_carry(a->proxy, fd, &a->at, 443);
	}
}

static uint16_t
listen_on(struct alone *a)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	struct err e;
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && !bind(fd, (struct sockaddr *)&at, size) &&
	     !listen(fd, WAITING_MAX) &&
	     !setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) &&
	     !getsockname(fd, (struct sockaddr *)&at, &size));
	if (loop_io_open(&a->io, a->loop, fd, come, a, &e)) {
		die(&e);
	}
	loop_io_want(&a->io, LOOP_READ);
	return ntohs(at.sin_port);
}

static void
read_go(struct alone *a, const char *port, const char *pem, struct buf *ca)
{
	uint64_t number;
	struct err e;

	if (file_read(pem, 65536, ca, &e)) {
		die(&e);
	}
	must(str_u64(str_of(port), &number) && number < 65536);
	a->go = (struct proxy_go){ .grant = 1,
		.place = PROXY_PLACE_HEADER,
		.pinned = true,
		.pin = { .family = 4, .bytes = { 127, 0, 0, 1 } },
		.pin_port = (uint16_t)number,
		.tls = true,
		.ca = buf_str(ca),
		.credential = "bench",
		.version = 1,
		.name = "Authorization",
		.format = "Bearer {{secret}}" };
}

int
main(int argc, char **argv)
{
	static const struct proxy_ops ops = {
		.intent = on_intent, .outcome = on_outcome, .redeem = on_redeem
	};
	struct alone a = { .loop = loop_new() };
	struct proxy_setup setup = { .loop = a.loop,
		.ops = &ops,
		.context = &a,
		.pool = names_pool_new() };
	auto_buf ca = { 0 };
	struct err e;

	if (argc != 6) {
		err_set(&e, ERR_USAGE, "takes five words");
		die(&e);
	}
	read_go(&a, argv[2], argv[3], &ca);
	a.secret = argv[4];
	if (names_pool_add(setup.pool, argv[1], &a.at, &e) ||
	    tls_ca_new("bench", 2, &setup.ca, &e) ||
	    file_write_atomic(argv[5], tls_ca_pem(setup.ca), 0644, &e)) {
		die(&e);
	}
	a.proxy = proxy_new(&setup);
	(void)printf("%u\n", listen_on(&a));
	(void)fflush(stdout);
	loop_run(a.loop);
	return 0;
}
