/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request. */
#include "model/inside.h"

static const char *const role_names[] = {
	[MODEL_SYSTEM] = "system",
	[MODEL_USER] = "user",
	[MODEL_ASSISTANT] = "assistant",
	[MODEL_TOOL] = "tool",
};

static const struct {
	const char *prefix;
	const char *reasoning;
} providers[] = {
#define PROVIDER(prefix, reasoning) { prefix, reasoning },
#include "model/providers.def"
#undef PROVIDER
};

static const char *
reasoning_key(struct str model)
{
	for (size_t i = 0; i < COUNT(providers); i++) {
		if (str_starts(model, str_of(providers[i].prefix))) {
			return providers[i].reasoning;
		}
	}
	return NULL;
}

static void
write_name(struct json_out *o, struct str name)
{
	char shown[MODEL_NAME_MAX];
	size_t length = name.len < sizeof(shown) ? name.len : sizeof(shown);

	for (size_t i = 0; i < length; i++) {
		char c = name.at[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '_' || c == '-';

		shown[i] = '_';
		if (fine) {
			shown[i] = c;
		}
	}
	json_out_str(
	    o, "name", length ? str_span(shown, length) : STR("unnamed"));
}

static void
write_calls(struct json_out *o, const struct model_message *m)
{
	json_out_array(o, "tool_calls");
	for (size_t i = 0; i < m->call_count; i++) {
		json_out_object(o, NULL);
		json_out_z(o, "id", m->calls[i].id);
		json_out_z(o, "type", "function");
		json_out_object(o, "function");
		write_name(o, m->calls[i].name);
		json_out_str(o, "arguments", m->calls[i].arguments);
		json_out_end(o, '}');
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

static void
write_message(
    struct json_out *o, const struct model_message *m, const char *reasoning)
{
	json_out_object(o, NULL);
	json_out_z(o, "role", role_names[m->role]);
	if (m->role == MODEL_TOOL) {
		json_out_z(o, "tool_call_id", m->call_id);
	}
	json_out_str(o, "content", m->content);
	if (m->role == MODEL_ASSISTANT) {
		if (reasoning && m->reasoning.len) {
			json_out_str(o, reasoning, m->reasoning);
		}
		if (m->call_count) {
			write_calls(o, m);
		}
	}
	json_out_end(o, '}');
}

void
model_write_request(struct buf *out, const struct model_request *r)
{
	const char *reasoning = reasoning_key(r->model);
	struct json_out o;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_str(&o, "model", r->model);
	json_out_array(&o, "messages");
	for (const struct model_message *m = r->messages; m; m = m->next) {
		write_message(&o, m, reasoning);
	}
	json_out_end(&o, ']');
	json_out_value(&o, "tools", r->tools);
	json_out_z(&o, "tool_choice", "auto");
	json_out_bool(&o, "stream", false);
	if (r->max_tokens > 0) {
		json_out_i64(&o, "max_tokens", r->max_tokens);
	}
	json_out_end(&o, '}');
}
