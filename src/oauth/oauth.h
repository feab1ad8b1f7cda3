/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_OAUTH_H
#define OAUTH_OAUTH_H

/*
 * OAuth 2 as a client of it speaks: forms, PKCE, the URL a person opens, what
 * comes back from there, answers of token and device endpoints, metadata.
 * RFC 6749, 7636 (S256 alone), 8252, 8414, 8628, 8707, 9207, 9728.  Pure: no
 * socket and no clock.  DESIGN says what is refused and what each error means.
 *
 * An answer is hostile.  Tokens lie in the caller's arena, which is wiped when
 * it is freed (arena_fini); no error text of this room holds one.
 */

#include "json/json.h"

#define OAUTH_ANSWER_MAX   ((size_t)64 * 1024) /* bytes */
#define OAUTH_TOKEN_MAX    1900                /* bytes of one token */
#define OAUTH_LIFETIME_MAX 315360000           /* seconds: ten years */
#define OAUTH_RETRY_MAX    3600                /* seconds: an hour */
#define OAUTH_CODE_TEXT    64                  /* of an error code */
#define OAUTH_RANDOM_TEXT  44 /* 32 random bytes as base64url, and the NUL */

/* --- what is sent --------------------------------------------------------- */

/* name=value, percent-encoded, behind what is there; an empty value is left
 * out. */
void oauth_form_add(struct buf *form, const char *name, struct str value);
/* What stands behind "Basic ": both percent-encoded first (RFC 6749, 2.3.1). */
void oauth_basic(struct buf *out, struct str client, struct str secret);
/* A PKCE verifier or a state. */
void oauth_random(char text[OAUTH_RANDOM_TEXT]);
void oauth_challenge(struct str verifier, char text[OAUTH_RANDOM_TEXT]);

struct oauth_open { /* empty texts are left out */
	struct str endpoint;
	struct str client;
	struct str redirect;
	struct str scope;
	struct str resource;
	struct str state;
	struct str challenge;
};
/* The URL that a person opens.  ERR_INPUT: not https, or with a fragment. */
int oauth_open_url(
    const struct oauth_open *from, struct buf *url, struct err *e) MUST_CHECK;
/* Only this machine (RFC 8252, 7.3): http://127.0.0.1:PORT/… or [::1]. */
bool oauth_redirect_loopback(struct str redirect);

/* --- what comes back to the redirect -------------------------------------- */

struct oauth_redirect { /* empty: it was not there */
	struct str code;
	struct str state;
	struct str iss;
	struct str error;
};
/* Of a whole URL or of its query alone.  A parameter given twice is refused,
 * and so is neither a code nor an error. */
int oauth_redirect_read(struct arena *a, struct str url,
    struct oauth_redirect *out, struct err *e) MUST_CHECK;
/* V05: whether what came back answers what was asked.  `issuer` empty: not
 * known, and then it may not name one; `named`: it must name it. */
int oauth_redirect_check(const struct oauth_redirect *got, struct str state,
    struct str issuer, bool named, struct err *e) MUST_CHECK;

/* --- answers of a token endpoint ------------------------------------------ */

enum oauth_end {
	OAUTH_FAILED,  /* nothing is known: the same may be asked again */
	OAUTH_TOKENS,  /* here they are */
	OAUTH_PENDING, /* of a device: the person has not said yes yet */
	OAUTH_SLOWER,  /* the same, and asked too often */
	OAUTH_CLOSED,  /* a no that stays one until a person does something */
};

struct oauth_answer {
	enum oauth_end end;
	struct str access;
	struct str refresh;          /* empty: the old one stays */
	int64_t lifetime;            /* seconds, from 1; 0: only in a failure */
	char error[OAUTH_CODE_TEXT]; /* of CLOSED, PENDING, SLOWER */
	const char *fault;           /* of FAILED and CLOSED: a sentence */
};
/* `assumed`: the seconds that a token lives whose answer does not say so; 0:
 * such an answer is refused. */
void oauth_answer_read(struct arena *a, unsigned status, struct str type,
    struct str body, int64_t assumed, struct oauth_answer *out);

/* Seconds that an endpoint wants to be left alone, as its Retry-After says, in
 * either form (RFC 9110, 10.2.3; of dates the one that is still made, 5.6.7).
 * 0: it does not say so, or it is over; more than OAUTH_RETRY_MAX is that. */
int64_t oauth_retry_after(struct str header, struct wall now);

struct oauth_device {
	struct str device_code; /* the one that is secret */
	struct str user_code;
	struct str uri;
	struct str uri_complete; /* empty: none */
	int64_t lifetime;
	int64_t interval;
};
/* RFC 8628, 3.2.  A no of the server is an answer whose end is not TOKENS. */
void oauth_device_read(struct arena *a, unsigned status, struct str type,
    struct str body, struct oauth_device *device, struct oauth_answer *out);

/* --- the same without tokens -----------------------------------------------
 */

/* What may be told of an answer to whoever must not see a token, as JSON, and
 * read again by its receiver. */
struct oauth_told {
	enum oauth_end end;
	bool kept; /* its tokens went to the vault */
	int64_t lifetime;
	int64_t interval;
	int64_t retry; /* of FAILED: seconds until it may be asked again; 0: it
	                * did not say */
	struct str error;
	struct str fault;
	struct str user_code;
	struct str uri;
	struct str uri_complete;
};
void oauth_told_write(struct buf *out, const struct oauth_told *told);
int oauth_told_read(struct arena *a, struct str text, struct oauth_told *told,
    struct err *e) MUST_CHECK;

/* The body of an answer whose tokens stay here: access, refresh and id token
 * give way to a placeholder, all else stands. */
void oauth_masked(
    struct arena *a, struct str body, struct str placeholder, struct buf *out);

/* --- metadata (RFC 8414) ---------------------------------------------------
 */

struct oauth_metadata {
	struct str issuer;
	struct str authorization;
	struct str token;
	struct str device;
	bool names_issuer; /* its redirects bear `iss` */
};
/* The n-th place of it: oauth-authorization-server and openid-configuration
 * between host and path, the latter behind the path.  ERR_MISSING: no more. */
int oauth_metadata_url(
    struct str issuer, unsigned n, struct buf *url, struct err *e) MUST_CHECK;
/* ERR_DENIED: another issuer than was asked; no S256. */
int oauth_metadata_read(struct arena *a, struct str issuer, struct str body,
    struct oauth_metadata *out, struct err *e) MUST_CHECK;

/* --- a server that wants tokens (RFC 9728) ---------------------------------
 */

struct oauth_resource {
	struct str resource; /* what it speaks for: the server, or above it */
	struct str issuer;   /* the first that it names */
	struct str scope;    /* all that it names; empty: none */
};
/* Where it says so: behind the well-known path its own, or with `root` nothing
 * (ERR_MISSING: that is the same). */
int oauth_resource_url(
    struct str server, bool root, struct buf *url, struct err *e) MUST_CHECK;
/* ERR_DENIED: it speaks for another server, or names no issuer. */
int oauth_resource_read(struct arena *a, struct str server, struct str body,
    struct oauth_resource *out, struct err *e) MUST_CHECK;
bool oauth_same_origin(struct str server, struct str url);
/* Of a 401: its Bearer challenge, and what it says (empty: nothing). */
bool oauth_challenged(
    struct str header, struct str *metadata, struct str *scope);

/* Seconds after which a token of that lifetime is made anew: at 80 %, less a
 * twentieth at most by `spread` (0..255), so that not all come at once. */
int64_t oauth_renew_after(int64_t lifetime, uint8_t spread);

#endif
