/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

/*
 * HTTP/1.1 messages (RFC 9110, 9112), strict, without input or output: bytes
 * in, events out, for a server, a proxy and a client alike.  What two readers
 * could understand differently is refused, not repaired (DESIGN lists it).
 *
 *	struct http_event ev;
 *	while (!http_read(&r, &in, &ev, &e) && ev.kind != HTTP_MORE) { … }
 *
 * http_read takes bytes from the front of `in`.  After -1: e says why,
 * r.refusal is the status to answer (a server) and the connection ends.
 */

#include "http/credential.h"
#include "http/socket.h"
#include "http/two.h"

#define HTTP_HEAD_MAX     65536 /* bytes of a head and of 1xx before it: 431 */
#define HTTP_TARGET_MAX   8192  /* bytes of a request target: 414 */
#define HTTP_METHOD_MAX   32
#define HTTP_HEADERS_MAX  100  /* header lines of one message: 431 */
#define HTTP_ADDED_MAX    8    /* lines more of one that is our own */
#define HTTP_INTERIM_MAX  8    /* 1xx answers before the real one */
#define HTTP_CHUNK_LINE   256  /* size, extensions; extensions are dropped */
#define HTTP_EXTENSIONS   4096 /* bytes of them in one message */
#define HTTP_TRAILERS_MAX 8192 /* bytes; trailers are checked and dropped */

enum http_form { HTTP_ORIGIN, HTTP_ABSOLUTE, HTTP_AUTHORITY, HTTP_ASTERISK };
enum http_framing { HTTP_EMPTY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE };

struct http_header {
	struct str name;  /* as sent; a token */
	struct str value; /* trimmed; no control byte but tab; may be >= 0x80 */
};

struct http_head {
	struct str method; /* request: exact bytes, never TRACE */
	struct str target; /* request: as sent */
	enum http_form form;
	struct str scheme;    /* absolute form only, "http" or "https" */
	struct str authority; /* of target or Host (they agree); "" in 1.0 */
	struct str path;      /* raw, see http_path_canonical; CONNECT: "" */
	struct str query;     /* raw, without '?' */
	bool has_query;
	uint16_t status; /* response */
	struct str reason;
	uint8_t minor;   /* HTTP/1.minor: 0 or 1 */
	bool keep_alive; /* the connection may serve another message */
	bool expect;     /* request says Expect: 100-continue */
	bool upgrade; /* a valid Connection: upgrade with Upgrade (not h2c) */
	enum http_framing framing;
	uint64_t length;             /* of the body, HTTP_LENGTH only */
	struct http_header *headers; /* framing fields included, in order */
	size_t count;
};

enum http_event_kind {
	HTTP_MORE,    /* `in` is used up: feed more */
	HTTP_HEAD,    /* head: valid until http_reader_next or _fini */
	HTTP_INTERIM, /* response: a 1xx head, valid until the next call */
	HTTP_DATA,    /* data: a piece of the body inside the caller's `in` */
	HTTP_END,     /* message complete; the rest of `in` is not part of it */
};

struct http_event {
	enum http_event_kind kind;
	const struct http_head *head;
	struct str data;
};

/* Fields above the line are the caller's, set after init. */
struct http_reader {
	bool take_connect;   /* request: CONNECT is accepted (else 405) */
	bool take_upgrade;   /* response: the request asked to upgrade, so 101
	                      * may come; then HTTP_END, then raw bytes */
	bool answer_to_head; /* response: the request was HEAD: no body */
	bool ours; /* was read within these bounds and is written anew by us: a
	            * few lines more, and three times the bytes */
	uint64_t body_max; /* 413 over it; default UINT64_MAX */
	/* ------------------------------------------------------------- */
	uint16_t refusal; /* status to answer after -1 */
	bool response;
	uint8_t state;
	uint8_t interims;
	uint8_t digits;     /* of the current chunk size */
	uint16_t lines;     /* of the head so far */
	size_t before;      /* bytes of 1xx heads */
	size_t line;        /* where the current line of the head begins */
	size_t extra;       /* chunk extension bytes so far */
	size_t extra_line;  /* those of the current chunk line */
	uint64_t left;      /* of the body or chunk */
	uint64_t total;     /* body bytes announced or given out */
	struct buf bytes;   /* the head as it stood */
	struct buf trailer; /* all trailer lines */
	struct arena arena;
	struct http_head head;
};

void http_reader_request(struct http_reader *r); /* init, zeroes all */
void http_reader_response(struct http_reader *r);
void http_reader_fini(struct http_reader *r);
int http_read(struct http_reader *r, struct str *in, struct http_event *ev,
    struct err *e) MUST_CHECK;
/* The peer closed: HTTP_END where that ends a body, HTTP_MORE where no message
 * had begun; else ERR_INPUT (a cut message is never a whole one). */
int http_read_eof(
    struct http_reader *r, struct http_event *ev, struct err *e) MUST_CHECK;
/* After HTTP_END: ready for the next message; caller's fields but body_max are
 * false again.  Nothing of the old head is left. */
void http_reader_next(struct http_reader *r);
bool http_reader_idle(const struct http_reader *r); /* no byte of a message */

/* Headers.  Names compare without case.  find: first, or NULL. */
const struct str *http_find(const struct http_head *h, const char *name);
size_t http_count(const struct http_head *h, const char *name);
/* Is token an element of the comma lists of all headers of that name? */
bool http_has_token(
    const struct http_head *h, const char *name, const char *token);
/* Next element of a comma list: trimmed, quotes respected; false at the end. */
bool http_list_next(struct str *rest, struct str *element);
bool http_like(const char *a, const char *b, size_t len); /* of what follows */
/* May a server take one name for the other?  CGI and its heirs make one of '-'
 * and '_', and no case. */
static inline bool
http_name_like(struct str a, struct str b)
{
	return a.len == b.len && http_like(a.at, b.at, a.len);
}
/* True for what a proxy must not pass on, also by such a name: the hop-by-hop
 * fields, those that Connection names, Expect, proxy credentials and forwarding
 * traces (H10), method overrides (H13).  Host and Content-Length are the
 * writer's. */
bool http_is_hop(const struct http_head *h, struct str name);

/* Of the form of a method, and short enough to be one (RFC 9110 9.1). */
bool http_method_ok(struct str method);

/* http:// and https:// only; no userinfo, no fragment.  The host is still raw:
 * names_host_parse makes it canonical.  All parts borrow from text.  An error
 * does not say the URL again: its caller names it. */
struct http_url {
	struct str scheme;
	struct str authority; /* host[:port] */
	struct str host;      /* brackets kept */
	uint16_t port;        /* 1..65535, default of the scheme filled in */
	struct str path;      /* "/" when absent, raw */
	struct str query;
	bool has_query;
};
int http_url_parse(
    struct str text, struct http_url *out, struct err *e) MUST_CHECK;

/*
 * The one form of a path that is judged and sent upstream: begins with '/',
 * unreserved characters decoded, other escapes in upper case.  Refused: dot
 * segments however written, empty segments but the last, encoded slash (kept
 * as %2F with keep_slash), backslash, NUL and other control bytes, their double
 * encodings, '#', and every byte that RFC 3986 does not allow in a path.
 */
int http_path_canonical(struct arena *a, struct str path, bool keep_slash,
    struct str *out, struct err *e) MUST_CHECK;
/* The same for a query: nothing is decoded but unreserved characters. */
int http_query_canonical(struct arena *a, struct str query, struct str *out,
    struct err *e) MUST_CHECK;

/* Of what a request is judged by, in bytes: each is shorter, a NUL fits. */
#define HTTP_ASKED_METHOD HTTP_METHOD_MAX
#define HTTP_ASKED_PATH   1024
#define HTTP_ASKED_QUERY  640
/* What a request is judged by and sent with: path and query in their one form,
 * none too long (ERR_LIMIT), no small letter in its method. */
int http_asked_form(struct arena *a, struct str method, struct str *path,
    struct str *query, struct err *e) MUST_CHECK;

/* Writers: they add to b.  Names and values with CR, LF, NUL or a wrong byte
 * are ERR_INPUT and add nothing. */
int http_write_request(struct buf *b, struct str method, struct str target,
    struct err *e) MUST_CHECK;
void http_write_status(struct buf *b, unsigned status);
int http_write_header(
    struct buf *b, struct str name, struct str value, struct err *e) MUST_CHECK;
/* As it was read, strictly: nothing in it is looked at again. */
void http_write_parsed(struct buf *b, const struct http_header *h);
void http_write_header_z(struct buf *b, const char *name, const char *value);
void http_write_length(struct buf *b, uint64_t length);
void http_write_end(struct buf *b);                    /* the empty line */
void http_write_chunk(struct buf *b, struct str data); /* empty: nothing */
void http_write_last_chunk(struct buf *b);
/* A whole response with its body; keep_alive false adds Connection: close. */
void http_write_answer(struct buf *b, unsigned status, const char *type,
    struct str body, bool keep_alive);
const char *http_reason(unsigned status); /* "Forbidden"; "" when unknown */

#endif
