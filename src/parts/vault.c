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
#include "parts/vault.h"
#include "rootkey/rootkey.h"

#define LENT_MAX 4096 /* channels to egresses */

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

bool
vault_binding_ok(const struct wire_binding *in)
{
	return wire_text_ok(in->credential, sizeof(in->credential)) &&
	       wire_text_ok(in->hosts, sizeof(in->hosts)) &&
	       wire_text_ok(in->issuer, sizeof(in->issuer));
}

void
vault_binding(struct seal_binding *b, const struct wire_binding *in)
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

void
vault_say(char *text, size_t size, const struct err *e)
{
	str_fit(text, size, str_of(e->text));
}

/* --- seal --- */

int
vault_check_value(enum seal_kind kind, struct str clear, struct err *e)
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

/* Of tokens first the one that lives longest: it is what must not come back.
 * Of a login that only began there may be none. */
void
vault_marks(const struct vault *v, enum seal_kind kind, struct str clear,
    struct wire_marks *marks)
{
	struct str values[COUNT(marks->of)] = { clear };
	struct seal_tokens tokens;
	struct err e = { 0 };
	size_t count = 0;

	_Static_assert(WIRE_MARK == SEAL_MAC, "a mark");
	if (seal_kind_is_tokens(kind) &&
	    seal_tokens_read(clear, &tokens, &e) == 0) {
		values[0] = tokens.refresh;
		values[1] = tokens.access;
		values[2] = tokens.client;
	}
	memset(marks, 0, sizeof(*marks));
	for (size_t n = 0; n < COUNT(values); n++) {
		if (values[n].len) {
			seal_mark(v->key, values[n], marks->of[count++]);
		}
	}
}

uint32_t
vault_has(enum seal_kind kind, struct str clear, int64_t *expires)
{
	struct seal_tokens tokens;
	struct err e = { 0 };

	if (!seal_kind_is_tokens(kind) ||
	    seal_tokens_read(clear, &tokens, &e)) {
		return 0;
	}
	*expires = tokens.expires;
	return (tokens.access.len ? WIRE_HAS_ACCESS : 0U) |
	       (tokens.refresh.len ? WIRE_HAS_REFRESH : 0U) |
	       (tokens.client.len ? WIRE_HAS_CLIENT : 0U) |
	       (tokens.pending.len ? WIRE_HAS_PENDING : 0U);
}

static int
seal_box_into_row(struct vault *v, const struct wire_vault_seal *in,
    struct wire_vault_sealed *out, struct err *e)
{
	auto_secret value = NULL;
	auto_buf row = { 0 };
	struct seal_binding binding;
	struct str clear;

	if (!vault_binding_ok(&in->binding) || in->box_size > sizeof(in->box)) {
		return err_set(
		    e, ERR_INPUT, "a request to seal has a wrong form");
	}
	if (seal_box_open(v->key, str_span(in->box, in->box_size), &value, e)) {
		return -1;
	}
	secret_open(value, &clear);
	vault_binding(&binding, &in->binding);
	if (vault_check_value(binding.kind, clear, e) ||
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
	vault_marks(v, binding.kind, clear, &out->marks);
	out->has = vault_has(binding.kind, clear, &out->expires);
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
		vault_say(out.text, sizeof(out.text), &e);
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

	if (!vault_binding_ok(&in->binding) || in->row_size > sizeof(in->row)) {
		return err_set(e, ERR_INPUT, "a check has a wrong form");
	}
	vault_binding(&binding, &in->binding);
	if (seal_row_open(
	        v->key, str_span(in->row, in->row_size), &binding, &value, e)) {
		return -1;
	}
	secret_open(value, &clear);
	vault_marks(v, binding.kind, clear, &out->marks);
	out->has = vault_has(binding.kind, clear, &out->expires);
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
		vault_say(out.text, sizeof(out.text), &e);
	}
	wire_send(peer, WIRE_VAULT_CHECKED, &out, NULL, 0);
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
	{ WIRE_REDEEM, vault_take_redeem },
	{ WIRE_CAPTURED, vault_take_captured },
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
	vault_hear_lends(v); /* else it would outlive its borrower */
	vault_cell_left(v, b->of);
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
	b->peer = wire_peer_new(v->part.loop, take_fd(&fds[0]), &end, &e);
	if (!b->peer) {
		log_err("attach", &e);
		free(b);
		return;
	}
	b->of = vault_cell_of(v, attach->cell);
	b->of->borrowers++;
}

static void
take_sign(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	const struct seal_key *key = ((struct vault *)owner)->key;
	const struct wire_vault_sign *in = record;
	struct wire_vault_signed out = { .id = in->id };

	if (in->size <= sizeof(in->text)) {
		seal_sign(key, str_span(in->text, in->size), out.signature);
	}
	wire_send(peer, WIRE_VAULT_SIGNED, &out, NULL, 0);
}

static void
take_mac(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	const struct seal_key *key = ((struct vault *)owner)->key;
	const struct wire_vault_mac *in = record;
	struct wire_vault_maced out = { .id = in->id,
		.good = in->count > 0 && in->count <= WIRE_MACS };

	for (uint32_t i = 0; out.good && i < in->count; i++) {
		struct str d = str_span(in->digest[i], 32);

		seal_mac(key, STR("decision"), d, out.mac[i]);
		out.good = !in->check ||
		           seal_mac_good(key, STR("decision"), d, in->mac[i]);
	}
	wire_send(peer, WIRE_VAULT_MACED, &out, NULL, 0);
}

static const struct wire_handler core_handlers[] = {
	{ WIRE_VAULT_ATTACH, take_attach },
	{ WIRE_VAULT_BACK, vault_take_back },
	{ WIRE_VAULT_SEAL, take_seal },
	{ WIRE_VAULT_CHECK, take_check },
	{ WIRE_VAULT_LOGIN, vault_take_login },
	{ WIRE_VAULT_CODE, vault_take_code },
	{ WIRE_VAULT_GRANT, vault_take_grant },
	{ WIRE_VAULT_LENDS, vault_take_lends },
	{ WIRE_VAULT_REVOKE, vault_take_revoke },
	{ WIRE_VAULT_UNLEND, vault_take_unlend },
	{ WIRE_VAULT_SIGN, take_sign },
	{ WIRE_VAULT_MAC, take_mac },
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
	if (!secret_memory_locked()) {
		log_line(LOG_WARN, "key",
		    "the root key may be written to swap: the limit of locked "
		    "memory (RLIMIT_MEMLOCK) is too low for it");
	}
	part_join(&v.part, NULL, 0, core_handlers, COUNT(core_handlers), &v);
	seal_box_public(v.key, hello.box_public);
	seal_sign_public(v.key, hello.sign_public);
	wire_send(v.part.core, WIRE_VAULT_HELLO, &hello, NULL, 0);
	part_ready(&v.part, WIRE_VAULT_READY, "");
	loop_run(v.part.loop);
	return 0;
}
