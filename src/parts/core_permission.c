/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission files, for a wait whose gate names `file`: STATE/permissions/
 * gate-ID.json says what is asked, permission-ID.json answers it.  The folder
 * is this process's own (0700) and in no cell.  An answer counts once, if it is
 * newer than its gate and a whole file of the folder's owner alone (0600, no
 * link): the word of the operator who started the house.  Whatever it
 * is, it is taken away when it is looked at.
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

#define LOOK_US    (CLOCK_SECOND / 2)
#define BYTES_MAX  4096
#define GATES_LOOK 1000 /* looked at in one turn */

struct gate_file {
	struct gate_file *next;
	bool over;
	bool written;
	char wait[WAIT_ID_TEXT];
	char id[WAIT_FILE_MAX + 1];
	struct timespec since; /* its gate file's change time */
};

struct core_permissions {
	struct gate_file *files;
	struct loop_timer look;
	bool warned; /* of a folder that is not as it must be */
};

static void look(void *owner);

static void
name_of(struct buf *out, const char *kind, const char *id)
{
	buf_addf(out, "%s-%s.json", kind, id);
}

/* -1: not there, or not ours alone; then nothing in it counts. */
static int
open_folder(struct core *c)
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

static void
arm(struct core *c)
{
	if (c->permissions->files) {
		loop_timer_arm(&c->permissions->look, c->part.loop,
		    mono_after(loop_now(c->part.loop), LOOK_US), look, c);
	}
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
}

static void
write_gates(struct core *c, uint64_t number)
{
	int folder = open_folder(c);

	(void)number;
	for (struct gate_file *g = c->permissions->files; g && folder >= 0;
	     g = g->next) {
		if (!g->written && !g->over) {
			write_gate(c, g, folder);
		}
	}
	if (folder >= 0) {
		(void)close(folder);
	}
	arm(c);
}

void
core_wait_files_put(struct core *c, const struct wait_item *w)
{
	struct gate_file *g;

	if (!w || !w->file.len || !c->permissions) {
		return;
	}
	g = calloc(1, sizeof(*g));
	must(g && str_copy(g->wait, sizeof(g->wait), str_of(w->id)) &&
	     str_copy(g->id, sizeof(g->id), w->file));
	g->next = c->permissions->files;
	c->permissions->files = g;
	core_after(c, write_gates, 0);
}

static void
sweep(struct core *c, uint64_t number)
{
	struct gate_file **at = &c->permissions->files;
	int folder = open_folder(c);

	(void)number;
	while (*at) {
		struct gate_file *g = *at;
		auto_buf gate = { 0 };
		auto_buf answer = { 0 };

		if (!g->over) {
			at = &g->next;
			continue;
		}
		name_of(&gate, "gate", g->id);
		name_of(&answer, "permission", g->id);
		if (folder >= 0) {
			(void)unlinkat(folder, buf_z(&gate), 0);
			(void)unlinkat(folder, buf_z(&answer), 0);
		}
		*at = g->next;
		free(g);
	}
	if (folder >= 0) {
		(void)close(folder);
	}
}

void
core_wait_files_over(struct core *c, const struct wait_item *w)
{
	if (!w || !w->file.len || !c->permissions || w->state == WAIT_OPEN) {
		return;
	}
	for (struct gate_file *g = c->permissions->files; g; g = g->next) {
		if (strcmp(g->wait, w->id) == 0) {
			g->over = true;
			core_after(c, sweep, 0);
		}
	}
}

/* --- the answer --- */

/* Only who owns the house can put a file of this process's own there: that is
 * the operator of who started it, root or an ordinary user. */
static const struct core_operator *
owner_of(const struct core *c, uid_t uid, struct err *e)
{
	bool root = part_number(&c->part, "uid", 0) != 0;
	uid_t starter = root ? 0 : geteuid();

	if (uid != geteuid()) {
		(void)err_set(e, ERR_DENIED,
		    "its owner is uid %u and must be that of its folder, %u",
		    (unsigned)uid, (unsigned)geteuid());
		return NULL;
	}
	for (size_t i = 0; i < c->house.operator_count; i++) {
		if (c->house.operators[i].uid == starter) {
			return &c->house.operators[i];
		}
	}
	(void)err_set(e, ERR_DENIED,
	    "no operator has the uid of who started this house, %u",
	    (unsigned)starter);
	return NULL;
}

static bool
is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec < b.tv_sec ||
	       (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static int
check_file(const struct gate_file *g, const struct stat *s, struct err *e)
{
	if (!S_ISREG(s->st_mode) || s->st_nlink != 1) {
		return err_set(e, ERR_DENIED,
		    "it must be a plain file without a second name");
	}
	if ((s->st_mode & 07777) != 0600) {
		return err_set(e, ERR_DENIED,
		    "its mode is %04o and must be 0600: others could write it",
		    (unsigned)(s->st_mode & 07777));
	}
	if (s->st_size > BYTES_MAX) {
		return err_set(
		    e, ERR_LIMIT, "it has more than %d bytes", BYTES_MAX);
	}
	return is_before(s->st_ctim, g->since)
	           ? err_set(e, ERR_DENIED, "it is older than what it answers")
	           : 0;
}

/* {"cmd":"permission","id":ID,"decision":"once"|"deny"} and nothing else. */
static int
read_answer(
    const struct gate_file *g, struct str text, bool *yes, struct err *e)
{
	auto_arena a = { 0 };
	struct json *tree = NULL;
	struct str cmd = STR("");
	struct str id = STR("");
	struct str decision = STR("");

	if (json_parse(&a, text, NULL, &tree, e)) {
		return -1;
	}
	if (tree->type != JSON_OBJECT || tree->count != 3 ||
	    !json_text(tree, "cmd", &cmd) || !json_text(tree, "id", &id) ||
	    !json_text(tree, "decision", &decision) ||
	    !str_eq_z(cmd, "permission")) {
		return err_set(e, ERR_INPUT,
		    "expected {\"cmd\":\"permission\",\"id\":…,"
		    "\"decision\":…} and no other members");
	}
	if (!str_eq_z(id, g->id)) {
		return err_set(e, ERR_INPUT, "its id is that of another file");
	}
	if (!str_eq_z(decision, "once") && !str_eq_z(decision, "deny")) {
		return err_set(
		    e, ERR_INPUT, "decision must be \"once\" or \"deny\"");
	}
	*yes = str_eq_z(decision, "once");
	return 0;
}

static void
refuse(struct core *c, const char *wait, const struct err *why)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct core_event event = {
		.kind = BOOK_PERMISSION_REFUSED,
		.rule = str_of(wait),
	};

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "wait", wait);
	json_out_z(&o, "reason", why->text);
	json_out_end(&o, '}');
	event.body = buf_str(&body);
	(void)core_append(c, &event);
	log_line(LOG_WARN, "permission", "the answer to %s does not count: %s",
	    wait, why->text);
}

static int
take_open(struct core *c, struct gate_file *g, int fd, const struct stat *s,
    struct err *e)
{
	auto_buf text = { 0 };
	const struct core_operator *who;
	struct wait_decide say = {
		.id = str_of(g->wait),
		.surface = STR("file"),
		.now = wall_now(),
	};

	if (check_file(g, s, e) || !(who = owner_of(c, s->st_uid, e)) ||
	    file_read_fd(fd, BYTES_MAX, &text, e) ||
	    read_answer(g, buf_str(&text), &say.yes, e)) {
		return -1;
	}
	say.principal = str_of(who->name);
	say.reason = say.yes ? STR("") : STR("denied by a permission file");
	return core_wait_say(c, &say, e);
}

/* Gone before it is believed: what ends here in between, nobody has said. */
static void
take_answer(struct core *c, struct gate_file *g, int folder)
{
	auto_buf name = { 0 };
	struct stat s;
	struct err e = { 0 };
	int fd;

	name_of(&name, "permission", g->id);
	if (fstatat(folder, buf_z(&name), &s, AT_SYMLINK_NOFOLLOW) ||
	    (S_ISREG(s.st_mode) && s.st_size == 0)) {
		return; /* not there, or being written */
	}
	fd = openat(folder, buf_z(&name),
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &s)) {
		(void)err_sys(&e, "it cannot be opened");
	}
	if (unlinkat(folder, buf_z(&name), 0) && errno != EISDIR) {
		(void)err_sys(&e, "it cannot be taken away");
	} else if (S_ISDIR(s.st_mode)) {
		(void)unlinkat(folder, buf_z(&name), AT_REMOVEDIR);
	}
	if (e.kind == ERR_NONE) {
		(void)take_open(c, g, fd, &s, &e);
	}
	if (e.kind != ERR_NONE) {
		refuse(c, g->wait, &e);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void
look(void *owner)
{
	struct core *c = owner;
	int folder = -1;
	int left = GATES_LOOK;

	/* Without the vault nothing is decided: answers wait. */
	if (c->vault_ready && !core_stalled(c)[0]) {
		folder = open_folder(c);
	}
	for (struct gate_file *g = c->permissions->files;
	     g && folder >= 0 && left > 0; g = g->next, left--) {
		if (g->written && !g->over) {
			take_answer(c, g, folder);
		}
	}
	if (folder >= 0) {
		(void)close(folder);
	}
	arm(c);
}

/* --- the start --- */

static bool
is_wanted(const struct core *c, const char *name)
{
	for (struct gate_file *g = c->permissions->files; g; g = g->next) {
		auto_buf gate = { 0 };
		auto_buf answer = { 0 };

		name_of(&gate, "gate", g->id);
		name_of(&answer, "permission", g->id);
		if (strcmp(name, buf_z(&gate)) == 0 ||
		    strcmp(name, buf_z(&answer)) == 0) {
			return true;
		}
	}
	return false;
}

/* What an earlier house left there, and answers to nothing. */
static void
clean(struct core *c)
{
	int folder = open_folder(c);
	DIR *all = folder >= 0 ? fdopendir(folder) : NULL;
	struct dirent *d;

	while (all && (d = readdir(all))) {
		if ((strncmp(d->d_name, "gate-", 5) == 0 ||
		        strncmp(d->d_name, "permission-", 11) == 0) &&
		    !is_wanted(c, d->d_name)) {
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
