/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "book/book.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
believe(const uint8_t key[BOOK_KEY_SIZE], struct str message,
    const uint8_t sign[BOOK_SIGN_SIZE])
{
	(void)key;
	(void)message;
	(void)sign;
	return true;
}

/* With a verifier that believes everything: the parser alone is on trial.
 * What it accepts starts with the text that its answer encodes to. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct book_signer signer = { .name = STR("handrail.example") };
	struct book_signer read;
	struct book_root root;
	struct err e = { 0 };

	memset(signer.key, 7, sizeof(signer.key));
	if (book_note_open(str_span(data, size), STR("handrail.example/book"),
	        &signer, believe, &root, &e) == 0) {
		auto_buf text = { 0 };

		book_note_text(STR("handrail.example/book"), &root, &text);
		must(str_starts(str_span(data, size), buf_str(&text)));
	}
	if (book_signer_parse(str_span(data, size), &read, &e) == 0) {
		auto_buf text = { 0 };

		book_signer_text(&read, &text);
		must(text.len == size);
	}
	return 0;
}
