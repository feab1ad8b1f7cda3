/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#include <string.h>

/*
 * Which gates can match a tool at all: those that name it (each alternative
 * without a star is an entry of a table), and those whose pattern has to be
 * tried.  Both come in the file's order, so that what is asked and shown keeps
 * it.  Lives in the policy's arena, and is fixed once it is compiled.
 */

static bool
is_plain(const struct gate *g)
{
	return g->tool.len > 0 && !str_has(g->tool, '*');
}

static uint32_t
slot_of(const struct gate_index *x, struct str tool)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < tool.len; i++) {
		h = (h ^ (unsigned char)tool.at[i]) * 16777619U;
	}
	return (h ^ h >> 15) & (x->slot_count - 1);
}

static uint32_t
count_names(struct str tool)
{
	uint32_t count = 1;

	for (size_t i = 0; i < tool.len; i++) {
		count += tool.at[i] == '|';
	}
	return count;
}

static void
add_names(struct gate_index *x, const struct gate *g, uint32_t number)
{
	struct str rest = g->tool;
	struct str one = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '|', &one);
		uint32_t *slot = &x->slots[slot_of(x, one)];

		x->entries[x->entry_count++] = (struct gate_entry){
			.tool = one,
			.gate = number,
			.next = *slot,
		};
		*slot = x->entry_count;
	}
}

/* Most patterns are refused by how they begin. */
static void
add_tried(struct gate_index *x, const struct gate *g, uint32_t number)
{
	struct gate_tried *t = &x->tried[x->tried_count++];
	struct str tool = str_has(g->tool, '|') ? STR("") : g->tool;

	t->gate = number;
	while (t->prefix_len < sizeof(t->prefix) && t->prefix_len < tool.len &&
	       tool.at[t->prefix_len] != '*') {
		t->prefix[t->prefix_len] = tool.at[t->prefix_len];
		t->prefix_len++;
	}
}

static bool
may_match(const struct gate_tried *t, struct str tool)
{
	return t->prefix_len <= tool.len &&
	       memcmp(t->prefix, tool.at, t->prefix_len) == 0;
}

void
policy_index_make(struct arena *a, struct policy *p)
{
	struct gate_index *x = &p->index;
	uint32_t names = 0;

	x->tried = arena_array(a, p->gate_count + 1, sizeof(*x->tried));
	for (uint32_t i = 0; i < p->gate_count; i++) {
		if (is_plain(&p->gates[i])) {
			names += count_names(p->gates[i].tool);
		} else if (!p->gates[i].request) {
			add_tried(x, &p->gates[i], i);
		}
	}
	x->slot_count = 1;
	while (x->slot_count < names) {
		x->slot_count *= 2;
	}
	x->slots = arena_array(a, x->slot_count, sizeof(*x->slots));
	x->entries = arena_array(a, names + 1, sizeof(*x->entries));
	/* From the last to the first: a chain is in the file's order. */
	for (uint32_t i = p->gate_count; i > 0; i--) {
		if (is_plain(&p->gates[i - 1])) {
			add_names(x, &p->gates[i - 1], i - 1);
		}
	}
}

/* The entry from here on that is of this tool and of another gate; 0: none. */
static uint32_t
next_entry(
    const struct gate_index *x, uint32_t at, struct str tool, uint32_t after)
{
	while (at && (x->entries[at - 1].gate == after ||
	                 !str_eq(x->entries[at - 1].tool, tool))) {
		at = x->entries[at - 1].next;
	}
	return at;
}

uint32_t
policy_index_find(const struct policy *p, struct str tool, uint32_t *out)
{
	const struct gate_index *x = &p->index;
	uint32_t at =
	    next_entry(x, x->slots[slot_of(x, tool)], tool, UINT32_MAX);
	uint32_t count = 0;
	uint32_t t = 0;

	while (at || t < x->tried_count) {
		uint32_t named = at ? x->entries[at - 1].gate : UINT32_MAX;

		if (t == x->tried_count || x->tried[t].gate >= named) {
			out[count++] = named;
			at = next_entry(x, at, tool, named);
			continue;
		}
		if (may_match(&x->tried[t], tool)) {
			out[count++] = x->tried[t].gate;
		}
		t++;
	}
	return count;
}
