/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carries the bytes of a device on a desk: opened here, because that
 * needs a path or a port, handed to the part `buddy`, and opened again when
 * the part says that it is of no more use.  No byte of it is read here.  Whose
 * device it is stands in handrail.toml; core hears it from here and believes
 * nobody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "parts/supervisor.h"

#define AGAIN_US    CLOCK_SECOND /* until it is opened anew */
#define TOKEN_BYTES 24

struct wire_peer *
house_peer(struct house *h, enum part part)
{
	for (size_t i = 0; i < h->part_count; i++) {
		if (h->parts[i].row->part == part) {
			return h->parts[i].peer;
		}
	}
	return NULL;
}

static void
tell_core(struct house *h, const struct wire_buddy_device *device)
{
	struct wire_peer *core = house_peer(h, PART_CORE);

	if (core) {
		wire_send(core, WIRE_BUDDY_DEVICE, device, NULL, 0);
	}
}

static const struct config_operator *
person_of(const struct house *h, const char *device)
{
	for (size_t i = 0; i < h->config.operator_count; i++) {
		const struct config_operator *o = &h->config.operators[i];

		if (o->buddy.len && str_eq_nocase(o->buddy, str_of(device))) {
			return o;
		}
	}
	return NULL;
}

static int32_t
zone_now(void)
{
	time_t now = (time_t)(wall_now().us / CLOCK_SECOND);
	struct tm local = { 0 };

	return localtime_r(&now, &local) ? (int32_t)local.tm_gmtoff : 0;
}

void
house_buddy_hand_over(struct house *h, struct house_carrier *c)
{
	const struct config_operator *person = person_of(h, c->name);
	struct wire_peer *part = house_peer(h, PART_BUDDY);
	struct wire_buddy_device device = {
		.carrier = ++h->desk.carrier,
		.kind = c->kind,
		.decides = person && (c->sure || h->dev),
	};
	struct wire_buddy_carrier carrier = {
		.carrier = device.carrier,
		.kind = c->kind,
		.zone = zone_now(),
		.mtu = c->mtu,
	};

	if (!part) {
		for (size_t i = 0; i < c->nfds; i++) {
			(void)close(take_fd(&c->fds[i]));
		}
		return;
	}
	must(str_copy(device.device, sizeof(device.device), str_of(c->name)));
	if (person &&
	    str_copy(device.person, sizeof(device.person), person->name)) {
		must(str_copy(
		    carrier.owner, sizeof(carrier.owner), person->name));
	}
	if (c->kind == WIRE_CARRIER_TCP) {
		must(str_copy(carrier.token, sizeof(carrier.token),
		    buf_str(&h->desk.token)));
	}
	h->desk.held = true;
	h->desk.said[0] = '\0';
	tell_core(h, &device);
	wire_send(part, WIRE_BUDDY_CARRIER, &carrier, c->fds, c->nfds);
	wipe(&carrier, sizeof(carrier));
}

/* --- TCP, for a simulator --- */

static void
caller(void *owner, unsigned ready)
{
	struct house *h = owner;
	struct house_carrier c = {
		.kind = WIRE_CARRIER_TCP,
		.name = "simulator",
		.nfds = 1,
	};

	(void)ready;
	if (h->desk.held) {
		loop_io_want(&h->desk.io, 0); /* the backlog holds it */
		return;
	}
	c.fds[0] =
	    accept4(h->desk.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c.fds[0] >= 0) {
		house_buddy_hand_over(h, &c);
		loop_io_want(&h->desk.io, 0);
	}
}

static void
watch_callers(struct house *h)
{
	struct err e = { 0 };

	if (!h->desk.watching && loop_io_open(&h->desk.io, h->self.loop,
	                             h->desk.listener, caller, h, &e)) {
		log_err("buddy", &e);
		return;
	}
	h->desk.watching = true;
	loop_io_want(&h->desk.io, LOOP_READ);
}

/* --- a serial line --- */

/* Bytes as they are; nobody else opens it meanwhile. */
static int
make_raw(int fd, const char *path, struct err *e)
{
	struct termios t;

	if (tcgetattr(fd, &t)) {
		return err_set(e, ERR_INPUT,
		    "%s is no terminal: `serial` in [buddy] names the device's "
		    "own, as in /dev/ttyACM0",
		    path);
	}
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	(void)cfsetspeed(&t, B115200);
	if (tcsetattr(fd, TCSANOW, &t)) {
		return err_sys(e, "cannot set up %s", path);
	}
	(void)tcflush(fd, TCIOFLUSH);
	(void)ioctl(fd, TIOCEXCL);
	return 0;
}

static int
open_serial(struct house *h, struct err *e)
{
	const char *path = arena_z(&h->desk.arena, h->config.buddy.serial);
	auto_close int fd =
	    open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	char name[WIRE_DEVICE_MAX] = "tty";
	struct house_carrier c = {
		.kind = WIRE_CARRIER_SERIAL,
		.name = name,
		.nfds = 1,
	};
	struct err none = { 0 };
	struct stat st;

	if (fd < 0) {
		return err_sys(e, "cannot open %s", path);
	}
	if (fstat(fd, &st) || !S_ISCHR(st.st_mode)) {
		return err_set(e, ERR_INPUT, "%s is no terminal", path);
	}
	if (make_raw(fd, path, e)) {
		return -1;
	}
	c.sure = roles_usb_device("/sys", major(st.st_rdev), minor(st.st_rdev),
	             name, sizeof(name), &none) == 0;
	c.fds[0] = take_fd(&fd);
	house_buddy_hand_over(h, &c);
	return 0;
}

void
house_buddy_say(struct house *h, const char *text)
{
	if (strcmp(h->desk.said, text) != 0) {
		log_line(LOG_ERROR, "buddy", "%s", text);
		(void)str_copy(
		    h->desk.said, sizeof(h->desk.said), str_of(text));
	}
}

static void
try_again(void *owner)
{
	struct house *h = owner;
	struct err e = { 0 };

	if (h->desk.held || !house_peer(h, PART_BUDDY)) {
		return;
	}
	if (h->config.buddy.tcp.len) {
		watch_callers(h);
		return;
	}
	if (h->config.buddy.bluetooth.len) {
		house_radio_ask(h);
		return;
	}
	arena_clear(&h->desk.arena);
	if (open_serial(h, &e)) {
		house_buddy_say(h, e.text);
		house_buddy_put_down(h, AGAIN_US);
	}
}

/* --- what the part says, and how it goes --- */

static void
nobody(struct house *h)
{
	struct wire_buddy_device none = { 0 };

	if (h->desk.held) {
		h->desk.held = false;
		tell_core(h, &none);
	}
}

void
house_buddy_put_down(struct house *h, int64_t again_us)
{
	nobody(h);
	loop_timer_arm(&h->desk.again, h->self.loop,
	    mono_after(loop_now(h->self.loop), again_us), try_again, h);
}

void
house_buddy_lost(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct house *h = owner;
	const struct wire_buddy_lost *lost = record;
	struct err e = { 0 };

	if (!wire_text_ok(lost->text, sizeof(lost->text))) {
		(void)err_set(&e, ERR_DENIED, "BUDDY_LOST of no form");
		wire_peer_close(peer, &e);
		return;
	}
	if (!h->desk.held || lost->carrier != h->desk.carrier) {
		return;
	}
	log_line(LOG_INFO, "buddy", "the device is gone: %s", lost->text);
	house_buddy_put_down(h, AGAIN_US);
}

void
house_buddy_ready(struct house *h)
{
	try_again(h);
}

void
house_buddy_gone(struct house *h)
{
	loop_timer_cancel(&h->desk.again);
	loop_io_close(&h->desk.io);
	h->desk.watching = false;
	nobody(h);
}

/* --- the start --- */

/* As operators' tokens are: made at the first start, 0600, its person's own. */
static int
pairing_token(struct house *h, struct err *e)
{
	struct str path = arena_printf(&h->arena, "%s/buddy.token", h->state);
	const struct config_operator *person = person_of(h, "simulator");
	uint8_t bytes[TOKEN_BYTES];

	if (file_read_secret(
	        path.at, WIRE_PAIRING_MAX - 1, &h->desk.token, e)) {
		if (e->kind != ERR_MISSING) {
			return -1;
		}
		*e = (struct err){ 0 };
		random_bytes(bytes, sizeof(bytes));
		buf_add_z(&h->desk.token, "hrbd_");
		base64url_add(&h->desk.token, str_span(bytes, sizeof(bytes)));
		wipe(bytes, sizeof(bytes));
		if (file_write_atomic(
		        path.at, buf_str(&h->desk.token), 0600, e)) {
			return -1;
		}
	}
	if (geteuid() == 0 && chown(path.at, person ? person->uid : 0, 0)) {
		return err_sys(e, "cannot give %s to its operator", path.at);
	}
	return h->desk.token.len >= 32
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "%s holds no token: remove it, `handrail up` makes "
	                 "another",
	                 path.at);
}

static int
listen_simulator(struct house *h, struct err *e)
{
	struct str rest = h->config.buddy.tcp;
	struct str host;
	struct sockaddr_in at = { .sin_family = AF_INET };
	uint64_t port = 0;
	int yes = 1;

	(void)str_cut(&rest, ':', &host);
	must(str_u64(rest, &port)); /* roles has checked it */
	at.sin_port = htons((uint16_t)port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	h->desk.listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->desk.listener < 0 ||
	    setsockopt(h->desk.listener, SOL_SOCKET, SO_REUSEADDR, &yes,
	        sizeof(yes)) ||
	    bind(h->desk.listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(h->desk.listener, 4)) {
		return err_sys(e,
		    "cannot listen on " STR_FMT
		    " for a simulator (choose another `tcp` in [buddy])",
		    STR_ARG(h->config.buddy.tcp));
	}
	return 0;
}

int
house_buddy_open(struct house *h, struct err *e)
{
	h->desk.listener = -1;
	h->part_count = HOUSE_PARTS;
	must(h->parts[HOUSE_PARTS - 2].row->part == PART_BUDDY &&
	     h->parts[HOUSE_PARTS - 1].row->part == PART_RADIO);
	if (!h->config.buddy.bluetooth.len) {
		h->part_count--;
	}
	if (!h->config.buddy.serial.len && !h->config.buddy.tcp.len &&
	    !h->config.buddy.bluetooth.len) {
		h->part_count--;
		return 0;
	}
	return h->config.buddy.tcp.len &&
	               (pairing_token(h, e) || listen_simulator(h, e))
	           ? -1
	           : 0;
}
