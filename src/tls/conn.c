/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/own.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct tls_conn *
conn_new(SSL_CTX *context)
{
	struct tls_conn *c = calloc(1, sizeof(*c));

	must(c);
	c->ssl = SSL_new(context);
	must(c->ssl);
	SSL_set_bio(c->ssl, queue_bio(&c->in), queue_bio(&c->out));
	must(SSL_set_app_data(c->ssl, c));
	return c;
}

void
tls_conn_free(struct tls_conn *c)
{
	if (c) {
		SSL_free(c->ssl);
		buf_fini(&c->in.bytes);
		buf_fini(&c->out.bytes);
		free(c);
	}
}

enum tls_state
tls_state(const struct tls_conn *c)
{
	return c->state;
}

const struct err *
tls_error(const struct tls_conn *c)
{
	return &c->error;
}

static const char *
peer(const struct tls_conn *c)
{
	return c->ca ? "the client" : c->host;
}

/* The first reason stays. */
static void
fail(struct tls_conn *c, enum err_kind kind, const char *why)
{
	c->state = TLS_FAILED;
	if (!c->error.kind) {
		(void)err_set(&c->error, kind, "tls: %s: %s", peer(c), why);
	}
}

static void
fail_verify(struct tls_conn *c, long result)
{
	c->state = TLS_FAILED;
	(void)err_set(&c->error, ERR_DENIED,
	    "tls: the certificate of %s is not accepted: %s", c->host,
	    X509_verify_cert_error_string(result));
}

/* OpenSSL said no: find the sentence that helps. */
static void
fail_openssl(struct tls_conn *c)
{
	int reason = ERR_GET_REASON(ERR_peek_last_error());
	long verified = SSL_get_verify_result(c->ssl);

	if (!c->ca && verified != X509_V_OK) {
		ERR_clear_error();
		fail_verify(c, verified);
	} else if (reason == SSL_R_WRONG_VERSION_NUMBER ||
	           reason == SSL_R_HTTP_REQUEST ||
	           reason == SSL_R_HTTPS_PROXY_REQUEST ||
	           reason == SSL_R_RECORD_LENGTH_MISMATCH ||
	           reason == SSL_R_UNKNOWN_PROTOCOL) {
		ERR_clear_error();
		fail(c, ERR_INPUT, "does not speak TLS");
	} else {
		fail(c, ERR_INPUT, openssl_reason());
	}
}

/* What a failed SSL call means; true if it only waits for bytes. */
static bool
waits(struct tls_conn *c, int answer)
{
	switch (SSL_get_error(c->ssl, answer)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return true;
	case SSL_ERROR_ZERO_RETURN:
		c->state = TLS_ENDED;
		return false;
	default:
		fail_openssl(c);
		return false;
	}
}

/* Clearing a queue that is empty costs as much as half a record. */
static void
no_errors(void)
{
	if (ERR_peek_error()) {
		ERR_clear_error();
	}
}

void
conn_shake(struct tls_conn *c)
{
	ERR_clear_error();
	int answer = SSL_do_handshake(c->ssl);

	if (c->cert_asked) {
		fail(c, ERR_DENIED,
		    "asks for a client certificate, which is never given");
	} else if (answer == 1) {
		c->state = TLS_OPEN;
	} else if ((waits(c, answer) && c->stream_end) ||
	           c->state == TLS_ENDED) {
		fail(c, ERR_INPUT, "closed during the handshake");
	}
}

/* How many bytes may be fed before the next look at the ClientHello. */
static size_t
feed_room(const struct tls_conn *c)
{
	size_t waiting = queue_waiting(&c->in);
	size_t room = waiting < TLS_QUEUE_MAX ? TLS_QUEUE_MAX - waiting : 0;
	size_t hello = TLS_HELLO_MAX + 1 - c->hello;

	return c->ca && !c->chosen && hello < room ? hello : room;
}

static size_t
feed_piece(struct tls_conn *c, struct str piece)
{
	size_t n = feed_room(c);

	n = n < piece.len ? n : piece.len;
	if (!n) {
		return 0;
	}
	queue_lend(&c->in, str_sub(piece, 0, n));
	c->drained = false;
	if (c->state != TLS_SHAKING) {
		return n;
	}
	if (c->ca && !c->chosen) {
		c->hello += n;
	}
	conn_shake(c);
	if (c->ca && !c->chosen && c->hello > TLS_HELLO_MAX) {
		fail(c, ERR_LIMIT, "ClientHello over 16384 bytes");
	}
	return n;
}

size_t
tls_lend(struct tls_conn *c, struct str ciphertext)
{
	size_t total = 0;

	while (total < ciphertext.len) {
		if (c->state == TLS_FAILED || c->state == TLS_ENDED) {
			return ciphertext.len; /* nothing more is heard */
		}
		size_t n =
		    feed_piece(c, str_sub(ciphertext, total, ciphertext.len));

		if (!n) {
			break;
		}
		total += n;
	}
	return total;
}

void
tls_keep(struct tls_conn *c)
{
	queue_keep(&c->in);
}

size_t
tls_feed(struct tls_conn *c, struct str ciphertext)
{
	size_t took = tls_lend(c, ciphertext);

	tls_keep(c);
	return took;
}

void
tls_feed_end(struct tls_conn *c)
{
	c->stream_end = true;
	c->drained = false;
	if (c->state == TLS_SHAKING) {
		conn_shake(c);
		return;
	}
	/* Unread bytes may hold a close-notify: tls_read finds out. */
	if (c->state == TLS_OPEN && !queue_waiting(&c->in) &&
	    !SSL_has_pending(c->ssl)) {
		fail(c, ERR_INPUT, "closed without a close-notify: truncated");
	}
}

/* Asking for what is not there costs as much as taking what is. */
bool
tls_readable(struct tls_conn *c)
{
	if (c->state != TLS_OPEN || c->drained) {
		return false;
	}
	c->drained = !c->stream_end && !queue_waiting(&c->in) &&
	             !SSL_has_pending(c->ssl);
	return !c->drained;
}

size_t
tls_read(struct tls_conn *c, char *at, size_t room)
{
	size_t n = 0;

	if (!room || !tls_readable(c)) {
		return 0;
	}
	no_errors();
	if (SSL_read_ex(c->ssl, at, room, &n)) {
		return n;
	}
	bool later = waits(c, 0);

	if (later && c->stream_end) {
		fail(c, ERR_INPUT, "closed without a close-notify: truncated");
	}
	c->drained = later && !c->stream_end;
	return 0;
}

void
tls_room(struct tls_conn *c, struct buf *memory)
{
	if (!c->out.bytes.at) {
		c->out.bytes = *memory;
		*memory = (struct buf){ 0 };
	}
}

size_t
tls_write(struct tls_conn *c, struct str plaintext)
{
	size_t waiting = queue_waiting(&c->out);
	size_t n = plaintext.len;
	size_t written = 0;

	if ((c->state != TLS_OPEN && c->state != TLS_ENDED) || c->closed ||
	    waiting >= TLS_QUEUE_MAX) {
		return 0;
	}
	n = n < TLS_QUEUE_MAX - waiting ? n : TLS_QUEUE_MAX - waiting;
	if (!n) {
		return 0;
	}
	no_errors();
	if (!SSL_write_ex(c->ssl, plaintext.at, n, &written)) {
		(void)waits(c, 0);
		return 0;
	}
	return written;
}

void
tls_close(struct tls_conn *c)
{
	if (!c->closed && (c->state == TLS_OPEN || c->state == TLS_ENDED)) {
		ERR_clear_error();
		(void)SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	c->closed = true;
}

bool
tls_wants_take(const struct tls_conn *c)
{
	return queue_waiting(&c->out) > 0;
}

void
tls_take(struct tls_conn *c, struct buf *out)
{
	if (queue_waiting(&c->out)) {
		queue_move(&c->out, out);
	}
}
