/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/needs.h"
#include "store/postgres.h"

#define PORT   "5432"
#define FOLDER "/var/run/postgresql" /* Debian's default */

static int
too_many(struct err *e)
{
	return err_set(e, ERR_LIMIT,
	    "the store's URL names more than %d hosts or files, or a path of "
	    "%d bytes or more",
	    STORE_NEEDS_MAX, STORE_NEEDS_PATH);
}

static int
need_path(char paths[][STORE_NEEDS_PATH], size_t *count, struct str path,
    struct err *e)
{
	if (*count == STORE_NEEDS_MAX ||
	    !str_copy(paths[*count], STORE_NEEDS_PATH, path)) {
		return too_many(e);
	}
	++*count;
	return 0;
}

static int
need_host(
    struct store_needs *needs, struct str host, struct str port, struct err *e)
{
	uint64_t number = 0;

	if (!host.len || *host.at == '/') {
		needs->local = true;
		return need_path(needs->folders, &needs->folder_count,
		    host.len ? host : STR(FOLDER), e);
	}
	if (!str_u64(port.len ? port : STR(PORT), &number) || number < 1 ||
	    number > UINT16_MAX) {
		return err_set(e, ERR_INPUT, "the store's URL has %s as a port",
		    err_quote(port));
	}
	if (needs->port_count == STORE_NEEDS_MAX) {
		return too_many(e);
	}
	needs->inet = true;
	needs->ports[needs->port_count++] = (uint16_t)number;
	return 0;
}

static int
need_hosts(const struct postgres_where *where, struct store_needs *needs,
    struct err *e)
{
	const char *named = postgres_where_value(where, "host");
	const char *address = postgres_where_value(where, "hostaddr");
	struct str hosts = str_of(address ? address : named);
	struct str ports = str_of(postgres_where_value(where, "port"));
	bool shared = !str_has(ports, ',');
	bool more = true;

	while (more) {
		struct str host;
		struct str port = ports;

		more = str_cut(&hosts, ',', &host);
		if (!shared) {
			(void)str_cut(&ports, ',', &port);
		}
		if (need_host(needs, host, port, e)) {
			return -1;
		}
	}
	return 0;
}

static int
need_files(const struct postgres_where *where, struct store_needs *needs,
    struct err *e)
{
	static const char *const keys[] = { "sslrootcert", "sslcert", "sslkey",
		"sslcrl" };

	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *path = postgres_where_value(where, keys[i]);

		if (path && *path == '/' &&
		    need_path(
		        needs->files, &needs->file_count, str_of(path), e)) {
			return -1;
		}
	}
	return 0;
}

int
store_needs(const char *where, struct store_needs *needs, struct err *e)
{
	struct postgres_where parsed = { 0 };
	struct store_needs found = { 0 };
	int rc = 0;

	if (store_is_url(where)) {
		rc = postgres_load(e) || postgres_where_parse(&parsed, where, e)
		         ? -1
		     : need_hosts(&parsed, &found, e) ||
		             need_files(&parsed, &found, e)
		         ? -1
		         : 0;
		arena_fini(&parsed.arena);
	}
	if (rc == 0) {
		*needs = found;
	}
	return rc;
}
