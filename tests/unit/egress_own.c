/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's own `egress` and the `resolver` as their neighbours see them.  This
 * program plays supervisor, core, vault, the origin and a name server.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

#include "ids_help.h"
#include "proxy_help.h"
#include "wire/wire.h"

struct house {
	struct loop *loop;
	struct origin origin;
	struct buf origin_ca;
	pid_t pid;
	struct wire_peer *supervisor, *core, *vault, *resolver, *second;
	bool ready, vault_refuses;
	size_t redeems, dones, resolves, answers, lost;
	struct wire_http_done done;
	struct buf body;
	struct wire_resolved resolved;
	/* the name server */
	struct loop_io dns;
	int dns_fd;
	uint16_t dns_port;
	size_t queries;
};

static struct house house;

static void
wait_for(struct mono limit, const char *condition)
{
	if (mono_passed(limit, mono_now())) {
		fail_msg("never: %s (%s)", condition, house.done.text);
	}
	(void)usleep(200);
	loop_turn(house.loop, 0);
	origin_step(&house.origin);
}

#define until(condition)                                                     \
	for (struct mono limit_ = mono_after(mono_now(), 60 * CLOCK_SECOND); \
	     !(condition); wait_for(limit_, #condition)) {                   \
	}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

#define TAKE(name)                                            \
	static void name(void *owner, struct wire_peer *peer, \
	    const void *record, int *fds, size_t nfds)
#define UNUSED4      \
	(void)owner; \
	(void)peer;  \
	(void)fds;   \
	(void)nfds

TAKE(take_ready)
{
	UNUSED4;
	(void)record;
	house.ready = true;
}

TAKE(take_done)
{
	struct err e;
	UNUSED4;
	house.done = *(const struct wire_http_done *)record;
	buf_clear(&house.body);
	if (house.done.ok) {
		assert_int_equal(nfds, 1);
		assert_int_equal(
		    memfd_read(fds[0], 1 << 20, &house.body, &e), 0);
	}
	house.dones++;
}

TAKE(take_redeem)
{
	const struct wire_redeem *w = record;
	UNUSED4;
	house.redeems++;
	struct wire_credential c = { .count = w->count,
		.ok = !house.vault_refuses,
		.size = sizeof(SECRET) - 1,
		.text = "the grant is over" };
	memcpy(c.secret, SECRET, sizeof(SECRET) - 1);
	memcpy(c.number, w->number, sizeof(c.number));
	wire_send(house.vault, WIRE_CREDENTIAL, &c, NULL, 0);
}

TAKE(take_resolve)
{
	const struct wire_resolve *w = record;
	UNUSED4;
	house.resolves++;
	struct wire_resolved r = { .id = w->id,
		.ok = 1,
		.count = 1,
		.addresses = { { .family = 4, .bytes = { 127, 0, 0, 1 } } } };
	wire_send(house.resolver, WIRE_RESOLVED, &r, NULL, 0);
}

TAKE(take_resolved)
{
	UNUSED4;
	house.resolved = *(const struct wire_resolved *)record;
	house.answers++;
}

/* NOLINTEND(readability-non-const-parameter) */

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct wire_peer **slot = owner;
	(void)why;
	*slot = NULL;
	house.lost++;
	wire_peer_free(peer);
}

struct side {
	enum part self, other;
	struct wire_handler handler;
};

static const struct side as_supervisor = { PART_SUPERVISOR, PART_EGRESS,
	{ WIRE_EGRESS_READY, take_ready } };
static const struct side as_core = { PART_CORE, PART_EGRESS,
	{ WIRE_HTTP_DONE, take_done } };
static const struct side as_vault = { PART_VAULT, PART_EGRESS,
	{ WIRE_REDEEM, take_redeem } };
static const struct side as_resolver = { PART_RESOLVER, PART_EGRESS,
	{ WIRE_RESOLVE, take_resolve } };
static const struct side over_resolver = { PART_SUPERVISOR, PART_RESOLVER,
	{ WIRE_RESOLVER_READY, take_ready } };
static const struct side core_of_resolver = { PART_CORE, PART_RESOLVER,
	{ WIRE_RESOLVER_READY, take_ready } };
static const struct side as_egress = { PART_EGRESS, PART_RESOLVER,
	{ WIRE_RESOLVED, take_resolved } };

static void
meet(struct wire_peer **slot, const struct side *side, int fd)
{
	struct err e;
	/* Core hears nothing from the resolver: it has no handler for it. */
	struct wire_end end = { .self = side->self,
		.other = side->other,
		.handlers = &side->handler,
		.count = side == &core_of_resolver ? 0 : 1,
		.closed = closed,
		.owner = slot };
	*slot = wire_peer_new(house.loop, fd, &end, &e);
	assert_non_null(*slot);
}

static void
spawn(const char *name, const char *option, const char *value,
    const struct side *supervisor, const struct side *core)
{
	char path[512];
	char uid[16];
	int up[2];
	int down[2];
	struct err e;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *libexec = getenv("HANDRAIL_LIBEXEC");
	assert_non_null(libexec);
	(void)snprintf(path, sizeof(path), "%s/%s", libexec, name);
	(void)snprintf(uid, sizeof(uid), "%d", getuid() ? 0 : house_ids());
	if (access(path, X_OK)) {
		fail_msg("there is no program %s: build it", path);
	}
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(down, &e), 0);
	house.pid = fork();
	assert_true(house.pid >= 0);
	if (house.pid == 0) {
		int a = fcntl(up[1], F_DUPFD, 64);
		int b = fcntl(down[1], F_DUPFD, 64);
		/* A part that logs to a file must not die of it. */
		int log = open("/tmp", O_TMPFILE | O_RDWR, 0600);
		(void)dup2(log, 2);
		(void)dup2(a, 3);
		(void)dup2(b, 4);
		(void)close_range(5, ~0U, 0);
		(void)execl(
		    path, name, "--uid", uid, option, value, (char *)NULL);
		_exit(127);
	}
	(void)close(up[1]);
	(void)close(down[1]);
	meet(&house.supervisor, supervisor, up[0]);
	meet(&house.core, core, down[0]);
	house.ready = false;
	until(house.ready);
}

static void
leave(struct wire_peer **slot)
{
	wire_peer_free(*slot);
	*slot = NULL;
}

static void
end_part(void)
{
	int status = -1;
	leave(&house.core);
	leave(&house.supervisor);
	assert_int_equal(waitpid(house.pid, &status, 0), house.pid);
	house.pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
give_peers(void)
{
	struct wire_attach a = { .cell = 0 };
	int vault[2];
	int resolver[2];
	struct err e;
	assert_int_equal(wire_pair(vault, &e), 0);
	assert_int_equal(wire_pair(resolver, &e), 0);
	meet(&house.vault, &as_vault, vault[0]);
	meet(&house.resolver, &as_resolver, resolver[0]);
	int ends[2] = { vault[1], resolver[1] };
	wire_send(house.core, WIRE_EGRESS_PEERS, &a, ends, 2);
}

static void
http_do(uint64_t id, bool pinned)
{
	struct wire_http_do w = {
		.go = { .id = id,
		    .grant = 70 + id,
		    .place = WIRE_PLACE_HEADER,
		    .pinned = pinned,
		    .tls = 1,
		    .has_ca = 1,
		    .pin_port = house.origin.port,
		    .pin = { .family = 4, .bytes = { 127, 0, 0, 1 } },
		    .name = "Authorization",
		    .format = "Bearer {{secret}}",
		    .rule = "model.default" },
		.timeout = 5 * CLOCK_SECOND,
		.answer_limit = 100,
		.port = 443,
		.has_body = 1,
		.method = "POST",
		.host = GOOD,
		.target = "/v1/chat?x=1",
		.headers = "Content-Type: application/json\r\n"
	};
	struct err e;
	int fds[2] = { memfd_sealed("body", STR("{\"a\":1}"), &e),
		memfd_sealed("ca", buf_str(&house.origin_ca), &e) };
	size_t before = house.dones;
	house.done = (struct wire_http_done){ 0 };
	wire_send(house.core, WIRE_HTTP_DO, &w, fds, 2);
	until(house.dones == before + 1);
	assert_int_equal(house.done.id, id);
}

/* --- tests ---------------------------------------------------------------- */

static void
requests_of_the_house_are_made_and_answered(void **state)
{
	(void)state;
	spawn("egress", "--mode", "own", &as_supervisor, &as_core);
	/* Nobody to ask yet: closed. */
	http_do(1, true);
	assert_int_equal(house.done.ok, 0);
	assert_int_equal(house.done.kind, ERR_UNAVAILABLE);
	give_peers();
	http_do(2, true);
	assert_int_equal(house.done.ok, 1);
	assert_int_equal(house.done.status, 200);
	assert_string_equal(house.done.content_type, "text/plain");
	assert_true(str_eq(buf_str(&house.body), STR("hello")));
	struct end *o = &house.origin.at[house.origin.count - 1];
	assert_true(end_got(o, "POST /v1/chat?x=1 HTTP/1.1\r\n"));
	assert_true(end_got(o, "Authorization: Bearer " SECRET "\r\n"));
	assert_true(end_got(o, "\r\n\r\n{\"a\":1}"));
	assert_int_equal(house.redeems, 1);
	/* A01: not pinned, and the name leads inside. */
	http_do(3, false);
	assert_int_equal(house.done.ok, 0);
	assert_int_equal(house.done.kind, ERR_DENIED);
	assert_int_equal(house.resolves, 1);
	assert_int_equal(house.redeems, 1);
	/* P12: the vault says no, or is away; a new one is asked again. */
	house.vault_refuses = true;
	http_do(4, true);
	assert_int_equal(house.done.ok, 0);
	house.vault_refuses = false;
	leave(&house.vault);
	http_do(5, true);
	assert_int_equal(house.done.ok, 0);
	leave(&house.resolver);
	give_peers();
	http_do(6, true);
	assert_int_equal(house.done.ok, 1);
	leave(&house.vault);
	leave(&house.resolver);
	end_part();
}

static int
listener(int family, int type, bool any)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	bool v4 = family == AF_INET;
	assert_true(fd >= 0);
	if (!any) {
		six.sin6_addr = in6addr_loopback;
		four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	assert_int_equal(
	    bind(fd, v4 ? (struct sockaddr *)&four : (struct sockaddr *)&six,
	        v4 ? sizeof(four) : sizeof(six)),
	    0);
	if (type == SOCK_STREAM) {
		assert_int_equal(listen(fd, 1), 0);
	}
	return fd;
}

/* Four listeners: the host's, or of a network namespace nobody else has. */
static bool
listeners(int fds[4], bool fresh)
{
	auto_close int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fresh && unshare(CLONE_NEWNET)) {
		return false;
	}
	for (int i = 0; i < 4; i++) {
		fds[i] = listener(i % 2 ? AF_INET6 : AF_INET,
		    i < 2 ? SOCK_STREAM : SOCK_DGRAM, fresh);
	}
	if (fresh) {
		assert_int_equal(setns(back, CLONE_NEWNET), 0);
	}
	return true;
}

static void
fork_refused(int channel, uint64_t cookie, bool fresh)
{
	struct wire_egress_fork w = { .cell = 1, .cookie = cookie };
	struct wire_egress_forked done;
	struct err e;
	int core[2];
	int fds[5];
	if (!listeners(fds, fresh)) {
		print_message("# no new network namespace here\n");
		return;
	}
	assert_int_equal(wire_pair(core, &e), 0);
	fds[4] = core[1];
	assert_int_equal(
	    wire_send_now(channel, WIRE_EGRESS_FORK, &w, fds, 5, &e), 0);
	assert_int_equal(wire_take_now(channel, WIRE_EGRESS_FORKED,
	                     5 * CLOCK_SECOND, &done, NULL, &e),
	    0);
	assert_int_equal(done.ok, 0);
	assert_non_null(strstr(done.text, "another network namespace"));
	(void)close(core[0]);
}

static void
I09_a_listener_from_the_wrong_network_is_refused(void **state)
{
	(void)state;
	char path[512];
	int up[2];
	int status = -1;
	struct err e;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	(void)snprintf(
	    path, sizeof(path), "%s/egress", getenv("HANDRAIL_LIBEXEC"));
	assert_int_equal(wire_pair(up, &e), 0);
	if (access(path, X_OK)) {
		fail_msg("there is no program %s: build it", path);
	}
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(fcntl(up[1], F_DUPFD, 64), 3);
		(void)close_range(4, ~0U, 0);
		(void)execl(path, "egress", "--mode", "zygote", (char *)NULL);
		_exit(127);
	}
	(void)close(up[1]);
	uint64_t own = 0;
	socklen_t size = sizeof(own);
	int any = listener(AF_INET, SOCK_STREAM, false);
	assert_int_equal(
	    getsockopt(any, SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &own, &size),
	    0);
	(void)close(any);
	/* The host's own listeners, and listeners that are not what was said.
	 */
	fork_refused(up[0], own, false);
	fork_refused(up[0], own + 1000000, true);
	(void)close(up[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Answers A for good.test, nothing for the rest. */
static void
dns_ready(void *owner, unsigned ready)
{
	struct house *h = owner;
	uint8_t m[512];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	(void)ready;
	ssize_t n = recvfrom(
	    h->dns_fd, m, sizeof(m) - 16, 0, (struct sockaddr *)&from, &size);
	if (n < 20) {
		return;
	}
	h->queries++;
	size_t end = 12;
	while (end < (size_t)n && m[end] != 0) {
		end += (size_t)m[end] + 1U;
	}
	end += 5;
	bool wants_a = m[end - 3] == 1;
	static const uint8_t answer[16] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0,
		4, 93, 184, 216, 34 };
	m[2] = 0x81;
	m[3] = 0x80;
	m[7] = wants_a;
	m[9] = m[11] = 0;
	if (wants_a) {
		memcpy(m + end, answer, sizeof(answer));
		end += sizeof(answer);
	}
	(void)sendto(h->dns_fd, m, end, 0, (struct sockaddr *)&from, size);
}

static void
dns_open(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	struct err e;
	house.dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(house.dns_fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(
	    getsockname(house.dns_fd, (struct sockaddr *)&at, &size), 0);
	house.dns_port = ntohs(at.sin_port);
	assert_int_equal(loop_io_open(&house.dns, house.loop, house.dns_fd,
	                     dns_ready, &house, &e),
	    0);
	loop_io_want(&house.dns, LOOP_READ);
}

static void
attach(struct wire_peer **slot)
{
	struct wire_attach a = { .cell = 3 };
	int pair[2];
	struct err e;
	assert_int_equal(wire_pair(pair, &e), 0);
	meet(slot, &as_egress, pair[0]);
	wire_send(house.core, WIRE_RESOLVER_ATTACH, &a, &pair[1], 1);
}

static void
ask(struct wire_peer *peer, uint64_t id, const char *name)
{
	struct wire_resolve w = { .id = id };
	assert_true(str_copy(w.name, sizeof(w.name), str_of(name)));
	wire_send(peer, WIRE_RESOLVE, &w, NULL, 0);
}

static void
names_are_looked_up_for_whoever_was_attached(void **state)
{
	(void)state;
	char servers[32];
	dns_open();
	(void)snprintf(
	    servers, sizeof(servers), "127.0.0.1:%d", house.dns_port);
	spawn("resolver", "--servers", servers, &over_resolver,
	    &core_of_resolver);
	attach(&house.resolver);
	attach(&house.second);
	ask(house.resolver, 11, GOOD);
	until(house.answers == 1);
	assert_int_equal(house.resolved.id, 11);
	assert_int_equal(house.resolved.ok, 1);
	assert_int_equal(house.resolved.count, 1);
	static const uint8_t want[4] = { 93, 184, 216, 34 };
	assert_memory_equal(house.resolved.addresses[0].bytes, want, 4);
	/* What is no canonical name ends that channel and no other. */
	size_t queries = house.queries;
	house.lost = 0;
	ask(house.resolver, 12, "GOOD.test.");
	until(house.lost == 1);
	assert_null(house.resolver);
	assert_int_equal(house.queries, queries);
	ask(house.second, 13, GOOD);
	until(house.answers == 2);
	assert_int_equal(house.resolved.id, 13);
	leave(&house.second);
	end_part();
	loop_io_close(&house.dns);
	(void)close(house.dns_fd);
}

/* What a test that failed half way left behind. */
static int
clean(void **state)
{
	struct wire_peer **slots[] = { &house.supervisor, &house.core,
		&house.vault, &house.resolver, &house.second };

	(void)state;
	for (size_t i = 0; i < COUNT(slots); i++) {
		leave(slots[i]);
	}
	if (house.pid > 0) {
		(void)waitpid(house.pid, NULL, 0); /* it saw its channels end */
		house.pid = 0;
	}
	loop_io_close(&house.dns);
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	house.loop = loop_new();
	origin_listen(&house.origin, house.loop, "127.0.0.1");
	house.origin.answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	                      "Content-Length: 5\r\n\r\nhello";
	buf_add(&house.origin_ca, tls_ca_pem(house.origin.ca));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < house.origin.count; i++) {
		end_close(&house.origin.at[i]);
	}
	loop_io_close(&house.origin.io);
	(void)close(house.origin.fd);
	tls_ca_free(house.origin.ca);
	buf_fini(&house.origin_ca);
	buf_fini(&house.body);
	loop_free(house.loop);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    requests_of_the_house_are_made_and_answered, clean),
		cmocka_unit_test(
		    I09_a_listener_from_the_wrong_network_is_refused),
		cmocka_unit_test_teardown(
		    names_are_looked_up_for_whoever_was_attached, clean),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
