/* SPDX-License-Identifier: Apache-2.0 */
/* A use of tokens: are they young, or made anew first? */
#include "parts/core_egress.h"
#include "parts/core_oauth.h"

#define MARGIN_MAX  5                   /* s, of a token that is about to end */
#define FORCED_US   (30 * CLOCK_SECOND) /* between two renewals for a 401 */
#define UNKNOWN_END 60 /* s before the end, where the lifetime is not known */

/* What the endpoint would be asked with; ACCESS: nothing could be. */
static enum wire_use
renewal(struct core_credential *k)
{
	auto_arena a = { 0 };

	if (!k->issuer[0]) {
		return WIRE_USE_ACCESS;
	}
	if (k->has & WIRE_HAS_REFRESH) {
		return WIRE_USE_REFRESH;
	}
	return (k->has & WIRE_HAS_CLIENT) &&
	               str_eq_z(core_oauth_fact(&a, k, "grant"),
	                   "client_credentials")
	           ? WIRE_USE_CLIENT
	           : WIRE_USE_ACCESS;
}

enum age { YOUNG, OLD, ENDED };

static enum age
age_of(const struct core_credential *k)
{
	int64_t now = wall_now().us / CLOCK_SECOND;
	int64_t renew = k->renew ? k->renew : k->expires - UNKNOWN_END;
	/* It is not lent at once: it must still live when it is. */
	int64_t margin = (k->expires - renew) / 4;

	if (!(k->has & WIRE_HAS_ACCESS) ||
	    (k->expires &&
	        k->expires - (margin < MARGIN_MAX ? margin : MARGIN_MAX) <=
	            now)) {
		return ENDED;
	}
	return k->expires && renew <= now ? OLD : YOUNG;
}

/* True: the endpoint is being asked. */
static bool
renew(struct core *c, struct core_credential *k, enum wire_use use)
{
	struct core_oauth_ask asked = { .use = use };
	struct err e = { 0 };

	if (core_oauth_asking(c, k->name)) {
		return true;
	}
	return mono_passed(k->again, mono_now()) &&
	       core_oauth_ask(c, k, &asked, &e) == 0;
}

/* An upstream said 401 to the tokens that are here now, and not a moment after
 * they came: whoever says so is beside a sandbox. */
static bool
refused(struct core_credential *k, const struct core_intent *i)
{
	if (!i->stale || i->stale != k->version ||
	    !mono_passed(k->forced, mono_now())) {
		return false;
	}
	k->forced = mono_after(mono_now(), FORCED_US);
	return true;
}

/* --- what a sandbox asked for itself -----------------------------------------
 */

void
core_oauth_take(struct core *c, struct core_intent *i, struct str credential)
{
	const struct core_credential *k = core_oauth_find(c, credential);

	i->credential = credential;
	i->use = WIRE_USE_TAKE;
	i->place = WIRE_PLACE_TOKEN;
	if (k) {
		i->secret = core_oauth_secret(&i->arena, k);
		i->client = core_oauth_fact(&i->arena, k, "client_id");
	}
}

/* By id: what has a name later may be another one's. */
void
core_oauth_taken(struct core *c, struct core_cell *cell,
    const struct core_intent *i, bool captured)
{
	const struct core_credential *k = core_oauth_find(c, i->credential);

	if (!captured || i->use != WIRE_USE_TAKE || !k) {
		return;
	}
	for (size_t n = 0; n < COUNT(cell->taken); n++) {
		if (!cell->taken[n][0] || strcmp(cell->taken[n], k->id) == 0) {
			core_text(
			    cell->taken[n], sizeof(cell->taken[n]), k->id);
			return;
		}
	}
}

static bool
has_taken(struct core *c, const struct core_intent *i)
{
	const struct core_cell *cell = core_cell_find(c, i->cell);
	const struct core_credential *k = core_oauth_find(c, i->credential);

	for (size_t n = 0; cell && k && n < COUNT(cell->taken); n++) {
		if (cell->taken[n][0] && strcmp(cell->taken[n], k->id) == 0) {
			return true;
		}
	}
	return false;
}

/* Is this the first of those under way that ask for the same? */
static bool
first_asking(const struct core *c, const struct core_intent *i)
{
	const struct core_intent *one = c->intents;

	while (one->cell != i->cell || one->use != WIRE_USE_TAKE ||
	       !str_eq(one->credential, i->credential)) {
		one = one->next;
	}
	return one == i;
}

/* With what is being asked for, tokens of so many credentials as one sandbox
 * may have: of another there would be no place to remember it, and the house's
 * own would be lent in its stead. */
static bool
takes_too_many(struct core *c, const struct core_intent *i)
{
	const struct core_cell *cell = core_cell_find(c, i->cell);
	size_t count = 0;

	if (!cell || has_taken(c, i)) {
		return false;
	}
	for (size_t n = 0; n < COUNT(cell->taken); n++) {
		count += cell->taken[n][0] != '\0';
	}
	for (const struct core_intent *one = c->intents; one; one = one->next) {
		count += one->cell == i->cell && one->use == WIRE_USE_TAKE &&
		         !one->refusal &&
		         !str_eq(one->credential, i->credential) &&
		         !has_taken(c, one) && first_asking(c, one);
	}
	return count >= COUNT(cell->taken);
}

static void
refuse_taking(struct core *c, struct core_intent *i)
{
	struct core_refusal why = {
		.status = 403,
		.error = "denied",
		.rule = i->rule,
		.reason = arena_printf(&i->arena,
		    "this sandbox has asked for tokens of %d credentials, and "
		    "no sandbox holds more",
		    CORE_TAKEN_MAX),
		.next = STR("ask for them in tasks of their own"),
	};

	core_intent_refuse(c, i, &why);
}

bool
core_oauth_renews(struct core *c, const struct core_intent *i)
{
	struct core_credential *k =
	    i->credential.len && !i->stale && i->use == WIRE_USE_ACCESS
	        ? core_oauth_find(c, i->credential)
	        : NULL;

	return k && k->has && renewal(k) != WIRE_USE_ACCESS;
}

bool
core_oauth_holds(struct core *c, struct core_intent *i)
{
	struct core_credential *k;
	enum wire_use use;
	enum age age;

	if (i->use == WIRE_USE_TAKE && takes_too_many(c, i)) {
		refuse_taking(c, i);
		return true;
	}
	if (!i->credential.len || i->use != WIRE_USE_ACCESS || i->committed) {
		return false;
	}
	if (has_taken(c, i)) {
		i->use = WIRE_USE_TAKEN;
		return false;
	}
	k = core_oauth_find(c, i->credential);
	if (!k || !k->has || k->closed[0] || core_credential_unfit(c, k)) {
		return false;
	}
	age = refused(k, i) ? ENDED : age_of(k);
	use = age == YOUNG ? WIRE_USE_ACCESS : renewal(k);
	if (use == WIRE_USE_ACCESS) {
		return false;
	}
	if (age == OLD) {
		(void)renew(c, k, use);
		return false;
	}
	i->parked = true;
	if (!renew(c, k, use)) {
		i->parked = false;
		core_oauth_later(
		    c, i, k, "its token has ended, and there was no other");
	}
	return true;
}
