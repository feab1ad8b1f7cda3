/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser brings back. */
#include "oauth/inside.h"

#include <string.h>

#define REDIRECT_MAX 8192

/* False: a broken escape, or a byte that no URL has. */
static bool
unescape(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		int high;
		int low;

		if (text.at[i] <= ' ' || text.at[i] > '~') {
			return false;
		}
		if (text.at[i] != '%') {
			buf_add_byte(
			    out, text.at[i] == '+' ? ' ' : (uint8_t)text.at[i]);
			continue;
		}
		high = i + 2 < text.len ? hex_digit(text.at[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text.at[i + 2]) : -1;
		if (low < 0) {
			return false;
		}
		buf_add_byte(out, (uint8_t)(high * 16 + low));
		i += 2;
	}
	return true;
}

static struct str *
field_of(struct oauth_redirect *r, struct str name)
{
	if (str_eq_z(name, "code")) {
		return &r->code;
	}
	if (str_eq_z(name, "state")) {
		return &r->state;
	}
	if (str_eq_z(name, "iss")) {
		return &r->iss;
	}
	return str_eq_z(name, "error") ? &r->error : NULL;
}

static int
take_pair(
    struct arena *a, struct str pair, struct oauth_redirect *r, struct err *e)
{
	auto_buf value = { 0 };
	struct str rest = pair;
	struct str name;
	struct str *field;

	(void)str_cut(&rest, '=', &name);
	field = field_of(r, name);
	if (!field) {
		return 0;
	}
	if (field->at) {
		return err_set(e, ERR_DENIED,
		    "the redirect has %s twice: begin the login anew",
		    err_quote(name));
	}
	if (!unescape(&value, rest) || !value.len) {
		return err_set(e, ERR_INPUT,
		    "the redirect's %s cannot be read: paste the whole URL",
		    err_quote(name));
	}
	*field = arena_str(a, buf_str(&value));
	wipe(value.at, value.cap);
	return 0;
}

int
oauth_redirect_read(
    struct arena *a, struct str url, struct oauth_redirect *out, struct err *e)
{
	struct oauth_redirect read = { 0 };
	struct str query = url;
	struct str front;
	struct str pair;
	bool more;

	if (url.len > REDIRECT_MAX) {
		return err_set(e, ERR_LIMIT, "a redirect of more than %d bytes",
		    REDIRECT_MAX);
	}
	if (str_has(url, '?')) {
		(void)str_cut(&query, '?', &front);
	}
	(void)str_cut(&query, '#', &front);
	query = front;
	do {
		more = str_cut(&query, '&', &pair);
		if (take_pair(a, pair, &read, e)) {
			return -1;
		}
	} while (more);
	if (!read.code.len == !read.error.len) {
		return err_set(e, ERR_INPUT,
		    "the redirect holds neither a code nor an error, or both: "
		    "paste the whole URL that the browser ended at");
	}
	*out = read;
	return 0;
}

static bool
same_secret(struct str a, struct str b)
{
	return a.len == b.len && equal_const_time(a.at, b.at, a.len);
}

int
oauth_redirect_check(const struct oauth_redirect *got, struct str state,
    struct str issuer, bool named, struct err *e)
{
	if (!state.len || !same_secret(got->state, state)) {
		return err_set(e, ERR_DENIED,
		    "the redirect answers another login than this one (its "
		    "state differs): begin the login anew");
	}
	if (got->iss.len && !issuer.len) {
		return err_set(e, ERR_DENIED,
		    "the redirect names the issuer %s, and the credential "
		    "names none to compare it with: put it in with --issuer",
		    err_quote(got->iss));
	}
	if ((got->iss.len || named) && !str_eq(got->iss, issuer)) {
		return err_set(e, ERR_DENIED,
		    "the redirect comes from the issuer %s, not from %s",
		    err_quote(got->iss), err_quote(issuer));
	}
	return 0;
}
