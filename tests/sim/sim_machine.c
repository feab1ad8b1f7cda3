/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure queue machine against a model of it (machine.h), game after game,
 * and the same with each planted bug, which must be noticed by name.
 *
 *   SEED=n   one game      GAMES=n   so many      SOAK=1   very many
 *   BUG=word with this bug planted
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/machine.h"

#ifndef GAMES
#define GAMES 10000
#endif
#define MANY     (20 * GAMES)
#define COMMANDS 150
#define HUNT     3000 /* games in which a bug must show */

struct m_seen m_seen;

/* Each found a fault that the first GAMES do not. */
static const uint64_t telling[] = { 24607, 29643, 38586 };

static jmp_buf over;
static char why[400];

static const struct {
	const char *word;
	const char *why;
} bugs[] = {
	{ "", "" },
#define BUG(name, word, why) { word, why },
#include "sim/machine_bugs.def"
#undef BUG
};

void
m_fault(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(why, sizeof(why), format, list);
	va_end(list);
	longjmp(over, 1); /* NOLINT(cert-err52-cpp) */
}

uint64_t
m_draw_wide(struct m_game *g)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return g->random * 0x2545f4914f6cdd1dULL;
}

uint32_t
m_draw(struct m_game *g, uint32_t below)
{
	return (uint32_t)((m_draw_wide(g) >> 32) % below);
}

static void
begin(struct m_game *g, uint64_t seed)
{
	g->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	g->w.now.us = 1700000000000000;
	g->w.log = arena_array(&g->w.arena, M_LOG, sizeof(*g->w.log));
	for (int n = 0; n < M_QUEUES; n++) {
		g->limits[n] = (struct queue_limits){
			.max_running = m_draw(g, 2) ? 1 + m_draw(g, 4) : 0,
			.max_waiting = m_draw(g, 4) ? 0 : 4 + m_draw(g, 12),
			.puts_per_minute = m_draw(g, 4) ? 0 : 2 + m_draw(g, 8),
			.weight = m_draw(g, 4),
		};
	}
	m_start(g);
}

/* The reason that the game ended early, or "". */
static const char *
play(uint64_t seed)
{
	struct m_game *g = calloc(1, sizeof(*g));

	must(g);
	why[0] = 0;
	m_seen.games++;
	if (setjmp(over) == 0) { /* NOLINT(cert-err52-cpp) */
		begin(g, seed);
		for (int i = 0; i < COMMANDS; i++) {
			m_move(g);
		}
		m_commit(g);
		m_restart(g);
		m_calm_down(g);
	}
	queue_free(g->w.queue);
	arena_fini(&g->w.arena);
	free(g);
	return why;
}

static void
expect(uint64_t seed)
{
	if (play(seed)[0]) {
		fail_msg("SEED=%llu: %s", (unsigned long long)seed, why);
	}
}

static uint64_t
number_of(const char *name, uint64_t fallback)
{
	const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe) */
	uint64_t value = 0;

	return text && str_u64(str_of(text), &value) ? value : fallback;
}

static void
no_command_at_any_moment_breaks_a_promise(void **state)
{
	bool soak = getenv("SOAK") != NULL; /* NOLINT(concurrency-mt-unsafe) */
	uint64_t one = number_of("SEED", 0);
	uint64_t games = number_of("GAMES", soak ? MANY : GAMES);
	const char *word = getenv("BUG"); /* NOLINT(concurrency-mt-unsafe) */

	(void)state;
	for (size_t i = 1; i < COUNT(bugs) && word; i++) {
		if (strcmp(word, bugs[i].word) == 0) {
			machine_bug = (enum machine_bug)i;
		}
	}
	for (uint64_t n = one ? one : 1; n <= (one ? one : games); n++) {
		expect(n);
	}
	for (size_t i = 0; i < COUNT(telling) && !one; i++) {
		expect(telling[i]);
	}
	machine_bug = MACHINE_SOUND;
}

static int
tell(void **state)
{
	(void)state;
#define TELL(what) print_message("# %u %s\n", m_seen.what, #what)
	TELL(games);
	TELL(commands);
	TELL(events);
	TELL(puts);
	TELL(claims);
	TELL(hand_offs);
	TELL(finishes);
	TELL(stale);
	TELL(repeated);
	TELL(retries);
	TELL(deaths);
	TELL(series);
	TELL(cancels);
	TELL(children);
	TELL(forgets);
	TELL(recalls);
	TELL(leases_lost);
	TELL(crashes);
	TELL(restarts);
	TELL(jumps);
	TELL(refused);
	TELL(full);
	TELL(held);
#undef TELL
	return 0;
}

/* A game in which nothing happens proves nothing. */
static void
a_storm_is_in_every_hundred_games(void **state)
{
	unsigned games = m_seen.games;

	(void)state;
	if (number_of("SEED", 0) || games < 100) {
		skip();
	}
	assert_true(m_seen.events > 50 * games);
	assert_true(m_seen.claims > 10 * games);
	assert_true(m_seen.finishes > 5 * games);
	assert_true(m_seen.stale > games && m_seen.repeated > games / 2);
	assert_true(m_seen.retries > games / 4 && m_seen.deaths > games / 4);
	assert_true(m_seen.series > games / 4 && m_seen.children > games / 4);
	assert_true(m_seen.forgets > games / 2 && m_seen.recalls > games / 20);
	assert_true(m_seen.leases_lost > games);
	assert_true(m_seen.hand_offs > games / 4);
	assert_true(m_seen.crashes > games / 2 && m_seen.jumps > games);
	assert_true(m_seen.refused > games && m_seen.full > games / 4);
	assert_true(m_seen.held > games / 4);
}

/* In a process of its own: the machine may notice it first, and end. */
/* In a process of its own: a game stops it at its end. */
_Noreturn static void
be_hunter(enum machine_bug bug, char *said, size_t size)
{
	machine_bug = bug;
	for (uint64_t n = 1; n <= HUNT && !said[0]; n++) {
		if (strstr(play(n), bugs[bug].why) && why[0]) {
			(void)str_copy(said, size, str_of(why));
		}
	}
	_exit(0);
}

static void
hunt(enum machine_bug bug, char *said, size_t size)
{
	pid_t pid = fork();
	int status = 0;

	must(pid >= 0);
	if (pid == 0) {
		be_hunter(bug, said, size);
	}
	must(waitpid(pid, &status, 0) == pid);
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
every_planted_bug_is_noticed_by_name(void **state)
{
	size_t size = sizeof(why);
	char *said = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	must(said != MAP_FAILED);
	if (number_of("SEED", 0)) {
		skip();
	}
	for (size_t i = 1; i < COUNT(bugs); i++) {
		said[0] = 0;
		hunt((enum machine_bug)i, said, size);
		print_message("# %s: %s\n", bugs[i].word, said);
		if (!said[0]) {
			fail_msg("%s is not noticed", bugs[i].word);
		}
	}
	(void)munmap(said, size);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    no_command_at_any_moment_breaks_a_promise, tell),
		cmocka_unit_test(a_storm_is_in_every_hundred_games),
		cmocka_unit_test(every_planted_bug_is_noticed_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
