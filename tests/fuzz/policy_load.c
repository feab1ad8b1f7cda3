/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of a hostile hint: printable ASCII only, whatever the arguments hold. */
static bool
is_printable(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < ' ' || text.at[i] > '~') {
			return false;
		}
	}
	return true;
}

static void
read_text(const struct json *from, const char *key, struct str *out)
{
	if (!json_text(from, key, out)) {
		*out = STR("");
	}
}

/* Who asks is known to core: never a form that it does not make. */
static void
read_identity(const struct json *from, struct str *out)
{
	read_text(from, "identity", out);
	for (size_t i = 0; i < out->len; i++) {
		if (out->at[i] != '_' &&
		    (out->at[i] < 'a' || out->at[i] > 'z')) {
			*out = STR("linux__server__fuzz_coworker");
		}
	}
}

/* Decided twice it is the same, a no has a reason, a yes and an ask a rule. */
static void
try_call(struct arena *a, const struct policy *p, const struct json *given)
{
	struct policy_call c = { .args = json_get(given, "args") };
	struct policy_call_decision d;
	struct policy_call_decision again;
	auto_buf told = { 0 };

	read_identity(given, &c.identity);
	read_text(given, "tool", &c.tool);
	read_text(given, "action", &c.action);
	read_text(given, "server", &c.server);
	if (c.args && c.args->type != JSON_OBJECT) {
		c.args = NULL;
	}
	policy_call(a, p, &c, &d);
	policy_call(a, p, &c, &again);
	must(d.verdict == again.verdict && d.reason == again.reason &&
	     str_eq(d.rule, again.rule));
	must((d.verdict == POLICY_DENY) == (d.reason != POLICY_NONE));
	must(d.verdict == POLICY_DENY ? d.text.len > 0 : d.rule.len > 0);
	if (d.verdict == POLICY_ASK) {
		policy_ask_bind(&c, &d.ask);
		must(d.ask.people >= 1 && d.ask.surface_count >= 1);
		must(is_printable(d.ask.hint) && is_printable(d.ask.brief));
		must(str_eq(d.ask.hint, again.ask.hint));
	}
	policy_explain_call(&told, p, &c);
	must(told.len > 0);
}

static bool
flag_of(const struct json *from, const char *key)
{
	bool value = false;

	return json_bool(from, key, &value) && value;
}

/* What may leave, leaves by a rule of this file that exists in that cell. */
static void
try_request(struct arena *a, const struct policy *p, const struct json *given)
{
	struct names_host host;
	struct policy_request r = { .host = &host };
	struct policy_request_decision d;
	struct str text;
	int64_t number = 443;
	auto_buf told = { 0 };
	struct err e = { 0 };

	read_text(given, "host", &text);
	if (names_host_parse(text, &host, &e)) {
		return;
	}
	(void)json_i64(given, "port", &number);
	r.port = (uint16_t)number;
	(void)(json_i64(given, "git", &number) && number >= 0 &&
	       number <= POLICY_GIT_PUSH && (r.git = (enum policy_git)number));
	read_identity(given, &r.identity);
	read_text(given, "method", &r.method);
	read_text(given, "path", &r.path);
	read_text(given, "from_tool", &r.from_tool);
	r.tls = flag_of(given, "tls");
	r.has_own_credentials = flag_of(given, "own");
	r.tunnel = flag_of(given, "tunnel");
	r.websocket = flag_of(given, "websocket");
	policy_request(a, p, &r, &d);
	must(d.verdict != POLICY_ASK);
	must((d.verdict == POLICY_DENY) == (d.reason != POLICY_NONE));
	if (d.verdict == POLICY_ALLOW) {
		must(d.egress && d.rule.len > 0 && !policy_is_closed(p));
		must(policy_exists_for(d.egress, r.from_tool));
		must(!r.has_own_credentials || d.egress->own_credentials);
	} else {
		must(d.text.len > 0);
	}
	policy_explain_request(&told, p, &r);
	must(told.len > 0);
}

static void
check(struct arena *a, const struct policy *p, const struct json *given)
{
	const struct policy_finding *findings;
	struct policy_tool tool = { 0 };
	struct policy_house house = {
		.tools = &tool,
		.tool_count = 1,
		.role = STR("fuzz"),
	};
	size_t count = 0;
	struct str method;
	struct str url;

	read_text(given, "tool", &tool.name);
	read_text(given, "action", &tool.action);
	read_text(given, "method", &method);
	read_text(given, "url", &url);
	policy_tool_place(a, &tool, method, url);
	policy_check(a, p, &house, &findings, &count);
	for (size_t i = 0; i < count; i++) {
		must(findings[i].text.len > 0);
	}
}

/* gates.toml, a line of four dashes, {"call": …, "request": …} as JSON. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	struct str text = str_span(data, size);
	struct str question = { 0 };
	struct json *given = NULL;
	const struct policy *p = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i < text.len; i++) {
		if (str_starts(str_sub(text, i, 6), STR("\n----\n"))) {
			question = str_sub(text, i + 6, text.len);
			text.len = i + 1;
		}
	}
	if (policy_parse(&a, text, "fuzz", &p, &e)) {
		must(e.text[0] != '\0');
		return 0;
	}
	must(str_eq(policy_text(p), text));
	if (json_parse(&a, question, NULL, &given, &e)) {
		given = NULL;
	}
	try_call(&a, p, json_get(given, "call"));
	try_request(&a, p, json_get(given, "request"));
	check(&a, p, json_get(given, "call"));
	return 0;
}
