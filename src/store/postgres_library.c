/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <string.h>

#include "store/postgres.h"

#ifndef POSTGRES_LIBRARY /* a test has another */
#define POSTGRES_LIBRARY "libpq.so.5"
#endif

struct postgres_calls pq;

static const char *const names[] = {
#define PQ_CALL(result, name, arguments) "PQ" #name,
#include "store/postgres.def"
#undef PQ_CALL
};

/* POSIX: what dlsym gives converts to a pointer to a function, byte by byte. */
_Static_assert(
    sizeof(pq) == COUNT(names) * sizeof(void *), "one pointer a name");

int
postgres_load(struct err *e)
{
	static bool loaded;
	void *library;

	if (loaded) {
		return 0;
	}
	library = dlopen(POSTGRES_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		return err_set(e, ERR_UNAVAILABLE,
		    "a store on PostgreSQL needs %s, which this machine has "
		    "not; install the package libpq5",
		    POSTGRES_LIBRARY);
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		void *found = dlsym(library, names[i]);

		if (!found) {
			(void)dlclose(library);
			return err_set(e, ERR_UNAVAILABLE,
			    "%s has no %s; install libpq5 of version 14 or "
			    "later",
			    POSTGRES_LIBRARY, names[i]);
		}
		memcpy((char *)&pq + i * sizeof(found), &found, sizeof(found));
	}
	loaded = true;
	return 0;
}
