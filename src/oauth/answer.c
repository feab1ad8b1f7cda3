/* SPDX-License-Identifier: Apache-2.0 */
/* What a token endpoint or a device endpoint answers.  DESIGN has the table. */
#include "oauth/inside.h"

#include <stdio.h>
#include <string.h>

bool
oauth_token_valid(struct str token)
{
	for (size_t i = 0; i < token.len; i++) {
		if (token.at[i] <= ' ' || token.at[i] > '~') {
			return false;
		}
	}
	return token.len > 0 && token.len <= OAUTH_TOKEN_MAX;
}

const struct json *
oauth_object(
    struct arena *a, struct str type, struct str body, const char **fault)
{
	static const struct json_limits limits = { OAUTH_ANSWER_MAX, 16, 1000 };
	struct json *top = NULL;
	struct str kind;
	struct err e = { 0 };

	(void)str_cut(&type, ';', &kind);
	if (!str_eq_nocase(str_trim(kind), STR("application/json"))) {
		*fault = "its answer is not application/json";
		return NULL;
	}
	if (json_parse(a, body, &limits, &top, &e) ||
	    top->type != JSON_OBJECT) {
		*fault = "its answer is no JSON object, or is too long";
		return NULL;
	}
	return top;
}

/* --- no --------------------------------------------------------------------
 */

/* What an error code means; any other one is a no as well. */
static const struct {
	const char *code;
	enum oauth_end end;
} errors[] = {
	{ "authorization_pending", OAUTH_PENDING },
	{ "slow_down", OAUTH_SLOWER },
	{ "temporarily_unavailable", OAUTH_FAILED },
	{ "server_error", OAUTH_FAILED },
};

/* It goes into the book, logs and answers, and an endpoint may say there what
 * it was asked with: that has digits or capitals in it, and no known code has.
 */
static bool
code_valid(struct str code)
{
	for (size_t i = 0; i < code.len; i++) {
		char c = code.at[i];

		if (!(c >= 'a' && c <= 'z') && c != '_') {
			return false;
		}
	}
	return code.len > 0;
}

static void
fail(struct oauth_answer *out, const char *fault)
{
	*out = (struct oauth_answer){ .end = OAUTH_FAILED, .fault = fault };
}

static void
take_error(struct oauth_answer *out, struct str code)
{
	*out =
	    (struct oauth_answer){ .end = OAUTH_CLOSED, .fault = "it said no" };
	if (!code_valid(code) ||
	    !str_copy(out->error, sizeof(out->error), code)) {
		(void)str_copy(
		    out->error, sizeof(out->error), STR("an_unreadable_error"));
	}
	for (size_t i = 0; i < COUNT(errors); i++) {
		if (strcmp(out->error, errors[i].code) == 0) {
			out->end = errors[i].end;
			out->fault = "it could not answer now";
		}
	}
}

/* The object of an answer that is a yes; NULL: *out says what it was. */
static const struct json *
take_object(struct arena *a, unsigned status, struct str type, struct str body,
    struct oauth_answer *out)
{
	const char *fault = NULL;
	const struct json *top;
	struct str code;

	if (status >= 300 && status < 400) {
		fail(out, "it redirects, which is never followed");
		return NULL;
	}
	if (status >= 500 || status == 408 || status == 425 || status == 429) {
		fail(out, "it could not answer now");
		return NULL;
	}
	top = oauth_object(a, type, body, &fault);
	if (!top) {
		fail(out, fault);
		return NULL;
	}
	if (json_text(top, "error", &code)) {
		take_error(out, code);
		return NULL;
	}
	if (status != 200) {
		fail(out, "its answer has neither a token nor an error");
		return NULL;
	}
	return top;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool
take_date(struct str text, struct wall *at)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *s = text.at;
	char plain[WALL_TEXT_MAX];
	int month = 0;

	if (text.len != 29 || !str_eq_z(str_sub(text, 25, 4), " GMT")) {
		return false;
	}
	while (month < 12 &&
	       memcmp(months + (size_t)3 * (size_t)month, s + 8, 3) != 0) {
		month++;
	}
	(void)snprintf(plain, sizeof(plain), "%.4s-%02d-%.2sT%.8sZ", s + 12,
	    month + 1, s + 5, s + 17);
	return wall_parse(str_of(plain), at);
}

static bool
is_number(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9') {
			return false;
		}
	}
	return text.len > 0;
}

int64_t
oauth_retry_after(struct str header, struct wall now)
{
	struct wall at;
	uint64_t seconds;
	int64_t left;

	if (is_number(header)) {
		return str_u64(header, &seconds) && seconds < OAUTH_RETRY_MAX
		           ? (int64_t)seconds
		           : OAUTH_RETRY_MAX;
	}
	if (!take_date(header, &at) || at.us <= now.us) {
		return 0;
	}
	left = (at.us - now.us + CLOCK_SECOND - 1) / CLOCK_SECOND;
	return left < OAUTH_RETRY_MAX ? left : OAUTH_RETRY_MAX;
}

/* --- yes -------------------------------------------------------------------
 */

/* Seconds, as a number or, as some servers write it, as digits in a text;
 * -1: it is there and is neither; 0: it is not there. */
static int64_t
seconds(const struct json *top, const char *key)
{
	const struct json *at = json_get(top, key);
	int64_t value = -1;
	bool good;

	if (!at || at->type == JSON_NULL) {
		return 0;
	}
	good = at->type == JSON_STRING
	           ? str_i64(at->text, &value)
	           : at->type == JSON_NUMBER && json_number_i64(at, &value);
	return good && value > 0 && value <= OAUTH_LIFETIME_MAX ? value : -1;
}

/* V04: each is a reason not to keep the tokens. */
static const char *
token_fault(const struct json *top, int64_t assumed, struct oauth_answer *out)
{
	const struct json *refresh = json_get(top, "refresh_token");
	struct str type;

	if (!json_text(top, "access_token", &out->access) ||
	    !oauth_token_valid(out->access)) {
		return "its access_token is missing, too long or not printable";
	}
	if (!json_text(top, "token_type", &type) ||
	    !str_eq_nocase(type, STR("bearer"))) {
		return "its token_type is not Bearer";
	}
	if (refresh && refresh->type != JSON_NULL) {
		if (refresh->type != JSON_STRING ||
		    !oauth_token_valid(refresh->text)) {
			return "its refresh_token is too long or not printable";
		}
		out->refresh = refresh->text;
	}
	out->lifetime = seconds(top, "expires_in");
	if (out->lifetime == 0) {
		out->lifetime = assumed > 0 ? assumed : -1;
	}
	if (out->lifetime < 0) {
		return "its expires_in is missing or no positive number: "
		       "`lifetime` of the credential is assumed where it is "
		       "missing";
	}
	return NULL;
}

void
oauth_answer_read(struct arena *a, unsigned status, struct str type,
    struct str body, int64_t assumed, struct oauth_answer *out)
{
	const struct json *top = take_object(a, status, type, body, out);
	struct oauth_answer read = { .end = OAUTH_TOKENS };
	const char *fault;

	if (!top) {
		return;
	}
	fault = token_fault(top, assumed, &read);
	if (fault) {
		fail(out, fault);
		return;
	}
	*out = read;
}

/* What a person is shown goes through core, and the code is for the vault. */
static bool
shows_its_code(const struct oauth_device *d)
{
	const struct str shown[] = { d->user_code, d->uri, d->uri_complete };
	auto_buf escaped = { 0 };
	bool found = false;

	oauth_escape(&escaped, d->device_code);
	for (size_t i = 0; i < COUNT(shown) && !found; i++) {
		found = str_has_str(shown[i], d->device_code) ||
		        str_has_str(shown[i], buf_str(&escaped));
	}
	buf_wipe(&escaped);
	return found;
}

static const char *
device_fault(const struct json *top, struct oauth_device *d)
{
	if (!json_text(top, "device_code", &d->device_code) ||
	    !oauth_token_valid(d->device_code)) {
		return "its device_code is missing, too long or not printable";
	}
	if (!json_text(top, "user_code", &d->user_code) ||
	    !oauth_token_valid(d->user_code) || d->user_code.len > 64) {
		return "its user_code is missing or too long";
	}
	if ((!json_text(top, "verification_uri", &d->uri) &&
	        !json_text(top, "verification_url", &d->uri)) ||
	    !oauth_https(d->uri) || d->uri.len > 512) {
		return "its verification_uri is no https URL";
	}
	if (json_text(top, "verification_uri_complete", &d->uri_complete) &&
	    (!oauth_https(d->uri_complete) || d->uri_complete.len > 512)) {
		return "its verification_uri_complete is no https URL";
	}
	if (shows_its_code(d)) {
		return "what it shows to a person holds its device_code";
	}
	d->lifetime = seconds(top, "expires_in");
	d->interval = seconds(top, "interval");
	if (d->lifetime <= 0 || d->interval < 0) {
		return "its expires_in or interval is no positive number";
	}
	d->interval = d->interval ? d->interval : 5;
	return NULL;
}

void
oauth_device_read(struct arena *a, unsigned status, struct str type,
    struct str body, struct oauth_device *device, struct oauth_answer *out)
{
	const struct json *top = take_object(a, status, type, body, out);
	struct oauth_device read = { 0 };
	const char *fault;

	if (!top) {
		return;
	}
	fault = device_fault(top, &read);
	if (fault) {
		fail(out, fault);
		return;
	}
	*device = read;
	*out = (struct oauth_answer){ .end = OAUTH_TOKENS,
		.lifetime = read.lifetime };
}
