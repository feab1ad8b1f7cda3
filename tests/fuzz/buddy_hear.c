/* SPDX-License-Identifier: Apache-2.0 */
/* The input is what a device says, in two pieces, split at every byte of it; a
 * decision is heard at most once, and only for what is shown; the split changes
 * nothing. */
#include <string.h>

#include "buddy/buddy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVERY_SPLIT 200 /* bytes; a longer one is split once */

struct heard {
	unsigned decisions, events;
	bool yes;
};

static void
hears(void *owner, const struct buddy_event *event)
{
	struct heard *h = owner;

	h->events++;
	if (event->kind == BUDDY_DECISION) {
		must(strcmp(event->id, "w-1") == 0);
		h->decisions++;
		h->yes = event->yes;
	}
}

static struct heard
hear(struct str bytes, size_t split)
{
	static const struct buddy_prompt prompt = { .id = { "w-1", 3 },
		.whole = true };
	struct buddy_show show = { .prompt = &prompt };
	struct buddy_hello hello = { 0 };
	struct buddy *b = buddy_new();
	struct heard h = { 0 };
	struct mono now = { 1000 }, next;
	auto_buf out = { 0 };
	struct err e = { 0 };

	buddy_connected(b, &hello, now);
	must(buddy_show(b, &show, &e) == 0);
	must(buddy_due(b, now, &out, &next, hears, &h));
	buddy_hear(b, str_sub(bytes, 0, split), now, hears, &h);
	buddy_hear(b, str_sub(bytes, split, bytes.len), now, hears, &h);
	buddy_free(b);
	return h;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_span(data, size);
	struct heard whole = hear(bytes, size);
	bool every = size <= EVERY_SPLIT;
	size_t first = every ? 0 : data[0] % (size + 1);
	size_t last = every ? size : first;

	must(whole.decisions <= 1);
	for (size_t i = first; i <= last; i++) {
		struct heard split = hear(bytes, i);

		must(whole.decisions == split.decisions &&
		     whole.yes == split.yes && whole.events == split.events);
	}
	return 0;
}
