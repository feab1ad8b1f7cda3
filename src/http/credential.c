/* SPDX-License-Identifier: Apache-2.0 */
#include "http/credential.h"

#include "http/http.h"

#define NAME(name) { name, sizeof(name) - 1 },

static const struct str headers[] = {
#define HEADER(name) NAME(name)
#define PARAM(name)
#include "http/credentials.def"
#undef HEADER
#undef PARAM
};

static const struct str params[] = {
#define HEADER(name)
#define PARAM(name) NAME(name)
#include "http/credentials.def"
#undef HEADER
#undef PARAM
};

bool
http_credential_header(struct str name)
{
	for (size_t i = 0; i < COUNT(headers); i++) {
		if (http_name_like(name, headers[i])) {
			return true;
		}
	}
	return false;
}

bool
http_credential_param(struct str name)
{
	for (size_t i = 0; i < COUNT(params); i++) {
		if (str_eq_nocase(name, params[i])) {
			return true;
		}
	}
	return false;
}

/* Some servers take ';' for '&': both cut. */
void
http_credential_params(struct str query,
    void (*each)(void *context, struct str value), void *context)
{
	for (size_t i = 0, from = 0; i <= query.len; i++) {
		if (i < query.len && query.at[i] != '&' && query.at[i] != ';') {
			continue;
		}
		struct str key;
		struct str value = str_sub(query, from, i - from);
		(void)str_cut(&value, '=', &key);
		if (http_credential_param(key)) {
			each(context, value);
		}
		from = i + 1;
	}
}
