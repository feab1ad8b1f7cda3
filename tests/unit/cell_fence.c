/* SPDX-License-Identifier: Apache-2.0 */
/* The fence: whatever a cell dials is accepted on this side, or by nobody.
 * Cases B01, N17, I07, I09, L05. */
#include "cell_help.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* --- the egress's side ------------------------------------------------------
 */

/* Takes what comes until `text` of the cell's command is complete: every TCP
 * connection hears its own original destination, every question "pong". */
static void
answer_tcp(int listener)
{
	struct sockaddr_storage at = { 0 };
	socklen_t size = sizeof(at);
	char text[128], address[64] = "";
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		return;
	}
	assert_int_equal(getsockname(fd, (void *)&at, &size), 0);
	const struct sockaddr_in *four = (void *)&at;
	const struct sockaddr_in6 *six = (void *)&at;
	bool v4 = at.ss_family == AF_INET;

	(void)inet_ntop(at.ss_family,
	    v4 ? (const void *)&four->sin_addr : (const void *)&six->sin6_addr,
	    address, sizeof(address));
	int len = snprintf(text, sizeof(text), "%s %d", address,
	    /* NOLINTNEXTLINE(*-core.CallAndMessage): it was filled */
	    ntohs(v4 ? four->sin_port : six->sin6_port));

	assert_int_equal(write(fd, text, (size_t)len), len);
	(void)close(fd);
}

/* From the address that was asked, as a name server must. */
static void
answer_dns(int fd)
{
	char question[512], room[256] __attribute__((aligned(16)));
	struct sockaddr_storage from;
	struct iovec part = { question, sizeof(question) };
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room),
	};

	if (recvmsg(fd, &m, 0) <= 0) {
		return;
	}
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	assert_non_null(c);
	if (c->cmsg_level == IPPROTO_IP) {
		struct in_pktinfo *info = (void *)CMSG_DATA(c);

		assert_int_equal(c->cmsg_type, IP_PKTINFO);
		info->ipi_spec_dst = info->ipi_addr;
		info->ipi_ifindex = 0;
	} else {
		struct in6_pktinfo *info = (void *)CMSG_DATA(c);

		assert_int_equal(c->cmsg_type, IPV6_PKTINFO);
		info->ipi6_ifindex = 0;
	}
	part = (struct iovec){ (char *)"pong", 4 };
	assert_int_equal(sendmsg(fd, &m, 0), 4);
}

static void
answer_all(const struct pollfd *polls)
{
	static void (*const answer[CELL_LISTENERS])(
	    int) = { answer_tcp, answer_tcp, answer_dns, answer_dns };

	for (int i = 0; i < CELL_LISTENERS; i++) {
		if (polls[i].revents) {
			answer[i](polls[i].fd);
		}
	}
}

static struct cell_event
serve(struct bed *bed, struct cell *cell, const int *listeners,
    const char *probe_name)
{
	const char *const words[] = { "/work/probe", probe_name, NULL };
	struct pipes p = launch(cell, words, 20 * CLOCK_SECOND);
	struct pollfd polls[CELL_LISTENERS + 1];

	for (int i = 0; i < CELL_LISTENERS; i++) {
		polls[i] = (struct pollfd){ listeners[i], POLLIN, 0 };
	}
	polls[CELL_LISTENERS] = (struct pollfd){ cell_fd(cell), POLLIN, 0 };
	do {
		assert_true(poll(polls, CELL_LISTENERS + 1, WAIT_MS) > 0);
		answer_all(polls);
	} while (polls[CELL_LISTENERS].revents == 0);
	return finish(bed, cell, p);
}

static struct cell *
fenced_cell(struct bed *bed, uint32_t flags, struct cell_event *fenced)
{
	struct cell_plan plan = { .flags = CELL_FENCE | flags };
	struct cell *cell = make(bed, &plan);

	expect(cell, CELL_FENCED, fenced);
	start(cell, "");
	return cell;
}

/* --- tests ------------------------------------------------------------------
 */

static void
every_address_and_port_reaches_the_listener(void **state)
{
	struct bed *bed = *state;
	struct cell_event fenced;
	struct cell *cell = fenced_cell(bed, 0, &fenced);

	if (fenced.ports_only) {
		close_listeners(&fenced);
		cell_free(cell);
		print_message("# skipped: this kernel has no nf_tables\n");
		skip();
	}
	(void)serve(bed, cell, fenced.listeners, "dial");
	assert_string_equal(bed->text,
	    "192.0.2.10:22 -> 192.0.2.10 22\n"
	    "198.51.100.7:8443 -> 198.51.100.7 8443\n"
	    "10.0.0.1:65535 -> 10.0.0.1 65535\n"
	    "169.254.169.254:80 -> 169.254.169.254 80\n"
	    "[2001:db8::1]:443 -> 2001:db8::1 443\n"
	    "[fd00::7]:1 -> fd00::7 1\n"
	    "127.0.0.1:8099 -> own service\n"
	    "127.0.0.1:443 -> Connection refused\n"
	    "[::1]:443 -> Connection refused\n");
	close_listeners(&fenced);
	cell_free(cell);
}

static void
names_are_asked_of_any_server_and_other_datagrams_are_refused(void **state)
{
	struct bed *bed = *state;
	struct cell_event fenced;
	struct cell *cell = fenced_cell(bed, 0, &fenced);

	(void)serve(bed, cell, fenced.listeners, "datagrams");
	assert_string_equal(bed->text,
	    "192.0.2.53:53 -> pong\n"
	    "[2001:db8::53]:53 -> pong\n"
	    "198.18.0.1:53 -> pong\n"
	    "192.0.2.10:443 -> Connection refused\n"
	    "[2001:db8::1]:443 -> Connection refused\n");
	close_listeners(&fenced);
	cell_free(cell);
}

static void
without_nf_tables_the_two_web_ports_remain(void **state)
{
	struct bed *bed = *state;
	struct cell_event fenced;
	struct cell *cell = fenced_cell(bed, CELL_PORTS_ONLY, &fenced);

	assert_true(fenced.ports_only);
	(void)serve(bed, cell, fenced.listeners, "web");
	assert_string_equal(bed->text,
	    "192.0.2.10:80 -> 192.0.2.10 80\n"
	    "192.0.2.10:443 -> ::ffff:192.0.2.10 443\n"
	    "[2001:db8::1]:443 -> 2001:db8::1 443\n"
	    "192.0.2.10:22 -> Connection refused\n"
	    "192.0.2.53:53 -> pong\n");
	close_listeners(&fenced);
	cell_free(cell);
}

static void
the_listeners_are_of_the_cells_namespace_and_bounded(void **state)
{
	struct bed *bed = *state;
	struct cell_event fenced, other;
	struct cell *cell = fenced_cell(bed, 0, &fenced);
	struct cell *second = fenced_cell(bed, 0, &other);
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	for (size_t i = 0; i < CELL_LISTENERS; i++) {
		assert_int_equal(getsockopt(fenced.listeners[i], SOL_SOCKET,
		                     SO_NETNS_COOKIE, &cookie, &size),
		    0);
		assert_int_equal(cookie, fenced.cookie);
		assert_true(fcntl(fenced.listeners[i], F_GETFD) & FD_CLOEXEC);
	}
	assert_int_not_equal(fenced.cookie, other.cookie);
	(void)sh(bed, cell,
	    "cat /proc/sys/net/ipv4/tcp_rmem /proc/sys/net/ipv4/tcp_wmem; "
	    "ls /sys 2>/dev/null; grep -c : /proc/net/dev");
	assert_string_equal(
	    bed->text, "4096\t16384\t65536\n4096\t16384\t65536\n1\n");
	close_listeners(&fenced);
	close_listeners(&other);
	cell_free(cell);
	cell_free(second);
}

/* I07: once hostile code may run, not even pid 1 holds one of them. */
static void
pid_1_has_let_go_of_the_listeners(void **state)
{
	struct bed *bed = *state;
	struct cell_event fenced;
	/* Two that the parent forgot to mark close-on-exec. */
	int low = dup(0), high = fcntl(0, F_DUPFD, 100);
	struct cell *cell = fenced_cell(bed, 0, &fenced);
	char path[300], target[64];

	(void)close(low);
	(void)close(high);
	for (int fd = 0; fd < 128; fd++) {
		(void)snprintf(
		    path, sizeof(path), "/proc/%d/fd/%d", cell_pid(cell), fd);
		ssize_t len = readlink(path, target, sizeof(target) - 1);

		if (len < 0 && errno == EACCES) {
			close_listeners(&fenced);
			cell_free(cell);
			print_message("# skipped: only root may look\n");
			skip();
		}
		if (fd > 3) {
			assert_int_equal(len, -1);
		} else {
			assert_memory_equal(
			    target, fd == 3 ? "socket:" : "/null", 5);
		}
	}
	close_listeners(&fenced);
	cell_free(cell);
}

static void
a_cell_without_a_fence_reaches_nothing(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);

	start(cell, "");
	(void)probe(bed, cell, "web");
	assert_string_equal(bed->text,
	    "192.0.2.10:80 -> Network is unreachable\n"
	    "192.0.2.10:443 -> Network is unreachable\n"
	    "[2001:db8::1]:443 -> Network is unreachable\n"
	    "192.0.2.10:22 -> Network is unreachable\n"
	    "192.0.2.53:53 -> Network is unreachable\n");
	cell_free(cell);
}

/*
 * A namespace that a socket holds is in no list.  So it is counted: in a user
 * namespace that may have one network namespace, a second can be made only
 * when the first is truly gone.
 */
static bool
another_fits(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		_exit(unshare(CLONE_NEWNET) ? 1 : 0);
	}
	(void)waitpid(pid, &status, 0);
	return status == 0;
}

static bool
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	(void)close(fd);
	return ok;
}

static int
count_namespaces(const char *folder)
{
	struct cell_house house = { 0 };
	static struct bed bed;
	struct cell_event fenced;
	char uids[32], gids[32];
	struct err e;
	int tries = 0;

	(void)snprintf(uids, sizeof(uids), "0 %d 1", geteuid());
	(void)snprintf(gids, sizeof(gids), "0 %d 1", getegid());
	if (unshare(CLONE_NEWUSER) || !put("/proc/self/setgroups", "deny") ||
	    !put("/proc/self/uid_map", uids) ||
	    !put("/proc/self/gid_map", gids) ||
	    !put("/proc/sys/user/max_net_namespaces", "1") ||
	    cell_host_open(&house, &bed.host, &e)) {
		return 77;
	}
	(void)snprintf(bed.work, sizeof(bed.work), "%s", folder);
	struct cell *cell = fenced_cell(&bed, 0, &fenced);

	if (another_fits()) {
		return 2;
	}
	cell_free(cell);
	if (another_fits()) {
		return 3; /* the listeners alone must still pin it */
	}
	close_listeners(&fenced);
	while (!another_fits()) {
		if (++tries > 3000) {
			return 4;
		}
		(void)usleep(20000);
	}
	cell_host_free(bed.host);
	return 0;
}

static void
the_network_is_gone_when_cell_and_listeners_are(void **state)
{
	char folder[] = "/tmp/cell-count-XXXXXX";
	int status = -1;

	(void)state;
	assert_non_null(mkdtemp(folder));
	pid_t pid = fork();

	if (pid == 0) {
		_exit(count_namespaces(folder));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)rmdir(folder);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("# skipped: no user namespaces here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* --- inside ------------------------------------------------------------------
 */

static socklen_t
address_of(const char *address, int port, struct sockaddr_storage *at)
{
	struct sockaddr_in *four = (void *)at;
	struct sockaddr_in6 *six = (void *)at;

	*at = (struct sockaddr_storage){ 0 };
	if (strchr(address, ':')) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		(void)inet_pton(AF_INET6, address, &six->sin6_addr);
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	(void)inet_pton(AF_INET, address, &four->sin_addr);
	return sizeof(*four);
}

static void
ask(int type, const char *address, int port)
{
	struct sockaddr_storage at;
	socklen_t size = address_of(address, port, &at);
	int fd = socket(at.ss_family, type | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = 5 };
	char text[128] = { 0 };
	bool six = strchr(address, ':') != NULL;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	bool ok = connect(fd, (void *)&at, size) == 0 &&
	          (type == SOCK_STREAM || send(fd, "ping", 4, 0) == 4) &&
	          recv(fd, text, sizeof(text) - 1, 0) > 0;

	(void)printf("%s%s%s:%d -> %s\n", six ? "[" : "", address,
	    six ? "]" : "", port, ok ? text : strerrordesc_np(errno));
	(void)close(fd);
}

static void
own_service(void)
{
	struct sockaddr_storage at;
	socklen_t size = address_of("127.0.0.1", 8099, &at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (void *)&at, size) || listen(fd, 4)) {
		(void)printf("own service: %s\n", strerrordesc_np(errno));
		return;
	}
	pid_t pid = fork();

	if (pid == 0) {
		int one = accept(fd, NULL, NULL);

		_exit(write(one, "own service", 11) != 11);
	}
	ask(SOCK_STREAM, "127.0.0.1", 8099);
	(void)waitpid(pid, NULL, 0);
}

static int
inside(const char *name)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(name, "dial") == 0) {
		ask(SOCK_STREAM, "192.0.2.10", 22);
		ask(SOCK_STREAM, "198.51.100.7", 8443);
		ask(SOCK_STREAM, "10.0.0.1", 65535);
		ask(SOCK_STREAM, "169.254.169.254", 80);
		ask(SOCK_STREAM, "2001:db8::1", 443);
		ask(SOCK_STREAM, "fd00::7", 1);
		own_service();
		ask(SOCK_STREAM, "127.0.0.1", 443);
		ask(SOCK_STREAM, "::1", 443);
	} else if (strcmp(name, "web") == 0) {
		ask(SOCK_STREAM, "192.0.2.10", 80);
		ask(SOCK_STREAM, "192.0.2.10", 443);
		ask(SOCK_STREAM, "2001:db8::1", 443);
		ask(SOCK_STREAM, "192.0.2.10", 22);
		ask(SOCK_DGRAM, "192.0.2.53", 53);
	} else {
		ask(SOCK_DGRAM, "192.0.2.53", 53);
		ask(SOCK_DGRAM, "2001:db8::53", 53);
		ask(SOCK_DGRAM, "198.18.0.1", 53);
		ask(SOCK_DGRAM, "192.0.2.10", 443);
		ask(SOCK_DGRAM, "2001:db8::1", 443);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_and_port_reaches_the_listener),
		cmocka_unit_test(
		    names_are_asked_of_any_server_and_other_datagrams_are_refused),
		cmocka_unit_test(without_nf_tables_the_two_web_ports_remain),
		cmocka_unit_test(
		    the_listeners_are_of_the_cells_namespace_and_bounded),
		cmocka_unit_test(pid_1_has_let_go_of_the_listeners),
		cmocka_unit_test(a_cell_without_a_fence_reaches_nothing),
		cmocka_unit_test(
		    the_network_is_gone_when_cell_and_listeners_are),
	};

	if (argc > 1) {
		return inside(argv[1]);
	}
	return cmocka_run_group_tests(tests, bed_up, bed_down);
}
