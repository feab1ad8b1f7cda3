/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_help.h"

#include <stdio.h>
#include <unistd.h>

#include "heap_help.h"
#include "tls/own.h"

#define DAY 86400L

static const struct spec root_spec = {
	.cn = "Test root", .from = -DAY, .until = DAY, .ca = true
};
static const struct spec good_spec = { .cn = "whatever",
	.san = "DNS:good.test",
	.eku = "serverAuth",
	.from = -DAY,
	.until = DAY };

/* Connects as good.test to a server with that certificate.  wanted NULL:
 * accepted; else part of the reason. */
static void
verified(const struct spec *s, const char *host, const char *wanted)
{
	struct made root = make(&root_spec, NULL);
	struct made leaf = make(s, &root);
	struct tls_trust *t = trust_in(root.certificate);
	SSL_CTX *context = server_of(&leaf);
	struct plain server = plain_new(context, true);
	struct tls_conn *c = tls_connect(t, host);
	char byte;

	plain_join(&server, c);
	if (wanted) {
		assert_int_equal(tls_state(c), TLS_FAILED);
		assert_int_equal(tls_error(c)->kind, ERR_DENIED);
		if (!strstr(tls_error(c)->text, wanted)) {
			print_error("%s\n", tls_error(c)->text);
		}
		assert_non_null(strstr(tls_error(c)->text, wanted));
		/* Not one byte of a request may follow. */
		assert_int_equal(tls_write(c, STR("secret")), 0);
		plain_join(&server, c);
		assert_true(SSL_read(server.ssl, &byte, 1) <= 0);
	} else {
		if (tls_state(c) != TLS_OPEN) {
			print_error("%s\n", tls_error(c)->text);
		}
		assert_int_equal(tls_state(c), TLS_OPEN);
	}
	tls_conn_free(c);
	SSL_free(server.ssl);
	SSL_CTX_free(context);
	tls_trust_free(t);
	made_fini(&leaf);
	made_fini(&root);
}

static void
a_good_certificate_is_accepted(void **state)
{
	struct spec s = good_spec;

	(void)state;
	verified(&s, "good.test", NULL);
	s.eku = NULL;
	verified(&s, "good.test", NULL);
	s.san = "DNS:*.good.test, IP:10.0.0.1";
	verified(&s, "api.good.test", NULL);
	verified(&s, "10.0.0.1", NULL);
}

static void
T04_a_wrong_name_is_refused(void **state)
{
	struct spec s = good_spec;

	(void)state;
	verified(&s, "evil.test", "hostname mismatch");
	verified(&s, "x.good.test", "hostname mismatch");
	s.san = "DNS:*.good.test";
	verified(&s, "good.test", "hostname mismatch");
	verified(&s, "a.b.good.test", "hostname mismatch");
	s.san = "DNS:a*.good.test";
	verified(&s, "api.good.test", "hostname mismatch");
	s.san = "DNS:10.0.0.1";
	verified(&s, "10.0.0.1", "IP address mismatch");
	s.san = "IP:10.0.0.1";
	verified(&s, "good.test", "hostname mismatch");
}

static void
T04_a_name_only_in_cn_is_refused(void **state)
{
	struct spec s = good_spec;

	(void)state;
	s.cn = "good.test";
	s.san = NULL;
	verified(&s, "good.test", "hostname mismatch");
	s.san = "email:a@good.test";
	verified(&s, "good.test", "hostname mismatch");
}

static void
T04_outside_its_time_is_refused(void **state)
{
	struct spec s = good_spec;

	(void)state;
	s.until = -60;
	verified(&s, "good.test", "expired");
	s = good_spec;
	s.from = 3600;
	verified(&s, "good.test", "not yet valid");
}

static void
T04_a_wrong_use_is_refused(void **state)
{
	struct spec s = good_spec;

	(void)state;
	s.eku = "clientAuth";
	verified(&s, "good.test", "purpose");
	s.eku = "codeSigning";
	verified(&s, "good.test", "purpose");
}

static void
anchored(struct made *leaf, struct tls_trust *t, enum tls_state wanted)
{
	SSL_CTX *context = server_of(leaf);
	struct plain server = plain_new(context, true);
	struct tls_conn *c = tls_connect(t, "good.test");

	plain_join(&server, c);
	assert_int_equal(tls_state(c), wanted);
	if (wanted == TLS_FAILED) {
		assert_int_equal(tls_error(c)->kind, ERR_DENIED);
	}
	tls_conn_free(c);
	SSL_free(server.ssl);
	SSL_CTX_free(context);
}

static void
T04_an_unknown_signer_is_refused(void **state)
{
	struct made root = make(&root_spec, NULL);
	struct made alone = make(&good_spec, NULL);
	struct made signed_by = make(&good_spec, &root);
	struct tls_trust *t = trust_in(root.certificate);
	struct tls_trust *pinned = trust_in(alone.certificate);
	struct tls_trust *leaf_only = trust_in(signed_by.certificate);

	(void)state;
	anchored(&alone, t, TLS_FAILED);
	anchored(&signed_by, pinned, TLS_FAILED);
	/* What the operator named alone is enough, root or not. */
	anchored(&alone, pinned, TLS_OPEN);
	anchored(&signed_by, leaf_only, TLS_OPEN);
	tls_trust_free(t);
	tls_trust_free(pinned);
	tls_trust_free(leaf_only);
	made_fini(&root);
	made_fini(&alone);
	made_fini(&signed_by);
}

static void
T04_a_leaf_cannot_sign(void **state)
{
	struct spec other = good_spec;
	struct made root = make(&root_spec, NULL);
	struct made leaf = make(&(struct spec){ .cn = "leaf",
	                            .san = "DNS:mine.test",
	                            .from = -DAY,
	                            .until = DAY },
	    &root);
	struct made forged = make(&other, &leaf);
	struct tls_trust *t = trust_in(root.certificate);
	SSL_CTX *context = server_of(&forged);

	(void)state;
	SSL_CTX_add1_chain_cert(context, leaf.certificate);
	struct plain server = plain_new(context, true);
	struct tls_conn *c = tls_connect(t, "good.test");

	plain_join(&server, c);
	assert_int_equal(tls_state(c), TLS_FAILED);
	assert_int_equal(tls_error(c)->kind, ERR_DENIED);
	tls_conn_free(c);
	SSL_free(server.ssl);
	SSL_CTX_free(context);
	tls_trust_free(t);
	made_fini(&root);
	made_fini(&leaf);
	made_fini(&forged);
}

/* --- versions, ciphers, and what is switched off
 * ------------------------------ */

struct fixture {
	struct made root, leaf;
	struct tls_trust *trust;
	SSL_CTX *server;
};

static struct fixture
fixture_new(void)
{
	struct fixture f = { .root = make(&root_spec, NULL) };

	f.leaf = make(&good_spec, &f.root);
	f.trust = trust_in(f.root.certificate);
	f.server = server_of(&f.leaf);
	SSL_CTX_set_security_level(f.server, 0);
	return f;
}

static void
fixture_fini(struct fixture *f)
{
	SSL_CTX_free(f->server);
	tls_trust_free(f->trust);
	made_fini(&f->leaf);
	made_fini(&f->root);
}

/* Ends the fixture.  True if the room's client opened. */
static bool
fixture_opens(struct fixture *f)
{
	struct plain server = plain_new(f->server, true);
	struct tls_conn *c = tls_connect(f->trust, "good.test");

	plain_join(&server, c);
	bool open = tls_state(c) == TLS_OPEN;

	assert_true(open || tls_state(c) == TLS_FAILED);
	tls_conn_free(c);
	SSL_free(server.ssl);
	fixture_fini(f);
	return open;
}

/* This process made certificates before the room was there: OpenSSL's memory
 * is its own. */
static void
nothing_that_was_read_stays_in_memory(void **state)
{
	static const char said[] = "it echoes a credential";
	struct fixture f = fixture_new();
	struct plain server = plain_new(f.server, true);
	struct tls_conn *c = tls_connect(f.trust, "good.test");
	char text[64 + sizeof(said)] = {
		0
	}; /* free() writes to its first bytes */

	(void)state;
	plain_join(&server, c);
	memcpy(text + 64, said, sizeof(said));
	assert_int_equal(
	    SSL_write(server.ssl, text, sizeof(text)), sizeof(text));
	plain_join(&server, c);
	assert_int_equal(tls_read(c, text, sizeof(text)), sizeof(text));
	explicit_bzero(text, sizeof(text));
	assert_false(heap_holds(said));
	tls_conn_free(c);
	SSL_free(server.ssl);
	fixture_fini(&f);
}

static void
T05_an_old_or_weak_server_is_refused(void **state)
{
	static const char *const weak[] = { "aNULL:@SECLEVEL=0",
		"eNULL:@SECLEVEL=0", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
		"ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0" };
	static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };

	(void)state;
	for (size_t i = 0; i < COUNT(old); i++) {
		struct fixture f = fixture_new();

		SSL_CTX_set_min_proto_version(f.server, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(f.server, old[i]);
		assert_false(fixture_opens(&f));
	}
	for (size_t i = 0; i < COUNT(weak); i++) {
		struct fixture f = fixture_new();

		SSL_CTX_set_max_proto_version(f.server, TLS1_2_VERSION);
		assert_true(SSL_CTX_set_cipher_list(f.server, weak[i]));
		assert_false(fixture_opens(&f));
	}
	struct fixture f = fixture_new();

	SSL_CTX_set_max_proto_version(f.server, TLS1_2_VERSION);
	assert_true(fixture_opens(&f));
}

static void
T12_a_wish_for_a_client_certificate_is_refused(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct fixture f = fixture_new();

		SSL_CTX_set_max_proto_version(f.server, versions[i]);
		SSL_CTX_set_verify(f.server, SSL_VERIFY_PEER, NULL);
		assert_false(fixture_opens(&f));
	}
}

/* A plain client against the room's server. */
struct cell {
	struct tls_ca *ca;
	SSL_CTX *client;
	struct choice choice;
};

static struct cell
cell_new(void)
{
	struct cell c = { .client = SSL_CTX_new(TLS_client_method()) };
	struct err e = { 0 };

	assert_int_equal(tls_ca_new("cell", 7, &c.ca, &e), 0);
	SSL_CTX_set_security_level(c.client, 0);
	return c;
}

static void
cell_free(struct cell *c)
{
	SSL_CTX_free(c->client);
	tls_ca_free(c->ca);
}

static bool
cell_opens(struct cell *cell)
{
	struct plain client = plain_new(cell->client, false);
	struct tls_conn *c = tls_serve(cell->ca, choose, &cell->choice);

	SSL_set_tlsext_host_name(client.ssl, "good.test");
	plain_join(&client, c);
	bool open = tls_state(c) == TLS_OPEN;

	assert_int_equal(open, client.answer == 1);
	tls_conn_free(c);
	SSL_free(client.ssl);
	return open;
}

static void
T05_an_old_client_is_refused(void **state)
{
	struct cell c = cell_new();

	(void)state;
	SSL_CTX_set_min_proto_version(c.client, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(c.client, TLS1_1_VERSION);
	assert_false(cell_opens(&c));
	SSL_CTX_set_max_proto_version(c.client, TLS1_2_VERSION);
	assert_true(cell_opens(&c));
	assert_true(
	    SSL_CTX_set_cipher_list(c.client, "aNULL:eNULL:@SECLEVEL=0"));
	assert_false(cell_opens(&c));
	cell_free(&c);
}

static void
only_http_1_is_spoken(void **state)
{
	static const unsigned char h2[] = "\2h2";
	static const unsigned char both[] = "\2h2\x08http/1.1";
	static const unsigned char old[] = "\x08http/1.0"; /* curl --http1.0 */
	struct cell c = cell_new();

	(void)state;
	SSL_CTX_set_alpn_protos(c.client, h2, sizeof(h2) - 1);
	assert_false(cell_opens(&c));
	SSL_CTX_set_alpn_protos(c.client, both, sizeof(both) - 1);
	assert_true(cell_opens(&c));
	SSL_CTX_set_alpn_protos(c.client, old, sizeof(old) - 1);
	assert_true(cell_opens(&c));
	cell_free(&c);
}

static int
count_session(SSL *ssl, SSL_SESSION *session)
{
	unsigned *count = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	(void)session;
	*count += 1;
	return 0;
}

/* Connects with an earlier session (or none); returns the new one. */
static SSL_SESSION *
resume(struct cell *cell, SSL_SESSION *earlier)
{
	struct plain client = plain_new(cell->client, false);
	struct tls_conn *c = tls_serve(cell->ca, choose, &cell->choice);
	char byte;

	SSL_set_tlsext_host_name(client.ssl, "good.test");
	if (earlier) {
		SSL_set_session(client.ssl, earlier);
	}
	plain_join(&client, c);
	assert_int_equal(tls_state(c), TLS_OPEN);
	assert_true(SSL_read(client.ssl, &byte, 1) <= 0);
	assert_false(SSL_session_reused(client.ssl));
	SSL_SESSION *session = SSL_get1_session(client.ssl);

	assert_false(SSL_SESSION_has_ticket(session));
	assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
	tls_conn_free(c);
	SSL_free(client.ssl);
	return session;
}

static void
T13_nothing_is_resumed(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct cell cell = cell_new();
	unsigned tickets = 0;

	(void)state;
	SSL_CTX_set_session_cache_mode(
	    cell.client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_app_data(cell.client, &tickets);
	SSL_CTX_sess_set_new_cb(cell.client, count_session);
	for (size_t i = 0; i < COUNT(versions); i++) {
		SSL_CTX_set_max_proto_version(cell.client, versions[i]);
		SSL_SESSION *first = resume(&cell, NULL);
		SSL_SESSION *second = resume(&cell, first);

		SSL_SESSION_free(first);
		SSL_SESSION_free(second);
	}
	assert_int_equal(tickets, 0);
	cell_free(&cell);
}

static void
T05_renegotiation_is_refused(void **state)
{
	struct cell cell = cell_new();

	(void)state;
	SSL_CTX_set_max_proto_version(cell.client, TLS1_2_VERSION);
	struct plain client = plain_new(cell.client, false);
	struct tls_conn *c = tls_serve(cell.ca, choose, &cell.choice);
	char byte;

	SSL_set_tlsext_host_name(client.ssl, "good.test");
	plain_join(&client, c);
	assert_int_equal(tls_state(c), TLS_OPEN);
	assert_int_equal(SSL_renegotiate(client.ssl), 1);
	for (int i = 0; i < 5; i++) {
		plain_join(&client, c);
		(void)tls_read(c, &byte, 1);
	}
	/* The choice was made once, for one name, and stays. */
	assert_int_equal(cell.choice.times, 1);
	tls_conn_free(c);
	SSL_free(client.ssl);
	cell_free(&cell);
}

/* OpenSSL's signature. */
static void // NOLINTNEXTLINE(readability-function-size)
count_hellos(int sent, int version, int type, const void *at, size_t len,
    SSL *ssl, void *count)
{
	(void)version;
	(void)ssl;
	if (!sent && type == SSL3_RT_HANDSHAKE && len &&
	    *(const uint8_t *)at == SSL3_MT_CLIENT_HELLO) {
		*(unsigned *)count += 1;
	}
}

static void
T05_renegotiation_by_a_server_is_refused(void **state)
{
	struct fixture f = fixture_new();
	struct tls_conn *c = tls_connect(f.trust, "good.test");
	unsigned hellos = 0;
	char byte;

	(void)state;
	SSL_CTX_set_max_proto_version(f.server, TLS1_2_VERSION);
	SSL_CTX_set_msg_callback(f.server, count_hellos);
	SSL_CTX_set_msg_callback_arg(f.server, &hellos);
	struct plain server = plain_new(f.server, true);

	plain_join(&server, c);
	assert_int_equal(tls_state(c), TLS_OPEN);
	assert_int_equal(SSL_renegotiate(server.ssl), 1);
	for (int i = 0; i < 5; i++) {
		plain_join(&server, c);
		(void)tls_read(c, &byte, 1);
		(void)SSL_read(server.ssl, &byte, 1);
	}
	assert_int_equal(hellos, 1);
	SSL_free(server.ssl);
	tls_conn_free(c);
	SSL_CTX_free(f.server);
	tls_trust_free(f.trust);
	made_fini(&f.leaf);
	made_fini(&f.root);
}

static void
system_roots_are_read_once_and_refuse_a_cell(void **state)
{
	struct cell cell = cell_new();
	struct tls_trust *t = NULL;
	struct err e = { 0 };

	(void)state;
	if (tls_trust_system(&t, &e)) {
		print_message("# no system roots here: %s\n", e.text);
		cell_free(&cell);
		skip();
	}
	struct tls_conn *client = tls_connect(t, "good.test");
	struct tls_conn *server = tls_serve(cell.ca, choose, &cell.choice);

	join(client, server, 70000);
	assert_int_equal(tls_state(client), TLS_FAILED);
	assert_int_equal(tls_error(client)->kind, ERR_DENIED);
	tls_conn_free(client);
	tls_conn_free(server);
	tls_trust_free(t);
	cell_free(&cell);
}

/* A file as a distribution has it: the certificates, and what was said before
 * them.  NULL: it was not taken. */
static X509_STORE *
store_of(const struct made *const *certificates, size_t count, const char *more)
{
	char path[] = "/tmp/tls-roots-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	(void)fputs("Roots\n=====\n", f);
	for (size_t i = 0; i < count; i++) {
		assert_true(PEM_write_X509(f, certificates[i]->certificate));
	}
	(void)fputs(more, f);
	assert_int_equal(fclose(f), 0);
	X509_STORE *store = roots_store(path);

	(void)unlink(path);
	return store;
}

static void
roots_are_found_by_their_names(void **state)
{
	struct spec other_spec = {
		.cn = "Other root", .from = -DAY, .until = DAY, .ca = true
	};
	struct made other = make(&other_spec, NULL);
	/* Where a root was renewed, both stand there. */
	struct spec before_spec = root_spec;

	before_spec.until = -60;
	struct made before = make(&before_spec, NULL);
	struct made root = make(&root_spec, NULL);
	struct made leaf = make(&good_spec, &root);
	struct made by_other = make(&good_spec, &other);
	struct made stranger = make(&root_spec, NULL);
	struct made by_stranger = make(&good_spec, &stranger);
	struct made alone = make(&good_spec, NULL);
	struct tls_trust *t = trust_new(
	    store_of((const struct made *[]){ &other, &before, &root, &root },
	        4, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"));

	(void)state;
	anchored(&by_stranger, t, TLS_FAILED);
	anchored(&leaf, t, TLS_OPEN);
	anchored(&leaf, t, TLS_OPEN);
	anchored(&by_other, t, TLS_OPEN);
	anchored(&by_stranger, t, TLS_FAILED);
	anchored(&alone, t, TLS_FAILED);
	tls_trust_free(t);
	for (struct made *const *m = (struct made *[]){ &other, &before, &root,
	         &leaf, &by_other, &stranger, &by_stranger, &alone, NULL };
	     *m; m++) {
		made_fini(*m);
	}
}

/* Its key is looked at late, and then nobody is trusted for it. */
static void
a_root_that_nobody_can_read_is_no_root(void **state)
{
	struct made root = make(&root_spec, NULL);
	struct made leaf = make(&good_spec, &root);
	unsigned char *der = NULL;
	int size = i2d_X509(root.certificate, &der);
	char path[] = "/tmp/tls-roots-XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");

	(void)state;
	assert_true(size > 0 && f);
	/* Its last element, the signature, is none. */
	for (int i = size - 80; i < size; i++) {
		der[i] = 0xff;
	}
	assert_true(PEM_write(f, PEM_STRING_X509, "", der, size));
	assert_int_equal(fclose(f), 0);
	X509_STORE *store = roots_store(path);

	(void)unlink(path);
	OPENSSL_free(der);
	assert_non_null(store);
	struct tls_trust *t = trust_new(store);

	anchored(&leaf, t, TLS_FAILED);
	anchored(&leaf, t, TLS_FAILED);
	tls_trust_free(t);
	made_fini(&leaf);
	made_fini(&root);
}

static void
a_file_that_is_no_list_of_roots_is_not_taken(void **state)
{
	struct made root = make(&root_spec, NULL);
	const struct made *one = &root;

	(void)state;
	assert_null(store_of(NULL, 0, ""));
	assert_null(store_of(NULL, 0,
	    "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"));
	assert_null(store_of(&one, 1,
	    "-----BEGIN CERTIFICATE-----\nAAAA\n"
	    "-----END CERTIFICATE-----\n"));
	assert_null(store_of(&one, 1, "-----BEGIN CERTIFICATE-----\nAAAA\n"));
	assert_null(roots_store("/nowhere/roots.pem"));
	assert_null(roots_store("/dev/null"));
	made_fini(&root);
}

static void
pem_without_a_certificate_is_refused(void **state)
{
	static const struct str cases[] = {
		STR(""),
		STR("hello"),
		STR("-----BEGIN CERTIFICATE-----\nAAAA\n"
		    "-----END CERTIFICATE-----\n"),
		STR("-----BEGIN CERTIFICATE-----\nAAAA\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tls_trust *t = NULL;
		struct err e = { 0 };

		assert_int_equal(tls_trust_pem(cases[i], &t, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_null(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_certificate_is_accepted),
		cmocka_unit_test(nothing_that_was_read_stays_in_memory),
		cmocka_unit_test(T04_a_wrong_name_is_refused),
		cmocka_unit_test(T04_a_name_only_in_cn_is_refused),
		cmocka_unit_test(T04_outside_its_time_is_refused),
		cmocka_unit_test(T04_a_wrong_use_is_refused),
		cmocka_unit_test(T04_an_unknown_signer_is_refused),
		cmocka_unit_test(T04_a_leaf_cannot_sign),
		cmocka_unit_test(T05_an_old_or_weak_server_is_refused),
		cmocka_unit_test(
		    T12_a_wish_for_a_client_certificate_is_refused),
		cmocka_unit_test(T05_an_old_client_is_refused),
		cmocka_unit_test(only_http_1_is_spoken),
		cmocka_unit_test(T13_nothing_is_resumed),
		cmocka_unit_test(T05_renegotiation_is_refused),
		cmocka_unit_test(T05_renegotiation_by_a_server_is_refused),
		cmocka_unit_test(system_roots_are_read_once_and_refuse_a_cell),
		cmocka_unit_test(roots_are_found_by_their_names),
		cmocka_unit_test(a_root_that_nobody_can_read_is_no_root),
		cmocka_unit_test(a_file_that_is_no_list_of_roots_is_not_taken),
		cmocka_unit_test(pem_without_a_certificate_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
