/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#define ONLY_FOR_MAX 32

/* Headers that frame or route the message are never a rule's to write (P11). */
static const char *const never_headers[] = { "host", "content-length",
	"connection", "transfer-encoding", "te", "trailer", "upgrade",
	"keep-alive", "proxy-connection", "proxy-authorization",
	"proxy-authenticate", "expect", "content-encoding", "content-type",
	"via", "forwarded" };

static bool
is_token(struct str s, size_t max)
{
	for (size_t i = 0; i < s.len; i++) {
		char b = s.at[i];

		if (!(b >= 'a' && b <= 'z') && !(b >= 'A' && b <= 'Z') &&
		    !(b >= '0' && b <= '9') && b != '-' && b != '_' &&
		    b != '.') {
			return false;
		}
	}
	return s.len > 0 && s.len <= max;
}

static int
check_header(
    struct compile *c, const struct json *inject, const struct policy_inject *i)
{
	const struct json *at = json_get(inject, "header");

	if (!is_token(i->header, 64) || str_has(i->header, '.')) {
		return policy_refuse(
		    c, at, "header must be a name like \"Authorization\"");
	}
	for (size_t n = 0; n < COUNT(never_headers); n++) {
		if (str_eq_nocase(i->header, str_of(never_headers[n]))) {
			return policy_refuse(c, at,
			    "header \"" STR_FMT
			    "\" belongs to the message, not to a rule",
			    STR_ARG(i->header));
		}
	}
	return 0;
}

static int
check_format(
    struct compile *c, const struct json *inject, const struct policy_inject *i)
{
	const struct json *at = json_get(inject, "format");
	struct str secret = STR("{{secret}}");
	size_t found = 0;

	for (size_t n = 0; n < i->format.len; n++) {
		struct str here = str_sub(i->format, n, secret.len);

		found += str_eq(here, secret);
		if (i->format.at[n] < 0x20 || i->format.at[n] > 0x7e) {
			found = 2;
		}
	}
	if (found != 1 || i->format.len > 256) {
		return policy_refuse(c, at ? at : inject,
		    "format must be printable and hold {{secret}} once");
	}
	return 0;
}

static int
compile_inject(
    struct compile *c, const struct json *inject, struct policy_inject *i)
{
	i->format = STR("{{secret}}");
	if (policy_compile_keys(
	        c, inject, "credential|header|format|basic", "inject") ||
	    policy_compile_text(c, inject, "credential", &i->credential) ||
	    policy_compile_text(c, inject, "header", &i->header) ||
	    policy_compile_text(c, inject, "format", &i->format) ||
	    policy_compile_text(c, inject, "basic", &i->basic)) {
		return -1;
	}
	if (!is_token(i->credential, 64)) {
		return policy_refuse(c, inject,
		    "inject needs credential: the name it has in the vault");
	}
	if ((i->header.len > 0) == (i->basic.len > 0)) {
		return policy_refuse(c, inject,
		    "inject needs one place: header (with format) or basic "
		    "(a user name)");
	}
	if (i->basic.len > 0) {
		i->format = STR("");
		if (json_get(inject, "format")) {
			return policy_refuse(c, json_get(inject, "format"),
			    "format stands beside header, not beside basic");
		}
		return is_token(i->basic, 64)
		           ? 0
		           : policy_refuse(c, json_get(inject, "basic"),
		                 "basic must be a user name like "
		                 "\"x-access-token\"");
	}
	return check_header(c, inject, i) || check_format(c, inject, i) ? -1
	                                                                : 0;
}

static int
compile_pin(struct compile *c, const struct json *table, struct rule *r)
{
	const struct json *value = json_get(table, "upstream");
	struct names_host host = { 0 };
	struct err why = { 0 };
	struct str text = { 0 };

	if (policy_compile_text(c, table, "upstream", &text)) {
		return -1;
	}
	if (!value) {
		return 0;
	}
	r->out.pinned = true;
	if (str_starts(text, STR("unix:"))) {
		r->out.unix_path = str_sub(text, 5, text.len);
		return r->out.unix_path.len > 1 && r->out.unix_path.len < 108 &&
		               r->out.unix_path.at[0] == '/'
		           ? 0
		           : policy_refuse(c, value,
		                 "upstream: unix: is followed by an absolute "
		                 "path of "
		                 "at most 107 bytes");
	}
	if (names_hostport_parse(text, 0, &host, &r->out.port, &why) ||
	    !host.is_addr) {
		return policy_refuse(c, value,
		    "upstream must be an address and a port, as "
		    "\"10.0.3.7:8443\" or \"[fd00::7]:8443\"");
	}
	if (names_class_opens(names_addr_class(&host.addr)) == NAMES_NEVER) {
		return policy_refuse(c, value,
		    "upstream: %s addresses are never opened",
		    names_class_name(names_addr_class(&host.addr)));
	}
	r->out.address = host.addr;
	return 0;
}

static int
compile_upstream(struct compile *c, const struct json *table, struct rule *r)
{
	const struct json *tls = json_get(table, "tls");
	const struct json *ca = json_get(table, "ca");
	struct str file = { 0 };

	r->out.tls = true;
	if (compile_pin(c, table, r) ||
	    policy_compile_text(c, table, "ca", &file)) {
		return -1;
	}
	if (tls && !json_bool(table, "tls", &r->out.tls)) {
		return policy_refuse(c, tls, "tls must be true or false");
	}
	if (!r->out.tls && !r->out.pinned) {
		return policy_refuse(c, tls,
		    "tls = false is allowed only with a pinned upstream");
	}
	if (!r->out.tls && r->out.inject.credential.len > 0) {
		return policy_refuse(c, tls,
		    "a credential is never sent without TLS: take away tls = "
		    "false or inject");
	}
	if (ca && (!r->out.pinned || !r->out.tls)) {
		return policy_refuse(c, ca,
		    "ca is the trust for one pinned upstream over TLS; there "
		    "is none here");
	}
	if (ca) {
		r->out.ca = file.at[0] == '/'
		                ? file
		                : arena_printf(c->arena, STR_FMT STR_FMT,
		                      STR_ARG(c->folder), STR_ARG(file));
	}
	if (r->host.host.is_addr && !r->out.pinned &&
	    names_class_opens(names_addr_class(&r->host.host.addr)) !=
	        NAMES_OPEN) {
		return policy_refuse(c,
		    json_get(json_get(table, "match"), "host"),
		    "a %s address is reached only by a pin: add upstream",
		    names_class_name(names_addr_class(&r->host.host.addr)));
	}
	return 0;
}

static int
compile_only_for(struct compile *c, const struct json *table, struct rule *r)
{
	const struct json *value = json_get(table, "only_for");
	struct str *tools = NULL;

	if (!value) {
		return 0;
	}
	if (value->type != JSON_ARRAY || value->count == 0 ||
	    value->count > ONLY_FOR_MAX) {
		return policy_refuse(c, value,
		    "only_for must be 1 to 32 tool names: [\"git_push\"]");
	}
	tools = arena_array(c->arena, value->count, sizeof(*tools));
	JSON_EACH(child, value)
	{
		if (child->type != JSON_STRING || !is_token(child->text, 64)) {
			return policy_refuse(
			    c, child, "only_for holds names of tools");
		}
		tools[r->out.only_for_count++] = child->text;
	}
	r->out.only_for = tools;
	return 0;
}

int
policy_compile_rule(struct compile *c, const struct json *table, struct rule *r)
{
	const struct json *match = json_get(table, "match");
	const struct json *inject = json_get(table, "inject");
	const struct json *own = json_get(table, "own_credentials");
	const struct json *ask = json_get(table, "require");

	r->out.name = table->key;
	r->out.line = table->line;
	if (!ask) {
		ask = json_get(table, "surface");
	}
	if (ask) {
		return policy_refuse(c, ask,
		    "an egress rule never asks; put a [gate.*] on the call and "
		    "only_for = [\"that tool\"] here");
	}
	if (policy_compile_keys(c, table,
	        "match|inject|upstream|ca|tls|only_for|own_credentials",
	        "an egress rule")) {
		return -1;
	}
	if (!match) {
		return policy_refuse(
		    c, table, "the rule has no match: at least a host");
	}
	if (policy_compile_rule_match(c, match, r) ||
	    (inject && compile_inject(c, inject, &r->out.inject)) ||
	    compile_upstream(c, table, r) || compile_only_for(c, table, r)) {
		return -1;
	}
	if (own &&
	    !json_bool(table, "own_credentials", &r->out.own_credentials)) {
		return policy_refuse(
		    c, own, "own_credentials must be true or false");
	}
	return 0;
}
