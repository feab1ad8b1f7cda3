/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_INSIDE_H
#define OAUTH_INSIDE_H

/* For the files of this room only. */

#include "oauth/oauth.h"

void oauth_escape(struct buf *out, struct str text);
/* https, printable ASCII, no fragment. */
bool oauth_https(struct str url);
/* RFC 6749, appendix A: VSCHAR without the space, 1 to OAUTH_TOKEN_MAX. */
bool oauth_token_valid(struct str token);
/* The whole body as an object, or NULL and a fault. */
const struct json *oauth_object(
    struct arena *a, struct str type, struct str body, const char **fault);

#endif
