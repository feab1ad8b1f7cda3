/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/crash.h"

#ifdef HANDRAIL_CRASH_POINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

static const char *const names[] = {
#define CRASH(name, text) [CRASH_##name] = #name,
#include "parts/crash.def"
#undef CRASH
};

/* HANDRAIL_CRASH=NAME[:n]: the n-th passage ends the part.  A part that was
 * started again is not armed: HANDRAIL_CRASH_ONCE names a file made before. */
void
crash_point(enum crash_name name)
{
	static int passages;
	const char *armed = getenv("HANDRAIL_CRASH");
	size_t len = strlen(names[name]);
	uint64_t wanted = 1;

	if (!armed || strncmp(armed, names[name], len) != 0 ||
	    (armed[len] && armed[len] != ':')) {
		return;
	}
	if (armed[len] == ':') {
		(void)str_u64(str_of(armed + len + 1), &wanted);
	}
	if (++passages == (int)wanted) {
		(void)kill(getpid(), SIGKILL);
	}
}
#endif
