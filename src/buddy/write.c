/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "buddy/inside.h"

/* The device draws one byte a character and has no font for the rest. */
static struct str
plain(char *field, size_t size, struct str text)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len && len + 1 < size; i++) {
		unsigned char byte = (unsigned char)text.at[i];

		if (byte >= 0x80 && byte < 0xc0) {
			continue; /* the rest of a character */
		}
		field[len++] = (char)(byte >= 0x20 && byte < 0x7f ? byte : '?');
	}
	return str_span(field, len);
}

static bool
printable(struct str text, const char *without)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.at[i];

		if (byte < 0x20 || byte >= 0x7f || strchr(without, byte)) {
			return false;
		}
	}
	return true;
}

static int
check_prompt(const struct buddy_prompt *p, struct err *e)
{
	if (!p->id.len || p->id.len > BUDDY_ID_MAX ||
	    !printable(p->id, "\"\\")) {
		return err_set(e, ERR_INPUT,
		    "the id %s of a prompt must have 1 to %d printable "
		    "characters and no quote or backslash: a device gives it "
		    "back cut otherwise",
		    err_quote(p->id), BUDDY_ID_MAX);
	}
	if (p->hint.len > BUDDY_HINT_MAX || !printable(p->hint, "")) {
		return err_set(e, ERR_INPUT,
		    "the hint %s has more than %d printable characters: cut a "
		    "value, mark it with ~ and say that it is not whole",
		    err_quote(p->hint), BUDDY_HINT_MAX);
	}
	return 0;
}

static void
write_prompt(struct json_out *o, const struct buddy_prompt *p)
{
	char tool[BUDDY_TOOL_MAX + 1];
	char role[BUDDY_ROLE_MAX + 1];

	json_out_object(o, "prompt");
	json_out_str(o, "id", p->id);
	json_out_str(o, "tool", plain(tool, sizeof(tool), p->tool));
	json_out_str(o, "hint", p->hint);
	if (p->role.len) {
		json_out_str(o, "role", plain(role, sizeof(role), p->role));
	}
	json_out_end(o, '}');
}

static int64_t
shown_count(uint32_t n)
{
	return n < UINT8_MAX ? n : UINT8_MAX;
}

/* The newest `entries` of them. */
static void
write_heartbeat(struct buf *out, const struct buddy_show *show, size_t entries)
{
	char msg[BUDDY_MSG_MAX + 1];
	char entry[BUDDY_ENTRY_MAX + 1];
	struct json_out o;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_i64(&o, "total", shown_count(show->total));
	json_out_i64(&o, "running", shown_count(show->running));
	json_out_i64(&o, "waiting", shown_count(show->waiting));
	json_out_str(&o, "msg", plain(msg, sizeof(msg), show->msg));
	json_out_array(&o, "entries");
	for (size_t i = show->entry_count - entries; i < show->entry_count;
	     i++) {
		json_out_str(
		    &o, NULL, plain(entry, sizeof(entry), show->entries[i]));
	}
	json_out_end(&o, ']');
	json_out_i64(&o, "tokens", (int64_t)(show->tokens & INT64_MAX));
	json_out_i64(
	    &o, "tokens_today", (int64_t)(show->tokens_today & INT64_MAX));
	if (show->prompt) {
		write_prompt(&o, show->prompt);
	}
	json_out_end(&o, '}');
	buf_add_byte(out, '\n');
}

int
buddy_write_show(struct buf *out, const struct buddy_show *show, struct err *e)
{
	size_t entries = show->entry_count;

	if (show->prompt && check_prompt(show->prompt, e)) {
		return -1;
	}
	entries = entries < BUDDY_ENTRIES ? entries : BUDDY_ENTRIES;
	buf_clear(out);
	write_heartbeat(out, show, entries);
	while (out->len > BUDDY_LINE_MAX) {
		must(entries > 0); /* all else is bounded, and fits */
		entries--;
		buf_clear(out);
		write_heartbeat(out, show, entries);
	}
	return 0;
}

void
buddy_write_command(
    struct buf *out, const char *command, const char *key, struct str value)
{
	char field[BUDDY_NAME_MAX + 1];
	struct json_out o;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_z(&o, "cmd", command);
	if (key) {
		json_out_str(&o, key, plain(field, sizeof(field), value));
	}
	json_out_end(&o, '}');
	buf_add_byte(out, '\n');
}

void
buddy_write_hello(struct buf *out, const struct buddy_hello *hello)
{
	struct json_out o;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_array(&o, "time");
	json_out_i64(&o, NULL, hello->now.us / CLOCK_SECOND);
	json_out_i64(&o, NULL, hello->zone_s);
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	buf_add_byte(out, '\n');
	if (hello->owner.len) {
		buddy_write_command(out, "owner", "name", hello->owner);
	}
}

static void
write_chunk(struct json_out *o, const struct push *p)
{
	auto_buf text = { 0 };
	struct str piece = str_sub(p->files[p->file].bytes, p->at, BUDDY_CHUNK);

	base64_add(&text, piece);
	json_out_str(o, "d", buf_str(&text));
}

void
buddy_write_push(struct buf *out, const struct push *p)
{
	struct json_out o;

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_z(&o, "cmd", buddy_push_word(p));
	switch (p->step) {
	case PUSH_BEGIN:
		json_out_str(&o, "name", p->name);
		json_out_i64(&o, "total", (int64_t)p->total);
		break;
	case PUSH_FILE:
		json_out_str(&o, "path", p->files[p->file].name);
		json_out_i64(&o, "size", (int64_t)p->files[p->file].bytes.len);
		break;
	case PUSH_CHUNK:
		write_chunk(&o, p);
		break;
	case PUSH_FILE_END:
	case PUSH_END:
		break;
	}
	json_out_end(&o, '}');
	buf_add_byte(out, '\n');
	must(out->len <= BUDDY_LINE_MAX + 1);
}
