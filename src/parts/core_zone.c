/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones of recurring tasks.  The queue reads no file: core hands it the
 * bytes.  Which zones are in use stands in rows, so that a start knows them
 * before the first series goes on.
 */
#include "parts/core.h"
#include "parts/core_dispatch.h"

#define FOLDER "/usr/share/zoneinfo/"

/* "Europe/Berlin": parts of letters, digits, _, + and -, none empty. */
static bool
is_name(struct str zone)
{
	char before = '/';

	for (size_t i = 0; i < zone.len; i++) {
		char ch = zone.at[i];
		bool word = (ch >= 'a' && ch <= 'z') ||
		            (ch >= 'A' && ch <= 'Z') ||
		            (ch >= '0' && ch <= '9') || ch == '_' ||
		            ch == '+' || ch == '-';

		if (!word && (ch != '/' || before == '/')) {
			return false;
		}
		before = ch;
	}
	return zone.len > 0 && zone.len <= QUEUE_ZONE_MAX && before != '/';
}

static int
read_zone(struct str zone, struct buf *bytes, struct err *e)
{
	auto_arena a = { 0 };
	struct str path = arena_printf(&a, FOLDER STR_FMT, STR_ARG(zone));

	if (!is_name(zone)) {
		return err_set(e, ERR_INPUT,
		    "payload.handrail.every.zone: %s is no name such as "
		    "\"Europe/Berlin\"",
		    err_quote(zone));
	}
	if (file_read(path.at, QUEUE_ZONE_FILE_MAX, bytes, e)) {
		return err_set(e, ERR_INPUT,
		    "payload.handrail.every.zone: this machine does not know "
		    "%s (is the package tzdata there?)",
		    err_quote(zone));
	}
	return 0;
}

static int
first_time(struct queue_put *put, struct str tzif, struct err *e)
{
	auto_arena a = { 0 };
	struct queue_cron cron;
	const struct queue_zone *zone = NULL;

	if (!put->every.cron.len || put->not_before.us) {
		return 0;
	}
	if (queue_cron_parse(put->every.cron, &cron, e) ||
	    (tzif.len && queue_zone_parse(&a, tzif, &zone, e))) {
		return err_wrap(e, "payload.handrail.every");
	}
	return queue_cron_next(&cron, zone, put->now, &put->not_before)
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "payload.handrail.every.cron: there is no such time");
}

int
core_zone_use(struct core *c, struct queue_put *put, struct err *e)
{
	struct str zone = put->every.zone;
	auto_buf bytes = { 0 };

	if (!zone.len || str_eq_z(zone, "UTC")) {
		return first_time(put, STR(""), e);
	}
	if (read_zone(zone, &bytes, e) || first_time(put, buf_str(&bytes), e) ||
	    queue_add_zone(c->queue, zone, buf_str(&bytes), e)) {
		return -1;
	}
	core_row(c, "zone", zone, STR("used"), 1);
	return 0;
}

static int
keep_name(void *context, const struct store_row *row, struct err *e)
{
	struct buf *names = context;

	(void)e;
	buf_add(names, row->key);
	buf_add_byte(names, '\n');
	return 0;
}

void
core_zones_recover(struct core *c)
{
	auto_buf names = { 0 };
	struct str rest;
	struct str zone;
	struct err e = { 0 };

	if (store_rows_walk(
	        c->book.store, STR("zone"), STR(""), keep_name, &names, &e)) {
		log_err("zone", &e);
	}
	rest = buf_str(&names);
	while (str_cut(&rest, '\n', &zone)) {
		auto_buf bytes = { 0 };

		if (read_zone(zone, &bytes, &e) ||
		    queue_add_zone(c->queue, zone, buf_str(&bytes), &e)) {
			log_err("zone", &e);
		}
	}
}
