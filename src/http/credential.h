/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CREDENTIAL_H
#define HTTP_CREDENTIAL_H

/* Where a request carries a credential: credentials.def names the header
 * fields and the parameters of a query. */

#include "base/base.h"

/* Does a header of this name hold one? */
bool http_credential_header(struct str name);
/* Does a parameter of this name?  Without case, as servers read it. */
bool http_credential_param(struct str name);
/* Each value of such a parameter in a canonical query, as it stands there. */
void http_credential_params(struct str query,
    void (*each)(void *context, struct str value), void *context);

#endif
