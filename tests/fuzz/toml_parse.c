/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever toml_parse takes is a tree that can be written as JSON and read
 * back; whatever it refuses is told with the file's name in front.
 */
#include "toml/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	auto_buf written = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (toml_parse(&a, str_span(data, size), "f", &j, &e) < 0) {
		must(j == NULL && (e.kind == ERR_INPUT || e.kind == ERR_LIMIT));
		must(str_starts(str_of(e.text), STR("f:")));
		return 0;
	}
	must(j->type == JSON_OBJECT);
	json_write(&written, j);
	must(json_parse(&a, buf_str(&written), NULL, &j, &e) == 0);
	return 0;
}
