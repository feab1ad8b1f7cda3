/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_OWN_H
#define TLS_OWN_H

/* Inside the room. */

#include <openssl/ssl.h>

#include "tls/tls.h"

struct leaf {
	char host[TLS_HOST_SIZE];
	X509 *certificate;
	uint64_t used; /* turn of last use; 0: free */
};

struct tls_ca {
	EVP_PKEY *key;
	EVP_PKEY *leaf_key; /* one for all leaves */
	X509 *certificate;
	SSL_CTX *context;
	struct buf pem;
	uint64_t turn;
	size_t minted;
	struct leaf leaves[TLS_LEAVES_MAX];
};

struct tls_trust {
	X509_STORE *store;
	SSL_CTX *context;
};

struct tls_trust *trust_new(X509_STORE *store); /* takes it */
/* All that a PEM file holds, each read when a chain asks for it.  NULL: there
 * is none, or one is no certificate. */
X509_STORE *roots_store(const char *path);

/* Bytes of which the first `from` were taken, and behind them some that are
 * somebody else's. */
struct tls_queue {
	struct buf bytes;
	size_t from;
	struct str lent;
};

struct tls_conn {
	SSL *ssl;
	struct tls_queue in;  /* ciphertext to be read */
	struct tls_queue out; /* ciphertext to be sent */
	enum tls_state state;
	struct err error;
	bool drained;    /* nothing to decipher has come since the last read */
	bool closed;     /* we said close-notify */
	bool stream_end; /* the socket ended */
	bool cert_asked; /* the peer wants a certificate of ours */
	/* server */
	struct tls_ca *ca;
	tls_choose *choose;
	void *context;
	bool chosen;
	bool take_two; /* h2 may be agreed on */
	bool two_first;
	size_t hello; /* bytes fed before the choice */
	/* client */
	char host[TLS_HOST_SIZE];
};

static inline size_t
queue_waiting(const struct tls_queue *q)
{
	return q->bytes.len - q->from + q->lent.len;
}

void queue_start(void);
/* OpenSSL's side of it, which must not outlive it. */
BIO *queue_bio(struct tls_queue *q);
/* Of one piece of memory, in its order, until queue_keep. */
void queue_lend(struct tls_queue *q, struct str bytes);
void queue_keep(struct tls_queue *q); /* what waits becomes our own */
void queue_move(struct tls_queue *q, struct buf *out); /* all of it */

/* OpenSSL without configuration files; once. */
void tls_start(void);
/* Bytes of a record came to stand there, in a buffer of OpenSSL's: told of all
 * that it reads (context.c says why). */
void record_filled(const char *at, size_t size);
/* What both sides have in common. */
SSL_CTX *context_new(const SSL_METHOD *method);
/* The last OpenSSL error as words; empties its queue. */
const char *openssl_reason(void);
/* Connections: shared construction. */
struct tls_conn *conn_new(SSL_CTX *context);
void conn_shake(struct tls_conn *c); /* as far as the bytes go */

/* The certificate for host, from the cache or made now; borrowed. */
X509 *ca_leaf(struct tls_ca *ca, const char *host);
/* Extension by its configuration text, as in openssl.cnf. */
void add_extension(X509 *subject, X509 *issuer, int nid, const char *value);

/* Callback of the server's context. */
int serve_hello(SSL *ssl, int *alert, void *unused);
int serve_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *unused);

#endif
