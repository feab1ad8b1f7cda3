/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants: one use of one credential, made by core after its intent was
 * committed, taken by the one egress it is for.  A credential's value goes to
 * the hosts of its binding; a refresh token, a code, a verifier and a client's
 * secret go to the issuer of it, and nowhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/vault.h"

#define SPENT_MAX 32 /* answers of token endpoints that a cell waits for */

void
vault_grant_drop(struct vault *v, struct lent **at)
{
	struct lent *g = *at;

	*at = g->next;
	secret_free(g->code);
	buf_fini(&g->row);
	free(g);
	v->grant_count--;
}

/* What is old, and what was granted of the credential that is over (or ""),
 * unless it is spent: only an answer of its issuer may come for it. */
static void
drop_grants(struct vault *v, const char *over)
{
	struct mono now = mono_now();

	for (struct lent **at = &v->grants; *at;) {
		const struct lent *g = *at;

		if (mono_passed(
		        g->spent ? g->until : g->grant.not_after, now) ||
		    (!g->spent && strcmp(g->grant.credential, over) == 0)) {
			vault_grant_drop(v, at);
		} else {
			at = &(*at)->next;
		}
	}
}

static int
check_grant(
    const struct vault *v, const struct wire_vault_grant *in, struct err *e)
{
	int64_t ahead = (int64_t)in->not_after - mono_now().us;

	if (!vault_binding_ok(&in->binding) ||
	    !wire_text_ok(in->host, sizeof(in->host)) ||
	    !wire_text_ok(in->client, sizeof(in->client)) ||
	    in->use > WIRE_USE_TAKEN || in->row_size > sizeof(in->row) ||
	    in->number == 0) {
		return err_set(e, ERR_INPUT, "a grant has a wrong form");
	}
	if (ahead <= 0 || ahead > SEAL_GRANT_MAX_US) {
		return err_set(e, ERR_DENIED, "a grant lives at most 30 s");
	}
	for (const struct lent *g = v->grants; g; g = g->next) {
		if (g->grant.number == in->number) {
			return err_set(
			    e, ERR_CONFLICT, "a grant was made twice");
		}
	}
	return v->grant_count < VAULT_GRANTS
	           ? 0
	           : err_set(e, ERR_LIMIT, "too many grants wait to be used");
}

/* The sealed row's own binding decides where it may go, not core's word. */
static int
check_row(
    const struct vault *v, const struct wire_vault_grant *in, struct err *e)
{
	struct seal_binding binding;

	vault_binding(&binding, &in->binding);
	if (seal_row_check(
	        v->key, str_span(in->row, in->row_size), &binding, e)) {
		return -1;
	}
	bool value_itself =
	    in->use == WIRE_USE_ACCESS || in->use == WIRE_USE_TAKEN;
	bool allowed =
	    value_itself
	        ? seal_binding_allows(&binding, str_of(in->host), in->port)
	        : seal_kind_is_tokens(binding.kind) &&
	              seal_binding_issues(&binding, str_of(in->host), in->port);

	return allowed
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "the credential %s is bound to %s, not to %s:%u",
	                 in->binding.credential,
	                 value_itself ? in->binding.hosts : in->binding.issuer,
	                 in->host, in->port);
}

static int
take_code(struct vault *v, const struct wire_vault_grant *in,
    struct secret **code, struct err *e)
{
	if (in->use != WIRE_USE_CODE) {
		return 0;
	}
	*code = vault_code_take(v, in->number);
	return *code ? 0
	             : err_set(e, ERR_MISSING,
	                   "the code of this login did not come to the vault: "
	                   "begin it anew");
}

static void
keep_grant(
    struct vault *v, const struct wire_vault_grant *in, struct secret *code)
{
	struct lent *g = calloc(1, sizeof(*g));

	must(g);
	g->cell = in->cell;
	g->binding = in->binding;
	g->grant = (struct seal_grant){
		.number = in->number,
		.cell = (uint32_t)in->cell,
		.epoch = in->claim_epoch,
		.not_after = { (int64_t)in->not_after },
		.version = in->binding.version,
		.port = in->port,
		.place = in->use == WIRE_USE_ACCESS || in->use == WIRE_USE_TAKEN
		             ? SEAL_IN_HEADER
		             : SEAL_IN_TOKEN,
		.once = true,
	};
	(void)str_copy(g->grant.credential, sizeof(g->grant.credential),
	    str_of(in->binding.credential));
	(void)str_copy(g->grant.host, sizeof(g->grant.host), str_of(in->host));
	g->use = (enum wire_use)in->use;
	g->basic = in->basic;
	g->code = code;
	(void)str_copy(g->client, sizeof(g->client), str_of(in->client));
	buf_add(&g->row, str_span(in->row, in->row_size));
	g->next = v->grants;
	v->grants = g;
	v->grant_count++;
}

void
vault_take_grant(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_grant *in = record;
	struct wire_vault_granted out = { .number = in->number };
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	struct secret *code = NULL;

	drop_grants(v, "");
	if (check_grant(v, in, &e) || check_row(v, in, &e) ||
	    take_code(v, in, &code, &e)) {
		vault_say(out.text, sizeof(out.text), &e);
	} else {
		keep_grant(v, in, code);
		out.ok = 1;
	}
	wire_send(peer, WIRE_VAULT_GRANTED, &out, NULL, 0);
}

/* P09: an upstream that keeps its handshake open gets no value that is over. */
void
vault_take_revoke(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	const struct wire_vault_revoke *in = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	if (wire_text_ok(in->credential, sizeof(in->credential))) {
		drop_grants(owner, in->credential);
	}
}

/* --- redeeming --- */

/* Of an OAuth credential the access token is lent, while it lives. */
static int
take_access(struct str *clear, struct err *e)
{
	struct seal_tokens tokens;

	if (seal_tokens_read(*clear, &tokens, e)) {
		return -1;
	}
	if (!tokens.access.len ||
	    (tokens.expires &&
	        tokens.expires * CLOCK_SECOND <= wall_now().us)) {
		return err_set(e, ERR_DENIED,
		    "the access token has ended: `handrail vault login` or "
		    "`rotate` "
		    "puts a new one in");
	}
	*clear = tokens.access;
	return 0;
}

struct lent **
vault_grant_find(struct vault *v, const struct borrower *b, uint64_t number)
{
	struct lent **at = &v->grants;

	while (*at && (*at)->grant.number != number) {
		at = &(*at)->next;
	}
	/* A number that is another cell's is as unknown as any. */
	return *at && (*at)->cell == b->cell ? at : NULL;
}

static int
check_use(const struct lent *g, const struct wire_redeem *in, struct err *e)
{
	struct seal_grant_use use = {
		.number = in->number,
		.cell = (uint32_t)g->cell,
		.epoch = g->grant.epoch,
		.version = g->grant.version,
		.port = in->port,
		.place = g->grant.place,
		.credential = str_of(g->grant.credential),
		.host = str_of(in->host),
	};

	return seal_grant_check(&g->grant, &use, mono_now(), e);
}

/* Of the value a part is lent, or what was made of it, in `text`. */
static int
lend_what(const struct vault *v, const struct lent *g, struct str *clear,
    struct buf *text, struct err *e)
{
	if (g->use == WIRE_USE_TAKEN) {
		return vault_taken_find(v, g, clear, e);
	}
	if (g->use == WIRE_USE_ACCESS) {
		return take_access(clear, e);
	}
	if (vault_token_text(g, *clear, text, e)) {
		return -1;
	}
	*clear = buf_str(text);
	return 0;
}

static int
lend_part(const struct vault *v, const struct lent *g,
    const struct seal_binding *binding, struct wire_credential *out,
    struct err *e)
{
	auto_secret value = NULL;
	struct buf text = { 0 };
	struct str clear;

	if (seal_row_open(v->key, buf_str(&g->row), binding, &value, e)) {
		return -1;
	}
	secret_open(value, &clear);
	if (lend_what(v, g, &clear, &text, e)) {
		buf_wipe(&text);
		return -1;
	}
	must(clear.len <= sizeof(out->secret));
	memcpy(out->secret, clear.at, clear.len);
	out->size = (uint32_t)clear.len;
	buf_wipe(&text);
	return 0;
}

/* The value as it is goes from its row into the record and nowhere else. */
static int
lend_whole(const struct vault *v, const struct lent *g,
    const struct seal_binding *binding, struct wire_credential *out,
    struct err *e)
{
	uint8_t clear[WIRE_ROW_MAX];
	struct seal_lent to = { .at = clear, .room = sizeof(clear) };

	if (seal_row_lend(v->key, buf_str(&g->row), binding, &to, e)) {
		return -1;
	}
	must(to.size <= sizeof(out->secret));
	memcpy(out->secret, clear, to.size);
	out->size = (uint32_t)to.size;
	wipe(clear, to.size);
	return 0;
}

/* One cell has so many answers outstanding at most: the oldest goes. */
static void
bound_spent(struct vault *v, uint64_t cell)
{
	struct lent **oldest = NULL;
	size_t count = 0;

	for (struct lent **at = &v->grants; *at; at = &(*at)->next) {
		if ((*at)->spent && (*at)->cell == cell) {
			oldest = at;
			count++;
		}
	}
	if (count >= SPENT_MAX) {
		vault_grant_drop(v, oldest);
	}
}

/* Once; of what a token endpoint is asked with, the answer may still come. */
static void
use_up(struct vault *v, struct lent **at)
{
	struct lent *g = *at;

	if (g->use == WIRE_USE_ACCESS || g->use == WIRE_USE_TAKEN) {
		vault_grant_drop(v, at);
		return;
	}
	if (g->cell) {
		bound_spent(v, g->cell);
	}
	g->grant.used = true;
	g->spent = true;
	g->until = mono_after(mono_now(), VAULT_KEEP_US);
}

static int
lend(struct vault *v, const struct borrower *b, const struct wire_redeem *in,
    struct wire_credential *out, struct err *e)
{
	struct lent **at = vault_grant_find(v, b, in->number);
	struct seal_binding binding;

	if (!at || !wire_text_ok(in->host, sizeof(in->host))) {
		return err_set(e, ERR_DENIED,
		    "there is no such grant, or its value is over");
	}
	if (check_use(*at, in, e)) {
		return -1;
	}
	vault_binding(&binding, &(*at)->binding);
	bool whole = (*at)->use == WIRE_USE_ACCESS &&
	             !seal_kind_is_tokens(binding.kind);

	if (whole ? lend_whole(v, *at, &binding, out, e)
	          : lend_part(v, *at, &binding, out, e)) {
		return -1;
	}
	out->ok = 1;
	use_up(v, at);
	return 0;
}

void
vault_take_redeem(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct borrower *b = owner;
	const struct wire_redeem *in = record;
	struct wire_credential out = { .number = in->number };
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (lend(b->vault, b, in, &out, &e)) {
		vault_say(out.text, sizeof(out.text), &e);
	}
	wire_send(peer, WIRE_CREDENTIAL, &out, NULL, 0);
	wipe(&out, sizeof(out));
}

void
vault_grants_gone(struct vault *v, uint64_t cell)
{
	vault_taken_gone(v, cell);
	for (struct lent **at = &v->grants; *at;) {
		if ((*at)->cell == cell) {
			vault_grant_drop(v, at);
		} else {
			at = &(*at)->next;
		}
	}
}
