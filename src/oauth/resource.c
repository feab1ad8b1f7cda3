/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9728: what a resource server (an MCP server) says of itself, and the 401
 * that says where. */
#include "oauth/inside.h"

#include <string.h>

#define WELL_KNOWN "/.well-known/oauth-protected-resource"

/* https://HOST[:PORT] of it, and the path without its slashes at both ends. */
static int
split(struct str server, struct str *origin, struct str *path, struct err *e)
{
	struct str rest = str_sub(server, 8, server.len);
	struct str host;

	if (!oauth_https(server) || str_has(server, '?')) {
		return err_set(e, ERR_INPUT,
		    "the server's URL: expected https://HOST/… without query "
		    "and fragment");
	}
	(void)str_cut(&rest, '/', &host);
	while (str_ends(rest, STR("/"))) {
		rest.len--;
	}
	*origin = str_sub(server, 0, 8 + host.len);
	*path = rest;
	return 0;
}

int
oauth_resource_url(struct str server, bool root, struct buf *url, struct err *e)
{
	struct str origin;
	struct str path;

	if (split(server, &origin, &path, e)) {
		return -1;
	}
	if (root && !path.len) {
		return err_set(e, ERR_MISSING, "there is one place for it");
	}
	buf_addf(url, STR_FMT WELL_KNOWN, STR_ARG(origin));
	if (!root && path.len) {
		buf_addf(url, "/" STR_FMT, STR_ARG(path));
	}
	return 0;
}

bool
oauth_same_origin(struct str server, struct str url)
{
	struct str one;
	struct str other;
	struct str path;
	struct err e = { 0 };

	return split(server, &one, &path, &e) == 0 &&
	       split(url, &other, &path, &e) == 0 && str_eq(one, other);
}

/* What it speaks for holds this server: its origin, and its path or one above
 * it, whole segments. */
static bool
speaks_for(struct str resource, struct str server)
{
	struct str one;
	struct str other;
	struct str above;
	struct str path;
	struct err e = { 0 };

	if (split(resource, &one, &above, &e) ||
	    split(server, &other, &path, &e) || !str_eq(one, other)) {
		return false;
	}
	return !above.len || str_eq(above, path) ||
	       (str_starts(path, above) && path.at[above.len] == '/');
}

static struct str
words_of(struct arena *a, const struct json *list)
{
	auto_buf text = { 0 };

	JSON_EACH(item, list)
	{
		if (item->type != JSON_STRING || str_has(item->text, ' ')) {
			return STR("");
		}
		buf_addf(&text, "%s" STR_FMT, text.len ? " " : "",
		    STR_ARG(item->text));
	}
	return arena_str(a, buf_str(&text));
}

int
oauth_resource_read(struct arena *a, struct str server, struct str body,
    struct oauth_resource *out, struct err *e)
{
	static const struct json_limits limits = { OAUTH_ANSWER_MAX, 16, 4000 };
	struct oauth_resource read = { 0 };
	struct json *top = NULL;
	const struct json *issuers;
	const struct json *first;

	if (json_parse(a, body, &limits, &top, e)) {
		return err_wrap(e, "the server's metadata");
	}
	if (!json_text(top, "resource", &read.resource) ||
	    !speaks_for(read.resource, server)) {
		return err_set(e, ERR_DENIED,
		    "the metadata of the server %s speak for another one: %s",
		    err_quote(server), err_quote(read.resource));
	}
	issuers = json_get(top, "authorization_servers");
	first =
	    issuers && issuers->type == JSON_ARRAY ? json_at(issuers, 0) : NULL;
	if (!first || first->type != JSON_STRING || !oauth_https(first->text)) {
		return err_set(e, ERR_DENIED,
		    "the metadata of the server %s name no issuer by an https "
		    "URL (authorization_servers)",
		    err_quote(server));
	}
	read.issuer = first->text;
	read.scope = words_of(a, json_get(top, "scopes_supported"));
	*out = read;
	return 0;
}

/* --- WWW-Authenticate ------------------------------------------------------
 */

static struct str
skip(struct str rest, const char *bytes)
{
	while (rest.len && strchr(bytes, rest.at[0])) {
		rest = str_sub(rest, 1, rest.len);
	}
	return rest;
}

static struct str
take_word(struct str *rest)
{
	size_t len = 0;

	while (len < rest->len && !strchr(" \t,=\"", rest->at[len])) {
		len++;
	}
	struct str word = str_sub(*rest, 0, len);

	*rest = str_sub(*rest, len, rest->len);
	return word;
}

/* A quoted text without escapes, or a word; false: neither. */
static bool
take_value(struct str *rest, struct str *value)
{
	if (!str_starts(*rest, STR("\""))) {
		*value = take_word(rest);
		return value->len > 0;
	}
	*rest = str_sub(*rest, 1, rest->len);
	return str_cut(rest, '"', value) && !str_has(*value, '\\');
}

bool
oauth_challenged(struct str header, struct str *metadata, struct str *scope)
{
	struct str rest = header;
	bool bearer = false;
	bool found = false;

	*metadata = *scope = STR("");
	while ((rest = skip(rest, " \t,")).len) {
		struct str word = take_word(&rest);
		struct str value;

		if (!word.len) {
			return false;
		}
		rest = skip(rest, " \t");
		if (!str_starts(rest, STR("="))) { /* a scheme */
			bearer = !found && str_eq_nocase(word, STR("bearer"));
			found = found || bearer;
			continue;
		}
		rest = skip(str_sub(rest, 1, rest.len), " \t");
		if (!take_value(&rest, &value)) {
			return false;
		}
		if (bearer && str_eq_nocase(word, STR("resource_metadata"))) {
			*metadata = value;
		} else if (bearer && str_eq_nocase(word, STR("scope"))) {
			*scope = value;
		}
	}
	return found;
}
