/* SPDX-License-Identifier: Apache-2.0 */
/* How a model's run ends without a result: what, where, what to do. */
#include "agent/inside.h"

#define LAST_WORDS ((size_t)3000) /* bytes; core takes a message of 4000 */

static const struct {
	const char *type;
	const char *what;
	const char *advice;
} causes[] = {
	[MODEL_UNREACHABLE] = { "model_unreachable", "could not be reached",
	    "check its url in handrail.toml and that its server runs" },
	[MODEL_REFUSED] = { "model_error", "refused us",
	    "check its credential in the vault (handrail vault list) and what "
	    "the account may do" },
	[MODEL_BUSY] = { "model_error", "has no capacity or no quota left",
	    "dispatch the task again later" },
	[MODEL_WRONG] = { "model_error", "does not take our request",
	    "check its url and model in handrail.toml" },
	[MODEL_BROKEN] = { "model_error", "failed",
	    "look at the log of its server, then dispatch the task again" },
	[MODEL_NONSENSE] = { "model_error",
	    "answered with something that is no chat completion",
	    "check its url in handrail.toml" },
};

enum input
brain_fault(struct agent *a)
{
	const struct model_failure *f = &a->brain.failure;
	const char *name = err_quote(a->brain.model);
	auto_buf status = { 0 };

	if (f->next == MODEL_COMPACT) {
		return brain_full(a);
	}
	if (f->status) {
		buf_addf(&status, " (HTTP %u)", f->status);
	}
	agent_give_up(a, causes[f->cause].type,
	    "the model %s %s" STR_FMT ": " STR_FMT "; %s", name,
	    causes[f->cause].what, STR_ARG(buf_str(&status)),
	    STR_ARG(f->message), causes[f->cause].advice);
	return INPUT_NOTHING;
}

enum input
brain_full(struct agent *a)
{
	agent_give_up(a, "context_full",
	    "what was said no longer fits the model %s, not even without old "
	    "results; give the task in smaller pieces or name a model with a "
	    "longer context in handrail.toml",
	    err_quote(a->brain.model));
	return INPUT_NOTHING;
}

/* What it said instead of a result may be what somebody wanted to read. */
enum input
brain_stalled(struct agent *a)
{
	struct str words = str_trim(a->brain.reply.content);

	agent_give_up(a, "stalled",
	    "the model %s stopped calling tools and never called finish, which "
	    "alone takes a result: %s. %s" STR_FMT,
	    err_quote(a->brain.model),
	    a->brain.reply.cut
	        ? "its reply was cut, raise max_tokens of the model in "
	          "handrail.toml"
	        : "say so in the task, or name another model in role.toml",
	    words.len ? "Its last words: " : "It said nothing more",
	    STR_ARG(str_utf8_cut(words, LAST_WORDS)));
	return INPUT_NOTHING;
}

enum input
brain_refused(struct agent *a)
{
	agent_give_up(a, "refused",
	    "the content filter of the model %s stopped its reply; change the "
	    "task's wording or its model",
	    err_quote(a->brain.model));
	return INPUT_NOTHING;
}

enum input
brain_loops(struct agent *a)
{
	const struct model_call *call = &a->brain.dealt->calls[a->brain.at];

	agent_give_up(a, "loop",
	    "the model %s asked for the same call %u times with nothing new in "
	    "between: %s %s",
	    err_quote(a->brain.model), BRAIN_LOOP, err_quote(call->name),
	    err_quote(call->problem.len ? call->problem : call->arguments));
	return INPUT_NOTHING;
}
