/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Believes the disk and nothing else: each committed head must be a legal step
 * of the story so far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/house.h"

int
sim_task_of(struct str id)
{
	for (int i = 0; i < sim.task_count; i++) {
		if (str_eq_z(id, sim.tasks[i].id)) {
			return i;
		}
	}
	return -1;
}

int
sim_task_of_run(struct book_id run)
{
	char text[ID_TEXT];

	book_id_text(run, text);
	for (int i = 0; i < sim.task_count && text[0]; i++) {
		if (strcmp(sim.tasks[i].run, text) == 0) {
			return i;
		}
	}
	return -1;
}

/* …/runs/RUN/work */
int
sim_task_of_folder(int fd)
{
	char link[32];
	char path[512];
	struct book_id run;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path));

	if (n < ID_TEXT + 5 ||
	    !book_id_parse(
	        str_span(path + n - 5 - (ID_TEXT - 1), ID_TEXT - 1), &run)) {
		return -1;
	}
	return sim_task_of_run(run);
}

/* --- heads --- */

static struct sim_task *
task_of_head(const struct book_head *head)
{
	char text[ID_TEXT];
	int i;

	book_id_text(head->task, text);
	i = sim_task_of(str_of(text));
	return i < 0 ? NULL : &sim.tasks[i];
}

static bool
is_final(const struct sim_task *t)
{
	return t->hold == SIM_COMPLETE || t->hold == SIM_FAILED ||
	       t->hold == SIM_BLOCKED;
}

void
sim_must_own(const struct sim_task *t, uint32_t epoch, const char *what)
{
	if (t->hold != SIM_OWNED || t->epoch != epoch) {
		sim_fault("%s of task %s under epoch %u: epoch %u is in force, "
		          "hold %d",
		    what, t->id, epoch, t->epoch, t->hold);
	}
}

static void
claimed(struct sim_task *t, uint32_t epoch)
{
	const struct sim_task *before =
	    t->depends < 0 ? NULL : &sim.tasks[t->depends];

	if (t->hold != SIM_WAITS_ && t->hold != SIM_LOOSE) {
		sim_fault("task %s is claimed and cannot be: hold %d", t->id,
		    t->hold);
	}
	if (epoch != t->epoch + 1) {
		sim_fault("task %s is claimed under epoch %u after epoch %u",
		    t->id, epoch, t->epoch);
	}
	if (before && before->hold != SIM_COMPLETE && !t->cancel_asked) {
		sim_fault("task %s is claimed and depends on %s, which is not "
		          "complete",
		    t->id, before->id);
	}
	if (!t->cancel_asked) {
		sim_must_not_be_stopped(t, "a claim");
	}
	t->epoch = epoch;
	t->hold = SIM_OWNED;
	sim_seen->claims++;
}

/* Whoever had it was lost so often that it counts as the task's own doing. */
static bool
is_given_up(const struct sim_task *t, uint32_t epoch)
{
	return t->hold == SIM_LOOSE && t->epoch == epoch &&
	       t->lost >= QUEUE_LOST_MAX;
}

static void
transition(struct sim_task *t, struct str event, uint32_t epoch)
{
	if (t->ends) {
		sim_fault(
		    "task %s ends twice: " STR_FMT, t->id, STR_ARG(event));
	}
	if (str_eq_z(event, "complete")) {
		sim_must_own(t, epoch, "a completion");
		t->hold = SIM_COMPLETE;
		sim_seen->completed++;
		t->ends++;
	} else if (str_eq_z(event, "block")) {
		if (t->hold == SIM_WAITS_ || t->hold == SIM_BLOCKED) {
			sim_fault("task %s is blocked out of hold %d", t->id,
			    t->hold);
		}
		t->hold = SIM_BLOCKED;
		sim_seen->blocked++;
	} else if (str_eq_z(event, "unblock") && t->cancel_asked &&
	           t->hold == SIM_BLOCKED) {
		t->hold = SIM_LOOSE; /* the first half of its cancel */
	} else if (str_eq_z(event, "fail")) {
		if (!t->cancel_asked && !is_given_up(t, epoch)) {
			sim_must_own(t, epoch, "a failure");
		}
		t->hold = SIM_FAILED;
		t->ends++;
		sim_seen->failed++;
	} else {
		sim_fault("task %s: nobody asked for " STR_FMT, t->id,
		    STR_ARG(event));
	}
}

static void
queue_head(struct sim_task *t, const struct book_head *head, struct str body)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct str event = STR("");
	struct err e = { 0 };
	int64_t epoch = 0;
	bool ours = false;

	if (json_parse(&a, body, NULL, &tree, &e) ||
	    !json_text(tree, "event", &event)) {
		sim_fault("a body of the queue that cannot be read");
	}
	(void)json_i64(tree, "epoch", &epoch);
	switch ((unsigned)head->kind) {
	case BOOK_TASK_PUT:
		if (t->hold != SIM_ABSENT) {
			sim_fault("task %s is put twice", t->id);
		}
		t->hold = SIM_WAITS_;
		break;
	case BOOK_TASK_CLAIMED:
		claimed(t, (uint32_t)epoch);
		break;
	case BOOK_TASK_TRANSITION:
		transition(t, event, (uint32_t)epoch);
		break;
	case BOOK_TASK_LEASE_LOST:
		sim_must_own(t, (uint32_t)epoch, "a lost lease");
		t->hold = SIM_LOOSE;
		(void)json_bool(tree, "ours", &ours);
		t->lost += !ours;
		sim_seen->leases_lost++;
		break;
	case BOOK_RUN_PARKED:
		sim_must_own(t, (uint32_t)epoch, "a park");
		t->hold = SIM_PARKED;
		sim_seen->parks++;
		break;
	case BOOK_RUN_RESUMED:
		if (t->hold != SIM_PARKED) {
			sim_fault("task %s wakes and was not parked", t->id);
		}
		t->hold = SIM_LOOSE;
		break;
	default:
		break;
	}
}

static void
call_head(struct sim_task *t, const struct book_head *head, struct str body)
{
	auto_arena a = { 0 };
	struct sim_call *k = &t->calls[head->call % (SIM_CALLS + 1)];
	struct json *tree = NULL;
	struct str text = STR("");
	struct err e = { 0 };

	must(head->call >= 1 && head->call <= SIM_CALLS);
	sim_must_own(t, head->epoch, book_kind_name(head->kind));
	if (head->kind == BOOK_CALL_STARTED) {
		if (!k->decided) {
			sim_fault("a call starts and nobody decided about it");
		}
		if (k->starts && k->start_epoch >= head->epoch) {
			sim_fault("a call starts twice under one epoch");
		}
		if (k->starts && strcmp(k->tool, "again") != 0 && !k->denied) {
			sim_fault("task %s: %s starts twice", t->id, k->tool);
		}
		sim_seen->once_more += k->denied;
		k->denied = false;
		sim_must_not_be_stopped(t, "a start of a call");
		if (strcmp(k->tool, "gated") == 0 &&
		    (!k->used || strcmp(k->args, k->approved) != 0)) {
			sim_fault("task %s: gated starts, and nobody allowed "
			          "it with these arguments",
			    t->id);
		}
		k->starts++;
		k->start_epoch = head->epoch;
		return;
	}
	if (json_parse(&a, body, NULL, &tree, &e)) {
		sim_fault("a body of a call that cannot be read");
	}
	if (head->kind == BOOK_CALL_CONFIRM_ASKED) {
		k->asked++;
	} else if (head->kind == BOOK_CALL_CONFIRM_TOLD) {
		(void)json_text(tree, "says", &text);
		k->denied = str_eq_z(text, "did_not_happen");
	} else if (head->kind == BOOK_CALL_DECIDED) {
		(void)json_text(tree, "verdict", &text);
		k->decided += !str_eq_z(text, "deny");
		(void)json_text(tree, "tool", &text);
		(void)str_copy(k->tool, sizeof(k->tool), text);
		(void)json_text(tree, "args", &text);
		(void)str_copy(k->args, sizeof(k->args), text);
	} else if (++k->settles > 1) {
		sim_fault("task %s: call %u settles twice", t->id, head->call);
	}
}

static void
consumed(struct sim_task *t, struct sim_wait *w)
{
	struct sim_call *k = &t->calls[w->call];
	uint32_t used = w->call ? ++k->used : ++w->used;

	if (used > 1) {
		sim_fault("an approval of task %s is used twice", t->id);
	}
	if (!w->yes || w->said_no) {
		sim_fault("a no to task %s is used as a yes", t->id);
	}
	memcpy(k->approved, w->args, sizeof(k->approved));
}

static void
wait_head(struct sim_task *t, const struct book_head *head, struct str body)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct str id = STR("");
	struct str word = STR("");
	struct err e = { 0 };
	int i = 0;

	if (json_parse(&a, body, NULL, &tree, &e) ||
	    !json_text(tree, "id", &id)) {
		sim_fault("a body of a wait that cannot be read");
	}
	while (i < sim.wait_count && !str_eq_z(id, sim.waits[i].id)) {
		i++;
	}
	struct sim_wait *w = &sim.waits[i];

	if (head->kind == BOOK_WAIT_PUT) {
		must(i == sim.wait_count && i < SIM_WAITS);
		sim.wait_count++;
		(void)json_text(tree, "kind", &word);
		*w = (struct sim_wait){ .task = (int)(t - sim.tasks),
			.call = head->call,
			.unknown = str_eq_z(word, "unknown_outcome") };
		(void)str_copy(w->id, sizeof(w->id), id);
		(void)json_text(tree, "args", &word);
		(void)str_copy(w->args, sizeof(w->args), word);
		sim_seen->unknown += w->unknown;
		w->alone = !w->unknown && sim_draw(6) == 0;
		if (!w->alone) {
			sim_always(sim_delay(4000000), sim_person_look,
			    (uint64_t)i, 0);
		}
		return;
	}
	must(i < sim.wait_count);
	(void)json_text(tree, "event", &word);
	if (head->kind == BOOK_WAIT_DECIDED) {
		struct str answer = STR("");

		(void)json_text(tree, "answer", &answer);
		w->decided = true;
		w->yes = str_eq_z(answer, "approve");
	}
	sim_seen->expired += str_eq_z(word, "expired");
	w->ended |= head->kind == BOOK_WAIT_ENDED;
	if (str_eq_z(word, "consumed")) {
		consumed(t, w);
	}
}

static void
intent_head(struct sim_task *t, const struct book_head *head, struct str body)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct str path = STR("");
	struct str host = STR("");
	struct err e = { 0 };
	int64_t request = 0;
	struct sim_intent *i = &sim.intents[sim.intent_count++];

	must(sim.intent_count < SIM_INTENT);
	if (json_parse(&a, body, NULL, &tree, &e) ||
	    !json_i64(tree, "request", &request)) {
		sim_fault("a body of an intent that cannot be read");
	}
	(void)json_text(tree, "path", &path);
	sim_must_own(t, head->epoch, "an intent");
	sim_must_not_be_stopped(t, "an intent");
	(void)json_text(tree, "host", &host);
	if (str_starts(str_of(head->rule), STR("egress."))) {
		sim_deed("egress %s " STR_FMT, head->rule + 7, STR_ARG(host));
	}
	*i = (struct sim_intent){ .request = (uint64_t)request,
		.house = sim.house,
		.task = (int)(t - sim.tasks),
		.epoch = head->epoch };
	if (str_starts(path, STR("/held/"))) {
		struct str wait = STR("");

		(void)json_text(tree, "wait", &wait);
		i->wait = sim_held_intent(t, wait);
	}
	if (str_starts(path, STR("/cell/"))) {
		(void)str_u64(str_sub(path, 6, path.len), &i->path);
	}
	sim_seen->intents++;
}

static void
cell_head(struct str body)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct err e = { 0 };
	int64_t cell = 0;

	if (json_parse(&a, body, NULL, &tree, &e) ||
	    !json_i64(tree, "cell", &cell)) {
		sim_fault("a body of a cell that cannot be read");
	}
	must(sim.cells_started_count < SIM_INTENT);
	sim.cells_started[sim.cells_started_count++] = (uint64_t)cell;
}

void
sim_witness_house(void)
{
	sim.cells_started_count = 0;
	for (int i = 0; i < sim.task_count; i++) {
		sim.tasks[i].digesting = 0;
		sim.tasks[i].owning = 0;
	}
}

void
sim_witness_head(const struct book_head *head, struct str body)
{
	struct sim_task *t = task_of_head(head);

	if (head->kind == BOOK_CELL_STARTED) {
		cell_head(body);
	}
	if (head->kind == BOOK_KEY_IN_FORCE && ++sim.keys > 1) {
		sim_fault("the book says twice which key is in force");
	}
	if (head->kind == BOOK_STOP_PUT || head->kind == BOOK_STOP_LIFTED) {
		sim_stop_head(head->kind, body);
		return;
	}
	if (!t) {
		return;
	}
	switch ((unsigned)head->kind) {
	case BOOK_TASK_PUT:
	case BOOK_TASK_CLAIMED:
	case BOOK_TASK_TRANSITION:
	case BOOK_TASK_LEASE_LOST:
	case BOOK_RUN_PARKED:
	case BOOK_RUN_RESUMED:
		queue_head(t, head, body);
		break;
	case BOOK_RUN_STARTED:
		if (t->run[0]) {
			sim_fault("task %s has a second run", t->id);
		}
		book_id_text(head->run, t->run);
		break;
	case BOOK_RUN_ENDED:
		if (!is_final(t) || ++t->run_ends > 1) {
			sim_fault("the run of task %s ends twice", t->id);
		}
		break;
	case BOOK_CALL_DECIDED:
	case BOOK_CALL_STARTED:
	case BOOK_CALL_SETTLED:
	case BOOK_CALL_CONFIRM_ASKED:
	case BOOK_CALL_CONFIRM_TOLD:
		call_head(t, head, body);
		break;
	case BOOK_WAIT_PUT:
	case BOOK_WAIT_DECIDED:
	case BOOK_WAIT_ENDED:
		wait_head(t, head, body);
		break;
	case BOOK_REQUEST_INTENT:
		intent_head(t, head, body);
		break;
	case BOOK_MODEL_REQUEST:
	case BOOK_MODEL_REPLY:
		sim_must_own(t, head->epoch, book_kind_name(head->kind));
		break;
	default:
		break;
	}
}
