/* SPDX-License-Identifier: Apache-2.0 */
/* Anybody may come to api, and needs no token to stay and to ask. */
#include "api_help.h"

#include <errno.h>

#include "parts/api.h"

#define CROWD    (API_CLIENTS_MAX + 50)
#define PIPELINE 5000
#define LONG     ((size_t)4 * 1024 * 1024)
/* All but the last byte of so many are held at once. */
#define LONG_QUESTIONS (API_HELD_MAX / API_BODY_MAX)

static void
answer(int who, const char *fill)
{
	struct wire_api_answer answer = {
		.head = { .id = house.question[who],
		    .status = 200,
		    .content_type = "text/plain" },
	};
	size_t size = sizeof(answer.text) - 1;

	memset(answer.text, fill[0], size);
	answer.head.body_size = (uint16_t)size;
	house.question[who] = 0;
	wire_send(house.core, WIRE_API_ANSWER, &answer, NULL, 0);
}

/* The answer to its one question. */
static void
is_served(int who)
{
	char text[4096];

	answer(who, "x");
	assert_true(read(house.clients[who], text, sizeof(text)) > 0);
	assert_memory_equal(text, "HTTP/1.1 200", 12);
}

static void
who_only_stays_makes_room(void **state)
{
	int crowd[CROWD];

	(void)state;
	ask(1); /* who waits for an answer keeps his place */
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = come_in();
	}
	(void)close(house.clients[0]);
	house.clients[0] = come_in();
	ask(0);
	is_served(0);
	is_served(1);
	for (int i = 0; i < CROWD; i++) {
		(void)close(crowd[i]);
	}
}

/* What api has seen until now has been asked. */
static void
until_asked(void)
{
	ask(1);
	is_served(1);
}

static void
who_reads_his_answer_makes_no_room(void **state)
{
	int crowd[API_CLIENTS_MAX];
	size_t read_first;

	(void)state;
	ask(0);
	answer_long(0, LONG);
	until_asked();
	for (int i = 0; i < API_CLIENTS_MAX - CLIENTS; i++) {
		crowd[i] = come_in();
	}
	until_asked();
	read_first = read_of(0, LONG / 2);
	until_asked();
	for (int i = API_CLIENTS_MAX - CLIENTS; i < API_CLIENTS_MAX; i++) {
		crowd[i] = come_in();
	}
	until_asked();
	assert_true(read_first + read_of(0, LONG - read_first) >= LONG);
	for (int i = 0; i < API_CLIENTS_MAX; i++) {
		(void)close(crowd[i]);
	}
}

/* How many questions of client 0 are asked while he reads nothing. */
static size_t
asked_unread(void)
{
	size_t count = 0;

	for (until_asked(); house.question[0]; until_asked()) {
		answer(0, "x");
		count++;
	}
	return count;
}

static void
who_reads_nothing_asks_nothing_more(void **state)
{
	auto_buf questions = { 0 };
	struct mono last = mono_after(mono_now(), WAIT_US);
	char text[4096];
	size_t count;

	(void)state;
	for (int i = 0; i < PIPELINE; i++) {
		buf_add_z(&questions, "GET /0 HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	assert_int_equal(write(house.clients[0], questions.at, questions.len),
	    (ssize_t)questions.len);
	count = asked_unread();
	assert_in_range(count, 1, PIPELINE / 2);
	/* And as he reads, he is asked for. */
	while (count < PIPELINE && !mono_passed(last, mono_now())) {
		while (recv(house.clients[0], text, sizeof(text),
		           MSG_DONTWAIT) > 0) {
		}
		count += asked_unread();
	}
	assert_int_equal(count, PIPELINE);
}

/* Comes and says all of a question but its last byte. */
static int
come_in_with_most_of_a_question(void)
{
	static char body[API_BODY_MAX - 1];
	auto_buf text = { 0 };
	int fd = come_in();

	buf_addf(&text,
	    "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
	    API_BODY_MAX);
	buf_add(&text, str_span(body, sizeof(body)));
	for (size_t sent = 0; sent < text.len;) {
		ssize_t n =
		    send(fd, text.at + sent, text.len - sent, MSG_NOSIGNAL);

		assert_true(n > 0); /* the last to come is not let go */
		sent += (size_t)n;
	}
	return fd;
}

static bool
is_gone(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static void
questions_that_never_end_take_so_much_memory(void **state)
{
	int crowd[2 * LONG_QUESTIONS];

	(void)state;
	for (size_t i = 0; i < COUNT(crowd); i++) {
		crowd[i] = come_in_with_most_of_a_question();
	}
	until_asked();
	for (size_t i = 0; i < COUNT(crowd); i++) {
		bool gone = is_gone(crowd[i]);

		assert_true(gone == (i < LONG_QUESTIONS));
		(void)close(crowd[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    who_only_stays_makes_room, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    who_reads_his_answer_makes_no_room, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    questions_that_never_end_take_so_much_memory, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    who_reads_nothing_asks_nothing_more, set_up, take_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
