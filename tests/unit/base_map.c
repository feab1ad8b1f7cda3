/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/bytes.h"

static void
an_empty_map_holds_nothing(void **state)
{
	struct map m = { 0 };

	(void)state;
	assert_null(map_get(&m, STR("a")));
	assert_null(map_get(&m, STR("")));
	map_fini(&m);
}

static void
every_key_of_many_is_found_again_and_no_other(void **state)
{
	static const uint64_t seeds[] = { 0, 1, 0x123456789abcdef };
	static char names[5000][8];
	static int values[5000];

	(void)state;
	for (size_t s = 0; s < COUNT(seeds); s++) {
		struct map m = { .seed = seeds[s] };

		for (size_t i = 0; i < COUNT(names); i++) {
			struct buf text = { 0 };

			buf_addf(&text, "%zu", i);
			assert_true(str_copy(
			    names[i], sizeof(names[i]), buf_str(&text)));
			buf_fini(&text);
			assert_null(map_get(&m, str_of(names[i])));
			map_put(&m, str_of(names[i]), &values[i]);
		}
		assert_int_equal(m.count, COUNT(names));
		for (size_t i = 0; i < COUNT(names); i++) {
			assert_ptr_equal(
			    map_get(&m, str_of(names[i])), &values[i]);
		}
		assert_null(map_get(&m, STR("5000")));
		assert_null(map_get(&m, STR("")));
		map_fini(&m);
		assert_null(map_get(&m, STR("0")));
	}
}

/* A key may hold any byte: what makes two of them one is all of them. */
static void
keys_are_bytes_and_end_where_they_end(void **state)
{
	struct map m = { .seed = 7 };
	int values[3];

	(void)state;
	map_put(&m, STR("a\0b"), &values[0]);
	map_put(&m, STR("a\0c"), &values[1]);
	map_put(&m, STR(""), &values[2]);
	assert_ptr_equal(map_get(&m, STR("a\0b")), &values[0]);
	assert_ptr_equal(map_get(&m, STR("a\0c")), &values[1]);
	assert_ptr_equal(map_get(&m, STR("")), &values[2]);
	assert_null(map_get(&m, STR("a")));
	map_fini(&m);
}

static void
an_array_keeps_its_elements_as_it_grows(void **state)
{
	uint32_t *at = NULL;
	size_t room = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		at = array_grow(at, i, &room, sizeof(*at));
		assert_true(room > i);
		at[i] = i;
	}
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(at[i], i);
	}
	free(at);
}

static void
numbers_stand_little_end_first_at_any_address(void **state)
{
	uint8_t bytes[16] = { 0 };

	(void)state;
	put_u16(bytes + 1, 0x10201);
	put_u32(bytes + 3, 0x04030201);
	put_u64(bytes + 7, 0x0807060504030201);
	assert_memory_equal(bytes,
	    "\0\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08", 16);
	assert_int_equal(get_u16(bytes + 1), 0x0201);
	assert_int_equal(get_u32(bytes + 3), 0x04030201);
	assert_true(get_u64(bytes + 7) == 0x0807060504030201);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_holds_nothing),
		cmocka_unit_test(every_key_of_many_is_found_again_and_no_other),
		cmocka_unit_test(keys_are_bytes_and_end_where_they_end),
		cmocka_unit_test(an_array_keeps_its_elements_as_it_grows),
		cmocka_unit_test(numbers_stand_little_end_first_at_any_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
