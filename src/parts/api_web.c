/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The browser's side of the door: pages are answered here, what they ask is
 * passed on once the guard (room web) lets it.  Who is logged in is core's to
 * know: this part makes the cookie, and core keeps its digest, as it keeps that
 * of a token; a login is worth something as long as core says so.
 */
#include <string.h>

#include "parts/api.h"

static void
end_head(struct client *k, bool streamed, size_t length)
{
	web_write_headers(&k->out);
	if (streamed) {
		http_write_header_z(&k->out, "Transfer-Encoding", "chunked");
	} else {
		http_write_length(&k->out, length);
	}
	if (!k->keep_alive) {
		http_write_header_z(&k->out, "Connection", "close");
	}
	http_write_end(&k->out);
}

/* A page goes with its connection: a client that sends a thousand requests in
 * one piece makes us keep one answer. */
static void
answer_page(struct client *k)
{
	struct str bytes = k->web.file->bytes;
	auto_buf told = { 0 };

	if (k->web.ended) {
		web_login_page(&told,
		    "Your login has ended: its time was over, the house was "
		    "started again, or it was logged out elsewhere.");
		bytes = buf_str(&told);
	}
	k->keep_alive = false;
	k->closing = true;
	http_write_status(&k->out, 200);
	http_write_header_z(&k->out, "Content-Type", k->web.file->type);
	end_head(k, false, bytes.len);
	if (!str_eq_z(k->head->method, "HEAD")) {
		buf_add(&k->out, bytes);
	}
}

bool
api_web_head(struct client *k, const struct http_head *head)
{
	struct err e = { 0 };

	if (web_guard(head, k->api->hosts, &k->web, &e)) {
		api_refuse(k, k->web.refusal, "denied", e.text);
		return true;
	}
	if (k->web.kind == WEB_PAGE) {
		answer_page(k);
		return true;
	}
	if (k->web.kind == WEB_LOGIN) {
		k->reader.body_max = WEB_FORM_MAX;
	}
	return false;
}

bool
api_web_same_origin(const struct client *k, const struct http_head *head)
{
	const struct str *site = http_find(head, "Sec-Fetch-Site");

	return k->transport == WIRE_LOCAL || k->web.kind != WEB_OTHER ||
	       (!http_find(head, "Origin") &&
	           (!site || str_eq_z(*site, "none") ||
	               str_eq_z(*site, "same-origin")));
}

bool
api_web_login(struct client *k)
{
	auto_buf token = { 0 };
	struct digest d;
	char text[DIGEST_TEXT];

	if (!web_form_field(buf_str(&k->body), "token", &token)) {
		wipe(token.at, token.len);
		api_refuse(k, 400, "input", "the form has no token");
		return false;
	}
	d = digest_of(str_trim(buf_str(&token)));
	wipe(token.at, token.len);
	k->ask.page = WIRE_PAGE_LOGIN;
	k->ask.has_token = 1;
	memcpy(k->ask.token_digest, d.bytes, sizeof(k->ask.token_digest));
	web_cookie_make(k->cookie);
	digest_text(web_cookie_digest(str_of(k->cookie)), text);
	wipe(k->body.at, k->body.len);
	buf_clear(&k->body);
	buf_addf(&k->body, "{\"login\":\"%s\"}", text);
	return true;
}

/* --- answers --- */

static void
answer_login(struct client *k, unsigned status)
{
	auto_buf page = { 0 };

	if (status == 200) {
		http_write_status(&k->out, 303);
		http_write_header_z(&k->out, "Location", "/");
		web_write_cookie(&k->out, &k->web, k->cookie);
		end_head(k, false, 0);
	} else {
		web_login_page(
		    &page, status == 403 ? "That is no operator's token."
		           : status == 409
		               ? "Of this operator handrail.toml says web = "
		                 "\"none\": there is no login."
		           : status == 429
		               ? "Too many wrong tokens: wait a minute."
		               : "The house cannot answer now: try again.");
		http_write_status(
		    &k->out, status == 403 || status == 409 ? 401 : status);
		http_write_header_z(
		    &k->out, "Content-Type", "text/html; charset=utf-8");
		end_head(k, false, page.len);
		buf_add(&k->out, buf_str(&page));
	}
	wipe(k->cookie, sizeof(k->cookie));
}

bool
api_web_answer(struct client *k, unsigned status, const char *type,
    struct str body, bool streamed)
{
	if (k->web.kind == WEB_LOGIN) {
		answer_login(k, status);
		return true;
	}
	if (k->web.kind != WEB_ASK) {
		return false;
	}
	http_write_status(&k->out, status);
	http_write_header_z(&k->out, "Content-Type", type);
	if (status == 200 && !streamed) {
		http_write_header_z(&k->out, "X-CSRF-Token", k->web.csrf);
	}
	if (k->web.ends && status == 200) {
		web_write_cookie(&k->out, &k->web, "");
	}
	end_head(k, streamed, body.len);
	if (!streamed) {
		buf_add(&k->out, body);
	}
	return true;
}
