/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part: two channels, its descriptors, its arguments, fork, exec.  The
 * child closes everything it is not meant to have before the exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parts/supervisor.h"

#define ARGS_MAX 24

/* Core first: every other part's channel is handed to it. */
const struct house_row house_rows[HOUSE_PARTS] = {
	{ PART_CORE, "core", WIRE_CORE_READY, true },
	{ PART_VAULT, "vault", WIRE_VAULT_READY, false },
	{ PART_SANDBOX, "sandbox", WIRE_SANDBOX_READY, true },
	{ PART_RESOLVER, "resolver", WIRE_RESOLVER_READY, false },
	{ PART_EGRESS, "egress", WIRE_EGRESS_READY, false },
	{ PART_API, "api", WIRE_API_READY, false },
	{ PART_BUDDY, "buddy", WIRE_BUDDY_READY, false }, /* if there is one */
	{ PART_RADIO, "radio", WIRE_RADIO_READY, false }, /* over Bluetooth */
};

struct command {
	const char *argv[ARGS_MAX];
	size_t count;
	struct arena *arena;
};

static void
add(struct command *c, const char *name, const char *value)
{
	must(c->count + 3 < ARGS_MAX);
	c->argv[c->count++] = name;
	c->argv[c->count++] = value;
}

static void
add_number(struct command *c, const char *name, uint64_t value)
{
	struct str text =
	    arena_printf(c->arena, "%llu", (unsigned long long)value);

	add(c, name, text.at);
}

/* Parts have the ids uid_base + 1 …, cell slots follow at uid_base + 100. */
static uint32_t
part_uid(const struct house *h, enum part part)
{
	return h->uid_base ? h->uid_base + (uint32_t)part : 0;
}

static void
add_own(struct command *c, struct house *h, const struct house_row *row)
{
	switch (row->part) {
	case PART_CORE:
		add(c, "--config", h->config_file);
		add(c, "--state", h->state);
		add(c, "--operators", buf_z(&h->operators));
		add(c, "--dev", h->dev ? "yes" : "no");
		add(c, "--again", h->announced ? "yes" : "no");
		if (str_starts(h->config.audit.publish, STR("file:"))) {
			add(c, "--publish",
			    arena_z(
			        c->arena, str_sub(h->config.audit.publish, 5,
			                      h->config.audit.publish.len)));
		}
		if (h->store >= 0) {
			add(c, "--store", "5"); /* PART_EXTRA_FD */
		}
		break;
	case PART_VAULT:
		add(c, "--state", h->state);
		break;
	case PART_API:
		add(c, "--hosts", arena_z(c->arena, h->config.api.hosts));
		break;
	case PART_EGRESS:
		add(c, "--mode", "own");
		break;
	case PART_SANDBOX:
		add(c, "--libexec", h->libexec);
		add_number(c, "--uid-base",
		    h->uid_base    ? h->uid_base + 100
		    : h->ids.found ? 100
		                   : 0);
		add_number(c, "--slots", h->config.cells);
		add(c, "--seen",
		    arena_printf(c->arena, "%s/seen", h->state).at);
		break;
	case PART_NONE:
	case PART_SUPERVISOR:
	case PART_RESOLVER:
	case PART_AGENT:
	case PART_BUDDY:
	case PART_RADIO:
	case PART_COUNT:
		break;
	}
}

static void
make_command(struct command *c, struct house *h, const struct house_row *row)
{
	struct str path =
	    arena_printf(c->arena, "%s/%s", h->libexec, row->program);

	c->argv[c->count++] = path.at;
	if (row->part != PART_SANDBOX) { /* it needs the start's privilege */
		add_number(c, "--uid", part_uid(h, row->part));
	}
	add_own(c, h, row);
	c->argv[c->count] = NULL;
}

/* Moves a descriptor out of the way of the numbers that the child gets. */
static int
high(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD, 64);
}

/* What a terminal tells its foreground (Ctrl-C, a hang-up) is for the
 * supervisor, who closes the parts in their order; and a part that still called
 * it its own could be stopped for a line of its log (tostop).  Not by a session
 * of its own: the kernel shares a processor by session (autogroup, sched(7)),
 * and parts wait for each other all the time. */
static void
leave_terminal(void)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	(void)setpgid(0, 0);
	if (terminal >= 0) {
		(void)ioctl(terminal, TIOCNOTTY);
		(void)close(terminal);
	}
}

_Noreturn static void
become(struct command *c, const int wanted[4])
{
	int at[4];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	leave_terminal();
	for (size_t i = 0; i < 4; i++) {
		at[i] = high(wanted[i]);
	}
	for (size_t i = 0; i < 4; i++) {
		int to = PART_SUPERVISOR_FD + (int)i;

		if (at[i] < 0) {
			(void)close(to);
		} else if (dup2(at[i], to) < 0) {
			_exit(127);
		}
	}
	(void)close_range(PART_SUPERVISOR_FD + 4, ~0U, 0);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): execv only reads */
	(void)execv(c->argv[0], (char *const *)(uintptr_t)c->argv);
	(void)dprintf(2, "handrail: cannot run %s: %s\n", c->argv[0],
	    strerrordesc_np(errno));
	_exit(127);
}

/* Core hears of every part, also again after that part was restarted. */
static void
tell_core(struct house *h, const struct house_part *p, int fd)
{
	struct wire_part_up up = { .part = p->row->part, .pid = p->pid };

	for (size_t i = 0; i < h->part_count; i++) {
		if (h->parts[i].row->part == PART_CORE && h->parts[i].peer) {
			wire_send(h->parts[i].peer, WIRE_PART_UP, &up, &fd, 1);
			return;
		}
	}
	(void)close(fd);
}

/* A child that is about to become the part; with ids it first waits until its
 * user namespace is mapped. */
static pid_t
start_child(struct house *h, const struct house_part *p, struct command *c,
    const int wanted[4], struct err *e)
{
	bool maps = p->row->part == PART_SANDBOX && h->ids.found;
	struct house_gate gate = { { -1, -1 }, { -1, -1 } };

	if (maps && house_gate_open(&gate, e)) {
		return -1;
	}
	pid_t pid = fork();

	if (pid == 0) {
		if (maps) {
			house_gate_wait(&gate);
		}
		become(c, wanted);
	}
	if (pid < 0) {
		(void)err_sys(e, "fork for %s", p->row->program);
	}
	if (maps && pid > 0 && house_gate_map(h, pid, &gate, e)) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		pid = -1;
	}
	house_gate_close(&gate);
	return pid;
}

/* A range that cannot be mapped here (a container, a namespace of somebody
 * else's) is as good as none: one id for all, and doctor says so. */
static pid_t
start_or_share(struct house *h, const struct house_part *p, struct command *c,
    const int wanted[4], struct err *e)
{
	pid_t pid = start_child(h, p, c, wanted, e);

	if (pid < 0 && p->row->part == PART_SANDBOX && h->ids.found) {
		log_line(LOG_WARN, "ids", "%s; parts and cells share one id",
		    e->text);
		h->ids.found = false;
		*e = (struct err){ 0 };
		c->count = 0;
		make_command(c, h, p->row);
		pid = start_child(h, p, c, wanted, e);
	}
	return pid;
}

int
house_spawn(struct house *h, struct house_part *p, struct err *e)
{
	auto_arena arena = { 0 };
	struct command command = { .arena = &arena };
	auto_close int up = -1;
	auto_close int core = -1;
	int mine[2] = { -1, -1 };
	bool is_core = p->row->part == PART_CORE;
	bool speaks_to_core = !is_core && p->row->part != PART_RADIO;
	bool is_api = p->row->part == PART_API;
	int pair[2];

	make_command(&command, h, p->row);
	if (wire_pair(pair, e)) {
		return -1;
	}
	mine[0] = pair[0];
	up = pair[1];
	if (speaks_to_core) {
		if (wire_pair(pair, e)) {
			(void)close(mine[0]);
			return -1;
		}
		mine[1] = pair[0];
		core = pair[1];
	}
	int extra = is_core ? h->store : -1;
	int wanted[4] = { up, core, is_api ? h->socket_listener : extra,
		is_api ? h->web_listener : -1 };

	p->pid = start_or_share(h, p, &command, wanted, e);
	p->started = mono_now();
	p->peer = p->pid > 0 ? house_listen(h, p->row->part, mine[0], e) : NULL;
	if (!p->peer) {
		if (p->pid > 0) {
			(void)kill(p->pid, SIGKILL);
		} else {
			(void)close(mine[0]);
		}
		if (mine[1] >= 0) {
			(void)close(mine[1]);
		}
		p->pid = 0;
		return -1;
	}
	if (speaks_to_core) {
		tell_core(h, p, mine[1]);
	}
	return 0;
}
