/* SPDX-License-Identifier: Apache-2.0 */
/* A connection whose time is over, by what it waited for. */
#include "proxy/inside.h"

static const char half[] =
    "the request did not come whole in time: send it without a pause";

/* Behind an earlier request that is how most connections end. */
static void
nothing_asked(struct conn *c)
{
	if (c->any) {
		proxy_conn_end(c);
		return;
	}
	proxy_conn_outcome(c, PROXY_REFUSED, 408, "no request came in time");
	proxy_conn_shut(c);
}

static void
late(void *owner)
{
	struct conn *c = owner;
	static const struct proxy_refusal slow = { .status = 504,
		.error = "unavailable",
		.reason = "no decision about this request came in time" };
	switch (c->state) {
	case CONN_ASKED:
		/* An approval that comes now must not be used up for it. */
		proxy_conn_outcome(c, PROXY_REFUSED, 504, slow.reason);
		proxy_conn_answer(c, &slow);
		break;
	case CONN_HEAD:
		if (http_reader_idle(&c->reader)) {
			nothing_asked(c);
			break;
		}
		proxy_conn_refuse_early(c, 408, half);
		break;
	case CONN_COMMANDS:
	case CONN_SPOOL:
	case CONN_GATHER:
		proxy_conn_refuse_early(c, 408, half);
		break;
	case CONN_FIRST:
	case CONN_SHAKE:
		nothing_asked(c);
		break;
	case CONN_PIPE:
		proxy_conn_outcome(c, PROXY_FAILED, 0, "nothing moved in time");
		proxy_conn_shut(c);
		break;
	case CONN_TWO:
		if (c->streams) {
			proxy_conn_arm(c, c->proxy->setup.times.stall);
			return;
		}
		proxy_front_over(c);
		break;
	case CONN_CARRY:
		return; /* the exchange has a time of its own */
	case CONN_LINGER:
		/* All was said; the kernel goes on with what is on its way. */
		proxy_conn_leave(c);
		break;
	case CONN_ANSWER:
	case CONN_CLOSED:
		proxy_conn_shut(c);
		break;
	}
	proxy_conn_turn(c);
}

void
proxy_conn_arm(struct conn *c, int64_t us)
{
	struct loop *loop = c->proxy->setup.loop;
	loop_timer_arm(
	    &c->timer, loop, mono_after(loop_now(loop), us), late, c);
}
