/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request of a cell costs in core: INTENTS judged, their heads appended
 * and committed, the grants and the go sent, the outcomes written.  Core's own
 * code and store; a child stands where the egress and the vault do, asks
 * AT_ONCE at a time, and answers each go at once.
 *
 *     bench_intents_core FOLDER AT_ONCE SECONDS
 *
 * It prints one line of JSON: core's processor time a request in us, the part
 * of it that the kernel had, how many requests a commit carried, and how many
 * there were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_back.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"

static const char gates[] =
    "[egress.bench]\n"
    "match    = { host = \"bench.test\" }\n"
    "upstream = \"127.0.0.1:8443\"\n"
    "inject   = { credential = \"bench\", header = \"Authorization\", "
    "format = \"Bearer {{secret}}\" }\n";

static void
check(int done, const struct err *e)
{
	if (done) {
		(void)fprintf(stderr, "bench_intents_core: %s\n", e->text);
		exit(1);
	}
}

/* --- the other ends --- */

static struct {
	struct loop *loop;
	struct wire_peer *egress, *vault, *lends;
	uint64_t at_once;
	uint64_t id;
	uint64_t gone; /* of those that were asked together */
	struct wire_answered answered;
	int back; /* what core hands the vault stays open */
} far;

#define TAKE(name)                                            \
	static void name(void *owner, struct wire_peer *peer, \
	    const void *record, int *fds, size_t nfds)
#define UNUSED       \
	(void)owner; \
	(void)peer;  \
	(void)fds;   \
	(void)nfds

static void
ask(void)
{
	for (uint64_t left = far.at_once; left > 0;) {
		uint64_t some = left < WIRE_TOGETHER ? left : WIRE_TOGETHER;
		struct wire_intents all = { .count = (uint16_t)some,
			.port = 443,
			.tls = 1,
			.named = 1,
			.host = "bench.test" };
		size_t at = 0;

		for (uint64_t n = 0; n < some; n++) {
			static const char text[] = "GET\0/1024\0";

			all.one[n].id = ++far.id;
			memcpy(all.text + at, text, sizeof(text));
			at += sizeof(text);
		}
		wire_send(far.egress, WIRE_INTENTS, &all, NULL, 0);
		left -= some;
	}
}

static void
went(uint64_t id)
{
	far.answered.one[far.answered.count++] = (struct wire_answered_one){
		.id = id,
		.up = 80,
		.down = 1200,
		.took = 900,
		.status = 200,
		.injected = 1,
	};
	if (far.answered.count == WIRE_TOGETHER) {
		wire_send(far.egress, WIRE_ANSWERED, &far.answered, NULL, 0);
		far.answered.count = 0;
	}
	far.gone++;
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKE(take_go)
{
	const struct wire_going *in = record;

	UNUSED;
	wire_poll(far.lends); /* as it does when it is asked to lend */
	went(in->go.id);
	for (uint64_t n = 0; n < in->count; n++) {
		went(in->also[n].id);
	}
	if (far.gone < far.at_once) {
		return;
	}
	if (far.answered.count) {
		wire_send(far.egress, WIRE_ANSWERED, &far.answered, NULL, 0);
	}
	far.answered.count = 0;
	far.gone = 0;
	ask();
}

TAKE(take_refuse)
{
	const struct wire_refuse *in = record;

	UNUSED;
	(void)fprintf(stderr, "bench_intents_core: %s\n", in->reason);
	exit(1);
}

TAKE(take_nothing)
{
	UNUSED;
	(void)record;
}

/* NOLINTEND(readability-non-const-parameter) */

TAKE(take_back)
{
	UNUSED;
	(void)record;
	far.back = take_fd(&fds[0]);
}

static wire_take_fn take_lends;

static const struct wire_handler as_egress[] = {
	{ WIRE_GO, take_go },
	{ WIRE_REFUSE, take_refuse },
};
static const struct wire_handler as_vault[] = {
	{ WIRE_VAULT_BACK, take_back },
	{ WIRE_VAULT_LENDS, take_lends },
};
static const struct wire_handler as_lends[] = {
	{ WIRE_VAULT_ROW, take_nothing },
	{ WIRE_VAULT_LEND, take_nothing },
};

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	if (why->kind == ERR_UNAVAILABLE) {
		exit(0);
	}
	(void)fprintf(stderr, "bench_intents_core: %s\n", why->text);
	exit(1);
}

static struct wire_peer *
meet(struct loop *loop, int fd, const struct wire_end *end)
{
	struct err e = { 0 };
	struct wire_peer *peer = wire_peer_new(loop, fd, end, &e);

	check(!peer, &e);
	return peer;
}

static struct wire_end
vault_end(const struct wire_handler *handlers, size_t count)
{
	return (struct wire_end){ .self = PART_VAULT,
		.other = PART_CORE,
		.handlers = handlers,
		.count = count,
		.closed = closed };
}

TAKE(take_lends)
{
	struct wire_end end = vault_end(as_lends, COUNT(as_lends));

	UNUSED;
	(void)record;
	far.lends = meet(far.loop, take_fd(&fds[0]), &end);
	wire_quiet(far.lends);
}

static void
be_the_others(int egress, int vault, uint64_t at_once)
{
	struct wire_end to = { .self = PART_EGRESS,
		.other = PART_CORE,
		.handlers = as_egress,
		.count = COUNT(as_egress),
		.closed = closed };

	(void)prctl(PR_SET_PDEATHSIG, 9);
	far.loop = loop_new();
	far.at_once = at_once;
	far.egress = meet(far.loop, egress, &to);
	to = vault_end(as_vault, COUNT(as_vault));
	far.vault = meet(far.loop, vault, &to);
	while (!far.lends) {
		loop_turn(far.loop, CLOCK_SECOND);
	}
	ask();
	loop_run(far.loop);
}

/* --- core --- */

struct house {
	struct core core;
	struct core_role role;
	struct role made;
	struct core_cell cell;
	struct core_credential credential;
};

static void
make_role(struct house *h)
{
	struct err e = { 0 };
	struct arena *a = &h->core.house.arena;

	h->role.role = &h->made;
	check(!str_copy(h->role.identity, sizeof(h->role.identity),
	          STR("linux__server__helper_coworker")) ||
	          policy_parse(
	              a, str_of(gates), "gates.toml", &h->role.policy, &e),
	    &e);
	h->role.policy_digest = policy_digest(h->role.policy);
	h->made.digest = digest_of(STR("a role"));
	h->role.catalogue.digest = digest_of(STR("a contract"));
}

/* As it is once a `vault put` is done; nobody opens it here. */
static void
make_credential(struct house *h)
{
	struct core_credential *k = &h->credential;
	struct core_event put = {
		.kind = BOOK_CREDENTIAL_PUT,
		.rule = STR("bench"),
		.call = 1,
	};
	uint8_t row[160] = { 1 };

	core_text(k->name, sizeof(k->name), "bench");
	core_text(k->hosts, sizeof(k->hosts), "bench.test");
	k->version = 1;
	buf_add(&k->row, str_span(row, sizeof(row)));
	h->core.credentials = k;
	(void)core_append(&h->core, &put);
}

static void
open_house(struct house *h, const char *folder, struct buf *path)
{
	struct core *c = &h->core;
	struct err e = { 0 };

	buf_addf(path, "%s/intents-core.db", folder);
	c->part.loop = loop_new();
	c->state = folder;
	c->where = arena_z(&c->house.arena, buf_str(path));
	check(core_book_open(c, c->where, &e) || core_book_recover(c, &e), &e);
	core_commit_begin(c);
	make_role(h);
	make_credential(h);
	h->cell = (struct core_cell){
		.core = c, .number = 7, .role = &h->role, .epoch = 1
	};
	c->cells = &h->cell;
}

/* The ends of core; the child has the others. */
static pid_t
meet_the_others(struct house *h, uint64_t at_once)
{
	struct wire_end end = { .self = PART_CORE,
		.other = PART_EGRESS,
		.handlers = core_egress_handlers,
		.count = core_egress_handler_count,
		.closed = closed,
		.owner = &h->cell };
	struct err e = { 0 };
	int egress[2];
	int vault[2];

	check(wire_pair(egress, &e) || wire_pair(vault, &e), &e);
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		(void)close(egress[0]);
		(void)close(vault[0]);
		be_the_others(egress[1], vault[1], at_once);
		exit(0);
	}
	(void)close(egress[1]);
	(void)close(vault[1]);
	h->cell.egress = meet(h->core.part.loop, egress[0], &end);
	end.other = PART_VAULT;
	end.handlers = NULL;
	end.count = 0;
	h->core.vault = meet(h->core.part.loop, vault[0], &end);
	h->core.vault_ready = true;
	core_back_join(&h->core);
	core_going_join(&h->core);
	return pid;
}

static double
used(const struct timeval *tv)
{
	return (double)tv->tv_sec * 1e6 + (double)tv->tv_usec;
}

static void
run(struct house *h, int64_t us)
{
	struct core *c = &h->core;
	struct mono end = mono_after(mono_now(), us);

	while (!mono_passed(end, mono_now())) {
		loop_turn(c->part.loop, CLOCK_SECOND / 100);
	}
}

int
main(int argc, char **argv)
{
	static struct house h;
	auto_buf path = { 0 };
	struct rusage before;
	struct rusage after;
	uint64_t at_once = 0;
	uint64_t seconds = 0;

	if (argc != 4 || !str_u64(str_of(argv[2]), &at_once) || at_once == 0 ||
	    at_once > 250 || !str_u64(str_of(argv[3]), &seconds)) {
		(void)fprintf(
		    stderr, "bench_intents_core FOLDER AT_ONCE SECONDS\n");
		return 2;
	}
	open_house(&h, argv[1], &path);
	pid_t pid = meet_the_others(&h, at_once);

	run(&h, CLOCK_SECOND / 5);
	uint64_t seq = h.core.book.seq;
	uint64_t commits = h.core.book.commits;

	(void)getrusage(RUSAGE_SELF, &before);
	run(&h, (int64_t)seconds * CLOCK_SECOND);
	(void)getrusage(RUSAGE_SELF, &after);
	/* Three heads each: the intent, the grant, the outcome. */
	double requests = (double)(h.core.book.seq - seq) / 3;
	double kernel = used(&after.ru_stime) - used(&before.ru_stime);
	double own = used(&after.ru_utime) - used(&before.ru_utime);

	(void)printf("{\"cpu_us\": %.2f, \"kernel_us\": %.2f, \"rate\": %.0f, "
	             "\"a_commit\": %.1f, \"requests\": %.0f}\n",
	    (own + kernel) / requests, kernel / requests,
	    requests / (double)seconds,
	    requests / (double)(h.core.book.commits - commits), requests);
	wire_peer_free(h.cell.egress);
	(void)waitpid(pid, NULL, 0);
	store_close(h.core.book.store);
	(void)unlink(buf_z(&path));
	buf_add_z(&path, "-reserve");
	(void)unlink(buf_z(&path));
	return 0;
}
