/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/grant.h"

#include <stdlib.h>
#include <string.h>

#include "wait/table.h"

struct grant {
	struct arena arena; /* its own: it goes when it is revoked or over */
	struct wait_grant shown;
};

struct wait_grants {
	struct grant **all; /* in order of being made */
	size_t count;
	size_t room;
};

struct wait_grants *
wait_grants_new(void)
{
	struct wait_grants *g = calloc(1, sizeof(*g));

	must(g);
	return g;
}

static void
free_grant(struct grant *g)
{
	arena_fini(&g->arena);
	free(g);
}

void
wait_grants_free(struct wait_grants *g)
{
	if (!g) {
		return;
	}
	for (size_t i = 0; i < g->count; i++) {
		free_grant(g->all[i]);
	}
	free(g->all);
	free(g);
}

static size_t
place_of(const struct wait_grants *g, struct str id)
{
	size_t i = 0;

	while (i < g->count && !str_eq_z(id, g->all[i]->shown.id)) {
		i++;
	}
	return i;
}

/* --- what is asked of it --- */

const struct wait_grant *
wait_grant_at(const struct wait_grants *g, size_t n)
{
	return n < g->count ? &g->all[n]->shown : NULL;
}

static bool
covers(const struct wait_grant *g, const struct wait_grant_use *u)
{
	return u->now.us < g->expires.us && u->now.us >= g->made.us &&
	       str_eq(g->identity, u->identity) && str_eq(g->tool, u->tool) &&
	       digest_eq(g->contract, u->contract) &&
	       digest_eq(g->asked, u->asked) && digest_eq(g->named, u->named);
}

const struct wait_grant *
wait_grant_find(const struct wait_grants *g, const struct wait_grant_use *u)
{
	for (size_t i = 0; i < g->count; i++) {
		if (covers(&g->all[i]->shown, u)) {
			return &g->all[i]->shown;
		}
	}
	return NULL;
}

const struct wait_grant *
wait_grant_expired(const struct wait_grants *g, struct wall now)
{
	for (size_t i = 0; i < g->count; i++) {
		if (now.us >= g->all[i]->shown.expires.us) {
			return &g->all[i]->shown;
		}
	}
	return NULL;
}

void
wait_grant_forget(struct wait_grants *g, struct str id)
{
	size_t i = place_of(g, id);

	if (i == g->count) {
		return;
	}
	free_grant(g->all[i]);
	g->count--;
	memmove(&g->all[i], &g->all[i + 1],
	    (g->count - i) * sizeof(struct grant *));
}

/* --- making one --- */

int
wait_grant_may(
    const struct wait_grants *g, const struct wait_grant_make *c, struct err *e)
{
	if (c->item->kind != WAIT_APPROVAL ||
	    digest_is_zero(c->item->asked_by)) {
		return err_set(e, ERR_DENIED,
		    "%s is not an approval that can be remembered",
		    c->item->id);
	}
	if (c->item->people != 1 || c->item->named_count > 1) {
		return err_set(e, ERR_DENIED,
		    "what %u people must allow is never remembered",
		    c->item->people);
	}
	if (c->lasts_us < WAIT_GRANT_MIN_US ||
	    c->lasts_us > WAIT_GRANT_MAX_US ||
	    c->now.us > INT64_MAX - c->lasts_us) {
		return err_set(e, ERR_INPUT,
		    "a grant stands for a time between 1m and 90d");
	}
	if (g->count >= WAIT_GRANTS_MAX) {
		return err_set(e, ERR_LIMIT,
		    "%d grants stand; `handrail grant revoke` takes one back",
		    WAIT_GRANTS_MAX);
	}
	return 0;
}

struct digest
wait_grant_digest(const struct wait_grant *g)
{
	struct digest_run run = { 0 };
	const struct digest *digests[] = { &g->contract, &g->asked, &g->named };
	const struct str texts[] = { str_of(g->id), g->identity, g->tool,
		g->wait, g->hint, g->gate, g->by, g->surface };

	digest_begin(&run);
	wait_add_text(&run, STR("handrail grant 1"));
	for (size_t i = 0; i < COUNT(texts); i++) {
		wait_add_text(&run, texts[i]);
	}
	for (size_t i = 0; i < COUNT(digests); i++) {
		digest_add(&run, str_span(digests[i]->bytes, DIGEST_SIZE));
	}
	wait_add_number(&run, (uint64_t)g->made.us);
	wait_add_number(&run, (uint64_t)g->expires.us);
	return digest_end(&run);
}

static struct wait_grant
grant_of(const struct wait_grant_make *c, const uint8_t random[WAIT_ID_RANDOM])
{
	const struct wait_item *i = c->item;
	struct wait_grant g = {
		.identity = i->identity,
		.tool = i->tool,
		.contract = i->contract,
		.asked = i->asked_by,
		.named = i->named_args,
		.wait = str_of(i->id),
		.hint = i->hint,
		.gate = i->gate,
		.by = c->principal,
		.surface = c->surface,
		.made = c->now,
		.expires = { c->now.us + c->lasts_us },
	};

	wait_make_id("g-", random, g.id);
	return g;
}

struct digest
wait_grant_sealed(
    const struct wait_grant_make *c, const uint8_t random[WAIT_ID_RANDOM])
{
	struct wait_grant g = grant_of(c, random);

	return wait_grant_digest(&g);
}

static struct str
write_made(struct arena *a, const struct wait_grant *g, const uint8_t *mac)
{
	struct json_out o;
	auto_buf out = { 0 };

	json_out_init(&o, &out);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", "granted");
	json_out_z(&o, "id", g->id);
	json_out_i64(&o, "at_us", g->made.us);
	json_out_i64(&o, "expires_at_us", g->expires.us);
	json_out_str(&o, "identity", g->identity);
	json_out_str(&o, "tool", g->tool);
	wait_write_digest(&o, "contract", g->contract);
	wait_write_digest(&o, "asked", g->asked);
	wait_write_digest(&o, "named", g->named);
	json_out_str(&o, "wait", g->wait);
	json_out_str(&o, "hint", g->hint);
	json_out_str(&o, "gate", g->gate);
	json_out_str(&o, "by", g->by);
	json_out_str(&o, "surface", g->surface);
	if (mac) {
		char text[2 * WAIT_MAC + 1];

		hex_text(mac, WAIT_MAC, text);
		json_out_z(&o, "mac", text);
	}
	json_out_end(&o, '}');
	return arena_str(a, buf_str(&out));
}

int
wait_grant_make(struct wait_grants *g, struct arena *a,
    const struct wait_grant_make *c, const uint8_t random[WAIT_ID_RANDOM],
    struct wait_step *step, struct err *e)
{
	struct wait_grant made;

	if (wait_grant_may(g, c, e)) {
		return -1;
	}
	if (c->item->state != WAIT_APPROVED ||
	    !str_eq(c->item->by, c->principal)) {
		return err_set(e, ERR_DENIED,
		    "%s is not approved by who would remember it", c->item->id);
	}
	made = grant_of(c, random);
	*step = (struct wait_step){
		.id = arena_str(a, str_of(made.id)),
		.body = write_made(a, &made, c->mac),
	};
	return 0;
}

int /* NOLINTNEXTLINE(readability-function-size): who, what and when */
wait_grant_revoke(struct wait_grants *g, struct arena *a, struct str id,
    struct str principal, struct wall now, struct wait_step *step,
    struct err *e)
{
	struct json_out o;
	auto_buf out = { 0 };

	if (place_of(g, id) == g->count) {
		return err_set(e, ERR_MISSING,
		    "there is no grant %s; `handrail grant list` names them",
		    err_quote(id));
	}
	json_out_init(&o, &out);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", "revoked");
	json_out_str(&o, "id", id);
	json_out_i64(&o, "at_us", now.us);
	json_out_str(&o, "by", principal);
	json_out_end(&o, '}');
	*step = (struct wait_step){
		.id = arena_str(a, id),
		.body = arena_str(a, buf_str(&out)),
	};
	return 0;
}

/* --- events in --- */

static bool
read_text(
    struct grant *g, const struct json *j, const char *key, struct str *out)
{
	struct str text;

	if (!json_text(j, key, &text) || text.len > WAIT_HINT_MAX) {
		return false;
	}
	*out = arena_str(&g->arena, text);
	return true;
}

static bool
read_digest(const struct json *j, const char *key, struct digest *d)
{
	struct str text;

	return json_text(j, key, &text) && digest_parse(text, d);
}

static bool
read_mac(const struct json *j, struct wait_grant *s)
{
	struct str mac = STR("");

	s->sealed = json_text(j, "mac", &mac);
	return !s->sealed || hex_bytes(mac, s->mac, WAIT_MAC);
}

static bool
read_grant(const struct json *j, struct grant *g)
{
	struct wait_grant *s = &g->shown;
	struct str id;

	return json_text(j, "id", &id) && id.len == WAIT_ID_TEXT - 1 &&
	       str_starts(id, STR("g-")) &&
	       str_copy(s->id, sizeof(s->id), id) &&
	       json_i64(j, "at_us", &s->made.us) &&
	       json_i64(j, "expires_at_us", &s->expires.us) &&
	       s->made.us < s->expires.us &&
	       read_text(g, j, "identity", &s->identity) &&
	       read_text(g, j, "tool", &s->tool) &&
	       read_digest(j, "contract", &s->contract) &&
	       read_digest(j, "asked", &s->asked) &&
	       read_digest(j, "named", &s->named) &&
	       read_text(g, j, "wait", &s->wait) &&
	       read_text(g, j, "hint", &s->hint) &&
	       read_text(g, j, "gate", &s->gate) &&
	       read_text(g, j, "by", &s->by) && s->by.len > 0 &&
	       !str_has_str(s->by, STR("__")) &&
	       read_text(g, j, "surface", &s->surface) && read_mac(j, s);
}

static int
apply_granted(struct wait_grants *all, const struct json *j, struct err *e)
{
	struct grant *g = calloc(1, sizeof(*g));

	must(g);
	if (!read_grant(j, g) || all->count >= WAIT_GRANTS_MAX) {
		free_grant(g);
		return err_set(e, ERR_INPUT, "not a grant, or one too many");
	}
	if (place_of(all, str_of(g->shown.id)) < all->count) {
		free_grant(g);
		return err_set(e, ERR_CONFLICT, "this grant stands already");
	}
	all->all = array_grow(
	    all->all, all->count, &all->room, sizeof(struct grant *));
	all->all[all->count++] = g;
	return 0;
}

int
wait_grant_apply(struct wait_grants *g, struct str body, struct err *e)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct str event;
	struct str id;

	if (json_parse(&a, body, NULL, &tree, e)) {
		return -1;
	}
	if (!json_text(tree, "event", &event) || !json_text(tree, "id", &id)) {
		return err_set(e, ERR_INPUT, "not an event of a grant");
	}
	if (str_eq_z(event, "granted")) {
		return apply_granted(g, tree, e);
	}
	if (!str_eq_z(event, "revoked")) {
		return err_set(e, ERR_INPUT, "not an event of a grant");
	}
	if (place_of(g, id) == g->count) {
		return err_set(
		    e, ERR_CONFLICT, "no grant stands as %s", err_quote(id));
	}
	wait_grant_forget(g, id);
	return 0;
}
