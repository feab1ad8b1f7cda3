/* SPDX-License-Identifier: Apache-2.0 */
/* Links by turns use the same few buffers: whoever takes one finds nothing of
 * those before it. */
#include "proxy_help.h"

#include "proxy/clear.h"

#define TAKEN 8 /* more than are kept */

/* Each byte of each buffer that is kept, and of fresh ones. */
static void
assert_nothing_stands_in_them(void)
{
	static const char nothing[CLEAR_SIZE];
	struct buf b[TAKEN] = { 0 };
	for (size_t i = 0; i < TAKEN; i++) {
		proxy_clear_take(&b[i]);
		assert_int_equal(b[i].len, 0);
		assert_int_equal(b[i].cap, CLEAR_SIZE);
		assert_memory_equal(b[i].at, nothing, CLEAR_SIZE);
	}
	for (size_t i = 0; i < TAKEN; i++) {
		proxy_clear_give(&b[i]);
		assert_null(b[i].at);
	}
}

static void
add_many(struct buf *b, size_t count)
{
	static char bytes[3 * CLEAR_SIZE];
	assert_true(count <= sizeof(bytes));
	memset(bytes, 's', sizeof(bytes));
	proxy_clear_add(b, str_span(bytes, count));
}

static void
what_was_in_one_is_not_found_in_it_again(void **state)
{
	(void)state;
	struct buf b = { 0 };
	proxy_clear_take(&b);
	add_many(&b, 1000);
	proxy_clear_drop(&b, 300);
	assert_int_equal(b.len, 700);
	proxy_clear_give(&b);
	assert_nothing_stands_in_them();
	/* To its last byte. */
	proxy_clear_take(&b);
	add_many(&b, CLEAR_SIZE);
	proxy_clear_drop(&b, CLEAR_SIZE - 1);
	proxy_clear_give(&b);
	assert_nothing_stands_in_them();
	/* It grows, and is given back behind that. */
	proxy_clear_take(&b);
	add_many(&b, 1000);
	char *before = b.at;
	add_many(&b, CLEAR_SIZE);
	assert_int_equal(b.len, CLEAR_SIZE + 1000);
	struct buf left = { 0 };
	proxy_clear_take(&left); /* it is kept, not freed with what it held */
	assert_ptr_equal(left.at, before);
	proxy_clear_give(&left);
	assert_nothing_stands_in_them();
	proxy_clear_give(&b);
	assert_nothing_stands_in_them();
	proxy_clear_rest();
	assert_nothing_stands_in_them();
}

struct pair {
	struct loop *loop;
	struct tls_ca *ca;
	struct tls_trust *trust;
	struct link from;
	struct end to;
};

static int
choose(void *context, struct str sni, char host[TLS_HOST_SIZE], struct err *e)
{
	(void)context;
	(void)e;
	assert_true(str_copy(host, TLS_HOST_SIZE, sni));
	return 0;
}

static void
turn(void *owner)
{
	struct pair *p = owner;
	proxy_link_fill(&p->from);
	proxy_link_settle(&p->from);
}

static void
pair_new(struct pair *p)
{
	struct err e;
	int fd[2];
	*p = (struct pair){ .loop = loop_new_virtual() };
	assert_int_equal(tls_ca_new("link", 1, &p->ca, &e), 0);
	assert_int_equal(tls_trust_pem(tls_ca_pem(p->ca), &p->trust, &e), 0);
	assert_int_equal(socketpair(AF_UNIX,
	                     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
	    0);
	assert_int_equal(proxy_link_open(&p->from, p->loop, fd[0], turn, p), 0);
	proxy_link_secure(&p->from, tls_serve(p->ca, choose, p));
	end_open(&p->to, p->loop, fd[1], tls_connect(p->trust, GOOD));
	proxy_link_settle(&p->from);
	loop_advance(p->loop, 0);
	assert_int_equal(tls_state(p->from.tls), TLS_OPEN);
}

static void
pair_free(struct pair *p)
{
	proxy_link_close(&p->from);
	end_close(&p->to);
	tls_trust_free(p->trust);
	tls_ca_free(p->ca);
	loop_free(p->loop);
}

static void
say(struct pair *p, size_t count)
{
	auto_buf b = { 0 };
	for (size_t i = 0; i < count; i++) {
		buf_add_byte(&b, 's');
	}
	proxy_link_write(&p->from, buf_str(&b));
}

/* Records of several lengths, made before and after what was sent: each way in
 * which the engine and the link pass a buffer to and fro. */
/* Four texts; which, and what is sent meanwhile, says the number. */
static size_t
say_four(struct pair *p, unsigned number)
{
	static const size_t lengths[] = { 9000, 12000, 8200, 16000 };
	size_t said = 0;
	for (unsigned i = 0; i < 4; i++) {
		size_t length = lengths[number >> 2 * i & 3];
		say(p, length);
		said += length;
		if (number >> 8 >> i & 1) {
			proxy_link_send(&p->from);
		}
	}
	return said;
}

static void
records_of_any_length_leave_nothing(void **state)
{
	(void)state;
	struct pair p;
	size_t said = 0;
	pair_new(&p);
	assert_nothing_stands_in_them();
	for (unsigned n = 0; n < 4 * 4 * 4 * 4 * 8; n++) {
		proxy_link_rest(&p.from); /* as between requests */
		said += say_four(&p, n);
		proxy_link_settle(&p.from);
		assert_true(proxy_link_flushed(&p.from));
		loop_advance(p.loop, 0);
		assert_nothing_stands_in_them();
	}
	assert_int_equal(p.to.got.len, said);
	pair_free(&p);
}

#define HOLDERS (LINK_ALL / PROXY_BUFFER + 1)

static void
no_turn(void *owner)
{
	(void)owner;
}

/* One that takes nothing: what is said to it is held. */
static void
hold(struct loop *loop, struct link *l, int *other, size_t count)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX,
	                     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
	    0);
	assert_int_equal(proxy_link_open(l, loop, fd[0], no_turn, NULL), 0);
	*other = fd[1];
	l->blocked = count > 0;
	auto_buf b = { 0 };
	memset(buf_room(&b, count), 'h', count);
	buf_grew(&b, count);
	proxy_link_write(l, buf_str(&b));
	proxy_link_settle(l);
}

/* Where all hold much, each takes little at a time, and loses nothing. */
static void
links_that_hold_much_are_read_in_small_pieces(void **state)
{
	(void)state;
	static struct link all[HOLDERS];
	static int other[HOLDERS];
	static char said[LINK_IN];
	struct link one;
	int far;
	size_t got = 0;
	struct loop *loop = loop_new();
	for (size_t i = 0; i < HOLDERS; i++) {
		assert_int_equal(proxy_link_most(), LINK_IN);
		hold(loop, &all[i], &other[i], PROXY_BUFFER);
		assert_false(proxy_link_room(&all[i]));
	}
	assert_int_equal(proxy_link_most(), LINK_SCARCE);
	hold(loop, &one, &far, 0);
	assert_int_equal(write(far, said, LINK_IN), LINK_IN);
	while (got < LINK_IN) {
		loop_turn(loop, 0);
		assert_true(one.in.len <= LINK_SCARCE);
		got += one.in.len;
		proxy_link_used(&one, one.in.len);
		proxy_link_settle(&one);
	}
	proxy_link_write(&one, str_span(said, LINK_SCARCE));
	assert_false(proxy_link_room(&one));
	for (size_t i = 0; i < HOLDERS; i++) {
		proxy_link_close(&all[i]);
		close(other[i]);
	}
	assert_int_equal(proxy_link_most(), LINK_IN);
	assert_true(proxy_link_room(&one));
	proxy_link_close(&one);
	close(far);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_in_one_is_not_found_in_it_again),
		cmocka_unit_test(records_of_any_length_leave_nothing),
		cmocka_unit_test(links_that_hold_much_are_read_in_small_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
