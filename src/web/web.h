/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

/*
 * The inbox in a browser: its pages, as bytes, and the guard before what a page
 * may ask.  Pure: a request's head in, a judgement out; who is logged in is
 * core's to know.
 *
 * A page is read by anybody: it holds nothing of this house.  What a page asks
 * (/web/…) must come from this very origin: a name of ours in Host (so that no
 * name that leads here by rebinding is one), Sec-Fetch-Site: same-origin, of a
 * POST also our Origin, the cookie of a login and the token that only a page of
 * this origin can have read.  Each is needed; what is missing is a no.
 */

#include "digest/digest.h"
#include "http/http.h"

#define WEB_COOKIE_BYTES 32
#define WEB_COOKIE_TEXT  44 /* base64url of them, and the NUL */
#define WEB_CSRF_TEXT    44
#define WEB_NAME_MAX     40   /* of a cookie, with its NUL */
#define WEB_FORM_MAX     4096 /* bytes of a login form */

enum web_kind {
	WEB_OTHER, /* no page and nothing that a page asks */
	WEB_PAGE,
	WEB_LOGIN, /* the form with the token */
	WEB_ASK,   /* by whom the cookie's digest says */
};

struct web_file {
	const char *path;
	const char *type;
	struct str bytes; /* of the program: as long as it runs */
};

struct web_asked {
	enum web_kind kind;
	const struct web_file *file; /* of a page */
	struct digest login;         /* SHA-256 of the cookie's value */
	char csrf[WEB_CSRF_TEXT];    /* what its pages send with a POST */
	char cookie_name[WEB_NAME_MAX];
	bool tls;         /* a browser reaches this name by https alone */
	bool ends;        /* it asks to be logged out */
	bool ended;       /* the login page, of whose login that is why */
	uint16_t refusal; /* status to answer after -1 */
};

/* The name that a browser must call us by: 127.0.0.1 and localhost, by http and
 * with any port; one of `hosts` (names with commas between), by https. */
bool web_host_known(struct str authority, struct str hosts, bool *tls);

/* Judges one request; -1: e says why, asked->refusal the status. */
int web_guard(const struct http_head *head, struct str hosts,
    struct web_asked *asked, struct err *e) MUST_CHECK;

/* Of a form (application/x-www-form-urlencoded): the field's value, decoded.
 * False: it is not there exactly once, or of no form. */
bool web_form_field(struct str form, const char *name, struct buf *value);

/* A new cookie's value; what core knows of it; what its pages send. */
void web_cookie_make(char value[WEB_COOKIE_TEXT]);
struct digest web_cookie_digest(struct str value);
void web_csrf(struct str value, char csrf[WEB_CSRF_TEXT]);

/* The login page again, with the sentence why (plain text, ours). */
void web_login_page(struct buf *out, const char *why);

/* Header lines: what every answer to a browser has, and Set-Cookie (value
 * empty: forget it). */
void web_write_headers(struct buf *out);
void web_write_cookie(
    struct buf *out, const struct web_asked *asked, const char *value);

#endif
