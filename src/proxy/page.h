/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_PAGE_H
#define PROXY_PAGE_H

/* What writers of HTML and XML make of a value (needle.c). */

#include "base/base.h"

/* Each form; of one that has nothing to be escaped all are the value itself.
 * It is wiped behind the call. */
void proxy_page_forms(
    struct str value, void (*take)(void *owner, struct str form), void *owner);

#endif
