/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PROOF_H
#define CLI_PROOF_H

/*
 * What is checked without a house, by the signer's public key alone: notes,
 * proofs, receipts.  ERR_DENIED: it does not show what it says.
 */

#include "book/book.h"
#include "cli/cli.h"

#define CLI_RECEIPT_MAX ((size_t)128 * 1024 * 1024)

/* "name+id+key", or @FILE with that line.  Lives in the arena of `c`. */
int cli_signer(struct cli *c, const char *given, struct book_signer *out,
    struct err *e) MUST_CHECK;
/* The same for a witness's key. */
int cli_witness(struct cli *c, const char *given, struct book_signer *out,
    struct err *e) MUST_CHECK;
/* The note in a file of what `audit checkpoint` printed: the line below it that
 * names the signer is none of it, and nobody is believed for it. */
int cli_note_text(const char *file, struct buf *bytes, struct str *note,
    struct err *e) MUST_CHECK;
/* The file of a note; with a signer also its signature. */
int cli_note(struct cli *c, const char *file, const struct book_signer *signer,
    struct book_root *out, struct err *e) MUST_CHECK;
/* An array of hex digests, in their one form. */
int cli_read_proof(
    const struct json *list, struct book_proof *out, struct err *e) MUST_CHECK;
/* Lower-case hex of exactly so many bytes. */
bool cli_exact_hex(struct str text, uint8_t *out, size_t size);

struct receipt_facts {
	struct str task;
	size_t events;
	size_t without; /* bodies that are not in it */
	size_t texts;
	struct book_root root;
	struct str signer;
	struct wall first, last;
};
/* The whole receipt; `signer` NULL: the one that it names itself. */
int cli_check_receipt(struct arena *a, struct str text,
    const struct book_signer *signer, struct receipt_facts *out,
    struct err *e) MUST_CHECK;
int cli_verify_receipt(struct cli *c, const char *file, const char *given);

struct cli_proof_files {
	const char *proof;  /* of `audit prove --json` */
	const char *note;   /* the checkpoint that it is held against */
	const char *from;   /* of growth: the older one; else NULL */
	const char *signer; /* as cli_signer takes it */
};
int cli_verify_proof(struct cli *c, const struct cli_proof_files *f);

cli_command_fn cli_audit_prove; /* verbs of `audit` with a file of their own */
cli_command_fn cli_audit_export;

#endif
