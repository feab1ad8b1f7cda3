/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of workspaces: sandbox empties the folder (the files are its cell's
 * id's), core removes the empty folders.  What a house that crashed left
 * behind is found at the start: a run without an outcome keeps its workspace.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_run.h"

struct core_drop {
	struct core_drop *next;
	uint64_t number;
	bool owned; /* given to one slot's id, which may then remove it */
	char run[ID_TEXT];
};

static int
open_work(struct core *c, const char *run)
{
	char path[ID_TEXT + 8];

	(void)snprintf(path, sizeof(path), "%s/work", run);
	return openat(
	    c->runs_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static void
remove_folders(struct core *c, const char *run)
{
	char path[ID_TEXT + 8];

	(void)snprintf(path, sizeof(path), "%s/work", run);
	(void)unlinkat(c->runs_fd, path, AT_REMOVEDIR);
	(void)unlinkat(c->runs_fd, run, AT_REMOVEDIR);
}

static bool
ask(struct core *c, const struct core_drop *d, enum wire_work work)
{
	struct wire_work_ask record = { .id = d->number, .work = work };
	int fd = open_work(c, d->run);

	if (fd < 0 || !c->sandbox) {
		return false;
	}
	wire_send(c->sandbox, WIRE_WORK_ASK, &record, &fd, 1);
	return true;
}

/* Its files may be of several slots' ids: first they become one slot's. */
void
core_work_drop(struct core *c, struct str run)
{
	struct core_drop *d = calloc(1, sizeof(*d));

	must(d && str_copy(d->run, sizeof(d->run), run));
	d->number = core_number(c);
	if (!ask(c, d, WIRE_WORK_OWN)) {
		remove_folders(c, d->run);
		free(d);
		return;
	}
	d->next = c->drops;
	c->drops = d;
}

bool
core_work_dropped(struct core *c, uint64_t number)
{
	struct core_drop **at = &c->drops;
	struct core_drop *d;

	while (*at && (*at)->number != number) {
		at = &(*at)->next;
	}
	d = *at;
	if (d && !d->owned) {
		d->owned = true;
		if (ask(c, d, WIRE_WORK_DROP)) {
			return true;
		}
	}
	if (d) {
		remove_folders(c, d->run);
		*at = d->next;
		free(d);
	}
	return d != NULL;
}

static bool
is_dropped(const struct core *c, const char *run)
{
	const struct core_drop *d = c->drops;

	while (d && strcmp(d->run, run) != 0) {
		d = d->next;
	}
	return d != NULL;
}

/* A run that the book does not know as going on needs no workspace.  One whose
 * processes are still ending drops it behind them. */
static bool
is_over(struct core *c, const char *name)
{
	struct book_id id;
	const struct session_run *view;

	if (!book_id_parse(str_of(name), &id)) {
		return false; /* not ours */
	}
	if (core_run_by_id(c, id) || is_dropped(c, name)) {
		return false;
	}
	view = session_index_find(c->sessions, id);
	return !view || view->ended;
}

static void
sweep_committed(struct core *c, uint64_t number)
{
	(void)number;
	core_work_sweep(c);
}

/* An end that is not on the disk may not be one: its run goes on then, and
 * needs its files. */
void
core_work_sweep(struct core *c)
{
	if (core_unwritten(c)) {
		core_after(c, sweep_committed, 0);
		return;
	}
	int fd = openat(c->runs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *f;

	while (d && (f = readdir(d))) {
		if (is_over(c, f->d_name)) {
			core_work_drop(c, str_of(f->d_name));
		}
	}
	if (d) {
		(void)closedir(d);
	}
}
