/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_TOKEN_H
#define WIRE_RECORDS_TOKEN_H

/* A chapter of records_vault.h, which includes it: what only tokens need. */

#define WIRE_CODE_MAX 2048

/* A login begins: the row gets a PKCE verifier, answered by VAULT_SEALED with
 * the version of `binding`, which is the old one's and one more.  A first row
 * has none before it: then `row` is a box with the client's secret, or empty.
 */
struct wire_vault_login {
	uint64_t id;
	struct wire_binding binding;
	uint32_t first;
	uint32_t row_size;
	uint8_t row[WIRE_ROW_MAX];
};

/* What a browser brought back, boxed; the grant of this number follows. */
struct wire_vault_code {
	uint64_t number;
	uint32_t box_size;
	uint8_t box[WIRE_CODE_MAX];
};

/* What a token endpoint answered to a request that had this grant: an access
 * and a refresh token, or a device code. */
struct wire_captured {
	uint64_t number;
	int64_t expires; /* Unix seconds */
	uint32_t access_size;
	uint32_t refresh_size;
	uint8_t secret[WIRE_SECRET_MAX]; /* one behind the other; wiped */
};

/* The same as the next version of the row that was granted. */
struct wire_vault_kept {
	uint64_t number;
	uint32_t ok;
	uint32_t has;
	int64_t expires;
	uint32_t row_size;
	uint8_t row[WIRE_ROW_MAX];
	struct wire_marks marks;
	char text[WIRE_TEXT_MAX];
};

#endif
