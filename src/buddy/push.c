/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for the device: begin, each file in pieces, end; one step is sent
 * when the one before was acknowledged. */
#include <stdlib.h>

#include "buddy/inside.h"

static bool
name_char(char byte, bool first)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' ||
	       (byte == '.' && !first);
}

static bool
name_fits(struct str name)
{
	bool fits = name.len > 0 && name.len <= BUDDY_NAME_MAX;

	for (size_t i = 0; fits && i < name.len; i++) {
		fits = name_char(name.at[i], i == 0);
	}
	return fits;
}

static int
check_files(struct str name, const struct buddy_file *files, size_t count,
    size_t *total, struct err *e)
{
	if (!name_fits(name) || !count || count > BUDDY_FILES_MAX) {
		return err_set(e, ERR_INPUT,
		    "a folder for the device needs a name of letters, digits, "
		    "'.', '_' and '-', and 1 to %d files",
		    BUDDY_FILES_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		if (!name_fits(files[i].name)) {
			return err_set(e, ERR_INPUT,
			    "the device takes no file named %s: no folders, no "
			    "hidden files, at most %d characters",
			    err_quote(files[i].name), BUDDY_NAME_MAX);
		}
		*total += files[i].bytes.len;
		if (*total >= BUDDY_FOLDER_MAX) {
			return err_set(e, ERR_LIMIT,
			    "the folder has more than the %d bytes that the "
			    "device has room for",
			    BUDDY_FOLDER_MAX - 1);
		}
	}
	return 0;
}

int
buddy_push(struct buddy *b, struct str name, const struct buddy_file *files,
    size_t count, struct err *e)
{
	struct push *p;
	size_t total = 0;

	if (check_files(name, files, count, &total, e)) {
		return -1;
	}
	if (!b->connected) {
		return err_set(e, ERR_UNAVAILABLE, "no device is connected");
	}
	if (b->push || b->order.len || b->asked) {
		return err_set(e, ERR_CONFLICT,
		    "the device is busy with another command; try again when "
		    "that has ended");
	}
	p = calloc(1, sizeof(*p));
	must(p);
	p->name = arena_str(&p->arena, name);
	p->files = arena_alloc(&p->arena, count * sizeof(*p->files));
	p->count = count;
	p->total = total;
	for (size_t i = 0; i < count; i++) {
		p->files[i].name = arena_str(&p->arena, files[i].name);
		p->files[i].bytes = arena_str(&p->arena, files[i].bytes);
	}
	b->push = p;
	b->asked = true;
	b->order_word = buddy_push_word(p);
	buddy_write_push(&b->order, p);
	return 0;
}

/* False: what is left is no file. */
static bool
next_file(struct str *rest, struct buddy_file *file)
{
	size_t len = 0;

	if (!str_has(*rest, '\0') || !str_cut(rest, '\0', &file->name) ||
	    rest->len < 4) {
		return false;
	}
	for (size_t i = 4; i-- > 0;) {
		len = len << 8 | (unsigned char)rest->at[i];
	}
	*rest = str_sub(*rest, 4, rest->len);
	if (len > rest->len) {
		return false;
	}
	file->bytes = str_sub(*rest, 0, len);
	*rest = str_sub(*rest, len, rest->len);
	return true;
}

int
buddy_push_packed(
    struct buddy *b, struct str name, struct str packed, struct err *e)
{
	struct buddy_file files[BUDDY_FILES_MAX + 1];
	size_t count = 0;

	while (packed.len && count < COUNT(files)) {
		if (!next_file(&packed, &files[count])) {
			return err_set(
			    e, ERR_INPUT, "a packed folder of no form");
		}
		count++;
	}
	return buddy_push(b, name, files, count, e);
}

void
buddy_push_free(struct push *p)
{
	if (p) {
		arena_fini(&p->arena);
		free(p);
	}
}

const char *
buddy_push_word(const struct push *p)
{
	static const char *const words[] = {
		[PUSH_BEGIN] = "char_begin",
		[PUSH_FILE] = "file",
		[PUSH_CHUNK] = "chunk",
		[PUSH_FILE_END] = "file_end",
		[PUSH_END] = "char_end",
	};

	return words[p->step];
}

/* After a file was announced, or a piece of it was taken. */
static enum push_step
after_bytes(const struct push *p)
{
	return p->at < p->files[p->file].bytes.len ? PUSH_CHUNK : PUSH_FILE_END;
}

bool
buddy_push_acked(struct push *p, int64_t n, bool *ended)
{
	size_t left;

	switch (p->step) {
	case PUSH_BEGIN:
		p->step = PUSH_FILE;
		break;
	case PUSH_FILE:
		p->at = 0;
		p->step = after_bytes(p);
		break;
	case PUSH_CHUNK:
		left = p->files[p->file].bytes.len - p->at;
		p->at += left < BUDDY_CHUNK ? left : BUDDY_CHUNK;
		if (n != (int64_t)p->at) {
			return false;
		}
		p->step = after_bytes(p);
		break;
	case PUSH_FILE_END:
		p->file++;
		p->step = p->file < p->count ? PUSH_FILE : PUSH_END;
		break;
	case PUSH_END:
		*ended = true;
		break;
	}
	return true;
}
