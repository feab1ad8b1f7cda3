/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public roots.  OpenSSL takes 0.4 ms to read the key of one, a connection
 * needs one or two of 140, and each process that asks somebody has them all: so
 * they are kept as they stand in the file, and read when a chain asks for their
 * name.
 */
#include "tls/own.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (16 << 20)

struct root {
	X509_NAME *subject;
	unsigned char *der;
	long size;
	bool taken; /* it is in the store, or nobody can read it */
};

struct roots {
	struct root *all;
	size_t count;
	size_t room;
};

static void
roots_free(struct roots *r)
{
	for (size_t i = 0; i < r->count; i++) {
		X509_NAME_free(r->all[i].subject);
		OPENSSL_free(r->all[i].der);
	}
	free(r->all);
	free(r);
}

/* --- the name of each, without the rest (RFC 5280, 4.1) --- */

/* Goes to what an element holds, or behind it. */
static bool
step(const unsigned char **at, const unsigned char *end, bool over)
{
	long size;
	int tag;
	int class;

	if (ASN1_get_object(at, &size, &tag, &class, end - *at) & 0x80) {
		return false;
	}
	*at += over ? size : 0;
	return true;
}

static X509_NAME *
subject_of(const unsigned char *der, long size)
{
	const unsigned char *at = der;
	const unsigned char *end = der + size;

	/* Certificate, tbsCertificate: each goes one further.
	 * NOLINTNEXTLINE(misc-redundant-expression) */
	if (!step(&at, end, false) || !step(&at, end, false)) {
		return NULL;
	}
	if (at < end && *at == 0xa0 && !step(&at, end, true)) {
		return NULL; /* version */
	}
	/* serialNumber, signature, issuer, validity */
	for (int i = 0; i < 4; i++) {
		if (!step(&at, end, true)) {
			return NULL;
		}
	}
	return d2i_X509_NAME(NULL, &at, end - at);
}

static int
read_all(struct roots *r, BIO *text)
{
	char *name;
	char *header;
	struct root one = { 0 };

	while (PEM_read_bio(text, &name, &header, &one.der, &one.size)) {
		bool wanted = strcmp(name, PEM_STRING_X509) == 0;

		OPENSSL_free(name);
		OPENSSL_free(header);
		if (!wanted) {
			OPENSSL_free(one.der);
			continue;
		}
		one.subject = subject_of(one.der, one.size);
		if (!one.subject) {
			OPENSSL_free(one.der);
			return -1;
		}
		r->all =
		    array_grow(r->all, r->count, &r->room, sizeof(*r->all));
		r->all[r->count++] = one;
	}
	return r->count > 0 && ERR_GET_REASON(ERR_peek_last_error()) ==
	                           PEM_R_NO_START_LINE
	           ? 0
	           : -1;
}

/* --- the store's question --- */

/* Asked once for each name: what it gives stands in the store afterwards. */
static int
by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name,
    X509_OBJECT *out)
{
	struct roots *r = X509_LOOKUP_get_method_data(lookup);
	int found = 0;

	for (size_t i = 0; type == X509_LU_X509 && i < r->count; i++) {
		struct root *root = &r->all[i];
		const unsigned char *at = root->der;

		if (root->taken || X509_NAME_cmp(root->subject, name) != 0) {
			continue;
		}
		X509 *x = d2i_X509(NULL, &at, root->size);

		root->taken = true;
		if (!x) {
			ERR_clear_error();
			continue;
		}
		must(X509_STORE_add_cert(X509_LOOKUP_get_store(lookup), x));
		if (!found) {
			/* The store takes its own reference of what is here. */
			must(X509_OBJECT_set1_X509(out, x));
			X509_free(x);
		}
		X509_free(x);
		found = 1;
	}
	return found;
}

static void
lookup_free(X509_LOOKUP *lookup)
{
	roots_free(X509_LOOKUP_get_method_data(lookup));
}

static X509_LOOKUP_METHOD *
method(void)
{
	static X509_LOOKUP_METHOD *one;

	if (!one) {
		one = X509_LOOKUP_meth_new("public roots");
		must(one &&
		     X509_LOOKUP_meth_set_get_by_subject(one, by_subject) &&
		     X509_LOOKUP_meth_set_free(one, lookup_free));
	}
	return one;
}

X509_STORE *
roots_store(const char *path)
{
	auto_buf text = { 0 };
	struct err e = { 0 };

	if (file_read(path, FILE_MAX, &text, &e)) {
		return NULL;
	}
	struct roots *r = calloc(1, sizeof(*r));
	BIO *lines = BIO_new_mem_buf(text.at, (int)text.len);

	must(r && lines);
	ERR_clear_error();
	int failed = read_all(r, lines);

	BIO_free(lines);
	ERR_clear_error();
	if (failed) {
		roots_free(r);
		return NULL;
	}
	X509_STORE *store = X509_STORE_new();
	X509_LOOKUP *lookup =
	    store ? X509_STORE_add_lookup(store, method()) : NULL;

	must(lookup && X509_LOOKUP_set_method_data(lookup, r));
	return store;
}
