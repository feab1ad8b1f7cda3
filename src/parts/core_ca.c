/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CA files that handrail.toml and rules name: looked at once a second, and
 * after each reload, and not for each request; read when they have changed, and
 * given to the egress of a cell once.  Both ends remember the latest in the
 * order they were given, the egress more of them (PROXY_CAS), so that what core
 * takes for given is there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "parts/core_ca.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "parts/trust.h"

#define FILES_MAX 64
#define LOOK_US   CLOCK_SECOND

struct core_ca {
	struct core_ca *next;
	struct buf path;
	struct stat seen;
	struct mono fresh; /* until then it is not looked at again */
	struct buf pem;
	struct digest digest;
};

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The one of that path, first in the list; a new one takes the last's place. */
static struct core_ca *
place(struct core *c, struct str path)
{
	struct core_ca **at = &c->cas;
	struct core_ca *ca;
	size_t n = 1;

	while (*at && !str_eq(buf_str(&(*at)->path), path) &&
	       ((*at)->next || n < FILES_MAX)) {
		at = &(*at)->next;
		n++;
	}
	ca = *at;
	if (!ca) {
		ca = calloc(1, sizeof(*ca));
		must(ca);
	} else {
		*at = ca->next;
	}
	if (!str_eq(buf_str(&ca->path), path)) {
		buf_clear(&ca->path);
		buf_add(&ca->path, path);
		ca->seen = (struct stat){ 0 };
		ca->fresh = (struct mono){ 0 };
	}
	ca->next = c->cas;
	c->cas = ca;
	return ca;
}

int
core_ca_read(const struct core *c, const struct config *config,
    const char *path, struct buf *pem, struct err *e)
{
	bool root = part_number(&c->part, "uid", 0) != 0;

	return (root && trust_written(config, path, e)) ||
	               file_read(path, CORE_CA_MAX, pem, e)
	           ? -1
	           : 0;
}

/* Core reads no other (core.c, Landlock). */
const char *
core_ca_hint(const struct err *e)
{
	return e->kind == ERR_DENIED ? ""
	                             : " (it must lie beside handrail.toml, "
	                               "readable to everybody)";
}

static int
look(const struct core *c, struct core_ca *ca, const char *path, struct err *e)
{
	auto_buf pem = { 0 };
	struct stat now;

	if (stat(path, &now)) {
		return err_sys(e, "%s", path);
	}
	if (!same(&now, &ca->seen)) {
		if (core_ca_read(c, &c->house.config, path, &pem, e)) {
			return -1;
		}
		buf_clear(&ca->pem);
		buf_add(&ca->pem, buf_str(&pem));
		ca->digest = digest_of(buf_str(&pem));
		ca->seen = now;
	}
	return 0;
}

static int
find(struct core *c, const char *path, struct core_ca **out, struct err *e)
{
	struct core_ca *ca = place(c, str_of(path));
	struct mono now = loop_now(c->part.loop);

	if (mono_passed(ca->fresh, now)) {
		if (look(c, ca, path, e)) {
			return -1;
		}
		ca->fresh = mono_after(now, LOOK_US);
	}
	*out = ca;
	return 0;
}

void
core_ca_look_again(struct core *c)
{
	for (struct core_ca *ca = c->cas; ca; ca = ca->next) {
		ca->fresh = (struct mono){ 0 };
	}
}

static bool
was_given(struct core_cell *cell, struct digest d)
{
	for (size_t i = 0; i < CORE_CAS_GIVEN; i++) {
		if (digest_eq(cell->cas[i], d)) {
			return true;
		}
	}
	cell->cas[cell->ca_next++ % CORE_CAS_GIVEN] = d;
	return false;
}

int
core_ca_put(struct core *c, const char *path, struct core_cell *cell,
    struct wire_go *go, int *fd, struct err *e)
{
	struct core_ca *ca;

	if (find(c, path, &ca, e)) {
		return -1;
	}
	memcpy(go->ca, ca->digest.bytes, sizeof(go->ca));
	go->has_ca = WIRE_CA_GIVEN;
	if (!cell || !was_given(cell, ca->digest)) {
		go->has_ca = WIRE_CA_HERE;
		*fd = core_memfd(buf_str(&ca->pem));
	}
	return 0;
}
