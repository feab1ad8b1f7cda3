/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOK_OWN_H
#define BOOK_OWN_H

/* For the files of this room only. */

#include "book/book.h"

struct digest node_hash(struct digest left, struct digest right);

#endif
