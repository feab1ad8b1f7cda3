/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ops.h"

int
postgres_store_open(
    const char *url, unsigned flags, struct store **store, struct err *e)
{
	(void)url;
	(void)flags;
	(void)store;
	return err_set(e, ERR_UNAVAILABLE,
	    "this build has no PostgreSQL; give the path of a file");
}
