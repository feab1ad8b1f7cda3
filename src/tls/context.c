/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/own.h"

#include <malloc.h>
#include <openssl/err.h>
#include <stdlib.h>

/* Forward secrecy and authenticated encryption only; 1.3's own list is so
 * already. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL"

/*
 * Each record takes a buffer of its own, which a connection that rests does not
 * keep (SSL_MODE_RELEASE_BUFFERS).  They are all of about one size: those that
 * were given back serve the next records, warm, and the heap is not cut anew.
 *
 * What was deciphered in one may repeat a credential, and is wiped before it is
 * given back.  OpenSSL would wipe the whole of it, sixteen times what most
 * records have: of the buffer that was taken last it is known how far it was
 * filled, and all others are wiped whole.
 */
#define RECORD_LEAST ((size_t)16 * 1024)
#define RECORD_SIZE  ((size_t)17 * 1024)
#define RECORDS_KEPT 4

static void *kept[RECORDS_KEPT];
static size_t kept_count;

static struct {
	char *at;
	size_t filled; /* from its start; nothing was ever put behind */
} last;

static bool wipes; /* OpenSSL's memory comes from here */

static void *
record_take(void)
{
	last.at = kept_count > 0 ? kept[--kept_count] : malloc(RECORD_SIZE);
	last.filled = 0;
	return last.at;
}

static void
record_give(void *at, size_t size)
{
	bool known = at == last.at;

	explicit_bzero(at, known ? last.filled : size);
	if (known) {
		last.at = NULL;
	}
	if (kept_count < RECORDS_KEPT) {
		kept[kept_count++] = at;
	} else {
		free(at);
	}
}

void
record_filled(const char *at, size_t size)
{
	uintptr_t from = (uintptr_t)last.at;
	uintptr_t end = (uintptr_t)at + size;

	if (end > from && end <= from + RECORD_SIZE &&
	    end - from > last.filled) {
		last.filled = end - from;
	}
}

static void *
memory_take(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size > RECORD_LEAST && size <= RECORD_SIZE) {
		return record_take();
	}
	return size ? malloc(size) : NULL;
}

static void *
memory_more(void *at, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (at == last.at) {
		last.at = NULL;
	}
	return realloc(at, size);
}

static void
memory_give(void *at, const char *file, int line)
{
	size_t size = at ? malloc_usable_size(at) : 0;

	(void)file;
	(void)line;
	if (size >= RECORD_SIZE && size < 2 * RECORD_SIZE) {
		record_give(at, size);
	} else {
		free(at);
	}
}

void
tls_start(void)
{
	/* Refused where OpenSSL has memory already: then it is as it was. */
	if (CRYPTO_set_mem_functions(memory_take, memory_more, memory_give)) {
		wipes = true;
	}
	/* No openssl.cnf: what is allowed stands here and nowhere else. */
	must(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
	                          OPENSSL_INIT_LOAD_SSL_STRINGS |
	                          OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
	    NULL));
	queue_start();
}

SSL_CTX *
context_new(const SSL_METHOD *method)
{
	SSL_CTX *c = SSL_CTX_new(method);

	must(c);
	must(SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION));
	must(SSL_CTX_set_cipher_list(c, CIPHERS));
	SSL_CTX_set_security_level(c, 2);
	(void)SSL_CTX_set_options(
	    c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
	           SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	           (wipes ? 0 : SSL_OP_CLEANSE_PLAINTEXT));
	(void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	must(SSL_CTX_set_num_tickets(c, 0));
	must(SSL_CTX_set_max_early_data(c, 0));
	(void)SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	return c;
}

const char *
openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason ? reason : "unknown reason";
}
