/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_HELP_H
#define PROXY_HELP_H

/*
 * A proxy between a scripted cell (a socket pair, or what stands for a
 * connection to any address) and a scripted origin on loopback, with real TLS
 * on both sides and a decision that the test sets beforehand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/inside.h"

#define SECRET "s3cr3t-canary-0123456789"
#define GOOD   "good.test"

/* One scripted end: what it got, in clear. */
struct end {
	struct link link;
	struct buf got;
	struct buf later; /* to be written once TLS is open */
	bool open;
	bool gone;   /* the other side ended it */
	bool stuck;  /* reads nothing */
	size_t seen; /* bytes of got that were answered */
};

struct origin {
	struct loop *loop;
	struct loop_io io;
	int fd;
	uint16_t port;
	bool tls;
	bool two; /* offers HTTP/2 */
	struct tls_ca *ca;
	const char *name;   /* in its certificate; NULL: what was asked for */
	const char *answer; /* written behind each head */
	struct end at[72];
	size_t count;
};

enum decide { HOLD, GO, REFUSE };

struct rig {
	struct loop *loop;
	struct proxy *proxy;
	struct names_pool *pool;
	struct tls_ca *ca;
	struct tls_trust *roots;
	struct tls_trust *cell_trust;
	struct origin origin;
	/* the decision */
	enum decide decide;
	struct proxy_go go;
	const char *secret; /* NULL: the vault refuses */
	bool vault_waits;   /* until rig_credential */
	struct names_found found;
	bool resolver_away;
	bool spool; /* a body must be read first */
	bool show;  /* all that a person sees must be known first */
	/* what came */
	size_t intents;
	uint64_t id;
	struct {
		char method[32], host[256], path[1024], query[640];
		uint16_t port;
		bool tls, named, own, websocket, tunnel;
		uint32_t stale;
		enum proxy_git git;
		struct proxy_ref refs[PROXY_REFS];
		size_t ref_count;
		enum proxy_body body;
		uint64_t body_size;
		struct digest body_digest;
		bool shown;
		struct digest headers;
		char shown_query[640], lines[2048], start[1100];
		bool lines_cut, body_cut;
		char values[1024]; /* of credentials of its own, '|' behind each
		                    */
	} intent;
	size_t outcomes;
	struct {
		uint64_t id;
		enum proxy_end end;
		unsigned status;
		uint64_t up, down;
		bool washed; /* its host */
		bool injected;
		uint64_t scrubbed;
		char text[400];
	} outcome;
	size_t redeems, resolves;
	size_t fetched;
	unsigned fetched_status;
	char fetched_type[128];
	enum err_kind fetched_kind;
	struct buf fetched_body;
	struct buf captured;
};

/* --- scripted ends -------------------------------------------------------- */

static void
end_turn(void *owner)
{
	struct end *x = owner;
	if (x->stuck) {
		loop_io_want(&x->link.io, 0);
		return;
	}
	do {
		proxy_link_fill(&x->link);
		buf_add(&x->got, buf_str(&x->link.in));
		proxy_link_used(&x->link, x->link.in.len);
	} while (x->link.in.len > 0);
	x->open = !x->link.tls || tls_state(x->link.tls) == TLS_OPEN;
	if (x->open && x->later.len > 0) {
		proxy_link_write(&x->link, buf_str(&x->later));
		buf_clear(&x->later);
	}
	x->gone = x->link.ended || x->link.mute;
	proxy_link_settle(&x->link);
}

static inline void
end_open(struct end *x, struct loop *loop, int fd, struct tls_conn *tls)
{
	*x = (struct end){ 0 };
	assert_int_equal(proxy_link_open(&x->link, loop, fd, end_turn, x), 0);
	if (tls) {
		proxy_link_secure(&x->link, tls);
	}
	end_turn(x);
}

static inline void
end_close(struct end *x)
{
	proxy_link_close(&x->link);
	buf_fini(&x->got);
	buf_fini(&x->later);
}

static inline void
end_say(struct end *x, struct str s)
{
	buf_add(&x->later, s);
	end_turn(x);
}

static inline void
end_say_z(struct end *x, const char *z)
{
	end_say(x, str_of(z));
}

static inline bool
end_got(struct end *x, const char *needle)
{
	return str_has_str(buf_str(&x->got), str_of(needle));
}

/* --- the origin ----------------------------------------------------------- */

static int
origin_choose(
    void *context, struct str sni, char host[TLS_HOST_SIZE], struct err *e)
{
	struct origin *o = context;
	(void)e;
	if (o->name) {
		assert_true(str_copy(host, TLS_HOST_SIZE, str_of(o->name)));
	} else {
		assert_true(str_copy(
		    host, TLS_HOST_SIZE, sni.len ? sni : STR("127.0.0.1")));
	}
	return 0;
}

static void
origin_ready(void *owner, unsigned ready)
{
	struct origin *o = owner;
	(void)ready;
	int fd = accept4(o->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		return;
	}
	assert_true(o->count < COUNT(o->at));
	struct tls_conn *tls =
	    o->tls ? tls_serve(o->ca, origin_choose, o) : NULL;
	if (tls && o->two) {
		tls_serve_two(tls, true);
	}
	end_open(&o->at[o->count++], o->loop, fd, tls);
}

static inline void
origin_listen(struct origin *o, struct loop *loop, const char *address)
{
	struct err e;
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
	o->loop = loop;
	o->tls = true;
	o->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int small = 16384; /* so that a reader who stops is felt */
	assert_int_equal(
	    setsockopt(o->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(bind(o->fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(o->fd, 16), 0);
	assert_int_equal(getsockname(o->fd, (struct sockaddr *)&at, &size), 0);
	o->port = ntohs(at.sin_port);
	assert_int_equal(tls_ca_new("origin", 1, &o->ca, &e), 0);
	assert_int_equal(
	    loop_io_open(&o->io, loop, o->fd, origin_ready, o, &e), 0);
	loop_io_want(&o->io, LOOP_READ);
}

/* Each whole head that came is answered once. */
static inline void
origin_step(struct origin *o)
{
	for (size_t i = 0; o->answer && i < o->count; i++) {
		struct end *x = &o->at[i];
		struct str fresh = str_sub(buf_str(&x->got), x->seen, SIZE_MAX);
		if (str_has_str(fresh, STR("\r\n\r\n"))) {
			x->seen = x->got.len;
			end_say_z(x, o->answer);
		}
	}
}

/* --- the proxy's questions ------------------------------------------------ */

static void
rig_intent(void *context, const struct proxy_intent *i)
{
	struct rig *r = context;
	static const struct proxy_refusal no = { .status = 403,
		.error = "denied",
		.rule = "egress.none",
		.reason = "no rule allows it",
		.next = "[egress.x]" };
	r->intents++;
	r->id = i->id;
	assert_true(str_copy(r->intent.method, 32, str_of(i->method)));
	assert_true(str_copy(r->intent.host, 256, str_of(i->host)));
	assert_true(str_copy(r->intent.path, 1024, str_of(i->path)));
	assert_true(str_copy(r->intent.query, 640, str_of(i->query)));
	r->intent.port = i->port;
	r->intent.tls = i->tls;
	r->intent.named = i->named;
	r->intent.own = i->own_credentials;
	r->intent.websocket = i->websocket;
	r->intent.tunnel = i->tunnel;
	r->intent.git = i->git;
	r->intent.values[0] = '\0';
	for (size_t n = 0, at = 0; n < i->own_count; n++) {
		struct str value = buf_str(&i->own[n]);
		assert_true(at + value.len + 2 < sizeof(r->intent.values));
		memcpy(r->intent.values + at, value.at, value.len);
		at += value.len;
		memcpy(r->intent.values + at++, "|", 2);
	}
	r->intent.stale = i->stale;
	r->intent.ref_count = i->ref_count;
	if (i->ref_count > 0) {
		memcpy(
		    r->intent.refs, i->refs, i->ref_count * sizeof(i->refs[0]));
	}
	r->intent.body = i->body;
	r->intent.body_size = i->body_size;
	r->intent.body_digest = i->body_digest;
	if ((r->intent.shown = i->shown != NULL)) {
		r->intent.headers = i->shown->headers;
		r->intent.lines_cut = i->shown->lines_cut;
		r->intent.body_cut = i->shown->body_cut;
		must(str_copy(r->intent.shown_query, 640, i->shown->query));
		must(str_copy(r->intent.lines, 2048, i->shown->lines));
		must(str_copy(r->intent.start, 1100, i->shown->body));
	}
	if ((r->show && !i->shown) ||
	    (r->spool && i->body == PROXY_BODY_UNREAD)) {
		proxy_read_body(r->proxy, i->id);
	} else if (r->decide == GO) {
		proxy_go(r->proxy, i->id, &r->go);
	} else if (r->decide == REFUSE) {
		proxy_refuse(r->proxy, i->id, &no);
	}
}

static void
rig_outcome(void *context, const struct proxy_outcome *o)
{
	struct rig *r = context;
	r->outcomes++;
	r->outcome.id = o->id;
	r->outcome.end = o->end;
	r->outcome.status = o->status;
	r->outcome.up = o->up;
	r->outcome.down = o->down;
	r->outcome.injected = o->injected;
	r->outcome.scrubbed = o->scrubbed;
	assert_null(strstr(o->text, SECRET));
	assert_null(strstr(o->host, SECRET));
	r->outcome.washed = strcmp(o->host, SCRUB_REMOVED) == 0;
	assert_true(str_copy(
	    r->outcome.text, sizeof(r->outcome.text), str_of(o->text)));
}

static void
rig_resolve(void *context, uint64_t id, const char *name)
{
	struct rig *r = context;
	struct err e;
	assert_string_equal(name, r->intent.host);
	r->resolves++;
	err_set(&e, ERR_TIMEOUT, "no answer of the servers");
	proxy_resolved(r->proxy, id, r->resolver_away ? NULL : &r->found, &e);
}

static void
rig_redeem(
    void *context, uint64_t id, uint64_t grant, const char *host, uint16_t port)
{
	struct rig *r = context;
	struct err e;
	(void)host;
	(void)port;
	assert_int_equal(grant, r->go.grant);
	r->redeems++;
	if (r->vault_waits) {
		return;
	}
	err_set(&e, ERR_DENIED, "the grant is over");
	struct str secret = r->secret ? str_of(r->secret) : (struct str){ 0 };
	proxy_credential(r->proxy, id, secret, &e);
}

static void
rig_captured(void *context, uint64_t id, const struct proxy_go *go,
    const struct proxy_answer *answer, struct buf *out)
{
	struct rig *r = context;
	(void)id;
	buf_add(&r->captured, answer->body);
	buf_addf(out, "{\"access_token\":\"%s\"}", go->mask);
}

static void
rig_fetched(void *context, uint64_t id, const struct proxy_answer *a,
    const struct err *e)
{
	struct rig *r = context;
	(void)id;
	r->fetched++;
	if (a) {
		r->fetched_status = a->status;
		must(str_copy(
		    r->fetched_type, sizeof(r->fetched_type), a->content_type));
		buf_add(&r->fetched_body, a->body);
	} else {
		r->fetched_kind = e->kind;
	}
}

static const struct proxy_ops rig_ops = {
	.intent = rig_intent,
	.outcome = rig_outcome,
	.resolve = rig_resolve,
	.redeem = rig_redeem,
	.captured = rig_captured,
	.fetched = rig_fetched,
};

/* --- the rig -------------------------------------------------------------- */

static inline void
rig_pin(struct rig *r)
{
	r->decide = GO;
	r->go.pinned = true;
	r->go.tls = true;
	assert_true(names_addr_parse(STR("127.0.0.1"), &r->go.pin));
	r->go.pin_port = r->origin.port;
}

static inline void
rig_inject(struct rig *r)
{
	rig_pin(r);
	r->go.grant = 7;
	r->go.place = PROXY_PLACE_HEADER;
	r->secret = SECRET;
	assert_true(str_copy(r->go.name, 64, STR("Authorization")));
	assert_true(str_copy(r->go.format, 256, STR("Bearer {{secret}}")));
}

/* Of the last request that was asked about. */
static inline void
rig_credential(struct rig *r)
{
	proxy_credential(r->proxy, r->id, str_of(r->secret), NULL);
}

static inline void
rig_new(struct rig *r, const struct proxy_times *times)
{
	struct err e;
	*r = (struct rig){ 0 };
	r->loop = loop_new();
	r->pool = names_pool_new();
	assert_int_equal(tls_ca_new("cell 1", 1, &r->ca, &e), 0);
	origin_listen(&r->origin, r->loop, "127.0.0.1");
	r->origin.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	assert_int_equal(
	    tls_trust_pem(tls_ca_pem(r->origin.ca), &r->roots, &e), 0);
	assert_int_equal(
	    tls_trust_pem(tls_ca_pem(r->ca), &r->cell_trust, &e), 0);
	struct proxy_setup setup = { .loop = r->loop,
		.ops = &rig_ops,
		.context = r,
		.ca = r->ca,
		.pool = r->pool,
		.roots = r->roots };
	if (times) {
		setup.times = *times;
	}
	r->proxy = proxy_new(&setup);
}

static inline void
rig_free(struct rig *r)
{
	proxy_free(r->proxy);
	for (size_t i = 0; i < r->origin.count; i++) {
		end_close(&r->origin.at[i]);
	}
	loop_io_close(&r->origin.io);
	close(r->origin.fd);
	tls_trust_free(r->roots);
	tls_trust_free(r->cell_trust);
	tls_ca_free(r->origin.ca);
	tls_ca_free(r->ca);
	names_pool_free(r->pool);
	buf_fini(&r->fetched_body);
	buf_fini(&r->captured);
	loop_free(r->loop);
}

static inline void
rig_turns(struct rig *r, int count)
{
	for (int i = 0; i < count; i++) {
		loop_turn(r->loop, 0);
		origin_step(&r->origin);
	}
}

static inline void
rig_wait(struct rig *r, struct mono limit, const char *condition)
{
	if (mono_passed(limit, mono_now())) {
		fail_msg("never: %s (outcome %zu: %s)", condition, r->outcomes,
		    r->outcome.text);
	}
	(void)usleep(100);
	loop_turn(r->loop, 0);
	origin_step(&r->origin);
}

/* Runs until the condition holds; twenty seconds are a failure: a link's own
 * timers are longer. */
#define rig_until(r, condition)                                              \
	for (struct mono limit_ = mono_after(mono_now(), 20 * CLOCK_SECOND); \
	     !(condition); rig_wait(r, limit_, #condition)) {                \
	}

/* A connection of the cell to a literal address. */
static inline void
cell_dial_address(
    struct rig *r, struct end *x, const char *address, uint16_t port)
{
	int pair[2];
	struct names_addr to;
	assert_true(names_addr_parse(str_of(address), &to));
	assert_int_equal(
	    socketpair(
	        AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	    0);
	proxy_carry(r->proxy, pair[0], &to, port);
	end_open(x, r->loop, pair[1], NULL);
}

/* The same to a name, through the cell's pool. */
static inline void
cell_dial(struct rig *r, struct end *x, const char *name, uint16_t port)
{
	struct names_addr to;
	struct err e;
	char text[NAMES_ADDR_TEXT];
	assert_int_equal(names_pool_add(r->pool, name, &to, &e), 0);
	names_addr_text(&to, text);
	cell_dial_address(r, x, text, port);
}

static inline void
cell_secure(struct rig *r, struct end *x, const char *sni)
{
	proxy_link_secure(&x->link, tls_connect(r->cell_trust, sni));
	end_turn(x);
}

/* A whole TLS connection to good.test:443. */
static inline void
cell_good(struct rig *r, struct end *x)
{
	cell_dial(r, x, GOOD, 443);
	cell_secure(r, x, GOOD);
	rig_until(r, x->open);
}

#define GET_GOOD "GET /a HTTP/1.1\r\nHost: good.test\r\n\r\n"

/* Nothing of a request was seen by any origin. */
static inline void
assert_origin_untouched(struct rig *r)
{
	rig_turns(r, 20);
	for (size_t i = 0; i < r->origin.count; i++) {
		assert_int_equal(r->origin.at[i].got.len, 0);
	}
}

/* One row, no intent, nothing left. */
static inline void
assert_refused_early(struct rig *r, const char *why)
{
	rig_until(r, r->outcomes > 0);
	rig_turns(r, 20);
	assert_int_equal(r->outcomes, 1);
	assert_int_equal(r->outcome.id, 0);
	assert_int_equal(r->outcome.end, PROXY_REFUSED);
	assert_int_equal(r->intents, 0);
	if (!strstr(r->outcome.text, why)) {
		fail_msg("%s does not say %s", r->outcome.text, why);
	}
	assert_origin_untouched(r);
}

#endif
