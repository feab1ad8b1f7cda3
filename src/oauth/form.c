/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent: forms, Basic, PKCE, the URL that a person opens. */
#include "oauth/inside.h"

#include <string.h>

#include "digest/digest.h"

static bool
plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	       c == '~';
}

void
oauth_escape(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (plain(text.at[i])) {
			buf_add_byte(out, (uint8_t)text.at[i]);
		} else {
			buf_addf(out, "%%%02X", (uint8_t)text.at[i]);
		}
	}
}

void
oauth_form_add(struct buf *form, const char *name, struct str value)
{
	if (!value.len) {
		return;
	}
	/* One allocation: what grew before would leave a copy behind. */
	buf_room(form, strlen(name) + 3 * value.len + 2);
	buf_add_z(form, form->len ? "&" : "");
	buf_add_z(form, name);
	buf_add_byte(form, '=');
	oauth_escape(form, value);
}

void
oauth_basic(struct buf *out, struct str client, struct str secret)
{
	struct buf pair = { 0 };

	buf_room(&pair, 3 * (client.len + secret.len) + 1);
	oauth_escape(&pair, client);
	buf_add_byte(&pair, ':');
	oauth_escape(&pair, secret);
	buf_room(out, pair.len * 4 / 3 + 4);
	base64_add(out, buf_str(&pair));
	buf_wipe(&pair);
}

static void
url_text(const void *bytes, char text[OAUTH_RANDOM_TEXT])
{
	struct buf made = { 0 };

	buf_room(&made, OAUTH_RANDOM_TEXT);
	base64url_add(&made, str_span(bytes, 32));
	must(str_copy(text, OAUTH_RANDOM_TEXT, buf_str(&made)));
	buf_wipe(&made);
}

void
oauth_random(char text[OAUTH_RANDOM_TEXT])
{
	uint8_t bytes[32];

	random_bytes(bytes, sizeof(bytes));
	url_text(bytes, text);
	wipe(bytes, sizeof(bytes));
}

void
oauth_challenge(struct str verifier, char text[OAUTH_RANDOM_TEXT])
{
	struct digest d = digest_of(verifier);

	url_text(d.bytes, text);
}

int
oauth_open_url(const struct oauth_open *from, struct buf *url, struct err *e)
{
	auto_buf query = { 0 };

	if (!oauth_https(from->endpoint)) {
		return err_set(e, ERR_INPUT,
		    "authorization_endpoint: expected https://HOST/… without "
		    "a fragment");
	}
	oauth_form_add(&query, "response_type", STR("code"));
	oauth_form_add(&query, "client_id", from->client);
	oauth_form_add(&query, "redirect_uri", from->redirect);
	oauth_form_add(&query, "scope", from->scope);
	oauth_form_add(&query, "resource", from->resource);
	oauth_form_add(&query, "state", from->state);
	oauth_form_add(&query, "code_challenge", from->challenge);
	oauth_form_add(&query, "code_challenge_method", STR("S256"));
	buf_add(url, from->endpoint);
	buf_add_byte(url, str_has(from->endpoint, '?') ? '&' : '?');
	buf_add(url, buf_str(&query));
	return 0;
}

bool
oauth_https(struct str url)
{
	if (!str_starts(url, STR("https://")) || url.len < 9) {
		return false;
	}
	for (size_t i = 0; i < url.len; i++) {
		if (url.at[i] <= ' ' || url.at[i] > '~' || url.at[i] == '#' ||
		    url.at[i] == '"' || url.at[i] == '\\') {
			return false;
		}
	}
	return true;
}

bool
oauth_redirect_loopback(struct str redirect)
{
	struct str rest = redirect;
	struct str port;
	uint64_t number;

	if (str_starts(redirect, STR("http://127.0.0.1:"))) {
		rest = str_sub(redirect, 17, redirect.len);
	} else if (str_starts(redirect, STR("http://[::1]:"))) {
		rest = str_sub(redirect, 13, redirect.len);
	} else {
		return false;
	}
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.at[i] <= ' ' || rest.at[i] > '~' ||
		    rest.at[i] == '#') {
			return false;
		}
	}
	/* Digits alone: nothing in it can make a name of what is before. */
	(void)str_cut(&rest, '/', &port);
	return str_u64(port, &number) && number > 0 && number <= UINT16_MAX;
}

int64_t
oauth_renew_after(int64_t lifetime, uint8_t spread)
{
	return lifetime * 4 / 5 - lifetime * spread / (20LL * 255);
}
