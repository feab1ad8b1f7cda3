/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

#include <string.h>

int
refuse(struct http_reader *r, uint16_t status, struct err *e, const char *why)
{
	bool limit = status == 413 || status == 414 || status == 431;

	r->refusal = status;
	return err_set(e, limit ? ERR_LIMIT : ERR_INPUT, "http: %s", why);
}

bool
head_line(struct str line, struct http_header *out)
{
	struct str value = line;
	struct str name;

	if (!str_cut(&value, ':', &name) || !syntax_token(name)) {
		return false;
	}
	value = str_trim(value);
	if (!syntax_value(value)) {
		return false;
	}
	*out = (struct http_header){ name, value };
	return true;
}

/* The line without CRLF at the front of *rest, which the reader has checked to
 * end so. */
static struct str
next_line(struct str *rest)
{
	struct str line;

	(void)str_cut(rest, '\n', &line);
	return str_sub(line, 0, line.len - 1);
}

static int
parse_version(struct http_reader *r, struct str version, struct err *e)
{
	if (str_eq_z(version, "HTTP/1.1")) {
		r->head.minor = 1;
		return 0;
	}
	if (str_eq_z(version, "HTTP/1.0")) {
		r->head.minor = 0;
		return 0;
	}
	if (version.len == 8 && str_starts(version, STR("HTTP/")) &&
	    version.at[6] == '.' && syntax_digits(str_sub(version, 5, 1)) &&
	    syntax_digits(str_sub(version, 7, 1))) {
		return refuse(
		    r, 505, e, "only HTTP/1.0 and HTTP/1.1 are known");
	}
	return refuse(r, 400, e, "malformed HTTP version");
}

bool
http_method_ok(struct str method)
{
	return syntax_token(method) && method.len <= HTTP_METHOD_MAX;
}

static int
parse_request_line(struct http_reader *r, struct str line, struct err *e)
{
	struct http_head *h = &r->head;
	struct str rest = line;

	if (!str_cut(&rest, ' ', &h->method) ||
	    !str_cut(&rest, ' ', &h->target)) {
		return refuse(r, 400, e, "malformed request line");
	}
	if (!http_method_ok(h->method)) {
		return refuse(r, 400, e, "malformed method");
	}
	if (h->target.len > HTTP_TARGET_MAX) {
		return refuse(r, 414, e, "request target over 8192 bytes");
	}
	if (parse_version(r, rest, e)) {
		return -1;
	}
	if (str_eq_z(h->method, "TRACE")) {
		return refuse(r, 405, e, "TRACE is never served");
	}
	if (str_eq_z(h->method, "CONNECT") && !r->take_connect) {
		return refuse(r, 405, e, "CONNECT is not served here");
	}
	return 0;
}

static int
parse_status_line(struct http_reader *r, struct str line, struct err *e)
{
	struct http_head *h = &r->head;
	struct str rest = line;
	struct str version;
	struct str digits;
	uint64_t status;

	if (!str_cut(&rest, ' ', &version)) {
		return refuse(r, 400, e, "malformed status line");
	}
	if (parse_version(r, version, e)) {
		return -1;
	}
	/* A reason phrase may be missing, and with it the space before it. */
	(void)str_cut(&rest, ' ', &digits);
	if (digits.len != 3 || !syntax_digits(digits) ||
	    !str_u64(digits, &status) || status < 100 || status > 599) {
		return refuse(r, 400, e, "malformed status code");
	}
	if (!syntax_value(rest)) {
		return refuse(r, 400, e, "control byte in the reason phrase");
	}
	h->status = (uint16_t)status;
	h->reason = rest;
	return 0;
}

static int
parse_headers(struct http_reader *r, struct str rest, struct err *e)
{
	struct http_head *h = &r->head;

	h->headers = arena_array(&r->arena, r->lines, sizeof(*h->headers));
	for (struct str line = next_line(&rest); line.len;
	     line = next_line(&rest)) {
		if (!head_line(line, &h->headers[h->count])) {
			return refuse(r, 400, e, "malformed header line");
		}
		if (!r->response && !str_is_utf8(line)) {
			return refuse(r, 400, e, "header is not UTF-8");
		}
		h->count++;
	}
	return 0;
}

int
head_parse(struct http_reader *r, struct err *e)
{
	struct str rest = buf_str(&r->bytes);
	struct str line = next_line(&rest);

	if (r->response) {
		if (parse_status_line(r, line, e) ||
		    parse_headers(r, rest, e)) {
			return -1;
		}
		return frame_response(r, e);
	}
	if (parse_request_line(r, line, e) || parse_headers(r, rest, e) ||
	    target_parse(r, e)) {
		return -1;
	}
	return frame_request(r, e);
}
