/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROLES_WEB_H
#define ROLES_WEB_H

/* A chapter of roles.h, which includes it: where people are asked besides the
 * command line, and who hears that something waits. */

#include "base/base.h"

struct config_api {
	struct str hosts; /* "a.example,b.example" */
	int64_t login;    /* microseconds */
};

struct config_notify {
	struct str url; /* empty: nobody is told */
	struct str link;
	struct str upstream;
	struct str ca;
};

struct config_buddy { /* all empty: no device; never two given */
	struct str serial;
	struct str tcp;
	struct str bluetooth;
};

#endif
