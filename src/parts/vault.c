/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault: the root key in locked memory and nothing else.  It answers core
 * (seal this box, register this grant, sign this text) and lends one secret to
 * one egress for one request, on a grant that core made after the commit.
 *
 * The key is read before the powers are given up (room rootkey).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jail/jail.h"
#include "parts/part.h"
#include "rootkey/rootkey.h"
#include "seal/seal.h"

#define GRANTS_MAX 1024
#define OPENED_MAX 64 /* rows that stay open from grant to redeem */
#define LENT_MAX   4096

struct lent {
	struct lent *next;
	struct seal_grant grant;
	uint64_t cell; /* the whole number; the grant's own field is 32 bits */
	struct wire_binding binding;
	struct buf row;
	struct secret *clear; /* NULL: opened again when it is lent */
};

struct borrower {
	struct borrower *next;
	struct vault *vault;
	uint64_t cell;
	struct wire_peer *peer;
};

struct vault {
	struct part_self part;
	struct seal_key *key;
	struct lent *grants;
	size_t grant_count;
	size_t opened_count;
	struct borrower *borrowers;
};

static int
open_key(struct vault *v, struct err *e)
{
	const char *state = part_arg(&v->part, "state");
	enum rootkey_source source;

	if (rootkey_where(state, &source, e) ||
	    rootkey_read(state, source, &v->key, e)) {
		e->kind = ERR_INPUT; /* the house cannot start like this */
		return -1;
	}
	return 0;
}

/* --- bindings --- */

static bool
text_ok(const struct wire_binding *in)
{
	return wire_text_ok(in->credential, sizeof(in->credential)) &&
	       wire_text_ok(in->hosts, sizeof(in->hosts)) &&
	       wire_text_ok(in->issuer, sizeof(in->issuer));
}

static void
fill_binding(struct seal_binding *b, const struct wire_binding *in)
{
	struct str rest = str_of(in->hosts);

	*b = (struct seal_binding){
		.id = str_of(in->credential),
		.version = in->version,
		.kind = (enum seal_kind)in->kind,
		.issuer = str_of(in->issuer),
	};
	memcpy(b->facts, in->facts, sizeof(b->facts));
	while (rest.len && b->host_count < SEAL_HOSTS_MAX) {
		struct str one;

		(void)str_cut(&rest, ' ', &one);
		if (one.len) {
			b->hosts[b->host_count++] = one;
		}
	}
}

static void
say_why(char *text, size_t size, const struct err *e)
{
	(void)str_copy(text, size, str_sub(str_of(e->text), 0, size - 1));
}

/* --- seal --- */

/* A value that would break a header's line cannot be used: it is refused before
 * it is kept (P06). */
static int
check_value(enum seal_kind kind, struct str clear, struct err *e)
{
	struct seal_tokens tokens;

	if (clear.len == 0 || clear.len > WIRE_SECRET_MAX) {
		return err_set(e, ERR_LIMIT,
		    "a credential's value has 1 to %d bytes", WIRE_SECRET_MAX);
	}
	if (seal_kind_is_tokens(kind)) {
		return seal_tokens_read(clear, &tokens, e);
	}
	for (size_t i = 0; i < clear.len; i++) {
		if (clear.at[i] == '\r' || clear.at[i] == '\n' ||
		    clear.at[i] == 0) {
			return err_set(e, ERR_INPUT,
			    "a credential's value has no line end and no NUL "
			    "in it");
		}
	}
	return 0;
}

/* Of tokens the one that lives longest: it is what must not come back. */
static void
mark_value(const struct vault *v, enum seal_kind kind, struct str clear,
    uint8_t mark[SEAL_MAC])
{
	struct seal_tokens tokens;
	struct err e = { 0 };

	if (seal_kind_is_tokens(kind) &&
	    seal_tokens_read(clear, &tokens, &e) == 0) {
		clear = tokens.refresh.len ? tokens.refresh : tokens.access;
	}
	seal_mark(v->key, clear, mark);
}

static int
seal_box_into_row(struct vault *v, const struct wire_vault_seal *in,
    struct wire_vault_sealed *out, struct err *e)
{
	auto_secret value = NULL;
	auto_buf row = { 0 };
	struct seal_binding binding;
	struct str clear;

	if (!text_ok(&in->binding) || in->box_size > sizeof(in->box)) {
		return err_set(
		    e, ERR_INPUT, "a request to seal has a wrong form");
	}
	if (seal_box_open(v->key, str_span(in->box, in->box_size), &value, e)) {
		return -1;
	}
	secret_open(value, &clear);
	fill_binding(&binding, &in->binding);
	if (check_value(binding.kind, clear, e) ||
	    seal_row(v->key, &binding, clear, &row, e)) {
		return -1;
	}
	if (row.len > sizeof(out->row)) {
		return err_set(e, ERR_LIMIT,
		    "the value with its hosts is too long by %zu bytes",
		    row.len - sizeof(out->row));
	}
	out->ok = 1;
	out->row_size = (uint32_t)row.len;
	memcpy(out->row, row.at, row.len);
	mark_value(v, binding.kind, clear, out->mark);
	return 0;
}

static void
take_seal(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_seal *in = record;
	struct wire_vault_sealed out = { .id = in->id };
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (seal_box_into_row(v, in, &out, &e)) {
		say_why(out.text, sizeof(out.text), &e);
	}
	wire_send(peer, WIRE_VAULT_SEALED, &out, NULL, 0);
}

static int
check_stored(const struct vault *v, const struct wire_vault_check *in,
    struct wire_vault_checked *out, struct err *e)
{
	auto_secret value = NULL;
	struct seal_binding binding;
	struct str clear;

	if (!text_ok(&in->binding) || in->row_size > sizeof(in->row)) {
		return err_set(e, ERR_INPUT, "a check has a wrong form");
	}
	fill_binding(&binding, &in->binding);
	if (seal_row_open(
	        v->key, str_span(in->row, in->row_size), &binding, &value, e)) {
		return -1;
	}
	secret_open(value, &clear);
	mark_value(v, binding.kind, clear, out->mark);
	out->ok = 1;
	return 0;
}

static void
take_check(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_check *in = record;
	struct wire_vault_checked out = { .id = in->id };
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (check_stored(v, in, &out, &e)) {
		say_why(out.text, sizeof(out.text), &e);
	}
	wire_send(peer, WIRE_VAULT_CHECKED, &out, NULL, 0);
}

/* --- grants --- */

static void
drop_grant(struct vault *v, struct lent **at)
{
	struct lent *g = *at;

	*at = g->next;
	buf_fini(&g->row);
	v->opened_count -= g->clear != NULL;
	secret_free(g->clear);
	free(g);
	v->grant_count--;
}

static void
drop_old(struct vault *v)
{
	struct mono now = mono_now();

	for (struct lent **at = &v->grants; *at;) {
		if (mono_passed((*at)->grant.not_after, now)) {
			drop_grant(v, at);
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

	if (!text_ok(&in->binding) ||
	    !wire_text_ok(in->host, sizeof(in->host)) ||
	    in->row_size > sizeof(in->row) || in->number == 0) {
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
	return v->grant_count < GRANTS_MAX
	           ? 0
	           : err_set(e, ERR_LIMIT, "too many grants wait to be used");
}

/* The sealed row's own binding decides where it may go, not core's word. */
static int
check_row(const struct vault *v, const struct wire_vault_grant *in,
    struct secret **value, struct err *e)
{
	struct seal_binding binding;

	fill_binding(&binding, &in->binding);
	if (seal_row_open(
	        v->key, str_span(in->row, in->row_size), &binding, value, e)) {
		return -1;
	}
	return seal_binding_allows(&binding, str_of(in->host), in->port)
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "the credential %s is bound to %s, not to %s:%u",
	                 in->binding.credential, in->binding.hosts, in->host,
	                 in->port);
}

static void
keep_grant(
    struct vault *v, const struct wire_vault_grant *in, struct secret **value)
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
		.place = SEAL_IN_HEADER,
		.once = true,
	};
	(void)str_copy(g->grant.credential, sizeof(g->grant.credential),
	    str_of(in->binding.credential));
	(void)str_copy(g->grant.host, sizeof(g->grant.host), str_of(in->host));
	buf_add(&g->row, str_span(in->row, in->row_size));
	if (v->opened_count < OPENED_MAX) {
		v->opened_count++;
		g->clear = *value;
		*value = NULL;
	}
	g->next = v->grants;
	v->grants = g;
	v->grant_count++;
}

static void
take_grant(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_grant *in = record;
	struct wire_vault_granted out = { .number = in->number };
	auto_secret value = NULL;
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	drop_old(v);
	if (check_grant(v, in, &e) || check_row(v, in, &value, &e)) {
		say_why(out.text, sizeof(out.text), &e);
	} else {
		keep_grant(v, in, &value);
		out.ok = 1;
	}
	wire_send(peer, WIRE_VAULT_GRANTED, &out, NULL, 0);
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
		    "the access token has ended: `handrail vault rotate` puts "
		    "a new one in");
	}
	*clear = tokens.access;
	return 0;
}

static int
lend(struct vault *v, const struct borrower *b, const struct wire_redeem *in,
    struct wire_credential *out, struct err *e)
{
	struct lent **at = &v->grants;
	struct seal_binding binding;
	struct str clear;

	while (*at && (*at)->grant.number != in->number) {
		at = &(*at)->next;
	}
	/* A number that is another cell's is as unknown as any. */
	if (!*at || (*at)->cell != b->cell ||
	    !wire_text_ok(in->host, sizeof(in->host))) {
		return err_set(e, ERR_DENIED, "there is no such grant");
	}
	struct lent *g = *at;
	struct seal_grant_use use = {
		.number = in->number,
		.cell = (uint32_t)b->cell,
		.epoch = g->grant.epoch,
		.version = g->grant.version,
		.port = in->port,
		.place = g->grant.place,
		.credential = str_of(g->grant.credential),
		.host = str_of(in->host),
	};

	if (seal_grant_check(&g->grant, &use, mono_now(), e)) {
		return -1;
	}
	fill_binding(&binding, &g->binding);
	if (!g->clear) {
		if (seal_row_open(
		        v->key, buf_str(&g->row), &binding, &g->clear, e)) {
			return -1;
		}
		v->opened_count++;
	}
	secret_open(g->clear, &clear);
	if (seal_kind_is_tokens(binding.kind) && take_access(&clear, e)) {
		return -1;
	}
	must(clear.len <= sizeof(out->secret));
	memcpy(out->secret, clear.at, clear.len);
	out->size = (uint32_t)clear.len;
	out->ok = 1;
	drop_grant(v, at); /* once */
	return 0;
}

static void
take_redeem(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct borrower *b = owner;
	const struct wire_redeem *in = record;
	struct wire_credential out = { .number = in->number };
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (lend(b->vault, b, in, &out, &e)) {
		say_why(out.text, sizeof(out.text), &e);
	}
	wire_send(peer, WIRE_CREDENTIAL, &out, NULL, 0);
	wipe(&out, sizeof(out));
}

static void
take_mark_ask(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct borrower *b = owner;
	const struct wire_mark_ask *in = record;
	struct wire_mark_told out = { .id = in->id };

	(void)fds;
	(void)nfds;
	if (in->size <= sizeof(in->value)) {
		seal_mark(
		    b->vault->key, str_span(in->value, in->size), out.mark);
	}
	wire_send(peer, WIRE_MARK_TOLD, &out, NULL, 0);
}

static const struct wire_handler borrower_handlers[] = {
	{ WIRE_REDEEM, take_redeem },
	{ WIRE_MARK_ASK, take_mark_ask },
};

static void
borrower_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct borrower *b = owner;
	struct vault *v = b->vault;

	if (why->kind == ERR_DENIED) {
		log_err("egress", why);
	}
	for (struct borrower **at = &v->borrowers; *at; at = &(*at)->next) {
		if (*at == b) {
			*at = b->next;
			break;
		}
	}
	bool attached = false;

	for (struct borrower *other = v->borrowers; other;
	     other = other->next) {
		attached |= other->cell == b->cell;
	}
	for (struct lent **at = &v->grants; *at;) {
		if (!attached && (*at)->cell == b->cell) {
			drop_grant(v, at);
		} else {
			at = &(*at)->next;
		}
	}
	wire_peer_free(peer);
	free(b);
}

static void
take_attach(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct vault *v = owner;
	const struct wire_attach *attach = record;
	struct borrower *b = calloc(1, sizeof(*b));
	struct err e = { 0 };
	struct wire_end end = {
		.self = PART_VAULT,
		.other = PART_EGRESS,
		.handlers = borrower_handlers,
		.count = COUNT(borrower_handlers),
		.closed = borrower_closed,
		.owner = b,
	};

	(void)peer;
	must(b && nfds == 1);
	b->vault = v;
	b->cell = attach->cell;
	b->peer = wire_peer_new(v->part.loop, take_fd(&fds[0]), &end, &e);
	if (!b->peer) {
		log_err("attach", &e);
		free(b);
		return;
	}
	b->next = v->borrowers;
	v->borrowers = b;
}

static void
take_sign(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_sign *in = record;
	struct wire_vault_signed out = { .id = in->id };

	(void)fds;
	(void)nfds;
	if (in->size <= sizeof(in->text)) {
		seal_sign(v->key, str_span(in->text, in->size), out.signature);
	}
	wire_send(peer, WIRE_VAULT_SIGNED, &out, NULL, 0);
}

static const struct wire_handler core_handlers[] = {
	{ WIRE_VAULT_ATTACH, take_attach },
	{ WIRE_VAULT_SEAL, take_seal },
	{ WIRE_VAULT_CHECK, take_check },
	{ WIRE_VAULT_GRANT, take_grant },
	{ WIRE_VAULT_SIGN, take_sign },
};

static int
give_up_power(struct vault *v, struct err *e)
{
	struct jail_plan plan = {
		.part = "vault",
		.uid = (uid_t)part_number(&v->part, "uid", 0),
		.gid = (gid_t)part_number(&v->part, "uid", 0),
		.limits = { .nofile = LENT_MAX, .nproc = JAIL_ZERO },
		.landlock = true,
		.net = JAIL_NET_NONE,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO | JAIL_LOCKED_MEMORY,
	};

	return jail_enter(&plan, e);
}

int
main(int argc, char **argv)
{
	static struct vault v;
	struct wire_vault_hello hello;
	struct err e = { 0 };

	part_begin(&v.part, PART_VAULT, argc, argv);
	if (open_key(&v, &e) || give_up_power(&v, &e)) {
		part_fail(&e);
	}
	part_join(&v.part, NULL, 0, core_handlers, COUNT(core_handlers), &v);
	seal_box_public(v.key, hello.box_public);
	seal_sign_public(v.key, hello.sign_public);
	wire_send(v.part.core, WIRE_VAULT_HELLO, &hello, NULL, 0);
	part_ready(&v.part, WIRE_VAULT_READY, "");
	loop_run(v.part.loop);
	return 0;
}
