/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_TRUST_H
#define PARTS_TRUST_H

/*
 * Whose words root's house takes: of files that say what sandboxes may do, or
 * whom the house believes, only root and the operators may be the writers, and
 * nobody else may put another in their place, wherever links lead.
 */

#include <sys/stat.h>

#include "roles/roles.h"

/* Of a file or folder, by its absolute path.  ERR_DENIED: another can write it,
 * or a folder or link on the way to it, the root of all aside.  What is not
 * there is missed by whoever reads it. */
int trust_written(
    const struct config *config, const char *path, struct err *e) MUST_CHECK;
/* The way to it alone. */
int trust_way(
    const struct config *config, const char *path, struct err *e) MUST_CHECK;
/* Another than the owner can.  Root's group is root, where a list of who may
 * (acl(5)) does not say more: a part in its jail cannot see that there is none.
 */
bool trust_others_write(const char *path, const struct stat *s);

#endif
