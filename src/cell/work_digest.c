/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a workspace, byte by byte as in DESIGN. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cell/inside.h"

#define CHUNK     ((size_t)128 * 1024)
#define BYTES_MAX (16ULL << 30)

struct digesting {
	struct digest_run run;
	struct recall recall;
	struct trace trace;
	uint64_t bytes;
	uint64_t read;
	char *chunk;
};

static char
type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFSOCK:
		return 's';
	case S_IFIFO:
		return 'p';
	default:
		return 'n';
	}
}

static int
count_bytes(struct digesting *d, uint64_t more, struct err *e)
{
	d->bytes += more;
	return d->bytes <= BYTES_MAX
	           ? 0
	           : err_set(e, ERR_LIMIT,
	                 "the workspace holds more than %llu GiB",
	                 BYTES_MAX >> 30);
}

static int
read_content(struct digesting *d, int fd, const struct tree_entry *entry,
    struct reading *r, struct err *e)
{
	struct digest_run run;

	d->read++;
	digest_begin(&run);
	for (;;) {
		ssize_t got = read(fd, d->chunk, CHUNK);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return err_sys(e, "read %s", err_quote(entry->path));
		}
		if (got == 0) {
			break;
		}
		r->size += (uint64_t)got;
		if (count_bytes(d, (uint64_t)got, e)) {
			return -1;
		}
		digest_add(&run, str_span(d->chunk, (size_t)got));
	}
	r->content = digest_end(&run);
	return 0;
}

static int
digest_file(struct digesting *d, const struct tree_entry *entry,
    struct digest *out, uint64_t *size, struct err *e)
{
	struct reading r = { .began = recall_clock() };
	auto_close int fd = openat(entry->parent, entry->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &r.before) < 0) {
		return err_sys(e, "read %s", err_quote(entry->path));
	}
	if (!S_ISREG(r.before.st_mode) ||
	    r.before.st_ino != entry->stat.st_ino) {
		return err_set(e, ERR_CONFLICT, "%s changed under the digest",
		    err_quote(entry->path));
	}
	if (read_content(d, fd, entry, &r, e)) {
		return -1;
	}
	if (fstat(fd, &r.after) == 0) {
		recall_keep(&d->recall, &r);
	}
	*size = r.size;
	*out = r.content;
	return 0;
}

/* As it was read before, if it cannot have changed since. */
static int
digest_content(struct digesting *d, const struct tree_entry *entry,
    struct digest *out, uint64_t *size, struct err *e)
{
	if (!recall_find(&d->recall, &entry->stat, out)) {
		return digest_file(d, entry, out, size, e);
	}
	*size = (uint64_t)entry->stat.st_size;
	return count_bytes(d, *size, e);
}

static int
digest_link(const struct tree_entry *entry, struct digest *out, uint64_t *size,
    struct err *e)
{
	char target[PATH_MAX];
	ssize_t len =
	    readlinkat(entry->parent, entry->name, target, sizeof(target));

	if (len < 0) {
		return err_sys(e, "read link %s", err_quote(entry->path));
	}
	*size = (uint64_t)len;
	*out = digest_of(str_span(target, (size_t)len));
	return 0;
}

static void
put_number(uint8_t *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		at[i] = (uint8_t)(value >> (8 * i));
	}
}

static int
digest_entry(void *owner, const struct tree_entry *entry, struct err *e)
{
	struct digesting *d = owner;
	struct digest content = { 0 };
	uint64_t size = 0;
	char type = type_of(entry->stat.st_mode);
	uint8_t length[4];
	uint8_t fields[1 + 4 + 8];

	trace_add(&d->trace, &entry->stat, entry->depth, entry->name);
	if (type == 'f' && digest_content(d, entry, &content, &size, e)) {
		return -1;
	}
	if (type == 'l' && digest_link(entry, &content, &size, e)) {
		return -1;
	}
	put_number(length, entry->path.len, 4);
	fields[0] = (uint8_t)type;
	put_number(fields + 1, entry->stat.st_mode & 07777, 4);
	put_number(fields + 5, size, 8);
	digest_add(&d->run, str_span(length, sizeof(length)));
	digest_add(&d->run, entry->path);
	digest_add(&d->run, str_span(fields, sizeof(fields)));
	digest_add(&d->run, str_span(content.bytes, DIGEST_SIZE));
	return 0;
}

static int
digest_all(struct digesting *d, const struct work_task *task,
    struct digest *out, struct err *e)
{
	struct tree_walk walk = {
		.visit = digest_entry,
		.owner = d,
		.sorted = true,
	};

	d->chunk = malloc(CHUNK);
	must(d->chunk);
	trace_begin(&d->trace, task->folder, recall_clock());
	digest_begin(&d->run);
	digest_add(&d->run, STR("handrail workspace 1\n"));
	int status = tree_walk(task->folder, &walk, e);

	if (status == 0) {
		*out = digest_end(&d->run);
		status = recall_save(&d->recall, &d->trace, *out, e);
	}
	trace_fini(&d->trace);
	free(d->chunk);
	return status;
}

int
work_digest(const struct work_task *task, struct digest *out, uint64_t *read,
    struct err *e)
{
	struct digesting d = { .chunk = NULL };
	int status = 0;

	recall_begin(&d.recall, task->memo);
	if (!recall_stands(&d.recall, task->folder, out)) {
		status = digest_all(&d, task, out, e);
	}
	*read = d.read;
	recall_fini(&d.recall);
	return status;
}
