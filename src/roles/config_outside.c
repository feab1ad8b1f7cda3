/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of handrail.toml about who is spoken to outside: models,
 * issuers of tokens, witnesses, browsers, and who hears of what waits. */
#include "roles/inner.h"

#define DAY_US (24LL * 60 * CLOCK_MINUTE)

/* A file that is named here lies beside this one. */
static void
place(const struct loading *l, struct str *path)
{
	const char *slash = strrchr(l->reader.file, '/');

	if (path->len && path->at[0] != '/' && slash) {
		*path = arena_printf(l->reader.arena, STR_FMT STR_FMT,
		    (int)(slash + 1 - l->reader.file), l->reader.file,
		    STR_ARG(*path));
	}
}

/* Exactly these three, with or without a port. */
static bool
is_loopback(struct str host)
{
	static const char *const names[] = { "127.0.0.1", "[::1]",
		"localhost" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct str name = str_of(names[i]);

		if (str_starts(host, name) &&
		    (host.len == name.len || host.at[name.len] == ':')) {
			return true;
		}
	}
	return false;
}

static struct str
host_of(struct str url, size_t scheme)
{
	struct str rest = str_sub(url, scheme, url.len);
	struct str host;

	(void)str_cut(&rest, '/', &host);
	return host;
}

/* What goes there must not cross a network in clear. */
static int
check_url(struct loading *l, const struct json *where, struct str url,
    const char *what)
{
	bool tls = str_starts(url, STR("https://"));
	bool plain = str_starts(url, STR("http://"));
	struct str host = host_of(url, tls ? 8 : 7);

	if ((!tls && !plain) || host.len == 0 || str_has(host, '@') ||
	    str_has(url, ' ') || str_has(url, '\n')) {
		return table_err(l->reader.file, json_get(where, "url"), l->e,
		    "url: expected https://HOST/…, or http:// on loopback");
	}
	if (plain && !is_loopback(host)) {
		return table_err(l->reader.file, json_get(where, "url"), l->e,
		    "url: http is for loopback only; %s would cross the "
		    "network in clear: write https",
		    what);
	}
	return 0;
}

/* A reply of a model is hostile text, but the token that goes with the
 * question must not cross a network in clear. */
static int
check_model(
    struct loading *l, const struct json *where, const struct config_model *m)
{
	if (check_url(l, where, m->url, "the token") < 0) {
		return -1;
	}
	if (m->model.len == 0 || m->max_tokens == 0) {
		return table_err(l->reader.file, where, l->e,
		    "model and max_tokens must not be empty");
	}
	return 0;
}

int
roles_read_models(struct loading *l, const struct json *table)
{
	struct config_model *list;
	size_t n = 0;

	if (roles_check_tables(l, table, "model") < 0) {
		return -1;
	}
	list = arena_array(
	    l->reader.arena, table ? table->count : 0, sizeof(*list));
	JSON_EACH(item, table)
	{
		struct config_model *m = &list[n++];

		if (roles_read_named(l, "model", item, m, &m->name) < 0 ||
		    check_model(l, item, m) < 0) {
			return -1;
		}
		place(l, &m->ca);
	}
	l->out->models = list;
	l->out->model_count = n;
	return 0;
}

int
roles_read_witnesses(struct loading *l, const struct json *table)
{
	struct config_witness *list;
	size_t n = 0;

	if (roles_check_tables(l, table, "witness") < 0) {
		return -1;
	}
	if (table && table->count > ROLES_WITNESSES_MAX) {
		return table_err(l->reader.file, table, l->e,
		    "witness: at most %d", ROLES_WITNESSES_MAX);
	}
	list = arena_array(
	    l->reader.arena, table ? table->count : 0, sizeof(*list));
	JSON_EACH(item, table)
	{
		struct config_witness *w = &list[n++];

		if (roles_read_named(l, "witness", item, w, &w->name) < 0 ||
		    check_url(l, item, w->url, "the signed tree") < 0) {
			return -1;
		}
		if (str_ends(w->url, STR("/"))) {
			w->url.len--;
		}
		place(l, &w->ca);
	}
	l->out->witnesses = list;
	l->out->witness_count = n;
	return 0;
}

static bool
has_issuer(const struct config_issuer *list, size_t count, struct str host)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(list[i].host, host)) {
			return true;
		}
	}
	return false;
}

int
roles_read_issuers(struct loading *l, const struct json *table)
{
	struct config_issuer *list;
	size_t n = 0;

	if (roles_check_tables(l, table, "issuer") < 0) {
		return -1;
	}
	list = arena_array(
	    l->reader.arena, table ? table->count : 0, sizeof(*list));
	JSON_EACH(item, table)
	{
		struct config_issuer *is = &list[n];

		if (roles_read_named(l, "issuer", item, is, &is->name) < 0) {
			return -1;
		}
		if (str_ends(is->host, STR(":443"))) {
			is->host.len -= 4;
		}
		if (!is->host.len || str_has(is->host, '/') ||
		    str_has(is->host, '@') || str_has(is->host, ' ')) {
			return table_err(l->reader.file, item, l->e,
			    "host: expected HOST or HOST:PORT");
		}
		if (has_issuer(list, n, is->host)) {
			return table_err(l->reader.file, item, l->e,
			    "two issuers have the host %s",
			    err_quote(is->host));
		}
		place(l, &is->ca);
		n++;
	}
	l->out->issuers = list;
	l->out->issuer_count = n;
	return 0;
}

int
roles_read_audit(struct loading *l, const struct json *table)
{
	struct config_audit *a = &l->out->audit;
	bool file;
	bool tls;
	bool plain;

	if (table_read(&l->reader, "audit", "[audit]", table, a, l->e) < 0) {
		return -1;
	}
	place(l, &a->ca);
	file = str_starts(a->publish, STR("file:/")) &&
	       !str_ends(a->publish, STR("/"));
	tls = str_starts(a->publish, STR("https://"));
	plain = str_starts(a->publish, STR("http://")) &&
	        is_loopback(host_of(a->publish, 7));
	if (a->publish.len && !file && !tls && !plain) {
		return table_err(l->reader.file, json_get(table, "publish"),
		    l->e,
		    "publish: expected file:/PATH, https://HOST/…, or http:// "
		    "on loopback");
	}
	if (a->every == 0 || a->wait < CLOCK_SECOND) {
		return table_err(l->reader.file, roles_first_of(table), l->e,
		    "every: expected at least 1; wait: at least 1s");
	}
	return 0;
}

static bool
is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '-' && (c != '.' || i == 0)) {
			return false;
		}
	}
	return name.len > 0 && name.len < 254;
}

/* Names that are this house's; a wrong one could be a rebinding's. */
static bool
hosts_fit(struct str hosts)
{
	struct str rest = hosts;
	bool more = hosts.len > 0;

	while (more) {
		struct str name;

		more = str_cut(&rest, ',', &name);
		if (!is_name(str_trim(name))) {
			return false;
		}
	}
	return true;
}

int
roles_read_api(struct loading *l, const struct json *table)
{
	struct config_api *a = &l->out->api;

	if (table_read(&l->reader, "api", "[api]", table, a, l->e) < 0) {
		return -1;
	}
	if (!hosts_fit(a->hosts)) {
		return table_err(l->reader.file, json_get(table, "hosts"), l->e,
		    "hosts: expected names in lower case, without ports, with "
		    "commas between");
	}
	return a->login >= CLOCK_SECOND && a->login <= 7 * DAY_US
	           ? 0
	           : table_err(l->reader.file, json_get(table, "login"), l->e,
	                 "login: expected 1s to 7d");
}

static bool
is_web_url(struct str url)
{
	bool plain = str_starts(url, STR("http://"));
	struct str host = host_of(url, plain ? 7 : 8);

	return (plain ? is_loopback(host) : str_starts(url, STR("https://"))) &&
	       host.len && !str_has(host, '@') && !str_has(url, ' ');
}

int
roles_read_notify(struct loading *l, const struct json *table)
{
	struct config_notify *n = &l->out->notify;

	if (table_read(&l->reader, "notify", "[notify]", table, n, l->e) < 0) {
		return -1;
	}
	place(l, &n->ca);
	if ((n->url.len && !is_web_url(n->url)) ||
	    (n->link.len && !is_web_url(n->link))) {
		return table_err(l->reader.file, roles_first_of(table), l->e,
		    "url and link: expected https://HOST/…, or http:// on "
		    "loopback");
	}
	return 0;
}
