/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: no block holds a secret when it is given back.  The linker puts the
 * functions of this file between the room and the heap (src/meson.build): what
 * is written over it later hides nothing here. */
#include "unit/http_two_help.h"

#include <malloc.h>
#include <stdlib.h>

/* NOLINTBEGIN(*-reserved-identifier): they are the linker's */
void __real_free(void *at);
void __wrap_free(void *at);
void *__wrap_realloc(void *at, size_t size);

/* Longer than itself in the short codes of HPACK, so that it stands as it is.
 */
#define FIELD "~{|}<^>`~{}|<>^`{~}|<>^`"

static const char *const secrets[] = { FIELD, "/p4th-canary-0123456789",
	"cr=mb-canary-0123456789", "b0dy-canary-0123456789" };
static bool watching;
static const char *seen; /* the last that was given back */
static size_t blocks;

static void
look(void *at)
{
	if (!watching || !at) {
		return;
	}
	blocks++;
	for (size_t i = 0; i < COUNT(secrets); i++) {
		if (memmem(at, malloc_usable_size(at), secrets[i],
		        strlen(secrets[i]))) {
			seen = secrets[i];
		}
	}
}

void
__wrap_free(void *at)
{
	look(at);
	__real_free(at);
}

/* The heap may move a block whenever it likes: it always does. */
void *
__wrap_realloc(void *at, size_t size)
{
	size_t had = at ? malloc_usable_size(at) : 0;
	void *more = malloc(size);
	must(more);
	if (at) {
		memcpy(more, at, had < size ? had : size);
		__wrap_free(at);
	}
	return more;
}
/* NOLINTEND(*-reserved-identifier) */

static void
assert_nothing_seen(const char *where)
{
	watching = false;
	if (seen) {
		fail_msg("%s: %s", where, seen);
	}
	assert_true(blocks > 0);
	blocks = 0;
}

/* Its fields are so many that whatever holds them grows. */
static void
write_head(struct buf *head)
{
	buf_room(head, 20000);
	buf_addf(head,
	    "POST %s HTTP/1.1\r\nHost: x.test\r\nAuthorization: %s\r\n"
	    "Cookie: %s\r\n",
	    secrets[1], secrets[0], secrets[2]);
	for (int i = 0; i < 30; i++) {
		buf_addf(head, "X-%d: %0100d\r\n", i, i);
		buf_addf(head, "Cookie: a%d=%0100d\r\n", i, i);
	}
	buf_add_z(head, "\r\n");
}

/* Asks for it and says the beginning of its body. */
static void
ask(struct pair *p, struct buf *up)
{
	struct err e;
	int32_t stream;
	struct buf head = { 0 };
	static const char more[5000];
	write_head(&head);
	assert_int_equal(http_two_ask(p->client.two, buf_str(&head), true, true,
	                     &stream, &e),
	    0);
	buf_wipe(&head);
	http_two_data(p->client.two, stream, str_of(secrets[3]));
	http_two_data(p->client.two, stream, str_span(more, sizeof(more)));
	http_two_take(p->client.two, up);
}

static void
of_what_a_client_said(void **state)
{
	(void)state;
	struct pair p;
	struct buf up = { 0 };
	pair_new(&p);
	watching = true;
	ask(&p, &up);
	assert_true(str_has_str(buf_str(&up), STR(FIELD)));
	assert_true(str_has_str(buf_str(&up), str_of(secrets[3])));
	/* What is taken behind it finds no room where it stands. */
	http_two_data(p.client.two, 1, str_of(secrets[3]));
	for (int i = 0; i < 10; i++) {
		http_two_data(p.client.two, 1, buf_str(&up));
	}
	http_two_take(p.client.two, &up);
	buf_wipe(&up);
	http_two_data(p.client.two, 1, str_of(secrets[3]));
	http_two_free(p.client.two);
	p.client.two = NULL;
	assert_nothing_seen("client");
	pair_free(&p);
}

/* A body in frames of a byte, and then in longer ones that wait. */
static void
say_late(struct pair *p)
{
	struct err e;
	auto_buf frames = { 0 };
	static const char more[5000];
	for (int i = 0; i < 2000; i++) {
		buf_add(&frames, STR("\0\0\1\0\0\0\0\0\1x"));
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    http_two_feed(p->server.two, buf_str(&frames), &e), 0);
		assert_int_equal(http_two_feed(p->server.two,
		                     STR("\0\0\x16\0\0\0\0\0\1"
		                         "b0dy-canary-0123456789"),
		                     &e),
		    0);
		assert_int_equal(http_two_feed(p->server.two,
		                     STR("\0\x13\x88\0\0\0\0\0\1"), &e),
		    0);
		assert_int_equal(http_two_feed(p->server.two,
		                     str_span(more, sizeof(more)), &e),
		    0);
		http_two_taken(p->server.two, i == 0 ? 1 : 0);
	}
}

static void
of_what_a_server_heard(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	struct buf up = { 0 };
	pair_new(&p);
	buf_room(&p.server.text, 200000);
	ask(&p, &up);
	watching = true;
	assert_int_equal(http_two_feed(p.server.two, buf_str(&up), &e), 0);
	say_late(&p);
	http_two_free(p.server.two);
	p.server.two = NULL;
	assert_nothing_seen("server");
	for (size_t i = 0; i < COUNT(secrets); i++) {
		assert_true(says(&p.server, secrets[i]));
	}
	buf_wipe(&up);
	pair_free(&p);
}

/* It is looked for. */
static void
of_what_this_test_gives_back(void **state)
{
	(void)state;
	struct buf text = { 0 };
	watching = true;
	buf_add_z(&text, secrets[0]);
	buf_room(&text, 1000);
	assert_ptr_equal(seen, secrets[0]);
	seen = NULL;
	buf_clear(&text);
	buf_add_z(&text, secrets[3]);
	buf_fini(&text);
	assert_ptr_equal(seen, secrets[3]);
	watching = false;
	seen = NULL;
	blocks = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_what_this_test_gives_back),
		cmocka_unit_test(of_what_a_client_said),
		cmocka_unit_test(of_what_a_server_heard),
	};
	return cmocka_run_group_tests_name(
	    "no block holds a secret when it is given back", tests, NULL, NULL);
}
