/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator has the device do: another name, its bonds thrown away, a
 * folder kept.  One at a time, by the operator whose device it is.  The answer
 * says that it was told; how it ended stands in /api/buddy, where whoever told
 * it looks: a folder over a radio takes minutes.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"

static int
may_order(const struct core *c, const struct core_ask *ask, struct err *e)
{
	const struct core_buddy *b = &c->desk;

	if (!c->buddy || !core_buddy_heard(b)) {
		return err_set(e, ERR_UNAVAILABLE,
		    "no device answers: `handrail buddy status` says why");
	}
	if (b->device.person[0] &&
	    strcmp(b->device.person, ask->operator_->name) != 0) {
		return err_set(e, ERR_DENIED,
		    "this device is %s's, who alone tells it what to do",
		    b->device.person);
	}
	if (b->order.going) {
		return err_set(e, ERR_CONFLICT,
		    "the device is still at the %s that %s has told it",
		    b->order.word, b->order.by);
	}
	return core_stalled(c)[0]
	           ? err_set(e, ERR_UNAVAILABLE, "%s", core_stalled(c))
	           : 0;
}

static void
tell(struct core *c, struct core_ask *ask, struct wire_buddy_order *order,
    int *fd)
{
	static const char *const words[] = {
		[WIRE_BUDDY_NAME] = "name",
		[WIRE_BUDDY_UNPAIR] = "unpair",
		[WIRE_BUDDY_PUSH] = "push",
	};
	struct core_buddy_order *o = &c->desk.order;
	auto_buf body = { 0 };

	*o = (struct core_buddy_order){
		.number = o->number + 1,
		.going = true,
		.word = words[order->word],
	};
	core_text(o->by, sizeof(o->by), ask->operator_->name);
	order->carrier = c->desk.device.carrier;
	order->order = o->number;
	log_line(LOG_INFO, "buddy", "%s of %s: %s", o->word,
	    c->desk.device.device, o->by);
	wire_send(c->buddy, WIRE_BUDDY_ORDER, order, fd, fd ? 1 : 0);
	buf_addf(&body, "{\"order\":%llu}", (unsigned long long)o->number);
	core_answer(c, ask, 202, buf_str(&body));
}

static int
read_name(
    const struct core_ask *ask, struct wire_buddy_order *order, struct err *e)
{
	struct str name = STR("");

	if (!json_text(ask->body, "name", &name) || !name.len ||
	    name.len > 64 || memchr(name.at, '\0', name.len) ||
	    !str_copy(order->name, sizeof(order->name), name)) {
		return err_set(
		    e, ERR_INPUT, "name: expected 1 to 64 characters");
	}
	return 0;
}

int
route_buddy_name(struct core *c, struct core_ask *ask, struct err *e)
{
	struct wire_buddy_order order = { .word = WIRE_BUDDY_NAME };

	if (may_order(c, ask, e) || read_name(ask, &order, e)) {
		return -1;
	}
	tell(c, ask, &order, NULL);
	return 0;
}

int
route_buddy_unpair(struct core *c, struct core_ask *ask, struct err *e)
{
	struct wire_buddy_order order = { .word = WIRE_BUDDY_UNPAIR };

	if (may_order(c, ask, e)) {
		return -1;
	}
	tell(c, ask, &order, NULL);
	return 0;
}

/* --- a folder --- */

/* What a name may be is the device's to say (room buddy). */
static int
pack_file(struct buf *out, const struct json *file, struct err *e)
{
	auto_buf bytes = { 0 };
	struct str name;
	struct str data;

	if (!json_text(file, "name", &name) || !name.len ||
	    memchr(name.at, '\0', name.len) ||
	    !json_text(file, "data", &data) || !base64_decode(&bytes, data)) {
		return err_set(e, ERR_INPUT,
		    "files: expected {name, data}, data in base64");
	}
	buf_add(out, name);
	buf_add_byte(out, 0);
	for (unsigned shift = 0; shift < 32; shift += 8) {
		buf_add_byte(out, (uint8_t)(bytes.len >> shift));
	}
	buf_add(out, buf_str(&bytes));
	return out->len <= WIRE_BUDDY_FOLDER_MAX
	           ? 0
	           : err_set(e, ERR_LIMIT,
	                 "the folder is larger than a device takes");
}

static int
pack(struct buf *out, const struct json *files, struct err *e)
{
	if (!files || files->type != JSON_ARRAY || !files->count) {
		return err_set(
		    e, ERR_INPUT, "files: expected a list of {name, data}");
	}
	JSON_EACH(file, files)
	{
		if (pack_file(out, file, e)) {
			return -1;
		}
	}
	return 0;
}

int
route_buddy_push(struct core *c, struct core_ask *ask, struct err *e)
{
	struct wire_buddy_order order = { .word = WIRE_BUDDY_PUSH };
	auto_buf packed = { 0 };
	int fd;

	if (may_order(c, ask, e) || read_name(ask, &order, e) ||
	    pack(&packed, json_get(ask->body, "files"), e)) {
		return -1;
	}
	fd = core_memfd(buf_str(&packed));
	tell(c, ask, &order, &fd);
	return 0;
}

/* --- its end --- */

static void
end(struct core *c, bool done, const char *text)
{
	struct core_buddy_order *o = &c->desk.order;

	o->going = false;
	o->done = done;
	core_text(o->text, sizeof(o->text), text);
	log_line(LOG_INFO, "buddy", "%s: %s", o->word, done ? "done" : o->text);
}

void
core_buddy_order_lost(struct core *c)
{
	if (c->desk.order.going) {
		end(c, false, "the device is gone; nothing says what it did");
	}
}

void
core_buddy_ordered(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct core *c = owner;
	const struct wire_buddy_ordered *in = record;
	struct err why = { 0 };

	if (in->done > 1 || !wire_text_ok(in->text, sizeof(in->text))) {
		(void)err_set(&why, ERR_DENIED, "BUDDY_ORDERED of no form");
		wire_peer_close(peer, &why);
	} else if (c->desk.order.going && in->order == c->desk.order.number) {
		end(c, in->done, in->text);
	}
}

void
core_buddy_order_write(const struct core *c, struct json_out *o)
{
	const struct core_buddy_order *order = &c->desk.order;

	if (!order->number) {
		return;
	}
	json_out_object(o, "order");
	json_out_i64(o, "number", (int64_t)order->number);
	json_out_z(o, "word", order->word);
	json_out_z(o, "by", order->by);
	json_out_z(o, "state",
	    order->going  ? "going"
	    : order->done ? "done"
	                  : "failed");
	json_out_z(o, "text", order->text);
	json_out_end(o, '}');
}
