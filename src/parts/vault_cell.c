/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cell has which grants.  Each has its own list, so that what one does
 * costs the others nothing, and the room of all is shared fairly.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/vault.h"

/* --- grants --- */

struct lent **
vault_grant_find(struct vault_cell *of, uint64_t number)
{
	struct lent **at = &of->grants;

	while (*at && (*at)->grant.number != number) {
		at = &(*at)->next;
	}
	return *at ? at : NULL;
}

void
vault_grant_add(struct vault *v, struct vault_cell *of, struct lent *g)
{
	g->next = of->grants;
	of->grants = g;
	of->count++;
	v->grant_count++;
}

void
vault_grant_drop(struct vault *v, struct vault_cell *of, struct lent **at)
{
	struct lent *g = *at;

	*at = g->next;
	secret_free(g->code);
	vault_row_give(g->row);
	free(g->fault);
	free(g);
	of->count--;
	v->grant_count--;
}

static bool
is_old(const struct lent *g, struct mono now)
{
	return mono_passed(g->spent ? g->until : g->grant.not_after, now);
}

/* What is spent waits for tokens; core knows of those that it asked for itself
 * that they are of a row that is over. */
static bool
is_over(const struct lent *g, const struct wire_vault_revoke *over)
{
	return (!g->spent || g->use == WIRE_USE_TAKE) &&
	       strcmp(g->grant.credential, over->credential) == 0 &&
	       g->grant.version <= over->version;
}

/* What is old, and what was granted of the value that is over (or NULL). */
static void
drop_old(struct vault *v, struct vault_cell *of,
    const struct wire_vault_revoke *over)
{
	struct mono now = mono_now();

	for (struct lent **at = &of->grants; *at;) {
		const struct lent *g = *at;

		if (is_old(g, now) || (over && is_over(g, over))) {
			vault_grant_drop(v, of, at);
		} else {
			at = &(*at)->next;
		}
	}
}

void
vault_grants_age(struct vault *v, struct vault_cell *of)
{
	drop_old(v, of, NULL);
}

void
vault_grants_over(struct vault *v, const struct wire_vault_revoke *over)
{
	for (struct vault_cell *of = v->cells; of; of = of->next) {
		drop_old(v, of, over);
	}
}

/* --- cells --- */

static void
forget(struct vault *v, struct vault_cell **at)
{
	struct vault_cell *of = *at;

	while (of->grants) {
		vault_grant_drop(v, of, &of->grants);
	}
	vault_taken_gone(v, of->cell);
	*at = of->next;
	free(of);
}

/* What core granted to a cell that had gone, or was not there yet. */
static void
forget_strays(struct vault *v)
{
	for (struct vault_cell **at = &v->cells; *at;) {
		if ((*at)->borrowers) {
			at = &(*at)->next;
			continue;
		}
		drop_old(v, *at, NULL);
		if ((*at)->count) {
			at = &(*at)->next;
		} else {
			forget(v, at);
		}
	}
}

struct vault_cell *
vault_cell_of(struct vault *v, uint64_t cell)
{
	struct vault_cell *of = v->cells;

	while (of && of->cell != cell) {
		of = of->next;
	}
	if (of) {
		return of;
	}
	forget_strays(v);
	of = calloc(1, sizeof(*of));
	must(of);
	of->cell = cell;
	of->next = v->cells;
	v->cells = of;
	return of;
}

void
vault_cell_left(struct vault *v, struct vault_cell *of)
{
	must(of->borrowers > 0);
	if (--of->borrowers) {
		return;
	}
	for (struct vault_cell **at = &v->cells; *at; at = &(*at)->next) {
		if (*at == of) {
			forget(v, at);
			return;
		}
	}
}

/* --- room --- */

void
vault_leave_out(struct vault *v, uint64_t cell, uint64_t number)
{
	struct vault_out *out = &v->out[v->out_next++ % VAULT_OUT];

	*out = (struct vault_out){ .cell = cell, .number = number };
}

bool
vault_left_out(const struct vault *v, uint64_t cell, uint64_t number)
{
	bool found = false;

	for (size_t n = 0; n < VAULT_OUT && !found; n++) {
		found = v->out[n].number == number && v->out[n].cell == cell;
	}
	return found && number != 0;
}

static size_t
unused(const struct vault_cell *of)
{
	size_t count = 0;

	for (const struct lent *g = of->grants; g; g = g->next) {
		count += !g->spent;
	}
	return count;
}

static struct vault_cell *
fullest(const struct vault *v)
{
	struct vault_cell *most = v->cells;

	for (struct vault_cell *of = v->cells; of; of = of->next) {
		most = of->count > most->count ? of : most;
	}
	return most;
}

/* Its latest that is not used; else what an answer was waited for longest. */
static void
push_out(struct vault *v, struct vault_cell *of)
{
	struct lent **at = &of->grants;

	must(*at);
	while ((*at)->spent && (*at)->next) {
		at = &(*at)->next;
	}
	if (!(*at)->spent) {
		vault_leave_out(v, of->cell, (*at)->grant.number);
	}
	vault_grant_drop(v, of, at);
}

int
vault_room(struct vault *v, struct vault_cell *of, struct err *e)
{
	struct vault_cell *most;

	if (of->count >= VAULT_CELL_GRANTS && unused(of) >= VAULT_CELL_GRANTS) {
		return err_set(e, ERR_LIMIT, "too many grants wait to be used");
	}
	if (v->grant_count < VAULT_GRANTS) {
		return 0;
	}
	vault_grants_over(v, NULL);
	if (v->grant_count < VAULT_GRANTS) {
		return 0;
	}
	most = fullest(v);
	if (most->count <= of->count + 1) {
		return err_set(e, ERR_LIMIT, "too many grants wait to be used");
	}
	push_out(v, most);
	return 0;
}
