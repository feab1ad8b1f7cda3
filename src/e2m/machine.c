/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of a task, as a table (DESIGN). */
#include "e2m/inner.h"

static const struct move {
	enum e2m_event event;
	enum e2m_state from;
	enum e2m_state to;
} moves[] = {
	{ E2M_CLAIM, E2M_PENDING, E2M_IN_PROGRESS },
	{ E2M_COMPLETE, E2M_IN_PROGRESS, E2M_COMPLETED },
	{ E2M_BLOCK, E2M_IN_PROGRESS, E2M_BLOCKED },
	{ E2M_UNBLOCK, E2M_BLOCKED, E2M_IN_PROGRESS },
	{ E2M_FAIL, E2M_IN_PROGRESS, E2M_FAILED },
	{ E2M_RETRY, E2M_FAILED, E2M_PENDING },
};

static const char *
word_or_none(const char *word)
{
	return word != NULL ? word : "(none)";
}

int
e2m_transition(enum e2m_state state, enum e2m_event event, enum e2m_state *next,
    struct err *e)
{
	const struct move *known = NULL;

	for (size_t i = 0; i < COUNT(moves); i++) {
		if (moves[i].event != event) {
			continue;
		}
		known = &moves[i];
		if (moves[i].from == state) {
			*next = moves[i].to;
			return 0;
		}
	}
	if (known == NULL) {
		return err_set(e, ERR_CONFLICT,
		    "illegal: %s --%s--> (this event moves no task)",
		    word_or_none(e2m_state_name(state)),
		    word_or_none(e2m_event_name(event)));
	}
	return err_set(e, ERR_CONFLICT,
	    "illegal: %s --%s--> (allowed from: %s)",
	    word_or_none(e2m_state_name(state)), e2m_event_name(event),
	    e2m_state_name(known->from));
}

bool
e2m_is_final(enum e2m_state state)
{
	return state == E2M_COMPLETED || state == E2M_FAILED;
}
