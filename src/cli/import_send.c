/* SPDX-License-Identifier: Apache-2.0 */
/* Sending what `task import` found: dependencies first. */
#include <search.h>
#include <string.h>

#include "book/book.h"
#include "cli/import.h"
#include "digest/digest.h"

int
import_by_id(const void *a, const void *b)
{
	return str_cmp(
	    ((const struct item *)a)->id, ((const struct item *)b)->id);
}

struct item *
import_find(struct import *in, struct str id)
{
	struct item key = { .id = id };
	struct item **at = tfind(&key, &in->by_id, import_by_id);

	return at ? *at : NULL;
}

/* --- edges --- */

bool
import_is_pending(const struct item *item)
{
	return item && item->body && item->state == E2M_PENDING;
}

/* `blocks` among these tasks is depends_on of the other side: the house knows
 * no task before it is put. */
static void
turn_blocks(struct import *in, struct item *item)
{
	struct arena *a = &in->c->arena;
	const struct json *blocks = json_get(item->body, "blocks");
	struct json *left = json_new(a, JSON_ARRAY);

	if (!blocks) {
		return;
	}
	JSON_EACH(id, blocks)
	{
		struct item *other = import_find(in, id->text);

		if (!other || !other->body) {
			(void)json_push(left, json_copy(a, id));
			continue;
		}
		const struct json *had = json_get(other->body, "depends_on");
		struct json *list =
		    had ? json_copy(a, had) : json_new(a, JSON_ARRAY);

		(void)json_push(list, json_new_str(a, item->id));
		(void)json_set(a, other->body, "depends_on", list);
	}
	(void)json_set(a, item->body, "blocks", left);
}

static bool
has_text(const struct json *list, struct str text)
{
	JSON_EACH(item, list)
	{
		if (str_eq(item->text, text)) {
			return true;
		}
	}
	return false;
}

static void
depend(struct import *in, struct json *list, struct str name)
{
	if (!has_text(list, name)) {
		(void)json_push(list, json_new_str(&in->c->arena, name));
	}
}

/* Names what the house knows; false while a task of ours is not there yet. */
static bool
resolve_depends(struct import *in, struct item *item)
{
	const struct json *had = json_get(item->body, "depends_on");
	struct json *list = json_new(&in->c->arena, JSON_ARRAY);

	JSON_EACH(id, had)
	{
		struct item *other = import_find(in, id->text);

		if (import_is_pending(other) && !other->house_id) {
			return false;
		}
		if (import_is_pending(other)) {
			depend(in, list, str_of(other->house_id));
		} else if (!other || !other->body ||
		           other->state != E2M_COMPLETED) {
			depend(in, list, id->text);
		}
	}
	if (had) {
		(void)json_set(&in->c->arena, item->body, "depends_on", list);
	}
	return true;
}

/* --- sending --- */

/* What the house calls it.  What is no UUID makes always the same one (RFC 9562
 * version 8), so that the house knows it when its key has long been forgotten.
 */
static struct str
house_name(struct import *in, const struct item *item)
{
	struct digest named;
	struct book_id id;
	char text[ID_TEXT];

	if (id_valid(item->id)) {
		return item->id;
	}
	named = digest_of(arena_printf(&in->c->arena,
	    "handrail task import\n" STR_FMT, STR_ARG(item->id)));
	memcpy(id.bytes, named.bytes, sizeof(id.bytes));
	id.bytes[6] = (uint8_t)(0x80 | (id.bytes[6] & 0x0f));
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
	book_id_text(id, text);
	return arena_str(&in->c->arena, str_of(text));
}

static bool
is_there(struct import *in, struct str name)
{
	struct cli_answer answer = { 0 };
	struct err e = { 0 };
	struct cli_ask ask = { .method = "GET" };
	bool there;

	ask.target = arena_printf(
	    &in->c->arena, "/api/tasks/%s", cli_encode(in->c, name));
	there = cli_send(in->c, &ask, &answer, &e) == 0;
	buf_fini(&answer.body);
	return there;
}

/* -1: no house; else the item says what came of it. */
static int
send_item(struct import *in, struct item *item, struct err *e)
{
	auto_buf body = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST" };
	struct str name = house_name(in, item);
	bool there = false;
	int result;

	if (is_there(in, name)) {
		item->house_id = arena_z(&in->c->arena, name);
		item->outcome = "there";
		in->there++;
		return 0;
	}
	(void)json_set_str(&in->c->arena, item->body, "id", name);
	json_write(&body, item->body);
	ask.body = buf_str(&body);
	ask.target = arena_printf(
	    &in->c->arena, "/api/tasks?key=%s", cli_encode(in->c, item->id));
	result = cli_send(in->c, &ask, &answer, e);
	buf_fini(&answer.body);
	if (result && !answer.status) {
		return -1;
	}
	if (result) {
		item->outcome = "refused";
		item->problem = arena_str(&in->c->arena, str_of(e->text));
		in->refused++;
		return 0;
	}
	(void)json_bool(answer.tree, "duplicate", &there);
	item->house_id = cli_text(in->c, answer.tree, "id");
	item->outcome = there ? "there" : "dispatched";
	in->there += there;
	in->sent += !there;
	return 0;
}

/* Those whose dependencies are there. */
static int
send_round(struct import *in, bool *sent, struct err *e)
{
	for (struct item *i = in->first; i; i = i->next) {
		if (!import_is_pending(i) || i->outcome ||
		    !resolve_depends(in, i)) {
			continue;
		}
		if (send_item(in, i, e)) {
			return -1;
		}
		*sent = true;
	}
	return 0;
}

/* Again and again over what is left, until a round sends nothing. */
int
import_send(struct import *in, struct err *e)
{
	bool more;

	for (struct item *i = in->first; i; i = i->next) {
		if (import_is_pending(i)) {
			turn_blocks(in, i);
		}
	}
	do {
		more = false;
		if (send_round(in, &more, e)) {
			return -1;
		}
	} while (more);
	for (struct item *i = in->first; i; i = i->next) {
		if (import_is_pending(i) && !i->outcome) {
			i->outcome = "refused";
			i->problem = STR("it depends on a task that was not "
			                 "taken, or on itself");
			in->refused++;
		}
	}
	return 0;
}
