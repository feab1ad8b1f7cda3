/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over its checked-in corpus, so that every build replays
 * what the fuzzer once found.  A target without a corpus has failed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay(const char *folder, const char *name)
{
	struct err e = { 0 };
	auto_buf path = { 0 };
	auto_buf bytes = { 0 };

	buf_addf(&path, "%s/%s", folder, name);
	if (file_read(buf_z(&path), 1 << 24, &bytes, &e)) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	(void)LLVMFuzzerTestOneInput((const uint8_t *)buf_z(&bytes), bytes.len);
}

int
main(int argc, char **argv)
{
	int count = 0;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: replay CORPUS-FOLDER\n");
		return 2;
	}
	DIR *folder = opendir(argv[1]);

	if (!folder) {
		(void)fprintf(stderr, "no corpus at %s\n", argv[1]);
		return 1;
	}
	for (struct dirent *d; (d = readdir(folder));) {
		if (d->d_name[0] != '.') {
			replay(argv[1], d->d_name);
			count++;
		}
	}
	(void)closedir(folder);
	printf("replayed %d inputs\n", count);
	return count ? 0 : 1;
}
