/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cell's first bytes on a connection to good.test:443, TLS or not, through
 * all that an egress does with them, until it has hung up:
 *
 *   1. of a connection that never shook hands nobody is asked, and what is
 *      asked of the others is not of TLS (one way alone ends no handshake);
 *   2. a ServerHello is said to whom names good.test in its hello;
 *   3. what it costs is bounded.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

#include "proxy/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GOOD       "good.test"
#define INPUT_MAX  32768
#define SAID_MAX   (1U << 20)
#define TURNS      20000
#define QUIET      20 /* turns without a byte: it waits for us */
#define HANDSHAKE  0x16
#define HELLO_SAID 0x02

static struct {
	struct loop *loop;
	struct proxy *proxy;
	struct names_addr to;
	bool tls_first;
	size_t asked;
} rig;

static void
take_intent(void *context, const struct proxy_intent *i)
{
	static const struct proxy_refusal no = {
		.status = 403,
		.error = "denied",
		.rule = "egress.none",
		.reason = "no rule allows it",
		.next = "[egress.x]",
	};

	(void)context;
	must(!rig.tls_first && !i->tls);
	rig.asked++;
	proxy_refuse(rig.proxy, i->id, &no);
}

static void
take_outcome(void *context, const struct proxy_outcome *o)
{
	(void)context;
	must(o->end == PROXY_REFUSED);
}

static void
begin(void)
{
	static const struct proxy_ops ops = {
		.intent = take_intent,
		.outcome = take_outcome,
	};
	struct proxy_setup setup = { .ops = &ops };
	struct err e;

	rig.loop = loop_new();
	setup.loop = rig.loop;
	setup.pool = names_pool_new();
	must(tls_ca_new("cell", 1, &setup.ca, &e) == 0);
	must(tls_trust_pem(tls_ca_pem(setup.ca), &setup.roots, &e) == 0);
	must(names_pool_add(setup.pool, GOOD, &rig.to, &e) == 0);
	rig.proxy = proxy_new(&setup);
}

/* What the records of handshakes hold, one behind the other. */
static void
join_records(struct str input, struct buf *out)
{
	while (input.len > 5 && input.at[0] == HANDSHAKE) {
		size_t size =
		    (size_t)(uint8_t)input.at[3] << 8 | (uint8_t)input.at[4];

		buf_add(out, str_sub(input, 5, size));
		input = str_sub(input, 5 + size, input.len);
	}
}

/* Is there anywhere what the extension holds for that name? */
static bool
names_good(struct str hello)
{
	for (size_t i = 0; i + 3 < hello.len; i++) {
		size_t size = (size_t)(uint8_t)hello.at[i + 1] << 8 |
		              (uint8_t)hello.at[i + 2];
		struct str name = str_sub(hello, i + 3, size);
		struct names_host host;
		struct err e;

		if (hello.at[i] == 0 && size > 0 && name.len == size &&
		    names_host_parse(name, &host, &e) == 0 &&
		    strcmp(host.text, GOOD) == 0) {
			return true;
		}
	}
	return false;
}

/* All that is said to the cell until it is hung up on. */
static void
talk(int fd, struct str input, struct buf *said)
{
	size_t quiet = 0;

	for (size_t turn = 0; proxy_carried(rig.proxy) > 0; turn++) {
		ssize_t n = input.len ? send(fd, input.at, input.len,
		                            MSG_DONTWAIT | MSG_NOSIGNAL)
		                      : 0;
		char at[4096];

		must(turn < TURNS);
		input = str_sub(input, n > 0 ? (size_t)n : 0, input.len);
		if (!input.len) {
			(void)shutdown(fd, SHUT_WR);
		}
		loop_turn(rig.loop, 0);
		n = recv(fd, at, sizeof(at), MSG_DONTWAIT);
		if (n > 0) {
			buf_add(said, str_span(at, (size_t)n));
			must(said->len < SAID_MAX);
		}
		quiet = n > 0 ? 0 : quiet + 1;
		if (quiet == QUIET) {
			(void)shutdown(fd, SHUT_RDWR);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = str_span(data, size < INPUT_MAX ? size : INPUT_MAX);
	auto_buf said = { 0 };
	auto_buf hello = { 0 };
	int fds[2];

	if (!rig.proxy) {
		begin();
	}
	rig.tls_first = input.len > 0 && input.at[0] == HANDSHAKE;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	         fds) == 0);
	proxy_carry(rig.proxy, fds[0], &rig.to, 443);
	talk(fds[1], input, &said);
	(void)close(fds[1]);
	if (rig.tls_first && said.len > 5 && said.at[0] == HANDSHAKE &&
	    said.at[5] == HELLO_SAID) {
		join_records(input, &hello);
		must(names_good(buf_str(&hello)));
	}
	return 0;
}
