/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

static const char *const state_names[] = {
#define STATE(id, word, sentence) word,
#include "session/states.def"
#undef STATE
};
static const char *const event_names[] = {
#define EVENT(id, word) word,
#include "session/events.def"
#undef EVENT
};
static const struct {
	enum session_call_state state;
	enum session_call_event event;
	enum session_call_state next;
} moves[] = {
#define MOVE(state, event, next) \
	{ SESSION_##state, SESSION_ON_##event, SESSION_##next },
#include "session/moves.def"
#undef MOVE
};

const char *
session_state_name(enum session_call_state s)
{
	return state_names[s];
}

const char *
session_event_name(enum session_call_event v)
{
	return event_names[v];
}

int
session_call_next(enum session_call_state state, enum session_call_event event,
    enum session_call_state *next, struct err *e)
{
	auto_buf from = { 0 };

	for (size_t i = 0; i < COUNT(moves); i++) {
		if (moves[i].event != event) {
			continue;
		}
		if (moves[i].state == state) {
			*next = moves[i].next;
			return 0;
		}
		buf_addf(&from, "%s%s", from.len > 0 ? ", " : "",
		    session_state_name(moves[i].state));
	}
	return err_set(e, ERR_CONFLICT,
	    "illegal: call %s --%s--> (allowed from: %s)",
	    session_state_name(state), session_event_name(event), buf_z(&from));
}
