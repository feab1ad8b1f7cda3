/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

static struct e2m_envelope
letter(struct world *w, const char *id, const char *to)
{
	char at[WALL_TEXT_MAX] = { 0 };

	wall_text(w->now, at);
	return (struct e2m_envelope){
		.id = str_of(id),
		.envelope_type = E2M_TYPE_NOTIFY,
		.from = STR("operator"),
		.to = str_of(to),
		.subject = STR("Hello"),
		.at = arena_str(&w->arena, str_of(at)),
		.state = E2M_MAIL_PENDING,
	};
}

static int
send(struct world *w, const struct e2m_envelope *m)
{
	struct queue_step s = { 0 };

	if (queue_mail_send(w->queue, &w->arena, m, &s, &w->e)) {
		return -1;
	}
	apply_step(w, &s);
	return 0;
}

static int
ack(struct world *w, const char *mailbox, const char *id, bool *duplicate)
{
	struct queue_step s = { 0 };
	struct queue_ack c = {
		.mailbox = str_of(mailbox),
		.letter = str_of(id),
		.now = w->now,
	};

	if (queue_mail_ack(w->queue, &w->arena, &c, &s, &w->e)) {
		return -1;
	}
	apply_step(w, &s);
	*duplicate = s.duplicate;
	return 0;
}

static size_t
receive(struct world *w, const char *mailbox, const struct queue_letter **out,
    size_t max)
{
	return queue_mail_receive(w->queue, str_of(mailbox), w->now, out, max);
}

#define ENG "engineering-coworker"
#define FIN "finance-coworker"

static void
receiving_does_not_consume_and_acking_does(void **state)
{
	struct world w;
	const struct queue_letter *got[4] = { 0 };
	bool duplicate = false;

	(void)state;
	world_init(&w);
	struct e2m_envelope m = letter(&w, "m1", ENG);

	assert_int_equal(send(&w, &m), 0);
	assert_int_equal(send(&w, &m), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_int_equal(receive(&w, ENG, got, 4), 1);
	assert_int_equal(receive(&w, ENG, got, 4), 1);
	assert_int_equal(receive(&w, FIN, got, 4), 0);
	assert_int_equal(ack(&w, FIN, "m1", &duplicate), -1);
	assert_int_equal(ack(&w, ENG, "m1", &duplicate), 0);
	assert_false(duplicate);
	assert_int_equal(receive(&w, ENG, got, 4), 0);
	assert_int_equal(ack(&w, ENG, "m1", &duplicate), 0);
	assert_true(duplicate);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_broadcast_is_acked_per_reader(void **state)
{
	struct world w;
	const struct queue_letter *got[4] = { 0 };
	bool duplicate = false;

	(void)state;
	world_init(&w);
	struct e2m_envelope m = letter(&w, "b1", "broadcast");

	assert_int_equal(send(&w, &m), 0);
	assert_int_equal(ack(&w, ENG, "b1", &duplicate), 0);
	assert_int_equal(receive(&w, ENG, got, 4), 0);
	assert_int_equal(receive(&w, FIN, got, 4), 1);
	assert_int_equal(ack(&w, "nobody", "b1", &duplicate), -1);
	assert_replays(&w);
	world_fini(&w);
}

static void
what_must_be_acked_comes_first_and_what_expired_not_at_all(void **state)
{
	static const char *const order[] = { "must", "high", "old", "new" };
	struct world w;
	const struct queue_letter *got[8] = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_envelope old = letter(&w, "old", ENG);
	struct e2m_envelope gone = letter(&w, "gone", ENG);

	gone.expires_at = old.at;
	w.now.us += CLOCK_SECOND;
	struct e2m_envelope new = letter(&w, "new", ENG);
	struct e2m_envelope high = letter(&w, "high", ENG);
	struct e2m_envelope must_ack = letter(&w, "must", "broadcast");

	high.priority = 5;
	must_ack.priority = 1;
	must_ack.ack_required = E2M_YES;
	assert_int_equal(send(&w, &new), 0);
	assert_int_equal(send(&w, &gone), 0);
	assert_int_equal(send(&w, &high), 0);
	assert_int_equal(send(&w, &old), 0);
	assert_int_equal(send(&w, &must_ack), 0);
	assert_int_equal(receive(&w, ENG, got, 8), 4);
	for (size_t i = 0; i < COUNT(order); i++) {
		assert_true(str_eq_z(got[i]->id, order[i]));
	}
	assert_int_equal(receive(&w, ENG, got, 2), 2);
	assert_true(str_eq_z(got[1]->id, "high"));
	assert_int_equal(receive(&w, ENG, got, 0), 0);
	world_fini(&w);
}

static void
a_bad_letter_is_refused(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	struct e2m_envelope m = letter(&w, "m", "nobody");

	assert_int_equal(send(&w, &m), -1);
	m = letter(&w, "m", ENG);
	m.state = E2M_MAIL_READ;
	assert_int_equal(send(&w, &m), -1);
	m = letter(&w, "m", ENG);
	m.at = STR("now");
	assert_int_equal(send(&w, &m), -1);
	assert_int_equal(w.logged, 0);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receiving_does_not_consume_and_acking_does),
		cmocka_unit_test(a_broadcast_is_acked_per_reader),
		cmocka_unit_test(
		    what_must_be_acked_comes_first_and_what_expired_not_at_all),
		cmocka_unit_test(a_bad_letter_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
