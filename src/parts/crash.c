/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/crash.h"

#include <fcntl.h>
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

/* The first to make the file may die; without a file everybody may. */
static bool
is_first(void)
{
	const char *once = getenv("HANDRAIL_CRASH_ONCE");
	int fd;

	if (!once) {
		return true;
	}
	fd = open(once, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0;
}

void
crash_point(enum crash_name name)
{
	static uint64_t passages;
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
	if (++passages == wanted && is_first()) {
		(void)kill(getpid(), SIGKILL);
	}
}
