/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

/*
 * TLS 1.2 and 1.3 (RFC 8446, 5246, 6125) by OpenSSL, the one room that knows
 * it.  An engine in memory: ciphertext in, ciphertext out; no sockets, no
 * files after tls_trust_system, no OpenSSL configuration file.
 *
 * Both sides: ALPN http/1.1, and h2 where it is asked for; no tickets, no
 * resumption, no early data, no renegotiation, no compression.  A connection
 * belongs to one part; nothing is shared between cells but the public roots.
 */

#include "base/base.h"

#define TLS_HOST_SIZE  256
#define TLS_QUEUE_MAX  65536 /* ciphertext waiting on either side */
#define TLS_HELLO_MAX  16384 /* bytes before the ClientHello is complete */
#define TLS_LEAVES_MAX 256   /* minted certificates kept by one CA */

/* --- a certificate authority of one cell --------------------------------- */

struct tls_ca;

/* P-256 key and self-signed certificate, made in memory, valid from an hour
 * ago for `days`; name becomes its common name (printable ASCII, <= 64). */
int tls_ca_new(
    const char *name, int days, struct tls_ca **out, struct err *e) MUST_CHECK;
void tls_ca_free(
    struct tls_ca *ca); /* after its connections; NULL is nothing */
struct str tls_ca_pem(const struct tls_ca *ca); /* certificate, never the key */
size_t tls_ca_minted(const struct tls_ca *ca);  /* leaves made so far */

/* --- whom a client trusts ------------------------------------------------- */

struct tls_trust;

/* The system's roots (OpenSSL's default file), read now. */
int tls_trust_system(struct tls_trust **out, struct err *e) MUST_CHECK;
/* These PEM certificates alone. */
int tls_trust_pem(
    struct str pem, struct tls_trust **out, struct err *e) MUST_CHECK;
void tls_trust_free(struct tls_trust *t);

/* --- a connection --------------------------------------------------------- */

struct tls_conn;

enum tls_state {
	TLS_SHAKING,
	TLS_OPEN,
	TLS_ENDED,  /* the peer said close-notify: all it sent has been read or
	             * is readable; we may still write */
	TLS_FAILED, /* tls_error says why; send what tls_take gives, then close
	             */
};

/*
 * Called once, when the ClientHello is complete and before any certificate is
 * chosen.  sni is the hostile name as sent, "" when there is none.  0: host is
 * filled with the canonical name or IP literal to mint for.  -1: refused, the
 * cell receives an unrecognized_name alert and e becomes tls_error.
 */
typedef int tls_choose(
    void *context, struct str sni, char host[TLS_HOST_SIZE], struct err *e);

/* The server's side, towards the cell. */
struct tls_conn *tls_serve(
    struct tls_ca *ca, tls_choose *choose, void *context);
/* The client's side; host is canonical (a name, or an IP literal), is sent as
 * SNI (names) and must be in the certificate's subjectAltName.  A peer that
 * asks for a client certificate fails it (T12). */
struct tls_conn *tls_connect(struct tls_trust *t, const char *host);
/* The same, offering HTTP/2 before HTTP/1.1, or only it. */
struct tls_conn *tls_connect_two(
    struct tls_trust *t, const char *host, bool only);
/* A server's end, before it is fed: HTTP/2 is taken where nothing else is
 * offered, or first of all. */
void tls_serve_two(struct tls_conn *c, bool first);
bool tls_two(const struct tls_conn *c); /* that was agreed on */
void tls_conn_free(struct tls_conn *c); /* NULL is nothing */

enum tls_state tls_state(const struct tls_conn *c);
const struct err *tls_error(const struct tls_conn *c); /* of TLS_FAILED */

/*
 * The moves.  After tls_connect, and after every feed, write or close: tls_take
 * what is to be sent.  After every feed: tls_read until 0, then tls_state.
 *
 * - feed: bytes from the socket; takes all but what TLS_QUEUE_MAX forbids (read
 *   first, then feed the rest) and answers how many;
 * - lend: the same, of bytes that stay where they are until tls_keep, which
 *   copies those that were not read;
 * - take: adds to out all ciphertext that must be sent;
 * - read: plaintext into at[room]; 0 means nothing now;
 * - write: takes plaintext while TLS_OPEN or TLS_ENDED, with at most
 *   TLS_QUEUE_MAX waiting untaken; answers how many bytes, 0 while shaking.
 */
size_t tls_feed(struct tls_conn *c, struct str ciphertext);
size_t tls_lend(struct tls_conn *c, struct str ciphertext);
void tls_keep(struct tls_conn *c);
void tls_take(struct tls_conn *c, struct buf *out);
size_t tls_read(struct tls_conn *c, char *at, size_t room);
/* Memory, empty, for what is written next, if there is none.  It comes back as
 * it was behind what was written, or not at all. */
void tls_room(struct tls_conn *c, struct buf *memory);
bool tls_readable(struct tls_conn *c); /* false: tls_read gives nothing now */
size_t tls_write(struct tls_conn *c, struct str plaintext);
void tls_close(struct tls_conn *c); /* close-notify; writes nothing more */
/* The socket ended.  Without a close-notify before it: TLS_FAILED, truncated
 * (bytes already deciphered stay readable). */
void tls_feed_end(struct tls_conn *c);
/* Does ciphertext wait to be taken? */
bool tls_wants_take(const struct tls_conn *c);

#endif
