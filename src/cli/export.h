/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

/* `task export`: what its two files share. */

#include "cli/cli.h"
#include "e2m/e2m.h"

struct file {
	struct file *next;
	const char *path;
	struct buf lines;
};

struct moved {
	struct moved *next; /* in the order of being put */
	struct str id;
	struct file *file;
	struct json *record; /* as it is now */
	enum e2m_state state;
	bool moved;
};

struct outgoing {
	struct cli *c;
	const char *folder;
	struct file *files;
	struct moved *first;
	struct moved **end;
	void *by_id;
	uint64_t tasks;
	uint64_t transitions;
	uint64_t letters;
	uint64_t acks;
	uint64_t hidden;
};

/* The file of a queue or mailbox, made in memory at its first line. */
struct file *export_file(
    struct outgoing *x, const char *folder, struct str name);
/* All of them, or ERR_CONFLICT where one is there already. */
int export_write(struct outgoing *x, struct err *e) MUST_CHECK;

#endif
