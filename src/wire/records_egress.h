/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_EGRESS_H
#define WIRE_RECORDS_EGRESS_H

/* A chapter of records.h, which includes it: what core and an egress say. */

/* The egress holds its listeners and has made its CA. */
struct wire_fence_up {
	uint64_t cell;
	uint32_t ca_size;
	char ca[WIRE_PEM_MAX];
};

/* Everything it carries is closed when this passes; renewed by core. */
struct wire_egress_lease {
	uint64_t deadline;
};

#define WIRE_TUNNELS_MAX 12

struct wire_tunnel {
	uint16_t port;
	char host[WIRE_HOST_MAX]; /* as a rule writes it */
};

/* What is in force for this cell: what an older policy allowed is closed. */
struct wire_egress_rules {
	uint64_t cell;
	uint8_t policy[32];
	uint32_t tunnels;
	struct wire_tunnel tunnel[WIRE_TUNNELS_MAX];
};

#define WIRE_REFS_MAX 8
#define WIRE_OWN_MAX  17 /* credentials of its own; one for all, if held */
#define WIRE_WAIT_MAX 24 /* id of what waits for a person */

enum wire_ref_flags { WIRE_REF_DELETE = 1 };

struct wire_ref {
	uint8_t flags;
	char to[13]; /* the first 12 digits of what it will name */
	char name[128];
};

enum wire_git { WIRE_GIT_NONE = 0, WIRE_GIT_FETCH = 1, WIRE_GIT_PUSH = 2 };

/* Read: size and digest are known; of a push of what is before the pack. */
enum wire_body { WIRE_BODY_NONE, WIRE_BODY_UNREAD, WIRE_BODY_READ };

enum wire_asked {
	WIRE_ASKED_HTTP = 0,
	WIRE_ASKED_WEBSOCKET = 1,
	WIRE_ASKED_TUNNEL = 2, /* no method, no path */
};

/* A parsed request of the cell, in canonical form; nothing has left yet. */
struct wire_intent {
	uint64_t id;
	uint16_t port;
	uint8_t tls;
	uint8_t git;             /* enum wire_git */
	uint8_t own_credentials; /* the cell brought Authorization, Cookie, … */
	uint8_t refs;            /* how many of ref[] count */
	uint8_t named;     /* host came from the cell's pool, not an address */
	uint8_t kind;      /* enum wire_asked */
	uint8_t own_marks; /* how many of own_mark[] count */
	uint8_t body;      /* enum wire_body */
	uint8_t spare[2];
	uint32_t stale; /* version of the credential that was answered 401: the
	                 * same request again; 0: a first time */
	uint64_t body_size;
	uint8_t body_digest[32];                   /* SHA-256 */
	uint8_t own_mark[WIRE_OWN_MAX][WIRE_MARK]; /* of what it brought */
	char method[32];
	char host[WIRE_HOST_MAX];
	char path[1024]; /* canonical */
	char query[640];
	struct wire_ref ref[WIRE_REFS_MAX];
};

enum wire_place {
	WIRE_PLACE_NONE = 0,
	WIRE_PLACE_HEADER = 1,
	WIRE_PLACE_BASIC = 2,
	WIRE_PLACE_QUERY = 3,
	WIRE_PLACE_PATH = 4,
	WIRE_PLACE_JSON = 5,
	WIRE_PLACE_FORM = 6,
	WIRE_PLACE_TOKEN = 7, /* form, and maybe Basic, of a token endpoint */
};

enum wire_ca {
	WIRE_CA_NONE = 0,
	WIRE_CA_HERE = 1,  /* fds: [CA bundle, PEM memfd] */
	WIRE_CA_GIVEN = 2, /* one of the latest that this cell was given */
};

/* The intent is committed. */
struct wire_go {
	uint64_t id;
	uint64_t grant; /* 0: no credential */
	uint32_t place; /* enum wire_place */
	uint16_t pin_port;
	uint8_t pinned;           /* dial pin:pin_port instead of resolving */
	uint8_t tls;              /* towards the upstream */
	uint8_t has_ca;           /* enum wire_ca */
	uint8_t keep_credentials; /* the rule says own_credentials */
	uint8_t websocket;        /* the upgrade may be asked for */
	uint8_t renews;           /* a 401 is asked about once */
	uint8_t once;             /* a person allowed it: sent once at most */
	uint8_t whole;            /* the policy gives its host a credential */
	uint8_t spare[2];
	uint32_t version;   /* of the credential */
	uint8_t policy[32]; /* digest of the policy that allows it */
	uint8_t ca[32];     /* digest of the CA bundle */
	struct wire_address pin;
	char credential[WIRE_CREDENTIAL_MAX];
	char name[64];    /* header, Basic user, parameter, segment, pointer */
	char format[256]; /* with {{secret}} once */
	char placeholder[64]; /* gives way to the secret; "": put there */
	char mask[64]; /* in the stead of an answer's tokens; "": none stay */
	char rule[64];
	uint64_t up_max; /* bytes; 0: no bound */
	uint64_t down_max;
	uint64_t volume_max; /* of all that the cell asks by this rule */
};

struct wire_refuse {
	uint64_t id;
	uint32_t status;          /* HTTP */
	char wait[WIRE_WAIT_MAX]; /* of "approval_required" */
	char error[32]; /* "denied", "approval_required", "unavailable" */
	char rule[64];
	char reason[256];
	char next[768]; /* the smallest rule that would allow it */
};

enum wire_outcome_end {
	WIRE_OUTCOME_ANSWERED = 1, /* status is the upstream's */
	WIRE_OUTCOME_FAILED = 2,   /* text says where it failed */
	WIRE_OUTCOME_REFUSED = 3,  /* by egress itself: text says why */
	WIRE_OUTCOME_UNLENT = 4,   /* the vault is away: it never left */
};

/* id 0: refused by egress before there was an intent (host and text only). */
struct wire_outcome {
	uint64_t id;
	uint32_t end; /* enum wire_outcome_end */
	uint32_t status;
	uint64_t up; /* body bytes */
	uint64_t down;
	uint64_t took;     /* us */
	uint32_t scrubbed; /* credentials found in the answer */
	uint8_t injected;
	uint8_t captured; /* the vault has its tokens, for this cell */
	char host[WIRE_HOST_MAX];
	char text[WIRE_TEXT_MAX];
};

/* Whose answer goes to the vault; core is told of it without tokens. */
enum wire_capture {
	WIRE_CAPTURE_NONE = 0,
	WIRE_CAPTURE_TOKENS = 1,
	WIRE_CAPTURE_DEVICE = 2,
};

/* Core's own request (model, HTTP tool).  fds: [body] when has_body, then
 * [CA bundle] when go.has_ca is HERE, which is never GIVEN.  Headers are "Name:
 * value\r\n" lines. */
struct wire_http_do {
	struct wire_go go;     /* go.id names the request */
	uint64_t timeout;      /* us */
	uint64_t answer_limit; /* bytes */
	uint16_t port;
	uint8_t has_body;
	uint8_t capture; /* enum wire_capture */
	uint32_t
	    assumed; /* s that captured tokens live if nobody says; 0: not */
	char method[16];
	char host[WIRE_HOST_MAX];
	char target[1024];
	char headers[1024];
};

/* fds: [body] when ok. */
struct wire_http_done {
	uint64_t id;
	uint32_t ok;
	uint32_t status;
	uint32_t kind; /* enum err_kind when not ok */
	char content_type[64];
	char challenge[WIRE_CHALLENGE_MAX]; /* WWW-Authenticate of a 401 */
	char text[WIRE_TEXT_MAX];
};

#endif
