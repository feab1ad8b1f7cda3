/* SPDX-License-Identifier: Apache-2.0 */
/* check FILE: whether a history holds; exit 0, 1 with a sentence, 2. */
#include <stdio.h>

#include "history/history.h"

int
main(int argc, char **argv)
{
	struct history *h = history_new();
	auto_buf text = { 0 };
	struct err e = { 0 };
	struct str line;
	int number = 0;

	if (argc != 2 || file_read(argv[1], 256u << 20, &text, &e)) {
		(void)fprintf(stderr, "check FILE of JSON lines: %s\n", e.text);
		return 2;
	}
	struct str rest = buf_str(&text);

	while (rest.len > 0) {
		(void)str_cut(&rest, '\n', &line);
		number++;
		if (line.len > 0 && history_add(h, line, &e)) {
			(void)fprintf(
			    stderr, "%s:%d: %s\n", argv[1], number, e.text);
			return 2;
		}
	}
	int bad = history_check(h, &e);

	(void)printf("%zu operations, %zu claims before others: %s\n",
	    history_count(h), history_ordered(h),
	    bad ? e.text : "every promise was kept");
	history_free(h);
	return bad ? 1 : 0;
}
