/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * The world's faults are values: a function returns 0 or -1 and says why in
 * the `struct err` of its caller (always the last parameter; never NULL).
 * Outputs are written only on success.  The text is for a person: what, where,
 * what to do; never a secret, never raw hostile bytes (err_quote).
 */

#include "base/str.h"

#define MUST_CHECK __attribute__((warn_unused_result))

enum err_kind {
	ERR_NONE,
#define ERR(kind, http, exit, retry, name) ERR_##kind,
#include "base/errors.def"
#undef ERR
};

struct err {
	enum err_kind kind;
	char text[400];
};

/* Sets kind and text; always returns -1, so that `return err_set(…)` reads. */
int err_set(struct err *e, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with ": strerror(errno)" behind it, kind ERR_IO. */
int err_sys(struct err *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts "context: " in front; returns -1. */
int err_wrap(struct err *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#ifdef __clang_analyzer__
/* It does not read the bodies of another file, and would follow a fault on as
 * if it were none. */
static inline int
err_minus_one(int result)
{
	(void)result;
	return -1;
}
#define err_set(...)  err_minus_one(err_set(__VA_ARGS__))
#define err_sys(...)  err_minus_one(err_sys(__VA_ARGS__))
#define err_wrap(...) err_minus_one(err_wrap(__VA_ARGS__))
#endif

const char *err_name(enum err_kind kind);
int err_http(enum err_kind kind); /* HTTP status */
int err_exit(enum err_kind kind); /* exit code of the command line */
bool err_retry(enum err_kind kind);

/* Outside bytes made printable for a message: control bytes and non-ASCII
 * escaped, at most 80 bytes.  Returns a static ring entry (8 live at once). */
const char *err_quote(struct str hostile);

#endif
