/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_EGRESS_PID_HELP_H
#define TESTS_UNIT_EGRESS_PID_HELP_H

/* The egress of a cell as the kernel knows it; included behind cmocka.h. */

#include <dirent.h>
#include <stdio.h>

#include "base/base.h"

/* The child of that name of that process, which lives; 0: none. */
static inline int
child_of(int parent)
{
	DIR *all = opendir("/proc");
	struct dirent *one;
	int found = 0;
	assert_non_null(all);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((one = readdir(all))) {
		uint64_t pid;
		char path[64];
		char want[32];
		auto_buf text = { 0 };
		struct err e;
		if (!str_u64(str_of(one->d_name), &pid)) {
			continue;
		}
		(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
		(void)snprintf(want, sizeof(want), "\nPPid:\t%d\n", parent);
		if (!file_read(path, 65536, &text, &e) &&
		    str_has_str(buf_str(&text), STR("Name:\tegress\n")) &&
		    !str_has_str(buf_str(&text), STR("State:\tZ")) &&
		    str_has_str(buf_str(&text), str_of(want))) {
			found = (int)pid;
		}
	}
	(void)closedir(all);
	return found;
}

/* sandbox, its zygote, the zygote's child. */
static inline int
egress_pid(pid_t sandbox)
{
	int zygote = child_of((int)sandbox);
	assert_true(zygote > 1);
	int pid = child_of(zygote);
	assert_true(pid > 1);
	return pid;
}

static inline void
status_of(int pid, const char *file, struct buf *text)
{
	char path[64];
	struct err e;
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	buf_clear(text);
	assert_int_equal(file_read(path, 1 << 20, text, &e), 0);
}

static inline void
wait_status(int pid, const char *needle)
{
	auto_buf text = { 0 };
	do {
		status_of(pid, "status", &text);
	} while (!str_has_str(buf_str(&text), str_of(needle)));
}

#endif
