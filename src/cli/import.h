/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

/* `task import`: what its three files share. */

#include "cli/cli.h"
#include "e2m/tolerant.h"

struct item {
	struct item *next; /* in the order of the files */
	struct str id;
	struct json *body;    /* NULL: only transitions so far */
	enum e2m_state state; /* E2M_no_state: a word of others */
	const char *house_id; /* once it is there */
	const char *outcome;
	struct str problem;
};

struct letter {
	struct letter *next; /* in the order of the files */
	struct str id;
	struct json *body;
	bool waits; /* pending, and nobody acknowledged it */
	const char *outcome;
	struct str problem;
};

struct reader { /* an ack in a mailbox's file */
	struct reader *next;
	struct str letter;
	const char *mailbox;
};

struct import {
	struct cli *c;
	bool write;
	struct item *first;
	struct item **end;
	void *by_id;
	struct letter *first_letter;
	struct letter **letter_end;
	struct reader *readers;
	struct json_out out; /* with --json */
	uint64_t lines;
	uint64_t unreadable;
	uint64_t deviations;
	uint64_t letters;
	uint64_t legacy;
	uint64_t tasks;
	uint64_t states[E2M_FAILED + 1];
	uint64_t sent;
	uint64_t there;
	uint64_t refused;
	uint64_t waiting_letters;
	uint64_t broken_letters; /* of the canon, but not whole */
	uint64_t letters_sent;
	uint64_t letters_there;
	uint64_t letters_refused;
	uint64_t reads_refused;
};

/* The members of a line that the house takes as they stand; the others, and
 * what the canon does not know, go along in payload.legacy. */
struct json *import_body(
    struct import *in, const struct json *line, const struct e2m_record *r);

/* The order of ids, for the tree of them. */
int import_by_id(const void *a, const void *b);
struct item *import_find(struct import *in, struct str id);
bool import_is_pending(const struct item *item);
/* Dispatches what is pending, dependencies first.  -1: no house answers. */
int import_send(struct import *in, struct err *e) MUST_CHECK;

/* import_mail.c */
void import_mail_line(
    struct import *in, const struct e2m_loose *line, const char *stem);
/* After all files: which of them wait. */
void import_mail_settle(struct import *in);
/* -1: no house answers. */
int import_mail_send(struct import *in, struct err *e) MUST_CHECK;
void import_mail_print(struct import *in, const struct letter *l);

#endif
