/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/pack.h"

struct word {
	uint32_t number;
	uint32_t len;
	char bytes[];
};

struct pack_words {
	struct word **at;
	size_t count;
	size_t room;
	struct map by_bytes;
};

struct pack_words *
pack_words_new(void)
{
	struct pack_words *w = calloc(1, sizeof(*w));

	must(w);
	/* Some words are names that came from outside. */
	w->by_bytes.seed = random_u64();
	return w;
}

void
pack_words_free(struct pack_words *w)
{
	if (!w) {
		return;
	}
	for (size_t i = 0; i < w->count; i++) {
		free(w->at[i]);
	}
	free(w->at);
	map_fini(&w->by_bytes);
	free(w);
}

static struct str
word_str(const struct word *word)
{
	return str_span(word->bytes, word->len);
}

static void
add(struct pack_words *w, struct str bytes)
{
	struct word *word = malloc(sizeof(*word) + bytes.len);

	must(word);
	word->number = (uint32_t)w->count;
	word->len = (uint32_t)bytes.len;
	memcpy(word->bytes, bytes.at, bytes.len);
	w->at = array_grow(w->at, w->count, &w->room, sizeof(struct word *));
	w->at[w->count++] = word;
	map_put(&w->by_bytes, word_str(word), word);
}

int
pack_words_add(
    struct pack_words *w, uint32_t number, struct str bytes, struct err *e)
{
	if (number != w->count || number >= STORE_WORDS_MAX || bytes.len < 1 ||
	    bytes.len > STORE_WORD_MAX || map_get(&w->by_bytes, bytes)) {
		return err_set(e, ERR_IO,
		    "word %u of the packed log is not the one that follows "
		    "%zu others",
		    number, w->count);
	}
	add(w, bytes);
	return 0;
}

uint32_t
pack_words_count(const struct pack_words *w)
{
	return (uint32_t)w->count;
}

struct str
pack_words_at(const struct pack_words *w, uint32_t number)
{
	must(number < w->count);
	return word_str(w->at[number]);
}

void
pack_words_forget(struct pack_words *w, uint32_t count)
{
	uint64_t seed = w->by_bytes.seed;

	must(count <= w->count);
	if (count == w->count) {
		return;
	}
	map_fini(&w->by_bytes);
	w->by_bytes.seed = seed;
	for (size_t i = 0; i < count; i++) {
		map_put(&w->by_bytes, word_str(w->at[i]), w->at[i]);
	}
	while (w->count > count) {
		free(w->at[--w->count]);
	}
}

bool
pack_words_number(struct pack_words *w, struct str bytes, uint32_t *number)
{
	const struct word *word = map_get(&w->by_bytes, bytes);

	if (word) {
		*number = word->number;
		return true;
	}
	if (w->count == STORE_WORDS_MAX) {
		return false;
	}
	*number = (uint32_t)w->count;
	add(w, bytes);
	return true;
}
