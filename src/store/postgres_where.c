/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "store/postgres.h"

/*
 * Everything that libpq would look up at each connect is looked up once, when
 * the store is opened: names become addresses, the user and the password are
 * remembered.  A core that has given its files up connects again with these.
 */

/* What a session is, whatever the role or the database has as its defaults.
 * Plans are made once, while the tables are still empty: by index, always.
 * A server that stops hearing from us frees our locks within seconds. */
static const char session_options[] =
    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
    " -c default_transaction_isolation=read\\ committed"
    " -c statement_timeout=0 -c lock_timeout=0 -c jit=off"
    " -c idle_in_transaction_session_timeout=0"
    " -c client_min_messages=warning -c timezone=UTC"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2"
    " -c tcp_keepalives_count=3 -c tcp_user_timeout=10000"
    " -c client_connection_check_interval=5000";

static const struct {
	const char *key;
	const char *value;
	bool ours; /* whatever the URL says */
} fixed[] = {
	{ "client_encoding", "UTF8", true },
	{ "target_session_attrs", "read-write", true },
	{ "application_name", "handrail", false },
	{ "gssencmode", "disable", false },
	{ "keepalives", "1", false },
	{ "keepalives_idle", "5", false },
	{ "keepalives_interval", "2", false },
	{ "keepalives_count", "3", false },
	{ "tcp_user_timeout", "10000", false },
};

const char *
postgres_where_value(const struct postgres_where *where, const char *key)
{
	for (size_t i = 0; i < where->count; i++) {
		if (strcmp(where->keys[i], key) == 0) {
			return where->values[i];
		}
	}
	return NULL;
}

static void
set(struct postgres_where *where, const char *key, const char *value)
{
	const char *kept = arena_z(&where->arena, str_of(value));

	for (size_t i = 0; i < where->count; i++) {
		if (strcmp(where->keys[i], key) == 0) {
			where->values[i] = kept;
			return;
		}
	}
	must(where->count < WHERE_MAX);
	where->keys[where->count] = arena_z(&where->arena, str_of(key));
	where->values[where->count++] = kept;
}

/* The first schema of the search path that the URL's options name. */
static int
choose_schema(struct postgres_where *where, struct err *e)
{
	const char *options = postgres_where_value(where, "options");
	const char *path = options ? strstr(options, "search_path=") : NULL;
	struct str name = STR("handrail");

	if (path) {
		name = str_of(path + strlen("search_path="));
		name.len = strcspn(name.at, ", ");
	}
	for (size_t i = 0; i < name.len; i++) {
		if (!strchr(
		        "abcdefghijklmnopqrstuvwxyz0123456789_", name.at[i])) {
			name.len = 0;
		}
	}
	if (name.len < 1 || name.len > 63) {
		return err_set(e, ERR_INPUT,
		    "search_path in the store's URL is not one plain name "
		    "(letters a-z, digits, _)");
	}
	where->schema = arena_z(&where->arena, name);
	return 0;
}

static void
set_options(struct postgres_where *where)
{
	const char *options = postgres_where_value(where, "options");
	auto_buf all = { 0 };

	buf_addf(&all, "%s%s -c search_path=%s", options ? options : "",
	    session_options, where->schema);
	set(where, "options", buf_z(&all));
}

struct hosts {
	struct buf names;
	struct buf addresses;
	struct buf ports;
	size_t count;
};

static void
add_host(
    struct hosts *hosts, struct str name, const char *address, struct str port)
{
	const char *comma = hosts->count++ ? "," : "";

	buf_addf(&hosts->names, "%s" STR_FMT, comma, STR_ARG(name));
	buf_addf(&hosts->addresses, "%s%s", comma, address);
	buf_addf(&hosts->ports, "%s" STR_FMT, comma, STR_ARG(port));
}

/* Every address of a name is a server to try. */
static int
resolve(struct hosts *hosts, struct str name, struct str port, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char text[INET6_ADDRSTRLEN];
	char z[256];
	int rc;

	if (!str_copy(z, sizeof(z), name)) {
		return err_set(
		    e, ERR_INPUT, "a host in the store's URL is too long");
	}
	rc = getaddrinfo(z, NULL, &hints, &found);
	if (rc) {
		return err_set(e, ERR_UNAVAILABLE,
		    "the store's host %s has no address: %s", err_quote(name),
		    gai_strerror(rc));
	}
	for (struct addrinfo *a = found; a; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text),
		        NULL, 0, NI_NUMERICHOST) == 0) {
			add_host(hosts, name, text, port);
		}
	}
	freeaddrinfo(found);
	return 0;
}

/* A folder of sockets needs no address. */
static int
add_server(struct hosts *hosts, struct str name, struct str port, struct err *e)
{
	if (name.len && *name.at != '/' && *name.at != '@') {
		return resolve(hosts, name, port, e);
	}
	add_host(hosts, name, "", port);
	return 0;
}

static int
resolve_all(struct postgres_where *where, struct hosts *hosts, struct err *e)
{
	struct str names = str_of(postgres_where_value(where, "host"));
	struct str ports = str_of(postgres_where_value(where, "port"));
	/* One port for all, or one for each. */
	bool shared = !str_has(ports, ',');
	bool more = true;

	while (more) {
		struct str name;
		struct str port = ports;

		more = str_cut(&names, ',', &name);
		if (!shared) {
			(void)str_cut(&ports, ',', &port);
		}
		if (add_server(hosts, name, port, e)) {
			return -1;
		}
	}
	return 0;
}

static int
set_addresses(struct postgres_where *where, struct err *e)
{
	struct hosts hosts = { 0 };
	int rc = 0;

	if (postgres_where_value(where, "host") &&
	    !postgres_where_value(where, "hostaddr")) {
		rc = resolve_all(where, &hosts, e);
		if (rc == 0) {
			set(where, "host", buf_z(&hosts.names));
			set(where, "hostaddr", buf_z(&hosts.addresses));
			set(where, "port", buf_z(&hosts.ports));
		}
	}
	buf_fini(&hosts.names);
	buf_fini(&hosts.addresses);
	buf_fini(&hosts.ports);
	return rc;
}

/* libpq's own sentence may quote the URL and with it a password. */
int
postgres_where_parse(
    struct postgres_where *where, const char *url, struct err *e)
{
	char *why = NULL;
	PQconninfoOption *all = pq.conninfoParse(url, &why);

	if (why) {
		pq.freemem(why);
	}
	if (!all) {
		return err_set(e, ERR_INPUT,
		    "the store's URL is not one that libpq reads; write "
		    "postgres://user@host:port/database");
	}
	for (PQconninfoOption *o = all; o->keyword; o++) {
		if (o->val) {
			set(where, o->keyword, o->val);
		}
	}
	pq.conninfoFree(all);
	return 0;
}

int
postgres_where_read(
    struct postgres_where *where, const char *url, struct err *e)
{
	if (postgres_where_parse(where, url, e) || choose_schema(where, e) ||
	    set_addresses(where, e)) {
		return -1;
	}
	set_options(where);
	for (size_t i = 0; i < COUNT(fixed); i++) {
		if (fixed[i].ours ||
		    !postgres_where_value(where, fixed[i].key)) {
			set(where, fixed[i].key, fixed[i].value);
		}
	}
	return 0;
}

void
postgres_where_keep(struct postgres_where *where, const PGconn *conn)
{
	const char *pass = pq.pass(conn);

	if (!postgres_where_value(where, "user")) {
		set(where, "user", pq.user(conn));
	}
	if (pass && *pass && !postgres_where_value(where, "password")) {
		set(where, "password", pass);
	}
}

PGconn *
postgres_where_start(const struct postgres_where *where)
{
	PGconn *conn = pq.connectStartParams(where->keys, where->values, 0);

	must(conn);
	return conn;
}
