/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the egress of a cell says: an intent to be judged, an outcome, that its
 * fence is up.  All of it comes from beside hostile code and is checked here.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_back.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"

static bool
texts_ok(const struct wire_intent *in)
{
	bool ok = wire_text_ok(in->method, sizeof(in->method)) &&
	          wire_text_ok(in->host, sizeof(in->host)) &&
	          wire_text_ok(in->path, sizeof(in->path)) &&
	          wire_text_ok(in->query, sizeof(in->query)) &&
	          in->refs <= WIRE_REFS_MAX && in->git <= WIRE_GIT_PUSH &&
	          in->own_marks <= WIRE_OWN_MAX &&
	          in->kind <= WIRE_ASKED_TUNNEL && in->body <= WIRE_BODY_READ;

	for (size_t n = 0; ok && n < in->refs; n++) {
		ok = wire_text_ok(in->ref[n].name, sizeof(in->ref[n].name)) &&
		     wire_text_ok(in->ref[n].to, sizeof(in->ref[n].to));
	}
	return ok;
}

static void
copy_intent(struct core_intent *i, const struct wire_intent *in)
{
	struct arena *a = &i->arena;

	i->port = in->port;
	i->git = (enum wire_git)in->git;
	i->tunnel = in->kind == WIRE_ASKED_TUNNEL;
	i->websocket = in->kind == WIRE_ASKED_WEBSOCKET;
	i->stale = in->stale;
	i->method = arena_str(a, str_of(in->method));
	i->path = arena_str(a, str_of(in->path));
	i->query = arena_str(a, str_of(in->query));
	i->known = (enum wire_body)in->body;
	i->body_size = in->body_size;
	memcpy(i->body_digest.bytes, in->body_digest, DIGEST_SIZE);
	(void)str_copy(i->host, sizeof(i->host), str_of(in->host));
	if (in->own_marks) {
		i->marks = digest_of(
		    str_span(in->own_mark, (size_t)in->own_marks * WIRE_MARK));
	}
	if (i->git == WIRE_GIT_NONE) {
		return;
	}
	i->commands = arena_alloc(a, sizeof(*i->commands));
	for (size_t n = 0; n < in->refs; n++) {
		struct policy_command *p = &i->commands->at[n];

		p->ref = arena_str(a, str_of(in->ref[n].name));
		p->new_id = arena_str(a, str_of(in->ref[n].to));
		p->deletes = in->ref[n].flags & WIRE_REF_DELETE;
		i->commands->count++;
	}
}

/* An address outside the cell's pool comes as it is, without brackets. */
static int
parse_host(const struct wire_intent *in, struct names_host *host, struct err *e)
{
	if (in->named) {
		return names_host_parse(str_of(in->host), host, e);
	}
	*host = (struct names_host){ .is_addr = true };
	if (!names_addr_parse(str_of(in->host), &host->addr) ||
	    !str_copy(host->text, sizeof(host->text), str_of(in->host))) {
		return err_set(e, ERR_INPUT, "%s is no address",
		    err_quote(str_of(in->host)));
	}
	return 0;
}

/* host: NULL, and why, where it is none. */
static void
asked(struct core_cell *cell, const struct wire_intent *in,
    const struct names_host *host, const struct err *why)
{
	struct core *c = cell->core;
	struct core_intent *i = core_intent_new(c, cell->number, in->id);
	struct core_run *r = core_run_find(c, cell->run);

	copy_intent(i, in);
	core_shown_claim(cell, i);
	for (size_t n = 0; !i->brings && n < in->own_marks; n++) {
		i->brings = core_mark_says(c, &i->arena, in->own_mark[n]);
	}
	i->role = cell->role;
	i->run = cell->run;
	i->epoch = cell->epoch;
	i->call = r ? r->busy : 0;
	if (!core_intent_in_force(c, i)) {
		core_intent_unavailable(c, i, core_intent_over(c));
		return;
	}
	if (!host) {
		core_intent_unavailable(c, i, why->text);
		return;
	}
	bool known =
	    in->git == WIRE_GIT_PUSH && strcmp(in->method, "POST") == 0;
	struct policy_request request = {
		.identity = str_of(cell->role->identity),
		.host = host,
		.port = in->port,
		.tls = in->tls,
		.method = i->method,
		.path = i->path,
		.query = i->query,
		.git = (enum policy_git)in->git,
		.commands = known ? i->commands : NULL,
		.from_tool = str_of(cell->only_tool),
		.call_approved = core_gate_covered(c, i),
		.has_own_credentials = in->own_credentials,
		.tunnel = i->tunnel,
		.websocket = i->websocket,
	};

	core_intent_judge(c, i, &request);
}

static void
hang_up(struct wire_peer *peer, const char *why)
{
	struct err e = { 0 };

	(void)err_set(&e, ERR_DENIED, "%s", why);
	wire_peer_close(peer, &e);
}

static void
bad_intent(struct wire_peer *peer)
{
	hang_up(peer, "an intent is not of its form");
}

/* An egress carries PROXY_CONNECTIONS at once and says of each how it ended:
 * one that does not is not ours any more, and would fill this memory. */
static bool
takes_more(const struct core_cell *cell, struct wire_peer *peer, uint64_t more)
{
	if (cell->intents + more <= CORE_CELL_INTENTS) {
		return true;
	}
	hang_up(peer, "an egress asks on and tells of no end");
	return false;
}

static void
take_intent(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_intent *in = record;
	struct names_host host;
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (!texts_ok(in)) {
		bad_intent(peer);
		return;
	}
	if (!takes_more(owner, peer, 1)) {
		return;
	}
	int none = parse_host(in, &host, &e);

	asked(owner, in, none ? NULL : &host, &e);
}

/* The next text of a record of many, which has a NUL behind it. */
static bool
next_text(struct str *rest, char *field, size_t size)
{
	struct str text;

	return str_cut(rest, '\0', &text) && str_copy(field, size, text);
}

/* Each becomes an intent like any other; of what differs nothing is in them. */
static void
take_intents(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_intents *all = record;
	struct str rest = { all->text, sizeof(all->text) };
	static struct wire_intent in;
	struct names_host host;
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (!wire_text_ok(all->host, sizeof(all->host)) ||
	    all->count > WIRE_TOGETHER) {
		bad_intent(peer);
		return;
	}
	if (!takes_more(owner, peer, all->count)) {
		return;
	}
	in.port = all->port;
	in.tls = all->tls != 0;
	in.named = all->named != 0;
	memcpy(in.host, all->host, sizeof(in.host));
	int none = parse_host(&in, &host, &e);

	for (size_t n = 0; n < all->count; n++) {
		const struct wire_intents_one *one = &all->one[n];

		if (one->body > WIRE_BODY_UNREAD ||
		    !next_text(&rest, in.method, sizeof(in.method)) ||
		    !next_text(&rest, in.path, sizeof(in.path)) ||
		    !next_text(&rest, in.query, sizeof(in.query))) {
			bad_intent(peer);
			return;
		}
		in.id = one->id;
		in.body = (uint8_t)one->body;
		in.body_size = one->body_size;
		asked(owner, &in, none ? NULL : &host, &e);
	}
}

/* --- outcomes --- */

/* Refused by the egress itself, before there was an intent. */
static void
early_refusal(
    struct core *c, struct core_cell *cell, const struct wire_outcome *o)
{
	auto_buf body = { 0 };
	auto_buf text = { 0 };
	struct json_out out;
	struct core_event event = {
		.kind = BOOK_REQUEST_DENIED,
		.role = cell->role,
		.rule = STR("egress"),
		.run = core_run_find(c, cell->run),
	};

	if (!core_denial_said(cell, &text)) {
		return;
	}
	buf_add_z(&text, o->text);
	json_out_init(&out, &body);
	json_out_object(&out, NULL);
	json_out_i64(&out, "cell", (int64_t)cell->number);
	json_out_z(&out, "host", o->host);
	json_out_str(&out, "reason", buf_str(&text));
	json_out_end(&out, '}');
	event.body = buf_str(&body);
	(void)core_append(c, &event);
}

static void
end_intent(struct core_cell *cell, const struct wire_outcome *o)
{
	struct core *c = cell->core;
	struct core_intent *i = core_intent_asked(c, cell->number, o->id);

	if (!i || i->refusal) {
		return; /* its end is written, and it goes with that commit */
	}
	if (!i->on_record) { /* it waits for no decision more */
		core_intent_unavailable(c, i, o->text);
		return;
	}
	/* Before the go: who asked has left, none is sent. */
	core_oauth_taken(c, cell, i, o->captured);
	core_intent_outcome(c, i, o);
	if (!o->injected) {
		core_grant_back(c, i); /* nobody comes for it */
	}
	core_intent_free(c, i);
}

static void
take_outcome(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct core_cell *cell = owner;
	struct core *c = cell->core;
	const struct wire_outcome *o = record;
	struct err e = { 0 };

	(void)fds;
	(void)nfds;
	if (!wire_text_ok(o->text, sizeof(o->text)) ||
	    !wire_text_ok(o->host, sizeof(o->host))) {
		(void)err_set(&e, ERR_DENIED, "an outcome is not of its form");
		wire_peer_close(peer, &e);
		return;
	}
	if (o->id == 0) {
		early_refusal(c, cell, o);
		return;
	}
	end_intent(cell, o);
}

/* The same of requests of which there is no more to say. */
static void
take_answered(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_answered *all = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	for (uint64_t n = 0; n < all->count && n < WIRE_TOGETHER; n++) {
		const struct wire_answered_one *one = &all->one[n];
		struct wire_outcome o = {
			.id = one->id,
			.end = WIRE_OUTCOME_ANSWERED,
			.status = one->status,
			.up = one->up,
			.down = one->down,
			.took = one->took,
			.injected = one->injected != 0,
		};

		end_intent(owner, &o);
	}
}

static void
take_fence_up(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_fence_up *up = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	core_cell_fence_up(owner, up);
}

const struct wire_handler core_egress_handlers[] = {
	{ WIRE_FENCE_UP, take_fence_up },
	{ WIRE_INTENT, take_intent },
	{ WIRE_SHOWN, core_shown_take },
	{ WIRE_INTENTS, take_intents },
	{ WIRE_OUTCOME, take_outcome },
	{ WIRE_ANSWERED, take_answered },
};
const size_t core_egress_handler_count = COUNT(core_egress_handlers);

/* --- what is in force --- */

void
core_egress_rules(struct core *c, struct core_cell *cell)
{
	struct wire_egress_rules rules = { .cell = cell->number };
	const struct policy *p = cell->role->policy;

	(void)c;
	if (!cell->egress) {
		return;
	}
	memcpy(rules.policy, cell->role->policy_digest.bytes,
	    sizeof(rules.policy));
	_Static_assert(POLICY_TUNNELS_MAX == WIRE_TUNNELS_MAX, "tunnels");
	for (size_t n = 0; n < policy_egress_count(p); n++) {
		const struct policy_egress *x = policy_egress_at(p, n);
		struct wire_tunnel *t = &rules.tunnel[rules.tunnels];

		if (x->tunnel) {
			t->port = x->match_port;
			(void)str_copy(t->host, sizeof(t->host), x->match_host);
			rules.tunnels++;
		}
	}
	wire_send(cell->egress, WIRE_EGRESS_RULES, &rules, NULL, 0);
}

void
core_egress_rules_all(struct core *c)
{
	for (struct core_cell *cell = c->cells; cell; cell = cell->next) {
		core_egress_rules(c, cell);
	}
}

bool
core_cell_tunnels(const struct core_cell *cell)
{
	const struct policy *p = cell->role->policy;

	for (size_t n = 0; n < policy_egress_count(p); n++) {
		if (policy_egress_at(p, n)->tunnel) {
			return true;
		}
	}
	return false;
}

/* Nobody can guess one: the key is this process's own and never leaves it. */
void
core_placeholder(
    uint64_t cell, struct str credential, char text[CORE_PLACEHOLDER])
{
	static uint8_t key[32];
	static bool made;
	struct digest_run run;

	if (!made) {
		random_bytes(key, sizeof(key));
		made = true;
	}
	digest_begin(&run);
	digest_add(&run, str_span(key, sizeof(key)));
	digest_add(&run, str_span(&cell, sizeof(cell)));
	digest_add(&run, credential);
	struct digest d = digest_end(&run);
	static const char mark[] = CORE_PLACEHOLDER_MARK;

	memcpy(text, mark, sizeof(mark));
	hex_text(d.bytes, 16, text + sizeof(mark) - 1);
}

uint32_t
core_placeholders(const struct core_cell *cell, struct buf *env)
{
	const struct policy *p = cell->role ? cell->role->policy : NULL;
	uint32_t count = 0;

	for (size_t n = 0; p && n < policy_egress_count(p); n++) {
		const struct policy_egress *x = policy_egress_at(p, n);
		char text[CORE_PLACEHOLDER];

		if (x->inject.placeholder.len &&
		    policy_exists_for(x, str_of(cell->only_tool))) {
			core_placeholder(
			    cell->number, x->inject.credential, text);
			buf_addf(env, STR_FMT "=%s",
			    STR_ARG(x->inject.placeholder), text);
			buf_add_byte(env, 0);
			count++;
		}
	}
	return count;
}

/* Of what had left when its egress ended the book says that nobody saw the
 * end; of what was about to, that it did not. */
void
core_egress_gone(struct core *c, struct core_cell *cell)
{
	struct core_intent *next;

	core_rates_drop(c, cell->number);
	core_denials_end(c, cell);
	core_gate_cell_over(c, cell);
	for (struct core_intent *i = c->intents; i; i = next) {
		next = i->next;
		if (i->done || i->cell != cell->number) {
			continue;
		}
		if (i->on_record && !i->refusal) {
			struct wire_outcome o = { .end = WIRE_OUTCOME_FAILED };

			core_text(o.text, sizeof(o.text),
			    i->gone ? "its egress ended first: the outcome is "
			              "unknown"
			            : "its egress ended before it left");
			core_intent_outcome(c, i, &o);
		}
		core_intent_free(c, i);
	}
}

/* Whoever waits for a grant hears that there will be none. */
void
core_vault_gone(struct core *c)
{
	struct core_intent *next;

	c->vault_ready = false;
	core_back_gone(c);
	core_going_vault_gone(c);
	for (struct core_intent *i = c->intents; i; i = next) {
		next = i->next;
		if (i->credential.len && !i->gone && !i->refusal) {
			core_intent_unavailable(c, i, "the vault is away");
		}
	}
}
