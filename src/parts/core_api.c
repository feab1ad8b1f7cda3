/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions from the api: who asks, which route, the answer.  The api has
 * parsed HTTP strictly; path, query and body are still a client's words.
 */
#include "parts/core_api.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/http.h"
#include "parts/core.h"

enum route_who { OPEN, READ, ACT };

struct route {
	const char *method;
	const char *path;
	core_route_fn *handler;
	enum route_who who;
};

static const struct route routes[] = {
#define ROUTE(method, path, handler, who, what) { method, path, handler, who },
#include "parts/routes.def"
#undef ROUTE
};

struct core_ask *
core_ask_find(struct core *c, uint64_t number)
{
	struct core_ask *ask = number ? c->asks : NULL;

	while (ask && ask->number != number) {
		ask = ask->next;
	}
	return ask;
}

static void
free_ask(struct core *c, struct core_ask *ask)
{
	for (struct core_ask **at = &c->asks; *at; at = &(*at)->next) {
		if (*at == ask) {
			*at = ask->next;
			break;
		}
	}
	loop_timer_cancel(&ask->patience);
	buf_fini(&ask->answer);
	arena_fini(&ask->arena);
	free(ask);
}

static void
send_answer(struct core *c, struct core_ask *ask, const char *type,
    struct str body, bool more)
{
	struct wire_api_answer answer = {
		.id = ask->id,
		.status = ask->status,
		.more = more,
		.has_body = body.len > 0,
	};
	int fd = -1;

	if (!c->api || ask->gone) {
		return;
	}
	core_text(answer.content_type, sizeof(answer.content_type), type);
	if (body.len) {
		fd = core_memfd(body);
	}
	wire_send(c->api, WIRE_API_ANSWER, &answer, &fd, fd >= 0);
}

void
core_answer(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body)
{
	ask->status = status;
	send_answer(c, ask, "application/json", body, false);
	free_ask(c, ask);
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
		free_ask(c, ask);
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
			(void)err_set(&e, ERR_UNAVAILABLE,
			    "%s; what you asked for is kept, and done then: "
			    "look before you ask again",
			    core_stalled(c));
			core_answer_err(c, ask, &e);
		} else if (ask->reading) {
			handle_committed(c, ask->number);
		}
	}
}

void
core_answer_err(struct core *c, struct core_ask *ask, const struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "error", err_name(e->kind));
	json_out_i64(&o, "exit", err_exit(e->kind));
	json_out_z(&o, "message", e->text);
	json_out_end(&o, '}');
	core_answer(c, ask, (uint32_t)err_http(e->kind), buf_str(&body));
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

/* "/api/tasks/STAR/cancel" with one STAR: a segment without a slash. */
static bool
path_matches(const char *pattern, struct str path, struct str *part)
{
	const char *star = strchr(pattern, '*');

	if (!star) {
		return str_eq_z(path, pattern);
	}
	struct str before = str_span(pattern, (size_t)(star - pattern));
	struct str behind = str_of(star + 1);

	if (path.len <= before.len + behind.len || !str_starts(path, before) ||
	    !str_ends(path, behind)) {
		return false;
	}
	*part = str_sub(path, before.len, path.len - before.len - behind.len);
	return !str_has(*part, '/');
}

static const struct route *
find_route(struct core_ask *ask, bool *known_path)
{
	*known_path = false;
	for (size_t i = 0; i < COUNT(routes); i++) {
		if (!path_matches(routes[i].path, ask->path, &ask->part)) {
			continue;
		}
		*known_path = true;
		if (str_eq_z(ask->method, routes[i].method)) {
			return &routes[i];
		}
	}
	return NULL;
}

/* A principal is the token, and on the local socket also the peer's uid. */
static const struct core_operator *
who_asks(struct core *c, const struct wire_api_ask *in)
{
	for (size_t i = 0; in->has_token && i < c->house.operator_count; i++) {
		const struct core_operator *o = &c->house.operators[i];

		if (equal_const_time(
		        o->token.bytes, in->token_digest, DIGEST_SIZE) &&
		    (in->transport == WIRE_TCP || o->uid == in->uid)) {
			return o;
		}
	}
	return NULL;
}

static int
may_ask(struct core *c, const struct core_ask *ask, enum route_who who,
    struct err *e)
{
	(void)c;
	if (who == OPEN) {
		return 0;
	}
	if (!ask->operator_) {
		return err_set(e, ERR_DENIED,
		    "no operator of this house: the local socket wants the uid "
		    "and the token of one [operator.*] (the token is in "
		    "<state>/operators/NAME.token)");
	}
	if (who == ACT && !ask->local) {
		return err_set(e, ERR_DENIED,
		    "this is decided on the local socket only: use `handrail` "
		    "on the machine of the house");
	}
	return 0;
}

static void
handle(struct core *c, struct core_ask *ask)
{
	struct err e = { 0 };
	bool known_path;
	const struct route *route = find_route(ask, &known_path);

	if (!route) {
		(void)err_set(&e, known_path ? ERR_INPUT : ERR_MISSING,
		    known_path ? "that path takes another method"
		               : "there is nothing at this path");
		core_answer_err(c, ask, &e);
		return;
	}
	if (may_ask(c, ask, route->who, &e)) {
		core_answer_err(c, ask, &e);
		return;
	}
	if (core_stalled(c)[0] && strcmp(route->method, "POST") == 0) {
		(void)err_set(&e, ERR_UNAVAILABLE, "%s", core_stalled(c));
		core_answer_err(c, ask, &e);
		return;
	}
	if (route->handler(c, ask, &e)) {
		core_answer_err(c, ask, &e);
	}
}

/* Nobody is told what is not on the disk: a question about a state that this
 * turn has changed is answered after its commit. */
static void
handle_committed(struct core *c, uint64_t number)
{
	struct core_ask *ask = core_ask_find(c, number);

	if (!ask) {
		return;
	}
	ask->reading = c->book.writes && !core_stalled(c)[0] &&
	               str_eq_z(ask->method, "GET");
	if (ask->reading) {
		core_after(c, handle_committed, number);
	} else {
		handle(c, ask);
	}
}

static int
read_body(struct core_ask *ask, int *fds, size_t nfds, struct err *e)
{
	/* Within what is read again of the events that hold it. */
	static const struct json_limits limits = {
		.bytes = CORE_API_BODY_MAX,
		.depth = 48,
		.nodes = 100000,
	};
	auto_buf bytes = { 0 };
	struct json *tree;

	if (core_body(fds, nfds, 0, CORE_API_BODY_MAX, &bytes, e) ||
	    json_parse(&ask->arena, arena_str(&ask->arena, buf_str(&bytes)),
	        &limits, &tree, e)) {
		return err_wrap(e, "the body");
	}
	ask->body = tree;
	return 0;
}

static void
take_ask(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core *c = owner;
	const struct wire_api_ask *in = record;
	struct core_ask *ask = calloc(1, sizeof(*ask));
	struct err e = { 0 };
	struct str target;

	must(ask);
	if (!wire_text_ok(in->method, sizeof(in->method)) ||
	    !wire_text_ok(in->target, sizeof(in->target)) ||
	    !wire_text_ok(in->key, sizeof(in->key))) {
		free(ask);
		(void)err_set(&e, ERR_DENIED, "a question is not of its form");
		wire_peer_close(peer, &e);
		return;
	}
	ask->number = core_number(c);
	ask->id = in->id;
	ask->method = arena_str(&ask->arena, str_of(in->method));
	target = arena_str(&ask->arena, str_of(in->target));
	ask->query = target;
	(void)str_cut(&ask->query, '?', &ask->path);
	ask->key = arena_str(&ask->arena, str_of(in->key));
	ask->events = in->events != 0;
	ask->last = in->last;
	ask->local = in->transport == WIRE_LOCAL;
	ask->operator_ = who_asks(c, in);
	ask->next = c->asks;
	c->asks = ask;
	if (in->has_body && read_body(ask, fds, nfds, &e)) {
		core_answer_err(c, ask, &e);
		return;
	}
	handle_committed(c, ask->number);
}

/* --- the client or the api is gone --- */

static void
forget(struct core *c, struct core_ask *ask)
{
	struct core_cell *cell = core_cell_find(c, ask->cell);

	ask->gone = true;
	if (cell) {
		core_cell_end(c, cell); /* core_api_sandbox_ended frees it */
	} else if (ask->polling) {
		free_ask(c, ask);
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
	{ WIRE_API_GONE, take_gone },
};
const size_t core_api_handler_count = COUNT(core_api_handlers);
