/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/egress.h"

#include <ifaddrs.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "jail/jail.h"

/* Descriptors of one cell: two for each connection, what is kept, our own. */
#define CELL_FILES (2 * PROXY_CONNECTIONS + PROXY_KEPT + 64)
#define CELL_DATA  ((uint64_t)256 * 1024 * 1024)

#define PROMISES (JAIL_STDIO | JAIL_INET)

int
egress_jail(const char *name, uid_t uid, bool own, struct err *e)
{
	struct jail_plan plan = { .part = name,
		.uid = uid,
		.gid = (gid_t)uid,
		/* File sizes stay free: stderr may be one, and no other can be
		 * opened. */
		.limits = { .nofile = own ? JAIL_SENDER_FILES : CELL_FILES,
		    .nproc = JAIL_ZERO,
		    .data = own ? JAIL_KEEP : CELL_DATA,
		    .memlock = JAIL_ZERO },
		.landlock = true,
		.net = JAIL_NET_CONNECT,
		.filter = JAIL_FILTER_PROMISES,
		.promises = PROMISES };
	return jail_enter(&plan, e);
}

/* It forks and gives its children their ids; they narrow themselves. */
static int
zygote_jail(bool ids, struct err *e)
{
	uint64_t changing =
	    1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_SETPCAP;
	struct jail_plan plan = { .part = "egress zygote",
		.capabilities = ids ? changing : 0,
		.limits = { .memlock = JAIL_ZERO },
		.landlock = true,
		.net = JAIL_NET_CONNECT,
		.filter = JAIL_FILTER_SANDBOX };
	if (jail_prepare(PROMISES, e)) {
		return -1;
	}
	return jail_enter(&plan, e);
}

/* A07: what this host answers on itself. */
static int
own_addresses(struct egress_host *host, struct err *e)
{
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all)) {
		return err_sys(e, "the host's own addresses");
	}
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || host->own_count == EGRESS_OWN_MAX) {
			continue;
		}
		host->own_count +=
		    names_addr_read(i->ifa_addr, &host->own[host->own_count]);
	}
	freeifaddrs(all);
	return 0;
}

static int
learn(struct egress_host *host, struct err *e)
{
	if (own_addresses(host, e)) {
		return -1;
	}
	return tls_trust_system(&host->roots, e);
}

_Noreturn static void
own(struct part_self *p, const struct egress_host *host)
{
	static struct egress g;
	struct err e;
	uint64_t uid = part_number(p, "uid", 0);
	if (egress_jail("egress", (uid_t)uid, true, &e)) {
		part_fail(&e);
	}
	g.loop = p->loop;
	egress_proxy(&g, host);
	part_join(
	    p, NULL, 0, egress_own_handlers, egress_own_handler_count, &g);
	g.core = p->core;
	part_ready(p, WIRE_EGRESS_READY, "");
	loop_run(p->loop);
	exit(0); /* NOLINT(concurrency-mt-unsafe): one thread */
}

int
main(int argc, char **argv)
{
	static struct egress_host host;
	struct part_self p;
	struct err e;
	/* The zygote keeps away from the loop: its children make their own. */
	struct part_self args = { .argc = argc, .argv = argv };
	const char *mode = part_arg(&args, "mode");
	if (mode && strcmp(mode, "own") == 0) {
		part_begin(&p, PART_EGRESS, argc, argv);
		if (learn(&host, &e)) {
			part_fail(&e);
		}
		own(&p, &host);
	}
	if (!mode || strcmp(mode, "zygote") != 0) {
		err_set(&e, ERR_USAGE, "egress: --mode own or --mode zygote");
		part_fail(&e);
	}
	must_set_part("egress");
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	/* Cells have the ids base + slot; their egresses follow behind those.
	 */
	uint64_t base = part_number(&args, "uid-base", 0);
	uint64_t slots = part_number(&args, "slots", 0);
	if (learn(&host, &e) || zygote_jail(base > 0, &e)) {
		part_fail(&e);
	}
	egress_zygote(&host, base > 0 ? base + slots : 0);
}
