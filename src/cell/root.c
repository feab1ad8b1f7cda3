/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of an isolate: a list on a small tmpfs, built in a fresh mount
 * namespace over /proc, then made the root; nothing of the host's tree stays.
 * Every mount is nosuid and private; all but the device files are nodev.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell/inside.h"

#define BASE        "/proc" /* nothing that is bound comes from there */
#define TEMPLATE    "/boot" /* nor anything else that cells need */
#define READ_ONLY   (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ROOT_SIZE   (8 * 1024 * 1024)
#define TMP_DEFAULT (512ULL * 1024 * 1024)
#define TMP_FILES   65536

static const char *const devices[] = {
	"null",
	"zero",
	"full",
	"random",
	"urandom",
	"tty",
};

static const struct {
	const char *name;
	const char *target;
} dev_links[] = {
	{ "dev/ptmx", "pts/ptmx" },
	{ "dev/fd", "/proc/self/fd" },
	{ "dev/stdin", "/proc/self/fd/0" },
	{ "dev/stdout", "/proc/self/fd/1" },
	{ "dev/stderr", "/proc/self/fd/2" },
	{ "dev/shm", "/tmp/.shm" },
};

static int
folder(const char *path, mode_t mode, struct err *e)
{
	if (mkdir(path, mode) < 0) {
		return err_sys(e, "folder %s of the root", path);
	}
	return 0;
}

static int
attach(int tree, const char *to, uint64_t attributes, struct err *e)
{
	struct mount_attr set = {
		.attr_set = attributes,
		.propagation = MS_PRIVATE,
	};

	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &set,
	        sizeof(set)) < 0) {
		return err_sys(e, "narrow the mount at /%s", to);
	}
	if (move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		return err_sys(e, "mount at /%s", to);
	}
	return 0;
}

static int
take_tree(const char *from, unsigned flags, struct err *e)
{
	int tree = open_tree(
	    AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

	return tree < 0 ? err_sys(e, "take the mount %s", from) : tree;
}

int
root_bind(const char *from, const char *to, uint64_t attributes, struct err *e)
{
	auto_close int tree = take_tree(from, AT_RECURSIVE, e);

	return tree < 0 ? -1 : attach(tree, to, attributes, e);
}

int
root_file(const char *path, struct str bytes, struct err *e)
{
	auto_close int fd =
	    open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0) {
		return err_sys(e, "file /%s of the root", path);
	}
	return bytes.len > 0 ? file_write_all(fd, bytes, e) : 0;
}

static int
mount_new(const char *type, const char *to, unsigned long flags,
    const char *options, struct err *e)
{
	if (mount(type, to, type, MS_NOSUID | flags, options) < 0) {
		return err_sys(e, "new %s at %s", type, to);
	}
	return 0;
}

/* A tmpfs over `base`, and the way into it. */
static int
begin_root(const char *base, struct err *e)
{
	char options[64];

	(void)snprintf(options, sizeof(options), "mode=755,size=%d", ROOT_SIZE);
	(void)umask(022);
	if (mount_new("tmpfs", base, MS_NODEV, options, e)) {
		return -1;
	}
	if (chdir(base) < 0) {
		return err_sys(e, "enter the new root");
	}
	return 0;
}

static int
system_link(const struct root_link *link, struct err *e)
{
	char from[32];

	if (link->target[0]) {
		return symlink(link->target, link->name) < 0
		           ? err_sys(e, "link /%s", link->name)
		           : 0;
	}
	(void)snprintf(from, sizeof(from), "/%s", link->name);
	if (folder(link->name, 0755, e)) {
		return -1;
	}
	return root_bind(from, link->name, READ_ONLY, e);
}

static int
system_files(const struct cell_host *host, struct err *e)
{
	if (folder("usr", 0755, e) || root_bind("/usr", "usr", READ_ONLY, e)) {
		return -1;
	}
	for (size_t i = 0; i < host->link_count; i++) {
		if (system_link(&host->links[i], e)) {
			return -1;
		}
	}
	return 0;
}

/* Narrowed with all others at the end; only these may stay devices. */
static int
device_file(const char *name, struct err *e)
{
	char from[32];
	const char *to = from + 1;

	(void)snprintf(from, sizeof(from), "/dev/%s", name);
	if (mknod(to, S_IFREG | 0644, 0) < 0 ||
	    mount(from, to, NULL, MS_BIND, NULL) < 0) {
		return err_sys(e, "device %s", from);
	}
	return 0;
}

static int
device_files(struct err *e)
{
	if (folder("dev", 0755, e) || folder("dev/pts", 0755, e)) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(devices); i++) {
		if (device_file(devices[i], e)) {
			return -1;
		}
	}
	for (size_t i = 0; i < COUNT(dev_links); i++) {
		if (symlink(dev_links[i].target, dev_links[i].name) < 0) {
			return err_sys(e, "link /%s", dev_links[i].name);
		}
	}
	return 0;
}

static int
open_again(const struct inmate *me, struct err *e)
{
	struct stat now;
	auto_close int tree = take_tree(me->work_path, 0, e);

	if (tree < 0 || fstat(tree, &now) < 0) {
		return err_wrap(e, "workspace");
	}
	if (now.st_dev != me->work_stat.st_dev ||
	    now.st_ino != me->work_stat.st_ino) {
		return err_set(e, ERR_CONFLICT,
		    "workspace %s is not the folder that was handed over",
		    me->work_path);
	}
	return take_fd(&tree);
}

int
root_take(struct inmate *me, struct err *e)
{
	if ((me->flags & CELL_WORKSPACE) && me->work < 0) {
		me->work = open_again(me, e);
		return me->work < 0 ? -1 : 0;
	}
	return 0;
}

int
root_take_agent(struct inmate *me, struct err *e)
{
	me->work = take_tree(me->host->agent, 0, e);
	return me->work < 0 ? -1 : 0;
}

/* All that does not differ between two cells, but for the bundle in /etc. */
static int
frame(const struct inmate *me, struct str ca, struct err *e)
{
	if (system_files(me->host, e) || device_files(e) ||
	    root_etc(me, ca, e) || folder("proc", 0555, e) ||
	    folder("tmp", 0755, e)) {
		return -1;
	}
	return folder("work", 0755, e);
}

static int
moving_parts(const struct inmate *me, struct err *e)
{
	char options[96];
	uint64_t size = me->limits.memory / 2;

	size = size < TMP_DEFAULT ? size : TMP_DEFAULT;
	(void)snprintf(options, sizeof(options),
	    "mode=1777,size=%llu,nr_inodes=%d", (unsigned long long)size,
	    TMP_FILES);
	if (mount_new("proc", "proc", MS_NODEV | MS_NOEXEC, "hidepid=2", e) ||
	    mount_new("devpts", "dev/pts", MS_NOEXEC,
	        "newinstance,ptmxmode=0666,mode=0620", e) ||
	    mount_new("tmpfs", "tmp", MS_NODEV, options, e) ||
	    folder("tmp/home", 0700, e) || folder("tmp/.shm", 0777, e)) {
		return -1;
	}
	return me->flags & CELL_WORKSPACE
	           ? attach(me->work, "work",
	                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e)
	           : 0;
}

static int
close_root(const char *base, struct err *e)
{
	struct mount_attr every = {
		.attr_set = MOUNT_ATTR_NOSUID,
		.propagation = MS_PRIVATE,
	};
	struct mount_attr root = { .attr_set = READ_ONLY };

	if (mount_setattr(AT_FDCWD, base, AT_RECURSIVE, &every, sizeof(every)) <
	        0 ||
	    mount_setattr(AT_FDCWD, base, 0, &root, sizeof(root)) < 0) {
		return err_sys(e, "close the new root");
	}
	return 0;
}

/* The present folder becomes the root; the host's tree is let go. */
static int
enter_root(struct err *e)
{
	if (close_root(BASE, e)) {
		return -1;
	}
	if (syscall(SYS_pivot_root, ".", ".") < 0) {
		return err_sys(e, "pivot_root");
	}
	if (umount2(".", MNT_DETACH) < 0) {
		return err_sys(e, "let go of the host's tree");
	}
	if (chdir("/") < 0) {
		return err_sys(e, "enter the root");
	}
	return 0;
}

/* --- the template: the frame made once, in a mount namespace of our own ----
 */

static int
make_template(struct cell_host *host, struct err *e)
{
	struct inmate any = { .host = host, .hostname = PLAIN_NAME };
	struct str none = { 0 };

	if (begin_root(TEMPLATE, e)) {
		return -1;
	}
	if (frame(&any, none, e) || close_root(TEMPLATE, e)) {
		(void)umount2(TEMPLATE, MNT_DETACH);
		return -1;
	}
	return 0;
}

void
root_prepare(struct cell_host *host)
{
	auto_close int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	mode_t mask = umask(022);
	struct err e = { 0 };

	if (host->template) {
		host->template = false;
		(void)umount2(TEMPLATE, MNT_DETACH);
	} else if (unshare(CLONE_NEWNS) < 0 ||
	           mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		(void)umask(mask);
		return;
	}
	/* Without it every cell makes its own frame: slower, the same. */
	host->template = make_template(host, &e) == 0;
	(void)umask(mask);
	must(fchdir(back) == 0);
}

/* Over the template's, where this cell's differs. */
static int
own_etc(const struct inmate *me, struct str ca, struct err *e)
{
	struct mount_attr shut = { .attr_set = MOUNT_ATTR_RDONLY };

	if (!(me->flags & CELL_FENCE) &&
	    strcmp(me->hostname, PLAIN_NAME) == 0) {
		return 0;
	}
	if (mount_new("tmpfs", "etc", MS_NODEV, "mode=755,size=8m", e) ||
	    root_etc(me, ca, e)) {
		return -1;
	}
	return mount_setattr(AT_FDCWD, "etc", 0, &shut, sizeof(shut)) < 0
	           ? err_sys(e, "close /etc")
	           : 0;
}

static int
from_template(const struct inmate *me, struct str ca, struct err *e)
{
	(void)umask(022);
	if (root_bind(TEMPLATE, BASE, 0, e)) {
		return -1;
	}
	if (chdir(BASE) < 0) {
		return err_sys(e, "enter the new root");
	}
	return own_etc(me, ca, e);
}

int
root_build(const struct inmate *me, struct str ca, struct err *e)
{
	bool made = me->host->template;

	if (made ? from_template(me, ca, e)
	         : (begin_root(BASE, e) || frame(me, ca, e))) {
		return -1;
	}
	return moving_parts(me, e) ? -1 : enter_root(e);
}

/* The folders above a path, below the present one. */
static int
folders_above(const char *path, struct err *e)
{
	char part[PATH_MAX / 2];

	must(strlen(path) < sizeof(part));
	for (const char *slash = strchr(path, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST) {
			return err_sys(e, "folder /%s", part);
		}
	}
	return 0;
}

int
root_build_agent(const struct inmate *me, struct err *e)
{
	const struct cell_host *host = me->host;
	struct str nothing = { 0 };

	if (begin_root(BASE, e) || root_file("agent", nothing, e) ||
	    attach(me->work, "agent", READ_ONLY, e)) {
		return -1;
	}
	for (size_t i = 0; i < host->lib_count; i++) {
		const char *lib = host->libs[i];

		if (folders_above(lib + 1, e) ||
		    root_file(lib + 1, nothing, e) ||
		    root_bind(lib, lib + 1, READ_ONLY, e)) {
			return -1;
		}
	}
	return enter_root(e);
}
