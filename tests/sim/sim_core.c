/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core and queue on a virtual clock with scripted peers and a faulty store:
 * house.h says how.  SEED=n plays one game and tells what core logs, GAMES=n so
 * many, SOAK=1 many; BUG=word plants a bug of bugs.def.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/house.h"

#define WORKERS_MAX 8
#define CHUNK       64 /* games of one process: what they leave is dropped */
#ifndef GAMES
#define GAMES 10000
#endif
#define MANY (GAMES * 20)
#define HUNT 2000 /* games in which a planted bug must be noticed */

struct worker {
	struct sim_seen seen;
	pid_t pid; /* 0: free */
	uint64_t seed;
	bool failed;
	char why[512];
};

static struct worker *workers; /* shared with them */
static int worker_count;
static char folder[200];
static unsigned begun; /* workers: a process id comes again in a long run */

static const struct {
	const char *word;
	const char *why;
} bugs[] = {
	{ "", "" },
#define BUG(name, word, why) { word, why },
#include "sim/bugs.def"
#undef BUG
};

/* --- workers --- */

static void
quiet_or_not(bool loud)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	must(null >= 0);
	if (!loud) {
		must(dup2(null, STDERR_FILENO) >= 0);
	}
	/* What a house opens stands above: it is closed with it. */
	while (null < 15) {
		null = fcntl(null, F_DUPFD_CLOEXEC, 0);
		must(null >= 0);
	}
	log_set_level(loud ? LOG_DEBUG : LOG_ERROR);
}

static _Noreturn void
work(struct worker *w, uint64_t from, uint64_t count, bool loud)
{
	char at[240];
	const char *why;

	static const int fatal[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };

	/* They are cmocka's: it would go on with its tests in here. */
	for (size_t i = 0; i < COUNT(fatal); i++) {
		must(signal(fatal[i], SIG_DFL) != SIG_ERR);
	}
	must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	quiet_or_not(loud);
	sim_seen = &w->seen;
	(void)snprintf(at, sizeof(at), "%s/%u", folder, begun);
	sim_files(at);
	for (w->seed = from; w->seed < from + count; w->seed++) {
		why = sim_play(w->seed, at);
		if (why) {
			(void)snprintf(w->why, sizeof(w->why), "%s", why);
			w->failed = true;
			_exit(1);
		}
	}
	_exit(0);
}

static void
begin(struct worker *w, uint64_t from, uint64_t count, bool loud)
{
	pid_t pid;

	w->failed = false;
	w->why[0] = '\0';
	(void)fflush(stdout);
	begun++;
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		work(w, from, count, loud);
	}
	w->pid = pid; /* what it writes, they share */
}

/* Waits for one worker; true: its games were good. */
static bool
collect(struct worker **which)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	must(pid > 0);
	*which = NULL;
	for (int i = 0; i < worker_count; i++) {
		if (workers[i].pid == pid) {
			*which = &workers[i];
		}
	}
	must(*which);
	(*which)->pid = 0;
	if (WIFSIGNALED(status)) {
		(void)snprintf((*which)->why, sizeof((*which)->why),
		    "signal %d: an assertion of core, or of the game",
		    WTERMSIG(status));
	}
	return status == 0;
}

/* Who has nothing to do plays the next games; the first that nobody plays. */
static uint64_t
hand_out(uint64_t next, uint64_t end, int *running)
{
	for (int i = 0; i < worker_count && next < end; i++) {
		uint64_t some = end - next < CHUNK ? end - next : CHUNK;

		if (workers[i].pid) {
			continue;
		}
		begin(&workers[i], next, some, false);
		next += some;
		++*running;
	}
	return next;
}

static uint64_t
hunt(uint64_t first, uint64_t count, char why[512])
{
	uint64_t next = first;
	uint64_t bad = 0;
	int running = 0;

	for (;;) {
		struct worker *w = NULL;

		if (!bad) {
			next = hand_out(next, first + count, &running);
		}
		if (!running) {
			return bad;
		}
		running--;
		if (!collect(&w) && (!bad || w->seed < bad)) {
			bad = w->seed;
			memcpy(why, w->why, 512);
		}
	}
}

static void
show(uint64_t seed)
{
	struct worker *w = &workers[0];

	begin(w, seed, 1, true);
	(void)collect(&w);
}

/* --- tests --- */

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
	const char *given = getenv(name); /* NOLINT(concurrency-mt-unsafe) */
	uint64_t n;

	return given && str_u64(str_of(given), &n) ? n : otherwise;
}

static uint64_t
sum(size_t offset)
{
	uint64_t n = 0;

	for (int i = 0; i < worker_count; i++) {
		n += *(uint64_t *)(void *)((char *)&workers[i].seen + offset);
	}
	return n;
}
#define SEEN(name) sum(offsetof(struct sim_seen, name))

static void
tell(void)
{
#define TELL(name) \
	print_message("# %llu " #name "\n", (unsigned long long)SEEN(name))
	TELL(games);
	TELL(houses);
	TELL(commits);
	TELL(heads);
	TELL(failed_commits);
	TELL(lost_replies);
	TELL(killed_before);
	TELL(killed_after);
	TELL(kills);
	TELL(claims);
	TELL(leases_lost);
	TELL(execs);
	TELL(parks);
	TELL(intents);
	TELL(completed);
	TELL(failed);
	TELL(blocked);
	TELL(cancelled);
	TELL(jumps);
	TELL(dead_agents);
	TELL(dead_cells);
	TELL(dead_egresses);
	TELL(dead_vaults);
	TELL(dead_apis);
	TELL(unknown);
	TELL(denied);
	TELL(doubled);
	TELL(full_disks);
	TELL(deposed);
	TELL(milled);
	TELL(stale);
	TELL(expired);
	TELL(stops);
	TELL(lifted);
	TELL(edited);
	TELL(hidden);
	TELL(asked);
	TELL(once_more);
	TELL(held);
	TELL(held_no);
	TELL(held_left);
	TELL(held_gone);
	TELL(told);
#undef TELL
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
whatever_dies_every_task_ends_once_and_no_effect_is_early(void **state)
{
	uint64_t one = number_of("SEED", 0);
	bool soak = getenv("SOAK") != NULL; /* NOLINT(concurrency-mt-unsafe) */
	char why[512] = "";
	uint64_t games = number_of("GAMES", soak ? MANY : GAMES);
	uint64_t bad;

	(void)state;
	sim_bug = BUG_NONE;
	for (size_t i = 1; i < COUNT(bugs); i++) {
		const char *w = getenv("BUG"); /* NOLINT */

		if (w && strcmp(w, bugs[i].word) == 0) {
			sim_bug = (enum sim_bug)i;
		}
	}
	if (one) {
		show(one);
		if (workers[0].why[0]) {
			fail_msg("SEED=%llu: %s", (unsigned long long)one,
			    workers[0].why);
		}
		return;
	}
	bad = hunt(1, games, why);
	tell();
	if (bad) {
		print_message("# SEED=%llu repeats it: %s\n",
		    (unsigned long long)bad, why);
		show(bad);
		fail_msg("SEED=%llu: %s", (unsigned long long)bad, why);
	}
}

static void
a_storm_is_in_every_hundred_games(void **state)
{
	(void)state;
	if (number_of("SEED", 0) || SEEN(games) < 100) {
		skip();
	}
	assert_true(SEEN(houses) > SEEN(games) * 2);
	assert_true(SEEN(leases_lost) > SEEN(games));
	assert_true(SEEN(parks) > SEEN(games) / 4);
	assert_true(SEEN(held_gone) > SEEN(games) / 8);
	assert_true(SEEN(failed_commits) > SEEN(games) / 4);
	assert_true(SEEN(lost_replies) > SEEN(games) / 8);
	assert_true(SEEN(killed_before) > SEEN(games) / 8);
	assert_true(SEEN(killed_after) > SEEN(games) / 8);
	assert_true(SEEN(completed) > SEEN(games));
	assert_true(SEEN(execs) > SEEN(games)); /* else no cell lives */
	assert_true(SEEN(unknown) > SEEN(games) / 10);
	assert_true(SEEN(cancelled) > SEEN(games) / 10);
	assert_true(SEEN(deposed) > SEEN(games) / 100);
	assert_true(SEEN(milled) > SEEN(games) / 4);
	assert_true(SEEN(stale) > SEEN(games) / 4);
	assert_true(SEEN(expired) > SEEN(games) / 20);
	assert_true(SEEN(stops) > SEEN(games) / 2);
	assert_true(SEEN(lifted) > SEEN(games) / 2);
	assert_true(SEEN(edited) > SEEN(games) / 50);
	assert_true(SEEN(hidden) > SEEN(games) / 4);
	assert_true(SEEN(asked) > SEEN(games) / 20);
	assert_true(SEEN(told) > SEEN(games) * 10);
	assert_true(SEEN(once_more) >= SEEN(games) / 200);
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
every_planted_bug_is_noticed(void **state)
{
	(void)state;
	if (number_of("SEED", 0)) {
		skip();
	}
	for (size_t i = 1; i < COUNT(bugs); i++) {
		char why[512] = "";
		uint64_t bad = 0;

		sim_bug = (enum sim_bug)i;
		do { /* core may notice it first, by an assertion */
			bad = hunt(bad + 1, HUNT, why);
		} while (bad && bad < HUNT && !strstr(why, bugs[i].why));
		sim_bug = BUG_NONE;
		print_message("# %s: game %llu: %s\n", bugs[i].word,
		    (unsigned long long)bad, why);
		if (!bad || !strstr(why, bugs[i].why)) {
			fail_msg("%s is not noticed, or for another reason: %s",
			    bugs[i].word, why);
		}
	}
}

static int
make_workers(void **state)
{
	cpu_set_t set;
	/* In memory where there is such a place: nothing here must last. */
	const char *tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	(void)state;
	worker_count =
	    sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
	worker_count = worker_count > WORKERS_MAX ? WORKERS_MAX : worker_count;
	workers = mmap(NULL, sizeof(*workers) * WORKERS_MAX,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(workers != MAP_FAILED);
	(void)snprintf(folder, sizeof(folder), "%s/sim-XXXXXX", tmp);
	return mkdtemp(folder) ? 0 : -1;
}

static int
remove_all(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", folder, (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    whatever_dies_every_task_ends_once_and_no_effect_is_early),
		cmocka_unit_test(a_storm_is_in_every_hundred_games),
		cmocka_unit_test(every_planted_bug_is_noticed),
	};

	return cmocka_run_group_tests(tests, make_workers, remove_all);
}
