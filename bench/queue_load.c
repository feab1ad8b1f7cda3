/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of the queue's figures over HTTP: one thread, epoll, keep-alive,
 * one question at a time on each connection, loopback only, bounded in time.
 * The same program asks the house and its peer, so that its own cost is on
 * both sides.
 *
 *     bench_queue_load PORT PLAN CONNECTIONS SECONDS [TOKEN [TASKS]]
 *
 * PLAN: nop, cycle, two (the peer's); health, put, work, pair (the house's). It
 * prints `RATE p50 p99 TASKS EMPTY BAD`: tasks a second, microseconds, counts.
 * put ends after TASKS puts, if that comes first.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

#define CONNECTIONS_MAX 250
#define SECONDS_MAX     60
#define SAMPLES_MAX     4000000
#define ANSWER_MAX      16384
#define TOKEN_MAX       256
#define QUEUE_NAME      "bench"

enum step { ALONE, CLAIM, FINISH };
enum plan { NOP, CYCLE, TWO, HEALTH, PUT, WORK, PAIR };
static const char *const plans[] = { "nop", "cycle", "two", "health", "put",
	"work", "pair" };

/* What one connection asks next.  `task` and `epoch` are of the last claim. */
struct link {
	int fd;
	enum step step;
	struct mono begun;
	size_t got;
	char task[64];
	unsigned long epoch;
	char in[ANSWER_MAX];
	char out[1024];
};

struct answer {
	int status;
	const char *body;
};

struct load {
	int epoll;
	int port;
	enum plan plan;
	const char *token;
	struct mono now; /* when the answer came that is dealt with */
	size_t live;
	struct mono end;
	uint64_t most;
	uint64_t asked;
	uint64_t tasks;
	uint64_t empty;
	uint64_t bad;
	uint32_t *samples;
	size_t sampled;
};

/* --- questions --- */

/* Put together from pieces: this program has a share of the processors that it
 * measures, and printf was half of what it did outside of the kernel.  All of
 * it fits: an id is shorter than 64 bytes, and a token has TOKEN_MAX at most.
 */

static char *
put_number(char *to, unsigned long n)
{
	char text[24];
	char *at = text + sizeof(text);

	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return mempcpy(to, at, (size_t)(text + sizeof(text) - at));
}

static char *
get(char *to, const char *path)
{
	to = stpcpy(to, "GET ");
	to = stpcpy(to, path);
	return stpcpy(to, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static char *
post(const struct load *l, char *to, const char *path, const char *body)
{
	size_t len = strlen(body);

	to = stpcpy(to, "POST ");
	to = stpcpy(to, path);
	to = stpcpy(
	    to, " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ");
	to = stpcpy(to, l->token);
	to = stpcpy(
	    to, "\r\nContent-Type: application/json\r\nContent-Length: ");
	to = put_number(to, len);
	to = stpcpy(to, "\r\n\r\n");
	return mempcpy(to, body, len);
}

#define BODY_MAX 512

static char *
put_finish(char *to, const struct link *k)
{
	to = stpcpy(to, "\"task\":\"");
	to = stpcpy(to, k->task);
	to = stpcpy(to, "\",\"epoch\":");
	to = put_number(to, k->epoch);
	return stpcpy(to, ",\"outcome\":\"complete\",\"result\":{\"ok\":true}");
}

/* A task in one request: the end of the last one and the claim of the next. */
static char *
ask_work(const struct load *l, struct link *k)
{
	char body[BODY_MAX];
	char *to = stpcpy(
	    body, "{\"worker\":\"load\",\"queues\":[\"" QUEUE_NAME "\"]");

	if (k->task[0]) {
		to = stpcpy(to, ",\"finish\":{");
		to = put_finish(to, k);
		to = stpcpy(to, "}");
	}
	(void)stpcpy(to, "}");
	return post(l, k->out, "/api/queue/work", body);
}

static char *
ask_put(const struct load *l, struct link *k)
{
	return post(l, k->out, "/api/tasks",
	    "{\"queue\":\"" QUEUE_NAME "\",\"subject\":\"a task\","
	    "\"payload\":{\"x\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}");
}

static char *
ask_pair(const struct load *l, struct link *k)
{
	char body[BODY_MAX];
	char *to = body;

	if (k->step == CLAIM) {
		return post(l, k->out, "/api/queue/claim",
		    "{\"worker\":\"load\",\"queues\":[\"" QUEUE_NAME "\"]}");
	}
	to = stpcpy(to, "{\"worker\":\"load\",");
	to = put_finish(to, k);
	(void)stpcpy(to, "}");
	return post(l, k->out, "/api/queue/finish", body);
}

static char *
ask_peer_pair(struct link *k)
{
	char path[128];
	char *to = path;

	if (k->step == CLAIM) {
		return get(k->out, "/claim");
	}
	to = stpcpy(to, "/complete?id=");
	to = stpcpy(to, k->task);
	to = stpcpy(to, "&epoch=");
	*put_number(to, k->epoch) = 0;
	return get(k->out, path);
}

/* Returns where it ends. */
static char *
write_question(const struct load *l, struct link *k)
{
	switch (l->plan) {
	case NOP:
		return get(k->out, "/nop");
	case CYCLE:
		return get(k->out, "/cycle");
	case TWO:
		return ask_peer_pair(k);
	case HEALTH:
		return get(k->out, "/healthz");
	case PUT:
		return ask_put(l, k);
	case WORK:
		return ask_work(l, k);
	case PAIR:
		break;
	}
	return ask_pair(l, k);
}

static void
ask(struct load *l, struct link *k)
{
	ssize_t n = write_question(l, k) - k->out;

	if (k->step != FINISH) {
		k->begun = l->now;
	}
	k->got = 0;
	l->asked++;
	must(write(k->fd, k->out, (size_t)n) == n);
}

/* --- answers --- */

/* The value of a header: behind its name, which is given in lower case. */
static const char *
header(const char *head, const char *end, const char *name)
{
	size_t len = strlen(name);
	const char *line = head;

	while (
	    line < end && (line = memchr(line, '\n', (size_t)(end - line)))) {
		if (strncasecmp(++line, name, len) == 0) {
			return line + len;
		}
	}
	return NULL;
}

/* The whole answer, or false while some of it is missing. */
static bool
whole(struct link *k, struct answer *out)
{
	k->in[k->got] = 0;
	const char *end = strstr(k->in, "\r\n\r\n");

	if (!end) {
		return false;
	}
	const char *length = header(k->in, end, "content-length:");
	size_t head = (size_t)(end - k->in) + 4;

	*out = (struct answer){ .status = atoi(k->in + 9), .body = end + 4 };
	if (length) {
		return k->got >= head + strtoul(length, NULL, 10);
	}
	if (out->status != 204 &&
	    header(k->in, end, "transfer-encoding: chunked")) {
		char *line = strstr(out->body, "\r\n");

		out->body = line ? line + 2 : out->body;
		return strstr(end, "\r\n0\r\n\r\n") != NULL;
	}
	return true;
}

/* `{"tasks":[{"task":"ID","epoch":N,…` of the house, `ID EPOCH` of the peer. */
static bool
take_claim(const struct load *l, struct link *k, const char *body)
{
	const char *id = strstr(body, "\"task\":\"");
	const char *epoch = strstr(body, "\"epoch\":");

	k->task[0] = 0;
	if (l->plan == TWO) {
		return sscanf(body, "%63s %lu", k->task, &k->epoch) == 2;
	}
	if (!id || !epoch) {
		return false;
	}
	size_t len = strcspn(id + 8, "\"");

	if (len == 0 || len >= sizeof(k->task)) {
		return false;
	}
	memcpy(k->task, id + 8, len);
	k->task[len] = 0;
	k->epoch = strtoul(epoch + 8, NULL, 10);
	return true;
}

static void
done(struct load *l, const struct link *k)
{
	l->tasks++;
	if (l->sampled < SAMPLES_MAX) {
		l->samples[l->sampled++] = (uint32_t)(l->now.us - k->begun.us);
	}
}

/* False: this connection has nothing more to ask. */
static bool
judge(struct load *l, struct link *k, const struct answer *a)
{
	if (a->status == 204) {
		l->empty++;
		return false;
	}
	if (a->status != 200 && a->status != 201) {
		if (l->bad++ == 0) {
			(void)fprintf(
			    stderr, "%s: %s\n", plans[l->plan], k->in);
		}
		return false;
	}
	if (l->plan == WORK) {
		bool finished = k->task[0];

		if (!take_claim(l, k, a->body)) {
			l->empty++;
			return false;
		}
		if (finished) {
			done(l, k);
		}
	} else if (k->step == CLAIM) {
		if (!take_claim(l, k, a->body)) {
			l->empty++;
			return false;
		}
		k->step = FINISH;
		return true;
	} else {
		done(l, k);
	}
	k->step = k->step == ALONE ? ALONE : CLAIM;
	return !mono_passed(l->end, l->now) && l->asked < l->most;
}

static void
hang_up(struct load *l, struct link *k)
{
	(void)close(k->fd);
	k->fd = -1;
	l->live--;
}

static void
ready(struct load *l, struct link *k)
{
	struct answer a;
	ssize_t n = read(k->fd, k->in + k->got, sizeof(k->in) - 1 - k->got);

	if (n <= 0) {
		l->bad++;
		hang_up(l, k);
		return;
	}
	k->got += (size_t)n;
	if (!whole(k, &a)) {
		must(k->got < sizeof(k->in) - 1);
		return;
	}
	l->now = mono_now();
	if (judge(l, k, &a)) {
		ask(l, k);
	} else {
		hang_up(l, k);
	}
}

/* --- life --- */

static void
dial(struct load *l, struct link *k)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)l->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = k };
	int one = 1;

	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(k->fd >= 0);
	must(!setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	if (connect(k->fd, (struct sockaddr *)&to, sizeof(to)) ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, k->fd, &event)) {
		perror("bench_queue_load: connect");
		exit(1); /* NOLINT(concurrency-mt-unsafe) */
	}
	k->step = l->plan == TWO || l->plan == PAIR ? CLAIM : ALONE;
	l->live++;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
report(struct load *l, int64_t us)
{
	uint32_t p50 = 0, p99 = 0;

	qsort(l->samples, l->sampled, sizeof(*l->samples), by_value);
	if (l->sampled) {
		p50 = l->samples[l->sampled / 2];
		p99 = l->samples[l->sampled * 99 / 100];
	}
	printf("%.0f %u %u %llu %llu %llu\n",
	    (double)l->tasks * 1e6 / (double)us, p50, p99,
	    (unsigned long long)l->tasks, (unsigned long long)l->empty,
	    (unsigned long long)l->bad);
}

static int
run(struct load *l, size_t count, int64_t us)
{
	struct link *links = calloc(count, sizeof(*links));
	struct mono begun = mono_now();

	must(links);
	l->end = mono_after(begun, us);
	l->now = begun;
	for (size_t i = 0; i < count; i++) {
		dial(l, &links[i]);
		ask(l, &links[i]);
	}
	while (l->live > 0) {
		struct epoll_event events[CONNECTIONS_MAX];
		int n = epoll_wait(l->epoll, events, COUNT(events), 10000);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			(void)fprintf(stderr, "no answer for 10 s\n");
			free(links);
			return 1;
		}
		for (int i = 0; i < n; i++) {
			ready(l, events[i].data.ptr);
		}
	}
	report(l, mono_now().us - begun.us);
	free(links);
	return l->bad ? 1 : 0;
}

static bool
read_plan(const char *word, enum plan *out)
{
	for (size_t i = 0; i < COUNT(plans); i++) {
		if (strcmp(word, plans[i]) == 0) {
			*out = (enum plan)i;
			return true;
		}
	}
	return false;
}

int
main(int argc, char **argv)
{
	struct load l = { .token = argc > 5 ? argv[5] : "",
		.most = UINT64_MAX };
	uint64_t port, count, seconds;

	if (argc < 5 || !str_u64(str_of(argv[1]), &port) || port > 65535 ||
	    !str_u64(str_of(argv[3]), &count) || count < 1 ||
	    count > CONNECTIONS_MAX || !str_u64(str_of(argv[4]), &seconds) ||
	    seconds > SECONDS_MAX || !read_plan(argv[2], &l.plan) ||
	    strlen(l.token) > TOKEN_MAX ||
	    (argc > 6 && !str_u64(str_of(argv[6]), &l.most))) {
		(void)fprintf(stderr,
		    "bench_queue_load PORT nop|cycle|two|health|put|work|pair "
		    "CONNECTIONS SECONDS [TOKEN [TASKS]]\n");
		return 2;
	}
	l.port = (int)port;
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.samples = calloc(SAMPLES_MAX, sizeof(*l.samples));
	must(l.epoll >= 0 && l.samples);
	int bad = run(&l, count, (int64_t)seconds * CLOCK_SECOND);

	free(l.samples);
	return bad;
}
