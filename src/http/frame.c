/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

/*
 * RFC 9112 §6: how long a body is.  Everything that two implementations have
 * been seen to read differently is refused (H01, H02, H15).
 */

static int
read_length(struct http_reader *r, struct str value, struct err *e)
{
	struct http_head *h = &r->head;

	if (!syntax_digits(value) || (value.len > 1 && value.at[0] == '0')) {
		return refuse(r, 400, e, "malformed Content-Length");
	}
	if (!str_u64(value, &h->length) || h->length > r->body_max) {
		return refuse(r, 413, e, "body over the limit");
	}
	h->framing = h->length ? HTTP_LENGTH : HTTP_EMPTY;
	return 0;
}

/* One Content-Length or one `Transfer-Encoding: chunked`, never both. */
static int
read_framing(struct http_reader *r, bool *stated, struct err *e)
{
	struct http_head *h = &r->head;
	const struct str *length = http_find(h, "content-length");
	const struct str *coding = http_find(h, "transfer-encoding");

	*stated = length || coding;
	if (length && coding) {
		return refuse(
		    r, 400, e, "Content-Length and Transfer-Encoding together");
	}
	if (http_count(h, "content-length") > 1 ||
	    http_count(h, "transfer-encoding") > 1) {
		return refuse(r, 400, e, "body framing stated twice");
	}
	if (length) {
		return read_length(r, *length, e);
	}
	if (!coding) {
		return 0;
	}
	if (h->minor == 0) {
		return refuse(r, 400, e, "Transfer-Encoding in HTTP/1.0");
	}
	if (!str_eq_nocase(*coding, STR("chunked"))) {
		return refuse(r, 400, e, "Transfer-Encoding is not 'chunked'");
	}
	h->framing = HTTP_CHUNKED;
	return 0;
}

static void
read_connection(struct http_head *h)
{
	h->keep_alive =
	    h->minor == 1 && !http_has_token(h, "connection", "close");
	h->upgrade = h->minor == 1 &&
	             http_has_token(h, "connection", "upgrade") &&
	             http_find(h, "upgrade");
}

int
frame_request(struct http_reader *r, struct err *e)
{
	struct http_head *h = &r->head;
	const struct str *expect = http_find(h, "expect");
	bool stated;

	if (read_framing(r, &stated, e)) {
		return -1;
	}
	read_connection(h);
	if (http_has_token(h, "upgrade", "h2c")) {
		return refuse(r, 400, e, "upgrade to h2c is not served");
	}
	if (expect && h->minor == 1) {
		if (http_count(h, "expect") > 1 ||
		    !str_eq_nocase(*expect, STR("100-continue"))) {
			return refuse(r, 417, e, "unknown expectation");
		}
		h->expect = true;
	}
	if (h->form == HTTP_AUTHORITY && stated) {
		return refuse(r, 400, e, "CONNECT with a body");
	}
	return 0;
}

static int
frame_empty(struct http_reader *r, bool stated, struct err *e)
{
	struct http_head *h = &r->head;

	/* HEAD and 304 state the length of what they do not send. */
	if ((h->status == 204 || h->status < 200) && stated &&
	    h->framing != HTTP_EMPTY) {
		return refuse(r, 400, e, "a body where none may be");
	}
	h->framing = HTTP_EMPTY;
	h->length = 0;
	return 0;
}

int
frame_response(struct http_reader *r, struct err *e)
{
	struct http_head *h = &r->head;
	bool stated;

	/* The length of what HEAD does not send is not ours to bound. */
	uint64_t limit = r->body_max;

	if (r->answer_to_head) {
		r->body_max = UINT64_MAX;
	}
	int failed = read_framing(r, &stated, e);

	r->body_max = limit;
	if (failed) {
		return -1;
	}
	read_connection(h);
	if (h->status == 101) {
		if (!r->take_upgrade || !h->upgrade) {
			return refuse(r, 400, e, "101 that nobody asked for");
		}
		h->keep_alive = false;
		return frame_empty(r, stated, e);
	}
	if (h->status < 200 || h->status == 204 || h->status == 304 ||
	    r->answer_to_head) {
		return frame_empty(r, stated, e);
	}
	if (!stated) {
		h->framing = HTTP_UNTIL_CLOSE;
		h->keep_alive = false;
	}
	return 0;
}
