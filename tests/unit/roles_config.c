/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "roles/roles.h"
#include "roles/table.h"

static void
an_empty_file_is_all_defaults(void **state)
{
	auto_arena a = { 0 };
	struct config c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    roles_parse_config(&a, STR(""), "handrail.toml", &c, &e), 0);
	assert_int_equal(c.state.len, 0);
	assert_int_equal(c.store.len, 0);
	assert_true(str_eq_z(c.device, "linux"));
	assert_true(str_eq_z(c.client, "server"));
	assert_true(str_eq_z(c.listen, "127.0.0.1:7400"));
	assert_true(str_eq_z(c.roles, "roles"));
	assert_int_equal(c.operator_count, 0);
	assert_int_equal(c.model_count, 0);
	assert_int_equal(c.uid_base, 600000);
	assert_int_equal(c.cells, 8);
	assert_int_equal(c.limits.memory, 1 << 30);
	assert_int_equal(c.limits.pids, 256);
	assert_int_equal(c.limits.wall, 30 * CLOCK_MINUTE);
}

static void
everything_that_can_be_written_is_read(void **state)
{
	auto_arena a = { 0 };
	struct config c;
	struct err e = { 0 };
	const struct config_model *m;

	(void)state;
	if (roles_parse_config(&a,
	        STR("state = \"/s\"\nstore = \"postgres://db/h\"\n"
	            "device = \"macos\"\nclient = \"desktop_cowork\"\n"
	            "listen = \"[::1]:80\"\nroles = \"r\"\n"
	            "[operator.alice]\nuid = 1000\n"
	            "buddy = \"AA:BB:CC:DD:EE:FF\"\nweb = \"read\"\n"
	            "[operator.bob]\nuid = 1001\n"
	            "[model.default]\nurl = \"https://api.example/v1\"\n"
	            "model = \"@cf/zai-org/glm-5.2\"\n"
	            "credential = \"workers-ai\"\nmax_tokens = 100\n"
	            "timeout = \"5s\"\nupstream = \"10.0.0.1:443\"\n"
	            "ca = \"ca.pem\"\n"
	            "[model.local]\nurl = \"http://127.0.0.1:8080/v1\"\n"
	            "model = \"x\"\n"
	            "[node]\nuid_base = 700000\ncells = 3\n"
	            "[limits]\nmemory = \"512M\"\npids = 64\nfsize = 1048576\n"
	            "wall = \"1h30m\"\n"),
	        "h", &c, &e) < 0) {
		fail_msg("%s", e.text);
	}
	assert_true(str_eq_z(c.state, "/s"));
	assert_int_equal(roles_find_operator(&c, STR("alice"))->uid, 1000);
	assert_int_equal(roles_find_operator(&c, STR("bob"))->buddy.len, 0);
	assert_true(
	    str_eq_z(roles_find_operator(&c, STR("alice"))->web, "read"));
	assert_true(
	    str_eq_z(roles_find_operator(&c, STR("bob"))->web, "decide"));
	assert_null(roles_find_operator(&c, STR("eve")));
	m = roles_find_model(&c, STR("default"));
	assert_true(str_eq_z(m->credential, "workers-ai"));
	assert_int_equal(m->max_tokens, 100);
	assert_int_equal(m->timeout, 5 * CLOCK_SECOND);
	assert_int_equal(roles_find_model(&c, STR("local"))->max_tokens, 4096);
	assert_int_equal(c.cells, 3);
	assert_int_equal(c.limits.memory, 512 << 20);
	assert_int_equal(c.limits.fsize, 1 << 20);
	assert_int_equal(c.limits.wall, 90 * CLOCK_MINUTE);
}

static void
refuses(const char *text, const char *message)
{
	auto_arena a = { 0 };
	struct config c = { .cells = 99 };
	struct err e = { 0 };

	if (roles_parse_config(&a, str_of(text), "h.toml", &c, &e) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, message);
	assert_int_equal(c.cells, 99);
}

static void
an_unknown_key_names_its_place_and_the_known_ones(void **state)
{
	(void)state;
	refuses("state = \"/s\"\ndevise = \"linux\"\n",
	    "h.toml:2:10: unknown key \"devise\" in the top of the file; "
	    "known here: state, store, device, client, listen, roles, "
	    "operator, api, notify, buddy, model, issuer, node, limits, "
	    "book, audit, witness");
	refuses("[operator.alice]\nuid = 1\nbudy = \"x\"\n",
	    "h.toml:3:8: unknown key \"budy\" in [operator.alice]; known "
	    "here: uid, buddy, web");
	refuses("[node]\nuidbase = 1\n",
	    "h.toml:2:11: unknown key \"uidbase\" in [node]; known here: "
	    "uid_base, cells");
	refuses("[credential.github]\nvalue = \"x\"\n",
	    "h.toml:1:2: unknown key \"credential\" in the top of the file; "
	    "known here: state, store, device, client, listen, roles, "
	    "operator, api, notify, buddy, model, issuer, node, limits, "
	    "book, audit, witness");
}

static void
an_issuer_is_one_host_and_known_by_it(void **state)
{
	struct config c = { 0 };
	struct arena a = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(roles_parse_config(&a,
	                     STR("[issuer.here]\nhost = \"a.test:8443\"\n"
	                         "upstream = \"127.0.0.1:9\"\n"
	                         "[issuer.there]\nhost = \"b.test:443\"\n"),
	                     "h.toml", &c, &e),
	    0);
	assert_true(str_eq(roles_find_issuer(&c, STR("a.test:8443"))->upstream,
	    STR("127.0.0.1:9")));
	assert_non_null(roles_find_issuer(&c, STR("b.test")));
	assert_null(roles_find_issuer(&c, STR("a.test")));
	refuses("[issuer.x]\nhost = \"https://a.test/\"\n",
	    "h.toml:1:9: host: expected HOST or HOST:PORT");
	refuses("[issuer.x]\nhost = \"a.test\"\n[issuer.y]\nhost = "
	        "\"a.test\"\n",
	    "h.toml:3:9: two issuers have the host \"a.test\"");
	arena_fini(&a);
}

static void
a_store_is_a_url_of_postgresql_and_is_not_shown(void **state)
{
	(void)state;
	refuses("store = \"mysql://u:hush@h/d\"\n",
	    "h.toml:1:9: store: expected postgres://USER@HOST:PORT/DATABASE, "
	    "or no such line: then it is SQLite in the state folder");
	refuses("[book]\nkeep_bodies = \"23h\"\n",
	    "h.toml:2:15: keep_bodies: expected at least 1d; bodies go by "
	    "whole days");
}

static void
a_wrong_value_says_what_was_expected(void **state)
{
	(void)state;
	refuses("state = 1\n", "h.toml:1:9: state: expected a text in quotes");
	refuses("device = \"Linux\"\n",
	    "h.toml:1:10: device: expected lower-case words joined by single "
	    "underscores");
	refuses("client = \"a__b\"\n",
	    "h.toml:1:10: client: expected lower-case words joined by single "
	    "underscores");
	refuses("listen = \"7400\"\n",
	    "h.toml:1:10: listen: expected ADDRESS:PORT, as in "
	    "127.0.0.1:7400 or [::1]:7400");
	refuses("listen = \"127.0.0.1:70000\"\n",
	    "h.toml:1:10: listen: expected ADDRESS:PORT, as in "
	    "127.0.0.1:7400 or [::1]:7400");
	refuses("listen = \"::1:80\"\n",
	    "h.toml:1:10: listen: expected ADDRESS:PORT, as in "
	    "127.0.0.1:7400 or [::1]:7400");
	refuses("[limits]\nmemory = \"1T\"\n",
	    "h.toml:2:10: memory: expected a size in bytes or with a unit, "
	    "as in \"512M\"");
	refuses("[limits]\nwall = \"soon\"\n",
	    "h.toml:2:8: wall: expected a duration, as in \"90s\" or \"20m\"");
	refuses("[limits]\nwall = \"0s\"\n",
	    "h.toml:2:8: wall: expected a duration, as in \"90s\" or \"20m\"");
	refuses("[limits]\npids = -1\n",
	    "h.toml:2:8: pids: expected a whole number from 0 to 4294967294");
	refuses("state = \"a\\u0000b\"\n",
	    "h.toml:1:9: state: expected a text without control characters");
	refuses("operator = 1\n",
	    "h.toml:1:12: expected tables [operator.NAME], at most 1000");
	refuses("[operator]\nuid = 1\n",
	    "h.toml:2:7: expected a table [operator.NAME]");
	refuses("[operator.Bob]\nuid = 1\n",
	    "h.toml:1:11: [operator.\"Bob\"]: expected a name of lower-case "
	    "letters, digits and _");
}

static void
bounds_are_checked_at_load(void **state)
{
	(void)state;
	refuses("[node]\ncells = 0\n", "h.toml:2:9: cells: expected 1 to 1000");
	refuses(
	    "[node]\ncells = 1001\n", "h.toml:2:9: cells: expected 1 to 1000");
	refuses("[node]\nuid_base = 0\n",
	    "h.toml:2:12: uid_base: expected at least 1000; below are the "
	    "system's own ids");
	refuses("[limits]\nmemory = \"1M\"\n",
	    "h.toml:1:2: memory: expected at least 16M");
	refuses("[limits]\npids = 1\n",
	    "h.toml:1:2: pids: expected 4 to 65536 processes");
}

static void
two_operators_are_two_people(void **state)
{
	(void)state;
	refuses("[operator.alice]\nuid = 7\n[operator.bob]\nuid = 7\n",
	    "h.toml:3:11: two operators have the uid 7");
	refuses("[operator.alice]\nweb = \"a\"\n",
	    "h.toml:1:11: [operator.alice] needs the key uid: user id that "
	    "this person's commands come from");
}

static void
a_login_is_for_deciding_or_for_reading_or_there_is_none(void **state)
{
	(void)state;
	for (const char *const *word = (const char *const[]){ "alice", "Decide",
	         "decide ", "", "yes", NULL };
	     *word; word++) {
		auto_buf text = { 0 };

		buf_addf(
		    &text, "[operator.alice]\nuid = 1\nweb = \"%s\"\n", *word);
		refuses(buf_z(&text),
		    "h.toml:3:7: web: expected decide, read or none");
	}
}

static void
a_device_on_a_desk_is_one_persons(void **state)
{
	auto_arena a = { 0 };
	struct config c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    roles_parse_config(&a,
	        STR("[buddy]\nserial = \"/dev/ttyACM0\"\n"
	            "[operator.alice]\nuid = 1\nbuddy = \"303a:1001:E6 6\"\n"
	            "[operator.bob]\nuid = 2\nbuddy = \"simulator\"\n"),
	        "h", &c, &e),
	    0);
	assert_true(str_eq_z(c.buddy.serial, "/dev/ttyACM0"));
	assert_int_equal(c.buddy.tcp.len, 0);
	refuses("[operator.alice]\nuid = 1\nbuddy = \"303a:1001:ab\"\n"
	        "[operator.bob]\nuid = 2\nbuddy = \"303A:1001:AB\"\n",
	    "h.toml:4:11: two operators have the buddy \"303A:1001:AB\": "
	    "whoever presses its button would be both");
	refuses("[operator.alice]\nuid = 1\nbuddy = \"303a:100:E6\"\n",
	    "h.toml:3:9: buddy: expected VENDOR:PRODUCT:SERIAL of a USB "
	    "device, AA:BB:CC:DD:EE:FF, tty or simulator");
	refuses("[operator.alice]\nuid = 1\nbuddy = \"AA:BB:CC:DD:EE\"\n",
	    "h.toml:3:9: buddy: expected VENDOR:PRODUCT:SERIAL of a USB "
	    "device, AA:BB:CC:DD:EE:FF, tty or simulator");
	refuses("[buddy]\ntcp = \"0.0.0.0:7401\"\n",
	    "h.toml:2:7: tcp: expected 127.0.0.1:PORT; over a network the "
	    "token would travel in clear");
	refuses("[buddy]\nserial = \"ttyACM0\"\n",
	    "h.toml:2:10: serial: expected a terminal below /dev/");
	refuses("[buddy]\nserial = \"/dev/a\"\ntcp = \"127.0.0.1:1\"\n",
	    "h.toml:1:2: [buddy]: serial, tcp or bluetooth, one device a "
	    "house");
	refuses("[buddy]\nserial = \"/dev/a\"\n"
	        "bluetooth = \"C4:DD:57:00:7F:3A\"\n",
	    "h.toml:1:2: [buddy]: serial, tcp or bluetooth, one device a "
	    "house");
	refuses("[buddy]\nbluetooth = \"C4:DD:57:00:7F\"\n",
	    "h.toml:2:13: bluetooth: expected an address "
	    "AA:BB:CC:DD:EE:FF; `handrail buddy pair` shows it");
}

static void
a_house_has_names_of_its_own_and_tells_where_it_is_asked(void **state)
{
	auto_arena a = { 0 };
	struct config c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(roles_parse_config(&a,
	                     STR("[api]\nhosts = \"a.example, b-1.example\"\n"
	                         "login = \"2h\"\n[notify]\n"
	                         "url = \"https://hooks.example/x\"\n"
	                         "link = \"https://a.example/\"\n"),
	                     "h.toml", &c, &e),
	    0);
	assert_true(str_eq_z(c.api.hosts, "a.example, b-1.example"));
	assert_int_equal(c.api.login, 120 * CLOCK_MINUTE);
	assert_true(str_eq_z(c.notify.url, "https://hooks.example/x"));
	static const char *const bad[] = { "A.example", "a.example:1",
		"a.example,", "*.example", ".example", "a,,b", "a b" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf text = { 0 };

		buf_addf(&text, "[api]\nhosts = \"%s\"\n", bad[i]);
		refuses(buf_z(&text),
		    "h.toml:2:9: hosts: expected names in lower case, without "
		    "ports, with commas between");
	}
	refuses(
	    "[api]\nlogin = \"8d\"\n", "h.toml:2:9: login: expected 1s to 7d");
	refuses("[api]\nlogin = \"900ms\"\n",
	    "h.toml:2:9: login: expected 1s to 7d");
	refuses("[notify]\nurl = \"http://hooks.example/\"\n",
	    "h.toml:2:7: url and link: expected https://HOST/…, or http:// on "
	    "loopback");
	refuses("[notify]\nlink = \"https://me@a.example/\"\n",
	    "h.toml:2:8: url and link: expected https://HOST/…, or http:// on "
	    "loopback");
}

static void
a_token_never_goes_over_plain_http(void **state)
{
	static const char *const bad[] = { "http://api.example/v1",
		"http://10.0.0.1/v1", "http://127.0.0.1.evil.example/v1",
		"http://localhost.evil.example/", "http://127.0.0.10/" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_arena a = { 0 };
		struct str text = arena_printf(
		    &a, "[model.m]\nurl = \"%s\"\nmodel = \"x\"\n", bad[i]);

		refuses(text.at,
		    "h.toml:2:7: url: http is for loopback only; the token "
		    "would cross the network in clear: write https");
	}
	refuses("[model.m]\nurl = \"ftp://x/\"\nmodel = \"x\"\n",
	    "h.toml:2:7: url: expected https://HOST/…, or http:// on "
	    "loopback");
	refuses("[model.m]\nurl = \"https://user:pw@x/\"\nmodel = \"x\"\n",
	    "h.toml:2:7: url: expected https://HOST/…, or http:// on "
	    "loopback");
}

static void
the_first_file_loads_as_it_is(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct config c;
	struct err e = { 0 };

	(void)state;
	roles_write_config(&text, "alice", 1000);
	if (roles_parse_config(&a, buf_str(&text), "h", &c, &e) < 0) {
		fail_msg("%s\n%s", e.text, buf_z(&text));
	}
	assert_int_equal(roles_find_operator(&c, STR("alice"))->uid, 1000);
	assert_true(str_has_str(buf_str(&text), STR("# uid_base = 600000\n")));
}

/* Each commented key, made a real one, is still what the reader takes. */
static void
the_defaults_shown_are_the_defaults_read(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	auto_buf open = { 0 };
	struct str rest;
	struct str line;
	struct config shown;
	struct config empty;
	struct err e = { 0 };

	(void)state;
	roles_write_config(&text, "alice", 1000);
	rest = buf_str(&text);
	while (str_cut(&rest, '\n', &line)) {
		bool model = str_starts(line, STR("# [model"));

		if (model) {
			break; /* its required keys have no defaults */
		}
		if (str_starts(line, STR("# ")) &&
		    str_has_str(line, STR(" = ")) &&
		    !str_has_str(line, STR("brain"))) {
			line = str_sub(line, 2, line.len);
		}
		buf_add(&open, line);
		buf_add_byte(&open, '\n');
	}
	if (roles_parse_config(&a, buf_str(&open), "h", &shown, &e) < 0) {
		fail_msg("%s\n%s", e.text, buf_z(&open));
	}
	assert_int_equal(roles_parse_config(&a, STR(""), "h", &empty, &e), 0);
	assert_true(str_eq(shown.listen, empty.listen));
	assert_true(str_eq(shown.device, empty.device));
	assert_true(str_eq(shown.roles, empty.roles));
}

static void
the_manual_has_every_key(void **state)
{
	auto_buf text = { 0 };

	(void)state;
	roles_write_manual(&text);
	assert_true(str_has_str(buf_str(&text),
	    STR("| `[operator.NAME]` | `uid` | number | required | ")));
	assert_true(str_has_str(buf_str(&text),
	    STR("| (top) | `listen` | address:port | 127.0.0.1:7400 | ")));
	assert_true(str_has_str(buf_str(&text), STR("`[limits]` | `wall`")));
}

static void
sizes_have_units_and_an_end(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_true(table_size(STR("0"), &n));
	assert_int_equal(n, 0);
	assert_true(table_size(STR("2K"), &n));
	assert_int_equal(n, 2048);
	assert_true(table_size(STR("1G"), &n));
	assert_int_equal(n, 1 << 30);
	assert_false(table_size(STR(""), &n));
	assert_false(table_size(STR("K"), &n));
	assert_false(table_size(STR("1k"), &n));
	assert_false(table_size(STR("-1"), &n));
	assert_false(table_size(STR("99999999999G"), &n));
}

static void
a_ca_lies_beside_the_file_that_names_it(void **state)
{
	static const struct {
		const char *written;
		const char *read;
	} cases[] = {
		{ "ca.pem", "/etc/house/ca.pem" },
		{ "of/it.pem", "/etc/house/of/it.pem" },
		{ "/ca.pem", "/ca.pem" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena a = { 0 };
		struct config c;
		struct err e = { 0 };
		const char *w = cases[i].written;
		const char *r = cases[i].read;
		struct str text = arena_printf(&a,
		    "[notify]\nurl = \"https://n.test/\"\nca = \"%s\"\n"
		    "[audit]\nca = \"%s\"\n"
		    "[model.default]\nurl = \"https://m.test\"\n"
		    "model = \"m\"\nca = \"%s\"\n"
		    "[issuer.here]\nhost = \"i.test\"\nca = \"%s\"\n"
		    "[witness.near]\nurl = \"https://w.test\"\n"
		    "key = \"k\"\nca = \"%s\"\n",
		    w, w, w, w, w);

		assert_int_equal(roles_parse_config(&a, text,
		                     "/etc/house/handrail.toml", &c, &e),
		    0);
		assert_true(str_eq_z(c.notify.ca, r));
		assert_true(str_eq_z(c.audit.ca, r));
		assert_true(str_eq_z(c.models[0].ca, r));
		assert_true(str_eq_z(c.issuers[0].ca, r));
		assert_true(str_eq_z(c.witnesses[0].ca, r));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_house_has_names_of_its_own_and_tells_where_it_is_asked),
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(a_ca_lies_beside_the_file_that_names_it),
		cmocka_unit_test(everything_that_can_be_written_is_read),
		cmocka_unit_test(
		    an_unknown_key_names_its_place_and_the_known_ones),
		cmocka_unit_test(an_issuer_is_one_host_and_known_by_it),
		cmocka_unit_test(
		    a_store_is_a_url_of_postgresql_and_is_not_shown),
		cmocka_unit_test(a_wrong_value_says_what_was_expected),
		cmocka_unit_test(bounds_are_checked_at_load),
		cmocka_unit_test(two_operators_are_two_people),
		cmocka_unit_test(
		    a_login_is_for_deciding_or_for_reading_or_there_is_none),
		cmocka_unit_test(a_device_on_a_desk_is_one_persons),
		cmocka_unit_test(a_token_never_goes_over_plain_http),
		cmocka_unit_test(the_first_file_loads_as_it_is),
		cmocka_unit_test(the_defaults_shown_are_the_defaults_read),
		cmocka_unit_test(the_manual_has_every_key),
		cmocka_unit_test(sizes_have_units_and_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
