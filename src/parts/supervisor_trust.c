/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who can write handrail.toml or a role's files says what sandboxes may do, and
 * who owns the state folder can lead root wherever he likes: of the former only
 * root and the operators may be able to, the latter is root's alone, and nobody
 * else may put another in the place of either.  Looked at once, at the start
 * (core looks at the CA files).  A house of an ordinary user does no more than
 * its user could, and asks for the state folder alone.
 */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts/supervisor.h"
#include "parts/trust.h"

static int
check_role(struct house *h, const char *role, struct err *e)
{
	static const char *const files[] = { "", "/role.toml", "/gates.toml",
		"/mcp", "/mcp/server.toml" };

	for (size_t i = 0; i < COUNT(files); i++) {
		if (trust_written(&h->config,
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
	int failed = folder ? trust_written(&h->config, roles, e) : 0;

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
	return trust_written(&h->config, h->config_file, e) ||
	               trust_written(&h->config, folder.at, e) ||
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
	if (trust_others_write(h->state, &s)) {
		return err_set(e, ERR_DENIED,
		    "others than user %u can write in the state folder %s "
		    "(mode %04o), and could have put anything there: give "
		    "another --state, which `handrail up` makes",
		    geteuid(), h->state, s.st_mode & 07777U);
	}
	return geteuid() == 0 ? trust_way(&h->config, h->state, e) : 0;
}
