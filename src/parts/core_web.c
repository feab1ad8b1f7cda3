/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins of the page: by an operator's token, ended by a logout, by time, by
 * another token of that operator, and by the end of the house.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core_api.h"

#define WRONG_MAX 10 /* tokens in a minute that are answered as such */

/* --- what a login is for --- */

static bool
is_for(const struct core *c, const struct core_operator *o, const char *word)
{
	const struct config_operator *said =
	    roles_find_operator(&c->house.config, str_of(o->name));

	return said && str_eq_z(said->web, word);
}

bool
core_web_decides(const struct core *c, const struct core_web_login *in)
{
	const struct core_operator *o = core_login_operator(c, in);

	return o && is_for(c, o, CONFIG_WEB_DECIDE);
}

/* --- all logins --- */

static struct core_web *
web(struct core *c)
{
	if (!c->web) {
		c->web = calloc(1, sizeof(*c->web));
		must(c->web);
	}
	return c->web;
}

const struct core_operator *
core_login_operator(const struct core *c, const struct core_web_login *in)
{
	for (size_t i = 0; in && i < c->house.operator_count; i++) {
		const struct core_operator *o = &c->house.operators[i];

		if (digest_eq(o->token, in->token)) {
			return is_for(c, o, CONFIG_WEB_NONE) ? NULL : o;
		}
	}
	return NULL;
}

static bool
counts(const struct core *c, const struct core_web_login *in)
{
	return in->number && !mono_passed(in->until, mono_now()) &&
	       core_login_operator(c, in);
}

const struct core_web_login *
core_login_of(struct core *c, struct digest cookie)
{
	for (size_t i = 0; i < CORE_LOGINS_MAX; i++) {
		struct core_web_login *in = &web(c)->logins[i];

		if (counts(c, in) && equal_const_time(in->cookie.bytes,
		                         cookie.bytes, DIGEST_SIZE)) {
			return in;
		}
	}
	return NULL;
}

const struct core_web_login *
core_web_login_find(const struct core *c, uint64_t number)
{
	for (size_t i = 0; c->web && number && i < CORE_LOGINS_MAX; i++) {
		const struct core_web_login *in = &c->web->logins[i];

		if (in->number == number && counts(c, in)) {
			return in;
		}
	}
	return NULL;
}

static void
end(struct core_web_login *in)
{
	wipe(in, sizeof(*in));
}

/* A free one, else the one that would end first. */
static struct core_web_login *
place(struct core *c)
{
	struct core_web_login *found = &web(c)->logins[0];

	for (size_t i = 0; i < CORE_LOGINS_MAX; i++) {
		struct core_web_login *in = &web(c)->logins[i];

		if (!counts(c, in)) {
			end(in);
			return in;
		}
		if (in->until.us < found->until.us) {
			found = in;
		}
	}
	end(found);
	return found;
}

/* --- routes --- */

/* Wrong tokens are counted for the log's sake and to answer a script with no
 * more than a number: a token has 256 random bits, so none is ever guessed, and
 * a lock on right ones would be a way to lock the operator out. */
static bool
too_many_wrong(struct core *c)
{
	struct core_web *w = web(c);
	uint64_t minute = (uint64_t)(mono_now().us / CLOCK_MINUTE);

	if (w->wrong_from != minute) {
		w->wrong_from = minute;
		w->wrong = 0;
	}
	w->wrong++;
	if (w->wrong <= WRONG_MAX) {
		log_line(LOG_WARN, "web", "a login with a wrong token");
	}
	return w->wrong > WRONG_MAX;
}

int
route_web_login(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_web_login *in;
	struct digest cookie;
	struct str text = STR("");

	(void)json_text(ask->body, "login", &text);
	if (ask->page != WIRE_PAGE_LOGIN || !digest_parse(text, &cookie)) {
		return err_set(
		    e, ERR_DENIED, "only the form of /login logs a browser in");
	}
	if (!ask->operator_ || ask->operator_->worker) {
		if (too_many_wrong(c)) {
			core_answer(c, ask, 429, STR("{}"));
			return 0;
		}
		return err_set(e, ERR_DENIED, "that is no operator's token");
	}
	if (is_for(c, ask->operator_, CONFIG_WEB_NONE)) {
		log_line(LOG_WARN, "web", "%s has no login: web = \"none\"",
		    ask->operator_->name);
		core_answer(c, ask, 409, STR("{}"));
		return 0;
	}
	in = place(c);
	*in = (struct core_web_login){
		.number = core_number(c),
		.cookie = cookie,
		.token = ask->operator_->token,
		.until = mono_after(mono_now(), c->house.config.api.login),
	};
	random_bytes(in->key, sizeof(in->key));
	core_web_record(c);
	log_line(LOG_INFO, "web", "%s logged in", ask->operator_->name);
	core_answer(c, ask, 200, STR("{}"));
	return 0;
}

int
route_web_logout(struct core *c, struct core_ask *ask, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < CORE_LOGINS_MAX; i++) {
		if (web(c)->logins[i].number == ask->login) {
			end(&web(c)->logins[i]);
		}
	}
	log_line(LOG_INFO, "web", "%s logged out", ask->operator_->name);
	core_web_ended(c);
	core_answer(c, ask, 200, STR("{}"));
	return 0;
}

int
route_web_session(struct core *c, struct core_ask *ask, struct err *e)
{
	const struct core_web_login *in = core_web_login_find(c, ask->login);
	auto_buf body = { 0 };
	struct json_out o;

	if (!in) {
		return err_set(e, ERR_DENIED, "this login has ended");
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "operator", ask->operator_->name);
	json_out_z(&o, "house", core_node_name());
	json_out_bool(&o, "decides", core_web_decides(c, in));
	json_out_i64(
	    &o, "seconds", (in->until.us - mono_now().us) / CLOCK_SECOND);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
