/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A game: tasks of a few calls each, a storm of a minute in which everything
 * may die at any moment, then calm until each task has its end, or half a day
 * has passed.  The houses follow each other in one process: what a house had in
 * memory is dropped, its descriptors are closed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts/core_run.h"
#include "sim/house.h"

#define HOUSES   400
#define FIRST_FD 16 /* below it stands what is the test's own */

/* --- what goes wrong --- */

static struct sim_cell *
any_cell(void)
{
	struct sim_cell *c = &sim.cells[sim_draw(4)];

	return c->number && !c->ending ? c : NULL;
}

/* It goes on from where it stood. */
static void
thaw(void)
{
	if (sim.frozen_at) {
		sim.wall_off += sim.frozen_at - mono_now().us;
		sim.frozen_at = 0;
	}
}

static void
clocks(void)
{
	sim_seen->jumps++;
	if (sim_draw(3) == 0 && !sim.frozen_at) {
		sim.frozen_at = mono_now().us;
	} else {
		thaw();
		sim.wall_off += ((int64_t)sim_draw(7201) - 3600) * CLOCK_SECOND;
	}
}

static void
misfortune(uint64_t a, uint64_t b)
{
	struct sim_cell *c = any_cell();

	(void)a;
	(void)b;
	if (sim.calm) {
		return;
	}
	sim_always(500000 + sim_draw(9000000), misfortune, 0, 0);
	switch (sim.loop ? sim_draw(12) : 99) {
	case 0:
		sim_seen->kills++;
		sim_house_down();
	case 1:
		sim_seen->dead_vaults++;
		sim_part_down(PART_VAULT);
		break;
	case 2:
		sim_part_down(PART_EGRESS);
		break;
	case 3:
		sim_seen->dead_apis++;
		sim_part_down(PART_API);
		sim_people_house_down();
		break;
	case 4:
		sim_part_down(PART_RESOLVER);
		break;
	case 5:
	case 6:
		if (c) {
			sim_seen->dead_cells++;
			sim_cell_down(c, "killed");
		}
		break;
	case 7:
	case 8:
		if (c && c->egress) {
			sim_seen->dead_egresses++;
			wire_peer_free(c->egress);
			c->egress = NULL;
		}
		break;
	case 9:
	case 10:
		clocks();
		break;
	case 11:
		sim_seen->full_disks++;
		sim.full_until = mono_now().us + sim_draw(15000000);
		break;
	default:
		break;
	}
}

static void
calm(uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	thaw(); /* or what nobody comes to look at would wait for ever */
	sim.calm = true;
}

/* --- the end --- */

static bool
is_over(const struct sim_task *t)
{
	return t->put_told &&
	       (t->hold == SIM_COMPLETE || t->hold == SIM_FAILED ||
	           t->hold == SIM_BLOCKED);
}

/* It waits, for ever, for what has failed or waits so itself. */
static bool
is_stuck(const struct sim_task *t)
{
	const struct sim_task *before = t;

	while (before->hold == SIM_WAITS_ && before->depends >= 0) {
		before = &sim.tasks[before->depends];
	}
	return t->put_told && before != t && is_over(before) &&
	       before->hold != SIM_COMPLETE;
}

static bool
all_done(void)
{
	for (int i = 0; i < sim.task_count; i++) {
		if (!is_over(&sim.tasks[i]) && !is_stuck(&sim.tasks[i])) {
			return false;
		}
	}
	return true;
}

static void
account(void)
{
	for (int i = 0; i < sim.task_count; i++) {
		const struct sim_task *t = &sim.tasks[i];
		const struct queue_task *q =
		    queue_find(sim.core->queue, str_of(t->id));

		if (!q) {
			sim_fault(
			    "task %s was acknowledged and is lost", t->id);
		}
		if (is_over(t) && t->ends != (t->hold != SIM_BLOCKED)) {
			sim_fault("task %s has %u ends", t->id, t->ends);
		}
		if (t->cancel_told && t->hold != SIM_FAILED) {
			sim_fault("task %s was cancelled, they said", t->id);
		}
		if (t->run[0] && is_over(t) && !t->run_ends) {
			sim_fault("the run of task %s has no end", t->id);
		}
	}
}

static void
look(uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	if (!sim.loop || !sim.core->ready || core_unwritten(sim.core)) {
		sim_always(CLOCK_SECOND, look, 0, 0);
		return;
	}
	sim_waits_end();
	sim_stops_lift();
	if (sim_draw(8) == 0) {
		sim_witness_derived(false);
	}
	if (sim.calm && all_done() && !sim.can_told) {
		sim_say_can(0, 0);
		sim_always(5 * CLOCK_SECOND, look, 0, 0);
	} else if (sim.calm && all_done()) {
		sim_witness_derived(true);
		account();
		sim_history_check();
		sim.over = true;
	} else {
		sim_always(5 * CLOCK_SECOND, look, 0, 0);
	}
}

static void
too_late(uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	for (int i = 0; i < sim.task_count; i++) {
		const struct sim_task *t = &sim.tasks[i];

		if (!is_over(t) && !is_stuck(t)) {
			sim_fault("half a day of calm, and task %s (%s) has no "
			          "end: hold %d, epoch %u",
			    t->id, t->plan, t->hold, t->epoch);
		}
	}
	sim_fault("half a day of calm, and the game is not over");
}

/* --- houses --- */

/* Workspaces of another game: a house would find them. */
static void
sweep(void)
{
	char path[320];
	struct dirent *f;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/state/runs", sim.folder);
	d = opendir(path);
	must(d);
	while ((f = readdir(d))) {
		if (f->d_name[0] == '.') {
			continue;
		}
		(void)snprintf(path, sizeof(path), "%s/work", f->d_name);
		(void)unlinkat(dirfd(d), path, AT_REMOVEDIR);
		(void)unlinkat(dirfd(d), f->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

static void
make_tasks(void)
{
	static const char letters[] = "wwaaccggfmx";

	int last[2] = { -1, -1 };

	sim.task_count = 2 + (int)sim_draw(4);
	for (int i = 0; i < sim.task_count; i++) {
		struct sim_task *t = &sim.tasks[i];

		(void)snprintf(t->id, sizeof(t->id),
		    "00000000-0000-7000-8000-%012d", i + 1);
		t->outside = sim_draw(3) == 0;
		for (uint32_t n = 0; n < 1 + sim_draw(4); n++) {
			t->plan[n] = letters[sim_draw(sizeof(letters) - 1)];
		}
		t->score = 1 + sim_draw(5);
		/* On its own kind: its history knows no other. */
		t->depends = sim_draw(3) == 0 ? last[t->outside] : -1;
		last[t->outside] = i;
	}
}

static void
raise_house(void)
{
	static char words[][300] = { "core", "--config", "", "--state", "",
		"--operators",
		/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one */
		"tester:1000:"
		"3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153"
		"e0,",
		"--uid", "0" };
	char *argv[COUNT(words) + 1] = { NULL };
	struct err e = { 0 };
	int pair[2];

	(void)snprintf(
	    words[2], sizeof(words[2]), "%s/handrail.toml", sim.folder);
	(void)snprintf(words[4], sizeof(words[4]), "%s/state", sim.folder);
	for (size_t i = 0; i < COUNT(words); i++) {
		argv[i] = words[i];
	}
	sim.house++;
	sim_seen->houses++;
	sim_say(++sim.ops, "restart", "ok", "");
	must(sim.house < HOUSES);
	sim_witness_house();
	must(wire_pair(pair, &e) == 0);
	must(dup2(pair[1], PART_SUPERVISOR_FD) == PART_SUPERVISOR_FD);
	must(close(pair[1]) == 0);
	sim.supervisor_fd = pair[0];
	if (setjmp(sim.down) == 0) {
		(void)core_main((int)COUNT(words), argv);
	}
	sim_house_forget();
	sim_store_undo();
	must(close_range(FIRST_FD, ~0U, 0) == 0);
	sim.mono_us += 100000 + sim_delay(2000000);
	sim_people_house_down();
}

const char *
sim_play(uint64_t seed, const char *folder)
{
	arena_fini(&sim.arena);
	history_free(sim.history);
	sim = (struct sim){ .seed = seed,
		.history = history_new(),
		.random = seed * 0x9e3779b97f4a7c15ULL + 1,
		.mono_us = CLOCK_SECOND };
	must(str_copy(sim.folder, sizeof(sim.folder), str_of(folder)));
	sweep();
	sim_store_reset();
	sim_seen->games++;
	make_tasks();
	sim_people_begin();
	sim_always(CLOCK_SECOND, misfortune, 0, 0);
	sim_always(SIM_STORM_US, calm, 0, 0);
	sim_always(5 * CLOCK_SECOND, look, 0, 0);
	sim_always(SIM_STORM_US + SIM_CALM_US, too_late, 0, 0);
	if (setjmp(sim.lost)) {
		sim_house_forget();
		must(close_range(FIRST_FD, ~0U, 0) == 0);
		return sim.why;
	}
	while (!sim.over) {
		raise_house();
	}
	return NULL;
}
