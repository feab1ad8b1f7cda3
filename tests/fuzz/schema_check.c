/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* SCHEMA newline VALUE: compiles and checks, or says why not. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	struct str value = str_span(data, size);
	struct str text;
	struct schema *s = NULL;
	struct json *root = NULL;
	struct json *j = NULL;
	struct err e = { 0 };

	(void)str_cut(&value, '\n', &text);
	if (json_parse(&a, text, NULL, &root, &e) == 0 &&
	    json_parse(&a, value, NULL, &j, &e) == 0 &&
	    schema_compile(&a, root, "fuzz", &s, &e) == 0 &&
	    schema_check(s, j, &e) < 0) {
		must(e.kind == ERR_INPUT || e.kind == ERR_LIMIT);
		must(e.text[0] != '\0');
	}
	return 0;
}
