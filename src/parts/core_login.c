/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins.  A login is one row for its verifier, one question to a person, and
 * one to a token endpoint; what of it core holds (the state, where the browser
 * comes back to, how often a device may ask) lives in memory only.  After a
 * crash a login is begun anew; the credential is as it was before.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core_api.h"
#include "parts/core_draft.h"
#include "parts/core_oauth.h"

#define LOGIN_US   (15 * CLOCK_MINUTE)
#define LOGINS_MAX 64
#define SLOWER_US  (5 * CLOCK_SECOND) /* RFC 8628, 3.5 */

enum flow { FLOW_CODE, FLOW_DEVICE, FLOW_CLIENT };

static const char *const flows[] = {
	[FLOW_CODE] = "authorization_code",
	[FLOW_DEVICE] = "device_code",
	[FLOW_CLIENT] = "client_credentials",
};

struct core_login {
	struct core_login *next;
	char id[CORE_VAULT_ID]; /* of its credential: a name may be put anew */
	enum flow flow;
	char state[OAUTH_RANDOM_TEXT];
	char redirect[CORE_URL_MAX];
	struct mono ends;
	/* of a device */
	int64_t interval; /* us */
	struct mono next_ask;
};

static struct str
said(const struct json *body, const char *key)
{
	struct str text = STR("");

	(void)json_text(body, key, &text);
	return text;
}

/* --- the list --------------------------------------------------------------
 */

static void
login_drop(struct core *c, struct str id)
{
	struct core_login **at = &c->logins;

	while (*at) {
		struct core_login *l = *at;

		if (str_eq_z(id, l->id) || mono_passed(l->ends, mono_now())) {
			*at = l->next;
			free(l);
		} else {
			at = &l->next;
		}
	}
}

static struct core_login *
login_find(struct core *c, struct str id)
{
	struct core_login *l = c->logins;

	while (
	    l && (!str_eq_z(id, l->id) || mono_passed(l->ends, mono_now()))) {
		l = l->next;
	}
	return l;
}

static struct core_login *
login_new(struct core *c, const char *id, enum flow flow)
{
	struct core_login *l;
	size_t count = 0;

	login_drop(c, str_of(id));
	for (struct core_login **at = &c->logins; *at; at = &(*at)->next) {
		if (++count == LOGINS_MAX) { /* the oldest goes */
			free(*at);
			*at = NULL;
			break;
		}
	}
	l = calloc(1, sizeof(*l));
	must(l);
	core_text(l->id, sizeof(l->id), id);
	l->flow = flow;
	l->ends = mono_after(mono_now(), LOGIN_US);
	oauth_random(l->state);
	l->next = c->logins;
	c->logins = l;
	return l;
}

/* --- facts -----------------------------------------------------------------
 */

static enum flow
flow_of(struct arena *a, const struct core_credential *k)
{
	struct str grant = core_oauth_fact(a, k, "grant");

	for (size_t i = 0; i < COUNT(flows); i++) {
		if (str_eq_z(grant, flows[i])) {
			return (enum flow)i;
		}
	}
	return core_oauth_fact(a, k, "authorization_endpoint").len ? FLOW_CODE
	       : core_oauth_fact(a, k, "device_authorization_endpoint").len
	           ? FLOW_DEVICE
	           : FLOW_CLIENT;
}

/* --- a login begins --------------------------------------------------------
 */

static int
check_login(struct core *c, struct core_ask *ask,
    const struct core_credential *k, struct err *e)
{
	struct arena *a = &ask->arena;
	enum flow flow = flow_of(a, k);
	struct str redirect = said(ask->body, "redirect_uri");
	const char *lacks =
	    !k->issuer[0] ? "token_endpoint"
	    : flow == FLOW_CODE &&
	            !core_oauth_fact(a, k, "authorization_endpoint").len
	        ? "authorization_endpoint"
	    : flow == FLOW_DEVICE &&
	            !core_oauth_fact(a, k, "device_authorization_endpoint").len
	        ? "device_authorization_endpoint"
	        : NULL;

	if (!c->vault_ready) {
		return err_set(e, ERR_UNAVAILABLE, "the vault is away");
	}
	if (lacks) {
		return err_set(e, ERR_INPUT,
		    "a login by %s wants the %s of its issuer, and the "
		    "credential %s has none",
		    flows[flow], lacks, k->name);
	}
	if (flow == FLOW_CODE && !oauth_redirect_loopback(redirect) &&
	    (!str_starts(redirect, STR("https://")) ||
	        redirect.len >= CORE_URL_MAX)) {
		return err_set(e, ERR_INPUT,
		    "redirect_uri: expected http://127.0.0.1:PORT/…, or the "
		    "https URL that is registered at the issuer");
	}
	return 0;
}

static int
ask_row(struct core *c, struct core_ask *ask, const struct core_credential *k,
    struct err *e)
{
	struct wire_vault_login login = { .id = ask->number };
	auto_buf box = { 0 };
	struct str text = said(ask->body, "box");

	if (check_login(c, ask, k, e) || core_login_alone(c, k, e)) {
		return -1;
	}
	if (text.len && (!ask->putting || !base64_decode(&box, text) ||
	                    box.len > sizeof(login.row))) {
		return err_set(e, ERR_INPUT,
		    "\"box\": expected the client's secret of a new "
		    "credential, sealed to the vault's key");
	}
	core_text(ask->credential, sizeof(ask->credential), k->name);
	ask->version = core_credential_version(c, k->name) + 1;
	core_credential_binding(k, &login.binding);
	login.binding.version = ask->version;
	login.first = ask->putting;
	struct str row = ask->putting ? buf_str(&box) : buf_str(&k->row);

	login.row_size = (uint32_t)row.len;
	if (row.len) {
		memcpy(login.row, row.at, row.len);
	}
	ask->sealing = true;
	ask->authorizing = true;
	wire_send(c->vault, WIRE_VAULT_LOGIN, &login, NULL, 0);
	return 0;
}

int
core_login_new(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *draft =
	    core_draft_read(c, &ask->arena, ask->body, e);
	int result;

	if (!draft) {
		return -1;
	}
	ask->putting = true;
	result = draft->issuer[0] ? ask_row(c, ask, draft, e)
	                          : err_set(e, ERR_INPUT,
	                                "a login wants a token_endpoint, an "
	                                "issuer that names its own, or the "
	                                "mcp_server_url of a server that names "
	                                "its issuer");
	core_credential_free(draft);
	return result;
}

int
route_login(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k = core_oauth_find(c, said(ask->body, "name"));

	if (k && !k->archived) {
		const char *unfit = core_credential_unfit(c, k);

		if (!k->has || unfit) {
			return err_set(e, ERR_INPUT,
			    "the credential %s cannot be logged in: %s",
			    k->name, unfit ? unfit : "it holds no tokens");
		}
		return core_draft_mutable(ask->body, e)
		           ? err_set(e, ERR_INPUT,
		                 "%s; `handrail vault login %s` alone logs in "
		                 "to the one that is there",
		                 e->text, k->name)
		           : ask_row(c, ask, k, e);
	}
	return core_login_learns(ask) ? core_login_learn(c, ask, e)
	                              : core_login_new(c, ask, e);
}

/* --- how it ends -----------------------------------------------------------
 */

static void
answer_login(struct core *c, struct core_ask *ask, const struct core_login *l,
    const struct core_credential *k, const struct oauth_told *told)
{
	auto_buf body = { 0 };
	struct json_out o;
	bool done = told->end == OAUTH_TOKENS && !told->user_code.len;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "name", ask->credential);
	json_out_z(&o, "state", done ? "done" : "pending");
	if (k) {
		json_out_i64(&o, "version", k->version);
	}
	if (l) {
		json_out_z(&o, "flow", flows[l->flow]);
		json_out_i64(&o, "interval", l->interval / CLOCK_SECOND);
	}
	if (told->user_code.len) {
		json_out_str(&o, "user_code", told->user_code);
		json_out_str(&o, "verification_uri", told->uri);
		json_out_str(
		    &o, "verification_uri_complete", told->uri_complete);
		json_out_i64(&o, "expires_in", told->lifetime);
	}
	json_out_end(&o, '}');
	core_answer_after(c, ask, 200, buf_str(&body));
}

static void
wait_longer(struct core_login *l, const struct oauth_told *told)
{
	if (told->user_code.len) {
		l->interval = told->interval * CLOCK_SECOND;
		l->ends = mono_after(mono_now(), told->lifetime * CLOCK_SECOND);
	} else if (told->end == OAUTH_SLOWER) {
		l->interval += SLOWER_US;
	}
	l->next_ask = mono_after(mono_now(), l->interval);
}

static void
answer_no_token(struct core *c, struct core_ask *ask,
    const struct oauth_told *told, const char *why)
{
	bool no = told && told->end == OAUTH_CLOSED;
	bool named = told && told->error.len;
	auto_buf wait = { 0 };
	struct err e = { 0 };

	if (told && told->retry) {
		buf_add_z(&wait, "; try again in ");
		duration_add(&wait, told->retry * CLOCK_SECOND);
	}
	(void)err_set(&e, no ? ERR_DENIED : ERR_UNAVAILABLE,
	    "the token endpoint gave no token: %s" STR_FMT "%s",
	    named ? "it said " : "",
	    STR_ARG(named ? told->error : str_utf8_cut(str_of(why), 100)),
	    buf_z(&wait));
	core_answer_err_after(c, ask, &e);
}

static void
login_done(struct core *c, uint64_t owner, const struct core_credential *k,
    const struct oauth_told *told, const char *why)
{
	struct core_ask *ask = core_ask_find(c, owner);
	struct str id = str_of(k ? k->id : "");
	struct core_login *l = login_find(c, id);
	bool goes_on =
	    told && (told->end == OAUTH_PENDING || told->end == OAUTH_SLOWER ||
	                told->user_code.len);

	if (l && goes_on) {
		wait_longer(l, told);
	}
	if (l && told && told->retry) {
		l->next_ask =
		    mono_after(mono_now(), told->retry * CLOCK_SECOND);
	}
	if (ask && told && (goes_on || told->end == OAUTH_TOKENS)) {
		answer_login(c, ask, l, k, told);
	} else if (ask) {
		answer_no_token(c, ask, told, why);
	}
	/* A device whose question got no answer may ask again. */
	if (!goes_on && (!l || l->flow != FLOW_DEVICE ||
	                    (told && told->end != OAUTH_FAILED))) {
		login_drop(c, id);
	}
}

static int
ask_endpoint(struct core *c, struct core_ask *ask, struct core_credential *k,
    const struct core_oauth_ask *how, struct err *e)
{
	struct core_oauth_ask asked = *how;

	asked.owner = ask->number;
	asked.done = login_done;
	ask->outside = "the login goes on then: look at the credential before "
	               "you begin it anew";
	core_text(ask->credential, sizeof(ask->credential), k->name);
	return core_oauth_ask(c, k, &asked, e);
}

/* --- the person's turn -----------------------------------------------------
 */

static int
answer_url(struct core *c, struct core_ask *ask,
    const struct core_credential *k, struct core_login *l,
    const char *challenge, struct err *e)
{
	struct arena *a = &ask->arena;
	auto_buf url = { 0 };
	auto_buf body = { 0 };
	struct json_out o;
	struct oauth_open open = {
		.endpoint = core_oauth_fact(a, k, "authorization_endpoint"),
		.client = core_oauth_fact(a, k, "client_id"),
		.redirect = str_of(l->redirect),
		.scope = core_oauth_fact(a, k, "scope"),
		.resource = core_oauth_fact(a, k, "resource"),
		.state = str_of(l->state),
		.challenge = str_of(challenge),
	};

	if (oauth_open_url(&open, &url, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "name", k->name);
	json_out_z(&o, "state", "open");
	json_out_z(&o, "flow", flows[FLOW_CODE]);
	json_out_str(&o, "url", buf_str(&url));
	json_out_z(&o, "login", l->state);
	json_out_z(&o, "redirect_uri", l->redirect);
	json_out_i64(&o, "expires_in", LOGIN_US / CLOCK_SECOND);
	json_out_end(&o, '}');
	core_answer_after(c, ask, 200, buf_str(&body));
	return 0;
}

static int
go_on(struct core *c, struct core_ask *ask, struct core_credential *k,
    const struct wire_vault_sealed *sealed, struct err *e)
{
	enum flow flow = flow_of(&ask->arena, k);
	struct core_login *l = login_new(c, k->id, flow);
	struct core_oauth_ask how = {
		.use = flow == FLOW_DEVICE ? WIRE_USE_BEGIN : WIRE_USE_CLIENT
	};

	if (flow != FLOW_CODE) {
		return ask_endpoint(c, ask, k, &how, e);
	}
	(void)str_copy(
	    l->redirect, sizeof(l->redirect), said(ask->body, "redirect_uri"));
	if (strnlen(sealed->challenge, WIRE_RANDOM) != WIRE_RANDOM - 1) {
		return err_set(
		    e, ERR_UNAVAILABLE, "the vault made no verifier");
	}
	return answer_url(c, ask, k, l, sealed->challenge, e);
}

static int
take_row(struct core *c, struct core_ask *ask,
    const struct wire_vault_sealed *sealed, struct core_credential **out,
    struct err *e)
{
	struct core_credential *k = core_oauth_find(c, str_of(ask->credential));

	if (core_login_row(c, sealed, e)) {
		return -1;
	}
	if (ask->version != core_credential_version(c, ask->credential) + 1 ||
	    (!ask->putting && (!k || k->archived))) {
		return err_set(e, ERR_CONFLICT,
		    "the credential %s was changed meanwhile: nothing was "
		    "written",
		    ask->credential);
	}
	/* Its endpoint may have been asked while the vault made the row: what
	 * it answers would be of tokens that are not these any more. */
	if (!ask->putting && core_login_alone(c, k, e)) {
		return -1;
	}
	if (ask->putting) {
		k = core_draft_read(c, &ask->arena, ask->body, e);
		if (!k) {
			return -1;
		}
		if (core_oauth_secret_told(k, sealed->has, e)) {
			core_credential_free(k);
			return -1;
		}
		core_credential_add(c, k);
		core_text(k->closed, sizeof(k->closed),
		    "no token for it yet: nobody has logged in");
		core_credential_seen_after(c);
	}
	core_oauth_row(c, k, str_span(sealed->row, sealed->row_size),
	    &sealed->marks, sealed->has, sealed->expires);
	core_credential_record(c, k, BOOK_LOGIN_BEGUN, ask->operator_);
	*out = k;
	return 0;
}

void
core_login_sealed(struct core *c, struct core_ask *ask,
    const struct wire_vault_sealed *sealed)
{
	struct core_credential *k = NULL;
	struct err e = { 0 };

	if (take_row(c, ask, sealed, &k, &e) || go_on(c, ask, k, sealed, &e)) {
		core_answer_err_after(c, ask, &e);
	}
}

/* --- what came back --------------------------------------------------------
 */

static int
go_code(struct core *c, struct core_ask *ask, struct core_login *l,
    struct core_credential *k, struct err *e)
{
	struct arena *a = &ask->arena;
	auto_buf box = { 0 };
	bool named = str_eq_z(core_oauth_fact(a, k, "names_issuer"), "true");
	struct oauth_redirect got = {
		.state = said(ask->body, "state"),
		.iss = said(ask->body, "iss"),
		.error = said(ask->body, "error"),
	};
	struct core_oauth_ask how = {
		.use = WIRE_USE_CODE,
		.redirect = arena_str(a, str_of(l->redirect)),
	};

	if (oauth_redirect_check(&got, str_of(l->state),
	        core_oauth_fact(a, k, "issuer"), named, e) ||
	    core_login_alone(c, k, e)) {
		return -1;
	}
	login_drop(c, str_of(k->id)); /* one try: a code is used once */
	if (got.error.len) {
		return err_set(
		    e, ERR_DENIED, "the issuer said %s", err_quote(got.error));
	}
	if (!base64_decode(&box, said(ask->body, "code")) || !box.len ||
	    box.len > WIRE_CODE_MAX) {
		return err_set(e, ERR_INPUT,
		    "expected \"code\": the code of the redirect, sealed to "
		    "the vault's key");
	}
	how.code = buf_str(&box);
	return ask_endpoint(c, ask, k, &how, e);
}

static int
go_device(struct core *c, struct core_ask *ask, struct core_login *l,
    struct core_credential *k, struct err *e)
{
	struct core_oauth_ask how = { .use = WIRE_USE_DEVICE };
	struct oauth_told early = { .end = OAUTH_PENDING };

	if (!mono_passed(l->next_ask, mono_now())) {
		core_text(ask->credential, sizeof(ask->credential), k->name);
		answer_login(c, ask, l, k, &early);
		return 0;
	}
	return ask_endpoint(c, ask, k, &how, e);
}

int
route_login_go(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_credential *k = core_oauth_find(c, ask->part);
	struct core_login *l = k ? login_find(c, str_of(k->id)) : NULL;

	if (!l || k->archived) {
		return err_set(e, ERR_MISSING,
		    "no login is under way for %s: `handrail vault login` "
		    "begins one",
		    err_quote(ask->part));
	}
	return l->flow == FLOW_DEVICE ? go_device(c, ask, l, k, e)
	                              : go_code(c, ask, l, k, e);
}
