/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

#include <string.h>

/* The states of DESIGN. */
enum state {
	IN_HEAD,
	IN_LENGTH,
	IN_UNTIL_CLOSE,
	IN_SIZE,
	IN_EXTENSION,
	IN_SIZE_LF,
	IN_CHUNK,
	IN_CHUNK_CR,
	IN_CHUNK_LF,
	IN_TRAILER,
	AT_INTERIM, /* a 1xx was given out; its bytes go with the next call */
	AT_END,     /* HTTP_END not given out yet */
	DONE,
	FAILED,
};

/* The longest first line: method, target, version, two spaces, CRLF. */
#define FIRST_LINE_MAX (HTTP_METHOD_MAX + HTTP_TARGET_MAX + 12)

void
http_reader_request(struct http_reader *r)
{
	*r = (struct http_reader){ .body_max = UINT64_MAX };
}

void
http_reader_response(struct http_reader *r)
{
	*r = (struct http_reader){ .body_max = UINT64_MAX, .response = true };
}

void
http_reader_fini(struct http_reader *r)
{
	buf_wipe(&r->bytes);
	buf_wipe(&r->trailer);
	arena_fini(&r->arena);
	r->state = FAILED;
}

static void
forget_head(struct http_reader *r)
{
	buf_clear(&r->bytes);
	arena_clear(&r->arena);
	r->head = (struct http_head){ 0 };
	r->line = 0;
	r->lines = 0;
	r->state = IN_HEAD;
}

void
http_reader_next(struct http_reader *r)
{
	must(r->state == DONE);
	forget_head(r);
	buf_clear(&r->trailer);
	r->take_connect = false;
	r->take_upgrade = false;
	r->answer_to_head = false;
	r->ours = false;
	r->interims = 0;
	r->before = 0;
	r->total = 0;
	r->extra = 0;
}

bool
http_reader_idle(const struct http_reader *r)
{
	return r->state == IN_HEAD && !r->bytes.len && !r->interims;
}

static struct str
take(struct str *in, size_t n)
{
	struct str front = str_sub(*in, 0, n);

	*in = str_sub(*in, n, in->len);
	return front;
}

/* Checks the end of a whole line.  A bare CR, NUL and all else that is wrong
 * inside it has no place in the alphabet of its parts. */
static int
check_line(struct http_reader *r, struct str line, bool *empty, struct err *e)
{
	if (line.len < 2 || line.at[line.len - 2] != '\r') {
		return refuse(r, 400, e, "bare line feed");
	}
	*empty = line.len == 2;
	return 0;
}

static int
after_head(struct http_reader *r, struct http_event *ev, struct err *e)
{
	struct http_head *h = &r->head;

	ev->kind = HTTP_HEAD;
	ev->head = h;
	if (r->response && h->status < 200 && h->status != 101) {
		if (++r->interims > HTTP_INTERIM_MAX) {
			return refuse(r, 400, e, "too many interim answers");
		}
		ev->kind = HTTP_INTERIM;
		r->state = AT_INTERIM;
		return 0;
	}
	switch (h->framing) {
	case HTTP_EMPTY:
		r->state = AT_END;
		break;
	case HTTP_LENGTH:
		r->left = h->length;
		r->state = IN_LENGTH;
		break;
	case HTTP_CHUNKED:
		r->state = IN_SIZE;
		break;
	case HTTP_UNTIL_CLOSE:
		r->state = IN_UNTIL_CLOSE;
		break;
	}
	return 0;
}

/* At most `room` bytes, up to and with the next LF. */
static size_t
line_piece(struct str in, size_t room, bool *whole)
{
	size_t n = in.len < room ? in.len : room;
	const char *end = n ? memchr(in.at, '\n', n) : NULL;

	*whole = end != NULL;
	return end ? (size_t)(end - in.at) + 1 : n;
}

/* What stands for a credential is longer than the shortest of them. */
static size_t
bytes_max(const struct http_reader *r, size_t of_strangers)
{
	return r->ours ? 3 * of_strangers : of_strangers;
}

static unsigned
lines_max(const struct http_reader *r)
{
	return HTTP_HEADERS_MAX + (r->ours ? HTTP_ADDED_MAX : 0);
}

/* One line, or what there is of it. */
static int
read_head(
    struct http_reader *r, struct str *in, struct http_event *ev, struct err *e)
{
	size_t most = bytes_max(r, HTTP_HEAD_MAX) - r->before;
	size_t max = r->lines || most < FIRST_LINE_MAX ? most : FIRST_LINE_MAX;
	bool whole;
	bool empty = false;
	size_t n = line_piece(*in, max + 1 - r->bytes.len, &whole);

	buf_add(&r->bytes, take(in, n));
	if (r->bytes.len > max) {
		return refuse(r, r->lines || r->response ? 431 : 414, e,
		    r->lines ? "head over 65536 bytes" : "first line too long");
	}
	if (!whole) {
		return 0;
	}
	if (check_line(r, str_sub(buf_str(&r->bytes), r->line, r->bytes.len),
	        &empty, e)) {
		return -1;
	}
	r->line = r->bytes.len;
	if (!empty) {
		if (++r->lines > lines_max(r) + 1) {
			return refuse(r, 431, e, "more than 100 headers");
		}
		return 0;
	}
	if (head_parse(r, e)) {
		return -1;
	}
	return after_head(r, ev, e);
}

static void
give_data(struct http_reader *r, struct str *in, struct http_event *ev)
{
	size_t n = r->left < in->len ? (size_t)r->left : in->len;

	ev->kind = HTTP_DATA;
	ev->data = take(in, n);
	r->left -= n;
}

static int
read_length(struct http_reader *r, struct str *in, struct http_event *ev)
{
	give_data(r, in, ev);
	if (!r->left) {
		r->state = AT_END;
	}
	return 0;
}

static int
read_until_close(
    struct http_reader *r, struct str *in, struct http_event *ev, struct err *e)
{
	uint64_t room = r->body_max - r->total;

	if (!room) {
		return refuse(r, 413, e, "body over the limit");
	}
	ev->kind = HTTP_DATA;
	ev->data = take(in, in->len < room ? in->len : (size_t)room);
	r->total += ev->data.len;
	return 0;
}

static int
size_complete(struct http_reader *r, struct err *e)
{
	if (r->left > r->body_max - r->total) {
		return refuse(r, 413, e, "body over the limit");
	}
	r->total += r->left;
	r->state = r->left ? IN_CHUNK : IN_TRAILER;
	r->line = 0; /* of the trailer; the head's is not needed any more */
	return 0;
}

static int
read_size(struct http_reader *r, struct str *in, struct err *e)
{
	char c = take(in, 1).at[0];
	int digit = hex_digit(c);

	if (digit >= 0) {
		if (++r->digits > 16) {
			return refuse(r, 400, e, "chunk size over 16 digits");
		}
		r->left = r->left << 4 | (unsigned)digit;
		return 0;
	}
	if (!r->digits || (c != ';' && c != '\r')) {
		return refuse(r, 400, e, "malformed chunk size");
	}
	r->digits = 0;
	r->extra_line = 0;
	r->state = c == ';' ? IN_EXTENSION : IN_SIZE_LF;
	return 0;
}

static int
read_extension(struct http_reader *r, struct str *in, struct err *e)
{
	struct str c = take(in, 1);

	if (c.at[0] == '\r') {
		r->state = IN_SIZE_LF;
		return 0;
	}
	if (!syntax_value(c)) {
		return refuse(r, 400, e, "malformed chunk extension");
	}
	if (++r->extra_line > HTTP_CHUNK_LINE || ++r->extra > HTTP_EXTENSIONS) {
		return refuse(r, 400, e, "chunk extensions too long");
	}
	return 0;
}

static int
read_exactly(struct http_reader *r, struct str *in, char c, struct err *e)
{
	if (take(in, 1).at[0] != c) {
		return refuse(r, 400, e, "chunk line without CRLF");
	}
	return 0;
}

static int
read_chunk_frame(struct http_reader *r, struct str *in, struct err *e)
{
	if (r->state == IN_SIZE) {
		return read_size(r, in, e);
	}
	if (r->state == IN_EXTENSION) {
		return read_extension(r, in, e);
	}
	if (read_exactly(r, in, r->state == IN_CHUNK_CR ? '\r' : '\n', e)) {
		return -1;
	}
	if (r->state == IN_SIZE_LF) {
		return size_complete(r, e);
	}
	r->state = r->state == IN_CHUNK_CR ? IN_CHUNK_LF : IN_SIZE;
	return 0;
}

/* Trailers are checked like headers, then dropped (H04). */
static int
read_trailer(struct http_reader *r, struct str *in, struct err *e)
{
	struct http_header field;
	bool whole;
	bool empty = false;
	size_t max = bytes_max(r, HTTP_TRAILERS_MAX);
	size_t n = line_piece(*in, max + 1 - r->trailer.len, &whole);

	buf_add(&r->trailer, take(in, n));
	if (r->trailer.len > max) {
		return refuse(r, 431, e, "trailers over 8192 bytes");
	}
	if (!whole) {
		return 0;
	}
	struct str line =
	    str_sub(buf_str(&r->trailer), r->line, r->trailer.len);

	if (check_line(r, line, &empty, e)) {
		return -1;
	}
	r->line = r->trailer.len;
	if (empty) {
		r->state = AT_END;
		return 0;
	}
	if (!head_line(str_sub(line, 0, line.len - 2), &field)) {
		return refuse(r, 400, e, "malformed trailer");
	}
	if (!r->response && !field_in_trailer(field.name)) {
		return refuse(r, 400, e, "field that no trailer may hold");
	}
	return 0;
}

/* One move; ev->kind stays HTTP_MORE where it gave nothing out. */
static int
step(
    struct http_reader *r, struct str *in, struct http_event *ev, struct err *e)
{
	switch ((enum state)r->state) {
	case IN_HEAD:
		return read_head(r, in, ev, e);
	case IN_LENGTH:
		return read_length(r, in, ev);
	case IN_UNTIL_CLOSE:
		return read_until_close(r, in, ev, e);
	case IN_CHUNK:
		give_data(r, in, ev);
		if (!r->left) {
			r->state = IN_CHUNK_CR;
		}
		return 0;
	case IN_SIZE:
	case IN_EXTENSION:
	case IN_SIZE_LF:
	case IN_CHUNK_CR:
	case IN_CHUNK_LF:
		return read_chunk_frame(r, in, e);
	case IN_TRAILER:
		return read_trailer(r, in, e);
	case AT_INTERIM:
	case AT_END:
	case DONE:
	case FAILED:
		break;
	}
	must_fail("a state that reads", __FILE__, __LINE__);
}

int
http_read(
    struct http_reader *r, struct str *in, struct http_event *ev, struct err *e)
{
	struct http_event given = { .kind = HTTP_MORE };

	if (r->state == FAILED) {
		return err_set(e, ERR_INPUT, "http: read after a refusal");
	}
	if (r->state == AT_INTERIM) {
		r->before += r->bytes.len;
		forget_head(r);
	}
	while (given.kind == HTTP_MORE && in->len && r->state < AT_INTERIM) {
		if (step(r, in, &given, e)) {
			r->state = FAILED;
			return -1;
		}
	}
	if (given.kind == HTTP_MORE && r->state == AT_END) {
		r->state = DONE;
		given.kind = HTTP_END;
	}
	*ev = given;
	return 0;
}

int
http_read_eof(struct http_reader *r, struct http_event *ev, struct err *e)
{
	*ev = (struct http_event){ .kind = HTTP_MORE };
	if (r->state == DONE || http_reader_idle(r)) {
		return 0;
	}
	if (r->state == IN_UNTIL_CLOSE || r->state == AT_END) {
		r->state = DONE;
		ev->kind = HTTP_END;
		return 0;
	}
	r->state = FAILED;
	return refuse(r, 400, e, "closed in the middle of a message");
}
