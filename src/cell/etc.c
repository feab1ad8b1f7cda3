/* SPDX-License-Identifier: Apache-2.0 */
/* The generated /etc: what programs look up, and nothing of this host's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cell/inside.h"

static const struct {
	const char *path;
	const char *text;
} fixed[] = {
	{ "etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\n"
	                "agent:x:1000:1000:agent:/tmp/home:/bin/sh\n"
	                "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n" },
	{ "etc/group", "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n" },
	{ "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"
	                       "services: files\nprotocols: files\n" },
	/* Every address is local to the fence: any of them answers. */
	{ "etc/resolv.conf", "nameserver 198.18.0.1\noptions timeout:5\n" },
};

_Static_assert(CELL_INSIDE_ID == 1000, "passwd and group name it");

static int
folders(struct err *e)
{
	static const char *const names[] = { "etc", "etc/ssl",
		"etc/ssl/certs" };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (mkdir(names[i], 0755) < 0 && errno != EEXIST) {
			return err_sys(e, "folder /%s", names[i]);
		}
	}
	return 0;
}

static int
named(const struct inmate *me, struct err *e)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	    "127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 %s\n",
	    me->hostname);
	if (root_file("etc/hosts", str_of(text), e)) {
		return -1;
	}
	(void)snprintf(text, sizeof(text), "%s\n", me->hostname);
	return root_file("etc/hostname", str_of(text), e);
}

/* Public roots and this cell's own CA: one bundle for every TLS client; and
 * that CA alone, for those that will meet no other. */
static int
bundle(const struct inmate *me, struct str ca, struct err *e)
{
	const struct buf *roots = &me->host->files[HOST_BUNDLE].bytes;
	auto_buf all = { 0 };

	buf_add(&all, buf_str(roots));
	if (all.len > 0 && all.at[all.len - 1] != '\n') {
		buf_add_byte(&all, '\n');
	}
	buf_add(&all, ca);
	return root_file(&OWN_CA[1], ca, e)
	           ? -1
	           : root_file(&BUNDLE[1], buf_str(&all), e);
}

bool
root_has_bundle(const struct inmate *me)
{
	return (me->flags & CELL_FENCE) != 0;
}

int
root_etc(const struct inmate *me, struct str ca, struct err *e)
{
	uint64_t ro = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

	if (folders(e) || named(me, e)) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(fixed); i++) {
		if (root_file(fixed[i].path, str_of(fixed[i].text), e)) {
			return -1;
		}
	}
	for (size_t i = 0; i < HOST_FILES; i++) {
		const struct host_file *file = &me->host->files[i];

		if (i != HOST_BUNDLE && file->bytes.len > 0 &&
		    root_file(file->path + 1, buf_str(&file->bytes), e)) {
			return -1;
		}
	}
	if (root_has_bundle(me) && bundle(me, ca, e)) {
		return -1;
	}
	if (!me->host->alternatives) {
		return 0;
	}
	if (mkdir("etc/alternatives", 0755) < 0) {
		return err_sys(e, "folder /etc/alternatives");
	}
	return root_bind("/etc/alternatives", "etc/alternatives", ro, e);
}
