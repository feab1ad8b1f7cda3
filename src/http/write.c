/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

#include <stdio.h>

static const struct {
	unsigned status;
	const char *text;
} reasons[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 102, "Processing" },
	{ 103, "Early Hints" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 407, "Proxy Authentication Required" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

const char *
http_reason(unsigned status)
{
	for (size_t i = 0; i < COUNT(reasons); i++) {
		if (reasons[i].status == status) {
			return reasons[i].text;
		}
	}
	return "";
}

int
http_write_request(
    struct buf *b, struct str method, struct str target, struct err *e)
{
	if (!syntax_token(method) || !target.len) {
		return err_set(e, ERR_INPUT, "http: malformed request to send");
	}
	for (size_t i = 0; i < target.len; i++) {
		if (target.at[i] <= 0x20 || target.at[i] >= 0x7f) {
			return err_set(
			    e, ERR_INPUT, "http: byte that no target may hold");
		}
	}
	buf_add(b, method);
	buf_add_byte(b, ' ');
	buf_add(b, target);
	buf_add(b, STR(" HTTP/1.1\r\n"));
	return 0;
}

void
http_write_status(struct buf *b, unsigned status)
{
	must(status >= 100 && status <= 599);
	buf_add(b, STR("HTTP/1.1 "));
	buf_add_u64(b, status);
	buf_add_byte(b, ' ');
	buf_add_z(b, http_reason(status));
	buf_add(b, STR("\r\n"));
}

static void
add_header(struct buf *b, struct str name, struct str value)
{
	buf_add(b, name);
	buf_add(b, STR(": "));
	buf_add(b, value);
	buf_add(b, STR("\r\n"));
}

int
http_write_header(
    struct buf *b, struct str name, struct str value, struct err *e)
{
	if (!syntax_token(name)) {
		return err_set(e, ERR_INPUT, "http: '%s' is no header name",
		    err_quote(name));
	}
	if (!syntax_value(value)) {
		/* The value may be a secret: it is not shown. */
		return err_set(e, ERR_INPUT,
		    "http: control byte in the value of header '%s'",
		    err_quote(name));
	}
	add_header(b, name, str_trim(value));
	return 0;
}

void
http_write_parsed(struct buf *b, const struct http_header *h)
{
	add_header(b, h->name, h->value);
}

void
http_write_header_z(struct buf *b, const char *name, const char *value)
{
	must(syntax_token(str_of(name)) && syntax_value(str_of(value)));
	add_header(b, str_of(name), str_of(value));
}

void
http_write_length(struct buf *b, uint64_t length)
{
	buf_add(b, STR("Content-Length: "));
	buf_add_u64(b, length);
	buf_add(b, STR("\r\n"));
}

void
http_write_end(struct buf *b)
{
	buf_add(b, STR("\r\n"));
}

void
http_write_chunk(struct buf *b, struct str data)
{
	if (data.len) {
		buf_addf(b, "%zx\r\n", data.len);
		buf_add(b, data);
		buf_add(b, STR("\r\n"));
	}
}

void
http_write_last_chunk(struct buf *b)
{
	buf_add(b, STR("0\r\n\r\n"));
}

void
http_write_answer(struct buf *b, unsigned status, const char *type,
    struct str body, bool keep_alive)
{
	http_write_status(b, status);
	if (type) {
		http_write_header_z(b, "Content-Type", type);
	}
	if (status != 204 && status != 304) {
		http_write_length(b, body.len);
	}
	if (!keep_alive) {
		http_write_header_z(b, "Connection", "close");
	}
	http_write_end(b);
	if (status != 204 && status != 304) {
		buf_add(b, body);
	}
}
