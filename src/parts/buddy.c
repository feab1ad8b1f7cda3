/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device on a desk: its bytes on one side, core on the other.  fd 3
 * supervisor, fd 4 core; what carries the bytes comes from the supervisor, one
 * at a time, and again when the last one was of no more use.  It is one
 * descriptor, or of a radio two: packets to the device, packets from it.
 * What the device says is hostile, and the worst it can do here is to say yes
 * to what it was shown: core decides what that is, and whose word it is.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "jail/jail.h"
#include "parts/buddy.h"

#define PAIRING_US (5 * CLOCK_SECOND) /* patience with the first line */
#define SAID_MAX   32768              /* bytes in a second */
#define NOISES_MAX 10                 /* told of one carrier */

static void
tell_state(struct desk *d, bool alive)
{
	struct wire_buddy_state state = {
		.carrier = d->carrier,
		.alive = alive,
	};

	d->alive = alive;
	(void)str_copy(state.text, sizeof(state.text), str_of(d->text));
	wire_send(d->part.core, WIRE_BUDDY_STATE, &state, NULL, 0);
}

/* Nothing is kept for the next device: it may be another person's. */
static void
forget(struct desk *d)
{
	desk_end_order(
	    d, false, "the device is gone; nothing says what it did");
	loop_timer_cancel(&d->timer);
	loop_io_close(&d->io);
	loop_io_close(&d->out_io);
	if (d->fd >= 0) {
		(void)close(take_fd(&d->fd));
	}
	if (d->out_fd >= 0) {
		(void)close(take_fd(&d->out_fd));
	}
	buddy_free(d->b);
	d->b = NULL;
	buf_clear(&d->out);
	buf_clear(&d->first);
	wipe(&d->given, sizeof(d->given));
	d->carrier = 0;
	d->paired = false;
	d->answered = false;
	d->alive = false;
	d->text[0] = '\0';
	d->noises = 0;
	d->said = 0;
}

static void
lose(struct desk *d, const char *why)
{
	struct wire_buddy_lost lost = { .carrier = d->carrier };

	str_fit(lost.text, sizeof(lost.text), str_of(why));
	if (d->alive) {
		tell_state(d, false);
	}
	forget(d);
	wire_send(d->part.supervisor, WIRE_BUDDY_LOST, &lost, NULL, 0);
}

/* --- what the device says --- */

static void
take_decision(struct desk *d, const struct buddy_event *event)
{
	struct wire_buddy_decision said = {
		.carrier = d->carrier,
		.yes = event->yes,
	};

	must(str_copy(said.id, sizeof(said.id), str_of(event->id)));
	wire_send(d->part.core, WIRE_BUDDY_DECISION, &said, NULL, 0);
}

/* For people: name, battery, link; bounded and quoted. */
static void
take_status(struct desk *d, const struct json *data)
{
	auto_buf text = { 0 };
	struct str name;
	int64_t percent;
	bool secure;

	if (json_text(data, "name", &name)) {
		buf_add_z(&text, err_quote(str_sub(name, 0, BUDDY_NAME_MAX)));
	}
	if (json_i64(json_get(data, "bat"), "pct", &percent) && percent >= 0 &&
	    percent <= 100) {
		buf_addf(&text, "%sbattery %d %%", text.len ? ", " : "",
		    (int)percent);
	}
	if (json_bool(data, "sec", &secure)) {
		buf_addf(&text, "%s%s", text.len ? ", " : "",
		    secure ? "encrypted" : "not encrypted");
	}
	if (!str_eq_z(buf_str(&text), d->text) || !d->alive) {
		str_fit(d->text, sizeof(d->text), buf_str(&text));
		tell_state(d, true);
	}
	d->answered = true;
}

static void
hears(void *owner, const struct buddy_event *event)
{
	struct desk *d = owner;

	switch (event->kind) {
	case BUDDY_DECISION:
		take_decision(d, event);
		break;
	case BUDDY_STATUS:
		take_status(d, event->data);
		break;
	case BUDDY_DONE:
		desk_end_order(d, event->ok, event->text);
		break;
	case BUDDY_NOISE:
		if (d->noises++ < NOISES_MAX) {
			log_line(LOG_WARN, "ignored", "%s", event->text);
		}
		break;
	}
}

static void
greet(struct desk *d)
{
	struct buddy_hello hello = {
		.now = wall_now(),
		.zone_s = d->given.zone,
		.owner = str_of(d->given.owner),
	};

	d->paired = true;
	d->b = buddy_new();
	buddy_connected(d->b, &hello, loop_now(d->part.loop));
}

/* Takes as long for a wrong token as for the right one. */
static bool
same_token(const char *token, struct str said)
{
	size_t len = strlen(token);
	unsigned differ = said.len != len;

	for (size_t i = 0; i < len; i++) {
		differ |= (unsigned char)token[i] ^
		          (unsigned char)(i < said.len ? said.at[i] : 0);
	}
	return differ == 0;
}

/* The first line; *bytes goes behind it.  False: the carrier is gone. */
static bool
pair(struct desk *d, struct str *bytes)
{
	while (bytes->len && !d->paired) {
		char byte = bytes->at[0];

		*bytes = str_sub(*bytes, 1, bytes->len);
		if (byte != '\n' && d->first.len < WIRE_PAIRING_MAX) {
			buf_add_byte(&d->first, (uint8_t)byte);
		} else if (byte == '\n' &&
		           same_token(d->given.token, buf_str(&d->first))) {
			greet(d);
		} else {
			lose(d, "it did not begin with the token");
			return false;
		}
	}
	return true;
}

static bool
too_much(struct desk *d, size_t more)
{
	struct mono now = loop_now(d->part.loop);

	if (mono_passed(mono_after(d->second, CLOCK_SECOND), now)) {
		d->second = now;
		d->said = 0;
	}
	d->said += more;
	return d->said > SAID_MAX;
}

/* False: the carrier is gone. */
static bool
take_bytes(struct desk *d, struct str bytes)
{
	if (too_much(d, bytes.len)) {
		lose(d, "it says more than a device has to say");
		return false;
	}
	if (!pair(d, &bytes)) {
		return false;
	}
	if (d->paired) {
		buddy_hear(d->b, bytes, loop_now(d->part.loop), hears, d);
	}
	return true;
}

static bool
read_some(struct desk *d)
{
	char bytes[1024]; /* a packet of a radio is not cut */

	for (int i = 0; i < 16; i++) {
		ssize_t n = read(d->fd, bytes, sizeof(bytes));

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return true;
		}
		if (n <= 0) {
			lose(d, n ? strerrordesc_np(errno) : "it hung up");
			return false;
		}
		if (!take_bytes(d, str_span(bytes, (size_t)n))) {
			return false;
		}
	}
	return true;
}

/* --- what it is told --- */

static bool
write_some(struct desk *d)
{
	int fd = d->out_fd >= 0 ? d->out_fd : d->fd;

	while (d->out.len) {
		size_t size = d->out.len < d->widest ? d->out.len : d->widest;
		ssize_t n = write(fd, d->out.at, size);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return true;
		}
		if (n < 0) {
			lose(d, strerrordesc_np(errno));
			return false;
		}
		buf_drop(&d->out, (size_t)n);
	}
	return true;
}

/* A device that reads slowly is told the newest when it has read the last. */
void
desk_turn(void *owner)
{
	struct desk *d = owner;
	struct mono now = loop_now(d->part.loop);
	struct mono next = mono_after(now, BUDDY_BEAT_US);

	if (!d->carrier) {
		return;
	}
	if (!d->paired) {
		lose(d, "it did not say the token in time");
		return;
	}
	if (!buddy_alive(d->b, now)) {
		lose(d, "it was silent for 30 s");
		return;
	}
	if (!d->out.len) {
		(void)buddy_due(d->b, now, &d->out, &next, hears, d);
	}
	if (write_some(d)) {
		unsigned more = d->out.len ? LOOP_WRITE : 0;

		if (d->out_fd >= 0) {
			loop_io_want(&d->out_io, more);
			more = 0;
		}
		loop_io_want(&d->io, LOOP_READ | more);
		loop_timer_arm(&d->timer, d->part.loop, next, desk_turn, d);
	}
}

static void
ready(void *owner, unsigned what)
{
	struct desk *d = owner;

	(void)what;
	if (read_some(d) && d->paired) {
		desk_turn(d);
	}
}

/* --- the supervisor and core --- */

void
desk_break_off(struct wire_peer *peer, const char *what)
{
	struct err why = { 0 };

	(void)err_set(&why, ERR_DENIED, "%s of no form", what);
	wire_peer_close(peer, &why);
}

static bool
carrier_ok(const struct wire_buddy_carrier *in, size_t nfds)
{
	bool radio = in->kind == WIRE_CARRIER_RADIO;

	return in->carrier && nfds == (radio ? 2 : 1) &&
	       (radio ? in->mtu >= 23 : in->mtu == 0) &&
	       wire_text_ok(in->owner, sizeof(in->owner)) &&
	       wire_text_ok(in->token, sizeof(in->token));
}

/* A packet has room for the MTU without the 3 bytes of its head. */
static size_t
widest_of(const struct wire_buddy_carrier *in)
{
	return in->mtu && in->mtu - 3 < BUDDY_WRITE_MAX ? in->mtu - 3
	                                                : BUDDY_WRITE_MAX;
}

/* A device that only listens hangs up on its other end. */
static void
writable(void *owner, unsigned what)
{
	(void)what;
	desk_turn(owner);
}

static int
open_carrier(struct desk *d, struct err *e)
{
	if (loop_io_open(&d->io, d->part.loop, d->fd, ready, d, e)) {
		return -1;
	}
	loop_io_want(&d->io, LOOP_READ);
	return d->out_fd >= 0 ? loop_io_open(&d->out_io, d->part.loop,
	                            d->out_fd, writable, d, e)
	                      : 0;
}

static void
take_carrier(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct desk *d = owner;
	const struct wire_buddy_carrier *in = record;
	struct err e = { 0 };

	if (!carrier_ok(in, nfds)) {
		desk_break_off(peer, "BUDDY_CARRIER");
		return;
	}
	forget(d);
	d->given = *in;
	d->carrier = in->carrier;
	d->widest = widest_of(in);
	if (nfds == 2) {
		d->out_fd = take_fd(&fds[0]);
	}
	d->fd = take_fd(&fds[nfds - 1]);
	d->second = loop_now(d->part.loop);
	if (open_carrier(d, &e)) {
		lose(d, e.text);
		return;
	}
	if (in->token[0]) {
		loop_timer_arm(&d->timer, d->part.loop,
		    mono_after(loop_now(d->part.loop), PAIRING_US), desk_turn,
		    d);
		return;
	}
	greet(d);
	desk_turn(d);
}

static void
take_drop(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct desk *d = owner;
	const struct wire_buddy_drop *in = record;

	(void)peer;
	if (in->carrier != d->carrier) {
		return;
	}
	if (d->alive) {
		tell_state(d, false);
	}
	forget(d);
}

static const struct wire_handler supervisor_handlers[] = {
	{ WIRE_BUDDY_CARRIER, take_carrier },
	{ WIRE_BUDDY_DROP, take_drop },
};

static bool
show_ok(const struct wire_buddy_show *in)
{
	bool ok = in->entries <= WIRE_BUDDY_ENTRIES &&
	          wire_text_ok(in->msg, sizeof(in->msg)) &&
	          wire_text_ok(in->id, sizeof(in->id)) &&
	          wire_text_ok(in->tool, sizeof(in->tool)) &&
	          wire_text_ok(in->hint, sizeof(in->hint)) &&
	          wire_text_ok(in->role, sizeof(in->role));

	for (size_t i = 0; ok && i < in->entries; i++) {
		ok = wire_text_ok(in->entry[i], sizeof(in->entry[i]));
	}
	return ok;
}

static void
take_show(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct desk *d = owner;
	const struct wire_buddy_show *in = record;
	struct str entries[WIRE_BUDDY_ENTRIES];
	struct err e = { 0 };

	if (!show_ok(in)) {
		desk_break_off(peer, "BUDDY_SHOW");
		return;
	}
	struct buddy_prompt prompt = {
		.id = str_of(in->id),
		.tool = str_of(in->tool),
		.hint = str_of(in->hint),
		.role = str_of(in->role),
		.whole = in->whole,
	};
	struct buddy_show show = {
		.total = in->total,
		.running = in->running,
		.waiting = in->waiting,
		.msg = str_of(in->msg),
		.entries = entries,
		.entry_count = in->entries,
		.tokens = in->tokens,
		.tokens_today = in->tokens_today,
		.prompt = in->prompt ? &prompt : NULL,
	};

	for (size_t i = 0; i < in->entries; i++) {
		entries[i] = str_of(in->entry[i]);
	}
	if (!d->paired || in->carrier != d->carrier) {
		return; /* about one that is gone */
	}
	if (buddy_show(d->b, &show, &e)) {
		log_err("show", &e);
		return;
	}
	desk_turn(d);
}

static const struct wire_handler core_handlers[] = {
	{ WIRE_BUDDY_SHOW, take_show },
	{ WIRE_BUDDY_ORDER, desk_take_order },
};

int
main(int argc, char **argv)
{
	static struct desk d = { .fd = -1, .out_fd = -1 };
	struct err e = { 0 };

	part_begin(&d.part, PART_BUDDY, argc, argv);
	struct jail_plan plan = {
		.part = "buddy",
		.uid = (uid_t)part_number(&d.part, "uid", 0),
		.gid = (gid_t)part_number(&d.part, "uid", 0),
		.limits = { .nofile = 32,
		    .nproc = JAIL_ZERO,
		    .memlock = JAIL_ZERO },
		.landlock = true,
		.net = JAIL_NET_NONE,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO,
	};

	if (jail_enter(&plan, &e)) {
		part_fail(&e);
	}
	part_join(&d.part, supervisor_handlers, COUNT(supervisor_handlers),
	    core_handlers, COUNT(core_handlers), &d);
	part_ready(&d.part, WIRE_BUDDY_READY, "");
	loop_run(d.part.loop);
	return 0;
}
