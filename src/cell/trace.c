/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether anything at all changed in a workspace since its last digest: if not,
 * no folder is listed, no name sorted and nothing hashed.  A folder's stamp
 * vouches for the names in it, as a file's for its content (DESIGN, "What is
 * not read again").
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cell/inside.h"

void
trace_add(
    struct trace *t, const struct stat *st, size_t depth, const char *name)
{
	struct stamp s = stamp_of(st);

	if (!recall_settled(st->st_ctim, t->began) ||
	    t->stamps.len == MEMO_FILES_MAX * sizeof(s)) {
		t->broken = true;
	}
	if (!t->broken) {
		s.depth = (uint32_t)depth;
		buf_add(&t->stamps, str_span(&s, sizeof(s)));
		buf_add(&t->names, str_span(name, strlen(name) + 1));
	}
}

void
trace_begin(struct trace *t, int folder, struct timespec began)
{
	struct stat top;

	*t = (struct trace){ .began = began };
	if (fstatat(folder, "", &top, AT_EMPTY_PATH) < 0) {
		t->broken = true;
		return;
	}
	trace_add(t, &top, 0, "");
}

void
trace_fini(struct trace *t)
{
	buf_fini(&t->stamps);
	buf_fini(&t->names);
}

/* --- whether it stands ---------------------------------------------------- */

/* The folders above the entry that is looked at: at[0] is the workspace. */
struct way {
	int at[TREE_DEPTH_MAX];
	size_t depth;
	dev_t device;
};

static void
go_up(struct way *w, size_t depth)
{
	while (w->depth > depth) {
		auto_close_fd(&w->at[--w->depth]);
	}
}

/* Takes fd, or is nowhere. */
static bool
go_into(struct way *w, int fd)
{
	if (fd < 0 || w->depth == TREE_DEPTH_MAX) {
		auto_close_fd(&fd);
		return false;
	}
	w->at[w->depth++] = fd;
	return true;
}

static bool
shows(const struct way *w, int folder, const char *name, int flags,
    const struct stamp *was)
{
	struct stat st;

	if (fstatat(folder, name, &st, flags) < 0 || st.st_dev != w->device) {
		return false;
	}
	struct stamp now = stamp_of(&st);

	now.depth = was->depth;
	return memcmp(&now, was, sizeof(now)) == 0;
}

/* One entry below the workspace; and into it, where the next one lies in it. */
static bool
entry_stands(
    struct way *w, const struct stamp *was, const char *name, bool inside)
{
	if (was->depth == 0 || was->depth > w->depth) {
		return false;
	}
	go_up(w, was->depth);
	int parent = w->at[w->depth - 1];

	if (!shows(w, parent, name, AT_SYMLINK_NOFOLLOW, was)) {
		return false;
	}
	if (!inside) {
		return true;
	}
	return go_into(w, openat(parent, name,
	                      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) &&
	       shows(w, w->at[w->depth - 1], "", AT_EMPTY_PATH, was);
}

static bool
all_stand(struct way *w, const struct stamp *stamps, size_t count,
    const char *names, size_t size)
{
	const char *end = names + size;

	for (size_t i = 0; i < count; i++) {
		size_t left = (size_t)(end - names);
		size_t len = strnlen(names, left);

		if (len == left) {
			return false;
		}
		if (i > 0 && !entry_stands(w, &stamps[i], names,
		                 i + 1 < count &&
		                     stamps[i + 1].depth > stamps[i].depth)) {
			return false;
		}
		names += len + 1;
	}
	return names == end;
}

bool
trace_stands(const struct stamp *stamps, size_t count, const char *names,
    size_t size, int folder)
{
	struct way w = { .depth = 0 };
	struct stat top;
	bool stands = fstatat(folder, "", &top, AT_EMPTY_PATH) == 0;

	w.device = stands ? top.st_dev : 0;
	stands = stands &&
	         go_into(&w,
	             openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)) &&
	         shows(&w, w.at[0], "", AT_EMPTY_PATH, stamps) &&
	         all_stand(&w, stamps, count, names, size);
	go_up(&w, 0);
	return stands;
}
