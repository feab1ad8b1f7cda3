/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The origin of the egress figures: HTTPS on loopback, keep-alive, one thread.
 *
 *     bench_egress_origin NAME SECRET CA-FILE CORE [PROGRAM]
 *
 * It makes a CA, writes its certificate to CA-FILE and prints its port.  It
 * answers GET /BYTES with so many bytes of text, /program with that file and
 * /stats with `REQUESTS INJECTED`: how many asked for bytes, and how many of
 * those brought `Authorization: Bearer SECRET`.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "egress_end.h"

#define BLOCK   65536
#define ANSWERS ((size_t)4 * BLOCK) /* bytes that wait for a socket at most */

struct visitor {
	struct end end;
	uint64_t left; /* bytes of the answer not yet written */
	bool reading;
};

struct origin {
	int epoll;
	int listener;
	struct tls_ca *ca;
	const char *name;
	char expected[256];
	struct buf program;
	char block[BLOCK];
	uint64_t asked;
	uint64_t injected;
};

static int
choose(void *context, struct str sni, char host[TLS_HOST_SIZE], struct err *e)
{
	const struct origin *o = context;

	(void)sni;
	(void)e;
	must(str_copy(host, TLS_HOST_SIZE, str_of(o->name)));
	return 0;
}

static void
watch(const struct origin *o, struct visitor *v, bool more)
{
	struct epoll_event ev = {
		.events = v->end.out.len || v->left ? EPOLLOUT : EPOLLIN,
		.data.ptr = v,
	};

	must(!epoll_ctl(
	    o->epoll, more ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, v->end.fd, &ev));
	v->reading = ev.events == EPOLLIN;
}

static void
accept_all(struct origin *o)
{
	int fd;
	int one = 1;

	/* NOLINTNEXTLINE(*-unix.Malloc): epoll keeps the visitor */
	while ((fd = accept4(o->listener, NULL, NULL,
	            SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct visitor *v = calloc(1, sizeof(*v));

		must(v);
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		v->end.fd = fd;
		v->end.tls = tls_serve(o->ca, choose, o);
		watch(o, v, false);
	}
}

static void
answer_text(struct visitor *v, const char *type, struct str body)
{
	struct buf b = { 0 };

	buf_addf(&b,
	    "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: "
	    "%zu\r\n\r\n",
	    type, body.len);
	buf_add(&b, body);
	end_write(&v->end, buf_str(&b));
	buf_fini(&b);
}

static void
answer_bytes(struct origin *o, struct visitor *v, struct str head, uint64_t n)
{
	char line[128];
	int size = snprintf(line, sizeof(line),
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %llu\r\n\r\n",
	    (unsigned long long)n);
	struct buf b = { 0 };
	size_t first = n < 8192 ? (size_t)n : 0;

	o->asked++;
	o->injected += str_has_str(head, str_of(o->expected));
	buf_add(&b, str_span(line, (size_t)size));
	buf_add(&b, str_span(o->block, first));
	end_write(&v->end, buf_str(&b));
	buf_fini(&b);
	v->left = n - first;
}

static void
answer(struct origin *o, struct visitor *v, struct str head)
{
	struct str path = head;
	struct str method;
	char stats[64];
	uint64_t n;

	(void)str_cut(&path, ' ', &method);
	(void)str_cut(&path, ' ', &method);
	path = method;
	if (str_eq_z(path, "/stats")) {
		int size = snprintf(stats, sizeof(stats), "%llu %llu\n",
		    (unsigned long long)o->asked,
		    (unsigned long long)o->injected);

		answer_text(v, "text/plain", str_span(stats, (size_t)size));
	} else if (str_eq_z(path, "/program")) {
		answer_text(
		    v, "application/octet-stream", buf_str(&o->program));
	} else if (str_u64(str_sub(path, 1, path.len), &n)) {
		answer_bytes(o, v, head, n);
	} else {
		v->end.over = true;
	}
}

static void
write_more(struct origin *o, struct visitor *v)
{
	end_flush(&v->end);
	while (v->left > 0 && v->end.out.len < ANSWERS && !v->end.over) {
		size_t n = v->left < BLOCK ? (size_t)v->left : BLOCK;

		end_write(&v->end, str_span(o->block, n));
		v->left -= n;
		end_flush(&v->end);
	}
}

static void
visit(struct origin *o, struct visitor *v, unsigned events)
{
	if (events & ~(unsigned)EPOLLOUT) {
		end_fill(&v->end);
	}
	while (v->left == 0 && !v->end.over) {
		const char *end =
		    v->end.in.len
		        ? memmem(v->end.in.at, v->end.in.len, "\r\n\r\n", 4)
		        : NULL;

		if (!end) {
			break;
		}
		size_t size = (size_t)(end - v->end.in.at) + 4;

		answer(o, v, str_span(v->end.in.at, size));
		buf_drop(&v->end.in, size);
	}
	write_more(o, v);
	if (v->end.over) {
		end_close(&v->end);
		free(v);
		return;
	}
	if (v->reading != (v->end.out.len == 0 && v->left == 0)) {
		watch(o, v, true);
	}
}

static void
listen_here(struct origin *o)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	struct epoll_event ev = { .events = EPOLLIN };

	o->epoll = epoll_create1(EPOLL_CLOEXEC);
	o->listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(o->epoll >= 0 && o->listener >= 0 &&
	     !bind(o->listener, (struct sockaddr *)&at, size) &&
	     !listen(o->listener, 4096) &&
	     !getsockname(o->listener, (struct sockaddr *)&at, &size) &&
	     !epoll_ctl(o->epoll, EPOLL_CTL_ADD, o->listener, &ev));
	(void)printf("%u\n", ntohs(at.sin_port));
	(void)fflush(stdout);
}

static void
prepare(struct origin *o, char **argv, const char *program)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ"
	                              "KLMNOPQRSTUVWXYZ-0123456789+/=.,";
	struct err e = { 0 };

	o->name = argv[1];
	(void)snprintf(o->expected, sizeof(o->expected),
	    "uthorization: Bearer %s\r\n", argv[2]);
	for (size_t i = 0; i < BLOCK; i++) {
		o->block[i] = letters[(i * 7 + i / 61) % (sizeof(letters) - 1)];
	}
	if (tls_ca_new("bench origin", 2, &o->ca, &e) ||
	    file_write_atomic(argv[3], tls_ca_pem(o->ca), 0644, &e) ||
	    (program &&
	        file_read(program, (size_t)64 << 20, &o->program, &e))) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
}

static void
hear(struct origin *o, const struct epoll_event *event)
{
	if (!event->data.ptr) {
		accept_all(o);
	} else {
		visit(o, event->data.ptr, event->events);
	}
}

int
main(int argc, char **argv)
{
	static struct origin o;
	struct epoll_event events[256];

	if (argc < 5) {
		(void)fprintf(stderr,
		    "bench_egress_origin NAME SECRET CA-FILE CORE "
		    "[PROGRAM]\n");
		return 2;
	}
	end_pin(argv[4]);
	prepare(&o, argv, argc > 5 ? argv[5] : NULL);
	listen_here(&o);
	for (;;) {
		int n = epoll_wait(o.epoll, events, (int)COUNT(events), -1);

		for (int i = 0; i < n; i++) {
			hear(&o, &events[i]);
		}
	}
}
