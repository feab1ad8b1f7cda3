/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

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

static bool
read_item(struct arena *a, const struct json *body, struct wait_item *i)
{
	struct str id = { 0 };
	struct str kind = { 0 };

	if (!json_text(body, "id", &id) ||
	    !str_copy(i->id, sizeof(i->id), id) || id.len != WAIT_ID_TEXT - 1 ||
	    !json_text(body, "kind", &kind) ||
	    !wait_kind_parse(kind, &i->kind)) {
		return false;
	}
	wait_code(i->digest, i->code);
	/* A book that is older than devices has none. */
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
	return json_i64(body, "at_us", &i->asked.us) &&
	       json_i64(body, "expires_at_us", &i->expires.us) &&
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

static int
apply_put(struct wait_list *w, const struct json *body, struct err *e)
{
	struct item *i = arena_alloc(&w->arena, sizeof(*i));
	struct str id = { 0 };

	if (!read_subject(&w->arena, body, &i->shown) ||
	    !read_item(&w->arena, body, &i->shown)) {
		return err_set(e, ERR_INPUT,
		    "put: a member is missing or the digest is not that of "
		    "its subject");
	}
	(void)json_text(body, "id", &id);
	if (wait_item_find(w, id)) {
		return err_set(
		    e, ERR_CONFLICT, "put: %s waits already", err_quote(id));
	}
	i->shown.state = WAIT_OPEN;
	i->shown.yes =
	    arena_array(&w->arena, i->shown.people, sizeof(*i->shown.yes));
	wait_item_add(w, i);
	return 0;
}

static int
illegal(const struct item *i, const char *event, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "%s cannot follow: %s is %s", event,
	    i->shown.id, wait_state_name(i->shown.state));
}

static void
settle(
    struct wait_list *w, struct item *i, enum wait_state state, struct wall at)
{
	wait_heap_remove(w, i);
	i->shown.state = state;
	i->shown.decided = at;
}

static int
apply_yes(
    struct wait_list *w, struct item *i, const struct json *body, struct err *e)
{
	struct wait_item *s = &i->shown;

	if (s->state != WAIT_OPEN || s->yes_count + 1 >= s->people) {
		return illegal(i, "yes", e);
	}
	if (!read_text(&w->arena, body, "by", &s->yes[s->yes_count])) {
		return err_set(e, ERR_INPUT, "yes: nobody said it");
	}
	s->yes_count++;
	return 0;
}

static int
apply_decided(struct wait_list *w, struct item *i, const struct json *body,
    struct wall at, struct err *e)
{
	struct wait_item *s = &i->shown;
	struct str answer = { 0 };
	struct str by = { 0 };
	struct str surface = { 0 };
	bool yes = false;

	if (!json_text(body, "answer", &answer) ||
	    !json_text(body, "by", &by) || by.len == 0 ||
	    !json_text(body, "surface", &surface)) {
		return err_set(e, ERR_INPUT, "decided: a member is missing");
	}
	yes = str_eq_z(answer, wait_kind_yes(s->kind));
	if (!yes && !str_eq_z(answer, wait_kind_no(s->kind))) {
		return err_set(e, ERR_INPUT, "decided: a wrong answer");
	}
	if (s->state != WAIT_OPEN || (yes && s->yes_count + 1 != s->people)) {
		return illegal(i, "decided", e);
	}
	s->by = arena_str(&w->arena, by);
	s->surface = arena_str(&w->arena, surface);
	(void)read_text(&w->arena, body, "reason", &s->reason);
	(void)read_text(&w->arena, body, "value", &s->value);
	if (yes) {
		s->yes[s->yes_count++] = s->by;
	}
	settle(w, i, yes ? WAIT_APPROVED : WAIT_DENIED, at);
	return 0;
}

static int
apply_end(struct wait_list *w, struct item *i, struct str event, struct wall at,
    struct err *e)
{
	enum wait_state now = i->shown.state;

	if (str_eq_z(event, "expired")) {
		if (now != WAIT_OPEN) {
			return illegal(i, "expired", e);
		}
		settle(w, i, WAIT_EXPIRED, at);
		return 0;
	}
	if (str_eq_z(event, "consumed")) {
		if (now != WAIT_APPROVED) {
			return illegal(i, "consumed", e);
		}
		i->shown.state = WAIT_CONSUMED;
		return 0;
	}
	if (!str_eq_z(event, "cancelled")) {
		return err_set(e, ERR_INPUT, "not an event of a wait");
	}
	if (now != WAIT_OPEN && now != WAIT_APPROVED) {
		return illegal(i, "cancelled", e);
	}
	settle(w, i, WAIT_CANCELLED, at);
	return 0;
}

int
wait_apply(struct wait_list *w, struct str body, struct err *e)
{
	auto_arena a = { 0 };
	struct json *tree = NULL;
	struct str event = { 0 };
	struct str id = { 0 };
	struct wall at = { 0 };
	struct item *i = NULL;

	if (json_parse(&a, body, NULL, &tree, e)) {
		return -1;
	}
	if (!json_text(tree, "event", &event) || !json_text(tree, "id", &id) ||
	    !json_i64(tree, "at_us", &at.us)) {
		return err_set(e, ERR_INPUT, "not an event of a wait");
	}
	if (str_eq_z(event, "put")) {
		return apply_put(w, tree, e);
	}
	i = wait_item_find(w, id);
	if (!i) {
		return err_set(
		    e, ERR_CONFLICT, "nothing waits as %s", err_quote(id));
	}
	if (str_eq_z(event, "yes")) {
		return apply_yes(w, i, tree, e);
	}
	if (str_eq_z(event, "decided")) {
		return apply_decided(w, i, tree, at, e);
	}
	return apply_end(w, i, event, at, e);
}
