/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_HTTP_H
#define PARTS_CORE_HTTP_H

/* A chapter of core.h, which includes it: requests that leave, and core's own
 * among them. */

extern const struct wire_handler core_egress_handlers[];
extern const size_t core_egress_handler_count;

struct core_http {
	struct str rule; /* "model.default" or the egress rule */
	struct str method;
	struct str url;
	struct str headers; /* "Name: value\r\n" lines */
	struct str body;
	struct str credential; /* empty: none */
	enum wire_place place;
	struct str place_name;
	struct str format;
	struct str upstream; /* pin, or empty */
	struct str ca;       /* path, or empty */
	int64_t timeout;
	uint64_t answer_limit;
	const struct core_run *run;
	uint32_t call;
	/* of a token endpoint (core_oauth.c), else zero */
	enum wire_use use;
	enum wire_client secret;
	struct str client;
	enum wire_capture capture;
	uint32_t assumed;
	struct str code; /* boxed */
	uint64_t number; /* of whoever asks */
	void (*done)(struct core *c, uint64_t number,
	    const struct wire_http_done *head, struct str body);
};
/* Intent, commit, grant, do; `done` is called once, also for a refusal.  The
 * number of its intent; 0: it was refused at once. */
uint64_t core_http_do(struct core *c, const struct core_http *h);
void core_egress_gone(struct core *c, struct core_cell *cell);
void core_own_egress_gone(struct core *c);
/* Core's own requests for this run: nobody is told how they end. */
void core_run_requests_gone(struct core *c, const struct core_run *r);
void core_vault_gone(struct core *c);
/* A URL as policy sees it, for core's own requests and for explain. */
struct core_place {
	struct names_host host;
	uint16_t port;
	bool tls;
	struct str path; /* canonical */
	struct str query;
	bool has_query;
};
int core_place_parse(struct arena *a, struct str url, struct core_place *out,
    struct err *e) MUST_CHECK;

#endif
