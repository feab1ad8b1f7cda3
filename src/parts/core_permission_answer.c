/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers in STATE/permissions.  One counts once, if it is newer than its gate
 * and a whole file of the folder's owner alone (0600, no link): the word of the
 * operator who started the house.  Whatever it is, it is taken away when it is
 * looked at.  The folder is read when it has changed, whole: an answer is heard
 * no later because many wait.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_permission.h"

#define LOOK_US   (CLOCK_SECOND / 2)
#define BYTES_MAX 4096
#define TAKE_MAX  1000 /* answers in one turn */

bool
core_permission_name(struct str name, const char *kind, struct str *id)
{
	struct str lead = str_of(kind);
	struct str tail = STR(".json");

	if (name.len <= lead.len + tail.len || !str_starts(name, lead) ||
	    !str_eq(str_sub(name, name.len - tail.len, tail.len), tail)) {
		return false;
	}
	*id = str_sub(name, lead.len, name.len - lead.len - tail.len);
	return true;
}

/* --- one answer --- */

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

/* Gone before it is believed: what ends here in between, nobody has said.
 * False: it is being written. */
static bool
take_answer(struct core *c, struct gate_file *g, int folder)
{
	auto_buf name = { 0 };
	struct stat s;
	struct err e = { 0 };
	int fd;

	buf_addf(&name, "permission-%s.json", g->id);
	if (fstatat(folder, buf_z(&name), &s, AT_SYMLINK_NOFOLLOW) ||
	    (S_ISREG(s.st_mode) && s.st_size == 0)) {
		return false;
	}
	fd = openat(folder, buf_z(&name),
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &s)) {
		(void)err_sys(&e,
		    "it cannot be opened (its owner must be that of its "
		    "folder, uid %u, its mode 0600)",
		    (unsigned)geteuid());
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
	return true;
}

/* --- all of them --- */

static void look(void *owner);

void
core_permission_arm(struct core *c)
{
	struct core_permissions *p = c->permissions;

	if (p->count && !p->look.loop) {
		loop_timer_arm(&p->look, c->part.loop,
		    mono_after(loop_now(c->part.loop), LOOK_US), look, c);
	}
}

/* A change in the tick of the clock in which the folder was read leaves no
 * trace in its time: what has just changed is read once more. */
static bool
has_changed(struct core_permissions *p, int folder)
{
	struct stat s;
	bool changed;

	if (fstat(folder, &s)) {
		return false;
	}
	changed = p->again || s.st_mtim.tv_sec != p->seen.tv_sec ||
	          s.st_mtim.tv_nsec != p->seen.tv_nsec;
	p->seen = s.st_mtim;
	p->again = wall_now().us / CLOCK_SECOND - s.st_mtim.tv_sec < 2;
	return changed;
}

static void
read_folder(struct core *c, int folder)
{
	struct core_permissions *p = c->permissions;
	int fd = openat(
	    folder, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *all = fd >= 0 ? fdopendir(fd) : NULL;
	int left = TAKE_MAX;
	struct dirent *d;
	struct str id;

	while (all && left && (d = readdir(all))) {
		struct gate_file *g =
		    core_permission_name(str_of(d->d_name), "permission-", &id)
		        ? core_permission_find(p, id)
		        : NULL;

		if (!g || g->over) {
			continue;
		}
		left--;
		if (!g->written || !take_answer(c, g, folder)) {
			p->again = true;
		}
	}
	p->again = p->again || !all || !left;
	if (all) {
		(void)closedir(all);
	}
}

static void
look(void *owner)
{
	struct core *c = owner;
	int folder = -1;

	/* Without the vault nothing is decided: answers wait. */
	if (c->vault_ready && !core_stalled(c)[0]) {
		folder = core_permission_folder(c);
	}
	if (folder >= 0 && has_changed(c->permissions, folder)) {
		read_folder(c, folder);
	}
	if (folder >= 0) {
		(void)close(folder);
	}
	core_permission_arm(c);
}
