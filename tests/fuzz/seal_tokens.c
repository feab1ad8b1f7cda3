/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read as tokens is written again as the same bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str value = str_span(data, size);
	struct seal_tokens tokens;
	auto_buf again = { 0 };
	struct err e = { 0 };

	if (seal_tokens_read(value, &tokens, &e) == 0) {
		must(seal_tokens_write(&tokens, &again, &e) == 0);
		must(str_eq(buf_str(&again), value));
	}
	return 0;
}
