/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_ASKED_H
#define PROXY_ASKED_H

/* A chapter of proxy.h, which includes it: what is asked about a request, what
 * is decided, what became of it. */

#include "digest/digest.h"
#include "http/http.h"
#include "names/names.h"

#define PROXY_METHOD_SIZE HTTP_ASKED_METHOD
#define PROXY_PATH_SIZE   HTTP_ASKED_PATH
#define PROXY_QUERY_SIZE  HTTP_ASKED_QUERY
#define PROXY_REFS        8
#define PROXY_REF_SIZE    128
#define PROXY_OWN_MAX     16 /* credentials of its own in one request */

enum proxy_git { PROXY_GIT_NONE, PROXY_GIT_FETCH, PROXY_GIT_PUSH };

struct proxy_ref {
	bool remove; /* it will not be there after */
	char to[13]; /* the first 12 digits of what it will name */
	char name[PROXY_REF_SIZE];
};

/* What is known of a request's body while nothing of it has left. */
enum proxy_body {
	PROXY_BODY_NONE,
	PROXY_BODY_UNREAD,
	PROXY_BODY_READ, /* whole; of a push all that stands before its pack */
};

/* What people are shown of a request that a gate holds, and what of its head
 * is bound besides: no value of a credential, placeholders unreadable. */
#define PROXY_SHOWN_LINES 1792 /* bytes at most */
#define PROXY_SHOWN_BODY  1024

struct proxy_shown {
	struct digest headers; /* of all lines, also of those that are cut */
	struct str query;
	struct str lines; /* "name: value\n" by name: what unbound.def leaves */
	struct str body;  /* its beginning; of a push that is its commands */
	bool lines_cut;
	bool body_cut;
};

/* A parsed request in canonical form; nothing of it has left.  Borrowed. */
struct proxy_intent {
	uint64_t id;
	const char *method;
	const char *host; /* canonical name, or a literal when not named */
	uint16_t port;
	bool tls;
	bool named;            /* a name of the pool (or of CONNECT) */
	bool own_credentials;  /* credentials.def found one in it */
	const struct buf *own; /* their values: not to be kept */
	size_t own_count;      /* one more than there are where it is shown */
	const char *path;
	const char *query;
	enum proxy_git git;
	const struct proxy_ref *refs;
	size_t ref_count;
	bool websocket; /* it asks for an upgrade */
	bool tunnel;    /* a connection: no method, no path */
	enum proxy_body body;
	uint64_t body_size;              /* of one that was read */
	struct digest body_digest;       /* SHA-256 of it */
	const struct proxy_shown *shown; /* NULL: nobody has asked for it */
	uint32_t stale; /* the same again: this version of its credential was
	                 * answered 401; 0: a first time */
};

enum proxy_place {
	PROXY_PLACE_NONE,
	PROXY_PLACE_HEADER, /* name */
	PROXY_PLACE_BASIC,  /* name is the user */
	PROXY_PLACE_QUERY,  /* name is the parameter */
	PROXY_PLACE_PATH,   /* name is the number of the segment, from 1 */
	PROXY_PLACE_JSON,   /* name is the pointer (RFC 6901) */
	PROXY_PLACE_FORM,   /* name is the field */
	PROXY_PLACE_TOKEN,  /* of a fetch: what stands behind "Basic " (maybe
	                     * nothing), LF, pairs that end the form */
};

/* The decision: go.  Copied by whoever takes it. */
struct proxy_go {
	uint64_t grant; /* 0 exactly when place is NONE */
	enum proxy_place place;
	bool pinned; /* dial pin:pin_port; no look-up, no check of class */
	struct names_addr pin;
	uint16_t pin_port;
	bool tls;              /* towards the upstream; false with a
	                        * credential only when pinned */
	bool keep_credentials; /* the cell's own may pass */
	bool trailers;         /* TE: trailers goes on; set by the room */
	bool scrub;            /* the answer will be read; set by the room */
	bool raw;              /* of a fetch: its answer holds new credentials
	                        * and goes where none is looked for */
	struct str ca;         /* PEM: whom to trust; empty: the roots, or */
	struct digest given;   /* one of the latest that were given so */
	struct digest policy;  /* that allowed it */
	char credential[64];   /* its name, and which of its versions */
	uint32_t version;
	char name[64];        /* by place */
	char format[256];     /* {{secret}} in it once; not of BASIC */
	char placeholder[64]; /* must stand at the place, and gives way to the
	                       * secret; "": the secret is put there */
	bool websocket;       /* the upgrade may be asked for */
	bool capture;         /* of a sandbox: tokens of the answer stay here */
	char mask[64];        /* and this stands in their stead */
	bool whole;           /* R08: no part of an answer is asked for; always
	                       * so where this cell's credentials went */
	bool once;            /* never sent a second time, whatever it is */
	bool renews;          /* a 401 is asked about once, for new tokens */
	uint64_t up_max;      /* bytes of the body; 0: no bound */
	uint64_t down_max;
	uint64_t volume_max; /* of all requests of `rule`, both ways */
	char rule[64];
};

struct proxy_refusal {
	unsigned status;
	const char *error;
	const char *wait; /* what a person decides about; NULL or "": nothing */
	const char *rule;
	const char *reason;
	const char *next; /* the smallest rule that would allow it */
};

enum proxy_end {
	PROXY_ANSWERED, /* status is the upstream's */
	PROXY_FAILED,   /* text says where */
	PROXY_REFUSED,  /* by this room: text says why */
	PROXY_UNLENT,   /* nobody was there to lend its credential: it never
	                 * left */
};

struct proxy_outcome {
	uint64_t id; /* 0: refused before there was an intent */
	enum proxy_end end;
	unsigned status;
	uint64_t up; /* body bytes */
	uint64_t down;
	int64_t took_us;
	bool injected;
	uint64_t scrubbed; /* credentials found in the answer */
	const char *host;
	const char *text;
};

#endif
