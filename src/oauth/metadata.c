/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8414: what an issuer says of itself. */
#include "oauth/inside.h"

int
oauth_metadata_url(
    struct str issuer, unsigned n, struct buf *url, struct err *e)
{
	static const char *const names[] = { "oauth-authorization-server",
		"openid-configuration" };
	struct str rest = str_sub(issuer, 8, issuer.len);
	struct str host;

	if (!oauth_https(issuer) || str_has(issuer, '?')) {
		return err_set(e, ERR_INPUT,
		    "issuer: expected https://HOST/… without query and "
		    "fragment");
	}
	(void)str_cut(&rest, '/', &host);
	while (str_ends(rest, STR("/"))) {
		rest.len--;
	}
	if (n > COUNT(names) || (n == COUNT(names) && !rest.len)) {
		return err_set(e, ERR_MISSING, "there are no more places");
	}
	buf_addf(url, "https://" STR_FMT, STR_ARG(host));
	if (n == COUNT(names)) {
		buf_addf(url, "/" STR_FMT, STR_ARG(rest));
		n = COUNT(names) - 1;
		rest.len = 0;
	}
	buf_addf(url, "/.well-known/%s", names[n]);
	if (rest.len) {
		buf_addf(url, "/" STR_FMT, STR_ARG(rest));
	}
	return 0;
}

static bool
has_text(const struct json *list, const char *wanted)
{
	if (!list || list->type != JSON_ARRAY) {
		return false;
	}
	JSON_EACH(item, list)
	{
		if (item->type == JSON_STRING && str_eq_z(item->text, wanted)) {
			return true;
		}
	}
	return false;
}

/* Empty where it is not there. */
static int
take_url(
    const struct json *top, const char *key, struct str *out, struct err *e)
{
	struct str url = STR("");

	(void)json_text(top, key, &url);
	if (url.len && !oauth_https(url)) {
		return err_set(e, ERR_DENIED,
		    "the issuer's %s is no https URL: %s", key, err_quote(url));
	}
	*out = url;
	return 0;
}

int
oauth_metadata_read(struct arena *a, struct str issuer, struct str body,
    struct oauth_metadata *out, struct err *e)
{
	static const struct json_limits limits = { OAUTH_ANSWER_MAX, 16, 4000 };
	struct oauth_metadata read = { 0 };
	struct json *top = NULL;

	if (json_parse(a, body, &limits, &top, e)) {
		return err_wrap(e, "the issuer's metadata");
	}
	if (!json_text(top, "issuer", &read.issuer) ||
	    !str_eq(read.issuer, issuer)) {
		return err_set(e, ERR_DENIED,
		    "the metadata of %s name another issuer: %s",
		    err_quote(issuer), err_quote(read.issuer));
	}
	if (take_url(top, "authorization_endpoint", &read.authorization, e) ||
	    take_url(top, "token_endpoint", &read.token, e) ||
	    take_url(top, "device_authorization_endpoint", &read.device, e)) {
		return -1;
	}
	if (!read.token.len) {
		return err_set(e, ERR_DENIED,
		    "the issuer's metadata name no token_endpoint");
	}
	if (read.authorization.len &&
	    !has_text(
	        json_get(top, "code_challenge_methods_supported"), "S256")) {
		return err_set(e, ERR_DENIED,
		    "the issuer %s does not say that it checks PKCE with S256",
		    err_quote(issuer));
	}
	(void)json_bool(top, "authorization_response_iss_parameter_supported",
	    &read.names_issuer);
	*out = read;
	return 0;
}
