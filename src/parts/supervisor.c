/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct house_part *
part_of(struct house *h, enum part part)
{
	for (size_t i = 0; i < h->part_count; i++) {
		if (h->parts[i].row->part == part) {
			return &h->parts[i];
		}
	}
	return NULL;
}

static void start_all(struct house *h);
static void part_ended(void *owner, pid_t pid, int code, int killer);

static void
stop_if_empty(struct house *h)
{
	for (size_t i = 0; i < h->part_count; i++) {
		if (h->parts[i].pid) {
			return;
		}
	}
	loop_stop(h->self.loop);
}

/* Ends what is left of the house; each end is reported by part_ended. */
static void
end_all(struct house *h)
{
	for (size_t i = 0; i < h->part_count; i++) {
		struct house_part *p = &h->parts[i];

		loop_timer_cancel(&p->again);
		if (p->pid) {
			(void)kill(p->pid, SIGKILL);
		}
	}
	stop_if_empty(h);
}

/* After a fall of the floor: a new incarnation once nobody is left. */
static void
begin_again(void *owner)
{
	struct house *h = owner;

	for (size_t i = 0; i < h->part_count; i++) {
		if (h->parts[i].pid) {
			loop_timer_arm(&h->drain, h->self.loop,
			    mono_after(loop_now(h->self.loop), HOUSE_LOOK_US),
			    begin_again, h);
			return;
		}
	}
	h->falling = false;
	if (!h->stopping) {
		start_all(h);
	}
}

static int64_t
next_wait(struct house_part *p)
{
	struct house *h = p->house;
	struct mono now = loop_now(h->self.loop);

	if (!p->wait ||
	    mono_passed(mono_after(p->started, HOUSE_STEADY_US), now)) {
		p->wait = HOUSE_RESTART_FIRST_US;
	} else {
		p->wait = duration_doubled(p->wait, 1, HOUSE_RESTART_MOST_US);
	}
	return p->wait;
}

static void
start_alone(void *owner)
{
	struct house_part *p = owner;
	struct err e = { 0 };

	if (house_spawn(p->house, p, &e)) {
		log_err("restart", &e);
		loop_timer_arm(&p->again, p->house->self.loop,
		    mono_after(loop_now(p->house->self.loop), next_wait(p)),
		    start_alone, p);
		return;
	}
	if (loop_child_open(
	        &p->child, p->house->self.loop, p->pid, part_ended, p, &e)) {
		log_err("restart", &e);
		end_all(p->house);
	}
}

static void
floor_fell(struct house *h, struct house_part *p)
{
	struct mono when = mono_after(loop_now(h->self.loop), next_wait(p));

	h->falling = true;
	for (size_t i = 0; i < h->part_count; i++) {
		struct house_part *other = &h->parts[i];

		loop_timer_cancel(&other->again);
		if (other->pid) {
			(void)kill(other->pid, SIGKILL);
		}
	}
	loop_timer_arm(&h->drain, h->self.loop, when, begin_again, h);
}

static void
say_end(const struct house_part *p, int code, int killer)
{
	const char *name = wire_part_name(p->row->part);

	if (killer) {
		log_line(LOG_ERROR, "ended", "%s was ended by signal %d (%s)",
		    name, killer, sigabbrev_np(killer));
	} else {
		log_line(code ? LOG_ERROR : LOG_INFO, "ended",
		    "%s ended with code %d", name, code);
	}
}

static void
part_ended(void *owner, pid_t pid, int code, int killer)
{
	struct house_part *p = owner;
	struct house *h = p->house;
	bool was_ready = p->ready;

	(void)pid;
	p->pid = 0;
	p->ready = false;
	wire_peer_free(p->peer);
	p->peer = NULL;
	if (p->row->part == PART_BUDDY) {
		house_buddy_gone(h);
	} else if (p->row->part == PART_RADIO) {
		house_radio_gone(h);
	}
	if (h->stopping) {
		if (p->row->part == PART_CORE) {
			end_all(h);
		}
		stop_if_empty(h);
		return;
	}
	if (!h->announced && !was_ready && !killer && code) {
		/* It has said why; a house that cannot start does not loop. */
		h->stopping = true;
		h->exit_code = code;
		end_all(h);
		return;
	}
	if (p->row->part == PART_CORE && code == err_exit(ERR_CONFLICT)) {
		/* Another node has the book: here nothing is done any more. */
		h->stopping = true;
		h->exit_code = code;
		end_all(h);
		return;
	}
	if (code || killer || p->row->floor) {
		say_end(p, code, killer);
	}
	if (h->falling) {
		return; /* begin_again takes care */
	}
	if (p->row->floor) {
		floor_fell(h, p);
		return;
	}
	loop_timer_arm(&p->again, h->self.loop,
	    mono_after(loop_now(h->self.loop), next_wait(p)), start_alone, p);
}

static void
announce(struct house *h)
{
	for (size_t i = 0; i < h->part_count; i++) {
		if (!h->parts[i].ready) {
			return;
		}
	}
	if (!h->announced) {
		int64_t took = mono_now().us - h->began.us;

		log_line(LOG_INFO, "ready",
		    "http://" STR_FMT " and %s/cli.sock, after %lld ms",
		    STR_ARG(h->config.listen), h->state,
		    (long long)(took / 1000));
	}
	h->announced = true;
}

static void
take_ready(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct house *h = owner;
	struct house_part *p = part_of(h, wire_peer_part(peer));
	const struct wire_ready *ready = record;

	(void)fds;
	(void)nfds;
	must(p);
	p->ready = true;
	if (ready->text[0] && wire_text_ok(ready->text, sizeof(ready->text))) {
		log_line(LOG_INFO, "part", "%s: %s",
		    wire_part_name(p->row->part), ready->text);
	} else if (h->announced) {
		log_line(LOG_INFO, "part", "%s: there again",
		    wire_part_name(p->row->part));
	}
	announce(h);
	if (p->row->part == PART_BUDDY || p->row->part == PART_RADIO) {
		house_buddy_ready(h);
	}
}

/* Of a channel that was merely closed the end of its process says more. */
static void
channel_gone(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct house *h = owner;
	struct house_part *p = part_of(h, wire_peer_part(peer));

	must(p);
	if (why->kind != ERR_UNAVAILABLE) {
		log_err("channel", why);
	}
	if (why->kind == ERR_DENIED && p->pid) {
		(void)kill(p->pid, SIGKILL);
	}
}

static const struct wire_handler handlers[] = {
	{ WIRE_API_READY, take_ready },
	{ WIRE_CORE_READY, take_ready },
	{ WIRE_VAULT_READY, take_ready },
	{ WIRE_EGRESS_READY, take_ready },
	{ WIRE_RESOLVER_READY, take_ready },
	{ WIRE_SANDBOX_READY, take_ready },
	{ WIRE_BUDDY_READY, take_ready },
	{ WIRE_BUDDY_LOST, house_buddy_lost },
	{ WIRE_RADIO_READY, take_ready },
	{ WIRE_RADIO_CARRIER, house_radio_carrier },
	{ WIRE_RADIO_LOST, house_radio_lost },
};

/* A part says one thing to us, that it is ready; buddy another, when what it
 * was given is of no more use, and radio what it has for buddy.  Those of one
 * part stand together. */
static const struct wire_handler *
handlers_of(enum part part, size_t *count)
{
	const struct wire_handler *first = NULL;

	*count = 0;
	for (size_t i = 0; i < COUNT(handlers); i++) {
		if (wire_sender(handlers[i].type) == part) {
			first = first ? first : &handlers[i];
			++*count;
		}
	}
	return first;
}

struct wire_peer *
house_listen(struct house *h, enum part part, int fd, struct err *e)
{
	struct wire_end end = {
		.self = PART_SUPERVISOR,
		.other = part,
		.closed = channel_gone,
		.owner = h,
	};

	end.handlers = handlers_of(part, &end.count);
	return wire_peer_new(h->self.loop, fd, &end, e);
}

static void
start_all(struct house *h)
{
	for (size_t i = 0; i < h->part_count; i++) {
		struct house_part *p = &h->parts[i];
		struct err e = { 0 };

		p->started = loop_now(h->self.loop);
		if (house_spawn(h, p, &e) ||
		    loop_child_open(
		        &p->child, h->self.loop, p->pid, part_ended, p, &e)) {
			log_err("start", &e);
			h->stopping = true;
			h->exit_code = err_exit(e.kind);
			end_all(h);
			return;
		}
	}
}

static void
drained(void *owner)
{
	struct house *h = owner;

	log_line(LOG_WARN, "stop", "core did not settle in time, ending it");
	end_all(h);
}

static void
on_signal(void *owner, int number)
{
	struct house *h = owner;
	struct house_part *core = part_of(h, PART_CORE);

	if (number == SIGHUP) {
		if (core && core->pid) {
			(void)kill(core->pid, SIGHUP);
		}
		return;
	}
	if (h->stopping || !core || !core->pid) {
		h->stopping = true;
		end_all(h);
		return;
	}
	/* Stop claiming, settle what runs, park the rest: core's own work. */
	h->stopping = true;
	(void)kill(core->pid, SIGTERM);
	loop_timer_arm(&h->drain, h->self.loop,
	    mono_after(loop_now(h->self.loop), HOUSE_DRAIN_US), drained, h);
}

static int
refuse_provider_key(struct err *e)
{
	const char *key = getenv("ANTHROPIC_API_KEY");

	if (key && key[0]) {
		return err_set(e, ERR_DENIED,
		    "ANTHROPIC_API_KEY is set: Handrail takes no provider key "
		    "in its environment; run `unset ANTHROPIC_API_KEY` and put "
		    "model credentials in the vault (`handrail vault put`)");
	}
	if (key) {
		log_line(LOG_WARN, "environment",
		    "removed an empty ANTHROPIC_API_KEY");
		(void)unsetenv("ANTHROPIC_API_KEY");
	}
	return 0;
}

static int
open_house(struct house *h, struct err *e)
{
	const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

	if (refuse_provider_key(e) ||
	    roles_load_config(&h->arena, h->config_file, &h->config, e) ||
	    house_trust_files(h, e) || house_open_state(h, e) ||
	    house_buddy_open(h, e)) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(numbers); i++) {
		if (loop_signal_open(&h->signals[i], h->self.loop, numbers[i],
		        on_signal, h, e)) {
			return -1;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static struct house h;
	struct err e = { 0 };

	h.began = mono_now();
	h.self = (struct part_self){
		.self = PART_SUPERVISOR, .argc = argc, .argv = argv
	};
	must_set_part("supervisor");
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	h.config_file = part_arg(&h.self, "config");
	h.libexec = part_arg(&h.self, "libexec");
	h.state = part_arg(&h.self, "state");
	h.dev = part_arg(&h.self, "dev") &&
	        strcmp(part_arg(&h.self, "dev"), "yes") == 0;
	if (!h.config_file || !h.libexec || !h.state) {
		(void)fprintf(
		    stderr, "handrail supervisor: started by `handrail up`\n");
		return 2;
	}
	h.self.loop = loop_new();
	for (size_t i = 0; i < HOUSE_PARTS; i++) {
		h.parts[i].house = &h;
		h.parts[i].row = &house_rows[i];
	}
	if (open_house(&h, &e)) {
		part_fail(&e);
	}
	start_all(&h);
	loop_run(h.self.loop);
	log_line(LOG_INFO, "stopped", "the house is closed");
	return h.exit_code;
}
