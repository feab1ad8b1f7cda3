/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile appetite (B06), and that nothing is left behind (B14). */
#include "cell_help.h"

#include "cell/inside.h"
#include "jail/jail.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define CYCLES 50

/* What a busy machine may take; what is waited for would last longer. */
#define SOON_US (20 * CLOCK_SECOND)

static void
a_fork_bomb_stays_in_its_cell_and_dies_with_it(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { .processes = 40 };
	struct cell *cell = make(bed, &plan);
	const char *const words[] = { "/work/probe", "bomb", NULL };
	char text[64] = { 0 };
	int most = 0;

	start(cell, "");
	struct pipes p = launch(cell, words, 0);

	assert_true(read(p.out, text, sizeof(text) - 1) > 0);
	assert_int_equal(sscanf(text, "%d", &most), 1);
	assert_in_range(most, 10, 40);
	struct mono begun = mono_now();

	cell_free(cell);
	/* Every one of them held the pipe. */
	while (read(p.out, text, sizeof(text)) > 0) {
	}
	assert_true(mono_now().us - begun.us < SOON_US);
	(void)close(p.in);
	(void)close(p.out);
}

static void
a_memory_bomb_ends_its_command_and_not_the_cell(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { .memory = 96 << 20 };

	if (!jail_compiled_in() &&
	    strstr(cell_host_text(bed->host), "rlimits only")) {
		print_message("# a sanitizer does not fit in such a limit\n");
		skip();
	}
	struct cell *cell = make(bed, &plan);
	struct cell_event event;

	start(cell, "");
	event = probe(bed, cell, "eat");
	if (event.end == CELL_SIGNALLED) {
		assert_int_equal(event.code, SIGKILL);
	} else {
		assert_string_equal(bed->text, "refused\n");
	}
	(void)sh(bed, cell, "echo alive");
	assert_string_equal(bed->text, "alive\n");
	cell_free(cell);
}

#define MIB ((uint64_t)1 << 20)

/* L05: of a quarter of what the kernel calls no pressure, between two bounds.
 */
static void
cells_share_the_sockets_of_the_machine(void **state)
{
	char text[64];

	(void)state;
	(void)snprintf(text, sizeof(text), "%llu\t1\t2\n",
	    (unsigned long long)(1024 * MIB / (uint64_t)sysconf(_SC_PAGESIZE)));
	assert_int_equal(group_sockets(text, 0), 32 * MIB);
	assert_int_equal(group_sockets(text, 1), 32 * MIB);
	assert_int_equal(group_sockets(text, 8), 32 * MIB);
	assert_int_equal(group_sockets(text, 16), 16 * MIB);
	assert_int_equal(group_sockets(text, 50), 256 * MIB / 50);
	assert_int_equal(group_sockets(text, 256), MIB);
	assert_int_equal(group_sockets(text, 1000), MIB);
	assert_int_equal(group_sockets("", 1), MIB);
}

static uint64_t
number_in(const char *path)
{
	auto_buf text = { 0 };
	struct err e;

	if (file_read(path, 256, &text, &e)) {
		return 0;
	}
	return strtoull(buf_z(&text), NULL, 10);
}

/* Version 2 counts them as memory; there is nothing to share. */
static void
each_cell_is_charged_for_its_share_of_sockets(void **state)
{
	struct group_place place = { 0 };
	const struct limits limits = { .memory = 64 * MIB, .processes = 8 };
	auto_buf tcp_mem = { 0 };
	char path[PATH_MAX];
	struct err e;

	(void)state;
	group_find(&place, 200);
	if (place.version != CELL_GROUPS_V1) {
		print_message("# no cgroups of version 1\n");
		skip();
	}
	assert_int_equal(
	    file_read("/proc/sys/net/ipv4/tcp_mem", 256, &tcp_mem, &e), 0);
	assert_int_equal(place.sockets, group_sockets(buf_z(&tcp_mem), 200));
	assert_int_equal(group_make(&place, 9999, &limits, &e), 0);
	(void)snprintf(path, sizeof(path),
	    "%s/%d.9999/memory.kmem.tcp.limit_in_bytes", place.memory,
	    getpid());
	uint64_t charged = number_in(path);

	assert_true(group_remove(&place, 9999));
	/* In whole pages. */
	assert_in_range(charged, place.sockets - 65536, place.sockets);
}

/* Killed, it left its groups; then its process id came round again. */
static void
what_another_of_the_same_id_left_is_in_nobodys_way(void **state)
{
	struct group_place place = { 0 };
	const struct limits limits = { .memory = 64 * MIB, .processes = 8 };
	struct err e;

	(void)state;
	group_find(&place, 200);
	if (place.version == CELL_GROUPS_NONE) {
		print_message("# no cgroups of ours here\n");
		skip();
	}
	assert_int_equal(group_make(&place, 9999, &limits, &e), 0);
	memset(&place, 0, sizeof(place));
	group_find(&place, 200);
	assert_int_equal(group_make(&place, 9999, &limits, &e), 0);
	assert_true(group_remove(&place, 9999));
}

static void
tmp_files_and_descriptors_are_bounded(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = {
		.memory = 64 << 20,
		.file_size = 1 << 20,
		.files = 64,
	};
	/* A house may be started with it ignored; a cell must not be. */
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct cell *cell = make(bed, &plan);
	struct cell_event event;

	(void)signal(SIGXFSZ, before);
	start(cell, "");
	(void)sh(bed, cell,
	    "i=0; while [ $i -lt 100 ]; do head -c 1000000 /dev/zero "
	    "> /tmp/f$i 2>/dev/null || break; i=$((i+1)); done; "
	    "[ $i -gt 20 ] && [ $i -lt 40 ] && echo full; rm /tmp/f*");
	assert_string_equal(bed->text, "full\n");
	event = sh(bed, cell, "exec head -c 2000000 /dev/zero > /work/big");
	assert_int_equal(event.end, CELL_SIGNALLED);
	assert_int_equal(event.code, SIGXFSZ);
	(void)probe(bed, cell, "files");
	assert_string_equal(bed->text, "64\n");
	(void)sh(bed, cell, "rm /work/big");
	cell_free(cell);
}

static void
time_is_kept_against_stopped_and_deaf_commands(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);
	const char *const stopped[] = { "sh", "-c", "kill -STOP $$", NULL };
	const char *const deaf[] = { "sh", "-c",
		"trap '' TERM INT HUP; sleep 60 & while :; do wait; done",
		NULL };
	const char *const *const all[] = { stopped, deaf };

	start(cell, "");
	for (size_t i = 0; i < COUNT(all); i++) {
		struct mono begun = mono_now();
		struct cell_event event =
		    finish(bed, cell, launch(cell, all[i], 300000));

		assert_int_equal(event.end, CELL_TIMED_OUT);
		assert_in_range(mono_now().us - begun.us, 290000, SOON_US);
	}
	cell_free(cell);
}

static void
daemons_and_zombies_go_with_the_cell(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);
	const char *const words[] = { "/work/probe", "daemon", NULL };
	struct cell_event event;
	char text[64];

	start(cell, "");
	struct pipes p = launch(cell, words, 0);

	expect(cell, CELL_EXECUTED, &event);
	assert_int_equal(event.code, 0);
	(void)probe(bed, cell, "orphans");
	(void)sh(
	    bed, cell, "cd /proc; set -- [0-9]*; [ $# -lt 6 ] && echo few");
	assert_string_equal(bed->text, "few\n");
	struct mono begun = mono_now();

	cell_free(cell);
	while (read(p.out, text, sizeof(text)) > 0) {
	}
	assert_true(mono_now().us - begun.us < SOON_US);
	(void)close(p.in);
	(void)close(p.out);
}

static void
a_cell_ends_when_its_parent_is_killed(void **state)
{
	struct bed *bed = *state;
	int out[2];
	char text[64];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct cell_plan plan = { 0 };
		struct cell *cell = make(bed, &plan);
		const char *const words[] = { "/work/probe", "daemon", NULL };

		start(cell, "");
		struct pipes p = launch(cell, words, 0);

		while (read(p.out, text, 1) == 1) {
			(void)!write(out[1], text, 1);
		}
		_exit(1);
	}
	(void)close(out[1]);
	assert_int_equal(read(out[0], text, 1), 1); /* the daemon is there */
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	/* Its pid 1 is ours to reap now, and must come soon. */
	struct mono begun = mono_now();

	assert_true(waitpid(-1, NULL, 0) > 0);
	assert_true(mono_now().us - begun.us < SOON_US);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	/* Its beat is a file that must stand still now. */
	char path[128];
	struct stat before, after;

	(void)snprintf(path, sizeof(path), "%s/beat", bed->work);
	assert_int_equal(stat(path, &before), 0);
	(void)usleep(300000);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	(void)close(out[0]);
	(void)unlink(path);
}

/* --- residue ----------------------------------------------------------------
 */

static size_t
count_in(const char *folder)
{
	DIR *d = opendir(folder);
	size_t count = 0;

	while (d && readdir(d)) { /* NOLINT(concurrency-mt-unsafe) */
		count++;
	}
	if (d) {
		(void)closedir(d);
	}
	return count;
}

static size_t
lines_of(const char *path)
{
	auto_buf text = { 0 };
	struct err e;
	size_t count = 0;

	assert_int_equal(file_read(path, 1 << 20, &text, &e), 0);
	for (size_t i = 0; i < text.len; i++) {
		count += text.at[i] == '\n';
	}
	return count;
}

/* Processes of the slot's id; of every process where ids are shared: 0. */
static size_t
processes_of_slot(const struct bed *bed)
{
	size_t count = 0;
	DIR *d = opendir("/proc");
	const struct dirent *entry;

	if (cell_host_ids(bed->host) == CELL_IDS_ONE) {
		(void)closedir(d);
		return 0;
	}
	while ((entry = readdir(d))) { /* NOLINT(concurrency-mt-unsafe) */
		char path[300];
		struct stat st;

		(void)snprintf(path, sizeof(path), "/proc/%s", entry->d_name);
		count += entry->d_name[0] > '0' && entry->d_name[0] <= '9' &&
		         stat(path, &st) == 0 && st.st_uid == UID_BASE + SLOT;
	}
	(void)closedir(d);
	return count;
}

static size_t
groups_of_ours(void)
{
	char command[96], line[256];
	size_t count = 0;

	(void)snprintf(command, sizeof(command),
	    "find /sys/fs/cgroup -type d -path '*/handrail/%d.*'", getpid());
	FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c) */

	while (f && fgets(line, sizeof(line), f)) {
		count++;
	}
	(void)pclose(f);
	return count;
}

/* cell_free() waits a second at most, which a busy machine may need. */
static void
end(struct cell *cell)
{
	int tries = 0;

	cell_kill(cell);
	while (!cell_reap(cell)) {
		assert_true(++tries < 6000);
		(void)poll(NULL, 0, 10);
	}
}

static void
fifty_cells_leave_nothing(void **state)
{
	struct bed *bed = *state;
	size_t descriptors = count_in("/proc/self/fd");
	size_t mounts = lines_of("/proc/self/mountinfo");
	size_t files = count_in(bed->work);

	for (int i = 0; i < CYCLES; i++) {
		struct cell_plan plan = { .flags = i % 2 ? CELL_FENCE : 0 };
		struct cell *cell = make(bed, &plan);
		struct cell_event event;

		if (plan.flags & CELL_FENCE) {
			expect(cell, CELL_FENCED, &event);
			close_listeners(&event);
		}
		if (i % 5 != 4) {
			const char *const words[] = { "sleep", "60", NULL };

			start(cell, "");
			struct pipes p = launch(cell, words, 0);

			(void)close(p.in);
			(void)close(p.out);
		}
		if (i > 4) { /* one of each kind is left to cell_free() */
			end(cell);
		}
		cell_free(cell);
	}
	assert_int_equal(count_in("/proc/self/fd"), descriptors);
	assert_int_equal(lines_of("/proc/self/mountinfo"), mounts);
	assert_int_equal(count_in(bed->work), files);
	assert_int_equal(processes_of_slot(bed), 0);
	assert_int_equal(groups_of_ours(), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* --- inside
 * ------------------------------------------------------------------- */

_Noreturn static void
bomb(void)
{
	int count = 1;
	pid_t pid;

	while ((pid = fork()) > 0) {
		count++;
	}
	if (pid < 0) {
		(void)printf("%d\n", count);
		(void)fflush(stdout);
	}
	for (;;) {
		(void)pause();
	}
}

static int
eat(void)
{
	for (int i = 0; i < 64; i++) {
		char *at = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED) {
			(void)printf("refused\n");
			return 0;
		}
		memset(at, 1, 4 << 20);
	}
	(void)printf("ate all\n");
	return 1;
}

static int
daemonize(void)
{
	if (fork() > 0) {
		return 0;
	}
	(void)setsid();
	if (fork() > 0) {
		return 0;
	}
	for (int number = 1; number < NSIG; number++) {
		(void)signal(number, SIG_IGN);
	}
	int fd = open("/work/beat", O_WRONLY | O_CREAT | O_APPEND, 0600);

	for (;;) {
		(void)!write(fd, ".", 1);
		(void)!write(1, ".", 1);
		(void)usleep(20000);
	}
}

static int
orphans(void)
{
	for (int i = 0; i < 1000; i++) {
		if (fork() == 0) {
			_exit(fork() == 0 ? 0 : 1);
		}
		(void)wait(NULL);
	}
	return 0;
}

static int
inside(const char *name)
{
	if (strcmp(name, "bomb") == 0) {
		bomb();
	}
	if (strcmp(name, "eat") == 0) {
		return eat();
	}
	if (strcmp(name, "daemon") == 0) {
		return daemonize();
	}
	if (strcmp(name, "orphans") == 0) {
		return orphans();
	}
	int last = 0;

	for (int fd = 0; fd >= 0; fd = dup(0)) {
		last = fd;
	}
	(void)printf("%d\n", last + 1);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_fork_bomb_stays_in_its_cell_and_dies_with_it),
		cmocka_unit_test(
		    a_memory_bomb_ends_its_command_and_not_the_cell),
		cmocka_unit_test(cells_share_the_sockets_of_the_machine),
		cmocka_unit_test(each_cell_is_charged_for_its_share_of_sockets),
		cmocka_unit_test(
		    what_another_of_the_same_id_left_is_in_nobodys_way),
		cmocka_unit_test(tmp_files_and_descriptors_are_bounded),
		cmocka_unit_test(
		    time_is_kept_against_stopped_and_deaf_commands),
		cmocka_unit_test(daemons_and_zombies_go_with_the_cell),
		cmocka_unit_test(a_cell_ends_when_its_parent_is_killed),
		cmocka_unit_test(fifty_cells_leave_nothing),
	};

	if (argc > 1) {
		return inside(argv[1]);
	}
	return cmocka_run_group_tests(tests, bed_up, bed_down);
}
