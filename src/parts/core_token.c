/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of workers: made, listed, taken back. */
#include "parts/core_token.h"

#include <stdlib.h>
#include <string.h>

#include "parts/core_api.h"
#include "parts/core_worker.h"

/* --- whose --- */

const struct core_operator *
core_token_bearer(const struct core *c, const uint8_t digest[DIGEST_SIZE])
{
	for (const struct core_token *t = c->tokens; t; t = t->next) {
		if (!t->revoked && equal_const_time(t->self.token.bytes, digest,
		                       DIGEST_SIZE)) {
			return &t->self;
		}
	}
	return NULL;
}

bool
core_token_revoked(const struct core_operator *who)
{
	return who->worker && who->worker->revoked;
}

int
core_token_refuse(const struct core_operator *who, struct err *e)
{
	const struct core_token *t = who->worker;
	auto_buf queues = { 0 };

	for (size_t i = 0; i < t->queue_count; i++) {
		buf_addf(&queues, "%s%s", i ? ", " : "", t->queues[i]);
	}
	return err_set(e, ERR_DENIED,
	    "the token of %s may claim, finish, work and beat on %s, and "
	    "nothing else: ask with an operator's token",
	    who->name, buf_z(&queues));
}

int
core_token_serves(
    const struct core_operator *who, struct str queue, struct err *e)
{
	const struct core_token *t = who->worker;

	for (size_t i = 0; t && i < t->queue_count; i++) {
		if (str_eq_z(queue, t->queues[i])) {
			return 0;
		}
	}
	return t ? core_token_refuse(who, e) : 0;
}

int
core_token_finish(struct core *c, const struct core_operator *who,
    struct str task, const struct json *follow_ups, struct err *e)
{
	const struct queue_task *t =
	    who->worker ? queue_find(c->queue, task) : NULL;

	if (t && core_token_serves(who, t->queue, e)) {
		return -1;
	}
	JSON_EACH(follow, follow_ups)
	{
		struct str queue = STR("");

		(void)json_text(follow, "queue", &queue);
		if (core_token_serves(who, queue, e)) {
			return err_wrap(e, "follow_ups");
		}
	}
	return 0;
}

/* --- rows --- */

static void
write_queues(struct json_out *o, const struct core_token *t)
{
	json_out_array(o, "queues");
	for (size_t i = 0; i < t->queue_count; i++) {
		json_out_z(o, NULL, t->queues[i]);
	}
	json_out_end(o, ']');
}

static void
write_token(struct json_out *o, const struct core_token *t)
{
	char at[WALL_TEXT_MAX];

	wall_text(t->at, at);
	json_out_z(o, "name", t->name);
	write_queues(o, t);
	json_out_z(o, "by", t->by);
	json_out_z(o, "at", at);
	json_out_bool(o, "revoked", t->revoked);
}

static void
save(struct core *c, const struct core_token *t)
{
	auto_buf row = { 0 };
	struct json_out o;
	char hex[DIGEST_TEXT];

	json_out_init(&o, &row);
	json_out_object(&o, NULL);
	write_token(&o, t);
	if (!t->revoked) {
		digest_text(t->self.token, hex);
		json_out_z(&o, "digest", hex);
	}
	json_out_end(&o, '}');
	core_row(c, "worker_token", str_of(t->name), buf_str(&row),
	    t->revoked ? 2 : 1);
}

static void
append(struct core *c, enum book_kind kind, const struct core_token *t,
    const struct core_operator *who)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct core_event event = {
		.kind = kind,
		.identity = who->name,
		.rule = str_of(t->name),
	};

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	write_token(&o, t);
	json_out_end(&o, '}');
	event.body = buf_str(&body);
	save(c, t);
	(void)core_append(c, &event);
}

static struct core_token *
add(struct core *c, struct str name)
{
	struct core_token *t = calloc(1, sizeof(*t));
	size_t prefix = sizeof(CORE_TOKEN_PRINCIPAL) - 1;

	must(t && prefix + name.len < sizeof(t->self.name));
	memcpy(t->self.name, CORE_TOKEN_PRINCIPAL, prefix);
	must(str_copy(
	    t->self.name + prefix, sizeof(t->self.name) - prefix, name));
	t->name = t->self.name + prefix;
	t->self.worker = t;
	t->next = c->tokens;
	c->tokens = t;
	return t;
}

/* The queues are names of this list; false: not so. */
static bool
read_queues(const struct json *list, struct core_token *t)
{
	if (!list || list->type != JSON_ARRAY || list->count == 0 ||
	    list->count > CORE_TOKEN_QUEUES) {
		return false;
	}
	JSON_EACH(name, list)
	{
		if (name->type != JSON_STRING || name->text.len == 0 ||
		    !str_copy(t->queues[t->queue_count], sizeof(t->queues[0]),
		        name->text)) {
			return false;
		}
		t->queue_count++;
	}
	return true;
}

static int
load_row(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;
	auto_arena a = { 0 };
	struct json *tree;
	struct str digest = STR("");
	struct str by = STR("");
	struct str at = STR("");
	struct core_token *t;

	if (json_parse(&a, row->value, NULL, &tree, e)) {
		return err_wrap(e, "worker_token %s", err_quote(row->key));
	}
	t = add(c, row->key);
	(void)json_text(tree, "by", &by);
	(void)json_text(tree, "at", &at);
	(void)json_bool(tree, "revoked", &t->revoked);
	/* Whatever is not as it was written opens nothing. */
	if (!read_queues(json_get(tree, "queues"), t) ||
	    !str_copy(t->by, sizeof(t->by), by) || !wall_parse(at, &t->at) ||
	    (!t->revoked && (!json_text(tree, "digest", &digest) ||
	                        !digest_parse(digest, &t->self.token)))) {
		t->revoked = true;
	}
	return 0;
}

int
core_tokens_load(struct core *c, struct err *e)
{
	return store_rows_walk(
	    c->book.store, STR("worker_token"), STR(""), load_row, c, e);
}

/* --- routes --- */

static struct core_token *
find(const struct core *c, struct str name)
{
	struct core_token *t = c->tokens;

	while (t && !str_eq_z(name, t->name)) {
		t = t->next;
	}
	return t;
}

static bool
is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char b = name.at[i];

		if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') ||
		        b == '-' || b == '_')) {
			return false;
		}
	}
	return name.len > 0 && name.len <= 40;
}

static int
check_new(struct core *c, const struct core_ask *ask, struct core_token *t,
    struct str *name, struct err *e)
{
	struct str digest = STR("");
	size_t count = 0;

	for (const struct core_token *i = c->tokens; i; i = i->next) {
		count++;
	}
	if (!json_text(ask->body, "name", name) || !is_name(*name)) {
		return err_set(e, ERR_INPUT,
		    "name: 1 to 40 of a-z, 0-9, - and _, one for each program "
		    "that works");
	}
	if (find(c, *name)) {
		return err_set(e, ERR_CONFLICT,
		    "there is or was a token %s: names are not used again",
		    err_quote(*name));
	}
	if (count >= CORE_TOKENS_MAX) {
		return err_set(e, ERR_LIMIT, "there are %d tokens already",
		    CORE_TOKENS_MAX);
	}
	if (!read_queues(json_get(ask->body, "queues"), t)) {
		return err_set(e, ERR_INPUT,
		    "queues: expected a list of 1 to %d names",
		    CORE_TOKEN_QUEUES);
	}
	for (size_t i = 0; i < t->queue_count; i++) {
		if (!core_worker_role(c, str_of(t->queues[i]))) {
			return err_set(e, ERR_MISSING,
			    "no role here says of the queue %s that workers "
			    "serve it (role.toml, [queue] served = \"worker\")",
			    err_quote(str_of(t->queues[i])));
		}
	}
	return json_text(ask->body, "digest", &digest) &&
	               digest_parse(digest, &t->self.token)
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "digest: expected the SHA-256 of the token as hex");
}

int
route_token_make(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_token draft = { 0 };
	struct core_token *t;
	struct str name = STR("");

	if (check_new(c, ask, &draft, &name, e)) {
		return -1;
	}
	t = add(c, name);
	t->self.token = draft.self.token;
	memcpy(t->queues, draft.queues, sizeof(t->queues));
	t->queue_count = draft.queue_count;
	must(str_copy(t->by, sizeof(t->by), str_of(ask->operator_->name)));
	t->at = wall_now();
	append(c, BOOK_TOKEN_MADE, t, ask->operator_);
	core_answer_after(c, ask, 201, STR("{\"made\":true}"));
	return 0;
}

int
route_token_revoke(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_token *t = find(c, ask->part);

	if (!t) {
		return err_set(e, ERR_MISSING,
		    "there is no token %s; `handrail token list` names them",
		    err_quote(ask->part));
	}
	if (!t->revoked) {
		t->revoked = true;
		append(c, BOOK_TOKEN_REVOKED, t, ask->operator_);
	}
	core_answer_after(c, ask, 200, STR("{\"revoked\":true}"));
	return 0;
}

int
route_tokens(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;

	(void)e;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "tokens");
	for (const struct core_token *t = c->tokens; t; t = t->next) {
		json_out_object(&o, NULL);
		write_token(&o, t);
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
