/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_SHOWN_H
#define WIRE_RECORDS_SHOWN_H

/* A chapter of records.h, which includes it: what people see of a request. */

/* A gate wants to know the body: read it whole, then say what people are shown
 * and ask anew. */
struct wire_read_body {
	uint64_t id;
};

#define WIRE_SHOWN_QUERY 640
#define WIRE_SHOWN_LINES 1792
#define WIRE_SHOWN_BODY  1024

/* Of the intent of this id, which is the next that this egress sends.  What
 * stands in text are bytes of the cell's, none of them a credential. */
struct wire_shown {
	uint64_t id;
	uint8_t headers[32]; /* SHA-256 of all that is bound of its head */
	uint16_t query_size; /* in text: the query, */
	uint16_t lines_size; /* "name: value\n" of each header, */
	uint16_t body_size;  /* the body's beginning */
	uint8_t lines_cut;
	uint8_t body_cut;
	char text[WIRE_SHOWN_QUERY + WIRE_SHOWN_LINES + WIRE_SHOWN_BODY];
};

#endif
