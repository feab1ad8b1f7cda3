/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_API_H
#define PARTS_API_H

/* Inside of the api: its clients, and what of them the browser's side sees. */

#include "http/http.h"
#include "parts/part.h"
#include "web/web.h"

#define API_CLIENTS_MAX 256
#define API_BODY_MAX    ((size_t)4 * 1024 * 1024)
/* A question's memory: one client may keep it, and it counts as nothing. */
#define API_SHORT_MAX ((size_t)64 * 1024)
/* Of all longer ones that are not yet asked. */
#define API_HELD_MAX (16 * API_BODY_MAX)
/* Of an answer that its client has not read, and of all long ones. */
#define API_OUT_MAX    ((size_t)64 * 1024 * 1024)
#define API_UNREAD_MAX (2 * API_OUT_MAX)

struct api;

struct client {
	struct api *api;
	struct loop_io io;
	struct loop_timer idle;
	struct mono idle_since; /* came, began to ask, or read its answer */
	int fd;
	enum wire_transport transport;
	uint32_t uid;
	struct http_reader reader;
	struct buf in;
	struct buf body;
	struct buf out;
	struct mono unread_since; /* `out` was empty last */
	uint64_t id;              /* of the question that waits; 0: none */
	size_t slot;              /* in the table */
	bool chunked;             /* a streamed answer has begun */
	bool keep_alive;
	bool closing; /* after what is in `out` */
	/* The question: who asks; method and target stand in the reader. */
	struct wire_api_ask_head ask;
	const struct http_head *head;
	/* What a browser asks, and the cookie that a login would get. */
	struct web_asked web;
	char cookie[WEB_COOKIE_TEXT];
};

struct door {
	struct api *api;
	struct loop_io io;
	int fd;
	enum wire_transport transport;
};

/* A question's id ends with the slot of its client, so that the answer finds
 * it at once; the number before it makes the id unique. */
struct api {
	struct part_self part;
	struct door doors[2];
	struct client *clients[API_CLIENTS_MAX];
	size_t count;
	uint64_t number;
	size_t answered;      /* in this turn, to the end */
	struct mono gives_at; /* its processor to others, not before */
	struct str hosts;     /* [api] hosts */
};

/* An answer of the api's own; the connection ends after it. */
void api_refuse(
    struct client *k, unsigned status, const char *error, const char *why);

void api_drop(struct client *k);
/* It has that long for its next question. */
void api_patience(struct client *k, int64_t us);
void api_want(struct client *k);
void api_client_ready(void *owner, unsigned ready);

/* --- api_door.c --- */

int api_door_open(struct api *api, size_t which, int fd,
    enum wire_transport transport, struct err *e) MUST_CHECK;
/* There is memory for what it has sent; false: it is the one that goes. */
bool api_door_bears(const struct client *k);
/* The same for what it was answered. */
bool api_door_owes(const struct client *k);

/* --- api_web.c: browsers --- */

/* Of a head over TCP: true if it is answered (a page, a refusal). */
bool api_web_head(struct client *k, const struct http_head *head);
/* A page of another origin must not speak with our voice: a browser that asks
 * for itself says so. */
bool api_web_same_origin(const struct client *k, const struct http_head *head);
/* The login form is read: what core is asked instead of it.  False: it is
 * answered. */
bool api_web_login(struct client *k);
/* The head of an answer to what a page asked; false: to nothing of that kind.
 */
bool api_web_answer(struct client *k, unsigned status, const char *type,
    struct str body, bool streamed);

#endif
