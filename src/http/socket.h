/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SOCKET_H
#define HTTP_SOCKET_H

/*
 * WebSocket (RFC 6455), version 13, without extensions: the handshake's
 * answer, and frames read one after another in constant memory.
 */

#include "base/base.h"

#define HTTP_SOCKET_CONTROL 125 /* bytes of a control frame */
#define HTTP_ACCEPT_SIZE    29  /* 28 characters and the NUL */

/* What Sec-WebSocket-Accept must be.  False: the key is no key. */
bool http_socket_accept(struct str key, char accept[HTTP_ACCEPT_SIZE]);

enum http_opcode {
	HTTP_SOCKET_MORE_OF = 0, /* continuation */
	HTTP_SOCKET_TEXT = 1,
	HTTP_SOCKET_BINARY = 2,
	HTTP_SOCKET_CLOSE = 8,
	HTTP_SOCKET_PING = 9,
	HTTP_SOCKET_PONG = 10,
};

/* Zeroed, with masked set, is a new one. */
struct http_socket {
	bool masked; /* frames come from a client */
	/* ---- of the present frame ---- */
	uint8_t head[14];
	uint8_t have; /* bytes of head */
	bool open;    /* its head is whole */
	bool last;    /* of its message (FIN) */
	enum http_opcode opcode;
	uint64_t left; /* bytes of its payload to come */
	/* ---- of the present message ---- */
	bool within; /* a first fragment came, the last did not */
	bool binary;
};

struct http_frame {
	bool began;       /* head of a frame: opcode, last and left are of it */
	bool ended;       /* and it ends with this piece */
	struct str bytes; /* of the payload, as sent (masked where it is) */
};
/* Takes the head of a frame (began) or a piece of its payload off *in; false in
 * *got: more is needed.  -1: not WebSocket. */
int http_socket_read(struct http_socket *s, struct str *in, bool *got,
    struct http_frame *frame, struct err *e) MUST_CHECK;
/* A frame of a server: not masked. */
void http_socket_write(
    struct buf *b, enum http_opcode opcode, bool last, struct str payload);

#endif
