/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seal/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever decodes, encodes to the same bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[SEAL_GRANT_SIZE];
	struct seal_grant grant;
	struct err e = { 0 };

	if (seal_grant_decode(str_span(data, size), &grant, &e) == 0) {
		seal_grant_encode(&grant, again);
		must(memcmp(again, data, size) == 0);
	}
	return 0;
}
