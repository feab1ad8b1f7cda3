/* SPDX-License-Identifier: Apache-2.0 */
/* The password of the database, where handrail.toml tells it to others. */
#include <sys/stat.h>

#include "roles/roles.h"

/* postgres://USER:PASSWORD@HOST/DATABASE?password=PASSWORD, as libpq takes it
 * apart: what stands before the first '@' or '/' is the user's. */
static bool
has_password(struct str url)
{
	struct str rest = url;
	struct str part;
	struct str key;

	(void)str_cut(&rest, '?', &part);
	while (rest.len) {
		(void)str_cut(&rest, '&', &part);
		(void)str_cut(&part, '=', &key);
		if (str_eq_z(key, "password") && part.len) {
			return true;
		}
	}
	(void)str_cut(&url, '/', &part); /* the scheme */
	(void)str_cut(&url, '/', &part);
	(void)str_cut(&url, '/', &part);
	return str_cut(&part, '@', &key) && str_cut(&key, ':', &rest) &&
	       key.len;
}

/* Core of root's house has an id of its own, and reads the file by it. */
const char *
roles_tells_password(struct arena *a, const struct config *c)
{
	const char *file = arena_z(a, c->file);
	struct stat found;

	if (!has_password(c->store) || stat(file, &found) ||
	    !(found.st_mode & S_IROTH)) {
		return NULL;
	}
	return found.st_uid
	           ? arena_printf(a, "`chmod 600 %s`", file).at
	           : "leave it out of the URL and give it in PGPASSWORD, or in "
	             "~/.pgpass of who starts `up`";
}
