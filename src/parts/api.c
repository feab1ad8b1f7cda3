/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door in: HTTP on the local socket (fd 5) and on loopback TCP (fd 6).
 * It parses strictly, names who asks (the peer's uid on the local socket, the
 * digest of a bearer token), and passes the question on; core decides.  One
 * request at a time on a connection, many connections.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "digest/digest.h"
#include "jail/jail.h"
#include "parts/api.h"

#define PIECE      16384
#define IDLE_US    (120 * CLOCK_SECOND)
#define UNREAD_MAX ((size_t)64 * 1024) /* of answers, with questions behind */
#define SOCKET_FD  PART_EXTRA_FD
#define WEB_FD     (PART_EXTRA_FD + 1)

/* Nobody waits for the answer to the question any more. */
static void
leave(struct client *k)
{
	struct wire_api_gone gone = { .id = k->id };

	wire_send(k->api->part.core, WIRE_API_GONE, &gone, NULL, 0);
}

void
api_drop(struct client *k)
{
	struct api *api = k->api;

	if (k->id) {
		leave(k);
	}
	api->clients[k->slot] = NULL;
	api->count--;
	loop_io_close(&k->io);
	loop_timer_cancel(&k->idle);
	loop_later_cancel(api->part.loop, k);
	(void)close(k->fd);
	http_reader_fini(&k->reader);
	buf_fini(&k->in);
	buf_wipe(&k->body);
	buf_fini(&k->out);
	free(k);
}

static void
timed_out(void *owner)
{
	api_drop(owner);
}

void
api_patience(struct client *k, int64_t us)
{
	k->idle_since = loop_now(k->api->part.loop);
	loop_timer_arm(&k->idle, k->api->part.loop,
	    mono_after(k->idle_since, us), timed_out, k);
}

void
api_want(struct client *k)
{
	unsigned events = k->out.len ? LOOP_WRITE : 0;

	/* While a question waits only the client's going away is of interest:
	 * reading finds its end. */
	if (!k->closing) {
		events |= LOOP_READ;
	}
	loop_io_want(&k->io, events);
}

/* --- a question --- */

/* What a page asks is asked by its cookie alone. */
static bool
read_token(const struct client *k, const struct http_head *head,
    struct wire_api_ask_head *ask)
{
	const struct str *value = http_find(head, "Authorization");
	struct str prefix = STR("Bearer ");

	if (k->web.kind == WEB_ASK) {
		ask->page = WIRE_PAGE_ASK;
		memcpy(ask->token_digest, k->web.login.bytes,
		    sizeof(ask->token_digest));
	}
	if (!value || k->web.kind != WEB_OTHER) {
		return !value;
	}
	if (http_count(head, "Authorization") != 1 ||
	    value->len <= prefix.len ||
	    !str_eq_nocase(str_sub(*value, 0, prefix.len), prefix)) {
		return false;
	}
	struct digest d =
	    digest_of(str_trim(str_sub(*value, prefix.len, value->len)));

	ask->has_token = 1;
	memcpy(ask->token_digest, d.bytes, sizeof(ask->token_digest));
	return true;
}

/* What core wants to know of the rest: each at most once, and of its form. */
static bool
read_headers(const struct http_head *head, struct wire_api_ask_head *ask)
{
	const struct str *accept = http_find(head, "Accept");
	const struct str *last = http_find(head, "Last-Event-ID");
	const struct str *key = http_find(head, "Idempotency-Key");

	ask->events = accept && str_has_str(*accept, STR("text/event-stream"));
	return (!last || (http_count(head, "Last-Event-ID") == 1 &&
	                     str_u64(*last, &ask->last))) &&
	       (!key || (http_count(head, "Idempotency-Key") == 1 &&
	                    str_copy(ask->key, sizeof(ask->key), *key) &&
	                    wire_text_ok(ask->key, sizeof(ask->key))));
}

void
api_refuse(
    struct client *k, unsigned status, const char *error, const char *why)
{
	auto_buf body = { 0 };

	buf_addf(&body, "{\"error\":\"%s\",\"message\":\"%s\"}", error, why);
	http_write_answer(
	    &k->out, status, "application/json", buf_str(&body), false);
	k->closing = true;
}

static void
take_head(struct client *k, const struct http_head *head)
{
	struct wire_api_ask_head *ask = &k->ask;

	*ask = (struct wire_api_ask_head){
		.transport = k->transport,
		.uid = k->uid,
	};
	k->head = head;
	k->idle_since = loop_now(k->api->part.loop);
	k->keep_alive = head->keep_alive;
	k->web = (struct web_asked){ 0 };
	if (k->transport == WIRE_TCP && api_web_head(k, head)) {
		return;
	}
	if (head->form != HTTP_ORIGIN) {
		api_refuse(k, 400, "input",
		    "ask for a path that begins with /, as in GET /healthz");
	} else if (!api_web_same_origin(k, head)) {
		api_refuse(k, 403, "denied",
		    "a page of another origin asks this (Origin or "
		    "Sec-Fetch-Site), and is not answered: ask from the pages "
		    "at this address, or with a program that sends neither");
	} else if (!read_token(k, head, ask)) {
		api_refuse(
		    k, 401, "denied", "Authorization must be one Bearer token");
	} else if (!read_headers(head, ask)) {
		api_refuse(k, 400, "input",
		    "Last-Event-ID is one number, Idempotency-Key one text of "
		    "at most 64 bytes");
	} else if (!str_copy(ask->method, sizeof(ask->method), head->method) ||
	           head->target.len > WIRE_API_TARGET_MAX) {
		api_refuse(k, 414, "limit", "method or path is too long");
	} else if (head->expect) {
		buf_add_z(&k->out, "HTTP/1.1 100 Continue\r\n\r\n");
	}
}

/* Bodies may hold a secret; the memory of a small one is kept. */
static void
forget_body(struct client *k)
{
	if (k->body.cap > API_SHORT_MAX) {
		buf_wipe(&k->body);
	} else if (k->body.len) {
		wipe(k->body.at, k->body.len);
		buf_clear(&k->body);
	}
}

static void
send_short(struct client *k)
{
	struct wire_api_ask record = { 0 };

	wire_api_ask_put(&k->ask, record.text, sizeof(record.text),
	    k->head->target, buf_str(&k->body));
	record.head = k->ask;
	wire_send(k->api->part.core, WIRE_API_ASK, &record, NULL, 0);
}

static int
send_long(struct client *k, bool with_body, struct err *e)
{
	struct wire_api_ask_long record = { 0 };
	int fd = -1;

	if (!with_body) {
		fd = memfd_sealed("handrail-question", buf_str(&k->body), e);
		if (fd < 0) {
			return -1;
		}
		k->ask.has_body = 1;
	}
	wire_api_ask_put(&k->ask, record.text, sizeof(record.text),
	    k->head->target, with_body ? buf_str(&k->body) : STR(""));
	record.head = k->ask;
	wire_send(k->api->part.core, WIRE_API_ASK_LONG, &record, &fd, fd >= 0);
	wipe(&record, sizeof(record));
	return 0;
}

static void
send_ask(struct client *k)
{
	size_t size = k->head->target.len + 1 + k->body.len;
	struct err e = { 0 };

	k->ask.id = k->id = ++k->api->number * API_CLIENTS_MAX + k->slot;
	if (size <= WIRE_API_SHORT) {
		send_short(k);
	} else if (send_long(k, size <= WIRE_API_LONG, &e)) {
		log_err("body", &e);
		k->id = 0;
		api_refuse(k, 503, "unavailable", "no memory for the body");
	}
	if (k->id) {
		loop_timer_cancel(&k->idle);
	}
	forget_body(k);
}

/* Works through what was read; stops at a whole question.  Who does not read
 * what he was answered asks nothing more. */
static void
parse(struct client *k)
{
	struct str in = buf_str(&k->in);
	struct http_event event;
	struct err e = { 0 };

	while (!k->id && !k->closing && k->out.len < UNREAD_MAX) {
		if (http_read(&k->reader, &in, &event, &e)) {
			api_refuse(k,
			    k->reader.refusal ? k->reader.refusal : 400,
			    "input", "this is no HTTP/1.1 request");
			break;
		}
		if (event.kind == HTTP_MORE) {
			break;
		}
		if (event.kind == HTTP_HEAD) {
			take_head(k, event.head);
		} else if (event.kind == HTTP_DATA) {
			buf_add(&k->body, event.data);
		} else if (event.kind == HTTP_END &&
		           (k->web.kind != WEB_LOGIN || api_web_login(k))) {
			send_ask(k);
		}
	}
	buf_drop(&k->in, k->in.len - in.len);
}

/* --- bytes --- */

static bool
read_some(struct client *k)
{
	ssize_t n = read(k->fd, buf_room(&k->in, PIECE), PIECE);

	if (n > 0) {
		buf_grew(&k->in, (size_t)n);
		return k->in.len <= HTTP_HEAD_MAX + API_BODY_MAX &&
		       api_door_bears(k);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* False: the client is gone. */
static bool
write_some(struct client *k)
{
	while (k->out.len) {
		ssize_t n = send(k->fd, k->out.at, k->out.len, MSG_NOSIGNAL);

		if (n < 0) {
			return errno == EAGAIN || errno == EINTR;
		}
		buf_drop(&k->out, (size_t)n);
		/* Who reads his answer is not silent, however slow he is. */
		if (!k->id) {
			api_patience(k, IDLE_US);
		}
	}
	return !k->closing;
}

/* As answers leave, what was read behind their questions is worked through. */
static void
flush(struct client *k)
{
	size_t left;

	do {
		left = k->in.len;
		if (!write_some(k)) {
			api_drop(k);
			return;
		}
		if (!k->id && left) {
			parse(k);
		}
	} while (k->in.len < left);
	api_want(k);
}

void
api_client_ready(void *owner, unsigned ready)
{
	struct client *k = owner;

	if ((ready & LOOP_READ) && !k->closing && !read_some(k)) {
		api_drop(k);
		return;
	}
	flush(k);
}

/* --- the answer --- */

static void
next_question(struct client *k)
{
	k->api->answered++;
	k->id = 0;
	k->chunked = false;
	api_patience(k, IDLE_US);
	if (!k->keep_alive) {
		k->closing = true;
		return;
	}
	http_reader_next(&k->reader);
	k->reader.body_max = API_BODY_MAX;
	parse(k);
}

/* Of a HEAD all but the body that a GET would have (RFC 9110 9.3.2). */
static bool
wants_body(const struct client *k)
{
	return strcmp(k->ask.method, "HEAD") != 0;
}

static void
write_whole(struct client *k, const struct wire_api_answer_head *answer,
    struct str body)
{
	if (wants_body(k) && !answer->allow[0]) {
		http_write_answer(&k->out, answer->status, answer->content_type,
		    body, k->keep_alive);
		return;
	}
	http_write_status(&k->out, answer->status);
	if (answer->allow[0]) {
		http_write_header_z(&k->out, "Allow", answer->allow);
	}
	if (answer->status != 204) {
		http_write_header_z(
		    &k->out, "Content-Type", answer->content_type);
		http_write_length(&k->out, body.len);
	}
	if (!k->keep_alive) {
		http_write_header_z(&k->out, "Connection", "close");
	}
	http_write_end(&k->out);
	buf_add(&k->out, wants_body(k) ? body : STR(""));
}

static void
add_piece(struct client *k, const struct wire_api_answer_head *answer,
    struct str body)
{
	bool whole = !k->chunked && !answer->more;

	if (!k->chunked && api_web_answer(k, answer->status,
	                       answer->content_type, body, !whole)) {
		k->chunked = !whole;
	} else if (whole) {
		write_whole(k, answer, body);
	}
	if (whole) {
		next_question(k);
		return;
	}
	if (!k->chunked) {
		http_write_status(&k->out, answer->status);
		http_write_header_z(
		    &k->out, "Content-Type", answer->content_type);
		http_write_header_z(&k->out, "Transfer-Encoding", "chunked");
		http_write_end(&k->out);
		k->chunked = true;
	}
	if (!wants_body(k)) {
		leave(k); /* all that comes now is body */
		next_question(k);
		return;
	}
	http_write_chunk(&k->out, body);
	if (!answer->more) {
		http_write_last_chunk(&k->out);
		next_question(k);
	}
}

static void
answer_client(struct api *api, const struct wire_api_answer_head *answer,
    struct str text, int *fds, size_t nfds)
{
	struct client *k = api->clients[answer->id % API_CLIENTS_MAX];
	auto_buf body = { 0 };
	struct err e = { 0 };

	if (!wire_api_answer_take(answer, text, nfds, &text) || !k ||
	    k->id != answer->id) {
		return;
	}
	if (answer->has_body) {
		if (memfd_read(fds[0], API_OUT_MAX, &body, &e)) {
			log_err("answer", &e);
			api_drop(k);
			return;
		}
		text = buf_str(&body);
	}
	if (!k->out.len) {
		k->unread_since = loop_now(api->part.loop);
	}
	add_piece(k, answer, text);
	if (k->out.len > API_OUT_MAX) {
		api_drop(k);
		return;
	}
	if (api_door_owes(k)) {
		flush(k);
	}
}

static void
take_answer(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_api_answer *in = record;

	(void)peer;
	answer_client(
	    owner, &in->head, str_span(in->text, sizeof(in->text)), fds, nfds);
}

static void
take_long_answer(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	const struct wire_api_answer_long *in = record;

	(void)peer;
	answer_client(
	    owner, &in->head, str_span(in->text, sizeof(in->text)), fds, nfds);
}

static const struct wire_handler core_handlers[] = {
	{ WIRE_API_ANSWER, take_answer },
	{ WIRE_API_ANSWER_LONG, take_long_answer },
};

/* What the clients of one turn ask goes to core together.  Clients of this
 * machine that were answered and wait for this processor ask next: they speak
 * first, so that core has their questions while the next answers are written.
 * One client alone would only be kept waiting, and who follows a stream asks
 * nothing. */
static void
turn_over(void *owner)
{
	struct api *api = owner;

	wire_let_go(api->part.core);
	wire_gather(api->part.core);
	if (api->answered > 1) {
		part_give_processor(&api->gives_at);
	}
	api->answered = 0;
}

int
main(int argc, char **argv)
{
	static struct api api;
	struct err e = { 0 };

	part_begin(&api.part, PART_API, argc, argv);
	api.hosts = str_of(part_arg(&api.part, "hosts"));
	struct jail_plan plan = {
		.part = "api",
		.uid = (uid_t)part_number(&api.part, "uid", 0),
		.gid = (gid_t)part_number(&api.part, "uid", 0),
		.limits = { .nofile = JAIL_SENDER_FILES, .nproc = JAIL_ZERO },
		.landlock = true,
		.net = JAIL_NET_NONE,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO | JAIL_ACCEPT,
	};

	if (jail_enter(&plan, &e)) {
		part_fail(&e);
	}
	part_join(
	    &api.part, NULL, 0, core_handlers, COUNT(core_handlers), &api);
	if (api_door_open(&api, 0, SOCKET_FD, WIRE_LOCAL, &e) ||
	    api_door_open(&api, 1, WEB_FD, WIRE_TCP, &e)) {
		part_fail(&e);
	}
	part_ready(&api.part, WIRE_API_READY, "");
	wire_gather(api.part.core);
	loop_turn_end(api.part.loop, turn_over, &api);
	loop_run(api.part.loop);
	return 0;
}
