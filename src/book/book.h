/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOK_BOOK_H
#define BOOK_BOOK_H

/*
 * The one append-only log, its pure half: the head codec, the tree over the
 * heads (RFC 6962 section 2) with its proofs, and checkpoints (C2SP
 * tlog-checkpoint in a signed note).  No I/O and no keys: the store writes
 * what this yields, the vault signs, core joins them.  Formats: DESIGN.
 *
 * The head with sequence number n is leaf n - 1; a tree of size n covers the
 * heads 1..n.
 */

#include "digest/digest.h"

#define BOOK_HEAD_SIZE    384
#define BOOK_IDENTITY_MAX 96 /* bytes of text in a head */
#define BOOK_RULE_MAX     64
#define BOOK_TREE_SIZE    (UINT64_C(1) << 48) /* heads a tree may have */
#define BOOK_FRONTIER_MAX (8 + 49 * DIGEST_SIZE)
#define BOOK_PROOF_MAX    50
#define BOOK_ORIGIN       "handrail" /* of checkpoints: the log, its signer */
#define BOOK_NOTE_MAX     8192 /* bytes of a checkpoint with its signatures */
#define BOOK_KEY_SIZE     32   /* Ed25519 (RFC 8032) */
#define BOOK_SIGN_SIZE    64
#define BOOK_RECEIPT_MAX  (24U << 20) /* bytes of bodies in one receipt */

enum book_kind {
	BOOK_KIND_NONE,
#define BOOK_KIND(number, kind, name, sentence) BOOK_##kind = (number),
#include "book/kinds.def"
#undef BOOK_KIND
};

const char *book_kind_name(unsigned kind);     /* "unknown" for no kind */
const char *book_kind_sentence(unsigned kind); /* what such a head tells */
bool book_kind_parse(struct str name, enum book_kind *kind);

struct book_id {
	uint8_t bytes[16]; /* a UUID; all zero: none */
};

bool book_id_parse(struct str uuid, struct book_id *id);  /* 8-4-4-4-12 */
void book_id_text(struct book_id id, char text[ID_TEXT]); /* "" for none */
bool book_id_eq(struct book_id a, struct book_id b);

struct book_head {
	uint64_t seq; /* 1, 2, 3, … */
	struct wall time;
	enum book_kind kind;
	uint32_t incarnation; /* of the house that wrote it */
	uint32_t epoch;       /* claim epoch; 0: no claim */
	uint32_t call;        /* ordinal of the call in its run; 0: none */
	struct book_id run;
	struct book_id task;
	struct digest policy; /* in force; zero: none, also below */
	struct digest contract;
	struct digest role;
	struct digest body; /* SHA-256 of the body; zero without one */
	uint32_t body_size; /* bytes */
	bool has_body;      /* one was written; it may expire, this stays */
	char identity[BOOK_IDENTITY_MAX + 1]; /* printable ASCII or "" */
	char rule[BOOK_RULE_MAX + 1];         /* printable ASCII or "" */
};

/* Names the body in the head: digest, size, has_body. */
void book_head_body(struct book_head *head, struct str body);
/* The same without its digest, for book_bodies_name to give; not empty. */
void book_head_body_later(struct book_head *head, struct str body);
/* A head that breaks a rule of DESIGN is our own bug (must). */
void book_head_encode(
    const struct book_head *head, uint8_t out[BOOK_HEAD_SIZE]);
/* ERR_INPUT on anything that encode would not write: each head has exactly
 * one form. */
int book_head_decode(
    struct str bytes, struct book_head *head, struct err *e) MUST_CHECK;

/* The tree grows by leaves and keeps only the roots of its full subtrees. */
struct book_tree {
	uint64_t size;             /* leaves */
	struct digest subtree[49]; /* [n] is valid while bit n of size is set */
};

struct digest book_leaf(struct str head); /* SHA-256(0x00 ‖ head) */
/* Of heads that lie one behind the other, in a fraction of the time. */
void book_leaf_many(const uint8_t *heads, size_t count, struct digest *leaves);
void book_tree_add(struct book_tree *tree, struct digest leaf);
/* The same of many, in a fraction of the time. */
void book_tree_add_leaves(
    struct book_tree *tree, const struct digest *leaves, size_t count);
/* A whole block at once: the size is a multiple of BOOK_BLOCK (must). */
void book_tree_add_block(struct book_tree *tree, struct digest root);
/* The heads of a batch get the digests of their bodies, in a fraction of the
 * time. */
struct book_new_head {
	uint8_t *bytes;  /* BOOK_HEAD_SIZE; encoded */
	struct str body; /* empty: it has none, or its digest already */
};
void book_bodies_name(const struct book_new_head *heads, size_t count);
struct digest book_tree_root(const struct book_tree *tree);
void book_tree_save(const struct book_tree *tree, struct buf *out);
int book_tree_load(
    struct str saved, struct book_tree *tree, struct err *e) MUST_CHECK;

#include "book/late.h"

/* Proofs.  The reader gives the hash of leaf `index` (from 0); building reads
 * every leaf of the tree at most once, in ascending runs. */
typedef int book_leaf_fn(
    void *context, uint64_t index, struct digest *leaf, struct err *e);

struct book_proof {
	unsigned count;
	struct digest node[BOOK_PROOF_MAX];
};

/* The roots of whole blocks, where they are known, spare reading their leaves:
 * `block` gives that of leaves index .. index + BOOK_BLOCK - 1, index being a
 * multiple of BOOK_BLOCK. */
#define BOOK_BLOCK 1024
struct book_leaves {
	book_leaf_fn *read;
	book_leaf_fn *block; /* NULL: none are known */
	void *context;
};

int book_prove_leaf(struct book_leaves leaves, uint64_t index, uint64_t size,
    struct book_proof *proof, struct err *e) MUST_CHECK;
int book_prove_growth(struct book_leaves leaves, uint64_t old_size,
    uint64_t size, struct book_proof *proof, struct err *e) MUST_CHECK;

struct book_root {
	uint64_t size;
	struct digest root;
};

/* ERR_DENIED with a sentence if the proof does not show it. */
int book_check_leaf(struct digest leaf, uint64_t index,
    const struct book_root *root, const struct book_proof *proof,
    struct err *e) MUST_CHECK;
int book_check_growth(const struct book_root *old, const struct book_root *root,
    const struct book_proof *proof, struct err *e) MUST_CHECK;

/* A signer of checkpoints, known by its name and its Ed25519 key. */
struct book_signer {
	struct str name; /* no space, no '+', at most 128 bytes */
	uint8_t key[BOOK_KEY_SIZE];
};
typedef bool book_verify_fn(const uint8_t key[BOOK_KEY_SIZE],
    struct str message, const uint8_t sign[BOOK_SIGN_SIZE]);

/* What is signed: origin, size and root, each a line. */
void book_note_text(
    struct str origin, const struct book_root *root, struct buf *out);
/* text + blank line + one signature line: a whole checkpoint. */
void book_note_seal(struct str text, const struct book_signer *signer,
    const uint8_t sign[BOOK_SIGN_SIZE], struct buf *out);
/* Origin must be equal and one signature must be this signer's and good; other
 * signatures are ignored (witnesses, older keys).  ERR_INPUT if it is not a
 * checkpoint, ERR_DENIED if it is not theirs. */
int book_note_open(struct str note, struct str origin,
    const struct book_signer *signer, book_verify_fn *verify,
    struct book_root *root, struct err *e) MUST_CHECK;
/* What the note says, whoever signed it. */
int book_note_read(
    struct str note, struct book_root *root, struct err *e) MUST_CHECK;
/* The signer as one line, "name+keyid+base64": what a verifier keeps.
 * The parsed name borrows from text. */
void book_signer_text(const struct book_signer *signer, struct buf *out);
int book_signer_parse(
    struct str text, struct book_signer *signer, struct err *e) MUST_CHECK;

/*
 * Witnesses (https://c2sp.org/tlog-witness, tlog-cosignature "cosignature/v1"):
 * others who saw that the tree only grew, and sign that they did.  Their keys
 * read like a signer's and are of another kind, so none passes for the other.
 */
void book_witness_text(const struct book_signer *witness, struct buf *out);
int book_witness_parse(
    struct str text, struct book_signer *witness, struct err *e) MUST_CHECK;
/* The body of add-checkpoint: what grew from the tree of `old`. */
void book_witness_ask(uint64_t old, const struct book_proof *growth,
    struct str note, struct buf *out);
/* What a witness signs: at that time, this text of a checkpoint. */
void book_cosign_text(struct wall at, struct str text, struct buf *out);
/* Adds to the note the first line of an answer that is this witness's, good and
 * not there yet, where the note can still be read with it: one, so that no
 * witness takes the room of another.  false: there is none.  A note that is
 * none is our own bug (must). */
bool book_cosign_take(struct buf *note, struct str answer,
    const struct book_signer *witness, book_verify_fn *verify);
/* When this witness signed the note; ERR_DENIED: it did not, or not this. */
int book_cosign_find(struct str note, const struct book_signer *witness,
    book_verify_fn *verify, struct wall *at, struct err *e) MUST_CHECK;

#endif
