/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds the system bus, for a device over Bluetooth.  As a part: fd 3
 * supervisor, no channel to core; it asks BlueZ for a link to the one device
 * that handrail.toml names, and hands its two ends on.  No byte of the device
 * is read here, and no byte of the bus where the device is read (buddy).
 *
 * With --do it is a tool of `handrail buddy`, with the rights of whoever calls
 * it: look, pair, forget.
 */
#include "bluez/bluez.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "jail/jail.h"
#include "parts/part.h"

struct radio {
	struct part_self part;
	struct bluez *z; /* NULL: there is no bus */
	uint64_t ask;    /* 0: nobody wants a link */
	struct err none; /* why there is no bus */
};

/* --- giving up power --- */

/* The bus asks the kernel who connects, and at that moment only: root could
 * start units there, so it is one in the group bluetooth, and no more.  A
 * dbus-daemon lets no id in that has no account: it is that of the part where
 * the machine has one for it, else nobody's. */
static int
become(uid_t part, struct err *e)
{
	const struct group *group = part ? getgrnam("bluetooth") : NULL;
	gid_t gid = group ? group->gr_gid : 0;
	const struct passwd *account = part ? getpwuid(part) : NULL;
	int with_parent = 0;

	if (!part) {
		return 0;
	}
	account = account ? account : getpwnam("nobody");
	if (!account || !account->pw_uid) {
		return err_set(e, ERR_UNAVAILABLE,
		    "radio finds no account nobody on this machine");
	}
	uid_t uid = account->pw_uid;

	(void)prctl(PR_GET_PDEATHSIG, &with_parent, 0, 0, 0);
	return setgroups(group ? 1 : 0, &gid) ||
	               setresgid(
	                   account->pw_gid, account->pw_gid, account->pw_gid) ||
	               setresuid(uid, uid, uid) ||
	               prctl(PR_SET_PDEATHSIG, with_parent, 0, 0, 0)
	           ? err_sys(e, "radio cannot become user %u", uid)
	           : 0;
}

/* What is left is a connection to the bus. */
static int
give_up_power(struct err *e)
{
	struct jail_plan plan = {
		.part = "radio",
		.limits = { .nofile = JAIL_SENDER_FILES,
		    .nproc = JAIL_ZERO,
		    .memlock = JAIL_ZERO },
		.landlock = true,
		.net = JAIL_NET_NONE,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO,
	};

	return jail_enter(&plan, e);
}

/* --- the part --- */

static void
lose(struct radio *r, const char *why)
{
	struct wire_radio_lost lost = { .ask = r->ask };

	str_fit(lost.text, sizeof(lost.text), str_of(why));
	r->ask = 0;
	if (lost.ask) {
		wire_send(r->part.supervisor, WIRE_RADIO_LOST, &lost, NULL, 0);
	}
}

static void
hears(void *owner, const struct bluez_event *event)
{
	struct radio *r = owner;
	struct wire_radio_carrier up = { .ask = r->ask, .mtu = event->mtu };

	switch (event->kind) {
	case BLUEZ_UP: {
		int fds[] = { take_fd(event->write), take_fd(event->notify) };

		wire_send(r->part.supervisor, WIRE_RADIO_CARRIER, &up, fds, 2);
		break;
	}
	case BLUEZ_DOWN:
		lose(r, event->text);
		break;
	case BLUEZ_OVER:
		lose(r, event->text);
		loop_stop(r->part.loop); /* the next one connects anew */
		break;
	}
}

static void
take_open(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct radio *r = owner;
	const struct wire_radio_open *in = record;
	char address[BLUEZ_ADDRESS_MAX];

	(void)peer;
	must(in->ask && wire_text_ok(in->address, sizeof(in->address)) &&
	     str_copy(address, sizeof(address), str_of(in->address)));
	r->ask = in->ask;
	if (!r->z) {
		lose(r, r->none.text);
		loop_stop(r->part.loop);
		return;
	}
	bluez_connect(r->z, address);
}

static const struct wire_handler supervisor_handlers[] = {
	{ WIRE_RADIO_OPEN, take_open },
};

static int
part(int argc, char **argv)
{
	static struct radio r;
	struct err e = { 0 };

	part_begin(&r.part, PART_RADIO, argc, argv);
	if (become((uid_t)part_number(&r.part, "uid", 0), &e)) {
		part_fail(&e);
	}
	if (bluez_open(&r.z, &r.none)) {
		r.z = NULL; /* said when somebody asks: it may come */
	}
	if (give_up_power(&e) ||
	    (r.z && bluez_run(r.z, r.part.loop, hears, &r, &e))) {
		part_fail(&e);
	}
	part_join(&r.part, supervisor_handlers, COUNT(supervisor_handlers),
	    NULL, 0, &r);
	part_ready(&r.part, WIRE_RADIO_READY, "");
	loop_run(r.part.loop);
	return 0;
}

/* --- the tool --- */

static void
print_lines(const char *address)
{
	printf("[buddy]\nbluetooth = \"%s\"\n[operator.NAME]\n"
	       "buddy     = \"%s\"\n",
	    address, address);
}

static void
print_found(void *owner, const struct bluez_found *found)
{
	size_t *count = owner;

	printf("# %s %s, %s%s\n", found->address,
	    err_quote(str_of(found->name)),
	    found->bonded ? "paired" : "not paired: handrail buddy pair ",
	    found->bonded ? "" : found->address);
	if (found->bonded) {
		print_lines(found->address);
	}
	++*count;
}

/* Readable when whoever asked for it wants an end. */
static int stopped = -1;

/* A signal must not end us between a bond and its taking back. */
static int
hold_signals(struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	stopped = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return stopped < 0 || sigprocmask(SIG_BLOCK, &set, NULL)
	           ? err_sys(e, "radio cannot hold signals")
	           : 0;
}

static bool
leaves(void *owner)
{
	struct pollfd end = { .fd = stopped, .events = POLLIN };

	(void)owner;
	return poll(&end, 1, 0) == 1;
}

/* A line of what stands before us; false: there is none.  stdin keeps nothing
 * back that poll would not tell of. */
static bool
answer(char *line, size_t size)
{
	struct pollfd either[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = stopped, .events = POLLIN } };

	(void)fflush(stderr);
	while (poll(either, COUNT(either), -1) < 0 && errno == EINTR) {
	}
	if (either[1].revents || !fgets(line, (int)size, stdin)) {
		return false;
	}
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}

static int
enters(void *owner, uint32_t *passkey)
{
	char line[64];
	uint64_t value = 0;

	(void)owner;
	(void)fprintf(stderr, "the six digits that the device shows: ");
	if (!answer(line, sizeof(line)) || strlen(line) != 6 ||
	    !str_u64(str_of(line), &value)) {
		(void)fprintf(stderr, "that is no passkey\n");
		return -1;
	}
	*passkey = (uint32_t)value;
	return 0;
}

static void
sees(void *owner, uint32_t passkey)
{
	(void)owner;
	(void)fprintf(stderr, "enter %06u at the device\n", passkey);
}

static bool
compares(void *owner, uint32_t passkey)
{
	char line[64];

	(void)owner;
	(void)fprintf(
	    stderr, "does the device show %06u? yes or no: ", passkey);
	return answer(line, sizeof(line)) && strcmp(line, "yes") == 0;
}

static int
look(struct bluez *z, const struct part_self *p, struct err *e)
{
	uint64_t seconds = part_number(p, "seconds", 5);
	size_t count = 0;

	if (bluez_look(z, (int64_t)(seconds < 60 ? seconds : 60) * CLOCK_SECOND,
	        print_found, &count, e)) {
		return -1;
	}
	return count ? 0
	             : err_set(e, ERR_MISSING,
	                   "no device whose name begins with Claude is near");
}

static int
pair(struct bluez *z, const char *address, struct err *e)
{
	const struct bluez_person person = {
		.enters = enters,
		.sees = sees,
		.compares = compares,
		.leaves = leaves,
	};

	if (bluez_pair(z, address, &person, e)) {
		return -1;
	}
	print_lines(address);
	return 0;
}

static int
tool(const struct part_self *p, const char *what)
{
	const char *address = part_arg(p, "address");
	uint64_t base = geteuid() ? 0 : part_number(p, "uid-base", 0);
	struct bluez *z = NULL;
	struct err e = { 0 };
	int result;

	must_set_part("radio");
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	if ((strcmp(what, "pair") == 0 && hold_signals(&e)) ||
	    become(base ? (uid_t)base + PART_RADIO : 0, &e) ||
	    bluez_open(&z, &e) || give_up_power(&e)) {
		part_fail(&e);
	}
	if (strcmp(what, "look") == 0) {
		result = look(z, p, &e);
	} else if (address && strcmp(what, "pair") == 0) {
		result = pair(z, address, &e);
	} else if (address && strcmp(what, "forget") == 0) {
		result = bluez_forget(z, address, &e);
	} else {
		result = err_set(&e, ERR_INPUT,
		    "radio: a tool of `handrail "
		    "buddy`");
	}
	bluez_free(z);
	if (result) {
		part_fail(&e);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const struct part_self self = { .argc = argc, .argv = argv };
	const char *what = part_arg(&self, "do");

	return what ? tool(&self, what) : part(argc, argv);
}
