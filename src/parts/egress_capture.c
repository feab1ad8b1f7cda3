/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer of a token endpoint.  This process has it in clear anyway: it
 * takes the tokens out, hands them to the vault on their own channel, and wipes
 * them; core is told how it ended, without them.
 */
#include <string.h>

#include "oauth/oauth.h"
#include "parts/egress.h"

#define ASSUMED 3600 /* s that a token lives whose answer does not say so */

/* False: they do not fit, or nobody is there to take them. */
static bool
send_on(struct egress *g, uint64_t grant, int64_t lifetime, struct str access,
    struct str refresh)
{
	struct wire_captured w = { .number = grant,
		.expires = wall_now().us / CLOCK_SECOND + lifetime };

	if (!g->vault || !wire_peer_alive(g->vault) ||
	    access.len + refresh.len > sizeof(w.secret)) {
		return false;
	}
	w.access_size = (uint32_t)access.len;
	w.refresh_size = (uint32_t)refresh.len;
	memcpy(w.secret, access.at, access.len);
	if (refresh.len) {
		memcpy(w.secret + access.len, refresh.at, refresh.len);
	}
	wire_send(g->vault, WIRE_CAPTURED, &w, NULL, 0);
	wipe(&w, sizeof(w));
	return true;
}

/* R04.  Whatever the answer is, no token of it goes on. */
void
egress_captured(void *context, uint64_t id, const struct proxy_go *go,
    const struct proxy_answer *answer, struct buf *out)
{
	struct egress *g = context;
	auto_arena a = { 0 };
	struct oauth_answer got = { 0 };

	oauth_answer_read(&a, answer->status, answer->content_type,
	    answer->body, ASSUMED, &got);
	if (got.end != OAUTH_TOKENS) {
		/* The vault waits no longer for it. */
		(void)send_on(g, go->grant, 0, STR(""), STR(""));
	} else if (send_on(
	               g, go->grant, got.lifetime, got.access, got.refresh)) {
		g->captured = id;
	}
	oauth_masked(&a, answer->body, str_of(go->mask), out);
}

void
egress_capture(struct egress *g, const struct egress_fetch *f,
    const struct proxy_answer *answer, struct buf *told)
{
	auto_arena a = { 0 };
	struct oauth_answer got = { 0 };
	struct oauth_device device = { 0 };
	bool begins = f->capture == WIRE_CAPTURE_DEVICE;
	struct oauth_told out;

	if (begins) {
		oauth_device_read(&a, answer->status, answer->content_type,
		    answer->body, &device, &got);
	} else {
		oauth_answer_read(&a, answer->status, answer->content_type,
		    answer->body, f->assumed, &got);
	}
	out = (struct oauth_told){ .end = got.end,
		.lifetime = got.lifetime,
		.interval = device.interval,
		.retry =
		    got.end == OAUTH_FAILED
		        ? oauth_retry_after(answer->retry_after, wall_now())
		        : 0,
		.error = str_of(got.error),
		.fault = str_of(got.fault),
		.user_code = device.user_code,
		.uri = device.uri,
		.uri_complete = device.uri_complete };
	if (got.end == OAUTH_TOKENS) {
		out.kept = send_on(g, f->grant, got.lifetime,
		    begins ? device.device_code : got.access, got.refresh);
	}
	if (got.end == OAUTH_TOKENS && !out.kept) {
		out.end = OAUTH_FAILED;
		out.fault = STR("its tokens are too long, or the vault is "
		                "away: they are lost");
	}
	oauth_told_write(told, &out);
}
