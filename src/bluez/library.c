/* SPDX-License-Identifier: Apache-2.0 */
/* libsystemd, opened at run time: a house without such a device needs none of
 * it. */
#include <dlfcn.h>
#include <string.h>

#include "bluez/inside.h"

#define LIBRARY "libsystemd.so.0"

static const struct {
	const char *name;
	size_t at;
} calls[] = {
#define CALL(result, name, ...) \
	{ "sd_bus_" #name, offsetof(struct library, name) },
#include "bluez/calls.def"
#undef CALL
};

const struct library *
bluez_library(struct err *e)
{
	static struct library library;
	void *opened = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; i < COUNT(calls); i++) {
		void *found = opened ? dlsym(opened, calls[i].name) : NULL;

		if (!found) {
			(void)err_set(e, ERR_UNAVAILABLE,
			    "%s is not there, or has no %s: install the "
			    "package libsystemd0",
			    LIBRARY, calls[i].name);
			return NULL;
		}
		memcpy((char *)&library + calls[i].at, &found, sizeof(found));
	}
	return &library;
}
