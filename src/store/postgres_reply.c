/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/postgres.h"

/* What the server answers to a round, and what a refusal means. */

struct round *
round_answered(struct postgres *p)
{
	return &p->line.rounds[p->line.round_first];
}

static void
note_error(struct postgres *p, const PGresult *r)
{
	struct line *line = &p->line;
	const struct round *round = round_answered(p);
	const char *code = pq.resultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = pq.resultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	line->failed = true;
	line->failed_at =
	    line->sent_at < round->sent_count ? round->sent[line->sent_at] : -1;
	(void)str_copy(line->code, sizeof(line->code), str_of(code));
	(void)err_set(&line->error, ERR_IO, "PostgreSQL said: %s (%s)",
	    err_quote(str_of(text ? text : "the connection is lost")),
	    code ? code : "-");
}

static void
take_reply(struct postgres *p, const PGresult *r)
{
	struct line *line = &p->line;
	const struct round *round = round_answered(p);
	ExecStatusType status = pq.resultStatus(r);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		if (round->kind == ROUND_ENTER &&
		    line->sent_at < round->sent_count) {
			line_enter_reply(p, round->sent[line->sent_at], r);
		}
	} else if (status != PGRES_PIPELINE_ABORTED && !line->failed) {
		note_error(p, r);
	}
}

int
line_replies(struct postgres *p)
{
	struct line *line = &p->line;
	const struct round *round = round_answered(p);

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
		} else if (line->sent_at++ > round->sent_count + 1) {
			return -1;
		}
		if (pq.status(line->conn) == CONNECTION_BAD) {
			return -1;
		}
	}
	return 0;
}

bool
postgres_passes(const char *code)
{
	static const char *const codes[] = { "57", "53", "40", "08", "55P03",
		"25006" };
	bool found = code[0] == 0;

	for (size_t i = 0; i < COUNT(codes) && !found; i++) {
		found = strncmp(code, codes[i], strlen(codes[i])) == 0;
	}
	return found;
}

/* Another connection of ours may have written the same batch first.  A full
 * disk is told of. */
static bool
passing(const struct line *line)
{
	return (line->failed_at == WRITE_LOG &&
	           strcmp(line->code, "23505") == 0) ||
	       (postgres_passes(line->code) &&
	           strcmp(line->code, "53100") != 0);
}

/* A row of a task that was put, or has ended, before. */
static bool
is_there_already(const struct line *line)
{
	return strcmp(line->code, "23505") == 0 &&
	       (line->failed_at == WRITE_TASK_ADD ||
	           line->failed_at == WRITE_LIVE_ADD ||
	           line->failed_at == WRITE_END_ADD);
}

/* What is said of the batch to whoever gave it. */
static void
note_refusal(struct postgres *p)
{
	struct line *line = &p->line;
	struct batch *b = batch_at(p, line->landed);

	line->refused = true;
	if (is_there_already(line) && !b->careful) {
		b->careful = true;
		line->again = true;
		return;
	}
	line->refusal = line->error;
	if (line->failed_at == WRITE_ROW_CHECK &&
	    strcmp(line->code, "22012") == 0) {
		(void)err_set(&line->refusal, ERR_CONFLICT,
		    "writing rows: one has a later version already");
	}
	if (line->failed_at == WRITE_BODY && strcmp(line->code, "23505") == 0) {
		/* Nothing of ours can stand there: only the log's owner writes
		 * behind its end. */
		(void)err_set(&line->refusal, ERR_CONFLICT,
		    "the log ends before event %llu, and the body of a later "
		    "one is there: somebody changed the book, restore a "
		    "backup (`handrail restore`)",
		    (unsigned long long)b->after + 1);
	}
	if (strcmp(line->code, "53100") == 0) {
		(void)err_set(&line->refusal, ERR_IO,
		    "there is no room left on the disk of PostgreSQL; make "
		    "room and try again, what was acknowledged is safe");
	}
}

/* Whatever was sent behind a refused batch fails by its guard: that is awaited,
 * and no news. */
int
line_refused(struct postgres *p, const struct round *round, struct err *e)
{
	struct line *line = &p->line;
	bool guarded =
	    (line->failed_at == WRITE_GUARD || line->failed_at == WRITE_LOG) &&
	    strcmp(line->code, "22012") == 0;

	if (round->kind != ROUND_ENTER && guarded && line->refused) {
		return 0;
	}
	if (round->kind != ROUND_ENTER && guarded) {
		return line_dead(p, ERR_CONFLICT,
		    "another node has taken over the log; this house must end",
		    e);
	}
	if (round->kind != ROUND_BATCH || line->refused || passing(line)) {
		line_lost(p, line->error.text);
		return 0;
	}
	note_refusal(p);
	return 0;
}
