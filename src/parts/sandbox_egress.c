/* SPDX-License-Identifier: Apache-2.0 */
/* The egress zygote and the one egress that every fenced cell has from it. */
#include "parts/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static wire_take_fn take_forked;
static wire_take_fn take_ended;

static const struct wire_handler from_zygote[] = {
	{ WIRE_EGRESS_FORKED, take_forked },
	{ WIRE_EGRESS_ENDED, take_ended },
};

_Noreturn static void
become_zygote(const char *path, int channel, char **argv)
{
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(channel, 3) != 3) {
		_exit(127);
	}
	(void)fcntl(3, F_SETFD, 0); /* also when it was 3 before */
	(void)close_range(4, ~0U, 0);
	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	(void)execv(path, argv);
	(void)dprintf(
	    2, "handrail: cannot run %s: %s\n", path, strerrordesc_np(errno));
	_exit(127);
}

/* Before this part narrows itself: the zygote narrows its own way. */
int
sandbox_zygote_start(struct sandbox *s, const char *libexec, uint64_t base,
    uint64_t slots, int *channel, struct err *e)
{
	char path[4096], base_text[24], slots_text[24];
	char *argv[] = { path, (char *)"--mode", (char *)"zygote",
		(char *)"--uid-base", base_text, (char *)"--slots", slots_text,
		NULL };
	int pair[2];

	(void)snprintf(path, sizeof(path), "%s/egress", libexec);
	(void)snprintf(
	    base_text, sizeof(base_text), "%llu", (unsigned long long)base);
	(void)snprintf(
	    slots_text, sizeof(slots_text), "%llu", (unsigned long long)slots);
	if (wire_pair(pair, e)) {
		return -1;
	}
	s->zygote_pid = fork();
	if (s->zygote_pid == 0) {
		become_zygote(path, pair[1], argv);
	}
	(void)close(pair[1]);
	if (s->zygote_pid < 0) {
		(void)close(pair[0]);
		return err_sys(e, "start the egress zygote");
	}
	*channel = pair[0];
	return 0;
}

static void
zygote_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	log_err("zygote", why);
	/* Without it no cell can be fenced: the floor starts again. */
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

int
sandbox_zygote_join(struct sandbox *s, int channel, struct err *e)
{
	struct wire_end end = {
		.self = PART_SANDBOX,
		.other = PART_EGRESS,
		.handlers = from_zygote,
		.count = COUNT(from_zygote),
		.closed = zygote_closed,
		.owner = s,
	};

	s->zygote = wire_peer_new(s->part.loop, channel, &end, e);
	return s->zygote ? 0 : -1;
}

/* The listeners and the far end of core's channel go over, ours are closed. */
void
sandbox_egress_ask(struct sandbox_cell *c, const struct cell_event *fenced)
{
	struct wire_egress_fork ask = {
		.cell = c->number,
		.cookie = fenced->cookie,
		.slot = c->slot,
	};
	int fds[CELL_LISTENERS + 1];
	struct err e = { 0 };
	int pair[2];

	if (wire_pair(pair, &e)) {
		for (size_t i = 0; i < CELL_LISTENERS; i++) {
			(void)close(fenced->listeners[i]);
		}
		sandbox_cell_stop(c, e.text);
		return;
	}
	memcpy(fds, fenced->listeners, sizeof(fenced->listeners));
	fds[CELL_LISTENERS] = pair[1];
	c->core_end = pair[0];
	c->asked_egress = true;
	wire_send(c->sandbox->zygote, WIRE_EGRESS_FORK, &ask, fds, COUNT(fds));
}

static void
send_signal(struct sandbox_cell *c, int number)
{
	if (c->egress >= 0 && !c->egress_gone) {
		(void)syscall(
		    SYS_pidfd_send_signal, c->egress, number, NULL, 0);
	}
}

void
sandbox_egress_kill(struct sandbox_cell *c)
{
	send_signal(c, SIGKILL);
}

static void
too_late(void *owner)
{
	sandbox_egress_kill(owner);
}

void
sandbox_egress_end(struct sandbox_cell *c)
{
	send_signal(c, SIGTERM);
	loop_timer_arm(&c->limit, c->sandbox->part.loop,
	    mono_after(mono_now(), SANDBOX_LAST_US), too_late, c);
}

static void
egress_died(void *owner, unsigned ready)
{
	struct sandbox_cell *c = owner;

	(void)ready;
	loop_io_close(&c->egress_death);
	c->egress_gone = true;
	sandbox_cell_stop(c, "its egress ended");
}

static void
take_forked(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_egress_forked *forked = record;
	struct sandbox_cell *c = sandbox_cell_find(s, forked->cell);
	struct err e = { 0 };

	if (!c || !c->asked_egress || (forked->ok && nfds != 1) ||
	    !wire_text_ok(forked->text, sizeof(forked->text))) {
		(void)err_set(&e, ERR_DENIED, "an egress nobody asked for");
		wire_peer_close(peer, &e);
		return;
	}
	c->asked_egress = false;
	if (!forked->ok) {
		sandbox_cell_stop(c, forked->text);
		return;
	}
	c->egress = take_fd(&fds[0]);
	if (loop_io_open(&c->egress_death, s->part.loop, c->egress, egress_died,
	        c, &e)) {
		sandbox_cell_stop(c, e.text);
		return;
	}
	loop_io_want(&c->egress_death, LOOP_READ);
	if (c->phase == PHASE_ENDING) {
		sandbox_egress_kill(c);
		return;
	}
	sandbox_cell_made(c);
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

static void
take_ended(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct sandbox *s = owner;
	const struct wire_egress_ended *ended = record;
	struct sandbox_cell *c = sandbox_cell_find(s, ended->cell);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (c && wire_text_ok(ended->text, sizeof(ended->text))) {
		sandbox_cell_stop(
		    c, ended->text[0] ? ended->text : "its egress ended");
	}
}
/* NOLINTEND(readability-non-const-parameter) */
