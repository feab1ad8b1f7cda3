/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions from the api: who asks, which route, the answer.  The api has
 * parsed HTTP strictly; path, query and body are still a client's words.
 */
#include "parts/core_api.h"
#include "parts/core_proof.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/http.h"
#include "parts/core_worker.h"

#define READ_WAITS_MAX 3 /* commits that a question waits for */

#define FREE_MAX    64   /* questions whose memory waits for the next ones */
#define ANSWER_KEPT 4096 /* of an answer's memory */

/* --- all questions --- */

struct core_ask *
core_ask_find(struct core *c, uint64_t number)
{
	struct core_ask *ask = c->ask_slots[number % CORE_ASK_SLOTS];

	while (ask && ask->number != number) {
		ask = ask->next_alike;
	}
	return ask;
}

static void
add_ask(struct core *c, struct core_ask *ask)
{
	struct core_ask **slot = &c->ask_slots[ask->number % CORE_ASK_SLOTS];

	ask->next_alike = *slot;
	*slot = ask;
	ask->next = c->asks;
	ask->at = &c->asks;
	if (c->asks) {
		c->asks->at = &ask->next;
	}
	c->asks = ask;
}

struct core_ask *
core_ask_new(struct core *c)
{
	struct core_ask *ask = c->asks_free;

	if (ask) {
		c->asks_free = ask->next;
		c->asks_free_count--;
		*ask = (struct core_ask){
			.arena = ask->arena,
			.answer = ask->answer,
		};
	} else {
		ask = calloc(1, sizeof(*ask));
		must(ask);
	}
	ask->number = core_number(c);
	add_ask(c, ask);
	return ask;
}

void
core_ask_free(struct core *c, struct core_ask *ask)
{
	struct core_ask **alike = &c->ask_slots[ask->number % CORE_ASK_SLOTS];

	while (*alike != ask) {
		alike = &(*alike)->next_alike;
	}
	*alike = ask->next_alike;
	*ask->at = ask->next;
	if (ask->next) {
		ask->next->at = ask->at;
	}
	loop_timer_cancel(&ask->patience);
	if (ask->watching) {
		core_web_left(c);
	}
	buf_clear(&ask->answer);
	if (ask->answer.cap > ANSWER_KEPT) {
		buf_fini(&ask->answer);
	}
	if (c->asks_free_count >= FREE_MAX) {
		arena_fini(&ask->arena);
		buf_fini(&ask->answer);
		free(ask);
		return;
	}
	arena_clear(&ask->arena);
	ask->next = c->asks_free;
	c->asks_free = ask;
	c->asks_free_count++;
}

/* --- the answer --- */

static void
send_long_answer(
    struct core *c, const struct wire_api_answer_head *head, struct str body)
{
	struct wire_api_answer_long answer = { .head = *head };
	int fd = -1;

	if (body.len > sizeof(answer.text)) {
		answer.head.has_body = 1;
		fd = core_memfd(body);
	} else {
		answer.head.body_size = (uint16_t)body.len;
		memcpy(answer.text, body.at, body.len);
	}
	wire_send(c->api, WIRE_API_ANSWER_LONG, &answer, &fd, fd >= 0);
}

static void
send_answer(struct core *c, struct core_ask *ask, const char *type,
    struct str body, bool more)
{
	struct wire_api_answer answer = { 0 };
	struct wire_api_answer_head *head = &answer.head;

	if (!c->api || ask->gone) {
		return;
	}
	head->id = ask->id;
	head->status = ask->status;
	head->more = more;
	core_text(head->content_type, sizeof(head->content_type), type);
	core_text(
	    head->allow, sizeof(head->allow), ask->allow ? ask->allow : "");
	if (body.len > sizeof(answer.text)) {
		send_long_answer(c, head, body);
		return;
	}
	head->body_size = (uint16_t)body.len;
	if (body.len) {
		memcpy(answer.text, body.at, body.len);
	}
	wire_send(c->api, WIRE_API_ANSWER, &answer, NULL, 0);
}

void
core_answer(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body)
{
	if (ask->waited == READ_WAITS_MAX && core_unwritten(c) &&
	    !core_stalled(c)[0]) {
		ask->waited++; /* only once */
		core_answer_after(c, ask, status, body);
		return;
	}
	ask->status = status;
	send_answer(c, ask, "application/json", body, false);
	core_ask_free(c, ask);
}

void
core_answer_piece(
    struct core *c, struct core_ask *ask, struct str piece, bool more)
{
	ask->status = 200;
	send_answer(c, ask,
	    ask->events ? "text/event-stream" : "application/x-ndjson", piece,
	    more);
	if (!more) {
		core_ask_free(c, ask);
	}
}

static void handle_committed(struct core *c, uint64_t number);

static void
answer_now(struct core *c, uint64_t number)
{
	struct core_ask *ask = core_ask_find(c, number);

	if (ask) {
		core_answer(c, ask, ask->status, buf_str(&ask->answer));
	}
}

void
core_answer_after(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body)
{
	ask->status = status;
	ask->written = true;
	buf_clear(&ask->answer);
	buf_add(&ask->answer, body);
	core_after(c, answer_now, ask->number);
}

/* Its batch is kept: what was asked for may still be done, and it is told so.
 */
void
core_api_stalled(struct core *c)
{
	struct core_ask *next;

	for (struct core_ask *ask = c->asks; ask; ask = next) {
		struct err e = { 0 };

		next = ask->next;
		if (ask->written) {
			(void)err_set(&e, ERR_UNAVAILABLE, "%s; %s",
			    core_stalled(c),
			    ask->status < 400
			        ? "what you asked for is kept, and done "
			          "then: look before you ask again"
			        : "it was refused for what is not written "
			          "yet: ask again");
			core_answer_err(c, ask, &e);
		} else if (ask->outside) {
			(void)err_set(&e, ERR_UNAVAILABLE, "%s; %s",
			    core_stalled(c), ask->outside);
			core_answer_err(c, ask, &e);
		} else if (core_api_sandbox_unmade(c, ask)) {
			(void)err_set(&e, ERR_UNAVAILABLE,
			    "%s; nothing was run: ask again", core_stalled(c));
			core_answer_err(c, ask, &e);
		} else if (ask->reading) {
			handle_committed(c, ask->number);
		}
	}
}

static void
write_err(struct buf *body, const struct err *e)
{
	struct json_out o;

	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_z(&o, "error", err_name(e->kind));
	json_out_i64(&o, "exit", err_exit(e->kind));
	json_out_z(&o, "message", e->text);
	json_out_end(&o, '}');
}

static void
answer_err(
    struct core *c, struct core_ask *ask, int status, const struct err *e)
{
	auto_buf body = { 0 };

	write_err(&body, e);
	core_answer(c, ask, (uint32_t)status, buf_str(&body));
}

void
core_answer_err(struct core *c, struct core_ask *ask, const struct err *e)
{
	answer_err(c, ask, err_http(e->kind), e);
}

void
core_answer_err_after(struct core *c, struct core_ask *ask, const struct err *e)
{
	auto_buf body = { 0 };

	write_err(&body, e);
	core_answer_after(c, ask, (uint32_t)err_http(e->kind), buf_str(&body));
}

void
core_answer_no(struct core *c, struct core_ask *ask, const struct err *e)
{
	if (core_unwritten(c) && !core_stalled(c)[0]) {
		core_answer_err_after(c, ask, e);
	} else {
		core_answer_err(c, ask, e);
	}
}

/* --- reading the question --- */

static void
add_decoded(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte;

		if (text.at[i] == '%' && i + 2 < text.len &&
		    hex_bytes(str_sub(text, i + 1, 2), &byte, 1)) {
			buf_add_byte(out, byte);
			i += 2;
		} else {
			buf_add_byte(
			    out, text.at[i] == '+' ? ' ' : (uint8_t)text.at[i]);
		}
	}
}

bool
core_ask_query(struct core_ask *ask, const char *name, struct str *value)
{
	struct str rest = ask->query;

	while (rest.len) {
		struct str pair;
		struct str key;

		(void)str_cut(&rest, '&', &pair);
		(void)str_cut(&pair, '=', &key);
		if (str_eq_z(key, name)) {
			auto_buf out = { 0 };

			add_decoded(&out, pair);
			*value = arena_str(&ask->arena, buf_str(&out));
			return true;
		}
	}
	return false;
}

int
core_ask_role(struct core *c, struct core_ask *ask, struct core_role **role,
    struct err *e)
{
	struct str name = STR("");

	if (!core_ask_query(ask, "identity", &name)) {
		(void)json_text(ask->body, "identity", &name);
	}
	*role = core_role_find(c, name);
	return *role ? 0
	             : err_set(e, ERR_MISSING,
	                   "no role here has the identity %s; `handrail role "
	                   "list` names them",
	                   err_quote(name));
}

/* No route has this path and method. */
static void
answer_no_route(struct core *c, struct core_ask *ask)
{
	struct err e = { 0 };

	if (!ask->allow) {
		(void)err_set(&e, ERR_MISSING,
		    "there is nothing at this path; GET /api names what there "
		    "is");
		core_answer_err(c, ask, &e);
	} else if (str_eq_z(ask->method, "OPTIONS")) {
		core_answer(c, ask, 204, STR(""));
	} else {
		(void)err_set(&e, ERR_INPUT, "this path takes %s and not %s",
		    ask->allow, err_quote(ask->method));
		answer_err(c, ask, 405, &e);
	}
}

static void
handle(struct core *c, struct core_ask *ask)
{
	struct err e = { 0 };
	const struct core_route *route = core_route_find(c, ask);

	if (!route) {
		answer_no_route(c, ask);
		return;
	}
	if (core_route_may(c, ask, route->who, &e)) {
		/* The page then goes to its login. */
		answer_err(
		    c, ask, route->who == WEB ? 401 : err_http(e.kind), &e);
		return;
	}
	/* A beat writes nothing: its worker still works on what it holds. */
	if (core_stalled(c)[0] && strcmp(route->method, "POST") == 0 &&
	    route->handler != route_beat) {
		(void)err_set(&e, ERR_UNAVAILABLE, "%s", core_stalled(c));
		core_answer_err(c, ask, &e);
		return;
	}
	if (core_route_takes(route, ask, &e) || route->handler(c, ask, &e)) {
		core_answer_no(c, ask, &e);
	}
}

/* Nobody is told what is not on the disk: a question about a state that this
 * turn has changed is answered after its commit.  A house that writes without
 * a pause is read after some commits, and then its answer waits for the next
 * one. */
static void
handle_committed(struct core *c, uint64_t number)
{
	struct core_ask *ask = core_ask_find(c, number);

	if (!ask) {
		return;
	}
	ask->reading = core_unwritten(c) && !core_stalled(c)[0] &&
	               str_eq_z(ask->method, "GET") &&
	               ask->waited < READ_WAITS_MAX;
	ask->waited += ask->reading;
	if (ask->reading) {
		core_after(c, handle_committed, number);
	} else {
		handle(c, ask);
	}
}

static int
read_body(struct core_ask *ask, struct str bytes, struct err *e)
{
	/* Within what is read again of the events that hold it. */
	static const struct json_limits limits = {
		.bytes = CORE_API_BODY_MAX,
		.depth = 48,
		.nodes = 100000,
	};
	struct json *tree;

	if (json_parse(&ask->arena, arena_str(&ask->arena, bytes), &limits,
	        &tree, e)) {
		return err_wrap(e, "the body");
	}
	ask->body = tree;
	return 0;
}

static int
read_body_file(struct core_ask *ask, int *fds, size_t nfds, struct err *e)
{
	auto_buf bytes = { 0 };

	if (core_body(fds, nfds, 0, CORE_API_BODY_MAX, &bytes, e)) {
		return err_wrap(e, "the body");
	}
	return read_body(ask, buf_str(&bytes), e);
}

static void
take(struct core *c, struct wire_peer *peer, const struct wire_api_ask_head *in,
    struct str text, int *fds, size_t nfds)
{
	struct str target;
	struct str body;
	struct err e = { 0 };

	if (!wire_api_ask_take(in, text, nfds, &target, &body)) {
		(void)err_set(&e, ERR_DENIED, "a question is not of its form");
		wire_peer_close(peer, &e);
		return;
	}
	struct core_ask *ask = core_ask_new(c);

	ask->id = in->id;
	ask->method = arena_str(&ask->arena, str_of(in->method));
	if (str_eq_z(ask->method, "HEAD")) {
		ask->method = STR("GET"); /* the api leaves its body away */
	}
	ask->query = arena_str(&ask->arena, target);
	(void)str_cut(&ask->query, '?', &ask->path);
	ask->key = arena_str(&ask->arena, str_of(in->key));
	ask->events = in->events != 0;
	ask->last = in->last;
	ask->local = in->transport == WIRE_LOCAL;
	core_route_who(c, ask, in);
	if ((body.len && read_body(ask, body, &e)) ||
	    (in->has_body && read_body_file(ask, fds, nfds, &e))) {
		core_answer_err(c, ask, &e);
		return;
	}
	handle_committed(c, ask->number);
	core_worker_offer_later(c);
}

static void
take_ask(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_api_ask *in = record;

	take(owner, peer, &in->head, str_span(in->text, sizeof(in->text)), fds,
	    nfds);
}

static void
take_long_ask(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_api_ask_long *in = record;

	take(owner, peer, &in->head, str_span(in->text, sizeof(in->text)), fds,
	    nfds);
}

/* --- the client or the api is gone --- */

static void
forget(struct core *c, struct core_ask *ask)
{
	struct core_cell *cell = core_cell_find(c, ask->cell);

	ask->gone = true;
	if (cell) {
		core_cell_end(c, cell); /* core_api_sandbox_ended frees it */
	} else if (ask->claiming) {
		core_worker_wait_end(c, ask->number);
		core_ask_free(c, ask);
	} else if (ask->polling) {
		core_ask_free(c, ask);
	}
}

static void
take_gone(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core *c = owner;
	const struct wire_api_gone *gone = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	for (struct core_ask *ask = c->asks; ask; ask = ask->next) {
		if (ask->id == gone->id && !ask->gone) {
			forget(c, ask);
			return;
		}
	}
}

void
core_api_gone(struct core *c)
{
	struct core_ask *next;

	for (struct core_ask *ask = c->asks; ask; ask = next) {
		next = ask->next;
		forget(c, ask);
	}
}

void
core_api_vault_gone(struct core *c)
{
	struct core_ask *next;

	core_sign_gone(c);
	for (struct core_ask *ask = c->asks; ask; ask = next) {
		struct err e = { 0 };

		next = ask->next;
		if (ask->sealing) {
			(void)err_set(
			    &e, ERR_UNAVAILABLE, "the vault ended meanwhile");
			core_answer_err(c, ask, &e);
		}
	}
}

const struct wire_handler core_api_handlers[] = {
	{ WIRE_API_ASK, take_ask },
	{ WIRE_API_ASK_LONG, take_long_ask },
	{ WIRE_API_GONE, take_gone },
};
const size_t core_api_handler_count = COUNT(core_api_handlers);
