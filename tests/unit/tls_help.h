/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TLS_HELP_H
#define TESTS_TLS_HELP_H

/*
 * Two ends joined in memory: the room's engine on one or both, or a plain
 * OpenSSL end that may do what the room never would.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

/* --- a choice that notes what it saw ----------------------------------------
 */

struct choice {
	char sni[300];
	const char *allow; /* NULL: any name; else this one alone */
	unsigned times;
};

static inline int
choose(void *context, struct str sni, char host[TLS_HOST_SIZE], struct err *e)
{
	struct choice *c = context;

	c->times++;
	assert_true(str_copy(c->sni, sizeof(c->sni), sni));
	if (!sni.len || (c->allow && !str_eq_z(sni, c->allow))) {
		return err_set(e, ERR_DENIED, "not the name that was dialled");
	}
	return str_copy(host, TLS_HOST_SIZE, sni)
	           ? 0
	           : err_set(e, ERR_INPUT, "name too long");
}

/* --- engine and engine -------------------------------------------------------
 */

/* Moves what one end wants to send into the other, `piece` bytes at a time. */
static inline void
carry(struct tls_conn *from, struct tls_conn *to, size_t piece)
{
	auto_buf wire = { 0 };

	tls_take(from, &wire);
	for (size_t at = 0; at < wire.len; at += piece) {
		struct str s = str_sub(buf_str(&wire), at, piece);

		assert_int_equal(tls_feed(to, s), s.len);
	}
}

static inline void
join(struct tls_conn *a, struct tls_conn *b, size_t piece)
{
	for (int i = 0; i < 10; i++) {
		carry(a, b, piece);
		carry(b, a, piece);
	}
}

/* --- a plain OpenSSL end
 * ------------------------------------------------------ */

struct plain {
	SSL *ssl;
	BIO *in;
	BIO *out;
	int answer; /* of the last handshake step */
};

static inline struct plain
plain_new(SSL_CTX *context, bool server)
{
	struct plain p = { .ssl = SSL_new(context) };

	p.in = BIO_new(BIO_s_mem());
	p.out = BIO_new(BIO_s_mem());
	SSL_set_bio(p.ssl, p.in, p.out);
	if (server) {
		SSL_set_accept_state(p.ssl);
	} else {
		SSL_set_connect_state(p.ssl);
	}
	return p;
}

static inline void
plain_join(struct plain *p, struct tls_conn *c)
{
	for (int i = 0; i < 10; i++) {
		auto_buf wire = { 0 };
		char bytes[20000];

		tls_take(c, &wire);
		if (wire.len) {
			BIO_write(p->in, wire.at, (int)wire.len);
		}
		p->answer = SSL_do_handshake(p->ssl);
		int n = BIO_read(p->out, bytes, sizeof(bytes));

		if (n > 0) {
			(void)tls_feed(c, str_span(bytes, (size_t)n));
		}
	}
}

/* --- certificates of every kind
 * ------------------------------------------------ */

struct spec {
	const char *cn;
	const char *san;  /* configuration text, NULL: none */
	const char *eku;  /* NULL: none */
	long from, until; /* seconds from now */
	bool ca;
};

struct made {
	EVP_PKEY *key;
	X509 *certificate;
};

static inline void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &context, nid, value);

	assert_non_null(ext);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

/* issuer NULL: signed by itself */
static inline struct made
make(const struct spec *s, const struct made *issuer)
{
	struct made m = { EVP_EC_gen("P-256"), X509_new() };
	X509 *x = m.certificate;
	X509 *by = issuer ? issuer->certificate : x;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
	X509_gmtime_adj(X509_getm_notBefore(x), s->from);
	X509_gmtime_adj(X509_getm_notAfter(x), s->until);
	X509_set_pubkey(x, m.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	    (const unsigned char *)s->cn, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(by));
	extend(x, by, NID_basic_constraints,
	    s->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (s->san) {
		extend(x, by, NID_subject_alt_name, s->san);
	}
	if (s->eku) {
		extend(x, by, NID_ext_key_usage, s->eku);
	}
	assert_true(X509_sign(x, issuer ? issuer->key : m.key, EVP_sha256()));
	return m;
}

static inline void
made_fini(struct made *m)
{
	X509_free(m->certificate);
	EVP_PKEY_free(m->key);
}

static inline SSL_CTX *
server_of(const struct made *m)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	assert_true(SSL_CTX_use_certificate(c, m->certificate));
	assert_true(SSL_CTX_use_PrivateKey(c, m->key));
	return c;
}

static inline struct tls_trust *
trust_in(X509 *certificate)
{
	BIO *memory = BIO_new(BIO_s_mem());
	struct tls_trust *t = NULL;
	struct err e = { 0 };
	char *at;

	PEM_write_bio_X509(memory, certificate);
	long n = BIO_get_mem_data(memory, &at);

	assert_int_equal(tls_trust_pem(str_span(at, (size_t)n), &t, &e), 0);
	BIO_free(memory);
	return t;
}

#endif
