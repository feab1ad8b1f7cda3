/* SPDX-License-Identifier: Apache-2.0 */
/* An answer, whichever dialect it is in. */
#include "model/inside.h"

static void
read_usage(const struct json *top, const struct model_answer *answer,
    struct model_usage *usage)
{
	const struct json *given = json_get(top, "usage");

	if (json_i64(given, "prompt_tokens", &usage->in) &&
	    json_i64(given, "completion_tokens", &usage->out) &&
	    usage->in >= 0 && usage->out >= 0) {
		(void)json_i64(json_get(given, "prompt_tokens_details"),
		    "cached_tokens", &usage->cached);
		return;
	}
	*usage = (struct model_usage){
		.in = (int64_t)(answer->sent / 4),
		.out = (int64_t)(answer->body.len / 4),
		.estimated = true,
	};
}

/* The object that holds content and calls; NULL: no form we know. */
static const struct json *
find_message(const struct json *top, const struct json **choice)
{
	const struct json *first = json_at(json_get(top, "choices"), 0);
	const struct json *message = json_get(first, "message");

	*choice = first;
	if (message && message->type == JSON_OBJECT) {
		return message;
	}
	if (!json_get(top, "choices") &&
	    (json_get(top, "response") || json_get(top, "tool_calls"))) {
		return top;
	}
	return NULL;
}

static bool
says_error(const struct json *top)
{
	const struct json *error = json_get(top, "error");
	struct str object = STR("");
	bool success = true;

	(void)json_text(top, "object", &object);
	(void)json_bool(top, "success", &success);
	return (error && error->type != JSON_NULL) ||
	       str_eq_z(object, "error") || !success;
}

static int
read_message(struct arena *a, const struct json *message,
    const struct json *choice, uint32_t first_id, struct model_reply *out)
{
	const struct json *content = json_get(message, "content");
	struct str finish = STR("");

	if (!content) {
		content = json_get(message, "response");
	}
	out->content = model_text_of(a, content);
	if (!json_text(message, "reasoning_content", &out->reasoning)) {
		(void)json_text(message, "reasoning", &out->reasoning);
	}
	model_split_thinking(a, out);
	if (model_read_calls(a, message, first_id, out)) {
		return -1;
	}
	(void)json_text(choice, "finish_reason", &finish);
	out->cut = str_eq_z(finish, "length");
	out->refused = str_eq_z(finish, "content_filter");
	if (out->cut) {
		model_cut_calls(out);
	}
	return 0;
}

int
model_read_answer(struct arena *a, const struct model_answer *answer,
    uint32_t first_id, struct model_reply *out, struct model_failure *why)
{
	static const struct json_limits limits = {
		.bytes = MODEL_ANSWER_MAX,
		.depth = 64,
		.nodes = 200000,
	};
	struct model_reply reply = { 0 };
	const struct json *top;
	const struct json *choice;
	struct json *tree;
	struct err e = { 0 };

	if (!answer->ok) {
		return model_unreachable(a, answer, why);
	}
	if (json_parse(a, arena_str(a, answer->body), &limits, &tree, &e)) {
		return model_failed(a, answer, NULL, why);
	}
	top = json_get(tree, "result");
	if (!top || top->type != JSON_OBJECT) {
		top = tree;
	}
	const struct json *message = find_message(top, &choice);

	if (answer->status < 200 || answer->status > 299 || says_error(tree) ||
	    !message || read_message(a, message, choice, first_id, &reply)) {
		return model_failed(a, answer, tree, why);
	}
	read_usage(top, answer, &reply.usage);
	*out = reply;
	return 0;
}
