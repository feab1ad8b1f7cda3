/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which route a question takes, who asks, and whether that one may.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core_api.h"
#include "parts/core_token.h"

#define PATTERN_MAX 256 /* bytes of a path of the table, with its star */

/* The routes of one path, in the core's map under it. */
struct routes_of {
	const struct core_route *route;
	struct routes_of *next; /* another method */
};

static const struct core_route routes[] = {
#define ROUTE(method, path, handler, who, query, what) \
	{ method, path, handler, who, query, what },
#include "parts/routes.def"
#undef ROUTE
};

/* --- which route --- */

static void
know_routes(struct core *c)
{
	struct routes_of *entry = calloc(COUNT(routes), sizeof(*entry));

	must(entry);
	for (size_t i = 0; i < COUNT(routes); i++, entry++) {
		struct routes_of *same =
		    map_get(&c->routes, str_of(routes[i].path));

		entry->route = &routes[i];
		if (same) {
			entry->next = same->next;
			same->next = entry;
		} else {
			map_put(&c->routes, str_of(routes[i].path), entry);
		}
	}
}

/* The path with its segment at `from` as a star; `*part` is that segment. */
static const struct routes_of *
with_star(const struct core *c, struct str path, size_t from, struct str *part)
{
	char text[PATTERN_MAX];
	size_t end = from;

	while (end < path.len && path.at[end] != '/') {
		end++;
	}
	*part = str_sub(path, from, end - from);
	size_t len = path.len - part->len + 1;

	if (!part->len || len > sizeof(text)) {
		return NULL;
	}
	memcpy(text, path.at, from);
	text[from] = '*';
	memcpy(text + from + 1, path.at + end, path.len - end);
	return map_get(&c->routes, str_span(text, len));
}

/* "/api/tasks/STAR/cancel" with one STAR: a segment that is not empty. */
static const struct routes_of *
routes_of_path(struct core *c, struct str path, struct str *part)
{
	const struct routes_of *found;

	if (!c->routes.count) {
		know_routes(c);
	}
	found = map_get(&c->routes, path);
	for (size_t i = path.len; i > 0 && !found; i--) {
		if (path.at[i - 1] == '/') {
			found = with_star(c, path, i, part);
		}
	}
	return found;
}

/* All that a path takes; whoever can be read can be looked at (HEAD), and all
 * can be asked for this list (OPTIONS). */
static const char *
methods_of(const struct routes_of *found)
{
	bool get = false;
	bool post = false;

	for (; found; found = found->next) {
		get = get || strcmp(found->route->method, "GET") == 0;
		post = post || strcmp(found->route->method, "POST") == 0;
	}
	must(get || post);
	return !get    ? "POST, OPTIONS"
	       : !post ? "GET, HEAD, OPTIONS"
	               : "GET, HEAD, POST, OPTIONS";
}

const struct core_route *
core_route_find(struct core *c, struct core_ask *ask)
{
	const struct routes_of *all = routes_of_path(c, ask->path, &ask->part);
	const struct routes_of *found = all;

	while (found && !str_eq_z(ask->method, found->route->method)) {
		found = found->next;
	}
	if (found) {
		return found->route;
	}
	ask->allow = all ? methods_of(all) : NULL;
	return NULL;
}

static const struct core_operator *
by_token(struct core *c, const struct wire_api_ask_head *in)
{
	for (size_t i = 0; in->has_token && i < c->house.operator_count; i++) {
		const struct core_operator *o = &c->house.operators[i];

		if (equal_const_time(
		        o->token.bytes, in->token_digest, DIGEST_SIZE) &&
		    (in->transport == WIRE_TCP || o->uid == in->uid)) {
			return o;
		}
	}
	return in->has_token ? core_token_bearer(c, in->token_digest) : NULL;
}

void
core_route_who(
    struct core *c, struct core_ask *ask, const struct wire_api_ask_head *in)
{
	const struct core_web_login *login = NULL;
	struct digest cookie;

	ask->page = in->page;
	if (in->page == WIRE_PAGE_ASK) {
		memcpy(cookie.bytes, in->token_digest, sizeof(cookie.bytes));
		login = core_login_of(c, cookie);
		ask->login = login ? login->number : 0;
		ask->operator_ = core_login_operator(c, login);
	} else {
		ask->operator_ = by_token(c, in);
	}
}

int
core_route_may(struct core *c, const struct core_ask *ask, enum core_who who,
    struct err *e)
{
	if (who == OPEN) {
		return 0;
	}
	/* It may have ended since the question came. */
	if (who == WEB && !core_web_login_find(c, ask->login)) {
		return err_set(
		    e, ERR_DENIED, "nobody is logged in here, or not any more");
	}
	if (who != WEB && ask->page != WIRE_NO_PAGE) {
		return err_set(e, ERR_DENIED,
		    "a login of the page opens only what the page asks");
	}
	if (!ask->operator_ && who == WORK) {
		return err_set(e, ERR_DENIED,
		    "no token of a worker or an operator of this house, or it "
		    "was revoked: send one that `handrail token create` made, "
		    "as `Authorization: Bearer TOKEN`");
	}
	if (!ask->operator_) {
		return err_set(e, ERR_DENIED,
		    "no operator of this house: %s (the token is in "
		    "<state>/operators/NAME.token)",
		    ask->local
		        ? "the local socket wants the uid and the token of one "
		          "[operator.*]"
		        : "send the token of one [operator.*] as "
		          "`Authorization: Bearer TOKEN`");
	}
	if (ask->operator_->worker && who != WORK) {
		return core_token_refuse(ask->operator_, e);
	}
	if (who == ACT && !ask->local) {
		return err_set(e, ERR_DENIED,
		    "this is decided on the local socket only: use `handrail` "
		    "on the machine of the house");
	}
	return 0;
}

int
core_ask_id(struct str text, const char *of, struct err *e)
{
	struct book_id id;

	return book_id_parse(text, &id)
	           ? 0
	           : err_set(e, ERR_MISSING,
	                 "%s is not the whole id of a %s, which has 36 "
	                 "characters; `handrail %s list` names them",
	                 err_quote(text), of, of);
}

static int
check_id(const struct core_route *route, struct str part, struct err *e)
{
	struct str path = str_of(route->path);

	if (str_starts(path, STR("/api/tasks/*"))) {
		return core_ask_id(part, "task", e);
	}
	return str_starts(path, STR("/api/sessions/*"))
	           ? core_ask_id(part, "session", e)
	           : 0;
}

static bool
has_name(const struct core_route *route, struct str name)
{
	struct str rest = str_of(route->query);
	struct str one;

	while (rest.len) {
		(void)str_cut(&rest, ' ', &one);
		if (str_eq(one, name)) {
			return true;
		}
	}
	return false;
}

int
core_route_takes(
    const struct core_route *route, const struct core_ask *ask, struct err *e)
{
	bool any = strcmp(route->query, "*") == 0;
	struct str rest = ask->query;
	struct str pair;
	struct str name;

	if (check_id(route, ask->part, e)) {
		return -1;
	}
	while (rest.len) {
		(void)str_cut(&rest, '&', &pair);
		(void)str_cut(&pair, '=', &name);
		if (name.len && !any && !has_name(route, name)) {
			return err_set(e, ERR_INPUT,
			    "%s %s has no parameter %s: behind its ? it takes "
			    "%s",
			    route->method, route->path, err_quote(name),
			    route->query[0] ? route->query : "nothing");
		}
	}
	return 0;
}

/* --- what there is --- */

int
route_index(struct core *c, struct core_ask *ask, struct err *e)
{
	static const char *const who[] = {
		[OPEN] = "anybody",
		[WORK] = "worker",
		[READ] = "operator",
		[ACT] = "local operator",
		[WEB] = "page",
	};
	auto_buf body = { 0 };
	struct json_out o;

	(void)e;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "routes");
	for (size_t i = 0; i < COUNT(routes); i++) {
		json_out_object(&o, NULL);
		json_out_z(&o, "method", routes[i].method);
		json_out_z(&o, "path", routes[i].path);
		json_out_z(&o, "who", who[routes[i].who]);
		json_out_z(&o, "query", routes[i].query);
		json_out_z(&o, "what", routes[i].what);
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
