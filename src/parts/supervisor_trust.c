/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose words root's house takes.  Who can write handrail.toml or a role's
 * files says what sandboxes may do, and who owns the state folder can lead root
 * wherever he likes: of the former only root and the operators may be able to,
 * the latter is root's alone, and nobody else may put another in the place of
 * either.  Looked at once, at the start.  A house of an ordinary user does no
 * more than its user could, and asks for the state folder alone.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "parts/supervisor.h"

static bool
is_trusted(const struct house *h, uid_t owner)
{
	for (size_t i = 0; i < h->config.operator_count; i++) {
		if (h->config.operators[i].uid == owner) {
			return true;
		}
	}
	return owner == 0;
}

/* Root's group is root; where there is a list of who may (acl(5)), the group's
 * bits say what the list lets others do. */
static bool
others_write(const char *path, const struct stat *s)
{
	bool root_alone =
	    s->st_gid == 0 &&
	    getxattr(path, "system.posix_acl_access", NULL, 0) < 0;

	return (s->st_mode & S_IWOTH) ||
	       ((s->st_mode & S_IWGRP) && !root_alone);
}

/* In a sticky folder nobody moves what is another's: enough where only the way
 * leads through it, and not where a new file would be read. */
static int
check_above(
    const struct house *h, const char *folder, const char *path, struct err *e)
{
	struct stat s;

	if (stat(folder, &s)) {
		return 0;
	}
	bool trusted = is_trusted(h, s.st_uid);

	if (trusted && ((s.st_mode & S_ISVTX) || !others_write(folder, &s))) {
		return 0;
	}
	return err_set(e, ERR_DENIED,
	    "%s (user %u, mode %04o) can be written by one who is neither root "
	    "nor an operator of %s and could put another %s there, which "
	    "root's house would take: `%s %s`, or move it elsewhere",
	    folder, s.st_uid, s.st_mode & 07777U, h->config_file, path,
	    trusted ? "chmod go-w" : "chown root", folder);
}

/* Each folder that the path leads through, but the root of all. */
static int
check_folders(const struct house *h, const char *path, struct err *e)
{
	char folder[PATH_MAX];

	for (size_t i = 1; path[i] && i < sizeof(folder); i++) {
		if (path[i] != '/') {
			continue;
		}
		must(str_copy(folder, sizeof(folder), str_span(path, i)));
		if (check_above(h, folder, path, e)) {
			return -1;
		}
	}
	return 0;
}

/* As it is written, and as it is behind its links. */
static int
check_way(const struct house *h, const char *path, struct err *e)
{
	auto_free char *real = realpath(path, NULL);

	return check_folders(h, path, e) || (real && check_folders(h, real, e))
	           ? -1
	           : 0;
}

/* What is not there is missed by whoever reads it. */
static int
check_written(const struct house *h, const char *path, struct err *e)
{
	struct stat s;

	if (stat(path, &s)) {
		return 0;
	}
	if (!is_trusted(h, s.st_uid)) {
		return err_set(e, ERR_DENIED,
		    "%s belongs to user %u, who is neither root nor an "
		    "operator of %s, and root's house would do as it says: "
		    "`chown root %s`, or run `handrail up` as that user",
		    path, s.st_uid, h->config_file, path);
	}
	if (others_write(path, &s)) {
		return err_set(e, ERR_DENIED,
		    "%s can be written by others than its owner (mode %04o), "
		    "and root's house does as it says: `chmod go-w %s`",
		    path, s.st_mode & 07777U, path);
	}
	return check_way(h, path, e);
}

static int
check_role(struct house *h, const char *role, struct err *e)
{
	static const char *const files[] = { "", "/role.toml", "/gates.toml",
		"/mcp", "/mcp/server.toml" };

	for (size_t i = 0; i < COUNT(files); i++) {
		if (check_written(h,
		        arena_printf(&h->arena, "%s%s", role, files[i]).at,
		        e)) {
			return -1;
		}
	}
	return 0;
}

static int
check_roles(struct house *h, const char *roles, struct err *e)
{
	DIR *folder = opendir(roles);
	int failed = folder ? check_written(h, roles, e) : 0;

	while (folder && !failed) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own */
		const struct dirent *d = readdir(folder);

		if (!d) {
			break;
		}
		if (d->d_name[0] != '.') {
			failed = check_role(h,
			    arena_printf(&h->arena, "%s/%s", roles, d->d_name)
			        .at,
			    e);
		}
	}
	if (folder) {
		(void)closedir(folder);
	}
	return failed;
}

int
house_trust_files(struct house *h, struct err *e)
{
	struct str file = str_of(h->config_file);
	struct str roles = h->config.roles;
	size_t slash = file.len - 1; /* there is one: `up` makes it absolute */

	if (geteuid() != 0) {
		return 0;
	}
	while (slash > 0 && file.at[slash] != '/') {
		slash--;
	}
	struct str folder = arena_printf(
	    &h->arena, STR_FMT, STR_ARG(str_sub(file, 0, slash ? slash : 1)));

	if (!str_starts(roles, STR("/"))) {
		roles = arena_printf(&h->arena, STR_FMT "/" STR_FMT,
		    STR_ARG(folder), STR_ARG(roles));
	}
	return check_written(h, h->config_file, e) ||
	               check_written(h, folder.at, e) ||
	               check_roles(h, arena_z(&h->arena, roles), e)
	           ? -1
	           : 0;
}

/* Of every user's house.  No chown is advised, nor a chmod: what is in it
 * already would then be believed. */
int
house_trust_state(struct house *h, struct err *e)
{
	struct stat s;

	if (stat(h->state, &s)) {
		return err_sys(e, "%s", h->state);
	}
	if (s.st_uid != geteuid()) {
		return err_set(e, ERR_DENIED,
		    "the state folder %s belongs to user %u, who could have "
		    "put anything in the way of user %u: run `handrail up` as "
		    "its owner, or give another --state",
		    h->state, s.st_uid, geteuid());
	}
	if (others_write(h->state, &s)) {
		return err_set(e, ERR_DENIED,
		    "others than user %u can write in the state folder %s "
		    "(mode %04o), and could have put anything there: give "
		    "another --state, which `handrail up` makes",
		    geteuid(), h->state, s.st_mode & 07777U);
	}
	return geteuid() == 0 ? check_way(h, h->state, e) : 0;
}
