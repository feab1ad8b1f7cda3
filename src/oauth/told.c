/* SPDX-License-Identifier: Apache-2.0 */
/* Answers without their tokens. */
#include "oauth/inside.h"

#include <string.h>

#define PLAIN_MAX 40 /* bytes of a word that goes on to a sandbox */

static const char *const ends[] = {
	[OAUTH_FAILED] = "failed",
	[OAUTH_TOKENS] = "tokens",
	[OAUTH_PENDING] = "pending",
	[OAUTH_SLOWER] = "slower",
	[OAUTH_CLOSED] = "closed",
};

void
oauth_told_write(struct buf *out, const struct oauth_told *told)
{
	struct json_out o;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_z(&o, "end", ends[told->end]);
	json_out_bool(&o, "kept", told->kept);
	json_out_i64(&o, "lifetime", told->lifetime);
	json_out_i64(&o, "interval", told->interval);
	json_out_i64(&o, "retry", told->retry);
	json_out_str(&o, "error", told->error);
	json_out_str(&o, "fault", told->fault);
	json_out_str(&o, "user_code", told->user_code);
	json_out_str(&o, "uri", told->uri);
	json_out_str(&o, "uri_complete", told->uri_complete);
	json_out_end(&o, '}');
}

/* An egress is believed no more than the endpoint that it has asked. */
static bool
take_seconds(const struct json *top, const char *key, int64_t *out)
{
	return json_i64(top, key, out) && *out >= 0 &&
	       *out <= OAUTH_LIFETIME_MAX;
}

int
oauth_told_read(
    struct arena *a, struct str text, struct oauth_told *told, struct err *e)
{
	struct oauth_told read = { 0 };
	struct json *top = NULL;
	struct str end = STR("");
	bool known = false;

	if (json_parse(a, text, NULL, &top, e)) {
		return err_wrap(e, "what the egress tells of an answer");
	}
	(void)json_text(top, "end", &end);
	for (size_t i = 0; i < COUNT(ends); i++) {
		if (str_eq_z(end, ends[i])) {
			read.end = (enum oauth_end)i;
			known = true;
		}
	}
	if (!known || !json_bool(top, "kept", &read.kept) ||
	    !take_seconds(top, "lifetime", &read.lifetime) ||
	    !take_seconds(top, "interval", &read.interval) ||
	    !take_seconds(top, "retry", &read.retry) ||
	    read.retry > OAUTH_RETRY_MAX ||
	    !json_text(top, "error", &read.error) ||
	    !json_text(top, "fault", &read.fault) ||
	    !json_text(top, "user_code", &read.user_code) ||
	    !json_text(top, "uri", &read.uri) ||
	    !json_text(top, "uri_complete", &read.uri_complete)) {
		return err_set(e, ERR_INPUT,
		    "what the egress tells of an answer has another form");
	}
	*told = read;
	return 0;
}

/* What a client needs besides tokens, and no text that an endpoint could say a
 * secret in: words of letters, digits and a few signs. */
static bool
is_plain(const struct json *value)
{
	struct str text = value->text;

	if (value->type == JSON_NUMBER) {
		return text.len < 20;
	}
	if (value->type != JSON_STRING || text.len > PLAIN_MAX) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = (uint8_t)text.at[i];

		if (!(byte >= 'a' && byte <= 'z') && byte != '_') {
			return str_eq_z(text, "Bearer");
		}
	}
	return true;
}

void
oauth_masked(
    struct arena *a, struct str body, struct str placeholder, struct buf *out)
{
	static const char *const tokens[] = { "access_token", "refresh_token",
		"id_token" };
	static const char *const plain[] = { "token_type", "expires_in",
		"error" };
	static const struct json_limits limits = { OAUTH_ANSWER_MAX, 16, 1000 };
	struct json *top = NULL;
	struct json *masked = json_new(a, JSON_OBJECT);
	struct err e = { 0 };

	if (json_parse(a, body, &limits, &top, &e) ||
	    top->type != JSON_OBJECT) {
		buf_add_z(out, "{}");
		return;
	}
	for (size_t i = 0; i < COUNT(tokens); i++) {
		if (json_get(top, tokens[i])) {
			(void)json_set_str(a, masked, tokens[i], placeholder);
		}
	}
	for (size_t i = 0; i < COUNT(plain); i++) {
		const struct json *value = json_get(top, plain[i]);

		if (value && is_plain(value)) {
			(void)json_set(
			    a, masked, plain[i], json_copy(a, value));
		}
	}
	json_write(out, masked);
}
