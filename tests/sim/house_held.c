/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that a gate holds.  A cell asks for the same few things again and
 * again, and they differ in a path or only in a body; whatever leaves must be
 * exactly what a person allowed, and once for each yes.
 */
#include <stdio.h>
#include <string.h>

#include "sim/house.h"

/* Of two paths and two bodies; b of an event: 2 * path + body. */
#define KINDS 4

static struct str
body_of(uint64_t what)
{
	return what % 2 ? STR("amount=9") : STR("amount=1");
}

static const char line[] = "content-type: text/plain\n";

static void
shown(struct sim_cell *c, uint64_t id, uint64_t what)
{
	struct wire_shown out = {
		.id = id,
		.lines_size = sizeof(line) - 1,
		.body_size = (uint16_t)body_of(what).len,
	};
	struct digest d = digest_of(str_of(line));

	memcpy(out.headers, d.bytes, sizeof(out.headers));
	memcpy(out.text, line, out.lines_size);
	memcpy(out.text + out.lines_size, body_of(what).at, out.body_size);
	wire_send(c->egress, WIRE_SHOWN, &out, NULL, 0);
}

static void
send(uint64_t cell, uint64_t what, bool read)
{
	struct sim_cell *c = sim_cell_of(cell);
	struct wire_intent in = {
		.id = sim.paths + 1,
		.port = 443,
		.tls = 1,
		.named = 1,
		.body = read ? WIRE_BODY_READ : WIRE_BODY_UNREAD,
	};
	struct digest d = digest_of(body_of(what));

	if (!c || !c->egress || sim.held_count == SIM_INTENT) {
		return;
	}
	if (read) {
		in.body_size = body_of(what).len;
		memcpy(in.body_digest, d.bytes, sizeof(in.body_digest));
	}
	must(str_copy(in.method, sizeof(in.method), STR("POST")));
	must(str_copy(in.host, sizeof(in.host), STR("held.test")));
	(void)snprintf(
	    in.path, sizeof(in.path), "/held/%u", (unsigned)what / 2);
	sim.held[sim.held_count++] = (struct sim_held){
		.id = ++sim.paths,
		.cell = cell,
		.task = c->task,
		.what = (uint32_t)what,
	};
	if (read) {
		shown(c, in.id, what);
	}
	wire_send(c->egress, WIRE_INTENT, &in, NULL, 0);
}

static void
asks(uint64_t cell, uint64_t what)
{
	send(cell, what, sim_draw(2));
}

static void
asks_with_body(uint64_t cell, uint64_t what)
{
	send(cell, what, true);
}

void
sim_held_begin(struct sim_cell *c)
{
	sim_later(sim_delay(2500000), asks, c->number, sim_draw(KINDS));
}

static const struct sim_held *
held_of(uint64_t id)
{
	for (int n = sim.held_count - 1; n >= 0; n--) {
		if (sim.held[n].id == id) {
			return &sim.held[n];
		}
	}
	return NULL;
}

/* The egress is told to read it first, or who asked asks again. */
void
sim_held_read(uint64_t id)
{
	const struct sim_held *h = held_of(id);

	must(h);
	sim_later(sim_delay(100000), asks_with_body, h->cell, h->what);
}

void
sim_held_refused(const struct wire_refuse *r)
{
	const struct sim_held *h = held_of(r->id);

	if (!h) {
		return;
	}
	if (!str_eq_z(str_of(r->error), "approval_required")) {
		sim_seen->held_no++;
		return;
	}
	if (!r->wait[0] || r->status != 403) {
		sim_fault("a held request is told of no question");
	}
	sim_seen->held++;
	if (sim_draw(8)) {
		sim_later(sim_delay(1500000), asks, h->cell, h->what);
	}
}

/* --- the account --- */

/* What the approval must have been for; members as RFC 8785 sorts them. */
static void
bound(const struct sim_held *h, char hex[DIGEST_TEXT])
{
	auto_buf text = { 0 };
	char body[DIGEST_TEXT];
	char headers[DIGEST_TEXT];

	digest_text(digest_of(body_of(h->what)), body);
	digest_text(digest_of(str_of(line)), headers);
	buf_addf(&text,
	    "{\"body\":\"" STR_FMT "\",\"body_sha256\":\"%s\",\"bytes\":%zu,"
	    "\"credential\":\"\",\"headers\":[\"content-type: text/plain\"],"
	    "\"headers_sha256\":\"%s\",\"host\":\"held.test\","
	    "\"method\":\"POST\",\"path\":\"/held/%u\","
	    "\"port\":443,\"rule\":\"egress.held\",\"tls\":true}",
	    STR_ARG(body_of(h->what)), body, body_of(h->what).len, headers,
	    h->what / 2);
	digest_text(digest_of(buf_str(&text)), hex);
}

int
sim_held_intent(const struct sim_task *t, struct str wait)
{
	int i = 0;

	while (i < sim.wait_count && !str_eq_z(wait, sim.waits[i].id)) {
		i++;
	}
	struct sim_wait *w = &sim.waits[i];

	if (i == sim.wait_count || &sim.tasks[w->task] != t || !w->yes ||
	    w->said_no || w->used != 1 || w->left) {
		sim_fault("a held request of task %s is about to leave, and "
		          "nobody's yes is used up for it",
		    t->id);
	}
	w->left = true;
	sim_seen->held_left++;
	return i + 1;
}

bool
sim_held_goes(uint64_t id)
{
	const struct sim_held *h = held_of(id);
	char hex[DIGEST_TEXT];

	if (!h) {
		return false;
	}
	bound(h, hex);
	/* An older one of the same request may have lost its claim before it
	 * went: it goes no more. */
	for (int n = sim.intent_count - 1; n >= 0; n--) {
		struct sim_intent *i = &sim.intents[n];

		if (i->house == sim.house && i->wait && !i->gone &&
		    i->task == h->task &&
		    strcmp(sim.waits[i->wait - 1].args, hex) == 0) {
			sim_must_own(&sim.tasks[i->task], i->epoch,
			    "a held request that goes");
			sim_must_not_be_stopped(
			    &sim.tasks[i->task], "a held request");
			i->gone = 1;
			sim_seen->held_gone++;
			return true;
		}
	}
	sim_fault("a request of task %s leaves, and nobody allowed exactly it",
	    sim.tasks[h->task].id);
}
