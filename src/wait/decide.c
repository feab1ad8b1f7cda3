/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#define PUT_OFF_US CLOCK_MINUTE /* what cannot be read is looked at again */

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
	if (i->by.len == 0 || i->state == WAIT_REFUSED) {
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

static bool
has_said(const struct wait_item *i, struct str who)
{
	for (uint32_t n = 0; n < i->said_count; n++) {
		if (i->said[n].yes && str_eq(i->said[n].by, who)) {
			return true;
		}
	}
	return false;
}

/* Does this person sit in a named one's seat?  Who it was escalated to sits in
 * that of whom it was for, as long as that one has not spoken. */
static bool
is_named(const struct wait_item *i, struct str who)
{
	return has(i->named, i->named_count, who) ||
	       (i->escalated && str_eq(who, i->escalate_to) &&
	           has(i->named, i->named_count, i->escalate_for) &&
	           !has_said(i, i->escalate_for));
}

/* May this yes count?  Named people keep their seats among those needed. */
static int
check_yes(const struct wait_item *i, struct str principal, struct err *e)
{
	uint32_t others = 0;
	bool stood_in = i->escalate_for.len && has_said(i, i->escalate_to) &&
	                i->escalated &&
	                !has(i->named, i->named_count, i->escalate_to);

	if (has_said(i, principal)) {
		return err_set(e, ERR_CONFLICT,
		    "%s has said yes already; another person must, too",
		    err_quote(principal));
	}
	for (uint32_t n = 0; n < i->said_count; n++) {
		others += !has(i->named, i->named_count, i->said[n].by);
	}
	others -= stood_in;
	if (stood_in && str_eq(principal, i->escalate_for)) {
		return err_set(e, ERR_CONFLICT,
		    "%s has said yes in the place of %s already",
		    err_quote(i->escalate_to), err_quote(principal));
	}
	if (!is_named(i, principal) && others >= i->people - i->named_count) {
		return err_set(e, ERR_DENIED, "the gate requires the yes of %s",
		    err_quote(i->named[0]));
	}
	return 0;
}

/* What is answered must be an answer to this. */
static int
check_value(
    const struct wait_item *i, const struct wait_decide *c, struct err *e)
{
	if (i->kind == WAIT_DECISION && !c->yes) {
		return err_set(e, ERR_INPUT,
		    "a letter wants a decision: there is no declining it");
	}
	if (!wait_kind_has_value(i->kind)) {
		return c->value.len == 0
		           ? 0
		           : err_set(e, ERR_INPUT, "it takes no value");
	}
	if (c->yes && c->value.len == 0) {
		return err_set(e, ERR_INPUT, "an answer needs a value");
	}
	if (c->yes && i->option_count > 0 &&
	    !has(i->options, i->option_count, c->value)) {
		return err_set(e, ERR_INPUT,
		    "%s is none of the %u answers to choose from",
		    err_quote(c->value), i->option_count);
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
		if (c->mac) {
			char mac[2 * WAIT_MAC + 1];

			hex_text(c->mac, WAIT_MAC, mac);
			json_out_z(&o, "mac", mac);
		}
	}
	json_out_end(&o, '}');
	return arena_str(a, buf_str(&out));
}

static void /* NOLINTNEXTLINE(readability-function-size): all of a step */
yield(struct wait_step *step, struct arena *a, const struct wait_item *i,
    enum wait_state state, const char *what, struct wall now,
    const struct wait_decide *c)
{
	*step = (struct wait_step){
		.id = arena_str(a, str_of(i->id)),
		.body = write_event(a, i, what, now, c),
		.what = what,
		.state = state,
		.settled = i->state == WAIT_OPEN && state != WAIT_OPEN,
	};
}

static int
judge(const struct wait_list *w, const struct wait_decide *c,
    const struct wait_item **out, struct err *e)
{
	const struct item *found = need_item(w, c->id, e);
	const struct wait_item *i = NULL;

	if (!found) {
		return -1;
	}
	i = &found->shown;
	if (c->reason.len > WAIT_HINT_MAX) {
		return err_set(e, ERR_LIMIT,
		    "a reason or note has at most %d bytes, this one has %zu",
		    WAIT_HINT_MAX, c->reason.len);
	}
	if (c->value.len > WAIT_VALUE_MAX) {
		return err_set(e, ERR_LIMIT,
		    "an answer has at most %d bytes, this one has %zu",
		    WAIT_VALUE_MAX, c->value.len);
	}
	if (need_open(i, c->now, e) || check_principal(i, c, e) ||
	    (c->yes && check_yes(i, c->principal, e)) || check_value(i, c, e)) {
		return -1;
	}
	*out = i;
	return 0;
}

int
wait_decision(const struct wait_list *w, const struct wait_decide *c,
    struct digest *sealed, struct err *e)
{
	const struct wait_item *i;

	if (judge(w, c, &i, e)) {
		return -1;
	}
	struct wait_said said = {
		.by = c->principal,
		.surface = c->surface,
		.reason = c->reason,
		.value = c->value,
		.at = c->now,
		.yes = c->yes,
	};

	*sealed = wait_said_digest(i, &said);
	return 0;
}

int
wait_decide(struct wait_list *w, struct arena *a, const struct wait_decide *c,
    struct wait_step *step, struct err *e)
{
	const struct wait_item *i;
	enum wait_state state = WAIT_DENIED;

	if (judge(w, c, &i, e)) {
		return -1;
	}
	if (c->yes) {
		state =
		    i->said_count + 1 == i->people ? WAIT_APPROVED : WAIT_OPEN;
	}
	yield(step, a, i, state, state == WAIT_OPEN ? "yes" : "decided", c->now,
	    c);
	return 0;
}

/* -1: it cannot be read now.  It is put off, so that it keeps nobody else
 * waiting, and becomes due again; only the memory knows of that. */
static int
first_due(struct wait_list *w, struct wall now, const struct wait_item **out,
    struct err *e)
{
	const struct item *i;
	uint32_t n;
	char id[WAIT_ID_TEXT];

	if (w->heap_count == 0 ||
	    wait_slot(w, w->heap[0])->when > (uint64_t)now.us) {
		return err_set(e, ERR_MISSING, "nothing is due");
	}
	n = w->heap[0];
	i = wait_item_at(w, n);
	if (!i) {
		wait_slot_due(w, n, (uint64_t)now.us + PUT_OFF_US);
		wait_make_id("w-", wait_slot(w, n)->id, id);
		return err_set(e, ERR_IO,
		    "%s is due and cannot be read from the book; it goes on "
		    "waiting",
		    id);
	}
	*out = &i->shown;
	return 0;
}

int
wait_due(struct wait_list *w, struct arena *a, struct wall now,
    struct wait_step *step, struct err *e)
{
	const struct wait_item *i;

	if (first_due(w, now, &i, e)) {
		return -1;
	}
	if (i->expires.us <= now.us) {
		yield(step, a, i, WAIT_EXPIRED, "expired", now, NULL);
	} else if (i->escalate.us && !i->escalated &&
	           i->escalate.us <= now.us) {
		yield(step, a, i, WAIT_OPEN, "escalated", now, NULL);
	} else {
		yield(step, a, i, WAIT_OPEN, "reminded", now, NULL);
	}
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
	yield(step, a, i, WAIT_CONSUMED, "consumed", c->now, NULL);
	return 0;
}

int
wait_refuse(struct wait_list *w, struct arena *a, struct str id,
    struct wall now, struct wait_step *step, struct err *e)
{
	const struct item *found = need_item(w, id, e);

	if (!found) {
		return -1;
	}
	if (found->shown.state != WAIT_APPROVED &&
	    found->shown.state != WAIT_DENIED) {
		return err_set(e, ERR_CONFLICT, "it is %s",
		    wait_state_name(found->shown.state));
	}
	yield(step, a, &found->shown, WAIT_REFUSED, "refused", now, NULL);
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
	yield(step, a, &found->shown, WAIT_CANCELLED, "cancelled", now, NULL);
	step->settled = false;
	return 0;
}
