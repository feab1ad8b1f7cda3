/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The brain of one run, in a cell with nothing in it.  fd 3 is its channel to
 * core; there is nothing else.  It is told its task and what has happened, and
 * then asks for one thing at a time; the room `agent` decides what.  It ends
 * when core goes, and at the first record that no honest core sends.
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/agent.h"
#include "jail/jail.h"
#include "loop/loop.h"
#include "wire/wire.h"

#define CORE_FD 3

enum {
#define ERR(kind, http, exit, retry, name) KIND_##kind,
#include "base/errors.def"
#undef ERR
	LAST_KIND, /* enum err_kind counts from 1 */
};

struct self {
	struct loop *loop;
	struct wire_peer *core;
	struct loop_timer pause; /* before what failed is asked again */
	struct agent *agent;
	bool going; /* RUN_GO has come: it may ask */
};

_Noreturn static void
fail(const struct err *e)
{
	(void)fprintf(stderr, "handrail agent: %s\n", e->text);
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

/* What core sent cannot be what it meant: not one step further. */
_Noreturn static void
broken(const char *what)
{
	struct err e;

	(void)err_set(&e, ERR_DENIED, "core sent %s", what);
	fail(&e);
}

/* --- asking --- */

static void
send_with_body(struct self *p, enum wire_type type, const void *record)
{
	auto_buf body = { 0 };
	struct err e = { 0 };

	agent_write_body(p->agent, &body);
	int fd = memfd_sealed("ask", buf_str(&body), &e);

	if (fd < 0) {
		fail(&e);
	}
	wire_send(p->core, type, record, &fd, 1);
}

static void
send_ask(void *owner)
{
	struct self *p = owner;
	struct agent_ask ask = agent_asks(p->agent);
	struct wire_call_ask call = { .ordinal = ask.number };
	struct wire_model_ask model = { .turn = ask.number };
	struct wire_run_done done = {
		.end = ask.end == AGENT_BLOCK ? WIRE_RUN_BLOCK : WIRE_RUN_FAIL,
	};

	switch (ask.want) {
	case AGENT_CALL:
		must(str_copy(call.tool, sizeof(call.tool), str_of(ask.tool)));
		send_with_body(p, WIRE_CALL_ASK, &call);
		break;
	case AGENT_MODEL:
		send_with_body(p, WIRE_MODEL_ASK, &model);
		break;
	case AGENT_DONE:
		send_with_body(p, WIRE_RUN_DONE, &done);
		break;
	case AGENT_REST:
		break;
	}
	(void)malloc_trim(0); /* it now waits, perhaps for hours */
}

static void
ask(struct self *p)
{
	struct agent_ask next = agent_asks(p->agent);

	if (!p->going) {
		return;
	}
	loop_timer_cancel(&p->pause);
	if (next.wait_us > 0) {
		/* All agents of a house would else come back at once. */
		int64_t more =
		    (int64_t)(random_u64() % (uint64_t)(next.wait_us / 2 + 1));

		loop_timer_arm(&p->pause, p->loop,
		    mono_after(loop_now(p->loop), next.wait_us + more),
		    send_ask, p);
		return;
	}
	send_ask(p);
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

/* --- hearing --- */

static void
read_body(int fd, size_t limit, struct buf *body)
{
	struct err e = { 0 };

	if (memfd_read(fd, limit, body, &e)) {
		fail(&e);
	}
}

static void
take_begin(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct self *p = owner;
	auto_buf body = { 0 };
	struct err e = { 0 };

	(void)peer;
	(void)record;
	if (p->agent || nfds != 1) {
		broken("a second beginning, or one without its task");
	}
	read_body(fds[0], AGENT_BEGIN_MAX, &body);
	if (agent_new(buf_str(&body), &p->agent, &e)) {
		fail(&e);
	}
}

static void
take_go(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct self *p = owner;

	(void)peer;
	(void)record;
	(void)fds;
	if (!p->agent || p->going || nfds) {
		broken("a go where none belongs");
	}
	p->going = true;
	/* A call that a run asked for before a person's yes, or a stop of the
	 * house, has had its pause. */
	if (agent_asks(p->agent).want == AGENT_CALL) {
		send_ask(p);
	} else {
		ask(p);
	}
}

static void
take_result(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct self *p = owner;
	const struct wire_call_result *result = record;
	auto_buf body = { 0 };
	struct err e = { 0 };

	(void)peer;
	if (!p->agent || nfds != 1 || result->end < WIRE_CALL_OK ||
	    result->end > WIRE_CALL_DENIED ||
	    !wire_text_ok(result->tool, sizeof(result->tool))) {
		broken("a result that is not of its form");
	}
	read_body(fds[0], AGENT_RESULT_MAX, &body);
	struct agent_call_event event = {
		.ordinal = result->ordinal,
		.end = (enum agent_call_end)(result->end - WIRE_CALL_OK),
		.tool = str_of(result->tool),
		.body = buf_str(&body),
	};

	if (agent_take_call(p->agent, &event, &e)) {
		fail(&e);
	}
	ask(p);
}

static void
take_reply(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct self *p = owner;
	const struct wire_model_reply *reply = record;
	auto_buf body = { 0 };
	struct err e = { 0 };

	(void)peer;
	if (!p->agent || nfds != (reply->ok ? 1U : 0U) ||
	    reply->kind > LAST_KIND ||
	    !wire_text_ok(reply->text, sizeof(reply->text))) {
		broken("a model's reply that is not of its form");
	}
	if (nfds) {
		read_body(fds[0], AGENT_REPLY_MAX, &body);
	}
	struct agent_model_event event = {
		.turn = reply->turn,
		.ok = reply->ok != 0,
		.status = reply->status,
		.kind = (enum err_kind)reply->kind,
		.text = str_of(reply->text),
		.body = buf_str(&body),
	};

	if (agent_take_model(p->agent, &event, &e)) {
		fail(&e);
	}
	ask(p);
}

/* NOLINTEND(readability-non-const-parameter) */

static const struct wire_handler handlers[] = {
	{ WIRE_RUN_BEGIN, take_begin },
	{ WIRE_RUN_GO, take_go },
	{ WIRE_CALL_RESULT, take_result },
	{ WIRE_MODEL_REPLY, take_reply },
};

static void
core_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	if (why->kind != ERR_UNAVAILABLE) {
		fail(why);
	}
	exit(0); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static int
give_up_power(struct err *e)
{
	struct jail_plan plan = {
		.part = "agent",
		.limits = { .nofile = JAIL_SENDER_FILES,
		    .nproc = JAIL_ZERO,
		    .fsize = 2UL * AGENT_REPLY_MAX,
		    .as = 512U << 20 },
		.landlock = true,
		.net = JAIL_NET_NONE,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO,
	};

	return jail_enter(&plan, e);
}

int
main(void)
{
	static struct self p;
	struct wire_end end = {
		.self = PART_AGENT,
		.other = PART_CORE,
		.handlers = handlers,
		.count = COUNT(handlers),
		.closed = core_closed,
		.owner = &p,
	};
	struct err e = { 0 };

	must_set_part("agent");
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	if (fcntl(CORE_FD, F_GETFD) < 0) {
		(void)fprintf(stderr,
		    "handrail agent: this is a part of the house, started by "
		    "`handrail up`\n");
		return 2;
	}
	if (give_up_power(&e)) {
		fail(&e);
	}
	p.loop = loop_new();
	p.core = wire_peer_new(p.loop, CORE_FD, &end, &e);
	if (!p.core) {
		fail(&e);
	}
	loop_run(p.loop);
	return 0;
}
