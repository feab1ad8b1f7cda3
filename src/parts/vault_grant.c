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

/* --- rows --- */

static struct vault_row *
row_new(const struct wire_binding *binding, const uint8_t *row, size_t size)
{
	struct vault_row *r = calloc(1, sizeof(*r));

	must(r);
	r->uses = 1;
	r->binding = *binding;
	buf_add(&r->bytes, str_span(row, size));
	return r;
}

void
vault_row_give(struct vault_row *r)
{
	if (r && --r->uses == 0) {
		buf_fini(&r->bytes);
		free(r->fault);
		free(r);
	}
}

static struct err *
fault_new(const struct err *e)
{
	struct err *fault = calloc(1, sizeof(*fault));

	must(fault);
	*fault = *e;
	return fault;
}

/* --- grants --- */

static int
check_new(struct vault *v, struct vault_cell *of, uint64_t number,
    uint64_t not_after, struct err *e)
{
	int64_t ahead = (int64_t)not_after - mono_now().us;

	if (number == 0) {
		return err_set(e, ERR_INPUT, "a grant has a wrong form");
	}
	if (ahead <= 0 || ahead > SEAL_GRANT_MAX_US) {
		return err_set(e, ERR_DENIED, "a grant lives at most 30 s");
	}
	return vault_grant_find(of, number)
	           ? err_set(e, ERR_CONFLICT, "a grant was made twice")
	           : vault_room(v, of, e);
}

static int
check_grant(struct vault *v, const struct wire_vault_grant *in, struct err *e)
{
	if (!vault_binding_ok(&in->binding) ||
	    !wire_text_ok(in->host, sizeof(in->host)) ||
	    !wire_text_ok(in->client, sizeof(in->client)) ||
	    in->use > WIRE_USE_TAKEN || in->row_size > sizeof(in->row)) {
		return err_set(e, ERR_INPUT, "a grant has a wrong form");
	}
	struct vault_cell *of = vault_cell_of(v, in->cell);

	vault_grants_age(v, of);
	return check_new(v, of, in->number, in->not_after, e);
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
	g->row = row_new(&in->binding, in->row, in->row_size);
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
	g->secret = (enum wire_client)in->secret;
	g->code = code;
	(void)str_copy(g->client, sizeof(g->client), str_of(in->client));
	vault_grant_add(v, vault_cell_of(v, in->cell), g);
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

	vault_hear_lends(v);
	if (check_grant(v, in, &e) || check_row(v, in, &e) ||
	    take_code(v, in, &code, &e)) {
		vault_say(out.text, sizeof(out.text), &e);
	} else {
		keep_grant(v, in, code);
		out.ok = 1;
	}
	wire_send(peer, WIRE_VAULT_GRANTED, &out, NULL, 0);
}

/* --- many at once --- */

static void
take_row(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_row *in = record;
	struct seal_binding binding;
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (in->place >= WIRE_ROWS) {
		return;
	}
	/* What was there is not lent in its stead. */
	vault_row_give(v->rows[in->place]);
	v->rows[in->place] = NULL;
	if (in->row_size > sizeof(in->row) || !vault_binding_ok(&in->binding)) {
		return; /* grants that name it hear that there is none */
	}
	struct vault_row *r = v->rows[in->place] =
	    row_new(&in->binding, in->row, in->row_size);

	vault_binding(&binding, &r->binding);
	if (seal_row_check(v->key, buf_str(&r->bytes), &binding, &e)) {
		r->fault = fault_new(&e);
	}
}

/* The row of a place, if its own binding lets it go there. */
static int
check_place(const struct vault *v, const struct wire_vault_lend *in,
    struct vault_row **row, struct err *e)
{
	struct seal_binding binding;
	struct vault_row *r = in->place < WIRE_ROWS ? v->rows[in->place] : NULL;

	if (!r) {
		return err_set(e, ERR_INPUT, "a grant names no row");
	}
	if (r->fault) {
		*e = *r->fault;
		return -1;
	}
	vault_binding(&binding, &r->binding);
	*row = r;
	return seal_binding_allows(&binding, str_of(in->host), in->port)
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "the credential %s is bound to %s, not to %s:%u",
	                 r->binding.credential, r->binding.hosts, in->host,
	                 in->port);
}

static struct lent *
lent_new(const struct wire_vault_lend *in, uint64_t number,
    struct vault_row *row, const struct err *fault)
{
	struct lent *g = calloc(1, sizeof(*g));

	must(g);
	g->cell = in->cell;
	g->use = WIRE_USE_ACCESS;
	g->grant = (struct seal_grant){
		.number = number,
		.cell = (uint32_t)in->cell,
		.epoch = in->claim_epoch,
		.not_after = { (int64_t)in->not_after },
		.port = in->port,
		.place = SEAL_IN_HEADER,
		.once = true,
	};
	if (row) {
		row->uses++;
		g->row = row;
		g->grant.version = row->binding.version;
		(void)str_copy(g->grant.credential, sizeof(g->grant.credential),
		    str_of(row->binding.credential));
	}
	(void)str_copy(g->grant.host, sizeof(g->grant.host), str_of(in->host));
	g->fault = fault ? fault_new(fault) : NULL;
	return g;
}

static void
take_lend(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_lend *in = record;
	struct vault_row *row = NULL;
	struct err bad = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!wire_text_ok(in->host, sizeof(in->host))) {
		return;
	}
	struct vault_cell *of = vault_cell_of(v, in->cell);
	bool good = check_place(v, in, &row, &bad) == 0;

	vault_grants_age(v, of);
	for (unsigned n = 0; n < in->count && n < WIRE_TOGETHER; n++) {
		struct err e = { 0 };

		/* Of another that cannot be kept nobody hears but that there
		 * is no such grant. */
		if (check_new(v, of, in->number[n], in->not_after, &e) == 0) {
			vault_grant_add(v, of,
			    lent_new(in, in->number[n], good ? row : NULL,
			        good ? NULL : &bad));
		} else if (e.kind == ERR_LIMIT) {
			vault_leave_out(v, in->cell, in->number[n]);
		}
	}
}

static const struct wire_handler lends_handlers[] = {
	{ WIRE_VAULT_ROW, take_row },
	{ WIRE_VAULT_LEND, take_lend },
};

static void
lends_closed(void *owner, struct wire_peer *peer,
    __attribute__((unused)) const struct err *why)
{
	struct vault *v = owner;

	wire_peer_free(peer);
	v->lends = NULL;
}

void
vault_take_lends(void *owner, __attribute__((unused)) struct wire_peer *peer,
    __attribute__((unused)) const void *record, int *fds, size_t nfds)
{
	struct vault *v = owner;

	must(nfds == 1);
	wire_peer_free(v->lends);
	v->lends = vault_channel(
	    v, &fds[0], lends_handlers, COUNT(lends_handlers), lends_closed);
	if (v->lends) {
		wire_quiet(v->lends);
	}
}

void
vault_hear_lends(struct vault *v)
{
	if (v->lends) {
		wire_poll(v->lends);
	}
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
	vault_hear_lends(owner);
	if (wire_text_ok(in->credential, sizeof(in->credential))) {
		vault_grants_over(owner, in);
		vault_taken_over(owner, in->credential);
	}
}

/* A run ended, or what allowed these requests: what was lent on is not lent. */
void
vault_take_unlend(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_unlend *in = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	vault_hear_lends(v);
	struct vault_cell *of = vault_cell_of(v, in->cell);

	for (unsigned n = 0; n < in->count && n < WIRE_TOGETHER; n++) {
		struct lent **at = vault_grant_find(of, in->number[n]);

		if (at && !(*at)->spent) {
			vault_grant_drop(v, of, at);
		}
	}
}
