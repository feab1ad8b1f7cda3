/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Believes the disk and nothing else.  Each committed head must be a legal step
 * of the story so far; each record that core sends must be covered by heads
 * that are on the disk at that moment.
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

static void
must_own(const struct sim_task *t, uint32_t epoch, const char *what)
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
	t->epoch = epoch;
	t->hold = SIM_OWNED;
	sim_seen->claims++;
}

static void
transition(struct sim_task *t, struct str event, uint32_t epoch)
{
	if (t->ends) {
		sim_fault(
		    "task %s ends twice: " STR_FMT, t->id, STR_ARG(event));
	}
	if (str_eq_z(event, "complete")) {
		must_own(t, epoch, "a completion");
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
		if (!t->cancel_asked) {
			must_own(t, epoch, "a failure");
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
		must_own(t, (uint32_t)epoch, "a lost lease");
		t->hold = SIM_LOOSE;
		sim_seen->leases_lost++;
		break;
	case BOOK_RUN_PARKED:
		must_own(t, (uint32_t)epoch, "a park");
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
	must_own(t, head->epoch, book_kind_name(head->kind));
	if (head->kind == BOOK_CALL_STARTED) {
		if (!k->decided) {
			sim_fault("a call starts and nobody decided about it");
		}
		if (k->starts && k->start_epoch >= head->epoch) {
			sim_fault("a call starts twice under one epoch");
		}
		if (k->starts && strcmp(k->tool, "again") != 0) {
			sim_fault("task %s: %s starts twice", t->id, k->tool);
		}
		if (!k->used && strcmp(k->tool, "gated") == 0) {
			sim_fault("task %s: gated starts, and nobody said yes",
			    t->id);
		}
		k->starts++;
		k->start_epoch = head->epoch;
		return;
	}
	if (json_parse(&a, body, NULL, &tree, &e)) {
		sim_fault("a body of a call that cannot be read");
	}
	if (head->kind == BOOK_CALL_DECIDED) {
		(void)json_text(tree, "verdict", &text);
		k->decided += !str_eq_z(text, "deny");
		(void)json_text(tree, "tool", &text);
		(void)str_copy(k->tool, sizeof(k->tool), text);
	} else if (++k->settles > 1) {
		sim_fault("task %s: call %u settles twice", t->id, head->call);
	}
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
		sim_seen->unknown += w->unknown;
		sim_always(sim_delay(4000000), sim_person_look, (uint64_t)i, 0);
		return;
	}
	must(i < sim.wait_count);
	(void)json_text(tree, "event", &word);
	w->decided |= head->kind == BOOK_WAIT_DECIDED;
	w->ended |= head->kind == BOOK_WAIT_ENDED;
	if (str_eq_z(word, "consumed") && ++t->calls[w->call].used > 1) {
		sim_fault("an approval of task %s is used twice", t->id);
	}
}

static void
intent_head(struct sim_task *t, const struct book_head *head, struct str body)
{
	auto_arena a = { 0 };
	struct json *tree;
	struct str path = STR("");
	struct err e = { 0 };
	int64_t request = 0;
	struct sim_intent *i = &sim.intents[sim.intent_count++];

	must(sim.intent_count < SIM_INTENT);
	if (json_parse(&a, body, NULL, &tree, &e) ||
	    !json_i64(tree, "request", &request)) {
		sim_fault("a body of an intent that cannot be read");
	}
	(void)json_text(tree, "path", &path);
	must_own(t, head->epoch, "an intent");
	*i = (struct sim_intent){ .request = (uint64_t)request,
		.house = sim.house,
		.task = (int)(t - sim.tasks),
		.epoch = head->epoch };
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
}

void
sim_witness_head(const struct book_head *head, struct str body)
{
	struct sim_task *t = task_of_head(head);

	if (head->kind == BOOK_CELL_STARTED) {
		cell_head(body);
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
		must_own(t, head->epoch, book_kind_name(head->kind));
		break;
	default:
		break;
	}
}

/* --- effects --- */

static void
exec_sent(const struct wire_cell_exec *x, int plan)
{
	auto_buf text = { 0 };
	struct err e = { 0 };
	struct str rest;
	struct str word[3] = { { 0 } };
	uint64_t n = 0;

	must(memfd_read(plan, 65536, &text, &e) == 0 && x->argc == 3);
	rest = buf_str(&text);
	for (int i = 0; i < 3; i++) {
		(void)str_cut(&rest, '\0', &word[i]);
	}
	int i = sim_task_of(word[1]);

	must(i >= 0 && str_u64(word[2], &n) && n >= 1 && n <= SIM_CALLS);
	struct sim_task *t = &sim.tasks[i];
	struct sim_call *k = &t->calls[n];

	if (t->hold != SIM_OWNED || k->start_epoch != t->epoch || k->settles) {
		sim_fault("call %llu of task %s is sent to its cell and its "
		          "start is not on the disk",
		    (unsigned long long)n, t->id);
	}
	if (++k->execs > k->starts) {
		sim_fault("call %llu of task %s is done twice for one start",
		    (unsigned long long)n, t->id);
	}
	t->writes++;
	sim_seen->execs++;
}

static struct sim_intent *
intent_of(uint64_t request, uint64_t path)
{
	for (int n = sim.intent_count - 1; n >= 0; n--) {
		struct sim_intent *i = &sim.intents[n];

		if (i->house == sim.house &&
		    (path ? i->path == path : i->request == request)) {
			return i;
		}
	}
	return NULL;
}

static void
request_sent(uint64_t request, uint64_t path, bool goes)
{
	struct sim_intent *i = intent_of(request, path);

	if (!i) {
		sim_fault("a request goes and its intent is not on the disk");
	}
	must_own(&sim.tasks[i->task], i->epoch, "a request that goes");
	if (goes && ++i->gone > 1) {
		sim_fault("a request goes twice");
	}
}

/* The http tool: /do/TASK/CALL */
static void
http_sent(const struct wire_http_do *http)
{
	struct str rest = str_of(http->target);
	struct str id;
	uint64_t n = 0;

	request_sent(http->go.id, 0, true);
	if (!str_starts(rest, STR("/do/"))) {
		return;
	}
	rest = str_sub(rest, 4, rest.len);
	(void)str_cut(&rest, '/', &id);
	int i = sim_task_of(id);

	must(i >= 0 && str_u64(rest, &n) && n >= 1 && n <= SIM_CALLS);
	struct sim_call *k = &sim.tasks[i].calls[n];

	if (++k->execs > k->starts) {
		sim_fault("call %llu of task %s goes and its start is not on "
		          "the disk",
		    (unsigned long long)n, sim.tasks[i].id);
	}
	sim_seen->execs++;
}

static void
answered(const struct wire_api_answer_head *answer, const struct json *body)
{
	const struct sim_ask *ask = sim_answer_of(answer->id);

	if (!ask) {
		return;
	}
	if (ask->kind == ASK_WORK) {
		sim_worker_is_told((uint64_t)ask->of, answer->status, body);
		return;
	}
	bool early = (ask->kind == ASK_PUT && answer->status == 201 &&
	                 sim.tasks[ask->of].hold == SIM_ABSENT) ||
	             (ask->kind == ASK_CANCEL && answer->status == 200 &&
	                 sim.tasks[ask->of].hold != SIM_FAILED) ||
	             (ask->kind == ASK_DECIDE && answer->status == 200 &&
	                 !sim.waits[ask->of].decided);

	if (early) {
		sim_fault("a client was told %u before it was on the disk",
		    answer->status);
	}
}

static void
work_asked(const struct wire_work_ask *ask, int fd)
{
	int i = sim_task_of_folder(fd);

	/* A folder without a run in the book is nobody's work. */
	if (i >= 0 && ask->work == WIRE_WORK_DROP && !sim.tasks[i].run_ends) {
		sim_fault("the workspace of task %s goes and its end is not on "
		          "the disk",
		    sim.tasks[i].id);
	}
	if (i < 0 && ask->work == WIRE_WORK_DIGEST) {
		sim_fault("a workspace is digested and its run is not on the "
		          "disk");
	}
}

static void
run_begins(int fd)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct json *tree;
	struct str id = STR("");
	struct err e = { 0 };

	must(memfd_read(fd, 1u << 20, &text, &e) == 0 &&
	     json_parse(&a, buf_str(&text), NULL, &tree, &e) == 0);
	(void)json_text(json_get(tree, "task"), "id", &id);
	int i = sim_task_of(id);

	if (i < 0 || sim.tasks[i].hold != SIM_OWNED) {
		sim_fault("a run begins and its claim is not on the disk");
	}
}

static void
cell_asked(uint64_t cell)
{
	for (int i = 0; i < sim.cells_started_count; i++) {
		if (sim.cells_started[i] == cell) {
			return;
		}
	}
	sim_fault("a cell is made and its start is not on the disk");
}

void
sim_witness_sends(
    enum wire_type type, const void *record, const int *fds, size_t nfds)
{
	auto_arena a = { 0 };

	switch ((unsigned)type) {
	case WIRE_API_ANSWER:
	case WIRE_API_ANSWER_LONG:
		answered(
		    record, sim_answer_body(&a, type == WIRE_API_ANSWER_LONG,
		                record, fds, nfds));
		break;
	case WIRE_CELL_MAKE:
		cell_asked(((const struct wire_cell_make *)record)->cell);
		break;
	case WIRE_CELL_EXEC:
		must(nfds == 4);
		exec_sent(record, fds[0]);
		break;
	case WIRE_GO:
		request_sent(0, ((const struct wire_go *)record)->id, true);
		break;
	case WIRE_HTTP_DO:
		http_sent(record);
		break;
	case WIRE_VAULT_GRANT:
		request_sent(((const struct wire_vault_grant *)record)->number,
		    0, false);
		break;
	case WIRE_WORK_ASK:
		must(nfds == 1);
		work_asked(record, fds[0]);
		break;
	case WIRE_RUN_BEGIN:
		must(nfds == 1);
		run_begins(fds[0]);
		break;
	default:
		break;
	}
}

/* --- derived state --- */

static struct queue *again;
static struct wait_list *waits_again;

static bool
is_of_queue(enum book_kind kind)
{
	static const char *const names[] = {
#define QUEUE_EVENT(id, word, head) head,
#include "queue/events.def"
#undef QUEUE_EVENT
	};
	static bool of_queue[64];
	static bool known;

	for (size_t k = 0; k < COUNT(names) && !known; k++) {
		enum book_kind one = BOOK_KIND_NONE;

		must(book_kind_parse(str_of(names[k]), &one) && one < 64);
		of_queue[one] = true;
	}
	known = true;
	return of_queue[kind % 64];
}

static void
replay(const struct book_head *head, struct str body)
{
	char task[ID_TEXT];
	struct err e = { 0 };
	int bad = 0;

	if (is_of_queue(head->kind)) {
		bad = queue_apply(again, body, head->seq, &e);
	}
	book_id_text(head->task, task);
	if (task[0] && queue_find(again, str_of(task))) {
		queue_saw(again, str_of(task), head->seq);
	}
	if (head->kind == BOOK_WAIT_PUT || head->kind == BOOK_WAIT_DECIDED ||
	    head->kind == BOOK_WAIT_ENDED) {
		bad = wait_apply(waits_again, body, &e);
	}
	if (bad) {
		sim_fault("event %llu cannot be replayed: %s",
		    (unsigned long long)head->seq, e.text);
	}
}

void
sim_witness_derived(void)
{
	auto_buf live = { 0 };
	auto_buf rebuilt = { 0 };

	if (!sim.core || core_unwritten(sim.core)) {
		return;
	}
	again = queue_new(1);
	waits_again = wait_list_new(1);
	sim_store_each(replay);
	queue_dump(sim.core->queue, &live);
	wait_write_list(&live, sim.core->waits, false);
	queue_dump(again, &rebuilt);
	wait_write_list(&rebuilt, waits_again, false);
	queue_free(again);
	wait_list_free(waits_again);
	if (!str_eq(buf_str(&live), buf_str(&rebuilt))) {
		sim_fault("the machines are not what the disk gives");
	}
}
