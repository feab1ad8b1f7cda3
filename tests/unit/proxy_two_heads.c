/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: heads that no client of this house would write. */
#include "proxy_two_help.h"

static void
add_field(struct buf *out, const char *name, const char *value)
{
	buf_add_byte(out, 0x10); /* a literal that is never indexed */
	buf_add_byte(out, (uint8_t)strlen(name));
	buf_add_z(out, name);
	buf_add_byte(out, (uint8_t)strlen(value));
	buf_add_z(out, value);
}

static void
add_head(struct buf *frames, uint8_t stream, const char *const field[][2])
{
	auto_buf fields = { 0 };
	for (size_t i = 0; field[i][0]; i++) {
		add_field(&fields, field[i][0], field[i][1]);
	}
	uint8_t head[9] = { 0, 0, (uint8_t)fields.len, 1, 5, 0, 0, 0, stream };
	buf_add(frames, str_span(head, sizeof(head)));
	buf_add(frames, buf_str(&fields));
}

#define ODD_FIELDS 6
#define ASKED(method, path, authority)                                    \
	{ ":method", method }, { ":scheme", "https" }, { ":path", path }, \
	{                                                                 \
		":authority", authority                                   \
	}

/* Whatever odd form names a target, nothing is asked for it. */
static void
heads_of_an_odd_form_ask_for_nothing_G01_G02(void **state)
{
	(void)state;
	static const char *const odd[][ODD_FIELDS][2] = {
		{ { ":method", "CONNECT" }, { ":authority", "good.test:22" } },
		{ ASKED("GET", "*", GOOD) },
		{ ASKED("OPTIONS", "*", GOOD) },
		{ ASKED("GET", "https://good.test/", GOOD) },
		{ ASKED("GET", "/ HTTP/1.1\r\nX: y", GOOD) },
		{ ASKED("GET", "/", "u@good.test") },
		{ ASKED("GET", "/", "good.test:22") },
		{ ASKED("GET", "/", GOOD), { "host", "evil.test" } },
		{ ASKED("GET", "/", GOOD), { "connection", "upgrade" } },
		{ ASKED("GET", "/", GOOD), { "content-length", "1" } },
		{ ASKED("GET", "/", GOOD), { "X-Large", "1" } },
		{ ASKED("GET", "/", GOOD), { "transfer-encoding", "chunked" } },
	};
	static const char *const plain[][2] = {
		ASKED("GET", "/plain", "GOOD.test:443"), { NULL, NULL }
	};
	struct world w;
	auto_buf frames = { 0 };
	world_new(&w, true);
	buf_add(&frames, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	buf_add(&frames, STR("\0\0\0\4\0\0\0\0\0"));
	for (uint8_t i = 0; i < COUNT(odd); i++) {
		add_head(&frames, (uint8_t)(2 * i + 1), odd[i]);
	}
	add_head(&frames, 2 * COUNT(odd) + 1, plain);
	http_two_free(w.cell.two);
	w.cell.two = NULL;
	end_say(&w.c, buf_str(&frames));
	world_until(&w, says(&w.origin, "GET /plain HTTP/1.1\r\n"));
	assert_true(says(&w.origin, "Host: good.test\r\n"));
	rig_turns(&w.r, 20);
	assert_int_equal(w.r.intents, 1);
	assert_int_equal(w.r.origin.count, 1);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_of_an_odd_form_ask_for_nothing_G01_G02),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
