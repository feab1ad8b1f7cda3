/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redeeming: what was granted is lent to the one egress that it is for, once,
 * at the moment when it has its upstream before it.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/vault.h"

#define SPENT_MAX 32 /* answers of token endpoints that a cell waits for */

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
		    "the access token ended before it was lent: ask again; "
		    "`handrail vault login` or `rotate` puts a new one in");
	}
	*clear = tokens.access;
	return 0;
}

static int
check_use(const struct lent *g, const struct wire_redeem *in, uint64_t number,
    struct err *e)
{
	struct seal_grant_use use = {
		.number = number,
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

	if (seal_row_open(
	        v->key, buf_str(&g->row->bytes), binding, &value, e)) {
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

	if (seal_row_lend(v->key, buf_str(&g->row->bytes), binding, &to, e)) {
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
bound_spent(struct vault *v, struct vault_cell *of)
{
	struct lent **oldest = NULL;
	size_t count = 0;

	for (struct lent **at = &of->grants; *at; at = &(*at)->next) {
		if ((*at)->spent) {
			oldest = at;
			count++;
		}
	}
	if (count >= SPENT_MAX) {
		vault_grant_drop(v, of, oldest);
	}
}

/* Once; of what a token endpoint is asked with, the answer may still come. */
static void
use_up(struct vault *v, struct vault_cell *of, struct lent **at)
{
	struct lent *g = *at;

	if (g->use == WIRE_USE_ACCESS || g->use == WIRE_USE_TAKEN) {
		vault_grant_drop(v, of, at);
		return;
	}
	if (g->cell) {
		bound_spent(v, of);
	}
	g->grant.used = true;
	g->spent = true;
	g->until = mono_after(mono_now(), VAULT_KEEP_US);
}

/* One record to one egress: a value for the numbers that share it, or why
 * there is none. */
struct telling {
	struct vault *vault;
	const struct borrower *to;
	struct vault_row *row; /* whose whole value it is; NULL: not to share */
	struct wire_credential out;
};

static void
tell(struct telling *t)
{
	if (t->out.count) {
		wire_send(t->to->peer, WIRE_CREDENTIAL, &t->out, NULL, 0);
	}
	wipe(&t->out, sizeof(t->out));
	vault_row_give(t->row);
	t->row = NULL;
}

static bool
is_whole(const struct lent *g)
{
	return g->use == WIRE_USE_ACCESS &&
	       !seal_kind_is_tokens((enum seal_kind)g->row->binding.kind);
}

static int
lend(struct telling *t, const struct lent *g, struct err *e)
{
	struct seal_binding binding;

	vault_binding(&binding, &g->row->binding);
	if (!is_whole(g)) {
		return lend_part(t->vault, g, &binding, &t->out, e);
	}
	if (lend_whole(t->vault, g, &binding, &t->out, e)) {
		return -1;
	}
	t->row = g->row;
	t->row->uses++;
	return 0;
}

static int
redeem(struct telling *t, const struct wire_redeem *in, uint64_t number,
    struct err *e)
{
	struct vault_cell *of = t->to->of;
	struct lent **at = vault_grant_find(of, number);

	if (!at && vault_left_out(t->vault, of->cell, number)) {
		return err_set(e, ERR_LIMIT,
		    "too many grants of this sandbox wait to be used");
	}
	if (!at || !wire_text_ok(in->host, sizeof(in->host))) {
		return err_set(e, ERR_DENIED,
		    "there is no such grant, or its value is over");
	}
	if ((*at)->fault) {
		*e = *(*at)->fault;
		vault_grant_drop(t->vault, of, at);
		return -1;
	}
	must((*at)->row); /* or a fault */
	if (check_use(*at, in, number, e)) {
		return -1;
	}
	/* The same value as the number before: opened once. */
	bool same = t->row == (*at)->row && is_whole(*at);

	if (!same) {
		tell(t);
		if (lend(t, *at, e)) {
			return -1;
		}
	}
	t->out.ok = 1;
	t->out.number[t->out.count++] = number;
	use_up(t->vault, of, at);
	return 0;
}

void
vault_take_redeem(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct borrower *b = owner;
	const struct wire_redeem *in = record;
	struct telling t = { .vault = b->vault, .to = b };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!vault_hear_core(b->vault)) {
		return; /* this part ends with core */
	}
	for (unsigned n = 0; n < in->count && n < WIRE_TOGETHER; n++) {
		struct err e = { 0 };

		if (redeem(&t, in, in->number[n], &e)) {
			tell(&t);
			t.out.number[t.out.count++] = in->number[n];
			vault_say(t.out.text, sizeof(t.out.text), &e);
			tell(&t);
		}
	}
	tell(&t);
}
