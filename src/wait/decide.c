/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

static struct item *
need_item(const struct wait_list *w, struct str id, struct err *e)
{
	struct item *i = wait_item_find(w, id);

	if (!i) {
		(void)err_set(
		    e, ERR_MISSING, "nothing waits as %s", err_quote(id));
	}
	return i;
}

static bool
has(const struct str *list, uint32_t n, struct str text)
{
	for (uint32_t i = 0; i < n; i++) {
		if (str_eq(list[i], text)) {
			return true;
		}
	}
	return false;
}

/* The first answer stands; who comes later is told which. */
static int
need_open(const struct wait_item *i, struct wall now, struct err *e)
{
	char at[WALL_TEXT_MAX] = { 0 };

	if (i->state == WAIT_OPEN && now.us < i->expires.us) {
		return 0;
	}
	if (i->state == WAIT_OPEN || i->state == WAIT_EXPIRED) {
		wall_text(i->expires, at);
		return err_set(e, ERR_CONFLICT, "it expired at %s", at);
	}
	wall_text(i->decided, at);
	if (i->by.len == 0) {
		return err_set(e, ERR_CONFLICT, "it is %s since %s",
		    wait_state_name(i->state), at);
	}
	return err_set(e, ERR_CONFLICT,
	    "already %s by " STR_FMT " on " STR_FMT " at %s",
	    wait_state_name(i->state), STR_ARG(i->by), STR_ARG(i->surface), at);
}

/* A person, who is not the one who asks; identities are no people. */
static int
check_principal(
    const struct wait_item *i, const struct wait_decide *c, struct err *e)
{
	if (c->principal.len == 0 || c->principal.len > WAIT_NAME_MAX ||
	    str_has_str(c->principal, STR("__"))) {
		return err_set(e, ERR_DENIED,
		    "only a person decides, as an operator of the house");
	}
	if (str_eq(c->principal, i->asker) ||
	    str_eq(c->principal, i->identity)) {
		return err_set(e, ERR_DENIED, "who asks does not decide it");
	}
	if (!has(i->surfaces, i->surface_count, c->surface)) {
		return err_set(e, ERR_DENIED,
		    "the gate does not take an answer on %s",
		    err_quote(c->surface));
	}
	return 0;
}

/* May this yes count?  Named people keep their seats among those needed. */
static int
check_yes(const struct wait_item *i, struct str principal, struct err *e)
{
	uint32_t others = 0;

	if (has(i->yes, i->yes_count, principal)) {
		return err_set(e, ERR_CONFLICT,
		    "%s has said yes already; another person must, too",
		    err_quote(principal));
	}
	for (uint32_t n = 0; n < i->yes_count; n++) {
		others += !has(i->named, i->named_count, i->yes[n]);
	}
	if (!has(i->named, i->named_count, principal) &&
	    others >= i->people - i->named_count) {
		return err_set(e, ERR_DENIED, "the gate requires the yes of %s",
		    err_quote(i->named[0]));
	}
	return 0;
}

static struct str
write_event(struct arena *a, const struct wait_item *i, const char *event,
    struct wall now, const struct wait_decide *c)
{
	struct json_out o = { 0 };
	auto_buf out = { 0 };

	json_out_init(&o, &out);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", event);
	json_out_z(&o, "id", i->id);
	json_out_i64(&o, "at_us", now.us);
	if (c) {
		json_out_z(&o, "answer",
		    c->yes ? wait_kind_yes(i->kind) : wait_kind_no(i->kind));
		json_out_str(&o, "by", c->principal);
		json_out_str(&o, "surface", c->surface);
		json_out_str(&o, "reason", c->reason);
		json_out_str(&o, "value", c->value);
	}
	json_out_end(&o, '}');
	return arena_str(a, buf_str(&out));
}

static void
yield(struct wait_step *step, struct arena *a, const struct wait_item *i,
    enum wait_state state, struct str body)
{
	*step = (struct wait_step){
		.id = arena_str(a, str_of(i->id)),
		.body = body,
		.state = state,
		.settled = i->state == WAIT_OPEN && state != WAIT_OPEN,
	};
}

int
wait_decide(struct wait_list *w, struct arena *a, const struct wait_decide *c,
    struct wait_step *step, struct err *e)
{
	const struct item *found = need_item(w, c->id, e);
	const struct wait_item *i = NULL;
	enum wait_state state = WAIT_DENIED;

	if (!found) {
		return -1;
	}
	i = &found->shown;
	if (c->reason.len > WAIT_HINT_MAX || c->value.len > WAIT_VALUE_MAX) {
		return err_set(e, ERR_LIMIT, "the answer is too long");
	}
	if (need_open(i, c->now, e) || check_principal(i, c, e) ||
	    (c->yes && check_yes(i, c->principal, e))) {
		return -1;
	}
	if (c->yes) {
		state =
		    i->yes_count + 1 == i->people ? WAIT_APPROVED : WAIT_OPEN;
	}
	yield(step, a, i, state,
	    write_event(
	        a, i, state == WAIT_OPEN ? "yes" : "decided", c->now, c));
	return 0;
}

int
wait_expire(struct wait_list *w, struct arena *a, struct wall now,
    struct wait_step *step, struct err *e)
{
	const struct wait_item *i = NULL;

	if (w->heap_count == 0 || w->heap[0]->shown.expires.us > now.us) {
		return err_set(e, ERR_MISSING, "nothing has expired");
	}
	i = &w->heap[0]->shown;
	yield(
	    step, a, i, WAIT_EXPIRED, write_event(a, i, "expired", now, NULL));
	return 0;
}

int
wait_consume(struct wait_list *w, struct arena *a, const struct wait_consume *c,
    struct wait_step *step, struct err *e)
{
	const struct item *found = need_item(w, c->id, e);
	const struct wait_item *i = NULL;

	if (!found) {
		return -1;
	}
	i = &found->shown;
	if (i->state != WAIT_APPROVED) {
		return err_set(e, ERR_DENIED, "the approval is %s",
		    wait_state_name(i->state));
	}
	if (c->now.us >= i->expires.us) {
		return err_set(e, ERR_DENIED, "the approval has expired");
	}
	if (!digest_eq(i->digest, c->digest)) {
		return err_set(e, ERR_DENIED,
		    "what was approved is not what is about to happen");
	}
	yield(step, a, i, WAIT_CONSUMED,
	    write_event(a, i, "consumed", c->now, NULL));
	return 0;
}

int
wait_cancel(struct wait_list *w, struct arena *a, struct str id,
    struct wall now, struct wait_step *step, struct err *e)
{
	const struct item *found = need_item(w, id, e);

	if (!found) {
		return -1;
	}
	if (found->shown.state != WAIT_OPEN &&
	    found->shown.state != WAIT_APPROVED) {
		return err_set(e, ERR_CONFLICT, "it is %s already",
		    wait_state_name(found->shown.state));
	}
	yield(step, a, &found->shown, WAIT_CANCELLED,
	    write_event(a, &found->shown, "cancelled", now, NULL));
	step->settled = false;
	return 0;
}
