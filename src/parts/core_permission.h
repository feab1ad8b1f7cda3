/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_PERMISSION_H
#define PARTS_CORE_PERMISSION_H

/* Inside of core_permission.c and core_permission_answer.c: the gates that have
 * a file, by the id in its name. */

#include <time.h>

#include "parts/core.h"

#define GATE_LISTS 1024

struct gate_file {
	struct gate_file *next;   /* of the same list */
	struct gate_file *behind; /* in the line of those to write or remove */
	bool in_line;
	bool over;
	bool written;
	uint64_t seq; /* of the head that put it in the line */
	char wait[WAIT_ID_TEXT];
	char id[WAIT_FILE_MAX + 1];
	struct timespec since; /* its gate file's change time */
};

struct core_permissions {
	struct gate_file *lists[GATE_LISTS];
	struct gate_file *line;
	size_t count;
	struct loop_timer look;
	struct timespec seen; /* change of the folder that was read */
	bool again;           /* it is read whether it has changed or not */
	bool warned;          /* of a folder that is not as it must be */
};

/* core_permission.c */
int core_permission_folder(struct core *c);
struct gate_file *core_permission_find(
    struct core_permissions *p, struct str id);
/* core_permission_answer.c */
void core_permission_arm(struct core *c);
/* Is it KIND and an id and ".json"? */
bool core_permission_name(struct str name, const char *kind, struct str *id);

#endif
