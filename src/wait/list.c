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
	w->ids.seed = seed;
	return w;
}

void
wait_list_free(struct wait_list *w)
{
	if (!w) {
		return;
	}
	free(w->all);
	free(w->heap);
	map_fini(&w->ids);
	arena_fini(&w->arena);
	free(w);
}

struct item *
wait_item_find(const struct wait_list *w, struct str id)
{
	return map_get(&w->ids, id);
}

/* --- by time --- */

static bool
earlier(const struct item *a, const struct item *b)
{
	return a->shown.expires.us < b->shown.expires.us;
}

static void
set(struct wait_list *w, size_t place, struct item *i)
{
	w->heap[place] = i;
	i->place = place;
}

static void
sift(struct wait_list *w, size_t place)
{
	struct item *i = w->heap[place];

	while (place > 0 && earlier(i, w->heap[(place - 1) / 2])) {
		set(w, place, w->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= w->heap_count) {
			break;
		}
		if (child + 1 < w->heap_count &&
		    earlier(w->heap[child + 1], w->heap[child])) {
			child++;
		}
		if (!earlier(w->heap[child], i)) {
			break;
		}
		set(w, place, w->heap[child]);
		place = child;
	}
	set(w, place, i);
}

void
wait_heap_remove(struct wait_list *w, struct item *i)
{
	struct item *last = NULL;
	size_t place = i->place;

	if (place == NO_PLACE) {
		return;
	}
	must(place < w->heap_count && w->heap[place] == i);
	last = w->heap[--w->heap_count];
	i->place = NO_PLACE;
	if (last != i) {
		set(w, place, last);
		sift(w, place);
	}
}

void
wait_item_add(struct wait_list *w, struct item *i)
{
	map_put(&w->ids, str_of(i->shown.id), i);
	w->all = array_grow(w->all, w->count, &w->room, sizeof(struct item *));
	w->all[w->count++] = i;
	w->heap = array_grow(
	    w->heap, w->heap_count, &w->heap_room, sizeof(struct item *));
	i->place = w->heap_count;
	w->heap[w->heap_count++] = i;
	sift(w, i->place);
}

/* --- reading --- */

const struct wait_item *
wait_find(const struct wait_list *w, struct str id)
{
	const struct item *i = wait_item_find(w, id);

	return i ? &i->shown : NULL;
}

const struct wait_item *
wait_at(const struct wait_list *w, size_t n)
{
	return n < w->count ? &w->all[n]->shown : NULL;
}

bool
wait_next_expiry(const struct wait_list *w, struct wall *at)
{
	if (w->heap_count == 0) {
		return false;
	}
	*at = w->heap[0]->shown.expires;
	return true;
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
write_item(struct json_out *o, const struct wait_item *i)
{
	json_out_object(o, NULL);
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
	wait_write_texts(o, "yes", i->yes, i->yes_count);
	wait_write_texts(o, "surfaces", i->surfaces, i->surface_count);
	write_time(o, "asked", i->asked);
	write_time(o, "expires", i->expires);
	write_time(o, "decided", i->decided);
	if (i->by.len > 0) {
		json_out_str(o, "by", i->by);
		json_out_str(o, "surface", i->surface);
	}
	if (i->reason.len > 0) {
		json_out_str(o, "reason", i->reason);
	}
	json_out_end(o, '}');
}

void
wait_write_list(struct buf *out, const struct wait_list *w, bool all)
{
	struct json_out o = { 0 };

	json_out_init(&o, out);
	json_out_array(&o, NULL);
	for (size_t i = 0; i < w->count; i++) {
		if (all || w->all[i]->shown.state == WAIT_OPEN) {
			write_item(&o, &w->all[i]->shown);
		}
	}
	json_out_end(&o, ']');
}
