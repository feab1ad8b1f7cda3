/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOK_OWN_H
#define BOOK_OWN_H

/* For the files of this room only. */

#include "book/book.h"

struct digest node_hash(struct digest left, struct digest right);
/* Into an encoded head, whose body was promised (book_head_body_later). */
void head_name_body(uint8_t bytes[BOOK_HEAD_SIZE], struct digest body);

#endif
