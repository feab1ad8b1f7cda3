/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/postgres.h"

/* What the server answers to a round, and what a refusal means. */

static void
note_error(struct postgres *p, const PGresult *r)
{
	struct line *line = &p->line;
	const char *code = pq.resultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = pq.resultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	line->failed = true;
	line->failed_at =
	    line->sent_at < line->sent_count ? line->sent[line->sent_at] : -1;
	(void)str_copy(line->code, sizeof(line->code), str_of(code));
	(void)err_set(&line->error, ERR_IO, "PostgreSQL said: %s (%s)",
	    err_quote(str_of(text ? text : "the connection is lost")),
	    code ? code : "-");
}

static void
take_reply(struct postgres *p, const PGresult *r)
{
	struct line *line = &p->line;
	ExecStatusType status = pq.resultStatus(r);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		if (line->state == LINE_ENTERING &&
		    line->sent_at < line->sent_count) {
			line_enter_reply(p, line->sent[line->sent_at], r);
		}
	} else if (status != PGRES_PIPELINE_ABORTED && !line->failed) {
		note_error(p, r);
	}
}

int
line_replies(struct postgres *p)
{
	struct line *line = &p->line;

	if ((line->unflushed && line_flush(p)) ||
	    !pq.consumeInput(line->conn)) {
		return -1;
	}
	while (!pq.isBusy(line->conn)) {
		auto_result r = pq.getResult(line->conn);

		line->heard_us = boot_us();
		if (r && pq.resultStatus(r) == PGRES_PIPELINE_SYNC) {
			return 1;
		}
		if (r) {
			take_reply(p, r);
		} else if (line->sent_at++ > line->sent_count + 1) {
			return -1;
		}
		if (pq.status(line->conn) == CONNECTION_BAD) {
			return -1;
		}
	}
	return 0;
}

/* What another try may mend: the server goes down or is crowded, a deadlock, a
 * primary that became a standby, another connection of ours that wrote the same
 * batch first. */
static bool
passing(const struct line *line)
{
	static const char *const codes[] = { "57", "53", "40", "08", "55P03",
		"25006" };

	if (line->code[0] == 0 || line->sure ||
	    (line->failed_at == WRITE_LOG &&
	        strcmp(line->code, "23505") == 0)) {
		return true;
	}
	for (size_t i = 0; i < COUNT(codes); i++) {
		if (strncmp(line->code, codes[i], strlen(codes[i])) == 0) {
			return strcmp(line->code, "53100") != 0;
		}
	}
	return false;
}

int
line_refused(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	bool zero = strcmp(line->code, "22012") == 0;

	if (line->failed_at == WRITE_GUARD && zero) {
		return line_dead(p, ERR_CONFLICT,
		    "another node has taken over the log; this house must end",
		    e);
	}
	if (passing(line)) {
		line_lost(p, line->error.text);
		return 1;
	}
	line->state = LINE_READY;
	line->committing = false;
	if (line->failed_at == WRITE_ROW_CHECK && zero) {
		return err_set(e, ERR_CONFLICT,
		    "writing rows: one has a later version already");
	}
	*e = line->error;
	if (strcmp(line->code, "53100") == 0) {
		return err_set(e, ERR_IO,
		    "there is no room left on the disk of PostgreSQL; make "
		    "room and try again, what was acknowledged is safe");
	}
	return -1;
}
