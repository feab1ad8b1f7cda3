/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only tokens need: the verifier of a login, the code that a browser
 * brought back, the form that a token endpoint is asked with, and the tokens
 * of its answer, which become the next version of the row that was granted.
 * This process makes forms and reads none, and no JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "oauth/oauth.h"
#include "parts/vault.h"

/* --- a login begins --- */

/* The client's secret of the first row: in a box, or none. */
static int
open_first(struct vault *v, const struct wire_vault_login *in,
    struct secret **value, struct seal_tokens *tokens, struct err *e)
{
	struct str clear;

	if (!in->row_size) {
		return 0;
	}
	if (seal_box_open(v->key, str_span(in->row, in->row_size), value, e)) {
		return -1;
	}
	secret_open(*value, &clear);
	return seal_tokens_read(clear, tokens, e);
}

static int
open_login(struct vault *v, const struct wire_vault_login *in,
    struct secret **value, struct seal_tokens *tokens, struct err *e)
{
	struct seal_binding binding;
	struct str clear;

	if (in->first) {
		return open_first(v, in, value, tokens, e);
	}
	vault_binding(&binding, &in->binding);
	binding.version--;
	if (seal_row_open(
	        v->key, str_span(in->row, in->row_size), &binding, value, e)) {
		return -1;
	}
	secret_open(*value, &clear);
	return seal_tokens_read(clear, tokens, e);
}

/* Seals tokens under `binding`: the row, and what may be told of it. */
static int
seal_tokens_row(struct vault *v, const struct wire_binding *wire,
    uint32_t version, const struct seal_tokens *tokens,
    struct wire_vault_kept *out, struct err *e)
{
	struct buf value = { 0 };
	auto_buf row = { 0 };
	struct seal_binding binding;
	int failed;

	vault_binding(&binding, wire);
	binding.version = version;
	buf_room(&value, WIRE_SECRET_MAX);
	failed = seal_tokens_write(tokens, &value, e) ||
	         vault_check_value(binding.kind, buf_str(&value), e) ||
	         seal_row(v->key, &binding, buf_str(&value), &row, e);
	if (!failed && row.len > sizeof(out->row)) {
		failed = err_set(e, ERR_LIMIT,
		    "the tokens with their hosts are too long by %zu bytes",
		    row.len - sizeof(out->row));
	}
	if (!failed) {
		out->ok = 1;
		out->row_size = (uint32_t)row.len;
		memcpy(out->row, row.at, row.len);
		vault_marks(v, binding.kind, buf_str(&value), &out->marks);
		out->has =
		    vault_has(binding.kind, buf_str(&value), &out->expires);
	}
	buf_wipe(&value);
	return failed ? -1 : 0;
}

static int
begin_login(struct vault *v, const struct wire_vault_login *in,
    struct wire_vault_sealed *out, struct err *e)
{
	char verifier[OAUTH_RANDOM_TEXT];
	struct wire_vault_kept kept = { 0 };
	struct seal_tokens tokens = { 0 };
	auto_secret value = NULL;
	int failed;

	if (!vault_binding_ok(&in->binding) || in->row_size > sizeof(in->row) ||
	    in->binding.version == 0) {
		return err_set(e, ERR_INPUT, "a login has a wrong form");
	}
	if (open_login(v, in, &value, &tokens, e)) {
		return -1;
	}
	oauth_random(verifier);
	tokens.pending = str_of(verifier);
	failed = seal_tokens_row(
	    v, &in->binding, in->binding.version, &tokens, &kept, e);
	if (!failed) {
		oauth_challenge(str_of(verifier), out->challenge);
		out->ok = 1;
		out->row_size = kept.row_size;
		memcpy(out->row, kept.row, sizeof(out->row));
		out->marks = kept.marks;
		out->has = kept.has;
		out->expires = kept.expires;
	}
	wipe(verifier, sizeof(verifier));
	return failed ? -1 : 0;
}

void
vault_take_login(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_login *in = record;
	struct wire_vault_sealed out = { .id = in->id };
	struct err e = { 0 };

	_Static_assert(OAUTH_RANDOM_TEXT == WIRE_RANDOM, "challenge");
	(void)fds;
	(void)nfds;
	if (begin_login(v, in, &out, &e)) {
		vault_say(out.text, sizeof(out.text), &e);
	}
	wire_send(peer, WIRE_VAULT_SEALED, &out, NULL, 0);
}

/* --- codes --- */

static void
code_free(struct vault_code *k)
{
	secret_free(k->code);
	free(k);
}

struct secret *
vault_code_take(struct vault *v, uint64_t number)
{
	for (struct vault_code **at = &v->codes; *at; at = &(*at)->next) {
		struct vault_code *k = *at;

		if (k->number == number) {
			struct secret *code = k->code;

			*at = k->next;
			k->code = NULL;
			code_free(k);
			return code;
		}
	}
	return NULL;
}

/* Codes whose grant never came. */
static void
drop_old_codes(struct vault *v)
{
	struct vault_code **at = &v->codes;

	for (size_t n = 0; *at && n < VAULT_CODES; n++) {
		at = &(*at)->next;
	}
	while (*at) {
		struct vault_code *k = *at;

		*at = k->next;
		code_free(k);
	}
}

void
vault_take_code(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct vault *v = owner;
	const struct wire_vault_code *in = record;
	struct secret *code = NULL;
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (in->box_size > sizeof(in->box) ||
	    seal_box_open(v->key, str_span(in->box, in->box_size), &code, &e)) {
		return; /* its grant is refused */
	}
	struct vault_code *k = calloc(1, sizeof(*k));

	must(k);
	k->number = in->number;
	k->code = code;
	k->next = v->codes;
	v->codes = k;
	drop_old_codes(v);
}

/* --- what an endpoint is asked with --- */

static int
add_half(struct buf *form, const char *name, struct str value, const char *what,
    struct err *e)
{
	if (!value.len) {
		return err_set(e, ERR_MISSING,
		    "the credential holds no %s: `handrail vault login` gets "
		    "one",
		    what);
	}
	oauth_form_add(form, name, value);
	return 0;
}

static int
add_grant(struct buf *form, const struct lent *g,
    const struct seal_tokens *tokens, struct err *e)
{
	struct str code;

	switch (g->use) {
	case WIRE_USE_REFRESH:
		return add_half(
		    form, "refresh_token", tokens->refresh, "refresh token", e);
	case WIRE_USE_CODE:
		secret_open(g->code, &code);
		oauth_form_add(form, "code", code);
		return add_half(form, "code_verifier", tokens->pending,
		    "verifier of a login", e);
	case WIRE_USE_DEVICE:
		return add_half(
		    form, "device_code", tokens->pending, "device code", e);
	case WIRE_USE_ACCESS:
	case WIRE_USE_CLIENT:
	case WIRE_USE_BEGIN:
	case WIRE_USE_TAKE:
	case WIRE_USE_TAKEN:
		break;
	}
	return 0;
}

int
vault_token_text(
    const struct lent *g, struct str clear, struct buf *out, struct err *e)
{
	struct seal_tokens tokens;
	struct buf form = { 0 };
	int failed;

	if (seal_tokens_read(clear, &tokens, e)) {
		return -1;
	}
	buf_room(&form, (size_t)4 * WIRE_SECRET_MAX);
	buf_room(out, (size_t)8 * WIRE_SECRET_MAX);
	failed = add_grant(&form, g, &tokens, e);
	if (g->secret == WIRE_CLIENT_BASIC) {
		oauth_basic(out, str_of(g->client), tokens.client);
	} else if (g->secret == WIRE_CLIENT_FORM) {
		oauth_form_add(&form, "client_secret", tokens.client);
	}
	buf_add_byte(out, '\n');
	buf_add(out, buf_str(&form));
	buf_wipe(&form);
	if (!failed && out->len > WIRE_SECRET_MAX) {
		failed = err_set(e, ERR_LIMIT,
		    "what the token endpoint is asked with has more than %d "
		    "bytes",
		    WIRE_SECRET_MAX);
	}
	return failed ? -1 : 0;
}

/* --- what it answered --- */

static int
keep_captured(struct vault *v, const struct lent *g,
    const struct wire_captured *in, struct wire_vault_kept *out, struct err *e)
{
	const char *bytes = (const char *)in->secret;
	struct str access = str_span(bytes, in->access_size);
	struct str refresh =
	    str_span(bytes + in->access_size, in->refresh_size);
	struct seal_binding binding;
	struct seal_tokens tokens;
	auto_secret value = NULL;
	struct str clear;

	vault_binding(&binding, &g->row->binding);
	if (seal_row_open(
	        v->key, buf_str(&g->row->bytes), &binding, &value, e)) {
		return -1;
	}
	secret_open(value, &clear);
	if (seal_tokens_read(clear, &tokens, e)) {
		return -1;
	}
	if (g->use == WIRE_USE_BEGIN) {
		tokens.pending = access;
	} else {
		tokens.access = access;
		tokens.expires = in->expires;
		if (g->use != WIRE_USE_REFRESH) {
			tokens.pending = STR(""); /* of a login that ends */
		}
		tokens.refresh = refresh.len ? refresh : tokens.refresh;
	}
	return seal_tokens_row(
	    v, &g->row->binding, g->row->binding.version + 1, &tokens, out, e);
}

/* --- what a cell took itself ------------------------------------------------
 */

static void
taken_drop(struct vault_taken **at)
{
	struct vault_taken *t = *at;

	*at = t->next;
	secret_free(t->access);
	free(t);
}

static bool
taken_is(const struct vault_taken *t, const struct lent *g)
{
	return t->cell == g->cell &&
	       strcmp(t->credential, g->row->binding.credential) == 0;
}

static void
take(struct vault *v, const struct lent *g, const struct wire_captured *in)
{
	struct vault_taken *t = calloc(1, sizeof(*t));

	must(t);
	for (struct vault_taken **at = &v->taken; *at;) {
		if (taken_is(*at, g)) {
			taken_drop(at);
		} else {
			at = &(*at)->next;
		}
	}
	t->cell = g->cell;
	t->expires = in->expires;
	(void)str_copy(t->credential, sizeof(t->credential),
	    str_of(g->row->binding.credential));
	t->access =
	    secret_new(str_span((const char *)in->secret, in->access_size));
	t->next = v->taken;
	v->taken = t;
}

int
vault_taken_find(const struct vault *v, const struct lent *g, struct str *clear,
    struct err *e)
{
	const struct vault_taken *t = v->taken;

	while (t && !taken_is(t, g)) {
		t = t->next;
	}
	if (!t || t->expires * CLOCK_SECOND <= wall_now().us) {
		return err_set(e, ERR_DENIED,
		    "this sandbox has no token of %s%s: it asks its token "
		    "endpoint for one",
		    g->row->binding.credential, t ? " any more" : "");
	}
	secret_open(t->access, clear);
	return 0;
}

void
vault_taken_gone(struct vault *v, uint64_t cell)
{
	for (struct vault_taken **at = &v->taken; *at;) {
		if ((*at)->cell == cell) {
			taken_drop(at);
		} else {
			at = &(*at)->next;
		}
	}
}

void
vault_taken_over(struct vault *v, const char *credential)
{
	for (struct vault_taken **at = &v->taken; *at;) {
		if (strcmp((*at)->credential, credential) == 0) {
			taken_drop(at);
		} else {
			at = &(*at)->next;
		}
	}
}

void
vault_take_captured(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct borrower *b = owner;
	struct vault *v = b->vault;
	const struct wire_captured *in = record;
	struct wire_vault_kept out = { .number = in->number };
	struct lent **at = vault_grant_find(b->of, in->number);
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!at || !(*at)->spent || in->access_size > sizeof(in->secret) ||
	    in->refresh_size > sizeof(in->secret) - in->access_size ||
	    !seal_tokens_end_ok(in->expires)) {
		return; /* to nothing that was lent, or of no time */
	}
	if ((*at)->use == WIRE_USE_TAKE) {
		if (in->access_size) {
			take(v, *at, in);
		}
		vault_grant_drop(v, b->of, at);
		return;
	}
	if (keep_captured(v, *at, in, &out, &e)) {
		vault_say(out.text, sizeof(out.text), &e);
	}
	wire_send(v->part.core, WIRE_VAULT_KEPT, &out, NULL, 0);
	vault_grant_drop(v, b->of, at);
}
