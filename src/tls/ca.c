/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/own.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CN_MAX    64 /* RFC 5280, ub-common-name */
#define BACKDATED 3600

void
add_extension(X509 *subject, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &context, nid, value);

	must(x && X509_add_ext(subject, x, -1));
	X509_EXTENSION_free(x);
}

static void
set_serial(X509 *x)
{
	uint8_t bytes[16];
	ASN1_INTEGER *serial;

	random_bytes(bytes, sizeof(bytes));
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, full */
	BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);

	must(n);
	serial = BN_to_ASN1_INTEGER(n, NULL);
	must(serial && X509_set_serialNumber(x, serial));
	ASN1_INTEGER_free(serial);
	BN_free(n);
}

static void
set_common_name(X509 *x, const char *name)
{
	must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0));
}

/* A certificate without extensions, not signed yet. */
static X509 *
certificate_new(EVP_PKEY *key)
{
	X509 *x = X509_new();

	must(x && X509_set_version(x, X509_VERSION_3));
	set_serial(x);
	must(X509_gmtime_adj(X509_getm_notBefore(x), -BACKDATED));
	must(X509_set_pubkey(x, key));
	return x;
}

static void
make_pem(struct tls_ca *ca)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *at;

	must(memory && PEM_write_bio_X509(memory, ca->certificate));
	long n = BIO_get_mem_data(memory, &at);

	buf_add(&ca->pem, str_span(at, (size_t)n));
	BIO_free(memory);
}

static void
make_certificate(struct tls_ca *ca, const char *name, int days)
{
	X509 *x = certificate_new(ca->key);

	must(X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL));
	set_common_name(x, name);
	must(X509_set_issuer_name(x, X509_get_subject_name(x)));
	add_extension(
	    x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
	add_extension(x, x, NID_subject_key_identifier, "hash");
	must(X509_sign(x, ca->key, EVP_sha256()));
	ca->certificate = x;
}

static SSL_CTX *
server_context(void)
{
	SSL_CTX *c = context_new(TLS_server_method());

	SSL_CTX_set_client_hello_cb(c, serve_hello, NULL);
	SSL_CTX_set_alpn_select_cb(c, serve_alpn, NULL);
	return c;
}

static bool
printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 0x20 || s.at[i] > 0x7e) {
			return false;
		}
	}
	return s.len > 0;
}

int
tls_ca_new(const char *name, int days, struct tls_ca **out, struct err *e)
{
	if (!printable(str_of(name)) || strlen(name) > CN_MAX || days < 1 ||
	    days > 3650) {
		return err_set(e, ERR_INPUT,
		    "a CA needs a printable name of 1 to 64 bytes and 1 to "
		    "3650 days");
	}
	tls_start();
	struct tls_ca *ca = calloc(1, sizeof(*ca));

	must(ca);
	ca->key = EVP_EC_gen("P-256");
	ca->leaf_key = EVP_EC_gen("P-256");
	must(ca->key && ca->leaf_key);
	make_certificate(ca, name, days);
	make_pem(ca);
	ca->context = server_context();
	*out = ca;
	return 0;
}

void
tls_ca_free(struct tls_ca *ca)
{
	if (!ca) {
		return;
	}
	for (size_t i = 0; i < TLS_LEAVES_MAX; i++) {
		X509_free(ca->leaves[i].certificate);
	}
	SSL_CTX_free(ca->context);
	X509_free(ca->certificate);
	EVP_PKEY_free(ca->key);
	EVP_PKEY_free(ca->leaf_key);
	buf_fini(&ca->pem);
	free(ca);
}

struct str
tls_ca_pem(const struct tls_ca *ca)
{
	return buf_str(&ca->pem);
}

size_t
tls_ca_minted(const struct tls_ca *ca)
{
	return ca->minted;
}

/* --- leaves --------------------------------------------------------------- */

static void
add_alt_name(X509 *x, const char *host)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);

	must(names && name);
	if (ip) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, ip);
	} else {
		ASN1_IA5STRING *dns = ASN1_IA5STRING_new();

		must(dns && ASN1_STRING_set(dns, host, -1));
		GENERAL_NAME_set0_value(name, GEN_DNS, dns);
	}
	must(sk_GENERAL_NAME_push(names, name));
	/* Never through configuration text: host stays data.  Critical, because
	 * the subject is empty (RFC 5280 §4.2.1.6). */
	must(X509_add1_ext_i2d(
	         x, NID_subject_alt_name, names, 1, X509V3_ADD_DEFAULT) == 1);
	GENERAL_NAMES_free(names);
}

static X509 *
mint(struct tls_ca *ca, const char *host)
{
	X509 *x = certificate_new(ca->leaf_key);

	must(X509_set1_notAfter(x, X509_get0_notAfter(ca->certificate)));
	must(X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)));
	add_alt_name(x, host);
	add_extension(
	    x, ca->certificate, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(
	    x, ca->certificate, NID_key_usage, "critical,digitalSignature");
	add_extension(x, ca->certificate, NID_ext_key_usage, "serverAuth");
	add_extension(
	    x, ca->certificate, NID_authority_key_identifier, "keyid:always");
	must(X509_sign(x, ca->key, EVP_sha256()));
	ca->minted++;
	return x;
}

X509 *
ca_leaf(struct tls_ca *ca, const char *host)
{
	struct leaf *oldest = &ca->leaves[0];

	ca->turn++;
	for (size_t i = 0; i < TLS_LEAVES_MAX; i++) {
		struct leaf *leaf = &ca->leaves[i];

		if (leaf->used && strcmp(leaf->host, host) == 0) {
			leaf->used = ca->turn;
			return leaf->certificate;
		}
		if (leaf->used < oldest->used) {
			oldest = leaf;
		}
	}
	X509_free(oldest->certificate);
	oldest->certificate = mint(ca, host);
	oldest->used = ca->turn;
	must(str_copy(oldest->host, sizeof(oldest->host), str_of(host)));
	return oldest->certificate;
}
