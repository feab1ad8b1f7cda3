/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the book lies, and what of the network core needs for it: nothing for a
 * file; for a server new sockets of TCP and AF_UNIX, and where the kernel can
 * say so (Landlock ABI 4) TCP to the server's ports alone.
 */
#include <string.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_store.h"

#define PORT 5432 /* of a URL that names none */

/* The URL comes by a descriptor: it may hold a password. */
int
core_store_find(struct core *c, struct err *e)
{
	struct arena *a = &c->house.arena;
	auto_buf url = { 0 };

	if (!part_arg(&c->part, "store")) {
		c->where = arena_printf(a, "%s/book/book.db", c->state).at;
		return 0;
	}
	if (memfd_read(PART_EXTRA_FD, CORE_URL_MAX, &url, e)) {
		return err_wrap(e, "the store's URL");
	}
	(void)close(PART_EXTRA_FD);
	c->where = arena_str(a, buf_str(&url)).at;
	wipe(url.at, url.len);
	return 0;
}

static void
add_port(struct core_ports *ports, struct str text)
{
	uint64_t port;

	if (str_u64(text, &port) && port > 0 && port <= UINT16_MAX &&
	    ports->count < COUNT(ports->at)) {
		ports->at[ports->count++] = (uint16_t)port;
	}
}

/* Behind the last colon that is no part of an IPv6 address. */
static void
add_host(struct core_ports *ports, struct str host)
{
	for (size_t i = host.len; i > 0; i--) {
		if (host.at[i - 1] == ']') {
			break;
		}
		if (host.at[i - 1] == ':') {
			add_port(ports, str_sub(host, i, host.len));
			return;
		}
	}
	add_port(ports, STR("5432"));
}

static void
add_list(struct core_ports *ports, struct str list, bool hosts)
{
	struct str one;

	while (list.len) {
		(void)str_cut(&list, ',', &one);
		if (hosts) {
			add_host(ports, one);
		} else {
			add_port(ports, one);
		}
	}
}

/* Of postgres://USER:PASSWORD@HOST:PORT,…/DATABASE?port=… (a password may hold
 * no '@' or '/' that is not encoded). */
void
core_store_ports(struct str url, struct core_ports *ports)
{
	struct str rest = url;
	struct str part;
	struct str hosts;

	*ports = (struct core_ports){ 0 };
	(void)str_cut(&rest, '/', &part);
	(void)str_cut(&rest, '/', &part);
	(void)str_cut(&rest, '?', &hosts);
	(void)str_cut(&hosts, '/', &part);
	hosts = part;
	for (size_t i = hosts.len; i > 0; i--) {
		if (hosts.at[i - 1] == '@') {
			hosts = str_sub(hosts, i, hosts.len);
			break;
		}
	}
	add_list(ports, hosts, true);
	while (rest.len) {
		struct str key;

		(void)str_cut(&rest, '&', &part);
		(void)str_cut(&part, '=', &key);
		if (str_eq_z(key, "port")) {
			add_list(ports, part, false);
		}
	}
	if (!ports->count) {
		ports->at[ports->count++] = PORT;
	}
}
