/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_DOOR_H
#define STORE_DOOR_H

/* For the files of the door only: what each read and each write begins with. */

#include "store/ops.h"

/* -1 if the store is broken or dead.  A write must stand in a transaction and
 * not in a walk (must). */
int may_read(struct store *store, struct err *e) MUST_CHECK;
int may_write(struct store *store, struct err *e) MUST_CHECK;
/* Passes done on; a write that failed breaks its transaction. */
int wrote(struct store *store, int done, const struct err *e) MUST_CHECK;

#endif
