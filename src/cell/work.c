/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a workspace from outside of a cell: check, give, empty,
 * digest; by a short child with the slot's id and no more than it needs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cell/inside.h"
#include "jail/jail.h"

#define MOUNTS_MAX ((size_t)4 * 1024 * 1024)

static int
check_entry(void *owner, const struct tree_entry *entry, struct err *e)
{
	mode_t type = entry->stat.st_mode & S_IFMT;

	if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK) {
		return 0;
	}
	return err_set(e, ERR_DENIED,
	    "%s in %s is a %s: remove it, no cell is started with one",
	    err_quote(entry->path), (const char *)owner,
	    type == S_IFSOCK  ? "socket"
	    : type == S_IFIFO ? "FIFO"
	                      : "device");
}

int
work_check(int folder, struct err *e)
{
	static char where[] = "/work";
	struct tree_walk walk = {
		.visit = check_entry,
		.owner = where,
		.doors = true,
	};

	return tree_walk(folder, &walk, e);
}

/* Whether something may be mounted below the folder: then what its folders say
 * of an entry is not what a cell meets there.  What cannot be told may be. */
static bool
mounts_below(int folder)
{
	auto_buf mounts = { 0 };
	char link[64];
	char path[PATH_MAX + 3] = " ";
	struct err e = { 0 };

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
	ssize_t len = readlink(link, path + 1, PATH_MAX);

	/* The kernel writes these of a path as numbers. */
	if (len <= 0 || len == PATH_MAX || strpbrk(path + 1, " \t\n\\") ||
	    file_read("/proc/self/mountinfo", MOUNTS_MAX, &mounts, &e)) {
		return true;
	}
	path[1 + len] = '/';
	return strstr(buf_z(&mounts), path) != NULL;
}

static int
look_at_entry(void *owner, const struct tree_entry *entry, struct err *e)
{
	static char where[] = "/usr";

	if (S_ISDIR(entry->stat.st_mode)) { /* it vouches for its names */
		trace_add(owner, &entry->stat, entry->depth, entry->name);
	}
	return check_entry(where, entry, e);
}

/* Whose look it is: another id or group may reach more; where and since which
 * start of the kernel: another disk may bear the same stamps, or have been
 * written by another clock; and for what, by a number that moves on when this
 * program looks for more.  False: that cannot be told. */
static bool
looks_as(const struct work_task *task, struct digest *as)
{
	static gid_t groups[NGROUPS_MAX];
	uint32_t ids[] = { task->uid, task->gid, geteuid(), getegid() };
	int count = getgroups(NGROUPS_MAX, groups);
	auto_buf boot = { 0 };
	struct digest_run run;
	struct stat top;
	struct err e = { 0 };

	if (count < 0 || fstat(task->folder, &top) < 0 ||
	    file_read("/proc/sys/kernel/random/boot_id", 64, &boot, &e)) {
		return false;
	}
	digest_begin(&run);
	digest_add(&run, STR("handrail seen 1\n"));
	digest_add(&run, buf_str(&boot));
	digest_add(&run, str_span(&top.st_dev, sizeof(top.st_dev)));
	digest_add(&run, str_span(ids, sizeof(ids)));
	digest_add(&run, str_span(groups, (size_t)count * sizeof(*groups)));
	*as = digest_end(&run);
	return true;
}

static int
look_through(const struct work_task *task, struct recall *seen, struct err *e)
{
	struct trace trace;
	struct tree_walk walk = {
		.visit = look_at_entry,
		.owner = &trace,
		.lenient = true,
		.missed = &trace.broken,
		.doors = !task->covered,
	};

	trace_begin(&trace, task->folder, recall_clock());
	int status = tree_walk(task->folder, &walk, e);

	struct err lost = { 0 };
	bool kept =
	    status == 0 && recall_save(seen, &trace, task->as, &lost) == 0;

	(void)kept; /* what is not whole is none: all is listed again */
	trace_fini(&trace);
	return status;
}

/* What all cells share: a read-only mount does not stop connect(2).  The slot
 * looks for itself, so that what it cannot reach does not count.  What it found
 * in order and what has not changed since, it need not list again. */
int
work_check_system(const struct work_task *task, struct err *e)
{
	struct recall seen;
	struct digest was;
	int status = 0;

	recall_begin(&seen, task->covered ? -1 : task->memo);
	if (!recall_stands(&seen, task->folder, &was) ||
	    !digest_eq(was, task->as)) {
		status = look_through(task, &seen, e);
	}
	recall_fini(&seen);
	return status;
}

/* --- drop, of any depth and number: in as many walks as it takes ---------- */

struct dropping {
	int top;
	bool rest;
};

static int
drop_entry(void *owner, const struct tree_entry *entry, struct err *e)
{
	(void)owner;
	if (S_ISDIR(entry->stat.st_mode)) {
		/* Its owner may have shut it; its owner is who we are. */
		if ((entry->stat.st_mode & 0700) != 0700 &&
		    fchmodat(entry->parent, entry->name, 0700, 0) < 0) {
			return err_sys(e, "open up %s", err_quote(entry->path));
		}
		return 0;
	}
	if (unlinkat(entry->parent, entry->name, 0) < 0) {
		return err_sys(e, "remove %s", err_quote(entry->path));
	}
	return 0;
}

static int
drop_folder(void *owner, const struct tree_entry *entry, struct err *e)
{
	const struct dropping *d = owner;

	if (unlinkat(entry->parent, entry->name, AT_REMOVEDIR) < 0 &&
	    !(d->rest && errno == ENOTEMPTY)) {
		return err_sys(e, "remove %s", err_quote(entry->path));
	}
	return 0;
}

/* Up to the top under a name of its own, for the next walk. */
static int
lift_folder(void *owner, const struct tree_entry *entry, struct err *e)
{
	struct dropping *d = owner;
	struct id id = id_new();

	if (renameat(entry->parent, entry->name, d->top, id.text) < 0) {
		return err_sys(e, "move %s", err_quote(entry->path));
	}
	d->rest = true;
	return 0;
}

int
work_drop(int folder, struct err *e)
{
	struct dropping d = { .top = folder };
	struct tree_walk walk = {
		.visit = drop_entry,
		.leave = drop_folder,
		.deep = lift_folder,
		.rest = &d.rest,
		.owner = &d,
	};

	do {
		d.rest = false;
		if (tree_walk(folder, &walk, e)) {
			return -1;
		}
	} while (d.rest);
	return 0;
}

/* --- own ---------------------------------------------------------------- */

struct owning {
	uid_t uid;
	gid_t gid;
};

static int
own_entry(void *owner, const struct tree_entry *entry, struct err *e)
{
	const struct owning *to = owner;

	if (entry->stat.st_uid == to->uid && entry->stat.st_gid == to->gid) {
		return 0;
	}
	if (fchownat(entry->parent, entry->name, to->uid, to->gid,
	        AT_SYMLINK_NOFOLLOW) < 0) {
		return err_sys(e, "give %s away", err_quote(entry->path));
	}
	return 0;
}

/* A folder that is already the slot's own holds nothing of another's: only
 * its processes ever wrote there. */
int
work_own(int folder, uid_t uid, gid_t gid, struct err *e)
{
	struct owning to = { .uid = uid, .gid = gid };
	struct tree_walk walk = { .visit = own_entry, .owner = &to };
	struct stat st;

	if (fstat(folder, &st) < 0) {
		return err_sys(e, "look at the workspace");
	}
	if (st.st_uid == uid && st.st_gid == gid) {
		return 0;
	}
	if (tree_walk(folder, &walk, e)) {
		return -1;
	}
	/* Last, so that a walk that was cut short is taken up again. */
	if (fchownat(folder, "", uid, gid, AT_EMPTY_PATH) < 0) {
		return err_sys(e, "give the workspace away");
	}
	return 0;
}

/* --- watch, while a cell writes ----------------------------------------- */

#define SWEEP_US CLOCK_SECOND
#define SWEEP_OF 5 /* at most every so much of the time is spent on it */

struct measuring {
	uint64_t limit;
	uint64_t bytes;
};

/* What it takes of the disk; of a file with many names each its share. */
static int
measure_entry(void *owner, const struct tree_entry *entry, struct err *e)
{
	struct measuring *m = owner;
	const struct stat *st = &entry->stat;
	uint64_t names =
	    S_ISDIR(st->st_mode) || !st->st_nlink ? 1 : st->st_nlink;

	m->bytes += (uint64_t)st->st_blocks * 512 / names;
	return m->bytes <= m->limit
	           ? 0
	           : err_set(e, ERR_LIMIT,
	                 "its workspace holds more than the %llu bytes that "
	                 "[limits] workspace allows",
	                 (unsigned long long)m->limit);
}

int
work_watch(const struct work_task *task, struct err *e)
{
	struct pollfd asked = { .fd = task->control }; /* POLLHUP */

	for (;;) {
		struct measuring m = { .limit = task->limit };
		struct tree_walk walk = {
			.visit = measure_entry,
			.owner = &m,
			.lenient = true,
			.live = true,
		};
		int64_t began = mono_now().us;

		if (tree_walk(task->folder, &walk, e)) {
			return -1;
		}
		int64_t rest = (mono_now().us - began) * (SWEEP_OF - 1);

		rest = rest > SWEEP_US ? rest : SWEEP_US;
		if (poll(&asked, 1, (int)(rest / 1000)) > 0) {
			return err_set(e, ERR_UNAVAILABLE, "nobody listens");
		}
	}
}

/* --- the child ---------------------------------------------------------- */

static int
narrow(const struct work_task *task, struct err *e)
{
	bool drop = task->work == CELL_WORK_DROP;
	bool own = task->work == CELL_WORK_OWN;
	/* The slot may shut its folders against itself, not against being
	 * measured. */
	bool watch = task->work == CELL_WORK_WATCH;
	uint64_t powers =
	    own     ? (1ULL << CAP_CHOWN) | (1ULL << CAP_DAC_READ_SEARCH)
	    : watch ? 1ULL << CAP_DAC_READ_SEARCH
	            : 0;
	struct jail_path path = {
		.fd = task->folder,
		.rights = JAIL_READ | (drop ? JAIL_MAKE | JAIL_WRITE : 0U),
	};
	struct jail_plan plan = {
		.part = "workspace helper",
		.uid = powers ? 0 : task->uid,
		.gid = powers ? 0 : task->gid,
		.capabilities = task->uid ? powers : 0,
		.limits = { .nproc = JAIL_ZERO },
		.landlock = true,
		.paths = &path,
		.path_count = 1,
		.filter = own ? JAIL_FILTER_SANDBOX : JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO | JAIL_FILES_READ |
		            (drop ? (unsigned)JAIL_FILES_WRITE : 0U),
	};

	return jail_enter(&plan, e);
}

static int
do_work(const struct work_task *task, struct note *note, struct err *e)
{
	struct digest digest = { 0 };

	switch (task->work) {
	case CELL_WORK_OWN:
		if (task->uid == 0) {
			return 0;
		}
		return work_own(task->folder, task->uid, task->gid, e);
	case CELL_WORK_DIGEST:
		if (work_digest(task, &digest, &note->read, e)) {
			return -1;
		}
		memcpy(note->digest, digest.bytes, DIGEST_SIZE);
		return 0;
	case CELL_WORK_DROP:
		return work_drop(task->folder, e);
	case CELL_WORK_CHECK:
		return work_check_system(task, e);
	case CELL_WORK_WATCH:
		return work_watch(task, e);
	}
	return err_set(e, ERR_INPUT, "no such work");
}

_Noreturn void
work_main(const struct work_task *asked)
{
	struct inmate me = {
		.control = asked->control,
		.work = asked->folder,
		.channel = asked->memo,
	};
	struct note note = { .kind = NOTE_WORKED };
	struct work_task task = *asked;
	struct err e = { 0 };

	inmate_alone(&me);
	task.control = me.control;
	task.folder = me.work;
	task.memo = me.channel;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (task.work == CELL_WORK_CHECK || task.work == CELL_WORK_WATCH) {
		(void)setpriority(PRIO_PROCESS, 0, 19); /* nobody waits */
	}
	task.covered =
	    task.work == CELL_WORK_CHECK && mounts_below(task.folder);
	if (task.work == CELL_WORK_CHECK && !looks_as(&task, &task.as)) {
		task.memo = -1;
	}
	if (narrow(&task, &e) || do_work(&task, &note, &e) ||
	    control_send(
	        task.control, str_span(&note, sizeof(note)), NULL, 0, &e)) {
		inmate_fail(&me, &e);
	}
	_exit(0);
}
