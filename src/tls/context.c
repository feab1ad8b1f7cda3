/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/own.h"

#include <openssl/err.h>

/* Forward secrecy and authenticated encryption only; 1.3's own list is so
 * already. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL"

void
tls_start(void)
{
	/* No openssl.cnf: what is allowed stands here and nowhere else. */
	must(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
	                          OPENSSL_INIT_LOAD_SSL_STRINGS |
	                          OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
	    NULL));
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
	           SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
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
