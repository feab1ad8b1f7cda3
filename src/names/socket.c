/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <netinet/in.h>
#include <string.h>

bool
names_addr_read(const struct sockaddr *at, struct names_addr *out)
{
	const struct sockaddr_in *in = (const void *)at;
	const struct sockaddr_in6 *in6 = (const void *)at;

	*out = (struct names_addr){ 0 };
	if (at->sa_family == AF_INET) {
		out->family = 4;
		memcpy(out->bytes, &in->sin_addr, 4);
	} else if (at->sa_family == AF_INET6) {
		out->family = 6;
		memcpy(out->bytes, &in6->sin6_addr, 16);
	}
	return out->family != 0;
}

uint32_t
names_addr_write(
    const struct names_addr *a, uint16_t port, struct sockaddr_storage *at)
{
	struct sockaddr_in *in = (void *)at;
	struct sockaddr_in6 *in6 = (void *)at;

	*at = (struct sockaddr_storage){ 0 };
	if (a->family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, a->bytes, 16);
	return sizeof(*in6);
}
