/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "store/postgres.h"

/*
 * What a new writing connection does, in one round trip, before batches are
 * sent on it: look whether this is a primary, end our older connection and
 * fence it off by a new session number, and ask the log what its last row is.
 */

enum enter {
	ENTER_SERVER = WRITES,
	ENTER_END_OLD,
	ENTER_SESSION,
	ENTER_LAST,
	ENTER_PREPARE,
};

static const struct {
	const char *name;
	const char *sql;
} writes[WRITES] = {
#define WRITE(name, sql) [WRITE_##name] = { "write_" #name, sql },
#define READ(name, sql)
#include "store/postgres_statements.def"
#undef WRITE
#undef READ
};

/* A commit is acknowledged when it is on the disk, and on the synchronous
 * standby's if there is one, whatever the role's default is. */
static const char ask_server[] =
    "SELECT pg_is_in_recovery(), CASE WHEN"
    " current_setting('synchronous_commit') IN ('off', 'local')"
    " THEN set_config('synchronous_commit', 'on', false) END";

/* The server may still be working for a connection that is dead to us, and
 * wait for bytes that will never come, with a lock on the owner's row. */
static const char end_old[] =
    "SELECT pg_terminate_backend(a.pid, 2000) FROM owner AS o"
    " JOIN pg_stat_activity AS a ON a.pid = o.backend"
    " AND a.backend_start = o.since"
    " WHERE a.pid <> pg_backend_pid()"
    " AND pg_has_role(a.usesysid, 'MEMBER')";

static const char new_session[] =
    "UPDATE owner SET session = session + 1, backend = pg_backend_pid(),"
    " since = (SELECT backend_start FROM pg_stat_activity"
    " WHERE pid = pg_backend_pid()),"
    " lease = clock_timestamp() + interval '10 s'"
    " WHERE epoch = %lld RETURNING session";

static const char last_row[] =
    "SELECT first, count, heads FROM log ORDER BY first DESC LIMIT 1";

static int
ask(struct postgres *p, struct round *r, enum enter what, const char *sql)
{
	must(r->sent_count < ROUND_SENT_MAX);
	r->sent[r->sent_count++] = (uint8_t)what;
	return pq.sendQueryParams(
	           p->line.conn, sql, 0, NULL, NULL, NULL, NULL, 1)
	           ? 0
	           : -1;
}

int
line_enter(struct postgres *p)
{
	struct line *line = &p->line;
	struct round *r = round_open(p, ROUND_ENTER);
	char session[sizeof(new_session) + 24];

	line->standby = false;
	line->deposed = true;
	line->log_first = 0;
	line->log_count = 0;
	buf_clear(&line->log_heads);
	(void)snprintf(
	    session, sizeof(session), new_session, (long long)p->epoch);
	if (ask(p, r, ENTER_SERVER, ask_server) ||
	    ask(p, r, ENTER_END_OLD, end_old) ||
	    ask(p, r, ENTER_SESSION, session) ||
	    ask(p, r, ENTER_LAST, last_row)) {
		return -1;
	}
	for (size_t i = 0; i < WRITES; i++) {
		must(r->sent_count < ROUND_SENT_MAX);
		r->sent[r->sent_count++] = ENTER_PREPARE;
		if (!pq.sendPrepare(
		        line->conn, writes[i].name, writes[i].sql, 0, NULL)) {
			return -1;
		}
	}
	return round_end(p);
}

void
line_enter_reply(struct postgres *p, int which, const PGresult *r)
{
	struct line *line = &p->line;

	if (which == ENTER_PREPARE || pq.ntuples(r) < 1) {
		return;
	}
	switch (which) {
	case ENTER_SERVER:
		line->standby = column_bool(r, 0, 0);
		break;
	case ENTER_SESSION:
		line->session = column_i64(r, 0, 0);
		line->deposed = false;
		break;
	case ENTER_LAST:
		line->log_first = (uint64_t)column_i64(r, 0, 0);
		line->log_count = (uint64_t)column_i64(r, 0, 1);
		buf_add(&line->log_heads, column_str(r, 0, 2));
		break;
	default:
		break;
	}
}

static uint64_t
log_last(const struct line *line)
{
	return line->log_first ? line->log_first + line->log_count - 1 : 0;
}

static bool
ends_with(const struct line *line, const struct batch *b)
{
	return b->head_count && line->log_first == b->first &&
	       line->log_count == b->head_count &&
	       str_eq(buf_str(&line->log_heads), buf_str(&b->packed));
}

/* How many of the batches under way are in the log: each landed only upon the
 * one before it. */
static unsigned
landed(struct postgres *p)
{
	unsigned count = p->flights;

	while (count > 0 && !ends_with(&p->line, batch_at(p, count - 1))) {
		count--;
	}
	return count;
}

/* 0: the line is ready, or lost again; and which batches are in the log is
 * known. */
int
line_entered(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	uint64_t last = log_last(line);

	if (line->standby) {
		line_lost(p, "this server is a standby");
		return 0;
	}
	if (line->deposed) {
		return line_dead(p, ERR_CONFLICT,
		    "another node has taken over the log; this house must end",
		    e);
	}
	line->landed = landed(p);
	line->sent = line->landed;
	if (line->landed) {
		return 0;
	}
	if (!p->owned) {
		p->base.last = last;
		p->base.committed = last;
		return 0;
	}
	if (last < p->base.committed) {
		return line_dead(p, ERR_IO,
		    "the log on PostgreSQL has lost heads that were "
		    "acknowledged (a failover to a standby that was not "
		    "synchronous?); restore a backup or accept the loss by "
		    "starting again",
		    e);
	}
	if (last > p->base.committed) {
		return line_dead(p, ERR_CONFLICT,
		    "the log on PostgreSQL has heads of somebody else under "
		    "our epoch; this house must end",
		    e);
	}
	return 0;
}
