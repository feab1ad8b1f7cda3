/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each record that core sends must be covered by heads that are on the disk at
 * that moment; and the machines of core are what a replay of the disk gives.
 */
#include <string.h>

#include "sim/house.h"

#define BOOK_KINDS_MAX 256

/* --- effects --- */

/* PROGRAM TASK CALL, in `text`. */
static int
read_plan(int plan, struct buf *text, struct str word[3], uint64_t *n)
{
	struct err e = { 0 };
	struct str rest;

	must(memfd_read(plan, 65536, text, &e) == 0);
	rest = buf_str(text);
	for (int i = 0; i < 3; i++) {
		(void)str_cut(&rest, '\0', &word[i]);
	}
	int task = sim_task_of(word[1]);

	must(task >= 0 && str_u64(word[2], n) && *n >= 1 && *n <= SIM_CALLS);
	return task;
}

void
sim_check_of(int plan, int *task, uint32_t *call)
{
	auto_buf text = { 0 };
	struct str word[3] = { { 0 } };
	uint64_t n = 0;

	*task = read_plan(plan, &text, word, &n);
	*call = str_eq_z(word[0], "/bin/check") ? (uint32_t)n : 0;
}

static void
check_sent(const struct sim_task *t, const struct sim_call *k)
{
	if (t->hold != SIM_OWNED || !k->asked || k->settles) {
		sim_fault("a `confirm` of task %s is asked and that is not on "
		          "the disk",
		    t->id);
	}
	sim_must_not_be_stopped(t, "a question of core's");
	sim_deed("tool check");
	sim_seen->asked++;
}

static void
exec_sent(const struct wire_cell_exec *x, int plan)
{
	auto_buf text = { 0 };
	struct str word[3] = { { 0 } };
	uint64_t n = 0;
	int i = read_plan(plan, &text, word, &n);

	must(x->argc == 3);
	struct sim_task *t = &sim.tasks[i];
	struct sim_call *k = &t->calls[n];

	if (t->digesting) {
		sim_fault("a command of task %s is sent while its workspace "
		          "is digested",
		    t->id);
	}
	if (str_eq_z(word[0], "/bin/check")) {
		check_sent(t, k);
		return;
	}
	if (t->hold != SIM_OWNED || k->start_epoch != t->epoch || k->settles) {
		sim_fault("call %llu of task %s is sent to its cell and its "
		          "start is not on the disk",
		    (unsigned long long)n, t->id);
	}
	if (++k->execs > k->starts ||
	    (k->execs > 1 && strcmp(k->tool, "checked") == 0)) {
		sim_fault("call %llu of task %s is done twice for one start",
		    (unsigned long long)n, t->id);
	}
	sim_must_not_be_stopped(t, "a command");
	if (str_eq_z(word[0], "/bin/gated")) {
		sim_must_be_allowed(t, (uint32_t)n, word[1], word[2]);
	}
	sim_deed("tool %s", k->tool);
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
	sim_must_own(&sim.tasks[i->task], i->epoch, "a request that goes");
	sim_must_not_be_stopped(&sim.tasks[i->task], "a request");
	if (goes && ++i->gone > 1) {
		sim_fault("a request goes twice");
	}
}

static void
one_goes(uint64_t id)
{
	if (!sim_held_goes(id)) {
		request_sent(0, id, true);
	}
}

static void
going_sent(const struct wire_going *all)
{
	one_goes(all->go.id);
	for (uint64_t n = 0; n < all->count; n++) {
		one_goes(all->also[n].id);
	}
}

static void
lend_sent(const struct wire_vault_lend *all)
{
	for (unsigned n = 0; n < all->count; n++) {
		request_sent(all->number[n], 0, false);
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

	sim_deed("tool %s", k->tool);
	if (++k->execs > k->starts) {
		sim_fault("call %llu of task %s goes and its start is not on "
		          "the disk",
		    (unsigned long long)n, sim.tasks[i].id);
	}
	sim_seen->execs++;
}

static void
answered(const struct wire_api_answer_head *answer, bool is_long,
    const void *record, const int *fds, size_t nfds)
{
	const struct sim_ask *ask = sim_answer_of(answer->id);

	if (!ask) {
		return;
	}
	if (ask->kind == ASK_WORK) {
		auto_arena a = { 0 };

		sim_worker_is_told((uint64_t)ask->of, answer->status,
		    sim_answer_body(&a, is_long, record, fds, nfds));
		return;
	}
	bool early = (ask->kind == ASK_PUT &&
	                 (answer->status == 201 || answer->status == 200) &&
	                 sim.tasks[ask->of].hold == SIM_ABSENT) ||
	             (ask->kind == ASK_CANCEL && answer->status == 200 &&
	                 sim.tasks[ask->of].hold != SIM_FAILED) ||
	             (ask->kind == ASK_DECIDE && answer->status == 200 &&
	                 !sim.waits[ask->of].decided) ||
	             (ask->kind == ASK_STOP && answer->status == 200 &&
	                 !sim.stop_heads[ask->of]) ||
	             (ask->kind == ASK_RESUME && answer->status == 200 &&
	                 !sim.lift_heads[ask->of]);

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
	sim_must_not_be_stopped(&sim.tasks[i], "a run");
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
	switch ((unsigned)type) {
	case WIRE_API_ANSWER:
	case WIRE_API_ANSWER_LONG:
		answered(
		    record, type == WIRE_API_ANSWER_LONG, record, fds, nfds);
		break;
	case WIRE_CELL_MAKE:
		cell_asked(((const struct wire_cell_make *)record)->cell);
		break;
	case WIRE_CELL_EXEC:
		must(nfds == 4);
		exec_sent(record, fds[0]);
		break;
	case WIRE_GO:
		going_sent(record);
		break;
	case WIRE_HTTP_DO:
		http_sent(record);
		break;
	case WIRE_VAULT_LEND:
		lend_sent(record);
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

/* They grow with the disk, as far as it was replayed. */
static struct queue *again;
static struct wait_list *waits_again;
static struct book_late tree_again;
static size_t replayed; /* heads */

static bool
is_of_queue(enum book_kind kind)
{
	static const char *const names[] = {
#define QUEUE_EVENT(id, word, head) head,
#include "queue/events.def"
#undef QUEUE_EVENT
	};
	static bool of_queue[BOOK_KINDS_MAX];
	static bool known;

	for (size_t k = 0; k < COUNT(names) && !known; k++) {
		enum book_kind one = BOOK_KIND_NONE;

		must(book_kind_parse(str_of(names[k]), &one) &&
		     one < BOOK_KINDS_MAX);
		of_queue[one] = true;
	}
	known = true;
	return kind < BOOK_KINDS_MAX && of_queue[kind];
}

static void
replay(const struct book_head *head, struct str body)
{
	uint8_t bytes[BOOK_HEAD_SIZE];
	char task[ID_TEXT];
	struct err e = { 0 };
	int bad = 0;

	book_head_encode(head, bytes);
	book_late_add(&tree_again, bytes);
	if (is_of_queue(head->kind)) {
		bad = queue_apply(again, body, head->seq, &e);
	}
	book_id_text(head->task, task);
	if (task[0] && queue_find(again, str_of(task))) {
		queue_saw(again, str_of(task), head->seq);
	}
	if (head->kind == BOOK_WAIT_PUT || head->kind == BOOK_WAIT_DECIDED ||
	    head->kind == BOOK_WAIT_ENDED || head->kind == BOOK_WAIT_REMINDED ||
	    head->kind == BOOK_WAIT_ESCALATED ||
	    (head->kind == BOOK_DECISION_REFUSED && !head->rule[0])) {
		bad = wait_apply(waits_again, head->seq, body, &e);
	}
	if (bad) {
		sim_fault("event %llu cannot be replayed: %s",
		    (unsigned long long)head->seq, e.text);
	}
}

void
sim_witness_forget(void)
{
	queue_free(again);
	wait_list_free(waits_again);
	again = NULL;
	waits_again = NULL;
	tree_again = (struct book_late){ 0 };
	replayed = 0;
}

/* What is signed covers every head on the disk and no other. */
static void
tree_derived(void)
{
	const struct book_tree *live = book_late_tree(&sim.core->book.tree);
	const struct book_tree *rebuilt = book_late_tree(&tree_again);

	if (live->size != rebuilt->size ||
	    !digest_eq(book_tree_root(live), book_tree_root(rebuilt))) {
		sim_fault("the tree of %llu heads is not that of the %llu on "
		          "the disk",
		    (unsigned long long)live->size,
		    (unsigned long long)rebuilt->size);
	}
}

void
sim_witness_derived(bool anew)
{
	auto_buf live = { 0 };
	auto_buf rebuilt = { 0 };

	if (!sim.core || core_unwritten(sim.core)) {
		return;
	}
	if (anew || !again) {
		sim_witness_forget();
		again = queue_new(1);
		waits_again = wait_list_new(1);
	}
	replayed = sim_store_each(replayed, replay);
	queue_dump(sim.core->queue, &live);
	wait_write_list(&live, sim.core->waits, false);
	queue_dump(again, &rebuilt);
	wait_write_list(&rebuilt, waits_again, false);
	if (!str_eq(buf_str(&live), buf_str(&rebuilt))) {
		sim_fault("the machines are not what the disk gives");
	}
	tree_derived();
}
