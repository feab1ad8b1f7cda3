/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer of a model: the first two bytes are its HTTP status.  Whatever it
 * says, a reply's calls are JSON objects or have a problem, a request that
 * repeats them is JSON, and a failure's message is printable.
 */
#include <string.h>

#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_request(const struct model_reply *reply)
{
	struct model_message message = {
		.role = MODEL_ASSISTANT,
		.content = reply->content,
		.reasoning = reply->reasoning,
		.calls = reply->calls,
		.call_count = reply->call_count,
	};
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct model_request request = {
		.model = STR("@cf/m"),
		.tools = json_new(&a, JSON_ARRAY),
		.messages = &message,
	};
	struct json *tree;
	struct err e;

	model_write_request(&out, &request);
	must(json_parse(&a, buf_str(&out), NULL, &tree, &e) == 0);
}

static void
check_call(const struct model_call *call)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct err e;

	must(strlen(call->id) == 9);
	must(json_parse(&a, call->arguments, NULL, &tree, &e) == 0);
	must(tree->type == JSON_OBJECT);
	must(json_parse(&a, call->canonical, NULL, &tree, &e) == 0);
	must(call->problem.len == 0 || str_eq(call->arguments, STR("{}")));
	must(call->problem.len || call->name.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	struct model_answer answer = { .ok = true };
	struct model_reply reply;
	struct model_failure why;

	if (size < 2) {
		return 0;
	}
	answer.status = 100U + (uint32_t)data[0] * 4 + data[1] % 4;
	answer.body = str_span(data + 2, size - 2);
	if (model_read_answer(&a, &answer, 1, &reply, &why)) {
		must(why.message.len <= MODEL_MESSAGE_MAX);
		for (size_t i = 0; i < why.message.len; i++) {
			must(why.message.at[i] >= ' ' &&
			     why.message.at[i] < 0x7f);
		}
		return 0;
	}
	must(answer.status / 100 == 2);
	must(reply.call_count <= MODEL_CALLS_MAX);
	for (size_t i = 0; i < reply.call_count; i++) {
		check_call(&reply.calls[i]);
	}
	check_request(&reply);
	return 0;
}
