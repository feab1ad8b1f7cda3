/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission files, for a wait whose gate names `file`: STATE/permissions/
 * gate-ID.json says what is asked, permission-ID.json answers it
 * (core_permission_answer.c).  The folder is this process's own (0700) and in
 * no cell.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_permission.h"

/* -1: not there, or not ours alone; then nothing in it counts. */
int
core_permission_folder(struct core *c)
{
	auto_buf path = { 0 };
	struct stat s;
	int fd;

	buf_addf(&path, "%s/permissions", c->state);
	fd =
	    open(buf_z(&path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &s) == 0 && s.st_uid == geteuid() &&
	    (s.st_mode & 07777) == 0700) {
		c->permissions->warned = false;
		return fd;
	}
	if (!c->permissions->warned) {
		log_line(LOG_ERROR, "permission",
		    "%s must be a folder of this house's own, mode 0700: no "
		    "permission file counts until it is",
		    buf_z(&path));
		c->permissions->warned = true;
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return -1;
}

/* --- by id --- */

static struct gate_file **
list_of(struct core_permissions *p, struct str id)
{
	unsigned sum = 0;

	for (size_t i = 0; i < id.len; i++) {
		sum = sum * 31 + (unsigned char)id.at[i];
	}
	return &p->lists[sum % GATE_LISTS];
}

struct gate_file *
core_permission_find(struct core_permissions *p, struct str id)
{
	struct gate_file *g = *list_of(p, id);

	while (g && !str_eq_z(id, g->id)) {
		g = g->next;
	}
	return g;
}

static void
forget(struct core_permissions *p, struct gate_file *g)
{
	struct gate_file **at = list_of(p, str_of(g->id));

	while (*at != g) {
		at = &(*at)->next;
	}
	*at = g->next;
	p->count--;
	free(g);
}

/* --- the gate --- */

static struct str
gate_text(struct core *c, struct arena *a, const struct wait_item *w)
{
	const struct core_role *r = core_role_find(c, w->identity);
	struct json_out o;
	auto_buf out = { 0 };

	json_out_init(&o, &out);
	json_out_object(&o, NULL);
	json_out_z(&o, "role", r ? r->name : "");
	json_out_str(&o, "id", w->file);
	json_out_str(&o, "tool", w->tool);
	json_out_str(&o, "name", w->file_name);
	json_out_str(&o, "hint", w->hint);
	json_out_end(&o, '}');
	buf_add_byte(&out, '\n');
	return arena_str(a, buf_str(&out));
}

static void
name_of(struct buf *out, const char *kind, const char *id)
{
	buf_addf(out, "%s-%s.json", kind, id);
}

/* An answer that is there before its question is none. */
static void
write_gate(struct core *c, struct gate_file *g, int folder)
{
	auto_arena a = { 0 };
	auto_buf gate = { 0 };
	auto_buf answer = { 0 };
	auto_buf path = { 0 };
	const struct wait_item *w = wait_find(c->waits, str_of(g->wait));
	struct stat s;
	struct err e = { 0 };

	name_of(&gate, "gate", g->id);
	name_of(&answer, "permission", g->id);
	buf_addf(&path, "%s/permissions/%s", c->state, buf_z(&gate));
	if (fstatat(folder, buf_z(&gate), &s, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(s.st_mode) || s.st_uid != geteuid()) {
		(void)unlinkat(folder, buf_z(&answer), 0);
		if (!w || file_write_atomic(
		              buf_z(&path), gate_text(c, &a, w), 0600, &e)) {
			log_err("permission", &e);
			return;
		}
		if (fstatat(folder, buf_z(&gate), &s, AT_SYMLINK_NOFOLLOW)) {
			return;
		}
	}
	g->since = s.st_ctim;
	g->written = true;
	c->permissions->again = true;
}

static void
remove_gate(struct core *c, struct gate_file *g, int folder)
{
	auto_buf gate = { 0 };
	auto_buf answer = { 0 };

	name_of(&gate, "gate", g->id);
	name_of(&answer, "permission", g->id);
	(void)unlinkat(folder, buf_z(&gate), 0);
	(void)unlinkat(folder, buf_z(&answer), 0);
	forget(c->permissions, g);
}

/* What is on the disk by now is said in the folder; what cannot be written
 * stays in the line until the next one comes. */
static void
settle(struct core *c, uint64_t number)
{
	struct gate_file **at = &c->permissions->line;
	int folder = core_permission_folder(c);

	(void)number;
	while (*at && folder >= 0) {
		struct gate_file *g = *at;

		if (g->seq <= c->book.durable && !g->over && !g->written) {
			write_gate(c, g, folder);
		}
		if (g->seq > c->book.durable || (!g->over && !g->written)) {
			at = &g->behind;
			continue;
		}
		*at = g->behind;
		g->in_line = false;
		if (g->over) {
			remove_gate(c, g, folder);
		}
	}
	if (folder >= 0) {
		(void)close(folder);
	}
	core_permission_arm(c);
}

static void
line_up(struct core *c, struct gate_file *g)
{
	struct core_permissions *p = c->permissions;

	g->seq = c->book.seq;
	if (!g->in_line) {
		g->in_line = true;
		g->behind = p->line;
		p->line = g;
	}
	core_after(c, settle, 0);
}

void
core_wait_files_put(struct core *c, const struct wait_item *w)
{
	struct core_permissions *p = c->permissions;
	struct gate_file **list;
	struct gate_file *g;

	if (!w || !w->file.len || !p) {
		return;
	}
	g = calloc(1, sizeof(*g));
	must(g && str_copy(g->wait, sizeof(g->wait), str_of(w->id)) &&
	     str_copy(g->id, sizeof(g->id), w->file));
	list = list_of(p, w->file);
	g->next = *list;
	*list = g;
	p->count++;
	line_up(c, g);
}

void
core_wait_files_over(struct core *c, const struct wait_item *w)
{
	struct gate_file *g;

	if (!w || !w->file.len || !c->permissions || w->state == WAIT_OPEN) {
		return;
	}
	g = core_permission_find(c->permissions, w->file);
	if (g && strcmp(g->wait, w->id) == 0) {
		g->over = true;
		line_up(c, g);
	}
}

/* --- the start --- */

/* What an earlier house left there, and answers to nothing. */
static void
clean(struct core *c)
{
	int folder = core_permission_folder(c);
	DIR *all = folder >= 0 ? fdopendir(folder) : NULL;
	struct dirent *d;
	struct str id;

	while (all && (d = readdir(all))) {
		struct str name = str_of(d->d_name);

		if ((core_permission_name(name, "gate-", &id) ||
		        core_permission_name(name, "permission-", &id)) &&
		    !core_permission_find(c->permissions, id)) {
			(void)unlinkat(folder, d->d_name, 0);
		}
	}
	if (all) {
		(void)closedir(all);
	}
}

void
core_wait_files_begin(struct core *c)
{
	struct wait_mark m = { 0 };

	c->permissions = calloc(1, sizeof(*c->permissions));
	must(c->permissions);
	while (wait_next(c->waits, m.seq, &m)) {
		if (m.state == WAIT_OPEN &&
		    (m.surfaces & wait_surface_bit(STR("file")))) {
			core_wait_files_put(
			    c, wait_find(c->waits, str_of(m.id)));
		}
	}
	clean(c);
}
