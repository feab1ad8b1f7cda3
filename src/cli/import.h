/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

/* `task import`: what its two files share. */

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

struct import {
	struct cli *c;
	bool write;
	struct item *first;
	struct item **end;
	void *by_id;
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
};

/* The order of ids, for the tree of them. */
int import_by_id(const void *a, const void *b);
struct item *import_find(struct import *in, struct str id);
bool import_is_pending(const struct item *item);
/* Dispatches what is pending, dependencies first.  -1: no house answers. */
int import_send(struct import *in, struct err *e) MUST_CHECK;

#endif
