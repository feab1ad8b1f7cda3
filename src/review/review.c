/* SPDX-License-Identifier: Apache-2.0 */
#include "review/review.h"

#include <string.h>

bool
review_is_decision(enum book_kind kind)
{
	return kind == BOOK_CALL_DECIDED || kind == BOOK_REQUEST_INTENT ||
	       kind == BOOK_REQUEST_DENIED || kind == BOOK_REQUEST_ASKED;
}

static struct str
text_of(const struct json *body, const char *key)
{
	struct str text = STR("");

	(void)json_text(body, key, &text);
	return text;
}

static bool
is_true(const struct json *body, const char *key)
{
	const struct json *value = json_get(body, key);

	return value && value->type == JSON_TRUE;
}

static bool
parse_verdict(struct str word, enum policy_verdict *v)
{
	for (int i = POLICY_DENY; i <= POLICY_ASK; i++) {
		if (str_eq_z(
		        word, policy_verdict_name((enum policy_verdict)i))) {
			*v = (enum policy_verdict)i;
			return true;
		}
	}
	return false;
}

static enum review_end
ended(struct review *out)
{
	return out->was == out->now ? REVIEW_SAME : REVIEW_DIFFERS;
}

static enum review_end
broken(struct review *out, const char *text)
{
	out->text = str_of(text);
	return REVIEW_BROKEN;
}

/* --- calls --- */

/* Checks that are not the policy's, and the one verdict that each gives. */
static const struct {
	const char *rule;
	enum policy_verdict verdict;
} checks[] = {
	{ "schema", POLICY_DENY },
	{ "catalogue", POLICY_DENY },
	{ "contract", POLICY_DENY },
	{ "builtin.finish.wrong", POLICY_DENY },
	{ "builtin.finish", POLICY_ALLOW },
};

static bool
is_check(struct str rule, enum policy_verdict verdict, struct str tool)
{
	bool finish = str_eq_z(tool, "finish");

	for (size_t i = 0; i < COUNT(checks); i++) {
		if (str_eq_z(rule, checks[i].rule)) {
			return verdict == checks[i].verdict &&
			       (verdict == POLICY_DENY || finish);
		}
	}
	return false;
}

/* What the policy said, whatever a person or a standing grant said then. */
static enum review_end
call_verdict(const struct json *body, struct str rule, enum policy_verdict *was)
{
	bool gate = str_starts(rule, STR("gate."));
	enum policy_verdict verdict;

	if (!parse_verdict(text_of(body, "verdict"), &verdict)) {
		return REVIEW_NOT_HELD;
	}
	*was = verdict;
	if (str_starts(rule, STR("g-")) ||
	    (verdict == POLICY_ASK && str_starts(rule, STR("w-"))) ||
	    (gate && verdict == POLICY_DENY &&
	        str_starts(text_of(body, "why"), STR("denied by ")))) {
		*was = POLICY_ASK;
		return REVIEW_SAME;
	}
	if (is_check(rule, verdict, text_of(body, "tool"))) {
		return REVIEW_NOT_ASKED;
	}
	return !rule.len || gate || str_eq_z(rule, "read") ||
	               str_eq_z(rule, "defaults.unmatched")
	           ? REVIEW_SAME
	           : REVIEW_BROKEN;
}

/* The arguments are those whose digest was decided about. */
static bool
arguments_fit(const struct json *body, const struct json *args)
{
	auto_buf canonical = { 0 };
	struct digest said;

	json_canonical(&canonical, args);
	return digest_parse(text_of(body, "args"), &said) &&
	       digest_eq(said, digest_of(buf_str(&canonical)));
}

static enum review_end
review_call(struct arena *a, const struct policy *p, struct str identity,
    struct str rule, const struct json *body, struct review *out)
{
	struct policy_call_decision d = { 0 };
	struct policy_call call = {
		.identity = identity,
		.tool = text_of(body, "tool"),
		.action = text_of(body, "action"),
		.args = json_get(body, "arguments"),
	};

	enum review_end end = call_verdict(body, rule, &out->was);

	out->what = call.tool;
	if (end == REVIEW_BROKEN) {
		return broken(out,
		    "no check of this house is called what its rule says, or "
		    "none that decides so");
	}
	if (end != REVIEW_SAME) {
		return end;
	}
	if (!call.tool.len || !call.action.len || !call.args) {
		return REVIEW_NOT_HELD;
	}
	if (!arguments_fit(body, call.args)) {
		return broken(out, "its arguments are not those of its digest");
	}
	policy_call(a, p, &call, &d);
	out->now = d.verdict;
	out->rule = d.rule;
	return ended(out);
}

/* --- requests --- */

struct review_asked { /* what its head says */
	enum book_kind kind;
	struct str identity;
	struct str rule;
};

/* A known push names its refs; which of them it deletes stands apart. */
static bool
read_refs(const struct json *body, struct policy_commands *out)
{
	const struct json *deleted = json_get(body, "deletes");

	JSON_EACH(ref, json_get(body, "refs"))
	{
		struct policy_command *command = &out->at[out->count];

		if (ref->type != JSON_STRING ||
		    out->count == POLICY_COMMANDS_MAX) {
			return false;
		}
		command->ref = ref->text;
		JSON_EACH(gone, deleted)
		{
			command->deletes |= gone->type == JSON_STRING &&
			                    str_eq(gone->text, ref->text);
		}
		out->count++;
	}
	return true;
}

static bool
read_host(struct str text, struct names_host *host)
{
	struct err e = { 0 };

	if (names_addr_parse(text, &host->addr)) {
		host->is_addr = true;
		return str_copy(host->text, sizeof(host->text), text);
	}
	return names_host_parse(text, host, &e) == 0;
}

static enum policy_git
read_git(struct str word)
{
	if (str_eq_z(word, "push")) {
		return POLICY_GIT_PUSH;
	}
	return str_eq_z(word, "fetch") ? POLICY_GIT_FETCH : POLICY_GIT_NO;
}

bool
review_house_rule(struct str rule)
{
	static const char *const names[] = {
		"model",
		"audit.publish",
		"audit.witness",
		"notify",
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (str_eq_z(rule, names[i])) {
			return true;
		}
	}
	return str_starts(rule, STR("model.")) ||
	       str_starts(rule, STR("vault."));
}

/* Of a request that the policy was not asked about: a rule of the house's own
 * may let it go; what was refused was refused by another check, or by nobody's
 * rule, before there was one to ask. */
static enum review_end
unasked(enum book_kind kind, struct str rule, const struct json *body,
    struct review *out)
{
	bool known = review_house_rule(rule) ||
	             (kind == BOOK_REQUEST_DENIED &&
	                 (!rule.len || str_eq_z(rule, "egress") ||
	                     str_eq_z(rule, "vault")));

	out->what = text_of(body, "host");
	if (!known) {
		return broken(
		    out, "a rule of the policy is named, and not what it said");
	}
	return json_get(body, "method") ? REVIEW_NOT_ASKED : REVIEW_NOT_HELD;
}

static enum review_end
review_request(struct arena *a, const struct policy *p,
    const struct review_asked *asked, const struct json *body,
    struct review *out)
{
	struct policy_request_decision d = { 0 };
	struct policy_commands *refs = arena_alloc(a, sizeof(*refs));
	struct names_host host = { 0 };
	struct str protocol = text_of(body, "protocol");
	struct policy_request r = {
		.identity = asked->identity,
		.host = &host,
		.tls = is_true(body, "tls"),
		.method = text_of(body, "method"),
		.path = text_of(body, "path"),
		.git = read_git(text_of(body, "git")),
		.from_tool = text_of(body, "from_tool"),
		.call_approved = is_true(body, "call_approved"),
		.has_own_credentials = is_true(body, "own_credentials"),
		.tunnel = str_eq_z(protocol, "tcp"),
		.websocket = str_eq_z(protocol, "websocket"),
	};
	int64_t port = 0;

	if (!parse_verdict(text_of(body, "policy"), &out->was)) {
		return unasked(asked->kind, asked->rule, body, out);
	}
	(void)json_i64(body, "port", &port);
	out->what = arena_printf(a, STR_FMT " " STR_FMT ":%lld" STR_FMT,
	    STR_ARG(r.method), STR_ARG(text_of(body, "host")), (long long)port,
	    STR_ARG(r.path));
	if (!read_host(text_of(body, "host"), &host) || port < 1 ||
	    port > UINT16_MAX || !read_refs(body, refs)) {
		return broken(out, "it names no host, port and refs");
	}
	if (asked->kind == BOOK_REQUEST_INTENT && out->was == POLICY_DENY) {
		return broken(out, "it was let go, and the policy said no");
	}
	r.port = (uint16_t)port;
	if (r.git == POLICY_GIT_PUSH && str_eq_z(r.method, "POST")) {
		r.commands = refs;
	}
	/* What a gate held leaves by a person's yes alone. */
	if (asked->kind == BOOK_REQUEST_INTENT && out->was == POLICY_ASK &&
	    !text_of(body, "wait").len) {
		return broken(out, "it was let go, and names nobody's yes");
	}
	policy_request(a, p, &r, &d);
	out->now = d.verdict;
	out->rule = d.verdict == POLICY_ASK ? d.gate : d.rule;
	return ended(out);
}

enum review_end /* NOLINTNEXTLINE(*-function-size): all that one had */
review_decision(struct arena *a, const struct policy *p, enum book_kind kind,
    struct str identity, struct str rule, const struct json *body,
    struct review *out)
{
	const struct review_asked asked = {
		.kind = kind,
		.identity = identity,
		.rule = rule,
	};
	enum review_end end;

	must(review_is_decision(kind));
	memset(out, 0, sizeof(*out));
	if (!body || body->type != JSON_OBJECT) {
		return REVIEW_NOT_HELD;
	}
	end = kind == BOOK_CALL_DECIDED
	          ? review_call(a, p, identity, rule, body, out)
	          : review_request(a, p, &asked, body, out);
	/* The text of a closed role's policy is empty, and it denies. */
	if (end == REVIEW_DIFFERS && out->was == POLICY_DENY &&
	    !policy_text(p).len) {
		out->now = POLICY_DENY;
		return REVIEW_SAME;
	}
	return end;
}
