/* SPDX-License-Identifier: Apache-2.0 */
/* Role folders on disk. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "roles/inner.h"

static struct str
last_component(struct str path)
{
	size_t from;

	while (path.len > 1 && path.at[path.len - 1] == '/') {
		path.len--;
	}
	from = path.len;
	while (from > 0 && path.at[from - 1] != '/') {
		from--;
	}
	return str_sub(path, from, path.len);
}

int
roles_load(
    struct arena *a, const char *role_dir, struct role *out, struct err *e)
{
	struct str file = arena_printf(a, "%s/role.toml", role_dir);
	auto_buf text = { 0 };

	if (file_read_written(file.at, ROLES_FILE_MAX, &text, e) < 0) {
		return -1;
	}
	return roles_parse_file(a, last_component(str_of(role_dir)),
	    arena_str(a, buf_str(&text)), file.at, out, e);
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
list_folders(struct arena *a, const char *dir, struct str names[ROLES_MAX],
    size_t *count, struct err *e)
{
	DIR *folder = opendir(dir);
	int rc = 0;

	if (folder == NULL) {
		return errno == ENOENT
		           ? err_set(e, ERR_MISSING,
		                 "there is no folder of roles %s", dir)
		       : errno == EACCES ? file_refused(dir, e)
		                         : err_sys(e, "roles folder %s", dir);
	}
	*count = 0;
	/* A stream of our own, and no other thread. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	for (struct dirent *d; rc == 0 && (d = readdir(folder));) {
		struct str path = arena_printf(a, "%s/%s", dir, d->d_name);

		if (d->d_name[0] == '.' || !is_folder(path.at)) {
			continue;
		}
		if (*count == ROLES_MAX) {
			rc = err_set(e, ERR_LIMIT, "%s: more than %d roles",
			    dir, ROLES_MAX);
			continue;
		}
		names[(*count)++] = arena_str(a, str_of(d->d_name));
	}
	(void)closedir(folder);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	const struct str *x = a;
	const struct str *y = b;

	return str_cmp(*x, *y);
}

int
roles_load_dir(
    struct arena *a, const char *dir, struct roles *out, struct err *e)
{
	struct str names[ROLES_MAX];
	struct roles r = { 0 };
	struct role *list;

	if (list_folders(a, dir, names, &r.count, e) < 0) {
		return -1;
	}
	qsort(names, r.count, sizeof(names[0]), by_name);
	list = arena_array(a, r.count, sizeof(*list));
	for (size_t i = 0; i < r.count; i++) {
		struct str path =
		    arena_printf(a, "%s/" STR_FMT, dir, STR_ARG(names[i]));
		struct err why = { 0 };

		if (roles_load(a, path.at, &list[i], &why) < 0) {
			list[i] = (struct role){ .name = names[i],
				.file =
				    arena_printf(a, "%s/role.toml", path.at),
				.problem = arena_str(a, str_of(why.text)) };
			r.closed++;
		}
	}
	r.at = list;
	*out = r;
	return 0;
}

const struct role *
roles_find(const struct roles *r, struct str name)
{
	for (size_t i = 0; i < r->count; i++) {
		if (str_eq(r->at[i].name, name)) {
			return &r->at[i];
		}
	}
	return NULL;
}
