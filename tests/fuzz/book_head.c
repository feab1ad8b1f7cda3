/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "book/book.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever decodes, encodes to the same bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[BOOK_HEAD_SIZE];
	struct book_head head;
	struct err e = { 0 };

	if (book_head_decode(str_span(data, size), &head, &e) == 0) {
		book_head_encode(&head, again);
		must(memcmp(again, data, size) == 0);
	}
	return 0;
}
