/* SPDX-License-Identifier: Apache-2.0 */
/* What BlueZ knows: a{oa{sa{sv}}}, of which we read a few properties. */
#include <string.h>
#include <strings.h>

#include "bluez/inside.h"

/* The Nordic UART service; its names are of the device's side. */
#define NUS      "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
#define NUS_TO   "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
#define NUS_FROM "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

struct property {
	const char *name;
	size_t at; /* of a const char * or of an int */
	char type;
};
#define TEXT(name, member)                                       \
	{                                                        \
		name, offsetof(struct bluez_object, member), 's' \
	}
#define PATH(name, member)                                       \
	{                                                        \
		name, offsetof(struct bluez_object, member), 'o' \
	}
#define FLAG(name, member)                                       \
	{                                                        \
		name, offsetof(struct bluez_object, member), 'b' \
	}
static const struct property properties[] = {
	TEXT("Address", address),
	TEXT("Name", name),
	PATH("Adapter", adapter),
	TEXT("UUID", uuid),
	PATH("Service", service),
	FLAG("Paired", paired),
	FLAG("Bonded", bonded),
	FLAG("Connected", connected),
	FLAG("ServicesResolved", resolved),
	FLAG("Blocked", blocked),
};

static int
read_uuids(
    const struct library *sd, struct sd_bus_message *m, struct bluez_object *o)
{
	const char *uuid;
	int r = sd->message_enter_container(m, 'v', "as");

	r = r < 0 ? r : sd->message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd->message_read_basic(m, 's', &uuid)) > 0) {
		o->serves |= strcasecmp(uuid, NUS) == 0;
	}
	r = r < 0 ? r : sd->message_exit_container(m);
	return r < 0 ? r : sd->message_exit_container(m);
}

/* One that has another type than it should have is not there. */
static int
read_value(const struct library *sd, struct sd_bus_message *m, const char *name,
    struct bluez_object *o)
{
	const struct property *p = NULL;
	const char *contents = "";
	char type = 0;
	int r = sd->message_peek_type(m, &type, &contents);

	for (size_t i = 0; i < COUNT(properties); i++) {
		p = strcmp(properties[i].name, name) == 0 ? &properties[i] : p;
	}
	if (r > 0 && strcmp(name, "UUIDs") == 0 &&
	    strcmp(contents, "as") == 0) {
		return read_uuids(sd, m, o);
	}
	if (r <= 0 || !p || contents[0] != p->type || contents[1]) {
		return sd->message_skip(m, "v");
	}
	r = sd->message_enter_container(m, 'v', contents);
	r = r < 0 ? r : sd->message_read_basic(m, p->type, (char *)o + p->at);
	return r < 0 ? r : sd->message_exit_container(m);
}

static int
read_interface(
    const struct library *sd, struct sd_bus_message *m, struct bluez_object *o)
{
	const char *name;
	int r = sd->message_read_basic(m, 's', &o->interface);

	r = r < 0 ? r : sd->message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd->message_enter_container(m, 'e', "sv")) > 0) {
		r = sd->message_read_basic(m, 's', &name);
		r = r < 0 ? r : read_value(sd, m, name, o);
		r = r < 0 ? r : sd->message_exit_container(m);
	}
	return r < 0 ? r : sd->message_exit_container(m);
}

static int
read_object(const struct library *sd, struct sd_bus_message *m,
    bluez_object_fn *each, void *owner)
{
	const char *path;
	int r = sd->message_read_basic(m, 'o', &path);

	r = r < 0 ? r : sd->message_enter_container(m, 'a', "{sa{sv}}");
	while (
	    r >= 0 && (r = sd->message_enter_container(m, 'e', "sa{sv}")) > 0) {
		struct bluez_object o = { .path = path, .bonded = -1 };

		r = read_interface(sd, m, &o);
		r = r < 0 ? r : sd->message_exit_container(m);
		if (r >= 0) {
			each(owner, &o);
		}
	}
	return r < 0 ? r : sd->message_exit_container(m);
}

int
bluez_objects(struct bluez *z, struct sd_bus_message *reply,
    bluez_object_fn *each, void *owner)
{
	const struct library *sd = z->sd;
	int r = sd->message_rewind(reply, 1);

	r = r < 0 ? r : sd->message_enter_container(reply, 'a', "{oa{sa{sv}}}");
	while (r >= 0 && (r = sd->message_enter_container(
	                      reply, 'e', "oa{sa{sv}}")) > 0) {
		r = read_object(sd, reply, each, owner);
		r = r < 0 ? r : sd->message_exit_container(reply);
	}
	return r < 0 ? -1 : 0;
}

bool
bluez_object_bonded(const struct bluez_object *o)
{
	return o->paired && o->bonded != 0 && !o->blocked;
}

/* --- one device --- */

struct find {
	const char *address;
	struct bluez_device *out;
	bool fits; /* no path is longer than we keep */
};

static void
keep(struct find *f, char *field, const char *path)
{
	f->fits &= str_copy(field, BLUEZ_PATH_MAX, str_of(path));
}

/* Known to two adapters, it is the one with the bond. */
static void
find_device(void *owner, const struct bluez_object *o)
{
	struct find *f = owner;

	if (strcmp(o->interface, BLUEZ_DEVICE) != 0 || !o->address ||
	    !o->adapter || strcasecmp(o->address, f->address) != 0 ||
	    f->out->bonded) {
		return;
	}
	f->out->known = true;
	f->out->bonded = bluez_object_bonded(o);
	f->out->connected = o->connected;
	f->out->resolved = o->resolved;
	keep(f, f->out->path, o->path);
	keep(f, f->out->adapter, o->adapter);
}

static void
find_ends(void *owner, const struct bluez_object *o)
{
	struct find *f = owner;
	size_t len = strlen(f->out->path);

	if (strcmp(o->interface, "org.bluez.GattCharacteristic1") != 0 ||
	    !o->uuid || strncmp(o->path, f->out->path, len) != 0 ||
	    o->path[len] != '/') {
		return;
	}
	if (strcasecmp(o->uuid, NUS_TO) == 0) {
		keep(f, f->out->to, o->path);
	} else if (strcasecmp(o->uuid, NUS_FROM) == 0) {
		keep(f, f->out->from, o->path);
	}
}

int
bluez_find(struct bluez *z, struct sd_bus_message *reply, const char *address,
    struct bluez_device *out, struct err *e)
{
	struct find f = { .address = address, .out = out, .fits = true };

	*out = (struct bluez_device){ 0 };
	if (bluez_objects(z, reply, find_device, &f) ||
	    (out->known && bluez_objects(z, reply, find_ends, &f)) || !f.fits) {
		return err_set(
		    e, ERR_IO, "BlueZ: what it says of itself has no form");
	}
	return 0;
}
