/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdlib.h>

#include "proxy/clear.h"
#include "proxy/inside.h"

/*
 * Memory of requests that are over, empty and warm for those that come: the
 * heap is not cut anew for each.  A cell that rests keeps none of it: what many
 * requests at once took is several times what its egress has without any.
 */

#define ARENA_KEPT ((size_t)4096)

void
proxy_spare_take(struct proxy *p, struct arena *a)
{
	*a = (struct arena){ 0 };
	if (p->spares.arena_count > 0) {
		*a = p->spares.arena[--p->spares.arena_count];
	}
}

void
proxy_spare_give(struct proxy *p, struct arena *a)
{
	arena_clear_to(a, ARENA_KEPT);
	if (a->head && p->spares.arena_count < COUNT(p->spares.arena)) {
		p->spares.arena[p->spares.arena_count++] = *a;
		*a = (struct arena){ 0 };
	}
	arena_fini(a);
}

struct up *
proxy_spare_up(struct proxy *p)
{
	struct up *u = p->spares.up_count > 0
	                   ? p->spares.up[--p->spares.up_count]
	                   : calloc(1, sizeof(*u));

	must(u);
	return u;
}

void
proxy_spare_up_give(struct proxy *p, struct up *u)
{
	wipe(u, sizeof(*u));
	if (p->spares.up_count < PROXY_SPARES) {
		p->spares.up[p->spares.up_count++] = u;
		return;
	}
	free(u);
}

void
proxy_spares_rest(struct proxy *p)
{
	if (!p->kept && !p->roads) {
		proxy_spares_close(p);
		proxy_clear_rest();
		(void)malloc_trim(0);
	}
}

void
proxy_spares_close(struct proxy *p)
{
	while (p->spares.arena_count > 0) {
		arena_fini(&p->spares.arena[--p->spares.arena_count]);
	}
	while (p->spares.up_count > 0) {
		free(p->spares.up[--p->spares.up_count]);
	}
}
