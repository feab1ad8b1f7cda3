/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "proxy/inside.h"

/*
 * A request of the house is written as it would have come from a cell and read
 * back by the same strict reader: one way to understand a request, one way out.
 */

void
proxy_fetch_free(struct fetch *f)
{
	proxy_up_free(f->up);
	loop_timer_cancel(&f->timer);
	loop_later_cancel(f->proxy->setup.loop, f);
	proxy_request_fini(&f->request);
	http_reader_fini(&f->reader);
	buf_wipe(&f->bytes);
	buf_wipe(&f->whole);
	buf_wipe(&f->answer);
	proxy_scrub_fini(&f->search);
	if (f->previous) {
		f->previous->next = f->next;
	} else if (f->proxy->fetches == f) {
		f->proxy->fetches = f->next;
	}
	if (f->next) {
		f->next->previous = f->previous;
	}
	free(f);
}

static void
over(struct fetch *f, const struct proxy_answer *answer, const struct err *e)
{
	struct proxy_setup *s = &f->proxy->setup;
	if (!f->over) {
		f->over = true;
		s->ops->fetched(s->context, f->id, answer, e);
	}
}

void
proxy_fetch_abort(struct fetch *f, const char *why)
{
	struct err e;
	err_set(&e, ERR_UNAVAILABLE, "%s", why);
	over(f, NULL, &e);
	proxy_fetch_turn(f);
}

static void
late(void *owner)
{
	struct fetch *f = owner;
	struct err e;
	err_set(&e, ERR_TIMEOUT, "no whole answer from %s in time",
	    f->request.origin.host.text);
	over(f, NULL, &e);
	proxy_fetch_turn(f);
}

/* P08: what was put into a request of the house is not what a task may send on
 * in the body of another.  A token endpoint is asked by the house alone. */
static int
look(struct fetch *f, struct str piece, struct err *e)
{
	return f->up->go.raw ? 0
	                     : proxy_own_body(&f->search, f->proxy->needles,
	                           &f->opening, &f->request, piece, e);
}

/* True: some of it went. */
static bool
body_up(struct fetch *f)
{
	bool any = false;
	while (!f->body_done && proxy_up_room(f->up)) {
		struct http_event ev;
		struct err e;
		struct str in = str_sub(buf_str(&f->bytes), f->at, LINK_IN);
		size_t had = in.len;
		must(http_read(&f->reader, &in, &ev, &e) == 0);
		f->at += had - in.len;
		if (ev.kind == HTTP_DATA &&
		    (look(f, ev.data, &e) ||
		        proxy_up_body(f->up, ev.data, &e))) {
			proxy_up_fail(f->up, true, &e);
			return true;
		}
		f->body_done = ev.kind == HTTP_END;
		any = true;
	}
	proxy_link_send(f->up->link);
	return any;
}

static void
answer_data(void *owner, struct str data)
{
	struct fetch *f = owner;
	f->too_long = f->too_long || data.len > f->limit - f->answer.len;
	if (!f->too_long) {
		buf_add(&f->answer, data);
	}
}

/* R01: what it says goes further than the cell's would.  A value that does not
 * fit is none. */
static void
keep(const struct fetch *f, char *field, size_t size, const struct str *value)
{
	auto_buf washed = { 0 };
	field[0] = '\0';
	if (value) {
		(void)proxy_scrub_text(f->proxy->needles, *value, &washed);
	}
	if (!str_copy(field, size, buf_str(&washed))) {
		field[0] = '\0';
	}
}

static int
answer_head(struct fetch *f, const struct http_head *head, struct err *e)
{
	const char *challenge = "www-authenticate";
	bool one = head->status == 401 && http_count(head, challenge) == 1;
	f->status = head->status;
	keep(f, f->content_type, sizeof(f->content_type),
	    http_find(head, "content-type"));
	keep(f, f->challenge, sizeof(f->challenge),
	    one ? http_find(head, challenge) : NULL);
	keep(f, f->retry_after, sizeof(f->retry_after),
	    http_find(head, "retry-after"));
	return proxy_up_scrub(f->up, head, true, e);
}

static int
answer_take(struct fetch *f, const struct http_event *ev, struct err *e)
{
	struct scrub *s = &f->up->scrub;
	int failed = 0;
	if (ev->kind == HTTP_HEAD) {
		return answer_head(f, ev->head, e);
	}
	if (ev->kind == HTTP_DATA && proxy_scrub_on(s)) {
		failed = proxy_scrub(s, ev->data, answer_data, f, e);
	} else if (ev->kind == HTTP_DATA) {
		answer_data(f, ev->data);
	} else if (ev->kind == HTTP_END) {
		failed = proxy_scrub_end(s, answer_data, f, e);
	}
	if (!failed && f->too_long) {
		return err_set(e, ERR_LIMIT,
		    "the answer is longer than %llu bytes",
		    (unsigned long long)f->limit);
	}
	return failed;
}

/* One event of the answer; true: go on. */
static bool
answer_event(struct fetch *f)
{
	struct up *u = f->up;
	struct http_event ev;
	struct err e;
	if (proxy_up_read(u, &ev, &e) || answer_take(f, &ev, &e)) {
		proxy_up_fail(u, false, &e);
		return false;
	}
	proxy_up_used(u);
	if (ev.kind == HTTP_END) {
		struct proxy_answer answer = { .status = f->status,
			.content_type = str_of(f->content_type),
			.challenge = str_of(f->challenge),
			.retry_after = str_of(f->retry_after),
			.body = buf_str(&f->answer) };
		if (f->body_done) {
			proxy_up_keep(u);
		}
		over(f, &answer, NULL);
		return false;
	}
	return ev.kind != HTTP_MORE;
}

static bool
step(struct fetch *f)
{
	struct up *u = f->up;
	if (f->over) {
		return false;
	}
	if (u->state == UP_FAILED) {
		over(f, NULL, &u->err);
		return false;
	}
	if (u->state != UP_OPEN) {
		return proxy_up_step(u);
	}
	bool any = body_up(f);
	if (u->state != UP_OPEN) {
		return true;
	}
	proxy_link_fill(u->link);
	while (answer_event(f)) {
		any = true;
	}
	return any || u->state != UP_OPEN;
}

void
proxy_fetch_turn(void *owner)
{
	struct fetch *f = owner;
	f->again = true;
	if (f->turning) {
		return;
	}
	f->turning = true;
	while (f->again) {
		f->again = false;
		f->again = step(f) || f->again;
	}
	f->turning = false;
	if (f->over) {
		proxy_fetch_free(f);
		return;
	}
	proxy_up_settle(f->up);
}

/* Not from inside proxy_fetch: its caller must know the id first. */
static void
begin(void *owner)
{
	struct fetch *f = owner;
	struct err e;
	f->turning = true; /* it may fail at once: f must outlive the call */
	if (look(f, str_sub(buf_str(&f->bytes), f->at, f->bytes.len), &e)) {
		proxy_up_fail(f->up, true, &e);
	}
	/* Another request may be given its first credential until it leaves. */
	proxy_scrub_fini(&f->search);
	proxy_up_begin(f->up, proxy_fetch_turn, f);
	f->turning = false;
	proxy_fetch_turn(f);
}

static void
write_asked(struct fetch *f, const struct proxy_fetch *asked)
{
	struct buf *b = &f->bytes;
	bool six = str_has(str_of(asked->host), ':');
	buf_addf(b, "%s %s HTTP/1.1\r\n", asked->method, asked->target);
	buf_addf(b, six ? "Host: [%s]" : "Host: %s", asked->host);
	buf_addf(b, ":%u\r\n%s", asked->port, asked->headers);
	bool bare = strcmp(asked->method, "GET") == 0 ||
	            strcmp(asked->method, "HEAD") == 0;
	if (asked->body.len > 0 || !bare) {
		buf_addf(b, "Content-Length: %zu\r\n", asked->body.len);
	}
	buf_add_z(b, "\r\n");
	buf_add(b, asked->body);
}

static int
read_asked(struct fetch *f, const struct proxy_fetch *asked, struct err *e)
{
	struct proxy_origin origin = { .port = asked->port,
		.tls = asked->go.tls };
	struct str host = str_of(asked->host);
	auto_buf text = { 0 };
	buf_addf(&text, str_has(host, ':') ? "[%s]" : "%s", asked->host);
	if (names_host_parse(buf_str(&text), &origin.host, e)) {
		return -1;
	}
	origin.named = !origin.host.is_addr;
	struct http_event ev = { .kind = HTTP_MORE };
	struct str in = buf_str(&f->bytes);
	size_t had = in.len;
	if (http_read(&f->reader, &in, &ev, e)) {
		return -1;
	}
	if (ev.kind != HTTP_HEAD || ev.head->form != HTTP_ORIGIN) {
		return err_set(e, ERR_INPUT, "not a request");
	}
	f->at = had - in.len;
	if (had - f->at != asked->body.len) {
		return err_set(e, ERR_INPUT, "headers that end the head");
	}
	return proxy_request_make(&f->request, ev.head, &origin, e);
}

int
proxy_fetch(struct proxy *p, const struct proxy_fetch *asked, uint64_t *id,
    struct err *e)
{
	struct fetch *f = calloc(1, sizeof(*f));
	must(f);
	f->proxy = p;
	f->limit = asked->answer_limit;
	http_reader_request(&f->reader);
	write_asked(f, asked);
	if (read_asked(f, asked, e)) {
		proxy_fetch_free(f);
		return -1;
	}
	f->id = ++p->last_id;
	*id = f->id;
	f->next = p->fetches;
	if (f->next) {
		f->next->previous = f;
	}
	p->fetches = f;
	loop_timer_arm(&f->timer, p->setup.loop,
	    mono_after(loop_now(p->setup.loop), asked->timeout_us), late, f);
	f->up = proxy_up_new(p, f->id, &f->request, &asked->go);
	f->opening.most = PROXY_OPENING;
	f->up->opening = &f->opening;
	if (proxy_place_in_body(&asked->go)) {
		buf_add(&f->whole, asked->body);
		f->up->whole = &f->whole;
		f->body_done = true;
	}
	loop_later(p->setup.loop, begin, f);
	return 0;
}
