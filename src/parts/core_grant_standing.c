/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `approve --remember`: a person says yes, and that the same need not be asked
 * for a while.  The yes and the grant are one batch; a grant is looked for
 * only where the policy asks, so it never opens what a policy denies.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

static int
load_row(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;

	return wait_grant_apply(c->grants, row->value, e)
	           ? err_wrap(e, "the row of grant %s", err_quote(row->key))
	           : 0;
}

int
core_standing_load(struct core *c, struct err *e)
{
	c->grants = wait_grants_new();
	return store_rows_walk(
	    c->book.store, STR("grant"), STR(""), load_row, c, e);
}

/* Its own head says when it ended. */
static void
forget_expired(struct core *c)
{
	const struct wait_grant *g;

	while ((g = wait_grant_expired(c->grants, wall_now()))) {
		core_row_drop(c, "grant", str_of(g->id));
		wait_grant_forget(c->grants, str_of(g->id));
	}
}

static void
append(struct core *c, enum book_kind kind, const char *by,
    const struct wait_step *step, struct digest contract)
{
	struct core_event event = {
		.kind = kind,
		.identity = by,
		.rule = step->id,
		.contract = contract,
		.body = step->body,
	};
	struct err e = { 0 };

	if (wait_grant_apply(c->grants, step->body, &e)) {
		log_err("grant", &e);
		must(!"a grant's event that its own list refuses");
	}
	(void)core_append(c, &event);
}

/* --- making and using --- */

int
core_standing_may(const struct core *c, const struct wait_decide *say,
    int64_t lasts_us, struct err *e)
{
	struct wait_grant_make make = {
		.item = wait_find(c->waits, say->id),
		.lasts_us = lasts_us,
		.now = say->now,
	};

	return make.item ? wait_grant_may(c->grants, &make, e)
	                 : err_set(e, ERR_MISSING, "nothing waits as %s",
	                       err_quote(say->id));
}

static struct wait_grant_make
make_of(const struct core *c, const struct core_mac *job)
{
	return (struct wait_grant_make){
		.item = wait_find(c->waits, job->say.id),
		.principal = job->say.principal,
		.surface = job->say.surface,
		.lasts_us = job->lasts_us,
		.now = job->say.now,
	};
}

struct digest
core_standing_sealed(const struct core *c, const struct core_mac *job)
{
	struct wait_grant_make make = make_of(c, job);

	return wait_grant_sealed(&make, job->random);
}

void
core_standing_make(struct core *c, struct core_mac *job)
{
	auto_arena a = { 0 };
	struct wait_step step = { 0 };
	struct err e = { 0 };
	struct wait_grant_make make = make_of(c, job);

	make.mac = job->record.mac[1];
	forget_expired(c);
	if (wait_grant_make(c->grants, &a, &make, job->random, &step, &e)) {
		log_err("grant", &e); /* the last free place was just taken */
		return;
	}
	append(c, BOOK_STANDING_GRANT_MADE, arena_z(&a, job->say.principal),
	    &step, make.item->contract);
	core_row(c, "grant", step.id, step.body, c->book.seq);
}

const struct wait_grant *
core_standing_find(const struct core *c, const struct core_call *k)
{
	const struct core_run *r =
	    /* NOLINTNEXTLINE(performance-no-int-to-ptr): only read */
	    core_run_find((struct core *)(uintptr_t)c, k->run);
	struct wait_grant_use use = {
		.identity = str_of(r->role->identity),
		.tool = k->name,
		.contract = k->tool->contract,
		.asked = k->decision.ask.digest,
		.named = k->decision.ask.named_args,
		.now = wall_now(),
	};

	return wait_grant_find(c->grants, &use);
}

/* --- is it one? --- */

void
core_standing_check(struct core *c, const struct wait_grant *g,
    core_mac_fn *done, uint64_t number)
{
	struct core_mac *job = core_mac_new();

	job->done = done;
	job->number = number;
	job->waits = true;
	job->record.check = 1;
	job->id = arena_str(&job->arena, str_of(g->id));
	core_mac_add(job, wait_grant_digest(g), g->mac);
	core_mac_send(c, job); /* without a MAC it is none of the vault's */
}

void
core_standing_refuse(struct core *c, struct str id)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct core_event event = {
		.kind = BOOK_DECISION_REFUSED,
		.rule = id,
	};

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", "grant_refused");
	json_out_str(&o, "id", id);
	json_out_end(&o, '}');
	event.body = buf_str(&body);
	(void)core_append(c, &event);
	core_row_drop(c, "grant", id);
	wait_grant_forget(c->grants, id);
	log_line(LOG_ERROR, "grant",
	    "the standing grant " STR_FMT " is not one that this house's vault "
	    "has sealed: it is gone, a person is asked",
	    STR_ARG(id));
}

/* --- routes --- */

static void
write_time(struct json_out *o, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX];

	wall_text(t, text);
	json_out_z(o, key, text);
}

static void
write_grant(struct json_out *o, const struct wait_grant *g)
{
	json_out_object(o, NULL);
	json_out_z(o, "id", g->id);
	json_out_str(o, "identity", g->identity);
	json_out_str(o, "tool", g->tool);
	json_out_str(o, "gate", g->gate);
	json_out_str(o, "hint", g->hint);
	json_out_str(o, "wait", g->wait);
	json_out_str(o, "by", g->by);
	json_out_str(o, "surface", g->surface);
	write_time(o, "made_at", g->made);
	write_time(o, "expires_at", g->expires);
	json_out_end(o, '}');
}

void
core_standing_write(
    const struct core *c, struct json_out *o, const char *identity)
{
	const struct wait_grant *g;

	json_out_array(o, "grants");
	for (size_t i = 0; (g = wait_grant_at(c->grants, i)); i++) {
		if (wall_now().us < g->expires.us &&
		    (!identity || str_eq_z(g->identity, identity))) {
			write_grant(o, g);
		}
	}
	json_out_end(o, ']');
}

int
route_grants(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;

	(void)e;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	core_standing_write(c, &o, NULL);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

int
route_grant_revoke(struct core *c, struct core_ask *ask, struct err *e)
{
	struct wait_step step = { 0 };
	const char *by = ask->operator_->name;
	struct digest none = { 0 };

	if (wait_grant_revoke(c->grants, &ask->arena, ask->part, str_of(by),
	        wall_now(), &step, e)) {
		return -1;
	}
	core_row_drop(c, "grant", step.id);
	append(c, BOOK_STANDING_GRANT_REVOKED, by, &step, none);
	core_answer_after(c, ask, 200, STR("{\"revoked\":true}"));
	return 0;
}
