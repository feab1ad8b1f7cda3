/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for a token: who waits, and what they hear. */
#include <stdlib.h>
#include <string.h>

#include "parts/core_egress.h"
#include "parts/core_oauth.h"

/* A rule names its credential by name or by id. */
static bool
waits_for(struct core *c, const struct core_intent *i, const char *name)
{
	const struct core_credential *k =
	    i->parked ? core_oauth_find(c, i->credential) : NULL;

	return k && !i->refusal && strcmp(k->name, name) == 0;
}

/* Their numbers: who is let go, or refused, may take others out of the list. */
static uint64_t *
waiting(struct core *c, const char *name, size_t *count)
{
	uint64_t *numbers = NULL;
	size_t room = 0;

	*count = 0;
	for (const struct core_intent *i = c->intents; i; i = i->next) {
		if (waits_for(c, i, name)) {
			numbers = array_grow(
			    numbers, *count, &room, sizeof(*numbers));
			numbers[(*count)++] = i->number;
		}
	}
	return numbers;
}

/* The new row is on the disk. */
void
core_oauth_release(struct core *c, const char *name)
{
	size_t count;
	uint64_t *numbers = waiting(c, name, &count);

	for (size_t n = 0; n < count; n++) {
		struct core_intent *i = core_intent_find(c, numbers[n]);

		if (!i || !waits_for(c, i, name)) {
			continue;
		}
		i->parked = false;
		if (i->committed) {
			core_intent_committed(c, i->number);
		} else {
			core_intent_commit(c, i);
		}
	}
	core_going_send(c);
	free(numbers);
}

/* The wait is told in whole seconds, none too few. */
void
core_oauth_later(struct core *c, struct core_intent *i,
    const struct core_credential *k, const char *what)
{
	int64_t left = k->again.us - mono_now().us;
	auto_buf wait = { 0 };

	duration_add(&wait,
	    left > 0 ? (left / CLOCK_SECOND + 1) * CLOCK_SECOND : CLOCK_SECOND);
	struct core_refusal why = {
		.status = 503,
		.error = "unavailable",
		.rule = i->rule,
		.reason = arena_printf(&i->arena,
		    "%s: its token endpoint is asked again in " STR_FMT, what,
		    STR_ARG(buf_str(&wait))),
		.next = arena_printf(&i->arena, "try again in " STR_FMT,
		    STR_ARG(buf_str(&wait))),
	};

	core_intent_refuse(c, i, &why);
}

void
core_oauth_refuse(
    struct core *c, const struct core_credential *k, const char *why)
{
	size_t count;
	uint64_t *numbers = waiting(c, k->name, &count);

	for (size_t n = 0; n < count; n++) {
		struct core_intent *i = core_intent_find(c, numbers[n]);

		if (!i || !waits_for(c, i, k->name)) {
			continue;
		}
		i->parked = false;
		if (k->closed[0]) {
			core_intent_unfit(c, i, k, k->closed);
		} else {
			core_oauth_later(c, i, k, why);
		}
	}
	free(numbers);
}
