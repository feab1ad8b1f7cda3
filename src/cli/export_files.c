/* SPDX-License-Identifier: Apache-2.0 */
/* The files of `task export`. */
#include <string.h>
#include <unistd.h>

#include "cli/export.h"

/* Every byte outside [A-Za-z0-9_-] of a name is _ in its file's name. */
struct file *
export_file(struct outgoing *x, const char *folder, struct str name)
{
	auto_buf stem = { 0 };
	struct file *f;

	if (strcmp(folder, "mailbox") == 0 && str_eq_z(name, "broadcast")) {
		name = STR("_broadcast");
	}
	for (size_t i = 0; i < name.len; i++) {
		char ch = name.at[i];
		bool plain = (ch >= 'a' && ch <= 'z') ||
		             (ch >= 'A' && ch <= 'Z') ||
		             (ch >= '0' && ch <= '9') || ch == '-';

		buf_add_byte(&stem, plain ? (uint8_t)ch : '_');
	}
	const char *path = arena_printf(
	    &x->c->arena, "%s/%s/%s.jsonl", x->folder, folder, buf_z(&stem))
	                       .at;

	for (f = x->files; f; f = f->next) {
		if (strcmp(f->path, path) == 0) {
			return f;
		}
	}
	f = arena_alloc(&x->c->arena, sizeof(*f));
	f->path = path;
	f->next = x->files;
	x->files = f;
	return f;
}

int
export_write(struct outgoing *x, struct err *e)
{
	for (struct file *f = x->files; f; f = f->next) {
		if (access(f->path, F_OK) == 0) {
			return err_set(e, ERR_CONFLICT,
			    "%s is there already: export into a new folder",
			    f->path);
		}
	}
	if (file_mkdirs(arena_printf(&x->c->arena, "%s/queues", x->folder).at,
	        0755, e) ||
	    file_mkdirs(arena_printf(&x->c->arena, "%s/mailbox", x->folder).at,
	        0755, e)) {
		return -1;
	}
	for (struct file *f = x->files; f; f = f->next) {
		if (file_write_atomic(f->path, buf_str(&f->lines), 0600, e)) {
			return -1;
		}
	}
	return 0;
}
