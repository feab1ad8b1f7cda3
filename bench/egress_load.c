/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of the egress figures: HTTPS, one thread, keep-alive, one question
 * at a time on each connection, bounded in time.
 *
 *     bench_egress_load ADDRESS PORT NAME CA-FILE CORE PATH CONNECTIONS SECONDS
 *
 * ADDRESS "-" looks the name up.  A second of warming is not counted.  It
 * prints one line of JSON: rate, p50_us, p99_us, asked (with the warming),
 * bytes a second, bad.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "egress_end.h"

#define CONNECTIONS_MAX 250
#define SAMPLES_MAX     2000000
#define WARM_US         CLOCK_SECOND
#define LATE_US         (20 * CLOCK_SECOND)

struct link {
	struct end end;
	struct mono begun;
	bool asked;
	bool head;     /* of the answer was read */
	uint64_t left; /* of its body */
	bool reading;
};

struct load {
	int epoll;
	struct link links[CONNECTIONS_MAX];
	size_t live;
	struct sockaddr_storage at;
	socklen_t at_size;
	struct tls_trust *trust;
	const char *name;
	char request[512];
	struct mono from;
	struct mono end;
	uint64_t asked;
	uint64_t counted;
	uint64_t bytes;
	uint64_t bad;
	uint32_t *samples;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "bench_egress_load: %s\n", what);
	exit(1);
}

static void
find(struct load *l, const char *address, const char *port)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	if (getaddrinfo(strcmp(address, "-") == 0 ? l->name : address, port,
	        &want, &found) ||
	    !found) {
		die("no address of that name");
	}
	memcpy(&l->at, found->ai_addr, found->ai_addrlen);
	l->at_size = found->ai_addrlen;
	freeaddrinfo(found);
}

static void
watch(const struct load *l, struct link *k, int how)
{
	struct epoll_event ev = {
		.events = k->end.out.len ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = k,
	};

	must(!epoll_ctl(l->epoll, how, k->end.fd, &ev));
	k->reading = k->end.out.len == 0;
}

static void
dial(struct load *l, struct link *k)
{
	int one = 1;

	k->end.fd = socket(l->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(k->end.fd >= 0);
	(void)setsockopt(
	    k->end.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(k->end.fd, (struct sockaddr *)&l->at, l->at_size)) {
		die(strerrordesc_np(errno));
	}
	must(fcntl(k->end.fd, F_SETFL, O_NONBLOCK) == 0);
	k->end.tls = tls_connect(l->trust, l->name);
	end_flush(&k->end);
	watch(l, k, EPOLL_CTL_ADD);
	l->live++;
}

static void
hang_up(struct load *l, struct link *k)
{
	end_close(&k->end);
	l->live--;
}

static void
ask(struct load *l, struct link *k)
{
	if (mono_passed(l->end, mono_now())) {
		hang_up(l, k);
		return;
	}
	k->asked = true;
	k->head = false;
	k->begun = mono_now();
	l->asked++;
	end_write(&k->end, str_of(l->request));
	end_flush(&k->end);
}

/* The head of an answer: its length, and whether it is the one asked for. */
static bool
take_head(struct load *l, struct link *k)
{
	struct str in = buf_str(&k->end.in);
	const char *end = in.len ? memmem(in.at, in.len, "\r\n\r\n", 4) : NULL;
	uint64_t n = 0;

	if (!end) {
		return false;
	}
	size_t size = (size_t)(end - in.at) + 4;

	if (!str_starts(in, STR("HTTP/1.1 200"))) {
		l->bad++;
		(void)fprintf(stderr, STR_FMT "\n", STR_ARG(in));
	}
	struct str rest = str_sub(in, 0, size);
	struct str line;

	while (str_cut(&rest, '\n', &line)) {
		struct str name;
		struct str value = line;

		if (str_cut(&value, ':', &name) &&
		    str_eq_nocase(name, STR("content-length"))) {
			value = str_trim(value);
			value.len -= value.len > 0;
			must(str_u64(value, &n));
		}
	}
	buf_drop(&k->end.in, size);
	k->head = true;
	k->left = n;
	return true;
}

static void
answered(struct load *l, struct link *k)
{
	struct mono now = mono_now();

	k->asked = false;
	if (mono_passed(l->from, k->begun) && !mono_passed(l->end, now)) {
		if (l->counted < SAMPLES_MAX) {
			l->samples[l->counted] =
			    (uint32_t)(now.us - k->begun.us);
		}
		l->counted++;
	}
}

static void
take_answer(struct load *l, struct link *k)
{
	if (!k->head && !take_head(l, k)) {
		return;
	}
	size_t n = k->end.in.len < k->left ? k->end.in.len : (size_t)k->left;

	buf_drop(&k->end.in, n);
	k->left -= n;
	if (mono_passed(l->from, mono_now())) {
		l->bytes += n;
	}
	if (k->left == 0) {
		answered(l, k);
	}
}

static void
turn(struct load *l, struct link *k, unsigned events)
{
	if (events & ~(unsigned)EPOLLOUT) {
		end_fill(&k->end);
	}
	if (k->asked) {
		take_answer(l, k);
	}
	if (k->end.over) {
		const struct err *why = tls_error(k->end.tls);

		(void)fprintf(stderr, "a connection ended: %s\n", why->text);
		l->bad++;
		hang_up(l, k);
		return;
	}
	end_flush(&k->end);
	if (!k->asked && tls_state(k->end.tls) == TLS_OPEN) {
		ask(l, k);
	}
	if (k->end.fd >= 0 && k->reading != (k->end.out.len == 0)) {
		watch(l, k, EPOLL_CTL_MOD);
	}
}

static int
by_size(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

static void
say(struct load *l, double seconds)
{
	size_t n = l->counted < SAMPLES_MAX ? l->counted : SAMPLES_MAX;

	qsort(l->samples, n, sizeof(*l->samples), by_size);
	(void)printf("{\"rate\": %.1f, \"p50_us\": %u, \"p99_us\": %u, "
	             "\"asked\": %llu, \"bytes\": %.0f, \"bad\": %llu}\n",
	    (double)l->counted / seconds, n ? l->samples[n / 2] : 0,
	    n ? l->samples[n * 99 / 100] : 0, (unsigned long long)l->asked,
	    (double)l->bytes / seconds, (unsigned long long)l->bad);
}

static void
run(struct load *l)
{
	struct epoll_event events[CONNECTIONS_MAX];

	while (l->live > 0) {
		int n = epoll_wait(l->epoll, events, CONNECTIONS_MAX, 1000);

		if (mono_passed(mono_after(l->end, LATE_US), mono_now())) {
			die("an answer is late by 20 s");
		}
		for (int i = 0; i < n; i++) {
			turn(l, events[i].data.ptr, events[i].events);
		}
	}
}

static void
prepare(struct load *l, char **argv)
{
	struct buf pem = { 0 };
	struct err e = { 0 };

	l->name = argv[3];
	(void)snprintf(l->request, sizeof(l->request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n"
	    "Accept: */*\r\n\r\n",
	    argv[6], l->name);
	if (file_read(argv[4], (size_t)1 << 20, &pem, &e) ||
	    tls_trust_pem(buf_str(&pem), &l->trust, &e)) {
		die(e.text);
	}
	buf_fini(&pem);
	l->samples = calloc(SAMPLES_MAX, sizeof(*l->samples));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	must(l->samples && l->epoll >= 0);
	find(l, argv[1], argv[2]);
}

int
main(int argc, char **argv)
{
	static struct load l;
	uint64_t connections = 0;
	uint64_t seconds = 0;

	if (argc != 9 || !str_u64(str_of(argv[7]), &connections) ||
	    !str_u64(str_of(argv[8]), &seconds) || connections == 0 ||
	    connections > CONNECTIONS_MAX || seconds == 0) {
		die("ADDRESS PORT NAME CA-FILE CORE PATH CONNECTIONS SECONDS");
	}
	end_pin(argv[5]);
	prepare(&l, argv);
	l.from = mono_after(mono_now(), WARM_US);
	l.end = mono_after(l.from, (int64_t)seconds * CLOCK_SECOND);
	for (size_t i = 0; i < connections; i++) {
		dial(&l, &l.links[i]);
	}
	run(&l);
	say(&l, (double)seconds);
	return l.bad ? 1 : 0;
}
