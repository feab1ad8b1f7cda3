/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a folder that hostile code has filled: by descriptors, never
 * through a symlink, never onto another file system, without recursion, and
 * bounded in depth, entries and path length.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cell/inside.h"

#define ENTRIES_MAX 1000000
#define BLOCK       ((size_t)32 * 1024) /* of a folder's list */
#define PATH_LIMIT  4096                /* of a folder that is entered */
/* Bytes of all names that are kept at once: the walk is outside of the cell's
 * own limits. */
#define NAMES_MAX ((size_t)32 * 1024 * 1024)

struct level {
	int fd;
	struct buf names; /* each behind its d_type, with its NUL */
	const char **sorted;
	size_t count;
	size_t next;
	size_t path; /* length of its own path */
};

struct trip {
	const struct tree_walk *walk;
	struct level levels[TREE_DEPTH_MAX];
	size_t depth;
	size_t entries;
	size_t names; /* bytes, of the folders above the deepest */
	dev_t device;
	char path[PATH_LIMIT + 2 + NAME_MAX];
	char block[BLOCK] __attribute__((aligned(8)));
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
leave_level(struct level *level)
{
	auto_close_fd(&level->fd);
	buf_fini(&level->names);
	free((void *)level->sorted);
	level->sorted = NULL;
}

static bool
too_much(const struct trip *trip, const struct level *level)
{
	return trip->entries > ENTRIES_MAX ||
	       trip->names + level->names.len > NAMES_MAX;
}

/* By errno: what is shut or gone stays so until a folder's stamp moves; what
 * the kernel could not do now it can the next time. */
static void
pass_by(const struct trip *trip)
{
	if (trip->walk->missed && errno != EACCES && errno != ENOENT) {
		*trip->walk->missed = true;
	}
}

/* 1: no more is taken. */
static int
add_name(struct trip *trip, struct level *level, const struct dirent64 *entry,
    struct err *e)
{
	const char *name = entry->d_name;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return 0;
	}
	trip->entries++;
	if (too_much(trip, level) && trip->walk->rest) {
		*trip->walk->rest = true;
		return 1;
	}
	if (too_much(trip, level)) {
		return err_set(e, ERR_LIMIT,
		    "the workspace has more than %d entries, or %zu MiB of "
		    "names",
		    ENTRIES_MAX, NAMES_MAX >> 20);
	}
	buf_add_byte(&level->names, entry->d_type);
	buf_add(&level->names, str_span(name, strlen(name) + 1));
	level->count++;
	return 0;
}

/* A folder that was just opened, to its end.  Not by readdir(3): most folders
 * hold little, and a stream costs more than the list. */
static int
read_names(struct trip *trip, struct level *level, struct err *e)
{
	ssize_t got;
	int status = 0;

	while (status == 0 &&
	       (got = getdents64(level->fd, trip->block, BLOCK)) != 0) {
		if (got < 0 && errno != ENOENT && !trip->walk->lenient) {
			return err_sys(e, "list a folder of the workspace");
		}
		if (got < 0) {
			pass_by(trip);
			break; /* just removed, or not ours to see */
		}
		for (ssize_t at = 0; at < got && status == 0;) {
			const struct dirent64 *entry =
			    (const struct dirent64 *)(trip->block + at);

			status = add_name(trip, level, entry, e);
			at += entry->d_reclen;
		}
	}
	return status < 0 ? -1 : 0;
}

static void
sort_names(const struct trip *trip, struct level *level)
{
	const char *at = buf_z(&level->names);

	level->sorted =
	    (const char **)calloc(level->count + 1, sizeof(*level->sorted));
	must(level->sorted);
	for (size_t i = 0; i < level->count; i++) {
		level->sorted[i] = ++at;
		at += strlen(at) + 1;
	}
	if (trip->walk->sorted && level->count > 1) {
		qsort((void *)level->sorted, level->count,
		    sizeof(*level->sorted), by_name);
	}
}

/* Takes fd. */
static int
enter_level(struct trip *trip, int fd, size_t path, struct err *e)
{
	struct level *level = &trip->levels[trip->depth];

	*level = (struct level){ .fd = fd, .path = path };
	if (read_names(trip, level, e)) {
		leave_level(level);
		return -1;
	}
	sort_names(trip, level);
	trip->names += level->names.len;
	trip->depth++;
	return 0;
}

static int
enter_folder(struct trip *trip, const struct tree_entry *entry, struct err *e)
{
	struct stat now;

	if (trip->depth == TREE_DEPTH_MAX || entry->path.len > PATH_LIMIT) {
		return trip->walk->deep
		           ? trip->walk->deep(trip->walk->owner, entry, e)
		           : err_set(e, ERR_LIMIT,
		                 "%s is deeper than %d folders or %d bytes",
		                 err_quote(entry->path), TREE_DEPTH_MAX,
		                 PATH_LIMIT);
	}
	auto_close int fd = openat(entry->parent, entry->name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && trip->walk->lenient) {
		pass_by(trip);
		return 0;
	}
	if (fd < 0 || fstat(fd, &now) < 0) {
		return err_sys(e, "open %s", err_quote(entry->path));
	}
	if (now.st_dev != entry->stat.st_dev ||
	    now.st_ino != entry->stat.st_ino) {
		return trip->walk->live ? 0
		                        : err_set(e, ERR_CONFLICT,
		                              "%s changed under the walk",
		                              err_quote(entry->path));
	}
	return enter_level(trip, take_fd(&fd), entry->path.len, e);
}

/* What its folder says of it is enough, as long as nothing is mounted over it;
 * some file systems say nothing (DT_UNKNOWN). */
static bool
passed_by(const struct trip *trip, const char *name)
{
	uint8_t type = (uint8_t)name[-1];

	return trip->walk->doors && (type == DT_REG || type == DT_LNK);
}

/* The next entry of the deepest folder. */
static int
step(struct trip *trip, struct err *e)
{
	struct level *level = &trip->levels[trip->depth - 1];
	const char *name = level->sorted[level->next++];

	if (passed_by(trip, name)) {
		return 0;
	}
	size_t len = strlen(name);
	size_t at = level->path;
	struct tree_entry entry = {
		.parent = level->fd,
		.name = name,
		.depth = trip->depth,
	};

	must(at + len + 1 < sizeof(trip->path));
	if (at > 0) {
		trip->path[at++] = '/';
	}
	memcpy(trip->path + at, name, len);
	entry.path = str_span(trip->path, at + len);
	if (fstatat(level->fd, name, &entry.stat, AT_SYMLINK_NOFOLLOW) < 0) {
		if (trip->walk->lenient) {
			pass_by(trip);
			return 0; /* not ours to see, or just removed */
		}
		return err_sys(e, "look at %s", err_quote(entry.path));
	}
	if (entry.stat.st_dev != trip->device && !trip->walk->lenient) {
		return err_set(e, ERR_INPUT, "%s is on another file system",
		    err_quote(entry.path));
	}
	if (trip->walk->visit(trip->walk->owner, &entry, e)) {
		return -1;
	}
	return S_ISDIR(entry.stat.st_mode) ? enter_folder(trip, &entry, e) : 0;
}

/* The deepest folder is done; its parent's present name is its own. */
static int
rise(struct trip *trip, struct err *e)
{
	struct level *done = &trip->levels[trip->depth - 1];
	size_t path = done->path;

	trip->names -= done->names.len;
	leave_level(done);
	trip->depth--;
	if (trip->depth == 0 || !trip->walk->leave) {
		return 0;
	}
	const struct level *parent = &trip->levels[trip->depth - 1];
	struct tree_entry entry = {
		.parent = parent->fd,
		.name = parent->sorted[parent->next - 1],
		.path = str_span(trip->path, path),
		.depth = trip->depth,
	};

	return trip->walk->leave(trip->walk->owner, &entry, e);
}

int
tree_walk(int folder, const struct tree_walk *walk, struct err *e)
{
	struct trip *trip = calloc(1, sizeof(*trip));
	struct stat top;
	int status = 0;

	must(trip);
	trip->walk = walk;
	auto_close int fd =
	    openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &top) < 0) {
		status = err_sys(e, "open the workspace");
	} else {
		trip->device = top.st_dev;
		status = enter_level(trip, take_fd(&fd), 0, e);
	}
	while (status == 0 && trip->depth > 0) {
		const struct level *level = &trip->levels[trip->depth - 1];

		status =
		    level->next < level->count ? step(trip, e) : rise(trip, e);
	}
	while (trip->depth > 0) {
		leave_level(&trip->levels[--trip->depth]);
	}
	free(trip);
	return status;
}
