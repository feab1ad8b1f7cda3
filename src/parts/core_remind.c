/* SPDX-License-Identifier: Apache-2.0 */
/* Letters about what still waits. */
#include "parts/core.h"
#include "parts/core_call.h"

static void
send(struct core *c, struct arena *a, const struct wait_item *w, struct str to,
    bool escalated)
{
	struct e2m_record mail = { 0 };
	struct e2m_envelope *out = &mail.as.envelope;
	struct json *payload = json_new(a, JSON_OBJECT);
	struct queue_step step = { 0 };
	struct err e = { 0 };
	char expires[WALL_TEXT_MAX];

	wall_text(w->expires, expires);
	(void)json_set_str(a, payload, "wait", str_of(w->id));
	(void)json_set_str(a, payload, "code", str_of(w->code));
	(void)json_set_str(a, payload, "tool", w->tool);
	(void)json_set_str(a, payload, "identity", w->identity);
	(void)json_set_str(a, payload, "gate", w->gate);
	(void)json_set_str(a, payload, "hint", w->hint);
	(void)json_set_str(a, payload, "expires_at", str_of(expires));
	(void)json_set_str(a, payload, "next",
	    arena_printf(a, "handrail approve %s, or deny it", w->id));
	e2m_envelope_init(a, wall_now(), &mail);
	out->envelope_type = escalated ? E2M_TYPE_ESCALATE : E2M_TYPE_NOTIFY;
	out->from = STR("operator");
	out->to = queue_has_mailbox(c->queue, to) ? to : STR("operator");
	out->subject = arena_printf(a,
	    escalated ? "You may decide now: %s " STR_FMT
	              : "Still waiting: %s " STR_FMT,
	    w->code,
	    STR_ARG(w->hint.len ? str_utf8_cut(w->hint, 120) : w->tool));
	out->payload = payload;
	if (queue_mail_send(c->queue, a, out, &step, &e)) {
		log_err("remind", &e);
		return;
	}
	core_queue_step(c, &step, NULL);
}

static bool
has_said(const struct wait_item *w, struct str who)
{
	for (uint32_t i = 0; i < w->said_count; i++) {
		if (str_eq(w->said[i].by, who)) {
			return true;
		}
	}
	return false;
}

/* To those who are named and have not spoken; where nobody is, to all. */
void
core_wait_letter(struct core *c, const struct wait_item *w, bool escalated)
{
	auto_arena a = { 0 };

	if (escalated) {
		send(c, &a, w, w->escalate_to, true);
		return;
	}
	for (uint32_t i = 0; i < w->named_count; i++) {
		if (!has_said(w, w->named[i])) {
			send(c, &a, w, w->named[i], false);
		}
	}
	if (w->named_count < w->people) {
		send(c, &a, w, STR("operator"), false);
	}
}
