/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROOTKEY_INSIDE_H
#define ROOTKEY_INSIDE_H

/* For the files of this room only. */

#include "rootkey/rootkey.h"

/* 64 hex digits of the key of the house with this name (account.c). */
int secret_service_read(const char *house, struct buf *hex, struct err *e);
int secret_service_keep(const char *house, struct str hex, struct err *e);
int secret_service_forget(const char *house, struct err *e);
int keychain_read(const char *house, struct buf *hex, struct err *e);
int keychain_keep(const char *house, struct str hex, struct err *e);
int keychain_forget(const char *house, struct err *e);

/*
 * Runs `work` in a child without core dumps.  What it writes to `out` comes
 * back; what it fails with becomes e.  ERR_TIMEOUT after 30 s.
 */
typedef int child_work_fn(void *context, struct buf *out, struct err *e);
int child_run(
    child_work_fn *work, void *context, struct buf *out, struct err *e);

#endif
