/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part: opens the book, replays it, reads what the operator wrote, gives
 * its powers up, hears from the others as the supervisor hands them over.
 */
#include "parts/core.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "jail/jail.h"
#include "parts/core_api.h"
#include "parts/core_back.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"
#include "parts/core_run.h"
#include "parts/core_store.h"
#include "parts/core_token.h"

uint64_t
core_number(struct core *c)
{
	return ++c->number;
}

int
core_body(int *fds, size_t nfds, size_t index, size_t limit, struct buf *out,
    struct err *e)
{
	if (index >= nfds) {
		return err_set(e, ERR_INPUT, "a body is missing");
	}
	return memfd_read(fds[index], limit, out, e);
}

int
core_memfd(struct str body)
{
	struct err e = { 0 };
	int fd = memfd_sealed("handrail-body", body, &e);

	if (fd < 0) {
		log_err("body", &e);
	}
	must(fd >= 0);
	return fd;
}

void
core_text(char *field, size_t size, const char *text)
{
	str_fit(field, size, str_of(text));
}

void
core_utf8(struct buf *out, struct str bytes)
{
	for (size_t i = 0; i < bytes.len;) {
		size_t n = str_utf8(str_sub(bytes, i, bytes.len));

		if (n > 0) {
			buf_add(out, str_sub(bytes, i, n));
			i += n;
		} else {
			buf_add_byte(out, '?');
			i++;
		}
	}
}

static char node[512];

static void
name_node(const struct core *c)
{
	struct utsname host;

	must(uname(&host) == 0);
	(void)snprintf(node, sizeof(node), "%s:%s", host.nodename, c->state);
}

const char *
core_node_name(void)
{
	return node;
}

/* --- the other parts --- */

/* What it begins with is on the disk, and the vault has the key of this book:
 * it is not said before that a house is ready whose next word is why it ends.
 */
static void
announce(struct core *c)
{
	auto_buf text = { 0 };

	if (c->announced || !c->ready || !c->vault_ready) {
		return;
	}
	c->announced = true;
	buf_addf(&text, "incarnation %u, %llu events, %zu roles",
	    c->book.incarnation, (unsigned long long)c->book.seq,
	    c->house.role_count);
	part_ready(&c->part, WIRE_CORE_READY, buf_z(&text));
}

static void
vault_hello(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core *c = owner;
	struct err e = { 0 };

	(void)peer;
	(void)fds;
	(void)nfds;
	c->vault_keys = *(const struct wire_vault_hello *)record;
	if (core_key_know(c, &e)) {
		part_fail(&e); /* nothing was asked of it, nothing begins */
	}
	c->vault_ready = true;
	core_back_join(c);
	core_going_join(c);
	core_vault_check(c);
	core_macs_again(c);
	core_cells_attach(c, PART_VAULT);
	announce(c);
	core_claim(c);
}

static const struct wire_handler vault_handlers[] = {
	{ WIRE_VAULT_HELLO, vault_hello },
	{ WIRE_VAULT_SEALED, core_vault_sealed },
	{ WIRE_VAULT_CHECKED, core_vault_checked },
	{ WIRE_VAULT_KEPT, core_vault_kept },
	{ WIRE_VAULT_GRANTED, core_vault_granted },
	{ WIRE_VAULT_SIGNED, core_vault_signed },
	{ WIRE_VAULT_MACED, core_vault_maced },
};

static const struct wire_handler sandbox_handlers[] = {
	{ WIRE_CELL_MADE, core_cell_made },
	{ WIRE_CELL_STARTED, core_cell_started },
	{ WIRE_CELL_EXECUTED, core_cell_executed },
	{ WIRE_CELL_ENDED, core_cell_ended },
	{ WIRE_AGENT_STARTED, core_agent_started },
	{ WIRE_AGENT_ENDED, core_agent_ended },
	{ WIRE_WORK_DONE, core_work_done },
};

static struct wire_peer **
slot_of(struct core *c, enum part part)
{
	switch (part) {
	case PART_API:
		return &c->api;
	case PART_VAULT:
		return &c->vault;
	case PART_RESOLVER:
		return &c->resolver;
	case PART_SANDBOX:
		return &c->sandbox;
	case PART_EGRESS:
		return &c->egress;
	case PART_BUDDY:
		return &c->buddy;
	case PART_NONE:
	case PART_SUPERVISOR:
	case PART_CORE:
	case PART_AGENT:
	case PART_RADIO:
	case PART_COUNT:
		break;
	}
	return NULL;
}

/* (b) of the three fates: it restarts alone, meanwhile closed.  (c): core and
 * sandbox are one floor. */
static void
peer_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct core *c = owner;
	enum part part = wire_peer_part(peer);

	log_line(why->kind == ERR_UNAVAILABLE ? LOG_INFO : LOG_ERROR, "channel",
	    "%s: %s", wire_part_name(part), why->text);
	wire_peer_free(peer);
	*slot_of(c, part) = NULL;
	switch (part) {
	case PART_SANDBOX:
		core_book_close(c);
		exit(c->draining ? 0 : 1);
	case PART_VAULT:
		core_vault_gone(c);
		core_api_vault_gone(c);
		core_macs_gone(c);
		break;
	case PART_EGRESS:
		core_own_egress_gone(c);
		break;
	case PART_API:
		core_api_gone(c);
		break;
	case PART_BUDDY:
		core_buddy_gone(c);
		break;
	case PART_RESOLVER:
	case PART_NONE:
	case PART_SUPERVISOR:
	case PART_CORE:
	case PART_AGENT:
	case PART_RADIO:
	case PART_COUNT:
		break;
	}
}

static struct wire_end
end_for(struct core *c, enum part part)
{
	struct wire_end end = {
		.self = PART_CORE,
		.other = part,
		.closed = peer_closed,
		.owner = c,
	};

	if (part == PART_VAULT) {
		end.handlers = vault_handlers;
		end.count = COUNT(vault_handlers);
	} else if (part == PART_SANDBOX) {
		end.handlers = sandbox_handlers;
		end.count = COUNT(sandbox_handlers);
	} else if (part == PART_API) {
		end.handlers = core_api_handlers;
		end.count = core_api_handler_count;
	} else if (part == PART_EGRESS) {
		end.handlers = core_own_egress_handlers;
		end.count = core_own_egress_handler_count;
	} else if (part == PART_BUDDY) {
		end.handlers = core_buddy_handlers;
		end.count = core_buddy_handler_count;
	}
	return end;
}

static void
part_up(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core *c = owner;
	const struct wire_part_up *up = record;
	struct wire_peer **slot = slot_of(c, (enum part)up->part);
	struct wire_end end = end_for(c, (enum part)up->part);
	struct err e = { 0 };

	(void)peer;
	must(slot && nfds == 1);
	if (*slot) {
		/* Its end has not been noticed yet; it has. */
		struct err why = { 0 };

		(void)err_set(&why, ERR_UNAVAILABLE, "was started again");
		peer_closed(c, *slot, &why);
	}
	*slot = wire_peer_new(c->part.loop, take_fd(&fds[0]), &end, &e);
	must(*slot);
	if (up->part == PART_SANDBOX) {
		core_work_sweep(c);
	}
	if (up->part == PART_RESOLVER || up->part == PART_EGRESS) {
		core_cells_attach(c, (enum part)up->part);
	}
	core_claim(c);
}

static const struct wire_handler supervisor_handlers[] = {
	{ WIRE_PART_UP, part_up },
	{ WIRE_BUDDY_DEVICE, core_buddy_device },
};

/* --- start and stop --- */

static void
reload(struct core *c)
{
	struct err e = { 0 };

	if (core_house_load(c, false, &e)) {
		log_err("reload", &e);
		return;
	}
	core_egress_rules_all(c);
	core_grants_over(c);
	log_line(LOG_INFO, "reload", "%zu roles", c->house.role_count);
	core_claim(c);
}

static void
on_signal(void *owner, int number)
{
	struct core *c = owner;

	if (number == SIGHUP) {
		reload(c);
	} else if (!c->draining) {
		log_line(LOG_INFO, "stop", "settling what runs");
		core_runs_drain(c);
	}
}

void
core_drained(struct core *c)
{
	if (!c->draining) {
		return;
	}
	for (struct core_run *r = c->runs; r; r = r->next) {
		if (r->phase != RUN_PARKED) {
			return;
		}
	}
	struct core_event event = { .kind = BOOK_HOUSE_STOPPED };

	(void)core_append(c, &event);
	core_book_close(c);
	exit(0);
}

static void
house_started(struct core *c)
{
	struct core_event event = { .kind = BOOK_HOUSE_STARTED };

	(void)core_append(c, &event);
}

/* Each operator's own, for letters to one of them. */
static void
add_mailboxes(struct core *c)
{
	for (size_t i = 0; i < c->house.operator_count; i++) {
		queue_add_mailbox(c->queue, str_of(c->house.operators[i].name));
	}
}

/* The folder that a path stands in. */
static const char *
folder_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_z(a, str_span(path, (size_t)(slash - path))) : ".";
}

static int
give_up_power(struct core *c, struct err *e)
{
	struct arena *a = &c->house.arena;
	struct str book = arena_printf(a, "%s/book", c->state);
	struct str runs = arena_printf(a, "%s/runs", c->state);
	struct str said = arena_printf(a, "%s/permissions", c->state);
	struct core_ports ports;
	const char *publish = part_arg(&c->part, "publish");
	struct jail_path paths[] = {
		{ .path = folder_of(a, c->config_file), .rights = JAIL_READ },
		{ .path = book.at,
		    .rights = JAIL_READ | JAIL_WRITE | JAIL_MAKE },
		{ .path = runs.at, .rights = JAIL_READ | JAIL_MAKE },
		{ .path = said.at,
		    .rights = JAIL_READ | JAIL_WRITE | JAIL_MAKE },
		{ .path = publish ? folder_of(a, publish) : book.at,
		    .rights = JAIL_READ | JAIL_WRITE | JAIL_MAKE },
		{ .path = "/usr/share/zoneinfo", .rights = JAIL_READ },
	};
	bool zones = access(paths[COUNT(paths) - 1].path, R_OK) == 0;
	struct jail_plan plan = {
		.part = "core",
		.uid = (uid_t)part_number(&c->part, "uid", 0),
		.gid = (gid_t)part_number(&c->part, "uid", 0),
		.limits = { .nofile = 8192 },
		.landlock = true,
		.paths = paths,
		.path_count = COUNT(paths) - !zones,
		.net = JAIL_NET_NONE,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO | JAIL_FILES_READ | JAIL_FILES_WRITE |
		            JAIL_SYNC_LATER,
	};

	if (publish && access(folder_of(a, publish), F_OK)) {
		return err_sys(
		    e, "[audit] publish: the folder %s", folder_of(a, publish));
	}
	if (store_is_url(c->where)) {
		core_store_ports(str_of(c->where), &ports);
		plan.net = JAIL_NET_PORTS;
		plan.ports = ports.at;
		plan.port_count = ports.count;
		plan.promises |= JAIL_INET | JAIL_LOCAL | JAIL_KEEPALIVE;
	}
	return jail_enter(&plan, e);
}

/* A server is reached, and what its library loads is loaded, while there is
 * the power to; a file is made by the id that keeps it. */
static int
open_book(struct core *c, struct err *e)
{
	if (store_is_url(c->where)) {
		return core_book_open(c, c->where, e) || give_up_power(c, e)
		           ? -1
		           : 0;
	}
	return give_up_power(c, e) || core_book_open(c, c->where, e) ? -1 : 0;
}

static bool
says_yes(const struct core *c, const char *name)
{
	const char *word = part_arg(&c->part, name);

	return word && strcmp(word, "yes") == 0;
}

static int
open_core(struct core *c, struct err *e)
{
	auto_buf path = { 0 };

	buf_addf(&path, "%s/runs", c->state);
	c->runs_fd = open(buf_z(&path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->runs_fd < 0) {
		return err_sys(e, "cannot open %s", buf_z(&path));
	}
	if (core_store_find(c, e) || open_book(c, e) ||
	    core_book_recover(c, e) || core_stop_load(c, e) ||
	    core_standing_load(c, e) || core_tokens_load(c, e) ||
	    core_vault_load(c, e)) {
		return -1;
	}
	core_commit_begin(c);
	core_backup_sweep(c);
	house_started(c);
	/* A house that was up comes up again: what was broken meanwhile closes
	 * its role, as it does at a reload. */
	if (core_house_load(c, !says_yes(c, "again"), e) ||
	    core_operators_know(c, e)) {
		return -1;
	}
	add_mailboxes(c);
	c->slot_count = c->house.config.cells;
	c->slots = calloc(c->slot_count ? c->slot_count : 1, 1);
	must(c->slots);
	core_run_recover(c);
	core_wait_files_begin(c);
	core_keep_begin(c);
	core_publish_begin(c);
	core_inbox_begin(c);
	return 0;
}

static void
begun(struct core *c, uint64_t number)
{
	(void)number;
	c->ready = true;
	announce(c);
	core_claim(c);
}

int
main(int argc, char **argv)
{
	static struct core c;
	struct err e = { 0 };
	const int numbers[] = { SIGTERM, SIGHUP };

	part_begin(&c.part, PART_CORE, argc, argv);
	c.config_file = part_arg(&c.part, "config");
	c.state = part_arg(&c.part, "state");
	c.dev = says_yes(&c, "dev");
	c.began = mono_now();
	must(c.config_file && c.state && part_arg(&c.part, "operators"));
	name_node(&c);
	if (open_core(&c, &e)) {
		part_fail(&e);
	}
	for (size_t i = 0; i < COUNT(numbers); i++) {
		if (loop_signal_open(&c.signals[i], c.part.loop, numbers[i],
		        on_signal, &c, &e)) {
			part_fail(&e);
		}
	}
	part_join(&c.part, supervisor_handlers, COUNT(supervisor_handlers),
	    NULL, 0, &c);
	core_after(&c, begun, 0);
	loop_run(c.part.loop);
	must(!"the loop of core ends only by exit");
}
