/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a token endpoint, one question at a time for each credential.
 *
 *   asked     `credential_asked` and the request's intent are one batch; the
 *             row says `asked`, so that a start knows that the refresh token
 *             may be used up
 *   answered  the egress has told how it ended, without tokens
 *   sealed    the vault has made the next row of them; `credential_renewed`
 *   settled   that row is on the disk: only now may it be lent, and whoever
 *             waited goes on
 *
 * A no closes the credential until somebody logs in.  Anything else that is no
 * yes is tried again, with the same refresh token, after a pause that doubles,
 * or the longer one that the endpoint wants; if the endpoint has rotated it
 * meanwhile, that question ends with its no.  What is said of a row that is the
 * credential's no more says nothing of the one that is: whoever waits asks
 * anew.
 */
#include "parts/core_oauth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts/core_draft.h"
#include "parts/core_egress.h"

#define ASK_US     (20 * CLOCK_SECOND) /* below what an egress waits */
#define SEAL_US    (10 * CLOCK_SECOND)
#define PAUSE_US   (5 * CLOCK_SECOND)
#define PAUSE_MOST (300 * CLOCK_SECOND)

struct core_asking {
	struct core_asking *next;
	struct core *core;
	uint64_t number;
	uint64_t request; /* of its intent and grant */
	char name[WIRE_CREDENTIAL_MAX];
	uint32_t version; /* of the row that is lent for it */
	enum wire_use use;
	bool answered; /* with tokens, which the vault has */
	bool sealed;
	bool settled;
	struct buf told;
	char lost[WIRE_TEXT_MAX]; /* why nothing was told */
	struct loop_timer patience;
	uint64_t owner;
	core_oauth_done_fn *done;
};

static const char *
use_name(enum wire_use use)
{
	static const char *const names[] = {
		[WIRE_USE_ACCESS] = "access",
		[WIRE_USE_REFRESH] = "refresh",
		[WIRE_USE_CLIENT] = "client_credentials",
		[WIRE_USE_CODE] = "authorization_code",
		[WIRE_USE_DEVICE] = "device_code",
		[WIRE_USE_BEGIN] = "device_authorization",
		[WIRE_USE_TAKE] = "sandbox",
		[WIRE_USE_TAKEN] = "sandbox",
	};

	return names[use];
}

struct core_credential *
core_oauth_find(struct core *c, struct str name)
{
	struct core_credential *k = c->credentials;

	while (k && !str_eq_z(name, k->name) && !str_eq_z(name, k->id)) {
		k = k->next;
	}
	return k;
}

struct str
core_oauth_fact(
    struct arena *a, const struct core_credential *k, const char *name)
{
	struct str text = STR("");
	struct json *facts;
	struct err e = { 0 };

	if (k->facts.len &&
	    json_parse(a, buf_str(&k->facts), NULL, &facts, &e) == 0) {
		(void)json_text(facts, name, &text);
	}
	return text;
}

enum wire_client
core_oauth_secret(struct arena *a, const struct core_credential *k)
{
	struct str auth = core_oauth_fact(a, k, "token_endpoint_auth");

	return str_eq_z(auth, "none") ? WIRE_CLIENT_NONE
	       : (k->has & WIRE_HAS_CLIENT) &&
	               !str_eq_z(auth, "client_secret_post")
	           ? WIRE_CLIENT_BASIC
	           : WIRE_CLIENT_FORM;
}

static struct core_asking *
asking_find(struct core *c, uint64_t number)
{
	struct core_asking *q = c->askings;

	while (q && q->number != number) {
		q = q->next;
	}
	return q;
}

bool
core_oauth_asking(const struct core *c, const char *name)
{
	const struct core_asking *q = c->askings;

	while (q && strcmp(q->name, name) != 0) {
		q = q->next;
	}
	return q != NULL;
}

/* The credential, while its row is the one that was asked with. */
static struct core_credential *
asked_of(struct core *c, const struct core_asking *q)
{
	struct core_credential *k = core_oauth_find(c, str_of(q->name));

	return k && !k->archived && k->version == q->version &&
	               core_credential_version(c, k->name) == q->version
	           ? k
	           : NULL;
}

static void
asking_free(struct core *c, struct core_asking *q)
{
	for (struct core_asking **at = &c->askings; *at; at = &(*at)->next) {
		if (*at == q) {
			*at = q->next;
			break;
		}
	}
	loop_timer_cancel(&q->patience);
	buf_fini(&q->told);
	free(q);
}

/* --- how it ends -----------------------------------------------------------
 */

static void
tell(struct core *c, struct core_asking *q, const struct oauth_told *told,
    const char *why)
{
	const struct core_credential *k = core_oauth_find(c, str_of(q->name));

	if (q->done) {
		q->done(c, q->owner, k, told, why);
	}
	char name[sizeof(q->name)];

	memcpy(name, q->name, sizeof(name));
	asking_free(c, q);
	/* Who came while another question was under way asks its own. */
	core_oauth_release(c, name);
}

static void
over(struct core *c, struct core_asking *q)
{
	auto_arena a = { 0 };
	struct oauth_told told = { .end = OAUTH_TOKENS };
	struct err e = { 0 };

	if (!q->answered || !q->settled) {
		return;
	}
	if (q->told.len) {
		must(oauth_told_read(&a, buf_str(&q->told), &told, &e) == 0);
	}
	/* With a device code goes what its person would have been shown. */
	tell(c, q, !q->told.len && q->use == WIRE_USE_BEGIN ? NULL : &told,
	    q->lost);
}

/* `retry`: the seconds that the endpoint wants. */
static int64_t
pause_before(const struct core_credential *k, int64_t retry)
{
	int64_t pause = duration_doubled(PAUSE_US, k->fails, PAUSE_MOST);

	return retry * CLOCK_SECOND > pause ? retry * CLOCK_SECOND : pause;
}

/* Nobody knows whether the token that was sent still lives. */
static void
fail(struct core *c, struct core_asking *q, const struct oauth_told *told,
    const char *why)
{
	if (q->sealed) { /* what came is kept, whatever happened behind it */
		core_text(q->lost, sizeof(q->lost), why);
		q->answered = true;
		over(c, q);
		return;
	}
	struct core_credential *k = asked_of(c, q);

	if (k && q->use <= WIRE_USE_CLIENT) {
		int64_t pause = pause_before(k, told ? told->retry : 0);
		char text[WIRE_TEXT_MAX];
		auto_buf wait = { 0 };

		k->again = mono_after(mono_now(), pause);
		k->fails++;
		(void)snprintf(text, sizeof(text),
		    "no new token for %s: " STR_FMT, k->name,
		    STR_ARG(str_utf8_cut(str_of(why), 160)));
		duration_add(&wait, pause);
		log_line(LOG_WARN, "vault", "%s; asked again in %s", text,
		    buf_z(&wait));
		core_oauth_refuse(c, k, text);
	}
	tell(c, q, told, why);
}

/* A no of the endpoint that stays one. */
static void
close_credential(
    struct core *c, struct core_asking *q, const struct oauth_told *told)
{
	struct core_credential *k = asked_of(c, q);

	if (k && q->use <= WIRE_USE_CLIENT) {
		(void)snprintf(k->closed, sizeof(k->closed),
		    "no token for it any more: its token endpoint "
		    "said " STR_FMT,
		    STR_ARG(told->error));
		k->asked = false;
		core_credential_record(c, k, BOOK_CREDENTIAL_CLOSED, NULL);
		log_line(LOG_ERROR, "vault",
		    "the credential %s is not used: its token endpoint "
		    "said " STR_FMT "; `handrail vault login %s` mends it",
		    k->name, STR_ARG(told->error), k->name);
		core_oauth_refuse(c, k, k->closed);
	}
	tell(c, q, told, "");
}

static void
out_of_patience(void *owner)
{
	struct core_asking *q = owner;

	fail(q->core, q, NULL,
	    "the vault did not seal the tokens that came: they are lost");
}

/* That somebody has not said yes yet, or that it was asked too often, is an
 * answer to a device alone (RFC 8628, 3.5).  Whoever else hears it has no token
 * and asks again after a pause, and not at once. */
static enum oauth_end
end_of(const struct core_asking *q, const struct oauth_told *told)
{
	bool later = told->end == OAUTH_PENDING || told->end == OAUTH_SLOWER;

	return later && q->use != WIRE_USE_DEVICE ? OAUTH_FAILED : told->end;
}

static void
answered(struct core *c, struct core_asking *q, struct oauth_told *told,
    struct str body)
{
	char text[WIRE_TEXT_MAX];

	told->end = end_of(q, told);
	switch (told->end) {
	case OAUTH_TOKENS:
		q->answered = true;
		buf_add(&q->told, body);
		if (q->settled) {
			over(c, q);
		} else if (!q->sealed) {
			loop_timer_arm(&q->patience, c->part.loop,
			    mono_after(mono_now(), SEAL_US), out_of_patience,
			    q);
		}
		return;
	case OAUTH_CLOSED:
		close_credential(c, q, told);
		return;
	case OAUTH_PENDING:
	case OAUTH_SLOWER:
		tell(c, q, told, "");
		return;
	case OAUTH_FAILED:
		(void)snprintf(text, sizeof(text), "%.*s", (int)told->fault.len,
		    told->fault.at);
		fail(c, q, told, text);
		return;
	}
}

static void
http_done(struct core *c, uint64_t number, const struct wire_http_done *head,
    struct str body)
{
	struct core_asking *q = asking_find(c, number);
	auto_arena a = { 0 };
	struct oauth_told told = { 0 };
	struct err e = { 0 };

	if (!q) {
		return;
	}
	if (!head->ok) {
		fail(c, q, NULL, head->text);
	} else if (oauth_told_read(&a, body, &told, &e)) {
		fail(c, q, NULL, e.text);
	} else {
		answered(c, q, &told, body);
	}
}

/* --- the new row ------------------------------------------------------- */

/* Only now may it be lent. */
static void
row_settled(struct core *c, uint64_t number)
{
	for (struct core_credential *k = c->credentials; k; k = k->next) {
		if (k->settling == number) {
			k->settling = 0;
			core_oauth_release(c, k->name);
		}
	}
}

void
core_oauth_settle(struct core *c, struct core_credential *k)
{
	k->settling = core_number(c);
	core_after(c, row_settled, k->settling);
}

void
core_oauth_row(struct core *c, struct core_credential *k, struct str row,
    const struct wire_marks *marks, uint32_t has, int64_t expires)
{
	uint8_t spread;
	int64_t now = wall_now().us / CLOCK_SECOND;

	random_bytes(&spread, 1);
	core_mark_passed(c, k, marks);
	k->version = core_credential_version(c, k->name) + 1;
	k->checked = true;
	k->refused[0] = '\0';
	core_oauth_settle(c, k);
	k->has = has;
	k->renew = expires > now
	               ? now + oauth_renew_after(expires - now, spread)
	               : expires;
	k->expires = expires;
	k->changed = wall_now();
	buf_clear(&k->row);
	buf_add(&k->row, row);
}

static void
settled(struct core *c, uint64_t number)
{
	struct core_asking *q = asking_find(c, number);

	if (!q) {
		return;
	}
	q->settled = true;
	over(c, q);
}

static void
keep(struct core *c, struct core_asking *q, const struct wire_vault_kept *in)
{
	struct core_credential *k = core_oauth_find(c, str_of(q->name));

	q->sealed = true;
	loop_timer_cancel(&q->patience);
	core_oauth_row(c, k, str_span(in->row, in->row_size), &in->marks,
	    in->has, in->expires);
	k->asked = false;
	k->fails = 0;
	k->again = (struct mono){ 0 };
	if (q->use == WIRE_USE_BEGIN) {
		core_credential_record(c, k, BOOK_LOGIN_BEGUN, NULL);
	} else {
		k->closed[0] = '\0';
		k->rotated = k->changed;
		core_credential_record(c, k, BOOK_CREDENTIAL_RENEWED, NULL);
	}
	core_after(c, settled, q->number);
}

void
core_vault_kept(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_kept *in = record;
	struct core_asking *q = c->askings;

	(void)peer;
	(void)fds;
	(void)nfds;
	while (q && q->request != in->number) {
		q = q->next;
	}
	if (!q || q->sealed) {
		return;
	}
	if (!in->ok || in->row_size > sizeof(in->row)) {
		fail(c, q, NULL,
		    wire_text_ok(in->text, sizeof(in->text)) ? in->text
		                                             : "refused");
	} else if (!asked_of(c, q)) {
		fail(c, q, NULL, "the credential was changed meanwhile");
	} else {
		keep(c, q, in);
	}
}

/* --- asking ------------------------------------------------------------ */

/* What of the form is no secret. */
static void
write_form(struct arena *a, const struct core_credential *k,
    const struct core_oauth_ask *asked, enum wire_client secret,
    struct buf *form)
{
	static const char *const grants[] = {
		[WIRE_USE_REFRESH] = "refresh_token",
		[WIRE_USE_CLIENT] = "client_credentials",
		[WIRE_USE_CODE] = "authorization_code",
		[WIRE_USE_DEVICE] =
		    "urn:ietf:params:oauth:grant-type:device_code",
		[WIRE_USE_BEGIN] = "",
	};
	bool scope =
	    asked->use == WIRE_USE_CLIENT || asked->use == WIRE_USE_BEGIN;

	oauth_form_add(form, "grant_type", str_of(grants[asked->use]));
	if (secret != WIRE_CLIENT_BASIC) {
		oauth_form_add(
		    form, "client_id", core_oauth_fact(a, k, "client_id"));
	}
	oauth_form_add(form, "redirect_uri", asked->redirect);
	oauth_form_add(form, "resource", core_oauth_fact(a, k, "resource"));
	if (scope) {
		oauth_form_add(form, "scope", core_oauth_fact(a, k, "scope"));
	}
}

static void
write_asked(struct core *c, struct core_credential *k,
    const struct core_oauth_ask *asked)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct core_event event = {
		.kind = BOOK_CREDENTIAL_ASKED,
		.rule = str_of(k->name),
		.call = k->version,
	};

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "use", use_name(asked->use));
	json_out_z(&o, "endpoint", k->issuer);
	if (k->asked) {
		json_out_bool(&o, "again", true);
	}
	json_out_end(&o, '}');
	event.body = buf_str(&body);
	k->asked = true;
	core_credential_save(c, k);
	(void)core_append(c, &event);
}

static void
send(struct core *c, struct core_credential *k,
    const struct core_oauth_ask *asked, struct core_asking *q)
{
	auto_arena a = { 0 };
	auto_buf form = { 0 };
	enum wire_client secret = core_oauth_secret(&a, k);
	const struct config_issuer *how =
	    roles_find_issuer(&c->house.config, str_of(k->issuer));
	uint64_t assumed = 0;
	uint64_t number = q->number;

	(void)str_u64(core_oauth_fact(&a, k, "lifetime"), &assumed);
	write_form(&a, k, asked, secret, &form);
	write_asked(c, k, asked);
	struct core_http h = {
		.rule = arena_printf(&a, "vault.%s", k->name),
		.method = STR("POST"),
		.url = core_oauth_fact(&a, k,
		    asked->use == WIRE_USE_BEGIN
		        ? "device_authorization_endpoint"
		        : "token_endpoint"),
		.headers =
		    STR("Content-Type: application/x-www-form-urlencoded\r\n"
		        "Accept: application/json\r\n"),
		.body = buf_str(&form),
		.credential = str_of(k->name),
		.place = WIRE_PLACE_TOKEN,
		.upstream = how ? how->upstream : STR(""),
		.ca = how ? how->ca : STR(""),
		.timeout = ASK_US,
		.answer_limit = OAUTH_ANSWER_MAX,
		.use = asked->use,
		.secret = secret,
		.client = core_oauth_fact(&a, k, "client_id"),
		.capture = asked->use == WIRE_USE_BEGIN ? WIRE_CAPTURE_DEVICE
		                                        : WIRE_CAPTURE_TOKENS,
		.assumed = (uint32_t)assumed,
		.code = asked->code,
		.number = number,
		.done = http_done,
	};
	uint64_t request = core_http_do(c, &h);

	q = asking_find(c, number); /* it may have ended at once */
	if (q) {
		q->request = request;
	}
}

int
core_oauth_ask(struct core *c, struct core_credential *k,
    const struct core_oauth_ask *asked, struct err *e)
{
	struct core_asking *q;

	if (core_oauth_asking(c, k->name)) {
		return err_set(e, ERR_CONFLICT,
		    "the token endpoint is being asked for the credential %s: "
		    "try again in a moment",
		    k->name);
	}
	q = calloc(1, sizeof(*q));
	must(q);
	q->core = c;
	q->number = core_number(c);
	q->use = asked->use;
	q->owner = asked->owner;
	q->done = asked->done;
	q->version = k->version;
	core_text(q->name, sizeof(q->name), k->name);
	q->next = c->askings;
	c->askings = q;
	send(c, k, asked, q);
	return 0;
}
