/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEB_INSIDE_H
#define WEB_INSIDE_H

/* Inside of the room. */

#include "web/web.h"

#define WEB_LOGIN_PATH "/login"

const struct web_file *web_find(struct str path); /* NULL: no page */

#endif
