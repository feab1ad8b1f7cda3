/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_MODEL_HELP_H
#define UNIT_MODEL_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"

struct read {
	struct arena arena;
	int failed;
	struct model_reply reply;
	struct model_failure why;
};

static inline struct read
answer_sized(uint32_t status, const char *body, size_t sent)
{
	struct read r = { 0 };
	struct model_answer answer = {
		.ok = true,
		.status = status,
		.body = str_of(body),
		.sent = sent,
	};

	r.failed =
	    model_read_answer(&r.arena, &answer, 7, &r.reply, &r.why) != 0;
	return r;
}

static inline struct read
answer(uint32_t status, const char *body)
{
	return answer_sized(status, body, 4000);
}

/* With the case in a list that did it. */
static inline void
unexpected(const char *text)
{
	fail_msg("%s", text);
}

static inline void
equals(struct str s, const char *expected)
{
	if (!str_eq_z(s, expected)) {
		fail_msg("\"%.*s\" is not \"%s\"", (int)s.len,
		    s.len ? s.at : "", expected);
	}
}

#define MESSAGE(members) \
	"{\"choices\":[{\"index\":0,\"message\":{" members "}}]}"
#define ONE_CALL(members) \
	MESSAGE("\"content\":null,\"tool_calls\":[{" members "}]")
#define ONE_FUNCTION(members) \
	ONE_CALL(             \
	    "\"id\":\"x\",\"type\":\"function\",\"function\":{" members "}")
#define ARGUMENTS(text) ONE_FUNCTION("\"name\":\"shell\",\"arguments\":" text)

#endif
