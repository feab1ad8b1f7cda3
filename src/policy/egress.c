/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#define ONLY_FOR_MAX 32

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
		return policy_refuse(c, value,
		    "upstream: an egress opens no file, so no unix: socket "
		    "either; let the service listen on an address and pin "
		    "that, as \"127.0.0.1:8443\"");
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
		if (child->type != JSON_STRING ||
		    !policy_is_token(child->text, 64)) {
			return policy_refuse(
			    c, child, "only_for holds names of tools");
		}
		tools[r->out.only_for_count++] = child->text;
	}
	r->out.only_for = tools;
	return 0;
}

/* What a tunnel carries is not seen: nothing can be said of it. */
static int
check_tunnel(struct compile *c, const struct json *table)
{
	static const char *const unseen[] = { "inject", "ca", "tls",
		"own_credentials", "websocket", "token_endpoint" };
	static const char *const unmatched[] = { "method", "path", "git", "ref",
		"delete" };
	const struct json *match = json_get(table, "match");
	const struct json *wrong = NULL;

	for (size_t i = 0; !wrong && i < COUNT(unseen); i++) {
		wrong = json_get(table, unseen[i]);
	}
	for (size_t i = 0; !wrong && i < COUNT(unmatched); i++) {
		wrong = json_get(match, unmatched[i]);
	}
	return wrong ? policy_refuse(c, wrong,
	                   "\"" STR_FMT "\" says nothing of a tunnel, whose "
	                   "bytes are not read",
	                   STR_ARG(wrong->key))
	             : 0;
}

static int
compile_protocol(struct compile *c, const struct json *table, struct rule *r)
{
	const struct json *socket = json_get(table, "websocket");
	struct str word = STR("http");

	if (policy_compile_text(c, table, "protocol", &word)) {
		return -1;
	}
	r->out.tunnel = str_eq_z(word, "tcp");
	if (!r->out.tunnel && !str_eq_z(word, "http")) {
		return policy_refuse(c, json_get(table, "protocol"),
		    "protocol must be \"http\" or \"tcp\"");
	}
	if (socket && !json_bool(table, "websocket", &r->out.websocket)) {
		return policy_refuse(
		    c, socket, "websocket must be true or false");
	}
	if (r->out.websocket && (r->git_fetch || r->git_push)) {
		return policy_refuse(c, socket, "git does not speak WebSocket");
	}
	return r->out.tunnel ? check_tunnel(c, table) : 0;
}

/* 65536, or "64K", "10M", "2G". */
static int
compile_size(
    struct compile *c, const struct json *table, const char *key, uint64_t *out)
{
	const struct json *value = json_get(table, key);
	int64_t number = 0;
	uint64_t many = 0;
	unsigned shift = 0;

	if (!value) {
		return 0;
	}
	if (json_number_i64(value, &number) && number > 0) {
		*out = (uint64_t)number;
		return 0;
	}
	if (value->type == JSON_STRING && value->text.len > 1) {
		struct str digits =
		    str_sub(value->text, 0, value->text.len - 1);

		switch (value->text.at[value->text.len - 1]) {
		case 'K':
			shift = 10;
			break;
		case 'M':
			shift = 20;
			break;
		case 'G':
			shift = 30;
			break;
		default:
			break;
		}
		if (shift && str_u64(digits, &many) && many > 0 &&
		    many < 1U << 20) {
			*out = many << shift;
			return 0;
		}
	}
	return policy_refuse(
	    c, value, "%s must be a number of bytes, or like \"10M\"", key);
}

/* "60/1m": so many requests in any such time. */
static int
compile_rate(struct compile *c, const struct json *table, struct rule *r)
{
	struct str text = { 0 };
	struct str number = { 0 };
	uint64_t count = 0;

	if (policy_compile_text(c, table, "rate", &text) || text.len == 0) {
		return text.len == 0 && !json_get(table, "rate") ? 0 : -1;
	}
	if (!str_cut(&text, '/', &number) || !str_u64(number, &count) ||
	    count == 0 || count > 1000000 ||
	    !duration_parse(text, &r->out.rate_us) ||
	    r->out.rate_us < CLOCK_SECOND) {
		return policy_refuse(c, json_get(table, "rate"),
		    "rate must be a count and a time, like \"60/1m\"");
	}
	r->out.rate = (uint32_t)count;
	return 0;
}

static int
compile_bounds(struct compile *c, const struct json *table, struct rule *r)
{
	return compile_size(c, table, "body_max", &r->out.body_max) ||
	               compile_size(
	                   c, table, "answer_max", &r->out.answer_max) ||
	               compile_size(
	                   c, table, "volume_max", &r->out.volume_max) ||
	               compile_rate(c, table, r)
	           ? -1
	           : 0;
}

/* R04: its answers hold tokens, which stay in the vault. */
static int
compile_token_endpoint(
    struct compile *c, const struct json *table, struct rule *r)
{
	const struct json *value = json_get(table, "token_endpoint");

	if (policy_compile_text(
	        c, table, "token_endpoint", &r->out.token_endpoint)) {
		return -1;
	}
	if (value && !policy_is_token(r->out.token_endpoint, 64)) {
		return policy_refuse(
		    c, value, "token_endpoint names a credential of the vault");
	}
	if (value &&
	    (r->out.inject.credential.len || !r->out.tls ||
	        json_get(table, "websocket") || r->git_fetch || r->git_push)) {
		return policy_refuse(c, value,
		    "token_endpoint stands without inject, tls = false, "
		    "websocket and git: the client's secret of that credential "
		    "is put in by itself");
	}
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
	r->out.label =
	    arena_printf(c->arena, "egress." STR_FMT, STR_ARG(table->key));
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
	        "match|inject|upstream|ca|tls|only_for|own_credentials|"
	        "protocol|websocket|body_max|answer_max|volume_max|rate|"
	        "token_endpoint",
	        "an egress rule")) {
		return -1;
	}
	if (!match) {
		return policy_refuse(
		    c, table, "the rule has no match: at least a host");
	}
	if (policy_compile_rule_match(c, match, r) ||
	    (inject && policy_compile_inject(c, inject, &r->out.inject)) ||
	    compile_upstream(c, table, r) || compile_only_for(c, table, r)) {
		return -1;
	}
	if (own &&
	    !json_bool(table, "own_credentials", &r->out.own_credentials)) {
		return policy_refuse(
		    c, own, "own_credentials must be true or false");
	}
	return compile_token_endpoint(c, table, r) ||
	               compile_protocol(c, table, r) ||
	               compile_bounds(c, table, r)
	           ? -1
	           : 0;
}
