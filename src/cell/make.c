/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's side of an isolate: clone, ids, orders out, notes in, end. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/inside.h"
#include "jail/jail.h"

/* The network, the slowest to make, is the child's to unshare: meanwhile the
 * parent writes ids and limits. */
#define NAMESPACES                                                   \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | \
	    CLONE_NEWUTS | CLONE_NEWCGROUP)
#define DEFAULT_MEMORY    (2ULL << 30)
#define DEFAULT_FILE_SIZE (2ULL << 30)
#define DEFAULT_PROCESSES 256
#define DEFAULT_FILES     (JAIL_SENDER_FILES / 4)
#define MEMORY_MIN        (16ULL << 20)

static struct cell *
new_cell(struct cell_host *host, enum cell_kind kind)
{
	struct cell *cell = calloc(1, sizeof(*cell));

	must(cell);
	*cell = (struct cell){
		.host = host,
		.kind = kind,
		.control = -1,
		.pidfd = -1,
		.pid = -1,
	};
	host->living++;
	return cell;
}

/* fork() with namespaces and a pidfd.  The child's /proc/self must belong to
 * it while its ids are written, so it begins dumpable. */
static pid_t
fork_into(uint64_t flags, int *pidfd)
{
	int fd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&fd,
		.exit_signal = SIGCHLD,
	};
	int dumpable = prctl(PR_GET_DUMPABLE);

	if (dumpable != 1) {
		(void)prctl(PR_SET_DUMPABLE, 1);
	}
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid != 0) {
		*pidfd = fd;
		if (dumpable != 1) {
			(void)prctl(PR_SET_DUMPABLE, dumpable);
		}
	}
	return (pid_t)pid;
}

static int
write_proc(pid_t pid, const char *file, const char *text, struct err *e)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		return err_sys(e, "ids of the isolate: %s", file);
	}
	return 0;
}

/* One id inside; which one outside is what tells cells apart. */
static int
write_ids(const struct cell *cell, struct err *e)
{
	char uids[48], gids[48];

	(void)snprintf(
	    uids, sizeof(uids), "%d %u 1", CELL_INSIDE_ID, cell->uid);
	(void)snprintf(
	    gids, sizeof(gids), "%d %u 1", CELL_INSIDE_ID, cell->gid);
	if (cell->host->ids == CELL_IDS_ONE &&
	    write_proc(cell->pid, "setgroups", "deny", e)) {
		return -1;
	}
	if (write_proc(cell->pid, "uid_map", uids, e)) {
		return -1;
	}
	return write_proc(cell->pid, "gid_map", gids, e);
}

static void
set_limits(struct limits *limits, const struct cell_plan *plan)
{
	*limits = (struct limits){
		.memory = plan->memory ? plan->memory : DEFAULT_MEMORY,
		.file_size =
		    plan->file_size ? plan->file_size : DEFAULT_FILE_SIZE,
		.processes =
		    plan->processes ? plan->processes : DEFAULT_PROCESSES,
		.files = plan->files ? plan->files : DEFAULT_FILES,
	};
	if (limits->memory < MEMORY_MIN) {
		limits->memory = MEMORY_MIN;
	}
}

/* A detached copy of the mount, where this process may make one; else the
 * child opens the folder again by its path and compares. */
static int
take_work(struct inmate *child, const struct cell_plan *plan, struct err *e)
{
	char link[64];
	ssize_t len;

	child->work = -1;
	if (!(plan->flags & CELL_WORKSPACE)) {
		return 0;
	}
	if (fstat(plan->work, &child->work_stat) < 0 ||
	    !S_ISDIR(child->work_stat.st_mode)) {
		return err_set(e, ERR_INPUT, "the workspace is no folder");
	}
	child->work = open_tree(plan->work, "",
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (child->work >= 0) {
		return 0;
	}
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", plan->work);
	len = readlink(link, child->work_path, sizeof(child->work_path) - 1);
	if (len <= 0 || len >= (ssize_t)sizeof(child->work_path) - 1) {
		return err_sys(e, "path of the workspace");
	}
	child->work_path[len] = '\0';
	return 0;
}

static bool
hostname_ok(const char *name)
{
	size_t len = strlen(name);

	return len < 64 && len > 0 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int
limit(struct cell *cell, const struct limits *limits, struct err *e)
{
	const struct group_place *groups = &cell->host->groups;

	if (groups->version == CELL_GROUPS_NONE) {
		return 0;
	}
	cell->grouped = true;
	if (group_make(groups, cell->number, limits, e)) {
		return -1;
	}
	return group_enter(groups, cell->number, cell->pid, e);
}

/* Clones; the child goes its way, the parent writes ids and limits. */
static int
spawn(struct cell *cell, struct inmate *child, uint32_t slot, struct err *e)
{
	struct order ids = { .kind = ORDER_IDS };
	struct cell_host *host = cell->host;
	int ends[2];

	if (slot >= host->slots && host->ids == CELL_IDS_SLOTS) {
		return err_set(
		    e, ERR_INPUT, "slot %u of %u", slot, host->slots);
	}
	if (control_pair(ends, e)) {
		return -1;
	}
	child->host = host;
	child->control = ends[1];
	cell->uid = host_uid(host, slot);
	cell->gid = host_gid(host, slot);
	cell->pid = fork_into(NAMESPACES, &cell->pidfd);
	if (cell->pid == 0) {
		if (cell->kind == KIND_AGENT) {
			agent_main(child);
		}
		init_main(child);
	}
	(void)close(ends[1]);
	cell->control = ends[0];
	if (cell->pid < 0) {
		cell->reaped = true;
		return err_sys(e, "new namespaces");
	}
	if (fcntl(cell->control, F_SETFL, O_NONBLOCK) < 0 ||
	    write_ids(cell, e)) {
		return -1;
	}
	if (cell->kind == KIND_CELL && limit(cell, &child->limits, e)) {
		return -1;
	}
	return control_send(
	    cell->control, str_span(&ids, sizeof(ids)), NULL, 0, e);
}

int
cell_make(struct cell_host *host, const struct cell_plan *plan,
    struct cell **out, struct err *e)
{
	const char *name =
	    plan->hostname && *plan->hostname ? plan->hostname : PLAIN_NAME;
	struct inmate child = { .flags = plan->flags, .channel = -1 };
	struct cell *cell;
	int failed;

	if (!hostname_ok(name)) {
		return err_set(e, ERR_INPUT,
		    "a cell's name has a-z, 0-9 and '-' only, at most 63");
	}
	must(str_copy(child.hostname, sizeof(child.hostname), str_of(name)));
	set_limits(&child.limits, plan);
	if (take_work(&child, plan, e)) {
		return -1;
	}
	if (host_refresh(host) && host->template) {
		root_prepare(host);
	}
	cell = new_cell(host, KIND_CELL);
	cell->number = plan->number;
	cell->fenced = (plan->flags & CELL_FENCE) != 0;
	if (plan->flags & CELL_WORKSPACE) {
		cell->work_device = child.work_stat.st_dev;
		cell->work_inode = child.work_stat.st_ino;
		cell->next = host->cells;
		host->cells = cell;
	}
	failed = spawn(cell, &child, plan->slot, e);
	auto_close_fd(&child.work);
	if (failed) {
		cell_free(cell);
		return -1;
	}
	*out = cell;
	return 0;
}

int
cell_agent(struct cell_host *host, uint64_t number, uint32_t slot, int *channel,
    struct cell **out, struct err *e)
{
	struct inmate child = { .work = -1, .limits.files = JAIL_SENDER_FILES };
	struct cell *cell;
	int ends[2];

	must(host->lib_count > 0);
	if (control_pair(ends, e)) {
		return -1;
	}
	must(str_copy(child.hostname, sizeof(child.hostname), STR("agent")));
	child.channel = ends[1];
	cell = new_cell(host, KIND_AGENT);
	cell->number = number;
	int failed = spawn(cell, &child, slot, e);

	(void)close(ends[1]);
	if (failed) {
		(void)close(ends[0]);
		cell_free(cell);
		return -1;
	}
	*channel = ends[0];
	*out = cell;
	return 0;
}

static int
begin_work(struct cell_host *host, const struct work_task *asked, uint32_t slot,
    struct cell **out, struct err *e)
{
	struct work_task task = *asked;
	struct cell *cell;
	struct stat st;
	int ends[2];

	if (fstat(task.folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
		return err_set(e, ERR_INPUT, "the workspace is no folder");
	}
	if (host->ids == CELL_IDS_SLOTS) {
		if (slot >= host->slots) {
			return err_set(
			    e, ERR_INPUT, "slot %u of %u", slot, host->slots);
		}
		task.uid = host_uid(host, slot);
		task.gid = host_gid(host, slot);
	}
	if (control_pair(ends, e)) {
		return -1;
	}
	cell = new_cell(host, KIND_WORK);
	task.control = ends[1];
	if (task.work == CELL_WORK_DIGEST) {
		task.memo = memo_lend(cell, task.folder);
	}
	if (task.work == CELL_WORK_DROP) {
		memo_drop(&host->memos, task.folder);
	}
	cell->pid = fork_into(0, &cell->pidfd);
	if (cell->pid == 0) {
		work_main(&task);
	}
	(void)close(ends[1]);
	cell->control = ends[0];
	cell->reaped = cell->pid < 0;
	if (cell->pid < 0 || fcntl(cell->control, F_SETFL, O_NONBLOCK) < 0) {
		(void)err_sys(e, "workspace helper");
		cell_free(cell);
		return -1;
	}
	*out = cell;
	return 0;
}

int
cell_work(struct cell_host *host, enum cell_work work, uint32_t slot,
    int folder, struct cell **out, struct err *e)
{
	struct work_task task = {
		.work = work,
		.folder = folder,
		.memo = -1,
	};

	return begin_work(host, &task, slot, out, e);
}

int
cell_check(struct cell_host *host, uint32_t slot, int folder, int seen,
    struct cell **out, struct err *e)
{
	struct work_task task = {
		.work = CELL_WORK_CHECK,
		.folder = folder,
		.memo = memo_tells(folder) ? seen : -1,
	};

	return begin_work(host, &task, slot, out, e);
}

int
cell_watch(struct cell_host *host, uint32_t slot, int folder, uint64_t limit,
    struct cell **out, struct err *e)
{
	struct work_task task = {
		.work = CELL_WORK_WATCH,
		.folder = folder,
		.memo = -1,
		.limit = limit,
	};

	return begin_work(host, &task, slot, out, e);
}

int
cell_start(struct cell *cell, struct str ca, struct err *e)
{
	struct order go = {
		.kind = ORDER_START,
		.ca_size = (uint32_t)ca.len,
	};

	must(cell->kind == KIND_CELL && !cell->started);
	if (ca.len > sizeof(go.ca)) {
		return err_set(
		    e, ERR_LIMIT, "certificate of %zu bytes", ca.len);
	}
	if (ca.len > 0) {
		memcpy(go.ca, ca.at, ca.len);
	}
	cell->started = true;
	return control_send(
	    cell->control, str_span(&go, sizeof(go)), NULL, 0, e);
}

/*
 * No sockets: they could carry descriptors.  A pipe is given to the cell's id,
 * so that /dev/stdout and its kin can be opened again in there.
 */
static int
check_stdio(const struct cell *cell, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0 ||
	    !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
		return err_set(e, ERR_INPUT,
		    "standard streams of a command are pipes or terminals");
	}
	if (S_ISFIFO(st.st_mode) && st.st_uid != cell->uid &&
	    fchown(fd, cell->uid, cell->gid) < 0) {
		return err_sys(e, "give a pipe to the cell");
	}
	return 0;
}

int
cell_exec(struct cell *cell, const struct cell_command *command, struct err *e)
{
	struct order order = {
		.kind = ORDER_EXEC,
		.argc = command->argc,
		.envc = command->envc,
		.exec = command->exec,
		.timeout = command->timeout,
		.own_ca = command->own_ca,
	};
	int fds[CONTROL_FDS_MAX] = { command->plan, command->stdio[0],
		command->stdio[1], command->stdio[2] };

	must(cell->kind == KIND_CELL);
	if (!cell->started) {
		return err_set(e, ERR_CONFLICT, "the cell is not started");
	}
	if (command->argc == 0 || command->argc > CELL_WORDS_MAX ||
	    command->envc > CELL_WORDS_MAX) {
		return err_set(e, ERR_LIMIT,
		    "a command of %u words and %u "
		    "variables",
		    command->argc, command->envc);
	}
	if (!str_copy(
	        order.folder, sizeof(order.folder), str_of(command->folder)) ||
	    order.folder[0] != '/') {
		return err_set(e, ERR_INPUT, "a command's folder is absolute");
	}
	for (size_t i = 0; i < 3; i++) {
		if (check_stdio(cell, command->stdio[i], e)) {
			return -1;
		}
	}
	memo_ran(cell);
	return control_send(
	    cell->control, str_span(&order, sizeof(order)), fds, COUNT(fds), e);
}
