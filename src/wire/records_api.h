/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_API_H
#define WIRE_RECORDS_API_H

/*
 * A client's question and its answer, which records.h includes.  Each stands in
 * a record of one of two sizes: the short one is what nearly all of them need,
 * so that a small request costs no descriptor and few bytes.  `text` of a
 * question is its target (path and query as sent, checked by http), a NUL, the
 * body; of an answer the body.  A body that does not fit the long one rides
 * along as a sealed memfd: fds: [body] when has_body, and body_size is 0.
 */

#include "base/base.h"

#define WIRE_API_TARGET_MAX 2047 /* bytes of a target */
#define WIRE_API_SHORT      880  /* bytes of text */
#define WIRE_API_LONG       3952

enum wire_transport { WIRE_LOCAL = 1, WIRE_TCP = 2 };
/* A page of our own asks, and the api has looked that it is one: to log in
 * (token_digest is of the token, the body is the api's: {"login": digest of the
 * cookie}), or by a login (token_digest is of the cookie, has_token is 0). */
enum wire_page { WIRE_NO_PAGE, WIRE_PAGE_LOGIN, WIRE_PAGE_ASK };

struct wire_api_ask_head {
	uint64_t id;
	uint32_t transport; /* enum wire_transport */
	uint32_t uid;       /* peer uid of a local client, else UINT32_MAX */
	uint8_t has_token;
	uint8_t has_body;         /* as a descriptor */
	uint8_t events;           /* Accept: text/event-stream */
	uint8_t page;             /* enum wire_page */
	uint16_t target_size;     /* bytes before the NUL */
	uint16_t body_size;       /* bytes behind it */
	uint64_t last;            /* Last-Event-ID; 0: none */
	uint8_t token_digest[32]; /* SHA-256 of the bearer token, or cookie */
	char key[68];             /* Idempotency-Key, or "" */
	char method[12];
};

struct wire_api_ask {
	struct wire_api_ask_head head;
	char text[WIRE_API_SHORT];
};

struct wire_api_ask_long {
	struct wire_api_ask_head head;
	char text[WIRE_API_LONG];
};

/* more: another answer with the same id follows (the api sends the bodies as
 * one chunked response). */
struct wire_api_answer_head {
	uint64_t id;
	uint32_t status;
	uint8_t more;
	uint8_t has_body; /* as a descriptor */
	uint16_t body_size;
	char content_type[36];
	char allow[28]; /* the methods that the path takes, or "" */
};

struct wire_api_answer {
	struct wire_api_answer_head head;
	char text[WIRE_API_SHORT];
};

struct wire_api_answer_long {
	struct wire_api_answer_head head;
	char text[WIRE_API_LONG];
};

/* Writes target and body (empty: it rides along, or there is none) behind each
 * other; they fit (must). */
void wire_api_ask_put(struct wire_api_ask_head *head, char *text, size_t room,
    struct str target, struct str body);
/* What a question says, if it is of its form with this many descriptors: texts
 * end, sizes stay inside `text`, the target holds no NUL, and a body is in one
 * place.  Nothing is checked of what it means. */
bool wire_api_ask_take(const struct wire_api_ask_head *head, struct str text,
    size_t nfds, struct str *target, struct str *body);
/* The same of an answer. */
bool wire_api_answer_take(const struct wire_api_answer_head *head,
    struct str text, size_t nfds, struct str *body);

#endif
