/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of requests that are over serves the next: nothing of them stands in
 * it, and of a credential that was put into one there is no copy anywhere. */
#include "proxy_help.h"

#include "heap_help.h"

#define MARK    "hr_placeholder_0123456789abcdef0123456789abcdef"
#define NO      "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nwho"
#define AT_ONCE 3

struct kind {
	enum proxy_place place;
	const char *name;
	const char *format;
	const char *placeholder;
	const char *request; /* of the cell, whole */
};

#define FORM                                                  \
	"POST /f HTTP/1.1\r\nHost: good.test\r\n"             \
	"Content-Type: application/x-www-form-urlencoded\r\n" \
	"Content-Length: 3\r\n\r\na=b"
#define JSON                                      \
	"POST /j HTTP/1.1\r\nHost: good.test\r\n" \
	"Content-Type: application/json\r\n"      \
	"Content-Length: 15\r\n\r\n{\"a\":{\"b\":\"c\"}}"

static const struct kind kinds[] = {
	{ PROXY_PLACE_HEADER, "X-Key", "k {{secret}}", "", GET_GOOD },
	{ PROXY_PLACE_HEADER, "X-Key", "{{secret}}", MARK,
	    "GET /h HTTP/1.1\r\nHost: good.test\r\nX-Key: " MARK "\r\n\r\n" },
	{ PROXY_PLACE_QUERY, "key", "{{secret}}", "", GET_GOOD },
	{ PROXY_PLACE_PATH, "2", "{{secret}}", "",
	    "GET /a/b/c HTTP/1.1\r\nHost: good.test\r\n\r\n" },
	{ PROXY_PLACE_FORM, "key", "{{secret}}", "", FORM },
	{ PROXY_PLACE_JSON, "/a/key", "{{secret}}", "", JSON },
};

/* The upstream is plain and pinned: TLS of the scripted ends, which are of this
 * process too, would keep what they read. */
static void
rig_kind(struct rig *r, const struct kind *k, const struct proxy_times *times)
{
	rig_new(r, times);
	rig_inject(r);
	r->origin.tls = false;
	r->go.tls = false;
	r->go.place = k->place;
	assert_true(str_copy(r->go.name, 64, str_of(k->name)));
	assert_true(str_copy(r->go.format, 256, str_of(k->format)));
	assert_true(str_copy(r->go.placeholder, 64, str_of(k->placeholder)));
}

/* So many at once: each has an exchange and two arenas of its own. */
static void
ask_at_once(struct rig *r, struct end c[AT_ONCE], const char *request)
{
	r->decide = HOLD;
	uint64_t ids[AT_ONCE];
	for (size_t i = 0; i < AT_ONCE; i++) {
		cell_good(r, &c[i]);
		end_say_z(&c[i], request);
		rig_until(r, r->intents == i + 1);
		ids[i] = r->id;
	}
	for (size_t i = 0; i < AT_ONCE; i++) {
		proxy_go(r->proxy, ids[i], &r->go);
	}
	rig_until(r, r->outcomes == AT_ONCE);
	rig_turns(r, 20);
	assert_int_equal(r->outcome.end, PROXY_ANSWERED);
	assert_true(r->outcome.injected);
}

/* What the origin got is of this process too. */
static void
leave_origin(struct rig *r, bool had)
{
	rig_turns(r, 20);
	for (size_t i = 0; i < r->origin.count; i++) {
		assert_int_equal(end_got(&r->origin.at[i], SECRET), had);
		buf_wipe(&r->origin.at[i].got);
	}
}

static void
leave(struct rig *r, struct end c[AT_ONCE])
{
	for (size_t i = 0; i < AT_ONCE; i++) {
		end_close(&c[i]);
	}
	leave_origin(r, true);
}

static bool
all_zero(const void *at, size_t size)
{
	const char *bytes = at;
	for (size_t i = 0; i < size; i++) {
		if (bytes[i]) {
			return false;
		}
	}
	return true;
}

/* To the end of the block that is kept. */
static bool
arena_is_empty(struct arena *a)
{
	const struct arena_block *block = a->head;
	bool empty = a->used == 0;
	while (empty && a->head == block) {
		empty = all_zero(arena_alloc(a, 16), 16);
	}
	return empty;
}

static void
what_is_kept_for_other_requests_is_empty(void **state)
{
	static struct end c[AT_ONCE];

	(void)state;
	for (size_t n = 0; n < COUNT(kinds); n++) {
		struct rig r;
		rig_kind(&r, &kinds[n], NULL);
		ask_at_once(&r, c, kinds[n].request);
		leave(&r, c);
		assert_int_equal(r.proxy->spares.up_count, AT_ONCE);
		assert_int_equal(r.proxy->spares.arena_count, 2 * AT_ONCE);
		for (size_t i = 0; i < AT_ONCE; i++) {
			assert_true(
			    all_zero(r.proxy->spares.up[i], sizeof(struct up)));
		}
		for (size_t i = 0; i < r.proxy->spares.arena_count; i++) {
			assert_true(arena_is_empty(&r.proxy->spares.arena[i]));
		}
		rig_free(&r);
	}
}

/* Of many requests at once the memory does not stay with a cell that rests. */
static void
a_cell_that_rests_gives_it_back(void **state)
{
	struct proxy_times times = { .kept = CLOCK_SECOND / 10 };
	static struct end c[AT_ONCE];
	struct rig r;

	(void)state;
	rig_kind(&r, &kinds[0], &times);
	ask_at_once(&r, c, kinds[0].request);
	leave(&r, c);
	rig_until(&r, !r.proxy->kept);
	assert_int_equal(r.proxy->spares.up_count, 0);
	assert_int_equal(r.proxy->spares.arena_count, 0);
	rig_free(&r);
}

/* What fails with the credential in its hands, and what goes twice. */
static void
ask_and_fail(void)
{
	static const struct kind far = { PROXY_PLACE_PATH, "9", "{{secret}}",
		"", GET_GOOD };
	static const char *const secrets[] = { SECRET, SECRET "\n", SECRET };
	static const struct kind *const what[] = { &far, &kinds[0], &kinds[0] };

	for (size_t n = 0; n < COUNT(what); n++) {
		struct rig r;
		struct end c;
		bool twice = n == 2;

		rig_kind(&r, what[n], NULL);
		r.secret = secrets[n];
		r.go.renews = twice;
		r.origin.answer = NO;
		cell_good(&r, &c);
		end_say_z(&c, what[n]->request);
		rig_until(&r, r.outcomes == (twice ? 2 : 1));
		assert_int_equal(r.outcome.injected, twice);
		end_close(&c);
		leave_origin(&r, twice);
		rig_free(&r);
	}
}

static void
no_copy_of_a_credential_is_left(void **state)
{
	static struct end c[AT_ONCE];

	(void)state;
	for (size_t n = 0; n < COUNT(kinds); n++) {
		struct rig r;

		rig_kind(&r, &kinds[n], NULL);
		ask_at_once(&r, c, kinds[n].request);
		assert_true(n > 0 || heap_holds(SECRET)); /* it is searched */
		leave(&r, c);
		rig_free(&r);
	}
	ask_and_fail();
	assert_false(heap_holds(SECRET));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_copy_of_a_credential_is_left),
		cmocka_unit_test(what_is_kept_for_other_requests_is_empty),
		cmocka_unit_test(a_cell_that_rests_gives_it_back),
	};

	return cmocka_run_group_tests_name("proxy_spare", tests, NULL, NULL);
}
