/* SPDX-License-Identifier: Apache-2.0 */
#include "buddy/buddy.h"

#include <stdlib.h>
#include <string.h>

#include "buddy/inside.h"

struct buddy *
buddy_new(void)
{
	struct buddy *b = calloc(1, sizeof(*b));

	must(b);
	return b;
}

static void
forget_command(struct buddy *b)
{
	b->waiting[0] = '\0';
	b->asked = false;
	buf_clear(&b->order);
	buddy_push_free(b->push);
	b->push = NULL;
}

void
buddy_free(struct buddy *b)
{
	if (!b) {
		return;
	}
	forget_command(b);
	buf_fini(&b->line);
	buf_fini(&b->wanted);
	buf_fini(&b->sent);
	buf_fini(&b->greeting);
	buf_fini(&b->order);
	free(b);
}

void
buddy_lost(struct buddy *b)
{
	b->connected = false;
	b->overlong = false;
	b->shown = (struct prompt){ 0 };
	buf_clear(&b->line);
	buf_clear(&b->sent);
	buf_clear(&b->greeting);
	forget_command(b);
}

void
buddy_connected(
    struct buddy *b, const struct buddy_hello *hello, struct mono now)
{
	buddy_lost(b);
	b->connected = true;
	b->heard = now;
	b->beat_at = now;
	b->status_at = now;
	buddy_write_hello(&b->greeting, hello);
}

bool
buddy_alive(const struct buddy *b, struct mono now)
{
	return b->connected &&
	       !mono_passed(mono_after(b->heard, BUDDY_DEAD_US), now);
}

int
buddy_show(struct buddy *b, const struct buddy_show *show, struct err *e)
{
	auto_buf line = { 0 };
	struct prompt coming = { 0 };

	if (buddy_write_show(&line, show, e)) {
		return -1;
	}
	if (show->prompt) {
		must(str_copy(coming.id, sizeof(coming.id), show->prompt->id));
		coming.whole = show->prompt->whole;
	}
	b->coming = coming;
	buf_clear(&b->wanted);
	buf_add(&b->wanted, buf_str(&line));
	return 0;
}

const char *
buddy_shown(const struct buddy *b)
{
	return b->shown.answered ? "" : b->shown.id;
}

static int
order(struct buddy *b, const char *command, const char *key, struct str value,
    struct err *e)
{
	if (!b->connected) {
		return err_set(e, ERR_UNAVAILABLE, "no device is connected");
	}
	if (b->asked || b->order.len) {
		return err_set(e, ERR_CONFLICT,
		    "the device is busy with another command; try again when "
		    "that has ended");
	}
	b->asked = true;
	b->order_word = command;
	buddy_write_command(&b->order, command, key, value);
	return 0;
}

int
buddy_rename(struct buddy *b, struct str name, struct err *e)
{
	if (!name.len || name.len > BUDDY_NAME_MAX) {
		return err_set(e, ERR_INPUT,
		    "a device's name has 1 to %d characters", BUDDY_NAME_MAX);
	}
	return order(b, "name", "name", name, e);
}

int
buddy_unpair(struct buddy *b, struct err *e)
{
	return order(b, "unpair", NULL, STR(""), e);
}

/* --- sending --- */

static struct mono
sooner(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

static void
beat(struct buddy *b, struct mono now, struct buf *out)
{
	bool same = str_eq(buf_str(&b->wanted), buf_str(&b->sent));

	if (!b->wanted.len || (same && !mono_passed(b->beat_at, now))) {
		return;
	}
	buf_add(out, buf_str(&b->wanted));
	b->beat_at = mono_after(now, BUDDY_BEAT_US);
	if (same) {
		return;
	}
	buf_clear(&b->sent);
	buf_add(&b->sent, buf_str(&b->wanted));
	/* What was answered stays so until another prompt takes its place. */
	if (strcmp(b->shown.id, b->coming.id) != 0) {
		b->shown = b->coming;
	}
}

static void
await(struct buddy *b, const char *word, struct mono now)
{
	must(str_copy(b->waiting, sizeof(b->waiting), str_of(word)));
	b->ack_at = mono_after(now, BUDDY_ACK_US);
}

static void
command(struct buddy *b, struct mono now, struct buf *out)
{
	struct str line = buf_str(&b->order);

	if (b->waiting[0]) {
		return;
	}
	if (line.len) {
		buf_add(out, line);
		await(b, b->order_word, now);
		buf_clear(&b->order);
	} else if (mono_passed(b->status_at, now)) {
		buddy_write_command(out, "status", NULL, STR(""));
		await(b, "status", now);
		b->status_at = mono_after(now, BUDDY_BEAT_US);
	}
}

static void
end_command(struct buddy *b, bool ok, const char *text, buddy_event_fn *each,
    void *owner)
{
	struct buddy_event done = {
		.kind = BUDDY_DONE,
		.ok = ok,
		.text = text,
	};
	bool told = b->asked;

	forget_command(b);
	if (told) {
		each(owner, &done);
	}
}

static void
give_up_waiting(struct buddy *b, buddy_event_fn *each, void *owner)
{
	if (strcmp(b->waiting, "status") == 0) {
		b->waiting[0] = '\0'; /* asked again at its time */
	} else {
		end_command(b, false,
		    "the device did not answer; it may be of another kind, or "
		    "out of reach",
		    each, owner);
	}
}

bool
buddy_due(struct buddy *b, struct mono now, struct buf *out, struct mono *next,
    buddy_event_fn *each, void *owner)
{
	if (!b->connected) {
		return false;
	}
	if (b->waiting[0] && mono_passed(b->ack_at, now)) {
		give_up_waiting(b, each, owner);
	}
	buf_add(out, buf_str(&b->greeting));
	buf_clear(&b->greeting);
	beat(b, now, out);
	command(b, now, out);
	*next = b->wanted.len ? b->beat_at : mono_after(now, BUDDY_BEAT_US);
	*next = sooner(*next, b->waiting[0] ? b->ack_at : b->status_at);
	*next = sooner(*next, mono_after(b->heard, BUDDY_DEAD_US));
	return true;
}

/* --- hearing --- */

struct hearing {
	struct buddy *b;
	struct mono now;
	buddy_event_fn *each;
	void *owner;
};

static void
noise(const struct hearing *h, const char *text)
{
	struct buddy_event event = { .kind = BUDDY_NOISE, .text = text };

	h->each(h->owner, &event);
}

static void
take_decision(const struct hearing *h, const struct json *said)
{
	struct buddy *b = h->b;
	struct buddy_event event = { .kind = BUDDY_DECISION,
		.id = b->shown.id };
	struct str id, word;

	if (!json_text(said, "id", &id) ||
	    !json_text(said, "decision", &word) ||
	    (!str_eq_z(word, "once") && !str_eq_z(word, "deny"))) {
		noise(h, "a decision without an id, or neither once nor deny");
	} else if (!b->shown.id[0] || !str_eq_z(id, b->shown.id)) {
		noise(
		    h, "a decision on something that the device does not show");
	} else if (b->shown.answered) {
		noise(h, "a second decision on the same prompt");
	} else if (str_eq_z(word, "once") && !b->shown.whole) {
		noise(h, "a yes to a prompt that the device cannot show whole: "
		         "say it where it can be read");
	} else {
		b->shown.answered = true;
		event.yes = str_eq_z(word, "once");
		h->each(h->owner, &event);
	}
}

static void
push_on(const struct hearing *h, int64_t n)
{
	struct buddy *b = h->b;
	bool ended = false;

	if (!buddy_push_acked(b->push, n, &ended)) {
		end_command(b, false,
		    "the device counted other bytes than were sent; nothing "
		    "says what it kept: send the folder again",
		    h->each, h->owner);
	} else if (ended) {
		end_command(b, true, "", h->each, h->owner);
	} else {
		b->waiting[0] = '\0';
		b->order_word = buddy_push_word(b->push);
		buddy_write_push(&b->order, b->push);
	}
}

static void
take_ack(const struct hearing *h, const struct json *said, struct str word)
{
	struct buddy *b = h->b;
	struct buddy_event status = {
		.kind = BUDDY_STATUS,
		.data = json_get(said, "data"),
	};
	bool ok = false;
	int64_t n = 0;
	struct str why;

	(void)json_bool(said, "ok", &ok);
	(void)json_i64(said, "n", &n);
	if (str_eq_z(word, "owner")) {
		return; /* of the greeting: it says nothing that we need */
	}
	if (!b->waiting[0] || !str_eq_z(word, b->waiting)) {
		noise(h, "an answer to a command that does not wait for one");
	} else if (str_eq_z(word, "status")) {
		b->waiting[0] = '\0';
		h->each(h->owner, &status);
	} else if (!ok) {
		end_command(b, false,
		    json_text(said, "error", &why) ? err_quote(why)
		                                   : "the device refused it",
		    h->each, h->owner);
	} else if (b->push) {
		push_on(h, n);
	} else {
		end_command(b, true, "", h->each, h->owner);
	}
}

static void
take_line(const struct hearing *h, struct str line)
{
	static const struct json_limits limits = { BUDDY_LINE_MAX, 8, 256 };
	auto_arena a = { 0 };
	struct json *said;
	struct str word;
	struct err e = { 0 };

	if (!line.len || line.at[0] != '{') {
		return; /* what a serial port prints while it starts */
	}
	if (json_parse(&a, line, &limits, &said, &e)) {
		noise(h, e.text);
		return;
	}
	h->b->heard = h->now;
	if (json_text(said, "ack", &word)) {
		take_ack(h, said, word);
	} else if (json_text(said, "cmd", &word) &&
	           str_eq_z(word, "permission")) {
		take_decision(h, said);
	} else {
		noise(h, "a line that is neither an answer nor a decision");
	}
}

static void
take_byte(const struct hearing *h, char byte)
{
	struct buddy *b = h->b;
	bool end = byte == '\n' || byte == '\r';

	if (!end && b->line.len < BUDDY_LINE_MAX && !b->overlong) {
		buf_add_byte(&b->line, (uint8_t)byte);
	} else if (!end && !b->overlong) {
		b->overlong = true;
		buf_clear(&b->line);
		noise(h, "a line longer than 1023 bytes");
	} else if (end && b->overlong) {
		b->overlong = false;
	} else if (end) {
		take_line(h, buf_str(&b->line));
		buf_clear(&b->line);
	}
}

void
buddy_hear(struct buddy *b, struct str bytes, struct mono now,
    buddy_event_fn *each, void *owner)
{
	struct hearing h = { b, now, each, owner };

	for (size_t i = 0; i < bytes.len && b->connected; i++) {
		take_byte(&h, bytes.at[i]);
	}
}
