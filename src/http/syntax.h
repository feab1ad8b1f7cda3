/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SYNTAX_H
#define HTTP_SYNTAX_H

/* Inside the room: the alphabet (RFC 9110 §5.6, RFC 3986 §2) and the head. */

#include "http/http.h"

bool syntax_token(struct str s); /* not empty, token characters only */
bool syntax_value(struct str s); /* no control byte but tab, no DEL */
bool syntax_digits(struct str s);
bool syntax_unreserved(uint8_t c);
bool syntax_segment(uint8_t c); /* pchar without '%' */
/* host[:port] of allowed bytes, brackets in place; port text may be empty. */
bool syntax_authority(struct str s, struct str *host, struct str *port);
bool syntax_port(struct str s, uint16_t *port); /* 1..65535, no leading 0 */

bool field_in_trailer(struct str name);

/* Parses r->bytes, a whole head with CRLF line ends, into r->head. */
int head_parse(struct http_reader *r, struct err *e) MUST_CHECK;
/* One line without its end: "Name: value". */
bool head_line(struct str line, struct http_header *out);
/* Framing, Connection, Expect, Upgrade of a parsed head. */
int frame_request(struct http_reader *r, struct err *e) MUST_CHECK;
int frame_response(struct http_reader *r, struct err *e) MUST_CHECK;
/* Target forms and Host (RFC 9112 §3.2). */
int target_parse(struct http_reader *r, struct err *e) MUST_CHECK;

/* Sets r->refusal and e (ERR_LIMIT for 413, 414 and 431); returns -1. */
int refuse(
    struct http_reader *r, uint16_t status, struct err *e, const char *why);

#endif
