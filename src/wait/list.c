/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#include <stdlib.h>

static const char *const kind_names[] = {
#define WAIT_KIND(id, word, yes, no) word,
#include "wait/kinds.def"
#undef WAIT_KIND
};
static const char *const kind_yes[] = {
#define WAIT_KIND(id, word, yes, no) yes,
#include "wait/kinds.def"
#undef WAIT_KIND
};
static const char *const kind_no[] = {
#define WAIT_KIND(id, word, yes, no) no,
#include "wait/kinds.def"
#undef WAIT_KIND
};
static const char *const state_names[] = {
#define WAIT_STATE(id, word) word,
#include "wait/states.def"
#undef WAIT_STATE
};

const char *
wait_kind_name(enum wait_kind k)
{
	return kind_names[k];
}

const char *
wait_kind_yes(enum wait_kind k)
{
	return kind_yes[k];
}

const char *
wait_kind_no(enum wait_kind k)
{
	return kind_no[k];
}

const char *
wait_state_name(enum wait_state s)
{
	return state_names[s];
}

bool
wait_kind_has_value(enum wait_kind k)
{
	return k == WAIT_QUESTION || k == WAIT_CLIENT_RESULT ||
	       k == WAIT_DECISION;
}

bool
wait_kind_parse(struct str word, enum wait_kind *k)
{
	for (size_t i = 0; i < COUNT(kind_names); i++) {
		if (str_eq_z(word, kind_names[i])) {
			*k = (enum wait_kind)i;
			return true;
		}
	}
	return false;
}

struct wait_list *
wait_list_new(uint64_t seed)
{
	struct wait_list *w = calloc(1, sizeof(*w));

	must(w != NULL);
	w->seed = seed;
	w->warm = calloc(1, sizeof(*w->warm));
	must(w->warm);
	return w;
}

void
wait_list_free(struct wait_list *w)
{
	if (!w) {
		return;
	}
	wait_items_free(w);
	for (uint32_t n = 0; n < w->count; n += SLOT_BLOCK) {
		free(w->blocks[n / SLOT_BLOCK]);
	}
	free(w->blocks);
	free(w->heap);
	free(w->ids);
	free(w->runs);
	free(w->warm);
	free(w);
}

/* --- reading --- */

const struct wait_item *
wait_find(const struct wait_list *w, struct str id)
{
	const struct item *i = wait_item_find(w, id);

	return i ? &i->shown : NULL;
}

uint8_t
wait_surface_bit(struct str surface)
{
	static const char *const names[] = { "buddy", "web", "file" };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (str_eq_z(surface, names[i])) {
			return (uint8_t)(1 << i);
		}
	}
	return 8;
}

static void
mark_slot(const struct slot *s, struct wait_mark *mark)
{
	*mark = (struct wait_mark){
		.seq = s->seq,
		.kind = (enum wait_kind)s->kind,
		.state = (enum wait_state)s->state,
		.surfaces = s->surfaces,
		.of_call = s->of_call,
	};
	wait_make_id("w-", s->id, mark->id);
}

/* The first slot of a greater seq. */
static uint32_t
slot_after(const struct wait_list *w, uint64_t seq)
{
	uint32_t low = 0;
	uint32_t high = w->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (wait_slot(w, middle)->seq <= seq) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

bool
wait_next(const struct wait_list *w, uint64_t after, struct wait_mark *mark)
{
	uint32_t n = slot_after(w, after);

	if (n == w->count) {
		return false;
	}
	mark_slot(wait_slot(w, n), mark);
	return true;
}

bool
wait_of_run(const struct wait_list *w, struct str run, uint32_t *at,
    struct wait_mark *mark)
{
	uint32_t next = *at ? wait_slot(w, *at - 1)->older
	                    : wait_slot_of_run(w, wait_run_tag(w, run));

	if (!next) {
		return false;
	}
	*at = next;
	mark_slot(wait_slot(w, next - 1), mark);
	return true;
}

size_t
wait_open_count(const struct wait_list *w)
{
	return w->open;
}

bool
wait_next_due(const struct wait_list *w, struct wall *at)
{
	if (w->heap_count == 0) {
		return false;
	}
	at->us = (int64_t)wait_slot(w, w->heap[0])->when;
	return true;
}

uint32_t
wait_yes_count(const struct wait_item *i)
{
	uint32_t count = 0;

	for (uint32_t n = 0; n < i->said_count; n++) {
		count += i->said[n].yes;
	}
	return count;
}

size_t
wait_memory(const struct wait_list *w)
{
	size_t blocks = (w->count + SLOT_BLOCK - 1) / SLOT_BLOCK;

	return blocks * (SLOT_BLOCK * sizeof(struct slot)) +
	       w->block_room * sizeof(struct slot *) +
	       sizeof(uint32_t) *
	           ((size_t)w->heap_room + w->id_room + w->run_room);
}

void
wait_write_texts(
    struct json_out *o, const char *key, const struct str *texts, uint32_t n)
{
	json_out_array(o, key);
	for (uint32_t i = 0; i < n; i++) {
		json_out_str(o, NULL, texts[i]);
	}
	json_out_end(o, ']');
}

static void
write_time(struct json_out *o, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX] = { 0 };

	if (t.us != 0) {
		wall_text(t, text);
		json_out_z(o, key, text);
	}
}

static void
write_yes(struct json_out *o, const struct wait_item *i)
{
	json_out_array(o, "yes");
	for (uint32_t n = 0; n < i->said_count; n++) {
		if (i->said[n].yes) {
			json_out_str(o, NULL, i->said[n].by);
		}
	}
	json_out_end(o, ']');
}

static void
write_escalation(struct json_out *o, const struct wait_item *i)
{
	if (i->remind.us) {
		write_time(o, "remind", i->remind);
		json_out_bool(o, "reminded", i->reminded);
	}
	if (i->escalate.us) {
		write_time(o, "escalate", i->escalate);
		json_out_str(o, "escalate_to", i->escalate_to);
		json_out_bool(o, "escalated", i->escalated);
	}
}

void
wait_write_members(struct json_out *o, const struct wait_item *i)
{
	json_out_z(o, "id", i->id);
	json_out_z(o, "code", i->code);
	json_out_z(o, "kind", wait_kind_name(i->kind));
	json_out_z(o, "state", wait_state_name(i->state));
	json_out_str(o, "identity", i->identity);
	json_out_str(o, "tool", i->tool);
	json_out_str(o, "gate", i->gate);
	json_out_str(o, "run", i->run);
	json_out_i64(o, "call", i->call);
	json_out_str(o, "hint", i->hint);
	json_out_bool(o, "hint_cut", i->hint_cut);
	json_out_i64(o, "people", i->people);
	wait_write_texts(o, "named", i->named, i->named_count);
	write_yes(o, i);
	wait_write_texts(o, "surfaces", i->surfaces, i->surface_count);
	if (i->option_count) {
		wait_write_texts(o, "options", i->options, i->option_count);
	}
	write_time(o, "asked", i->asked);
	write_time(o, "expires", i->expires);
	write_escalation(o, i);
	write_time(o, "decided", i->decided);
	if (i->by.len > 0) {
		json_out_str(o, "by", i->by);
		json_out_str(o, "surface", i->surface);
	}
	if (i->reason.len > 0) {
		json_out_str(o, "reason", i->reason);
	}
	if (i->value.len > 0) {
		json_out_str(o, "value", i->value);
	}
}

static void
write_row(
    struct json_out *o, const struct wait_page *page, const struct wait_item *i)
{
	json_out_object(o, NULL);
	wait_write_members(o, i);
	if (page->more) {
		page->more(page->context, o, i);
	}
	json_out_end(o, '}');
}

uint64_t
wait_write_page(
    struct buf *out, const struct wait_list *w, const struct wait_page *page)
{
	struct json_out o = { 0 };
	struct wait_mark m = { .seq = page->after };
	size_t left = page->limit;
	uint64_t last = page->after;
	uint64_t next = 0;

	json_out_init(&o, out);
	json_out_array(&o, NULL);
	while (wait_next(w, m.seq, &m)) {
		const struct wait_item *i;

		if (!page->all && m.state != WAIT_OPEN) {
			continue;
		}
		if (left == 0) {
			next = last;
			break;
		}
		i = wait_find(w, str_of(m.id));
		if (i) {
			write_row(&o, page, i);
			left--;
		}
		last = m.seq;
	}
	json_out_end(&o, ']');
	return next;
}

void
wait_write_list(struct buf *out, const struct wait_list *w, bool all)
{
	struct wait_page page = { .limit = SIZE_MAX, .all = all };

	(void)wait_write_page(out, w, &page);
}
