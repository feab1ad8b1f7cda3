/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bonds.  We can enter and show a passkey, so a device that shows or takes one
 * is bonded by it; one that can do neither BlueZ would bond with nobody's say,
 * and asks our agent for leave (RequestAuthorization), which it never gets.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "bluez/inside.h"

#define AGENT    "org.bluez.Agent1"
#define PATH     "/org/handrail/agent"
#define FIND_US  (30 * CLOCK_SECOND)
#define STEP_US  (CLOCK_SECOND / 2)
#define PAIR_US  (120 * CLOCK_SECOND) /* a person reads and types */
#define REFUSED  "org.bluez.Error.Rejected"
#define MANAGER  "org.bluez.AgentManager1"
#define LEFT     "it was broken off"
#define ADAPTERS 8

/* --- what BlueZ knows, waited for --- */

static int
objects(struct bluez *z, struct sd_bus_message **reply, struct err *e)
{
	return bluez_call(z,
	    bluez_message(z, "/", "org.freedesktop.DBus.ObjectManager",
	        "GetManagedObjects"),
	    BLUEZ_CALL_US, reply, e);
}

static int
find(
    struct bluez *z, const char *address, struct bluez_device *d, struct err *e)
{
	struct sd_bus_message *reply;
	int result;

	if (objects(z, &reply, e)) {
		return -1;
	}
	result = bluez_find(z, reply, address, d, e);
	(void)z->sd->message_unref(reply);
	return result;
}

/* What a wait ends with before its time; NULL: nothing. */
struct ends {
	const bool *done;
	const struct bluez_person *person;
};

static bool
has_left(const struct bluez_person *person)
{
	return person && person->leaves(person->owner);
}

static bool
is_over(const struct ends *ends)
{
	return (ends->done && *ends->done) || has_left(ends->person);
}

/* A stop and a continue of this process end a wait, too. */
static int
wait_for_bus(struct bluez *z, int64_t us)
{
	int r = z->sd->wait(z->bus, (uint64_t)(us < STEP_US ? us : STEP_US));

	return r == -EINTR ? 0 : r;
}

/* Turns of the bus until `until`, or until it is over. */
static int
turn(struct bluez *z, struct mono until, struct ends ends, struct err *e)
{
	int r;

	while ((r = z->sd->process(z->bus, NULL)) >= 0 && !is_over(&ends)) {
		struct mono now = mono_now();

		if (r > 0) {
			continue;
		}
		if (mono_passed(until, now)) {
			return 0;
		}
		r = wait_for_bus(z, until.us - now.us);
		if (r < 0) {
			break;
		}
	}
	return r >= 0 ? 0
	              : err_set(e, ERR_UNAVAILABLE, "the system bus: %s",
	                    strerrordesc_np(-r));
}

/* --- looking around --- */

struct adapters {
	char at[ADAPTERS][BLUEZ_PATH_MAX];
	size_t count;
};

static void
add_adapter(void *owner, const struct bluez_object *o)
{
	struct adapters *a = owner;

	if (strcmp(o->interface, BLUEZ_ADAPTER) == 0 && a->count < ADAPTERS &&
	    str_copy(a->at[a->count], BLUEZ_PATH_MAX, str_of(o->path))) {
		a->count++;
	}
}

static int
discover_on(struct bluez *z, const char *adapter, struct err *e)
{
	struct sd_bus_message *m =
	    bluez_message(z, adapter, BLUEZ_ADAPTER, "SetDiscoveryFilter");

	must(!m ||
	     z->sd->message_append(m, "a{sv}", 1, "Transport", "s", "le") >= 0);
	return bluez_call(z, m, BLUEZ_CALL_US, NULL, e) ||
	               bluez_call(z,
	                   bluez_message(
	                       z, adapter, BLUEZ_ADAPTER, "StartDiscovery"),
	                   BLUEZ_CALL_US, NULL, e)
	           ? -1
	           : 0;
}

/* It ends with our connection to the bus. */
static int
discover(struct bluez *z, struct err *e)
{
	struct sd_bus_message *reply;
	struct adapters a = { .count = 0 };
	size_t listening = 0;
	int result;

	if (objects(z, &reply, e)) {
		return -1;
	}
	result = bluez_objects(z, reply, add_adapter, &a);
	(void)z->sd->message_unref(reply);
	if (result || !a.count) {
		return err_set(e, ERR_MISSING,
		    "BlueZ has no Bluetooth adapter: plug one in");
	}
	for (size_t i = 0; i < a.count; i++) {
		listening += discover_on(z, a.at[i], e) == 0;
	}
	if (!listening) {
		return err_wrap(
		    e, "the adapter does not listen (`bluetoothctl power on`)");
	}
	*e = (struct err){ 0 };
	return 0;
}

struct telling {
	bluez_found_fn *each;
	void *owner;
};

static void
tell(void *owner, const struct bluez_object *o)
{
	struct telling *t = owner;
	struct bluez_found found = {
		.address = o->address,
		.name = o->name ? o->name : "",
		.bonded = bluez_object_bonded(o),
	};

	if (strcmp(o->interface, BLUEZ_DEVICE) == 0 && o->address &&
	    strlen(o->address) < BLUEZ_ADDRESS_MAX &&
	    (strncmp(found.name, "Claude", 6) == 0 ||
	        (found.bonded && o->serves))) {
		t->each(t->owner, &found);
	}
}

int
bluez_look(struct bluez *z, int64_t us, bluez_found_fn *each, void *owner,
    struct err *e)
{
	struct telling t = { each, owner };
	struct sd_bus_message *reply;
	int result;

	if (discover(z, e) ||
	    turn(z, mono_after(mono_now(), us), (struct ends){ 0 }, e) ||
	    objects(z, &reply, e)) {
		return -1;
	}
	result = bluez_objects(z, reply, tell, &t);
	(void)z->sd->message_unref(reply);
	return result ? err_set(e, ERR_IO,
	                    "BlueZ: what it says of itself has no form")
	              : 0;
}

/* --- bonding --- */

struct pairing {
	struct bluez *z;
	const struct bluez_person *person;
	const char *device; /* its path */
	char bluez[64];     /* who has BlueZ's name on the bus */
	bool proved;        /* by a passkey that somebody read */
	bool asked;         /* of BlueZ: from here on there may be a bond */
	bool ended;
	bool failed;
	struct err why;
};

static int
refuse(struct pairing *p, struct sd_bus_message *m)
{
	return p->z->sd->reply_method_errorf(m, REFUSED, "%s", "no");
}

static int
enter_passkey(struct pairing *p, struct sd_bus_message *m)
{
	uint32_t passkey = 0;

	if (p->person->enters(p->person->owner, &passkey) || passkey > 999999) {
		return refuse(p, m);
	}
	p->proved = true;
	return p->z->sd->reply_method_return(m, "u", passkey);
}

/* Also while digits are being typed there: `entered` of them so far. */
static int
show_passkey(struct pairing *p, struct sd_bus_message *m)
{
	const char *path;
	uint32_t passkey = 0;
	uint16_t entered = 0;

	if (p->z->sd->message_read(m, "ouq", &path, &passkey, &entered) < 0) {
		return refuse(p, m);
	}
	if (!entered) {
		p->person->sees(p->person->owner, passkey);
	}
	p->proved = true;
	return p->z->sd->reply_method_return(m, "");
}

static int
compare_passkey(struct pairing *p, struct sd_bus_message *m)
{
	const char *path;
	uint32_t passkey = 0;

	if (p->z->sd->message_read(m, "ou", &path, &passkey) < 0 ||
	    !p->person->compares(p->person->owner, passkey)) {
		return refuse(p, m);
	}
	p->proved = true;
	return p->z->sd->reply_method_return(m, "");
}

static bool
of_this_device(struct pairing *p, struct sd_bus_message *m)
{
	const char *path;
	bool same = p->z->sd->message_read(m, "o", &path) > 0 &&
	            strcmp(path, p->device) == 0;

	return p->z->sd->message_rewind(m, 1) >= 0 && same;
}

/* Others on the bus could ask, too, and have the person's digits. */
static bool
of_bluez(struct pairing *p, struct sd_bus_message *m)
{
	const char *sender = p->z->sd->message_get_sender(m);

	return sender && strcmp(sender, p->bluez) == 0;
}

static int
agent(struct sd_bus_message *m, void *owner, struct sd_bus_error *none)
{
	static const struct {
		const char *member;
		int (*answer)(struct pairing *p, struct sd_bus_message *m);
	} rows[] = {
		{ "RequestPasskey", enter_passkey },
		{ "DisplayPasskey", show_passkey },
		{ "RequestConfirmation", compare_passkey },
		{ "RequestAuthorization", refuse },
		{ "RequestPinCode", refuse },
		{ "DisplayPinCode", refuse },
		{ "AuthorizeService", refuse },
	};
	struct pairing *p = owner;
	const struct library *sd = p->z->sd;

	(void)none;
	if (!of_bluez(p, m)) {
		return refuse(p, m);
	}
	if (sd->message_is_method_call(m, AGENT, "Release") > 0 ||
	    sd->message_is_method_call(m, AGENT, "Cancel") > 0) {
		return sd->reply_method_return(m, "");
	}
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (sd->message_is_method_call(m, AGENT, rows[i].member) > 0) {
			return of_this_device(p, m) ? rows[i].answer(p, m)
			                            : refuse(p, m);
		}
	}
	return 0;
}

static int
has_paired(struct sd_bus_message *reply, void *owner, struct sd_bus_error *none)
{
	struct pairing *p = owner;

	(void)none;
	p->ended = true;
	p->failed = bluez_reply_ok(p->z, reply, &p->why) != 0;
	return 0;
}

static int
learn_bluez(struct pairing *p, struct err *e)
{
	const struct library *sd = p->z->sd;
	struct sd_bus_message *m = NULL;
	struct sd_bus_message *reply;
	const char *name;
	bool fits;

	if (sd->message_new_method_call(p->z->bus, &m, "org.freedesktop.DBus",
	        "/org/freedesktop/DBus", "org.freedesktop.DBus",
	        "GetNameOwner") < 0) {
		return err_set(e, ERR_UNAVAILABLE, "the system bus is gone");
	}
	must(sd->message_append(m, "s", "org.bluez") >= 0);
	if (bluez_call(p->z, m, BLUEZ_CALL_US, &reply, e)) {
		return -1;
	}
	fits = sd->message_read(reply, "s", &name) > 0 &&
	       str_copy(p->bluez, sizeof(p->bluez), str_of(name));
	(void)sd->message_unref(reply);
	return fits ? 0
	            : err_set(e, ERR_IO, "the system bus: a name of no form");
}

static int
register_agent(struct bluez *z, struct err *e)
{
	struct sd_bus_message *m =
	    bluez_message(z, "/org/bluez", MANAGER, "RegisterAgent");

	must(
	    !m || z->sd->message_append(m, "os", PATH, "KeyboardDisplay") >= 0);
	return bluez_call(z, m, BLUEZ_CALL_US, NULL, e);
}

/* It may call again by itself. */
static int
trust(struct bluez *z, const char *device, struct err *e)
{
	struct sd_bus_message *m =
	    bluez_message(z, device, "org.freedesktop.DBus.Properties", "Set");

	must(!m || z->sd->message_append(
	               m, "ssv", BLUEZ_DEVICE, "Trusted", "b", 1) >= 0);
	return bluez_call(z, m, BLUEZ_CALL_US, NULL, e);
}

static int
remove_device(struct bluez *z, const struct bluez_device *d, struct err *e)
{
	struct sd_bus_message *m =
	    bluez_message(z, d->adapter, BLUEZ_ADAPTER, "RemoveDevice");

	must(!m || z->sd->message_append(m, "o", d->path) >= 0);
	return bluez_call(z, m, BLUEZ_CALL_US, NULL, e);
}

static int
cancel_pairing(struct bluez *z, const char *device, struct err *e)
{
	return bluez_call(z,
	    bluez_message(z, device, BLUEZ_DEVICE, "CancelPairing"),
	    BLUEZ_CALL_US, NULL, e);
}

/* Its end is told as the end of Pair: only then is it sure what came of it. */
static void
cancel(struct pairing *p)
{
	struct err none = { 0 };

	(void)cancel_pairing(p->z, p->device, &none);
	(void)turn(p->z, mono_after(mono_now(), BLUEZ_CALL_US),
	    (struct ends){ .done = &p->ended }, &none);
}

/* The bus waits longer for the answer than we do. */
static int
ask_to_pair(struct pairing *p, struct sd_bus_slot **call)
{
	struct bluez *z = p->z;
	struct sd_bus_message *m =
	    bluez_message(z, p->device, BLUEZ_DEVICE, "Pair");
	int r = m ? z->sd->call_async(
	                z->bus, call, m, has_paired, p, (uint64_t)(2 * PAIR_US))
	          : -1;

	(void)z->sd->message_unref(m);
	return r;
}

static int
pair(struct pairing *p, struct err *e)
{
	struct bluez *z = p->z;
	struct ends ends = { &p->ended, p->person };
	struct sd_bus_slot *call = NULL;
	int r = 0;

	if (ask_to_pair(p, &call) < 0) {
		return err_set(e, ERR_UNAVAILABLE, "the system bus is gone");
	}
	p->asked = true;
	r = turn(z, mono_after(mono_now(), PAIR_US), ends, e);
	if (r == 0 && !p->ended) {
		cancel(p);
		/* Whatever Pair said by then. */
		p->failed = true;
		(void)err_set(&p->why, ERR_UNAVAILABLE, "%s",
		    has_left(p->person) ? LEFT : "it took too long");
	}
	(void)z->sd->slot_unref(call);
	if (r == 0 && p->failed) {
		*e = p->why;
	}
	return r || p->failed ? err_wrap(e, "not paired") : 0;
}

/* What Pair may have left: *e says why it must not stay, and then what became
 * of it.  Returns -1. */
static int
take_back(struct bluez *z, const char *address, struct err *e)
{
	struct err why = *e;
	struct err fault = { 0 };
	struct bluez_device d = { 0 };

	if (find(z, address, &d, &fault) == 0 && !d.bonded) {
		return -1;
	}
	if (!fault.kind && remove_device(z, &d, &fault) == 0) {
		return err_set(
		    e, ERR_DENIED, "%s: the bond is taken back", why.text);
	}
	return err_set(e, ERR_DENIED,
	    "%s: a bond may be left that nobody proved, take it back with "
	    "`handrail buddy unpair %s` (%s)",
	    why.text, address, fault.text);
}

static int
without_passkey(struct err *e)
{
	return err_set(e, ERR_DENIED,
	    "it was bonded without a passkey, by which anybody could have been "
	    "this device");
}

static int
pair_by_passkey(struct bluez *z, const char *address,
    const struct bluez_person *person, struct bluez_device *d, struct err *e)
{
	struct pairing p = { .z = z, .person = person, .device = d->path };
	struct sd_bus_slot *door = NULL;
	int result;

	if (z->sd->add_object(z->bus, &door, PATH, agent, &p) < 0) {
		return err_set(e, ERR_UNAVAILABLE, "the system bus is gone");
	}
	result =
	    learn_bluez(&p, e) || register_agent(z, e) || pair(&p, e) ? -1 : 0;
	(void)z->sd->slot_unref(door);
	if (result == 0 && !p.proved) {
		result = without_passkey(e);
	}
	if (result) {
		return p.asked ? take_back(z, address, e) : -1;
	}
	if (trust(z, d->path, e) || find(z, address, d, e)) {
		return -1;
	}
	return d->bonded ? 0
	                 : err_set(e, ERR_UNAVAILABLE,
	                       "BlueZ keeps no bond of it: try again");
}

/* One that is near is known as soon as it is heard. */
static int
find_near(struct bluez *z, const char *address,
    const struct bluez_person *person, struct bluez_device *d, struct err *e)
{
	struct ends ends = { .person = person };
	struct mono until = mono_after(mono_now(), FIND_US);

	if (find(z, address, d, e) || (!d->known && discover(z, e))) {
		return -1;
	}
	while (!d->known && !mono_passed(until, mono_now())) {
		if (has_left(person)) {
			return err_set(e, ERR_UNAVAILABLE, LEFT);
		}
		if (turn(z, mono_after(mono_now(), STEP_US), ends, e) ||
		    find(z, address, d, e)) {
			return -1;
		}
	}
	return d->known ? 0
	                : err_set(e, ERR_MISSING,
	                      "no device %s is near: is it on, and does it "
	                      "show that it can be paired?",
	                      address);
}

int
bluez_pair(struct bluez *z, const char *address,
    const struct bluez_person *person, struct err *e)
{
	struct bluez_device d;

	if (find_near(z, address, person, &d, e)) {
		return -1;
	}
	if (d.bonded) {
		return err_set(e, ERR_CONFLICT,
		    "%s has a bond with this machine already; nothing says "
		    "whether by a passkey: `handrail buddy unpair` takes it "
		    "back",
		    address);
	}
	return pair_by_passkey(z, address, person, &d, e);
}

int
bluez_forget(struct bluez *z, const char *address, struct err *e)
{
	struct bluez_device d;

	if (find(z, address, &d, e)) {
		return -1;
	}
	return d.known ? remove_device(z, &d, e)
	               : err_set(e, ERR_MISSING, "BlueZ knows no device %s",
	                     address);
}
