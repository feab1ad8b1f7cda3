/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of workers: claim, finish, both at once, and the beat that keeps what
 * they hold.  Whatever is answered is on the disk: a claim, an outcome, and
 * that an old epoch was refused.
 */
#include <string.h>

#include "parts/core_api.h"
#include "parts/core_dispatch.h"
#include "parts/core_token.h"
#include "parts/core_worker.h"

#define WAIT_MS_MAX  60000
#define LEASE_MS_MIN 1000
#define LEASE_MS_MAX 600000
#define EPOCH_MAX    UINT32_MAX

/* --- reading --- */

/* Every member is one of these, so that a misspelt one is not lost. */
static int
only(const struct json *object, const char *const *keys, size_t count,
    struct err *e)
{
	if (!object || object->type != JSON_OBJECT) {
		return err_set(e, ERR_INPUT, "expected an object");
	}
	JSON_EACH(member, object)
	{
		size_t i = 0;

		while (i < count && !str_eq_z(member->key, keys[i])) {
			i++;
		}
		if (i == count) {
			return err_set(e, ERR_INPUT, "there is no member %s",
			    err_quote(member->key));
		}
	}
	return 0;
}

/* An absent number is its fallback. */
static int
number(const struct json *body, const char *key, int64_t least, int64_t most,
    int64_t *value, struct err *e)
{
	const struct json *found = json_get(body, key);

	if (found && (!json_number_i64(found, value) || *value < least ||
	                 *value > most)) {
		return err_set(e, ERR_INPUT,
		    "%s: expected a whole number from %lld to %lld", key,
		    (long long)least, (long long)most);
	}
	return 0;
}

static int
read_worker(
    struct core *c, struct core_ask *ask, struct core_worker **w, struct err *e)
{
	struct str name = STR("");
	int64_t ms = CORE_WORKER_LEASE_US / 1000;

	(void)json_text(ask->body, "worker", &name);
	if (number(ask->body, "lease_ms", LEASE_MS_MIN, LEASE_MS_MAX, &ms, e)) {
		return -1;
	}
	return core_worker_join(c, ask->operator_, name, ms * 1000, w, e);
}

static int
read_queues(struct core *c, struct core_ask *ask, struct core_claim *claim,
    struct err *e)
{
	const struct json *list = json_get(ask->body, "queues");

	if (!list || list->type != JSON_ARRAY || list->count == 0 ||
	    list->count > CORE_QUEUES_MAX) {
		return err_set(e, ERR_INPUT,
		    "queues: expected a list of 1 to %d names",
		    CORE_QUEUES_MAX);
	}
	JSON_EACH(name, list)
	{
		if (name->type != JSON_STRING ||
		    !core_worker_role(c, name->text)) {
			return err_set(e, ERR_MISSING,
			    "no role here says of the queue %s that workers "
			    "serve it (role.toml, [queue] served = \"worker\")",
			    name->type == JSON_STRING ? err_quote(name->text)
			                              : "?");
		}
		if (core_token_serves(ask->operator_, name->text, e)) {
			return -1;
		}
		claim->queues[claim->queue_count++] =
		    arena_z(&ask->arena, name->text);
	}
	return 0;
}

static int
read_claim(
    struct core *c, struct core_ask *ask, struct core_worker *w, struct err *e)
{
	struct core_claim *claim =
	    arena_alloc(&ask->arena, sizeof(*ask->claim));
	int64_t n = 1;

	claim->ask = ask->number;
	claim->arena = &ask->arena;
	claim->worker = w;
	claim->lease_us = w->lease_us;
	if (read_queues(c, ask, claim, e) ||
	    number(ask->body, "n", 1, CORE_CLAIM_MAX, &n, e)) {
		return -1;
	}
	claim->max = (size_t)n;
	claim->taken =
	    arena_array(&ask->arena, claim->max, sizeof(*claim->taken));
	ask->claim = claim;
	return 0;
}

/* --- the answer to a claim --- */

static void
learn_type(struct core_ask *ask, struct core_lease *lease, struct str record)
{
	const struct role *role = lease->role->role;
	struct json *tree;
	struct str type = STR("default");
	struct err e = { 0 };

	if (role->type_count == 1) {
		lease->type = role->types;
		return;
	}
	if (json_parse(&ask->arena, record, NULL, &tree, &e) == 0) {
		(void)json_text(json_get(tree, "payload"), "type", &type);
	}
	lease->type = roles_find_type(role, type);
}

static void
write_claimed(struct core *c, struct core_ask *ask, struct json_out *o,
    const struct core_claimed *got)
{
	static struct buf record; /* most are as long as the last */
	struct core_lease *lease = core_lease_find(c, str_of(got->task));
	const struct queue_task *t = queue_find(c->queue, str_of(got->task));
	struct err e = { 0 };

	if (!lease || !t || lease->epoch != got->epoch) {
		return; /* cancelled between its commit and now */
	}
	buf_clear(&record);
	if (core_task_record(c, t->id, &record, &e)) {
		log_err("worker", &e);
		if (e.kind == ERR_UNAVAILABLE) {
			core_lease_unread(c, lease);
		} else {
			core_lease_damaged(c, lease, &e);
		}
		return;
	}
	core_lease_heard(lease, ask->claim->lease_us);
	json_out_object(o, NULL);
	json_out_z(o, "task", got->task);
	json_out_i64(o, "epoch", (int64_t)got->epoch);
	json_out_str(o, "queue", t->queue);
	json_out_i64(o, "attempts", (int64_t)t->attempts);
	if (record.len) { /* as it was written, which was by us */
		buf_add(o->to, STR(",\"record\":"));
		buf_add(o->to, buf_str(&record));
		learn_type(ask, lease, buf_str(&record));
	}
	json_out_end(o, '}');
}

static void
answer_claim(struct core *c, uint64_t number)
{
	static struct buf body; /* most answers are as long as the last */
	struct core_ask *ask = core_ask_find(c, number);
	struct json_out o;

	if (!ask || ask->gone) {
		core_worker_unheard(c, number);
		if (ask) {
			core_answer(c, ask, 200, STR(""));
		}
		return;
	}
	buf_clear(&body);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "tasks");
	for (size_t i = 0; i < ask->claim->taken_count; i++) {
		write_claimed(c, ask, &o, &ask->claim->taken[i]);
	}
	json_out_end(&o, ']');
	json_out_i64(&o, "lease_ms", ask->claim->lease_us / 1000);
	if (ask->answer.len) { /* the first half of a work */
		buf_add(&body, STR(",\"finished\":"));
		buf_add(&body, buf_str(&ask->answer));
	}
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
}

void
core_work_claimed(struct core *c, uint64_t number)
{
	struct core_ask *ask = core_ask_find(c, number);

	core_worker_wait_end(c, number);
	if (ask) {
		loop_timer_cancel(&ask->patience);
		ask->claiming = false;
		ask->written = true;
		core_after(c, answer_claim, number);
	}
}

static void
patience_over(void *owner)
{
	struct core_ask *ask = owner;

	core_work_claimed(ask->core, ask->number);
}

/* Now, or when there is something, or when the patience is over. */
static void
claim(struct core *c, struct core_ask *ask, int64_t wait_ms)
{
	core_worker_claim(c, ask->claim);
	if (ask->claim->taken_count || wait_ms == 0) {
		core_work_claimed(c, ask->number);
		return;
	}
	ask->claiming = true;
	ask->core = c;
	core_worker_wait(c, ask->claim);
	loop_timer_arm(&ask->patience, c->part.loop,
	    mono_after(loop_now(c->part.loop), wait_ms * 1000), patience_over,
	    ask);
}

/* --- finish --- */

struct finish {
	struct queue_finish command;
	const struct json *follow_ups; /* or NULL */
	struct core_lease *lease;      /* NULL: this worker does not hold it */
};

static int
read_outcome(const struct json *body, struct queue_finish *f, struct err *e)
{
	struct str word = STR("");

	f->result = json_get(body, "result");
	f->failure = json_get(body, "error");
	if (!json_text(body, "outcome", &word) ||
	    !e2m_event_parse(word, &f->outcome) ||
	    (f->outcome != E2M_COMPLETE && f->outcome != E2M_FAIL &&
	        f->outcome != E2M_BLOCK)) {
		return err_set(
		    e, ERR_INPUT, "outcome: expected complete, fail or block");
	}
	if (f->outcome == E2M_COMPLETE ? f->failure != NULL
	                               : f->result != NULL) {
		return err_set(e, ERR_INPUT,
		    "complete takes a result, fail and block an error");
	}
	if (f->result && f->result->type != JSON_OBJECT) {
		return err_set(e, ERR_INPUT, "result: expected an object");
	}
	return 0;
}

static int
read_mail(struct core_ask *ask, const struct json *list, struct queue_finish *f,
    struct err *e)
{
	struct e2m_envelope *at;
	size_t asking = 0;

	if (!list) {
		return 0;
	}
	if (list->type != JSON_ARRAY || list->count > CORE_FOLLOW_MAX) {
		return err_set(e, ERR_INPUT,
		    "mail: expected a list of at most %d letters",
		    CORE_FOLLOW_MAX);
	}
	at = arena_array(&ask->arena, list->count, sizeof(*at));
	JSON_EACH(letter, list)
	{
		struct e2m_record record = { 0 };

		if (e2m_from_json(letter, &record, e) ||
		    e2m_check(&record, e)) {
			return err_wrap(e, "mail[%zu]", f->mail_count);
		}
		if (record.kind != E2M_ENVELOPE) {
			return err_set(e, ERR_INPUT,
			    "mail[%zu]: expected an envelope", f->mail_count);
		}
		at[f->mail_count++] = record.as.envelope;
		asking += record.as.envelope.requires_decision == E2M_YES;
	}
	if (asking > WAIT_PER_RUN) {
		return err_set(e, ERR_LIMIT,
		    "mail: %zu letters want a decision, a run asks %d at most",
		    asking, WAIT_PER_RUN);
	}
	f->mail = at;
	return 0;
}

/* Random numbers of finishes, asked for by the handful: most are not used. */
static uint64_t
some_random(void)
{
	static uint64_t numbers[64];
	static size_t left;

	if (left == 0) {
		random_bytes(numbers, sizeof(numbers));
		left = COUNT(numbers);
	}
	return numbers[--left];
}

static int
read_finish(struct core *c, struct core_ask *ask, const struct json *body,
    struct finish *f, struct err *e)
{
	struct queue_finish *command = &f->command;
	int64_t epoch = 0;

	command->now = wall_now();
	command->random = some_random();
	(void)json_text(body, "ack_key", &command->ack_key);
	if (!json_text(body, "task", &command->task) ||
	    number(body, "epoch", 1, EPOCH_MAX, &epoch, e) || epoch == 0) {
		return err_set(e, ERR_INPUT,
		    "task and epoch: expected what the claim said");
	}
	command->epoch = (uint32_t)epoch;
	if (read_outcome(body, command, e) ||
	    read_mail(ask, json_get(body, "mail"), command, e)) {
		return -1;
	}
	f->follow_ups = json_get(body, "follow_ups");
	f->lease = core_lease_find(c, command->task);
	return core_token_finish(
	    c, ask->operator_, f->command.task, f->follow_ups, e);
}

/* The lease is this worker's, under this epoch; the result is of its type. */
static int
may_finish(const struct core_worker *w, const struct finish *f, struct err *e)
{
	struct core_lease *lease = f->lease;

	if (!lease || lease->worker != w || lease->epoch != f->command.epoch) {
		return err_set(e, ERR_CONFLICT,
		    "this worker does not hold the task under epoch %u: its "
		    "lease ran out, or it was settled; claim again",
		    f->command.epoch);
	}
	core_lease_named(lease);
	if (f->command.outcome == E2M_COMPLETE && lease->type) {
		return roles_check_result(lease->type, f->command.result, e);
	}
	return 0;
}

/* What came too late is on record, and changes nothing. */
static void
record_refusal(struct core *c, struct core_ask *ask, const struct finish *f,
    const struct err *why)
{
	struct queue_touch touch = {
		.task = f->command.task,
		.epoch = f->command.epoch,
		.why = str_of(why->text),
		.now = f->command.now,
	};
	const struct queue_task *t = queue_find(c->queue, touch.task);
	const struct core_role *role = t ? core_worker_role(c, t->queue) : NULL;
	struct queue_event event;
	struct queue_step step = { .events = &event, .event_count = 1 };

	if (t) {
		event = queue_refused(&ask->arena, &touch);
		event.owner = role ? str_of(role->identity) : STR("");
		core_queue_step(c, &step, NULL);
	}
}

/* Judging changes nothing: the step of a finish that is not a repetition is
 * let go again. */
static bool
said_before(struct core *c, struct core_ask *ask, const struct finish *f,
    struct queue_step *step)
{
	struct err ignored = { 0 };

	return f->command.ack_key.len > 0 &&
	       queue_finish(
	           c->queue, &ask->arena, &f->command, step, &ignored) == 0 &&
	       step->duplicate;
}

enum end { ENDED, REFUSED /* and recorded */, WRONG };

static enum end
judge(struct core *c, struct core_ask *ask, const struct core_worker *w,
    struct finish *f, struct queue_step *step, struct err *e)
{
	/* An answer that was lost is given again, lease or no lease. */
	if (said_before(c, ask, f, step)) {
		return ENDED;
	}
	if (may_finish(w, f, e) == 0 &&
	    core_follow(
	        c, &ask->arena, f->lease, f->follow_ups, &f->command, e) == 0 &&
	    queue_finish(c->queue, &ask->arena, &f->command, step, e) == 0) {
		return ENDED;
	}
	if (e->kind != ERR_CONFLICT) {
		return WRONG;
	}
	record_refusal(c, ask, f, e);
	return REFUSED;
}

/* What is answered of it stands in ask->answer. */
static enum end
finish(struct core *c, struct core_ask *ask, struct core_worker *w,
    const struct json *body, struct err *e)
{
	struct finish f = { 0 };
	struct queue_step step = { 0 };
	struct json_out o;

	if (read_finish(c, ask, body, &f, e)) {
		return WRONG;
	}
	enum end end = judge(c, ask, w, &f, &step, e);

	if (end != ENDED) {
		return end;
	}
	if (!step.duplicate) {
		core_queue_step(c, &step, NULL);
		core_dispatch_rows(c, &step);
		core_task_ended(c, queue_find(c->queue, step.id));
		core_due_arm(c);
		core_lease_drop(c, f.lease);
		core_worker_offer_later(c);
	}
	buf_clear(&ask->answer);
	json_out_init(&o, &ask->answer);
	json_out_object(&o, NULL);
	json_out_str(&o, "id", step.id);
	json_out_z(&o, "state", e2m_state_name(step.state));
	json_out_bool(&o, "duplicate", step.duplicate);
	json_out_end(&o, '}');
	return ENDED;
}

static int
refused(struct core *c, struct core_ask *ask, enum end end, struct err *e)
{
	if (end == WRONG) {
		return -1;
	}
	core_answer_err_after(c, ask, e);
	return 0;
}

/* --- routes --- */

int
route_claim(struct core *c, struct core_ask *ask, struct err *e)
{
	static const char *const keys[] = { "worker", "queues", "n", "wait_ms",
		"lease_ms" };
	struct core_worker *w;
	int64_t wait_ms = 0;

	if (only(ask->body, keys, COUNT(keys), e) ||
	    number(ask->body, "wait_ms", 0, WAIT_MS_MAX, &wait_ms, e) ||
	    read_worker(c, ask, &w, e) || read_claim(c, ask, w, e)) {
		return -1;
	}
	claim(c, ask, wait_ms);
	return 0;
}

int
route_finish(struct core *c, struct core_ask *ask, struct err *e)
{
	static const char *const keys[] = { "worker", "lease_ms", "task",
		"epoch", "outcome", "result", "error", "mail", "follow_ups",
		"ack_key" };
	struct core_worker *w;

	if (only(ask->body, keys, COUNT(keys), e) ||
	    read_worker(c, ask, &w, e)) {
		return -1;
	}
	enum end end = finish(c, ask, w, ask->body, e);

	if (end != ENDED) {
		return refused(c, ask, end, e);
	}
	auto_buf body = ask->answer;

	ask->answer = (struct buf){ 0 };
	core_answer_after(c, ask, 200, buf_str(&body));
	return 0;
}

int
route_work(struct core *c, struct core_ask *ask, struct err *e)
{
	static const char *const keys[] = { "worker", "queues", "n", "wait_ms",
		"lease_ms", "finish" };
	static const char *const end_keys[] = { "task", "epoch", "outcome",
		"result", "error", "mail", "follow_ups", "ack_key" };
	const struct json *last = json_get(ask->body, "finish");
	enum end end = ENDED;
	struct core_worker *w;
	int64_t wait_ms = 0;

	if (only(ask->body, keys, COUNT(keys), e) ||
	    (last && only(last, end_keys, COUNT(end_keys), e)) ||
	    number(ask->body, "wait_ms", 0, WAIT_MS_MAX, &wait_ms, e) ||
	    read_worker(c, ask, &w, e) || read_claim(c, ask, w, e)) {
		return -1;
	}
	if (last) {
		end = finish(c, ask, w, last, e);
	}
	if (end != ENDED) {
		return refused(c, ask, end, e);
	}
	/* The outcome is not kept waiting for a next task. */
	claim(c, ask, last ? 0 : wait_ms);
	return 0;
}

int
route_beat(struct core *c, struct core_ask *ask, struct err *e)
{
	static const char *const keys[] = { "worker", "lease_ms" };
	struct str name = STR("");
	auto_buf body = { 0 };
	struct core_worker *w;
	struct json_out o;

	if (only(ask->body, keys, COUNT(keys), e)) {
		return -1;
	}
	(void)json_text(ask->body, "worker", &name);
	if (!core_worker_find(c, ask->operator_, name)) {
		return err_set(e, ERR_MISSING,
		    "this worker has no session: it never claimed, or it was "
		    "silent for its lease and lost its tasks");
	}
	if (read_worker(c, ask, &w, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "lease_ms", w->lease_us / 1000);
	json_out_array(&o, "held");
	for (const struct core_lease *l = w->leases; l; l = l->next) {
		json_out_object(&o, NULL);
		json_out_z(&o, "task", l->task);
		json_out_i64(&o, "epoch", (int64_t)l->epoch);
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_worker_told(w);
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
