/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buddy/buddy.h"

struct desk {
	struct buddy *b;
	struct buf out;
	struct mono now;
	struct mono next;
	unsigned decisions, noises, dones, statuses;
	bool yes, ok;
	char id[64];
	char text[256];
};

static void
hears(void *owner, const struct buddy_event *event)
{
	struct desk *d = owner;

	switch (event->kind) {
	case BUDDY_DECISION:
		d->decisions++;
		d->yes = event->yes;
		assert_true(str_copy(d->id, sizeof(d->id), str_of(event->id)));
		break;
	case BUDDY_STATUS:
		d->statuses++;
		break;
	case BUDDY_DONE:
		d->dones++;
		d->ok = event->ok;
		assert_true(
		    str_copy(d->text, sizeof(d->text), str_of(event->text)));
		break;
	case BUDDY_NOISE:
		d->noises++;
		break;
	}
}

static const char *
due(struct desk *d)
{
	buf_clear(&d->out);
	(void)buddy_due(d->b, d->now, &d->out, &d->next, hears, d);
	return buf_z(&d->out);
}

static void
says(struct desk *d, const char *line)
{
	buddy_hear(d->b, str_of(line), d->now, hears, d);
}

static void
connect_device(struct desk *d)
{
	struct buddy_hello hello = {
		.now = { 1700000000000000 },
		.zone_s = 3600,
		.owner = STR("Alice"),
	};

	buddy_connected(d->b, &hello, d->now);
}

static struct desk
begin(void)
{
	struct desk d = { .b = buddy_new(), .now = { 1000000000 } };

	connect_device(&d);
	return d;
}

static void
end(struct desk *d)
{
	buddy_free(d->b);
	buf_fini(&d->out);
}

static void
show(struct desk *d, const char *id, bool whole)
{
	struct buddy_prompt prompt = {
		.id = str_of(id),
		.tool = STR("a_tool_with_a_very_long_name"),
		.hint = STR("K7QF finance: ACME $12"),
		.role = STR("finance"),
		.whole = whole,
	};
	struct str entries[] = { STR("first"), STR("second") };
	struct buddy_show s = {
		.total = 300,
		.running = 2,
		.waiting = 1,
		.msg = STR("approve: pay"),
		.entries = entries,
		.entry_count = 2,
		.tokens = 7,
		.prompt = id ? &prompt : NULL,
	};
	struct err e = { 0 };

	assert_int_equal(buddy_show(d->b, &s, &e), 0);
}

static void
a_connect_tells_time_owner_state_and_asks_for_status(void **state)
{
	struct desk d = begin();

	(void)state;
	show(&d, "w-1", true);
	assert_string_equal(due(&d),
	    "{\"time\":[1700000000,3600]}\n"
	    "{\"cmd\":\"owner\",\"name\":\"Alice\"}\n"
	    "{\"total\":255,\"running\":2,\"waiting\":1,\"msg\":\"approve: "
	    "pay\",\"entries\":[\"first\",\"second\"],\"tokens\":7,\"tokens_"
	    "today\":0,\"prompt\":{\"id\":\"w-1\",\"tool\":\"a_tool_with_a_"
	    "very_"
	    "\",\"hint\":\"K7QF finance: ACME $12\",\"role\":\"finance\"}}\n"
	    "{\"cmd\":\"status\"}\n");
	assert_string_equal(due(&d), "");
	end(&d);
}

static void
a_heartbeat_comes_on_change_and_every_ten_seconds(void **state)
{
	struct desk d = begin();

	(void)state;
	show(&d, NULL, false);
	(void)due(&d);
	says(&d, "{\"ack\":\"status\",\"ok\":true,\"data\":{}}\n");
	assert_int_equal(d.statuses, 1);
	d.now = mono_after(d.now, BUDDY_BEAT_US - 1);
	assert_string_equal(due(&d), "");
	assert_int_equal(d.next.us, d.now.us + 1);
	d.now = d.next;
	assert_non_null(strstr(due(&d), "\"total\":255"));
	show(&d, "w-2", true);
	assert_non_null(strstr(due(&d), "\"id\":\"w-2\""));
	assert_string_equal(due(&d), "");
	end(&d);
}

/* Bytes of a decision, split at every place. */
static void
a_decision_is_heard_at_every_split(void **state)
{
	const char *line =
	    "boot ok\r\n{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":"
	    "\"once\"}\r\n";
	size_t len = strlen(line);

	(void)state;
	for (size_t i = 0; i <= len; i++) {
		struct desk d = begin();

		show(&d, "w-1", true);
		(void)due(&d);
		buddy_hear(d.b, str_span(line, i), d.now, hears, &d);
		buddy_hear(d.b, str_span(line + i, len - i), d.now, hears, &d);
		assert_int_equal(d.decisions, 1);
		assert_true(d.yes);
		assert_string_equal(d.id, "w-1");
		assert_int_equal(d.noises, 0);
		end(&d);
	}
}

static void
only_the_shown_prompt_is_decided_and_once(void **state)
{
	struct desk d = begin();
	const char *once = "{\"cmd\":\"permission\",\"id\":\"w-1\","
	                   "\"decision\":\"once\"}\n";
	const char *deny = "{\"cmd\":\"permission\",\"id\":\"w-1\","
	                   "\"decision\":\"deny\"}\n";

	(void)state;
	says(&d, once); /* nothing is shown */
	show(&d, "w-1", true);
	says(&d, once); /* it was not sent yet */
	assert_int_equal(d.decisions, 0);
	(void)due(&d);
	assert_string_equal(buddy_shown(d.b), "w-1");
	says(&d, "{\"cmd\":\"permission\",\"id\":\"w-11\",\"decision\":"
	         "\"once\"}\n");
	says(&d, "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":"
	         "\"always\"}\n");
	says(&d, "{\"cmd\":\"permission\",\"decision\":\"once\"}\n");
	assert_int_equal(d.decisions, 0);
	assert_int_equal(d.noises, 5);
	says(&d, deny);
	assert_int_equal(d.decisions, 1);
	assert_false(d.yes);
	assert_string_equal(buddy_shown(d.b), "");
	says(&d, once); /* it has been answered */
	assert_int_equal(d.decisions, 1);
	/* The same prompt in a later heartbeat stays answered. */
	d.now = mono_after(d.now, BUDDY_BEAT_US);
	(void)due(&d);
	says(&d, once);
	assert_int_equal(d.decisions, 1);
	show(&d, NULL, false);
	(void)due(&d);
	says(&d, once);
	assert_int_equal(d.decisions, 1);
	end(&d);
}

static void
a_prompt_that_does_not_fit_is_denied_there_but_never_approved(void **state)
{
	struct desk d = begin();

	(void)state;
	show(&d, "w-1", false);
	(void)due(&d);
	says(&d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"once\"}\n");
	assert_int_equal(d.decisions, 0);
	assert_int_equal(d.noises, 1);
	says(&d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"deny\"}\n");
	assert_int_equal(d.decisions, 1);
	end(&d);
}

static void
a_lost_carrier_shows_nothing_and_half_a_line_is_forgotten(void **state)
{
	struct desk d = begin();

	(void)state;
	show(&d, "w-1", true);
	(void)due(&d);
	says(&d, "{\"cmd\":\"permission\",\"id\":\"w-1\",");
	buddy_lost(d.b);
	assert_false(buddy_alive(d.b, d.now));
	says(&d, "\"decision\":\"once\"}\n");
	connect_device(&d);
	says(&d, "\"decision\":\"once\"}\n");
	says(&d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"once\"}\n");
	assert_int_equal(d.decisions, 0);
	assert_non_null(strstr(due(&d), "\"id\":\"w-1\"")); /* shown anew */
	end(&d);
}

static void
silence_is_death_and_a_sound_is_life(void **state)
{
	struct desk d = begin();

	(void)state;
	d.now = mono_after(d.now, BUDDY_DEAD_US - 1);
	assert_true(buddy_alive(d.b, d.now));
	d.now = mono_after(d.now, 1);
	assert_false(buddy_alive(d.b, d.now));
	says(&d, "garbage\n");
	assert_false(buddy_alive(d.b, d.now));
	says(&d, "{\"ack\":\"owner\",\"ok\":true}\n");
	assert_true(buddy_alive(d.b, d.now));
	end(&d);
}

static void
an_id_or_hint_that_a_device_would_cut_is_refused(void **state)
{
	static const char *const bad_ids[] = { "", "a\"b", "a\\b", "\xc3\xa9",
		"0123456789012345678901234567890123456789" };
	struct desk d = begin();
	struct buddy_prompt p = { .tool = STR("t"), .hint = STR("h") };
	struct buddy_show s = { .prompt = &p };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad_ids); i++) {
		p.id = str_of(bad_ids[i]);
		assert_int_equal(buddy_show(d.b, &s, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
	p.id = STR("012345678901234567890123456789012345678");       /* 39 */
	p.hint = STR("0123456789012345678901234567890123456789012"); /* 43 */
	assert_int_equal(buddy_show(d.b, &s, &e), 0);
	p.hint = STR("01234567890123456789012345678901234567890123");
	assert_int_equal(buddy_show(d.b, &s, &e), -1);
	end(&d);
}

static void
every_line_fits_the_device_whatever_is_shown(void **state)
{
	struct desk d = begin();
	char wide[400];
	struct str entries[20];
	struct buddy_prompt p = {
		.id = STR("012345678901234567890123456789012345678"),
		.hint = STR(
		    "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
		    "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""),
	};
	struct buddy_show s = {
		.entries = entries, .entry_count = COUNT(entries), .prompt = &p
	};
	struct err e = { 0 };

	(void)state;
	memset(wide, '\\', sizeof(wide)); /* each is two bytes in JSON */
	for (size_t i = 0; i < COUNT(entries); i++) {
		wide[0] = (char)('a' + i);
		entries[i] = i + 1 < COUNT(entries)
		                 ? str_span(wide, sizeof(wide))
		                 : STR("\xe2\x82\xac the newest");
	}
	p.tool = p.role = s.msg = str_span(wide, sizeof(wide));
	assert_int_equal(buddy_show(d.b, &s, &e), 0);
	(void)due(&d);
	struct str rest = buf_str(&d.out), line;

	while (str_cut(&rest, '\n', &line)) {
		assert_true(line.len <= BUDDY_LINE_MAX);
	}
	assert_non_null(strstr(buf_z(&d.out), "? the newest"));
	end(&d);
}

static void
a_line_that_is_too_long_is_dropped_whole(void **state)
{
	struct desk d = begin();
	auto_buf line = { 0 };

	(void)state;
	show(&d, "w-1", true);
	(void)due(&d);
	buf_add_z(&line, "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":"
	                 "\"once\",\"x\":\"");
	while (line.len < BUDDY_LINE_MAX) {
		buf_add_byte(&line, 'x');
	}
	says(&d, buf_z(&line));
	assert_int_equal(d.noises, 0);
	says(&d, "x"); /* at once, not at its end */
	assert_int_equal(d.noises, 1);
	says(&d, "\"}\n");
	assert_int_equal(d.decisions, 0);
	assert_int_equal(d.noises, 1);
	says(&d,
	    "{\"cmd\":\"permission\",\"id\":\"w-1\",\"decision\":\"once\"}\n");
	assert_int_equal(d.decisions, 1);
	end(&d);
}

/* A device that takes a folder: answers each step as the firmware does. */
static bool
take_step(struct desk *d, struct buf *kept, size_t *file)
{
	auto_arena a = { 0 };
	auto_buf answer = { 0 };
	struct json *line;
	struct str word, data;
	struct err e = { 0 };
	struct str text = str_of(due(d));

	if (!text.len || json_parse(&a, text, NULL, &line, &e) ||
	    !json_text(line, "cmd", &word)) {
		return false;
	}
	if (str_eq_z(word, "file")) {
		*file = 0;
	} else if (str_eq_z(word, "chunk")) {
		size_t before = kept->len;

		assert_true(json_text(line, "d", &data));
		assert_true(base64_decode(kept, data));
		*file += kept->len - before;
	}
	buf_addf(&answer, "{\"ack\":\"" STR_FMT "\",\"ok\":true,\"n\":%zu}\n",
	    STR_ARG(word), *file);
	says(d, buf_z(&answer));
	return true;
}

static void
a_folder_arrives_whole_and_each_step_waits_for_its_answer(void **state)
{
	struct desk d = begin();
	auto_buf big = { 0 };
	auto_buf kept = { 0 };
	size_t file = 0;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		buf_add_byte(&big, (uint8_t)(i * 7));
	}
	struct buddy_file files[] = { { STR("manifest.json"), STR("{}") },
		{ STR("empty"), STR("") }, { STR("a.gif"), buf_str(&big) } };

	(void)due(&d);
	says(&d, "{\"ack\":\"status\",\"ok\":true}\n");
	assert_int_equal(buddy_push(d.b, STR("cat"), files, 3, &e), 0);
	assert_int_equal(buddy_rename(d.b, STR("x"), &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	for (int i = 0; i < 100 && take_step(&d, &kept, &file); i++) {
	}
	assert_int_equal(d.dones, 1);
	assert_true(d.ok);
	assert_int_equal(kept.len, 2 + big.len);
	assert_memory_equal(kept.at + 2, big.at, big.len);
	assert_int_equal(buddy_rename(d.b, STR("Bit"), &e), 0);
	assert_string_equal(due(&d), "{\"cmd\":\"name\",\"name\":\"Bit\"}\n");
	says(&d, "{\"ack\":\"name\",\"ok\":false,\"error\":\"no\\u0007\"}\n");
	assert_int_equal(d.dones, 2);
	assert_false(d.ok);
	assert_string_equal(d.text, "\"no\\x07\"");
	end(&d);
}

static void
a_device_that_lost_bytes_or_is_silent_ends_the_push(void **state)
{
	struct desk d = begin();
	struct buddy_file file = { STR("f"), STR("hello") };
	struct err e = { 0 };

	(void)state;
	(void)due(&d);
	says(&d, "{\"ack\":\"status\",\"ok\":true}\n");
	assert_int_equal(buddy_push(d.b, STR("cat"), &file, 1, &e), 0);
	(void)due(&d);
	says(&d, "{\"ack\":\"char_begin\",\"ok\":true,\"n\":0}\n");
	(void)due(&d);
	says(&d, "{\"ack\":\"file\",\"ok\":true,\"n\":0}\n");
	(void)due(&d);
	says(&d, "{\"ack\":\"chunk\",\"ok\":true,\"n\":4}\n");
	assert_int_equal(d.dones, 1);
	assert_false(d.ok);
	assert_int_equal(buddy_push(d.b, STR("cat"), &file, 1, &e), 0);
	(void)due(&d);
	d.now = mono_after(d.now, BUDDY_ACK_US);
	(void)due(&d);
	assert_int_equal(d.dones, 2);
	assert_false(d.ok);
	end(&d);
}

static void
a_folder_with_paths_or_too_much_is_refused(void **state)
{
	static const char *const bad[] = { "", "..", ".hidden", "a/b", "/etc",
		"a b", "\xc3\xa9" };
	struct desk d = begin();
	struct buddy_file file = { .bytes = STR("x") };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		file.name = str_of(bad[i]);
		assert_int_equal(buddy_push(d.b, STR("cat"), &file, 1, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
	char *large = calloc(1, BUDDY_FOLDER_MAX);

	assert_non_null(large);
	file =
	    (struct buddy_file){ STR("f"), str_span(large, BUDDY_FOLDER_MAX) };
	assert_int_equal(buddy_push(d.b, STR("cat"), &file, 1, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	file.bytes.len--;
	assert_int_equal(buddy_push(d.b, STR("cat"), &file, 1, &e), 0);
	free(large);
	end(&d);
}

/* Cut anywhere it is no folder, but for where one of its files ends. */
static void
a_packed_folder_is_taken_whole_or_not_at_all(void **state)
{
	static const char packed[] = "a\0\2\0\0\0xyb.txt\0\0\0\0\0";
	struct str whole = str_span(packed, sizeof(packed) - 1);
	struct desk d = begin();
	auto_buf many = { 0 };
	struct err e = { 0 };

	(void)state;
	(void)due(&d);
	says(&d, "{\"ack\":\"status\",\"ok\":true}\n");
	for (size_t i = 0; i < whole.len; i++) {
		if (i == 8) {
			continue; /* behind the first file */
		}
		assert_int_equal(buddy_push_packed(
		                     d.b, STR("cat"), str_sub(whole, 0, i), &e),
		    -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
	assert_int_equal(buddy_push_packed(d.b, STR("cat"),
	                     str_span("a\0\xff\xff\xff\xff"
	                              "x",
	                         7),
	                     &e),
	    -1);
	for (int i = 0; i <= BUDDY_FILES_MAX; i++) {
		buf_add(&many, str_span("f\0\0\0\0\0", 6));
	}
	assert_int_equal(
	    buddy_push_packed(d.b, STR("cat"), buf_str(&many), &e), -1);
	assert_int_equal(buddy_push_packed(d.b, STR("cat"),
	                     str_sub(buf_str(&many), 6, many.len), &e),
	    0);
	buddy_lost(d.b);
	connect_device(&d);
	(void)due(&d);
	says(&d, "{\"ack\":\"status\",\"ok\":true}\n");
	assert_int_equal(buddy_push_packed(d.b, STR("cat"), whole, &e), 0);
	assert_string_equal(
	    due(&d), "{\"cmd\":\"char_begin\",\"name\":\"cat\",\"total\":2}\n");
	end(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_connect_tells_time_owner_state_and_asks_for_status),
		cmocka_unit_test(
		    a_heartbeat_comes_on_change_and_every_ten_seconds),
		cmocka_unit_test(a_decision_is_heard_at_every_split),
		cmocka_unit_test(only_the_shown_prompt_is_decided_and_once),
		cmocka_unit_test(
		    a_prompt_that_does_not_fit_is_denied_there_but_never_approved),
		cmocka_unit_test(
		    a_lost_carrier_shows_nothing_and_half_a_line_is_forgotten),
		cmocka_unit_test(silence_is_death_and_a_sound_is_life),
		cmocka_unit_test(
		    an_id_or_hint_that_a_device_would_cut_is_refused),
		cmocka_unit_test(every_line_fits_the_device_whatever_is_shown),
		cmocka_unit_test(a_line_that_is_too_long_is_dropped_whole),
		cmocka_unit_test(
		    a_folder_arrives_whole_and_each_step_waits_for_its_answer),
		cmocka_unit_test(
		    a_device_that_lost_bytes_or_is_silent_ends_the_push),
		cmocka_unit_test(a_folder_with_paths_or_too_much_is_refused),
		cmocka_unit_test(a_packed_folder_is_taken_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
