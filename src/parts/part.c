/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/part.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SOON_US  (2 * CLOCK_SECOND / 1000)
#define BURNT_US CLOCK_SECOND

void
part_begin(struct part_self *p, enum part self, int argc, char **argv)
{
	const char *level = getenv("HANDRAIL_LOG");

	*p = (struct part_self){ .self = self, .argc = argc, .argv = argv };
	must_set_part(wire_part_name(self));
	if (level && strcmp(level, "debug") == 0) {
		log_set_level(LOG_DEBUG);
	}
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	if (fcntl(PART_SUPERVISOR_FD, F_GETFD) < 0) {
		(void)fprintf(stderr,
		    "handrail %s: this is a part of the house, started by "
		    "`handrail up`\n",
		    wire_part_name(self));
		exit(2);
	}
	log_line(LOG_DEBUG, "begins", "as process %d", (int)getpid());
	p->loop = loop_new();
}

const char *
part_arg(const struct part_self *p, const char *name)
{
	for (int i = 1; i + 1 < p->argc; i += 2) {
		const char *given = p->argv[i];

		if (strncmp(given, "--", 2) == 0 && !strcmp(given + 2, name)) {
			return p->argv[i + 1];
		}
	}
	return NULL;
}

uint64_t
part_number(const struct part_self *p, const char *name, uint64_t otherwise)
{
	const char *given = part_arg(p, name);
	uint64_t value;

	return given && str_u64(str_of(given), &value) ? value : otherwise;
}

static void
peer_gone(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	enum part other = wire_peer_part(peer);

	if (why->kind != ERR_UNAVAILABLE) {
		log_err("channel", why);
		exit(1);
	}
	log_line(LOG_DEBUG, "ends", "%s is gone", wire_part_name(other));
	exit(0);
}

void
part_join(struct part_self *p, const struct wire_handler *from_supervisor,
    size_t supervisor_count, const struct wire_handler *from_core,
    size_t core_count, void *owner)
{
	struct err e = { 0 };
	struct wire_end up = {
		.self = p->self,
		.other = PART_SUPERVISOR,
		.handlers = from_supervisor,
		.count = supervisor_count,
		.closed = peer_gone,
		.owner = owner,
	};

	p->supervisor = wire_peer_new(p->loop, PART_SUPERVISOR_FD, &up, &e);
	if (!p->supervisor) {
		part_fail(&e);
	}
	if (p->self == PART_CORE || p->self == PART_RADIO) {
		return;
	}
	struct wire_end core = {
		.self = p->self,
		.other = PART_CORE,
		.handlers = from_core,
		.count = core_count,
		.closed = peer_gone,
		.owner = owner,
	};

	p->core = wire_peer_new(p->loop, PART_CORE_FD, &core, &e);
	if (!p->core) {
		part_fail(&e);
	}
}

void
part_ready(struct part_self *p, enum wire_type ready, const char *text)
{
	struct wire_ready record = { .pid = getpid() };

	str_fit(record.text, sizeof(record.text), str_of(text));
	wire_send(p->supervisor, ready, &record, NULL, 0);
}

void
part_give_processor(struct mono *from)
{
	struct mono now = mono_now();

	if (mono_passed(*from, now)) {
		(void)sched_yield();
		if (mono_passed(mono_after(now, SOON_US), mono_now())) {
			*from = mono_after(now, BURNT_US);
		}
	}
}

void
part_fail(const struct err *e)
{
	(void)fprintf(stderr, "handrail: %s\n", e->text);
	exit(err_exit(e->kind));
}
