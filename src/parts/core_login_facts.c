/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true of a credential's endpoints before it is kept. */
#include <string.h>

#include "parts/core_draft.h"
#include "parts/core_oauth.h"

static struct str
said(const struct json *body, const char *key)
{
	struct str text = STR("");

	(void)json_text(body, key, &text);
	return text;
}

/* V04: https alone, by a name that is looked up and judged; another way is the
 * operator's, in [issuer.NAME]. */
static int
check_url(struct core *c, struct arena *a, const char *key, struct str url,
    struct core_place *at, struct err *e)
{
	struct str host;

	if (core_place_parse(a, url, at, e)) {
		return err_wrap(e, "%s", key);
	}
	host = at->port == 443
	           ? str_of(at->host.text)
	           : arena_printf(a, "%s:%u", at->host.text, at->port);
	if (!at->tls) {
		return err_set(
		    e, ERR_INPUT, "%s: expected https://HOST/…", key);
	}
	if ((at->host.is_addr ||
	        str_eq_z(str_of(at->host.text), "localhost")) &&
	    !roles_find_issuer(&c->house.config, host)) {
		return err_set(e, ERR_DENIED,
		    "%s: an address is reached only where handrail.toml says "
		    "so: [issuer.NAME] with host = \"" STR_FMT
		    "\" and upstream",
		    key, STR_ARG(host));
	}
	return 0;
}

static int
check_endpoint(struct core *c, struct arena *a, const struct json *body,
    const char *key, struct core_place *at, struct err *e)
{
	return check_url(c, a, key, said(body, key), at, e);
}

int
core_login_host(struct core *c, struct arena *a, const char *key,
    struct str url, struct str *host, struct err *e)
{
	struct core_place at = { 0 };

	if (check_url(c, a, key, url, &at, e)) {
		return -1;
	}
	*host = at.port == 443
	            ? arena_str(a, str_of(at.host.text))
	            : arena_printf(a, "%s:%u", at.host.text, at.port);
	return 0;
}

static bool
one_of(struct str text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq_z(text, list[i])) {
			return true;
		}
	}
	return text.len == 0;
}

static int
check_words(const struct json *body, struct err *e)
{
	static const char *const auths[] = { "none", "client_secret_basic",
		"client_secret_post" };
	static const char *const grants[] = { "authorization_code",
		"device_code", "client_credentials" };
	struct str lifetime = said(body, "lifetime");
	uint64_t seconds = 0;

	if (!one_of(said(body, "token_endpoint_auth"), auths, COUNT(auths))) {
		return err_set(e, ERR_INPUT,
		    "token_endpoint_auth: expected none, client_secret_basic "
		    "or client_secret_post");
	}
	if (!one_of(said(body, "grant"), grants, COUNT(grants))) {
		return err_set(e, ERR_INPUT,
		    "grant: expected authorization_code, device_code or "
		    "client_credentials");
	}
	if (lifetime.len && (!str_u64(lifetime, &seconds) || seconds < 1 ||
	                        seconds > OAUTH_LIFETIME_MAX)) {
		return err_set(e, ERR_INPUT,
		    "lifetime: expected the seconds that a token lives whose "
		    "issuer does not say so, as digits in a text");
	}
	return said(body, "client_id").len < WIRE_CLIENT_MAX
	           ? 0
	           : err_set(e, ERR_LIMIT, "client_id has at most %d bytes",
	                 WIRE_CLIENT_MAX - 1);
}

int
core_login_facts(struct core *c, struct arena *a, const struct json *body,
    const struct core_credential *k, struct err *e)
{
	struct core_place token = { 0 };
	struct core_place device = { 0 };
	struct oauth_open open = {
		.endpoint = said(body, "authorization_endpoint"),
	};
	auto_buf url = { 0 };

	if (check_words(body, e)) {
		return -1;
	}
	if (k->issuer[0] &&
	    check_endpoint(c, a, body, "token_endpoint", &token, e)) {
		return -1;
	}
	if (open.endpoint.len && oauth_open_url(&open, &url, e)) {
		return -1;
	}
	if (!said(body, "device_authorization_endpoint").len) {
		return 0;
	}
	if (check_endpoint(
	        c, a, body, "device_authorization_endpoint", &device, e)) {
		return -1;
	}
	return strcmp(token.host.text, device.host.text) == 0 &&
	               token.port == device.port
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "device_authorization_endpoint: expected the host of "
	                 "token_endpoint, as the client's secret goes to both");
}

int
core_oauth_secret_told(
    const struct core_credential *k, uint32_t has, struct err *e)
{
	auto_arena a = { 0 };

	if (!(has & WIRE_HAS_CLIENT) ||
	    core_oauth_secret(&a, k) != WIRE_CLIENT_NONE) {
		return 0;
	}
	return err_set(e, ERR_INPUT,
	    "token_endpoint_auth is none, and a client's secret is given: "
	    "leave one of the two out");
}

int
core_login_alone(struct core *c, const struct core_credential *k, struct err *e)
{
	return core_oauth_asking(c, k->name)
	           ? err_set(e, ERR_CONFLICT,
	                 "a token for %s is being asked for at this moment: "
	                 "log in again in some seconds",
	                 k->name)
	           : 0;
}

int
core_login_row(
    struct core *c, const struct wire_vault_sealed *sealed, struct err *e)
{
	if (!sealed->ok || sealed->row_size > sizeof(sealed->row)) {
		return err_set(e, ERR_INPUT, "%s",
		    !sealed->ok &&
		            wire_text_ok(sealed->text, sizeof(sealed->text))
		        ? sealed->text
		        : "the vault refused");
	}
	return core_mark_find(c, &sealed->marks)
	           ? err_set(e, ERR_CONFLICT,
	                 "this client's secret was rotated out, archived or "
	                 "deleted: it does not come back")
	           : 0;
}
