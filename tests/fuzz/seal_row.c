/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A row that was not sealed with this key never opens, however it reads. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seal_key *key;
	struct str row = str_span(data, size);
	struct seal_binding binding;
	struct secret *value = NULL;
	struct err e = { 0 };

	if (!key) {
		key = seal_key_make();
	}
	if (seal_row_read(row, &binding, &e) == 0) {
		must(binding.host_count >= 1);
		must(binding.host_count <= SEAL_HOSTS_MAX);
		must(seal_row_open(key, row, &binding, &value, &e) == -1);
		must(!value);
	}
	return 0;
}
