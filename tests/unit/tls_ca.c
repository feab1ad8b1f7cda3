/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the certificates of a cell's CA, read by OpenSSL. */
#include "tls_help.h"

#include <stdio.h>
#include <time.h>

#include "tls/own.h"

#define DAYS 7

static struct tls_ca *ca;

static int
set_up(void **state)
{
	struct err e = { 0 };

	(void)state;
	return tls_ca_new("Handrail cell 1", DAYS, &ca, &e);
}

static int
take_down(void **state)
{
	(void)state;
	tls_ca_free(ca);
	return 0;
}

static bool
is_critical(X509 *x, int nid)
{
	int at = X509_get_ext_by_NID(x, nid, -1);

	return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at));
}

/* Nothing behind a leaf, and nobody's page. */
static void
T07_a_ca_signs_leaves_and_is_nothing_else(void **state)
{
	struct str pem = tls_ca_pem(ca);
	BIO *memory = BIO_new_mem_buf(pem.at, (int)pem.len);
	X509 *x = PEM_read_bio_X509(memory, NULL, NULL, NULL);

	(void)state;
	assert_non_null(x);
	assert_int_equal(X509_check_ca(x), 1);
	assert_int_equal(X509_get_pathlen(x), 0);
	assert_int_equal(X509_get_key_usage(x), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_true(is_critical(x, NID_basic_constraints));
	assert_true(is_critical(x, NID_key_usage));
	assert_int_equal(X509_verify(x, ca->key), 1);
	X509_free(x);
	BIO_free(memory);
}

static void
T07_a_leaf_serves_one_name_and_signs_nothing(void **state)
{
	time_t before = time(NULL) - 3000; /* a client's clock may be late */
	X509 *x = ca_leaf(ca, "good.test");
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	(void)state;
	assert_int_equal(X509_get_extension_flags(x) & EXFLAG_CA, 0);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER);
	assert_true(is_critical(x, NID_basic_constraints));
	assert_true(is_critical(x, NID_key_usage));
	assert_true(is_critical(x, NID_subject_alt_name));
	assert_int_equal(X509_verify(x, ca->key), 1);
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	assert_int_equal(X509_check_host(x, "good.test", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "a.good.test", 0, 0, NULL), 0);
	/* As long as its CA, and no longer. */
	assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(x),
	                     X509_get0_notAfter(ca->certificate)),
	    0);
	assert_int_equal(X509_cmp_time(X509_get0_notBefore(x), &before), -1);
	GENERAL_NAMES_free(names);
}

/* A client keeps what it saw by issuer and number. */
static void
T08_each_leaf_has_a_number_of_its_own(void **state)
{
	const ASN1_INTEGER *serials[16];
	char host[32];

	(void)state;
	for (size_t n = 0; n < COUNT(serials); n++) {
		(void)snprintf(host, sizeof(host), "n%zu.test", n);
		serials[n] = X509_get0_serialNumber(ca_leaf(ca, host));
		BIGNUM *number = ASN1_INTEGER_to_BN(serials[n], NULL);

		/* Positive in so many bytes, and hard to guess. */
		assert_int_equal(BN_num_bits(number), 127);
		assert_int_equal(BN_is_negative(number), 0);
		BN_free(number);
		for (size_t m = 0; m < n; m++) {
			assert_int_not_equal(
			    ASN1_INTEGER_cmp(serials[m], serials[n]), 0);
		}
	}
}

static void
T08_a_leaf_that_is_used_is_not_the_oldest(void **state)
{
	char host[32];

	(void)state;
	(void)ca_leaf(ca, "used.test");
	for (int n = 1; n < TLS_LEAVES_MAX; n++) {
		(void)snprintf(host, sizeof(host), "n%d.test", n);
		(void)ca_leaf(ca, host);
	}
	(void)ca_leaf(ca, "used.test");
	assert_int_equal(tls_ca_minted(ca), TLS_LEAVES_MAX);
	(void)ca_leaf(ca, "more.test");
	assert_int_equal(tls_ca_minted(ca), TLS_LEAVES_MAX + 1);
	(void)ca_leaf(ca, "used.test");
	assert_int_equal(tls_ca_minted(ca), TLS_LEAVES_MAX + 1);
}

static int
makes(size_t name, int days)
{
	char text[80] = { 0 };
	struct tls_ca *made = NULL;
	struct err e = { 0 };

	memset(text, 'a', name);
	int failed = tls_ca_new(text, days, &made, &e);

	assert_int_equal(e.kind, failed ? ERR_INPUT : 0);
	tls_ca_free(made);
	return failed;
}

static void
a_ca_has_a_name_and_days_within_bounds(void **state)
{
	(void)state;
	assert_int_equal(makes(64, DAYS), 0);
	assert_int_equal(makes(65, DAYS), -1);
	assert_int_equal(makes(1, 1), 0);
	assert_int_equal(makes(1, 3650), 0);
	assert_int_equal(makes(1, 3651), -1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(T07_a_ca_signs_leaves_and_is_nothing_else),
		TEST(T07_a_leaf_serves_one_name_and_signs_nothing),
		TEST(T08_each_leaf_has_a_number_of_its_own),
		TEST(T08_a_leaf_that_is_used_is_not_the_oldest),
		cmocka_unit_test(a_ca_has_a_name_and_days_within_bounds),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
