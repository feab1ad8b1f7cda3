/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client says of a credential.  Its kind decides what must be said; what
 * is said of a URL becomes hosts, so that the vault can hold it to them.
 */
#include "parts/core_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "parts/core_oauth.h"

enum {
#define SEAL_KIND(number, kind, name) KIND_##kind = (number),
#include "seal/kinds.def"
#undef SEAL_KIND
};

/* What is sealed into the row as `facts`, in the order of no importance. */
static const char *const fixed[] = { "mcp_server_url", "token_endpoint",
	"client_id", "header", "variable", "username", "scope", "resource",
	"grant", "issuer", "authorization_endpoint",
	"device_authorization_endpoint", "token_endpoint_auth", "lifetime",
	"names_issuer" };
/* These never change either, and stand elsewhere in the binding. */
static const char *const bound[] = { "vault", "kind", "hosts", "host" };

int
core_draft_mutable(const struct json *body, struct err *e)
{
	const char *found = NULL;

	for (size_t i = 0; i < COUNT(fixed) && !found; i++) {
		found = json_get(body, fixed[i]) ? fixed[i] : NULL;
	}
	for (size_t i = 0; i < COUNT(bound) && !found; i++) {
		found = json_get(body, bound[i]) ? bound[i] : NULL;
	}
	return found ? err_set(e, ERR_INPUT,
	                   "%s of a credential never changes: archive it and "
	                   "put another one in",
	                   found)
	             : 0;
}

int
core_draft_name(const char *what, struct str name, struct err *e)
{
	for (size_t i = 0; i < name.len; i++) {
		char ch = name.at[i];
		bool good = (ch >= 'a' && ch <= 'z') || ch == '-' ||
		            ch == '_' || (ch >= '0' && ch <= '9');

		if (!good) {
			name.len = 0;
		}
	}
	if (name.len == 0 || name.len >= WIRE_CREDENTIAL_MAX) {
		return err_set(e, ERR_INPUT,
		    "a %s's name has 1 to %d of a-z, 0-9, - and _", what,
		    WIRE_CREDENTIAL_MAX - 1);
	}
	return 0;
}

int
core_draft_labels(const struct json *body, char label[CORE_LABEL_MAX],
    struct buf *metadata, struct err *e)
{
	const struct json *meta = json_get(body, "metadata");
	auto_buf text = { 0 };
	struct str name;

	if (json_get(body, "display_name") &&
	    (!json_text(body, "display_name", &name) ||
	        name.len >= CORE_LABEL_MAX)) {
		return err_set(e, ERR_INPUT,
		    "display_name is a text of at most %d bytes",
		    CORE_LABEL_MAX - 1);
	}
	if (meta) {
		json_canonical(&text, meta);
		if (meta->type != JSON_OBJECT || text.len > CORE_META_MAX) {
			return err_set(e, ERR_INPUT,
			    "metadata is an object of at most %d bytes",
			    CORE_META_MAX);
		}
		buf_clear(metadata);
		buf_add(metadata, buf_str(&text));
	}
	if (json_text(body, "display_name", &name)) {
		(void)str_copy(label, CORE_LABEL_MAX, name);
	}
	return 0;
}

/* "host" or "host:port" of an https URL. */
static int
host_of(struct arena *a, const char *key, struct str url, char *out,
    size_t size, struct err *e)
{
	struct core_place at;

	if (core_place_parse(a, url, &at, e)) {
		return err_wrap(e, "%s", key);
	}
	if (!at.tls || url.len >= CORE_URL_MAX) {
		return err_set(e, ERR_INPUT,
		    "%s: expected https://HOST/… of at most %d bytes", key,
		    CORE_URL_MAX - 1);
	}
	return str_copy(out, size,
	           at.port == 443
	               ? str_of(at.host.text)
	               : arena_printf(a, "%s:%u", at.host.text, at.port))
	           ? 0
	           : err_set(e, ERR_LIMIT, "%s: its host is too long", key);
}

static struct str
said(const struct json *body, const char *key)
{
	struct str text = STR("");

	(void)json_text(body, key, &text);
	return text;
}

static int
read_urls(struct arena *a, const struct json *body, struct core_credential *k,
    struct err *e)
{
	struct str url = said(body, "mcp_server_url");
	struct str endpoint = said(body, "token_endpoint");
	char host[WIRE_HOST_MAX] = "";

	if (url.len &&
	    host_of(a, "mcp_server_url", url, host, sizeof(host), e)) {
		return -1;
	}
	if (endpoint.len && host_of(a, "token_endpoint", endpoint, k->issuer,
	                        sizeof(k->issuer), e)) {
		return -1;
	}
	(void)str_copy(k->url, sizeof(k->url), url);
	if (!str_copy(k->hosts, sizeof(k->hosts), said(body, "hosts"))) {
		return err_set(e, ERR_LIMIT,
		    "the hosts take more than %zu bytes", sizeof(k->hosts) - 1);
	}
	if (!k->hosts[0]) {
		core_text(k->hosts, sizeof(k->hosts), host);
	} else if (host[0]) {
		return err_set(e, ERR_INPUT,
		    "mcp_server_url names the host: leave out hosts");
	}
	return k->hosts[0]
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "a credential is bound to hosts: --host NAME[:PORT]");
}

static bool
only_of(struct str text, const char *set, bool letters_low)
{
	for (size_t i = 0; i < text.len; i++) {
		char ch = text.at[i];

		if (!(ch >= 'A' && ch <= 'Z') && !(ch >= '0' && ch <= '9') &&
		    !(letters_low && ch >= 'a' && ch <= 'z') &&
		    (ch == 0 || !strchr(set, ch))) {
			return false;
		}
	}
	return text.len > 0 && text.len < 64;
}

/* What each kind must say, and what only one kind may. */
static int
check_kind(struct core *c, struct arena *a, const struct json *body,
    const struct core_credential *k, struct err *e)
{
	bool tokens =
	    k->kind == KIND_MCP_OAUTH || k->kind == KIND_OAUTH_REFRESH;
	struct str endpoint = said(body, "token_endpoint");

	if ((k->kind == KIND_HEADER) != (json_get(body, "header") != NULL) ||
	    (k->kind == KIND_HEADER &&
	        !only_of(said(body, "header"), "-", true))) {
		return err_set(e, ERR_INPUT,
		    "kind header, and it alone, names a header: \"header\"");
	}
	if ((k->kind == KIND_ENVIRONMENT_VARIABLE) !=
	        (json_get(body, "variable") != NULL) ||
	    (k->kind == KIND_ENVIRONMENT_VARIABLE &&
	        !only_of(said(body, "variable"), "_", false))) {
		return err_set(e, ERR_INPUT,
		    "kind environment_variable, and it alone, names a variable "
		    "of A-Z, 0-9 and _: \"variable\"");
	}
	if (!tokens && (endpoint.len || json_get(body, "client_id"))) {
		return err_set(e, ERR_INPUT,
		    "token_endpoint and client_id belong to the kinds "
		    "mcp_oauth and oauth_refresh");
	}
	if (tokens && core_login_facts(c, a, body, k, e)) {
		return -1;
	}
	if (k->kind == KIND_MCP_OAUTH && !k->url[0]) {
		return err_set(
		    e, ERR_INPUT, "kind mcp_oauth wants a mcp_server_url");
	}
	if ((k->kind == KIND_OAUTH_REFRESH && !endpoint.len) ||
	    (endpoint.len > 0) != (said(body, "client_id").len > 0)) {
		return err_set(e, ERR_INPUT,
		    "a refresh wants both token_endpoint and client_id");
	}
	return 0;
}

static void
fix_facts(struct arena *a, const struct json *body, struct core_credential *k)
{
	struct json *facts = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, facts, "vault", str_of(k->vault));
	for (size_t i = 0; i < COUNT(fixed); i++) {
		struct str text = said(body, fixed[i]);

		if (text.len) {
			(void)json_set_str(a, facts, fixed[i], text);
		}
	}
	json_canonical(&k->facts, facts);
}

/* However each was written. */
static bool
same_url(struct arena *a, const char *one, const char *other)
{
	struct core_place x;
	struct core_place y;
	struct err e = { 0 };

	return core_place_parse(a, str_of(one), &x, &e) == 0 &&
	       core_place_parse(a, str_of(other), &y, &e) == 0 &&
	       strcmp(x.host.text, y.host.text) == 0 && x.port == y.port &&
	       str_eq(x.path, y.path) && str_eq(x.query, y.query);
}

/* One in use for each (vault, url); twenty in a vault; a name is the house's.
 */
static int
check_room(const struct core *c, struct arena *a,
    const struct core_credential *draft, const struct core_vault *v,
    struct err *e)
{
	size_t count = 0;

	for (const struct core_credential *k = c->credentials; k; k = k->next) {
		bool here = !k->archived && strcmp(k->vault, v->id) == 0;

		if (!k->archived && strcmp(k->name, draft->name) == 0) {
			return err_set(e, ERR_CONFLICT,
			    "there is a credential %s: `handrail vault rotate "
			    "%s` gives it a new value",
			    k->name, k->name);
		}
		if (here && draft->url[0] && same_url(a, k->url, draft->url)) {
			return err_set(e, ERR_CONFLICT,
			    "the vault %s has the credential %s for that "
			    "mcp_server_url: rotate or archive it",
			    v->name, k->name);
		}
		count += here;
	}
	return count < CORE_VAULT_MAX
	           ? 0
	           : err_set(e, ERR_CONFLICT,
	                 "the vault %s holds %d credentials, as many as it "
	                 "may: archive one, or make another vault",
	                 v->name, CORE_VAULT_MAX);
}

static int
read_draft(struct core *c, struct arena *a, const struct json *body,
    struct core_credential *k, struct err *e)
{
	struct str vault = said(body, "vault");
	struct str kind = said(body, "kind");
	struct str name = said(body, "name");
	const struct core_vault *v =
	    core_vault_find(c, vault.len ? vault : STR("default"));

	if (core_draft_name("credential", name, e)) {
		return -1;
	}
	if (!v || v->archived) {
		return err_set(e, v ? ERR_CONFLICT : ERR_MISSING,
		    v ? "the vault %s is archived" : "there is no vault %s",
		    err_quote(vault));
	}
	if (!core_kind_parse(
	        kind.len ? kind : STR("static_bearer"), &k->kind)) {
		return err_set(e, ERR_INPUT,
		    "%s is no kind of credential; kinds are static_bearer, "
		    "basic, header, environment_variable, mcp_oauth and "
		    "oauth_refresh",
		    err_quote(kind));
	}
	(void)str_copy(k->name, sizeof(k->name), name);
	core_text(k->vault, sizeof(k->vault), v->id);
	(void)snprintf(k->id, sizeof(k->id), "vcrd_%s", id_new().text);
	k->version = core_credential_version(c, k->name);
	k->made = k->changed = wall_now();
	if (read_urls(a, body, k, e) || check_kind(c, a, body, k, e) ||
	    core_draft_labels(body, k->label, &k->metadata, e) ||
	    check_room(c, a, k, v, e)) {
		return -1;
	}
	fix_facts(a, body, k);
	return 0;
}

struct core_credential *
core_draft_read(
    struct core *c, struct arena *a, const struct json *body, struct err *e)
{
	struct core_credential *k = calloc(1, sizeof(*k));

	must(k);
	if (read_draft(c, a, body, k, e)) {
		core_credential_free(k);
		return NULL;
	}
	return k;
}

void
core_credential_free(struct core_credential *k)
{
	buf_fini(&k->facts);
	buf_fini(&k->metadata);
	buf_fini(&k->row);
	free(k);
}

/* --- shown --- */

void
core_write_wall(struct json_out *o, const char *key, struct wall at)
{
	char text[WALL_TEXT_MAX];

	if (at.us) {
		wall_text(at, text);
		json_out_z(o, key, text);
	}
}

void
core_write_json(
    struct arena *a, struct json_out *o, const char *key, struct str text)
{
	struct json *tree;
	struct err e = { 0 };

	if (text.len && json_parse(a, text, NULL, &tree, &e) == 0) {
		json_out_value(o, key, tree);
	}
}

void
core_credential_write(struct core *c, struct arena *a, struct json_out *o,
    const char *key, const struct core_credential *k)
{
	const struct core_vault *v = core_vault_find(c, str_of(k->vault));

	json_out_object(o, key);
	json_out_z(o, "id", k->id);
	json_out_z(o, "name", k->name);
	json_out_z(o, "vault", v ? v->name : k->vault);
	json_out_z(o, "vault_id", k->vault);
	json_out_z(o, "kind", core_kind_name(k->kind));
	json_out_z(o, "hosts", k->hosts);
	json_out_i64(o, "version", k->version);
	json_out_bool(o, "archived", k->archived);
	if (k->label[0]) {
		json_out_z(o, "display_name", k->label);
	}
	if (k->refused[0]) {
		json_out_z(o, "refused", k->refused);
	}
	if (k->closed[0]) {
		json_out_z(o, "closed", k->closed);
	}
	if (k->has && k->expires) {
		core_write_wall(o, "token_expires_at",
		    (struct wall){ k->expires * CLOCK_SECOND });
	}
	core_write_json(a, o, "properties", buf_str(&k->facts));
	core_write_json(a, o, "metadata", buf_str(&k->metadata));
	core_write_wall(o, "created_at", k->made);
	core_write_wall(o, "updated_at", k->changed);
	core_write_wall(o, "rotated_at", k->rotated);
	core_write_wall(o, "archived_at", k->archived_at);
	json_out_end(o, '}');
}

void
core_credential_record(struct core *c, const struct core_credential *k,
    enum book_kind kind, const struct core_operator *who)
{
	struct core_event event = {
		.kind = kind,
		.identity = who ? who->name : NULL,
		.rule = str_of(k->name),
		.call = k->version,
	};

	core_credential_save(c, k);
	(void)core_append(c, &event);
}
