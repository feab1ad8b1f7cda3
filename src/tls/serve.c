/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/own.h"

#include <string.h>

/* RFC 6066 §3: one host_name in the list, nothing behind it. */
static bool
read_sni(SSL *ssl, struct str *sni)
{
	const unsigned char *at;
	size_t len;

	*sni = STR("");
	if (!SSL_client_hello_get0_ext(
	        ssl, TLSEXT_TYPE_server_name, &at, &len)) {
		return true;
	}
	if (len < 6 || (size_t)(at[0] << 8 | at[1]) != len - 2 ||
	    at[2] != TLSEXT_NAMETYPE_host_name ||
	    (size_t)(at[3] << 8 | at[4]) != len - 5) {
		return false;
	}
	*sni = str_span(at + 5, len - 5);
	return sni->len <= TLSEXT_MAXLEN_host_name &&
	       !memchr(sni->at, 0, sni->len);
}

int
serve_hello(SSL *ssl, int *alert, void *unused)
{
	struct tls_conn *c = SSL_get_app_data(ssl);
	char host[TLS_HOST_SIZE] = { 0 };
	struct str sni;

	(void)unused;
	c->chosen = true;
	if (!read_sni(ssl, &sni)) {
		*alert = SSL_AD_DECODE_ERROR;
		(void)err_set(&c->error, ERR_INPUT,
		    "tls: malformed server name in the ClientHello");
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (c->choose(c->context, sni, host, &c->error)) {
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	must(host[0] && !host[TLS_HOST_SIZE - 1]);
	must(SSL_use_certificate(ssl, ca_leaf(c->ca, host)));
	must(SSL_use_PrivateKey(ssl, c->ca->leaf_key));
	return SSL_CLIENT_HELLO_SUCCESS;
}

int
serve_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *unused)
{
	static const unsigned char known[] =
	    "\x08http/1.1\x02h2\x08http/1.1\x08http/1.0";
	const struct tls_conn *c = SSL_get_app_data(ssl);
	/* One list, of which each wish is the end. */
	const unsigned char *from = known + (c->two_first     ? 9
	                                        : c->take_two ? 0
	                                                      : 12);
	unsigned size = (unsigned)(known + sizeof(known) - 1 - from);
	unsigned char *chosen;

	(void)unused;
	if (SSL_select_next_proto(&chosen, out_len, from, size, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED) {
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

void
tls_serve_two(struct tls_conn *c, bool first)
{
	c->take_two = true;
	c->two_first = first;
}

bool
tls_two(const struct tls_conn *c)
{
	const unsigned char *name;
	unsigned size;

	SSL_get0_alpn_selected(c->ssl, &name, &size);
	return size == 2 && memcmp(name, "h2", 2) == 0;
}

struct tls_conn *
tls_serve(struct tls_ca *ca, tls_choose *choose, void *context)
{
	struct tls_conn *c = conn_new(ca->context);

	c->ca = ca;
	c->choose = choose;
	c->context = context;
	SSL_set_accept_state(c->ssl);
	return c;
}
