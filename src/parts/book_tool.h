/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_BOOK_TOOL_H
#define PARTS_BOOK_TOOL_H

/* What is done to a book with its house stopped: book_tool.c, book_rekey.c. */

#include "parts/part.h"
#include "store/store.h"

/* The house is stopped, and stays so while this process lives; else
 * ERR_CONFLICT. */
int book_lock_state(
    const char *state, const char *then, struct err *e) MUST_CHECK;
/* The file belongs to whoever the folder belongs to: core's own id. */
int book_give(const char *folder, const char *path, struct err *e) MUST_CHECK;
/* The URL that was handed over as descriptor `number`; to be wiped. */
int book_url(const char *number, struct buf *url, struct err *e) MUST_CHECK;
/* Another root key in the place of the one in force. */
int book_rekey(const struct part_self *p, struct err *e) MUST_CHECK;

#endif
