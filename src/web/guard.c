/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask what a page asks.  Every check stands for itself: one that is
 * passed by a trick leaves the others.
 */
#include <string.h>

#include "web/inside.h"

#define AUTHORITY_MAX 270

/* --- names --- */

bool
web_host_known(struct str authority, struct str hosts, bool *tls)
{
	struct str rest = authority;
	struct str name;

	(void)str_cut(&rest, ':', &name);
	*tls = false;
	if (str_eq_z(name, "127.0.0.1") || str_eq_z(name, "localhost")) {
		return true;
	}
	*tls = true;
	for (rest = hosts; rest.len && name.len;) {
		struct str one;

		(void)str_cut(&rest, ',', &one);
		if (str_eq(str_trim(one), name)) {
			return true;
		}
	}
	return false;
}

/* --- one check each --- */

static bool
says(const struct http_head *head, const char *field, const char *value)
{
	const struct str *found = http_find(head, field);

	return found && http_count(head, field) == 1 && str_eq_z(*found, value);
}

static bool
is_post(const struct http_head *head)
{
	return str_eq_z(head->method, "POST");
}

/* A page that is typed in, or reached by a link from anywhere; its files by
 * this origin's pages alone. */
static bool
may_read(const struct http_head *head)
{
	return !http_find(head, "Sec-Fetch-Site") ||
	       says(head, "Sec-Fetch-Site", "same-origin") ||
	       says(head, "Sec-Fetch-Site", "none") ||
	       (says(head, "Sec-Fetch-Mode", "navigate") &&
	           says(head, "Sec-Fetch-Dest", "document"));
}

static bool
same_origin(const struct http_head *head, bool tls)
{
	char ours[AUTHORITY_MAX];
	auto_buf text = { 0 };

	buf_addf(&text, "http%s://" STR_FMT, tls ? "s" : "",
	    STR_ARG(head->authority));
	if (!str_copy(ours, sizeof(ours), buf_str(&text)) ||
	    !says(head, "Sec-Fetch-Site", "same-origin")) {
		return false;
	}
	return says(head, "Origin", ours) ||
	       (!is_post(head) && !http_find(head, "Origin"));
}

static bool
is_of_type(const struct http_head *head, const char *type)
{
	const struct str *value = http_find(head, "Content-Type");
	struct str rest = value ? *value : STR("");
	struct str name;

	(void)str_cut(&rest, ';', &name);
	return http_count(head, "Content-Type") == 1 &&
	       str_eq_nocase(str_trim(name), str_of(type));
}

/* Browsers keep one cookie for all ports of a name: the port is in ours. */
static void
name_cookie(const struct http_head *head, struct web_asked *a)
{
	struct str port = head->authority;
	struct str name;
	auto_buf text = { 0 };
	uint64_t number = 80;

	(void)str_cut(&port, ':', &name);
	(void)str_u64(port, &number);
	if (a->tls) {
		buf_add_z(&text, "__Host-handrail");
	} else {
		buf_addf(&text, "handrail_%llu", (unsigned long long)number);
	}
	must(str_copy(a->cookie_name, sizeof(a->cookie_name), buf_str(&text)));
}

/* Exactly one of that name, of its form. */
static bool
find_cookie(const struct http_head *head, struct web_asked *a, struct str *out)
{
	const struct str *line = http_find(head, "Cookie");
	struct str rest = line ? *line : STR("");
	size_t count = 0;
	auto_buf bytes = { 0 };

	if (http_count(head, "Cookie") != 1) {
		return false;
	}
	while (rest.len) {
		struct str value;
		struct str name;

		(void)str_cut(&rest, ';', &value);
		(void)str_cut(&value, '=', &name);
		if (str_eq_z(str_trim(name), a->cookie_name)) {
			*out = value;
			count++;
		}
	}
	if (count != 1 || out->len != WEB_COOKIE_TEXT - 1) {
		return false;
	}
	bool good =
	    base64_decode(&bytes, *out) && bytes.len == WEB_COOKIE_BYTES;

	buf_wipe(&bytes);
	return good;
}

static bool
has_csrf(const struct http_head *head, const struct web_asked *a)
{
	const struct str *value = http_find(head, "X-CSRF-Token");

	return value && http_count(head, "X-CSRF-Token") == 1 &&
	       value->len == WEB_CSRF_TEXT - 1 &&
	       equal_const_time(value->at, a->csrf, WEB_CSRF_TEXT - 1);
}

/* --- the judgement --- */

static int
refuse(struct web_asked *a, uint16_t status, struct err *e, const char *why)
{
	*a = (struct web_asked){ .kind = a->kind, .refusal = status };
	return err_set(e, ERR_DENIED, "%s", why);
}

static int
guard_login(const struct http_head *head, struct web_asked *a, struct err *e)
{
	if (!is_post(head) ||
	    !is_of_type(head, "application/x-www-form-urlencoded")) {
		return refuse(a, 400, e, "the login page sends a form");
	}
	return 0;
}

static int
guard_ask(const struct http_head *head, struct web_asked *a, struct err *e)
{
	struct str value;

	if (!find_cookie(head, a, &value)) {
		return refuse(a, 401, e, "nobody is logged in here");
	}
	a->login = web_cookie_digest(value);
	web_csrf(value, a->csrf);
	if (!is_post(head)) {
		return str_eq_z(head->method, "GET")
		           ? 0
		           : refuse(a, 400, e, "pages use GET and POST");
	}
	if (!has_csrf(head, a)) {
		return refuse(a, 403, e,
		    "X-CSRF-Token is not this login's: load the page anew");
	}
	if (!is_of_type(head, "application/json")) {
		return refuse(a, 400, e, "a page's POST is application/json");
	}
	return 0;
}

static enum web_kind
kind_of(const struct http_head *head, const struct web_file *file)
{
	if (file) {
		return WEB_PAGE;
	}
	if (!str_starts(head->path, STR("/web/"))) {
		return WEB_OTHER;
	}
	return str_eq_z(head->path, "/web/login") ? WEB_LOGIN : WEB_ASK;
}

int
web_guard(const struct http_head *head, struct str hosts,
    struct web_asked *asked, struct err *e)
{
	struct web_asked a = { .file = web_find(head->path) };

	a.kind = kind_of(head, a.file);
	*asked = a;
	if (head->form != HTTP_ORIGIN ||
	    !web_host_known(head->authority, hosts, &a.tls)) {
		return refuse(asked, 403, e,
		    "this address is asked for by its own name: 127.0.0.1, "
		    "localhost or one of [api] hosts");
	}
	if (a.kind == WEB_OTHER) {
		*asked = a;
		return 0;
	}
	name_cookie(head, &a);
	a.ends = str_eq_z(head->path, "/web/logout");
	a.ended = str_eq_z(head->path, WEB_LOGIN_PATH) &&
	          str_eq_z(head->query, "ended");
	*asked = a;
	if (a.kind == WEB_PAGE) {
		if (!str_eq_z(head->method, "GET") &&
		    !str_eq_z(head->method, "HEAD")) {
			return refuse(
			    asked, 403, e, "a page is read with GET or HEAD");
		}
		return may_read(head)
		           ? 0
		           : refuse(asked, 403, e,
		                 "another page asks for this one "
		                 "(Sec-Fetch-Site): type its address in, or "
		                 "follow a link to it");
	}
	if (!same_origin(head, a.tls)) {
		return refuse(asked, 403, e,
		    "only a page of this very address may ask this: Origin "
		    "and Sec-Fetch-Site say otherwise, or nothing");
	}
	return a.kind == WEB_LOGIN ? guard_login(head, asked, e)
	                           : guard_ask(head, asked, e);
}
