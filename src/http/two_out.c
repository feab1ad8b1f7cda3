/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "http/two_inner.h"

/* --- what goes -------------------------------------------------------------
 */

struct fields {
	nghttp2_nv at[HTTP_HEADERS_MAX + HTTP_ADDED_MAX + 4]; /* :method … */
	size_t count;
	uint8_t flags;
};

/* nghttp2 copies both when they are submitted, and the name in small letters.
 */
static void
field_add(struct fields *f, struct str name, struct str value)
{
	must(f->count < COUNT(f->at));
	/* NOLINTBEGIN(performance-no-int-to-ptr): it only reads there */
	f->at[f->count++] = (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name.at,
		.namelen = name.len,
		.value = (uint8_t *)(uintptr_t)value.at,
		.valuelen = value.len,
		.flags = f->flags };
	/* NOLINTEND(performance-no-int-to-ptr) */
}

/* What frames an HTTP/1.1 message has no place here. */
static void
fields_add(struct fields *f, const struct http_head *h)
{
	for (size_t i = 0; i < h->count; i++) {
		struct str name = h->headers[i].name;
		if (!str_eq_nocase(name, STR("host")) &&
		    !str_eq_nocase(name, STR("connection")) &&
		    !str_eq_nocase(name, STR("transfer-encoding"))) {
			field_add(f, name, h->headers[i].value);
		}
	}
}

static void
submit_trailers(struct http_two *t, struct stream *s)
{
	struct fields f = { 0 };
	struct str rest = buf_str(&s->trailers);
	struct str line;
	bool more = true;
	while (more && f.count < HTTP_HEADERS_MAX) {
		more = str_cut(&rest, '\n', &line);
		struct str value = str_trim(line);
		struct str name;
		if (value.len > 0 && value.at[value.len - 1] == '\r') {
			value.len--;
		}
		if (str_cut(&value, ':', &name)) {
			field_add(&f, name, str_trim(value));
		}
	}
	(void)nghttp2_submit_trailer(t->session, s->id, f.at, f.count);
}

static ssize_t /* NOLINTNEXTLINE(readability-function-size): of nghttp2 */
source(nghttp2_session *session, int32_t id, uint8_t *at, size_t room,
    uint32_t *flags, nghttp2_data_source *from, void *context)
{
	struct http_two *t = context;
	struct stream *s = two_stream(t, id);
	(void)session;
	(void)from;
	if (!s) {
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	size_t n = s->out.len < room ? s->out.len : room;
	if (n == 0 && !s->out_end) {
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0) {
		memcpy(at, s->out.at, n);
		buf_drop(&s->out, n);
		wipe(s->out.at + s->out.len, n);
	}
	if (s->out.len == 0 && s->out_end) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->trailers.len > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			submit_trailers(t, s);
		}
	}
	return (ssize_t)n;
}

static int
read_head(struct http_reader *r, struct str head, const struct http_head **out,
    struct err *e)
{
	struct http_event ev = { .kind = HTTP_MORE };
	r->ours = true;
	int failed = http_read(r, &head, &ev, e);
	if (ev.kind != HTTP_HEAD && ev.kind != HTTP_INTERIM) {
		return err_set(e, ERR_INPUT, "HTTP/2: not a whole head");
	}
	*out = ev.head;
	return failed;
}

int
http_two_ask(struct http_two *t, struct str head, bool body, bool secret,
    int32_t *stream, struct err *e)
{
	struct http_reader r;
	const struct http_head *h = NULL;
	struct fields f = { .flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : 0 };
	nghttp2_data_provider from = { .read_callback = source };
	http_reader_request(&r);
	/* It may hold a secret: its copy does not grow, and is wiped. */
	buf_room(&r.bytes, head.len);
	int failed = read_head(&r, head, &h, e);
	if (!failed) {
		struct stream *s = two_stream_new(t);
		s->length = str_eq_z(h->method, "HEAD"); /* of its answer */
		field_add(&f, STR(":method"), h->method);
		field_add(&f, STR(":scheme"), STR("https"));
		field_add(&f, STR(":authority"), h->authority);
		field_add(&f, STR(":path"), h->target);
		fields_add(&f, h);
		*stream = nghttp2_submit_request(
		    t->session, NULL, f.at, f.count, body ? &from : NULL, NULL);
		s->id = *stream;
		if (*stream < 0) {
			two_stream_free(t, s);
			failed = err_set(e, ERR_UNAVAILABLE, "HTTP/2: %s",
			    nghttp2_strerror(*stream));
		}
	}
	http_reader_fini(&r);
	return failed;
}

int
http_two_answer(struct http_two *t, int32_t stream, struct str head, bool body,
    struct err *e)
{
	struct http_reader r;
	const struct http_head *h = NULL;
	struct fields f = { 0 };
	char status[8];
	nghttp2_data_provider from = { .read_callback = source };
	http_reader_response(&r);
	r.answer_to_head = !body;
	int failed = read_head(&r, head, &h, e);
	if (!failed) {
		auto_buf number = { 0 };
		buf_add_u64(&number, h->status);
		must(str_copy(status, sizeof(status), buf_str(&number)));
		field_add(&f, STR(":status"), str_of(status));
		fields_add(&f, h);
		int answer =
		    h->status < 200
		        ? nghttp2_submit_headers(t->session, NGHTTP2_FLAG_NONE,
		              stream, NULL, f.at, f.count, NULL)
		        : nghttp2_submit_response(t->session, stream, f.at,
		              f.count, body ? &from : NULL);
		failed = answer ? err_set(e, ERR_UNAVAILABLE, "HTTP/2: %s",
		                      nghttp2_strerror(answer))
		                : 0;
	}
	http_reader_fini(&r);
	return failed;
}

void
http_two_data(struct http_two *t, int32_t stream, struct str bytes)
{
	struct stream *s = two_stream(t, stream);
	if (s) {
		buf_room_wiped(&s->out, bytes.len);
		buf_add(&s->out, bytes);
		(void)nghttp2_session_resume_data(t->session, stream);
	}
}

void
http_two_end(struct http_two *t, int32_t stream, struct str trailers)
{
	struct stream *s = two_stream(t, stream);
	if (!s || s->out_end) {
		return;
	}
	s->out_end = true;
	if (str_has(trailers, ':')) {
		buf_add(&s->trailers, trailers);
	}
	(void)nghttp2_session_resume_data(t->session, stream);
}

size_t
http_two_waiting(const struct http_two *t, int32_t stream)
{
	const struct stream *s = two_stream(t, stream);
	return s ? s->out.len : 0;
}

void
http_two_taken(struct http_two *t, int32_t stream)
{
	struct stream *s = two_stream(t, stream);
	if (s && s->given > 0) {
		size_t late = s->late.len;
		(void)nghttp2_session_consume(
		    t->session, stream, s->given - late);
		s->given = late;
		two_give_late(t, s);
	}
}

void
two_reset(struct http_two *t, int32_t stream, uint32_t code)
{
	must(nghttp2_submit_rst_stream(
	         t->session, NGHTTP2_FLAG_NONE, stream, code) == 0);
}

void
http_two_reset(struct http_two *t, int32_t stream)
{
	two_reset(
	    t, stream, t->server ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
}

void
http_two_refuse(struct http_two *t, int32_t stream)
{
	two_reset(t, stream, NGHTTP2_REFUSED_STREAM);
}

bool
http_two_stop(struct http_two *t)
{
	bool more = false;
	for (struct stream *s = t->streams; s; s = s->next) {
		if (s->stop) {
			two_reset(t, s->id, NGHTTP2_NO_ERROR);
		}
		more = more || (s->out_end && !s->stop);
		s->stop = s->said;
	}
	return more;
}

void
http_two_leave(struct http_two *t)
{
	must(nghttp2_session_terminate_session(t->session, NGHTTP2_NO_ERROR) ==
	     0);
}
