/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdio.h>

/* Delays, series, and what a payload may say of them. */

#define BASE_US (1 * CLOCK_SECOND)
#define CAP_US  (3600 * CLOCK_SECOND)

/* Full jitter: anything up to the bound; random 0 gives the bound. */
int64_t
queue_retry_delay(
    const struct queue_retry_policy *p, uint32_t attempts, uint64_t random)
{
	int64_t bound = duration_doubled(p->base_us ? p->base_us : BASE_US,
	    attempts > 0 ? attempts - 1 : 0, p->cap_us ? p->cap_us : CAP_US);

	return random ? (int64_t)(random % (uint64_t)(bound + 1)) : bound;
}

int
queue_add_zone(struct queue *q, struct str name, struct str tzif, struct err *e)
{
	const struct queue_zone *z = NULL;
	const struct queue_zone **kept = map_get(&q->zones, name);

	if (name.len == 0 || name.len > QUEUE_ZONE_MAX) {
		return err_set(e, ERR_INPUT,
		    "a time zone's name has 1..%d bytes", QUEUE_ZONE_MAX);
	}
	if (queue_zone_parse(&q->arena, tzif, &z, e)) {
		return err_wrap(e, "time zone %s", err_quote(name));
	}
	if (!kept) {
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): a pointer */
		kept = arena_alloc(&q->arena, sizeof(*kept));
		map_put(&q->zones, arena_str(&q->arena, name), kept);
	}
	*kept = z;
	return 0;
}

/* NULL is UTC, or a zone that is not known. */
static const struct queue_zone *
zone_of(const struct queue *q, struct str name)
{
	const struct queue_zone *const *kept = map_get(&q->zones, name);

	return kept ? *kept : NULL;
}

int
queue_every_check(
    const struct queue *q, const struct queue_every *every, struct err *e)
{
	struct queue_cron cron = { 0 };
	struct wall next = { 0 };

	if (every->us < 0 || (every->us > 0 && every->cron.len > 0) ||
	    (every->us > 0 && every->us < CLOCK_SECOND)) {
		return err_set(e, ERR_INPUT,
		    "every: either a cron line or at least one second");
	}
	if (every->cron.len == 0) {
		return 0;
	}
	if (every->zone.len > 0 && !str_eq_z(every->zone, "UTC") &&
	    !zone_of(q, every->zone)) {
		return err_set(e, ERR_INPUT,
		    "every: the time zone %s is not known here",
		    err_quote(every->zone));
	}
	if (queue_cron_parse(every->cron, &cron, e)) {
		return -1;
	}
	return queue_cron_next(&cron, NULL, (struct wall){ 0 }, &next)
	           ? 0
	           : err_set(e, ERR_INPUT, "cron: there is no such day");
}

bool
queue_every_next(const struct queue *q, const struct queue_every *every,
    struct wall now, struct wall *next)
{
	struct queue_cron cron = { 0 };
	struct err e = { 0 };

	if (every->us > 0) {
		next->us = now.us + every->us;
		return true;
	}
	return queue_cron_parse(every->cron, &cron, &e) == 0 &&
	       queue_cron_next(&cron, zone_of(q, every->zone), now, next);
}

/* --- payload.handrail --- */

static int
wrong(struct err *e, const char *key, const char *what)
{
	return err_set(e, ERR_INPUT, "payload.handrail.%s: %s", key, what);
}

static int
read_wall(
    const struct json *j, const char *key, struct wall *out, struct err *e)
{
	struct str text = { 0 };

	if (!json_get(j, key)) {
		return 0;
	}
	if (!json_text(j, key, &text) || !wall_parse(text, out)) {
		return wrong(e, key, "expected an RFC 3339 time");
	}
	return 0;
}

/* A date alone is the end of that day, UTC. */
static int
read_due(const struct json *j, struct wall *out, struct err *e)
{
	struct str text = { 0 };
	char whole[WALL_TEXT_MAX] = { 0 };

	if (!json_text(j, "due_date", &text) || text.len != 10) {
		return read_wall(j, "due_date", out, e);
	}
	(void)snprintf(whole, sizeof(whole), "%.10sT00:00:00Z", text.at);
	if (!wall_parse(str_of(whole), out)) {
		return wrong(e, "due_date", "expected a date or a time");
	}
	out->us += 24LL * 3600 * CLOCK_SECOND;
	return 0;
}

static int
read_hours(const struct json *j, uint32_t *tenths, struct err *e)
{
	const struct json *hours = json_get(j, "estimated_hours");
	double value = 0;

	if (!hours) {
		return 0;
	}
	if (!json_number_double(hours, &value) || value <= 0 ||
	    value > UINT16_MAX / 10) {
		return wrong(e, "estimated_hours", "expected 0 < hours < 6553");
	}
	*tenths = (uint32_t)(value * 10 + 0.5);
	*tenths += *tenths == 0;
	return 0;
}

static int
read_span(const struct json *j, const char *key, int64_t *us, struct err *e)
{
	struct str text = { 0 };

	if (!json_get(j, key)) {
		return 0;
	}
	if (!json_text(j, key, &text) || !duration_parse(text, us)) {
		return wrong(e, key, "expected a duration such as \"90s\"");
	}
	return 0;
}

static int
read_count(const struct json *j, const char *key, uint32_t *out, struct err *e)
{
	int64_t value = 0;

	if (!json_get(j, key)) {
		return 0;
	}
	if (!json_i64(j, key, &value) || value < 0 || value > 1000) {
		return wrong(e, key, "expected a number 0..1000");
	}
	*out = (uint32_t)value;
	return 0;
}

static int
read_retry(const struct json *j, struct queue_retry_policy *p, struct err *e)
{
	return read_count(j, "max_attempts", &p->max_attempts, e) ||
	               read_count(j, "max_lost", &p->max_lost, e) ||
	               read_span(j, "base", &p->base_us, e) ||
	               read_span(j, "cap", &p->cap_us, e)
	           ? -1
	           : 0;
}

int
queue_put_read(struct queue_put *c, struct err *e)
{
	const struct json *ours = json_get(c->task->payload, "handrail");
	const struct json *every = json_get(ours, "every");

	if (!ours) {
		return 0;
	}
	if (read_wall(ours, "not_before", &c->not_before, e) ||
	    read_due(ours, &c->due, e) ||
	    read_hours(ours, &c->estimated_tenths, e) ||
	    read_retry(json_get(ours, "retry"), &c->retry, e) ||
	    read_span(every, "interval", &c->every.us, e)) {
		return -1;
	}
	(void)json_text(every, "cron", &c->every.cron);
	(void)json_text(every, "zone", &c->every.zone);
	return every && c->every.cron.len == 0 && c->every.us == 0
	           ? wrong(e, "every", "expected cron or interval")
	           : 0;
}
