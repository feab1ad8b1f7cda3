/* SPDX-License-Identifier: Apache-2.0 */
#include "http/two.h"

#include <ctype.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "http/http.h"

#define EMPTY_FRAMES 1000 /* of no byte and no end, in one session */

struct stream {
	struct stream *next, *previous;
	int32_t id;
	struct buf head;  /* text of the head that is coming */
	struct buf extra; /* lines behind its first: the fields */
	struct buf out;   /* data not yet framed */
	struct buf trailers;
	bool out_end;
	bool began;   /* its head was given out */
	bool length;  /* its message has a Content-Length */
	size_t given; /* bytes whose window is not open again */
	/* of the head that is coming */
	struct buf method, path, authority;
	unsigned status;
	bool host;
};

struct http_two {
	nghttp2_session *session;
	const struct http_two_ops *ops;
	void *owner;
	bool server;
	bool failed;
	unsigned empty;
	struct stream *streams;
};

static struct stream *
stream_of(const struct http_two *t, int32_t id)
{
	struct stream *s = t->streams;
	while (s && s->id != id) {
		s = s->next;
	}
	return s;
}

static void
fields_clear(struct stream *s)
{
	buf_fini(&s->head);
	buf_fini(&s->extra);
	buf_fini(&s->method);
	buf_fini(&s->path);
	buf_fini(&s->authority);
	s->status = 0;
	s->host = false;
}

static struct stream *
stream_new(struct http_two *t)
{
	struct stream *s = calloc(1, sizeof(*s));
	must(s);
	s->next = t->streams;
	if (s->next) {
		s->next->previous = s;
	}
	t->streams = s;
	return s;
}

static void
stream_free(struct http_two *t, struct stream *s)
{
	if (s->previous) {
		s->previous->next = s->next;
	} else {
		t->streams = s->next;
	}
	if (s->next) {
		s->next->previous = s->previous;
	}
	fields_clear(s);
	buf_wipe(&s->out);
	buf_fini(&s->trailers);
	free(s);
}

/* --- what comes ------------------------------------------------------------
 */

static int
on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http_two *t = context;
	int32_t id = frame->hd.stream_id;
	(void)session;
	if (stream_of(t, id)) {
		return 0;
	}
	struct stream *s = stream_new(t);
	s->id = id;
	return 0;
}

/* G01: a Host beside :authority must be the same. */
static bool
take_host(struct stream *s, struct str value)
{
	bool same = s->authority.len == 0 ||
	            str_eq_nocase(buf_str(&s->authority), value);
	if (s->authority.len == 0) {
		buf_add(&s->authority, value);
	}
	return same && !s->host;
}

static int
on_field(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_size, const uint8_t *value,
    size_t value_size, uint8_t flags, void *context)
{
	struct http_two *t = context;
	struct stream *s = stream_of(t, frame->hd.stream_id);
	struct str n = str_span(name, name_size);
	struct str v = str_span(value, value_size);
	struct err e;
	uint64_t status;
	(void)session;
	(void)flags;
	if (!s) {
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	if (str_eq_z(n, ":method")) {
		buf_add(&s->method, v);
	} else if (str_eq_z(n, ":path")) {
		buf_add(&s->path, v);
	} else if (str_eq_z(n, ":authority")) {
		buf_add(&s->authority, v);
	} else if (str_eq_z(n, ":status") && str_u64(v, &status)) {
		s->status = (unsigned)status;
	} else if (str_eq_z(n, "host")) {
		if (!take_host(s, v)) {
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
		s->host = true;
	} else if (n.len > 0 && n.at[0] != ':') {
		s->length =
		    s->length || (!s->began && str_eq_z(n, "content-length"));
		if (http_write_header(&s->extra, n, v, &e)) {
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	return 0;
}

static int
first_line(struct http_two *t, struct stream *s, struct err *e)
{
	if (!t->server) {
		http_write_status(&s->head, s->status);
		return 0;
	}
	if (http_write_request(
	        &s->head, buf_str(&s->method), buf_str(&s->path), e)) {
		return -1;
	}
	return http_write_header(
	    &s->head, STR("Host"), buf_str(&s->authority), e);
}

static void
give(struct http_two *t, struct stream *s, struct str text)
{
	t->ops->text(t->owner, s->id, text);
}

static int
head_came(struct http_two *t, struct stream *s, bool end)
{
	struct err e;
	bool interim = s->status >= 100 && s->status < 200;
	if (first_line(t, s, &e)) {
		return -1;
	}
	buf_add(&s->head, buf_str(&s->extra));
	if (!interim && !s->length && !end) {
		http_write_header_z(&s->head, "Transfer-Encoding", "chunked");
	} else if (!interim && !s->length && !t->server && end &&
	           s->status != 204 && s->status != 304) {
		http_write_header_z(&s->head, "Content-Length", "0");
	}
	http_write_end(&s->head);
	s->began = !interim;
	give(t, s, buf_str(&s->head));
	fields_clear(s);
	return 0;
}

static void
message_ended(struct http_two *t, struct stream *s, bool with_head)
{
	if (!with_head && !s->length) {
		auto_buf last = { 0 };
		buf_add_z(&last, "0\r\n");
		buf_add(&last, buf_str(&s->extra));
		buf_add_z(&last, "\r\n");
		give(t, s, buf_str(&last));
	}
	t->ops->ended(t->owner, s->id);
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http_two *t = context;
	struct stream *s = stream_of(t, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	(void)session;
	if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 && !end &&
	    ++t->empty > EMPTY_FRAMES) {
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (!s || (frame->hd.type != NGHTTP2_DATA &&
	              frame->hd.type != NGHTTP2_HEADERS)) {
		return 0;
	}
	bool head = frame->hd.type == NGHTTP2_HEADERS && !s->began;
	if (head && head_came(t, s, end)) {
		http_two_reset(t, s->id);
		return 0;
	}
	if (end) {
		message_ended(t, s, head);
	}
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id,
    const uint8_t *bytes, size_t size, void *context)
{
	struct http_two *t = context;
	struct stream *s = stream_of(t, id);
	struct str data = str_span(bytes, size);
	(void)session;
	(void)flags;
	if (!s) {
		return 0;
	}
	s->given += size;
	if (s->length) {
		give(t, s, data);
	} else {
		auto_buf chunk = { 0 };
		http_write_chunk(&chunk, data);
		give(t, s, buf_str(&chunk));
	}
	return 0;
}

static int
on_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
	struct http_two *t = context;
	struct stream *s = stream_of(t, id);
	(void)session;
	if (s) {
		t->ops->closed(t->owner, id, error == NGHTTP2_NO_ERROR);
		(void)nghttp2_session_consume_connection(t->session, s->given);
		stream_free(t, s);
	}
	return 0;
}

/* --- a session -------------------------------------------------------------
 */

static struct http_two *
session_new(bool server, const struct http_two_ops *ops, void *owner)
{
	struct http_two *t = calloc(1, sizeof(*t));
	nghttp2_session_callbacks *calls;
	nghttp2_option *option;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP_TWO_STREAMS },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP_TWO_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};
	must(t && nghttp2_session_callbacks_new(&calls) == 0 &&
	     nghttp2_option_new(&option) == 0);
	t->server = server;
	t->ops = ops;
	t->owner = owner;
	nghttp2_session_callbacks_set_on_begin_headers_callback(
	    calls, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
	    calls, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_outbound_ack(option, 100);
	nghttp2_option_set_max_settings(option, 16);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
	must(
	    (server ? nghttp2_session_server_new2(&t->session, calls, t, option)
	            : nghttp2_session_client_new2(
	                  &t->session, calls, t, option)) == 0);
	nghttp2_session_callbacks_del(calls);
	nghttp2_option_del(option);
	/* A server pushes nothing: that setting is the client's. */
	must(nghttp2_submit_settings(t->session, NGHTTP2_FLAG_NONE, settings,
	         server ? COUNT(settings) - 1 : COUNT(settings)) == 0);
	return t;
}

struct http_two *
http_two_server(const struct http_two_ops *ops, void *owner)
{
	return session_new(true, ops, owner);
}

struct http_two *
http_two_client(const struct http_two_ops *ops, void *owner)
{
	return session_new(false, ops, owner);
}

static void
no_text(void *owner, int32_t stream, struct str text)
{
	(void)owner;
	(void)stream;
	(void)text;
}

static void
no_end(void *owner, int32_t stream)
{
	(void)owner;
	(void)stream;
}

static void
no_close(void *owner, int32_t stream, bool orderly)
{
	(void)owner;
	(void)stream;
	(void)orderly;
}

void
http_two_free(struct http_two *t)
{
	static const struct http_two_ops silent = { no_text, no_end, no_close };
	if (t) {
		t->ops = &silent;
		nghttp2_session_del(t->session);
		while (t->streams) {
			stream_free(t, t->streams);
		}
		free(t);
	}
}

int
http_two_feed(struct http_two *t, struct str bytes, struct err *e)
{
	if (t->failed) {
		return err_set(e, ERR_INPUT, "HTTP/2: the session is over");
	}
	ssize_t n = nghttp2_session_mem_recv(
	    t->session, (const uint8_t *)bytes.at, bytes.len);
	if (n < 0) {
		t->failed = true;
		return err_set(
		    e, ERR_INPUT, "HTTP/2: %s", nghttp2_strerror((int)n));
	}
	return 0;
}

void
http_two_take(struct http_two *t, struct buf *out)
{
	const uint8_t *at;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(t->session, &at)) > 0) {
		buf_add(out, str_span(at, (size_t)n));
	}
}

bool
http_two_over(const struct http_two *t)
{
	return t->failed || (!nghttp2_session_want_read(t->session) &&
	                        !nghttp2_session_want_write(t->session));
}

/* --- what goes -------------------------------------------------------------
 */

struct fields {
	nghttp2_nv at[HTTP_HEADERS_MAX + 8];
	size_t count;
	struct arena arena;
	uint8_t flags;
};

static void
field_add(struct fields *f, struct str name, struct str value)
{
	must(f->count < COUNT(f->at));
	struct str low = arena_str(&f->arena, name);
	char *at = (char *)(uintptr_t)low.at;
	for (size_t i = 0; i < low.len; i++) {
		at[i] = (char)tolower((unsigned char)at[i]);
	}
	f->at[f->count++] = (nghttp2_nv){ .name = (uint8_t *)at,
		.namelen = low.len,
		.value = (uint8_t *)(uintptr_t)value.at,
		.valuelen = value.len,
		.flags = f->flags };
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
	arena_fini(&f.arena);
}

static ssize_t
source(nghttp2_session *session, int32_t id, uint8_t *at, size_t room,
    uint32_t *flags, nghttp2_data_source *from, void *context)
{
	struct http_two *t = context;
	struct stream *s = stream_of(t, id);
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
		__builtin_memcpy(at, s->out.at, n);
		buf_drop(&s->out, n);
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
	if (http_read(r, &head, &ev, e) || ev.kind != HTTP_HEAD) {
		return ev.kind == HTTP_HEAD
		           ? -1
		           : err_set(e, ERR_INPUT, "HTTP/2: not a whole head");
	}
	*out = ev.head;
	return 0;
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
	int failed = read_head(&r, head, &h, e);
	if (!failed) {
		struct stream *s = stream_new(t);
		field_add(&f, STR(":method"), h->method);
		field_add(&f, STR(":scheme"), STR("https"));
		field_add(&f, STR(":authority"), h->authority);
		field_add(&f, STR(":path"), h->target);
		fields_add(&f, h);
		*stream = nghttp2_submit_request(
		    t->session, NULL, f.at, f.count, body ? &from : NULL, NULL);
		s->id = *stream;
		if (*stream < 0) {
			stream_free(t, s);
			failed = err_set(e, ERR_UNAVAILABLE, "HTTP/2: %s",
			    nghttp2_strerror(*stream));
		}
	}
	arena_fini(&f.arena);
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
		int answer = nghttp2_submit_response(
		    t->session, stream, f.at, f.count, body ? &from : NULL);
		failed = answer ? err_set(e, ERR_UNAVAILABLE, "HTTP/2: %s",
		                      nghttp2_strerror(answer))
		                : 0;
	}
	arena_fini(&f.arena);
	http_reader_fini(&r);
	return failed;
}

void
http_two_data(struct http_two *t, int32_t stream, struct str bytes)
{
	struct stream *s = stream_of(t, stream);
	if (s) {
		buf_add(&s->out, bytes);
		(void)nghttp2_session_resume_data(t->session, stream);
	}
}

void
http_two_end(struct http_two *t, int32_t stream, struct str trailers)
{
	struct stream *s = stream_of(t, stream);
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
	const struct stream *s = stream_of(t, stream);
	return s ? s->out.len : 0;
}

void
http_two_taken(struct http_two *t, int32_t stream)
{
	struct stream *s = stream_of(t, stream);
	if (s && s->given > 0) {
		(void)nghttp2_session_consume(t->session, stream, s->given);
		s->given = 0;
	}
}

void
http_two_reset(struct http_two *t, int32_t stream)
{
	(void)nghttp2_submit_rst_stream(
	    t->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}
