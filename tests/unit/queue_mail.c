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

static int
decide(struct world *w, const char *id, const char *decision)
{
	struct queue_step s = { 0 };
	struct queue_ack c = {
		.mailbox = STR(ENG),
		.letter = str_of(id),
		.decision = str_of(decision),
		.now = w->now,
	};

	if (queue_mail_ack(w->queue, &w->arena, &c, &s, &w->e)) {
		return -1;
	}
	apply_step(w, &s);
	return 0;
}

static void
a_decision_is_one_of_the_options(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	struct e2m_envelope m = letter(&w, "m", ENG);
	struct e2m_envelope open = letter(&w, "open", ENG);
	struct e2m_envelope none = letter(&w, "none", ENG);
	struct json *options = json_new(&w.arena, JSON_ARRAY);

	json_push(options, json_new_str(&w.arena, STR("retry")));
	json_push(options, json_new_str(&w.arena, STR("drop")));
	m.requires_decision = E2M_YES;
	m.decision_options = options;
	open.requires_decision = E2M_YES;
	assert_int_equal(send(&w, &m), 0);
	assert_int_equal(send(&w, &open), 0);
	assert_int_equal(send(&w, &none), 0);
	assert_int_equal(decide(&w, "m", ""), -1);
	assert_int_equal(decide(&w, "m", "maybe"), -1);
	assert_int_equal(w.e.kind, ERR_INPUT);
	assert_int_equal(decide(&w, "m", "drop"), 0);
	assert_true(
	    str_eq_z(queue_letter_find(w.queue, STR("m"))->decision, "drop"));
	assert_true(queue_letter_find(w.queue, STR("m"))->done);
	assert_int_equal(decide(&w, "open", ""), -1);
	assert_int_equal(decide(&w, "open", "as you like"), 0);
	assert_int_equal(decide(&w, "none", "drop"), -1);
	assert_int_equal(decide(&w, "none", ""), 0);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_reply_is_in_the_thread_of_its_letter(void **state)
{
	struct world w;
	const struct queue_letter *out[8] = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_envelope first = letter(&w, "first", ENG);
	struct e2m_envelope reply = letter(&w, "reply", FIN);
	struct e2m_envelope again = letter(&w, "again", ENG);
	struct e2m_envelope other = letter(&w, "other", ENG);

	reply.reply_to = STR("first");
	again.reply_to = STR("reply");
	other.thread_id = STR("else");
	assert_int_equal(send(&w, &first), 0);
	assert_int_equal(send(&w, &other), 0);
	assert_int_equal(send(&w, &reply), 0);
	assert_int_equal(send(&w, &again), 0);
	assert_int_equal(
	    queue_mail_thread(w.queue, STR("first"), out, COUNT(out)), 3);
	assert_true(str_eq_z(out[0]->id, "first"));
	assert_true(str_eq_z(out[1]->id, "reply"));
	assert_true(str_eq_z(out[2]->id, "again"));
	assert_int_equal(
	    queue_mail_thread(w.queue, STR("else"), out, COUNT(out)), 1);
	assert_int_equal(
	    queue_mail_thread(w.queue, STR("nothing"), out, COUNT(out)), 0);
	assert_replays(&w);
	world_fini(&w);
}

static void
done_and_expired_letters_are_forgotten(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	bool twice = false;

	(void)state;
	world_init(&w);
	struct e2m_envelope done = letter(&w, "done", ENG);
	struct e2m_envelope waits = letter(&w, "waits", ENG);
	struct e2m_envelope old = letter(&w, "old", "broadcast");

	old.expires_at = STR("2023-11-14T22:20:00Z");
	assert_int_equal(send(&w, &done), 0);
	assert_int_equal(send(&w, &waits), 0);
	assert_int_equal(send(&w, &old), 0);
	assert_int_equal(ack(&w, ENG, "done", &twice), 0);
	queue_letter_saved(w.queue, STR("done"));
	queue_letter_saved(w.queue, STR("waits"));
	queue_letter_saved(w.queue, STR("old"));
	w.now.us += 3600 * CLOCK_SECOND;
	assert_int_equal(
	    queue_forget(w.queue, &w.arena, w.now, w.now, &s, &w.e), 0);
	apply_step(&w, &s);
	assert_int_equal(s.gone_count, 2);
	assert_null(queue_letter_find(w.queue, STR("done")));
	assert_null(queue_letter_find(w.queue, STR("old")));
	assert_non_null(queue_letter_find(w.queue, STR("waits")));
	assert_replays(&w);
	world_fini(&w);
}

/* Against a plain sort of all: the frontier of a heap must miss none. */
static void
the_first_of_many_are_shown_in_order(void **state)
{
	struct world w;
	const struct queue_letter *few[10] = { 0 };
	const struct queue_letter *all[600] = { 0 };
	bool twice = false;
	size_t count = 0;

	(void)state;
	world_init(&w);
	for (unsigned i = 0; i < 500; i++) {
		struct e2m_envelope m = letter(&w,
		    arena_z(&w.arena, arena_printf(&w.arena, "m%u", i)),
		    i % 3 ? ENG : "broadcast");

		m.priority = 1 + i * 7 % 5;
		m.ack_required = i % 11 == 0 ? E2M_YES : E2M_UNSET;
		w.now.us += 1000LL * (i * 31 % 17);
		assert_int_equal(send(&w, &m), 0);
		if (i % 4 == 0) {
			assert_int_equal(
			    ack(&w, ENG, arena_z(&w.arena, m.id), &twice), 0);
		}
	}
	count = receive(&w, ENG, all, COUNT(all));
	assert_int_equal(count, 375);
	for (size_t i = 1; i < count; i++) {
		const struct queue_letter *a = all[i - 1];
		const struct queue_letter *b = all[i];

		assert_true(a->ack_required >= b->ack_required);
		if (a->ack_required == b->ack_required) {
			assert_true(a->priority >= b->priority);
			assert_true(
			    a->priority > b->priority || a->at.us <= b->at.us);
		}
	}
	assert_int_equal(receive(&w, ENG, few, COUNT(few)), COUNT(few));
	for (size_t i = 0; i < COUNT(few); i++) {
		assert_ptr_equal(few[i], all[i]);
	}
	world_fini(&w);
}

/* Those that tasks came with have a bound of their own, and stay for good where
 * nobody acks them. */
static void
only_letters_without_a_task_are_counted_as_waiting(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	bool twice = false;

	(void)state;
	world_init(&w);
	for (unsigned n = 1; n <= 3; n++) {
		struct e2m_task t = task_of(&w, n);
		struct e2m_envelope m =
		    letter(&w, arena_z(&w.arena, uuid(&w, 100 + n)), ENG);
		struct queue_put c = { .task = &t, .mail = &m };

		assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), 0);
		apply_step(&w, &s);
	}
	assert_int_equal(queue_mail_waiting(w.queue, STR(ENG)), 0);
	for (unsigned n = 1; n <= 2; n++) {
		struct e2m_envelope m = letter(&w, n == 1 ? "h1" : "h2", ENG);

		assert_int_equal(send(&w, &m), 0);
		assert_int_equal(queue_mail_waiting(w.queue, STR(ENG)), n);
	}
	assert_int_equal(
	    ack(&w, ENG, arena_z(&w.arena, uuid(&w, 102)), &twice), 0);
	assert_int_equal(queue_mail_waiting(w.queue, STR(ENG)), 2);
	assert_int_equal(ack(&w, ENG, "h1", &twice), 0);
	assert_int_equal(ack(&w, ENG, "h1", &twice), 0);
	assert_true(twice);
	assert_int_equal(queue_mail_waiting(w.queue, STR(ENG)), 1);
	/* What was acked leaves the memory, and no place a second time. */
	queue_letter_saved(w.queue, uuid(&w, 102));
	queue_letter_saved(w.queue, STR("h1"));
	w.now.us += CLOCK_SECOND;
	assert_int_equal(
	    queue_forget(w.queue, &w.arena, w.now, w.now, &s, &w.e), 0);
	apply_step(&w, &s);
	assert_null(queue_letter_find(w.queue, uuid(&w, 102)));
	assert_int_equal(queue_mail_waiting(w.queue, STR(ENG)), 1);
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
		cmocka_unit_test(a_decision_is_one_of_the_options),
		cmocka_unit_test(a_reply_is_in_the_thread_of_its_letter),
		cmocka_unit_test(done_and_expired_letters_are_forgotten),
		cmocka_unit_test(the_first_of_many_are_shown_in_order),
		cmocka_unit_test(
		    only_letters_without_a_task_are_counted_as_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
