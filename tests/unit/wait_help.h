/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAIT_HELP_H
#define WAIT_HELP_H

/* A list, its clock and the log of what it yielded. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wait/wait.h"

#define ME "linux__server__engineering_coworker"

struct world {
	struct arena arena;
	struct wait_list *list;
	struct str log[200];
	size_t logged;
	struct wall now;
	uint8_t next_id;
	struct err e;
};

/* A row of a table: which one it was that broke. */
static inline void
assert_row(bool ok, size_t row)
{
	if (!ok) {
		fail_msg("row %zu", row);
	}
}

static const struct str surfaces[] = { { "cli", 3 }, { "web", 3 } };

static inline void
init(struct world *w)
{
	*w = (struct world){ .now = { 1700000000000000 } };
	w->list = wait_list_new(7);
}

static inline void
fini(struct world *w)
{
	wait_list_free(w->list);
	arena_fini(&w->arena);
}

static inline struct str
dump(struct world *w, const struct wait_list *list)
{
	auto_buf b = { 0 };

	wait_write_list(&b, list, true);
	return arena_str(&w->arena, buf_str(&b));
}

static inline void
apply(struct world *w, const struct wait_step *s)
{
	if (s->body.len == 0) {
		return;
	}
	w->log[w->logged++] = s->body;
	if (wait_apply(w->list, 0, s->body, &w->e)) {
		fail_msg(STR_FMT ": %s", STR_ARG(s->body), w->e.text);
	}
}

static inline void
assert_replays(struct world *w)
{
	struct wait_list *other = wait_list_new(99);

	for (size_t i = 0; i < w->logged; i++) {
		assert_int_equal(wait_apply(other, 0, w->log[i], &w->e), 0);
	}
	assert_true(str_eq(dump(w, w->list), dump(w, other)));
	wait_list_free(other);
}

static inline struct wait_subject
subject(uint32_t call)
{
	return (struct wait_subject){
		.identity = STR(ME),
		.tool = STR("git_push"),
		.contract = digest_of(STR("contract")),
		.args = digest_of(STR("{}")),
		.run = STR("00000000-0000-7000-8000-000000000001"),
		.call = call,
		.workspace = digest_of(STR("files")),
	};
}

static inline struct wait_put
question(uint32_t call)
{
	return (struct wait_put){
		.kind = WAIT_APPROVAL,
		.subject = subject(call),
		.asker = STR(ME),
		.gate = STR("gate.push"),
		.hint = STR("push to main"),
		.people = 1,
		.surfaces = surfaces,
		.surface_count = COUNT(surfaces),
		.expires_us = CLOCK_MINUTE,
	};
}

static inline int
put(struct world *w, struct wait_put c, struct wait_step *s)
{
	uint8_t random[WAIT_ID_RANDOM] = { ++w->next_id, 2, 3 };

	c.now = w->now;
	if (wait_put(w->list, &w->arena, &c, random, s, &w->e)) {
		return -1;
	}
	apply(w, s);
	return 0;
}

static inline int
say(struct world *w, struct str id, const char *who, bool yes,
    struct wait_step *s)
{
	struct wait_decide c = {
		.id = id,
		.yes = yes,
		.principal = str_of(who),
		.surface = STR("cli"),
		.reason = yes ? STR("") : STR("not today"),
		.now = w->now,
	};

	if (wait_decide(w->list, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply(w, s);
	return 0;
}

static inline int
consume(struct world *w, struct str id, struct digest d)
{
	struct wait_consume c = { .id = id, .digest = d, .now = w->now };
	struct wait_step s = { 0 };

	if (wait_consume(w->list, &w->arena, &c, &s, &w->e)) {
		return -1;
	}
	apply(w, &s);
	return 0;
}

static inline struct digest
digest_for(uint32_t call)
{
	struct wait_subject s = subject(call);

	return wait_digest(&s);
}

#endif
