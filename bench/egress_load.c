/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of the egress figures: HTTPS, one thread, keep-alive, one question
 * at a time on each connection, bounded in time.
 *
 *     bench_egress_load ADDRESS PORT NAME CA-FILE CORE PATH CONNECTIONS SECONDS
 *         [RATE]
 *
 * ADDRESS "-" looks the name up.  A second of warming is not counted.  RATE
 * questions a second, spread evenly over the connections, are asked when they
 * are due and timed from then on, also where the one before is late; without it
 * each follows the one before.  It prints one line of JSON: rate, p50_us,
 * p99_us, asked (with the warming), bytes a second, bad, began (the first
 * second, by CLOCK_MONOTONIC, in which it asked anything).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

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
	struct mono due; /* of the next question, where there is a pace */
};

struct load {
	int epoll;
	struct link links[CONNECTIONS_MAX];
	size_t live;
	struct sockaddr_storage at;
	socklen_t at_size;
	struct tls_trust *trust;
	const char *name;
	int64_t pace; /* us between the questions of a connection; 0: none */
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
	k->begun = l->pace ? k->due : mono_now();
	k->due = mono_after(k->due, l->pace);
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
	if (!k->asked && tls_state(k->end.tls) == TLS_OPEN &&
	    (!l->pace || mono_passed(k->due, mono_now()))) {
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
	             "\"asked\": %llu, \"bytes\": %.0f, \"bad\": %llu, "
	             "\"began\": %.6f}\n",
	    (double)l->counted / seconds, n ? l->samples[n / 2] : 0,
	    n ? l->samples[n * 99 / 100] : 0, (unsigned long long)l->asked,
	    (double)l->bytes / seconds, (unsigned long long)l->bad,
	    (double)(l->from.us - WARM_US) / CLOCK_SECOND);
}

/* Until the next question is due, or a second. */
static struct timespec
wait_time(const struct load *l)
{
	struct mono now = mono_now();
	int64_t us = CLOCK_SECOND;

	for (size_t i = 0; i < CONNECTIONS_MAX && l->pace; i++) {
		const struct link *k = &l->links[i];

		if (k->end.fd >= 0 && k->end.tls && !k->asked &&
		    tls_state(k->end.tls) == TLS_OPEN &&
		    k->due.us - now.us < us) {
			us = k->due.us > now.us ? k->due.us - now.us : 0;
		}
	}
	return (struct timespec){ us / CLOCK_SECOND, us % CLOCK_SECOND * 1000 };
}

static void
ask_due(struct load *l)
{
	for (size_t i = 0; i < CONNECTIONS_MAX && l->pace; i++) {
		if (l->links[i].end.fd >= 0 && l->links[i].end.tls) {
			turn(l, &l->links[i], EPOLLOUT);
		}
	}
}

static void
run(struct load *l)
{
	struct epoll_event events[CONNECTIONS_MAX];

	while (l->live > 0) {
		struct timespec wait = wait_time(l);
		int n = epoll_pwait2(
		    l->epoll, events, CONNECTIONS_MAX, &wait, NULL);

		if (mono_passed(mono_after(l->end, LATE_US), mono_now())) {
			die("an answer is late by 20 s");
		}
		for (int i = 0; i < n; i++) {
			turn(l, events[i].data.ptr, events[i].events);
		}
		ask_due(l);
	}
}

/* The first questions lie one behind the other within one pace, from half a
 * second on, when all of them have shaken hands. */
static void
set_pace(struct load *l, size_t connections, uint64_t rate)
{
	struct mono first = mono_after(mono_now(), WARM_US / 2);

	/* The kernel may not add to a wait. */
	must(!prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL));
	l->pace = (int64_t)(connections * CLOCK_SECOND / rate);
	for (size_t i = 0; i < connections; i++) {
		l->links[i].due = mono_after(
		    first, l->pace * (int64_t)i / (int64_t)connections);
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
	uint64_t rate = 0;

	if ((argc != 9 && argc != 10) ||
	    !str_u64(str_of(argv[7]), &connections) ||
	    !str_u64(str_of(argv[8]), &seconds) || connections == 0 ||
	    connections > CONNECTIONS_MAX || seconds == 0 ||
	    (argc == 10 && (!str_u64(str_of(argv[9]), &rate) || rate == 0 ||
	                       rate > CLOCK_SECOND))) {
		die("ADDRESS PORT NAME CA-FILE CORE PATH CONNECTIONS SECONDS "
		    "[RATE]");
	}
	end_pin(argv[5]);
	prepare(&l, argv);
	l.from = mono_after(mono_now(), WARM_US);
	l.end = mono_after(l.from, (int64_t)seconds * CLOCK_SECOND);
	if (rate > 0) {
		set_pace(&l, connections, rate);
	}
	for (size_t i = 0; i < connections; i++) {
		dial(&l, &l.links[i]);
	}
	run(&l);
	say(&l, (double)seconds);
	return l.bad ? 1 : 0;
}
