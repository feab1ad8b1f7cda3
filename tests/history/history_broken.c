/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker must catch every queue that lies: histories of broken queues,
 * each with the promise that it breaks, and of sound ones, in which much goes
 * wrong and nothing is broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "history/history.h"

#define PUT(at, op, task, more)                                          \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"put\",\"say\":\"ask\"," \
	"\"task\":\"" task "\",\"queue\":\"q\"" more "}\n"
#define CLAIM(at, op)                                                      \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"claim\",\"say\":\"ask\"," \
	"\"queue\":\"q\"}\n"
#define GIVEN(at, op, task, epoch, more)                                  \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"claim\",\"say\":\"ok\"," \
	"\"task\":\"" task "\",\"epoch\":" #epoch more "}\n"
#define ASK(at, op, what, task, epoch, more)                                  \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"" what "\",\"say\":\"ask\"," \
	"\"task\":\"" task "\",\"epoch\":" #epoch more "}\n"
#define SAY(at, op, what, word)                                       \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"" what "\",\"say\":" \
	"\"" word "\"}\n"
#define FINAL(at, op, task, state)                                        \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"final\",\"say\":\"ok\"," \
	"\"task\":\"" task "\",\"state\":\"" state "\"}\n"
#define EFFECT(at, op, task, epoch, call, more)                            \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"effect\",\"say\":\"ok\"," \
	"\"task\":\"" task "\",\"epoch\":" #epoch ",\"call\":" #call more  \
	"}\n"

#define WITH_A  PUT(1, 1, "a", "") SAY(2, 1, "put", "ok")
#define A_IS_1  WITH_A CLAIM(3, 2) GIVEN(4, 2, "a", 1, "")
#define A_IS_2  A_IS_1 CLAIM(5, 3) GIVEN(6, 3, "a", 2, "")
#define KEY(k)  ",\"outcome\":\"complete\",\"key\":\"" k "\""
#define RANK(n) ",\"rank\":" #n
#define TWO                     \
	PUT(1, 1, "a", RANK(1)) \
	SAY(1, 1, "put", "ok") PUT(2, 2, "b", RANK(2)) SAY(2, 2, "put", "ok")
#define LEASED(at, op)                                                     \
	"{\"at\":" #at ",\"op\":" #op ",\"do\":\"claim\",\"say\":\"ask\"," \
	"\"queue\":\"q\",\"lease\":10}\n"

static int
judge(const char *lines, struct err *e)
{
	struct history *h = history_new();
	struct str rest = str_of(lines);
	struct str line;
	int result = 0;

	while (rest.len > 0 && !result) {
		(void)str_cut(&rest, '\n', &line);
		result = history_add(h, line, e);
	}
	result = result ? result : history_check(h, e);
	history_free(h);
	return result;
}

static void
caught(const char *lines, const char *why)
{
	struct err e = { 0 };

	if (judge(lines, &e) == 0) {
		fail_msg("not caught: %s", why);
	}
	if (!str_has_str(str_of(e.text), str_of(why))) {
		fail_msg("caught for another reason: %s (not %s)", e.text, why);
	}
}

static void
sound(const char *lines)
{
	struct err e = { 0 };

	if (judge(lines, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
a_stale_finish_that_is_accepted_is_caught(void **state)
{
	(void)state;
	caught(A_IS_2 ASK(7, 4, "finish", "a", 1, KEY("k"))
	           SAY(8, 4, "finish", "ok"),
	    "stale epoch");
	caught(A_IS_2 ASK(7, 4, "renew", "a", 1, "") SAY(8, 4, "renew", "ok"),
	    "stale epoch");
	sound(A_IS_2 ASK(7, 4, "finish", "a", 1, KEY("k"))
	        SAY(8, 4, "finish", "no"));
	/* At the same time as the newer claim: it may have come first. */
	sound(A_IS_1 CLAIM(5, 3) ASK(5, 4, "renew", "a", 1, "")
	        GIVEN(6, 3, "a", 2, "") SAY(8, 4, "renew", "ok"));
}

static void
a_second_settlement_is_caught(void **state)
{
	(void)state;
	caught(A_IS_1 ASK(5, 3, "finish", "a", 1, KEY("k")) SAY(
	           6, 3, "finish", "ok") ASK(7, 4, "finish", "a", 1, KEY("l"))
	           SAY(8, 4, "finish", "ok"),
	    "settled twice");
	sound(A_IS_1 ASK(5, 3, "finish", "a", 1, KEY("k"))
	        SAY(6, 3, "finish", "ok") ASK(7, 4, "finish", "a", 1, KEY("k"))
	            SAY(8, 4, "finish", "ok"));
	/* Its first answer was lost, and it had been accepted. */
	caught(A_IS_1 ASK(5, 3, "finish", "a", 1, KEY("k")) SAY(
	           6, 3, "finish", "lost") ASK(7, 4, "finish", "a", 1, KEY("k"))
	           SAY(8, 4, "finish", "no") FINAL(9, 5, "a", "completed"),
	    "no order");
}

static void
a_lost_acknowledgement_is_caught(void **state)
{
	(void)state;
	caught(WITH_A FINAL(9, 2, "a", "absent"), "is lost");
	caught(A_IS_1 ASK(5, 3, "finish", "a", 1, KEY("k"))
	           SAY(6, 3, "finish", "ok") FINAL(9, 4, "a", "in_progress"),
	    "no order");
	caught(WITH_A ASK(3, 2, "cancel", "a", 0, "") SAY(4, 2, "cancel", "ok")
	           FINAL(9, 3, "a", "pending"),
	    "no order");
	/* Nobody was told: both may be. */
	sound(PUT(1, 1, "a", "") FINAL(9, 2, "a", "absent"));
	sound(PUT(1, 1, "a", "") FINAL(9, 2, "a", "pending"));
	sound(A_IS_1 ASK(5, 3, "finish", "a", 1, KEY("k"))
	        SAY(6, 3, "finish", "lost") FINAL(9, 4, "a", "in_progress"));
	sound(A_IS_1 ASK(5, 3, "finish", "a", 1, KEY("k"))
	        SAY(6, 3, "finish", "lost") FINAL(9, 4, "a", "completed"));
}

static void
an_epoch_that_is_given_twice_is_caught(void **state)
{
	(void)state;
	caught(A_IS_1 CLAIM(5, 3) GIVEN(6, 3, "a", 1, ""), "one epoch");
	caught(A_IS_1 CLAIM(5, 3) GIVEN(6, 3, "a", 3, ""), "no order");
	/* Somebody's claim was never answered. */
	sound(A_IS_1 CLAIM(5, 3) CLAIM(6, 4) GIVEN(7, 4, "a", 3, ""));
}

static void
a_rescue_by_id_is_caught(void **state)
{
	(void)state;
	/* The lease of epoch 1 had run out, its rescue comes late and takes the
	 * task from the owner of epoch 2. */
	caught(WITH_A CLAIM(3, 2) GIVEN(4, 2, "a", 1, ",\"lease\":10")
	           CLAIM(20, 3) GIVEN(21, 3, "a", 2, ",\"lease\":10")
	               CLAIM(23, 4) GIVEN(24, 4, "a", 3, ",\"lease\":10"),
	    "living owner");
	sound(WITH_A CLAIM(3, 2) GIVEN(4, 2, "a", 1, ",\"lease\":10")
	        CLAIM(20, 3) GIVEN(21, 3, "a", 2, ",\"lease\":10") CLAIM(33, 4)
	            GIVEN(34, 4, "a", 3, ",\"lease\":10"));
	sound(WITH_A CLAIM(3, 2) GIVEN(4, 2, "a", 1, ",\"lease\":10") SAY(5, 9,
	    "restart", "ok") CLAIM(6, 3) GIVEN(7, 3, "a", 2, ",\"lease\":10"));
}

static void
a_wrong_order_is_caught(void **state)
{
	(void)state;
	caught(PUT(1, 1, "a", RANK(1)) SAY(2, 1, "put", "ok")
	           PUT(1, 2, "b", RANK(2)) SAY(2, 2, "put", "ok") CLAIM(3, 3)
	               GIVEN(4, 3, "b", 1, ""),
	    "at that never");
	caught(PUT(1, 1, "a", RANK(1)) SAY(2, 1, "put", "ok")
	           PUT(2, 2, "b", RANK(2)) SAY(2, 2, "put", "ok") CLAIM(3, 3)
	               GIVEN(4, 3, "b", 1, ""),
	    "stood before it");
	/* It was not there for sure when the other one was claimed. */
	sound(PUT(1, 2, "b", RANK(2)) SAY(2, 2, "put", "ok")
	        PUT(2, 1, "a", RANK(1)) CLAIM(3, 3) GIVEN(4, 3, "b", 1, "")
	            SAY(5, 1, "put", "ok"));
	/* A claim that nobody heard of may have it: for ever, where no lease is
	 * named, else until it must have run out. */
	sound(TWO CLAIM(3, 3) SAY(4, 3, "claim", "lost") CLAIM(50, 4)
	        GIVEN(51, 4, "b", 1, ""));
	sound(TWO LEASED(3, 3) SAY(4, 3, "claim", "lost") CLAIM(22, 4)
	        GIVEN(23, 4, "b", 1, ""));
	caught(TWO LEASED(3, 3) SAY(4, 3, "claim", "lost") CLAIM(50, 4)
	           GIVEN(51, 4, "b", 1, ""),
	    "stood before it");
	/* The other one was being claimed, by a question older than its put. */
	sound(CLAIM(1, 9) TWO CLAIM(3, 3) GIVEN(4, 3, "b", 1, "")
	        GIVEN(5, 9, "a", 1, ""));
	/* Said again: its first answer was lost. */
	caught(PUT(1, 1, "a", RANK(1)) SAY(1, 1, "put", "lost") PUT(1, 5, "a",
	           RANK(1)) SAY(2, 5, "put", "ok") PUT(2, 2, "b", RANK(2))
	           SAY(2, 2, "put", "ok") CLAIM(3, 3) GIVEN(4, 3, "b", 1, ""),
	    "stood before it");
}

static void
an_unmet_dependency_that_is_claimed_is_caught(void **state)
{
	(void)state;
	caught(WITH_A PUT(3, 2, "b", ",\"depends\":[\"a\"]")
	           SAY(4, 2, "put", "ok") CLAIM(5, 3) GIVEN(6, 3, "b", 1, ""),
	    "depends on");
	sound(A_IS_1 PUT(5, 3, "b", ",\"depends\":[\"a\"]") SAY(
	    6, 3, "put", "ok") CLAIM(7, 4) ASK(8, 5, "finish", "a", 1, KEY("k"))
	        GIVEN(9, 4, "b", 1, ""));
}

static void
an_effect_that_is_done_again_is_caught(void **state)
{
	(void)state;
	caught(A_IS_1 EFFECT(5, 7, "a", 1, 1, "") EFFECT(6, 8, "a", 1, 1, ""),
	    "cannot be repeated");
	caught(A_IS_2 EFFECT(7, 7, "a", 1, 1, ",\"fenced\":true"),
	    "under a stale epoch");
	sound(A_IS_2 EFFECT(7, 7, "a", 1, 1, ""));
	sound(A_IS_1 EFFECT(5, 7, "a", 1, 1, ",\"repeatable\":true")
	        EFFECT(6, 8, "a", 1, 1, ",\"repeatable\":true"));
}

static void
what_is_no_history_is_refused(void **state)
{
	(void)state;
	caught("{\"at\":1}\n", "not a line");
	caught("{\n", "line 1");
	caught(WITH_A SAY(3, 1, "put", "ok"), "said twice");
	caught(WITH_A ASK(3, 1, "renew", "a", 1, ""), "said twice");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stale_finish_that_is_accepted_is_caught),
		cmocka_unit_test(a_second_settlement_is_caught),
		cmocka_unit_test(a_lost_acknowledgement_is_caught),
		cmocka_unit_test(an_epoch_that_is_given_twice_is_caught),
		cmocka_unit_test(a_rescue_by_id_is_caught),
		cmocka_unit_test(a_wrong_order_is_caught),
		cmocka_unit_test(an_unmet_dependency_that_is_claimed_is_caught),
		cmocka_unit_test(an_effect_that_is_done_again_is_caught),
		cmocka_unit_test(what_is_no_history_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
