/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an intent that is on the disk to its go: a grant where a credential is
 * used, then the order to its egress.
 */
#include <string.h>

#include "parts/core_back.h"
#include "parts/core_ca.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"
#include "parts/crash.h"

/* What one request may move; and all of a cell's by that rule, which its egress
 * adds up while they are under way. */
static void
fill_bounds(const struct core_intent *i, struct wire_go *go)
{
	if (i->bounds) {
		go->up_max = i->bounds->body_max;
		go->down_max = i->bounds->answer_max;
		go->volume_max = i->cell ? i->bounds->volume_max : 0;
	}
}

int
core_go_fill(struct core *c, struct core_intent *i, struct wire_go *go, int *ca,
    struct err *e)
{
	*ca = -1;
	go->id = i->done ? i->number : i->id;
	go->grant = i->credential.len ? i->number : 0;
	go->place = i->place;
	go->tls = i->tls_up && !i->tunnel;
	go->keep_credentials = i->keep_credentials;
	go->whole = i->whole;
	go->websocket = i->bounds && i->bounds->websocket;
	/* What a person allowed leaves once. */
	go->once = i->wait.len > 0;
	go->renews = !go->once && core_oauth_renews(c, i);
	fill_bounds(i, go);
	core_text(go->placeholder, sizeof(go->placeholder),
	    arena_z(&i->arena, i->placeholder));
	if (i->use == WIRE_USE_TAKE) {
		char mask[CORE_PLACEHOLDER];

		core_placeholder(i->cell, i->credential, mask);
		core_text(go->mask, sizeof(go->mask), mask);
	}
	go->version = i->version;
	memcpy(go->policy, i->policy.bytes, sizeof(go->policy));
	core_text(go->credential, sizeof(go->credential),
	    arena_z(&i->arena, i->credential));
	go->pinned = i->pinned;
	go->pin_port = i->pin_port;
	go->pin.family = i->pin.family;
	memcpy(go->pin.bytes, i->pin.bytes, sizeof(go->pin.bytes));
	core_text(
	    go->name, sizeof(go->name), arena_z(&i->arena, i->place_name));
	core_text(
	    go->format, sizeof(go->format), arena_z(&i->arena, i->format));
	core_text(go->rule, sizeof(go->rule), arena_z(&i->arena, i->rule));
	if (i->ca.len) {
		struct core_cell *cell =
		    i->cell ? core_cell_find(c, i->cell) : NULL;

		if (core_ca_put(
		        c, arena_z(&i->arena, i->ca), cell, go, ca, e)) {
			return err_wrap(e, "the CA of rule " STR_FMT "%s",
			    STR_ARG(i->rule), core_ca_hint(e));
		}
	}
	return 0;
}

void
core_go_lacks_ca(struct core *c, struct core_intent *i, const struct err *e)
{
	struct core_refusal why = {
		.status = 503,
		.error = "unavailable",
		.rule = i->rule,
		.reason = str_of(e->text),
		.told = STR("the CA of its rule cannot be read"),
		.next = STR("tell whoever operates this house: the book says "
		            "which file it is"),
	};

	core_grant_back(c, i);
	core_intent_refuse(c, i, &why);
}

static void
answer_unsent(
    struct core *c, struct core_intent *i, enum err_kind kind, const char *why)
{
	struct wire_outcome o = { .end = WIRE_OUTCOME_FAILED };

	core_text(o.text, sizeof(o.text), why);
	core_grant_back(c, i);
	core_intent_outcome(c, i, &o);
	core_intent_answer(c, i, kind, why);
}

static void
send_own(struct core *c, struct core_intent *i)
{
	struct wire_http_do http = {
		.timeout = (uint64_t)i->timeout,
		.answer_limit = i->answer_limit,
		.port = i->port,
		.has_body = i->body.len > 0,
		.capture = (uint8_t)i->capture,
		.assumed = i->assumed,
	};
	struct err e = { 0 };
	int fds[2];
	size_t nfds = 0;
	int ca;

	if (core_go_fill(c, i, &http.go, &ca, &e)) {
		answer_unsent(c, i, e.kind, e.text);
		return;
	}
	core_text(
	    http.method, sizeof(http.method), arena_z(&i->arena, i->method));
	core_text(http.host, sizeof(http.host), i->host);
	core_text(
	    http.target, sizeof(http.target), arena_z(&i->arena, i->target));
	core_text(
	    http.headers, sizeof(http.headers), arena_z(&i->arena, i->headers));
	if (i->body.len) {
		fds[nfds++] = core_memfd(buf_str(&i->body));
	}
	if (ca >= 0) {
		fds[nfds++] = ca;
	}
	wire_send(c->egress, WIRE_HTTP_DO, &http, fds, nfds);
}

static void
send_go(struct core *c, struct core_intent *i)
{
	struct wire_peer *egress = core_intent_egress(c, i);
	struct wire_going go = { 0 };
	struct err e = { 0 };
	int ca;

	crash_point(CRASH_CORE_GO);
	if (!egress) {
		if (i->done) {
			answer_unsent(c, i, ERR_UNAVAILABLE,
			    "the egress of core is away");
		}
		return;
	}
	i->gone = true;
	i->went = loop_now(c->part.loop);
	if (i->done) {
		send_own(c, i);
		return;
	}
	if (core_go_fill(c, i, &go.go, &ca, &e)) {
		core_go_lacks_ca(c, i, &e);
		return;
	}
	wire_send(egress, WIRE_GO, &go, &ca, ca >= 0);
}

static void
send_code(struct core *c, struct core_intent *i)
{
	struct wire_vault_code code = { .number = i->number };

	must(i->code.len <= sizeof(code.box));
	code.box_size = (uint32_t)i->code.len;
	memcpy(code.box, i->code.at, i->code.len);
	wire_send(c->vault, WIRE_VAULT_CODE, &code, NULL, 0);
}

void
core_intent_unfit(struct core *c, struct core_intent *i,
    const struct core_credential *k, const char *unfit)
{
	const char *verb = !k || k->archived ? "put"
	                   : k->closed[0]    ? "login"
	                                     : "rotate";
	bool put = strcmp(verb, "put") == 0;
	struct core_refusal why = {
		.status = 403,
		.error = "denied",
		.rule = i->rule,
		.reason = arena_printf(&i->arena,
		    "the rule names the credential \"" STR_FMT
		    "\", and the vault has %s",
		    STR_ARG(i->credential), unfit),
		.next =
		    arena_printf(&i->arena, "handrail vault %s " STR_FMT "%s%s",
		        verb, STR_ARG(i->credential), put ? " --host " : "",
		        put ? i->host : ""),
	};

	core_intent_refuse(c, i, &why);
}

void
core_grant_binding(const struct core_credential *k, struct wire_binding *out)
{
	core_credential_binding(k, out);
#ifdef HANDRAIL_FORGE_GRANT
	/* Only the test that proves that the vault looks itself builds this. */
	core_text(out->hosts, sizeof(out->hosts), "*");
#endif
}

void
core_grant_send(struct core *c, struct core_intent *i)
{
	const struct core_credential *k =
	    core_credential_find(c, i->credential);
	struct wire_vault_grant grant = {
		.number = i->number,
		.cell = i->cell,
		.not_after = (uint64_t)mono_after(mono_now(), CORE_GRANT_US).us,
		.claim_epoch = i->epoch,
		.port = i->port,
		.use = (uint8_t)i->use,
		.secret = (uint8_t)i->secret,
	};

	const char *unfit = !k ? "none of that name"
	                    : i->use == WIRE_USE_ACCESS && k->closed[0]
	                        ? k->closed
	                        : core_credential_unfit(c, k);

	if (unfit) {
		core_intent_unfit(c, i, k, unfit);
		return;
	}
	if (k->settling) {
		i->parked = true; /* the row is about to be on the disk */
		return;
	}
	if (!c->vault_ready) {
		core_intent_unavailable(c, i, "the vault is away");
		return;
	}
	core_grant_binding(k, &grant.binding);
	i->version = k->version;
	core_text(grant.host, sizeof(grant.host), i->host);
	core_text(
	    grant.client, sizeof(grant.client), arena_z(&i->arena, i->client));
	must(k->row.len <= sizeof(grant.row));
	grant.row_size = (uint32_t)k->row.len;
	memcpy(grant.row, k->row.at, k->row.len);
	if (i->use == WIRE_USE_CODE) {
		send_code(c, i);
	}
	wire_send(c->vault, WIRE_VAULT_GRANT, &grant, NULL, 0);
}

bool
core_intent_in_force(struct core *c, const struct core_intent *i)
{
	const struct core_cell *cell = core_cell_find(c, i->cell);
	const struct core_run *r = core_run_find(c, i->run);

	if (c->draining || core_stalled(c)[0] ||
	    (i->cell && (!cell || cell->phase == CELL_ENDING))) {
		return false;
	}
	return !i->run || (r && r->epoch == i->epoch && !r->settled &&
	                      r->phase == RUN_ACTING);
}

const char *
core_intent_over(const struct core *c)
{
	return core_stalled(c)[0] ? core_stalled(c)
	       : c->draining      ? "the house closes"
	                          : "this claim is over";
}

/* It may have waited for a token while the role was read anew. */
static bool
policy_stands(struct core *c, const struct core_intent *i)
{
	const struct core_cell *cell = core_cell_find(c, i->cell);
	const struct core_run *r = core_run_find(c, i->run);
	const struct core_role *role = cell ? cell->role : r ? r->role : NULL;

	return !i->said || !role || digest_eq(i->policy, role->policy_digest);
}

/* --- taking back --- */

void
core_grant_back(struct core *c, struct core_intent *i)
{
	struct wire_vault_unlend back = {
		.cell = i->cell,
		.count = 1,
		.number = { i->number },
	};

	if (i->credential.len && !i->taken_back) {
		i->taken_back = true;
		core_back(c, WIRE_VAULT_UNLEND, &back);
	}
}

/* Core's own of a run that drains may end: only its run's end is theirs. */
static bool
stands(struct core *c, const struct core_intent *i)
{
	const struct core_run *r = core_run_find(c, i->run);

	if (i->done) {
		return !i->run || (r && r->epoch == i->epoch && !r->settled);
	}
	return core_intent_in_force(c, i) && policy_stands(c, i);
}

static void
send_back(struct core *c, struct wire_vault_unlend *back)
{
	if (back->count > 0) {
		core_back(c, WIRE_VAULT_UNLEND, back);
	}
	*back = (struct wire_vault_unlend){ 0 };
}

/* As many in one record as it holds: of full cells one each would fill both
 * sockets, and the vault would be ended for it. */
void
core_grants_over(struct core *c)
{
	struct wire_vault_unlend back = { 0 };

	for (struct core_intent *i = c->intents; i; i = i->next) {
		if (!i->gone || !i->credential.len || i->taken_back ||
		    stands(c, i)) {
			continue;
		}
		if (back.count == WIRE_TOGETHER || back.cell != i->cell) {
			send_back(c, &back);
		}
		i->taken_back = true;
		back.cell = i->cell;
		back.number[back.count++] = i->number;
	}
	send_back(c, &back);
}

/* Between its commit, its grant and its go the claim may have ended. */
bool
core_go_may(struct core *c, struct core_intent *i)
{
	if (!i || i->gone || i->refusal) {
		return false;
	}
	if (!core_intent_in_force(c, i)) {
		core_intent_unavailable(c, i, core_intent_over(c));
		return false;
	}
	if (!policy_stands(c, i)) {
		core_intent_unavailable(
		    c, i, "the policy that allowed it was changed");
		return false;
	}
	return true;
}

/* The intent is on the disk. */
void
core_intent_committed(struct core *c, uint64_t number)
{
	struct core_intent *i = core_intent_find(c, number);

	if (!core_go_may(c, i)) {
		return;
	}
	i->committed = true;
	crash_point(CRASH_CORE_INTENT);
	if (core_going_add(c, i)) {
		return;
	}
	if (i->credential.len) {
		core_grant_send(c, i);
	} else {
		send_go(c, i);
	}
}

void
core_vault_granted(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_granted *granted = record;
	struct core_intent *i = core_intent_find(c, granted->number);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (!core_go_may(c, i)) {
		if (i && granted->ok) {
			core_grant_back(c, i);
		}
		return;
	}
	if (!granted->ok) {
		core_intent_unavailable(c, i,
		    wire_text_ok(granted->text, sizeof(granted->text))
		        ? granted->text
		        : "the vault refused");
		return;
	}
	send_go(c, i);
}
