/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device on a desk shows, and what its yes is worth.  The supervisor
 * says whose device it is, the part only what it said; a decision counts if
 * the device lives, may decide, and was shown exactly this wait, and it is the
 * word of the operator that lists the device: then it takes the same path as
 * one of any other surface.
 *
 * The oldest open approval is shown whose first living surface is buddy and to
 * which that operator could say yes.  Lost: nothing is shown, and the wait is
 * for the next living surface of its gate; nothing is ever decided by that.
 */
#include <stdio.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_call.h"

#define LOOK_US (CLOCK_SECOND / 20) /* what comes at once is shown at once */

bool
core_buddy_heard(const struct core_buddy *b)
{
	return b->state.alive && b->device.carrier &&
	       b->state.carrier == b->device.carrier;
}

static bool
may_decide(const struct core *c)
{
	const struct core_buddy *b = &c->desk;

	for (size_t i = 0; i < c->house.operator_count; i++) {
		if (strcmp(c->house.operators[i].name, b->device.person) == 0) {
			return c->buddy && core_buddy_heard(b) &&
			       b->device.decides;
		}
	}
	return false;
}

/* The command line and the files are always there, the page while one is
 * open. */
static bool
lives(const struct core *c, struct str surface)
{
	return str_eq_z(surface, "buddy") ? may_decide(c)
	       : str_eq_z(surface, "web") ? core_web_lives(c)
	                                  : true;
}

static bool
is_first(const struct core *c, const struct wait_item *w)
{
	for (uint32_t i = 0; i < w->surface_count; i++) {
		if (lives(c, w->surfaces[i])) {
			return str_eq_z(w->surfaces[i], "buddy");
		}
	}
	return false;
}

/* Asked and thrown away: a decision changes nothing before it is applied. */
static bool
could_say_yes(struct core *c, const struct wait_item *w)
{
	struct digest sealed;
	struct err e = { 0 };
	struct wait_decide say = {
		.id = str_of(w->id),
		.yes = true,
		.principal = str_of(c->desk.device.person),
		.surface = STR("buddy"),
		.now = wall_now(),
	};

	return wait_decision(c->waits, &say, &sealed, &e) == 0;
}

static const struct wait_item *
next_prompt(struct core *c)
{
	struct wait_mark m = { .seq = c->desk.before };
	bool before = true; /* none open yet */

	if (!may_decide(c)) {
		return NULL;
	}
	while (wait_next(c->waits, m.seq, &m) && m.seq <= c->desk.safe) {
		const struct wait_item *w;

		if (m.state != WAIT_OPEN) {
			c->desk.before = before ? m.seq : c->desk.before;
			continue;
		}
		before = false;
		if (m.kind != WAIT_APPROVAL ||
		    !(m.surfaces & wait_surface_bit(STR("buddy")))) {
			continue;
		}
		w = wait_find(c->waits, str_of(m.id));
		if (w && is_first(c, w) && could_say_yes(c, w)) {
			return w;
		}
	}
	return NULL;
}

/* --- the picture --- */

static void
fill(char *field, size_t size, struct str text)
{
	must(str_copy(field, size, str_sub(text, 0, size - 1)));
}

static const char *
role_of(const struct core *c, struct str identity)
{
	for (size_t i = 0; i < c->house.role_count; i++) {
		if (str_eq_z(identity, c->house.roles[i].identity)) {
			return c->house.roles[i].name;
		}
	}
	return "";
}

static void
fill_prompt(
    struct core *c, struct wire_buddy_show *s, const struct wait_item *w)
{
	struct str brief = w->brief.len ? w->brief : w->tool;
	auto_buf hint = { 0 };

	buf_addf(&hint, "%s " STR_FMT, w->code, STR_ARG(brief));
	s->prompt = 1;
	s->whole = w->brief.len && !w->brief_cut;
	must(str_copy(s->id, sizeof(s->id), str_of(w->id)));
	fill(s->tool, sizeof(s->tool), w->tool);
	fill(s->hint, sizeof(s->hint), buf_str(&hint));
	fill(s->role, sizeof(s->role), str_of(role_of(c, w->identity)));
}

static void
add_entry(struct wire_buddy_show *s, const char *state, const char *role,
    struct str title)
{
	auto_buf line = { 0 };

	if (s->entries == WIRE_BUDDY_ENTRIES) {
		return;
	}
	buf_addf(&line, "[%s] %s:: ", state, role);
	core_utf8(&line, title);
	fill(s->entry[s->entries], sizeof(s->entry[0]), buf_str(&line));
	s->entries++;
}

/* The newest of the runs stand first in their list, and last on the device. */
static void
fill_runs(struct core *c, struct wire_buddy_show *s)
{
	const struct core_run *newest[WIRE_BUDDY_ENTRIES];
	size_t count = 0;

	for (struct core_run *r = c->runs; r; r = r->next) {
		bool runs = r->phase != RUN_PARKED;

		s->running += runs;
		if (runs && count < COUNT(newest)) {
			newest[count++] = r;
		}
	}
	while (count) {
		const struct core_run *r = newest[--count];
		struct str subject = STR("");

		(void)json_text(r->record, "subject", &subject);
		add_entry(s, "running", r->role->name, subject);
	}
}

static void
fill_waits(struct core *c, struct wire_buddy_show *s)
{
	struct wait_mark m = { .seq = c->desk.before };

	while (wait_next(c->waits, m.seq, &m) && m.seq <= c->desk.safe) {
		const struct wait_item *w;

		if (m.state != WAIT_OPEN) {
			continue;
		}
		if (s->waiting++ >= WIRE_BUDDY_ENTRIES / 2) {
			continue;
		}
		w = wait_find(c->waits, str_of(m.id));
		if (w) {
			add_entry(
			    s, "waiting", role_of(c, w->identity), w->tool);
		}
	}
}

static void
draw(struct core *c, struct wire_buddy_show *s)
{
	const struct wait_item *w = next_prompt(c);
	auto_buf msg = { 0 };

	memset(s, 0, sizeof(*s)); /* pictures are compared byte by byte */
	s->carrier = c->desk.device.carrier;
	if (w) {
		fill_prompt(c, s, w);
	}
	fill_waits(c, s);
	fill_runs(c, s);
	s->total = s->running + s->waiting;
	if (w) {
		buf_addf(&msg, "approve: %s", s->tool);
	} else if (s->waiting) {
		buf_addf(&msg, "%u waiting elsewhere", s->waiting);
	} else if (s->running) {
		buf_addf(&msg, "%u running", s->running);
	} else {
		buf_add_z(&msg, "idle");
	}
	fill(s->msg, sizeof(s->msg), buf_str(&msg));
}

/* The waits up to `safe` are on the disk. */
static void
show(struct core *c, uint64_t safe)
{
	struct wire_buddy_show now;

	if (!c->buddy || !core_buddy_heard(&c->desk)) {
		return;
	}
	c->desk.safe = safe;
	draw(c, &now);
	if (memcmp(&now, &c->desk.shown, sizeof(now)) != 0) {
		c->desk.shown = now;
		wire_send(c->buddy, WIRE_BUDDY_SHOW, &now, NULL, 0);
	}
}

static void
look(void *owner)
{
	struct core *c = owner;

	c->desk.looking = false;
	core_after(c, show, c->book.seq);
}

void
core_buddy_changed(struct core *c)
{
	if (c->buddy && core_buddy_heard(&c->desk) && !c->desk.looking) {
		c->desk.looking = true;
		loop_timer_arm(&c->desk.look, c->part.loop,
		    mono_after(loop_now(c->part.loop), LOOK_US), look, c);
	}
}

static void
show_nothing(struct core *c)
{
	memset(&c->desk.shown, 0, sizeof(c->desk.shown));
	c->desk.shown.carrier = c->desk.device.carrier;
	wire_send(c->buddy, WIRE_BUDDY_SHOW, &c->desk.shown, NULL, 0);
}

/* --- what is heard --- */

void
core_buddy_gone(struct core *c)
{
	c->desk.state = (struct wire_buddy_state){ .alive = 0 };
	memset(&c->desk.shown, 0, sizeof(c->desk.shown));
	loop_timer_cancel(&c->desk.look);
	c->desk.looking = false;
	core_buddy_order_lost(c);
}

void
core_buddy_device(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct core *c = owner;
	const struct wire_buddy_device *in = record;

	(void)peer;
	must(wire_text_ok(in->device, sizeof(in->device)) &&
	     wire_text_ok(in->person, sizeof(in->person)));
	c->desk.device = *in;
	core_buddy_order_lost(c);
	memset(&c->desk.shown, 0, sizeof(c->desk.shown));
	if (in->carrier) {
		log_line(LOG_INFO, "buddy", "%s, %s%s", in->device,
		    in->person[0] ? "of " : "that no operator lists",
		    in->person);
	}
	core_buddy_changed(c);
}

static void
break_off(struct wire_peer *peer, const char *what)
{
	struct err why = { 0 };

	(void)err_set(&why, ERR_DENIED, "%s of no form", what);
	wire_peer_close(peer, &why);
}

static void
take_state(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct core *c = owner;
	const struct wire_buddy_state *in = record;
	bool was = core_buddy_heard(&c->desk);

	if (in->alive > 1 || !wire_text_ok(in->text, sizeof(in->text))) {
		break_off(peer, "BUDDY_STATE");
		return;
	}
	c->desk.state = *in;
	if (was != core_buddy_heard(&c->desk)) {
		memset(&c->desk.shown, 0, sizeof(c->desk.shown));
		log_line(LOG_INFO, "buddy", "%s",
		    in->alive ? "the device answers" : "the device is lost");
	}
	core_buddy_changed(c);
}

/* Whatever refuses it, the person sees the prompt again, or what there is. */
static int
decide(struct core *c, const struct wire_buddy_decision *in, struct err *e)
{
	const struct core_buddy *b = &c->desk;
	struct wait_decide say = {
		.id = str_of(in->id),
		.yes = in->yes,
		.principal = str_of(b->device.person),
		.surface = STR("buddy"),
		.reason = in->yes ? STR("") : STR("denied on the buddy"),
		.now = wall_now(),
	};

	if (in->carrier != b->device.carrier || !may_decide(c)) {
		return err_set(e, ERR_DENIED,
		    "this device decides nothing: an operator must list it, "
		    "and "
		    "tty and simulator do so under `up --dev` only");
	}
	if (!b->shown.prompt || strcmp(in->id, b->shown.id) != 0) {
		return err_set(e, ERR_DENIED, "it does not show %s",
		    err_quote(str_of(in->id)));
	}
	if (in->yes && !b->shown.whole) {
		return err_set(
		    e, ERR_DENIED, "it does not show %s whole", in->id);
	}
	if (core_stalled(c)[0]) {
		return err_set(e, ERR_UNAVAILABLE, "%s", core_stalled(c));
	}
	return core_wait_say(c, &say, e);
}

static void
take_decision(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct core *c = owner;
	const struct wire_buddy_decision *in = record;
	struct err e = { 0 };

	if (in->yes > 1 || !wire_text_ok(in->id, sizeof(in->id))) {
		break_off(peer, "BUDDY_DECISION");
		return;
	}
	if (decide(c, in, &e)) {
		log_err("buddy", &e);
		show_nothing(c);
	}
	core_buddy_changed(c);
}

const struct wire_handler core_buddy_handlers[] = {
	{ WIRE_BUDDY_STATE, take_state },
	{ WIRE_BUDDY_DECISION, take_decision },
	{ WIRE_BUDDY_ORDERED, core_buddy_ordered },
};
const size_t core_buddy_handler_count = COUNT(core_buddy_handlers);

/* --- for people --- */

void
core_buddy_write(const struct core *c, struct json_out *o)
{
	static const char *const kinds[] = { "none", "tcp", "serial",
		"bluetooth" };
	const struct core_buddy *b = &c->desk;

	json_out_object(o, "buddy");
	json_out_z(o, "carrier",
	    b->device.kind < COUNT(kinds) ? kinds[b->device.kind] : "none");
	json_out_z(o, "device", b->device.device);
	json_out_z(o, "operator", b->device.person);
	json_out_bool(o, "alive", core_buddy_heard(b));
	json_out_bool(o, "decides", may_decide(c));
	json_out_z(o, "says", core_buddy_heard(b) ? b->state.text : "");
	json_out_z(o, "shows", b->shown.prompt ? b->shown.id : "");
	json_out_z(o, "hint", b->shown.prompt ? b->shown.hint : "");
	json_out_bool(o, "whole", b->shown.prompt && b->shown.whole);
	json_out_end(o, '}');
}

static bool
wanted(const struct core *c)
{
	return c->house.config.buddy.tcp.len ||
	       c->house.config.buddy.serial.len ||
	       c->house.config.buddy.bluetooth.len;
}

/* Whose device is whose, whether it is here or not. */
static void
write_operators(const struct core *c, struct json_out *o)
{
	json_out_array(o, "operators");
	for (size_t i = 0; i < c->house.config.operator_count; i++) {
		const struct config_operator *p = &c->house.config.operators[i];

		json_out_object(o, NULL);
		json_out_str(o, "name", p->name);
		json_out_str(o, "device", p->buddy);
		json_out_bool(o, "alive",
		    core_buddy_heard(&c->desk) &&
		        str_eq_z(p->name, c->desk.device.person));
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

int
route_buddy(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;

	if (!wanted(c)) {
		return err_set(e, ERR_MISSING,
		    "this house has no device: write [buddy] serial, "
		    "bluetooth or tcp in %s and start it again",
		    c->config_file);
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_bool(&o, "part", c->buddy != NULL);
	core_buddy_write(c, &o);
	write_operators(c, &o);
	core_buddy_order_write(c, &o);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
