/* SPDX-License-Identifier: Apache-2.0 */
/* The part `sandbox`: start, powers, end. */
#include "parts/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jail/jail.h"

static struct sandbox sandbox;

static const struct wire_handler from_core[] = {
	{ WIRE_CELL_MAKE, sandbox_cell_make },
	{ WIRE_CELL_START, sandbox_cell_start },
	{ WIRE_CELL_EXEC, sandbox_cell_exec },
	{ WIRE_CELL_END, sandbox_cell_end },
	{ WIRE_AGENT_START, sandbox_agent_start },
	{ WIRE_AGENT_END, sandbox_agent_end },
	{ WIRE_WORK_ASK, sandbox_work_ask },
};

void
sandbox_text(char field[WIRE_TEXT_MAX], const char *text)
{
	str_fit(field, WIRE_TEXT_MAX, str_of(text));
}

/* Nothing of this house outlives its workshop: at every exit(3). */
static void
end_all(void)
{
	struct sandbox *s = &sandbox;

	for (struct sandbox_cell *c = s->cells; c; c = c->next) {
		cell_kill(c->cell);
		sandbox_egress_kill(c);
	}
	for (struct sandbox_agent *a = s->agents; a; a = a->next) {
		cell_kill(a->cell);
	}
	for (struct sandbox_work *w = s->works; w; w = w->next) {
		cell_kill(w->cell);
	}
	if (s->zygote_pid > 0) {
		(void)kill(s->zygote_pid, SIGKILL);
	}
	for (struct sandbox_cell *c = s->cells; c; c = c->next) {
		cell_free(c->cell);
	}
	for (struct sandbox_agent *a = s->agents; a; a = a->next) {
		cell_free(a->cell);
	}
	for (struct sandbox_work *w = s->works; w; w = w->next) {
		cell_free(w->cell);
	}
}

/* Nobody but the house's account can have written it. */
static int
open_seen(const char *path)
{
	auto_close int fd = path ? open(path,
	                               O_RDWR | O_CREAT | O_NOFOLLOW |
	                                   O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	                               0600)
	                         : -1;
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	               st.st_uid == geteuid() && (st.st_mode & 077) == 0
	           ? take_fd(&fd)
	           : -1;
}

static int
narrow(struct err *e)
{
	struct jail_plan plan = {
		.part = "sandbox",
		/* Namespaces and mounts; ids of slots; workspaces and pipes to
		 * give away; children of other ids to end. */
		.capabilities = (1ULL << CAP_SYS_ADMIN) | (1ULL << CAP_SETUID) |
		                (1ULL << CAP_SETGID) | (1ULL << CAP_CHOWN) |
		                (1ULL << CAP_DAC_READ_SEARCH) |
		                (1ULL << CAP_KILL) | (1ULL << CAP_SETPCAP),
		.limits = { .nofile = JAIL_SENDER_FILES },
		.landlock = false,
		.filter = JAIL_FILTER_SANDBOX,
	};

	return jail_enter(&plan, e);
}

int
main(int argc, char **argv)
{
	struct sandbox *s = &sandbox;
	char agent[4096];
	struct err e = { 0 };
	int channel = -1;

	part_begin(&s->part, PART_SANDBOX, argc, argv);
	const char *libexec = part_arg(&s->part, "libexec");
	uint64_t base = part_number(&s->part, "uid-base", 0);
	uint64_t slots = part_number(&s->part, "slots", 1);

	if (!libexec || base > INT32_MAX || slots > UINT16_MAX) {
		(void)err_set(&e, ERR_USAGE,
		    "sandbox: --libexec DIR --uid-base N --slots N");
		part_fail(&e);
	}
	(void)snprintf(agent, sizeof(agent), "%s/agent", libexec);
	struct cell_house house = {
		.uid_base = (uid_t)base,
		.slots = (uint32_t)slots,
		.agent = agent,
	};

	if (cell_host_open(&house, &s->host, &e) ||
	    sandbox_zygote_start(s, libexec, base, slots, &channel, &e)) {
		part_fail(&e);
	}
	s->seen = open_seen(part_arg(&s->part, "seen"));
	must(atexit(end_all) == 0);
	if (narrow(&e)) {
		part_fail(&e);
	}
	part_join(&s->part, NULL, 0, from_core, COUNT(from_core), s);
	if (sandbox_zygote_join(s, channel, &e)) {
		part_fail(&e);
	}
	part_ready(&s->part, WIRE_SANDBOX_READY, cell_host_text(s->host));
	sandbox_check(s);
	loop_run(s->part.loop);
	return 0;
}
