/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOK_OWN_H
#define BOOK_OWN_H

/* For the files of this room only. */

#include "book/book.h"

struct digest node_hash(struct digest left, struct digest right);
/* Of 0x00 ‖ head each. */
void leaf_hashes(const uint8_t (*leaf)[1 + BOOK_HEAD_SIZE], size_t count,
    struct digest *hashes);
/* Into an encoded head, whose body was promised (book_head_body_later). */
void head_name_body(uint8_t bytes[BOOK_HEAD_SIZE], struct digest body);

/* checkpoint.c.  The id of a key: 1 signs checkpoints, 4 cosigns them. */
#define BOOK_KEY_ID      4
#define BOOK_SIGNER_KIND 1
#define BOOK_COSIGN_KIND 4
#define BOOK_SIGNS_MAX   16 /* signature lines of one note */
void book_key_id(
    const struct book_signer *signer, uint8_t kind, uint8_t id[BOOK_KEY_ID]);
void book_key_text(
    const struct book_signer *signer, uint8_t kind, struct buf *out);
int book_key_parse(struct str text, uint8_t kind, struct book_signer *signer,
    struct err *e) MUST_CHECK;
/* Base64 in its one form only: what it decodes to encodes to it again. */
bool book_base64(struct str text, uint8_t *out, size_t size);
int book_note_cut(struct str note, struct str *text, struct str *lines,
    struct err *e) MUST_CHECK;
/* Cuts "— name base64" open; false if the line has another shape. */
bool book_sign_cut(struct str line, struct str *name, struct str *sign);

#endif
