/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/trust.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel follows */

/* A path that is walked as the kernel does: a name at a time, into links. */
struct way {
	const struct config *config;
	char at[PATH_MAX]; /* no link in it, no slash behind it; "": the root */
	struct str rest;
	unsigned links;
	struct arena arena; /* of rest */
};

static bool
is_trusted(const struct config *config, uid_t owner)
{
	for (size_t i = 0; i < config->operator_count; i++) {
		if (config->operators[i].uid == owner) {
			return true;
		}
	}
	return owner == 0;
}

bool
trust_others_write(const char *path, const struct stat *s)
{
	/* Where there is a list, the group's bits say what it lets others do.
	 */
	bool root_alone =
	    s->st_gid == 0 &&
	    getxattr(path, "system.posix_acl_access", NULL, 0) < 0 &&
	    errno != ENOSYS;

	return (s->st_mode & S_IWOTH) ||
	       ((s->st_mode & S_IWGRP) && !root_alone);
}

/* In a sticky folder nobody moves what is another's: enough where only the way
 * leads through it, and not where a new file would be read. */
static int
check_folder(const struct way *w, struct str name, struct err *e)
{
	struct stat s;

	if (!*w->at || stat(w->at, &s)) {
		return 0;
	}
	bool trusted = is_trusted(w->config, s.st_uid);

	if (trusted &&
	    ((s.st_mode & S_ISVTX) || !trust_others_write(w->at, &s))) {
		return 0;
	}
	return err_set(e, ERR_DENIED,
	    "%s (user %u, mode %04o) can be written by one who is neither root "
	    "nor an operator of " STR_FMT " and could put another %s/" STR_FMT
	    " there, which root's house would take: `%s %s`, or move it "
	    "elsewhere",
	    w->at, s.st_uid, s.st_mode & 07777U, STR_ARG(w->config->file),
	    w->at, STR_ARG(name), trusted ? "chmod go-w" : "chown root", w->at);
}

/* Whose it is may lead it elsewhere, in a sticky folder. */
static int
check_link(const struct way *w, struct err *e)
{
	struct stat s;

	if (lstat(w->at, &s) || is_trusted(w->config, s.st_uid)) {
		return 0;
	}
	return err_set(e, ERR_DENIED,
	    "the link %s belongs to user %u, who is neither root nor an "
	    "operator of " STR_FMT " and could lead it elsewhere: `chown -h "
	    "root %s`",
	    w->at, s.st_uid, STR_ARG(w->config->file), w->at);
}

static void
go_up(struct way *w)
{
	char *slash = strrchr(w->at, '/');

	if (slash) {
		*slash = '\0';
	}
}

/* False: no path can name it. */
static bool
go_down(struct way *w, struct str name)
{
	size_t len = strlen(w->at);

	if (len + 1 + name.len >= sizeof(w->at)) {
		return false;
	}
	w->at[len] = '/';
	return str_copy(w->at + len + 1, sizeof(w->at) - len - 1, name);
}

/* A link is no place: from where it stands the way goes on as it says. */
static int
follow(struct way *w, struct err *e)
{
	char target[PATH_MAX];
	ssize_t len = readlink(w->at, target, sizeof(target));

	if (len < 0) {
		return 0; /* no link, or nothing */
	}
	if (check_link(w, e)) {
		return -1;
	}
	if (++w->links > LINKS_MAX) {
		return err_set(e, ERR_INPUT,
		    "%s: too many links, one behind the other", w->at);
	}
	w->rest = arena_printf(
	    &w->arena, STR_FMT "/" STR_FMT, (int)len, target, STR_ARG(w->rest));
	if (target[0] == '/') {
		w->at[0] = '\0';
	} else {
		go_up(w);
	}
	return 0;
}

static int
walk(struct way *w, struct err *e)
{
	while (w->rest.len) {
		struct str name;

		(void)str_cut(&w->rest, '/', &name);
		if (!name.len || str_eq_z(name, ".")) {
			continue;
		}
		if (str_eq_z(name, "..")) {
			go_up(w);
			continue;
		}
		if (check_folder(w, name, e)) {
			return -1;
		}
		if (!go_down(w, name)) {
			return err_set(
			    e, ERR_INPUT, "%s: the path is too long", w->at);
		}
		if (follow(w, e)) {
			return -1;
		}
	}
	return 0;
}

int
trust_way(const struct config *config, const char *path, struct err *e)
{
	struct way w = { .config = config, .rest = str_of(path) };

	must(*path == '/');
	int failed = walk(&w, e);

	arena_fini(&w.arena);
	return failed;
}

int
trust_written(const struct config *config, const char *path, struct err *e)
{
	struct stat s;

	if (stat(path, &s)) {
		return 0;
	}
	if (!is_trusted(config, s.st_uid)) {
		return err_set(e, ERR_DENIED,
		    "%s belongs to user %u, who is neither root nor an "
		    "operator of " STR_FMT ", and root's house would do as it "
		    "says: `chown root %s`, or run `handrail up` as that user",
		    path, s.st_uid, STR_ARG(config->file), path);
	}
	if (trust_others_write(path, &s)) {
		return err_set(e, ERR_DENIED,
		    "%s can be written by others than its owner (mode %04o), "
		    "and root's house does as it says: `chmod go-w %s`",
		    path, s.st_mode & 07777U, path);
	}
	return trust_way(config, path, e);
}
