/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a login is not told and can learn: an issuer names its endpoints (RFC
 * 8414), a server that wants tokens names its issuer (RFC 9728), in the order
 * that MCP says.  Each place is one request of core's own, written down as any;
 * the first that answers decides, and what it says is refused or taken.  What
 * the client said itself stands.
 *
 *   CHALLENGE → TOLD → PATH → ROOT → ISSUER, ISSUER + 1, …
 */
#include <stdio.h>
#include <string.h>

#include "parts/core_api.h"
#include "parts/core_oauth.h"

#define ISSUER_US    (15 * CLOCK_SECOND)
#define CHALLENGE_US (5 * CLOCK_SECOND) /* it may stream to whoever asks */

enum place {
	PLACE_CHALLENGE, /* the server itself: its 401 says where */
	PLACE_TOLD,      /* there */
	PLACE_PATH,      /* the well-known place of its path */
	PLACE_ROOT,      /* that of its host */
	PLACE_ISSUER,    /* the places of an issuer, by number */
};

static struct str
said(const struct core_ask *ask, const char *key)
{
	struct str text = STR("");

	(void)json_text(ask->body, key, &text);
	return text;
}

static void
learn(struct core_ask *ask, const char *key, struct str value)
{
	struct json *body;

	if (value.len && !json_get(ask->body, key)) {
		body = json_copy(&ask->arena, ask->body);
		(void)json_set_str(&ask->arena, body, key, value);
		ask->body = body;
	}
}

bool
core_login_learns(const struct core_ask *ask)
{
	return !said(ask, "token_endpoint").len &&
	       (said(ask, "issuer").len || said(ask, "mcp_server_url").len);
}

/* --- asking --- */

static void heard(struct core *c, uint64_t number,
    const struct wire_http_done *head, struct str body);

/* The host of the URL is reached as [issuer.NAME] says, or by its name. */
static int
fetch(struct core *c, struct core_ask *ask, struct str url, struct err *e)
{
	bool first = ask->place == PLACE_CHALLENGE;
	const struct config_issuer *how;
	struct str host;

	if (core_login_host(c, &ask->arena,
	        ask->place < PLACE_ISSUER ? "mcp_server_url" : "issuer", url,
	        &host, e)) {
		return -1;
	}
	how = roles_find_issuer(&c->house.config, host);
	struct core_http h = {
		.rule = STR("vault.login"),
		.method = STR("GET"),
		.url = url,
		.headers = first ? STR("Accept: application/json, "
		                       "text/event-stream\r\n")
		                 : STR("Accept: application/json\r\n"),
		.upstream = how ? how->upstream : STR(""),
		.ca = how ? how->ca : STR(""),
		.timeout = first ? CHALLENGE_US : ISSUER_US,
		.answer_limit = OAUTH_ANSWER_MAX,
		.number = ask->number,
		.done = heard,
	};

	ask->outside = "no login was begun: ask again";
	(void)core_http_do(c, &h);
	return 0;
}

/* ERR_MISSING: it is no place of its own. */
static int
server_url(const struct core_ask *ask, struct buf *url, struct err *e)
{
	struct str server = said(ask, "mcp_server_url");

	if (ask->place == PLACE_CHALLENGE) {
		buf_add(url, server);
		return 0;
	}
	return ask->place == PLACE_TOLD
	           ? err_set(e, ERR_MISSING, "nobody told it")
	           : oauth_resource_url(
	                 server, ask->place == PLACE_ROOT, url, e);
}

/* From this place on, the first that there is. */
static int
ask_server(struct core *c, struct core_ask *ask, unsigned place, struct err *e)
{
	for (ask->place = place; ask->place <= PLACE_ROOT; ask->place++) {
		auto_buf url = { 0 };
		int failed = server_url(ask, &url, e);

		if (!failed || e->kind != ERR_MISSING) {
			return failed ? -1 : fetch(c, ask, buf_str(&url), e);
		}
		*e = (struct err){ 0 };
	}
	return err_set(e, ERR_UNAVAILABLE,
	    "the server %s names no issuer (RFC 9728; %s): say --issuer, or "
	    "--token-endpoint and the others",
	    err_quote(said(ask, "mcp_server_url")), ask->last_word);
}

static int
ask_issuer(struct core *c, struct core_ask *ask, unsigned place, struct err *e)
{
	auto_buf url = { 0 };

	ask->place = place;
	if (oauth_metadata_url(
	        said(ask, "issuer"), place - PLACE_ISSUER, &url, e) == 0) {
		return fetch(c, ask, buf_str(&url), e);
	}
	return e->kind != ERR_MISSING
	           ? -1
	           : err_set(e, ERR_UNAVAILABLE,
	                 "the issuer names no endpoints of its own (%s): say "
	                 "--token-endpoint and the others",
	                 ask->last_word);
}

int
core_login_learn(struct core *c, struct core_ask *ask, struct err *e)
{
	core_text(ask->last_word, sizeof(ask->last_word), "it was not asked");
	return said(ask, "issuer").len ? ask_issuer(c, ask, PLACE_ISSUER, e)
	                               : ask_server(c, ask, PLACE_CHALLENGE, e);
}

/* --- hearing --- */

/* Its 401 may name the place, on its own host, and what is asked for. */
static int
take_challenge(struct core *c, struct core_ask *ask,
    const struct wire_http_done *head, struct err *e)
{
	struct str where;
	struct str scope;

	if (!head->ok || head->status != 401 ||
	    !wire_text_ok(head->challenge, sizeof(head->challenge)) ||
	    !oauth_challenged(str_of(head->challenge), &where, &scope)) {
		return ask_server(c, ask, PLACE_PATH, e);
	}
	learn(ask, "scope", arena_str(&ask->arena, scope));
	if (!where.len) {
		return ask_server(c, ask, PLACE_PATH, e);
	}
	if (!oauth_same_origin(said(ask, "mcp_server_url"), where)) {
		return err_set(e, ERR_DENIED,
		    "the server %s says that its metadata are on another host "
		    "(%s): that is not followed",
		    err_quote(said(ask, "mcp_server_url")), err_quote(where));
	}
	ask->place = PLACE_TOLD;
	return fetch(c, ask, arena_str(&ask->arena, where), e);
}

static int
take_resource(
    struct core *c, struct core_ask *ask, struct str body, struct err *e)
{
	struct oauth_resource r = { 0 };

	if (oauth_resource_read(
	        &ask->arena, said(ask, "mcp_server_url"), body, &r, e)) {
		return -1;
	}
	learn(ask, "resource", r.resource);
	learn(ask, "issuer", r.issuer);
	learn(ask, "scope", r.scope);
	return ask_issuer(c, ask, PLACE_ISSUER, e);
}

static int
take_issuer(
    struct core *c, struct core_ask *ask, struct str body, struct err *e)
{
	struct oauth_metadata m = { 0 };
	struct core_place token = { 0 };
	struct core_place device = { 0 };

	if (oauth_metadata_read(
	        &ask->arena, said(ask, "issuer"), body, &m, e) ||
	    core_place_parse(&ask->arena, m.token, &token, e)) {
		return -1;
	}
	learn(ask, "token_endpoint", m.token);
	learn(ask, "authorization_endpoint", m.authorization);
	if (m.device.len &&
	    core_place_parse(&ask->arena, m.device, &device, e) == 0 &&
	    strcmp(token.host.text, device.host.text) == 0 &&
	    token.port == device.port) {
		learn(ask, "device_authorization_endpoint", m.device);
	}
	learn(ask, "names_issuer", m.names_issuer ? STR("true") : STR(""));
	return core_login_new(c, ask, e);
}

static int
take(struct core *c, struct core_ask *ask, const struct wire_http_done *head,
    struct str body, struct err *e)
{
	if (head->ok) {
		(void)snprintf(ask->last_word, sizeof(ask->last_word),
		    "HTTP %u", head->status);
	} else {
		core_text(ask->last_word, sizeof(ask->last_word), head->text);
	}
	if (ask->place == PLACE_CHALLENGE) {
		return take_challenge(c, ask, head, e);
	}
	bool server = ask->place < PLACE_ISSUER;

	if (!head->ok || head->status != 200) {
		return server ? ask_server(c, ask, ask->place + 1, e)
		              : ask_issuer(c, ask, ask->place + 1, e);
	}
	return server ? take_resource(c, ask, body, e)
	              : take_issuer(c, ask, body, e);
}

static void
heard(struct core *c, uint64_t number, const struct wire_http_done *head,
    struct str body)
{
	struct core_ask *ask = core_ask_find(c, number);
	struct err e = { 0 };

	if (ask && take(c, ask, head, body, &e)) {
		core_answer_err_after(c, ask, &e);
	}
}
