/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/key_change.h"

#include <string.h>

void
key_change_text(struct str was, struct str now, struct buf *out)
{
	buf_addf(out, "handrail: another root key\n" STR_FMT "\n" STR_FMT "\n",
	    STR_ARG(was), STR_ARG(now));
}

static bool
has_signed(struct str line, struct str text, const struct json *body,
    const char *member, book_verify_fn *verify)
{
	struct book_signer signer;
	auto_buf sign = { 0 };
	struct str given;
	struct err e;

	return book_signer_parse(line, &signer, &e) == 0 &&
	       json_text(body, member, &given) && base64_decode(&sign, given) &&
	       sign.len == BOOK_SIGN_SIZE &&
	       verify(signer.key, text, (const uint8_t *)sign.at);
}

int
key_change_check(const struct json *body, struct str was,
    book_verify_fn *verify, struct err *e)
{
	struct str said;
	struct str now;
	auto_buf text = { 0 };

	if (!json_text(body, "was", &said) || !str_eq(said, was) ||
	    !json_text(body, "signer", &now)) {
		return err_set(e, ERR_DENIED,
		    "it is not the successor of the key that signed before");
	}
	key_change_text(was, now, &text);
	return has_signed(was, buf_str(&text), body, "by_old", verify) &&
	               has_signed(now, buf_str(&text), body, "by_new", verify)
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "the keys did not sign that one follows the other");
}
