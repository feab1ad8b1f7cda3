/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#include <stdlib.h>

/*
 * The only place where the list changes.  The event is checked again: an
 * approval that no rule of the machine leads to is not one.
 */

static bool
read_digest(const struct json *body, const char *key, struct digest *d)
{
	struct str text = { 0 };

	return json_text(body, key, &text) && digest_parse(text, d);
}

static bool
read_count(const struct json *body, const char *key, uint32_t *n)
{
	int64_t value = 0;

	if (!json_i64(body, key, &value) || value < 0 || value > UINT32_MAX) {
		return false;
	}
	*n = (uint32_t)value;
	return true;
}

static bool
read_text(
    struct arena *a, const struct json *body, const char *key, struct str *out)
{
	struct str text = { 0 };

	if (!json_text(body, key, &text)) {
		return false;
	}
	*out = arena_str(a, text);
	return true;
}

static bool
read_texts(struct arena *a, const struct json *body, const char *key,
    const struct str **out, uint32_t *count)
{
	const struct json *list = json_get(body, key);
	struct str *texts = NULL;

	if (!list || list->type != JSON_ARRAY) {
		return false;
	}
	texts = arena_array(a, list->count, sizeof(*texts));
	JSON_EACH(child, list)
	{
		if (child->type != JSON_STRING) {
			return false;
		}
		texts[(*count)++] = arena_str(a, child->text);
	}
	*out = texts;
	return true;
}

static bool
read_subject(struct arena *a, const struct json *body, struct wait_item *i)
{
	struct wait_subject s = { 0 };

	if (!read_text(a, body, "identity", &s.identity) ||
	    !read_text(a, body, "tool", &s.tool) ||
	    !read_digest(body, "contract", &s.contract) ||
	    !read_digest(body, "args", &s.args) ||
	    !read_text(a, body, "run", &s.run) ||
	    !read_count(body, "call", &s.call) ||
	    !read_digest(body, "workspace", &s.workspace) ||
	    !read_digest(body, "digest", &i->digest)) {
		return false;
	}
	i->identity = s.identity;
	i->tool = s.tool;
	i->run = s.run;
	i->call = s.call;
	i->contract = s.contract;
	i->args = s.args;
	i->workspace = s.workspace;
	i->effect = wait_effect(&s);
	return digest_eq(i->digest, wait_digest(&s));
}

/* Members that a book of an older program has none of. */
static bool
read_later(struct arena *a, const struct json *body, struct wait_item *i)
{
	if (json_get(body, "brief") &&
	    (!read_text(a, body, "brief", &i->brief) ||
	        i->brief.len > WAIT_BRIEF_MAX ||
	        !json_bool(body, "brief_cut", &i->brief_cut))) {
		return false;
	}
	if (json_get(body, "asked_by") &&
	    (!read_digest(body, "asked_by", &i->asked_by) ||
	        !read_digest(body, "named_args", &i->named_args))) {
		return false;
	}
	if (json_get(body, "escalate_at_us") &&
	    (!json_i64(body, "escalate_at_us", &i->escalate.us) ||
	        !read_text(a, body, "escalate_to", &i->escalate_to) ||
	        !read_text(a, body, "escalate_for", &i->escalate_for))) {
		return false;
	}
	if (json_get(body, "options") &&
	    !read_texts(a, body, "options", &i->options, &i->option_count)) {
		return false;
	}
	if (json_get(body, "file") &&
	    (!read_text(a, body, "file", &i->file) ||
	        !wait_file_name_ok(i->file) ||
	        !read_text(a, body, "file_name", &i->file_name))) {
		return false;
	}
	return !json_get(body, "remind_at_us") ||
	       json_i64(body, "remind_at_us", &i->remind.us);
}

static bool
read_item(struct arena *a, const struct json *body, struct wait_item *i)
{
	struct str id = { 0 };
	struct str kind = { 0 };
	uint8_t bytes[SLOT_ID];

	if (!json_text(body, "id", &id) || !wait_parse_id(id, bytes) ||
	    !str_copy(i->id, sizeof(i->id), id) ||
	    !json_text(body, "kind", &kind) ||
	    !wait_kind_parse(kind, &i->kind)) {
		return false;
	}
	wait_code(i->digest, i->code);
	return read_later(a, body, i) &&
	       json_i64(body, "at_us", &i->asked.us) &&
	       json_i64(body, "expires_at_us", &i->expires.us) &&
	       i->expires.us >= 0 && i->remind.us >= 0 && i->escalate.us >= 0 &&
	       read_text(a, body, "asker", &i->asker) &&
	       read_text(a, body, "gate", &i->gate) &&
	       read_text(a, body, "hint", &i->hint) &&
	       json_bool(body, "hint_cut", &i->hint_cut) &&
	       read_count(body, "people", &i->people) &&
	       read_texts(a, body, "named", &i->named, &i->named_count) &&
	       read_texts(
	           a, body, "surfaces", &i->surfaces, &i->surface_count) &&
	       i->people > 0 && i->people <= WAIT_NAMED_MAX &&
	       i->named_count <= i->people;
}

int
wait_read_put(const struct json *body, struct item *i)
{
	struct wait_item *s = &i->shown;

	if (!read_subject(&i->arena, body, s) ||
	    !read_item(&i->arena, body, s)) {
		return -1;
	}
	s->state = WAIT_OPEN;
	s->said = arena_array(&i->arena, s->people, sizeof(*s->said));
	return 0;
}

static uint64_t
sooner(uint64_t a, struct wall b, bool done)
{
	return b.us == 0 || done || (uint64_t)b.us > a ? a : (uint64_t)b.us;
}

uint64_t
wait_item_due(const struct wait_item *i)
{
	uint64_t at = (uint64_t)i->expires.us;

	at = sooner(at, i->remind, i->reminded);
	return sooner(at, i->escalate, i->escalated);
}

static void
add_slot(struct wait_list *w, uint64_t seq, struct item *i)
{
	struct slot s = {
		.seq = seq,
		.when = wait_item_due(&i->shown),
		.run = wait_run_tag(w, i->shown.run),
		.state = WAIT_OPEN,
		.kind = i->shown.kind & 15,
		.place = NO_PLACE,
	};
	unsigned surfaces = 0;

	must(wait_parse_id(str_of(i->shown.id), s.id));
	for (uint32_t n = 0; n < i->shown.surface_count; n++) {
		surfaces |= wait_surface_bit(i->shown.surfaces[n]);
	}
	s.surfaces = surfaces & 15U;
	s.of_call = i->shown.call != 0;
	i->slot = wait_slot_add(w, &s);
	i->last_seq = seq;
	i->shown.seq = seq;
	wait_item_warm(w, i);
}

static int
apply_put(
    struct wait_list *w, uint64_t seq, const struct json *body, struct err *e)
{
	struct item *i = calloc(1, sizeof(*i));
	uint8_t id[SLOT_ID];
	uint32_t n;

	must(i);
	if (wait_read_put(body, i)) {
		wait_item_free(i);
		return err_set(e, ERR_INPUT,
		    "put: a member is missing or the digest is not that of "
		    "its subject");
	}
	must(wait_parse_id(str_of(i->shown.id), id));
	if (wait_slot_find(w, id, &n)) {
		(void)err_set(
		    e, ERR_CONFLICT, "put: %s waits already", i->shown.id);
		wait_item_free(i);
		return -1;
	}
	if (seq <= w->last_seq) {
		wait_item_free(i);
		return err_set(e, ERR_CONFLICT, "put: not in order");
	}
	add_slot(w, seq, i);
	return 0;
}

static int
illegal(const struct item *i, const char *event, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "%s cannot follow: %s is %s", event,
	    i->shown.id, wait_state_name(i->shown.state));
}

static void
settle(struct wait_list *w, struct item *i, enum wait_state state, uint64_t seq,
    struct wall at)
{
	wait_slot_close(w, i->slot, state, seq);
	i->shown.state = state;
	i->shown.decided = at;
}

/* Used up, or found false: who said it is still to be told. */
static void
end_approved(struct wait_list *w, struct item *i, enum wait_state state)
{
	struct slot *s = wait_slot(w, i->slot);

	wait_slot_close(w, i->slot, state, s->when);
	i->shown.state = state;
}

static bool
read_said(struct arena *a, const struct json *body, struct wait_said *s)
{
	struct str mac = STR("");

	if (!read_text(a, body, "by", &s->by) || s->by.len == 0 ||
	    !read_text(a, body, "surface", &s->surface) ||
	    !json_i64(body, "at_us", &s->at.us)) {
		return false;
	}
	(void)read_text(a, body, "reason", &s->reason);
	(void)read_text(a, body, "value", &s->value);
	s->sealed = json_text(body, "mac", &mac);
	return !s->sealed || hex_bytes(mac, s->mac, WAIT_MAC);
}

static int
apply_yes(struct item *i, const struct json *body, struct err *e)
{
	struct wait_item *s = &i->shown;
	struct wait_said said = { .yes = true };

	if (s->state != WAIT_OPEN || s->said_count + 1 >= s->people) {
		return illegal(i, "yes", e);
	}
	if (!read_said(&i->arena, body, &said)) {
		return err_set(e, ERR_INPUT, "yes: nobody said it");
	}
	s->said[s->said_count++] = said;
	return 0;
}

static bool
take_decided(const struct json *body, struct item *i)
{
	struct wait_item *s = &i->shown;
	struct wait_said said = { 0 };
	struct str answer = { 0 };

	if (!json_text(body, "answer", &answer) ||
	    !read_said(&i->arena, body, &said)) {
		return false;
	}
	said.yes = str_eq_z(answer, wait_kind_yes(s->kind));
	if ((!said.yes && !str_eq_z(answer, wait_kind_no(s->kind))) ||
	    s->said_count >= s->people) {
		return false;
	}
	s->said[s->said_count++] = said;
	s->by = said.by;
	s->surface = said.surface;
	s->reason = said.reason;
	s->value = said.value;
	s->decided = said.at;
	return true;
}

/* Of an item that is read again: its slot says what state that led to. */
int
wait_read_end(const struct json *body, struct item *i)
{
	struct str event = STR("");

	(void)json_text(body, "event", &event);
	if (str_eq_z(event, "decided")) {
		return take_decided(body, i) ? 0 : -1;
	}
	return json_i64(body, "at_us", &i->shown.decided.us) ? 0 : -1;
}

static int
apply_decided(struct wait_list *w, struct item *i, const struct json *body,
    uint64_t seq, struct err *e)
{
	struct wait_item *s = &i->shown;
	struct str answer = { 0 };
	bool yes;

	(void)json_text(body, "answer", &answer);
	yes = str_eq_z(answer, wait_kind_yes(s->kind));
	if (s->state != WAIT_OPEN || (yes && s->said_count + 1 != s->people)) {
		return illegal(i, "decided", e);
	}
	if (!take_decided(body, i)) {
		return err_set(e, ERR_INPUT,
		    "decided: a member is missing, or a wrong answer");
	}
	settle(w, i, yes ? WAIT_APPROVED : WAIT_DENIED, seq, s->decided);
	return 0;
}

static int
apply_told(struct wait_list *w, struct item *i, bool again, struct err *e)
{
	struct slot *s = wait_slot(w, i->slot);

	if (i->shown.state != WAIT_OPEN) {
		return illegal(i, again ? "reminded" : "escalated", e);
	}
	if (again) {
		i->shown.reminded = true;
		s->reminded = 1;
	} else {
		i->shown.escalated = true;
		s->escalated = 1;
	}
	wait_slot_due(w, i->slot, wait_item_due(&i->shown));
	return 0;
}

static int
apply_end(struct wait_list *w, struct item *i, struct str event, uint64_t seq,
    struct wall at, struct err *e)
{
	enum wait_state now = i->shown.state;

	if (str_eq_z(event, "expired")) {
		if (now != WAIT_OPEN) {
			return illegal(i, "expired", e);
		}
		settle(w, i, WAIT_EXPIRED, seq, at);
		return 0;
	}
	if (str_eq_z(event, "consumed")) {
		if (now != WAIT_APPROVED) {
			return illegal(i, "consumed", e);
		}
		end_approved(w, i, WAIT_CONSUMED);
		return 0;
	}
	if (str_eq_z(event, "refused")) {
		if (now != WAIT_APPROVED && now != WAIT_DENIED) {
			return illegal(i, "refused", e);
		}
		end_approved(w, i, WAIT_REFUSED);
		return 0;
	}
	if (!str_eq_z(event, "cancelled")) {
		return err_set(e, ERR_INPUT, "not an event of a wait");
	}
	if (now != WAIT_OPEN && now != WAIT_APPROVED) {
		return illegal(i, "cancelled", e);
	}
	if (now == WAIT_APPROVED) {
		end_approved(w, i, WAIT_CANCELLED);
	} else {
		settle(w, i, WAIT_CANCELLED, seq, at);
	}
	return 0;
}

static int
apply_to(struct wait_list *w, struct item *i, struct str event, uint64_t seq,
    const struct json *body, struct err *e)
{
	struct wall at = { 0 };

	(void)json_i64(body, "at_us", &at.us);
	if (str_eq_z(event, "yes")) {
		return apply_yes(i, body, e);
	}
	if (str_eq_z(event, "decided")) {
		return apply_decided(w, i, body, seq, e);
	}
	if (str_eq_z(event, "reminded") || str_eq_z(event, "escalated")) {
		return apply_told(w, i, str_eq_z(event, "reminded"), e);
	}
	return apply_end(w, i, event, seq, at, e);
}

int
wait_apply(struct wait_list *w, uint64_t seq, struct str body, struct err *e)
{
	auto_arena a = { 0 };
	struct json *tree = NULL;
	struct str event = { 0 };
	struct str id = { 0 };
	struct wall at = { 0 };
	struct item *i = NULL;

	seq = seq ? seq : w->last_seq + 1;
	if (json_parse(&a, body, NULL, &tree, e)) {
		return -1;
	}
	if (!json_text(tree, "event", &event) || !json_text(tree, "id", &id) ||
	    !json_i64(tree, "at_us", &at.us)) {
		return err_set(e, ERR_INPUT, "not an event of a wait");
	}
	if (str_eq_z(event, "put")) {
		return apply_put(w, seq, tree, e);
	}
	i = wait_item_find(w, id);
	if (!i) {
		return err_set(
		    e, ERR_CONFLICT, "nothing waits as %s", err_quote(id));
	}
	if (apply_to(w, i, event, seq, tree, e)) {
		return -1;
	}
	i->last_seq = seq;
	w->last_seq = seq > w->last_seq ? seq : w->last_seq;
	return 0;
}
