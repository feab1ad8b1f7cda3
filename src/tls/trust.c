/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/own.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* Where distributions keep all roots in one file; the first that loads. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

#define PEM_MAX (1 << 20)

/* T12: a certificate of ours is asked for; the connection will be failed. */
static int
client_cert(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
	struct tls_conn *c = SSL_get_app_data(ssl);

	(void)certificate;
	(void)key;
	c->cert_asked = true;
	return 0;
}

struct tls_trust *
trust_new(X509_STORE *store)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	struct tls_trust *t = calloc(1, sizeof(*t));

	must(t);
	t->store = store;
	t->context = context_new(TLS_client_method());
	SSL_CTX_set1_cert_store(t->context, store);
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_client_cert_cb(t->context, client_cert);
	must(!SSL_CTX_set_alpn_protos(t->context, alpn, sizeof(alpn) - 1));
	return t;
}

int
tls_trust_system(struct tls_trust **out, struct err *e)
{
	tls_start();
	for (size_t i = 0; i < COUNT(bundles); i++) {
		X509_STORE *store = roots_store(bundles[i]);

		if (store) {
			*out = trust_new(store);
			return 0;
		}
	}
	return err_set(e, ERR_MISSING,
	    "no system root certificates (looked for %s and others); install "
	    "the package ca-certificates",
	    bundles[0]);
}

/* All certificates of the text; a broken one is an error, not skipped. */
static int
add_all(X509_STORE *store, BIO *text, size_t *count, struct err *e)
{
	X509 *x;

	*count = 0;
	while ((x = PEM_read_bio_X509(text, NULL, NULL, NULL))) {
		must(X509_STORE_add_cert(store, x));
		X509_free(x);
		*count += 1;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return 0;
	}
	return err_set(e, ERR_INPUT, "certificate %zu of the PEM text: %s",
	    *count + 1, openssl_reason());
}

int
tls_trust_pem(struct str pem, struct tls_trust **out, struct err *e)
{
	size_t count;

	if (pem.len > PEM_MAX) {
		return err_set(e, ERR_LIMIT, "PEM text over 1 MiB");
	}
	tls_start();
	ERR_clear_error();
	X509_STORE *store = X509_STORE_new();
	BIO *text = BIO_new_mem_buf(pem.at, (int)pem.len);

	must(store && text);
	int failed = add_all(store, text, &count, e);

	BIO_free(text);
	if (!failed && !count) {
		failed =
		    err_set(e, ERR_INPUT, "no certificate in the PEM text");
	}
	if (failed) {
		X509_STORE_free(store);
		return -1;
	}
	/* What the operator named is an anchor, be it a root or not. */
	must(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN));
	*out = trust_new(store);
	return 0;
}

void
tls_trust_free(struct tls_trust *t)
{
	if (t) {
		SSL_CTX_free(t->context);
		X509_STORE_free(t->store);
		free(t);
	}
}

static struct tls_conn *
connect_with(struct tls_trust *t, const char *host, unsigned two)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	struct tls_conn *c = conn_new(t->context);
	X509_VERIFY_PARAM *p = SSL_get0_param(c->ssl);

	must(str_copy(c->host, sizeof(c->host), str_of(host)) && c->host[0]);
	/* subjectAltName alone; "f*.example" is no name. */
	X509_VERIFY_PARAM_set_hostflags(
	    p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
	           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!X509_VERIFY_PARAM_set1_ip_asc(p, host)) {
		ERR_clear_error();
		must(X509_VERIFY_PARAM_set1_host(p, host, 0));
		must(SSL_set_tlsext_host_name(c->ssl, host));
	}
	must(!two || !SSL_set_alpn_protos(c->ssl, both, two));
	SSL_set_connect_state(c->ssl);
	conn_shake(c);
	return c;
}

struct tls_conn *
tls_connect(struct tls_trust *t, const char *host)
{
	return connect_with(t, host, 0);
}

struct tls_conn *
tls_connect_two(struct tls_trust *t, const char *host, bool only)
{
	return connect_with(t, host,
	    only ? sizeof("\x02h2") - 1 : sizeof("\x02h2\x08http/1.1") - 1);
}
