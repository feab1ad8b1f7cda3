/* SPDX-License-Identifier: Apache-2.0 */
/* What goes with every answer to a browser, and the cookie of a login. */
#include "web/inside.h"

/* Nothing but our own files is loaded or run, nothing is put in a frame, no
 * text can become markup by any path (trusted types without a policy), and
 * nothing is kept or told to where a link leads. */
static const char headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cache-Control: no-store\r\n";

void
web_write_headers(struct buf *out)
{
	buf_add_z(out, headers);
}

/* A cookie of the browser's session; how long it is worth something is core's
 * to say. */
void
web_write_cookie(
    struct buf *out, const struct web_asked *asked, const char *value)
{
	buf_addf(out,
	    "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Strict%s%s\r\n",
	    asked->cookie_name, value, asked->tls ? "; Secure" : "",
	    value[0] ? "" : "; Max-Age=0");
}

void
web_cookie_make(char value[WEB_COOKIE_TEXT])
{
	uint8_t bytes[WEB_COOKIE_BYTES];
	auto_buf text = { 0 };

	random_bytes(bytes, sizeof(bytes));
	base64url_add(&text, str_span(bytes, sizeof(bytes)));
	must(str_copy(value, WEB_COOKIE_TEXT, buf_str(&text)));
	wipe(bytes, sizeof(bytes));
	wipe(text.at, text.len);
}

struct digest
web_cookie_digest(struct str value)
{
	return digest_of(value);
}

void
web_csrf(struct str value, char csrf[WEB_CSRF_TEXT])
{
	struct digest_run run;
	struct digest d;
	auto_buf text = { 0 };

	digest_begin(&run);
	digest_add(&run, STR("handrail page\n"));
	digest_add(&run, value);
	d = digest_end(&run);
	base64url_add(&text, str_span(d.bytes, sizeof(d.bytes)));
	must(str_copy(csrf, WEB_CSRF_TEXT, buf_str(&text)));
}
