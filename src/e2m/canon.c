/* SPDX-License-Identifier: Apache-2.0 */
/* Legacy records as records of the canon; the table stands in DESIGN. */
#include <string.h>

#include "e2m/inner.h"
#include "e2m/tolerant.h"

struct pair {
	const char *from;
	const char *to;
};

/* The older `type`, and the canon's own words in its place. */
static const struct pair types[] = {
	{ "outcome", "result" },
	{ "task", "task" },
	{ "dispatch", "task" },
	{ "routine", "task" },
	{ "interrupt", "escalate" },
	{ "ping", "notify" },
	{ "note", "notify" },
	{ "ack", "ack" },
	{ "result", "result" },
	{ "escalate", "escalate" },
	{ "notify", "notify" },
	{ "summary", "summary" },
	{ "operator", "operator" },
};

static const struct pair states[] = {
	{ "pending", "pending" },
	{ "read", "read" },
	{ "acked", "actioned" },
	{ "actioned", "actioned" },
	{ "archived", "archived" },
	{ "expired", "archived" },
};

static const struct pair events[] = {
	{ "acked", "ack" },
	{ "read", "read" },
	{ "done", "ack" },
};

static const char *const digests[] = { "summary", "nightly", "morning",
	"review", "digest" };

static const char *
look_up(const struct pair *table, size_t count, struct str word)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq_z(word, table[i].from)) {
			return table[i].to;
		}
	}
	return NULL;
}

static struct str
text_of(const struct json *record, const char *key)
{
	struct str text = STR("");

	(void)json_text(record, key, &text);
	return text;
}

static bool
has_word(struct str text, const char *word)
{
	struct str w = str_of(word);

	for (size_t i = 0; i + w.len <= text.len; i++) {
		if (str_eq_nocase(str_sub(text, i, w.len), w)) {
			return true;
		}
	}
	return false;
}

static const char *
message_type(const struct json *record)
{
	struct str subject = text_of(record, "subject");

	for (size_t i = 0; i < COUNT(digests); i++) {
		if (has_word(subject, digests[i])) {
			return "summary";
		}
	}
	return text_of(record, "task_id").len > 0 ? "task" : "notify";
}

static bool
is_receipt(const struct json *record)
{
	return !json_get(record, "to") &&
	       look_up(events, COUNT(events), text_of(record, "status")) &&
	       (json_get(record, "acked_by") || json_get(record, "read_by") ||
	           json_get(record, "done_by"));
}

/* Which record it is to be, and as an envelope of which type; NULL: no rule
 * names it. */
static const char *
kind_of(const struct json *record, const char **envelope_type)
{
	struct str type = text_of(record, "_type");

	*envelope_type = look_up(types, COUNT(types), text_of(record, "type"));
	for (size_t i = 0; i < COUNT(e2m_shapes); i++) {
		if (str_eq_z(type, e2m_shapes[i].type)) {
			return e2m_shapes[i].type;
		}
	}
	if (str_eq_z(type, "ack") || is_receipt(record)) {
		return "transition";
	}
	if (str_eq_z(type, "message")) {
		*envelope_type = message_type(record);
		return "envelope";
	}
	if (str_eq_z(type, "note")) {
		*envelope_type = "notify";
		return "envelope";
	}
	return *envelope_type != NULL ? "envelope" : NULL;
}

/* Adds what is not there yet. */
static void
give(struct arena *a, struct json *record, const char *key, struct str text,
    bool *changed)
{
	if (text.len > 0 && !json_get(record, key)) {
		(void)json_set_str(a, record, key, text);
		*changed = true;
	}
}

static void
give_first(struct arena *a, struct json *record, const char *const *keys,
    bool *changed)
{
	for (; *keys != NULL; keys++) {
		give(a, record, "at", text_of(record, *keys), changed);
	}
}

static void
set_type(struct arena *a, struct json *record, const char *kind, bool *changed)
{
	const struct json *old = json_get(record, "_type");
	struct str key = STR("legacy_type");

	if (old != NULL && old->type == JSON_STRING &&
	    str_eq_z(old->text, kind)) {
		return;
	}
	if (old != NULL) {
		while (json_get(record, key.at) != NULL) {
			key = arena_printf(a, "_%s", key.at);
		}
		(void)json_set(a, record, key.at, json_copy(a, old));
	}
	(void)json_set_str(a, record, "_type", str_of(kind));
	*changed = true;
}

static void
to_envelope(struct arena *a, struct json *record, const char *envelope_type,
    bool *changed)
{
	static const char *const times[] = { "sent_at", "created_at", NULL };
	const char *state =
	    look_up(states, COUNT(states), text_of(record, "status"));

	give(a, record, "envelope_type", str_of(envelope_type), changed);
	give_first(a, record, times, changed);
	give(a, record, "state", str_of(state ? state : "pending"), changed);
}

static void
to_transition(struct arena *a, struct json *record, bool legacy, bool *changed)
{
	static const char *const times[] = { "acked_at", "read_at", "sent_at",
		NULL };
	const char *event =
	    look_up(events, COUNT(events), text_of(record, "status"));

	give_first(a, record, times, changed);
	if (legacy) {
		give(
		    a, record, "event", str_of(event ? event : "ack"), changed);
	}
}

struct json *
e2m_canon(struct arena *a, const struct json *record, bool *changed)
{
	struct json *out = json_copy(a, record);
	const char *envelope_type = NULL;
	const char *kind = NULL;
	bool differs = false;

	if (out->type == JSON_OBJECT) {
		kind = kind_of(record, &envelope_type);
	}
	if (kind != NULL) {
		set_type(a, out, kind, &differs);
	}
	if (kind != NULL && strcmp(kind, "envelope") == 0) {
		to_envelope(a, out, envelope_type, &differs);
	} else if (kind != NULL && strcmp(kind, "transition") == 0) {
		to_transition(a, out, differs, &differs);
	}
	*changed = differs;
	return out;
}
